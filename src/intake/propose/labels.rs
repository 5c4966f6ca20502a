//! Values of coded columns: which of them a load understands as they stand, and which are a label or a usual
//! spelling of a category.

use std::collections::BTreeSet;

use evensum_core::catalogue::{Category, CategoryKind, Dimension, NO, Outcome, Partition, YES};
use evensum_core::model::Date;

use super::super::derive::{Derivation, Derived, Origin, Rules};
use super::super::event;
use super::super::quality::Seen;

/// What a coded column's values mean.
pub(super) enum Codes<'a> {
    /// Those of a dimension.
    Dimension(&'a Dimension, Box<Derivation<'a>>),
    /// Those of an outcome that is made of codes.
    Outcome(&'a Outcome),
    /// Yes and no, in this column.
    YesNo(&'a str),
}

/// What a value comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Understood as it stands. The category, where it is one of a list.
    Known(String),
    /// To be translated to this category or code.
    Label(String),
    /// Not understood.
    None,
}

impl<'a> Codes<'a> {
    /// The codes of a dimension's own column; none where the dimension cannot be used.
    pub(super) fn of_dimension(dimension: &'a Dimension) -> Option<Self> {
        let origin = match dimension.id.as_str() {
            "ethnicity" => Origin::Ethnicity,
            "provider" => Origin::Provider,
            "icb" => Origin::Board,
            "age" => Origin::Age,
            _ => Origin::Code,
        };
        let derivation = Derivation::new(dimension, origin, None)?;
        Some(Self::Dimension(dimension, Box::new(derivation)))
    }

    /// What a value means.
    pub(super) fn meaning(&self, text: &str) -> Meaning {
        match self {
            Self::Dimension(dimension, derivation) => of_dimension(dimension, derivation, text),
            Self::Outcome(outcome) => of_outcome(outcome, text),
            Self::YesNo(column) => yes_or_no(column, text),
        }
    }

    /// How many known categories there are to tell apart; none where they are no closed list.
    pub(super) fn known(&self) -> Option<usize> {
        match self {
            Self::Dimension(dimension, _) if dimension.listed => None,
            Self::Dimension(dimension, _) if dimension.id.as_str() == "age" => Some(100),
            Self::Dimension(dimension, _) => {
                let known = |c: &&Category| c.kind == CategoryKind::Known;
                Some(leaves(dimension).iter().filter(known).count())
            }
            Self::Outcome(outcome) => Some(outcome.bands().len()),
            Self::YesNo(_) => Some(2),
        }
    }
}

fn leaves(dimension: &Dimension) -> &[Category] {
    dimension.levels.first().map(|l| l.categories.as_slice()).unwrap_or_default()
}

fn of_dimension(dimension: &Dimension, derivation: &Derivation<'_>, text: &str) -> Meaning {
    // Neither words for nothing nor dates are looked at here.
    let rules = Rules { census: Date::from_civil(time::Date::MIN), nulls: &[], dates: &[] };
    match derivation.of(text.as_bytes(), &rules, rules.census) {
        Derived::Leaf(_, Seen::Invalid) => {}
        Derived::Leaf(id, _) => return Meaning::Known(id.to_string()),
        Derived::Listed(code) => {
            return Meaning::Known(code.category().map(|c| c.to_string()).unwrap_or_default());
        }
        Derived::Refused(_) => return Meaning::None,
    }
    let told = |id: &str| dimension.levels.first()?.categories.iter().find(|c| c.id.as_str() == id);
    let found = alias(dimension.id.as_str(), text)
        .and_then(told)
        .or_else(|| numbered(dimension, text))
        .or_else(|| labelled(leaves(dimension), text))
        .or_else(|| unknown(leaves(dimension), text));
    found.map_or(Meaning::None, |c| Meaning::Label(c.id.to_string()))
}

fn of_outcome(outcome: &Outcome, text: &str) -> Meaning {
    let column = outcome.column.as_str();
    let known = |text: &str| event::translation(outcome, column, text).ok();
    if let Some(code) = known(text) {
        return Meaning::Known(code.to_string());
    }
    let wanted = words(text);
    let family = if outcome_of_attendance(column) { "attendance" } else { column };
    let code = alias(family, text).filter(|code| known(code).is_some());
    let band = || {
        let same = |(_, label): &(_, &str)| words(label) == wanted;
        outcome.bands().into_iter().find(same).map(|(id, _)| id.as_str())
    };
    let found = if wanted.is_empty() { None } else { code.or_else(band) };
    found.map_or(Meaning::None, |id| Meaning::Label(id.to_owned()))
}

/// Columns whose codes are those of ATTENDED OR DID NOT ATTEND.
fn outcome_of_attendance(column: &str) -> bool {
    matches!(column, "attended_or_did_not_attend_code" | "contact_outcome")
}

fn yes_or_no(column: &str, text: &str) -> Meaning {
    let is = |words: [&str; 5]| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    if is(YES) {
        return Meaning::Known("yes".to_owned());
    }
    if is(NO) {
        return Meaning::Known("no".to_owned());
    }
    match alias(column, text) {
        Some(answer) => Meaning::Label(answer.to_owned()),
        None => Meaning::None,
    }
}

/// Whether the codes of an outcome can be told apart from other numbers.
pub(super) const fn coded(outcome: &Outcome) -> bool {
    matches!(outcome.made_of, Partition::Codes { .. })
}

/// Words that say nothing of which category it is.
const EMPTY_WORDS: [&str; 12] = [
    "or",
    "and",
    "any",
    "background",
    "the",
    "of",
    "a",
    "to",
    "service",
    "services",
    "group",
    "groups",
];

/// The words of a label that tell it from others, in any order, a plural as its singular.
fn words(label: &str) -> BTreeSet<String> {
    let all: BTreeSet<String> = label
        .to_lowercase()
        .replace('&', " and ")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty() && !EMPTY_WORDS.contains(w))
        .map(|w| match w.strip_suffix('s') {
            Some(one) if w.len() > 4 && !one.ends_with('s') => one.to_owned(),
            _ => w.to_owned(),
        })
        .collect();
    // "Asian or Asian British" is written "Asian" as often as not.
    let region = all.contains("asian") || all.contains("black");
    all.into_iter().filter(|w| !(region && w == "british") && w != "ethnic").collect()
}

/// The category of that label: by all of its words or, where no other category shares them, by those before or
/// behind its colon or dash.
fn labelled<'c>(categories: &'c [Category], text: &str) -> Option<&'c Category> {
    let wanted = words(text);
    if wanted.is_empty() {
        return None;
    }
    if let Some(whole) = categories.iter().find(|c| words(&c.label) == wanted) {
        return Some(whole);
    }
    let parts = |c: &Category| -> Vec<BTreeSet<String>> {
        let cut = c.label.split_once(':').or_else(|| c.label.split_once(" – "));
        cut.map(|(before, behind)| vec![words(before), words(behind)]).unwrap_or_default()
    };
    let mut having = categories.iter().filter(|c| parts(c).contains(&wanted));
    match (having.next(), having.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// A decile with its number in front or behind the word, and the right way round.
fn numbered<'c>(dimension: &'c Dimension, text: &str) -> Option<&'c Category> {
    if dimension.id.as_str() != "imd" || text.contains('%') {
        return None;
    }
    let lower = text.to_lowercase();
    let rest = lower.trim_start_matches(|c: char| !c.is_ascii_digit());
    let before = lower[..lower.len() - rest.len()].trim();
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(end);
    let number: u32 = number.parse().ok()?;
    let wrong_way =
        (number <= 5 && after.contains("least")) || (number > 5 && after.contains("most"));
    let decile = (before.is_empty() && !after.chars().any(|c| c.is_ascii_digit()))
        || matches!(before, "decile" | "imd decile" | "d" | "imd");
    if decile && !wrong_way { dimension.of_code(&number.to_string()) } else { None }
}

/// Not known or not stated, in any of the usual wordings.
fn unknown<'c>(categories: &'c [Category], text: &str) -> Option<&'c Category> {
    const NOT_STATED: [&str; 8] = [
        "not stated",
        "refused",
        "declined",
        "prefer not to say",
        "patient refused",
        "declined to say",
        "not disclosed",
        "does not wish to say",
    ];
    const UNKNOWN: [&str; 9] = [
        "not known",
        "unknown",
        "not recorded",
        "unk",
        "missing",
        "not available",
        "not given",
        "no information",
        "unspecified",
    ];
    let wanted = words(text);
    let is = |known: &[&str]| known.iter().any(|k| words(k) == wanted);
    let of = |kind| categories.iter().find(|c| c.kind == kind);
    if is(&NOT_STATED) {
        return of(CategoryKind::NotStated).or_else(|| of(CategoryKind::Unknown));
    }
    if is(&UNKNOWN) { of(CategoryKind::Unknown) } else { None }
}

/// Usual wordings that no label has: for which dimension or column, how they are written, what they mean.
const ALIASES: [(&str, &[&str], &str); 27] = [
    ("sex", &["man", "boy"], "male"),
    ("sex", &["woman", "girl"], "female"),
    ("sex", &["indeterminate", "not specified"], "indeterminate"),
    (
        "ethnicity",
        &[
            "british",
            "white english welsh scottish northern irish british",
            "english welsh scottish northern irish british",
            "white english",
        ],
        "A",
    ),
    ("ethnicity", &["other", "any other", "other ethnic group"], "S"),
    ("tfc", &["ent", "otolaryngology"], "120"),
    ("tfc", &["t&o", "orthopaedics", "trauma & orthopaedics"], "110"),
    ("tfc", &["respiratory", "thoracic medicine"], "340"),
    ("tfc", &["geriatric medicine", "geriatrics", "care of the elderly"], "430"),
    ("tfc", &["general medicine"], "300"),
    ("tfc", &["neurosurgery"], "150"),
    ("department", &["emergency department", "major a&e", "a&e", "ed", "main ed"], "type1"),
    ("department", &["utc", "urgent treatment centre", "miu", "minor injuries unit"], "type3"),
    ("department", &["wic", "walk in centre"], "type4"),
    ("department", &["sdec", "same day emergency care"], "type5"),
    ("attendance", &["attended", "attended on time", "arrived", "seen", "completed"], "attended"),
    (
        "attendance",
        &[
            "attended on time or, if late, before the relevant care professional was ready to see the patient",
        ],
        "5",
    ),
    (
        "attendance",
        &[
            "arrived late, seen",
            "attended late, seen",
            "attended late",
            "arrived late, after the relevant care professional was ready to see the patient, but was seen",
        ],
        "6",
    ),
    (
        "attendance",
        &["arrived late, not seen", "late not seen", "patient arrived late and could not be seen"],
        "7",
    ),
    (
        "attendance",
        &[
            "dna",
            "did not attend",
            "dnaed",
            "no show",
            "was not brought",
            "wnb",
            "did not attend - no advance warning given",
        ],
        "3",
    ),
    (
        "attendance",
        &[
            "cancelled by patient",
            "patient cancelled",
            "patient cancellation",
            "cancelled patient",
            "appointment cancelled by, or on behalf of, the patient",
        ],
        "2",
    ),
    (
        "attendance",
        &[
            "cancelled by hospital",
            "cancelled by provider",
            "hospital cancelled",
            "hospital cancellation",
            "cancelled hospital",
            "cancelled by trust",
            "appointment cancelled or postponed by the health care provider",
        ],
        "4",
    ),
    (
        "attendance",
        &["future", "booked", "scheduled", "not applicable - appointment occurs in the future"],
        "0",
    ),
    ("attendance", &["not known", "unknown"], "9"),
    (
        "left_before_treatment",
        &[
            "1066301000000103",
            "1066311000000101",
            "1066321000000107",
            "left before treatment",
            "left before being seen",
            "left before assessment",
            "lwbs",
            "did not wait",
        ],
        "yes",
    ),
    ("left_before_treatment", &["treated", "treatment complete", "discharged", "admitted"], "no"),
    ("left_before_treatment", &["182992009", "treatment completed"], "no"),
];

fn alias(of: &str, text: &str) -> Option<&'static str> {
    let wanted = words(text);
    let is = |known: &str| words(known) == wanted;
    let here = ALIASES.iter().filter(|(whose, _, _)| *whose == of);
    let mut found = here.filter(|(_, known, _)| !wanted.is_empty() && known.iter().any(|k| is(k)));
    found.next().map(|(_, _, id)| *id)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use evensum_core::catalogue::Catalogue;
    use evensum_core::model::DatasetId;

    use super::*;

    fn meaning(of: &str, text: &str) -> Meaning {
        static CATALOGUE: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::builtin().expect("catalogue"));
        let catalogue = &*CATALOGUE;
        if let Some(dimension) = catalogue.dimensions().iter().find(|d| d.id.as_str() == of) {
            return Codes::of_dimension(dimension).expect("usable").meaning(text);
        }
        let id = DatasetId::new("outpatient_appointment").expect("an id");
        let outcome = &catalogue.dataset(&id).expect("a dataset").outcome;
        let codes = if of == "attendance" {
            Codes::Outcome(outcome)
        } else {
            Codes::YesNo("left_before_treatment")
        };
        codes.meaning(text)
    }

    #[test]
    fn labels_are_translated_however_they_are_worded() {
        for (of, text, category) in [
            ("sex", "Male", "male"),
            ("sex", "WOMAN", "female"),
            ("sex", "Not specified", "indeterminate"),
            ("sex", "Not recorded", "unknown"),
            ("ethnicity", "White British", "A"),
            ("ethnicity", "British", "A"),
            ("ethnicity", "White - English/Welsh/Scottish/Northern Irish/British", "A"),
            ("ethnicity", "Any other White background", "C"),
            ("ethnicity", "White and Black Caribbean", "D"),
            ("ethnicity", "Mixed - White and Asian", "F"),
            ("ethnicity", "Any other mixed background", "G"),
            ("ethnicity", "Asian or Asian British - Indian", "H"),
            ("ethnicity", "Indian", "H"),
            ("ethnicity", "Other Asian", "L"),
            ("ethnicity", "Black African", "N"),
            ("ethnicity", "Caribbean", "M"),
            ("ethnicity", "Chinese", "R"),
            ("ethnicity", "Any other ethnic group", "S"),
            ("ethnicity", "Not stated", "not_stated"),
            ("ethnicity", "Prefer not to say", "not_stated"),
            ("ethnicity", "Unknown", "unknown"),
            ("imd", "1 - most deprived", "d01"),
            ("imd", "10 Least deprived", "d10"),
            ("imd", "Decile 4", "d04"),
            ("tfc", "Dermatology Service", "330"),
            ("tfc", "Trauma & Orthopaedics", "110"),
            ("tfc", "ENT", "120"),
            ("department", "Type 1", "type1"),
            ("attendance", "Attended on time", "attended"),
            ("attendance", "Did not attend", "3"),
            ("attendance", "Cancelled by the Hospital", "4"),
            ("left", "Left before treatment", "yes"),
            ("left", "1066301000000103", "yes"),
        ] {
            assert_eq!(meaning(of, text), Meaning::Label(category.to_owned()), "{of} {text}");
        }
    }

    #[test]
    fn codes_are_understood_and_what_is_open_is_left_open() {
        for (of, text) in [
            ("sex", "1"),
            ("sex", "01"),
            ("ethnicity", "A1"),
            ("ethnicity", "99"),
            ("tfc", "110"),
            ("provider", "R0D"),
            ("attendance", "5"),
            ("left", "Y"),
        ] {
            assert!(matches!(meaning(of, text), Meaning::Known(_)), "{of} {text}");
        }
        for (of, text) in [
            // In more than one category, or of another list.
            ("ethnicity", "White"),
            ("ethnicity", "Mixed"),
            ("ethnicity", "Roma"),
            ("ethnicity", "Any"),
            // The other way round, and a share that is no decile.
            ("imd", "1 - least deprived"),
            ("imd", "10% most deprived"),
            ("imd", "Most deprived 10"),
            ("sex", "Other"),
            ("attendance", "8"),
            ("attendance", "Rebooked"),
            ("left", "perhaps"),
            ("provider", "Main Hospital"),
        ] {
            assert_eq!(meaning(of, text), Meaning::None, "{of} {text}");
        }
    }
}
