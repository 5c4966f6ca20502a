//! The one integration binary: whole parts against each other, over real sockets and real TLS.

mod adversary;
mod certificates;
mod datasets;
mod disclose;
mod fault_proxy;
#[cfg(unix)]
mod federation;
mod fuzz;
mod hostile;
mod panics;
mod pki;
#[cfg(unix)]
mod postgres;
#[cfg(unix)]
mod pushdown;
mod roster;
mod small_disk;
#[cfg(unix)]
mod sources;
mod tidy;
mod transport;
