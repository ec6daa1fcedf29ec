use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::auth::Credentials;

/// What a helper says at most, in bytes.
const OUTPUT_LIMIT: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: Zeroizing<String>,
}

/// Asks the program `docker-credential-NAME` for the login of `server`; `None` if it has none.
///
/// It is looked for in `path`, or where this process looks for programs, and may take `time`. What it prints may hold secrets, so no error repeats it.
pub(super) async fn ask(
    name: &str,
    server: &str,
    path: Option<&OsStr>,
    time: Duration,
) -> Result<Option<Credentials>, String> {
    let is_name = !name.is_empty() && !name.contains(['/', '\\', '\0']);
    if !is_name {
        return Err("its name is not that of a program".to_owned());
    }
    let exchange = tokio::time::timeout(time, exchange(name, server, path));
    let (is_success, output) = match exchange.await {
        Ok(answer) => answer.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("it took longer than {} s", time.as_secs())),
    };
    if !is_success {
        let text = String::from_utf8_lossy(&output);
        let has_none = text.contains("credentials not found");
        return if has_none { Ok(None) } else { Err("it failed".to_owned()) };
    }
    let answer: Answer = serde_json::from_slice(&output)
        .map_err(|_| "it did not answer with the JSON of a login".to_owned())?;
    Ok(match (answer.username.as_str(), answer.secret.as_str()) {
        (_, "") => None,
        ("<token>", token) => Some(Credentials::identity_token(token)),
        (user, password) => Some(Credentials::basic(user, password)),
    })
}

/// Whether it succeeded, and what it printed.
async fn exchange(
    name: &str,
    server: &str,
    path: Option<&OsStr>,
) -> std::io::Result<(bool, Zeroizing<Vec<u8>>)> {
    let mut command = Command::new(format!("docker-credential-{name}"));
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    if let Some(mut input) = input {
        // One that does not read its input may know the answer all the same.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(output) = output {
        output.take(OUTPUT_LIMIT).read_to_end(&mut bytes).await?;
    }
    let status = child.wait().await?;
    Ok((status.success(), bytes))
}
