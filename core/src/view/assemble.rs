//! From verified answers to the view. Whoever has the same answers assembles the same view.

use super::answer::{
    Answer, AxisView, CategoryView, Cell, Coverage, CoverageStatus, IndicatorView, ReceiptRow,
    ReleaseRow, ViewKind,
};
use super::beside::Beside;
use super::completeness::Completeness;
use super::rung::rung_text;
use crate::catalogue::{
    Catalogue, CategoryKind, Dataset, Indicator, IndicatorKind, PersonRows, Unknown,
};
use crate::disclosure::{
    AnswerParts, CombineError, CombinedCell, PROTECTED_BELOW, Pooled, Received, Side, Verified,
    combine,
};
use crate::ledger::{Event, Missing, Receipt, ReceiptParts};
use crate::model::{
    Agreement, Bounds, CellState, Digest, Ods, PoolKind, Profile, QueryId, RefusalCode, Role,
    SnapshotVersion,
};
use crate::plan::Layout;
use crate::statistics::{ProportionBounds, proportion_bounds};

/// A view that may be shared: built from verified releases alone, and carrying what it rests on as it
/// arrived, so that whoever gets it can verify and combine again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    pub(super) query_id: QueryId,
    pub(super) answers: Vec<(Ods, AnswerParts)>,
    pub(super) absent: Vec<Absent>,
    pub(super) coordinator: Ods,
    pub(super) receipt: ReceiptParts,
    /// The second server's proof that it knows of the query, where it is answered from a blind sum.
    pub(super) witness: Option<ReceiptParts>,
}

/// The answer to one question, with the proof of how it may be used in its type.
///
/// ```compile_fail,E0451
/// use evensum_core::view::{Answer, Shared, SystemView};
/// fn forge(answer: Answer, basis: Shared) -> SystemView<Shared> {
///     SystemView { answer, basis }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SystemView<S> {
    pub(super) answer: Answer,
    pub(super) basis: S,
}

/// A partner that is not in the figures, other than by its own signed refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The partner.
    pub ods: Ods,
    /// `Late` or `Unreachable`, or `Refused` where its answer was not believed.
    pub status: CoverageStatus,
    /// Why.
    pub reason: String,
}

/// Everything that came of one question.
#[derive(Debug)]
pub struct Gathered {
    /// The query.
    pub query_id: QueryId,
    /// The hash of its signed bytes.
    pub query_hash: Digest,
    /// Which of its questions, from 0.
    pub question: u32,
    /// Verified answers.
    pub verified: Vec<Verified>,
    /// Partners without one.
    pub absent: Vec<Absent>,
    /// From the arrival of the query to the answer.
    pub elapsed_ms: u64,
}

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The releases cannot be combined.
    #[error(transparent)]
    Combine(#[from] CombineError),
    /// The catalogue does not have what was asked.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The audit log's entry is about something else.
    #[error("the coordinator's audit log entry is about another answer")]
    Entry,
}

/// An answer that the coordinator's audit log does not hold yet.
#[derive(Debug)]
pub struct Unlogged {
    answer: Answer,
    query_id: QueryId,
    query_hash: Digest,
    question: u32,
    answers: Vec<(Ods, AnswerParts)>,
    absent: Vec<Absent>,
}

impl Unlogged {
    /// The cells.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.answer.cells
    }

    /// Makes it an answer, with the proof that the coordinator's audit log holds it.
    ///
    /// # Errors
    /// [`ViewError::Entry`] where the entry is about another question or other partners.
    pub fn logged(
        mut self,
        coordinator: &Ods,
        receipt: &Receipt,
    ) -> Result<SystemView<Shared>, ViewError> {
        let (answered, missing) = self.outcome();
        let (query_id, query_hash, question) = (self.query_id, self.query_hash, self.question);
        // Of the signed bytes too: a log that says others were asked would be believed later.
        let own = Event::AnswerCombined { query_id, query_hash, question, answered, missing };
        if receipt.entry().event != own {
            return Err(ViewError::Entry);
        }
        let row = ReceiptRow { ods: coordinator.clone(), parts: receipt.parts().clone() };
        self.answer.receipts.push(row);
        self.answer.receipts.sort_by(|a, b| a.ods.cmp(&b.ods));
        let Self { answer, answers, absent, .. } = self;
        let receipt = receipt.parts().clone();
        let coordinator = coordinator.clone();
        let basis = Shared { query_id, answers, absent, coordinator, receipt, witness: None };
        Ok(SystemView { answer, basis })
    }

    /// Makes the answer from a blind sum one: the coordinator's release carries the proof that its audit log holds it,
    /// and where there is a second server its own proof that it knows of the query comes with it.
    ///
    /// # Errors
    /// [`ViewError::Entry`] where it is no answer from a blind sum, or the second server's entry is about another query.
    pub fn summed(
        mut self,
        agreement: &Agreement,
        witness: Option<&Receipt>,
    ) -> Result<SystemView<Shared>, ViewError> {
        let needed = agreement.pool.is_some_and(PoolKind::needs_helper);
        let second = agreement.second_server().map(|party| party.ods.clone());
        let witnessed = match (witness, &second) {
            (None, _) => !needed,
            (Some(receipt), Some(ods)) => {
                self.answer
                    .receipts
                    .push(ReceiptRow { ods: ods.clone(), parts: receipt.parts().clone() });
                receipt.entry().ods == *ods
                    && receipt.entry().role == Role::Helper
                    && receipt.entry().event.query() == Some((self.query_id, self.query_hash))
            }
            (Some(_), None) => false,
        };
        let [(coordinator, parts)] = self.answers.as_slice() else { return Err(ViewError::Entry) };
        if !witnessed || self.answer.view != ViewKind::Pooled {
            return Err(ViewError::Entry);
        }
        let basis = Shared {
            query_id: self.query_id,
            coordinator: coordinator.clone(),
            receipt: parts.receipt.clone(),
            answers: self.answers.clone(),
            absent: self.absent,
            witness: witness.map(|receipt| receipt.parts().clone()),
        };
        Ok(SystemView { answer: self.answer, basis })
    }

    /// Who is in the figures, and who is not and why, as the audit log's entry says it.
    #[must_use]
    pub fn outcome(&self) -> (Vec<Ods>, Vec<Missing>) {
        let (answered, missing): (Vec<&Coverage>, Vec<&Coverage>) =
            self.answer.coverage.iter().partition(|c| c.status == CoverageStatus::Answered);
        let missing = missing
            .into_iter()
            .map(|c| Missing { ods: c.ods.clone(), status: c.status.as_str().to_owned() });
        (answered.into_iter().map(|c| c.ods.clone()).collect(), missing.collect())
    }
}

impl SystemView<Shared> {
    /// The query that it answers.
    #[must_use]
    pub const fn query_id(&self) -> QueryId {
        self.basis.query_id
    }

    /// Combines verified answers.
    ///
    /// # Errors
    /// [`ViewError`], in particular where partners used different editions of the deprivation index.
    pub fn assemble(
        gathered: Gathered,
        layout: &Layout,
        agreement: &Agreement,
        catalogue: &Catalogue,
    ) -> Result<Unlogged, ViewError> {
        let Gathered { query_id, query_hash, question: number, verified, absent, elapsed_ms } =
            gathered;
        let question = layout.question();
        let indicator = catalogue.indicator(&question.indicator)?;
        let dataset = catalogue.dataset(&indicator.dataset)?;
        let mut coverage: Vec<Coverage> =
            absent.iter().map(|a| absent_line(a, agreement)).collect();
        let mut answers: Vec<(Ods, AnswerParts)> = verified.iter().map(as_arrived).collect();
        answers.sort_by(|a, b| a.0.cmp(&b.0));
        let mut receipts = Vec::new();
        let mut releases = Vec::new();
        for answer in verified {
            match answer {
                Verified::Release(received) => releases.push(*received),
                Verified::Refusal(refusal) => {
                    receipts.push(ReceiptRow {
                        ods: refusal.ods().clone(),
                        parts: refusal.parts().receipt.clone(),
                    });
                    coverage.push(refusal_line(refusal.ods(), refusal.code(), agreement));
                }
            }
        }
        releases.sort_by(|a, b| a.document().ods.cmp(&b.document().ods));
        let rung = rung_text(&layout.question().by);
        let pooled = releases.iter().any(|release| release.document().pool.is_some());
        for release in &releases {
            receipts.push(ReceiptRow {
                ods: release.document().ods.clone(),
                parts: release.parts().receipt.clone(),
            });
            match &release.document().pool {
                None => coverage.push(answered_line(release, &rung, agreement)),
                Some(pool) => coverage.extend(summed_lines(release, pool, &rung, agreement)),
            }
        }
        coverage.sort_by(|a, b| a.ods.cmp(&b.ods));
        receipts.sort_by(|a, b| a.ods.cmp(&b.ods));
        let cells = cells(layout, &releases, &indicator.kind, agreement.profile.limit())?;
        let mut caveats = vec![dataset.caveat.clone()];
        caveats.extend(indicator.caveats.iter().cloned());
        caveats.extend(found_caveats(&cells, &coverage));
        caveats
            .extend(releases.iter().filter_map(|r| r.document().pool.as_ref().map(summed_caveat)));
        let complete = |release| Completeness::of(release, layout, catalogue);
        // Of a sum nobody's own extract is shown.
        let completeness =
            if pooled { Vec::new() } else { releases.iter().filter_map(complete).collect() };
        let answer = Answer {
            indicator: indicator_view(indicator, dataset),
            period: question.period,
            axes: axes(layout, catalogue)?,
            scope: question.scope.clone(),
            view: if pooled { ViewKind::Pooled } else { ViewKind::Interval },
            policy: agreed(releases.iter().map(|r| r.document().policy)),
            rung,
            asked: None,
            imd_edition: agreed(releases.iter().filter_map(|r| r.document().snapshot.imd_edition)),
            cells,
            coverage,
            completeness,
            caveats,
            receipts,
            releases: releases.iter().map(release_row).collect(),
            query_id: Some(query_id),
            elapsed_ms,
            beside: Beside::default(),
        };
        Ok(Unlogged { answer, query_id, query_hash, question: number, answers, absent })
    }
}

impl<S> SystemView<S> {
    /// The answer.
    #[must_use]
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    pub(super) const fn answer_mut(&mut self) -> &mut Answer {
        &mut self.answer
    }

    /// The same view with what the reader's own reference data add. Nothing that travels changes.
    #[must_use]
    pub fn with_beside(mut self, beside: Beside) -> Self {
        self.answer.beside = beside;
        self
    }
}

fn agreed<T: PartialEq + Copy>(mut each: impl Iterator<Item = T>) -> Option<T> {
    let first = each.next()?;
    each.all(|other| other == first).then_some(first)
}

fn as_arrived(answer: &Verified) -> (Ods, AnswerParts) {
    match answer {
        Verified::Release(release) => (release.document().ods.clone(), release.parts().clone()),
        Verified::Refusal(refusal) => (refusal.ods().clone(), refusal.parts().clone()),
    }
}

fn release_row(release: &Received) -> ReleaseRow {
    ReleaseRow {
        ods: release.document().ods.clone(),
        bytes: release.parts().document.clone(),
        signature: release.parts().signature.clone(),
    }
}

fn cells(
    layout: &Layout,
    releases: &[Received],
    kind: &IndicatorKind,
    limit: u64,
) -> Result<Vec<Cell>, CombineError> {
    let combined = combine(layout, releases)?.into_iter();
    let mut cells: Vec<Cell> = combined.map(|c| cell(c, kind, limit)).collect();
    if let [sum] = releases {
        // One for each category of the one axis, in its order.
        for (cell, people) in cells.iter_mut().zip(sum.document().people()) {
            cell.people = Some(people);
        }
    }
    Ok(cells)
}

pub(super) fn cell(combined: CombinedCell, kind: &IndicatorKind, limit: u64) -> Cell {
    let CombinedCell { at, numerator, denominator, figures } = combined;
    let proportion = kind.is_share().then(|| share(numerator, denominator, limit)).flatten();
    Cell { at, numerator, denominator, proportion, figures, people: None }
}

/// The share that a numerator is of its denominator, as every answer shows it. Nothing where what is said of the two
/// fits no group.
#[must_use]
pub fn share(numerator: Side, denominator: Side, limit: u64) -> Option<ProportionBounds> {
    proportion_bounds(for_share(numerator, denominator, limit), denominator.bounds)
}

/// The bounds of a numerator as its share is worked out of them. That none or all of a small group are above the line
/// would be said of every one of its people: there a shown zero counts as any count that is hidden, and a shown count
/// that must be all of the group as one that may be short of it by as much.
fn for_share(numerator: Side, denominator: Side, limit: u64) -> Bounds {
    let of = denominator.published.unwrap_or(denominator.bounds.low);
    let Bounds { low, high } = numerator.bounds;
    if of >= PROTECTED_BELOW {
        return numerator.bounds;
    }
    let none = high == Some(0);
    let all = denominator.bounds.high.is_some_and(|most| low >= most && most > 0);
    Bounds {
        low: if all { low.saturating_sub(limit) } else { low },
        high: if none { Some(limit) } else { high },
    }
}

fn name_of(ods: &Ods, agreement: &Agreement) -> String {
    agreement.party(ods, Role::Node).and_then(|p| p.name.clone()).unwrap_or_else(|| ods.to_string())
}

fn line(ods: &Ods, agreement: &Agreement, status: CoverageStatus) -> Coverage {
    Coverage {
        ods: ods.clone(),
        name: name_of(ods, agreement),
        status,
        reason: None,
        refusal: None,
        snapshot: None,
        as_of: None,
        version: None,
        policy: None,
        rung: None,
    }
}

pub(super) fn indicator_view(indicator: &Indicator, dataset: &Dataset) -> IndicatorView {
    let numerator = dataset.outcome.rollup(&indicator.numerator);
    IndicatorView {
        id: indicator.id.clone(),
        version: indicator.version,
        name: indicator.name.clone(),
        unit: indicator.unit.clone(),
        kind: indicator.kind.clone(),
        people: dataset.person_rows == PersonRows::One,
        polarity: indicator.polarity,
        phrase: indicator.phrase.clone(),
        counted: indicator.counted.clone().unwrap_or_else(|| dataset.unit.clone()),
        numerator: numerator.map_or_else(|| "All".to_owned(), |r| r.label.clone()),
    }
}

fn absent_line(absent: &Absent, agreement: &Agreement) -> Coverage {
    let Absent { ods, status, reason } = absent;
    Coverage { reason: Some(reason.clone()), ..line(ods, agreement, *status) }
}

fn refusal_line(ods: &Ods, code: RefusalCode, agreement: &Agreement) -> Coverage {
    let status = CoverageStatus::of_refusal(code);
    let reason = Some(code.says().to_owned());
    Coverage { reason, refusal: Some(code), ..line(ods, agreement, status) }
}

fn answered_line(release: &Received, rung: &str, agreement: &Agreement) -> Coverage {
    let document = release.document();
    Coverage {
        snapshot: Some(document.snapshot.id),
        as_of: Some(document.snapshot.as_of),
        version: Some(document.snapshot.version),
        policy: Some(document.policy),
        rung: Some(rung.to_owned()),
        ..line(&document.ods, agreement, CoverageStatus::Answered)
    }
}

/// The partners of the agreement, as far as they are in a blind sum. Each is there with the extract that it had, of
/// which the sum does not say more than its standing.
fn summed_lines(
    release: &Received,
    pool: &Pooled,
    rung: &str,
    agreement: &Agreement,
) -> Vec<Coverage> {
    let document = release.document();
    let one = |ods: &Ods| {
        if pool.members().binary_search(ods).is_ok() {
            return Coverage {
                as_of: Some(document.snapshot.as_of),
                version: Some(document.snapshot.version),
                policy: Some(document.policy),
                rung: Some(rung.to_owned()),
                ..line(ods, agreement, CoverageStatus::Answered)
            };
        }
        let reason = if pool.missing().binary_search(ods).is_ok() {
            "its contribution to the blind sum did not come in time"
        } else {
            "it had no extract when the blind sum was begun, or is not on the membership list"
        };
        let reason = Some(reason.to_owned());
        Coverage { reason, ..line(ods, agreement, CoverageStatus::Late) }
    };
    agreement.nodes().map(|party| one(&party.ods)).collect()
}

fn summed_caveat(pool: &Pooled) -> String {
    let noise = match pool.kind() {
        PoolKind::Noisy => format!(
            " Every partner changed each of its figures at random before, by up to {}, so that a total may be up to {} off: the ranges allow for it.",
            Profile::Ckm.half_width(),
            pool.off_by()
        ),
        PoolKind::Deposit | PoolKind::Masks | PoolKind::TrustedSum => String::new(),
    };
    format!(
        "The tables of {} partners were added up blind before small figures were hidden. Somebody with records at several partners is counted at each of them.{noise}",
        pool.members().len()
    )
}

pub(super) fn axes(layout: &Layout, catalogue: &Catalogue) -> Result<Vec<AxisView>, Unknown> {
    let lattice = layout.lattice();
    let by = lattice.axes().len().saturating_sub(1);
    lattice
        .axes()
        .iter()
        .take(by)
        .map(|axis| {
            let (dimension, level) = catalogue.level(axis.level())?;
            let kind = |id: &crate::model::CategoryId| {
                level
                    .categories
                    .iter()
                    .find(|c| c.id == *id)
                    .map_or(CategoryKind::Known, |c| c.kind)
            };
            Ok(AxisView {
                dimension: dimension.id.clone(),
                level: level.id.clone(),
                name: level.name.clone(),
                categories: axis
                    .categories()
                    .iter()
                    .map(|c| CategoryView {
                        id: c.id.clone(),
                        label: c.label.clone(),
                        kind: kind(&c.id),
                    })
                    .collect(),
            })
        })
        .collect()
}

/// Caveats that follow from what was released and who answered.
fn found_caveats(cells: &[Cell], coverage: &[Coverage]) -> Vec<String> {
    let mut found = Vec::new();
    let missing: Vec<&str> = coverage
        .iter()
        .filter(|c| !matches!(c.status, CoverageStatus::Answered | CoverageStatus::NoData))
        .map(|c| c.name.as_str())
        .collect();
    if !missing.is_empty() {
        found.push(format!("The figures leave out {}.", missing.join(", ")));
    }
    let open =
        |c: &Cell| c.numerator.state == CellState::Value && c.numerator.bounds.high.is_none();
    if cells.iter().any(open) {
        found.push("Where a range has no upper end, a partner withheld its figure and everything that contains it.".to_owned());
    }
    if cells.iter().any(|c| c.numerator.state != CellState::Value) {
        found.push("Withheld figures are small ones or rest on few people; they are not zero, and their range is counted in every total.".to_owned());
    }
    let provisional: Vec<&str> = coverage
        .iter()
        .filter(|c| c.version == Some(SnapshotVersion::Provisional))
        .map(|c| c.name.as_str())
        .collect();
    if !provisional.is_empty() {
        found.push(format!("Provisional extracts: {}.", provisional.join(", ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(low: u64, high: Option<u64>, published: Option<u64>) -> Side {
        Side { state: CellState::Value, bounds: Bounds { low, high }, published }
    }

    /// None or all of fewer than fifty people is never shown as such, and of more it is.
    #[test]
    fn no_share_of_a_small_group_is_none_or_all() {
        let none = || side(0, Some(0), Some(0));
        let exact = |n: u64| side(n, Some(n), Some(n));
        for (above, below, low, high) in [
            (none(), side(28, Some(32), Some(30)), 0.0, 7.0 / 28.0),
            (none(), side(43, Some(47), Some(45)), 0.0, 7.0 / 43.0),
            (none(), side(48, Some(52), Some(50)), 0.0, 0.0),
            (none(), side(56, Some(64), None), 0.0, 0.0),
            (none(), side(36, Some(64), None), 0.0, 7.0 / 36.0),
            (exact(20), exact(20), 13.0 / 20.0, 1.0),
            (exact(60), exact(60), 1.0, 1.0),
            (side(28, Some(32), Some(30)), side(28, Some(32), Some(30)), 28.0 / 32.0, 1.0),
        ] {
            let combined =
                CombinedCell { at: vec![], numerator: above, denominator: below, figures: vec![] };
            let cell = cell(combined, &IndicatorKind::Proportion, 7);
            let share = cell.proportion.expect("a share");
            assert!(
                (share.low - low).abs() < 1e-12 && (share.high - high).abs() < 1e-12,
                "{share:?}"
            );
            let exactly = |end: f64| (share.low, share.high) == (end, end);
            let small = below.published.unwrap_or(below.bounds.low) < PROTECTED_BELOW;
            assert!(!small || !(exactly(0.0) || exactly(1.0)), "{share:?}");
        }
    }
}
