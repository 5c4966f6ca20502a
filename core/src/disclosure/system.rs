//! The disclosure test at a coordinator: its own tables of closed rounds beside the partners' tables that are shown to
//! others.

use std::collections::VecDeque;

use super::advance::Decision;
use super::attack::{Contradiction, Limits};
use super::chain::Protected;
use super::document::ReleaseDocument;
use super::known::KnownError;
use super::live::{Live, LiveError, Outcome};
use super::pooled::Pooled;
use crate::catalogue::Catalogue;
use crate::model::Digest;
use crate::plan::NAMING_PARTNERS;

/// Everything of a universe that a coordinator let anybody see: its own releases of closed rounds, and the partners'
/// releases that were shown to others. What an outsider can do who has all of them decides about the next.
///
/// The order in which they became live is one chain, the own releases and the partners' alike. A caller keeps that
/// order: it stores each own release when it freezes it, and a partner's when it first shows it (in the transaction that
/// writes down that it does), and gives all of them back in this order. [`System::mark`] goes over all of them, so that a
/// store can see in that transaction whether something became live since a table or a partner's release was tested. A
/// partner's release that is live already is not added again.
///
/// Whatever comes later is held against what is live. A caller that decides the publication batch of a round
/// ([`System::advance`]) before it shows partners' releases lets none of them stand in the way of a sum.
///
/// What every partner shows of itself was tested at that partner, beside everything else it released. Somebody who
/// has exact counts of one partner besides is not thought of here: a partner can always take its own away.
#[derive(Debug)]
pub struct System<'a> {
    live: Live<'a>,
}

impl<'a> System<'a> {
    /// From the stored bytes of everything of a universe that is live, in the order in which it became so.
    ///
    /// # Errors
    /// [`LiveError::Canonical`].
    pub fn new(
        catalogue: &'a Catalogue,
        stored: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Self, LiveError> {
        Ok(Self { live: Live::new(catalogue, stored)? })
    }

    /// The mark of everything that is live, partners' releases among it.
    #[must_use]
    pub fn mark(&self) -> Digest {
        self.live.mark()
    }

    /// How many releases are live.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Whether a release is live already, by the hash of its bytes.
    #[must_use]
    pub fn has(&self, release_hash: Digest) -> bool {
        self.live.has(release_hash)
    }

    /// Whether what is live passes by itself: what an auditor repeats.
    ///
    /// # Errors
    /// [`LiveError`].
    pub fn passes(&self, limits: &Limits) -> Result<bool, LiveError> {
        self.live.passes(limits)
    }

    /// Decides tables of a closed round in an order that was fixed beforehand, as [`Live::advance`] does.
    ///
    /// # Errors
    /// [`LiveError`], where the first table cannot be tested; then nothing was taken off. [`LiveError::Unpooled`] where
    /// any of them is of no round.
    pub fn advance(
        &self,
        tables: &mut VecDeque<Vec<Protected>>,
        limits: &Limits,
    ) -> Result<Decision, LiveError> {
        all_pooled(tables.iter().flatten())?;
        self.live.advance(tables, limits)
    }

    /// Puts tables of a closed round to the test together with everything that is live. All of them pass or none.
    ///
    /// # Errors
    /// [`LiveError`]; [`LiveError::Unpooled`] where any of them is of no round.
    pub fn test(&self, tables: Vec<Protected>, limits: &Limits) -> Result<Outcome, LiveError> {
        all_pooled(&tables)?;
        self.live.test(tables, limits)
    }

    /// Whether partners' releases may be shown to others beside everything that is live: all of them or none, since a
    /// choice among them would say which failed. They may not where there is too much to be tested together, where they
    /// contradict what is live, or where one was made under other definitions; the sums stand in any case. Where no round
    /// of the universe has a release, there is nothing to be tested: each partner tested its own.
    ///
    /// # Errors
    /// [`LiveError`], where a release names what the definitions do not have.
    pub fn partners_pass<'d>(
        &self,
        further: impl IntoIterator<Item = &'d ReleaseDocument>,
        limits: &Limits,
    ) -> Result<bool, LiveError> {
        let further: Vec<&ReleaseDocument> = further.into_iter().collect();
        if further.iter().any(|document| document.pool.is_some()) {
            return Ok(false);
        }
        if self.live.documents().all(|document| document.pool.is_none()) {
            return Ok(true);
        }
        match self.live.documents_pass(&further, limits) {
            Err(
                LiveError::Contradiction(Contradiction) | LiveError::Known(KnownError::Public(_)),
            ) => Ok(false),
            other => other,
        }
    }
}

fn all_pooled<'t>(tables: impl IntoIterator<Item = &'t Protected>) -> Result<(), LiveError> {
    if tables.into_iter().all(|table| table.document().pool.is_some()) {
        Ok(())
    } else {
        Err(LiveError::Unpooled)
    }
}

/// Whether releases of rounds may stand beside each other whatever their figures: those whose partners overlap have the
/// same partners, those of one federation's population and standing the same closing, and none names a partner.
/// Otherwise they could be subtracted from each other into one partner's table.
pub(super) fn of_one_membership<'d>(
    documents: impl IntoIterator<Item = &'d ReleaseDocument>,
) -> bool {
    let rounds = documents.into_iter().filter_map(|d| Some((d, d.pool.as_ref()?)));
    let rounds: Vec<(&ReleaseDocument, &Pooled)> = rounds.collect();
    let names = |document: &ReleaseDocument| {
        let scope = document.question.scope.as_ref().map(|scope| &scope.level);
        let mut levels = document.axes.iter().map(|axis| &axis.level).chain(scope);
        levels.any(|level| NAMING_PARTNERS.contains(&level.dimension().as_str()))
    };
    let apart = |a: &Pooled, b: &Pooled| {
        a.members().iter().all(|ods| b.members().binary_search(ods).is_err())
    };
    let together = |(d, a): &(&ReleaseDocument, &Pooled), (e, b): &(&ReleaseDocument, &Pooled)| {
        let population = |d: &ReleaseDocument| {
            (d.federation.clone(), d.dataset.clone(), d.residence_scope.clone())
        };
        let same_round = population(d) == population(e)
            && d.snapshot.version == e.snapshot.version
            && (a.closing() != b.closing() || a.kind() != b.kind());
        d.dataset != e.dataset || apart(a, b) || (a.members() == b.members() && !same_round)
    };
    let pairs = rounds.iter().enumerate();
    rounds.iter().all(|(document, _)| !names(document))
        && pairs.into_iter().all(|(i, round)| rounds[..i].iter().all(|other| together(round, other)))
}
