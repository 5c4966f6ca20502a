//! From rows to a table with all its margins, before disclosure control: events, distinct persons and
//! the top contributor of every cell of a lattice, and what is asked of measures. [`tabulate()`] counts the columns
//! of a snapshot in memory, [`sql`] has a database count; both give the same table.

mod columns;
mod distinct;
mod grid;
mod keyed;
mod measured;
mod people;
mod places;
pub mod sql;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use evensum_core::authz::Use;
use evensum_core::model::{ColumnId, Lattice, LatticeError};
use evensum_core::plan::{Filter, Histogram, Plan, PooledTable};

use crate::snapshot::MAX_MEASURES;

pub use columns::tabulate;
pub use distinct::mark;

/// The most filters of one request.
pub const MAX_FILTERS: usize = 64;
/// The most counts that the histograms of one table may have together.
pub const MAX_HISTOGRAM_COUNTS: usize = 1 << 22;

/// What is to be counted.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The table.
    pub lattice: Arc<Lattice>,
    /// The snapshot's column behind each axis, the outcome's last.
    pub columns: &'a [ColumnId],
    /// Only rows that pass all of these are counted.
    pub filters: &'a [Filter],
    /// The measures that are summed in every cell.
    pub measures: &'a [ColumnId],
    /// What a row counts for at most in each of those sums: what lies above is counted as this. Measures behind the
    /// end of this list have no such end.
    pub tops: &'a [u16],
    /// The measure whose units are counted in every cell.
    pub histogram: Option<&'a Histogram>,
    /// Whether the keys of each cell's records are added up.
    pub keyed: bool,
}

impl<'a> Request<'a> {
    /// A request for counts, without measures.
    #[must_use]
    pub const fn counts(
        lattice: Arc<Lattice>,
        columns: &'a [ColumnId],
        filters: &'a [Filter],
    ) -> Self {
        Self { lattice, columns, filters, measures: &[], tops: &[], histogram: None, keyed: false }
    }

    /// What a plan asks for.
    #[must_use]
    pub fn of<U: Use>(plan: &'a Plan<U>) -> Self {
        Self {
            lattice: Arc::clone(plan.layout().lattice()),
            columns: plan.columns(),
            filters: plan.filters(),
            measures: plan.measures(),
            tops: plan.tops(),
            histogram: plan.histogram(),
            keyed: plan.keyed(),
        }
    }

    /// What a table asks for that partners contribute to a sum: with the keys of its records where its figures are
    /// changed by them first.
    #[must_use]
    pub fn contributed(table: &'a PooledTable) -> Self {
        Self { keyed: table.keyed(), ..Self::of(table.plan()) }
    }

    /// The measures that are summed, each with what a row counts for at most.
    fn summed(&self) -> impl Iterator<Item = (&'a ColumnId, u16)> {
        let tops = self.tops.iter().copied().chain(std::iter::repeat(u16::MAX));
        self.measures.iter().zip(tops)
    }

    const fn measures_nothing(&self) -> bool {
        self.measures.is_empty() && self.histogram.is_none()
    }

    /// That it has a column for each axis, and is no larger than requests may be.
    fn check(&self) -> Result<(), TabulateError> {
        let (axes, columns) = (self.lattice.axes().len(), self.columns.len());
        if axes != columns {
            return Err(TabulateError::Axes { axes, columns });
        }
        if self.filters.len() > MAX_FILTERS {
            return Err(TabulateError::TooManyFilters);
        }
        if self.measures.len() > MAX_MEASURES {
            return Err(TabulateError::TooManyMeasures);
        }
        self.units().map(drop)
    }

    /// Counts of one cell's histogram: one a unit and one for what lies above; none without a histogram.
    fn units(&self) -> Result<usize, TabulateError> {
        let units = self.histogram.map_or(0, |histogram| usize::from(histogram.last) + 2);
        if units * self.lattice.len() > MAX_HISTOGRAM_COUNTS {
            return Err(TabulateError::TooManyUnits);
        }
        Ok(units)
    }
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
    /// The snapshot does not hold a measure.
    #[error("the snapshot holds no measure '{0}': load an extract that has it, or ask for a count")]
    NoMeasure(ColumnId),
    /// The snapshot does not hold the keys of its records.
    #[error(
        "the extract was loaded without the record keys that the disclosure profile needs: load and publish it again"
    )]
    NoRecordKeys,
    /// More than [`MAX_MEASURES`].
    #[error("a request sums at most {MAX_MEASURES} measures")]
    TooManyMeasures,
    /// More than [`MAX_HISTOGRAM_COUNTS`].
    #[error(
        "percentiles over this table need more than {MAX_HISTOGRAM_COUNTS} counts: ask for fewer or coarser dimensions"
    )]
    TooManyUnits,
    /// The counts do not fill the table.
    #[error("the counts do not fill the table")]
    Table(#[from] LatticeError),
}
