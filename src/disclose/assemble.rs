//! From the fields of a file to a table with all its totals.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use evensum_core::disclosure::sheet::{
    Columns, Dimension, MAX_CATEGORIES, MAX_LARGE_CELLS, MAX_READ_CELLS, Quantity, SheetError,
    Size, Source, SourceRow, size,
};
use evensum_core::model::RawCell;

use super::read::{Fields, Line, MAX_ROWS, listed};
use super::{DiscloseError, Fault, hierarchy, is_total};

/// Which columns hold what.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The dimensions; none for all columns that hold something else than numbers and have no other use.
    pub by: Vec<String>,
    /// Counts.
    pub count: String,
    /// Distinct people.
    pub persons: Option<String>,
    /// How many of the counted are the top contributor's.
    pub top: Option<String>,
    /// Sums.
    pub sum: Option<String>,
    /// How much of a sum is the top contributor's.
    pub sum_top: Option<String>,
    /// Dimensions whose codes nest, and the files that say how.
    pub hierarchies: Vec<(String, PathBuf)>,
    /// The most cells that the table may have in the end.
    pub most: usize,
}

/// A table, and what its reader should know of how it was read.
#[derive(Debug)]
pub struct Assembled {
    /// The table.
    pub source: Source,
    /// Remarks, each a sentence.
    pub remarks: Vec<String>,
}

/// The places of the columns.
struct Places {
    by: Vec<usize>,
    count: usize,
    persons: Option<usize>,
    top: Option<usize>,
    sum: Option<usize>,
    sum_top: Option<usize>,
    /// Columns without a use that divide rows further: they are summed over.
    left_out: Vec<usize>,
    /// Columns that were taken for figures, since they hold nothing but numbers.
    numeric: Vec<usize>,
}

impl Places {
    fn of(fields: &Fields, request: &Request) -> Result<Self, DiscloseError> {
        let optional = |name: &Option<String>| name.as_ref().map(|n| fields.column(n)).transpose();
        let count = fields.column(&request.count)?;
        let (persons, top) = (optional(&request.persons)?, optional(&request.top)?);
        let (sum, sum_top) = (optional(&request.sum)?, optional(&request.sum_top)?);
        let mut used: HashSet<usize> = HashSet::from([count]);
        let mut take = |place: usize| {
            if used.insert(place) {
                return Ok(());
            }
            Err(DiscloseError::Column {
                file: fields.file().to_owned(),
                column: fields.header().get(place).cloned().unwrap_or_default(),
                why: "this column is named for two uses".to_owned(),
            })
        };
        [persons, top, sum, sum_top].into_iter().flatten().try_for_each(&mut take)?;
        let mut by = Vec::new();
        for name in &request.by {
            let place = fields.column(name)?;
            take(place)?;
            by.push(place);
        }
        let rest = |used: &HashSet<usize>| -> Vec<usize> {
            (0..fields.header().len()).filter(|place| !used.contains(place)).collect()
        };
        let (mut left_out, mut numeric) = (Vec::new(), Vec::new());
        if request.by.is_empty() {
            let (figures, dimensions) =
                rest(&used).into_iter().partition(|&c| fields.is_numeric(c));
            (numeric, by) = (figures, dimensions);
        } else {
            left_out = rest(&used);
        }
        if by.is_empty() {
            let there = listed(fields.header());
            return Err(DiscloseError::NoDimension { file: fields.file().to_owned(), there });
        }
        Ok(Self { by, count, persons, top, sum, sum_top, left_out, numeric })
    }

    fn names(&self, fields: &Fields, of: &[usize]) -> Vec<String> {
        of.iter().filter_map(|&place| fields.header().get(place)).cloned().collect()
    }
}

/// Puts a table together.
///
/// # Errors
/// [`DiscloseError`].
pub fn assemble(fields: &Fields, request: &Request) -> Result<Assembled, DiscloseError> {
    let places = Places::of(fields, request)?;
    let names = places.names(fields, &places.by);
    let dimensions = dimensions(fields, &places.by, &names, &request.hierarchies)?;
    if !fields.whole() || size(&dimensions) > MAX_READ_CELLS {
        let why = too_large(&dimensions, request.most, fields.whole());
        return Err(DiscloseError::Large { file: fields.file().to_owned(), why });
    }
    let kept = without_other_totals(fields, &places);
    let summing = told_apart(fields, &places, &kept)?;
    let rows = kept.iter().map(|line| row(fields, line, &places, &dimensions));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let name = |place: Option<usize>| place.and_then(|p| fields.header().get(p)).cloned();
    let columns = Columns {
        count: name(Some(places.count)).unwrap_or_default(),
        persons: name(places.persons),
        top: name(places.top),
        sum: name(places.sum),
        sum_top: name(places.sum_top),
    };
    let mut remarks = Vec::new();
    if summing {
        let names = listed(&places.names(fields, &places.left_out));
        remarks.push(format!("Rows are added up over the columns that --by leaves out: {names}."));
    }
    for dimension in dimensions.iter().filter(|d| d.parts() == 1) {
        let name = dimension.name();
        remarks.push(format!("'{name}' has one category, so that its total is the same."));
    }
    let source = Source::new(dimensions, columns, &rows, summing);
    let source = source.map_err(|source| of_sheet(fields, source))?;
    Ok(Assembled { source, remarks })
}

/// A fault of the table, with its file.
pub(super) fn of_sheet(fields: &Fields, source: SheetError) -> DiscloseError {
    DiscloseError::Sheet { file: fields.file().to_owned(), source }
}

/// The dimensions of a file: from their hierarchies, or from the codes that there are.
pub(super) fn dimensions(
    fields: &Fields,
    by: &[usize],
    names: &[String],
    hierarchies: &[(String, PathBuf)],
) -> Result<Vec<Dimension>, DiscloseError> {
    let mut seen = HashSet::new();
    for (name, _) in hierarchies {
        let is_dimension = names.iter().any(|n| n.eq_ignore_ascii_case(name));
        if !is_dimension || !seen.insert(name.to_ascii_lowercase()) {
            let there = listed(names);
            let name = name.clone();
            return Err(DiscloseError::NotADimension { option: "hierarchy", name, there });
        }
    }
    let mut all = Vec::with_capacity(by.len());
    for (&column, name) in by.iter().zip(names) {
        let file = hierarchies.iter().find(|(of, _)| of.eq_ignore_ascii_case(name));
        all.push(match file {
            Some((_, file)) => hierarchy::read(file, name)?,
            None => flat(fields, column, name)?,
        });
    }
    Ok(all)
}

/// The codes of a column, side by side: numbers in their order, others as they appear.
fn flat(fields: &Fields, column: usize, name: &str) -> Result<Dimension, DiscloseError> {
    let mut known = HashSet::new();
    let mut codes = Vec::new();
    for line in fields.lines() {
        let code = fields.code(line, column)?;
        if !is_total(code) && known.insert(code) {
            codes.push(code.to_owned());
        }
        if codes.len() >= MAX_CATEGORIES {
            return Err(DiscloseError::TooMany {
                file: fields.file().to_owned(),
                most: MAX_CATEGORIES,
                what: "different categories in a column",
                advice: format!("leave '{name}' out of --by, or use coarser categories"),
            });
        }
    }
    let numbers: Option<Vec<f64>> = codes.iter().map(|code| code.parse().ok()).collect();
    if let Some(numbers) = numbers.filter(|n| n.iter().all(|n| n.is_finite())) {
        let mut order: Vec<(f64, String)> = numbers.into_iter().zip(codes).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        codes = order.into_iter().map(|(_, code)| code).collect();
    }
    let failed = |source| DiscloseError::Hierarchy { file: fields.file().to_owned(), source };
    Dimension::flat(name, codes).map_err(failed)
}

/// How large the table is, what the most is, and what would be small enough.
fn too_large(dimensions: &[Dimension], most: usize, whole: bool) -> String {
    let size = Size::of(dimensions, most);
    let of: Vec<String> = size.dimensions.iter().map(|(name, n)| format!("{name}: {n}")).collect();
    let least = if whole { "" } else { "more than " };
    let from = if whole { String::new() } else { format!(" in its first {MAX_ROWS} rows") };
    let large = if most < MAX_LARGE_CELLS {
        format!(" ({MAX_LARGE_CELLS} with --large)")
    } else {
        String::new()
    };
    format!(
        "the table has {least}{} cells with its totals (categories of {}{from}); the most is {most}{large}: name fewer dimensions in --by, or use coarser categories",
        size.cells,
        of.join(", ")
    )
}

/// The rows, without totals of columns that are summed over.
fn without_other_totals<'a>(fields: &'a Fields, places: &Places) -> Vec<&'a Line> {
    let has_parts =
        |&&column: &&usize| fields.lines().iter().any(|line| !is_total(fields.field(line, column)));
    let parted: Vec<usize> = places.left_out.iter().filter(has_parts).copied().collect();
    let is_part = |line: &&Line| parted.iter().all(|&c| !is_total(fields.field(line, c)));
    fields.lines().iter().filter(is_part).collect()
}

/// Whether rows of the same cell are told apart by columns that are summed over; rows that nothing tells apart are
/// an error.
fn told_apart(fields: &Fields, places: &Places, lines: &[&Line]) -> Result<bool, DiscloseError> {
    let mut cells: HashSet<Vec<&str>> = HashSet::new();
    let mut rows: HashMap<Vec<&str>, u64> = HashMap::with_capacity(lines.len());
    let mut summing = false;
    for line in lines {
        let mut key = Vec::with_capacity(places.by.len() + places.left_out.len());
        for &column in &places.by {
            let code = fields.code(line, column)?;
            key.push(if is_total(code) { Dimension::ALL } else { code });
        }
        summing |= !cells.insert(key.clone());
        key.extend(places.left_out.iter().map(|&column| fields.field(line, column)));
        if let Some(first) = rows.insert(key, line.row) {
            let numeric = places.names(fields, &places.numeric);
            let advice = if numeric.is_empty() {
                String::new()
            } else {
                format!(
                    "; a column of numbers is no dimension unless --by names it: {}",
                    listed(&numeric)
                )
            };
            let (file, row) = (fields.file().to_owned(), line.row);
            return Err(DiscloseError::Twice { file, row, first, advice });
        }
    }
    Ok(summing)
}

/// The place of a row's category on each dimension.
pub(super) fn at(
    fields: &Fields,
    line: &Line,
    by: &[usize],
    dimensions: &[Dimension],
    fault: Fault,
) -> Result<Vec<u16>, DiscloseError> {
    let place = |(&column, dimension): (&usize, &Dimension)| {
        let code = fields.code(line, column)?;
        if is_total(code) {
            return Ok(0);
        }
        dimension.place(code).ok_or_else(|| fields.fault(line, column, fault))
    };
    by.iter().zip(dimensions).map(place).collect()
}

fn row(
    fields: &Fields,
    line: &Line,
    places: &Places,
    dimensions: &[Dimension],
) -> Result<SourceRow, DiscloseError> {
    let number = |column: Option<usize>| column.map(|c| fields.whole_number(line, c)).transpose();
    let at_most = |value: Option<u64>, column: Option<usize>, most: u64, fault: Fault| match (
        value, column,
    ) {
        (Some(value), Some(column)) if value > most => Err(fields.fault(line, column, fault)),
        _ => Ok(value),
    };
    let at = at(fields, line, &places.by, dimensions, Fault::NotInHierarchy)?;
    let count = fields.whole_number(line, places.count)?;
    let persons = number(places.persons)?;
    let persons = at_most(persons, places.persons, count, Fault::AboveCount)?.unwrap_or(count);
    let top = number(places.top)?;
    let top = at_most(top, places.top, count, Fault::AboveCount)?.unwrap_or(count.min(1));
    let sum = number(places.sum)?;
    let sum_top = number(places.sum_top)?;
    let sum_top = at_most(sum_top, places.sum_top, sum.unwrap_or(0), Fault::AboveSum)?;
    Ok(SourceRow {
        at,
        row: line.row,
        count: RawCell::new(count, persons, top),
        quantity: sum.map(|sum| Quantity::new(sum, sum_top)),
    })
}
