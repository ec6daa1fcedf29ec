//! Layers: arbitrary bytes as an archive, as a compressed stream, and as content to compress.

pub mod mutate;
#[path = "../../oci-image/tests/oci-image/layer/peers.rs"]
mod peers;

use std::cell::RefCell;
use std::io::{self, Cursor, Read, Write};
use std::num::NonZeroUsize;

use oci_image::Digest;
use oci_image::archive::Error::Refused;
use oci_image::archive::{self, Defect, Entry, Member};
use oci_image::layer::{
    Change, Codec, Compression, Decoder, Encoder, Limits, Order, ReadError, Reader, WriteError,
    Writer,
};

use self::peers::Peers;

type Listing = Vec<(Change, Vec<u8>)>;

/// An accepted archive reads the same in small steps, and after it was written again.
pub fn layer_archive(data: &[u8]) {
    let archive = seal(data);
    let result = list(&archive[..]);
    let in_steps = list(Steps(&archive));
    let (listing, diff_id) = match (result, in_steps) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one, other);
            one
        }
        (Err(one), Err(other)) => return assert_eq!(format!("{one:?}"), format!("{other:?}")),
        (one, other) => panic!("{one:?} is not {other:?}"),
    };
    // What begins as a compressed stream is read as one; `layer_blob` has those.
    if Codec::detect(&archive) == Codec::None {
        assert_eq!(diff_id, Digest::sha256(&archive));
    }
    if let Some(blob) = write(&listing) {
        assert_eq!(list(&blob[..]).unwrap().0, listing);
    }
}

/// The archive reader, which skips all content, lists what the layer reader finds by reading it; what one of
/// them refuses, the other refuses for the same reason.
pub fn archive_members(data: &[u8]) {
    let archive = seal(data);
    if Codec::detect(&archive) != Codec::None {
        return;
    }
    let members = members(&archive);
    match (list(&archive[..]), members) {
        (Ok((listing, _)), Ok(members)) => same_members(&listing, &members),
        // A name that is reserved in layers has no meaning here.
        (Err(ReadError::Marker { .. }), _) => {}
        (
            Err(ReadError::Archive { defect: layer, offset: at }),
            Err(Refused { defect, offset }),
        ) => {
            assert_eq!(layer, defect);
            // A reader of the content fails at its end, a reader that skips it at its beginning.
            assert!(at == offset || defect == Defect::Truncated && offset <= at);
        }
        (Err(ReadError::Limit(layer)), Err(archive::Error::Limit(limit))) => {
            assert_eq!(layer, limit.into());
        }
        (layer, members) => panic!("{layer:?} is not {members:?}"),
    }
}

/// The members with their content, read at the offset that the reader reports.
fn members(archive: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, archive::Error> {
    let mut reader = archive::Reader::new(Cursor::new(archive), tight().archive)?;
    let mut members = Vec::new();
    while let Some(Member { entry, content, .. }) = reader.next_member()? {
        members.push((entry, content as usize));
    }
    let content = |(entry, start): (Entry, usize)| {
        let content = archive.get(start..start + entry.size() as usize).unwrap_or_default();
        (entry, content.to_vec())
    };
    Ok(members.into_iter().map(content).collect())
}

fn same_members(listing: &Listing, members: &[(Entry, Vec<u8>)]) {
    assert_eq!(listing.len(), members.len());
    for ((change, content), (entry, same)) in listing.iter().zip(members) {
        match change {
            Change::Upsert(upsert) => assert_eq!((upsert, content), (entry, same)),
            // A marker's content means nothing to a layer.
            _ => assert!(entry.path.name().is_some_and(|name| name.starts_with(b".wh."))),
        }
    }
}

/// An accepted archive is read the same by Python's tarfile and by GNU tar.
///
/// Both run in child processes, so this is slow, and not replayed on every machine.
pub fn layer_peers(data: &[u8]) {
    thread_local!(static PEERS: RefCell<Option<Peers>> = const { RefCell::new(None) });
    let mut archive = seal(data);
    // No bytes are no entries to us; to the others they are not an archive.
    if archive.is_empty() || Codec::detect(&archive) != Codec::None {
        return;
    }
    let Ok((listing, _)) = list(&archive[..]) else { return };
    same_members(&listing, &members(&archive).unwrap());
    // An archive may end in the padding of its last file: to us and to Go, not to these.
    archive.resize(archive.len().next_multiple_of(512), 0);
    let ask = |peers: &mut Option<Peers>| match peers {
        Some(peers) => peers.object(&archive, &listing),
        none => none.insert(Peers::start()?).object(&archive, &listing),
    };
    let objection = PEERS.with_borrow_mut(|peers| {
        ask(peers).or_else(|_| {
            // The Python process may have died: try a new one.
            *peers = None;
            ask(peers)
        })
    });
    if let Some(objection) = objection.unwrap() {
        panic!("{objection}");
    }
}

/// Reading ends, successfully or not, within the limits.
pub fn layer_blob(data: &[u8]) {
    let limits = tight();
    let Ok(mut decoder) = Decoder::detect(data, &limits) else { return };
    let mut buffer = vec![0; 4096];
    let mut total = 0;
    while let Ok(length @ 1..) = decoder.read(&mut buffer) {
        total += length as u64;
    }
    assert!(total <= limits.total_bytes);
    if let Ok((listing, _)) = list(data) {
        let contents: usize = listing.iter().map(|(_, content)| content.len()).sum();
        assert!(contents as u64 <= total);
    }
}

/// What is compressed comes back, and does not depend on the number of threads.
pub fn layer_compression(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let level = i32::from(first >> 2);
    let compression = match first & 3 {
        0 => Compression::none(),
        1 => Compression::zstd().level(level % 10 + 1),
        _ => Compression::gzip().level(level % 10),
    };
    // Enough content for several blocks.
    let data = data.repeat(1 + 600_000 / (data.len() + 1));
    let [one, other] = [1, 3].map(|threads| {
        let compression = compression.clone().threads(NonZeroUsize::new(threads).unwrap());
        let mut encoder = Encoder::new(Vec::new(), &compression).unwrap();
        encoder.write_all(&data).unwrap();
        encoder.finish().unwrap()
    });
    assert!(one == other, "{compression:?}");
    if compression != Compression::none() {
        let mut decoded = Vec::new();
        Decoder::detect(&one[..], &Limits::default()).unwrap().read_to_end(&mut decoded).unwrap();
        assert!(decoded == data, "{compression:?}");
    }
}

/// Corrects the checksums, which random mutations break.
pub(crate) fn seal(data: &[u8]) -> Vec<u8> {
    let mut archive = data.to_vec();
    for block in archive.chunks_exact_mut(512) {
        if block[257..].starts_with(b"ustar") {
            mutate::seal(block);
        }
    }
    archive
}

fn tight() -> Limits {
    let mut limits = Limits::default();
    limits.total_bytes = 8 << 20;
    (limits.zstd_window, limits.xz_memory) = (8 << 20, 8 << 20);
    limits
}

fn list(source: impl Read) -> Result<(Listing, Digest), ReadError> {
    let mut reader = Reader::detect(source, tight())?;
    let mut listing = Vec::new();
    while let Some(change) = reader.next_change()? {
        let mut content = Vec::new();
        while let Some(bytes) = reader.chunk()? {
            content.extend_from_slice(bytes);
        }
        listing.push((change, content));
    }
    Ok((listing, reader.finish()?))
}

/// None if a path occurs twice or an entry cannot be written: such archives can be read nevertheless.
fn write(listing: &Listing) -> Option<Vec<u8>> {
    let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap().order(Order::Any);
    for (change, content) in listing {
        match writer.append(change) {
            Ok(()) => writer.write_all(content).unwrap(),
            Err(WriteError::Duplicate(_) | WriteError::Unrepresentable { .. }) => return None,
            Err(other) => panic!("{other:?}"),
        }
    }
    Some(writer.finish().unwrap().0)
}

/// Returns a few bytes at a time.
struct Steps<'a>(&'a [u8]);

impl Read for Steps<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(7);
        self.0.read(&mut buffer[..length])
    }
}
