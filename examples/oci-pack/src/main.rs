//! Makes an image of a directory, or adds to one what differs.

mod comparison;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use oci_cli::config_change::ConfigChange;
use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_cli::report::{Content, Steps, one_line, print, print_outcome, tell};
use oci_image::build::{Builder, Layer};
use oci_image::images::Image;
use oci_image::layer::{Compression, Timestamp};
use oci_image::{Digest, Platform};
use oci_layout::Layout;
use oci_rootfs::pack::Pack;
use oci_rootfs::unpack::{self, Devices, Progress};
use oci_rootfs::{PackOptions, Root, UnpackOptions};

use comparison::Comparison;

const USAGE: &str = "\
usage: oci-pack [OPTION...] DIRECTORY --image oci:LAYOUT:TAG

Packs DIRECTORY as a layer, makes an image of it and tags the image. The layout is created if it does
not exist. If the environment variable SOURCE_DATE_EPOCH is set, later times are written as that time,
which is also the creation time of the image.

  --image NAME     the image to make
  --base NAME      add the layer to this image; it then holds what differs from the image
  --compress WHAT  gzip, zstd or none; gzip unless given
  --level N        0 to 9 for gzip, 1 to 22 for zstd
  --rootless       read owners from the attributes that oci-unpack --rootless writes
  --devices WHAT   make, skip or placeholder, as DIRECTORY was unpacked, for what differs from the base; unless given
                   make, and with --rootless placeholder if a file is where the base has a device, and skip if not
  --platform WHAT  the platform, OS/ARCH[/VARIANT]; that of this machine or of the base unless given

What the config says, and the annotations of the manifest; the rest is as in the base:
  --env, --label or --annotation NAME=VALUE; --unset-env, --unset-label or --unset-annotation NAME
  --entrypoint or --cmd \"WORD...\"; --user, --workdir, --expose, --volume, --stop-signal, --author or --created VALUE";

fn main() -> ExitCode {
    match Arguments::parse() {
        // Nobody has to read all of it.
        Ok(None) => _ = print(USAGE),
        Ok(Some(arguments)) => {
            if let Err(error) = arguments.run() {
                tell(format_args!("oci-pack: {}", one_line(&*error)));
                return ExitCode::FAILURE;
            }
        }
        Err(error) => {
            tell(format_args!("oci-pack: {}; see oci-pack --help", one_line(&*error)));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// What the command line asks for.
struct Arguments {
    directory: PathBuf,
    image: ImageName,
    base: Option<ImageName>,
    platform: Option<Platform>,
    config: Vec<ConfigChange>,
    /// How the base is unpacked that the directory is compared with.
    unpacking: UnpackOptions,
    /// How its devices are treated, if that was said.
    devices: Option<Devices>,
    options: PackOptions,
}

impl Arguments {
    fn parse() -> Result<Option<Self>> {
        let (mut directory, mut image, mut base, mut platform) = (None, None, None, None);
        let mut config = Vec::new();
        let (mut compression, mut level) = (Compression::gzip(), None);
        let (mut rootless, mut devices) = (false, None);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("image") => image = Some(arguments.value()?.parse()?),
                Long("base") => base = Some(arguments.value()?.parse()?),
                Long("compress") => {
                    compression = arguments.value()?.parse_with(oci_cli::compression::parse)?
                }
                Long("level") => level = Some(arguments.value()?.parse()?),
                Long("rootless") => rootless = true,
                Long("devices") => {
                    devices = Some(arguments.value()?.parse_with(oci_cli::devices::parse)?)
                }
                Long("platform") => platform = Some(arguments.value()?.parse()?),
                Short('h') | Long("help") => return Ok(None),
                Long(option) => {
                    let option = option.to_owned();
                    config.push(ConfigChange::parse(&option, &mut arguments)?);
                }
                Value(path) if directory.is_none() => directory = Some(PathBuf::from(path)),
                other => return Err(other.unexpected().into()),
            }
        }
        if let Some(level) = level {
            compression = compression.level(level);
        }
        let unpacking = if rootless { UnpackOptions::rootless() } else { UnpackOptions::default() };
        let mut options = PackOptions::new(compression);
        (options.owners, options.latest) = (unpacking.owners.clone(), source_date_epoch()?);
        let directory = directory.ok_or("DIRECTORY is missing")?;
        let image = image.ok_or("--image is missing")?;
        Ok(Some(Self { directory, image, base, platform, config, unpacking, devices, options }))
    }

    fn run(mut self) -> Result<()> {
        let (path, tag) = local::place(&self.image)?;
        let tag =
            tag.ok_or_else(|| format!("cannot make image `{}`: its name has no tag", self.image))?;
        Layout::check_name(tag)?;
        let root = Root::open(&self.directory)
            .map_err(|error| format!("cannot open `{}`: {error}", self.directory.display()))?;
        let base_layout = match &self.base {
            Some(base) => Some(Layout::open(local::place(base)?.0)?),
            None => None,
        };
        let base = match (&base_layout, &self.base) {
            (Some(layout), Some(base)) => Some(self.base_image(layout, base)?),
            _ => None,
        };
        let layout = Layout::create(path)?;
        let mut steps = Steps::new();
        let layer = match &base {
            Some(base) => {
                let comparison = Comparison {
                    base,
                    unpacking: self.unpacking,
                    devices: self.devices,
                    root: &root,
                };
                comparison.pack(&layout, &mut steps, &mut self.options)?
            }
            None => pack(&Pack::all(&root), &layout, &mut steps, &mut self.options)?,
        };
        let mut builder = match &base {
            Some(base) => base.builder()?,
            None => Builder::new(self.platform.as_ref().unwrap_or(&Platform::host())),
        };
        match base.is_some() && layer.diff_id == Digest::sha256(EMPTY) {
            true => tell("nothing differs from the base: no layer was added"),
            false => {
                builder = builder.layer(layer.created_by("oci-pack"));
                if let Some(time) = self.options.latest {
                    builder = builder.created(rfc3339(time)?);
                }
            }
        }
        builder = self.config.iter().fold(builder, |builder, change| change.apply(builder));
        let image = layout.put_image(&builder.build()?)?.tag(tag)?;
        print_outcome(&image.digest)?;
        Ok(())
    }

    fn base_image<'a>(&self, layout: &'a Layout, base: &ImageName) -> Result<Image<'a>> {
        let host = Platform::host();
        local::image(layout, local::place(base)?.1, self.platform.as_ref().unwrap_or(&host))
    }
}

/// An archive that holds nothing.
const EMPTY: [u8; 1024] = [0; 1024];

fn source_date_epoch() -> Result<Option<Timestamp>> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.ok_or("SOURCE_DATE_EPOCH is not a number of seconds")?;
    Ok(Some(Timestamp::from_seconds(seconds)))
}

fn rfc3339(time: Timestamp) -> Result<String> {
    let time = jiff::Timestamp::from_second(time.seconds())
        .map_err(|_| "SOURCE_DATE_EPOCH is not a time that RFC 3339 can express")?;
    Ok(time.to_string())
}

fn pack(
    pack: &Pack<'_>,
    layout: &Layout,
    steps: &mut Steps,
    options: &mut PackOptions,
) -> Result<Layer> {
    let mut step = steps.begin("pack the directory");
    let counter = step.counter();
    options.progress = Some(Progress::new(move |step| count(step, |bytes| counter.inc(bytes))));
    let layer = pack.store(layout, options)?;
    step.end(Content(&layer.descriptor.digest, layer.descriptor.size));
    Ok(layer)
}

fn count(step: unpack::Step<'_>, add: impl Fn(u64)) {
    if let unpack::Step::Read(bytes) = step {
        add(bytes);
    }
}
