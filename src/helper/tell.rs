//! Every member hears what this server wrote down about its records: questions, closings, openings, what came back, and
//! that nothing more is opened.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use evensum_core::ledger::{Entry, Event, PoolStep, ReceiptParts};
use evensum_core::model::{Digest, Ods, Population};
use evensum_core::pool::{PopulationState, Rounds};
use evensum_core::port::{PoolFault, PoolNodePort};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::warn;

use super::fetch::CALL;
use super::history::query_of;
use super::{Inner, Unable};

/// Entries that are looked at for a node in one look.
const PAGE: usize = 256;
/// The most entries and bytes of one call.
pub(super) const MAX_TOLD: usize = 64;
const MAX_TOLD_BYTES: usize = 2 * 1024 * 1024;

/// What waits between attempts to tell are kept under.
fn telling() -> Digest {
    Digest::of(b"telling")
}

/// What is sent to a node, and how far it then was told.
struct Letter {
    ods: Ods,
    entries: Vec<ReceiptParts>,
    about: Vec<Population>,
    next: u64,
}

impl Inner {
    /// One look: tells every connected member what it does not know yet.
    pub(super) async fn tell(self: &Arc<Self>) -> Result<(), Unable> {
        let mut calls = JoinSet::new();
        for ods in self.members() {
            let Some(node) = self.nodes.member(&ods) else { continue };
            if !self.is_due(telling(), &ods) {
                continue;
            }
            let inner = Arc::clone(self);
            calls.spawn(async move { inner.tell_one(ods, &*node).await });
        }
        let mut failed = None;
        while let Some(told) = calls.join_next().await {
            failed = failed.or(told.unwrap_or(Err(Unable::CalledOff)).err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// Members of all lists, and those that are on none any more and whose records a round is bound to: they hear what
    /// becomes of these.
    pub(super) fn members(&self) -> BTreeSet<Ods> {
        let lists = self.shelf.agreements().iter().map(|of| of.roster.roster().members());
        let listed = lists.flatten().map(|member| member.ods.clone());
        let rounds = self.store.rounds();
        let bound = rounds.populations().filter_map(PopulationState::members).flatten();
        listed.chain(bound.cloned()).collect()
    }

    async fn tell_one(&self, ods: Ods, node: &dyn PoolNodePort) -> Result<(), Unable> {
        while let Some(letter) = self.letter(&ods).await? {
            let Letter { ods, entries, about, next } = letter;
            if !entries.is_empty() {
                let answer = timeout(CALL, node.told(&self.own, entries)).await;
                if let Err(fault) = answer.unwrap_or(Err(PoolFault::Late)) {
                    warn!(partner = %ods, %fault, "a member was not told what is in the audit log about it");
                    self.failed(telling(), &ods);
                    let about = |state: &PopulationState| about.contains(&state.population);
                    return self.suspended(&ods, &fault, about).await;
                }
            }
            self.succeeded(telling(), &ods);
            let now = self.clock.now();
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.of(&ods, now).told = next;
            notes.write(self.shelf.vault())?;
        }
        Ok(())
    }

    /// What comes next for a node; none where it knows everything.
    async fn letter(&self, ods: &Ods) -> Result<Option<Letter>, Unable> {
        let from = {
            let now = self.clock.now();
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.of(ods, now).told
        };
        let history = self.history.lock().await;
        let page = history.reader().entries(from, PAGE).await?;
        let Some((last, ..)) = page.last() else { return Ok(None) };
        let (mut next, mut bytes) = (last + 1, 0);
        let rounds = self.store.rounds();
        let (mut indices, mut about) = (Vec::new(), Vec::new());
        for (index, entry_bytes, entry) in &page {
            let concerned = self.concerned(&rounds, entry, ods);
            if concerned.is_empty() {
                continue;
            }
            bytes += entry_bytes.len();
            if indices.len() >= MAX_TOLD || (bytes > MAX_TOLD_BYTES && !indices.is_empty()) {
                next = *index;
                break;
            }
            indices.push(*index);
            about.extend(concerned);
        }
        let entries = history.reader().receipts(&indices).await?;
        Ok(Some(Letter { ods: ods.clone(), entries, about, next }))
    }

    /// The populations with this member that an entry is about.
    fn concerned(&self, rounds: &Rounds, entry: &Entry, ods: &Ods) -> Vec<Population> {
        let populations = match &entry.event {
            Event::QueryAccepted { asked } => {
                let of =
                    self.shelf.agreements().iter().find(|of| of.agreement.id == asked.agreement);
                let (Some(of), Some(query)) = (of, query_of(asked)) else { return Vec::new() };
                let population = |question: &evensum_core::model::Question| {
                    let indicator = self.catalogue.indicator(&question.indicator).ok()?;
                    Some(Population::of(&of.agreement, &indicator.dataset, question.period))
                };
                query.questions.iter().filter_map(population).collect()
            }
            Event::Pool(
                PoolStep::Closed { of, .. }
                | PoolStep::Opened { of, .. }
                | PoolStep::Returned { of, .. },
            ) => vec![of.population.clone()],
            Event::Pool(
                PoolStep::Stopped { population, .. } | PoolStep::Resumed { population },
            ) => {
                vec![population.clone()]
            }
            _ => Vec::new(),
        };
        let with_member = |population: &Population| {
            let state = rounds.of(population).ok().flatten();
            state.and_then(PopulationState::members).is_some_and(|members| members.contains(ods))
        };
        populations.into_iter().filter(with_member).collect()
    }
}
