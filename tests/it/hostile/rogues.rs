//! Programs that hold a node's certificate and are no nodes: what they send is not shown to anybody, and the
//! coordinator and the other partners go on.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use evensum::rpc::node_service;
use evensum_core::port::BoxFuture;
use evensum_core::view::CoverageStatus;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

use super::fixture::Federation;
use super::wire::Wired;
use crate::pki::ods;

const UNREADABLE: &str = "what the partner sent cannot be read: update the older program";
const INTERNAL: &str = "the partner could not answer: its own log says why";

#[derive(Clone, PartialEq, prost::Message)]
struct RawRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct RawResponse {
    #[prost(message, optional, tag = "2")]
    answer: Option<RawAnswer>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawAnswer {
    #[prost(string, tag = "1")]
    ods: String,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(bytes = "vec", tag = "3")]
    document: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    signature: Vec<u8>,
}

/// What a rogue does with a question; nothing is silence.
type Manner = Arc<dyn Fn() -> Option<Result<RawResponse, Status>> + Send + Sync>;

#[derive(Clone)]
struct Rogue(Manner);

impl NamedService for Rogue {
    const NAME: &'static str = node_service::NAME;
}

impl Service<http::Request<Body>> for Rogue {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let manner = Arc::clone(&self.0);
        let give = tower::service_fn(move |_: Request<RawRequest>| {
            let said = manner();
            async move {
                match said {
                    Some(said) => said.map(Response::new),
                    None => std::future::pending().await,
                }
            }
        });
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::<RawResponse, RawRequest>::default();
            Ok(Grpc::new(codec).unary(give, request).await)
        })
    }
}

fn answer(change: impl FnOnce(&mut RawAnswer)) -> Result<RawResponse, Status> {
    let mut answer = RawAnswer {
        ods: "ZZ1".to_owned(),
        kind: 1,
        document: b"{}".to_vec(),
        signature: vec![1; 64],
    };
    change(&mut answer);
    Ok(RawResponse { answer: Some(answer) })
}

/// ZZ1 is the rogue and ZZ3 is honest.
async fn with(f: &Federation, manner: Manner) -> (Wired, super::fixture::OpenNode) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let rogue = Routes::new(Rogue(manner)).add_service(health);
    let zz3 = f.node("ZZ3").await;
    let honest = zz3.routes().await;
    let wired = f.wire_routes(vec![(ods("ZZ1"), rogue), (ods("ZZ3"), honest)]).await;
    (wired, zz3)
}

fn status(code: Code, name: &'static str) -> Result<RawResponse, Status> {
    // What a terminal would obey, and what nobody may learn.
    let mut status = Status::new(code, "\u{1b}[2J 1234 patients");
    if !name.is_empty() {
        let name = tonic::metadata::MetadataValue::from_static(name);
        status.metadata_mut().insert("evensum-code", name);
    }
    Err(status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rogue_says_is_put_into_our_own_words() {
    let f = Federation::new();
    let manner = Arc::new(std::sync::Mutex::new(Some(Ok(RawResponse { answer: None }))));
    let said = Arc::clone(&manner);
    let (wired, _zz3) = with(&f, Arc::new(move || said.lock().expect("sound").clone())).await;
    let refused = CoverageStatus::Refused;
    let unlisted = "the partner's copy of the agreement does not list the key that signed: ask for it to be enrolled";
    for (what, says, coverage, reason) in [
        ("nothing", Ok(RawResponse { answer: None }), refused, UNREADABLE),
        ("no proof", answer(|_| ()), refused, UNREADABLE),
        ("an unknown kind", answer(|a| a.kind = 9), refused, UNREADABLE),
        ("no kind", answer(|a| a.kind = 0), refused, UNREADABLE),
        ("no code", answer(|a| a.ods = "zz;1".to_owned()), refused, UNREADABLE),
        ("no document", answer(|a| a.document.clear()), refused, UNREADABLE),
        ("no end", answer(|a| a.document = vec![b'['; 3 << 20]), refused, UNREADABLE),
        ("a fault of its own", status(Code::Internal, ""), refused, INTERNAL),
        ("a fault that is none", status(Code::Ok, "wonderful"), refused, INTERNAL),
        ("a name with another text", status(Code::Internal, "unauthenticated"), refused, unlisted),
        (
            "that it is not there",
            status(Code::Internal, "unreachable"),
            CoverageStatus::Unreachable,
            "the partner is not connected",
        ),
    ] {
        *manner.lock().expect("sound") = Some(says);
        let query = f.query(&["ZZ1", "ZZ3"]);
        let bundle = wired.ask(f.sign(&query)).await.expect(what);
        let view = f.check(bundle, &query).expect("verifies");
        let line = &view.answer().coverage[0];
        assert_eq!((line.status, line.reason.as_deref()), (coverage, Some(reason)), "{what}");
        assert_eq!(view.answer().coverage[1].status, CoverageStatus::Answered, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_rogue_is_late() {
    let f = Federation::new();
    let (wired, _zz3) = with(&f, Arc::new(|| None)).await;
    let (query, deadline) = (f.query(&["ZZ1", "ZZ3"]), Duration::from_secs(2));
    let started = Instant::now();
    let bundle = wired.ask_within(f.sign(&query), deadline).await.expect("the rest");
    assert!(started.elapsed() < deadline + Duration::from_secs(1), "{:?}", started.elapsed());
    let view = f.check(bundle, &query).expect("verifies");
    assert_eq!(view.answer().coverage[0].status, CoverageStatus::Late);
    assert_eq!(view.answer().coverage[1].status, CoverageStatus::Answered);
}
