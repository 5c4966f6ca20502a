//! Totals are opened again where a member had taken itself out, and now takes part: once every member whose records are in
//! the sum is there and says so.

use std::sync::Arc;

use evensum_core::ledger::{PoolStep, Stop};
use evensum_core::model::Ods;
use evensum_core::pool::PopulationState;
use evensum_core::port::{PoolFault, PoolNodePort};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::info;

use super::fetch::CALL;
use super::{Inner, Unable};

impl Inner {
    /// Looks at every population that was stopped because a member had taken itself out.
    pub(super) async fn resume(self: &Arc<Self>) -> Result<(), Unable> {
        let rounds = self.store.rounds();
        for state in rounds.populations().filter(|s| s.stopped == Some(Stop::Suspended)) {
            if self.all_take_part(state).await? {
                let population = state.population.clone();
                let (dataset, period) = (population.dataset.clone(), population.period);
                if self.store.step(PoolStep::Resumed { population }).await?.is_some() {
                    info!(%dataset, %period, "totals of a blind sum are opened again: every member takes part");
                    self.wake.notify_waiters();
                }
            }
        }
        Ok(())
    }

    /// Whether every member of a closed sum is there, and takes part: each is told of the closing once more.
    async fn all_take_part(self: &Arc<Self>, state: &PopulationState) -> Result<bool, Unable> {
        let Some((_, round)) = state.newest_closed() else { return Ok(false) };
        let Some(closed) = &round.closed else { return Ok(false) };
        let there = closed.members.iter().map(|ods: &Ods| self.nodes.member(ods));
        let Some(nodes) = there.collect::<Option<Vec<Arc<dyn PoolNodePort>>>>() else {
            return Ok(false);
        };
        let proof = {
            let mut history = self.history.lock().await;
            history.read_on(self.clock.now()).await?;
            let Some(index) = history.closed(round.round) else { return Ok(false) };
            history.receipt(index).await?
        };
        let mut asking = JoinSet::new();
        for node in nodes {
            let (inner, proof) = (Arc::clone(self), proof.clone());
            asking.spawn(async move {
                let answer = timeout(CALL, node.told(&inner.own, vec![proof])).await;
                answer.unwrap_or(Err(PoolFault::Late))
            });
        }
        let mut all = true;
        while let Some(answer) = asking.join_next().await {
            all &= matches!(answer, Ok(Ok(())));
        }
        Ok(all)
    }
}
