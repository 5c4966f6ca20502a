//! Loads of extracts that have postcodes: what becomes of them, and that none is left anywhere.

use evensum_core::view::{DimensionQuality, PseudoPostcodes};

use super::*;

/// The directory: each postcode with its areas of 2011 and of 2021.
const DIRECTORY: &str = "pcd7,pcd8,pcds,dointr,doterm,ctry25cd,lsoa01cd,lsoa11cd,lsoa21cd\n\
    BH152JA,BH15 2JA,BH15 2JA,198001,,E92000001,E01000009,E01000001,E01030001\n\
    BH1 1AA,BH1  1AA,BH1 1AA,198001,199606,E92000001,E01000009,E01000002,E01030002\n\
    BX1 1LT,BX1  1LT,BX1 1LT,200001,,E92000001,,,\n\
    CF101AA,CF10 1AA,CF10 1AA,198001,,W92000004,W01000001,W01000001,W01001001\n\
    AB1 0AA,AB1  0AA,AB1 0AA,198001,199606,S92000003,S01006514,S01006514,S01013481\n";

/// The rows of the plain extract, with postcodes of the same areas in place of them.
const POSTCODE_HEADER: &str = "NHS_Number,RTT_Period_Start_Date,Date_Of_Birth,Postcode_Of_Usual_Address,Ethnic_Category,Gender,Treatment_Function_Code,Provider_Code";

const POSTCODE_ROWS: [&str; 4] = [
    "9990000001,2026-06-01,1950-02-03,BH15 2JA,A1,1,110,R0D",
    "9990000002,2025-09-15,2010-07-08,bh1  1aa,Z,2,330,RBD",
    "9990000001,2024-09-15,1950-02-03,BH152JA,A,1,502,RBD",
    "9990000003,2026-10-01,1936-01-01,CF101AA,Q,X,999,",
];

impl Place {
    /// Imports another reference file.
    fn import(&mut self, text: &str) {
        let (file, reference) =
            (self.dir.path().join("more.csv"), self.dir.path().join("reference"));
        fs::write(&file, text).expect("written");
        Reference::add(&reference, &file, crate::reference::Extent::Partial).expect("taken");
        self.reference = Reference::open(&reference).expect("opens");
    }

    fn with_postcodes() -> Self {
        let mut place = Self::new();
        place.import(DIRECTORY);
        place
    }
}

fn extract(rows: &[&str]) -> String {
    rows.iter().fold(format!("{POSTCODE_HEADER}\n"), |text, row| format!("{text}{row}\n"))
}

/// A person for each postcode, with a clock start and an age.
fn people(postcodes: &[&str]) -> String {
    let rows = postcodes.iter().enumerate().map(|(i, p)| format!("person{i},3,40,{p}\n"));
    rows.fold("person,weeks_waited,age,postcode\n".to_owned(), |text, row| text + &row)
}

/// The decile and the board of each person, in the order of the extract.
fn homes(place: &Place, postcodes: &[&str], mapping: &str) -> Vec<String> {
    let one = |postcode: &&str| {
        let prepared = place.prepare(people(&[postcode]).as_bytes(), mapping).expect(postcode);
        let rows = rows_of(&prepared.extract);
        let fields: Vec<&str> = rows[0].split(' ').collect();
        let board =
            prepared.extract.columns_held.iter().position(|c| c.as_str() == "icb_residence");
        format!("{} {}", fields[1], board.map_or("-", |at| fields[at + 1]))
    };
    postcodes.iter().map(one).collect()
}

fn quality<'q>(report: &'q QualityReport, dimension: &str) -> &'q DimensionQuality {
    report.dimensions.iter().find(|d| d.dimension.as_str() == dimension).expect(dimension)
}

#[test]
fn postcodes_give_the_snapshot_that_their_areas_give() {
    let place = Place::with_postcodes();
    let of_areas = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    let of_postcodes = place.load(extract(&POSTCODE_ROWS).as_bytes(), PLAIN).expect("loads");
    assert_eq!(of_postcodes.manifest, of_areas.manifest);
    let areas = of_areas.quality.areas.clone();
    assert!(areas.is_some(), "the census of a postcode's area is that of the directory");
    assert_eq!(QualityReport { areas, ..of_postcodes.quality }, of_areas.quality);
}

#[test]
fn the_edition_decides_the_census() {
    let mut place = Place::with_postcodes();
    place.import("lsoa21cd,imd_rank,imd_decile\nE01030001,2,3\nE01030002,9,7\nE01000001,20,10\n");
    place.import("lsoa21cd,icb_ods\nE01030001,QJM\n");
    let postcodes = ["BH15 2JA", "BH1 1AA", "CF10 1AA", "BX1 1LT"];
    assert_eq!(
        homes(&place, &postcodes, PLAIN),
        ["d01 QVV", "d10 QMF", "not_applicable not_applicable", "unknown unknown"]
    );
    assert_eq!(
        homes(&place, &postcodes, &PLAIN.replace("2019", "2025")),
        ["d03 QJM", "d07 unknown", "not_applicable not_applicable", "unknown unknown"]
    );
}

#[test]
fn each_kind_of_postcode_is_counted_as_what_it_is() {
    let place = Place::with_postcodes();
    let text = people(&[
        "BH15 2JA", "BH1 1AA", "CF10 1AA", "AB1 0AA", "BX1 1LT", "BH15 2JB", "M1 OAE", "BH15", "",
        "NULL", "ZZ99 3VZ", "zz993vz", "ZZ99 3CZ", "ZZ993WZ", "ZZ99 3GZ", "ZZ99 1WZ", "ZZ99 2WZ",
        "ZZ99 3HZ", "ZZ99 3BZ", "ZZ99 4QZ", "ZZ99 3AZ", "ZZ99 9ZZ",
    ]);
    let report = place.load(text.as_bytes(), PLAIN).expect("loads").quality;
    let catalogue = Catalogue::builtin().expect("catalogue");
    for dimension in ["imd", "icb"] {
        let definition = catalogue.dimensions().iter().find(|d| d.id.as_str() == dimension);
        let expected = Counts {
            valid: 2,
            blank: 2,
            invalid: 2,
            unmatched: 2,
            not_known: 5,
            not_applicable: 9,
            ..Counts::default()
        };
        let found = quality(&report, dimension);
        assert_eq!(*found, expected.of(definition.expect(dimension), true), "{dimension}");
    }
    let kinds: Vec<(&str, u64)> =
        report.pseudo_postcodes.iter().map(|p| (p.kind.as_str(), p.rows)).collect();
    assert_eq!(
        kinds,
        [
            ("no fixed abode", 2),
            ("England, not otherwise stated", 1),
            ("not known", 1),
            ("Wales", 1),
            ("Scotland", 1),
            ("Northern Ireland", 1),
            ("Channel Islands", 1),
            ("Isle of Man", 1),
            ("overseas", 2),
            ("other", 1),
        ]
    );
    // Of an extract with areas, and of one of an earlier version, there is nothing to say.
    let areas = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").quality;
    assert_eq!(areas.pseudo_postcodes, Vec::<PseudoPostcodes>::new());
    let mut old = serde_json::to_value(&areas).expect("json");
    old.as_object_mut().expect("an object").remove("pseudo_postcodes");
    assert_eq!(serde_json::from_value::<QualityReport>(old).expect("read"), areas);
}

#[test]
fn rejected_rows_are_not_among_the_pseudo_postcodes() {
    let place = Place::with_postcodes();
    let text = format!("{},3,40,ZZ99 3VZ\n", people(&["ZZ99 3VZ", "ZZ99 3VZ", "BH15 2JA"]));
    let mapping = format!("{PLAIN}max_rejects_percent = 50\n");
    let report = place.load(text.as_bytes(), &mapping).expect("loads").quality;
    assert_eq!((report.rows_rejected, report.pseudo_postcodes[0].rows), (1, 2));
}

#[test]
fn areas_and_deciles_come_before_postcodes_and_two_named_ones_are_refused() {
    let place = Place::with_postcodes();
    let run = |text: &str, columns: &str| {
        let mapping = format!("{PLAIN}[columns]\n{columns}\n");
        place
            .prepare(text.as_bytes(), &mapping)
            .map(|p| rows_of(&p.extract)[0].split(' ').nth(1).unwrap_or_default().to_owned())
            .map_err(|e| e.to_string())
    };
    let text = "person,weeks_waited,lsoa,imd_decile,postcode\np1,3,E01000002,5,BH15 2JA\n";
    for (columns, decile) in [
        ("", "d10"),
        ("lsoa = \"\"", "d05"),
        ("lsoa = \"\"\nimd_decile = \"\"", "d01"),
        ("postcode = \"Postcode\"", "d01"),
        ("postcode = \"\"\nlsoa = \"\"\nimd_decile = \"imd_decile\"", "d05"),
    ] {
        assert_eq!(run(text, columns).as_deref(), Ok(decile), "{columns}");
    }
    for columns in [
        "postcode = \"postcode\"\nlsoa = \"lsoa\"",
        "postcode = \"postcode\"\nimd_decile = \"imd_decile\"",
    ] {
        let error = run(text, columns).expect_err(columns);
        assert!(error.contains("'postcode'") && error.contains("both mapped"), "{error}");
    }
    let translated = "postcode = \"postcode\"\n[codes.imd_decile]\nx = \"d01\"";
    assert!(run(text, translated).expect_err("idle").contains("[codes.imd_decile]"));
}

#[test]
fn what_is_missing_for_postcodes_is_said() {
    let place = Place::new();
    let text = people(&["BH15 2JA"]);
    let error = |place: &Place, mapping: &str| {
        place.prepare(text.as_bytes(), mapping).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let none = error(&place, PLAIN);
    assert!(none.contains("LSOAs of 2011") && none.contains("reference add"), "{none}");
    assert!(error(&place, &format!("dataset = \"{DATASET}\"\n")).contains("needs the edition"));
    assert_eq!(error(&place, &format!("{PLAIN}[columns]\npostcode = \"\"\n")), "");
    // A lookup that has the areas of the other census only.
    let mut place = place;
    place.import("pcds,doterm,lsoa21\nBH15 2JA,,E01030001\n");
    assert!(error(&place, PLAIN).contains("LSOAs of 2011"));
    // A directory that was changed on disk.
    let mut place = Place::with_postcodes();
    let stored = place.dir.path().join("reference/lsoa_2011_by_postcode.bin");
    fs::write(stored, b"EVENSUM POSTCODE").expect("written");
    place.reference = Reference::open(&place.dir.path().join("reference")).expect("opens");
    assert!(error(&place, PLAIN).contains("was changed after it was imported"));
}

/// Every postcode of the extract in each way that it could be written, and every area it could have led to.
fn traces() -> Vec<String> {
    let postcodes =
        ["BH15 2JA", "BH1 1AA", "CF10 1AA", "AB1 0AA", "BH15 2JB", "ZZ99 3VZ", "M1 OAE"];
    let mut traces: Vec<String> = Vec::new();
    for postcode in postcodes {
        let (outward, inward) = postcode.split_once(' ').expect("two parts");
        for text in
            [postcode.to_owned(), format!("{outward}{inward}"), format!("{outward:<4} {inward}")]
        {
            traces.push(text.to_lowercase());
            traces.push(text);
        }
    }
    for row in DIRECTORY.lines().skip(1) {
        traces.extend(row.split(',').skip(6).filter(|f| !f.is_empty()).map(str::to_owned));
    }
    traces
}

/// Whether bytes hold a text, in UTF-8 or in UTF-16.
fn holds(bytes: &[u8], text: &str) -> bool {
    let wide: Vec<u8> = text.bytes().flat_map(|b| [b, 0]).collect();
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
        || bytes.windows(wide.len()).any(|w| w == wide)
}

#[test]
fn no_postcode_and_no_area_of_one_is_left_on_disk() {
    let place = Place::with_postcodes();
    let mut rows = POSTCODE_ROWS.to_vec();
    rows.extend([
        "9990000004,2026-10-01,1936-01-01,AB1 0AA,A,1,110,R0D",
        "9990000005,2026-10-01,1936-01-01,BH15 2JB,A,1,110,R0D",
        "9990000006,2026-10-01,1936-01-01,ZZ99 3VZ,A,1,110,R0D",
        "9990000007,2026-10-01,1936-01-01,M1 OAE,A,1,110,R0D",
        // Rejected, with a postcode in this field and in others.
        "9990000008,never,1936-01-01,BH15 2JA,A,1,110,R0D",
        "9990000009,BH15 2JA,BH15 2JA,BH15 2JA,BH15 2JA,BH15 2JA,BH15 2JA,BH15 2JA",
        "9990000010,2026-10-01,BH15 2JA,BH1 1AA,CF10 1AA,AB1 0AA,BH15 2JB,BH152JA",
    ]);
    let mapping = format!("{PLAIN}max_rejects_percent = 50\n");
    let text = extract(&rows);
    let loaded = place.load(text.as_bytes(), &mapping).expect("loads");
    assert_eq!(loaded.quality.rows_rejected, 2);
    let error = place.load(text.as_bytes(), PLAIN).expect_err("too many rejects");
    let mut written = all_files(&place.state());
    place.publish().expect("published");
    written.extend(all_files(&place.state()));
    let named = |name: &str| written.iter().any(|(path, _)| path.to_string_lossy().ends_with(name));
    for name in ["manifest.json", QUALITY_FILE, REJECTS_FILE, "2026-10.rejects.csv"] {
        assert!(named(name), "{name} is not among what was written");
    }
    let traces = traces();
    assert!(traces.len() > 40);
    for trace in &traces {
        for (path, bytes) in &written {
            assert!(!holds(bytes, trace), "{trace} in {}", path.display());
            assert!(!path.to_string_lossy().contains(trace), "{trace} names {}", path.display());
        }
        for said in [format!("{loaded:?}"), error.to_string(), format!("{error:?}")] {
            assert!(!said.contains(trace), "{trace} in {said}");
        }
    }
    // The control: the extract has them, and the directory its areas.
    assert!(traces[..2].iter().any(|t| holds(text.as_bytes(), t)));
    assert!(holds(DIRECTORY.as_bytes(), "E01030001"));
}
