//! The ports at the far end of a connection: a node for the coordinator, a coordinator for analysts.

use std::time::Duration;

use evensum_core::disclosure::AnswerParts;
use evensum_core::identity::Peer;
use evensum_core::port::{
    AnalystPort, AskFault, BoxFuture, NodeFault, NodePort, PartnerStanding, ProgressSink,
};
use evensum_core::sign::Envelope;
use evensum_core::view::Bundle;
use tokio::time::timeout;
use tonic::transport::Channel;

use super::convert::view::Heard;
use super::pb::coordinator_client::CoordinatorClient;
use super::{
    MAX_ANSWER_BYTES, MAX_DEADLINE, MAX_PARTNERS_BYTES, MAX_REQUEST_BYTES, MAX_VIEW_BYTES,
    MIN_DEADLINE, convert, faults, pb,
};

/// A node keeps its deadline itself; its caller gives up this much later, so that the node's own word
/// arrives first.
const NODE_GRACE: Duration = Duration::from_millis(300);
/// The same for a coordinator, whose view is larger and may come over a slower line.
const COORDINATOR_GRACE: Duration = Duration::from_secs(2);
/// The longest wait for the list of partners.
const PARTNERS_LIMIT: Duration = Duration::from_secs(10);
/// The most events of one answer. A partner is settled once.
const MAX_EVENTS: usize = 2 * (convert::MAX_PARTNERS + 2);

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// A partner's node over the connection that it dialled.
#[derive(Debug, Clone)]
pub struct NodeClient {
    channel: Channel,
}

impl NodeClient {
    /// Calls over this connection.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Self { channel }
    }

    async fn call(&self, request: pb::AnswerRequest) -> Result<AnswerParts, NodeFault> {
        let mut client = pb::node_client::NodeClient::new(self.channel.clone())
            .max_encoding_message_size(MAX_REQUEST_BYTES)
            .max_decoding_message_size(MAX_ANSWER_BYTES);
        let response = client.answer(request).await;
        let response = response.map_err(|status| faults::node_fault(&status))?;
        let pb::AnswerResponse { answer } = response.into_inner();
        // Whose answer it claims to be is not kept: the connection says whom was asked, and the signature of
        // that partner is over the bytes.
        let (_, parts) = convert::answer::read(answer).map_err(|_| NodeFault::Unreadable)?;
        Ok(parts)
    }
}

impl NodePort for NodeClient {
    type Reply = AnswerParts;

    /// The node knows its caller from the connection, so `caller` is not sent. No grpc-timeout is sent either:
    /// it would reset the stream while the node's own answer is on its way.
    fn answer<'a>(
        &'a self,
        _caller: &'a Peer,
        envelope: &'a Envelope,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<AnswerParts, NodeFault>> {
        let deadline = deadline.min(MAX_DEADLINE);
        let request = pb::AnswerRequest {
            envelope: Some(convert::envelope::write(envelope)),
            deadline_ms: millis(deadline),
        };
        Box::pin(async move {
            let answered = timeout(deadline.saturating_add(NODE_GRACE), self.call(request)).await;
            answered.unwrap_or(Err(NodeFault::Late))
        })
    }
}

/// A coordinator, for the analyst's tool.
#[derive(Debug, Clone)]
pub struct AnalystClient {
    channel: Channel,
}

impl AnalystClient {
    /// Calls over this connection.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Self { channel }
    }

    fn client(&self, most: usize) -> CoordinatorClient<Channel> {
        CoordinatorClient::new(self.channel.clone())
            .max_encoding_message_size(MAX_REQUEST_BYTES)
            .max_decoding_message_size(most)
    }

    /// Reads the stream to its end: progress, and exactly one view as the last event.
    async fn stream(
        &self,
        request: pb::AskRequest,
        progress: ProgressSink,
    ) -> Result<Bundle, AskFault> {
        let fault = |status| faults::ask_fault(&status);
        let response = self.client(MAX_VIEW_BYTES).ask(request).await.map_err(fault)?;
        let mut events = response.into_inner();
        let mut view = None;
        let mut heard = 0_usize;
        while let Some(event) = events.message().await.map_err(fault)? {
            heard = heard.saturating_add(1);
            if view.is_some() || heard > MAX_EVENTS {
                return Err(AskFault::Unreadable);
            }
            match convert::view::read_event(event).map_err(|_| AskFault::Unreadable)? {
                Heard::Progress(happened) => progress(happened),
                Heard::View(bundle) => view = Some(*bundle),
            }
        }
        view.ok_or(AskFault::Unreadable)
    }
}

impl AnalystPort for AnalystClient {
    type Reply = Bundle;

    fn ask<'a>(
        &'a self,
        envelope: Envelope,
        deadline: Duration,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<Bundle, AskFault>> {
        let deadline = deadline.clamp(MIN_DEADLINE, MAX_DEADLINE);
        let request = pb::AskRequest {
            envelope: Some(convert::envelope::write(&envelope)),
            deadline_ms: millis(deadline),
        };
        Box::pin(async move {
            let wait = deadline.saturating_add(COORDINATOR_GRACE);
            let answered = timeout(wait, self.stream(request, progress)).await;
            answered.unwrap_or(Err(AskFault::Late))
        })
    }

    fn partners<'a>(
        &'a self,
        envelope: Envelope,
    ) -> BoxFuture<'a, Result<Vec<PartnerStanding>, AskFault>> {
        let request = pb::PartnersRequest { envelope: Some(convert::envelope::write(&envelope)) };
        Box::pin(async move {
            let mut client = self.client(MAX_PARTNERS_BYTES);
            let response = timeout(PARTNERS_LIMIT, client.partners(request)).await;
            let response = response.map_err(|_| AskFault::Late)?;
            let partners = response.map_err(|status| faults::ask_fault(&status))?.into_inner();
            convert::view::read_partners(partners).map_err(|_| AskFault::Unreadable)
        })
    }
}
