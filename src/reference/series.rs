//! Published series, such as England's: a Fingertips download, or metric and dimension columns as in the Central
//! Metrics Library. Only whole-population figures of England are kept, to stand beside an answer and never in it.

use std::collections::BTreeSet;

use evensum_core::model::{IndicatorId, Period};
use evensum_core::view::Published;

use super::ReferenceError;
use super::named::Wishes;
use super::sheet::{self, Columns, Row, decimal};

/// The most rows of a published file.
pub const MAX_SERIES_ROWS: usize = 2_000_000;

/// The most figures that are kept of one.
pub const MAX_POINTS: usize = 20_000;

/// The code of England, and what files call it that have no such code.
const ENGLAND: [&str; 3] = ["E92000001", "ENG", "ENGLAND"];

/// A figure, with the indicator that it is said to be of, if one was named.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// The indicator of ours.
    pub indicator: Option<IndicatorId>,
    /// The figure.
    pub figure: Published,
}

/// The figures of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    points: Vec<SeriesPoint>,
    /// Rows of other areas, parts of the population, or without a value or a period that we have.
    pub(super) skipped: u32,
}

impl Series {
    /// Figures of an indicator, by the id that it was imported under or by its name.
    pub fn of<'a>(
        &'a self,
        indicator: &'a IndicatorId,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Published> {
        let is = move |p: &&SeriesPoint| match &p.indicator {
            Some(own) => own == indicator,
            None => {
                let metric = p.figure.metric.trim();
                metric.eq_ignore_ascii_case(name) || metric.eq_ignore_ascii_case(indicator.as_str())
            }
        };
        self.points.iter().filter(is).map(|p| &p.figure)
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn about(&self) -> String {
        let metrics: BTreeSet<&str> =
            self.points.iter().map(|p| p.figure.metric.as_str()).collect();
        let periods: BTreeSet<Period> = self.points.iter().map(|p| p.figure.period).collect();
        let (first, last) = (periods.first(), periods.last());
        let as_indicator = self.points.first().and_then(|p| p.indicator.as_ref());
        format!(
            "published, not federated: England, {} series, {} to {}{}",
            metrics.len(),
            first.map(ToString::to_string).unwrap_or_default(),
            last.map(ToString::to_string).unwrap_or_default(),
            as_indicator.map(|id| format!(", as {id}")).unwrap_or_default()
        )
    }
}

/// Where the columns of a published series are.
#[derive(Debug)]
pub(super) enum Layout {
    /// A Fingertips download.
    Fingertips {
        id: usize,
        name: usize,
        area: usize,
        sex: Option<usize>,
        age: Option<usize>,
        category: Option<usize>,
        period: usize,
        value: usize,
        limits: [Option<usize>; 2],
    },
    /// The Central Metrics Library.
    Cml {
        metric: usize,
        dimension_id: Option<usize>,
        /// Columns of dimensions, which say `all_…` for everybody.
        dimensions: Vec<usize>,
        grain: usize,
        location: usize,
        start: usize,
        value: usize,
    },
    /// Our own copy.
    Own,
}

/// Columns of the Central Metrics Library that are no dimensions.
const CML_OWN: [&str; 11] = [
    "datapoint_id",
    "metric_id",
    "dimension_id",
    "reporting_grain",
    "location_id",
    "location_type",
    "location_name",
    "reporting_period_start_datetime",
    "publication_datetime",
    "metric_value",
    "additional_metric_values",
];

/// Columns of our own copy.
const OWN: [&str; 9] =
    ["own_indicator", "metric", "area", "group", "period", "value", "lower", "upper", "source"];

impl Layout {
    /// The columns of a published series, if these are.
    ///
    /// # Errors
    /// [`ReferenceError::NoGrain`].
    pub(super) fn of(columns: &Columns) -> Result<Option<Self>, ReferenceError> {
        let find = |name: &str| columns.find(&[name]);
        if columns.names().iter().map(String::as_str).eq(OWN) {
            return Ok(Some(Self::Own));
        }
        if let (Some(id), Some(name), Some(area), Some(period), Some(value)) = (
            find("indicator_id"),
            find("indicator_name"),
            find("area_code"),
            find("time_period"),
            find("value"),
        ) {
            let limits = [
                columns.find(&["lower_ci_95.0_limit", "lower_ci_95_limit"]),
                columns.find(&["upper_ci_95.0_limit", "upper_ci_95_limit"]),
            ];
            let (sex, age, category) = (find("sex"), find("age"), find("category"));
            let of = Self::Fingertips { id, name, area, sex, age, category, period, value, limits };
            return Ok(Some(of));
        }
        let (Some(metric), Some(location), Some(start), Some(value)) = (
            find("metric_id"),
            find("location_id"),
            find("reporting_period_start_datetime"),
            find("metric_value"),
        ) else {
            return Ok(None);
        };
        let grain = find("reporting_grain").ok_or(ReferenceError::NoGrain)?;
        let dimensions =
            (0..columns.names().len()).filter(|at| !CML_OWN.contains(&columns.name(*at)));
        let (dimensions, dimension_id) = (dimensions.collect(), find("dimension_id"));
        Ok(Some(Self::Cml { metric, dimension_id, dimensions, grain, location, start, value }))
    }
}

/// Reads the figures of England.
pub(super) fn read(
    text: &[u8],
    layout: &Layout,
    wishes: &Wishes,
) -> Result<Series, ReferenceError> {
    let indicator = match (layout, &wishes.name) {
        (Layout::Own, _) | (_, None) => None,
        (_, Some(name)) => Some(
            IndicatorId::new(name.as_str())
                .map_err(|_| ReferenceError::NotAnIndicator(name.clone()))?,
        ),
    };
    let mut points = Vec::new();
    let mut metrics = BTreeSet::new();
    let mut joined = BTreeSet::new();
    let mut skipped = 0;
    sheet::rows(text, MAX_SERIES_ROWS, |row| {
        let found = match layout {
            Layout::Fingertips { .. } => fingertips(row, layout),
            Layout::Cml { .. } => cml(row, layout, &mut joined),
            Layout::Own => Some(own(row)?),
        };
        let wanted = |metric: &str| wishes.metric.as_ref().is_none_or(|m| m == metric);
        match found.filter(|(metric, _)| wanted(metric)) {
            None => skipped += 1,
            Some((metric, mut point)) => {
                if points.len() == MAX_POINTS {
                    return Err(ReferenceError::TooManyPoints(MAX_POINTS));
                }
                point.indicator = point.indicator.or_else(|| indicator.clone());
                metrics.insert(metric);
                points.push(point);
            }
        }
        Ok(())
    })?;
    if joined.len() > 1 {
        return Err(ReferenceError::DimensionsNotJoined);
    }
    if points.is_empty() {
        return Err(ReferenceError::NoEngland);
    }
    if indicator.is_some() && metrics.len() > 1 {
        let first: Vec<String> = metrics.into_iter().take(5).collect();
        return Err(ReferenceError::SeveralMetrics(first.join(", ")));
    }
    Ok(Series { points, skipped })
}

fn is_england(code: &str) -> bool {
    ENGLAND.iter().any(|england| england.eq_ignore_ascii_case(code))
}

/// A row of a Fingertips download, with its indicator's id: England, both sexes, of no category.
fn fingertips(row: &Row<'_>, layout: &Layout) -> Option<(String, SeriesPoint)> {
    let Layout::Fingertips { id, name, area, sex, age, category, period, value, limits } = layout
    else {
        return None;
    };
    let persons = matches!(row.field(*sex).to_lowercase().as_str(), "" | "persons");
    if !persons || !row.field(*category).is_empty() || !is_england(row.field(Some(*area))) {
        return None;
    }
    let id = row.field(Some(*id));
    let group = row.field(*age);
    let group =
        (!group.is_empty() && !group.eq_ignore_ascii_case("all ages")).then(|| group.to_owned());
    let figure = Published {
        area: "England".to_owned(),
        group,
        period: written_period(row.field(Some(*period)))?,
        value: decimal(row.field(Some(*value)))?,
        lower: decimal(row.field(limits[0])),
        upper: decimal(row.field(limits[1])),
        metric: row.field(Some(*name)).to_owned(),
        source: format!("Fingertips, indicator {id}"),
    };
    Some((id.to_owned(), SeriesPoint { indicator: None, figure }))
}

/// A row of the Central Metrics Library, with its metric's id: England, every dimension at `all_…`.
fn cml(
    row: &Row<'_>,
    layout: &Layout,
    joined: &mut BTreeSet<String>,
) -> Option<(String, SeriesPoint)> {
    let Layout::Cml { metric, dimension_id, dimensions, grain, location, start, value } = layout
    else {
        return None;
    };
    let everybody = dimensions.iter().all(|at| {
        let text = row.field(Some(*at)).to_lowercase();
        text.is_empty() || text.starts_with("all_")
    });
    if !everybody || !is_england(row.field(Some(*location))) {
        return None;
    }
    let value = decimal(row.field(Some(*value)))?;
    // Without the columns of the dimensions, an id stands for a part of the population that nothing here explains.
    if dimensions.is_empty() {
        joined.insert(row.field(*dimension_id).to_owned());
    }
    let metric = row.field(Some(*metric)).to_owned();
    let figure = Published {
        area: "England".to_owned(),
        group: None,
        period: started_period(row.field(Some(*start)), row.field(Some(*grain)))?,
        value,
        lower: None,
        upper: None,
        metric: metric.clone(),
        source: format!("Central Metrics Library, metric {metric}"),
    };
    Some((metric, SeriesPoint { indicator: None, figure }))
}

fn own(row: &Row<'_>) -> Result<(String, SeriesPoint), ReferenceError> {
    let text = |at: usize| row.field(Some(at)).to_owned();
    let wrong = || row.wrong("it is not as it was written");
    let indicator = Some(text(0)).filter(|t| !t.is_empty()).map(IndicatorId::new);
    let figure = Published {
        area: text(2),
        group: Some(text(3)).filter(|t| !t.is_empty()),
        period: text(4).parse().map_err(|_| wrong())?,
        value: decimal(&text(5)).ok_or_else(wrong)?,
        lower: decimal(&text(6)),
        upper: decimal(&text(7)),
        metric: text(1),
        source: text(8),
    };
    let indicator = indicator.transpose().map_err(|_| wrong())?;
    Ok((text(1), SeriesPoint { indicator, figure }))
}

/// A period as Fingertips writes it: `2021/22`, `2021/22 Q3`, `2021 Jan` or `Jan 2021`. Calendar years and runs of
/// several years are no periods of ours.
fn written_period(text: &str) -> Option<Period> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let financial = |text: &str| {
        let (year, next) = text.split_once('/')?;
        let year: u16 = (year.len() == 4).then(|| year.parse().ok())??;
        (next.len() == 2 && next.parse::<u16>().ok()? == (year + 1) % 100).then_some(year)
    };
    match words.as_slice() {
        [year] => Some(Period::Year { year: financial(year)? }),
        [year, quarter] if quarter.to_lowercase().starts_with('q') => {
            let quarter = quarter.get(1..)?.parse().ok().filter(|q| (1..=4).contains(q))?;
            Some(Period::Quarter { year: financial(year)?, quarter })
        }
        [a, b] => month(a, b).or_else(|| month(b, a)),
        _ => None,
    }
}

fn month(name: &str, year: &str) -> Option<Period> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let year: u16 = (year.len() == 4).then(|| year.parse().ok())??;
    let first = name.get(..3)?.to_lowercase();
    let at = MONTHS.iter().position(|m| *m == first)?;
    Some(Period::Month { year, month: u8::try_from(at + 1).ok()? })
}

/// A period from its first day and what kind it is.
fn started_period(start: &str, grain: &str) -> Option<Period> {
    let mut parts = start.get(..10)?.split('-');
    let year: u16 = parts.next()?.parse().ok()?;
    let month: u8 = parts.next()?.parse().ok().filter(|m| (1..=12).contains(m))?;
    if parts.next()? != "01" {
        return None;
    }
    let april = if month >= 4 { year } else { year.checked_sub(1)? };
    match grain.to_lowercase().as_str() {
        "monthly" | "month" => Some(Period::Month { year, month }),
        "quarterly" | "quarter" if month % 3 == 1 => {
            Some(Period::Quarter { year: april, quarter: (month + 8) % 12 / 3 + 1 })
        }
        "yearly" | "annual" | "annually" | "year" if month == 4 => Some(Period::Year { year }),
        _ => None,
    }
}

/// Our own copy, which is read again.
pub(super) fn to_csv(series: &Series) -> Result<Vec<u8>, ReferenceError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(OWN)?;
    let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
    for SeriesPoint { indicator, figure } in &series.points {
        writer.write_record([
            indicator.as_ref().map_or("", IndicatorId::as_str),
            &figure.metric,
            &figure.area,
            figure.group.as_deref().unwrap_or_default(),
            &figure.period.to_string(),
            &figure.value.to_string(),
            &number(figure.lower),
            &number(figure.upper),
            &figure.source,
        ])?;
    }
    writer.into_inner().map_err(|e| ReferenceError::Csv(e.into_error().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_as_they_are_published() {
        for (text, period) in [
            ("2021/22", Some("2021-22")),
            ("2021/22 Q3", Some("2021-22Q3")),
            ("Jan 2021", Some("2021-01")),
            ("2021 December", Some("2021-12")),
            ("2021", None),
            ("2019 - 21", None),
            ("2021/23", None),
            ("2021/22 Q5", None),
            ("", None),
        ] {
            assert_eq!(written_period(text).map(|p| p.to_string()).as_deref(), period, "{text}");
        }
        for (start, grain, period) in [
            ("2026-10-01", "monthly", Some("2026-10")),
            ("2026-10-01T00:00:00", "Monthly", Some("2026-10")),
            ("2026-04-01", "quarterly", Some("2026-27Q1")),
            ("2026-07-01", "quarterly", Some("2026-27Q2")),
            ("2026-10-01", "quarterly", Some("2026-27Q3")),
            ("2027-01-01", "quarterly", Some("2026-27Q4")),
            ("2026-05-01", "quarterly", None),
            ("2026-04-01", "annual", Some("2026-27")),
            ("2026-01-01", "annual", None),
            ("2026-10-05", "weekly", None),
            ("2026-10-15", "monthly", None),
        ] {
            let found = started_period(start, grain).map(|p| p.to_string());
            assert_eq!(found.as_deref(), period, "{start} {grain}");
        }
    }
}
