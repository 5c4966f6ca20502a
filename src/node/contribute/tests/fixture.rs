//! A federation with a blind sum: five partners with rows of their own, a coordinator, an independent second server, two
//! officers, and their keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evensum_core::catalogue::{Catalogue, Lists};
use evensum_core::identity::Peer;
use evensum_core::ledger::{Checkpoint, Entry, Event, PoolStep, ReceiptParts, merkle, origin};
use evensum_core::model::{
    Agreement, CategoryId, Clock, ColumnId, DatasetId, Digest, FederationId, ImdEdition, Lattice,
    Ods, OfficerId, Period, PoolKind, Population, Role, SnapshotRef, SnapshotVersion, Timestamp,
};
use evensum_core::plan::PooledTables;
use evensum_core::pool::{
    Closing, Enclosed, Member, PoolServer, Ready, Roster, Round, RoundDocument, SealKey,
    SignedRoster, VerifiedRoster,
};
use evensum_core::port::{PoolFault, PoolNodePort, SealedPart, SealedParts, SignedClosing};
use evensum_core::sign::{Envelope, SigningKey};
use tempfile::TempDir;
use tokio_stream::StreamExt;

use crate::intake;
use crate::node::{Membership, Node, Parts, Site};
use crate::snapshot::{self, Column, Extract, Measure, NodeKey, Rows};
use crate::store::{Identity, Reader, Store};

/// The morning of 22 November 2026.
pub(super) const NOW: i64 = 1_795_334_400;
pub(super) const COORDINATOR: &str = "QZ1";
pub(super) const SECOND: &str = "ZZ9";
pub(super) const MEMBERS: [&str; 5] = ["M1", "M2", "M3", "M4", "M5"];
const DATASET: &str = "rtt_open_pathway";
const HOME: &str = "QZ1";
const ELSEWHERE: &str = "QZ2";

pub(super) fn ods(code: &str) -> Ods {
    Ods::new(code).expect("an ODS code")
}

pub(super) fn dataset() -> DatasetId {
    DatasetId::new(DATASET).expect("an id")
}

pub(super) fn period() -> Period {
    "2026-10".parse().expect("a period")
}

fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_pem(&key.to_pem()).expect("a key")
}

/// A clock that is set by hand.
#[derive(Debug)]
pub(super) struct Moved(AtomicI64);

impl Moved {
    pub(super) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }
}

struct Keys {
    answer: SigningKey,
    ledger: SigningKey,
}

/// One row: whose, and the code of each column.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) person: u32,
    codes: BTreeMap<&'static str, CategoryId>,
}

/// What the federation is like.
pub(super) struct Scene {
    pub(super) agreement: Agreement,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) roster: Arc<VerifiedRoster>,
    pub(super) coordinator_seal: SealKey,
    pub(super) second_seal: SealKey,
    pub(super) clock: Arc<Moved>,
    /// Whether extracts are loaded with the keys of their records.
    pub(super) keyed: bool,
    keys: BTreeMap<(&'static str, Role), Keys>,
    officers: [SigningKey; 2],
    dir: TempDir,
}

/// A node that runs.
pub(super) struct Open {
    pub(super) node: Node,
    pub(super) site: Site,
    pub(super) store: Store,
    pub(super) state: PathBuf,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with("pool = \"deposit\"\npool_after_publish = true\nprofile = \"nhs75m\"\n")
    }

    /// With these lines in the agreement.
    pub(super) fn with(lines: &str) -> Self {
        let generate = || SigningKey::generate_ed25519().expect("a key");
        let mut text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"{HOME}\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"imd\", \"sex\"]\nmax_dimensions = 2\n\
             analysts = []\nhelper = \"{SECOND}\"\n{lines}"
        );
        let mut keys = BTreeMap::new();
        let servers = [(COORDINATOR, Role::Coordinator), (SECOND, Role::Helper)];
        for place in servers.into_iter().chain(MEMBERS.map(|code| (code, Role::Node))) {
            let mine = Keys { answer: generate(), ledger: generate() };
            let _ = write!(
                text,
                "[[parties]]\nods = \"{}\"\nrole = \"{}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                place.0,
                place.1.as_str(),
                mine.answer.verifying_key().to_text(),
                mine.ledger.verifying_key().to_text()
            );
            keys.insert(place, mine);
        }
        let officers = [generate(), generate()];
        for ((id, ods), key) in [("ann", COORDINATOR), ("bob", "M1")].iter().zip(&officers) {
            let key = key.verifying_key().to_text();
            let _ = writeln!(text, "[[officers]]\nid = \"{id}\"\nods = \"{ods}\"\nkey = \"{key}\"");
        }
        let agreement = Agreement::parse(&text).expect("an agreement");
        let seal = || SealKey::generate().expect("a key");
        let (coordinator_seal, second_seal) = (seal(), seal());
        let server = |place: (&str, Role), seal: &SealKey| {
            let party = agreement.party(&ods(place.0), place.1).expect("a party");
            PoolServer {
                ods: party.ods.clone(),
                answer_key: party.answer_key.clone(),
                seal_key: seal.public().to_text(),
            }
        };
        let mut list = Roster::new(
            agreement.federation.clone(),
            server(servers[0], &coordinator_seal),
            Some(server(servers[1], &second_seal)),
        )
        .expect("a list");
        for code in MEMBERS {
            let answer_key = keys[&(code, Role::Node)].answer.verifying_key().to_text();
            let (ods, name) = (ods(code), format!("Partner {code}"));
            let since = "2026-01-01".parse().expect("a date");
            let seal_key = seal().public().to_text();
            list = list.with(Member { ods, name, since, answer_key, seal_key }).expect("a member");
        }
        let roster = Arc::new(verified(list, &agreement, &officers));
        Self {
            keyed: agreement.pool == Some(PoolKind::Noisy),
            agreement,
            catalogue: Arc::new(Catalogue::builtin().expect("the catalogue")),
            roster,
            coordinator_seal,
            second_seal,
            clock: Arc::new(Moved(AtomicI64::new(NOW))),
            keys,
            officers,
            dir: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A later list, without a member.
    pub(super) fn list_without(&self, code: &str) -> Arc<VerifiedRoster> {
        let list = self.roster.roster().clone().without(&ods(code)).expect("a member");
        Arc::new(verified(list, &self.agreement, &self.officers))
    }

    pub(super) fn tables(&self) -> PooledTables {
        let of = (&dataset(), period());
        PooledTables::of(&self.agreement, of, &self.catalogue, self.clock.now()).expect("tables")
    }

    pub(super) fn population(&self) -> Population {
        Population::of(&self.agreement, &dataset(), period())
    }

    /// Rows of a partner: `home` residents of the board, and some of another.
    pub(super) fn rows(&self, code: &str, home: usize) -> Vec<Row> {
        let leaves = |id: &str| -> Vec<CategoryId> {
            let dimension = self.catalogue.dimensions().iter().find(|d| d.id.as_str() == id);
            let leaves = dimension.expect("a dimension").leaves(&Lists::default());
            leaves.into_iter().map(|(id, _)| id).collect()
        };
        let bands: Vec<CategoryId> = {
            let of = self.catalogue.dataset(&dataset()).expect("the dataset");
            of.outcome.bands().into_iter().map(|(id, _)| id.clone()).collect()
        };
        let (imd, sex) = (leaves("imd"), leaves("sex"));
        let icb = |home: bool| CategoryId::new(if home { HOME } else { ELSEWHERE }).expect("an id");
        let salt = usize::from(code.as_bytes()[1]);
        let row = |n: usize| {
            let at = n.wrapping_mul(2_654_435_761).wrapping_add(salt * 97) >> 3;
            let codes = BTreeMap::from([
                ("imd", imd[at % imd.len()].clone()),
                ("sex", sex[(at >> 4) % sex.len()].clone()),
                ("icb", icb(n < home)),
                ("outcome", bands[(at >> 8) % bands.len()].clone()),
            ]);
            // Every third row is a further one of the same person.
            Row { person: u32::try_from(n - n / 3).expect("small"), codes }
        };
        (0..home + 7).map(row).collect()
    }

    fn column(&self, name: &str) -> ColumnId {
        let of = self.catalogue.dataset(&dataset()).expect("the dataset");
        let dimension = self.catalogue.dimensions().iter().find(|d| d.id.as_str() == name);
        dimension.map_or_else(|| of.outcome.column.clone(), |d| d.column.clone())
    }

    fn extract(&self, code: &str, rows: &[Row]) -> Extract {
        let one = |name: &'static str| {
            let of_row = |row: &Row| row.codes[name].clone();
            let mut dictionary: Vec<CategoryId> = Vec::new();
            let code = |row: &Row| {
                let code = of_row(row);
                let place = dictionary.iter().position(|known| *known == code);
                let place = place.unwrap_or_else(|| {
                    dictionary.push(code);
                    dictionary.len() - 1
                });
                u16::try_from(place).expect("small")
            };
            let codes = rows.iter().map(code).collect();
            Column { id: self.column(name), dictionary, codes }
        };
        let columns: Vec<Column> = ["imd", "sex", "icb", "outcome"].into_iter().map(one).collect();
        let id = ColumnId::new("weeks_waited").expect("an id");
        Extract {
            dataset: dataset(),
            period: period(),
            as_of: period().last_day(),
            imd_edition: Some(ImdEdition::Imd2025),
            definition_hash: self.catalogue.dataset_hash(&dataset()).expect("a hash"),
            columns_held: columns.iter().map(|column| column.id.clone()).collect(),
            rows: Rows {
                persons: rows.iter().map(|row| row.person).collect(),
                columns,
                measures: vec![Measure { id, values: vec![1; rows.len()] }],
            },
            record_keys: self.keyed.then(|| record_keys(code, rows)),
            links: None,
        }
    }

    /// Publishes rows as the next standing of the period.
    pub(super) fn publish(&self, code: &str, rows: &[Row]) -> SnapshotRef {
        let (state, key) = (self.state(code), node_key(code));
        let staged = intake::staged_root(&state).join(DATASET);
        fs::create_dir_all(&staged).expect("a folder");
        let staged = staged.join(period().to_string());
        snapshot::write(&staged, &self.extract(code, rows), &key).expect("written");
        let today = self.clock.now().date();
        let manifest = intake::publish(&state, &dataset(), period(), &key, today);
        manifest.expect("published").reference().expect("a standing")
    }

    pub(super) fn state(&self, code: &str) -> PathBuf {
        self.dir.path().join(code)
    }

    /// Opens a node with its published rows, whose tables are decided.
    pub(super) async fn open(&self, code: &'static str) -> Open {
        self.open_with(code, Arc::clone(&self.roster)).await
    }

    pub(super) async fn open_with(&self, code: &'static str, roster: Arc<VerifiedRoster>) -> Open {
        let (state, keys) = (self.state(code), &self.keys[&(code, Role::Node)]);
        let identity = Identity { ods: ods(code), role: Role::Node };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let ledger = Arc::new(copy(&keys.ledger));
        let store = Store::open(&state, identity, ledger, Arc::clone(&clock), "test").await;
        let store = store.expect("opens");
        let site = Site::new(Parts {
            ods: ods(code),
            profile: self.agreement.profile,
            catalogue: Arc::clone(&self.catalogue),
            store: store.clone(),
            state: state.clone(),
            node_key: node_key(code),
            database: None,
            noted: Default::default(),
            agreements: vec![self.agreement.clone()],
            clock,
        });
        let node = site.node(Membership {
            federation: self.agreement.federation.clone(),
            coordinator: ods(COORDINATOR),
            agreements: vec![self.agreement.clone()],
            answer_key: copy(&keys.answer),
            roster: Some(roster),
            seal_key: None,
        });
        Open { node, site, store, state }
    }

    /// A node with rows, published and decided.
    pub(super) async fn prepared(&self, code: &'static str, home: usize) -> (Open, SnapshotRef) {
        let of = self.publish(code, &self.rows(code, home));
        let open = self.open(code).await;
        open.prepare(&of).await;
        (open, of)
    }

    fn answer(&self, place: (&'static str, Role)) -> &SigningKey {
        &self.keys[&place].answer
    }

    /// What a member says of its extract.
    pub(super) fn ready(&self, code: &'static str, snapshot: &SnapshotRef) -> Enclosed {
        let ready = Ready {
            ods: ods(code),
            population: self.population(),
            agreement: self.agreement.id.clone(),
            agreement_hash: self.agreement.hash().expect("a hash"),
            membership: self.roster.hash(),
            snapshot: snapshot.clone(),
            tables: self.tables().ids().collect(),
        };
        let envelope = ready.sign(&ods(code), self.answer((code, Role::Node))).expect("signed");
        Enclosed::new(&ods(code), &envelope)
    }

    /// An extract that nobody looks at.
    pub(super) fn invented(&self, code: &str, version: SnapshotVersion) -> SnapshotRef {
        SnapshotRef {
            id: Digest::of(code.as_bytes()),
            as_of: period().last_day(),
            version,
            imd_edition: Some(ImdEdition::Imd2025),
        }
    }

    /// A round of these members.
    pub(super) fn round(&self, version: SnapshotVersion, ready: Vec<Enclosed>) -> Round {
        Round {
            population: self.population(),
            version,
            agreement: self.agreement.id.clone(),
            agreement_hash: self.agreement.hash().expect("a hash"),
            membership: self.roster.hash(),
            ready,
            tables: self.tables().ids().collect(),
            closes: self.clock.now().plus(3_600),
        }
    }

    /// A round of the first four members, of whom the first has this extract.
    pub(super) fn round_with(&self, first: &SnapshotRef) -> Round {
        let others = MEMBERS[1..4].iter();
        let others = others.map(|code| self.ready(code, &self.invented(code, first.version)));
        let ready = [self.ready(MEMBERS[0], first)].into_iter().chain(others).collect();
        self.round(first.version, ready)
    }

    pub(super) fn signed(&self, round: &Round) -> Envelope {
        let key = self.answer((COORDINATOR, Role::Coordinator));
        round.sign(&ods(COORDINATOR), key).expect("signed")
    }

    pub(super) fn closing(&self, round: &Envelope, members: &[&str], missing: &[&str]) -> Closing {
        let document: Round =
            evensum_core::model::canonical::decode(&round.payload).expect("a round");
        Closing {
            population: document.population,
            version: document.version,
            round: round.payload_hash(),
            members: members.iter().map(|code| ods(code)).collect(),
            missing: missing.iter().map(|code| ods(code)).collect(),
        }
    }

    /// With the signatures of both servers.
    pub(super) fn closed(&self, closing: &Closing) -> SignedClosing {
        SignedClosing {
            coordinator: self.by_coordinator(closing),
            helper: Some(self.by_second(closing)),
        }
    }

    pub(super) fn by_coordinator(&self, closing: &Closing) -> Envelope {
        let key = self.answer((COORDINATOR, Role::Coordinator));
        closing.sign(&ods(COORDINATOR), key).expect("signed")
    }

    pub(super) fn by_second(&self, closing: &Closing) -> Envelope {
        closing.sign(&ods(SECOND), self.answer((SECOND, Role::Helper))).expect("signed")
    }

    /// The second server's audit log with these events, each with its proof.
    pub(super) fn second_log(&self, events: Vec<Event>) -> Vec<ReceiptParts> {
        let (log, key) = (origin(&ods(SECOND), Role::Helper), &self.keys[&(SECOND, Role::Helper)]);
        let (mut tree, mut nodes, mut entries) =
            (merkle::Frontier::default(), BTreeMap::new(), Vec::new());
        for (seq, event) in (0..).zip(events) {
            let entry = Entry::new(seq, self.clock.now(), ods(SECOND), Role::Helper, event);
            let bytes = entry.encode().expect("encodes");
            for (level, index, hash) in tree.push(merkle::leaf_hash(&bytes)) {
                nodes.insert((level, index), hash);
            }
            entries.push((seq, bytes));
        }
        let checkpoint = Checkpoint::sign(&log, tree.len(), &tree.root(), &key.ledger);
        let checkpoint = checkpoint.expect("signed");
        let stored = |level, index| nodes.get(&(level, index)).copied();
        let part = |(index, entry)| ReceiptParts {
            entry,
            index,
            proof: merkle::inclusion_proof(index, tree.len(), &stored).expect("proof"),
            checkpoint: checkpoint.clone(),
        };
        entries.into_iter().map(part).collect()
    }

    /// What the cells of a table come to over the rows of one partner: rows, people, and the most rows of one person.
    pub(super) fn count(&self, lattice: &Lattice, rows: &[Row]) -> Vec<[u64; 3]> {
        let home = CategoryId::new(HOME).expect("an id");
        let names: Vec<&str> = (lattice.axes().iter())
            .map(|axis| match axis.level().as_str().split('.').next() {
                Some("imd") => "imd",
                Some("sex") => "sex",
                _ => "outcome",
            })
            .collect();
        let cell = |cell: usize| {
            let at = lattice.coordinates(cell);
            let mut people: BTreeMap<u32, u64> = BTreeMap::new();
            for row in rows.iter().filter(|row| row.codes["icb"] == home) {
                let within = (0..at.len()).all(|axis| {
                    let (of, code) = (&lattice.axes()[axis], &row.codes[names[axis]]);
                    let members = &of.categories()[at[axis]].members;
                    members.iter().any(|leaf| of.leaves()[usize::from(*leaf)] == *code)
                });
                *people.entry(row.person).or_default() += u64::from(within);
            }
            let own: BTreeSet<u64> = people.values().copied().collect();
            let persons = people.values().filter(|rows| **rows > 0).count();
            [people.values().sum(), persons as u64, own.last().copied().unwrap_or_default()]
        };
        (0..lattice.len()).map(cell).collect()
    }
}

/// A key for each person, which no other partner has.
fn record_keys(code: &str, rows: &[Row]) -> Vec<u64> {
    let people = rows.iter().map(|row| row.person).max().map_or(0, |last| last + 1);
    let key = |person: u32| {
        let hash = Digest::of(format!("{code} {person}").as_bytes());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight"))
    };
    (0..people).map(key).collect()
}

fn node_key(code: &str) -> NodeKey {
    NodeKey::from_bytes([code.as_bytes()[1]; 32])
}

fn verified(list: Roster, agreement: &Agreement, officers: &[SigningKey; 2]) -> VerifiedRoster {
    let mut signed = SignedRoster::unsigned(list).expect("a list");
    for (id, key) in ["ann", "bob"].into_iter().zip(officers) {
        let id = OfficerId::new(id).expect("an id");
        let officer = agreement.officers.iter().find(|officer| officer.id == id).expect("known");
        signed = signed.sign(officer, key).expect("signed");
    }
    signed.verify(agreement).expect("holds")
}

/// A server as its certificate names it.
pub(super) fn peer(federation: &str, code: &str, role: Role) -> Peer {
    let federation = FederationId::new(federation).expect("an id");
    let uri = Peer::uri(&federation, &ods(code), role, "s1").expect("a name");
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().expect("ASCII"))];
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Peer::from_certificate(certificate.der(), &federation).expect("a peer")
}

pub(super) fn coordinator() -> Peer {
    peer("icb.example", COORDINATOR, Role::Coordinator)
}

pub(super) fn second() -> Peer {
    peer("icb.example", SECOND, Role::Helper)
}

impl Open {
    /// Writes down that the extract's tables are decided.
    pub(super) async fn prepare(&self, snapshot: &SnapshotRef) {
        let event = Event::Prepared {
            dataset: dataset(),
            period: period(),
            snapshot: snapshot.clone(),
            released: 0,
            withheld: 0,
        };
        self.store.append(event).await.expect("written");
    }

    /// The steps in the node's audit log.
    pub(super) async fn steps(&self) -> Vec<PoolStep> {
        let reader = Reader::open(&self.state).await.expect("a log");
        let entries = reader.entries(0, 1_000).await.expect("entries").into_iter();
        let step = |(_, _, entry): (u64, Vec<u8>, Entry)| match entry.event {
            Event::Pool(step) => Some(step),
            _ => None,
        };
        entries.filter_map(step).collect()
    }

    /// The short names of those steps.
    pub(super) async fn said(&self) -> Vec<String> {
        let name = |step: &PoolStep| {
            let step = serde_json::to_value(step).expect("JSON");
            step["step"].as_str().expect("a text").to_owned()
        };
        self.steps().await.iter().map(name).collect()
    }

    /// All parts that a caller is sent.
    pub(super) async fn parts(
        &self,
        caller: &Peer,
        round: &Envelope,
    ) -> Result<Vec<SealedPart>, PoolFault> {
        let parts: SealedParts = self.node.contribute(caller, round).await?;
        parts.collect::<Vec<_>>().await.into_iter().collect()
    }
}
