use crate::{Auth, Fault, Serve};

mod recorded;

/// How one registry is known to differ from the specification, to test a client against.
///
/// It is what public issues and documentation record: each [`Quirk`] names its source. What nobody recorded is as
/// the specification says. Sizes are those of the registry, hosts are not: what the registry keeps elsewhere, such as
/// its token server or the page that a redirect leads to, is on the same host here.
///
/// ```
/// use oci_registry::{Dialect, Grant, Store};
///
/// let ghcr = Dialect::GHCR;
/// let registry = oci_registry::serve(Store::memory())
///     .dialect(ghcr)
///     .auth(ghcr.auth().user("alice", "secret", [Grant::all("*")]));
/// for quirk in ghcr.quirks() {
///     println!("{}: {} ({})", ghcr.name(), quirk.text(), quirk.source());
/// }
/// # let _ = registry;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    name: &'static str,
    quirks: fn() -> Vec<Quirk>,
}

/// One thing that a registry does in its own way.
#[derive(Clone, Debug)]
pub struct Quirk {
    text: &'static str,
    source: &'static str,
    faults: Vec<Fault>,
    serve: Option<fn(Serve) -> Serve>,
    auth: Option<fn() -> Auth>,
}

impl Dialect {
    /// The name of the registry, as people write it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it does in its own way.
    pub fn quirks(&self) -> Vec<Quirk> {
        (self.quirks)()
    }

    /// How it wants its callers to log in, without users yet; by tokens, if nothing else is recorded.
    pub fn auth(&self) -> Auth {
        let recorded = self.quirks().into_iter().find_map(|quirk| quirk.auth);
        recorded.map_or_else(Auth::bearer, |auth| auth())
    }
}

impl Quirk {
    fn new(text: &'static str, source: &'static str) -> Self {
        Self { text, source, faults: Vec::new(), serve: None, auth: None }
    }

    fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn serve(mut self, change: fn(Serve) -> Serve) -> Self {
        self.serve = Some(change);
        self
    }

    fn auth(mut self, auth: fn() -> Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// What the registry does, in a few words.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Who says so: an issue or pull request of GitHub (`owner/repository#number`), or a URL.
    pub fn source(&self) -> &'static str {
        self.source
    }
}

impl Serve {
    /// Behaves as another registry does. Its users log in by an [`auth`](Self::auth) of [`Dialect::auth`].
    pub fn dialect(self, dialect: Dialect) -> Self {
        dialect.quirks().into_iter().fold(self, |serve, quirk| {
            let serve = serve.faults(quirk.faults);
            match quirk.serve {
                Some(change) => change(serve),
                None => serve,
            }
        })
    }
}
