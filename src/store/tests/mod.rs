//! Tests of the state, over real files.

mod decide;
mod faults;
mod life;
mod many;
mod replay;
mod show;
mod tamper;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evensum_core::disclosure::mark;
use evensum_core::ledger::{Asked, Entry, Event, Receipt, Tested};
use evensum_core::model::{
    AgreementId, AnalystId, Assurance, Clock, DatasetId, Digest, FederationId, IndicatorId, Ods,
    Profile, PurposeId, QueryId, Role, SnapshotRef, SnapshotVersion, Timestamp,
};
use evensum_core::sign::SigningKey;
use tempfile::TempDir;

use super::batch::Work;
use super::decide::Withhold;
use super::{
    About, Begin, Begun, Ending, FrozenRow, Identity, Known, Publish, Reader, Release, Store,
    StoreError, Todo, Verdict,
};

const NOW: i64 = 1_790_000_000;

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::Relaxed))
    }
}

/// A state directory with its owner's key.
struct Place {
    dir: TempDir,
    key: Arc<SigningKey>,
    clock: Arc<SetClock>,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("directory"),
            key: Arc::new(SigningKey::generate_ed25519().expect("key")),
            clock: Arc::new(SetClock(AtomicI64::new(NOW))),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn try_open(&self) -> Result<Store, StoreError> {
        self.try_open_at(&self.path()).await
    }

    async fn try_open_at(&self, dir: &Path) -> Result<Store, StoreError> {
        Store::open(dir, identity("R0D"), Arc::clone(&self.key), self.clock.clone(), "evensum test")
            .await
    }

    async fn open(&self) -> Store {
        self.try_open().await.expect("opens")
    }

    async fn verdict(&self) -> Verdict {
        self.verdict_at(&self.path()).await.expect("reads")
    }

    async fn verdict_at(&self, dir: &Path) -> Result<Verdict, StoreError> {
        let reader = Reader::open(dir).await?;
        reader.verify(ORIGIN, &self.key.verifying_key()).await
    }

    /// The kinds of all entries, in order.
    async fn kinds(&self) -> Vec<String> {
        let reader = Reader::open(&self.path()).await.expect("opens");
        let entries = reader.entries(0, 1000).await.expect("reads");
        entries.iter().map(|(_, _, entry)| kind(entry)).collect()
    }
}

const ORIGIN: &str = "evensum/R0D/node";

fn kind(entry: &Entry) -> String {
    let event = serde_json::to_value(&entry.event).expect("json");
    event["kind"].as_str().expect("kind").to_owned()
}

fn identity(ods: &str) -> Identity {
    Identity { ods: Ods::new(ods).expect("ods"), role: Role::Node }
}

fn id(n: u32) -> QueryId {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&n.to_be_bytes());
    QueryId::from_parts(1_790_000_000_000, &random)
}

fn hash(n: u32) -> Digest {
    Digest::of(format!("query {n}").as_bytes())
}

/// A query of one question without a key to freeze under.
fn question(n: u32) -> Begin {
    let (query_id, query_hash) = (id(n), hash(n));
    Begin {
        query_id,
        query_hash,
        caller: "QHM".to_owned(),
        expires: Timestamp::from_unix(NOW + 600),
        asked: Asked {
            query_id,
            query_hash,
            payload: "e30=".to_owned(),
            signature: "AAAA".to_owned(),
            signer: AnalystId::new("ada@icb.example").expect("analyst"),
            key_id: "0123456789ab".to_owned(),
            assurance: Assurance::Enrolled,
            purpose: PurposeId::new("statutory_reporting").expect("purpose"),
            federation: FederationId::new("icb.example").expect("federation"),
            agreement: AgreementId::new("dsa-1").expect("agreement"),
            agreement_hash: Digest::of(b"agreement"),
            coordinator: Some(Ods::new("QHM").expect("ods")),
            certificate: Some("01".to_owned()),
        },
        questions: vec![Known::Nothing],
    }
}

fn key(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// The answer to question `n`: these bytes, under the key of this name.
fn release(n: u32, name: &str, bytes: &str) -> Publish {
    release_to(about(n, 0), name, bytes)
}

fn about(n: u32, question: u32) -> About {
    About { query_id: id(n), query_hash: hash(n), question }
}

/// Of a dataset of that name, of which nothing was released before.
fn release_to(about: About, name: &str, bytes: &str) -> Publish {
    tested_release(about, (name, name), bytes, mark([]))
}

fn dataset(name: &str) -> DatasetId {
    DatasetId::new(name.replace(' ', "_")).expect("dataset")
}

fn universe(dataset_name: &str) -> String {
    format!("{} 2026-10", dataset(dataset_name))
}

fn tested_release(about: About, (of, name): (&str, &str), bytes: &str, live: Digest) -> Publish {
    let release = Release {
        key: key(name),
        bytes: bytes.as_bytes().to_vec(),
        published: Event::Published {
            key: key(name),
            release_hash: Digest::of(bytes.as_bytes()),
            federation: FederationId::new("icb.example").expect("federation"),
            dataset: dataset(of),
            indicator: IndicatorId::new("rtt_over_52_weeks").expect("indicator"),
            period: "2026-10".parse().expect("period"),
            by: vec![],
            scope: None,
            snapshot_id: Digest::of(b"snapshot"),
            profile: Profile::Nhs75m,
            cells: 12,
            withheld: 1,
            tested: Tested { live, others: 0 },
        },
    };
    Publish { about, universe: universe(of), release }
}

/// The frozen row of an answer, and its receipt.
fn released(ending: Ending) -> (FrozenRow, Receipt) {
    match ending {
        Ending::Released(released) => *released,
        Ending::Withheld(_) => panic!("withheld"),
    }
}

fn withheld_event(of: &str, name: &str) -> Event {
    Event::Withheld {
        key: key(name),
        federation: FederationId::new("icb.example").expect("federation"),
        dataset: dataset(of),
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("indicator"),
        period: "2026-10".parse().expect("period"),
        by: vec![],
        scope: None,
        snapshot_id: Digest::of(b"snapshot"),
        profile: Profile::Nhs75m,
    }
}

/// Withholds the table of that name from a question. What the store takes of a [`Withheld`] is its key and entry,
/// and only the disclosure test makes one.
async fn withhold(store: &Store, about: About, name: &str) -> Result<Ending, StoreError> {
    let (universe, event) = (universe(name), withheld_event(name, name));
    let withhold = Withhold { about, universe, key: key(name), event };
    let work = Work::Withhold(store.realm.clone(), Box::new(withhold));
    store.ending(store.ask(work).await?)
}

fn prepared(extract: &str) -> Event {
    prepared_as(extract, SnapshotVersion::Provisional)
}

fn prepared_as(extract: &str, version: SnapshotVersion) -> Event {
    Event::Prepared {
        dataset: dataset("table"),
        period: "2026-10".parse().expect("period"),
        snapshot: SnapshotRef {
            id: Digest::of(extract.as_bytes()),
            as_of: "2026-10-31".parse().expect("date"),
            version,
            imd_edition: None,
        },
        released: 3,
        withheld: 1,
    }
}

fn failed(n: u32) -> Event {
    Event::Failed { query_id: id(n), query_hash: hash(n), question: 0 }
}

fn note(text: &str) -> Event {
    Event::LogOpened { software: text.to_owned() }
}

async fn fresh(store: &Store, begin: Begin) -> Receipt {
    let (accepted, todo) = begun(store, begin).await;
    assert!(matches!(todo, Todo::Fresh), "not fresh: {todo:?}");
    accepted.expect("an entry")
}

/// What is to be done about the one question of a query.
async fn begun(store: &Store, begin: Begin) -> (Option<Receipt>, Todo) {
    match store.begin(begin).await.expect("begins") {
        Begun::Each { accepted, todos } => {
            let [todo] = <[Todo; 1]>::try_from(todos).expect("one question");
            (accepted, todo)
        }
        other => panic!("not begun: {other:?}"),
    }
}
