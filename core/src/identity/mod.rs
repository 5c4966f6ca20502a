//! Who is at the other end: certificates to [`Peer`], with no IO and no clock.

mod san;

pub use san::{
    AuthorityCertificate, EXAMPLE_CA_ORGANISATION, MAX_CERTIFICATE_BYTES, MAX_NAME_CHARACTERS,
    Peer, PeerError,
};
