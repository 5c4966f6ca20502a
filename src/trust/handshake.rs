//! TLS handshakes over TCP, at both ends, and what their failures mean in words that say what to do.
//!
//! Under TLS 1.3 a client's handshake ends before the server has looked at the client's certificate: a
//! refusal reaches the client as an error of its first read. [`explain`] is for that error too.

use std::io;
use std::sync::Arc;

use evensum_core::identity::{Peer, PeerError};
use evensum_core::model::FederationId;
use rustls::{AlertDescription, CertificateError, ClientConfig, CommonState, ServerConfig};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::config::ANALYST_PROTOCOL;

/// A connection that this end dialled.
pub type Dialled = client::TlsStream<TcpStream>;
/// A connection that this end accepted.
pub type Accepted = server::TlsStream<TcpStream>;
/// Configuration of a dialling end, as made by [`super::config`].
pub type DialTls = ClientConfig;
/// Configuration of a listening end, as made by [`super::config`].
pub type PortTls = ServerConfig;
/// The name or address that a server's certificate must carry.
pub type DialledName = ServerName<'static>;

/// Why there is no connection. "The other end" is whoever was dialled or called.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The server's authority is another one.
    #[error(
        "the other end's certificate was not issued by this federation's authority: check the address, and that the authority's certificate here is the current one"
    )]
    TheirAuthority,
    /// The server's certificate is out of its time.
    #[error(
        "the other end's certificate has expired or is not valid yet: tell its operator, and check this machine's clock"
    )]
    TheirTime,
    /// The server's certificate is for another name.
    #[error(
        "the other end's certificate is not for the name that was dialled: dial the name that is in it, or have it issued with this one"
    )]
    TheirName,
    /// The other end has no acceptable identity.
    #[error("the other end's certificate is refused")]
    TheirIdentity(#[source] PeerError),
    /// The other end showed no certificate.
    #[error("the other end showed no certificate")]
    TheirAbsence,
    /// The other end does not know our authority.
    #[error(
        "the other end refuses this certificate: it was not issued by its federation's authority"
    )]
    OurAuthority,
    /// The other end finds our certificate out of time.
    #[error(
        "the other end refuses this certificate: it has expired or is not valid yet. Renew it, and check this machine's clock"
    )]
    OurTime,
    /// The other end wants a certificate.
    #[error("the other end requires a certificate of the federation and was shown none")]
    OurAbsence,
    /// The other end has withdrawn our certificate.
    #[error("the other end refuses this certificate: it has been revoked. Have a new one issued")]
    OurRevocation,
    /// The other end refuses our certificate otherwise.
    #[error("the other end refuses this certificate (TLS alert {0})")]
    OurCertificate(String),
    /// No protocol in common.
    #[error(
        "the two ends share no application protocol: this is probably another port of the coordinator"
    )]
    Protocol,
    /// No version in common.
    #[error("the two ends share no version of TLS: only 1.3 is spoken here")]
    Version,
    /// Not TLS at all.
    #[error("the other end does not speak TLS: check the address and the port")]
    NotTls,
    /// Anything else that TLS says.
    #[error("the TLS handshake failed")]
    Tls(#[source] rustls::Error),
    /// The connection broke.
    #[error(
        "the connection broke during the handshake: a firewall, a proxy or the other end closed it"
    )]
    Broken(#[source] io::Error),
}

/// Dials over an open socket: server authenticated, the application protocol agreed.
///
/// # Errors
/// [`HandshakeError`]. A refusal of this end's own certificate is not among them: it comes with the first read.
pub async fn dial(
    tls: Arc<DialTls>,
    name: DialledName,
    tcp: TcpStream,
) -> Result<Dialled, HandshakeError> {
    let wanted = tls.alpn_protocols.clone();
    let stream = TlsConnector::from(tls).connect(name, tcp).await.map_err(explain)?;
    match stream.get_ref().1.alpn_protocol() {
        Some(agreed) if wanted.iter().any(|known| known == agreed) => Ok(stream),
        _ => Err(HandshakeError::Protocol),
    }
}

/// Accepts over an open socket. On a port for servers of the federation the application protocol is required.
///
/// # Errors
/// [`HandshakeError`]; the caller has been told by a TLS alert.
pub async fn accept(tls: Arc<PortTls>, tcp: TcpStream) -> Result<Accepted, HandshakeError> {
    let wanted = tls.alpn_protocols.first().filter(|known| *known != ANALYST_PROTOCOL).cloned();
    let stream = TlsAcceptor::from(tls).accept(tcp).await.map_err(explain)?;
    // A client that offers no protocol at all passes TLS.
    if wanted.is_some_and(|wanted| stream.get_ref().1.alpn_protocol() != Some(&wanted)) {
        return Err(HandshakeError::Protocol);
    }
    Ok(stream)
}

/// Who was dialled.
///
/// # Errors
/// [`HandshakeError::TheirAbsence`], [`HandshakeError::TheirIdentity`].
pub fn dialled_peer(stream: &Dialled, federation: &FederationId) -> Result<Peer, HandshakeError> {
    peer(stream.get_ref().1, federation)
}

/// Who called.
///
/// # Errors
/// [`HandshakeError::TheirAbsence`], [`HandshakeError::TheirIdentity`].
pub fn accepted_peer(stream: &Accepted, federation: &FederationId) -> Result<Peer, HandshakeError> {
    peer(stream.get_ref().1, federation)
}

/// The key exchange that was agreed, such as `X25519MLKEM768`.
#[must_use]
pub fn key_exchange(stream: &Dialled) -> String {
    let group = stream.get_ref().1.negotiated_key_exchange_group();
    group.map_or_else(|| "none".to_owned(), |group| format!("{:?}", group.name()))
}

fn peer(state: &CommonState, federation: &FederationId) -> Result<Peer, HandshakeError> {
    let certificate = state
        .peer_certificates()
        .and_then(|chain| chain.first())
        .ok_or(HandshakeError::TheirAbsence)?;
    Peer::from_certificate(certificate, federation).map_err(HandshakeError::TheirIdentity)
}

/// What an error of a handshake, or of the first read after one, means.
#[must_use]
pub fn explain(error: io::Error) -> HandshakeError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return HandshakeError::Broken(error);
    };
    match tls {
        rustls::Error::AlertReceived(alert) => of_alert(*alert, tls),
        rustls::Error::InvalidCertificate(wrong) => of_certificate(wrong, tls),
        rustls::Error::NoCertificatesPresented => HandshakeError::TheirAbsence,
        rustls::Error::NoApplicationProtocol => HandshakeError::Protocol,
        rustls::Error::PeerIncompatible(_) => HandshakeError::Version,
        rustls::Error::InvalidMessage(_) => HandshakeError::NotTls,
        _ => HandshakeError::Tls(tls.clone()),
    }
}

fn of_alert(alert: AlertDescription, tls: &rustls::Error) -> HandshakeError {
    match alert {
        // An authority of the same name with another key shows as a signature that does not verify.
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            HandshakeError::OurAuthority
        }
        AlertDescription::CertificateExpired => HandshakeError::OurTime,
        AlertDescription::CertificateRequired => HandshakeError::OurAbsence,
        AlertDescription::CertificateRevoked => HandshakeError::OurRevocation,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => HandshakeError::OurCertificate(format!("{alert:?}")),
        AlertDescription::NoApplicationProtocol => HandshakeError::Protocol,
        AlertDescription::ProtocolVersion => HandshakeError::Version,
        _ => HandshakeError::Tls(tls.clone()),
    }
}

fn of_certificate(wrong: &CertificateError, tls: &rustls::Error) -> HandshakeError {
    match wrong {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            HandshakeError::TheirAuthority
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => HandshakeError::TheirTime,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            HandshakeError::TheirName
        }
        _ => HandshakeError::Tls(tls.clone()),
    }
}
