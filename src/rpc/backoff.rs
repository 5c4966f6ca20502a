//! How long to wait before the next attempt: exponential, with full jitter, so that fifty nodes whose
//! coordinator restarts do not come back in one instant.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The wait after the first failure is drawn from zero to this.
const FIRST: Duration = Duration::from_secs(1);
/// No wait is longer: a node is back within seconds of its coordinator.
const LONGEST: Duration = Duration::from_secs(5);

/// The state of one dial loop.
#[derive(Debug)]
pub(super) struct Backoff {
    random: ChaCha8Rng,
    limit: Duration,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), limit: FIRST }
    }

    /// Draws the next wait and doubles the limit of the one after.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.limit.mul_f64(self.random.random_range(0.0..=1.0));
        self.limit = (self.limit * 2).min(LONGEST);
        wait
    }

    /// Starts anew after a success.
    pub(super) fn reset(&mut self) {
        self.limit = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_spread_grow_and_stay_within_their_limit() {
        let mut sums = [0.0; 5];
        for seed in 0..400 {
            let mut backoff = Backoff::new(seed);
            let limits = [1.0, 2.0, 4.0, 5.0, 5.0];
            for (sum, limit) in sums.iter_mut().zip(limits) {
                let wait = backoff.wait().as_secs_f64();
                assert!((0.0..=limit).contains(&wait), "{wait} of {limit}");
                *sum += wait / 400.0;
            }
            backoff.reset();
            assert!(backoff.wait() <= FIRST);
        }
        // The mean of a uniform draw is half of its limit, and 0.2 is more than six standard errors.
        for (mean, half) in sums.into_iter().zip([0.5, 1.0, 2.0, 2.5, 2.5]) {
            assert!((mean - half).abs() < 0.5_f64.min(0.25 * half + 0.1), "{mean} of {half}");
        }
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        let draw = |seed| {
            let mut backoff = Backoff::new(seed);
            [backoff.wait(), backoff.wait(), backoff.wait()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
