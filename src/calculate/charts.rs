//! Quantiles, funnels, control charts, percentiles.

use evensum_core::statistics::{
    Assurance, BandValue, ControlPoint, Direction, First, FunnelOf, FunnelPlace, Level, Limits,
    NotComputable, PointKind, Variation, control_chart, funnel_baseline, funnel_limits,
    funnel_place, percentile as percentile_of, quantiles,
};

use super::measure::{Given, Line, Options};
use super::{CalculateError, Role, Sheet};

pub(super) fn quantile(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    let (names, values) = (sheet.names()?, sheet.numbers(Role::Value)?);
    let found = quantiles(&values, options.quantiles as usize, First::Lowest);
    let method = "ranks of ties alike; the lowest values are in 1";
    let of = |at: usize| found.clone().map(|all| Given::point(all[at] as f64));
    let line = |(at, name): (usize, &String)| Line::new("quantile", of(at), "", method).of(name);
    Ok(names.iter().enumerate().map(line).collect())
}

pub(super) fn funnel(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    let of = if options.per.is_some() { FunnelOf::Rate } else { FunnelOf::Proportion };
    let per = options.per.unwrap_or(1.0);
    let (names, x) = (sheet.names()?, sheet.numbers(Role::Numerator)?);
    let n = match of {
        FunnelOf::Proportion => sheet.numbers(Role::Denominator)?,
        FunnelOf::Rate => sheet.numbers(Role::Population)?,
    };
    let points: Vec<(f64, f64)> = x.into_iter().zip(n).collect();
    let average = funnel_baseline(of, &points);
    let (unit, method) = match of {
        FunnelOf::Proportion => ("fraction", "Wilson's limits inverted around the average"),
        FunnelOf::Rate => ("per --per people", "exact Poisson limits inverted around the average"),
    };
    let given = |(x, n): (f64, f64)| -> Result<Given, NotComputable> {
        let average = average.clone()?;
        let limits = funnel_limits(of, average, n)?;
        let scaled =
            |limits: Limits| Some(Limits { lower: limits.lower * per, upper: limits.upper * per });
        let note = match funnel_place(of, average, x, n)? {
            FunnelPlace::Within => None,
            FunnelPlace::Low(level) => Some(format!("below the {} limits", said(level))),
            FunnelPlace::High(level) => Some(format!("above the {} limits", said(level))),
        };
        let limits = [scaled(limits.two_sigma), scaled(limits.three_sigma)];
        Ok(Given { value: Some(x / n * per), limits, note })
    };
    let mut lines = vec![Line::new(
        "average",
        average.clone().map(|average| Given::point(average * per)),
        unit,
        "all rows together",
    )];
    let each = names.iter().zip(points);
    lines
        .extend(each.map(|(name, point)| Line::new("funnel", given(point), unit, method).of(name)));
    Ok(lines)
}

const fn said(level: Level) -> &'static str {
    match level {
        Level::P95 => "95 %",
        Level::P998 => "99.8 %",
    }
}

pub(super) fn percentile(
    sheet: &Sheet<'_>,
    options: &Options,
) -> Result<Vec<Line>, CalculateError> {
    let (mut edges, counts) = (sheet.numbers(Role::From)?, sheet.numbers(Role::Numerator)?);
    // The last band alone may be open.
    if let Some(last) = sheet.maybe(Role::To)?.last().copied().flatten() {
        edges.push(last);
    }
    let found = percentile_of(&edges, &counts, options.at / 100.0);
    let given = found.map(|value| match value {
        BandValue::At(at) => Given::point(at),
        BandValue::AtLeast(at) => {
            Given { note: Some("or more: the last band is open".to_owned()), ..Given::point(at) }
        }
    });
    Ok(vec![Line::new("percentile", given, "unit of the bands", "linear within its band")])
}

pub(super) fn spc(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    const METHOD: &str = "XmR: mean and 2.66 mean moving ranges (Making Data Count)";
    const UNIT: &str = "unit of the value";
    let (names, values) = (sheet.names()?, sheet.maybe(Role::Value)?);
    let chart = match control_chart(&values, &[], options.better, options.target) {
        Ok(chart) => chart,
        Err(reason) => {
            return Ok(vec![Line::new("mean", Err::<Given, _>(reason), UNIT, METHOD)]);
        }
    };
    let mut lines = Vec::new();
    for segment in &chart.segments {
        let note = segment.few_points.then(|| "few periods: limits may move".to_owned());
        let ends = [
            ("mean", segment.mean),
            ("lower_limit", segment.limits.lower),
            ("upper_limit", segment.limits.upper),
        ];
        lines.extend(ends.map(|(name, value)| {
            let given = Given { note: note.clone(), ..Given::point(value) };
            Line::new(name, Ok(given), UNIT, METHOD)
        }));
    }
    let icon = |name, note: &str| {
        let given = Given { value: None, limits: [None, None], note: Some(note.to_owned()) };
        Line::new(name, Ok(given), "", METHOD)
    };
    lines.push(icon("variation", variation(chart.variation)));
    lines.extend(chart.assurance.map(|found| icon("assurance", assurance(found))));
    for (name, point) in names.iter().zip(&chart.points) {
        let hidden = NotComputable::Undefined { measure: "a point", why: "it is hidden or blank" };
        let given = point.as_ref().map(said_of).ok_or(hidden);
        lines.push(Line::new("point", given, UNIT, METHOD).of(name));
    }
    Ok(lines)
}

/// A point with the rules that it breaks.
fn said_of(point: &ControlPoint) -> Given {
    let causes = [
        (point.causes.astronomical, "outside the limits"),
        (point.causes.shift, "one of seven or more on one side of the mean"),
        (point.causes.trend, "one of seven or more that rise or fall"),
        (point.causes.two_of_three, "one of two in three near a limit"),
    ];
    let broken: Vec<&str> = causes.into_iter().filter(|(is, _)| *is).map(|(_, why)| why).collect();
    let kind = match point.kind {
        PointKind::Common => None,
        PointKind::Improvement => Some("improvement"),
        PointKind::Concern => Some("concern"),
        PointKind::Neither => Some("change"),
    };
    let note = kind.map(|kind| format!("{kind}: {}", broken.join("; ")));
    Given { note, ..Given::point(point.value) }
}

const fn variation(of: Variation) -> &'static str {
    match of {
        Variation::Common => "common cause: no change",
        Variation::Improvement(Direction::High) => "improvement: high",
        Variation::Improvement(Direction::Low) => "improvement: low",
        Variation::Concern(Direction::High) => "concern: high",
        Variation::Concern(Direction::Low) => "concern: low",
        Variation::Neither(Direction::High) => "change: high",
        Variation::Neither(Direction::Low) => "change: low",
    }
}

const fn assurance(of: Assurance) -> &'static str {
    match of {
        Assurance::ConsistentlyPassing => "the target is met whatever chance does",
        Assurance::ConsistentlyFailing => "the target is missed whatever chance does",
        Assurance::HitOrMiss => "the target is met or missed by chance",
    }
}
