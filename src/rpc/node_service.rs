//! The Node service: a partner's node, for the coordinator at the other end of the connection.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::disclosure::Outgoing;
use evensum_core::port::{BoxStream, NodeFault, NodePort};
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::Caller;
use super::pb::node_server::{Node, NodeServer, SERVICE_NAME};
use super::{MAX_ANSWER_BYTES, MAX_DEADLINE, MAX_REQUEST_BYTES, convert, faults, health, pb};

/// The full name of the service, for the health service.
pub const NAME: &str = SERVICE_NAME;

const UNKNOWN_CALLER: &str =
    "nobody vouches for this connection: call over the connection that the node dialled";

/// Serves a node. The caller must be in the extensions of each request, as a [`Caller`]. The health service
/// says what `serving` says, as it changes.
pub async fn routes(
    node: Arc<dyn NodePort<Reply = Outgoing>>,
    serving: watch::Receiver<bool>,
) -> Routes {
    let service = NodeServer::new(Service { node })
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_ANSWER_BYTES);
    Routes::new(service).add_service(health::service(serving).await)
}

struct Service {
    node: Arc<dyn NodePort<Reply = Outgoing>>,
}

#[tonic::async_trait]
impl Node for Service {
    type AnswerStream = BoxStream<'static, Result<pb::AnswerResponse, Status>>;

    async fn answer(
        &self,
        request: Request<pb::AnswerRequest>,
    ) -> Result<Response<Self::AnswerStream>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller
            .ok_or_else(|| faults::node_status(&NodeFault::Unauthenticated(UNKNOWN_CALLER)))?;
        let pb::AnswerRequest { envelope, deadline_ms } = request.into_inner();
        let envelope =
            convert::envelope::read(envelope).map_err(|e| faults::unreadable_request(&e))?;
        let deadline = Duration::from_millis(deadline_ms.into()).min(MAX_DEADLINE);
        let answered = self.node.answer(caller.peer(), &envelope, deadline).await;
        let answers = answered.map_err(|fault| faults::node_status(&fault))?;
        let each = |(question, outcome)| Ok(convert::answer::write_one(question, outcome));
        Ok(Response::new(Box::pin(answers.map(each))))
    }
}
