//! A sum without a second server: every two members agree on a mask that one adds and the other takes away, so that
//! the masks vanish in the sum of all, and in no other. One member missing, and there is no sum.

use std::fmt;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::bytes::{Reader, VERSION};
use super::total::Totals;
use super::{DepositId, PoolError, Roster, SealKey, SealPublic, VectorSpec};
use crate::model::{MAX_NODES, Ods};

const LABEL: &[u8] = b"secagg/v1";
const KEY_BYTES: usize = 32;
const WORD_BYTES: usize = 8;

/// Kind of a byte string.
const MASKED: u8 = 0x70;

/// The members of a sum without a second server, in the order of their codes. A sum is of all of them or is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members(Vec<(Ods, SealPublic)>);

impl Members {
    /// Takes a list in the order of its codes, of at least two. How many there have to be so that they hide each other
    /// is the rule of the membership list.
    ///
    /// # Errors
    /// [`PoolError::Members`] where it is out of order, or a code or a key stands twice.
    pub fn new(members: Vec<(Ods, SealPublic)>) -> Result<Self, PoolError> {
        let ordered = members.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let mut keys: Vec<&SealPublic> = members.iter().map(|(_, key)| key).collect();
        keys.sort_unstable();
        let distinct = keys.windows(2).all(|pair| pair[0] != pair[1]);
        if (2..=MAX_NODES).contains(&members.len()) && ordered && distinct {
            Ok(Self(members))
        } else {
            Err(PoolError::Members)
        }
    }

    /// The members of a round, with the keys that the membership list has for them.
    ///
    /// # Errors
    /// As of [`Self::new`]; [`PoolError::Members`] where one of them is not on the list; [`PoolError::Public`].
    pub fn of(list: &Roster, members: &[Ods]) -> Result<Self, PoolError> {
        let one = |ods: &Ods| {
            let member = list.member(ods).ok_or(PoolError::Members)?;
            Ok((ods.clone(), SealPublic::parse(&member.seal_key)?))
        };
        Self::new(members.iter().map(one).collect::<Result<_, _>>()?)
    }

    /// How many members.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: there are at least two.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Masks a member's figures: y = x + Σ over later members of the mask agreed with them − Σ over earlier ones,
    /// modulo 2^64. Masks are made for one vector only, so the same figures under another id look unrelated; two
    /// different vectors must never be masked under one id, because what differs between them would show.
    ///
    /// # Errors
    /// [`PoolError::Members`] where the key is no member's; [`PoolError::Length`], [`PoolError::Value`];
    /// [`PoolError::Sharing`] where no mask can be made.
    pub fn mask(
        &self,
        own: &SealKey,
        deposit: DepositId,
        spec: VectorSpec,
        values: &[u64],
    ) -> Result<Masked, PoolError> {
        spec.check(values)?;
        let place =
            self.0.iter().position(|(_, key)| key == own.public()).ok_or(PoolError::Members)?;
        let (partner, _) = &self.0[place];
        let mut words = values.to_vec();
        for (i, (other, key)) in self.0.iter().enumerate().filter(|(i, _)| *i != place) {
            let (low, high) = if i > place { (partner, other) } else { (other, partner) };
            let stream = own
                .agree(key, |secret| stream(secret, deposit, low, high, words.len()))
                .ok_or(PoolError::Sharing)?;
            for (word, mask) in words.iter_mut().zip(stream.chunks_exact(WORD_BYTES)) {
                let mask = mask.try_into().map_or(0, u64::from_le_bytes);
                *word = if i > place { word.wrapping_add(mask) } else { word.wrapping_sub(mask) };
            }
        }
        Ok(Masked { partner: partner.clone(), deposit, spec, words })
    }

    /// The totals over all members, from one contribution of each, in the order of the list.
    ///
    /// # Errors
    /// [`PoolError::Incomplete`] where one is missing, stands in another's place or is for another sum;
    /// [`PoolError::Together`] where what comes out is more than the members can have had.
    pub fn unmask_sum(
        &self,
        deposit: DepositId,
        spec: VectorSpec,
        all: &[Masked],
    ) -> Result<Totals, PoolError> {
        let each = all.iter().zip(&self.0);
        let complete = all.len() == self.0.len()
            && each.into_iter().all(|(one, (partner, _))| one.is_of(partner, deposit, spec));
        if !complete {
            return Err(PoolError::Incomplete);
        }
        let mut sums = Zeroizing::new(vec![0_u64; spec.size()]);
        for one in all {
            for (sum, word) in sums.iter_mut().zip(&one.words) {
                *sum = sum.wrapping_add(*word);
            }
        }
        let most = all.len() as u128 * u128::from(spec.max());
        if sums.iter().any(|sum| u128::from(*sum) > most) {
            return Err(PoolError::Together);
        }
        Ok(Totals::new(sums))
    }
}

/// The mask of two members for one vector: ChaCha20 under HKDF-SHA256 of their secret, salted with the vector's id and
/// naming both members. The id is a hash over the vector's place, so that every vector has a stream of its own.
fn stream(
    secret: &[u8],
    deposit: DepositId,
    low: &Ods,
    high: &Ods,
    words: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let salt = Salt::new(HKDF_SHA256, deposit.as_bytes());
    let prk = salt.extract(secret);
    let lengths = [u8::try_from(low.as_str().len()).ok()?];
    let info = [LABEL, &lengths, low.as_str().as_bytes(), high.as_str().as_bytes()];
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    prk.expand(&info, HKDF_SHA256).ok()?.fill(key.as_mut_slice()).ok()?;
    keystream(&key, words.checked_mul(WORD_BYTES)?)
}

/// ChaCha20's stream from block 1 on (RFC 8439, 2.4) under a key that is used this once: zeros, encrypted by the
/// authenticated cipher, without the tag.
fn keystream(key: &[u8; KEY_BYTES], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
    let mut stream = Zeroizing::new(vec![0; length]);
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    cipher.seal_in_place_separate_tag(nonce, Aad::empty(), &mut stream).ok().map(|_tag| stream)
}

/// One member's figures under its masks: random words to whoever has not all the others'.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked {
    partner: Ods,
    deposit: DepositId,
    spec: VectorSpec,
    words: Vec<u64>,
}

impl Masked {
    /// Whose figures they are.
    #[must_use]
    pub const fn partner(&self) -> &Ods {
        &self.partner
    }

    /// Whether they are this member's, and of this vector.
    #[must_use]
    pub fn is_of(&self, partner: &Ods, deposit: DepositId, spec: VectorSpec) -> bool {
        self.partner == *partner && self.deposit == deposit && self.spec == spec
    }

    /// The bytes, to be sent: of another partner or for another sum they are read as nothing.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let partner = self.partner.as_str().as_bytes();
        let mut out = Vec::with_capacity(64 + self.words.len() * WORD_BYTES);
        out.extend_from_slice(&[VERSION, MASKED]);
        out.extend_from_slice(self.deposit.as_bytes());
        out.extend_from_slice(&self.spec.to_bytes());
        out.extend(self.words.iter().flat_map(|word| word.to_be_bytes()));
        out.extend_from_slice(partner);
        out
    }

    /// Reads what a member sent.
    ///
    /// # Errors
    /// [`PoolError::Verify`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PoolError> {
        let read = || {
            let mut reader = Reader::new(bytes, MASKED)?;
            let deposit = DepositId::from_bytes(reader.array()?);
            let spec = VectorSpec::from_bytes(reader.array()?)?;
            let mut words = Vec::with_capacity(spec.size());
            for _ in 0..spec.size() {
                words.push(u64::from_be_bytes(reader.array()?));
            }
            let partner = Ods::new(std::str::from_utf8(reader.rest()).ok()?).ok()?;
            Some(Self { partner, deposit, spec, words })
        };
        read().ok_or(PoolError::Verify)
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({}, {:?})", self.partner, self.deposit)
    }
}

#[cfg(test)]
mod tests;
