//! The Pool service and its client, over a real connection.

use std::sync::{Arc, Mutex};

use evensum_core::identity::Peer;
use evensum_core::ledger::ReceiptParts;
use evensum_core::model::{AgreementId, Digest, RefusalCode};
use evensum_core::pool::{MAX_ROUND_BYTES, MAX_SEALED_BYTES, SealKey, Sealed};
use evensum_core::port::{
    BoxFuture, MAX_TOLD, PoolFault, PoolNodePort, SealedPart, SealedParts, SignedClosing,
};
use evensum_core::sign::Envelope;
use tokio_stream::StreamExt;

use super::scene::peer;
use super::{ready, served, serving};
use crate::rpc::pool_client::PoolNodeClient;
use crate::rpc::pool_service::routes;
use crate::rpc::{Caller, pb};

/// What was asked of a node, as it arrived.
#[derive(Debug, Clone, PartialEq)]
enum Asked {
    Ready(AgreementId),
    Contribute(Envelope),
    Closed(SignedClosing),
    Told(Vec<ReceiptParts>),
}

/// Says what it is told to, and notes what it was asked and by whom.
struct Fake {
    ready: Result<Vec<Envelope>, PoolFault>,
    parts: Vec<Result<SealedPart, PoolFault>>,
    written: Result<(), PoolFault>,
    asked: Mutex<Vec<(Peer, Asked)>>,
}

impl Fake {
    fn with(parts: Vec<Result<SealedPart, PoolFault>>) -> Arc<Self> {
        let asked = Mutex::default();
        Arc::new(Self { ready: Ok(vec![document(7)]), parts, written: Ok(()), asked })
    }

    fn failing(fault: &PoolFault) -> Arc<Self> {
        let (ready, written) = (Err(fault.clone()), Err(fault.clone()));
        Arc::new(Self { ready, parts: Vec::new(), written, asked: Mutex::default() })
    }

    fn note(&self, caller: &Peer, asked: Asked) {
        self.asked.lock().expect("lock").push((caller.clone(), asked));
    }
}

impl PoolNodePort for Fake {
    fn ready<'a>(
        &'a self,
        caller: &'a Peer,
        agreement: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>> {
        self.note(caller, Asked::Ready(agreement.clone()));
        ready(self.ready.clone())
    }

    fn contribute<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>> {
        self.note(caller, Asked::Contribute(round.clone()));
        let parts: SealedParts = Box::pin(tokio_stream::iter(self.parts.clone()));
        ready(self.ready.clone().map(|_| parts))
    }

    fn closed<'a>(
        &'a self,
        caller: &'a Peer,
        closing: &'a SignedClosing,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        self.note(caller, Asked::Closed(closing.clone()));
        ready(self.written.clone())
    }

    fn told<'a>(
        &'a self,
        caller: &'a Peer,
        entries: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        self.note(caller, Asked::Told(entries));
        ready(self.written.clone())
    }
}

fn document(n: u8) -> Envelope {
    Envelope {
        payload: vec![n; 100],
        payload_type: "application/vnd.evensum.test".to_owned(),
        signer: "QZ1".to_owned(),
        signature: vec![n; 64],
    }
}

fn sealed(bytes: usize) -> Sealed {
    SealKey::generate().expect("a key").public().seal(b"test", &vec![1; bytes]).expect("sealed")
}

fn part(table: u32, vector: u32) -> SealedPart {
    SealedPart { table, vector, sealed: sealed(64) }
}

fn entry(index: u64) -> ReceiptParts {
    ReceiptParts {
        entry: b"{}".to_vec(),
        index,
        proof: vec![Digest::of(b"a hash")],
        checkpoint: "a checkpoint".to_owned(),
    }
}

fn agreement() -> AgreementId {
    AgreementId::new("dsa").expect("an id")
}

async fn client(node: Arc<Fake>) -> PoolNodeClient {
    let caller = Some(Caller::new(peer()));
    PoolNodeClient::new(served(routes(node, serving()).await, caller).await)
}

async fn contributed(client: &PoolNodeClient) -> Vec<Result<SealedPart, PoolFault>> {
    client.contribute(&peer(), &document(1)).await.expect("begun").collect().await
}

#[tokio::test]
async fn everything_arrives_byte_for_byte_and_the_node_knows_the_caller() {
    let longest = SealedPart { table: 1, vector: 0, sealed: sealed(MAX_SEALED_BYTES - 1_024) };
    let sent = [part(0, 0), part(0, 1), longest].map(Ok);
    let node = Fake::with(sent.to_vec());
    let client = client(Arc::clone(&node)).await;
    assert_eq!(client.ready(&peer(), &agreement()).await, Ok(vec![document(7)]));
    assert_eq!(contributed(&client).await, sent);
    let closing = SignedClosing { coordinator: document(2), helper: Some(document(3)) };
    let alone = SignedClosing { helper: None, ..closing.clone() };
    for closing in [&closing, &alone] {
        assert_eq!(client.closed(&peer(), closing).await, Ok(()));
    }
    let many: Vec<ReceiptParts> = (0..MAX_TOLD as u64 + 3).map(entry).collect();
    assert_eq!(client.told(&peer(), many.clone()).await, Ok(()));
    let asked = node.asked.lock().expect("lock");
    let expected = [
        Asked::Ready(agreement()),
        Asked::Contribute(document(1)),
        Asked::Closed(closing),
        Asked::Closed(alone),
        Asked::Told(many[..MAX_TOLD].to_vec()),
        Asked::Told(many[MAX_TOLD..].to_vec()),
    ];
    assert_eq!(asked.iter().map(|(_, asked)| asked.clone()).collect::<Vec<_>>(), expected);
    let coordinator = asked.iter().all(|(caller, _)| caller.ods().as_str() == "ZZ1");
    assert!(coordinator, "from the connection, and not from the request");
}

#[tokio::test]
async fn faults_arrive() {
    let refused = PoolFault::Refused(RefusalCode::BoundToOthers);
    for fault in [refused, PoolFault::LedgerUnavailable, PoolFault::Internal] {
        let client = client(Fake::failing(&fault)).await;
        assert_eq!(client.ready(&peer(), &agreement()).await, Err(fault.clone()));
        let begun = client.contribute(&peer(), &document(1)).await;
        assert_eq!(begun.err(), Some(fault.clone()));
        let closing = SignedClosing { coordinator: document(2), helper: None };
        assert_eq!(client.closed(&peer(), &closing).await, Err(fault.clone()));
        assert_eq!(client.told(&peer(), vec![entry(0)]).await, Err(fault));
    }
}

#[tokio::test]
async fn a_part_out_of_its_place_and_a_stream_that_breaks_are_faults() {
    let first = part(0, 0);
    for wrong in [part(0, 0), part(0, 2), part(1, 1), part(2, 0)] {
        let client = client(Fake::with(vec![Ok(first.clone()), Ok(wrong), Ok(part(1, 0))])).await;
        let heard = contributed(&client).await;
        assert_eq!(heard, [Ok(first.clone()), Err(PoolFault::Unreadable)]);
    }
    let client = client(Fake::with(vec![Ok(first.clone()), Err(PoolFault::Internal)])).await;
    assert_eq!(contributed(&client).await, [Ok(first), Err(PoolFault::Internal)]);
}

#[tokio::test]
async fn nobody_is_served_without_a_certificate_and_what_is_no_request_does_not_arrive() {
    let node = Fake::with(vec![Ok(part(0, 0))]);
    let stranger = served(routes(node.clone(), serving()).await, None).await;
    let answer = PoolNodeClient::new(stranger).ready(&peer(), &agreement()).await;
    assert!(matches!(answer, Err(PoolFault::Unauthenticated(_))));
    let client = client(node.clone()).await;
    let long = Envelope { payload: vec![b'1'; MAX_ROUND_BYTES + 1], ..document(1) };
    let malformed = PoolFault::Refused(RefusalCode::Malformed);
    let begun = client.contribute(&peer(), &long).await;
    assert_eq!(begun.err(), Some(malformed.clone()));
    let empty = Envelope { signature: Vec::new(), ..document(1) };
    let closing = SignedClosing { coordinator: empty, helper: None };
    assert_eq!(client.closed(&peer(), &closing).await, Err(malformed));
    let channel = served(routes(node.clone(), serving()).await, Some(Caller::new(peer()))).await;
    let mut raw = pb::pool_client::PoolClient::new(channel);
    let entries = (0..MAX_TOLD as u64 + 1).map(|n| pb::Receipt {
        entry: b"{}".to_vec(),
        index: n,
        proof: Vec::new(),
        checkpoint: "a checkpoint".to_owned(),
    });
    let many = pb::PoolToldRequest { entries: entries.collect() };
    let status = raw.told(many).await.expect_err("refused");
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(node.asked.lock().expect("lock").is_empty());
    // The longest document passes.
    let longest = Envelope { payload: vec![b'1'; MAX_ROUND_BYTES], ..document(1) };
    assert!(client.contribute(&peer(), &longest).await.is_ok());
}
