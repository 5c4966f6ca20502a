//! Wiring of the servers: configuration to parts, parts to ports, and the end.

use std::collections::HashSet;
use std::sync::Arc;

use clap::Args;
use evensum_core::catalogue::Catalogue;
use evensum_core::identity::Peer;
use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, Ods, Role};
use evensum_core::port::{NodePort, PartnerDirectory};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use super::exit::{Exit, Failure, OrExit};
use super::{audit, clock, ready};
use crate::config::{self, Server};
use crate::coordinator::{self, Coordinator};
use crate::node::{self, Node};
use crate::rpc::client::NodeClient;
use crate::rpc::{
    AcceptConfig, Address, DialConfig, DialState, Keepalive, Refusal, Registry, accept_analysts,
    accept_nodes, coordinator_service, node_service, serve_dialled,
};
use crate::store::{Identity, Store, StoreError};
use crate::trust::{Credentials, Expected, Roots, check_pair, config as tls};

/// How a server is told to stop, beside the usual signals.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct StopArgs {
    /// Stop when standard input ends: for a supervisor that holds its other end
    #[arg(long)]
    until_stdin_ends: bool,
}

/// The name that goes into the audit log.
const SOFTWARE: &str = concat!("evensum ", env!("CARGO_PKG_VERSION"));

pub(super) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().or_exit(Exit::Fault)
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("EVENSUM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Everything of a server that can be checked before it serves.
pub(super) struct Checked {
    pub(super) server: Server,
    pub(super) peer: Peer,
    agreements: Vec<Agreement>,
    catalogue: Arc<Catalogue>,
    credentials: Credentials,
    roots: Roots,
}

fn checked(server: &Server) -> Result<Checked, Failure> {
    let credentials =
        Credentials::read(&server.tls.certificate, &server.tls.key).or_exit(Exit::Config)?;
    let roots = Roots::read(&server.tls.ca).or_exit(Exit::Config)?;
    let expected = Expected {
        role: server.role(),
        ods: server.ods.clone(),
        federation: server.federation.clone(),
    };
    let now = clock::system().now();
    let peer = check_pair(&credentials, &roots, &expected, now).or_exit(Exit::Config)?;
    let agreements = server.agreements()?;
    for agreement in &agreements {
        agreement_fits(server, agreement)?;
    }
    let catalogue = Arc::new(Catalogue::builtin().or_exit(Exit::Fault)?);
    Ok(Checked { server: server.clone(), peer, agreements, catalogue, credentials, roots })
}

/// Whether the agreement lists this server with the keys that it has.
fn agreement_fits(server: &Server, agreement: &Agreement) -> Result<(), Failure> {
    let wrong =
        |text: String| Failure::says(Exit::Config, format!("agreement '{}' {text}", agreement.id));
    if agreement.federation != server.federation {
        return Err(wrong(format!(
            "is of the federation {}, not {}",
            agreement.federation, server.federation
        )));
    }
    let party = agreement.party(&server.ods, server.role()).ok_or_else(|| {
        wrong(format!("does not list {} as a {}", server.ods, server.role().as_str()))
    })?;
    for (file, listed, what) in [
        (&server.keys.answer, &party.answer_key, "answer_key"),
        (&server.keys.ledger, &party.ledger_key, "ledger_key"),
    ] {
        let own = config::signing_key(file)?.verifying_key().to_text();
        if own != *listed {
            return Err(wrong(format!(
                "lists another {what} for {} than the key in {}: correct the agreement or the configuration",
                server.ods,
                file.display()
            )));
        }
    }
    Ok(())
}

/// Checks a node's configuration whole.
pub(super) fn node_parts(server: &Server) -> Result<Checked, Failure> {
    let table = server.node()?;
    table.secret()?;
    table.coordinator.address.parse::<Address>().or_exit(Exit::Config)?;
    crate::reference::Reference::open(&table.reference).or_exit(Exit::Config)?;
    checked(server)
}

pub(super) async fn open_store(server: &Server) -> Result<Store, Failure> {
    try_open_store(server).await?.map_err(|error| {
        let exit = match error {
            StoreError::Locked { .. } | StoreError::Full | StoreError::Slow => Exit::Unavailable,
            StoreError::Tampered { .. } => Exit::Data,
            _ => Exit::Config,
        };
        Failure::new(exit, error)
    })
}

/// The outer result is the configuration's, the inner one the store's.
pub(super) async fn try_open_store(server: &Server) -> Result<Result<Store, StoreError>, Failure> {
    let identity = Identity {
        federation: server.federation.clone(),
        ods: server.ods.clone(),
        role: server.role(),
    };
    let key = Arc::new(config::signing_key(&server.keys.ledger)?);
    Ok(Store::open(&server.state, identity, key, clock::system(), SOFTWARE).await)
}

async fn note_agreements(store: &Store, agreements: &[Agreement]) -> Result<(), Failure> {
    for agreement in agreements {
        let event = Event::AgreementInForce {
            agreement: agreement.id.clone(),
            version: agreement.version,
            hash: agreement.hash().or_exit(Exit::Config)?,
        };
        store.append(event).await.or_exit(Exit::Unavailable)?;
    }
    Ok(())
}

/// Ends on SIGTERM, SIGHUP, SIGINT or Ctrl-C, and with standard input where that was asked for.
pub(super) fn stop_signal(args: StopArgs) -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    if args.until_stdin_ends {
        let ended = stop.clone();
        // A thread, since a read of standard input cannot be called off.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            ended.cancel();
        });
    }
    let told = stop.clone();
    #[cfg(unix)]
    let (mut terminate, mut hangup) = {
        use tokio::signal::unix::{SignalKind, signal};
        let hear = |kind| signal(kind).or_exit(Exit::Fault);
        (hear(SignalKind::terminate())?, hear(SignalKind::hangup())?)
    };
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        told.cancel();
    });
    Ok(stop)
}

/// Runs a node until it is told to stop.
pub(super) fn node(args: &super::node::ServeArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    let checked = node_parts(&server)?;
    log_to_stderr();
    runtime()?.block_on(async {
        let stop = stop_signal(args.stop)?;
        serve_node(checked, stop).await
    })
}

async fn serve_node(checked: Checked, stop: CancellationToken) -> Result<(), Failure> {
    let Checked { server, agreements, catalogue, credentials, roots, .. } = checked;
    let table = server.node()?;
    let store = open_store(&server).await?;
    note_agreements(&store, &agreements).await?;
    let mut noted = HashSet::new();
    audit::each(&server, |entry| {
        if let Event::SnapshotPublished { snapshot, .. } = entry.event {
            noted.insert(snapshot);
        }
    })
    .await?;
    let node = Node::new(node::Parts {
        federation: server.federation.clone(),
        ods: server.ods.clone(),
        profile: table.profile,
        agreements,
        catalogue,
        store: store.clone(),
        state: server.state.clone(),
        node_key: table.secret()?,
        answer_key: config::signing_key(&server.keys.answer)?,
        noted,
        clock: clock::system(),
    });
    let routes = node_service::routes(Arc::new(node), store.writable()).await;
    let dial = tls::node_dial(&credentials, &roots, clock::system()).or_exit(Exit::Config)?;
    let (_keep, tls) = watch::channel(dial);
    let dial = DialConfig {
        address: table.coordinator.address.parse().or_exit(Exit::Config)?,
        federation: server.federation.clone(),
        coordinator: table.coordinator.ods.clone(),
        tls,
        seed: rand::random(),
        keepalive: Keepalive::USUAL,
    };
    let place = table.coordinator.address.clone();
    let told = std::sync::Once::new();
    let on_state = move |state: DialState| match state {
        DialState::Serving => {
            info!(coordinator = %place, "serving");
            told.call_once(|| ready::print(&[("coordinator", place.clone())]));
        }
        DialState::Waiting { reason, wait } => {
            let reason: &(dyn std::error::Error + 'static) = &reason;
            warn!(reason, ?wait, "not connected; trying again");
        }
        DialState::Dialling | DialState::Connected { .. } | DialState::Stopped => {}
    };
    let served = serve_dialled(routes, dial, stop, on_state).await;
    store.close().await;
    served.or_exit(Exit::Fault)
}

/// The coordinator's partners, as the registry has them.
#[derive(Debug)]
struct Connected(Registry);

impl PartnerDirectory for Connected {
    fn partner(
        &self,
        ods: &Ods,
    ) -> Option<Arc<dyn NodePort<Reply = evensum_core::disclosure::AnswerParts>>> {
        self.0.get(ods).map(|channel| Arc::new(NodeClient::new(channel)) as _)
    }
}

/// Runs a coordinator until it is told to stop.
pub(super) fn coordinator(args: &super::coordinator::ServeArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config)?;
    server.coordinator()?;
    let checked = checked(&server)?;
    log_to_stderr();
    runtime()?.block_on(async {
        let stop = stop_signal(args.stop)?;
        serve_coordinator(checked, stop).await
    })
}

async fn serve_coordinator(checked: Checked, stop: CancellationToken) -> Result<(), Failure> {
    let Checked { server, peer, agreements, catalogue, credentials, roots } = checked;
    let table = server.coordinator()?;
    let store = open_store(&server).await?;
    note_agreements(&store, &agreements).await?;
    let nodes = TcpListener::bind(table.nodes).await.or_exit(Exit::Unavailable)?;
    let analysts = TcpListener::bind(table.analysts).await.or_exit(Exit::Unavailable)?;
    let places = [
        ("nodes", nodes.local_addr().or_exit(Exit::Fault)?.to_string()),
        ("analysts", analysts.local_addr().or_exit(Exit::Fault)?.to_string()),
    ];
    let known: Vec<Ods> =
        agreements.iter().flat_map(|a| a.nodes().map(|p| p.ods.clone())).collect();
    let registry = Registry::new();
    let node_tls =
        tls::coordinator_node_port(&credentials, &roots, clock::system()).or_exit(Exit::Config)?;
    let analyst_tls = tls::analyst_port(&credentials, clock::system()).or_exit(Exit::Config)?;
    let (_keep_nodes, node_tls) = watch::channel(node_tls);
    let (_keep_analysts, analyst_tls) = watch::channel(analyst_tls);
    let accept = AcceptConfig {
        federation: server.federation.clone(),
        tls: node_tls,
        health_service: String::new(),
        gate: Arc::new(move |peer: &Peer| {
            let member = peer.role() == Role::Node && known.contains(peer.ods());
            if member { Ok(()) } else { Err(Refusal::Partner) }
        }),
        keepalive: Keepalive::USUAL,
    };
    let accepting = tokio::spawn(accept_nodes(nodes, accept, registry.clone(), stop.clone()));
    let coordinator = Coordinator::new(coordinator::Parts {
        own: peer.clone(),
        agreements,
        catalogue,
        store: store.clone(),
        partners: Arc::new(Connected(registry.clone())),
        clock: clock::system(),
    });
    let incoming = accept_analysts(analysts, analyst_tls, peer, stop.clone());
    let serving =
        coordinator_service::serve(Arc::new(coordinator), incoming, store.writable(), stop.clone());
    ready::print(&places);
    let served = serving.await;
    // In-flight answers are out: now the partners may go.
    registry.release_all();
    let _ = accepting.await;
    store.close().await;
    served.or_exit(Exit::Fault)
}
