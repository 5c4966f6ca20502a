//! Shares, rates and means of the rows of a table, and standardised rates over them.

use evensum_core::statistics::{
    CountMethod, ESP2013, Moments, NotComputable, ReferenceStratum, Stratum, dsr as standardised,
    esp2013_weights, expected, indirect_rate, indirect_ratio, mean as mean_of, proportion as share,
    rate as crude,
};

use super::measure::{Line, Options};
use super::{CalculateError, Role, Sheet};

/// Rates are per so many where nothing else is said.
const PER: f64 = 100_000.0;
/// A standardised ratio of 100 is as many as expected.
const RATIO_PER: f64 = 100.0;

pub(super) fn proportion(sheet: &Sheet<'_>) -> Result<Vec<Line>, CalculateError> {
    let each = sheet.names()?.into_iter().zip(sheet.maybe(Role::Numerator)?);
    let each = each.zip(sheet.maybe(Role::Denominator)?).enumerate();
    Ok(each
        .map(|(at, ((name, x), n))| {
            let given = both(at, x, n).and_then(|(x, n)| share(x, n).map_err(|e| placed(e, at)));
            Line::new("proportion", given, "fraction", "Wilson score limits").of(&name)
        })
        .collect())
}

pub(super) fn rate(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    let per = options.per.unwrap_or(PER);
    let (events, people) = (sheet.counts(Role::Numerator)?, sheet.numbers(Role::Population)?);
    let each = sheet.names()?.into_iter().zip(events).zip(people).enumerate();
    Ok(each
        .map(|(at, ((name, o), n))| {
            let method = format!("{} limits", CountMethod::of(o).label());
            let given = crude(o, n, per).map_err(|e| placed(e, at));
            Line::new("rate", given, "per --per people", &method).of(&name)
        })
        .collect())
}

pub(super) fn mean(sheet: &Sheet<'_>) -> Result<Vec<Line>, CalculateError> {
    let (count, sum) = (sheet.counts(Role::Denominator)?, sheet.numbers(Role::Sum)?);
    let squares = sheet.numbers(Role::SumOfSquares)?;
    let each = sheet.names()?.into_iter().zip(count).zip(sum).zip(squares);
    Ok(each
        .map(|(((name, count), sum), squares)| {
            let given = mean_of(Moments { count, sum, squares });
            Line::new("mean", given, "unit of the sum", "Student's t").of(&name)
        })
        .collect())
}

pub(super) fn dsr(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    if sheet.rows() != ESP2013.len() {
        return Err(bands("dsr"));
    }
    let each = sheet.counts(Role::Numerator)?.into_iter().zip(sheet.numbers(Role::Population)?);
    let strata: Vec<Stratum> =
        each.map(|(events, population)| Stratum { events, population }).collect();
    let given = standardised(&strata, &esp2013_weights(), options.per.unwrap_or(PER));
    Ok(vec![Line::new("dsr", given, "per --per people", "ESP2013; limits by Dobson")])
}

fn bands(measure: &'static str) -> CalculateError {
    let names: Vec<&str> = ESP2013.iter().map(|(label, _)| *label).collect();
    let wanted = format!(
        "a row for each of the {} age bands of the European Standard Population, in their order: {}; --group-by takes several tables apart",
        names.len(),
        names.join(", ")
    );
    CalculateError::Rows { measure, wanted }
}

pub(super) fn isr(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    let observed: u64 = sheet.counts(Role::Numerator)?.into_iter().sum();
    let own = sheet.numbers(Role::Population)?;
    let events = sheet.numbers(Role::ReferenceEvents)?;
    let people = sheet.numbers(Role::ReferencePopulation)?;
    let whole = events.iter().sum::<f64>() / people.iter().sum::<f64>();
    let strata = own.into_iter().zip(events).zip(people);
    let strata: Vec<ReferenceStratum> = strata
        .map(|((population, reference_events), reference_population)| ReferenceStratum {
            reference_events,
            reference_population,
            population,
        })
        .collect();
    let expected = expected(&strata);
    let per = options.per.unwrap_or(PER);
    let ratio = expected.clone().and_then(|e| indirect_ratio(observed, e, RATIO_PER));
    let rate = expected.and_then(|e| indirect_rate(observed, e, whole * per));
    let method = format!("{} limits of the count", CountMethod::of(observed).label());
    Ok(vec![
        Line::new("smr", ratio, "100 = as expected", &method),
        Line::new("isr", rate, "per --per people", &method),
    ])
}

/// Both numbers of a row, where neither is hidden.
pub(super) fn both(at: usize, x: Option<f64>, n: Option<f64>) -> Result<(f64, f64), NotComputable> {
    x.zip(n).ok_or(NotComputable::Missing { group: at + 1 })
}

/// The reason with the row's own place, where it was worked out for one row.
pub(super) fn placed(error: NotComputable, at: usize) -> NotComputable {
    match error {
        NotComputable::Number { what, rule, .. } => {
            NotComputable::Number { what, group: at + 1, rule }
        }
        NotComputable::Exceeds { .. } => NotComputable::Exceeds { group: at + 1 },
        other => other,
    }
}
