//! The verdict where the whole joint table is laid out: conclusions from lines, then tables that show what
//! hidden counts can be, then linear programs for what is left.

use super::figures::Figures;
use super::hunt::Hunt;
use super::layout::{Layout, UNBOUNDED};
use super::program::TOLERANCE;
use super::public::Merged;
use super::{Contradiction, Decision, Hidden, Limits, Verdict};

/// Times that a hidden count is aimed at from the first table, and steps of each.
const TRIES: u32 = 4;
const TRY_STEPS: u64 = 100;
/// Rounds in which what is left is aimed at while the table moves, and steps of each try.
const ROUNDS: u32 = 6;
const ROUND_STEPS: u64 = 500;

/// The verdict on tables whose joint table fits.
pub(super) fn decide(merged: &Merged, limits: &Limits) -> Result<Decision, Contradiction> {
    let mut layout = Layout::of(merged);
    layout.conclude()?;
    let outcome = |verdict| Decision { verdict, steps: 0, programs: 0, dense: true };
    for cell in merged.cells.iter().filter(|c| c.hidden.is_hidden()) {
        let known = layout.span(&cell.at);
        let above = cell.hidden.is_published() && known.low > merged.most;
        if above || cell.hidden.found_out(whole(known.low), whole(known.high)) {
            return Ok(outcome(Verdict::Unsafe));
        }
    }
    if !merged.cells.iter().any(|c| c.hidden.is_hidden()) {
        return Ok(outcome(Verdict::Safe));
    }
    let shape = Figures::of(merged, &layout);
    if !shape.countable() {
        return Ok(outcome(Verdict::Undecided));
    }
    let mut open = hidden(merged, &shape);
    let mut hunt = Hunt::begin(&shape, limits)?;
    if hunt.begun() {
        aim(&mut hunt, &mut open);
    }
    let verdict = settle(&mut hunt, &open)?;
    let steps = hunt.search.steps().min(limits.steps);
    Ok(Decision { verdict, steps, programs: hunt.programs(), dense: true })
}

fn whole(n: i64) -> u64 {
    n.unsigned_abs()
}

/// A figure, and what must not be found out of it.
type Open = (usize, Hidden);

/// The hidden figures, the narrowest first.
fn hidden(merged: &Merged, shape: &Figures) -> Vec<Open> {
    let cells = merged.cells.iter().zip(&shape.of_cell);
    let cells = cells.filter(|(c, f)| {
        let known = shape.known[**f];
        c.hidden.is_hidden() && !c.hidden.is_settled(known.low, known.high)
    });
    let mut hidden: Vec<Open> = cells.map(|(c, f)| (*f, c.hidden)).collect();
    hidden.sort_by_key(|(f, _)| (shape.known[*f].high - shape.known[*f].low, *f));
    hidden
}

/// Whether tables that were found show that a figure cannot be found out.
fn safe(hunt: &Hunt<'_>, (figure, hidden): Open) -> bool {
    let (seen, known) = (hunt.seen(figure), hunt.known(figure));
    seen.high - seen.low >= hidden.apart(seen.low, known.low)
}

/// What to aim at next: two apart from what was seen on the other side, within what is known. None where that was
/// seen already.
fn goal(hunt: &Hunt<'_>, figure: usize, up: bool) -> Option<i64> {
    let (seen, known) = (hunt.seen(figure), hunt.known(figure));
    if up {
        let goal = (seen.low + 2).min(known.high);
        (goal > seen.high).then_some(goal)
    } else {
        let goal = (seen.high - 2).max(known.low);
        (goal < seen.low).then_some(goal)
    }
}

/// Aims at each open figure, and keeps those that stay open.
fn aim(hunt: &mut Hunt<'_>, open: &mut Vec<Open>) {
    for (figure, hidden) in open.iter().copied() {
        let (seen, known) = (hunt.seen(figure), hunt.known(figure));
        let up = known.high - seen.high >= seen.low - known.low;
        for attempt in 0..TRIES {
            if safe(hunt, (figure, hidden)) || hunt.search.spent() {
                break;
            }
            let up = up == (attempt % 2 == 0);
            if let Some(goal) = goal(hunt, figure, up) {
                hunt.reach(figure, up, goal, TRY_STEPS);
            }
        }
    }
    for round in 0..ROUNDS {
        open.retain(|figure| !safe(hunt, *figure));
        for (figure, hidden) in open.iter().copied() {
            if safe(hunt, (figure, hidden)) || hunt.search.spent() {
                continue;
            }
            let up = round % 2 == 0;
            if let Some(goal) = goal(hunt, figure, up) {
                hunt.move_to(figure, up, goal, ROUND_STEPS);
            }
        }
    }
    open.retain(|figure| !safe(hunt, *figure));
}

/// Asks two programs for each figure that is still open.
fn settle(hunt: &mut Hunt<'_>, open: &[Open]) -> Result<Verdict, Contradiction> {
    for (figure, hidden) in open.iter().copied() {
        if safe(hunt, (figure, hidden)) {
            continue;
        }
        if hunt.search.spent() {
            return Ok(Verdict::Undecided);
        }
        let known = hunt.known(figure);
        let high = if known.high == UNBOUNDED {
            UNBOUNDED
        } else {
            let Some(most) = hunt.solve(figure, true)? else { return Ok(Verdict::Undecided) };
            (most + TOLERANCE).floor() as i64
        };
        if safe(hunt, (figure, hidden)) {
            continue;
        }
        let Some(least) = hunt.solve(figure, false)? else { return Ok(Verdict::Undecided) };
        let low = ((least - TOLERANCE).ceil() as i64).max(0);
        if hidden.found_out(whole(low), whole(high)) {
            return Ok(Verdict::Unsafe);
        }
    }
    Ok(Verdict::Safe)
}
