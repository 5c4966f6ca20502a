//! Which way of a measure is the better one.

/// Which values of a measure are the better ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Lower ones: deaths, waits, admissions.
    Lower,
    /// Higher ones: checks done, people seen in time.
    Higher,
    /// Neither: a count of referrals, say.
    Neither,
}
