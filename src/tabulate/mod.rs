//! From rows to a table with all its margins, before disclosure control: events, distinct persons and
//! the top contributor of every cell of a lattice.

mod columns;
mod grid;
mod people;
mod places;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use evensum_core::model::{ColumnId, Lattice, LatticeError};
use evensum_core::plan::Filter;

pub use columns::tabulate;

/// The most filters of one request.
pub const MAX_FILTERS: usize = 64;

/// What is to be counted.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The table.
    pub lattice: Arc<Lattice>,
    /// The snapshot's column behind each axis, the outcome's last.
    pub columns: &'a [ColumnId],
    /// Only rows that pass all of these are counted.
    pub filters: &'a [Filter],
}

/// Why a request cannot be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TabulateError {
    /// Not one column for each axis.
    #[error("the table has {axes} axes and the request names {columns} columns: name one for each")]
    Axes {
        /// Axes of the lattice.
        axes: usize,
        /// Columns named.
        columns: usize,
    },
    /// The snapshot does not hold a column.
    #[error("the snapshot holds no column '{0}': load an extract that has it, or ask without it")]
    NoColumn(ColumnId),
    /// A column holds what its axis does not know.
    #[error(
        "the column '{0}' holds a category that the catalogue does not have: load the extract again with this version"
    )]
    UnknownCategory(ColumnId),
    /// More than [`MAX_FILTERS`].
    #[error("a request carries at most {MAX_FILTERS} filters")]
    TooManyFilters,
    /// The counts do not fill the table.
    #[error("the counts do not fill the table")]
    Table(#[from] LatticeError),
}
