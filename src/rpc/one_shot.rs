//! A gRPC channel over one connection that exists already.

use std::future::ready;
use std::io;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Endpoint};

use super::serve::MAX_STREAMS;
use super::{Keepalive, MAX_HEADER_BYTES};

/// Calls that a fan-out gives up race with their answers, and HTTP/2 counts every late frame as an error of
/// this end: at its usual limit of 1,024 in a connection's life it would end the connection for all. A node's server counts
/// frames that come late to it in the same way.
pub(super) const MAX_LATE_FRAMES: usize = 1_000_000;

/// Bytes of one answer's stream that the other end may send ahead of whoever reads it.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all streams of the connection. As many as there may be, unread and full, fit into it: a call
/// that nobody reads does not hold up the others.
const CONNECTION_WINDOW: u32 = MAX_STREAMS * STREAM_WINDOW;

/// Makes a channel of a connection whose TLS is done. The connector gives its one socket once: when that is
/// gone, calls fail at once. A connector that waited for the next one would hide that the other end is away,
/// and queue calls for it.
pub(super) async fn one_shot<T>(
    io: T,
    keepalive: Keepalive,
) -> Result<Channel, tonic::transport::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut once = Some(TokioIo::new(io));
    let connector = tower::service_fn(move |_: tonic::codegen::http::Uri| {
        ready(once.take().ok_or_else(|| io::Error::other("the connection has closed")))
    });
    // Plain `http`, because TLS is done; the name is never resolved.
    Endpoint::from_static("http://evensum.invalid")
        .http2_keep_alive_interval(keepalive.interval)
        .keep_alive_timeout(keepalive.timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_max_local_error_reset_streams(Some(MAX_LATE_FRAMES))
        .connect_with_connector(connector)
        .await
}
