//! The counts agree with a slow reference that goes through every cell and every row, on random
//! lattices, rows and filters.

mod distinct;
mod people;

use std::collections::HashMap;

use evensum_core::model::{
    Axis, AxisCategory, CategoryId, DatasetId, Digest, LevelId, Measured, RawCell, Sum, Table,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::columns::{Manner, tabulate_in};
use super::*;
use crate::snapshot::{Codes, FORMAT, HeldColumn, Manifest, Measure, Snapshot};

fn category(text: &str) -> CategoryId {
    CategoryId::new(text).expect("category")
}

fn column_id(i: usize) -> ColumnId {
    ColumnId::new(format!("column{i}")).expect("column")
}

fn manifest() -> Manifest {
    Manifest {
        format: FORMAT.to_owned(),
        dataset: DatasetId::new("rtt_open_pathway").expect("dataset"),
        period: "2026-10".parse().expect("period"),
        version: None,
        published: None,
        deleted: None,
        as_of: "2026-10-31".parse().expect("date"),
        imd_edition: None,
        lsoa_vintage: None,
        definition_hash: Digest::of(b""),
        columns_held: Vec::new(),
        file: String::new(),
        file_hmac: Digest::of(b""),
        keys_hmac: None,
        links: None,
        snapshot_id: Digest::of(b""),
    }
}

/// How an axis groups its leaves.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Finest,
    Pairs,
    /// Suffixes of the leaves, each within the one before, as "over 18", "over 52" are.
    Suffixes,
    /// Single leaves and pairs of them on one axis.
    Both,
    /// Nothing but the margin.
    MarginOnly,
}

#[derive(Debug, Clone)]
struct Side {
    leaves: u16,
    shape: Shape,
    elsewhere: bool,
}

impl Side {
    fn axis(&self) -> Axis {
        let mut leaves: Vec<CategoryId> =
            (0..self.leaves).map(|i| category(&format!("l{i}"))).collect();
        if self.elsewhere {
            leaves.push(category("elsewhere"));
        }
        let n = leaves.len() as u16;
        let single = (0..n).map(|i| vec![i]).collect::<Vec<_>>();
        let pairs = (0..n).step_by(2).map(|i| (i..n.min(i + 2)).collect()).collect::<Vec<_>>();
        let mut members = match self.shape {
            Shape::Finest => single,
            Shape::Pairs => pairs,
            Shape::Suffixes => (1..n).map(|i| (i..n).collect()).collect(),
            Shape::Both => single.into_iter().chain(pairs).collect(),
            Shape::MarginOnly => Vec::new(),
        };
        members.sort();
        members.dedup();
        let categories = members
            .into_iter()
            .enumerate()
            .map(|(i, members)| AxisCategory {
                id: category(&format!("g{i}")),
                label: String::new(),
                members,
            })
            .collect();
        Axis::new(LevelId::new("x").expect("level"), leaves, categories).expect("axis")
    }

    /// Dictionary entries in another order than the leaves, with one that is no leaf where the axis has
    /// a place for it.
    fn dictionary(&self) -> Vec<CategoryId> {
        let leaves = (0..self.leaves).rev().map(|i| category(&format!("l{i}")));
        leaves.chain(self.elsewhere.then(|| category("stray"))).collect()
    }
}

/// A lattice over as many of the sides as fit.
fn lattice(sides: &mut Vec<Side>) -> Arc<Lattice> {
    loop {
        match Lattice::new(sides.iter().map(Side::axis).collect()) {
            Ok(lattice) => return Arc::new(lattice),
            Err(_) => sides.pop(),
        };
    }
}

/// A column for each side and one more for filters, from raw numbers.
fn snapshot(sides: &[Side], persons: Vec<u32>, raw: &[[u16; 5]], wide: bool) -> Snapshot {
    let extra = Side { leaves: 4, shape: Shape::Finest, elsewhere: false };
    let columns = sides.iter().chain([&extra]).enumerate().map(|(i, side)| {
        let dictionary = side.dictionary();
        let codes: Vec<u16> = raw.iter().map(|r| r[i] % dictionary.len() as u16).collect();
        let codes = if wide {
            Codes::U16(codes)
        } else {
            Codes::U8(codes.into_iter().map(|c| c as u8).collect())
        };
        HeldColumn::new(column_id(i), dictionary, codes).expect("column")
    });
    let measures = [|r: &[u16; 5]| r[4] % 9, |r: &[u16; 5]| r[3].rotate_left(3)];
    let measures = (0..)
        .zip(measures)
        .map(|(i, of)| Measure { id: measure_id(i), values: raw.iter().map(of).collect() });
    let keys = (0..).take(persons.last().map_or(0, |last| *last as usize + 1)).map(record_key);
    Snapshot::new(manifest(), persons, columns.collect(), measures.collect())
        .and_then(|snapshot| snapshot.with_record_keys(keys.collect()))
        .expect("snapshot")
}

/// Any numbers that fill 64 bits, so that their sums wrap.
fn record_key(person: u64) -> u64 {
    (person + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The first measure is a few units, the second whatever 16 bits hold.
fn measure_id(i: usize) -> ColumnId {
    ColumnId::new(format!("measure{i}")).expect("measure")
}

/// The reference: every cell looks at every row.
fn slowly(snapshot: &Snapshot, request: &Request<'_>) -> Vec<RawCell> {
    let value = |column: &ColumnId, row: usize| {
        let column = snapshot.column(column).expect("column");
        let code = match column.codes() {
            Codes::U8(codes) => usize::from(codes[row]),
            Codes::U16(codes) => usize::from(codes[row]),
        };
        column.dictionary()[code].clone()
    };
    let kept = |row: usize| request.filters.iter().all(|f| f.keep.contains(&value(&f.column, row)));
    let axes = request.lattice.axes();
    let leaf = |axis: usize, row: usize| {
        let wanted = value(&request.columns[axis], row);
        let of = |id: &CategoryId| axes[axis].leaves().iter().position(|l| l == id);
        of(&wanted).or_else(|| of(&category("elsewhere"))).expect("leaf") as u16
    };
    let rows: Vec<(u32, usize, Vec<u16>)> = (0..snapshot.len())
        .filter(|&row| kept(row))
        .map(|row| (snapshot.persons()[row], row, (0..axes.len()).map(|a| leaf(a, row)).collect()))
        .collect();
    (0..request.lattice.len())
        .map(|cell| {
            let at = request.lattice.coordinates(cell);
            let holds = |(a, l): (usize, &u16)| axes[a].categories()[at[a]].members.contains(l);
            let within: Vec<(u32, usize)> = rows
                .iter()
                .filter(|(_, _, leaves)| leaves.iter().enumerate().all(holds))
                .map(|(person, row, _)| (*person, *row))
                .collect();
            let top = |of: &dyn Fn(usize) -> u64| {
                let mut per_person: HashMap<u32, u64> = HashMap::new();
                for (person, row) in &within {
                    *per_person.entry(*person).or_default() += of(*row);
                }
                (per_person.len() as u64, per_person.into_values().max().unwrap_or_default())
            };
            let (persons, most) = top(&|_| 1);
            let mut cell = RawCell::new(within.len() as u64, persons, most);
            if request.keyed {
                let keys = within.iter().map(|(person, _)| record_key(u64::from(*person)));
                cell = cell.keyed(keys.fold(0, u64::wrapping_add));
            }
            if request.measures.is_empty() && request.histogram.is_none() {
                return cell;
            }
            let values = |id| snapshot.measure(id).expect("measure");
            let ends = request.tops.iter().copied().chain(std::iter::repeat(u16::MAX));
            let sums = request.measures.iter().zip(ends).map(|(id, end)| {
                let of = |row: usize| u64::from(values(id)[row].min(end));
                let total = within.iter().map(|(_, row)| of(*row)).sum();
                let squares = within.iter().map(|(_, row)| of(*row).pow(2)).sum();
                Sum::new(total, squares, top(&of).1)
            });
            let histogram = request.histogram.map(|asked| {
                let count = |from: u16, to: u16| {
                    let lies = |(_, row): &&(u32, usize)| {
                        (from..=to).contains(&values(&asked.measure)[*row])
                    };
                    within.iter().filter(lies).count() as u32
                };
                let units = (0..=asked.last).map(|unit| count(unit, unit));
                units.chain([count(asked.last + 1, u16::MAX)]).collect()
            });
            cell.with(Measured::new(sums.collect(), histogram.unwrap_or_default()))
        })
        .collect()
}

fn same(table: &Table<RawCell>, wanted: &[RawCell]) -> bool {
    table.cells().len() == wanted.len()
        && table.cells().iter().zip(wanted).all(|(a, b)| a.same_as(b))
}

fn sides() -> impl Strategy<Value = Vec<Side>> {
    let shape = prop_oneof![
        Just(Shape::Finest),
        Just(Shape::Pairs),
        Just(Shape::Suffixes),
        Just(Shape::Both),
        Just(Shape::MarginOnly),
    ];
    let side = (1_u16..6, shape, any::<bool>()).prop_map(|(leaves, shape, elsewhere)| Side {
        leaves,
        shape,
        elsewhere,
    });
    prop::collection::vec(side, 1..=4)
}

/// Rows as (whether the person is the one before, numbers for the codes). In some extracts nobody has two
/// rows, in some people have long runs of them.
fn rows() -> impl Strategy<Value = Vec<(bool, [u16; 5])>> {
    prop_oneof![Just(0.0), Just(0.4), Just(0.97)].prop_flat_map(|same| {
        prop::collection::vec((prop::bool::weighted(same), any::<[u16; 5]>()), 0..120)
    })
}

fn persons_of(rows: &[(bool, [u16; 5])]) -> Vec<u32> {
    let mut person = 0;
    rows.iter()
        .map(|(same, _)| {
            person += if *same { 0 } else { 3 };
            person
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn counts_agree_with_the_reference(
        mut sides in sides(),
        rows in rows(),
        filters in prop::collection::vec((0_usize..5, prop::collection::vec(0_u16..5, 0..4)), 0..3),
        wide in any::<bool>(),
        blocks in 0_usize..9,
        combinations in prop_oneof![Just(0_usize), Just(40), Just(usize::MAX)],
        measured in 0_usize..3,
        histogram in prop::option::of((0_usize..2, 0_u16..12)),
        keyed in any::<bool>(),
        tops in prop::collection::vec(0_u16..12, 0..3),
    ) {
        let lattice = lattice(&mut sides);
        let raw: Vec<[u16; 5]> = rows.iter().map(|(_, raw)| *raw).collect();
        let snapshot = snapshot(&sides, persons_of(&rows), &raw, wide);
        let columns: Vec<ColumnId> = (0..sides.len()).map(column_id).collect();
        let filters: Vec<Filter> = filters
            .into_iter()
            .map(|(column, keep)| Filter {
                column: column_id(column.min(sides.len())),
                keep: keep.into_iter().map(|i| category(&format!("l{i}"))).collect(),
            })
            .collect();
        let measures: Vec<ColumnId> = (0..measured).map(measure_id).collect();
        let histogram = histogram.map(|(i, last)| Histogram { measure: measure_id(i), last });
        let request = Request {
            measures: &measures,
            tops: &tops,
            histogram: histogram.as_ref(),
            keyed,
            ..Request::counts(lattice, &columns, &filters)
        };
        let wanted = slowly(&snapshot, &request);
        prop_assert!(same(&tabulate(&snapshot, &request).expect("counts"), &wanted));
        let manner = Manner { blocks, combinations };
        prop_assert!(same(&tabulate_in(&snapshot, &request, manner).expect("counts"), &wanted));
    }
}

/// Many rows, so that stretches and blocks end within them; one person has a long run of them.
fn many_rows() -> (Vec<Side>, Snapshot) {
    let sides = vec![
        Side { leaves: 5, shape: Shape::Pairs, elsewhere: true },
        Side { leaves: 6, shape: Shape::Suffixes, elsewhere: false },
    ];
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut person = 0;
    let (persons, raw): (Vec<u32>, Vec<[u16; 5]>) = (0..12_000)
        .map(|row| {
            let long_run = (1_500..7_000).contains(&row);
            person += u32::from(!long_run && random.next_u32() % 10 > 2);
            (person, std::array::from_fn(|_| (random.next_u32() >> 16) as u16))
        })
        .unzip();
    let snapshot = snapshot(&sides, persons, &raw, false);
    (sides, snapshot)
}

#[test]
fn one_block_and_many_agree_with_the_reference() {
    let (mut sides, snapshot) = many_rows();
    let columns = [column_id(0), column_id(1)];
    let filters = [Filter { column: column_id(2), keep: vec![category("l0"), category("l2")] }];
    let (measures, histogram) = ([measure_id(1)], Histogram { measure: measure_id(0), last: 6 });
    let request = Request {
        measures: &measures,
        histogram: Some(&histogram),
        keyed: true,
        ..Request::counts(lattice(&mut sides), &columns, &filters)
    };
    let wanted = slowly(&snapshot, &request);
    for blocks in [1, 2, 3, 8, 100, 20_000] {
        for combinations in [0, usize::MAX] {
            let manner = Manner { blocks, combinations };
            let table = tabulate_in(&snapshot, &request, manner).expect("counts");
            assert!(same(&table, &wanted), "{manner:?}");
        }
    }
}

#[test]
fn a_category_that_no_axis_knows_is_an_error_that_names_the_column_only() {
    let mut sides = vec![Side { leaves: 2, shape: Shape::Finest, elsewhere: false }];
    let held = Side { leaves: 3, shape: Shape::Finest, elsewhere: false };
    let snapshot = snapshot(&[held], vec![1, 2], &[[0; 5], [1; 5]], false);
    let columns = [column_id(0)];
    let request = Request::counts(lattice(&mut sides), &columns, &[]);
    let error = tabulate(&snapshot, &request).expect_err("l2 is no leaf");
    assert_eq!(error, TabulateError::UnknownCategory(column_id(0)));
    assert!(error.to_string().contains("column0") && !error.to_string().contains("l2"));
}

#[test]
fn requests_that_do_not_fit_the_snapshot_are_refused() {
    let mut sides = vec![Side { leaves: 2, shape: Shape::Finest, elsewhere: false }];
    let snapshot = snapshot(&sides, vec![1], &[[0; 5]], false);
    let lattice = lattice(&mut sides);
    let ask = |columns: &[ColumnId], filters: &[Filter]| {
        let request = Request::counts(Arc::clone(&lattice), columns, filters);
        tabulate(&snapshot, &request).map(|_| ()).expect_err("refused")
    };
    let absent = ColumnId::new("absent").expect("column");
    assert_eq!(ask(&[], &[]), TabulateError::Axes { axes: 1, columns: 0 });
    let no_column = TabulateError::NoColumn(absent.clone());
    assert_eq!(ask(std::slice::from_ref(&absent), &[]), no_column);
    let filter = Filter { column: absent, keep: Vec::new() };
    assert_eq!(ask(&[column_id(0)], std::slice::from_ref(&filter)), no_column);
    assert_eq!(ask(&[column_id(0)], &vec![filter; 65]), TabulateError::TooManyFilters);
    let columns = [column_id(0)];
    let measure = |measures: &[ColumnId], histogram: Option<&Histogram>| {
        let counts = Request::counts(Arc::clone(&lattice), &columns, &[]);
        let request = Request { measures, histogram, ..counts };
        tabulate(&snapshot, &request).map(|_| ()).expect_err("refused")
    };
    let no_measure = TabulateError::NoMeasure(column_id(0));
    assert_eq!(measure(&columns, None), no_measure);
    let of_none = Histogram { measure: column_id(0), last: 3 };
    assert_eq!(measure(&[], Some(&of_none)), no_measure);
    assert_eq!(measure(&vec![measure_id(0); 5], None), TabulateError::TooManyMeasures);
}

#[test]
fn keys_are_added_up_only_where_there_are_some() {
    let mut sides = vec![Side { leaves: 2, shape: Shape::Finest, elsewhere: false }];
    let held = snapshot(&sides, vec![1, 1], &[[0; 5]; 2], false);
    let (columns, lattice) = ([column_id(0)], lattice(&mut sides));
    let request = Request { keyed: true, ..Request::counts(lattice, &columns, &[]) };
    assert!(tabulate(&held, &request).is_ok());
    let column = held.columns()[0].clone();
    let without =
        Snapshot::new(manifest(), vec![1, 1], vec![column], Vec::new()).expect("snapshot");
    let refused = tabulate(&without, &request).map(drop);
    assert_eq!(refused, Err(TabulateError::NoRecordKeys));
}

#[test]
fn a_histogram_over_a_large_table_has_an_end() {
    let side = Side { leaves: 6, shape: Shape::Finest, elsewhere: false };
    let mut sides = vec![side; 4];
    let snapshot = snapshot(&sides, vec![1], &[[0; 5]], false);
    let columns: Vec<ColumnId> = (0..4).map(column_id).collect();
    let lattice = lattice(&mut sides);
    for (last, fits) in [(1_440, true), (u16::MAX, false)] {
        let histogram = Histogram { measure: measure_id(0), last };
        let counts = Request::counts(Arc::clone(&lattice), &columns, &[]);
        let request = Request { histogram: Some(&histogram), ..counts };
        let wanted = if fits { Ok(()) } else { Err(TabulateError::TooManyUnits) };
        assert_eq!(tabulate(&snapshot, &request).map(drop), wanted);
    }
}
