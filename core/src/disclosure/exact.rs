//! The profile of exact counts: which cells of a table with its totals are hidden, so that no small count can be
//! worked out, be it in the table or what an outcome leaves over.

use super::attack::Attribute;
use super::complementary::{Effort, Exact, ExactCell, Pattern, complementary};
use crate::model::{Axis, Lattice, RawCell, Shown};

/// How far apart the least and the greatest number must lie that a small count can be: so far that the disclosure
/// test forgives it.
const WIDTH: u64 = 2;

/// Hides further cells beside those that their own rules hide. Where no pattern protects the table, every count that
/// is not zero is hidden.
pub(super) fn suppressed(
    lattice: &Lattice,
    raw: &[RawCell],
    shown: Vec<Shown>,
    limit: u64,
) -> Vec<Shown> {
    let pattern = pattern(lattice, raw, &shown, limit);
    let hidden = |index: usize, cell: Shown| match &pattern {
        Some(pattern) => pattern.hidden().get(index).copied().unwrap_or(true),
        None => cell != Shown::Published(0),
    };
    let each = shown.into_iter().enumerate();
    each.map(|(index, cell)| if hidden(index, cell) { Shown::Suppressed } else { cell }).collect()
}

fn pattern(lattice: &Lattice, raw: &[RawCell], shown: &[Shown], limit: u64) -> Option<Pattern> {
    let outcome = lattice.axes().last()?;
    let mut attributes = Vec::with_capacity(lattice.axes().len());
    let mut rests: Vec<Rest> = Vec::new();
    for axis in lattice.axes() {
        let parts = u16::try_from(axis.leaves().len()).ok()?;
        let mut groups: Vec<Vec<u16>> =
            axis.categories().iter().map(|category| category.members.clone()).collect();
        if std::ptr::eq(axis, outcome) {
            rests = Rest::of(axis);
            groups.extend(rests.iter().map(|rest| rest.parts.clone()));
        }
        attributes.push(Attribute::new(parts, groups));
    }
    let mut cells = Vec::with_capacity(lattice.len());
    for (index, (cell, shown)) in raw.iter().zip(shown).enumerate() {
        let at = lattice.coordinates(index).into_iter();
        cells.push(ExactCell {
            at: at.map(|place| u16::try_from(place + 1).ok()).collect::<Option<_>>()?,
            count: cell.events(),
            primary: !matches!(shown, Shown::Published(_)),
            published: true,
        });
    }
    let size = outcome.categories().len();
    for group in 0..lattice.len() / size {
        for (number, rest) in rests.iter().enumerate() {
            let of = raw.get(group * size + rest.of)?.events();
            let without = raw.get(group * size + rest.without)?.events();
            let mut at = cells.get(group * size)?.at.clone();
            *at.last_mut()? = u16::try_from(size + number + 1).ok()?;
            cells.push(ExactCell::unpublished(at, of.checked_sub(without)?, limit));
        }
    }
    let exact = Exact::new(&attributes, cells, limit).ok()?;
    complementary(&exact, WIDTH, Effort::RELEASE).ok()
}

/// What one category of an outcome leaves of another that contains it: nobody publishes it, and everybody can
/// subtract.
struct Rest {
    of: usize,
    without: usize,
    parts: Vec<u16>,
}

impl Rest {
    fn of(outcome: &Axis) -> Vec<Self> {
        let categories = outcome.categories();
        let mut rests = Vec::new();
        for (of, outer) in categories.iter().enumerate() {
            for (without, inner) in categories.iter().enumerate() {
                let inside = inner.members.iter().all(|m| outer.members.contains(m));
                let left = outer.members.iter().filter(|m| !inner.members.contains(m));
                let parts: Vec<u16> = left.copied().collect();
                if inside && !parts.is_empty() {
                    rests.push(Self { of, without, parts });
                }
            }
        }
        rests
    }
}
