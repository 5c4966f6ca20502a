//! What the server does by itself: fetch, tell, and open nothing more where a member is gone or takes itself out.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use evensum_core::ledger::{PoolStep, ReceiptParts, Stop};
use evensum_core::model::{AgreementId, Digest, Ods, RefusalCode};
use evensum_core::pool::PopulationState;
use evensum_core::port::{PoolFault, PoolNodePort};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::fetch::{CALL, takes_out};
use super::tell::MAX_TOLD;
use super::{Helper, Inner, Unable, round};

/// Between two looks at what can be done next.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at who is there, and whether its people still take part.
const ROLL_CALL: Duration = Duration::from_secs(15);
/// How long a member may be away, in seconds, before nothing more is opened.
pub(super) const MAX_ABSENCE_SECONDS: i64 = 7 * 24 * 60 * 60;
/// After a start nodes get so long to come back, in seconds, before anybody counts as away.
const GRACE_SECONDS: i64 = 10 * 60;
/// How long parts of a round are kept, in seconds, that was over and not closed.
const KEPT_SECONDS: i64 = 7 * 24 * 60 * 60;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
enum Work {
    Fetch,
    Tell,
}

impl Helper {
    /// Does whatever can be done next, until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let calls = self.clone().call_rolls(stop.clone());
        let fetching = self.clone().look_for(Work::Fetch, stop.clone());
        let telling = self.look_for(Work::Tell, stop);
        tokio::join!(calls, fetching, telling);
    }

    async fn look_for(self, work: Work, stop: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said: Option<String> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
                () = self.0.wake.notified() => {}
            }
            let done = tokio::select! {
                () = stop.cancelled() => return,
                done = self.0.look(work) => done,
            };
            // The same trouble is said once, however often it is met.
            said = done.err().map(|reason| {
                let text = reason.to_string();
                if said.as_ref() != Some(&text) {
                    let reason: &(dyn std::error::Error + 'static) = &reason;
                    warn!(reason, "a blind sum is not further yet; trying again");
                }
                text
            });
        }
    }

    async fn call_rolls(self, stop: CancellationToken) {
        let mut calls = interval(ROLL_CALL);
        calls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = calls.tick() => {}
            }
            let begun = Instant::now();
            let called = tokio::select! {
                () = stop.cancelled() => return,
                called = self.0.roll_call() => called,
            };
            if let Err(reason) = called {
                let reason: &(dyn std::error::Error + 'static) = &reason;
                warn!(reason, took = ?begun.elapsed(), "who is connected could not be noted; trying again");
            }
        }
    }
}

impl Inner {
    async fn look(self: &Arc<Self>, work: Work) -> Result<(), Unable> {
        match work {
            Work::Fetch => {
                self.finish().await?;
                self.fetch().await
            }
            Work::Tell => self.tell().await,
        }
    }

    /// Ends what a crash cut off, and erases what is over.
    pub(super) async fn finish(self: &Arc<Self>) -> Result<(), Unable> {
        let rounds = self.store.rounds();
        let all = rounds.populations().flat_map(|state| state.versions.values());
        let all: Vec<(Digest, bool)> = all.map(|r| (r.round, r.closed.is_some())).collect();
        // Whose key is gone is added up.
        for (hash, closed) in
            all.into_iter().filter(|(h, _)| self.shelf.vault().has(*h, round::VERIFY_KEY))
        {
            if closed {
                let _turn = self.turn(hash).await;
                self.add_up(hash).await?;
            } else if self.clock.now() > self.shelf.document(hash)?.closes.plus(KEPT_SECONDS) {
                let _turn = self.turn(hash).await;
                self.shelf.vault().forget(hash, round::SINGLE)?;
            }
        }
        Ok(())
    }

    /// Notes who is connected, asks every member whether it still takes part, and stops what has lost a member.
    pub(super) async fn roll_call(self: &Arc<Self>) -> Result<(), Unable> {
        let now = self.clock.now();
        let mut away = Vec::new();
        {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            let settled = now >= notes.began().plus(GRACE_SECONDS);
            for ods in self.members() {
                let connected = self.nodes.member(&ods).is_some();
                let note = notes.of(&ods, now);
                if connected {
                    note.seen = now;
                } else if settled && now > note.seen.plus(MAX_ABSENCE_SECONDS) {
                    away.push(ods);
                }
            }
            notes.write(self.shelf.vault())?;
        }
        for ods in away {
            self.stop(&ods, Stop::Unseen, |_| true).await?;
        }
        self.ask_all().await?;
        self.resume().await
    }

    /// Tells every connected member once more of the closings that its records are in: its answer says whether its
    /// people still take part.
    async fn ask_all(self: &Arc<Self>) -> Result<(), Unable> {
        let mut asking = JoinSet::new();
        for ods in self.members() {
            let Some(node) = self.nodes.member(&ods) else { continue };
            let inner = Arc::clone(self);
            asking.spawn(async move { inner.ask_again(&ods, &*node).await });
        }
        let mut failed = None;
        while let Some(asked) = asking.join_next().await {
            failed = failed.or(asked.unwrap_or(Err(Unable::CalledOff)).err());
        }
        failed.map_or(Ok(()), Err)
    }

    async fn ask_again(&self, ods: &Ods, node: &dyn PoolNodePort) -> Result<(), Unable> {
        let rounds = self.store.rounds();
        let live = rounds.populations().filter(|s| s.stopped.is_none() && self.holds(s, ods));
        let closings: Vec<(&PopulationState, Digest)> =
            live.filter_map(|state| Some((state, state.newest_closed()?.1.round))).collect();
        let mut proofs = Vec::new();
        {
            let mut history = self.history.lock().await;
            history.read_on(self.clock.now()).await?;
            for (state, round) in closings {
                if let Some(index) = history.closed(round) {
                    proofs.push((index, state, history.receipt(index).await?));
                }
            }
        }
        // In the order of the log, as whatever is told.
        proofs.sort_by_key(|(index, ..)| *index);
        for some in proofs.chunks(MAX_TOLD) {
            let all: Vec<ReceiptParts> = some.iter().map(|(.., proof)| proof.clone()).collect();
            let answer = timeout(CALL, node.told(&self.own, all)).await;
            let Err(fault) = answer.unwrap_or(Err(PoolFault::Late)) else { continue };
            if !takes_out(&fault) {
                return Ok(());
            }
            // Which of them it is that the partner keeps back.
            for (_, state, proof) in some {
                let answer = timeout(CALL, node.told(&self.own, vec![proof.clone()])).await;
                if let Err(fault) = answer.unwrap_or(Err(PoolFault::Late)) {
                    self.suspended(ods, &fault, |s| s.population == state.population).await?;
                }
            }
        }
        Ok(())
    }

    /// Where a node's answer says that its people have taken it out: stops the populations with it that are meant.
    pub(super) async fn suspended(
        &self,
        ods: &Ods,
        fault: &PoolFault,
        meant: impl Fn(&PopulationState) -> bool,
    ) -> Result<(), Unable> {
        if !takes_out(fault) {
            return Ok(());
        }
        if *fault != PoolFault::Refused(RefusalCode::KeptBack) {
            // That is of the whole agreement, whatever was asked.
            let rounds = self.store.rounds();
            let agreements: Vec<AgreementId> = rounds
                .populations()
                .filter(|state| meant(state))
                .flat_map(|state| state.versions.values().map(|round| round.agreement.clone()))
                .collect();
            let under = |state: &PopulationState| agreements.iter().any(|id| is_under(state, id));
            return self.stop(ods, Stop::Suspended, |state| meant(state) || under(state)).await;
        }
        self.stop(ods, Stop::Suspended, meant).await
    }

    /// Opens nothing more of populations whose sums have this member's records in them.
    async fn stop(
        &self,
        ods: &Ods,
        reason: Stop,
        meant: impl Fn(&PopulationState) -> bool,
    ) -> Result<(), Unable> {
        let rounds = self.store.rounds();
        let states = rounds.populations().filter(|s| s.stopped.is_none() && meant(s));
        let states: Vec<&PopulationState> = states.filter(|state| self.holds(state, ods)).collect();
        for state in states {
            let population = state.population.clone();
            let (dataset, period) = (&state.population.dataset, state.population.period);
            let step = PoolStep::Stopped { population, reason };
            if self.store.step(step).await?.is_some() {
                error!(partner = %ods, %dataset, %period, ?reason, "nothing more of a blind sum is opened, because a member is gone");
                self.wake.notify_waiters();
            }
        }
        Ok(())
    }

    /// Whether a member's records are in a sum, or its contribution to one is here.
    fn holds(&self, state: &PopulationState, ods: &Ods) -> bool {
        state.versions.values().any(|round| match &round.closed {
            Some(closed) => closed.members.contains(ods),
            None => round.members.contains(ods) && self.is_here(round.round, ods),
        })
    }
}

fn is_under(state: &PopulationState, agreement: &AgreementId) -> bool {
    state.versions.values().any(|round| round.agreement == *agreement)
}
