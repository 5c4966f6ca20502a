//! How much a header says of what stands below it: from the name of the column itself to a likeness.

use std::collections::BTreeSet;

use evensum_core::model::ImdEdition;

use super::super::synonyms::{self, plain};

/// How a header is like the name of a column, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// Not at all.
    None,
    /// Words in it hint at the column.
    Hint,
    /// The same without words that say nothing.
    Near,
    /// A name that is known for it.
    Synonym,
    /// The column's own name.
    Own,
}

impl Likeness {
    /// How much it counts, from 0 to 1.
    pub(super) const fn weight(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Hint => 0.55,
            Self::Near => 0.8,
            Self::Synonym => 0.95,
            Self::Own => 1.0,
        }
    }
}

/// All synonyms that are known for a column, whatever the edition of the index.
fn synonyms_of(column: &str) -> impl Iterator<Item = &'static str> {
    let editions = [Some(ImdEdition::Imd2025), Some(ImdEdition::Imd2019)];
    editions.into_iter().flat_map(move |edition| synonyms::of(column, edition)).copied()
}

/// Words in headers that say where a field comes from, and not what it holds.
const EMPTY_WORDS: [&str; 26] = [
    "the",
    "of",
    "at",
    "in",
    "is",
    "for",
    "code",
    "cd",
    "der",
    "derived",
    "nhsd",
    "src",
    "raw",
    "value",
    "val",
    "field",
    "col",
    "patient",
    "pt",
    "pat",
    "person",
    "desc",
    "description",
    "flag",
    "ind",
    "indicator",
];

/// Abbreviations, and what they stand for.
const SHORT: [(&str, &str); 19] = [
    ("dt", "date"),
    ("dttm", "date"),
    ("datetime", "date"),
    ("no", "number"),
    ("num", "number"),
    ("nbr", "number"),
    ("hosp", "hospital"),
    ("arr", "arrival"),
    ("dep", "departure"),
    ("appt", "appointment"),
    ("app", "appointment"),
    ("spec", "specialty"),
    ("speciality", "specialty"),
    ("org", "organisation"),
    ("organization", "organisation"),
    ("eth", "ethnic"),
    ("ethnicity", "ethnic"),
    ("wks", "weeks"),
    ("mins", "minutes"),
];

/// The words of a header, small, abbreviations written out: `NHSNo` and `NHS_Number` are the same.
pub(super) fn words(name: &str) -> BTreeSet<String> {
    let mut spaced = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            spaced.push(' ');
        }
        spaced.extend(c.to_lowercase());
        before = c;
    }
    let long = |word: &str| {
        let known = SHORT.iter().find(|(short, _)| *short == word);
        known.map_or(word, |(_, long)| long).to_owned()
    };
    spaced.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(long).collect()
}

fn telling(name: &str) -> BTreeSet<String> {
    let all = words(name);
    let kept: BTreeSet<String> =
        all.iter().filter(|w| !EMPTY_WORDS.contains(&w.as_str())).cloned().collect();
    if kept.is_empty() { all } else { kept }
}

/// Words that hint at a column where a header has all of them and it is not named better.
fn hints(column: &str) -> &'static [&'static [&'static str]] {
    match column {
        "person" => &[
            &["nhs", "number"],
            &["nhs", "id"],
            &["nhsno"],
            &["hospital", "number"],
            &["mrn"],
            &["crn"],
            &["pas", "id"],
            &["pas", "number"],
            &["rn", "number"],
            &["unit", "number"],
            &["local", "id"],
            &["patient", "id"],
            &["patient", "number"],
            &["patient", "key"],
            &["person", "id"],
            &["person", "key"],
            &["client", "id"],
            &["service", "user", "id"],
            &["pseudo"],
            &["pseudonym"],
            &["hesid"],
        ],
        "birth_date" => &[&["birth"], &["dob"], &["born"]],
        "age" => &[&["age"]],
        "lsoa" => &[&["lsoa"], &["lsoa11"], &["lsoa21"], &["small", "area"], &["output", "area"]],
        "postcode" => &[&["postcode"], &["post", "code"], &["pcode"], &["pcd"], &["pcds"]],
        "imd_decile" => &[&["imd"], &["deprivation"], &["depriv"], &["imd19"], &["imd25"]],
        "ethnic_category" => &[&["ethnic"], &["ethnos"], &["race"]],
        "sex" => &[&["sex"], &["gender"]],
        "treatment_function" => &[
            &["tfc"],
            &["treatment", "function"],
            &["tretspef"],
            &["specialty"],
            &["treatment", "specialty"],
        ],
        "provider" => &[&["provider"], &["trust"], &["procode"], &["site", "code"]],
        "icb_residence" => &[&["icb"], &["integrated", "care", "board"]],
        other => of_event(other),
    }
}

fn of_event(column: &str) -> &'static [&'static [&'static str]] {
    match column {
        "clock_start" => &[
            &["clock", "start"],
            &["referral", "date"],
            &["rtt", "start"],
            &["pathway", "start"],
            &["waiting", "since"],
            &["date", "on", "list"],
        ],
        "weeks_waited" => &[&["weeks"], &["wait", "weeks"], &["weekswaiting"]],
        "appointment_date" => &[&["appointment", "date"], &["clinic", "date"], &["slot", "date"]],
        "attendance" => &[
            &["attendance"],
            &["attended"],
            &["attend"],
            &["appointment", "status"],
            &["appointment", "outcome"],
            &["dna"],
        ],
        "arrival" => &[&["arrival", "date"], &["arrived"], &["arrival"], &["arrive"]],
        "arrival_time" => &[&["arrival", "time"], &["arrived", "time"]],
        "departure" => &[
            &["departure", "date"],
            &["departed"],
            &["departure"],
            &["depart"],
            &["left", "department"],
            &["discharge", "date"],
        ],
        "departure_time" => &[&["departure", "time"], &["departed", "time"]],
        "minutes" => &[&["minutes"], &["duration"], &["los", "minutes"]],
        "left_before_treatment" => &[
            &["left", "before"],
            &["lwbs"],
            &["did", "not", "wait"],
            &["discharge", "status"],
            &["left", "without"],
        ],
        "department" => &[&["department"], &["dept"], &["ed", "type"], &["ae", "type"]],
        _ => &[],
    }
}

/// A header, taken apart once.
#[derive(Debug)]
pub(super) struct Header {
    plain: String,
    words: BTreeSet<String>,
    telling: BTreeSet<String>,
}

impl Header {
    pub(super) fn new(name: &str) -> Self {
        Self { plain: plain(name), words: words(name), telling: telling(name) }
    }
}

/// A column with all of its names, taken apart once. `title` is the catalogue's own name of it.
#[derive(Debug)]
pub(super) struct Known {
    own: String,
    synonyms: BTreeSet<String>,
    near: BTreeSet<BTreeSet<String>>,
    hints: &'static [&'static [&'static str]],
    title: BTreeSet<String>,
}

impl Known {
    pub(super) fn new(column: &str, title: &str) -> Self {
        let own = [column, title].into_iter().filter(|name| !name.is_empty());
        Self {
            own: plain(column),
            synonyms: synonyms_of(column).map(plain).collect(),
            near: own.map(telling).chain(synonyms_of(column).map(telling)).collect(),
            hints: hints(column),
            title: telling(title),
        }
    }

    /// How a header is like the name of this column.
    pub(super) fn likeness(&self, header: &Header) -> Likeness {
        if header.plain.is_empty() {
            return Likeness::None;
        }
        if header.plain == self.own {
            return Likeness::Own;
        }
        if self.synonyms.contains(&header.plain) {
            return Likeness::Synonym;
        }
        if self.near.contains(&header.telling) {
            return Likeness::Near;
        }
        let hinted = self.hints.iter().any(|hint| hint.iter().all(|w| header.words.contains(*w)));
        let titled = self.title.len() > 1 && self.title.is_subset(&header.words);
        if hinted || titled { Likeness::Hint } else { Likeness::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(header: &str, column: &str, title: &str) -> Likeness {
        Known::new(column, title).likeness(&Header::new(header))
    }

    #[test]
    fn headers_are_known_however_they_are_spelt() {
        use Likeness::{Hint, Near, None, Own, Synonym};
        for (header, column, expected) in [
            ("Person", "person", Own),
            ("nhs_number", "person", Synonym),
            ("NHSNumber", "person", Synonym),
            ("NHS Num.", "person", Near),
            ("Hosp No.", "person", Near),
            ("PAS number", "person", Hint),
            ("DateOfBirth", "birth_date", Synonym),
            ("Birth Dt", "birth_date", Near),
            ("Mother's birth date and time", "birth_date", Hint),
            ("Pt Gender Desc", "sex", Near),
            ("Eth Group", "ethnic_category", Near),
            ("Ethnicity (ONS)", "ethnic_category", Hint),
            ("LSOA (2021) Code", "lsoa", Near),
            ("Home Postcode", "postcode", Synonym),
            ("IMD Dec", "imd_decile", Hint),
            ("Clock Start Dt", "clock_start", Near),
            ("Arr Date", "arrival", Near),
            ("Consultant", "person", None),
            ("Age", "birth_date", None),
            ("Message", "age", None),
            ("", "sex", None),
        ] {
            assert_eq!(likeness(header, column, ""), expected, "{header} for {column}");
        }
        assert_eq!(likeness("Smoker (at booking)", "smoking", "Smoker at booking"), Near);
        assert_eq!(likeness("Had smoker status at booking", "x", "Smoker at booking"), Hint);
    }
}
