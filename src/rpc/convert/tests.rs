//! What goes out comes in as it was, and everything else is refused.

use evensum_core::disclosure::{AnswerParts, DocumentKind};
use evensum_core::ledger::ReceiptParts;
use evensum_core::ledger::checkpoint::MAX_CHECKPOINT_BYTES;
use evensum_core::ledger::entry::MAX_ENTRY_BYTES;
use evensum_core::ledger::merkle::MAX_PROOF;
use evensum_core::model::{CellState, Digest, Lattice, MAX_NODES, Ods};
use evensum_core::port::{PartnerStanding, Progress};
use evensum_core::sign::Envelope;
use evensum_core::view::CoverageStatus;
use proptest::prelude::*;
use prost::Message;

use super::view::{Heard, read_event, read_partners, write_partners, write_progress};
use super::*;
use crate::rpc::pb;
use crate::rpc::tests::scene::{Scene, ods};

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..=most)
}

fn parts() -> impl Strategy<Value = AnswerParts> {
    let kind = prop_oneof![Just(DocumentKind::Release), Just(DocumentKind::Refusal)];
    let proof = prop::collection::vec(any::<[u8; 32]>().prop_map(Digest::from_bytes), 0..=64);
    let receipt = (bytes(300), any::<u64>(), proof, ".{1,64}").prop_map(
        |(entry, index, proof, checkpoint)| ReceiptParts { entry, index, proof, checkpoint },
    );
    (kind, bytes(300), bytes(256), receipt).prop_map(|(kind, document, signature, receipt)| {
        AnswerParts { kind, document, signature, receipt }
    })
}

fn code() -> impl Strategy<Value = Ods> {
    "[A-Z0-9]{2,12}".prop_map(|text| Ods::new(text).expect("a code"))
}

/// Through the bytes of the wire.
fn travelled<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).expect("decodes")
}

proptest! {
    #[test]
    fn envelopes_round_trip(
        payload in bytes(300), payload_type in ".{1,64}", signer in ".{1,64}", signature in bytes(256),
    ) {
        let sent = Envelope { payload, payload_type, signer, signature };
        let read = envelope::read(Some(travelled(&envelope::write(&sent))));
        prop_assert_eq!(read, Ok(sent));
    }

    #[test]
    fn answers_round_trip(of in code(), parts in parts()) {
        let sent = answer::passed_on(&of, parts.clone());
        prop_assert_eq!(answer::read(Some(travelled(&sent))), Ok((of, parts)));
    }

    #[test]
    fn progress_round_trips(
        partners in 0..=MAX_NODES,
        questions in 0..=MAX_QUESTIONS,
        of in code(),
        question in 0..120_u32,
        which in 0..5_usize,
    ) {
        let settled =
            Progress::Settled { ods: of, question, status: CoverageStatus::ALL[which] };
        for sent in [Progress::Asked { partners, questions }, settled] {
            match read_event(travelled(&write_progress(sent.clone()))) {
                Ok(Heard::Progress(read)) => prop_assert_eq!(read, sent),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn partners_round_trip(
        partners in prop::collection::btree_map(code(), (".{1,64}", any::<bool>()), 0..20),
    ) {
        let sent: Vec<PartnerStanding> = partners
            .into_iter()
            .map(|(ods, (name, connected))| PartnerStanding { ods, name, connected })
            .collect();
        prop_assert_eq!(read_partners(travelled(&write_partners(sent.clone()))), Ok(sent));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        every_reader(&bytes);
    }

    #[test]
    fn damaged_views_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = SENT.with(Clone::clone);
        for (at, with) in damage {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        every_reader(&bytes);
    }
}

thread_local! {
    static SENT: Vec<u8> = view::write_one(3, Ok(Scene::new().view())).encode_to_vec();
}

fn every_reader(bytes: &[u8]) {
    if let Ok(message) = pb::AnswerRequest::decode(bytes) {
        let _ = envelope::read(message.envelope);
    }
    if let Ok(message) = pb::AnswerResponse::decode(bytes) {
        let _ = answer::read_one(message);
    }
    if let Ok(message) = pb::AskResponse::decode(bytes) {
        let _ = read_event(message);
    }
    if let Ok(message) = pb::View::decode(bytes) {
        let _ = view::read(message);
    }
    if let Ok(message) = pb::PartnersResponse::decode(bytes) {
        let _ = read_partners(message);
    }
}

#[test]
fn a_view_arrives_as_it_left() {
    let scene = Scene::new();
    let sent = scene.view();
    let (question, bundle) = view::read(travelled(&view::write(7, &sent))).expect("readable");
    assert_eq!(question, 7);
    assert_eq!(bundle, sent.bundle());
    assert!(bundle.cells.iter().any(|c| c.numerator.state == CellState::Value));
    assert_eq!(bundle.answers.len(), 2, "a release and a refusal");
    assert_eq!(scene.check(bundle).expect("believed"), sent);
}

#[test]
fn what_leaves_a_partner_is_its_signed_answer() {
    let scene = Scene::new();
    for outgoing in [scene.release(), scene.refusal()] {
        let read = answer::read(Some(travelled(&answer::write(&outgoing))));
        assert_eq!(read, Ok((outgoing.ods().clone(), outgoing.parts().clone())));
    }
}

/// A change to a good message, and the error that it must give.
type Case<M> = (Box<dyn Fn(&mut M)>, ConvertError);

/// Changes a good message, and expects it to be refused with this error.
fn refused<M: Clone, T: std::fmt::Debug>(
    good: &M,
    read: impl Fn(M) -> Result<T, ConvertError>,
    cases: Vec<Case<M>>,
) {
    assert!(read(good.clone()).is_ok());
    for (change, error) in cases {
        let mut bad = good.clone();
        change(&mut bad);
        assert_eq!(read(bad).map(|_| ()), Err(error));
    }
}

/// Puts the longest allowed bytes into a field, expects them to be read, and one more to be refused.
macro_rules! limit {
    ($good:expr, $read:expr, $most:expr, |$message:ident, $n:ident| $set:expr) => {
        for ($n, fits) in [($most, true), ($most + 1, false)] {
            let mut $message = $good.clone();
            $set;
            let read = $read($message).map(|_| ());
            assert_eq!(read.is_ok(), fits, "{} {read:?}", stringify!($set));
            if let Err(error) = read {
                assert!(error.to_string().contains(&$most.to_string()), "{error}");
            }
        }
    };
}

fn good_answer() -> pb::PartnerAnswer {
    answer::write(&Scene::new().refusal())
}

#[test]
fn every_limit_of_an_envelope_holds() {
    let good = envelope::write(&Scene::new().envelope());
    let read = |message| envelope::read(Some(message));
    limit!(good, read, MAX_PAYLOAD_BYTES, |m, n| m.payload = vec![1; n]);
    limit!(good, read, MAX_TEXT_BYTES, |m, n| m.payload_type = "x".repeat(n));
    limit!(good, read, MAX_TEXT_BYTES, |m, n| m.signer = "x".repeat(n));
    limit!(good, read, MAX_SIGNATURE_BYTES, |m, n| m.signature = vec![1; n]);
    assert_eq!(envelope::read(None), Err(ConvertError::Missing("envelope")));
    refused(
        &good,
        read,
        vec![
            (Box::new(|m| m.payload.clear()), ConvertError::Missing("signed document")),
            (Box::new(|m| m.payload_type.clear()), ConvertError::Missing("payload type")),
            (Box::new(|m| m.signer.clear()), ConvertError::Missing("signer")),
            (Box::new(|m| m.signature.clear()), ConvertError::Missing("signature")),
        ],
    );
}

#[test]
fn every_limit_of_an_answer_holds() {
    let good = good_answer();
    let read = |message| answer::read(Some(message));
    limit!(good, read, MAX_DOCUMENT_BYTES, |m, n| m.document = vec![1; n]);
    limit!(good, read, MAX_SIGNATURE_BYTES, |m, n| m.signature = vec![1; n]);
    let receipt = |m: &mut pb::PartnerAnswer, change: &dyn Fn(&mut pb::Receipt)| {
        change(m.receipt.as_mut().expect("a receipt"));
    };
    limit!(good, read, MAX_ENTRY_BYTES, |m, n| receipt(&mut m, &|r| r.entry = vec![1; n]));
    limit!(good, read, MAX_PROOF, |m, n| receipt(&mut m, &|r| r.proof = vec![vec![1; 32]; n]));
    limit!(good, read, MAX_CHECKPOINT_BYTES, |m, n| receipt(&mut m, &|r| {
        r.checkpoint = "x".repeat(n);
    }));
    let short = |m: &mut pb::PartnerAnswer| {
        m.receipt.as_mut().expect("a receipt").proof = vec![vec![1; 31]];
    };
    refused(
        &good,
        read,
        vec![
            (Box::new(|m| m.ods.clear()), ConvertError::Missing("partner's code")),
            (Box::new(|m| m.kind = 0), ConvertError::Missing("document kind")),
            (Box::new(|m| m.kind = 3), ConvertError::Unknown("document kind")),
            (Box::new(|m| m.kind = -1), ConvertError::Unknown("document kind")),
            (Box::new(|m| m.document.clear()), ConvertError::Missing("document")),
            (Box::new(|m| m.signature.clear()), ConvertError::Missing("signature")),
            (Box::new(|m| m.receipt = None), ConvertError::Missing("receipt")),
            (Box::new(short), ConvertError::Contradiction("inclusion proof")),
        ],
    );
    let named = pb::PartnerAnswer { ods: "zz2".to_owned(), ..good };
    assert!(matches!(read(named), Err(ConvertError::Id { what: "partner's code", .. })));
}

#[test]
fn every_limit_of_a_view_holds() {
    let good = view::write(0, &Scene::new().view());
    let read = view::read;
    limit!(good, read, Lattice::MAX_CELLS, |m, n| m.cells = vec![m.cells[0].clone(); n]);
    limit!(good, read, MAX_NODES, |m, n| m.answers = vec![m.answers[0].clone(); n]);
    limit!(good, read, MAX_NODES, |m, n| m.absences = vec![m.absences[0].clone(); n]);
    limit!(good, read, MAX_TEXT_BYTES, |m, n| m.absences[0].reason = "x".repeat(n));
    let five = |m: &mut pb::View| m.breakdown = vec!["sex".to_owned(); 5];
    fn count(m: &mut pb::View) -> &mut pb::Count {
        m.cells[0].numerator.as_mut().expect("a count")
    }
    let backwards = |m: &mut pb::View| (count(m).low, count(m).high) = (2, Some(1));
    refused(
        &good,
        read,
        vec![
            (Box::new(|m| m.query_id.clear()), ConvertError::Missing("query's id")),
            (Box::new(|m| m.coordinator.clear()), ConvertError::Missing("coordinator's code")),
            (Box::new(|m| m.receipt = None), ConvertError::Missing("receipt")),
            (Box::new(five), ConvertError::TooMany { what: "breakdown levels", most: MAX_AXES }),
            (Box::new(|m| m.cells[0].at.clear()), ConvertError::Contradiction("cell's place")),
            (Box::new(|m| m.cells[0].numerator = None), ConvertError::Missing("numerator")),
            (Box::new(|m| m.cells[0].denominator = None), ConvertError::Missing("denominator")),
            (
                Box::new(|m| count(m).state = "exact".to_owned()),
                ConvertError::Unknown("state of a count"),
            ),
            (Box::new(backwards), ConvertError::Contradiction("range of a count")),
            (
                Box::new(|m| m.absences[0].status = "busy".to_owned()),
                ConvertError::Unknown("partner's status"),
            ),
            (
                Box::new(|m| m.absences[0].status = "answered".to_owned()),
                ConvertError::Contradiction("status of an absent partner"),
            ),
        ],
    );
}

/// As many bytes as one cell of a release takes at the most: `"structural_zero",`.
const CELL_BYTES: usize = 18;

#[test]
fn what_the_most_partners_send_fits_into_its_messages() {
    let mut view = view::write(0, &Scene::new().view());
    let mut answer = view.answers[0].clone();
    answer.ods = "W".repeat(12);
    answer.document = vec![b'1'; CELL_BYTES * Lattice::MAX_CELLS + 16 * 1024];
    view.answers = vec![answer; MAX_NODES];
    view.cells = vec![view.cells[0].clone(); Lattice::MAX_CELLS];
    assert!(view.encoded_len() <= crate::rpc::MAX_VIEW_BYTES, "{}", view.encoded_len());
    let one = |n: usize| PartnerStanding {
        ods: ods(&format!("ZZZZZZZZZ{n:03}")),
        name: "x".repeat(MAX_TEXT_BYTES),
        connected: true,
    };
    let list = write_partners((0..MAX_NODES).map(one).collect());
    assert!(list.encoded_len() <= crate::rpc::MAX_PARTNERS_BYTES, "{}", list.encoded_len());
}

#[test]
fn every_state_has_one_name() {
    use CellState::{NotCollected, Refused, Small, StructuralZero, Suppressed, Value};
    let mut sent = view::write(0, &Scene::new().view());
    for state in [Value, Small, Suppressed, StructuralZero, Refused, NotCollected] {
        sent.cells[0].numerator.as_mut().expect("a count").state = state.as_str().to_owned();
        let (_, read) = view::read(sent.clone()).expect("readable");
        assert_eq!(read.cells[0].numerator.state, state);
    }
}

#[test]
fn lists_of_partners_are_limited_and_name_nobody_twice() {
    let one = |i: usize, name: &str| PartnerStanding {
        ods: ods(&format!("Z{i}")),
        name: name.to_owned(),
        connected: true,
    };
    let many = |n: usize| write_partners((0..n).map(|i| one(i, "Trust")).collect());
    assert_eq!(read_partners(many(MAX_NODES)).map(|p| p.len()), Ok(MAX_NODES));
    let error = ConvertError::TooMany { what: "partners", most: MAX_NODES };
    assert_eq!(read_partners(many(MAX_NODES + 1)), Err(error));
    let twice = write_partners(vec![one(1, "Trust"), one(1, "Trust")]);
    assert_eq!(read_partners(twice), Err(ConvertError::Contradiction("list of partners")));
    let long = write_partners(vec![one(1, &"\u{e9}".repeat(MAX_TEXT_BYTES))]);
    let read = read_partners(long).expect("a name that is too long is cut where it leaves");
    assert_eq!(read[0].name, "\u{e9}".repeat(MAX_TEXT_BYTES / 2));
    let most = |n: usize| u32::try_from(n + 1).expect("fits");
    for (partners, questions) in [(most(MAX_NODES), 1), (1, most(MAX_QUESTIONS))] {
        let asked = pb::Asked { partners, questions };
        let event = pb::AskResponse { event: Some(pb::ask_response::Event::Asked(asked)) };
        assert!(matches!(read_event(event), Err(ConvertError::TooMany { .. })));
    }
}
