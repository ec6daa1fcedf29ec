//! Our side, run as a process of its own.

use std::path::Path;
use std::sync::Arc;

use oci_distribution_client::{Client, Config, Repository};
use oci_image::images::Images;
use oci_layout::{Durability, Layout, LayoutOptions};

pub(crate) fn push(layout: &Path, host: &str) {
    let layout = Layout::open(layout).unwrap();
    let image = layout.resolve("v1").unwrap();
    block_on(async { repository(host).push(&layout, &image).tag("v1").await.unwrap() });
}

pub(crate) fn pull(host: &str, layout: &Path, durability: &str) {
    let durability = match durability {
        "synced" => Durability::Synced,
        _ => Durability::Relaxed,
    };
    let layout = Arc::new(LayoutOptions::new().durability(durability).create(layout).unwrap());
    block_on(async {
        let repository = repository(host);
        let image = repository.resolve("v1").await.unwrap();
        repository.pull(&image, &layout).await.unwrap();
        layout.tag("v1", &image).unwrap();
    });
}

fn repository(host: &str) -> Repository {
    let client = Client::new(Config::default().plain_http(host)).unwrap();
    client.repository(&format!("{host}/image")).unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}
