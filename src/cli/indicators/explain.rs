//! One indicator in plain English.

use std::fmt::Write;

use evensum_core::catalogue::{
    Catalogue, Dataset, DatedBy, Domain, Indicator, IndicatorKind, Partition, PeriodKind,
    PersonRows, Polarity, Population, Priority, Target,
};
use evensum_core::model::{CategoryId, ColumnId};

use super::{caveats, levels, released, tables};
use crate::present::figure::percentile;

/// Characters kept for what a line is about.
const HEAD: usize = 18;

/// Everything that the catalogue says of an indicator.
pub(super) fn indicator(indicator: &Indicator, catalogue: &Catalogue) -> String {
    let mut text =
        format!("{} ({}, version {})\n\n", indicator.name, indicator.id, indicator.version);
    let mut line = |head: &str, says: &str| {
        let _ = writeln!(text, "{:<HEAD$}{says}", format!("{head}:"));
    };
    let dataset = catalogue.dataset(&indicator.dataset).ok();
    if let Some(dataset) = dataset {
        line("What is counted", &format!("{}; a row is {}.", dataset.unit, dataset.row));
        line("Above the line", &end(dataset, &indicator.numerator));
        if divides(&indicator.kind) {
            line("Below the line", &end(dataset, &indicator.denominator));
        }
    }
    line("Figure", &figure(indicator, dataset));
    line("Unit", &indicator.unit);
    line("Better", better(indicator.polarity));
    for target in &indicator.targets {
        line("Target", &said(target));
    }
    if indicator.zero_target {
        line(
            "Shown where none",
            "a true nought in the row of everybody, where enough is counted below the line.",
        );
    }
    line("About", &format!("{}; {}.", domain(indicator.domain), priority(indicator.priority)));
    line("Held by", &indicator.held_by);
    if let Some(dataset) = dataset {
        let periods = match dataset.periods {
            PeriodKind::Month => "months",
            PeriodKind::Quarter => "quarters of the financial year",
            PeriodKind::Year => "financial years",
        };
        line("Periods", periods);
        line("An extract needs", &needs(indicator, dataset).join(", "));
    }
    line("Broken down by", &levels(indicator, catalogue).join(", "));
    if let Some(dataset) = dataset {
        let scopes: Vec<String> = dataset.scopes.iter().map(ToString::to_string).collect();
        line("Restricted by", &scopes.join(", "));
    }
    line("Packs", &indicator.packs.join(", "));
    for rungs in tables::of(indicator, catalogue) {
        line("Table", &tables::line(&rungs));
    }
    for open in not_confirmed(indicator, catalogue) {
        line("Not confirmed", &open);
    }
    for caveat in caveats(indicator, dataset) {
        line("Note", caveat);
    }
    let others = dataset.map(|d| same_records(d, catalogue)).unwrap_or_default();
    if !others.is_empty() {
        line("Note", &format!("The same records are also counted in: {}.", others.join(", ")));
    }
    line("Source", &indicator.source);
    text
}

/// A roll-up's label and the labels of its bands; `all` is every band.
pub(super) fn bands<'d>(dataset: &'d Dataset, id: &CategoryId) -> (&'d str, Vec<&'d str>) {
    let all = dataset.outcome.bands();
    match dataset.outcome.rollup(id) {
        None => ("All", all.into_iter().map(|(_, label)| label).collect()),
        Some(rollup) => {
            let of = all.into_iter().filter(|(band, _)| rollup.of.contains(band));
            (rollup.label.as_str(), of.map(|(_, label)| label).collect())
        }
    }
}

fn end(dataset: &Dataset, id: &CategoryId) -> String {
    let (label, bands) = bands(dataset, id);
    if id.is_all() {
        return format!("all {}", dataset.unit);
    }
    match bands.as_slice() {
        [one] if *one == label => label.to_owned(),
        several => format!("{label}: {}", several.join("; ")),
    }
}

/// Whether what is below the line is a part of the figure.
const fn divides(kind: &IndicatorKind) -> bool {
    matches!(kind, IndicatorKind::Proportion)
}

fn figure(indicator: &Indicator, dataset: Option<&Dataset>) -> String {
    let measure = |id: &ColumnId| -> String {
        let found = dataset.and_then(|d| d.measures.iter().find(|m| m.id == *id));
        found.map_or_else(|| id.to_string(), |m| m.name.to_lowercase())
    };
    let says = match &indicator.kind {
        IndicatorKind::Proportion => {
            "what is above the line as a share of what is below it.".to_owned()
        }
        IndicatorKind::Count => "the count of what is above the line.".to_owned(),
        IndicatorKind::Rate { per, population, standardised, ages } => {
            let who = match population {
                Population::Resident => "residents",
                Population::Registered => "people registered with general practices",
            };
            let aged = match ages {
                None => String::new(),
                Some(ages) => match ages.to {
                    Some(to) => format!(" aged {} to {to}", ages.from),
                    None => format!(" aged {} and over", ages.from),
                },
            };
            let standard = if *standardised {
                ", standardised for age to the European Standard Population 2013"
            } else {
                ""
            };
            format!(
                "the count of what is above the line, per {per} {who}{aged}{standard}. Partners answer with the count; the population comes from reference data."
            )
        }
        IndicatorKind::Mean { measure: id } => {
            format!("the mean {} of what is above the line.", measure(id))
        }
        IndicatorKind::Quantile { measure: id, at } => {
            let at: Vec<String> = at.iter().map(|p| percentile(*p)).collect();
            format!("the {} of {}, over what is above the line.", at.join(" and the "), measure(id))
        }
        IndicatorKind::Ratio { of, over, per } => {
            format!("{} per {per} {}, both summed.", measure(of), measure(over))
        }
    };
    let later = if released(indicator) {
        ""
    } else {
        " The counts are released; this version does not standardise them yet."
    };
    format!("{says}{later}")
}

const fn better(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::LowerIsBetter => "a lower figure is better.",
        Polarity::HigherIsBetter => "a higher figure is better.",
        Polarity::Neutral => "neither a higher nor a lower figure is better in itself.",
    }
}

fn said(target: &Target) -> String {
    let dates = match target.until {
        Some(until) if until == target.from => format!("by {until}"),
        Some(until) => format!("from {} until {until}", target.from),
        None => format!("from {}", target.from),
    };
    let sure = if target.provisional { "; not confirmed" } else { "" };
    format!("{}, {dates} ({}{sure})", target.value, target.source)
}

const fn domain(domain: Domain) -> &'static str {
    match domain {
        Domain::Access => "access: who is reached, and when",
        Domain::Experience => "experience: how care was",
        Domain::Outcome => "outcome: what came of it",
        Domain::Workforce => "the people who work there",
    }
}

const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::RestoreInclusively => "priority 1, restore services inclusively",
        Priority::DigitalExclusion => "priority 2, mitigate digital exclusion",
        Priority::Datasets => "priority 3, complete and timely data",
        Priority::Prevention => "priority 4, accelerate prevention",
        Priority::Leadership => "priority 5, leadership and accountability",
    }
}

/// The columns without which the indicator cannot be made, as a mapping names them; alternatives with `or`.
pub(super) fn needs(indicator: &Indicator, dataset: &Dataset) -> Vec<String> {
    let mut columns = vec!["person".to_owned()];
    if let DatedBy::Event(column) = &dataset.dated_by {
        columns.push(column.to_string());
    }
    match &dataset.outcome.made_of {
        Partition::Weeks { .. } => columns.push("clock_start or weeks_waited".to_owned()),
        Partition::Codes { .. } => columns.push(dataset.outcome.column.to_string()),
        Partition::Stay { .. } => {
            columns.push("departure or minutes".to_owned());
            columns.push("left_before_treatment".to_owned());
        }
        Partition::Rules { fields, .. } => columns.extend(fields.iter().map(|field| {
            let blank = if field.blank { " (may be blank)" } else { "" };
            format!("{}{blank}", field.column)
        })),
    }
    let extra = indicator.kind.measures().into_iter();
    let extra = extra.filter(|id| dataset.outcome.made_of.measure() != Some(*id));
    columns.extend(extra.map(ToString::to_string));
    if dataset.person_rows == PersonRows::One {
        columns[0].push_str(" (once each)");
    }
    columns
}

/// The other datasets whose rows are drawn from the same events.
fn same_records(dataset: &Dataset, catalogue: &Catalogue) -> Vec<String> {
    let same = |d: &&Dataset| {
        d.id != dataset.id && d.population.is_some() && d.population == dataset.population
    };
    let others = catalogue.datasets().iter().filter(same);
    others.map(|d| format!("{} ({})", d.name, d.id)).collect()
}

/// What is not confirmed of the indicator and of the dimensions that it is broken down by.
fn not_confirmed(indicator: &Indicator, catalogue: &Catalogue) -> Vec<String> {
    let of = |d: &&evensum_core::catalogue::Dimension| indicator.breakdowns.contains(&d.id);
    let dimensions = catalogue.dimensions().iter().filter(of);
    let open = dimensions.filter_map(|d| Some(format!("{}: {}", d.id, d.provisional.as_ref()?)));
    indicator.provisional.iter().cloned().chain(open).collect()
}
