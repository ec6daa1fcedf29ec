//! Parses and lints documents of the OCI specs; lists, checks and cleans layouts; lists archives; edits and compares images.

mod diff;
mod edit;
mod store;

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use oci_cli::report::{has_enough, one_line, tell};
use oci_image::{Level, json};
use oci_inspect::{Kind, batch};

const USAGE: &str = "\
usage: oci-inspect parse KIND [FILE]
       oci-inspect lint KIND [FILE]
       oci-inspect --batch
       oci-inspect ls [--json] STORE[:TAG]
       oci-inspect tree [--json] STORE[:TAG]
       oci-inspect files [--platform PLATFORM] [--json] STORE[:TAG]
       oci-inspect find [--platform PLATFORM] [--json] STORE[:TAG] PATTERN...
       oci-inspect tag [--json] oci:DIRECTORY:TAG NEWTAG
       oci-inspect untag [--json] oci:DIRECTORY:TAG
       oci-inspect gc [--dry-run] [--json] oci:DIRECTORY
       oci-inspect fsck [--repair] [--sparse-indexes] [--json] oci:DIRECTORY
       oci-inspect config CHANGE... oci:DIRECTORY:TAG [NEWTAG]
       oci-inspect append --layer FILE... [--created-by TEXT] oci:DIRECTORY:TAG [NEWTAG]
       oci-inspect flatten oci:DIRECTORY:TAG [NEWTAG]
       oci-inspect squash --layers FROM..TO oci:DIRECTORY:TAG [NEWTAG]
       oci-inspect rebase --old-base oci:DIRECTORY:TAG --new-base oci:DIRECTORY:TAG oci:DIRECTORY:TAG [NEWTAG]
       oci-inspect recompress oci:DIRECTORY:TAG [NEWTAG]
       oci-inspect strip [--path PATH...] [--latest SECONDS] oci:DIRECTORY:TAG [NEWTAG]
       oci-inspect diff [--platform PLATFORM] STORE:TAG STORE:TAG

  parse    prints the document in the usual form, or one line with the reason why it is not valid
  lint     prints a line of JSON for each finding; exit status 1 if one is an error
  --batch  reads lines of {\"kind\":KIND,\"text\":DOCUMENT} and prints a line for each
  ls       lists the images of a layout or an archive; tree also what they consist of
  files    lists the files of an image without unpacking it: the layer, the time, and mode, owner, size and path
  find     lists those whose paths match: * and ? stand for parts of a name, ** for any number of names
  tag      adds a name to an image; untag removes a name
  gc       removes what no image needs
  fsck     checks a layout; exit status 1 if something is wrong, or still wrong after --repair. With --sparse-indexes
           an image that an index lists may be missing: that is printed, and nothing wrong

These edit an image, or all of an index, and give the result the name NEWTAG, or the name that it has. With
--platform OS/ARCH[/VARIANT] only images for it are edited. Of several images with one name, the one for the platform,
or for this machine, is edited, and the others keep the name. --dry-run says what would be made and keeps nothing.

  config      --env, --label or --annotation NAME=VALUE; --unset-env, --unset-label or --unset-annotation NAME;
              --entrypoint or --cmd \"WORD...\"; --user, --workdir, --expose, --volume, --stop-signal, --author
              or --created VALUE
  append      puts layers on top: archives, compressed or not
  flatten     makes one layer of all
  squash      makes one layer of some, which are counted from 1
  rebase      moves an image from its base to another one
  recompress  compresses the layers anew
  strip       leaves out of the layers what is at a path or below it; later times become SECONDS after 1970
  diff        compares config, annotations and files; exit status 1 if something differs

--compress gzip, zstd or none and --level N say how new layers are compressed. --codec-by-content reads layers by the
compression that they have where their media types say another.

--json prints a line of JSON for each thing. STORE is oci:DIRECTORY, oci-archive:FILE or docker-archive:FILE.
--shared-blobs DIRECTORY names the directory of the blobs, if layouts share them. gc then needs all of these
layouts: it would remove the blobs of any other.

Without FILE, or with -, standard input is read. KIND is one of";

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match run() {
        Ok(status) => status,
        // Who reads the output has enough of it, as `head` has.
        Err(error) if has_enough(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("oci-inspect: {}", one_line(&*error)));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = lexopt::Parser::from_env();
    let command = match arguments.next()? {
        Some(Long("batch")) => {
            no_more(arguments)?;
            batch(BufReader::new(io::stdin()), BufWriter::new(io::stdout()))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Value(command)) => command.string()?,
        Some(Short('h') | Long("help")) | None => {
            let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            writeln!(io::stdout(), "{USAGE}\n  {}", kinds.join(" "))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(other) => return Err(other.unexpected().into()),
    };
    if edit::COMMANDS.contains(&command.as_str()) {
        return edit::run(&command, arguments);
    }
    if command == "diff" {
        return diff::run(arguments);
    }
    if store::COMMANDS.contains(&command.as_str()) {
        return store::run(&command, arguments);
    }
    let kind: Kind = arguments.value()?.string()?.parse()?;
    let file = match arguments.next()? {
        Some(Value(file)) => Some(PathBuf::from(file)),
        Some(other) => return Err(other.unexpected().into()),
        None => None,
    };
    no_more(arguments)?;
    let bytes = read(file)?;
    match command.as_str() {
        "parse" => parse(kind, &bytes),
        "lint" => lint(kind, &bytes),
        other => Err(format!("`{other}` is not a command; see oci-inspect --help").into()),
    }
}

fn no_more(mut arguments: lexopt::Parser) -> Result<()> {
    match arguments.next()? {
        Some(other) => Err(other.unexpected().into()),
        None => Ok(()),
    }
}

/// Reads up to one byte more than a document may have, so that a longer one is refused.
fn read(file: Option<PathBuf>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = json::DOCUMENT_LIMIT as u64 + 1;
    match file {
        Some(file) if file.as_os_str() != "-" => {
            let opened = File::open(&file)
                .map_err(|error| format!("cannot open `{}`: {error}", file.display()))?;
            opened.take(limit).read_to_end(&mut bytes)?;
        }
        _ => _ = io::stdin().take(limit).read_to_end(&mut bytes)?,
    }
    Ok(bytes)
}

fn parse(kind: Kind, bytes: &[u8]) -> Result<ExitCode> {
    let inspected = kind.inspect(bytes)?;
    writeln!(io::stdout(), "{}", inspected.text)?;
    Ok(ExitCode::SUCCESS)
}

fn lint(kind: Kind, bytes: &[u8]) -> Result<ExitCode> {
    let findings = kind.inspect(bytes)?.findings;
    let mut output = BufWriter::new(io::stdout());
    for finding in &findings {
        output.write_all(&json::to_vec(finding)?)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    let wrong = findings.iter().any(|finding| finding.level == Level::Error);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
