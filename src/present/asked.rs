//! The question that an entry of the audit log holds: its signed bytes, read for people.

use data_encoding::BASE64;
use evensum_core::ledger::Asked;
use evensum_core::model::{Digest, IndicatorId, LevelId, Period, Query, Scope, canonical};

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

/// The question in words: `"rtt_over_52_weeks" by imd.quintile for 2026-10`.
pub(super) fn question(asked: &Asked) -> String {
    let Some(query) = query(asked).filter(|q| !q.questions.is_empty()) else {
        return UNREADABLE.to_owned();
    };
    let each: Vec<String> = query
        .questions
        .iter()
        .map(|q| table(&q.indicator, &q.by, q.period, q.scope.as_ref()))
        .collect();
    list(&each)
}

/// A table in words.
pub(super) fn table(
    indicator: &IndicatorId,
    by: &[LevelId],
    period: Period,
    scope: Option<&Scope>,
) -> String {
    let mut text = format!("\"{indicator}\"");
    if !by.is_empty() {
        let by: Vec<&str> = by.iter().map(LevelId::as_str).collect();
        text.push_str(&format!(" by {}", list(&by)));
    }
    text.push_str(&format!(" for {period}"));
    if let Some(scope) = scope {
        text.push_str(&format!(", only {} {}", scope.level, scope.category));
    }
    text
}
