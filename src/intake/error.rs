//! What can go wrong when an extract is loaded or published. No text here holds a value of a row.

use std::path::{Path, PathBuf};

use evensum_core::catalogue::{CatalogueError, PeriodKind, Unknown};
use evensum_core::model::{DatasetId, Date, ImdEdition, Period};

use super::exclude::ExcludeError;
use super::mapping::MappingError;
use super::parquet::ParquetError;
use super::read::MAX_RECORD_BYTES;
use super::rows::{MAX_LISTED, MAX_ROWS};
use super::source::MAX_UNPACKED_BYTES;
use super::sql::SqlError;
use crate::reference::ReferenceError;
use crate::snapshot::{MAX_MEASURES, SnapshotError};

/// Why an extract is not loaded or not published. Nothing that was staged before is touched.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The library made no key of the link secret.
    #[error("the link secret cannot be used: make it with `evensum keys new link`")]
    Links,
    /// The mapping is wrong.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The list of people to leave out is wrong.
    #[error(transparent)]
    Exclude(#[from] ExcludeError),
    /// Another process loads, publishes or deletes.
    #[error(
        "{0} loads, publishes or deletes extracts of this node at the moment: wait for its end, then run this again"
    )]
    Busy(String),
    /// The list that is compiled in.
    #[error("the list of legally restricted codes cannot be read: {0}")]
    RestrictedList(String),
    /// The file grew, shrank or was replaced meanwhile.
    #[error(
        "the file was changed while it was read, so that nothing was loaded: wait until it is complete, then load it again"
    )]
    ChangedMeanwhile,
    /// Somebody has several rows where the dataset has one for each.
    #[error(
        "a row of {0} is one person, and somebody has several in this extract: keep one row a person, such as the newest, and load it again"
    )]
    PersonTwice(DatasetId),
    /// Only the manifest is left.
    #[error(
        "the rows of {dataset} {period} were deleted on {on}, when the time was over for which this node keeps them: what was released from them stays"
    )]
    RowsDeleted {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
        /// When.
        on: Date,
    },
    /// The file system said no.
    #[error("{} cannot be {action}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A spreadsheet or archive.
    #[error(
        "the file is a spreadsheet or an archive: export it as CSV first, packed once with gzip or zstd at most"
    )]
    Spreadsheet,
    /// Packed, and cut off or changed on the way.
    #[error(
        "the packed file is cut off or damaged: pack it again, or fetch it again; nothing was loaded"
    )]
    DamagedPacking,
    /// More than [`MAX_UNPACKED_BYTES`].
    #[error(
        "the packed file unpacks to more than {MAX_UNPACKED_BYTES} bytes, which no extract needs"
    )]
    UnpacksTooLarge,
    /// Bytes that are no text.
    #[error("the file is not text: export it as CSV, in UTF-8 if there is a choice")]
    Binary,
    /// Declared UTF-8, and not.
    #[error(
        "the file is not in UTF-8: set encoding = \"windows-1252\" or \"guess\" under [source]"
    )]
    NotUtf8,
    /// Declared or taken for UTF-16, and not.
    #[error(
        "the file is not in UTF-16 throughout: check the export, or set encoding under [source]"
    )]
    NotUtf16,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Nothing below its header.
    #[error("the extract has columns and no rows")]
    NoRows,
    /// The mapping's dataset is not the one asked for.
    #[error("the mapping is for '{mapping}', and '{asked}' was asked for")]
    OtherDataset {
        /// The mapping's.
        mapping: DatasetId,
        /// The one asked for.
        asked: DatasetId,
    },
    /// A period of another kind than the dataset's.
    #[error("'{dataset}' is loaded by {}, not {period}", by(*.kind))]
    PeriodKind {
        /// The dataset.
        dataset: DatasetId,
        /// The kind that it has.
        kind: PeriodKind,
        /// The period asked for.
        period: Period,
    },
    /// Dates of two orders in one file.
    #[error(
        "row {row}: '{column}' is a date only with day and month the other way round, so that the file mixes two forms and dates such as \
         01/02/2026 cannot be told; nothing was loaded. Export every date in one form, year first if there is a choice, and declare it under \
         date of [source]"
    )]
    MixedDates {
        /// The row.
        row: u64,
        /// The column.
        column: String,
    },
    /// Areas of one census under the edition of another.
    #[error(
        "most areas are none of the LSOAs of {} that the Index of Multiple Deprivation {} is published on, and are LSOAs of {}: set \
         imd_edition = \"{}\" under [source], or export the LSOA of {}; nothing was loaded",
        edition.lsoa_vintage(), edition.as_str(), other.lsoa_vintage(), other.as_str(), edition.lsoa_vintage()
    )]
    OtherCensus {
        /// The edition that the mapping names.
        edition: ImdEdition,
        /// The edition that has the areas.
        other: ImdEdition,
    },
    /// More measures than a snapshot keeps.
    #[error(
        "the file has more than {MAX_MEASURES} measures of the dataset: leave one out with an empty name under [columns] of the mapping"
    )]
    TooManyMeasures,
    /// A mapped field that the file does not have.
    #[error(
        "the file has no column '{field}', which the mapping names for '{column}': check the spelling, \
         and that the first row of the file is its header"
    )]
    MissingField {
        /// The dataset's column.
        column: String,
        /// The field that was looked for.
        field: String,
    },
    /// A column that must be there, and is neither mapped nor recognised.
    #[error("no column of the file is mapped to {0}: name it under [columns] of the mapping")]
    Unmapped(String),
    /// Two fields that could be the same column.
    #[error(
        "more than one column of the file could be '{0}': name one under [columns] of the mapping"
    )]
    Ambiguous(String),
    /// Both alternatives are mapped.
    #[error("'{0}' and '{1}' are both mapped: keep one of them under [columns] of the mapping")]
    Both(String, String),
    /// Translations of a column that is not read.
    #[error(
        "[codes.{0}] translates a column that is not read from the file: map it or remove the table"
    )]
    IdleCodes(String),
    /// Deprivation without its edition.
    #[error(
        "'{0}' needs the edition of the index: set imd_edition = \"2019\" or \"2025\" under [source]"
    )]
    NoEdition(String),
    /// An edition that was not imported.
    #[error(
        "the Index of Multiple Deprivation {0} is not there yet: import it with `evensum reference add FILE`"
    )]
    NoReference(&'static str),
    /// No directory with the areas of that census (2011 or 2021).
    #[error(
        "postcodes need a directory of postcodes with the LSOAs of {0}: import the ONS Postcode Directory (ONSPD) with `evensum reference add \
         FILE`, or leave them out with postcode = \"\" under [columns] of the mapping"
    )]
    NoPostcodes(u16),
    /// A reference table cannot be read.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// More than [`MAX_ROWS`].
    #[error("the file has more than {MAX_ROWS} rows")]
    TooManyRows,
    /// A record longer than [`MAX_RECORD_BYTES`].
    #[error(
        "row {row} is longer than {MAX_RECORD_BYTES} bytes: look there or just before for a quotation mark that is never closed"
    )]
    RecordTooLong {
        /// The row.
        row: u64,
    },
    /// More different organisations than [`MAX_LISTED`].
    #[error(
        "'{0}' has more than {MAX_LISTED} different codes, which no list of organisations has: check that it is mapped to the right field"
    )]
    TooManyListed(String),
    /// A column that the mapping needs, of a type that has no text.
    #[error(
        "the column '{}' holds {}, which cannot be read: make it text, a number, a date or yes and no where the extract is made, \
         or leave it out with NAME = \"\" under [columns] of the mapping",
        plain(.field),
        plain(.holds)
    )]
    ForeignColumn {
        /// The column, by its name in the source.
        field: String,
        /// What it holds, in the words of the source.
        holds: String,
    },
    /// Typed dates beside a form that reads ISO dates as other dates.
    #[error(
        "the column '{}' holds dates, which need no form, and one of the forms under date of [source] would read them otherwise: take \
         that form out",
        plain(.0)
    )]
    DatesOtherwise(String),
    /// A mapping for a table, and a file that has none, or the other way round.
    #[error("{0}")]
    OtherSource(&'static str),
    /// A Parquet file that cannot be read.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// A database that cannot be read.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The thread that reads has ended without a word.
    #[error(
        "the extract could not be read to its end, since reading it broke: check that it is whole; nothing was loaded"
    )]
    Broken,
    /// More rejects than the mapping allows.
    #[error(
        "too many rows break a rule (the limit is {percent} %), so that nothing was loaded; {} lists them by row, column and rule. Correct \
         the extract or the mapping; max_rejects_percent under [source] sets the limit",
        file.display()
    )]
    TooManyRejects {
        /// The limit.
        percent: f64,
        /// The reject file.
        file: PathBuf,
    },
    /// Every row lies outside the period, or is none of what the dataset counts.
    #[error(
        "every row is dated outside {period}, is none of what the dataset counts, or was left out, so that nothing was loaded; {} lists the first of those outside. Check the period, \
         and how the extract writes its dates",
        file.display()
    )]
    NothingInPeriod {
        /// The period.
        period: Period,
        /// The reject file.
        file: PathBuf,
    },
    /// No extract at all.
    #[error("there is no extract of that kind yet: run `evensum node load` first")]
    NothingHeld,
    /// More reports than are read at once.
    #[error(
        "there are more than {} reports: name a --dataset, or a --period too",
        super::held::MAX_REPORTS
    )]
    TooManyReports,
    /// Nothing to publish.
    #[error("nothing is staged for {dataset} {period}: run `evensum node load` first")]
    NothingStaged {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
    },
    /// Both publications of a period were made.
    #[error(
        "{dataset} {period} was published twice already, provisional and final: later corrections wait for the annual restatement"
    )]
    Final {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
    },
    /// A directory whose manifest speaks of something else.
    #[error("{} holds the extract of another dataset or period: move it away", .0.display())]
    Misplaced(PathBuf),
    /// A report that cannot be written as JSON or read from it.
    #[error("the quality report {} is not readable", .0.display())]
    Report(PathBuf, #[source] serde_json::Error),
    /// A catalogue that intake cannot use.
    #[error(
        "the catalogue cannot be used: '{0}' has no category for what is not known, or no date to begin at"
    )]
    Unusable(String),
    /// Not in the catalogue.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The catalogue has no hash of the dataset.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The snapshot cannot be written or read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// How a kind of period is written.
const fn by(kind: PeriodKind) -> &'static str {
    match kind {
        PeriodKind::Month => "the month: write the period as 2026-10",
        PeriodKind::Quarter => "the quarter of a financial year: write the period as 2026-27Q2",
        PeriodKind::Year => "the financial year: write the period as 2026-27",
    }
}

/// The most characters of a name that an error repeats.
const MAX_SHOWN: usize = 100;

/// A name from a partner's source or mapping as it may stand on a terminal: not endless, and without characters that
/// move the cursor or turn the direction of writing.
pub(super) fn plain(name: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.chars().filter(|c| !c.is_control() && !turns(c)).take(MAX_SHOWN).collect()
}

/// Names the path and the deed beside what the system said.
pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> IntakeError {
    let path = path.to_owned();
    move |source| IntakeError::Io { path, action, source }
}
