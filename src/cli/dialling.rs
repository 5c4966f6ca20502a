//! The servers that a coordinator dials: nodes that listen, and the second server of blind sums.

use std::sync::Arc;

use evensum_core::model::{FederationId, Ods, Role};
use evensum_core::port::HelperDirectory;
use evensum_core::sign::SigningKey;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::sums::Summing;
use crate::coordinator::SumParts;
use crate::rpc::helper_client::DialledHelper;
use crate::rpc::{Destination, DialState, Keepalive, NodeDialConfig, Registry, dial_node};
use crate::store::Vault;
use crate::trust::handshake::DialTls;

/// The servers that a coordinator dials.
pub(super) struct Dialling {
    pub(super) federation: FederationId,
    pub(super) tls: watch::Receiver<Arc<DialTls>>,
    pub(super) stop: CancellationToken,
    pub(super) all: JoinSet<()>,
}

impl Dialling {
    /// Dials the second server, and gives what blind sums need.
    pub(super) fn sums(
        &mut self,
        summing: Summing,
        answer_key: SigningKey,
        nodes: Registry,
        vault: Vault,
    ) -> SumParts {
        let Summing { summed, seal_key, second, wait } = summing;
        let helper = second.map(|(ods, address)| {
            let seconds = Registry::new();
            self.dial((Role::Helper, ods.clone()), address, seconds.clone());
            Arc::new(DialledHelper::new(seconds, ods)) as Arc<dyn HelperDirectory>
        });
        SumParts {
            agreements: vec![summed],
            seal_key: Arc::new(seal_key),
            answer_key,
            nodes: Arc::new(nodes),
            helper,
            vault,
            wait,
        }
    }

    /// Keeps one of them in a registry, until the coordinator stops.
    pub(super) fn dial(
        &mut self,
        (role, node): (Role, Ods),
        address: Destination,
        registry: Registry,
    ) {
        let config = NodeDialConfig {
            role,
            keepalive: Keepalive::USUAL,
            address,
            federation: self.federation.clone(),
            node,
            tls: self.tls.clone(),
            seed: rand::random(),
        };
        let told = told_of(&config);
        self.all.spawn(dial_node(config, registry, self.stop.clone(), told));
    }
}

/// What a log says of dialling a node.
fn told_of(config: &NodeDialConfig) -> impl Fn(DialState) + Send + Sync + use<> {
    let (node, place) = (config.node.clone(), config.address.to_string());
    move |state| match state {
        DialState::Serving => info!(%node, place, "the node is connected"),
        DialState::Waiting { reason, wait } => {
            let reason: &(dyn std::error::Error + 'static) = &reason;
            warn!(%node, place, reason, ?wait, "not connected to the node; trying again");
        }
        DialState::Connected { peer, key_exchange } => {
            let serial = peer.serial();
            info!(%node, place, serial, key_exchange, "the node is authenticated");
        }
        DialState::Dialling | DialState::Stopped => {}
    }
}
