//! The command line.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_image::Platform;
use oci_image::images::Image;
use oci_image::layer::{CodecBy, EntryPath, Limits};
use oci_layout::Layout;
use oci_rootfs::UnpackOptions;

use crate::Result;

/// What the command line asks for.
pub(crate) enum Command {
    Help,
    Image { image: Wanted, bundle: PathBuf, options: UnpackOptions },
    Overlay { image: Wanted, store: PathBuf, bundle: PathBuf, options: UnpackOptions },
    Export { image: Wanted, file: PathBuf, limits: Limits },
    Cat { image: Wanted, path: EntryPath, limits: Limits },
    Layer { file: PathBuf, root: PathBuf, options: UnpackOptions },
}

/// An image of a layout, and the platform that it is for.
pub(crate) struct Wanted {
    name: ImageName,
    platform: Platform,
}

impl Wanted {
    /// The layout that it is in.
    pub(crate) fn layout(&self) -> Result<Layout> {
        Ok(Layout::open(local::place(&self.name)?.0)?)
    }

    /// The image in its layout.
    pub(crate) fn of<'a>(&self, layout: &'a Layout) -> Result<Image<'a>> {
        local::image(layout, local::place(&self.name)?.1, &self.platform)
    }
}

impl Command {
    pub(crate) fn parse() -> Result<Self> {
        let (mut image, mut layer, mut store, mut target) = (None, None, None, None);
        let mut platform = Platform::host();
        let (mut rootless, mut devices, mut export, mut cat) = (false, None, None, None);
        let mut limits = UnpackOptions::default().limits;
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("image") => image = Some(arguments.value()?.parse()?),
                Long("platform") => platform = arguments.value()?.parse()?,
                Long("layer") => layer = Some(PathBuf::from(arguments.value()?)),
                Long("overlay") => store = Some(PathBuf::from(arguments.value()?)),
                Long("export") => export = Some(PathBuf::from(arguments.value()?)),
                Long("cat") => cat = Some(EntryPath::parse(arguments.value()?.as_bytes())?),
                Long("rootless") => rootless = true,
                Long("devices") => {
                    devices = Some(arguments.value()?.parse_with(oci_cli::devices::parse)?)
                }
                Long("codec-by-content") => limits.codec = CodecBy::Content,
                Long("ratio") => limits.ratio = arguments.value()?.parse()?,
                Short('h') | Long("help") => return Ok(Self::Help),
                Value(path) if target.is_none() => target = Some(PathBuf::from(path)),
                other => return Err(other.unexpected().into()),
            }
        }
        let mut options = match rootless {
            true => UnpackOptions::rootless(),
            false => UnpackOptions::default(),
        };
        options.devices = devices.unwrap_or(options.devices);
        options.limits = limits.clone();
        let image = image.map(|name| Wanted { name, platform });
        match (export, cat) {
            (None, None) => {}
            (Some(file), None) => {
                let image = image.ok_or("--export needs an --image")?;
                return Ok(Self::Export { image, file, limits });
            }
            (None, Some(path)) => {
                let image = image.ok_or("--cat needs an --image")?;
                return Ok(Self::Cat { image, path, limits });
            }
            _ => return Err("--export and --cat exclude each other".into()),
        }
        match (image, layer, store, target) {
            (Some(image), None, None, Some(bundle)) => Ok(Self::Image { image, bundle, options }),
            (Some(image), None, Some(store), Some(bundle)) if !rootless => {
                Ok(Self::Overlay { image, store, bundle, options })
            }
            (None, Some(file), None, Some(root)) => Ok(Self::Layer { file, root, options }),
            (None, None, ..) => Err("--image or --layer is missing".into()),
            (_, _, _, None) => Err("the directory to unpack to is missing".into()),
            (_, _, Some(_), _) if rootless => {
                Err("--overlay mounts, which --rootless cannot".into())
            }
            _ => Err("--layer excludes --image and --overlay".into()),
        }
    }
}
