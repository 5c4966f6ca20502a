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

/// The rungs of a table that are released where its finest passes: all, since the coarser ones are sums of it; of a table
/// with means, percentiles or ratios the finest alone, since those of two rungs are not told together.
fn with_coarser(rungs: &[Protected]) -> &[Protected] {
    match rungs {
        [finest, _, ..] if finest.document().figures.is_some() => std::slice::from_ref(finest),
        rungs => rungs,
    }
}

impl Live<'_> {
    /// Decides tables from the front of the list, and takes them off it: those that pass as they are, beside everything
    /// that is live and those before them, and the next one, of which the finest rung that passes with all coarser ones
    /// is released with them, and those above it are withheld. Of a table with means, percentiles or ratios the finest
    /// rung that passes is released alone. No table may stand in the list twice.
    ///
    /// # Errors
    /// [`LiveError`], where the first table cannot be tested; then nothing was taken off.
    pub fn advance(
        &self,
        tables: &mut VecDeque<Vec<Protected>>,
        limits: &Limits,
    ) -> Result<Decision, LiveError> {
        let Passing { whole, refused } = self.passing(tables, limits)?;
        let next = match tables.get(whole).filter(|_| refused) {
            None => None,
            Some(rungs) => match self.finest_of(rungs, tables, whole, limits) {
                Ok(finest) => Some(finest),
                // Once it is the first, it is said of it.
                Err(_) if whole > 0 => None,
                Err(error) => return Err(error),
            },
        };
        let mut decision = Taken::default();
        for rungs in tables.drain(..whole) {
            decision.take(rungs, 0);
        }
        if let Some(finest) = next {
            decision.take(tables.pop_front().unwrap_or_default(), finest);
        }
        Ok(Decision { withheld: decision.withheld, released: self.drafts(decision.released) })
    }

    /// Which rung of a table is the finest to be released beside so many tables that pass, where its very finest is not;
    /// as many as there are, where none is.
    fn finest_of(
        &self,
        rungs: &[Protected],
        tables: &VecDeque<Vec<Protected>>,
        whole: usize,
        limits: &Limits,
    ) -> Result<usize, LiveError> {
        for finest in 1..rungs.len() {
            let before = tables.iter().take(whole).flat_map(|rungs| with_coarser(rungs));
            let these = with_coarser(rungs.get(finest..).unwrap_or_default());
            if self.all_pass(before.chain(these), limits)? {
                return Ok(finest);
            }
        }
        Ok(rungs.len())
    }

    /// How many tables from the front pass as they are: found in ever larger steps, and between the last two by halves.
    fn passing(
        &self,
        tables: &VecDeque<Vec<Protected>>,
        limits: &Limits,
    ) -> Result<Passing, LiveError> {
        let most = tables.len().min(MAX_AT_ONCE);
        let (mut whole, mut bad, mut refused, mut step) = (0, most + 1, false, 1);
        while bad - whole > 1 {
            let next = if bad > most { most.min(whole + step) } else { whole.midpoint(bad) };
            let these = tables.iter().take(next).flat_map(|rungs| with_coarser(rungs));
            match self.all_pass(these, limits) {
                Ok(true) => (whole, step) = (next, 2 * step),
                Ok(false) => (bad, refused) = (next, true),
                // Whichever of them it is, it is found when it is the first.
                Err(_) if next > 1 => (bad, refused) = (next, false),
                Err(error) => return Err(error),
            }
        }
        Ok(Passing { whole, refused })
    }
}

/// How many tables pass as they are, and whether the one behind them was refused: it may be the last, or one that cannot
/// be tested.
struct Passing {
    whole: usize,
    refused: bool,
}

/// What is taken off the list.
#[derive(Default)]
struct Taken {
    withheld: Vec<Withheld>,
    released: Vec<Protected>,
}

impl Taken {
    /// A table of which this rung is the finest that is released.
    fn take(&mut self, mut rungs: Vec<Protected>, finest: usize) {
        let mut released = rungs.split_off(finest.min(rungs.len()));
        let rest = released.split_off(with_coarser(&released).len());
        self.withheld.extend(rungs.into_iter().chain(rest).map(Withheld::of));
        self.released.extend(released);
    }
}
