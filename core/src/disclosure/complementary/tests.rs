//! Patterns are attacked by an outsider who is written apart from the search: linear programs over the counts
//! themselves, where the search has programs over changes.

use microlp::{ComparisonOp, OptimizationDirection, Problem, Variable};

use super::{
    ComplementaryError, Effort, Exact, ExactCell, ExactError, MAX_CELLS, MAX_WIDTH, Pattern,
    complementary,
};
use crate::disclosure::attack::{Attribute, found_out};

mod patterns;
mod random;

const LIMIT: u64 = 7;
/// Little enough for a debug build, and every stage is reached.
const SHORT: Effort = Effort { programs: 20_000, improving: 60 };

/// A table and what each of its cells holds, laid out by the test's own arithmetic.
struct Case {
    attributes: Vec<Attribute>,
    cells: Vec<ExactCell>,
    members: Vec<Vec<usize>>,
    base: usize,
}

impl Case {
    /// All cells and totals of counts, the last attribute changing fastest, each divided into its parts and these
    /// further groups.
    fn full(sizes: &[usize], further: &[Vec<Vec<u16>>], counts: &[u64]) -> Self {
        let groups: Vec<Vec<Vec<u16>>> = sizes
            .iter()
            .zip(further)
            .map(|(size, more)| {
                let parts = 0..u16::try_from(*size).expect("small");
                parts.map(|p| vec![p]).chain(more.iter().cloned()).collect()
            })
            .collect();
        let attributes: Vec<Attribute> = sizes
            .iter()
            .zip(&groups)
            .map(|(size, g)| Attribute::new(u16::try_from(*size).expect("small"), g.clone()))
            .collect();
        let mut ats: Vec<Vec<u16>> = vec![Vec::new()];
        for g in &groups {
            let last = u16::try_from(g.len()).expect("small");
            ats = ats.iter().flat_map(|at| (0..=last).map(|x| [&at[..], &[x]].concat())).collect();
        }
        let (mut cells, mut members) = (Vec::new(), Vec::new());
        for at in ats {
            let inside = |index: usize| {
                let mut rest = index;
                let mut place: Vec<usize> = Vec::new();
                for size in sizes.iter().rev() {
                    place.insert(0, rest % size);
                    rest /= size;
                }
                at.iter().enumerate().all(|(axis, group)| {
                    let part = u16::try_from(place[axis]).expect("small");
                    *group == 0 || groups[axis][usize::from(*group) - 1].contains(&part)
                })
            };
            let of: Vec<usize> = (0..counts.len()).filter(|index| inside(*index)).collect();
            let count = of.iter().map(|index| counts[*index]).sum();
            cells.push(ExactCell::published(at, count, LIMIT));
            members.push(of);
        }
        Self { attributes, cells, members, base: counts.len() }
    }

    fn plain(sizes: &[usize], counts: &[u64]) -> Self {
        Self::full(sizes, &vec![Vec::new(); sizes.len()], counts)
    }

    fn exact(&self) -> Exact {
        Exact::new(&self.attributes, self.cells.clone(), LIMIT).expect("a table")
    }

    fn pattern(&self, width: u64, effort: Effort) -> Result<Pattern, ComplementaryError> {
        complementary(&self.exact(), width, effort)
    }

    /// The least and the greatest whole number that a cell can be in the eyes of an outsider.
    fn range(&self, target: usize, hidden: &[bool], labelled: bool) -> (u64, u64) {
        let end = |direction, sign: f64| {
            let mut problem = Problem::new(direction);
            let counts: Vec<Variable> = (0..self.base)
                .map(|part| {
                    let asked = self.members[target].contains(&part);
                    problem.add_var(f64::from(u8::from(asked)), (0.0, 1e4))
                })
                .collect();
            for ((cell, members), hidden) in self.cells.iter().zip(&self.members).zip(hidden) {
                let sum: Vec<(Variable, f64)> = members.iter().map(|p| (counts[*p], 1.0)).collect();
                let count = f64::from(u32::try_from(cell.count).expect("small"));
                match (cell.published, hidden) {
                    (false, _) => {}
                    (true, false) => problem.add_constraint(sum, ComparisonOp::Eq, count),
                    (true, true) if labelled && cell.count > LIMIT => {
                        problem.add_constraint(sum, ComparisonOp::Ge, 8.0);
                    }
                    (true, true) => {
                        if labelled {
                            problem.add_constraint(sum.clone(), ComparisonOp::Le, 7.0);
                        }
                        problem.add_constraint(sum, ComparisonOp::Ge, 1.0);
                    }
                }
            }
            let solution = problem.solve().expect("the truth fits").into_solution().expect("ends");
            let whole = (sign * solution.objective() + 1e-6).floor() * sign;
            format!("{whole:.0}").parse::<i64>().expect("a whole number").unsigned_abs()
        };
        (end(OptimizationDirection::Minimize, -1.0), end(OptimizationDirection::Maximize, 1.0))
    }

    fn primary(&self) -> impl Iterator<Item = usize> {
        self.cells
            .iter()
            .enumerate()
            .filter(|(_, c)| c.primary && c.count > 0)
            .map(|(index, _)| index)
    }

    /// Whether every primary cell keeps its width.
    fn holds(&self, hidden: &[bool], labelled: bool, width: u64) -> bool {
        self.primary().all(|target| {
            let (low, high) = self.range(target, hidden, labelled);
            high - low >= width
        })
    }

    /// Checks all that a pattern promises.
    fn check(&self, pattern: &Pattern, width: u64) {
        let hidden = pattern.hidden();
        let mut numbers = (0, 0);
        for (cell, hidden) in self.cells.iter().zip(hidden) {
            let own = cell.published && cell.primary && cell.count > 0;
            assert!(*hidden || !own, "a small count is shown: {:?}", cell.at);
            assert!(!*hidden || (cell.published && cell.count > 0), "hidden: {:?}", cell.at);
            numbers.0 += usize::from(own);
            numbers.1 += usize::from(*hidden && !own);
        }
        assert_eq!((pattern.primary(), pattern.secondary()), numbers);
        for target in self.primary() {
            for labelled in [false, true] {
                let (low, high) = self.range(target, hidden, labelled);
                let at = &self.cells[target].at;
                assert!(high - low >= width, "{at:?} between {low} and {high}");
                assert!(width < 2 || !found_out(low, high), "{at:?} between {low} and {high}");
            }
        }
    }

    /// The least number of secondary cells with which every primary cell keeps its width, by trying all.
    fn fewest(&self, width: u64) -> usize {
        let of = |wanted: bool| {
            let cells = self.cells.iter().enumerate().filter(|(_, c)| c.published && c.count > 0);
            cells.filter(move |(_, c)| c.primary == wanted).map(|(index, _)| index)
        };
        let mut hidden = vec![false; self.cells.len()];
        of(true).for_each(|index| hidden[index] = true);
        let optional: Vec<usize> = of(false).collect();
        (0..=optional.len())
            .find(|size| self.any_holds(&mut hidden, &optional, *size, width))
            .expect("a pattern")
    }

    /// Whether some `more` of these cells are enough.
    fn any_holds(&self, hidden: &mut [bool], of: &[usize], more: usize, width: u64) -> bool {
        if more == 0 {
            return self.holds(hidden, true, width);
        }
        (0..of.len()).any(|first| {
            hidden[of[first]] = true;
            let found = self.any_holds(hidden, &of[first + 1..], more - 1, width);
            hidden[of[first]] = false;
            found
        })
    }
}

/// Numbers for tables (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// Many small counts, some zeros and some large.
    fn counts(&mut self, n: usize) -> Vec<u64> {
        let one = |draw: &mut Self| match draw.below(8) {
            0 => 0,
            1..=3 => 1 + draw.below(7),
            4..=6 => 8 + draw.below(12),
            _ => 20 + draw.below(80),
        };
        (0..n).map(|_| one(self)).collect()
    }
}
