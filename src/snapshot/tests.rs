//! What is written can be read, the same bytes come of the same extract, and nothing that was changed
//! is accepted.

mod changed;
mod keys;
mod links;

use std::fs;
use std::path::PathBuf;

use evensum_core::model::SnapshotVersion;
use proptest::prelude::*;

use super::*;

fn key() -> NodeKey {
    NodeKey::from_bytes([7; 32])
}

fn category(text: &str) -> evensum_core::model::CategoryId {
    evensum_core::model::CategoryId::new(text).expect("category")
}

fn column(id: &str, categories: usize, codes: Vec<u16>) -> Column {
    let dictionary = (0..categories).map(|i| category(&format!("c{i}"))).collect();
    Column { id: ColumnId::new(id).expect("column"), dictionary, codes }
}

fn measure(id: &str, values: Vec<u16>) -> Measure {
    Measure { id: ColumnId::new(id).expect("column"), values }
}

fn extract(rows: Rows) -> Extract {
    Extract {
        dataset: DatasetId::new("rtt_open_pathway").expect("dataset"),
        period: "2026-10".parse().expect("period"),
        as_of: "2026-10-31".parse().expect("date"),
        imd_edition: Some(ImdEdition::Imd2025),
        definition_hash: Digest::of(b"definition"),
        columns_held: vec![ColumnId::new("imd_decile").expect("column")],
        rows,
        record_keys: None,
        links: None,
    }
}

fn small() -> Extract {
    extract(Rows {
        persons: vec![0, 0, 1, 4, 9],
        columns: vec![
            column("imd_decile", 3, vec![0, 0, 2, 1, 1]),
            column("provider", 300, vec![299, 299, 0, 255, 256]),
        ],
        measures: vec![measure("weeks_waited", vec![1, 53, 0, 18, 104])],
    })
}

fn home() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("directory");
    let dir = home.path().join("snapshot");
    (home, dir)
}

fn assert_holds(snapshot: &Snapshot, extract: &Extract) {
    assert_eq!(snapshot.persons(), extract.rows.persons);
    assert_eq!(snapshot.measures(), extract.rows.measures);
    for wanted in &extract.rows.measures {
        assert_eq!(snapshot.measure(&wanted.id), Some(wanted.values.as_slice()));
    }
    assert_eq!(snapshot.columns().len(), extract.rows.columns.len());
    for wanted in &extract.rows.columns {
        let held = snapshot.column(&wanted.id).expect("column");
        assert_eq!(held.dictionary(), wanted.dictionary);
        let codes: Vec<u16> = match held.codes() {
            Codes::U8(codes) => codes.iter().map(|c| u16::from(*c)).collect(),
            Codes::U16(codes) => codes.clone(),
        };
        assert_eq!(codes, wanted.codes);
        assert_eq!(matches!(held.codes(), Codes::U8(_)), wanted.dictionary.len() <= 256);
    }
}

#[test]
fn what_was_written_is_read() {
    let (_home, dir) = home();
    let extract = small();
    let manifest = write(&dir, &extract, &key()).expect("writes");
    assert_eq!(Manifest::read(&dir).expect("reads"), manifest);
    assert_eq!(manifest.lsoa_vintage, Some(2021));
    let snapshot = read(&dir, &key()).expect("reads");
    assert_eq!(snapshot.manifest(), &manifest);
    assert_holds(&snapshot, &extract);
    let left: Vec<_> = fs::read_dir(dir.parent().expect("parent")).expect("lists").collect();
    assert_eq!(left.len(), 1, "nothing but the snapshot is left behind");
}

#[test]
fn an_extract_without_rows_keeps_its_columns() {
    let (_home, dir) = home();
    let extract = extract(Rows {
        persons: vec![],
        columns: vec![column("sex", 2, vec![])],
        measures: vec![measure("minutes", vec![])],
    });
    write(&dir, &extract, &key()).expect("writes");
    assert_holds(&read(&dir, &key()).expect("reads"), &extract);
}

#[test]
fn a_dataset_has_no_measure_or_several() {
    for names in [&[][..], &["minutes"], &["weeks_waited", "minutes", "m3", "m4"]] {
        let (_home, dir) = home();
        let mut extract = small();
        let values = |i: usize| (0..5).map(|row| (row * 1_000 + i) as u16).collect();
        extract.rows.measures =
            names.iter().enumerate().map(|(i, name)| measure(name, values(i))).collect();
        write(&dir, &extract, &key()).expect("writes");
        assert_holds(&read(&dir, &key()).expect("reads"), &extract);
    }
}

#[test]
fn rows_beyond_one_batch_stay_in_order() {
    let (_home, dir) = home();
    let count = (1 << 20) + 5;
    let extract = extract(Rows {
        persons: (0..count).collect(),
        columns: vec![column("sex", 3, (0..count).map(|i| (i % 3) as u16).collect())],
        measures: vec![measure("minutes", (0..count).map(|i| (i % 50_021) as u16).collect())],
    });
    write(&dir, &extract, &key()).expect("writes");
    assert_holds(&read(&dir, &key()).expect("reads"), &extract);
}

#[test]
fn the_same_extract_gives_the_same_bytes_and_the_id_depends_on_key_and_period() {
    let (home, _) = home();
    let at = |name: &str| home.path().join(name);
    let first = write(&at("a"), &small(), &key()).expect("writes");
    let again = write(&at("b"), &small(), &key()).expect("writes");
    assert_eq!(first, again);
    let bytes = |name: &str| fs::read(at(name).join(&first.file)).expect("file");
    assert_eq!(bytes("a"), bytes("b"));
    let other = write(&at("c"), &small(), &NodeKey::from_bytes([8; 32])).expect("writes");
    assert_ne!(first.snapshot_id, other.snapshot_id);
    let later = Extract { period: "2026-11".parse().expect("period"), ..small() };
    let later = write(&at("d"), &later, &key()).expect("writes");
    assert_ne!(first.snapshot_id, later.snapshot_id);
}

#[test]
fn a_directory_that_exists_is_left_alone() {
    let (_home, dir) = home();
    write(&dir, &small(), &key()).expect("writes");
    let before = fs::read(dir.join(MANIFEST_FILE)).expect("manifest");
    assert!(matches!(write(&dir, &small(), &key()), Err(SnapshotError::Exists(_))));
    assert_eq!(fs::read(dir.join(MANIFEST_FILE)).expect("manifest"), before);
}

#[test]
fn publishing_changes_the_standing_and_not_the_id() {
    let (_home, dir) = home();
    let mut manifest = write(&dir, &small(), &key()).expect("writes");
    assert_eq!(manifest.reference(), None);
    manifest.version = Some(SnapshotVersion::Provisional);
    manifest.write(&dir).expect("writes");
    let reference = read(&dir, &key()).expect("reads").manifest().reference().expect("published");
    assert_eq!(reference.id, manifest.snapshot_id);
    assert_eq!(reference.version, SnapshotVersion::Provisional);
}

#[test]
fn rows_that_do_not_fit_together_are_refused() {
    let (_home, dir) = home();
    type Case = (fn(&mut Rows), fn(&Shape) -> bool);
    let broken: [Case; 9] = [
        (|r| r.persons[0] = 3, |s| *s == Shape::Order),
        (|r| r.measures[0].values.truncate(2), |s| matches!(s, Shape::Length(_))),
        (|r| r.measures[0].id = r.columns[1].id.clone(), |s| matches!(s, Shape::Name(_))),
        (
            |r| {
                r.measures = (0..5)
                    .map(|i| Measure {
                        id: measure(&format!("m{i}"), vec![]).id,
                        values: vec![0; 5],
                    })
                    .collect();
            },
            |s| *s == Shape::TooManyMeasures,
        ),
        (|r| r.columns[0].codes.truncate(2), |s| matches!(s, Shape::Length(_))),
        (|r| r.columns[0].codes[4] = 3, |s| matches!(s, Shape::Code(_))),
        (|r| r.columns[0].dictionary[1] = category("c0"), |s| matches!(s, Shape::Dictionary(_))),
        (|r| r.columns[1].id = r.columns[0].id.clone(), |s| matches!(s, Shape::Name(_))),
        (
            |r| r.columns[1].id = ColumnId::new("person").expect("id"),
            |s| matches!(s, Shape::Name(_)),
        ),
    ];
    for (i, (spoil, expected)) in broken.into_iter().enumerate() {
        let mut extract = small();
        spoil(&mut extract.rows);
        match write(&dir, &extract, &key()) {
            Err(SnapshotError::Shape(shape)) => assert!(expected(&shape), "{i}: {shape}"),
            other => panic!("{i}: {other:?}"),
        }
        assert!(!dir.exists());
    }
}

#[test]
fn a_manifest_that_says_something_else_is_refused() {
    for (from, to) in [
        ("\"2026-10-31\"", "\"2026-10-30\""),
        ("\"2025\"", "\"2019\""),
        ("2021", "2011"),
        ("evensum-snapshot-1", "evensum-snapshot-2"),
        ("rtt_open_pathway-2026-10.arrow", "../rtt_open_pathway-2026-10.arrow"),
        ("imd_decile", "sex"),
        ("\"format\"", "\"extra\": 1, \"format\""),
    ] {
        let (_home, dir) = home();
        write(&dir, &small(), &key()).expect("writes");
        let path = dir.join(MANIFEST_FILE);
        let text = fs::read_to_string(&path).expect("manifest");
        let changed = text.replace(from, to);
        assert_ne!(text, changed, "{from}");
        fs::write(&path, changed).expect("writes");
        assert!(read(&dir, &key()).is_err(), "{from}");
    }
}

#[test]
fn another_key_does_not_open_it() {
    let (_home, dir) = home();
    write(&dir, &small(), &key()).expect("writes");
    let other = NodeKey::from_bytes([8; 32]);
    assert!(matches!(read(&dir, &other), Err(SnapshotError::Authenticity(_))));
    assert_eq!(format!("{other:?}"), "NodeKey(..)");
}

#[test]
fn contexts_keep_hashes_apart_as_specified() {
    // HMAC-SHA256 of "c\0d" under 32 bytes of 7, from Python's hmac module.
    let known = key().hmac("c", b"d");
    assert_eq!(known.to_string(), KNOWN_HMAC);
    assert_ne!(known, key().hmac("d", b"d"));
}

const KNOWN_HMAC: &str = "1c1f2e7a9267f0999d940bc28b06e2a7effb3f20c84c059e2d36dc93188a9883";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Any change of the file is an error and never a panic.
    #[test]
    fn damage_is_found(at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<bool>()) {
        let (_home, dir) = home();
        let manifest = write(&dir, &small(), &key()).expect("writes");
        let path = dir.join(&manifest.file);
        let mut bytes = fs::read(&path).expect("file");
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at); } else { bytes[at] ^= 1 << bit; }
        fs::write(&path, &bytes).expect("writes");
        prop_assert!(matches!(read(&dir, &key()), Err(SnapshotError::Authenticity(_))));
    }

    /// A damaged manifest is an error, unless it changes only the standing or how the JSON is spaced.
    #[test]
    fn a_damaged_manifest_is_found(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (_home, dir) = home();
        let manifest = write(&dir, &small(), &key()).expect("writes");
        let path = dir.join(MANIFEST_FILE);
        let mut bytes = fs::read(&path).expect("file");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(&path, &bytes).expect("writes");
        match read(&dir, &key()) {
            Ok(snapshot) => prop_assert_eq!(snapshot.manifest(), &manifest),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
