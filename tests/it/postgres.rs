//! A PostgreSQL to test against: the one that `EVENSUM_TEST_POSTGRES` names, or one of our own in a temporary
//! folder, where PostgreSQL is installed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};

/// A superuser's URL of a server that others started, such as `postgresql://postgres@127.0.0.1:5432/postgres`. Tests
/// make and drop databases and roles in it.
const VARIABLE: &str = "EVENSUM_TEST_POSTGRES";
/// Set where a test may not be skipped for want of PostgreSQL.
const REQUIRED: &str = "EVENSUM_REQUIRE_POSTGRES";
/// The superuser of a server of our own.
const ADMIN: &str = "postgres";
/// Where Debian puts the programs.
const INSTALLED: &str = "/usr/lib/postgresql";
/// PostgreSQL does not run as root: then it runs as nobody.
const NOBODY: u32 = 65_534;
/// A port that was free may be taken by another before the server has it.
const TRIES: usize = 5;
/// Small, and without waiting for a disk: nothing of it is kept.
const SETTINGS: &str = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nshared_buffers = 16MB\nmax_connections = 60\nlisten_addresses = '127.0.0.1'\n";
/// Starts the server, says so, and stops and removes it when standard input ends: when this process does, in whatever
/// way.
const KEEPER: &str = r#"trap '' INT TERM PIPE
"$1/pg_ctl" -D "$2" -l "$2/log" -w -o "-p $3 -k $2" start >/dev/null || exit 1
echo ready 2>/dev/null
cat >/dev/null
"$1/pg_ctl" -D "$2" -m immediate stop >/dev/null
rm -rf "${2%/*}""#;

/// A server of our own. It stops when the last handle goes.
#[derive(Debug)]
struct Started {
    keeper: Child,
    stdin: Option<ChildStdin>,
    _dir: tempfile::TempDir,
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A PostgreSQL server that takes this process as its superuser.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    admin: PgConnectOptions,
    _started: Option<Arc<Started>>,
}

/// The server of this process, shared by its tests.
static RUNNING: Mutex<Option<(Weak<Started>, u16)>> = Mutex::new(None);

/// The server. None, with the reason on standard error, where there is no PostgreSQL: then a test has nothing to test.
#[expect(clippy::unused_async, reason = "callers await what may take seconds")]
pub(crate) async fn cluster() -> Option<Cluster> {
    if let Ok(url) = std::env::var(VARIABLE) {
        let admin = PgConnectOptions::from_str(&url).expect("a URL of PostgreSQL");
        return Some(Cluster { admin, _started: None });
    }
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let live = running.as_ref().and_then(|(started, port)| Some((started.upgrade()?, *port)));
    let (started, port) = match live {
        Some(live) => live,
        None => match start() {
            Ok((started, port)) => (Arc::new(started), port),
            Err(reason) => {
                skipped(&reason);
                return None;
            }
        },
    };
    *running = Some((Arc::downgrade(&started), port));
    let admin = format!("postgresql://{ADMIN}@127.0.0.1:{port}/postgres?sslmode=disable");
    let admin = PgConnectOptions::from_str(&admin).expect("a URL");
    Some(Cluster { admin, _started: Some(started) })
}

/// A further server, this test's own. None, with the reason on standard error, where PostgreSQL is not installed.
pub(crate) fn another() -> Option<Cluster> {
    match start() {
        Ok((started, port)) => {
            let admin = format!("postgresql://{ADMIN}@127.0.0.1:{port}/postgres?sslmode=disable");
            let admin = PgConnectOptions::from_str(&admin).expect("a URL");
            Some(Cluster { admin, _started: Some(Arc::new(started)) })
        }
        Err(reason) => {
            skipped(&reason);
            None
        }
    }
}

impl Cluster {
    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.admin.get_port()
    }

    /// The URL by which a role reaches a database. No role needs a password.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        self.admin.clone().username(user).database(database).to_url_lossy().to_string()
    }

    /// Makes an empty database, in place of one of that name, and gives the superuser's URL of it. Names are shared
    /// by all tests of a server.
    pub(crate) async fn fresh_database(&self, name: &str) -> String {
        let admin = self.admin.to_url_lossy().to_string();
        run(&admin, &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await;
        run(&admin, &format!("CREATE DATABASE \"{name}\" TEMPLATE template0")).await;
        self.url(self.admin.get_username(), name)
    }

    /// Makes a role that may log in and nothing else, in place of one of that name. Call it after
    /// [`Self::fresh_database`] has dropped what an earlier one owned.
    pub(crate) async fn fresh_role(&self, name: &str) {
        let admin = self.admin.to_url_lossy().to_string();
        run(&admin, &format!("DROP ROLE IF EXISTS \"{name}\"")).await;
        run(&admin, &format!("CREATE ROLE \"{name}\" LOGIN")).await;
    }
}

/// Runs statements, each of which must succeed.
pub(crate) async fn run(url: &str, statements: &str) {
    let options = PgConnectOptions::from_str(url).expect("a URL");
    let mut connection = options.connect().await.expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&mut connection)
        .await
        .expect(statements);
    sqlx::Connection::close(connection).await.expect("closed");
}

fn start() -> Result<(Started, u16), String> {
    let programs = programs().ok_or("PostgreSQL is not installed (Debian: postgresql)")?;
    let mut last = String::new();
    for _ in 0..TRIES {
        match start_at(&programs) {
            Ok(started) => return Ok(started),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}

/// The folder with `initdb` and `pg_ctl`.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir(INSTALLED)
        .map(|dir| dir.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    versions.sort();
    let folders = std::env::split_paths(&path).chain(versions.into_iter().rev());
    let mut whole = folders.filter(|f| f.join("initdb").is_file() && f.join("pg_ctl").is_file());
    whole.next()
}

fn start_at(programs: &Path) -> Result<(Started, u16), String> {
    let failed = |e: std::io::Error| e.to_string();
    let dir = tempfile::Builder::new().prefix("evensum-pg").tempdir().map_err(failed)?;
    let root = rootless(dir.path()).map_err(failed)?;
    let data = dir.path().join("data");
    let mut init = Command::new(programs.join("initdb"));
    init.args(["-A", "trust", "-U", ADMIN, "-E", "UTF8", "--locale=C", "--no-sync", "-D"]);
    let made = as_nobody(init.arg(&data), root).output().map_err(failed)?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned());
    }
    let settings = data.join("postgresql.auto.conf");
    std::fs::write(settings, SETTINGS).map_err(failed)?;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(failed)?;
    let port = port.port();
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "sh"]).arg(programs).arg(&data).arg(port.to_string());
    keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut keeper = as_nobody(&mut keeper, root).spawn().map_err(failed)?;
    let stdin = keeper.stdin.take();
    let mut said = String::new();
    let stdout = keeper.stdout.take().ok_or("no standard output")?;
    BufReader::new(stdout).read_line(&mut said).map_err(failed)?;
    let log = data.join("log");
    let started = Started { keeper, stdin, _dir: dir };
    match said.as_str() {
        "ready\n" => Ok((started, port)),
        _ => Err(std::fs::read_to_string(log).unwrap_or_else(|e| e.to_string())),
    }
}

/// Whether this account is root; its folder is then given to nobody.
fn rootless(dir: &Path) -> std::io::Result<bool> {
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(dir)?) == 0;
    if root {
        std::os::unix::fs::chown(dir, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(root)
}

fn as_nobody(command: &mut Command, root: bool) -> &mut Command {
    use std::os::unix::process::CommandExt;
    command.current_dir("/");
    if root { command.uid(NOBODY).gid(NOBODY) } else { command }
}

#[expect(clippy::print_stderr, reason = "who runs the tests should know what was not tested")]
fn skipped(reason: &str) {
    let required = std::env::var_os(REQUIRED).is_some_and(|value| !value.is_empty());
    assert!(!required, "{REQUIRED} is set, and there is no PostgreSQL: {reason}");
    eprintln!("skipped, no PostgreSQL: {reason}");
}
