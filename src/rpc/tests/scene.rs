//! A federation of one coordinator and three partners, with keys, audit logs and answers of its own.

use std::collections::HashMap;
use std::sync::Arc;

use evensum_core::authz::{Asked as AskedUse, Permit, Standing, cleared};
use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{Expected, Frozen, Live, Outcome, Outgoing, Verified, protect};
use evensum_core::identity::{Asker, Peer, QUERY_TYPE};
use evensum_core::ledger::{Checkpoint, Entry, Event, Receipt, ReceiptParts, merkle, origin};
use evensum_core::model::{
    Agreement, Digest, FederationId, ImdEdition, IndicatorId, LevelId, Ods, PeriodRange, Profile,
    PurposeId, Query, QueryId, Question, RawCell, RefusalCode, Role, SnapshotRef, SnapshotVersion,
    Table, Timestamp, canonical,
};
use evensum_core::plan::Plan;
use evensum_core::sign::{Envelope, SigningKey};
use evensum_core::view::{
    Absent, Bundle, CoverageStatus, DoubtError, Gathered, Shared, SystemView,
};

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

pub(in crate::rpc) const COORDINATOR: &str = "ZZ1";
pub(in crate::rpc) const ANSWERS: &str = "ZZ2";
pub(in crate::rpc) const REFUSES: &str = "ZZ3";
pub(in crate::rpc) const ABSENT: &str = "ZZ4";

struct Keys {
    answer: SigningKey,
    ledger: SigningKey,
}

pub(in crate::rpc) struct Scene {
    catalogue: Catalogue,
    agreement: Agreement,
    analyst: SigningKey,
    keys: HashMap<&'static str, Keys>,
}

pub(in crate::rpc) fn ods(text: &str) -> Ods {
    Ods::new(text).expect("a code")
}

fn role(code: &str) -> Role {
    if code == COORDINATOR { Role::Coordinator } else { Role::Node }
}

impl Scene {
    pub(in crate::rpc) fn new() -> Self {
        let analyst = SigningKey::generate_p256().expect("a key");
        let mut parties = String::new();
        let mut keys = HashMap::new();
        for code in [COORDINATOR, ANSWERS, REFUSES, ABSENT] {
            let mine = Keys {
                answer: SigningKey::generate_ed25519().expect("a key"),
                ledger: SigningKey::generate_ed25519().expect("a key"),
            };
            parties.push_str(&format!(
                "[[parties]]\nods = \"{code}\"\nrole = \"{}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                role(code).as_str(),
                mine.answer.verifying_key().to_text(),
                mine.ledger.verifying_key().to_text(),
            ));
            keys.insert(code, mine);
        }
        let text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\n\
             from = \"2026-01-01\"\nuntil = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = [\"13sa\"]\n\
             indicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"imd\", \"sex\"]\nmax_dimensions = 2\n\
             profile = \"{}\"\nshow_partners = true\n{parties}[[analysts]]\nid = \"ada\"\nkey = \"{}\"\nassurance_min = \"enrolled\"\n",
            Profile::Nhs75m.as_str(),
            analyst.verifying_key().to_text(),
        );
        Self {
            catalogue: Catalogue::builtin().expect("the catalogue"),
            agreement: Agreement::parse(&text).expect("an agreement"),
            analyst,
            keys,
        }
    }

    /// So many questions, of consecutive months.
    fn query_of(&self, questions: usize) -> Query {
        let month: PeriodRange = "2026-10..2036-10".parse().expect("a range");
        let indicator = IndicatorId::new("rtt_over_52_weeks").expect("an id");
        Query {
            query_id: QueryId::from_parts(1_790_000_000_000, &[9; 10]),
            federation: self.agreement.federation.clone(),
            agreement: self.agreement.id.clone(),
            agreement_hash: self.agreement.hash().expect("a hash"),
            purpose: PurposeId::new("planning").expect("an id"),
            targets: [ANSWERS, REFUSES, ABSENT].map(ods).into(),
            not_before: NOW.plus(-5),
            expires: NOW.plus(300),
            questions: (month.periods().take(questions))
                .map(|period| Question {
                    definition_hash: self.catalogue.definition_hash(&indicator).expect("a hash"),
                    indicator: indicator.clone(),
                    period,
                    by: vec![LevelId::new("sex").expect("a level")],
                    scope: None,
                })
                .collect(),
            view: None,
        }
    }

    /// A signed query of so many questions.
    pub(in crate::rpc) fn envelope_of(&self, questions: usize) -> Envelope {
        let bytes = canonical::encode(&self.query_of(questions)).expect("encodes");
        Envelope::sign(bytes, QUERY_TYPE, "ada", &self.analyst).expect("signs")
    }

    /// The analyst's signed query.
    pub(in crate::rpc) fn envelope(&self) -> Envelope {
        self.envelope_of(1)
    }

    fn asker(&self) -> Asker {
        Asker::verify(&self.envelope(), &self.agreement).expect("verifies")
    }

    fn plan(&self, asker: &Asker) -> Plan<AskedUse> {
        let standing =
            Standing { agreement: &self.agreement, catalogue: &self.catalogue, now: NOW };
        let query = cleared(asker, standing)
            .and_then(|query| query.at_node(&ods(ANSWERS), self.agreement.profile));
        let permit = Permit::query(&query.expect("cleared"), 0);
        Plan::compile(&permit.expect("a permit"), &self.catalogue).expect("a plan")
    }

    /// A receipt for an event, from an audit log of three entries.
    fn receipt(&self, code: &str, event: Event) -> Receipt {
        let log = origin(&ods(code), role(code));
        let entry = |seq, event| {
            Entry::new(seq, NOW, ods(code), role(code), event).encode().expect("encodes")
        };
        let opened = || Event::LogOpened { software: "test".to_owned() };
        let entries = [entry(0, opened()), entry(1, event), entry(2, opened())];
        let (mut tree, mut nodes) = (merkle::Frontier::default(), HashMap::new());
        for bytes in &entries {
            for (level, index, hash) in tree.push(merkle::leaf_hash(bytes)) {
                nodes.insert((level, index), hash);
            }
        }
        let stored = |level, index| nodes.get(&(level, index)).copied();
        let proof = merkle::inclusion_proof(1, tree.len(), &stored).expect("a proof");
        let key = &self.keys[code].ledger;
        let checkpoint =
            Checkpoint::sign(&log, tree.len(), &tree.root(), key).expect("a checkpoint");
        let [_, entry, _] = entries;
        let parts = ReceiptParts { entry, index: 1, proof, checkpoint };
        Receipt::verify(parts, &log, &key.verifying_key()).expect("verifies")
    }

    /// The answer of the partner that answers.
    pub(in crate::rpc) fn release(&self) -> Outgoing {
        let asker = self.asker();
        let plan = self.plan(&asker);
        let lattice = plan.layout().lattice().clone();
        // 40 in each of the finest cells, so that the totals are their sums.
        let finest = |cell: usize| -> u64 {
            let axes = lattice.axes().iter().zip(lattice.coordinates(cell));
            axes.map(|(axis, at)| axis.categories()[at].members.len() as u64).product()
        };
        let count = |cell| RawCell::new(40 * finest(cell), 40 * finest(cell), 1);
        let cells = (0..lattice.len()).map(count).collect();
        let table = Table::new(lattice, cells).expect("a table");
        let snapshot = SnapshotRef {
            id: Digest::of(b"extract"),
            as_of: "2026-10-31".parse().expect("a date"),
            version: SnapshotVersion::Final,
            imd_edition: Some(ImdEdition::Imd2025),
        };
        let table = protect(&plan, table, &snapshot, &ods(ANSWERS)).expect("protected");
        let nothing: [&[u8]; 0] = [];
        let live = Live::new(&self.catalogue, nothing).expect("live");
        let Outcome::Passed(drafts) = live.test(vec![table], &Limits::RELEASE).expect("tested")
        else {
            panic!("withheld")
        };
        let draft = &drafts[0];
        let published = self.receipt(ANSWERS, draft.event());
        let frozen = Frozen::reopen(draft.bytes().to_vec(), &published).expect("frozen");
        let query_id = asker.query().document().query_id;
        let event = Event::AnswerReleased {
            query_id,
            query_hash: asker.query().hash(),
            question: 0,
            release_hash: Digest::of(draft.bytes()),
        };
        let released = frozen.release(query_id, 0, self.receipt(ANSWERS, event)).expect("released");
        let key = &self.keys[ANSWERS].answer;
        Outgoing::release(released, &self.agreement.federation, &ods(ANSWERS), key).expect("signs")
    }

    /// The answer of the partner that refuses.
    pub(in crate::rpc) fn refusal(&self) -> Outgoing {
        let asker = self.asker();
        let (query_id, code) = (asker.query().document().query_id, RefusalCode::NoData);
        let query_hash = asker.query().hash();
        let question = Some(0);
        let event = Event::Refused { asked: None, query_id, query_hash, question, code };
        let receipt = self.receipt(REFUSES, event);
        let (federation, key) = (&self.agreement.federation, &self.keys[REFUSES].answer);
        Outgoing::refusal((query_id, 0), code, &receipt, federation, &ods(REFUSES), key)
            .expect("signs")
    }

    /// The coordinator's view: one partner answers, one refuses, one is late.
    pub(in crate::rpc) fn view(&self) -> SystemView<Shared> {
        let asker = self.asker();
        let plan = self.plan(&asker);
        let (query_id, query_hash) = (asker.query().document().query_id, asker.query().hash());
        let verified = [self.refusal(), self.release()].map(|outgoing| {
            let (agreement, layout) = (&self.agreement, plan.layout());
            let expected = Expected {
                agreement,
                ods: outgoing.ods(),
                role: Role::Node,
                query_id,
                query_hash,
                question: 0,
                layout,
            };
            Verified::verify(outgoing.parts().clone(), expected).expect("believed")
        });
        let late = CoverageStatus::Late;
        let absent = Absent { ods: ods(ABSENT), status: late, reason: "no answer".to_owned() };
        let gathered = Gathered {
            query_id,
            query_hash,
            question: 0,
            verified: verified.into(),
            absent: vec![absent],
            elapsed_ms: 321,
        };
        let unlogged =
            SystemView::assemble(gathered, plan.layout(), &self.agreement, &self.catalogue)
                .expect("combines");
        let (answered, missing) = unlogged.outcome();
        let event = Event::AnswerCombined { query_id, query_hash, question: 0, answered, missing };
        let receipt = self.receipt(COORDINATOR, event);
        unlogged.logged(&ods(COORDINATOR), &receipt).expect("the entry is about this view")
    }

    /// What the analyst's tool does with what arrived.
    pub(in crate::rpc) fn check(&self, bundle: Bundle) -> Result<SystemView<Shared>, DoubtError> {
        let asker = self.asker();
        let (plan, query) = (self.plan(&asker), asker.query());
        SystemView::check(
            bundle,
            query.document(),
            query.hash(),
            0,
            plan.layout(),
            &self.agreement,
            &self.catalogue,
        )
    }
}

/// The coordinator, as a node knows it from the connection.
pub(in crate::rpc) fn peer() -> Arc<Peer> {
    let federation = FederationId::new("icb.example").expect("an id");
    let uri = Peer::uri(&federation, &ods(COORDINATOR), Role::Coordinator, "c1").expect("a name");
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().expect("ASCII"))];
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Arc::new(Peer::from_certificate(certificate.der(), &federation).expect("a peer"))
}
