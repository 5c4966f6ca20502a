//! Invented records. Those that are alike can stand together as one lot, so that a table of millions takes no more
//! memory than its published cells ask for.

use super::super::random::Random;
use super::index::{Index, number};
use super::tally::Tally;

/// A step back.
#[derive(Debug)]
enum Back {
    Added,
    Weighed { lot: u32, by: i64 },
    Turned { lot: u32, axis: usize, part: u16 },
}

/// The lots, and how often each published cell is counted in them.
#[derive(Debug)]
pub(super) struct Lots<'a> {
    index: &'a Index,
    pub(super) tally: Tally,
    /// A row of each lot: its part of each axis.
    parts: Vec<u16>,
    /// How many records each lot is. One that is none is in no bucket.
    weights: Vec<i64>,
    /// A row of each lot: its class of each shape, and its place in that class's bucket.
    classes: Vec<u32>,
    places: Vec<u32>,
    /// The lots of each class.
    buckets: Vec<Vec<u32>>,
    /// The step at which each lot was last changed.
    pub(super) changed: Vec<u64>,
    journal: Vec<Back>,
}

/// Calls with what is only in the first list (false) and what is only in the second (true). Both rise.
fn exchange(from: &[u32], to: &[u32], mut each: impl FnMut(usize, bool)) {
    let (mut i, mut j) = (0, 0);
    while i < from.len() && j < to.len() {
        let (a, b) = (from[i], to[j]);
        if a != b {
            each(a.min(b) as usize, b < a);
        }
        i += usize::from(a <= b);
        j += usize::from(b <= a);
    }
    from[i..].iter().for_each(|a| each(*a as usize, false));
    to[j..].iter().for_each(|b| each(*b as usize, true));
}

/// What is done to some records of a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// They change parts.
    Change,
    /// As many more, with changed parts, are added.
    Add,
    /// They are taken away.
    Drop,
}

/// A move.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) kind: Kind,
    pub(super) lot: u32,
    /// How many records.
    pub(super) amount: i64,
    /// New parts.
    pub(super) turns: Vec<(usize, u16)>,
}

impl<'a> Lots<'a> {
    /// No records yet. One lot of none is there from the beginning, to add records like it.
    pub(super) fn new(index: &'a Index, bounds: &[(i64, i64)]) -> Self {
        let classes = index.shapes.last().map_or(0, |s| s.classes.end as usize);
        let mut lots = Self {
            index,
            tally: Tally::new(bounds),
            parts: Vec::new(),
            weights: Vec::new(),
            classes: Vec::new(),
            places: Vec::new(),
            buckets: vec![Vec::new(); classes],
            changed: Vec::new(),
            journal: Vec::new(),
        };
        lots.add(&vec![0; index.axes.len()], 0);
        lots
    }

    pub(super) fn parts(&self, lot: u32) -> &[u16] {
        let axes = self.index.axes.len();
        &self.parts[lot as usize * axes..][..axes]
    }

    pub(super) fn weight(&self, lot: u32) -> i64 {
        self.weights[lot as usize]
    }

    /// Some lot in a cell, and how many classes had to be looked at.
    pub(super) fn some(&self, cell: usize, random: &mut Random) -> (Option<u32>, u64) {
        let classes = self.index.covered.of(cell);
        let start = random.below(classes.len());
        for (looked, class) in (1..).zip(classes[start..].iter().chain(&classes[..start])) {
            let bucket = &self.buckets[*class as usize];
            if !bucket.is_empty() {
                return (Some(bucket[random.below(bucket.len())]), looked);
            }
        }
        (None, classes.len() as u64)
    }

    /// How much further outside the cells are after a move, and how many cells had to be looked at. None where
    /// that is surely more than a bound.
    pub(super) fn worse(&self, step: &Move, bound: i64) -> (Option<i64>, u64) {
        let (mut worse, mut looked) = (0, 0);
        // No more can be gained than all cells lie outside.
        let hopeless = bound.saturating_add(self.tally.far());
        let mut shape = |s: usize| {
            let (from, to) = self.lists(step, s);
            looked += (1 + from.len() + to.len()) as u64;
            exchange(from, to, |cell, gains| {
                worse += self.tally.worse(cell, if gains { step.amount } else { -step.amount });
            });
            worse <= hopeless
        };
        let seen = match step.turns[..] {
            [(axis, _)] if step.kind == Kind::Change => {
                self.index.naming[axis].iter().all(|s| shape(*s as usize))
            }
            _ => (0..self.index.shapes.len()).all(shape),
        };
        (seen.then_some(worse), looked)
    }

    /// A lot's class of a shape after some turns.
    fn turned(&self, lot: u32, s: usize, turns: &[(usize, u16)]) -> u32 {
        let parts = self.parts(lot);
        let mut class = self.classes[lot as usize * self.index.shapes.len() + s];
        for (axis, part) in turns {
            class += self.index.offsets_of(*axis, *part)[s];
            class -= self.index.offsets_of(*axis, parts[*axis])[s];
        }
        class
    }

    /// Makes a move.
    pub(super) fn make(&mut self, step: &Move, now: u64) {
        let whole = step.kind == Kind::Change && step.amount == self.weight(step.lot);
        if whole {
            for (axis, part) in &step.turns {
                let back =
                    Back::Turned { lot: step.lot, axis: *axis, part: self.parts(step.lot)[*axis] };
                self.turn(step.lot, *axis, *part);
                self.journal.push(back);
            }
        }
        if !whole && step.kind != Kind::Add {
            self.weigh(step.lot, -step.amount);
            self.journal.push(Back::Weighed { lot: step.lot, by: step.amount });
        }
        if !whole && step.kind != Kind::Drop {
            let mut parts = self.parts(step.lot).to_vec();
            for (axis, part) in &step.turns {
                parts[*axis] = *part;
            }
            self.add(&parts, step.amount);
            self.journal.push(Back::Added);
            if let Some(changed) = self.changed.last_mut() {
                *changed = now;
            }
        }
        self.changed[step.lot as usize] = now;
    }

    /// Calls with every cell that a move would change.
    pub(super) fn touched(&self, step: &Move, mut each: impl FnMut(usize)) {
        for s in 0..self.index.shapes.len() {
            let (from, to) = self.lists(step, s);
            exchange(from, to, |cell, _| each(cell));
        }
    }

    /// The cells of a shape that a move takes records from, and those that it gives them to.
    fn lists(&self, step: &Move, s: usize) -> (&'a [u32], &'a [u32]) {
        let from = self.classes[step.lot as usize * self.index.shapes.len() + s];
        let to = self.turned(step.lot, s, &step.turns);
        let holding = &self.index.holding;
        match step.kind {
            Kind::Change if from == to => (&[], &[]),
            Kind::Change => (holding.of(from as usize), holding.of(to as usize)),
            Kind::Add => (&[], holding.of(to as usize)),
            Kind::Drop => (holding.of(from as usize), &[]),
        }
    }

    /// Stays where it is.
    pub(super) fn keep(&mut self) {
        self.journal.clear();
    }

    /// Goes back to where it was last kept.
    pub(super) fn back(&mut self) {
        while let Some(back) = self.journal.pop() {
            match back {
                Back::Added => self.take_last(),
                Back::Weighed { lot, by } => self.weigh(lot, by),
                Back::Turned { lot, axis, part } => self.turn(lot, axis, part),
            }
        }
    }

    /// A new lot.
    pub(super) fn add(&mut self, parts: &[u16], weight: i64) {
        let lot = number(self.weights.len());
        self.parts.extend_from_slice(parts);
        self.weights.push(0);
        self.changed.push(0);
        for shape in &self.index.shapes {
            self.classes.push(self.index.class(shape, parts));
            self.places.push(0);
        }
        self.weigh(lot, weight);
    }

    fn take_last(&mut self) {
        let Some(last) = self.weights.len().checked_sub(1) else { return };
        self.weigh(number(last), -self.weights[last]);
        self.weights.truncate(last);
        self.changed.truncate(last);
        self.parts.truncate(last * self.index.axes.len());
        self.classes.truncate(last * self.index.shapes.len());
        self.places.truncate(last * self.index.shapes.len());
    }

    fn weigh(&mut self, lot: u32, by: i64) {
        let index = self.index;
        let before = self.weights[lot as usize];
        self.weights[lot as usize] += by;
        for s in 0..index.shapes.len() {
            let class = self.classes[lot as usize * index.shapes.len() + s];
            for cell in index.holding.of(class as usize) {
                self.tally.add(*cell as usize, by);
            }
            if before == 0 && by != 0 {
                self.enter(lot, s);
            } else if before != 0 && before + by == 0 {
                self.leave(lot, s);
            }
        }
    }

    fn turn(&mut self, lot: u32, axis: usize, part: u16) {
        let index = self.index;
        let weight = self.weights[lot as usize];
        for s in &index.naming[axis] {
            let s = *s as usize;
            let row = lot as usize * index.shapes.len() + s;
            let (from, to) = (self.classes[row], self.turned(lot, s, &[(axis, part)]));
            if from == to {
                continue;
            }
            let holding = &index.holding;
            exchange(holding.of(from as usize), holding.of(to as usize), |cell, gains| {
                self.tally.add(cell, if gains { weight } else { -weight });
            });
            if weight != 0 {
                self.leave(lot, s);
            }
            self.classes[row] = to;
            if weight != 0 {
                self.enter(lot, s);
            }
        }
        self.parts[lot as usize * index.axes.len() + axis] = part;
    }

    fn enter(&mut self, lot: u32, s: usize) {
        let row = lot as usize * self.index.shapes.len() + s;
        let bucket = &mut self.buckets[self.classes[row] as usize];
        self.places[row] = number(bucket.len());
        bucket.push(lot);
    }

    fn leave(&mut self, lot: u32, s: usize) {
        let shapes = self.index.shapes.len();
        let row = lot as usize * shapes + s;
        let (bucket, place) =
            (&mut self.buckets[self.classes[row] as usize], self.places[row] as usize);
        bucket.swap_remove(place);
        if let Some(moved) = bucket.get(place) {
            self.places[*moved as usize * shapes + s] = number(place);
        }
    }

    /// Counts every cell again from the lots and compares: a witness is only believed as a table of people.
    #[cfg(test)]
    pub(super) fn fits(&self, bounds: &[(i64, i64)]) -> bool {
        let mut counts = vec![0; bounds.len()];
        for (lot, weight) in (0..).zip(&self.weights) {
            if *weight < 0 {
                return false;
            }
            for (cell, count) in counts.iter_mut().enumerate().filter(|_| *weight > 0) {
                *count += if self.index.holds(cell, self.parts(lot)) { *weight } else { 0 };
            }
        }
        let inside = |(count, (low, high)): (&i64, &(i64, i64))| low <= count && count <= high;
        counts.iter().enumerate().all(|(c, n)| self.tally.count(c) == *n)
            && counts.iter().zip(bounds).all(inside)
    }

    /// How many lots, also those of no record.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }
}
