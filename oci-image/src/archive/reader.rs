use std::fmt;
use std::io::{self, Read, Seek};

use super::input::{Input, Seekable};
use super::members::Members;
use super::{Error, Limits, Member};

/// Lists the members of a tar archive, and trusts it in nothing.
///
/// What the members of a layer change is read by `layer::Reader`.
///
/// [`next_member`](Self::next_member) gives one member after the other and skips the content between
/// them without reading it. The reader itself is the content of the member returned last; where the
/// archive stays at hand, [`Member::content`] says where the content is.
///
/// An archive ends at two blocks of zeros, or where the source ends between two members or in the
/// padding of the last one. What follows the two blocks is not read.
///
/// ```
/// use std::io::{Cursor, Read};
///
/// use oci_image::archive::{Limits, Reader};
///
/// # let bytes = [0; 1024];
/// let mut archive = Reader::new(Cursor::new(bytes), Limits::default())?;
/// while let Some(member) = archive.next_member()? {
///     println!("{} at byte {}", member.entry, member.content);
///     let mut content = Vec::new();
///     archive.read_to_end(&mut content)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<R> {
    members: Members<Seekable<R>>,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads a source from its first byte on.
    ///
    /// # Errors
    /// If the source cannot seek.
    pub fn new(source: R, limits: Limits) -> Result<Self, Error> {
        let input = Seekable::new(source).map_err(|source| Error::Read { offset: 0, source })?;
        Ok(Self { members: Members::new(input, limits) })
    }

    /// The next member; `None` at the end of the archive.
    ///
    /// # Errors
    /// If the source cannot be read, or if the archive goes beyond a limit or is refused. The reader
    /// is of no use then.
    pub fn next_member(&mut self) -> Result<Option<Member>, Error> {
        self.members.next()
    }

    /// The next bytes of the current member's content; `None` at its end.
    ///
    /// # Errors
    /// As of [`next_member`](Self::next_member).
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        self.members.chunk()
    }

    /// The source, somewhere behind what was read.
    pub fn into_inner(self) -> R {
        self.members.into_input().into_inner()
    }
}

/// The content of the current member.
impl<R: Read + Seek> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.members.peek()?;
        let length = bytes.read(buffer)?;
        self.members.advance(length);
        Ok(length)
    }
}

impl<R: Read + Seek> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("offset", &self.members.input().offset())
            .field("remaining", &self.members.remaining())
            .finish_non_exhaustive()
    }
}
