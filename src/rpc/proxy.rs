//! A way out through an HTTP proxy: CONNECT, and nothing of HTTP after it. TLS runs end to end through the
//! tunnel, so that the name that is verified is the far end's and never the proxy's.
//!
//! hyper-util's own tunnel says of every refusal but one that it was unsuccessful. People behind a proxy need
//! to know whom to ask for what, so the handshake is made here; its reading of the environment is used.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tonic::codegen::http::Uri;
use zeroize::Zeroizing;

use super::address::Address;

/// A proxy gets this long to open a tunnel: it resolves a name and connects on the way.
pub const TUNNEL_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of a proxy's answer before the tunnel.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Bytes of a proxy's address with user name and password.
const MAX_TEXT_BYTES: usize = 1024;

/// A text that names no proxy. The text is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyAddressError {
    /// Not of the form.
    #[error(
        "the proxy cannot be read: write it like http://proxy.example.nhs.uk:3128, with user:password@ before the name where the proxy wants one, or 'none'"
    )]
    Form,
    /// Another kind of proxy.
    #[error("only proxies that are spoken to in plain HTTP can be used: write http://host:port")]
    Kind,
    /// A password without a user name.
    #[error("the proxy has a password and no user name: write the proxy as http://user@host:port")]
    NoUser,
    /// Two passwords.
    #[error("the proxy's password stands in its address and in a file: take one of them out")]
    TwoPasswords,
    /// From the environment.
    #[error(
        "the proxy in HTTPS_PROXY or ALL_PROXY cannot be used: only http://host:port can. Name another one with 'proxy' in the configuration, or 'none'"
    )]
    Environment,
}

/// Why a proxy opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Nobody there.
    #[error("it cannot be reached: check the proxy's address and port")]
    Connect(#[source] io::Error),
    /// 407, and there was nothing to show.
    #[error(
        "it wants a user name and a password: write the proxy as http://user@host:port and name the password's file under 'proxy_password'"
    )]
    Wanted,
    /// 407 in spite of what was shown.
    #[error("it refuses the user name or the password: check both")]
    Credentials,
    /// 403.
    #[error(
        "it does not let this machine through (status 403): ask whoever runs it to allow {0} with the method CONNECT"
    )]
    Forbidden(String),
    /// 502, 503, 504.
    #[error(
        "it could not reach {far} (status {status}): check that address, or ask whoever runs the proxy"
    )]
    Far {
        /// What was to be reached.
        far: String,
        /// Its answer.
        status: u16,
    },
    /// Anything else that is not success.
    #[error("it opened no tunnel (status {0}): check that it is an HTTP proxy that allows CONNECT")]
    Status(u16),
    /// No HTTP.
    #[error("it does not answer in HTTP: check the proxy's address and port")]
    NotHttp,
    /// An answer without end.
    #[error("its answer is longer than {MAX_HEAD_BYTES} bytes: check the proxy's address and port")]
    Long,
    /// Something before the tunnel was used.
    #[error("it sends a text of its own into the tunnel: ask whoever runs it")]
    Spoke,
    /// The end came too soon.
    #[error("it closed the connection before it had answered: ask whoever runs it")]
    Closed,
    /// The connection broke.
    #[error("the connection to it broke")]
    Broken(#[source] io::Error),
    /// No answer in time.
    #[error("it did not open the tunnel within {} s: check that the far end is up", TUNNEL_LIMIT.as_secs())]
    Slow,
}

/// A proxy, and what it is shown. Neither `Debug` nor `Display` says anything of user name and password.
#[derive(Clone)]
pub struct Proxy {
    address: Address,
    shown: Shown,
}

/// What a proxy is shown.
#[derive(Clone)]
enum Shown {
    Nothing,
    /// A user name whose password is not known.
    User(Zeroizing<String>),
    /// The value of `Proxy-Authorization`.
    Authorization(Zeroizing<String>),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address.to_string()).finish_non_exhaustive()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl FromStr for Proxy {
    type Err = ProxyAddressError;

    /// Reads `http://[user[:password]@]host:port`, user and password percent-encoded.
    fn from_str(text: &str) -> Result<Self, ProxyAddressError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ProxyAddressError::Form);
        }
        let (scheme, rest) = text.split_once("://").ok_or(ProxyAddressError::Form)?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(ProxyAddressError::Kind);
        }
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let address = place.parse().map_err(|_| ProxyAddressError::Form)?;
        let shown = match user {
            None => Shown::Nothing,
            Some(user) => {
                let (user, password) = match user.split_once(':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (user, None),
                };
                let user = decoded(user).ok_or(ProxyAddressError::Form)?;
                // A colon would end the user name at another place.
                if user.is_empty() || user.contains(':') {
                    return Err(ProxyAddressError::Form);
                }
                match password {
                    None => Shown::User(user),
                    Some(password) => {
                        let password = decoded(password).ok_or(ProxyAddressError::Form)?;
                        Shown::Authorization(basic(&user, &password))
                    }
                }
            }
        };
        Ok(Self { address, shown })
    }
}

impl Proxy {
    /// Whether it has a user name and no password.
    #[must_use]
    pub const fn lacks_password(&self) -> bool {
        matches!(self.shown, Shown::User(_))
    }

    /// Adds a password, which is taken as it is.
    ///
    /// # Errors
    /// [`ProxyAddressError::NoUser`], [`ProxyAddressError::TwoPasswords`].
    pub fn with_password(self, password: &str) -> Result<Self, ProxyAddressError> {
        match &self.shown {
            Shown::User(user) => {
                Ok(Self { shown: Shown::Authorization(basic(user, password)), ..self })
            }
            Shown::Nothing => Err(ProxyAddressError::NoUser),
            Shown::Authorization(_) => Err(ProxyAddressError::TwoPasswords),
        }
    }

    fn authorization(&self) -> Option<Zeroizing<String>> {
        match &self.shown {
            Shown::Nothing => None,
            Shown::User(user) => Some(basic(user, "")),
            Shown::Authorization(value) => Some(value.clone()),
        }
    }

    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// Asks for a tunnel over a connection to the proxy. Nothing is read beyond the proxy's answer.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub(super) async fn tunnel<T>(&self, io: &mut T, far: &Address) -> Result<(), ProxyError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let authorization = self.authorization();
        let asked = async {
            let mut request = Zeroizing::new(format!("CONNECT {far} HTTP/1.1\r\nHost: {far}\r\n"));
            if let Some(authorization) = &authorization {
                for part in ["Proxy-Authorization: ", authorization, "\r\n"] {
                    request.push_str(part);
                }
            }
            request.push_str("\r\n");
            io.write_all(request.as_bytes()).await.map_err(ProxyError::Broken)?;
            io.flush().await.map_err(ProxyError::Broken)?;
            head(io).await
        };
        let status = timeout(TUNNEL_LIMIT, asked).await.unwrap_or(Err(ProxyError::Slow))?;
        match status {
            200..=299 => Ok(()),
            407 if authorization.is_some() => Err(ProxyError::Credentials),
            407 => Err(ProxyError::Wanted),
            403 => Err(ProxyError::Forbidden(far.to_string())),
            502..=504 => Err(ProxyError::Far { far: far.to_string(), status }),
            other => Err(ProxyError::Status(other)),
        }
    }
}

/// Reads the answer's head, and gives its status. Only the number is kept: the rest is a stranger's text.
async fn head<T: AsyncRead + Unpin>(io: &mut T) -> Result<u16, ProxyError> {
    let mut bytes = Vec::with_capacity(512);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let status = status(&bytes).ok_or(ProxyError::NotHttp)?;
            // The far end waits for us to begin TLS, so that whatever follows at once is the proxy's own. The
            // page that explains a refusal is no matter.
            let spoke = end + 4 < bytes.len() && (200..=299).contains(&status);
            return if spoke { Err(ProxyError::Spoke) } else { Ok(status) };
        }
        let begins_well = b"HTTP/1.".iter().zip(&bytes).all(|(wanted, found)| wanted == found);
        if !begins_well {
            return Err(ProxyError::NotHttp);
        }
        if bytes.len() >= MAX_HEAD_BYTES {
            return Err(ProxyError::Long);
        }
        let mut part = io.take((MAX_HEAD_BYTES - bytes.len()) as u64);
        if part.read_buf(&mut bytes).await.map_err(ProxyError::Broken)? == 0 {
            return Err(ProxyError::Closed);
        }
    }
}

/// The number in `HTTP/1.x NNN …`.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line.get(..12)?).ok()?;
    let (version, number) = line.split_once(' ')?;
    let ends = matches!(head.get(12), Some(b' ' | b'\r'));
    let known = matches!(version, "HTTP/1.0" | "HTTP/1.1") && ends;
    number.parse().ok().filter(|number| known && (100..600).contains(number))
}

fn basic(user: &str, password: &str) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    let coded = Zeroizing::new(BASE64.encode(pair.as_bytes()));
    Zeroizing::new(format!("Basic {}", *coded))
}

/// Percent-decoding (RFC 3986, 2.1). `None` where a percent sign is followed by no two digits, or the whole is
/// no text.
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            bytes.extend(HEXLOWER_PERMISSIVE.decode(after.get(..2)?).ok()?);
            rest = after.get(2..)?;
        } else {
            bytes.push(*first);
        }
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    let safe = !text.chars().any(char::is_control);
    safe.then(|| Zeroizing::new(text.to_owned()))
}

/// Which proxy, if any, leads to an address.
#[derive(Debug)]
pub enum Proxies {
    /// None.
    None,
    /// This one, to every address.
    One(Proxy),
    /// As the environment says.
    Environment(Box<Environment>),
}

/// The variables that curl reads too. They are never applied to an address on this machine.
#[derive(Debug)]
pub struct Environment(Matcher, bool);

impl Environment {
    /// Looks `HTTPS_PROXY` and, where that is empty, `ALL_PROXY` up, and `NO_PROXY`; each in capitals first.
    #[must_use]
    pub fn look_up(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |capitals: &str| {
            variable(capitals).or_else(|| variable(&capitals.to_lowercase())).unwrap_or_default()
        };
        let https = Some(either("HTTPS_PROXY")).filter(|text| !text.trim().is_empty());
        let proxy = https.unwrap_or_else(|| either("ALL_PROXY"));
        let proxy = proxy.trim();
        let known = Matcher::builder().https(proxy).build();
        // What the library cannot read it leaves out without a word.
        let probe = Uri::from_static("https://evensum.invalid");
        let unreadable = !proxy.is_empty() && known.intercept(&probe).is_none();
        Self(Matcher::builder().https(proxy).no(either("NO_PROXY")).build(), unreadable)
    }

    fn proxy(&self, address: &Address) -> Result<Option<Proxy>, ProxyAddressError> {
        let wrong = ProxyAddressError::Environment;
        if address.is_local() {
            return Ok(None);
        }
        if self.1 {
            return Err(wrong);
        }
        let uri: Uri = format!("https://{address}").parse().map_err(|_| wrong)?;
        let Some(found) = self.0.intercept(&uri) else { return Ok(None) };
        let uri = found.uri();
        let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(wrong) };
        let address =
            format!("{host}:{}", uri.port_u16().unwrap_or(80)).parse().map_err(|_| wrong)?;
        let shown = match found.basic_auth() {
            None => Shown::Nothing,
            Some(value) => {
                let value = value.to_str().map_err(|_| wrong)?;
                Shown::Authorization(Zeroizing::new(value.to_owned()))
            }
        };
        Ok(Some(Proxy { address, shown }))
    }
}

impl Proxies {
    /// The proxy to an address.
    ///
    /// # Errors
    /// [`ProxyAddressError`], where the environment names one that cannot be used.
    pub(super) fn proxy(&self, address: &Address) -> Result<Option<Proxy>, ProxyAddressError> {
        match self {
            Self::None => Ok(None),
            Self::One(proxy) => Ok(Some(proxy.clone())),
            Self::Environment(environment) => environment.proxy(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(proxy: &Proxy) -> Option<String> {
        proxy.authorization().map(|text| text.to_string())
    }

    #[test]
    fn proxies_are_read_and_their_passwords_never_shown() {
        for (text, place, pair) in [
            ("http://proxy.example:3128", "proxy.example:3128", None),
            ("HTTP://proxy.example:3128/", "proxy.example:3128", None),
            ("http://[::1]:3128", "[::1]:3128", None),
            ("http://ada:s3cret@proxy.example:80", "proxy.example:80", Some("ada:s3cret")),
            ("http://ada:p%40ss%3aw@10.0.0.1:80", "10.0.0.1:80", Some("ada:p@ss:w")),
            ("http://ada@proxy.example:80", "proxy.example:80", Some("ada:")),
        ] {
            let proxy: Proxy = text.parse().expect(text);
            assert_eq!(proxy.to_string(), place);
            let expected = pair.map(|pair| format!("Basic {}", BASE64.encode(pair.as_bytes())));
            assert_eq!(shown(&proxy), expected);
            let said = format!("{proxy:?} {proxy}");
            assert!(!said.contains("s3cret") && !said.contains("Basic"), "{said}");
        }
        let proxy = |text: &str| text.parse::<Proxy>().expect(text);
        let ada = proxy("http://ada@proxy.example:80");
        assert!(ada.lacks_password());
        let ada = ada.with_password("a:%40 b").expect("a password");
        assert_eq!(shown(&ada), Some(format!("Basic {}", BASE64.encode(b"ada:a:%40 b"))));
        assert_eq!(ada.with_password("x").err(), Some(ProxyAddressError::TwoPasswords));
        let nobody = proxy("http://proxy.example:80").with_password("x");
        assert_eq!(nobody.err(), Some(ProxyAddressError::NoUser));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        for bad in [
            "",
            "proxy.example:3128",
            "http://",
            "http://@proxy.example:80",
            "http://:s3cret@proxy.example:80",
            "http://proxy.example",
            "http://proxy.example:0",
            "http://s3cret%@proxy.example:80",
            "http://a%3ab:s3cret@proxy.example:80",
            "http://a:s3cret%0d%0aX@proxy.example:80",
            "http://proxy.example:80/s3cret",
            "https://a:s3cret@proxy.example:80",
            "socks5://a:s3cret@proxy.example:80",
            &format!("http://a:{}@proxy.example:80", "s3cret".repeat(200)),
        ] {
            let error = bad.parse::<Proxy>().expect_err(bad);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let look = |pairs: &[(&str, &str)], address: &str| {
            let environment = Environment::look_up(|name| {
                pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            });
            let address: Address = address.parse().expect(address);
            let found = Proxies::Environment(Box::new(environment)).proxy(&address);
            found.map(|proxy| proxy.map(|p| (p.to_string(), shown(&p).is_some())))
        };
        let far = "coordinator.example:443";
        let to = |place: &str, password| Ok(Some((place.to_owned(), password)));
        assert_eq!(look(&[], far), Ok(None));
        assert_eq!(look(&[("HTTPS_PROXY", "http://p:3128")], far), to("p:3128", false));
        assert_eq!(look(&[("https_proxy", "p:3128")], far), to("p:3128", false));
        assert_eq!(look(&[("ALL_PROXY", "http://a:b@p:1")], far), to("p:1", true));
        let both = [("HTTPS_PROXY", "http://p"), ("ALL_PROXY", "http://q:1")];
        assert_eq!(look(&both, far), to("p:80", false));
        let empty = [("HTTPS_PROXY", ""), ("ALL_PROXY", "http://q:1")];
        assert_eq!(look(&empty, far), to("q:1", false));
        // Plain HTTP is spoken to nobody.
        assert_eq!(look(&[("HTTP_PROXY", "http://p:3128")], far), Ok(None));
        let but = |no| [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", no)];
        for no in ["coordinator.example", ".example", "*", "x, example"] {
            assert_eq!(look(&but(no), far), Ok(None), "{no}");
        }
        assert_eq!(look(&but("10.0.0.0/8"), "10.1.2.3:443"), Ok(None));
        assert_eq!(look(&but("10.0.0.0/8"), far), to("p:1", false));
        for near in ["127.0.0.1:443", "localhost:443", "[::1]:443", "127.9.9.9:1"] {
            assert_eq!(look(&[("HTTPS_PROXY", "http://p:1")], near), Ok(None), "{near}");
        }
        for bad in ["socks5://p:1", "https://p:1", "ftp://p:1", "http://"] {
            assert_eq!(look(&[("HTTPS_PROXY", bad)], far), Err(ProxyAddressError::Environment));
        }
    }

    async fn answered(answer: &[u8], password: bool) -> Result<(), ProxyError> {
        let (mut near, mut proxy) = tokio::io::duplex(64 * 1024);
        proxy.write_all(answer).await.expect("written");
        let text = if password { "http://ada:s3cret@p:1" } else { "http://p:1" };
        let far = "coordinator.example:443".parse().expect("an address");
        let outcome = text.parse::<Proxy>().expect("a proxy").tunnel(&mut near, &far).await;
        drop(near);
        let mut asked = String::new();
        proxy.read_to_string(&mut asked).await.expect("text");
        let plain = "CONNECT coordinator.example:443 HTTP/1.1\r\nHost: coordinator.example:443\r\n";
        let coded = BASE64.encode(b"ada:s3cret");
        let end = match password {
            true => format!("Proxy-Authorization: Basic {coded}\r\n\r\n"),
            false => "\r\n".to_owned(),
        };
        assert_eq!(asked, format!("{plain}{end}"));
        outcome
    }

    #[tokio::test]
    async fn every_answer_of_a_proxy_has_its_advice() {
        for good in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200 OK\r\nVia: x\r\nSet-Cookie: y\r\n\r\n",
            "HTTP/1.1 204\r\n\r\n",
        ] {
            answered(good.as_bytes(), false).await.expect(good);
        }
        for (bad, password, wanted) in [
            ("HTTP/1.1 407 X\r\n\r\n", false, "proxy_password"),
            ("HTTP/1.1 407 X\r\n\r\n", true, "refuses the user name"),
            ("HTTP/1.1 403 X\r\n\r\n<html>", false, "allow coordinator.example:443"),
            ("HTTP/1.1 502 X\r\n\r\n", false, "could not reach coordinator.example:443"),
            ("HTTP/1.1 503 X\r\n\r\n", false, "status 503"),
            ("HTTP/1.1 302 s3cret\r\n\r\n", false, "status 302"),
            ("HTTP/1.1 200 OK\r\n\r\n<html>", false, "a text of its own"),
            ("SSH-2.0-x\r\n", false, "not answer in HTTP"),
            ("HTTP/2.0 200 OK\r\n\r\n", false, "not answer in HTTP"),
            ("HTTP/1.1 2000 OK\r\n\r\n", false, "not answer in HTTP"),
            ("HTTP/1.1 20\r\n\r\n", false, "not answer in HTTP"),
            ("\r\n\r\n", false, "not answer in HTTP"),
        ] {
            let said = answered(bad.as_bytes(), password).await.expect_err(bad).to_string();
            assert!(said.contains(wanted), "{bad:?}: {said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(MAX_HEAD_BYTES));
        assert!(matches!(answered(long.as_bytes(), false).await, Err(ProxyError::Long)));
    }
}
