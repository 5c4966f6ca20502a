//! Random extracts and random requests of them.

use std::sync::Arc;

use evensum::snapshot::{Codes, FORMAT, HeldColumn, Manifest, Measure, Snapshot};
use evensum::tabulate::Request;
use evensum_core::model::{
    Axis, AxisCategory, CategoryId, ColumnId, DatasetId, Digest, Lattice, LevelId, SnapshotVersion,
};
use evensum_core::plan::{Filter, Histogram};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Columns of every extract; the last has more codes than a byte.
const COLUMNS: usize = 5;
const MEASURES: usize = 2;

pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Below the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0.next_u32() as usize % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

pub(crate) fn column(i: usize) -> ColumnId {
    ColumnId::new(format!("column{i}")).expect("a column")
}

pub(crate) fn measure(i: usize) -> ColumnId {
    ColumnId::new(format!("measure{i}")).expect("a measure")
}

fn category(text: &str) -> CategoryId {
    CategoryId::new(text).expect("a category")
}

pub(crate) fn manifest(seed: u64) -> Manifest {
    Manifest {
        format: FORMAT.to_owned(),
        dataset: DatasetId::new("rtt_open_pathway").expect("a dataset"),
        period: "2026-10".parse().expect("a period"),
        version: Some(SnapshotVersion::Provisional),
        published: None,
        deleted: None,
        as_of: "2026-10-31".parse().expect("a date"),
        imd_edition: None,
        lsoa_vintage: None,
        definition_hash: Digest::of(b""),
        columns_held: (0..COLUMNS).map(column).collect(),
        file: String::new(),
        file_hmac: Digest::of(b""),
        keys_hmac: None,
        links: None,
        snapshot_id: Digest::of(&seed.to_le_bytes()),
    }
}

/// An extract of so many rows. In some nobody has two rows, in some people have long runs of them.
pub(crate) fn extract(seed: u64, rows: usize) -> Snapshot {
    let mut random = Random::new(seed);
    let same = [1, 3, 30][random.below(3)];
    let mut person = 0;
    let persons: Vec<u32> = (0..rows)
        .map(|_| {
            person += u32::from(same == 1 || random.one_in(same)) * (1 + random.below(3) as u32);
            person
        })
        .collect();
    let columns = (0..COLUMNS).map(|i| {
        let codes = if i + 1 == COLUMNS { 300 } else { 1 + random.below(6) };
        let dictionary = (0..codes).rev().map(|code| category(&format!("l{code}"))).collect();
        let values = (0..rows).map(|_| random.below(codes) as u16);
        let values = if codes > 256 {
            Codes::U16(values.collect())
        } else {
            Codes::U8(values.map(|v| v as u8).collect())
        };
        HeldColumn::new(column(i), dictionary, values).expect("a column")
    });
    let columns = columns.collect();
    let measures = (0..MEASURES).map(|i| Measure {
        id: measure(i),
        values: (0..rows).map(|_| random.below([9, 1 << 16][i]) as u16).collect(),
    });
    let measures = measures.collect();
    Snapshot::new(manifest(seed), persons, columns, measures).expect("an extract")
}

/// An owned request.
#[derive(Debug)]
pub(crate) struct Asked {
    lattice: Arc<Lattice>,
    columns: Vec<ColumnId>,
    filters: Vec<Filter>,
    measures: Vec<ColumnId>,
    tops: Vec<u16>,
    histogram: Option<Histogram>,
}

impl Asked {
    /// A random request of an extract.
    pub(crate) fn of(snapshot: &Snapshot, random: &mut Random) -> Self {
        let most = [1, 2, 2, 3, 3, 4][random.below(6)];
        let mut columns: Vec<usize> = (0..COLUMNS).collect();
        while columns.len() > most {
            columns.remove(random.below(columns.len()));
        }
        let mut axes: Vec<Axis> =
            columns.iter().map(|i| axis(&snapshot.columns()[*i], random)).collect();
        // Over as many of them as fit.
        let lattice = loop {
            if let Ok(lattice) = Lattice::new(axes.clone()) {
                break lattice;
            }
            axes.pop();
        };
        columns.truncate(axes.len());
        let filters = (0..random.below(3)).map(|_| {
            let of = &snapshot.columns()[random.below(COLUMNS)];
            let spare = 1 + random.below(5);
            let keep = of.dictionary().iter().filter(|_| !random.one_in(spare)).cloned().collect();
            Filter { column: of.id().clone(), keep }
        });
        let filters = filters.collect();
        Self {
            lattice: Arc::new(lattice),
            columns: columns.into_iter().map(column).collect(),
            filters,
            measures: (0..MEASURES).filter(|_| random.one_in(3)).map(measure).collect(),
            tops: (0..random.below(3)).map(|_| random.below(12) as u16).collect(),
            histogram: random.one_in(3).then(|| Histogram {
                measure: measure(random.below(MEASURES)),
                last: random.below(12) as u16,
            }),
        }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            measures: &self.measures,
            tops: &self.tops,
            histogram: self.histogram.as_ref(),
            ..Request::counts(Arc::clone(&self.lattice), &self.columns, &self.filters)
        }
    }
}

/// An axis over a column: its leaves in another order than the column's, or only some of them beside `elsewhere`;
/// its categories single leaves, pairs, suffixes that nest, singles within pairs, or none but the total.
fn axis(of: &HeldColumn, random: &mut Random) -> Axis {
    let mut leaves: Vec<CategoryId> = of.dictionary().to_vec();
    leaves.reverse();
    if random.one_in(3) || leaves.len() > 8 {
        leaves.truncate(1 + random.below(leaves.len().min(6)));
        leaves.insert(random.below(leaves.len() + 1), category("elsewhere"));
    }
    let n = leaves.len() as u16;
    let single = (0..n).map(|i| vec![i]);
    let pairs = (0..n).step_by(2).map(|i| (i..n.min(i + 2)).collect());
    let mut members: Vec<Vec<u16>> = match random.below(6) {
        0 | 1 => single.collect(),
        2 => pairs.collect(),
        3 => (1..n.min(3)).map(|i| (i..n).collect()).collect(),
        4 => single.chain(pairs).collect(),
        _ => Vec::new(),
    };
    members.sort();
    members.dedup();
    let categories = members.into_iter().enumerate().map(|(i, members)| AxisCategory {
        id: category(&format!("g{i}")),
        label: String::new(),
        members,
    });
    Axis::new(LevelId::new("x").expect("a level"), leaves, categories.collect()).expect("an axis")
}
