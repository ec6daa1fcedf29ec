//! The words of the command line.

use std::ffi::OsString;
use std::str::FromStr;

use lexopt::Arg;

use crate::Result;
use crate::error::Help;

/// The words of the command line that were not read yet.
#[derive(Debug)]
pub(crate) struct Arguments(lexopt::Parser);

/// One word.
#[derive(Debug)]
pub(crate) enum Word {
    /// An option, by its name without dashes.
    Option(String),
    Value(String),
}

impl Arguments {
    pub(crate) fn from_env() -> Self {
        Self(lexopt::Parser::from_env())
    }

    /// The next word; options and other words may stand in any order.
    pub(crate) fn next(&mut self) -> Result<Option<Word>> {
        Ok(match self.0.next()? {
            None => None,
            Some(Arg::Short('h') | Arg::Long("help")) => return Err(Help.into()),
            Some(Arg::Short(letter)) => Some(Word::Option(letter.into())),
            Some(Arg::Long(name)) => Some(Word::Option(name.into())),
            Some(Arg::Value(value)) => Some(Word::Value(text(value)?)),
        })
    }

    /// The value of the option that was read last.
    pub(crate) fn value(&mut self) -> Result<String> {
        text(self.0.value()?)
    }

    /// The value as something that is parsed.
    pub(crate) fn parse<T: FromStr<Err: std::error::Error>>(&mut self) -> Result<T> {
        let value = self.value()?;
        value.parse().map_err(|error| format!("cannot read `{value}`: {error}").into())
    }

    /// Whether the option that was read last is set: without a value, as in `--force`, it is.
    pub(crate) fn is_set(&mut self) -> Result<bool> {
        match self.0.optional_value().map(text).transpose()?.as_deref() {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(format!("`{other}` is neither true nor false").into()),
        }
    }

    /// All words that follow, options or not.
    pub(crate) fn rest(&mut self) -> Result<Vec<String>> {
        self.0.raw_args()?.map(text).collect()
    }

    /// The values of a command that has no options but those that `option` reads.
    pub(crate) fn values(
        &mut self,
        mut option: impl FnMut(&str, &mut Self) -> Result<bool>,
    ) -> Result<Vec<String>> {
        let mut values = Vec::new();
        while let Some(word) = self.next()? {
            match word {
                Word::Value(value) => values.push(value),
                Word::Option(name) if option(&name, self)? => {}
                Word::Option(name) => return Err(unknown(&name)),
            }
        }
        Ok(values)
    }

    /// The options of a command that has nothing else.
    pub(crate) fn only_options(
        &mut self,
        option: impl FnMut(&str, &mut Self) -> Result<bool>,
    ) -> Result<()> {
        match self.values(option)?.first() {
            Some(value) => Err(format!("it takes no arguments, not `{value}`").into()),
            None => Ok(()),
        }
    }

    /// The ID of a command that has one and the options that `option` reads.
    pub(crate) fn id(
        &mut self,
        option: impl FnMut(&str, &mut Self) -> Result<bool>,
    ) -> Result<String> {
        match <[String; 1]>::try_from(self.values(option)?) {
            Ok([id]) => Ok(id),
            Err(values) => Err(format!("it takes one container ID, not {}", values.len()).into()),
        }
    }
}

/// The error of an option that a command does not have.
pub(crate) fn unknown(name: &str) -> Box<dyn std::error::Error + Send + Sync> {
    let dashes = if name.chars().count() == 1 { "-" } else { "--" };
    format!("flag provided but not defined: {dashes}{name}").into()
}

fn text(word: OsString) -> Result<String> {
    word.into_string().map_err(|word| format!("`{}` is not UTF-8", word.display()).into())
}
