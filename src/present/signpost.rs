//! The tables nearest to one group of people: what is released of each, and what may still be asked for.

use evensum_core::catalogue::Near;
use evensum_core::model::{CategoryId, DimensionId, IndicatorId, Period, QueryId};
use evensum_core::view::{Answer, Cell, CoverageStatus, Part, rung_text};
use serde::Serialize;
use serde_json::{Map, Value};

use super::json::{RangeJson, SideJson, rounded};
use super::layout::paragraph;
use super::{Glyphs, Width, grid, words};

/// A table that was asked for, and what came of it.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The table, and the row of it.
    pub near: &'a Near,
    /// The answer, or why there is none.
    pub answer: Result<&'a Answer, String>,
}

/// A signpost.
#[derive(Debug, Clone)]
pub struct Signpost<'a> {
    /// The indicator.
    pub indicator: &'a IndicatorId,
    /// Its name.
    pub name: &'a str,
    /// The period.
    pub period: Period,
    /// What was asked about, as it was written.
    pub at: Vec<(DimensionId, &'a str)>,
    /// Tables that were decided when extracts were published, the nearest first.
    pub tables: Vec<Asked<'a>>,
    /// Tables that the agreement allows and that nobody has asked for, the nearest first.
    pub may_be_asked: Vec<&'a Near>,
    /// How many more of them there are.
    pub more: usize,
}

/// What became of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Released,
    Withheld,
    Unavailable,
}

impl Asked<'_> {
    fn standing(&self) -> Standing {
        let Ok(answer) = &self.answer else { return Standing::Unavailable };
        let any = |wanted| answer.coverage.iter().any(|line| Part::of(line) == wanted);
        if any(Part::Released) {
            Standing::Released
        } else if any(Part::Withheld) {
            Standing::Withheld
        } else {
            Standing::Unavailable
        }
    }

    /// The row's cell, and the labels of its categories.
    fn cell(&self) -> Option<(&Cell, Vec<String>)> {
        let answer = self.answer.as_ref().ok()?;
        let mut at = Vec::with_capacity(answer.axes.len());
        let mut labels = Vec::with_capacity(answer.axes.len());
        for axis in &answer.axes {
            let place = self.near.by.iter().position(|level| *level == axis.level)?;
            let wanted = self.near.at.get(place)?;
            let position = axis.categories.iter().position(|c| c.id == *wanted)?;
            labels.push(grid::label(axis, position));
            at.push(position);
        }
        Some((grid::cell(answer, &at)?, labels))
    }

    fn partners(&self, wanted: Part) -> Vec<&str> {
        let lines = self.answer.as_ref().map(|a| a.coverage.as_slice()).unwrap_or_default();
        lines.iter().filter(|l| Part::of(l) == wanted).map(|l| l.ods.as_str()).collect()
    }
}

/// For a terminal.
#[must_use]
pub fn table(signpost: &Signpost<'_>, width: Width, glyphs: Glyphs) -> String {
    let pairs: Vec<String> = signpost.at.iter().map(|(d, c)| format!("{d}={c}")).collect();
    let head = format!(
        "{}, {}: the tables nearest to {}",
        words::clean(signpost.name),
        words::period(signpost.period),
        words::clean(&pairs.join(", "))
    );
    let mut text = paragraph("", &head, width);
    if !signpost.tables.is_empty() {
        text.push_str("\nDecided when the extracts were published\n");
    }
    for (place, one) in signpost.tables.iter().enumerate() {
        text.push_str(&paragraph(&format!("{:>3}. ", place + 1), &row(one), width));
        for line in said(one) {
            text.push_str(&paragraph("     ", &line, width));
        }
    }
    if signpost.tables.is_empty() && signpost.may_be_asked.is_empty() {
        text.push_str("\nThe agreement allows no table by any of these dimensions.\n");
    }
    if !signpost.may_be_asked.is_empty() {
        text.push_str("\nMay be asked: each is decided when somebody first asks for it\n");
        for near in &signpost.may_be_asked {
            text.push_str(&paragraph("   · ", &named(near), width));
        }
    }
    if signpost.more > 0 {
        text.push_str(&format!(
            "   and {} more, by coarser levels or fewer dimensions\n",
            signpost.more
        ));
    }
    glyphs.apply(text)
}

/// The table and its row: `by imd.quintile,sex: 1 – most deprived, Male`.
fn row(one: &Asked<'_>) -> String {
    match one.cell() {
        Some((_, labels)) => format!("by {}: {}", rung_text(&one.near.by), labels.join(", ")),
        None => named(one.near),
    }
}

/// The same by ids, of a table whose labels no answer has.
fn named(near: &Near) -> String {
    let at: Vec<&str> = near.at.iter().map(CategoryId::as_str).collect();
    format!("by {}: {}", rung_text(&near.by), at.join(", "))
}

fn said(one: &Asked<'_>) -> Vec<String> {
    let answer = match &one.answer {
        Ok(answer) => answer,
        Err(why) => return vec![format!("no answer: {}", words::clean(why))],
    };
    let mut lines = Vec::new();
    let released = one.partners(Part::Released);
    if let Some((cell, _)) = one.cell() {
        let mut figure = words::count(&cell.numerator);
        if answer.indicator.kind.is_share() {
            let share =
                words::share(cell).map(|s| s.cell()).unwrap_or_else(|| words::NOTHING.to_owned());
            figure = format!("{figure} of {}, {share}", words::count(&cell.denominator));
        }
        lines.push(format!("released by {}: {figure}", released.join(", ")));
    }
    let withheld = one.partners(Part::Withheld);
    if !withheld.is_empty() {
        lines.push(format!("withheld by {}", withheld.join(", ")));
    }
    let others = answer.coverage.iter().filter(|line| Part::of(line) == Part::Other);
    let absent = others.filter(|line| line.status != CoverageStatus::NoData);
    lines.extend(absent.map(|line| format!("{}: {}", line.ods, words::coverage(line))));
    if lines.is_empty() {
        lines.push("nobody who was asked holds such data".to_owned());
    }
    lines
}

#[derive(Serialize)]
struct SignpostJson<'a> {
    indicator: &'a IndicatorId,
    period: Period,
    at: Map<String, Value>,
    tables: Vec<TableJson<'a>>,
    may_be_asked: Vec<NearJson>,
    more: usize,
}

#[derive(Serialize)]
struct NearJson {
    by: Vec<String>,
    at: Map<String, Value>,
}

#[derive(Serialize)]
struct TableJson<'a> {
    #[serde(flatten)]
    near: NearJson,
    status: Standing,
    released_by: Vec<&'a str>,
    withheld_by: Vec<&'a str>,
    others: Vec<OtherJson<'a>>,
    numerator: Option<SideJson>,
    denominator: Option<SideJson>,
    proportion: Option<RangeJson>,
    lower95: Option<f64>,
    upper95: Option<f64>,
    error: Option<&'a str>,
    query_id: Option<QueryId>,
}

#[derive(Serialize)]
struct OtherJson<'a> {
    ods: &'a str,
    status: &'static str,
    reason: Option<&'a str>,
}

/// For programs: one object.
#[must_use]
pub fn json_pretty(signpost: &Signpost<'_>) -> String {
    let at = signpost.at.iter().map(|(d, c)| (d.to_string(), Value::from(*c)));
    let json = SignpostJson {
        indicator: signpost.indicator,
        period: signpost.period,
        at: at.collect(),
        tables: signpost.tables.iter().map(TableJson::from).collect(),
        may_be_asked: signpost.may_be_asked.iter().map(|near| NearJson::from(*near)).collect(),
        more: signpost.more,
    };
    serde_json::to_string_pretty(&json).unwrap_or_default()
}

impl From<&Near> for NearJson {
    fn from(near: &Near) -> Self {
        let at = near.by.iter().zip(&near.at);
        let at = at.map(|(level, c)| (level.dimension().to_string(), Value::from(c.as_str())));
        Self { by: near.by.iter().map(ToString::to_string).collect(), at: at.collect() }
    }
}

impl<'a> From<&'a Asked<'a>> for TableJson<'a> {
    fn from(one: &'a Asked<'a>) -> Self {
        let cell = one.cell().map(|(cell, _)| cell);
        let share = cell.and_then(|cell| cell.proportion);
        let lines = one.answer.as_ref().map(|a| a.coverage.as_slice()).unwrap_or_default();
        let others = lines.iter().filter(|line| Part::of(line) == Part::Other);
        let other = |line: &'a evensum_core::view::Coverage| OtherJson {
            ods: line.ods.as_str(),
            status: line.status.as_str(),
            reason: line.reason.as_deref(),
        };
        Self {
            near: NearJson::from(one.near),
            status: one.standing(),
            released_by: one.partners(Part::Released),
            withheld_by: one.partners(Part::Withheld),
            others: others.map(other).collect(),
            numerator: cell.map(|cell| SideJson::from(cell.numerator)),
            denominator: cell.map(|cell| SideJson::from(cell.denominator)),
            proportion: share.map(RangeJson::from),
            lower95: share.map(|p| rounded(p.lower95)),
            upper95: share.map(|p| rounded(p.upper95)),
            error: one.answer.as_ref().err().map(String::as_str),
            query_id: one.answer.as_ref().ok().and_then(|answer| answer.query_id),
        }
    }
}
