//! The URI in a certificate, `spiffe://<federation>/ods/<ODS>/<role>/<name>`, to a [`Peer`].
//!
//! Nothing here checks a signature: the certificate's chain has been verified by TLS before its name is
//! believed.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::model::{FederationId, IdError, Ods, Role, Timestamp};

/// The organisation that example authorities carry in their name. What they issue is good for a trial on
/// one machine and nothing else, because their private keys are published.
pub const EXAMPLE_CA_ORGANISATION: &str = "Evensum example CA, not for use";

/// Bytes of a certificate that are looked at.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;
/// Characters of the last part of the URI.
pub const MAX_NAME_CHARACTERS: usize = 63;

const FORM: &str = "spiffe://<federation>/ods/<ODS>/<node, coordinator or helper>/<name>";

/// Why a certificate names nobody that this federation knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Not one X.509 certificate.
    #[error(
        "this is not one X.509 certificate in DER of at most {MAX_CERTIFICATE_BYTES} bytes: {0}"
    )]
    Certificate(String),
    /// No URI among the subject alternative names.
    #[error("the certificate has no URI name: issue one with `evensum certs`, of the form {FORM}")]
    NoUri,
    /// More than one URI.
    #[error("the certificate has {0} URI names and must have exactly one, of the form {FORM}")]
    SeveralUris(usize),
    /// A URI of another form.
    #[error("the certificate's URI '{uri}' is not of the form {FORM}")]
    Form {
        /// The URI, shortened.
        uri: String,
    },
    /// A URI with an ODS code or a federation that is none.
    #[error("the certificate's URI '{uri}' holds a part that is not well formed")]
    Part {
        /// The URI, shortened.
        uri: String,
        /// Which rule it breaks.
        #[source]
        source: IdError,
    },
    /// Another federation's certificate.
    #[error("the certificate belongs to the federation '{found}', and this is '{expected}'")]
    TrustDomain {
        /// As in the certificate.
        found: FederationId,
        /// As configured.
        expected: FederationId,
    },
    /// An authority's certificate was expected.
    #[error("this is not the certificate of a certificate authority")]
    NotAuthority,
}

/// A node, coordinator or helper, as its certificate names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    federation: FederationId,
    ods: Ods,
    role: Role,
    name: String,
    serial: String,
    not_before: Timestamp,
    not_after: Timestamp,
    example: bool,
    dialable: bool,
}

impl Peer {
    /// Reads the peer from its certificate (DER), which must carry exactly one URI, of the exact form and of
    /// the given trust domain. Other kinds of names (DNS, IP) are allowed beside it.
    ///
    /// # Errors
    /// [`PeerError`], with the rule that the certificate breaks.
    pub fn from_certificate(der: &[u8], trust_domain: &FederationId) -> Result<Self, PeerError> {
        let certificate = parse(der)?;
        let uris = uris(&certificate)?;
        let uri = match uris.as_slice() {
            [] => return Err(PeerError::NoUri),
            [one] => *one,
            several => return Err(PeerError::SeveralUris(several.len())),
        };
        let (federation, ods, role, name) = split(uri)?;
        if federation != *trust_domain {
            return Err(PeerError::TrustDomain {
                found: federation,
                expected: trust_domain.clone(),
            });
        }
        Ok(Self {
            federation,
            ods,
            role,
            name,
            serial: data_encoding::HEXLOWER.encode(certificate.raw_serial()),
            not_before: Timestamp::from_unix(certificate.validity().not_before.timestamp()),
            not_after: Timestamp::from_unix(certificate.validity().not_after.timestamp()),
            example: is_example(certificate.issuer()),
            dialable: has_host_name(&certificate),
        })
    }

    /// The URI of a peer, for whoever issues certificates.
    ///
    /// # Errors
    /// [`PeerError::Form`] where the name is empty, longer than [`MAX_NAME_CHARACTERS`], or has a character
    /// other than letters, digits, dot, hyphen and underscore.
    pub fn uri(
        federation: &FederationId,
        ods: &Ods,
        role: Role,
        name: &str,
    ) -> Result<String, PeerError> {
        let uri = format!("spiffe://{federation}/ods/{ods}/{}/{name}", role.as_str());
        split(&uri).map(|_| uri.clone())
    }

    /// The organisation.
    #[must_use]
    pub const fn ods(&self) -> &Ods {
        &self.ods
    }

    /// What it does in the federation.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Which of the organisation's machines it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The certificate's serial number in lower-case hexadecimal digits.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The first moment at which the certificate is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last moment at which the certificate is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The trust domain.
    #[must_use]
    pub const fn federation(&self) -> &FederationId {
        &self.federation
    }

    /// Whether it carries a DNS name or an address under which others can dial it.
    #[must_use]
    pub const fn can_be_dialled(&self) -> bool {
        self.dialable
    }

    /// Whether an example authority issued the certificate, by the organisation in the issuer's name.
    #[must_use]
    pub const fn issued_by_example_ca(&self) -> bool {
        self.example
    }
}

/// What an authority's own certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityCertificate {
    federation: Option<FederationId>,
    not_before: Timestamp,
    not_after: Timestamp,
    example: bool,
}

impl AuthorityCertificate {
    /// Reads an authority's certificate (DER). The federation is known where the certificate carries the URI
    /// `spiffe://<federation>`, as ours do; authorities made with other tools may carry none.
    ///
    /// # Errors
    /// [`PeerError::Certificate`] or [`PeerError::NotAuthority`].
    pub fn from_certificate(der: &[u8]) -> Result<Self, PeerError> {
        let certificate = parse(der)?;
        if !certificate.is_ca() {
            return Err(PeerError::NotAuthority);
        }
        let federation = match uris(&certificate)?.as_slice() {
            [uri] => {
                uri.strip_prefix("spiffe://").and_then(|domain| FederationId::new(domain).ok())
            }
            _ => None,
        };
        Ok(Self {
            federation,
            not_before: Timestamp::from_unix(certificate.validity().not_before.timestamp()),
            not_after: Timestamp::from_unix(certificate.validity().not_after.timestamp()),
            example: is_example(certificate.subject()),
        })
    }

    /// The URI that an authority's certificate carries.
    #[must_use]
    pub fn uri(federation: &FederationId) -> String {
        format!("spiffe://{federation}")
    }

    /// The federation that it is the authority of, if it says so.
    #[must_use]
    pub const fn federation(&self) -> Option<&FederationId> {
        self.federation.as_ref()
    }

    /// The first moment at which it is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last moment at which it is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it is an example authority, by the organisation in its own name.
    #[must_use]
    pub const fn is_example(&self) -> bool {
        self.example
    }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, PeerError> {
    if der.len() > MAX_CERTIFICATE_BYTES {
        return Err(PeerError::Certificate("it is longer".to_owned()));
    }
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(PeerError::Certificate("bytes follow the certificate".to_owned())),
        Err(error) => Err(PeerError::Certificate(error.to_string())),
    }
}

fn uris<'a>(certificate: &'a X509Certificate<'a>) -> Result<Vec<&'a str>, PeerError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| PeerError::Certificate(error.to_string()))?;
    let Some(names) = names else { return Ok(Vec::new()) };
    // A name that does not parse might be a second URI: the whole certificate is refused.
    if names.value.general_names.iter().any(|name| matches!(name, GeneralName::Invalid(..))) {
        return Err(PeerError::Certificate("one of its names cannot be read".to_owned()));
    }
    Ok(names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect())
}

fn has_host_name(certificate: &X509Certificate<'_>) -> bool {
    let names = certificate.subject_alternative_name().ok().flatten();
    let host = |name: &GeneralName<'_>| {
        matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_))
    };
    names.is_some_and(|names| names.value.general_names.iter().any(host))
}

fn is_example(name: &x509_parser::x509::X509Name<'_>) -> bool {
    name.iter_organization().any(|part| part.as_str() == Ok(EXAMPLE_CA_ORGANISATION))
}

fn split(uri: &str) -> Result<(FederationId, Ods, Role, String), PeerError> {
    let form = || PeerError::Form { uri: printable(uri) };
    let part = |source| PeerError::Part { uri: printable(uri), source };
    let rest = uri.strip_prefix("spiffe://").ok_or_else(form)?;
    let parts: Vec<&str> = rest.split('/').collect();
    let [federation, "ods", ods, role, name] = parts.as_slice() else { return Err(form()) };
    let role = [Role::Node, Role::Coordinator, Role::Helper]
        .into_iter()
        .find(|known| known.as_str() == *role)
        .ok_or_else(form)?;
    let well_formed = !name.is_empty()
        && name.len() <= MAX_NAME_CHARACTERS
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && name.bytes().any(|b| b != b'.');
    if !well_formed {
        return Err(form());
    }
    let federation = FederationId::new(*federation).map_err(part)?;
    let ods = Ods::new(*ods).map_err(part)?;
    Ok((federation, ods, role, (*name).to_owned()))
}

fn printable(uri: &str) -> String {
    uri.chars().take(120).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, SanType,
    };

    use super::*;

    fn federation() -> FederationId {
        FederationId::new("north.example").expect("well formed")
    }

    fn certificate(names: &[SanType], organisation: &str, authority: bool) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        params.serial_number = Some(vec![0x0a, 0xff].into());
        params.not_before = time::OffsetDateTime::from_unix_timestamp(1_000).expect("in range");
        params.not_after = time::OffsetDateTime::from_unix_timestamp(2_000).expect("in range");
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().expect("ASCII"))
    }

    fn read(names: &[&str]) -> Result<Peer, PeerError> {
        let names: Vec<SanType> = names.iter().map(|name| uri(name)).collect();
        Peer::from_certificate(&certificate(&names, "R0D", false), &federation())
    }

    #[test]
    fn a_certificate_names_its_peer() {
        let names = [
            SanType::DnsName("node.example".try_into().expect("ASCII")),
            uri("spiffe://north.example/ods/R0D/node/n1"),
        ];
        let peer = Peer::from_certificate(&certificate(&names, "R0D", false), &federation())
            .expect("a peer");
        assert_eq!(peer.ods().as_str(), "R0D");
        assert_eq!((peer.role(), peer.name()), (Role::Node, "n1"));
        assert_eq!(peer.federation(), &federation());
        assert_eq!(peer.serial(), "0aff");
        assert_eq!(peer.not_before(), Timestamp::from_unix(1_000));
        assert_eq!(peer.not_after(), Timestamp::from_unix(2_000));
        assert!(!peer.issued_by_example_ca());
        assert!(peer.can_be_dialled());
        let nameless = read(&["spiffe://north.example/ods/R0D/node/n1"]).expect("a peer");
        assert!(!nameless.can_be_dialled());
    }

    #[test]
    fn the_example_authority_is_known_by_its_organisation() {
        let names = [uri("spiffe://north.example/ods/R0D/helper/h")];
        let der = certificate(&names, EXAMPLE_CA_ORGANISATION, false);
        let peer = Peer::from_certificate(&der, &federation()).expect("a peer");
        assert!(peer.issued_by_example_ca());
        assert_eq!(peer.role(), Role::Helper);
    }

    #[test]
    fn exactly_one_uri() {
        let good = "spiffe://north.example/ods/R0D/node/n1";
        assert_eq!(read(&[]), Err(PeerError::NoUri));
        assert_eq!(read(&[good, good]), Err(PeerError::SeveralUris(2)));
        assert_eq!(read(&[good, "https://north.example"]), Err(PeerError::SeveralUris(2)));
    }

    #[test]
    fn exactly_one_form() {
        for bad in [
            "SPIFFE://north.example/ods/R0D/node/n1",
            "https://north.example/ods/R0D/node/n1",
            "spiffe://north.example/ods/R0D/node",
            "spiffe://north.example/ods/R0D/node/",
            "spiffe://north.example/ods/R0D/node/n1/",
            "spiffe://north.example/ods/R0D/node/n1/x",
            "spiffe://north.example/ods/R0D/node/n1?x",
            "spiffe://north.example/ods/R0D/node/n%31",
            "spiffe://north.example/ods/R0D/node/..",
            "spiffe://north.example/ods/R0D/Node/n1",
            "spiffe://north.example/ods/R0D/analyst/n1",
            "spiffe://north.example/org/R0D/node/n1",
            "spiffe://north.example//ods/R0D/node/n1",
        ] {
            assert!(matches!(read(&[bad]), Err(PeerError::Form { .. })), "{bad}");
        }
        for bad in [
            "spiffe://north.example/ods/r0d/node/n1",
            "spiffe://north.example/ods//node/n1",
            "spiffe://North.example/ods/R0D/node/n1",
            "spiffe://user@north.example/ods/R0D/node/n1",
            "spiffe://north.example:443/ods/R0D/node/n1",
        ] {
            assert!(matches!(read(&[bad]), Err(PeerError::Part { .. })), "{bad}");
        }
        assert!(matches!(
            read(&["spiffe://south.example/ods/R0D/node/n1"]),
            Err(PeerError::TrustDomain { .. })
        ));
    }

    #[test]
    fn what_is_issued_can_be_read() {
        let ods = Ods::new("R0D").expect("well formed");
        let made = Peer::uri(&federation(), &ods, Role::Coordinator, "c-1").expect("well formed");
        assert_eq!(read(&[&made]).map(|peer| peer.role()), Ok(Role::Coordinator));
        assert!(Peer::uri(&federation(), &ods, Role::Node, "a/b").is_err());
        assert!(Peer::uri(&federation(), &ods, Role::Node, &"n".repeat(64)).is_err());
    }

    #[test]
    fn an_authority_is_no_leaf() {
        let names = [uri(&AuthorityCertificate::uri(&federation()))];
        let der = certificate(&names, EXAMPLE_CA_ORGANISATION, true);
        let authority = AuthorityCertificate::from_certificate(&der).expect("an authority");
        assert_eq!(authority.federation(), Some(&federation()));
        assert!(authority.is_example());
        assert!(matches!(Peer::from_certificate(&der, &federation()), Err(PeerError::Form { .. })));
        let leaf = certificate(&names, "R0D", false);
        assert_eq!(AuthorityCertificate::from_certificate(&leaf), Err(PeerError::NotAuthority));
    }

    proptest! {
        #[test]
        fn damaged_certificates_are_refused_or_read_but_never_panic(
            at in 0_usize..400, with in any::<u8>(), cut in 0_usize..400,
        ) {
            let names = [uri("spiffe://north.example/ods/R0D/node/n1")];
            let whole = certificate(&names, "R0D", false);
            let mut damaged = whole.clone();
            if let Some(byte) = damaged.get_mut(at) {
                *byte ^= with;
            }
            let _ = Peer::from_certificate(&damaged, &federation());
            let kept = cut.min(whole.len() - 1);
            prop_assert!(Peer::from_certificate(&whole[..kept], &federation()).is_err());
            let longer = [whole.as_slice(), &[with]].concat();
            prop_assert!(Peer::from_certificate(&longer, &federation()).is_err());
        }
    }
}
