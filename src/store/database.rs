//! The state directory: its lock, its database and the settings without which nothing is written.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use super::StoreError;

/// The database in a state directory.
const DATABASE: &str = "evensum.db";
/// The file whose lock the writing process holds.
const LOCK: &str = "evensum.lock";
/// How long a statement waits for another connection. Shorter than a caller waits for the write.
const BUSY_LIMIT: Duration = Duration::from_millis(1500);

/// Bytes that must be free before a full disk counts as having space again.
const ROOM: i64 = 512 * 1024;

/// Mode of the state directory.
#[cfg(unix)]
const PRIVATE: u32 = 0o700;

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

/// Makes the state directory if it is not there, and keeps it for this account alone either way. Whoever
/// puts something there calls this first.
///
/// # Errors
/// [`StoreError::Directory`].
pub fn prepare_state(dir: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Directory { path: dir.to_owned(), source };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, PRIVATE);
    builder.create(dir).map_err(failed)?;
    #[cfg(unix)]
    {
        let alone = std::os::unix::fs::PermissionsExt::from_mode(PRIVATE);
        std::fs::set_permissions(dir, alone).map_err(failed)?;
    }
    Ok(())
}

/// Takes the writer's lock. It is held until the file is dropped, and by nobody after the process ends.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let broken = |source| StoreError::Directory { path: path.clone(), source };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(broken)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { holder: holder(&path), path });
        }
        Err(TryLockError::Error(source)) => return Err(broken(source)),
    }
    // Only so that the next process can name this one; the lock itself does not need it.
    let name_it = |file: &mut File| -> io::Result<()> {
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())
    };
    name_it(&mut file).map_err(broken)?;
    Ok(file)
}

/// Who wrote their number into the lock file. Some systems let nobody else read a locked file.
fn holder(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match text.parse::<u32>() {
        Ok(id) => format!("another evensum process (number {id})"),
        Err(_) => "another process".to_owned(),
    }
}

/// Opens the database for the writer, brings its tables to this version and makes sure of its settings.
pub(super) async fn connect(dir: &Path) -> Result<SqliteConnection, StoreError> {
    let path = dir.join(DATABASE);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_LIMIT);
    let mut conn = open(&options, path).await?;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut conn).await?;
    require("journal_mode = WAL", journal == "wal", journal)?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut conn).await?;
    require("synchronous = FULL", synchronous == 2, synchronous.to_string())?;
    let keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut conn).await?;
    require("foreign_keys = ON", keys == 1, keys.to_string())?;
    MIGRATOR.run(&mut conn).await?;
    Ok(conn)
}

/// Writes as much as a long answer takes, and takes it back: nothing is left behind, and a disk that is too
/// full for the next answer says so. The small cache makes SQLite write before the end of the transaction.
pub(super) async fn try_room(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let said: i64 = sqlx::query_scalar("PRAGMA cache_size").fetch_one(&mut *conn).await?;
    let cache = |pages: i64| sqlx::AssertSqlSafe(format!("PRAGMA cache_size = {pages}"));
    sqlx::query(cache(1)).execute(&mut *conn).await?;
    let tried = async {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await?;
        // In the place before the first, which no entry has.
        sqlx::query(
            "INSERT INTO record (seq, bytes, leaf) VALUES (-1, zeroblob(?1), zeroblob(32))",
        )
        .bind(ROOM)
        .execute(&mut *conn)
        .await?;
        sqlx::query("ROLLBACK").execute(&mut *conn).await
    }
    .await;
    sqlx::query(cache(said)).execute(&mut *conn).await?;
    tried.map(drop)
}

/// Opens the database for reading, beside a running writer or without one.
pub(super) async fn connect_read_only(dir: &Path) -> Result<SqliteConnection, StoreError> {
    let path = dir.join(DATABASE);
    if !path.is_file() {
        return Err(StoreError::NoLog { path });
    }
    let options =
        SqliteConnectOptions::new().filename(&path).read_only(true).busy_timeout(BUSY_LIMIT);
    open(&options, path).await
}

async fn open(
    options: &SqliteConnectOptions,
    path: PathBuf,
) -> Result<SqliteConnection, StoreError> {
    options.connect().await.map_err(|source| StoreError::Open { path, source })
}

fn require(setting: &'static str, holds: bool, found: String) -> Result<(), StoreError> {
    if holds { Ok(()) } else { Err(StoreError::Setting { setting, found }) }
}

/// A count as SQLite has it. Logs stay far below the limit.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
