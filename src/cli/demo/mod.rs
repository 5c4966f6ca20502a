//! `evensum demo`: a coordinator and six invented partners as separate processes on this machine, with
//! keys, certificates, an agreement and synthetic extracts that go through the real load and publish.

mod children;
mod federation;
mod partners;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use tokio_util::sync::CancellationToken;

use self::children::Child;
use self::federation::Federation;
use super::exit::{Exit, Failure, OrExit};
use super::query::{self, Format};
use super::{serve, terminal};

/// The question that the demonstration asks.
pub(super) const INDICATOR: &str = "rtt_over_52_weeks";
const BY: [&str; 2] = ["imd.quintile", "ethnicity.group"];
const PURPOSE: &str = "statutory_reporting";
/// The month that the synthetic extracts describe.
pub(super) const PERIOD: &str = "2026-10";
pub(super) const DATASET: &str = "rtt_open_pathway";

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum demo --exit --dir demo\n\nEverything is invented, and everything stays on this machine."
)]
pub(super) struct Args {
    /// Rows of each partner's synthetic extract
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    rows: u32,
    /// Partners; the last is a council that holds no such data
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(2..=20))]
    nodes: u8,
    /// Seed of everything that is invented
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for everything that is made; it must be empty. A temporary one otherwise
    #[arg(long)]
    dir: Option<PathBuf>,
    /// End after the answer, in place of serving on
    #[arg(long)]
    exit: bool,
    /// The form of the answer; json prints nothing else on standard output
    #[arg(long, default_value = "table")]
    format: Format,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    // The temporary folder goes when this ends; a folder that was named stays.
    let (_temporary, dir) = match &args.dir {
        Some(dir) => (None, empty(dir)?),
        None => {
            let temporary = tempfile::Builder::new().prefix("evensum-demo-").tempdir();
            let temporary = temporary.or_exit(Exit::Config)?;
            let path = temporary.path().to_owned();
            (Some(temporary), path)
        }
    };
    // Heard from the beginning, so that the temporary folder goes however early somebody stops this.
    let runtime = serve::runtime()?;
    let stop = runtime.block_on(async { serve::stop_signal(serve::StopArgs::default()) })?;
    let say = |text: &str| terminal::note(text);
    say(&format!("1. Inventing {} partners in {}", args.nodes, dir.display()));
    let federation = Federation::make(&dir, args.nodes, args.rows, args.seed)?;
    say("2. Loading and publishing their extracts");
    let truth = federation.load(&stop)?;
    federation.write_truth(&truth)?;
    say("3. Starting the coordinator and the partners");
    let servers = federation.start(&stop)?;
    say(&format!("4. Asking {INDICATOR} by {} for {PERIOD}", BY.join(" and ")));
    let asked = question(&federation)?;
    let asked = runtime.block_on(query::ask(&asked))?;
    let view = asked.one()?;
    if args.format == Format::Table {
        terminal::out(&query::shown(view, Format::Table)?);
        terminal::out(&query::shown(view, Format::Chart)?);
        terminal::out(&report::beside_truth(view.answer(), &truth));
        terminal::out(&report::audit_log(&federation, view.answer())?);
        terminal::out(&report::places(&federation, args.dir.is_some()));
    } else {
        terminal::out(&query::shown(view, args.format)?);
    }
    if !args.exit {
        say("Serving. Press Ctrl-C to end.");
        runtime.block_on(stop.cancelled());
    }
    Child::stop_all(servers);
    Ok(ExitCode::SUCCESS)
}

fn empty(dir: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(dir).or_exit(Exit::Config)?;
    let mut inside = std::fs::read_dir(dir).or_exit(Exit::Config)?;
    if inside.next().is_some() {
        let text = format!("'{}' is not empty: name a new folder with --dir", dir.display());
        return Err(Failure::says(Exit::Config, text));
    }
    dir.canonicalize().or_exit(Exit::Config)
}

fn question(federation: &Federation) -> Result<query::Args, Failure> {
    let levels: Result<Vec<_>, _> = BY.iter().map(|level| level.parse()).collect();
    Ok(query::Args {
        indicator: Some(INDICATOR.parse().or_exit(Exit::Fault)?),
        pack: None,
        by: levels.or_exit(Exit::Fault)?,
        period: PERIOD.parse().or_exit(Exit::Fault)?,
        agreement: None,
        purpose: PURPOSE.parse().or_exit(Exit::Fault)?,
        scope: None,
        ask: Vec::new(),
        config: federation.analyst_config(),
        format: Format::Table,
        deadline: 30,
        require_all: false,
    })
}

/// Fails where somebody has stopped the demonstration.
pub(super) fn unless_stopped(stop: &CancellationToken) -> Result<(), Failure> {
    if stop.is_cancelled() { Err(Failure::says(Exit::Unavailable, "stopped")) } else { Ok(()) }
}
