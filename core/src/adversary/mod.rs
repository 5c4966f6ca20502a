//! Attacks on what leaves a partner. Each is tried on every disclosure profile, and on a weak policy that it must
//! break: an attack that breaks nothing proves nothing. Attacks on the blind sum itself, in which no profile has a part,
//! are tried on the ways of adding up.
//!
//! Records are invented from a seed. An attack is given what an outsider has: the bytes of releases, refusals, the
//! catalogue and the text of the policy. The true counts are used to judge it, after it is done.

mod blind;
mod catalogue;
mod federated;
mod figures;
mod invented;
mod language;
mod linked;
mod noise;
mod records;
mod report;
mod sheets;
mod single;
#[cfg(test)]
mod tests;

pub use report::{json, markdown, text};

use crate::catalogue::CatalogueError;
use crate::disclosure::attack::{PublicError, RangesError};
use crate::disclosure::sheet::{HierarchyError, SheetError};
use crate::disclosure::{ChainError, LiveError, PooledError};
use crate::model::Profile;
use crate::model::canonical::CanonicalError;
use crate::pool::PoolError;

/// Why an attack could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum AdversaryError {
    /// An invented table could not be put under disclosure control.
    #[error("an invented table cannot be protected")]
    Sheet(#[from] SheetError),
    /// The dimensions of an invented table make none.
    #[error("an invented table has no dimensions")]
    Dimension(#[from] HierarchyError),
    /// What was released cannot be put together.
    #[error("releases cannot be put together")]
    Public(#[from] PublicError),
    /// What was released cannot be worked out.
    #[error("what is released cannot be worked out: try with fewer cells")]
    Ranges(#[from] RangesError),
    /// The partners of an invented round make none.
    #[error("an invented round has no partners")]
    Pooled(#[from] PooledError),
    /// A contribution to an invented sum could not be made.
    #[error("a contribution to an invented sum cannot be made or added up")]
    Pool(#[from] PoolError),
    /// A release could not be tested.
    #[error("a release cannot be tested")]
    Live(#[from] LiveError),
    /// A release could not be made.
    #[error("a release cannot be made")]
    Chain(#[from] ChainError),
    /// A release could not be read.
    #[error("a release cannot be read")]
    Canonical(#[from] CanonicalError),
    /// The definitions cannot be read.
    #[error("the catalogue cannot be read")]
    Catalogue(#[from] CatalogueError),
    /// The attack rests on something that the catalogue or the agreement does not have.
    #[error("the attack needs {0}, which is not there")]
    Needs(&'static str),
}

/// An attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// Subtraction and linear programs on one release.
    A1,
    /// Linked tables.
    A2,
    /// Rounding and totals.
    A3,
    /// Shifted bands.
    A4,
    /// Code lists that differ by one code.
    A5,
    /// The same question again.
    A6,
    /// Averages over partitions.
    A7,
    /// Trackers and complements.
    A8,
    /// Consecutive extracts.
    A9,
    /// Sums over partners that differ by one.
    A10,
    /// Partners that are none.
    A11,
    /// Partners' tables beside the sum.
    A12,
    /// Shares of none and of all.
    A13,
    /// Labels and refusals.
    A14,
    /// Means and percentiles beside counts.
    A15,
    /// What passes the servers of a blind sum.
    A16,
    /// Side channels.
    A17,
    /// Marks of different people.
    A18,
    /// Random questions in random order.
    A19,
}

impl Attack {
    /// All of them, in order.
    pub const ALL: [Self; 19] = [
        Self::A1,
        Self::A2,
        Self::A3,
        Self::A4,
        Self::A5,
        Self::A6,
        Self::A7,
        Self::A8,
        Self::A9,
        Self::A10,
        Self::A11,
        Self::A12,
        Self::A13,
        Self::A14,
        Self::A15,
        Self::A16,
        Self::A17,
        Self::A18,
        Self::A19,
    ];

    /// Its name.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::A1 => "A1",
            Self::A2 => "A2",
            Self::A3 => "A3",
            Self::A4 => "A4",
            Self::A5 => "A5",
            Self::A6 => "A6",
            Self::A7 => "A7",
            Self::A8 => "A8",
            Self::A9 => "A9",
            Self::A10 => "A10",
            Self::A11 => "A11",
            Self::A12 => "A12",
            Self::A13 => "A13",
            Self::A14 => "A14",
            Self::A15 => "A15",
            Self::A16 => "A16",
            Self::A17 => "A17",
            Self::A18 => "A18",
            Self::A19 => "A19",
        }
    }

    /// The attack of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attack| attack.id().eq_ignore_ascii_case(text))
    }

    /// What it does, in a sentence.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::A1 => {
                "Take one released table with its totals, and work out between which numbers each hidden count must lie."
            }
            Self::A2 => {
                "Ask for many tables of one extract in a random order, and work out the hidden counts from all of them together."
            }
            Self::A3 => {
                "Subtract rounded categories from rounded totals, also into groups that no table shows."
            }
            Self::A4 => {
                "Ask the same with bands, dates or periods that are shifted a little, and subtract."
            }
            Self::A5 => "Add a definition whose list of codes differs by one code, and subtract.",
            Self::A6 => {
                "Ask the same question again and again, in every order, and average what comes back."
            }
            Self::A7 => {
                "Add a group up from its parts in every table that has them, and average the sums."
            }
            Self::A8 => "Ask for everybody and for everybody but a few, and subtract.",
            Self::A9 => {
                "Compare the tables of consecutive extracts that differ by one to three people."
            }
            Self::A10 => {
                "Have the tables of several partners added up twice, with one partner and without, and subtract."
            }
            Self::A11 => {
                "Make up the number of partners that a sum takes, with organisations that are none of them, so that one partner is added up alone."
            }
            Self::A12 => {
                "Subtract the tables that partners show from the sum of all partners, to find out what the others hide."
            }
            Self::A13 => {
                "Look for small groups of which a table says that nobody or everybody is affected."
            }
            Self::A14 => {
                "Use that counts are marked as hidden for their own sake or for another's, and that a table was refused."
            }
            Self::A15 => "Use a mean or a percentile to work out the count that it was made of.",
            Self::A16 => {
                "Read everything that passes a server of the blind sum, alone or together with partners, and alter what they send."
            }
            Self::A17 => "Read what error texts, debug output and refusals say besides.",
            Self::A18 => "Try NHS numbers on the marks that different people are estimated from.",
            Self::A19 => {
                "Ask random questions in random order, and check that everything said is true and stays as it is."
            }
        }
    }
}

/// What became of an attack on one profile or control, on tables of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The attack.
    pub attack: Attack,
    /// The profile, or the way of adding up where no profile has a part in it, or `control: ` and what is weak in it.
    pub against: String,
    /// The tables' shape.
    pub shape: String,
    /// Tables, or whatever was tried.
    pub tables: usize,
    /// Hidden counts, or whatever was to be found out.
    pub cells: usize,
    /// How many were found out to the exact number.
    pub exact: usize,
    /// How many others were found to be 1 or 2.
    pub low: usize,
    /// Tables or requests that were refused.
    pub refused: usize,
    /// A remark.
    pub note: String,
    /// Whether the profile held, or the control broke.
    pub passed: bool,
}

impl Finding {
    /// Whether this is of a control, which must break.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.against.starts_with(CONTROL)
    }
}

const CONTROL: &str = "control: ";

/// Every profile.
const PROFILES: [Profile; 5] =
    [Profile::Nhs75m, Profile::Nhs75, Profile::Ons105m, Profile::ExactCs, Profile::Ckm];

/// What was tried and found so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Tally {
    tables: usize,
    cells: usize,
    exact: usize,
    low: usize,
    refused: usize,
    /// Counts that do not lie where what was released puts them.
    wrong: usize,
}

impl Tally {
    /// Judges what was worked out of a hidden count.
    fn judge(&mut self, truth: u64, low: u64, high: Option<u64>) {
        self.cells += 1;
        self.wrong += usize::from(truth < low || high.is_some_and(|high| truth > high));
        match high {
            Some(high) if low >= high => self.exact += 1,
            Some(high) if low >= 1 && high <= 2 => self.low += 1,
            _ => {}
        }
    }

    const fn held(&self) -> bool {
        self.exact == 0 && self.low == 0 && self.wrong == 0
    }

    fn finding(
        self,
        attack: Attack,
        against: impl Into<String>,
        shape: impl Into<String>,
        passed: bool,
    ) -> Finding {
        let Self { tables, cells, exact, low, refused, wrong } = self;
        let note = if wrong > 0 {
            format!("{wrong} counts lie elsewhere than was said")
        } else {
            String::new()
        };
        Finding {
            attack,
            against: against.into(),
            shape: shape.into(),
            tables,
            cells,
            exact,
            low,
            refused,
            note,
            passed,
        }
    }
}

impl Finding {
    fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// Whoever is told of each finding.
type Progress<'a> = &'a mut dyn FnMut(&Finding);

/// Tries an attack on every profile and on its controls, with at least so many hidden counts for each and for each
/// shape, and tells of each finding as soon as it is there.
///
/// # Errors
/// [`AdversaryError`], where it could not be tried.
pub fn run(
    attack: Attack,
    n: usize,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<Finding>, AdversaryError> {
    let mut found = Vec::new();
    let mut told = |finding: Finding| {
        progress(&finding);
        found.push(finding);
    };
    match attack {
        Attack::A1 => single::subtraction(n, seed, &mut told)?,
        Attack::A2 => linked::tables(n, seed, &mut told)?,
        Attack::A3 => single::rounding(n, seed, &mut told)?,
        Attack::A4 => language::shifted(n, seed, &mut told)?,
        Attack::A5 => catalogue::code_lists(n, seed, &mut told)?,
        Attack::A6 => noise::again(n, seed, &mut told)?,
        Attack::A7 => noise::partitions(n, seed, &mut told)?,
        Attack::A8 => language::trackers(n, seed, &mut told)?,
        Attack::A9 => linked::extracts(n, seed, &mut told)?,
        Attack::A10 => federated::memberships(n, seed, &mut told)?,
        Attack::A11 => blind::isolated(n, seed, &mut told)?,
        Attack::A12 => federated::partners(n, seed, &mut told)?,
        Attack::A13 => figures::shares(n, seed, &mut told)?,
        Attack::A14 => single::labels(n, seed, &mut told)?,
        Attack::A15 => figures::means(n, seed, &mut told)?,
        Attack::A16 => blind::transcripts(n, seed, &mut told)?,
        Attack::A17 => language::side_channels(n, seed, &mut told)?,
        Attack::A18 => blind::numbers_tried(n, seed, &mut told)?,
        Attack::A19 => linked::questions_in_random_order(n, seed, &mut told)?,
    }
    Ok(found)
}
