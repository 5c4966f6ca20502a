//! Coarser tables that somebody may release in place of one that fails: a dimension less, or categories a level up.

use std::fmt;

use super::dimension::Dimension;
use super::source::{self, Source};
use super::{SheetError, Terms};
use crate::disclosure::attack::{self, Verdict};
use crate::disclosure::complementary::Effort;

/// The most tables that are tried.
const MAX_TRIES: usize = 64;

/// One step to a coarser table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Without this dimension.
    Without(String),
    /// With the finest categories of this dimension so many levels up.
    Up(String, usize),
}

/// A coarser table, and how many cells it has with its totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coarser {
    /// How it is come to.
    pub steps: Vec<Step>,
    /// Its cells.
    pub cells: usize,
}

/// How large a table is that may not be as large, and what would be small enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Cells, with totals.
    pub cells: usize,
    /// The most.
    pub most: usize,
    /// The table's dimensions, and how many categories each has.
    pub dimensions: Vec<(String, usize)>,
    /// Smaller tables.
    pub choices: Vec<Coarser>,
}

/// The table less a dimension, or with one a level up: each way to take one step.
fn single_steps(dimensions: &[Dimension]) -> Vec<(usize, Option<usize>)> {
    let mut steps: Vec<(usize, Option<usize>)> = Vec::new();
    for (place, dimension) in dimensions.iter().enumerate() {
        steps.extend((1..=dimension.coarser_levels()).map(|levels| (place, Some(levels))));
    }
    if dimensions.len() > 1 {
        steps.extend((0..dimensions.len()).map(|place| (place, None)));
    }
    steps
}

fn named(dimensions: &[Dimension], (place, levels): (usize, Option<usize>)) -> Step {
    let name = dimensions.get(place).map_or("", Dimension::name).to_owned();
    levels.map_or(Step::Without(name.clone()), |levels| Step::Up(name, levels))
}

/// One step, or two of different dimensions. Later ones first, so that dimensions keep their numbers.
fn ways(dimensions: &[Dimension], steps: usize) -> Vec<Vec<(usize, Option<usize>)>> {
    let single = single_steps(dimensions);
    if steps < 2 {
        return single.into_iter().map(|step| vec![step]).collect();
    }
    let mut pairs = Vec::new();
    for first in &single {
        for second in single.iter().filter(|second| second.0 < first.0) {
            let nothing_left = dimensions.len() <= 2 && first.1.is_none() && second.1.is_none();
            if !nothing_left {
                pairs.push(vec![*first, *second]);
            }
        }
    }
    pairs
}

impl Size {
    /// The size of a table by these dimensions, with the smaller tables of one step, or else of two.
    #[must_use]
    pub fn of(dimensions: &[Dimension], most: usize) -> Self {
        let sizes: Vec<usize> = dimensions.iter().map(Dimension::len).collect();
        let after = |way: &[(usize, Option<usize>)]| {
            let size = |(place, len): (usize, &usize)| match way.iter().find(|step| step.0 == place)
            {
                None => *len,
                Some((_, None)) => 1,
                Some((_, Some(levels))) => dimensions
                    .get(place)
                    .map_or(1, |d| d.coarser(*levels).iter().filter(|kept| **kept).count()),
            };
            sizes.iter().enumerate().map(size).fold(1_usize, usize::saturating_mul)
        };
        let fitting = |steps| -> Vec<Coarser> {
            let all = ways(dimensions, steps).into_iter();
            let sized = all.map(|way| (after(&way), way)).filter(|(cells, _)| *cells <= most);
            let named = |way: Vec<_>| way.into_iter().map(|s| named(dimensions, s)).collect();
            sized.map(|(cells, way)| Coarser { steps: named(way), cells }).collect()
        };
        let mut choices = fitting(1);
        if choices.is_empty() {
            choices = fitting(2);
        }
        Self {
            cells: source::size(dimensions),
            most,
            dimensions: dimensions
                .iter()
                .map(|d| (d.name().to_owned(), d.len().saturating_sub(1)))
                .collect(),
            choices,
        }
    }
}

impl Coarser {
    /// The options that make the table this coarse.
    #[must_use]
    pub fn options(&self) -> String {
        self.steps.iter().map(Step::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Without(name) => write!(f, "--without {name}"),
            Self::Up(name, levels) => write!(f, "--coarsen {name}={levels}"),
        }
    }
}

impl fmt::Display for Coarser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} cells)", self.options(), self.cells)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: Vec<String> =
            self.dimensions.iter().map(|(name, n)| format!("{name}: {n}")).collect();
        write!(
            f,
            "the table has {} cells with its totals (categories of {}); the most is {}",
            self.cells,
            by.join(", "),
            self.most
        )?;
        if self.choices.is_empty() {
            return f.write_str(": leave out dimensions, or use coarser categories");
        }
        let choices: Vec<String> = self.choices.iter().take(8).map(Coarser::to_string).collect();
        write!(f, ". Small enough: {}", choices.join(", "))
    }
}

impl Source {
    /// Coarser tables that pass the disclosure test under the same terms, found by trying them: of one step, or where
    /// none passes of two.
    ///
    /// # Errors
    /// [`SheetError::Contradiction`] where what is already out contradicts itself.
    pub fn coarser_that_pass(&self, terms: &Terms<'_>) -> Result<Vec<Coarser>, SheetError> {
        let mut tries = 0;
        for steps in [1, 2] {
            let mut passing = Vec::new();
            for way in ways(&self.dimensions, steps) {
                tries += 1;
                if tries > MAX_TRIES {
                    break;
                }
                let mut next = way.iter();
                let Some(first) = next.next() else { continue };
                let coarse = next.fold(self.step(*first), |coarse, step| coarse.step(*step));
                let hiding = match coarse.hiding(terms, Effort::QUICK) {
                    Ok(hiding) => hiding,
                    Err(SheetError::NoPattern(_)) => continue,
                    Err(error) => return Err(error),
                };
                let public = coarse.public(&hiding, terms)?;
                if attack::decide(&public, &terms.limits)?.verdict == Verdict::Safe {
                    let steps = way.iter().map(|step| named(&self.dimensions, *step)).collect();
                    passing.push(Coarser { steps, cells: coarse.cells.len() });
                }
            }
            if !passing.is_empty() {
                return Ok(passing);
            }
        }
        Ok(Vec::new())
    }

    fn step(&self, (place, levels): (usize, Option<usize>)) -> Self {
        match levels {
            Some(levels) => self.coarser(place, levels),
            None => self.without(place),
        }
    }
}
