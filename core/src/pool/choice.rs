//! Which view of the whole system a dataset gets, and why: what its holders, the agreement and the membership list allow.

use std::fmt;

use super::roster::{VerifiedRoster, minimum_of};
use crate::model::{Agreement, Ods, PoolKind};

/// How many partners hold rows of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holders {
    /// All of them.
    pub all: usize,
    /// Those that run neither of the servers that add up.
    pub independent: usize,
}

impl Holders {
    /// Every partner of the agreement that runs a node.
    #[must_use]
    pub fn of(agreement: &Agreement) -> Self {
        let servers = [agreement.coordinator(), agreement.second_server()];
        let runs_one = |ods: &Ods| servers.iter().flatten().any(|server| server.ods == *ods);
        let all = agreement.nodes().count();
        let independent = agreement.nodes().filter(|node| !runs_one(&node.ods)).count();
        Self { all, independent }
    }
}

impl From<usize> for Holders {
    /// So many, none of which runs a server.
    fn from(all: usize) -> Self {
        Self { all, independent: all }
    }
}

/// Why there is no sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No partner holds it.
    NobodyHolds,
    /// One partner holds it.
    OneHolder,
    /// Fewer independent partners hold it than a sum takes.
    FewHolders {
        /// How many there are.
        independent: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The agreement does not say how.
    NoPool,
    /// No membership list that holds.
    NoList,
    /// The list was verified for another agreement.
    OtherList,
    /// Whoever asks runs the coordinator, which the agreement does not allow.
    AskerRunsCoordinator,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyHolds => f.write_str("no partner of the agreement holds it"),
            Self::OneHolder => f.write_str(
                "one partner alone holds it, so that the total would be that partner's own table",
            ),
            Self::FewHolders { independent, needed } => {
                let hold = if *independent == 1 { "partner holds" } else { "partners hold" };
                write!(
                    f,
                    "only {independent} independent {hold} it, and a sum of fewer than {needed} hides nobody: add up with neighbouring systems"
                )?;
                if *needed > 2 && *independent > 1 {
                    f.write_str(
                        ", or agree that a partner can subtract its own (pool = \"trusted_sum\")",
                    )?;
                }
                Ok(())
            }
            Self::NoPool => f.write_str(
                "the agreement does not say how to add up before hiding ('pool'): it needs an independent second server",
            ),
            Self::NoList => {
                f.write_str("there is no membership list signed by officers of two organisations, one of them of a member that runs neither server")
            }
            Self::OtherList => f.write_str("the membership list is for another agreement"),
            Self::AskerRunsCoordinator => f.write_str(
                "whoever asks runs the coordinator, and the agreement does not allow that ('asker_runs_coordinator')",
            ),
        }
    }
}

/// The view of the whole system that a dataset gets. Printed, it is a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Added up first, hidden after.
    Pooled(PoolKind),
    /// Between the sum of the least and the sum of the most that partners' protected tables allow.
    Interval(Reason),
    /// None: the protected tables of partners may not be shown either.
    NotAvailable(Reason),
}

impl Choice {
    /// The name of the view.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pooled(_) => "pooled",
            Self::Interval(_) => "interval",
            Self::NotAvailable(_) => "not_available",
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pooled(PoolKind::Deposit) => f.write_str(
                "pooled: two servers add up what neither of them can read, and small numbers are hidden in the total",
            ),
            Self::Pooled(PoolKind::Noisy) => f.write_str(
                "pooled: two servers add up what neither of them can read and every partner has changed at random before, and small numbers are hidden in the total",
            ),
            Self::Pooled(PoolKind::Masks) => f.write_str(
                "pooled: partners blind their figures so that only the sum of all can be read, and small numbers are hidden in it; if one is missing there is no total",
            ),
            Self::Pooled(PoolKind::TrustedSum) => f.write_str(
                "pooled: two servers, neither of them run by whoever asks, add up what neither can read, and small numbers are hidden in the total; of so few partners one can subtract its own, which all have agreed to",
            ),
            Self::Interval(why) => write!(f, "between x and y, never one number: {why}"),
            Self::NotAvailable(Reason::NobodyHolds) => {
                write!(f, "not available: {}", Reason::NobodyHolds)
            }
            Self::NotAvailable(why) => write!(
                f,
                "not available: {why}; figures between x and y would need 'show_partners'"
            ),
        }
    }
}

/// Which view a dataset with so many holders gets. Whether the second server can be reached is not asked here.
#[must_use]
pub fn view_of(
    agreement: &Agreement,
    roster: Option<&VerifiedRoster>,
    holders: impl Into<Holders>,
    coordinator_is_asker: bool,
) -> Choice {
    let holders = holders.into();
    match pooled(agreement, roster, holders, coordinator_is_asker) {
        Ok(kind) => Choice::Pooled(kind),
        Err(why) if agreement.show_partners && why != Reason::NobodyHolds => Choice::Interval(why),
        Err(why) => Choice::NotAvailable(why),
    }
}

fn pooled(
    agreement: &Agreement,
    roster: Option<&VerifiedRoster>,
    holders: Holders,
    coordinator_is_asker: bool,
) -> Result<PoolKind, Reason> {
    match holders.all {
        0 => return Err(Reason::NobodyHolds),
        1 => return Err(Reason::OneHolder),
        _ => {}
    }
    let independent = holders.independent;
    let needed = minimum_of(agreement.pool.unwrap_or(PoolKind::Deposit));
    if independent < needed {
        return Err(Reason::FewHolders { independent, needed });
    }
    let kind = agreement.pool.ok_or(Reason::NoPool)?;
    let list = roster.ok_or(Reason::NoList)?;
    if list.roster().federation() != &agreement.federation || list.kind() != kind {
        return Err(Reason::OtherList);
    }
    if coordinator_is_asker && !agreement.asker_runs_coordinator {
        return Err(Reason::AskerRunsCoordinator);
    }
    Ok(kind)
}

#[cfg(test)]
mod tests;
