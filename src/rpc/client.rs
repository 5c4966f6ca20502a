//! The ports at the far end of a connection: a node for the coordinator, a coordinator for analysts.

use std::time::Duration;

use evensum_core::disclosure::AnswerParts;
use evensum_core::identity::Peer;
use evensum_core::model::{MAX_NODES, MAX_QUESTIONS, canonical};
use evensum_core::port::{
    AnalystPort, Answered, Answers, AskFault, BoxFuture, InOrder, NodeFault, NodePort, OutOfOrder,
    PartnerStanding, ProgressSink,
};
use evensum_core::sign::Envelope;
use evensum_core::view::Bundle;
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

pub use super::convert::completeness::ClaimedQuality;
use super::convert::view::Heard;
use super::pb::coordinator_client::CoordinatorClient;
use super::{
    MAX_ANSWER_BYTES, MAX_ANSWERS_BYTES, MAX_DEADLINE, MAX_PARTNERS_BYTES, MAX_REQUEST_BYTES,
    MAX_VIEW_BYTES, MAX_VIEWS_BYTES, MIN_DEADLINE, convert, faults, pb,
};

/// A node keeps its deadline itself; its caller gives up this much later, so that the node's own word
/// arrives first.
const NODE_GRACE: Duration = Duration::from_millis(300);
/// The same for a coordinator, whose view is larger and may come over a slower line.
const COORDINATOR_GRACE: Duration = Duration::from_secs(2);
/// The longest wait for the list of partners.
const PARTNERS_LIMIT: Duration = Duration::from_secs(10);
/// The most events of one query: it is begun, and for each question every partner is settled and an answer
/// given, once.
pub(super) const MAX_EVENTS: usize = 1 + MAX_QUESTIONS * (MAX_NODES + 1);

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

    fn client(&self) -> pb::node_client::NodeClient<Channel> {
        pb::node_client::NodeClient::new(self.channel.clone())
            .max_encoding_message_size(MAX_REQUEST_BYTES)
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }
}

/// Reads a node's stream to its end, or to the last answer that it may have, for as long as somebody takes what
/// is read. Whoever takes it holds the node to the order.
async fn read_answers(
    mut messages: Streaming<pb::AnswerResponse>,
    until: Instant,
    answers: mpsc::Sender<Answered<AnswerParts, NodeFault>>,
) {
    let (mut next, mut total) = (0_u32, 0_usize);
    let broken = loop {
        if usize::try_from(next).is_ok_and(|next| next >= MAX_QUESTIONS) {
            return;
        }
        let heard = tokio::select! {
            heard = timeout_at(until, messages.message()) => heard,
            () = answers.closed() => return,
        };
        let message = match heard {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => return,
            Ok(Err(status)) => break faults::node_fault(&status),
            Err(_) => break NodeFault::Late,
        };
        total = total.saturating_add(message.encoded_len());
        let Some(one) =
            convert::answer::read_one(message).ok().filter(|_| total <= MAX_ANSWERS_BYTES)
        else {
            break NodeFault::Unreadable;
        };
        next += 1;
        if answers.send(one).await.is_err() {
            return;
        }
    };
    // Why the rest is missing.
    let _ = answers.send((next, Err(broken))).await;
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
    ) -> BoxFuture<'a, Result<Answers<AnswerParts, NodeFault>, NodeFault>> {
        let deadline = deadline.min(MAX_DEADLINE);
        let until = Instant::now() + deadline.saturating_add(NODE_GRACE);
        let request = pb::AnswerRequest {
            envelope: Some(convert::envelope::write(envelope)),
            deadline_ms: millis(deadline),
        };
        Box::pin(async move {
            let mut client = self.client();
            let response = timeout_at(until, client.answer(request)).await;
            let response = response.map_err(|_| NodeFault::Late)?;
            let messages = response.map_err(|status| faults::node_fault(&status))?.into_inner();
            let (answers, coming) = mpsc::channel(1);
            tokio::spawn(read_answers(messages, until, answers));
            Ok(Box::pin(ReceiverStream::new(coming)) as Answers<_, _>)
        })
    }
}

/// How many questions the envelope asks: it is the caller's own.
fn questions(envelope: &Envelope) -> u32 {
    #[derive(serde::Deserialize)]
    struct Asks {
        questions: Vec<serde::de::IgnoredAny>,
    }
    let asks = canonical::decode_part::<Asks>(&envelope.payload);
    asks.map_or(0, |asks| u32::try_from(asks.questions.len()).unwrap_or(u32::MAX))
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
}

impl AnalystClient {
    /// Asks how complete the partners' extracts are: what came of each question of the signed query, in its order.
    ///
    /// # Errors
    /// [`AskFault`] about the query as a whole. Questions after a stream that broke have its fault.
    pub async fn quality(
        &self,
        envelope: Envelope,
        deadline: Duration,
    ) -> Result<Vec<Result<ClaimedQuality, AskFault>>, AskFault> {
        let deadline = deadline.clamp(MIN_DEADLINE, MAX_DEADLINE);
        let until = Instant::now() + deadline.saturating_add(COORDINATOR_GRACE);
        let asked = questions(&envelope);
        let mut order = InOrder::new(asked);
        let request = pb::QualityRequest {
            envelope: Some(convert::envelope::write(&envelope)),
            deadline_ms: millis(deadline),
        };
        let mut client = self.client(MAX_VIEW_BYTES);
        let response = timeout_at(until, client.quality(request)).await;
        let response = response.map_err(|_| AskFault::Late)?;
        let mut messages = response.map_err(|status| faults::ask_fault(&status))?.into_inner();
        let (mut outcomes, mut total) = (Vec::new(), 0_usize);
        let broken = loop {
            let message = match timeout_at(until, messages.message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => break None,
                Ok(Err(status)) => break Some(faults::ask_fault(&status)),
                Err(_) => break Some(AskFault::Late),
            };
            total = total.saturating_add(message.encoded_len());
            let read = convert::completeness::read_one(message).ok();
            let Some((question, outcome)) = read.filter(|_| total <= MAX_VIEWS_BYTES) else {
                break Some(AskFault::Unreadable);
            };
            if let Err(reason) = order.take(question) {
                break Some(AskFault::Order(reason));
            }
            outcomes.push(outcome);
        };
        let asked = usize::try_from(asked).unwrap_or(usize::MAX);
        match broken {
            None if outcomes.len() == asked => return Ok(outcomes),
            // Something is wrong with a stream that does not end with its last answer.
            Some(fault) if outcomes.len() == asked => return Err(fault),
            broken => {
                let fault = broken.unwrap_or(AskFault::Order(OutOfOrder));
                outcomes.resize_with(asked.min(MAX_QUESTIONS), || Err(fault.clone()));
            }
        }
        Ok(outcomes)
    }
}

/// What an analyst's tool reads of a coordinator's stream.
struct Events {
    messages: Streaming<pb::AskResponse>,
    until: Instant,
    progress: ProgressSink,
    heard: usize,
    total: usize,
}

impl Events {
    /// The next answer, with the progress before it; none at the end. A fault is of the whole stream.
    async fn next(&mut self) -> Result<Option<Answered<Bundle, AskFault>>, AskFault> {
        loop {
            let message = timeout_at(self.until, self.messages.message()).await;
            let message = message.map_err(|_| AskFault::Late)?;
            let Some(message) = message.map_err(|status| faults::ask_fault(&status))? else {
                return Ok(None);
            };
            self.heard = self.heard.saturating_add(1);
            self.total = self.total.saturating_add(message.encoded_len());
            if self.heard > MAX_EVENTS || self.total > MAX_VIEWS_BYTES {
                return Err(AskFault::Unreadable);
            }
            match convert::view::read_event(message).map_err(|_| AskFault::Unreadable)? {
                Heard::Progress(happened) => (self.progress)(happened),
                Heard::One(question, outcome) => {
                    return Ok(Some((question, outcome.map(|bundle| *bundle))));
                }
            }
        }
    }

    /// Reads on for as long as somebody takes the answers. What breaks the stream is said of each question that
    /// has none, and one answer out of order breaks it.
    async fn read(
        mut self,
        mut order: InOrder,
        first: Option<Answered<Bundle, AskFault>>,
        answers: mpsc::Sender<Answered<Bundle, AskFault>>,
    ) {
        let mut heard = Ok(first);
        loop {
            let rest = order.rest();
            let broken = match heard {
                // The stream may end with the last answer, and with nothing else.
                Ok(None) if rest.is_empty() => return,
                Ok(None) => AskFault::Order(OutOfOrder),
                Err(fault) => fault,
                Ok(Some((question, outcome))) => match order.take(question) {
                    Err(reason) => AskFault::Order(reason),
                    Ok(()) => {
                        if answers.send((question, outcome)).await.is_err() {
                            return;
                        }
                        heard = tokio::select! {
                            heard = self.next() => heard,
                            () = answers.closed() => return,
                        };
                        continue;
                    }
                },
            };
            // After the last answer too: something is wrong with a stream that does not end there.
            let left = if rest.is_empty() { rest.end..rest.end + 1 } else { rest };
            for question in left {
                if answers.send((question, Err(broken.clone()))).await.is_err() {
                    return;
                }
            }
            return;
        }
    }
}

impl AnalystPort for AnalystClient {
    type Reply = Bundle;

    fn ask<'a>(
        &'a self,
        envelope: Envelope,
        deadline: Duration,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<Answers<Bundle, AskFault>, AskFault>> {
        let deadline = deadline.clamp(MIN_DEADLINE, MAX_DEADLINE);
        let until = Instant::now() + deadline.saturating_add(COORDINATOR_GRACE);
        let request = pb::AskRequest {
            envelope: Some(convert::envelope::write(&envelope)),
            deadline_ms: millis(deadline),
        };
        Box::pin(async move {
            let mut client = self.client(MAX_VIEW_BYTES);
            let response = timeout_at(until, client.ask(request)).await;
            let response = response.map_err(|_| AskFault::Late)?;
            let messages = response.map_err(|status| faults::ask_fault(&status))?.into_inner();
            let mut events = Events { messages, until, progress, heard: 0, total: 0 };
            // A status before any answer is about the whole query.
            let first = events.next().await?;
            let (answers, coming) = mpsc::channel(1);
            tokio::spawn(events.read(InOrder::new(questions(&envelope)), first, answers));
            Ok(Box::pin(ReceiverStream::new(coming)) as Answers<_, _>)
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
