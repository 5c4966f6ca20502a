//! Which field is which column: by its header where that says so, by its values where they leave no doubt.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::head::{Field, Head};
use super::labels::{Codes, Meaning};
use super::names::{Header, Known, Likeness};
use super::shapes;
use super::wanted::{Column, Holds, Wanted};

/// The share of values from which a field is told by them.
const BY_VALUES: f64 = 0.95;
/// The score from which a field that is only named nearly so is taken.
const LEAST: f64 = 0.6;
/// Birth dates lie further apart than this, in years; other dates of an extract do not.
const BIRTHS_APART: u32 = 35;

/// A column of codes has at most so many different values.
const MOST_CODES: usize = 500;

/// A field that was found for a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) field: usize,
    pub(super) likeness: Likeness,
    /// How much of it is what the column holds, from 0 to 1.
    pub(super) share: f64,
}

impl Found {
    fn score(&self) -> f64 {
        self.likeness.weight() * 0.6 + self.share * 0.4
    }
}

/// For each thing that is wanted, by its column's place: what was found.
pub(super) type Placed = Vec<Vec<Option<Found>>>;

/// Remembers what fields are like as columns: the same columns are wanted by many datasets.
pub(super) struct Likenesses {
    headers: Vec<Header>,
    found: HashMap<(String, String), Vec<Found>>,
}

impl Likenesses {
    pub(super) fn new(head: &Head) -> Self {
        let name = |f: &Field| if head.header { Header::new(&f.name) } else { Header::new("") };
        Self { headers: head.fields.iter().map(name).collect(), found: HashMap::new() }
    }

    /// The fields that are named like a column.
    fn of(&mut self, head: &Head, column: &Column<'_>) -> &[Found] {
        let Self { headers, found } = self;
        found.entry((column.name.to_owned(), column.title.to_owned())).or_insert_with(|| {
            let known = Known::new(column.name, column.title);
            let each = headers.iter().zip(&head.fields).enumerate();
            let all = each.filter_map(|(field, (header, values))| {
                let likeness = known.likeness(header);
                let named = likeness != Likeness::None;
                named.then(|| Found { field, likeness, share: column.holds.share(values) })
            });
            all.collect()
        })
    }
}

/// Places fields by their headers: the best match first, each field once.
pub(super) fn by_name(wanted: &[Wanted<'_>], head: &Head, known: &mut Likenesses) -> Placed {
    let mut candidates: Vec<(usize, usize, Found)> = Vec::new();
    for (w, want) in wanted.iter().enumerate() {
        for (c, column) in want.columns.iter().enumerate() {
            for found in known.of(head, column) {
                if found.likeness >= Likeness::Synonym || found.score() >= LEAST {
                    candidates.push((w, c, *found));
                }
            }
        }
    }
    candidates.sort_by(|a, b| b.2.score().total_cmp(&a.2.score()));
    let mut placed: Placed = wanted.iter().map(|w| vec![None; w.columns.len()]).collect();
    let mut used = BTreeSet::new();
    for (w, c, found) in candidates {
        if placed[w][c].is_none() && used.insert(found.field) {
            placed[w][c] = Some(found);
        }
    }
    placed
}

/// Places what is still wanted by the values of fields that are not used, where they can be nothing else.
pub(super) fn by_values(wanted: &[Wanted<'_>], head: &Head, placed: &mut Placed) {
    let mut used: BTreeSet<usize> = placed.iter().flatten().flatten().map(|f| f.field).collect();
    let coverages = Coverages::new(wanted, head, &used);
    for distinct in [true, false] {
        for (w, want) in wanted.iter().enumerate() {
            if placed[w].iter().any(Option::is_some) {
                continue;
            }
            for (c, column) in want.columns.iter().enumerate() {
                let free = (0..head.fields.len()).filter(|f| !used.contains(f));
                let mut alike = free.filter(|f| {
                    let field = &head.fields[*f];
                    if distinct {
                        unmistakable(column, field, &coverages, *f)
                    } else {
                        left_over(column, want, field)
                    }
                });
                // Two that could be it are none.
                if let (Some(field), None) = (alike.next(), alike.next()) {
                    let share = column.holds.share(&head.fields[field]);
                    placed[w][c] = Some(Found { field, likeness: Likeness::None, share });
                    used.insert(field);
                    break;
                }
            }
        }
    }
}

/// How many of each coded column's categories stand in each field that is not used.
struct Coverages<'a>(BTreeMap<usize, Vec<(&'a str, f64)>>);

impl<'a> Coverages<'a> {
    fn new(wanted: &'a [Wanted<'_>], head: &Head, used: &BTreeSet<usize>) -> Self {
        let free = head.fields.iter().enumerate().filter(|(f, _)| !used.contains(f));
        let all = free.map(|(at, field)| {
            let columns = wanted.iter().flat_map(|w| &w.columns);
            let coded = columns.filter_map(|c| Some((c.name, c.holds.codes()?)));
            (at, coded.map(|(name, codes)| (name, coverage(codes, field))).collect())
        });
        Self(all.collect())
    }

    /// Whether a field covers this column, and no other nearly as well.
    fn only(&self, field: usize, column: &str) -> bool {
        let all = self.0.get(&field).map(Vec::as_slice).unwrap_or_default();
        let best = |own: bool| {
            let of = all.iter().filter(|(name, _)| (*name == column) == own);
            of.map(|(_, covered)| *covered).fold(0.0, f64::max)
        };
        best(true) >= 0.5 && best(false) * 1.5 < best(true)
    }
}

/// Whether the values of a field are those of a column and of no other.
fn unmistakable(column: &Column<'_>, field: &Field, covered: &Coverages<'_>, at: usize) -> bool {
    if field.filled == 0 {
        return false;
    }
    match &column.holds {
        Holds::Person => field.share(shapes::nhs_number) >= BY_VALUES && field.variety() > 0.2,
        Holds::Area | Holds::Postcode => column.holds.share(field) >= BY_VALUES,
        Holds::Birth => {
            column.holds.share(field) >= BY_VALUES && years_apart(field) >= BIRTHS_APART
        }
        Holds::Coded(_) => covered.only(at, column.name),
        _ => false,
    }
}

/// What a field may be once everything unmistakable has its place.
fn left_over(column: &Column<'_>, want: &Wanted<'_>, field: &Field) -> bool {
    let fits = field.filled > 0 && column.holds.share(field) >= BY_VALUES;
    match &column.holds {
        Holds::Date => want.required && fits && years_apart(field) < BIRTHS_APART,
        Holds::Age => fits && field.values.len() >= 30,
        Holds::Person => {
            let name = |v: &str| v.len() >= 5 && v.chars().any(|c| c.is_ascii_digit());
            fits && field.variety() >= 0.5
                && field.share(name) >= BY_VALUES
                && field.share(|v| super::calendar::written(v).is_some()) < 0.5
                && field.share(shapes::small_area) < 0.5
                && field.share(shapes::postcode) < 0.5
        }
        _ => false,
    }
}

/// How many of a column's known categories stand in a field; nothing where other values do, too.
fn coverage(codes: &Codes<'_>, field: &Field) -> f64 {
    if field.values.len() > MOST_CODES {
        return 0.0;
    }
    let mut seen = BTreeSet::new();
    let fits = field.share(|v| codes.meaning(v) != Meaning::None);
    if fits < BY_VALUES {
        return 0.0;
    }
    for (value, _) in &field.values {
        match codes.meaning(value) {
            Meaning::Known(id) | Meaning::Label(id) => drop(seen.insert(id)),
            Meaning::None => {}
        }
    }
    let Some(known) = codes.known() else {
        // Organisations: letters and digits, and few of them.
        let mixed = |v: &str| {
            v.chars().any(|c| c.is_ascii_digit()) && v.chars().any(|c| c.is_ascii_alphabetic())
        };
        let boards = |v: &str| v.len() == 3 && v.starts_with(['Q', 'q']);
        return if seen.len() > 40 {
            0.0
        } else if field.share(boards) >= BY_VALUES {
            if codes.meaning("R0D") == Meaning::None { 0.9 } else { 0.0 }
        } else if field.share(mixed) >= BY_VALUES {
            0.8
        } else {
            0.0
        };
    };
    // Codes and labels of three signs or more are those of no other list.
    let long = |v: &str| v.len() >= 3 && codes.meaning(v) != Meaning::None;
    if known > 10 && seen.len() > 1 && field.share(long) >= BY_VALUES {
        return 0.9;
    }
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if seen.len() < 2 { 0.0 } else { (count(seen.len()) / count(known.max(1))).min(1.0) }
}

/// Years from the earliest to the latest date.
fn years_apart(field: &Field) -> u32 {
    let year = |text: &String| {
        let digits = text.as_bytes().windows(4).filter_map(|w| {
            let four =
                std::str::from_utf8(w).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
            four.parse::<u32>().ok().filter(|y| (1880..2100).contains(y))
        });
        digits.into_iter().next()
    };
    let years = || field.values.iter().filter_map(|(value, _)| year(value));
    years().max().unwrap_or_default() - years().min().unwrap_or_default()
}
