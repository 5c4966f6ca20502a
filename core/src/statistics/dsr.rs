//! Directly standardised rates, on the European Standard Population of 2013.

use super::check::{above_zero, from_zero};
use super::level::{Estimate, Limits};
use super::rate::{byar_limits, real};
use super::reason::NotComputable;

/// The European Standard Population 2013: each age band, oldest last, and how many of 100 000 are in it
/// (Eurostat, Revision of the European Standard Population, 2013).
pub const ESP2013: [(&str, f64); 19] = [
    ("0-4", 5_000.0),
    ("5-9", 5_500.0),
    ("10-14", 5_500.0),
    ("15-19", 5_500.0),
    ("20-24", 6_000.0),
    ("25-29", 6_000.0),
    ("30-34", 6_500.0),
    ("35-39", 7_000.0),
    ("40-44", 7_000.0),
    ("45-49", 7_000.0),
    ("50-54", 7_000.0),
    ("55-59", 6_500.0),
    ("60-64", 6_000.0),
    ("65-69", 5_500.0),
    ("70-74", 5_000.0),
    ("75-79", 4_000.0),
    ("80-84", 2_500.0),
    ("85-89", 1_500.0),
    ("90+", 1_000.0),
];

/// The weights alone.
#[must_use]
pub fn esp2013_weights() -> [f64; 19] {
    ESP2013.map(|(_, weight)| weight)
}

/// With fewer events no rate is standardised (OHID's rule).
pub const LEAST_EVENTS: u32 = 10;

const MEASURE: &str = "a directly standardised rate";

/// Events in one stratum (an age band) and its population.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratum {
    /// How many events, each independent of the others.
    pub events: u64,
    /// How many persons (or person-years).
    pub population: f64,
}

/// So many persons that each had so many events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frequency {
    /// How many events each of them had.
    pub each: u32,
    /// How many persons.
    pub persons: u64,
}

/// One stratum in which a person may have several events.
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatStratum {
    /// Persons by how many events they had; those with none may be left out.
    pub frequencies: Vec<Frequency>,
    /// How many persons (or person-years) there are in all.
    pub population: f64,
}

/// All that a standardised rate needs of its strata. It adds up across nodes that share the populations.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DsrSums {
    /// `Σ w x/n`.
    pub weighted: f64,
    /// `Σ w² x/n²`, where events are not independent `Σ f² Σ w² x_f/n²`.
    pub variance: f64,
    /// `Σ x`, where events are not independent `Σ f x_f`.
    pub events: u64,
}

impl DsrSums {
    /// The sums of both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            weighted: self.weighted + other.weighted,
            variance: self.variance + other.variance,
            events: self.events.saturating_add(other.events),
        }
    }

    /// The sums of strata with independent events, with the weight of each.
    ///
    /// # Errors
    /// [`NotComputable::Missing`] where strata and weights are not as many; [`NotComputable::Number`] where a
    /// population is not above zero, or a weight is negative.
    pub fn of(strata: &[Stratum], weights: &[f64]) -> Result<Self, NotComputable> {
        let mut sums = Self::default();
        for (group, stratum, weight) in paired(strata, weights)? {
            let share = weight / above_zero("the population", group, stratum.population)?;
            sums = sums.with(Self {
                weighted: share * real(stratum.events),
                variance: share * share * real(stratum.events),
                events: stratum.events,
            });
        }
        Ok(sums)
    }

    /// The sums of strata in which a person may have several events, with the weight of each. The variance is
    /// `Σ f² var_f` over the frequencies `f`, with `var_f` that of the persons who had `f` events (the method of
    /// PHEindicatormethods for events that are not independent).
    ///
    /// # Errors
    /// As those of [`DsrSums::of`].
    pub fn of_repeats(strata: &[RepeatStratum], weights: &[f64]) -> Result<Self, NotComputable> {
        let mut sums = Self::default();
        for (group, stratum, weight) in paired(strata, weights)? {
            let share = weight / above_zero("the population", group, stratum.population)?;
            for frequency in &stratum.frequencies {
                let (each, persons) = (f64::from(frequency.each), real(frequency.persons));
                sums = sums.with(Self {
                    weighted: share * each * persons,
                    variance: (share * each) * (share * each) * persons,
                    events: frequency.persons.saturating_mul(u64::from(frequency.each)),
                });
            }
        }
        Ok(sums)
    }
}

/// Each stratum with its number, from 1, and its weight.
fn paired<'a, T>(
    strata: &'a [T],
    weights: &'a [f64],
) -> Result<impl Iterator<Item = (usize, &'a T, f64)>, NotComputable> {
    if strata.len() != weights.len() {
        return Err(NotComputable::Missing { group: strata.len().min(weights.len()) + 1 });
    }
    for (at, weight) in weights.iter().enumerate() {
        from_zero("the weight", at + 1, *weight)?;
    }
    Ok(strata.iter().zip(weights).enumerate().map(|(at, (stratum, w))| (at + 1, stratum, *w)))
}

/// The directly standardised rate of strata with independent events, per so many persons: [`dsr_of_sums`] of
/// [`DsrSums::of`].
///
/// # Errors
/// Those of both.
pub fn dsr(strata: &[Stratum], weights: &[f64], per: f64) -> Result<Estimate, NotComputable> {
    dsr_of_sums(DsrSums::of(strata, weights)?, weights.iter().sum(), per)
}

/// The directly standardised rate of strata in which a person may have several events: [`dsr_of_sums`] of
/// [`DsrSums::of_repeats`].
///
/// # Errors
/// Those of both.
pub fn dsr_of_repeats(
    strata: &[RepeatStratum],
    weights: &[f64],
    per: f64,
) -> Result<Estimate, NotComputable> {
    dsr_of_sums(DsrSums::of_repeats(strata, weights)?, weights.iter().sum(), per)
}

/// The directly standardised rate `Σ(w x/n) / Σw × per` with Dobson's limits (Dobson and others 1991) at both levels,
/// `rate + √(var/O)·(Byar(O) − O) × per` with `var = Σ(w² x/n²) / (Σw)²`, as PHEindicatormethods makes them. A lower
/// limit that would be below zero (few events carry most of the rate) is zero.
///
/// `sum_of_weights` is that of all strata, also of those without events.
///
/// # Errors
/// [`NotComputable::TooFewEvents`] below [`LEAST_EVENTS`] events; [`NotComputable::Number`] where a sum is negative
/// or not finite, or `sum_of_weights` or `per` is not above zero; [`NotComputable::Undefined`] where the rate is too
/// great for a number.
pub fn dsr_of_sums(
    sums: DsrSums,
    sum_of_weights: f64,
    per: f64,
) -> Result<Estimate, NotComputable> {
    above_zero("the sum of the weights", 1, sum_of_weights)?;
    above_zero("the number that a rate is per", 1, per)?;
    from_zero("the weighted sum of rates", 1, sums.weighted)?;
    from_zero("the variance", 1, sums.variance)?;
    if sums.events < u64::from(LEAST_EVENTS) {
        return Err(NotComputable::TooFewEvents { least: LEAST_EVENTS });
    }
    let o = real(sums.events);
    let value = sums.weighted / sum_of_weights * per;
    let step = (sums.variance / o).sqrt() / sum_of_weights * per;
    Estimate::new(MEASURE, value, |level| {
        let byar = byar_limits(o, level);
        let lower = (value + step * (byar.lower - o)).max(0.0);
        Ok(Limits { lower, upper: value + step * (byar.upper - o) })
    })
}

#[cfg(test)]
mod tests;
