use std::io;

use oci_image::blob::{BlobSinkExt, BlobSourceExt, Memory};
use oci_image::graph::Limits;
use oci_image::platform::choice::{Choice, Error, Step};
use oci_image::{
    AnyDocument, Config, Descriptor, Document, Index, Manifest, MediaType, Platform, RootFs, graph,
};

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

/// An entry of an index.
enum Entry {
    /// An image for this platform, which the entry states.
    Stated(&'static str),
    /// An image for this platform, which only its config says.
    Unstated(&'static str),
    /// An artifact.
    Artifact,
    /// Something of another type, for this platform if one is stated.
    Text(Option<&'static str>),
    /// A nested index, for this platform if one is stated.
    Index(Option<&'static str>, Vec<Entry>),
}
use Entry::{Artifact, Stated, Text, Unstated};

fn nested(entries: Vec<Entry>) -> Entry {
    Entry::Index(None, entries)
}

/// A store of documents; each image is called by the number of documents that were there before.
#[derive(Default)]
struct Store {
    memory: Memory,
    images: Vec<Descriptor>,
}

impl Store {
    fn put(&self, document: &AnyDocument) -> Descriptor {
        self.memory.put(document.descriptor(), document.bytes()).unwrap();
        document.descriptor().clone()
    }

    fn image(&mut self, config: Descriptor) -> Descriptor {
        let mut manifest = Manifest::new(config);
        manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
        manifest.annotations.insert("number".into(), self.images.len().to_string());
        let image = self.put(&Document::new(manifest).unwrap().into());
        self.images.push(image.clone());
        image
    }

    fn image_for(&mut self, platform: &str) -> Descriptor {
        let wanted: Platform = platform.parse().unwrap();
        let mut config = Config::new(wanted.architecture, wanted.os, RootFs::new());
        (config.variant, config.os_version) = (wanted.variant, wanted.os_version);
        let config = Document::new(config).unwrap();
        self.memory.put(config.descriptor(), config.bytes()).unwrap();
        self.image(config.descriptor().clone())
    }

    fn index(&mut self, entries: &[Entry]) -> Descriptor {
        let mut index = Index::new();
        index.media_type = Some(MediaType::IMAGE_INDEX);
        index.manifests = self.entries(entries);
        self.put(&Document::new(index).unwrap().into())
    }

    fn entries(&mut self, entries: &[Entry]) -> Vec<Descriptor> {
        entries.iter().map(|entry| self.entry(entry)).collect()
    }

    fn entry(&mut self, entry: &Entry) -> Descriptor {
        let (mut descriptor, stated) = match entry {
            Stated(text) => (self.image_for(text), Some(*text)),
            Unstated(text) => (self.image_for(text), None),
            Artifact => (self.image(Descriptor::empty_json()), None),
            Text(stated) => (Descriptor::of("text/plain".into(), "text"), *stated),
            Entry::Index(stated, entries) => (self.index(entries), *stated),
        };
        descriptor.platform = stated.map(platform);
        descriptor
    }

    /// The number of the image that is chosen.
    fn number(&self, chosen: &Descriptor) -> usize {
        self.images.iter().position(|image| image.digest == chosen.digest).unwrap()
    }
}

fn choose(entries: &[Entry], machine: &str) -> Option<usize> {
    let mut store = Store::default();
    let entries = store.entries(entries);
    match Choice::new(&platform(machine), &entries).over(&store.memory) {
        Ok(chosen) => Some(store.number(&chosen)),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
            None
        }
    }
}

// covers: IMG-IDX-15
#[test]
fn the_best_image_is_chosen_and_the_first_of_equals() {
    for (entries, machine, chosen) in [
        (vec![Stated("linux/386"), Stated("linux/amd64"), Stated("linux/amd64")], "amd64", Some(1)),
        (
            vec![Stated("linux/arm/v6"), Stated("linux/arm/v7"), Stated("linux/arm64")],
            "arm64",
            Some(2),
        ),
        (
            vec![Stated("linux/arm/v5"), Stated("linux/arm/v6"), Stated("linux/arm/v7")],
            "arm/v6",
            Some(1),
        ),
        (vec![Stated("unknown/unknown"), Stated("linux/ppc64le")], "amd64", None),
        (vec![], "amd64", None),
        // Stated before unstated, if they are equally good.
        (vec![Unstated("linux/386"), Stated("linux/386")], "amd64", Some(1)),
        (vec![Unstated("linux/amd64"), Stated("linux/386")], "amd64", Some(0)),
        (vec![Unstated("linux/amd64"), Stated("linux/386")], "386", Some(1)),
        (vec![Stated("linux/arm64"), Unstated("linux/amd64")], "amd64", Some(1)),
        (vec![Stated("linux/s390x"), Unstated("linux/s390x")], "amd64", None),
        // What the config says counts where nothing is stated.
        (vec![Unstated("linux/arm64"), Unstated("linux/amd64")], "amd64", Some(1)),
        (vec![Unstated("linux/arm64")], "amd64", None),
        (vec![Artifact, Unstated("linux/amd64")], "amd64", Some(1)),
        (vec![Text(None), Stated("linux/amd64")], "amd64", Some(0)),
        (vec![Text(Some("linux/amd64")), Unstated("linux/amd64")], "amd64", Some(0)),
        // The entries of a nested index take its place.
        (vec![nested(vec![Stated("linux/amd64")]), Stated("linux/386")], "amd64", Some(0)),
        (vec![nested(vec![Stated("linux/amd64")]), Stated("linux/amd64")], "amd64", Some(1)),
        (vec![nested(vec![Stated("linux/amd64")]), Unstated("linux/amd64")], "amd64", Some(0)),
        (
            vec![
                Entry::Index(Some("linux/amd64"), vec![Unstated("linux/amd64")]),
                Stated("linux/amd64"),
            ],
            "amd64",
            Some(0),
        ),
        (vec![Entry::Index(Some("linux/arm64"), vec![Stated("linux/amd64")])], "amd64", None),
        (vec![Entry::Index(Some("linux/amd64"), vec![Stated("linux/arm64")])], "amd64", None),
        (
            vec![nested(vec![nested(vec![Unstated("linux/arm64"), Unstated("linux/386")])])],
            "amd64",
            Some(1),
        ),
        // Windows: the machine's own build, then the newest.
        (
            vec![Stated("windows(10.0.20348.1)/amd64"), Stated("windows(10.0.26100.1)/amd64")],
            "windows(10.0.26100.5)/amd64",
            Some(1),
        ),
        (
            vec![Stated("windows/amd64"), Stated("windows(10.0.26100.1)/amd64")],
            "windows(10.0.26100.5)/amd64",
            Some(1),
        ),
        (
            vec![Stated("windows(10.0.26100.1)/amd64"), Unstated("windows(10.0.26100.4)/amd64")],
            "windows(10.0.26100.5)/amd64",
            Some(1),
        ),
        (
            vec![Stated("windows/amd64"), Stated("windows(10.0.26100.1)/amd64")],
            "windows/amd64",
            Some(0),
        ),
    ] {
        let machine = if machine.contains('/') && machine.starts_with("windows") {
            machine.to_owned()
        } else {
            format!("linux/{machine}")
        };
        let mut store = Store::default();
        store.entries(&entries);
        let offered: Vec<_> = store.images.iter().map(|image| image.digest.to_string()).collect();
        assert_eq!(choose(&entries, &machine), chosen, "{machine} of {offered:?}");
    }
}

#[test]
fn nothing_is_read_that_cannot_change_the_choice() {
    let mut store = Store::default();
    let entries = [
        nested(vec![Stated("linux/amd64")]),
        Stated("linux/386"),
        Stated("linux/amd64"),
        Unstated("linux/amd64"),
    ];
    let entries = store.entries(&entries);
    let chosen = Choice::new(&platform("linux/amd64"), &entries).next_step();
    assert_eq!(chosen, Ok(Step::Chosen(entries[2].clone())));
}

#[test]
fn equals_under_one_name_are_refused_if_that_is_asked() {
    for (entries, is_ambiguous) in [
        (vec![Stated("linux/amd64"), Stated("linux/arm64")], false),
        (vec![Stated("linux/amd64"), Stated("linux/386")], false),
        (vec![Stated("linux/amd64"), Stated("linux/amd64")], true),
        (vec![Stated("linux/386"), Stated("linux/386"), Stated("linux/amd64")], false),
        (vec![Stated("linux/amd64"), Unstated("linux/amd64")], true),
        (vec![nested(vec![Stated("linux/amd64"), Stated("linux/amd64")])], false),
        (vec![nested(vec![Stated("linux/amd64")]), Unstated("linux/amd64")], true),
        (vec![Artifact, Stated("linux/amd64")], false),
    ] {
        let mut store = Store::default();
        let entries = store.entries(&entries);
        let machine = platform("linux/amd64");
        let chosen = Choice::new(&machine, &entries).refuse_equals().over(&store.memory);
        assert_eq!(chosen.is_err(), is_ambiguous, "{entries:?}");
        if let Err(error) = chosen {
            let error = error.get_ref().and_then(|error| error.downcast_ref::<Error>()).unwrap();
            assert_eq!(*error, Error::Ambiguous { wanted: Box::new(machine) });
        }
    }
    // One image in two places is one.
    let mut store = Store::default();
    let entry = store.entry(&Stated("linux/amd64"));
    let choice = Choice::new(&platform("linux/amd64"), [&entry, &entry]).refuse_equals();
    assert_eq!(choice.over(&store.memory).unwrap(), entry);
}

#[test]
fn the_error_names_what_there_is() {
    let mut store = Store::default();
    let entries = [
        Stated("linux/arm64/v8"),
        Stated("unknown/unknown"),
        Stated("windows(10.0.17763.1)/amd64"),
        Stated("linux/arm64/v8"),
        nested(vec![Unstated("linux/s390x")]),
    ];
    let mut entries = store.entries(&entries);
    let text = |entries: &[Descriptor], machine: &str| {
        Choice::new(&platform(machine), entries).over(&store.memory).unwrap_err().to_string()
    };
    assert_eq!(
        text(&entries, "linux/amd64"),
        "cannot choose an image for `linux/amd64`: there are only images for `linux/arm64/v8`, \
         `windows(10.0.17763.1)/amd64`, `linux/s390x`"
    );
    assert_eq!(
        text(&[], "linux/amd64"),
        "cannot choose an image for `linux/amd64`: there is no image for any platform"
    );
    let hostile = Platform::new("a\u{1b}[2J\u{202e}".repeat(1000).as_str().into(), "x".into());
    entries[0].platform = Some(hostile);
    let text = text(&entries[..1], "linux/amd64");
    assert!(text.len() < 1200 && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
}

/// Each index names the one below it twice: to visit each place would take for ever.
#[test]
fn an_index_that_is_named_often_is_read_once() {
    let mut store = Store::default();
    let image = store.entry(&Stated("linux/arm64"));
    let mut entry = store.index(&[]);
    for _ in 0..31 {
        let mut index = Index::new();
        index.media_type = Some(MediaType::IMAGE_INDEX);
        index.manifests = vec![entry.clone(), entry.clone(), image.clone()];
        entry = store.put(&Document::new(index).unwrap().into());
    }
    let too_deep = Choice::new(&platform("linux/amd64"), [&entry]).over(&store.memory);
    let too_deep = too_deep.unwrap_err();
    let error = too_deep.get_ref().and_then(|error| error.downcast_ref::<Error>());
    assert!(
        matches!(error, Some(Error::Graph(graph::Error::TooDeep { limit: 32, .. }))),
        "{error:?}"
    );
    let mut limits = Limits::default();
    limits.depth = 64;
    let none = Choice::new(&platform("linux/amd64"), [&entry]).limits(limits).over(&store.memory);
    assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn only_what_was_asked_for_is_taken() {
    let mut store = Store::default();
    let entries = store.entries(&[Unstated("linux/arm64"), Unstated("linux/amd64")]);
    let document = |number: usize| store.memory.any_document(&entries[number]).unwrap();
    let mut choice = Choice::new(&platform("linux/amd64"), &entries);
    assert_eq!(choice.next_step(), Ok(Step::Read(entries[0].clone())));
    let not_asked = graph::Error::NotAsked { digest: entries[1].digest.clone() };
    assert_eq!(choice.found(&document(1)), Err(Error::Graph(not_asked)));
    assert_eq!(choice.next_step(), Ok(Step::Read(entries[0].clone())));
}
