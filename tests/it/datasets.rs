//! Every dataset of the catalogue, from an invented extract through the real load and publication to counts of every
//! indicator, held against what was planted and against a slow count of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use evensum::intake::{self, Input, LoadRequest, Mapping};
use evensum::reference::{Extent, Reference};
use evensum::snapshot::{self, Codes, NodeKey, Snapshot};
use evensum::synth::{Columns, GenericExtract, Geography, Order, Places};
use evensum::tabulate::{Request, tabulate};
use evensum_core::authz::Permit;
use evensum_core::catalogue::{Catalogue, Dataset, Indicator, PeriodKind};
use evensum_core::model::{
    Axis, CategoryId, ColumnId, LevelId, Measured, Ods, Period, Profile, Question, RawCell, Sum,
};
use evensum_core::plan::Plan;
use evensum_core::view::QualityReport;

const ROWS: u32 = 1_200;
const SEED: u64 = 11;
/// The levels of the four statutory breakdowns.
const STATUTORY: [&str; 4] = ["imd.quintile", "ethnicity.group", "sex", "age.band"];

/// A row that was planted, and that a load must take.
struct Planted {
    person: u64,
    values: BTreeMap<ColumnId, CategoryId>,
    measures: Vec<(ColumnId, u16)>,
}

fn period(dataset: &Dataset) -> Period {
    let text = match dataset.periods {
        PeriodKind::Month => "2026-10",
        PeriodKind::Quarter => "2026-27Q2",
        PeriodKind::Year => "2025-26",
    };
    text.parse().expect("a period")
}

fn ods(text: &str) -> Ods {
    Ods::new(text).expect("an ODS code")
}

/// The invented places, imported as a node imports official files.
struct World {
    dir: tempfile::TempDir,
    reference: Reference,
    places: Places,
    key: NodeKey,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let geography = Geography::new(3);
        let places = Places::invented(ods("QZ1"), &geography).expect("places");
        let reference = dir.path().join("reference");
        let mut imd = Vec::new();
        geography.write_imd(&mut imd).expect("written");
        let mut lookup = Vec::new();
        places.write_lookup(&mut lookup).expect("written");
        for (name, bytes) in [("imd.csv", imd), ("lookup.csv", lookup)] {
            let file = dir.path().join(name);
            fs::write(&file, bytes).expect("written");
            Reference::add(&reference, &file, Extent::Partial).expect("taken");
        }
        let reference = Reference::open(&reference).expect("opens");
        Self { dir, reference, places, key: NodeKey::from_bytes([5; 32]) }
    }

    /// Invents, loads and publishes an extract; what was planted, what was loaded, what the load said.
    fn extract(
        &self,
        catalogue: &Catalogue,
        dataset: &Dataset,
        (columns, rows): (Columns, u32),
    ) -> (Vec<Planted>, Snapshot, QualityReport) {
        let (provider, period) = (ods("ZZ1"), period(dataset));
        let order = Order {
            dataset,
            catalogue,
            places: &self.places,
            provider: &provider,
            period,
            rows,
            seed: SEED,
            columns,
        };
        let extract = GenericExtract::new(order).expect("an extract");
        let file = self.dir.path().join("extract.csv");
        let writer = BufWriter::new(File::create(&file).expect("a file"));
        let mut planted = Vec::new();
        let truth = extract.write_csv(writer, &|_| {}, &mut |told| {
            let mut values: BTreeMap<ColumnId, CategoryId> = told.leaves.iter().cloned().collect();
            values.insert(dataset.outcome.column.clone(), told.band.clone());
            planted.push(Planted { person: told.person, values, measures: told.measures.to_vec() });
        });
        let truth = truth.expect("written");
        let bands: Vec<CategoryId> =
            dataset.outcome.bands().into_iter().map(|(id, _)| id.clone()).collect();
        let all = CategoryId::all();
        assert_eq!(truth.count(&bands, &all, &all), planted.len() as u64, "{}", dataset.id);

        let mapping = Mapping::parse(&extract.mapping(), catalogue).expect("a mapping");
        let state = self.dir.path().join(format!("state-{}", dataset.id));
        let loaded = intake::load(&LoadRequest {
            input: Input::File(&file),
            mapping: &mapping,
            dataset: &dataset.id,
            period,
            staged_dir: &intake::staged_root(&state),
            key: &self.key,
            catalogue,
            reference: &self.reference,
            exclude: None,
            record_keys: false,
            links: None,
            progress: &|_| {},
            today: "2026-12-01".parse().expect("a date"),
        });
        let loaded = loaded.unwrap_or_else(|e| panic!("{}: {e}", dataset.id));
        let today = "2026-12-01".parse().expect("a date");
        intake::publish(&state, &dataset.id, period, &self.key, today).expect("published");
        let snapshot = self.published(&state, dataset, period);
        (planted, snapshot, loaded.quality)
    }

    fn published(&self, state: &Path, dataset: &Dataset, period: Period) -> Snapshot {
        let found = intake::newest_published(state, &dataset.id, period).expect("readable");
        snapshot::read(&found.expect("one").0, &self.key).expect("reads")
    }
}

/// The rows of a snapshot as text, without the people.
fn held(snapshot: &Snapshot) -> Vec<String> {
    let rows = (0..snapshot.len()).map(|row| {
        let columns = snapshot.columns().iter().map(|column| {
            let code = match column.codes() {
                Codes::U8(codes) => usize::from(codes[row]),
                Codes::U16(codes) => usize::from(codes[row]),
            };
            format!("{}={}", column.id(), column.dictionary()[code])
        });
        let mut all: Vec<String> = columns.collect();
        all.extend(snapshot.measures().iter().map(|m| format!("{}={}", m.id, m.values[row])));
        all.sort();
        all.join(" ")
    });
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

fn wanted(planted: &[Planted]) -> Vec<String> {
    let rows = planted.iter().map(|row| {
        let mut all: Vec<String> = row.values.iter().map(|(id, v)| format!("{id}={v}")).collect();
        all.extend(row.measures.iter().map(|(id, v)| format!("{id}={v}")));
        all.sort();
        all.join(" ")
    });
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

/// Holds what was loaded against what was planted, and shows the first few rows that differ.
fn assert_same_rows(of: &Dataset, planted: &[Planted], snapshot: &Snapshot) {
    let (held, wanted) = (held(snapshot), wanted(planted));
    let mut balance: BTreeMap<&String, i64> = BTreeMap::new();
    held.iter().for_each(|row| *balance.entry(row).or_default() += 1);
    wanted.iter().for_each(|row| *balance.entry(row).or_default() -= 1);
    let differ: Vec<_> = balance.into_iter().filter(|(_, n)| *n != 0).take(4).collect();
    assert!(differ.is_empty(), "{}: held above 0, planted below: {differ:#?}", of.id);
}

/// What the rows of a cell come to in the measures that are asked for; nothing where none is.
fn measured(rows: &[&Planted], request: &Request<'_>) -> Option<Measured> {
    let value = |row: &Planted, id: &ColumnId| {
        let found = row.measures.iter().find(|(measure, _)| measure == id);
        u64::from(found.expect("a measure").1)
    };
    let sum = |id: &ColumnId| {
        let mut people: BTreeMap<u64, u64> = BTreeMap::new();
        rows.iter().for_each(|row| *people.entry(row.person).or_default() += value(row, id));
        let squares = rows.iter().map(|row| value(row, id).pow(2)).sum();
        Sum::new(people.values().sum(), squares, people.values().copied().max().unwrap_or(0))
    };
    let units = request.histogram.map_or_else(Vec::new, |histogram| {
        let mut units = vec![0; usize::from(histogram.last) + 2];
        for row in rows {
            let unit = value(row, &histogram.measure).min(u64::from(histogram.last) + 1);
            units[usize::try_from(unit).expect("a unit")] += 1;
        }
        units
    });
    let nothing = request.measures.is_empty() && request.histogram.is_none();
    (!nothing).then(|| Measured::new(request.measures.iter().map(sum).collect(), units))
}

/// The slow count: every cell goes through every row that was planted.
fn slowly(planted: &[Planted], request: &Request<'_>) -> Vec<RawCell> {
    let (lattice, columns) = (&request.lattice, request.columns);
    let place = |axis: &Axis, value: &CategoryId| {
        let of = |id: &str| axis.leaves().iter().position(|leaf| leaf.as_str() == id);
        of(value.as_str()).or_else(|| of("elsewhere")).expect("a leaf")
    };
    let axes = lattice.axes();
    let leaves: Vec<Vec<usize>> = planted
        .iter()
        .map(|row| axes.iter().zip(columns).map(|(a, c)| place(a, &row.values[c])).collect())
        .collect();
    let cells = (0..lattice.len()).map(|cell| {
        let at = lattice.coordinates(cell);
        let mut people: BTreeMap<u64, u64> = BTreeMap::new();
        let mut rows = Vec::new();
        for (row, leaves) in planted.iter().zip(&leaves) {
            let inside = |(axis, leaf): (usize, &usize)| {
                axes[axis].categories()[at[axis]].members.iter().any(|m| usize::from(*m) == *leaf)
            };
            if leaves.iter().enumerate().all(inside) {
                *people.entry(row.person).or_default() += 1;
                rows.push(row);
            }
        }
        let events = people.values().sum();
        let top = people.values().copied().max().unwrap_or(0);
        let counts = RawCell::new(events, people.len() as u64, top);
        match measured(&rows, request) {
            Some(measured) => counts.with(measured),
            None => counts,
        }
    });
    cells.collect()
}

/// The levels that an indicator is counted by: the statutory ones, and a yes-or-no characteristic.
fn levels(indicator: &Indicator, snapshot: &Snapshot, catalogue: &Catalogue) -> Vec<LevelId> {
    let allowed = |level: &LevelId| indicator.breakdowns.contains(&level.dimension());
    let mut levels: Vec<LevelId> = STATUTORY
        .iter()
        .map(|text| LevelId::new(*text).expect("a level"))
        .filter(|level| allowed(level))
        .collect();
    let flag = catalogue.dimensions().iter().find(|d| {
        let yes = |c: &evensum_core::catalogue::Category| c.id.as_str() == "yes";
        indicator.breakdowns.contains(&d.id)
            && snapshot.column(&d.column).is_some()
            && d.levels.len() == 1
            && d.levels[0].categories.iter().any(yes)
    });
    levels.extend(flag.map(|d| d.levels[0].id.clone()));
    levels
}

fn counted(
    indicator: &Indicator,
    level: Option<&LevelId>,
    catalogue: &Catalogue,
    (planted, snapshot): (&[Planted], &Snapshot),
) {
    let question = Question {
        indicator: indicator.id.clone(),
        definition_hash: catalogue.definition_hash(&indicator.id).expect("a hash"),
        period: snapshot.manifest().period,
        by: level.cloned().into_iter().collect(),
        scope: None,
    };
    let permit = Permit::local(question, catalogue, Profile::Nhs75m).expect("permitted");
    let plan = Plan::compile(&permit, catalogue).expect("a plan");
    let request = Request::of(&plan);
    let table = tabulate(snapshot, &request).expect("counts");
    let slow = slowly(planted, &request);
    let same = table.cells().len() == slow.len()
        && table.cells().iter().zip(&slow).all(|(fast, slow)| fast.same_as(slow));
    assert!(same, "{} by {level:?}", indicator.id);
}

#[test]
fn every_indicator_tabulates() {
    let (world, catalogue) = (World::new(), Catalogue::builtin().expect("catalogue"));
    let mut bytes = Vec::new();
    for dataset in catalogue.datasets() {
        let (planted, snapshot, quality) =
            world.extract(&catalogue, dataset, (Columns::Usual, ROWS));
        let of = &dataset.id;
        assert_same_rows(dataset, &planted, &snapshot);
        assert!(planted.len() as u32 > ROWS * 9 / 10, "{of}: {}", planted.len());
        assert_eq!(quality.rows_taken, planted.len() as u64, "{of}");
        let outcome = &dataset.outcome;
        for (band, _) in outcome.bands() {
            let any = planted.iter().any(|row| row.values[&outcome.column] == *band);
            assert!(any, "{of}: nothing in {band}");
        }
        bytes.push((of.to_string(), snapshot.bytes() as f64 / snapshot.len() as f64));
        for indicator in catalogue.indicators().iter().filter(|i| i.dataset == *of) {
            for level in levels(indicator, &snapshot, &catalogue) {
                counted(indicator, Some(&level), &catalogue, (&planted, &snapshot));
            }
            counted(indicator, None, &catalogue, (&planted, &snapshot));
            let Some(rollup) = outcome.rollup(&indicator.numerator) else { continue };
            let above = planted.iter().filter(|r| rollup.of.contains(&r.values[&outcome.column]));
            let above = above.count();
            assert!(above > 0 && above < planted.len(), "{}: {above}", indicator.id);
        }
    }
    let heavy: Vec<_> = bytes.iter().filter(|(_, bytes)| *bytes > 24.0).collect();
    assert!(heavy.is_empty(), "bytes a row of an extract with its usual columns: {heavy:?}");
}

#[test]
fn every_optional_column_is_loaded_as_its_codes() {
    let (world, catalogue) = (World::new(), Catalogue::builtin().expect("catalogue"));
    for dataset in catalogue.datasets() {
        let (planted, snapshot, quality) =
            world.extract(&catalogue, dataset, (Columns::All, ROWS / 4));
        assert_same_rows(dataset, &planted, &snapshot);
        let respelt: u64 = quality.dimensions.iter().map(|d| d.respelt).sum();
        assert!(respelt > 0, "{}", dataset.id);
    }
}
