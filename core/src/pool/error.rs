//! Why a step of the two-server sum did not succeed.

use super::seal::MAX_SEALED_BYTES;
use super::total::MAX_ADDED;
use super::vector::MAX_VECTOR;
use crate::model::MAX_NODES;

/// Why a step of the sum did not succeed. None names a figure, and what somebody else sent has one answer only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// A vector of a length or of bits that there is not.
    #[error("a list of figures has 1 to {MAX_VECTOR} of them, of 1, 20, 24, 32 or 40 bits")]
    Spec,
    /// Other than as many figures as were announced.
    #[error("there are not as many figures as were announced: announce the table again")]
    Length,
    /// A figure that the announced bits cannot hold.
    #[error("a figure is too large for the bits that were announced: announce more bits for it")]
    Value,
    /// Not a key for sealing.
    #[error("this is no key for sealing that evensum can use: it wants 'x25519:' and base64url")]
    Public,
    /// Not a private key for sealing.
    #[error(
        "this is no private key for sealing that evensum can use: it wants PKCS#8 in PEM, X25519"
    )]
    Private,
    /// The library could not make a key or random bytes.
    #[error("no key could be made")]
    Generation,
    /// More than fits in one sealed contribution.
    #[error("a sealed contribution has at most {MAX_SEALED_BYTES} bytes: cut the table smaller")]
    TooLarge,
    /// The library could not seal.
    #[error("the contribution could not be sealed")]
    Sealing,
    /// Sealed for somebody else, for another purpose, or altered.
    #[error(
        "the sealed contribution cannot be opened: it is for another server, partner or round, or it was altered"
    )]
    Opening,
    /// The library could not cut figures into shares.
    #[error("the figures could not be cut into shares")]
    Sharing,
    /// What was sent is no contribution to this sum. The same words whatever is wrong with it.
    #[error("the contribution does not verify")]
    Verify,
    /// A contribution to another sum, or a second one of the same partner.
    #[error("the contribution belongs to another sum, or its partner is already in this one")]
    Foreign,
    /// One contribution too many.
    #[error("a sum has at most {MAX_NODES} contributions")]
    Full,
    /// Cells that are not there, that stand twice, or too many of them.
    #[error(
        "the cells to be opened are not cells of the sum, stand twice, or are more than {MAX_ADDED}"
    )]
    Selection,
    /// The shares of two different sums, or of changed ones.
    #[error("the two parts do not belong together")]
    Together,
    /// A list that no sum without a second server can be made with.
    #[error("the list of members is not in order, has one of them twice, or leaves this one out")]
    Members,
    /// Somebody of the list is missing, or sent for another sum.
    #[error("there is no sum, because the contribution of a member is missing or is for another")]
    Incomplete,
    /// What was stored is not what this version writes.
    #[error("the stored shares cannot be read: they are damaged or of another version")]
    Stored,
}
