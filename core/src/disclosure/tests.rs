//! The whole chain on values: from a signed query and a raw table to a combined view, and every way in
//! which a link must not hold.

mod advance;
mod cell_keys;
mod completeness;
mod figures;
mod known;
mod live;
mod noisy;
mod numbers;
mod previews;
mod properties;
mod refusals;
mod system;

use super::*;
use crate::authz::{Asked as AskedUse, Local, Permit, Standing};
use crate::catalogue::Catalogue;
use crate::identity::{Asker, QUERY_TYPE};
use crate::ledger::{Asked, Checkpoint, Entry, Event, Receipt, ReceiptParts, merkle, origin};
use crate::model::*;
use crate::plan::Plan;
use crate::sign::{Envelope, SigningKey};

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

struct Partner {
    ods: Ods,
    answer: SigningKey,
    ledger: SigningKey,
}

struct Scene {
    catalogue: Catalogue,
    agreement: Agreement,
    analyst: SigningKey,
    partners: Vec<Partner>,
}

fn ods(text: &str) -> Ods {
    Ods::new(text).expect("ods")
}

impl Scene {
    fn new(profile: Profile) -> Self {
        let analyst = SigningKey::generate_p256().expect("key");
        let partners: Vec<Partner> = ["ZZ1", "ZZ2", "ZZ3"]
            .map(|code| Partner {
                ods: ods(code),
                answer: SigningKey::generate_ed25519().expect("key"),
                ledger: SigningKey::generate_ed25519().expect("key"),
            })
            .into();
        let party = |p: &Partner, role: &str| {
            format!(
                "[[parties]]\nods = \"{}\"\nrole = \"{role}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                p.ods,
                p.answer.verifying_key().to_text(),
                p.ledger.verifying_key().to_text()
            )
        };
        let text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"imd\", \"sex\"]\nmax_dimensions = 2\nprofile = \"{}\"\nshow_partners = true\n\
             {}{}{}[[analysts]]\nid = \"ada\"\nkey = \"{}\"\nassurance_min = \"enrolled\"\n",
            profile.as_str(),
            party(&partners[0], "coordinator"),
            party(&partners[1], "node"),
            party(&partners[2], "node"),
            analyst.verifying_key().to_text()
        );
        Self {
            catalogue: Catalogue::builtin().expect("catalogue"),
            agreement: Agreement::parse(&text).expect("agreement"),
            analyst,
            partners,
        }
    }

    fn query(&self, by: &[&str]) -> Query {
        let indicator = IndicatorId::new("rtt_over_52_weeks").expect("id");
        Query {
            query_id: QueryId::from_parts(1_790_000_000_000, &[9; 10]),
            federation: self.agreement.federation.clone(),
            agreement: self.agreement.id.clone(),
            agreement_hash: self.agreement.hash().expect("hash"),
            purpose: PurposeId::new("planning").expect("id"),
            targets: vec![ods("ZZ2"), ods("ZZ3")],
            not_before: NOW.plus(-5),
            expires: NOW.plus(300),
            questions: vec![Question {
                definition_hash: self.catalogue.definition_hash(&indicator).expect("hash"),
                indicator,
                period: "2026-10".parse().expect("period"),
                by: by.iter().map(|l| LevelId::new(*l).expect("level")).collect(),
                scope: None,
            }],
            view: None,
        }
    }

    fn asker(&self, query: &Query) -> Asker {
        let bytes = canonical::encode(query).expect("encodes");
        let envelope = Envelope::sign(bytes, QUERY_TYPE, "ada", &self.analyst).expect("signs");
        Asker::verify(&envelope, &self.agreement).expect("verifies")
    }

    fn standing(&self) -> Standing<'_> {
        Standing { agreement: &self.agreement, catalogue: &self.catalogue, now: NOW }
    }

    fn plan(&self, asker: &Asker) -> Plan<AskedUse> {
        let query = crate::authz::cleared(asker, self.standing())
            .and_then(|query| query.at_node(&ods("ZZ2"), self.agreement.profile));
        let permit = Permit::query(&query.expect("cleared"), 0).expect("permit");
        Plan::compile(&permit, &self.catalogue).expect("plan")
    }

    /// Whether ZZ2, with this profile, lets the one question of a query be asked.
    fn allows(&self, query: &Query, profile: Profile) -> Result<(), RefusalCode> {
        let asker = self.asker(query);
        crate::authz::cleared(&asker, self.standing())
            .and_then(|query| query.at_node(&ods("ZZ2"), profile))
            .and_then(|query| Permit::query(&query, 0))
            .map(|_| ())
            .map_err(|denied| denied.0)
    }

    /// A receipt for an event, from a log of three entries.
    fn receipt(&self, partner: &Partner, event: Event) -> Receipt {
        self.receipt_as(Role::Node, partner, event)
    }

    fn receipt_as(&self, role: Role, partner: &Partner, event: Event) -> Receipt {
        let log = origin(&partner.ods, role);
        let entry = |seq, event| {
            Entry::new(seq, NOW, partner.ods.clone(), role, event).encode().expect("encodes")
        };
        let opened = || Event::LogOpened { software: "test".to_owned() };
        let entries = [entry(0, opened()), entry(1, event), entry(2, opened())];
        let mut frontier = merkle::Frontier::default();
        let mut nodes = std::collections::HashMap::new();
        for bytes in &entries {
            for (level, index, hash) in frontier.push(merkle::leaf_hash(bytes)) {
                nodes.insert((level, index), hash);
            }
        }
        let proof =
            merkle::inclusion_proof(1, 3, &|level, index| nodes.get(&(level, index)).copied())
                .expect("proof");
        let checkpoint =
            Checkpoint::sign(&log, 3, &frontier.root(), &partner.ledger).expect("signs");
        let [_, bytes, _] = entries;
        let parts = ReceiptParts { entry: bytes, index: 1, proof, checkpoint };
        Receipt::verify(parts, &log, &partner.ledger.verifying_key()).expect("verifies")
    }

    /// A table that passed the disclosure test, with nothing live beside it.
    fn drafted(&self, table: Protected) -> Draft {
        let live = Live::new(&self.catalogue, Vec::<Vec<u8>>::new()).expect("nothing");
        match live.test(vec![table], &attack::Limits::RELEASE).expect("tested") {
            Outcome::Passed(mut drafts) => drafts.pop().expect("a draft"),
            Outcome::Withheld(_) => panic!("withheld"),
        }
    }

    fn answer(&self, partner: &Partner, asker: &Asker, cells: &[(u64, u64, u64)]) -> AnswerParts {
        let raw = cells.iter().map(|(e, p, t)| RawCell::new(*e, *p, *t)).collect();
        self.answer_of(partner, asker, raw)
    }

    fn answer_of(&self, partner: &Partner, asker: &Asker, raw: Vec<RawCell>) -> AnswerParts {
        let plan = self.plan(asker);
        let table = Table::new(plan.layout().lattice().clone(), raw).expect("table");
        self.answer_with(partner, asker, table)
    }

    fn answer_with(&self, partner: &Partner, asker: &Asker, table: Table<RawCell>) -> AnswerParts {
        let plan = self.plan(asker);
        let table = protect(&plan, table, &snapshot(ImdEdition::Imd2025), &partner.ods);
        let draft = self.drafted(table.expect("protected"));
        let published = self.receipt(partner, draft.event());
        let hash = Digest::of(draft.bytes());
        let frozen = Frozen::reopen(draft.bytes().to_vec(), &published).expect("frozen");
        let query = asker.query();
        let event = Event::AnswerReleased {
            query_id: query.document().query_id,
            query_hash: query.hash(),
            question: 0,
            release_hash: hash,
        };
        let released = frozen
            .release(query.document().query_id, 0, self.receipt(partner, event))
            .expect("released");
        let outgoing =
            Outgoing::release(released, &self.agreement.federation, &partner.ods, &partner.answer);
        outgoing.expect("signs").parts().clone()
    }

    fn received(
        &self,
        partner: &Partner,
        asker: &Asker,
        parts: AnswerParts,
    ) -> Result<Received, ReceivedError> {
        let plan = self.plan(asker);
        let expected = Expected {
            agreement: &self.agreement,
            ods: &partner.ods,
            role: Role::Node,
            query_id: asker.query().document().query_id,
            query_hash: asker.query().hash(),
            question: 0,
            layout: plan.layout(),
        };
        match Verified::verify(parts, expected)? {
            Verified::Release(received) => Ok(*received),
            Verified::Refusal(_) => panic!("a refusal"),
        }
    }
}

/// A table with so many people in every combination of the finest codes.
fn even(lattice: &std::sync::Arc<Lattice>, people: u64) -> Table<RawCell> {
    let count = |index| {
        let at = lattice.axes().iter().zip(lattice.coordinates(index));
        let codes = at.map(|(axis, place)| axis.categories()[place].members.len() as u64);
        people * codes.product::<u64>()
    };
    let cells = (0..lattice.len()).map(|i| RawCell::new(count(i), count(i), 1)).collect();
    Table::new(lattice.clone(), cells).expect("table")
}

fn snapshot(edition: ImdEdition) -> SnapshotRef {
    SnapshotRef {
        id: Digest::of(b"extract"),
        as_of: "2026-10-31".parse().expect("date"),
        version: SnapshotVersion::Provisional,
        imd_edition: Some(edition),
    }
}

/// Counts of a table by sex alone, male, female and all first: (over 52, all pathways) each.
fn by_sex(counts: [(u64, u64); 5]) -> Vec<(u64, u64, u64)> {
    let total = counts.iter().fold((0, 0), |(a, b), (x, n)| (a + x, b + n));
    counts.iter().chain([&total]).flat_map(|&(x, n)| [(x, x, 1.min(x)), (n, n, 1.min(n))]).collect()
}

#[test]
fn a_release_travels_and_combines() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    let (north, south) = (&scene.partners[1], &scene.partners[2]);
    let tables = [
        by_sex([(23, 400), (6, 390), (0, 3), (0, 0), (0, 0)]),
        by_sex([(8, 100), (12, 90), (1, 2), (0, 0), (0, 0)]),
    ];
    let received: Vec<Received> = [(north, &tables[0]), (south, &tables[1])]
        .map(|(partner, table)| {
            let parts = scene.answer(partner, &asker, table);
            scene.received(partner, &asker, parts).expect("believed")
        })
        .into();
    let plan = scene.plan(&asker);
    let cells = combine(plan.layout(), &received).expect("combines");
    for (i, cell) in cells.iter().enumerate() {
        let truth = |side: usize| tables.iter().map(|t| t[2 * i + side].0).sum::<u64>();
        assert!(cell.numerator.bounds.contains(truth(0)), "{cell:?}");
        assert!(cell.denominator.bounds.contains(truth(1)), "{cell:?}");
    }
    assert_eq!(cells[0].numerator.state, CellState::Value);
    assert_eq!(cells[0].numerator.bounds, Bounds { low: 23 + 8, high: Some(27 + 12) });
    assert_eq!(cells[3].numerator.state, CellState::Suppressed);
    assert_eq!(cells[3].denominator.state, CellState::Suppressed);
    assert_eq!(cells[1].numerator.published, None, "a sum of partners is not a published figure");
    let swapped: Vec<Received> = received.iter().rev().cloned().collect();
    assert_eq!(combine(plan.layout(), &swapped).expect("combines"), cells);
    let twice = vec![received[0].clone(), received[0].clone()];
    assert!(matches!(combine(plan.layout(), &twice), Err(CombineError::Twice(_))));
}

#[test]
fn one_person_with_many_rows_is_hidden_everywhere() {
    for (cell, hidden) in [
        ((40, 20, 20), false),
        ((40, 20, 21), true),
        ((40, 7, 10), true),
        ((8, 8, 1), false),
        ((7, 7, 1), true),
        ((0, 0, 0), true),
    ] {
        let raw = RawCell::new(cell.0, cell.1, cell.2);
        let shown = protect::shown(&raw, Profile::Nhs75m, crate::catalogue::PersonRows::Several);
        assert_eq!(shown == Shown::Suppressed, hidden, "{cell:?}");
    }
    let zero = RawCell::new(0, 0, 0);
    let one = crate::catalogue::PersonRows::One;
    assert_eq!(protect::shown(&zero, Profile::Nhs75, one), Shown::Published(0));
    assert_eq!(protect::shown(&RawCell::new(9, 9, 1), Profile::Ons105m, one), Shown::Small);
}

#[test]
fn an_altered_answer_is_not_believed() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    let (north, south) = (&scene.partners[1], &scene.partners[2]);
    let good = scene.answer(north, &asker, &by_sex([(23, 400), (16, 390), (0, 3), (0, 0), (0, 0)]));
    assert!(scene.received(north, &asker, good.clone()).is_ok());
    assert!(matches!(scene.received(south, &asker, good.clone()), Err(ReceivedError::Signature)));
    let mut altered = good.clone();
    let at = altered.document.windows(3).position(|w| w == b"400").expect("a figure");
    altered.document[at] = b'5';
    assert!(matches!(scene.received(north, &asker, altered), Err(ReceivedError::Signature)));
    let mut moved = good.clone();
    moved.receipt.index = 0;
    assert!(matches!(scene.received(north, &asker, moved), Err(ReceivedError::Signature)));
    let mut query = scene.query(&["sex"]);
    query.query_id = QueryId::from_parts(1, &[1; 10]);
    let other = scene.asker(&query);
    assert!(matches!(scene.received(north, &other, good), Err(ReceivedError::Signature)));
}

#[test]
fn a_partner_that_breaks_its_own_policy_is_not_believed() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    let north = &scene.partners[1];
    let good = scene.answer(north, &asker, &by_sex([(23, 400), (16, 390), (0, 3), (0, 0), (0, 0)]));
    // Re-signed by the partner itself, so that only the figures are wrong.
    let resigned = |document: Vec<u8>| {
        let query = asker.query();
        let event = Event::AnswerReleased {
            query_id: query.document().query_id,
            query_hash: query.hash(),
            question: 0,
            release_hash: Digest::of(&document),
        };
        let receipt = scene.receipt(north, event).parts().clone();
        let federation = &scene.agreement.federation;
        let message =
            outgoing::statement(federation, &north.ods, (query.hash(), 0), &document, &receipt);
        let signature = north.answer.sign(&message.expect("encodes")).expect("signs");
        scene.received(
            north,
            &asker,
            AnswerParts { kind: DocumentKind::Release, document, signature, receipt },
        )
    };
    assert!(resigned(good.document.clone()).is_ok(), "the control");
    let text = String::from_utf8(good.document).expect("text");
    for (from, to) in [
        ("[25,400,", "[24,400,"),
        ("[25,400,", "[5,400,"),
        ("[25,400,", "[0,400,"),
        ("[25,400,", "[\"small\",400,"),
        ("[25,400,", "[410,400,"),
        ("\"limit\":7", "\"limit\":4"),
        ("\"profile\":\"nhs75m\"", "\"profile\":\"nhs75\""),
        ("\"QZ1\"", "\"QZ2\""),
        ("\"2026-10\"", "\"2026-09\""),
    ] {
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text, "{from}");
        assert!(resigned(altered.into_bytes()).is_err(), "{from} -> {to}");
    }
}

#[test]
fn links_of_the_chain_hold_only_for_their_own_entry() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    let plan = scene.plan(&asker);
    let north = &scene.partners[1];
    let table = even(plan.layout().lattice(), 50);
    let table = protect(&plan, table, &snapshot(ImdEdition::Imd2025), &north.ods);
    let draft = scene.drafted(table.expect("protected"));
    let published = scene.receipt(north, draft.event());
    assert!(Frozen::reopen(b"other".to_vec(), &published).is_err());
    let opened = scene.receipt(north, Event::LogOpened { software: "x".to_owned() });
    assert!(Frozen::reopen(draft.bytes().to_vec(), &opened).is_err());
    let frozen = Frozen::reopen(draft.bytes().to_vec(), &published).expect("frozen");
    let id = asker.query().document().query_id;
    let wrong = Event::AnswerReleased {
        query_id: id,
        query_hash: asker.query().hash(),
        question: 0,
        release_hash: Digest::of(b"other"),
    };
    assert!(frozen.release(id, 0, scene.receipt(north, wrong)).is_err());
    let right = || Event::AnswerReleased {
        query_id: id,
        query_hash: asker.query().hash(),
        question: 0,
        release_hash: Digest::of(draft.bytes()),
    };
    let frozen = || Frozen::reopen(draft.bytes().to_vec(), &published).expect("frozen");
    assert!(
        frozen().release(id, 0, scene.receipt(&scene.partners[2], right())).is_err(),
        "another log"
    );
    assert!(frozen().release(id, 0, scene.receipt(north, right())).is_ok(), "the control");
    // An entry that says something else of the table than its bytes do.
    let mut lies = draft.event();
    if let Event::Published { profile, .. } = &mut lies {
        *profile = Profile::Nhs75;
    }
    assert!(Frozen::reopen(draft.bytes().to_vec(), &scene.receipt(north, lies)).is_err());
    let elsewhere = scene.receipt(&scene.partners[2], draft.event());
    assert!(Frozen::reopen(draft.bytes().to_vec(), &elsewhere).is_err());

    let other = scene.plan(&scene.asker(&scene.query(&["imd.core20"])));
    let table = even(other.layout().lattice(), 50);
    assert!(matches!(
        protect(&plan, table, &snapshot(ImdEdition::Imd2025), &north.ods),
        Err(ChainError::Lattice)
    ));
}

#[test]
fn a_local_table_is_shown_and_not_shared() {
    let scene = Scene::new(Profile::Nhs75m);
    let question = scene.query(&["sex"]).questions.remove(0);
    let permit: Permit<Local> =
        Permit::local(question.clone(), &scene.catalogue, Profile::Nhs75m).expect("permit");
    let plan = Plan::compile(&permit, &scene.catalogue).expect("plan");
    let lattice = plan.layout().lattice().clone();
    let cells = (0..lattice.len()).map(|_| RawCell::new(3, 3, 1)).collect();
    let preview = preview(&plan, Table::new(lattice, cells).expect("table")).expect("preview");
    assert!(preview.cells().iter().all(|c| *c == Shown::Suppressed));
    let publication =
        Permit::publication(scene.standing(), "13sa", question.clone(), Profile::Nhs75m);
    assert!(publication.is_ok());
    assert!(
        Permit::publication(scene.standing(), "urgent-care", question, Profile::Nhs75m).is_err()
    );
}

#[test]
fn the_order_of_asking_makes_no_other_table() {
    let scene = Scene::new(Profile::Nhs75m);
    let key = |by: &[&str]| {
        let plan = scene.plan(&scene.asker(&scene.query(by)));
        plan.frozen_key(&ods("ZZ2"), &snapshot(ImdEdition::Imd2025)).expect("key")
    };
    assert_eq!(key(&["imd.quintile", "sex"]), key(&["sex", "imd.quintile"]));
    assert_ne!(key(&["imd.quintile", "sex"]), key(&["imd.decile", "sex"]));
}
