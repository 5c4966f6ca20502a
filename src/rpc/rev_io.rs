//! The socket as both ends hand it to HTTP/2: it replays what was read ahead, tells when it is dropped, and
//! can be cut from outside.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// An IO with what this end knows of the other (`I`) beside it.
pub(super) struct RevIo<T, I> {
    io: T,
    head: Vec<u8>,
    replayed: usize,
    info: I,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _closed: DropGuard,
}

impl<T, I> RevIo<T, I> {
    /// Wraps an IO of which `head` has been read already. The token that comes with it is cancelled when the
    /// wrapper is dropped; cancelling `cut` makes every read fail, which ends the connection.
    pub(super) fn new(
        io: T,
        head: Vec<u8>,
        info: I,
        cut: CancellationToken,
    ) -> (Self, CancellationToken) {
        let closed = CancellationToken::new();
        let wrapped = Self {
            io,
            head,
            replayed: 0,
            info,
            cut: Box::pin(cut.cancelled_owned()),
            _closed: closed.clone().drop_guard(),
        };
        (wrapped, closed)
    }
}

impl<T, I: Clone + Send + Sync + 'static> Connected for RevIo<T, I> {
    type ConnectInfo = I;

    fn connect_info(&self) -> I {
        self.info.clone()
    }
}

impl<T: AsyncRead + Unpin, I: Unpin> AsyncRead for RevIo<T, I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // HTTP/2 always has a read under way, so that a cut is seen at once without a look in the writes.
        if this.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let rest = this.head.get(this.replayed..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let now = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..now).unwrap_or_default());
        this.replayed += now;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin, I: Unpin> AsyncWrite for RevIo<T, I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_was_read_ahead_comes_first_in_any_portions() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut io, closed) =
            RevIo::new(near, b"read ahead, ".to_vec(), (), CancellationToken::new());
        far.write_all(b"then the rest").await.expect("written");
        drop(far);
        let mut all = Vec::new();
        let mut small = [0; 5];
        loop {
            match io.read(&mut small).await.expect("readable") {
                0 => break,
                n => all.extend_from_slice(&small[..n]),
            }
        }
        assert_eq!(all, b"read ahead, then the rest");
        assert!(!closed.is_cancelled());
        drop(io);
        assert!(closed.is_cancelled());
    }

    #[tokio::test]
    async fn a_cut_ends_a_read_that_waits() {
        let (near, _far) = tokio::io::duplex(64);
        let cut = CancellationToken::new();
        let (mut io, _closed) = RevIo::new(near, Vec::new(), (), cut.clone());
        let mut byte = [0; 1];
        let (read, ()) = tokio::join!(io.read(&mut byte), async { cut.cancel() });
        assert_eq!(read.expect_err("cut").kind(), io::ErrorKind::ConnectionAborted);
    }
}
