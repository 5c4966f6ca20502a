//! Reference tables that there may be several of, each by its name: populations, residents' care, the list of
//! boards, published series.

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::catalogue::Population as Basis;
use evensum_core::model::Digest;
use evensum_core::population::{Catchment, PopulationTable};
use serde::{Deserialize, Serialize};

use super::care::{self, Boards, CareLayout};
use super::series::{self, Series};
use super::sheet::{self, Columns};
use super::{ReferenceError, io, population, replace};

const INDEX: &str = "named.json";

/// The longest name.
const MAX_NAME: usize = 64;

/// The most tables with names in one folder.
pub const MAX_NAMED: usize = 256;

/// What is printed with official figures.
pub const ATTRIBUTION: &str =
    "Contains public sector information licensed under the Open Government Licence v3.0.";

/// What a table with a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedKind {
    /// People by area and characteristic.
    Population,
    /// Shares of residents' care by provider.
    ResidentsCare,
    /// The codes and names of integrated care boards.
    Boards,
    /// Published figures.
    Series,
}

impl NamedKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Population => "population",
            Self::ResidentsCare => "residents_care",
            Self::Boards => "boards",
            Self::Series => "series",
        }
    }
}

/// What whoever imports a file says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Its name; for a published series, the indicator that it is of.
    pub name: Option<String>,
    /// The year of a population that does not say it.
    pub year: Option<u16>,
    /// The people of a population that does not say it.
    pub basis: Option<Basis>,
    /// Which metric of a published file.
    pub metric: Option<String>,
}

/// A table with a name, as the index has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// What it is.
    pub kind: NamedKind,
    /// Its name.
    pub name: String,
    /// What it holds, for people.
    pub about: String,
    /// The name of the file that it came from.
    pub source: String,
    /// SHA-256 of that file.
    pub sha256: Digest,
    /// SHA-256 of our copy.
    pub stored_sha256: Digest,
    /// Its rows.
    pub rows: u32,
    /// Rows of the file that were left out: of a published series, all but England's.
    pub skipped: u32,
}

/// The tables with names of a folder.
#[derive(Debug, Default)]
pub struct Shelf {
    entries: Vec<Named>,
    populations: Vec<PopulationTable>,
    catchment: Option<Catchment>,
    series: Vec<Series>,
}

impl Shelf {
    /// Opens the tables of `dir`; a folder that does not exist holds none.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn open(dir: &Path) -> Result<Self, ReferenceError> {
        let mut shelf = Self { entries: listed(dir)?, ..Self::default() };
        let wishes = Wishes::default();
        for entry in &shelf.entries {
            let text = stored(dir, entry)?;
            let changed = || ReferenceError::NamedChanged(entry.name.clone());
            match (entry.kind, recognised(&text)?.ok_or_else(changed)?) {
                (NamedKind::Population, Form::Population(layout)) => {
                    let table = population::read(&text, &layout, &entry.name, "", &wishes)?;
                    shelf.populations.push(table);
                }
                (NamedKind::ResidentsCare, Form::Care(layout)) => {
                    shelf.catchment = Some(care::read(&text, &layout, &Boards::new())?);
                }
                (NamedKind::Series, Form::Series(layout)) => {
                    shelf.series.push(series::read(&text, &layout, &wishes)?);
                }
                (NamedKind::Boards, Form::Boards(_)) => {}
                _ => return Err(changed()),
            }
        }
        Ok(shelf)
    }

    /// What there is.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn list(dir: &Path) -> Result<Vec<Named>, ReferenceError> {
        listed(dir)
    }

    /// Populations.
    #[must_use]
    pub fn populations(&self) -> &[PopulationTable] {
        &self.populations
    }

    /// Shares of residents' care.
    #[must_use]
    pub const fn catchment(&self) -> Option<&Catchment> {
        self.catchment.as_ref()
    }

    /// Published series.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        &self.series
    }
}

/// What a file with a name can be.
enum Form {
    Population(population::Layout),
    Care(CareLayout),
    Boards([usize; 3]),
    Series(series::Layout),
}

fn recognised(text: &[u8]) -> Result<Option<Form>, ReferenceError> {
    if text.starts_with(b"PK\x03\x04") || text.starts_with(b"\x1f\x8b") {
        return Err(ReferenceError::Spreadsheet);
    }
    let columns = Columns::of(text)?;
    if let Some(layout) = series::Layout::of(&columns)? {
        return Ok(Some(Form::Series(layout)));
    }
    if let Some(layout) = CareLayout::of(&columns)? {
        return Ok(Some(Form::Care(layout)));
    }
    if let Some(layout) = care::boards_layout(&columns) {
        return Ok(Some(Form::Boards(layout)));
    }
    Ok(population::Layout::of(&columns).map(Form::Population))
}

/// Imports a file if its columns are those of a table with a name, in place of an earlier one of the name.
pub(super) fn add(
    dir: &Path,
    file: &Path,
    text: &[u8],
    wishes: &Wishes,
) -> Result<Option<Named>, ReferenceError> {
    let Some(form) = recognised(text)? else { return Ok(None) };
    let source = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut entry = Named {
        kind: NamedKind::Population,
        name: String::new(),
        about: String::new(),
        source,
        sha256: Digest::of(text),
        stored_sha256: Digest::of(text),
        rows: 0,
        skipped: 0,
    };
    let rows = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let own = match form {
        Form::Population(layout) => {
            entry.name = named(wishes, file)?;
            let table = population::read(text, &layout, &entry.name, &entry.source, wishes)?;
            (entry.about, entry.rows) = (population::about(&table), rows(table.rows().len()));
            population::to_csv(&table).into_bytes()
        }
        Form::Care(layout) => {
            let catchment = care::read(text, &layout, &boards(dir)?)?;
            entry.kind = NamedKind::ResidentsCare;
            NamedKind::ResidentsCare.as_str().clone_into(&mut entry.name);
            (entry.about, entry.rows) = (care::about(&catchment), rows(catchment.rows().len()));
            care::to_csv(&catchment).into_bytes()
        }
        Form::Boards(layout) => {
            let boards = care::read_boards(text, layout)?;
            entry.kind = NamedKind::Boards;
            NamedKind::Boards.as_str().clone_into(&mut entry.name);
            entry.about = "codes and names of integrated care boards".to_owned();
            entry.rows = rows(boards.len());
            care::boards_to_csv(&boards)?
        }
        Form::Series(layout) => {
            let series = series::read(text, &layout, wishes)?;
            entry.kind = NamedKind::Series;
            entry.name = named(wishes, file)?;
            (entry.about, entry.rows, entry.skipped) =
                (series.about(), rows(series.len()), series.skipped);
            series::to_csv(&series)?
        }
    };
    put(dir, entry, &own).map(Some)
}

/// The boards of a folder's list.
fn boards(dir: &Path) -> Result<Boards, ReferenceError> {
    let Some(entry) = listed(dir)?.into_iter().find(|e| e.kind == NamedKind::Boards) else {
        return Ok(Boards::new());
    };
    let text = stored(dir, &entry)?;
    match recognised(&text)? {
        Some(Form::Boards(layout)) => care::read_boards(&text, layout),
        _ => Err(ReferenceError::NamedChanged(entry.name)),
    }
}

/// The name that was wished for, or one from the file's.
fn named(wishes: &Wishes, file: &Path) -> Result<String, ReferenceError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if let Some(name) = &wishes.name {
        let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed);
        return fits.then(|| name.clone()).ok_or_else(|| ReferenceError::Name(name.clone()));
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String =
        stem.chars().map(|c| if allowed(c) { c } else { '_' }).take(MAX_NAME).collect();
    if name.is_empty() { Err(ReferenceError::Name(name)) } else { Ok(name) }
}

fn put(dir: &Path, mut entry: Named, own: &[u8]) -> Result<Named, ReferenceError> {
    fs::create_dir_all(dir).map_err(io(dir, "made"))?;
    let mut entries = listed(dir)?;
    entries.retain(|e| (e.kind, &e.name) != (entry.kind, &entry.name));
    if entries.len() >= MAX_NAMED {
        return Err(ReferenceError::TooManyNamed);
    }
    entry.stored_sha256 = Digest::of(own);
    entries.push(entry.clone());
    entries.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let index = dir.join(INDEX);
    let json =
        serde_json::to_vec_pretty(&entries).map_err(|e| ReferenceError::Index(index.clone(), e))?;
    replace(dir, &path(dir, &entry), own)?;
    replace(dir, &index, &json)?;
    Ok(entry)
}

fn path(dir: &Path, entry: &Named) -> PathBuf {
    dir.join(format!("{}-{}.csv", entry.kind.as_str(), entry.name))
}

fn stored(dir: &Path, entry: &Named) -> Result<Vec<u8>, ReferenceError> {
    let path = path(dir, entry);
    let bytes = sheet::bytes(&path)?;
    if Digest::of(&bytes) == entry.stored_sha256 {
        Ok(bytes)
    } else {
        Err(ReferenceError::NamedChanged(entry.name.clone()))
    }
}

fn listed(dir: &Path) -> Result<Vec<Named>, ReferenceError> {
    let path = dir.join(INDEX);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| ReferenceError::Index(path, e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(io(&path, "read")(e)),
    }
}

#[cfg(test)]
mod tests;
