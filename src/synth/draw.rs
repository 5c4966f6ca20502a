//! Random draws in integers: the same on every machine and with every version of the library above.

use evensum_core::model::Digest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A stream of draws.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of a seed for one purpose; streams of different purposes are independent.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let mut stream = [0; 8];
        stream.copy_from_slice(&Digest::of(purpose.as_bytes()).as_bytes()[..8]);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(u64::from_le_bytes(stream));
        Self(random)
    }

    /// A number from 0 up to and without `limit`; 0 where the limit is 0. By multiplication and shift,
    /// whose bias (below one in 2³² for the limits used here) does not matter.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(limit);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// True in `parts` of a million cases.
    pub(super) fn chance(&mut self, parts: u64) -> bool {
        self.below(1_000_000) < parts
    }
}

/// A choice among numbered things with given weights.
pub(super) struct Weights {
    /// Sums of the weights up to and with each.
    sums: Vec<u64>,
}

impl Weights {
    pub(super) fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let sums = weights
            .into_iter()
            .scan(0_u64, |sum, weight| {
                *sum = sum.saturating_add(weight);
                Some(*sum)
            })
            .collect();
        Self { sums }
    }

    /// The number of one of the things; the last where no weight is above zero.
    pub(super) fn pick(&self, draw: &mut Draw) -> usize {
        let at = draw.below(self.sums.last().copied().unwrap_or_default());
        self.sums.partition_point(|sum| *sum <= at).min(self.sums.len().saturating_sub(1))
    }
}
