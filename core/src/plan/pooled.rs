//! Which tables partners contribute to the system's sum: those that an agreement's packs name, each once, and none that
//! another one contains. Fixed by agreements and definitions, and the same for whoever works it out.

use serde::Serialize;

use super::{DistinctTable, Layout, Plan, publication};
use crate::authz::Publication;
use crate::catalogue::{Catalogue, PersonRows};
use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Agreement, CategoryId, ColumnId, DatasetId, Digest, Lattice, LevelId, Period, PoolKind,
    Profile, Question, Timestamp,
};
use crate::pool::{BoundRound, Pick, PoolError, RoundVector, Shape, VectorSpec};

/// Dimensions whose categories are partners or belong to one: a sum over partners that is divided by them, or restricted
/// to one of their categories, is no sum, and shows named partners without their consent.
pub const NAMING_PARTNERS: [&str; 2] = ["provider", "site"];

/// A table that partners contribute.
#[derive(Debug)]
pub struct PooledTable {
    plan: Plan<Publication>,
    shape: Shape,
    noisy: bool,
    id: Digest,
}

/// All tables of a dataset and period that partners contribute under an agreement.
#[derive(Debug)]
pub struct PooledTables {
    tables: Vec<PooledTable>,
    distinct: Vec<DistinctTable>,
}

impl PooledTables {
    /// From the agreement's packs, as [`publication()`] has them. An agreement without a sum has none. Where partners
    /// change their figures at random first, those are left out of which sums or a histogram of measures would be
    /// contributed, and those with more dimensions than the profile that changes figures in this way allows.
    ///
    /// # Errors
    /// [`CanonicalError`], where a table has no id.
    pub fn of(
        agreement: &Agreement,
        of: (&DatasetId, Period),
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Self, CanonicalError> {
        let agreements = std::slice::from_ref(agreement);
        let noisy = agreement.pool == Some(PoolKind::Noisy);
        let plans: Vec<Plan<Publication>> =
            publication(agreements, of, agreement.profile, catalogue, now)
                .into_iter()
                .flatten()
                .filter(|plan| !names_partners(plan.layout()))
                .filter(|plan| !noisy || can_be_noisy(plan.layout()))
                .collect();
        let estimated = agreement.distinct_people && agreement.pool == Some(PoolKind::Deposit);
        let distinct = if estimated { DistinctTable::all(&plans)? } else { Vec::new() };
        let mut keep = vec![true; plans.len()];
        for (i, plan) in plans.iter().enumerate() {
            // The first of two that contain each other stays.
            keep[i] = !plans.iter().enumerate().any(|(j, other)| {
                let contained = place(plan.layout(), other.layout()).is_some();
                i != j && contained && (j < i || place(other.layout(), plan.layout()).is_none())
            });
        }
        let kept = plans.into_iter().zip(keep).filter_map(|(plan, keep)| keep.then_some(plan));
        let table = |plan: Plan<Publication>| {
            let (shape, id) = (shape(plan.layout()), id(&plan, noisy)?);
            Ok(PooledTable { plan, shape, noisy, id })
        };
        let tables = kept.map(table).collect::<Result<_, CanonicalError>>()?;
        Ok(Self { tables, distinct })
    }

    /// The tables, in the order of the agreement's packs.
    #[must_use]
    pub fn tables(&self) -> &[PooledTable] {
        &self.tables
    }

    /// The estimates of different people, where the agreement has them.
    #[must_use]
    pub fn distinct(&self) -> &[DistinctTable] {
        &self.distinct
    }

    /// The ids of all that is contributed: of the tables in their order, then of the estimates.
    pub fn ids(&self) -> impl Iterator<Item = Digest> + '_ {
        self.tables.iter().map(|table| table.id).chain(self.distinct.iter().map(DistinctTable::id))
    }

    /// The vectors of a table or an estimate; none of an unknown id.
    ///
    /// # Errors
    /// [`PoolError`], where it has no figures.
    pub fn vectors(&self, id: Digest) -> Result<Option<Vec<VectorSpec>>, PoolError> {
        let table = self.table(id).map(|table| table.shape.vectors());
        let distinct = || self.estimate(id).map(DistinctTable::vectors);
        table.or_else(distinct).transpose()
    }

    /// All vectors of a round in their order, with what each is bound to.
    ///
    /// # Errors
    /// [`PoolError::Spec`], where the round names a table that is none of these.
    pub fn vectors_of(&self, round: &BoundRound) -> Result<Vec<RoundVector>, PoolError> {
        let mut all = Vec::new();
        for (table, id) in (0..).zip(&round.document().tables) {
            let specs = self.vectors(*id)?.ok_or(PoolError::Spec)?;
            all.extend((0..).zip(specs).map(|(vector, spec)| {
                let deposit = round.deposit(*id, vector);
                RoundVector { table, vector, deposit, spec }
            }));
        }
        Ok(all)
    }

    /// The estimate of that id.
    #[must_use]
    pub fn estimate(&self, id: Digest) -> Option<&DistinctTable> {
        self.distinct.iter().find(|table| table.id() == id)
    }

    /// The estimate that an opening names, among those of these ids.
    #[must_use]
    pub fn estimate_of(&self, question: &Question, among: &[Digest]) -> Option<&DistinctTable> {
        let found = self.estimate(question.definition_hash)?;
        (among.contains(&found.id()) && found.question() == *question).then_some(found)
    }

    /// The table of that id.
    #[must_use]
    pub fn table(&self, id: Digest) -> Option<&PooledTable> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// The contributed table that a question's table is part of, among those of these ids, and which of its totals the
    /// question needs.
    #[must_use]
    pub fn find(&self, layout: &Layout, among: &[Digest]) -> Option<(&PooledTable, Pick)> {
        self.tables.iter().filter(|table| among.contains(&table.id)).find_map(|table| {
            let cells = place(layout, table.plan.layout())?;
            let pick = table.shape.pick(&cells, &measured(layout)).ok()?;
            Some((table, pick))
        })
    }
}

impl PooledTable {
    /// What a partner counts for it.
    #[must_use]
    pub const fn plan(&self) -> &Plan<Publication> {
        &self.plan
    }

    /// Which numbers of it are contributed.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether partners change its figures at random, by the keys of the records, before they contribute them.
    #[must_use]
    pub const fn keyed(&self) -> bool {
        self.noisy
    }

    /// What it is called by: a hash over everything that it means.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.id
    }
}

fn names_partners(layout: &Layout) -> bool {
    let question = layout.question();
    let scope = question.scope.as_ref().map(|scope| &scope.level);
    let mut levels = question.by.iter().chain(scope);
    levels.any(|level| NAMING_PARTNERS.contains(&level.dimension().as_str()))
}

/// Whether all that is contributed of a table are counts, which can be changed by the keys of their records, and the same
/// count is the sum of no more parts than the profile that changes figures in this way allows.
fn can_be_noisy(layout: &Layout) -> bool {
    let question = layout.question();
    let dimensions = question.by.len() + 1 + usize::from(question.scope.is_some());
    layout.figure().is_none()
        && Profile::Ckm.most_dimensions().is_none_or(|most| dimensions <= most)
}

/// The cells of measures: those above the line of each group.
fn measured(layout: &Layout) -> Vec<usize> {
    if layout.figure().is_none() {
        return Vec::new();
    }
    let lattice = layout.lattice();
    let outcome = lattice.axes().last().map_or(1, |axis| axis.categories().len());
    (layout.numerator()..lattice.len()).step_by(outcome).collect()
}

fn shape(layout: &Layout) -> Shape {
    let units = layout.histogram().map_or(0, |histogram| usize::from(histogram.last) + 2);
    Shape::new(
        layout.lattice().len(),
        layout.person_rows() == PersonRows::Several,
        measured(layout),
        layout.measures().len(),
        units,
    )
}

/// Of each cell of a table its place in another one that contains it: which has all its levels and its categories of
/// the outcome, the same restriction and, where it measures, the same measures. None where the other does not.
fn place(inner: &Layout, outer: &Layout) -> Option<Vec<usize>> {
    let (q, r) = (inner.question(), outer.question());
    let same = inner.dataset() == outer.dataset()
        && q.period == r.period
        && q.scope == r.scope
        && inner.residence() == outer.residence();
    let measures = inner.figure().is_none()
        || (q.indicator == r.indicator && q.definition_hash == r.definition_hash);
    if !same || !measures {
        return None;
    }
    let (small, large) = (inner.lattice(), outer.lattice());
    // Of each axis of the larger table the axis of the smaller, if it has it, and the places of its categories.
    let along = large.axes().iter().map(|axis| {
        let own = small.axes().iter().position(|a| a.level() == axis.level());
        let places = match own.map(|a| &small.axes()[a]) {
            None => vec![axis.categories().len().checked_sub(1)?],
            Some(a) => a
                .categories()
                .iter()
                .map(|c| {
                    let at = axis.position(&c.id)?;
                    let members = |axis: &crate::model::Axis, c: usize| -> Vec<CategoryId> {
                        let category = &axis.categories()[c];
                        category
                            .members
                            .iter()
                            .map(|m| axis.leaves()[usize::from(*m)].clone())
                            .collect()
                    };
                    let same = members(axis, at) == members(a, a.position(&c.id)?);
                    same.then_some(at)
                })
                .collect::<Option<_>>()?,
        };
        Some((own, places))
    });
    let along: Vec<(Option<usize>, Vec<usize>)> = along.collect::<Option<_>>()?;
    let has_all =
        (0..small.axes().len()).all(|axis| along.iter().any(|(own, _)| *own == Some(axis)));
    if !has_all {
        return None;
    }
    (0..small.len()).map(|cell| of_larger(small, large, &along, cell)).collect()
}

fn of_larger(
    small: &Lattice,
    large: &Lattice,
    along: &[(Option<usize>, Vec<usize>)],
    cell: usize,
) -> Option<usize> {
    let at = small.coordinates(cell);
    let outer: Option<Vec<usize>> = along
        .iter()
        .map(|(own, places)| places.get(own.map_or(0, |axis| at[axis])).copied())
        .collect();
    large.index(&outer?)
}

fn id(plan: &Plan<Publication>, noisy: bool) -> Result<Digest, CanonicalError> {
    #[derive(Serialize)]
    struct Id<'a> {
        population: crate::model::Population,
        indicator: &'a crate::model::IndicatorId,
        definition_hash: Digest,
        by: &'a [LevelId],
        axes: Vec<Vec<&'a CategoryId>>,
        measures: &'a [ColumnId],
        units: u16,
        // Exact figures and changed ones are never added up with each other.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        noisy: bool,
    }
    let layout = plan.layout();
    let question = layout.question();
    let (federation, residence) = layout.residence().ok_or(CanonicalError::Value)?;
    let mut residence_scope = residence.clone();
    residence_scope.sort();
    let id = Id {
        population: crate::model::Population {
            federation: federation.clone(),
            dataset: layout.dataset().clone(),
            residence_scope,
            period: question.period,
        },
        indicator: &question.indicator,
        definition_hash: question.definition_hash,
        by: &question.by,
        axes: super::axes(layout.lattice()),
        measures: layout.measures(),
        units: layout.histogram().map_or(0, |histogram| histogram.last),
        noisy,
    };
    Ok(Digest::of(&canonical::encode(&id)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IndicatorId, Question};
    use crate::sign::SigningKey;

    const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

    fn agreement(dimensions: &str) -> Agreement {
        let key = || SigningKey::generate_ed25519().expect("a key").verifying_key().to_text();
        let party = |ods: &str, role: &str| {
            format!(
                "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                key(),
                key()
            )
        };
        let text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"a.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"rtt_over_18_weeks\", \"rtt_over_52_weeks\", \"rtt_wait_percentiles\"]\n\
             dimensions = [{dimensions}]\nmax_dimensions = 2\nprofile = \"nhs75m\"\nshow_partners = true\nanalysts = []\n{}{}",
            party("QZ1", "coordinator"),
            party("ZZ1", "node"),
        );
        Agreement::parse(&text).expect("an agreement")
    }

    fn tables(agreement: &Agreement, catalogue: &Catalogue) -> PooledTables {
        let dataset = DatasetId::new("rtt_open_pathway").expect("an id");
        let period = "2026-10".parse().expect("a period");
        PooledTables::of(agreement, (&dataset, period), catalogue, NOW).expect("tables")
    }

    fn layout(
        indicator: &str,
        by: &[&str],
        agreement: &Agreement,
        catalogue: &Catalogue,
    ) -> Layout {
        let indicator = IndicatorId::new(indicator).expect("an id");
        let question = Question {
            definition_hash: catalogue.definition_hash(&indicator).expect("a hash"),
            indicator,
            period: "2026-10".parse().expect("a period"),
            by: by.iter().map(|level| LevelId::new(*level).expect("a level")).collect(),
            scope: None,
        };
        Layout::new(&question, Some(agreement), catalogue).expect("a layout")
    }

    #[test]
    fn every_table_of_the_packs_is_part_of_one_that_is_contributed_and_none_of_those_of_another() {
        let catalogue = Catalogue::builtin().expect("a catalogue");
        let agreement = agreement("\"imd\", \"ethnicity\", \"age\", \"sex\"");
        let pooled = tables(&agreement, &catalogue);
        let ids: Vec<Digest> = pooled.ids().collect();
        assert!(ids.len() > 3, "{}", ids.len());
        let dataset = DatasetId::new("rtt_open_pathway").expect("an id");
        let of = (&dataset, "2026-10".parse().expect("a period"));
        let all =
            publication(std::slice::from_ref(&agreement), of, agreement.profile, &catalogue, NOW);
        for plan in all.iter().flatten() {
            let found = pooled.find(plan.layout(), &ids);
            assert!(found.is_some(), "{:?}", plan.layout().question());
        }
        for (i, table) in pooled.tables().iter().enumerate() {
            for (j, other) in pooled.tables().iter().enumerate() {
                let contained = place(table.plan().layout(), other.plan().layout()).is_some();
                assert_eq!(contained, i == j, "{i} {j}");
            }
        }
        assert_eq!(tables(&agreement, &catalogue).ids().collect::<Vec<_>>(), ids);
    }

    /// Sums and histograms of measures cannot be changed by the keys of records, and the more parts a count is the sum of,
    /// the better the changes are averaged out.
    #[test]
    fn partners_that_change_their_figures_contribute_counts_by_few_dimensions_alone() {
        let catalogue = Catalogue::builtin().expect("a catalogue");
        let mut agreement = agreement("\"imd\", \"ethnicity\", \"age\", \"sex\"");
        agreement.pool = Some(PoolKind::Deposit);
        let exact = tables(&agreement, &catalogue);
        let figures = |of: &PooledTables| {
            of.tables().iter().filter(|table| table.plan().layout().figure().is_some()).count()
        };
        assert!(figures(&exact) > 0);
        assert!(exact.tables().iter().all(|table| !table.keyed()));
        agreement.pool = Some(PoolKind::Noisy);
        let noisy = tables(&agreement, &catalogue);
        assert_eq!(figures(&noisy), 0);
        assert!(!noisy.tables().is_empty());
        for table in noisy.tables() {
            assert!(table.keyed() && table.plan().layout().question().by.len() <= 2);
        }
        // A sum that is the same question's has a table of its own, and a figure's has none.
        let ids: Vec<Digest> = noisy.ids().collect();
        let found = |indicator, by: &[&str]| {
            noisy.find(&layout(indicator, by, &agreement, &catalogue), &ids).is_some()
        };
        assert!(found("rtt_over_18_weeks", &["sex"]));
        assert!(!found("rtt_wait_percentiles", &["sex"]));
    }

    /// By groups, the part that is picked is the table that would have been counted.
    #[test]
    fn the_cells_of_a_part_are_those_of_its_own_groups() {
        let catalogue = Catalogue::builtin().expect("a catalogue");
        let agreement = agreement("\"imd\", \"ethnicity\", \"age\", \"sex\"");
        let outer = layout("rtt_over_18_weeks", &["imd.quintile", "sex"], &agreement, &catalogue);
        for by in [&["sex"][..], &["imd.quintile"], &[], &["imd.quintile", "sex"]] {
            let inner = layout("rtt_over_18_weeks", by, &agreement, &catalogue);
            let cells = place(&inner, &outer).expect("a part");
            for (cell, of) in cells.iter().enumerate().map(|(cell, of)| (cell, *of)) {
                let named = |layout: &Layout, cell: usize| -> Vec<String> {
                    let lattice = layout.lattice();
                    let at = lattice.coordinates(cell);
                    let each = lattice.axes().iter().zip(at);
                    let mut names: Vec<String> = each
                        .map(|(axis, at)| {
                            (axis.level().to_string(), axis.categories()[at].id.to_string())
                        })
                        .filter(|(_, category)| category != "all")
                        .map(|(level, category)| format!("{level}={category}"))
                        .collect();
                    names.sort();
                    names
                };
                assert_eq!(named(&inner, cell), named(&outer, of));
            }
        }
        let finer = layout("rtt_over_18_weeks", &["imd.decile"], &agreement, &catalogue);
        assert_eq!(place(&finer, &outer), None);
        let measured = layout("rtt_wait_percentiles", &["sex"], &agreement, &catalogue);
        assert_eq!(place(&measured, &outer), None);
    }

    #[test]
    fn a_sum_over_partners_is_divided_by_none_of_them() {
        let catalogue = Catalogue::builtin().expect("a catalogue");
        let agreement = agreement("\"imd\", \"provider\", \"sex\"");
        for table in tables(&agreement, &catalogue).tables() {
            let by = &table.plan().layout().question().by;
            assert!(by.iter().all(|level| level.dimension().as_str() != "provider"), "{by:?}");
        }
    }
}
