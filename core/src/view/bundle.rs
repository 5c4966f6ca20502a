//! A view as it arrived at the analyst: everything that it rests on, and what the coordinator claims of
//! it. The analyst's tool verifies every partner's answer and combines them again.

use super::answer::CoverageStatus;
use super::assemble::{Absent, Gathered, Shared, SystemView, ViewError};
use crate::catalogue::Catalogue;
use crate::disclosure::{AnswerParts, Expected, ReceivedError, Side, Verified};
use crate::ledger::{Receipt, ReceiptError, ReceiptParts, origin};
use crate::model::{Agreement, CategoryId, Digest, Ods, Query, QueryView, Role};
use crate::plan::Layout;
use crate::sign::{KeyError, VerifyingKey};

/// What arrived. Nothing in it is believed before [`SystemView::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Partners' answers as they sent them.
    pub answers: Vec<(Ods, AnswerParts)>,
    /// Partners without one, as the coordinator says.
    pub absent: Vec<Absent>,
    /// The proof that the coordinator's audit log holds the answer.
    pub receipt: ReceiptParts,
    /// The cells that the coordinator claims.
    pub cells: Vec<ClaimedCell>,
    /// The coordinator's own time.
    pub elapsed_ms: u64,
    /// The second server's proof that it knows of the query, where it is answered from a blind sum.
    pub witness: Option<ReceiptParts>,
}

/// A cell as the coordinator claims it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedCell {
    /// The category on each axis.
    pub at: Vec<CategoryId>,
    /// The numerator.
    pub numerator: Side,
    /// The denominator.
    pub denominator: Side,
}

/// Why an answer is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum DoubtError {
    /// A partner's answer does not verify.
    #[error("the answer that the coordinator passed on as {ods}'s is not to be trusted")]
    Partner {
        /// The partner.
        ods: Ods,
        /// What is wrong.
        #[source]
        reason: ReceivedError,
    },
    /// A partner is twice in it, was not asked, or is nowhere.
    #[error("the answer does not account for partner {0} exactly once")]
    Account(Ods),
    /// The coordinator claims other figures than the partners' answers give.
    #[error(
        "the coordinator's figures are not what the partners' signed answers add up to: do not use them, and tell the IG lead"
    )]
    Figures,
    /// The agreement has no coordinator's key.
    #[error("the agreement's key for the coordinator's audit log cannot be used")]
    Key(#[from] KeyError),
    /// The coordinator's proof does not hold.
    #[error("the proof that the coordinator's audit log holds this answer is not valid")]
    Receipt(#[from] ReceiptError),
    /// An answer from a blind sum without the second server's proof, or with one that does not hold.
    #[error("the proof that the independent second server knows of this query is not valid")]
    Witness(#[source] Option<ReceiptError>),
    /// The answers cannot be combined.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl SystemView<Shared> {
    /// What travels to whoever shall verify the view: the partners' answers as they arrived, and the figures
    /// that are claimed of them.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let Shared { query_id: _, answers, absent, coordinator: _, receipt, witness } = &self.basis;
        let answer = self.answer();
        let cells = answer.cells.iter().map(|cell| {
            let at = cell.at.iter().zip(&answer.axes);
            ClaimedCell {
                at: at.map(|(&p, axis)| axis.categories[p].id.clone()).collect(),
                numerator: cell.numerator,
                denominator: cell.denominator,
            }
        });
        Bundle {
            answers: answers.clone(),
            absent: absent.clone(),
            receipt: receipt.clone(),
            cells: cells.collect(),
            elapsed_ms: answer.elapsed_ms,
            witness: witness.clone(),
        }
    }

    /// The coordinator that combined the answers.
    #[must_use]
    pub const fn coordinator(&self) -> &Ods {
        &self.basis.coordinator
    }

    /// Verifies every part of a bundle as the answer to that question of the query, against the analyst's own
    /// copy of the agreement, combines the partners' answers again, and compares.
    ///
    /// # Errors
    /// [`DoubtError`].
    pub fn check(
        bundle: Bundle,
        query: &Query,
        query_hash: Digest,
        question: u32,
        layout: &Layout,
        agreement: &Agreement,
        catalogue: &Catalogue,
    ) -> Result<Self, DoubtError> {
        let pooled = query.view == Some(QueryView::Pooled);
        let coordinator = agreement.coordinator().ok_or(ViewError::Entry)?;
        let own = std::slice::from_ref(&coordinator.ods);
        // Of a blind sum no partner says anything: the coordinator alone does.
        let asked = if pooled { own } else { query.targets.as_slice() };
        for ods in asked {
            let answered = bundle.answers.iter().filter(|(of, _)| of == ods).count();
            let absent = bundle.absent.iter().filter(|a| a.ods == *ods).count();
            if answered + absent != 1 {
                return Err(DoubtError::Account(ods.clone()));
            }
        }
        let mut strangers =
            bundle.answers.iter().map(|(of, _)| of).chain(bundle.absent.iter().map(|a| &a.ods));
        if let Some(ods) = strangers.find(|of| !asked.contains(of)) {
            return Err(DoubtError::Account(ods.clone()));
        }
        // Both would pass for a part of a complete answer, and only the partner itself can say either.
        let own_word =
            |a: &&Absent| matches!(a.status, CoverageStatus::Answered | CoverageStatus::NoData);
        if let Some(absent) = bundle.absent.iter().find(own_word) {
            return Err(DoubtError::Account(absent.ods.clone()));
        }
        let mut verified = Vec::with_capacity(bundle.answers.len());
        for (ods, parts) in bundle.answers {
            let expected = Expected {
                agreement,
                ods: &ods,
                role: if pooled { Role::Coordinator } else { Role::Node },
                query_id: query.query_id,
                query_hash,
                question,
                layout,
            };
            let answer = Verified::verify(parts, expected)
                .map_err(|reason| DoubtError::Partner { ods: ods.clone(), reason })?;
            verified.push(answer);
        }
        let gathered = Gathered {
            query_id: query.query_id,
            query_hash,
            question,
            verified,
            absent: bundle.absent,
            elapsed_ms: bundle.elapsed_ms,
        };
        let unlogged = Self::assemble(gathered, layout, agreement, catalogue)?;
        let mine = unlogged.cells().iter().map(|cell| {
            let at = cell.at.iter().zip(layout.lattice().axes());
            ClaimedCell {
                at: at.map(|(&p, axis)| axis.categories()[p].id.clone()).collect(),
                numerator: cell.numerator,
                denominator: cell.denominator,
            }
        });
        if !mine.eq(bundle.cells) {
            return Err(DoubtError::Figures);
        }
        if pooled {
            let witness = witness(bundle.witness, agreement)?;
            return Ok(unlogged.summed(agreement, witness.as_ref())?);
        }
        let key = VerifyingKey::parse(&coordinator.ledger_key)?;
        let log = origin(&coordinator.ods, Role::Coordinator);
        let receipt = Receipt::verify(bundle.receipt, &log, &key)?;
        Ok(unlogged.logged(&coordinator.ods, &receipt)?)
    }
}

/// The second server's proof, verified by the agreement's key for its audit log.
fn witness(
    parts: Option<ReceiptParts>,
    agreement: &Agreement,
) -> Result<Option<Receipt>, DoubtError> {
    let Some(parts) = parts else { return Ok(None) };
    let server = agreement.second_server().ok_or(DoubtError::Witness(None))?;
    let key = VerifyingKey::parse(&server.ledger_key)?;
    let log = origin(&server.ods, Role::Helper);
    let receipt = Receipt::verify(parts, &log, &key);
    receipt.map(Some).map_err(|reason| DoubtError::Witness(Some(reason)))
}
