//! The bounds of every cell by two linear programs, straight from what was given: no merging, no conclusions.

use microlp::{ComparisonOp, Error, OptimizationDirection, Problem, Variable};

use super::super::{Hidden, found_out};
use super::tables::Invented;

/// The bounds of every cell, or none where no table fits.
pub(super) fn bounds(invented: &Invented) -> Option<Vec<(u64, Option<u64>)>> {
    let members: Vec<Vec<usize>> =
        invented.cells.iter().map(|cell| invented.members(&cell.at)).collect();
    let cell = |counted: &Vec<usize>| {
        let low = solve(invented, &members, counted, OptimizationDirection::Minimize)?;
        let high = solve(invented, &members, counted, OptimizationDirection::Maximize)?;
        let low = (low.expect("counts are at least 0") - 1e-6).ceil().max(0.0) as u64;
        Some((low, high.map(|h| (h + 1e-6).floor() as u64)))
    };
    members.iter().map(cell).collect()
}

/// None where no table fits; a bound of none where nothing bounds the cell.
#[expect(clippy::option_option, reason = "two questions")]
fn solve(
    invented: &Invented,
    members: &[Vec<usize>],
    counted: &[usize],
    direction: OptimizationDirection,
) -> Option<Option<f64>> {
    let mut problem = Problem::new(direction);
    let finest: Vec<Variable> = (0..invented.counts.len())
        .map(|f| problem.add_var(f64::from(u8::from(counted.contains(&f))), (0.0, f64::INFINITY)))
        .collect();
    for (cell, members) in invented.cells.iter().zip(members) {
        let terms: Vec<(Variable, f64)> = members.iter().map(|m| (finest[*m], 1.0)).collect();
        problem.add_constraint(&terms[..], ComparisonOp::Ge, cell.low as f64);
        if let Some(high) = cell.high {
            problem.add_constraint(&terms[..], ComparisonOp::Le, high as f64);
        }
    }
    match problem.solve() {
        Ok(outcome) => Some(Some(outcome.into_solution().expect("no limit").objective())),
        Err(Error::Infeasible) => None,
        Err(Error::Unbounded) => Some(None),
        Err(other) => panic!("{other}"),
    }
}

/// Whether a hidden cell is found out.
pub(super) fn is_unsafe(invented: &Invented, bounds: &[(u64, Option<u64>)]) -> bool {
    let mut cells = invented.cells.iter().zip(bounds);
    cells.any(|(c, (low, high))| match c.hidden {
        Hidden::No => false,
        Hidden::Unstated => high.is_some_and(|high| *low == high || (*low >= 1 && high <= 2)),
        Hidden::Yes => found_out(*low, high.unwrap_or(u64::MAX)),
        // Of none that says nothing of people.
        Hidden::Rest { least, most, .. } => high
            .is_some_and(|high| found_out(*low, high) && *low <= most && high >= least),
    })
}
