//! The first table that keeps within all bounds, found from the bounds alone.

use super::figures::Figures;
use super::layout::{Span, UNBOUNDED};
use super::search::Search;

/// A finest cell begins two fifths of the way up, or of so much where it may be more.
const REACH: i64 = 50;
/// Sweeps of the fit.
const SWEEPS: u32 = 25;

/// Looks for a table that keeps within all bounds. It is then at hand.
pub(super) fn begin<'a>(shape: &'a Figures, most: u64) -> (Search<'a>, bool) {
    let figures = shape.finest as u64;
    let mut search = Search::new(shape, &fit(shape), most);
    // In the middle of what is allowed first, from where there is room to all sides.
    for sum in shape.sums() {
        let Span { low, high } = narrowed(shape.known[sum]);
        search.bound(sum, low, high);
    }
    let mut found = search.repair(4 * figures + 400);
    for sum in shape.sums() {
        let Span { low, high } = shape.known[sum];
        search.bound(sum, low, high);
    }
    found = found || search.repair(60 * figures + 2_000);
    search.mark();
    (search, found)
}

/// Tries again from a table that solves the linear program.
pub(super) fn round(shape: &Figures, search: &mut Search<'_>, point: &[f64]) -> bool {
    search.put(&rounded(shape, point));
    let found = search.repair(60 * shape.finest as u64 + 2_000);
    search.mark();
    found
}

fn narrowed(span: Span) -> Span {
    match span {
        Span { low, high: UNBOUNDED } => Span { low: low + 1, high: UNBOUNDED },
        Span { low, high } if high - low >= 2 => Span { low: low + 1, high: high - 1 },
        _ => span,
    }
}

/// Finest cells that add up to about what sums allow: what a sum lacks or has too much is spread over its cells,
/// in proportion to their room. Where this ends decides nothing but where the search begins; additions,
/// multiplications and divisions of these numbers are the same on every machine.
fn fit(shape: &Figures) -> Vec<i64> {
    let real = |n: i64| n as f64;
    let cells = &shape.known[..shape.finest];
    let mut values: Vec<f64> = cells
        .iter()
        .map(|s| real(s.low) + real(s.high.min(s.low + REACH) - s.low) * 2.0 / 5.0)
        .collect();
    let mut sums: Vec<usize> = shape.sums().collect();
    sums.sort_by_key(|sum| (std::cmp::Reverse(shape.members(*sum).len()), *sum));
    for _ in 0..SWEEPS {
        let mut changed = false;
        for sum in &sums {
            let wanted = narrowed(shape.known[*sum]);
            let members = shape.members(*sum).iter().map(|m| *m as usize);
            let total: f64 = members.clone().map(|m| values[m]).sum();
            let lacks = (real(wanted.low) - total).max(0.0);
            let over = (total - real(wanted.high)).max(0.0);
            if lacks.max(over) < 0.5 {
                continue;
            }
            changed = true;
            let room = |m: usize, value: f64| match (cells[m], lacks > 0.0) {
                (Span { high: UNBOUNDED, .. }, true) => lacks,
                (Span { high, .. }, true) => real(high) - value,
                (Span { low, .. }, false) => value - real(low),
            };
            let rooms: f64 = members.clone().map(|m| room(m, values[m])).sum();
            let share = if rooms > 0.0 { ((lacks - over) / rooms).clamp(-1.0, 1.0) } else { 0.0 };
            for m in members {
                values[m] += room(m, values[m]) * share;
            }
        }
        if !changed {
            break;
        }
    }
    rounded(shape, &values)
}

/// Whole numbers within bounds; what rounding takes from one is left to the next.
fn rounded(shape: &Figures, values: &[f64]) -> Vec<i64> {
    let mut carried = 0.0;
    let whole = |(value, span): (&f64, &Span)| {
        let wanted = value + carried;
        let given = ((wanted + 0.5).floor() as i64).clamp(span.low, span.high);
        carried = (wanted - given as f64).clamp(-1.0, 1.0);
        given
    };
    values.iter().zip(&shape.known).map(whole).collect()
}
