//! Records of a SQLite database file, opened for reading only.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use evensum_core::model::Period;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteStatement};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Decode, Executor, Row, SqlSafeStr,
    Sqlite, SqliteConnection, Statement, TypeInfo, ValueRef,
};
use tokio_stream::StreamExt;

use super::super::ahead::{Feed, Out, Stop};
use super::super::cell::{self, Column, Kind};
use super::super::error::{IntakeError, plain};
use super::super::read::MAX_RECORD_BYTES;
use super::super::records::Opened;
use super::Session;
use super::postgres::SqlError;
use super::statement::{Dialect, Relation, Source, quote};

/// How long a file that another program writes is waited for.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// Tables that an error names.
const MAX_NAMED: i64 = 20;

fn failed(error: &sqlx::Error) -> SqlError {
    match error {
        // Of the statement, the schema or the file: SQLite quotes no values.
        sqlx::Error::Database(said) => SqlError::Sqlite(plain(said.message())),
        other => SqlError::Sqlite(plain(&other.to_string())),
    }
}

struct Reading {
    session: Session<SqliteConnection>,
    source: Source,
    columns: Vec<Column>,
}

/// Opens a file and learns the columns of what is to be read.
pub(in crate::intake) fn open(
    path: &Path,
    relation: Option<&Relation>,
    period: Period,
) -> Result<Opened, IntakeError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_LIMIT)
        .pragma("query_only", "ON")
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging();
    let mut known = None;
    let session = Session::open(async || {
        let mut connection = options.connect().await.map_err(|e| failed(&e))?;
        let Some(relation) = relation else {
            return Err(tables(&mut connection).await?.into());
        };
        let source = relation.from(Dialect::Sqlite, period);
        let all = AssertSqlSafe(format!("SELECT * FROM {}", source.sql)).into_sql_str();
        let described: SqliteStatement =
            (&mut connection).prepare(all).await.map_err(|e| failed(&e))?;
        // Each value says for itself what it is, whatever its column was declared as.
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Text };
        let columns = described.columns().iter().map(|c| column(c.name())).collect::<Vec<_>>();
        known = Some((source, columns));
        Ok(connection)
    })?;
    let (source, columns) = known.ok_or(IntakeError::Broken)?;
    let feed = Box::new(Reading { session, source, columns: columns.clone() });
    Ok(Opened { feed, columns, rows: None })
}

/// That it must be said what to read, with what there is.
async fn tables(connection: &mut SqliteConnection) -> Result<SqlError, SqlError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT ?1",
    )
    .bind(MAX_NAMED)
    .fetch_all(connection)
    .await
    .map_err(|e| failed(&e))?;
    let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
    Ok(SqlError::NoTable(if names.is_empty() { "no table".to_owned() } else { names.join(", ") }))
}

impl Feed for Reading {
    fn feed(
        mut self: Box<Self>,
        wanted: &BTreeSet<usize>,
        out: &mut Out,
    ) -> Result<Vec<String>, Stop> {
        let (runtime, mut connection) = self.session.parts()?;
        let names = wanted.iter().filter_map(|at| self.columns.get(*at));
        let names: Vec<String> = names.map(|column| quote(&column.name)).collect();
        let sql = format!("SELECT {} FROM {}", names.join(", "), self.source.sql);
        let read = runtime.block_on(async {
            let mut statement = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            for date in &self.source.bound {
                statement = statement.bind(date);
            }
            let mut rows = statement.fetch(&mut connection);
            let mut row = 0;
            while let Some(fetched) = rows.next().await {
                row += 1;
                self.put(&fetched.map_err(|e| failed(&e))?, wanted, row, out)?;
            }
            Ok(Vec::new())
        });
        let _ = runtime.block_on(connection.close());
        read
    }
}

impl Reading {
    fn put(
        &self,
        fetched: &SqliteRow,
        wanted: &BTreeSet<usize>,
        row: u64,
        out: &mut Out,
    ) -> Result<(), Stop> {
        let record = out.slot();
        record.clear();
        let mut found = 0;
        let mut text = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            text.clear();
            if wanted.contains(&at) {
                write(fetched, found, column, &mut text)?;
                found += 1;
            }
            record.push_field(&text);
        }
        if record.as_slice().len() as u64 > MAX_RECORD_BYTES {
            return Err(IntakeError::RecordTooLong { row }.into());
        }
        out.take()
    }
}

/// A value as a CSV file would have it.
fn write(row: &SqliteRow, at: usize, column: &Column, text: &mut Vec<u8>) -> Result<(), Stop> {
    let value = row.try_get_raw(at).map_err(|e| failed(&e))?;
    if value.is_null() {
        return Ok(());
    }
    let foreign = |holds: &str| IntakeError::ForeignColumn {
        field: column.name.clone(),
        holds: holds.to_owned(),
    };
    let of = value.type_info().name().to_owned();
    match of.as_str() {
        "INTEGER" => {
            let number = <i64 as Decode<Sqlite>>::decode(value).map_err(|_| foreign("damage"))?;
            text.extend_from_slice(number.to_string().as_bytes());
        }
        "REAL" => {
            let number = <f64 as Decode<Sqlite>>::decode(value).map_err(|_| foreign("damage"))?;
            cell::float(number, text);
        }
        "TEXT" => {
            let read = <&str as Decode<Sqlite>>::decode(value);
            let read = read.map_err(|_| foreign("text that is not in its encoding"))?;
            text.extend_from_slice(read.as_bytes());
        }
        _ => return Err(foreign("bytes that are not text").into()),
    }
    Ok(())
}
