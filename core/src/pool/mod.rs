//! The sum of the pooled view: add first, blind, and hide after. Here is who takes part in it: the membership list that
//! officers sign, what it takes for a sum to hide anybody, and which view a dataset gets.

mod choice;
mod roster;

pub use choice::{Choice, Holders, Reason, view_of};
pub use roster::{
    Change, Closing, MAX_LIST_BYTES, MAX_MEMBERS, MAX_SIGNATURES, MIN_MEMBERS, MIN_TRUSTED, Member,
    MembershipError, PoolServer, ROSTER_TYPE, Roster, RosterError, RosterSignature, SignedRoster,
    Signer, TooFew, VerifiedRoster, minimum_of,
};
