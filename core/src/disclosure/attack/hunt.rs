//! The tables that were found, and which values of each figure are in them.

use super::figures::Figures;
use super::layout::{Span, UNBOUNDED};
use super::program::{self, Outcome};
use super::search::Search;
use super::{Contradiction, Limits, start};

/// Where nothing bounds a figure, a table with so many more of it is enough.
const FAR: i64 = 1 << 45;

/// Tables within all bounds, and how far apart they lie.
#[derive(Debug)]
pub(super) struct Hunt<'a> {
    shape: &'a Figures,
    pub(super) search: Search<'a>,
    /// Least and greatest value of each figure in all tables that were found.
    seen: Vec<Span>,
    /// Whether there is a table: one was found, or a program has one.
    possible: bool,
    programs: u32,
    most_programs: u32,
}

impl<'a> Hunt<'a> {
    /// Finds a first table where that succeeds, and those that differ from it in one finest cell.
    ///
    /// # Errors
    /// [`Contradiction`], where no table was found and the linear program says that there is none.
    pub(super) fn begin(shape: &'a Figures, limits: &Limits) -> Result<Self, Contradiction> {
        let (search, found) = start::begin(shape, limits.steps);
        let mut hunt = Self {
            shape,
            search,
            seen: vec![Span { low: UNBOUNDED, high: -1 }; shape.len()],
            possible: found,
            programs: 0,
            most_programs: limits.programs,
        };
        if found || hunt.begin_by_program()? {
            hunt.search.assert_fits();
            hunt.record();
            hunt.singles();
        }
        Ok(hunt)
    }

    fn begin_by_program(&mut self) -> Result<bool, Contradiction> {
        if !self.may_solve() {
            return Ok(false);
        }
        match program::optimum(self.shape, 0, true) {
            Outcome::Reached(_, point) => {
                self.possible = true;
                Ok(start::round(self.shape, &mut self.search, &point))
            }
            Outcome::Impossible => Err(Contradiction),
            Outcome::Failed => Ok(false),
        }
    }

    /// Whether a first table was found.
    pub(super) fn begun(&self) -> bool {
        self.seen.first().is_none_or(|s| s.low <= s.high)
    }

    /// Whether it is certain that figures do not contradict each other.
    pub(super) const fn possible(&self) -> bool {
        self.possible
    }

    /// Programs so far.
    pub(super) const fn programs(&self) -> u32 {
        self.programs
    }

    /// The least and the greatest that was seen of a figure; the wrong way round where no table was found.
    pub(super) fn seen(&self, figure: usize) -> Span {
        self.seen[figure]
    }

    /// What is known of a figure.
    pub(super) fn known(&self, figure: usize) -> Span {
        self.shape.known[figure]
    }

    fn see(&mut self, figure: usize, value: i64) {
        let seen = &mut self.seen[figure];
        seen.low = seen.low.min(value);
        seen.high = seen.high.max(value);
    }

    /// Notes the table at hand.
    fn record(&mut self) {
        for figure in 0..self.shape.len() {
            self.see(figure, self.search.figure(figure).value);
        }
    }

    /// Notes what the table at hand has different from the marked one.
    fn record_touched(&mut self) {
        let shape = self.shape;
        let touched: Vec<usize> = self.search.touched().collect();
        for finest in touched {
            self.see(finest, self.search.figure(finest).value);
            for sum in shape.holding(finest) {
                self.see(*sum as usize, self.search.figure(*sum as usize).value);
            }
        }
    }

    /// Notes the tables that differ from the one at hand in one finest cell, which rises or falls as far as the
    /// tightest of its sums allows.
    fn singles(&mut self) {
        let shape = self.shape;
        self.search.charge(shape.finest as u64 / 8);
        for finest in 0..shape.finest {
            let own = self.search.figure(finest);
            let (mut rise, mut fall) =
                (own.high.min(own.value + FAR) - own.value, own.value - own.low);
            for sum in shape.holding(finest) {
                let figure = self.search.figure(*sum as usize);
                rise = rise.min(figure.high - figure.value);
                fall = fall.min(figure.value - figure.low);
            }
            for figure in
                std::iter::once(finest).chain(shape.holding(finest).iter().map(|s| *s as usize))
            {
                let value = self.search.figure(figure).value;
                self.see(figure, value + rise);
                self.see(figure, value - fall);
            }
        }
    }

    /// Looks for a table in which a figure is at least (`up`) or at most `goal`, and returns to the one at hand.
    pub(super) fn reach(&mut self, figure: usize, up: bool, goal: i64, limit: u64) -> bool {
        let found = self.search.aim(figure, up, goal, limit);
        if found {
            self.record_touched();
        }
        self.search.back();
        found
    }

    /// Like [`Hunt::reach`], and stays with the table that is found.
    pub(super) fn move_to(&mut self, figure: usize, up: bool, goal: i64, limit: u64) -> bool {
        let found = self.search.aim(figure, up, goal, limit);
        if found {
            self.record_touched();
            self.search.mark();
            self.singles();
        } else {
            self.search.back();
        }
        found
    }

    fn may_solve(&mut self) -> bool {
        if self.programs >= self.most_programs {
            return false;
        }
        self.search.charge(program::cost(self.shape));
        self.programs += u32::from(!self.search.spent());
        !self.search.spent()
    }

    /// The most (`up`) or least that a figure can be in tables of any numbers. None where that is not found out,
    /// or the limits are reached.
    ///
    /// # Errors
    /// [`Contradiction`]: there is no table.
    pub(super) fn solve(&mut self, figure: usize, up: bool) -> Result<Option<f64>, Contradiction> {
        if !self.may_solve() {
            return Ok(None);
        }
        match program::optimum(self.shape, figure, up) {
            Outcome::Reached(bound, point) => {
                self.record_whole(&point);
                Ok(Some(bound))
            }
            // Not where a table is at hand: then the program is wrong.
            Outcome::Impossible if self.begun() => Ok(None),
            Outcome::Impossible => Err(Contradiction),
            Outcome::Failed => Ok(None),
        }
    }

    /// Notes the table that solves a program, where it is one of whole numbers.
    fn record_whole(&mut self, point: &[f64]) {
        let finest: Vec<i64> = point.iter().map(|v| v.round() as i64).collect();
        let value = |figure: usize| match figure.checked_sub(self.shape.finest) {
            None => finest[figure],
            Some(_) => self.shape.members(figure).iter().map(|m| finest[*m as usize]).sum(),
        };
        let values: Vec<i64> = (0..self.shape.len()).map(value).collect();
        let fits = |(value, known): (&i64, &Span)| known.low <= *value && *value <= known.high;
        if values.iter().zip(&self.shape.known).all(fits) {
            for (figure, value) in values.into_iter().enumerate() {
                self.see(figure, value);
            }
        }
    }
}
