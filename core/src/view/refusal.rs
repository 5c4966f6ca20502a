//! Why an answer has no rates: each reason by its name, and what would mend it.

use super::rate::LEAST_HELD_PERCENT;
use crate::catalogue::Population as Basis;
use crate::model::{CategoryId, ImdEdition, LevelId};
use crate::population::{AgeBand, AreaKind, Grouping};

/// Why no rate is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateRefusal {
    /// The indicator asks for a standardised rate.
    #[error(
        "the indicator is a directly standardised rate, and this version makes crude rates only: the counts are shown, not yet standardised; ask for the crude indicator where there is one"
    )]
    Standardised,
    /// Nothing to make rates of.
    #[error("no partner's figures are in the answer")]
    NoFigures,
    /// One organisation's own extract.
    #[error(
        "the figures are of one organisation's own extract, and a rate needs everybody's who treats the population: the counts are shown, and a question to all partners gives the rate"
    )]
    OneOrganisation,
    /// Registers of some partners alone, over everybody who is registered.
    #[error(
        "{name} is not in the figures, and the population is everybody who is registered: a rate of some of the registers would be too low"
    )]
    Registers {
        /// A partner that did not answer.
        name: String,
    },
    /// No population was imported.
    #[error(
        "there is no population to divide by: import one with `evensum reference add FILE --dir DIR`, and name the folder as `reference` in the analyst's configuration"
    )]
    NoPopulation,
    /// Of other people.
    #[error("the population '{name}' is of {} people, and the rate is per {} person", of_basis(*.has), of_basis(*.wants))]
    Basis {
        /// The population.
        name: String,
        /// What it counts.
        has: Basis,
        /// What the indicator is per.
        wants: Basis,
    },
    /// Of another edition of the deprivation index.
    #[error("the population '{name}' is by IMD {}, and the answer by IMD {}: one decile is not the other", .has.as_str(), .wants.as_str())]
    Edition {
        /// The population.
        name: String,
        /// Its edition.
        has: ImdEdition,
        /// The answer's.
        wants: ImdEdition,
    },
    /// The partners did not say which edition they used.
    #[error("the answer does not say which edition of the deprivation index it is by")]
    EditionUnknown,
    /// Other ethnic groups.
    #[error("the population '{name}' is by {has}, and the answer by {}", grouping(.wants.as_ref()))]
    Grouping {
        /// The population.
        name: String,
        /// Its groups.
        has: Grouping,
        /// The answer's, where they are five groups.
        wants: Option<Grouping>,
    },
    /// Its bands do not make up the answer's.
    #[error(
        "the age bands of the population '{name}' do not make up {}",
        if *.wants == AgeBand::EVERYBODY { "all ages".to_owned() } else { format!("the ages {}", .wants) }
    )]
    AgeBands {
        /// The population.
        name: String,
        /// The band that they do not make up.
        wants: AgeBand,
    },
    /// Not by this.
    #[error("the population '{name}' is not by '{level}', as the answer is")]
    Breakdown {
        /// The population.
        name: String,
        /// The level of the answer.
        level: LevelId,
    },
    /// Not restricted to what the answer is restricted to.
    #[error(
        "the population '{name}' has no people of '{level}={category}' alone, as the answer is restricted to"
    )]
    Scope {
        /// The population.
        name: String,
        /// The level.
        level: LevelId,
        /// The category.
        category: CategoryId,
    },
    /// Of other kinds of area.
    #[error("the population '{name}' is by {}, and the agreement counts the residents of integrated care boards", .has.name())]
    AreaKind {
        /// The population.
        name: String,
        /// What its areas are.
        has: AreaKind,
    },
    /// Lacks an area of the agreement.
    #[error("the population '{name}' has nobody in {area}, whose residents the agreement counts")]
    Area {
        /// The population.
        name: String,
        /// The area.
        area: CategoryId,
    },
    /// Of another time.
    #[error("the population '{name}' is of {has}, more than {most} years from the period")]
    Year {
        /// The population.
        name: String,
        /// Its year.
        has: u16,
        /// The most that is let pass.
        most: u16,
    },
    /// Several populations, none of which fits.
    #[error("no population fits: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoneFits(Vec<RateRefusal>),
    /// Nothing says how much of the residents' care the partners give.
    #[error(
        "nothing says which share of the residents' care the partners in the figures give: import a table of provider, area and patients of every provider with `evensum reference add FILE --dir DIR`"
    )]
    NoCatchment,
    /// Nothing says it of this area.
    #[error("the table of providers' patients has nobody in {area}: import one that has")]
    CatchmentArea {
        /// The area.
        area: CategoryId,
    },
    /// Too little of the care.
    #[error(
        "the partners in the figures give {percent} % of the residents' care, and no rate is shown below {LEAST_HELD_PERCENT} %"
    )]
    Held {
        /// Rounded down.
        percent: u32,
    },
    /// Its patients come from the whole country.
    #[error(
        "{name} is a specialist provider, whose patients come from the whole country: it has no population of residents"
    )]
    Specialist {
        /// The partner.
        name: String,
    },
}

impl RateRefusal {
    /// The reasons of several populations as one.
    #[must_use]
    pub(super) fn among(mut all: Vec<Self>) -> Self {
        match all.len() {
            0 => Self::NoPopulation,
            1 => all.remove(0),
            _ => Self::NoneFits(all),
        }
    }
}

const fn of_basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Resident => "resident",
        Basis::Registered => "registered",
    }
}

fn grouping(wants: Option<&Grouping>) -> String {
    wants.map_or_else(|| "single ethnic categories".to_owned(), ToString::to_string)
}
