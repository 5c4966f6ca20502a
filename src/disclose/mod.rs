//! A table that somebody already has: read from CSV, put under disclosure control, written with what was done to it.
//! Functions of files and texts: whoever calls them prints.

pub mod already;
pub mod assemble;
pub mod document;
pub mod hierarchy;
pub mod outsider;
pub mod picture;
pub mod read;
pub mod report;
pub mod xlsx;

mod number;

use std::path::PathBuf;

use evensum_core::disclosure::sheet::{HierarchyError, SheetError};

pub use number::Fault;

/// What stands in place of a hidden figure.
pub const MARK: &str = "[c]";

/// Why a table cannot be read, protected or written.
#[derive(Debug, thiserror::Error)]
pub enum DiscloseError {
    /// The file cannot be opened or read.
    #[error("{file} cannot be read")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no CSV in UTF-8.
    #[error("{file}{at}: {why}")]
    Text {
        /// The file.
        file: PathBuf,
        /// Where in it, beginning with a comma, or nothing.
        at: String,
        /// What is wrong and what to do.
        why: &'static str,
    },
    /// A row with more or fewer columns than the header.
    #[error("{file}, row {row}: {found} columns where the header has {wanted}")]
    Ragged {
        /// The file.
        file: PathBuf,
        /// The row.
        row: u64,
        /// Columns of the row.
        found: usize,
        /// Columns of the header.
        wanted: usize,
    },
    /// More columns or rows than are read.
    #[error("{file} has more than {most} {what}: {advice}")]
    TooMany {
        /// The file.
        file: PathBuf,
        /// The most.
        most: usize,
        /// Rows or columns.
        what: &'static str,
        /// What to do.
        advice: String,
    },
    /// A column that the file does not have.
    #[error("{file} has no column '{column}'; its columns are {there}")]
    NoColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// The columns that there are.
        there: String,
    },
    /// The columns cannot be used together.
    #[error("{file}, column '{column}': {why}")]
    Column {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// No column could be a dimension.
    #[error(
        "{file}: no column is left to be a dimension; name those that divide the table up, as in --by area,sex; its columns are {there}"
    )]
    NoDimension {
        /// The file.
        file: PathBuf,
        /// The columns that there are.
        there: String,
    },
    /// A field that cannot be used.
    #[error("{file}, row {row}, column '{column}': {fault}")]
    Field {
        /// The file.
        file: PathBuf,
        /// The row, as a spreadsheet counts.
        row: u64,
        /// The column.
        column: String,
        /// What is wrong.
        fault: Fault,
    },
    /// The same cell twice.
    #[error("{file}, row {row}: the same categories stand on row {first}{advice}")]
    Twice {
        /// The file.
        file: PathBuf,
        /// The later row.
        row: u64,
        /// The earlier one.
        first: u64,
        /// What to do, or nothing.
        advice: String,
    },
    /// A hierarchy that cannot be used.
    #[error("{file}, {source}")]
    Hierarchy {
        /// The file.
        file: PathBuf,
        /// Why.
        source: HierarchyError,
    },
    /// A hierarchy, a level or a choice for something that is no dimension of the table.
    #[error(
        "--{option} names '{name}', which is no dimension of the table; its dimensions are {there}"
    )]
    NotADimension {
        /// The option.
        option: &'static str,
        /// The name.
        name: String,
        /// The dimensions that there are.
        there: String,
    },
    /// The table is too large, does not add up or contradicts others.
    #[error("{file}, {source}")]
    Sheet {
        /// The file.
        file: PathBuf,
        /// Why.
        source: SheetError,
    },
    /// The table is too large to be read into one.
    #[error("{file}: {why}")]
    Large {
        /// The file.
        file: PathBuf,
        /// How large, what the most is, and what would be small enough.
        why: String,
    },
    /// The table could not be written as CSV.
    #[error("the table could not be written as CSV")]
    Csv(#[from] csv::Error),
    /// The table could not be written as CSV.
    #[error("the table could not be written as CSV")]
    Finish(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The workbook could not be made.
    #[error("the workbook could not be made")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
}

/// Text that a spreadsheet would take for a formula, made plain text by an apostrophe in front of it.
#[must_use]
pub fn guarded(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text that [`guarded`] was given.
pub(crate) fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}

/// Whether a category is written as the total of its dimension.
pub(crate) fn is_total(text: &str) -> bool {
    text.eq_ignore_ascii_case("all") || text.eq_ignore_ascii_case("total")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_put_on_and_taken_off() {
        for text in ["=1+1", "-5", "+44", "@x", "plain", "'quoted", "65+", ""] {
            assert_eq!(unguarded(&guarded(text)), text);
        }
        assert_eq!(guarded("=1+1"), "'=1+1");
        assert_eq!(guarded("65+"), "65+");
    }
}
