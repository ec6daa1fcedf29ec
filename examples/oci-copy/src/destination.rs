use std::fs::{File, Permissions, create_dir_all};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use oci_cli::directory::Directory;
use oci_cli::image_name::ImageName;
use oci_distribution_client::Repository;
use oci_image::images::{Image, Images};
use oci_image::{Descriptor, Platform};
use oci_layout::{ArchiveWriter, DockerArchiveWriter, Layout};
use tempfile::Builder;

use crate::Result;
use crate::along::Along;
use crate::options::{End, Options};

/// Where an image goes.
pub(crate) enum Destination {
    Registry(Repository, Option<String>),
    Layout(Layout, Option<String>),
    Archive(Archive),
    Directory(Directory),
}

/// An archive to be written, and what the image is named in it.
pub(crate) struct Archive {
    path: PathBuf,
    name: Option<String>,
    is_docker: bool,
}

impl Destination {
    pub(crate) async fn open(
        name: &ImageName,
        image: &Descriptor,
        options: &Options,
    ) -> Result<Self> {
        let archive = |path: &Path, name: &Option<String>, is_docker| {
            Self::Archive(Archive { path: path.to_owned(), name: name.clone(), is_docker })
        };
        if options.takes_along()
            && matches!(name, ImageName::Directory { .. } | ImageName::DockerArchive { .. })
        {
            return Err(
                format!("cannot copy to `{name}` what refers to an image: it holds one").into()
            );
        }
        if let ImageName::Layout { tag: Some(tag), .. }
        | ImageName::Archive { tag: Some(tag), .. } = name
        {
            Layout::check_name(tag)?;
        }
        Ok(match name {
            ImageName::Registry(reference) => {
                if let Some(digest) = reference.digest().filter(|it| **it != image.digest) {
                    let actual = &image.digest;
                    return Err(
                        format!("cannot copy `{actual}` to `{digest}`: it is not that").into()
                    );
                }
                let repository = options.repository(reference, End::Destination).await?;
                let tag = reference.tag().map(|tag| tag.as_str().to_owned());
                Self::Registry(repository, tag)
            }
            ImageName::Layout { path, tag } => {
                // As skopeo: a layout of a sync is below a directory that need not exist.
                path.parent().map_or(Ok(()), create_dir_all)?;
                Self::Layout(Layout::create(path)?, tag.clone())
            }
            ImageName::Directory { path } => Self::Directory(Directory::create(path, image)?),
            ImageName::Archive { path, tag } => archive(path, tag, false),
            ImageName::DockerArchive { .. } if image.media_type.is_index() => {
                return Err("cannot copy an index to a docker-archive: leave out --all".into());
            }
            ImageName::DockerArchive { path, name } => archive(path, name, true),
        })
    }
}

impl Archive {
    /// Writes an image to a new file, which has the name of the archive when it is whole.
    pub(crate) fn write(
        &self,
        source: &(dyn Images + Send + Sync),
        image: &Descriptor,
        along: &[Along],
    ) -> Result<()> {
        let about = |error| format!("cannot write `{}`: {error}", self.path.display());
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // With the permissions that the umask leaves, as any new file.
        let permissions = Permissions::from_mode(0o666);
        let file = Builder::new().permissions(permissions).tempfile_in(directory).map_err(about)?;
        let mut out = BufWriter::new(file.as_file());
        match self.is_docker {
            false => self.write_layout(source, image, along, &mut out)?,
            true => self.write_docker(source, image, &mut out)?,
        }
        out.flush().map_err(about)?;
        drop(out);
        file.as_file().sync_all().map_err(about)?;
        file.persist(&self.path).map_err(|error| about(error.error))?;
        Ok(())
    }

    fn write_layout(
        &self,
        source: &(dyn Images + Send + Sync),
        image: &Descriptor,
        along: &[Along],
        out: &mut BufWriter<&File>,
    ) -> Result<()> {
        let archive = ArchiveWriter::new(out)?;
        let all: Vec<_> = along.iter().map(|(_, it)| it).chain([image]).cloned().collect();
        archive.append(source, &all)?;
        if let Some(name) = &self.name {
            archive.tag(name, image)?;
        }
        for (tag, descriptor) in along {
            tag.iter().try_for_each(|tag| archive.tag(tag, descriptor))?;
        }
        archive.finish()?;
        Ok(())
    }

    fn write_docker(
        &self,
        source: &(dyn Images + Send + Sync),
        image: &Descriptor,
        out: &mut BufWriter<&File>,
    ) -> Result<()> {
        let mut archive = DockerArchiveWriter::new(out)?;
        let names: Vec<_> = self.name.iter().map(String::as_str).collect();
        archive.append(&Image::select(&source, image, &Platform::host())?, &names)?;
        archive.finish()?;
        Ok(())
    }
}
