//! The shell of Evensum: files, stores, servers and the command line around the pure core.

pub mod rpc;
pub mod snapshot;
pub mod synth;
pub mod tabulate;
pub mod trust;
