//! A partner's node in blind sums, at the far end of the connection that it dialled or that was dialled to it.

use std::time::Duration;

use evensum_core::identity::Peer;
use evensum_core::ledger::ReceiptParts;
use evensum_core::model::AgreementId;
use evensum_core::port::{
    BoxFuture, MAX_TOLD, PoolFault, PoolNodePort, SealedPart, SealedParts, SignedClosing,
};
use evensum_core::sign::Envelope;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::faults::pool::of_status;
use super::pb::pool_client::PoolClient;
use super::{MAX_POOL_REQUEST_BYTES, MAX_READY_BYTES, convert, pb};

/// The longest wait for the list of what is ready: it may be counted first.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// The longest wait for a contribution to be made.
const MADE_LIMIT: Duration = Duration::from_secs(10 * 60);
/// The longest wait for the next part of one that is made.
const PART_LIMIT: Duration = Duration::from_secs(30);
/// The longest wait until what is said is written down.
const WRITTEN_LIMIT: Duration = Duration::from_secs(30);
/// The most parts of one contribution: many times what the packs of a catalogue take.
const MAX_PARTS: usize = 16 * 1024;
/// Bytes of entries that are sent in one call, at the most; one entry may have more.
const MAX_TOLD_BYTES: usize = 4 * 1024 * 1024;

/// A partner's node in blind sums.
#[derive(Debug, Clone)]
pub struct PoolNodeClient {
    channel: Channel,
}

impl PoolNodeClient {
    /// Calls over this connection.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Self { channel }
    }

    fn client(&self) -> PoolClient<Channel> {
        PoolClient::new(self.channel.clone())
            .max_encoding_message_size(MAX_POOL_REQUEST_BYTES)
            .max_decoding_message_size(MAX_READY_BYTES)
    }
}

/// Whether a part may follow another: the next vector of the table, or the first of the next table.
fn follows(before: Option<(u32, u32)>, (table, vector): (u32, u32)) -> bool {
    match before {
        None => (table, vector) == (0, 0),
        Some((t, v)) => {
            (t, v.checked_add(1)) == (table, Some(vector))
                || (t.checked_add(1), 0) == (Some(table), vector)
        }
    }
}

/// Reads the parts for as long as somebody takes them.
async fn read_parts(
    mut messages: Streaming<pb::PoolSealedPart>,
    parts: mpsc::Sender<Result<SealedPart, PoolFault>>,
) {
    let mut before = None;
    for _ in 0..MAX_PARTS {
        let heard = tokio::select! {
            heard = timeout(PART_LIMIT, messages.message()) => heard,
            () = parts.closed() => return,
        };
        let part = match heard {
            Ok(Ok(Some(message))) => {
                let read = convert::pool::read_part(message).ok();
                read.filter(|part| follows(before, (part.table, part.vector)))
                    .ok_or(PoolFault::Unreadable)
            }
            Ok(Ok(None)) => return,
            Ok(Err(status)) => Err(of_status(&status)),
            Err(_) => Err(PoolFault::Late),
        };
        before = part.as_ref().ok().map(|part| (part.table, part.vector));
        let broken = part.is_err();
        if parts.send(part).await.is_err() || broken {
            return;
        }
    }
    let _ = parts.send(Err(PoolFault::Unreadable)).await;
}

/// Entries in calls that are neither too many nor too long, in their order.
fn in_calls(entries: Vec<ReceiptParts>) -> Vec<Vec<ReceiptParts>> {
    let mut calls: Vec<Vec<ReceiptParts>> = Vec::new();
    let mut bytes = 0_usize;
    for entry in entries {
        let own = entry.entry.len() + entry.checkpoint.len() + entry.proof.len() * 40;
        bytes = bytes.saturating_add(own);
        match calls.last_mut() {
            Some(call) if call.len() < MAX_TOLD && bytes <= MAX_TOLD_BYTES => {
                call.push(entry);
            }
            _ => {
                bytes = own;
                calls.push(vec![entry]);
            }
        }
    }
    calls
}

/// The node knows its caller from the connection, so `caller` is not sent.
impl PoolNodePort for PoolNodeClient {
    fn ready<'a>(
        &'a self,
        _caller: &'a Peer,
        agreement: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>> {
        Box::pin(async move {
            let request = pb::PoolReadyRequest { agreement: agreement.to_string() };
            let response = timeout(READY_LIMIT, self.client().ready(request)).await;
            let response = response.map_err(|_| PoolFault::Late)?;
            let response = response.map_err(|status| of_status(&status))?.into_inner();
            convert::pool::read_ready(response).map_err(|_| PoolFault::Unreadable)
        })
    }

    fn contribute<'a>(
        &'a self,
        _caller: &'a Peer,
        round: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>> {
        Box::pin(async move {
            let request = convert::pool::write_round(round);
            let response = timeout(MADE_LIMIT, self.client().contribute(request)).await;
            let response = response.map_err(|_| PoolFault::Late)?;
            let messages = response.map_err(|status| of_status(&status))?.into_inner();
            let (parts, coming) = mpsc::channel(1);
            tokio::spawn(read_parts(messages, parts));
            Ok(Box::pin(ReceiverStream::new(coming)) as SealedParts)
        })
    }

    fn closed<'a>(
        &'a self,
        _caller: &'a Peer,
        closing: &'a SignedClosing,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async move {
            let request = convert::pool::write_closing(closing);
            let response = timeout(WRITTEN_LIMIT, self.client().closed(request)).await;
            let response = response.map_err(|_| PoolFault::Late)?;
            response.map(drop).map_err(|status| of_status(&status))
        })
    }

    fn told<'a>(
        &'a self,
        _caller: &'a Peer,
        entries: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async move {
            for entries in in_calls(entries) {
                let request = convert::pool::write_told(entries);
                let response = timeout(WRITTEN_LIMIT, self.client().told(request)).await;
                let response = response.map_err(|_| PoolFault::Late)?;
                response.map_err(|status| of_status(&status))?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_their_order_without_a_gap() {
        let good = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)];
        let mut before = None;
        for part in good {
            assert!(follows(before, part), "{part:?}");
            before = Some(part);
        }
        for (before, part) in [
            (None, (0, 1)),
            (None, (1, 0)),
            (Some((0, 0)), (0, 0)),
            (Some((0, 0)), (0, 2)),
            (Some((0, 0)), (1, 1)),
            (Some((0, 0)), (2, 0)),
            (Some((1, 1)), (0, 0)),
            (Some((u32::MAX, u32::MAX)), (0, 0)),
        ] {
            assert!(!follows(before, part), "{before:?} {part:?}");
        }
    }

    #[test]
    fn entries_are_sent_in_calls_of_few_and_in_their_order() {
        let entry = |index: u64, bytes: usize| ReceiptParts {
            entry: vec![0; bytes],
            index,
            proof: Vec::new(),
            checkpoint: String::new(),
        };
        let small = in_calls((0..600).map(|n| entry(n, 10)).collect());
        assert_eq!(small.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 88]);
        let large = in_calls((0..40).map(|n| entry(n, 256 * 1024)).collect());
        assert_eq!(large.iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 8]);
        for calls in [small, large] {
            let order: Vec<u64> = calls.into_iter().flatten().map(|entry| entry.index).collect();
            assert!(order.windows(2).all(|pair| pair[0] + 1 == pair[1]) && order[0] == 0);
        }
        assert!(in_calls(Vec::new()).is_empty());
    }
}
