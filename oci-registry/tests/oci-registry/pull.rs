use oci_digest::Digest;

use crate::client::{Client, MANIFEST, manifest};

#[tokio::test]
async fn an_image_is_pulled_as_it_was_pushed() {
    let client = Client::new().await;
    let digest = client.push_image("team/app", "v1").await;
    let expected = manifest(&serde_json::json!({})).to_string();
    for reference in ["v1", digest.as_str()] {
        let answer = client.get(&format!("/v2/team/app/manifests/{reference}")).await.is(200);
        assert_eq!(answer.header("content-type"), Some(MANIFEST));
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(answer.body, expected.as_bytes());
    }
    let blob = client.get(&format!("/v2/team/app/blobs/{}", Digest::EMPTY_JSON)).await.is(200);
    assert_eq!(blob.body, b"{}");
}
