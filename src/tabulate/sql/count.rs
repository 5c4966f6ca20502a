//! From what a database counted to a table: homes are rolled up, layers of people put in their cells.

use std::sync::Arc;

use evensum_core::model::{RawCell, Table};

use super::SqlError;
use super::database::{Database, Numbers, Reading};
use super::partition::Partition;
use super::statement::{People, Statements, statements};
use crate::tabulate::grid::Grid;
use crate::tabulate::measured::Rolled;
use crate::tabulate::{Request, TabulateError};

/// What is known of the cells so far.
struct Cells {
    events: Vec<u64>,
    persons: Vec<u64>,
    top: Vec<u64>,
    measured: Rolled,
    measures: usize,
}

/// A row's cell, if the table has it, and the numbers behind it.
fn row(numbers: &[Option<i64>], cells: usize) -> Result<(usize, Vec<u64>), SqlError> {
    // No rows of a cell, no sum of them.
    let number = |n: &Option<i64>| u64::try_from(n.unwrap_or_default()).ok();
    let (cell, rest) = numbers.split_first().ok_or(SqlError::Unexpected)?;
    let cell = number(cell).and_then(|c| usize::try_from(c).ok()).filter(|c| *c < cells);
    let rest: Option<Vec<u64>> = rest.iter().map(number).collect();
    cell.zip(rest).ok_or(SqlError::Unexpected)
}

/// Counts a request over a partition, in one transaction that cannot write. The table is the one that
/// [`crate::tabulate::tabulate()`] makes of the same rows, cell for cell.
///
/// # Errors
/// [`SqlError`]; [`SqlError::Request`] where the partition lacks what the request names.
pub async fn tabulate(
    database: &Database,
    partition: &Partition,
    request: &Request<'_>,
) -> Result<Table<RawCell>, SqlError> {
    if request.keyed {
        return Err(TabulateError::NoRecordKeys.into());
    }
    let grid = Grid::new(&request.lattice);
    let Statements { sums, histogram, layers } = statements(partition, request, &grid)?;
    let units = request.units()?;
    let mut cells = Cells {
        events: vec![0; grid.len()],
        persons: vec![0; grid.len()],
        top: vec![0; grid.len()],
        measured: Rolled::new(request.measures.len(), units, grid.len()),
        measures: request.measures.len(),
    };
    let mut reading = database.read().await?;
    cells.sums(&reading.numbers(&sums).await?, &grid)?;
    if let Some(histogram) = histogram {
        cells.histogram(&reading.numbers(&histogram).await?, &grid, units)?;
    }
    for layer in layers {
        cells.people(&mut reading, &layer).await?;
    }
    let counts = cells.events.into_iter().zip(cells.persons).zip(cells.top);
    let counted = counts.map(|((e, p), t)| RawCell::new(e, p, t));
    let all = if request.measures_nothing() {
        counted.collect()
    } else {
        counted.zip(cells.measured.cells()).map(|(cell, measured)| cell.with(measured)).collect()
    };
    Ok(Table::new(Arc::clone(&request.lattice), all).map_err(TabulateError::from)?)
}

impl Cells {
    fn sums(&mut self, rows: &Numbers, grid: &Grid<'_>) -> Result<(), SqlError> {
        for numbers in rows {
            let (home, numbers) = row(numbers, grid.len())?;
            let (rows, sums) = numbers.split_first().ok_or(SqlError::Unexpected)?;
            for &cell in grid.holding(home) {
                let cell = cell as usize;
                self.events[cell] += rows;
                for (measure, of) in sums.chunks_exact(2).take(self.measures).enumerate() {
                    self.measured.add(cell, measure, of[0], of[1]);
                }
            }
        }
        Ok(())
    }

    fn histogram(&mut self, rows: &Numbers, grid: &Grid<'_>, units: usize) -> Result<(), SqlError> {
        for numbers in rows {
            let (home, numbers) = row(numbers, grid.len())?;
            let [unit, rows] = numbers[..] else { return Err(SqlError::Unexpected) };
            let unit = usize::try_from(unit).ok().filter(|unit| *unit < units);
            let (unit, rows) = unit.zip(u32::try_from(rows).ok()).ok_or(SqlError::Unexpected)?;
            for &cell in grid.holding(home) {
                self.measured.count_one(cell as usize, unit, rows);
            }
        }
        Ok(())
    }

    async fn people(&mut self, reading: &mut Reading, layer: &People) -> Result<(), SqlError> {
        let cells = self.events.len();
        match layer {
            People::Whole(people) => {
                for numbers in reading.numbers(people).await? {
                    let (cell, numbers) = row(&numbers, cells)?;
                    let [persons, top, sums @ ..] = &numbers[..] else {
                        return Err(SqlError::Unexpected);
                    };
                    self.persons[cell] += persons;
                    self.top[cell] = self.top[cell].max(*top);
                    self.tops(cell, sums);
                }
            }
            People::Spread { people, rows, sums } => {
                let mut most = Vec::new();
                for numbers in reading.numbers(people).await? {
                    let (cell, known) = row(&numbers, cells)?;
                    self.persons[cell] += known.first().copied().unwrap_or_default();
                    most.extend(numbers.get(2).copied().flatten());
                }
                most.sort_unstable();
                most.dedup();
                if !most.is_empty() {
                    for numbers in reading.numbers(&rows.people(&most)).await? {
                        let (cell, numbers) = row(&numbers, cells)?;
                        let rows = numbers.first().copied().unwrap_or_default();
                        self.top[cell] = self.top[cell].max(rows);
                    }
                }
                if let Some(sums) = sums {
                    for numbers in reading.numbers(sums).await? {
                        let (cell, numbers) = row(&numbers, cells)?;
                        self.tops(cell, &numbers);
                    }
                }
            }
        }
        Ok(())
    }

    fn tops(&mut self, cell: usize, sums: &[u64]) {
        for (measure, sum) in sums.iter().take(self.measures).enumerate() {
            self.measured.top(cell, measure, *sum);
        }
    }
}

/// How the database would count a request: a plan for each statement, in its own words. Of PostgreSQL; for whoever
/// sets up servers that share the work, to see that they do.
///
/// # Errors
/// [`SqlError`].
pub async fn explain(
    database: &Database,
    partition: &Partition,
    request: &Request<'_>,
) -> Result<Vec<String>, SqlError> {
    let grid = Grid::new(&request.lattice);
    let Statements { sums, histogram, layers } = statements(partition, request, &grid)?;
    let mut all: Vec<String> = std::iter::once(sums).chain(histogram).collect();
    for layer in layers {
        match layer {
            People::Whole(people) => all.push(people),
            People::Spread { people, rows, sums } => {
                all.extend([people, rows.people(&[0])]);
                all.extend(sums);
            }
        }
    }
    let mut reading = database.read().await?;
    let mut plans = Vec::with_capacity(all.len());
    for statement in all {
        let lines = reading.texts(&format!("EXPLAIN (VERBOSE, COSTS OFF) {statement}")).await?;
        plans.push(lines.concat().join("\n"));
    }
    Ok(plans)
}
