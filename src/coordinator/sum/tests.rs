//! The coordinator binds real members under a signed list, which is replaced while the round is open.

use std::collections::BTreeMap;

use evensum_core::identity::Peer;
use evensum_core::ledger::ReceiptParts;
use evensum_core::model::{
    Agreement, AgreementId, DatasetId, FederationId, Ods, Population, Role, SnapshotRef,
    SnapshotVersion, Timestamp,
};
use evensum_core::plan::PooledTables;
use evensum_core::pool::{
    ClosedRound, Member, PoolServer, Ready, Roster, RoundDocument, SignedRoster, VerifiedRoster,
};
use evensum_core::port::{BoxFuture, PoolNodePort, SealedParts, SignedClosing};
use evensum_core::sign::Envelope;
use tempfile::TempDir;

use super::*;
use crate::store::Identity;

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);
const MEMBERS: [&str; 5] = ["M1", "M2", "M3", "M4", "M5"];
const SERVERS: [(&str, Role); 2] = [("ZZ1", Role::Coordinator), ("ZZ9", Role::Helper)];

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

fn ods(code: &str) -> Ods {
    Ods::new(code).expect("a code")
}

fn answer_key() -> SigningKey {
    SigningKey::generate_ed25519().expect("a key")
}

fn own() -> Peer {
    let federation = FederationId::new("icb.example").expect("an id");
    let uri = Peer::uri(&federation, &ods("ZZ1"), Role::Coordinator, "c1").expect("a name");
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().expect("ASCII"))];
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Peer::from_certificate(certificate.der(), &federation).expect("a peer")
}

/// A node that is ready with what it says, and sends nothing.
struct Says(Envelope);

impl PoolNodePort for Says {
    fn ready<'a>(
        &'a self,
        _: &'a Peer,
        _: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>> {
        Box::pin(async { Ok(vec![self.0.clone()]) })
    }

    fn contribute<'a>(
        &'a self,
        _: &'a Peer,
        _: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>> {
        Box::pin(async { Err(PoolFault::Unreachable) })
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
        _: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async { Ok(()) })
    }
}

struct Nodes(BTreeMap<Ods, Arc<Says>>);

impl PoolDirectory for Nodes {
    fn member(&self, ods: &Ods) -> Option<Arc<dyn PoolNodePort>> {
        Some(Arc::clone(self.0.get(ods)?) as _)
    }
}

struct Scene {
    dir: TempDir,
    agreement: Agreement,
    catalogue: Arc<Catalogue>,
    first: Roster,
    officers: [SigningKey; 2],
    members: BTreeMap<&'static str, SigningKey>,
    answer: String,
    ledger: Arc<SigningKey>,
}

impl Scene {
    fn new() -> Self {
        let (answer, ledger, officers) = (answer_key(), answer_key(), [answer_key(), answer_key()]);
        let members: BTreeMap<_, _> = MEMBERS.map(|code| (code, answer_key())).into();
        let mut text = "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"sex\"]\nmax_dimensions = 2\n\
             profile = \"nhs75m\"\nhelper = \"ZZ9\"\npool = \"deposit\"\nanalysts = []\n"
            .to_owned();
        let nodes = members.iter().map(|(code, key)| (*code, Role::Node, key.verifying_key()));
        let [first, second] = SERVERS;
        let servers = [
            (first.0, first.1, answer.verifying_key()),
            (second.0, second.1, answer_key().verifying_key()),
        ];
        for (code, role, key) in servers.into_iter().chain(nodes) {
            let (key, log) = (key.to_text(), answer_key().verifying_key().to_text());
            let role = role.as_str();
            text += &format!(
                "[[parties]]\nods = \"{code}\"\nrole = \"{role}\"\nanswer_key = \"{key}\"\nledger_key = \"{log}\"\n"
            );
        }
        for ((id, of), key) in [("ann", "ZZ1"), ("bob", "M1")].iter().zip(&officers) {
            let key = key.verifying_key().to_text();
            text += &format!("[[officers]]\nid = \"{id}\"\nods = \"{of}\"\nkey = \"{key}\"\n");
        }
        let agreement = Agreement::parse(&text).expect("an agreement");
        let seal = || SealKey::generate().expect("a key").public().to_text();
        let server = |(code, role): (&str, Role)| {
            let party = agreement.party(&ods(code), role).expect("a party");
            let answer_key = party.answer_key.clone();
            PoolServer { ods: ods(code), answer_key, seal_key: seal() }
        };
        let [one, other] = SERVERS.map(server);
        let list = Roster::new(agreement.federation.clone(), one, Some(other)).expect("a list");
        let first = members.iter().fold(list, |list, (code, key)| {
            let since = "2026-01-01".parse().expect("a date");
            let (answer_key, seal_key) = (key.verifying_key().to_text(), seal());
            let name = format!("Partner {code}");
            list.with(Member { ods: ods(code), name, since, answer_key, seal_key }).expect("added")
        });
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            agreement,
            catalogue: Arc::new(Catalogue::builtin().expect("the catalogue")),
            first,
            officers,
            members,
            answer: answer.to_pem().to_string(),
            ledger: Arc::new(ledger),
        }
    }

    fn signed(&self, list: Roster) -> Arc<VerifiedRoster> {
        let unsigned = SignedRoster::unsigned(list).expect("a list");
        let each = self.agreement.officers.iter().zip(&self.officers);
        let signed =
            each.fold(unsigned, |list, (officer, key)| list.sign(officer, key).expect("signed"));
        Arc::new(signed.verify(&self.agreement).expect("it holds"))
    }

    /// A coordinator that goes by this list, whose members are ready under it with a month.
    async fn up(&self, roster: &Arc<VerifiedRoster>, month: &str) -> Sums {
        let (state, clock) = (self.dir.path().join("state"), Arc::new(Still));
        let identity = Identity { ods: ods("ZZ1"), role: Role::Coordinator };
        let key = Arc::clone(&self.ledger);
        let store = Store::open(&state, identity, key, clock.clone(), "evensum test").await;
        let store = store.expect("a store");
        let said = roster.roster().members().iter().map(|member| {
            let says = self.says(member.ods.as_str(), roster, month);
            (member.ods.clone(), Arc::new(Says(says)))
        });
        let agreement = self.agreement.clone();
        Sums {
            own: own(),
            catalogue: Arc::clone(&self.catalogue),
            shelf: Shelf::new(
                (Vault::new(&state), store.clone()),
                vec![Summed { agreement, roster: Arc::clone(roster) }],
                Arc::clone(&self.catalogue),
                clock.clone(),
            ),
            store,
            clock,
            seal_key: Arc::new(SealKey::generate().expect("a key")),
            answer_key: SigningKey::from_pem(&self.answer).expect("a key"),
            nodes: Arc::new(Nodes(said.collect())),
            second: None,
            wait: Duration::ZERO,
            turn: tokio::sync::Mutex::default(),
            turns: Arc::default(),
        }
    }

    fn says(&self, code: &str, roster: &VerifiedRoster, month: &str) -> Envelope {
        let dataset = DatasetId::new("rtt_open_pathway").expect("an id");
        let period = month.parse().expect("a period");
        let tables = PooledTables::of(&self.agreement, (&dataset, period), &self.catalogue, NOW);
        let ready = Ready {
            ods: ods(code),
            population: Population::of(&self.agreement, &dataset, period),
            agreement: self.agreement.id.clone(),
            agreement_hash: self.agreement.hash().expect("a hash"),
            membership: roster.hash(),
            snapshot: SnapshotRef {
                id: Digest::of(code.as_bytes()),
                as_of: period.last_day(),
                version: SnapshotVersion::Provisional,
                imd_edition: None,
            },
            tables: tables.expect("tables").ids().collect(),
        };
        ready.sign(&ods(code), &self.members[code]).expect("signs")
    }
}

fn bound(sums: &Sums) -> Vec<Digest> {
    let rounds = sums.store.rounds();
    let all = rounds.populations().flat_map(|state| state.versions.values());
    all.map(|round| round.round).collect()
}

#[tokio::test]
async fn a_closed_round_outlives_its_agreement_and_an_open_one_does_not() {
    let mut scene = Scene::new();
    let list = scene.signed(scene.first.clone());
    let sums = scene.up(&list, "2026-07").await;
    sums.gather(&sums.shelf.agreements()[0]).await.expect("asks");
    let [july] = bound(&sums)[..] else { panic!("{:?}", bound(&sums)) };
    let document = sums.shelf.load(july).expect("it holds").round.document().clone();
    sums.store.close().await;

    // Another partner joins, say: the agreement has another hash.
    scene.agreement.version += 1;
    let sums = scene.up(&list, "2026-07").await;
    let other = sums.shelf.load(july);
    assert!(matches!(other, Err(LoadError::Round(RoundError::Differs))), "{other:?}");
    let of = {
        let rounds = sums.store.rounds();
        let (state, version, round) = rounds.round(july).expect("it is bound");
        round.reference(&state.population, version)
    };
    let members: Vec<Ods> = MEMBERS.map(ods).into();
    let closing = Digest::of(b"closing");
    let missing = Vec::new();
    let step = PoolStep::Closed { of, closing, members: members.clone(), missing };
    sums.store.step(step).await.expect("closes");
    let loaded = sums.shelf.load(july).expect("it is closed");
    assert_eq!(loaded.round.document(), &document);
    assert_eq!(loaded.vectors.len(), loaded.tables.vectors_of(&loaded.round).expect("all").len());
    let closed = ClosedRound { closing, members, missing: Vec::new() };
    let question = loaded.tables.tables()[0].plan().layout().question().clone();
    assert!(sums.key_of(&loaded, &closed, &question).expect("a key").is_some());
    sums.store.close().await;
}

#[tokio::test]
async fn an_open_round_keeps_its_list_and_the_next_goes_by_the_new_one() {
    let scene = Scene::new();
    let first = scene.signed(scene.first.clone());
    let later = scene.signed(scene.first.clone().without(&ods("M4")).expect("a member"));
    let sums = scene.up(&first, "2026-07").await;
    sums.gather(&sums.shelf.agreements()[0]).await.expect("asks");
    let [july] = bound(&sums)[..] else { panic!("{:?}", bound(&sums)) };
    sums.store.close().await;
    let sums = scene.up(&later, "2026-08").await;
    let loaded = sums.shelf.load(july).expect("it holds");
    assert_eq!((loaded.of.roster.hash(), loaded.round.members().len()), (first.hash(), 5));
    // Who was taken off may still be in it, and nobody else may be missing.
    let period = loaded.round.document().population.period;
    let all = loaded.round.members();
    assert!(loaded.of.roster.may_close(&all, &all, period).is_ok());
    sums.gather(&sums.shelf.agreements()[0]).await.expect("asks");
    let other: Vec<Digest> = bound(&sums).into_iter().filter(|round| *round != july).collect();
    let [august] = other[..] else { panic!("{other:?}") };
    let loaded = sums.shelf.load(august).expect("it holds");
    assert_eq!((loaded.of.roster.hash(), loaded.round.members().len()), (later.hash(), 4));
    sums.store.close().await;
}
