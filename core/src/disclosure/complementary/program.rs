//! The linear programs: the cheapest way to move a cell, given what hiding each other cell costs.

use microlp::{ComparisonOp, OptimizationDirection, Problem, Variable};

use super::ExactCell;
use super::grid::{Grid, as_float};

/// The most joint parts that no cell gives: numbers for them are found by one program.
const MAX_FILLED: usize = 6_000;

/// What a shown cell costs in a proof, so that proofs rest on few: too little to change what is proved.
const SPARSE: f64 = 1e-3;

/// A change of joint parts, those that change alone.
pub(super) type Change = Vec<(u32, f64)>;

/// How far a cell is to be moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// So far, at the least price.
    Exactly(f64),
    /// As far as it goes, but no further than this.
    Towards(f64),
}

impl Goal {
    /// The bounds of the change, and what a unit of it costs.
    const fn variable(self) -> (f64, f64, f64) {
        match self {
            Self::Exactly(by) => (by, by, 0.0),
            Self::Towards(by) => (by.min(0.0), by.max(0.0), -by.signum()),
        }
    }
}

/// Moves `target` to its goal, and pays `price` for each unit by which a cell changes that is not hidden. Cells without a
/// price and not hidden stay as they are, and so do joint parts outside `near`. None where there is no such way.
pub(super) fn cheapest(
    grid: &Grid,
    target: u32,
    goal: Goal,
    price: &dyn Fn(usize) -> Option<f64>,
    near: Option<&[bool]>,
) -> Option<Change> {
    let mut program = Program {
        grid,
        price,
        problem: Problem::new(OptimizationDirection::Minimize),
        parts: vec![Vec::new(); grid.room.len()],
    };
    for part in 0..grid.room.len() {
        if near.is_none_or(|near| near[part]) {
            program.add_part(part, target, goal);
        }
    }
    for index in 0..grid.cells.len() {
        program.add_cell(index, target, goal)?;
    }
    let solution = program.problem.solve().ok()?.into_solution().ok()?;
    let mut change = Vec::new();
    for (part, terms) in (0u32..).zip(&program.parts) {
        let sum: f64 = terms.iter().map(|(v, sign)| sign * solution.var_value(*v)).sum();
        // Corners are mostly whole numbers: what solving leaves of noise is taken off.
        let sum = if (sum - sum.round()).abs() < 1e-5 { sum.round() } else { sum };
        if sum != 0.0 {
            change.push((part, sum));
        }
    }
    Some(change)
}

struct Program<'a> {
    grid: &'a Grid,
    /// What a cell costs: nothing where it is hidden, None where it must not change.
    price: &'a dyn Fn(usize) -> Option<f64>,
    problem: Problem,
    /// The variables that make up the change of each joint part, with their signs.
    parts: Vec<Vec<(Variable, f64)>>,
}

impl Program<'_> {
    fn add_part(&mut self, part: usize, target: u32, goal: Goal) {
        let room = self.grid.room[part];
        let terms = &mut self.parts[part];
        let Some(single) = self.grid.single[part] else {
            terms.push((self.problem.add_var(0.0, (-room, f64::INFINITY)), 1.0));
            return;
        };
        let cell = &self.grid.cells[single as usize];
        let low = cell.low.max(-room);
        if single == target {
            let (least, most, cost) = goal.variable();
            terms.push((self.problem.add_var(cost, (least, most)), 1.0));
            return;
        }
        match (self.price)(single as usize) {
            None => {}
            Some(price) if price > 0.0 => {
                terms.push((self.problem.add_var(price, (0.0, cell.high)), 1.0));
                if low < 0.0 {
                    terms.push((self.problem.add_var(price, (0.0, -low)), -1.0));
                }
            }
            Some(_) if low < cell.high => {
                terms.push((self.problem.add_var(0.0, (low, cell.high)), 1.0));
            }
            Some(_) => {}
        }
    }

    /// Rows for a total. None where the target cannot move.
    fn add_cell(&mut self, index: usize, target: u32, goal: Goal) -> Option<()> {
        let cell = &self.grid.cells[index];
        if cell.parts.len() == 1 {
            return Some(());
        }
        let mut terms: Vec<(Variable, f64)> =
            cell.parts.iter().flat_map(|p| self.parts[*p as usize].iter().copied()).collect();
        if index == target as usize {
            if terms.is_empty() {
                return None;
            }
            let (least, most, cost) = goal.variable();
            terms.push((self.problem.add_var(cost, (least, most)), -1.0));
            self.problem.add_constraint(terms, ComparisonOp::Eq, 0.0);
            return Some(());
        }
        if terms.is_empty() {
            return Some(());
        }
        match (self.price)(index) {
            None => self.problem.add_constraint(terms, ComparisonOp::Eq, 0.0),
            Some(price) if price > 0.0 => {
                terms.push((self.problem.add_var(price, (0.0, cell.high)), -1.0));
                if cell.low < 0.0 {
                    terms.push((self.problem.add_var(price, (0.0, -cell.low)), 1.0));
                }
                self.problem.add_constraint(terms, ComparisonOp::Eq, 0.0);
            }
            Some(_) => {
                if cell.high.is_finite() {
                    self.problem.add_constraint(terms.clone(), ComparisonOp::Le, cell.high);
                }
                self.problem.add_constraint(terms, ComparisonOp::Ge, cell.low);
            }
        }
        Some(())
    }
}

/// How far `target` can move at most, up or down, while only `hidden` cells and primary ones change, and the cells
/// that this rests on: as long as all of them are shown it moves no further, whatever else is hidden. This is the dual
/// of the program that moves it. None where the solver gives no answer.
pub(super) fn proof(
    grid: &Grid,
    target: u32,
    up: bool,
    hidden: &[bool],
) -> Option<(f64, Vec<u32>)> {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    // What one unit of each cell's movement is worth, as a rise and as a fall.
    let mut worth = Vec::with_capacity(grid.cells.len());
    for (cell, hidden) in grid.cells.iter().zip(hidden) {
        let shown = cell.optional() && !hidden;
        let (rise, fall) = if shown {
            (SPARSE * f64::from(cell.weight), SPARSE * f64::from(cell.weight))
        } else {
            (cell.high, -cell.low)
        };
        let rise =
            rise.is_finite().then(|| (problem.add_var(rise, (0.0, f64::INFINITY)), rise, 1.0));
        let fall = Some((problem.add_var(fall, (0.0, f64::INFINITY)), fall, -1.0));
        worth.push((shown, [rise, fall]));
    }
    let mut room = Vec::with_capacity(grid.room.len());
    for (part, cells) in grid.of_part.iter().enumerate() {
        let left = problem.add_var(grid.room[part], (0.0, f64::INFINITY));
        let terms = cells.iter().flat_map(|c| worth[*c as usize].1.iter().flatten());
        let terms = terms.map(|(variable, _, sign)| (*variable, *sign)).chain([(left, -1.0)]);
        let within = cells.contains(&target);
        let value = match (within, up) {
            (false, _) => 0.0,
            (true, true) => 1.0,
            (true, false) => -1.0,
        };
        problem.add_constraint(terms.collect::<Vec<_>>(), ComparisonOp::Eq, value);
        room.push(left);
    }
    let solution = problem.solve().ok()?.into_solution().ok()?;
    let mut most: f64 =
        room.iter().zip(&grid.room).map(|(v, room)| solution.var_value(*v) * room).sum();
    let mut rests_on = Vec::new();
    for (index, (shown, terms)) in (0u32..).zip(&worth) {
        for (variable, capacity, _) in terms.iter().flatten() {
            let value = solution.var_value(*variable);
            if !shown {
                most += value * capacity;
            } else if value > 1e-9 {
                rests_on.push(index);
            }
        }
    }
    rests_on.dedup();
    Some((most, rests_on))
}

/// Numbers for all joint parts that fit the cells. None where there are none, or too many are not given.
pub(super) fn filled(
    cells: &[ExactCell],
    parts: &[Vec<u32>],
    joint: &[Option<u64>],
) -> Option<Vec<f64>> {
    let open = joint.iter().filter(|count| count.is_none()).count();
    if open == 0 {
        return Some(joint.iter().flatten().map(|count| as_float(*count)).collect());
    }
    if open > MAX_FILLED {
        return None;
    }
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let variables: Vec<Option<Variable>> = joint
        .iter()
        .map(|count| count.is_none().then(|| problem.add_var(0.0, (0.0, f64::INFINITY))))
        .collect();
    for (cell, parts) in cells.iter().zip(parts) {
        let known = parts.iter().filter_map(|p| joint[*p as usize]).map(as_float).sum::<f64>();
        let terms: Vec<(Variable, f64)> =
            parts.iter().filter_map(|p| variables[*p as usize]).map(|v| (v, 1.0)).collect();
        if !terms.is_empty() {
            problem.add_constraint(terms, ComparisonOp::Eq, as_float(cell.count) - known);
        }
    }
    let solution = problem.solve().ok()?.into_solution().ok()?;
    let value = |(count, variable): (&Option<u64>, &Option<Variable>)| match (count, variable) {
        (Some(count), _) => as_float(*count),
        (None, Some(variable)) => solution.var_value(*variable).max(0.0),
        (None, None) => 0.0,
    };
    Some(joint.iter().zip(&variables).map(value).collect())
}
