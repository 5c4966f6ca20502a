//! The statements that a request becomes. Made of names of the catalogue, which hold lower-case letters, digits and
//! underscores, and of numbers; nothing of the wire is in them.
//!
//! Where all rows of a person lie on one server, a statement groups by cell and then by person: people, the top
//! contributor and the largest sums of one layer of cells come from one statement, and no row leaves the database.
//!
//! Where the rows are spread over servers, and those of one person lie in one shard, statements are flat: they group
//! by shard and cell, so that PostgreSQL hands each of them to every server whole and at once. The top contributor
//! is found in two of them: the people with most rows of their shard and cell, and the rows that those have. The
//! largest sums have no such way: there each server sums by cell and person, and the first server takes the largest.

use evensum_core::model::{Axis, AxisCategory, CategoryId, ColumnId};

use super::SqlError;
use super::partition::Partition;
use crate::tabulate::grid::Grid;
use crate::tabulate::{Request, TabulateError};

/// The person's ordinal.
pub(super) const PERSON: &str = "\"person\"";
/// The number of the server that holds a row.
pub(super) const SHARD: &str = "\"shard\"";

/// What one axis adds to a row's cell, by code, and the codes that are left out.
struct Part {
    column: String,
    /// Numbers with the codes that have them, the largest group last.
    groups: Vec<(u32, Vec<usize>)>,
    /// Whether these are all codes of the column.
    whole: bool,
}

impl Part {
    /// From one number or none for each code.
    fn new(column: String, numbers: &[Option<u32>]) -> Self {
        let mut groups: Vec<(u32, Vec<usize>)> = Vec::new();
        for (code, number) in numbers.iter().enumerate() {
            let Some(number) = number else { continue };
            match groups.iter_mut().find(|(known, _)| known == number) {
                Some((_, codes)) => codes.push(code),
                None => groups.push((*number, vec![code])),
            }
        }
        groups.sort_by_key(|(number, codes)| (codes.len(), *number));
        Self { column, groups, whole: numbers.iter().all(Option::is_some) }
    }

    fn codes(&self) -> Vec<usize> {
        let mut codes: Vec<usize> =
            self.groups.iter().flat_map(|(_, codes)| codes.clone()).collect();
        codes.sort_unstable();
        codes
    }
}

/// Rows that are selected, and the cell of each.
struct Selection {
    /// An expression, or a number where all rows are of one cell.
    cell: Result<String, u32>,
    condition: String,
}

impl Selection {
    fn new<'a>(parts: impl IntoIterator<Item = &'a Part>, filters: &[String]) -> Self {
        let mut conditions = filters.to_vec();
        let (mut varying, mut constant) = (Vec::new(), 0);
        for part in parts {
            if !part.whole {
                conditions.push(within(&part.column, &part.codes()));
            }
            match &part.groups[..] {
                [] => {}
                [(number, _)] => constant += number,
                [cases @ .., (rest, _)] => {
                    let cases: Vec<String> = cases
                        .iter()
                        .map(|(n, codes)| format!("WHEN {} THEN {n}", within(&part.column, codes)))
                        .collect();
                    varying.push(format!("(CASE {} ELSE {rest} END)", cases.join(" ")));
                }
            }
        }
        let cell = if varying.is_empty() {
            Err(constant)
        } else {
            varying.push(constant.to_string());
            Ok(varying.join(" + "))
        };
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        Self { cell, condition }
    }

    /// The cell as the first column of a statement.
    fn cell(&self) -> String {
        let cell = self.cell.as_ref().map_or_else(ToString::to_string, Clone::clone);
        format!("CAST({cell} AS BIGINT) AS cell")
    }

    /// A statement that groups by the cell and what else is named. A cell that is a number needs no grouping, and
    /// a number behind GROUP BY would be taken for a place.
    fn grouped(&self, from: &str, what: &[String], by: &[&str]) -> String {
        let columns: Vec<String> =
            std::iter::once(self.cell()).chain(what.iter().cloned()).collect();
        let first = self.cell.is_ok().then_some("1");
        let by: Vec<&str> = first.into_iter().chain(by.iter().copied()).collect();
        let by = if by.is_empty() { String::new() } else { format!(" GROUP BY {}", by.join(", ")) };
        format!("SELECT {} FROM {from}{}{by}", columns.join(", "), self.condition)
    }

    fn and(&self, condition: &str) -> Self {
        let before = if self.condition.is_empty() {
            " WHERE ".to_owned()
        } else {
            format!("{} AND ", self.condition)
        };
        Self { cell: self.cell.clone(), condition: before + condition }
    }
}

/// People of the cells of one layer: of categories that lie apart, one layer for each axis.
pub(super) enum People {
    /// `cell, people, most rows of one, largest sum of one for each measure`.
    Whole(String),
    /// Over shards.
    Spread {
        /// `cell, people, the person with most rows`.
        people: String,
        /// `cell, rows`, once some people are named.
        rows: RowsOf,
        /// `cell, largest sum of one for each measure`, where measures are asked for.
        sums: Option<String>,
    },
}

/// A statement that is still to be told whose rows.
pub(super) struct RowsOf {
    selection: Selection,
    table: String,
}

impl RowsOf {
    /// Rows by cell of each of these people.
    pub(super) fn people(&self, persons: &[i64]) -> String {
        let list: Vec<String> = persons.iter().map(ToString::to_string).collect();
        let own = self.selection.and(&format!("{PERSON} IN ({})", list.join(", ")));
        own.grouped(&self.table, &["count(*)".to_owned()], &[SHARD, PERSON])
    }
}

/// All statements of a request.
pub(super) struct Statements {
    /// `home, rows`, and for each measure its sum and the sum of its squares.
    pub(super) sums: String,
    /// `home, unit, rows`.
    pub(super) histogram: Option<String>,
    pub(super) layers: Vec<People>,
}

/// Makes the statements.
pub(super) fn statements(
    partition: &Partition,
    request: &Request<'_>,
    grid: &Grid<'_>,
) -> Result<Statements, SqlError> {
    request.check()?;
    let table = quoted(partition.table());
    let mut homes = Vec::new();
    let mut layers: Vec<Vec<Part>> = Vec::new();
    let mut stride = 1;
    for (at, (axis, id)) in request.lattice.axes().iter().zip(request.columns).enumerate().rev() {
        let dictionary = dictionary(partition, id)?;
        let steps =
            grid.steps(at, dictionary).ok_or_else(|| TabulateError::UnknownCategory(id.clone()))?;
        let column = quoted(id.as_str());
        let known: Vec<Option<u32>> = steps.into_iter().map(Some).collect();
        homes.push(Part::new(column.clone(), &known));
        let leaves = grid.leaves(at, dictionary).unwrap_or_default();
        layers.push(layers_of(axis, &column, &leaves, stride));
        stride *= u32::try_from(axis.categories().len()).unwrap_or(u32::MAX);
    }
    let mut filters = Vec::new();
    for filter in request.filters {
        let dictionary = dictionary(partition, &filter.column)?;
        let kept = |(_, category): &(usize, &CategoryId)| filter.keep.contains(category);
        let codes: Vec<usize> =
            dictionary.iter().enumerate().filter(kept).map(|(code, _)| code).collect();
        if codes.len() < dictionary.len() {
            filters.push(within(&quoted(filter.column.as_str()), &codes));
        }
    }
    let measures = measures(partition, request)?;
    let spread = partition.is_spread();
    let shard: &[&str] = if spread { &[SHARD] } else { &[] };
    let home = Selection::new(&homes, &filters);
    let mut sums = vec!["count(*)".to_owned()];
    for measure in &measures {
        sums.push(total(measure));
        sums.push(total(&format!("CAST({measure} AS BIGINT) * {measure}")));
    }
    let histogram = request.histogram.map(|asked| {
        let (measure, last) = (quoted(asked.measure.as_str()), asked.last);
        let unit = format!(
            "CAST(CASE WHEN {measure} > {last} THEN {} ELSE {measure} END AS BIGINT)",
            u32::from(last) + 1
        );
        let by: Vec<&str> = std::iter::once("2").chain(shard.iter().copied()).collect();
        home.grouped(&table, &[unit, "count(*)".to_owned()], &by)
    });
    let people = |selection: Selection| {
        if spread {
            over_shards(selection, &table, &measures)
        } else {
            whole(&selection, &table, &measures)
        }
    };
    Ok(Statements {
        sums: home.grouped(&table, &sums, shard),
        histogram,
        layers: combinations(&layers)
            .iter()
            .map(|parts| people(Selection::new(parts.iter().copied(), &filters)))
            .collect(),
    })
}

/// A name of the catalogue as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    // What is no part of any such name is left out, so that no name ends the quotation.
    let safe: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    format!("\"{safe}\"")
}

fn within(column: &str, codes: &[usize]) -> String {
    if codes.is_empty() {
        return "1 = 0".to_owned();
    }
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    format!("{column} IN ({})", codes.join(", "))
}

fn total(of: &str) -> String {
    format!("CAST(sum({of}) AS BIGINT)")
}

fn dictionary<'a>(partition: &'a Partition, id: &ColumnId) -> Result<&'a [CategoryId], SqlError> {
    Ok(partition.dictionary(id).ok_or_else(|| TabulateError::NoColumn(id.clone()))?)
}

/// The measures whose sums are asked for, as far as a row counts. A histogram's is looked for as well.
fn measures(partition: &Partition, request: &Request<'_>) -> Result<Vec<String>, SqlError> {
    let of_histogram = request.histogram.map(|asked| &asked.measure);
    if let Some(id) = request.measures.iter().chain(of_histogram).find(|id| !partition.measures(id))
    {
        return Err(TabulateError::NoMeasure(id.clone()).into());
    }
    let counted = |(id, top): (&ColumnId, u16)| {
        let measure = quoted(id.as_str());
        if top == u16::MAX {
            measure
        } else {
            format!("(CASE WHEN {measure} > {top} THEN {top} ELSE {measure} END)")
        }
    };
    Ok(request.summed().map(counted).collect())
}

/// The layers of an axis: `all`, then categories that only `all` holds, then those that one of these holds, and so
/// on. Categories overlap only where one holds the other, so that those of a layer lie apart.
fn layers_of(axis: &Axis, column: &str, leaves: &[usize], stride: u32) -> Vec<Part> {
    let categories = axis.categories();
    let depth = |of: usize| {
        let within = |other: usize| {
            other != of
                && !categories[other].id.is_all()
                && categories[of].members.iter().all(|m| categories[other].members.contains(m))
        };
        if categories[of].id.is_all() {
            return 0;
        }
        1 + (0..categories.len()).filter(|&other| within(other)).count()
    };
    let depths: Vec<usize> = (0..categories.len()).map(depth).collect();
    let deepest = depths.iter().copied().max().unwrap_or_default();
    (0..=deepest)
        .map(|layer| {
            let number = |leaf: &usize| {
                let holds = |(at, category): &(usize, &AxisCategory)| {
                    depths[*at] == layer
                        && category.members.iter().any(|m| usize::from(*m) == *leaf)
                };
                let (at, _) = categories.iter().enumerate().find(holds)?;
                Some(u32::try_from(at).unwrap_or(u32::MAX) * stride)
            };
            Part::new(column.to_owned(), &leaves.iter().map(number).collect::<Vec<_>>())
        })
        .collect()
}

/// One part of each axis, in all ways. A part that no row of the table could be in makes no statement.
fn combinations(layers: &[Vec<Part>]) -> Vec<Vec<&Part>> {
    let mut found: Vec<Vec<&Part>> = vec![Vec::new()];
    for axis in layers {
        let parts: Vec<&Part> = axis.iter().filter(|part| !part.groups.is_empty()).collect();
        found = found
            .iter()
            .flat_map(|head| parts.iter().map(|part| head.iter().copied().chain([*part]).collect()))
            .collect();
    }
    found
}

fn whole(selection: &Selection, table: &str, measures: &[String]) -> People {
    let (mut inner, mut outer) = (vec!["count(*) AS n".to_owned()], String::new());
    for (i, measure) in measures.iter().enumerate() {
        inner.push(format!("sum({measure}) AS s{i}"));
        outer += &format!(", CAST(max(s{i}) AS BIGINT)");
    }
    let each = selection.grouped(table, &inner, &[PERSON]);
    People::Whole(format!(
        "SELECT cell, count(*), max(n){outer} FROM ({each}) AS each_person GROUP BY 1"
    ))
}

fn over_shards(selection: Selection, table: &str, measures: &[String]) -> People {
    let what = [
        format!("count(DISTINCT {PERSON})"),
        format!("CAST(mode() WITHIN GROUP (ORDER BY {PERSON}) AS BIGINT)"),
    ];
    let sums = (!measures.is_empty()).then(|| {
        let (mut inner, mut outer) = (Vec::new(), String::new());
        for (i, measure) in measures.iter().enumerate() {
            inner.push(format!("sum({measure}) AS s{i}"));
            outer += &format!(", CAST(max(s{i}) AS BIGINT)");
        }
        let each = selection.grouped(table, &inner, &[SHARD, PERSON]);
        // Materialized, so that it is planned by itself: what the outer grouping would like to be sorted must not
        // keep the inner one from the servers.
        format!(
            "WITH each_person AS MATERIALIZED ({each}) SELECT cell{outer} FROM each_person GROUP BY 1"
        )
    });
    People::Spread {
        people: selection.grouped(table, &what, &[SHARD]),
        sums,
        rows: RowsOf { selection, table: table.to_owned() },
    }
}
