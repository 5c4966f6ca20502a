//! Reads tables as JSON lines from standard input, and writes which of their cells to hide.
//!
//! A table is `{"limit": 7, "protect": 1, "attributes": [{"parts": 3, "groups": [[0], [1], [2]]}], "cells":
//! [{"at": [0], "count": 12}]}`; a cell may say `"published": false` or `"primary": true`. The answer is
//! `{"hidden": [false], "primary": 0, "secondary": 0, "programs": 0, "ms": 1}` or `{"error": "..."}`.
#![expect(clippy::print_stdout, reason = "an example that prints its answer")]

use std::io::{self, BufRead as _};
use std::time::Instant;

use evensum_core::disclosure::attack::Attribute;
use evensum_core::disclosure::complementary::{Effort, Exact, ExactCell, complementary};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Table {
    limit: u64,
    protect: u64,
    attributes: Vec<Axis>,
    cells: Vec<Cell>,
    improving: Option<u32>,
}

#[derive(Deserialize)]
struct Axis {
    parts: u16,
    groups: Vec<Vec<u16>>,
}

#[derive(Deserialize)]
struct Cell {
    at: Vec<u16>,
    count: u64,
    published: Option<bool>,
    primary: Option<bool>,
}

fn answer(line: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let table: Table = serde_json::from_str(line)?;
    let attributes: Vec<Attribute> =
        table.attributes.into_iter().map(|a| Attribute::new(a.parts, a.groups)).collect();
    let cells = table
        .cells
        .into_iter()
        .map(|cell| {
            let mut exact = ExactCell::published(cell.at, cell.count, table.limit);
            exact.published = cell.published.unwrap_or(true);
            exact.primary = cell.primary.unwrap_or(exact.primary);
            exact
        })
        .collect();
    let exact = Exact::new(&attributes, cells, table.limit)?;
    let mut effort = Effort::RELEASE;
    effort.improving = table.improving.unwrap_or(effort.improving);
    let started = Instant::now();
    let pattern = complementary(&exact, table.protect, effort)?;
    Ok(json!({
        "hidden": pattern.hidden(), "primary": pattern.primary(), "secondary": pattern.secondary(),
        "people": pattern.people(), "programs": pattern.programs(), "ms": started.elapsed().as_millis(),
    }))
}

fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let answer = answer(&line?).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        println!("{answer}");
    }
    Ok(())
}
