//! The JSON answer: the one form of an answer that programs read, the same from the command line and from
//! the API. Counts are bounds: `low` and `high`, where `high` is null if nothing published bounds it.

use data_encoding::BASE64;
use evensum_core::disclosure::{Policy, Side};
use evensum_core::model::{
    CellState, Date, Digest, ImdEdition, IndicatorId, LevelId, Ods, Period, QueryId, Scope,
};
use evensum_core::statistics::ProportionBounds;
use evensum_core::view::{Answer, AxisView, Cell, Coverage, IndicatorView, ReceiptRow, ReleaseRow};
use serde::{Serialize, Serializer};

use super::figure::{FigureJson, KindJson};
use super::inequality::{Finding, findings};
use super::overview::{Outcome, Unanswered};
use super::people::PeopleJson;
use super::rate::{BesideJson, RateJson};

/// The answer as a JSON value, for embedding in another document. A value does not keep the order of its
/// keys: [`to_string_pretty`] does.
#[must_use]
pub fn answer(answer: &Answer) -> serde_json::Value {
    // Every key is text, so that there is nothing that JSON could not hold.
    serde_json::to_value(AnswerJson::from(answer)).unwrap_or_default()
}

/// The answer as JSON text, its keys in the order of the format.
#[must_use]
pub fn to_string_pretty(answer: &Answer) -> String {
    serde_json::to_string_pretty(&AnswerJson::from(answer)).unwrap_or_default()
}

/// What came of several questions as one JSON list, in the order of the questions: an answer as of
/// [`to_string_pretty`] each, or `{indicator, period, error: {code, text}}`.
#[must_use]
pub fn list_pretty(outcomes: &[Outcome<'_>]) -> String {
    let each: Vec<OneJson<'_>> = outcomes.iter().map(OneJson::from).collect();
    serde_json::to_string_pretty(&each).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(untagged)]
enum OneJson<'a> {
    Answer(Box<AnswerJson<'a>>),
    Error { indicator: &'a IndicatorId, period: Period, error: ErrorJson<'a> },
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    code: &'static str,
    text: &'a str,
}

impl<'a> From<&'a Outcome<'a>> for OneJson<'a> {
    fn from(outcome: &'a Outcome<'a>) -> Self {
        match &outcome.answer {
            Ok(answer) => Self::Answer(Box::new(AnswerJson::from(*answer))),
            Err(Unanswered { code, text }) => Self::Error {
                indicator: outcome.indicator,
                period: outcome.period,
                error: ErrorJson { code, text },
            },
        }
    }
}

#[derive(Serialize)]
struct AnswerJson<'a> {
    indicator: IndicatorJson<'a>,
    period: Period,
    breakdown: Vec<&'a LevelId>,
    scope: Option<&'a Scope>,
    view: &'static str,
    policy: Option<Policy>,
    rung: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<&'a [LevelId]>,
    imd_edition: Option<ImdEdition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    figure: Option<KindJson<'a>>,
    cells: Vec<CellJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inequality: Vec<Finding>,
    coverage: Vec<CoverageJson<'a>>,
    caveats: &'a [String],
    receipts: Vec<ReceiptJson<'a>>,
    releases: Vec<ReleaseJson<'a>>,
    query_id: Option<QueryId>,
    elapsed_ms: u64,
    #[serde(flatten)]
    beside: BesideJson<'a>,
}

#[derive(Serialize)]
struct IndicatorJson<'a> {
    id: &'a IndicatorId,
    version: u32,
    name: &'a str,
    unit: &'a str,
    kind: &'static str,
}

#[derive(Serialize)]
struct CellJson<'a> {
    at: At<'a>,
    state: CellState,
    numerator: SideJson,
    denominator: SideJson,
    proportion: Option<RangeJson>,
    lower95: Option<f64>,
    upper95: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<RateJson<'a>>,
    /// The one figure, or the first of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    figure: Option<FigureJson>,
    /// All of them, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    figures: Vec<FigureJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct_people: Option<PeopleJson>,
}

/// `{dimension: category}`, in the order of the axes.
struct At<'a> {
    axes: &'a [AxisView],
    at: &'a [usize],
}

impl Serialize for At<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let pairs = self.axes.iter().zip(self.at);
        to.collect_map(pairs.filter_map(|(axis, &position)| {
            axis.categories.get(position).map(|category| (&axis.dimension, &category.id))
        }))
    }
}

#[derive(Serialize)]
pub(super) struct SideJson {
    state: CellState,
    low: u64,
    high: Option<u64>,
    published: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct RangeJson {
    low: f64,
    high: f64,
}

impl From<ProportionBounds> for RangeJson {
    fn from(share: ProportionBounds) -> Self {
        Self { low: rounded(share.low), high: rounded(share.high) }
    }
}

#[derive(Serialize)]
struct CoverageJson<'a> {
    ods: &'a Ods,
    name: &'a str,
    status: &'static str,
    reason: Option<&'a str>,
    snapshot: Option<Digest>,
    as_of: Option<Date>,
    policy: Option<Policy>,
    rung: Option<&'a str>,
}

#[derive(Serialize)]
struct ReceiptJson<'a> {
    ods: &'a Ods,
    index: u64,
    entry: String,
    proof: Vec<String>,
    checkpoint: &'a str,
}

#[derive(Serialize)]
struct ReleaseJson<'a> {
    ods: &'a Ods,
    bytes: String,
    signature: String,
}

impl<'a> From<&'a Answer> for AnswerJson<'a> {
    fn from(answer: &'a Answer) -> Self {
        Self {
            indicator: IndicatorJson::from(&answer.indicator),
            period: answer.period,
            breakdown: answer.axes.iter().map(|axis| &axis.level).collect(),
            scope: answer.scope.as_ref(),
            view: answer.view.as_str(),
            policy: answer.policy,
            rung: &answer.rung,
            asked: answer.asked.as_ref().map(|asked| asked.levels.as_slice()),
            imd_edition: answer.imd_edition,
            figure: KindJson::of(answer),
            cells: answer.cells.iter().map(|c| CellJson::new(answer, c)).collect(),
            inequality: findings(answer),
            coverage: answer.coverage.iter().map(CoverageJson::from).collect(),
            caveats: &answer.caveats,
            receipts: answer.receipts.iter().map(ReceiptJson::from).collect(),
            releases: answer.releases.iter().map(ReleaseJson::from).collect(),
            query_id: answer.query_id,
            elapsed_ms: answer.elapsed_ms,
            beside: BesideJson::from(answer),
        }
    }
}

impl<'a> From<&'a IndicatorView> for IndicatorJson<'a> {
    fn from(indicator: &'a IndicatorView) -> Self {
        Self {
            id: &indicator.id,
            version: indicator.version,
            name: &indicator.name,
            unit: &indicator.unit,
            kind: indicator.kind.as_str(),
        }
    }
}

impl<'a> CellJson<'a> {
    fn new(answer: &'a Answer, cell: &'a Cell) -> Self {
        let share = cell.proportion;
        Self {
            at: At { axes: &answer.axes, at: &cell.at },
            state: cell.numerator.state,
            numerator: SideJson::from(cell.numerator),
            denominator: SideJson::from(cell.denominator),
            proportion: share.map(RangeJson::from),
            lower95: share.map(|p| rounded(p.lower95)),
            upper95: share.map(|p| rounded(p.upper95)),
            rate: RateJson::of(answer, cell),
            figure: cell.figures.first().map(FigureJson::from),
            figures: match &cell.figures[..] {
                [] | [_] => Vec::new(),
                several => several.iter().map(FigureJson::from).collect(),
            },
            distinct_people: PeopleJson::of(cell),
        }
    }
}

impl From<Side> for SideJson {
    fn from(side: Side) -> Self {
        let Side { state, bounds, published } = side;
        Self { state, low: bounds.low, high: bounds.high, published }
    }
}

impl<'a> From<&'a Coverage> for CoverageJson<'a> {
    fn from(line: &'a Coverage) -> Self {
        Self {
            ods: &line.ods,
            name: &line.name,
            status: line.status.as_str(),
            reason: line.reason.as_deref(),
            snapshot: line.snapshot,
            as_of: line.as_of,
            policy: line.policy,
            rung: line.rung.as_deref(),
        }
    }
}

impl<'a> From<&'a ReceiptRow> for ReceiptJson<'a> {
    fn from(row: &'a ReceiptRow) -> Self {
        Self {
            ods: &row.ods,
            index: row.parts.index,
            entry: BASE64.encode(&row.parts.entry),
            proof: row.parts.proof.iter().map(|hash| BASE64.encode(hash.as_bytes())).collect(),
            checkpoint: &row.parts.checkpoint,
        }
    }
}

impl<'a> From<&'a ReleaseRow> for ReleaseJson<'a> {
    fn from(row: &'a ReleaseRow) -> Self {
        Self {
            ods: &row.ods,
            bytes: BASE64.encode(&row.bytes),
            signature: BASE64.encode(&row.signature),
        }
    }
}

/// To six decimals, the precision of the format.
pub(super) fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}
