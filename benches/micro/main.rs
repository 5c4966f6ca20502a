//! Micro benchmarks: `cargo bench`. Whole operations are measured by `evensum bench`.

mod scene;

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use evensum::snapshot::{Codes, FORMAT, HeldColumn, Manifest, Snapshot};
use evensum::tabulate::{Request, tabulate};
use evensum_core::catalogue::{Catalogue, Lists};
use evensum_core::disclosure::{Frozen, ReleaseDocument, combine};
use evensum_core::identity::Asker;
use evensum_core::ledger::merkle::{self, Frontier};
use evensum_core::model::{CategoryId, ColumnId, DatasetId, Digest, Lattice, LevelId, canonical};

use scene::Scene;

fn main() {
    divan::main();
}

/// Rows of the extract that is counted.
const ROWS: u32 = 1_000_000;

/// An extract with two dimensions and an outcome; one person in so many has two rows.
fn extract(catalogue: &Catalogue, two_rows_in: u32) -> (Snapshot, Vec<ColumnId>, Arc<Lattice>) {
    let dataset = catalogue.dataset(&DatasetId::new("rtt_open_pathway").expect("an id"));
    let dataset = dataset.expect("a dataset");
    let mut axes = Vec::new();
    for level in ["imd.quintile", "ethnicity.group"] {
        let level = LevelId::new(level).expect("a level");
        axes.push(catalogue.axis(&level, &Lists::new()).expect("an axis"));
    }
    let rollups: Vec<&CategoryId> = dataset.outcome.rollups.iter().map(|r| &r.id).take(2).collect();
    axes.push(dataset.outcome.axis(&rollups).expect("an axis"));
    let columns: Vec<ColumnId> =
        ["a", "b", "c"].map(|id| ColumnId::new(id).expect("a column")).into();
    let held = columns.iter().zip(&axes).zip(2_u32..).map(|((id, axis), prime)| {
        let leaves = axis.leaves().to_vec();
        let count = leaves.len() as u32;
        // Scattered, and the same each time.
        let code = |row: u32| (row.wrapping_mul(0x9e37_79b9) >> (3 * prime)) % count;
        let codes = (0..ROWS).map(|row| code(row) as u8).collect();
        HeldColumn::new(id.clone(), leaves, Codes::U8(codes)).expect("a column")
    });
    let held: Vec<HeldColumn> = held.collect();
    let mut person = 0;
    let persons = (0..ROWS).map(|row| {
        person += u32::from(two_rows_in == 0 || row % two_rows_in != 0);
        person
    });
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        dataset: dataset.id.clone(),
        period: "2026-10".parse().expect("a period"),
        version: None,
        published: None,
        deleted: None,
        as_of: "2026-10-31".parse().expect("a date"),
        imd_edition: None,
        lsoa_vintage: None,
        definition_hash: Digest::of(b""),
        columns_held: columns.clone(),
        file: String::new(),
        file_hmac: Digest::of(b""),
        keys_hmac: None,
        links: None,
        snapshot_id: Digest::of(b""),
    };
    let snapshot =
        Snapshot::new(manifest, persons.collect(), held, Vec::new()).expect("a snapshot");
    (snapshot, columns, Arc::new(Lattice::new(axes).expect("a lattice")))
}

/// With the argument 0 every person has one row; otherwise one in so many has two.
#[divan::bench(args = [0, 10, 2], sample_count = 20)]
fn tabulate_a_million_rows(bencher: Bencher<'_, '_>, two_rows_in: u32) {
    let catalogue = Catalogue::builtin().expect("the catalogue");
    let (snapshot, columns, lattice) = extract(&catalogue, two_rows_in);
    let request = Request::counts(lattice, &columns, &[]);
    bencher.counter(ItemsCount::new(ROWS)).bench(|| tabulate(&snapshot, &request).expect("counts"));
}

#[divan::bench]
fn protect_a_table(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let (plan, ods) = (scene.plan(), &scene.partners()[0]);
    bencher.bench(|| scene.draft(ods, &plan));
}

#[divan::bench]
fn open_a_frozen_table(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let (plan, ods) = (scene.plan(), &scene.partners()[0]);
    let draft = scene.draft(ods, &plan);
    let published = scene.receipt(ods, draft.event());
    let bytes = draft.bytes().to_vec();
    bencher.bench(|| Frozen::reopen(bytes.clone(), &published).expect("frozen"));
}

#[divan::bench]
fn verify_an_answer(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let (plan, asker) = (scene.plan(), scene.asker());
    let answers = scene.answers(&plan);
    let (ods, parts) = &answers[0];
    bencher.bench(|| scene.verified(&asker, &plan, (ods, parts.clone())));
}

#[divan::bench]
fn combine_ten_answers(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let plan = scene.plan();
    let received = scene.received(&plan);
    bencher.bench(|| combine(plan.layout(), &received).expect("combines"));
}

#[divan::bench]
fn verify_an_envelope(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher.bench(|| Asker::verify(&scene.envelope, &scene.agreement).expect("verifies"));
}

#[divan::bench]
fn hash_an_agreement(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher.bench(|| scene.agreement.hash().expect("a hash"));
}

#[divan::bench]
fn encode_a_release(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let draft = scene.draft(&scene.partners()[0], &scene.plan());
    let document: ReleaseDocument = canonical::decode(draft.bytes()).expect("a release");
    bencher.bench(|| canonical::encode(&document).expect("encodes"));
}

#[divan::bench]
fn decode_a_release(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let draft = scene.draft(&scene.partners()[0], &scene.plan());
    bencher.bench(|| canonical::decode::<ReleaseDocument>(draft.bytes()).expect("a release"));
}

#[divan::bench]
fn append_to_a_tree_of_a_million(bencher: Bencher<'_, '_>) {
    let leaf = Digest::of(b"entry");
    let mut tree = Frontier::default();
    (0..1_000_000).for_each(|_| drop(tree.push(leaf)));
    bencher.bench_local(|| black_box(tree.push(leaf)));
}

#[divan::bench]
fn prove_an_entry_of_a_million(bencher: Bencher<'_, '_>) {
    let hash = Digest::of(b"a complete subtree");
    bencher.bench(|| merkle::inclusion_proof(123_456, 1_000_000, &|_, _| Some(hash)));
}
