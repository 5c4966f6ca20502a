//! The snapshot of a node: an immutable, dated extract without identifiers, and its manifest.

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::model::{
    CategoryId, ColumnId, DatasetId, Date, Digest, ImdEdition, Period, SnapshotVersion,
};
use serde::{Deserialize, Serialize};

/// Name of the manifest in a snapshot's directory.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The format that this program writes.
pub const FORMAT: &str = "evensum-snapshot-1";

/// One column: a code a row, each an index into the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its id: the column of a dimension of the catalogue, or of the outcome.
    pub id: ColumnId,
    /// The categories that codes stand for, in order.
    pub dictionary: Vec<CategoryId>,
    /// One code a row.
    pub codes: Vec<u16>,
}

/// All rows, sorted by person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Ordinal of the person of each row, ascending.
    pub persons: Vec<u32>,
    /// The coded columns.
    pub columns: Vec<Column>,
    /// Whole weeks waited of each row.
    pub weeks: Vec<u16>,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// The date that the rows describe.
    pub as_of: Date,
    /// The edition of the deprivation index, where deprivation is held.
    pub imd_edition: Option<ImdEdition>,
    /// Hash of the dataset's definition.
    pub definition_hash: Digest,
    /// The columns of the dataset that the partner holds.
    pub columns_held: Vec<ColumnId>,
    /// The rows.
    pub rows: Rows,
}

/// What lies beside the file, and says what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// Its standing; none while it is staged.
    pub version: Option<SnapshotVersion>,
    /// The date that the rows describe.
    pub as_of: Date,
    /// The edition of the deprivation index, where deprivation is held.
    pub imd_edition: Option<ImdEdition>,
    /// Census year of the LSOAs of that edition.
    pub lsoa_vintage: Option<u16>,
    /// Hash of the dataset's definition.
    pub definition_hash: Digest,
    /// The columns of the dataset that the partner holds.
    pub columns_held: Vec<ColumnId>,
    /// Name of the file.
    pub file: String,
    /// Keyed hash of the file.
    pub file_hmac: Digest,
    /// The snapshot's id.
    pub snapshot_id: Digest,
}

/// The node's secret: what makes pseudonyms and keyed hashes its own.
pub struct NodeKey(aws_lc_rs::hmac::Key);

impl NodeKey {
    /// Takes 32 secret bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &bytes))
    }

    /// HMAC-SHA256 over the context, a zero byte and the data.
    #[must_use]
    pub fn hmac(&self, context: &str, data: &[u8]) -> Digest {
        let mut sum = aws_lc_rs::hmac::Context::with_key(&self.0);
        sum.update(context.as_bytes());
        sum.update(&[0]);
        sum.update(data);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(sum.sign().as_ref());
        Digest::from_bytes(bytes)
    }
}

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeKey")
    }
}

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file system said no.
    #[error("the snapshot at {} cannot be read or written", .0.display())]
    Io(PathBuf, #[source] std::io::Error),
    /// The manifest is not one.
    #[error("the manifest {} cannot be read", .0.display())]
    Manifest(PathBuf, #[source] serde_json::Error),
    /// The file is not the one that the manifest was made for.
    #[error(
        "{} was changed after it was written, or the node key was: load the extract again",
        .0.display()
    )]
    Authenticity(PathBuf),
}

impl Manifest {
    /// Reads the manifest of a snapshot's directory, without authenticating it.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn read(dir: &Path) -> Result<Self, SnapshotError> {
        let path = dir.join(MANIFEST_FILE);
        let json = fs::read(&path).map_err(|e| SnapshotError::Io(path.clone(), e))?;
        serde_json::from_slice(&json).map_err(|e| SnapshotError::Manifest(path, e))
    }

    /// Writes the manifest into a snapshot's directory, in the place of one that is there.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn write(&self, dir: &Path) -> Result<(), SnapshotError> {
        let path = dir.join(MANIFEST_FILE);
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| SnapshotError::Manifest(path.clone(), e))?;
        fs::write(&path, json).map_err(|e| SnapshotError::Io(path, e))
    }
}

/// A snapshot that was read and authenticated.
#[derive(Debug)]
pub struct Snapshot(Manifest);

impl Snapshot {
    /// What the snapshot is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0
    }
}

/// Writes an extract and its manifest as a new directory.
///
/// # Errors
/// [`SnapshotError`].
pub fn write(dir: &Path, extract: &Extract, key: &NodeKey) -> Result<Manifest, SnapshotError> {
    let mut bytes = Vec::new();
    for column in &extract.rows.columns {
        bytes.extend_from_slice(column.id.as_str().as_bytes());
        column.dictionary.iter().for_each(|c| bytes.extend_from_slice(c.as_str().as_bytes()));
        column.codes.iter().for_each(|c| bytes.extend_from_slice(&c.to_le_bytes()));
    }
    extract.rows.persons.iter().for_each(|p| bytes.extend_from_slice(&p.to_le_bytes()));
    extract.rows.weeks.iter().for_each(|w| bytes.extend_from_slice(&w.to_le_bytes()));
    let file_hmac = key.hmac("snapshot file", &bytes);
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        dataset: extract.dataset.clone(),
        period: extract.period,
        version: None,
        as_of: extract.as_of,
        imd_edition: extract.imd_edition,
        lsoa_vintage: extract.imd_edition.map(ImdEdition::lsoa_vintage),
        definition_hash: extract.definition_hash,
        columns_held: extract.columns_held.clone(),
        file: format!("{}-{}.arrow", extract.dataset, extract.period),
        file_hmac,
        snapshot_id: key.hmac("snapshot id", file_hmac.as_bytes()),
    };
    let io = |e| SnapshotError::Io(dir.to_owned(), e);
    fs::create_dir(dir).map_err(io)?;
    fs::write(dir.join(&manifest.file), &bytes).map_err(io)?;
    manifest.write(dir)?;
    Ok(manifest)
}

/// Reads a snapshot, after checking that its file is what [`write()`] made with this key.
///
/// # Errors
/// [`SnapshotError`].
pub fn read(dir: &Path, key: &NodeKey) -> Result<Snapshot, SnapshotError> {
    let manifest = Manifest::read(dir)?;
    let path = dir.join(&manifest.file);
    let bytes = fs::read(&path).map_err(|e| SnapshotError::Io(path.clone(), e))?;
    if key.hmac("snapshot file", &bytes) == manifest.file_hmac {
        Ok(Snapshot(manifest))
    } else {
        Err(SnapshotError::Authenticity(path))
    }
}
