use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join3;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::auth::Credentials;
use crate::text::printable;

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
/// It is looked for in `path`, or where this process looks for programs, and may take `time`. What it prints
/// when it succeeds holds secrets, so no error repeats it.
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
    let Output { is_success, output, errors } = match exchange.await {
        Ok(answer) => answer.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("it took longer than {} s", time.as_secs())),
    };
    if !is_success {
        if String::from_utf8_lossy(&output).contains("credentials not found") {
            return Ok(None);
        }
        // By the protocol a helper that fails says why where its answer would be.
        let words = words(&output).or_else(|| words(&errors));
        return Err(match words {
            Some(words) => format!("it failed: {words}"),
            None => "it failed".to_owned(),
        });
    }
    let answer: Answer = serde_json::from_slice(&output)
        .map_err(|_| "it did not answer with the JSON of a login".to_owned())?;
    Ok(match (answer.username.as_str(), answer.secret.as_str()) {
        (_, "") => None,
        ("<token>", token) => Some(Credentials::identity_token(token)),
        (user, password) => Some(Credentials::basic(user, password)),
    })
}

/// The words of a helper that failed, printable and bounded. A login as JSON, or one word alone, may be a secret, and
/// so may a long word.
fn words(output: &[u8]) -> Option<String> {
    const WORDS: usize = 300;
    const WORD: usize = 40;
    let text = String::from_utf8_lossy(output);
    if text.contains('{') || text.split_ascii_whitespace().count() < 2 {
        return None;
    }
    let words = text.split_ascii_whitespace().map(|word| match word.len() > WORD {
        true if !word.contains('/') || word.contains(['?', '@', '=']) => "…",
        _ => word,
    });
    let words: Vec<_> = words.collect();
    Some(printable(&words.join(" "), WORDS))
}

/// What a helper did.
struct Output {
    is_success: bool,
    output: Zeroizing<Vec<u8>>,
    errors: Zeroizing<Vec<u8>>,
}

async fn exchange(name: &str, server: &str, path: Option<&OsStr>) -> std::io::Result<Output> {
    let mut command = Command::new(format!("docker-credential-{name}"));
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let tell = async {
        if let Some(mut input) = input {
            // One that does not read its input may know the answer all the same.
            let _ = input.write_all(server.as_bytes()).await;
        }
    };
    // At once: it may wait for any of them.
    let ((), output, errors) = join3(tell, read(output), read(errors)).await;
    let status = child.wait().await?;
    Ok(Output { is_success: status.success(), output: output?, errors: errors? })
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(from) = from {
        from.take(OUTPUT_LIMIT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
