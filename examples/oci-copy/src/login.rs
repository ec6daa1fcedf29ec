use std::io::{IsTerminal, Read, stdin};

use oci_cli::report::print_outcome;
use oci_distribution_client::{Credentials, LoginFile};

use crate::Result;
use crate::options::{End, Options};

/// A login to be stored.
pub(crate) struct Login {
    /// A registry, or a part of one: `ghcr.io/team`.
    pub(crate) place: String,
    pub(crate) user: String,
}

/// The longest password that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

impl Login {
    /// Stores the login if the registry accepts it. The password is what standard input has, without a
    /// line break at its end.
    pub(crate) async fn run(&self, options: &Options) -> Result<()> {
        if stdin().is_terminal() {
            // It would show what is typed.
            let reason = "standard input is a terminal: give the password by a pipe or `< FILE`";
            return Err(format!("cannot log in: {reason}").into());
        }
        let mut password = String::new();
        stdin().take(LONGEST).read_to_string(&mut password)?;
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err("cannot log in: standard input has no password".into());
        }
        let file = file(options)?;
        let credentials = Credentials::basic(&*self.user, password);
        let options = options.clone().without_logins();
        let client = options.client(host(&self.place), End::Source).await?;
        client.login(&self.place, &credentials, &file).await?;
        let told = format_args!("logged in to {}, see `{}`", self.place, file.path().display());
        Ok(print_outcome(told)?)
    }
}

/// Removes a login.
pub(crate) async fn log_out(place: &str, options: &Options) -> Result<()> {
    let file = file(options)?;
    match file.erase(place).await? {
        true => Ok(()),
        false => {
            let path = file.path().display();
            Err(format!("cannot log out of `{place}`: `{path}` has no login for it").into())
        }
    }
}

fn file(options: &Options) -> Result<LoginFile> {
    Ok(match options.login_file() {
        Some(path) => LoginFile::open(path),
        None => LoginFile::from_environment()?,
    })
}

fn host(place: &str) -> &str {
    place.split_once('/').map_or(place, |(host, _)| host)
}
