//! What a partner contributes of a table to a sum over partners.

use zeroize::Zeroizing;

use super::cell_key::Noised;
use crate::model::{RawCell, Table};
use crate::plan::PooledTable;
use crate::pool::ShapeError;

/// Why a table is not contributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContributionError {
    /// The agreement has figures changed at random before they are added up, by the keys of their records.
    #[error(
        "the extract has no record keys, by which the agreement has figures changed at random: load and publish it again"
    )]
    Unkeyed,
    /// It is another table.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// The numbers of a counted table, cut into vectors: as they are or, where the agreement has them changed at random before
/// anybody adds them up, changed. The table knows which by its agreement, and there is no other way to its numbers:
/// ```
/// use evensum_core::{disclosure::contribution, model::{RawCell, Table}, plan::PooledTable};
/// fn contribute(table: &PooledTable, raw: Table<RawCell>) {
///     let _ = contribution(table, raw);
/// }
/// ```
/// ```compile_fail,E0624
/// use evensum_core::{model::{RawCell, Table}, plan::PooledTable};
/// fn contribute(table: &PooledTable, raw: Table<RawCell>) {
///     let _ = table.shape().values(raw);
/// }
/// ```
///
/// # Errors
/// [`ContributionError`]; where numbers are to be changed and there are no keys, nothing is given.
pub fn contribution(
    table: &PooledTable,
    raw: Table<RawCell>,
) -> Result<Vec<Zeroizing<Vec<u64>>>, ContributionError> {
    let figures = if table.keyed() {
        Noised::of(&raw).ok_or(ContributionError::Unkeyed)?.into_table()
    } else {
        raw
    };
    Ok(table.shape().values(figures)?)
}
