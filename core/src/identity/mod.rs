//! Who it is: a certificate to a `Peer`, an envelope to a signed query of a person. Given keys and a time.

mod asker;
mod san;

pub use asker::{
    Asker, Call, CallAsker, CallKind, IdentityError, PARTNERS_CALL_TYPE, QUERY_TYPE,
    claimed_agreement,
};
pub use san::{
    AuthorityCertificate, EXAMPLE_CA_ORGANISATION, MAX_CERTIFICATE_BYTES, MAX_NAME_CHARACTERS,
    Peer, PeerError,
};
