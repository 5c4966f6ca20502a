//! What was counted, and what may be said of it. [`RawCell`] is sealed: anybody may put numbers in, only
//! this crate can take them out, and within it a test limits the readers to `disclosure` and `pool`.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

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
/// What is summed in a cell is sealed as well:
/// ```
/// use evensum_core::model::{Measured, RawCell, Sum};
/// let cell = RawCell::new(12, 9, 3).with(Measured::new(vec![Sum::new(40, 200, 17)], Vec::new()));
/// assert_eq!(format!("{cell:?}"), "RawCell(..)");
/// ```
/// ```compile_fail,E0624
/// let cell = evensum_core::model::RawCell::new(12, 9, 3);
/// let leaked = cell.measured();
/// ```
/// ```compile_fail,E0616
/// let leaked = evensum_core::model::Sum::new(40, 200, 17).total;
/// ```
/// ```compile_fail,E0624
/// let leaked = evensum_core::model::Sum::new(40, 200, 17).total();
/// ```
/// ```compile_fail,E0616
/// let leaked = evensum_core::model::Measured::new(Vec::new(), vec![3, 4]).histogram;
/// ```
/// ```compile_fail,E0624
/// let leaked = evensum_core::model::Measured::new(Vec::new(), vec![3, 4]).units();
/// ```
/// So is the sum of its records' keys:
/// ```
/// let cell = evensum_core::model::RawCell::new(12, 9, 3).keyed(77);
/// assert_eq!(format!("{cell:?}"), "RawCell(..)");
/// ```
/// ```compile_fail,E0624
/// let cell = evensum_core::model::RawCell::new(12, 9, 3).keyed(77);
/// let leaked = cell.cell_key();
/// ```
pub struct RawCell {
    events: u64,
    persons: u64,
    top: u64,
    /// The sum of the keys of its records, if they were added up.
    key: Option<u64>,
    /// Behind a pointer, so that a table of counts alone pays one word a cell for it.
    measured: Option<Box<Measured>>,
}

/// One measure of the rows of a cell.
pub struct Sum {
    total: u64,
    squares: u64,
    top: u64,
}

impl Sum {
    /// `total`: the sum over the rows, in units of the measure; `squares`: the sum of their squares; `top`: the
    /// largest sum of one person's rows.
    #[must_use]
    pub const fn new(total: u64, squares: u64, top: u64) -> Self {
        Self { total, squares, top }
    }

    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    pub(crate) const fn squares(&self) -> u64 {
        self.squares
    }

    pub(crate) const fn of_one(&self) -> u64 {
        self.top
    }
}

/// What is known of the measures of a cell.
pub struct Measured {
    sums: Vec<Sum>,
    histogram: Vec<u32>,
}

impl Measured {
    /// `sums`: one for each measure that was asked for, in that order; `histogram`: rows by unit of the measure that
    /// it is of, from 0 on, and last those above the greatest unit. Empty where none was asked for.
    #[must_use]
    pub const fn new(sums: Vec<Sum>, histogram: Vec<u32>) -> Self {
        Self { sums, histogram }
    }

    pub(crate) fn sums(&self) -> &[Sum] {
        &self.sums
    }

    pub(crate) fn units(&self) -> &[u32] {
        &self.histogram
    }
}

impl RawCell {
    /// `events`: rows in the cell; `persons`: distinct people among them; `top`: rows of the person who
    /// has most of them.
    #[must_use]
    pub const fn new(events: u64, persons: u64, top: u64) -> Self {
        Self { events, persons, top, key: None, measured: None }
    }

    /// The same counts with what was measured.
    #[must_use]
    pub fn with(mut self, measured: Measured) -> Self {
        self.measured = Some(Box::new(measured));
        self
    }

    /// The same counts with the wrapping sum of the keys of the records in the cell: 0 where there are none.
    #[must_use]
    pub const fn keyed(mut self, key: u64) -> Self {
        self.key = Some(key);
        self
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

    pub(crate) const fn cell_key(&self) -> Option<u64> {
        self.key
    }

    pub(crate) fn measured(&self) -> Option<&Measured> {
        self.measured.as_deref()
    }

    /// Whether two cells hold the same counts, key, sums and histogram. For tests of what fills cells.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let parts = |cell: &Self| {
            let sums = |m: &Measured| -> Vec<(u64, u64, u64)> {
                m.sums.iter().map(|s| (s.total, s.squares, s.top)).collect()
            };
            cell.measured.as_deref().map(|m| (sums(m), m.histogram.clone()))
        };
        self.events == other.events
            && self.persons == other.persons
            && self.top == other.top
            && self.key == other.key
            && parts(self) == parts(other)
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sum(..)")
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measured(..)")
    }
}

impl Drop for RawCell {
    /// What was counted is wiped: nothing of it stays in memory that is used again.
    fn drop(&mut self) {
        self.events.zeroize();
        self.persons.zeroize();
        self.top.zeroize();
        self.key.zeroize();
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        for Sum { total, squares, top } in &mut self.sums {
            total.zeroize();
            squares.zeroize();
            top.zeroize();
        }
        self.histogram.zeroize();
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

    /// Bounds of a count that may lie so far off on either side.
    #[must_use]
    pub const fn widened(self, by: u64) -> Self {
        let high = match self.high {
            Some(high) => Some(high.saturating_add(by)),
            None => None,
        };
        Self { low: self.low.saturating_sub(by), high }
    }

    /// Whether the number lies between the bounds.
    #[must_use]
    pub fn contains(self, n: u64) -> bool {
        self.low <= n && self.high.is_none_or(|high| n <= high)
    }
}
