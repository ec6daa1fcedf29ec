use oci_registry::{Auth, Store};

use crate::client::Client;

#[tokio::test]
async fn the_page_is_served_where_it_is_asked_for_and_runs_nothing_from_elsewhere() {
    let auth = Auth::basic();
    let serve = oci_registry::serve(Store::memory()).auth(auth).web_page();
    let client = Client::of(serve).await;
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/browser.css", "text/css; charset=utf-8"),
        ("/browser.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = client.get(path).await.is(200);
        assert_eq!(answer.header("content-type"), Some(media_type));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("://") || path == "/browser.js", "{path}");
        assert!(!text.contains("innerHTML") && !text.contains("<script>"), "{path}");
        client.post(path).await.refused(404, "UNSUPPORTED");
    }
    // What it shows is for those who may see it.
    client.get("/v2/_catalog").await.refused(401, "UNAUTHORIZED");
    let without = Client::new().await;
    without.get("/").await.refused(404, "UNSUPPORTED");
}
