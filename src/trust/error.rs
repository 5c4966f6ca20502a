//! What is wrong with a certificate, a key file or an authority, and what to do about it.

use std::io;
use std::path::PathBuf;

use evensum_core::identity::PeerError;
use evensum_core::model::{FederationId, Ods, Timestamp};

use super::files::MAX_PEM_BYTES;

/// Why certificates or keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file that cannot be read.
    #[error("cannot read {}: check that it exists and that this account may read it", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: check the folder, its permissions and the free space", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that is there and must not be replaced.
    #[error("{} exists already and is not replaced: choose another folder, or move it away", .0.display())]
    Exists(PathBuf),
    /// A file that is longer than any certificate or key.
    #[error("{} is longer than {MAX_PEM_BYTES} bytes: give a PEM file of certificates or of one key", .0.display())]
    TooLong(PathBuf),
    /// A file with nothing in it that was asked for.
    #[error("{} holds no {what} in PEM: check that the right file is named", path.display())]
    NoPem {
        /// Which file, or `the text` where it was no file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A private key that others on the machine can read or change.
    #[error(
        "the private key {} has the permissions {mode:03o}: take them away from others with `chmod 600`",
        path.display()
    )]
    OpenKey {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key is of a kind that cannot be used.
    #[error("the private key cannot be used: give an ECDSA P-256 or Ed25519 key in PKCS#8 PEM")]
    Key(#[source] rustls::Error),
    /// Certificate and key are not of one pair.
    #[error(
        "the private key does not belong to the certificate: name the key that was issued with it"
    )]
    KeyMismatch,
    /// The name in the certificate.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The certificate is for another role.
    #[error(
        "the certificate is for a {found} and this is a {expected}: name the certificate of the {expected}"
    )]
    Role {
        /// As in the certificate.
        found: &'static str,
        /// As configured.
        expected: &'static str,
    },
    /// The certificate is for another organisation.
    #[error(
        "the certificate is for the organisation {found} and the configuration says {expected}: correct one of them"
    )]
    Ods {
        /// As in the certificate.
        found: Ods,
        /// As configured.
        expected: Ods,
    },
    /// The validity has ended.
    #[error("the {what} expired at {not_after}: renew it")]
    Expired {
        /// Which certificate.
        what: &'static str,
        /// Its end.
        not_after: Timestamp,
    },
    /// The validity has not begun.
    #[error("the {what} is not valid before {not_before}: check this machine's clock")]
    NotYetValid {
        /// Which certificate.
        what: &'static str,
        /// Its beginning.
        not_before: Timestamp,
    },
    /// The chain does not end at the federation's authority.
    #[error(
        "the certificate was not issued by the federation's authority, or not for this use: name the authority's certificate that came with it, or have a new one issued"
    )]
    Chain(#[source] rustls::Error),
    /// The authority file names another federation.
    #[error("the authority's certificate is of the federation '{found}', and this is '{expected}'")]
    AuthorityFederation {
        /// As in the certificate.
        found: FederationId,
        /// As configured.
        expected: FederationId,
    },
    /// An authority's certificate of which we cannot tell the federation.
    #[error("the authority's certificate names no federation: use one that `evensum certs` made")]
    NoFederation,
    /// A life that is zero or too long.
    #[error("a life of {days} days is refused: choose 1 to {most} days")]
    Days {
        /// As asked.
        days: u32,
        /// The limit.
        most: u32,
    },
    /// A certificate that would live longer than its authority.
    #[error("the authority itself ends at {0}: ask for fewer days, or renew the authority first")]
    OutlivesAuthority(Timestamp),
    /// A name that no certificate can carry.
    #[error("'{0}' is not a DNS name that a certificate can carry")]
    DnsName(String),
    /// Making a certificate failed.
    #[error("the certificate could not be made")]
    Issue(#[source] rcgen::Error),
    /// No random number could be had.
    #[error(
        "the system gives no random numbers: restart the machine or look at its entropy source"
    )]
    Random,
    /// rustls refuses the settings.
    #[error(
        "the TLS settings are refused: check the certificate and the key with `evensum node check`"
    )]
    Settings(#[source] rustls::Error),
}
