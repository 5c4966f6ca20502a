//! Connections to a partner's database: read-only transactions with limits, that hand out numbers.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{
    AssertSqlSafe, ColumnIndex, Decode, PgPool, Postgres, Row, Sqlite, SqlitePool, Transaction,
    Type,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};
use tokio_stream::{Stream, StreamExt};

use super::SqlError;

/// Connections of one node to its database.
const MAX_CONNECTIONS: u32 = 4;
/// How long making one of them may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How many statements' limits a question waits for its turn with one of them: as long as the questions before it may
/// take, were they to run a statement each and one after the other.
const TURN_STATEMENTS: u32 = MAX_CONNECTIONS;
/// How long after a statement's limit the database may take to say that it has ended it.
const GRACE: Duration = Duration::from_secs(5);
/// Steps of SQLite between two looks at the clock.
const SQLITE_STEPS: i32 = 100_000;
/// How PostgreSQL and SQLite say that a statement was given up.
const GIVEN_UP: [&str; 2] = ["57014", "9"];
/// The most rows that a statement may hand out: a table's cells for each of a few hundred shards, or the counts of
/// its histograms.
pub const MAX_RESULT_ROWS: usize = 1 << 22;

/// What a database may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest that one statement may run.
    pub statement: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { statement: Duration::from_secs(60) }
    }
}

/// A database that holds partitions, connected when it is first asked.
pub struct Database {
    kind: Kind,
    pool: OnceLock<Pool>,
    /// One for each connection. The pool's own queue has the limit of a connection that is made, which would end a
    /// question while others are counted.
    turns: Arc<Semaphore>,
    limits: Limits,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Which kind of database a URL names.
pub(super) enum Kind {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

impl Kind {
    pub(super) fn of(url: &str) -> Result<Self, SqlError> {
        let unusable = |_| SqlError::Url;
        match url.split_once(':') {
            Some(("sqlite", _)) => url.parse().map(Self::Sqlite).map_err(unusable),
            Some(("postgres" | "postgresql", _)) => {
                url.parse().map(Self::Postgres).map_err(unusable)
            }
            _ => Err(SqlError::Url),
        }
    }

    fn pool(&self) -> Pool {
        match self {
            Self::Sqlite(options) => Pool::Sqlite(
                SqlitePoolOptions::new()
                    .max_connections(MAX_CONNECTIONS)
                    .acquire_timeout(CONNECT_LIMIT)
                    .connect_lazy_with(options.clone().read_only(true).create_if_missing(false)),
            ),
            Self::Postgres(options) => Pool::Postgres(
                PgPoolOptions::new()
                    .max_connections(MAX_CONNECTIONS)
                    .acquire_timeout(CONNECT_LIMIT)
                    .connect_lazy_with(options.clone().application_name("evensum")),
            ),
        }
    }
}

impl Database {
    /// Names a database by its URL, `sqlite:FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`. No connection is
    /// made yet.
    ///
    /// # Errors
    /// [`SqlError::Url`].
    pub fn new(url: &str, limits: Limits) -> Result<Self, SqlError> {
        let turns = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
        Ok(Self { kind: Kind::of(url)?, pool: OnceLock::new(), turns, limits })
    }

    /// Begins a transaction that sees one state of the database and cannot write, as soon as a connection is free.
    pub(super) async fn read(&self) -> Result<Reading, SqlError> {
        let limit = self.limits.statement;
        let wait = limit.saturating_mul(TURN_STATEMENTS);
        let turn = timeout(wait, Arc::clone(&self.turns).acquire_owned()).await;
        // Nobody closes it: whichever way there is no turn, there is none.
        let turn = turn.ok().and_then(Result::ok).ok_or(SqlError::Crowded(wait))?;
        let transaction = match self.pool.get_or_init(|| self.kind.pool()) {
            Pool::Sqlite(pool) => Transacting::Sqlite(pool.begin().await?),
            Pool::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                let mut transaction = pool.begin_with(begin).await?;
                let settings = format!(
                    "SET LOCAL statement_timeout = {}; SET LOCAL enable_partitionwise_aggregate = on",
                    limit.as_millis()
                );
                sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut *transaction).await?;
                Transacting::Postgres(transaction)
            }
        };
        Ok(Reading { transaction, limit, _turn: turn })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match self.pool.get() {
            Some(Pool::Sqlite(pool)) => pool.close().await,
            Some(Pool::Postgres(pool)) => pool.close().await,
            None => {}
        }
    }
}

impl fmt::Debug for Database {
    /// Without the address, in which a password may be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Sqlite(_) => "Database(sqlite)",
            Kind::Postgres(_) => "Database(postgresql)",
        })
    }
}

enum Transacting {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction. It ends when it is dropped, and leaves nothing behind.
pub(super) struct Reading {
    transaction: Transacting,
    limit: Duration,
    _turn: OwnedSemaphorePermit,
}

/// Rows of numbers, absent where nothing was aggregated.
pub(super) type Numbers = Vec<Vec<Option<i64>>>;

impl Reading {
    pub(super) const fn is_postgres(&self) -> bool {
        matches!(self.transaction, Transacting::Postgres(_))
    }

    /// The rows of a statement whose columns are all whole numbers.
    pub(super) async fn numbers(&mut self, sql: &str) -> Result<Numbers, SqlError> {
        let limit = self.limit;
        let rows = async {
            match &mut self.transaction {
                Transacting::Sqlite(transaction) => {
                    limited(transaction, limit).await?;
                    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
                    collected::<Sqlite>(query.fetch(&mut **transaction)).await
                }
                Transacting::Postgres(transaction) => {
                    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
                    collected::<Postgres>(query.fetch(&mut **transaction)).await
                }
            }
        };
        in_time(limit, timeout(limit + GRACE, rows).await)
    }

    /// The rows of a statement whose columns are all texts.
    pub(super) async fn texts(&mut self, sql: &str) -> Result<Vec<Vec<String>>, SqlError> {
        let limit = self.limit;
        let rows = async {
            match &mut self.transaction {
                Transacting::Sqlite(transaction) => {
                    limited(transaction, limit).await?;
                    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
                    let rows = query.fetch_all(&mut **transaction).await?;
                    rows.iter().map(texts::<Sqlite>).collect()
                }
                Transacting::Postgres(transaction) => {
                    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
                    let rows = query.fetch_all(&mut **transaction).await?;
                    rows.iter().map(texts::<Postgres>).collect()
                }
            }
        };
        in_time(limit, timeout(limit + GRACE, rows).await)
    }
}

/// Has SQLite, which knows no such setting, give up what it runs from now on after so long.
async fn limited(
    transaction: &mut Transaction<'static, Sqlite>,
    limit: Duration,
) -> Result<(), sqlx::Error> {
    let until = Instant::now() + limit;
    let mut handle = transaction.lock_handle().await?;
    handle.set_progress_handler(SQLITE_STEPS, move || Instant::now() < until);
    Ok(())
}

/// Tells a statement that was given up for its length from one that failed.
fn in_time<T>(limit: Duration, ended: Result<Result<T, SqlError>, Elapsed>) -> Result<T, SqlError> {
    match ended {
        Ok(Err(SqlError::Database(sqlx::Error::Database(error))))
            if error.code().is_some_and(|code| GIVEN_UP.contains(&code.as_ref())) =>
        {
            Err(SqlError::Slow(limit))
        }
        Ok(outcome) => outcome,
        Err(_) => Err(SqlError::Slow(limit)),
    }
}

async fn collected<D: sqlx::Database>(
    mut rows: impl Stream<Item = Result<D::Row, sqlx::Error>> + Unpin,
) -> Result<Numbers, SqlError>
where
    usize: ColumnIndex<D::Row>,
    for<'r> i64: Decode<'r, D> + Type<D>,
{
    let mut found = Vec::new();
    while let Some(row) = rows.next().await {
        let row = row?;
        if found.len() >= MAX_RESULT_ROWS {
            return Err(SqlError::TooManyRows);
        }
        let values = (0..row.len()).map(|at| row.try_get::<Option<i64>, _>(at));
        found.push(values.collect::<Result<_, _>>()?);
    }
    Ok(found)
}

fn texts<D: sqlx::Database>(row: &D::Row) -> Result<Vec<String>, SqlError>
where
    usize: ColumnIndex<D::Row>,
    for<'r> String: Decode<'r, D> + Type<D>,
{
    Ok((0..row.len()).map(|at| row.try_get::<String, _>(at)).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_waits_for_its_turn_and_is_told_when_none_comes() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("warehouse.db");
        std::fs::write(&file, "").expect("an empty database");
        let limits = Limits { statement: Duration::from_millis(100) };
        let database = Database::new(&format!("sqlite:{}", file.display()), limits).expect("named");
        let mut readings = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            readings.push(database.read().await.expect("a connection"));
        }
        let refused = database.read().await.err().expect("none is free");
        assert!(matches!(refused, SqlError::Crowded(wait) if wait > limits.statement), "{refused}");
        let (next, ()) = tokio::join!(database.read(), async { drop(readings.pop()) });
        assert_eq!(
            next.expect("one is free").numbers("SELECT 1").await.expect("runs"),
            [[Some(1)]]
        );
        drop(readings);
        database.close().await;
    }
}
