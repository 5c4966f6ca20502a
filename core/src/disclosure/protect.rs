//! The rules for one cell, and what a protected cell stands for.

use super::{cell_key, exact};
use crate::catalogue::PersonRows;
use crate::model::{Bounds, Lattice, Profile, RawCell, Shown, Table, Zeros};
use crate::plan::Layout;

/// The least denominator beside which the zero of an indicator whose target is zero is shown.
pub const ZERO_TARGET_DENOMINATOR: u64 = 1_000;

/// Applies the rules to a whole table, in the lattice's order.
pub(super) fn shown_table(layout: &Layout, profile: Profile, raw: &Table<RawCell>) -> Vec<Shown> {
    shown_sum(layout, (profile, 0), raw)
}

/// The same of a sum whose numbers may each be so far off, because they were changed at random before they were added up.
pub(super) fn shown_sum(
    layout: &Layout,
    (profile, off_by): (Profile, u64),
    raw: &Table<RawCell>,
) -> Vec<Shown> {
    let rules = CountRules { off_by, ..profile.into() };
    let cells = raw.cells().iter().map(|cell| shown(cell, rules, layout.person_rows()));
    let mut cells: Vec<Shown> = cells.collect();
    if profile == Profile::ExactCs {
        cells = exact::suppressed(layout.lattice(), raw.cells(), cells, profile.limit());
    }
    // Where numbers were changed, nobody knows that there is nobody.
    if let Some(none) = shown_none(layout, &cells, |cell| {
        off_by == 0 && raw.cells().get(cell).is_some_and(|cell| cell.events() == 0)
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

/// What becomes of counts: those up to a limit are hidden, the others rounded to a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRules {
    limit: u64,
    base: u64,
    zeros: Zeros,
    /// How far a count may be changed at random, where it is.
    changed: Option<u64>,
    /// Whether a count that is surely not above the limit is marked so.
    tells_small: bool,
    /// How far each number of a sum may be off, where partners changed theirs at random before.
    off_by: u64,
}

/// A limit and a base that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A number that is none, or too large.
    #[error("a limit and a base are whole numbers from 1 to {}", CountRules::MOST)]
    Range,
    /// Counts above the limit would be rounded to zero.
    #[error(
        "to the nearest {base}, counts just above a limit of {limit} would become 0: choose a base of at most {}",
        2 * (limit + 1)
    )]
    Zero {
        /// The limit.
        limit: u64,
        /// The base.
        base: u64,
    },
}

impl CountRules {
    /// The greatest limit and the greatest base.
    pub const MOST: u64 = 1_000;

    /// Rules with this limit and this base.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn new(limit: u64, base: u64, zeros: Zeros) -> Result<Self, RulesError> {
        if !(1..=Self::MOST).contains(&limit) || !(1..=Self::MOST).contains(&base) {
            return Err(RulesError::Range);
        }
        if rounded(limit + 1, base) == 0 {
            return Err(RulesError::Zero { limit, base });
        }
        Ok(Self { limit, base, zeros, changed: None, tells_small: true, off_by: 0 })
    }

    /// The highest count that is hidden.
    #[must_use]
    pub const fn limit(self) -> u64 {
        self.limit
    }

    /// The base that shown counts are rounded to; 1 shows them as they are.
    #[must_use]
    pub const fn base(self) -> u64 {
        self.base
    }

    /// What becomes of zeros.
    #[must_use]
    pub const fn zeros(self) -> Zeros {
        self.zeros
    }

    /// The greatest count that may hide behind "fewer than": where counts are changed at random, a larger one can be
    /// changed to a hidden figure.
    pub(super) fn most_hidden(self) -> u64 {
        self.limit + self.changed.unwrap_or_default()
    }
}

impl From<Profile> for CountRules {
    fn from(profile: Profile) -> Self {
        Self {
            limit: profile.limit(),
            base: profile.base(),
            zeros: profile.zeros(),
            changed: profile.needs_record_keys().then(|| profile.half_width()),
            tells_small: profile.tells_small(),
            off_by: 0,
        }
    }
}

/// Applies the contributors rule, then the profile. A count is shown where it is above the limit, comes
/// from more people than the limit, and no one person makes up more than half of it. Where counts are changed at
/// random, it is the changed one that is held against the limit; were the true one as well, where a row is a person,
/// the step from the limit to one more could be seen for certain. Of a sum of changed counts it must be sure that there
/// are more people than the limit, and nobody with more than half of it, however far off the sums are; where a row is a
/// person, the changes alone protect it, as they do under the profile `ckm`.
pub(super) fn shown(
    cell: &RawCell,
    rules: impl Into<CountRules>,
    person_rows: PersonRows,
) -> Shown {
    let rules = rules.into();
    let events = cell.events();
    if events == 0 && rules.zeros() == Zeros::Shown {
        return Shown::Published(0);
    }
    let Some(figure) = cell_key::figure(cell, rules.changed.is_some()) else {
        return Shown::Suppressed;
    };
    let certain = rules.changed.is_none() || person_rows == PersonRows::Several;
    let off_by = match person_rows {
        PersonRows::One => 0,
        PersonRows::Several => rules.off_by,
    };
    let few_people = certain && cell.persons() <= rules.limit() + off_by;
    let dominated = cell.top().saturating_mul(2).saturating_add(off_by) > events;
    let small = figure <= rules.limit();
    if small || few_people || dominated {
        // One marker for every rule: which of them hid a cell would itself say something.
        // Only where a row is a person is it surely not above `most_hidden`.
        return match person_rows {
            PersonRows::One if small && rules.tells_small => Shown::Small,
            PersonRows::One | PersonRows::Several => Shown::Suppressed,
        };
    }
    Shown::Published(rounded(figure, rules.base()))
}

/// To the nearest multiple of the base: of an odd base there are no ties, of an even one they go up.
fn rounded(n: u64, base: u64) -> u64 {
    n.saturating_add(base / 2) / base * base
}

/// What a published figure stands for: `[max(limit + 1, r − ⌊b/2⌋), r + ⌊(b − 1)/2⌋]`, with the rounding base `b`, or
/// as far on either side as counts are changed at random; a shown zero is a zero.
#[must_use]
pub fn stands_for(published: u64, rules: impl Into<CountRules>) -> Bounds {
    if published == 0 {
        return Bounds::exactly(0);
    }
    let CountRules { limit, base, changed, .. } = rules.into();
    if let Some(by) = changed {
        return Bounds {
            low: published.saturating_sub(by),
            high: Some(published.saturating_add(by)),
        };
    }
    Bounds {
        low: published.saturating_sub(base / 2).max(limit + 1),
        high: Some(published.saturating_add((base - 1) / 2)),
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
