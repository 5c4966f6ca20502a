//! `evensum node quality`: how complete and how fresh the extracts are, for the organisation's own staff.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::model::{DatasetId, Period};

use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::terminal;
use crate::config::{self, Server};
use crate::intake::{self, HeldReport};
use crate::present::trend::Held;
use crate::present::{page, quality, trend};
use crate::trust::write_private;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Html,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum node quality --dataset rtt_open_pathway --period 2026-10\n         evensum node quality --dataset rtt_open_pathway --format html --out quality.html\n\nWithout --period, a dataset from period to period; without --dataset, a line for each dataset. A page without\n--period shows the newest one. The figures are exact: they are for the organisation's own staff."
)]
pub(super) struct Args {
    /// One dataset; all that are loaded otherwise
    #[arg(long)]
    dataset: Option<DatasetId>,
    /// One period, such as 2026-10; all that are loaded otherwise
    #[arg(long, requires = "dataset")]
    period: Option<Period>,
    #[command(flatten)]
    config: ConfigArgs,
    #[arg(long, default_value = "table")]
    format: Format,
    /// Write it to this file, which only its owner may read
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    server.node()?;
    let text = match (&args.dataset, args.period) {
        (Some(dataset), Some(period)) if args.format != Format::Html => {
            let report = intake::newest_quality(&server.state, dataset, period);
            let report = report.or_exit(Exit::Data)?;
            match args.format {
                Format::Json => pretty(&quality::json(&report))?,
                _ => quality::table(&report, terminal::width(), terminal::glyphs()),
            }
        }
        _ => several(args, &server)?,
    };
    let Some(out) = &args.out else {
        terminal::out(&text);
        return Ok(());
    };
    write_private(out, text.as_bytes(), true).or_exit(Exit::Data)?;
    terminal::note(&format!(
        "Written to {}. Its figures are exact: it is for the organisation's own staff.",
        out.display()
    ));
    Ok(())
}

/// What is said of several reports, or drawn beside others.
fn several(args: &Args, server: &Server) -> Result<String, Failure> {
    let reports = intake::held_reports(&server.state, args.dataset.as_ref()).or_exit(Exit::Data)?;
    let held = |one: &HeldReport| one.report.period <= args.period.unwrap_or(one.report.period);
    let each = reports.iter().filter(|one| held(one));
    let held: Vec<Held<'_>> =
        each.map(|one| Held { report: &one.report, version: one.version }).collect();
    let (width, glyphs) = (terminal::width(), terminal::glyphs());
    match (args.format, &args.dataset) {
        (Format::Json, _) => pretty(&trend::json(&held)),
        (Format::Table, None) => Ok(trend::datasets(&held, width, glyphs)),
        (Format::Table, Some(dataset)) => {
            Ok(trend::periods(&held, &name_of(dataset, server)?, width, glyphs))
        }
        (Format::Html, None) => page::overview(&held).or_exit(Exit::Fault),
        (Format::Html, Some(dataset)) => {
            let wanted = |one: &&Held<'_>| args.period.is_none_or(|p| one.report.period == p);
            let newest = held.iter().rev().find(wanted).ok_or_else(|| {
                let text = "there is no extract of that period: run `evensum node load` first";
                Failure::says(Exit::Data, text)
            })?;
            page::report(newest.report, &name_of(dataset, server)?, &held).or_exit(Exit::Fault)
        }
    }
}

/// What the catalogue calls a dataset; its id where the catalogue no longer has it.
fn name_of(dataset: &DatasetId, server: &Server) -> Result<String, Failure> {
    let catalogue = config::catalogue(&server.catalogue)?;
    let known = catalogue.dataset(dataset).map(|d| d.name.clone());
    Ok(known.unwrap_or_else(|_| dataset.to_string()))
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).or_exit(Exit::Fault)
}
