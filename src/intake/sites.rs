//! Completeness by organisation, from the finished columns: what is known and what is not, since codes do not
//! tell blank from coded as not known. For the partner's own people: the counts are exact.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use evensum_core::catalogue::{Catalogue, CategoryKind, Dataset, Dimension};
use evensum_core::model::DimensionId;
use evensum_core::view::{SiteLine, Sites};
use rayon::prelude::*;

use super::mapping::dataset_dimensions;
use crate::snapshot::{Column, Rows};

/// The most organisations that a report lists; further ones are one line together.
pub const MAX_SITES: usize = 50;

/// The dimensions that say which organisation, the finer one first.
const BY: [&str; 2] = ["site", "provider"];

/// Rows of each organisation that are usable, and of which nothing can be said.
struct Tally<'a> {
    dimension: &'a DimensionId,
    usable: Vec<u64>,
    not_applicable: Vec<u64>,
}

/// Completeness by the site or, where the extract has none, by the provider.
pub(super) fn sites(rows: &Rows, dataset: &Dataset, catalogue: &Catalogue) -> Option<Sites> {
    let held: Vec<(&Dimension, &Column)> = dataset_dimensions(dataset, catalogue)
        .filter_map(|d| rows.columns.iter().find(|c| c.id == d.column).map(|c| (d, c)))
        .collect();
    let by = |id: &str| held.iter().find(|(d, _)| d.id.as_str() == id);
    let &(by, sites) = BY.into_iter().find_map(by)?;
    let number = sites.dictionary.len();
    let mut rows_of = vec![0; number];
    sites.codes.iter().for_each(|site| add(&mut rows_of, *site, 1));
    let others: Vec<&(&Dimension, &Column)> = held.iter().filter(|(d, _)| d.id != by.id).collect();
    let tallies: Vec<Tally<'_>> =
        others.into_par_iter().map(|(d, column)| tally(d, column, sites)).collect();
    let mut order: Vec<usize> = (0..number).filter(|site| rows_of[*site] > 0).collect();
    order.sort_by_key(|site| (Reverse(rows_of[*site]), &sites.dictionary[*site]));
    let (listed, rest) = order.split_at(order.len().min(MAX_SITES));
    let line = |site: String, of: &[usize]| {
        let sum = |counts: &[u64]| of.iter().map(|site| counts[*site]).sum::<u64>();
        let of_each = |t: &Tally<'_>| (t.dimension.clone(), sum(&t.usable));
        let usable: BTreeMap<DimensionId, u64> = tallies.iter().map(of_each).collect();
        let none = tallies.iter().map(|t| (t.dimension.clone(), sum(&t.not_applicable)));
        let not_applicable = none.filter(|(_, rows)| *rows > 0).collect();
        SiteLine { site, rows: sum(&rows_of), usable, not_applicable }
    };
    Some(Sites {
        by: by.id.clone(),
        lines: listed.iter().map(|s| line(sites.dictionary[*s].to_string(), &[*s])).collect(),
        others: (!rest.is_empty()).then(|| line("others".to_owned(), rest)),
        other_sites: rest.len() as u64,
    })
}

/// Counts a column by organisation, in one pass.
fn tally<'a>(dimension: &'a Dimension, column: &Column, sites: &Column) -> Tally<'a> {
    // Organisations that the data list are no leaves, and known.
    let kind = |id| dimension.leaf(id).map_or(CategoryKind::Known, |leaf| leaf.kind);
    let number = sites.dictionary.len();
    let mut tally = Tally {
        dimension: &dimension.id,
        usable: vec![0; number],
        not_applicable: vec![0; number],
    };
    let kinds: Vec<(u64, u64)> = column
        .dictionary
        .iter()
        .map(kind)
        .map(|k| (u64::from(k == CategoryKind::Known), u64::from(k == CategoryKind::NotApplicable)))
        .collect();
    for (site, code) in sites.codes.iter().zip(&column.codes) {
        let (usable, not_applicable) = kinds.get(usize::from(*code)).copied().unwrap_or_default();
        add(&mut tally.usable, *site, usable);
        add(&mut tally.not_applicable, *site, not_applicable);
    }
    tally
}

fn add(counts: &mut [u64], at: u16, n: u64) {
    if let Some(count) = counts.get_mut(usize::from(at)) {
        *count += n;
    }
}
