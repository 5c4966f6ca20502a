//! The disclosure test in its place: a protected table becomes a draft where nothing hidden can be found out from
//! it and everything that is live beside it, and is withheld otherwise.

use std::collections::BTreeSet;
use std::fmt;

use super::attack::{self, Contradiction, Limits, Verdict};
use super::chain::{Draft, Protected};
use super::document::ReleaseDocument;
use super::extract::Extracts;
use super::known::{Known, KnownError};
use super::system::of_one_membership;
use crate::catalogue::{Catalogue, Dataset};
use crate::ledger::{Event, Tested};
use crate::model::canonical::{self, CanonicalError};
use crate::model::{Digest, Period};

/// What is tested together: everything that is released of the records of one population and period, whoever asked
/// and in whatever federation. A dataset that names no population is one by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Universe(String);

impl Universe {
    /// That of a dataset and period.
    #[must_use]
    pub fn of(dataset: &Dataset, period: Period) -> Self {
        let population = dataset.population.as_ref().map_or(dataset.id.as_str(), |p| p.as_str());
        Self(format!("{population} {period}"))
    }

    /// Its name, under which a store keeps its releases together.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Universe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why tables cannot be put to the test.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A stored release cannot be read.
    #[error("a stored release cannot be read")]
    Canonical(#[from] CanonicalError),
    /// Releases that cannot be put beside each other.
    #[error(transparent)]
    Known(#[from] KnownError),
    /// What is live contradicts itself: it was not made from one extract.
    #[error("what is released of one extract contradicts itself")]
    Contradiction(#[from] Contradiction),
    /// A partner's table where the sum of several is asked for.
    #[error("a table was not made from a closed round of partners")]
    Unpooled,
}

/// Everything that is released of a universe, in the order in which it was.
#[derive(Debug)]
pub struct Live<'a> {
    catalogue: &'a Catalogue,
    releases: Vec<(ReleaseDocument, Digest)>,
}

/// What came of the test.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing hidden can be found out: the tables may be frozen, in this order.
    Passed(Vec<Draft>),
    /// Something can, or that was not decided: they stay withheld.
    Withheld(Vec<Withheld>),
}

/// A table that is withheld.
#[derive(Debug)]
pub struct Withheld {
    key: Digest,
    event: Event,
}

impl Withheld {
    pub(super) fn of(table: Protected) -> Self {
        Self { key: table.key(), event: table.withheld() }
    }

    /// The key under which it would have been frozen.
    #[must_use]
    pub const fn key(&self) -> Digest {
        self.key
    }

    /// The entry that says so.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }
}

/// The mark of releases of which nothing is live yet.
const NOTHING: &[u8] = b"evensum-live-1";

/// The mark of what is live once a further release is.
#[must_use]
pub fn mark_after(mark: Digest, release_hash: Digest) -> Digest {
    Digest::of(&[&mark.as_bytes()[..], &release_hash.as_bytes()[..]].concat())
}

/// The mark of releases, given by their hashes in the order in which they were published.
pub fn mark(hashes: impl IntoIterator<Item = Digest>) -> Digest {
    hashes.into_iter().fold(Digest::of(NOTHING), mark_after)
}

impl<'a> Live<'a> {
    /// From the stored bytes of all releases of a universe, in the order in which they were published.
    ///
    /// # Errors
    /// [`LiveError::Canonical`].
    pub fn new(
        catalogue: &'a Catalogue,
        stored: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Self, LiveError> {
        let read = |bytes: &[u8]| -> Result<_, LiveError> {
            Ok((canonical::decode(bytes)?, Digest::of(bytes)))
        };
        let releases =
            stored.into_iter().map(|b| read(b.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { catalogue, releases })
    }

    /// The mark of what is live: a store freezes a draft only where it is still the mark that the draft was
    /// tested under.
    #[must_use]
    pub fn mark(&self) -> Digest {
        mark(self.releases.iter().map(|(_, hash)| *hash))
    }

    /// How many releases are live.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.releases.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }

    pub(super) fn has(&self, release_hash: Digest) -> bool {
        self.releases.iter().any(|(_, hash)| *hash == release_hash)
    }

    pub(super) fn documents(&self) -> impl Iterator<Item = &ReleaseDocument> {
        self.releases.iter().map(|(document, _)| document)
    }

    /// Whether what is live passes by itself: what an auditor repeats. Several partners' releases were each tested at
    /// their partner; together they are tested from the first of a round on.
    ///
    /// # Errors
    /// [`LiveError`].
    pub fn passes(&self, limits: &Limits) -> Result<bool, LiveError> {
        if !of_one_membership(self.documents()) {
            return Ok(false);
        }
        let by = Extracts::among(self.documents());
        let first = if by.are_federated() {
            let pooled = self.documents().position(|document| document.pool.is_some());
            pooled.unwrap_or(self.releases.len())
        } else {
            0
        };
        let mut newest: Vec<&ReleaseDocument> = Vec::new();
        for (document, _) in self.releases.iter().skip(first).rev() {
            if !newest.iter().any(|d| by.of(d) == by.of(document)) {
                newest.push(document);
            }
        }
        for document in newest {
            if !self.all_safe(document, &[], limits)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts tables of one extract to the test together with everything that is live. All of them pass or none: a
    /// repair of single cells, or a choice among them, would itself say what failed.
    ///
    /// # Errors
    /// [`LiveError`].
    pub fn test(&self, tables: Vec<Protected>, limits: &Limits) -> Result<Outcome, LiveError> {
        Ok(if self.all_pass(&tables, limits)? {
            Outcome::Passed(self.drafts(tables))
        } else {
            Outcome::Withheld(tables.into_iter().map(Withheld::of).collect())
        })
    }

    /// Whether tables pass together with everything that is live. None always do.
    pub(super) fn all_pass<'t>(
        &self,
        tables: impl IntoIterator<Item = &'t Protected>,
        limits: &Limits,
    ) -> Result<bool, LiveError> {
        let documents: Vec<&ReleaseDocument> =
            tables.into_iter().map(Protected::document).collect();
        self.documents_pass(&documents, limits)
    }

    /// [`Live::all_pass`], of documents.
    pub(super) fn documents_pass(
        &self,
        documents: &[&ReleaseDocument],
        limits: &Limits,
    ) -> Result<bool, LiveError> {
        let all = || self.documents().chain(documents.iter().copied());
        let mut safe = !self.figures_differ(documents) && of_one_membership(all());
        let by = Extracts::among(all());
        for (i, document) in documents.iter().enumerate() {
            // Tables of one extract are all tested by the first of them.
            if documents[..i].iter().all(|d| by.of(d) != by.of(document)) {
                safe &= match self.all_safe(document, documents, limits) {
                    // What its categories meant is not known any more.
                    Err(LiveError::Known(KnownError::Definitions)) => false,
                    other => other?,
                };
            }
        }
        Ok(safe)
    }

    /// Whether tables with figures that counts do not give divide the same people in two ways. Each table's figures are
    /// judged within it; beside those of other levels or restrictions they would have to be judged together.
    fn figures_differ(&self, tables: &[&ReleaseDocument]) -> bool {
        let all: Vec<&ReleaseDocument> = self
            .releases
            .iter()
            .map(|(document, _)| document)
            .chain(tables.iter().copied())
            .filter(|document| document.figures.is_some())
            .collect();
        let by = Extracts::among(all.iter().copied());
        let apart = |a: &ReleaseDocument, b: &ReleaseDocument| {
            let (q, r) = (&a.question, &b.question);
            let levels = q
                .by
                .iter()
                .any(|level| r.by.iter().any(|l| l != level && l.dimension() == level.dimension()));
            let same = by.of(a) == by.of(b);
            // A partner's people are some of those of a sum.
            let part = a.pool != b.pool && a.ods != b.ods;
            let people = q.scope != r.scope || a.residence_scope != b.residence_scope || part;
            same && q.indicator == r.indicator && (levels || people)
        };
        tables.iter().any(|table| all.iter().any(|other| apart(table, other)))
    }

    pub(super) fn drafts(&self, tables: impl IntoIterator<Item = Protected>) -> Vec<Draft> {
        let mut live = self.mark();
        let mut drafts = Vec::new();
        for (table, count) in tables.into_iter().zip(self.releases.len()..) {
            let tested = Tested { live, others: u32::try_from(count).unwrap_or(u32::MAX) };
            let draft = table.passed(tested);
            live = mark_after(live, Digest::of(draft.bytes()));
            drafts.push(draft);
        }
        drafts
    }

    /// Whether nothing can be found out from a table's own extract, from it and the other datasets of its
    /// population, and from it and earlier extracts of the same period.
    fn all_safe(
        &self,
        of: &ReleaseDocument,
        further: &[&ReleaseDocument],
        limits: &Limits,
    ) -> Result<bool, LiveError> {
        let all: Vec<&ReleaseDocument> =
            self.releases.iter().map(|(d, _)| d).chain(further.iter().copied()).collect();
        let by = Extracts::among(all.iter().copied());
        let own = |d: &&ReleaseDocument| by.of(d) == by.of(of);
        let alone: Vec<_> = all.iter().copied().filter(own).collect();
        if self.verdict(alone.clone(), false, limits)?? != Verdict::Safe {
            return Ok(false);
        }
        // The newest extract of each of the other datasets.
        let newest = |d: &ReleaseDocument| {
            all.iter().rev().find(|o| o.dataset == d.dataset).is_some_and(|o| by.of(o) == by.of(d))
        };
        let others = all.iter().copied().filter(|d| d.dataset != of.dataset && newest(d));
        let earlier =
            all.iter().copied().filter(|d| d.dataset == of.dataset && by.of(d) != by.of(of));
        for (beside, extracts) in
            [(others.collect::<Vec<_>>(), false), (earlier.collect::<Vec<_>>(), true)]
        {
            if beside.is_empty() {
                continue;
            }
            let mut together: Vec<_> = alone.iter().copied().chain(beside).collect();
            if extracts {
                // In the order of the extracts, whichever of them is asked about.
                together.sort_by_key(|d| d.snapshot.version);
            }
            let wider = Limits { published: limits.published * 2, ..*limits };
            let mut verdict = self.verdict(together.clone(), extracts, &wider)?;
            if verdict == Err(Contradiction) && by.are_federated() {
                // Of the partners that do not refute it by themselves it may be so.
                let rest = self.without_refuted(together, extracts, &wider)?;
                verdict = self.verdict(rest, extracts, &wider)?;
            }
            match verdict {
                Ok(Verdict::Safe) => {}
                Ok(Verdict::Unsafe | Verdict::Undecided) => return Ok(false),
                // That rows of one are rows of the other is refuted by the figures themselves.
                Err(Contradiction) => {}
            }
        }
        Ok(true)
    }

    /// Releases without those of partners whose own contradict each other.
    fn without_refuted<'d>(
        &self,
        mut documents: Vec<&'d ReleaseDocument>,
        extracts: bool,
        limits: &Limits,
    ) -> Result<Vec<&'d ReleaseDocument>, KnownError> {
        let partners = documents.iter().filter(|d| d.pool.is_none()).map(|d| &d.ods);
        for ods in partners.collect::<BTreeSet<_>>() {
            let own = |d: &&ReleaseDocument| d.pool.is_none() && d.ods == *ods;
            let alone: Vec<_> = documents.iter().copied().filter(own).collect();
            if self.verdict(alone, extracts, limits)? == Err(Contradiction) {
                documents.retain(|d| !own(d));
            }
        }
        Ok(documents)
    }

    fn verdict(
        &self,
        documents: Vec<&ReleaseDocument>,
        extracts: bool,
        limits: &Limits,
    ) -> Result<Result<Verdict, Contradiction>, KnownError> {
        // Everybody knows that of a column which an extract has nobody is not collected, unless its own figures
        // say otherwise.
        for collected in [true, false] {
            let known = Known::new(self.catalogue, documents.clone(), extracts, collected);
            if let Ok(decision) = attack::decide(&known.public()?, limits) {
                return Ok(Ok(decision.verdict));
            }
        }
        Ok(Err(Contradiction))
    }
}
