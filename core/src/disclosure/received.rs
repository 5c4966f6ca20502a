//! An answer that arrived: believed only after its signature, its proof and its numbers are checked.

use super::chain::axis_ids;
use super::document::{FORMAT, ReleaseDocument};
use super::outgoing::{AnswerParts, DocumentKind, REFUSAL_FORMAT, RefusalDocument, statement};
use super::protect::shown_none;
use crate::ledger::{Event, Receipt, ReceiptError, origin};
use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Agreement, Digest, Ods, Party, Profile, QueryId, RefusalCode, Role, Shown, Zeros,
};
use crate::plan::Layout;
use crate::sign::{KeyError, VerifyingKey};

/// The highest count that is believed: far above any population, and far below where sums over partners
/// stop being exact.
pub const MAX_COUNT: u64 = 1 << 40;

/// Why an answer is not believed. Each names what the partner's people should look at.
#[derive(Debug, thiserror::Error)]
pub enum ReceivedError {
    /// A key of the agreement is unusable.
    #[error("the agreement's keys for this partner cannot be used")]
    Key(#[from] KeyError),
    /// The statement's signature is not the partner's.
    #[error("the answer is not signed with the key that the agreement lists for this partner")]
    Signature,
    /// The proof does not hold.
    #[error("the proof that the partner's audit log holds this answer is not valid")]
    Receipt(#[from] ReceiptError),
    /// The log's entry is about something else.
    #[error("the partner's audit log entry is about another query or another answer")]
    Entry,
    /// Not a document of this kind.
    #[error("the answer cannot be read: update the older program")]
    Document(#[from] CanonicalError),
    /// Not an answer to this question by this partner.
    #[error("the answer is to another question, or of another partner")]
    Question,
    /// Another policy than the agreement's.
    #[error("the answer was made under another disclosure profile than the agreement's")]
    Policy,
    /// Numbers that the declared policy cannot produce.
    #[error("the answer holds figures that its own disclosure profile cannot produce")]
    Figures,
}

/// What an answer is held against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The own copy of the agreement.
    pub agreement: &'a Agreement,
    /// The party that was asked.
    pub ods: &'a Ods,
    /// What it answers as: a partner with its own table, the coordinator with one of a closed round.
    pub role: Role,
    /// The query.
    pub query_id: QueryId,
    /// The hash of its signed bytes.
    pub query_hash: Digest,
    /// Which of its questions, from 0.
    pub question: u32,
    /// The table that was asked for.
    pub layout: &'a Layout,
}

/// A partner's release, verified.
///
/// ```compile_fail,E0451
/// use evensum_core::disclosure::{AnswerParts, Received, ReleaseDocument};
/// fn believe(parts: AnswerParts, document: ReleaseDocument) -> Received {
///     Received { parts, document, shown: vec![] }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Received {
    parts: AnswerParts,
    document: ReleaseDocument,
    shown: Vec<Shown>,
}

/// A partner's refusal, verified.
#[derive(Debug, Clone)]
pub struct ReceivedRefusal {
    parts: AnswerParts,
    document: RefusalDocument,
}

/// A verified answer.
#[derive(Debug, Clone)]
pub enum Verified {
    /// A release.
    Release(Box<Received>),
    /// A refusal.
    Refusal(Box<ReceivedRefusal>),
}

impl Verified {
    /// Verifies an answer: the partner's signature over its statement, the proof of its audit log, that
    /// the log's entry, the document and the question belong together, and that the figures are ones
    /// which the declared policy can produce.
    ///
    /// # Errors
    /// [`ReceivedError`].
    pub fn verify(parts: AnswerParts, expected: Expected<'_>) -> Result<Self, ReceivedError> {
        let Expected { agreement, ods, role, .. } = expected;
        if !matches!(role, Role::Node | Role::Coordinator) {
            return Err(ReceivedError::Question);
        }
        let party: &Party = agreement.party(ods, role).ok_or(ReceivedError::Question)?;
        let answer_key = VerifyingKey::parse(&party.answer_key)?;
        let ledger_key = VerifyingKey::parse(&party.ledger_key)?;
        let message = statement(
            &agreement.federation,
            ods,
            (expected.query_hash, expected.question),
            &parts.document,
            &parts.receipt,
        )?;
        if !answer_key.is_ed25519() || !answer_key.verifies(&message, &parts.signature) {
            return Err(ReceivedError::Signature);
        }
        let log = origin(ods, role);
        let receipt = Receipt::verify(parts.receipt.clone(), &log, &ledger_key)?;
        match parts.kind {
            DocumentKind::Release => release(parts, &receipt, expected),
            DocumentKind::Refusal => refusal(parts, &receipt, expected),
        }
    }
}

impl Verified {
    /// The partner.
    #[must_use]
    pub const fn ods(&self) -> &Ods {
        match self {
            Self::Release(received) => &received.document.ods,
            Self::Refusal(refusal) => &refusal.document.ods,
        }
    }
}

fn release(
    parts: AnswerParts,
    receipt: &Receipt,
    expected: Expected<'_>,
) -> Result<Verified, ReceivedError> {
    let logged = match &receipt.entry().event {
        Event::AnswerReleased { query_id, query_hash, question, release_hash }
        | Event::Replayed { query_id, query_hash, question, release_hash: Some(release_hash) } => {
            (*query_id, *query_hash, *question, *release_hash)
        }
        _ => return Err(ReceivedError::Entry),
    };
    let Expected { query_id, query_hash, question, .. } = expected;
    if logged != (query_id, query_hash, question, Digest::of(&parts.document)) {
        return Err(ReceivedError::Entry);
    }
    let document: ReleaseDocument = canonical::decode(&parts.document)?;
    let Expected { agreement, layout, ods, .. } = expected;
    let same = document.format == FORMAT
        && document.ods == *ods
        && document.federation == agreement.federation
        && document.residence_scope == agreement.residence_scope
        && document.dataset == *layout.dataset()
        && document.question == *layout.question()
        && document.person_rows == layout.person_rows()
        && document.axes == axis_ids(layout.lattice())
        && document.cells.len() == layout.lattice().len()
        && of_role(&document, expected);
    if !same {
        return Err(ReceivedError::Question);
    }
    let profile = agreement.profile;
    if document.policy != profile.into() {
        return Err(ReceivedError::Policy);
    }
    let shown: Vec<Shown> = document.cells.iter().copied().map(Shown::from).collect();
    // Zeros of an indicator whose target is zero: all of them, or none. Of figures that were changed at random nothing
    // adds up, and nobody is said to be nobody by this rule.
    let none = shown_none(layout, &shown, |cell| shown.get(cell) == Some(&Shown::Published(0)));
    let none = none.filter(|_| document.off_by() == 0).unwrap_or_default();
    let zero = |cell: usize| none.binary_search(&cell).is_ok();
    let possible = |(index, cell): (usize, &Shown)| {
        if zero(index) {
            return *cell == Shown::Published(0);
        }
        plausible(*cell, profile, document.person_rows)
    };
    if !shown.iter().enumerate().all(possible) {
        return Err(ReceivedError::Figures);
    }
    let figures = document.figures.as_ref();
    if !consistent(layout, &shown, profile, document.off_by())
        || !super::measure::possible(layout, profile, &shown, figures)
        || !super::distinct::possible(&document)
    {
        return Err(ReceivedError::Figures);
    }
    Ok(Verified::Release(Box::new(Received { parts, document, shown })))
}

/// Whether a release says of itself what its sender may: a partner that it is of no round, the coordinator of which
/// round of the agreement's partners it is.
fn of_role(document: &ReleaseDocument, expected: Expected<'_>) -> bool {
    let Expected { agreement, role, .. } = expected;
    match &document.pool {
        None => role == Role::Node,
        Some(pool) => {
            let mut partners = pool.members().iter().chain(pool.missing());
            role == Role::Coordinator
                && pool.closing() == document.snapshot.id
                && partners.all(|ods| agreement.party(ods, Role::Node).is_some())
        }
    }
}

/// Whether the profile can produce a cell.
pub(super) fn plausible(
    cell: Shown,
    profile: Profile,
    person_rows: crate::catalogue::PersonRows,
) -> bool {
    use crate::catalogue::PersonRows;
    match cell {
        Shown::Published(0) => profile.zeros() == Zeros::Shown,
        Shown::Published(r) if r > MAX_COUNT => false,
        Shown::Published(r) => r.is_multiple_of(profile.base()) && r >= profile.least_shown(),
        Shown::Small => person_rows == PersonRows::One && profile.tells_small(),
        Shown::Suppressed => true,
        // No layout declares any yet, so that nobody can publish a true zero as one.
        Shown::StructuralZero => false,
    }
}

/// Whether no cell is surely more than one that contains it. What figures stand for is compared, and not the figures:
/// changed at random, a part may be published as more than its total.
pub(super) fn consistent(layout: &Layout, shown: &[Shown], profile: Profile, off_by: u64) -> bool {
    let bounds = super::protect::bounds(layout.lattice(), shown, profile);
    bounds.iter().enumerate().all(|(index, inner)| {
        layout.lattice().above(index).into_iter().all(|outer| {
            let high = bounds.get(outer).and_then(|b| b.high);
            high.is_none_or(|high| inner.low.saturating_sub(off_by) <= high.saturating_add(off_by))
        })
    })
}

fn refusal(
    parts: AnswerParts,
    receipt: &Receipt,
    expected: Expected<'_>,
) -> Result<Verified, ReceivedError> {
    let document: RefusalDocument = canonical::decode(&parts.document)?;
    let event = &receipt.entry().event;
    // A query that was refused as a whole is refused in each of its questions.
    let of_question = match event {
        Event::Refused { question, code, .. } => {
            *code == document.code && question.is_none_or(|of| of == expected.question)
        }
        Event::Replayed { question, release_hash: None, .. } => *question == expected.question,
        _ => false,
    };
    let logged = of_question && event.query() == Some((expected.query_id, expected.query_hash));
    if !logged {
        return Err(ReceivedError::Entry);
    }
    let same = document.format == REFUSAL_FORMAT
        && document.ods == *expected.ods
        && (document.query_id, document.question) == (expected.query_id, expected.question);
    if !same {
        return Err(ReceivedError::Question);
    }
    Ok(Verified::Refusal(Box::new(ReceivedRefusal { parts, document })))
}

impl Received {
    /// The release.
    #[must_use]
    pub const fn document(&self) -> &ReleaseDocument {
        &self.document
    }

    /// What the cells show, in the lattice's order.
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// The bytes as they arrived.
    #[must_use]
    pub const fn parts(&self) -> &AnswerParts {
        &self.parts
    }
}

impl ReceivedRefusal {
    /// The partner.
    #[must_use]
    pub const fn ods(&self) -> &Ods {
        &self.document.ods
    }

    /// Why it refuses.
    #[must_use]
    pub const fn code(&self) -> RefusalCode {
        self.document.code
    }

    /// The bytes as they arrived.
    #[must_use]
    pub const fn parts(&self) -> &AnswerParts {
        &self.parts
    }
}
