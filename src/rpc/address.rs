//! Where a server is dialled: `host:port`, checked once.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::trust::handshake::DialledName;

/// Characters of an address: the longest DNS name and a port.
const MAX_CHARACTERS: usize = 253 + 6;

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an address: write it like coordinator.example.nhs.uk:443")]
pub struct AddressError(String);

/// A host name or IP address, and a port. IPv6 addresses stand in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    name: DialledName,
}

impl Address {
    /// Host and port, for the resolver.
    pub(super) fn target(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether it is on this machine by its very name: no resolver is asked.
    pub(super) fn is_local(&self) -> bool {
        let ip = self.host.parse::<std::net::IpAddr>();
        ip.map_or_else(
            |_| self.host.eq_ignore_ascii_case("localhost"),
            |ip| ip.to_canonical().is_loopback(),
        )
    }

    /// The name that the server's certificate must carry.
    pub(super) fn name(&self) -> DialledName {
        self.name.clone()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || {
            let shown = text.chars().take(64).map(|c| if c.is_control() { '?' } else { c });
            AddressError(shown.collect())
        };
        if text.len() > MAX_CHARACTERS {
            return Err(wrong());
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or_else(wrong)?;
                inner.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_string()
            }
            None => host.to_owned(),
        };
        let name = DialledName::try_from(host.clone()).map_err(|_| wrong())?;
        // Without brackets the last group of an IPv6 address would be taken for the port.
        if host.contains(':') && !text.starts_with('[') {
            return Err(wrong());
        }
        Ok(Self { host, port, name })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in ["coordinator.example:443", "127.0.0.1:8443", "[::1]:8443"] {
            let address: Address = good.parse().expect(good);
            assert_eq!(address.to_string(), good);
        }
        for bad in [
            "",
            ":443",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:x",
            "::1:443",
            "[::1]",
            "[host]:443",
            "[::1:443",
            "a b:443",
            "host/x:443",
            "https://host:443",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
