//! `evensum node publish`, `due` and `retain`: what happens to an extract after it was loaded, and when.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use evensum_core::model::{DatasetId, Date, Due, Held, Period, SnapshotVersion};

use super::exit::{Exit, Failure, OrExit};
use super::node::{ConfigArgs, intake_failure};
use super::prepare::{self, Beside};
use super::{clock, serve, terminal, watch};
use crate::config::{self, Retention, Server};
use crate::intake::{self, IntakeError, Standing};
use crate::node::{self, RetentionError};
use crate::snapshot::Manifest;
use crate::store::{Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The dataset, as `evensum indicators` names it
    #[arg(long, required_unless_present = "due", conflicts_with = "due")]
    dataset: Option<DatasetId>,
    /// The period, such as 2026-10, 2026-27Q2 or 2026-27
    #[arg(long, required_unless_present = "due", conflicts_with = "due")]
    period: Option<Period>,
    /// Everything that is staged and that the calendar says is to be published by now
    #[arg(long)]
    due: bool,
    /// Beside a server that runs: do not wait until it has decided which tables are released
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct DueArgs {
    /// Fail where an extract is late, or overdue for publication
    #[arg(long)]
    check: bool,
    #[arg(long, default_value = "table")]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct RetainArgs {
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// A period in the calendar, and how it stands.
pub(super) struct Line {
    pub(super) dataset: DatasetId,
    pub(super) period: Period,
    pub(super) due: Due,
    pub(super) load_by: Date,
    pub(super) publish_on: Date,
    final_on: Option<Date>,
    standing: Standing,
}

/// That the calendar and the watched folder name datasets that there are, by periods that they have.
pub(super) fn check(server: &Server) -> Result<(), Failure> {
    let node = server.node()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    for calendar in &node.calendar {
        let (dataset, period) = (calendar.dataset(), calendar.first());
        let of = catalogue.dataset(dataset).or_exit(Exit::Config)?;
        if !of.has_period(period) {
            let (dataset, kind) = (dataset.clone(), of.periods);
            let error = IntakeError::PeriodKind { dataset, kind, period };
            return Err(Failure::new(Exit::Config, error));
        }
    }
    let Some(watched) = &node.watch else { return Ok(()) };
    for rule in watch::rules(watched)? {
        catalogue.dataset(&rule.dataset).or_exit(Exit::Config)?;
    }
    Ok(())
}

/// The calendar of a node on a day.
pub(super) fn lines(server: &Server, today: Date) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for calendar in &server.node()?.calendar {
        let dataset = calendar.dataset();
        for period in calendar.ended(today) {
            let standing =
                intake::standing(&server.state, dataset, period).map_err(intake_failure)?;
            let held = Held {
                staged: standing.staged.is_some(),
                published: standing.published.map(|(version, _)| version),
            };
            lines.push(Line {
                dataset: dataset.clone(),
                period,
                due: calendar.due(period, held, today),
                load_by: calendar.load_by(period),
                publish_on: calendar.publish_on(period),
                final_on: calendar.final_on(period),
                standing,
            });
        }
    }
    Ok(lines)
}

impl Line {
    fn said(&self) -> String {
        let Standing { staged, published, deleted } = self.standing;
        let mut text = format!("{} {}: {}", self.dataset, self.period, self.due);
        if let Some(on) = staged {
            text.push_str(&format!("; loaded on {on}"));
        }
        match published {
            Some((version, Some(on))) => {
                text.push_str(&format!("; {} since {on}", version.as_str()));
            }
            Some((_, None)) => {}
            None if staged.is_some() => {
                text.push_str(&format!("; publication on {}", self.publish_on));
            }
            None => text.push_str(&format!("; to be loaded by {}", self.load_by)),
        }
        if let Some(on) = deleted {
            text.push_str(&format!("; rows deleted on {on}"));
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        let Standing { staged, published, deleted } = self.standing;
        serde_json::json!({
            "dataset": self.dataset,
            "period": self.period,
            "state": self.due,
            "alarm": self.due.alarms(),
            "load_by": self.load_by,
            "publish_on": self.publish_on,
            "final_on": self.final_on,
            "loaded": staged,
            "published": published.map(|(version, on)| serde_json::json!({"version": version, "on": on})),
            "rows_deleted": deleted,
        })
    }
}

pub(super) fn due(args: &DueArgs) -> Result<ExitCode, Failure> {
    let server = Server::read(&args.config.config)?;
    check(&server)?;
    let lines = lines(&server, clock::system().now().date())?;
    terminal::out(&match args.format {
        Format::Json => {
            let all: Vec<serde_json::Value> = lines.iter().map(Line::json).collect();
            serde_json::to_string_pretty(&all).or_exit(Exit::Fault)?
        }
        Format::Table if lines.is_empty() => {
            "The calendar expects nothing yet: it has a table [[node.calendar]] for each dataset."
                .to_owned()
        }
        Format::Table => lines.iter().map(Line::said).collect::<Vec<_>>().join("\n"),
    });
    let alarmed = args.check && lines.iter().any(|line| line.due.alarms());
    Ok(if alarmed { Exit::Unavailable.into() } else { ExitCode::SUCCESS })
}

/// What a publication has to do.
struct Wanted {
    /// What is to be published.
    wanted: Vec<(DatasetId, Period)>,
    /// What is published, and has to be in the database, where one counts: a publication may have been cut off between
    /// the two.
    pushed: Vec<(DatasetId, Period)>,
}

impl Wanted {
    fn due(lines: Vec<Line>) -> Self {
        let (due, others): (Vec<Line>, Vec<Line>) =
            lines.into_iter().partition(|line| line.due.publishes());
        let held =
            |line: &Line| line.standing.published.is_some() && line.standing.deleted.is_none();
        let of = |line: Line| (line.dataset, line.period);
        Self {
            wanted: due.into_iter().map(of).collect(),
            pushed: others.into_iter().filter(held).map(of).collect(),
        }
    }
}

pub(super) fn publish(args: &PublishArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    check(&server)?;
    let today = clock::system().now().date();
    let Wanted { wanted, pushed } = match (&args.dataset, args.period) {
        (Some(dataset), Some(period)) => {
            Wanted { wanted: vec![(dataset.clone(), period)], pushed: Vec::new() }
        }
        _ => Wanted::due(lines(&server, today)?),
    };
    if wanted.is_empty() {
        terminal::note("Nothing is due.");
    }
    let agreements = prepare::agreements(&server)?;
    serve::runtime()?.block_on(async {
        let store = free_store(&server).await?;
        let beside = match &store {
            None if !args.no_wait => Some(Beside::begin(&server).await?),
            _ => None,
        };
        let (published, done) = publish_all(&server, store.as_ref(), &wanted, today).await;
        let done = done.and(push_all(&server, &pushed).await);
        let done = match (&store, beside) {
            (Some(store), _) => done.and(prepare::here(&server, agreements, store).await),
            (None, Some(beside)) => done.and(beside.wait(published).await),
            (None, None) => done,
        };
        match (store, server.node()?.retention) {
            (Some(store), kept) => {
                let done = match kept {
                    Some(kept) => done.and(delete(&server, &store, kept, today).await),
                    None => done,
                };
                store.close().await;
                done
            }
            (None, _) => done,
        }
    })
}

/// Publishes extracts, and gives those that are. One that cannot be published keeps no other from it.
async fn publish_all(
    server: &Server,
    store: Option<&Store>,
    wanted: &[(DatasetId, Period)],
    today: Date,
) -> (Vec<Manifest>, Result<(), Failure>) {
    let (mut published, mut done) = (Vec::new(), Ok(()));
    for (dataset, period) in wanted {
        let one = publish_one(server, store, dataset, *period, today).await;
        if let (Err(_), Err(further)) = (&done, &one) {
            terminal::note(&format!("{dataset} {period}: {further}"));
        }
        done = done.and(one.map(|manifest| published.push(manifest)));
    }
    (published, done)
}

/// Writes what is published into the database that counts, where that was cut off.
async fn push_all(server: &Server, pushed: &[(DatasetId, Period)]) -> Result<(), Failure> {
    let mut done = Ok(());
    for (dataset, period) in pushed {
        let one = super::node::push::newest(server, dataset, *period).await.map(drop);
        if let Err(reason) = &one {
            terminal::note(&format!("{dataset} {period}: {reason}"));
        }
        done = done.and(one);
    }
    done
}

/// The audit log; none where a server that runs holds it.
async fn free_store(server: &Server) -> Result<Option<Store>, Failure> {
    match serve::try_open_store(server).await? {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Locked { .. }) => Ok(None),
        Err(error) => Err(Failure::new(Exit::Config, error)),
    }
}

/// Publishes one extract. A server that runs holds the audit log: it writes the publication there itself, before it
/// first answers from the extract.
async fn publish_one(
    server: &Server,
    store: Option<&Store>,
    dataset: &DatasetId,
    period: Period,
    today: Date,
) -> Result<Manifest, Failure> {
    let key = server.node()?.secret()?;
    let manifest =
        intake::publish(&server.state, dataset, period, &key, today).map_err(intake_failure)?;
    let snapshot = manifest
        .reference()
        .ok_or_else(|| Failure::says(Exit::Fault, "the published extract has no standing"))?;
    terminal::note(&format!(
        "Published {dataset} for {period} as {}: {}.",
        snapshot.version.as_str(),
        snapshot.id.short()
    ));
    if snapshot.version == SnapshotVersion::Final {
        terminal::note(
            "This was its second publication: later corrections wait for the annual restatement.",
        );
    }
    match store {
        Some(store) => {
            let event = node::publication(&manifest, &snapshot);
            store.append(event).await.or_exit(Exit::Unavailable)?;
        }
        None => terminal::note("The server that runs answers from it from now on."),
    }
    super::node::push::newest(server, dataset, period).await.map(super::node::push::say)?;
    Ok(manifest)
}

async fn delete(
    server: &Server,
    store: &Store,
    kept: Retention,
    today: Date,
) -> Result<(), Failure> {
    let tell = |manifest: &Manifest| {
        terminal::note(&format!(
            "Deleted the rows of {} for {}; what was released from them stays.",
            manifest.dataset, manifest.period
        ));
    };
    let deleted = node::delete_expired(store, &server.state, kept.months, today, tell).await;
    deleted.map_err(|error| match error {
        RetentionError::Intake(error) => intake_failure(error),
        error => Failure::new(Exit::Unavailable, error),
    })
}

pub(super) fn retain(args: &RetainArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    let Some(kept) = server.node()?.retention else {
        return Err(Failure::says(
            Exit::Config,
            "the configuration does not say for how long rows are kept: write months = 24 under [node.retention]",
        ));
    };
    let today = clock::system().now().date();
    let expired = intake::expired(&server.state, kept.months, today).map_err(intake_failure)?;
    if expired.is_empty() {
        terminal::note(&format!(
            "Nothing was published {} months ago or more and still has its rows.",
            kept.months
        ));
        return Ok(());
    }
    if args.dry_run {
        let said = expired.iter().map(|one| {
            let manifest = one.manifest();
            let on = manifest.published.map(|on| format!(", published on {on}"));
            format!(
                "{} {}, extract {}{}",
                manifest.dataset,
                manifest.period,
                manifest.snapshot_id.short(),
                on.unwrap_or_default()
            )
        });
        terminal::out(&said.collect::<Vec<_>>().join("\n"));
        return Ok(());
    }
    serve::runtime()?.block_on(async {
        let Some(store) = free_store(&server).await? else {
            terminal::note(
                "The server that runs holds the audit log, and deletes these rows itself, once a day.",
            );
            return Ok(());
        };
        let done = delete(&server, &store, kept, today).await;
        store.close().await;
        done
    })
}
