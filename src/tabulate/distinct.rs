//! The people of an extract, marked in the buckets of an estimate of different people over several partners. Nothing is
//! counted by it: what is marked is cut into shares at once.

use evensum_core::model::CategoryId;
use evensum_core::plan::{DistinctTable, ELSEWHERE};
use evensum_core::pool::{LINK_BYTES, LinkId, LinkKey, Marks};

use super::TabulateError;
use crate::snapshot::{Codes, HeldColumn, Snapshot};

/// Of a column, by code, the rows of buckets that a record of that code is marked in.
struct Groups<'a> {
    codes: &'a Codes,
    of: Vec<Vec<usize>>,
}

/// Of a column, by code, whether a record is one of the population's.
struct Kept<'a> {
    codes: &'a Codes,
    keep: Vec<bool>,
}

/// Marks the people of all records that a table is about, each in the categories of its own. `links`: by ordinal; who has
/// none is not marked.
///
/// # Errors
/// [`TabulateError`] where the snapshot lacks a column, or holds a category that the level does not know.
pub fn mark(
    snapshot: &Snapshot,
    table: &DistinctTable,
    links: &[[u8; LINK_BYTES]],
    key: &LinkKey,
) -> Result<Marks, TabulateError> {
    let groups = groups(snapshot, table)?;
    let kept = kept(snapshot, table)?;
    let mut marks = Marks::none(table.shape());
    // Rows are in the order of people: the bucket of each is worked out once.
    let mut known: Option<(u32, Option<u32>)> = None;
    for (row, person) in snapshot.persons().iter().enumerate() {
        if !kept.iter().all(|kept| kept.keep.get(at(kept.codes, row)) == Some(&true)) {
            continue;
        }
        let bucket = match known {
            Some((before, bucket)) if before == *person => bucket,
            _ => {
                let link = links.get(*person as usize).and_then(|bytes| LinkId::from_bytes(*bytes));
                link.map(|link| key.bucket(&link, table.shape().buckets()))
            }
        };
        known = Some((*person, bucket));
        let Some(bucket) = bucket else { continue };
        match &groups {
            None => marks.mark(0, bucket),
            Some(Groups { codes, of }) => {
                let own = of.get(at(codes, row)).into_iter().flatten();
                own.for_each(|group| marks.mark(*group, bucket));
            }
        }
    }
    Ok(marks)
}

fn at(codes: &Codes, row: usize) -> usize {
    let code = match codes {
        Codes::U8(codes) => codes.get(row).map(|code| usize::from(*code)),
        Codes::U16(codes) => codes.get(row).map(|code| usize::from(*code)),
    };
    code.unwrap_or(usize::MAX)
}

fn groups<'a>(
    snapshot: &'a Snapshot,
    table: &DistinctTable,
) -> Result<Option<Groups<'a>>, TabulateError> {
    let Some((column, axis)) = table.axis() else { return Ok(None) };
    let held = snapshot.column(column).ok_or_else(|| TabulateError::NoColumn(column.clone()))?;
    let leaf = |id: &str| axis.leaves().iter().position(|leaf| leaf.as_str() == id);
    let elsewhere = leaf(ELSEWHERE);
    let of_leaf = |leaf: usize| -> Vec<usize> {
        let own = axis.categories().iter().enumerate().filter(|(group, category)| {
            *group < table.shape().groups()
                && category.members.iter().any(|m| usize::from(*m) == leaf)
        });
        own.map(|(group, _)| group).collect()
    };
    let one = |id: &CategoryId| {
        let found = leaf(id.as_str()).or(elsewhere);
        found.map(of_leaf).ok_or_else(|| TabulateError::UnknownCategory(column.clone()))
    };
    let of = held.dictionary().iter().map(one).collect::<Result<_, _>>()?;
    Ok(Some(Groups { codes: held.codes(), of }))
}

fn kept<'a>(snapshot: &'a Snapshot, table: &DistinctTable) -> Result<Vec<Kept<'a>>, TabulateError> {
    let one = |filter: &evensum_core::plan::Filter| {
        let held: &HeldColumn = snapshot
            .column(&filter.column)
            .ok_or_else(|| TabulateError::NoColumn(filter.column.clone()))?;
        let keep = held.dictionary().iter().map(|id| filter.keep.contains(id)).collect();
        Ok(Kept { codes: held.codes(), keep })
    };
    table.filters().iter().map(one).collect()
}
