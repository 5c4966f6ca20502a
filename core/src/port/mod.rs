//! The seams, as traits: floors above implement and call each other through these alone, so that a
//! partner in the same process and one at the other end of a connection are the same thing.

mod pool;

pub use pool::{
    CheckOutcome, Checked, Checking, HelperDirectory, HelperPort, MAX_CHECKS, MAX_OPENED, MAX_TOLD,
    OpenedShares, PoolDirectory, PoolFault, PoolNodePort, SealedPart, SealedParts, SignedClosing,
    VectorOf,
};

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;

use crate::disclosure::{AnswerParts, CombineError};
use crate::identity::Peer;
use crate::model::{Ods, RefusalCode};
use crate::sign::Envelope;
use crate::view::CoverageStatus;

/// A boxed future, so that a port can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed stream, for the same reason.
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// What came of one question of a query: its number, from 0, and an answer or why there is none.
pub type Answered<T, F> = (u32, Result<T, F>);

/// The answers to the questions of a query: each question once, in the order of the query, each as soon as it
/// is there. Whoever stops reading gives the rest up.
pub type Answers<T, F> = BoxStream<'static, Answered<T, F>>;

/// Holds whoever answers to the order of the questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InOrder {
    rest: Range<u32>,
}

/// An answer to a question that is not the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answers do not come in the order of the questions, each of them once")]
pub struct OutOfOrder;

impl InOrder {
    /// For so many questions, none of which is answered yet.
    #[must_use]
    pub const fn new(questions: u32) -> Self {
        Self { rest: 0..questions }
    }

    /// Takes the answer to a question, which must be the next.
    ///
    /// # Errors
    /// [`OutOfOrder`]. Nothing that comes after it is in order either.
    pub fn take(&mut self, number: u32) -> Result<(), OutOfOrder> {
        if self.rest.next() == Some(number) {
            return Ok(());
        }
        self.rest = 0..0;
        Err(OutOfOrder)
    }

    /// The questions that have no answer yet.
    #[must_use]
    pub fn rest(&self) -> Range<u32> {
        self.rest.clone()
    }
}

/// Why a node gives no signed answer at all: to a query as a whole, or to one of its questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeFault {
    /// The envelope names nobody whom the node knows: a fixed text.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The node has no agreement of that id.
    #[error("the partner has no agreement of that name")]
    AgreementUnknown,
    /// The same query is being answered at this moment.
    #[error("the same query is being answered: ask again in a moment")]
    Running,
    /// The audit log cannot be written, so nothing is answered.
    #[error("the partner's audit log is not available, so it answers nothing")]
    LedgerUnavailable,
    /// Not reachable.
    #[error("the partner is not connected")]
    Unreachable,
    /// No answer in time.
    #[error("the partner did not answer in time")]
    Late,
    /// What it sent is no answer.
    #[error("what the partner sent cannot be read: update the older program")]
    Unreadable,
    /// The partner's own fault.
    #[error("the partner could not answer: its own log says why")]
    Internal,
}

/// A partner's node. `Reply` is what may leave it, or, at the other end of a connection, the bytes that
/// arrived.
pub trait NodePort: Send + Sync {
    /// What an answer is on this side.
    type Reply: Send;

    /// Answers the questions of a query that `caller` brought, all within the one deadline.
    fn answer<'a>(
        &'a self,
        caller: &'a Peer,
        envelope: &'a Envelope,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Answers<Self::Reply, NodeFault>, NodeFault>>;
}

/// What happens while a query is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The partners were asked.
    Asked {
        /// How many.
        partners: usize,
        /// How many questions.
        questions: usize,
    },
    /// One partner's part of the answer to one question is settled.
    Settled {
        /// The partner.
        ods: Ods,
        /// The question's number, from 0.
        question: u32,
        /// What became of it.
        status: CoverageStatus,
    },
}

/// Where progress goes.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// Why the coordinator gives no answer: to a query as a whole, or to one of its questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskFault {
    /// The envelope names nobody whom the coordinator knows: a fixed text.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The coordinator has no agreement of that id.
    #[error(
        "the coordinator has no agreement of that name: ask the ICB's IG lead for it, or name another"
    )]
    AgreementUnknown,
    /// Refused by rule.
    #[error("refused: {}", .0.says())]
    Denied(RefusalCode),
    /// The partners' answers cannot be combined.
    #[error("{0}")]
    Combine(#[from] CombineError),
    /// The audit log cannot be written, so nothing is answered.
    #[error("the coordinator's audit log is not available, so it answers nothing: try again later")]
    LedgerUnavailable,
    /// The same query is being answered at this moment.
    #[error("the same query is being answered: ask again in a moment")]
    Running,
    /// Not reachable, or lost before the answer came.
    #[error("the connection to the coordinator was lost before its answer came: ask again")]
    Unreachable,
    /// No answer in time.
    #[error("the coordinator did not answer in time: ask again, or allow more time")]
    Late,
    /// What it sent is no answer.
    #[error("what the coordinator sent cannot be read: update the older program")]
    Unreadable,
    /// It answered another question than the next, or not all of them.
    #[error(transparent)]
    Order(#[from] OutOfOrder),
    /// The coordinator's own fault.
    #[error("the coordinator could not answer: its own log says why")]
    Internal,
}

/// The partners' nodes, as far as they are connected at this moment.
pub trait PartnerDirectory: Send + Sync {
    /// A partner's node; none where it is not connected.
    fn partner(&self, ods: &Ods) -> Option<Arc<dyn NodePort<Reply = AnswerParts>>>;
}

/// A partner as the coordinator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerStanding {
    /// The partner.
    pub ods: Ods,
    /// Its name.
    pub name: String,
    /// Whether its node is connected at this moment.
    pub connected: bool,
}

/// The coordinator, for analysts. `Reply` is a shared view, or, at the other end of a connection, the
/// bytes that arrived.
pub trait AnalystPort: Send + Sync {
    /// What an answer is on this side.
    type Reply: Send;

    /// Asks the partners that a query names, all its questions within the one deadline.
    fn ask<'a>(
        &'a self,
        envelope: Envelope,
        deadline: Duration,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<Answers<Self::Reply, AskFault>, AskFault>>;

    /// Lists the partners of the agreement that a signed call names.
    fn partners<'a>(
        &'a self,
        envelope: Envelope,
    ) -> BoxFuture<'a, Result<Vec<PartnerStanding>, AskFault>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_each_question_once_and_in_order_is_taken() {
        for (given, taken) in [
            (&[0, 1, 2][..], 3),
            (&[0, 1], 2),
            (&[1], 0),
            (&[0, 0], 1),
            (&[0, 2, 1], 1),
            (&[0, 1, 2, 2], 3),
            (&[0, 1, 2, 3], 3),
            (&[u32::MAX, 0], 0),
        ] {
            let mut order = InOrder::new(3);
            let good = given.iter().take_while(|number| order.take(**number).is_ok()).count();
            assert_eq!(good, taken, "{given:?}");
            let left = if good == given.len() { 3 - good } else { 0 };
            assert_eq!(order.rest().len(), left, "{given:?}");
        }
    }
}
