//! Wiring of the servers: configuration to parts, parts to ports, and the end.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use evensum_core::catalogue::Catalogue;
use evensum_core::identity::Peer;
use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, FederationId, Ods, Role};
use evensum_core::sign::SigningKey;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use super::dialling::Dialling;
use super::exit::{Exit, Failure, OrExit};
use super::ready::{self, Readiness};
use super::sums::{self, Summed};
use super::{agreements, audit, clock, reach, staging, upkeep};
use crate::config::{self, CoordinatorTable, Membership, Server};
use crate::coordinator::{self, Coordinator};
use crate::node::{self, Site};
use crate::rpc::{
    AcceptConfig, Destination, DialConfig, DialState, Keepalive, ListenConfig, Refusal, Registry,
    accept_analysts, accept_nodes, coordinator_service, node_service, pool_service, serve_dialled,
    serve_listening,
};
use crate::store::{Identity, Store, StoreError, Vault};
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

pub(super) fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("EVENSUM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Everything of a server that can be checked before it serves.
pub(super) struct Checked {
    pub(super) server: Server,
    pub(super) members: Vec<Member>,
    pub(super) catalogue: Arc<Catalogue>,
}

/// A membership, with everything that its files hold.
pub(super) struct Member {
    pub(super) federation: FederationId,
    pub(super) peer: Peer,
    pub(super) agreements: Vec<Agreement>,
    pub(super) answer_key: SigningKey,
    pub(super) credentials: Credentials,
    pub(super) roots: Roots,
    /// A node's coordinator.
    pub(super) meeting: Option<Meeting>,
    /// A node's part in a blind sum.
    pub(super) summed: Option<Summed>,
}

/// A node's coordinator, and the ways to it.
pub(super) struct Meeting {
    pub(super) coordinator: Ods,
    pub(super) dials: Option<Destination>,
    pub(super) listens: Option<SocketAddr>,
}

pub(super) fn checked(server: &Server) -> Result<Checked, Failure> {
    let mut members: Vec<Member> = Vec::with_capacity(server.memberships.len());
    for membership in &server.memberships {
        let member = member(server, membership)?;
        let own = member.answer_key.verifying_key().to_text();
        if members.iter().any(|other| other.answer_key.verifying_key().to_text() == own) {
            return Err(Failure::says(
                Exit::Config,
                format!(
                    "two memberships sign answers with the key in {}: make one for each with `evensum keys new answer`",
                    membership.answer_key.display()
                ),
            ));
        }
        members.push(member);
    }
    let catalogue = Arc::new(config::catalogue(&server.catalogue)?);
    for agreement in members.iter().flat_map(|m| &m.agreements) {
        agreements::fits(&catalogue, agreement)?;
    }
    config::one_choice_of_groupings(members.iter().flat_map(|m| &m.agreements))?;
    Ok(Checked { server: server.clone(), members, catalogue })
}

fn member(server: &Server, membership: &Membership) -> Result<Member, Failure> {
    let (tls, federation) = (&membership.tls, membership.federation.clone());
    let credentials = Credentials::read(&tls.certificate, &tls.key).or_exit(Exit::Config)?;
    let roots = Roots::read(&tls.ca).or_exit(Exit::Config)?;
    let (role, ods) = (server.role(), server.ods.clone());
    let expected = Expected { role, ods, federation: federation.clone() };
    let now = clock::system().now();
    let peer = check_pair(&credentials, &roots, &expected, now).or_exit(Exit::Config)?;
    let agreements = membership.agreements()?;
    for agreement in &agreements {
        agreements::of_server(server, membership, agreement)?;
    }
    let meeting = match role {
        Role::Node => Some(meeting(membership.coordinator()?)?),
        _ => None,
    };
    if meeting.as_ref().is_some_and(|m| m.listens.is_some()) && !peer.can_be_dialled() {
        return Err(Failure::says(
            Exit::Config,
            format!(
                "the certificate {} carries no name that the coordinator could dial: have it issued with --dns or --ip, or take 'listen' out",
                tls.certificate.display()
            ),
        ));
    }
    let answer_key = config::signing_key(&membership.answer_key)?;
    let summed = sums::summed(server, membership, &agreements)?;
    Ok(Member { federation, peer, agreements, answer_key, credentials, roots, meeting, summed })
}

fn meeting(configured: &config::Meeting) -> Result<Meeting, Failure> {
    let config::Meeting { ods, address, listen, proxy, proxy_password } = configured;
    let dials = address
        .as_ref()
        .map(|all| reach::destination(all, proxy.as_ref(), proxy_password.as_deref()))
        .transpose()?;
    Ok(Meeting { coordinator: ods.clone(), dials, listens: *listen })
}

/// Checks a node's configuration whole.
pub(super) fn node_parts(server: &Server) -> Result<Checked, Failure> {
    let table = server.node()?;
    if !table.profile.at_least(table.floor) {
        return Err(Failure::says(
            Exit::Config,
            format!(
                "'profile' is {}, which hides less than {}, the 'floor' of this node",
                table.profile.as_str(),
                table.floor.as_str()
            ),
        ));
    }
    table.secret()?;
    table.link_secret()?;
    super::node::push::database(table)?;
    staging::check(server)?;
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
    let identity = Identity { ods: server.ods.clone(), role: server.role() };
    let key = Arc::new(config::signing_key(&server.ledger_key)?);
    Ok(Store::open(&server.state, identity, key, clock::system(), SOFTWARE).await)
}

pub(super) async fn note_agreements(
    store: &Store,
    agreements: &[Agreement],
) -> Result<(), Failure> {
    for agreement in agreements {
        let event = Event::AgreementInForce {
            federation: agreement.federation.clone(),
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
    if server.memberships.is_empty() {
        return Err(Failure::says(
            Exit::Config,
            format!(
                "'{}' names no federation, so that nobody could ask: add a table [[membership]] with its agreement, certificate and \
                 coordinator, which docs/configuration.md explains",
                args.config.config.display()
            ),
        ));
    }
    let checked = node_parts(&server)?;
    log_to_stderr();
    runtime()?.block_on(async {
        let stop = stop_signal(args.stop)?;
        serve_node(checked, stop).await
    })
}

/// The records of a node and everything that was released from them.
pub(super) async fn site(
    server: &Server,
    catalogue: Arc<Catalogue>,
    agreements: Vec<Agreement>,
    store: &Store,
) -> Result<Site, Failure> {
    let table = server.node()?;
    let mut noted = HashSet::new();
    audit::each(server, |entry| {
        if let Event::SnapshotPublished { snapshot, .. } = entry.event {
            noted.insert(snapshot);
        }
    })
    .await?;
    let links = table.link_secret()?;
    let site = Site::new(node::Parts {
        ods: server.ods.clone(),
        profile: table.profile,
        catalogue,
        store: store.clone(),
        state: server.state.clone(),
        node_key: table.secret()?,
        database: super::node::push::database(table)?,
        noted,
        agreements,
        clock: clock::system(),
    });
    Ok(site.with_links(links))
}

async fn serve_node(checked: Checked, stop: CancellationToken) -> Result<(), Failure> {
    let Checked { server, members, catalogue } = checked;
    let store = open_store(&server).await?;
    for member in &members {
        note_agreements(&store, &member.agreements).await?;
        if let Some(summed) = &member.summed {
            summed.begin(&server.ods, &member.agreements)?;
        }
    }
    let agreements = members.iter().flat_map(|m| m.agreements.iter().cloned()).collect();
    let site = site(&server, catalogue, agreements, &store).await?;
    let dialling = members.iter().filter_map(|m| m.meeting.as_ref()?.dials.as_ref()).count();
    let readiness = Arc::new(Readiness::new(dialling));
    let mut servers = JoinSet::new();
    for member in members {
        serve_member(&site, member, &readiness, &stop, &mut servers).await?;
    }
    readiness.begin();
    let upkeep = tokio::spawn(upkeep::run(server.clone(), site.clone(), stop.clone()));
    let preparing = tokio::spawn(upkeep::prepare(site.clone(), stop.clone()));
    let requested = tokio::spawn(upkeep::sums(site.clone(), stop.clone()));
    let outcome = all_ended(servers, &stop).await;
    let _ = upkeep.await;
    let _ = preparing.await;
    let _ = requested.await;
    store.close().await;
    outcome
}

type Servers = JoinSet<Result<(), Failure>>;

/// Waits for all servers of a node. With the first that ends by itself the others are stopped.
async fn all_ended(mut servers: Servers, stop: &CancellationToken) -> Result<(), Failure> {
    let mut outcome = Ok(());
    while let Some(served) = servers.join_next().await {
        let served = served.or_exit(Exit::Fault).and_then(|served| served);
        if let Err(failure) = ended(served, stop) {
            error!(reason = %failure, "a connection's server has ended");
            outcome = outcome.and(Err(failure));
        }
    }
    outcome
}

/// What became of a server. One that ends without being told to takes the whole process with it: whoever
/// supervises that starts it again, and does not see that half of it is gone.
pub(super) fn ended(served: Result<(), Failure>, stop: &CancellationToken) -> Result<(), Failure> {
    let by_itself = !stop.is_cancelled();
    stop.cancel();
    match served {
        Ok(()) if by_itself => {
            Err(Failure::says(Exit::Fault, "a server has ended by itself: start this one again"))
        }
        served => served,
    }
}

/// Serves one membership, on the connections that the node dials and on those that it accepts.
async fn serve_member(
    site: &Site,
    member: Member,
    readiness: &Arc<Readiness>,
    stop: &CancellationToken,
    servers: &mut Servers,
) -> Result<(), Failure> {
    let Member {
        federation, agreements, answer_key, credentials, roots, meeting, mut summed, ..
    } = member;
    let Some(Meeting { coordinator, dials, listens }) = meeting else { return Ok(()) };
    let node = site.node(node::Membership {
        federation: federation.clone(),
        coordinator: coordinator.clone(),
        agreements,
        answer_key,
        roster: summed.as_ref().map(|summed| Arc::clone(&summed.roster)),
        seal_key: summed.as_mut().and_then(|summed| summed.seal_key.take()),
    });
    let mut routes = node_service::routes(Arc::new(node.clone()), site.writable()).await;
    if let Some(summed) = summed {
        routes = pool_service::beside(routes, Arc::new(node.clone()));
        let own = (&credentials, &roots);
        let (node, federation, stop) = (Arc::new(node), federation.clone(), stop.clone());
        if let Some(serving) = summed.serve(site, node, federation, own, stop).await? {
            servers.spawn(serving);
        }
    }
    if let Some(place) = listens {
        let listener = TcpListener::bind(place).await.or_exit(Exit::Unavailable)?;
        readiness.listens(listener.local_addr().or_exit(Exit::Fault)?);
        let port = tls::node_port(&credentials, &roots, clock::system()).or_exit(Exit::Config)?;
        let (federation, coordinator) = (federation.clone(), coordinator.clone());
        let tls = watch::channel(port).1;
        let config = ListenConfig { federation, coordinator, tls, keepalive: Keepalive::USUAL };
        let serving = serve_listening(routes.clone(), listener, config, stop.clone());
        servers.spawn(async move { serving.await.or_exit(Exit::Fault) });
    }
    if let Some(address) = dials {
        let dial = tls::node_dial(&credentials, &roots, clock::system()).or_exit(Exit::Config)?;
        let (readiness, place) = (Arc::clone(readiness), address.to_string());
        let (whose, first) = (format!("{federation}/{coordinator}"), AtomicBool::new(true));
        let on_state = move |state: DialState| match state {
            DialState::Serving => {
                info!(coordinator = %place, membership = whose, "serving");
                readiness.serves(first.swap(false, Ordering::AcqRel), &place);
            }
            DialState::Waiting { reason, wait } => {
                let reason: &(dyn std::error::Error + 'static) = &reason;
                warn!(membership = whose, reason, ?wait, "not connected; trying again");
                readiness.waits(first.swap(false, Ordering::AcqRel));
            }
            DialState::Connected { peer, key_exchange } => {
                let serial = peer.serial();
                info!(coordinator = %place, membership = whose, serial, key_exchange, "authenticated");
            }
            DialState::Dialling | DialState::Stopped => {}
        };
        let tls = watch::channel(dial).1;
        let (seed, keepalive) = (rand::random(), Keepalive::USUAL);
        let role = Role::Coordinator;
        let config = DialConfig { address, federation, role, coordinator, tls, seed, keepalive };
        let serving = serve_dialled(routes, config, stop.clone(), on_state);
        servers.spawn(async move { serving.await.or_exit(Exit::Fault) });
    }
    Ok(())
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
    let Checked { server, members, catalogue } = checked;
    let table = server.coordinator()?;
    let [Member { federation, peer, agreements, answer_key, credentials, roots, .. }] =
        <[Member; 1]>::try_from(members)
            .map_err(|_| Failure::says(Exit::Config, "a coordinator has one [[membership]]"))?;
    let dialled = dialled_nodes(table, &agreements)?;
    let summing = sums::summing(&server, &agreements)?;
    let store = open_store(&server).await?;
    note_agreements(&store, &agreements).await?;
    let nodes = TcpListener::bind(table.nodes).await.or_exit(Exit::Unavailable)?;
    let analysts = TcpListener::bind(table.analysts).await.or_exit(Exit::Unavailable)?;
    let places = [
        ("nodes", nodes.local_addr().or_exit(Exit::Fault)?.to_string()),
        ("analysts", analysts.local_addr().or_exit(Exit::Fault)?.to_string()),
    ];
    let known = partners(&agreements);
    let registry = Registry::new();
    let node_tls =
        tls::coordinator_node_port(&credentials, &roots, clock::system()).or_exit(Exit::Config)?;
    let analyst_tls = tls::analyst_port(&credentials, clock::system()).or_exit(Exit::Config)?;
    let (_keep_nodes, node_tls) = watch::channel(node_tls);
    let (_keep_analysts, analyst_tls) = watch::channel(analyst_tls);
    let accept = AcceptConfig {
        federation: federation.clone(),
        tls: node_tls,
        gate: Arc::new(move |peer: &Peer| {
            let member = peer.role() == Role::Node && known.contains(peer.ods());
            if member { Ok(()) } else { Err(Refusal::Partner) }
        }),
        keepalive: Keepalive::USUAL,
    };
    let accepting = tokio::spawn(accept_nodes(nodes, accept, registry.clone(), stop.clone()));
    let dial =
        tls::coordinator_dial(&credentials, &roots, clock::system()).or_exit(Exit::Config)?;
    let (_keep_dial, dial_tls) = watch::channel(dial);
    let mut dialling =
        Dialling { federation, tls: dial_tls, stop: stop.clone(), all: JoinSet::new() };
    for (node, address) in dialled {
        dialling.dial((Role::Node, node), address, registry.clone());
    }
    let vault = Vault::new(&server.state);
    let sums = summing.map(|summing| dialling.sums(summing, answer_key, registry.clone(), vault));
    let coordinator = Coordinator::new(coordinator::Parts {
        own: peer.clone(),
        agreements,
        catalogue,
        store: store.clone(),
        partners: Arc::new(registry.clone()),
        clock: clock::system(),
        sums,
    });
    let adding_up = {
        let (coordinator, stop) = (coordinator.clone(), stop.clone());
        tokio::spawn(async move { coordinator.sum(stop).await })
    };
    let incoming = accept_analysts(analysts, analyst_tls, peer, stop.clone());
    let serving =
        coordinator_service::serve(Arc::new(coordinator), incoming, store.writable(), stop.clone());
    ready::print(&places);
    let served = ended(serving.await.or_exit(Exit::Fault), &stop);
    // In-flight answers are out: now the partners may go.
    registry.release_all();
    let _ = accepting.await;
    let _ = adding_up.await;
    dialling.all.join_all().await;
    store.close().await;
    served
}

/// The partners that run nodes.
fn partners(agreements: &[Agreement]) -> Vec<Ods> {
    agreements.iter().flat_map(|a| a.nodes().map(|p| p.ods.clone())).collect()
}

/// The nodes that listen, and where.
fn dialled_nodes(
    table: &CoordinatorTable,
    agreements: &[Agreement],
) -> Result<Vec<(Ods, Destination)>, Failure> {
    let known = partners(agreements);
    let one = |dial: &config::DialNode| {
        if !known.contains(&dial.ods) {
            return Err(Failure::says(
                Exit::Config,
                format!(
                    "[[coordinator.dial]] names {}, which no agreement lists as a node: correct the ODS code, or add the agreement",
                    dial.ods
                ),
            ));
        }
        let config::DialNode { ods, address, proxy, proxy_password } = dial;
        let place = reach::destination(address, proxy.as_ref(), proxy_password.as_deref())?;
        Ok((ods.clone(), place))
    };
    table.dial.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_by_itself_ends_the_others_and_is_a_failure() {
        let broken = || Err(Failure::says(Exit::Fault, "broken"));
        for (outcome, says) in [(Ok(()), "ended by itself"), (broken(), "broken")] {
            let (stop, mut servers) = (CancellationToken::new(), Servers::new());
            let told = stop.clone();
            servers.spawn(async move {
                told.cancelled().await;
                Ok(())
            });
            servers.spawn(async move { outcome });
            let failure = all_ended(servers, &stop).await.expect_err("a failure");
            assert!(failure.to_string().contains(says), "{failure}");
        }
    }

    #[tokio::test]
    async fn servers_that_were_told_to_stop_are_no_failure() {
        let (stop, mut servers) = (CancellationToken::new(), Servers::new());
        let told = stop.clone();
        servers.spawn(async move {
            told.cancelled().await;
            Ok(())
        });
        stop.cancel();
        all_ended(servers, &stop).await.expect("in order");
    }
}
