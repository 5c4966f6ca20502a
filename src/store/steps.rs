//! Steps of the two-server sum, and where the server stands after them.

use std::sync::Arc;

use evensum_core::ledger::{Event, PoolStep, Receipt};
use evensum_core::pool::{Rounds, Taken};
use tokio::sync::watch;

use super::batch::{Batch, Kind, Logged, Settled, Stop, Work};
use super::{Store, StoreError};

impl Store {
    /// Takes a step of the two-server sum. No receipt where the same step was taken before: nothing is written then.
    ///
    /// # Errors
    /// As of [`Store::append`], and [`StoreError::Step`] where the steps before it do not allow it.
    pub async fn step(&self, step: PoolStep) -> Result<Option<Receipt>, StoreError> {
        Ok(self.ask(Work::Append(Event::Pool(step))).await?.entry)
    }

    /// Where the server stands in the two-server sum, as its audit log says.
    #[must_use]
    pub fn rounds(&self) -> Arc<Rounds> {
        Arc::clone(&self.rounds.borrow())
    }

    /// Every change of [`Store::rounds`].
    #[must_use]
    pub fn round_changes(&self) -> watch::Receiver<Arc<Rounds>> {
        self.rounds.clone()
    }
}

impl Batch<'_> {
    /// Appends a step of the two-server sum, where those before it allow it and it was not taken before.
    pub(super) async fn pool_step(&mut self, step: PoolStep) -> Result<Settled<Logged>, Stop> {
        let refused = |why| Stop::Refused(StoreError::Step(why));
        let mut rounds = Rounds::clone(&self.rounds);
        if rounds.take(&step).map_err(refused)? == Taken::Before {
            return Ok(Settled::nothing(Kind::Done));
        }
        let logged = self.append(Event::Pool(step)).await?;
        self.rounds = Arc::new(rounds);
        Ok(Settled::plain(Kind::Done, logged))
    }
}
