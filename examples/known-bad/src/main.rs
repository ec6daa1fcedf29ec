//! Reads an archive from its standard input by an old crate: `known-bad tar|astral list|unpack [DIRECTORY]`.
//!
//! The attacks that the tests make are seen to succeed here. Never use it for anything else.

use std::error::Error;
use std::io::{self, Read, Write};

type Names = Vec<Vec<u8>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut archive = Vec::new();
    io::stdin().read_to_end(&mut archive)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let names = match arguments.as_slice() {
        ["tar", "list"] => tar_list(&archive)?,
        ["astral", "list"] => runtime.block_on(astral_list(&archive))?,
        ["tar", "unpack", directory] => {
            tar::Archive::new(&archive[..]).unpack(directory)?;
            Names::new()
        }
        ["astral", "unpack", directory] => {
            let archive = tokio_tar::ArchiveBuilder::new(&archive[..]);
            let mut archive = archive.set_preserve_permissions(true).build();
            runtime.block_on(archive.unpack(directory))?;
            Names::new()
        }
        _ => return Err("usage: known-bad tar|astral list|unpack [DIRECTORY]".into()),
    };
    let mut stdout = io::stdout().lock();
    for name in names {
        stdout.write_all(&[name.as_slice(), b"\n"].concat())?;
    }
    Ok(())
}

fn tar_list(archive: &[u8]) -> io::Result<Names> {
    let mut archive = tar::Archive::new(archive);
    archive.entries()?.map(|entry| Ok(entry?.path_bytes().into_owned())).collect()
}

async fn astral_list(archive: &[u8]) -> io::Result<Names> {
    use tokio_stream::StreamExt;
    let mut archive = tokio_tar::Archive::new(archive);
    let mut entries = archive.entries()?;
    let mut names = Names::new();
    while let Some(entry) = entries.next().await {
        names.push(entry?.path_bytes().into_owned());
    }
    Ok(names)
}
