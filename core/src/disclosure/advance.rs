//! Many tables in an order that was fixed beforehand, each in several degrees of detail: which of them are released. What
//! comes of it is what comes of deciding one table after the other; it takes fewer tests, because tables that pass
//! together pass one after the other.

use std::collections::VecDeque;

use super::attack::Limits;
use super::chain::{Draft, Protected};
use super::live::{Live, LiveError, Withheld};

/// The most tables that are decided at once.
pub const MAX_AT_ONCE: usize = 64;

/// What was decided of tables.
#[derive(Debug)]
pub struct Decision {
    /// Rungs that stay withheld, the finest first.
    pub withheld: Vec<Withheld>,
    /// Rungs that may be frozen, in this order.
    pub released: Vec<Draft>,
}

impl Live<'_> {
    /// Decides tables from the front of the list, and takes them off it: those that pass as they are, beside everything
    /// that is live and those before them, and the next one, of which the finest rung that passes with all coarser ones
    /// is released with them, and those above it are withheld. No table may stand in the list twice.
    ///
    /// # Errors
    /// [`LiveError`]; then nothing was taken off.
    pub fn advance(
        &self,
        tables: &mut VecDeque<Vec<Protected>>,
        limits: &Limits,
    ) -> Result<Decision, LiveError> {
        let whole = self.passing(tables, limits)?;
        let more = tables.get(whole).map_or(0, Vec::len);
        // Its finest rung did not pass with the others, or there would be one more that passes as it is.
        let mut finest = usize::from(whole < tables.len().min(MAX_AT_ONCE));
        if finest > 0 {
            while finest < more {
                let rungs = tables.get(whole).and_then(|rungs| rungs.get(finest..));
                let before = tables.iter().take(whole).flatten();
                if self.all_pass(before.chain(rungs.unwrap_or_default()), limits)? {
                    break;
                }
                finest += 1;
            }
        }
        let mut released: Vec<Protected> = tables.drain(..whole).flatten().collect();
        let mut withheld = Vec::new();
        if finest > 0 {
            let mut rungs = tables.pop_front().unwrap_or_default().into_iter();
            withheld.extend(rungs.by_ref().take(finest).map(Withheld::of));
            released.extend(rungs);
        }
        Ok(Decision { withheld, released: self.drafts(released) })
    }

    /// How many tables from the front pass as they are: found in ever larger steps, and between the last two by halves.
    fn passing(
        &self,
        tables: &VecDeque<Vec<Protected>>,
        limits: &Limits,
    ) -> Result<usize, LiveError> {
        let most = tables.len().min(MAX_AT_ONCE);
        let pass = |count| self.all_pass(tables.iter().take(count).flatten(), limits);
        let (mut good, mut bad, mut step) = (0, most + 1, 1);
        while good < most && bad > most {
            let next = most.min(good + step);
            if pass(next)? {
                (good, step) = (next, 2 * step);
            } else {
                bad = next;
            }
        }
        while bad <= most && bad - good > 1 {
            let middle = good.midpoint(bad);
            if pass(middle)? { good = middle } else { bad = middle }
        }
        Ok(good)
    }
}
