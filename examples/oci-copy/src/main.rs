//! Copies images between registries, layouts and archives, and asks registries what they have.

mod along;
mod arguments;
mod artifact;
mod ask;
mod connection;
mod copy;
mod destination;
mod events;
mod hints;
mod interrupt;
mod login;
mod options;
mod plan;
mod source;
mod stage;
mod sync;
mod transient;
mod unpack;

use std::error::Error;
use std::process::ExitCode;

use arguments::{Arguments, Command};
use oci_cli::report::{Steps, has_enough, one_line, print, print_outcome, tell};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: oci-copy [OPTION...] SOURCE DESTINATION
       oci-copy [OPTION...] sync docker://HOST/REPOSITORY[:TAG]|oci:DIRECTORY docker://HOST/REPOSITORY|oci:DIRECTORY
       oci-copy [OPTION...] sync FILE|dir:DIRECTORY docker://HOST/PREFIX|oci:DIRECTORY|dir:DIRECTORY
       oci-copy [OPTION...] unpack IMAGE DIRECTORY
       oci-copy [OPTION...] login HOST[/PATH] --username USER < PASSWORD
       oci-copy [OPTION...] logout HOST[/PATH]
       oci-copy [OPTION...] tags docker://HOST/REPOSITORY
       oci-copy [OPTION...] catalog HOST
       oci-copy [OPTION...] digest IMAGE
       oci-copy [OPTION...] inspect [--config] IMAGE
       oci-copy [OPTION...] referrers docker://HOST/REPOSITORY[:TAG|@DIGEST]
       oci-copy [OPTION...] push-artifact [--type TYPE] [--annotation NAME=VALUE] [--subject TAG|DIGEST]
                docker://HOST/REPOSITORY[:TAG] FILE[:TYPE]...
       oci-copy [OPTION...] pull-artifact docker://HOST/REPOSITORY[:TAG|@DIGEST] DIRECTORY
       oci-copy [OPTION...] delete docker://HOST/REPOSITORY[:TAG|@DIGEST]

Copies an image with its digests as they are, and prints the digest of what was copied. What the destination has
already does not move. SOURCE, DESTINATION and IMAGE are docker://HOST/REPOSITORY[:TAG|@DIGEST],
oci:DIRECTORY[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME] or dir:DIRECTORY.

  --platform OS/ARCH[/VARIANT]  the image to take of an index; that for this machine unless given. If it is repeated, a
                                new index of these images
  -a, --all                     take the index itself, with all its images
  --referrers                   take along what refers to the images, and what refers to that
  --digest-tags                 take along what cosign keeps under tags of the images' digests
  -f, --format oci|v2s2         convert manifests: the digest is another one then
  --dest-compress-format gzip|zstd|none
                                compress the layers anew that have another compression: so is the digest
  --jobs N                      blobs that move at once (default 4, or 16 small ones)
  --dry-run                     say what would move, and copy nothing
  --json                        print a line of JSON for each thing that happens

sync copies the tags of a repository or of a layout to another one. It copies the images that a file in YAML lists as
for skopeo-sync(1), or those in the directories below dir:DIRECTORY, to where their names are PREFIX, or DIRECTORY, and
the last part of their repository's. A repository goes to dir:DIRECTORY alike. It prints digest and new name of each:

  --tags PATTERN                of all tags those alone that match: * and ? stand for characters, may be repeated
  --scoped                      put the registry and the whole repository behind PREFIX
  --keep-going                  copy the others after one that failed

unpack writes the files of an image to an empty directory, layers in order while later ones are downloaded, without a
copy of the image in between, and prints its digest. As root, unless with --rootless:

  --rootless                    all files belong to the caller, and devices are left out
  --devices WHAT                make, skip, or placeholder: an empty file instead of each device
  --codec-by-content            read layers by the compression that they have where their media types say another
  --ratio N                     above 1 GiB, accept layers that are up to N times larger than their blobs (default 200)

push-artifact pushes files as they are, titled by their names, and prints the digest of the artifact; with --subject it
refers to what is there. pull-artifact writes the files of one to a directory, which no title leaves.

login asks the registry whether it takes the login, and then stores it where podman and docker have theirs, or in the
file of --authfile; logout removes it. The password is what standard input has, with --password-stdin or without it.

How registries are asked, at both ends, or at one if the option begins with --src- or --dest-:

  --creds USER:PASSWORD         the login; without it that of podman's and docker's files is used
  --no-creds                    no login
  --authfile FILE               read logins from FILE alone
  --cert-dir DIRECTORY          certificates for the registry, *.crt, *.cert and *.key, as in certs.d
  --registries-conf FILE        mirrors, short names and what is blocked, instead of the machine's registries.conf
  --policy FILE                 what may be used, instead of the machine's policy.json
  --insecure-policy             use what no policy allows, too
  --ca FILE                     a certificate in PEM of an authority that registries may have theirs from
  --plain-http                  ask registries on this machine over http
  --danger-token-server URL     send the login over http to a token server, whose registry is elsewhere
  --danger-plain-http           ask any registry over http: others can read the login and change the image
  --tls-verify=false            take any certificate, or http from a registry that does not speak TLS: dangerous, too

tags lists the tags, catalog the repositories as far as a registry tells; digest prints the digest of an image, inspect its
manifest or index, or with --config its config; referrers lists what refers to it: digest, size and type; delete deletes the tag, or with a digest the
manifest.

An interrupt (Ctrl-C) or SIGTERM cancels what is being uploaded and keeps what was downloaded: repeated, the command goes
on from there. A directory that was not unpacked whole is emptied by the next unpack. A second one ends the program at once.

Exit status: 0, 1 if it failed, 2 if the command is wrong, 3 if it failed and may succeed when it is repeated, 130 after
an interrupt, 143 after SIGTERM.";

fn main() -> ExitCode {
    let arguments = match Arguments::parse() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            // Nobody has to read all of it.
            _ = print(USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            tell(format_args!("oci-copy: {}; see oci-copy --help", one_line(&*error)));
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if has_enough(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("oci-copy: {}", hints::with_options(&one_line(&*error))));
            ExitCode::from(match arguments.options.interrupt.received() {
                Some(signal) => signal.exit_status(),
                None if transient::is_transient(&*error) => 3,
                None => 1,
            })
        }
    }
}

fn run(Arguments { command, options }: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Copy { from, to } => {
                options.interrupt.listen()?;
                let copied = copy::copy(from, to, options, &mut Steps::new()).await?;
                Ok(copied.iter().try_for_each(print_outcome)?)
            }
            Command::Sync(sync) => {
                options.interrupt.listen()?;
                sync.run(options).await
            }
            Command::Unpack(unpack) => {
                options.interrupt.listen()?;
                unpack.run(options).await
            }
            Command::LogIn(login) => login.run(options).await,
            Command::LogOut(place) => login::log_out(place, options).await,
            Command::Tags(name) => ask::tags(name, options).await,
            Command::Catalog(registry) => ask::catalog(registry, options).await,
            Command::PushArtifact(push) => push.run(options).await,
            Command::PullArtifact { from, to } => artifact::pull(from, to, options).await,
            Command::Digest(name) => ask::digest(name, options).await,
            Command::Inspect(name) => ask::inspect(name, options).await,
            Command::Config(name) => ask::config(name, options).await,
            Command::Referrers(name) => ask::referrers(name, options).await,
            Command::Delete(name) => ask::delete(name, options).await,
        }
    })
}
