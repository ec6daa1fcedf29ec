use std::fmt;

use super::quoted::{quote, unquote};

/// One challenge of a `WWW-Authenticate` header: how a server wants its clients to log in.
///
/// Parsing never fails: what cannot be understood is left out, so that one odd challenge does not
/// hide the others. A challenge that gives one parameter twice is left out too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// The scheme in lower case, such as `bearer`.
    pub scheme: String,
    /// The parameters in their order, names in lower case, values unquoted.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The longest header value that is read, in bytes; a longer one has no challenge.
    pub const MAX_LENGTH: usize = 16 * 1024;

    /// A challenge without parameters.
    pub fn new(scheme: &str) -> Self {
        Self { scheme: scheme.to_ascii_lowercase(), parameters: Vec::new() }
    }

    /// The same challenge with one more parameter.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// All challenges of one header value.
    pub fn parse(value: &str) -> Vec<Self> {
        if value.len() > Self::MAX_LENGTH {
            return Vec::new();
        }
        Parser { rest: value }.challenges()
    }

    /// The value of the parameter `name` (lower case), if it is there.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    fn repeats_a_parameter(&self) -> bool {
        let names = self.parameters.iter().map(|(name, _)| name);
        names.enumerate().any(|(at, name)| self.parameters[..at].iter().any(|(n, _)| n == name))
    }
}

/// As the value of the header, all parameters quoted.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some clients compare the two schemes of the specifications with regard to case.
        let mut letters = self.scheme.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        write!(f, "{}{}", first.map(String::from).unwrap_or_default(), letters.as_str())?;
        let mut separator = ' ';
        for (name, value) in &self.parameters {
            write!(f, "{separator}{name}={}", quote(value))?;
            separator = ',';
        }
        Ok(())
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn challenges(mut self) -> Vec<Challenge> {
        let mut found: Vec<Challenge> = Vec::new();
        loop {
            self.skip(|c| c.is_ascii_whitespace() || c == ',');
            let name = self.take(is_token);
            if name.is_empty() {
                break;
            }
            match (self.value(), found.last_mut()) {
                (Some(value), Some(challenge)) => {
                    challenge.parameters.push((name.to_ascii_lowercase(), value));
                }
                (Some(_), None) => break,
                (None, _) => {
                    self.skip_token68();
                    let scheme = name.to_ascii_lowercase();
                    found.push(Challenge { scheme, parameters: Vec::new() });
                }
            }
        }
        found.retain(|challenge| !challenge.repeats_a_parameter());
        found
    }

    /// What stands after `=`, if an equals sign comes next.
    fn value(&mut self) -> Option<String> {
        let after = self.rest.trim_ascii_start().strip_prefix('=')?;
        self.rest = after.trim_ascii_start();
        match self.rest.strip_prefix('"') {
            Some(quoted) => {
                self.rest = quoted;
                Some(self.quoted())
            }
            // Not only tokens: some registries do not quote the realm.
            None => Some(self.take(|c| !c.is_ascii_whitespace() && c != ',').to_owned()),
        }
    }

    fn quoted(&mut self) -> String {
        let (text, rest) = unquote(self.rest);
        self.rest = rest;
        text
    }

    /// Passes over `scheme abcdef==`, which is one blob and no parameter.
    fn skip_token68(&mut self) {
        let text = self.rest.trim_ascii_start();
        let end = text.find(|c: char| !is_token68(c)).unwrap_or(text.len());
        let after = text[end..].trim_start_matches('=').trim_ascii_start();
        let is_alone = after.is_empty() || after.starts_with(',');
        if end > 0 && is_alone {
            self.rest = after;
        }
    }

    fn take(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, accept: impl Fn(char) -> bool) {
        self.take(accept);
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn is_token68(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~+/".contains(c)
}
