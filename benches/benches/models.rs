//! The models beside those of oci-spec 0.10, in one run.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use oci_image::{Algorithm, Digest, Index, json};
use oci_spec::image::ImageIndex;

/// An index of `number` manifests, as registries hold them.
fn index(number: usize) -> Vec<u8> {
    let entry = |number: usize| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"architecture":"arm64","os":"linux","variant":"v8"}},"annotations":{{"org.opencontainers.image.ref.name":"v{number}","org.opencontainers.image.created":"2026-01-01T00:00:00Z"}}}}"#,
            Digest::sha256(number.to_string()),
            1000 + number,
        )
    };
    let entries: Vec<_> = (0..number).map(entry).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
        entries.join(",")
    )
    .into_bytes()
}

/// Makes the allocator keep freed memory, as it does in a program that has run for a while.
///
/// glibc returns the free end of the heap to the kernel, and the next document faults it in again: a third of
/// the time of small documents, which depends on what was measured before. After a large block was freed, its
/// threshold for that is twice as large.
fn keep_the_heap() {
    drop(black_box(vec![0_u8; 16 << 20]));
}

fn documents(criterion: &mut Criterion) {
    keep_the_heap();
    let bytes = index(1000);
    let ours: Index = json::from_slice(&bytes).unwrap();
    let theirs: ImageIndex = serde_json::from_slice(&bytes).unwrap();

    let mut group = criterion.benchmark_group("index of 1000 manifests");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("parse/ours", |b| b.iter(|| json::from_slice::<Index>(black_box(&bytes))));
    group.bench_function("parse/oci-spec", |b| {
        b.iter(|| serde_json::from_slice::<ImageIndex>(black_box(&bytes)))
    });
    group.bench_function("serialise/ours", |b| b.iter(|| json::to_vec(black_box(&ours))));
    group.bench_function("serialise/oci-spec", |b| {
        b.iter(|| serde_json::to_vec(black_box(&theirs)))
    });
    group.bench_function("clone/ours", |b| b.iter(|| black_box(&ours).clone()));
    group.bench_function("clone/oci-spec", |b| b.iter(|| black_box(&theirs).clone()));

    let file = std::env::temp_dir().join(format!("oci-benches-{}.json", std::process::id()));
    std::fs::write(&file, &bytes).unwrap();
    group.bench_function("parse from a file/ours", |b| {
        b.iter(|| json::from_slice::<Index>(&std::fs::read(&file).unwrap()))
    });
    group.bench_function("parse from a file/oci-spec", |b| b.iter(|| ImageIndex::from_file(&file)));
    std::fs::remove_file(&file).unwrap();
    group.finish();
}

fn references(criterion: &mut Criterion) {
    let text = "ghcr.io/owner/app:v1.0@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let mut group = criterion.benchmark_group("reference");
    group.bench_function("parse/ours", |b| {
        b.iter(|| black_box(text).parse::<oci_image::Reference>())
    });
    group.bench_function("parse/oci-spec", |b| {
        b.iter(|| black_box(text).parse::<oci_spec::distribution::Reference>())
    });
    group.finish();
}

fn digests(criterion: &mut Criterion) {
    let content = vec![0x5a; 16 << 20];
    let mut group = criterion.benchmark_group("digest of 16 MiB");
    group.throughput(Throughput::Bytes(content.len() as u64)).sample_size(10);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3] {
        group.bench_function(algorithm.name(), |b| {
            b.iter(|| Digest::of(algorithm, black_box(&content)))
        });
    }
    let theirs = [("sha256/ring", &ring::digest::SHA256), ("sha512/ring", &ring::digest::SHA512)];
    for (name, algorithm) in theirs {
        group.bench_function(name, |b| {
            b.iter(|| ring::digest::digest(algorithm, black_box(&content)))
        });
    }
    group.finish();
}

criterion_group!(benches, documents, references, digests);
criterion_main!(benches);
