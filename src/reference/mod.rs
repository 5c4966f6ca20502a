//! Reference tables of a node: deprivation by small area, integrated care boards by small area. They
//! are imported from the official files, never shipped, and each keeps the hash of what it came from.

mod lsoa;
mod read;
mod recognise;
mod tables;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use evensum_core::model::{Digest, ImdEdition, Ods};
use serde::{Deserialize, Serialize};

pub use lsoa::{LsoaCode, Residence};
use read::Content;
pub use recognise::Kind;
use tables::IcbTable;
pub use tables::ImdTable;

/// The largest reference file that is read, in bytes.
pub const MAX_BYTES: u64 = 256 << 20;

/// The most rows that a reference file may have.
pub const MAX_ROWS: usize = 200_000;

const INDEX: &str = "index.json";

/// Why a reference file is not taken, or the tables cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// Cut off, or not the official file.
    #[error(
        "the file has {rows} areas and the official one has {official}: fetch it again, or say --partial if it is meant to have fewer"
    )]
    Incomplete {
        /// Areas of the file.
        rows: u32,
        /// Areas of the official file.
        official: u32,
    },
    /// The file system said no.
    #[error("{path} cannot be {action}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Not CSV.
    #[error("the file cannot be read as CSV")]
    Csv(#[from] csv::Error),
    /// A spreadsheet or archive.
    #[error(
        "the file is a spreadsheet or a zip archive: save the sheet as CSV, or unpack it, first"
    )]
    Spreadsheet,
    /// None of the kinds.
    #[error("the file is not recognised by its header: {}", recognise::WANTED)]
    NotRecognised,
    /// A header, and nothing below it.
    #[error("the file has a header and no rows")]
    NoRows,
    /// Larger than [`MAX_BYTES`].
    #[error("the file is larger than {MAX_BYTES} bytes, which no reference file is")]
    TooLarge,
    /// More than [`MAX_ROWS`].
    #[error("the file has more than {MAX_ROWS} rows, which no reference file has")]
    TooManyRows,
    /// A row breaks a rule.
    #[error("row {row} (the header is row 1): {rule}")]
    Row {
        /// The row.
        row: u32,
        /// The rule.
        rule: &'static str,
    },
    /// Deciles that do not rise with ranks.
    #[error(
        "deciles do not rise with ranks: in the English index, rank 1 and decile 1 are the most deprived"
    )]
    Direction,
    /// A stored table that is not as it was written.
    #[error(
        "the stored table '{0}' was changed after it was imported: import it again with `evensum reference add FILE`"
    )]
    Changed(&'static str),
    /// An index that cannot be read.
    #[error("{0} cannot be read: remove it and import the reference files again")]
    Index(PathBuf, #[source] serde_json::Error),
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// What the file is.
    pub kind: Kind,
    /// Its edition, for people.
    pub edition: String,
    /// Its rows.
    pub rows: u32,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

/// One imported file, as the index has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What the file is.
    pub kind: Kind,
    /// Its edition, for people.
    pub edition: String,
    /// The name of the file that it came from.
    pub source: String,
    /// SHA-256 of that file.
    pub sha256: Digest,
    /// SHA-256 of our copy.
    pub stored_sha256: Digest,
    /// Its rows.
    pub rows: u32,
}

/// How much of England a file must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every area, as the official file does.
    Whole,
    /// Some areas: invented places, or a part on purpose.
    Partial,
}

/// All tables of a node.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    entries: Vec<Entry>,
    imd: [Option<ImdTable>; 2],
    icb: [Option<IcbTable>; 2],
}

impl Reference {
    /// Imports an official file into `dir`, in place of an earlier one of its kind.
    ///
    /// # Errors
    /// [`ReferenceError`]; the directory is then as it was.
    pub fn add(dir: &Path, file: &Path, extent: Extent) -> Result<Added, ReferenceError> {
        let size = fs::metadata(file).map_err(io(file, "read"))?.len();
        if size > MAX_BYTES {
            return Err(ReferenceError::TooLarge);
        }
        let bytes = fs::read(file).map_err(io(file, "read"))?;
        let (layout, content) = read::parse(&bytes)?;
        let rows = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let official = layout.kind.official_rows();
        if extent == Extent::Whole && rows != official {
            return Err(ReferenceError::Incomplete { rows, official });
        }
        let stored = content.to_csv(&layout);
        let sha256 = Digest::of(&bytes);
        let entry = Entry {
            kind: layout.kind,
            edition: layout.edition.clone(),
            source: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256,
            stored_sha256: Digest::of(stored.as_bytes()),
            rows,
        };
        fs::create_dir_all(dir).map_err(io(dir, "made"))?;
        let mut entries = index(dir)?;
        entries.retain(|e| e.kind != entry.kind);
        entries.push(entry);
        entries.sort_by_key(|e| e.kind);
        let index_path = dir.join(INDEX);
        let json = serde_json::to_vec_pretty(&entries)
            .map_err(|e| ReferenceError::Index(index_path.clone(), e))?;
        replace(dir, &table_path(dir, layout.kind), stored.as_bytes())?;
        replace(dir, &index_path, &json)?;
        Ok(Added { kind: layout.kind, edition: layout.edition, rows, sha256 })
    }

    /// Opens the tables of `dir`; a directory that does not exist holds none.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn open(dir: &Path) -> Result<Self, ReferenceError> {
        let mut reference = Self { entries: index(dir)?, ..Self::default() };
        for entry in &reference.entries {
            let path = table_path(dir, entry.kind);
            let bytes = fs::read(&path).map_err(io(&path, "read"))?;
            let (layout, content) = read::parse(&bytes)?;
            if Digest::of(&bytes) != entry.stored_sha256 || layout.kind != entry.kind {
                return Err(ReferenceError::Changed(entry.kind.as_str()));
            }
            let slot = usize::from(matches!(entry.kind, Kind::Imd2025 | Kind::Icb2021));
            match &content {
                Content::Imd(rows) => reference.imd[slot] = Some(ImdTable::new(rows)),
                Content::Icb(rows) => reference.icb[slot] = Some(IcbTable::new(rows)),
            }
        }
        Ok(reference)
    }

    /// What was imported.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The deciles of an edition, where it was imported.
    #[must_use]
    pub fn imd(&self, edition: ImdEdition) -> Option<&ImdTable> {
        self.imd[usize::from(edition == ImdEdition::Imd2025)].as_ref()
    }

    /// Whether the boards of the areas of that census (2011 or 2021) were imported.
    #[must_use]
    pub fn has_icb(&self, vintage: u16) -> bool {
        self.boards(vintage).is_some()
    }

    /// The integrated care board of an area of that census (2011 or 2021).
    #[must_use]
    pub fn icb_of(&self, lsoa: LsoaCode, vintage: u16) -> Option<&Ods> {
        self.boards(vintage)?.of(lsoa)
    }

    fn boards(&self, vintage: u16) -> Option<&IcbTable> {
        match vintage {
            2011 => self.icb[0].as_ref(),
            2021 => self.icb[1].as_ref(),
            _ => None,
        }
    }
}

fn table_path(dir: &Path, kind: Kind) -> PathBuf {
    dir.join(format!("{}.csv", kind.as_str()))
}

fn index(dir: &Path) -> Result<Vec<Entry>, ReferenceError> {
    let path = dir.join(INDEX);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| ReferenceError::Index(path, e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(io(&path, "read")(e)),
    }
}

/// Writes beside the file and renames over it, so that a reader finds the old one or the new one.
fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), ReferenceError> {
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io(dir, "written"))?;
    file.write_all(bytes).map_err(io(path, "written"))?;
    file.as_file().sync_all().map_err(io(path, "written"))?;
    file.persist(path).map_err(|e| io(path, "written")(e.error))?;
    Ok(())
}

fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> ReferenceError {
    let path = path.to_owned();
    move |source| ReferenceError::Io { path, action, source }
}

#[cfg(test)]
mod tests;
