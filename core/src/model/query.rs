//! A question as the analyst's tool signs it.

use serde::{Deserialize, Serialize};

use super::ids::{
    AgreementId, CategoryId, Digest, FederationId, IndicatorId, LevelId, Ods, PurposeId, QueryId,
};
use super::period::Period;
use super::time::Timestamp;

/// The longest that a query may live, from `not_before` to `expires`, in seconds.
pub const MAX_LIFE_SECONDS: i64 = 600;

/// One question of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The indicator of the catalogue.
    pub indicator: IndicatorId,
    /// The hash of the definition that the analyst's tool has.
    pub definition_hash: Digest,
    /// The period.
    pub period: Period,
    /// The levels that the answer is broken down by.
    pub by: Vec<LevelId>,
    /// The one restriction that a question may carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

impl Question {
    /// The most dimensions beside the outcome in a partner's table.
    pub const MAX_DIMENSIONS: usize = 2;

    /// Checks that the breakdown is no larger than a partner's table may be, and names each dimension once.
    ///
    /// # Errors
    /// [`QueryError::Breakdown`].
    pub fn shape(&self) -> Result<(), QueryError> {
        let mut dimensions: Vec<_> = self.by.iter().map(LevelId::dimension).collect();
        dimensions.sort();
        dimensions.dedup();
        if dimensions.len() != self.by.len() || dimensions.len() > Self::MAX_DIMENSIONS {
            return Err(QueryError::Breakdown { most: Self::MAX_DIMENSIONS });
        }
        Ok(())
    }
}

/// A restriction to one category of one level of the dataset's closed list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The level, such as `tfc.group`.
    pub level: LevelId,
    /// The category, such as `130`.
    pub category: CategoryId,
}

/// A query: one or several questions under one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Made by the analyst's tool; never used for anything else.
    pub query_id: QueryId,
    /// The federation that is asked.
    pub federation: FederationId,
    /// The agreement that is relied on.
    pub agreement: AgreementId,
    /// The hash of the agreement as the analyst has it.
    pub agreement_hash: Digest,
    /// What it is asked for.
    pub purpose: PurposeId,
    /// The partners that are asked.
    pub targets: Vec<Ods>,
    /// Not to be answered before.
    pub not_before: Timestamp,
    /// Not to be answered at or after.
    pub expires: Timestamp,
    /// The questions.
    pub questions: Vec<Question>,
}

/// Why a query is not well formed, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No target, or one twice.
    #[error("a query names each partner that it asks once, and at least one")]
    Targets,
    /// Not one question.
    #[error("a query carries one question in this version")]
    Questions,
    /// The same dimension twice, or too many.
    #[error("a question is broken down by at most {most} dimensions, each of them once")]
    Breakdown {
        /// The limit.
        most: usize,
    },
    /// Expires before it starts or lives too long.
    #[error("a query lives more than 0 and at most {MAX_LIFE_SECONDS} seconds")]
    Life,
}

impl Query {
    /// Checks what can be checked of the query alone, and hands out its question.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn question(&self) -> Result<&Question, QueryError> {
        let mut targets = self.targets.clone();
        targets.sort();
        targets.dedup();
        if targets.is_empty() || targets.len() != self.targets.len() {
            return Err(QueryError::Targets);
        }
        let life = self.expires.as_unix().saturating_sub(self.not_before.as_unix());
        if !(1..=MAX_LIFE_SECONDS).contains(&life) {
            return Err(QueryError::Life);
        }
        let [question] = self.questions.as_slice() else {
            return Err(QueryError::Questions);
        };
        question.shape()?;
        Ok(question)
    }
}
