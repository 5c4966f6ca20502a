//! `evensum reference`: official reference data, imported once and recognised by its content.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use evensum_core::catalogue::Population;
use evensum_core::model::Digest;

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::config::Server;
use crate::reference::{ATTRIBUTION, Extent, Imported, Named, Reference, Shelf, Wishes};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Import a file: IMD 2019 or 2025 by LSOA, LSOA to ICB, a postcode directory (ONSPD, NSPL), a population, shares of
    /// residents' care, a list of boards, or a published series (Fingertips, Central Metrics Library)
    #[command(
        after_help = "Examples: evensum reference add File_7_IoD2025.csv --config node.toml\n          evensum reference add population_mid2020.csv --as mid_2020 --dir reference\n          evensum reference add fingertips.csv --as ae_over_4_hours --metric 90123 --dir reference"
    )]
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
    /// The name of a population, or the indicator that a published series is of
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// The year of a population that does not say it
    #[arg(long)]
    year: Option<u16>,
    /// The people of a population that does not say it
    #[arg(long)]
    basis: Option<Basis>,
    /// Which series of a published file, by the id that the file has for it
    #[arg(long, value_name = "ID")]
    metric: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Basis {
    Resident,
    Registered,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(args) => add(args)?,
        Command::List(place) => list(&place.folder()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(args: AddArgs) -> Result<(), Failure> {
    let AddArgs { file, partial, name, year, basis, metric, place } = args;
    let extent = if partial { Extent::Partial } else { Extent::Whole };
    let basis = basis.map(|basis| match basis {
        Basis::Resident => Population::Resident,
        Basis::Registered => Population::Registered,
    });
    let wishes = Wishes { name, year, basis, metric };
    let folder = place.folder()?;
    let spinner = terminal::spinner("rows read");
    let told = |rows| spinner.set_position(rows);
    let imported = Reference::import(&folder, &file, extent, &wishes, &told);
    spinner.finish_and_clear();
    match imported.or_exit(Exit::Data)? {
        Imported::Table(added) => {
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
        Imported::Named(Named { kind, name, about, rows, skipped, sha256, .. }) => {
            let left_out = match skipped {
                0 => String::new(),
                n => format!("; {n} rows of other areas or of parts of the population left out"),
            };
            terminal::out(&format!(
                "Imported {} '{name}': {about} ({rows} rows{left_out}). SHA-256 of the file: {sha256}",
                kind.as_str()
            ));
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<(), Failure> {
    let reference = Reference::open(folder).or_exit(Exit::Data)?;
    let line = |kind: &str, rows: u32, sha256: &Digest, edition: &str, source: &str| {
        format!("{kind:<21} {rows:>8} rows  {sha256}  {edition}  {source}")
    };
    let mut lines: Vec<String> = reference
        .entries()
        .iter()
        .map(|e| line(e.kind.as_str(), e.rows, &e.sha256, &e.edition, &e.source))
        .collect();
    let named = Shelf::list(folder).or_exit(Exit::Data)?;
    lines.extend(named.iter().map(|e| {
        let about = format!("'{}': {}", e.name, e.about);
        line(e.kind.as_str(), e.rows, &e.sha256, &about, &e.source)
    }));
    if !lines.is_empty() {
        lines.push(ATTRIBUTION.to_owned());
    }
    terminal::out(&lines.join("\n"));
    Ok(())
}
