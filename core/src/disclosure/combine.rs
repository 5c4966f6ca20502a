//! The system's table from the partners' releases: bounds add up, and nothing hidden ever counts as
//! nothing.

use super::chain::Preview;
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
    let cells = places(layout).map(|Place { at, group, numerator, denominator }| CombinedCell {
        at,
        numerator: side(&each, numerator),
        denominator: side(&each, denominator),
        figures: figures(layout, &each, group, numerator),
    });
    Ok(cells.collect())
}

/// Where a group of a table stands.
pub(super) struct Place {
    /// The category position on each axis, without the outcome's.
    pub(super) at: Vec<usize>,
    /// Its number among the groups.
    pub(super) group: usize,
    /// The cell above the line.
    pub(super) numerator: usize,
    /// The cell below it.
    pub(super) denominator: usize,
}

/// The groups of a table, in the lattice's order.
pub(super) fn places(layout: &Layout) -> impl Iterator<Item = Place> {
    let lattice = layout.lattice();
    let outcome = lattice.axes().last().map_or(1, |axis| axis.categories().len());
    (0..lattice.len() / outcome).map(move |group| {
        let first = group * outcome;
        let mut at = lattice.coordinates(first);
        at.pop();
        let (numerator, denominator) = (first + layout.numerator(), first + layout.denominator());
        Place { at, group, numerator, denominator }
    })
}

impl Preview {
    /// Its cells as those of an answer of one partner that releases the table.
    pub(crate) fn combined(&self) -> Vec<CombinedCell> {
        let layout = self.layout();
        let known = bounds(layout.lattice(), self.cells(), self.profile());
        let side = |cell: usize| one_side(self.cells()[cell], known[cell]);
        let cells =
            places(layout).map(|Place { at, group, numerator, denominator }| CombinedCell {
                at,
                numerator: side(numerator),
                denominator: side(denominator),
                figures: measure::of_group(layout, self.figures(), group),
            });
        cells.collect()
    }
}

const fn one_side(shown: Shown, bounds: Bounds) -> Side {
    let published = match shown {
        Shown::Published(figure) => Some(figure),
        _ => None,
    };
    Side { state: state_of(shown), bounds, published }
}

const fn state_of(shown: Shown) -> CellState {
    match shown {
        Shown::Published(_) => CellState::Value,
        Shown::Suppressed => CellState::Suppressed,
        Shown::Small => CellState::Small,
        Shown::StructuralZero => CellState::StructuralZero,
    }
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
        let own = one_side(release.shown()[index], bounds[index]);
        published = own.published.or(published);
        if rank(own.state) > rank(state) {
            state = own.state;
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
