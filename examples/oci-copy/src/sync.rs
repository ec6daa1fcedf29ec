//! Copies many images: the tags of a repository or a layout, the images below a directory, or what a file lists.

mod file;
mod origin;
mod target;
mod version;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_cli::report::{Steps, one_line, print_outcome, tell};
use oci_distribution_client::Repository;
use oci_image::Reference;
use oci_image::layer::{EntryPath, PathPattern};
use oci_layout::LayoutOptions;

use crate::Result;
use crate::copy::copy;
use crate::options::{End, Options};

pub(crate) use origin::Origin;
pub(crate) use target::Target;

/// What is copied to where.
pub(crate) struct Sync {
    pub(crate) from: Origin,
    pub(crate) to: Target,
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

impl Sync {
    /// Copies all, until one fails or, with `--keep-going`, to the end.
    pub(crate) async fn run(&self, options: &Options) -> Result<()> {
        let (mut failed, mut steps) = (Vec::new(), Steps::new());
        let images = async {
            match &self.from {
                Origin::Repository(name) => self.of_repository(name, options).await,
                Origin::Layout(path) => self.of_layout(path, options),
                Origin::Directory(path) => self.of_directory(path, options),
                Origin::File(path) => self.of_file(path, options).await,
            }
        };
        let images = options.interrupt.unless(images).await?;
        refuse_shared_names(&images)?;
        let all = images.len();
        for Task { from, to, options } in images {
            let result = match to.parse::<ImageName>() {
                Ok(to) => copy(&from, &to, &options, &mut steps).await,
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(copied) => copied
                    .iter()
                    .try_for_each(|digest| print_outcome(format_args!("{digest}\t{to}")))?,
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
            None => self.chosen(images(&repository, options).await?),
        };
        let task = |tag: &String| {
            let to = match &self.to {
                // Of one repository the destination is one, too, and not what the names of several begin with.
                Target::Directories(_) => self.below(name, tag),
                one => one.tagged(tag),
            };
            Ok(Task { from: image(name, tag)?, to, options: options.clone() })
        };
        tags.iter().map(task).collect()
    }

    fn of_layout(&self, path: &Path, options: &Options) -> Result<Vec<Task>> {
        let layout = ImageName::Layout { path: path.to_owned(), tag: None };
        let (layout, _) = local::open(&layout, &LayoutOptions::new())?;
        let mut tags: Vec<_> = layout.list()?.into_iter().filter_map(|it| it.name).collect();
        // One tag may name several images, of which the copy chooses.
        tags.sort_unstable();
        tags.dedup();
        let task = |tag: &String| {
            let from = ImageName::Layout { path: path.to_owned(), tag: Some(tag.clone()) };
            let to = match &self.to {
                // There is no repository after which a directory is named.
                Target::Directories(_) => self.to.at(tag),
                one => one.tagged(tag),
            };
            Task { from, to, options: options.clone() }
        };
        Ok(self.chosen(tags).iter().map(task).collect())
    }

    fn of_directory(&self, path: &Path, options: &Options) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for found in origin::images_below(path)? {
            let inside = found.strip_prefix(path).unwrap_or(&found);
            // The directory itself, if it holds an image.
            let inside = if inside.as_os_str().is_empty() { &found } else { inside };
            let name = match self.choice.is_scoped {
                true => Some(inside.as_os_str()),
                false => inside.file_name(),
            };
            let name = name.and_then(|name| name.to_str());
            let name = name.ok_or_else(|| format!("cannot name `{}`: no text", found.display()))?;
            let to = self.to.at(name);
            tasks.push(Task {
                from: ImageName::Directory { path: found },
                to,
                options: options.clone(),
            });
        }
        Ok(tasks)
    }

    async fn of_file(&self, path: &Path, options: &Options) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for (host, registry) in file::read(path)? {
            let mut options = options.clone();
            options.source = registry.connection(&options.source);
            for (repository, wanted) in registry.wanted()? {
                let name: Reference = format!("{host}/{repository}").parse()?;
                let tags = match wanted {
                    file::Wanted::Tags(tags) => tags.to_owned(),
                    wanted => {
                        let repository = options.repository(&name, End::Source).await?;
                        let mut tags = images(&repository, &options).await?;
                        tags.retain(|tag| wanted.has(tag));
                        if matches!(wanted, file::Wanted::All) { self.chosen(tags) } else { tags }
                    }
                };
                for tag in tags {
                    let (from, to) = (image(&name, &tag)?, self.below(&name, &tag));
                    tasks.push(Task { from, to, options: options.clone() });
                }
            }
        }
        Ok(tasks)
    }

    /// The tags that match one of the patterns.
    fn chosen(&self, mut tags: Vec<String>) -> Vec<String> {
        let patterns: Vec<_> = self.choice.tags.iter().map(PathPattern::new).collect();
        tags.retain(|tag| {
            let tag = tag.parse::<EntryPath>();
            patterns.is_empty() || tag.is_ok_and(|tag| patterns.iter().any(|it| it.matches(&tag)))
        });
        tags
    }

    /// The name that an image of several repositories has at the destination.
    fn below(&self, name: &Reference, tag: &str) -> String {
        let repository = name.repository().as_str();
        let suffix = match self.choice.is_scoped {
            true => format!("{}/{repository}", name.registry()),
            false => repository.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        self.to.at(&target::joined(&suffix, tag))
    }
}

/// Refuses two images that go to one name, where the second would replace the first.
fn refuse_shared_names(tasks: &[Task]) -> Result<()> {
    let mut names = BTreeMap::new();
    for Task { from, to, .. } in tasks {
        // A layout has any number of images without a tag.
        if matches!(to.parse(), Ok(ImageName::Layout { tag: None, .. })) {
            continue;
        }
        if let Some(other) = names.insert(to, from).filter(|other| *other != from) {
            return Err(format!(
                "cannot copy `{other}` and `{from}` to one name, `{to}`: see --scoped"
            )
            .into());
        }
    }
    Ok(())
}

/// An image of a repository by its tag or digest.
fn image(name: &Reference, tag: &str) -> Result<ImageName> {
    let repository = format!("{}/{}", name.registry(), name.repository());
    Ok(ImageName::Registry(target::joined(&repository, tag).parse()?))
}

/// The tags of a repository but for those of lists of referrers, which no image has: what they list goes along
/// with its subject.
async fn images(repository: &Repository, options: &Options) -> Result<Vec<String>> {
    let mut tags = repository.tags().await?;
    let all = tags.len();
    tags.retain(|tag| !origin::is_list_of_referrers(tag));
    let left_out = all - tags.len();
    if left_out > 0 && !options.referrers {
        tell(format_args!(
            "oci-copy: left out {left_out} of {all} tags of `{repository}`: they list referrers, see --referrers"
        ));
    }
    Ok(tags)
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
    from: ImageName,
    to: String,
    options: Options,
}
