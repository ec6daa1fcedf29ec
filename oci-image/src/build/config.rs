//! What containers made from the image run by default.

use std::collections::BTreeMap;

use super::Builder;
use crate::ExecutionConfig;
use crate::json::Value;

impl Builder {
    /// Sets the first words of the command. A command of the base, made for another entrypoint, goes.
    pub fn entrypoint<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        if !self.own_cmd {
            self.run().cmd.clear();
        }
        self.run().entrypoint = words.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the last words of the command, or all of it if there is no entrypoint.
    pub fn cmd<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.own_cmd = true;
        self.run().cmd = words.into_iter().map(Into::into).collect();
        self
    }

    /// Sets an environment variable, in the place of the one of this name if there is one.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        let variable = format!("{name}={value}");
        let env = &mut self.run().env;
        match env.iter_mut().find(|it| name_of(it) == name) {
            Some(place) => *place = variable,
            None => env.push(variable),
        }
        self
    }

    /// Takes an environment variable out.
    pub fn without_env(mut self, name: &str) -> Self {
        self.run().env.retain(|variable| name_of(variable) != name);
        self
    }

    /// Sets a label.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.run().labels.insert(key.into(), value.into());
        self
    }

    /// Takes a label out.
    pub fn without_label(mut self, key: &str) -> Self {
        self.run().labels.remove(key);
        self
    }

    /// Sets the user, and optionally the group, by name or number: `user:group`.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.run().user = Some(user.into());
        self
    }

    /// Sets the working directory.
    pub fn working_dir(mut self, path: impl Into<String>) -> Self {
        self.run().working_dir = Some(path.into());
        self
    }

    /// Adds a port to expose: `80/tcp`.
    pub fn expose(mut self, port: impl Into<String>) -> Self {
        self.run().exposed_ports.insert(port.into(), Value::Object(BTreeMap::new()));
        self
    }

    /// Adds a directory that holds data of the container's own.
    pub fn volume(mut self, path: impl Into<String>) -> Self {
        self.run().volumes.insert(path.into(), Value::Object(BTreeMap::new()));
        self
    }

    /// Sets the signal that asks the container to end: `SIGTERM`, `SIGRTMIN+3`.
    pub fn stop_signal(mut self, signal: impl Into<String>) -> Self {
        self.run().stop_signal = Some(signal.into());
        self
    }

    /// Sets who made the image.
    pub fn author(self, author: impl Into<String>) -> Self {
        self.edit_config(|config| config.author = Some(author.into()))
    }

    /// Sets when the image was made, by RFC 3339. Without it the image says no time.
    pub fn created(self, time: impl Into<String>) -> Self {
        self.edit_config(|config| config.created = Some(time.into()))
    }

    fn run(&mut self) -> &mut ExecutionConfig {
        self.config.config.get_or_insert_with(ExecutionConfig::new)
    }
}

fn name_of(variable: &str) -> &str {
    variable.split_once('=').map_or(variable, |(name, _)| name)
}
