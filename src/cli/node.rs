//! `evensum node`: load and describe extracts; check a configuration; serve. Publishing and what comes after it is
//! in `staging.rs`, the watched folder in `watch.rs`.

pub(super) mod push;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use evensum_core::model::{DatasetId, Period};
use evensum_core::view::QualityReport;

use super::exit::{Exit, Failure, OrExit};
use super::extract::{self, Extract};
use super::sums::Summed;
use super::{
    clock, deposit, init, map, node_quality, node_report, preview, reconcile, serve, staging,
    suspend, terminal, watch,
};
use crate::config::{self, Server};
use crate::intake::{self, Exclusions, IntakeError, LoadRequest, Mapping, Outcome};
use crate::present;
use crate::reference::Reference;
use crate::store::prepare_state;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a node's configuration and make its keys, before there is any federation
    #[command(after_help = "Example: evensum node init --dir mine --ods R0D")]
    Init(init::InitArgs),
    /// Propose how an extract is to be read, from its headers and values
    #[command(after_help = "Example: evensum node map --from extract.csv --out rtt.toml")]
    Map(map::MapArgs),
    /// Read an extract, derive what is needed, drop every identifier, and stage the rest
    #[command(
        after_help = "Example: evensum node load --dataset rtt_open_pathway --period 2026-10 --mapping rtt.toml extract.csv\n\nExit codes for schedulers: 0 staged or, with --if-changed, unchanged; 64 configuration or mapping;\n65 an extract or a list of people to leave out that cannot be used; 69 another load runs: try again"
    )]
    Load(LoadArgs),
    /// Publish the staged extract of a period: first as provisional, then as final
    #[command(
        after_help = "Example: evensum node publish --dataset rtt_open_pathway --period 2026-10\n\nExit codes for schedulers: 0 published or, with --due, nothing was due; 64 configuration; 65 nothing staged,\nor both publications were made; 69 a load runs: try again"
    )]
    Publish(staging::PublishArgs),
    /// What the calendar expects of each dataset and period: loaded when, published when, due or late
    #[command(
        after_help = "Example: evensum node due --check --format json\n\nExit codes: 0; 64 configuration; with --check, 69 where an extract is late or overdue for publication"
    )]
    Due(staging::DueArgs),
    /// Load the files that are put into a folder, as they come
    #[command(
        after_help = "Example: evensum node watch --once --config node.toml\n\nExit codes with --once: 0; 64 configuration; 65 a file cannot be loaded; 69 the folder is out of reach, or another\nload runs: try again"
    )]
    Watch(watch::WatchArgs),
    /// Delete the rows of extracts that were published longer ago than they are kept; what was released stays
    #[command(
        after_help = "Example: evensum node retain --dry-run\n\nExit codes: 0 deleted, nothing to delete, or the server that runs does it; 64 configuration; 65 an extract cannot be\nread; 69 a load runs: try again"
    )]
    Retain(staging::RetainArgs),
    /// Write the published extract of a period into the database that counts, if that was not done
    #[command(
        after_help = "Example: evensum node push --dataset rtt_open_pathway --period 2026-10"
    )]
    Push(PeriodArgs),
    /// What would be released of an extract: figures shown and hidden, and the coarser table where many are
    #[command(after_help = "Example: evensum node preview 13sa --period 2026-10")]
    Preview(preview::PreviewArgs),
    /// A pack's indicators by deprivation, ethnicity, age and sex, from the node's own extracts: for its own people
    #[command(
        after_help = "Example: evensum node report 13sa --period 2026-10\n\nWithout --policy figures are exact and the report is internal: not for release."
    )]
    Report(node_report::ReportArgs),
    /// How complete and how fresh the extracts are: one, a dataset's, or all
    Quality(node_quality::Args),
    /// Set the extract's totals beside the return that was submitted, and explain the difference
    Reconcile(reconcile::Args),
    /// What is contributed to blind sums over all partners, and to whom; keep a dataset back, or let it go
    #[command(
        after_help = "Examples: evensum node deposit\n          evensum node deposit --show rtt_open_pathway 2026-10\n          evensum node deposit --hold rtt_open_pathway 2026-10\n\nExit codes: 0; 64 configuration; 65 no such extract; 69 the server that runs did not take the request"
    )]
    Deposit(deposit::DepositArgs),
    /// Suspend an agreement at once, or resume it: nothing is answered or contributed under it meanwhile
    #[command(
        after_help = "Examples: evensum node suspend dsa-2026\n          evensum node suspend dsa-2026 --resume\n\nExit codes: 0; 64 configuration, or no such agreement; 69 the server that runs did not take the request"
    )]
    Suspend(suspend::SuspendArgs),
    /// Answer questions, over connections with its coordinators, whichever end dials
    #[command(after_help = "Example: evensum node serve --config node.toml")]
    Serve(ServeArgs),
    /// Check configuration, keys, certificates, agreements and reference data, without serving
    #[command(after_help = "Example: evensum node check --config node.toml")]
    Check(ConfigArgs),
}

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The node's configuration
    #[arg(long, env = "EVENSUM_CONFIG", default_value = "node.toml")]
    pub(super) config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) stop: serve::StopArgs,
}

#[derive(Debug, Args)]
pub(super) struct PeriodArgs {
    /// The dataset, as `evensum indicators` names it
    #[arg(long)]
    dataset: DatasetId,
    /// The period, such as 2026-10, 2026-27Q2 or 2026-27
    #[arg(long)]
    period: Period,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// The extract: CSV (packed with gzip or zstd or not), Parquet or SQLite. Left out where the mapping names a
    /// database of the configuration
    file: Option<PathBuf>,
    /// How its columns and codes are to be read
    #[arg(long)]
    mapping: PathBuf,
    /// Do nothing where file, mapping, reference data and the list of people to leave out are as they were
    #[arg(long)]
    if_changed: bool,
    /// People to leave out, one identifier a line: objections and Type 1 opt-outs. Beside those of the configuration
    #[arg(long, value_name = "LIST")]
    exclude: Vec<PathBuf>,
    #[command(flatten)]
    period: PeriodArgs,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(args) => return init::run(&args),
        Command::Map(args) => return map::run(&args),
        Command::Preview(args) => preview::run(&args)?,
        Command::Load(args) => load(&args)?,
        Command::Push(args) => push::run(&args)?,
        Command::Report(args) => node_report::run(&args)?,
        Command::Quality(args) => node_quality::run(&args)?,
        Command::Reconcile(args) => reconcile::run(&args)?,
        Command::Publish(args) => staging::publish(&args)?,
        Command::Due(args) => return staging::due(&args),
        Command::Watch(args) => return watch::run(&args),
        Command::Retain(args) => staging::retain(&args)?,
        Command::Check(args) => {
            let checked = serve::node_parts(&Server::read(&args.config)?)?;
            if checked.members.is_empty() {
                terminal::out(&format!(
                    "{} is ready to load and look at extracts as {}. To answer questions it needs a [[membership]].",
                    args.config.display(),
                    checked.server.ods
                ));
            }
            let lines = checked.members.iter().map(|member| {
                format!(
                    "{} is ready to serve {} as {}{}{}; its certificate is valid until {}.",
                    args.config.display(),
                    member.federation,
                    checked.server.ods,
                    member.meeting.as_ref().map(ways).unwrap_or_default(),
                    member.summed.as_ref().map(Summed::said).unwrap_or_default(),
                    member.peer.not_after(),
                )
            });
            let lines: Vec<String> = lines.collect();
            if !lines.is_empty() {
                terminal::out(&lines.join("\n"));
            }
        }
        Command::Suspend(args) => suspend::run(&args)?,
        Command::Deposit(args) => deposit::run(&args)?,
        Command::Serve(args) => serve::node(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// How a node and its coordinator come together.
fn ways(meeting: &serve::Meeting) -> String {
    let dials = meeting.dials.as_ref().map(|place| format!("dials {place}"));
    let listens = meeting.listens.map(|place| format!("waits on {place} to be dialled"));
    let ways: Vec<String> = dials.into_iter().chain(listens).collect();
    format!("; for the coordinator {} it {}", meeting.coordinator, ways.join(" and "))
}

/// What is to be loaded, and from where.
pub(super) struct Staging<'a> {
    pub(super) server: &'a Server,
    /// The file; none where the mapping names a database.
    pub(super) file: Option<&'a Path>,
    pub(super) mapping: &'a Path,
    pub(super) dataset: &'a DatasetId,
    pub(super) period: Period,
    /// Beside the list of the configuration.
    pub(super) exclude: &'a [PathBuf],
    pub(super) if_changed: bool,
}

/// The exit code of a failure to load, publish or delete: whoever is in the way goes again.
pub(super) fn intake_failure(error: IntakeError) -> Failure {
    let exit = match error {
        IntakeError::Busy(_) => Exit::Unavailable,
        _ => extract::exit_of(&error),
    };
    Failure::new(exit, error)
}

/// Loads an extract, with everything that the configuration says of loads. The outer result is that of
/// configuration, mapping, reference tables and lists of people; the inner one the extract's.
pub(super) fn stage(of: &Staging<'_>) -> Result<Result<Outcome, IntakeError>, Failure> {
    let node = of.server.node()?;
    let catalogue = config::catalogue(&of.server.catalogue)?;
    let text = config::read(of.mapping)?;
    prepare_state(&of.server.state).or_exit(Exit::Config)?;
    let mapping = Mapping::parse(&text, &catalogue).or_exit(Exit::Config)?;
    let reference = Reference::open(&node.reference).or_exit(Exit::Data)?;
    let key = node.secret()?;
    let links = node.link_secret()?;
    let lists: Vec<&Path> = node.exclude.iter().chain(of.exclude).map(PathBuf::as_path).collect();
    let exclude = match lists.as_slice() {
        [] => None,
        lists => Some(Exclusions::read(lists, &key).or_exit(Exit::Data)?),
    };
    let extract = Extract::new(of.file, &mapping, of.server)?;
    let reading = terminal::Reading::begin();
    let request = LoadRequest {
        input: extract.input(),
        mapping: &mapping,
        dataset: of.dataset,
        period: of.period,
        staged_dir: &intake::staged_root(&of.server.state),
        key: &key,
        catalogue: &catalogue,
        reference: &reference,
        exclude: exclude.as_ref(),
        progress: &|progress| reading.told(progress),
        record_keys: super::sums::needs_record_keys(of.server)?,
        links: links.as_ref(),
        today: clock::system().now().date(),
    };
    let loaded = if of.if_changed {
        intake::load_if_changed(&request, &intake::published_root(&of.server.state))
    } else {
        intake::load(&request).map(|loaded| Outcome::Staged(Box::new(loaded)))
    };
    reading.end();
    Ok(loaded)
}

fn load(args: &LoadArgs) -> Result<(), Failure> {
    let PeriodArgs { dataset, period, config } = &args.period;
    let server = Server::read(&config.config)?;
    let outcome = stage(&Staging {
        server: &server,
        file: args.file.as_deref(),
        mapping: &args.mapping,
        dataset,
        period: *period,
        exclude: &args.exclude,
        if_changed: args.if_changed,
    })?
    .map_err(intake_failure)?;
    let Outcome::Staged(loaded) = outcome else {
        terminal::note(&format!(
            "unchanged: {dataset} {period} is loaded from this extract already."
        ));
        return Ok(());
    };
    terminal::out(&table(&loaded.quality));
    if let Some(rejects) = &loaded.rejects_file {
        terminal::note(&format!("Rows that were not taken are listed in {}.", rejects.display()));
    }
    terminal::note(&format!(
        "Staged as {}. Nothing is answered from it before: evensum node publish --dataset {dataset} --period {period}",
        loaded.manifest.snapshot_id.short(),
    ));
    Ok(())
}

fn table(report: &QualityReport) -> String {
    present::quality::table(report, terminal::width(), terminal::glyphs())
}
