//! The federation's private certificate authority: ECDSA P-256, one level, no sub-authorities.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use evensum_core::identity::{AuthorityCertificate, EXAMPLE_CA_ORGANISATION, Peer};
use evensum_core::model::{FederationId, Ods, Role, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use zeroize::Zeroizing;

use super::check::key_matches;
use super::error::TrustError;
use super::files::{Credentials, absent, no_pem, read, write_private, write_public};

/// Longest life of an authority.
pub const MAX_AUTHORITY_DAYS: u32 = 3_653;
/// Longest life of a certificate of a real authority; an example authority's may live as long as it does.
pub const MAX_CERTIFICATE_DAYS: u32 = 397;

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";
/// Certificates begin to be valid this long before they are issued, for partners whose clock is behind.
const BACKDATED_SECONDS: i64 = 300;
const DAY_SECONDS: i64 = 86_400;
const SERIAL_BYTES: usize = 16;

/// What an authority is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityKind {
    /// A federation's own.
    Federation,
    /// For trials on one machine: everything it issues is refused anywhere but on loopback.
    Example,
}

/// A certificate authority with its private key. `Debug` says nothing of the key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    federation: FederationId,
    kind: AuthorityKind,
    not_after: Timestamp,
}

/// What a certificate shall say.
#[derive(Debug, Clone)]
pub struct IssueRequest {
    /// Organisation.
    pub ods: Ods,
    /// What it does in the federation.
    pub role: Role,
    /// Which of the organisation's machines.
    pub name: String,
    /// DNS names that others dial: needed by coordinators and helpers.
    pub dns: Vec<String>,
    /// IP addresses that others dial.
    pub ips: Vec<IpAddr>,
    /// Life in days from `now`.
    pub days: u32,
    /// The present moment.
    pub now: Timestamp,
}

/// A certificate and its private key, in PEM. `Debug` says nothing of the key.
pub struct Issued {
    /// The certificate.
    pub cert_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: Zeroizing<String>,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("federation", &self.federation)
            .field("kind", &self.kind)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new authority with a new key, valid for `days` from `now`.
    ///
    /// # Errors
    /// [`TrustError::Days`] outside 1 to [`MAX_AUTHORITY_DAYS`], [`TrustError::Issue`], [`TrustError::Random`].
    pub fn create(
        federation: &FederationId,
        kind: AuthorityKind,
        days: u32,
        now: Timestamp,
    ) -> Result<Self, TrustError> {
        let mut params = params(days, MAX_AUTHORITY_DAYS, now)?;
        let organisation = match kind {
            AuthorityKind::Federation => federation.as_str(),
            AuthorityKind::Example => EXAMPLE_CA_ORGANISATION,
        };
        params.distinguished_name = name(organisation, &format!("{federation} authority"));
        params.subject_alt_names = vec![uri(&AuthorityCertificate::uri(federation))?];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(TrustError::Issue)?;
        let certificate_pem = params.self_signed(&key).map_err(TrustError::Issue)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate_pem,
            federation: federation.clone(),
            kind,
            not_after: now.plus(i64::from(days) * DAY_SECONDS),
        })
    }

    /// Reads the authority that [`Self::save`] wrote to the folder.
    ///
    /// # Errors
    /// [`TrustError`] naming the file: unreadable, a key open to others, key and certificate of two
    /// authorities, or a certificate that names no federation.
    pub fn load(folder: &Path) -> Result<Self, TrustError> {
        let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        let pair = Credentials::read(&certificate, &key)?;
        key_matches(&pair)?;
        let facts = AuthorityCertificate::from_certificate(pair.certificate())?;
        let federation = facts.federation().cloned().ok_or(TrustError::NoFederation)?;
        let key_bytes = read(&key)?;
        let key_pem = std::str::from_utf8(&key_bytes).map_err(|_| no_pem(&key, "private key"))?;
        let key_pair = KeyPair::from_pem(key_pem).map_err(TrustError::Issue)?;
        let certificate_pem = String::from_utf8(read(&certificate)?.to_vec())
            .map_err(|_| no_pem(&certificate, "certificate"))?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_pem(&certificate_pem, key_pair)
                .map_err(TrustError::Issue)?,
            certificate_pem,
            federation,
            kind: if facts.is_example() {
                AuthorityKind::Example
            } else {
                AuthorityKind::Federation
            },
            not_after: facts.not_after(),
        })
    }

    /// Writes `ca.pem` and `ca.key` (mode 0600) to the folder, and replaces neither.
    ///
    /// # Errors
    /// [`TrustError::Write`], [`TrustError::Exists`].
    pub fn save(&self, folder: &Path) -> Result<(), TrustError> {
        let key = Zeroizing::new(self.issuer.key().serialize_pem());
        // Neither half is written beside another authority's other half.
        absent(&[&folder.join(KEY_FILE), &folder.join(CERTIFICATE_FILE)])?;
        write_private(&folder.join(KEY_FILE), key.as_bytes(), false)?;
        write_public(&folder.join(CERTIFICATE_FILE), self.certificate_pem.as_bytes(), false)
    }

    /// Issues a certificate for servers and clients alike, with a new key and a random serial number.
    ///
    /// # Errors
    /// [`TrustError::Days`], [`TrustError::OutlivesAuthority`], [`TrustError::Peer`] for a bad name,
    /// [`TrustError::DnsName`], [`TrustError::Issue`], [`TrustError::Random`].
    pub fn issue(&self, request: &IssueRequest) -> Result<Issued, TrustError> {
        let most = match self.kind {
            AuthorityKind::Federation => MAX_CERTIFICATE_DAYS,
            AuthorityKind::Example => MAX_AUTHORITY_DAYS,
        };
        let mut params = params(request.days, most, request.now)?;
        if request.now.plus(i64::from(request.days) * DAY_SECONDS) > self.not_after {
            return Err(TrustError::OutlivesAuthority(self.not_after));
        }
        let role = request.role;
        let own = Peer::uri(&self.federation, &request.ods, role, &request.name)?;
        params.subject_alt_names.push(uri(&own)?);
        for dns in &request.dns {
            params.subject_alt_names.push(dns_name(dns)?);
        }
        params.subject_alt_names.extend(request.ips.iter().copied().map(SanType::IpAddress));
        params.distinguished_name =
            name(request.ods.as_str(), &format!("{} {}", role.as_str(), request.name));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(TrustError::Issue)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(TrustError::Issue)?;
        Ok(Issued { cert_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()) })
    }

    /// The authority's certificate, which every member of the federation is given.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The federation that it is the authority of.
    #[must_use]
    pub const fn federation(&self) -> &FederationId {
        &self.federation
    }

    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> AuthorityKind {
        self.kind
    }
}

fn params(days: u32, most: u32, now: Timestamp) -> Result<CertificateParams, TrustError> {
    if !(1..=most).contains(&days) {
        return Err(TrustError::Days { days, most });
    }
    let moment = |at: Timestamp| {
        time::OffsetDateTime::from_unix_timestamp(at.as_unix())
            .map_err(|_| TrustError::Days { days, most })
    };
    let mut params = CertificateParams::default();
    params.not_before = moment(now.plus(-BACKDATED_SECONDS))?;
    params.not_after = moment(now.plus(i64::from(days) * DAY_SECONDS))?;
    params.serial_number = Some(random_serial()?);
    Ok(params)
}

/// Sixteen random bytes with a first byte of 0x40 to 0x7f: positive in DER and never shortened.
fn random_serial() -> Result<SerialNumber, TrustError> {
    let mut bytes = [0; SERIAL_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| TrustError::Random)?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn name(organisation: &str, common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, organisation);
    name.push(DnType::CommonName, common);
    name
}

fn uri(text: &str) -> Result<SanType, TrustError> {
    text.try_into().map(SanType::URI).map_err(TrustError::Issue)
}

fn dns_name(text: &str) -> Result<SanType, TrustError> {
    let wrong = || TrustError::DnsName(text.chars().take(64).collect());
    rustls_pki_types::DnsName::try_from(text).map_err(|_| wrong())?;
    text.try_into().map(SanType::DnsName).map_err(|_| wrong())
}
