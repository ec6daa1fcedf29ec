//! Copies many images: the tags of a repository, or what a file lists.

mod file;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci_cli::image_name::ImageName;
use oci_cli::report::{one_line, tell};
use oci_distribution_client::Repository;
use oci_image::Reference;
use oci_image::layer::{EntryPath, PathPattern};
use oci_image::reference::ReferenceError;

use crate::Result;
use crate::copy::copy;
use crate::options::{End, Options};

/// What is copied to where.
pub(crate) struct Sync {
    pub(crate) from: Origin,
    /// A repository, or `docker://HOST/PREFIX` or `dir:DIRECTORY`, where the names of images begin.
    pub(crate) to: String,
    pub(crate) choice: Choice,
}

/// Which images are copied, and how.
#[derive(Default, PartialEq)]
pub(crate) struct Choice {
    /// Patterns of tags; all are copied without one.
    pub(crate) tags: Vec<String>,
    /// The name of an image at its destination has its registry and all of its repository.
    pub(crate) is_scoped: bool,
    /// After one that failed the others are copied, too.
    pub(crate) keeps_going: bool,
}

pub(crate) enum Origin {
    Repository(Reference),
    File(PathBuf),
}

impl FromStr for Origin {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        match text.strip_prefix("docker://") {
            Some(repository) => Ok(Self::Repository(repository.parse()?)),
            None => Ok(Self::File(text.into())),
        }
    }
}

impl Sync {
    /// Copies all, until one fails or, with `--keep-going`, to the end.
    pub(crate) async fn run(&self, options: &Options) -> Result<()> {
        let mut failed = Vec::new();
        let images = async {
            match &self.from {
                Origin::Repository(name) => self.of_repository(name, options).await,
                Origin::File(path) => self.of_file(path, options).await,
            }
        };
        let images = options.interrupt.unless(images).await?;
        let all = images.len();
        for Task { from, to, options } in images {
            let result = match to.parse::<ImageName>() {
                Ok(to) => copy(&ImageName::Registry(from.clone()), &to, &options).await,
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(()) => {}
                Err(error) if options.interrupt.received().is_some() => return Err(error),
                Err(error) if self.choice.keeps_going => {
                    tell(format_args!("oci-copy: {from}: {}", one_line(&*error)));
                    failed.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        match (failed.len(), failed.into_iter().next()) {
            (count, Some(first)) => Err(Failed { count, all, first }.into()),
            _ => Ok(()),
        }
    }

    async fn of_repository(&self, name: &Reference, options: &Options) -> Result<Vec<Task>> {
        let repository = options.repository(name, End::Source).await?;
        let tags = match name.tag() {
            Some(tag) => vec![tag.as_str().to_owned()],
            None => self.tags_of(&repository).await?,
        };
        // Of one repository the destination is one, too, and not what the names of several begin with.
        let target = |tag: &str| match self.to.starts_with("dir:") {
            true => self.target(name, tag),
            false => joined(&self.to, tag),
        };
        tags.iter().map(|tag| Task::new(name, tag, target(tag), options)).collect()
    }

    async fn of_file(&self, path: &Path, options: &Options) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for (host, registry) in file::read(path)? {
            let mut options = options.clone();
            options.source = registry.connection(&options.source);
            let name = |repository: &str| -> Result<Reference> {
                Ok(format!("{host}/{repository}").parse()?)
            };
            let mut add = |name: &Reference, tag: &str| -> Result<()> {
                tasks.push(Task::new(name, tag, self.target(name, tag), &options)?);
                Ok(())
            };
            for (repository, tags) in &registry.images {
                let name = name(repository)?;
                match tags.is_empty() {
                    false => tags.iter().try_for_each(|tag| add(&name, tag))?,
                    true => {
                        let repository = options.repository(&name, End::Source).await?;
                        let tags = self.tags_of(&repository).await?;
                        tags.iter().try_for_each(|tag| add(&name, tag))?;
                    }
                }
            }
            for (repository, expression) in registry.expressions()? {
                let name = name(repository)?;
                let tags = options.repository(&name, End::Source).await?.tags().await?;
                let mut tags = tags.iter().filter(|tag| expression.is_match(tag));
                tags.try_for_each(|tag| add(&name, tag))?;
            }
        }
        Ok(tasks)
    }

    /// The tags of a repository that match one of the patterns.
    async fn tags_of(&self, repository: &Repository) -> Result<Vec<String>> {
        let patterns: Vec<_> = self.choice.tags.iter().map(PathPattern::new).collect();
        let mut tags = repository.tags().await?;
        tags.retain(|tag| {
            let tag = tag.parse::<EntryPath>();
            patterns.is_empty() || tag.is_ok_and(|tag| patterns.iter().any(|it| it.matches(&tag)))
        });
        Ok(tags)
    }

    /// The name that an image has at the destination.
    fn target(&self, name: &Reference, tag: &str) -> String {
        let repository = name.repository().as_str();
        let suffix = match self.choice.is_scoped {
            true => format!("{}/{repository}", name.registry()),
            false => repository.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        joined(&format!("{}/{suffix}", self.to.trim_end_matches('/')), tag)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot copy {count} of {all} images")]
struct Failed {
    count: usize,
    all: usize,
    #[source]
    first: Box<dyn Error + Send + std::marker::Sync>,
}

/// An image, and where it goes.
struct Task {
    from: Reference,
    to: String,
    options: Options,
}

impl Task {
    fn new(name: &Reference, tag: &str, to: String, options: &Options) -> Result<Self> {
        let repository = format!("{}/{}", name.registry(), name.repository());
        let from = joined(&repository, tag).parse()?;
        Ok(Self { from, to, options: options.clone() })
    }
}

/// A repository with a tag or a digest.
fn joined(repository: &str, tag: &str) -> String {
    let separator = if tag.contains(':') { '@' } else { ':' };
    format!("{repository}{separator}{tag}")
}
