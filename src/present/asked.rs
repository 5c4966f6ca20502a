//! The question that an entry of the audit log holds: its signed bytes, read for people.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use evensum_core::ledger::Asked;
use evensum_core::model::{
    Digest, IndicatorId, LevelId, Period, Query, Question, Scope, canonical,
};

use super::words::list;

/// What stands in a listing where the signed bytes cannot be read.
pub(super) const UNREADABLE: &str = "a question that cannot be read from the entry";

/// The signed query, where the bytes are those that the hash is of and form a query.
pub(super) fn query(asked: &Asked) -> Option<Query> {
    let bytes = BASE64.decode(asked.payload.as_bytes()).ok()?;
    if Digest::of(&bytes) != asked.query_hash {
        return None;
    }
    canonical::decode(&bytes).ok()
}

/// A query's question in words: `"rtt_over_52_weeks" by imd.quintile for 2026-10`.
pub(super) fn question(asked: &Asked, number: u32) -> String {
    let query = query(asked);
    let place = usize::try_from(number).ok();
    let question = query.as_ref().zip(place).and_then(|(query, place)| query.questions.get(place));
    question.map_or_else(|| UNREADABLE.to_owned(), one)
}

/// All of a query's questions in words. A pack over several periods is said as one.
pub(super) fn questions(asked: &Asked) -> String {
    let Some(query) = query(asked).filter(|q| !q.questions.is_empty()) else {
        return UNREADABLE.to_owned();
    };
    let questions = &query.questions;
    pack(questions).unwrap_or_else(|| list(&questions.iter().map(one).collect::<Vec<_>>()))
}

fn one(question: &Question) -> String {
    table(&question.indicator, &question.by, question.period, question.scope.as_ref())
}

/// Several indicators, each for the same periods and by the same breakdown.
fn pack(questions: &[Question]) -> Option<String> {
    let [first, _, ..] = questions else { return None };
    let indicators: BTreeSet<&IndicatorId> = questions.iter().map(|q| &q.indicator).collect();
    let periods: BTreeSet<Period> = questions.iter().map(|q| q.period).collect();
    let alike = questions.iter().all(|q| q.by == first.by && q.scope == first.scope);
    // Each is asked once, so that so many are all of them.
    if !alike || questions.len() != indicators.len() * periods.len() {
        return None;
    }
    let names: Vec<String> = indicators.iter().map(|id| format!("\"{id}\"")).collect();
    let (from, to) = (periods.first()?, periods.last()?);
    let whole = periods.iter().zip(periods.iter().skip(1)).all(|(a, b)| a.next() == *b);
    let when = if whole && periods.len() > 2 {
        format!("{from} to {to}")
    } else {
        list(&periods.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let what = described(&list(&names), &first.by, &when, first.scope.as_ref());
    Some(format!("{} questions: {what}", questions.len()))
}

/// A table in words.
pub(super) fn table(
    indicator: &IndicatorId,
    by: &[LevelId],
    period: Period,
    scope: Option<&Scope>,
) -> String {
    described(&format!("\"{indicator}\""), by, &period.to_string(), scope)
}

fn described(what: &str, by: &[LevelId], when: &str, scope: Option<&Scope>) -> String {
    let mut text = what.to_owned();
    if !by.is_empty() {
        let by: Vec<&str> = by.iter().map(LevelId::as_str).collect();
        text.push_str(&format!(" by {}", list(&by)));
    }
    text.push_str(&format!(" for {when}"));
    if let Some(scope) = scope {
        text.push_str(&format!(", only {} {}", scope.level, scope.category));
    }
    text
}
