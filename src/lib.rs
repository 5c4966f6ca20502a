//! The node, the coordinator and the command-line tools of Evensum, around the pure core of
//! `evensum_core`.

pub mod rpc;
