//! A coordinator's port and dialling nodes, on loopback.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use evensum::rpc::{
    AcceptConfig, Caller, DialConfig, DialError, DialState, Gate, Keepalive, Refusal, Registry,
    accept_nodes, serve_dialled,
};
use evensum::trust::config::{coordinator_node_port, node_dial};
use evensum::trust::handshake::{DialTls, PortTls};
use evensum::trust::{Credentials, Roots};
use evensum_core::model::{Ods, Role};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::panics::Watch;
use crate::pki::{Pki, clock, ods};

/// The coordinator of all tests.
pub(crate) const COORDINATOR: &str = "QQQ";

/// Fails a test that would hang.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(30), future).await {
        Ok(value) => value,
        Err(_) => panic!("gave up waiting for: {what}"),
    }
}

/// The error and all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A coordinator's port for nodes.
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    pub(crate) tls: watch::Sender<Arc<PortTls>>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    _stop: DropGuard,
    _panics: Watch,
}

impl Port {
    pub(crate) async fn open(pki: &Pki) -> Self {
        Self::open_with(pki, &pki.roots(), |_| Ok(())).await
    }

    pub(crate) async fn open_with(
        pki: &Pki,
        roots: &Roots,
        gate: impl Fn(&Ods) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        let tls = coordinator_node_port(&pki.coordinator(COORDINATOR), roots, clock())
            .expect("a configuration");
        let (tls, seen) = watch::channel(tls);
        let gate: Gate = Arc::new(move |peer| gate(peer.ods()));
        let config = AcceptConfig {
            federation: pki.federation.clone(),
            tls: seen,
            gate,
            keepalive: Keepalive::USUAL,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let registry = Registry::new();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(accept_nodes(listener, config, registry.clone(), shutdown.clone()));
        let _stop = shutdown.clone().drop_guard();
        Self { address, registry, tls, shutdown, task, _stop, _panics: Watch::begin() }
    }

    pub(crate) async fn until_connected(&self, codes: &[&str]) {
        let wanted: Vec<Ods> = codes.iter().map(|code| ods(code)).collect();
        within("nodes", self.registry.until(|connected| connected == wanted)).await;
    }

    pub(crate) fn channel(&self, code: &str) -> Channel {
        self.registry.get(&ods(code)).expect("connected")
    }
}

/// What the nodes of tests serve: the health service, with a few names that behave in their own way.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) sick: Arc<AtomicBool>,
    /// Grows by one for every call to `hold` that has come in.
    pub(crate) held: Arc<Semaphore>,
    /// Lets calls to `hold` go.
    pub(crate) release: Arc<Notify>,
    pub(crate) answered: Arc<AtomicUsize>,
    callers: mpsc::UnboundedSender<String>,
}

impl Probe {
    /// With those who call it.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (callers_in, callers) = mpsc::unbounded_channel();
        let probe = Self {
            sick: Arc::default(),
            held: Arc::new(Semaphore::new(0)),
            release: Arc::default(),
            answered: Arc::default(),
            callers: callers_in,
        };
        (probe, callers)
    }

    /// Waits until that many more calls to `hold` have come in.
    pub(crate) async fn holds(&self, calls: u32) {
        within("calls", self.held.acquire_many(calls)).await.expect("open").forget();
    }
}

#[tonic::async_trait]
impl Health for Probe {
    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, tonic::Status>> + Send>>;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, tonic::Status> {
        let caller = request.extensions().get::<Caller>().expect("a caller").peer().clone();
        match request.get_ref().service.as_str() {
            "hold" => {
                let mut released = pin!(self.release.notified());
                released.as_mut().enable();
                self.held.add_permits(1);
                released.await;
            }
            "who" => {
                let role = caller.role().as_str();
                let _ = self.callers.send(format!("{role} {} {}", caller.ods(), caller.name()));
            }
            _ => {}
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
        let status = if self.sick.load(Ordering::SeqCst) {
            ServingStatus::NotServing
        } else {
            ServingStatus::Serving
        };
        Ok(tonic::Response::new(HealthCheckResponse { status: status.into() }))
    }

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, tonic::Status> {
        Err(tonic::Status::unimplemented("not in tests"))
    }
}

/// What a dial loop says that it is doing.
pub(crate) struct States(mpsc::UnboundedReceiver<DialState>);

impl States {
    /// With what the loop is to tell.
    pub(crate) fn new() -> (impl Fn(DialState) + Send + Sync + 'static, Self) {
        let (states_in, states) = mpsc::unbounded_channel();
        let on_state = move |state| {
            let _ = states_in.send(state);
        };
        (on_state, Self(states))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Option<DialState> {
        self.0.recv().await
    }

    /// Whether there was none since the last that was looked at.
    pub(crate) fn quiet(&mut self) -> bool {
        self.0.try_recv().is_err()
    }

    /// The next state that is as wanted.
    pub(crate) async fn state(&mut self, wanted: impl Fn(&DialState) -> bool) -> DialState {
        within("a state of the dial loop", async {
            loop {
                let state = self.0.recv().await.expect("the loop goes on");
                if wanted(&state) {
                    return state;
                }
            }
        })
        .await
    }

    pub(crate) async fn serving(&mut self) {
        self.state(|state| matches!(state, DialState::Serving)).await;
    }

    /// Why the next attempt, or the connection, ended.
    pub(crate) async fn trouble(&mut self) -> DialError {
        match self.state(|state| matches!(state, DialState::Waiting { .. })).await {
            DialState::Waiting { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }
}

/// A node that dials.
pub(crate) struct Node {
    pub(crate) probe: Probe,
    pub(crate) callers: mpsc::UnboundedReceiver<String>,
    pub(crate) states: States,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), tonic::transport::Error>>,
    _stop: DropGuard,
}

impl Node {
    pub(crate) fn dial(port: &Port, pki: &Pki, own: &Credentials) -> Self {
        let tls = node_dial(own, &pki.roots(), clock()).expect("a configuration");
        Self::dial_with(port.address, pki, tls)
    }

    pub(crate) fn dial_with(address: SocketAddr, pki: &Pki, tls: Arc<DialTls>) -> Self {
        Self::dial_config(DialConfig {
            role: Role::Coordinator,
            address: address.to_string().parse().expect("an address"),
            federation: pki.federation.clone(),
            coordinator: ods(COORDINATOR),
            tls: watch::channel(tls).1,
            seed: 11,
            keepalive: Keepalive::USUAL,
        })
    }

    pub(crate) fn dial_config(config: DialConfig) -> Self {
        let (on_state, states) = States::new();
        let (probe, callers) = Probe::new();
        let shutdown = CancellationToken::new();
        let routes = tonic::service::Routes::new(HealthServer::new(probe.clone()));
        let stop = shutdown.clone();
        let task = tokio::spawn(serve_dialled(routes, config, stop, on_state));
        let _stop = shutdown.clone().drop_guard();
        Self { probe, callers, states, shutdown, task, _stop }
    }

    /// Waits until that many more calls to `hold` have come in.
    pub(crate) async fn holds(&self, calls: u32) {
        self.probe.holds(calls).await;
    }
}

/// Calls the health service of a connected node.
pub(crate) async fn ask(
    channel: Channel,
    service: &str,
) -> Result<tonic::Response<HealthCheckResponse>, tonic::Status> {
    let question = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel).check(question).await
}
