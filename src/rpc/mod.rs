//! gRPC over connections that nodes dial: the node serves on a socket that it opened, the coordinator calls
//! over a socket that it accepted. Nobody needs an inbound firewall rule but the coordinator.

mod accept;
mod address;
mod analysts;
mod backoff;
mod caller;
mod dial_out;
mod one_shot;
mod refusal;
mod registry;
mod rev_io;
mod status;

pub use accept::{AcceptConfig, Gate, MAX_HANDSHAKES, accept_nodes};
pub use address::{Address, AddressError};
pub use analysts::{accept_analysts, dial_as_analyst};
pub use caller::Caller;
pub use dial_out::{DRAIN_LIMIT, DialConfig, DialError, DialState, serve_dialled};
pub use refusal::Refusal;
pub use registry::Registry;
pub use status::{Failure, classify};

use std::time::Duration;

/// A connection, a TLS handshake and the first words after it each get this long.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
/// Both ends ask after the other this often: firewalls drop flows that idle.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// And take the connection for dead when nothing comes back for this long.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the headers of one request or response.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
