//! What a benchmark found: distributions of times, numbers, and how both are shown.

use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, TableStyle};
use serde::Serialize;

/// Everything that one run of `evensum bench` measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Name and version of the program.
    pub(super) software: &'static str,
    /// Whether the program was built with optimisation: figures without it say nothing.
    pub(super) optimised: bool,
    /// Processors that this process may use.
    pub(super) processors: usize,
    /// Seed of everything that was invented.
    pub(super) seed: u64,
    /// One after the other.
    pub(super) benchmarks: Vec<Benchmark>,
}

/// One benchmark's figures.
#[derive(Debug, Serialize)]
pub(super) struct Benchmark {
    /// Its name.
    pub(super) name: String,
    /// What was done to what.
    pub(super) about: String,
    /// What was found, in order.
    pub(super) figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Figure {
    /// How long something took, over several runs, in milliseconds.
    Time {
        /// What.
        name: String,
        /// The runs.
        #[serde(flatten)]
        spread: Spread,
    },
    /// A single number.
    Number {
        /// Of what.
        name: String,
        /// The number.
        value: f64,
        /// Its unit.
        unit: &'static str,
    },
}

/// Times of several runs, in milliseconds. Percentiles are of the nearest rank.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Spread {
    pub(super) runs: usize,
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// Times as they were taken.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    /// Runs something so often, and keeps what its last run gave.
    pub(super) fn of<T, E>(
        runs: usize,
        mut run: impl FnMut() -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let mut times = Self::default();
        let mut last = times.take(&mut run)?;
        for _ in 1..runs {
            last = times.take(&mut run)?;
        }
        Ok((times, last))
    }

    /// Runs something once.
    pub(super) fn take<T, E>(&mut self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let started = Instant::now();
        let done = run()?;
        self.0.push(started.elapsed());
        Ok(done)
    }

    /// Adds a time that was taken elsewhere.
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds all times of another.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn spread(&self) -> Spread {
        let mut sorted: Vec<f64> = self.0.iter().map(|t| t.as_secs_f64() * 1_000.0).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            sorted.get(place).copied().unwrap_or_default()
        };
        Spread {
            runs: sorted.len(),
            min: rank(0),
            median: rank(50),
            p95: rank(95),
            p99: rank(99),
            max: rank(100),
        }
    }

    /// As a figure.
    pub(super) fn figure(&self, name: impl Into<String>) -> Figure {
        Figure::Time { name: name.into(), spread: self.spread() }
    }
}

/// A number as a figure.
pub(super) fn number(name: impl Into<String>, value: f64, unit: &'static str) -> Figure {
    Figure::Number { name: name.into(), value, unit }
}

/// A whole number for arithmetic; counts here stay far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark stay below 2^53")]
pub(super) const fn float(count: usize) -> f64 {
    count as f64
}

impl Report {
    /// As tables, for people.
    pub(super) fn table(&self) -> String {
        let mut text =
            format!("{}, {} processors, seed {}\n", self.software, self.processors, self.seed);
        if !self.optimised {
            text.push_str("Built without optimisation: these figures say nothing.\n");
        }
        for benchmark in &self.benchmarks {
            text.push_str(&format!("\n{}: {}\n", benchmark.name, benchmark.about));
            let mut table = Table::new();
            table.load_style(TableStyle::new());
            table.set_header(["", "runs", "min", "median", "p95", "p99", "max", ""]);
            for figure in &benchmark.figures {
                table.add_row(figure.cells());
            }
            for column in table.column_iter_mut().skip(1).take(6) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            text.push_str(&table.to_string());
            text.push('\n');
        }
        text
    }
}

impl Figure {
    fn cells(&self) -> [String; 8] {
        match self {
            Self::Time { name, spread } => [
                name.clone(),
                spread.runs.to_string(),
                short(spread.min),
                short(spread.median),
                short(spread.p95),
                short(spread.p99),
                short(spread.max),
                "ms".to_owned(),
            ],
            Self::Number { name, value, unit } => {
                let empty = String::new;
                let value = short(*value);
                [
                    name.clone(),
                    empty(),
                    empty(),
                    value,
                    empty(),
                    empty(),
                    empty(),
                    (*unit).to_owned(),
                ]
            }
        }
    }
}

/// Three figures that count.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut times = Times::default();
        for ms in (1..=200).rev() {
            times.add(Duration::from_millis(ms));
        }
        let Spread { runs, min, median, p95, p99, max } = times.spread();
        assert_eq!((runs, min, median, p95, p99, max), (200, 1.0, 100.0, 190.0, 198.0, 200.0));
    }
}
