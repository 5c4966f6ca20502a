//! The snapshot file: what a node holds of one dataset and period. An Arrow IPC file that pandas and R
//! open, without a single identifier in it, and a manifest beside it that says what it is. Where the disclosure
//! profile needs them, a side file holds the records' keys.
//!
//! The file's columns are `person` (u32, the rank of a pseudonym; rows are sorted by it), one
//! dictionary-encoded text column for each dimension and for the outcome, and plain u16 columns for the
//! dataset's measures, such as `weeks_waited`, if it has any. The file is authenticated with the node key
//! before a byte of it is decoded.

mod error;
mod file;
mod key;
mod keys;
mod links;
mod manifest;
mod rows;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use crate::snapshot::error::io;
use evensum_core::model::{ColumnId, DatasetId, Date, Digest, ImdEdition, Period};

pub use error::SnapshotError;
pub use key::NodeKey;
pub use keys::record_key;
pub use links::{LinkIds, Links, read_links};
pub use manifest::{FORMAT, MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest};
pub use rows::{
    Codes, Column, HeldColumn, MAX_COLUMNS, MAX_DICTIONARY, MAX_MEASURES, MAX_ROWS, Measure, Rows,
    Shape, Snapshot,
};

/// What `node load` made of a partner's extract: rows, and what is said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// The date that the rows describe.
    pub as_of: Date,
    /// The edition of the deprivation index that deciles were taken from, if any were.
    pub imd_edition: Option<ImdEdition>,
    /// The hash of the dataset's definition.
    pub definition_hash: Digest,
    /// The dataset's columns that the partner collects.
    pub columns_held: Vec<ColumnId>,
    /// The rows.
    pub rows: Rows,
    /// The key of each person's records, by ordinal, where the disclosure profile needs them.
    pub record_keys: Option<Vec<u64>>,
    /// The link ids of people, where different people over several partners are estimated.
    pub links: Option<LinkIds>,
}

/// Writes an extract as a staged snapshot: makes the directory `dir` with the rows and the manifest in
/// it. All or nothing: the directory appears complete, or not at all. The same extract under the same
/// key gives the same bytes.
///
/// # Errors
/// [`SnapshotError`] where `dir` exists, the rows do not fit together, or the disk refuses.
pub fn write(dir: &Path, extract: &Extract, key: &NodeKey) -> Result<Manifest, SnapshotError> {
    extract.rows.check()?;
    let mut manifest = Manifest::staged(extract);
    if dir.exists() {
        return Err(SnapshotError::Exists(dir.to_owned()));
    }
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let staging = tempfile::Builder::new()
        .prefix(".snapshot-")
        .tempdir_in(parent)
        .map_err(|e| io("making a directory in", parent, e))?;
    let path = staging.path().join(&manifest.file);
    manifest.file_hmac = file::write(&path, &manifest, &extract.rows, key)?;
    if let Some(keys) = &extract.record_keys {
        if keys.len() != people(&extract.rows.persons) {
            return Err(Shape::RecordKeys.into());
        }
        let path = staging.path().join(manifest.keys_file());
        manifest.keys_hmac = Some(keys::write(&path, keys, &manifest.file_hmac, key)?);
    }
    if let Some(links) = &extract.links {
        if links.ids.len() != people(&extract.rows.persons) {
            return Err(Shape::LinkIds.into());
        }
        let path = staging.path().join(manifest.links_file());
        manifest.links = Some(links::write(&path, links, &manifest.file_hmac, key)?);
    }
    manifest.snapshot_id = manifest.expected_id(key);
    manifest.write(staging.path())?;
    fs::rename(staging.path(), dir).map_err(|e| io("putting in place", dir, e))?;
    manifest::sync_dir(parent)?;
    Ok(manifest)
}

/// Reads a snapshot, after checking that files and manifest are what [`write()`] made with this key.
///
/// # Errors
/// [`SnapshotError`]; a file that was changed in any way, or another key, is
/// [`SnapshotError::Authenticity`].
pub fn read(dir: &Path, key: &NodeKey) -> Result<Snapshot, SnapshotError> {
    let manifest = Manifest::read(dir)?;
    let path = dir.join(&manifest.file);
    let bytes = file::read(&path)?;
    if key.hmac(file::HMAC_CONTEXT, &bytes) != manifest.file_hmac
        || manifest.expected_id(key) != manifest.snapshot_id
    {
        return Err(SnapshotError::Authenticity(path));
    }
    let keys = manifest.keys_hmac.map(|hmac| (dir.join(manifest.keys_file()), hmac));
    let rows = manifest.file_hmac;
    let snapshot = file::decode(bytes, manifest)?;
    let Some((path, hmac)) = keys else { return Ok(snapshot) };
    let keys = keys::read(&path, people(snapshot.persons()), (&rows, &hmac), key)?;
    Ok(snapshot.with_record_keys(keys)?)
}

/// People whose ordinals have a record key or a link id: as many as the highest ordinal counts.
#[must_use]
pub fn people(persons: &[u32]) -> usize {
    persons.last().map_or(0, |last| *last as usize + 1)
}
