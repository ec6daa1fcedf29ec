//! The form without an image layout.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read, Write};

use oci_image::json::{self, model};
use oci_image::{Config, Descriptor, Digest, Document, ExecutionConfig, MediaType, build};

use super::Saved;
use crate::Error;
use crate::archive::docker::MANIFEST_FILE;
use crate::archive::docker::images::manifest;
use crate::archive::tar_writer::TarWriter;
use crate::archive::write::failed;

model! {
    /// A layer as an image of its own, for readers that do not know `manifest.json`.
    struct Ancestor {
        required id: String = "id";
        optional parent: String = "parent";
        optional created: String = "created";
        optional architecture: String = "architecture";
        optional os: String = "os";
        optional config: ExecutionConfig = "config";
    }
}

/// Which version of [`Ancestor`] the directories hold.
const VERSION: &[u8] = b"1.0";

pub(super) struct Legacy<W: Write> {
    tar: TarWriter<W>,
    /// The layers, and how large they are.
    layers: HashMap<Digest, u64>,
    /// The configs and the directories of layers.
    written: HashSet<String>,
    /// The last layer of each image, by name and tag.
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

impl<W: Write> Legacy<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            tar: TarWriter::new(out),
            layers: HashMap::new(),
            written: HashSet::new(),
            repositories: BTreeMap::new(),
        }
    }

    pub(super) fn size(&self, diff_id: &Digest) -> Option<u64> {
        self.layers.get(diff_id).copied()
    }

    pub(super) fn layer(
        &mut self,
        diff_id: &Digest,
        size: u64,
        content: impl Read,
    ) -> io::Result<()> {
        self.tar.file(&layer_file(diff_id), size, content)?;
        self.layers.insert(diff_id.clone(), size);
        Ok(())
    }

    /// Config and ancestors. The manifest is not kept: it is what a reader makes of the rest.
    pub(super) fn image(
        &mut self,
        image: &build::Image,
        names: &[&str],
    ) -> Result<(Descriptor, Saved), Error> {
        let config = image.config();
        // By its SHA-256, whatever names it elsewhere: that is the image's ID.
        let id = Descriptor::of(MediaType::IMAGE_CONFIG, config.bytes());
        let mut saved = Saved::new(format!("{}.json", id.digest.encoded()));
        if self.written.insert(saved.config.clone()) {
            self.file(&saved.config, config.bytes()).map_err(failed)?;
        }
        saved.layers = config.rootfs.diff_ids.iter().map(layer_file).collect();
        if let Some(last) = self.ancestors(config, &id.digest)? {
            for (name, tag) in names.iter().filter_map(|name| name.rsplit_once(':')) {
                self.repositories.entry(name.into()).or_default().insert(tag.into(), last.clone());
            }
        }
        let layers = image.manifest().layers.iter().map(|layer| {
            Descriptor::new(layer.media_type.clone(), layer.digest.clone(), layer.size)
        });
        let manifest = manifest(id, layers.collect())
            .map_err(|error| Error::invalid("cannot write the manifest of the image", error))?;
        Ok((manifest.descriptor().clone(), saved))
    }

    /// Writes a directory for each layer, and gives the name of the last.
    fn ancestors(
        &mut self,
        config: &Document<Config>,
        image: &Digest,
    ) -> Result<Option<String>, Error> {
        let diff_ids = &config.rootfs.diff_ids;
        let mut parent = None;
        for (position, diff_id) in diff_ids.iter().enumerate() {
            let is_last = position + 1 == diff_ids.len();
            let mut ancestor =
                Ancestor::new(name(parent.as_deref(), diff_id, is_last.then_some(image)));
            ancestor.parent = parent;
            if is_last {
                ancestor.created.clone_from(&config.created);
                ancestor.architecture = Some(config.architecture.to_string());
                ancestor.os = Some(config.os.to_string());
                ancestor.config.clone_from(&config.config);
            }
            self.ancestor(&ancestor, diff_id)?;
            parent = Some(ancestor.id);
        }
        Ok(parent)
    }

    fn ancestor(&mut self, ancestor: &Ancestor, diff_id: &Digest) -> Result<(), Error> {
        let directory = &ancestor.id;
        if !self.written.insert(directory.clone()) {
            return Ok(());
        }
        let json = json::to_vec(ancestor)
            .map_err(|error| Error::invalid(format!("cannot write layer `{diff_id}`"), error))?;
        let target = format!("../{}", layer_file(diff_id));
        self.tar
            .directory(&format!("{directory}/"))
            .and_then(|()| self.file(&format!("{directory}/VERSION"), VERSION))
            .and_then(|()| self.file(&format!("{directory}/json"), &json))
            .and_then(|()| self.tar.symlink(&format!("{directory}/layer.tar"), &target))
            .map_err(failed)
    }

    pub(super) fn finish(mut self, manifest: &[u8]) -> Result<W, Error> {
        let repositories = json::to_vec(&self.repositories)
            .map_err(|error| Error::invalid("cannot write the names of the images", error))?;
        self.file(MANIFEST_FILE, manifest).map_err(failed)?;
        self.file("repositories", &repositories).map_err(failed)?;
        self.tar.finish().map_err(failed)
    }

    fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.tar.file(name, content.len() as u64, content)
    }
}

fn layer_file(diff_id: &Digest) -> String {
    format!("{}.tar", diff_id.encoded())
}

/// What a layer is called on its parent, and as the last one of an image.
fn name(parent: Option<&str>, diff_id: &Digest, image: Option<&Digest>) -> String {
    let image = image.map_or("", Digest::as_str);
    let parts = format!("{} {diff_id} {image}", parent.unwrap_or_default());
    Digest::sha256(parts).encoded().to_owned()
}
