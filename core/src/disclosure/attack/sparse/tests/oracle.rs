//! The oracle: linear programs over the joint table, laid out.

use microlp::{ComparisonOp, OptimizationDirection, Problem};

use super::super::super::public::{MAX_BOUND, Merged};
use super::super::super::{Hidden, found_out};

const NEAR: f64 = 1e-6;

/// Every combination of parts.
fn joint(merged: &Merged) -> Vec<Vec<u16>> {
    let mut all = vec![Vec::new()];
    for axis in &merged.axes {
        let parts = 0..axis.parts as u16;
        let with = |row: &Vec<u16>, p| row.iter().copied().chain([p]).collect::<Vec<u16>>();
        all = all.iter().flat_map(|row| parts.clone().map(move |p| with(row, p))).collect();
    }
    all
}

/// Whether some hidden cell is found out, by the least and the most that it can be. A cell that earlier answers
/// show to vary enough is not asked about again.
pub(super) fn found_out_by_programs(merged: &Merged) -> bool {
    let joint = joint(merged);
    let members: Vec<Vec<usize>> = merged
        .cells
        .iter()
        .map(|cell| {
            let holds = |parts: &[u16]| {
                let groups = cell.at.iter().zip(&merged.axes);
                groups.zip(parts).all(|((g, axis), p)| axis.groups[usize::from(*g)].contains(p))
            };
            (0..joint.len()).filter(|j| holds(&joint[*j])).collect()
        })
        .collect();
    let mut seen = vec![(f64::MAX, f64::MIN); merged.cells.len()];
    for (cell, of) in merged.cells.iter().enumerate().filter(|(_, c)| c.hidden.is_hidden()) {
        let mut range = (f64::MAX, f64::MIN);
        for direction in [OptimizationDirection::Minimize, OptimizationDirection::Maximize] {
            if varies(seen[cell]) {
                break;
            }
            let values = solved(merged, &members, joint.len(), cell, direction);
            for (seen, members) in seen.iter_mut().zip(&members) {
                let value: f64 = members.iter().map(|j| values[*j]).sum();
                *seen = (seen.0.min(value), seen.1.max(value));
            }
            let value: f64 = members[cell].iter().map(|j| values[*j]).sum();
            range = (range.0.min(value), range.1.max(value));
        }
        if varies(seen[cell]) {
            continue;
        }
        assert!(range.0 >= of.low as f64 - 1e-3, "the oracle");
        let (low, high) =
            ((range.0 - NEAR).ceil().max(0.0) as u64, (range.1 + NEAR).floor() as u64);
        let known = match of.hidden {
            Hidden::Unstated => low == high || (low >= 1 && high <= 2),
            _ => found_out(low, high),
        };
        if known {
            return true;
        }
    }
    false
}

/// Surely not found out, whatever else it can be.
fn varies((least, most): (f64, f64)) -> bool {
    (most + NEAR).floor() - (least - NEAR).ceil() >= 2.0
}

fn solved(
    merged: &Merged,
    members: &[Vec<usize>],
    joint: usize,
    of: usize,
    direction: OptimizationDirection,
) -> Vec<f64> {
    // Nothing bounds some cells but the total, and that not always.
    let mut problem = Problem::new(direction);
    let variables: Vec<_> = (0..joint)
        .map(|j| problem.add_var(if members[of].contains(&j) { 1.0 } else { 0.0 }, (0.0, 1e6)))
        .collect();
    for (cell, members) in merged.cells.iter().zip(members) {
        let row: Vec<_> = members.iter().map(|j| (variables[*j], 1.0)).collect();
        if cell.low == cell.high {
            problem.add_constraint(&row, ComparisonOp::Eq, cell.low as f64);
            continue;
        }
        if cell.low > 0 {
            problem.add_constraint(&row, ComparisonOp::Ge, cell.low as f64);
        }
        if cell.high < MAX_BOUND as i64 {
            problem.add_constraint(&row, ComparisonOp::Le, cell.high as f64);
        }
    }
    let solution = problem.solve().expect("truth fits").into_solution().expect("an end");
    variables.iter().map(|v| solution.var_value(*v)).collect()
}
