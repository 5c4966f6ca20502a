//! What a port says to a server whose certificate is genuine but not welcome: one short line in the place
//! where HTTP/2 would begin. Only codes of this list travel, never free text.

const PREFIX: &str = "evensum-refused ";

/// Why a server with a genuine certificate is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The certificate's URI is missing, doubled or of another form.
    #[error(
        "the other end cannot read an identity from this certificate: it needs exactly one URI name of the federation's form. Have one issued with `evensum certs`"
    )]
    Identity,
    /// The certificate names another federation.
    #[error(
        "the other end belongs to another federation than this certificate: check the address and the certificate"
    )]
    Federation,
    /// The certificate is for another role.
    #[error(
        "the other end takes no certificate of this role here: name the certificate that was issued for this server"
    )]
    Role,
    /// No agreement knows the organisation.
    #[error(
        "the coordinator knows no partner with this ODS code: ask its operator to add the agreement"
    )]
    Partner,
    /// The node's agreements name another coordinator.
    #[error(
        "the node's agreements name another organisation's coordinator: ask its operator for the copy that it holds"
    )]
    Coordinator,
    /// Too many connections.
    #[error(
        "the node keeps no more connections of its coordinator: the earlier ones must end first"
    )]
    Full,
    /// An example certificate beyond one machine.
    #[error(
        "example certificates are refused anywhere but on this machine: make an authority with `evensum certs`"
    )]
    Example,
}

impl Refusal {
    const ALL: [Self; 7] = [
        Self::Identity,
        Self::Federation,
        Self::Role,
        Self::Partner,
        Self::Coordinator,
        Self::Full,
        Self::Example,
    ];
    /// Bytes of the longest line.
    pub(super) const MAX_BYTES: usize = 64;

    const fn code(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Federation => "federation",
            Self::Role => "role",
            Self::Partner => "partner",
            Self::Coordinator => "coordinator",
            Self::Full => "full",
            Self::Example => "example",
        }
    }

    /// The line that is sent.
    pub(super) fn line(self) -> String {
        format!("{PREFIX}{}\n", self.code())
    }

    /// Reads the line. `None` where it is none of ours.
    pub(super) fn from_line(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?;
        let code = line.strip_prefix(PREFIX)?.strip_suffix('\n')?;
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_travels_and_nothing_else_does() {
        for refusal in Refusal::ALL {
            let line = refusal.line();
            assert!(line.len() <= Refusal::MAX_BYTES);
            assert_eq!(Refusal::from_line(line.as_bytes()), Some(refusal));
            assert_eq!(Refusal::from_line(line.trim_end().as_bytes()), None);
        }
        for other in ["", "evensum-refused ", "evensum-refused x\n", "PRI * HTTP/2.0\r\n"] {
            assert_eq!(Refusal::from_line(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(Refusal::from_line(&[0xff, 0xfe]), None);
    }
}
