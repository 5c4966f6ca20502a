//! Files of answers for other programs: a workbook, Parquet, FHIR, and the layouts of Fingertips and of the Central
//! Metrics Library. Answers are flattened once into [`Table`]s of [`Row`]s, and every format writes those: none walks
//! an answer by itself. Bytes come out; whoever calls writes them somewhere.
//!
//! A hidden figure is a [`Mark`] and no number. It is never zero and never blank, but where a layout has a convention
//! of its own for it.

pub mod cml;
pub mod fhir;
pub mod fingertips;
pub mod notes;
pub mod parquet;
mod rows;
#[cfg(test)]
mod tests;
pub mod xlsx;

use evensum_core::disclosure::Policy;
use evensum_core::model::{
    Agreement, AgreementId, CategoryId, CellState, Date, DimensionId, FederationId, Handling,
    ImdEdition, IndicatorId, LevelId, Ods, Period, PurposeId, QueryId, Role, Timestamp,
};
use evensum_core::view::Answer;

use super::csv::{CsvError, guarded};
use super::words::clean;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A sheet has so many rows.
    #[error(
        "an answer has {rows} rows, and a sheet takes {limit}: ask by fewer levels, or take --format parquet"
    )]
    Rows {
        /// How many there are.
        rows: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A workbook has so many sheets.
    #[error(
        "there are {answers} answers, and a workbook takes {limit}: ask for fewer, or take --format parquet"
    )]
    Sheets {
        /// How many there are.
        answers: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The layout has no such period.
    #[error(
        "the Central Metrics Library has no grain for {0}, a financial year: ask by months or by quarters"
    )]
    Grain(Period),
    /// The workbook's library could not write it.
    #[error("the answers could not be written as a workbook")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// The columns do not make a table.
    #[error("the answers could not be written as Parquet")]
    Columns(#[from] arrow_schema::ArrowError),
    /// The library could not write it.
    #[error("the answers could not be written as Parquet")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// The library could not write it.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// The library could not write it.
    #[error("the answers could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Under which terms answers were given, and with what the file was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The federation.
    pub federation: FederationId,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its version.
    pub agreement_version: u32,
    /// What was asked for.
    pub purpose: PurposeId,
    /// Who may have the answers.
    pub handling: Handling,
    /// The organisation that reports: the one that runs the coordinator, and its name.
    pub reporter: Option<(Ods, String)>,
    /// The area whose people are counted.
    pub area: Area,
    /// The program and its version.
    pub tool: String,
    /// When the file was made.
    pub made_on: Timestamp,
}

/// The area whose people are counted: one ICB, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its code; those of several joined by hyphens.
    pub code: String,
    /// Its name.
    pub name: String,
    /// `ICB` or `ICBs`.
    pub kind: &'static str,
}

impl About {
    /// What an agreement says of its answers.
    #[must_use]
    pub fn new(agreement: &Agreement, purpose: PurposeId, tool: &str, made_on: Timestamp) -> Self {
        let coordinator = agreement.coordinator();
        let name = |ods: &str| {
            let named = agreement.parties.iter().filter(|p| p.ods.as_str() == ods);
            let coordinates = |role| role == Role::Coordinator;
            let own = named.filter(|p| coordinates(p.role)).find_map(|p| p.name.clone());
            guarded(&clean(&own.unwrap_or_else(|| ods.to_owned())))
        };
        let icbs: Vec<&str> = agreement.residence_scope.iter().map(CategoryId::as_str).collect();
        let names: Vec<String> = icbs.iter().map(|icb| name(icb)).collect();
        Self {
            federation: agreement.federation.clone(),
            agreement: agreement.id.clone(),
            agreement_version: agreement.version,
            purpose,
            handling: agreement.handling,
            reporter: coordinator.map(|party| (party.ods.clone(), name(party.ods.as_str()))),
            area: Area {
                code: guarded(&icbs.join("-")),
                name: super::words::list(&names),
                kind: if icbs.len() > 1 { "ICBs" } else { "ICB" },
            },
            tool: tool.to_owned(),
            made_on,
        }
    }
}

/// Why no number stands somewhere, by the shorthand of the Government Analysis Function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Withheld under disclosure control.
    Confidential,
    /// Nobody has it, or it cannot be worked out.
    NotAvailable,
    /// It cannot occur, or nobody is in the group.
    NotApplicable,
    /// It is more than 0 and rounds to 0.
    Low,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Confidential, Self::NotAvailable, Self::NotApplicable, Self::Low];

    /// The shorthand: `[c]`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confidential => "[c]",
            Self::NotAvailable => "[x]",
            Self::NotApplicable => "[z]",
            Self::Low => "[low]",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Confidential => {
                "confidential: withheld under disclosure control, or fewer than the limit. It is not zero"
            }
            Self::NotAvailable => {
                "not available: not collected, the partner is not in the figures, nothing that was published bounds it, or it cannot be worked out"
            }
            Self::NotApplicable => {
                "not applicable: it cannot occur by definition, or nobody is in the group"
            }
            Self::Low => "low: more than 0, and 0 when it is rounded",
        }
    }
}

/// What is known of a number. An end that is not there is not known: it is not zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known<T> {
    /// The least that it can be; none where it is hidden and may be nothing.
    pub low: Option<T>,
    /// The most that it can be, where anything bounds it.
    pub high: Option<T>,
    /// The one figure that was published.
    pub published: Option<T>,
    /// Why it is no number.
    pub mark: Option<Mark>,
}

/// A dimension that a table is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The dimension.
    pub dimension: DimensionId,
    /// The level.
    pub level: LevelId,
    /// Its name.
    pub name: String,
}

/// Where a row stands on one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The category.
    pub category: CategoryId,
    /// Its label.
    pub label: String,
}

impl Place {
    /// Whether it is everybody.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.category.is_all()
    }
}

/// The name of the figure of a table that has none but its counts.
const COUNT: &str = "Count";

/// A figure of a table: its share, its count, its rate, its mean, or one of its percentiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its name: `Share`, `92nd percentile`.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Per so many people, of a rate.
    pub per: Option<u32>,
}

/// One figure of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it stands on each axis.
    pub at: Vec<Place>,
    /// Which of the table's figures.
    pub figure: usize,
    /// The state of the numerator.
    pub state: CellState,
    /// The count above the line.
    pub numerator: Known<u64>,
    /// The count below the line.
    pub denominator: Known<u64>,
    /// The figure, in the unit of the figure: shares in per cent.
    pub value: Known<f64>,
    /// The lowest lower 95 % limit of anything that the figure can be.
    pub lower95: Option<f64>,
    /// The highest upper 95 % limit.
    pub upper95: Option<f64>,
    /// The people below the line of a rate.
    pub population: Option<u64>,
    /// How many decimals people are shown.
    pub decimals: u8,
    /// What is known of the numerator, in words: `fewer than 8`.
    pub words: String,
}

/// A partner of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its code.
    pub ods: Ods,
    /// Its name.
    pub name: String,
    /// Whether it is in the figures.
    pub answered: bool,
    /// Whether it was asked, holds such data, and is not in the figures.
    pub missing: bool,
    /// What became of its part, with the reason.
    pub said: String,
    /// The date that its extract describes.
    pub as_of: Option<Date>,
    /// The standing of its extract.
    pub standing: Option<&'static str>,
    /// The policy of its release.
    pub policy: Option<Policy>,
}

/// One answer as rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The indicator.
    pub indicator: IndicatorId,
    /// Its version.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The unit of its figure.
    pub unit: String,
    /// How its figure is made: `proportion`, `count`.
    pub kind: &'static str,
    /// What stands above the line.
    pub above: String,
    /// What is counted.
    pub counted: String,
    /// The period.
    pub period: Period,
    /// The restriction: `tfc.group=130`.
    pub scope: Option<String>,
    /// The axes.
    pub axes: Vec<Axis>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The rows.
    pub rows: Vec<Row>,
    /// What it is, in one line.
    pub title: String,
    /// What it says, and no more than its ranges allow.
    pub finding: String,
    /// Which view: `interval`, `pooled`, `partner`.
    pub view: &'static str,
    /// The query; none of a view of one's own extract.
    pub query: Option<QueryId>,
    /// The policy, where the partners' agree.
    pub policy: Option<Policy>,
    /// The levels that it is by.
    pub rung: String,
    /// The levels that were asked for, where they were finer.
    pub asked: Option<String>,
    /// The edition of the deprivation index, where the partners' agree.
    pub imd_edition: Option<ImdEdition>,
    /// Every partner that was asked.
    pub partners: Vec<Partner>,
    /// What a reader must know.
    pub caveats: Vec<String>,
    /// Published figures beside it, and what there is to know of rates.
    pub beside: Vec<String>,
}

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The indicator.
    pub indicator: IndicatorId,
    /// The period.
    pub period: Period,
    /// Why.
    pub why: String,
}

/// Answers that go into a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    about: About,
    tables: Vec<Table>,
    unanswered: Vec<Unanswered>,
}

impl Export {
    /// Flattens answers; `unanswered` are the questions of the same query that have none.
    #[must_use]
    pub fn new(about: About, answers: &[&Answer], unanswered: Vec<Unanswered>) -> Self {
        Self { about, tables: answers.iter().map(|a| rows::table(a)).collect(), unanswered }
    }

    /// Under which terms the answers were given.
    #[must_use]
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// The answers.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The questions without an answer.
    #[must_use]
    pub fn unanswered(&self) -> &[Unanswered] {
        &self.unanswered
    }

    /// What the file is, in one line.
    #[must_use]
    pub fn title(&self) -> String {
        match self.tables.as_slice() {
            [] => "No answers".to_owned(),
            [one] => one.title.clone(),
            several => format!("{} tables of the system's figures", several.len()),
        }
    }
}

impl Table {
    /// The policy in words: `differs between partners` where it does.
    #[must_use]
    pub fn policy_said(&self) -> String {
        match self.policy {
            Some(policy) => said(policy),
            None if self.partners.iter().any(|p| p.policy.is_some()) => {
                "differs between partners".to_owned()
            }
            None => "none: no partner's figures are in the answer".to_owned(),
        }
    }

    /// The figure of a row.
    #[must_use]
    pub fn figure(&self, row: &Row) -> Option<&Figure> {
        self.figures.get(row.figure)
    }

    /// Whether any row has one published figure, and not only what it lies between.
    fn publishes(&self) -> bool {
        self.rows.iter().any(|row| row.numerator.published.is_some())
    }
}

impl Row {
    /// The published figure to as many decimals as people are shown; more of a figure that would round to nothing.
    fn published(&self) -> Option<f64> {
        let figure = self.value.published?;
        let steps = 10_f64.powi(self.decimals.into());
        let rounded = (figure * steps).round() / steps;
        Some(if rounded == 0.0 { figure } else { rounded })
    }
}

impl<T: Copy> Known<T> {
    /// Nothing, for a reason.
    const fn nothing(mark: Mark) -> Self {
        Self { low: None, high: None, published: None, mark: Some(mark) }
    }

    /// Both ends, where it is not hidden and both are known.
    fn ends(&self) -> Option<(T, T)> {
        if self.mark.is_some() { None } else { self.low.zip(self.high) }
    }
}

/// `nhs75m (hidden up to 7, base 5): figures rounded …`.
fn said(policy: Policy) -> String {
    format!(
        "{} (hidden up to {}, base {}): {}",
        policy.profile.as_str(),
        policy.limit,
        policy.base,
        super::words::policy(policy)
    )
}
