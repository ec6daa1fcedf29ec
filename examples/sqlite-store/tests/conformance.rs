//! The store keeps the contracts.

use oci_image::blob::conformance;
use sqlite_store::SqliteStore;

#[test]
fn the_store_keeps_the_contracts_of_source_and_sink() {
    let store = SqliteStore::open(":memory:").unwrap();
    conformance::sink(&store).unwrap();
}
