//! A database counts what the node itself would count, cell for cell, and what is wrong with one is found before it
//! is asked. On SQLite, on PostgreSQL, and on a PostgreSQL whose rows lie on two others.

mod tables;

use std::time::Duration;

use evensum::snapshot::{NodeKey, Snapshot};
use evensum::tabulate::sql::{self, Database, Limits, Partition, Shard, SqlError};
use evensum::tabulate::tabulate;

use self::tables::{Asked, Random, extract};
use crate::postgres::{self, Cluster};

/// Random extracts of each database, and random requests of each extract.
const EXTRACTS: u64 = 21;
const REQUESTS: usize = 25;
/// What the foreign servers are called.
const SERVERS: [&str; 2] = ["one", "two"];

fn key() -> NodeKey {
    NodeKey::from_bytes([7; 32])
}

/// Where extracts are written, and read from.
struct Place {
    write: String,
    read: String,
    shards: Vec<String>,
}

impl Place {
    fn sqlite(dir: &tempfile::TempDir) -> Self {
        let url = format!("sqlite:{}", dir.path().join("warehouse.db").display());
        Self { write: url.clone(), read: url, shards: Vec::new() }
    }

    /// A database, written by its superuser and read by a role that may do nothing else.
    async fn postgres(cluster: &Cluster, name: &str) -> Self {
        let write = cluster.fresh_database(name).await;
        let reader = format!("{name}_reader");
        cluster.fresh_role(&reader).await;
        let grant = format!("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {reader}");
        postgres::run(&write, &grant).await;
        Self { read: cluster.url(&reader, name), write, shards: Vec::new() }
    }

    async fn write(&self, snapshot: &Snapshot) -> String {
        let named = SERVERS.iter().zip(&self.shards);
        let shards: Vec<Shard<'_>> = named.map(|(server, url)| Shard { server, url }).collect();
        sql::write(&self.write, &shards, snapshot, &key()).await.expect("written")
    }

    fn database(&self) -> Database {
        Database::new(&self.read, Limits::default()).expect("a URL")
    }
}

/// Three servers of our own, set up by what is delivered for it: the first knows the two others by `postgres_fdw`.
struct Servers {
    place: Place,
    _all: [Cluster; 3],
}

const ROLES: &str = include_str!("../../deploy/postgresql/pushdown.sql");
const FOREIGN: &str = include_str!("../../deploy/postgresql/pushdown-servers.sql");
/// The database on each server, as the statements name it.
const DATABASE: &str = "warehouse";

impl Servers {
    async fn start() -> Option<Self> {
        let all = [postgres::another()?, postgres::another()?, postgres::another()?];
        let mut shards = Vec::new();
        for cluster in &all {
            let admin = cluster.fresh_database(DATABASE).await;
            postgres::run(&admin, ROLES).await;
            shards.push(cluster.url("evensum_loader", DATABASE));
        }
        let mut foreign = FOREIGN.to_owned();
        for (server, cluster) in SERVERS.iter().zip(&all[1..]) {
            let host = format!("host '{server}.example.nhs.uk', port '5432'");
            assert!(foreign.contains(&host));
            let port = cluster.port();
            foreign = foreign.replace(&host, &format!("host '127.0.0.1', port '{port}'"));
        }
        // These servers ask for no password, of which the first must be told.
        let password = "password 'SET THIS'";
        assert!(foreign.contains(password));
        let foreign = foreign.replace(password, "password_required 'false'");
        postgres::run(&all[0].url("postgres", DATABASE), &foreign).await;
        let read = all[0].url("evensum_counter", DATABASE);
        let place = Place { write: shards.remove(0), read, shards };
        Some(Self { place, _all: all })
    }
}

async fn opened(database: &Database, snapshot: &Snapshot) -> Result<Partition, SqlError> {
    sql::open(database, snapshot.manifest(), &key()).await
}

/// Both ways of counting agree on every cell of many random tables.
async fn agree(place: &Place, seed: u64) {
    let database = place.database();
    let mut compared = 0;
    for seed in (0..EXTRACTS).map(|i| 1_000 * seed + i) {
        let mut random = Random::new(seed);
        // One extract is empty.
        let rows = if seed.is_multiple_of(1_000) { 0 } else { 1 + random.below(300) };
        let snapshot = extract(seed, rows);
        place.write(&snapshot).await;
        let partition = opened(&database, &snapshot).await.expect("opened");
        for number in 0..REQUESTS {
            let asked = Asked::of(&snapshot, &mut random);
            let wanted = tabulate(&snapshot, &asked.request()).expect("counted here");
            let found = sql::tabulate(&database, &partition, &asked.request()).await;
            let found = found.expect("counted there");
            let cells = found.cells().iter().zip(wanted.cells());
            for (cell, (found, wanted)) in cells.enumerate() {
                assert!(found.same_as(wanted), "seed {seed}, {number}, cell {cell}: {asked:#?}");
            }
            assert_eq!(found.cells().len(), wanted.cells().len());
            compared += 1;
        }
    }
    assert!(compared >= 500, "{compared}");
    database.close().await;
}

#[tokio::test]
async fn sqlite_counts_what_the_columns_do() {
    let dir = tempfile::tempdir().expect("a folder");
    agree(&Place::sqlite(&dir), 1).await;
}

#[tokio::test]
async fn postgresql_counts_what_the_columns_do() {
    let Some(cluster) = postgres::cluster().await else { return };
    agree(&Place::postgres(&cluster, "pushdown_agrees").await, 2).await;
}

#[tokio::test]
async fn postgresql_over_two_servers_counts_what_the_columns_do() {
    let Some(servers) = Servers::start().await else { return };
    agree(&servers.place, 3).await;
}

#[tokio::test]
async fn aggregates_run_on_both_servers_at_once() {
    let Some(servers) = Servers::start().await else { return };
    let snapshot = extract(5, 20_000);
    servers.place.write(&snapshot).await;
    let database = servers.place.database();
    let partition = opened(&database, &snapshot).await.expect("opened");
    let mut random = Random::new(5);
    let mut statements = 0;
    for _ in 0..40 {
        let asked = Asked::of(&snapshot, &mut random);
        if asked.request().filters.iter().any(|f| f.keep.is_empty()) {
            // No row can pass it: PostgreSQL asks nobody.
            continue;
        }
        let plans = sql::explain(&database, &partition, &asked.request()).await.expect("plans");
        for plan in plans {
            statements += 1;
            assert_eq!(plan.matches("Async Foreign Scan").count(), SERVERS.len(), "{plan}");
            assert_eq!(plan.matches("Foreign Scan").count(), SERVERS.len(), "{plan}");
            assert_eq!(plan.matches("Relations: Aggregate on").count(), SERVERS.len(), "{plan}");
            assert_eq!(plan.matches("GROUP BY").count(), SERVERS.len(), "{plan}");
        }
    }
    assert!(statements > 150, "{statements}");
    database.close().await;
}

/// The error with which an extract is not opened, after something was done to its database.
async fn spoilt(place: &Place, snapshot: &Snapshot) -> SqlError {
    let database = place.database();
    let error = opened(&database, snapshot).await.expect_err("not opened");
    database.close().await;
    error
}

#[tokio::test]
async fn a_partition_that_was_changed_is_not_opened() {
    let Some(cluster) = postgres::cluster().await else { return };
    let place = Place::postgres(&cluster, "pushdown_changed").await;
    let snapshot = extract(9, 500);
    assert!(matches!(spoilt(&place, &snapshot).await, SqlError::Database(_)));
    let name = place.write(&snapshot).await;
    let database = place.database();
    opened(&database, &snapshot).await.expect("as written");
    let foreign = NodeKey::from_bytes([8; 32]);
    let other = sql::open(&database, snapshot.manifest(), &foreign).await.expect_err("another's");
    assert!(matches!(other, SqlError::Authenticity(_)));
    let absent = opened(&database, &extract(10, 5)).await.expect_err("never written");
    assert!(matches!(absent, SqlError::Absent(_)));
    database.close().await;
    for change in ["person = person + 1", "column0 = 1 - column0", "measure0 = measure0 + 1"] {
        // One row of them all.
        let change = format!("UPDATE {name} SET {change} WHERE ctid = '(0,1)'");
        postgres::run(&place.write, &change).await;
        assert!(matches!(spoilt(&place, &snapshot).await, SqlError::Changed(_)), "{change}");
        let away = format!("DROP TABLE {name}; DELETE FROM evensum_partition");
        postgres::run(&place.write, &away).await;
        place.write(&snapshot).await;
        // What is there already is left as it is.
        place.write(&snapshot).await;
    }
    let writable = Place { read: place.write.clone(), write: String::new(), shards: Vec::new() };
    assert!(matches!(spoilt(&writable, &snapshot).await, SqlError::Writable(_)));
    let forged = "UPDATE evensum_partition SET described = replace(described, 'l0', 'l9')";
    postgres::run(&place.write, forged).await;
    assert!(matches!(spoilt(&place, &snapshot).await, SqlError::Authenticity(_)));
}

#[tokio::test]
async fn two_rows_that_change_places_are_seen() {
    let dir = tempfile::tempdir().expect("a folder");
    let place = Place::sqlite(&dir);
    let snapshot = extract(12, 400);
    let name = place.write(&snapshot).await;
    let swap = format!(
        "UPDATE {name} SET measure1 = CASE measure1 WHEN a THEN b WHEN b THEN a ELSE measure1 END
         FROM (SELECT min(measure1) AS a, max(measure1) AS b FROM {name})"
    );
    let options: sqlx::sqlite::SqliteConnectOptions = place.write.parse().expect("a URL");
    let mut connection = sqlx::ConnectOptions::connect(&options).await.expect("connected");
    sqlx::raw_sql(sqlx::AssertSqlSafe(swap)).execute(&mut connection).await.expect("swapped");
    sqlx::Connection::close(connection).await.expect("closed");
    assert!(matches!(spoilt(&place, &snapshot).await, SqlError::Changed(_)));
}

/// Whoever counts for too long is stopped, and says so.
async fn too_slow(place: &Place) {
    let snapshot = extract(11, 60_000);
    place.write(&snapshot).await;
    let statement = Duration::from_millis(1);
    let database = Database::new(&place.read, Limits { statement }).expect("a URL");
    let error = opened(&database, &snapshot).await.expect_err("no time");
    assert!(matches!(error, SqlError::Slow(limit) if limit == statement), "{error:?}");
    database.close().await;
}

#[tokio::test]
async fn a_statement_has_an_end() {
    let dir = tempfile::tempdir().expect("a folder");
    too_slow(&Place::sqlite(&dir)).await;
    let Some(cluster) = postgres::cluster().await else { return };
    too_slow(&Place::postgres(&cluster, "pushdown_slow").await).await;
}

#[test]
fn a_database_says_nothing_of_its_address() {
    let url = "postgresql://reader:a-secret@warehouse.example.nhs.uk/warehouse";
    let database = Database::new(url, Limits::default()).expect("a URL");
    assert_eq!(format!("{database:?}"), "Database(postgresql)");
}

#[tokio::test]
async fn what_no_database_takes_is_refused_before_it_is_asked() {
    for url in ["", "mysql://host/db", "/a/file", "sqlite"] {
        let error = Database::new(url, Limits::default()).map(|_| ()).expect_err(url);
        assert!(matches!(error, SqlError::Url), "{url}");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let place = Place::sqlite(&dir);
    let snapshot = extract(13, 5);
    let shards = [Shard { server: "one", url: &place.write }];
    let spread = sql::write(&place.write, &shards, &snapshot, &key()).await;
    assert!(matches!(spread, Err(SqlError::Url)));
    let mut staged = tables::manifest(13);
    staged.version = None;
    let staged = Snapshot::new(staged, Vec::new(), Vec::new(), Vec::new()).expect("an extract");
    let refused = sql::write(&place.write, &[], &staged, &key()).await;
    assert!(matches!(refused, Err(SqlError::Staged)));
}
