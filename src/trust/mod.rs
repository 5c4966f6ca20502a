//! Certificates, key files and rustls configurations. The only module that names rustls and rcgen: what
//! others hold are the handshakes of [`handshake`] and the types named here.
//!
//! Time comes from a [`Clock`](evensum_core::model::Clock), in the certificate checks of TLS as well.

mod ca;
mod check;
pub mod config;
mod error;
mod files;
pub mod handshake;

pub use ca::{
    Authority, AuthorityKind, IssueRequest, Issued, MAX_AUTHORITY_DAYS, MAX_CERTIFICATE_DAYS,
};
pub use check::{Expected, check_pair, example_refused};
pub use error::TrustError;
pub use files::{
    Credentials, MAX_PEM_BYTES, Roots, absent, read_private, write_private, write_public,
};
