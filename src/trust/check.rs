//! Checks of certificates outside a handshake: at start, and of who may be met where.

use std::net::SocketAddr;
use std::time::Duration;

use evensum_core::identity::{AuthorityCertificate, Peer};
use evensum_core::model::{FederationId, Ods, Role, Timestamp};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pki_types::UnixTime;

use super::config::provider;
use super::error::TrustError;
use super::files::{Credentials, Roots};

/// Who this machine is configured to be.
#[derive(Debug, Clone)]
pub struct Expected {
    /// What it does.
    pub role: Role,
    /// Whose it is.
    pub ods: Ods,
    /// In which federation.
    pub federation: FederationId,
}

/// Whether this connection must end because an example authority's certificate is used beyond this machine.
/// Both ends ask it of the other's certificate, for every connection.
#[must_use]
pub fn example_refused(peer: &Peer, remote: SocketAddr) -> bool {
    peer.issued_by_example_ca() && !remote.ip().to_canonical().is_loopback()
}

/// Checks a machine's own certificate before it serves, so that a mistake is told here and not by a partner:
/// federation, role and organisation as configured, in time, the key belongs to it, and the chain ends at
/// the federation's authority, for connections in both directions. Gives who the machine is.
///
/// # Errors
/// [`TrustError`], the first thing that is wrong.
pub fn check_pair(
    own: &Credentials,
    roots: &Roots,
    expected: &Expected,
    now: Timestamp,
) -> Result<Peer, TrustError> {
    let peer = Peer::from_certificate(own.certificate(), &expected.federation)?;
    if peer.role() != expected.role {
        return Err(TrustError::Role {
            found: peer.role().as_str(),
            expected: expected.role.as_str(),
        });
    }
    if *peer.ods() != expected.ods {
        return Err(TrustError::Ods { found: peer.ods().clone(), expected: expected.ods.clone() });
    }
    in_time("certificate", peer.not_before(), peer.not_after(), now)?;
    key_matches(own)?;
    check_roots(roots, &expected.federation, now)?;
    check_chain(own, roots, now)?;
    Ok(peer)
}

/// TLS never looks at the dates of a trust anchor: this is the one place that does.
fn check_roots(roots: &Roots, federation: &FederationId, now: Timestamp) -> Result<(), TrustError> {
    let mut outcome = Ok(());
    for certificate in roots.certificates() {
        let facts = AuthorityCertificate::from_certificate(certificate)?;
        if let Some(found) = facts.federation().filter(|found| *found != federation) {
            return Err(TrustError::AuthorityFederation {
                found: found.clone(),
                expected: federation.clone(),
            });
        }
        outcome = in_time("authority's certificate", facts.not_before(), facts.not_after(), now);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn check_chain(own: &Credentials, roots: &Roots, now: Timestamp) -> Result<(), TrustError> {
    let provider = provider();
    let seconds = u64::try_from(now.as_unix()).unwrap_or_default();
    let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let (first, rest) = own.chain().split_first().ok_or(TrustError::KeyMismatch)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.store(), provider.clone())
        .build()
        .map_err(|error| TrustError::Settings(rustls::Error::General(error.to_string())))?;
    verifier.verify_client_cert(first, rest, moment).map_err(TrustError::Chain)?;
    let parsed = ParsedCertificate::try_from(first).map_err(TrustError::Chain)?;
    verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &roots.store(),
        rest,
        moment,
        provider.signature_verification_algorithms.all,
    )
    .map_err(TrustError::Chain)
}

fn in_time(
    what: &'static str,
    not_before: Timestamp,
    not_after: Timestamp,
    now: Timestamp,
) -> Result<(), TrustError> {
    if now < not_before {
        Err(TrustError::NotYetValid { what, not_before })
    } else if now > not_after {
        Err(TrustError::Expired { what, not_after })
    } else {
        Ok(())
    }
}

pub(super) fn key_matches(own: &Credentials) -> Result<(), TrustError> {
    match CertifiedKey::from_der(own.chain().to_vec(), own.key(), &provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TrustError::KeyMismatch),
        Err(error) => Err(TrustError::Key(error)),
    }
}
