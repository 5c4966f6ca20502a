//! What a contribution is made of, for the partner's own people to see before and after it is made.

use evensum_core::catalogue::Catalogue;
use evensum_core::model::canonical::CanonicalError;
use evensum_core::model::{Agreement, Digest, IndicatorId, LevelId, Timestamp};
use evensum_core::plan::{DistinctTable, PooledTable, PooledTables};
use serde::Serialize;

use crate::snapshot::Manifest;

/// A table of a contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownTable {
    /// What rounds call it by.
    pub id: Digest,
    /// The indicator.
    pub indicator: IndicatorId,
    /// The levels that it is broken down by.
    pub by: Vec<LevelId>,
    /// How many figures it is made of, totals included.
    pub figures: u64,
}

/// The tables that an extract can contribute under an agreement, in the order of its packs. Whether anybody is in it is
/// found when it is counted.
///
/// # Errors
/// [`CanonicalError`].
pub fn tables_of(
    agreement: &Agreement,
    extract: &Manifest,
    catalogue: &Catalogue,
    now: Timestamp,
) -> Result<Vec<ShownTable>, CanonicalError> {
    let of = (&extract.dataset, extract.period);
    let tables = PooledTables::of(agreement, of, catalogue, now)?;
    let held = |table: &&PooledTable| {
        let plan = table.plan();
        let columns = plan.needs().all(|column| extract.columns_held.contains(column));
        columns && (!table.keyed() || extract.keys_hmac.is_some())
    };
    let shown = |table: &PooledTable| {
        let question = table.plan().layout().question();
        let figures =
            table.shape().vectors().map(|all| all.iter().map(|v| u64::from(v.len())).sum());
        ShownTable {
            id: table.id(),
            indicator: question.indicator.clone(),
            by: question.by.clone(),
            // A table without figures has no vectors.
            figures: figures.unwrap_or_default(),
        }
    };
    let marked = |table: &&DistinctTable| {
        extract.links.is_some_and(|links| Some(links.check) == agreement.link_check)
            && table.needs().all(|column| extract.columns_held.contains(column))
    };
    let marks = |table: &DistinctTable| {
        let question = table.question();
        let figures = table.shape().groups() as u64 * u64::from(table.shape().buckets());
        ShownTable { id: table.id(), indicator: question.indicator, by: question.by, figures }
    };
    let counted = tables.tables().iter().filter(held).map(shown);
    Ok(counted.chain(tables.distinct().iter().filter(marked).map(marks)).collect())
}
