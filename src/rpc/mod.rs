//! gRPC, at both ends of the ports. A node dials out and serves on the socket that it opened; the
//! coordinator calls over a socket that it accepted, so that nobody but the coordinator needs an inbound
//! firewall rule. Where a network prefers it the node listens and the coordinator dials: the same server serves,
//! and the same registry holds the channel. Analysts dial the coordinator.
//!
//! The generated types have public fields, so whoever can name one can put any number into it. They stay
//! private to this module, and only `convert` makes them, from values that may leave. This does not compile:
//!
//! ```compile_fail,E0603
//! use evensum::rpc::pb::Cell;
//! ```
//!
//! and this does:
//!
//! ```
//! use evensum::rpc::client::NodeClient;
//! ```

mod accept;
mod address;
mod analysts;
mod backoff;
mod caller;
pub mod client;
mod convert;
pub mod coordinator_service;
mod dial;
mod dial_node;
mod dial_out;
mod faults;
mod health;
pub mod helper_client;
pub mod helper_service;
mod listen;
pub mod node_service;
mod one_shot;
mod pb;
pub mod pool_client;
pub mod pool_service;
mod proxy;
mod refusal;
mod registry;
mod rev_io;
mod serve;
mod status;
#[cfg(test)]
mod tests;

pub use accept::{AcceptConfig, Gate, MAX_HANDSHAKES, accept_nodes};
pub use address::{Address, AddressError};
pub use analysts::{Connection, MAX_ANALYSTS, Place, accept_analysts, dial_as_analyst};
pub use caller::Caller;
pub use dial::{Destination, DestinationError, DialError, DialState, MAX_ADDRESSES};
pub use dial_node::{NodeDialConfig, dial_node};
pub use dial_out::{DialConfig, serve_dialled};
pub use faults::name_of;
pub use listen::{ListenConfig, MAX_CONNECTIONS, serve_listening};
pub use proxy::{Environment, Proxies, Proxy, ProxyAddressError, ProxyError, TUNNEL_LIMIT};
pub use refusal::Refusal;
pub use registry::{AdmitError, Registry};
pub use serve::DRAIN_LIMIT;
pub use status::{Failure, classify};

use std::time::Duration;

use evensum_core::model::MAX_NODES;

/// A connection, a TLS handshake and the first words after it each get this long.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
/// How an end finds out that the other is gone without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Both ends ask after the other this often: firewalls drop flows that idle.
    pub interval: Duration,
    /// And take the connection for dead when nothing comes back for this long.
    pub timeout: Duration,
}

impl Keepalive {
    /// What every server uses: a loss is noticed within 15 seconds.
    pub const USUAL: Self =
        Self { interval: Duration::from_secs(10), timeout: Duration::from_secs(5) };
}

/// Bytes of the headers of one request or response.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// The longest request, in bytes: an envelope whose every part is as long as it may be.
const MAX_REQUEST_BYTES: usize = convert::MAX_PAYLOAD_BYTES + 4 * 1024;
/// The longest answer of one partner, in bytes.
const MAX_ANSWER_BYTES: usize =
    convert::MAX_DOCUMENT_BYTES + evensum_core::ledger::entry::MAX_ENTRY_BYTES + 16 * 1024;
/// The most bytes of one partner's answers to a query: hundreds of times what its tables take, and twice what the
/// refusals of the longest query take.
const MAX_ANSWERS_BYTES: usize = 64 * 1024 * 1024;
/// The longest view, in bytes. Far below what the most partners could send with the longest documents, and
/// above what tables of the most cells take: at most 18 bytes a cell, beside their proofs.
const MAX_VIEW_BYTES: usize = MAX_NODES * 160 * 1024;
/// The most bytes of everything that comes of one query at the analyst's.
const MAX_VIEWS_BYTES: usize = 512 * 1024 * 1024;
/// The longest list of partners, in bytes.
const MAX_PARTNERS_BYTES: usize = MAX_NODES * 512;

/// The longest message with one sealed part of a contribution, in bytes.
const MAX_PART_MESSAGE_BYTES: usize = evensum_core::pool::MAX_SEALED_BYTES + 1024;
/// The longest message of a partner's signed words about its extracts, in bytes.
const MAX_READY_BYTES: usize = 8 * 1024 * 1024;
/// The longest request of a server of a blind sum to a node, in bytes.
const MAX_POOL_REQUEST_BYTES: usize = 16 * 1024 * 1024;
const _: () = assert!(evensum_core::pool::MAX_ROUND_BYTES + 4 * 1024 <= MAX_POOL_REQUEST_BYTES);

/// The longest request to a second server: releases of a whole opening, of which none is near the longest that may be.
const MAX_RETURNED_BYTES: usize = 32 * 1024 * 1024;
const _: () = assert!(MAX_POOL_REQUEST_BYTES <= MAX_RETURNED_BYTES);
/// The longest answer of a second server: its part of the totals of a whole opening, with histograms.
const MAX_OPENED_BYTES: usize = 64 * 1024 * 1024;

/// The least time that a coordinator gives a query.
pub const MIN_DEADLINE: Duration = Duration::from_secs(1);
/// The most time that anybody gives a query.
pub const MAX_DEADLINE: Duration = Duration::from_secs(60);
