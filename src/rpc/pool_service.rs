//! The Pool service: a partner's node in blind sums, for the server at the other end of the connection.

use std::sync::Arc;

use evensum_core::port::{BoxStream, PoolFault, PoolNodePort};
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tonic::service::Routes;
use tonic::{Extensions, Request, Response, Status};

use super::faults::pool::to_status;
use super::pb::pool_server::{Pool, PoolServer, SERVICE_NAME};
use super::{
    Caller, MAX_PART_MESSAGE_BYTES, MAX_POOL_REQUEST_BYTES, MAX_READY_BYTES, convert, faults,
    health, pb,
};

/// The full name of the service.
pub const NAME: &str = SERVICE_NAME;

const UNKNOWN_CALLER: &str =
    "nobody vouches for this connection: call over the connection that the node dialled";

// What is sent is limited by the longer of the two.
const _: () = assert!(MAX_PART_MESSAGE_BYTES <= MAX_READY_BYTES);

fn service(node: Arc<dyn PoolNodePort>) -> PoolServer<Service> {
    PoolServer::new(Service { node })
        .max_decoding_message_size(MAX_POOL_REQUEST_BYTES)
        .max_encoding_message_size(MAX_READY_BYTES)
}

/// Serves a node's part in blind sums alone, as the second server sees it. The caller must be in the extensions of each
/// request, as a [`Caller`]. The health service says what `serving` says, as it changes.
pub async fn routes(node: Arc<dyn PoolNodePort>, serving: watch::Receiver<bool>) -> Routes {
    Routes::new(service(node)).add_service(health::service(serving).await)
}

/// Serves it beside what `routes` has, as the coordinator sees it.
#[must_use]
pub fn beside(routes: Routes, node: Arc<dyn PoolNodePort>) -> Routes {
    routes.add_service(service(node))
}

struct Service {
    node: Arc<dyn PoolNodePort>,
}

fn caller(extensions: &Extensions) -> Result<Caller, Status> {
    let caller = extensions.get::<Caller>().cloned();
    caller.ok_or_else(|| to_status(&PoolFault::Unauthenticated(UNKNOWN_CALLER)))
}

#[tonic::async_trait]
impl Pool for Service {
    type ContributeStream = BoxStream<'static, Result<pb::PoolSealedPart, Status>>;

    async fn ready(
        &self,
        request: Request<pb::PoolReadyRequest>,
    ) -> Result<Response<pb::PoolReadyResponse>, Status> {
        let caller = caller(request.extensions())?;
        let agreement = convert::pool::read_agreement(request.into_inner())
            .map_err(|e| faults::unreadable_request(&e))?;
        let ready = self.node.ready(caller.peer(), &agreement).await;
        let ready = ready.map_err(|fault| to_status(&fault))?;
        Ok(Response::new(convert::pool::write_ready(&ready)))
    }

    async fn contribute(
        &self,
        request: Request<pb::PoolContributeRequest>,
    ) -> Result<Response<Self::ContributeStream>, Status> {
        let caller = caller(request.extensions())?;
        let round = convert::pool::read_round(request.into_inner())
            .map_err(|e| faults::unreadable_request(&e))?;
        let parts = self.node.contribute(caller.peer(), &round).await;
        let parts = parts.map_err(|fault| to_status(&fault))?;
        let each = parts.map(|part| match part {
            Ok(part) => Ok(convert::pool::write_part(part)),
            Err(fault) => Err(to_status(&fault)),
        });
        Ok(Response::new(Box::pin(each)))
    }

    async fn closed(
        &self,
        request: Request<pb::PoolClosedRequest>,
    ) -> Result<Response<pb::PoolClosedResponse>, Status> {
        let caller = caller(request.extensions())?;
        let closing = convert::pool::read_closing(request.into_inner())
            .map_err(|e| faults::unreadable_request(&e))?;
        let closed = self.node.closed(caller.peer(), &closing).await;
        closed.map_err(|fault| to_status(&fault))?;
        Ok(Response::new(pb::PoolClosedResponse {}))
    }

    async fn told(
        &self,
        request: Request<pb::PoolToldRequest>,
    ) -> Result<Response<pb::PoolToldResponse>, Status> {
        let caller = caller(request.extensions())?;
        let entries = convert::pool::read_told(request.into_inner())
            .map_err(|e| faults::unreadable_request(&e))?;
        let told = self.node.told(caller.peer(), entries).await;
        told.map_err(|fault| to_status(&fault))?;
        Ok(Response::new(pb::PoolToldResponse {}))
    }
}
