//! One indicator of a report: now and before, over time, by group, and what was said of it.

use evensum_core::catalogue::{CategoryKind, Indicator, IndicatorKind, Polarity};
use evensum_core::model::{Date, IndicatorId, Period, RefusalCode};
use evensum_core::view::{Answer, AxisView, Cell, Coverage, CoverageStatus};
use serde::Serialize;

use super::super::{figure, grid, headline, inequality, rung, words};
use super::about::{self, OfIndicator};
use super::change::{Change, Steadiness};
use super::value::{DEPRIVATION, Mark, Reading, Shown, brief, of_cell};
use super::{Material, Missing};

/// An indicator in one period of the time that the report looks at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The period.
    pub period: Period,
    /// What is known; nothing where there is no answer.
    pub reading: Option<Reading>,
    /// Why there is none.
    pub missing: Option<String>,
    /// The target in force.
    pub target: Option<f64>,
    /// Where the organisation meant to be.
    pub aim: Option<f64>,
    /// Whether the groups are made by another edition of the index than in the period before.
    pub after_break: bool,
}

/// A group of a breakdown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name.
    pub label: String,
    /// Whether it is one of the known groups, and not of those of whom nothing is known, or everybody.
    pub known: bool,
    /// Its figure.
    pub figure: Shown,
    /// Its 95 % limits, in words.
    pub limits: String,
    /// Those above the line, in words.
    pub above: String,
    /// Those below it, in words.
    pub below: String,
}

/// An indicator of the latest period by one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Breakdown {
    /// The dimension's id.
    pub dimension: String,
    /// The level's name.
    pub name: String,
    /// Its groups, everybody last.
    pub groups: Vec<Group>,
    /// Known groups that are withheld.
    pub withheld: usize,
    /// Known groups.
    pub of: usize,
    /// What it shows, in sentences.
    pub findings: Vec<String>,
}

/// One indicator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// Its id.
    pub id: IndicatorId,
    /// Its name.
    pub name: String,
    /// What is counted and in which unit.
    pub unit: String,
    /// What its figure is called, with its unit.
    pub figure: String,
    /// Which way is better, in words.
    pub better: &'static str,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The latest period with figures.
    pub now: Reading,
    /// Half a year before.
    pub before: Option<Reading>,
    /// The name of that period.
    pub before_name: String,
    /// The first period, or the one that was chosen.
    pub baseline: Option<Reading>,
    /// The gap against half a year before.
    pub change: Change,
    /// The gap against the baseline.
    pub since_baseline: Change,
    /// Over time.
    pub series: Vec<Point>,
    /// Whether the gap is steady.
    pub steadiness: Steadiness,
    /// The target in force, in words.
    pub target: Option<String>,
    /// What it shows, in sentences, what is not known first.
    pub findings: Vec<String>,
    /// By group.
    pub breakdowns: Vec<Breakdown>,
    /// Breakdowns that there are none of, and why.
    pub without: Vec<String>,
    /// What a reader must know.
    pub caveats: Vec<String>,
    /// Paragraphs of commentary.
    pub commentary: Vec<String>,
    #[serde(skip)]
    pub(super) polarity: Polarity,
}

/// The half year that boards look back.
const MONTHS_BACK: usize = 6;

/// The section of an indicator; none where no answer has figures.
pub(super) fn of(indicator: &Indicator, material: &Material<'_>) -> Option<Section> {
    let own: Vec<&Answer> =
        material.answers.iter().copied().filter(|a| a.indicator.id == indicator.id).collect();
    let with = |answer: &&&Answer| !answer.cells.is_empty();
    let period = own.iter().filter(with).map(|answer| answer.period).max()?;
    let latest: Vec<&Answer> =
        own.iter().filter(with).copied().filter(|a| a.period == period).collect();
    let deprivation = |answer: &&&Answer| by(answer, DEPRIVATION);
    let first = latest.iter().find(deprivation).or(latest.first()).copied()?;
    let said = material.about.of(&indicator.id);
    let series = series(indicator, &own, material, said);
    let now = Reading::of(first);
    let half = half_year_before(period);
    let at = |wanted: Period| {
        let point = series.iter().find(|point| point.period == wanted)?;
        point.reading.clone()
    };
    let baseline = baseline(&series, material.about.baseline);
    let before = at(half);
    let mut findings: Vec<String> =
        inequality::findings(first).into_iter().map(|finding| finding.sentence).collect();
    if findings.is_empty() {
        findings.push(headline::sentence(first));
    }
    findings.extend(breaks(&series));
    Some(Section {
        id: indicator.id.clone(),
        name: words::clean(&indicator.name),
        unit: headline::unit(first),
        figure: figure_name(first),
        better: better(indicator.polarity),
        owner: said.and_then(|s| s.owner.as_deref()).map(words::clean),
        change: Change::between(&now, before.as_ref()),
        since_baseline: Change::between(&now, baseline.as_ref()),
        before,
        before_name: words::period(half),
        baseline,
        steadiness: Steadiness::of(&series, indicator.polarity),
        target: target_says(indicator, period),
        findings,
        breakdowns: latest.iter().copied().filter_map(breakdown).collect(),
        without: without(indicator, material.missing),
        caveats: caveats(first, &latest),
        commentary: said
            .and_then(|s| s.commentary.as_deref())
            .map(about::paragraphs)
            .unwrap_or_default(),
        polarity: indicator.polarity,
        now,
        series,
    })
}

fn by(answer: &Answer, dimension: &str) -> bool {
    matches!(answer.axes.as_slice(), [axis] if axis.dimension.as_str() == dimension)
}

/// Every period of the indicator's kind in the time that the report looks at.
fn series(
    indicator: &Indicator,
    own: &[&Answer],
    material: &Material<'_>,
    said: Option<&OfIndicator>,
) -> Vec<Point> {
    let kind = material.catalogue.dataset(&indicator.dataset).map(|dataset| dataset.periods);
    let Ok(kind) = kind else { return Vec::new() };
    let mut edition = None;
    let mut points = Vec::new();
    for period in material.months.iter().filter_map(|month| kind.ending_in(*month)) {
        let found =
            own.iter().find(|a| a.period == period && (by(a, DEPRIVATION) || a.axes.is_empty()));
        let reading = found.filter(|a| !a.cells.is_empty()).map(|answer| Reading::of(answer));
        let missing = match (&reading, found) {
            (Some(_), _) => None,
            (None, Some(answer)) => Some(reason_of(answer)),
            (None, None) => Some(
                material
                    .missing
                    .iter()
                    .find(|m| {
                        m.indicator == indicator.id && m.period.is_none_or(|own| own == period)
                    })
                    .map_or_else(|| "not asked".to_owned(), |m| words::clean(&m.why)),
            ),
        };
        let own_edition = reading.as_ref().and_then(|reading| reading.edition);
        let after_break = own_edition.is_some() && edition.is_some() && own_edition != edition;
        edition = own_edition.or(edition);
        let aim = said.and_then(|s| s.trajectory.iter().find(|aim| aim.period == period));
        points.push(Point {
            period,
            reading,
            missing,
            target: target(indicator, period).map(|(value, _)| value),
            aim: aim.map(|aim| aim.value),
            after_break,
        });
    }
    points
}

/// Why an answer has no figures: what became of its partners.
pub(super) fn reason_of(answer: &Answer) -> String {
    let lines = &answer.coverage;
    if !lines.is_empty() && lines.iter().all(|line| line.status == CoverageStatus::NoData) {
        return "no partner holds such data".to_owned();
    }
    let line = lines.iter().find(|line| line.status != CoverageStatus::NoData);
    line.map_or_else(|| "nobody was asked".to_owned(), partner_says)
}

/// What became of a partner's part, for people who do not ask questions themselves.
pub(super) fn partner_says(line: &Coverage) -> String {
    match line.refusal {
        Some(RefusalCode::Withheld) => {
            "withheld by the partner, so that nobody can be recognised".to_owned()
        }
        _ => words::coverage(line),
    }
}

fn half_year_before(period: Period) -> Period {
    let steps = match period {
        Period::Month { .. } => MONTHS_BACK,
        Period::Quarter { .. } => MONTHS_BACK / 3,
        Period::Year { .. } => 1,
    };
    (0..steps).fold(period, |period, _| period.previous())
}

/// The first period with figures, or the first that ends no earlier than the chosen one.
fn baseline(series: &[Point], chosen: Option<Period>) -> Option<Reading> {
    let late = |point: &&Point| chosen.is_none_or(|own| point.period.last_day() >= own.last_day());
    series.iter().filter(late).find_map(|point| point.reading.clone())
}

/// The target that is in force on a period's last day, and who set it.
fn target(indicator: &Indicator, period: Period) -> Option<(f64, &str)> {
    let day: Date = period.last_day();
    let in_force = indicator
        .targets
        .iter()
        .rfind(|target| target.from <= day && target.until.is_none_or(|until| until >= day))?;
    let value: f64 = in_force.value.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((value, in_force.source.as_str()))
}

fn target_says(indicator: &Indicator, period: Period) -> Option<String> {
    let (value, source) = target(indicator, period)?;
    Some(format!(
        "Target in force: {value} {} ({}).",
        words::clean(&indicator.unit),
        words::clean(source)
    ))
}

const fn better(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::LowerIsBetter => "Lower is better.",
        Polarity::HigherIsBetter => "Higher is better.",
        Polarity::Neutral => "Neither higher nor lower is better by itself.",
    }
}

/// What the figure is called in the heads of tables.
fn figure_name(answer: &Answer) -> String {
    let unit = words::clean(&answer.indicator.unit);
    match answer.indicator.kind {
        IndicatorKind::Count => "Number".to_owned(),
        IndicatorKind::Rate { .. } if !matches!(answer.beside.rates, Some(Ok(_))) => {
            "Number (no rate)".to_owned()
        }
        IndicatorKind::Rate { .. } | IndicatorKind::Proportion => words::opening(&unit),
        _ => figure::names(answer).into_iter().next().unwrap_or(unit),
    }
}

fn breaks(series: &[Point]) -> Vec<String> {
    let breaks = series.iter().filter(|point| point.after_break);
    breaks
        .map(|point| {
            let edition = point.reading.as_ref().and_then(|r| r.edition).unwrap_or_default();
            format!(
                "From {} on deprivation is by the {edition} edition of the index: figures before and after are of different groups and are not compared.",
                words::period(point.period)
            )
        })
        .collect()
}

fn breakdown(answer: &Answer) -> Option<Breakdown> {
    let [axis] = answer.axes.as_slice() else { return None };
    let group = |position: usize| {
        let category = axis.categories.get(position)?;
        let cell = grid::alone(answer, 0, position)?;
        let known = category.kind == CategoryKind::Known && !category.id.is_all();
        Some(group(answer, axis, (position, cell), known))
    };
    let groups: Vec<Group> = grid::reading_order(axis).into_iter().filter_map(group).collect();
    let hidden = |group: &&Group| group.known && group.figure.mark == Some(Mark::Withheld);
    let findings = inequality::findings(answer).into_iter().map(|finding| finding.sentence);
    Some(Breakdown {
        dimension: axis.dimension.to_string(),
        name: words::clean(&axis.name),
        withheld: groups.iter().filter(hidden).count(),
        of: groups.iter().filter(|group| group.known).count(),
        findings: if axis.dimension.as_str() == DEPRIVATION {
            Vec::new()
        } else {
            findings.collect()
        },
        groups,
    })
}

fn group(answer: &Answer, axis: &AxisView, (position, cell): (usize, &Cell), known: bool) -> Group {
    let figure = of_cell(answer, cell);
    let limits = match (&answer.indicator.kind, figure.limits()) {
        (_, None) => words::NOTHING.to_owned(),
        (IndicatorKind::Proportion, Some(_)) => {
            words::limits(cell).map_or_else(|| words::NOTHING.to_owned(), brief)
        }
        (_, Some((low, high))) => super::super::rate::range(low, Some(high)),
    };
    Group {
        label: grid::label(axis, position),
        known,
        figure,
        limits,
        above: words::count(&cell.numerator),
        below: words::count(&cell.denominator),
    }
}

fn without(indicator: &Indicator, missing: &[Missing]) -> Vec<String> {
    let own = missing.iter().filter(|m| m.indicator == indicator.id);
    let mut said: Vec<String> = Vec::new();
    for (by, why) in own.filter_map(|m| Some((m.by.as_ref()?, &m.why))) {
        let line = format!("By {by}: {}.", words::clean(why));
        if !said.contains(&line) {
            said.push(line);
        }
    }
    said
}

fn caveats(first: &Answer, latest: &[&Answer]) -> Vec<String> {
    let mut all: Vec<String> = first.caveats.iter().map(|caveat| words::clean(caveat)).collect();
    all.extend(figure::notes(first));
    all.extend(super::super::rate::notes(first));
    all.extend(rung::lines(latest.iter().copied()));
    let mut once: Vec<String> = Vec::new();
    for line in all {
        if !once.contains(&line) {
            once.push(line);
        }
    }
    once
}
