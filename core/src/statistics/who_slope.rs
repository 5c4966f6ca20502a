//! The slope and relative index of inequality by the WHO's method (the Health Equity Assessment Toolkit and its R
//! package healthequal): a logistic curve instead of OHID's line. Name the method wherever its figures are given.

use super::check::{above_zero, from_zero};
use super::level::{Estimate, Limits};
use super::reason::NotComputable;

/// The fewest groups that the curve is fitted through.
pub const LEAST_WHO_GROUPS: usize = 3;
/// The most.
pub const MOST_WHO_GROUPS: usize = 100;

const MEASURE: &str = "the WHO's slope index of inequality";

/// How many of a group's persons have the characteristic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// How many have it; from 0 to `n`.
    pub x: f64,
    /// How many persons; above zero.
    pub n: f64,
}

/// What a group weighs in the fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhoWeights {
    /// Its persons, once each: the textbook's grouped logistic regression.
    Persons,
    /// Its persons squared. That is what healthequal does (it gives the counts as the response, and the population as
    /// a weight besides), so its published figures are reproduced with this.
    AsHealthequal,
}

/// A fitted curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WhoSlope {
    /// The slope index, as a fraction: the curve at the least deprived end less that at the most deprived end.
    pub sii: Estimate,
    /// The relative index: the ratio of the same.
    pub rii: Estimate,
    /// The curve at the most and the least deprived end, as fractions.
    pub ends: (f64, f64),
}

/// The slope and relative index of proportions in ordered groups, most deprived first: a quasi-binomial regression
/// with the logit link on the middle of each group's place in the population, by reweighted least squares; predictions
/// at the places 1 and 0; limits at both levels by the delta method from the robust covariance HC1 (MacKinnon and
/// White 1985), those of the RII on the logarithmic scale.
///
/// # Errors
/// [`NotComputable::Missing`] where a group is; [`NotComputable::TooFewGroups`] and [`NotComputable::TooManyGroups`];
/// [`NotComputable::Number`] and [`NotComputable::Exceeds`] where a number is not one that it can be;
/// [`NotComputable::Undefined`] where all groups have the same proportion, or the regression finds no end.
pub fn who_slope(groups: &[Option<Share>], weights: WhoWeights) -> Result<WhoSlope, NotComputable> {
    let points = points(groups, weights)?;
    let fit = regression(&points)?;
    let variance = fit.robust(&points);
    let (most, least) = (logistic(fit.intercept), logistic(fit.intercept + fit.gradient));
    let (steep_most, steep_least) = (most * (1.0 - most), least * (1.0 - least));
    let difference = variance.along(steep_least - steep_most, steep_least).max(0.0).sqrt();
    let logarithm = variance.along(most - least, 1.0 - least).max(0.0).sqrt();
    let value = least - most;
    let sii = Estimate::new(MEASURE, value, |level| {
        let half = level.z() * difference;
        Ok(Limits { lower: value - half, upper: value + half })
    })?;
    let ratio = least / most;
    let rii = Estimate::new(MEASURE, ratio, |level| {
        let factor = (level.z() * logarithm).exp();
        Ok(Limits { lower: ratio / factor, upper: ratio * factor })
    })?;
    Ok(WhoSlope { sii, rii, ends: (most, least) })
}

/// One group as the regression sees it.
struct Point {
    /// The middle of its place.
    rank: f64,
    share: f64,
    weight: f64,
}

fn points(groups: &[Option<Share>], weights: WhoWeights) -> Result<Vec<Point>, NotComputable> {
    if groups.len() < LEAST_WHO_GROUPS {
        return Err(NotComputable::TooFewGroups { measure: MEASURE, least: LEAST_WHO_GROUPS });
    }
    if groups.len() > MOST_WHO_GROUPS {
        return Err(NotComputable::TooManyGroups { measure: MEASURE, most: MOST_WHO_GROUPS });
    }
    let mut known = Vec::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        let (number, share) = (at + 1, group.ok_or(NotComputable::Missing { group: at + 1 })?);
        above_zero("the denominator", number, share.n)?;
        from_zero("the numerator", number, share.x)?;
        if share.x > share.n {
            return Err(NotComputable::Exceeds { group: number });
        }
        known.push(share);
    }
    let total: f64 = known.iter().map(|share| share.n).sum();
    let mut before = 0.0;
    let points = known.iter().map(|group| {
        let (part, rank) = (group.n / total, (before + group.n / 2.0) / total);
        before += group.n;
        // Shares of the population weigh as persons do: the estimates are the same for any scale of the weights.
        let weight = match weights {
            WhoWeights::Persons => part,
            WhoWeights::AsHealthequal => part * part,
        };
        Point { rank, share: group.x / group.n, weight }
    });
    let points: Vec<Point> = points.collect();
    if points.windows(2).all(|pair| pair[0].share == pair[1].share) {
        let why = "all groups have the same proportion, so that no error can be estimated";
        return Err(NotComputable::Undefined { measure: MEASURE, why });
    }
    Ok(points)
}

fn logistic(at: f64) -> f64 {
    1.0 / (1.0 + (-at).exp())
}

/// A symmetric two by two matrix: of the intercept, of both, of the gradient.
#[derive(Debug, Clone, Copy)]
struct Symmetric {
    first: f64,
    both: f64,
    second: f64,
}

impl Symmetric {
    const ZERO: Self = Self { first: 0.0, both: 0.0, second: 0.0 };

    fn with(self, weight: f64, rank: f64) -> Self {
        Self {
            first: self.first + weight,
            both: self.both + weight * rank,
            second: self.second + weight * rank * rank,
        }
    }

    /// Its inverse times a vector.
    fn solve(self, one: f64, other: f64) -> (f64, f64) {
        let determinant = self.first * self.second - self.both * self.both;
        (
            (self.second * one - self.both * other) / determinant,
            (self.first * other - self.both * one) / determinant,
        )
    }

    /// The quadratic form of a vector.
    fn along(self, one: f64, other: f64) -> f64 {
        one * one * self.first + 2.0 * one * other * self.both + other * other * self.second
    }
}

struct Fit {
    intercept: f64,
    gradient: f64,
    information: Symmetric,
}

/// Steps after which the regression is taken to find no end.
const STEPS: u32 = 100;
/// How small a step has to be, as a part of the coefficients, for the end to be found.
const SMALL: f64 = 1e-13;
/// Log odds beyond this are a probability of 0 or 1: the regression runs away (groups are separated).
const RUNAWAY: f64 = 30.0;

fn regression(points: &[Point]) -> Result<Fit, NotComputable> {
    let why =
        "the regression finds no end, as where one side has none or all of the characteristic";
    let endless = NotComputable::Undefined { measure: MEASURE, why };
    let total: f64 = points.iter().map(|point| point.weight).sum();
    let mean = points.iter().map(|point| point.weight * point.share).sum::<f64>() / total;
    let (mut intercept, mut gradient) = ((mean / (1.0 - mean)).ln(), 0.0_f64);
    for _ in 0..STEPS {
        let (mut information, mut score) = (Symmetric::ZERO, (0.0, 0.0));
        for point in points {
            let fitted = logistic(intercept + gradient * point.rank);
            let rest = point.weight * (point.share - fitted);
            information = information.with(point.weight * fitted * (1.0 - fitted), point.rank);
            score = (score.0 + rest, score.1 + rest * point.rank);
        }
        let (up, steeper) = information.solve(score.0, score.1);
        (intercept, gradient) = (intercept + up, gradient + steeper);
        let ends = intercept.abs().max((intercept + gradient).abs());
        if !ends.is_finite() || ends > RUNAWAY {
            return Err(endless);
        }
        if up.abs() + steeper.abs() <= SMALL * (1.0 + intercept.abs() + gradient.abs()) {
            return Ok(Fit { intercept, gradient, information });
        }
    }
    Err(endless)
}

impl Fit {
    /// The covariance of the coefficients that does not rest on the model: `k/(k − 2) · B S B` with `B` the inverse
    /// information and `S` the sum of squared scores.
    fn robust(&self, points: &[Point]) -> Symmetric {
        let scores = points.iter().fold(Symmetric::ZERO, |sum, point| {
            let fitted = logistic(self.intercept + self.gradient * point.rank);
            let rest = point.weight * (point.share - fitted);
            sum.with(rest * rest, point.rank)
        });
        let groups = points.iter().fold(0.0, |count, _| count + 1.0);
        let scale = groups / (groups - 2.0);
        // The quadratic form is used along two vectors only, but is small enough to be made whole.
        let (a, b) = self.information.solve(1.0, 0.0);
        let (c, d) = self.information.solve(0.0, 1.0);
        Symmetric {
            first: scale * scores.along(a, b).max(0.0),
            both: scale
                * (scores.first * a * c + scores.both * (a * d + b * c) + scores.second * b * d),
            second: scale * scores.along(c, d).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests;
