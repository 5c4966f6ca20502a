//! The parts of an answer.

use super::beside::Beside;
use super::completeness::Completeness;
use crate::catalogue::{CategoryKind, IndicatorKind, Polarity};
use crate::disclosure::{FigureBounds, FigureGap, NoPeople, PeopleBounds, Policy, Side, Verified};
use crate::ledger::ReceiptParts;
use crate::model::{
    CategoryId, Date, Digest, DimensionId, ImdEdition, IndicatorId, LevelId, Ods, Period, QueryId,
    RefusalCode, Scope, SnapshotVersion,
};
use crate::statistics::ProportionBounds;

/// Which of the three views an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    /// Sums of bounds over the partners' releases.
    Interval,
    /// The blind sum over all partners, put under disclosure control after it was added up.
    Pooled,
    /// One partner's own figures.
    Partner,
}

impl ViewKind {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Pooled => "pooled",
            Self::Partner => "partner",
        }
    }
}

/// The indicator that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorView {
    /// Its id.
    pub id: IndicatorId,
    /// Its version.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The unit of its figure.
    pub unit: String,
    /// How its figure is made. The share of a cell is given for proportions alone.
    pub kind: IndicatorKind,
    /// Whether those that are counted are people, of whom each has one record.
    pub people: bool,
    /// Which way is better.
    pub polarity: Polarity,
    /// What its figure says of those above the line, as a verb: `wait over 52 weeks`.
    pub phrase: String,
    /// What is counted below the line.
    pub counted: String,
    /// What the numerator counts, in words.
    pub numerator: String,
}

/// A category of an axis, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryView {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// Whether it says something known.
    pub kind: CategoryKind,
}

/// An axis of the answer, without the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxisView {
    /// Its dimension: the key of a cell's coordinate.
    pub dimension: DimensionId,
    /// Its level.
    pub level: LevelId,
    /// Its name.
    pub name: String,
    /// Its categories, `all` last.
    pub categories: Vec<CategoryView>,
}

/// A cell of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The category position on each axis.
    pub at: Vec<usize>,
    /// The numerator.
    pub numerator: Side,
    /// The denominator.
    pub denominator: Side,
    /// What can be said of the proportion; nothing where no case is possible, or the indicator is none.
    pub proportion: Option<ProportionBounds>,
    /// Means, percentiles or ratios of sums: one for each percentile of the indicator, one for a mean or a ratio, none
    /// for what counts give.
    pub figures: Vec<Result<FigureBounds, FigureGap>>,
    /// About how many different people the records of the cell are of, whatever their outcome; nothing where nobody
    /// estimates them.
    pub people: Option<Result<PeopleBounds, NoPeople>>,
}

/// What became of one partner's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoverageStatus {
    /// In the figures.
    Answered,
    /// Refused.
    Refused,
    /// Did not answer in time.
    Late,
    /// Could not be reached.
    Unreachable,
    /// Holds no such data.
    NoData,
}

impl CoverageStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Answered, Self::Refused, Self::Late, Self::Unreachable, Self::NoData];

    /// What a verified answer of a partner means for coverage.
    #[must_use]
    pub fn of(answer: &Verified) -> Self {
        match answer {
            Verified::Release(_) => Self::Answered,
            Verified::Refusal(refusal) => Self::of_refusal(refusal.code()),
        }
    }

    pub(super) const fn of_refusal(code: RefusalCode) -> Self {
        match code {
            // A partner without the column holds no such data for the whole table.
            RefusalCode::NoData | RefusalCode::ColumnNotHeld => Self::NoData,
            _ => Self::Refused,
        }
    }

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::Unreachable => "unreachable",
            Self::NoData => "no_data",
        }
    }
}

/// One partner's line in the coverage of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The partner.
    pub ods: Ods,
    /// Its name.
    pub name: String,
    /// What became of its part.
    pub status: CoverageStatus,
    /// Why, where it is not in the figures.
    pub reason: Option<String>,
    /// The rule of its own signed refusal.
    pub refusal: Option<RefusalCode>,
    /// Id of its extract.
    pub snapshot: Option<Digest>,
    /// Date that the extract describes.
    pub as_of: Option<Date>,
    /// Standing of the extract.
    pub version: Option<SnapshotVersion>,
    /// Policy of its release.
    pub policy: Option<Policy>,
    /// The finest levels by which it released the table, of those that were asked.
    pub rung: Option<String>,
}

/// The breakdown that somebody asked for, where the answer is by a coarser one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedBy {
    /// The levels.
    pub levels: Vec<LevelId>,
    /// Their names.
    pub names: Vec<String>,
}

/// A proof of entry, as it travels with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Whose audit log.
    pub ods: Ods,
    /// The proof.
    pub parts: ReceiptParts,
}

/// A partner's signed release, as it travels with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// The partner.
    pub ods: Ods,
    /// The release's bytes.
    pub bytes: Vec<u8>,
    /// The partner's signature over its statement.
    pub signature: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The indicator.
    pub indicator: IndicatorView,
    /// The period.
    pub period: Period,
    /// The axes, in order.
    pub axes: Vec<AxisView>,
    /// The restriction.
    pub scope: Option<Scope>,
    /// Which view.
    pub view: ViewKind,
    /// The policy, where the partners' agree.
    pub policy: Option<Policy>,
    /// The levels that the answer is by, with commas.
    pub rung: String,
    /// The levels that were asked for, where those of the answer are coarser.
    pub asked: Option<AskedBy>,
    /// The edition of the deprivation index, where the partners' agree.
    pub imd_edition: Option<ImdEdition>,
    /// The cells, the last axis running fastest. None where no partner answered.
    pub cells: Vec<Cell>,
    /// Every partner that was asked, in order of code.
    pub coverage: Vec<Coverage>,
    /// How complete each release is, where the breakdown is one level: in order of partner.
    pub completeness: Vec<Completeness>,
    /// What a reader must know.
    pub caveats: Vec<String>,
    /// Proofs of entry of every audit log that took part.
    pub receipts: Vec<ReceiptRow>,
    /// The partners' signed releases.
    pub releases: Vec<ReleaseRow>,
    /// The query; none of a view of one's own extract, which answers no query.
    pub query_id: Option<QueryId>,
    /// From the arrival of the query to the answer; nothing where there was no query.
    pub elapsed_ms: u64,
    /// What the analyst's own reference data add.
    pub beside: Beside,
}

impl Answer {
    /// Whether every partner that was asked is in the figures or holds no such data.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.coverage
            .iter()
            .all(|c| matches!(c.status, CoverageStatus::Answered | CoverageStatus::NoData))
    }
}
