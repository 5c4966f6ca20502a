//! The disclosure test: whether a hidden count can be found out from everything that is published.
//!
//! It is given [`Public`] figures and nothing else, so that partners, coordinator and everybody who checks come
//! to the same verdict, and neither the verdict nor the work says anything that is not public.

mod dense;
mod figures;
mod hunt;
mod layout;
mod program;
mod public;
mod random;
mod ranges;
mod search;
mod sparse;
mod start;
#[cfg(test)]
mod tests;

pub use public::{Attribute, Hidden, MAX_ATTRIBUTES, MAX_BOUND, Public, PublicCell, PublicError};
pub use ranges::{Range, Ranges, RangesError, Solved, ranges, ranges_in_full};

/// How much is tried before a release counts as undecided. Steps are counted, never timed: whoever repeats the
/// test comes to the same end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Published cells, each counted once.
    pub published: usize,
    /// Groups that are told apart by all attributes together, up to which the whole joint table is laid out. Above,
    /// invented records stand for it.
    pub dense: usize,
    /// Records that may be invented where the joint table is not laid out.
    pub records: u64,
    /// Steps of the search for tables that fit, in all. A linear program counts as the steps that take as long.
    pub steps: u64,
    /// Linear programs.
    pub programs: u32,
}

impl Limits {
    /// For a release of a partner: in seconds at most.
    pub const RELEASE: Self = Self {
        published: 4_000,
        dense: 6_000,
        records: 4_000_000,
        steps: 4_000_000,
        programs: 200,
    };

    /// For exact bounds, which somebody waits for: in some minutes at most.
    pub const EXACT: Self = Self { steps: 200_000_000, programs: 2_000, ..Self::RELEASE };
}

/// What became of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No hidden count can be found out.
    Safe,
    /// One can.
    Unsafe,
    /// The limits were reached first. Nothing may be released.
    Undecided,
}

/// The verdict, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Steps of the search.
    pub steps: u64,
    /// Linear programs.
    pub programs: u32,
    /// Whether the joint table was laid out.
    pub dense: bool,
}

/// The published figures exclude each other: no table can have made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the published figures contradict each other: no table can have made them")]
pub struct Contradiction;

/// Whether a hidden count that must lie between these numbers, both included, is found out: it is one number; or
/// it is 1 or 2; or it is below 3 and one of two numbers.
#[must_use]
pub const fn found_out(low: u64, high: u64) -> bool {
    low >= high || (low >= 1 && high <= 2) || (high - low < 2 && low < 3)
}

/// Whether a hidden count can be found out from everything that is published. The verdict and the work depend on
/// published bounds alone, and are the same for everybody.
///
/// # Errors
/// [`Contradiction`]
pub fn decide(public: &Public, limits: &Limits) -> Result<Decision, Contradiction> {
    let merged = public.merged().ok_or(Contradiction)?;
    let dense = layout::fits(&merged, limits.dense);
    if merged.cells.len() > limits.published || !layout::countable(&merged) {
        return Ok(Decision { verdict: Verdict::Undecided, steps: 0, programs: 0, dense });
    }
    if dense {
        let decision = dense::decide(&merged, limits)?;
        // Of many people a first table is found by fitting where it is not by changing one group after the other. Each
        // way has all the steps.
        if decision.verdict != Verdict::Undecided || !sparse::fits_many(&merged) {
            return Ok(decision);
        }
    }
    sparse::decide(&merged, limits)
}
