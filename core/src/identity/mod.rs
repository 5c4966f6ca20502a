//! Who it is: a certificate to a `Peer`, an envelope to a signed query of a person. Given keys and a time.

mod asker;

pub use asker::{
    Asker, Call, CallAsker, CallKind, IdentityError, PARTNERS_CALL_TYPE, QUERY_TYPE,
    claimed_agreement,
};
