//! The independent second server of blind sums, at the far end of the connection that the coordinator dialled.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::identity::Peer;
use evensum_core::ledger::ReceiptParts;
use evensum_core::model::{Digest, Ods};
use evensum_core::pool::Sealed;
use evensum_core::port::{
    BoxFuture, Checked, Checking, HelperDirectory, HelperPort, OpenedShares, PoolFault,
};
use evensum_core::sign::Envelope;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::faults::pool::of_status;
use super::pb::helper_client::HelperClient as Client;
use super::{MAX_OPENED_BYTES, MAX_RETURNED_BYTES, Registry, convert, pb};

/// The longest wait until what is said is written down.
const WRITTEN_LIMIT: Duration = Duration::from_secs(30);
/// The longest wait for a check, a sum, an opening or a disclosure test.
const WORK_LIMIT: Duration = Duration::from_secs(60);

/// A second server.
#[derive(Debug, Clone)]
pub struct HelperClient {
    channel: Channel,
}

/// The second server among those that are connected.
#[derive(Debug, Clone)]
pub struct DialledHelper {
    registry: Registry,
    ods: Ods,
}

impl DialledHelper {
    /// That of an organisation, in the registry that it is dialled for.
    #[must_use]
    pub const fn new(registry: Registry, ods: Ods) -> Self {
        Self { registry, ods }
    }
}

impl HelperDirectory for DialledHelper {
    fn helper(&self) -> Option<Arc<dyn HelperPort>> {
        self.registry.get(&self.ods).map(|channel| Arc::new(HelperClient::new(channel)) as _)
    }
}

impl HelperClient {
    /// Calls over this connection.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Self { channel }
    }

    fn client(&self) -> Client<Channel> {
        Client::new(self.channel.clone())
            .max_encoding_message_size(MAX_RETURNED_BYTES)
            .max_decoding_message_size(MAX_OPENED_BYTES)
    }
}

async fn heard<T>(
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, PoolFault> {
    let response = timeout(limit, call).await.map_err(|_| PoolFault::Late)?;
    response.map(Response::into_inner).map_err(|status| of_status(&status))
}

/// The second server knows its caller from the connection, so `caller` is not sent.
impl HelperPort for HelperClient {
    fn announce<'a>(
        &'a self,
        _caller: &'a Peer,
        round: &'a Envelope,
        verify_key: &'a Sealed,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async move {
            let request = convert::helper::write_announce(round, verify_key);
            heard(WRITTEN_LIMIT, self.client().announce(request)).await.map(drop)
        })
    }

    fn check<'a>(
        &'a self,
        _caller: &'a Peer,
        round: Digest,
        items: Vec<Checking>,
    ) -> BoxFuture<'a, Result<Vec<Checked>, PoolFault>> {
        Box::pin(async move {
            let request = convert::helper::write_check(round, items);
            let response = heard(WORK_LIMIT, self.client().check(request)).await?;
            convert::helper::read_checked(response).map_err(|_| PoolFault::Unreadable)
        })
    }

    fn close<'a>(
        &'a self,
        _caller: &'a Peer,
        closing: &'a Envelope,
    ) -> BoxFuture<'a, Result<Envelope, PoolFault>> {
        Box::pin(async move {
            let closing = Some(convert::envelope::write(closing));
            let request = pb::HelperCloseRequest { closing };
            let response = heard(WORK_LIMIT, self.client().close(request)).await?;
            convert::pool::document(response.closing).map_err(|_| PoolFault::Unreadable)
        })
    }

    fn open<'a>(
        &'a self,
        _caller: &'a Peer,
        opening: &'a Envelope,
    ) -> BoxFuture<'a, Result<OpenedShares, PoolFault>> {
        Box::pin(async move {
            let opening = Some(convert::envelope::write(opening));
            let request = pb::HelperOpenRequest { opening };
            let response = heard(WORK_LIMIT, self.client().open(request)).await?;
            convert::helper::read_opened(response).map_err(|_| PoolFault::Unreadable)
        })
    }

    fn returned<'a>(
        &'a self,
        _caller: &'a Peer,
        returned: &'a Envelope,
        releases: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<ReceiptParts, PoolFault>> {
        Box::pin(async move {
            let returned = Some(convert::envelope::write(returned));
            let request = pb::HelperReturnedRequest { returned, releases };
            let response = heard(WORK_LIMIT, self.client().returned(request)).await?;
            convert::answer::read_proof(response.receipt).map_err(|_| PoolFault::Unreadable)
        })
    }

    fn witness<'a>(
        &'a self,
        _caller: &'a Peer,
        query: &'a Envelope,
    ) -> BoxFuture<'a, Result<ReceiptParts, PoolFault>> {
        Box::pin(async move {
            let query = Some(convert::envelope::write(query));
            let request = pb::HelperWitnessRequest { query };
            let response = heard(WRITTEN_LIMIT, self.client().witness(request)).await?;
            convert::answer::read_proof(response.receipt).map_err(|_| PoolFault::Unreadable)
        })
    }
}
