//! The chain from a raw table to a release. Each link takes the one before by value.

use std::fmt;

use super::distinct::DistinctPeople;
use super::document::{AxisIds, CellText, FORMAT, Figures, ReleaseDocument};
use super::measure::{self, FigureBounds, FigureGap};
use super::pooled::Pooled;
use super::protect::{shown_sum, shown_table};
use crate::authz::{Local, Shareable};
use crate::ledger::{Event, Receipt, Tested};
use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    AxisCategory, Digest, Lattice, Ods, Profile, QueryId, RawCell, Shown, SnapshotRef, Table,
};
use crate::plan::{Layout, Plan};

/// Why a link of the chain does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The table is not the one that was planned.
    #[error("the table is not the one that was planned")]
    Lattice,
    /// The profile changes counts by their records' keys, and there are none.
    #[error(
        "the table has no record keys, which the disclosure profile needs: load the extract again"
    )]
    Unkeyed,
    /// A table of a round under another round's closing.
    #[error("the table is not of the round whose closing it names")]
    Closing,
    /// A plan for no population: it has no federation.
    #[error("the plan names no federation and no residence scope")]
    Population,
    /// No canonical form, or stored bytes that are not in it.
    #[error("the release cannot be encoded or read back")]
    Canonical(#[from] CanonicalError),
    /// The audit log's entry is about something else.
    #[error("the audit log's entry is not about this release")]
    Receipt,
}

/// A protected table that was not put to the disclosure test yet. [`super::Live::test`] makes a [`Draft`] of it, and
/// nothing else does:
/// ```compile_fail,E0451
/// use evensum_core::disclosure::{Draft, Protected};
/// fn untested(table: Protected) -> Draft { Draft { table, tested: todo!() } }
/// ```
#[derive(Debug)]
pub struct Protected {
    key: Digest,
    document: ReleaseDocument,
    bytes: Vec<u8>,
}

/// A protected table that passed the disclosure test, not yet written down.
#[derive(Debug)]
pub struct Draft {
    table: Protected,
    tested: Tested,
}

/// Puts a raw table under disclosure control. Takes it by value; only a plan for a use in which tables
/// are shared will do:
/// ```
/// use evensum_core::{authz::Asked, disclosure::protect, model::*, plan::Plan};
/// fn shared(plan: &Plan<Asked>, raw: Table<RawCell>, of: &SnapshotRef, ods: &Ods) {
///     let _ = protect(plan, raw, of, ods);
/// }
/// ```
/// ```compile_fail,E0277
/// use evensum_core::{authz::Local, disclosure::protect, model::*, plan::Plan};
/// fn shared(plan: &Plan<Local>, raw: Table<RawCell>, of: &SnapshotRef, ods: &Ods) {
///     let _ = protect(plan, raw, of, ods);
/// }
/// ```
/// ```compile_fail,E0382
/// use evensum_core::{authz::Asked, disclosure::protect, model::*, plan::Plan};
/// fn twice(plan: &Plan<Asked>, raw: Table<RawCell>, of: &SnapshotRef, ods: &Ods) {
///     let _ = protect(plan, raw, of, ods);
///     let _ = raw.cells();
/// }
/// ```
///
/// # Errors
/// [`ChainError::Lattice`] where the table is not the planned one, [`ChainError::Unkeyed`] where it lacks the keys
/// that the profile needs.
pub fn protect<U: Shareable>(
    plan: &Plan<U>,
    raw: Table<RawCell>,
    snapshot: &SnapshotRef,
    ods: &Ods,
) -> Result<Protected, ChainError> {
    protected(plan, raw, snapshot, ods, None)
}

/// Puts the sum of the tables of a closed round under disclosure control, at the coordinator. Takes it by value, as
/// [`protect`] does; only [`super::System`] tests it beside what else is known of the round's partners.
/// ```
/// use evensum_core::{authz::Publication, disclosure::{Pooled, protect_pooled}, model::*, plan::Plan};
/// fn shared(plan: &Plan<Publication>, raw: Table<RawCell>, of: &SnapshotRef, ods: &Ods, pool: Pooled) {
///     let _ = protect_pooled(plan, raw, of, ods, pool);
/// }
/// ```
/// ```compile_fail,E0277
/// use evensum_core::{authz::Local, disclosure::{Pooled, protect_pooled}, model::*, plan::Plan};
/// fn shared(plan: &Plan<Local>, raw: Table<RawCell>, of: &SnapshotRef, ods: &Ods, pool: Pooled) {
///     let _ = protect_pooled(plan, raw, of, ods, pool);
/// }
/// ```
/// ```compile_fail,E0382
/// use evensum_core::{authz::Asked, disclosure::{Pooled, protect_pooled}, model::*, plan::Plan};
/// fn twice(plan: &Plan<Asked>, raw: Table<RawCell>, of: &SnapshotRef, ods: &Ods, pool: Pooled) {
///     let _ = protect_pooled(plan, raw, of, ods, pool);
///     let _ = raw.cells();
/// }
/// ```
///
/// # Errors
/// As of [`protect`], and [`ChainError::Closing`] where the extract's id is not the round's closing.
pub fn protect_pooled<U: Shareable>(
    plan: &Plan<U>,
    raw: Table<RawCell>,
    snapshot: &SnapshotRef,
    coordinator: &Ods,
    pool: Pooled,
) -> Result<Protected, ChainError> {
    if snapshot.id != pool.closing() {
        return Err(ChainError::Closing);
    }
    protected(plan, raw, snapshot, coordinator, Some(pool))
}

#[expect(clippy::needless_pass_by_value, reason = "a raw table is used up")]
fn protected<U: Shareable>(
    plan: &Plan<U>,
    raw: Table<RawCell>,
    snapshot: &SnapshotRef,
    ods: &Ods,
    pool: Option<Pooled>,
) -> Result<Protected, ChainError> {
    let layout = plan.layout();
    if **raw.lattice() != **layout.lattice() {
        return Err(ChainError::Lattice);
    }
    keyed(plan.profile(), &raw)?;
    let (federation, residence_scope) =
        layout.residence().cloned().ok_or(ChainError::Population)?;
    let off_by = pool.as_ref().map_or(0, Pooled::off_by);
    let shown = shown_sum(layout, (plan.profile(), off_by), &raw);
    let figures = measure::figures(layout, plan.profile(), &raw, &shown);
    let document = ReleaseDocument {
        format: FORMAT.to_owned(),
        ods: ods.clone(),
        federation,
        residence_scope,
        dataset: layout.dataset().clone(),
        question: layout.question().clone(),
        snapshot: snapshot.clone(),
        policy: plan.profile().into(),
        person_rows: layout.person_rows(),
        axes: axis_ids(layout.lattice()),
        cells: shown.into_iter().map(CellText::from).collect(),
        figures,
        pool,
        distinct_people: None,
    };
    let bytes = canonical::encode(&document)?;
    Ok(Protected { key: plan.frozen_key(ods, snapshot)?, document, bytes })
}

/// That a profile which needs keys has one for every cell: without them it would hide all or nothing.
fn keyed(profile: Profile, raw: &Table<RawCell>) -> Result<(), ChainError> {
    let whole = raw.cells().iter().all(|cell| cell.cell_key().is_some());
    if profile.needs_record_keys() && !whole { Err(ChainError::Unkeyed) } else { Ok(()) }
}

pub(super) fn axis_ids(lattice: &Lattice) -> Vec<AxisIds> {
    lattice
        .axes()
        .iter()
        .map(|axis| AxisIds {
            level: axis.level().clone(),
            categories: axis.categories().iter().map(|c| c.id.clone()).collect(),
        })
        .collect()
}

impl Protected {
    /// The same with the estimates of different people that go with it, where it is a sum's and there are such.
    ///
    /// # Errors
    /// [`ChainError::Canonical`].
    pub fn with_people(mut self, estimates: &[DistinctPeople]) -> Result<Self, ChainError> {
        self.document.distinct_people = super::distinct::beside(&self.document, estimates);
        self.bytes = canonical::encode(&self.document)?;
        Ok(self)
    }

    /// The key under which it would be frozen.
    #[must_use]
    pub const fn key(&self) -> Digest {
        self.key
    }

    pub(super) const fn document(&self) -> &ReleaseDocument {
        &self.document
    }

    pub(super) const fn passed(self, tested: Tested) -> Draft {
        Draft { table: self, tested }
    }

    /// The entry that says that it is withheld.
    pub(super) fn withheld(&self) -> Event {
        let ReleaseDocument { federation, dataset, question, snapshot, policy, .. } =
            self.document.clone();
        Event::Withheld {
            key: self.key,
            federation,
            dataset,
            indicator: question.indicator,
            period: question.period,
            by: question.by,
            scope: question.scope,
            snapshot_id: snapshot.id,
            profile: policy.profile,
        }
    }
}

impl Draft {
    /// The key under which it will be frozen.
    #[must_use]
    pub const fn key(&self) -> Digest {
        self.table.key
    }

    /// The bytes that will be frozen.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.table.bytes
    }

    /// What it was tested beside.
    #[must_use]
    pub const fn tested(&self) -> Tested {
        self.tested
    }

    /// The entry that must be written with them, in one transaction.
    #[must_use]
    pub fn event(&self) -> Event {
        let Protected { key, document, bytes } = &self.table;
        let withheld = document.cells.iter().filter(|c| !matches!(c, CellText::Count(_))).count();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Event::Published {
            key: *key,
            release_hash: Digest::of(bytes),
            federation: document.federation.clone(),
            dataset: document.dataset.clone(),
            indicator: document.question.indicator.clone(),
            period: document.question.period,
            by: document.question.by.clone(),
            scope: document.question.scope.clone(),
            snapshot_id: document.snapshot.id,
            profile: document.policy.profile,
            cells: number(document.cells.len()),
            withheld: number(withheld),
            tested: self.tested,
        }
    }
}

/// A table that is written down: its bytes never change again.
///
/// ```compile_fail,E0451
/// use evensum_core::disclosure::Frozen;
/// fn forge(bytes: Vec<u8>) -> Frozen {
///     Frozen { bytes, hash: evensum_core::model::Digest::of(b""), log: String::new() }
/// }
/// ```
#[derive(Debug)]
pub struct Frozen {
    bytes: Vec<u8>,
    hash: Digest,
    log: String,
}

impl Frozen {
    /// Takes the stored bytes of a release, which the audit log's `Published` entry must be about: by hash,
    /// partner, question, extract and profile. There is no other way to a frozen table: a draft becomes one
    /// by being stored.
    ///
    /// # Errors
    /// [`ChainError::Receipt`] where the entry is about another table, [`ChainError::Canonical`] where the
    /// bytes are no release.
    pub fn reopen(bytes: Vec<u8>, published: &Receipt) -> Result<Self, ChainError> {
        let hash = Digest::of(&bytes);
        let document: ReleaseDocument = canonical::decode(&bytes)?;
        let entry = published.entry();
        let Event::Published { key, tested, .. } = &entry.event else {
            return Err(ChainError::Receipt);
        };
        // What the entry must say is what it would say of these bytes as a draft.
        let draft = Protected { key: *key, document, bytes }.passed(*tested);
        if entry.event != draft.event() || entry.ods != draft.table.document.ods {
            return Err(ChainError::Receipt);
        }
        let log = published.checkpoint().origin().to_owned();
        Ok(Self { bytes: draft.table.bytes, hash, log })
    }

    /// Releases the table for one question of one query, which the audit log must already say.
    ///
    /// # Errors
    /// [`ChainError::Receipt`] where the entry is about another question or other bytes.
    pub fn release(
        self,
        query_id: QueryId,
        question: u32,
        receipt: Receipt,
    ) -> Result<Released, ChainError> {
        if receipt.checkpoint().origin() != self.log {
            return Err(ChainError::Receipt);
        }
        let query_hash = match &receipt.entry().event {
            Event::AnswerReleased { query_id: id, query_hash, question: number, release_hash }
                if (*id, *number, *release_hash) == (query_id, question, self.hash) =>
            {
                *query_hash
            }
            Event::Replayed {
                query_id: id,
                query_hash,
                question: number,
                release_hash: Some(release_hash),
            } if (*id, *number, *release_hash) == (query_id, question, self.hash) => *query_hash,
            _ => return Err(ChainError::Receipt),
        };
        Ok(Released { frozen: self, query_hash, question, receipt })
    }
}

/// A frozen table, released for one question of one query.
///
/// ```compile_fail,E0451
/// use evensum_core::{disclosure::{Frozen, Released}, ledger::Receipt, model::Digest};
/// fn unlogged(frozen: Frozen, receipt: Receipt) -> Released {
///     Released { frozen, query_hash: Digest::of(b""), question: 0, receipt }
/// }
/// ```
/// ```
/// use evensum_core::{disclosure::{ChainError, Frozen, Released}, ledger::Receipt, model::QueryId};
/// fn logged(frozen: Frozen, query: QueryId, receipt: Receipt) -> Result<Released, ChainError> {
///     frozen.release(query, 0, receipt)
/// }
/// ```
#[derive(Debug)]
pub struct Released {
    frozen: Frozen,
    query_hash: Digest,
    question: u32,
    receipt: Receipt,
}

impl Released {
    pub(super) fn into_parts(self) -> (Vec<u8>, Digest, u32, Receipt) {
        (self.frozen.bytes, self.query_hash, self.question, self.receipt)
    }
}

/// A protected table for the node's own people: what a release of the same plan would show, cell for cell. It has no
/// wire form.
pub struct Preview {
    layout: Layout,
    profile: Profile,
    cells: Vec<Shown>,
    figures: Option<Figures>,
}

/// What a table shows of one group: the two counts that its figure is made of, and the figure where they do not give it.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// Its category on each axis but the outcome's.
    pub at: Vec<&'a AxisCategory>,
    /// Above the line.
    pub numerator: Shown,
    /// Below it.
    pub denominator: Shown,
    /// One for each percentile, one for a mean or a ratio, none for what counts give.
    pub figures: Vec<Result<FigureBounds, FigureGap>>,
}

impl Group<'_> {
    /// Whether the figure can be made: neither count is hidden.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        let shown = |cell| matches!(cell, Shown::Published(_) | Shown::StructuralZero);
        shown(self.numerator)
            && shown(self.denominator)
            && (self.figures.is_empty() || self.figures.iter().any(Result::is_ok))
    }
}

impl Preview {
    /// The table's shape.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The profile that it was protected under.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The axes, as a release names them.
    #[must_use]
    pub fn axes(&self) -> Vec<AxisIds> {
        axis_ids(self.layout.lattice())
    }

    /// What would be shown, in the lattice's order.
    #[must_use]
    pub fn cells(&self) -> &[Shown] {
        &self.cells
    }

    /// The figures that counts do not give, as a release has them.
    #[must_use]
    pub const fn figures(&self) -> Option<&Figures> {
        self.figures.as_ref()
    }

    /// The groups of the breakdown and their totals, in the lattice's order.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let lattice = self.layout.lattice();
        let outer = lattice.axes().len().saturating_sub(1);
        (0..lattice.len()).filter_map(move |index| {
            let mut at = lattice.coordinates(index);
            let outcome = at.get_mut(outer)?;
            if *outcome != self.layout.numerator() {
                return None;
            }
            let numerator = *self.cells.get(index)?;
            *outcome = self.layout.denominator();
            let denominator = *self.cells.get(lattice.index(&at)?)?;
            let places = lattice.axes().iter().take(outer).zip(at);
            let at =
                places.map(|(axis, place)| axis.categories().get(place)).collect::<Option<_>>()?;
            let group = index / lattice.axes().last()?.categories().len();
            let figures = measure::of_group(&self.layout, self.figures.as_ref(), group);
            Some(Group { at, numerator, denominator, figures })
        })
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preview({} cells)", self.cells.len())
    }
}

/// Shows the node's own people what would be released.
///
/// # Errors
/// As of [`protect`].
pub fn preview(plan: &Plan<Local>, raw: Table<RawCell>) -> Result<Preview, ChainError> {
    let (layout, profile) = (plan.layout(), plan.profile());
    if **raw.lattice() != **layout.lattice() {
        return Err(ChainError::Lattice);
    }
    keyed(profile, &raw)?;
    let cells = shown_table(layout, profile, &raw);
    let figures = measure::figures(layout, profile, &raw, &cells);
    Ok(Preview { layout: layout.clone(), profile, cells, figures })
}
