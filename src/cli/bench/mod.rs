//! `evensum bench`: how fast this program is on this machine, on invented records of its own.

mod answers;
mod federation;
mod ledger;
mod load;
mod measure;
mod publication;
mod rows;
mod tabulate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};

use self::measure::{Benchmark, Report};
use super::exit::{Exit, Failure, OrExit};
use super::{serve, terminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Counting a table with all its totals over an extract in memory
    Tabulate,
    /// Loading a CSV file into an extract
    Load,
    /// Questions to whole federations in this process, over TLS on this machine
    Answers,
    /// Appending to an audit log, and verifying it
    Audit,
    /// Deciding which tables of a pack are released, at each node for each of twelve months
    Publication,
    /// One after the other, except publication
    All,
}

/// What is measured where nothing is named. Publications take minutes, and are measured by name.
const EACH: [Which; 4] = [Which::Tabulate, Which::Load, Which::Answers, Which::Audit];

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum bench tabulate --rows 10000000\n\nEverything is invented. Other work on the machine makes figures worse: quote medians and ratios."
)]
pub(super) struct Args {
    /// What to measure
    #[arg(default_value = "all")]
    which: Which,
    /// Rows of the extract that is counted or loaded, and entries of the audit log; for answers, rows of each
    /// node; for publication, of each extract. 10,000,000 for tabulate and load, 20,000 for publication, 1,000,000
    /// otherwise, where nothing is said
    #[arg(long, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    rows: Option<u32>,
    /// Nodes of the federations that are asked
    #[arg(long, value_delimiter = ',', default_value = "10", value_parser = clap::value_parser!(u16).range(1..=200))]
    nodes: Vec<u16>,
    /// How often each thing is measured; what is quick is measured more often
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    runs: u16,
    /// Seed of everything that is invented
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for what is made, which stays there and serves the next run; a temporary one otherwise
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long, default_value = "table")]
    format: Format,
}

/// What a benchmark is given.
struct Setting<'a> {
    dir: &'a Path,
    rows: usize,
    runs: usize,
    seed: u64,
    nodes: &'a [u16],
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let temporary = tempfile::Builder::new().prefix("evensum-bench-").tempdir();
    let temporary = temporary.or_exit(Exit::Config)?;
    let dir = match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).or_exit(Exit::Config)?;
            dir.as_path()
        }
        None => temporary.path(),
    };
    let report = Report {
        software: concat!("evensum ", env!("CARGO_PKG_VERSION")),
        optimised: !cfg!(debug_assertions),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        seed: args.seed,
        benchmarks: measured(args.which, args, dir)?,
    };
    terminal::out(&match args.format {
        Format::Table => report.table(),
        Format::Json => serde_json::to_string_pretty(&report).or_exit(Exit::Fault)?,
    });
    Ok(ExitCode::SUCCESS)
}

/// What is wanted, or everything one after the other; of as many rows as usual where nothing is said.
fn measured(which: Which, args: &Args, dir: &Path) -> Result<Vec<Benchmark>, Failure> {
    let setting = |usual: u32| -> Result<Setting<'_>, Failure> {
        let rows = usize::try_from(args.rows.unwrap_or(usual)).or_exit(Exit::Usage)?;
        let (runs, seed) = (usize::from(args.runs), args.seed);
        Ok(Setting { dir, rows, runs, seed, nodes: &args.nodes })
    };
    match which {
        Which::Tabulate => tabulate::run(&setting(10_000_000)?),
        Which::Load => load::run(&setting(10_000_000)?),
        Which::Answers => serve::runtime()?.block_on(answers::run(&setting(1_000_000)?)),
        Which::Audit => serve::runtime()?.block_on(ledger::run(&setting(1_000_000)?)),
        Which::Publication => serve::runtime()?.block_on(publication::run(&setting(20_000)?)),
        Which::All => {
            let mut all = Vec::new();
            for one in EACH {
                all.extend(measured(one, args, dir)?);
            }
            Ok(all)
        }
    }
}
