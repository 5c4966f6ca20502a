//! What it takes for a sum to hide anybody: how many partners, who of them counts, and how many may be missing at the
//! end. Pure rules over a list that was verified.

use std::collections::BTreeSet;

use super::signatories::Signatories;
use super::signed::{SignedRoster, Signer};
use super::{Roster, RosterError};
use crate::model::{Digest, Ods, Period, PoolKind};

/// How many legal entities a sum takes that run neither of its servers. Among three, two that put their heads together
/// know the third.
pub const MIN_MEMBERS: usize = 4;

/// How many a named processor's sum takes, which every holder has agreed to knowing that it can be subtracted from.
pub const MIN_TRUSTED: usize = 2;

/// From how many on a fifth may be missing; among fewer, one.
const MANY: usize = 8;

/// The least number of independent members for a kind of sum.
#[must_use]
pub const fn minimum_of(kind: PoolKind) -> usize {
    match kind {
        PoolKind::Deposit | PoolKind::Noisy | PoolKind::Masks => MIN_MEMBERS,
        PoolKind::TrustedSum => MIN_TRUSTED,
    }
}

/// Fewer partners than a sum takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{counted} partners count towards the sum, and it takes {needed}: of organisations that run neither of its servers, and members since before the period began"
)]
pub struct TooFew {
    /// Those that count.
    pub counted: usize,
    /// How many it takes.
    pub needed: usize,
}

impl TooFew {
    pub(super) const fn unless(counted: usize, needed: usize) -> Result<(), Self> {
        if counted < needed { Err(Self { counted, needed }) } else { Ok(()) }
    }
}

/// Why partners cannot be added up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// Somebody who is on no list.
    #[error("{0} is not on the membership list")]
    Stranger(Ods),
    /// Somebody twice.
    #[error("{0} is named twice")]
    Twice(Ods),
    /// Too few that count.
    #[error(transparent)]
    TooFew(#[from] TooFew),
    /// Somebody who was not bound.
    #[error("{0} is not one of those with whom the sum was begun")]
    NotBound(Ods),
    /// Too many that have sent nothing.
    #[error(
        "{} of {bound} partners have sent nothing, and at most {allowed} may be missing: {}",
        missing.len(),
        missing.iter().map(Ods::as_str).collect::<Vec<_>>().join(", ")
    )]
    TooManyMissing {
        /// Who.
        missing: Vec<Ods>,
        /// With how many the sum was begun.
        bound: usize,
        /// How many may be missing.
        allowed: usize,
    },
}

/// With whom a sum closes: lists by ODS code, which together are those with whom it was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    arrived: Vec<Ods>,
    missing: Vec<Ods>,
}

impl Attendance {
    /// Whose contributions are in the sum.
    #[must_use]
    pub fn arrived(&self) -> &[Ods] {
        &self.arrived
    }

    /// Whose are not.
    #[must_use]
    pub fn missing(&self) -> &[Ods] {
        &self.missing
    }
}

/// A membership list that holds under an agreement. There is no other way to one than
/// [`SignedRoster::verify`](super::SignedRoster::verify):
/// ```compile_fail,E0624
/// use evensum_core::pool::{Roster, VerifiedRoster};
/// fn forged(roster: Roster) -> VerifiedRoster {
///     VerifiedRoster::of(roster, evensum_core::model::Digest::of(b""), evensum_core::model::PoolKind::Deposit, vec![])
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRoster {
    signed: SignedRoster,
    hash: Digest,
    kind: PoolKind,
    signers: Signatories,
}

impl VerifiedRoster {
    pub(super) const fn of(
        signed: SignedRoster,
        hash: Digest,
        kind: PoolKind,
        signers: Signatories,
    ) -> Self {
        Self { signed, hash, kind, signers }
    }

    /// The list.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        self.signed.roster()
    }

    /// The list with its signatures, to be kept: rounds that were bound under it go by it to their end.
    #[must_use]
    pub const fn signed(&self) -> &SignedRoster {
        &self.signed
    }

    /// SHA-256 of what was signed: what rounds cite.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The kind of sum that it was verified for.
    #[must_use]
    pub const fn kind(&self) -> PoolKind {
        self.kind
    }

    /// The officers whose signatures count.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        self.signers.officers()
    }

    /// What has changed since the list that it is to replace.
    ///
    /// # Errors
    /// As [`Roster::since`].
    pub fn since(&self, before: &Self) -> Result<Vec<super::Change>, RosterError> {
        self.roster().since(before.roster())
    }

    /// Whether somebody joined before the period began. Of who joined later it could be that they joined so as to make
    /// a small sum look like a large one.
    #[must_use]
    pub fn established(&self, member: &Ods, period: Period) -> bool {
        self.roster().member(member).is_some_and(|m| m.since < period.first_day())
    }

    fn counts(&self, member: &Ods, period: Period) -> bool {
        self.roster().is_independent(member) && self.established(member, period)
    }

    fn set_of<'o>(&self, members: &'o [Ods]) -> Result<BTreeSet<&'o Ods>, MembershipError> {
        let mut set = BTreeSet::new();
        for ods in members {
            if self.roster().member(ods).is_none() {
                return Err(MembershipError::Stranger(ods.clone()));
            }
            if !set.insert(ods) {
                return Err(MembershipError::Twice(ods.clone()));
            }
        }
        Ok(set)
    }

    /// Whether these partners, each of which holds rows, are enough for a sum. Members of the organisations that run
    /// the servers, and those that joined after the period began, take part and do not count.
    ///
    /// # Errors
    /// [`MembershipError::TooFew`]; [`MembershipError::Stranger`], [`MembershipError::Twice`].
    pub fn enough(&self, members: &[Ods], period: Period) -> Result<(), MembershipError> {
        let set = self.set_of(members)?;
        let counted = set.into_iter().filter(|ods| self.counts(ods, period)).count();
        Ok(TooFew::unless(counted, minimum_of(self.kind))?)
    }

    /// How many of so many may be missing in the end: with masks none, else one, and a fifth from eight on.
    #[must_use]
    pub const fn allowed_missing(&self, bound: usize) -> usize {
        match self.kind {
            PoolKind::Masks => 0,
            _ if bound < MANY => 1,
            _ => bound / 5,
        }
    }

    /// Whether a sum that was begun with some partners may close with those whose contributions have arrived.
    ///
    /// # Errors
    /// [`MembershipError`], the first that holds.
    pub fn may_close(
        &self,
        bound: &[Ods],
        arrived: &[Ods],
        period: Period,
    ) -> Result<Attendance, MembershipError> {
        let (begun, come) = (self.set_of(bound)?, self.set_of(arrived)?);
        if let Some(other) = come.difference(&begun).next() {
            return Err(MembershipError::NotBound((*other).clone()));
        }
        self.enough(arrived, period)?;
        let missing: Vec<Ods> = begun.difference(&come).map(|ods| (*ods).clone()).collect();
        let allowed = self.allowed_missing(begun.len());
        if missing.len() > allowed {
            let bound = begun.len();
            return Err(MembershipError::TooManyMissing { missing, bound, allowed });
        }
        Ok(Attendance { arrived: come.into_iter().cloned().collect(), missing })
    }
}
