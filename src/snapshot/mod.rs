//! The snapshot of a node: an immutable, dated extract without identifiers, and its manifest.

use std::fs;
use std::path::Path;

use evensum_core::model::{
    CategoryId, ColumnId, DatasetId, Date, Digest, ImdEdition, Period, SnapshotVersion,
};
use serde::{Deserialize, Serialize};

/// Name of the manifest in a snapshot's directory.
pub const MANIFEST: &str = "manifest.json";

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
    #[error("the snapshot at {0} cannot be read or written")]
    Io(String, #[source] std::io::Error),
    /// The manifest is not one.
    #[error("the manifest of the snapshot cannot be read")]
    Manifest(#[source] serde_json::Error),
    /// The file is not the one that the manifest was made for.
    #[error("the snapshot was changed after it was written, or belongs to another node: load the extract again")]
    Changed,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> SnapshotError {
    let path = path.display().to_string();
    move |e| SnapshotError::Io(path, e)
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
        file: format!("{}.arrow", file_hmac.short()),
        file_hmac,
        snapshot_id: key.hmac("snapshot id", file_hmac.as_bytes()),
    };
    fs::create_dir_all(dir).map_err(io(dir))?;
    fs::write(dir.join(&manifest.file), &bytes).map_err(io(dir))?;
    let json = serde_json::to_vec_pretty(&manifest).map_err(SnapshotError::Manifest)?;
    fs::write(dir.join(MANIFEST), json).map_err(io(dir))?;
    Ok(manifest)
}

/// Reads the manifest of a directory and checks that the file is the one that it was made for.
///
/// # Errors
/// [`SnapshotError`].
pub fn check(dir: &Path, key: &NodeKey) -> Result<Manifest, SnapshotError> {
    let json = fs::read(dir.join(MANIFEST)).map_err(io(dir))?;
    let manifest: Manifest = serde_json::from_slice(&json).map_err(SnapshotError::Manifest)?;
    let bytes = fs::read(dir.join(&manifest.file)).map_err(io(dir))?;
    if key.hmac("snapshot file", &bytes) == manifest.file_hmac {
        Ok(manifest)
    } else {
        Err(SnapshotError::Changed)
    }
}
