//! The Coordinator service, for analysts. The envelope alone says who asks.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::port::{AnalystPort, AskFault, Progress, ProgressSink};
use evensum_core::sign::Envelope;
use evensum_core::view::{Shared, SystemView};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::pb::coordinator_server::{Coordinator, CoordinatorServer, SERVICE_NAME};
use super::{MAX_DEADLINE, MAX_REQUEST_BYTES, MAX_VIEW_BYTES, MIN_DEADLINE, convert, faults, pb};

/// The full name of the service, for the health service.
pub const NAME: &str = SERVICE_NAME;

/// Progress that waits for a slow reader: one event for each partner, the first and the last. What does not
/// fit is left out, the view never.
const WAITING_EVENTS: usize = convert::MAX_PARTNERS + 2;

type Events = ReceiverStream<Result<pb::AskResponse, Status>>;
type Port = Arc<dyn AnalystPort<Reply = SystemView<Shared>>>;

/// Serves a coordinator. A query that was begun is finished, whether or not whoever asked still listens.
#[must_use]
pub fn routes(coordinator: Port) -> Routes {
    let service = CoordinatorServer::new(Service { coordinator })
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_VIEW_BYTES);
    Routes::new(service)
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
    let last = match asking.await {
        Ok(Ok(view)) => Ok(convert::view::write_last(&view)),
        Ok(Err(fault)) => Err(faults::ask_status(&fault)),
        Err(_) => Err(faults::ask_status(&AskFault::Internal)),
    };
    let _ = events.send(last).await;
}
