//! Small sets of cells that no proof speaks against: of each list of cells at least one has to be in the set.

use super::chance::Chance;
use super::grid::Grid;

/// Steps after which no such set is thought to exist.
const STEPS: u32 = 4_000;
/// Steps for which a cell that was taken out is not put in again.
const REST: u32 = 3;

/// A search by weighted lists: a list that stays missed for long counts for more and more.
#[derive(Debug)]
pub(super) struct Hitting<'a> {
    grid: &'a Grid,
    lists: &'a [Vec<u32>],
    /// The lists that each cell is in.
    of_cell: Vec<Vec<u32>>,
    /// How many cells of the set are in each list.
    hits: Vec<u32>,
    weight: Vec<u32>,
    set: Vec<bool>,
    inside: Vec<u32>,
    spent: u64,
    /// The step at which each cell was last put in or taken out.
    moved: Vec<u32>,
}

impl<'a> Hitting<'a> {
    /// Begins with a set and the lists that it may miss.
    pub(super) fn new(grid: &'a Grid, lists: &'a [Vec<u32>], start: &[bool]) -> Self {
        let mut of_cell: Vec<Vec<u32>> = vec![Vec::new(); grid.cells.len()];
        for (number, list) in (0u32..).zip(lists) {
            list.iter().for_each(|cell| of_cell[*cell as usize].push(number));
        }
        let mut search = Self {
            grid,
            lists,
            of_cell,
            hits: vec![0; lists.len()],
            weight: vec![1; lists.len()],
            set: start.to_vec(),
            inside: Vec::new(),
            spent: 0,
            moved: vec![0; grid.cells.len()],
        };
        let optional =
            (0u32..).zip(&grid.cells).zip(start).filter(|((_, c), s)| **s && c.optional());
        for ((cell, _), _) in optional {
            search.put(cell, 0);
        }
        search
    }

    /// A set that hits every list and costs no more than `most` cells.
    pub(super) fn set(mut self, most: u64, chance: &mut Chance) -> Option<Vec<bool>> {
        for step in 1..=STEPS {
            let missed = (0usize..).zip(&self.hits).filter(|(_, hits)| **hits == 0);
            let missed: Vec<usize> = missed.map(|(number, _)| number).collect();
            if missed.is_empty() && self.spent <= most {
                return Some(self.set);
            }
            if !missed.is_empty()
                && let Some(cell) = self.best_of(missed[chance.below(missed.len())], step)
            {
                self.put(cell, step);
            }
            while self.spent > most {
                let place = self.least_missed(step)?;
                self.take(place, step);
            }
            let lists = self.hits.iter().zip(&mut self.weight).filter(|(hits, _)| **hits == 0);
            lists.for_each(|(_, weight)| *weight = weight.saturating_add(1));
        }
        None
    }

    /// What lists with so many hits weigh together that a cell is in, for each cell that it costs.
    fn weighs(&self, cell: u32, hits: u32) -> f64 {
        let lists = self.of_cell[cell as usize].iter().map(|list| *list as usize);
        let sum: f64 =
            lists.filter(|l| self.hits[*l] == hits).map(|l| f64::from(self.weight[l])).sum();
        sum / f64::from(self.grid.cells[cell as usize].weight.max(1))
    }

    /// The cell of a list that hits most of what is missed, the longest untouched among equals.
    fn best_of(&self, list: usize, step: u32) -> Option<u32> {
        let moved = |cell: u32| self.moved[cell as usize];
        let rested =
            self.lists[list].iter().copied().filter(|c| moved(*c) == 0 || moved(*c) + REST < step);
        rested
            .map(|cell| (self.weighs(cell, 0), cell))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(moved(b.1).cmp(&moved(a.1))))
            .map(|(_, cell)| cell)
    }

    /// The place of the cell inside that is missed least, the longest untouched among equals.
    fn least_missed(&self, step: u32) -> Option<usize> {
        let moved = |place: usize| self.moved[self.inside[place] as usize];
        (0..self.inside.len())
            .filter(|place| moved(*place) != step)
            .map(|place| (self.weighs(self.inside[place], 1), place))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(moved(a.1).cmp(&moved(b.1))))
            .map(|(_, place)| place)
    }

    fn put(&mut self, cell: u32, step: u32) {
        self.set[cell as usize] = true;
        self.inside.push(cell);
        self.moved[cell as usize] = step;
        self.spent += u64::from(self.grid.cells[cell as usize].weight);
        self.of_cell[cell as usize].iter().for_each(|list| self.hits[*list as usize] += 1);
    }

    fn take(&mut self, place: usize, step: u32) {
        let cell = self.inside.swap_remove(place);
        self.set[cell as usize] = false;
        self.moved[cell as usize] = step;
        self.spent -= u64::from(self.grid.cells[cell as usize].weight);
        self.of_cell[cell as usize].iter().for_each(|list| self.hits[*list as usize] -= 1);
    }
}
