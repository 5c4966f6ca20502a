//! A node's gRPC server, fed with connections that stand: those that the node dialled, and those that it
//! accepted. At the other end is an authenticated coordinator either way.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

use super::caller::{Caller, Noticing};
use super::one_shot::MAX_LATE_FRAMES;
use super::rev_io::RevIo;
use super::{Keepalive, MAX_HEADER_BYTES};

/// Calls under way get this long to finish when the node stops.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(4);

/// Calls that the coordinator may have open on one connection.
pub(super) const MAX_STREAMS: u32 = 32;
/// A coordinator that gives up calls sends resets, and HTTP/2 takes more than twenty for an attack. Here the
/// one client is an authenticated coordinator; a port that analysts reach must keep the usual limit.
const MAX_PENDING_RESETS: usize = 100_000;

/// A connection for the server.
pub(super) type Incoming<T> = Result<RevIo<T, Caller>, io::Error>;

/// Serves `routes` on the connections that `feed` sends, until `shutdown`; `feed` is also given the token that
/// cuts them all. It runs beside the server, and what comes of its end is nothing: connections live on.
pub(super) async fn serve_connections<T, F>(
    routes: Routes,
    keepalive: Keepalive,
    shutdown: &CancellationToken,
    feed: impl FnOnce(mpsc::Sender<Incoming<T>>, CancellationToken) -> F,
) -> Result<(), tonic::transport::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = ()>,
{
    let cut = CancellationToken::new();
    // Whoever drops this future ends the connections too.
    let _cut_on_drop = cut.clone().drop_guard();
    let (connections, incoming) = mpsc::channel::<Incoming<T>>(1);
    let server = Server::builder()
        .http2_keepalive_interval(Some(keepalive.interval))
        .http2_keepalive_timeout(Some(keepalive.timeout))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(MAX_LATE_FRAMES))
        .max_concurrent_streams(MAX_STREAMS)
        .layer(tower::layer::layer_fn(Noticing))
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            ReceiverStream::new(incoming),
            shutdown.clone().cancelled_owned(),
        );
    let overdue = async {
        shutdown.cancelled().await;
        sleep(DRAIN_LIMIT).await;
    };
    let feeding = async {
        feed(connections, cut.clone()).await;
        // No more connections come; the server is drained beside this.
        std::future::pending::<()>().await;
    };
    let (server, overdue, feeding) = (pin!(server), pin!(overdue), pin!(feeding));
    tokio::select! {
        outcome = server => outcome,
        () = overdue => Ok(()),
        () = feeding => Ok(()),
    }
}
