//! Reading ahead: a thread of its own reads the text and cuts it into records, while what came before is
//! derived. Records arrive in the order of the file, and a failure where it happened.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use csv::ByteRecord;

use super::read::Cut;

/// Records that are handed over at once.
const BATCH: usize = 1_024;
/// No more are added to a batch that has so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that are ready and wait.
const WAITING: usize = 2;
/// A batch with a longer record is not used again: its buffers would keep that length.
const LONG: usize = 4_096;

/// What the thread hands over.
enum Message {
    Records(Vec<ByteRecord>),
    /// The file is read. Without this word the thread has broken.
    End,
    Failed(csv::Error),
}

/// What comes next.
pub(super) enum Next {
    Record,
    End,
    Failed(csv::Error),
}

/// The records of a file that is read ahead.
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
    /// Starts to read. The thread ends with the file, or when nobody listens any more.
    ///
    /// # Errors
    /// The system's, where it gives no thread.
    pub(super) fn new(cut: Cut) -> io::Result<Self> {
        let (sender, messages) = sync_channel(WAITING);
        let (spare, spares) = channel();
        thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || read(cut, &sender, &spares))?;
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
                Ok(Message::End) => self.ended = true,
                Ok(Message::Failed(error)) => {
                    self.ended = true;
                    return Next::Failed(error);
                }
                Err(_) => {
                    self.ended = true;
                    let broken = io::Error::other("the thread that read the file has broken");
                    return Next::Failed(broken.into());
                }
            }
        }
        Next::End
    }
}

fn read(mut cut: Cut, sender: &SyncSender<Message>, spares: &Receiver<Vec<ByteRecord>>) {
    let last = loop {
        let mut batch = spares.try_recv().unwrap_or_default();
        let (mut filled, mut bytes) = (0, 0);
        let ended = loop {
            if filled == BATCH || bytes >= BATCH_BYTES {
                break None;
            }
            if filled == batch.len() {
                batch.push(ByteRecord::new());
            }
            match cut.read(&mut batch[filled]) {
                Ok(true) => {
                    bytes += batch[filled].as_slice().len();
                    filled += 1;
                }
                Ok(false) => break Some(Message::End),
                Err(error) => break Some(Message::Failed(error)),
            }
        };
        batch.truncate(filled);
        if !batch.is_empty() && sender.send(Message::Records(batch)).is_err() {
            return;
        }
        if let Some(last) = ended {
            break last;
        }
    };
    // Nobody may listen any more.
    let _ = sender.send(last);
}
