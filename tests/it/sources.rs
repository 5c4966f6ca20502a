//! Extracts that lie in PostgreSQL: by a role that can only read, in a read-only transaction, all or nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use evensum::intake::{
    self, Input, IntakeError, Limits, LoadRequest, Loaded, Mapping, PostgreSql, Progress, SqlError,
};
use evensum::reference::Reference;
use evensum::snapshot::NodeKey;
use evensum_core::catalogue::Catalogue;

use crate::postgres::{self, Cluster};

/// The script that partners are given.
const ROLE_SCRIPT: &str = include_str!("../../deploy/postgresql/read-only-role.sql");

const TABLES: &str = "
CREATE SCHEMA IF NOT EXISTS evensum;
CREATE TYPE evensum.sex AS ENUM ('1', '2', '9', 'X');
CREATE DOMAIN evensum.ethnic AS varchar(2);
CREATE TABLE evensum.pathway (
  id bigint PRIMARY KEY, token uuid, clock_start date, birth_date timestamp, ethnic evensum.ethnic,
  sex evensum.sex, tfc numeric(6, 2), provider char(5), history jsonb, born timestamptz);
INSERT INTO evensum.pathway VALUES
  (9990000001, '00000000-0000-0000-0000-000000000001', '2026-06-01', '1950-02-03', 'A1', '1', 110, 'R0D', '{}', '1950-02-03 00:30+00'),
  (9990000002, '00000000-0000-0000-0000-000000000002', '2025-09-15', '2010-07-08', 'Z', '2', 330.00, 'RBD', '[1]', '2010-07-07 23:30+00'),
  (9990000003, '00000000-0000-0000-0000-000000000003', '2026-10-01', '1936-01-01', NULL, 'X', 999, NULL, NULL, '1936-01-01 12:00+00'),
  (9990000004, '00000000-0000-0000-0000-000000000004', '2026-10-30', '1990-05-05', 'C', '9', 502, 'RBD', NULL, '1990-05-04 23:00+00');
CREATE VIEW evensum.rtt_open_pathway AS
  SELECT id AS nhs_number, clock_start, birth_date AS date_of_birth, ethnic AS ethnic_category, sex AS gender,
    tfc AS treatment_function_code, provider AS provider_code, history, token, born FROM evensum.pathway;
CREATE VIEW evensum.many AS
  SELECT n AS person, n % 100 AS weeks_waited, 'R0D'::text AS provider FROM generate_series(1, 200000) AS n;
";

/// The same rows as a CSV file.
const CSV: &str = "nhs_number,clock_start,date_of_birth,ethnic_category,gender,treatment_function_code,provider_code\n\
    9990000001,2026-06-01,1950-02-03,A1,1,110,R0D\n9990000002,2025-09-15,2010-07-08,Z,2,330,RBD\n\
    9990000003,2026-10-01,1936-01-01,,X,999,\n9990000004,2026-10-30,1990-05-05,C,9,502,RBD\n";

struct Place {
    dir: tempfile::TempDir,
    catalogue: Catalogue,
    reference: Reference,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let reference = Reference::open(&dir.path().join("reference")).expect("opens");
        Self { dir, catalogue: Catalogue::builtin().expect("the catalogue"), reference }
    }

    fn staged(&self) -> PathBuf {
        intake::staged_root(&self.dir.path().join("state"))
    }

    fn load(&self, input: Input<'_>, source: &str) -> Result<Loaded, IntakeError> {
        self.load_and_tell(input, source, &|_| {})
    }

    fn load_and_tell(
        &self,
        input: Input<'_>,
        source: &str,
        progress: &dyn Fn(Progress),
    ) -> Result<Loaded, IntakeError> {
        let text = format!("dataset = \"rtt_open_pathway\"\n[source]\n{source}\n");
        let mapping = Mapping::parse(&text, &self.catalogue)?;
        intake::load(&LoadRequest {
            input,
            mapping: &mapping,
            dataset: mapping.dataset(),
            period: "2026-10".parse().expect("a period"),
            staged_dir: &self.staged(),
            key: &NodeKey::from_bytes([7; 32]),
            catalogue: &self.catalogue,
            reference: &self.reference,
            exclude: None,
            record_keys: false,
            links: None,
            progress,
            today: "2026-11-09".parse().expect("a date"),
        })
    }
}

/// The bytes of every file below a folder.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).expect("a file")));
        }
    }
    found.sort();
    found
}

fn at(url: &str, statement: Duration) -> PostgreSql {
    let limits = Limits { statement, ..Limits::default() };
    PostgreSql::new("warehouse", url, None, None, limits).expect("an address")
}

/// A database with the tables, and a role that the script makes.
async fn warehouse(cluster: &Cluster, name: &str) -> (String, PostgreSql) {
    let admin = cluster.fresh_database(name).await;
    let reader = format!("{name}_reader");
    postgres::run(&admin, &format!("DROP ROLE IF EXISTS {reader}")).await;
    postgres::run(&admin, TABLES).await;
    postgres::run(&admin, &ROLE_SCRIPT.replace("evensum_reader", &reader)).await;
    (admin, at(&cluster.url(&reader, name), Duration::from_secs(60)))
}

#[tokio::test]
async fn a_role_that_only_reads_loads_what_a_file_would_give() {
    let Some(cluster) = postgres::cluster().await else { return };
    let (admin, reader) = warehouse(&cluster, "sources_read").await;
    let place = Place::new();
    let file = place.dir.path().join("extract.csv");
    fs::write(&file, CSV).expect("written");
    let wanted = place.load(Input::File(&file), "").expect("loads").manifest;
    let load = |source: &str| place.load(Input::PostgreSql(&reader), source);
    for source in [
        "table = \"evensum.rtt_open_pathway\"",
        "table = \"Evensum.RTT_Open_Pathway\"",
        "table = 'evensum.\"rtt_open_pathway\"'",
        "query = \"select * from evensum.rtt_open_pathway where clock_start <= :period_end -- all; (\"",
        "query = \"with p as (select *, ':period_end' as text from evensum.rtt_open_pathway) select * from p\"",
        // Typed dates need no form, and a declared one does them no harm.
        "date = [\"%d/%m/%Y\"]\ntable = \"evensum.rtt_open_pathway\"",
        // Birth dates as points in time: by the clock in London they are the same days.
        "table = \"evensum.rtt_open_pathway\"\n[columns]\nbirth_date = \"born\"",
    ] {
        let loaded = load(source).expect(source);
        assert_eq!((loaded.manifest, loaded.quality.rows_read), (wanted.clone(), 4), "{source}");
    }
    let utc = load(
        "time_zone = \"UTC\"\ntable = \"evensum.rtt_open_pathway\"\n[columns]\nbirth_date = \"born\"",
    );
    assert!(utc.is_ok());
    let of_period = "query = \"select * from evensum.rtt_open_pathway where clock_start >= :period_start and clock_start < :period_after\"";
    assert_eq!(load(of_period).expect("loads").quality.rows_read, 2);
    let by_token = load("table = \"evensum.rtt_open_pathway\"\n[columns]\nperson = \"token\"");
    assert_eq!(by_token.expect("loads").quality.persons, 4);

    place.load(Input::File(&file), "").expect("loads");
    let before = files(&place.staged());
    for (source, wanted) in [
        ("", "set table"),
        ("table = \"evensum.nothing\"", "(42P01)"),
        (
            "table = \"evensum.rtt_open_pathway\"\n[columns]\nsex = \"history\"",
            "'history' holds the type JSONB",
        ),
        ("table = \"evensum.rtt_open_pathway\"\n[columns]\nsex = \"shoes\"", "no column 'shoes'"),
        ("query = \"select * from evensum.rtt_open_pathway where shoes = 1\"", "(42703)"),
        ("query = \"select * from evensum.rtt_open_pathway where false\"", "no rows"),
        ("query = \"delete from evensum.pathway returning *\"", "(42601)"),
        (
            "query = \"select 1) as x, (select set_config('transaction_read_only', 'off', false)\"",
            "closes a bracket",
        ),
        // What the database says of a value would quote it.
        (
            "query = \"select id as person, (id::text || 'x')::bigint as weeks_waited from evensum.pathway\"",
            "code 22P02",
        ),
        (
            "query = \"select id as person, id / (id - 9990000001) as weeks_waited from evensum.pathway\"",
            "code 22012",
        ),
    ] {
        let error = load(source).expect_err(source).to_string();
        assert!(error.contains(wanted) && !error.contains("9990000"), "{source}: {error}");
    }
    let slow = at(&cluster.url("sources_read_reader", "sources_read"), Duration::from_millis(200));
    let error = place.load(
        Input::PostgreSql(&slow),
        "query = \"select p.* from evensum.rtt_open_pathway as p, (select pg_sleep(20)) as s\"",
    );
    assert!(matches!(error, Err(IntakeError::Sql(SqlError::TooSlow))), "{error:?}");
    let nowhere = at("postgresql://reader@127.0.0.1:1/w?sslmode=disable", Duration::from_secs(1));
    let error = place.load(Input::PostgreSql(&nowhere), "table = \"t\"").expect_err("nobody there");
    assert!(matches!(error, IntakeError::Sql(SqlError::Unreachable { .. })), "{error}");
    assert_eq!(files(&place.staged()), before);
    postgres::run(&admin, "SELECT 1 / (count(*) - 3) FROM evensum.pathway").await;
}

/// Each way in which a role may write, and what the refusal says of it.
const WAYS: [(&str, &str); 14] = [
    ("ALTER ROLE r SUPERUSER", "it is a superuser"),
    ("ALTER ROLE r CREATEDB", "it may make databases"),
    ("ALTER ROLE r CREATEROLE", "it may make roles"),
    ("ALTER ROLE r REPLICATION", "it may replicate"),
    ("GRANT pg_write_all_data TO r", "it is a member of pg_write_all_data"),
    ("GRANT INSERT ON evensum.pathway TO r", "it may change evensum.pathway"),
    ("GRANT UPDATE ON evensum.many TO r", "it may change evensum.many"),
    ("GRANT DELETE ON evensum.pathway TO PUBLIC", "it may change evensum.pathway"),
    ("GRANT TRUNCATE ON evensum.pathway TO r", "it may change evensum.pathway"),
    ("GRANT UPDATE (tfc) ON evensum.pathway TO r", "it may change evensum.pathway"),
    ("ALTER TABLE evensum.pathway OWNER TO r", "it may change evensum.pathway"),
    ("GRANT CREATE ON SCHEMA evensum TO r", "it may make tables in the schema evensum"),
    ("GRANT CREATE ON DATABASE sources_roles TO r", "it may make schemas in the database"),
    // Not its own privileges, but those of a role that it may become.
    ("GRANT sources_roles_owner TO r", "it may change public.elsewhere"),
];

#[tokio::test]
async fn a_role_that_may_write_is_refused_before_anything_is_read() {
    let Some(cluster) = postgres::cluster().await else { return };
    let (admin, reader) = warehouse(&cluster, "sources_roles").await;
    let place = Place::new();
    cluster.fresh_role("sources_roles_owner").await;
    let elsewhere = "CREATE TABLE public.elsewhere (n int); ALTER TABLE public.elsewhere OWNER TO sources_roles_owner";
    postgres::run(&admin, elsewhere).await;
    let load = || place.load(Input::PostgreSql(&reader), "table = \"evensum.rtt_open_pathway\"");
    load().expect("the role of the script only reads");
    for (grant, wanted) in WAYS {
        let grant =
            grant.replace(" r", " sources_roles_reader").replace("sources_roles_readerole", "role");
        let undo = match grant.split(' ').next() {
            Some("GRANT") => grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "),
            _ if grant.contains("OWNER") => {
                "ALTER TABLE evensum.pathway OWNER TO CURRENT_USER".into()
            }
            _ => {
                let (start, attribute) = grant.rsplit_once(' ').expect("an attribute");
                format!("{start} NO{attribute}")
            }
        };
        postgres::run(&admin, &grant).await;
        let error = load().expect_err(&grant);
        assert!(matches!(error, IntakeError::Sql(SqlError::Writable { .. })), "{grant}: {error}");
        let said = error.to_string();
        for word in [wanted, "'sources_roles_reader' may write", "CREATE ROLE", "Nothing was read"]
        {
            assert!(said.contains(word), "{grant}: {said}");
        }
        postgres::run(&admin, &undo).await;
        load().expect(&undo);
    }
    let superuser = at(&admin, Duration::from_secs(60));
    let error = place.load(Input::PostgreSql(&superuser), "table = \"evensum.many\"");
    assert!(matches!(error, Err(IntakeError::Sql(SqlError::Writable { .. }))));
}

#[tokio::test]
async fn a_database_that_goes_away_leaves_what_was_staged_and_the_next_load_works() {
    let Some(cluster) = postgres::cluster().await else { return };
    let (admin, reader) = warehouse(&cluster, "sources_gone").await;
    let place = Place::new();
    let source = "table = \"evensum.many\"";
    let input = || Input::PostgreSql(&reader);
    let whole = place.load(input(), source).expect("loads");
    assert_eq!((whole.quality.rows_taken, whole.quality.persons), (200_000, 200_000));
    let before = files(&place.staged());
    let told = std::cell::RefCell::new(Vec::new());
    let broken = place.load_and_tell(input(), source, &|progress| {
        told.borrow_mut().push(progress);
        // The load waits here, so that the rest cannot have been read.
        std::thread::scope(|scope| {
            let end = || {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                runtime.block_on(postgres::run(
                    &admin,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evensum' AND datname = 'sources_gone'",
                ));
            };
            scope.spawn(end).join().expect("ended");
        });
    });
    assert!(matches!(broken, Err(IntakeError::Sql(SqlError::Gone))), "{broken:?}");
    assert_eq!(told.into_inner(), [Progress { rows: 65_536, done: 65_536, total: None }]);
    assert_eq!(files(&place.staged()), before);
    assert_eq!(place.load(input(), source).expect("loads").manifest, whole.manifest);
}

fn evensum(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_evensum"))
        .args(arguments)
        .current_dir(home)
        .env_remove("PGPASSWORD")
        .output()
        .expect("runs")
}

/// The configuration as `docs/sources.md` shows it, with the files that it names.
fn furnish(home: &Path, sources: &str) {
    let config = format!(
        "ods = \"RXX\"\nstate = \"state\"\nledger_key = \"audit-log.pem\"\n[node]\nkey = \"node.key\"\nreference = \"reference\"\n{sources}\n\
         [[membership]]\nfederation = \"north.example.nhs.uk\"\nagreements = [\"agreement.toml\"]\nanswer_key = \"answer.pem\"\n\
         [membership.tls]\nca = \"ca.pem\"\ncertificate = \"node.pem\"\nkey = \"node-tls.key\"\n\
         [membership.coordinator]\nods = \"QZ1\"\naddress = \"coordinator.example.nhs.uk:443\"\n"
    );
    fs::write(home.join("node.toml"), config).expect("written");
    fs::create_dir_all(home.join("reference")).expect("a folder");
    private(&home.join("node.key"), &"07".repeat(32));
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    let alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, alone).expect("private");
}

#[tokio::test]
async fn the_command_reads_the_database_that_the_mapping_names_and_tells_no_secret() {
    let Some(cluster) = postgres::cluster().await else { return };
    let (_, _) = warehouse(&cluster, "sources_command").await;
    let dir = tempfile::tempdir().expect("a folder");
    let home = dir.path();
    let url = cluster.url("sources_command_reader", "sources_command");
    private(&home.join("warehouse.url"), &format!("{url}\n"));
    private(&home.join("warehouse.password"), "secret-of-a-file\n");
    let mapping = |connection: &str| {
        let text = format!(
            "dataset = \"rtt_open_pathway\"\n[source]\n{connection}\ntable = \"evensum.rtt_open_pathway\"\n"
        );
        fs::write(home.join("rtt.toml"), text).expect("written");
    };
    let load = |file: &[&str]| {
        let arguments = [
            "node",
            "load",
            "--dataset",
            "rtt_open_pathway",
            "--period",
            "2026-10",
            "--mapping",
            "rtt.toml",
        ];
        evensum(home, &[&arguments[..], file].concat())
    };
    let table = |keys: &str| furnish(home, &format!("[node.sources.warehouse]\n{keys}"));
    mapping("connection = \"warehouse\"");
    table(
        "url_file = \"warehouse.url\"\npassword_file = \"warehouse.password\"\nstatement_timeout_seconds = 60",
    );
    let loaded = load(&[]);
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    assert!(String::from_utf8_lossy(&loaded.stderr).contains("Staged as"));

    let fails = |output: Output, exit: i32, word: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(word) && !said.contains("secret-of"), "{word}: {said}");
        assert_eq!(output.status.code(), Some(exit), "{said}");
    };
    fails(load(&["extract.csv"]), 64, "leave the file out");
    table("url = \"postgresql://reader:secret-of-a-url@db/w\"");
    fails(load(&[]), 64, "holds a password");
    table("url = \"postgresql://reader@db/w\"\nurl_file = \"warehouse.url\"");
    fails(load(&[]), 64, "exactly one of");
    table("url = \"postgresql://reader@127.0.0.1:1/w\"\npassword_file = \"warehouse.password\"");
    fails(load(&[]), 69, "'warehouse' cannot be reached");
    table("url = \"postgresql://reader@db/w\"\nconnect_timeout_seconds = 0");
    fails(load(&[]), 64, "between 1 and 86400 seconds");
    table("url_file = \"warehouse.url\"\npasword = \"secret-of-a-typing-error\"");
    fails(load(&[]), 64, "pasword");
    mapping("connection = \"elsewhere\"");
    table("url_file = \"warehouse.url\"");
    fails(load(&[]), 64, "[node.sources.elsewhere]");
    mapping("");
    fails(load(&[]), 64, "name the extract's file");
}
