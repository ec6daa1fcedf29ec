use http::{Method, StatusCode, header};
use oci_image::distribution::{Endpoint, query};

use super::Upload;
use super::session::Session;
use crate::auth::Access;
use crate::error::ErrorKind;

impl Upload<'_> {
    /// Sends the blob with a single `POST` ([spec.md]); says whether the registry has it then. If not, the bytes can be
    /// sent in a session, which is `current` if the registry began one instead.
    ///
    /// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#single-post
    pub(super) async fn post(&self, current: &mut Option<Session>) -> bool {
        let registry = &self.repository.registry;
        // Without a byte it would be the request for a session.
        if self.blob.size == 0 || registry.ignores_single_posts() {
            return false;
        }
        let mut url = self.repository.url(&Endpoint::Uploads(self.repository.name().clone()));
        url.query_pairs_mut().append_pair(query::DIGEST, self.blob.digest.as_str());
        let open = || (self.open)(0);
        let call = self.repository.call(Method::POST, url, Access::Push, &self.action);
        let call = call.header(header::CONTENT_TYPE, "application/octet-stream").stream(&open);
        let call = call.timeout(self.repository.shared.wire.limits.commit);
        let answer = match call.attempt_of(self.attempts).send_once().await {
            Ok(answer) => answer,
            Err(failed) => {
                let kind = failed.error.kind();
                // Another blob may not be too large.
                if matches!(kind, ErrorKind::Unsupported | ErrorKind::NotFound)
                    && failed.error.status() != Some(413)
                {
                    registry.note_ignored_single_posts();
                }
                // The registry may have taken the blob though its answer was lost.
                return failed.failure.is_some() && self.is_there().await;
            }
        };
        if answer.status() == StatusCode::ACCEPTED {
            registry.note_ignored_single_posts();
            *current = Session::of(self.repository, &answer, self.attempts, &self.action).ok();
            return false;
        }
        self.has_created(&answer).await
    }
}
