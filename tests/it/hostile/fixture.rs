//! A federation in a folder: a coordinator, three partners with extracts and a council without, their
//! certificates and keys, analysts, one agreement, and a clock that is set by hand.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use evensum::coordinator::{self, Coordinator, SumParts};
use evensum::node::{self, Membership, Node, Site};
use evensum::store::{Identity, Reader, Store};
use evensum::synth::{HOME_ICB, NEIGHBOUR_ICB};
use evensum::trust::AuthorityKind;
use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::{AnswerParts, Outgoing};
use evensum_core::identity::{Peer, QUERY_TYPE};
use evensum_core::ledger::{Entry, Event};
use evensum_core::model::{
    Agreement, Clock, ImdEdition, IndicatorId, LevelId, Ods, PurposeId, Query, QueryId, Question,
    Role, Timestamp, canonical,
};
use evensum_core::plan::Layout;
use evensum_core::port::{
    AnalystPort, Answered, Answers, AskFault, BoxFuture, NodeFault, NodePort, PartnerDirectory,
    ProgressSink,
};
use evensum_core::sign::{Envelope, SigningKey};
use evensum_core::view::{Bundle, DoubtError, Shared, SystemView};
use tempfile::TempDir;
use tokio_stream::StreamExt;

use super::extracts::{Extract, PERIOD, extract, node_key};
use crate::panics::Watch;
use crate::pki::{NOW, Pki, ods};

/// Runs the coordinator. Also the board whose residents are counted.
pub(super) const COORDINATOR: &str = "QZ1";
/// Partners with extracts.
pub(super) const HOLDERS: [&str; 3] = ["ZZ1", "ZZ2", "ZZ3"];
/// A partner without.
pub(super) const COUNCIL: &str = "ZZ4";
/// The analyst whose agreement wants a stronger sign-in than a key.
pub(super) const WEAK: &str = "weak";
pub(super) const INDICATOR: &str = "rtt_over_52_weeks";

pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A clock that is set by hand.
#[derive(Debug)]
pub(super) struct Moved(AtomicI64);

impl Moved {
    pub(super) fn set(&self, now: Timestamp) {
        self.0.store(now.as_unix(), Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }
}

/// A server's two keys.
pub(super) struct Keys {
    pub(super) answer: SigningKey,
    pub(super) ledger: SigningKey,
}

pub(super) fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_pem(&key.to_pem()).expect("a key")
}

pub(super) struct Federation {
    pub(super) pki: Pki,
    pub(super) dir: TempDir,
    pub(super) clock: Arc<Moved>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) agreement: Agreement,
    pub(super) keys: HashMap<&'static str, Keys>,
    pub(super) analysts: HashMap<String, SigningKey>,
    queries: AtomicU64,
    _panics: Watch,
}

/// A node that runs, with its audit log.
pub(super) struct OpenNode {
    pub(super) node: Node,
    pub(super) store: Store,
    pub(super) state: PathBuf,
    pub(super) site: Arc<Site>,
}

/// A coordinator that runs, with its audit log.
pub(super) struct OpenCoordinator {
    pub(super) coordinator: Coordinator,
    pub(super) store: Store,
    pub(super) state: PathBuf,
}

fn role(code: &str) -> Role {
    if code == COORDINATOR { Role::Coordinator } else { Role::Node }
}

impl Federation {
    /// With one analyst, `a0`, and the weak one.
    pub(super) fn new() -> Self {
        Self::with_analysts(1)
    }

    pub(super) fn with_analysts(count: usize) -> Self {
        Self::made(count, "hostile.example", HOME_ICB, &HashMap::new())
    }

    /// A second federation that has everything in common with this one that it can: the organisations with their
    /// audit logs, the coordinator's ODS code, the agreement's name, the analysts' names, the ids of queries.
    /// Authority, answer keys and the population are its own.
    pub(super) fn beside(&self) -> Self {
        Self {
            clock: Arc::clone(&self.clock),
            ..Self::made(1, "second.example", NEIGHBOUR_ICB, &self.keys)
        }
    }

    fn made(
        count: usize,
        name: &str,
        residents: &str,
        known: &HashMap<&'static str, Keys>,
    ) -> Self {
        let mut keys = HashMap::new();
        let mut text = format!(
            "id = \"dsa-1\"\nversion = 1\nfederation = \"{name}\"\nresidence_scope = [\"{residents}\"]\n\
             from = \"2026-01-01\"\nuntil = \"2027-01-15\"\npurposes = [\"service_planning\"]\npacks = [\"13sa\"]\n\
             indicators = [\"{INDICATOR}\", \"rtt_over_65_weeks\"]\n\
             dimensions = [\"imd\", \"ethnicity\", \"sex\", \"tfc\"]\nmax_dimensions = 1\nprofile = \"nhs75m\"\n\
             show_partners = true\nasker_runs_coordinator = true\n"
        );
        for code in [COORDINATOR, COUNCIL].into_iter().chain(HOLDERS) {
            let mine = Keys {
                answer: SigningKey::generate_ed25519().expect("a key"),
                ledger: match known.get(code) {
                    Some(keys) => copy(&keys.ledger),
                    None => SigningKey::generate_ed25519().expect("a key"),
                },
            };
            let _ = write!(
                text,
                "[[parties]]\nods = \"{code}\"\nrole = \"{}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                role(code).as_str(),
                mine.answer.verifying_key().to_text(),
                mine.ledger.verifying_key().to_text(),
            );
            keys.insert(code, mine);
        }
        let mut analysts = HashMap::new();
        for name in (0..count).map(|n| format!("a{n}")).chain([WEAK.to_owned()]) {
            let key = SigningKey::generate_p256().expect("a key");
            let least = if name == WEAK { "idp_bound" } else { "enrolled" };
            let _ = write!(
                text,
                "[[analysts]]\nid = \"{name}\"\nkey = \"{}\"\nassurance_min = \"{least}\"\n",
                key.verifying_key().to_text()
            );
            analysts.insert(name, key);
        }
        Self {
            pki: Pki::of_kind(name, AuthorityKind::Example),
            dir: tempfile::tempdir().expect("a folder"),
            clock: Arc::new(Moved(AtomicI64::new(NOW.as_unix()))),
            catalogue: Arc::new(Catalogue::builtin().expect("the catalogue")),
            agreement: Agreement::parse(&text).expect("an agreement"),
            keys,
            analysts,
            queries: AtomicU64::new(0),
            _panics: Watch::begin(),
        }
    }

    /// A server as its certificate names it.
    pub(super) fn peer(&self, code: &str, role: Role) -> Peer {
        let credentials = self.pki.issue(&self.pki.request(code, role));
        Peer::from_certificate(credentials.certificate(), &self.pki.federation).expect("a peer")
    }

    /// The agreement's coordinator.
    pub(super) fn caller(&self) -> Peer {
        self.peer(COORDINATOR, Role::Coordinator)
    }

    async fn store(&self, code: &'static str) -> (Store, PathBuf) {
        self.store_in(self.dir.path(), code).await
    }

    async fn store_in(&self, home: &Path, code: &'static str) -> (Store, PathBuf) {
        let state = home.join(code);
        let identity = Identity { ods: ods(code), role: role(code) };
        let key = Arc::new(copy(&self.keys[code].ledger));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let store = Store::open(&state, identity, key, clock, "test").await.expect("opens");
        (store, state)
    }

    pub(super) async fn node(&self, code: &'static str) -> OpenNode {
        self.node_of(code, ImdEdition::Imd2025, &self.agreement).await
    }

    /// A node with an extract of an edition and its own copy of the agreement.
    pub(super) async fn node_of(
        &self,
        code: &'static str,
        edition: ImdEdition,
        agreement: &Agreement,
    ) -> OpenNode {
        // No agreement names tables beforehand here, so that the log is of what a test asks.
        let store = self.store(code).await;
        self.open_node(code, store, extract(code, edition), (agreement, Vec::new())).await
    }

    /// A node with an extract of its own, which decides the tables of the agreement beforehand where that is wanted.
    pub(super) async fn node_with(
        &self,
        code: &'static str,
        extract: &Extract,
        prepares: bool,
    ) -> OpenNode {
        self.node_in(self.dir.path(), code, extract, prepares).await
    }

    /// The same, with its state in another folder.
    pub(super) async fn node_in(
        &self,
        home: &Path,
        code: &'static str,
        extract: &Extract,
        prepares: bool,
    ) -> OpenNode {
        let prepared = if prepares { vec![self.agreement.clone()] } else { Vec::new() };
        let store = self.store_in(home, code).await;
        self.open_node(code, store, Some(extract), (&self.agreement, prepared)).await
    }

    async fn open_node(
        &self,
        code: &'static str,
        (store, state): (Store, PathBuf),
        extract: Option<&Extract>,
        (agreement, agreements): (&Agreement, Vec<Agreement>),
    ) -> OpenNode {
        if let Some(extract) = extract {
            extract.install(&state);
        }
        let noted = entries(&state).await.into_iter().filter_map(|(_, entry)| match entry.event {
            Event::SnapshotPublished { snapshot, .. } => Some(snapshot),
            _ => None,
        });
        let site = Site::new(node::Parts {
            ods: ods(code),
            profile: self.agreement.profile,
            catalogue: Arc::clone(&self.catalogue),
            store: store.clone(),
            state: state.clone(),
            node_key: node_key(code),
            database: None,
            noted: noted.collect(),
            agreements,
            clock: Arc::clone(&self.clock) as _,
        });
        let node = site.node(self.membership(code, agreement));
        OpenNode { node, store, state, site: Arc::new(site) }
    }

    fn membership(&self, code: &str, agreement: &Agreement) -> Membership {
        Membership {
            federation: self.pki.federation.clone(),
            coordinator: ods(COORDINATOR),
            agreements: vec![agreement.clone()],
            answer_key: copy(&self.keys[code].answer),
            roster: None,
            seal_key: None,
        }
    }

    /// The part that another federation's partner takes in this one.
    pub(super) fn joined(&self, open: &OpenNode) -> OpenNode {
        let node = open.site.node(self.membership(open.ods().as_str(), &self.agreement));
        let (store, state, site) = (open.store.clone(), open.state.clone(), Arc::clone(&open.site));
        OpenNode { node, store, state, site }
    }

    pub(super) async fn coordinator(&self, partners: Arc<dyn PartnerDirectory>) -> OpenCoordinator {
        self.coordinator_with(partners, None).await
    }

    /// The same, with what blind sums need.
    pub(super) async fn coordinator_with(
        &self,
        partners: Arc<dyn PartnerDirectory>,
        sums: Option<SumParts>,
    ) -> OpenCoordinator {
        let (store, state) = self.store(COORDINATOR).await;
        let coordinator = Coordinator::new(coordinator::Parts {
            own: self.caller(),
            agreements: vec![self.agreement.clone()],
            catalogue: Arc::clone(&self.catalogue),
            store: store.clone(),
            partners,
            clock: Arc::clone(&self.clock) as _,
            sums,
        });
        OpenCoordinator { coordinator, store, state }
    }

    pub(super) fn fresh_id(&self) -> QueryId {
        let number = self.queries.fetch_add(1, Ordering::SeqCst);
        QueryId::from_parts(1_800_000_000_000 + number, &[7; 10])
    }

    /// A good query for these partners: people by sex.
    pub(super) fn query(&self, targets: &[&str]) -> Query {
        let indicator = IndicatorId::new(INDICATOR).expect("an id");
        Query {
            query_id: self.fresh_id(),
            federation: self.agreement.federation.clone(),
            agreement: self.agreement.id.clone(),
            agreement_hash: self.agreement.hash().expect("a hash"),
            purpose: PurposeId::new("service_planning").expect("an id"),
            targets: targets.iter().map(|code| ods(code)).collect(),
            not_before: NOW.plus(-60),
            expires: NOW.plus(300),
            questions: vec![Question {
                definition_hash: self.catalogue.definition_hash(&indicator).expect("a hash"),
                indicator,
                period: PERIOD.parse().expect("a period"),
                by: vec![level("sex")],
                scope: None,
            }],
            view: None,
        }
    }

    /// Signs as the analyst `a0`.
    pub(super) fn sign(&self, query: &Query) -> Envelope {
        self.sign_as(query, "a0")
    }

    pub(super) fn sign_as(&self, query: &Query, analyst: &str) -> Envelope {
        let bytes = canonical::encode(query).expect("encodes");
        Envelope::sign(bytes, QUERY_TYPE, analyst, &self.analysts[analyst]).expect("signs")
    }

    pub(super) fn layout(&self, query: &Query) -> Layout {
        Layout::new(&query.questions[0], Some(&self.agreement), &self.catalogue).expect("a layout")
    }

    /// What the analyst's tool does with what arrived.
    pub(super) fn check(
        &self,
        bundle: Bundle,
        query: &Query,
    ) -> Result<SystemView<Shared>, DoubtError> {
        self.check_one(bundle, query, 0)
    }

    /// The same, for the answer to any of its questions.
    pub(super) fn check_one(
        &self,
        bundle: Bundle,
        query: &Query,
        question: u32,
    ) -> Result<SystemView<Shared>, DoubtError> {
        let hash = self.sign(query).payload_hash();
        let asked = &query.questions[usize::try_from(question).expect("small")];
        let layout = Layout::new(asked, Some(&self.agreement), &self.catalogue).expect("a layout");
        let (agreement, catalogue) = (&self.agreement, &self.catalogue);
        SystemView::check(bundle, query, hash, question, &layout, agreement, catalogue)
    }

    /// A good query for these partners: three questions, of which the extracts answer the first and the last,
    /// and hold no data for the second.
    pub(super) fn three(&self, targets: &[&str]) -> Query {
        let mut query = self.query(targets);
        let mut other = query.questions[0].clone();
        other.period = "2026-09".parse().expect("a period");
        let mut last = query.questions[0].clone();
        last.by = vec![level("imd.quintile")];
        query.questions.extend([other, last]);
        query
    }
}

pub(super) fn level(id: &str) -> LevelId {
    LevelId::new(id).expect("a level")
}

/// What an audit log says of questions, and of openings after the first. A node writes down its extract as
/// soon as somebody may ask about it; that entry is counted by a test of its own.
pub(super) async fn logged(state: &Path) -> Vec<Event> {
    let events = entries(state).await.into_iter().map(|(_, entry)| entry.event).skip(1);
    events.filter(|event| !matches!(event, Event::SnapshotPublished { .. })).collect()
}

/// All entries of an audit log, with their bytes.
pub(super) async fn entries(state: &Path) -> Vec<(Vec<u8>, Entry)> {
    let reader = Reader::open(state).await.expect("a log");
    let page = reader.entries(0, 1_000).await.expect("entries");
    page.into_iter().map(|(_, bytes, entry)| (bytes, entry)).collect()
}

/// The short names of events.
pub(super) fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event| serde_json::to_value(event).expect("JSON")["kind"].clone();
    events.iter().map(|event| kind(event).as_str().expect("text").to_owned()).collect()
}

impl OpenNode {
    /// The answer to the one question of a query.
    pub(super) async fn ask(&self, from: &Peer, it: &Envelope) -> Result<Outgoing, NodeFault> {
        ask_node(&self.node, from, it).await
    }

    /// What comes of each question of a query.
    pub(super) async fn ask_all(
        &self,
        from: &Peer,
        it: &Envelope,
    ) -> Result<Vec<Answered<Outgoing, NodeFault>>, NodeFault> {
        Ok(self.node.answer(from, it, DEADLINE).await?.collect().await)
    }

    pub(super) async fn log(&self) -> Vec<String> {
        kinds(&logged(&self.state).await)
    }
}

impl OpenCoordinator {
    /// The answer to the one question of a query.
    pub(super) async fn ask(&self, it: Envelope) -> Result<SystemView<Shared>, AskFault> {
        one(self.coordinator.ask(it, DEADLINE, nobody()).await).await
    }

    /// What comes of each question of a query.
    pub(super) async fn ask_all(
        &self,
        it: Envelope,
    ) -> Result<Vec<Answered<SystemView<Shared>, AskFault>>, AskFault> {
        Ok(self.coordinator.ask(it, DEADLINE, nobody()).await?.collect().await)
    }

    pub(super) async fn log(&self) -> Vec<String> {
        kinds(&logged(&self.state).await)
    }
}

/// The answer to the one question of a query.
pub(super) async fn ask_node(
    node: &Node,
    from: &Peer,
    it: &Envelope,
) -> Result<Outgoing, NodeFault> {
    one(node.answer(from, it, DEADLINE).await).await
}

/// The answer to the one question of a query.
pub(super) async fn one<T, F>(answers: Result<Answers<T, F>, F>) -> Result<T, F> {
    let mut all: Vec<Answered<T, F>> = answers?.collect().await;
    assert_eq!(all.len(), 1, "one question, one answer");
    let (number, answer) = all.remove(0);
    assert_eq!(number, 0);
    answer
}

/// Listens to no progress.
pub(super) fn nobody() -> ProgressSink {
    Arc::new(|_| {})
}

/// Whatever answers for a partner, as a coordinator has it.
pub(super) type Partner = Arc<dyn NodePort<Reply = AnswerParts>>;

/// Partners in the same process.
#[derive(Default)]
pub(super) struct Directory(HashMap<Ods, Partner>);

impl Directory {
    pub(super) fn new(partners: impl IntoIterator<Item = (&'static str, Partner)>) -> Arc<Self> {
        Arc::new(Self(partners.into_iter().map(|(code, it)| (ods(code), it)).collect()))
    }
}

impl PartnerDirectory for Directory {
    fn partner(&self, ods: &Ods) -> Option<Partner> {
        self.0.get(ods).map(Arc::clone)
    }
}

/// What comes of each question of a query at a node.
pub(super) type Said = Vec<Answered<AnswerParts, NodeFault>>;

/// A node whose answers are altered.
pub(super) struct Altered {
    node: Node,
    how: Box<dyn Fn(Said) -> Said + Send + Sync>,
}

impl NodePort for Altered {
    type Reply = AnswerParts;

    fn answer<'a>(
        &'a self,
        caller: &'a Peer,
        envelope: &'a Envelope,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Answers<AnswerParts, NodeFault>, NodeFault>> {
        Box::pin(async move {
            let answers = self.node.answer(caller, envelope, deadline).await?;
            let said: Said = answers.map(parts).collect().await;
            Ok(Box::pin(tokio_stream::iter((self.how)(said))) as Answers<_, _>)
        })
    }
}

/// An answer as it travels.
pub(super) fn parts(
    (number, answer): Answered<Outgoing, NodeFault>,
) -> Answered<AnswerParts, NodeFault> {
    (number, answer.map(|outgoing| outgoing.parts().clone()))
}

/// A node that is as it should be.
pub(super) fn honest(node: &OpenNode) -> Partner {
    altered(node, |parts| parts)
}

/// A node each of whose answers is altered.
pub(super) fn altered(
    node: &OpenNode,
    how: impl Fn(AnswerParts) -> AnswerParts + Send + Sync + 'static,
) -> Partner {
    reordered(node, move |said| {
        said.into_iter().map(|(number, answer)| (number, answer.map(&how))).collect()
    })
}

/// A node that says something else than what it has to say.
pub(super) fn reordered(
    node: &OpenNode,
    how: impl Fn(Said) -> Said + Send + Sync + 'static,
) -> Partner {
    Arc::new(Altered { node: node.node.clone(), how: Box::new(how) })
}
