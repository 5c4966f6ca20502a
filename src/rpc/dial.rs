//! To dial: which addresses, through what, and whom. Every address is tried in its turn, and an error says of
//! each one why it did not do.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::identity::Peer;
use evensum_core::model::{FederationId, Ods, Role};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::HANDSHAKE_LIMIT;
use super::address::{Address, AddressError};
use super::backoff::Backoff;
use super::proxy::{Proxies, Proxy, ProxyAddressError, ProxyError};
use super::refusal::Refusal;
use super::registry::AdmitError;
use crate::trust::example_refused;
use crate::trust::handshake::{self, DialTls, Dialled, HandshakeError};

/// Addresses of one server.
pub const MAX_ADDRESSES: usize = 8;
/// Of what a name resolves to, so many are tried.
const MAX_RESOLVED: usize = 4;
/// How every HTTP/2 client begins (RFC 9113, 3.4).
pub(super) const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of an HTTP/2 frame's head. A server's first frame is SETTINGS, on stream 0 (RFC 9113, 3.4 and 4.1).
const FRAME_HEAD: usize = 9;
const SETTINGS: u8 = 4;

/// Why there is nowhere to dial.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// None, or too many.
    #[error("give one address, or at most {MAX_ADDRESSES} under 'addresses'")]
    Number,
    /// The same one twice.
    #[error("the address {0} stands twice: give each one once")]
    Twice(String),
    /// One that is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A proxy that is none.
    #[error(transparent)]
    Proxy(#[from] ProxyAddressError),
}

/// The addresses of one server, in the order in which they are tried, each with the proxy that leads to it.
#[derive(Debug, Clone)]
pub struct Destination {
    places: Vec<Place>,
}

#[derive(Debug, Clone)]
struct Place {
    address: Address,
    proxy: Option<Proxy>,
}

impl Destination {
    /// Reads the addresses and looks for the proxy to each.
    ///
    /// # Errors
    /// [`DestinationError`].
    pub fn new<S: AsRef<str>>(texts: &[S], proxies: &Proxies) -> Result<Self, DestinationError> {
        if texts.is_empty() || texts.len() > MAX_ADDRESSES {
            return Err(DestinationError::Number);
        }
        let mut places: Vec<Place> = Vec::with_capacity(texts.len());
        for text in texts {
            let address: Address = text.as_ref().parse()?;
            if places.iter().any(|place| place.address == address) {
                return Err(DestinationError::Twice(address.to_string()));
            }
            let proxy = proxies.proxy(&address)?;
            places.push(Place { address, proxy });
        }
        Ok(Self { places })
    }
}

/// One address, without a proxy.
impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        Self::new(&[text], &Proxies::None)
    }
}

/// The addresses, with commas, and the proxies in brackets.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, place) in self.places.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            place.address.fmt(f)?;
            if let Some(proxy) = &place.proxy {
                write!(f, " (through the proxy {proxy})")?;
            }
        }
        Ok(())
    }
}

/// Why there is no connection, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No TCP connection.
    #[error(
        "cannot reach {address}: check the address, and that the firewall lets this machine out to it"
    )]
    Connect {
        /// As configured.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// One step took too long.
    #[error("{address} did not {step} within {} s: check the address and the port", HANDSHAKE_LIMIT.as_secs())]
    Slow {
        /// As configured.
        address: String,
        /// Which step.
        step: &'static str,
    },
    /// The proxy opened no tunnel.
    #[error("the proxy {proxy} does not lead to {address}")]
    Proxy {
        /// The proxy.
        proxy: String,
        /// As configured.
        address: String,
        /// Why.
        #[source]
        source: ProxyError,
    },
    /// TLS failed in the tunnel.
    #[error(
        "TLS to {address} failed behind the proxy {proxy}: if the proxy inspects TLS, ask whoever runs it to exempt this address"
    )]
    Inspected {
        /// The proxy.
        proxy: String,
        /// As configured.
        address: String,
        /// How.
        #[source]
        source: Box<HandshakeError>,
    },
    /// No address did.
    #[error("{}", listed(.0))]
    Nowhere(Vec<(String, DialError)>),
    /// HTTP/2 could not begin on a connection that stands.
    #[error("the other end does not begin to speak HTTP/2")]
    Begin(#[source] tonic::transport::Error),
    /// TLS failed, at this end or at the other.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// Somebody else answered.
    #[error(
        "{found} answered, and the configuration expects {expected}: correct the address or the ODS code"
    )]
    Stranger {
        /// Role and ODS code in the certificate.
        found: String,
        /// As configured.
        expected: String,
    },
    /// An example certificate beyond one machine.
    #[error(
        "the other end shows an example certificate, which is refused anywhere but on this machine: make an authority with `evensum certs`"
    )]
    Example,
    /// The other end says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection was closed where HTTP/2 should have begun.
    #[error("the other end closed the connection and gave no reason")]
    ClosedEarly,
    /// Something else than HTTP/2 came.
    #[error(
        "the other end does not begin to speak HTTP/2: check that the address and the port are the right ones"
    )]
    Foreign,
    /// The node is there and not well.
    #[error("the node is reached and not taken in")]
    NotTakenIn(#[source] AdmitError),
    /// A connection that worked has ended.
    #[error("the connection has ended")]
    Lost,
}

fn listed(all: &[(String, DialError)]) -> String {
    let each = all.iter().map(|(place, error)| format!("{place}: {}", in_full(error)));
    format!("none of the addresses does: {}", each.collect::<Vec<_>>().join("; "))
}

/// The error with its causes, each said once.
fn in_full(error: &DialError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// What a dial loop is doing, for logs, health pages and tests.
#[derive(Debug)]
pub enum DialState {
    /// An attempt begins.
    Dialling,
    /// The other end has been authenticated and begins to speak.
    Connected {
        /// Who it is.
        peer: Arc<Peer>,
        /// The key exchange that was agreed, such as `X25519MLKEM768`.
        key_exchange: String,
    },
    /// The coordinator has taken the node in, or the connection has lasted a minute.
    Serving,
    /// The next attempt comes after a wait.
    Waiting {
        /// What ended the last one.
        reason: DialError,
        /// For how long.
        wait: Duration,
    },
    /// The loop has ended, as told.
    Stopped,
}

/// One end's way to make a connection and keep it.
pub(super) trait Attempt {
    /// One connection from its beginning to its end, of which it gives the reason.
    fn connection(&self, backoff: &mut Backoff) -> impl Future<Output = DialError> + Send;
}

/// Connects again and again until `shutdown`, with waits that grow.
pub(super) async fn keep_dialling(
    attempt: impl Attempt + Sync,
    seed: u64,
    shutdown: &CancellationToken,
    on_state: &(impl Fn(DialState) + Send + Sync),
) {
    let mut backoff = Backoff::new(seed);
    loop {
        on_state(DialState::Dialling);
        let reason = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            reason = attempt.connection(&mut backoff) => reason,
        };
        let wait = backoff.wait();
        on_state(DialState::Waiting { reason, wait });
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = sleep(wait) => {}
        }
    }
}

/// Who must answer.
#[derive(Clone, Copy)]
pub(super) struct Whom<'a> {
    pub(super) federation: &'a FederationId,
    pub(super) role: Role,
    pub(super) ods: &'a Ods,
}

/// What the other end says before this end does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstWords {
    /// It waits for us.
    Nothing,
    /// It is the HTTP/2 client of the connection that we dialled.
    Preface,
    /// It is the HTTP/2 server, which may speak at once and here does.
    Settings,
}

/// An authenticated connection, with what was read ahead.
pub(super) struct Reached {
    pub(super) stream: Dialled,
    pub(super) head: Vec<u8>,
    pub(super) peer: Peer,
}

/// Dials the addresses in turn until one leads to the server that is meant.
pub(super) async fn reach(
    destination: &Destination,
    whom: Whom<'_>,
    words: FirstWords,
    tls: Arc<DialTls>,
) -> Result<Reached, DialError> {
    let mut tried = Vec::new();
    for place in &destination.places {
        let named = |socket: Option<SocketAddr>| match (socket, &place.proxy) {
            (_, Some(_)) | (None, None) => place.address.to_string(),
            (Some(socket), None) if socket.to_string() == place.address.to_string() => {
                place.address.to_string()
            }
            (Some(socket), None) => format!("{} ({})", place.address, socket.ip()),
        };
        let sockets = match place.resolve().await {
            Ok(sockets) => sockets,
            Err(error) => {
                tried.push((named(None), error));
                continue;
            }
        };
        for socket in sockets {
            match place.attempt(socket, whom, words, Arc::clone(&tls)).await {
                Ok(reached) => return Ok(reached),
                Err(error) => tried.push((named(Some(socket)), error)),
            }
        }
    }
    match tried.pop() {
        Some((_, only)) if tried.is_empty() => Err(only),
        last => Err(DialError::Nowhere(tried.into_iter().chain(last).collect())),
    }
}

impl Place {
    /// Where the next hop is: the proxy, which resolves the far end's name itself, or the far end.
    fn hop(&self) -> &Address {
        self.proxy.as_ref().map_or(&self.address, Proxy::address)
    }

    fn unreached(&self, source: io::Error) -> DialError {
        let address = self.address.to_string();
        match &self.proxy {
            None => DialError::Connect { address, source },
            Some(proxy) => {
                let source = ProxyError::Connect(source);
                DialError::Proxy { proxy: proxy.to_string(), address, source }
            }
        }
    }

    fn slow(&self, step: &'static str) -> DialError {
        DialError::Slow { address: self.address.to_string(), step }
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, DialError> {
        let found = timeout(HANDSHAKE_LIMIT, lookup_host(self.hop().target())).await;
        let found = found.map_err(|_| self.slow("have its name resolved"))?;
        let sockets: Vec<_> = found.map_err(|e| self.unreached(e))?.take(MAX_RESOLVED).collect();
        if sockets.is_empty() {
            return Err(self.unreached(io::ErrorKind::NotFound.into()));
        }
        Ok(sockets)
    }

    async fn attempt(
        &self,
        socket: SocketAddr,
        whom: Whom<'_>,
        words: FirstWords,
        tls: Arc<DialTls>,
    ) -> Result<Reached, DialError> {
        let connecting = timeout(HANDSHAKE_LIMIT, TcpStream::connect(socket)).await;
        let mut tcp = connecting
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|e| self.unreached(e))?;
        tcp.set_nodelay(true).map_err(|e| self.unreached(e))?;
        if let Some(proxy) = &self.proxy {
            proxy.tunnel(&mut tcp, &self.address).await.map_err(|source| DialError::Proxy {
                proxy: proxy.to_string(),
                address: self.address.to_string(),
                source,
            })?;
        }
        let shaking = timeout(HANDSHAKE_LIMIT, handshake::dial(tls, self.address.name(), tcp));
        let mut stream = shaking
            .await
            .map_err(|_| self.slow("answer the TLS handshake"))?
            .map_err(|error| self.explained(error))?;
        let peer = handshake::dialled_peer(&stream, whom.federation)?;
        self.judge(&peer, socket, whom)?;
        let head = match words {
            FirstWords::Nothing => Vec::new(),
            words => timeout(HANDSHAKE_LIMIT, first_words(&mut stream, words))
                .await
                .map_err(|_| self.slow("begin to speak"))??,
        };
        Ok(Reached { stream, head, peer })
    }

    fn judge(&self, peer: &Peer, socket: SocketAddr, whom: Whom<'_>) -> Result<(), DialError> {
        // Where a proxy leads to is not seen: a name of this machine is the one that it can be believed for.
        let beyond = self.proxy.is_some() && !self.address.is_local();
        if example_refused(peer, socket) || (beyond && peer.issued_by_example_ca()) {
            return Err(DialError::Example);
        }
        if peer.role() != whom.role || peer.ods() != whom.ods {
            return Err(DialError::Stranger {
                found: format!("the {} of {}", peer.role().as_str(), peer.ods()),
                expected: format!("the {} of {}", whom.role.as_str(), whom.ods),
            });
        }
        Ok(())
    }

    /// A proxy that looks into TLS shows a certificate of its own, or a page.
    fn explained(&self, error: HandshakeError) -> DialError {
        let (proxy, address) = (self.proxy.as_ref(), self.address.to_string());
        match (proxy, error) {
            (
                Some(proxy),
                source @ (HandshakeError::TheirAuthority
                | HandshakeError::TheirName
                | HandshakeError::NotTls
                | HandshakeError::Protocol
                | HandshakeError::Version
                | HandshakeError::Broken(_)),
            ) => {
                let source = Box::new(source);
                DialError::Inspected { proxy: proxy.to_string(), address, source }
            }
            (_, error) => error.into(),
        }
    }
}

/// Reads how the other end begins. Only here does a refusal of our certificate show: by a TLS alert, which is
/// an error of this read, or by a line of the other end's.
async fn first_words(stream: &mut Dialled, wanted: FirstWords) -> Result<Vec<u8>, DialError> {
    let mut words = Vec::with_capacity(Refusal::MAX_BYTES);
    loop {
        match wanted {
            FirstWords::Settings if is_settings(&words) => return Ok(words),
            FirstWords::Preface if words.starts_with(HTTP2_PREFACE) => return Ok(words),
            _ => {}
        }
        if let Some(refusal) = Refusal::from_line(&words) {
            return Err(refusal.into());
        }
        if words.len() >= Refusal::MAX_BYTES {
            return Err(DialError::Foreign);
        }
        if stream.read_buf(&mut words).await.map_err(handshake::explain)? == 0 {
            return Err(if words.is_empty() { DialError::ClosedEarly } else { DialError::Foreign });
        }
    }
}

/// Whether a server's first frame begins so: SETTINGS, no acknowledgement, stream 0.
fn is_settings(words: &[u8]) -> bool {
    matches!(words.get(..FRAME_HEAD), Some([_, _, _, SETTINGS, 0, 0, 0, 0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_one_address_or_a_few() {
        let made = |texts: &[&str]| Destination::new(texts, &Proxies::None);
        let two = made(&["a.example:443", "[::1]:8443"]).expect("two addresses");
        assert_eq!(two.to_string(), "a.example:443, [::1]:8443");
        let proxy: Proxy = "http://ada:s3cret@p:3128".parse().expect("a proxy");
        let through = Destination::new(&["a:443"], &Proxies::One(proxy)).expect("a destination");
        assert_eq!(through.to_string(), "a:443 (through the proxy p:3128)");
        assert!(!format!("{through:?}").contains("s3cret"));
        assert!(matches!(made(&[]), Err(DestinationError::Number)));
        let many: Vec<String> = (0..=MAX_ADDRESSES).map(|n| format!("a{n}:443")).collect();
        let many = Destination::new(&many, &Proxies::None);
        assert!(matches!(many, Err(DestinationError::Number)));
        assert!(matches!(made(&["a:443", "b:443", "a:443"]), Err(DestinationError::Twice(_))));
        assert!(matches!(made(&["a:443", "b"]), Err(DestinationError::Address(_))));
    }

    #[test]
    fn a_servers_first_frame_is_told_from_a_refusal() {
        assert!(is_settings(&[0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 3]));
        assert!(!is_settings(&[0, 0, 18, 4, 0, 0, 0, 0]));
        assert!(!is_settings(&[0, 0, 18, 4, 1, 0, 0, 0, 0]));
        assert!(!is_settings(&[0, 0, 18, 4, 0, 0, 0, 0, 1]));
        assert!(!is_settings(Refusal::Role.line().as_bytes()));
        assert!(!is_settings(HTTP2_PREFACE));
    }
}
