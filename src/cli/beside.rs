//! What an analyst's own reference data add to verified answers. Nothing of it travels.

use std::path::Path;

use evensum_core::catalogue::{Catalogue, Indicator};
use evensum_core::model::Agreement;
use evensum_core::view::{Answer, Beside, Published, RateSources, rates};

use super::exit::{Exit, Failure, OrExit};
use crate::present::rate::comparator;
use crate::reference::Shelf;

/// Opens the folder of the analyst's configuration; without one there is nothing to add but the reason why.
pub(super) fn open(folder: Option<&Path>) -> Result<Shelf, Failure> {
    folder.map_or_else(|| Ok(Shelf::default()), |dir| Shelf::open(dir).or_exit(Exit::Data))
}

/// Rates, where the indicator is one, and published figures of the same indicator and period.
pub(super) fn of(
    answer: &Answer,
    shelf: &Shelf,
    agreement: &Agreement,
    catalogue: &Catalogue,
) -> Beside {
    let sources = RateSources { populations: shelf.populations(), catchment: shelf.catchment() };
    let indicator = &answer.indicator;
    let published = shelf
        .series()
        .iter()
        .flat_map(|series| series.of(&indicator.id, &indicator.name))
        .filter(|figure| figure.period == answer.period)
        .cloned()
        .collect();
    Beside { rates: rates(answer, sources, agreement, catalogue), published }
}

/// The most figures that are shown of one indicator.
const LATEST: usize = 8;

/// The latest published figures of an indicator, a line each.
pub(super) fn latest(shelf: &Shelf, indicator: &Indicator) -> String {
    let all = shelf.series().iter().flat_map(|series| series.of(&indicator.id, &indicator.name));
    let mut figures: Vec<&Published> = all.collect();
    figures.sort_by_key(|figure| std::cmp::Reverse(figure.period));
    let lines = figures.into_iter().take(LATEST).map(comparator);
    lines.map(|line| format!("Published:        {line}\n")).collect()
}
