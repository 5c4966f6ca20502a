//! A measure of a table that somebody has: the statistics of answers, for a file of one's own. Functions of texts:
//! whoever calls them reads and prints.

pub mod columns;
pub mod measure;
pub mod written;

mod charts;
mod gaps;
mod rates;
mod spread;
#[cfg(test)]
mod tests;

use evensum_core::statistics::NotComputable;

pub use columns::{Role, Sheet};
pub use measure::{Line, Measure, Options, lines};

/// Why nothing is worked out.
#[derive(Debug, thiserror::Error)]
pub enum CalculateError {
    /// No row.
    #[error("the table has a header and no rows")]
    Empty,
    /// Too many rows.
    #[error("a measure is worked out of at most {} rows: give a smaller table", columns::MAX_ROWS)]
    TooMany,
    /// A column that was named is not there.
    #[error("there is no column '{column}'; the columns are {there}")]
    NoColumn {
        /// The column.
        column: String,
        /// Those that there are.
        there: String,
    },
    /// A column that is needed is not there.
    #[error(
        "this measure needs a column for {role}, which is usually called {usual}; the columns are {there}: name yours with --column {role}=NAME"
    )]
    NeedsColumn {
        /// What it is for.
        role: &'static str,
        /// What it is usually called.
        usual: String,
        /// The columns that there are.
        there: String,
    },
    /// A field that is no number.
    #[error(
        "row {row}, column '{column}': write a number such as 12, 12.5 or 1,234, or [c] where it is hidden"
    )]
    Field {
        /// The row.
        row: u64,
        /// The column.
        column: String,
    },
    /// A figure that is needed is hidden.
    #[error(
        "row {row}: the column for {column} is hidden or blank, and nothing is guessed in its place"
    )]
    Hidden {
        /// The row.
        row: u64,
        /// What it is for.
        column: &'static str,
    },
    /// A count that is no whole number.
    #[error("row {row}: the column for {column} is to be a whole number, not below nought")]
    NotWhole {
        /// The row.
        row: u64,
        /// What it is for.
        column: &'static str,
    },
    /// The measure takes another number of rows.
    #[error("{measure} takes {wanted}")]
    Rows {
        /// The measure.
        measure: &'static str,
        /// What it takes.
        wanted: String,
    },
    /// A row that was named is not there.
    #[error("there is no row '{name}': --reference takes one of the table's own")]
    NoRow {
        /// The name.
        name: String,
    },
    /// It cannot be worked out.
    #[error(transparent)]
    NotComputable(#[from] NotComputable),
    /// The lines could not be written as CSV.
    #[error("the lines could not be written as CSV")]
    Csv(#[from] csv::Error),
}
