use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use oci_cli::report::{one_line, tell};
use oci_registry::bytes::Bytes;
use oci_registry::{Event, EventAction};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use crate::Result;
use crate::metrics::{Metrics, Notified};
use crate::post::Post;

/// Tells other programs what happens, in the envelope of `distribution`: one POST for each event and program, in order.
#[derive(Clone)]
pub(crate) struct Notifier {
    queues: Vec<Sender<Bytes>>,
    pulls: bool,
    metrics: Arc<Metrics>,
}

/// The programs that are told; they end when no notifier is left and all is told.
pub(crate) struct Notifying(JoinSet<()>);

/// Events that wait for one program. More are lost, and counted.
const WAITING: usize = 10_000;

/// How often an event is sent, before it is given up.
const ATTEMPTS: u32 = 10;

/// The pause before it is sent once more; it doubles each time, up to [`LONGEST`].
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How long a program may take to answer.
const TIME: Duration = Duration::from_secs(10);

/// How long the last events may take.
const LAST: Duration = Duration::from_secs(5);

const ENVELOPE: &str = "application/vnd.docker.distribution.events.v2+json";

impl Notifier {
    pub(crate) fn start(
        urls: &[String],
        pulls: bool,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, Notifying)> {
        let (mut queues, mut tasks) = (Vec::new(), JoinSet::new());
        for url in urls {
            let post = Post::new(url, ENVELOPE)?;
            let (queue, events) = channel(WAITING);
            queues.push(queue);
            tasks.spawn(deliver(post, events, metrics.clone()));
        }
        Ok((Self { queues, pulls, metrics: metrics.clone() }, Notifying(tasks)))
    }

    pub(crate) fn add(&self, event: &Event) {
        if event.action == EventAction::Pull && !self.pulls {
            return;
        }
        let body = Bytes::from(json!({"events": [envelope(event)]}).to_string());
        for queue in &self.queues {
            if queue.try_send(body.clone()).is_err() {
                self.metrics.notified(Notified::Lost);
            }
        }
    }
}

impl Notifying {
    /// Waits until the last events are told, for a short time.
    pub(crate) async fn finish(mut self) {
        let all = async { while self.0.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST, all).await;
    }
}

async fn deliver(post: Post, mut events: Receiver<Bytes>, metrics: Arc<Metrics>) {
    while let Some(body) = events.recv().await {
        let result = retried(&post, &body).await;
        if let Err(reason) = &result {
            let host = post.authority();
            tell(format_args!("oci-serve: cannot notify `{host}` of an event: {reason}"));
        }
        metrics.notified(if result.is_ok() { Notified::Sent } else { Notified::Failed });
    }
}

async fn retried(post: &Post, body: &Bytes) -> Result<(), String> {
    let mut pause = PAUSE;
    for attempt in 1.. {
        let answer = tokio::time::timeout(TIME, post.send(body.clone())).await;
        let reason = match answer {
            Ok(Ok(status)) if status.is_success() => return Ok(()),
            // A program that redirects is configured wrongly, and the event is not for whom it leads to.
            Ok(Ok(status)) if !is_transient(status) => {
                return Err(format!("the answer was {status}"));
            }
            Ok(Ok(status)) => format!("the answer was {status}"),
            Ok(Err(error)) => one_line(&*error),
            Err(_) => "it took too long".to_owned(),
        };
        if attempt == ATTEMPTS {
            return Err(format!("{reason}, {ATTEMPTS} times"));
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST.min(pause * 2);
    }
    Ok(())
}

fn is_transient(status: StatusCode) -> bool {
    let wait = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || wait.contains(&status)
}

/// An event as `distribution` describes it.
fn envelope(event: &Event) -> Value {
    let action = match event.action {
        EventAction::Pull => "pull",
        EventAction::Push => "push",
        EventAction::Mount => "mount",
        EventAction::Delete => "delete",
        _ => "other",
    };
    let target = json!({
        "mediaType": event.media_type.as_deref().unwrap_or("application/octet-stream"),
        "digest": event.digest.as_ref().map(ToString::to_string),
        "size": event.size,
        "length": event.size,
        "repository": event.repository.as_str(),
        "fromRepository": event.from.as_ref().map(|from| from.as_str()),
        "url": format!("http://{}{}", event.host, event.path),
        "tag": event.tag.as_ref().map(|tag| tag.as_str()),
    });
    json!({
        // Tells apart events that are delivered twice.
        "id": uuid::Uuid::new_v4().to_string(),
        "timestamp": Timestamp::now().to_string(),
        "action": action,
        "target": without_nulls(target),
        "request": without_nulls(json!({
            "addr": event.caller.peer.map(|peer| peer.to_string()),
            "host": event.host,
            "method": event.method.as_str(),
            "useragent": event.user_agent,
        })),
        "actor": without_nulls(json!({"name": event.caller.user})),
        "source": {"addr": event.host},
    })
}

fn without_nulls(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    object
}
