use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;
use oci_runtime::Container;
use oci_runtime::spec::Status;
use serde::Serialize;

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;
use crate::json::pretty;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let id = arguments.id(|_, _| Ok(false))?;
    let document = Document::new(&global.container(&id)?)?;
    write!(std::io::stdout(), "{}", pretty(&document, "  ")?)?;
    Ok(())
}

/// The state of a container with what runc adds to that of the specification.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    oci_version: String,
    pub(super) id: String,
    /// 0: it has ended.
    pub(super) pid: i64,
    pub(super) status: Status,
    pub(super) bundle: String,
    rootfs: String,
    pub(super) created: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    /// The name of the user, in lists alone.
    pub(super) owner: String,
}

impl Document {
    pub(super) fn new(container: &Container) -> Result<Self> {
        let (state, created) = (container.state()?, container.created()?);
        // While it is being made, its specification may not be there yet.
        let root = container.spec().ok().and_then(|spec| spec.root);
        let rootfs =
            root.map(|root| Path::new(&state.bundle).join(root.path).display().to_string());
        Ok(Self {
            oci_version: state.oci_version,
            id: state.id,
            pid: state.pid.unwrap_or_default(),
            status: state.status,
            bundle: state.bundle,
            rootfs: rootfs.unwrap_or_default(),
            created: Timestamp::try_from(created)?.to_string(),
            annotations: state.annotations.into_iter().collect(),
            owner: String::new(),
        })
    }
}
