//! The port for analysts, at both ends. The server is authenticated by TLS and the analyst is not: the signed
//! query alone says who asks.

use std::io;
use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::model::{FederationId, Ods};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::accept::{each_arrival, shake_hands};
use super::address::Address;
use super::dial_out::{DialError, reach};
use super::one_shot::one_shot;
use crate::trust::example_refused;
use crate::trust::handshake::{Accepted, DialTls, PortTls};

/// Connections that have finished the handshake and wait for the server to take them.
const MAX_WAITING: usize = 16;

/// The connections of analysts, for a tonic server's `serve_with_incoming_shutdown`. `own` is the server's own
/// certificate: with an example one, nobody is served from another machine. The port closes at `shutdown`, or
/// when the stream is dropped.
pub fn accept_analysts(
    listener: TcpListener,
    tls: watch::Receiver<Arc<PortTls>>,
    own: Peer,
    shutdown: CancellationToken,
) -> impl Stream<Item = io::Result<Accepted>> + Send {
    let (arrivals, incoming) = mpsc::channel(MAX_WAITING);
    let unwanted = arrivals.clone();
    tokio::spawn(async move {
        let accepting = each_arrival(listener, shutdown, |tcp, remote| {
            let (arrivals, tls) = (arrivals.clone(), Arc::clone(&tls.borrow()));
            let refused = example_refused(&own, remote);
            async move {
                if refused {
                    return tracing::warn!(%remote, "our example certificate is only for this machine");
                }
                match shake_hands(tcp, tls).await {
                    Ok(Some(stream)) => drop(arrivals.send(Ok(stream)).await),
                    Ok(None) => {
                        tracing::info!(%remote, "a caller did not finish the handshake in time")
                    }
                    Err(error) => tracing::info!(%remote, %error, "a caller failed the handshake"),
                }
            }
        });
        tokio::select! {
            () = accepting => {}
            () = unwanted.closed() => {}
        }
    });
    ReceiverStream::new(incoming)
}

/// A channel to a coordinator's port for analysts. When its connection ends, calls on it fail at once.
///
/// # Errors
/// [`DialError`]: unreachable, not of this federation, not this coordinator, an example certificate from
/// another machine.
pub async fn dial_as_analyst(
    address: &Address,
    federation: &FederationId,
    coordinator: &Ods,
    tls: Arc<DialTls>,
) -> Result<Channel, DialError> {
    let (stream, _) = reach(address, federation, coordinator, tls).await?;
    one_shot(stream).await.map_err(DialError::Begin)
}
