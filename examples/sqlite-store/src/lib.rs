//! Somebody's own store of blobs: a table of a SQLite database.
//!
//! Whatever of these crates reads or writes blobs reads and writes them here; that the store is right is
//! checked by `oci_image::blob::conformance`.

use std::io::{self, Cursor, Read, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci_image::blob::{BlobSink, BlobSource, BlobWriter};
use oci_image::oci_digest::{VerifyReader, VerifyWriter};
use oci_image::{Descriptor, Digest};
use rusqlite::{Connection, OptionalExtension};

/// A database of blobs.
pub struct SqliteStore(Mutex<Connection>);

impl SqliteStore {
    /// Opens the database, which is made if there is none.
    pub fn open(path: impl AsRef<Path>) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        let table = "CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, content BLOB)";
        connection.execute(table, [])?;
        Ok(Self(Mutex::new(connection)))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobSource for SqliteStore {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let query = "SELECT content FROM blobs WHERE digest = ?1";
        let row = self.connection().query_row(query, [blob.digest.as_str()], |row| row.get(0));
        let content: Option<Vec<u8>> = row.optional().map_err(io::Error::other)?;
        let Some(content) = content else { return Ok(None) };
        Ok(Some(Box::new(VerifyReader::new(Cursor::new(content), &blob.digest, blob.size)?)))
    }
}

impl BlobSink for SqliteStore {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        if BlobSource::open(self, blob)?.is_some() {
            return Ok(None);
        }
        let content = VerifyWriter::new(Vec::new(), &blob.digest, blob.size)?;
        Ok(Some(Box::new(Upload { store: self, digest: blob.digest.clone(), content })))
    }
}

struct Upload<'a> {
    store: &'a SqliteStore,
    digest: Digest,
    content: VerifyWriter<Vec<u8>>,
}

impl Write for Upload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Upload<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let content = self.content.finish()?;
        let insert = "INSERT OR IGNORE INTO blobs (digest, content) VALUES (?1, ?2)";
        let connection = self.store.connection();
        connection.execute(insert, (self.digest.as_str(), content)).map_err(io::Error::other)?;
        Ok(())
    }
}
