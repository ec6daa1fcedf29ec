mod entry;
mod file;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use oci_image::Reference;
use oci_image::reference::RegistryName;

use self::entry::{Entry, Location};
use super::toml_file::{self, unreadable};
use crate::error::{Error, ErrorKind};
use crate::route::{Place, Places, Protocol, Route, Server, Uses};
use crate::text::printable;

/// `registries.conf` of containers with its drop-ins, in [version 2 of the format].
///
/// It says where images are read: from mirrors, from another location, over what, or not at all; and what short
/// names stand for. What is pushed goes where its name says, as with skopeo.
///
/// ```
/// use oci_distribution_client::machine::RegistriesConf;
///
/// let text = r#"
///     [[registry]]
///     prefix = "example.com/team"
///     location = "internal.example.net/example"
///     [[registry.mirror]]
///     location = "mirror.example.net"
/// "#;
/// let conf = RegistriesConf::parse(text, "registries.conf")?;
/// let sources = conf.sources(&"example.com/team/app:v1".parse()?)?;
/// let names: Vec<_> = sources.iter().map(|source| source.reference.to_string()).collect();
/// assert_eq!(names, ["mirror.example.net/app:v1", "internal.example.net/example/app:v1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Limitations
/// Version 1 of the format is refused. A `prefix` with a tag or a digest is refused: entries are for whole
/// repositories. Short names that podman asked its user about, in `short-name-aliases.conf`, are not read.
///
/// [version 2 of the format]: https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md
#[derive(Clone, Debug, Default)]
pub struct RegistriesConf {
    entries: Vec<Entry>,
    search: Option<Search>,
    aliases: Aliases,
    helpers: Option<Vec<String>>,
    files: Vec<PathBuf>,
}

/// What short names stand for; `None` stands for nothing, whatever an earlier file says.
type Aliases = BTreeMap<String, Option<Reference>>;

/// The registries that short names without an alias are looked for in.
#[derive(Clone, Debug)]
struct Search {
    registries: Vec<RegistryName>,
    file: PathBuf,
}

/// One place that an image is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// Its name there.
    pub reference: Reference,
    /// Whether it is read there with any certificate, or over http.
    pub insecure: bool,
}

impl RegistriesConf {
    /// Reads `text`; errors name `file`.
    ///
    /// # Errors
    /// If it is not understood, an unknown key included.
    pub fn parse(text: &str, file: impl AsRef<Path>) -> Result<Self, Error> {
        file::read(text, file.as_ref())
    }

    /// Reads one file, without its drop-ins.
    ///
    /// # Errors
    /// If there is none, or if it is not understood.
    pub fn read(file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        let missing = || unreadable(file, std::io::ErrorKind::NotFound.into());
        Self::parse(&toml_file::read(file)?.ok_or_else(missing)?, file)
    }

    /// The files of this machine and user that there are: `$CONTAINERS_REGISTRIES_CONF`, or else
    /// `$HOME/.config/containers/registries.conf`, or else `/etc/containers/registries.conf`; then those in
    /// `/etc/containers/registries.conf.d`, unless the user's own file was read, and in
    /// `$HOME/.config/containers/registries.conf.d`, in the order of their names, if these end in `.conf`.
    ///
    /// # Errors
    /// If one cannot be read or is not understood.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        Self::find(Path::new("/etc/containers"), &variable)
    }

    fn find(system: &Path, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let variable = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = variable("HOME").map(|home| home.join(".config/containers"));
        let users_own = user.as_ref().map(|user| user.join("registries.conf"));
        let (conf, directories) = match variable("CONTAINERS_REGISTRIES_CONF") {
            Some(file) => (Self::read(file)?, vec![Some(system), user.as_deref()]),
            None => match users_own.filter(|file| file.exists()) {
                Some(file) => (Self::read(file)?, vec![user.as_deref()]),
                None => {
                    let file = system.join("registries.conf");
                    let text = toml_file::read(&file)?;
                    let conf = text.map(|text| Self::parse(&text, &file)).transpose()?;
                    (conf.unwrap_or_default(), vec![Some(system), user.as_deref()])
                }
            },
        };
        let directories = directories.into_iter().flatten();
        directories.map(|directory| directory.join("registries.conf.d")).try_fold(
            conf,
            |conf, directory| {
                let files = drop_ins(&directory)?.into_iter();
                files.map(Self::read).try_fold(conf, |conf, file| Ok(conf.overridden_by(file?)))
            },
        )
    }

    /// What both say, and where both say something of the same, what `later` says.
    pub fn overridden_by(mut self, later: Self) -> Self {
        self.entries.retain(|entry| later.entries.iter().all(|it| it.prefix != entry.prefix));
        self.entries.extend(later.entries);
        self.search = later.search.or(self.search);
        self.aliases.extend(later.aliases);
        self.helpers = later.helpers.or(self.helpers);
        self.files.extend(later.files);
        self
    }

    /// Where `image` is read, the first place first: mirrors, then its location, which is where its name says if
    /// nothing is known of it.
    ///
    /// # Errors
    /// Of kind [`Policy`](ErrorKind::Policy) if it is blocked.
    pub fn sources(&self, image: &Reference) -> Result<Vec<Source>, Error> {
        let name = image.tag_or_digest();
        let Some((entry, rest)) = self.entry(image) else {
            return Ok(vec![Source { reference: image.clone(), insecure: false }]);
        };
        refuse_blocked(entry, image)?;
        let mirrors = entry.mirrors.iter().filter(|mirror| mirror.uses.resolves(&name));
        let mirrors = mirrors.map(|mirror| (Some(&mirror.location), mirror.insecure));
        let places = mirrors.chain([(entry.location.as_ref(), entry.insecure)]);
        let mut sources = Vec::new();
        for (location, insecure) in places {
            let place = self.place(entry, location, &rest, image)?;
            let tagged = image.tag().map_or(place.clone(), |tag| place.with_tag(tag.clone()));
            let reference =
                image.digest().map_or(tagged, |digest| place.with_digest(digest.clone()));
            sources.push(Source { reference, insecure });
        }
        Ok(sources)
    }

    /// The image that `name` means: itself, if it names a registry; or else what its alias says; or else the one
    /// of the registry that is searched, if that is one.
    ///
    /// # Errors
    /// If it is not a name, or if there is neither an alias nor exactly one registry to search.
    pub fn reference(&self, name: &str) -> Result<Reference, Error> {
        let action = format!("find the image `{}`", printable(name, 300));
        let docker: Reference = name.parse().map_err(|reason| Error::name(&action, reason))?;
        if names_registry(name) {
            return Ok(docker);
        }
        let refuse =
            |reason: String| Err(Error::new(ErrorKind::Configuration, &*action).because(reason));
        let short = name.split('@').next().unwrap_or(name);
        let short = match short.rsplit_once(':') {
            Some((short, _)) => short,
            None => short,
        };
        let found = match self.aliases.get(short) {
            Some(Some(alias)) => alias.clone(),
            Some(None) | None => match self.search.as_ref().map(|it| (&*it.registries, it)) {
                None | Some(([], _)) => {
                    return refuse(format!(
                        "it does not name a registry, has no alias, and no registries are searched \
                         (`unqualified-search-registries` in {})",
                        shown(&self.files)
                    ));
                }
                Some(([registry], _)) => Reference::new(registry.as_str(), short)
                    .map_err(|reason| Error::name(&action, reason))?,
                Some((several, Search { file, .. })) => {
                    let several: Vec<_> =
                        several.iter().map(|registry| format!("`{registry}/{name}`")).collect();
                    return refuse(format!(
                        "it does not name a registry and may be {}, as the search list of `{}` has \
                         it; write one of them",
                        several.join(" or "),
                        file.display()
                    ));
                }
            },
        };
        Ok(match (docker.digest(), docker.tag()) {
            (Some(digest), _) => found.with_digest(digest.clone()),
            (None, Some(tag)) => found.with_tag(tag.clone()),
            (None, None) => found,
        })
    }

    /// The credential helpers that are asked for every registry, in order; `containers-auth.json` stands for the
    /// login files. `None` if no file lists any.
    pub fn credential_helpers(&self) -> Option<&[String]> {
        self.helpers.as_deref()
    }

    /// The entry for `image`, and what of its name follows the prefix.
    fn entry(&self, image: &Reference) -> Option<(&Entry, String)> {
        let name = format!("{}/{}", image.registry(), image.repository());
        let covering = self.entries.iter().filter_map(|entry| {
            let (rank, rest) = entry.prefix.covers(&name)?;
            Some((rank, entry, rest))
        });
        let best = covering.max_by_key(|(rank, ..)| *rank);
        best.map(|(_, entry, rest)| (entry, rest.to_owned()))
    }

    /// The repository of `image` at one location of `entry`.
    fn place(
        &self,
        entry: &Entry,
        location: Option<&Location>,
        rest: &str,
        image: &Reference,
    ) -> Result<Reference, Error> {
        let bare = || Reference::new(image.registry().as_str(), image.repository().as_str());
        let place = match location {
            Some(location) => location.with(rest),
            None => bare().map_err(|reason| reason.to_string()),
        };
        place.map_err(|reason| {
            let action = format!("find `{image}`");
            Error::new(ErrorKind::Configuration, action)
                .because(format!("{reason}, by {}", described(entry)))
        })
    }
}

impl Places for RegistriesConf {
    fn route(&self, image: &Reference) -> Result<Option<Route>, Error> {
        let Some((entry, rest)) = self.entry(image) else { return Ok(None) };
        refuse_blocked(entry, image)?;
        let mut mirrors = Vec::new();
        for mirror in &entry.mirrors {
            let place = self.place(entry, Some(&mirror.location), &rest, image)?;
            // What is blocked by its own name is so as a mirror.
            if self.entry(&place).is_none_or(|(entry, _)| !entry.blocked) {
                mirrors.push(placed(&place, mirror.insecure, mirror.uses));
            }
        }
        let location = self.place(entry, entry.location.as_ref(), &rest, image)?;
        if let Some((entry, _)) = self.entry(&location) {
            refuse_blocked(entry, &location)?;
        }
        let server = Server::new(image.registry().clone(), protocol(entry.insecure));
        let source = placed(&location, entry.insecure, Uses::ALL);
        let is_elsewhere = source.server != server || source.repository != *image.repository();
        Ok(Some(Route { mirrors, source: is_elsewhere.then_some(source), server }))
    }

    fn reference(&self, name: &str) -> Result<Option<Reference>, Error> {
        RegistriesConf::reference(self, name).map(Some)
    }
}

fn refuse_blocked(entry: &Entry, image: &Reference) -> Result<(), Error> {
    match entry.blocked {
        false => Ok(()),
        true => Err(Error::new(ErrorKind::Policy, format!("use `{image}`"))
            .because(format!("it is blocked by {}", described(entry)))),
    }
}

fn placed(place: &Reference, insecure: bool, uses: Uses) -> Place {
    let server = Server::new(place.registry().clone(), protocol(insecure));
    Place { server, repository: place.repository().clone(), uses, is_told: false }
}

fn protocol(insecure: bool) -> Protocol {
    if insecure { Protocol::Insecure } else { Protocol::Https }
}

fn described(entry: &Entry) -> String {
    format!("the entry `{}` of `{}`", entry.prefix, entry.file.display())
}

fn shown(files: &[PathBuf]) -> String {
    match files {
        [] => "`registries.conf`".to_owned(),
        files => {
            let files: Vec<_> = files.iter().map(|file| format!("`{}`", file.display())).collect();
            files.join(", ")
        }
    }
}

/// Whether `name` begins with a registry, so that it is not a short name.
fn names_registry(name: &str) -> bool {
    name.split_once('/').is_some_and(|(first, _)| Reference::new(first, "name").is_ok())
}

/// The files in `directory`, if that is there, that take part.
fn drop_ins(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(|error| unreadable(directory, error))?;
    paths.retain(|path| path.extension().is_some_and(|it| it == "conf") && !path.is_dir());
    paths.sort();
    Ok(paths)
}
