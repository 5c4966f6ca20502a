//! One population: people by area and up to four characteristics, each said of every row or of none.

use std::collections::{BTreeMap, BTreeSet};

use super::{AgeBand, AreaKind, EthnicGroup, Grouping, Sex};
use crate::catalogue::Population as Basis;
use crate::model::{CategoryId, ImdEdition};

/// What is said of a whole population.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopulationHead {
    /// Its name.
    pub name: String,
    /// The year that it describes, at its middle unless it is a census.
    pub year: u16,
    /// Which people.
    pub basis: Basis,
    /// What its areas are.
    pub area_kind: AreaKind,
    /// The edition of its deciles of deprivation, where it has them.
    pub imd_edition: Option<ImdEdition>,
    /// What its ethnic groups are, where it has them.
    pub grouping: Option<Grouping>,
}

/// So many people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopulationRow {
    /// The area.
    pub area: CategoryId,
    /// Decile of deprivation, 1 the most deprived.
    pub imd: Option<u8>,
    /// Ages.
    pub age: Option<AgeBand>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Ethnic group.
    pub ethnicity: Option<EthnicGroup>,
    /// How many people.
    pub count: u64,
}

/// Why rows are no population.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PopulationRule {
    /// A characteristic that is blank in some rows alone.
    #[error(
        "deprivation, age, sex and ethnic group are each filled in all rows or blank in all: totals beside their parts would count people twice"
    )]
    Partly,
    /// The same people twice.
    #[error("the same people stand in an earlier row")]
    Twice,
    /// Two bands of ages overlap.
    #[error("its ages overlap those of an earlier row without being the same")]
    Overlap,
    /// No such decile.
    #[error("the decile is not a whole number from 1 to 10")]
    Decile,
    /// Deciles of no edition.
    #[error("it has a decile of deprivation, and nothing says of which edition")]
    NoEdition,
    /// Groups of no grouping.
    #[error("it has an ethnic group, and nothing says of which grouping")]
    NoGrouping,
}

/// A population that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopulationTable {
    head: PopulationHead,
    rows: Vec<PopulationRow>,
    bands: Vec<AgeBand>,
}

/// Whom to count: people of these areas to whom all that is said applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// Areas.
    pub areas: Vec<CategoryId>,
    /// Deciles of deprivation.
    pub imd: Option<Vec<u8>>,
    /// Ages.
    pub age: Option<AgeBand>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Ethnic group.
    pub ethnicity: Option<EthnicGroup>,
}

impl PopulationTable {
    /// Checks rows and takes them.
    ///
    /// # Errors
    /// The position of a row, from 0, and the rule that it breaks.
    pub fn new(
        head: PopulationHead,
        rows: Vec<PopulationRow>,
    ) -> Result<Self, (usize, PopulationRule)> {
        let filled = |r: &PopulationRow| {
            [r.imd.is_some(), r.age.is_some(), r.sex.is_some(), r.ethnicity.is_some()]
        };
        let first = rows.first().map(filled);
        let mut seen = BTreeSet::new();
        let mut bands: BTreeMap<u8, AgeBand> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            let rule = if first != Some(filled(row)) {
                Some(PopulationRule::Partly)
            } else if row.imd.is_some_and(|d| !(1..=10).contains(&d)) {
                Some(PopulationRule::Decile)
            } else if row.imd.is_some() && head.imd_edition.is_none() {
                Some(PopulationRule::NoEdition)
            } else if row.ethnicity.is_some() && head.grouping.is_none() {
                Some(PopulationRule::NoGrouping)
            } else if !seen.insert((&row.area, row.imd, row.age, row.sex, row.ethnicity)) {
                Some(PopulationRule::Twice)
            } else {
                row.age.and_then(|band| overlapping(&mut bands, band))
            };
            if let Some(rule) = rule {
                return Err((at, rule));
            }
        }
        let bands = bands.into_values().collect();
        Ok(Self { head, rows, bands })
    }

    /// What is said of it as a whole.
    #[must_use]
    pub const fn head(&self) -> &PopulationHead {
        &self.head
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> &[PopulationRow] {
        &self.rows
    }

    /// Its bands of ages, the youngest first; none where it is not by age.
    #[must_use]
    pub fn bands(&self) -> &[AgeBand] {
        &self.bands
    }

    /// Whether it is by decile of deprivation.
    #[must_use]
    pub fn by_imd(&self) -> bool {
        self.rows.first().is_some_and(|r| r.imd.is_some())
    }

    /// Whether it is by sex.
    #[must_use]
    pub fn by_sex(&self) -> bool {
        self.rows.first().is_some_and(|r| r.sex.is_some())
    }

    /// Whether it is by ethnic group.
    #[must_use]
    pub fn by_ethnicity(&self) -> bool {
        self.rows.first().is_some_and(|r| r.ethnicity.is_some())
    }

    /// Its areas.
    #[must_use]
    pub fn areas(&self) -> BTreeSet<&CategoryId> {
        self.rows.iter().map(|r| &r.area).collect()
    }

    /// The population of these areas alone, for many counts of few of its areas.
    #[must_use]
    pub fn of_areas(&self, areas: &[CategoryId]) -> Self {
        let rows = self.rows.iter().filter(|r| areas.contains(&r.area)).cloned().collect();
        Self { head: self.head.clone(), rows, bands: self.bands.clone() }
    }

    /// How many people a slice has. Ages count where a row's whole band lies in the slice's.
    #[must_use]
    pub fn count(&self, slice: &Slice) -> u64 {
        let has = |r: &&PopulationRow| {
            slice.areas.contains(&r.area)
                && slice.imd.as_ref().is_none_or(|d| r.imd.is_some_and(|own| d.contains(&own)))
                && slice.age.is_none_or(|band| r.age.is_some_and(|own| own.within(band)))
                && slice.sex.is_none_or(|sex| r.sex == Some(sex))
                && slice.ethnicity.is_none_or(|group| r.ethnicity == Some(group))
        };
        self.rows.iter().filter(has).fold(0, |sum, r| sum.saturating_add(r.count))
    }
}

/// Keeps a band; says so where it overlaps another one that was kept.
fn overlapping(bands: &mut BTreeMap<u8, AgeBand>, band: AgeBand) -> Option<PopulationRule> {
    let before = bands.range(..=band.from()).next_back().map(|(_, b)| *b);
    let after = bands.range(band.from()..).next().map(|(_, b)| *b);
    let other = before.into_iter().chain(after).find(|b| *b != band && b.overlaps(band));
    if other.is_some() {
        return Some(PopulationRule::Overlap);
    }
    bands.insert(band.from(), band);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> PopulationHead {
        PopulationHead {
            name: "made up".to_owned(),
            year: 2020,
            basis: Basis::Resident,
            area_kind: AreaKind::Icb,
            imd_edition: Some(ImdEdition::Imd2019),
            grouping: None,
        }
    }

    fn row(area: &str, imd: Option<u8>, age: Option<(u8, u8)>, count: u64) -> PopulationRow {
        PopulationRow {
            area: CategoryId::new(area).expect("an area"),
            imd,
            age: age.and_then(|(from, to)| AgeBand::new(from, Some(to))),
            sex: None,
            ethnicity: None,
            count,
        }
    }

    #[test]
    fn what_would_count_people_twice_is_refused_with_its_row() {
        let (a, b) = (Some((0, 4)), Some((5, 9)));
        for (rows, at, rule) in [
            (vec![row("Q1", Some(1), a, 5), row("Q1", Some(1), a, 5)], 1, PopulationRule::Twice),
            (vec![row("Q1", Some(1), a, 5), row("Q1", None, a, 5)], 1, PopulationRule::Partly),
            (
                vec![row("Q1", Some(1), None, 5), row("Q1", Some(2), a, 5)],
                1,
                PopulationRule::Partly,
            ),
            (vec![row("Q1", Some(11), a, 5)], 0, PopulationRule::Decile),
            (
                vec![
                    row("Q1", None, a, 5),
                    row("Q1", None, b, 5),
                    row("Q2", None, Some((4, 6)), 5),
                ],
                2,
                PopulationRule::Overlap,
            ),
            (
                vec![row("Q1", None, Some((3, 9)), 5), row("Q1", None, Some((0, 20)), 5)],
                1,
                PopulationRule::Overlap,
            ),
        ] {
            assert_eq!(PopulationTable::new(head(), rows), Err((at, rule)));
        }
        let without = PopulationHead { imd_edition: None, ..head() };
        let rows = vec![row("Q1", Some(1), a, 5)];
        assert_eq!(PopulationTable::new(without, rows), Err((0, PopulationRule::NoEdition)));
    }

    #[test]
    fn slices_are_counted() {
        let rows = vec![
            row("Q1", Some(1), Some((0, 4)), 1),
            row("Q1", Some(1), Some((5, 9)), 2),
            row("Q1", Some(2), Some((0, 4)), 4),
            row("Q2", Some(1), Some((0, 4)), 8),
        ];
        let table = PopulationTable::new(head(), rows).expect("a population");
        let area = |text: &str| CategoryId::new(text).expect("an area");
        let slice = Slice { areas: vec![area("Q1")], ..Slice::default() };
        assert_eq!(table.count(&slice), 7);
        let both = Slice { areas: vec![area("Q1"), area("Q2")], ..Slice::default() };
        assert_eq!(table.count(&both), 15);
        assert_eq!(table.count(&Slice { imd: Some(vec![1]), ..both.clone() }), 11);
        let young = AgeBand::new(0, Some(4));
        assert_eq!(table.count(&Slice { age: young, imd: Some(vec![1]), ..both.clone() }), 9);
        assert_eq!(table.count(&Slice { sex: Some(Sex::Male), ..both }), 0);
        assert_eq!(table.of_areas(&[area("Q2")]).rows().len(), 1);
        assert_eq!(table.areas().len(), 2);
    }
}
