//! The tables that are made of an indicator when an extract is published.

use evensum_core::catalogue::{Catalogue, Indicator, Pack, Rungs};
use evensum_core::view::rung_text;

/// Those of every pack that it is in, each once, by the dimensions that it has: what an agreement permits of them is
/// the agreement's.
pub(super) fn of(indicator: &Indicator, catalogue: &Catalogue) -> Vec<Rungs> {
    let packs = catalogue.packs().iter().filter(|pack| indicator.packs.contains(&pack.id));
    let mut found: Vec<Rungs> = Vec::new();
    for ladder in packs.flat_map(|pack| &pack.tables) {
        let has = |by: &&Vec<_>| {
            by.iter().all(|level: &evensum_core::model::LevelId| {
                indicator.breakdowns.contains(&level.dimension())
            })
        };
        let rungs = ladder.rungs.iter().filter(has);
        let rungs: Rungs = rungs.map(|by| catalogue.breakdown(by.iter().cloned())).collect();
        if !rungs.iter().all(|by| found.iter().any(|earlier| earlier.contains(by))) {
            found.push(rungs);
        }
    }
    found
}

/// Those of a pack, a line each.
pub(super) fn of_pack(pack: &Pack) -> Vec<String> {
    pack.tables.iter().map(|ladder| line(&ladder.rungs)).collect()
}

/// `imd.decile,sex; else imd.quintile,sex; else imd.core20`.
pub(super) fn line(rungs: &Rungs) -> String {
    rungs.iter().map(|by| rung_text(by)).collect::<Vec<_>>().join("; else ")
}
