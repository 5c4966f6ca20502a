//! What was counted, and what may be said of it. [`RawCell`] is sealed: anybody may put numbers in, only
//! this crate can take them out, and within it a test limits the readers to `disclosure` and `pool`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Counts of one lattice cell, before disclosure control.
///
/// The numbers go in and do not come out again:
/// ```
/// let cell = evensum_core::model::RawCell::new(12, 9, 3);
/// assert_eq!(format!("{cell:?}"), "RawCell(..)");
/// ```
/// ```compile_fail,E0624
/// let cell = evensum_core::model::RawCell::new(12, 9, 3);
/// let leaked = cell.events();
/// ```
/// ```compile_fail,E0277
/// let cell = evensum_core::model::RawCell::new(12, 9, 3);
/// let leaked = serde_json::to_string(&cell);
/// ```
/// ```compile_fail,E0599
/// let cell = evensum_core::model::RawCell::new(12, 9, 3);
/// let copy = cell.clone();
/// ```
/// ```compile_fail,E0369
/// let same = evensum_core::model::RawCell::new(12, 9, 3) == evensum_core::model::RawCell::new(12, 9, 3);
/// ```
pub struct RawCell {
    events: u64,
    persons: u64,
    top: u64,
}

impl RawCell {
    /// `events`: rows in the cell; `persons`: distinct people among them; `top`: rows of the person who
    /// has most of them.
    #[must_use]
    pub const fn new(events: u64, persons: u64, top: u64) -> Self {
        Self { events, persons, top }
    }

    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    pub(crate) const fn persons(&self) -> u64 {
        self.persons
    }

    pub(crate) const fn top(&self) -> u64 {
        self.top
    }

    /// Whether two cells hold the same counts. For tests of what fills cells.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub const fn same_as(&self, other: &Self) -> bool {
        self.events == other.events && self.persons == other.persons && self.top == other.top
    }
}

impl fmt::Debug for RawCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawCell(..)")
    }
}

/// What a release says of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A rounded count (or a true zero, where the profile shows zeros).
    Published(u64),
    /// Not above the profile's limit, in a dataset where a row is a person.
    Small,
    /// Withheld, whichever rule withheld it, in a dataset where a person may have several rows.
    Suppressed,
    /// Cannot occur by definition.
    StructuralZero,
}

/// The state of a cell as answers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// A published figure (in a combined cell: at least one partner published).
    Value,
    /// Fewer than the limit plus one.
    Small,
    /// Withheld.
    Suppressed,
    /// Cannot occur by definition.
    StructuralZero,
    /// The whole table was withheld.
    Refused,
    /// Nobody asked collects it.
    NotCollected,
}

impl CellState {
    /// The name on the wire and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Small => "small",
            Self::Suppressed => "suppressed",
            Self::StructuralZero => "structural_zero",
            Self::Refused => "refused",
            Self::NotCollected => "not_collected",
        }
    }
}

/// A count between two bounds, both included; `high` is `None` where nothing published bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The least that it can be.
    pub low: u64,
    /// The most that it can be, if anything published says so.
    pub high: Option<u64>,
}

impl Bounds {
    /// Bounds of one exact number.
    #[must_use]
    pub const fn exactly(n: u64) -> Self {
        Self { low: n, high: Some(n) }
    }

    /// Bounds of the sum of two counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            low: self.low.saturating_add(other.low),
            high: self.high.zip(other.high).map(|(a, b)| a.saturating_add(b)),
        }
    }

    /// Whether the number lies between the bounds.
    #[must_use]
    pub fn contains(self, n: u64) -> bool {
        self.low <= n && self.high.is_none_or(|high| n <= high)
    }
}
