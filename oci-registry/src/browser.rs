//! A web page that shows what is here, by the API alone: no build step, nothing from elsewhere.

use http::{Method, StatusCode, header};

use crate::reply::Reply;

/// Only what comes from here runs, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file of the page at this path.
pub(crate) fn answer(method: &Method, path: &str) -> Option<Reply> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let (media_type, text) = match path {
        "/" => ("text/html; charset=utf-8", include_str!("browser/index.html")),
        "/browser.css" => ("text/css; charset=utf-8", include_str!("browser/browser.css")),
        "/browser.js" => ("text/javascript; charset=utf-8", include_str!("browser/browser.js")),
        _ => return None,
    };
    Some(
        Reply::new(StatusCode::OK)
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header(header::REFERRER_POLICY, "no-referrer")
            .header(header::CACHE_CONTROL, "no-cache")
            .header(header::CONTENT_TYPE, media_type)
            .bytes(text),
    )
}
