//! The Coordinator service, for analysts. The envelope alone says who asks.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::model::MAX_NODES;
use evensum_core::port::{AnalystPort, AskFault, BoxStream, Progress, ProgressSink};
use evensum_core::sign::Envelope;
use evensum_core::view::{Shared, SystemView};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::pb::coordinator_server::{Coordinator, CoordinatorServer, SERVICE_NAME};
use super::{
    Connection, DRAIN_LIMIT, Keepalive, MAX_DEADLINE, MAX_HEADER_BYTES, MAX_REQUEST_BYTES,
    MAX_VIEW_BYTES, MIN_DEADLINE, convert, faults, health, pb,
};

/// The full name of the service, for the health service.
pub const NAME: &str = SERVICE_NAME;

/// Progress that waits for a slow reader: one event for each partner, the first and the last. What does not
/// fit is left out, an answer never.
const WAITING_EVENTS: usize = MAX_NODES + 2;
/// Events that may wait in front of an answer, so that answers, which are large, do not pile up.
const BEFORE_ANSWER: usize = 1;

/// Calls at one time on an analyst's connection.
const MAX_STREAMS: u32 = 16;

type Events = ReceiverStream<Result<pb::AskResponse, Status>>;
type Port = Arc<dyn AnalystPort<Reply = SystemView<Shared>>>;

/// Serves a coordinator. The question at hand is finished, whether or not whoever asked still listens.
#[must_use]
pub fn routes(coordinator: Port) -> Routes {
    let service = CoordinatorServer::new(Service { coordinator })
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_VIEW_BYTES);
    Routes::new(service)
}

/// Serves a coordinator to the connections of analysts until `shutdown`. What is under way then finishes, for
/// at most [`DRAIN_LIMIT`]. The health service says what `serving` says, as it changes.
///
/// # Errors
/// tonic's, where its server ends by itself.
pub async fn serve<I, C>(
    coordinator: Port,
    incoming: I,
    serving: watch::Receiver<bool>,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error>
where
    I: Stream<Item = std::io::Result<C>> + Send,
    C: Connection,
{
    let health = health::service(serving).await;
    let serving = Server::builder()
        .http2_keepalive_interval(Some(Keepalive::USUAL.interval))
        .http2_keepalive_timeout(Some(Keepalive::USUAL.timeout))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .add_routes(routes(coordinator).add_service(health))
        .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => Ok(()),
    }
}

struct Service {
    coordinator: Port,
}

#[tonic::async_trait]
impl Coordinator for Service {
    type AskStream = Events;

    async fn ask(&self, request: Request<pb::AskRequest>) -> Result<Response<Events>, Status> {
        let pb::AskRequest { envelope, deadline_ms } = request.into_inner();
        let envelope =
            convert::envelope::read(envelope).map_err(|e| faults::unreadable_request(&e))?;
        let deadline = Duration::from_millis(deadline_ms.into()).clamp(MIN_DEADLINE, MAX_DEADLINE);
        let (events, stream) = mpsc::channel(WAITING_EVENTS);
        tokio::spawn(answered(Arc::clone(&self.coordinator), envelope, deadline, events));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    type QualityStream = BoxStream<'static, Result<pb::QualityResponse, Status>>;

    async fn quality(
        &self,
        request: Request<pb::QualityRequest>,
    ) -> Result<Response<Self::QualityStream>, Status> {
        let pb::QualityRequest { envelope, deadline_ms } = request.into_inner();
        let envelope =
            convert::envelope::read(envelope).map_err(|e| faults::unreadable_request(&e))?;
        let deadline = Duration::from_millis(deadline_ms.into()).clamp(MIN_DEADLINE, MAX_DEADLINE);
        let coordinator = Arc::clone(&self.coordinator);
        // A task of its own: what was accepted is answered, whether or not whoever asked still listens.
        let asking = tokio::spawn(async move {
            coordinator.ask(envelope, deadline, Arc::new(|_: Progress| {})).await
        });
        let answers = asking.await.unwrap_or(Err(AskFault::Internal));
        let answers = answers.map_err(|fault| faults::ask_status(&fault))?;
        let each = |(question, outcome)| Ok(convert::completeness::write_one(question, outcome));
        Ok(Response::new(Box::pin(answers.map(each))))
    }

    async fn partners(
        &self,
        request: Request<pb::PartnersRequest>,
    ) -> Result<Response<pb::PartnersResponse>, Status> {
        let pb::PartnersRequest { envelope } = request.into_inner();
        let envelope =
            convert::envelope::read(envelope).map_err(|e| faults::unreadable_request(&e))?;
        let partners = self.coordinator.partners(envelope).await;
        let partners = partners.map_err(|fault| faults::ask_status(&fault))?;
        Ok(Response::new(convert::view::write_partners(partners)))
    }
}

/// Asks, and sends what comes of it. Sending fails only where nobody listens any more.
async fn answered(
    coordinator: Port,
    envelope: Envelope,
    deadline: Duration,
    events: mpsc::Sender<Result<pb::AskResponse, Status>>,
) {
    let told = events.clone();
    let progress: ProgressSink = Arc::new(move |happened: Progress| {
        let _ = told.try_send(Ok(convert::view::write_progress(happened)));
    });
    // A task of its own, so that even a panic ends the stream with a status.
    let asking = tokio::spawn(async move { coordinator.ask(envelope, deadline, progress).await });
    let fault = match asking.await {
        Ok(Ok(mut answers)) => {
            while let Some((question, outcome)) = answers.next().await {
                // All the room but one is waited for, and one place is taken: the rest goes back at once.
                let Ok(mut room) = events.reserve_many(WAITING_EVENTS - BEFORE_ANSWER).await else {
                    return;
                };
                if let Some(place) = room.next() {
                    place.send(Ok(convert::view::write_one(question, outcome)));
                }
            }
            return;
        }
        Ok(Err(fault)) => fault,
        Err(_) => AskFault::Internal,
    };
    let _ = events.send(Err(faults::ask_status(&fault))).await;
}
