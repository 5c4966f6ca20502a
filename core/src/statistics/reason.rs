//! Why a statistic has no value.

use thiserror::Error;

/// Why a statistic cannot be computed. It names the rule and the place in the table, and never a count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotComputable {
    /// A number is not finite, or negative where none may be.
    #[error("{what} of group {group} is not a number that it can be: {rule}")]
    Number {
        /// Which number.
        what: &'static str,
        /// Which group, from 1.
        group: usize,
        /// What it has to be.
        rule: &'static str,
    },
    /// More above the line than below it.
    #[error("group {group} has more above the line than below it")]
    Exceeds {
        /// Which group, from 1.
        group: usize,
    },
    /// Too few groups.
    #[error("{measure} needs {least} groups or more")]
    TooFewGroups {
        /// The statistic.
        measure: &'static str,
        /// The least.
        least: usize,
    },
    /// Too many groups.
    #[error("{measure} takes {most} groups or fewer")]
    TooManyGroups {
        /// The statistic.
        measure: &'static str,
        /// The most.
        most: usize,
    },
    /// A group is hidden or missing, and nothing is put in its place.
    #[error("group {group} is missing: a value for each group is needed, and none is guessed")]
    Missing {
        /// Which group, from 1.
        group: usize,
    },
    /// Fewer events than a rate may be standardised with.
    #[error("fewer than {least} events: too few for a standardised rate")]
    TooFewEvents {
        /// The least.
        least: u32,
    },
    /// The formula divides by nothing, or takes the logarithm of nothing.
    #[error("{measure} is not defined here: {why}")]
    Undefined {
        /// The statistic.
        measure: &'static str,
        /// What of it.
        why: &'static str,
    },
    /// Limits or standard errors are needed and are not there.
    #[error("{measure} needs limits of each group's value")]
    NoLimits {
        /// The statistic.
        measure: &'static str,
    },
    /// Too few or too many of what it is made from.
    #[error("{measure} needs {least} to {most} {what}")]
    Size {
        /// The statistic.
        measure: &'static str,
        /// What it is made from.
        what: &'static str,
        /// The least.
        least: usize,
        /// The most.
        most: usize,
    },
}
