//! A release as a document: one canonical byte form, frozen for ever.

use serde::{Deserialize, Serialize};

use super::cell_key;
use super::distinct::PeopleText;
use super::pooled::Pooled;
use crate::catalogue::PersonRows;
use crate::model::{
    CategoryId, DatasetId, Digest, FederationId, LevelId, Ods, Profile, Question, Shown,
    SnapshotRef,
};

/// The format's name.
pub(super) const FORMAT: &str = "evensum-release-1";

/// The policy that a release was made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The profile.
    pub profile: Profile,
    /// The highest count that is hidden.
    pub limit: u64,
    /// What shown counts are multiples of.
    pub base: u64,
    /// The hash of the table by which counts are changed at random, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ptable: Option<Digest>,
}

impl From<Profile> for Policy {
    fn from(profile: Profile) -> Self {
        let (limit, base) = (profile.limit(), profile.base());
        Self { profile, limit, base, ptable: cell_key::digest(profile) }
    }
}

/// The categories of one axis, by id, in order; the outcome's axis stands last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisIds {
    /// The level.
    pub level: LevelId,
    /// Its categories, `all` last.
    pub categories: Vec<CategoryId>,
}

/// One cell on the wire: a rounded count, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CellText {
    /// A published count.
    Count(u64),
    /// A state.
    State(HiddenState),
}

/// Why a cell shows no count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenState {
    /// Not above the limit.
    Small,
    /// Withheld.
    Suppressed,
    /// Cannot occur.
    StructuralZero,
}

impl From<Shown> for CellText {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Published(r) => Self::Count(r),
            Shown::Small => Self::State(HiddenState::Small),
            Shown::Suppressed => Self::State(HiddenState::Suppressed),
            Shown::StructuralZero => Self::State(HiddenState::StructuralZero),
        }
    }
}

impl From<CellText> for Shown {
    fn from(text: CellText) -> Self {
        match text {
            CellText::Count(r) => Self::Published(r),
            CellText::State(HiddenState::Small) => Self::Small,
            CellText::State(HiddenState::Suppressed) => Self::Suppressed,
            CellText::State(HiddenState::StructuralZero) => Self::StructuralZero,
        }
    }
}

/// One figure of one group: a rounded whole number of its grid's units, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FigureText {
    /// A figure: of a mean in halves of the measure's unit, of a percentile in its units, of a ratio in thousandths.
    Value(u64),
    /// A state.
    State(NoFigure),
}

/// Why a group shows no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoFigure {
    /// Withheld, whichever rule withheld it.
    Withheld,
    /// A percentile above the last unit that is counted by itself.
    Over,
}

/// The figures of a table's groups that counts do not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// How much more coarsely than need be they are rounded, because a finer rounding would narrow the counts down:
    /// 1, 2, 5 or 10. Percentiles have 1.
    pub coarse: u64,
    /// A list for each figure of the indicator (one for each percentile, else one), of one figure for each group in
    /// the lattice's order.
    pub values: Vec<Vec<FigureText>>,
}

/// A table after disclosure control: a partner's, or of a closed round of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseDocument {
    /// Always `evensum-release-1`.
    pub format: String,
    /// The partner, or the coordinator of the round.
    pub ods: Ods,
    /// The federation whose population this is.
    pub federation: FederationId,
    /// The ICBs of residence whose people are counted.
    pub residence_scope: Vec<CategoryId>,
    /// The dataset.
    pub dataset: DatasetId,
    /// What was asked, its breakdown in the catalogue's order.
    pub question: Question,
    /// The extract. Of a round: the closing's hash as the id, and the standing of the partners' extracts.
    pub snapshot: SnapshotRef,
    /// The policy.
    pub policy: Policy,
    /// Whether a person may have several rows.
    pub person_rows: PersonRows,
    /// The axes, the outcome's last.
    pub axes: Vec<AxisIds>,
    /// The cells in mixed radix, the last axis running fastest.
    pub cells: Vec<CellText>,
    /// The figures that counts do not give, of an indicator that has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
    /// The closed round of several partners that a coordinator made the table from. A partner's own release has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pooled>,
    /// About how many different people the records of a round are of, where it is by at most one level and the agreement
    /// estimates them: one for each category, everybody last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_people: Option<Vec<PeopleText>>,
}

impl ReleaseDocument {
    /// How far true counts may lie beyond what the policy says of the shown ones, because they were changed at random
    /// before they were added up.
    #[must_use]
    pub fn off_by(&self) -> u64 {
        self.pool.as_ref().map_or(0, Pooled::off_by)
    }
}
