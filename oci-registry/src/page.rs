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

    /// The one page of a list that is not given in pages.
    pub(crate) fn whole() -> Self {
        Self { asked: None, limit: usize::MAX, last: None }
    }

    /// The most entries that this page may have.
    pub(crate) fn size(&self) -> usize {
        self.asked.map_or(self.limit, |asked| asked.min(self.limit))
    }

    /// How many entries of the list are to be looked at: one more, by which it shows that there are more.
    pub(crate) fn most(&self) -> usize {
        self.size().saturating_add(1)
    }

    /// What the list is to begin after.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// The entries of the page, and the value of the `Link` header if there are more.
    pub(crate) fn cut(
        &self,
        path: &str,
        mut entries: Vec<String>,
    ) -> (Vec<String>, Option<String>) {
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
    use crate::store::Entries;

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
                let mut first = Entries::new(page.last(), page.most());
                entries.iter().for_each(|entry| first.add(entry));
                let first = first.in_order();
                prop_assert!(first.len() <= n.min(5) + 1);
                let (mut part, link) = page.cut("/list", first);
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
