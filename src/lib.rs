//! The shell of Evensum: everything that reads, writes, listens or prints, around the pure core.

pub mod calculate;
pub mod cli;
pub mod config;
pub mod coordinator;
pub mod disclose;
pub mod helper;
pub mod intake;
pub mod node;
pub mod present;
pub mod reference;
pub mod round;
pub mod rpc;
pub mod security_log;
pub mod snapshot;
pub mod store;
pub mod synth;
pub mod tabulate;
pub mod trust;
