//! `evensum audit`: what an audit log says, in plain words, and whether anybody edited it.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{KnownError, Live, LiveError, Universe};
use evensum_core::ledger::{Entry, Event, origin};
use evensum_core::model::QueryId;

use super::exit::{Exit, Failure, OrExit};
use super::{serve, terminal};
use crate::config::{self, Server};
use crate::present;
use crate::store::{LiveRow, MAX_PAGE, Reader};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what is in the log, oldest first
    #[command(after_help = "Example: evensum audit list --config node.toml --last 20")]
    List(ListArgs),
    /// Check every entry, every signature and every kept table; exit 65 if anything is wrong
    #[command(after_help = "Example: evensum audit verify --config node.toml")]
    Verify(VerifyArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

#[derive(Debug, Args)]
struct Place {
    /// The server's configuration
    #[arg(long, env = "EVENSUM_CONFIG", default_value = "node.toml")]
    config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Only the last entries
    #[arg(long)]
    last: Option<usize>,
    /// Only what is about one query
    #[arg(long)]
    query: Option<String>,
    #[arg(long, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    place: Place,
    /// Repeat the disclosure test on everything that is released, too
    #[arg(long)]
    retest: bool,
    #[arg(long, default_value = "table")]
    format: Format,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List(args) => list(&args),
        Command::Verify(args) => verify(&args),
    }
}

/// Goes through a server's log, oldest entry first.
pub(super) async fn each(server: &Server, mut see: impl FnMut(Entry)) -> Result<(), Failure> {
    let reader = Reader::open(&server.state).await.or_exit(Exit::Config)?;
    let mut from = 0;
    loop {
        let page = reader.entries(from, MAX_PAGE).await.or_exit(Exit::Data)?;
        let last = page.len() < MAX_PAGE;
        from += page.len() as u64;
        page.into_iter().for_each(|(_, _, entry)| see(entry));
        if last {
            return Ok(());
        }
    }
}

fn list(args: &ListArgs) -> Result<ExitCode, Failure> {
    let server = Server::read(&args.place.config)?;
    let wanted = args.query.as_deref().map(QueryId::new).transpose().or_exit(Exit::Usage)?;
    let mut found: VecDeque<Entry> = VecDeque::new();
    serve::runtime()?.block_on(each(&server, |entry| {
        let asked = |id| entry.event.query().is_some_and(|(query, _)| query == id);
        if wanted.is_none_or(asked) {
            found.push_back(entry);
        }
        if args.last.is_some_and(|last| found.len() > last) {
            found.pop_front();
        }
    }))?;
    let found = Vec::from(found);
    terminal::out(&match args.format {
        Format::Table => {
            found.iter().map(present::sentence::sentence).collect::<Vec<_>>().join("\n")
        }
        Format::Csv => present::sentence::listing_csv(&found).or_exit(Exit::Fault)?,
        Format::Json => serde_json::to_string_pretty(&present::sentence::listing(&found))
            .or_exit(Exit::Fault)?,
    });
    Ok(ExitCode::SUCCESS)
}

fn verify(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let server = Server::read(&args.place.config)?;
    let key = config::signing_key(&server.ledger_key)?.verifying_key();
    let log = origin(&server.ods, server.role());
    let (verdict, retested) = serve::runtime()?.block_on(async {
        let reader = Reader::open(&server.state).await.or_exit(Exit::Config)?;
        let verdict = reader.verify(&log, &key).await.or_exit(Exit::Data)?;
        let sound = verdict.problems.is_empty();
        let retested =
            if args.retest && sound { Some(retest(&server, &reader).await?) } else { None };
        Ok::<_, Failure>((verdict, retested))
    })?;
    let mut problems: Vec<String> = verdict.problems.iter().map(ToString::to_string).collect();
    problems.extend(retested.iter().flat_map(|retested| retested.problems.iter().cloned()));
    let tables = retested.as_ref().map(|retested| retested.tables);
    let older = retested.map(|retested| retested.older).unwrap_or_default();
    let sound = problems.is_empty();
    terminal::out(&match args.format {
        Format::Json => serde_json::to_string_pretty(&serde_json::json!({
            "log": log,
            "entries": verdict.entries,
            "root": verdict.root,
            "sound": sound,
            "tables_tested_again": tables,
            "not_tested_again": older,
            "problems": problems,
        }))
        .or_exit(Exit::Fault)?,
        Format::Table | Format::Csv if sound => format!(
            "The audit log {log} is sound: {} entries, every one in its place and signed for.{}{}",
            verdict.entries,
            tables.map_or_else(String::new, |tables| format!(
                " Its {tables} released tables pass the disclosure test again."
            )),
            older
                .iter()
                .map(|of| format!(
                    "\nNot tested again: {of}, since definitions have changed. Test it with the program and catalogue of that time."
                ))
                .collect::<String>()
        ),
        Format::Table | Format::Csv => format!(
            "The audit log {log} is NOT sound:\n{}",
            problems.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n")
        ),
    });
    Ok(if sound { ExitCode::SUCCESS } else { Exit::Data.into() })
}

/// What came of testing everything that is released again.
struct Retested {
    tables: usize,
    problems: Vec<String>,
    /// What was released under definitions that are no longer in force.
    older: Vec<String>,
}

/// Puts everything that is live to the disclosure test again, universe by universe.
async fn retest(server: &Server, reader: &Reader) -> Result<Retested, Failure> {
    let catalogue = config::catalogue(&server.catalogue)?;
    let mut retested = Retested { tables: 0, problems: Vec::new(), older: Vec::new() };
    for universe in reader.universes().await.or_exit(Exit::Data)? {
        let live = reader.live(&universe).await.or_exit(Exit::Data)?;
        let mut named = BTreeSet::new();
        for LiveRow { entry, .. } in &live {
            let (Event::Published { dataset, period, .. } | Event::Shown { dataset, period, .. }) =
                &entry.event
            else {
                continue;
            };
            named.insert(format!("{dataset} for {period}"));
            let own = catalogue.dataset(dataset).map(|of| Universe::of(of, *period));
            if own.is_ok_and(|own| own.as_str() != universe) {
                let seq = entry.seq;
                retested.problems.push(format!(
                    "the release of entry {seq} does not stand with the others about the same people"
                ));
            }
        }
        let named = named.into_iter().collect::<Vec<_>>().join(" and ");
        let tested = Live::new(&catalogue, live.iter().map(|row| &row.bytes))
            .and_then(|live| live.passes(&Limits::RELEASE));
        if matches!(tested, Err(LiveError::Known(KnownError::Definitions))) {
            retested.older.push(named);
            continue;
        }
        retested.tables += live.len();
        match tested {
            Ok(true) => {}
            Ok(false) => retested
                .problems
                .push(format!("what is released of {named} does not pass the disclosure test")),
            Err(why) => retested
                .problems
                .push(format!("what is released of {named} cannot be tested again: {why}")),
        }
    }
    Ok(retested)
}
