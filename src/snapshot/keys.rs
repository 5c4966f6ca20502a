//! The side file of record keys, by which the cell-key method changes counts: eight bytes for each person, in the
//! order of their ordinals, which every row of the person has for its key. A secret of the node; made only where
//! its disclosure profile needs it, and erased together with the rows.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use evensum_core::model::Digest;

use super::error::{SnapshotError, io};
use super::key::NodeKey;

/// The use of the node key that authenticates a file of keys.
const CONTEXT: &str = "evensum-snapshot-1 keys";
/// The use of the node key that makes record keys.
const RECORD: &str = "rk/v1";

/// The key of everything that is recorded of a person: the first 8 bytes, the lowest first, of an HMAC of the
/// person's pseudonym. The same in every extract, of whatever dataset and period, as long as the node's key is.
#[must_use]
pub fn record_key(key: &NodeKey, pseudonym: u128) -> u64 {
    let hash = key.hmac(RECORD, &pseudonym.to_be_bytes());
    let first = hash.as_bytes().first_chunk();
    first.map_or(0, |first| u64::from_le_bytes(*first))
}

/// The keyed hash over the keys and the hash of the rows that they belong to: another extract's do not fit.
fn authenticated(key: &NodeKey, rows: &Digest, bytes: &[u8]) -> Digest {
    key.hmac(CONTEXT, &[rows.as_bytes(), bytes].concat())
}

/// Writes the keys of the people in a file of rows, syncs them to disk and returns their keyed hash.
pub(super) fn write(
    path: &Path,
    keys: &[u64],
    rows: &Digest,
    key: &NodeKey,
) -> Result<Digest, SnapshotError> {
    let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
    let mut file = File::create_new(path).map_err(|e| io("making", path, e))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|e| io("writing", path, e))?;
    Ok(authenticated(key, rows, &bytes))
}

/// Reads the keys of so many people, which must have this hash.
pub(super) fn read(
    path: &Path,
    people: usize,
    (rows, hmac): (&Digest, &Digest),
    key: &NodeKey,
) -> Result<Vec<u64>, SnapshotError> {
    let length = people as u64 * 8;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(length + 1).read_to_end(&mut bytes))
        .map_err(|e| io("reading", path, e))?;
    if bytes.len() as u64 != length || authenticated(key, rows, &bytes) != *hmac {
        return Err(SnapshotError::Authenticity(path.to_owned()));
    }
    Ok(bytes.as_chunks().0.iter().map(|eight| u64::from_le_bytes(*eight)).collect())
}
