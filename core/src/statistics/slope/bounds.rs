//! Bounds of the slope and the relative index where populations and values are only known between bounds.

use super::super::check::{above_zero, finite};
use super::super::number::{Number, Span};
use super::super::reason::NotComputable;
use super::line::{Line, around};
use super::{CROSSES, RII, SII, SlopeMethod, Transform, count};

/// One quantile that is only known between bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileSpan {
    /// How many persons, at least and at most; the least above zero.
    pub population: Span,
    /// The indicator's value, at least and at most.
    pub value: Span,
}

/// Bounds of a slope.
#[derive(Debug, Clone, PartialEq)]
pub struct SlopeSpan {
    /// Of the slope index, times the multiplier.
    pub sii: Span,
    /// Of the relative index. The slope may well be there where this is not.
    pub rii: Result<Span, NotComputable>,
}

/// Bounds that hold the SII and the RII ([`super::slope_point`]) of every choice of populations and values within
/// theirs, each chosen freely. Where the populations are exact they are as narrow as can be for the SII and the RII on
/// the values' own scale and for the RII of rates on the scale of logarithms (but for rounding); otherwise they may be
/// wider than need be.
///
/// # Errors
/// [`NotComputable::TooFewGroups`] and [`NotComputable::TooManyGroups`]; [`NotComputable::Number`] and
/// [`NotComputable::Exceeds`] where bounds are not finite or not in order, a population may be zero, or a value not be
/// one of its kind; [`NotComputable::Undefined`] where a value may have no place on the scale of the fit. The relative
/// index is undefined where the line may cross zero.
pub fn slope_bounds(
    quantiles: &[QuantileSpan],
    method: &SlopeMethod,
) -> Result<SlopeSpan, NotComputable> {
    method.check()?;
    count(quantiles.len())?;
    for (at, quantile) in quantiles.iter().enumerate() {
        check(at + 1, quantile, method)?;
    }
    let scale = method.fit();
    let populations: Vec<Span> = quantiles.iter().map(|quantile| quantile.population).collect();
    let values: Vec<Span> = quantiles.iter().map(|quantile| scale.there(quantile.value)).collect();
    if !values.iter().all(|value| value.is_finite()) {
        let why = "a value may be at 0, or a proportion at 1, and has no logarithm there";
        return Err(NotComputable::Undefined { measure: SII, why });
    }
    let found = Found::of(&populations, &values);
    let sii = found.sii(scale) * Span::exactly(method.multiplier);
    if !sii.is_finite() {
        return Err(NotComputable::Undefined { measure: SII, why: "a bound is not finite" });
    }
    let crosses = NotComputable::Undefined { measure: RII, why: CROSSES };
    let rii = found.rii(scale, &values).map_or(Err(crosses.clone()), |ratio| {
        let turned = if method.multiplier < 0.0 { Span::exactly(1.0) / ratio } else { ratio };
        if turned.is_finite() && turned.low > 0.0 { Ok(turned) } else { Err(crosses) }
    });
    Ok(SlopeSpan { sii, rii })
}

fn check(group: usize, quantile: &QuantileSpan, method: &SlopeMethod) -> Result<(), NotComputable> {
    let QuantileSpan { population, value } = quantile;
    above_zero("the population", group, population.low)?;
    finite("the population", group, population.high)?;
    method.value_type.check(group, value.low)?;
    method.value_type.check(group, value.high)?;
    if population.low > population.high || value.low > value.high {
        let rule = "not below the lower one";
        return Err(NotComputable::Number { what: "an upper bound", group, rule });
    }
    Ok(())
}

/// What is known of the line.
struct Found {
    /// Of its middle.
    mean: Span,
    /// Of its rise.
    gradient: Span,
    /// Of its most deprived end.
    most: Span,
    /// Of its least deprived end.
    least: Span,
    /// What values count for, where populations are exact.
    line: Option<Line<Span>>,
}

impl Found {
    fn of(populations: &[Span], values: &[Span]) -> Self {
        let line = Line::through(populations);
        // The mean is any constant more than that of the values less it; the gradient is the same: what values have
        // in common would widen both.
        let (least, most) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v.low), h.max(v.high)));
        let common = Span::exactly(f64::midpoint(least, most));
        let moved: Vec<Span> = values.iter().map(|value| *value - common).collect();
        let (mean, gradient) = line.fit(&moved);
        let mean = mean + common;
        let exact = populations.iter().all(|population| population.low == population.high);
        if exact {
            let end = |place: f64| common + weighed(&line.at(place), &moved);
            let (most, least) = (end(-0.5), end(0.5));
            return Self { mean, gradient, most, least, line: Some(line) };
        }
        let gradient = within(gradient, gradient_about_the_middle(populations, &moved));
        let mean = within(mean, weighted_mean(populations, values));
        let half = gradient * Span::exactly(0.5);
        Self { mean, gradient, most: mean - half, least: mean + half, line: None }
    }

    /// Of a function of the line's ends that rises with its gradient, and with its middle either rises or falls
    /// throughout or turns once, at zero: its extremes are at the ends of what is known and at zero.
    fn extremes(&self, of: impl Fn(Span, Span) -> Span) -> Span {
        let turn = 0.0_f64.clamp(self.mean.low, self.mean.high);
        let mut all: Option<Span> = None;
        for mean in [self.mean.low, self.mean.high, turn] {
            for gradient in [self.gradient.low, self.gradient.high] {
                let half = Span::exactly(gradient) * Span::exactly(0.5);
                let mean = Span::exactly(mean);
                let here = of(mean - half, mean + half);
                all = Some(all.map_or(here, |all| Span {
                    low: all.low.min(here.low),
                    high: all.high.max(here.high),
                }));
            }
        }
        all.unwrap_or(Span { low: f64::NEG_INFINITY, high: f64::INFINITY })
    }

    fn sii(&self, scale: Transform) -> Span {
        if scale == Transform::None {
            return self.gradient;
        }
        let difference = |most: Span, least: Span| scale.back(least) - scale.back(most);
        within(self.extremes(difference), difference(self.most, self.least))
    }

    /// `None` where the line may cross zero.
    fn rii(&self, scale: Transform, values: &[Span]) -> Option<Span> {
        let (most, least) = (scale.back(self.most), scale.back(self.least));
        let above = most.low > 0.0 && least.low > 0.0;
        let below = most.high < 0.0 && least.high < 0.0;
        if !above && !below {
            return None;
        }
        let ratio = |most: Span, least: Span| scale.back(least) / scale.back(most);
        let mut found = ratio(self.most, self.least);
        // Where the gradient and the middle are taken each by itself, a line between them may cross zero even so: then
        // only the ends count.
        let half = self.gradient.abs().high / 2.0;
        let clear = self.mean.low > half || self.mean.high < -half;
        if scale != Transform::None || clear {
            found = within(found, self.extremes(ratio));
        }
        if let (Transform::None, Some(line)) = (scale, &self.line) {
            let sign = if below { -1.0 } else { 1.0 };
            let signed = |place: f64| -> Vec<Span> {
                line.at(place).into_iter().map(|weight| weight * Span::exactly(sign)).collect()
            };
            found = within(found, quotient(&signed(0.5), &signed(-0.5), values));
        }
        Some(found)
    }
}

/// What is in both; either holds the truth.
fn within(one: Span, other: Span) -> Span {
    Span { low: one.low.max(other.low), high: one.high.min(other.high) }
}

fn weighed(weights: &[Span], values: &[Span]) -> Span {
    let terms = weights.iter().zip(values).map(|(weight, value)| *weight * *value);
    terms.fold(Span::exactly(0.0), |sum, term| sum + term)
}

/// Bounds of the mean of values, each weighing its population: a ratio of two sums that are linear in the populations.
fn weighted_mean(populations: &[Span], values: &[Span]) -> Span {
    let ones = vec![Span::exactly(1.0); values.len()];
    let ends = |end: fn(&Span) -> f64| -> Vec<Span> {
        values.iter().map(|value| Span::exactly(end(value))).collect()
    };
    let low = quotient(&ends(|value| value.low), &ones, populations).low;
    let high = quotient(&ends(|value| value.high), &ones, populations).high;
    Span { low, high }
}

/// Improvements of a quotient of sums; each is a better corner, and few are ever needed.
const CORNERS: u32 = 64;

/// What the search for the best corner may have missed by rounding, as a part of the quotient's greatest term.
const MISSED: f64 = 1e-12;

/// Bounds of `Σ pᵢzᵢ / Σ qᵢzᵢ` over all `z` within bounds, where the sum below the line is above zero throughout. The
/// extremes lie at corners, which Dinkelbach's method (1967) finds.
fn quotient(above: &[Span], below: &[Span], within: &[Span]) -> Span {
    let extreme = |sign: f64| {
        let mut corner: Vec<Span> = within.iter().map(|z| Span::exactly(z.middle())).collect();
        let mut best = weighed(above, &corner) / weighed(below, &corner);
        for _ in 0..CORNERS {
            let ratio = best.middle();
            let next: Vec<Span> = above
                .iter()
                .zip(below)
                .zip(within)
                .map(|((p, q), z)| {
                    let gain = sign * (p.middle() - ratio * q.middle());
                    Span::exactly(if gain > 0.0 { z.high } else { z.low })
                })
                .collect();
            let there = weighed(above, &next) / weighed(below, &next);
            let better = sign * (there.middle() - ratio) > 0.0;
            if !better {
                break;
            }
            (best, corner) = (there, next);
        }
        let greatest = above.iter().zip(&corner).map(|(p, z)| (*p * *z).abs().high);
        let size = greatest.fold(0.0, f64::max) / weighed(below, &corner).low;
        (best, MISSED * (size + best.abs().high))
    };
    let ((least, missed_below), (most, missed_above)) = (extreme(-1.0), extreme(1.0));
    Span { low: least.low - missed_below, high: most.high + missed_above }
}

/// Bounds of the gradient from that at the middle of the populations and its derivatives over all of them (the mean
/// value form: Moore 1966). With `N = Σn`, `P = Σ_{j<i} nᵢnⱼ(yᵢ − yⱼ)` and `D = N³ − Σn³` the gradient is `6NP/D`, and its
/// derivative by `nₖ` is `6(P + N·Pₖ − N·P·Dₖ/D)/D`.
fn gradient_about_the_middle(populations: &[Span], values: &[Span]) -> Span {
    let size: f64 = populations.iter().map(Span::middle).sum();
    let shares: Vec<Span> =
        populations.iter().map(|population| *population / Span::exactly(size)).collect();
    let middles: Vec<Span> = shares.iter().map(|share| Span::exactly(share.middle())).collect();
    let (_, mut gradient) = Line::through(&middles).fit(values);
    let (before, after) = around(&shares);
    let number = Span::exactly;
    let sum =
        |terms: &mut dyn Iterator<Item = Span>| terms.fold(number(0.0), |sum, term| sum + term);
    let all = sum(&mut shares.iter().copied());
    let others: Vec<Span> = before.iter().zip(&after).map(|(b, a)| *b + *a).collect();
    let spread = sum(&mut shares.iter().zip(&others).map(|(n, rest)| *n * *rest * (all + *n)));
    let pulls = (0..shares.len()).zip(values).map(|(place, own)| {
        let pairs = shares.iter().zip(values).enumerate();
        sum(&mut pairs.map(|(other, (share, value))| match other.cmp(&place) {
            std::cmp::Ordering::Less => *share * (*own - *value),
            std::cmp::Ordering::Equal => number(0.0),
            std::cmp::Ordering::Greater => *share * (*value - *own),
        }))
    });
    let pulls: Vec<Span> = pulls.collect();
    let pairs = sum(&mut shares.iter().zip(&pulls).map(|(n, pull)| *n * *pull)) * number(0.5);
    for (place, share) in shares.iter().enumerate() {
        let steeper = number(3.0) * others[place] * (all + *share) / spread;
        let by = number(6.0) * (pairs + all * pulls[place] - all * pairs * steeper) / spread;
        gradient = gradient + by * (*share - middles[place]);
    }
    gradient
}

#[cfg(test)]
mod tests;
