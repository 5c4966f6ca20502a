//! Adding up what nobody may see. Partners' tables become numbers that are cut into two shares, each of which says
//! nothing by itself; two servers of different organisations each add up the shares that they were sent, and only the
//! totals that are asked for are put together. Nothing here sends, stores or decides: documents, steps and numbers are
//! given to it.

mod bytes;
mod choice;
mod context;
mod distinct;
mod documents;
mod error;
mod masks;
mod roster;
mod round;
mod rounds;
mod seal;
mod shape;
mod share;
mod total;
mod vector;
mod verify;

pub use choice::{Choice, Holders, Reason, view_of};
pub use context::{Context, DepositId, Role};
pub use distinct::{
    BUCKETS_OF_CATEGORY, BUCKETS_OF_TOTAL, DistinctShape, Estimate, LEAST_EMPTY, LINK_BYTES,
    LinkId, LinkKey, LinkSecret, Marks, NHS_DIGITS, estimate, standard_error,
};
pub use documents::{
    Closing, DocumentError, Enclosed, MAX_OPENED, MAX_ROUND_BYTES, Opening, Ready, Returned, Round,
    RoundDocument,
};
pub use error::PoolError;
pub use masks::{Masked, Members};
pub use roster::{
    Attendance, Change, MAX_LIST_BYTES, MAX_SIGNATURES, MIN_MEMBERS, MIN_TRUSTED, Member,
    MembershipError, PoolServer, ROSTER_TYPE, Roster, RosterError, RosterSignature, ServersOf,
    Signatories, SignedRoster, Signer, TooFew, VerifiedRoster, minimum_of,
};
pub use round::{BoundRound, MAX_WAIT_SECONDS, RoundError, RoundRules, RoundVector, WAIT_SECONDS};
pub use rounds::{ClosedRound, PopulationState, RoundState, Rounds, StepError, Taken};
pub use seal::{MAX_SEALED_BYTES, SealKey, SealPublic, Sealed};
pub use shape::{Pick, Shape, ShapeError};
pub use share::{MAX_PART_BYTES, Shared, share};
pub use total::{MAX_ADDED, ShareOf, SumOfShares, Totals, open};
pub use vector::{BITS, BITS_1, BITS_20, BITS_24, BITS_32, BITS_40, MAX_VECTOR, VectorSpec};
pub use verify::{Aggregator, MAX_MESSAGE_BYTES, OutputShare, Pending, VerifyKey, join};
