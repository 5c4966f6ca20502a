//! What an outsider who knows bounds of some cells can work out of each: the disclosure test alone.

use super::dimension::Dimension;
use super::{Bounds, MAX_LARGE_CELLS, SheetError};
use crate::disclosure::attack::{
    self, Attribute, Limits, Public, PublicCell, RangesError, found_out,
};

/// A cell that something is known of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The place on each dimension; 0 is the total.
    pub at: Vec<u16>,
    /// Between which counts it lies.
    pub bounds: Bounds,
}

/// What can be worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worked {
    /// Between which counts each given cell must lie, in order.
    pub cells: Vec<Bounds>,
    /// Cells not given exactly, from the limit down, of which so much can be worked out that the rule is met.
    pub found_out: usize,
}

/// Works out between which counts each cell must lie, and how many are found out: of those whose `low` is below
/// their `high` and not above the limit. Every combination of categories exists, published or not.
///
/// # Errors
/// [`SheetError`] where the bounds cannot all hold; the inner error where they cannot be worked out within the
/// limits.
pub fn work_out(
    dimensions: &[Dimension],
    known: &[Known],
    limit: u64,
    limits: &Limits,
) -> Result<Result<Worked, RangesError>, SheetError> {
    if dimensions.is_empty() {
        return Err(SheetError::NoDimension);
    }
    if known.len() > MAX_LARGE_CELLS {
        let size =
            super::Size { cells: known.len(), ..super::Size::of(dimensions, MAX_LARGE_CELLS) };
        return Err(SheetError::TooLarge(size));
    }
    let attributes = dimensions.iter().map(|d| Attribute::new(d.parts(), d.groups())).collect();
    let cells = known.iter().map(|k| PublicCell {
        at: k.at.clone(),
        low: k.bounds.low,
        high: k.bounds.high,
        hidden: in_question(k.bounds, limit).into(),
    });
    let public = Public::new(attributes, cells.collect())?;
    let ranges = match attack::ranges(&public, limits) {
        Ok(ranges) => ranges,
        Err(RangesError::Contradiction(contradiction)) => return Err(contradiction.into()),
        Err(error) => return Ok(Err(error)),
    };
    let cells: Vec<Bounds> = ranges.iter().map(|r| Bounds { low: r.low, high: r.high }).collect();
    let found = known.iter().zip(&cells).filter(|(known, worked)| {
        in_question(known.bounds, limit)
            && worked.high.is_some_and(|high| found_out(worked.low, high))
    });
    Ok(Ok(Worked { found_out: found.count(), cells }))
}

/// Whether a cell's count is one that must not be found out.
const fn in_question(bounds: Bounds, limit: u64) -> bool {
    let open = match bounds.high {
        Some(high) => bounds.low < high,
        None => true,
    };
    open && bounds.low <= limit
}
