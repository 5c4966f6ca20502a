//! The slope and the relative index of inequality (SII, RII) across deprivation quantiles, by OHID's method
//! (`phe_sii` of PHEindicatormethods; Low and Low 2004).
//!
//! Quantiles are ordered from the most to the least deprived. A line is fitted through their values at the middle of
//! their places in the population, each weighing its share. The SII is the line's rise from the most to the least
//! deprived end, the RII the ratio of its two ends: a harm that is concentrated in deprived areas has an SII below
//! zero and an RII below one.

mod bounds;
mod limits;
mod line;

pub use bounds::{QuantileSpan, SlopeSpan, slope_bounds};

use super::check::{above_zero, finite, from_zero, result};
use super::level::{Estimate, Limits};
use super::number::Number;
use super::reason::NotComputable;
use line::Line;

/// The fewest quantiles that a slope is fitted through.
pub const LEAST_QUANTILES: usize = 5;
/// The most.
pub const MOST_QUANTILES: usize = 100;
/// How often values are drawn for simulated limits, as OHID does.
pub const REPETITIONS: u32 = 100_000;
/// The fewest repetitions that give limits.
pub const LEAST_REPETITIONS: u32 = 1_000;
/// The most that are allowed.
pub const MOST_REPETITIONS: u32 = 1_000_000;

const SII: &str = "a slope index of inequality";
const RII: &str = "a relative index of inequality";

/// One quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// How many persons; above zero.
    pub population: f64,
    /// The indicator's value.
    pub value: f64,
    /// Its 95 % limits, in the same units.
    pub limits: Option<Limits>,
}

/// What kind of number the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Any, such as a mean or years of life.
    Other,
    /// Rates, standardised or not, in any units; not negative.
    Rate,
    /// Proportions as fractions, from 0 to 1.
    Proportion,
}

/// The scale on which values are even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Their own.
    None,
    /// The natural logarithm.
    Log,
    /// The logarithm of the odds.
    Logit,
}

impl ValueType {
    /// The scale on which errors of this kind of value are even: that of the standard errors always, and that of
    /// the fit where a transform is asked for.
    #[must_use]
    pub const fn scale(self) -> Transform {
        match self {
            Self::Other => Transform::None,
            Self::Rate => Transform::Log,
            Self::Proportion => Transform::Logit,
        }
    }

    fn check(self, group: usize, value: f64) -> Result<(), NotComputable> {
        match self {
            Self::Other => finite("the value", group, value)?,
            Self::Rate => from_zero("the rate", group, value)?,
            Self::Proportion if value > 1.0 => return Err(NotComputable::Exceeds { group }),
            Self::Proportion => from_zero("the proportion", group, value)?,
        };
        Ok(())
    }
}

impl Transform {
    /// A value on this scale.
    #[must_use]
    pub fn there<N: Number>(self, value: N) -> N {
        match self {
            Self::None => value,
            Self::Log => value.ln(),
            Self::Logit => value.ln() - (N::of(1.0) - value).ln(),
        }
    }

    /// A value back from this scale.
    #[must_use]
    pub fn back<N: Number>(self, value: N) -> N {
        match self {
            Self::None => value,
            Self::Log => value.exp(),
            Self::Logit => N::of(1.0) / (N::of(1.0) + (-value).exp()),
        }
    }
}

/// How a slope is fitted and what it is given in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlopeMethod {
    /// What kind of number the values are.
    pub value_type: ValueType,
    /// Whether the line is fitted on the scale of [`ValueType::scale`]: OHID's recommendation for rates and
    /// proportions. Values of 0 (and proportions of 1) have no place there.
    pub transform: bool,
    /// What the SII is multiplied by, such as 100 for percentages. A negative one turns it round, for indicators
    /// where less is better, and inverts the RII.
    pub multiplier: f64,
    /// How often values are drawn for simulated limits: from [`LEAST_REPETITIONS`] to [`MOST_REPETITIONS`].
    pub repetitions: u32,
    /// What the draws start from: the same gives the same limits.
    pub seed: u64,
}

impl SlopeMethod {
    /// OHID's defaults: no transform, a multiplier of 1, [`REPETITIONS`].
    #[must_use]
    pub const fn new(value_type: ValueType, seed: u64) -> Self {
        Self { value_type, transform: false, multiplier: 1.0, repetitions: REPETITIONS, seed }
    }

    /// The scale of the fit.
    #[must_use]
    pub const fn fit(&self) -> Transform {
        if self.transform { self.value_type.scale() } else { Transform::None }
    }

    fn check(&self) -> Result<(), NotComputable> {
        finite("the multiplier", 1, self.multiplier)?;
        above_zero("the size of the multiplier", 1, self.multiplier.abs())?;
        if self.transform && self.value_type == ValueType::Other {
            let why = "only rates and proportions have a scale to be transformed to";
            return Err(NotComputable::Undefined { measure: SII, why });
        }
        if !(LEAST_REPETITIONS..=MOST_REPETITIONS).contains(&self.repetitions) {
            let rule = "from 1 000 to 1 000 000";
            return Err(NotComputable::Number { what: "the repetitions", group: 1, rule });
        }
        Ok(())
    }
}

/// A fitted slope without limits.
#[derive(Debug, Clone, PartialEq)]
pub struct SlopePoint {
    /// The slope index, times the multiplier.
    pub sii: f64,
    /// The relative index.
    pub rii: Result<f64, NotComputable>,
    /// The line at the most deprived end, on the scale of the fit.
    pub intercept: f64,
    /// Its rise to the least deprived end, on the scale of the fit.
    pub gradient: f64,
    /// The fitted values at the most and the least deprived end, in the units of the values.
    pub ends: (f64, f64),
}

/// A fitted slope.
#[derive(Debug, Clone, PartialEq)]
pub struct Slope {
    /// The slope index, times the multiplier.
    pub sii: Estimate,
    /// The relative index. The slope may well be there where this is not.
    pub rii: Result<Estimate, NotComputable>,
    /// The line at the most deprived end, on the scale of the fit.
    pub intercept: f64,
    /// Its rise to the least deprived end, on the scale of the fit.
    pub gradient: f64,
    /// The fitted values at the most and the least deprived end, in the units of the values.
    pub ends: (f64, f64),
    /// Whether the limits were found by simulation.
    pub simulated: bool,
}

/// The slope and relative index without limits, for values that have none:
/// with `aᵢ = nᵢ/Σn` and `bᵢ = Σ_{j<i} aⱼ + aᵢ/2`, least squares of `yᵢ` on `bᵢ` with weights `aᵢ`. SII `= Y₁ − Y₀`
/// times the multiplier, RII `= Y₁/Y₀` (inverted where the multiplier is negative), where `Y₀` and `Y₁` are the fitted
/// values at the most and the least deprived end, brought back from the scale of the fit.
///
/// # Errors
/// [`NotComputable::Missing`] where a quantile is; [`NotComputable::TooFewGroups`] and
/// [`NotComputable::TooManyGroups`]; [`NotComputable::Number`] and [`NotComputable::Exceeds`] where a population is not
/// above zero, a value not one of its kind, or the multiplier zero; [`NotComputable::Undefined`] where a value has no
/// place on the scale of the fit. The relative index is undefined where the line crosses zero.
pub fn slope_point(
    quantiles: &[Option<Quantile>],
    method: &SlopeMethod,
) -> Result<SlopePoint, NotComputable> {
    fitted(&checked(quantiles, method)?, method).map(|(point, _)| point)
}

/// The slope and relative index as [`slope_point`], with limits at both levels.
///
/// Standard errors are `(T(U) − T(L)) / 2z` of the 95 % limits, with `T` the scale of the value type. Limits are
/// OHID's: values drawn from normal distributions on that scale, the line fitted to each draw, and the results at the
/// sorted places `R·α/2` and `R·(1 − α/2)`. On a transformed scale a drawn gradient `s` is an SII of
/// `g⁻¹(h + s/2) − g⁻¹(h − s/2)`, with `h` the middle of the fitted line. For [`ValueType::Other`] the limits need no
/// simulation: the SII has the variance `Σ cᵢ² seᵢ²` with `cᵢ` the row of the hat matrix, and the RII Fieller's
/// limits (1954), to which the simulated ones tend.
///
/// # Errors
/// Those of [`slope_point`]; [`NotComputable::NoLimits`] where a quantile has none; [`NotComputable::Number`] where
/// limits are not in order; [`NotComputable::Undefined`] where a value or a limit is at 0 (or a proportion at 1), so
/// that it has no place on the scale of the errors. The relative index is undefined also where the draws do not tell
/// from zero the end that it divides by.
pub fn slope(quantiles: &[Option<Quantile>], method: &SlopeMethod) -> Result<Slope, NotComputable> {
    let known = checked(quantiles, method)?;
    let (point, line) = fitted(&known, method)?;
    let errors = limits::errors(&known, method.value_type)?;
    let simulated = method.value_type != ValueType::Other;
    let (sii, rii) = if simulated {
        limits::simulated(&known, &errors, &line, &point, method)?
    } else {
        limits::closed(&errors, &line, &point, method.multiplier)?
    };
    let SlopePoint { intercept, gradient, ends, .. } = point;
    Ok(Slope { sii, rii, intercept, gradient, ends, simulated })
}

fn count(quantiles: usize) -> Result<(), NotComputable> {
    if quantiles < LEAST_QUANTILES {
        return Err(NotComputable::TooFewGroups { measure: SII, least: LEAST_QUANTILES });
    }
    if quantiles > MOST_QUANTILES {
        return Err(NotComputable::TooManyGroups { measure: SII, most: MOST_QUANTILES });
    }
    Ok(())
}

/// The quantiles, where all are there and their numbers such as they have to be.
fn checked(
    quantiles: &[Option<Quantile>],
    method: &SlopeMethod,
) -> Result<Vec<Quantile>, NotComputable> {
    method.check()?;
    count(quantiles.len())?;
    let mut known = Vec::with_capacity(quantiles.len());
    for (at, quantile) in quantiles.iter().enumerate() {
        let group = at + 1;
        let quantile = quantile.ok_or(NotComputable::Missing { group })?;
        above_zero("the population", group, quantile.population)?;
        method.value_type.check(group, quantile.value)?;
        known.push(quantile);
    }
    Ok(known)
}

/// Where a value is on a scale.
fn placed(scale: Transform, value: f64) -> Result<f64, NotComputable> {
    let there = scale.there(value);
    if there.is_finite() {
        Ok(there)
    } else {
        let why = "a value or a limit of it is at 0, or a proportion at 1, and has no logarithm";
        Err(NotComputable::Undefined { measure: SII, why })
    }
}

fn fitted(
    known: &[Quantile],
    method: &SlopeMethod,
) -> Result<(SlopePoint, Line<f64>), NotComputable> {
    let scale = method.fit();
    let populations: Vec<f64> = known.iter().map(|quantile| quantile.population).collect();
    let values: Result<Vec<f64>, _> =
        known.iter().map(|quantile| placed(scale, quantile.value)).collect();
    let line = Line::through(&populations);
    let (mean, gradient) = line.fit(&values?);
    let (gradient, mean) = (result(SII, gradient)?, result(SII, mean)?);
    let ends = (scale.back(mean - gradient / 2.0), scale.back(mean + gradient / 2.0));
    let sii = result(SII, (ends.1 - ends.0) * method.multiplier)?;
    let rii = relative(ends.0, ends.1, method.multiplier);
    Ok((SlopePoint { sii, rii, intercept: mean - gradient / 2.0, gradient, ends }, line))
}

/// The ratio of the line's ends, least by most deprived, or inverted where the multiplier is negative.
fn relative(most: f64, least: f64, multiplier: f64) -> Result<f64, NotComputable> {
    let ratio = if multiplier < 0.0 { most / least } else { least / most };
    if ratio.is_finite() && ratio > 0.0 {
        Ok(ratio)
    } else {
        Err(NotComputable::Undefined { measure: RII, why: CROSSES })
    }
}

const CROSSES: &str = "the fitted line is not, or not for certain, on one side of 0 at both ends";

#[cfg(test)]
mod tests;
