//! Invented extracts of any size, made in a fraction of the time that writing and reading text takes. Their
//! figures mean nothing; their shape is that of a waiting list: few categories are common, most people have
//! one row, and a person's rows differ in specialty and wait only.

use std::path::Path;

use evensum_core::catalogue::{Catalogue, Dataset, Lists, PersonRows};
use evensum_core::model::{CategoryId, ColumnId, DatasetId, ImdEdition, Ods, Period};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::cli::exit::{Exit, Failure, OrExit};
use crate::snapshot::{self, Column, Extract, Measure, NodeKey, Rows, Snapshot};
use crate::synth::{HOME_ICB, NEIGHBOUR_ICB};

/// The dataset of every benchmark.
pub(super) const DATASET: &str = "rtt_open_pathway";
/// The period of every benchmark.
pub(super) const PERIOD: &str = "2026-10";
/// The edition of the deprivation index.
const EDITION: ImdEdition = ImdEdition::Imd2025;

/// Weeks in each sixteenth of a waiting list.
const WEEKS: [(u16, u16); 16] = [
    (0, 3),
    (4, 5),
    (6, 7),
    (8, 9),
    (10, 11),
    (12, 13),
    (14, 15),
    (16, 18),
    (16, 18),
    (19, 22),
    (23, 28),
    (29, 36),
    (37, 46),
    (47, 52),
    (53, 70),
    (60, 110),
];

/// The key of invented extracts, which has nothing to protect: a folder of one run serves the next.
pub(super) fn node_key() -> NodeKey {
    NodeKey::from_bytes([0x42; 32])
}

/// The dataset's id and period.
pub(super) fn subject() -> Result<(DatasetId, Period), Failure> {
    Ok((DatasetId::new(DATASET).or_exit(Exit::Fault)?, PERIOD.parse().or_exit(Exit::Fault)?))
}

/// A column whose code is drawn by a byte.
struct Drawn {
    dictionary: Vec<CategoryId>,
    by_byte: Vec<u16>,
    /// Whether it belongs to the row rather than to the person.
    of_row: bool,
    codes: Vec<u16>,
}

impl Drawn {
    /// `falling`: by what power of its place a category is rarer than the first.
    fn new(dictionary: Vec<CategoryId>, falling: u32, of_row: bool, rows: usize) -> Self {
        let weight = |at: usize| (1_u64 << 32) / (at as u64 + 1).saturating_pow(falling);
        let whole: u64 = (0..dictionary.len()).map(weight).sum();
        let mut by_byte = Vec::with_capacity(256);
        let mut sum = 0;
        for at in 0..dictionary.len() {
            sum += weight(at);
            let until = usize::try_from(sum.saturating_mul(256) / whole.max(1)).unwrap_or(256);
            by_byte.resize(until.max(by_byte.len() + 1).min(256), u16::try_from(at).unwrap_or(0));
        }
        by_byte.resize(256, 0);
        Self { dictionary, by_byte, of_row, codes: Vec::with_capacity(rows) }
    }
}

/// Makes an extract of so many rows; `several`: whether some people have more than one.
pub(super) fn invent(
    catalogue: &Catalogue,
    ods: &Ods,
    rows: usize,
    seed: u64,
    several: PersonRows,
) -> Result<Extract, Failure> {
    let (id, period) = subject()?;
    let dataset = catalogue.dataset(&id).or_exit(Exit::Fault)?;
    let mut drawn = columns(catalogue, dataset, ods, rows)?;
    let bands: Vec<u16> = (0..=110_u32)
        .map(|weeks| {
            let band = dataset.outcome.band_of_weeks(weeks);
            let at = dataset.outcome.bands().iter().position(|(id, _)| Some(*id) == band);
            at.and_then(|at| u16::try_from(at).ok()).unwrap_or_default()
        })
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut persons, mut weeks) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut waiting = Vec::with_capacity(rows);
    let mut person = 0;
    let mut traits = random.next_u64().to_le_bytes();
    for row in 0..rows {
        let draw = random.next_u64().to_le_bytes();
        // Three rows in sixteen are a further one of the same person.
        let same = several == PersonRows::Several && row > 0 && draw[0] < 48;
        if row > 0 && !same {
            person += 1;
            traits = random.next_u64().to_le_bytes();
        }
        persons.push(person);
        for (at, column) in drawn.iter_mut().enumerate() {
            let byte = if column.of_row { draw[1] } else { traits[at % 8] };
            column.codes.push(column.by_byte[usize::from(byte)]);
        }
        let (from, to) = WEEKS[usize::from(draw[2] % 16)];
        let wait = from + u16::from(draw[3]) % (to - from + 1);
        weeks.push(wait);
        waiting.push(bands[usize::from(wait)]);
    }
    let mut columns: Vec<Column> = drawn
        .into_iter()
        .zip(&dataset.dimensions)
        .filter_map(|(drawn, id)| {
            let dimension = catalogue.dimensions().iter().find(|d| d.id == *id)?;
            let (id, dictionary) = (dimension.column.clone(), drawn.dictionary);
            Some(Column { id, dictionary, codes: drawn.codes })
        })
        .collect();
    let measure = ColumnId::new("weeks_waited").or_exit(Exit::Fault)?;
    let dictionary = dataset.outcome.bands().iter().map(|(id, _)| (*id).clone()).collect();
    columns.push(Column { id: dataset.outcome.column.clone(), dictionary, codes: waiting });
    Ok(Extract {
        dataset: dataset.id.clone(),
        period,
        as_of: period.last_day(),
        imd_edition: Some(EDITION),
        definition_hash: catalogue.dataset_hash(&dataset.id).or_exit(Exit::Fault)?,
        columns_held: columns.iter().map(|c| c.id.clone()).collect(),
        rows: Rows { persons, columns, measures: vec![Measure { id: measure, values: weeks }] },
        record_keys: None,
        links: None,
    })
}

fn columns(
    catalogue: &Catalogue,
    dataset: &Dataset,
    ods: &Ods,
    rows: usize,
) -> Result<Vec<Drawn>, Failure> {
    let category = |text: &str| CategoryId::new(text).or_exit(Exit::Fault);
    let boards = [category(HOME_ICB)?, category(NEIGHBOUR_ICB)?];
    let own = [category(ods.as_str())?];
    dataset
        .dimensions
        .iter()
        .map(|id| {
            let (listed, falling): (&[CategoryId], u32) = match id.as_str() {
                "provider" => (&own, 20),
                "icb" => (&boards, 3),
                "ethnicity" => (&[], 2),
                "tfc" => (&[], 1),
                _ => (&[], 0),
            };
            let listed = listed.iter().map(|id| (id.clone(), String::new())).collect();
            let lists = Lists::from([(id.clone(), listed)]);
            let dimension = catalogue.dimensions().iter().find(|d| d.id == *id);
            let leaves = dimension.map(|d| d.leaves(&lists)).unwrap_or_default();
            let dictionary = leaves.into_iter().map(|(id, _)| id).collect();
            Ok(Drawn::new(dictionary, falling, id.as_str() == "tfc", rows))
        })
        .collect()
}

/// The extract in a folder, written there first if it is not there.
pub(super) fn snapshot_in(
    dir: &Path,
    make: impl FnOnce() -> Result<Extract, Failure>,
) -> Result<Snapshot, Failure> {
    if !dir.exists() {
        snapshot::write(dir, &make()?, &node_key()).or_exit(Exit::Config)?;
    }
    snapshot::read(dir, &node_key()).or_exit(Exit::Data)
}
