//! What a contribution is bound to, so that it counts for nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::VectorSpec;
use crate::model::{Digest, Ods, SnapshotVersion};

const DEPOSIT: &[u8] = b"evensum pool deposit v1";
const SHARING: &[u8] = b"evensum pool share v1";
const SEALING: &[u8] = b"evensum pool part v1";

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The coordinator, which puts totals together.
    Leader,
    /// The independent second server.
    Helper,
}

impl Role {
    /// Prio's number of this server.
    pub(super) const fn index(self) -> usize {
        self.byte() as usize
    }

    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Leader => 0,
            Self::Helper => 1,
        }
    }
}

/// One vector of one version under one membership: the hash over lock key, version, membership and vector.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DepositId(Digest);

impl DepositId {
    /// The id of the vector at place `vector` of the announced list.
    #[must_use]
    pub fn new(
        lock_key: &Digest,
        version: SnapshotVersion,
        membership: &Digest,
        vector: u32,
    ) -> Self {
        let mut bytes = DEPOSIT.to_vec();
        bytes.extend_from_slice(lock_key.as_bytes());
        bytes.extend_from_slice(membership.as_bytes());
        bytes.extend_from_slice(&vector.to_be_bytes());
        // Last, because it is the only part whose length varies.
        bytes.extend_from_slice(version.as_str().as_bytes());
        Self(Digest::of(&bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Digest::from_bytes(bytes))
    }
}

impl fmt::Debug for DepositId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DepositId({})", self.0.short())
    }
}

/// What a contribution is bound to: a vector, and the partner that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    deposit: DepositId,
    partner: Ods,
}

impl Context {
    /// One partner's contribution to one vector.
    #[must_use]
    pub const fn new(deposit: DepositId, partner: Ods) -> Self {
        Self { deposit, partner }
    }

    /// The vector.
    #[must_use]
    pub const fn deposit(&self) -> DepositId {
        self.deposit
    }

    /// The partner.
    #[must_use]
    pub const fn partner(&self) -> &Ods {
        &self.partner
    }

    /// What a part is sealed with as associated data (the `context` of [`SealPublic::seal`](super::SealPublic::seal)):
    /// the vector, the server that it is for, and the partner.
    #[must_use]
    pub fn sealing(&self, addressee: Role) -> Vec<u8> {
        self.bytes(SEALING, &[addressee.byte()])
    }

    /// Prio's application context. The shape is in it because prio's own separation does not name it.
    pub(super) fn sharing(&self, spec: VectorSpec) -> Vec<u8> {
        self.bytes(SHARING, &spec.to_bytes())
    }

    fn bytes(&self, label: &[u8], detail: &[u8]) -> Vec<u8> {
        [label, self.deposit.as_bytes(), detail, self.partner.as_str().as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_it_changes_what_is_bound() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let version = SnapshotVersion::Final;
        let id = DepositId::new(&a, version, &b, 1);
        for other in [
            DepositId::new(&b, version, &b, 1),
            DepositId::new(&a, SnapshotVersion::Restated, &b, 1),
            DepositId::new(&a, version, &a, 1),
            DepositId::new(&a, version, &b, 2),
            DepositId::new(&b, version, &a, 1),
        ] {
            assert_ne!(id, other);
        }
        let ods = |text: &str| Ods::new(text).expect("an ODS code");
        let spec = |len, bits| VectorSpec::new(len, bits).expect("a shape");
        let one = Context::new(id, ods("RAA"));
        let two = Context::new(id, ods("RBB"));
        assert_ne!(one.sealing(Role::Leader), one.sealing(Role::Helper));
        assert_ne!(one.sealing(Role::Leader), two.sealing(Role::Leader));
        assert_ne!(one.sharing(spec(6, 20)), two.sharing(spec(6, 20)));
        // As many bits in all.
        assert_ne!(one.sharing(spec(6, 20)), one.sharing(spec(5, 24)));
    }
}
