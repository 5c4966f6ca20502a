//! The Helper service: the independent second server of blind sums, for the coordinator that dials it.

use std::sync::Arc;

use evensum_core::port::{HelperPort, PoolFault};
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::{Extensions, Request, Response, Status};

use super::faults::pool::to_status;
use super::pb::helper_server::{Helper, HelperServer, SERVICE_NAME};
use super::{Caller, MAX_OPENED_BYTES, MAX_RETURNED_BYTES, convert, faults, health, pb};

/// The full name of the service, for the health service.
pub const NAME: &str = SERVICE_NAME;

const UNKNOWN_CALLER: &str =
    "nobody vouches for this connection: call over the connection that the coordinator dialled";

/// Serves a second server. The caller must be in the extensions of each request, as a [`Caller`]. The health service
/// says what `serving` says, as it changes.
pub async fn routes(helper: Arc<dyn HelperPort>, serving: watch::Receiver<bool>) -> Routes {
    let service = HelperServer::new(Service { helper })
        .max_decoding_message_size(MAX_RETURNED_BYTES)
        .max_encoding_message_size(MAX_OPENED_BYTES);
    Routes::new(service).add_service(health::service(serving).await)
}

struct Service {
    helper: Arc<dyn HelperPort>,
}

fn caller(extensions: &Extensions) -> Result<Caller, Status> {
    let caller = extensions.get::<Caller>().cloned();
    caller.ok_or_else(|| to_status(&PoolFault::Unauthenticated(UNKNOWN_CALLER)))
}

#[tonic::async_trait]
impl Helper for Service {
    async fn announce(
        &self,
        request: Request<pb::HelperAnnounceRequest>,
    ) -> Result<Response<pb::HelperAnnounceResponse>, Status> {
        let caller = caller(request.extensions())?;
        let (round, key) = convert::helper::read_announce(request.into_inner())
            .map_err(|e| faults::unreadable_request(&e))?;
        let bound = self.helper.announce(caller.peer(), &round, &key).await;
        bound.map_err(|fault| to_status(&fault))?;
        Ok(Response::new(pb::HelperAnnounceResponse {}))
    }

    async fn check(
        &self,
        request: Request<pb::HelperCheckRequest>,
    ) -> Result<Response<pb::HelperCheckResponse>, Status> {
        let caller = caller(request.extensions())?;
        let (round, items) = convert::helper::read_check(request.into_inner())
            .map_err(|e| faults::unreadable_request(&e))?;
        let checked = self.helper.check(caller.peer(), round, items).await;
        let checked = checked.map_err(|fault| to_status(&fault))?;
        Ok(Response::new(convert::helper::write_checked(checked)))
    }

    async fn close(
        &self,
        request: Request<pb::HelperCloseRequest>,
    ) -> Result<Response<pb::HelperCloseResponse>, Status> {
        let caller = caller(request.extensions())?;
        let closing = convert::pool::document(request.into_inner().closing)
            .map_err(|e| faults::unreadable_request(&e))?;
        let closed = self.helper.close(caller.peer(), &closing).await;
        let closed = closed.map_err(|fault| to_status(&fault))?;
        let closing = Some(convert::envelope::write(&closed));
        Ok(Response::new(pb::HelperCloseResponse { closing }))
    }

    async fn open(
        &self,
        request: Request<pb::HelperOpenRequest>,
    ) -> Result<Response<pb::HelperOpenResponse>, Status> {
        let caller = caller(request.extensions())?;
        let opening = convert::pool::document(request.into_inner().opening)
            .map_err(|e| faults::unreadable_request(&e))?;
        let opened = self.helper.open(caller.peer(), &opening).await;
        let opened = opened.map_err(|fault| to_status(&fault))?;
        Ok(Response::new(convert::helper::write_opened(opened)))
    }

    async fn returned(
        &self,
        request: Request<pb::HelperReturnedRequest>,
    ) -> Result<Response<pb::HelperReturnedResponse>, Status> {
        let caller = caller(request.extensions())?;
        let (returned, releases) = convert::helper::read_returned(request.into_inner())
            .map_err(|e| faults::unreadable_request(&e))?;
        let receipt = self.helper.returned(caller.peer(), &returned, releases).await;
        let receipt = receipt.map_err(|fault| to_status(&fault))?;
        let receipt = Some(convert::answer::proof(receipt));
        Ok(Response::new(pb::HelperReturnedResponse { receipt }))
    }

    async fn witness(
        &self,
        request: Request<pb::HelperWitnessRequest>,
    ) -> Result<Response<pb::HelperWitnessResponse>, Status> {
        let caller = caller(request.extensions())?;
        let query = convert::envelope::read(request.into_inner().query)
            .map_err(|e| faults::unreadable_request(&e))?;
        let receipt = self.helper.witness(caller.peer(), &query).await;
        let receipt = receipt.map_err(|fault| to_status(&fault))?;
        let receipt = Some(convert::answer::proof(receipt));
        Ok(Response::new(pb::HelperWitnessResponse { receipt }))
    }
}
