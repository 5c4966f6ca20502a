//! Repeatable draws from the standard normal distribution, for limits that are found by simulation.

use std::f64::consts::TAU;

/// A source of draws: xoshiro256++ (Blackman and Vigna 2021) started by splitmix64, made normal by the method of Box
/// and Muller (1958). The same seed gives the same draws on every machine, but for the last digits of its `ln` and
/// `cos`. It is not fit for keys.
#[derive(Debug)]
pub(super) struct Draws {
    state: [u64; 4],
    spare: Option<f64>,
}

impl Draws {
    /// The draws of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut at = seed;
        let state = std::array::from_fn(|_| {
            at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (at ^ (at >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        });
        Self { state, spare: None }
    }

    fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let out = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        out
    }

    /// Above 0, up to 1, evenly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what the type holds")]
    fn even(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        ((self.bits() >> 11) + 1) as f64 * STEP
    }

    /// One draw of mean 0 and variance 1.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.even().ln()).sqrt();
        let (sine, cosine) = (TAU * self.even()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of xoshiro256++ after splitmix64 of 0, computed with Python's whole numbers.
    #[test]
    fn bits_are_those_of_the_published_generator() {
        let mut draws = Draws::of(0);
        for want in [0x5317_5d61_490b_23df, 0x61da_6f3d_c380_d507, 0x5c0f_df91_ec9a_7bfc] {
            assert_eq!(draws.bits(), want);
        }
    }

    #[test]
    fn draws_have_the_moments_and_tails_of_the_normal_distribution() {
        let mut draws = Draws::of(7);
        let many: Vec<f64> = (0..200_000).map(|_| draws.normal()).collect();
        let count = 200_000.0;
        let mean: f64 = many.iter().sum::<f64>() / count;
        let square: f64 = many.iter().map(|x| x * x).sum::<f64>() / count;
        let fourth: f64 = many.iter().map(|x| x.powi(4)).sum::<f64>() / count;
        assert!(mean.abs() < 0.01 && (square - 1.0).abs() < 0.015 && (fourth - 3.0).abs() < 0.1);
        let beyond = many.iter().filter(|x| x.abs() > 1.959_964).count();
        assert!((9_500..10_500).contains(&beyond), "{beyond}");
    }
}
