//! The one integration binary: whole parts against each other, over real sockets and real TLS.

mod pki;
mod transport;
