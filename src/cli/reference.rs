//! `evensum reference`: official reference data, imported once and recognised by its content.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::config::Server;
use crate::reference::{Extent, Reference};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Import a file: IMD 2019 or 2025 by LSOA, LSOA to ICB, or a postcode directory (ONSPD, NSPL)
    #[command(after_help = "Example: evensum reference add File_7_IoD2025.csv --config node.toml")]
    Add(AddArgs),
    /// List what was imported
    #[command(after_help = "Example: evensum reference list --config node.toml")]
    List(Place),
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The node's configuration, which names the folder of reference data
    #[arg(long, env = "EVENSUM_CONFIG", default_value = "node.toml")]
    config: PathBuf,
    /// The folder itself, in place of a configuration
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Place {
    fn folder(self) -> Result<PathBuf, Failure> {
        match self.dir {
            Some(dir) => Ok(dir),
            None => Ok(Server::read(&self.config)?.node()?.reference.clone()),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The official CSV file
    file: PathBuf,
    /// The file holds a part of the country on purpose
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(AddArgs { file, partial, place }) => {
            let extent = if partial { Extent::Partial } else { Extent::Whole };
            let folder = place.folder()?;
            let spinner = terminal::spinner("rows read");
            let told = |rows| spinner.set_position(rows);
            let added = Reference::add_watched(&folder, &file, extent, &told);
            spinner.finish_and_clear();
            let added = added.or_exit(Exit::Data)?;
            let kinds: Vec<&str> =
                [Some(added.kind), added.also].iter().flatten().map(|kind| kind.as_str()).collect();
            terminal::out(&format!(
                "Imported {} from {} ({} rows). SHA-256 of the file: {}",
                kinds.join(" and "),
                added.edition,
                added.rows,
                added.sha256
            ));
        }
        Command::List(place) => {
            let reference = Reference::open(&place.folder()?).or_exit(Exit::Data)?;
            let line = |e: &crate::reference::Entry| {
                format!(
                    "{:<21} {:>8} rows  {}  {}  {}",
                    e.kind.as_str(),
                    e.rows,
                    e.sha256,
                    e.edition,
                    e.source
                )
            };
            let lines: Vec<String> = reference.entries().iter().map(line).collect();
            terminal::out(&lines.join("\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
