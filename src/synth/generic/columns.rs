//! The columns of an extract under the names that source systems use, and the mapping that reads them.

use std::fmt::Write as _;

use evensum_core::catalogue::{Dataset, DatedBy, Dimension, FieldKind, Partition};
use evensum_core::model::ImdEdition;

use super::Columns;
use super::person::{Coded, is_flag};
use super::solve::Solved;
use super::texts::NULLS;
use crate::synth::profile::PartnerProfile;

/// Characteristics that an extract with the usual columns has: the first of the dataset, which are its own, and so many
/// that are yes or no.
const USUAL: usize = 10;
const USUAL_FLAGS: usize = 3;

/// What a column is written from.
pub(super) enum Source<'a> {
    Person,
    EventDate,
    ClockStart,
    Departure,
    Left,
    /// The code of the outcome.
    Code,
    /// A field that rules look at, by its place among them.
    Field(usize),
    Born,
    Lsoa,
    Provider,
    Board,
    Coded(Coded<'a>),
    /// A measure, by its place among the dataset's.
    Measure(usize),
}

/// A column of an extract.
pub(super) struct Column<'a> {
    /// The column of the dataset.
    pub(super) id: String,
    pub(super) header: String,
    pub(super) source: Source<'a>,
    /// The trust's own words for codes, each with the code.
    pub(super) words: Vec<(String, String)>,
}

/// The columns of an extract of a dataset.
pub(super) fn columns<'a>(
    dataset: &'a Dataset,
    dimensions: &[&'a Dimension],
    solved: Option<&Solved<'a>>,
    profile: &PartnerProfile,
    edition: ImdEdition,
    which: Columns,
) -> Vec<Column<'a>> {
    let mut list: Vec<(String, Source<'a>)> = vec![("person".to_owned(), Source::Person)];
    if let DatedBy::Event(column) = &dataset.dated_by {
        list.push((column.to_string(), Source::EventDate));
    }
    match &dataset.outcome.made_of {
        Partition::Weeks { .. } => list.push(("clock_start".to_owned(), Source::ClockStart)),
        Partition::Codes { .. } => {
            list.push((dataset.outcome.column.to_string(), Source::Code));
        }
        Partition::Stay { .. } => {
            list.push(("departure".to_owned(), Source::Departure));
            list.push(("left_before_treatment".to_owned(), Source::Left));
        }
        Partition::Rules { fields, .. } => {
            let of = |(at, f): (usize, &evensum_core::catalogue::RuleField)| {
                (f.column.to_string(), Source::Field(at))
            };
            list.extend(fields.iter().enumerate().map(of));
        }
    }
    let (mut flags, mut others) = (0, 0);
    for dimension in dimensions {
        let column = dimension.column.as_str();
        let (so_far, limit) = match is_flag(dimension) {
            true => (&mut flags, USUAL_FLAGS),
            false => (&mut others, USUAL),
        };
        *so_far += 1;
        if which == Columns::Usual && *so_far > limit {
            continue;
        }
        let source = match dimension.id.as_str() {
            "imd" => Some(("lsoa", Source::Lsoa)),
            "age" => Some(("birth_date", Source::Born)),
            "provider" => Some((column, Source::Provider)),
            "icb" => Some((column, Source::Board)),
            _ if dimension.listed => None,
            _ => Coded::new(dimension, profile).map(|coded| (column, Source::Coded(coded))),
        };
        list.extend(source.map(|(id, source)| (id.to_owned(), source)));
    }
    for (at, measure) in dataset.measures.iter().enumerate() {
        list.push((measure.id.to_string(), Source::Measure(at)));
    }
    named(list, dataset, solved, edition)
}

fn named<'a>(
    list: Vec<(String, Source<'a>)>,
    dataset: &Dataset,
    solved: Option<&Solved<'a>>,
    edition: ImdEdition,
) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    for (id, source) in list {
        let mut header = header(&id, &source, edition);
        if columns.iter().any(|c| c.header == header) {
            header.push_str("_2");
        }
        let words = match &source {
            Source::Code => outcome_words(dataset),
            Source::Field(at) => field_words(*at, solved),
            Source::Coded(coded) => coded.words.clone(),
            _ => Vec::new(),
        };
        columns.push(Column { id, header, source, words });
    }
    columns
}

/// What a source system calls a column.
fn header(column: &str, source: &Source<'_>, edition: ImdEdition) -> String {
    match (column, source) {
        ("person", _) => "LOCAL_PATIENT_IDENTIFIER".to_owned(),
        ("birth_date", _) => "PERSON_BIRTH_DATE".to_owned(),
        ("lsoa", _) => format!("LSOA{}", edition.lsoa_vintage() % 100),
        ("ethnic_category", _) => "ETHNOS".to_owned(),
        ("sex", _) => "PERSON_STATED_GENDER_CODE".to_owned(),
        ("provider", _) => "ORGANISATION_CODE_PROVIDER".to_owned(),
        ("icb_residence", _) => "ICB_OF_RESIDENCE".to_owned(),
        ("treatment_function", _) => "TRETSPEF".to_owned(),
        ("clock_start", _) => "REFERRAL_TO_TREATMENT_PERIOD_START_DATE".to_owned(),
        (other, Source::Coded(coded)) if is_flag(coded.dimension) => {
            format!("{}_IND", other.to_uppercase())
        }
        (other, _) => other.to_uppercase(),
    }
}

/// The labels of bands in place of their first codes.
fn outcome_words(dataset: &Dataset) -> Vec<(String, String)> {
    let Partition::Codes { bands, .. } = &dataset.outcome.made_of else { return Vec::new() };
    let first = |b: &evensum_core::catalogue::CodeBand| {
        Some((b.label.to_uppercase(), b.codes.first()?.clone()))
    };
    bands.iter().filter_map(first).collect()
}

/// A word of the trust's own in place of the first code that rules ask of a field.
fn field_words(at: usize, solved: Option<&Solved<'_>>) -> Vec<(String, String)> {
    let Some(solved) = solved else { return Vec::new() };
    if solved.fields[at].kind != FieldKind::Code {
        return Vec::new();
    }
    let code = solved.asked(at).next();
    code.map(|code| vec![(format!("LOCAL {code}"), code.to_owned())]).unwrap_or_default()
}

/// The mapping that reads an extract with these columns.
pub(super) fn mapping(dataset: &Dataset, columns: &[Column<'_>], edition: ImdEdition) -> String {
    let nulls: Vec<String> = NULLS.iter().map(|null| format!("\"{null}\"")).collect();
    let mut text = format!(
        "dataset = \"{}\"\n\n[source]\nencoding = \"utf-8\"\ndelimiter = \",\"\nheader = true\nnull = [{}]\n\
         date = [\"%d/%m/%Y\", \"%Y-%m-%d\"]\nimd_edition = \"{}\"\n\n[columns]\n",
        dataset.id,
        nulls.join(", "),
        edition.as_str()
    );
    let mut say = |line: String| {
        let written = writeln!(text, "{line}");
        debug_assert!(written.is_ok(), "writing to memory does not fail");
    };
    for column in columns {
        say(format!("{} = \"{}\"", column.id, column.header));
    }
    for column in columns.iter().filter(|c| !c.words.is_empty()) {
        say(format!("\n[codes.{}]", column.id));
        for (word, code) in &column.words {
            let word = word.replace('\\', "\\\\").replace('"', "\\\"");
            say(format!("\"{word}\" = \"{code}\""));
        }
    }
    text
}
