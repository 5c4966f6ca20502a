//! A question as the analyst's tool signs it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ids::{
    AgreementId, CategoryId, Digest, FederationId, IndicatorId, LevelId, Ods, PurposeId, QueryId,
};
use super::period::Period;
use super::time::Timestamp;

/// The longest that a query may live, from `not_before` to `expires`, in seconds.
pub const MAX_LIFE_SECONDS: i64 = 600;
/// The most questions of one query: ten indicators over a year of months.
pub const MAX_QUESTIONS: usize = 120;
/// The longest query in bytes of its canonical form: as many questions as may be, with ids of the greatest
/// length, for as many partners as an answer may have.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;

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

/// What makes two questions the same: the table that they ask for.
type Table<'a> = (&'a IndicatorId, Period, Vec<&'a LevelId>, Option<&'a Scope>);

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

    fn table(&self) -> Table<'_> {
        let mut by: Vec<&LevelId> = self.by.iter().collect();
        by.sort();
        (&self.indicator, self.period, by, self.scope.as_ref())
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

/// Which figures a query asks for, where not the sum of what partners release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryView {
    /// Those of the blind sum over all partners, put under disclosure control after they were added up.
    Pooled,
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
    /// Which figures; none where the partners that are asked release their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<QueryView>,
}

/// Why a query is not well formed, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No target, or one twice.
    #[error("a query names each partner that it asks once, and at least one")]
    Targets,
    /// No question, too many, or one twice.
    #[error("a query carries 1 to {MAX_QUESTIONS} questions, each of them once")]
    Questions,
    /// The same dimension twice in a question, or too many.
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
    /// Checks what can be checked of the query alone, and hands out its questions, whose places in this list,
    /// from 0, are their numbers everywhere.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn questions(&self) -> Result<&[Question], QueryError> {
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
        if !(1..=MAX_QUESTIONS).contains(&self.questions.len()) {
            return Err(QueryError::Questions);
        }
        let mut asked = BTreeSet::new();
        for question in &self.questions {
            question.shape()?;
            if !asked.insert(question.table()) {
                return Err(QueryError::Questions);
            }
        }
        Ok(&self.questions)
    }
}

#[cfg(test)]
mod tests {
    use super::super::canonical;
    use super::*;

    fn question(month: usize) -> Question {
        Question {
            indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
            definition_hash: Digest::of(b"definition"),
            period: format!("{}-{:02}", 2026 + month / 12, month % 12 + 1).parse().expect("period"),
            by: ["sex", "imd.quintile"].map(|l| LevelId::new(l).expect("level")).into(),
            scope: None,
        }
    }

    fn query(questions: Vec<Question>) -> Query {
        Query {
            query_id: QueryId::from_parts(1_790_000_000_000, &[1; 10]),
            federation: FederationId::new("icb.example").expect("id"),
            agreement: AgreementId::new("dsa").expect("id"),
            agreement_hash: Digest::of(b"agreement"),
            purpose: PurposeId::new("planning").expect("id"),
            targets: vec![Ods::new("R0D").expect("ods")],
            not_before: Timestamp::from_unix(0),
            expires: Timestamp::from_unix(60),
            questions,
            view: None,
        }
    }

    #[test]
    fn a_query_carries_some_questions_and_each_once() {
        let many = |n: usize| query((0..n).map(question).collect());
        for n in [1, 2, MAX_QUESTIONS] {
            assert_eq!(many(n).questions().map(<[_]>::len), Ok(n));
        }
        for n in [0, MAX_QUESTIONS + 1] {
            assert_eq!(many(n).questions(), Err(QueryError::Questions));
        }
        let twice = |change: fn(&mut Question)| {
            let mut last = question(0);
            change(&mut last);
            query(vec![question(0), question(1), last])
        };
        assert_eq!(twice(|_| ()).questions(), Err(QueryError::Questions));
        // The same table in other words.
        assert_eq!(twice(|q| q.by.reverse()).questions(), Err(QueryError::Questions));
        let hash = |q: &mut Question| q.definition_hash = Digest::of(b"another");
        assert_eq!(twice(hash).questions(), Err(QueryError::Questions));
        assert!(twice(|q| drop(q.by.pop())).questions().is_ok());
        let wide = |q: &mut Question| q.by.push(LevelId::new("age.band").expect("level"));
        assert_eq!(twice(wide).questions(), Err(QueryError::Breakdown { most: 2 }));
    }

    /// The longest query that there is: what every limit on the way must let through.
    #[test]
    fn the_longest_query_fits_into_an_entry_of_the_log() {
        let longest = |n: usize| Question {
            indicator: IndicatorId::new(format!("{n:x>64}")).expect("id"),
            definition_hash: Digest::of(b"definition"),
            period: "2026-27Q2".parse().expect("period"),
            by: ["x", "y"].map(|l| LevelId::new(l.repeat(64)).expect("level")).into(),
            scope: Some(Scope {
                level: LevelId::new("z".repeat(64)).expect("level"),
                category: CategoryId::new("c".repeat(32)).expect("id"),
            }),
        };
        let mut longest = query((0..MAX_QUESTIONS).map(longest).collect());
        longest.targets = (0..64).map(|n| Ods::new(format!("{n:A>12}")).expect("ods")).collect();
        longest.federation = FederationId::new("f".repeat(63)).expect("id");
        longest.agreement = AgreementId::new("a".repeat(64)).expect("id");
        longest.purpose = PurposeId::new("p".repeat(64)).expect("id");
        assert!(longest.questions().is_ok());
        let bytes = canonical::encode(&longest).expect("encodes");
        assert!(bytes.len() <= MAX_QUERY_BYTES, "{}", bytes.len());
        assert!(canonical::decode::<Query>(&bytes).is_ok_and(|read| read == longest));
    }
}
