//! Options that change the config of an image, or its annotations.

use std::error::Error;

use lexopt::prelude::*;
use oci_image::build::Builder;
use oci_image::{Finding, Level, Lint, Platform};

/// One change of a config or of the annotations.
pub enum ConfigChange {
    /// With a name and a value.
    Pair(fn(Builder, &str, &str) -> Builder, String, String),
    /// With one text.
    Text(fn(Builder, &str) -> Builder, String),
    /// With words, separated by spaces.
    Words(fn(Builder, Vec<String>) -> Builder, Vec<String>),
}

impl ConfigChange {
    /// Reads the value of `--OPTION`.
    ///
    /// # Errors
    /// If there is no such option, or its value is missing or not of its form.
    pub fn parse(
        option: &str,
        arguments: &mut lexopt::Parser,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let change = Self::parse_pair(option, arguments)?;
        change.check().map_err(|reason| format!("cannot set `--{option}`: {reason}"))?;
        Ok(change)
    }

    /// Refuses what the linter finds wrong in an image that has nothing else.
    fn check(&self) -> Result<(), String> {
        let empty = || Builder::new(&Platform::host());
        let before = errors(empty())?;
        let error = errors(self.apply(empty()))?.into_iter().find(|it| !before.contains(it));
        error.map_or(Ok(()), |error| Err(error.message))
    }

    fn parse_pair(
        option: &str,
        arguments: &mut lexopt::Parser,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let pair: fn(Builder, &str, &str) -> Builder = match option {
            "env" => Builder::env,
            "label" => |builder, key, value| builder.label(key, value),
            "annotation" => |builder, key, value| builder.annotation(key, value),
            _ => return Self::parse_text(option, arguments),
        };
        let text = arguments.value()?.string()?;
        let (key, value) = text.split_once('=').ok_or("the value is not NAME=VALUE")?;
        Ok(Self::Pair(pair, key.into(), value.into()))
    }

    fn parse_text(
        option: &str,
        arguments: &mut lexopt::Parser,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let text: fn(Builder, &str) -> Builder = match option {
            "unset-env" => Builder::without_env,
            "unset-label" => Builder::without_label,
            "unset-annotation" => Builder::without_annotation,
            "user" => |builder, text| builder.user(text),
            "workdir" => |builder, text| builder.working_dir(text),
            "expose" => |builder, text| builder.expose(text),
            "volume" => |builder, text| builder.volume(text),
            "stop-signal" => |builder, text| builder.stop_signal(text),
            "author" => |builder, text| builder.author(text),
            "created" => |builder, text| builder.created(text),
            _ => return Self::parse_words(option, arguments),
        };
        Ok(Self::Text(text, arguments.value()?.string()?))
    }

    fn parse_words(
        option: &str,
        arguments: &mut lexopt::Parser,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let words: fn(Builder, Vec<String>) -> Builder = match option {
            "entrypoint" => |builder, words| builder.entrypoint(words),
            "cmd" => |builder, words| builder.cmd(words),
            _ => return Err(Long(option).unexpected().into()),
        };
        let text = arguments.value()?.string()?;
        Ok(Self::Words(words, text.split_whitespace().map(Into::into).collect()))
    }

    /// The image with the change.
    pub fn apply(&self, builder: Builder) -> Builder {
        match self {
            Self::Pair(change, name, value) => change(builder, name, value),
            Self::Text(change, text) => change(builder, text),
            Self::Words(change, words) => change(builder, words.clone()),
        }
    }
}

fn errors(builder: Builder) -> Result<Vec<Finding>, String> {
    let image = builder.build().map_err(|error| error.to_string())?;
    let findings = image.config().lint().into_iter().chain(image.manifest().lint());
    Ok(findings.filter(|finding| finding.level == Level::Error).collect())
}
