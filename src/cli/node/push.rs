//! `evensum node push`: a published extract into the database that counts. `node publish` does the same at its end.

use evensum_core::model::{DatasetId, Period};

use super::super::exit::{Exit, Failure, OrExit};
use super::super::{serve, terminal};
use super::PeriodArgs;
use crate::config::{NodeTable, Pushdown, Server};
use crate::intake;
use crate::snapshot;
use crate::tabulate::sql::{self, Database, Limits, Shard, SqlError};

/// The database that counts, with the role that reads, where the configuration names one. Nothing is connected yet.
pub(in crate::cli) fn database(table: &NodeTable) -> Result<Option<Database>, Failure> {
    table.pushdown().map(reading).transpose()
}

fn reading(pushdown: &Pushdown) -> Result<Database, Failure> {
    let limits = Limits { statement: pushdown.statement_limit() };
    Database::new(&pushdown.read_address()?, limits).or_exit(Exit::Config)
}

pub(super) fn run(args: &PeriodArgs) -> Result<(), Failure> {
    let PeriodArgs { dataset, period, config } = args;
    let server = Server::read(&config.config)?;
    if server.node()?.pushdown().is_none() {
        return Err(Failure::says(
            Exit::Config,
            "no database counts for this node: [node] needs tabulate = \"pushdown\"",
        ));
    }
    serve::runtime()?.block_on(newest(&server, dataset, *period)).map(say)
}

/// Says from where the database counts.
pub(in crate::cli) fn say(table: Option<String>) {
    if let Some(name) = table {
        terminal::note(&format!("The database counts it from the table {name}."));
    }
}

/// Writes the newest published extract into the database, where one counts, and opens it there as the server will.
/// Gives its table. What is there already stays.
pub(in crate::cli) async fn newest(
    server: &Server,
    dataset: &DatasetId,
    period: Period,
) -> Result<Option<String>, Failure> {
    let table = server.node()?;
    let Some(pushdown) = table.pushdown() else { return Ok(None) };
    let key = table.secret()?;
    let found = intake::newest_published(&server.state, dataset, period).or_exit(Exit::Data)?;
    let (dir, _) = found.filter(|(_, manifest)| manifest.deleted.is_none()).ok_or_else(|| {
        Failure::says(
            Exit::Data,
            format!("no extract of {dataset} for {period} is published: evensum node publish"),
        )
    })?;
    let extract = snapshot::read(&dir, &key).or_exit(Exit::Data)?;
    let load = pushdown.load_address()?;
    let addresses: Vec<_> =
        pushdown.shards.iter().map(|s| s.load_address()).collect::<Result<_, _>>()?;
    let named = pushdown.shards.iter().zip(&addresses);
    let shards: Vec<Shard<'_>> =
        named.map(|(shard, url)| Shard { server: &shard.server, url }).collect();
    let name = sql::write(&load, &shards, &extract, &key).await.map_err(failure)?;
    let database = reading(pushdown)?;
    let opened = sql::open(&database, extract.manifest(), &key).await;
    database.close().await;
    opened.map_err(failure)?;
    Ok(Some(name))
}

fn failure(error: SqlError) -> Failure {
    let exit = match error {
        SqlError::Url | SqlError::Writable(_) | SqlError::Name(_) | SqlError::Shards => {
            Exit::Config
        }
        SqlError::Database(_) | SqlError::Slow(_) | SqlError::Crowded(_) => Exit::Unavailable,
        _ => Exit::Data,
    };
    Failure::new(exit, error)
}
