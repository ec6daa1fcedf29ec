//! Images and trees to work on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer};
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, MediaType, Platform};
use oci_layout::Layout;

/// A directory with a layout of images, and a tree to pack.
pub(crate) struct Inputs {
    pub(crate) directory: PathBuf,
    layout: Layout,
    mebibytes: u64,
    files: u64,
}

impl Inputs {
    pub(crate) fn make(directory: &Path, mebibytes: u64, files: u64) -> Self {
        fs::create_dir_all(directory).unwrap();
        let layout = Layout::create(directory.join("layouts")).unwrap();
        let inputs = Self { directory: directory.to_owned(), layout, mebibytes, files };
        inputs.make_mixed();
        inputs.make_small();
        let empty = Layout::create(directory.join("empty")).unwrap();
        let image = Builder::new(&Platform::host()).build().unwrap();
        empty.put_image(&image).unwrap().tag("empty").unwrap();
        inputs
    }

    pub(crate) fn describe(&self) -> String {
        format!("{} MiB of /usr in six layers, {} small files", self.mebibytes, self.files)
    }

    /// What is in the mixed image: a line for each file.
    pub(crate) fn files_list(&self) -> PathBuf {
        self.directory.join("files")
    }

    /// The paths of the blobs of an image's layers.
    pub(crate) fn blobs(&self, tag: &str) -> Vec<String> {
        let path = |layer: &Descriptor| {
            let name = layer.digest.to_string().replace(':', "/");
            self.layout.path().join("blobs").join(name).display().to_string()
        };
        self.layout.image(tag).unwrap().manifest().layers.iter().map(path).collect()
    }

    /// Files of this machine, and the first three layers of them as a tree to pack.
    fn make_mixed(&self) {
        let (mut gzip, mut zstd) = (Vec::new(), Vec::new());
        let tree = self.directory.join("tree");
        fs::create_dir(&tree).unwrap();
        let mut files = File::create(self.files_list()).unwrap();
        for (number, list) in lists(self.mebibytes << 20).iter().enumerate() {
            list.iter().for_each(|path| writeln!(files, "{}", describe(path)).unwrap());
            let tar = self.tar(Path::new("/usr"), list);
            if number < 3 {
                run("tar", &["-xf", &text(&tar), "-C", &text(&tree)]);
            }
            gzip.push(self.layer(&tar, MediaType::LAYER_TAR_GZIP, "gzip -6n"));
            zstd.push(self.layer(&tar, MediaType::LAYER_TAR_ZSTD, "zstd -3 -T2 -q"));
            fs::remove_file(tar).unwrap();
        }
        self.image("mix", gzip);
        self.image("mix-zstd", zstd);
    }

    fn make_small(&self) {
        let tree = self.directory.join("small");
        let mut word = 1u32;
        for number in 0..self.files {
            let parent = tree.join(format!("d{:03}", number / 100));
            fs::create_dir_all(&parent).unwrap();
            let mut content = String::new();
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            for line in 0..(word >> 8) % 128 {
                content.push_str(&format!("{line} {:x}\n", word.wrapping_mul(line)));
            }
            fs::write(parent.join(format!("f{number}")), content).unwrap();
        }
        let tar = self.tar(&tree, &[".".into()]);
        fs::remove_dir_all(tree).unwrap();
        let layer = self.layer(&tar, MediaType::LAYER_TAR_GZIP, "gzip -6n");
        fs::remove_file(tar).unwrap();
        self.image("small", vec![layer]);
    }

    fn tar(&self, from: &Path, list: &[PathBuf]) -> PathBuf {
        let (names, tar) = (self.directory.join("names"), self.directory.join("tar"));
        let mut file = File::create(&names).unwrap();
        for path in list {
            writeln!(file, "{}", path.display()).unwrap();
        }
        let recursion = if list.len() == 1 { "--recursion" } else { "--no-recursion" };
        let (from, list, out) = (text(from), text(&names), text(&tar));
        run("tar", &["-cf", &out, "-C", &from, "--format=posix", recursion, "-T", &list]);
        tar
    }

    fn layer(&self, tar: &Path, media_type: MediaType, compress: &str) -> Layer {
        let shell = format!("{compress} < '{}'", tar.display());
        let output = Command::new("sh").args(["-c", &shell]).output().unwrap();
        assert!(output.status.success(), "{compress}");
        let blob = Descriptor::of(media_type, &output.stdout);
        self.layout.put(&blob, &output.stdout[..]).unwrap();
        Layer::new(blob, Digest::sha256(fs::read(tar).unwrap()))
    }

    fn image(&self, tag: &str, layers: Vec<Layer>) {
        let builder = Builder::new(&Platform::host());
        let image = layers.into_iter().fold(builder, Builder::layer).build().unwrap();
        self.layout.put_image(&image).unwrap().tag(tag).unwrap();
    }
}

/// Files below `/usr` of so many bytes together, in six parts.
fn lists(bytes: u64) -> Vec<Vec<PathBuf>> {
    let mut lists = vec![Vec::new()];
    let (mut left, mut waiting) = (bytes / 6, vec![PathBuf::from("/usr")]);
    while let Some(path) = waiting.pop() {
        let metadata = path.symlink_metadata().unwrap();
        let below = path.strip_prefix("/usr").unwrap().to_owned();
        let is_plain = below.to_str().is_some_and(|text| !text.contains('\n'));
        if metadata.is_dir() && is_plain {
            let mut inside: Vec<_> =
                fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            inside.sort();
            waiting.extend(inside);
        }
        if below.as_os_str().is_empty() || !is_plain {
            continue;
        }
        let size = if metadata.is_file() { metadata.len() } else { 0 };
        lists.last_mut().unwrap().push(below);
        left = left.saturating_sub(size + 512);
        if left == 0 {
            if lists.len() == 6 {
                break;
            }
            left = bytes / 6;
            lists.push(Vec::new());
        }
    }
    lists
}

/// The size of a file, or what else it is, and the path below `/usr`.
fn describe(path: &Path) -> String {
    let metadata = Path::new("/usr").join(path).symlink_metadata().unwrap();
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => "directory".to_owned(),
        kind if kind.is_file() => metadata.len().to_string(),
        _ => "link".to_owned(),
    };
    format!("{kind} {}", path.display())
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
