//! The rules for one cell, and what a protected cell stands for.

use super::cell_key;
use crate::catalogue::PersonRows;
use crate::model::{Bounds, Lattice, Profile, RawCell, Shown, Table, Zeros};
use crate::plan::Layout;

/// The least denominator beside which the zero of an indicator whose target is zero is shown.
pub const ZERO_TARGET_DENOMINATOR: u64 = 1_000;

/// Applies the rules to a whole table, in the lattice's order.
pub(super) fn shown_table(layout: &Layout, profile: Profile, raw: &Table<RawCell>) -> Vec<Shown> {
    let cells = raw.cells().iter().map(|cell| shown(cell, profile, layout.person_rows()));
    let mut cells: Vec<Shown> = cells.collect();
    if let Some(none) = shown_none(layout, &cells, |cell| {
        raw.cells().get(cell).is_some_and(|cell| cell.events() == 0)
    }) {
        for cell in none {
            cells[cell] = Shown::Published(0);
        }
    }
    cells
}

/// The cells above the line of an indicator whose target is zero, where there is nobody in all of them together
/// and that is shown: where what is published below the line is at least [`ZERO_TARGET_DENOMINATOR`].
pub(super) fn shown_none(
    layout: &Layout,
    cells: &[Shown],
    is_zero: impl Fn(usize) -> bool,
) -> Option<Vec<usize>> {
    let lattice = layout.lattice();
    let outcome = lattice.axes().last()?.categories().len();
    let all = lattice.len().checked_sub(outcome)?;
    let enough = matches!(
        cells.get(all + layout.denominator()),
        Some(Shown::Published(r)) if *r >= ZERO_TARGET_DENOMINATOR
    );
    if !layout.zero_target() || !enough || !is_zero(all + layout.numerator()) {
        return None;
    }
    Some((layout.numerator()..lattice.len()).step_by(outcome).collect())
}

/// What an outsider knows of a cell from what is shown of it alone: the least and the most that it can be, and
/// whether it is hidden.
pub(super) fn outside(cell: Shown, profile: Profile) -> (u64, Option<u64>, bool) {
    let least = u64::from(profile.zeros() == Zeros::Shown);
    match cell {
        Shown::Published(r) => {
            let Bounds { low, high } = stands_for(r, profile);
            (low, high, false)
        }
        Shown::Small => (least, Some(profile.most_hidden()), true),
        Shown::Suppressed => (least, None, true),
        Shown::StructuralZero => (0, Some(0), false),
    }
}

/// Applies the contributors rule, then the profile. A count is shown where it is above the limit, comes
/// from more people than the limit, and no one person makes up more than half of it. Where the profile changes
/// counts at random, the changed one is held against the limit too.
pub(super) fn shown(cell: &RawCell, profile: Profile, person_rows: PersonRows) -> Shown {
    let events = cell.events();
    if events == 0 && profile.zeros() == Zeros::Shown {
        return Shown::Published(0);
    }
    let Some(figure) = cell_key::figure(cell, profile) else { return Shown::Suppressed };
    let few_people = cell.persons() <= profile.limit();
    let dominated = cell.top().saturating_mul(2) > events;
    let small = events.min(figure) <= profile.limit();
    if small || few_people || dominated {
        // One marker for every rule: which of them hid a cell would itself say something.
        // Only where a row is a person is it surely not above `most_hidden`.
        return match person_rows {
            PersonRows::One if small => Shown::Small,
            PersonRows::One | PersonRows::Several => Shown::Suppressed,
        };
    }
    Shown::Published(rounded(figure, profile.base()))
}

/// To the nearest multiple of an odd base: integers have no ties.
fn rounded(n: u64, base: u64) -> u64 {
    n.saturating_add(base / 2) / base * base
}

/// What a published figure stands for: `[max(limit + 1, r − h), r + h]`, with `h` half the rounding base
/// less one, or the greatest change at random; a shown zero is a zero. Whatever a count was changed to, it is not
/// shown unless it comes from more people than the limit, so that it is above the limit itself.
#[must_use]
pub fn stands_for(published: u64, profile: Profile) -> Bounds {
    if published == 0 {
        return Bounds::exactly(0);
    }
    let h = profile.half_width();
    Bounds {
        low: published.saturating_sub(h).max(profile.limit() + 1),
        high: Some(published.saturating_add(h)),
    }
}

/// Bounds of every cell of a protected table, from what it shows alone. A withheld cell lies between 0
/// and the smallest published upper bound of a cell that contains it, if there is one.
#[must_use]
pub fn bounds(lattice: &Lattice, shown: &[Shown], profile: Profile) -> Vec<Bounds> {
    let published = |index: usize| match shown.get(index) {
        Some(Shown::Published(r)) => stands_for(*r, profile).high,
        _ => None,
    };
    shown
        .iter()
        .enumerate()
        .map(|(index, cell)| match cell {
            Shown::Published(r) => stands_for(*r, profile),
            Shown::Small => Bounds { low: 0, high: Some(profile.most_hidden()) },
            Shown::StructuralZero => Bounds::exactly(0),
            Shown::Suppressed => Bounds {
                low: 0,
                high: lattice.above(index).into_iter().filter_map(published).min(),
            },
        })
        .collect()
}
