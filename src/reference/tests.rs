//! Imports of made-up files and, where they are present, of the official ones.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("written");
    path
}

fn add(text: &str) -> Result<(Added, Reference), ReferenceError> {
    let dir = dir();
    let file = write(dir.path(), "source.csv", text);
    let store = dir.path().join("reference");
    let added = Reference::add(&store, &file, Extent::Partial)?;
    Ok((added, Reference::open(&store)?))
}

fn lsoa(text: &str) -> LsoaCode {
    LsoaCode::parse(text).expect(text)
}

#[test]
fn a_small_file_is_taken_and_looked_up() {
    let text = "\u{feff}LSOA Name,Imd_Decile,IMD_RANK,lsoa11cd\r\n\"A, place\",10,\"29,199\",E01000001\r\nB,1,7,e01000300\r\n";
    let (added, reference) = add(text).expect("taken");
    assert_eq!((added.kind, added.edition.as_str(), added.rows), (Kind::Imd2019, "IMD 2019", 2));
    assert_eq!(added.sha256, Digest::of(text.as_bytes()));
    let table = reference.imd(ImdEdition::Imd2019).expect("the table");
    assert_eq!(table.decile(lsoa("E01000001")), Some(10));
    assert_eq!(table.decile(lsoa("E01000300")), Some(1));
    assert_eq!(table.decile(lsoa("E01000002")), None);
    assert_eq!(table.decile(lsoa("E01999999")), None);
    assert!(reference.imd(ImdEdition::Imd2025).is_none());
    assert!(reference.icb_of(lsoa("E01000001"), 2011).is_none());
    assert_eq!(reference.entries()[0].source, "source.csv");
}

#[test]
fn boards_are_kept_by_census() {
    let (added, reference) =
        add("lsoa21cd,icb_ods\nE01000001,QVV\nE01000002,QMF\nE01000003,QVV\n").expect("taken");
    assert_eq!(added.kind, Kind::Icb2021);
    let of = |code| reference.icb_of(lsoa(code), 2021).map(Ods::as_str);
    assert_eq!(
        [of("E01000001"), of("E01000002"), of("E01000003"), of("E01000004")],
        [Some("QVV"), Some("QMF"), Some("QVV"), None]
    );
    assert!(reference.has_icb(2021) && !reference.has_icb(2011));
}

#[test]
fn other_places_are_kept_where_the_file_has_them() {
    let text = "LSOA21CD,LSOA21NM,SICBL23CD,SICBL23CDH,ICB23CDH,LAD23CD\n\
                E01000001,A,E38000255,A3A8R,QMF,E09000001\nE01000009,B,E38000004,11J,QVV,E06000058\n";
    let (_, reference) = add(text).expect("taken");
    let of = |code, kind| reference.place_of(lsoa(code), kind, 2021).map(Ods::as_str);
    for (code, icb, sub, district) in [
        ("E01000001", Some("QMF"), Some("A3A8R"), Some("E09000001")),
        ("E01000009", Some("QVV"), Some("11J"), Some("E06000058")),
        ("E01000002", None, None, None),
    ] {
        let found =
            [PlaceKind::Icb, PlaceKind::SubIcb, PlaceKind::LocalAuthority].map(|k| of(code, k));
        assert_eq!(found, [icb, sub, district], "{code}");
    }
    assert!(reference.has_places(PlaceKind::SubIcb, 2021));
    assert!(!reference.has_places(PlaceKind::SubIcb, 2011));
    // A file without them, as were all that earlier versions kept.
    let (_, reference) = add("lsoa21cd,icb_ods\nE01000001,QMF\n").expect("taken");
    assert!(reference.has_places(PlaceKind::Icb, 2021));
    assert!(!reference.has_places(PlaceKind::LocalAuthority, 2021));
    for (row, wanted) in [
        ("E01000001,QMF,E12000007,A3A8R", "the local authority is not"),
        ("E01000001,QMF,E09000001,A", "the sub-location is not"),
    ] {
        let error = add(&format!("lsoa21cd,icb_ods,lad22cd,sicbl_ods\n{row}\n")).expect_err(row);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_row() {
    let header = "lsoa11cd,imd_rank,imd_decile\n";
    for (rows, wanted) in [
        ("E01000001,1,1\nW01000002,2,1\n", "row 3 (the header is row 1): the area is not"),
        ("E01000001,0,1\n", "row 2 (the header is row 1): the rank"),
        ("E01000001,1,11\n", "row 2 (the header is row 1): the decile"),
        ("E01000001,1\n", "row 2 (the header is row 1): the decile"),
        (
            "E01000001,1,1\nE01000002,1,2\n",
            "row 3 (the header is row 1): the rank occurs twice, with two deciles",
        ),
        ("E01000001,1,1\nE01000001,2,2\n", "row 3 (the header is row 1): the area occurs twice"),
        ("E01000001,1,10\nE01000002,2,1\n", "deciles do not rise"),
        ("", "no rows"),
    ] {
        let error = add(&format!("{header}{rows}")).expect_err(rows).to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let tied = add(&format!("{header}E01000001,7,1\nE01000002,7,1\n"));
    assert_eq!(tied.expect("areas may tie").0.rows, 2);
    for text in ["", "a,b\n1,2\n", "PK\u{3}\u{4}", "postcode,imd_decile\n"] {
        assert!(add(text).is_err(), "{text}");
    }
    let unknown = add("name,value\nx,1\n").expect_err("unknown").to_string();
    assert!(unknown.contains("LSOA code (2011)") && unknown.contains("icb_ods"), "{unknown}");
}

#[test]
fn a_refused_file_leaves_what_was_there_and_a_second_one_replaces_it() {
    let dir = dir();
    let store = dir.path().join("reference");
    let first = write(dir.path(), "a.csv", "lsoa11cd,imd_rank,imd_decile\nE01000001,1,1\n");
    let bad = write(dir.path(), "b.csv", "lsoa11cd,imd_rank,imd_decile\nE01000001,x,1\n");
    let second = write(dir.path(), "c.csv", "lsoa11cd,imd_rank,imd_decile\nE01000001,1,2\n");
    let decile = || {
        let reference = Reference::open(&store).expect("opens");
        reference.imd(ImdEdition::Imd2019).and_then(|t| t.decile(lsoa("E01000001")))
    };
    assert_eq!(decile(), None);
    Reference::add(&store, &first, Extent::Partial).expect("taken");
    assert!(Reference::add(&store, &bad, Extent::Partial).is_err());
    assert_eq!(decile(), Some(1));
    Reference::add(&store, &second, Extent::Partial).expect("taken");
    assert_eq!(decile(), Some(2));
    assert_eq!(Reference::open(&store).expect("opens").entries().len(), 1);

    let stored = store.join("imd_2019_by_lsoa_2011.csv");
    fs::write(&stored, "lsoa11cd,imd_rank,imd_decile\nE01000001,1,9\n").expect("written");
    assert!(matches!(Reference::open(&store), Err(ReferenceError::Changed(_))));
}

/// The folder of official files, where there is one.
fn official(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("EVENSUM_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let file = folder.join(name);
    file.exists().then_some(file)
}

#[test]
fn official_files_are_recognised_and_complete() {
    let dir = dir();
    for (name, kind, edition) in [
        ("imd2019_lsoa11.csv", Kind::Imd2019, "IMD 2019"),
        ("imd2025_lsoa21.csv", Kind::Imd2025, "IMD 2025"),
        ("lookup_lsoa11_icb22.csv", Kind::Icb2011, "ICB 2022"),
        ("lookup_lsoa21_icb24.csv", Kind::Icb2021, "ICB 2024"),
    ] {
        let Some(file) = official(name) else {
            eprintln_skip(name);
            continue;
        };
        let added = Reference::add(dir.path(), &file, Extent::Whole).expect(name);
        assert_eq!((added.kind, added.edition.as_str()), (kind, edition));
        assert_eq!(added.rows, kind.official_areas());
    }
    let reference = Reference::open(dir.path()).expect("opens");
    if let Some(table) = reference.imd(ImdEdition::Imd2019) {
        assert_eq!(table.decile(lsoa("E01000001")), Some(9));
        assert_eq!(table.len(), 32_844);
    }
    if let Some(table) = reference.imd(ImdEdition::Imd2025) {
        assert_eq!(table.decile(lsoa("E01000001")), Some(8));
        assert_eq!(table.len(), 33_755);
    }
    if reference.has_icb(2021) {
        let board = reference.icb_of(lsoa("E01000001"), 2021).map(Ods::as_str);
        assert_eq!(board, Some("QMF"));
        let sub = reference.place_of(lsoa("E01000001"), PlaceKind::SubIcb, 2021).map(Ods::as_str);
        assert_eq!(sub, Some("A3A8R"));
        assert!(!reference.has_places(PlaceKind::LocalAuthority, 2021));
    }
    if reference.has_icb(2011) {
        let place = reference.place_of(lsoa("E01000001"), PlaceKind::LocalAuthority, 2011);
        assert_eq!(place.map(Ods::as_str), Some("E09000001"));
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn eprintln_skip(name: &str) {
    eprintln!("skipped: no {name}; set EVENSUM_TEST_DATA to the folder that has it");
}

/// Upper ranks of the deciles, as tabulated from the official files.
#[test]
fn official_deciles_end_at_the_published_ranks() {
    for (name, bounds) in [
        ("imd2019_lsoa11.csv", [3284, 6568, 9853, 13137, 16422, 19706, 22990, 26275, 29559, 32844]),
        (
            "imd2025_lsoa21.csv",
            [3375, 6751, 10126, 13502, 16877, 20253, 23628, 27004, 30379, 33755],
        ),
    ] {
        let Some(file) = official(name) else {
            eprintln_skip(name);
            continue;
        };
        let bytes = fs::read(file).expect("read");
        let (_, Content::Imd(rows)) = read::parse(&bytes).expect(name) else {
            panic!("{name} is no deprivation file");
        };
        for (decile, bound) in (1..=10).zip(bounds) {
            let highest = rows.iter().filter(|r| r.decile == decile).map(|r| r.rank).max();
            assert_eq!(highest, Some(bound), "{name} {decile}");
        }
        // In a complete file, a decile or a rank that was changed is noticed.
        let text = String::from_utf8(bytes).expect("text");
        let of_decile_4 = |l: &&str| l.split(',').nth_back(8) == Some("4");
        let row = text.lines().find(of_decile_4).expect("a row of decile 4");
        let fields: Vec<&str> = row.split(',').collect();
        let at = fields.len() - 9;
        for (field, value) in [(at, "5"), (at, "3"), (at - 1, "1")] {
            let mut changed = fields.clone();
            changed[field] = value;
            let changed = text.replace(row, &changed.join(","));
            assert!(read::parse(changed.as_bytes()).is_err(), "{field} {value}");
        }
    }
}

#[test]
fn a_file_that_was_cut_off_is_refused_unless_that_is_meant() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, file) = (dir.path().join("store"), dir.path().join("imd.csv"));
    fs::write(&file, "lsoa21cd,imd_rank,imd_decile\nE01000001,1,1\nE01000002,2,10\n")
        .expect("written");
    let refused = Reference::add(&store, &file, Extent::Whole).expect_err("cut off");
    assert!(matches!(refused, ReferenceError::Incomplete { rows: 2, official: 33_755 }));
    assert!(!store.exists());
    Reference::add(&store, &file, Extent::Partial).expect("meant");
}
