//! A whole blind sum in this process: ten partners with registers, a coordinator and an independent second server, each
//! with an audit log on disk, over TLS; and a recorder before whatever any of them serves. Keys, clock and query are the
//! same in every federation that is begun, so that two of them differ in what their partners hold and in chance alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use evensum::coordinator::{self, Coordinator, SumParts};
use evensum::helper::{self, Helper};
use evensum::intake::{self, Input, LoadRequest, Mapping};
use evensum::node::{self, Membership, Node, Site};
use evensum::reference::Reference;
use evensum::round;
use evensum::rpc::helper_client::DialledHelper;
use evensum::rpc::{
    AcceptConfig, DialConfig, Keepalive, ListenConfig, NodeDialConfig, Refusal, Registry,
    accept_nodes, dial_node, helper_service, node_service, pool_service, serve_dialled,
    serve_listening,
};
use evensum::snapshot::NodeKey;
use evensum::store::{Identity, Reader, Store, Vault};
use evensum::synth::Geography;
use evensum::trust::{AuthorityKind, Credentials, config as tls};
use evensum_core::catalogue::Catalogue;
use evensum_core::identity::{Peer, QUERY_TYPE};
use evensum_core::ledger::Event;
use evensum_core::model::{
    Agreement, Clock, DatasetId, Digest, IndicatorId, OfficerId, Period, PurposeId, Query, QueryId,
    QueryView, Question, Role, SnapshotRef, Timestamp, canonical,
};
use evensum_core::pool::{
    Enclosed, Member, PoolServer, Roster, Round, SealKey, SignedRoster, VerifiedRoster,
};
use evensum_core::port::{AnalystPort, PoolNodePort};
use evensum_core::sign::{Envelope, SigningKey};
use evensum_core::view::Answer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;

use super::extracts::reference;
use super::fixture::{Keys, copy, level, nobody};
use super::sum_registers::{Group, MAPPING, registers};
use super::tape::Tape;
use crate::pki::{NOW, Pki, clock, ods};

pub(super) const COORDINATOR: &str = "QZ1";
pub(super) const SECOND: &str = "ZZ9";
pub(super) const MEMBERS: [&str; 10] =
    ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10"];
const DATASET: &str = "hypertension_register";
const PERIOD: &str = "2026-27Q2";
const INDICATOR: &str = "hypertension_treated";
/// The longest that anything here takes.
const LIMIT: Duration = Duration::from_secs(90);
/// Between two looks whether something has come about.
const LOOK: Duration = Duration::from_millis(20);

/// The time, which is moved by hand for all servers of a federation, and how far a server's own clock is from it.
#[derive(Debug, Clone)]
struct Shifted {
    time: Arc<AtomicI64>,
    by: i64,
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.time.load(Ordering::SeqCst) + self.by)
    }
}

/// Everybody's keys, the agreement and the list; nobody serves yet.
pub(super) struct World {
    pki: Pki,
    agreement: Agreement,
    roster: Arc<VerifiedRoster>,
    catalogue: Arc<Catalogue>,
    keys: BTreeMap<&'static str, Keys>,
    seals: BTreeMap<&'static str, SealKey>,
    certificates: BTreeMap<&'static str, Credentials>,
    places: TempDir,
    analyst: SigningKey,
    /// How many seconds a server's clock is ahead, where it is not right.
    pub(super) skews: BTreeMap<&'static str, i64>,
}

fn role(code: &str) -> Role {
    match code {
        COORDINATOR => Role::Coordinator,
        SECOND => Role::Helper,
        _ => Role::Node,
    }
}

fn again(key: &SealKey) -> SealKey {
    SealKey::from_pem(&key.to_pem()).expect("a key")
}

fn signing() -> SigningKey {
    SigningKey::generate_ed25519().expect("a key")
}

impl World {
    pub(super) fn new() -> Self {
        let pki = Pki::of_kind("sum.example", AuthorityKind::Example);
        let (mut keys, mut seals) = (BTreeMap::new(), BTreeMap::new());
        let (analyst, officers) =
            (SigningKey::generate_p256().expect("a key"), [signing(), signing()]);
        let mut text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"sum.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\n\
             until = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"{INDICATOR}\"]\n\
             dimensions = [\"imd\", \"ethnicity\", \"sex\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\nhelper = \"{SECOND}\"\n\
             pool = \"deposit\"\npool_after_publish = true\nasker_runs_coordinator = true\n\
             [[analysts]]\nid = \"ada\"\nkey = \"{}\"\nassurance_min = \"enrolled\"\n",
            analyst.verifying_key().to_text()
        );
        for code in [COORDINATOR, SECOND].into_iter().chain(MEMBERS) {
            let own = Keys { answer: signing(), ledger: signing() };
            let _ = write!(
                text,
                "[[parties]]\nods = \"{code}\"\nrole = \"{}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                role(code).as_str(),
                own.answer.verifying_key().to_text(),
                own.ledger.verifying_key().to_text(),
            );
            keys.insert(code, own);
            seals.insert(code, SealKey::generate().expect("a key"));
        }
        for ((id, of), key) in [("ann", COORDINATOR), ("bob", "M1")].iter().zip(&officers) {
            let key = key.verifying_key().to_text();
            let _ = write!(text, "[[officers]]\nid = \"{id}\"\nods = \"{of}\"\nkey = \"{key}\"\n");
        }
        let agreement = Agreement::parse(&text).expect("an agreement");
        let roster = Arc::new(roster(&agreement, &keys, &seals, &officers));
        let catalogue = Arc::new(Catalogue::builtin().expect("the catalogue"));
        let places = tempfile::tempdir().expect("a folder");
        reference(places.path(), &Geography::new(7));
        let issue = |code: &&'static str| (*code, pki.issue(&pki.request(code, role(code))));
        let certificates = keys.keys().map(issue).collect();
        let skews = BTreeMap::new();
        Self {
            pki,
            agreement,
            roster,
            catalogue,
            keys,
            seals,
            certificates,
            places,
            analyst,
            skews,
        }
    }

    fn clock(&self, time: &Arc<AtomicI64>, code: &str) -> Arc<dyn Clock> {
        let by = self.skews.get(code).copied().unwrap_or_default();
        Arc::new(Shifted { time: Arc::clone(time), by })
    }

    /// The one query, which is asked of every federation at this moment.
    pub(super) fn query(&self, now: Timestamp) -> Envelope {
        query(&self.agreement, &self.catalogue, &self.analyst, now)
    }

    /// The coordinator, as its certificate names it.
    pub(super) fn coordinator(&self) -> Peer {
        self.peer(&self.certificates[COORDINATOR])
    }

    fn peer(&self, own: &Credentials) -> Peer {
        Peer::from_certificate(own.certificate(), &self.pki.federation).expect("a peer")
    }

    async fn store(&self, at: &Place<'_>, code: &'static str) -> (Store, PathBuf) {
        let state = at.home.join(code);
        let identity = Identity { ods: ods(code), role: role(code) };
        let key = Arc::new(copy(&self.keys[code].ledger));
        let clock = self.clock(at.time, code);
        (Store::open(&state, identity, key, clock, "test").await.expect("opens"), state)
    }

    /// Publishes a register in a partner's state, under a key of the partner's own.
    fn publish(&self, state: &Path, csv: &str, key: &NodeKey) -> SnapshotRef {
        let (dataset, period) = of();
        let (file, places) = (state.with_extension("csv"), self.places.path().join("reference"));
        fs::write(&file, csv).expect("written");
        intake::load(&LoadRequest {
            input: Input::File(&file),
            mapping: &Mapping::parse(MAPPING, &self.catalogue).expect("a mapping"),
            dataset: &dataset,
            period,
            staged_dir: &intake::staged_root(state),
            key,
            catalogue: &self.catalogue,
            reference: &Reference::open(&places).expect("opens"),
            exclude: None,
            record_keys: false,
            links: None,
            progress: &|_| {},
            today: NOW.date(),
        })
        .expect("loads");
        let published = intake::publish(state, &dataset, period, key, NOW.date());
        published.expect("published").reference().expect("a standing")
    }

    /// A node whose register is published and whose own tables are decided.
    async fn node(&self, at: &Place<'_>, code: &'static str, csv: &str, salt: &str) -> Open {
        let state = at.home.join(code);
        let key = NodeKey::from_bytes(*Digest::of(format!("{code} {salt}").as_bytes()).as_bytes());
        let snapshot = self.publish(&state, csv, &key);
        let (store, state) = self.store(at, code).await;
        let (dataset, period) = of();
        let decided = Event::Prepared { dataset, period, snapshot, released: 0, withheld: 0 };
        store.append(decided).await.expect("written");
        let site = Site::new(node::Parts {
            ods: ods(code),
            profile: self.agreement.profile,
            catalogue: Arc::clone(&self.catalogue),
            store: store.clone(),
            state,
            node_key: key,
            database: None,
            noted: Default::default(),
            agreements: vec![self.agreement.clone()],
            clock: self.clock(at.time, code),
        });
        let node = site.node(Membership {
            federation: self.pki.federation.clone(),
            coordinator: ods(COORDINATOR),
            agreements: vec![self.agreement.clone()],
            answer_key: copy(&self.keys[code].answer),
            roster: Some(Arc::clone(&self.roster)),
            seal_key: None,
        });
        Open { node, store }
    }

    /// Partners' connections are taken at a port of this server's.
    async fn accept(&self, own: &Credentials, stop: &CancellationToken) -> (Registry, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let port = tls::coordinator_node_port(own, &self.pki.roots(), clock());
        let accept = AcceptConfig {
            federation: self.pki.federation.clone(),
            tls: watch::channel(port.expect("a configuration")).1,
            gate: Arc::new(|peer: &Peer| match peer.role() {
                Role::Node => Ok(()),
                _ => Err(Refusal::Partner),
            }),
            keepalive: Keepalive::USUAL,
        };
        let registry = Registry::new();
        tokio::spawn(accept_nodes(listener, accept, registry.clone(), stop.clone()));
        (registry, address)
    }

    /// Has a node dial one of the two servers, and serve there.
    fn dial(&self, code: &str, to: (&str, &str), routes: Routes, stop: &CancellationToken) {
        let dial = tls::node_dial(&self.certificates[code], &self.pki.roots(), clock());
        let config = DialConfig {
            role: role(to.0),
            address: to.1.parse().expect("an address"),
            federation: self.pki.federation.clone(),
            coordinator: ods(to.0),
            tls: watch::channel(dial.expect("a configuration")).1,
            seed: 11,
            keepalive: Keepalive::USUAL,
        };
        tokio::spawn(serve_dialled(routes, config, stop.clone(), |_| {}));
    }

    /// Begins the second server, and gives the coordinator's connection to it.
    async fn second(
        &self,
        (at, own, nodes): (&Place<'_>, &Credentials, Registry),
        tape: &Tape,
        stop: &CancellationToken,
    ) -> (Store, PathBuf, Registry) {
        let (store, state) = self.store(at, SECOND).await;
        let (agreement, roster) = (self.agreement.clone(), Arc::clone(&self.roster));
        let helper = Helper::open(helper::Parts {
            own: self.peer(own),
            agreements: vec![round::Summed { agreement, roster }],
            catalogue: Arc::clone(&self.catalogue),
            seal_key: again(&self.seals[SECOND]),
            answer_key: copy(&self.keys[SECOND].answer),
            store: store.clone(),
            vault: Vault::new(&state),
            nodes: Arc::new(nodes),
            clock: self.clock(at.time, SECOND),
        });
        let helper = helper.await.expect("a second server");
        tokio::spawn(helper.clone().run(stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let port = tls::node_port(own, &self.pki.roots(), clock()).expect("a configuration");
        let config = ListenConfig {
            federation: self.pki.federation.clone(),
            coordinator: ods(COORDINATOR),
            tls: watch::channel(port).1,
            keepalive: Keepalive::USUAL,
        };
        let routes = helper_service::routes(Arc::new(helper), store.writable()).await;
        let routes = tape.over(routes);
        tokio::spawn({
            let stop = stop.clone();
            async move { serve_listening(routes, listener, config, stop).await }
        });
        let registry = Registry::new();
        let dial =
            tls::coordinator_dial(&self.certificates[COORDINATOR], &self.pki.roots(), clock());
        let config = NodeDialConfig {
            address: address.parse().expect("an address"),
            federation: self.pki.federation.clone(),
            role: Role::Helper,
            node: ods(SECOND),
            tls: watch::channel(dial.expect("a configuration")).1,
            seed: 7,
            keepalive: Keepalive::USUAL,
        };
        let (known, stop) = (registry.clone(), stop.clone());
        tokio::spawn(async move { dial_node(config, known, stop, |_| {}).await });
        (store, state, registry)
    }

    /// Begins a federation with these registers. `port` is what a partner's node does in sums; `salt` is in the keys of
    /// the partners' extracts.
    pub(super) async fn begin(
        &self,
        groups: &[Group],
        salt: &str,
        port: impl Fn(&'static str, Node, &SigningKey) -> Arc<dyn PoolNodePort>,
    ) -> Run {
        let dir = tempfile::tempdir().expect("a folder");
        let (time, stop) = (Arc::new(AtomicI64::new(NOW.as_unix())), CancellationToken::new());
        let at = Place { home: dir.path(), time: &time };
        let [first, other] = [COORDINATOR, SECOND].map(|code| &self.certificates[code]);
        let (to_coordinator, front) = self.accept(first, &stop).await;
        let (to_second, back) = self.accept(other, &stop).await;
        let mut tapes = BTreeMap::new();
        let mut nodes = Vec::new();
        for (code, csv) in MEMBERS.into_iter().zip(registers(groups)) {
            let open = self.node(&at, code, &csv, salt).await;
            let pool = port(code, open.node.clone(), &self.keys[code].answer);
            let [asks, sums] = [COORDINATOR, SECOND].map(|server| {
                let tape = Tape::default();
                tapes.insert(format!("{code} and {server}"), tape.clone());
                tape
            });
            let answering = Arc::new(open.node.clone());
            let routes = node_service::routes(answering, open.store.writable()).await;
            let routes = asks.over(pool_service::beside(routes, Arc::clone(&pool)));
            self.dial(code, (COORDINATOR, &front), routes, &stop);
            let routes = sums.over(pool_service::routes(pool, open.store.writable()).await);
            self.dial(code, (SECOND, &back), routes, &stop);
            nodes.push(open);
        }
        let between = Tape::default();
        tapes.insert(format!("{COORDINATOR} and {SECOND}"), between.clone());
        let begun = self.second((&at, other, to_second.clone()), &between, &stop).await;
        let (second, second_state, dialled) = begun;
        for (registry, count) in [(&to_coordinator, 10), (&to_second, 10), (&dialled, 1)] {
            let all = registry.until(|connected| connected.len() == count);
            timeout(LIMIT, all).await.expect("everybody is connected");
        }
        let (store, state) = self.store(&at, COORDINATOR).await;
        let coordinator = Coordinator::new(coordinator::Parts {
            own: self.peer(first),
            agreements: vec![self.agreement.clone()],
            catalogue: Arc::clone(&self.catalogue),
            store: store.clone(),
            partners: Arc::new(to_coordinator.clone()),
            clock: self.clock(&time, COORDINATOR),
            sums: Some(SumParts {
                agreements: vec![round::Summed {
                    agreement: self.agreement.clone(),
                    roster: Arc::clone(&self.roster),
                }],
                seal_key: Arc::new(again(&self.seals[COORDINATOR])),
                answer_key: copy(&self.keys[COORDINATOR].answer),
                nodes: Arc::new(to_coordinator),
                helper: Some(Arc::new(DialledHelper::new(dialled, ods(SECOND)))),
                vault: Vault::new(&state),
                // Whoever is connected is ready: nobody is waited for.
                wait: LIMIT * 100,
            }),
        });
        let summing = (coordinator.clone(), stop.clone());
        tokio::spawn(async move { summing.0.sum(summing.1).await });
        let servers = Servers { coordinator, store, state, second, second_state, nodes };
        Run { tapes, servers, time, _stop: stop.drop_guard(), _dir: dir }
    }
}

/// Where the states of a federation lie, and what time it is there.
struct Place<'a> {
    home: &'a Path,
    time: &'a Arc<AtomicI64>,
}

/// A partner's node.
pub(super) struct Open {
    pub(super) node: Node,
    pub(super) store: Store,
}

fn of() -> (DatasetId, Period) {
    (DatasetId::new(DATASET).expect("an id"), PERIOD.parse().expect("a period"))
}

fn roster(
    agreement: &Agreement,
    keys: &BTreeMap<&'static str, Keys>,
    seals: &BTreeMap<&'static str, SealKey>,
    officers: &[SigningKey; 2],
) -> VerifiedRoster {
    let answer_key = |code: &str| keys[code].answer.verifying_key().to_text();
    let seal_key = |code: &str| seals[code].public().to_text();
    let [first, other] = [COORDINATOR, SECOND].map(|code| PoolServer {
        ods: ods(code),
        answer_key: answer_key(code),
        seal_key: seal_key(code),
    });
    let mut list = Roster::new(agreement.federation.clone(), first, Some(other)).expect("a list");
    for code in MEMBERS {
        let member = Member {
            ods: ods(code),
            name: format!("Partner {code}"),
            since: "2026-01-01".parse().expect("a date"),
            answer_key: answer_key(code),
            seal_key: seal_key(code),
        };
        list = list.with(member).expect("a list");
    }
    let mut signed = SignedRoster::unsigned(list).expect("a list");
    for (id, key) in ["ann", "bob"].into_iter().zip(officers) {
        let id = OfficerId::new(id).expect("an id");
        let officer = agreement.officers.iter().find(|officer| officer.id == id).expect("known");
        signed = signed.sign(officer, key).expect("signed");
    }
    signed.verify(agreement).expect("a list that holds")
}

fn query(
    agreement: &Agreement,
    catalogue: &Catalogue,
    analyst: &SigningKey,
    now: Timestamp,
) -> Envelope {
    let indicator = IndicatorId::new(INDICATOR).expect("an id");
    let query = Query {
        query_id: QueryId::from_parts(1_800_000_000_000, &[7; 10]),
        federation: agreement.federation.clone(),
        agreement: agreement.id.clone(),
        agreement_hash: agreement.hash().expect("a hash"),
        purpose: PurposeId::new("planning").expect("an id"),
        targets: MEMBERS.map(ods).to_vec(),
        not_before: now.plus(-60),
        expires: now.plus(300),
        questions: vec![Question {
            definition_hash: catalogue.definition_hash(&indicator).expect("a hash"),
            indicator,
            period: PERIOD.parse().expect("a period"),
            by: vec![level("ethnicity.group")],
            scope: None,
        }],
        view: Some(QueryView::Pooled),
    };
    let bytes = canonical::encode(&query).expect("encodes");
    Envelope::sign(bytes, QUERY_TYPE, "ada", analyst).expect("signs")
}

struct Servers {
    coordinator: Coordinator,
    store: Store,
    state: PathBuf,
    second: Store,
    second_state: PathBuf,
    nodes: Vec<Open>,
}

/// A federation that runs.
pub(super) struct Run {
    /// What was said between which two.
    pub(super) tapes: BTreeMap<String, Tape>,
    servers: Servers,
    time: Arc<AtomicI64>,
    _stop: DropGuard,
    _dir: TempDir,
}

/// The published figures above the line.
pub(super) fn published(answer: &Answer) -> Vec<u64> {
    answer.cells.iter().filter_map(|cell| cell.numerator.published).collect()
}

/// Waits until something has come about.
pub(super) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let looking = async {
        while !is() {
            sleep(LOOK).await;
        }
    };
    assert!(timeout(LIMIT, looking).await.is_ok(), "{what} has not come about");
}

impl Run {
    /// Lets time pass for everybody.
    pub(super) fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The right time.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.time.load(Ordering::SeqCst))
    }

    /// A partner's node.
    pub(super) fn node(&self, code: &str) -> &Open {
        let place = MEMBERS.iter().position(|member| *member == code);
        &self.servers.nodes[place.expect("a member")]
    }

    /// The round that is bound at the coordinator, as it was signed, and whether these members' contributions are
    /// checked there.
    pub(super) fn round(&self, checked: &[&str]) -> Option<(Envelope, bool)> {
        let rounds = self.servers.store.rounds();
        let mut all = rounds.populations().flat_map(|of| of.versions.values());
        let (vault, round) = (Vault::new(&self.servers.state), all.next()?.round);
        let bytes = vault.take(round, "round").expect("reads")?;
        let envelope = Enclosed::from_bytes(&bytes).expect("a document").envelope::<Round>()?;
        let is_checked =
            |code: &&str| vault.has(round, &format!("one-checked-{}", code.to_lowercase()));
        Some((envelope, checked.iter().all(is_checked)))
    }

    /// Takes the round to its end: closed and opened, given back, asked for, and told to every partner.
    pub(super) async fn to_its_end(&self, query: Envelope) -> Answer {
        let Servers { coordinator, store, state, second, second_state, nodes } = &self.servers;
        let vault = Vault::new(state);
        until("what was opened is given back", || {
            let rounds = store.rounds();
            let mut all = rounds.populations().flat_map(|of| of.versions.values());
            all.any(|round| round.closed.is_some() && vault.has(round.round, "returned"))
        })
        .await;
        let answers = coordinator.ask(query, LIMIT, nobody()).await;
        let mut answers: Vec<_> = answers.expect("is asked").collect().await;
        let (_, view) = answers.remove(0);
        let answer = view.expect("an answer").answer().clone();
        // The last entry of the second server's log is about the query; whoever knows it knows all before.
        let reader = Reader::open(second_state).await.expect("a log");
        let entries = reader.entries(0, 1_000).await.expect("entries");
        let asked = entries.iter().rev().find(|(_, _, entry)| {
            matches!(entry.event, Event::QueryAccepted { .. } | Event::Pool(_))
        });
        let last = asked.expect("an entry").0;
        until("every partner is told", || {
            nodes.iter().all(|node| {
                let rounds = node.store.rounds();
                let closed = rounds.populations().all(|of| of.first_closing().is_some());
                closed && rounds.told(&ods(SECOND)) == Some(last)
            })
        })
        .await;
        assert!(second.rounds().populations().all(|of| of.stopped.is_none()));
        answer
    }
}
