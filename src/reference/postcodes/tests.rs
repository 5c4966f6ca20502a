//! Directories of several editions, all invented; and what is no directory.

use std::fs;
use std::io::Write as _;

use evensum_core::model::ImdEdition;

use super::super::directory::Listed;
use super::super::{Added, LsoaCode, Reference};
use super::*;

const ONSPD_2023: &str = "pcd,pcd2,pcds,dointr,doterm,oslaua,gridind,ctry,lsoa01,lsoa11,lsoa21";
const ONSPD_2025: &str =
    "pcd7,pcd8,pcds,dointr,doterm,lad25cd,ctry25cd,lsoa01cd,lsoa11cd,lsoa21cd,ruc21ind";
const NSPL_2020: &str = "pcd,pcd2,pcds,dointr,doterm,laua,ctry,lsoa11,imd";
const NSPL_2025: &str = "pcd7,pcd8,pcds,dointr,doterm,lad25cd,ctry25cd,lsoa21cd,imd20ind";

fn postcode(text: &str) -> Postcode {
    match Written::parse(text) {
        Some(Written::Real(postcode)) => postcode,
        _ => panic!("{text} is no postcode"),
    }
}

fn at(code: &str) -> Listed {
    Listed::At(Residence::England(LsoaCode::parse(code).expect(code)))
}

const OUTSIDE: Listed = Listed::At(Residence::Elsewhere);

/// Postcode, start, end, country, area of 2011, area of 2021.
type Place<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

const PLACES: [Place<'_>; 10] = [
    ("BH15 2JA", "198001", "", "E92000001", "E01000001", "E01030001"),
    ("BH1 1AA", "198001", "199606", "E92000001", "E01000002", "E01030002"),
    ("AB1 0AA", "198001", "199606", "S92000003", "S01006514", "S01013481"),
    ("CF10 1AA", "199901", "", "W92000004", "W01001234", "W01002234"),
    ("BT1 1AA", "198001", "", "N92000002", "95GG01S1", "N20000001"),
    ("JE2 3AB", "200001", "", "L93000001", "L99999999", "L99999999"),
    ("IM1 1AA", "200001", "202507", "M83000003", "M99999999", ""),
    // Without a grid reference, in England and in Scotland.
    ("BX1 1LT", "200001", "", "E92000001", "", "E99999999"),
    ("EH95 1AA", "200001", "", "S92000003", "", ""),
    ("ZE3 9JZ", "198001", "", "S92000003", "S01012388", "S01012388"),
];

/// The same places as a file of each edition writes them.
fn file(header: &str, quoted: bool) -> String {
    let mut text = format!("{header}\n");
    for (pcds, from, until, country, lsoa11, lsoa21) in PLACES {
        let (outward, inward) = pcds.split_once(' ').expect("two parts");
        let fields: Vec<String> = header
            .split(',')
            .map(|name| match name {
                "pcd" | "pcd7" => format!("{outward:<4}{inward}"),
                "pcd2" | "pcd8" => format!("{outward:<4} {inward}"),
                "pcds" => pcds.to_owned(),
                "dointr" => from.to_owned(),
                "doterm" => until.to_owned(),
                "ctry" | "ctry25cd" => country.to_owned(),
                "lsoa11" | "lsoa11cd" => lsoa11.to_owned(),
                "lsoa21" | "lsoa21cd" => lsoa21.to_owned(),
                _ => "E99999999".to_owned(),
            })
            .map(|field| if quoted { format!("\"{field}\"") } else { field })
            .collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

struct Import {
    dir: tempfile::TempDir,
}

impl Import {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    fn store(&self) -> std::path::PathBuf {
        self.dir.path().join("reference")
    }

    fn add(&self, text: &str, extent: Extent) -> Result<Added, ReferenceError> {
        let path = self.dir.path().join("directory.csv");
        fs::write(&path, text).expect("written");
        Reference::add(&self.store(), &path, extent)
    }

    fn open(&self) -> Reference {
        Reference::open(&self.store()).expect("opens")
    }
}

#[test]
fn every_edition_is_read_with_the_areas_that_it_has() {
    use Listed::{NoArea, Not};
    let families = ["ONS Postcode Directory", "National Statistics Postcode Lookup"];
    for (header, quoted, family, vintages) in [
        (ONSPD_2023, true, families[0], [true, true]),
        (ONSPD_2025, true, families[0], [true, true]),
        (NSPL_2020, true, families[1], [true, false]),
        (NSPL_2025, false, families[1], [false, true]),
    ] {
        let import = Import::new();
        let text = format!("\u{feff}{}", file(header, quoted));
        let added = import.add(&text, Extent::Partial).expect(header);
        assert_eq!(added.edition, format!("{family}, postcodes to 2025-07"));
        assert_eq!((added.rows, added.sha256), (10, Digest::of(text.as_bytes())));
        let kinds: Vec<Kind> = [Some(added.kind), added.also].into_iter().flatten().collect();
        assert_eq!(kinds.contains(&Kind::Postcodes2011), vintages[0], "{header}");
        assert_eq!(kinds.contains(&Kind::Postcodes2021), vintages[1], "{header}");

        let reference = import.open();
        assert_eq!(reference.entries().len(), kinds.len());
        for (vintage, held, expected) in [
            (2011, vintages[0], [at("E01000001"), at("E01000002"), NoArea]),
            (2021, vintages[1], [at("E01030001"), at("E01030002"), NoArea]),
        ] {
            let table = reference.postcodes(vintage).expect("readable");
            assert_eq!(table.is_some(), held, "{header} {vintage}");
            let Some(table) = table else { continue };
            let found = ["BH15 2JA", "BH1 1AA", "BX1 1LT"].map(|p| table.find(postcode(p)));
            assert_eq!(found, expected, "{header} {vintage}");
            for outside in
                ["AB1 0AA", "CF10 1AA", "BT1 1AA", "JE2 3AB", "IM1 1AA", "EH95 1AA", "ZE3 9JZ"]
            {
                assert_eq!(table.find(postcode(outside)), OUTSIDE, "{outside}");
            }
            for missing in ["BH15 2JB", "BH16 2JA", "A1 1AA", "ZE3 9JY"] {
                assert_eq!(table.find(postcode(missing)), Not, "{missing}");
            }
            assert_eq!((table.len(), table.english_areas()), (10, 2));
        }
        assert!(reference.postcodes(2001).expect("nothing to read").is_none());
    }
}

#[test]
fn of_a_postcode_that_was_used_again_the_one_in_use_counts() {
    let import = Import::new();
    let text = "pcds,doterm,lsoa11\n\
        M1 1AA,199606,E01000001\nM1 1AA,,E01000002\nM1 1AA,200101,E01000003\n\
        M1 1AB,200101,E01000004\nM1 1AB,2003-02,E01000005\nM1 1AB,199606,E01000006\n\
        M1 1AC,,E01000007\nm11ac,,E01000007\nZZ99 3VZ,,\n";
    let added = import.add(text, Extent::Partial).expect("taken");
    assert_eq!((added.rows, added.edition.as_str()), (3, "postcode lookup, postcodes to 2003-02"));
    let reference = import.open();
    let table = reference.postcodes(2011).expect("readable").expect("held");
    let found = ["M1 1AA", "M1 1AB", "M1 1AC"].map(|p| table.find(postcode(p)));
    assert_eq!(found, [at("E01000002"), at("E01000005"), at("E01000007")]);
}

#[test]
fn a_file_of_one_census_leaves_that_of_the_other() {
    let import = Import::new();
    import.add(&file(NSPL_2020, false), Extent::Partial).expect("taken");
    import.add("pcds,doterm,lsoa21\nM1 1AA,,E01000009\n", Extent::Partial).expect("taken");
    let reference = import.open();
    let rows: Vec<(Kind, u32)> = reference.entries().iter().map(|e| (e.kind, e.rows)).collect();
    assert_eq!(rows, [(Kind::Postcodes2011, 10), (Kind::Postcodes2021, 1)]);
    let (old, new) = (reference.postcodes(2011), reference.postcodes(2021));
    assert_eq!(old.expect("readable").expect("held").find(postcode("M1 1AA")), Listed::Not);
    assert_eq!(new.expect("readable").expect("held").find(postcode("M1 1AA")), at("E01000009"));
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_row_and_without_its_text() {
    let import = Import::new();
    let good = "AB1 0AA,,E01000001";
    let rule_of = |rows: &str| {
        let text = format!("pcds,doterm,lsoa11\n{good}\n{rows}\n");
        import.add(&text, Extent::Partial).expect_err(rows).to_string()
    };
    for (rows, wanted) in [
        ("SECRET,,E01000001", "row 3 (the header is row 1): the postcode is not one"),
        (",,E01000001", "row 3 (the header is row 1): the postcode is not one"),
        ("M1 1AA,soon,E01000001", "row 3 (the header is row 1): the date of termination"),
        ("M1 1AA,202513,E01000001", "the date of termination"),
        ("M1 1AA,,E02000001", "row 3 (the header is row 1): the area is neither"),
        ("M1 1AA,", "row 3 (the header is row 1): the row has fewer fields"),
        (
            "M1 1AA,,E01000001\nM11AA,,E01000002",
            "row 4 (the header is row 1): the postcode occurs twice",
        ),
    ] {
        let error = rule_of(rows);
        assert!(error.contains(wanted) && !error.contains("SECRET"), "{rows}: {error}");
    }
    let error = rule_of(&format!("\"M1 1AA,,E01000001\n{}", format!("{good}\n").repeat(50_000)));
    assert!(error.contains("row 3 (the header is row 1): the row does not end"), "{error}");
    let empty = import.add("pcds,doterm,lsoa11\n", Extent::Partial).expect_err("empty");
    assert!(matches!(empty, ReferenceError::NoRows));
    let packed = import.dir.path().join("directory.csv.gz");
    fs::write(&packed, b"\x1f\x8b\x08rest").expect("written");
    let error = Reference::add(&import.store(), &packed, Extent::Partial).expect_err("packed");
    assert!(error.to_string().contains("unpack it"), "{error}");
    let other = import.add("postcode,area\n", Extent::Partial).expect_err("not recognised");
    assert!(other.to_string().contains("pcds"), "{other}");
    assert!(!import.store().exists(), "nothing was written");
}

#[test]
fn a_part_of_a_directory_is_taken_only_where_that_is_meant() {
    let import = Import::new();
    let text = file(ONSPD_2025, true);
    let error = import.add(&text, Extent::Whole).expect_err("ten postcodes");
    assert!(matches!(error, ReferenceError::IncompleteDirectory { rows: 10 }));
    assert!(error.to_string().contains("at least 2500000"), "{error}");
    assert!(!import.store().exists());
    import.add(&text, Extent::Partial).expect("meant");
}

#[test]
fn whole_means_enough_postcodes_from_end_to_end_in_nearly_all_areas() {
    // One postcode in each area of England, and the last of Scotland.
    let areas = 33_755_u32;
    let rows = |areas: u32, ends: &[&str]| -> Vec<Row> {
        let letter = |n: u32| char::from(b'A' + u8::try_from(n % 26).expect("a letter"));
        let english = (0..areas).map(|n| {
            let text = format!("B{}{}{}{}", n / 6760, n / 676 % 10, letter(n / 26), letter(n));
            (text, Home(n + 2))
        });
        let scottish = ends.iter().map(|text| ((*text).to_owned(), Home::OUTSIDE));
        let row = |(text, home): (String, Home)| Row {
            postcode: postcode(&text),
            homes: [home; 2],
            terminated: 0,
            row: 0,
        };
        let mut rows: Vec<Row> = english.chain(scottish).map(row).collect();
        rows.sort_by_key(|r| r.postcode);
        rows
    };
    let check = |rows: &[Row], least: u32| {
        let table = PostcodeTable::new(rows.iter().map(|r| (r.postcode, r.homes[1].residence())));
        whole(rows, &[(Kind::Postcodes2021, table.expect("a table"))], least).is_ok()
    };
    let ends = ["AB1 0AA", "ZE3 9JZ"];
    let whole = rows(areas, &ends);
    assert!(check(&whole, areas + 2));
    assert!(!check(&whole, areas + 3), "too few postcodes");
    assert!(check(&rows(areas - areas / 100, &ends), 1), "99 in 100 areas");
    assert!(!check(&rows(areas - areas / 100 - 1, &ends), 1), "fewer areas");
    assert!(!check(&rows(areas, &ends[..1]), 1), "cut off at the end");
    assert!(!check(&rows(areas, &ends[1..]), 1), "cut off at the beginning");
}

#[test]
fn a_stored_table_that_was_changed_is_found_when_it_is_asked_for() {
    let import = Import::new();
    import.add(&file(NSPL_2025, false), Extent::Partial).expect("taken");
    let stored = import.store().join("lsoa_2021_by_postcode.bin");
    let mut bytes = fs::read(&stored).expect("read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&stored, bytes).expect("written");
    let reference = import.open();
    assert!(matches!(reference.postcodes(2021), Err(ReferenceError::Changed(_))));
    fs::remove_file(&stored).expect("removed");
    assert!(import.open().imd(ImdEdition::Imd2025).is_none(), "opening reads no postcodes");
    assert!(matches!(reference.postcodes(2021), Err(ReferenceError::Io { .. })));
}

/// As many postcodes as there are, in as many areas: 2.7 million rows of about 150 bytes.
#[test]
#[ignore = "half a gigabyte, and a minute without optimisation"]
fn a_directory_of_the_official_size_is_small_and_opens_at_once() {
    let import = Import::new();
    let path = import.dir.path().join("ONSPD_AUG_2025_UK.csv");
    let mut out = io::BufWriter::new(File::create(&path).expect("made"));
    writeln!(out, "{ONSPD_2025}").expect("written");
    let letter = |n: u32| char::from(b'A' + u8::try_from(n % 26).expect("a letter"));
    let filler = "\"E99999999\"";
    let outwards =
        ["AB", "ZE", "B", "BA", "BB"].iter().flat_map(|a| (0..100).map(move |d| format!("{a}{d}")));
    let postcodes = outwards.flat_map(|outward| {
        (0..6760_u32).map(move |n| format!("{outward} {}{}{}", n / 676, letter(n / 26), letter(n)))
    });
    for (code, pcds) in (0..33_755_u32).cycle().zip(postcodes).take(2_700_000) {
        let lsoas = format!("\"E01{:06}\",\"E01{code:06}\"", code % 32_844);
        let row = format!(
            "\"{pcds}\",\"{pcds}\",\"{pcds}\",\"198001\",\"\",{filler},\"E92000001\",{filler},{lsoas},{filler}"
        );
        writeln!(out, "{row}").expect("written");
    }
    out.flush().expect("written");
    let told = Cell::new(0);
    let started = std::time::Instant::now();
    let added =
        Reference::add_watched(&import.store(), &path, Extent::Whole, &|rows| told.set(rows));
    let imported = started.elapsed();
    let added = added.expect("taken");
    assert_eq!((told.get(), added.rows), (2_700_001, 2_700_000));
    let size = fs::metadata(import.store().join("lsoa_2011_by_postcode.bin")).expect("there").len();
    assert!(size < 5 * u64::from(added.rows), "{size} bytes");
    let reference = import.open();
    let started = std::time::Instant::now();
    let table = reference.postcodes(2021).expect("readable").expect("held");
    let opened = started.elapsed();
    assert_eq!(table.len(), usize::try_from(added.rows).expect("fits"));
    assert!(opened.as_secs() < 5, "{opened:?}");
    told_to_people(&format!(
        "{} postcodes: imported in {imported:?}, opened in {opened:?}, {size} bytes",
        added.rows
    ));
}

#[expect(clippy::print_stderr, reason = "a measurement is for the eye")]
fn told_to_people(text: &str) {
    eprintln!("{text}");
}
