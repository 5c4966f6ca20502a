//! A coordinator that lies to the analyst: the analyst's tool refuses the whole answer.

use evensum_core::disclosure::{DocumentKind, Expected, Verified};
use evensum_core::ledger::{Event, Missing};
use evensum_core::model::{CellState, Digest, Ods, Query, QueryId, Role};
use evensum_core::view::{
    Absent, Bundle, ClaimedCell, CoverageStatus, DoubtError, Gathered, SystemView, ViewError,
};

use super::fixture::{COUNCIL, Directory, Federation, honest};
use super::forge::Forger;
use crate::pki::ods;

/// An honest answer of ZZ1 and ZZ2, with the council's refusal and ZZ3 not connected; and one to another
/// query.
struct Scene {
    f: Federation,
    query: Query,
    good: Bundle,
    other: Bundle,
}

/// Which doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Partner,
    Account,
    Figures,
    Receipt,
    Entry,
}

fn doubt(error: &DoubtError) -> Doubt {
    match error {
        DoubtError::Partner { .. } => Doubt::Partner,
        DoubtError::Account(_) => Doubt::Account,
        DoubtError::Figures => Doubt::Figures,
        DoubtError::Receipt(_) => Doubt::Receipt,
        DoubtError::View(ViewError::Entry) => Doubt::Entry,
        other => panic!("{other}"),
    }
}

impl Scene {
    async fn new() -> Self {
        let f = Federation::new();
        let nodes = [f.node("ZZ1").await, f.node("ZZ2").await, f.node(COUNCIL).await];
        let partners =
            [("ZZ1", honest(&nodes[0])), ("ZZ2", honest(&nodes[1])), (COUNCIL, honest(&nodes[2]))];
        let open = f.coordinator(Directory::new(partners)).await;
        let query = f.query(&["ZZ1", "ZZ2", "ZZ3", COUNCIL]);
        let good = open.ask(f.sign(&query)).await.expect("an answer").bundle();
        let again = f.query(&["ZZ1", "ZZ2", "ZZ3", COUNCIL]);
        let other = open.ask(f.sign(&again)).await.expect("an answer").bundle();
        f.check(good.clone(), &query).expect("the honest answer verifies");
        Self { f, query, good, other }
    }

    fn refused(&self, what: &str, expected: Doubt, lie: impl FnOnce(&mut Bundle)) {
        let mut bundle = self.good.clone();
        lie(&mut bundle);
        assert_ne!(bundle, self.good, "{what}");
        let error = self.f.check(bundle, &self.query).map(drop).expect_err(what);
        assert_eq!(doubt(&error), expected, "{what}: {error}");
    }

    /// The cells that these partners' answers give, as a coordinator would claim them.
    fn cells_without(&self, left_out: &Ods) -> Vec<ClaimedCell> {
        let layout = self.f.layout(&self.query);
        let query_hash = self.f.sign(&self.query).payload_hash();
        let verify = |(of, parts): &(Ods, _)| {
            let expected = Expected {
                agreement: &self.f.agreement,
                ods: of,
                role: Role::Node,
                query_id: self.query.query_id,
                query_hash,
                question: 0,
                layout: &layout,
            };
            Verified::verify(Clone::clone(parts), expected).expect("believed")
        };
        let gathered = Gathered {
            query_id: self.query.query_id,
            query_hash,
            question: 0,
            verified: self.good.answers.iter().filter(|a| a.0 != *left_out).map(verify).collect(),
            absent: Vec::new(),
            elapsed_ms: 1,
        };
        let unlogged =
            SystemView::assemble(gathered, &layout, &self.f.agreement, &self.f.catalogue);
        let cell = |cell: &evensum_core::view::Cell| ClaimedCell {
            at: (cell.at.iter().zip(layout.lattice().axes()))
                .map(|(&p, axis)| axis.categories()[p].id.clone())
                .collect(),
            numerator: cell.numerator,
            denominator: cell.denominator,
        };
        unlogged.expect("combines").cells().iter().map(cell).collect()
    }
}

fn place(bundle: &Bundle, code: &str) -> usize {
    bundle.answers.iter().position(|(of, _)| *of == ods(code)).expect("answered")
}

fn late(code: &str) -> Absent {
    Absent { ods: ods(code), status: CoverageStatus::Late, reason: "no answer".to_owned() }
}

#[tokio::test]
async fn other_figures_are_refused() {
    let scene = Scene::new().await;
    let figures = Doubt::Figures;
    for at in 0..scene.good.cells.len() {
        scene.refused("a higher low", figures, |b| b.cells[at].numerator.bounds.low += 1);
        scene.refused("another end", figures, |b| {
            let high = &mut b.cells[at].denominator.bounds.high;
            *high = if high.is_some() { None } else { Some(1_000) };
        });
        scene.refused("a point", figures, |b| b.cells[at].numerator.published = Some(15));
        scene.refused("another state", figures, |b| {
            b.cells[at].numerator.state = CellState::StructuralZero;
        });
    }
    scene.refused("a cell dropped", figures, |b| drop(b.cells.pop()));
    scene.refused("no cells", figures, |b| b.cells.clear());
    scene.refused("a cell twice", figures, |b| b.cells.push(b.cells[0].clone()));
    scene.refused("cells swapped", figures, |b| b.cells.swap(0, 1));
    scene.refused("names swapped", figures, |b| {
        let first = b.cells[0].at.clone();
        b.cells[0].at = b.cells[1].at.clone();
        b.cells[1].at = first;
    });
}

#[tokio::test]
async fn each_partner_is_accounted_for_once() {
    let scene = Scene::new().await;
    let account = Doubt::Account;
    let (zz1, zz2) = (place(&scene.good, "ZZ1"), place(&scene.good, "ZZ2"));
    let absent = |status| move |b: &mut Bundle| b.absent.iter_mut().for_each(|a| a.status = status);
    scene.refused("a partner dropped", account, |b| drop(b.answers.remove(zz1)));
    scene.refused("a partner twice", account, |b| b.answers.push(b.answers[zz1].clone()));
    scene.refused("answered and absent", account, |b| b.absent.push(late("ZZ1")));
    scene.refused("absent twice", account, |b| b.absent.push(b.absent[0].clone()));
    scene.refused("nobody absent", account, |b| b.absent.clear());
    scene.refused("a stranger absent", account, |b| b.absent.push(late("ZZ9")));
    scene.refused("a stranger answers", account, |b| {
        let parts = b.answers[zz1].1.clone();
        b.answers.push((ods("ZZ9"), parts));
    });
    scene.refused("absent, it is said to have answered", account, absent(CoverageStatus::Answered));
    // Only a partner itself can say that it holds no data: it would count as a complete answer.
    scene.refused("absent, it is said to hold no data", account, absent(CoverageStatus::NoData));
    scene.refused("names swapped", Doubt::Partner, |b| {
        b.answers[zz1].0 = ods("ZZ2");
        b.answers[zz2].0 = ods("ZZ1");
    });
    scene.refused("one answer for two", Doubt::Partner, |b| {
        b.answers[zz2].1 = b.answers[zz1].1.clone();
    });
    scene.refused("an earlier answer", Doubt::Partner, |b| b.answers = scene.other.answers.clone());
    let left_out = |b: &mut Bundle| {
        b.answers.remove(zz1);
        b.absent.push(late("ZZ1"));
    };
    scene.refused("called late, and counted", Doubt::Figures, left_out);
    scene.refused("called late, against the own log", Doubt::Entry, |b| {
        left_out(b);
        b.cells = scene.cells_without(&ods("ZZ1"));
    });
    scene.refused("late instead of unreachable", Doubt::Entry, absent(CoverageStatus::Late));
}

#[tokio::test]
async fn a_partners_bytes_cannot_be_touched() {
    let scene = Scene::new().await;
    for code in ["ZZ1", COUNCIL] {
        let at = place(&scene.good, code);
        let partner = |what, edit: &dyn Fn(&mut evensum_core::disclosure::AnswerParts)| {
            scene.refused(what, Doubt::Partner, |b| edit(&mut b.answers[at].1));
        };
        partner("another kind", &|p| {
            p.kind = match p.kind {
                DocumentKind::Release => DocumentKind::Refusal,
                DocumentKind::Refusal => DocumentKind::Release,
            };
        });
        for byte in (0..scene.good.answers[at].1.document.len()).step_by(17) {
            partner("a byte of the document", &|p| p.document[byte] ^= 1);
        }
        partner("a byte of the signature", &|p| p.signature[7] ^= 1);
        partner("a byte of the entry", &|p| p.receipt.entry[20] ^= 1);
        partner("the place", &|p| p.receipt.index ^= 1);
        partner("the proof", &|p| p.receipt.proof.push(Digest::of(b"")));
        partner("the checkpoint", &|p| p.receipt.checkpoint.push('\n'));
    }
}

#[tokio::test]
async fn a_proof_of_another_log_or_entry_is_refused() {
    let scene = Scene::new().await;
    let Scene { f, query, good, other } = &scene;
    let own = Forger::new(f, super::fixture::COORDINATOR, Role::Coordinator);
    let combined = |query_id: QueryId, query_hash, answered: &[&str], missing: &[(&str, &str)]| {
        own.receipt(Event::AnswerCombined {
            query_id,
            query_hash,
            question: 0,
            answered: answered.iter().map(|code| ods(code)).collect(),
            missing: missing
                .iter()
                .map(|(code, status)| Missing { ods: ods(code), status: (*status).to_owned() })
                .collect(),
        })
    };
    let (id, hash) = (query.query_id, f.sign(query).payload_hash());
    let two = ["ZZ1", "ZZ2"];
    let rest = [("ZZ3", "unreachable"), ("ZZ4", "no_data")];
    let with = |receipt| move |b: &mut Bundle| b.receipt = receipt;
    // The control: the coordinator's own key can write the entry anew.
    let mut anew = good.clone();
    anew.receipt = combined(id, hash, &two, &rest);
    f.check(anew, query).expect("as good as the first");

    let (receipt, entry) = (Doubt::Receipt, Doubt::Entry);
    let node = good.answers[0].1.receipt.clone();
    scene.refused("a node's log", receipt, with(node));
    scene.refused("a byte of the entry", receipt, |b| b.receipt.entry[30] ^= 1);
    scene.refused("no proof", receipt, |b| b.receipt.proof.clear());
    scene.refused("another place", receipt, |b| b.receipt.index += 1);
    scene.refused("no checkpoint", receipt, |b| b.receipt.checkpoint.clear());
    scene.refused("another answer's entry", entry, with(other.receipt.clone()));
    let of = f.fresh_id();
    scene.refused("another query", entry, with(combined(of, hash, &two, &rest)));
    let bytes = Digest::of(b"other bytes");
    scene.refused("other bytes", entry, with(combined(id, bytes, &two, &rest)));
    scene.refused("fewer partners", entry, with(combined(id, hash, &two[..1], &rest)));
    scene.refused("nobody missing", entry, with(combined(id, hash, &two, &[])));
    let called = [("ZZ3", "late"), ("ZZ4", "no_data")];
    scene.refused("another reason", entry, with(combined(id, hash, &two, &called)));
    let opened = own.receipt(Event::LogOpened { software: "test".to_owned() });
    scene.refused("an entry of another kind", entry, with(opened));
}

#[tokio::test]
async fn without_any_partner_there_is_an_answer_that_says_so() {
    let f = Federation::new();
    let open = f.coordinator(Directory::new([])).await;
    let query = f.query(&["ZZ1", "ZZ2"]);
    let view = open.ask(f.sign(&query)).await.expect("an answer");
    assert!(view.answer().cells.is_empty());
    assert!(view.answer().coverage.iter().all(|c| c.status == CoverageStatus::Unreachable));
    let mut invented = view.bundle();
    f.check(view.bundle(), &query).expect("verifies");
    invented.cells = Scene::new().await.good.cells;
    let error = f.check(invented, &query).map(drop).expect_err("nobody answered");
    assert_eq!(doubt(&error), Doubt::Figures);
}
