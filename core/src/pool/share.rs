//! Cutting a partner's figures into two shares, of which each alone is random bytes.

use std::fmt;

use prio::codec::Encode;
use prio::vdaf::Client;
use prio::vdaf::prio3::Prio3SumVec;
use zeroize::Zeroizing;

use super::bytes::{Reader, VERSION};
use super::{Context, MAX_SEALED_BYTES, PoolError, Role, VectorSpec};

/// The most bytes of one server's part: what can be sealed.
pub const MAX_PART_BYTES: usize = MAX_SEALED_BYTES - 1_024;

/// Says which contribution of a vector this is. Public.
pub(super) const NONCE_BYTES: usize = 16;
/// One seed for each of the two servers: the public share.
pub(super) const PUBLIC_BYTES: usize = 64;

/// Kinds of byte strings: parts are `PART + role`.
pub(super) const PART: u8 = 0x10;

/// A contribution: one part for each server, to be sealed for it. The parts are wiped when they are dropped.
pub struct Shared {
    leader: Zeroizing<Vec<u8>>,
    helper: Zeroizing<Vec<u8>>,
}

impl Shared {
    /// The coordinator's part: nonce, public share, and its share of every bit and of the proof.
    #[must_use]
    pub fn leader(&self) -> &[u8] {
        &self.leader
    }

    /// The second server's part: nonce, public share, and the seeds that its share is made from.
    #[must_use]
    pub fn helper(&self) -> &[u8] {
        &self.helper
    }

    /// The part of that server.
    #[must_use]
    pub fn part(&self, role: Role) -> &[u8] {
        match role {
            Role::Leader => self.leader(),
            Role::Helper => self.helper(),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({} and {} bytes)", self.leader.len(), self.helper.len())
    }
}

/// Cuts figures into shares, with a proof that each is between 0 and [`VectorSpec::max`]. The randomness is the
/// system's, by way of prio's own generator: sharing the same figures twice gives different bytes, so whoever has to
/// send again sends what was made first.
///
/// # Errors
/// [`PoolError::Length`], [`PoolError::Value`], which names no figure; [`PoolError::Generation`],
/// [`PoolError::Sharing`].
pub fn share(context: &Context, spec: VectorSpec, values: &[u64]) -> Result<Shared, PoolError> {
    spec.check(values)?;
    let mut nonce = [0; NONCE_BYTES];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| PoolError::Generation)?;
    let measurement: Zeroizing<Vec<u128>> =
        Zeroizing::new(values.iter().copied().map(u128::from).collect());
    let (public, inputs) = spec
        .vdaf()?
        .shard(&context.sharing(spec), &measurement, &nonce)
        .map_err(|_| PoolError::Sharing)?;
    pack(&nonce, &public, &inputs).ok_or(PoolError::Sharing)
}

type Public = <Prio3SumVec as prio::vdaf::Vdaf>::PublicShare;
type Input = <Prio3SumVec as prio::vdaf::Vdaf>::InputShare;

/// Lays out the two parts: version and kind, nonce, public share, the server's own share.
pub(super) fn pack(nonce: &[u8; NONCE_BYTES], public: &Public, inputs: &[Input]) -> Option<Shared> {
    let [leader, helper] = inputs else { return None };
    let part = |role: Role, input: &Input| {
        let length = 2 + NONCE_BYTES + PUBLIC_BYTES + input.encoded_len()?;
        if length > MAX_PART_BYTES {
            return None;
        }
        // To its full length at once: a vector that grows leaves copies behind.
        let mut out = Zeroizing::new(Vec::with_capacity(length));
        out.extend_from_slice(&[VERSION, PART + role.byte()]);
        out.extend_from_slice(nonce);
        public.encode(&mut out).ok()?;
        input.encode(&mut out).ok()?;
        Some(out)
    };
    Some(Shared { leader: part(Role::Leader, leader)?, helper: part(Role::Helper, helper)? })
}

/// One server's part, taken to pieces.
pub(super) struct Part<'a> {
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) public: &'a [u8],
    pub(super) input: &'a [u8],
    /// Nonce and public share: what must be the same in both servers' parts.
    pub(super) common: &'a [u8],
}

impl<'a> Part<'a> {
    pub(super) fn unpack(role: Role, bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MAX_PART_BYTES {
            return None;
        }
        let mut reader = Reader::new(bytes, PART + role.byte())?;
        let common = reader.take(NONCE_BYTES + PUBLIC_BYTES)?;
        let (nonce, public) = common.split_first_chunk()?;
        Some(Self { nonce: *nonce, public, input: reader.rest(), common })
    }
}
