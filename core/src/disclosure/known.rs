//! From releases to what an outsider knows: each release's cells as groups of common attributes. Made of release
//! documents and definitions alone.

use std::collections::{BTreeMap, BTreeSet};

use super::attack::{Attribute, Hidden, Public, PublicCell, PublicError};
use super::document::{AxisIds, ReleaseDocument};
use super::extract::{Extract, Extracts};
use super::pooled::Pooled;
use super::protect::{ZERO_TARGET_DENOMINATOR, outside};
use crate::catalogue::{
    Catalogue, CatalogueError, CategoryKind, Dataset, Dimension, PersonRows, Unknown,
};
use crate::model::{CategoryId, DatasetId, LevelId, Ods, Profile, Shown, Zeros};
use crate::plan::ELSEWHERE;

/// Why a release cannot be put beside others.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// It was made under definitions that are no longer in force, so that its categories may mean something else.
    #[error("a release was made under other definitions than those in force")]
    Definitions,
    /// It names something that the definitions do not have.
    #[error("a release names what the definitions do not have")]
    Unknown(#[from] Unknown),
    /// Its dataset has no definition.
    #[error("a release is of a dataset that the definitions do not have")]
    Catalogue(#[from] CatalogueError),
    /// Too many attributes.
    #[error("the releases of one period are divided by too many attributes to be tested together")]
    Public(#[from] PublicError),
}

/// What people are divided by: a dimension (of one edition, where it has editions), the outcome of a dataset, in
/// which of several extracts of a dataset a row stands, or which partner has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Divided {
    By(String),
    Outcome(DatasetId),
    Extract(DatasetId),
    Partner,
}

/// A part, by name. The rows that are none of a dataset's have none.
type Parts = BTreeSet<String>;
/// The part of those rows.
const NO_ROW: &str = "";

#[derive(Debug, Default)]
struct Groups {
    groups: Vec<Parts>,
    /// All parts, where some release counts rows whatever part they are in.
    everybody: Parts,
}

impl Groups {
    /// The group's place among those of the attribute, from 1.
    fn place(&mut self, parts: Parts) -> u16 {
        let found = self.groups.iter().position(|known| *known == parts);
        let place = found.unwrap_or_else(|| {
            self.groups.push(parts);
            self.groups.len() - 1
        });
        u16::try_from(place + 1).unwrap_or(u16::MAX)
    }

    fn attribute(&self) -> Attribute {
        let named = self.groups.iter().flatten().chain(&self.everybody);
        let parts: Vec<&String> = named.collect::<BTreeSet<_>>().into_iter().collect();
        let place = |part: &String| {
            parts
                .binary_search(&part)
                .ok()
                .and_then(|at| u16::try_from(at).ok())
                .unwrap_or(u16::MAX)
        };
        let groups = self.groups.iter().map(|group| group.iter().map(place).collect()).collect();
        Attribute::new(u16::try_from(parts.len()).unwrap_or(u16::MAX), groups)
    }
}

/// Several releases that are known together.
pub(super) struct Known<'a> {
    catalogue: &'a Catalogue,
    documents: Vec<&'a ReleaseDocument>,
    /// Whether extracts of one dataset are told apart, as if each later one only added rows.
    extracts: bool,
    /// Whether an extract that has a column has it of every row, so that nobody in it is not collected.
    collected: bool,
    /// How extracts are told apart; where that is over several partners, those are told apart too.
    by: Extracts,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        catalogue: &'a Catalogue,
        documents: Vec<&'a ReleaseDocument>,
        extracts: bool,
        collected: bool,
    ) -> Self {
        let by = Extracts::among(documents.iter().copied());
        Self { catalogue, documents, extracts, collected, by }
    }

    /// What an outsider has who is given these releases and the definitions.
    pub(super) fn public(&self) -> Result<Public, KnownError> {
        let mut divided: BTreeMap<Divided, Groups> = BTreeMap::new();
        let mut tables = Vec::with_capacity(self.documents.len());
        for document in &self.documents {
            let own = self.table(document)?;
            tables.push(own);
        }
        for (by, (everybody, _)) in tables.iter().flatten() {
            let groups = divided.entry(by.clone()).or_default();
            // Parts that no release counts rows of are nobody's concern.
            if tables.iter().any(|table| !table.contains_key(by)) {
                groups.everybody.extend(everybody.iter().cloned());
            }
        }
        let mut cells = Vec::new();
        for (document, own) in self.documents.iter().zip(tables) {
            let first = cells.len();
            let unstated = self.unstated(document)?;
            cells_of(document, own, &unstated, &mut divided, &mut cells);
            // Of counts that were changed at random nothing is said by silence.
            if document.off_by() == 0 && self.says_somebody(document)? {
                let at = document.cells.len() - 1 - self.numerator_from_last(document)?;
                if let Some((_, _, known)) = cells[first..].iter_mut().find(|(_, i, _)| *i == at) {
                    known.0 = known.0.max(1);
                }
            }
            if self.by.are_federated() {
                let own: Vec<Cell> = cells[first..].to_vec();
                let groups = divided.entry(Divided::Partner).or_default();
                for rest in self.rests(document) {
                    let place = groups.place(rest);
                    cells.extend(own.iter().filter_map(|cell| rest_of(cell, document, &unstated, place)));
                }
            }
        }
        let order: Vec<&Divided> = divided.keys().collect();
        let place = |by: &Divided| order.binary_search(&by).unwrap_or(usize::MAX);
        let cells = cells
            .into_iter()
            .map(|(groups, _, (low, high, hidden))| {
                let mut at = vec![0; order.len()];
                for (by, group) in groups {
                    if let Some(slot) = at.get_mut(place(&by)) {
                        *slot = group;
                    }
                }
                PublicCell { at, low, high, hidden }
            })
            .collect();
        let mut attributes: Vec<Attribute> = divided.values().map(Groups::attribute).collect();
        if attributes.is_empty() {
            attributes.push(Attribute::new(1, Vec::new()));
        }
        let public = Public::new(attributes, cells)?;
        let several = |d: &&&ReleaseDocument| {
            d.person_rows == PersonRows::Several && d.policy.profile != Profile::ExactCs
        };
        let limits = self.documents.iter().filter(several);
        let limits = limits.map(|d| d.policy.profile.most_hidden() + d.off_by());
        Ok(match limits.max() {
            Some(limit) => public.hiding_at_most(limit),
            None => public,
        })
    }

    /// What a release's table is divided by: of each attribute all its parts, and of each axis or restriction
    /// the parts of its categories.
    fn table(&self, document: &ReleaseDocument) -> Result<Table, KnownError> {
        let catalogue = self.catalogue;
        let indicator = &document.question.indicator;
        if catalogue.definition_hash(indicator)? != document.question.definition_hash {
            return Err(KnownError::Definitions);
        }
        let dataset = catalogue.dataset(&document.dataset)?;
        let mut table = Table::new();
        for (axis, ids) in document.axes.iter().enumerate() {
            let (by, everybody, categories) = if ids.level == dataset.outcome.level {
                self.outcome(dataset, ids)?
            } else {
                self.dimension(document, &ids.level, ids)?
            };
            table.insert(by, (everybody, vec![Division::Axis(axis, categories)]));
        }
        if let Some(scope) = &document.question.scope {
            let ids =
                AxisIds { level: scope.level.clone(), categories: vec![scope.category.clone()] };
            let (by, everybody, mut categories) = self.dimension(document, &scope.level, &ids)?;
            let kept = categories.pop().unwrap_or_default();
            let divisions = &mut table.entry(by).or_insert((everybody, Vec::new())).1;
            divisions.push(Division::Only(kept));
        }
        let icb = catalogue.dimensions().iter().find(|d| d.id.as_str() == "icb");
        if let Some(icb) = icb.filter(|d| dataset.dimensions.contains(&d.id)) {
            let kept: Parts = document.residence_scope.iter().map(ToString::to_string).collect();
            let by = Divided::By(icb.id.to_string());
            let everybody = own_parts(icb).chain(kept.iter().cloned()).collect();
            let divisions = &mut table.entry(by).or_insert((everybody, Vec::new())).1;
            divisions.push(Division::Only(kept));
        }
        self.standing(document, &mut table);
        if self.by.are_federated() {
            let own = std::slice::from_ref(&document.ods);
            let members = document.pool.as_ref().map_or(own, Pooled::members);
            let members: Parts = members.iter().map(ToString::to_string).collect();
            table.insert(Divided::Partner, (members.clone(), vec![Division::Only(members)]));
        }
        Ok(table)
    }

    /// Groups of partners whose part of a sum is left when those that show theirs are taken away: those that do not
    /// show the same table, and those that show none at all. None where nobody shows any, or everybody does.
    fn rests(&self, document: &ReleaseDocument) -> BTreeSet<Parts> {
        let Some(pool) = &document.pool else { return BTreeSet::new() };
        let own = self.by.of(document);
        let beside: Vec<&&ReleaseDocument> =
            self.documents.iter().filter(|d| d.pool.is_none() && self.by.of(d) == own).collect();
        let same = |d: &ReleaseDocument| {
            d.axes == document.axes && d.question.scope == document.question.scope
        };
        let all: Vec<&Ods> = beside.iter().map(|d| &d.ods).collect();
        let alike: Vec<&Ods> = beside.iter().filter(|d| same(d)).map(|d| &d.ods).collect();
        let rest = |shown: Vec<&Ods>| -> Parts {
            let others = pool.members().iter().filter(|ods| !shown.contains(ods));
            others.map(ToString::to_string).collect()
        };
        let possible = |rest: &Parts| !rest.is_empty() && rest.len() < pool.members().len();
        [all, alike].into_iter().map(rest).filter(possible).collect()
    }

    /// Of each axis, which of its categories say nothing about people: not known, not stated, not applicable.
    fn unstated(&self, document: &ReleaseDocument) -> Result<Vec<Vec<bool>>, KnownError> {
        let outcome = &self.catalogue.dataset(&document.dataset)?.outcome.level;
        let axes = document.axes.iter().map(|ids| {
            if ids.level == *outcome {
                return Ok(vec![false; ids.categories.len()]);
            }
            let (_, level) = self.catalogue.level(&ids.level)?;
            let says_nothing = |id: &CategoryId| {
                let category = level.categories.iter().find(|c| c.id == *id);
                category.is_some_and(|c| c.kind != CategoryKind::Known)
            };
            Ok(ids.categories.iter().map(says_nothing).collect())
        });
        axes.collect()
    }

    /// How far before the table's last cell the count above the line of everybody stands.
    fn numerator_from_last(&self, document: &ReleaseDocument) -> Result<usize, KnownError> {
        let numerator = &self.catalogue.indicator(&document.question.indicator)?.numerator;
        let outcome = document.axes.last().map(|axis| axis.categories.as_slice());
        let outcome = outcome.unwrap_or_default();
        let place = outcome.iter().position(|id| id == numerator);
        Ok(outcome.len() - 1 - place.ok_or(KnownError::Definitions)?)
    }

    /// Whether a table of an indicator whose target is zero says by its silence that there is somebody: nobody would
    /// have been shown.
    fn says_somebody(&self, document: &ReleaseDocument) -> Result<bool, KnownError> {
        let indicator = self.catalogue.indicator(&document.question.indicator)?;
        if !indicator.zero_target {
            return Ok(false);
        }
        let outcome = document.axes.last().map(|axis| axis.categories.as_slice());
        let place =
            outcome.unwrap_or_default().iter().rev().position(|id| *id == indicator.denominator);
        let all = place.and_then(|p| document.cells.iter().rev().nth(p)).copied();
        let enough = matches!(
            all.map(Shown::from),
            Some(Shown::Published(r)) if r >= ZERO_TARGET_DENOMINATOR
        );
        let last = self.numerator_from_last(document)?;
        let above = document.cells.iter().rev().nth(last).copied().map(Shown::from);
        Ok(enough && above != Some(Shown::Published(0)))
    }

    /// The rows of which datasets, and of which of their extracts.
    fn standing(&self, document: &ReleaseDocument, table: &mut Table) {
        let mut extracts: Vec<Extract> = Vec::new();
        let of_dataset = self.documents.iter().filter(|d| d.dataset == document.dataset);
        for other in of_dataset {
            let (_, extract) = self.by.of(other);
            if !extracts.contains(&extract) {
                extracts.push(extract);
            }
        }
        if !self.extracts || extracts.len() < 2 {
            return;
        }
        let (_, own) = self.by.of(document);
        let place = extracts.iter().position(|extract| *extract == own).unwrap_or(0);
        let everybody: Parts = (0..extracts.len()).map(|n| format!("{n:03}")).collect();
        let kept = everybody.iter().take(place + 1).cloned().collect();
        let by = Divided::Extract(document.dataset.clone());
        table.insert(by, (everybody, vec![Division::Only(kept)]));
    }

    fn dimension(
        &self,
        document: &ReleaseDocument,
        level: &LevelId,
        ids: &AxisIds,
    ) -> Result<(Divided, Parts, Vec<Parts>), KnownError> {
        let (dimension, of) = self.catalogue.level(level)?;
        let finest = dimension.levels.first().is_some_and(|first| first.id == of.id);
        // Of a listed dimension the finest level names what it lists; whoever lists fewer has them elsewhere.
        let listed = self.listed(dimension);
        let own: Parts = own_parts(dimension).collect();
        let nobody: Parts = if self.collected { not_collected(dimension) } else { Parts::new() };
        let everybody: Parts =
            own.union(&listed).filter(|part| !nobody.contains(*part)).cloned().collect();
        let named: Parts = ids.categories.iter().map(ToString::to_string).collect();
        let parts = |id: &CategoryId| -> Result<Parts, KnownError> {
            if id.is_all() {
                return Ok(everybody.clone());
            }
            if !finest {
                let category = of.categories.iter().find(|c| c.id == *id);
                let category = category.ok_or(KnownError::Definitions)?;
                let parts = category.of.iter().map(ToString::to_string);
                return Ok(parts.filter(|part| !nobody.contains(part)).collect());
            }
            if nobody.contains(id.as_str()) {
                return Ok(Parts::new());
            }
            if !everybody.contains(id.as_str()) {
                return Err(KnownError::Definitions);
            }
            let mut parts = Parts::from([id.to_string()]);
            if dimension.listed && id.as_str() == ELSEWHERE {
                parts.extend(listed.difference(&named).cloned());
            }
            Ok(parts)
        };
        let categories = ids.categories.iter().map(parts).collect::<Result<_, _>>()?;
        // Deciles of two editions are two ways of dividing people up.
        let edition = document.snapshot.imd_edition.filter(|_| dimension.id.as_str() == "imd");
        let name = match edition {
            Some(edition) => format!("{} {}", dimension.id, edition.as_str()),
            None => dimension.id.to_string(),
        };
        Ok((Divided::By(name), everybody, categories))
    }

    fn outcome(
        &self,
        dataset: &Dataset,
        ids: &AxisIds,
    ) -> Result<(Divided, Parts, Vec<Parts>), KnownError> {
        let bands = dataset.outcome.bands().into_iter().map(|(id, _)| id.to_string());
        let bands: Parts = bands.collect();
        let parts = |id: &CategoryId| -> Result<Parts, KnownError> {
            if id.is_all() {
                return Ok(bands.clone());
            }
            let rollup = dataset.outcome.rollup(id).ok_or(KnownError::Definitions)?;
            Ok(rollup.of.iter().map(ToString::to_string).collect())
        };
        let categories = ids.categories.iter().map(parts).collect::<Result<_, _>>()?;
        // Rows of another dataset of the population may be none of this one's.
        let several = self.documents.iter().any(|d| d.dataset != dataset.id);
        let none = several.then(|| NO_ROW.to_owned());
        let everybody = bands.iter().cloned().chain(none).collect();
        Ok((Divided::Outcome(dataset.id.clone()), everybody, categories))
    }

    /// Everything that any of the releases lists for a dimension.
    fn listed(&self, dimension: &Dimension) -> Parts {
        if !dimension.listed {
            return Parts::new();
        }
        let finest = dimension.levels.first().map(|level| &level.id);
        let mut listed: Parts = self
            .documents
            .iter()
            .flat_map(|document| &document.axes)
            .filter(|ids| Some(&ids.level) == finest)
            .flat_map(|ids| &ids.categories)
            .filter(|id| !id.is_all())
            .map(ToString::to_string)
            .collect();
        let scopes = self.documents.iter().filter_map(|d| d.question.scope.as_ref());
        let scopes = scopes.filter(|s| Some(&s.level) == finest).map(|s| s.category.to_string());
        listed.extend(scopes);
        if dimension.id.as_str() == "icb" {
            let residence = self.documents.iter().flat_map(|d| &d.residence_scope);
            listed.extend(residence.map(ToString::to_string));
        }
        listed
    }
}

fn not_collected(dimension: &Dimension) -> Parts {
    let finest = dimension.levels.first().into_iter().flat_map(|level| &level.categories);
    let nobody = finest.filter(|category| category.kind == CategoryKind::NotCollected);
    nobody.map(|category| category.id.to_string()).collect()
}

/// How an attribute divides one table.
enum Division {
    /// Along an axis: the parts of each category.
    Axis(usize, Vec<Parts>),
    /// Rows of these parts alone.
    Only(Parts),
}

/// Of each attribute all parts, and how it divides the table.
type Table = BTreeMap<Divided, (Parts, Vec<Division>)>;

fn own_parts(dimension: &Dimension) -> impl Iterator<Item = String> {
    dimension.levels.first().into_iter().flat_map(|l| &l.categories).map(|c| c.id.to_string())
}

/// The group of each attribute that divides the table, the cell's place in its table, and the bounds.
type Cell = (Vec<(Divided, u16)>, usize, (u64, Option<u64>, Hidden));

fn sizes(document: &ReleaseDocument) -> Vec<usize> {
    document.axes.iter().map(|axis| axis.categories.len()).collect()
}

/// The category of a cell on each axis, the last axis running fastest.
fn places(sizes: &[usize], mut index: usize) -> Vec<usize> {
    let mut at = vec![0; sizes.len()];
    for (slot, size) in at.iter_mut().zip(sizes).rev() {
        *slot = index % size;
        index /= size;
    }
    at
}

/// Whether a cell is of people of whom something is not known, not stated or not applicable.
fn says_nothing(unstated: &[Vec<bool>], at: &[usize]) -> bool {
    unstated.iter().zip(at).any(|(axis, at)| axis[*at])
}

/// Adds the cells of a release. A cell whose restrictions exclude each other cannot occur, which everybody knows
/// who has the definitions.
fn cells_of(
    document: &ReleaseDocument,
    table: Table,
    unstated: &[Vec<bool>],
    divided: &mut BTreeMap<Divided, Groups>,
    cells: &mut Vec<Cell>,
) {
    let sizes = sizes(document);
    // For each attribute the axis that it lies along, if any, and the group of each of its categories.
    let mut along: Vec<(Divided, Option<usize>, Vec<Option<u16>>)> = Vec::new();
    for (by, (_, divisions)) in table {
        let mut axis = None;
        let mut categories: Vec<Option<Parts>> = vec![None];
        for division in divisions {
            match division {
                Division::Axis(of, parts) => {
                    axis = Some(of);
                    categories = parts.into_iter().map(Some).collect();
                }
                Division::Only(kept) => {
                    for parts in &mut categories {
                        *parts = Some(match parts.take() {
                            None => kept.clone(),
                            Some(parts) => parts.intersection(&kept).cloned().collect(),
                        });
                    }
                }
            }
        }
        let groups = divided.entry(by.clone()).or_default();
        let place = |parts: Option<Parts>| {
            let parts = parts.filter(|parts| !parts.is_empty())?;
            Some(groups.place(parts))
        };
        let categories = categories.into_iter().map(place).collect();
        along.push((by, axis, categories));
    }
    for (index, text) in document.cells.iter().enumerate() {
        let at = places(&sizes, index);
        let groups: Option<Vec<(Divided, u16)>> = along
            .iter()
            .map(|(by, axis, categories)| {
                let category = axis.map_or(0, |axis| at[axis]);
                Some((by.clone(), (*categories.get(category)?)?))
            })
            .collect();
        if let Some(groups) = groups {
            let (low, high, hidden) = outside(Shown::from(*text), document.policy.profile);
            let off = document.off_by();
            let (low, high) = (low.saturating_sub(off), high.map(|high| high.saturating_add(off)));
            let hidden = if hidden && says_nothing(unstated, &at) { Hidden::Unstated } else { hidden.into() };
            cells.push((groups, index, (low, high, hidden)));
        }
    }
}

/// What is left of a cell of a sum for the partners of a group. None where everybody knows what it is: nobody.
fn rest_of(
    (at, index, (_, high, _)): &Cell,
    of: &ReleaseDocument,
    unstated: &[Vec<bool>],
    group: u16,
) -> Option<Cell> {
    if *high == Some(0) {
        return None;
    }
    let here = |(by, own): &(Divided, u16)| {
        (by.clone(), if *by == Divided::Partner { group } else { *own })
    };
    let profile = of.policy.profile;
    let rest = Hidden::Rest {
        least: u64::from(profile.zeros() == Zeros::Shown),
        most: profile.limit(),
        unstated: says_nothing(unstated, &places(&sizes(of), *index)),
    };
    Some((at.iter().map(here).collect(), *index, (0, None, rest)))
}
