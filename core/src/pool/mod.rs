//! The two-server sum as values: figures are cut into two shares, each server adds up the shares that it was sent, and
//! only the totals that are asked for are put together. Nothing here sends, stores or decides.

mod bytes;
mod context;
mod error;
mod masks;
mod seal;
mod share;
mod total;
mod vector;
mod verify;

pub use context::{Context, DepositId, Role};
pub use error::PoolError;
pub use masks::{Masked, Members};
pub use seal::{MAX_SEALED_BYTES, SealKey, SealPublic, Sealed};
pub use share::{MAX_PART_BYTES, Shared, share};
pub use total::{MAX_ADDED, MAX_CONTRIBUTIONS, ShareOf, SumOfShares, Totals, open};
pub use vector::{BITS, BITS_20, BITS_24, BITS_32, BITS_40, MAX_VECTOR, VectorSpec};
pub use verify::{Aggregator, MAX_MESSAGE_BYTES, OutputShare, Pending, VerifyKey, join};
