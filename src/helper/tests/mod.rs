//! A second server with five members whose nodes share real figures, and a coordinator that the tests are.

mod leader;
mod lists;
mod many;
mod opening;
mod resuming;
mod rounds;
mod telling;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{Live, Outcome, contribution, protect};
use evensum_core::identity::{Peer, QUERY_TYPE};
use evensum_core::ledger::ReceiptParts;
use evensum_core::model::{
    Agreement, AgreementId, Clock, DatasetId, Digest, FederationId, ImdEdition, Lattice, Ods,
    OfficerId, Population, PurposeId, Query, QueryId, QueryView, Question, RawCell, RefusalCode,
    Role, SnapshotRef, SnapshotVersion, Table, Timestamp, canonical,
};
use evensum_core::plan::PooledTables;
use evensum_core::pool::{
    self, Aggregator, BoundRound, Closing, Context, Enclosed, Member, Opening, OutputShare,
    PoolServer, Ready, Returned, Roster, Round, RoundDocument, RoundRules, SealKey, Sealed,
    ShareOf, SignedRoster, SumOfShares, VerifiedRoster, VerifyKey, share,
};
use evensum_core::port::{
    BoxFuture, CheckOutcome, Checking, HelperPort, OpenedShares, PoolDirectory, PoolFault,
    PoolNodePort, SealedPart, SealedParts, SignedClosing, VectorOf,
};
use evensum_core::sign::{Envelope, SigningKey};
use tempfile::TempDir;

use self::leader::*;
use super::{Helper, Parts};
use crate::round::Summed;
use crate::store::{Identity, Reader, Store, Vault};

const NOW: i64 = 1_790_000_000;
const COORDINATOR: &str = "ZZ1";
const SECOND: &str = "ZZ9";
const MEMBERS: [&str; 5] = ["M1", "M2", "M3", "M4", "M5"];
const DATASET: &str = "rtt_open_pathway";
const PERIOD: &str = "2026-08";

fn ods(code: &str) -> Ods {
    Ods::new(code).expect("a code")
}

fn answer_key() -> SigningKey {
    SigningKey::generate_ed25519().expect("a key")
}

fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_pem(&key.to_pem()).expect("a key")
}

fn copy_seal(key: &SealKey) -> SealKey {
    SealKey::from_pem(&key.to_pem()).expect("a key")
}

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::Relaxed))
    }
}

fn peer(code: &str, role: Role) -> Peer {
    let federation = FederationId::new("icb.example").expect("an id");
    let uri = Peer::uri(&federation, &ods(code), role, "c1").expect("a name");
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().expect("ASCII"))];
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Peer::from_certificate(certificate.der(), &federation).expect("a peer")
}

/// What is wrong with a node's contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    /// A bit of this server's part is changed before it is sealed.
    Tampered,
    /// A figure is larger than it may be.
    Overflow,
    /// It was made for another round.
    Replayed,
    /// One part comes twice.
    Duplicate,
    /// A part is of a vector that there is not.
    Stray,
}

/// A partner's node.
struct Node {
    ods: Ods,
    key: SigningKey,
    place: u64,
    shared: Mutex<BTreeMap<Digest, Vec<[SealedPart; 2]>>>,
    bad: Mutex<Option<Bad>>,
    refuses: Mutex<Option<RefusalCode>>,
    told: Mutex<Vec<ReceiptParts>>,
}

/// The nodes that are connected.
struct Nodes {
    all: BTreeMap<Ods, Arc<Node>>,
    world: Arc<World>,
    away: Mutex<Vec<Ods>>,
}

/// What everybody has a copy of.
struct World {
    agreement: Agreement,
    roster: Arc<VerifiedRoster>,
    catalogue: Arc<Catalogue>,
    leader: SealKey,
    helper: SealKey,
    /// Rounds that were verified: every node has the same, and does it once for all of them.
    bound: Mutex<BTreeMap<Digest, BoundRound>>,
}

fn set<T>(place: &Mutex<T>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

fn got<T: Clone>(place: &Mutex<T>) -> T {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl World {
    fn tables(&self) -> PooledTables {
        let place = (&DatasetId::new(DATASET).expect("an id"), PERIOD.parse().expect("a period"));
        let now = Timestamp::from_unix(NOW);
        PooledTables::of(&self.agreement, place, &self.catalogue, now).expect("tables")
    }

    fn bound(&self, round: &Envelope) -> BoundRound {
        let mut known = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(round.payload_hash()).or_insert_with(|| self.verified(round)).clone()
    }

    fn verified(&self, round: &Envelope) -> BoundRound {
        let ids: Vec<Digest> = self.tables().ids().collect();
        let (agreement, roster) = (&self.agreement, &*self.roster);
        let rules = RoundRules { agreement, roster, tables: &ids };
        BoundRound::verify(round, &rules).expect("a round")
    }

    fn population(&self) -> Population {
        let dataset = DatasetId::new(DATASET).expect("an id");
        Population::of(&self.agreement, &dataset, PERIOD.parse().expect("a period"))
    }
}

/// The number in a member's code.
fn place(code: &str) -> u64 {
    code.trim_start_matches('M').parse().expect("a number")
}

/// Rows of a member in a group that no category divides.
fn rows(place: u64, leaf: &[usize]) -> u64 {
    leaf.iter().fold(20 + 3 * place, |all, at| all + 7 * (*at as u64 % 5))
}

/// A member's table, counted.
fn counted(place: u64, lattice: &Arc<Lattice>) -> Table<RawCell> {
    let cells = (0..lattice.len()).map(|cell| {
        let at = lattice.coordinates(cell);
        let mut leaves: Vec<Vec<usize>> = vec![Vec::new()];
        for (axis, category) in lattice.axes().iter().zip(at) {
            let members = &axis.categories()[category].members;
            leaves = leaves
                .iter()
                .flat_map(|head| members.iter().map(|m| [&head[..], &[usize::from(*m)]].concat()))
                .collect();
        }
        let events: u64 = leaves.iter().map(|leaf| rows(place, leaf)).sum();
        RawCell::new(events, events, events.min(1))
    });
    Table::new(Arc::clone(lattice), cells.collect()).expect("a table")
}

impl Node {
    fn share(&self, world: &World, envelope: &Envelope) -> Vec<[SealedPart; 2]> {
        let bound = world.bound(envelope);
        let tables = world.tables();
        let bad = got(&self.bad);
        let mut parts = Vec::new();
        for (table, id) in (0..).zip(&bound.document().tables) {
            let of = tables.table(*id).expect("a table");
            let values = contribution(of, counted(self.place, of.plan().layout().lattice()));
            let specs = of.shape().vectors().expect("shapes");
            for ((vector, spec), values) in (0..).zip(specs).zip(values.expect("values")) {
                let deposit = bound.deposit(*id, vector);
                let mut context = Context::new(deposit, self.ods.clone());
                let sealing = [pool::Role::Leader, pool::Role::Helper].map(|r| context.sealing(r));
                if bad == Some(Bad::Replayed) {
                    let other = bound.deposit(Digest::of(b"another table"), vector);
                    context = Context::new(other, self.ods.clone());
                }
                let shared = share(&context, spec, &values).expect("shares");
                let (mut leader, mut helper) = (shared.leader().to_vec(), shared.helper().to_vec());
                match bad {
                    // Behind version, kind, nonce and the public share: the share of the first bit, and the seed.
                    Some(Bad::Overflow) => leader[82] = leader[82].wrapping_add(2),
                    Some(Bad::Tampered) => helper[90] ^= 1,
                    _ => {}
                }
                let seal = |key: &SealKey, context: &[u8], part: &[u8]| {
                    let sealed = key.public().seal(context, part).expect("seals");
                    SealedPart { table, vector, sealed }
                };
                parts.push([
                    seal(&world.leader, &sealing[0], &leader),
                    seal(&world.helper, &sealing[1], &helper),
                ]);
            }
        }
        parts
    }

    fn parts(&self, world: &World, envelope: &Envelope) -> Vec<[SealedPart; 2]> {
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let made =
            all.entry(envelope.payload_hash()).or_insert_with(|| self.share(world, envelope));
        made.clone()
    }
}

/// A node as it is met over a connection.
struct Met(Arc<Node>, Arc<World>);

impl PoolNodePort for Met {
    fn ready<'a>(
        &'a self,
        _: &'a Peer,
        _: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>> {
        Box::pin(async {
            got(&self.0.refuses).map_or(Ok(Vec::new()), |c| Err(PoolFault::Refused(c)))
        })
    }

    fn contribute<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>> {
        Box::pin(async move {
            assert_eq!((caller.role(), caller.ods()), (Role::Helper, &ods(SECOND)));
            if let Some(code) = got(&self.0.refuses) {
                return Err(PoolFault::Refused(code));
            }
            let mut parts: Vec<SealedPart> =
                self.0.parts(&self.1, round).into_iter().map(|[_, helper]| helper).collect();
            match got(&self.0.bad) {
                Some(Bad::Duplicate) => parts.insert(1, parts[0].clone()),
                Some(Bad::Stray) => parts[0].vector = 77,
                _ => {}
            }
            let parts: Vec<_> = parts.into_iter().map(Ok).collect();
            Ok(Box::pin(tokio_stream::iter(parts)) as SealedParts)
        })
    }

    fn closed<'a>(
        &'a self,
        _: &'a Peer,
        _: &'a SignedClosing,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async { Ok(()) })
    }

    fn told<'a>(
        &'a self,
        _: &'a Peer,
        entries: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async move {
            if let Some(code) = got(&self.0.refuses) {
                return Err(PoolFault::Refused(code));
            }
            self.0.told.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
            Ok(())
        })
    }
}

impl PoolDirectory for Nodes {
    fn member(&self, ods: &Ods) -> Option<Arc<dyn PoolNodePort>> {
        if got(&self.away).contains(ods) {
            return None;
        }
        let node = Arc::clone(self.all.get(ods)?);
        Some(Arc::new(Met(node, Arc::clone(&self.world))))
    }
}

/// The federation, and the second server's disk.
struct Scene {
    dir: TempDir,
    clock: Arc<SetClock>,
    world: Arc<World>,
    nodes: Arc<Nodes>,
    coordinator: SigningKey,
    second: SigningKey,
    ledger: Arc<SigningKey>,
    analyst: SigningKey,
    officers: [SigningKey; 2],
    key: VerifyKey,
}

/// The second server while it runs.
struct Up {
    helper: Helper,
    store: Store,
}

struct Server {
    answer: SigningKey,
    ledger: SigningKey,
    seal: SealKey,
}

fn server() -> Server {
    let seal = SealKey::generate().expect("a key");
    Server { answer: answer_key(), ledger: answer_key(), seal }
}

fn party(code: &str, role: Role, of: &Server) -> String {
    format!(
        "[[parties]]\nods = \"{code}\"\nrole = \"{}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
        role.as_str(),
        of.answer.verifying_key().to_text(),
        of.ledger.verifying_key().to_text()
    )
}

impl Scene {
    fn new() -> Self {
        Self::of(&MEMBERS, "\"sex\", \"age\"")
    }

    /// With members of these codes, M1 among them, and tables by these dimensions.
    fn of(codes: &[&str], dimensions: &str) -> Self {
        let (coordinator, second) = (server(), server());
        let members: Vec<Server> = codes.iter().map(|_| server()).collect();
        let (analyst, officers) =
            (SigningKey::generate_p256().expect("a key"), [answer_key(), answer_key()]);
        let mut text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [{dimensions}]\n\
             max_dimensions = 2\nprofile = \"nhs75m\"\nhelper = \"{SECOND}\"\npool = \"deposit\"\n\
             [[analysts]]\nid = \"ada\"\nkey = \"{}\"\nassurance_min = \"enrolled\"\n",
            analyst.verifying_key().to_text()
        );
        text += &party(COORDINATOR, Role::Coordinator, &coordinator);
        text += &party(SECOND, Role::Helper, &second);
        for (code, member) in codes.iter().zip(&members) {
            text += &party(code, Role::Node, member);
        }
        for ((id, of), key) in [("ann", COORDINATOR), ("bob", "M1")].iter().zip(&officers) {
            let key = key.verifying_key().to_text();
            text += &format!("[[officers]]\nid = \"{id}\"\nods = \"{of}\"\nkey = \"{key}\"\n");
        }
        let agreement = Agreement::parse(&text).expect("an agreement");
        let listed: Vec<(&str, &Server)> = codes.iter().copied().zip(&members).collect();
        let roster = roster(&agreement, (&coordinator, &second), &listed, &officers);
        let world = Arc::new(World {
            agreement,
            roster,
            catalogue: Arc::new(Catalogue::builtin().expect("the catalogue")),
            leader: coordinator.seal,
            helper: second.seal,
            bound: Mutex::default(),
        });
        let all = codes.iter().zip(members).map(|(code, member)| {
            let node = Node {
                ods: ods(code),
                key: member.answer,
                place: place(code),
                shared: Mutex::default(),
                bad: Mutex::default(),
                refuses: Mutex::default(),
                told: Mutex::default(),
            };
            (ods(code), Arc::new(node))
        });
        let all = all.collect();
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            clock: Arc::new(SetClock(AtomicI64::new(NOW))),
            nodes: Arc::new(Nodes { all, world: Arc::clone(&world), away: Mutex::default() }),
            world,
            coordinator: coordinator.answer,
            second: second.answer,
            ledger: Arc::new(second.ledger),
            analyst,
            officers,
            key: VerifyKey::generate().expect("a key"),
        }
    }

    fn node(&self, code: &str) -> &Node {
        &self.nodes.all[&ods(code)]
    }

    fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn state(&self) -> std::path::PathBuf {
        self.dir.path().join("state")
    }

    async fn up(&self) -> Up {
        self.up_with(&self.world.roster).await
    }

    async fn up_with(&self, roster: &Arc<VerifiedRoster>) -> Up {
        let identity = Identity { ods: ods(SECOND), role: Role::Helper };
        let key = Arc::clone(&self.ledger);
        let state = self.state();
        let store = Store::open(&state, identity, key, self.clock.clone(), "evensum test");
        let store = store.await.expect("a store");
        let (agreement, roster) = (self.world.agreement.clone(), Arc::clone(roster));
        let parts = Parts {
            own: peer(SECOND, Role::Helper),
            agreements: vec![Summed { agreement, roster }],
            catalogue: Arc::clone(&self.world.catalogue),
            seal_key: copy_seal(&self.world.helper),
            answer_key: copy(&self.second),
            store: store.clone(),
            vault: Vault::new(&self.state()),
            nodes: Arc::clone(&self.nodes) as _,
            clock: self.clock.clone(),
        };
        Up { helper: Helper::open(parts).await.expect("a second server"), store }
    }

    /// The round over the members of these codes.
    fn round(&self, codes: &[&str]) -> Envelope {
        self.round_of(codes, SnapshotVersion::Final)
    }

    fn round_of(&self, codes: &[&str], version: SnapshotVersion) -> Envelope {
        self.round_under(self.world.roster.hash(), codes, version)
    }

    fn round_under(
        &self,
        membership: Digest,
        codes: &[&str],
        version: SnapshotVersion,
    ) -> Envelope {
        let world = &self.world;
        let tables: Vec<Digest> = world.tables().ids().collect();
        let (agreement, agreement_hash) =
            (world.agreement.id.clone(), world.agreement.hash().expect("a hash"));
        let ready = |code: &&str| {
            let node = self.node(code);
            let ready = Ready {
                ods: node.ods.clone(),
                population: world.population(),
                agreement: agreement.clone(),
                agreement_hash,
                membership,
                snapshot: SnapshotRef {
                    id: Digest::of(code.as_bytes()),
                    as_of: "2026-08-31".parse().expect("a date"),
                    version,
                    imd_edition: Some(ImdEdition::Imd2019),
                },
                tables: tables.clone(),
            };
            Enclosed::new(&node.ods, &ready.sign(&node.ods, &node.key).expect("signs"))
        };
        let round = Round {
            population: world.population(),
            version,
            agreement: agreement.clone(),
            agreement_hash,
            membership,
            ready: codes.iter().map(ready).collect(),
            tables: tables.clone(),
            closes: self.clock.now().plus(3_600),
        };
        self.signed(&round)
    }

    fn signed(&self, document: &impl RoundDocument) -> Envelope {
        document.sign(&ods(COORDINATOR), &self.coordinator).expect("signs")
    }

    fn sealed_key(&self, round: &Envelope) -> Sealed {
        let to = self.world.helper.public();
        to.seal(round.payload_hash().as_bytes(), &*self.key.to_bytes()).expect("seals")
    }

    fn questions(&self) -> Vec<Question> {
        let tables = self.world.tables();
        tables.tables().iter().map(|t| t.plan().layout().question().clone()).collect()
    }

    /// An analyst's signed query for what is in the sum.
    fn query(&self, number: u8) -> (QueryId, Envelope) {
        let query = Query {
            query_id: QueryId::from_parts(1_790_000_000_000, &[number; 10]),
            federation: self.world.agreement.federation.clone(),
            agreement: self.world.agreement.id.clone(),
            agreement_hash: self.world.agreement.hash().expect("a hash"),
            purpose: PurposeId::new("planning").expect("an id"),
            targets: vec![ods("M1")],
            not_before: self.clock.now().plus(-5),
            expires: self.clock.now().plus(300),
            questions: self.questions(),
            view: Some(QueryView::Pooled),
        };
        let bytes = canonical::encode(&query).expect("encodes");
        let envelope = Envelope::sign(bytes, QUERY_TYPE, "ada", &self.analyst).expect("signs");
        (query.query_id, envelope)
    }
}

fn roster(
    agreement: &Agreement,
    (coordinator, second): (&Server, &Server),
    members: &[(&str, &Server)],
    officers: &[SigningKey],
) -> Arc<VerifiedRoster> {
    let server = |code: &str, of: &Server| PoolServer {
        ods: ods(code),
        answer_key: of.answer.verifying_key().to_text(),
        seal_key: of.seal.public().to_text(),
    };
    let (first, other) = (server(COORDINATOR, coordinator), server(SECOND, second));
    let mut list = Roster::new(agreement.federation.clone(), first, Some(other)).expect("a list");
    for (code, member) in members {
        let member = Member {
            ods: ods(code),
            name: format!("Partner {code}"),
            since: "2026-01-01".parse().expect("a date"),
            answer_key: member.answer.verifying_key().to_text(),
            seal_key: member.seal.public().to_text(),
        };
        list = list.with(member).expect("a list");
    }
    signed(list, agreement, officers)
}

fn signed(list: Roster, agreement: &Agreement, officers: &[SigningKey]) -> Arc<VerifiedRoster> {
    let mut signed = SignedRoster::unsigned(list).expect("a list");
    for (officer, key) in agreement.officers.iter().zip(officers) {
        assert!(OfficerId::new(officer.id.as_str()).is_ok());
        signed = signed.sign(officer, key).expect("signed");
    }
    Arc::new(signed.verify(agreement).expect("a list that holds"))
}

impl Up {
    async fn down(self) {
        self.store.close().await;
    }

    async fn announce(&self, scene: &Scene, round: &Envelope) -> Result<(), PoolFault> {
        let caller = peer(COORDINATOR, Role::Coordinator);
        self.helper.announce(&caller, round, &scene.sealed_key(round)).await
    }

    async fn fetch(&self) {
        self.helper.0.fetch().await.expect("looks");
    }

    async fn close(&self, closing: &Envelope) -> Result<Envelope, PoolFault> {
        self.helper.close(&peer(COORDINATOR, Role::Coordinator), closing).await
    }

    async fn open(&self, opening: &Envelope) -> Result<OpenedShares, PoolFault> {
        self.helper.open(&peer(COORDINATOR, Role::Coordinator), opening).await
    }

    async fn returned(
        &self,
        returned: &Envelope,
        releases: Vec<Vec<u8>>,
    ) -> Result<ReceiptParts, PoolFault> {
        self.helper.returned(&peer(COORDINATOR, Role::Coordinator), returned, releases).await
    }

    async fn witness(&self, query: &Envelope) -> Result<ReceiptParts, PoolFault> {
        self.helper.witness(&peer(COORDINATOR, Role::Coordinator), query).await
    }
}
