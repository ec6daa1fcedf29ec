//! What a registry says about content beside the content.

use http::Response;
use oci_distribution_client::transport::Body;
use oci_distribution_client::{Client, Config, Error, ErrorKind, Repository};
use oci_image::{Algorithm, Descriptor, Digest, MediaType};

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{Fixture, chain, quick};

fn repository(fake: &Fake) -> Repository {
    let client = Client::new(Config::default().retry(quick()).transport(fake.clone())).unwrap();
    client.repository("registry.example/team/app").unwrap()
}

/// A registry that has one manifest, with these headers for `HEAD` and `GET`.
fn serve(bytes: &[u8], headers: &[(&str, &str)]) -> Fake {
    let bytes = bytes.to_vec();
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Fake::new(move |seen: &Seen| -> Response<Body> {
        let length = bytes.len().to_string();
        let mut all: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match seen.method.as_str() {
            "HEAD" => {
                all.push(("content-length", &length));
                answer(200, &all, "")
            }
            _ => answer(200, &all, bytes.clone()),
        }
    })
}

/// Resolves a name and gets what it means.
async fn get(fake: &Fake, name: &str) -> Result<Descriptor, Error> {
    let resolved = repository(fake).resolve(name).await?;
    resolved.manifest().await?;
    Ok(resolved.descriptor().clone())
}

// covers: DIST-GEN-01
#[tokio::test]
async fn no_header_of_docker_is_needed_or_believed() {
    let fixture = Fixture::new();
    let (bytes, image) = (fixture.amd64.bytes(), fixture.amd64.descriptor());
    let media_type = ("content-type", image.media_type.as_str());
    let strange = [
        media_type,
        ("docker-distribution-api-version", "registry/9.9"),
        ("docker-upload-uuid", "../x"),
        ("docker-content-digest", "no digest"),
    ];
    for headers in [&[media_type][..], &strange] {
        let fake = serve(bytes, headers);
        for name in ["v1", image.digest.as_str()] {
            let found = get(&fake, name).await.unwrap();
            assert_eq!((&found.digest, found.size), (&image.digest, image.size), "{headers:?}");
        }
        let sent = fake.seen();
        let mut names = sent.iter().flat_map(|seen| seen.headers.keys());
        assert!(!names.any(|name| name.as_str().starts_with("docker")), "{sent:?}");
    }
}

// covers: DIST-PULL-05
#[tokio::test]
async fn a_document_that_contradicts_its_content_type_is_refused() {
    let fixture = Fixture::new();
    let typed =
        fixture.amd64.edit(|manifest| manifest.media_type = Some(MediaType::IMAGE_MANIFEST));
    let typed = typed.unwrap();
    let digest = typed.descriptor().digest.to_string();
    for content_type in [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json; charset=utf-8",
    ] {
        for with_digest in [false, true] {
            let mut headers = vec![("content-type", content_type)];
            headers.extend(with_digest.then_some(("docker-content-digest", digest.as_str())));
            for name in ["v1", &digest] {
                let error = get(&serve(typed.bytes(), &headers), name).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Document, "{content_type}: {}", chain(&error));
            }
        }
    }
    let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
    get(&serve(typed.bytes(), &headers), "v1").await.unwrap();
}

// covers: DIST-PULL-08
#[tokio::test]
async fn a_digest_from_a_header_is_verified_where_it_is_used() {
    let fixture = Fixture::new();
    let (bytes, image) = (fixture.amd64.bytes(), fixture.amd64.descriptor());
    let sha512 = |bytes: &[u8]| Digest::of(Algorithm::Sha512, bytes);
    let (by_256, by_512) = (image.digest.to_string(), sha512(bytes).to_string());
    let (other_256, other_512) =
        (Digest::sha256(b"other").to_string(), sha512(b"other").to_string());
    // The name, the digest that the header gives, and what the content is called then.
    let table: [(&str, &str, Result<&str, ErrorKind>); 9] = [
        ("v1", &by_256, Ok(&by_256)),
        ("v1", &by_512, Ok(&by_512)),
        ("v1", &other_256, Err(ErrorKind::Verification)),
        ("v1", &other_512, Err(ErrorKind::Verification)),
        ("v1", "md5:d41d8cd98f00b204e9800998ecf8427e", Ok(&by_256)),
        // The digest that was asked for is what counts; another algorithm may be in the header, and is not used.
        (&by_256, &by_256, Ok(&by_256)),
        (&by_256, &by_512, Ok(&by_256)),
        (&by_256, &other_512, Ok(&by_256)),
        (&by_256, &other_256, Err(ErrorKind::Verification)),
    ];
    for (name, header, expected) in table {
        let media_type = image.media_type.as_str();
        let headers = [("content-type", media_type), ("docker-content-digest", header)];
        let result = get(&serve(bytes, &headers), name).await;
        let result = result.as_ref().map(|found| found.digest.as_str()).map_err(Error::kind);
        assert_eq!(result, expected, "{name}: {header}");
    }
}

#[tokio::test]
async fn a_type_that_no_header_can_hold_is_told_and_not_left_out() {
    let fake = Fake::new(|_| answer(404, &[], ""));
    let odd = MediaType::from("application/vnd.example\u{7f}+json".to_owned());
    let error = repository(&fake).manifest(&Descriptor::of(odd, b"{}")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("accept"), "{error}");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn the_length_of_what_is_encoded_is_not_that_of_the_manifest() {
    let fixture = Fixture::new();
    let (bytes, image) = (fixture.amd64.bytes().to_vec(), fixture.amd64.descriptor().clone());
    for (encoding, is_believed) in [("gzip", false), ("identity", true)] {
        let (bytes, image) = (bytes.clone(), image.clone());
        let fake = Fake::new(move |seen| {
            let digest = ("docker-content-digest", image.digest.as_str());
            let media_type = ("content-type", image.media_type.as_str());
            match seen.method.as_str() {
                "HEAD" => {
                    let length = ("content-length", "77");
                    answer(200, &[digest, media_type, length, ("content-encoding", encoding)], "")
                }
                _ => answer(200, &[digest, media_type], bytes.clone()),
            }
        });
        let resolved = repository(&fake).resolve("v1").await.unwrap();
        let expected = if is_believed { 77 } else { fixture.amd64.descriptor().size };
        assert_eq!(resolved.descriptor().size, expected, "{encoding}");
    }
}
