//! Serves a registry: from memory or a directory, over TLS, to users of a file, with an access log and metrics.

mod access_log;
mod accounts;
mod audit;
mod files;
mod layout;
mod limits;
mod metrics;
mod monitor;
mod notify;
mod post;
mod proxy;
mod serve;
mod settings;
mod upkeep;

use std::error::Error;
use std::process::ExitCode;

use oci_cli::report::{one_line, print, tell};
use settings::Settings;
use upkeep::Upkeep;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: oci-serve [OPTION...]
       oci-serve gc DIRECTORY [--grace SECONDS]
       oci-serve scrub DIRECTORY [--rate BYTES]
       oci-serve check DIRECTORY

Serves a registry until SIGTERM or SIGINT, which let requests that are under way end. Of a directory that is not served, gc
removes what nothing names and nobody pushed or asked for since so long (default one day), scrub reads everything (at most
so many bytes a second) and takes away what is damaged, and check finds what lists or names something that is not there.

  --listen ADDRESS   where: HOST:PORT or unix:PATH, may be repeated (default 127.0.0.1:5000)
  --store STORE      what: memory, a directory, which is made if there is none, or oci:DIRECTORY, an image layout, which is
                     served as one repository of its name (default memory)
  --gc HOURS         remove what nothing names, each so many hours, while it is served
  --htpasswd FILE    the users, who may do everything, as htpasswd -B writes them; without it anybody may
  --anonymous-pull   whoever is not a user may pull
  --tls-cert FILE    the certificate in PEM; with --tls-key all of HOST:PORT speak TLS
  --tls-key FILE     its key in PEM
  --read-only        take nothing
  --log FORMAT       write an access log to standard output: common or json
  --metrics ADDRESS  serve /metrics for Prometheus, /healthz and /readyz at HOST:PORT
  --proxy [NAME=]URL keep what that registry has, and take no pushes; may be repeated, then clients say which they mean (ns),
                     by its NAME, which is its host if none is given
  --web-page         show repositories, tags and images at / to browsers
  --notify URL       tell a program what is pushed, mounted and deleted, in the envelope of distribution; retried; may be
                     repeated
  --notify-pulls     also what is pulled
  --audit FILE       append a line of JSON for each decision on who may do what; opened again on SIGHUP
  --token            give users signed tokens (JWT), as docker login expects them, for their passwords
  --token-key FILE   the key that signs them, in PEM, so that replicas take each other's: openssl genpkey -algorithm EC
                     -pkeyopt ec_paramgen_curve:P-256; without it one is made up at each start
  --token-keys FILE  instead of --token: take what another service signs with these keys (JWK set)
  --token-issuer NAME
                     what that service calls itself (iss)
  --token-realm URL  where tokens are given; needed behind TLS (default http://HOST/token)
  --token-service NAME
                     what this registry is called in tokens (default oci-registry)
  --limit NAME=NUMBER
                     one of the limits of the library, in bytes, seconds or a count, as in manifest=8388608 or idle=30; may
                     be repeated
  --drain SECONDS    how long requests may go on after SIGTERM (default 30)
  --config FILE      the same settings in TOML, as in tls-cert = \"FILE\", listen = [\"ADDRESS\"], read-only = true,
                     limits = { idle = 30 }; options go before it. Only there: who may do what, by tables
                     [[rule]] users = [\"ci-*\"], repositories = [\"team/*\"], actions = [\"pull\", \"push\"] (without users:
                     those without credentials; what no rule allows is denied), and accounts of programs
                     [[immutable]] repositories = \"team/*\", tags = \"v*\" (tags that are not moved or deleted)
                     [[robot]] name, secret = \"sha256:HEX\", repositories, actions, expires = \"TIME\"

The certificate, its key and the users are read again on SIGHUP, and when their files change; what is wrong is reported,
and what was there before stays in use.

Exit status: 0, 1 if it failed or something is damaged, 2 if the command is wrong.";

fn main() -> ExitCode {
    let result = match Upkeep::parse() {
        Ok(None) => return serve(),
        Ok(Some(upkeep)) => run(upkeep.run()),
        Err(error) => return wrong(&*error),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&*error),
    }
}

fn serve() -> ExitCode {
    let settings = match Settings::parse() {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            // Nobody has to read all of it.
            _ = print(USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => return wrong(&*error),
    };
    match run(serve::serve(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

fn wrong(error: &(dyn Error + Send + Sync + 'static)) -> ExitCode {
    tell(format_args!("oci-serve: {}; see oci-serve --help", one_line(error)));
    ExitCode::from(2)
}

fn failed(error: &(dyn Error + Send + Sync + 'static)) -> ExitCode {
    tell(format_args!("oci-serve: {}", one_line(error)));
    ExitCode::FAILURE
}

fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}
