//! The system's table from the partners' releases: bounds add up, and nothing hidden ever counts as
//! nothing.

use super::measure::{self, FigureBounds, FigureGap};
use super::protect::bounds;
use super::received::Received;
use crate::model::{Bounds, CellState, ImdEdition, Ods, Shown};
use crate::plan::Layout;

/// Why releases are not combined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// Partners used different editions of the deprivation index.
    #[error("the partners' extracts use different editions of the Index of Multiple Deprivation, which cannot be added: {}", list(.0))]
    MixedEditions(Vec<(Ods, Option<ImdEdition>)>),
    /// A table that is a sum of partners' already.
    #[error("the table of {0} is a sum over partners already, and is not added to theirs")]
    Pooled(Ods),
    /// The same partner twice.
    #[error("partner {0} would be counted twice")]
    Twice(Ods),
}

fn list(editions: &[(Ods, Option<ImdEdition>)]) -> String {
    let one = |(ods, edition): &(Ods, Option<ImdEdition>)| {
        format!("{ods} has {}", edition.map_or("none", ImdEdition::as_str))
    };
    editions.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// One of the two counts of a combined cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Its state.
    pub state: CellState,
    /// What it lies between.
    pub bounds: Bounds,
    /// The published figure, where it is that of one partner.
    pub published: Option<u64>,
}

/// A cell of the system's table.
#[derive(Debug, Clone, PartialEq)]
pub struct CombinedCell {
    /// The category position on each axis, without the outcome's.
    pub at: Vec<usize>,
    /// The numerator.
    pub numerator: Side,
    /// The denominator.
    pub denominator: Side,
    /// What counts do not give: one for each percentile, one for a mean or a ratio of sums, none for what they give.
    pub figures: Vec<Result<FigureBounds, FigureGap>>,
}

/// Adds the partners' releases cell by cell, each from its own published margin. A hidden cell adds its
/// bounds; nothing is re-added from parts.
///
/// # Errors
/// [`CombineError`].
pub fn combine(layout: &Layout, releases: &[Received]) -> Result<Vec<CombinedCell>, CombineError> {
    for (i, release) in releases.iter().enumerate() {
        let ods = &release.document().ods;
        if release.document().pool.is_some() && releases.len() > 1 {
            return Err(CombineError::Pooled(ods.clone()));
        }
        if releases[..i].iter().any(|other| other.document().ods == *ods) {
            return Err(CombineError::Twice(ods.clone()));
        }
    }
    editions_agree(layout, releases)?;
    if releases.is_empty() {
        return Ok(Vec::new());
    }
    let lattice = layout.lattice();
    let each: Vec<(Vec<Bounds>, &Received)> = releases
        .iter()
        .map(|r| {
            // What was changed at random before it was added up may be as far off as all changes together.
            let off = r.document().off_by();
            let shown = bounds(lattice, r.shown(), r.document().policy.profile);
            (shown.into_iter().map(|known| known.widened(off)).collect(), r)
        })
        .collect();
    let outcome = lattice.axes().last().map_or(1, |axis| axis.categories().len());
    let cells = (0..lattice.len() / outcome).map(|group| {
        let mut at = lattice.coordinates(group * outcome);
        at.pop();
        CombinedCell {
            at,
            numerator: side(&each, group * outcome + layout.numerator()),
            denominator: side(&each, group * outcome + layout.denominator()),
            figures: figures(layout, &each, group, group * outcome + layout.numerator()),
        }
    });
    Ok(cells.collect())
}

fn figures(
    layout: &Layout,
    each: &[(Vec<Bounds>, &Received)],
    group: usize,
    numerator: usize,
) -> Vec<Result<FigureBounds, FigureGap>> {
    let Some(figure) = layout.figure() else { return Vec::new() };
    let own: Vec<_> = each
        .iter()
        .map(|(_, release)| measure::of_group(layout, release.document().figures.as_ref(), group))
        .collect();
    let pooled = |which: usize| {
        let parts = each.iter().zip(&own).map(|((bounds, _), own)| {
            (bounds[numerator], own.get(which).copied().unwrap_or(Err(FigureGap::Withheld)))
        });
        measure::pooled(figure, &parts.collect::<Vec<_>>())
    };
    (0..figure.count()).map(pooled).collect()
}

fn editions_agree(layout: &Layout, releases: &[Received]) -> Result<(), CombineError> {
    let question = layout.question();
    let scope = question.scope.as_ref().map(|s| &s.level);
    if !question.by.iter().chain(scope).any(|level| level.dimension().as_str() == "imd") {
        return Ok(());
    }
    let editions: Vec<_> = releases
        .iter()
        .map(|r| (r.document().ods.clone(), r.document().snapshot.imd_edition))
        .collect();
    match editions.first() {
        Some((_, first)) if editions.iter().any(|(_, other)| other != first) => {
            Err(CombineError::MixedEditions(editions))
        }
        _ => Ok(()),
    }
}

fn side(each: &[(Vec<Bounds>, &Received)], index: usize) -> Side {
    let mut sum = Bounds::exactly(0);
    let mut state = CellState::StructuralZero;
    let mut published = None;
    for (bounds, release) in each {
        sum = sum.plus(bounds[index]);
        let own = match release.shown()[index] {
            Shown::Published(r) => {
                published = Some(r);
                CellState::Value
            }
            Shown::Suppressed => CellState::Suppressed,
            Shown::Small => CellState::Small,
            Shown::StructuralZero => CellState::StructuralZero,
        };
        if rank(own) > rank(state) {
            state = own;
        }
    }
    Side { state, bounds: sum, published: published.filter(|_| each.len() == 1) }
}

const fn rank(state: CellState) -> u8 {
    match state {
        CellState::Value => 5,
        CellState::Refused => 4,
        CellState::Suppressed => 3,
        CellState::Small => 2,
        CellState::NotCollected => 1,
        CellState::StructuralZero => 0,
    }
}
