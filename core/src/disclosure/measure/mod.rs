//! The release of means, percentiles and ratios of sums: which groups have a figure, and what is said of it.
//!
//! A figure is shown where both of its group's counts are, where the count that is *published* says by itself that
//! enough rows are behind it (so that a figure that is missing says nothing of the count), and where no one or two people make
//! it up. Whatever is decided on a true number is decided on the sums alone. Sums and histograms themselves are never
//! shown, nor a least, a greatest or a most frequent value.

mod grid;
mod joint;
mod pool;
mod room;
#[cfg(test)]
mod tests;
mod unrounded;

use super::document::{FigureText, Figures, NoFigure};
use super::protect::{bounds, stands_for};
use super::received::MAX_COUNT;
use crate::catalogue::PersonRows;
use crate::model::{Lattice, Profile, RawCell, Shown, Sum, Table};
use crate::plan::{Figure, Layout};
use room::Room;

pub use pool::{FigureBounds, FigureGap};
pub(super) use pool::{of_group, pooled};
pub(super) use unrounded::unrounded;

/// The fewest rows behind a mean or a ratio, and on either side of a percentile.
const LEAST_ROWS: u64 = 10;
/// The least sum on either side of a ratio.
const LEAST_SUM: u64 = 10;
/// Below so many rows an extreme that would hold for everybody is not shown: no share of 0 % or 100 %, no mean of the
/// least or the greatest possible.
pub const PROTECTED_BELOW: u64 = 50;
/// Thousandths of a ratio.
const THOUSANDTHS: u128 = 1_000;
/// Halves of a unit.
const HALVES: u128 = 2;

/// Both counts of a group, in the lattice's order.
fn ends(layout: &Layout, group: usize) -> (usize, usize) {
    let outcome = outcomes(layout.lattice());
    (group * outcome + layout.numerator(), group * outcome + layout.denominator())
}

fn outcomes(lattice: &Lattice) -> usize {
    lattice.axes().last().map_or(1, |axis| axis.categories().len())
}

fn groups(layout: &Layout) -> usize {
    layout.lattice().len() / outcomes(layout.lattice())
}

/// The least count that what is published of a group leaves, where both of its counts are published.
fn least_rows(layout: &Layout, profile: Profile, shown: &[Shown], group: usize) -> Option<u64> {
    let (numerator, denominator) = ends(layout, group);
    match (shown.get(numerator)?, shown.get(denominator)?) {
        (Shown::Published(above), Shown::Published(_)) if *above > 0 => {
            Some(stands_for(*above, profile).low)
        }
        _ => None,
    }
}

/// Whether a published count says that enough rows are behind a figure.
fn enough(figure: &Figure, which: usize, rows: u64) -> bool {
    match figure {
        Figure::Mean { .. } | Figure::Ratio { .. } => rows >= LEAST_ROWS,
        Figure::Quantile { at, .. } => at.get(which).is_some_and(|at| {
            let side = u64::from((*at).min(100_u8.saturating_sub(*at)));
            rows.saturating_mul(side) >= LEAST_ROWS * 100
        }),
    }
}

/// Whether a figure would say the same of everybody in a small group: that each counts for nothing, or for the most
/// that there is.
fn says_all(figure: &Figure, value: u64, rows: u64) -> bool {
    match figure {
        Figure::Mean { most } => {
            let top = u64::from(*most).saturating_mul(2);
            rows < PROTECTED_BELOW && (value == 0 || value >= top)
        }
        Figure::Quantile { .. } | Figure::Ratio { .. } => false,
    }
}

/// The figures of a table whose counts are protected; nothing where its indicator has none, or its profile releases
/// none.
///
/// Where means or ratios would narrow the counts down further than counts may be, all of the table's are rounded more
/// coarsely, and at last withheld. That is decided from what would be published alone.
pub(super) fn figures(
    layout: &Layout,
    profile: Profile,
    raw: &Table<RawCell>,
    shown: &[Shown],
) -> Option<Figures> {
    let figure = layout.figure().filter(|_| profile.releases_figures())?;
    let at = |coarse: u64| {
        Figures {
        coarse,
        values: (0..figure.count())
            .map(|which| {
                let value = |group| {
                    let rows = least_rows(layout, profile, shown, group);
                    let rows = rows.filter(|rows| enough(figure, which, *rows))?;
                    let cell = raw.cells().get(ends(layout, group).0)?;
                    value(cell, figure, which, layout.person_rows(), coarse).filter(
                        |value| !matches!(value, FigureText::Value(v) if says_all(figure, *v, rows)),
                    )
                };
                let withheld = FigureText::State(NoFigure::Withheld);
                (0..groups(layout)).map(|group| value(group).unwrap_or(withheld)).collect()
            })
            .collect(),
    }
    };
    if let Figure::Quantile { .. } = figure {
        return Some(at(1));
    }
    let counts = counts(layout, profile, shown);
    let room = Room::new(layout.lattice(), counts);
    let left =
        |figures: &Figures| shows_nothing(figures) || room.is_left_by(&means(figure, figures));
    grid::COARSE.into_iter().map(at).find(left).or_else(|| {
        let last = grid::COARSE.last().copied().unwrap_or(1);
        let none = vec![FigureText::State(NoFigure::Withheld); groups(layout)];
        Some(Figures { coarse: last, values: vec![none] })
    })
}

fn shows_nothing(figures: &Figures) -> bool {
    let withheld = |text: &FigureText| *text == FigureText::State(NoFigure::Withheld);
    figures.values.iter().flatten().all(withheld)
}

/// What is known of the count that each group's figure is of.
fn counts(layout: &Layout, profile: Profile, shown: &[Shown]) -> Vec<crate::model::Bounds> {
    let all = bounds(layout.lattice(), shown, profile);
    (0..groups(layout)).filter_map(|group| all.get(ends(layout, group).0).copied()).collect()
}

/// What is said of each group's mean, in fourths of a unit. Of a ratio the same is asked as if every row counted for as
/// much below the line, which makes it a mean: where that is nearly so, as with the days of a month, it is one.
fn means(figure: &Figure, figures: &Figures) -> Vec<(i128, i128)> {
    let most = match figure {
        Figure::Mean { most } => i128::from(*most) * 4,
        Figure::Quantile { .. } | Figure::Ratio { .. } => i128::from(u64::MAX),
    };
    let signed = |n: u128| i128::try_from(n).unwrap_or(i128::MAX);
    let of = |text: &FigureText| match text {
        FigureText::Value(value) => {
            let (low, high) = grid::stands_for(*value, figures.coarse);
            (signed(low), signed(high))
        }
        FigureText::State(_) => (0, most),
    };
    figures.values.first().into_iter().flatten().map(of).collect()
}

/// A group's figure by its sums or its histogram; nothing where one or two people make it up.
fn value(
    cell: &RawCell,
    figure: &Figure,
    which: usize,
    rows: PersonRows,
    coarse: u64,
) -> Option<FigureText> {
    let measured = cell.measured()?;
    match figure {
        Figure::Mean { .. } => {
            let [sum] = measured.sums() else { return None };
            let above = u128::from(sum.total()) * HALVES;
            let value = grid::rounded(above, cell.events().into(), coarse)?;
            shared(sum, rows).then_some(FigureText::Value(value))
        }
        Figure::Ratio { per, .. } => {
            let [of, over] = measured.sums() else { return None };
            if of.total() < LEAST_SUM || over.total() < LEAST_SUM {
                return None;
            }
            let above = u128::from(of.total()) * u128::from(*per) * THOUSANDTHS;
            let value = grid::rounded(above, over.total().into(), coarse)?;
            (shared(of, rows) && shared(over, rows)).then_some(FigureText::Value(value))
        }
        Figure::Quantile { at, begun, .. } => quantile(measured.units(), *at.get(which)?, *begun),
    }
}

/// Whether no one or two people make up a sum: the first at most half of it, both together at most 90 %, and what the
/// others make up is at least a tenth of the first's (the rules NK(2, 90 %) and p% = 10, judged by the whole sum).
///
/// Of the second it is only known that he makes up no more than the first, nor more than what the first leaves of the
/// sum; and, where a row is a person, that his square is no more than what the first's leaves of the sum of squares.
/// The rules are held to the most that he could make up.
fn shared(sum: &Sum, rows: PersonRows) -> bool {
    let (total, first) = (sum.total(), sum.of_one());
    let Some(others) = total.checked_sub(first) else { return false };
    let by_squares = match rows {
        PersonRows::One => {
            sum.squares().checked_sub(first.saturating_mul(first)).map_or(0, u64::isqrt)
        }
        // Squares are of rows, and a person may have many small ones.
        PersonRows::Several => u64::MAX,
    };
    let second = first.min(others).min(by_squares);
    let (total, first) = (u128::from(total), u128::from(first));
    let both = first + u128::from(second);
    first * 2 <= total && both * 10 <= total * 9 && (total - both) * 10 >= first
}

/// A percentile from rows by unit: the unit in which that part of the rows is reached, on a straight line inside it,
/// to the nearest whole unit.
fn quantile(units: &[u32], at: u8, begun: bool) -> Option<FigureText> {
    let Reached { unit, open, within, own } = reached(units, at)?;
    if open {
        return Some(FigureText::State(NoFigure::Over));
    }
    // Of begun units, unit 5 runs from 4 to 5: before its middle, 4 is nearer.
    let value = if begun && within * 2 < own { unit.saturating_sub(1) } else { unit };
    Some(FigureText::Value(value))
}

/// Where a part of the rows is reached.
struct Reached {
    unit: u64,
    /// Whether it is the last of them, of everything above.
    open: bool,
    /// How many of its rows are in that part, in hundredths of a row.
    within: u64,
    /// Its rows, in hundredths of a row; not none.
    own: u64,
}

/// The unit in which so many rows in a hundred are reached; nothing where there are no rows.
fn reached(units: &[u32], at: u8) -> Option<Reached> {
    let rows: u64 = units.iter().map(|n| u64::from(*n)).sum();
    // In hundredths of a row, so that a share of the rows is a whole number.
    let wanted = rows * u64::from(at);
    let mut before = 0_u64;
    let (last, counted) = (units.len().checked_sub(1)?, units.iter().map(|n| u64::from(*n) * 100));
    for (unit, own) in counted.enumerate() {
        if own > 0 && before + own >= wanted {
            let (open, within) = (unit == last, wanted - before);
            return Some(Reached { unit: u64::try_from(unit).ok()?, open, within, own });
        }
        before += own;
    }
    None
}

/// Whether a profile can produce a table's figures beside its counts.
pub(super) fn possible(
    layout: &Layout,
    profile: Profile,
    shown: &[Shown],
    figures: Option<&Figures>,
) -> bool {
    let (figure, figures) = match (layout.figure().filter(|_| profile.releases_figures()), figures)
    {
        (None, None) => return true,
        (Some(figure), Some(figures)) => (figure, figures),
        _ => return false,
    };
    let quantile = matches!(figure, Figure::Quantile { .. });
    let grids = if quantile { &grid::COARSE[..1] } else { &grid::COARSE[..] };
    if !grids.contains(&figures.coarse)
        || figures.values.len() != figure.count()
        || figures.values.iter().any(|one| one.len() != groups(layout))
    {
        return false;
    }
    let each = (0..figure.count()).all(|which| {
        (0..groups(layout)).all(|group| {
            let Some(text) = figures.values.get(which).and_then(|one| one.get(group)) else {
                return false;
            };
            if *text == FigureText::State(NoFigure::Withheld) {
                return true;
            }
            let rows = least_rows(layout, profile, shown, group);
            rows.is_some_and(|rows| {
                enough(figure, which, rows) && in_range(figure, *text, rows, figures.coarse)
            })
        })
    });
    let rising = figures.values.windows(2).all(|pair| {
        let [lower, upper] = pair else { return true };
        lower.iter().zip(upper).all(|(lower, upper)| !falls(*lower, *upper))
    });
    each && rising
        && (quantile || shows_nothing(figures) || {
            let room = Room::new(layout.lattice(), counts(layout, profile, shown));
            room.is_left_by(&means(figure, figures))
        })
}

fn in_range(figure: &Figure, text: FigureText, rows: u64, coarse: u64) -> bool {
    match (figure, text) {
        (Figure::Mean { most }, FigureText::Value(value)) => {
            // What is rounded lies up to the greatest that a row counts for.
            let (low, _) = grid::stands_for(value, coarse);
            grid::is_on(value, coarse)
                && low <= u128::from(*most) * 4
                && !says_all(figure, value, rows)
        }
        (Figure::Ratio { per, most }, FigureText::Value(value)) => {
            let (low, _) = grid::stands_for(value, coarse);
            let above = u128::from(*most) * u128::from(MAX_COUNT);
            let highest = above * u128::from(*per) * THOUSANDTHS * 2 / u128::from(LEAST_SUM);
            grid::is_on(value, coarse) && low <= highest
        }
        (Figure::Quantile { last, .. }, FigureText::Value(value)) => value <= u64::from(*last),
        (Figure::Quantile { .. }, FigureText::State(NoFigure::Over)) => true,
        _ => false,
    }
}

/// Whether of two percentiles of a group the higher one is the smaller.
fn falls(lower: FigureText, upper: FigureText) -> bool {
    match (lower, upper) {
        (FigureText::Value(lower), FigureText::Value(upper)) => lower > upper,
        (FigureText::State(NoFigure::Over), FigureText::Value(_)) => true,
        _ => false,
    }
}
