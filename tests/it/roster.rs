//! `evensum roster` and `evensum agreement check` from outside: the program over files.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use evensum_core::model::Agreement;
use evensum_core::pool::SignedRoster;
use evensum_core::sign::SigningKey;
use serde_json::Value;
use tempfile::TempDir;

/// What came of a run.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, what: &str) -> Self {
        let both = format!("{}\n{}", self.out, self.err);
        assert!(both.contains(what), "wanted: {what}\n{both}");
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// A folder with an agreement of a coordinator (QZ1), a second server (ZZ9) and nodes (M1, M2, …), of whom the officers
/// ann and abe (QZ1), cat (ZZ9, where there is one) and bob (M1) sign, and with everybody's keys.
struct Desk(TempDir);

fn new_key() -> String {
    SigningKey::generate_ed25519().expect("a key").verifying_key().to_text().to_string()
}

impl Desk {
    fn new(nodes: usize, lines: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        let mut text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"ethnicity\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\nanalysts = []\n{lines}\n"
        );
        let mut party = |ods: &str, role: &str| {
            let _ = writeln!(
                text,
                "[[parties]]\nods = \"{ods}\"\nname = \"Partner {ods}\"\nrole = \"{role}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"",
                new_key(),
                new_key()
            );
        };
        party("QZ1", "coordinator");
        if lines.contains("helper") {
            party("ZZ9", "helper");
        }
        for node in 1..=nodes {
            party(&format!("M{node}"), "node");
        }
        let all = [("ann", "QZ1"), ("abe", "QZ1"), ("bob", "M1"), ("cat", "ZZ9")];
        for (id, ods) in
            all.into_iter().filter(|(_, ods)| *ods != "ZZ9" || lines.contains("helper"))
        {
            let ran = desk.run(&format!("keys new officer --out {id}.pem")).exits(0);
            let key = ran.out.trim();
            let _ = writeln!(text, "[[officers]]\nid = \"{id}\"\nods = \"{ods}\"\nkey = \"{key}\"");
        }
        fs::write(desk.0.path().join("agreement.toml"), text).expect("written");
        for server in ["QZ1", "ZZ9"] {
            desk.sealing(server);
        }
        desk
    }

    fn run(&self, words: &str) -> Ran {
        let ran = Command::new(env!("CARGO_BIN_EXE_evensum"))
            .args(words.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).expect("a text")
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.path().join(file), text).expect("written");
    }

    /// Makes a sealing key: OF.key and OF.pub.
    fn sealing(&self, of: &str) -> String {
        let ran = self.run(&format!("keys new sealing --out {of}.key")).exits(0);
        self.write(&format!("{of}.pub"), &ran.out);
        ran.out.trim().to_owned()
    }

    fn begin(&self) -> Ran {
        self.run(
            "roster new --agreement agreement.toml --seal-key QZ1=QZ1.pub --seal-key ZZ9=ZZ9.pub --out list.json",
        )
    }

    fn add(&self, node: usize) -> Ran {
        let key = self.sealing(&format!("M{node}"));
        self.run(&format!(
            "roster add --agreement agreement.toml --ods M{node} --since 2026-04-01 --seal-key {key} list.json"
        ))
    }

    fn sign(&self, officer: &str) -> Ran {
        self.run(&format!(
            "roster sign --agreement agreement.toml --id {officer} --key {officer}.pem list.json"
        ))
    }

    fn check(&self, more: &str) -> Ran {
        self.run(&format!("roster check --agreement agreement.toml {more} list.json"))
    }
}

const DEPOSIT: &str = "helper = \"ZZ9\"\npool = \"deposit\"\n";

#[test]
fn a_list_is_made_signed_by_two_organisations_and_holds() {
    let desk = Desk::new(6, DEPOSIT);
    desk.begin().exits(0);
    desk.begin().exits(64).says("list.json");
    for node in 1..=4 {
        desk.add(node).exits(0).says("no signatures");
    }
    desk.check("").exits(64).says("signed by officers of 0 organisations").says("It does not hold");
    desk.sign("ann").exits(0).says("does not hold yet");
    desk.sign("abe").exits(0).says("officers of 1 organisations, and it takes two");
    desk.check("").exits(64).says("It does not hold");
    // The two servers' organisations together are not enough.
    let wanted = "needs a signature of an officer of a member other than QZ1 and ZZ9";
    desk.sign("cat").exits(0).says("does not hold yet").says(wanted);
    desk.check("").exits(64).says("cat of ZZ9 (runs a server)").says(wanted);
    desk.run("agreement check --members list.json agreement.toml").exits(64).says(wanted);
    let json = desk.check("--format json").exits(64).json();
    assert_eq!(json["signed_by"][0]["member_beside_servers"], Value::from(false));
    desk.sign("bob").exits(0).says("number 5 with 4 members").says("It holds.");
    desk.check("")
        .exits(0)
        .says("M4       since 2026-04-01  Partner M4")
        .says("bob of M1 (a member that runs neither server)");
    let json = desk.check("--format json").exits(0).json();
    assert_eq!((&json["holds"], &json["serial"]), (&Value::from(true), &Value::from(5)));
    assert_eq!(json["members"].as_array().map(Vec::len), Some(4));
    assert_eq!(json["signed_by"].as_array().map(Vec::len), Some(4));
    // What the program wrote is what a node believes.
    let agreement = Agreement::parse(&desk.read("agreement.toml")).expect("an agreement");
    let list = SignedRoster::parse(&desk.read("list.json")).expect("a list");
    let list = list.verify(&agreement).expect("it holds");
    assert_eq!(list.hash().to_string(), json["hash"].as_str().expect("a hash"));
}

#[test]
fn a_change_drops_signatures_and_is_told() {
    let desk = Desk::new(6, DEPOSIT);
    desk.begin().exits(0);
    for node in 1..=5 {
        desk.add(node).exits(0);
    }
    for officer in ["ann", "bob"] {
        desk.sign(officer).exits(0);
    }
    let old = desk.read("list.json");
    desk.write("old.json", &old);
    desk.check("--before old.json").exits(0).says("Nothing has changed.");
    desk.add(6).exits(0).says("number 7");
    desk.run("roster remove --ods M2 list.json").exits(0).says("number 8");
    desk.run("roster remove --ods M2 list.json").exits(2).says("does not name M2");
    desk.check("").exits(64).says("officers of 0 organisations");
    for officer in ["ann", "bob"] {
        desk.sign(officer).exits(0);
    }
    desk.check("--before old.json")
        .exits(0)
        .says("M6 (Partner M6) was added, a member since 2026-04-01")
        .says("M2 (Partner M2) was taken off");
    // The earlier list does not come back in the place of the newer.
    desk.write("newer.json", &desk.read("list.json"));
    desk.write("list.json", &old);
    desk.check("--before newer.json").exits(64).says("a newer list has a higher number");
    // By hand.
    desk.write("list.json", &old.replace("2026-04-01", "2020-04-01"));
    desk.check("").exits(64).says("the signature of ann does not match");
}

#[test]
fn who_may_not_and_what_does_not_fit_is_refused() {
    let desk = Desk::new(4, DEPOSIT);
    let new = "roster new --agreement agreement.toml --out list.json";
    desk.run(new).exits(2).says("add --seal-key ZZ9=KEY");
    desk.run(&format!("{new} --seal-key M1=QZ1.pub")).exits(2).says("M1 runs neither");
    desk.run(&format!("{new} --seal-key QZ1")).exits(2).says("ODS=KEY");
    desk.run(&format!("{new} --seal-key QZ1=QZ1.pub --seal-key ZZ9=QZ1.pub"))
        .exits(64)
        .says("have the same key");
    // The secret half is not taken for the public one, nor repeated.
    let secret = desk.read("ZZ9.key").lines().nth(1).expect("a line").to_owned();
    let ran = desk.run(&format!("{new} --seal-key QZ1=QZ1.pub --seal-key ZZ9=ZZ9.key"));
    let ran = ran.exits(64).says("evensum keys show");
    assert!(!ran.err.contains(&secret));
    desk.begin().exits(0);
    desk.run("roster add --agreement agreement.toml --ods X1 --since 2026-04-01 --seal-key QZ1.pub list.json")
        .exits(64)
        .says("X1 is on the membership list and runs no node");
    for node in 1..=3 {
        desk.add(node).exits(0);
    }
    desk.sign("ann").exits(64).says("3 partners count towards the sum, and it takes 4");
    desk.add(4).exits(0);
    desk.run("roster sign --agreement agreement.toml --id ann --key bob.pem list.json")
        .exits(64)
        .says("not the one that the agreement lists for ann");
    desk.run("roster sign --agreement agreement.toml --id eve --key bob.pem list.json")
        .exits(2)
        .says("names no officer eve");
    desk.write("list.json", "{}");
    desk.check("").exits(64).says("the membership list cannot be read");
    // An agreement without a pooled view needs no list.
    let desk = Desk::new(4, "");
    desk.begin().exits(64).says("the agreement has no pooled view");
}

#[test]
fn a_sealing_key_has_the_public_half_of_the_standard() {
    let desk = Desk::new(1, "");
    // RFC 7748, 6.1: Alice's pair.
    let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).expect("hexadecimal");
    let secret = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    // As OpenSSL writes it: PKCS#8 (RFC 8410) in PEM.
    let pem = |secret: &[u8]| {
        let der = [&hex("302e020100300506032b656e04220420"), secret].concat();
        let body = BASE64.encode(&der);
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    };
    desk.write("QZ1.key", &pem(&secret));
    let shown = format!("x25519:{}", BASE64URL_NOPAD.encode(&public));
    assert_eq!(desk.run("keys show QZ1.key").exits(0).out.trim(), shown);
    let key = desk.sealing("own");
    assert_eq!(desk.read("own.key").len(), pem(&secret).len());
    assert_eq!(desk.run("keys show own.key").exits(0).out.trim(), key);
}

#[test]
fn an_agreement_says_which_view_each_dataset_gets() {
    let view = |nodes: usize, lines: &str| {
        let desk = Desk::new(nodes, lines);
        let json = desk.run("agreement check --format json agreement.toml").exits(0).json();
        let all = json["datasets"].as_array().expect("datasets").clone();
        let [only] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(only["holders"].as_u64(), u64::try_from(nodes).ok());
        let why = only["why"].as_str().expect("a reason").to_owned();
        (only["view"].as_str().expect("a view").to_owned(), why)
    };
    for (nodes, why) in [
        (1, "one partner alone holds it"),
        (2, "only 2 independent partners hold it"),
        (3, "only 3 independent partners hold it"),
        (4, "does not say how to add up"),
        (10, "does not say how to add up"),
    ] {
        for (lines, wanted) in [("", "not_available"), ("show_partners = true", "interval")] {
            let (view, said) = view(nodes, lines);
            assert_eq!(view, wanted, "{nodes} {lines}");
            assert!(said.contains(why), "{said}");
        }
    }
    let (view, why) = view(4, DEPOSIT);
    assert_eq!(view, "not_available");
    assert!(why.contains("no membership list signed by officers of two organisations"), "{why}");
}

#[test]
fn with_a_list_that_holds_the_view_is_pooled_where_enough_hold_it() {
    let desk = Desk::new(10, DEPOSIT);
    desk.begin().exits(0);
    for node in 1..=10 {
        desk.add(node).exits(0);
    }
    let check = "agreement check --members list.json agreement.toml";
    desk.run(check).exits(64).says("officers of 0 organisations");
    for officer in ["ann", "bob"] {
        desk.sign(officer).exits(0);
    }
    desk.run(check)
        .exits(0)
        .says("held by 10")
        .says("  pooled: two servers add up what neither of them can read")
        .says("People of QZ1, which runs the coordinator, get no pooled view");
    for (holders, wanted) in [
        (0, "not available"),
        (1, "not available"),
        (2, "not available"),
        (3, "not available"),
        (4, "pooled"),
        (10, "pooled"),
    ] {
        desk.run(&format!("{check} --holders rtt_open_pathway={holders}"))
            .exits(0)
            .says(&format!("held by {holders}\n"))
            .says(&format!("  {wanted}: "));
    }
    desk.run(&format!("{check} --asker QZ1")).exits(0).says("not available: whoever asks runs");
    desk.run(&format!("{check} --asker M1")).exits(0).says("  pooled: ");
    desk.run(&format!("{check} --holders rtt_open_pathway=11")).exits(2).says("11 cannot hold");
    desk.run(&format!("{check} --holders deaths=3")).exits(2).says("no indicator of 'deaths'");
    desk.run(&format!("{check} --holders x")).exits(2).says("DATASET=N");
}
