//! From a permit to a plan: which table to count, from which columns, restricted to whom. A plan carries
//! the permit's use in its type, and is the only thing that disclosure control takes a raw table for.

mod distinct;
mod figure;
mod pooled;
mod publication;

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use crate::authz::{Denied, Permit, Use};
use crate::catalogue::{Catalogue, Dataset, IndicatorKind, Lists, Partition, PersonRows};
use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Agreement, Axis, CategoryId, ColumnId, DatasetId, Digest, DimensionId, FederationId, Lattice,
    LatticeError, Ods, Profile, Question, RefusalCode, SnapshotRef,
};

pub use distinct::{DISTINCT_PEOPLE, DistinctTable, MAX_DISTINCT_CATEGORIES};
pub use figure::Figure;
pub use pooled::{NAMING_PARTNERS, PooledTable, PooledTables};
pub use publication::{Rungs, publication};

/// The category of a listed dimension that takes what nobody lists.
pub const ELSEWHERE: &str = "elsewhere";
/// The last whole week that a histogram of waits counts by itself.
pub const LAST_WEEK: u16 = 104;
/// The last minute that a histogram of stays counts by itself: a day.
pub const LAST_MINUTE: u16 = 1_440;

/// Counts of a measure by unit: 0, 1, … up to the last unit, and one count of everything above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// The measure.
    pub measure: ColumnId,
    /// The last unit that is counted by itself.
    pub last: u16,
}

/// A restriction of rows: those whose finest code in a column is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The column.
    pub column: ColumnId,
    /// The finest codes that are kept.
    pub keep: Vec<CategoryId>,
}

/// The shape of the table that a question asks for: the same for everybody who has the question, the
/// agreement and the catalogue.
#[derive(Debug, Clone)]
pub struct Layout {
    question: Question,
    dataset: DatasetId,
    lattice: Arc<Lattice>,
    numerator: usize,
    denominator: usize,
    person_rows: PersonRows,
    residence: Option<(FederationId, Vec<CategoryId>)>,
    measures: Vec<ColumnId>,
    tops: Vec<u16>,
    histogram: Option<Histogram>,
    figure: Option<Figure>,
    zero_target: bool,
}

/// What to count, and for which use.
#[derive(Debug)]
pub struct Plan<U: Use> {
    layout: Layout,
    columns: Vec<ColumnId>,
    filters: Vec<Filter>,
    profile: Profile,
    use_: PhantomData<U>,
}

/// The lists that an agreement supplies for the listed dimensions: its nodes as providers, its
/// residence scope as ICBs, and what it lists itself.
#[must_use]
pub fn lists(agreement: &Agreement) -> Lists {
    let id = |text: &str| DimensionId::new(text).ok();
    let providers = agreement.nodes().filter_map(|party| {
        let code = CategoryId::new(party.ods.as_str()).ok()?;
        Some((code, party.name.clone().unwrap_or_else(|| party.ods.to_string())))
    });
    let own = agreement.lists.iter().map(|(dimension, listed)| {
        let listed = listed.iter().map(|one| (one.id.clone(), one.name.clone()));
        (dimension.clone(), listed.collect())
    });
    let icbs = agreement.residence_scope.iter().map(|c| (c.clone(), c.to_string()));
    id("provider")
        .map(|d| (d, providers.collect()))
        .into_iter()
        .chain(id("icb").map(|d| (d, icbs.collect())))
        .chain(own)
        .collect()
}

impl Layout {
    /// Lays a question out. The breakdown is put in the catalogue's order, so that the order in which
    /// somebody asks makes no other table.
    ///
    /// # Errors
    /// [`Denied`], where the catalogue has no such question or the table would be too large.
    pub fn new(
        question: &Question,
        agreement: Option<&Agreement>,
        catalogue: &Catalogue,
    ) -> Result<Self, Denied> {
        let mut question = question.clone();
        question.by.sort_by_key(|level| (catalogue.place_of(level), level.clone()));
        let indicator = catalogue.indicator(&question.indicator)?;
        let dataset = catalogue.dataset(&indicator.dataset)?;
        let lists = agreement.map(lists).unwrap_or_default();
        let mut axes: Vec<Axis> = Vec::with_capacity(question.by.len() + 1);
        for level in &question.by {
            axes.push(catalogue.axis(level, &lists)?);
        }
        if let Some(scope) = &question.scope {
            let axis = catalogue.axis(&scope.level, &lists)?;
            // What is elsewhere depends on who lists what, so that no restriction can be named by it.
            let named = !scope.category.is_all() && scope.category.as_str() != ELSEWHERE;
            if !named || axis.position(&scope.category).is_none() {
                return Err(Denied(RefusalCode::CategoryUnknown));
            }
        }
        let malformed = |_: LatticeError| Denied(RefusalCode::DefinitionDiffers);
        let ends = [&indicator.numerator, &indicator.denominator];
        let outcome = dataset.outcome.axis(&ends).map_err(malformed)?;
        let at = |id| outcome.position(id).ok_or(Denied(RefusalCode::DefinitionDiffers));
        let (numerator, denominator) = (at(&indicator.numerator)?, at(&indicator.denominator)?);
        axes.push(outcome);
        let lattice = Lattice::new(axes).map_err(|_| Denied(RefusalCode::TableTooLarge))?;
        Ok(Self {
            question,
            dataset: dataset.id.clone(),
            lattice: Arc::new(lattice),
            numerator,
            denominator,
            person_rows: dataset.person_rows,
            residence: agreement.map(|a| (a.federation.clone(), a.residence_scope.clone())),
            tops: summed(&indicator.kind).iter().map(|id| most(id, dataset)).collect(),
            measures: summed(&indicator.kind),
            histogram: histogram(&indicator.kind, dataset),
            figure: Figure::of(&indicator.kind, dataset),
            zero_target: indicator.zero_target,
        })
    }

    /// The question, its breakdown in the catalogue's order.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// The dataset.
    #[must_use]
    pub const fn dataset(&self) -> &DatasetId {
        &self.dataset
    }

    /// The table's lattice; the outcome is its last axis.
    #[must_use]
    pub const fn lattice(&self) -> &Arc<Lattice> {
        &self.lattice
    }

    /// The position of the numerator on the outcome axis.
    #[must_use]
    pub const fn numerator(&self) -> usize {
        self.numerator
    }

    /// The position of the denominator on the outcome axis.
    #[must_use]
    pub const fn denominator(&self) -> usize {
        self.denominator
    }

    /// Whether the indicator's declared target is that there be none.
    #[must_use]
    pub const fn zero_target(&self) -> bool {
        self.zero_target
    }

    /// Whether a person may have several rows.
    #[must_use]
    pub const fn person_rows(&self) -> PersonRows {
        self.person_rows
    }

    /// Federation and residence scope of the population; none for local use.
    #[must_use]
    pub const fn residence(&self) -> Option<&(FederationId, Vec<CategoryId>)> {
        self.residence.as_ref()
    }

    /// The measures that are summed in every cell.
    #[must_use]
    pub fn measures(&self) -> &[ColumnId] {
        &self.measures
    }

    /// What a row counts for at most in each of those sums: what lies above is counted as this.
    #[must_use]
    pub fn tops(&self) -> &[u16] {
        &self.tops
    }

    /// The measure whose units are counted in every cell.
    #[must_use]
    pub const fn histogram(&self) -> Option<&Histogram> {
        self.histogram.as_ref()
    }

    /// The figure that groups have beside their counts, where that needs sums or a histogram.
    #[must_use]
    pub const fn figure(&self) -> Option<&Figure> {
        self.figure.as_ref()
    }
}

impl<U: Use> Plan<U> {
    /// Compiles a permit. Every column and code in the plan is the catalogue's or the agreement's.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn compile(permit: &Permit<U>, catalogue: &Catalogue) -> Result<Self, Denied> {
        let layout = Layout::new(permit.question(), permit.agreement(), catalogue)?;
        let dataset = catalogue.dataset(&layout.dataset)?;
        let mut columns = Vec::with_capacity(layout.lattice.axes().len());
        for level in &layout.question.by {
            columns.push(catalogue.level(level)?.0.column.clone());
        }
        columns.push(dataset.outcome.column.clone());
        let filters = filters(&layout, permit.agreement(), dataset, catalogue)?;
        Ok(Self { layout, columns, filters, profile: permit.profile(), use_: PhantomData })
    }

    /// The table's shape.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The column of each axis, the outcome's last.
    #[must_use]
    pub fn columns(&self) -> &[ColumnId] {
        &self.columns
    }

    /// The restrictions, all of which hold.
    #[must_use]
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// All columns and measures that an extract must have for it.
    pub fn needs(&self) -> impl Iterator<Item = &ColumnId> {
        let filters = self.filters.iter().map(|f| &f.column);
        let histogram = self.histogram().map(|histogram| &histogram.measure);
        self.columns.iter().chain(filters).chain(self.measures()).chain(histogram)
    }

    /// The measures that are summed in every cell: those of a mean, or both of a ratio.
    #[must_use]
    pub fn measures(&self) -> &[ColumnId] {
        self.layout.measures()
    }

    /// What a row counts for at most in each of those sums.
    #[must_use]
    pub fn tops(&self) -> &[u16] {
        self.layout.tops()
    }

    /// The measure whose units are counted in every cell: that of percentiles.
    #[must_use]
    pub const fn histogram(&self) -> Option<&Histogram> {
        self.layout.histogram()
    }

    /// The disclosure profile.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Whether the keys of the records in every cell are to be added up.
    #[must_use]
    pub const fn keyed(&self) -> bool {
        self.profile.needs_record_keys()
    }

    /// The key under which the table of one partner is frozen: whoever asks the same of the same extract
    /// under the same policy, by whatever agreement, is given the same bytes.
    ///
    /// # Errors
    /// [`CanonicalError`].
    pub fn frozen_key(&self, ods: &Ods, snapshot: &SnapshotRef) -> Result<Digest, CanonicalError> {
        #[derive(Serialize)]
        struct Key<'a> {
            ods: &'a Ods,
            question: &'a Question,
            snapshot: &'a SnapshotRef,
            profile: Profile,
            federation: Option<&'a FederationId>,
            residence: &'a [CategoryId],
            axes: Vec<Vec<&'a CategoryId>>,
        }
        let layout = &self.layout;
        let key = Key {
            ods,
            question: &layout.question,
            snapshot,
            profile: self.profile,
            federation: layout.residence.as_ref().map(|(federation, _)| federation),
            residence: layout.residence.as_ref().map_or(&[], |(_, scope)| scope),
            axes: axes(&layout.lattice),
        };
        // None of the fields may be null in a canonical document: a local table has no key.
        Ok(Digest::of(&canonical::encode(&key)?))
    }
}

fn summed(kind: &IndicatorKind) -> Vec<ColumnId> {
    match kind {
        IndicatorKind::Mean { .. } | IndicatorKind::Ratio { .. } => {
            kind.measures().into_iter().cloned().collect()
        }
        IndicatorKind::Quantile { .. }
        | IndicatorKind::Proportion
        | IndicatorKind::Count
        | IndicatorKind::Rate { .. } => Vec::new(),
    }
}

/// The histogram of percentiles, which ends where its measure does.
fn histogram(kind: &IndicatorKind, dataset: &Dataset) -> Option<Histogram> {
    let IndicatorKind::Quantile { measure, .. } = kind else { return None };
    Some(Histogram { measure: measure.clone(), last: most(measure, dataset) })
}

/// Where a measure ends: where it is believed no further; waits and stays, which have no such end, are cut where
/// whoever lies above is above every percentile that is asked for in practice, and counts for no more in a mean.
fn most(measure: &ColumnId, dataset: &Dataset) -> u16 {
    let own = dataset.measures.iter().find(|m| m.id == *measure).map(|m| m.most);
    own.unwrap_or(match dataset.outcome.made_of {
        Partition::Weeks { .. } => LAST_WEEK,
        Partition::Stay { .. } => LAST_MINUTE,
        // The catalogue knows no measure of theirs.
        Partition::Codes { .. } | Partition::Rules { .. } => u16::MAX,
    })
}

fn axes(lattice: &Lattice) -> Vec<Vec<&CategoryId>> {
    lattice.axes().iter().map(|a| a.categories().iter().map(|c| &c.id).collect()).collect()
}

fn filters(
    layout: &Layout,
    agreement: Option<&Agreement>,
    dataset: &Dataset,
    catalogue: &Catalogue,
) -> Result<Vec<Filter>, Denied> {
    let mut filters = Vec::new();
    if let Some(agreement) = agreement {
        let residence = catalogue.dimensions().iter().find(|d| d.id.as_str() == "icb");
        if let Some(icb) = residence.filter(|d| dataset.dimensions.contains(&d.id)) {
            filters.push(Filter {
                column: icb.column.clone(),
                keep: agreement.residence_scope.clone(),
            });
        }
    }
    if let Some(scope) = &layout.question.scope {
        let lists = agreement.map(lists).unwrap_or_default();
        let axis = catalogue.axis(&scope.level, &lists)?;
        let members = axis
            .position(&scope.category)
            .map(|p| axis.categories()[p].members.as_slice())
            .ok_or(Denied(RefusalCode::CategoryUnknown))?;
        filters.push(Filter {
            column: catalogue.level(&scope.level)?.0.column.clone(),
            keep: members.iter().map(|m| axis.leaves()[usize::from(*m)].clone()).collect(),
        });
    }
    Ok(filters)
}

#[cfg(test)]
mod tests {
    mod most;

    use crate::model::IndicatorId;

    use super::*;

    /// The layout of an indicator, asked by nothing.
    fn layout(catalogue: &Catalogue, indicator: &str, period: &str) -> Layout {
        let question = Question {
            indicator: IndicatorId::new(indicator).expect("an id"),
            definition_hash: Digest::of(b""),
            period: period.parse().expect("a period"),
            by: Vec::new(),
            scope: None,
        };
        Layout::new(&question, None, catalogue).expect("a layout")
    }

    /// A median of a measure that is a dataset's own.
    const OWN: &str = r#"
[[indicator]]
id = "median_stay"
version = 1
name = "Median stay"
phrase = "were admitted"
dataset = "admitted_spell"
kind = { quantile = { measure = "length_of_stay", at = [50] } }
unit = "days"
numerator = "emergency"
denominator = "all"
polarity = "neutral"
domain = "outcome"
priority = "datasets"
held_by = "hospitals"
packs = []
source = "made up"
caveats = []
"#;

    #[test]
    fn a_plan_knows_what_its_indicator_measures() {
        let catalogue = Catalogue::with(&[("own.toml", OWN)]).expect("a catalogue");
        let month = |indicator| layout(&catalogue, indicator, "2026-10");
        let column = |id| ColumnId::new(id).expect("a column");
        let of = |measure, last| Some(Histogram { measure: column(measure), last });
        let plain = month("rtt_over_18_weeks");
        assert_eq!((plain.measures(), plain.histogram()), (&[][..], None));
        let mean = month("emergency_length_of_stay");
        assert_eq!((mean.measures(), mean.histogram()), (&[column("length_of_stay")][..], None));
        let waits = month("rtt_wait_percentiles");
        let weeks = of("weeks_waited", LAST_WEEK);
        assert_eq!((waits.measures(), waits.histogram()), (&[][..], weeks.as_ref()));
        let stays = month("ae_median_minutes");
        assert_eq!(stays.histogram(), of("minutes", LAST_MINUTE).as_ref());
        let days = month("median_stay");
        assert_eq!(days.histogram(), of("length_of_stay", 3650).as_ref());
        assert_eq!((mean.tops(), waits.tops()), (&[3650][..], &[][..]));
        assert_eq!(mean.figure(), Some(&Figure::Mean { most: 3650 }));
        let at = |at: &[u8], last, begun| Figure::Quantile { at: at.to_vec(), last, begun };
        assert_eq!(waits.figure(), Some(&at(&[50, 92], LAST_WEEK, true)));
        assert_eq!(days.figure(), Some(&at(&[50], 3650, false)));
        assert_eq!(plain.figure(), None);
        let ratio = month("restrictive_interventions_rate");
        assert_eq!(ratio.figure(), Some(&Figure::Ratio { per: 1000, most: 1000 }));
        let both = [column("restrictive_interventions"), column("occupied_bed_days")];
        assert_eq!(ratio.measures(), both);
        assert!(month("rtt_over_65_weeks").zero_target() && !plain.zero_target());
    }
}
