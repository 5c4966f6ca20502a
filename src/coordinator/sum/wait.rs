//! Partners' own tables wait for the sum: what is released of a bound round is decided before they are shown, so that no
//! question keeps the agreement's totals back.

use evensum_core::model::{Digest, Population, canonical};
use evensum_core::pool::{Round, RoundState};
use tokio::time::{Instant, timeout_at};

use super::{LOOK, Sums, shelf};

/// How long after the time for contributions a round's tables are waited for, in seconds. A round that the second server
/// opens no more does not keep partners' tables back for ever.
const MOST_DECIDING: i64 = 24 * 60 * 60;

/// How far the round of a population is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// None is bound, or the tables of each are decided.
    Decided,
    /// One is open: contributions may take a day.
    Open,
    /// It is closed, and its tables are decided as soon as the second server opens them.
    Closed,
}

impl Sums {
    /// Whether partners' own tables of a population may be shown as far as its rounds go: no round of it is bound whose
    /// tables are not decided. Those of a closed round are waited for, until then; those of an open one are not.
    pub(in super::super) async fn is_decided(
        &self,
        population: &Population,
        until: Instant,
    ) -> bool {
        let mut changes = self.store.round_changes();
        loop {
            match self.stage(population) {
                Stage::Decided => return true,
                Stage::Closed if Instant::now() < until => {}
                Stage::Open | Stage::Closed => return false,
            }
            // Whether a round is given up is on the disk alone, which tells nobody.
            let look = until.min(Instant::now() + LOOK);
            if let Ok(Err(_)) = timeout_at(look, changes.changed()).await {
                return false;
            }
        }
    }

    fn stage(&self, population: &Population) -> Stage {
        let rounds = self.store.rounds();
        let Ok(Some(state)) = rounds.of(population) else { return Stage::Decided };
        if state.stopped.is_some() {
            return Stage::Decided;
        }
        let of = |round: &RoundState| match &round.closed {
            _ if round.openings > 1 || (round.openings == 1 && !round.pending) => Stage::Decided,
            _ if self.is_given_up(round.round) => Stage::Decided,
            Some(_) => Stage::Closed,
            None => Stage::Open,
        };
        let stages: Vec<Stage> = state.versions.values().map(of).collect();
        let first = |stage| stages.contains(&stage).then_some(stage);
        first(Stage::Open).or_else(|| first(Stage::Closed)).unwrap_or(Stage::Decided)
    }

    /// Whether nothing comes of a round any more, or nobody waits longer for it.
    fn is_given_up(&self, hash: Digest) -> bool {
        let envelope = self.envelope::<Round>(hash, shelf::ROUND).ok().flatten();
        let round = envelope.and_then(|of| canonical::decode::<Round>(&of.payload).ok());
        let closes = round.map(|round| round.closes.as_unix().saturating_add(MOST_DECIDING));
        let now = self.clock.now().as_unix();
        self.dead(hash) || closes.is_none_or(|last| now >= last)
    }
}
