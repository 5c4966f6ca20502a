//! The search for a table that fits: take a cell that is outside its bounds and make the change that helps it and
//! harms others least.

use super::super::random::Random;
use super::index::Index;
use super::lots::{Kind, Lots, Move};

/// Changes that are weighed in a step.
const TRIES: usize = 128;
/// As long as so many cells are outside, fewer changes are weighed.
const MANY: usize = 64;
const FEWER_TRIES: usize = 16;
/// Steps for which a lot is better left alone after a change, and how much worse that makes it.
const REST: u64 = 4;
const RESTLESS: i64 = 2;
/// One in so many tries adds or drops records instead of changing them.
const ODD: usize = 16;
/// Cells looked at that count as one step.
const LOOKED: u64 = 32;

/// The invented records and what has been spent on them.
#[derive(Debug)]
pub(super) struct Search<'a> {
    index: &'a Index,
    pub(super) lots: Lots<'a>,
    pub(super) random: Random,
    /// For each cell and each axis that it names: the cell that is the same for everybody on that axis.
    wider: Vec<Vec<u32>>,
    now: u64,
    looked: u64,
    most: u64,
    trial: Move,
    best: Move,
    /// The cells that the last stroll changed.
    pub(super) touched: Vec<usize>,
}

impl<'a> Search<'a> {
    /// Cell 0 is everybody; cells are in the order of their groups.
    pub(super) fn new(index: &'a Index, lots: Lots<'a>, random: Random, steps: u64) -> Self {
        let wider = |at: &Vec<u16>| {
            let mut to = at.clone();
            let named = (0..at.len()).filter(|a| at[*a] != 0);
            let without = named.map(|a| {
                let group = std::mem::replace(&mut to[a], 0);
                let found = index.at.binary_search(&to).unwrap_or(0);
                to[a] = group;
                super::index::number(found)
            });
            without.collect()
        };
        let idle = Move { kind: Kind::Change, lot: 0, amount: 0, turns: Vec::new() };
        Self {
            index,
            lots,
            random,
            wider: index.at.iter().map(wider).collect(),
            now: REST,
            looked: 0,
            most: steps.saturating_mul(LOOKED),
            trial: idle.clone(),
            best: idle,
            touched: Vec::new(),
        }
    }

    /// What has been spent, in steps.
    pub(super) const fn steps(&self) -> u64 {
        self.looked.div_ceil(LOOKED)
    }

    /// Whether everything that may be spent has been.
    pub(super) const fn spent(&self) -> bool {
        self.looked >= self.most
    }

    /// Whether all cells came to lie inside their bounds within so many changes.
    pub(super) fn repair(&mut self, changes: u64) -> bool {
        for _ in 0..changes {
            let outside = self.lots.tally.outside();
            if outside.is_empty() || self.spent() {
                break;
            }
            let cell = outside[self.random.below(outside.len())] as usize;
            self.now += 1;
            if self.choose(cell) {
                self.lots.make(&self.best, self.now);
            }
        }
        self.lots.tally.outside().is_empty()
    }

    /// Whether there is a change that helps a cell: the best of some.
    fn choose(&mut self, cell: usize) -> bool {
        let lack = self.lots.tally.lack(cell);
        let (mut least, mut ties) = (i64::MAX, 0);
        let tries = if self.lots.tally.outside().len() > MANY { FEWER_TRIES } else { TRIES };
        for attempt in 0..tries {
            let possible = if lack > 0 { self.more(cell, lack) } else { self.fewer(cell, -lack) };
            self.looked += 1;
            if !possible {
                continue;
            }
            if attempt % 4 == 3 {
                self.trial.amount = 1;
            }
            let (worse, looked) = self.lots.worse(&self.trial, least);
            self.looked += looked;
            let Some(mut worse) = worse else { continue };
            if self.lots.changed[self.trial.lot as usize] + REST > self.now {
                worse += RESTLESS;
            }
            ties = if worse < least { 1 } else { ties + usize::from(worse == least) };
            if worse < least || (worse == least && self.random.below(ties) == 0) {
                least = worse;
                std::mem::swap(&mut self.trial, &mut self.best);
            }
        }
        ties > 0
    }

    /// Moves a cell up or down by a change that leaves every cell inside, if one is found at once.
    pub(super) fn stroll(&mut self, cell: usize, by: i64, tries: usize) -> bool {
        for _ in 0..tries {
            let possible = if by > 0 { self.more(cell, by) } else { self.fewer(cell, -by) };
            self.looked += 1;
            if !possible {
                continue;
            }
            let (worse, looked) = self.lots.worse(&self.trial, 0);
            self.looked += looked;
            if worse.is_some_and(|w| w <= 0) {
                self.now += 1;
                let touched = &mut self.touched;
                touched.clear();
                self.lots.touched(&self.trial, |cell| touched.push(cell));
                self.lots.make(&self.trial, self.now);
                return true;
            }
        }
        false
    }

    /// Some lot in a cell.
    fn some(&mut self, cell: usize) -> Option<u32> {
        let (lot, looked) = self.lots.some(cell, &mut self.random);
        self.looked += looked;
        lot
    }

    /// Some way to bring records into a cell.
    fn more(&mut self, cell: usize, lack: i64) -> bool {
        let index = self.index;
        let named = &index.shape_of(cell).axes;
        let adds = named.is_empty() || self.random.below(ODD) == 0;
        let from = if adds && self.random.below(2) == 0 || named.is_empty() {
            cell
        } else {
            self.wider[cell][self.random.below(named.len())] as usize
        };
        let lot = match self.some(from) {
            Some(lot) => lot,
            None if adds => 0,
            None => return false,
        };
        self.trial.turns.clear();
        for axis in named {
            let group = index.group(cell, *axis);
            if !group.holds(self.lots.parts(lot)[*axis]) {
                let part = group.inside[self.random.below(group.inside.len())];
                self.trial.turns.push((*axis, part));
            }
        }
        self.trial.lot = lot;
        self.trial.kind = if adds { Kind::Add } else { Kind::Change };
        self.trial.amount = if adds { lack } else { lack.min(self.lots.weight(lot)) };
        adds || !self.trial.turns.is_empty()
    }

    /// Some way to take records out of a cell.
    fn fewer(&mut self, cell: usize, excess: i64) -> bool {
        let index = self.index;
        let named = &index.shape_of(cell).axes;
        let Some(lot) = self.some(cell) else { return false };
        self.trial.turns.clear();
        self.trial.lot = lot;
        self.trial.amount = excess.min(self.lots.weight(lot));
        self.trial.kind = Kind::Drop;
        if !named.is_empty() && self.random.below(ODD) != 0 {
            let axis = named[self.random.below(named.len())];
            let outside = &index.group(cell, axis).outside;
            if outside.is_empty() {
                return false;
            }
            self.trial.kind = Kind::Change;
            self.trial.turns.push((axis, outside[self.random.below(outside.len())]));
        }
        true
    }
}
