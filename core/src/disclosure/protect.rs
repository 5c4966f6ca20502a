//! The rules for one cell, and what a protected cell stands for.

use crate::catalogue::PersonRows;
use crate::model::{Bounds, Lattice, Profile, RawCell, Shown, Zeros};

/// What becomes of counts: those up to a limit are hidden, the others rounded to a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRules {
    limit: u64,
    base: u64,
    zeros: Zeros,
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
        Ok(Self { limit, base, zeros })
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
}

impl From<Profile> for CountRules {
    fn from(profile: Profile) -> Self {
        Self { limit: profile.limit(), base: profile.base(), zeros: profile.zeros() }
    }
}

/// Applies the contributors rule, then the profile. A count is shown where it is above the limit, comes
/// from more people than the limit, and no one person makes up more than half of it.
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
    let few_people = cell.persons() <= rules.limit();
    let dominated = cell.top().saturating_mul(2) > events;
    if events <= rules.limit() || few_people || dominated {
        // One marker for every rule: which of them hid a cell would itself say something.
        // Only where a row is a person is it surely not above the limit.
        return match person_rows {
            PersonRows::One if events <= rules.limit() => Shown::Small,
            PersonRows::One | PersonRows::Several => Shown::Suppressed,
        };
    }
    Shown::Published(rounded(events, rules.base()))
}

/// To the nearest multiple of the base: of an odd base there are no ties, of an even one they go up.
fn rounded(n: u64, base: u64) -> u64 {
    n.saturating_add(base / 2) / base * base
}

/// What a published figure stands for: `[max(limit + 1, r − ⌊b/2⌋), r + ⌊(b − 1)/2⌋]`, with the rounding base `b`; a
/// shown zero is a zero.
#[must_use]
pub fn stands_for(published: u64, rules: impl Into<CountRules>) -> Bounds {
    if published == 0 {
        return Bounds::exactly(0);
    }
    let rules = rules.into();
    Bounds {
        low: published.saturating_sub(rules.base / 2).max(rules.limit + 1),
        high: Some(published.saturating_add((rules.base - 1) / 2)),
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
            Shown::Small => Bounds { low: 0, high: Some(profile.limit()) },
            Shown::StructuralZero => Bounds::exactly(0),
            Shown::Suppressed => Bounds {
                low: 0,
                high: lattice.above(index).into_iter().filter_map(published).min(),
            },
        })
        .collect()
}
