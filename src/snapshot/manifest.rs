//! The manifest beside the rows: what they are, and the keyed hashes that bind them to this node.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use evensum_core::model::canonical::{self, CanonicalError};
use evensum_core::model::{
    ColumnId, DatasetId, Date, Digest, ImdEdition, Period, SnapshotRef, SnapshotVersion,
};
use serde::{Deserialize, Serialize};

use super::error::{SnapshotError, io};
use super::{Extract, Links, NodeKey};

/// The format that this version writes and reads.
pub const FORMAT: &str = "evensum-snapshot-1";
/// The manifest's file name in the snapshot's directory.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The longest manifest that is read, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

const ID_CONTEXT: &str = "evensum-snapshot-1 id";

/// What a snapshot is. JSON at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub format: String,
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// The standing of a published snapshot; none while it is staged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<SnapshotVersion>,
    /// The day of its publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Date>,
    /// The day on which its rows were deleted, because the time was over for which they are kept. The manifest
    /// stays, so that what was released from them can still be told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Date>,
    /// The date that the rows describe.
    pub as_of: Date,
    /// The edition of the deprivation index, where the rows have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imd_edition: Option<ImdEdition>,
    /// The census year of the areas that the edition is published on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsoa_vintage: Option<u16>,
    /// The hash of the dataset's definition.
    pub definition_hash: Digest,
    /// The dataset's columns that the partner collects.
    pub columns_held: Vec<ColumnId>,
    /// The name of the file of rows, in the same directory.
    pub file: String,
    /// HMAC of that file's bytes under the node key.
    pub file_hmac: Digest,
    /// HMAC of the file of record keys and of `file_hmac` under the node key, where there is such a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_hmac: Option<Digest>,
    /// The file of link ids, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
    /// HMAC of dataset, period and `file_hmac` under the node key: the snapshot's id.
    pub snapshot_id: Digest,
}

/// What the file of rows repeats of its manifest, so that the keyed hash covers it too. The standing is
/// not among it: publishing changes it and leaves the rows alone.
#[derive(Serialize)]
struct Bound<'a> {
    format: &'a str,
    dataset: &'a DatasetId,
    period: Period,
    as_of: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    imd_edition: Option<ImdEdition>,
    definition_hash: Digest,
    columns_held: &'a [ColumnId],
}

impl Manifest {
    /// The manifest of an extract that is about to be written; its hashes are still to come.
    pub(super) fn staged(extract: &Extract) -> Self {
        Self {
            format: FORMAT.to_owned(),
            dataset: extract.dataset.clone(),
            period: extract.period,
            version: None,
            published: None,
            deleted: None,
            as_of: extract.as_of,
            imd_edition: extract.imd_edition,
            lsoa_vintage: extract.imd_edition.map(ImdEdition::lsoa_vintage),
            definition_hash: extract.definition_hash,
            columns_held: extract.columns_held.clone(),
            file: format!("{}-{}.arrow", extract.dataset, extract.period),
            file_hmac: Digest::from_bytes([0; 32]),
            keys_hmac: None,
            links: None,
            snapshot_id: Digest::from_bytes([0; 32]),
        }
    }

    /// Reads the manifest of a snapshot's directory. It is not authenticated by this: [`super::read()`]
    /// does that.
    ///
    /// # Errors
    /// [`SnapshotError`] where it is not there, too long, not of this form, or contradicts itself.
    pub fn read(dir: &Path) -> Result<Self, SnapshotError> {
        let path = dir.join(MANIFEST_FILE);
        let mut text = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut text))
            .map_err(|e| io("reading", &path, e))?;
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(SnapshotError::ManifestTooLong(path));
        }
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|source| SnapshotError::Manifest { path: path.clone(), source })?;
        if manifest.format != FORMAT {
            return Err(SnapshotError::Format(path));
        }
        let wrong = |reason| Err(SnapshotError::Contradiction { path: path.clone(), reason });
        if manifest.file != format!("{}-{}.arrow", manifest.dataset, manifest.period) {
            return wrong("'file' is not named after the dataset and the period");
        }
        if manifest.lsoa_vintage != manifest.imd_edition.map(ImdEdition::lsoa_vintage) {
            return wrong("'lsoa_vintage' is not that of 'imd_edition'");
        }
        Ok(manifest)
    }

    /// Writes the manifest into a snapshot's directory, in the place of one that is there; atomic and
    /// on disk when it returns. Publishing sets `version` and calls this.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn write(&self, dir: &Path) -> Result<(), SnapshotError> {
        let path = dir.join(MANIFEST_FILE);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|source| SnapshotError::Manifest { path: path.clone(), source })?;
        text.push(b'\n');
        let mut beside =
            tempfile::NamedTempFile::new_in(dir).map_err(|e| io("writing in", dir, e))?;
        beside
            .write_all(&text)
            .and_then(|()| beside.as_file().sync_all())
            .map_err(|e| io("writing", &path, e))?;
        beside.persist(&path).map_err(|e| io("writing", &path, e.error))?;
        sync_dir(dir)
    }

    /// The name of the file of record keys, in the same directory, where there is one.
    pub(super) fn keys_file(&self) -> String {
        format!("{}-{}.keys", self.dataset, self.period)
    }

    /// The name of the file of link ids, in the same directory, where there is one.
    pub(super) fn links_file(&self) -> String {
        format!("{}-{}.links", self.dataset, self.period)
    }

    /// How releases name this snapshot; none while it is staged.
    #[must_use]
    pub fn reference(&self) -> Option<SnapshotRef> {
        self.version.map(|version| SnapshotRef {
            id: self.snapshot_id,
            as_of: self.as_of,
            version,
            imd_edition: self.imd_edition,
        })
    }

    /// The id that goes with dataset, period and file under this key.
    pub(super) fn expected_id(&self, key: &NodeKey) -> Digest {
        let mut text = format!("{}\0{}\0", self.dataset, self.period).into_bytes();
        text.extend_from_slice(self.file_hmac.as_bytes());
        key.hmac(ID_CONTEXT, &text)
    }

    /// What the file of rows must say of itself, in canonical JSON.
    pub(super) fn bound(&self) -> Result<String, CanonicalError> {
        let bytes = canonical::encode(&Bound {
            format: &self.format,
            dataset: &self.dataset,
            period: self.period,
            as_of: self.as_of,
            imd_edition: self.imd_edition,
            definition_hash: self.definition_hash,
            columns_held: &self.columns_held,
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Makes renames in a directory survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> Result<(), SnapshotError> {
    if cfg!(unix) {
        File::open(dir).and_then(|d| d.sync_all()).map_err(|e| io("syncing", dir, e))?;
    }
    Ok(())
}
