//! `evensum node map`: a proposal of how an extract is to be read.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use evensum_core::model::{DatasetId, ImdEdition};

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::config::{self, Server};
use crate::intake::{self, DateOrder, IntakeError, Proposal, ProposeError, ProposeRequest};
use crate::reference::Reference;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Toml,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    DayFirst,
    MonthFirst,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Edition {
    #[value(name = "2019")]
    Imd2019,
    #[value(name = "2025")]
    Imd2025,
}

#[derive(Debug, Args)]
pub(super) struct MapArgs {
    /// The extract, in any form that load reads; its first 5,000 rows are looked at
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The dataset that it is; guessed from its headers where it is not named
    #[arg(long)]
    dataset: Option<DatasetId>,
    /// File to write the mapping to; it must not exist. Without it the mapping is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What stands first in dates such as 03/04/2026, where the dates do not tell
    #[arg(long)]
    date_order: Option<Order>,
    /// The edition of the index of deprivation that the extract goes with, where it does not tell
    #[arg(long)]
    imd_edition: Option<Edition>,
    /// The node's configuration, which names the folder of official tables. It need not exist
    #[arg(long, env = "EVENSUM_CONFIG", default_value = "node.toml")]
    config: PathBuf,
    /// What is printed
    #[arg(long, default_value = "toml")]
    format: Format,
}

pub(super) fn run(args: &MapArgs) -> Result<ExitCode, Failure> {
    if let Some(out) = args.out.as_ref().filter(|out| out.exists()) {
        return Err(Failure::says(
            Exit::Config,
            format!("'{}' exists, and is not written over: name another file", out.display()),
        ));
    }
    // There need be no node yet.
    let server = args.config.exists().then(|| Server::read(&args.config)).transpose()?;
    let own = server.as_ref().map(|s| s.catalogue.as_slice()).unwrap_or_default();
    let catalogue = config::catalogue(own)?;
    let reference = server.as_ref().map(reference).transpose()?.flatten();
    let proposal = intake::propose(&ProposeRequest {
        file: &args.from,
        dataset: args.dataset.as_ref(),
        catalogue: &catalogue,
        reference: reference.as_ref(),
        date_order: args.date_order.map(|order| match order {
            Order::DayFirst => DateOrder::DayFirst,
            Order::MonthFirst => DateOrder::MonthFirst,
        }),
        imd_edition: args.imd_edition.map(|edition| match edition {
            Edition::Imd2019 => ImdEdition::Imd2019,
            Edition::Imd2025 => ImdEdition::Imd2025,
        }),
    });
    let proposal = proposal.map_err(|error| {
        let exit = match error {
            ProposeError::WhichDataset(_) | ProposeError::Intake(IntakeError::Unknown(_)) => {
                Exit::Usage
            }
            ProposeError::Intake(_) => Exit::Data,
        };
        Failure::new(exit, error)
    })?;
    if let Some(out) = &args.out {
        write(out, &proposal.to_toml())?;
        terminal::note(&format!("Wrote {}. Read it before you load with it.", out.display()));
    }
    match (args.format, &args.out) {
        (Format::Json, _) => {
            terminal::out(&serde_json::to_string_pretty(&proposal).or_exit(Exit::Fault)?);
        }
        (Format::Toml, None) => terminal::out(&proposal.to_toml()),
        (Format::Toml, Some(_)) => {}
    }
    Ok(told(args, &proposal))
}

/// The official tables of the node, where some are imported.
fn reference(server: &Server) -> Result<Option<Reference>, Failure> {
    let folder = &server.node()?.reference;
    if !folder.exists() {
        return Ok(None);
    }
    Ok(Some(Reference::open(folder).or_exit(Exit::Data)?))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::says(Exit::Config, format!("'{}' cannot be written: {error}", path.display()))
    };
    let mut file = File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Says what is left to do, and whether the mapping can be used as it stands.
fn told(args: &MapArgs, proposal: &Proposal) -> ExitCode {
    let to_check = proposal.columns.iter().filter(|l| l.certainty == intake::Certainty::Check);
    let names: Vec<&str> = to_check.map(|l| l.column.as_str()).collect();
    if !names.is_empty() {
        terminal::note(&format!("To be looked at: {}.", names.join(", ")));
    }
    if proposal.complete() {
        let mapping = args.out.as_ref().map_or("MAPPING".into(), |o| o.display().to_string());
        terminal::note(&format!(
            "Next: evensum node load --dataset {} --period PERIOD --mapping {mapping} {}",
            proposal.dataset,
            args.from.display()
        ));
        return ExitCode::SUCCESS;
    }
    for question in &proposal.questions {
        terminal::note(&format!("To do: {question}."));
    }
    Exit::Data.into()
}
