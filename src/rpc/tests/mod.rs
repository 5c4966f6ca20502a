//! The services and their clients over real connections, with ports of the tests' own behind them.

mod analyst;
mod faults;
mod node;
mod pool;
pub(super) mod scene;

use evensum_core::port::{Answered, Answers, BoxFuture};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::{InterceptorLayer, Routes};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status};

use super::Caller;

/// Serves routes on a port that the system chooses, and connects to it. `caller` is in every request.
async fn served(routes: Routes, caller: Option<Caller>) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let introduce = move |mut request: Request<()>| {
        if let Some(caller) = &caller {
            request.extensions_mut().insert(caller.clone());
        }
        Ok::<_, Status>(request)
    };
    let server = Server::builder()
        .layer(InterceptorLayer::new(introduce))
        .add_routes(routes)
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("connects")
}

/// A server that serves, as far as it knows.
fn serving() -> watch::Receiver<bool> {
    watch::channel(true).1
}

/// A future that is ready.
fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

/// A stream of these answers.
fn answers<T: Send + 'static, F: Send + 'static>(each: Vec<Answered<T, F>>) -> Answers<T, F> {
    Box::pin(tokio_stream::iter(each))
}

/// Everything that a stream says.
async fn all<T, F>(answers: Answers<T, F>) -> Vec<Answered<T, F>> {
    answers.collect().await
}

/// The answer to the one question of a query.
async fn one<T, F>(answered: Result<Answers<T, F>, F>) -> Result<T, F> {
    let mut all = all(answered?).await;
    assert_eq!(all.len(), 1, "one question, one answer");
    let (number, answer) = all.remove(0);
    assert_eq!(number, 0);
    answer
}
