//! The independent second server as a process: who may reach it, and what it refuses to start with.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use evensum::rpc::helper_client::DialledHelper;
use evensum::rpc::{Keepalive, NodeDialConfig, Registry, dial_node};
use evensum::trust::{Credentials, Roots, config as tls, write_private};
use evensum_core::identity::Peer;
use evensum_core::model::{
    Agreement, Clock, Digest, FederationId, Ods, RefusalCode, Role, Timestamp,
};
use evensum_core::pool::{Member, PoolServer, Roster, SealKey, SignedRoster};
use evensum_core::port::{HelperDirectory, PoolFault};
use evensum_core::sign::SigningKey;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::process::{LIMIT, Server, run};

const FEDERATION: &str = "icb.example";
const MEMBERS: [&str; 4] = ["M1", "M2", "M3", "M4"];

#[derive(Debug)]
struct Now;

impl Clock for Now {
    #[expect(clippy::disallowed_methods, reason = "the program under test goes by the real time")]
    fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        Timestamp::from_unix(i64::try_from(now).expect("small"))
    }
}

fn ods(code: &str) -> Ods {
    Ods::new(code).expect("a code")
}

fn answer_key() -> SigningKey {
    SigningKey::generate_ed25519().expect("a key")
}

/// Keys of a party, kept as files.
struct Keys {
    answer: SigningKey,
    ledger: SigningKey,
    seal: SealKey,
}

/// A folder with everything that a second server of ZZ9 needs.
struct Desk {
    dir: TempDir,
    second: Keys,
}

fn keys() -> Keys {
    let seal = SealKey::generate().expect("a key");
    Keys { answer: answer_key(), ledger: answer_key(), seal }
}

fn party(code: &str, role: &str, of: &Keys) -> String {
    format!(
        "[[parties]]\nods = \"{code}\"\nrole = \"{role}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
        of.answer.verifying_key().to_text(),
        of.ledger.verifying_key().to_text()
    )
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (coordinator, second) = (keys(), keys());
        let members: Vec<Keys> = MEMBERS.iter().map(|_| keys()).collect();
        let officers = [answer_key(), answer_key()];
        let mut text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"{FEDERATION}\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2036-12-31\"\n\
             purposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"sex\"]\nmax_dimensions = 2\n\
             profile = \"nhs75m\"\nhelper = \"ZZ9\"\npool = \"deposit\"\nanalysts = []\n"
        );
        text += &party("QZ1", "coordinator", &coordinator);
        text += &party("ZZ9", "helper", &second);
        for (code, member) in MEMBERS.iter().zip(&members) {
            text += &party(code, "node", member);
        }
        for ((id, of), key) in [("ann", "QZ1"), ("bob", "M1")].iter().zip(&officers) {
            let key = key.verifying_key().to_text();
            text += &format!("[[officers]]\nid = \"{id}\"\nods = \"{of}\"\nkey = \"{key}\"\n");
        }
        let agreement = Agreement::parse(&text).expect("an agreement");
        let desk = Self { dir, second };
        desk.write("agreement.toml", &text);
        let server = |code: &str, of: &Keys| PoolServer {
            ods: ods(code),
            answer_key: of.answer.verifying_key().to_text(),
            seal_key: of.seal.public().to_text(),
        };
        let federation = FederationId::new(FEDERATION).expect("an id");
        let (first, other) = (server("QZ1", &coordinator), server("ZZ9", &desk.second));
        let mut list = Roster::new(federation, first, Some(other)).expect("a list");
        for (code, member) in MEMBERS.iter().zip(&members) {
            let member = Member {
                ods: ods(code),
                name: format!("Partner {code}"),
                since: "2026-01-01".parse().expect("a date"),
                answer_key: member.answer.verifying_key().to_text(),
                seal_key: member.seal.public().to_text(),
            };
            list = list.with(member).expect("a list");
        }
        let mut signed = SignedRoster::unsigned(list).expect("a list");
        desk.write("unsigned.json", &signed.to_text().expect("a text"));
        for (officer, key) in agreement.officers.iter().zip(&officers) {
            signed = signed.sign(officer, key).expect("signs");
        }
        desk.write("list.json", &signed.to_text().expect("a text"));
        desk.secret("answer.pem", &desk.second.answer.to_pem());
        desk.secret("ledger.pem", &desk.second.ledger.to_pem());
        desk.secret("seal.pem", &desk.second.seal.to_pem());
        desk.certificates();
        desk
    }

    fn at(&self, file: &str) -> String {
        self.dir.path().join(file).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).expect("written");
    }

    fn secret(&self, file: &str, text: &str) {
        write_private(&self.dir.path().join(file), text.as_bytes(), true).expect("written");
    }

    fn certificates(&self) {
        let ca = self.at("ca");
        run(&["certs", "ca", "--federation", FEDERATION, "--dir", &ca]).succeeds();
        for (code, role) in [
            ("ZZ9", "second-server"),
            ("QZ1", "coordinator"),
            ("M1", "node"),
            ("M2", "coordinator"),
        ] {
            let out = self.at(&format!("{code}-{role}"));
            let arguments = [
                "certs",
                "issue",
                "--ca",
                &ca,
                "--ods",
                code,
                "--role",
                role,
                "--dns",
                "localhost",
                "--out",
                &out,
            ];
            run(&arguments).succeeds();
        }
    }

    /// The configuration, with one text in the place of another.
    fn config(&self, from: &str, to: &str) -> String {
        let text = "ods = \"ZZ9\"\nstate = \"state\"\nledger_key = \"ledger.pem\"\n\
             [helper]\nnodes = \"127.0.0.1:0\"\ncoordinator = \"127.0.0.1:0\"\nseal_key = \"seal.pem\"\n\
             [[membership]]\nfederation = \"icb.example\"\nagreements = [\"agreement.toml\"]\nanswer_key = \"answer.pem\"\nmembership_list = \"list.json\"\n\
             [membership.tls]\nca = \"ca/ca.pem\"\ncertificate = \"ZZ9-second-server.pem\"\nkey = \"ZZ9-second-server.key\"\n";
        assert!(text.contains(from), "{from}");
        self.write("helper.toml", &text.replacen(from, to, 1));
        self.at("helper.toml")
    }

    fn credentials(&self, name: &str) -> Credentials {
        let file = |ending: &str| self.dir.path().join(format!("{name}.{ending}"));
        Credentials::read(&file("pem"), &file("key")).expect("a pair")
    }

    fn roots(&self) -> Roots {
        Roots::read(&self.dir.path().join("ca").join("ca.pem")).expect("an authority")
    }

    /// Dials the second server with a certificate, until told to stop.
    fn dial(&self, name: &str, address: &str, stop: &CancellationToken) -> Registry {
        let registry = Registry::new();
        let port = address.rsplit(':').next().expect("a port");
        let tls = tls::coordinator_dial(&self.credentials(name), &self.roots(), Arc::new(Now));
        let config = NodeDialConfig {
            address: format!("localhost:{port}").parse().expect("an address"),
            federation: FederationId::new(FEDERATION).expect("an id"),
            role: Role::Helper,
            node: ods("ZZ9"),
            tls: watch::channel(tls.expect("a configuration")).1,
            seed: 7,
            keepalive: Keepalive::USUAL,
        };
        tokio::spawn(dial_node(config, registry.clone(), stop.clone(), |_| {}));
        registry
    }
}

fn text<'v>(ready: &'v serde_json::Value, key: &str) -> &'v str {
    ready.get(key).and_then(serde_json::Value::as_str).expect("a text")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_nodes_and_the_coordinator_alone() {
    let desk = Desk::new();
    let config = desk.config("", "");
    let log = desk.dir.path().join("log");
    let server = Server::start(&["helper", "serve", "--config", &config], Path::new(&log));
    let ready = server.ready();
    assert_ne!(text(&ready, "nodes"), text(&ready, "coordinator"));
    let stop = CancellationToken::new();
    let registry = desk.dial("QZ1-coordinator", text(&ready, "coordinator"), &stop);
    let connected = registry.until(|connected| connected.contains(&ods("ZZ9")));
    tokio::time::timeout(LIMIT, connected).await.expect("is connected");
    let own = desk.credentials("QZ1-coordinator");
    let federation = FederationId::new(FEDERATION).expect("an id");
    let own = Peer::from_certificate(own.certificate(), &federation).expect("a peer");
    let helper = DialledHelper::new(registry.clone(), ods("ZZ9")).helper().expect("is there");
    let unknown = helper.check(&own, Digest::of(b"no such round"), Vec::new()).await;
    assert_eq!(unknown, Err(PoolFault::Refused(RefusalCode::RoundDiffers)));
    assert!(DialledHelper::new(registry, ods("M1")).helper().is_none());
    // Another organisation's coordinator is turned away at the door.
    let other = desk.dial("M2-coordinator", text(&ready, "coordinator"), &stop);
    let said = || fs::read_to_string(&log).unwrap_or_default();
    super::process::until("the refusal", || said().contains("is refused").then_some(()));
    assert!(other.connected().is_empty());
    stop.cancel();
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0), "{}", said());
    run(&["audit", "verify", "--config", &config]).succeeds();
}

#[test]
fn what_it_cannot_serve_with_is_said_in_one_line_before_a_port_is_bound() {
    let desk = Desk::new();
    desk.secret("other.pem", &answer_key().to_pem());
    desk.secret("other-seal.pem", &SealKey::generate().expect("a key").to_pem());
    let agreement = fs::read_to_string(desk.at("agreement.toml")).expect("a text");
    let with = |from: &str, to: &str| agreement.replace(from, to);
    desk.write(
        "same.toml",
        &with("ods = \"ZZ9\"\nrole", "ods = \"QZ1\"\nrole")
            .replace("helper = \"ZZ9\"", "helper = \"QZ1\""),
    );
    desk.write("masks.toml", &with("pool = \"deposit\"", "").to_owned());
    for (from, to, words) in [
        ("list.json", "unsigned.json", &["signed by officers of 0 organisations"][..]),
        ("\"agreement.toml\"", "\"same.toml\"", &["the second server must be run by another"]),
        ("\"agreement.toml\"", "\"masks.toml\"", &["has no pooled view"]),
        ("answer.pem", "other.pem", &["another answer_key for ZZ9"]),
        ("ledger.pem", "other.pem", &["another ledger_key for ZZ9"]),
        ("seal.pem", "other-seal.pem", &["another sealing key of ZZ9"]),
        ("seal.pem", "other.pem", &["it is no sealing key", "evensum keys new sealing"]),
        ("membership_list = \"list.json\"\n", "", &["'membership_list'"]),
        ("ZZ9-second-server.pem", "QZ1-coordinator.pem", &["coordinator"]),
        (
            "[helper]",
            "[coordinator]\nnodes = \"127.0.0.1:0\"\nanalysts = \"127.0.0.1:0\"\n[helper]",
            &["exactly one of the tables"],
        ),
        ("ods = \"ZZ9\"", "ods = \"M1\"", &["M1"]),
    ] {
        let config = desk.config(from, to);
        run(&["helper", "serve", "--config", &config]).fails(64, words);
    }
    assert!(!desk.dir.path().join("state").exists(), "nothing was begun");
}
