//! The proof that an entry stands in a log, checkable offline and for years.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::entry::{Entry, EntryError};
use super::merkle::{leaf_hash, verify_inclusion};
use crate::model::Digest;
use crate::sign::VerifyingKey;

/// Why the parts prove nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint is not the log's.
    #[error("the proof's checkpoint does not hold")]
    Checkpoint(#[from] CheckpointError),
    /// The entry cannot be read.
    #[error("the proof's entry does not hold")]
    Entry(#[from] EntryError),
    /// The entry gives another number than the place that it is said to have.
    #[error("the entry is numbered {seq}, and the proof is for entry {index}")]
    Place {
        /// The number in the entry.
        seq: u64,
        /// The place in the log.
        index: u64,
    },
    /// The entry names another server than the log does.
    #[error("the proof's entry was written in another server's name than the audit log's")]
    Owner,
    /// The hashes do not lead from the entry to the checkpoint's root.
    #[error("the proof does not lead from the entry to the audit log's signed state")]
    Inclusion,
}

/// What travels: an entry, its place, the hashes and the signed checkpoint. Nothing in it is believed before
/// [`Receipt::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptParts {
    /// The entry's exact bytes.
    pub entry: Vec<u8>,
    /// Its place in the log, from 0.
    pub index: u64,
    /// The inclusion proof, the leaf's sibling first.
    pub proof: Vec<Digest>,
    /// The signed checkpoint's text.
    pub checkpoint: String,
}

/// An entry that was shown to stand in the log of a known key.
///
/// There is no other way to one than [`Receipt::verify`]. This does not compile:
/// ```compile_fail,E0451
/// use evensum_core::ledger::{Checkpoint, Entry, Receipt, ReceiptParts};
/// fn forge(entry: Entry, checkpoint: Checkpoint, parts: ReceiptParts) -> Receipt {
///     Receipt { entry, checkpoint, parts }
/// }
/// ```
/// and this does:
/// ```
/// use evensum_core::ledger::{Receipt, ReceiptError, ReceiptParts};
/// use evensum_core::sign::VerifyingKey;
/// fn check(parts: ReceiptParts, log_key: &VerifyingKey) -> Result<Receipt, ReceiptError> {
///     Receipt::verify(parts, "evensum/R0D/node", log_key)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    entry: Entry,
    checkpoint: Checkpoint,
    parts: ReceiptParts,
}

impl Receipt {
    /// Checks the checkpoint's signature and name, that the entry is canonical, carries its own place and is
    /// in the log's own name, and the inclusion proof.
    ///
    /// ```
    /// use evensum_core::ledger::{Checkpoint, Entry, Event, Receipt, ReceiptParts, merkle, origin};
    /// use evensum_core::model::{Ods, Role, Timestamp};
    /// use evensum_core::sign::SigningKey;
    /// let key = SigningKey::generate_ed25519()?;
    /// let ods = Ods::new("R0D")?;
    /// let log = origin(&ods, Role::Node);
    /// let event = Event::LogOpened { software: "evensum 0.1.0".to_owned() };
    /// let entry = Entry::new(0, Timestamp::from_unix(0), ods, Role::Node, event).encode()?;
    /// let mut tree = merkle::Frontier::default();
    /// tree.push(merkle::leaf_hash(&entry));
    /// let checkpoint = Checkpoint::sign(&log, 1, &tree.root(), &key)?;
    /// let parts = ReceiptParts { entry, index: 0, proof: vec![], checkpoint };
    /// let receipt = Receipt::verify(parts, &log, &key.verifying_key())?;
    /// assert_eq!(receipt.entry().seq, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(
        parts: ReceiptParts,
        origin: &str,
        log_key: &VerifyingKey,
    ) -> Result<Self, ReceiptError> {
        Verifier::new(origin, log_key).verify(parts)
    }

    /// The entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// SHA-256 of the entry's bytes.
    #[must_use]
    pub fn entry_hash(&self) -> Digest {
        Digest::of(&self.parts.entry)
    }

    /// The signed state that the entry was proved against.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// What travels.
    #[must_use]
    pub const fn parts(&self) -> &ReceiptParts {
        &self.parts
    }
}

/// Verifies receipts of one log, and each signed checkpoint once where several receipts have the same.
#[derive(Debug)]
pub struct Verifier<'a> {
    origin: &'a str,
    log_key: &'a VerifyingKey,
    /// The text that was verified last, and what it says.
    last: Option<(String, Checkpoint)>,
}

impl<'a> Verifier<'a> {
    /// For the log of this name and key.
    #[must_use]
    pub const fn new(origin: &'a str, log_key: &'a VerifyingKey) -> Self {
        Self { origin, log_key, last: None }
    }

    /// As [`Receipt::verify`].
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(&mut self, parts: ReceiptParts) -> Result<Receipt, ReceiptError> {
        let checkpoint = match &self.last {
            Some((text, checkpoint)) if *text == parts.checkpoint => checkpoint.clone(),
            _ => {
                let read = Checkpoint::verify(&parts.checkpoint, self.origin, self.log_key)?;
                self.last = Some((parts.checkpoint.clone(), read.clone()));
                read
            }
        };
        let entry = Entry::decode(&parts.entry)?;
        if entry.seq != parts.index {
            return Err(ReceiptError::Place { seq: entry.seq, index: parts.index });
        }
        if !self.origin.ends_with(&format!("/{}/{}", entry.ods, entry.role.as_str())) {
            return Err(ReceiptError::Owner);
        }
        let (leaf, size, root) = (leaf_hash(&parts.entry), checkpoint.size(), checkpoint.root());
        if !verify_inclusion(leaf, parts.index, size, &parts.proof, &root) {
            return Err(ReceiptError::Inclusion);
        }
        Ok(Receipt { entry, checkpoint, parts })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::entry::Event;
    use super::super::entry::tests::{events, ods};
    use super::super::merkle::{Frontier, inclusion_proof};
    use super::*;
    use crate::model::{Ods, Role, Timestamp};
    use crate::sign::SigningKey;

    const LOG: &str = "evensum/R0D/node";

    struct Fixture {
        key: SigningKey,
        receipts: Vec<ReceiptParts>,
    }

    static LOGGED: LazyLock<Fixture> = LazyLock::new(|| {
        let key = SigningKey::generate_ed25519().expect("key");
        let (mut tree, mut nodes, mut entries) = (Frontier::default(), HashMap::new(), vec![]);
        for (seq, event) in (0..).zip(events()) {
            let at = Timestamp::from_unix(1_790_000_000);
            let bytes = Entry::new(seq, at, ods(), Role::Node, event).encode().expect("encodes");
            for (level, index, hash) in tree.push(leaf_hash(&bytes)) {
                nodes.insert((level, index), hash);
            }
            entries.push((seq, bytes));
        }
        let checkpoint = Checkpoint::sign(LOG, tree.len(), &tree.root(), &key).expect("signs");
        let stored = |level, index| nodes.get(&(level, index)).copied();
        let part = |(index, entry)| ReceiptParts {
            entry,
            index,
            proof: inclusion_proof(index, tree.len(), &stored).expect("proof"),
            checkpoint: checkpoint.clone(),
        };
        Fixture { receipts: entries.into_iter().map(part).collect(), key }
    });

    fn verify(parts: ReceiptParts) -> Result<Receipt, ReceiptError> {
        Receipt::verify(parts, LOG, &LOGGED.key.verifying_key())
    }

    #[test]
    fn every_entry_is_proved_under_its_own_log_and_key_only() {
        for parts in &LOGGED.receipts {
            let receipt = verify(parts.clone()).expect("verifies");
            assert_eq!(receipt.entry().seq, parts.index);
            assert_eq!(receipt.entry_hash(), Digest::of(&parts.entry));
            assert_eq!(receipt.parts(), parts);
            let other = SigningKey::generate_ed25519().expect("key").verifying_key();
            assert!(Receipt::verify(parts.clone(), LOG, &other).is_err());
            let public = LOGGED.key.verifying_key();
            assert!(Receipt::verify(parts.clone(), "evensum/R0E/node", &public).is_err());
        }
    }

    #[test]
    fn a_checkpoint_is_remembered_by_its_whole_text_and_no_less() {
        let public = LOGGED.key.verifying_key();
        let mut verifier = Verifier::new(LOG, &public);
        let [first, second, ..] = &LOGGED.receipts[..] else { panic!("two entries") };
        verifier.verify(first.clone()).expect("verifies");
        // The same size and root, said by somebody else.
        let size = LOGGED.receipts.len() as u64;
        let root = verify(first.clone()).expect("verifies").checkpoint().root();
        let other = SigningKey::generate_ed25519().expect("key");
        let checkpoint = Checkpoint::sign(LOG, size, &root, &other).expect("signs");
        let foreign = ReceiptParts { checkpoint, ..second.clone() };
        assert!(matches!(verifier.verify(foreign), Err(ReceiptError::Checkpoint(_))));
        assert_eq!(verifier.verify(second.clone()).expect("verifies").parts(), second);
    }

    #[test]
    fn a_log_that_misnumbers_its_own_entries_proves_nothing() {
        let good = &LOGGED.receipts[3];
        let mut tree = Frontier::default();
        tree.push(leaf_hash(&good.entry));
        let checkpoint = Checkpoint::sign(LOG, 1, &tree.root(), &LOGGED.key).expect("signs");
        let parts = ReceiptParts { index: 0, proof: vec![], checkpoint, ..good.clone() };
        assert!(matches!(verify(parts), Err(ReceiptError::Place { seq: 3, index: 0 })));
    }

    #[test]
    fn an_entry_in_another_servers_name_is_not_the_logs_own() {
        let event = || Event::LogOpened { software: "test".to_owned() };
        let other = Ods::new("R0A").expect("ods");
        for (name, role, good) in [
            (ods(), Role::Node, true),
            (other, Role::Node, false),
            (ods(), Role::Coordinator, false),
        ] {
            let entry = Entry::new(0, Timestamp::from_unix(0), name, role, event());
            let entry = entry.encode().expect("encodes");
            let mut tree = Frontier::default();
            tree.push(leaf_hash(&entry));
            let checkpoint = Checkpoint::sign(LOG, 1, &tree.root(), &LOGGED.key).expect("signs");
            let found = verify(ReceiptParts { entry, index: 0, proof: vec![], checkpoint });
            assert_eq!(matches!(found, Err(ReceiptError::Owner)), !good, "{found:?}");
            assert_eq!(found.is_ok(), good);
        }
    }

    proptest! {
        #[test]
        fn any_change_is_refused(
            which in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            change in 1_u8..=255,
            other in any::<u64>(),
        ) {
            let good = &LOGGED.receipts[which.index(LOGGED.receipts.len())];

            let mut bad = good.clone();
            let place = at.index(bad.entry.len());
            bad.entry[place] ^= change;
            prop_assert!(verify(bad).is_err());

            let mut bad = good.clone();
            let place = at.index(bad.proof.len() * 32);
            let mut bytes = *bad.proof[place / 32].as_bytes();
            bytes[place % 32] ^= change;
            bad.proof[place / 32] = Digest::from_bytes(bytes);
            prop_assert!(verify(bad).is_err());

            let mut bytes = good.checkpoint.clone().into_bytes();
            let place = at.index(bytes.len());
            bytes[place] ^= change;
            if let Ok(checkpoint) = String::from_utf8(bytes) {
                let bad = ReceiptParts { checkpoint, ..good.clone() };
                prop_assert!(verify(bad).is_err());
            }

            for index in [other, good.index ^ 1] {
                let bad = ReceiptParts { index, ..good.clone() };
                prop_assert!(index == good.index || verify(bad).is_err());
            }
        }
    }
}
