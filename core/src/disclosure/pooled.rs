//! What a release says of the round that its table was added up in.

use serde::{Deserialize, Serialize};

use crate::model::{Digest, MAX_NODES, Ods, PoolKind, Profile};

/// Why lists of partners are not those of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PooledError {
    /// Nobody's table is in the sum, or too many partners'.
    #[error("a sum is over the tables of 1 to {MAX_NODES} partners")]
    Members,
    /// A list names a partner twice, or is not in order.
    #[error(
        "the partners in a sum, and those missing from it, must each be named once and in order"
    )]
    Order,
    /// A partner is in the sum and missing.
    #[error("a partner is named as in the sum and as missing from it")]
    Both,
}

/// The closed round that a table was made from: whose tables are in it.
///
/// ```compile_fail,E0451
/// use evensum_core::{disclosure::Pooled, model::{Digest, Ods, PoolKind}};
/// fn unchecked(members: Vec<Ods>, closing: Digest) -> Pooled {
///     Pooled { members, missing: vec![], closing, kind: PoolKind::Deposit }
/// }
/// ```
/// ```
/// use evensum_core::{disclosure::{Pooled, PooledError}, model::{Digest, Ods, PoolKind}};
/// fn checked(members: Vec<Ods>, closing: Digest) -> Result<Pooled, PooledError> {
///     Pooled::new(members, vec![], closing, PoolKind::Deposit)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Pooled {
    members: Vec<Ods>,
    missing: Vec<Ods>,
    closing: Digest,
    kind: PoolKind,
}

/// As it is read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    members: Vec<Ods>,
    missing: Vec<Ods>,
    closing: Digest,
    kind: PoolKind,
}

impl TryFrom<Unchecked> for Pooled {
    type Error = PooledError;

    fn try_from(read: Unchecked) -> Result<Self, PooledError> {
        Self::new(read.members, read.missing, read.closing, read.kind)
    }
}

impl Pooled {
    /// A round: the partners whose tables are in the sum, those of the list it was bound to that are not, each in
    /// order, and the hash of its closing.
    ///
    /// # Errors
    /// [`PooledError`].
    pub fn new(
        members: Vec<Ods>,
        missing: Vec<Ods>,
        closing: Digest,
        kind: PoolKind,
    ) -> Result<Self, PooledError> {
        if members.is_empty() || members.len() + missing.len() > MAX_NODES {
            return Err(PooledError::Members);
        }
        if [&members, &missing].iter().any(|list| !list.is_sorted_by(|a, b| a < b)) {
            return Err(PooledError::Order);
        }
        if missing.iter().any(|ods| members.binary_search(ods).is_ok()) {
            return Err(PooledError::Both);
        }
        Ok(Self { members, missing, closing, kind })
    }

    /// The partners whose tables are in the sum, in order.
    #[must_use]
    pub fn members(&self) -> &[Ods] {
        &self.members
    }

    /// The partners of the bound list whose tables are not.
    #[must_use]
    pub fn missing(&self) -> &[Ods] {
        &self.missing
    }

    /// The hash of the closing: the id of the extract that the release is made from.
    #[must_use]
    pub const fn closing(&self) -> Digest {
        self.closing
    }

    /// How the tables were added up.
    #[must_use]
    pub const fn kind(&self) -> PoolKind {
        self.kind
    }

    /// How far the sum may be from the true count, where partners change theirs at random before they share them.
    #[must_use]
    pub fn off_by(&self) -> u64 {
        let members = u64::try_from(self.members.len()).unwrap_or(u64::MAX);
        match self.kind {
            PoolKind::Noisy => members.saturating_mul(Profile::Ckm.half_width()),
            PoolKind::Deposit | PoolKind::Masks | PoolKind::TrustedSum => 0,
        }
    }
}
