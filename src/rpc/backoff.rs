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
        const LIMITS: [f64; 5] = [1.0, 2.0, 4.0, 5.0, 5.0];
        const LOOPS: u32 = 400;
        let mut means = [0.0; 5];
        for seed in 0..u64::from(LOOPS) {
            let mut backoff = Backoff::new(seed);
            for (mean, limit) in means.iter_mut().zip(LIMITS) {
                let wait = backoff.wait().as_secs_f64();
                assert!((0.0..=limit).contains(&wait), "{wait} of {limit}");
                *mean += wait / f64::from(LOOPS);
            }
            backoff.reset();
            assert!(backoff.wait() <= FIRST);
        }
        // A uniform draw has half of its limit as mean; a tenth of the limit is seven standard errors.
        for (mean, limit) in means.into_iter().zip(LIMITS) {
            assert!((mean - limit / 2.0).abs() < limit / 10.0, "{mean} of {limit}");
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
