//! The search for whole tables that keep within all bounds, by repairing one that does not (min-conflicts with a
//! short memory).

use super::figures::Figures;
use super::random::{Random, SEED};

/// Finest cells of a sum that are looked at in one step.
const LOOKED_AT: usize = 64;
/// Where a sum has more, every so many.
const STRIDE: usize = 7;
/// For so many steps a finest cell that was changed is rather left alone,
const REST: u64 = 4;
/// as if changing it put so many sums wrong.
const REST_COSTS: i32 = 2;
const NOWHERE: u32 = u32::MAX;

/// A figure in the table at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    pub(super) value: i64,
    /// The bounds that it should keep at the moment.
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Figure {
    const fn wrong(&self) -> bool {
        self.value < self.low || self.value > self.high
    }
}

/// A table, and what in it is out of bounds.
#[derive(Debug)]
pub(super) struct Search<'a> {
    shape: &'a Figures,
    figures: Vec<Figure>,
    /// Sums that are out of bounds, and where each stands in that list.
    wrong: Vec<u32>,
    place: Vec<u32>,
    /// The step at which each finest cell was last changed.
    changed: Vec<u64>,
    /// What finest cells were since [`Search::mark`].
    before: Vec<(u32, i64)>,
    marked: Vec<u32>,
    mark: u32,
    random: Random,
    steps: u64,
    most: u64,
}

impl<'a> Search<'a> {
    /// With these finest cells, which are within their bounds, and so many steps at most.
    pub(super) fn new(shape: &'a Figures, finest: &[i64], most: u64) -> Self {
        let figure =
            |span: &super::layout::Span| Figure { value: 0, low: span.low, high: span.high };
        let mut search = Self {
            shape,
            figures: shape.known.iter().map(figure).collect(),
            wrong: Vec::new(),
            place: vec![NOWHERE; shape.len()],
            changed: vec![0; shape.finest],
            before: Vec::new(),
            marked: vec![0; shape.finest],
            mark: 1,
            random: Random::new(SEED),
            steps: 0,
            most,
        };
        search.put(finest);
        search
    }

    /// Takes other finest cells.
    pub(super) fn put(&mut self, finest: &[i64]) {
        for (figure, value) in self.figures.iter_mut().zip(finest) {
            figure.value = *value;
        }
        for sum in self.shape.sums() {
            let members = self.shape.members(sum);
            self.figures[sum].value = members.iter().map(|m| finest[*m as usize]).sum();
            self.check(sum);
        }
        self.mark();
    }

    /// Asks for other bounds of a sum.
    pub(super) fn bound(&mut self, sum: usize, low: i64, high: i64) {
        let figure = &mut self.figures[sum];
        (figure.low, figure.high) = (low, high);
        self.check(sum);
    }

    pub(super) fn figure(&self, figure: usize) -> Figure {
        self.figures[figure]
    }

    pub(super) fn finest(&self) -> Vec<i64> {
        self.figures[..self.shape.finest].iter().map(|f| f.value).collect()
    }

    /// Steps so far.
    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    /// Counts work that was done elsewhere.
    pub(super) const fn charge(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(steps);
    }

    /// Whether all steps are spent.
    pub(super) const fn spent(&self) -> bool {
        self.steps >= self.most
    }

    /// Puts a sum on the list of those that are out of bounds, or takes it off.
    fn check(&mut self, sum: usize) {
        let (wrong, place) = (self.figures[sum].wrong(), self.place[sum]);
        if wrong && place == NOWHERE {
            self.place[sum] = self.wrong.len() as u32;
            self.wrong.push(sum as u32);
        } else if !wrong && place != NOWHERE {
            self.wrong.swap_remove(place as usize);
            if let Some(moved) = self.wrong.get(place as usize) {
                self.place[*moved as usize] = place;
            }
            self.place[sum] = NOWHERE;
        }
    }

    /// Changes a finest cell.
    fn change(&mut self, finest: usize, by: i64) {
        if self.marked[finest] != self.mark {
            self.marked[finest] = self.mark;
            self.before.push((finest as u32, self.figures[finest].value));
        }
        self.figures[finest].value += by;
        let shape = self.shape;
        for sum in shape.holding(finest) {
            let figure = &mut self.figures[*sum as usize];
            figure.value += by;
            if figure.wrong() != (self.place[*sum as usize] != NOWHERE) {
                self.check(*sum as usize);
            }
        }
    }

    /// Changes finest cells, one by one, until no sum is out of bounds. False where that takes more than so many
    /// steps, or all are spent.
    pub(super) fn repair(&mut self, limit: u64) -> bool {
        let end = self.steps.saturating_add(limit).min(self.most);
        while !self.wrong.is_empty() {
            if self.steps >= end {
                return false;
            }
            self.steps += 1;
            let sum = self.wrong[self.random.below(self.wrong.len())] as usize;
            let up = self.figures[sum].value < self.figures[sum].low;
            if let Some(finest) = self.best(sum, up) {
                self.change(finest, if up { 1 } else { -1 });
                self.changed[finest] = self.steps;
            }
        }
        true
    }

    /// The finest cell of a sum that had best be changed, of those within their bounds afterwards.
    fn best(&mut self, sum: usize, up: bool) -> Option<usize> {
        let members = self.shape.members(sum);
        let (looks, stride) = match members.len() {
            few if few <= LOOKED_AT => (few, 1),
            _ => (LOOKED_AT, STRIDE),
        };
        let mut at = self.random.below(members.len());
        let (mut best, mut ties, mut found) = (i32::MAX, 0, None);
        for _ in 0..looks {
            let finest = members[at] as usize;
            at += stride;
            if at >= members.len() {
                at -= members.len();
            }
            let figure = &self.figures[finest];
            if (up && figure.value >= figure.high) || (!up && figure.value <= figure.low) {
                continue;
            }
            let rests = self.changed[finest] > 0 && self.steps - self.changed[finest] < REST;
            let mut score = if rests { REST_COSTS } else { 0 };
            let holding = self.shape.holding(finest).iter().map(|s| &self.figures[*s as usize]);
            score += if up {
                holding
                    .map(|f| i32::from(f.value >= f.high) - i32::from(f.value < f.low))
                    .sum::<i32>()
            } else {
                holding
                    .map(|f| i32::from(f.value <= f.low) - i32::from(f.value > f.high))
                    .sum::<i32>()
            };
            if score < best {
                (best, ties, found) = (score, 1, Some(finest));
            } else if score == best {
                ties += 1;
                if self.random.below(ties) == 0 {
                    found = Some(finest);
                }
            }
        }
        found
    }

    /// Looks for a table, from one that keeps within bounds, in which a figure is at least `goal` (`up`) or at most
    /// that. The table is then at hand; [`Search::back`] returns to the one before.
    pub(super) fn aim(&mut self, figure: usize, up: bool, goal: i64, limit: u64) -> bool {
        let asked = self.figures[figure];
        if figure < self.shape.finest {
            self.change(figure, goal - asked.value);
        }
        let aimed = &mut self.figures[figure];
        if up {
            aimed.low = goal;
        } else {
            aimed.high = goal;
        }
        if figure >= self.shape.finest {
            self.check(figure);
        }
        let found = self.repair(limit);
        (self.figures[figure].low, self.figures[figure].high) = (asked.low, asked.high);
        if found {
            self.assert_fits();
        }
        found
    }

    /// Makes the table at hand the one to which [`Search::back`] returns.
    pub(super) fn mark(&mut self) {
        self.before.clear();
        self.mark += 1;
    }

    /// The finest cells that were changed since the mark.
    pub(super) fn touched(&self) -> impl Iterator<Item = usize> {
        self.before.iter().map(|(finest, _)| *finest as usize)
    }

    /// Returns to the marked table, which kept within bounds.
    pub(super) fn back(&mut self) {
        let shape = self.shape;
        for (finest, value) in &self.before {
            let by = value - self.figures[*finest as usize].value;
            self.figures[*finest as usize].value = *value;
            for sum in shape.holding(*finest as usize) {
                self.figures[*sum as usize].value += by;
            }
        }
        for sum in self.wrong.drain(..) {
            self.place[sum as usize] = NOWHERE;
        }
        self.mark();
    }

    /// Adds the table at hand up again from the finest cells and holds it to everything that is known.
    pub(super) fn assert_fits(&self) {
        if cfg!(test) {
            let finest = self.finest();
            for (index, (figure, known)) in self.figures.iter().zip(&self.shape.known).enumerate() {
                let value = match index.checked_sub(self.shape.finest) {
                    None => finest[index],
                    Some(_) => self.shape.members(index).iter().map(|m| finest[*m as usize]).sum(),
                };
                assert_eq!(value, figure.value, "figure {index}");
                assert!(known.low <= value && value <= known.high, "figure {index} out of bounds");
            }
        }
    }
}
