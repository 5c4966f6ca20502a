//! `evensum demo`: a coordinator and six invented partners as separate processes on this machine, with
//! keys, certificates, an agreement and synthetic extracts that go through the real load and publish.

mod children;
pub(super) mod datasets;
mod federation;
mod partners;
mod report;
mod sum;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::catalogue::{Catalogue, Indicator};
use evensum_core::model::{Period, PeriodRange};
use evensum_core::pool::MIN_MEMBERS;
use evensum_core::view::{Answer, Shared, SystemView};
use tokio_util::sync::CancellationToken;

use self::children::Child;
use self::federation::{Federation, Plan, Planted};
use super::exit::{Exit, Failure, OrExit};
use super::query::{self, Format};
use super::{questions, serve, terminal};

/// The question that the demonstration asks where no pack is named.
const INDICATOR: &str = "rtt_over_52_weeks";
const BY: [&str; 2] = ["imd.quintile", "ethnicity.group"];
const PURPOSE: &str = "statutory_reporting";
/// The last month that the synthetic extracts describe.
const PERIOD: &str = "2026-10";

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum demo --exit --dir demo\n         evensum demo --pack urgent-care --periods 3\n\nEverything is invented, and everything stays on this machine."
)]
pub(super) struct Args {
    /// Rows of each partner's synthetic extract
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    rows: u32,
    /// Partners; the last is a council that holds no such data
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(2..=20))]
    nodes: u8,
    /// Ask all indicators of a pack, such as 13sa or urgent-care, in one query
    #[arg(long)]
    pack: Option<String>,
    /// Months that are invented and asked about; the last is 2026-10
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=24))]
    periods: u8,
    /// Leave the independent second server out, and with it the blind sum over the partners
    #[arg(long)]
    without_second_server: bool,
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
    #[arg(long, default_value = "table", value_parser = shown_here())]
    format: Format,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let catalogue = Catalogue::builtin().or_exit(Exit::Fault)?;
    let (asked_about, months) = (indicators(&args, &catalogue)?, months(args.periods)?);
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
    let plan = Plan {
        partners: args.nodes,
        rows: args.rows,
        seed: args.seed,
        months,
        datasets: datasets::of(&asked_about),
        // Fewer than four cannot hide each other in a sum, and the last partner holds no data.
        second_server: !args.without_second_server && usize::from(args.nodes) > MIN_MEMBERS,
    };
    let federation = Federation::make(&dir, plan, &catalogue)?;
    say("2. Loading and publishing their extracts");
    let planted = federation.load(&stop)?;
    federation.write_truth(&planted)?;
    say("3. Starting the coordinator and the partners");
    let servers = federation.start(&stop)?;
    say(&match &args.pack {
        Some(pack) => format!("4. Asking the pack {pack} for {months} in one query"),
        None => format!("4. Asking {INDICATOR} by {} for {months}", BY.join(" and ")),
    });
    let show =
        Show { args: &args, federation: &federation, planted: &planted, catalogue: &catalogue };
    let question = question(&federation, args.pack.clone(), months)?;
    let asked = if federation.has_second_server() {
        say("   The partners' sealed contributions are added up blind first");
        runtime.block_on(sum::asked(&question, &stop))?
    } else {
        runtime.block_on(query::ask(&question))?
    };
    let code = shown(&show, &asked)?;
    // Of the other forms one answer alone is written: the one that an analyst would be given.
    if federation.has_second_server() && args.format == Format::Table {
        say(
            "5. Asking for the partners' own tables, to see what is lost where small figures are hidden first",
        );
        match runtime.block_on(query::ask(&question)) {
            Ok(ranges) => {
                if let (Ok(ranges), Ok(sum)) = (ranges.one(), asked.one()) {
                    let (ranges, sum) = (ranges.answer(), sum.answer());
                    terminal::out(&report::found_again(ranges, sum, &planted, &catalogue));
                }
            }
            // Beside the sum they may say too much.
            Err(failure) => terminal::out(&format!("\n{failure}\n")),
        }
    }
    surroundings(&show, asked.answers().next())?;
    if !args.exit {
        say("Serving. Press Ctrl-C to end.");
        runtime.block_on(stop.cancelled());
    }
    Child::stop_all(servers);
    Ok(code)
}

/// The months that are asked about: so many, of which [`PERIOD`] is the last.
fn months(count: u8) -> Result<PeriodRange, Failure> {
    let last: Period = PERIOD.parse().or_exit(Exit::Fault)?;
    let first = (1..count).fold(last, |period, _| period.previous());
    format!("{first}..{last}").parse().or_exit(Exit::Fault)
}

/// The indicators that are asked about.
fn indicators<'a>(args: &Args, catalogue: &'a Catalogue) -> Result<Vec<&'a Indicator>, Failure> {
    match &args.pack {
        Some(pack) => {
            let of = questions::of_pack(pack, catalogue)?;
            let known: Vec<&Indicator> = datasets::indicators(catalogue)
                .filter(|planted| of.iter().any(|i| i.id == planted.id))
                .collect();
            if known.is_empty() {
                let says = format!(
                    "the demonstration invents nothing for the pack '{pack}': name 13sa, elective-recovery, outpatients or urgent-care"
                );
                return Err(Failure::says(Exit::Usage, says));
            }
            Ok(known)
        }
        None => {
            let id = INDICATOR.parse().or_exit(Exit::Fault)?;
            Ok(vec![catalogue.indicator(&id).or_exit(Exit::Fault)?])
        }
    }
}

/// What is needed to show answers.
struct Show<'a> {
    args: &'a Args,
    federation: &'a Federation,
    planted: &'a Planted,
    catalogue: &'a Catalogue,
}

/// What came of a query.
fn shown(show: &Show<'_>, asked: &query::Asked) -> Result<ExitCode, Failure> {
    if asked.outcomes.len() == 1 {
        one(show, asked.one()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    several(show, asked)?;
    Ok(asked.exit_code(false))
}

/// One answer, in full.
fn one(show: &Show<'_>, view: &SystemView<Shared>) -> Result<(), Failure> {
    if show.args.format != Format::Table {
        terminal::out(&query::shown(view, show.args.format)?);
        return Ok(());
    }
    terminal::out(&query::shown(view, Format::Table)?);
    terminal::out(&query::shown(view, Format::Chart)?);
    terminal::out(&report::beside_truth(view.answer(), show.planted, show.catalogue));
    Ok(())
}

/// Several answers at a glance.
fn several(show: &Show<'_>, asked: &query::Asked) -> Result<(), Failure> {
    if show.args.format != Format::Table {
        terminal::out(&asked.shown(show.args.format)?);
        return Ok(());
    }
    terminal::out(&asked.overview());
    terminal::out(&report::all_beside_truth(asked.answers(), show.planted, show.catalogue));
    Ok(())
}

/// What a partner wrote down about an answer's query, and where everything lies.
fn surroundings(show: &Show<'_>, answer: Option<&Answer>) -> Result<(), Failure> {
    if show.args.format != Format::Table {
        return Ok(());
    }
    if let Some(answer) = answer {
        terminal::out(&report::audit_log(show.federation, answer)?);
    }
    terminal::out(&report::places(show.federation, show.catalogue, show.args.dir.is_some()));
    Ok(())
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

fn question(
    federation: &Federation,
    pack: Option<String>,
    period: PeriodRange,
) -> Result<query::Args, Failure> {
    let levels: Result<Vec<_>, _> = BY.iter().map(|level| level.parse()).collect();
    let (indicator, by) = match pack {
        Some(_) => (None, Vec::new()),
        None => (Some(INDICATOR.parse().or_exit(Exit::Fault)?), levels.or_exit(Exit::Fault)?),
    };
    Ok(query::Args {
        indicator,
        pack,
        by,
        at: Vec::new(),
        exact_levels: false,
        period,
        agreement: None,
        purpose: PURPOSE.parse().or_exit(Exit::Fault)?,
        scope: None,
        ask: Vec::new(),
        config: federation.analyst_config(),
        format: Format::Table,
        out: None,
        deadline: 30,
        require_all: false,
        view: query::View::Partners,
    })
}

/// The forms that are shown on a terminal. Of a demonstration no files are written.
fn shown_here() -> impl TypedValueParser<Value = Format> {
    let of = [Format::Table, Format::Csv, Format::Json, Format::Chart];
    let names = of.iter().filter_map(ValueEnum::to_possible_value).collect::<Vec<_>>();
    PossibleValuesParser::new(names)
        .map(|name| Format::from_str(&name, false).unwrap_or(Format::Table))
}

/// Fails where somebody has stopped the demonstration.
pub(super) fn unless_stopped(stop: &CancellationToken) -> Result<(), Failure> {
    if stop.is_cancelled() { Err(Failure::says(Exit::Unavailable, "stopped")) } else { Ok(()) }
}
