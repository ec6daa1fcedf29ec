//! Random commands by two handles, against a model of what a layout is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::build::{Builder, Image, Layer};
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, Level, MediaType, Platform};
use oci_layout::{ErrorKind, Fault, FaultKind, Layout};
use proptest::prelude::*;

use crate::fixture::directory;

const HANDLES: usize = 2;
const IMAGES: usize = 5;
const NAMES: [&str; 3] = ["v1", "v2", "latest"];

#[derive(Clone, Debug)]
enum Command {
    /// Stores all of an image.
    Put(usize),
    /// Copies all of an image from another layout, and names it.
    Copy(usize, usize),
    /// Begins a blob and lets it be.
    Begin(usize),
    Tag(usize, usize),
    Add(usize),
    Untag(usize),
    Remove(usize),
    Collect,
    Reopen,
    /// Both handles end as by a kill.
    Crash,
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (0..IMAGES).prop_map(Command::Put),
        2 => (0..IMAGES, 0..NAMES.len()).prop_map(|(image, name)| Command::Copy(image, name)),
        1 => (0..IMAGES).prop_map(Command::Begin),
        4 => (0..IMAGES, 0..NAMES.len()).prop_map(|(image, name)| Command::Tag(image, name)),
        2 => (0..IMAGES).prop_map(Command::Add),
        2 => (0..NAMES.len()).prop_map(Command::Untag),
        1 => (0..IMAGES).prop_map(Command::Remove),
        3 => Just(Command::Collect),
        2 => Just(Command::Reopen),
        1 => Just(Command::Crash),
    ]
}

/// Images that share layers.
fn image(number: usize) -> (Image, String) {
    let content = format!("layer {}", number % 3);
    let layer = Descriptor::of(MediaType::LAYER_TAR, &content);
    let diff_id = layer.digest.clone();
    let builder = Builder::new(&Platform::host()).layer(Layer::new(layer, diff_id));
    (builder.label("number", number.to_string()).build().unwrap(), content)
}

/// What a layout is.
#[derive(Default)]
struct Model {
    /// The index: names and images.
    entries: Vec<(Option<&'static str>, Digest)>,
    blobs: BTreeMap<Digest, Descriptor>,
    /// What each handle has written or found.
    pins: [BTreeSet<Digest>; HANDLES],
    /// What each blob of all images mentions.
    mentions: BTreeMap<Digest, Vec<Digest>>,
}

impl Model {
    fn new() -> Self {
        let mut model = Self::default();
        for (image, _) in (0..IMAGES).map(image) {
            let (config, layer) =
                (&image.config().descriptor().digest, &image.manifest().layers[0]);
            let manifest = image.manifest().descriptor().digest.clone();
            model.mentions.insert(manifest, vec![config.clone(), layer.digest.clone()]);
            model.mentions.insert(config.clone(), vec![layer.digest.clone()]);
        }
        model
    }

    fn put(&mut self, handle: usize, image: &Image) {
        for blob in parts(image) {
            self.pins[handle].insert(blob.digest.clone());
            self.blobs.insert(blob.digest.clone(), blob);
        }
    }

    fn tag(&mut self, name: &'static str, digest: Digest) {
        self.entries.retain(|entry| *entry != (None, digest.clone()) && entry.0 != Some(name));
        self.entries.push((Some(name), digest));
    }

    fn add(&mut self, digest: Digest) {
        if self.entries.iter().all(|entry| entry.1 != digest) {
            self.entries.push((None, digest));
        }
    }

    /// Removes entries; says if there were any.
    fn remove(&mut self, goes: impl Fn(&(Option<&'static str>, Digest)) -> bool) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| !goes(entry));
        self.entries.len() < before
    }

    /// Whether the index reaches what is not there.
    fn lacks_something(&self) -> bool {
        let roots = self.entries.iter().map(|entry| entry.1.clone());
        self.reached(roots.collect()).iter().any(|it| !self.blobs.contains_key(it))
    }

    /// Whether an entry of the index is not there.
    fn lists_what_is_missing(&self) -> bool {
        self.entries.iter().any(|entry| !self.blobs.contains_key(&entry.1))
    }

    /// What these digests are and mention.
    fn reached(&self, mut todo: Vec<Digest>) -> BTreeSet<Digest> {
        let mut needed = BTreeSet::new();
        while let Some(digest) = todo.pop() {
            if needed.insert(digest.clone()) && self.blobs.contains_key(&digest) {
                todo.extend(self.mentions.get(&digest).into_iter().flatten().cloned());
            }
        }
        needed
    }

    /// Removes garbage; says which.
    fn collect(&mut self) -> BTreeSet<Digest> {
        let roots = self.entries.iter().map(|entry| entry.1.clone());
        let needed = self.reached(roots.chain(self.pins.iter().flatten().cloned()).collect());
        let garbage: BTreeSet<_> =
            self.blobs.keys().filter(|it| !needed.contains(*it)).cloned().collect();
        self.blobs.retain(|digest, _| needed.contains(digest));
        garbage
    }
}

fn parts(image: &Image) -> Vec<Descriptor> {
    let documents = [image.manifest().descriptor(), image.config().descriptor()];
    documents.into_iter().chain(&image.manifest().layers).cloned().collect()
}

/// A layout and its handles.
struct System {
    directory: tempfile::TempDir,
    handles: Vec<Layout>,
}

impl System {
    fn new() -> Self {
        let mut system = Self { directory: directory(), handles: Vec::new() };
        Layout::create(system.path()).unwrap();
        system.open();
        system
    }

    /// What is in the files now, which no handle has open.
    fn copy(&self) -> Self {
        let mut system = Self { directory: directory(), handles: Vec::new() };
        copy(&self.path(), &system.path());
        system.open();
        system
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("layout")
    }

    /// A layout with every image, of which the files may be shared.
    fn source(&self) -> Layout {
        let path = self.directory.path().join("source");
        if let Ok(source) = Layout::open(&path) {
            return source;
        }
        let source = Layout::create(path).unwrap();
        (0..IMAGES).for_each(|number| put(&source, number));
        source
    }

    fn open(&mut self) {
        self.handles = (0..HANDLES).map(|_| Layout::open(self.path()).unwrap()).collect();
    }
}

/// Stores all of an image.
fn put(layout: &Layout, number: usize) {
    let (image, content) = image(number);
    layout.put(&image.manifest().layers[0], content.as_bytes()).unwrap();
    let _ = layout.put_image(&image).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Does to both what the command says, and compares what they say to it.
fn step(system: &mut System, model: &mut Model, handle: usize, command: &Command) {
    let layout = &system.handles[handle];
    let descriptor = |number: usize| image(number).0.descriptor();
    match *command {
        Command::Put(number) => {
            put(layout, number);
            model.put(handle, &image(number).0);
        }
        Command::Copy(number, name) => {
            let source = system.source();
            let copied = layout.copy_from(&source, &descriptor(number)).unwrap();
            copied.tag(NAMES[name]).unwrap();
            model.put(handle, &image(number).0);
            model.tag(NAMES[name], descriptor(number).digest);
        }
        Command::Begin(number) => {
            let layer = image(number).0.manifest().layers[0].clone();
            model.pins[handle].insert(layer.digest.clone());
            let writer = layout.create(&layer).unwrap();
            assert_eq!(writer.is_none(), model.blobs.contains_key(&layer.digest));
            if let Some(mut writer) = writer {
                writer.write_all(b"la").unwrap();
            }
        }
        Command::Tag(number, name) => {
            layout.tag(NAMES[name], &descriptor(number)).unwrap();
            model.tag(NAMES[name], descriptor(number).digest);
        }
        Command::Add(number) => {
            layout.add(&descriptor(number)).unwrap();
            model.add(descriptor(number).digest);
        }
        Command::Untag(name) => {
            let gone = layout.untag(NAMES[name]);
            check(gone, model.remove(|entry| entry.0 == Some(NAMES[name])));
        }
        Command::Remove(number) => {
            let digest = descriptor(number).digest;
            check(layout.remove(&digest), model.remove(|entry| entry.1 == digest));
        }
        Command::Collect => match layout.collect_garbage() {
            Ok(garbage) => {
                assert!(!model.lists_what_is_missing());
                assert_eq!(garbage.blobs.into_iter().collect::<BTreeSet<_>>(), model.collect());
            }
            Err(error) => assert!(model.lists_what_is_missing(), "{error:?}"),
        },
        Command::Reopen => {
            model.pins[handle].clear();
            system.handles[handle] = Layout::open(system.path()).unwrap();
        }
        Command::Crash => {
            let half = image(0).0.manifest().layers[0].clone();
            let mut writer = layout.create(&half).unwrap();
            if let Some(writer) = &mut writer {
                writer.write_all(b"la").unwrap();
            }
            // The copy is made while the writer is at work.
            let next = system.copy();
            drop(writer);
            *system = next;
            model.pins = Default::default();
        }
    }
}

/// What is not there cannot be removed.
fn check<T: std::fmt::Debug>(outcome: Result<T, oci_layout::Error>, was_there: bool) {
    match outcome {
        Ok(_) => assert!(was_there),
        Err(error) => assert!(!was_there && error.kind() == ErrorKind::NotFound, "{error:?}"),
    }
}

/// Every handle sees what the model says.
fn compare(system: &System, model: &Model) {
    for layout in &system.handles {
        let faults = layout.fsck().unwrap();
        let missing = |it: &Fault| it.kind == FaultKind::Missing;
        assert!(faults.iter().all(|it| missing(it) || it.kind.level() == Level::Warning));
        assert_eq!(faults.iter().any(missing), model.lacks_something(), "{faults:?}");
        let entries = layout.list().unwrap().into_iter();
        let entries: Vec<_> = entries.map(|it| (it.name, it.descriptor.digest)).collect();
        let expected = model.entries.iter().map(|(name, it)| (name.map(Into::into), it.clone()));
        assert_eq!(entries, expected.collect::<Vec<_>>());
        for blob in (0..IMAGES).flat_map(|number| parts(&image(number).0)) {
            match model.blobs.contains_key(&blob.digest) {
                true => drop(layout.read(&blob, 1 << 20).unwrap()),
                false => assert!(layout.open(&blob).unwrap().is_none()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_layout_is_what_the_model_says(
        commands in prop::collection::vec((0..HANDLES, command()), 1..40)
    ) {
        let (mut system, mut model) = (System::new(), Model::new());
        for (handle, command) in &commands {
            step(&mut system, &mut model, *handle, command);
            compare(&system, &model);
        }
    }
}
