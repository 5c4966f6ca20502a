//! `evensum agreement`: whether an agreement can be used, and which view of the whole system each dataset gets by it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use evensum_core::catalogue::{Catalogue, Dataset};
use evensum_core::model::{Agreement, DatasetId, Ods};
use evensum_core::pool::{Choice, Holders, VerifiedRoster, view_of};
use serde_json::json;

use super::exit::{Exit, Failure, OrExit};
use super::{agreements, terminal};
use crate::config;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check an agreement, and say which view of the whole system each of its datasets gets, and why
    #[command(
        after_help = "Example: evensum agreement check --members members.json --holders rtt_open_pathway=6 agreement.toml"
    )]
    Check(CheckArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The membership list of the pooled view
    #[arg(long, value_name = "FILE")]
    members: Option<PathBuf>,
    /// How many partners hold a dataset, where not all of them do; repeat for several
    #[arg(long, value_name = "DATASET=N", value_parser = held)]
    holders: Vec<(DatasetId, usize)>,
    /// The organisation that asks
    #[arg(long, value_name = "ODS")]
    asker: Option<Ods>,
    /// A file of definitions beside the built-in ones; may be repeated
    #[arg(long, value_name = "FILE")]
    catalogue: Vec<PathBuf>,
    #[arg(long, default_value = "table")]
    format: Format,
    /// The agreement
    file: PathBuf,
}

fn held(text: &str) -> Result<(DatasetId, usize), String> {
    let (dataset, number) = text.split_once('=').ok_or("write it as DATASET=N")?;
    let number = number.parse().map_err(|_| "N is how many partners hold it, such as 6")?;
    Ok((dataset.parse::<DatasetId>().map_err(|e| e.to_string())?, number))
}

/// A dataset with its view.
struct Line<'c> {
    dataset: &'c Dataset,
    /// Who holds it, as the catalogue has it.
    held_by: BTreeSet<&'c str>,
    holders: usize,
    choice: Choice,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    let Command::Check(args) = command;
    let catalogue = config::catalogue(&args.catalogue)?;
    let agreement = config::agreement(&args.file)?;
    agreements::fits(&catalogue, &agreement)?;
    let list = match &args.members {
        Some(path) => {
            Some(config::membership_list(path)?.verify(&agreement).or_exit(Exit::Config)?)
        }
        None => None,
    };
    let lines = lines(&args, &agreement, list.as_ref(), &catalogue)?;
    terminal::out(&match args.format {
        Format::Table => table(&args, &agreement, &lines),
        Format::Json => json(&agreement, &lines)?,
    });
    Ok(ExitCode::SUCCESS)
}

fn lines<'c>(
    args: &CheckArgs,
    agreement: &Agreement,
    list: Option<&VerifiedRoster>,
    catalogue: &'c Catalogue,
) -> Result<Vec<Line<'c>>, Failure> {
    let indicators = agreement.indicators.iter().map(|id| catalogue.indicator(id));
    let indicators: Vec<_> = indicators.collect::<Result<_, _>>().or_exit(Exit::Config)?;
    let named = |dataset: &DatasetId| indicators.iter().any(|i| i.dataset == *dataset);
    let nodes = agreement.nodes().count();
    for (dataset, number) in &args.holders {
        if !named(dataset) {
            let says = format!("--holders: the agreement has no indicator of '{dataset}'");
            return Err(Failure::says(Exit::Usage, says));
        }
        if *number > nodes {
            let says = format!(
                "--holders: {number} cannot hold '{dataset}': {nodes} partners of the agreement run nodes"
            );
            return Err(Failure::says(Exit::Usage, says));
        }
    }
    let asks = |coordinator: &Ods| args.asker.as_ref() == Some(coordinator);
    let coordinator_is_asker = agreement.coordinator().is_some_and(|party| asks(&party.ods));
    let datasets = catalogue.datasets().iter();
    Ok(datasets
        .filter(|dataset| named(&dataset.id))
        .map(|dataset| {
            let given = args.holders.iter().rev().find(|(id, _)| *id == dataset.id);
            let holders = given.map_or_else(|| Holders::of(agreement), |(_, n)| (*n).into());
            let own = indicators.iter().filter(|i| i.dataset == dataset.id);
            Line {
                dataset,
                held_by: own.map(|i| i.held_by.as_str()).collect(),
                holders: holders.all,
                choice: view_of(agreement, list, holders, coordinator_is_asker),
            }
        })
        .collect())
}

fn table(args: &CheckArgs, agreement: &Agreement, lines: &[Line<'_>]) -> String {
    let nodes = agreement.nodes().count();
    let mut text = format!(
        "Agreement {}, version {}, of {}: it can be used. {nodes} of its parties run nodes.\n\n",
        agreement.id, agreement.version, agreement.federation
    );
    for Line { dataset, held_by, holders, choice } in lines {
        let held_by: Vec<&str> = held_by.iter().copied().collect();
        let _ = writeln!(text, "{} ({}), held by {holders}", dataset.name, dataset.id);
        let _ = writeln!(text, "  usually with {}", held_by.join("; "));
        let _ = writeln!(text, "  {choice}\n");
    }
    text += "Where --holders does not say otherwise, every node is taken to hold a dataset.\n";
    let _ = writeln!(text, "Files of answers carry: {}.", agreement.handling.line());
    let coordinator = agreement.coordinator().filter(|_| agreement.pool.is_some());
    if let Some(party) = coordinator.filter(|_| !agreement.asker_runs_coordinator)
        && args.asker.is_none()
    {
        let _ = writeln!(
            text,
            "People of {}, which runs the coordinator, get no pooled view: the agreement does not say 'asker_runs_coordinator'.",
            party.ods
        );
    }
    text
}

fn json(agreement: &Agreement, lines: &[Line<'_>]) -> Result<String, Failure> {
    let line = |line: &Line<'_>| {
        let pool = match line.choice {
            Choice::Pooled(kind) => Some(kind.as_str()),
            Choice::Interval(_) | Choice::NotAvailable(_) => None,
        };
        json!({
            "dataset": line.dataset.id,
            "held_by": line.held_by,
            "holders": line.holders,
            "view": line.choice.as_str(),
            "pool": pool,
            "why": line.choice.to_string(),
        })
    };
    let all = json!({
        "agreement": agreement.id,
        "version": agreement.version,
        "hash": agreement.hash().or_exit(Exit::Config)?,
        "federation": agreement.federation,
        "nodes": agreement.nodes().count(),
        "handling": agreement.handling.as_str(),
        "datasets": lines.iter().map(line).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&all).or_exit(Exit::Fault)
}
