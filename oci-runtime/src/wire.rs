//! The messages between the launching process and its init, framed on a stream socket.
//!
//! A frame is a length of four bytes, little endian, and that many bytes of JSON; descriptors travel with the first
//! byte. A frame longer than [`MAX_FRAME`] or with more than [`MAX_DESCRIPTORS`] descriptors is an error.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plan::Step;

/// The longest frame, in bytes.
pub(crate) const MAX_FRAME: usize = 8 << 20;
/// The most descriptors that come with one frame: the kernel sends no more (`SCM_MAX_FD`).
pub(crate) const MAX_DESCRIPTORS: usize = 253;

/// The first frame from an init: it reads instructions and carries them out, or why not.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Greeting {
    /// It has one thread.
    Alone,
    /// It has threads: no instructions are carried out.
    HasThreads,
}

/// The first frame to an init: what to carry out. Its descriptors are named by `descriptors`, in order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Instructions {
    pub(crate) steps: Vec<Step>,
    pub(crate) descriptors: Vec<Role>,
    /// The OCI state that hooks read; the init puts its pid and the status in.
    pub(crate) state: serde_json::Value,
    /// Where hooks of the runtime run.
    pub(crate) directory: Option<PathBuf>,
}

/// What a descriptor that comes with an [`Instructions`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Standard input of the process.
    Stdin,
    /// Standard output of the process.
    Stdout,
    /// Standard error of the process.
    Stderr,
    /// The listening socket on which start is asked for.
    Start,
    /// The connected socket that receives the terminal.
    Console,
    /// The pidfd of the process whose namespaces are joined.
    Target,
    /// The program gets it, from number 3 on.
    Preserved,
}

/// From an init to the process that launched it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// How long each of the steps that the init has done since its last report took, in microseconds.
    pub(crate) elapsed: Vec<u64>,
    pub(crate) event: Event,
}

/// What an init reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// The container's process exists; its pidfd comes with this frame.
    ProcessCreated { pid: i32 },
    /// The launching process shall carry out the step with this index and reply.
    RunStep { step: usize },
    /// A step failed; the container's process ends.
    Failed(Failure),
    /// All is done up to the point where the process waits.
    Ready,
}

/// From the launching process to its init: how a step that it was asked for ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The step is done.
    Done,
    /// Stop: the launching process keeps the reason.
    Stop,
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The step, in words.
    pub(crate) step: String,
    /// A hook failed, and not the runtime.
    pub(crate) is_hook: bool,
    /// The kernel's error number, if the kernel refused.
    pub(crate) errno: Option<i32>,
    /// What was being done, if that is more than the step says.
    pub(crate) detail: Option<String>,
}

/// Writes one frame.
pub(crate) fn send<T: Serialize>(
    socket: impl AsFd,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    if body.len() > MAX_FRAME || descriptors.len() > MAX_DESCRIPTORS {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the message is longer than 8 MiB, or has more than 253 descriptors",
        ));
    }
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&body);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let mut sent = 0;
    while sent < frame.len() {
        let rest = [IoSlice::new(frame.get(sent..).unwrap_or_default())];
        match sendmsg(&socket, &rest, &mut control, SendFlags::NOSIGNAL) {
            Ok(count) => {
                sent += count;
                // The descriptors have gone with the first byte.
                control = SendAncillaryBuffer::default();
            }
            // Once for each signal that the caller handles.
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads one frame. None: the other side closed between frames.
pub(crate) fn receive<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let mut descriptors = Vec::new();
    if !fill(&socket, &mut length, &mut descriptors)? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is longer than 8 MiB"));
    }
    let mut body = vec![0; length];
    if !fill(&socket, &mut body, &mut descriptors)? && length > 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((serde_json::from_slice(&body)?, descriptors)))
}

/// Fills `buffer` and collects the descriptors on the way. False: the stream ended before the first byte.
fn fill(socket: impl AsFd, buffer: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut rest = [IoSliceMut::new(&mut buffer[filled..])];
        let message = match recvmsg(&socket, &mut rest, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => message,
            // Once for each signal that the caller handles.
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for item in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = item {
                descriptors.extend(received);
            }
        }
        if message.flags.contains(ReturnFlags::CTRUNC) || descriptors.len() > MAX_DESCRIPTORS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the message has more than 253 descriptors",
            ));
        }
        if message.bytes == 0 {
            return if filled == 0 { Ok(false) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        filled += message.bytes;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_frame_that_is_too_long_is_neither_sent_nor_received() {
        // To nobody: what is sent all the same fails, too, and with another error.
        let (ours, _) = UnixStream::pair().unwrap();
        // With the quotes of JSON.
        let long = "x".repeat(MAX_FRAME - 1);
        let sent = send(&ours, &long, &[]).unwrap_err();
        assert_eq!(sent.kind(), io::ErrorKind::InvalidInput);
        let file = File::open("/dev/null").unwrap();
        let sent = send(&ours, &"", &[file.as_fd(); MAX_DESCRIPTORS + 1]).unwrap_err();
        assert_eq!(sent.kind(), io::ErrorKind::InvalidInput);
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&(MAX_FRAME as u32 + 1).to_le_bytes()).unwrap();
        drop(ours);
        let received = receive::<String>(&theirs).unwrap_err();
        assert_eq!(received.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_frame_that_ends_early_is_not_the_end() {
        let frame = [&2_u32.to_le_bytes()[..], b"{}"].concat();
        for length in 0..=frame.len() {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(&frame[..length]).unwrap();
            drop(ours);
            let received = receive::<serde_json::Value>(&theirs);
            match (length, received) {
                (0, Ok(None)) | (6, Ok(Some(_))) => {}
                (1..6, Err(error)) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_parts_of_a_frame_have_no_more_descriptors_than_a_frame() {
        let file = File::open("/dev/null").unwrap();
        for (each, fits) in [(MAX_DESCRIPTORS / 2, true), (MAX_DESCRIPTORS / 2 + 1, false)] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            for part in [&2_u32.to_le_bytes()[..], b"{}"] {
                let descriptors = vec![file.as_fd(); each];
                let size = rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS));
                let mut space = vec![MaybeUninit::uninit(); size];
                let mut control = SendAncillaryBuffer::new(&mut space);
                assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
                sendmsg(&ours, &[IoSlice::new(part)], &mut control, SendFlags::NOSIGNAL).unwrap();
            }
            let received = receive::<serde_json::Value>(&theirs);
            let number = received.map(|message| message.unwrap().1.len());
            let expected = if fits { Ok(2 * each) } else { Err(io::ErrorKind::InvalidData) };
            assert_eq!(number.map_err(|error| error.kind()), expected);
        }
    }
}
