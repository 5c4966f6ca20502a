//! Totals are opened: this server's part of them, and only what its own copies of everything allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use evensum_core::authz::{Standing, allows};
use evensum_core::disclosure::attack::Limits;
use evensum_core::identity::Peer;
use evensum_core::ledger::{OpenedTable, PoolStep, RoundRef};
use evensum_core::model::{Digest, IndicatorId, Question, RefusalCode, canonical};
use evensum_core::plan::{DistinctTable, Layout, PooledTables};
use evensum_core::pool::{Opening, Round, RoundDocument};
use evensum_core::port::{MAX_OPENED, OpenedShares, PoolFault};
use evensum_core::sign::Envelope;
use serde::Deserialize;
use tracing::info;

use super::history::Opened;
use super::{Inner, Summed, Unable, blocking, refused, shelf};

/// The most published cells of one indicator in an opening: what one disclosure test takes. Of the rungs of a table one
/// is released at the most, so that all of an opening is more than is ever published of it.
pub(super) const MAX_CELLS: usize = Limits::RELEASE.published;

/// What an opening claims to be of.
#[derive(Deserialize)]
struct Claim {
    closing: Digest,
}

/// Which totals of which table are opened: of each of its vectors the places.
struct Wanted {
    table: usize,
    vectors: Vec<Vec<u32>>,
}

impl Inner {
    pub(super) async fn open(
        self: &Arc<Self>,
        caller: &Peer,
        envelope: &Envelope,
    ) -> Result<OpenedShares, Unable> {
        self.any_coordinator(caller)?;
        let claim: Claim =
            canonical::decode_part(&envelope.payload).map_err(|_| PoolFault::Unreadable)?;
        let unknown = || refused(RefusalCode::SumNotReady);
        let hash = self.store.rounds().closing(claim.closing).map(|(.., round)| round.round);
        let hash = hash.ok_or_else(unknown)?;
        let _turn = self.turn(hash).await;
        let rounds = self.store.rounds();
        let (state, version, round) = rounds.closing(claim.closing).ok_or_else(unknown)?;
        let of = self.summed(&round.agreement)?;
        self.coordinator(caller, &of.agreement)?;
        let signed =
            Opening::verified(envelope, &of.coordinator_key()?).map_err(|_| self.not_signed())?;
        let opening = signed.document();
        self.in_force(&of.agreement)?;
        if state.stopped.is_some() {
            return Err(refused(RefusalCode::SumStopped));
        }
        let document = self.document(hash)?;
        let wanted = self.wanted(of, &document, opening)?;
        let tables: Vec<OpenedTable> = opening.questions.iter().map(table).collect();
        let mut history = self.history.lock().await;
        history.read_on(self.clock.now()).await?;
        let earlier = history.opened(claim.closing);
        let same = |one: &&Opened| one.tables == tables && one.query == opening.query;
        if let Some(same) = earlier.iter().rev().find(same) {
            // Nothing new: the same shares, and the entry that said so.
            let receipt = history.receipt(same.index).await?;
            drop(history);
            return Ok(OpenedShares { parts: self.select(hash, wanted).await?, receipt });
        }
        if round.pending {
            return Err(refused(RefusalCode::OpeningPending));
        }
        // A table is opened once; from then on its release is the answer.
        let again =
            |t: &OpenedTable| earlier.iter().any(|one| one.tables.iter().any(|o| alike(o, t)));
        if tables.iter().any(again) {
            return Err(refused(RefusalCode::RoundDiffers));
        }
        drop(history);
        let parts = self.select(hash, wanted).await?;
        self.keep(hash, shelf::OPENING, caller.ods(), envelope)?;
        let step = PoolStep::Opened {
            of: RoundRef {
                population: state.population.clone(),
                version,
                agreement: round.agreement.clone(),
                round: hash,
            },
            closing: claim.closing,
            tables,
            query: opening.query,
        };
        // On the disk before a share leaves.
        let written = self.store.step(step).await?;
        let receipt = written.ok_or(Unable::Lost("the entry of an opening"))?.parts().clone();
        info!(round = hash.short(), tables = opening.questions.len(), "totals are opened");
        self.wake.notify_waiters();
        Ok(OpenedShares { parts, receipt })
    }

    /// What is needed for these questions, where each may be asked and a contributed table contains it.
    fn wanted(
        &self,
        of: &Summed,
        document: &Round,
        opening: &Opening,
    ) -> Result<Vec<Wanted>, Unable> {
        let questions = &opening.questions;
        if questions.is_empty() || questions.len() > MAX_OPENED {
            return Err(PoolFault::Unreadable.into());
        }
        let tables = self.tables(of, &document.population)?;
        let mut wanted = Vec::with_capacity(questions.len());
        let mut cells: BTreeMap<&IndicatorId, usize> = BTreeMap::new();
        for (n, question) in questions.iter().enumerate() {
            if questions[..n].iter().any(|other| alike(&table(other), &table(question))) {
                return Err(refused(RefusalCode::Malformed));
            }
            if let Some(estimate) = tables.estimate_of(question, &document.tables) {
                // Different people are estimated once, with the tables of the agreement's packs, and at nobody's wish.
                if opening.query.is_some() {
                    return Err(refused(RefusalCode::SumWithoutTable));
                }
                wanted.push(whole(estimate, document)?);
                continue;
            }
            let (one, more) = self.wanted_of(of, document, &tables, question)?;
            let of_indicator = cells.entry(&question.indicator).or_default();
            *of_indicator = of_indicator.saturating_add(more);
            if *of_indicator > MAX_CELLS {
                return Err(refused(RefusalCode::TableTooLarge));
            }
            wanted.push(one);
        }
        Ok(wanted)
    }

    fn wanted_of(
        &self,
        of: &Summed,
        document: &Round,
        tables: &PooledTables,
        question: &Question,
    ) -> Result<(Wanted, usize), Unable> {
        let (agreement, catalogue) = (&of.agreement, &*self.catalogue);
        let standing = Standing { agreement, catalogue, now: self.clock.now() };
        allows(question, standing).map_err(|denied| refused(denied.0))?;
        let layout = Layout::new(question, Some(agreement), catalogue)
            .map_err(|denied| refused(denied.0))?;
        let without = || refused(RefusalCode::SumWithoutTable);
        let (found, pick) = tables.find(&layout, &document.tables).ok_or_else(without)?;
        let table = document.tables.iter().position(|id| *id == found.id()).ok_or_else(without)?;
        Ok((Wanted { table, vectors: pick.vectors().to_vec() }, layout.lattice().len()))
    }

    /// This server's part of the totals, of each question and vector.
    async fn select(
        self: &Arc<Self>,
        hash: Digest,
        wanted: Vec<Wanted>,
    ) -> Result<Vec<Vec<Vec<u8>>>, Unable> {
        let inner = Arc::clone(self);
        blocking(move || {
            let one = |Wanted { table, vectors }: Wanted| -> Result<Vec<Vec<u8>>, Unable> {
                let sums = inner.sums(hash, table)?;
                if sums.len() != vectors.len() {
                    return Err(Unable::Lost("its sums"));
                }
                let each = sums.iter().zip(&vectors).map(|(sum, places)| {
                    if places.is_empty() {
                        return Ok(Vec::new());
                    }
                    Ok(sum.select(places)?.to_bytes()?.to_vec())
                });
                each.collect()
            };
            wanted.into_iter().map(one).collect()
        })
        .await
    }
}

/// All sums of an estimate.
fn whole(estimate: &DistinctTable, document: &Round) -> Result<Wanted, Unable> {
    let table = document.tables.iter().position(|id| *id == estimate.id());
    let table = table.ok_or(Unable::Lost("the meaning of its tables"))?;
    let specs = estimate.vectors()?;
    Ok(Wanted { table, vectors: specs.iter().map(|spec| (0..spec.len()).collect()).collect() })
}

fn table(question: &Question) -> OpenedTable {
    OpenedTable {
        indicator: question.indicator.clone(),
        by: question.by.clone(),
        scope: question.scope.clone(),
    }
}

/// Whether two are one table, in whatever order its breakdown is named.
pub(super) fn alike(a: &OpenedTable, b: &OpenedTable) -> bool {
    let sorted = |table: &OpenedTable| {
        let mut by = table.by.clone();
        by.sort();
        by
    };
    a.indicator == b.indicator && a.scope == b.scope && sorted(a) == sorted(b)
}
