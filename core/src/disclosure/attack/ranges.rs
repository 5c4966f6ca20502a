//! The exact bounds of every published count, as an outsider can work them out.

use super::figures::Figures;
use super::hunt::Hunt;
use super::layout::{self, Layout, Span, UNBOUNDED};
use super::program::TOLERANCE;
use super::{Contradiction, Limits, Public};

/// Steps in which a figure is aimed at, beside those for the way to it.
const TRY_STEPS: u64 = 200;
/// Steps for each one that the figure has to go, up to so many that it has.
const STEPS_EACH: u64 = 8;
const FARTHEST: i64 = 2_000;
/// Rounds in which what is left is aimed at while the table moves.
const ROUNDS: u32 = 4;
const ROUND_STEPS: u64 = 500;

/// Between which numbers a count must lie, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The least that it can be.
    pub low: u64,
    /// The most, where anything bounds it.
    pub high: Option<u64>,
}

/// A bound as a linear program gave it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solved {
    /// The cell's place among those that were given.
    pub cell: usize,
    /// Whether it is the cell's greatest value and not its least.
    pub high: bool,
    /// The bound before it was rounded inward.
    pub bound: f64,
}

/// Exact bounds, and what they took.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranges {
    /// Of every given cell, in its order.
    pub ranges: Vec<Range>,
    /// Bounds that no whole table reached, so that a program was asked.
    pub solved: Vec<Solved>,
    /// Steps of the search.
    pub steps: u64,
    /// Linear programs.
    pub programs: u32,
}

/// Why there are no exact bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangesError {
    /// No table can have made the figures.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// More cells than [`Limits::published`].
    #[error("more than {0} different cells: give fewer tables at once")]
    Cells(usize),
    /// The joint table is larger than [`Limits::dense`] or what is laid out.
    #[error(
        "the attributes tell more than {0} groups apart between them, or too many cells overlap: give fewer \
         attributes at once, or coarser ones"
    )]
    Joint(usize),
    /// A bound above what is tested.
    #[error("a count is above 2^40, or must be: give counts of people")]
    Bounds,
    /// The steps or programs of the limits were reached first.
    #[error(
        "the exact bounds were not found within {steps} steps and {programs} linear programs: give fewer tables \
         at once"
    )]
    Undecided {
        /// [`Limits::steps`].
        steps: u64,
        /// [`Limits::programs`].
        programs: u32,
    },
}

/// The least and the most that each given cell can be, in the order of the cells: the bounds of linear programs,
/// rounded inward to whole numbers.
///
/// # Errors
/// [`RangesError`]. Figures that no table can have made are a [`Contradiction`], also where a linear program alone
/// finds that out.
pub fn ranges(public: &Public, limits: &Limits) -> Result<Vec<Range>, RangesError> {
    Ok(ranges_in_full(public, limits)?.ranges)
}

/// [`ranges`], with the bounds that came from linear programs as they were before rounding.
///
/// # Errors
/// [`RangesError`].
pub fn ranges_in_full(public: &Public, limits: &Limits) -> Result<Ranges, RangesError> {
    let merged = public.merged().ok_or(Contradiction)?;
    if merged.cells.len() > limits.published {
        return Err(RangesError::Cells(limits.published));
    }
    if !layout::countable(&merged) {
        return Err(RangesError::Bounds);
    }
    if !layout::fits(&merged, limits.dense) {
        return Err(RangesError::Joint(limits.dense));
    }
    let mut layout = Layout::of(&merged);
    layout.conclude()?;
    let shape = Figures::of(&merged, &layout);
    if !shape.countable() {
        return Err(RangesError::Bounds);
    }
    let undecided = RangesError::Undecided { steps: limits.steps, programs: limits.programs };
    let mut hunt = Hunt::begin(&shape, limits)?;
    if !hunt.possible() {
        return Err(undecided);
    }
    let mut wanted = shape.of_cell.clone();
    wanted.sort_by_key(|f| (shape.known[*f].high - shape.known[*f].low, *f));
    if hunt.begun() {
        aim(&mut hunt, &wanted);
    }
    let (exact, solved) = settle(&mut hunt, &shape, &wanted)?.ok_or(undecided)?;
    let figures: Vec<usize> = merged.merged_as.iter().map(|cell| shape.of_cell[*cell]).collect();
    let range = |Span { low, high }: Span| Range {
        low: low.unsigned_abs(),
        high: (high != UNBOUNDED).then_some(high.unsigned_abs()),
    };
    // Of a figure that is several of the given cells, the first.
    let first = |(figure, high, bound): (usize, bool, f64)| {
        let cell = figures.iter().position(|f| *f == figure)?;
        Some(Solved { cell, high, bound })
    };
    Ok(Ranges {
        ranges: figures.iter().map(|f| range(exact[*f])).collect(),
        solved: solved.into_iter().filter_map(first).collect(),
        steps: hunt.search.steps(),
        programs: hunt.programs(),
    })
}

/// The exact bounds of each figure that is wanted, and those that came from programs: figure, whether it is the
/// greatest value, bound. None where the limits were reached.
#[expect(clippy::type_complexity, reason = "named in the line above")]
fn settle(
    hunt: &mut Hunt<'_>,
    shape: &Figures,
    wanted: &[usize],
) -> Result<Option<(Vec<Span>, Vec<(usize, bool, f64)>)>, Contradiction> {
    let (mut exact, mut solved) = (shape.known.clone(), Vec::new());
    for figure in wanted.iter().copied() {
        for up in [false, true] {
            if reached(hunt, figure, up) {
                continue;
            }
            let Some(bound) = hunt.solve(figure, up)? else { return Ok(None) };
            let own = &mut exact[figure];
            if up {
                own.high = own.high.min((bound + TOLERANCE).floor() as i64);
            } else {
                own.low = own.low.max((bound - TOLERANCE).ceil() as i64);
            }
            solved.push((figure, up, bound));
        }
    }
    Ok(Some((exact, solved)))
}

/// Whether what is known of a figure on one side is exact: a table reaches it. Where nothing bounds a figure, it
/// has a finest cell that no bounded figure has, which any table can have more of.
fn reached(hunt: &Hunt<'_>, figure: usize, up: bool) -> bool {
    let (seen, known) = (hunt.seen(figure), hunt.known(figure));
    known.low == known.high
        || if up {
            known.high == UNBOUNDED || seen.high >= known.high
        } else {
            seen.low <= known.low
        }
}

/// Aims at what is known of each figure on both sides.
fn aim(hunt: &mut Hunt<'_>, wanted: &[usize]) {
    let mut open = Vec::new();
    for figure in wanted.iter().copied() {
        for up in [false, true] {
            if reached(hunt, figure, up) || hunt.search.spent() {
                continue;
            }
            let goal = goal(hunt, figure, up);
            let way = (goal - hunt.search.figure(figure).value).abs().min(FARTHEST).unsigned_abs();
            if !hunt.reach(figure, up, goal, TRY_STEPS + STEPS_EACH * way) {
                open.push((figure, up));
            }
        }
    }
    for _ in 0..ROUNDS {
        open.retain(|(figure, up)| !reached(hunt, *figure, *up));
        for (figure, up) in open.iter().copied() {
            if !reached(hunt, figure, up) && !hunt.search.spent() {
                let goal = goal(hunt, figure, up);
                hunt.move_to(figure, up, goal, ROUND_STEPS);
            }
        }
    }
}

fn goal(hunt: &Hunt<'_>, figure: usize, up: bool) -> i64 {
    if up { hunt.known(figure).high } else { hunt.known(figure).low }
}
