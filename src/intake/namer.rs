//! Pseudonyms, made on a thread of their own while further rows are derived. They come out in the order in
//! which the identifiers went in.

use std::borrow::Cow;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use evensum_core::pool::{LINK_BYTES, LinkSecret, NHS_DIGITS};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::propose::nhs_number;
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

/// The first half of each person's pseudonym, in the order of the identifiers, and the link ids, where they are made.
#[derive(Default)]
pub(super) struct Named {
    pub(super) names: Vec<u128>,
    pub(super) links: Option<Zeroizing<Vec<[u8; LINK_BYTES]>>>,
}

/// Names people.
pub(super) struct Namer {
    block: Block,
    blocks: SyncSender<Block>,
    thread: JoinHandle<Named>,
}

impl Namer {
    /// Starts the thread, with a copy of the key and of the secret for link ids.
    ///
    /// # Errors
    /// The system's, where it gives no thread.
    pub(super) fn new(key: &NodeKey, links: Option<&LinkSecret>) -> io::Result<Self> {
        let (blocks, waiting) = sync_channel(WAITING);
        let (key, links) = (key.clone(), links.cloned());
        let thread = thread::Builder::new().name("namer".to_owned());
        let thread = thread.spawn(move || name(&key, links.as_ref(), &waiting))?;
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

    /// What everybody is called, in order. 128 bits of an HMAC do not collide.
    pub(super) fn finish(mut self) -> Named {
        self.hand_over();
        let Self { blocks, thread, .. } = self;
        drop(blocks);
        match thread.join() {
            Ok(named) => named,
            // A break goes on here, as it would without a thread.
            Err(broken) => std::panic::resume_unwind(broken),
        }
    }
}

fn name(key: &NodeKey, links: Option<&LinkSecret>, blocks: &Receiver<Block>) -> Named {
    let mut named = Named { names: Vec::new(), links: links.map(|_| Zeroizing::default()) };
    for Block { bytes, ends } in blocks {
        let person = |(at, end): (usize, &usize)| {
            let start = at.checked_sub(1).map_or(0, |before| ends[before]);
            &bytes[start..*end]
        };
        named.names.par_extend(ends.par_iter().enumerate().map(|of| pseudonym(key, person(of))));
        if let (Some(secret), Some(ids)) = (links, &mut named.links) {
            ids.par_extend(ends.par_iter().enumerate().map(|of| link(secret, person(of))));
        }
    }
    named
}

/// The link id of an NHS number; zeros for any other identifier, and for ten times one digit, which has the right check
/// digit and is nobody's.
fn link(secret: &LinkSecret, person: &[u8]) -> [u8; LINK_BYTES] {
    let bare = plain(person);
    let number = std::str::from_utf8(&bare).ok().filter(|text| nhs_number(text));
    let digits: Option<&[u8; NHS_DIGITS]> = number.and_then(|n| n.as_bytes().try_into().ok());
    let somebody = digits.filter(|digits| digits.iter().any(|d| *d != digits[0]));
    somebody.map_or([0; LINK_BYTES], |digits| secret.id(digits).to_bytes())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nhs_numbers_have_a_link_id_however_they_are_grouped() {
        let secret = LinkSecret::from_bytes(&[7; 32]).expect("a secret");
        let of = |person: &str| link(&secret, person.as_bytes());
        let nobody = [0; LINK_BYTES];
        assert_ne!(of("9434765919"), nobody);
        for same in ["943 476 5919", "943-476-5919"] {
            assert_eq!(of(same), of("9434765919"), "{same}");
        }
        assert_ne!(of("9434765870"), of("9434765919"));
        for other in
            ["9434765918", "A-17", "", "943476591", "0000000000", "1111111111", "9999999999"]
        {
            assert_eq!(of(other), nobody, "{other}");
        }
        // Not what the node's own secret, or another federation's, would make of it.
        let other = LinkSecret::from_bytes(&[8; 32]).expect("a secret");
        assert_ne!(link(&other, b"9434765919"), of("9434765919"));
    }
}
