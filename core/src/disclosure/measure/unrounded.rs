//! Means, percentiles and ratios as they are, for a table that stays with the partner's own people.

use super::{FigureBounds, FigureGap, reached};
use crate::model::{RawCell, Sum};
use crate::plan::{Figure, Layout};

/// The figures of one group, from the cell above its line: each value counts for no more than it counts for in a
/// release, and nothing is rounded or withheld.
///
/// A percentile is the value at which that part of the rows is reached; of begun units it lies on a straight line
/// inside the unit, as in the official statistics of waits. None above the last unit that is counted by itself.
pub(in super::super) fn unrounded(
    layout: &Layout,
    cell: &RawCell,
) -> Vec<Result<FigureBounds, FigureGap>> {
    let Some(figure) = layout.figure() else { return Vec::new() };
    (0..figure.count()).map(|which| one(figure, which, cell)).collect()
}

fn one(figure: &Figure, which: usize, cell: &RawCell) -> Result<FigureBounds, FigureGap> {
    if cell.events() == 0 {
        return Err(FigureGap::Nobody);
    }
    let measured = cell.measured().ok_or(FigureGap::Withheld)?;
    let value = match figure {
        Figure::Mean { .. } => match measured.sums() {
            [sum] => Ok(real(sum.total()) / real(cell.events())),
            _ => Err(FigureGap::Withheld),
        },
        Figure::Ratio { per, .. } => match measured.sums() {
            [of, over] => ratio(of, over, *per),
            _ => Err(FigureGap::Withheld),
        },
        Figure::Quantile { at, last, begun } => {
            let at = *at.get(which).ok_or(FigureGap::Withheld)?;
            let reached = reached(measured.units(), at).ok_or(FigureGap::Nobody)?;
            if reached.open {
                return Ok(FigureBounds { low: f64::from(*last), high: None, published: None });
            }
            let whole = real(reached.unit);
            // Of begun units, unit 5 runs from 4 to 5; unit 0 is what had not begun.
            Ok(match (begun, reached.unit) {
                (true, 1..) => whole - 1.0 + real(reached.within) / real(reached.own),
                _ => whole,
            })
        }
    }?;
    Ok(FigureBounds { low: value, high: Some(value), published: Some(value) })
}

fn ratio(of: &Sum, over: &Sum, per: u32) -> Result<f64, FigureGap> {
    if over.total() == 0 {
        return Err(FigureGap::NothingBelow);
    }
    Ok(real(of.total()) * f64::from(per) / real(over.total()))
}

#[expect(clippy::cast_precision_loss, reason = "counts and sums of one partner are far below 2^53")]
fn real(n: u64) -> f64 {
    n as f64
}
