//! Pseudonyms, made on a thread of their own while further rows are derived. They come out in the order in
//! which the identifiers went in.

use std::borrow::Cow;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rayon::prelude::*;

use crate::snapshot::NodeKey;

/// Identifiers that are handed over at once.
const BLOCK: usize = 1 << 14;
/// Blocks that wait.
const WAITING: usize = 2;

const PERSON: &str = "person";

/// Identifiers one after the other, and where each ends.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Names people.
pub(super) struct Namer {
    block: Block,
    blocks: SyncSender<Block>,
    thread: JoinHandle<Vec<u128>>,
}

impl Namer {
    /// Starts the thread, with a copy of the key.
    ///
    /// # Errors
    /// The system's, where it gives no thread.
    pub(super) fn new(key: &NodeKey) -> io::Result<Self> {
        let (blocks, waiting) = sync_channel(WAITING);
        let key = key.clone();
        let thread = thread::Builder::new().name("namer".to_owned());
        let thread = thread.spawn(move || name(&key, &waiting))?;
        Ok(Self { block: Block::default(), blocks, thread })
    }

    /// Takes the next person's identifier.
    pub(super) fn add(&mut self, person: &[u8]) {
        self.block.bytes.extend_from_slice(person);
        self.block.ends.push(self.block.bytes.len());
        if self.block.ends.len() == BLOCK {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        // Were the thread broken, its end would say so.
        let _ = self.blocks.send(std::mem::take(&mut self.block));
    }

    /// The first half of each person's pseudonym, in order. 128 bits of an HMAC do not collide.
    pub(super) fn finish(mut self) -> Vec<u128> {
        self.hand_over();
        let Self { blocks, thread, .. } = self;
        drop(blocks);
        match thread.join() {
            Ok(names) => names,
            // A break goes on here, as it would without a thread.
            Err(broken) => std::panic::resume_unwind(broken),
        }
    }
}

fn name(key: &NodeKey, blocks: &Receiver<Block>) -> Vec<u128> {
    let mut names = Vec::new();
    for Block { bytes, ends } in blocks {
        names.par_extend(ends.par_iter().enumerate().map(|(at, end)| {
            let start = at.checked_sub(1).map_or(0, |before| ends[before]);
            pseudonym(key, &bytes[start..*end])
        }));
    }
    names
}

/// The keyed pseudonym of an identifier.
pub(super) fn pseudonym(key: &NodeKey, person: &[u8]) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&key.hmac(PERSON, &plain(person)).as_bytes()[..16]);
    u128::from_be_bytes(half)
}

/// The identifier that is named: an NHS number is one person however its ten digits are grouped.
pub(super) fn plain(person: &[u8]) -> Cow<'_, [u8]> {
    let bare: Vec<u8> = person.iter().copied().filter(|b| !matches!(b, b' ' | b'-')).collect();
    let number = bare.len() == 10 && bare.iter().all(u8::is_ascii_digit);
    if number { Cow::Owned(bare) } else { Cow::Borrowed(person) }
}
