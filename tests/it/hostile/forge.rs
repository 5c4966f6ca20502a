//! What somebody can make who holds a partner's keys: answers that are signed as they should be and proved
//! by an audit log that the same hand wrote.

use evensum_core::disclosure::{AnswerParts, DocumentKind};
use evensum_core::ledger::{Checkpoint, Entry, Event, ReceiptParts, merkle, origin};
use evensum_core::model::{Digest, FederationId, Ods, Role, Timestamp, canonical};
use evensum_core::sign::{SigningKey, pre_authentication_encoding};

use super::fixture::{Federation, copy};
use crate::pki::{NOW, ods};

/// A partner's keys in the wrong hands.
pub(super) struct Forger {
    federation: FederationId,
    ods: Ods,
    role: Role,
    answer: SigningKey,
    ledger: SigningKey,
}

impl Forger {
    pub(super) fn new(f: &Federation, code: &str, role: Role) -> Self {
        let keys = &f.keys[code];
        Self {
            federation: f.pki.federation.clone(),
            ods: ods(code),
            role,
            answer: copy(&keys.answer),
            ledger: copy(&keys.ledger),
        }
    }

    /// An audit log of one entry, and its proof.
    pub(super) fn receipt(&self, event: Event) -> ReceiptParts {
        self.receipt_at(event, NOW)
    }

    /// The same, where the entry itself names another server than the log does.
    pub(super) fn receipt_by(&self, code: &str, role: Role, event: Event) -> ReceiptParts {
        self.receipt_of(Entry::new(0, NOW, ods(code), role, event))
    }

    fn receipt_at(&self, event: Event, at: Timestamp) -> ReceiptParts {
        self.receipt_of(Entry::new(0, at, self.ods.clone(), self.role, event))
    }

    fn receipt_of(&self, entry: Entry) -> ReceiptParts {
        let entry = entry.encode().expect("encodes");
        let mut tree = merkle::Frontier::default();
        tree.push(merkle::leaf_hash(&entry));
        let log = origin(&self.ods, self.role);
        let checkpoint = Checkpoint::sign(&log, 1, &tree.root(), &self.ledger).expect("signs");
        ReceiptParts { entry, index: 0, proof: Vec::new(), checkpoint }
    }

    /// The same keys under another partner's name.
    pub(super) fn named(self, code: &str) -> Self {
        Self { ods: ods(code), ..self }
    }

    /// Signs the parts over again, as they now are.
    pub(super) fn sign(&self, query_hash: Digest, parts: AnswerParts) -> AnswerParts {
        self.sign_for(query_hash, 0, parts)
    }

    /// The same, as the answer to any question.
    pub(super) fn sign_for(
        &self,
        query_hash: Digest,
        question: u32,
        parts: AnswerParts,
    ) -> AnswerParts {
        let say = |statement: &mut serde_json::Value| statement["question"] = question.into();
        self.sign_saying(query_hash, parts, say)
    }

    /// Signs a statement about the parts that says something else than it should.
    pub(super) fn sign_saying(
        &self,
        query_hash: Digest,
        parts: AnswerParts,
        lie: impl FnOnce(&mut serde_json::Value),
    ) -> AnswerParts {
        let mut statement = serde_json::json!({
            "federation": self.federation,
            "ods": self.ods,
            "query_hash": query_hash,
            "question": 0,
            "document_hash": Digest::of(&parts.document),
            "index": parts.receipt.index,
            "checkpoint_hash": Digest::of(parts.receipt.checkpoint.as_bytes()),
        });
        lie(&mut statement);
        let statement = canonical::encode(&statement).expect("encodes");
        let message =
            pre_authentication_encoding("application/vnd.evensum.statement.v1+json", &statement);
        AnswerParts { signature: self.answer.sign(&message).expect("signs"), ..parts }
    }

    /// A release with another document, signed and proved as if it were the partner's own.
    pub(super) fn release(&self, parts: &AnswerParts, document: Vec<u8>) -> AnswerParts {
        let entry = Entry::decode(&parts.receipt.entry).expect("an entry");
        let (query_id, query_hash) = entry.event.query().expect("of a query");
        let release_hash = Digest::of(&document);
        let event = Event::AnswerReleased { query_id, query_hash, question: 0, release_hash };
        let receipt = self.receipt(event);
        let kind = DocumentKind::Release;
        self.sign(query_hash, AnswerParts { kind, document, receipt, ..parts.clone() })
    }

    /// A release whose document was changed as JSON.
    pub(super) fn edited(
        &self,
        parts: &AnswerParts,
        edit: impl FnOnce(&mut serde_json::Value),
    ) -> AnswerParts {
        let mut document = serde_json::from_slice(&parts.document).expect("JSON");
        edit(&mut document);
        self.release(parts, canonical::encode(&document).expect("encodes"))
    }
}
