//! Records of a PostgreSQL database: in one read-only transaction, by a role that can do nothing else, through a
//! cursor.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use evensum_core::model::Period;
use sqlx::postgres::{PgConnectOptions, PgRow, PgSslMode, PgStatement, PgTypeInfo, PgTypeKind};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, PgConnection, Row,
    SqlSafeStr, Statement, TypeInfo,
};
use tokio_stream::StreamExt;

use super::super::ahead::{Feed, Out, Stop};
use super::super::cell::{self, Column, Kind, Zone};
use super::super::error::{IntakeError, plain};
use super::super::read::MAX_RECORD_BYTES;
use super::super::records::Opened;
use super::statement::{Dialect, Relation, Source, quote};
use super::{Session, role};

/// How long connecting may take where the configuration does not say.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the database may take for one step, of which the first finds the rows, where the configuration does not
/// say.
pub const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// How long the database waits between two steps where the configuration does not say.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How much longer than the database itself we wait for a step, for when it has gone without a word.
const GRACE: Duration = Duration::from_secs(30);

/// Rows that are fetched in one step.
const STEP: &str = "FETCH FORWARD 4096 FROM evensum_extract";

/// Why a database is not read. No text here holds a value of a row: a message of the database is only repeated where
/// it speaks of the statement or the connection.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// An address that cannot be used. It may hold a password, and is not repeated.
    #[error(
        "the address of the database cannot be used: write postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"
    )]
    Address,
    /// A certificate that is not there.
    #[error("the database's certificates cannot be read from {0}")]
    Certificates(String),
    /// An authority without checking.
    #[error(
        "an authority is named as ca, and the address does not have the server checked by it: write sslmode=verify-full there"
    )]
    Unchecked,
    /// No way there.
    #[error("the database '{name}' cannot be reached: check host, port and firewall")]
    Unreachable {
        /// Its name in the configuration.
        name: String,
        /// What the system said.
        #[source]
        source: Option<std::io::Error>,
    },
    /// Not in time.
    #[error(
        "the database '{name}' did not answer within {seconds} seconds (connect_timeout_seconds): check host, port and firewall"
    )]
    Silent {
        /// Its name in the configuration.
        name: String,
        /// The limit.
        seconds: u64,
    },
    /// No agreement about TLS.
    #[error("there is no secure connection to the database: {0}")]
    Tls(String),
    /// The role may write.
    #[error(
        "the role '{}' may write in the database: {}. Evensum reads with a role that cannot: CREATE ROLE evensum_reader LOGIN PASSWORD '…'; \
         GRANT USAGE ON SCHEMA evensum TO evensum_reader; GRANT SELECT ON ALL TABLES IN SCHEMA evensum TO evensum_reader; REVOKE CREATE ON \
         SCHEMA public FROM PUBLIC; (deploy/postgresql/read-only-role.sql has all of it). Nothing was read",
        plain(.role),
        .ways.iter().map(|w| plain(w)).collect::<Vec<_>>().join("; ")
    )]
    Writable {
        /// The role.
        role: String,
        /// How, in part.
        ways: Vec<String>,
    },
    /// The session is not read-only, though it was asked to be.
    #[error(
        "the database did not open a read-only transaction: connect to it directly or through a pool of sessions. Nothing was read"
    )]
    NotReadOnly,
    /// The database says no to what was asked of it.
    #[error("the database refused what was asked of it ({code}): {said}")]
    Refused {
        /// Its code.
        code: String,
        /// Its words.
        said: String,
    },
    /// The database says no because of a value.
    #[error(
        "the database stopped at a row that it could not work out (code {0}): correct the table or query named under [source]; nothing was loaded"
    )]
    Value(String),
    /// Took too long.
    #[error(
        "the database took longer for a step than is allowed (statement_timeout_seconds): read one period only, with :period_start and \
         :period_end in the query, or raise the limit; nothing was loaded"
    )]
    TooSlow,
    /// Broke off.
    #[error(
        "the connection with the database broke off: nothing was loaded, and what was staged before is untouched; run the command again"
    )]
    Gone,
    /// A SQLite file that cannot be read.
    #[error(
        "the SQLite database cannot be read ({0}): check that the file is whole, is not encrypted and may be read by this account; nothing was loaded"
    )]
    Sqlite(String),
    /// A SQLite file, and no word of what to read.
    #[error(
        "the mapping does not say what to read of the SQLite database: set table = \"…\" or query = \"…\" under [source]; it has {0}"
    )]
    NoTable(String),
}

/// How long a database may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For connecting.
    pub connect: Duration,
    /// For one step.
    pub statement: Duration,
    /// Between two steps.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: DEFAULT_CONNECT_TIMEOUT,
            statement: DEFAULT_STATEMENT_TIMEOUT,
            idle: DEFAULT_IDLE_TIMEOUT,
        }
    }
}

/// A PostgreSQL database, and how to reach it. `Debug` names it and says nothing else.
#[derive(Clone)]
pub struct PostgreSql {
    name: String,
    options: PgConnectOptions,
    limits: Limits,
}

impl fmt::Debug for PostgreSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSql({})", self.name)
    }
}

impl PostgreSql {
    /// A database by its URL. The password may stand there, or apart, or in `PGPASSWORD`.
    ///
    /// # Errors
    /// [`SqlError::Address`] and [`SqlError::Certificates`], as an [`IntakeError`].
    pub fn new(
        name: &str,
        url: &str,
        password: Option<&str>,
        authority: Option<&Path>,
        limits: Limits,
    ) -> Result<Self, IntakeError> {
        let url = url.trim();
        let known = ["postgresql://", "postgres://"].iter().any(|scheme| url.starts_with(scheme));
        let mut options = PgConnectOptions::from_str(url).map_err(|_| SqlError::Address)?;
        if !known {
            return Err(SqlError::Address.into());
        }
        if let Some(password) = password {
            options = options.password(password);
        }
        if let Some(path) = authority {
            // Whoever names an authority believes that the server is checked.
            let lower = url.to_lowercase();
            let says = |mode: &str| lower.contains(&format!("sslmode={mode}"));
            if !says("") {
                options = options.ssl_mode(PgSslMode::VerifyFull);
            } else if !says("verify-ca") && !says("verify-full") {
                return Err(SqlError::Unchecked.into());
            }
            let there = path.is_file();
            let missing = || SqlError::Certificates(path.display().to_string());
            options = there.then(|| options.ssl_root_cert(path)).ok_or_else(missing)?;
        }
        let options = options.application_name("evensum").disable_statement_logging();
        Ok(Self { name: name.to_owned(), options, limits })
    }

    /// Its name in the configuration.
    pub(in crate::intake) fn name(&self) -> &str {
        &self.name
    }

    /// Connects, begins a read-only transaction and makes sure that the role can do no more.
    async fn connect(&self, zone: Zone) -> Result<PgConnection, IntakeError> {
        let Self { name, options, limits } = self;
        let connecting = tokio::time::timeout(limits.connect, options.connect());
        let mut connection = match connecting.await {
            Err(_) => {
                let (name, seconds) = (name.clone(), limits.connect.as_secs());
                return Err(SqlError::Silent { name, seconds }.into());
            }
            Ok(Err(sqlx::Error::Io(source))) => {
                return Err(
                    SqlError::Unreachable { name: name.clone(), source: Some(source) }.into()
                );
            }
            Ok(Err(sqlx::Error::Tls(error))) => {
                return Err(SqlError::Tls(plain(&error.to_string())).into());
            }
            Ok(connected) => connected.map_err(|e| meaning(&e))?,
        };
        // The cursor is read to its end, so that the plan should be the one for all rows.
        let session = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; SET cursor_tuple_fraction = 1; \
             SET DateStyle = 'ISO, YMD'; SET TIME ZONE '{}'; \
             BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            limits.statement.as_millis(),
            limits.idle.as_millis(),
            zone.as_str(),
        );
        let begun = sqlx::raw_sql(AssertSqlSafe(session)).execute(&mut connection);
        begun.await.map_err(|e| meaning(&e))?;
        let read_only: String =
            sqlx::query_scalar("SELECT current_setting('transaction_read_only')")
                .persistent(false)
                .fetch_one(&mut connection)
                .await
                .map_err(|e| meaning(&e))?;
        if read_only != "on" {
            return Err(SqlError::NotReadOnly.into());
        }
        role::reads_only(&mut connection).await?;
        Ok(connection)
    }
}

/// What an error of a database means. Its text is repeated only where it cannot hold a value of a row: SQLSTATE classes
/// 22 and 23 quote values.
pub(super) fn meaning(error: &sqlx::Error) -> SqlError {
    let sqlx::Error::Database(said) = error else {
        return match error {
            sqlx::Error::Tls(error) => SqlError::Tls(plain(&error.to_string())),
            sqlx::Error::Configuration(_) => SqlError::Address,
            _ => SqlError::Gone,
        };
    };
    let code = plain(&said.code().unwrap_or_default());
    let of_statement = ["42", "28", "3D", "3F", "53", "0A", "25", "54"];
    match code.as_str() {
        "57014" => SqlError::TooSlow,
        "57P01" | "57P02" | "57P05" | "25P03" => SqlError::Gone,
        _ if code.starts_with("08") => SqlError::Gone,
        _ if code.starts_with("57") || of_statement.iter().any(|class| code.starts_with(class)) => {
            SqlError::Refused { said: plain(said.message()), code }
        }
        _ => SqlError::Value(code),
    }
}

/// A connection, and what will be read over it.
struct Reading {
    session: Session<PgConnection>,
    source: Source,
    columns: Vec<Column>,
    patience: Duration,
}

/// Connects and learns the columns of what is to be read.
pub(in crate::intake) fn open(
    database: &PostgreSql,
    relation: &Relation,
    zone: Zone,
    period: Period,
) -> Result<Opened, IntakeError> {
    let source = relation.from(Dialect::PostgreSql, period);
    let mut columns = Vec::new();
    let session = Session::open(async || {
        let mut connection = database.connect(zone).await?;
        let all = AssertSqlSafe(format!("SELECT * FROM {}", source.sql)).into_sql_str();
        let described: PgStatement =
            (&mut connection).prepare(all).await.map_err(|e| meaning(&e))?;
        columns = described
            .columns()
            .iter()
            .map(|c| Column { name: c.name().to_owned(), kind: kind(c.type_info()) })
            .collect();
        Ok(connection)
    })?;
    let patience = database.limits.statement.saturating_add(GRACE);
    let feed = Box::new(Reading { session, source, columns: columns.clone(), patience });
    Ok(Opened { feed, columns, rows: None })
}

/// What a column of a type holds.
fn kind(of: &PgTypeInfo) -> Kind {
    match of.kind() {
        PgTypeKind::Domain(inner) => return kind(inner),
        PgTypeKind::Enum(_) => return Kind::Text,
        PgTypeKind::Simple => {}
        _ => return Kind::Foreign(format!("the type {}", plain(of.name()))),
    }
    match of.name().to_ascii_uppercase().as_str() {
        "TEXT" | "VARCHAR" | "CHAR" | "\"CHAR\"" | "BPCHAR" | "NAME" | "CITEXT" | "UUID"
        | "UNKNOWN" => Kind::Text,
        "BOOL" => Kind::YesNo,
        "INT2" | "INT4" | "INT8" | "NUMERIC" | "FLOAT4" | "FLOAT8" => Kind::Number,
        "DATE" => Kind::Date,
        "TIME" => Kind::Time,
        "TIMESTAMP" => Kind::Moment,
        "TIMESTAMPTZ" => Kind::Instant,
        _ => Kind::Foreign(format!("the type {}", plain(of.name()))),
    }
}

impl Feed for Reading {
    fn feed(
        mut self: Box<Self>,
        wanted: &BTreeSet<usize>,
        out: &mut Out,
    ) -> Result<Vec<String>, Stop> {
        let (runtime, mut connection) = self.session.parts()?;
        let read = runtime.block_on(async {
            self.declare(&mut connection, wanted).await?;
            let mut row = 0;
            loop {
                let step = self.step(&mut connection, wanted, &mut row, out);
                let more = tokio::time::timeout(self.patience, step).await;
                if !more.map_err(|_| SqlError::TooSlow)?? {
                    return Ok(Vec::new());
                }
            }
        });
        // The transaction ends with the connection, whatever the answer.
        let _ = runtime.block_on(async {
            tokio::time::timeout(DEFAULT_CONNECT_TIMEOUT, connection.close()).await
        });
        read
    }
}

impl Reading {
    /// Declares the cursor over the wanted columns.
    async fn declare(
        &self,
        connection: &mut PgConnection,
        wanted: &BTreeSet<usize>,
    ) -> Result<(), Stop> {
        let names = wanted.iter().filter_map(|at| self.columns.get(*at));
        let names: Vec<String> = names.map(|column| quote(&column.name)).collect();
        let sql = format!(
            "DECLARE evensum_extract NO SCROLL CURSOR FOR SELECT {} FROM {}",
            names.join(", "),
            self.source.sql
        );
        let mut statement = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for date in &self.source.bound {
            statement = statement.bind(date);
        }
        let declared = tokio::time::timeout(self.patience, statement.execute(connection));
        declared.await.map_err(|_| SqlError::TooSlow)?.map_err(|e| meaning(&e))?;
        Ok(())
    }

    /// Fetches some rows, as text; `false` where there are no more.
    async fn step(
        &self,
        connection: &mut PgConnection,
        wanted: &BTreeSet<usize>,
        row: &mut u64,
        out: &mut Out,
    ) -> Result<bool, Stop> {
        let before = *row;
        let mut rows = sqlx::raw_sql(STEP).fetch(connection);
        while let Some(fetched) = rows.next().await {
            *row += 1;
            self.put(&fetched.map_err(|e| meaning(&e))?, wanted, *row, out)?;
        }
        Ok(*row > before)
    }

    fn put(
        &self,
        fetched: &PgRow,
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
                let value = fetched.try_get_raw(found).map_err(|e| meaning(&e))?;
                found += 1;
                // An error here means that there is no value.
                if let Ok(value) = value.as_str() {
                    write(value, &column.kind, &mut text);
                }
            }
            record.push_field(&text);
        }
        if record.as_slice().len() as u64 > MAX_RECORD_BYTES {
            return Err(IntakeError::RecordTooLong { row }.into());
        }
        out.take()
    }
}

/// A value in the database's own words as a CSV file would have it.
fn write(value: &str, kind: &Kind, text: &mut Vec<u8>) {
    match kind {
        Kind::YesNo => text.extend_from_slice(cell::yes_no(value == "t")),
        Kind::Number => match value.contains(['e', 'E']).then(|| value.parse()) {
            Some(Ok(number)) => cell::float(number, text),
            _ => cell::decimal(value, text),
        },
        Kind::Instant => {
            text.extend_from_slice(value.as_bytes());
            // It leaves out the minutes of what the clock is ahead.
            let ahead = value.len().checked_sub(3).and_then(|at| value.get(at..));
            if ahead.is_some_and(|ahead| ahead.starts_with(['+', '-'])) {
                text.extend_from_slice(b":00");
            }
        }
        _ => text.extend_from_slice(value.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_a_csv_file_has_them() {
        for (value, kind, wanted) in [
            ("t", Kind::YesNo, "yes"),
            ("f", Kind::YesNo, "no"),
            ("12.00", Kind::Number, "12"),
            ("12.5", Kind::Number, "12.5"),
            ("1e+06", Kind::Number, "1000000"),
            ("2026-10-31", Kind::Date, "2026-10-31"),
            ("2026-10-31 14:12:19.5", Kind::Moment, "2026-10-31 14:12:19.5"),
            ("2026-10-01 00:30:00+01", Kind::Instant, "2026-10-01 00:30:00+01:00"),
            ("infinity", Kind::Instant, "infinity"),
            ("Zoë", Kind::Text, "Zoë"),
        ] {
            let mut text = Vec::new();
            write(value, &kind, &mut text);
            assert_eq!(String::from_utf8(text).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn an_address_is_checked_and_never_repeated() {
        let limits = Limits::default();
        let made = |url: &str| PostgreSql::new("w", url, Some("secret-3"), None, limits);
        let database = made("postgresql://reader:secret-1@db:5432/warehouse").expect("an address");
        assert_eq!(format!("{database:?}"), "PostgreSql(w)");
        for wrong in [
            "mysql://secret-2@db/x",
            "postgresql://secret-2@db:port/x",
            "secret-2",
            "postgresql://a:secret-2@/%zz?sslmode=often",
        ] {
            let error = made(wrong).expect_err("refused");
            assert!(!format!("{error} {error:?}").contains("secret-2"), "{error:?}");
        }
        let nowhere =
            PostgreSql::new("w", "postgresql://db/x", None, Some(Path::new("/no/ca.pem")), limits);
        assert!(nowhere.expect_err("no file").to_string().contains("/no/ca.pem"));
    }

    /// A server that asks for a password, and gives what it was told.
    async fn told(listener: tokio::net::TcpListener) -> Vec<u8> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.expect("somebody");
        let length = stream.read_u32().await.expect("a length");
        let mut startup = vec![0; usize::try_from(length).expect("short") - 4];
        stream.read_exact(&mut startup).await.expect("a greeting");
        // AuthenticationCleartextPassword.
        stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await.expect("asked");
        assert_eq!(stream.read_u8().await.expect("an answer"), b'p');
        let length = stream.read_u32().await.expect("a length");
        let mut password = vec![0; usize::try_from(length).expect("short") - 4];
        stream.read_exact(&mut password).await.expect("a password");
        password
    }

    #[tokio::test]
    async fn the_password_of_a_file_is_given_to_the_server_and_to_nobody_else() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let url = format!("postgresql://reader@127.0.0.1:{port}/w?sslmode=disable");
        let database = PostgreSql::new("w", &url, Some("secret-4"), None, Limits::default());
        let database = database.expect("an address");
        let (given, connected) = tokio::join!(told(listener), database.connect(Zone::London));
        assert_eq!(given, b"secret-4\0");
        let error = connected.expect_err("the server went away");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let limits = Limits { connect: Duration::from_millis(50), ..Limits::default() };
        let url = format!("postgresql://reader@127.0.0.1:{port}/w?sslmode=disable");
        let database = PostgreSql::new("w", &url, None, None, limits).expect("an address");
        let error = database.connect(Zone::London).await.expect_err("silent");
        assert!(matches!(error, IntakeError::Sql(SqlError::Silent { .. })), "{error}");
        drop(listener);
    }
}
