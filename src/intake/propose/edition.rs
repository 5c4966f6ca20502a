//! Which edition of the index of deprivation an extract goes with: told by its areas, by a header or by what is
//! imported; asked for where none of them tells.

use evensum_core::model::ImdEdition;
use serde::Serialize;

use super::Scene;
use super::head::Field;
use super::wanted::Holds;
use crate::reference::{LsoaCode, Reference};

/// The greatest number of a small area of the census of 2011; the next ones were new in 2021.
const LAST_OF_2011: u32 = 33_768;
/// The greatest number of a small area of the census of 2021.
const LAST_OF_2021: u32 = 35_762;

/// The edition, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Edition {
    /// None where it must be asked for.
    pub edition: Option<ImdEdition>,
    /// Why.
    pub why: String,
}

fn says(edition: ImdEdition, why: impl Into<String>) -> Edition {
    Edition { edition: Some(edition), why: why.into() }
}

/// The edition that the chosen columns go with; none where no column needs one.
pub(super) fn of(scene: &Scene<'_>) -> Option<Edition> {
    let (column, found) =
        scene.chosen().find(|(c, _)| matches!(c.name, "lsoa" | "imd_decile" | "postcode"))?;
    let field = scene.field(found);
    if let Some(told) = scene.request.imd_edition {
        return Some(says(told, "as --imd-edition says"));
    }
    let reference = scene.request.reference;
    let area = matches!(column.holds, Holds::Area);
    let told = if area { by_areas(field, reference) } else { None };
    let told = told.or_else(|| if scene.head.header { by_header(&field.name) } else { None });
    let told = told.or_else(|| match column.holds {
        Holds::Postcode => only_imported(reference),
        _ => None,
    });
    Some(told.unwrap_or_else(|| Edition {
        edition: None,
        why: if area {
            "these areas are of the census of 2011 (edition 2019) or of 2021 (edition 2025): import an official table with `evensum reference add`, or ask who made the extract"
        } else {
            "it may be 2019 or 2025, in which half of all areas have another decile: ask who made the extract"
        }
        .to_owned(),
    }))
}

/// By the codes of small areas: those that are new in 2021, and those that an imported table has.
fn by_areas(field: &Field, reference: Option<&Reference>) -> Option<Edition> {
    let codes = || field.values.iter().filter_map(|(value, _)| LsoaCode::parse(value));
    let new = |code: LsoaCode| (LAST_OF_2011 + 1..=LAST_OF_2021).contains(&code.number());
    if codes().any(new) {
        return Some(says(ImdEdition::Imd2025, "some of its areas were new in the census of 2021"));
    }
    let has = |edition| {
        let table = reference?.imd(edition)?;
        let found = codes().filter(|code| table.decile(*code).is_some()).count();
        Some((found, codes().count()))
    };
    let most = |(found, all): (usize, usize)| all > 0 && found * 10 >= all * 9;
    match (has(ImdEdition::Imd2019), has(ImdEdition::Imd2025)) {
        (Some(old), Some(new)) if old.0 > new.0 => {
            Some(says(ImdEdition::Imd2019, "more of its areas are in the imported table of 2019"))
        }
        (Some(old), Some(new)) if new.0 > old.0 => {
            Some(says(ImdEdition::Imd2025, "more of its areas are in the imported table of 2025"))
        }
        (Some(old), None) if most(old) => {
            Some(says(ImdEdition::Imd2019, "its areas are in the table that is imported"))
        }
        (None, Some(new)) if most(new) => {
            Some(says(ImdEdition::Imd2025, "its areas are in the table that is imported"))
        }
        _ => None,
    }
}

/// By a year in a header: that of the census for areas, that of the edition for deciles.
fn by_header(name: &str) -> Option<Edition> {
    let lower = name.to_lowercase();
    let numbers: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).collect();
    let has = |years: &[&str]| numbers.iter().any(|n| years.contains(n));
    match (has(&["11", "2011", "19", "2019"]), has(&["21", "2021", "25", "2025"])) {
        (true, false) => Some(says(ImdEdition::Imd2019, "by the year in its header")),
        (false, true) => Some(says(ImdEdition::Imd2025, "by the year in its header")),
        _ => None,
    }
}

fn only_imported(reference: Option<&Reference>) -> Option<Edition> {
    let reference = reference?;
    let has = |edition| reference.imd(edition).is_some();
    match (has(ImdEdition::Imd2019), has(ImdEdition::Imd2025)) {
        (true, false) => Some(says(ImdEdition::Imd2019, "the edition that is imported")),
        (false, true) => Some(says(ImdEdition::Imd2025, "the edition that is imported")),
        _ => None,
    }
}
