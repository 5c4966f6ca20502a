//! The Coordinator service and its client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use evensum_core::model::RefusalCode;
use evensum_core::port::{
    AnalystPort, Answered, Answers, AskFault, BoxFuture, OutOfOrder, PartnerStanding, Progress,
    ProgressSink,
};
use evensum_core::sign::Envelope;
use evensum_core::view::{Bundle, CoverageStatus, Shared, SystemView};
use tokio::sync::Notify;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::scene::{ABSENT, ANSWERS, REFUSES, Scene, ods};
use super::{all, answers, one, ready, served};
use crate::rpc::client::AnalystClient;
use crate::rpc::client::MAX_EVENTS;
use crate::rpc::convert::view::{write_one, write_progress};
use crate::rpc::coordinator_service::routes;
use crate::rpc::pb::ask_response::Event;
use crate::rpc::pb::coordinator_server::{Coordinator, CoordinatorServer};
use crate::rpc::pb::quality_response::Outcome;
use crate::rpc::{MAX_DEADLINE, MIN_DEADLINE, faults, pb};

const LONG: Duration = Duration::from_secs(30);

/// What the tests' coordinator does.
enum Does {
    Answers(Box<SystemView<Shared>>),
    Fails(AskFault),
    Breaks,
    /// Tells the first that it has begun, waits for the second, tells the third that it has ended.
    Waits(Arc<Notify>, Arc<Notify>, Arc<Notify>),
}

struct Fake {
    does: Does,
    deadlines: Mutex<Vec<Duration>>,
}

impl Fake {
    fn new(does: Does) -> Arc<Self> {
        Arc::new(Self { does, deadlines: Mutex::default() })
    }

    /// One that answers.
    fn answering(scene: &Scene) -> Arc<Self> {
        Self::new(Does::Answers(Box::new(scene.view())))
    }
}

fn happened() -> Vec<Progress> {
    use CoverageStatus::{Answered, Late, NoData};
    let settled = |code, status| Progress::Settled { ods: ods(code), question: 0, status };
    let settled = [settled(ANSWERS, Answered), settled(REFUSES, NoData), settled(ABSENT, Late)];
    [Progress::Asked { partners: 3, questions: 1 }].into_iter().chain(settled).collect()
}

fn standing() -> Vec<PartnerStanding> {
    let one = |code, connected| PartnerStanding {
        ods: ods(code),
        name: format!("Trust {code}"),
        connected,
    };
    vec![one(ANSWERS, true), one(ABSENT, false)]
}

impl AnalystPort for Fake {
    type Reply = SystemView<Shared>;

    fn ask<'a>(
        &'a self,
        _envelope: Envelope,
        deadline: Duration,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<Answers<SystemView<Shared>, AskFault>, AskFault>> {
        self.deadlines.lock().expect("lock").push(deadline);
        happened().into_iter().for_each(|one| progress(one));
        match &self.does {
            Does::Answers(view) => ready(Ok(answers(vec![(0, Ok((**view).clone()))]))),
            Does::Fails(fault) => ready(Err(fault.clone())),
            Does::Breaks => panic!("a fault of the test's coordinator"),
            Does::Waits(begun, go, ended) => Box::pin(async move {
                begun.notify_one();
                go.notified().await;
                ended.notify_one();
                Err(AskFault::Internal)
            }),
        }
    }

    fn partners<'a>(
        &'a self,
        _envelope: Envelope,
    ) -> BoxFuture<'a, Result<Vec<PartnerStanding>, AskFault>> {
        match &self.does {
            Does::Fails(fault) => ready(Err(fault.clone())),
            _ => ready(Ok(standing())),
        }
    }
}

async fn client(does: Does) -> (AnalystClient, Arc<Fake>) {
    let fake = Fake::new(does);
    (AnalystClient::new(served(routes(fake.clone()), None).await), fake)
}

/// Asks, and hands out what was heard on the way.
async fn ask(
    client: &AnalystClient,
    envelope: Envelope,
    deadline: Duration,
) -> (Result<Bundle, AskFault>, Vec<Progress>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let into = heard.clone();
    let sink: ProgressSink = Arc::new(move |one| into.lock().expect("lock").push(one));
    let answered = one(client.ask(envelope, deadline, sink).await).await;
    let heard = heard.lock().expect("lock").clone();
    (answered, heard)
}

#[tokio::test]
async fn a_view_arrives_and_can_be_checked() {
    let scene = Scene::new();
    let view = scene.view();
    let (client, fake) = client(Does::Answers(Box::new(view.clone()))).await;
    let (answered, heard) = ask(&client, scene.envelope(), LONG).await;
    let bundle = answered.expect("a view");
    assert_eq!(bundle, view.bundle());
    assert_eq!(heard, happened());
    let again = scene.check(bundle).expect("believed");
    assert_eq!(again, view);
    for (given, used) in
        [(Duration::ZERO, MIN_DEADLINE), (Duration::MAX, MAX_DEADLINE), (LONG, LONG)]
    {
        fake.deadlines.lock().expect("lock").clear();
        assert!(ask(&client, scene.envelope(), given).await.0.is_ok());
        assert_eq!(*fake.deadlines.lock().expect("lock"), [used]);
    }
}

#[tokio::test]
async fn a_deadline_out_of_range_is_moved_into_it_by_the_coordinator_too() {
    let scene = Scene::new();
    let fake = Fake::answering(&scene);
    let channel = served(routes(fake.clone()), None).await;
    let mut client = pb::coordinator_client::CoordinatorClient::new(channel);
    for deadline_ms in [0, u32::MAX] {
        let envelope = Some(crate::rpc::convert::envelope::write(&scene.envelope()));
        let stream = client.ask(pb::AskRequest { envelope, deadline_ms }).await.expect("begun");
        let mut events = stream.into_inner();
        while events.message().await.expect("an event").is_some() {}
    }
    assert_eq!(*fake.deadlines.lock().expect("lock"), [MIN_DEADLINE, MAX_DEADLINE]);
}

#[tokio::test]
async fn altered_figures_are_found_after_the_journey() {
    let scene = Scene::new();
    let (client, _) = client(Does::Answers(Box::new(scene.view()))).await;
    let mut bundle = ask(&client, scene.envelope(), LONG).await.0.expect("a view");
    bundle.cells[0].numerator.bounds.low += 1;
    assert!(scene.check(bundle).is_err());
}

#[tokio::test]
async fn faults_arrive_after_the_progress() {
    let envelope = Scene::new().envelope();
    for fault in [
        AskFault::Denied(RefusalCode::Withheld),
        AskFault::Denied(RefusalCode::AgreementUnknown),
        AskFault::AgreementUnknown,
        AskFault::LedgerUnavailable,
    ] {
        let (client, _) = client(Does::Fails(fault.clone())).await;
        let (answered, heard) = ask(&client, envelope.clone(), LONG).await;
        assert_eq!((answered, heard), (Err(fault.clone()), happened()));
        assert_eq!(client.partners(envelope.clone()).await, Err(fault));
    }
}

#[tokio::test]
async fn even_a_broken_coordinator_says_that_it_is_broken() {
    let (client, _) = client(Does::Breaks).await;
    let (answered, _) = ask(&client, Scene::new().envelope(), LONG).await;
    assert_eq!(answered, Err(AskFault::Internal));
}

#[tokio::test]
async fn a_query_is_finished_though_nobody_listens() {
    let [begun, go, ended] = [(); 3].map(|()| Arc::new(Notify::new()));
    let does = Does::Waits(begun.clone(), go.clone(), ended.clone());
    let (client, _) = client(does).await;
    let (asker, envelope) = (client.clone(), Scene::new().envelope());
    let asking = tokio::spawn(async move { ask(&asker, envelope, LONG).await.0 });
    begun.notified().await;
    asking.abort();
    assert!(asking.await.expect_err("aborted").is_cancelled());
    // A later call on the same connection is answered after the coordinator was told of the first one's end.
    assert!(client.partners(Scene::new().envelope()).await.is_ok());
    go.notify_one();
    let finished = tokio::time::timeout(Duration::from_secs(20), ended.notified()).await;
    assert!(finished.is_ok());
}

#[tokio::test]
async fn partners_arrive() {
    let scene = Scene::new();
    let (client, _) = client(Does::Answers(Box::new(scene.view()))).await;
    assert_eq!(client.partners(scene.envelope()).await, Ok(standing()));
}

/// A coordinator that sends what it likes.
struct Scripted(Vec<Result<pb::AskResponse, Status>>);

#[tonic::async_trait]
impl Coordinator for Scripted {
    type AskStream = std::pin::Pin<Box<dyn Stream<Item = Result<pb::AskResponse, Status>> + Send>>;

    async fn ask(
        &self,
        _request: Request<pb::AskRequest>,
    ) -> Result<Response<Self::AskStream>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::iter(self.0.clone()))))
    }

    type QualityStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<pb::QualityResponse, Status>> + Send>>;

    /// The same script, without the progress.
    async fn quality(
        &self,
        _request: Request<pb::QualityRequest>,
    ) -> Result<Response<Self::QualityStream>, Status> {
        let script = self.0.clone().into_iter().map(|one| {
            let outcome = one?.event.and_then(|event| match event {
                Event::View(view) => Some(Outcome::Completeness(pb::Completeness {
                    partners: Vec::new(),
                    view: Some(view),
                })),
                Event::Fault(fault) => Some(Outcome::Fault(fault)),
                Event::Asked(_) | Event::Settled(_) => None,
            });
            Ok(pb::QualityResponse { outcome })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(script.collect::<Vec<_>>()))))
    }

    async fn partners(
        &self,
        _request: Request<pb::PartnersRequest>,
    ) -> Result<Response<pb::PartnersResponse>, Status> {
        let twice = crate::rpc::convert::view::write_partners([standing(), standing()].concat());
        Ok(Response::new(twice))
    }
}

/// What a coordinator with this script is heard to say to so many questions.
async fn scripted(
    scene: &Scene,
    questions: usize,
    script: Vec<Result<pb::AskResponse, Status>>,
) -> Result<Vec<Answered<Bundle, AskFault>>, AskFault> {
    let routes = tonic::service::Routes::new(CoordinatorServer::new(Scripted(script)));
    let client = AnalystClient::new(served(routes, None).await);
    let sink: ProgressSink = Arc::new(|_| {});
    let answered = client.ask(scene.envelope_of(questions), LONG, sink).await;
    assert_eq!(client.partners(scene.envelope()).await, Err(AskFault::Unreadable));
    Ok(all(answered?).await)
}

#[tokio::test]
async fn shares_come_with_their_views_each_once_and_in_order() {
    let scene = Scene::new();
    let view = |number| Ok(write_one(number, Ok(scene.view())));
    let denied = || AskFault::Denied(RefusalCode::Withheld);
    let fault = |number| Ok(write_one(number, Err(denied())));
    let order = || AskFault::Order(OutOfOrder);
    let broken = || Err(Status::unavailable("gone"));
    let lost = || faults::ask_fault(&Status::unavailable("gone"));
    for (script, expected) in [
        (vec![view(0), fault(1)], Ok(vec![None, Some(denied())])),
        (vec![view(0)], Ok(vec![None, Some(order())])),
        (vec![view(1), view(0)], Ok(vec![Some(order()), Some(order())])),
        (vec![view(0), view(0)], Ok(vec![None, Some(order())])),
        (vec![view(0), broken()], Ok(vec![None, Some(lost())])),
        (vec![view(0), view(1), view(2)], Err(order())),
        (vec![view(0), view(1), broken()], Err(lost())),
        (vec![broken()], Ok(vec![Some(lost()), Some(lost())])),
        (vec![Ok(pb::AskResponse { event: None })], Ok(vec![Some(AskFault::Unreadable); 2])),
    ] {
        let routes = tonic::service::Routes::new(CoordinatorServer::new(Scripted(script.clone())));
        let client = AnalystClient::new(served(routes, None).await);
        let heard = client.quality(scene.envelope_of(2), LONG).await;
        let heard = heard.map(|all| all.into_iter().map(Result::err).collect::<Vec<_>>());
        assert_eq!(heard, expected, "{}", script.len());
    }
}

#[tokio::test]
async fn shares_arrive_that_can_be_worked_out_again() {
    let scene = Scene::new();
    let (client, _) = client(Does::Answers(Box::new(scene.view()))).await;
    let heard = client.quality(scene.envelope(), LONG).await.expect("answers");
    let [Ok(claimed)] = heard.as_slice() else { panic!("{heard:?}") };
    let own: Vec<_> = scene.view().answer().completeness.iter().map(|c| c.claimed()).collect();
    assert_eq!(claimed.shares, own);
    assert_eq!(claimed.bundle, scene.view().bundle());
}

/// The numbers of good answers, and of the rest with why there is none.
fn heard(all: Vec<Answered<Bundle, AskFault>>) -> (Vec<u32>, Vec<(u32, AskFault)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (number, answer) in all {
        match answer {
            Ok(_) => good.push(number),
            Err(fault) => bad.push((number, fault)),
        }
    }
    (good, bad)
}

#[tokio::test]
async fn a_stream_has_each_answer_once_and_in_order_and_then_ends() {
    let scene = Scene::new();
    let view = |number| Ok(write_one(number, Ok(scene.view())));
    let fault = |number| Ok(write_one(number, Err(AskFault::Denied(RefusalCode::Withheld))));
    let asked = || Ok(write_progress(Progress::Asked { partners: 3, questions: 3 }));
    let nothing = || Ok(pb::AskResponse { event: None });
    let broken = || Err(Status::unavailable("gone"));
    let order = || AskFault::Order(OutOfOrder);
    let withheld = || AskFault::Denied(RefusalCode::Withheld);
    let rest =
        |from: u32, fault: AskFault| -> Vec<_> { (from..3).map(|n| (n, fault.clone())).collect() };
    let flood = [vec![view(0)], vec![asked(); MAX_EVENTS], vec![view(1), view(2)]].concat();
    let cases = [
        (vec![asked(), view(0), view(1), asked(), view(2)], vec![0, 1, 2], vec![]),
        (vec![view(0), fault(1), view(2)], vec![0, 2], vec![(1, withheld())]),
        (vec![view(0), view(1)], vec![0, 1], rest(2, order())),
        (vec![view(1), view(0), view(2)], vec![], rest(0, order())),
        (vec![view(0), view(0), view(2)], vec![0], rest(1, order())),
        (vec![view(0), view(2), view(1)], vec![0], rest(1, order())),
        (vec![view(0), fault(0), view(2)], vec![0], rest(1, order())),
        (vec![view(0), view(1), view(2), view(2)], vec![0, 1, 2], vec![(3, order())]),
        (vec![view(0), view(1), view(2), view(3)], vec![0, 1, 2], vec![(3, order())]),
        (vec![view(0), nothing(), view(1)], vec![0], rest(1, AskFault::Unreadable)),
        (vec![view(0), broken()], vec![0], rest(1, AskFault::Unreachable)),
        (vec![view(0), view(120)], vec![0], rest(1, AskFault::Unreadable)),
        (flood, vec![0], rest(1, AskFault::Unreadable)),
        (vec![], vec![], rest(0, order())),
        (vec![asked()], vec![], rest(0, order())),
    ];
    for (number, (script, good, bad)) in cases.into_iter().enumerate() {
        let all = scripted(&scene, 3, script).await.expect("begun");
        assert_eq!(heard(all), (good, bad), "case {number}");
    }
    for (script, fault) in
        [(vec![broken()], AskFault::Unreachable), (vec![nothing()], AskFault::Unreadable)]
    {
        assert_eq!(scripted(&scene, 3, script).await.map(drop), Err(fault));
    }
}
