//! gRPC: the messages and the services of `proto/evensum/v1`, adapted to the ports at both ends.
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

pub mod client;
mod connect;
mod convert;
pub mod coordinator_service;
mod faults;
pub mod node_service;
mod pb;
mod status;
#[cfg(test)]
mod tests;

pub use connect::ConnectError;
pub use status::{Failure, classify};

use std::time::Duration;

/// The longest request, in bytes: an envelope whose every part is as long as it may be.
const MAX_REQUEST_BYTES: usize = convert::MAX_PAYLOAD_BYTES + 4 * 1024;
/// The longest answer of one partner, in bytes.
const MAX_ANSWER_BYTES: usize =
    convert::MAX_DOCUMENT_BYTES + evensum_core::ledger::entry::MAX_ENTRY_BYTES + 16 * 1024;
/// The longest view, in bytes. Far below what the most partners could send with the longest documents, and
/// far above what tables of the most cells take.
const MAX_VIEW_BYTES: usize = 32 * 1024 * 1024;
/// The longest list of partners, in bytes.
const MAX_PARTNERS_BYTES: usize = 64 * 1024;

/// The least time that a coordinator gives a query.
pub const MIN_DEADLINE: Duration = Duration::from_secs(1);
/// The most time that anybody gives a query.
pub const MAX_DEADLINE: Duration = Duration::from_secs(60);
