//! Long lists in pages.

use http::StatusCode;
use oci_image::distribution::{ErrorCode, next_link, percent, query};

use crate::query::Query;
use crate::refusal::Refusal;

/// Which part of a list is asked for: at most `n` entries, all after `last`.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// What was asked for, if anything was.
    asked: Option<usize>,
    limit: usize,
    last: Option<String>,
}

impl Page {
    /// Reads `n` and `last`. An `n` over `limit` is as good as `limit`.
    pub(crate) fn parse(query: &Query, limit: usize) -> Result<Self, Refusal> {
        let asked = query.first(query::N).map(parse_number).transpose()?;
        Ok(Self { asked, limit: limit.max(1), last: query.first(query::LAST).map(str::to_owned) })
    }

    /// The most entries that this page may have.
    pub(crate) fn size(&self) -> usize {
        self.asked.map_or(self.limit, |asked| asked.min(self.limit))
    }

    /// The entries that come after `last`, which need not be one of them, in order: without regard to
    /// case, and then by it.
    pub(crate) fn rest(&self, mut entries: Vec<String>) -> Vec<String> {
        if let Some(last) = &self.last {
            entries.retain(|entry| order(entry) > order(last));
        }
        entries.sort_by_cached_key(|entry| (entry.to_ascii_lowercase(), entry.clone()));
        entries
    }

    /// The first entries, and the value of the `Link` header if there are more.
    pub(crate) fn cut(&self, path: &str, entries: Vec<String>) -> (Vec<String>, Option<String>) {
        let mut entries = self.rest(entries);
        let more = entries.len() > self.size();
        entries.truncate(self.size());
        let link = entries.last().filter(|_| more).map(|last| self.link(path, last, &[]));
        (entries, link)
    }

    /// The `Link` to the page after the entry `last`.
    pub(crate) fn link(&self, path: &str, last: &str, filters: &[(&str, &str)]) -> String {
        let size = self.size();
        let mut url =
            format!("{path}?{}={size}&{}={}", query::N, query::LAST, percent::encode(last));
        for (name, value) in filters {
            url.push_str(&format!("&{name}={}", percent::encode(value)));
        }
        next_link(&url)
    }
}

fn order(entry: &str) -> (String, &str) {
    (entry.to_ascii_lowercase(), entry)
}

/// Digits only; a number too large for the machine is as good as the largest.
fn parse_number(text: &str) -> Result<usize, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("`n` is `{}` where it must be a number", text.escape_debug());
        return Err(Refusal::new(ErrorCode::Unsupported, message).status(StatusCode::BAD_REQUEST));
    }
    Ok(text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_make_up_the_list(
            entries in prop::collection::btree_set("[a-cA-C][a-c.]{0,2}", 0..30),
            n in 1_usize..7,
        ) {
            let entries: Vec<String> = entries.into_iter().collect();
            let (mut seen, mut query) = (Vec::new(), format!("n={n}"));
            loop {
                let page = Page::parse(&Query::parse(&query).unwrap(), 5).unwrap();
                let (mut part, link) = page.cut("/list", entries.clone());
                prop_assert!(part.len() <= n.min(5));
                seen.append(&mut part);
                let Some(link) = link else { break };
                query = link.split_once('?').unwrap().1.split_once('>').unwrap().0.to_owned();
            }
            let mut sorted = entries;
            sorted.sort_by_key(|entry| (entry.to_lowercase(), entry.clone()));
            prop_assert_eq!(seen, sorted);
        }
    }
}
