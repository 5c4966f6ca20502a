//! The tables of a pack: which are made of an indicator under an agreement, in which order, and which coarser ones
//! there are to each. Nothing here depends on records, so that it is the same for everybody and can be told to anybody.

use serde::{Deserialize, Serialize};

use super::{Catalogue, Dimension, Indicator, Level, Pack};
use crate::model::{Agreement, DatasetId, LevelId};

/// The most tables of one pack.
pub const MAX_LADDERS: usize = 24;
/// The most rungs of one table.
pub const MAX_RUNGS: usize = 8;

/// A table in several degrees of detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The levels of each degree, the finest first. A level that groupings stand in place of means the one in use.
    pub rungs: Vec<Vec<LevelId>>,
}

/// The breakdowns of one table, the finest first, each in the catalogue's order of dimensions.
pub type Rungs = Vec<Vec<LevelId>>;

impl Level {
    /// Whether each of its categories is a part of one category of the other.
    #[must_use]
    pub fn nests_into(&self, coarser: &Self) -> bool {
        self.categories.iter().all(|part| {
            let part = part.people();
            coarser.categories.iter().any(|whole| part.is_subset(&whole.people()))
        })
    }
}

impl Catalogue {
    /// The packs that an agreement names, those first that the law demands, then as the catalogue lists them.
    #[must_use]
    pub fn packs_of(&self, agreement: &Agreement) -> Vec<&Pack> {
        let named = |pack: &&Pack| agreement.packs.contains(&pack.id);
        let mut packs: Vec<&Pack> = self.packs.iter().filter(named).collect();
        // Stable: among those that the law demands, and among the others, the catalogue's order stays.
        packs.sort_by_key(|pack| !pack.statutory);
        packs
    }

    /// The indicators of a pack that are made from a dataset and that an agreement allows, as the catalogue lists them.
    #[must_use]
    pub fn published(
        &self,
        pack: &Pack,
        dataset: &DatasetId,
        agreement: &Agreement,
    ) -> Vec<&Indicator> {
        let of = |i: &&Indicator| {
            i.dataset == *dataset
                && i.packs.contains(&pack.id)
                && agreement.indicators.contains(&i.id)
        };
        self.indicators.iter().filter(of).collect()
    }

    /// The tables of a pack that are made of an indicator under an agreement, in the order in which they are decided:
    /// those rungs of each that the indicator has the dimensions for and the agreement permits, by the groupings that
    /// it uses. A table of which no rung is left, or none that an earlier one does not have, is left out.
    #[must_use]
    pub fn tables(&self, pack: &Pack, indicator: &Indicator, agreement: &Agreement) -> Vec<Rungs> {
        let mut tables: Vec<Rungs> = Vec::new();
        for ladder in &pack.tables {
            let mut rungs: Rungs = Vec::with_capacity(ladder.rungs.len());
            for rung in &ladder.rungs {
                let by = self.breakdown(
                    rung.iter().map(|level| self.chosen(level, &agreement.groupings).clone()),
                );
                if self.may_be_asked(&by, indicator, agreement) && !rungs.contains(&by) {
                    rungs.push(by);
                }
            }
            let known = |by: &Vec<LevelId>| tables.iter().any(|earlier| earlier.contains(by));
            if !rungs.iter().all(known) {
                tables.push(rungs);
            }
        }
        tables
    }

    /// All breakdowns that are decided of an indicator when its extract is published under an agreement: every rung of
    /// every table of every pack, each once, in the order in which they are decided.
    #[must_use]
    pub fn declared(&self, indicator: &Indicator, agreement: &Agreement) -> Rungs {
        let mut declared: Rungs = Vec::new();
        for by in self.ladders(indicator, agreement).into_iter().flatten() {
            if !declared.contains(&by) {
                declared.push(by);
            }
        }
        declared
    }

    /// The coarser tables to a breakdown, the finest first, each coarser than the one before. Where the breakdown is a
    /// rung of a table of the agreement's packs: the rungs below it. Otherwise: every dimension by its next coarser
    /// level, step by step, and when there is none, fewer dimensions, the last first. This is what somebody is told
    /// whose table is withheld, whatever the records are.
    #[must_use]
    pub fn coarser(&self, by: &[LevelId], indicator: &Indicator, agreement: &Agreement) -> Rungs {
        let by = self.breakdown(by.iter().cloned());
        let below = |rungs: Rungs| {
            let place = rungs.iter().position(|rung| *rung == by)?;
            rungs.get(place + 1..).map(<[_]>::to_vec).filter(|rest| !rest.is_empty())
        };
        if let Some(rest) = self.ladders(indicator, agreement).into_iter().find_map(below) {
            return rest;
        }
        let mut found: Rungs = Vec::new();
        let mut at = by;
        while let Some(next) = self.step(&at, &agreement.groupings) {
            if self.may_be_asked(&next, indicator, agreement) {
                found.push(next.clone());
            }
            at = next;
        }
        found
    }

    /// Whether the catalogue has a breakdown of an indicator and the agreement permits it.
    #[must_use]
    pub fn may_be_asked(
        &self,
        by: &[LevelId],
        indicator: &Indicator,
        agreement: &Agreement,
    ) -> bool {
        by.len() <= usize::from(agreement.max_dimensions)
            && by.iter().all(|level| {
                indicator.breakdowns.contains(&level.dimension())
                    && agreement.permits(level)
                    && self.in_use(level, &agreement.groupings)
            })
    }

    /// Levels in the catalogue's order of dimensions.
    #[must_use]
    pub fn breakdown(&self, levels: impl Iterator<Item = LevelId>) -> Vec<LevelId> {
        let mut by: Vec<LevelId> = levels.collect();
        by.sort_by_key(|level| (self.place_of(level), level.clone()));
        by
    }

    fn ladders(&self, indicator: &Indicator, agreement: &Agreement) -> Vec<Rungs> {
        let packs = self.packs_of(agreement).into_iter();
        let own = packs.filter(|pack| indicator.packs.contains(&pack.id));
        own.flat_map(|pack| self.tables(pack, indicator, agreement)).collect()
    }

    /// The grouping that stands in a level's place, or the level.
    fn chosen<'a>(&'a self, level: &'a LevelId, groupings: &'a [LevelId]) -> &'a LevelId {
        let stands_for = |id: &LevelId| {
            self.level(id).is_ok_and(|(_, other)| other.instead_of.as_ref() == Some(level))
        };
        groupings.iter().find(|id| stands_for(id)).unwrap_or(level)
    }

    /// Every dimension by its next coarser level; where none has one, one dimension fewer.
    fn step(&self, by: &[LevelId], groupings: &[LevelId]) -> Option<Vec<LevelId>> {
        let mut next: Vec<LevelId> = Vec::with_capacity(by.len());
        let mut coarsened = false;
        for level in by {
            let coarser = self.next_level(level, groupings);
            coarsened |= coarser.is_some();
            next.push(coarser.unwrap_or(level).clone());
        }
        if coarsened {
            return Some(next);
        }
        next.pop();
        (!next.is_empty()).then_some(next)
    }

    /// The next coarser level of a level's dimension: of those in use that it nests into, the first.
    fn next_level(&self, id: &LevelId, groupings: &[LevelId]) -> Option<&LevelId> {
        let (dimension, level) = self.level(id).ok()?;
        let Dimension { levels, .. } = dimension;
        let place = levels.iter().position(|l| l.id == level.id)?;
        let after = levels.iter().skip(place + 1).filter(|l| self.in_use(&l.id, groupings));
        after.into_iter().find(|l| level.nests_into(l)).map(|l| &l.id)
    }
}
