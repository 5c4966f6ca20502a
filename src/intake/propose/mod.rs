//! From the head of an extract to a proposal of its mapping: which field is which column, how dates are written,
//! which values must be translated, and why; with everything that could not be told said as well.
//!
//! A proposal is for the partner's own people. It repeats headers, labels that the catalogue knows, and of other
//! values only short ones that occur often in columns of few different codes: never an identifier.

mod calendar;
mod edition;
mod head;
mod labels;
mod names;
mod place;
mod shapes;
#[cfg(test)]
mod tests;
mod text;
mod wanted;

pub(super) use shapes::nhs_number;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evensum_core::catalogue::{Catalogue, Dataset};
use evensum_core::model::{DatasetId, ImdEdition};
use serde::Serialize;

pub use calendar::{DateOrder, Dates};
pub use edition::Edition;
use head::{Field, Head};
use labels::{Codes, Meaning};
use names::Likeness;
use place::{Found, Likenesses, Placed};
use wanted::{Column, Holds, Wanted};

use super::error::IntakeError;
use super::synonyms;
use crate::reference::Reference;

/// The most rows that a proposal looks at.
pub const MAX_SAMPLED_ROWS: u32 = 5_000;

/// A value that means nothing known is repeated where it is at most this long,
const MAX_REPEATED_CHARS: usize = 12;
/// occurs at least so often,
const LEAST_REPEATED: u32 = 10;
/// and stands in a field of at most so many different values.
const MAX_CODES: usize = 60;

/// What a proposal is made from.
#[derive(Debug)]
pub struct ProposeRequest<'a> {
    /// The extract.
    pub file: &'a Path,
    /// Its dataset, where somebody says which.
    pub dataset: Option<&'a DatasetId>,
    /// Codes and labels.
    pub catalogue: &'a Catalogue,
    /// The official tables that are imported, which tell small areas of one census from those of another.
    pub reference: Option<&'a Reference>,
    /// The order of dates such as 03/04/2026, where somebody says which.
    pub date_order: Option<DateOrder>,
    /// The edition of the index of deprivation, where somebody says which.
    pub imd_edition: Option<ImdEdition>,
}

/// How sure a line of a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Header and values agree.
    Sure,
    /// One of them says so, and the other does not contradict.
    Likely,
    /// To be looked at.
    Check,
}

/// A field that is proposed for a column.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The dataset's column.
    pub column: String,
    /// The file's field: its header, or its number.
    pub field: String,
    /// How sure.
    pub certainty: Certainty,
    /// Why.
    pub why: String,
}

/// Values of a column that a load does not understand.
#[derive(Debug, Clone, Serialize)]
pub struct Open {
    /// The dataset's column.
    pub column: String,
    /// Those that may be repeated.
    pub values: Vec<String>,
    /// Whether there are others: rare, long, or too many to be codes.
    pub others: bool,
}

/// Something of the dataset that the file does not seem to have.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// The columns that it could be made from, the best first.
    pub columns: Vec<String>,
    /// Whether nothing can be loaded without it.
    pub required: bool,
}

/// A proposed mapping.
#[derive(Debug, Clone, Serialize)]
pub struct Proposal {
    /// The dataset.
    pub dataset: DatasetId,
    /// Why this one.
    pub dataset_why: String,
    /// Rows that were looked at.
    pub rows: u32,
    /// Whether the first row names the columns.
    pub header: bool,
    /// Words for nothing beside the usual ones.
    pub nulls: Vec<String>,
    /// How dates are written.
    pub dates: Dates,
    /// The edition of the index of deprivation, where one is needed.
    pub imd_edition: Option<Edition>,
    /// Fields that have a column.
    pub columns: Vec<Line>,
    /// By column: values that are to be translated, and to what.
    pub codes: BTreeMap<String, BTreeMap<String, String>>,
    /// Values that have no meaning yet.
    pub open: Vec<Open>,
    /// Fields that would do as well as the one that was taken.
    pub alternatives: Vec<Line>,
    /// Columns without a field.
    pub missing: Vec<Missing>,
    /// Fields without a column.
    pub unused: Vec<String>,
    /// What must be decided or corrected before the mapping can be used.
    pub questions: Vec<String>,
}

/// Why there is no proposal.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// The file cannot be read.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// It could be several datasets, or none.
    #[error("the headers do not tell which dataset this is: name it with --dataset, such as {0}")]
    WhichDataset(String),
}

/// Proposes a mapping.
///
/// # Errors
/// [`ProposeError`].
pub fn propose(request: &ProposeRequest<'_>) -> Result<Proposal, ProposeError> {
    let catalogue = request.catalogue;
    let known = known_names(catalogue);
    let head = Head::read(request.file, catalogue, &|name| known.contains(&synonyms::plain(name)))?;
    let mut likenesses = Likenesses::new(&head);
    let (dataset, dataset_why) = match request.dataset {
        Some(id) => {
            let dataset = catalogue.dataset(id).map_err(IntakeError::from)?;
            (dataset, "as --dataset says".to_owned())
        }
        None => guessed(catalogue, &head, request.file, &mut likenesses)?,
    };
    let wanted = wanted::of(dataset, catalogue);
    let mut placed = place::by_name(&wanted, &head, &mut likenesses);
    place::by_values(&wanted, &head, &mut placed);
    Ok(Scene { request, head: &head, wanted: &wanted, placed: &placed }
        .proposal(dataset, dataset_why))
}

/// Every name of every column, plainly spelt.
fn known_names(catalogue: &Catalogue) -> BTreeSet<String> {
    let editions = [Some(ImdEdition::Imd2019), Some(ImdEdition::Imd2025)];
    let columns = catalogue.datasets().iter().flat_map(|d| wanted::of(d, catalogue));
    let names: BTreeSet<String> =
        columns.flat_map(|w| w.columns).map(|c| c.name.to_owned()).collect();
    let of = |name: &String| {
        let all = editions.iter().flat_map(|e| synonyms::of(name, *e));
        all.map(|s| synonyms::plain(s)).chain([synonyms::plain(name)]).collect::<Vec<_>>()
    };
    names.iter().flat_map(of).collect()
}

/// Two datasets whose scores lie nearer than this cannot be told apart.
const TOO_CLOSE: f64 = 0.1;

/// Words of a dataset's id in the name of the file or of a field, such as the abbreviation of a national return.
fn affinity(dataset: &Dataset, head: &Head, file: &Path) -> f64 {
    const COMMON: [&str; 12] = [
        "open",
        "pathway",
        "wait",
        "register",
        "appointment",
        "attendance",
        "contact",
        "referral",
        "response",
        "course",
        "of",
        "year",
    ];
    let name = file.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let fields = head.fields.iter().filter(|_| head.header).map(|f| names::words(&f.name));
    let mut said: BTreeSet<String> = fields.flatten().chain(names::words(&name)).collect();
    if ["referral", "to", "treatment"].iter().all(|word| said.contains(*word)) {
        said.insert("rtt".to_owned());
    }
    let telling = names::words(dataset.id.as_str());
    let found = telling.iter().filter(|w| !COMMON.contains(&w.as_str()) && said.contains(*w));
    if found.count() > 0 { 0.5 } else { 0.0 }
}

/// The dataset whose own columns the headers name best. Columns that many datasets have say little.
fn guessed<'a>(
    catalogue: &'a Catalogue,
    head: &Head,
    file: &Path,
    known: &mut Likenesses,
) -> Result<(&'a Dataset, String), ProposeError> {
    let datasets = catalogue.datasets();
    let wanted: Vec<Vec<Wanted<'_>>> = datasets.iter().map(|d| wanted::of(d, catalogue)).collect();
    let mut having: BTreeMap<&str, u32> = BTreeMap::new();
    for column in wanted.iter().flatten().flat_map(|w| &w.columns) {
        *having.entry(column.name).or_default() += 1;
    }
    let mut scores: Vec<(f64, usize)> = Vec::new();
    for (at, of) in wanted.iter().enumerate() {
        let placed = place::by_name(of, head, known);
        let mut score = 0.0;
        let mut told = false;
        for (want, found) in of.iter().zip(&placed).skip(1) {
            let rarest = want.columns.iter().filter_map(|c| having.get(c.name)).min();
            let rarity = 1.0 / f64::from(rarest.copied().unwrap_or(1));
            let best = found.iter().flatten().map(|f| f.likeness.weight() * f.share.max(0.3));
            let best = best.fold(0.0, f64::max);
            told |= want.required && best > 0.0;
            score += match (want.required, best > 0.0) {
                (true, true) => best * (0.5 + 2.0 * rarity),
                (true, false) => -1.0,
                (false, _) => best * rarity,
            };
        }
        score += affinity(&datasets[at], head, file);
        if told && score > 0.0 {
            scores.push((score, at));
        }
    }
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let name = |(_, at): &(f64, usize)| datasets[*at].id.to_string();
    match scores.as_slice() {
        [first, second, ..] if second.0 > first.0 - TOO_CLOSE => {
            Err(ProposeError::WhichDataset(format!("{} or {}", name(first), name(second))))
        }
        [first, ..] => {
            let dataset = &datasets[first.1];
            Ok((
                dataset,
                "its own columns are named best: check that a row is what it should be".to_owned(),
            ))
        }
        [] => {
            let some: Vec<String> = datasets.iter().take(3).map(|d| d.id.to_string()).collect();
            Err(ProposeError::WhichDataset(some.join(", ")))
        }
    }
}

/// Everything that a proposal is put together from.
struct Scene<'s> {
    request: &'s ProposeRequest<'s>,
    head: &'s Head,
    wanted: &'s [Wanted<'s>],
    placed: &'s Placed,
}

impl Scene<'_> {
    /// The columns that were found, those first that are preferred to others of the same purpose.
    fn chosen(&self) -> impl Iterator<Item = (&Column<'_>, Found)> {
        self.wanted.iter().zip(self.placed).filter_map(|(want, found)| {
            let all = want.columns.iter().zip(found);
            all.filter_map(|(column, found)| Some((column, (*found)?))).next()
        })
    }

    fn field(&self, found: Found) -> &Field {
        &self.head.fields[found.field]
    }

    fn proposal(&self, dataset: &Dataset, dataset_why: String) -> Proposal {
        let dated = self.chosen().filter(|(c, _)| c.holds.dated());
        let fields: Vec<&Field> = dated.map(|(_, found)| self.field(found)).collect();
        let dates = calendar::propose(&fields, self.request.date_order);
        let imd_edition = edition::of(self);
        let missing = self.missing();
        let mut questions: Vec<String> = self.doubled();
        questions.extend(dates.problems.iter().cloned());
        if dates.asked {
            questions.push(
                "say whether the day or the month stands first, with --date-order day-first or month-first"
                    .to_owned(),
            );
        }
        if imd_edition.as_ref().is_some_and(|e| e.edition.is_none()) {
            questions.push(
                "say which edition of the index of deprivation it is, with --imd-edition 2019 or 2025"
                    .to_owned(),
            );
        }
        for missing in missing.iter().filter(|m| m.required) {
            questions.push(format!("no field was found for {}", missing.columns.join(" or ")));
        }
        let (codes, open) = self.codes();
        Proposal {
            dataset: dataset.id.clone(),
            dataset_why,
            rows: self.head.rows,
            header: self.head.header,
            nulls: self.head.nulls.iter().cloned().collect(),
            dates,
            imd_edition,
            columns: self.chosen().map(|(c, found)| self.line(c, found)).collect(),
            codes,
            open,
            alternatives: self.alternatives(),
            missing,
            unused: self.unused(),
            questions,
        }
    }

    fn line(&self, column: &Column<'_>, found: Found) -> Line {
        let field = self.field(found);
        let name = match found.likeness {
            Likeness::Own => "the header is the column's own name",
            Likeness::Synonym => "a usual name for it",
            Likeness::Near => "nearly its name",
            Likeness::Hint => "the header hints at it",
            Likeness::None => "told by its values alone",
        };
        let (values, certainty) = match (found.likeness, found.share) {
            _ if field.filled == 0 => ("it is empty in the rows looked at", Certainty::Check),
            (Likeness::Own | Likeness::Synonym, 0.9..) => ("its values fit", Certainty::Sure),
            (Likeness::None, _) if !unmistakable(column, field) => {
                ("they could be something else", Certainty::Check)
            }
            (_, 0.9..) => ("its values fit", Certainty::Likely),
            (Likeness::Own | Likeness::Synonym, 0.6..) => {
                ("most of its values fit", Certainty::Likely)
            }
            (_, 0.6..) => ("most of its values fit", Certainty::Check),
            _ => ("few of its values are understood", Certainty::Check),
        };
        Line {
            column: column.name.to_owned(),
            field: field.name.clone(),
            certainty,
            why: format!("{name}; {values}"),
        }
    }

    /// Fields that a load would find twice.
    fn doubled(&self) -> Vec<String> {
        let twice = self.chosen().filter(|(_, found)| self.head.header && self.field(*found).twice);
        let said = twice.map(|(column, found)| {
            let name = &self.field(found).name;
            format!("two fields are called '{name}', one of them for {}: rename one", column.name)
        });
        said.collect()
    }

    fn alternatives(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (want, found) in self.wanted.iter().zip(self.placed) {
            let all = want.columns.iter().zip(found);
            let found = all.filter_map(|(column, found)| Some((column, (*found)?)));
            lines.extend(found.skip(1).map(|(column, found)| self.line(column, found)));
        }
        lines
    }

    fn missing(&self) -> Vec<Missing> {
        let without = self.wanted.iter().zip(self.placed);
        let without = without.filter(|(_, found)| found.iter().all(Option::is_none));
        let missing = without.map(|(want, _)| Missing {
            columns: want.columns.iter().map(|c| c.name.to_owned()).collect(),
            required: want.required,
        });
        missing.collect()
    }

    fn unused(&self) -> Vec<String> {
        let used: BTreeSet<usize> =
            self.placed.iter().flatten().flatten().map(|f| f.field).collect();
        let fields = self.head.fields.iter().enumerate();
        fields.filter(|(at, _)| !used.contains(at)).map(|(_, f)| f.name.clone()).collect()
    }

    fn codes(&self) -> (BTreeMap<String, BTreeMap<String, String>>, Vec<Open>) {
        let (mut all, mut open) = (BTreeMap::new(), Vec::new());
        for (column, found) in self.chosen().filter(|(c, _)| c.holds.translated()) {
            let Some(codes) = column.holds.codes() else { continue };
            let field = self.field(found);
            let mut table: BTreeMap<String, String> = BTreeMap::new();
            let mut values = Vec::new();
            let mut others = false;
            for (value, rows) in &field.values {
                match codes.meaning(value) {
                    Meaning::Known(_) => {}
                    Meaning::Label(id) => drop(table.insert(value.clone(), id)),
                    Meaning::None if repeatable(field, value, *rows) => values.push(value.clone()),
                    Meaning::None => others = true,
                }
            }
            // With a table of its own, a flag is read by that alone.
            if matches!(codes, Codes::YesNo(_)) && !table.is_empty() {
                for (value, _) in &field.values {
                    if let Meaning::Known(answer) = codes.meaning(value) {
                        table.insert(value.clone(), answer);
                    }
                }
            }
            once_each(&mut table);
            let column = column.name.to_owned();
            if !values.is_empty() || others {
                open.push(Open { column: column.clone(), values, others });
            }
            if !table.is_empty() {
                all.insert(column, table);
            }
        }
        (all, open)
    }
}

/// Values are compared without case: of two that differ in it alone, one is enough.
fn once_each(table: &mut BTreeMap<String, String>) {
    let mut seen = BTreeSet::new();
    table.retain(|value, _| seen.insert(value.to_lowercase()));
}

fn repeatable(field: &Field, value: &str, rows: u32) -> bool {
    value.chars().count() <= MAX_REPEATED_CHARS
        && rows >= LEAST_REPEATED
        && field.values.len() <= MAX_CODES
        && !nhs_number(value)
        && !shapes::postcode(value)
        && calendar::written(value).is_none()
}

/// Whether values alone leave no doubt.
fn unmistakable(column: &Column<'_>, field: &Field) -> bool {
    match column.holds {
        Holds::Person => field.share(nhs_number) >= 0.95,
        Holds::Area | Holds::Postcode | Holds::Coded(_) | Holds::Birth => true,
        _ => false,
    }
}

impl Proposal {
    /// Whether a load can be tried with it as it stands: everything required has its place, and nothing is asked.
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.questions.is_empty()
    }
}
