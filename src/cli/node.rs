//! `evensum node`: load, publish and describe extracts; check a configuration; serve.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use evensum_core::model::{DatasetId, Period};
use evensum_core::view::QualityReport;

use super::exit::{Exit, Failure, OrExit};
use super::{clock, init, map, preview, serve, terminal};
use crate::config::{self, Server};
use crate::intake::{self, LoadRequest, Mapping};
use crate::node;
use crate::present;
use crate::reference::Reference;
use crate::store::{StoreError, prepare_state};

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
        after_help = "Example: evensum node load --dataset rtt_open_pathway --period 2026-10 --mapping rtt.toml extract.csv"
    )]
    Load(LoadArgs),
    /// Publish the staged extract of a period: first as provisional, then as final
    #[command(
        after_help = "Example: evensum node publish --dataset rtt_open_pathway --period 2026-10"
    )]
    Publish(PeriodArgs),
    /// How complete the newest extract is, dimension by dimension
    #[command(
        after_help = "Example: evensum node quality --dataset rtt_open_pathway --period 2026-10"
    )]
    Quality(QualityArgs),
    /// What would be released of an extract: figures shown and hidden, and the coarser table where many are
    #[command(after_help = "Example: evensum node preview 13sa --period 2026-10")]
    Preview(preview::PreviewArgs),
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
    /// The dataset: rtt_open_pathway, outpatient_appointment or ae_attendance
    #[arg(long)]
    dataset: DatasetId,
    /// The period, such as 2026-10
    #[arg(long)]
    period: Period,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// The extract: a CSV file, packed with gzip or not
    file: PathBuf,
    /// How its columns and codes are to be read
    #[arg(long)]
    mapping: PathBuf,
    #[command(flatten)]
    period: PeriodArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct QualityArgs {
    #[command(flatten)]
    period: PeriodArgs,
    #[arg(long, default_value = "table")]
    format: Format,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(args) => return init::run(&args),
        Command::Map(args) => return map::run(&args),
        Command::Preview(args) => preview::run(&args)?,
        Command::Load(args) => load(&args)?,
        Command::Publish(args) => publish(&args)?,
        Command::Quality(args) => quality(&args)?,
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
                    "{} is ready to serve {} as {}{}; its certificate is valid until {}.",
                    args.config.display(),
                    member.federation,
                    checked.server.ods,
                    member.meeting.as_ref().map(ways).unwrap_or_default(),
                    member.peer.not_after(),
                )
            });
            let lines: Vec<String> = lines.collect();
            if !lines.is_empty() {
                terminal::out(&lines.join("\n"));
            }
        }
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

fn load(args: &LoadArgs) -> Result<(), Failure> {
    let PeriodArgs { dataset, period, config } = &args.period;
    let server = Server::read(&config.config)?;
    let node = server.node()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    let text = config::read(&args.mapping)?;
    prepare_state(&server.state).or_exit(Exit::Config)?;
    let mapping = Mapping::parse(&text, &catalogue).or_exit(Exit::Config)?;
    let reference = Reference::open(&node.reference).or_exit(Exit::Data)?;
    let spinner = terminal::spinner("rows read");
    let loaded = intake::load(&LoadRequest {
        file: &args.file,
        mapping: &mapping,
        dataset,
        period: *period,
        staged_dir: &intake::staged_root(&server.state),
        key: &node.secret()?,
        catalogue: &catalogue,
        reference: &reference,
        progress: &|rows| spinner.set_position(rows),
        today: clock::system().now().date(),
    });
    spinner.finish_and_clear();
    let loaded = loaded.or_exit(Exit::Data)?;
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

fn publish(args: &PeriodArgs) -> Result<(), Failure> {
    let PeriodArgs { dataset, period, config } = args;
    let server = Server::read(&config.config)?;
    let key = server.node()?.secret()?;
    serve::runtime()?.block_on(async {
        // A server that runs holds the audit log: it writes the publication there itself, before it first
        // answers from the extract.
        let store = match serve::try_open_store(&server).await? {
            Ok(store) => Some(store),
            Err(StoreError::Locked { .. }) => None,
            Err(error) => return Err(Failure::new(Exit::Config, error)),
        };
        let manifest =
            intake::publish(&server.state, dataset, *period, &key).or_exit(Exit::Data)?;
        let snapshot = manifest
            .reference()
            .ok_or_else(|| Failure::says(Exit::Fault, "the published extract has no standing"))?;
        terminal::note(&format!(
            "Published {dataset} for {period} as {}: {}.",
            snapshot.version.as_str(),
            snapshot.id.short()
        ));
        match store {
            Some(store) => {
                let event = node::publication(&manifest, &snapshot);
                store.append(event).await.or_exit(Exit::Unavailable)?;
                store.close().await;
            }
            None => terminal::note("The server that runs answers from it from now on."),
        }
        Ok(())
    })
}

fn quality(args: &QualityArgs) -> Result<(), Failure> {
    let PeriodArgs { dataset, period, config } = &args.period;
    let server = Server::read(&config.config)?;
    server.node()?;
    let report = intake::newest_quality(&server.state, dataset, *period).or_exit(Exit::Data)?;
    terminal::out(&match args.format {
        Format::Table => table(&report),
        Format::Json => {
            serde_json::to_string_pretty(&present::quality::json(&report)).or_exit(Exit::Fault)?
        }
    });
    Ok(())
}

fn table(report: &QualityReport) -> String {
    present::quality::table(report, terminal::width(), terminal::glyphs())
}
