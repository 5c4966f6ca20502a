//! Evensum: a federated data-sharing node for the partners of an Integrated Care System. The pure
//! part (disclosure control, combination, proofs) is the crate `evensum_core`; this is the shell
//! around it: files, servers and pages.

pub mod intake;
pub mod reference;
pub mod snapshot;
