//! Certificates for tests: a federation's authority and what it issued, good and bad, at a fixed time.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use evensum::trust::{Authority, AuthorityKind, Credentials, IssueRequest, Roots};
use evensum_core::model::{Clock, FederationId, Ods, Role, Timestamp};

/// The moment at which all tests take place.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const DAY: i64 = 86_400;

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct Standing(pub(crate) Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Standing(NOW))
}

pub(crate) fn ods(code: &str) -> Ods {
    Ods::new(code).expect("an ODS code")
}

pub(crate) fn federation(id: &str) -> FederationId {
    FederationId::new(id).expect("a federation id")
}

/// A federation: its authority, which began a month ago.
pub(crate) struct Pki {
    pub(crate) authority: Authority,
    pub(crate) federation: FederationId,
}

impl Pki {
    pub(crate) fn new(id: &str) -> Self {
        Self::of_kind(id, AuthorityKind::Federation)
    }

    pub(crate) fn of_kind(id: &str, kind: AuthorityKind) -> Self {
        let federation = federation(id);
        let authority =
            Authority::create(&federation, kind, 3_000, NOW.plus(-30 * DAY)).expect("an authority");
        Self { authority, federation }
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::from_pem(self.authority.certificate_pem()).expect("roots")
    }

    pub(crate) fn request(&self, code: &str, role: Role) -> IssueRequest {
        IssueRequest {
            ods: ods(code),
            role,
            name: "m1".to_owned(),
            dns: vec!["localhost".to_owned()],
            ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            days: 30,
            now: NOW,
        }
    }

    pub(crate) fn issue(&self, request: &IssueRequest) -> Credentials {
        let issued = self.authority.issue(request).expect("a certificate");
        Credentials::from_pem(&issued.cert_pem, &issued.key_pem).expect("a pair")
    }

    pub(crate) fn node(&self, code: &str) -> Credentials {
        self.issue(&self.request(code, Role::Node))
    }

    pub(crate) fn coordinator(&self, code: &str) -> Credentials {
        self.issue(&self.request(code, Role::Coordinator))
    }

    /// A node's certificate that ended five days ago.
    pub(crate) fn expired_node(&self, code: &str) -> Credentials {
        let mut request = self.request(code, Role::Node);
        (request.now, request.days) = (NOW.plus(-10 * DAY), 5);
        self.issue(&request)
    }

    /// A certificate that this authority signed with exactly these URIs, which it would not issue.
    pub(crate) fn with_uris(&self, uris: &[&str]) -> Credentials {
        let folder = tempfile::tempdir().expect("a folder");
        self.authority.save(folder.path()).expect("saved");
        let read = |name| std::fs::read_to_string(folder.path().join(name)).expect("readable");
        let authority_key = rcgen::KeyPair::from_pem(&read("ca.key")).expect("a key");
        let issuer =
            rcgen::Issuer::from_ca_cert_pem(&read("ca.pem"), authority_key).expect("an issuer");
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names =
            uris.iter().map(|uri| rcgen::SanType::URI((*uri).try_into().expect("ASCII"))).collect();
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        Credentials::from_pem(&certificate.pem(), &key.serialize_pem()).expect("a pair")
    }
}
