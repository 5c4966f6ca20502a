//! Two ends of a table against each other, and the slope over all of its rows.

use evensum_core::statistics::{
    Estimate, Level, Limits, Measured, NotComputable, Quantile, Share, SlopeMethod, ValueType,
    WhoWeights, difference, proportion_difference, ratio, relative_likelihood, slope, who_slope,
};

use super::measure::{Line, Options, Values};
use super::{CalculateError, Role, Sheet};

const LEAST_ROWS: usize = 2;

pub(super) fn gap(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    if sheet.rows() < LEAST_ROWS {
        let wanted = "two rows or more: the first is compared with the last".to_owned();
        return Err(CalculateError::Rows { measure: "gap", wanted });
    }
    let last = other(sheet, options)?;
    let counted = sheet.has(Role::Numerator) && sheet.has(Role::Denominator);
    let (apart, times, method) = if counted {
        let (x, n) = (sheet.maybe(Role::Numerator)?, sheet.maybe(Role::Denominator)?);
        let end = |at: usize| x[at].zip(n[at]).ok_or(NotComputable::Missing { group: at + 1 });
        let ends = end(0).and_then(|one| Ok((one, end(last)?)));
        let apart = ends.clone().and_then(|(one, two)| proportion_difference(one, two));
        let times = ends.and_then(|(one, two)| relative_likelihood(one, two));
        (apart, times, "standard errors of proportions")
    } else {
        let values = estimates(sheet)?;
        let end = |at: usize| -> Result<Measured, NotComputable> {
            let estimate = values[at].ok_or(NotComputable::Missing { group: at + 1 })?;
            Measured::estimated(at + 1, &estimate)
        };
        let ends = end(0).and_then(|one| Ok((one, end(last)?)));
        let apart = ends.clone().and_then(|(one, two)| difference(one, two));
        let times = ends.and_then(|(one, two)| ratio(one, two));
        (apart, times, "standard errors from the given limits")
    };
    Ok(vec![
        Line::new("difference", apart, "unit of the value", method),
        Line::new("ratio", times, "times", method),
    ])
}

/// The row that the first is compared with.
fn other(sheet: &Sheet<'_>, options: &Options) -> Result<usize, CalculateError> {
    let Some(name) = &options.reference else { return Ok(sheet.rows() - 1) };
    let found = sheet.names()?.iter().position(|own| own == name);
    found.ok_or_else(|| CalculateError::NoRow { name: name.clone() })
}

/// Values with their 95 % limits; nothing where one is hidden.
fn estimates(sheet: &Sheet<'_>) -> Result<Vec<Option<Estimate>>, CalculateError> {
    let (value, lower) = (sheet.maybe(Role::Value)?, sheet.maybe(Role::Lower)?);
    let each = value.into_iter().zip(lower).zip(sheet.maybe(Role::Upper)?);
    Ok(each
        .map(|((value, lower), upper)| {
            let limits = Limits { lower: lower?, upper: upper? };
            let value = value?;
            Estimate::new("a value", value, |_: Level| Ok(limits)).ok()
        })
        .collect())
}

pub(super) fn sii(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    let (people, value) = (sheet.maybe(Role::Population)?, sheet.maybe(Role::Value)?);
    let (lower, upper) = (sheet.maybe(Role::Lower)?, sheet.maybe(Role::Upper)?);
    let each = people.into_iter().zip(value).zip(lower.into_iter().zip(upper));
    let quantiles: Vec<Option<Quantile>> = each
        .map(|((population, value), (lower, upper))| {
            let limits = lower.zip(upper).map(|(lower, upper)| Limits { lower, upper });
            Some(Quantile { population: population?, value: value?, limits })
        })
        .collect();
    let method = SlopeMethod {
        value_type: match options.values {
            Values::Proportion => ValueType::Proportion,
            Values::Rate => ValueType::Rate,
            Values::Other => ValueType::Other,
        },
        transform: options.transform,
        multiplier: options.multiplier,
        repetitions: options.repetitions,
        seed: options.seed,
    };
    let found = slope(&quantiles, &method);
    let limits = match &found {
        Ok(slope) if slope.simulated => {
            format!("limits simulated, {} draws, seed {}", options.repetitions, options.seed)
        }
        _ => "limits in closed form".to_owned(),
    };
    let scale = match (options.transform, options.values) {
        (true, Values::Proportion) => "log odds",
        (true, _) => "logarithms",
        (false, _) => "values",
    };
    let method = format!("OHID: weighted least squares of {scale}; {limits}");
    let relative = found.clone().and_then(|slope| slope.rii);
    let absolute = found.map(|slope| slope.sii);
    Ok(vec![
        Line::new("sii", absolute, "least minus most deprived, times --multiplier", &method),
        Line::new("rii", relative, "least over most deprived", &method),
    ])
}

pub(super) fn who_sii(sheet: &Sheet<'_>) -> Result<Vec<Line>, CalculateError> {
    let each = sheet.maybe(Role::Numerator)?.into_iter().zip(sheet.maybe(Role::Denominator)?);
    let groups: Vec<Option<Share>> = each.map(|(x, n)| Some(Share { x: x?, n: n? })).collect();
    let found = who_slope(&groups, WhoWeights::Persons);
    let method = "WHO: logit model of the counts on the rank, robust errors (HC1)";
    let (sii, rii) = (found.clone().map(|s| s.sii), found.map(|s| s.rii));
    Ok(vec![
        Line::new("sii", sii, "least minus most deprived, a fraction", method),
        Line::new("rii", rii, "least over most deprived", method),
    ])
}
