//! The port for analysts, at both ends. The server is authenticated by TLS and the analyst is not: the signed
//! query alone says who asks.

use std::io;
use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::model::{FederationId, Ods, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::transport::server::Connected;

use super::accept::{each_arrival, shake_hands};
use super::dial::{Destination, DialError, FirstWords, HTTP2_PREFACE, Whom, reach};
use super::one_shot::one_shot;
use super::rev_io::RevIo;
use super::{HANDSHAKE_LIMIT, Keepalive};
use crate::trust::example_refused;
use crate::trust::handshake::{Accepted, DialTls, PortTls};

/// Connections that have finished the handshake and wait for the server to take them.
const MAX_WAITING: usize = 16;
/// Analysts' connections at one time. Whoever comes then is turned away at once.
pub const MAX_ANALYSTS: usize = 256;

/// A place among [`MAX_ANALYSTS`], given back when the connection ends.
#[derive(Debug, Clone)]
pub struct Place {
    _held: Arc<OwnedSemaphorePermit>,
}

/// The connections of analysts, for a tonic server's `serve_with_incoming_shutdown`. `own` is the server's own
/// certificate: with an example one, nobody is served from another machine. The port closes at `shutdown`, or
/// when the stream is dropped.
pub fn accept_analysts(
    listener: TcpListener,
    tls: watch::Receiver<Arc<PortTls>>,
    own: Peer,
    shutdown: CancellationToken,
) -> impl Stream<Item = io::Result<impl Connection>> + Send {
    let (arrivals, incoming) = mpsc::channel(MAX_WAITING);
    let unwanted = arrivals.clone();
    let places = Arc::new(Semaphore::new(MAX_ANALYSTS));
    tokio::spawn(async move {
        let accepting = each_arrival(listener, shutdown, |tcp, remote| {
            let (arrivals, tls) = (arrivals.clone(), Arc::clone(&tls.borrow()));
            let refused = example_refused(&own, remote);
            let place = Arc::clone(&places).try_acquire_owned();
            async move {
                if refused {
                    return tracing::warn!(%remote, "our example certificate is only for this machine");
                }
                let Ok(place) = place else {
                    return tracing::warn!(%remote, most = MAX_ANALYSTS, "too many analysts are connected");
                };
                match shake_hands(tcp, tls).await {
                    Ok(Some(stream)) => {
                        let Some((stream, head)) = spoken_to(stream).await else {
                            return tracing::info!(%remote, "a caller does not speak HTTP/2");
                        };
                        let place = Place { _held: Arc::new(place) };
                        let (io, _) = RevIo::new(stream, head, place, CancellationToken::new());
                        drop(arrivals.send(Ok(io)).await);
                    }
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

/// What a server needs of a connection.
pub trait Connection:
    AsyncRead + AsyncWrite + Connected<ConnectInfo = Place> + Unpin + Send + 'static
{
}
impl<T> Connection for T where
    T: AsyncRead + AsyncWrite + Connected<ConnectInfo = Place> + Unpin + Send + 'static
{
}

/// Waits for the words with which HTTP/2 begins: a caller that stays silent after TLS would hold its
/// connection for ever. `None` if they do not come in time.
async fn spoken_to(mut stream: Accepted) -> Option<(Accepted, Vec<u8>)> {
    let mut head = vec![0; HTTP2_PREFACE.len()];
    let read = timeout(HANDSHAKE_LIMIT, stream.read_exact(&mut head)).await;
    (matches!(read, Ok(Ok(_))) && head == HTTP2_PREFACE).then_some((stream, head))
}

/// A channel to a coordinator's port for analysts. When its connection ends, calls on it fail at once.
///
/// # Errors
/// [`DialError`]: unreachable, not of this federation, not this coordinator, an example certificate from
/// another machine.
pub async fn dial_as_analyst(
    address: &Destination,
    federation: &FederationId,
    coordinator: &Ods,
    tls: Arc<DialTls>,
) -> Result<Channel, DialError> {
    let whom = Whom { federation, role: Role::Coordinator, ods: coordinator };
    let reached = reach(address, whom, FirstWords::Nothing, tls).await?;
    one_shot(reached.stream, Keepalive::USUAL).await.map_err(DialError::Begin)
}
