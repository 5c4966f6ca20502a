//! Different people over several partners, by linear counting: every partner marks each of its people in a row of
//! buckets that a key picks, the rows are added up blindly, and from the share of buckets that nobody marked it follows
//! about how many people there are. A person at two partners falls into one bucket, and counts once.
//!
//! Whang, Vander-Zanden and Taylor, *A linear-time probabilistic counting algorithm for database applications*, ACM
//! TODS 15 (1990).

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::{BITS_1, MAX_VECTOR, PoolError, VectorSpec};
use crate::model::Digest;

/// Digits of an NHS number.
pub const NHS_DIGITS: usize = 10;
/// Bytes of a link id.
pub const LINK_BYTES: usize = 16;
/// Buckets of a total: the estimate's standard error is 0.6 % of ten thousand people, 1.1 % of fifty thousand.
pub const BUCKETS_OF_TOTAL: u32 = 16_384;
/// Buckets of each category of a breakdown: 1.2 % of a thousand people, 1.8 % of ten thousand.
pub const BUCKETS_OF_CATEGORY: u32 = 4_096;
/// The fewest empty buckets that anything is estimated from. With fewer, the estimate hangs on a handful of them.
pub const LEAST_EMPTY: u32 = 64;

const SECRET_BYTES: usize = 32;
const SALT: &[u8] = b"evensum link secret/v1";
const IDS: &[u8] = b"evensum link id/v1";
const CHECK: &[u8] = b"evensum link check/v1";
const BUCKET: &[u8] = b"evensum link bucket/v1";

/// A federation's link secret, which its nodes have and nobody else: who has it can find out of any link id whose it is
/// by trying all NHS numbers.
#[derive(Clone)]
pub struct LinkSecret {
    root: Prk,
    ids: hmac::Key,
}

impl LinkSecret {
    /// Takes the 32 bytes.
    ///
    /// # Errors
    /// [`PoolError::Generation`] where the library makes no key of them.
    pub fn from_bytes(bytes: &[u8; SECRET_BYTES]) -> Result<Self, PoolError> {
        let root = Salt::new(HKDF_SHA256, SALT).extract(bytes);
        let ids = derived(&root, &[IDS])?;
        Ok(Self { ids: hmac::Key::new(hmac::HMAC_SHA256, ids.as_slice()), root })
    }

    /// What may be known of it, so that all nodes can see that they have the same one: it leads back to nothing.
    ///
    /// # Errors
    /// [`PoolError::Generation`].
    pub fn check(&self) -> Result<Digest, PoolError> {
        Ok(Digest::from_bytes(*derived(&self.root, &[CHECK])?))
    }

    /// What an NHS number is kept as: 16 bytes of an HMAC-SHA256.
    #[must_use]
    pub fn id(&self, digits: &[u8; NHS_DIGITS]) -> LinkId {
        let tag = hmac::sign(&self.ids, digits);
        let mut id = [0; LINK_BYTES];
        id.copy_from_slice(&tag.as_ref()[..LINK_BYTES]);
        LinkId(id)
    }

    /// The key that picks buckets, for one sum and one table of it alone: HKDF-SHA256 over the hashes of both. Buckets
    /// of two tables, or of two sums of the same people, have nothing to do with each other.
    ///
    /// # Errors
    /// [`PoolError::Generation`].
    pub fn key(&self, round: &Digest, table: &Digest) -> Result<LinkKey, PoolError> {
        let key = derived(&self.root, &[BUCKET, round.as_bytes(), table.as_bytes()])?;
        Ok(LinkKey(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice())))
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(..)")
    }
}

fn derived(root: &Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; SECRET_BYTES]>, PoolError> {
    let mut key = Zeroizing::new([0; SECRET_BYTES]);
    root.expand(info, HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .map_err(|_| PoolError::Generation)?;
    Ok(key)
}

/// What an NHS number is kept as at a node: nothing can be made of it without the federation's link secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId([u8; LINK_BYTES]);

impl LinkId {
    /// The bytes, to be kept.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; LINK_BYTES] {
        self.0
    }

    /// Reads what was kept. None of zeros, which stand for a person without an NHS number.
    #[must_use]
    pub fn from_bytes(bytes: [u8; LINK_BYTES]) -> Option<Self> {
        (bytes != [0; LINK_BYTES]).then_some(Self(bytes))
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkId(..)")
    }
}

/// Picks buckets.
#[derive(Clone)]
pub struct LinkKey(hmac::Key);

impl LinkKey {
    /// The bucket of a person, of so many: HMAC-SHA256 of the link id, modulo their number, which is a power of two.
    #[must_use]
    pub fn bucket(&self, person: &LinkId, buckets: u32) -> u32 {
        let tag = hmac::sign(&self.0, &person.0);
        let first = tag.as_ref().first_chunk().map_or(0, |four| u32::from_be_bytes(*four));
        first % buckets.max(1)
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

/// How people are marked: one row of buckets for each category of a breakdown by one level, or one for all. There is
/// none for a breakdown by two, and none for people of one category alone: in those, to be marked would say something
/// of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistinctShape {
    groups: u32,
    buckets: u32,
}

impl DistinctShape {
    /// Everybody.
    #[must_use]
    pub const fn total() -> Self {
        Self { groups: 1, buckets: BUCKETS_OF_TOTAL }
    }

    /// Each of so many categories.
    #[must_use]
    pub const fn categories(groups: u32) -> Self {
        Self { groups, buckets: BUCKETS_OF_CATEGORY }
    }

    /// Rows of buckets.
    #[must_use]
    pub const fn groups(self) -> usize {
        self.groups as usize
    }

    /// Buckets of each row.
    #[must_use]
    pub const fn buckets(self) -> u32 {
        self.buckets
    }

    /// Vectors of each row.
    pub(crate) const fn vectors_a_group(self) -> usize {
        self.buckets.div_ceil(MAX_VECTOR) as usize
    }

    /// The vectors that the rows are cut into, row after row.
    ///
    /// # Errors
    /// [`PoolError::Spec`].
    pub fn vectors(self) -> Result<Vec<VectorSpec>, PoolError> {
        let spec = VectorSpec::new(self.buckets.min(MAX_VECTOR), BITS_1)?;
        Ok(vec![spec; self.groups() * self.vectors_a_group()])
    }
}

/// One partner's people, marked. Wiped when dropped.
pub struct Marks {
    shape: DistinctShape,
    marked: Zeroizing<Vec<u64>>,
}

impl Marks {
    /// Nobody.
    #[must_use]
    pub fn none(shape: DistinctShape) -> Self {
        let all = shape.groups() * shape.buckets as usize;
        Self { shape, marked: Zeroizing::new(vec![0; all]) }
    }

    /// Marks a bucket of one row: twice is once.
    pub fn mark(&mut self, group: usize, bucket: u32) {
        let buckets = self.shape.buckets as usize;
        let mut rows = self.marked.chunks_mut(buckets);
        if let Some(mark) = rows.nth(group).and_then(|row| row.get_mut(bucket as usize)) {
            *mark = 1;
        }
    }

    /// The vectors, to be cut into shares.
    #[must_use]
    pub fn vectors(&self) -> Vec<Zeroizing<Vec<u64>>> {
        let length = self.shape.buckets.min(MAX_VECTOR) as usize;
        self.marked.chunks(length).map(|part| Zeroizing::new(part.to_vec())).collect()
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marks({:?})", self.shape)
    }
}

/// What empty buckets say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimate {
    /// About so many people.
    People(f64),
    /// Too few buckets are empty.
    Saturated,
}

/// n̂ = −m ln V₀, where V₀ is the share of the m buckets that are empty.
#[must_use]
pub fn estimate(empty: u32, buckets: u32) -> Estimate {
    if empty < LEAST_EMPTY {
        return Estimate::Saturated;
    }
    let (empty, buckets) = (f64::from(empty), f64::from(buckets));
    Estimate::People(buckets * (buckets / empty).ln())
}

/// The standard error of an estimate of about so many people: √(m (eᵗ − t − 1)), t = n/m.
#[must_use]
pub fn standard_error(people: f64, buckets: u32) -> f64 {
    let buckets = f64::from(buckets);
    let load = people / buckets;
    (buckets * (load.exp_m1() - load)).sqrt()
}

#[cfg(test)]
mod tests;
