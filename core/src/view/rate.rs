//! An answer's counts over a population that is published elsewhere. Nothing of it travels: whoever has a verified
//! answer, a population and the shares of residents' care makes the rates for themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Cell, CoverageStatus};
use super::denominator::Denominator;
use super::refusal::RateRefusal;
use crate::catalogue::{Ages, Catalogue, IndicatorKind, Population as Basis};
use crate::model::{Agreement, CategoryId, CellState, ImdEdition, Ods};
use crate::population::{AgeBand, Catchment, PopulationTable, Slice};
use crate::statistics::{RateBounds, rate_bounds};

/// No resident rate is shown where the partners in the figures give less of the residents' care, in per cent.
pub const LEAST_HELD_PERCENT: u32 = 90;

/// A population that is this many years or more from the period is named as such.
const CAVEAT_YEARS: u16 = 2;

/// The population that rates were made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopulationUsed {
    /// Its name.
    pub name: String,
    /// The year that it describes.
    pub year: u16,
    /// Which people.
    pub basis: Basis,
    /// The edition of its deciles of deprivation, where it has them.
    pub edition: Option<ImdEdition>,
}

/// The rate of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellRate {
    /// The rate.
    pub bounds: RateBounds,
    /// The people below the line.
    pub people: u64,
}

/// The rates of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// Per so many people.
    pub per: u32,
    /// Which people.
    pub population: PopulationUsed,
    /// The share of residents' care that the partners in the figures give, from 0 to 1; for resident rates.
    pub held: Option<f64>,
    /// What a reader must know.
    pub notes: Vec<String>,
    cells: BTreeMap<Vec<usize>, CellRate>,
}

impl Rates {
    /// The rate of the cell at these positions; none where nobody can say who is below the line.
    #[must_use]
    pub fn at(&self, at: &[usize]) -> Option<&CellRate> {
        self.cells.get(at)
    }

    /// How many cells have a rate.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

/// What is at hand to make rates with.
#[derive(Debug, Clone, Copy)]
pub struct RateSources<'a> {
    /// Populations.
    pub populations: &'a [PopulationTable],
    /// Shares of residents' care.
    pub catchment: Option<&'a Catchment>,
}

/// The rates of an answer, where its indicator is a rate; with the population nearest to its period of those that
/// fit.
///
/// # Errors
/// [`RateRefusal`], with what does not fit of each population.
pub fn rates(
    answer: &Answer,
    sources: RateSources<'_>,
    agreement: &Agreement,
    catalogue: &Catalogue,
) -> Option<Result<Rates, RateRefusal>> {
    let indicator = catalogue.indicator(&answer.indicator.id).ok()?;
    let IndicatorKind::Rate { per, population, standardised, ages } = &indicator.kind else {
        return None;
    };
    if *standardised {
        return Some(Err(RateRefusal::Standardised));
    }
    let band = |ages: &Ages| {
        let to = ages.to.map(u8::try_from).transpose().ok()?;
        AgeBand::new(u8::try_from(ages.from).ok()?, to)
    };
    let whom = (*population, ages.as_ref().and_then(band));
    Some(made(answer, (*per, whom), sources, agreement, catalogue))
}

fn made(
    answer: &Answer,
    (per, whom): (u32, (Basis, Option<AgeBand>)),
    sources: RateSources<'_>,
    agreement: &Agreement,
    catalogue: &Catalogue,
) -> Result<Rates, RateRefusal> {
    if answer.cells.is_empty() {
        return Err(RateRefusal::NoFigures);
    }
    if sources.populations.is_empty() {
        return Err(RateRefusal::NoPopulation);
    }
    let scope = &agreement.residence_scope;
    let mut fitting = Vec::new();
    let mut refusals = Vec::new();
    for table in sources.populations {
        match Denominator::new(answer, table, whom, scope, catalogue) {
            Ok(fits) => fitting.push(fits),
            Err(refusal) => refusals.push(refusal),
        }
    }
    fitting.sort_by_key(|fits| (fits.years_apart(), fits.head().name.clone()));
    let Some(denominator) = fitting.into_iter().next() else {
        return Err(RateRefusal::among(refusals));
    };
    if whom.0 == Basis::Registered {
        whole_register(answer, sources.catchment)?;
    }
    let held = match whom.0 {
        Basis::Resident => Some(Held::new(answer, &denominator, sources.catchment)?),
        Basis::Registered => None,
    };
    let mut notes = notes(&denominator, per);
    if !answer.indicator.people {
        notes.push("The limits take the events as independent: where people have several, they are too narrow.".to_owned());
    }
    if whom.0 == Basis::Registered {
        notes.push(
            "Whether the partners in the figures hold all registers of the area is not known here."
                .to_owned(),
        );
    }
    let mut cells = BTreeMap::new();
    let mut thin = BTreeSet::new();
    for cell in answer.cells.iter().filter(|cell| countable(cell)) {
        let Some(slice) = denominator.slice(&cell.at) else { continue };
        if let Some(area) = held.as_ref().and_then(|held| held.too_little(&slice)) {
            thin.insert(area);
            continue;
        }
        let people = denominator.count(&slice);
        if let Some(bounds) = rate_bounds(cell.numerator.bounds, people, per) {
            cells.insert(cell.at.clone(), CellRate { bounds, people });
        }
    }
    notes.extend(thin.iter().map(|area| {
        format!("No rate for {area}: the partners in the figures give less than {LEAST_HELD_PERCENT} % of its residents' care.")
    }));
    let head = denominator.head();
    Ok(Rates {
        per,
        population: PopulationUsed {
            name: head.name.clone(),
            year: head.year,
            basis: head.basis,
            edition: head.imd_edition,
        },
        held: held.map(|held| held.all),
        notes,
        cells,
    })
}

/// That no register is missing: the people below the line are those of all of them. A specialist's patients are
/// registered anywhere.
fn whole_register(answer: &Answer, catchment: Option<&Catchment>) -> Result<(), RateRefusal> {
    for line in &answer.coverage {
        match line.status {
            CoverageStatus::Answered => {
                if catchment.is_some_and(|c| c.is_specialist(&line.ods)) {
                    return Err(RateRefusal::Specialist { name: line.name.clone() });
                }
            }
            CoverageStatus::NoData => {}
            CoverageStatus::Refused | CoverageStatus::Late | CoverageStatus::Unreachable => {
                return Err(RateRefusal::Registers { name: line.name.clone() });
            }
        }
    }
    Ok(())
}

/// Whether cases can occur and were collected.
const fn countable(cell: &Cell) -> bool {
    !matches!(cell.numerator.state, CellState::StructuralZero | CellState::NotCollected)
}

fn notes(denominator: &Denominator, per: u32) -> Vec<String> {
    let head = denominator.head();
    let mut notes = Vec::new();
    let people = match head.basis {
        Basis::Resident => "residents",
        Basis::Registered => "people registered with a general practice",
    };
    notes.push(format!(
        "Rates are crude, per {per} {people} of {} in the whole period, over the population '{}'; their limits are exact below 10 and Byar's from there on.",
        head.year, head.name
    ));
    let years = denominator.years_apart();
    if years >= CAVEAT_YEARS {
        notes.push(format!(
            "The population is of {}, {years} years from the period: it may have changed.",
            head.year
        ));
    }
    if head.basis == Basis::Registered {
        notes.push("Counted are people who live in the area; below the line are those who are registered there.".to_owned());
    }
    notes
}

/// How much of the residents' care the partners in the figures give.
struct Held {
    all: f64,
    too_little: Vec<CategoryId>,
}

impl Held {
    fn new(
        answer: &Answer,
        denominator: &Denominator,
        catchment: Option<&Catchment>,
    ) -> Result<Self, RateRefusal> {
        let catchment = catchment.ok_or(RateRefusal::NoCatchment)?;
        let inside = answer.coverage.iter().filter(|c| c.status == CoverageStatus::Answered);
        if let Some(line) = inside.clone().find(|c| catchment.is_specialist(&c.ods)) {
            return Err(RateRefusal::Specialist { name: line.name.clone() });
        }
        let providers: BTreeSet<&Ods> = inside.map(|c| &c.ods).collect();
        let (mut people, mut covered) = (0.0, 0.0);
        let mut too_little = Vec::new();
        for area in denominator.areas() {
            let held = catchment
                .held(area, &providers)
                .ok_or_else(|| RateRefusal::CatchmentArea { area: area.clone() })?;
            if !enough(held) {
                too_little.push(area.clone());
            }
            let slice = Slice { areas: vec![area.clone()], ..Slice::default() };
            let own = real(denominator.count(&slice));
            people += own;
            covered += own * held;
        }
        let all = if people > 0.0 { covered / people } else { 0.0 };
        if !enough(all) {
            return Err(RateRefusal::Held { percent: whole_percent(all) });
        }
        Ok(Self { all, too_little })
    }

    /// The area of a slice of one area whose residents' care is held too little of.
    fn too_little(&self, slice: &Slice) -> Option<CategoryId> {
        let [area] = slice.areas.as_slice() else { return None };
        self.too_little.contains(area).then(|| area.clone())
    }
}

/// A hair below the limit is the limit: shares are sums of fractions.
fn enough(held: f64) -> bool {
    held + 1e-9 >= f64::from(LEAST_HELD_PERCENT) / 100.0
}

/// In whole per cent, rounded down, so that too little is never printed as enough.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=100 first"
)]
pub fn whole_percent(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 100.0 + 1e-7).floor() as u32
}

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
