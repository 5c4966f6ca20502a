//! A published extract as a table of a database: written once, with its description last.

use std::fmt::Write as _;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::SqlError;
use super::database::Kind;
use super::partition::{Coded, Description, REGISTER, Weight, checked, name_of};
use super::statement::quoted;
use crate::snapshot::{Codes, HeldColumn, NodeKey, Snapshot};

/// The most servers that rows are spread over.
pub(super) const MAX_SHARDS: usize = 64;
/// Rows that are sent at once.
const BATCH_ROWS: usize = 1 << 14;
/// Rows of one statement of SQLite.
const SQLITE_ROWS: usize = 500;
/// Codes that two bytes of the database hold.
const SMALL: usize = i16::MAX as usize + 1;

/// A server that holds a part of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Shard<'a> {
    /// Its name in the first server: that of the foreign server.
    pub server: &'a str,
    /// Its URL, with a role that makes tables.
    pub url: &'a str,
}

/// Writes a published extract into the database at `url`, or spread over further servers by person, and gives the
/// name of its table. What is described already, and is the same, is left as it is; the remains of an attempt that
/// did not come to its end are replaced.
///
/// # Errors
/// [`SqlError`]; [`SqlError::Changed`] where another table of the name is described.
pub async fn write(
    url: &str,
    shards: &[Shard<'_>],
    snapshot: &Snapshot,
    key: &NodeKey,
) -> Result<String, SqlError> {
    let rows = Rows::new(snapshot, shards.len())?;
    let name = name_of(snapshot.manifest())?;
    let description = description(&name, &rows, key);
    let sealed = description.sealed(key)?;
    match Kind::of(url)? {
        Kind::Sqlite(_) if !shards.is_empty() => return Err(SqlError::Url),
        Kind::Sqlite(options) => {
            let mut connection = options.create_if_missing(true).connect().await?;
            if !is_there(said_sqlite(&mut connection, &name).await?, &sealed, &name)? {
                to_sqlite(&mut connection, &name, &rows, &sealed).await?;
            }
            connection.close().await?;
        }
        Kind::Postgres(options) => {
            let mut connection = options.connect().await?;
            if !is_there(said_postgres(&mut connection, &name).await?, &sealed, &name)? {
                for (number, shard) in shards.iter().enumerate() {
                    to_shard(shard, number, &name, &rows).await?;
                }
                to_postgres(&mut connection, &name, &rows, shards, &sealed).await?;
            }
            connection.close().await?;
        }
    }
    Ok(name)
}

/// An extract's rows as text.
struct Rows<'a> {
    snapshot: &'a Snapshot,
    shards: usize,
}

impl<'a> Rows<'a> {
    fn new(snapshot: &'a Snapshot, shards: usize) -> Result<Self, SqlError> {
        if shards > MAX_SHARDS {
            return Err(SqlError::Shards);
        }
        let columns = snapshot.columns().iter().map(HeldColumn::id);
        for id in columns.chain(snapshot.measures().iter().map(|m| &m.id)) {
            // The name of a column of the table's own.
            if id.as_str() == "shard" {
                return Err(SqlError::Name(id.to_string()));
            }
            checked(id.as_str())?;
        }
        if snapshot.persons().last().is_some_and(|last| i32::try_from(*last).is_err()) {
            return Err(SqlError::Ordinal);
        }
        Ok(Self { snapshot, shards })
    }

    /// The table's columns with their types.
    fn columns(&self) -> String {
        let mut all = vec!["\"person\" INTEGER NOT NULL".to_owned()];
        if self.shards > 0 {
            all.insert(0, "\"shard\" INTEGER NOT NULL".to_owned());
        }
        for column in self.snapshot.columns() {
            let kind = if column.dictionary().len() <= SMALL { "SMALLINT" } else { "INTEGER" };
            all.push(format!("{} {kind} NOT NULL", quoted(column.id().as_str())));
        }
        for measure in self.snapshot.measures() {
            all.push(format!("{} INTEGER NOT NULL", quoted(measure.id.as_str())));
        }
        all.join(", ")
    }

    /// Rows of a shard, as whole texts of at most so many rows.
    fn texts(
        &self,
        shard: Option<usize>,
        most: usize,
        with: Spelling,
    ) -> impl Iterator<Item = String> {
        let persons = self.snapshot.persons();
        let own = move |row: &usize| {
            shard.is_none_or(|shard| persons[*row] as usize % self.shards.max(1) == shard)
        };
        let mut rows = (0..persons.len()).filter(own);
        std::iter::from_fn(move || {
            let mut text = String::new();
            for (i, row) in rows.by_ref().take(most).enumerate() {
                text.push_str(if i == 0 { with.first } else { with.next });
                self.row(&mut text, row, shard, with.between);
                text.push_str(with.end);
            }
            (!text.is_empty()).then_some(text)
        })
    }

    fn row(&self, text: &mut String, row: usize, shard: Option<usize>, between: char) {
        // Writing to a string does not fail.
        if let Some(shard) = shard {
            let _ = write!(text, "{shard}{between}");
        }
        let _ = write!(text, "{}", self.snapshot.persons()[row]);
        for column in self.snapshot.columns() {
            let _ = match column.codes() {
                Codes::U8(codes) => write!(text, "{between}{}", codes[row]),
                Codes::U16(codes) => write!(text, "{between}{}", codes[row]),
            };
        }
        for measure in self.snapshot.measures() {
            let _ = write!(text, "{between}{}", measure.values[row]);
        }
    }
}

/// How rows stand in a text.
#[derive(Clone, Copy)]
struct Spelling {
    first: &'static str,
    next: &'static str,
    between: char,
    end: &'static str,
}

const COPY: Spelling = Spelling { first: "", next: "", between: '\t', end: "\n" };
const VALUES: Spelling = Spelling { first: "(", next: ", (", between: ',', end: ")" };

fn description(name: &str, rows: &Rows<'_>, key: &NodeKey) -> Description {
    let snapshot = rows.snapshot;
    let persons = snapshot.persons();
    let weighted = |id, value: &dyn Fn(usize) -> i64| {
        let weight = Weight::new(key, name, id);
        let each = persons.iter().enumerate().map(|(row, person)| value(row) * weight.of(*person));
        each.fold(0, i64::wrapping_add)
    };
    let people = persons.iter().fold(0, |sum: i64, person| sum.wrapping_add(i64::from(*person)));
    let mut check = vec![i64::try_from(persons.len()).unwrap_or(i64::MAX), people];
    check.extend(snapshot.columns().iter().map(|column| match column.codes() {
        Codes::U8(codes) => weighted(column.id(), &|row| i64::from(codes[row])),
        Codes::U16(codes) => weighted(column.id(), &|row| i64::from(codes[row])),
    }));
    let measures = snapshot.measures();
    check.extend(measures.iter().map(|m| weighted(&m.id, &|row| i64::from(m.values[row]))));
    let coded = |c: &HeldColumn| Coded { id: c.id().clone(), dictionary: c.dictionary().to_vec() };
    Description {
        format: Description::format(),
        name: name.to_owned(),
        snapshot: snapshot.manifest().clone(),
        columns: snapshot.columns().iter().map(coded).collect(),
        measures: measures.iter().map(|m| m.id.clone()).collect(),
        spread: rows.shards > 0,
        check,
    }
}

/// The register, made where there is none, and what it says of a table.
fn register(name: &str) -> (String, String) {
    (
        format!(
            "CREATE TABLE IF NOT EXISTS {REGISTER} (name TEXT PRIMARY KEY, described TEXT NOT NULL, seal TEXT NOT NULL)"
        ),
        format!("SELECT described, seal FROM {REGISTER} WHERE name = '{name}'"),
    )
}

async fn said_sqlite(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<(String, String)>, SqlError> {
    let (make, said) = register(name);
    connection.execute(AssertSqlSafe(make)).await?;
    Ok(sqlx::query_as(AssertSqlSafe(said)).fetch_optional(connection).await?)
}

async fn said_postgres(
    connection: &mut PgConnection,
    name: &str,
) -> Result<Option<(String, String)>, SqlError> {
    let (make, said) = register(name);
    connection.execute(AssertSqlSafe(make)).await?;
    Ok(sqlx::query_as(AssertSqlSafe(said)).fetch_optional(connection).await?)
}

/// Whether the table is described as it would be now.
fn is_there(
    said: Option<(String, String)>,
    sealed: &(String, String),
    name: &str,
) -> Result<bool, SqlError> {
    match said {
        None => Ok(false),
        Some(said) if said == *sealed => Ok(true),
        Some(_) => Err(SqlError::Changed(name.to_owned())),
    }
}

async fn to_sqlite(
    connection: &mut SqliteConnection,
    name: &str,
    rows: &Rows<'_>,
    (text, seal): &(String, String),
) -> Result<(), SqlError> {
    let table = quoted(name);
    let mut transaction = connection.begin().await?;
    let made = format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({})", rows.columns());
    sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut *transaction).await?;
    for values in rows.texts(None, SQLITE_ROWS, VALUES) {
        let insert = format!("INSERT INTO {table} VALUES {values}");
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut *transaction).await?;
    }
    let said = format!("INSERT INTO {REGISTER} VALUES (?1, ?2, ?3)");
    let said = sqlx::query(AssertSqlSafe(said)).bind(name).bind(text).bind(seal);
    said.execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

async fn to_postgres(
    connection: &mut PgConnection,
    name: &str,
    rows: &Rows<'_>,
    shards: &[Shard<'_>],
    (text, seal): &(String, String),
) -> Result<(), SqlError> {
    let table = quoted(name);
    let mut transaction = connection.begin().await?;
    let drop = format!("DROP TABLE IF EXISTS {table}");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *transaction).await?;
    let mut make = format!("CREATE TABLE {table} ({})", rows.columns());
    if !shards.is_empty() {
        make += " PARTITION BY LIST (\"shard\")";
    }
    for (number, shard) in shards.iter().enumerate() {
        let server = quoted(&checked(shard.server)?);
        // No longer than a name may be: the table's own leaves room for it.
        let part = quoted(&format!("s{number}_{}", &name[3..]));
        make += &format!(
            "; CREATE FOREIGN TABLE {part} PARTITION OF {table} FOR VALUES IN ({number}) SERVER {server} OPTIONS (table_name '{name}')"
        );
    }
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *transaction).await?;
    if shards.is_empty() {
        copy(&mut transaction, name, rows, None).await?;
    }
    let said = format!("INSERT INTO {REGISTER} VALUES ($1, $2, $3)");
    let said = sqlx::query(AssertSqlSafe(said)).bind(name).bind(text).bind(seal);
    said.execute(&mut *transaction).await?;
    transaction.commit().await?;
    if shards.is_empty() {
        analyse(connection, name).await?;
    }
    Ok(())
}

/// One server's part. It is written before the first server knows of it.
async fn to_shard(
    shard: &Shard<'_>,
    number: usize,
    name: &str,
    rows: &Rows<'_>,
) -> Result<(), SqlError> {
    let Kind::Postgres(options) = Kind::of(shard.url)? else { return Err(SqlError::Url) };
    let mut connection = options.connect().await?;
    let table = quoted(name);
    let mut transaction = connection.begin().await?;
    let make = format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({})", rows.columns());
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *transaction).await?;
    copy(&mut transaction, name, rows, Some(number)).await?;
    transaction.commit().await?;
    analyse(&mut connection, name).await?;
    Ok(connection.close().await?)
}

async fn copy(
    connection: &mut PgConnection,
    name: &str,
    rows: &Rows<'_>,
    shard: Option<usize>,
) -> Result<(), SqlError> {
    let mut copying = connection.copy_in_raw(&format!("COPY {} FROM STDIN", quoted(name))).await?;
    for text in rows.texts(shard, BATCH_ROWS, COPY) {
        copying.send(text.as_bytes()).await?;
    }
    copying.finish().await?;
    Ok(())
}

/// Lets the planner know how many rows and people there are.
async fn analyse(connection: &mut PgConnection, name: &str) -> Result<(), SqlError> {
    connection.execute(AssertSqlSafe(format!("ANALYZE {}", quoted(name)))).await?;
    Ok(())
}
