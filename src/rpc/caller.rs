//! Who calls over a connection that this node dialled, and the notice that the first health call has come.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use evensum_core::identity::Peer;
use tokio::sync::Notify;
use tonic::codegen::{Service, http};

const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// The coordinator at the other end, as handlers find it:
/// `request.extensions().get::<Caller>()`. It was authenticated by the connection's TLS.
#[derive(Clone)]
pub struct Caller {
    peer: Arc<Peer>,
    health_asked: Arc<Notify>,
}

impl Caller {
    pub(super) fn new(peer: Arc<Peer>) -> Self {
        Self { peer, health_asked: Arc::new(Notify::new()) }
    }

    /// The identity in its certificate.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Resolves once the coordinator has made its health call, which is how it takes a node in.
    pub(super) async fn health_asked(&self) {
        self.health_asked.notified().await;
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.peer).finish()
    }
}

/// Passes everything on and notices health calls.
#[derive(Debug, Clone)]
pub(super) struct Noticing<S>(pub(super) S);

impl<S, B> Service<http::Request<B>> for Noticing<S>
where
    S: Service<http::Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> S::Future {
        if request.uri().path() == HEALTH_CHECK
            && let Some(caller) = request.extensions().get::<Caller>()
        {
            caller.health_asked.notify_one();
        }
        self.0.call(request)
    }
}
