//! Legally restricted records: assisted conception, gender recognition, sexually transmitted infection. A row with
//! such a code in any column that could hold one is dropped before anything else is done with it, unless the
//! mapping says why not. The codes are data: `restricted.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::error::IntakeError;
use super::mapping::Mapping;
use super::synonyms;

/// The most columns that a mapping names here.
pub const MAX_RESTRICTED_COLUMNS: usize = 200;

/// The longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 500;

const LIST: &str = include_str!("restricted.toml");

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Holds {
    Diagnosis,
    Procedure,
    TreatmentFunction,
    Specialty,
    Withheld,
}

impl Holds {
    const ALL: [Self; 5] = [
        Self::Diagnosis,
        Self::Procedure,
        Self::TreatmentFunction,
        Self::Specialty,
        Self::Withheld,
    ];

    /// What a column of that name holds, as far as names say. Codes of one classification are no codes of another
    /// here, so that a column too many does no harm.
    fn of(name: &str) -> Option<Self> {
        let plain = synonyms::plain(name);
        let has = |parts: &[&str]| parts.iter().any(|part| plain.contains(part));
        if has(&["withheldidentity", "withheldreason"]) {
            Some(Self::Withheld)
        } else if has(&["treatmentfunction", "tretspef", "tfc"]) {
            Some(Self::TreatmentFunction)
        } else if has(&["mainspef", "specialty", "speciality"]) {
            Some(Self::Specialty)
        } else if plain.starts_with("diag") || has(&["icd", "diagnosis", "diagnoses"]) {
            Some(Self::Diagnosis)
        } else if has(&["opcs", "opertn", "procedure"]) {
            Some(Self::Procedure)
        } else {
            None
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    group: Vec<Group>,
}

/// Codes by what columns hold. What they are about, and the law, stands in the list for whoever reads it.
#[derive(Debug, Deserialize)]
struct Group {
    #[serde(default)]
    diagnosis: Vec<String>,
    #[serde(default)]
    procedure: Vec<String>,
    #[serde(default)]
    treatment_function: Vec<String>,
    #[serde(default)]
    specialty: Vec<String>,
    #[serde(default)]
    withheld: Vec<String>,
}

impl Group {
    fn codes(&self, holds: Holds) -> &[String] {
        match holds {
            Holds::Diagnosis => &self.diagnosis,
            Holds::Procedure => &self.procedure,
            Holds::TreatmentFunction => &self.treatment_function,
            Holds::Specialty => &self.specialty,
            Holds::Withheld => &self.withheld,
        }
    }
}

/// What a mapping says of restricted codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RestrictedTable {
    /// Further columns of the file in which they may stand.
    columns: Vec<String>,
    /// Further codes, in any of those columns.
    codes: Vec<String>,
    /// Whether such rows are kept.
    keep: bool,
    /// Why.
    reason: Option<String>,
}

impl RestrictedTable {
    /// What is wrong with it.
    pub(super) fn wrong(&self) -> Option<String> {
        if self.columns.len() > MAX_RESTRICTED_COLUMNS || self.codes.len() > MAX_RESTRICTED_COLUMNS
        {
            return Some(format!(
                "[restricted] names at most {MAX_RESTRICTED_COLUMNS} columns and as many codes"
            ));
        }
        if self.codes.iter().any(|code| bare(code).is_empty()) {
            return Some(
                "a code under [restricted] is empty, which would drop every row".to_owned(),
            );
        }
        let said = self.reason.as_deref().unwrap_or_default().trim();
        if self.keep && said.is_empty() {
            return Some(
                "[restricted] keep = true needs a reason: write down why the law lets such records be counted here"
                    .to_owned(),
            );
        }
        if !self.keep && self.reason.is_some() {
            return Some("[restricted] has a reason and keeps nothing: add keep = true, or take the reason out".to_owned());
        }
        (said.chars().count() > MAX_REASON_CHARS)
            .then(|| format!("a reason has at most {MAX_REASON_CHARS} characters"))
    }

    /// Why such rows are kept, where they are.
    pub(super) fn kept(&self) -> Option<&str> {
        self.reason.as_deref().map(str::trim).filter(|_| self.keep)
    }
}

/// Codes without dots and spaces, in upper case.
fn bare(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}

/// The fields of a file in which restricted codes may stand, each with the beginnings of such codes.
#[derive(Debug, Default)]
pub(super) struct Restricted {
    fields: Vec<(usize, Vec<String>)>,
}

impl Restricted {
    /// The fields that are looked at.
    pub(super) fn fields(&self) -> impl Iterator<Item = usize> {
        self.fields.iter().map(|(at, _)| *at)
    }

    /// Looks through the header, the columns that the mapping names, and those that are bound: `bound` gives
    /// dataset columns with their fields.
    ///
    /// # Errors
    /// [`IntakeError::MissingField`] where the mapping names a column under `[restricted]` that is not there;
    /// [`IntakeError::RestrictedList`] where the list that is compiled in cannot be read.
    pub(super) fn new<'a>(
        mapping: &'a Mapping,
        header: Option<&'a [String]>,
        fields: usize,
        bound: impl Iterator<Item = (&'a str, usize)>,
    ) -> Result<Self, IntakeError> {
        if mapping.restricted.keep {
            return Ok(Self::default());
        }
        let list: List =
            toml::from_str(LIST).map_err(|e| IntakeError::RestrictedList(e.to_string()))?;
        // Of two columns of one name, both: a row too many is dropped rather than one too few.
        let positions = |name: &str| -> Vec<usize> {
            let wanted = name.trim().to_lowercase();
            let numbered = || name.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < fields);
            match header {
                Some(header) => {
                    let same = |at: &usize| header[*at].trim().to_lowercase() == wanted;
                    (0..header.len()).filter(same).collect()
                }
                None => numbered().into_iter().collect(),
            }
        };
        let mut found: BTreeMap<usize, BTreeSet<Holds>> = BTreeMap::new();
        let mut add = |at: usize, holds: Option<Holds>| {
            if let Some(holds) = holds {
                found.entry(at).or_default().insert(holds);
            }
        };
        header.into_iter().flatten().enumerate().for_each(|(at, name)| add(at, Holds::of(name)));
        bound.for_each(|(column, at)| add(at, Holds::of(column)));
        for (column, field) in &mapping.columns {
            positions(field).into_iter().for_each(|at| add(at, Holds::of(column)));
        }
        for name in &mapping.restricted.columns {
            let missing = || IntakeError::MissingField {
                column: "[restricted] columns".to_owned(),
                field: name.clone(),
            };
            let found = positions(name);
            if found.is_empty() {
                return Err(missing());
            }
            for at in found {
                match Holds::of(name) {
                    Some(holds) => add(at, Some(holds)),
                    // Nobody says what it holds: any of them.
                    None => Holds::ALL.into_iter().for_each(|holds| add(at, Some(holds))),
                }
            }
        }
        let codes = |holds: &BTreeSet<Holds>| -> Vec<String> {
            let listed = list.group.iter().flat_map(|g| holds.iter().flat_map(|h| g.codes(*h)));
            listed.chain(&mapping.restricted.codes).map(|code| bare(code)).collect()
        };
        let fields = found.iter().map(|(at, holds)| (*at, codes(holds))).collect();
        Ok(Self { fields })
    }

    /// Whether a row has such a code. A field may hold several codes with anything between them.
    pub(super) fn drops(&self, record: &csv::ByteRecord) -> bool {
        self.fields.iter().any(|(at, codes)| {
            let field = record.get(*at).unwrap_or_default();
            field
                .split(|b| !(b.is_ascii_alphanumeric() || *b == b'.'))
                .filter(|token| !token.is_empty())
                .any(|token| codes.iter().any(|code| begins(token, code)))
        })
    }

    /// Whether there is no column in which such a code could stand, as far as names say.
    pub(super) fn looks_nowhere(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Whether a field's text begins with a code. A code that is a number of two figures is that number however it is
/// written: programs take the nought away.
fn begins(token: &[u8], code: &str) -> bool {
    if let [b'0', figure] = code.as_bytes()
        && token == [*figure]
    {
        return true;
    }
    let mut token = token.iter().filter(|b| **b != b'.').map(u8::to_ascii_uppercase);
    code.bytes().all(|b| token.next() == Some(b))
}

#[cfg(test)]
mod tests {
    use evensum_core::catalogue::Catalogue;

    use super::*;

    fn drops(header: &str, row: &str, more: &str) -> bool {
        let text = format!("dataset = \"rtt_open_pathway\"\n{more}");
        let mapping = Mapping::parse(&text, &Catalogue::builtin().expect("catalogue")).expect("ok");
        let header: Vec<String> = header.split(',').map(str::to_owned).collect();
        let found = Restricted::new(&mapping, Some(&header), header.len(), std::iter::empty());
        let record: Vec<&str> = row.split(',').collect();
        found.expect("columns").drops(&csv::ByteRecord::from(record))
    }

    #[test]
    fn codes_are_found_in_the_columns_that_hold_them_and_in_no_others() {
        for (header, row, dropped) in [
            ("DIAG_01,x", "F64.0,1", true),
            ("diag_14,x", "f640,1", true),
            ("Primary_ICD,x", "F64.0,1", true),
            ("TFC_Code,x", "360,1", true),
            ("Withheld_Identity_Reason,x", "01,1", true),
            ("Withheld_Identity_Reason,x", "1,1", true),
            ("Withheld_Identity_Reason,x", "10,1", false),
            ("Der_Diagnosis_All,x", "||I10X;Z21X||,1", true),
            ("Primary_Diagnosis_ICD10,x", "I10,F640", false),
            ("OPERTN_03,x", "X15.2,1", true),
            ("Proposed_Procedure_Opcs_Code,x", "Q13.1,1", true),
            // Codes of another classification that look alike.
            ("DIAG_01,x", "X150,1", false),
            ("DIAG_01,x", "Q130,1", false),
            ("OPERTN_01,x", "A50,1", false),
            ("TRETSPEF,x", "360,1", true),
            ("Activity_Treatment_Function_Code,x", "361,1", false),
            ("MAINSPEF,x", "360,1", true),
            ("WITHHELD_IDENTITY_REASON,x", "01,1", true),
            ("WITHHELD_IDENTITY_REASON,x", "97,1", false),
            ("weeks_waited,x", "360,F640", false),
        ] {
            assert_eq!(drops(header, row, ""), dropped, "{header}: {row}");
        }
    }

    #[test]
    fn a_mapping_names_further_columns_and_codes_or_keeps_such_rows_for_a_reason() {
        let named = "[restricted]\ncolumns = [\"flag\"]\ncodes = [\"SENS\"]\n";
        for (row, dropped) in [("X15,1", true), ("sens-1,1", true), ("no,F64", false)] {
            assert_eq!(drops("Flag,x", row, named), dropped, "{row}");
        }
        let kept =
            "[restricted]\nkeep = true\nreason = \"All identifiers were withheld at source.\"\n";
        assert!(!drops("DIAG_01,x", "F64,1", kept));
        let by_position = "[source]\nheader = false\n[columns]\ntreatment_function = \"2\"\n";
        let text = format!("dataset = \"rtt_open_pathway\"\n{by_position}");
        let mapping = Mapping::parse(&text, &Catalogue::builtin().expect("catalogue")).expect("ok");
        let found = Restricted::new(&mapping, None, 2, std::iter::empty()).expect("columns");
        assert!(found.drops(&csv::ByteRecord::from(vec!["a", "360"])));
    }

    #[test]
    fn the_list_has_the_three_things_that_the_law_restricts() {
        let list: List = toml::from_str(LIST).expect("a list");
        for wanted in ["about = \"assisted", "about = \"gender", "about = \"sexually"] {
            assert!(LIST.contains(wanted), "{wanted}");
        }
        let all = list.group.iter().flat_map(|g| Holds::ALL.into_iter().flat_map(|h| g.codes(h)));
        // A code of one letter would drop a chapter.
        all.for_each(|code| assert!(code.len() >= 2 && bare(code) == *code, "{code}"));
    }
}
