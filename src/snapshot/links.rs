//! The side file of link ids, by which different people over several partners are estimated: sixteen bytes for each
//! person, in the order of their ordinals, zeros for who has no NHS number. They are made under the federation's link
//! secret, which is not on the disk with them; made only where that is configured, read only for a contribution, and
//! erased together with the rows.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use evensum_core::model::Digest;
use evensum_core::pool::LINK_BYTES;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Manifest;
use super::error::{SnapshotError, io};
use super::key::NodeKey;

/// The use of the node key that authenticates a file of link ids.
const CONTEXT: &str = "evensum-snapshot-1 links";

/// The link ids of an extract's people.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkIds {
    /// Under which secret they were made.
    pub check: Digest,
    /// By ordinal; zeros for who has no NHS number.
    pub ids: Zeroizing<Vec<[u8; LINK_BYTES]>>,
}

impl std::fmt::Debug for LinkIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LinkIds({})", self.check.short())
    }
}

/// What a manifest says of the file of link ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// HMAC of the file and of the hash of the rows under the node key.
    pub hmac: Digest,
    /// Under which link secret they were made.
    pub check: Digest,
}

fn authenticated(key: &NodeKey, rows: &Digest, bytes: &[u8]) -> Digest {
    key.hmac(CONTEXT, &[rows.as_bytes(), bytes].concat())
}

/// Writes the link ids of the people in a file of rows, and syncs them to disk.
pub(super) fn write(
    path: &Path,
    links: &LinkIds,
    rows: &Digest,
    key: &NodeKey,
) -> Result<Links, SnapshotError> {
    let bytes = links.ids.as_flattened();
    let mut file = File::create_new(path).map_err(|e| io("making", path, e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| io("writing", path, e))?;
    Ok(Links { hmac: authenticated(key, rows, bytes), check: links.check })
}

/// Reads the link ids of an extract of so many people; none where it was loaded without a link secret.
///
/// # Errors
/// [`SnapshotError`]; a file that was changed, or another extract's, is [`SnapshotError::Authenticity`].
pub fn read_links(
    dir: &Path,
    manifest: &Manifest,
    people: usize,
    key: &NodeKey,
) -> Result<Option<LinkIds>, SnapshotError> {
    let Some(Links { hmac, check }) = manifest.links else { return Ok(None) };
    let path = dir.join(manifest.links_file());
    let length = people as u64 * LINK_BYTES as u64;
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(&path)
        .and_then(|file| file.take(length + 1).read_to_end(&mut bytes))
        .map_err(|e| io("reading", &path, e))?;
    if bytes.len() as u64 != length || authenticated(key, &manifest.file_hmac, &bytes) != hmac {
        return Err(SnapshotError::Authenticity(path));
    }
    Ok(Some(LinkIds { check, ids: Zeroizing::new(bytes.as_chunks().0.to_vec()) }))
}
