//! Envelopes that name nobody: no record is written, and the answer is a fixed text.

use evensum_core::identity::{PARTNERS_CALL_TYPE, QUERY_TYPE};
use evensum_core::model::canonical;
use evensum_core::port::{AskFault, NodeFault};
use evensum_core::sign::{Envelope, SigningKey};
use tonic::Code;

use super::fixture::Federation;

const SIGNATURE: &str = "the query is not what the analyst's key signed: it was altered on the way, or signed with another key";
const UNLISTED: &str =
    "the agreement does not list the analyst who signed: ask for your key to be enrolled";
const UNREADABLE: &str =
    "the query was signed, but this program cannot read it: update the older program";
const NO_AGREEMENT: &str =
    "the coordinator has no agreement of that name: ask the ICB's IG lead for it, or name another";

/// What is told of an envelope.
#[derive(Clone, Copy)]
enum Told {
    Nobody(&'static str),
    NoAgreement,
}

impl Told {
    const fn node(self) -> NodeFault {
        match self {
            Self::Nobody(text) => NodeFault::Unauthenticated(text),
            Self::NoAgreement => NodeFault::AgreementUnknown,
        }
    }

    const fn wire(self) -> (Code, &'static str, &'static str) {
        match self {
            Self::Nobody(text) => (Code::Unauthenticated, "unauthenticated", text),
            Self::NoAgreement => (Code::NotFound, "no_agreement", NO_AGREEMENT),
        }
    }
}

fn signed(f: &Federation, payload: Vec<u8>) -> Envelope {
    Envelope::sign(payload, QUERY_TYPE, "a0", &f.analysts["a0"]).expect("signs")
}

/// The payload as JSON, changed and encoded again.
fn edited(good: &Envelope, edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut query = serde_json::from_slice(&good.payload).expect("JSON");
    edit(&mut query);
    canonical::encode(&query).expect("encodes")
}

fn cases(f: &Federation, target: &str) -> Vec<(&'static str, Envelope, Told)> {
    use Told::{NoAgreement, Nobody};
    let query = f.query(&[target]);
    let good = f.sign(&query);
    let bytes = || good.payload.clone();
    let other = SigningKey::generate_p256().expect("a key");
    let with_key = |key| Envelope::sign(bytes(), QUERY_TYPE, "a0", key).expect("signs");
    let mut signature = good.clone();
    let last = signature.signature.len() - 1;
    signature.signature[last] ^= 1;
    let targets = edited(&good, |q| q["targets"] = serde_json::json!(["ZZ1", "ZZ2"]));
    let life = edited(&good, |q| q["expires"] = (query.expires.as_unix() + 200).into());
    let spaced = good.payload.iter().flat_map(|b| match b {
        b':' => vec![b':', b' '],
        b => vec![*b],
    });
    let call = Envelope::sign(bytes(), PARTNERS_CALL_TYPE, "a0", &f.analysts["a0"]);
    let extra = edited(&good, |q| q["sql"] = "drop table record".into());
    let missing = edited(&good, |q| drop(q.as_object_mut().expect("a map").remove("purpose")));
    let unknown = edited(&good, |q| q["agreement"] = "dsa-2".into());
    let altered = |payload| Envelope { payload, ..good.clone() };
    let signed_by = |signer: &str| Envelope { signer: signer.to_owned(), ..good.clone() };
    vec![
        ("signature altered", signature, Nobody(SIGNATURE)),
        ("signature cut", Envelope { signature: vec![0x30], ..good.clone() }, Nobody(SIGNATURE)),
        ("targets edited", altered(targets), Nobody(SIGNATURE)),
        ("life edited", altered(life), Nobody(SIGNATURE)),
        ("a stranger's key", with_key(&other), Nobody(SIGNATURE)),
        ("another analyst's key", with_key(&f.analysts["weak"]), Nobody(SIGNATURE)),
        ("a partner's key", with_key(&f.keys["ZZ1"].answer), Nobody(SIGNATURE)),
        ("another analyst's name", signed_by("weak"), Nobody(SIGNATURE)),
        ("an unlisted name", signed_by("nobody"), Nobody(UNLISTED)),
        ("a call as a query", call.expect("signs"), Nobody(SIGNATURE)),
        (
            "a query under another type",
            Envelope { payload_type: PARTNERS_CALL_TYPE.to_owned(), ..good.clone() },
            Nobody(SIGNATURE),
        ),
        ("a field too many", signed(f, extra), Nobody(UNREADABLE)),
        ("a field too few", signed(f, missing), Nobody(UNREADABLE)),
        // An agreement is looked for in canonical bytes alone.
        ("not canonical", signed(f, spaced.collect()), NoAgreement),
        ("not JSON", signed(f, b"select 1".to_vec()), NoAgreement),
        ("an unknown agreement", signed(f, unknown), NoAgreement),
    ]
}

#[tokio::test]
async fn a_node_tells_nobody_more_than_a_fixed_line_and_writes_nothing() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    for (what, envelope, told) in cases(&f, "ZZ1") {
        let fault = node.ask(&caller, &envelope).await.map(drop).expect_err(what);
        assert_eq!(fault, told.node(), "{what}");
    }
    assert!(node.log().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_says_the_same_over_the_wire_and_asks_nobody() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let wired = f.wire(&[&node]).await;
    for (what, envelope, told) in cases(&f, "ZZ1") {
        let status = wired.refused(envelope.clone()).await;
        let (code, name, text) = told.wire();
        assert_eq!((status.code(), status.message()), (code, text), "{what}");
        let named = status.metadata().get("evensum-code").expect("a name");
        assert_eq!(named.to_str().expect("ASCII"), name, "{what}");
        let restored = wired.ask(envelope).await.map(drop).expect_err(what);
        let same = match told {
            Told::Nobody(_) => matches!(restored, AskFault::Unauthenticated(_)),
            Told::NoAgreement => restored == AskFault::AgreementUnknown,
        };
        assert!(same, "{what}: {restored:?}");
    }
    // What is no envelope at all is told before anybody looks into it.
    let empty = Envelope { payload: Vec::new(), ..f.sign(&f.query(&["ZZ1"])) };
    let status = wired.refused(empty).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "the request cannot be read: the message lacks its signed document"
    );
    let long = Envelope { payload: vec![b'['; 64 * 1024 + 1], ..f.sign(&f.query(&["ZZ1"])) };
    let status = wired.refused(long).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(node.log().await.is_empty());
    assert!(wired.log().await.is_empty());
}

#[tokio::test]
async fn no_byte_of_a_query_can_be_changed() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let good = f.sign(&f.query(&["ZZ1"]));
    for at in 0..good.payload.len() {
        let mut bad = good.clone();
        // A different bit at every position, so that digits become digits and letters letters as well.
        bad.payload[at] ^= 1 << (at % 7);
        let fault = node.ask(&caller, &bad).await.map(drop).expect_err("altered");
        let known = [NodeFault::Unauthenticated(SIGNATURE), NodeFault::AgreementUnknown];
        assert!(known.contains(&fault), "byte {at}: {fault:?}");
    }
    assert!(node.log().await.is_empty());
    node.ask(&caller, &good).await.expect("the unaltered one is answered");
}
