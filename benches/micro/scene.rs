//! A federation of ten partners whose answers exist, without servers.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use evensum_core::authz::{Asked as AskedUse, Permit, Standing, cleared};
use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{
    AnswerParts, Draft, Expected, Frozen, Live, Outcome, Outgoing, Received, Verified, protect,
};
use evensum_core::identity::{Asker, QUERY_TYPE};
use evensum_core::ledger::{Checkpoint, Entry, Event, Receipt, ReceiptParts, merkle, origin};
use evensum_core::model::{
    Agreement, Digest, ImdEdition, IndicatorId, LevelId, Ods, PurposeId, Query, QueryId, Question,
    RawCell, Role, SnapshotRef, SnapshotVersion, Table, Timestamp, canonical,
};
use evensum_core::plan::Plan;
use evensum_core::sign::{Envelope, SigningKey};

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);
const COORDINATOR: &str = "QZ1";
const PARTNERS: u64 = 10;

struct Keys {
    answer: SigningKey,
    ledger: SigningKey,
}

pub(crate) struct Scene {
    pub(crate) catalogue: Catalogue,
    pub(crate) agreement: Agreement,
    pub(crate) envelope: Envelope,
    keys: HashMap<Ods, Keys>,
}

fn ods(text: &str) -> Ods {
    Ods::new(text).expect("a code")
}

fn snapshot() -> SnapshotRef {
    SnapshotRef {
        id: Digest::of(b"extract"),
        as_of: "2026-10-31".parse().expect("a date"),
        version: SnapshotVersion::Final,
        imd_edition: Some(ImdEdition::Imd2025),
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let analyst = SigningKey::generate_p256().expect("a key");
        let mut text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"{COORDINATOR}\"]\n\
             from = \"2026-01-01\"\nuntil = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = [\"13sa\"]\n\
             indicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"imd\", \"ethnicity\"]\nmax_dimensions = 2\n\
             profile = \"nhs75m\"\nshow_partners = true\nasker_runs_coordinator = true\n"
        );
        let mut keys = HashMap::new();
        let partners = (1..=PARTNERS).map(|n| (format!("ZZ{n}"), Role::Node));
        for (code, role) in partners.chain([(COORDINATOR.to_owned(), Role::Coordinator)]) {
            let mine = Keys {
                answer: SigningKey::generate_ed25519().expect("a key"),
                ledger: SigningKey::generate_ed25519().expect("a key"),
            };
            let _ = write!(
                text,
                "[[parties]]\nods = \"{code}\"\nrole = \"{}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                role.as_str(),
                mine.answer.verifying_key().to_text(),
                mine.ledger.verifying_key().to_text(),
            );
            keys.insert(ods(&code), mine);
        }
        let key = analyst.verifying_key().to_text();
        let _ = write!(
            text,
            "[[analysts]]\nid = \"ada\"\nkey = \"{key}\"\nassurance_min = \"enrolled\"\n"
        );
        let agreement = Agreement::parse(&text).expect("an agreement");
        let catalogue = Catalogue::builtin().expect("the catalogue");
        let indicator = IndicatorId::new("rtt_over_52_weeks").expect("an id");
        let level = |id: &str| LevelId::new(id).expect("a level");
        let query = Query {
            query_id: QueryId::from_parts(1_790_000_000_000, &[9; 10]),
            federation: agreement.federation.clone(),
            agreement: agreement.id.clone(),
            agreement_hash: agreement.hash().expect("a hash"),
            purpose: PurposeId::new("planning").expect("an id"),
            targets: agreement.nodes().map(|party| party.ods.clone()).collect(),
            not_before: NOW.plus(-5),
            expires: NOW.plus(300),
            questions: vec![Question {
                definition_hash: catalogue.definition_hash(&indicator).expect("a hash"),
                indicator,
                period: "2026-10".parse().expect("a period"),
                by: vec![level("imd.quintile"), level("ethnicity.group")],
                scope: None,
            }],
            view: None,
        };
        let bytes = canonical::encode(&query).expect("encodes");
        let envelope = Envelope::sign(bytes, QUERY_TYPE, "ada", &analyst).expect("signs");
        Self { catalogue, agreement, envelope, keys }
    }

    pub(crate) fn partners(&self) -> Vec<Ods> {
        self.agreement.nodes().map(|party| party.ods.clone()).collect()
    }

    pub(crate) fn asker(&self) -> Asker {
        Asker::verify(&self.envelope, &self.agreement).expect("verifies")
    }

    pub(crate) fn plan(&self) -> Plan<AskedUse> {
        let standing =
            Standing { agreement: &self.agreement, catalogue: &self.catalogue, now: NOW };
        let asker = self.asker();
        let query = cleared(&asker, standing).expect("cleared");
        let query = query.at_node(&self.partners()[0], self.agreement.profile).expect("a target");
        let permit = Permit::query(&query, 0).expect("a permit");
        Plan::compile(&permit, &self.catalogue).expect("a plan")
    }

    /// A table whose totals are the sums of its parts.
    pub(crate) fn raw(plan: &Plan<AskedUse>) -> Table<RawCell> {
        let lattice = Arc::clone(plan.layout().lattice());
        let finest = |cell: usize| -> u64 {
            let axes = lattice.axes().iter().zip(lattice.coordinates(cell));
            axes.map(|(axis, at)| axis.categories()[at].members.len() as u64).product()
        };
        let count = |cell| RawCell::new(40 * finest(cell), 40 * finest(cell), 1);
        let cells = (0..lattice.len()).map(count).collect();
        Table::new(lattice, cells).expect("a table")
    }

    /// Protected and put to the disclosure test, with nothing live beside it.
    pub(crate) fn draft(&self, of: &Ods, plan: &Plan<AskedUse>) -> Draft {
        let table = protect(plan, Self::raw(plan), &snapshot(), of).expect("protected");
        let nothing: [&[u8]; 0] = [];
        let live = Live::new(&self.catalogue, nothing).expect("live");
        match live.test(vec![table], &Limits::RELEASE).expect("tested") {
            Outcome::Passed(mut drafts) => drafts.remove(0),
            Outcome::Withheld(_) => panic!("withheld"),
        }
    }

    /// A receipt for an event, from an audit log of three entries.
    pub(crate) fn receipt(&self, of: &Ods, event: Event) -> Receipt {
        let log = origin(of, Role::Node);
        let entry = |seq, event| {
            Entry::new(seq, NOW, of.clone(), Role::Node, event).encode().expect("fits")
        };
        let opened = || Event::LogOpened { software: "bench".to_owned() };
        let entries = [entry(0, opened()), entry(1, event), entry(2, opened())];
        let (mut tree, mut nodes) = (merkle::Frontier::default(), HashMap::new());
        for bytes in &entries {
            for (level, index, hash) in tree.push(merkle::leaf_hash(bytes)) {
                nodes.insert((level, index), hash);
            }
        }
        let stored = |level, index| nodes.get(&(level, index)).copied();
        let proof = merkle::inclusion_proof(1, tree.len(), &stored).expect("a proof");
        let key = &self.keys[of].ledger;
        let checkpoint = Checkpoint::sign(&log, tree.len(), &tree.root(), key).expect("signs");
        let [_, entry, _] = entries;
        let parts = ReceiptParts { entry, index: 1, proof, checkpoint };
        Receipt::verify(parts, &log, &key.verifying_key()).expect("verifies")
    }

    fn answer(&self, of: &Ods, plan: &Plan<AskedUse>) -> AnswerParts {
        let asker = self.asker();
        let draft = self.draft(of, plan);
        let published = self.receipt(of, draft.event());
        let frozen = Frozen::reopen(draft.bytes().to_vec(), &published).expect("frozen");
        let query_id = asker.query().document().query_id;
        let (query_hash, release_hash) = (asker.query().hash(), Digest::of(draft.bytes()));
        let event = Event::AnswerReleased { query_id, query_hash, question: 0, release_hash };
        let released = frozen.release(query_id, 0, self.receipt(of, event)).expect("released");
        let key = &self.keys[of].answer;
        let outgoing = Outgoing::release(released, &self.agreement.federation, of, key);
        outgoing.expect("signs").parts().clone()
    }

    /// One partner's answer as it arrives.
    pub(crate) fn answers(&self, plan: &Plan<AskedUse>) -> Vec<(Ods, AnswerParts)> {
        self.partners().into_iter().map(|ods| (ods.clone(), self.answer(&ods, plan))).collect()
    }

    pub(crate) fn verified(
        &self,
        asker: &Asker,
        plan: &Plan<AskedUse>,
        (ods, parts): (&Ods, AnswerParts),
    ) -> Verified {
        let (query_id, query_hash) = (asker.query().document().query_id, asker.query().hash());
        let (agreement, layout) = (&self.agreement, plan.layout());
        let expected = Expected {
            agreement,
            ods,
            role: Role::Node,
            query_id,
            query_hash,
            question: 0,
            layout,
        };
        Verified::verify(parts, expected).expect("believed")
    }

    pub(crate) fn received(&self, plan: &Plan<AskedUse>) -> Vec<Received> {
        let asker = self.asker();
        self.answers(plan)
            .into_iter()
            .filter_map(|(ods, parts)| match self.verified(&asker, plan, (&ods, parts)) {
                Verified::Release(received) => Some(*received),
                Verified::Refusal(_) => None,
            })
            .collect()
    }
}
