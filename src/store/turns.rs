//! Turns at a universe, for whoever tests beside what is live in it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use evensum_core::disclosure::Universe;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Whose turn it is to test in each universe, so that no two test beside the same live tables and one of them in
/// vain. That nothing is frozen untested does not rest on this: the store compares marks.
#[derive(Debug, Default)]
pub struct Turns(std::sync::Mutex<HashMap<Universe, Arc<Mutex<()>>>>);

impl Turns {
    /// Waits for the turn in a universe. It is over when what is given is dropped.
    pub async fn take(&self, universe: &Universe) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody waits for are forgotten.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(universe.clone()).or_default())
        };
        turn.lock_owned().await
    }
}
