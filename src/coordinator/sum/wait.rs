//! Partners' own tables wait for the sum: what is released of a bound round is decided before they are shown, so that no
//! question keeps the agreement's totals back.

use evensum_core::model::{Digest, Population};
use evensum_core::pool::{Round, RoundDocument, RoundState};
use tokio::time::{Instant, timeout_at};

use super::{LOOK, Sums, shelf};

/// How long after the time for contributions a round's tables are waited for, in seconds. A round that the second server
/// opens no more does not keep partners' tables back for ever.
const MOST_DECIDING: i64 = 24 * 60 * 60;

impl Sums {
    /// Whether partners' own tables of a population may be shown as far as its rounds go: none of them is bound whose
    /// tables are not decided. That is waited for until the given moment.
    pub(in super::super) async fn is_decided(
        &self,
        population: &Population,
        until: Instant,
    ) -> bool {
        let mut changes = self.store.round_changes();
        loop {
            if !self.is_deciding(population) {
                return true;
            }
            let now = Instant::now();
            // Whether a round is given up is on the disk alone, which tells nobody.
            let look = timeout_at(until.min(now + LOOK), changes.changed()).await;
            if now >= until || matches!(look, Ok(Err(_))) {
                return false;
            }
        }
    }

    /// Whether a round is bound whose tables are not decided.
    fn is_deciding(&self, population: &Population) -> bool {
        let rounds = self.store.rounds();
        let Ok(Some(state)) = rounds.of(population) else { return false };
        // What a question asks for beside the tables of the packs is opened once those are decided.
        let decided =
            |round: &RoundState| round.openings > 1 || (round.openings == 1 && !round.pending);
        let open = |round: &RoundState| !decided(round) && !self.is_given_up(round.round);
        state.stopped.is_none() && state.versions.values().any(open)
    }

    /// Whether nothing comes of a round any more, or nobody waits longer for it.
    fn is_given_up(&self, hash: Digest) -> bool {
        let envelope = self.envelope::<Round>(hash, shelf::ROUND).ok().flatten();
        let round = envelope.and_then(|of| Round::read(&of.payload).ok());
        let closes = round.map(|round| round.closes.as_unix().saturating_add(MOST_DECIDING));
        let now = self.clock.now().as_unix();
        self.dead(hash) || closes.is_none_or(|last| now >= last)
    }
}
