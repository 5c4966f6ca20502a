//! A safe pattern: every primary cell is protected in turn by the cheapest ways, then what is needless is shown again.

use super::grid::{Grid, as_float};
use super::program::{Change, Goal, cheapest, proof};
use super::ways::{Proofs, Way, Ways};
use super::{ComplementaryError, MAX_WIDTH};

/// How often a program is asked again with prices that favour the cells which it chose.
const REWEIGHTED: u32 = 2;

/// How many ways of dividing the width are compared.
const COMPARED: usize = 4;

/// What is known of a table while patterns are made for it.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) grid: &'a Grid,
    pub(super) width: f64,
    pub(super) ways: Ways,
    pub(super) proofs: Proofs,
    pub(super) primary: Vec<u32>,
    programs: u32,
    most: u32,
    /// How often a large table may still be looked at as a whole.
    whole: u32,
    /// A share of a cell's price that says how many people it hides, so that fewer are hidden among equals.
    tie: Vec<f64>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(grid: &'a Grid, width: u64, most: u32) -> Self {
        let total = grid.cells.iter().map(|c| c.count).max().unwrap_or(1).max(1);
        let tie = grid.cells.iter().map(|c| 0.1 * as_float(c.count) / as_float(total)).collect();
        let (ways, primary) = (Ways::new(grid.cells.len()), grid.primary());
        let proofs = Proofs::new(grid.cells.len());
        Self {
            grid,
            width: as_float(width),
            ways,
            proofs,
            primary,
            programs: 0,
            most,
            whole: grid.looks(),
            tie,
        }
    }

    pub(super) const fn programs(&self) -> u32 {
        self.programs
    }

    /// A safe pattern in which nothing is needless.
    pub(super) fn pattern(&mut self) -> Result<Vec<bool>, ComplementaryError> {
        let mut hidden: Vec<bool> = self.grid.cells.iter().map(|c| c.primary).collect();
        let order = self.primary.clone();
        self.protect_all(&mut hidden, &order, &[])?;
        let chosen = self.chosen(&hidden);
        self.clean(&mut hidden, &chosen)?;
        Ok(hidden)
    }

    /// The secondary cells of a pattern, those first which cost most to hide.
    pub(super) fn chosen(&self, hidden: &[bool]) -> Vec<u32> {
        let cells = (0u32..).zip(&self.grid.cells).zip(hidden);
        let chosen = cells.filter(|((_, c), hidden)| **hidden && c.optional());
        let mut chosen: Vec<u32> = chosen.map(|((index, _), _)| index).collect();
        chosen.sort_by_key(|i| {
            let cell = &self.grid.cells[*i as usize];
            (std::cmp::Reverse((cell.weight, cell.count)), *i)
        });
        chosen
    }

    /// Hides more until these primary cells are protected. `surcharge` is added to what cells cost.
    pub(super) fn protect_all(
        &mut self,
        hidden: &mut [bool],
        order: &[u32],
        surcharge: &[f64],
    ) -> Result<(), ComplementaryError> {
        for target in order {
            if !self.ways.protect(*target, hidden, self.width) {
                self.protect(hidden, *target, surcharge)?;
            }
        }
        Ok(())
    }

    /// Hides more until one primary cell is protected, near it if that can be.
    fn protect(
        &mut self,
        hidden: &mut [bool],
        target: u32,
        surcharge: &[f64],
    ) -> Result<(), ComplementaryError> {
        let near = self.grid.near(target, hidden);
        let mut found = self.cheapest_of(hidden, target, surcharge, near.as_deref())?;
        if near.is_some() {
            let free = self.grid.cost(hidden);
            let dear = found.as_ref().is_some_and(|found| self.grid.cost(found) > free);
            if found.is_none() || (dear && self.afford()) {
                let whole = self.cheapest_of(hidden, target, surcharge, None)?;
                found = whole.into_iter().chain(found).min_by_key(|f| self.grid.cost(f));
            }
        }
        hidden.copy_from_slice(&found.ok_or(ComplementaryError::NoPattern)?);
        Ok(())
    }

    /// Whether a large table may be looked at as a whole once more.
    const fn afford(&mut self) -> bool {
        let left = self.whole > 0;
        self.whole = self.whole.saturating_sub(1);
        left
    }

    /// Lets a large table be looked at as a whole so often: more seldom the larger it is, as programs over many parts
    /// take long.
    pub(super) fn look_again(&mut self) {
        self.whole = self.grid.looks();
    }

    /// What to hide so that a primary cell can move up, down, or both, whichever costs least.
    fn cheapest_of(
        &mut self,
        hidden: &[bool],
        target: u32,
        surcharge: &[f64],
        near: Option<&[bool]>,
    ) -> Result<Option<Vec<bool>>, ComplementaryError> {
        let cell = &self.grid.cells[target as usize];
        let mut best: Option<((u64, u64), Vec<bool>)> = None;
        for (turn, up) in self.shares().into_iter().enumerate() {
            let down = self.width - up;
            // All of it up or down, or half of it each, is what is compared; the rest is for want of those.
            let late = turn >= COMPARED && best.is_some();
            if late || up > cell.high || -down < cell.low {
                continue;
            }
            let mut tried = hidden.to_vec();
            let moved = [up, -down].into_iter().filter(|by| *by != 0.0);
            let mut done = true;
            for by in moved {
                done = done && self.reach(&mut tried, (target, by), surcharge, near)?;
            }
            let cost = self.grid.cost(&tried);
            if done && best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, tried));
            }
        }
        Ok(best.map(|(_, tried)| tried))
    }

    /// How much of the width may lie above the true count.
    fn shares(&self) -> Vec<f64> {
        let half = (self.width / 2.0).floor();
        let mut shares = vec![self.width, 0.0, self.width - half, half];
        shares.extend((1..MAX_WIDTH).map(as_float).take_while(|up| *up < self.width));
        let mut once = Vec::with_capacity(shares.len());
        for share in shares {
            if !once.contains(&share) {
                once.push(share);
            }
        }
        once
    }

    /// Hides what the cheapest way needs that moves a cell so far. False where there is none.
    fn reach(
        &mut self,
        hidden: &mut [bool],
        (target, by): (u32, f64),
        surcharge: &[f64],
        near: Option<&[bool]>,
    ) -> Result<bool, ComplementaryError> {
        let grid = self.grid;
        let extra = |index: usize| surcharge.get(index).copied().unwrap_or(0.0);
        let mut scale = vec![1.0; grid.cells.len()];
        for _ in 0..=REWEIGHTED {
            let tie = &self.tie;
            let price = |index: usize| {
                let cell = &grid.cells[index];
                if hidden[index] || !cell.optional() {
                    return Some(0.0);
                }
                Some((f64::from(cell.weight) + tie[index] + extra(index)) * scale[index])
            };
            let found = cheapest(grid, target, Goal::Exactly(by), &price, near);
            let Some(change) = self.count(found)? else { break };
            let Some(way) = self.learn(&change) else { break };
            let dear: Vec<u32> =
                way.needs.iter().copied().filter(|i| !hidden[*i as usize]).collect();
            if dear.len() <= 1 {
                break;
            }
            // The next program finds the cells of this one cheap: corners with fewer of them win.
            scale.iter_mut().for_each(|s| *s = 1.0);
            for index in dear {
                scale[index as usize] = 0.5;
            }
        }
        let price = |cell: &u32| {
            f64::from(grid.cells[*cell as usize].weight)
                + self.tie[*cell as usize]
                + extra(*cell as usize)
        };
        let costs = self.ways.moving(target, by).map(|way| {
            let more = way.needs.iter().filter(|cell| !hidden[**cell as usize]);
            (more.map(price).sum::<f64>(), way)
        });
        let best = costs.min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, way)) = best else { return Ok(false) };
        way.needs.iter().for_each(|cell| hidden[*cell as usize] = true);
        Ok(true)
    }

    /// Whether a primary cell is protected by what is hidden, looking for new ways if the known ones do not tell.
    pub(super) fn safe(
        &mut self,
        hidden: &[bool],
        target: u32,
    ) -> Result<bool, ComplementaryError> {
        if self.ways.protect(target, hidden, self.width) {
            return Ok(true);
        }
        if self.proofs.refute(target, hidden) {
            return Ok(false);
        }
        let grid = self.grid;
        let cell = &grid.cells[target as usize];
        let price = |index: usize| (hidden[index] || !grid.cells[index].optional()).then_some(0.0);
        // Of a very large table a cell is in the end taken to be unsafe that is not found to be safe nearby: it costs
        // a few cells, and saves the programs over the whole.
        for near in [grid.near(target, hidden), None] {
            let whole = near.is_none();
            if whole && grid.is_large() && !self.afford() {
                return Ok(false);
            }
            for by in [self.width.min(cell.high), -self.width.min(-cell.low)] {
                if by != 0.0 {
                    let found = cheapest(grid, target, Goal::Towards(by), &price, near.as_deref());
                    if let Some(change) = self.count(found)? {
                        self.learn(&change);
                    }
                }
                if self.ways.protect(target, hidden, self.width) {
                    return Ok(true);
                }
            }
            if whole {
                break;
            }
        }
        if !grid.is_large() {
            self.prove(hidden, target)?;
        }
        Ok(false)
    }

    /// Finds out why what is hidden does not protect a cell. False where that is not so, or the solver cannot tell.
    pub(super) fn prove(
        &mut self,
        hidden: &[bool],
        target: u32,
    ) -> Result<bool, ComplementaryError> {
        let (mut reached, mut one_of) = (0.0, Vec::new());
        for up in [true, false] {
            let found = proof(self.grid, target, up, hidden);
            let Some((most, cells)) = self.count(found)? else { return Ok(false) };
            reached += (most + 1e-6).floor();
            one_of.extend(cells);
        }
        one_of.sort_unstable();
        one_of.dedup();
        let proved = reached < self.width;
        if proved {
            self.proofs.add(target, one_of);
        }
        Ok(proved)
    }

    /// Shows again what is not needed, in this order.
    pub(super) fn clean(
        &mut self,
        hidden: &mut [bool],
        order: &[u32],
    ) -> Result<(), ComplementaryError> {
        for cell in order {
            self.drop_if_needless(hidden, *cell)?;
        }
        Ok(())
    }

    /// Shows a cell again if every primary cell is protected without it.
    fn drop_if_needless(
        &mut self,
        hidden: &mut [bool],
        cell: u32,
    ) -> Result<bool, ComplementaryError> {
        hidden[cell as usize] = false;
        let mut order = self.primary.clone();
        // What the known ways leave open needs a program, and may end the matter: first.
        order.retain(|target| !self.ways.protect(*target, hidden, self.width));
        if order.iter().any(|target| self.proofs.refute(*target, hidden)) {
            hidden[cell as usize] = true;
            return Ok(false);
        }
        for target in order {
            if !self.safe(hidden, target)? {
                hidden[cell as usize] = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn count<T>(&mut self, found: T) -> Result<T, ComplementaryError> {
        self.programs += 1;
        if self.programs > self.most { Err(ComplementaryError::TooMuch) } else { Ok(found) }
    }

    /// Keeps a way and, where it can be gone, the way back.
    fn learn(&mut self, change: &Change) -> Option<Way> {
        let way = Way::of(self.grid, change)?;
        self.ways.add(way.clone());
        if let Some(back) = Way::back(self.grid, change) {
            self.ways.add(back);
        }
        Some(way)
    }
}
