//! The weighted least squares line through the middles of quantiles, for numbers and for spans of them.
//!
//! With `aᵢ` the shares of the population and `bᵢ` the middles of their places, `Σ aᵢbᵢ = ½` and
//! `Σ aᵢ(bᵢ − ½)² = (1 − Σ aᵢ³)/12`, so that the gradient is `12 Σ aᵢ(bᵢ − ½)yᵢ / (1 − Σ aᵢ³)` and the line passes
//! through the mean `Σ aᵢyᵢ` at `½`.

use super::super::number::Number;

/// What each value counts for in the line.
#[derive(Debug, Clone)]
pub(super) struct Line<N> {
    /// The shares `aᵢ`: what each counts for in the mean.
    pub(super) shares: Vec<N>,
    /// What each counts for in the gradient (the second row of the hat matrix).
    pub(super) levers: Vec<N>,
}

/// Of each place the sum of what stands before it, and of what stands after it.
pub(super) fn around<N: Number>(populations: &[N]) -> (Vec<N>, Vec<N>) {
    let sums = |all: &mut dyn Iterator<Item = &N>| {
        let mut sum = N::of(0.0);
        let mut before = Vec::with_capacity(populations.len());
        for population in all {
            before.push(sum);
            sum = sum + *population;
        }
        before
    };
    let before = sums(&mut populations.iter());
    let mut after = sums(&mut populations.iter().rev());
    after.reverse();
    (before, after)
}

fn total<N: Number>(terms: impl Iterator<Item = N>) -> N {
    terms.fold(N::of(0.0), |sum, term| sum + term)
}

impl<N: Number> Line<N> {
    /// The line through quantiles with these populations, most deprived first.
    pub(super) fn through(populations: &[N]) -> Self {
        let all = total(populations.iter().copied());
        let (before, after) = around(populations);
        let shares: Vec<N> = populations.iter().map(|population| *population / all).collect();
        let others = before.iter().zip(&after).map(|(before, after)| (*before + *after) / all);
        // 1 − Σ a³ = Σ a(1 − a)(1 + a), which loses no digits where one quantile holds nearly everyone.
        let one = N::of(1.0);
        let spread =
            total(shares.iter().zip(others).map(|(share, rest)| *share * rest * (one + *share)));
        let levers =
            shares.iter().zip(before.iter().zip(&after)).map(|(share, (before, after))| {
                N::of(6.0) * *share * ((*before - *after) / all) / spread
            });
        let levers = levers.collect();
        Self { shares, levers }
    }

    /// The mean of the values, and the gradient of the line through them.
    pub(super) fn fit(&self, values: &[N]) -> (N, N) {
        let weigh = |weights: &[N]| {
            total(weights.iter().zip(values).map(|(weight, value)| *weight * *value))
        };
        (weigh(&self.shares), weigh(&self.levers))
    }

    /// What each value counts for in the line at its most (`-0.5`) or least (`0.5`) deprived end.
    pub(super) fn at(&self, place: f64) -> Vec<N> {
        let weights = self.shares.iter().zip(&self.levers);
        weights.map(|(share, lever)| *share + N::of(place) * *lever).collect()
    }
}
