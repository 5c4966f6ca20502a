//! Sums over partners beside the partners' own tables: what is found out of both together is held back, and what is
//! true is never said to be otherwise.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::live::{Asked, Records, Row, SAME, counted};
use super::*;
use crate::disclosure::attack::{Hidden, ranges};
use crate::disclosure::known::Known;
use attack::Limits;

pub(super) const COORDINATOR: &str = "ZZ1";

fn partners(count: usize) -> Vec<Ods> {
    (0..count).map(|n| ods(&format!("ZA{n:02}"))).collect()
}

fn pool(members: &[Ods], kind: PoolKind) -> Pooled {
    Pooled::new(members.to_vec(), Vec::new(), Digest::of(b"closing"), kind).expect("a round")
}

fn closing(pool: &Pooled, version: SnapshotVersion) -> SnapshotRef {
    SnapshotRef { id: pool.closing(), version, ..snapshot(ImdEdition::Imd2025) }
}

/// Tables by sex under a profile, of partners and of all of them.
struct Hand {
    scene: Scene,
    members: Vec<Ods>,
    counts: Vec<[(u64, u64); 5]>,
}

impl Hand {
    /// Partners of each of which so many women wait long.
    fn women(counts: &[u64]) -> Self {
        let counts: Vec<_> =
            counts.iter().map(|n| [(100, 400), (*n, 390), (0, 0), (0, 0), (0, 0)]).collect();
        let members = partners(counts.len());
        Self { scene: Scene::new(Profile::Nhs75m), members, counts }
    }

    fn raw(&self, plan: &Plan<AskedUse>, counts: [(u64, u64); 5]) -> Table<RawCell> {
        let cells = by_sex(counts).into_iter().map(|(e, p, t)| RawCell::new(e, p, t));
        Table::new(plan.layout().lattice().clone(), cells.collect()).expect("a table")
    }

    fn plan(&self) -> Plan<AskedUse> {
        self.scene.plan(&self.scene.asker(&self.scene.query(&["sex"])))
    }

    fn partner(&self, which: usize) -> ReleaseDocument {
        let plan = self.plan();
        let of = SnapshotRef {
            id: Digest::of(self.members[which].as_str().as_bytes()),
            ..snapshot(ImdEdition::Imd2025)
        };
        let raw = self.raw(&plan, self.counts[which]);
        protect(&plan, raw, &of, &self.members[which]).expect("protected").document().clone()
    }

    fn pooled_as(&self, pool: Pooled, version: SnapshotVersion) -> Protected {
        let plan = self.plan();
        let sum = self.counts.iter().fold([(0, 0); 5], |sum, own| {
            std::array::from_fn(|i| (sum[i].0 + own[i].0, sum[i].1 + own[i].1))
        });
        let of = closing(&pool, version);
        protect_pooled(&plan, self.raw(&plan, sum), &of, &ods(COORDINATOR), pool)
            .expect("protected")
    }

    fn pooled(&self) -> Protected {
        self.pooled_as(pool(&self.members, PoolKind::Deposit), SnapshotVersion::Provisional)
    }

    fn system(&self, live: &[ReleaseDocument]) -> System<'_> {
        let bytes = live.iter().map(|document| canonical::encode(document).expect("encodes"));
        System::new(&self.scene.catalogue, bytes).expect("a system")
    }

    fn total_passes(&self, live: &[ReleaseDocument]) -> bool {
        let outcome = self.system(live).test(vec![self.pooled()], &Limits::RELEASE);
        matches!(outcome.expect("tested"), Outcome::Passed(_))
    }

    fn partners_pass(&self, live: &[ReleaseDocument], shown: &[ReleaseDocument]) -> bool {
        self.system(live).partners_pass(shown, &Limits::RELEASE).expect("tested")
    }
}

#[test]
fn what_is_left_of_a_sum_is_held_back() {
    // Of 8, 8 and 0 women the sum is shown as 15: the third partner has at most one.
    let tight = Hand::women(&[8, 8, 0]);
    let all: Vec<ReleaseDocument> = (0..3).map(|which| tight.partner(which)).collect();
    let total = tight.pooled().document().clone();
    // Of 20, 20 and 3 it is shown as 45: the third may have any number that is hidden.
    let wide = Hand::women(&[20, 20, 3]);
    let same: Vec<ReleaseDocument> = (0..3).map(|which| wide.partner(which)).collect();
    let sum = wide.pooled().document().clone();
    for shown in [3, 2] {
        // Whoever comes last is held back; also where the third partner shows nothing of itself.
        assert!(!tight.partners_pass(std::slice::from_ref(&total), &all[..shown]), "{shown}");
        assert!(!tight.total_passes(&all[..shown]), "{shown}");
        assert!(wide.partners_pass(std::slice::from_ref(&sum), &same[..shown]), "{shown}");
        assert!(wide.total_passes(&same[..shown]), "{shown}");
    }
    // One partner alone, the sum alone and the partners without a sum say nothing.
    assert!(tight.partners_pass(std::slice::from_ref(&total), &all[..1]));
    assert!(tight.total_passes(&[]));
    assert!(tight.partners_pass(&[], &all));
    // Nor is anything found when all of it is tested again, however little may be tested together.
    let none = Limits { published: 0, ..Limits::RELEASE };
    assert!(tight.system(&all).passes(&none).expect("tested"));
    assert!(
        !tight
            .system(&[total, all[0].clone(), all[1].clone()])
            .passes(&Limits::RELEASE)
            .expect("tested")
    );
    assert!(
        wide.system(&[sum, same[0].clone(), same[1].clone()])
            .passes(&Limits::RELEASE)
            .expect("tested")
    );
}

#[test]
fn partners_that_show_another_table_are_left_of_a_sum_too() {
    let tight = Hand::women(&[8, 8, 0]);
    // The third shows its men and women together, and nothing by sex.
    let plan = tight.scene.plan(&tight.scene.asker(&tight.scene.query(&[])));
    let cells = [(100, 100, 1), (790, 790, 1)].map(|(e, p, t)| RawCell::new(e, p, t));
    let raw = Table::new(plan.layout().lattice().clone(), cells.into()).expect("a table");
    let own = protect(&plan, raw, &snapshot(ImdEdition::Imd2025), &tight.members[2]);
    let shown = [tight.partner(0), tight.partner(1), own.expect("protected").document().clone()];
    let total = tight.pooled().document().clone();
    assert!(tight.partners_pass(std::slice::from_ref(&total), &shown[2..]));
    assert!(!tight.partners_pass(&[total], &shown));
}

#[test]
fn above_the_cap_partners_are_not_shown_and_the_sum_is() {
    let hand = Hand::women(&[20, 20, 3]);
    let all: Vec<ReleaseDocument> = (0..3).map(|which| hand.partner(which)).collect();
    let few = Limits { published: 20, ..Limits::RELEASE };
    let outcome = hand.system(&[]).test(vec![hand.pooled()], &few).expect("tested");
    assert!(matches!(outcome, Outcome::Passed(_)));
    let live = hand.system(&[hand.pooled().document().clone()]);
    assert!(!live.partners_pass(&all, &few).expect("tested"));
    assert!(live.partners_pass(&all, &Limits::RELEASE).expect("tested"));
}

#[test]
fn a_partner_whose_table_is_of_other_records_is_not_shown() {
    let hand = Hand::women(&[20, 20, 3]);
    let mut other = Hand::women(&[20, 20, 3]);
    other.counts[0][0] = (2_000, 4_000);
    let live = [hand.pooled().document().clone()];
    assert!(!hand.partners_pass(&live, &[other.partner(0)]));
    assert!(!hand.partners_pass(&live, &[hand.pooled().document().clone()]), "no partner's");
    let mut old = hand.partner(0);
    old.question.definition_hash = Digest::of(b"another");
    assert!(!hand.partners_pass(&live, &[old]));
}

#[test]
fn one_population_has_one_membership_and_one_closing() {
    let hand = Hand::women(&[20, 20, 3]);
    let live = [hand.pooled().document().clone()];
    let passes = |pool: Pooled, version| {
        let table = hand.pooled_as(pool, version);
        let outcome = hand.system(&live).test(vec![table], &Limits::RELEASE).expect("tested");
        matches!(outcome, Outcome::Passed(_))
    };
    use SnapshotVersion::{Final, Provisional};
    let fewer = || pool(&hand.members[..2], PoolKind::Deposit);
    assert!(!passes(fewer(), Provisional));
    assert!(!passes(fewer(), Final));
    let again = |kind| {
        Pooled::new(hand.members.clone(), Vec::new(), Digest::of(b"again"), kind).expect("a round")
    };
    assert!(!passes(again(PoolKind::Deposit), Provisional), "closed twice");
    assert!(passes(again(PoolKind::Deposit), Final), "the next standing's");
    let others = Pooled::new(vec![ods("ZB1")], vec![], Digest::of(b"x"), PoolKind::Masks);
    assert!(passes(others.expect("a round"), Provisional), "other partners");
    assert!(passes(pool(&hand.members, PoolKind::Deposit), Provisional), "the control");
}

#[test]
fn a_sum_that_names_partners_is_withheld() {
    let records = Records::new(4_000, 2);
    for (asked, passes) in [
        (("rtt_over_18_weeks", &["provider"][..], None), false),
        (("rtt_over_18_weeks", &["sex"], None), true),
    ] {
        let plan = records.plan(asked, SAME);
        let raw = counted(&records.scene.catalogue, &plan, &records.rows);
        let pool = pool(&partners(4), PoolKind::Deposit);
        let of = closing(&pool, SnapshotVersion::Provisional);
        let table = protect_pooled(&plan, raw, &of, &ods(COORDINATOR), pool).expect("protected");
        let system = System::new(&records.scene.catalogue, Vec::<Vec<u8>>::new()).expect("system");
        let outcome = system.test(vec![table], &Limits::RELEASE).expect("tested");
        assert_eq!(matches!(outcome, Outcome::Passed(_)), passes, "{asked:?}");
    }
}

#[test]
fn only_tables_of_rounds_are_decided_and_each_carries_the_mark_of_all_that_is_live() {
    let hand = Hand::women(&[20, 20, 3]);
    let plan = hand.plan();
    let raw = hand.raw(&plan, hand.counts[0]);
    let own = protect(&plan, raw, &snapshot(ImdEdition::Imd2025), &hand.members[0]);
    let refused = hand.system(&[]).test(vec![own.expect("protected")], &Limits::RELEASE);
    assert!(matches!(refused, Err(LiveError::Unpooled)));
    let shown = hand.partner(0);
    let hash = Digest::of(&canonical::encode(&shown).expect("encodes"));
    let system = hand.system(std::slice::from_ref(&shown));
    assert!(system.has(hash) && !system.has(Digest::of(b"other")));
    let mut tables = VecDeque::from([vec![hand.pooled()]]);
    let decision = system.advance(&mut tables, &Limits::RELEASE).expect("decided");
    assert!(tables.is_empty() && decision.withheld.is_empty());
    let tested = decision.released[0].tested();
    assert_eq!((tested.live, tested.others), (mark([hash]), 1));
    let plan_key = |closing: &[u8]| {
        let of = SnapshotRef { id: Digest::of(closing), ..snapshot(ImdEdition::Imd2025) };
        plan.frozen_key(&ods(COORDINATOR), &of).expect("a key")
    };
    assert_eq!(plan_key(b"closing"), plan_key(b"closing"));
    assert_ne!(plan_key(b"closing"), plan_key(b"again"));
    let round = pool(&hand.members, PoolKind::Deposit);
    let raw = hand.raw(&plan, hand.counts[0]);
    let other = protect_pooled(&plan, raw, &snapshot(ImdEdition::Imd2025), &ods("ZZ1"), round);
    assert!(matches!(other, Err(ChainError::Closing)));
}

#[test]
fn a_round_is_checked_however_it_is_read() {
    let of = |members: &[&str], missing: &[&str]| {
        let list = |codes: &[&str]| codes.iter().map(|c| ods(c)).collect();
        Pooled::new(list(members), list(missing), Digest::of(b"x"), PoolKind::Noisy)
    };
    let round = of(&["ZA1", "ZA2"], &["ZA3"]).expect("a round");
    assert_eq!(round.off_by(), 10, "5 each");
    assert_eq!(of(&[], &["ZA1"]), Err(PooledError::Members));
    assert_eq!(of(&["ZA2", "ZA1"], &[]), Err(PooledError::Order));
    assert_eq!(of(&["ZA1", "ZA1"], &[]), Err(PooledError::Order));
    assert_eq!(of(&["ZA1"], &["ZA3", "ZA2"]), Err(PooledError::Order));
    assert_eq!(of(&["ZA1", "ZA2"], &["ZA2"]), Err(PooledError::Both));
    let bytes = canonical::encode(&round).expect("encodes");
    assert_eq!(canonical::decode::<Pooled>(&bytes).expect("reads"), round);
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.contains("\"kind\":\"noisy\""), "{text}");
    for (from, to) in [("[\"ZA1\",\"ZA2\"]", "[\"ZA2\",\"ZA1\"]"), ("[\"ZA3\"]", "[\"ZA1\"]")] {
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text);
        assert!(canonical::decode::<Pooled>(altered.as_bytes()).is_err(), "{altered}");
    }
    let partner = canonical::encode(&Hand::women(&[20]).partner(0)).expect("encodes");
    assert!(!String::from_utf8(partner).expect("text").contains("\"pool\""));
}

/// The answer of a party in a role, of a document that it signs whatever it is.
pub(super) fn answered(
    scene: &Scene,
    (party, role): (&Partner, Role),
    document: &ReleaseDocument,
    expected: Role,
) -> Result<Verified, ReceivedError> {
    let query = Query { questions: vec![document.question.clone()], ..scene.query(&[]) };
    let asker = scene.asker(&query);
    let (query, plan) = (asker.query(), scene.plan(&asker));
    let document = canonical::encode(document).expect("encodes");
    let event = Event::AnswerReleased {
        query_id: query.document().query_id,
        query_hash: query.hash(),
        question: 0,
        release_hash: Digest::of(&document),
    };
    let receipt = scene.receipt_as(role, party, event).parts().clone();
    let federation = &scene.agreement.federation;
    let about = (query.hash(), 0);
    let message = outgoing::statement(federation, &party.ods, about, &document, &receipt);
    let signature = party.answer.sign(&message.expect("encodes")).expect("signs");
    let parts = AnswerParts { kind: DocumentKind::Release, document, signature, receipt };
    Verified::verify(
        parts,
        Expected {
            agreement: &scene.agreement,
            ods: &party.ods,
            role: expected,
            query_id: query.document().query_id,
            query_hash: query.hash(),
            question: 0,
            layout: plan.layout(),
        },
    )
}

#[test]
fn each_answers_as_what_it_is() {
    use Role::{Coordinator, Helper, Node};
    let mut hand = Hand::women(&[20, 30]);
    hand.members = vec![ods("ZZ2"), ods("ZZ3")];
    let scene = &hand.scene;
    let (coordinator, north) = (&scene.partners[0], &scene.partners[1]);
    let believed = |party, role, document: &ReleaseDocument, expected| {
        answered(scene, (party, role), document, expected).is_ok()
    };
    let sum = hand.pooled().document().clone();
    assert!(believed(coordinator, Coordinator, &sum, Coordinator));
    assert!(!believed(coordinator, Coordinator, &sum, Node), "it is no partner");
    assert!(!believed(coordinator, Coordinator, &sum, Helper));
    assert!(!believed(coordinator, Node, &sum, Coordinator), "another log");
    let own = hand.partner(0);
    assert!(believed(north, Node, &own, Node));
    let bare = ReleaseDocument { ods: coordinator.ods.clone(), ..own.clone() };
    assert!(!believed(coordinator, Coordinator, &bare, Coordinator), "of no round");
    let claims = ReleaseDocument { pool: sum.pool.clone(), ..own };
    assert!(!believed(north, Node, &claims, Node), "a partner's own is of no round");
    let with = |members: &[&str], missing: &[&str], closing: &[u8]| {
        let list = |codes: &[&str]| codes.iter().map(|c| ods(c)).collect();
        let pool = Pooled::new(list(members), list(missing), Digest::of(closing), PoolKind::Masks);
        ReleaseDocument { pool: Some(pool.expect("a round")), ..sum.clone() }
    };
    let coordinators = |document| believed(coordinator, Coordinator, &document, Coordinator);
    assert!(coordinators(with(&["ZZ2"], &["ZZ3"], b"closing")));
    assert!(!coordinators(with(&["ZZ2", "ZZ9"], &[], b"closing")), "a stranger is in the sum");
    assert!(!coordinators(with(&["ZZ2"], &["ZZ9"], b"closing")), "a stranger is missing");
    assert!(!coordinators(with(&["ZZ1", "ZZ2"], &[], b"closing")), "the coordinator itself");
    assert!(!coordinators(with(&["ZZ2"], &[], b"another")), "another closing");
}

#[test]
fn sums_are_not_added_to_partners() {
    let mut hand = Hand::women(&[20, 30]);
    hand.members = vec![ods("ZZ2"), ods("ZZ3")];
    let party = (&hand.scene.partners[0], Role::Coordinator);
    let sum = hand.pooled().document().clone();
    let verified = answered(&hand.scene, party, &sum, Role::Coordinator).expect("believed");
    let Verified::Release(received) = verified else { panic!("a refusal") };
    let two = [(*received).clone(), (*received).clone()];
    let combined = combine(hand.plan().layout(), &two);
    assert!(matches!(combined, Err(CombineError::Pooled(_))));
    // By itself it is the answer.
    assert!(combine(hand.plan().layout(), &[*received]).is_ok());
}

/// Tables of partners, of which each has every nth record, and of all of them; with the truth.
struct Union {
    documents: Vec<(ReleaseDocument, Vec<u64>)>,
    tables: Vec<Protected>,
}

fn union(records: &Records, count: usize, asked: &[Asked<'_>], kind: PoolKind) -> Union {
    let members = partners(count);
    let mut union = Union { documents: Vec::new(), tables: Vec::new() };
    let catalogue = &records.scene.catalogue;
    for asked in asked {
        let plan = records.plan(*asked, SAME);
        let truth = |rows: &[Row]| -> Vec<u64> {
            counted(catalogue, &plan, rows).cells().iter().map(RawCell::events).collect()
        };
        for (n, ods) in members.iter().enumerate() {
            let rows: Vec<Row> = records.rows.iter().skip(n).step_by(count).cloned().collect();
            let of = SnapshotRef {
                id: Digest::of(ods.as_str().as_bytes()),
                ..snapshot(ImdEdition::Imd2025)
            };
            let table = protect(&plan, counted(catalogue, &plan, &rows), &of, ods);
            let document = table.expect("protected").document().clone();
            union.documents.push((document, truth(&rows)));
        }
        let pool = pool(&members, kind);
        let of = closing(&pool, SnapshotVersion::Provisional);
        let mut cells = counted(catalogue, &plan, &records.rows);
        if kind == PoolKind::Noisy {
            // As far off as it can be, up and down in turn.
            let off = pool.off_by();
            let moved = cells.cells().iter().enumerate().map(|(i, cell)| {
                let n = cell.events();
                let n = if i.is_multiple_of(2) { n + off } else { n.saturating_sub(off) };
                RawCell::new(n, n, n.min(1))
            });
            cells = Table::new(plan.layout().lattice().clone(), moved.collect()).expect("a table");
        }
        let table = protect_pooled(&plan, cells, &of, &ods(COORDINATOR), pool).expect("protected");
        union.documents.push((table.document().clone(), truth(&records.rows)));
        union.tables.push(table);
    }
    union
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_truth_lies_within_everything_that_is_worked_out(
        people in 30_usize..1_500,
        seed in 0_u64..1_000,
        count in 2_usize..5,
        shown in 0_usize..5,
        noisy in any::<bool>(),
    ) {
        let records = Records::under(Profile::Nhs75m, people, seed);
        let asked: [Asked<'_>; 2] =
            [("rtt_over_52_weeks", &["sex"], None), ("rtt_over_18_weeks", &["imd.core20"], None)];
        let kind = if noisy { PoolKind::Noisy } else { PoolKind::Deposit };
        let union = union(&records, count, &asked, kind);
        let hides = |d: &ReleaseDocument| d.pool.is_none() && d.ods > ods(&format!("ZA{shown:02}"));
        let seen: Vec<&(ReleaseDocument, Vec<u64>)> =
            union.documents.iter().filter(|(d, _)| !hides(d)).collect();
        let documents = seen.iter().map(|(document, _)| document).collect();
        // Where it is not said that a column is collected, every cell can occur.
        let public = Known::new(&records.scene.catalogue, documents, false, false).public();
        let public = public.expect("known");
        let worked_out = ranges(&public, &Limits::EXACT).expect("the truth fits");
        let published = public.cells().iter().zip(worked_out);
        let published = published.filter(|(cell, _)| !matches!(cell.hidden, Hidden::Rest { .. }));
        let truths: Vec<u64> = seen.iter().flat_map(|(_, truth)| truth.iter().copied()).collect();
        prop_assert_eq!(published.clone().count(), truths.len());
        for ((_, range), truth) in published.zip(truths) {
            prop_assert!(range.low <= truth && range.high.is_none_or(|high| truth <= high));
        }
    }
}

#[test]
fn what_is_changed_at_random_before_it_is_added_up_stays_believable() {
    let records = Records::new(900, 4);
    let asked: [Asked<'_>; 1] = [("rtt_over_52_weeks", &["sex"], None)];
    let union = union(&records, 4, &asked, PoolKind::Noisy);
    let plan = records.plan(asked[0], SAME);
    let (document, _) = union.documents.last().expect("the sum");
    let shown: Vec<Shown> = document.cells.iter().copied().map(Shown::from).collect();
    let consistent = |off| received::consistent(plan.layout(), &shown, Profile::Nhs75m, off);
    assert_eq!(document.off_by(), 20);
    assert!(consistent(document.off_by()) && !consistent(0));
}

#[test]
fn ten_partners_by_two_dimensions_are_tested_beside_their_sum() {
    let records = Records::new(4_000, 1);
    let asked: [Asked<'_>; 1] = [("rtt_over_52_weeks", &["imd.quintile", "ethnicity.group"], None)];
    let union = union(&records, 10, &asked, PoolKind::Deposit);
    let partners = || union.documents.iter().map(|(d, _)| d).filter(|d| d.pool.is_none());
    let (document, _) = union.documents.last().expect("the sum");
    let live = [canonical::encode(document).expect("encodes")];
    let system = System::new(&records.scene.catalogue, live).expect("a system");
    for shown in [10, 9] {
        let passes = system.partners_pass(partners().take(shown), &Limits::RELEASE);
        assert!(passes.expect("tested"), "{shown}");
    }
}

#[test]
fn estimates_of_people_stand_beside_counts_that_are_shown_and_nowhere_else() {
    let mut hand = Hand::women(&[20, 30]);
    hand.members = vec![ods("ZZ2"), ods("ZZ3")];
    let scene = &hand.scene;
    let coordinator = &scene.partners[0];
    let believed = |document: &ReleaseDocument| {
        let role = Role::Coordinator;
        answered(scene, (coordinator, role), document, role).is_ok()
    };
    let plain = hand.pooled().document().clone();
    let (level, groups) = (plain.axes[0].level.clone(), plain.axes[0].categories.len());
    let estimates = |by: &[&LevelId], people: &[u64]| -> DistinctPeople {
        let text = serde_json::json!({ "by": by, "people": people });
        serde_json::from_value(text).expect("estimates")
    };
    let everybody = estimates(&[], &[1_500]);
    let each = estimates(&[&level], &vec![700; groups - 1]);
    let with = |all: &[DistinctPeople]| hand.pooled().with_people(all).expect("encodes");
    let release = with(&[each.clone(), everybody.clone()]);
    // The bytes that are frozen say so, and the key is that of the table.
    assert_eq!(release.key(), hand.pooled().key());
    let document = release.document().clone();
    let outcome = hand.system(&[]).test(vec![release], &Limits::RELEASE).expect("tested");
    let Outcome::Passed(drafts) = outcome else { panic!("withheld") };
    let frozen = canonical::decode::<ReleaseDocument>(drafts[0].bytes());
    assert_eq!(frozen.ok().as_ref(), Some(&document));
    let people = document.people();
    assert_eq!(people.len(), groups);
    let withheld = Err(NoPeople::Withheld);
    assert_eq!(people[0].map(|p| p.estimate), Ok(700));
    assert_eq!(people[groups - 1].map(|p| (p.estimate, p.low, p.high)), Ok((1_500, 1_470, 1_530)));
    // Of categories whose records are not counted out loud nothing is said.
    assert_eq!(people[2..groups - 1], vec![withheld; groups - 3]);
    assert!(believed(&plain) && believed(&document));
    // Without an estimate of everybody, by another level or of other categories there is none.
    for none in [
        vec![],
        vec![each.clone()],
        vec![everybody.clone()],
        vec![everybody.clone(), estimates(&[&level], &[700])],
    ] {
        assert_eq!(with(&none).document(), &plain);
    }
    // What these rules cannot have made is not believed.
    let other = |place: usize, text: PeopleText| {
        let mut people = document.distinct_people.clone().expect("estimates");
        people[place] = text;
        ReleaseDocument { distinct_people: Some(people), ..document.clone() }
    };
    for (place, wrong) in [(0, 705), (0, 90), (0, 20_000), (groups - 1, 100_000), (2, 700)] {
        assert!(!believed(&other(place, PeopleText::People(wrong))), "{place}: {wrong}");
    }
    assert!(believed(&other(groups - 1, PeopleText::People(90_000))), "the control");
    let short = ReleaseDocument { distinct_people: Some(Vec::new()), ..document.clone() };
    assert!(!believed(&short));
    let own = hand.partner(0);
    assert!(distinct::possible(&own));
    let claims = ReleaseDocument { distinct_people: document.distinct_people, ..own };
    assert!(!distinct::possible(&claims), "a partner alone estimates nothing");
}
