//! The members of an archive, from wherever its bytes come.

use super::extension::{self, Extensions};
use super::header::{BLOCK, Header};
use super::input::Input;
use super::member::Member;
use super::{Defect, Error, LimitExceeded, Limits};

/// A walk from header to header, and the content of the member it stands at.
pub(crate) struct Members<I> {
    input: I,
    limits: Limits,
    headers: u64,
    /// What is left of the current member's content, and of the padding after it.
    content: u64,
    padding: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Members,
    End,
    Failed,
}

impl<I: Input> Members<I> {
    pub(crate) fn new(input: I, limits: Limits) -> Self {
        Self { input, limits, headers: 0, content: 0, padding: 0, state: State::Members }
    }

    /// The next member; `None` at the end of the archive. What is left of the content before is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, I::Error> {
        self.guard(Self::find)
    }

    /// The next bytes of the current content; `None` at its end.
    pub(crate) fn chunk(&mut self) -> Result<Option<&[u8]>, I::Error> {
        let limit = self.content;
        if limit == 0 {
            return Ok(None);
        }
        self.guard(Self::check_content)?;
        let bytes = self.input.take(limit)?;
        self.content -= bytes.len() as u64;
        Ok(Some(bytes))
    }

    /// Skips what is left of the current content.
    #[cfg(feature = "layers")]
    pub(crate) fn skip(&mut self) -> Result<(), I::Error> {
        self.guard(Self::skip_content)
    }

    /// The bytes of the current content that are there; none only at its end.
    pub(crate) fn peek(&mut self) -> Result<&[u8], I::Error> {
        if self.content == 0 {
            return Ok(&[]);
        }
        self.guard(Self::check_content)?;
        let bytes = self.input.peek()?;
        let length = usize::try_from(self.content).map_or(bytes.len(), |it| it.min(bytes.len()));
        Ok(&bytes[..length])
    }

    /// Takes `length` of the bytes that were peeked at.
    pub(crate) fn advance(&mut self, length: usize) {
        let length = self.content.min(length as u64);
        self.input.advance(length as usize);
        self.content -= length;
    }

    /// The number of bytes of the current content that were not read yet.
    pub(crate) fn remaining(&self) -> u64 {
        self.content
    }

    pub(crate) fn input(&self) -> &I {
        &self.input
    }

    pub(crate) fn into_input(self) -> I {
        self.input
    }

    /// Refuses to continue: the members are read, but what they say is refused.
    pub(crate) fn fail(&mut self) {
        self.state = State::Failed;
    }

    /// Remembers that something failed.
    fn guard<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, I::Error>,
    ) -> Result<T, I::Error> {
        if self.state == State::Failed {
            return Err(Error::FailedBefore.into());
        }
        work(self).inspect_err(|_| self.fail())
    }

    fn find(&mut self) -> Result<Option<Member>, I::Error> {
        if self.state == State::End {
            return Ok(None);
        }
        self.skip_content()?;
        // If the stream ends in the padding, there is no header after it.
        self.input.skip(std::mem::take(&mut self.padding))?;
        let mut extensions = Extensions::default();
        let mut block = [0; BLOCK];
        loop {
            let offset = self.input.offset();
            if !self.next_block(&mut block)? {
                if let Some(first) = extensions.offset {
                    return Err(refused(first, Defect::ExtensionAlone));
                }
                self.state = State::End;
                return Ok(None);
            }
            let header = Header::parse(&block).map_err(|defect| refused(offset, defect))?;
            match header.entry_type() {
                kind @ (b'x' | b'g' | b'L' | b'K') => {
                    self.extend(&mut extensions, kind, header.size, offset)?;
                }
                _ => {
                    let first = extensions.offset.unwrap_or(offset);
                    return self.member(&header, extensions, first).map(Some);
                }
            }
        }
    }

    fn skip_content(&mut self) -> Result<(), I::Error> {
        let offset = self.input.offset();
        match self.input.skip(std::mem::take(&mut self.content))? {
            true => Ok(()),
            false => Err(refused(offset, Defect::Truncated)),
        }
    }

    /// Reads the next header; `false` at the end of the archive.
    fn next_block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, I::Error> {
        let offset = self.input.offset();
        match self.input.fill(block)? {
            0 => return Ok(false),
            BLOCK => {}
            _ => return Err(refused(offset, Defect::Truncated)),
        }
        if *block != [0; BLOCK] {
            self.headers += 1;
            return match self.headers > self.limits.entries {
                true => Err(Error::from(LimitExceeded::Entries(self.limits.entries)).into()),
                false => Ok(true),
            };
        }
        match self.input.fill(block)? {
            0 => Ok(false),
            BLOCK if *block == [0; BLOCK] => Ok(false),
            // GNU tar stops at a single block of zeros, Python reads on.
            BLOCK => Err(refused(offset, Defect::LoneZeroBlock)),
            _ => Err(refused(offset, Defect::Truncated)),
        }
    }

    fn extend(
        &mut self,
        extensions: &mut Extensions,
        kind: u8,
        size: u64,
        offset: u64,
    ) -> Result<(), I::Error> {
        let limit = Extensions::limit(kind, &self.limits);
        let Some(length) = usize::try_from(size).ok().filter(|length| *length <= limit.0) else {
            return Err(Error::from(limit.1).into());
        };
        let mut blocks = vec![0; length.next_multiple_of(BLOCK)];
        if self.input.fill(&mut blocks)? < blocks.len() {
            return Err(refused(offset, Defect::Truncated));
        }
        let (body, padding) = blocks.split_at(length);
        extension::check_end(kind, body, padding).map_err(|defect| refused(offset, defect))?;
        let added = extensions.add(kind, body, offset, &self.limits);
        added.map_err(|fault| fault.at(offset).into())
    }

    fn member(
        &mut self,
        header: &Header<'_>,
        extensions: Extensions,
        offset: u64,
    ) -> Result<Member, I::Error> {
        let member = Member::parse(header, extensions, &self.limits)
            .map(|entry| Member { entry, offset, content: self.input.offset() })
            .map_err(|fault| fault.at(offset))?;
        let size = member.entry.size();
        (self.content, self.padding) = (size, padding(size));
        Ok(member)
    }

    fn check_content(&mut self) -> Result<(), I::Error> {
        let offset = self.input.offset();
        match self.input.peek()?.is_empty() {
            true => Err(refused(offset, Defect::Truncated)),
            false => Ok(()),
        }
    }
}

fn refused<E: From<Error>>(offset: u64, defect: Defect) -> E {
    Error::Refused { offset, defect }.into()
}

/// The number of bytes from the end of a content of `size` bytes to the next header.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}
