//! Complementary suppression for tables of exact counts: which further counts have to be hidden, so that those
//! which must be hidden cannot be worked out from totals.
//!
//! Counts of 1 up to the limit are hidden first; they are **primary**. Zeros are shown. Where a row has one hidden
//! count its total gives it away, so further counts of the table or of its totals, **secondary** ones, are hidden
//! under the same marker. [`complementary`] finds few of them.
//!
//! # What is promised, and against whom
//!
//! Two outsiders are thought of, who both know every count that is shown, that no part is below zero, and this code:
//!
//! * one who sees the marker and knows that a hidden count is at least 1, since zeros are shown;
//! * one who also knows of every hidden count whether it is primary (from 1 to the limit) or secondary (above it).
//!   Whoever guesses or is told that is not to gain by it: patterns that are best against the first are often
//!   broken by the second.
//!
//! The second knows all that the first knows, so a pattern that holds against the second holds against both. It is
//! the second whom every pattern made here withstands: for each primary count the least and the greatest whole
//! number that fit his knowledge are at least `width` apart. A count is between 1 and the limit, so
//!
//! * at width 1 no primary count can be worked out exactly. It may be known to be 1 or 2, which
//!   [`found_out`](super::attack::found_out) does not forgive: a table of a partner still has to pass that test;
//! * at width 2 and above no primary count is `found_out` in the sense of that test either, since two numbers that
//!   lie 2 apart are neither one number nor 1 and 2.
//!
//! A primary count above the limit, of few people or mostly of one, is taken to be known to be above it. A table can
//! be beyond protection: seven who are each alone in their category have a total of at most 7, so whoever knows which
//! counts are small knows all of them, whatever else is hidden. The wider the promise, the more tables are.
//!
//! A secondary count is above the limit and may be shown as far as its own people are concerned. That it can be
//! worked out is no fault, so a test of what is released has to ask about primary counts.
//!
//! Cells that nobody publishes but everybody can subtract, such as those that an outcome does not count, take part:
//! the small ones are protected like primary counts, though none of them can be shown or hidden.
//!
//! # How
//!
//! A **way** is a change of the table that leaves all shown figures as they are, keeps all bounds that the second
//! outsider knows, and moves a primary count. A pattern is safe where each primary count has ways that move it
//! far enough and change hidden cells alone. Each way is found as a linear program (Kelly, Golden and Assad 1992;
//! Cox 1995) which pays for every cell that would have to be hidden, and is summed again before it is believed. Then
//! cells that are not needed are shown again, and the pattern is taken apart in places and put together anew for as
//! long as [`Effort`] allows, which counts programs and never looks at a clock. What comes out is a function of the
//! table alone.

mod build;
mod chance;
mod grid;
mod hitting;
mod improve;
mod program;
mod table;
#[cfg(test)]
mod tests;
mod ways;

pub use table::{Exact, ExactCell, ExactError, MAX_CELLS, MAX_PARTS};

use build::Builder;
use grid::Grid;

/// The greatest width. Counts up to the limit lie less far apart than the limit itself.
pub const MAX_WIDTH: u64 = 32;

/// How much is tried, in linear programs. Counted, not timed: the same table gets the same pattern everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Until every primary count is protected and nothing hidden is found needless. Beyond it there is no pattern.
    pub programs: u32,
    /// To make a pattern smaller that is already safe.
    pub improving: u32,
}

impl Effort {
    /// For a table of a partner.
    pub const RELEASE: Self = Self { programs: 60_000, improving: 6_000 };
    /// The first safe pattern with nothing needless in it.
    pub const QUICK: Self = Self { programs: 60_000, improving: 0 };
}

/// What to hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    hidden: Vec<bool>,
    primary: usize,
    secondary: usize,
    people: u64,
    programs: u32,
}

impl Pattern {
    /// Whether each cell is hidden, in the order in which the cells were given. One that is not published is not
    /// hidden either.
    #[must_use]
    pub fn hidden(&self) -> &[bool] {
        &self.hidden
    }

    /// How many published cells are hidden for their own sake.
    #[must_use]
    pub const fn primary(&self) -> usize {
        self.primary
    }

    /// How many more are hidden for the sake of those.
    #[must_use]
    pub const fn secondary(&self) -> usize {
        self.secondary
    }

    /// The sum of the counts of the latter: what a reader loses. Not for release.
    #[must_use]
    pub const fn people(&self) -> u64 {
        self.people
    }

    /// Linear programs that it took.
    #[must_use]
    pub const fn programs(&self) -> u32 {
        self.programs
    }
}

/// Why there is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComplementaryError {
    /// Hiding every count that may be hidden is not enough.
    #[error("no pattern protects this table: choose a table with fewer or larger categories")]
    NoPattern,
    /// The width is above [`MAX_WIDTH`].
    #[error("hidden counts can be kept at most {MAX_WIDTH} apart")]
    Width,
    /// [`Effort::programs`] was reached.
    #[error("this table is too large to be protected by hiding counts: choose a coarser one")]
    TooMuch,
}

/// Finds which cells to hide so that every primary count keeps a range of `width` (at least 1) against both
/// outsiders that the module describes.
///
/// # Errors
/// [`ComplementaryError`].
pub fn complementary(
    table: &Exact,
    width: u64,
    effort: Effort,
) -> Result<Pattern, ComplementaryError> {
    if width > MAX_WIDTH {
        return Err(ComplementaryError::Width);
    }
    let grid = Grid::of(table);
    let mut builder = Builder::new(&grid, width.max(1), effort.programs);
    let mut hidden = builder.pattern()?;
    if effort.improving > 0 {
        hidden = improve::improved(&mut builder, hidden, effort.improving);
    }
    Ok(grid.pattern(table, &hidden, builder.programs()))
}
