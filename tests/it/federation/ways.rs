//! The ways in which servers come together: a node that waits to be dialled, a node of two federations, a proxy
//! in between; and configurations that leave no way, or too many.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use super::harness::{COORDINATOR, Fed, QUESTION, coverage, releases, text};
use super::process::{LIMIT, Output, Server, run, until};

const ADDRESS: &str = "address = \"";

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&QUESTION, more].concat()
}

/// Appends to a file.
fn add(fed: &Fed, below: &str, more: &str) {
    let mut file = fs::File::options().append(true).open(fed.path(below)).expect("a file");
    file.write_all(more.as_bytes()).expect("written");
}

/// Puts other lines in the place of the one with the address that a partner dials.
fn instead_of_address(fed: &Fed, ods: &str, lines: &str) {
    let path = fed.config(ods);
    let before = fs::read_to_string(&path).expect("a configuration");
    let kept = before.lines().filter(|line| !line.starts_with(ADDRESS));
    let kept: Vec<&str> = kept.chain([lines]).collect();
    fs::write(path, kept.join("\n") + "\n").expect("written");
}

fn check(fed: &Fed) -> Output {
    run(&["node", "check", "--config", text(&fed.config("ZZ1"))])
}

#[test]
fn a_node_that_listens_is_dialled_and_answers_and_is_found_again() {
    let mut fed = Fed::at_rest();
    instead_of_address(&fed, "ZZ1", "listen = \"127.0.0.1:0\"");
    let said = check(&fed).succeeds();
    assert!(said.stdout.contains("waits on 127.0.0.1:0 to be dialled"), "{}", said.stdout);
    let ready = fed.begin("ZZ1");
    let place = ready["listen"].as_str().expect("a port").to_owned();
    assert_eq!(ready.as_object().expect("a map").len(), 1, "{ready}");
    let dial = format!("\n[[coordinator.dial]]\nods = \"ZZ1\"\naddress = \"{place}\"\n");
    add(&fed, "QZ1/coordinator.toml", &dial);
    // One partner is dialled, and the other dials.
    fed.serve(&["ZZ2"]);
    fed.wait_for(&["ZZ1", "ZZ2"]);
    let answer = fed.query(&with(&["--ask", "ZZ1,ZZ2", "--require-all"])).json();
    for ods in ["ZZ1", "ZZ2"] {
        assert_eq!(coverage(&answer, ods)["status"], "answered");
    }
    // A restart at the same port needs no human at the coordinator.
    fed.kill("ZZ1");
    until("the end of the connection", || (!fed.connected().contains(&"ZZ1".into())).then_some(()));
    fed.edit("ZZ1/node.toml", "listen = \"127.0.0.1:0\"", &format!("listen = \"{place}\""));
    assert_eq!(fed.begin("ZZ1")["listen"], place);
    fed.wait_for(&["ZZ1"]);
    let again = fed.query(&with(&["--ask", "ZZ1,ZZ2", "--require-all"])).json();
    assert_eq!(releases(&again), releases(&answer), "the frozen tables");
    fed.signal("ZZ1", "TERM");
    assert_eq!(fed.end("ZZ1").0, Some(0));
}

/// A second federation on the same disk: another authority, another coordinator and analyst, and an agreement
/// about the neighbouring board that lists ZZ1's one audit log.
struct Second {
    dir: PathBuf,
    coordinator: Option<Server>,
}

const SECOND: &str = "second.evensum.example";

impl Second {
    fn make(fed: &Fed) -> Self {
        let dir = fed.path("second");
        fs::create_dir_all(&dir).expect("a folder");
        let at = |name: &str| text(&dir.join(name)).to_owned();
        run(&["certs", "ca", "--federation", SECOND, "--example", "--dir", &at("ca")]).succeeds();
        for (ods, role) in [("QZ9", "coordinator"), ("ZZ1", "node")] {
            let (ca, out) = (at("ca"), at(ods));
            let who = ["--ca", &ca, "--ods", ods, "--role", role, "--out", &out];
            let names = ["--ip", "127.0.0.1", "--days", "5"];
            run(&[&["certs", "issue"], &who[..], &names[..]].concat()).succeeds();
        }
        let new = |kind: &str, name: &str| {
            let out = at(name);
            let made = run(&["keys", "new", kind, "--out", &out]).succeeds();
            made.stdout.trim().to_owned()
        };
        let (answer, ledger) = (new("answer", "answer.pem"), new("audit-log", "ledger.pem"));
        let node = new("answer", "node-answer.pem");
        let show = |path: PathBuf| run(&["keys", "show", text(&path)]).succeeds().stdout;
        let theirs = |ods: &str, name: &str| show(fed.path(ods).join(name)).trim().to_owned();
        let agreement = fs::read_to_string(fed.path("agreement.toml")).expect("an agreement");
        let agreement = agreement
            .replace("demo.evensum.example", SECOND)
            .replace("residence_scope = [\"QZ1\"]", "residence_scope = [\"QZ2\"]")
            .replace("ods = \"QZ1\"", "ods = \"QZ9\"")
            .replace(&theirs("QZ1", "answer.pem"), &answer)
            .replace(&theirs("QZ1", "ledger.pem"), &ledger)
            .replace(&theirs("ZZ1", "answer.pem"), &node);
        fs::write(dir.join("agreement.toml"), agreement).expect("written");
        fs::write(
            dir.join("coordinator.toml"),
            format!(
                "ods = \"QZ9\"\nstate = \"state\"\nledger_key = \"ledger.pem\"\n\
                 [coordinator]\nnodes = \"127.0.0.1:0\"\nanalysts = \"127.0.0.1:0\"\n\
                 [[membership]]\nfederation = \"{SECOND}\"\nagreements = [\"agreement.toml\"]\nanswer_key = \"answer.pem\"\n\
                 [membership.tls]\nca = \"ca/ca.pem\"\ncertificate = \"QZ9.pem\"\nkey = \"QZ9.key\"\n"
            ),
        )
        .expect("written");
        Self { dir, coordinator: None }
    }

    /// Starts the coordinator, and gives where nodes dial it.
    fn start(&mut self) -> String {
        let config = self.dir.join("coordinator.toml");
        let arguments = ["coordinator", "serve", "--config", text(&config)];
        let server = Server::start(&arguments, &self.dir.join("server.log"));
        let ready = server.ready();
        let place = |key: &str| ready[key].as_str().expect("a place").to_owned();
        fs::write(
            self.dir.join("analyst.toml"),
            format!(
                "analyst = \"ada.demo\"\nkey = \"../analyst/analyst.pem\"\ncoordinator = [\"127.0.0.1:1\", \"{}\"]\n\
                 ca = \"ca/ca.pem\"\nagreements = [\"agreement.toml\"]\n",
                place("analysts")
            ),
        )
        .expect("written");
        self.coordinator = Some(server);
        place("nodes")
    }

    fn query(&self, more: &[&str]) -> Output {
        let config = self.dir.join("analyst.toml");
        let own = ["query", "--format", "json", "--config", text(&config)];
        run(&[&own[..], &with(more)].concat())
    }

    fn wait(&self) {
        let config = self.dir.join("analyst.toml");
        until("the second coordinator's partner", || {
            let listed = run(&["partners", "--format", "json", "--config", text(&config)]).json();
            let partners = listed.as_array().expect("a list").clone();
            partners.iter().any(|p| p["ods"] == "ZZ1" && p["connected"] == true).then_some(())
        });
    }
}

/// The membership of ZZ1 in the second federation.
fn membership(way: &str) -> String {
    format!(
        "\n[[membership]]\nfederation = \"{SECOND}\"\nagreements = [\"../second/agreement.toml\"]\n\
         answer_key = \"../second/node-answer.pem\"\n\n\
         [membership.tls]\nca = \"../second/ca/ca.pem\"\ncertificate = \"../second/ZZ1.pem\"\nkey = \"../second/ZZ1.key\"\n\n\
         [membership.coordinator]\nods = \"QZ9\"\n{way}\n"
    )
}

#[test]
fn a_node_of_two_federations_answers_both_and_keeps_one_log() {
    let mut fed = Fed::at_rest();
    let mut second = Second::make(&fed);
    fed.start_coordinator();
    let place = second.start();
    add(&fed, "ZZ1/node.toml", &membership(&format!("addresses = [\"{place}\"]")));
    let before = fed.audit("ZZ1").len();
    let said = check(&fed).succeeds();
    assert_eq!(said.stdout.lines().count(), 2, "{}", said.stdout);
    assert!(said.stdout.contains(SECOND) && said.stdout.contains(&place), "{}", said.stdout);
    let ready = fed.begin("ZZ1");
    let served = ready["coordinator"].as_str().expect("the coordinators");
    assert!(served.split(", ").count() == 2 && served.contains(&place), "{served}");
    fed.wait_for(&["ZZ1"]);
    second.wait();

    let ours = fed.query(&with(&["--ask", "ZZ1"])).json();
    let theirs = second.query(&["--ask", "ZZ1"]).json();
    for answer in [&ours, &theirs] {
        assert_eq!(coverage(answer, "ZZ1")["status"], "answered");
    }
    assert_ne!(ours["cells"], theirs["cells"], "two populations");
    // One log: who asked in which federation, under which agreement; and it is sound.
    let log = fed.audit("ZZ1");
    let of = |kind: &str, key: &str| -> Vec<String> {
        let entries = log.iter().skip(before).filter(|entry| entry["kind"] == kind);
        entries.map(|entry| entry[key].as_str().expect("text").to_owned()).collect()
    };
    let both = ["demo.evensum.example", SECOND];
    for kind in ["agreement_in_force", "query_accepted", "answer_released"] {
        assert_eq!(of(kind, "federation"), both, "{kind}");
    }
    // The first had this table released before.
    assert_eq!(of("published", "federation"), [SECOND]);
    assert_eq!(of("answer_released", "agreement"), ["demo-agreement"; 2]);
    assert_eq!(of("answer_released", "organisation"), [COORDINATOR, "QZ9"]);
    let verdict = fed.verify("ZZ1").succeeds().json();
    assert_eq!((&verdict["log"], &verdict["sound"]), (&"evensum/ZZ1/node".into(), &true.into()));
    let table = run(&["audit", "list", "--config", text(&fed.config("ZZ1"))]).succeeds().stdout;
    let under = format!("under agreement demo-agreement of the federation {SECOND}");
    assert!(table.contains(&under), "{table}");

    // One coordinator is killed: the other's partner does not notice, and starts without it too.
    fed.kill(COORDINATOR);
    let again = second.query(&["--ask", "ZZ1"]).json();
    assert_eq!(releases(&again), releases(&theirs));
    fed.kill("ZZ1");
    let ready = fed.begin("ZZ1");
    assert_eq!(ready["coordinator"], place.as_str(), "ready for whoever is there");
    second.wait();
    assert_eq!(releases(&second.query(&["--ask", "ZZ1"]).json()), releases(&theirs));
}

/// A proxy as threads: it keeps the head of every request, and says this or leads to where it was asked.
fn proxy(says: Option<&'static str>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address").to_string();
    let (heads, seen) = channel();
    std::thread::spawn(move || {
        for mut near in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0; 1];
            while !head.ends_with(b"\r\n\r\n") && near.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let far = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = heads.send(head);
            let Some(far) = says.is_none().then(|| TcpStream::connect(far).expect("the far end"))
            else {
                let _ = near.write_all(says.unwrap_or_default().as_bytes());
                continue;
            };
            near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("written");
            for (from, to) in [(&near, &far), (&far, &near)] {
                let (mut from, mut to) =
                    (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (place, seen)
}

#[test]
fn node_and_analyst_go_through_the_proxy_of_their_configurations() {
    let mut fed = Fed::at_rest();
    let (place, seen) = proxy(None);
    fs::write(fed.path("ZZ1/proxy"), "s3cret\n").expect("written");
    fs::set_permissions(fed.path("ZZ1/proxy"), fs::Permissions::from_mode(0o600)).expect("set");
    let way = format!("proxy = \"http://ada@{place}\"\nproxy_password = \"proxy\"\n");
    add(&fed, "ZZ1/node.toml", &way);
    let analyst = fs::read_to_string(fed.path("analyst/analyst.toml")).expect("a file");
    let through = format!("proxy = \"http://bob:s3cret@{place}\"\n{analyst}");
    fs::write(fed.path("analyst/analyst.toml"), through).expect("written");
    let said = check(&fed).succeeds();
    assert!(said.stdout.contains(&format!("(through the proxy {place})")), "{}", said.stdout);
    fed.serve(&["ZZ1"]);
    let answer = fed.query(&with(&["--ask", "ZZ1"])).json();
    assert_eq!(coverage(&answer, "ZZ1")["status"], "answered");
    let heads: Vec<String> = seen.try_iter().collect();
    // "ada:s3cret" and "bob:s3cret", in base64.
    for pair in ["YWRhOnMzY3JldA==", "Ym9iOnMzY3JldA=="] {
        let shown = format!("Proxy-Authorization: Basic {pair}\r\n");
        assert!(heads.iter().any(|head| head.contains(&shown)), "{heads:?}");
    }
    assert!(!fed.log("ZZ1").contains("s3cret"));
    // A file that others may read is no place for a password.
    fs::set_permissions(fed.path("ZZ1/proxy"), fs::Permissions::from_mode(0o644)).expect("set");
    check(&fed).fails(64, &["ZZ1/proxy", "644"]);
}

#[test]
fn the_environments_proxy_is_used_and_its_password_stays_out_of_the_log() {
    let fed = Fed::at_rest();
    let (place, seen) = proxy(Some("HTTP/1.1 403 Forbidden\r\n\r\n"));
    instead_of_address(&fed, "ZZ1", "address = \"coordinator.invalid:443\"");
    let (config, log) = (fed.config("ZZ1"), fed.path("ZZ1/server.log"));
    let arguments = ["node", "serve", "--config", text(&config)];
    let environment = format!("http://ada:s3cret@{place}");
    let server = Server::start_among(&arguments, &log, &[("HTTPS_PROXY", &environment)]);
    let head = seen.recv_timeout(LIMIT).expect("a request");
    assert!(head.starts_with("CONNECT coordinator.invalid:443 HTTP/1.1\r\n"), "{head}");
    let said = until("a line in the log", || {
        Some(fed.log("ZZ1")).filter(|said| said.contains("allow coordinator.invalid:443"))
    });
    assert!(said.contains(&place) && !said.contains("s3cret"), "{said}");
    assert!(!said.contains("YWRhOnMzY3JldA"), "{said}");
    drop(server);
    // The configuration has the last word.
    add(&fed, "ZZ1/node.toml", "proxy = \"none\"\n");
    let _server = Server::start_among(&arguments, &log, &[("HTTPS_PROXY", &environment)]);
    until("another line", || {
        fed.log("ZZ1").contains("cannot reach coordinator.invalid").then_some(())
    });
    assert!(seen.try_iter().next().is_none_or(|head| head.is_empty()), "nobody asked the proxy");
}

#[test]
fn where_no_address_does_the_analyst_is_told_of_each() {
    let fed = Fed::at_rest();
    let path = fed.path("analyst/analyst.toml");
    let text_of = fs::read_to_string(&path).expect("a file");
    let lines = text_of.lines().map(|line| match line.strip_prefix("coordinator = ") {
        Some(_) => "coordinator = [\"127.0.0.1:1\", \"nowhere.invalid:443\"]",
        None => line,
    });
    fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("written");
    fed.query(&QUESTION).fails(69, &["127.0.0.1:1", "nowhere.invalid:443", "refused"]);
}

/// Changes a configuration that is in order, once.
type Edit = fn(&Fed);
/// What is wrong, how it is done, and what is said.
type Case = (&'static str, Edit, &'static [&'static str]);

fn without_a_way() -> Vec<Case> {
    vec![
        (
            "no way",
            |f| instead_of_address(f, "ZZ1", ""),
            &["no way", "QZ1", "'address'", "'listen'"],
        ),
        (
            "no coordinator",
            |f| f.edit("ZZ1/node.toml", "[membership.coordinator]", "[membership.coordinate]"),
            &["coordinate", "line"],
        ),
        (
            "a listening node without a certificate",
            |f| {
                instead_of_address(f, "ZZ1", "listen = \"127.0.0.1:0\"");
                fs::remove_file(f.path("ZZ1/server.pem")).expect("removed");
            },
            &["server.pem"],
        ),
        (
            "a listening node whose certificate has no name",
            |f| {
                instead_of_address(f, "ZZ1", "listen = \"127.0.0.1:0\"");
                let (ca, out) = (f.path("ca"), f.path("ZZ1/server"));
                for file in ["ZZ1/server.pem", "ZZ1/server.key"] {
                    fs::remove_file(f.path(file)).expect("removed");
                }
                let who = ["--ods", "ZZ1", "--role", "node", "--days", "5"];
                let files = ["--ca", text(&ca), "--out", text(&out)];
                run(&[&["certs", "issue"], &who[..], &files[..]].concat()).succeeds();
            },
            &["server.pem", "--dns", "'listen'"],
        ),
        (
            "a membership without certificates",
            |f| f.edit("ZZ1/node.toml", "[membership.tls]", "[membership.tsl]"),
            &["line", "tsl"],
        ),
    ]
}

fn of_two_memberships() -> Vec<Case> {
    vec![
        (
            "the same membership twice",
            |f| add(f, "ZZ1/node.toml", &twice("QZ1", "address = \"127.0.0.1:1\"")),
            &["two memberships", "demo.evensum.example", "QZ1", "into one"],
        ),
        (
            "one answer key for two",
            |f| {
                drop(Second::make(f));
                let public = |name: &str| {
                    run(&["keys", "show", text(&f.path(name))]).succeeds().stdout.trim().to_owned()
                };
                let (own, other) = (public("ZZ1/answer.pem"), public("second/node-answer.pem"));
                f.edit("second/agreement.toml", &other, &own);
                fs::copy(f.path("ZZ1/answer.pem"), f.path("second/node-answer.pem"))
                    .expect("copied");
                add(f, "ZZ1/node.toml", &membership("address = \"127.0.0.1:1\""));
            },
            &["two memberships", "node-answer.pem", "keys new answer"],
        ),
        (
            "one port for two",
            |f| {
                instead_of_address(f, "ZZ1", "listen = \"127.0.0.1:4433\"");
                drop(Second::make(f));
                add(f, "ZZ1/node.toml", &membership("listen = \"127.0.0.1:4433\""));
            },
            &["two memberships listen", "a port of its own"],
        ),
        (
            "an agreement of another federation",
            |f| {
                drop(Second::make(f));
                f.edit("ZZ1/node.toml", "../agreement.toml", "../second/agreement.toml");
            },
            &["demo-agreement", SECOND, "[[membership]] of that federation"],
        ),
        (
            "an agreement with another coordinator",
            |f| f.edit("ZZ1/node.toml", "ods = \"QZ1\"", "ods = \"QZ8\""),
            &["demo-agreement", "another coordinator than QZ8"],
        ),
    ]
}

fn of_addresses_and_proxies() -> Vec<Case> {
    vec![
        (
            "a proxy to nowhere",
            |f| instead_of_address(f, "ZZ1", "listen = \"127.0.0.1:0\"\nproxy = \"http://p:1\""),
            &["leads nowhere", "'address'"],
        ),
        (
            "a proxy that is none",
            |f| add(f, "ZZ1/node.toml", "proxy = \"https://ada:s3cret@p:1\"\n"),
            &["plain HTTP", "http://host:port"],
        ),
        (
            "a password for nobody",
            |f| add(f, "ZZ1/node.toml", "proxy_password = \"node.key\"\n"),
            &["'proxy_password'", "'proxy'"],
        ),
        (
            "no address in the list",
            |f| instead_of_address(f, "ZZ1", "addresses = []"),
            &["one address", "'addresses'"],
        ),
        (
            "one address twice",
            |f| instead_of_address(f, "ZZ1", "addresses = [\"a:443\", \"a:443\"]"),
            &["a:443", "twice"],
        ),
    ]
}

/// Every fault of ways and memberships is named, with what to do, before a port is bound.
#[test]
fn configurations_without_a_way_or_with_two_are_refused() {
    let cases = [without_a_way(), of_two_memberships(), of_addresses_and_proxies()].concat();
    for (what, edit, words) in cases {
        let fed = Fed::at_rest();
        edit(&fed);
        let checked = check(&fed);
        checked.fails(64, words);
        assert!(!checked.stderr.contains("s3cret"), "{what}: {}", checked.stderr);
        run(&["node", "serve", "--config", text(&fed.config("ZZ1"))]).fails(64, words);
    }
}

/// A second membership in the same federation.
fn twice(coordinator: &str, way: &str) -> String {
    format!(
        "\n[[membership]]\nfederation = \"demo.evensum.example\"\nagreements = [\"../agreement.toml\"]\nanswer_key = \"answer.pem\"\n\
         [membership.tls]\nca = \"../ca/ca.pem\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
         [membership.coordinator]\nods = \"{coordinator}\"\n{way}\n"
    )
}

#[test]
fn coordinators_that_cannot_dial_as_configured_are_refused() {
    for (more, words) in [
        (
            "[[coordinator.dial]]\nods = \"ZZ9\"\naddress = \"a:443\"\n",
            &["ZZ9", "no agreement"][..],
        ),
        (
            "[[coordinator.dial]]\nods = \"ZZ1\"\naddress = \"a:443\"\n[[coordinator.dial]]\nods = \"ZZ1\"\naddress = \"b:443\"\n",
            &["ZZ1 twice", "several addresses"],
        ),
        ("[[coordinator.dial]]\nods = \"ZZ1\"\naddress = \"a\"\n", &["'a' is not an address"]),
        ("[[coordinator.dial]]\nods = \"ZZ1\"\n", &["address", "line"]),
        (
            "[membership.coordinator]\nods = \"QZ1\"\naddress = \"a:443\"\n",
            &["[[coordinator.dial]]"],
        ),
        (&*twice("QZ1", "address = \"a:443\""), &["one [[membership]]", "another coordinator"]),
    ] {
        let fed = Fed::at_rest();
        add(&fed, "QZ1/coordinator.toml", &format!("\n{more}"));
        run(&["coordinator", "serve", "--config", text(&fed.config(COORDINATOR))]).fails(64, words);
    }
}
