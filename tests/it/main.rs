//! The one integration binary: whole parts against each other, over real sockets and real TLS.

mod certificates;
mod datasets;
mod fault_proxy;
#[cfg(unix)]
mod federation;
mod fuzz;
mod hostile;
mod panics;
mod pki;
mod small_disk;
mod tidy;
mod transport;
