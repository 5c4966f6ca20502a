//! Reference tables of a node: deprivation by small area, integrated care boards by small area, small areas
//! by postcode. They are imported from the official files, never shipped, and each keeps the hash of what it
//! came from.

mod directory;
mod lsoa;
mod postcode;
mod postcodes;
mod read;
mod recognise;
mod tables;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use evensum_core::model::{Digest, ImdEdition, Ods};
use serde::{Deserialize, Serialize};

pub use directory::{Listed, MAX_AREAS, PostcodeTable};
pub use lsoa::{LsoaCode, Residence};
pub use postcode::{Postcode, PseudoPostcode, Written};
use postcodes::Directory;
pub use postcodes::{
    LEAST_AREAS_PERCENT, LEAST_POSTCODES, MAX_DIRECTORY_BYTES, MAX_POSTCODES, MAX_ROW_BYTES,
};
use read::Content;
pub use recognise::Kind;
use tables::IcbTable;
pub use tables::ImdTable;

/// The largest reference file that is read, in bytes; a postcode directory may be larger.
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
    /// A postcode directory that was cut off, or is of a part of the country.
    #[error(
        "the file has {rows} postcodes, and is no whole directory: that has at least {LEAST_POSTCODES}, terminated ones \
         among them, from AB to ZE, in at least {LEAST_AREAS_PERCENT} % of the areas of England. Fetch it again, or say --partial if it is \
         meant to have fewer"
    )]
    IncompleteDirectory {
        /// Postcodes of the file.
        rows: u32,
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
    /// Larger than [`MAX_DIRECTORY_BYTES`].
    #[error("the file is larger than {MAX_DIRECTORY_BYTES} bytes, which no postcode directory is")]
    DirectoryTooLarge,
    /// More than [`MAX_POSTCODES`].
    #[error("the file has more than {MAX_POSTCODES} rows, which no postcode directory has")]
    TooManyPostcodes,
    /// More than [`MAX_AREAS`].
    #[error("the file has postcodes in more than {0} areas, which England has not")]
    TooManyAreas(usize),
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
    /// What else it is: a postcode directory may have the areas of two censuses.
    pub also: Option<Kind>,
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
    dir: PathBuf,
    entries: Vec<Entry>,
    imd: [Option<ImdTable>; 2],
    icb: [Option<IcbTable>; 2],
    postcodes: [OnceLock<PostcodeTable>; 2],
}

impl Reference {
    /// Imports an official file into `dir`, in place of an earlier one of its kind. Told the number of rows
    /// read, now and then, where there are many.
    ///
    /// # Errors
    /// [`ReferenceError`]; the directory is then as it was.
    pub fn add_watched(
        dir: &Path,
        file: &Path,
        extent: Extent,
        progress: &dyn Fn(u64),
    ) -> Result<Added, ReferenceError> {
        let import = match postcodes::read(file, extent, progress)? {
            Some(directory) => Import::of_directory(directory),
            None => Import::of_table(file, extent)?,
        };
        let kind = |at: usize| import.tables.get(at).map(|t| t.0);
        let rows = import.tables.first().map_or(0, |t| t.1);
        let added = Added {
            kind: kind(0).ok_or(ReferenceError::NotRecognised)?,
            also: kind(1),
            edition: import.edition.clone(),
            rows,
            sha256: import.sha256,
        };
        import.put(dir, file)?;
        Ok(added)
    }

    /// The same, without telling how far it is.
    ///
    /// # Errors
    /// As [`Reference::add_watched`].
    pub fn add(dir: &Path, file: &Path, extent: Extent) -> Result<Added, ReferenceError> {
        Self::add_watched(dir, file, extent, &|_| {})
    }

    /// Opens the tables of `dir`; a directory that does not exist holds none. Postcodes are read when they
    /// are first asked for.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn open(dir: &Path) -> Result<Self, ReferenceError> {
        let mut reference = Self { dir: dir.to_owned(), entries: index(dir)?, ..Self::default() };
        for entry in reference.entries.iter().filter(|e| !e.kind.is_postcodes()) {
            let bytes = stored(dir, entry)?;
            let (layout, content) = read::parse(&bytes)?;
            if layout.kind != entry.kind {
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

    /// Postcodes with their areas of that census (2011 or 2021), where a directory was imported.
    ///
    /// # Errors
    /// [`ReferenceError`] where the stored table cannot be read, or is not as it was written.
    pub fn postcodes(&self, vintage: u16) -> Result<Option<&PostcodeTable>, ReferenceError> {
        let Some(kind) = Kind::postcodes(vintage) else { return Ok(None) };
        let slot = &self.postcodes[usize::from(kind == Kind::Postcodes2021)];
        if let Some(table) = slot.get() {
            return Ok(Some(table));
        }
        let Some(entry) = self.entries.iter().find(|e| e.kind == kind) else { return Ok(None) };
        let table = PostcodeTable::from_bytes(&stored(&self.dir, entry)?)
            .ok_or(ReferenceError::Changed(kind.as_str()))?;
        Ok(Some(slot.get_or_init(|| table)))
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

    /// The small areas of that census (2011 or 2021) whose board is known, each with it, in the order of their codes.
    pub fn areas(&self, vintage: u16) -> impl Iterator<Item = (LsoaCode, &Ods)> {
        self.boards(vintage).into_iter().flat_map(IcbTable::iter)
    }

    fn boards(&self, vintage: u16) -> Option<&IcbTable> {
        match vintage {
            2011 => self.icb[0].as_ref(),
            2021 => self.icb[1].as_ref(),
            _ => None,
        }
    }
}

/// What an import makes of a file, before anything is written.
struct Import {
    edition: String,
    sha256: Digest,
    /// Kind, rows and stored form of each table.
    tables: Vec<(Kind, u32, Vec<u8>)>,
}

impl Import {
    fn of_table(file: &Path, extent: Extent) -> Result<Self, ReferenceError> {
        let size = fs::metadata(file).map_err(io(file, "read"))?.len();
        if size > MAX_BYTES {
            return Err(ReferenceError::TooLarge);
        }
        let bytes = fs::read(file).map_err(io(file, "read"))?;
        let (layout, content) = read::parse(&bytes)?;
        let rows = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let official = layout.kind.official_areas();
        if extent == Extent::Whole && rows != official {
            return Err(ReferenceError::Incomplete { rows, official });
        }
        let stored = content.to_csv(&layout).into_bytes();
        let tables = vec![(layout.kind, rows, stored)];
        Ok(Self { edition: layout.edition, sha256: Digest::of(&bytes), tables })
    }

    fn of_directory(directory: Directory) -> Self {
        let rows = |table: &PostcodeTable| u32::try_from(table.len()).unwrap_or(u32::MAX);
        let tables = directory.tables.iter().map(|(kind, t)| (*kind, rows(t), t.to_bytes()));
        let tables = tables.collect();
        Self { edition: directory.edition, sha256: directory.sha256, tables }
    }

    /// Writes tables and index.
    fn put(self, dir: &Path, file: &Path) -> Result<(), ReferenceError> {
        fs::create_dir_all(dir).map_err(io(dir, "made"))?;
        let mut entries = index(dir)?;
        for (kind, rows, stored) in &self.tables {
            entries.retain(|e| e.kind != *kind);
            entries.push(Entry {
                kind: *kind,
                edition: self.edition.clone(),
                source: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                sha256: self.sha256,
                stored_sha256: Digest::of(stored),
                rows: *rows,
            });
        }
        entries.sort_by_key(|e| e.kind);
        let index_path = dir.join(INDEX);
        let json = serde_json::to_vec_pretty(&entries)
            .map_err(|e| ReferenceError::Index(index_path.clone(), e))?;
        for (kind, _, stored) in &self.tables {
            replace(dir, &table_path(dir, *kind), stored)?;
        }
        replace(dir, &index_path, &json)
    }
}

fn table_path(dir: &Path, kind: Kind) -> PathBuf {
    let ending = if kind.is_postcodes() { "bin" } else { "csv" };
    dir.join(format!("{}.{ending}", kind.as_str()))
}

/// The bytes of a stored table, if they are those that were written.
fn stored(dir: &Path, entry: &Entry) -> Result<Vec<u8>, ReferenceError> {
    let path = table_path(dir, entry.kind);
    let bytes = fs::read(&path).map_err(io(&path, "read"))?;
    if Digest::of(&bytes) == entry.stored_sha256 {
        Ok(bytes)
    } else {
        Err(ReferenceError::Changed(entry.kind.as_str()))
    }
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
