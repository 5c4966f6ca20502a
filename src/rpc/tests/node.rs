//! The Node service and its client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use evensum_core::disclosure::{AnswerParts, Outgoing};
use evensum_core::identity::Peer;
use evensum_core::model::MAX_QUESTIONS;
use evensum_core::port::{Answered, Answers, BoxFuture, NodeFault, NodePort};
use evensum_core::sign::Envelope;

use super::scene::{Scene, peer};
use super::{all, answers, one, ready, served, serving};
use crate::rpc::client::NodeClient;
use crate::rpc::convert::MAX_PAYLOAD_BYTES;
use crate::rpc::node_service::routes;
use crate::rpc::{Caller, MAX_DEADLINE, pb};

/// To each question of a query, or to the query as a whole.
type Replies = Result<Vec<Answered<Outgoing, NodeFault>>, NodeFault>;

/// Answers what it is told to, and notes what it was asked.
struct Fake {
    replies: Mutex<Vec<Replies>>,
    asked: Mutex<Vec<(Peer, Envelope, Duration)>>,
}

impl Fake {
    fn new(replies: Vec<Replies>) -> Arc<Self> {
        Arc::new(Self { replies: Mutex::new(replies), asked: Mutex::default() })
    }
}

impl NodePort for Fake {
    type Reply = Outgoing;

    fn answer<'a>(
        &'a self,
        caller: &'a Peer,
        envelope: &'a Envelope,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Answers<Outgoing, NodeFault>, NodeFault>> {
        self.asked.lock().expect("lock").push((caller.clone(), envelope.clone(), deadline));
        match self.replies.lock().expect("lock").pop() {
            Some(reply) => ready(reply.map(answers)),
            None => Box::pin(std::future::pending()),
        }
    }
}

async fn ask(
    client: &NodeClient,
    envelope: &Envelope,
    deadline: Duration,
) -> Result<AnswerParts, NodeFault> {
    one(client.answer(&peer(), envelope, deadline).await).await
}

#[tokio::test]
async fn answers_arrive_byte_for_byte() {
    let scene = Scene::new();
    let (release, refusal) = (scene.release(), scene.refusal());
    let sent = [refusal.parts().clone(), release.parts().clone()];
    let fake = Fake::new(vec![Ok(vec![(0, Ok(release))]), Ok(vec![(0, Ok(refusal))])]);
    let caller = Caller::new(peer());
    let client =
        NodeClient::new(served(routes(fake.clone(), serving()).await, Some(caller.clone())).await);
    let envelope = scene.envelope();
    for (parts, deadline) in sent.iter().zip([Duration::from_millis(1_234), Duration::MAX]) {
        assert_eq!(ask(&client, &envelope, deadline).await.as_ref(), Ok(parts));
    }
    let asked = fake.asked.lock().expect("lock");
    let expected = [Duration::from_millis(1_234), MAX_DEADLINE]
        .map(|deadline| (caller.peer().clone(), envelope.clone(), deadline));
    assert_eq!(*asked, expected);
}

#[tokio::test]
async fn faults_arrive() {
    let faults = [NodeFault::Running, NodeFault::LedgerUnavailable, NodeFault::Late];
    let fake = Fake::new(faults.iter().rev().cloned().map(Err).collect());
    let client =
        NodeClient::new(served(routes(fake, serving()).await, Some(Caller::new(peer()))).await);
    let envelope = Scene::new().envelope();
    for fault in faults {
        assert_eq!(ask(&client, &envelope, Duration::from_secs(5)).await, Err(fault));
    }
}

#[tokio::test]
async fn each_question_has_its_answer_or_its_fault_in_order() {
    let scene = Scene::new();
    let (release, refusal) = (scene.release(), scene.refusal());
    let sent = [release.parts().clone(), refusal.parts().clone()];
    let faults = [NodeFault::Late, NodeFault::Internal];
    let replies = vec![
        (0, Ok(release)),
        (1, Err(faults[0].clone())),
        (2, Ok(refusal)),
        (3, Err(faults[1].clone())),
    ];
    let fake = Fake::new(vec![Ok(replies)]);
    let client =
        NodeClient::new(served(routes(fake, serving()).await, Some(Caller::new(peer()))).await);
    let answered = client.answer(&peer(), &scene.envelope_of(4), Duration::from_secs(5)).await;
    let [release, refusal] = sent;
    let [late, internal] = faults;
    let expected = [(0, Ok(release)), (1, Err(late)), (2, Ok(refusal)), (3, Err(internal))];
    assert_eq!(all(answered.expect("begun")).await, expected);
}

#[tokio::test]
async fn no_more_answers_are_read_than_a_query_may_have_questions() {
    let scene = Scene::new();
    let replies = (0..1_000).map(|_| (7, Err(NodeFault::Internal))).collect();
    let fake = Fake::new(vec![Ok(replies)]);
    let client =
        NodeClient::new(served(routes(fake, serving()).await, Some(Caller::new(peer()))).await);
    let answered = client.answer(&peer(), &scene.envelope_of(2), Duration::from_secs(5)).await;
    assert_eq!(all(answered.expect("begun")).await.len(), MAX_QUESTIONS);
    let beyond = vec![(u32::try_from(MAX_QUESTIONS).expect("small"), Err(NodeFault::Internal))];
    let fake = Fake::new(vec![Ok(beyond)]);
    let client =
        NodeClient::new(served(routes(fake, serving()).await, Some(Caller::new(peer()))).await);
    let answered = client.answer(&peer(), &scene.envelope(), Duration::from_secs(5)).await;
    let unreadable = [(0, Err(NodeFault::Unreadable))];
    assert_eq!(all(answered.expect("begun")).await, unreadable);
}

#[tokio::test]
async fn nobody_is_answered_without_a_certificate() {
    let fake = Fake::new(vec![]);
    let client = NodeClient::new(served(routes(fake.clone(), serving()).await, None).await);
    let answered = ask(&client, &Scene::new().envelope(), Duration::from_secs(5)).await;
    assert!(matches!(answered, Err(NodeFault::Unauthenticated(_))));
    assert!(fake.asked.lock().expect("lock").is_empty());
}

#[tokio::test]
async fn a_node_that_says_nothing_is_late() {
    let fake = Fake::new(vec![]);
    let client = NodeClient::new(
        served(routes(fake.clone(), serving()).await, Some(Caller::new(peer()))).await,
    );
    let answered = ask(&client, &Scene::new().envelope(), Duration::from_millis(10)).await;
    assert_eq!(answered, Err(NodeFault::Late));
    assert_eq!(fake.asked.lock().expect("lock").len(), 1);
}

#[tokio::test]
async fn a_connection_that_is_gone_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
    let client = NodeClient::new(endpoint.expect("an address").connect_lazy());
    let answered = ask(&client, &Scene::new().envelope(), Duration::from_secs(5)).await;
    assert_eq!(answered, Err(NodeFault::Unreachable));
}

#[tokio::test]
async fn what_is_no_request_does_not_reach_the_node() {
    let scene = Scene::new();
    let fake = Fake::new(vec![Ok(vec![(0, Ok(scene.refusal()))])]);
    let channel = served(routes(fake.clone(), serving()).await, Some(Caller::new(peer()))).await;
    let mut client = pb::node_client::NodeClient::new(channel);
    let good = crate::rpc::convert::envelope::write(&scene.envelope());
    let longest = pb::Envelope { payload: vec![b'1'; MAX_PAYLOAD_BYTES], ..good.clone() };
    let longer = pb::Envelope { payload: vec![b'1'; MAX_PAYLOAD_BYTES + 1], ..good.clone() };
    let huge = pb::Envelope { payload: vec![b'1'; MAX_PAYLOAD_BYTES * 2], ..good };
    let cases = [
        (None, tonic::Code::InvalidArgument),
        (Some(longer), tonic::Code::InvalidArgument),
        (Some(huge), tonic::Code::OutOfRange),
    ];
    for (envelope, code) in cases {
        let request = pb::AnswerRequest { envelope, deadline_ms: 1_000 };
        assert_eq!(client.answer(request).await.expect_err("refused").code(), code);
    }
    assert!(fake.asked.lock().expect("lock").is_empty());
    let request = pb::AnswerRequest { envelope: Some(longest), deadline_ms: 1_000 };
    assert!(client.answer(request).await.is_ok(), "a payload of the greatest length passes");
}
