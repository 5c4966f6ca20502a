//! What the measures of inequality do with numbers, and with spans of them, beyond the four operations: extremes, and
//! weighted means whose bounds are the exact extremes.

use std::fmt::Debug;

use super::group::Group;
use super::number::{Number, Span};

/// A [`Number`] of which groups may be made and compared.
pub trait Quantity: Number + PartialEq + Debug {
    /// The least that it may be.
    fn low(self) -> f64;
    /// The most that it may be.
    fn high(self) -> f64;
    /// The lesser of two.
    #[must_use]
    fn min(self, other: Self) -> Self;
    /// The greater of two.
    #[must_use]
    fn max(self, other: Self) -> Self;
    /// What two ways to the same number leave of it: the part that both hold.
    #[must_use]
    fn meet(self, other: Self) -> Self;
    /// `t ln t − t + 1`, for t from 0 on: never negative, and nothing at 1. Over relative values whose mean is 1 its
    /// mean is that of `t ln t`.
    #[must_use]
    fn theil_term(self) -> Self;
    /// `t − 1 − ln t`, for t above 0: never negative, and nothing at 1. Over relative values whose mean is 1 its mean
    /// is that of `−ln t`.
    #[must_use]
    fn log_term(self) -> Self;
    /// The mean of values weighted by populations from 0 on, some of which are above 0.
    fn weighted_mean(groups: &[Group<Self>]) -> Self;
    /// The value of one of the groups less the mean of all.
    fn deviation(groups: &[Group<Self>], at: usize) -> Self;
    /// The value of one of the groups over the mean of all, for values from 0 on whose mean is above 0.
    fn relative(groups: &[Group<Self>], at: usize) -> Self;
}

impl Quantity for f64 {
    fn low(self) -> f64 {
        self
    }

    fn high(self) -> f64 {
        self
    }

    fn min(self, other: Self) -> Self {
        Self::min(self, other)
    }

    fn max(self, other: Self) -> Self {
        Self::max(self, other)
    }

    fn meet(self, _other: Self) -> Self {
        self
    }

    fn theil_term(self) -> Self {
        if self == 0.0 { 1.0 } else { self * Self::ln(self) - self + 1.0 }
    }

    fn log_term(self) -> Self {
        let over = self - 1.0;
        over - over.ln_1p()
    }

    fn weighted_mean(groups: &[Group<Self>]) -> Self {
        let total: Self = groups.iter().map(|group| group.population).sum();
        groups.iter().map(|group| group.value * (group.population / total)).sum()
    }

    fn deviation(groups: &[Group<Self>], at: usize) -> Self {
        groups[at].value - Self::weighted_mean(groups)
    }

    fn relative(groups: &[Group<Self>], at: usize) -> Self {
        groups[at].value / Self::weighted_mean(groups)
    }
}

/// A group with one of the ends of its value, and the ends of its population.
#[derive(Clone, Copy)]
struct Weighed {
    value: f64,
    low: f64,
    high: f64,
}

fn weighed(groups: &[Group<Span>], value: impl Fn(usize, Span) -> f64) -> Vec<Weighed> {
    let one = |(at, group): (usize, &Group<Span>)| Weighed {
        value: value(at, group.value),
        low: group.population.low,
        high: group.population.high,
    };
    groups.iter().enumerate().map(one).collect()
}

/// The least weighted mean of values, over every choice of weights within their ends.
///
/// It is found where the weights of all values below a threshold are as great, and of all above it as small, as they
/// can be (Liou and Wang, Fuzzy Sets and Systems 49, 1992, 307-315). All thresholds are tried. The sums are of terms of
/// one sign, so that rounding moves the result by no more than so many steps of the greatest value as there are groups,
/// and it is moved downwards by more than that.
fn least_mean(mut groups: Vec<Weighed>) -> f64 {
    groups.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut above = vec![(0.0, 0.0); groups.len() + 1];
    for (at, group) in groups.iter().enumerate().rev() {
        let (sum, weights): (f64, f64) = above[at + 1];
        above[at] = (sum + group.low * group.value, weights + group.low);
    }
    let (mut sum, mut weights, mut least) = (0.0, 0.0, f64::INFINITY);
    for (at, &(rest, light)) in above.iter().enumerate() {
        if weights + light > 0.0 {
            let mean = (sum + rest) / (weights + light);
            if mean.is_nan() {
                return f64::NEG_INFINITY;
            }
            least = least.min(mean);
        }
        if let Some(group) = groups.get(at) {
            sum += group.high * group.value;
            weights += group.high;
        }
    }
    least - slack(&groups)
}

fn most_mean(mut groups: Vec<Weighed>) -> f64 {
    for group in &mut groups {
        group.value = -group.value;
    }
    -least_mean(groups)
}

/// More than rounding takes from a weighted mean.
fn slack(groups: &[Weighed]) -> f64 {
    let size = groups.iter().map(|group| group.value.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let count = groups.iter().fold(ROUNDINGS, |count, _| count + ROUNDINGS);
    count * f64::EPSILON * size
}

/// Roundings for each group in a weighted mean, as a sum over numbers and over spans.
const ROUNDINGS: f64 = 8.0;

/// The bounds of a function that falls up to 1, where it is nothing, and rises from there.
fn from_one(span: Span, size: f64, f: impl Fn(f64) -> f64) -> Span {
    let (one, other) = (f(span.low), f(span.high));
    let slack = ROUNDINGS * f64::EPSILON * (1.0 + size);
    let least = if span.holds(1.0) { 0.0 } else { one.min(other) - slack };
    let high = one.max(other) + slack;
    if high.is_nan() || least.is_nan() {
        return Span { low: 0.0, high: f64::INFINITY };
    }
    Span { low: least.max(0.0), high }
}

impl Quantity for Span {
    fn low(self) -> f64 {
        self.low
    }

    fn high(self) -> f64 {
        self.high
    }

    fn min(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.min(other.high) }
    }

    fn max(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.max(other.high) }
    }

    fn meet(self, other: Self) -> Self {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        if both.low <= both.high { both } else { self }
    }

    fn theil_term(self) -> Self {
        let size = self.high * self.high.ln().abs() + self.high;
        from_one(self, size, Quantity::theil_term)
    }

    fn log_term(self) -> Self {
        if self.low <= 0.0 {
            return Self { low: 0.0, high: f64::INFINITY };
        }
        from_one(self, self.high + self.low.ln().abs(), Quantity::log_term)
    }

    fn weighted_mean(groups: &[Group<Self>]) -> Self {
        let (low, high) =
            (weighed(groups, |_, value| value.low), weighed(groups, |_, value| value.high));
        Self { low: least_mean(low), high: most_mean(high) }
    }

    fn deviation(groups: &[Group<Self>], at: usize) -> Self {
        // A value less the mean of which it is a part rises with it, so it is at the same end in both.
        let own = groups[at].value;
        let most = most_mean(weighed(
            groups,
            |group, value| if group == at { own.low } else { value.high },
        ));
        let least = least_mean(weighed(
            groups,
            |group, value| if group == at { own.high } else { value.low },
        ));
        Self { low: (own.low - most).next_down(), high: (own.high - least).next_up() }
    }

    fn relative(groups: &[Group<Self>], at: usize) -> Self {
        // As for the deviation: a value over the mean of which it is a part rises with it.
        let own = groups[at].value;
        let most = most_mean(weighed(
            groups,
            |group, value| if group == at { own.low } else { value.high },
        ));
        let least = least_mean(weighed(
            groups,
            |group, value| if group == at { own.high } else { value.low },
        ));
        if least <= 0.0 {
            return Self { low: 0.0, high: f64::INFINITY };
        }
        Self { low: (own.low / most).next_down().max(0.0), high: (own.high / least).next_up() }
    }
}
