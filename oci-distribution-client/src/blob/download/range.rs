use std::ops::Range;

use http::{StatusCode, header};
use oci_image::distribution::ContentRange;

use super::{Download, Whole, is_whole};
use crate::call::Answer;
use crate::error::{Error, ErrorKind};

impl Download {
    /// Which bytes of the blob the body of `answer` has: from no later than the next one that is wanted on.
    pub(super) fn range_of(
        &mut self,
        answer: &Answer,
        asks_for_part: bool,
    ) -> Result<Range<u64>, Error> {
        let range = self.announced_range(answer, asks_for_part)?;
        match answer.response.body().length() {
            Some(length) if length != range.end - range.start => {
                Err(self.other_length(length, is_whole(answer)))
            }
            _ => Ok(range),
        }
    }

    fn announced_range(
        &mut self,
        answer: &Answer,
        asks_for_part: bool,
    ) -> Result<Range<u64>, Error> {
        let refuse =
            |reason: &str| Err(Error::new(ErrorKind::Protocol, &*self.action).because(reason));
        match answer.status() {
            StatusCode::OK if self.end == self.blob.size => return Ok(0..self.blob.size),
            StatusCode::OK if self.whole == Whole::Take => {
                self.end = self.blob.size;
                return Ok(0..self.blob.size);
            }
            StatusCode::OK => return refuse("the registry sent the whole in place of a part"),
            StatusCode::PARTIAL_CONTENT if asks_for_part => {}
            _ => return refuse("the registry answered with neither the whole nor the part"),
        }
        match answer.header(&header::CONTENT_RANGE).and_then(ContentRange::parse) {
            Some(ContentRange::Part { range, total })
                if range.first() <= self.offset
                    && range.last() >= self.offset
                    && range.last() < self.blob.size
                    && total.is_none_or(|total| total == self.blob.size) =>
            {
                Ok(range.first()..range.last() + 1)
            }
            _ => refuse("the registry sent another part of it"),
        }
    }

    /// Whether parts of one blob are of one content cannot be seen before all of them are there, but for this.
    pub(super) fn check_tag(&mut self, answer: &Answer) -> Result<(), Error> {
        let tag = answer.header(&header::ETAG);
        match (&self.tag, tag) {
            (Some(known), Some(tag)) if known != tag && self.whole == Whole::Refuse => {
                Err(Error::new(ErrorKind::Protocol, &*self.action)
                    .because("the registry sent parts with different tags"))
            }
            (None, Some(tag)) => {
                self.tag = Some(tag.to_owned());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn other_length(&self, length: u64, is_whole: bool) -> Error {
        if !is_whole {
            return Error::new(ErrorKind::Protocol, &*self.action)
                .because("the registry sent a part that has not the length of its range");
        }
        self.other_content().because(format!(
            "the registry has {length} bytes for it, its descriptor says {}",
            self.blob.size
        ))
    }
}
