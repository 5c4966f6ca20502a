//! Exact bounds of published tables, for comparison with another solver: one problem of JSON a line in, one answer
//! a line out.
//!
//! A problem is `{"sizes":[3,4],"groups":[[[0],[1],[2]],[[0,1],[2]]],"cells":[{"at":[0,1],"low":3,"high":7}]}`: the
//! parts of each attribute, its groups beside group 0 (everybody), and cells with one group of each attribute;
//! `"high":null` where nothing bounds a cell. An answer is `{"ranges":[[3,7]],"solved":[[0,true,6.5]]}`: the bounds of
//! each cell, and those that came from a linear program as they were before rounding (cell, whether it is the
//! greatest value, bound). Or `{"error":"…"}`.

use std::io::{BufRead, Write};

use evensum_core::disclosure::attack::{Attribute, Limits, Public, PublicCell, ranges_in_full};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Problem {
    sizes: Vec<u16>,
    groups: Vec<Vec<Vec<u16>>>,
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    at: Vec<u16>,
    low: u64,
    high: Option<u64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let problem: Problem = serde_json::from_str(&line?)?;
        writeln!(out, "{}", answer(problem)?)?;
    }
    Ok(())
}

fn answer(problem: Problem) -> Result<Value, Box<dyn std::error::Error>> {
    let attributes = problem.sizes.into_iter().zip(problem.groups);
    let cells = problem.cells.into_iter();
    let public = Public::new(
        attributes.map(|(parts, groups)| Attribute::new(parts, groups)).collect(),
        cells
            .map(|c| PublicCell { at: c.at, low: c.low, high: c.high, hidden: true.into() })
            .collect(),
    )?;
    Ok(match ranges_in_full(&public, &Limits::EXACT) {
        Err(error) => json!({ "error": error.to_string() }),
        Ok(found) => json!({
            "ranges": found.ranges.iter().map(|r| json!([r.low, r.high])).collect::<Vec<_>>(),
            "solved": found.solved.iter().map(|s| json!([s.cell, s.high, s.bound])).collect::<Vec<_>>(),
            "steps": found.steps,
            "programs": found.programs,
        }),
    })
}
