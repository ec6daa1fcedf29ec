use std::ffi::OsStr;
use std::process::Stdio;

use futures_util::future::join3;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::Output;

/// What a helper says at most, in bytes.
const OUTPUT_LIMIT: u64 = 1024 * 1024;

/// Runs `program` with one argument and `input`. It is looked for in `path`, or where this process looks for programs,
/// and killed when this is dropped.
pub(super) async fn exchange(
    program: &str,
    verb: &str,
    input: &[u8],
    path: Option<&OsStr>,
) -> Result<Output, String> {
    let output = exchange_all(program, verb, input, path).await;
    output.map_err(|error| error.to_string())
}

async fn exchange_all(
    program: &str,
    verb: &str,
    content: &[u8],
    path: Option<&OsStr>,
) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let tell = async {
        if let Some(mut input) = input {
            // One that does not read its input may know the answer all the same.
            let _ = input.write_all(content).await;
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
