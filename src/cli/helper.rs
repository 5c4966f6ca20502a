//! `evensum helper`: the independent second server of blind sums.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use evensum_core::identity::Peer;
use evensum_core::model::{Agreement, Ods, Role};
use evensum_core::pool::{PopulationState, SealKey, VerifiedRoster};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failure, OrExit};
use super::serve::{self, Checked, Member, StopArgs};
use super::sums::is_listed;
use super::{clock, ready};
use crate::config::{self, Server};
use crate::helper::{Helper, Parts};
use crate::round::Summed;
use crate::rpc::{
    AcceptConfig, Keepalive, ListenConfig, Refusal, Registry, accept_nodes, helper_service,
    serve_listening,
};
use crate::store::Vault;
use crate::trust::config as tls;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the independent second server: wait for the coordinator and the partners' nodes
    #[command(
        long_about = "Run the independent second server: wait for the coordinator and the partners' nodes.\n\nIt is run by another organisation than the coordinator. Neither of the two can read what partners contribute; it gives its part of totals only where its own copies of the agreement and the membership list allow it, and tells every partner.",
        after_help = "Example: evensum helper serve --config helper.toml"
    )]
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The second server's configuration
    #[arg(long, env = "EVENSUM_CONFIG", default_value = "helper.toml")]
    config: PathBuf,
    #[command(flatten)]
    stop: StopArgs,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(args) => {
            let server = Server::read(&args.config)?;
            let seal_key = config::sealing_key(&server.helper()?.seal_key)?;
            let checked = serve::checked(&server)?;
            let summed = summed(&checked, &seal_key)?;
            serve::log_to_stderr();
            serve::runtime()?.block_on(async {
                let stop = serve::stop_signal(args.stop)?;
                serve(checked, summed, seal_key, stop).await
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn wrong(text: String) -> Failure {
    Failure::says(Exit::Config, text)
}

/// The agreements with the list that holds under each, which must know this server by both of its keys.
fn summed(checked: &Checked, seal_key: &SealKey) -> Result<Vec<Summed>, Failure> {
    let membership = checked.server.memberships.first();
    let path = membership.and_then(|membership| membership.membership_list.as_ref());
    let path = path.ok_or_else(|| wrong("a second server needs a 'membership_list'".to_owned()))?;
    let list = config::membership_list(path)?;
    let agreements: Vec<Agreement> =
        checked.members.iter().flat_map(|member| member.agreements.clone()).collect();
    let one = |agreement: Agreement| {
        let id = &agreement.id;
        let roster = list.verify(&agreement).map_err(|error| {
            let path = path.display();
            wrong(format!(
                "the membership list '{path}' does not hold under the agreement {id}: {error}"
            ))
        })?;
        fits(&checked.server.ods, &agreement, &roster, seal_key)?;
        Ok(Summed { roster: Arc::new(roster), agreement })
    };
    agreements.into_iter().map(one).collect()
}

fn fits(
    own: &Ods,
    agreement: &Agreement,
    roster: &VerifiedRoster,
    seal_key: &SealKey,
) -> Result<(), Failure> {
    let id = &agreement.id;
    if !roster.kind().needs_helper() {
        let kind = roster.kind().as_str();
        return Err(wrong(format!(
            "the agreement {id} has pool = \"{kind}\", which works without a second server"
        )));
    }
    let listed = roster.roster().helper().filter(|server| server.ods == *own);
    let listed = listed.ok_or_else(|| {
        wrong(format!("the membership list has another second server than {own}: correct 'ods'"))
    })?;
    is_listed(seal_key, (own, &listed.seal_key), "[helper]")
}

/// The one coordinator of all agreements.
fn coordinator(agreements: &[Agreement]) -> Result<Ods, Failure> {
    let mut all = agreements.iter().filter_map(|a| Some(&a.coordinator()?.ods));
    let first = all.next().ok_or_else(|| wrong("the agreement names no coordinator".to_owned()))?;
    if let Some(other) = all.find(|ods| *ods != first) {
        return Err(wrong(format!(
            "the agreements name two coordinators, {first} and {other}: run a second server for each"
        )));
    }
    Ok(first.clone())
}

async fn serve(
    checked: Checked,
    summed: Vec<Summed>,
    seal_key: SealKey,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let Checked { server, members, catalogue } = checked;
    let table = server.helper()?;
    let [Member { federation, peer, agreements, answer_key, credentials, roots, .. }] =
        <[Member; 1]>::try_from(members)
            .map_err(|_| wrong("a second server has one [[membership]]".to_owned()))?;
    let coordinator = coordinator(&agreements)?;
    let store = serve::open_store(&server).await?;
    serve::note_agreements(&store, &agreements).await?;
    let nodes = TcpListener::bind(table.nodes).await.or_exit(Exit::Unavailable)?;
    let callers = TcpListener::bind(table.coordinator).await.or_exit(Exit::Unavailable)?;
    let places = [
        ("nodes", nodes.local_addr().or_exit(Exit::Fault)?.to_string()),
        ("coordinator", callers.local_addr().or_exit(Exit::Fault)?.to_string()),
    ];
    let listed = summed.iter().flat_map(|of| of.roster.roster().members()).map(|m| m.ods.clone());
    // Who was taken off the list still hears of the rounds that its records are in.
    let rounds = store.rounds();
    let bound = rounds.populations().filter_map(PopulationState::members).flatten().cloned();
    let known: BTreeSet<Ods> = listed.chain(bound).collect();
    let registry = Registry::new();
    let (_keep_nodes, node_tls) = watch::channel(
        tls::coordinator_node_port(&credentials, &roots, clock::system()).or_exit(Exit::Config)?,
    );
    let (_keep_port, port_tls) = watch::channel(
        tls::node_port(&credentials, &roots, clock::system()).or_exit(Exit::Config)?,
    );
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
    let helper = Helper::open(Parts {
        own: peer,
        agreements: summed,
        catalogue,
        seal_key,
        answer_key,
        store: store.clone(),
        vault: Vault::new(&server.state),
        nodes: Arc::new(registry.clone()),
        clock: clock::system(),
    });
    let helper = helper.await.or_exit(Exit::Data)?;
    let running = tokio::spawn(helper.clone().run(stop.clone()));
    let routes = helper_service::routes(Arc::new(helper), store.writable()).await;
    let tls = port_tls;
    let config = ListenConfig { federation, coordinator, tls, keepalive: Keepalive::USUAL };
    let serving = serve_listening(routes, callers, config, stop.clone());
    ready::print(&places);
    let served = serve::ended(serving.await.or_exit(Exit::Fault), &stop);
    registry.release_all();
    let _ = accepting.await;
    let _ = running.await;
    store.close().await;
    served
}
