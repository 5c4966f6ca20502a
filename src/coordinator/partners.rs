//! One query to all its partners at once. Each partner's answers are read, in the order of the questions and
//! within the one deadline, by a task of its own, which believes nothing unverified. A partner that dies, lies
//! about the order or is late is missing from there on, with the reason; the others' answers, which were read
//! ahead meanwhile, are none the worse for it.

use std::sync::Arc;

use evensum_core::disclosure::{AnswerParts, Expected, Verified};
use evensum_core::model::{Ods, Role};
use evensum_core::port::{Answers, InOrder, NodeFault, Progress};
use evensum_core::view::{Absent, CoverageStatus};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_stream::StreamExt;
use tracing::warn;

use super::Inner;
use super::ask::Asked;

/// Bytes of a partner's answers that are read ahead of the question at hand. One answer is, whatever its size.
const MAX_AHEAD_BYTES: u32 = 4 << 20;

/// What one partner says to one question.
type Settled = Result<Verified, Absent>;

/// What a partner's reader hands on.
enum Heard {
    /// To the next question that is asked afresh, with its room. The last may have found none.
    One(Box<Settled>, Option<OwnedSemaphorePermit>),
    /// To all that are left.
    Gone(Absent),
}

/// The partners of a query, each with a reader.
pub(super) struct FanOut {
    partners: Vec<Partner>,
}

struct Partner {
    ods: Ods,
    coming: mpsc::UnboundedReceiver<Heard>,
    gone: Option<Absent>,
}

impl FanOut {
    /// Asks every partner. `fresh` says of each question whether its answers are wanted: those to others are
    /// read and passed over.
    pub(super) fn start(own: &Arc<Inner>, asked: &Arc<Asked>, fresh: Vec<bool>) -> Self {
        let fresh: Arc<[bool]> = fresh.into();
        let start = |ods: &Ods| {
            let (out, coming) = mpsc::unbounded_channel();
            if fresh.contains(&true) {
                let reader = Reader {
                    own: Arc::clone(own),
                    asked: Arc::clone(asked),
                    fresh: Arc::clone(&fresh),
                    ods: ods.clone(),
                    ahead: Arc::new(Semaphore::new(MAX_AHEAD_BYTES as usize)),
                    out,
                };
                tokio::spawn(reader.read());
            }
            Partner { ods: ods.clone(), coming, gone: None }
        };
        Self { partners: asked.targets().iter().map(start).collect() }
    }

    /// What the partners say to the next question that is asked afresh.
    pub(super) async fn gather(&mut self) -> (Vec<Verified>, Vec<Absent>) {
        let (mut verified, mut absent) = (Vec::new(), Vec::new());
        for partner in &mut self.partners {
            match partner.next().await {
                Ok(answer) => verified.push(answer),
                Err(missing) => absent.push(missing),
            }
        }
        absent.sort_by(|a, b| a.ods.cmp(&b.ods));
        (verified, absent)
    }
}

impl Partner {
    async fn next(&mut self) -> Settled {
        if let Some(gone) = &self.gone {
            return Err(gone.clone());
        }
        let gone = match self.coming.recv().await {
            Some(Heard::One(settled, _room)) => return *settled,
            Some(Heard::Gone(gone)) => gone,
            // A task that broke has said nothing: its partner is missing all the same.
            None => missing(&self.ods, &NodeFault::Internal),
        };
        Err(self.gone.insert(gone).clone())
    }
}

struct Reader {
    own: Arc<Inner>,
    asked: Arc<Asked>,
    fresh: Arc<[bool]>,
    ods: Ods,
    ahead: Arc<Semaphore>,
    out: mpsc::UnboundedSender<Heard>,
}

impl Reader {
    async fn read(self) {
        let until = self.asked.until();
        let mut answers = match self.begin(until).await {
            Ok(answers) => answers,
            Err(fault) => return self.gone(0, missing(&self.ods, &fault)),
        };
        let mut order = InOrder::new(u32::try_from(self.fresh.len()).unwrap_or(u32::MAX));
        let mut last = NodeFault::Internal;
        for (number, &wanted) in (0..).zip(self.fresh.iter()) {
            let heard = tokio::select! {
                heard = timeout_at(until, answers.next()) => heard,
                // Nobody gathers any more.
                () = self.out.closed() => return,
            };
            let (of, answer) = match heard {
                Err(_) => return self.gone(number, missing(&self.ods, &NodeFault::Late)),
                // Where it was said why the answers end, that is why the rest is missing.
                Ok(None) => return self.gone(number, missing(&self.ods, &last)),
                Ok(Some(heard)) => heard,
            };
            if let Err(reason) = order.take(of) {
                warn!(partner = %self.ods, %reason, "a partner's answers are not in order");
                return self.gone(number, unbelieved(&self.ods, &reason));
            }
            if !wanted {
                continue;
            }
            let size = answer.as_ref().map_or(1, size);
            let settled = match answer {
                Ok(parts) => {
                    last = NodeFault::Internal;
                    self.verified(number, parts)
                }
                Err(fault) => {
                    let missing = missing(&self.ods, &fault);
                    last = fault;
                    Err(missing)
                }
            };
            self.tell(
                number,
                match &settled {
                    Ok(answer) => CoverageStatus::of(answer),
                    Err(absent) => absent.status,
                },
            );
            let room = Arc::clone(&self.ahead).acquire_many_owned(size.min(MAX_AHEAD_BYTES));
            // While this waits the partner's stream is not read, and on its connection the other queries' may
            // stand still behind it: an analyst who does not read holds it for no longer than the query lasts.
            let room = timeout_at(until, room).await.ok().and_then(Result::ok);
            let late = room.is_none();
            if self.out.send(Heard::One(Box::new(settled), room)).is_err() {
                return;
            }
            if late {
                return self.gone(number + 1, missing(&self.ods, &NodeFault::Late));
            }
        }
    }

    async fn begin(&self, until: Instant) -> Result<Answers<AnswerParts, NodeFault>, NodeFault> {
        let node = self.own.partners.partner(&self.ods).ok_or(NodeFault::Unreachable)?;
        let share = until.saturating_duration_since(Instant::now());
        let answering = node.answer(&self.own.own, &self.asked.envelope, share);
        // Whoever is at the other end may forget its deadline; the analyst's is kept here.
        timeout_at(until, answering).await.unwrap_or(Err(NodeFault::Late))
    }

    fn verified(&self, number: u32, parts: AnswerParts) -> Settled {
        let query = self.asked.asker.query();
        let layout = usize::try_from(number).ok().and_then(|place| self.asked.layouts.get(place));
        let Some(Ok(layout)) = layout else {
            return Err(missing(&self.ods, &NodeFault::Internal));
        };
        let expected = Expected {
            agreement: &self.asked.agreement,
            ods: &self.ods,
            role: Role::Node,
            query_id: query.document().query_id,
            query_hash: query.hash(),
            question: number,
            layout,
        };
        Verified::verify(parts, expected).map_err(|reason| {
            warn!(partner = %self.ods, question = number, reason = &reason as &(dyn std::error::Error + 'static), "an answer was not believed");
            unbelieved(&self.ods, &reason)
        })
    }

    fn tell(&self, question: u32, status: CoverageStatus) {
        (self.asked.progress)(Progress::Settled { ods: self.ods.clone(), question, status });
    }

    /// The partner is missing from this question on.
    fn gone(&self, from: u32, absent: Absent) {
        for (number, _) in (0..).zip(self.fresh.iter()).filter(|(n, wanted)| *n >= from && **wanted)
        {
            self.tell(number, absent.status);
        }
        let _ = self.out.send(Heard::Gone(absent));
    }
}

/// Bytes of an answer, about.
fn size(parts: &AnswerParts) -> u32 {
    let AnswerParts { document, receipt, .. } = parts;
    u32::try_from(document.len() + receipt.entry.len()).unwrap_or(u32::MAX)
}

fn unbelieved(ods: &Ods, reason: &dyn std::error::Error) -> Absent {
    Absent {
        ods: ods.clone(),
        status: CoverageStatus::Refused,
        reason: format!("its answer was not believed: {reason}"),
    }
}

fn missing(ods: &Ods, fault: &NodeFault) -> Absent {
    let status = match fault {
        NodeFault::Late | NodeFault::Running => CoverageStatus::Late,
        NodeFault::Unreachable => CoverageStatus::Unreachable,
        NodeFault::Unauthenticated(_)
        | NodeFault::AgreementUnknown
        | NodeFault::LedgerUnavailable
        | NodeFault::Unreadable
        | NodeFault::Internal => CoverageStatus::Refused,
    };
    Absent { ods: ods.clone(), status, reason: fault.to_string() }
}
