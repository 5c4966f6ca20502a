//! Reading ahead: a thread of its own reads the source and cuts it into records, while what came before is
//! derived. Records arrive in the order of the source, and a failure where it happened.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use csv::ByteRecord;

use super::error::IntakeError;

/// Records that are handed over at once.
const BATCH: usize = 1_024;
/// No more are added to a batch that has so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that are ready and wait.
const WAITING: usize = 2;
/// A batch with a longer record is not used again: its buffers would keep that length.
const LONG: usize = 4_096;

/// Where records come from.
pub(super) trait Feed: Send {
    /// Hands over all records. Fields that are not wanted may be left blank. Answers what a person should know
    /// of the source.
    fn feed(self: Box<Self>, wanted: &BTreeSet<usize>, out: &mut Out) -> Result<Vec<String>, Stop>;
}

/// Why a source could not be read.
pub(super) enum Failure {
    Csv(csv::Error),
    Other(Box<IntakeError>),
}

/// Why a feed ends before its source does.
pub(super) enum Stop {
    Failed(Failure),
    /// Nobody listens any more.
    Gone,
}

impl From<csv::Error> for Stop {
    fn from(error: csv::Error) -> Self {
        Self::Failed(Failure::Csv(error))
    }
}

impl<E: Into<IntakeError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(Failure::Other(Box::new(error.into())))
    }
}

/// What the thread hands over.
enum Message {
    Records(Vec<ByteRecord>),
    /// The source is read. Without this word the thread has broken.
    End(Vec<String>),
    Failed(Failure),
}

/// What comes next.
pub(super) enum Next {
    Record,
    End(Vec<String>),
    Failed(Failure),
    /// The thread has broken.
    Broken,
}

/// The records of a source that is read ahead.
pub(super) struct Ahead {
    messages: Receiver<Message>,
    /// Takes batches back, to be filled again.
    spare: Sender<Vec<ByteRecord>>,
    batch: Vec<ByteRecord>,
    /// The next record of the batch.
    at: usize,
    ended: bool,
}

impl Ahead {
    /// Starts to read. The thread ends with the source, or when nobody listens any more.
    ///
    /// # Errors
    /// The system's, where it gives no thread.
    pub(super) fn new(feed: Box<dyn Feed>, wanted: BTreeSet<usize>) -> io::Result<Self> {
        let (sender, messages) = sync_channel(WAITING);
        let (spare, spares) = channel();
        thread::Builder::new().name("reader".to_owned()).spawn(move || {
            let mut out = Out { sender, spares, batch: Vec::new(), filled: 0, bytes: 0 };
            let ended = feed.feed(&wanted, &mut out).and_then(|notes| {
                out.hand_over()?;
                Ok(notes)
            });
            // Nobody may listen any more.
            let _ = match ended {
                Ok(notes) => out.sender.send(Message::End(notes)),
                Err(Stop::Gone) => Ok(()),
                Err(Stop::Failed(failure)) => {
                    let _ = out.hand_over();
                    out.sender.send(Message::Failed(failure))
                }
            };
        })?;
        Ok(Self { messages, spare, batch: Vec::new(), at: 0, ended: false })
    }

    /// Puts the next record into `record`, whose own buffers are used again.
    pub(super) fn next(&mut self, record: &mut ByteRecord) -> Next {
        while !self.ended {
            if let Some(next) = self.batch.get_mut(self.at) {
                std::mem::swap(record, next);
                self.at += 1;
                return Next::Record;
            }
            let used = std::mem::take(&mut self.batch);
            if !used.is_empty() && used.iter().all(|record| record.as_slice().len() <= LONG) {
                // The thread may have ended.
                let _ = self.spare.send(used);
            }
            self.at = 0;
            match self.messages.recv() {
                Ok(Message::Records(batch)) => self.batch = batch,
                Ok(Message::End(notes)) => {
                    self.ended = true;
                    return Next::End(notes);
                }
                Ok(Message::Failed(failure)) => {
                    self.ended = true;
                    return Next::Failed(failure);
                }
                Err(_) => {
                    self.ended = true;
                    return Next::Broken;
                }
            }
        }
        Next::End(Vec::new())
    }
}

/// Takes records from a feed, in batches.
pub(super) struct Out {
    sender: SyncSender<Message>,
    spares: Receiver<Vec<ByteRecord>>,
    batch: Vec<ByteRecord>,
    filled: usize,
    bytes: usize,
}

impl Out {
    /// The record that is filled next; it may hold an earlier one.
    pub(super) fn slot(&mut self) -> &mut ByteRecord {
        if self.batch.len() == self.filled {
            self.batch.push(ByteRecord::new());
        }
        &mut self.batch[self.filled]
    }

    /// Takes the record in the slot.
    ///
    /// # Errors
    /// [`Stop::Gone`].
    pub(super) fn take(&mut self) -> Result<(), Stop> {
        self.bytes += self.slot().as_slice().len();
        self.filled += 1;
        if self.filled == BATCH || self.bytes >= BATCH_BYTES { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), Stop> {
        self.batch.truncate(self.filled);
        (self.filled, self.bytes) = (0, 0);
        if self.batch.is_empty() {
            return Ok(());
        }
        let fresh = self.spares.try_recv().unwrap_or_default();
        let full = std::mem::replace(&mut self.batch, fresh);
        self.sender.send(Message::Records(full)).map_err(|_| Stop::Gone)
    }
}
