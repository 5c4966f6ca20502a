//! The federation over real connections, wired as the program wires it; and a caller that is not the
//! analyst's tool, to see what the wire says before the tool puts it into its own words.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evensum::rpc::client::AnalystClient;
use evensum::rpc::{
    AcceptConfig, DialConfig, Keepalive, Refusal, Registry, accept_analysts, accept_nodes,
    coordinator_service, dial_as_analyst, node_service, serve_dialled,
};
use evensum::trust::config as tls;
use evensum_core::identity::Peer;
use evensum_core::model::{Ods, Role};
use evensum_core::port::{AnalystPort, Answered, AskFault};
use evensum_core::sign::Envelope;
use evensum_core::view::Bundle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::Channel;

use super::fixture::{
    COORDINATOR, DEADLINE, Federation, OpenCoordinator, OpenNode, kinds, logged, nobody, one,
};
use crate::pki::{clock, ods};

/// The federation over TLS on loopback.
pub(super) struct Wired {
    pub(super) coordinator: OpenCoordinator,
    pub(super) channel: Channel,
    /// The nodes that are connected.
    pub(super) registry: Registry,
    _stop: DropGuard,
}

/// What lies between the nodes and the coordinator.
pub(super) struct Way<'a> {
    /// Where a node dials, given where the coordinator listens.
    pub(super) via: &'a (dyn Fn(&Ods, SocketAddr) -> SocketAddr + Sync),
    pub(super) keepalive: Keepalive,
}

/// Nothing but a wire.
const STRAIGHT: Way<'static> = Way { via: &|_, address| address, keepalive: Keepalive::USUAL };

impl Federation {
    /// Serves a coordinator and these nodes, and dials as an analyst.
    pub(super) async fn wire(&self, nodes: &[&OpenNode]) -> Wired {
        let mut served = Vec::new();
        for node in nodes {
            served.push((node.ods(), node.routes().await));
        }
        self.wire_routes(served).await
    }

    /// The same with whatever these partners serve.
    pub(super) async fn wire_routes(&self, served: Vec<(Ods, Routes)>) -> Wired {
        self.wire_by(STRAIGHT, served).await
    }

    /// The same, the long way round.
    pub(super) async fn wire_by(&self, way: Way<'_>, served: Vec<(Ods, Routes)>) -> Wired {
        let stop = CancellationToken::new();
        let registry = Registry::new();
        let open = self.coordinator(Arc::new(registry.clone())).await;
        let own = self.pki.coordinator(COORDINATOR);
        let ports = self.accept(&own, &open, &registry, way.keepalive, &stop).await;
        let mut expected: Vec<Ods> = served.iter().map(|(ods, _)| ods.clone()).collect();
        expected.sort();
        for (ods, routes) in served {
            self.dial(&ods, routes, (way.via)(&ods, ports[0]), way.keepalive, &stop);
        }
        let connected = registry.until(|found| found == expected);
        tokio::time::timeout(DEADLINE, connected).await.expect("nodes connect");
        let address = ports[1].to_string().parse().expect("an address");
        let dial = tls::analyst_dial(&self.pki.roots(), clock()).expect("a configuration");
        let channel = dial_as_analyst(&address, &self.pki.federation, &ods(COORDINATOR), dial)
            .await
            .expect("dials");
        Wired { coordinator: open, channel, registry, _stop: stop.drop_guard() }
    }

    /// The ports for nodes and for analysts.
    async fn accept(
        &self,
        own: &evensum::trust::Credentials,
        open: &OpenCoordinator,
        registry: &Registry,
        keepalive: Keepalive,
        stop: &CancellationToken,
    ) -> [SocketAddr; 2] {
        let nodes = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let analysts = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let ports = [&nodes, &analysts].map(|l| l.local_addr().expect("an address"));
        let port = tls::coordinator_node_port(own, &self.pki.roots(), clock());
        let known: Vec<Ods> = self.agreement.nodes().map(|p| p.ods.clone()).collect();
        let accept = AcceptConfig {
            federation: self.pki.federation.clone(),
            tls: watch::channel(port.expect("a configuration")).1,
            gate: Arc::new(move |peer: &Peer| {
                let member = peer.role() == Role::Node && known.contains(peer.ods());
                if member { Ok(()) } else { Err(Refusal::Partner) }
            }),
            keepalive,
        };
        tokio::spawn(accept_nodes(nodes, accept, registry.clone(), stop.clone()));
        let port = tls::analyst_port(own, clock()).expect("a configuration");
        let own = Peer::from_certificate(own.certificate(), &self.pki.federation).expect("a peer");
        let incoming = accept_analysts(analysts, watch::channel(port).1, own, stop.clone());
        let coordinator = Arc::new(open.coordinator.clone());
        let healthy = open.store.writable();
        tokio::spawn(coordinator_service::serve(coordinator, incoming, healthy, stop.clone()));
        ports
    }

    fn dial(
        &self,
        own: &Ods,
        routes: Routes,
        address: SocketAddr,
        keepalive: Keepalive,
        stop: &CancellationToken,
    ) {
        let own = self.pki.node(own.as_str());
        let dial = tls::node_dial(&own, &self.pki.roots(), clock()).expect("a configuration");
        let config = DialConfig {
            role: Role::Coordinator,
            address: address.to_string().parse().expect("an address"),
            federation: self.pki.federation.clone(),
            coordinator: ods(COORDINATOR),
            tls: watch::channel(dial).1,
            seed: 11,
            keepalive,
        };
        tokio::spawn(serve_dialled(routes, config, stop.clone(), |_| {}));
    }
}

impl OpenNode {
    /// What it serves.
    pub(super) async fn routes(&self) -> Routes {
        node_service::routes(Arc::new(self.node.clone()), self.store.writable()).await
    }

    /// Whose it is, as its state directory is named.
    pub(super) fn ods(&self) -> Ods {
        ods(self.state.file_name().and_then(|name| name.to_str()).expect("a name"))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawEnvelope {
    #[prost(bytes = "vec", tag = "1")]
    payload: Vec<u8>,
    #[prost(string, tag = "2")]
    payload_type: String,
    #[prost(string, tag = "3")]
    signer: String,
    #[prost(bytes = "vec", tag = "4")]
    signature: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawAsk {
    #[prost(message, optional, tag = "1")]
    envelope: Option<RawEnvelope>,
    #[prost(uint32, tag = "2")]
    deadline_ms: u32,
}

/// An event of which only a question's fault is looked at.
#[derive(Clone, PartialEq, prost::Message)]
struct RawEvent {
    #[prost(message, optional, tag = "4")]
    fault: Option<RawQuestionFault>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RawQuestionFault {
    #[prost(uint32, tag = "1")]
    pub(super) question: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) fault: Option<RawFault>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RawFault {
    #[prost(string, tag = "1")]
    pub(super) code: String,
    #[prost(string, tag = "2")]
    pub(super) text: String,
}

impl RawAsk {
    fn of(envelope: Envelope) -> Self {
        let Envelope { payload, payload_type, signer, signature } = envelope;
        let envelope = Some(RawEnvelope { payload, payload_type, signer, signature });
        let deadline_ms = u32::try_from(DEADLINE.as_millis()).expect("short");
        Self { envelope, deadline_ms }
    }
}

/// A question to a coordinator, as the wire has it.
pub(super) fn ask_message(envelope: Envelope) -> Vec<u8> {
    prost::Message::encode_to_vec(&RawAsk::of(envelope))
}

impl Wired {
    /// Asks as the analyst's tool does.
    pub(super) async fn ask(&self, envelope: Envelope) -> Result<Bundle, AskFault> {
        self.ask_within(envelope, DEADLINE).await
    }

    pub(super) async fn ask_within(
        &self,
        envelope: Envelope,
        deadline: Duration,
    ) -> Result<Bundle, AskFault> {
        one(self.client().ask(envelope, deadline, nobody()).await).await
    }

    /// What comes of each question of a query.
    pub(super) async fn ask_all(
        &self,
        envelope: Envelope,
    ) -> Result<Vec<Answered<Bundle, AskFault>>, AskFault> {
        Ok(self.client().ask(envelope, DEADLINE, nobody()).await?.collect().await)
    }

    fn client(&self) -> AnalystClient {
        AnalystClient::new(self.channel.clone())
    }

    /// Asks without the tool, and gives the status that came instead of an answer.
    pub(super) async fn refused(&self, envelope: Envelope) -> Status {
        self.raw(envelope).await.expect_err("a status")
    }

    /// Asks without the tool, and gives the faults of questions and the status at the end.
    pub(super) async fn raw(&self, envelope: Envelope) -> Result<Vec<RawQuestionFault>, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.expect("ready");
        let path =
            tonic::codegen::http::uri::PathAndQuery::from_static("/evensum.v1.Coordinator/Ask");
        let codec = tonic_prost::ProstCodec::<RawAsk, RawEvent>::default();
        let request = tonic::Request::new(RawAsk::of(envelope));
        let mut events = client.server_streaming(request, path, codec).await?.into_inner();
        let mut faults = Vec::new();
        while let Some(event) = events.message().await? {
            faults.extend(event.fault);
        }
        Ok(faults)
    }

    pub(super) async fn log(&self) -> Vec<String> {
        kinds(&logged(&self.coordinator.state).await)
    }
}
