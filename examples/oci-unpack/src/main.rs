//! Unpacks an image to a bundle, or applies one layer file to a directory.

use std::error::Error;
use std::ffi::CString;
use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_cli::report::{Bytes, Content, Step, Steps, one_line, tell};
use oci_image::layer::{Compression, EntryPath, Limits, Overlay};
use oci_layout::Layout;
use oci_rootfs::unpack::{self, Devices, OverlayStore, Owners, Progress, Unpacked};
use oci_rootfs::{Root, UnpackOptions, unpack_bundle};
use oci_runtime::Bundle;
use rustix::mount::MountFlags;

const USAGE: &str = "\
usage: oci-unpack [OPTION...] --image oci:DIRECTORY[:TAG] BUNDLE
       oci-unpack [OPTION...] --overlay STORE --image oci:DIRECTORY[:TAG] BUNDLE
       oci-unpack [OPTION...] --layer FILE ROOT
       oci-unpack --image oci:DIRECTORY[:TAG] --export FILE
       oci-unpack --image oci:DIRECTORY[:TAG] --cat PATH

  --image NAME     unpack the image: BUNDLE gets rootfs/ and config.json
  --overlay STORE  keep the layers in the directory STORE, which images share, and mount them on
                   rootfs/; changes go to BUNDLE/upper
  --export FILE    write all files of the image as one tar archive, without unpacking them
  --cat PATH       print one file of the image
  --layer FILE     apply the layer (plain, gzip or zstd) to the directory ROOT
  --rootless       without privileges: all files belong to the caller, and devices are left out
  --devices WHAT   make, skip, or placeholder: an empty file instead of each device
  --ratio N        above 1 GiB, accept layers that are up to N times larger than their blobs (default 200)";

fn main() -> ExitCode {
    let command = Command::parse()
        .map_err(|error| format!("{}; see oci-unpack --help", one_line(&*error)).into());
    match command.and_then(Command::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("oci-unpack: {}", one_line(&*error)));
            ExitCode::FAILURE
        }
    }
}

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// What the command line asks for.
enum Command {
    Help,
    Image { image: ImageName, bundle: PathBuf, options: UnpackOptions },
    Overlay { image: ImageName, store: PathBuf, bundle: PathBuf, options: UnpackOptions },
    Export { image: ImageName, file: PathBuf, limits: Limits },
    Cat { image: ImageName, path: EntryPath, limits: Limits },
    Layer { file: PathBuf, root: PathBuf, options: UnpackOptions },
}

impl Command {
    fn parse() -> Result<Self> {
        let (mut image, mut layer, mut store, mut target) = (None, None, None, None);
        let (mut rootless, mut devices, mut export, mut cat) = (false, None, None, None);
        let mut limits = Limits::default();
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("image") => image = Some(arguments.value()?.parse()?),
                Long("layer") => layer = Some(PathBuf::from(arguments.value()?)),
                Long("overlay") => store = Some(PathBuf::from(arguments.value()?)),
                Long("export") => export = Some(PathBuf::from(arguments.value()?)),
                Long("cat") => cat = Some(EntryPath::parse(arguments.value()?.as_bytes())?),
                Long("rootless") => rootless = true,
                Long("devices") => devices = Some(arguments.value()?.parse_with(devices_of)?),
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

    fn run(self) -> Result<()> {
        match self {
            Self::Help => tell(USAGE),
            Self::Image { image, bundle, options } => unpack_image(&image, bundle, options)?,
            Self::Overlay { image, store, bundle, options } => {
                mount_image(&image, &store, &bundle, options)?;
            }
            Self::Export { image, file, limits } => export(&image, &file, &limits)?,
            Self::Cat { image, path, limits } => cat(&image, &path, &limits)?,
            Self::Layer { file, root, options } => layer(file, root, options)?,
        }
        Ok(())
    }
}

fn devices_of(word: &str) -> Result<Devices, &'static str> {
    match word {
        "make" => Ok(Devices::Make),
        "skip" => Ok(Devices::Skip),
        "placeholder" => Ok(Devices::Placeholder),
        _ => Err("it is not make, skip or placeholder"),
    }
}

fn unpack_image(name: &ImageName, bundle: PathBuf, mut options: UnpackOptions) -> Result<()> {
    let (path, tag) = local::place(name)?;
    let layout = Layout::open(path)?;
    let image = local::image(&layout, tag)?;
    let mut step = Steps::new().begin("unpack the image");
    let size = image.manifest().layers.iter().map(|layer| layer.size).sum();
    options.progress = Some(progress(&mut step, size));
    let unpacked = unpack_bundle(&layout, image.manifest(), bundle, &options)?;
    let mut bundle = Bundle::from_image(unpacked.config(), unpacked.path())?;
    if options.owners == Owners::Caller {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let rootless = bundle.spec().clone().rootless(user.as_raw(), group.as_raw());
        for dropped in &rootless.dropped {
            tell(format_args!("    without {dropped}"));
        }
        *bundle.spec_mut() = rootless.spec;
    }
    bundle.write()?;
    step.end(Done(unpacked.unpacked()));
    Ok(())
}

/// How many bytes of mount options the kernel accepts.
const MOST_OPTIONS: usize = 4095;

fn mount_image(
    name: &ImageName,
    store: &Path,
    bundle: &Path,
    mut options: UnpackOptions,
) -> Result<()> {
    let [rootfs, upper, work] = ["rootfs", "upper", "work"].map(|name| bundle.join(name));
    if is_mounted(&rootfs) {
        return Err(format!(
            "cannot mount on `{}`: something is mounted there already",
            rootfs.display()
        )
        .into());
    }
    let (path, tag) = local::place(name)?;
    let layout = Layout::open(path)?;
    let image = local::image(&layout, tag)?;
    let store = OverlayStore::create(store, Overlay::Trusted)
        .map_err(|error| format!("cannot make `{}`: {error}", store.display()))?;
    let mut steps = Steps::new();
    let mut step = steps.begin("unpack the layers");
    let size = image.manifest().layers.iter().map(|layer| layer.size).sum();
    options.progress = Some(progress(&mut step, size));
    let stack = store.unpack(&layout, image.manifest(), &options)?;
    let unpacked = stack.unpacked();
    step.end(Done(unpacked));

    let step = steps.begin("mount the layers");
    // Images have set-user-ID programs: nobody else may enter the bundle.
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    for path in [&rootfs, &work] {
        builder
            .create(path)
            .map_err(|error| format!("cannot make `{}`: {error}", path.display()))?;
    }
    stack
        .create_upper(&upper)
        .map_err(|error| format!("cannot make `{}`: {error}", upper.display()))?;
    let mut data = stack.options(&upper, &work);
    let held;
    if data.len() > MOST_OPTIONS {
        held = stack.hold()?;
        data = held.options(&upper, &work);
    }
    let data = CString::new(data.into_encoded_bytes())?;
    rustix::mount::mount("overlay", &rootfs, "overlay", MountFlags::empty(), data.as_c_str())
        .map_err(|error| format!("cannot mount the layers on `{}`: {error}", rootfs.display()))?;
    Bundle::from_image(&*image.config()?, bundle)?.write()?;
    step.end(format_args!("{} layers on {}", stack.layers().len(), rootfs.display()));
    Ok(())
}

fn is_mounted(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    device(path).is_some_and(|here| Some(here) != device(&path.join("..")))
}

/// Writes an archive: directly to a pipe or device, otherwise to a file that appears once all of it was verified.
fn export(name: &ImageName, path: &Path, limits: &Limits) -> Result<()> {
    let (layout, tag) = local::place(name)?;
    let layout = Layout::open(layout)?;
    let image = local::image(&layout, tag)?;
    let step = Steps::new().begin("write an archive");
    let failed = |error: std::io::Error| format!("cannot write to `{}`: {error}", path.display());
    let files = image.files(limits)?;
    let layer = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let file = File::options().write(true).open(path).map_err(failed)?;
            files.export(file, &Compression::none())?.1
        }
        _ => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let file = tempfile::Builder::new()
                .permissions(fs::Permissions::from_mode(0o666))
                .tempfile_in(directory.unwrap_or(Path::new(".")))
                .map_err(failed)?;
            let (file, layer) = files.export(file, &Compression::none())?;
            file.persist(path).map_err(|error| failed(error.error))?;
            layer
        }
    };
    step.end(Content(&layer.diff_id, layer.descriptor.size));
    Ok(())
}

/// The largest file that is printed: 256 MiB.
const CAT_LIMIT: u64 = 256 << 20;

fn cat(name: &ImageName, path: &EntryPath, limits: &Limits) -> Result<()> {
    let (layout, tag) = local::place(name)?;
    let layout = Layout::open(layout)?;
    let image = local::image(&layout, tag)?;
    let content = image.files(limits)?.read(path, CAT_LIMIT)?;
    Ok(std::io::stdout().write_all(&content)?)
}

fn layer(file: PathBuf, root: PathBuf, mut options: UnpackOptions) -> Result<()> {
    let blob =
        File::open(&file).map_err(|error| format!("cannot open `{}`: {error}", file.display()))?;
    let root = Root::create(&root)
        .map_err(|error| format!("cannot use `{}` as a root: {error}", root.display()))?;
    let mut step = Steps::new().begin("apply the layer");
    options.progress = Some(progress(&mut step, blob.metadata()?.len()));
    let (diff_id, unpacked) = unpack::apply_stream(blob, &root, &options)?;
    step.end(format_args!("{diff_id} {}", Done(&unpacked)));
    Ok(())
}

/// What was unpacked, in words.
struct Done<'a>(&'a Unpacked);

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unpacked { changes, bytes, devices_left_out, .. } = self.0;
        write!(f, "{changes} files, {}", Bytes(*bytes))?;
        match devices_left_out {
            0 => Ok(()),
            1 => f.write_str(", 1 device left out"),
            some => write!(f, ", {some} devices left out"),
        }
    }
}

/// Moves a bar as blobs are read.
fn progress(step: &mut Step, bytes: u64) -> Progress {
    let bar = step.bar(bytes);
    Progress::new(move |step| {
        if let unpack::Step::Read(bytes) = step {
            bar.inc(bytes);
        }
    })
}
