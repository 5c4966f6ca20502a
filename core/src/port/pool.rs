//! The seams of the two-server sum: a partner's node for both servers, and the second server for the coordinator.

use super::{BoxFuture, BoxStream};
use crate::identity::Peer;
use crate::ledger::ReceiptParts;
use crate::model::{AgreementId, Digest, Ods, RefusalCode};
use crate::pool::Sealed;
use crate::sign::Envelope;

/// The most entries that a node is told of in one call.
pub const MAX_TOLD: usize = 256;

/// The most vectors of one check.
pub const MAX_CHECKS: usize = 64;

/// The most tables of one opening, and releases that come back: those of an agreement's packs for one dataset and period,
/// in all their rungs.
pub const MAX_OPENED: usize = 512;

/// Why a step of a round was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolFault {
    /// The caller is not who may call: a fixed text.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Refused by rule.
    #[error("refused: {}", .0.says())]
    Refused(RefusalCode),
    /// The audit log cannot be written, so nothing is sent.
    #[error("the audit log is not available, so nothing is sent: try again later")]
    LedgerUnavailable,
    /// Not reachable.
    #[error("the server is not connected")]
    Unreachable,
    /// No answer in time.
    #[error("no answer in time")]
    Late,
    /// What it sent cannot be read.
    #[error("what was sent cannot be read: update the older program")]
    Unreadable,
    /// The server's own fault.
    #[error("the server could not do it: its own log says why")]
    Internal,
}

/// A sealed part of a contribution: for one server, of one vector of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPart {
    /// The table's place among those of the round.
    pub table: u32,
    /// The vector's place among those of the table.
    pub vector: u32,
    /// The part, which the server that it is for alone can open.
    pub sealed: Sealed,
}

/// A partner's sealed parts as they come.
pub type SealedParts = BoxStream<'static, Result<SealedPart, PoolFault>>;

/// A closing with the signatures of both servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedClosing {
    /// As the coordinator signed it.
    pub coordinator: Envelope,
    /// As the second server signed it; none where there is no second server.
    pub helper: Option<Envelope>,
}

/// A partner's node in a round. The caller is the coordinator or the second server, as its certificate says.
pub trait PoolNodePort: Send + Sync {
    /// The extracts that can be contributed under an agreement, each as a signed [`crate::pool::Ready`].
    fn ready<'a>(
        &'a self,
        caller: &'a Peer,
        agreement: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>>;

    /// Binds the node to a round, once and for good, and sends the caller its parts of the node's contribution. Sent
    /// again they are the same bytes.
    fn contribute<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>>;

    /// Says who is in the sum. The node forgets its contribution.
    fn closed<'a>(
        &'a self,
        caller: &'a Peer,
        closing: &'a SignedClosing,
    ) -> BoxFuture<'a, Result<(), PoolFault>>;

    /// Entries of the second server's audit log about this node's records, for the node's own.
    fn told<'a>(
        &'a self,
        caller: &'a Peer,
        entries: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>>;
}

/// Which vector of whose contribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VectorOf {
    /// The partner.
    pub ods: Ods,
    /// The table's place among those of the round.
    pub table: u32,
    /// The vector's place among those of the table.
    pub vector: u32,
}

/// The coordinator's part of the check that a contribution is one that may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checking {
    /// Of what.
    pub of: VectorOf,
    /// The coordinator's verifier share.
    pub share: Vec<u8>,
}

/// What the second server makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Of what.
    pub of: VectorOf,
    /// The message by which the coordinator finishes its own check; none where the contribution does not verify.
    pub outcome: CheckOutcome,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    /// It verifies.
    Message(Vec<u8>),
    /// It does not, and never will.
    Rejected,
    /// The second server does not have its part yet.
    NotHere,
}

/// The second server's part of opened totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedShares {
    /// Of each question, of each vector of its table: the server's part of the totals that were asked for.
    pub parts: Vec<Vec<Vec<u8>>>,
    /// The proof that its audit log says so.
    pub receipt: ReceiptParts,
}

/// The independent second server, for the coordinator.
pub trait HelperPort: Send + Sync {
    /// Announces a round, with the key by which both servers check contributions, sealed to the second server. It is
    /// bound from here on, and fetches its parts from the nodes.
    fn announce<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
        verify_key: &'a Sealed,
    ) -> BoxFuture<'a, Result<(), PoolFault>>;

    /// Checks contributions of a round, by the hash of its document.
    fn check<'a>(
        &'a self,
        caller: &'a Peer,
        round: Digest,
        items: Vec<Checking>,
    ) -> BoxFuture<'a, Result<Vec<Checked>, PoolFault>>;

    /// Closes a round, once. Gives the second server's own signature over the same closing.
    fn close<'a>(
        &'a self,
        caller: &'a Peer,
        closing: &'a Envelope,
    ) -> BoxFuture<'a, Result<Envelope, PoolFault>>;

    /// Opens totals: a signed [`crate::pool::Opening`].
    fn open<'a>(
        &'a self,
        caller: &'a Peer,
        opening: &'a Envelope,
    ) -> BoxFuture<'a, Result<OpenedShares, PoolFault>>;

    /// Takes what was made of opened totals: a signed [`crate::pool::Returned`], and the releases.
    fn returned<'a>(
        &'a self,
        caller: &'a Peer,
        returned: &'a Envelope,
        releases: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<ReceiptParts, PoolFault>>;

    /// Writes down that an analyst asks for what is in the sum, which every member is told. Gives the proof.
    fn witness<'a>(
        &'a self,
        caller: &'a Peer,
        query: &'a Envelope,
    ) -> BoxFuture<'a, Result<ReceiptParts, PoolFault>>;
}

/// The partners' nodes in rounds, as far as they are connected at this moment.
pub trait PoolDirectory: Send + Sync {
    /// A partner's node; none where it is not connected.
    fn member(&self, ods: &Ods) -> Option<std::sync::Arc<dyn PoolNodePort>>;
}

/// The second server, if it is connected at this moment.
pub trait HelperDirectory: Send + Sync {
    /// The server; none where it is not connected.
    fn helper(&self) -> Option<std::sync::Arc<dyn HelperPort>>;
}
