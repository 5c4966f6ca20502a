//! Who calls over a connection of this node's, and the notice that the first health call has come.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use evensum_core::identity::Peer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::codegen::{Service, http};

const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// The coordinator at the other end, as handlers find it:
/// `request.extensions().get::<Caller>()`. It was authenticated by the connection's TLS.
#[derive(Clone)]
pub struct Caller {
    peer: Arc<Peer>,
    health_asked: Arc<Semaphore>,
    /// Given back when the connection ends.
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Caller {
    pub(super) fn new(peer: Arc<Peer>) -> Self {
        Self { peer, health_asked: Arc::new(Semaphore::new(0)), _place: None }
    }

    /// On a connection that holds one of a few places.
    pub(super) fn with_place(peer: Arc<Peer>, place: OwnedSemaphorePermit) -> Self {
        Self { _place: Some(Arc::new(place)), ..Self::new(peer) }
    }

    /// The identity in its certificate.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Resolves once the coordinator has made its two health calls: the first decides whether it takes the
    /// node in, the second says that it has.
    pub(super) async fn taken_in(&self) {
        // The semaphore is never closed.
        let _ = self.health_asked.acquire_many(2).await;
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
            caller.health_asked.add_permits(1);
        }
        self.0.call(request)
    }
}
