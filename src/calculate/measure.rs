//! Which measures there are, what they may be told, and what they say of a table.

use evensum_core::statistics::{Better, Estimate, Level, Limits, NotComputable};

use super::{CalculateError, Role, Sheet, charts, gaps, rates, spread};

/// A measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Shares of each row.
    Proportion,
    /// Rates of each row.
    Rate,
    /// Means of each row, from sums.
    Mean,
    /// A directly standardised rate; a row an age band.
    Dsr,
    /// An indirectly standardised ratio and rate; a row an age band.
    Isr,
    /// First row against last.
    Gap,
    /// Slope and relative index of inequality by OHID's method.
    Sii,
    /// The same by the World Health Organization's.
    WhoSii,
    /// Concentration indices.
    Concentration,
    /// Measures of groups in no order.
    Disproportion,
    /// What would be if all did as well as the best.
    Impact,
    /// Which quantile each area is in.
    Quantile,
    /// Which areas are outside what chance does.
    Funnel,
    /// A statistical process control chart; a row a period.
    Spc,
    /// A percentile of bands; a row a band.
    Percentile,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Proportion,
        Self::Rate,
        Self::Mean,
        Self::Dsr,
        Self::Isr,
        Self::Gap,
        Self::Sii,
        Self::WhoSii,
        Self::Concentration,
        Self::Disproportion,
        Self::Impact,
        Self::Quantile,
        Self::Funnel,
        Self::Spc,
        Self::Percentile,
    ];

    /// Its name, as it is given on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proportion => "proportion",
            Self::Rate => "rate",
            Self::Mean => "mean",
            Self::Dsr => "dsr",
            Self::Isr => "isr",
            Self::Gap => "gap",
            Self::Sii => "sii",
            Self::WhoSii => "who-sii",
            Self::Concentration => "concentration",
            Self::Disproportion => "disproportion",
            Self::Impact => "impact",
            Self::Quantile => "quantile",
            Self::Funnel => "funnel",
            Self::Spc => "spc",
            Self::Percentile => "percentile",
        }
    }

    /// What it says, and of which columns.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Proportion => "share of each row, with Wilson's limits: numerator, denominator",
            Self::Rate => "rate of each row, exact or by Byar: numerator, population",
            Self::Mean => "mean of each row, Student's t: denominator, sum, sum_of_squares",
            Self::Dsr => {
                "directly age-standardised rate (ESP2013), a row an age band: numerator, population"
            }
            Self::Isr => {
                "indirectly standardised ratio and rate, a row an age band: numerator, population, reference_events, reference_population"
            }
            Self::Gap => {
                "first row minus last and first over last: numerator and denominator, or value with lower and upper"
            }
            Self::Sii => {
                "slope and relative index of inequality (OHID), most deprived row first: population, value, lower, upper"
            }
            Self::WhoSii => "the same by the WHO's method: numerator, denominator",
            Self::Concentration => {
                "concentration indices, most deprived row first: population, value"
            }
            Self::Disproportion => {
                "variance between groups, Theil index, index of disparity and others: population, value"
            }
            Self::Impact => "population attributable risk and events avoided: population, value",
            Self::Quantile => "which tenth or fifth each row is in: value",
            Self::Funnel => {
                "limits that rows of this size vary in by chance: numerator, denominator"
            }
            Self::Spc => "XmR chart with special causes, a row a period: value",
            Self::Percentile => "median or another percentile, a row a band: from, to, numerator",
        }
    }
}

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Fractions from 0 to 1.
    Proportion,
    /// Rates, not below nought.
    Rate,
    /// Anything else, such as means.
    Other,
}

/// What a measure may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Rates are per so many; 100,000 where nothing is said.
    pub per: Option<f64>,
    /// What values are.
    pub values: Values,
    /// Whether a slope is fitted to logarithms or log odds.
    pub transform: bool,
    /// What a slope index is multiplied by; below nought it is turned round.
    pub multiplier: f64,
    /// Seed of simulated limits.
    pub seed: u64,
    /// Draws of simulated limits.
    pub repetitions: u32,
    /// The row that others are compared with.
    pub reference: Option<String>,
    /// Which way is better.
    pub better: Better,
    /// Whether rows stand in an order, the most deprived first.
    pub ordered: bool,
    /// How many quantiles.
    pub quantiles: u32,
    /// Which percentile.
    pub at: f64,
    /// A target.
    pub target: Option<f64>,
    /// The column whose every value has a measure of its own.
    pub group_by: Option<String>,
}

/// A number, its limits at 95 and 99.8 %, and what is to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The number; none where only limits are given.
    pub value: Option<f64>,
    /// 95 and 99.8 %.
    pub limits: [Option<Limits>; 2],
    /// What a reader must know.
    pub note: Option<String>,
}

impl Given {
    /// A number alone.
    pub(super) const fn point(value: f64) -> Self {
        Self { value: Some(value), limits: [None, None], note: None }
    }
}

impl From<Estimate> for Given {
    fn from(estimate: Estimate) -> Self {
        let limits = Level::ALL.map(|level| Some(estimate.at(level)));
        Self { value: Some(estimate.value), limits, note: None }
    }
}

/// One line of what a measure says.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which number of the measure.
    pub name: &'static str,
    /// Of which row, or of which part of the table.
    pub group: Option<String>,
    /// The number, or why there is none.
    pub given: Result<Given, NotComputable>,
    /// Its unit.
    pub unit: &'static str,
    /// How it is made.
    pub method: String,
}

impl Line {
    pub(super) fn new(
        name: &'static str,
        given: Result<impl Into<Given>, NotComputable>,
        unit: &'static str,
        method: &str,
    ) -> Self {
        let given = given.map(Into::into).and_then(finite);
        Self { name, group: None, given, unit, method: method.to_owned() }
    }

    pub(super) fn of(self, group: &str) -> Self {
        Self { group: Some(group.to_owned()), ..self }
    }
}

/// No infinite number leaves this room, whatever a formula gives.
fn finite(given: Given) -> Result<Given, NotComputable> {
    let limits = given.limits.iter().flatten().flat_map(|l| [l.lower, l.upper]);
    if given.value.into_iter().chain(limits).all(f64::is_finite) {
        Ok(given)
    } else {
        Err(NotComputable::Undefined { measure: "this number", why: "it is not finite" })
    }
}

/// Works a measure out. Of each value of [`Options::group_by`] by itself, where that is given.
///
/// # Errors
/// [`CalculateError`] where columns are not there or cannot be read. What cannot be computed is a line with the reason.
pub fn lines(
    measure: Measure,
    header: &[String],
    rows: &[(u64, Vec<String>)],
    named: &[(Role, String)],
    options: &Options,
) -> Result<Vec<Line>, CalculateError> {
    let Some(column) = &options.group_by else {
        return of(measure, Sheet::new(header, rows, named)?, options);
    };
    let place = header.iter().position(|name| name.trim().eq_ignore_ascii_case(column.trim()));
    let place = place.ok_or_else(|| CalculateError::NoColumn {
        column: column.clone(),
        there: header.join(", "),
    })?;
    let key = |row: &(u64, Vec<String>)| row.1.get(place).map_or("", |f| f.trim()).to_owned();
    let mut keys: Vec<String> = Vec::new();
    for row in rows {
        let key = key(row);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut all = Vec::new();
    for part in &keys {
        let own: Vec<_> = rows.iter().filter(|row| key(row) == *part).cloned().collect();
        for line in of(measure, Sheet::new(header, &own, named)?, options)? {
            let group = match &line.group {
                Some(group) => format!("{part}: {group}"),
                None => part.clone(),
            };
            all.push(line.of(&group));
        }
    }
    Ok(all)
}

fn of(measure: Measure, sheet: Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    match measure {
        Measure::Proportion => rates::proportion(&sheet),
        Measure::Rate => rates::rate(&sheet, options),
        Measure::Mean => rates::mean(&sheet),
        Measure::Dsr => rates::dsr(&sheet, options),
        Measure::Isr => rates::isr(&sheet, options),
        Measure::Gap => gaps::gap(&sheet, options),
        Measure::Sii => gaps::sii(&sheet, options),
        Measure::WhoSii => gaps::who_sii(&sheet),
        Measure::Concentration => spread::concentration(&sheet),
        Measure::Disproportion => spread::disproportion(&sheet, options),
        Measure::Impact => spread::impact(&sheet, options),
        Measure::Quantile => charts::quantile(&sheet, options),
        Measure::Funnel => charts::funnel(&sheet, options),
        Measure::Spc => charts::spc(&sheet, options),
        Measure::Percentile => charts::percentile(&sheet, options),
    }
}
