//! Disclosure control for a table that somebody already has: the rules and the disclosure test of a partner's own
//! releases, over named dimensions whose categories may nest.

mod coarser;
mod dimension;
mod hiding;
mod outsider;
mod source;
mod sums;
#[cfg(test)]
mod tests;

use super::attack::{
    self, Attribute, Contradiction, Limits, MAX_BOUND, Public, PublicCell, PublicError,
    RangesError, Verdict, found_out,
};
use super::complementary::{ComplementaryError, Effort, ExactError};
use super::protect::{CountRules, stands_for};
use crate::catalogue::PersonRows;
use crate::model::{Bounds, Shown, Zeros};

use hiding::Hiding;

pub use coarser::{Coarser, Size, Step};
pub use dimension::{Dimension, HierarchyError, Link, MAX_CATEGORIES, MAX_LEVELS};
pub use outsider::{Known, Worked, work_out};
pub use source::{Columns, MAX_READ_CELLS, Quantity, Source, SourceRow, size};

/// The most cells, with totals, of a table that is protected while somebody waits.
pub const MAX_CELLS: usize = 2_500;
/// The most cells, with totals, of a table that is protected at all.
pub const MAX_LARGE_CELLS: usize = 20_000;
/// The most cells of all tables that are already out.
pub const MAX_ALREADY: usize = 20_000;

/// Why a table cannot be put under disclosure control.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// No dimension.
    #[error("a table needs at least one dimension")]
    NoDimension,
    /// A dimension without categories.
    #[error("column '{0}' holds nothing but totals: leave it out of the dimensions")]
    OnlyTotals(String),
    /// The same cell twice.
    #[error("row {row}: the same categories stand on row {first}")]
    Twice {
        /// The later row.
        row: u64,
        /// The earlier one.
        first: u64,
    },
    /// A total that does not agree with its parts.
    #[error(
        "row {row}, column '{column}': this total does not agree with the rows that it is made up of (a combination without a row counts as 0)"
    )]
    Total {
        /// The total's row.
        row: u64,
        /// The column.
        column: String,
    },
    /// A sum over nobody.
    #[error("row {row}, column '{column}': a sum where the count is 0")]
    SumOfNone {
        /// The row.
        row: u64,
        /// The column.
        column: String,
    },
    /// A total above what bounds may name.
    #[error("row {row}, column '{column}': with this row a total is above 2^53")]
    TotalTooGreat {
        /// The row that is added last.
        row: u64,
        /// The column.
        column: String,
    },
    /// More cells than may be.
    #[error("{0}")]
    TooLarge(Size),
    /// More already out than the test takes.
    #[error("the tables that are already out have more than {MAX_ALREADY} cells together")]
    Already,
    /// What is published contradicts itself.
    #[error("{0}; tables that are already out must be of the same people as this one")]
    Contradiction(#[from] Contradiction),
    /// No pattern of hidden counts protects the table.
    #[error(transparent)]
    NoPattern(#[from] ComplementaryError),
    /// Counts cannot be hidden in this table.
    #[error(transparent)]
    Exact(#[from] ExactError),
    /// What is published cannot be put to the test.
    #[error(transparent)]
    Public(#[from] PublicError),
}

/// What a table is protected by, and what else is out.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The rules for a count.
    pub rules: CountRules,
    /// How far apart the numbers must be between which a hidden count can be placed, where others are hidden to protect
    /// it; then counts must be of people. None where each count is judged alone.
    pub protect: Option<u64>,
    /// Cells of tables that are already out, at places of the table's dimensions as they were read.
    pub already: &'a [PublicCell],
    /// How much the disclosure test may try.
    pub limits: Limits,
}

/// One cell as it is published, and what can be worked out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetCell {
    /// The place on each dimension; 0 is the total.
    pub at: Vec<u16>,
    /// What is shown of the count.
    pub shown: Shown,
    /// What is shown of the sum, to three significant figures; none where it is withheld or was not given.
    pub sum: Option<u64>,
    /// What the figure itself says.
    pub says: Bounds,
    /// Between which counts the true one must lie for somebody who has everything that is published.
    pub worked_out: Bounds,
    /// Whether its count must not be worked out. One that is hidden for the sake of others may be.
    in_question: bool,
}

impl SheetCell {
    /// Whether the count is hidden.
    #[must_use]
    pub const fn is_hidden(&self) -> bool {
        hides(self.shown)
    }
}

/// A protected table and the verdict of the disclosure test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    dimensions: Vec<Dimension>,
    rules: CountRules,
    cells: Vec<SheetCell>,
    has_sums: bool,
    primary: usize,
    secondary: usize,
    verdict: Verdict,
    worked_out: bool,
}

impl Sheet {
    /// The dimensions.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> CountRules {
        self.rules
    }

    /// The cells, the last dimension running fastest. They may be released only where [`Self::verdict`] is safe.
    #[must_use]
    pub fn cells(&self) -> &[SheetCell] {
        &self.cells
    }

    /// Whether sums stand beside the counts.
    #[must_use]
    pub const fn has_sums(&self) -> bool {
        self.has_sums
    }

    /// Counts that are hidden for their own sake.
    #[must_use]
    pub const fn primary(&self) -> usize {
        self.primary
    }

    /// Counts that are hidden for the sake of others.
    #[must_use]
    pub const fn secondary(&self) -> usize {
        self.secondary
    }

    /// What became of the disclosure test.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the bounds of every cell were worked out; where not, they are what the figures themselves say.
    #[must_use]
    pub const fn is_worked_out(&self) -> bool {
        self.worked_out
    }

    /// Hidden counts that can be worked out to the exact number.
    #[must_use]
    pub fn exact_recoveries(&self) -> usize {
        self.found(|low, high| low >= high)
    }

    /// Hidden counts of which so much can be worked out that the test fails.
    #[must_use]
    pub fn found_out(&self) -> usize {
        self.found(found_out)
    }

    fn found(&self, is: impl Fn(u64, u64) -> bool) -> usize {
        let asked = self.cells.iter().filter(|c| c.in_question);
        let ends = asked.filter_map(|c| Some((c.worked_out.low, c.worked_out.high?)));
        ends.filter(|&(low, high)| is(low, high)).count()
    }
}

impl Source {
    fn person_rows(&self) -> PersonRows {
        if self.columns.persons.is_some() || self.columns.top.is_some() {
            PersonRows::Several
        } else {
            PersonRows::One
        }
    }

    /// Puts the table under disclosure control and to the test.
    ///
    /// # Errors
    /// [`SheetError::TooLarge`] above `most` cells; [`SheetError::Already`], [`SheetError::Contradiction`].
    pub fn protected(&self, terms: &Terms<'_>, most: usize) -> Result<Sheet, SheetError> {
        if self.cells.len() > most {
            return Err(SheetError::TooLarge(Size::of(&self.dimensions, most)));
        }
        if terms.already.len() > MAX_ALREADY {
            return Err(SheetError::Already);
        }
        let hiding = self.hiding(terms, Effort::RELEASE)?;
        let public = self.public(&hiding, terms)?;
        let verdict = attack::decide(&public, &terms.limits)?.verdict;
        let ranges = match attack::ranges(&public, &terms.limits) {
            Ok(ranges) => Some(ranges),
            Err(RangesError::Contradiction(contradiction)) => return Err(contradiction.into()),
            Err(_) => None,
        };
        let sums = self.shown_sums(&hiding.shown);
        let worked_out = ranges.is_some();
        let mut ranges = ranges.unwrap_or_default().into_iter();
        let of_cells = public.cells().iter().zip(&hiding.shown).zip(sums).enumerate();
        let cells = of_cells.map(|(index, ((public, shown), sum))| {
            let says = Bounds { low: public.low, high: public.high };
            let range = ranges.next();
            SheetCell {
                at: source::places(&self.dimensions, index),
                shown: *shown,
                sum,
                says,
                in_question: public.hidden.is_hidden(),
                worked_out: range.map_or(says, |r| Bounds { low: r.low, high: r.high }),
            }
        });
        Ok(Sheet {
            rules: terms.rules,
            cells: cells.collect(),
            has_sums: self.columns.sum.is_some(),
            primary: hiding.primary,
            secondary: hiding.secondary,
            verdict,
            worked_out,
            dimensions: self.dimensions.clone(),
        })
    }

    /// What an outsider has of the table: its own cells in order, and those that are already out.
    fn public(&self, hiding: &Hiding, terms: &Terms<'_>) -> Result<Public, PublicError> {
        let attributes = self.full.iter().map(|d| Attribute::new(d.parts(), d.groups())).collect();
        let shown = hiding.shown.iter().zip(&hiding.in_question);
        let own = self.origin.iter().zip(shown).map(|(origin, (shown, in_question))| {
            let says = says(*shown, terms.rules);
            PublicCell {
                at: source::places(&self.full, *origin),
                low: says.low,
                high: says.high,
                hidden: (*in_question).into(),
            }
        });
        Public::new(attributes, own.chain(terms.already.iter().cloned()).collect())
    }
}

const fn hides(shown: Shown) -> bool {
    matches!(shown, Shown::Small | Shown::Suppressed)
}

/// What a cell says under these rules. A hidden count is none, unless zeros are shown.
#[must_use]
pub fn says(shown: Shown, rules: CountRules) -> Bounds {
    let least = match rules.zeros() {
        Zeros::Merged => 0,
        Zeros::Shown => 1,
    };
    let says = match shown {
        Shown::Published(figure) => stands_for(figure, rules),
        Shown::Small => Bounds { low: least, high: Some(rules.most_hidden()) },
        Shown::Suppressed => Bounds { low: least, high: None },
        Shown::StructuralZero => Bounds::exactly(0),
    };
    Bounds { low: says.low, high: says.high.map(|high| high.min(MAX_BOUND)) }
}
