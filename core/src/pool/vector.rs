//! The shape of a vector of figures: how many, and of how many bits each.

use prio::vdaf::prio3::Prio3SumVec;
use serde::{Deserialize, Serialize};

use super::PoolError;

/// The most figures of a vector: what fits, with the proof, in one message of the transport.
pub const MAX_VECTOR: u32 = 4_096;

/// Bits of a mark.
pub const BITS_1: u8 = 1;
/// Bits of counts.
pub const BITS_20: u8 = 20;
/// Bits of large counts.
pub const BITS_24: u8 = 24;
/// Bits of sums.
pub const BITS_32: u8 = 32;
/// Bits of sums of squares.
pub const BITS_40: u8 = 40;
/// All bits that there are.
pub const BITS: [u8; 5] = [BITS_1, BITS_20, BITS_24, BITS_32, BITS_40];

/// Coordinator and helper.
const AGGREGATORS: u8 = 2;

/// The shape of a vector, the same for all partners: 1 to [`MAX_VECTOR`] figures of one of [`BITS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct VectorSpec {
    len: u32,
    bits: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    len: u32,
    bits: u8,
}

impl TryFrom<Raw> for VectorSpec {
    type Error = PoolError;
    fn try_from(raw: Raw) -> Result<Self, PoolError> {
        Self::new(raw.len, raw.bits)
    }
}

impl From<VectorSpec> for Raw {
    fn from(spec: VectorSpec) -> Self {
        Self { len: spec.len, bits: spec.bits }
    }
}

impl VectorSpec {
    /// A vector of `len` figures of `bits` bits each.
    ///
    /// # Errors
    /// [`PoolError::Spec`].
    pub fn new(len: u32, bits: u8) -> Result<Self, PoolError> {
        if (1..=MAX_VECTOR).contains(&len) && BITS.contains(&bits) {
            Ok(Self { len, bits })
        } else {
            Err(PoolError::Spec)
        }
    }

    /// How many figures.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.len
    }

    /// Never: a vector has at least one figure.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Bits of each figure.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// The largest figure that one partner can contribute.
    #[must_use]
    pub const fn max(self) -> u64 {
        (1 << self.bits) - 1
    }

    /// `len` as a size in memory.
    pub(super) const fn size(self) -> usize {
        self.len as usize
    }

    /// How many bits one call of the proof checks. Around the square root of all bits the proof is smallest (BBCG+19,
    /// corollary 4.9); the work goes by the number of calls and one, rounded up to a power of two, and is least where
    /// the power below that root is filled.
    const fn chunk(self) -> usize {
        let bits = self.size() * self.bits as usize;
        let half = bits.isqrt().next_power_of_two() / 2;
        // A few marks are checked at once.
        let calls = if half > 1 { half - 1 } else { 1 };
        bits.div_ceil(calls)
    }

    /// Prio's instance for this shape.
    pub(super) fn vdaf(self) -> Result<Prio3SumVec, PoolError> {
        Prio3SumVec::new_sum_vec(AGGREGATORS, self.max().into(), self.size(), self.chunk())
            .map_err(|_| PoolError::Spec)
    }

    /// Refuses figures that are not of this shape.
    pub(super) fn check(self, values: &[u64]) -> Result<(), PoolError> {
        if values.len() != self.size() {
            return Err(PoolError::Length);
        }
        if values.iter().any(|v| *v > self.max()) {
            return Err(PoolError::Value);
        }
        Ok(())
    }

    /// The shape as bytes: length and bits.
    pub(super) fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.len.to_be_bytes();
        [a, b, c, d, self.bits]
    }

    pub(super) fn from_bytes([a, b, c, d, bits]: [u8; 5]) -> Option<Self> {
        Self::new(u32::from_be_bytes([a, b, c, d]), bits).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_limits() {
        for (len, bits) in [(0, 20), (MAX_VECTOR + 1, 20), (5, 0), (5, 21), (5, 64), (5, 128)] {
            assert_eq!(VectorSpec::new(len, bits), Err(PoolError::Spec), "{len} of {bits}");
            let text = format!("{{\"bits\":{bits},\"len\":{len}}}");
            assert!(serde_json::from_str::<VectorSpec>(&text).is_err(), "{text}");
        }
        for bits in BITS {
            for len in [1, 2, 2_310, MAX_VECTOR] {
                let spec = VectorSpec::new(len, bits).expect("a shape");
                assert_eq!(VectorSpec::from_bytes(spec.to_bytes()), Some(spec));
                let text = serde_json::to_string(&spec).expect("json");
                assert_eq!(serde_json::from_str::<VectorSpec>(&text).ok(), Some(spec));
                assert!(spec.vdaf().is_ok(), "{spec:?}");
            }
        }
    }

    #[test]
    fn the_proof_fills_a_power_of_two() {
        for len in (1..=MAX_VECTOR).step_by(7) {
            for bits in BITS {
                let spec = VectorSpec::new(len, bits).expect("a shape");
                let all = spec.size() * usize::from(bits);
                let calls = all.div_ceil(spec.chunk());
                assert!(calls < ((all.isqrt() + 1).next_power_of_two() / 2).max(2), "{spec:?}");
                assert!(spec.chunk() <= 6 * all.isqrt(), "{spec:?}");
            }
        }
    }

    #[test]
    fn figures_outside_of_the_shape_are_refused_without_being_named() {
        let spec = VectorSpec::new(2, BITS_20).expect("a shape");
        assert_eq!(spec.check(&[0, spec.max()]), Ok(()));
        assert_eq!(spec.check(&[0]), Err(PoolError::Length));
        let error = spec.check(&[0, 1_048_576]).expect_err("too large");
        assert_eq!(error, PoolError::Value);
        assert!(!error.to_string().contains("1048576"));
    }
}
