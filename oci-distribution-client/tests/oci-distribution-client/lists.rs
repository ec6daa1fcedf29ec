//! Lists of tags and of repositories, by pages.

use std::pin::pin;

use futures_util::{StreamExt, TryStreamExt};
use oci_distribution_client::{Client, ErrorKind};
use oci_image::AnyDocument;

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, chain, registry, repository as served};
use crate::protocol::{BEARER, HOST, client, requests};

// covers: DIST-LIST-03, DIST-LIST-06
#[tokio::test]
async fn tags_and_repositories_are_listed_page_by_page_from_where_it_is_asked() {
    let registry = registry().await;
    let manifest = AnyDocument::Manifest(Fixture::new().amd64);
    for name in ["a", "b", "c"] {
        let fixture = Fixture::new();
        let push = served(&registry, name);
        push.push(&fixture.blobs, fixture.amd64.descriptor()).tag("v1").await.unwrap();
    }
    let app = served(&registry, "b");
    for tag in ["v2", "v3", "v4"] {
        app.tag(tag, &manifest).await.unwrap();
    }
    let pages: Vec<_> = app.tags().page_size(2).after("v1").pages().try_collect().await.unwrap();
    assert_eq!(pages, [vec!["v2", "v3"], vec!["v4"]]);
    assert_eq!(app.tags().page_size(1).await.unwrap(), ["v1", "v2", "v3", "v4"]);
    let host = registry.address().to_string();
    let client = Client::new(crate::fixture::config(&registry)).unwrap();
    let pages = client.catalog(&host).unwrap().page_size(2).pages();
    assert_eq!(pages.try_collect::<Vec<_>>().await.unwrap(), [vec!["a", "b"], vec!["c"]]);
    assert_eq!(client.catalog(&host).unwrap().after("a").await.unwrap(), ["b", "c"]);
    assert_eq!(client.catalog("no host").unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_stream_of_pages_asks_for_no_more_than_is_polled_and_ends_with_its_error() {
    let fake = Fake::new(|seen| match seen.uri.query() {
        Some(query) if query.contains("last=x") => answer(200, &[], r#"{"repositories": 5}"#),
        _ => {
            let next = [("link", "</v2/_catalog?n=2&last=x>; rel=\"next\"")];
            answer(200, &next, r#"{"repositories": ["b", "UPPER"]}"#)
        }
    });
    let client = client(&fake);
    let mut pages = pin!(client.catalog(HOST).unwrap().page_size(2).after("a b&c").pages());
    assert_eq!(pages.next().await.unwrap().unwrap(), ["b"]);
    assert_eq!(requests(&fake), ["GET /v2/_catalog?n=2&last=a+b%26c"]);
    // The odd entry is told.
    assert!(client.warnings().iter().any(|it| it.text.contains("UPPER")));
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{}", chain(&error));
    assert!(pages.next().await.is_none());
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn the_catalog_asks_for_a_token_that_lists_it() {
    let fake = Fake::new(|seen| match (seen.uri.path(), seen.authorization()) {
        ("/token", _) => answer(200, &[], r#"{"token":"t"}"#),
        (_, Some("Bearer t")) => answer(200, &[], r#"{"repositories": null}"#),
        _ => answer(401, &[BEARER], ""),
    });
    assert_eq!(client(&fake).catalog(HOST).unwrap().await.unwrap(), [""; 0]);
    let asked = requests(&fake);
    assert!(asked[1].contains("scope=registry%3Acatalog%3A*"), "{asked:?}");
}
