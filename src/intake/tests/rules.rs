//! Datasets whose outcome is made of rules, with measures and flags, by quarter and by year.

use super::super::derive::{Derivation, Origin, Rules};
use super::*;

/// A dataset that has everything: codes, yes or no, numbers, blanks, rows that do not count, measures and flags.
const SPELLS: &str = r#"
[[dataset]]
id = "spell"
name = "Spells"
row = "one spell"
unit = "spells"
person_rows = "several"
periods = "quarter"
dated_by = { event = "discharge_date" }
caveat = "Spells, not people."
dimensions = ["imd", "ethnicity", "sex", "age", "autism"]
scopes = []
measure = [
  { id = "bed_days", name = "Days in a bed", unit = "days", most = 400 },
  { id = "delay", name = "Days of delay", unit = "days", most = 300 },
]

[dataset.outcome]
level = "outcome.spell"
column = "kind"
name = "Kind of spell"
rollups = [{ id = "emergency", label = "Emergency", of = ["em_long", "em_short"] }]

[dataset.outcome.made_of.rules]
fields = [
  { column = "method", name = "Method of admission", kind = "code" },
  { column = "diagnosis", name = "Diagnosis", kind = "code", blank = true },
  { column = "planned", name = "Whether planned", kind = "yes_no", blank = true },
  { column = "nights", name = "Nights", kind = "number" },
]
bands = [
  { id = "stroke", label = "Stroke", when = [{ column = "diagnosis", is = ["I64"], starts = ["I61", "I63"] }] },
  { id = "em_long", label = "Emergency, long", when = [{ column = "method", starts = ["2"] }, { column = "nights", from = 7 }] },
  { id = "em_short", label = "Emergency", when = [{ column = "method", starts = ["2"] }] },
  { id = "planned", label = "Planned", when = [{ column = "planned", is = ["yes"] }, { column = "method", is = ["11", "05"] }] },
  { id = "rest", label = "Other" },
]
outside = [
  { when = [{ column = "method", is = ["82"] }], why = "not_counted" },
  { when = [{ column = "diagnosis", is = ["R69"] }], why = "not_known" },
]
"#;

const HEAD: &str = "dataset = \"spell\"\n[source]\nmax_rejects_percent = 100\n";

fn catalogue(text: &str) -> Catalogue {
    Catalogue::with(&[("spells.toml", text)]).expect("a catalogue")
}

fn load_in(
    place: &Place,
    catalogue: &Catalogue,
    period: &str,
    mapping: &str,
    text: &str,
) -> Result<Prepared, IntakeError> {
    let file = place.dir.path().join("extract.csv");
    fs::write(&file, text).expect("written");
    let mapping = Mapping::parse(mapping, catalogue)?;
    prepare(&LoadRequest {
        input: Input::File(&file),
        mapping: &mapping,
        dataset: mapping.dataset(),
        period: period.parse().expect("a period"),
        staged_dir: &staged_root(&place.state()),
        key: &place.key,
        catalogue,
        reference: &place.reference,
        exclude: None,
        record_keys: false,
        links: None,
        progress: &|_| {},
        today: "2026-11-09".parse().expect("a date"),
    })
}

fn spells(mapping: &str, text: &str) -> Result<Prepared, IntakeError> {
    load_in(&Place::new(), &catalogue(SPELLS), "2026-27Q2", mapping, text)
}

/// The taken rows without the persons' ordinals, sorted; and the rejects as `row column rule`.
fn told(prepared: &Prepared) -> (Vec<String>, Vec<String>) {
    let mut rows: Vec<String> = rows_of(&prepared.extract)
        .iter()
        .map(|r| r.split_once(' ').expect("a person").1.to_owned())
        .collect();
    rows.sort();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("rejects.csv");
    prepared.rejects.write(&file).expect("written");
    let list = fs::read_to_string(file).expect("read");
    let rejects = list.lines().skip(1).map(|l| l.replace(['"', ','], " ").replace("  ", " "));
    (rows, rejects.map(|l| l.trim().to_owned()).collect())
}

const COLUMNS: &str = "person,discharge_date,method,diagnosis,planned,nights";

#[test]
fn the_first_rule_that_holds_decides() {
    let rows = [
        ("p,2026-07-01,21,I63.4,,3", "stroke"),
        ("p,2026-07-01,21,i634,,3", "stroke"),
        ("p,2026-07-01,21,I 64,,3", "stroke"),
        ("p,2026-07-01,21,I641,,3", "em_short"),
        ("p,2026-07-01,2a,,,7", "em_long"),
        ("p,2026-07-01,2A,,N,7.0", "em_long"),
        ("p,2026-09-30,2D,A00,1,6", "em_short"),
        ("p,2026-07-01,11,,Y,0", "planned"),
        // Padded, as a number, and shorter than the code that a rule asks for.
        ("p,2026-07-01,011,,1.0,0", "planned"),
        ("p,2026-07-01,11.0,,true,0", "planned"),
        ("p,2026-07-01,5,,T,0", "planned"),
        ("p,2026-07-01,11,,,0", "rest"),
        ("p,2026-07-01,021,,,1", "em_short"),
        ("p,2026-07-01,13,,yes,400", "rest"),
    ];
    for (row, expected) in rows {
        let prepared = spells(HEAD, &format!("{COLUMNS}\n{row}\n")).expect(row);
        let (taken, rejects) = told(&prepared);
        assert_eq!((taken, rejects), (vec![expected.to_owned()], Vec::new()), "{row}");
    }
    // All of them together, where each text that came before is remembered.
    let text: String = rows.iter().map(|(row, _)| format!("{row}\n{row}\n")).collect();
    let prepared = spells(HEAD, &format!("{COLUMNS}\n{text}")).expect("loads");
    let (taken, _) = told(&prepared);
    let mut expected: Vec<&str> = rows.iter().flat_map(|(_, band)| [*band, *band]).collect();
    expected.sort_unstable();
    assert_eq!(taken, expected);
}

/// Padded or not, in either case: only what is listed counts, and no mistyped code.
#[test]
fn what_is_none_of_some_codes_is_left_out() {
    let own = SPELLS.replace("method\", is = [\"82\"]", "method\", not = [\"21\", \"2A\", \"05\"]");
    assert_ne!(own, SPELLS);
    let (place, catalogue) = (Place::new(), catalogue(&own));
    let mapping = format!("{HEAD}[codes.method]\n\"from A&E\" = \"21\"\n");
    let codes = ["21", "021", "21.0", "2a", "5", "from A&E", "82", "23", "2B", "2", "A21", "50"];
    let rows: Vec<String> = codes.iter().map(|c| format!("p,2026-07-01,{c},,y,1\n")).collect();
    let text = format!("{COLUMNS}\n{}", rows.concat());
    let prepared = load_in(&place, &catalogue, "2026-27Q2", &mapping, &text).expect("loads");
    let (taken, rejects) = told(&prepared);
    assert_eq!(taken, ["em_short", "em_short", "em_short", "em_short", "em_short", "planned"]);
    assert_eq!(rejects.len(), 6);
    assert!(rejects.iter().all(|r| r.ends_with("none of what the dataset counts")), "{rejects:?}");
    let wrong = mapping.replace("\"21\"", "\"Z1\"");
    let said = Mapping::parse(&wrong, &catalogue).expect_err("no such code").to_string();
    assert!(said.contains("2A"), "{said}");
}

#[test]
fn rows_that_do_not_count_are_left_out_and_others_rejected() {
    let long = "x".repeat(200);
    let text = format!(
        "{COLUMNS}\np,2026-07-01,82,,,3\n,2026-07-01,082,,,3\np,2026-06-30,21,,,3\np,2026-07-01,,,,3\n\
         p,2026-07-01,21,R69,,3\np,2026-07-01,21,,perhaps,3\np,2026-07-01,21,,,6.5\np,2026-07-01,21,,,\n\
         p,2026-07-01,21,,,400\np,2026-07-01,21,{long},,1\np,2026-07-01,21,,,1\n"
    );
    let prepared = spells(HEAD, &text).expect("loads");
    let (rows, rejects) = told(&prepared);
    assert_eq!(rows, ["em_long", "em_short", "em_short"]);
    assert_eq!(
        rejects,
        [
            "2 kind none of what the dataset counts",
            "3 kind none of what the dataset counts",
            "4 discharge_date dated outside the period",
            "5 method blank",
            "6 kind coded as not known",
            "7 planned neither yes nor no",
            "8 nights not a whole number",
            "9 nights blank",
        ]
    );
    let quality = &prepared.quality;
    assert_eq!((quality.rows_taken, quality.rows_outside, quality.rows_rejected), (3, 3, 5));

    let outside = format!("{COLUMNS}\np,2026-07-01,82,,,3\n");
    let place = Place::new();
    let catalogue = catalogue(SPELLS);
    let mapping = Mapping::parse(HEAD, &catalogue).expect("a mapping");
    let file = place.dir.path().join("extract.csv");
    fs::write(&file, outside).expect("written");
    let error = load(&LoadRequest {
        input: Input::File(&file),
        mapping: &mapping,
        dataset: mapping.dataset(),
        period: "2026-27Q2".parse().expect("a period"),
        staged_dir: &staged_root(&place.state()),
        key: &place.key,
        catalogue: &catalogue,
        reference: &place.reference,
        exclude: None,
        record_keys: false,
        links: None,
        progress: &|_| {},
        today: "2026-11-09".parse().expect("a date"),
    })
    .expect_err("nothing counts");
    assert!(error.to_string().contains("none of what the dataset counts"), "{error}");
}

#[test]
fn measures_are_kept_beside_the_band_where_the_file_has_them() {
    let text =
        format!("{COLUMNS},bed_days,delay\np,2026-07-01,21,,,3,3,300\nq,2026-07-01,21,,,9,9,0.5\n");
    let prepared = spells(HEAD, &text).expect("loads");
    assert_eq!(told(&prepared).0, ["em_long 9 1", "em_short 3 300"]);
    let ranges: Vec<_> =
        prepared.quality.measures.iter().map(|m| (m.measure.as_str(), m.least, m.most)).collect();
    assert_eq!(ranges, [("bed_days", 3, 9), ("delay", 1, 300)]);

    let text = format!(
        "{COLUMNS},delay\np,2026-07-01,21,,,3,\np,2026-07-01,21,,,3,301\np,2026-07-01,21,,,3,70000\np,2026-07-01,21,,,3,-1\n"
    );
    assert_eq!(
        told(&spells(HEAD, &text).expect("loads")).1,
        [
            "2 delay blank where the extract has such a number for its rows",
            "3 delay more than 300 which is the most that is believed",
            "4 delay more than 300 which is the most that is believed",
            "5 delay not a whole number",
        ]
    );
    // Left out under an empty name, it is not held.
    let left_out = format!("{HEAD}[columns]\ndelay = \"\"\n");
    let prepared = spells(&left_out, &text).expect("loads");
    assert!(prepared.extract.rows.measures.is_empty());
    assert_eq!(prepared.quality.rows_taken, 4);
}

#[test]
fn a_stay_keeps_its_own_measure_before_the_others() {
    let text = SPELLS
        .replace("dated_by = { event = \"discharge_date\" }", "dated_by = { event = \"arrival\" }");
    let head = text.split("[dataset.outcome.made_of.rules]").next().expect("a part");
    let head = head.replace("\"em_long\", \"em_short\"", "\"long\"");
    let stay = format!(
        "{head}[dataset.outcome.made_of.stay]\nmeasure = \"minutes\"\nbands = [\n{{ id = \"short\", label = \"s\", from = 0, left = false }},\n\
         {{ id = \"long\", label = \"l\", from = 10, left = false }},\n{{ id = \"left_short\", label = \"s\", from = 0, left = true }},\n\
         {{ id = \"left_long\", label = \"l\", from = 10, left = true }}]\n"
    );
    let text = "person,arrival,minutes,left_before_treatment,delay\np,2026-07-01,11,n,5\n";
    let place = Place::new();
    let prepared = load_in(&place, &catalogue(&stay), "2026-27Q2", HEAD, text).expect("loads");
    assert_eq!(told(&prepared).0, ["long 11 5"]);
}

#[test]
fn more_measures_than_a_snapshot_keeps_are_refused_before_a_row_is_read() {
    let many: String = (0..5)
        .map(|i| format!("  {{ id = \"m{i}\", name = \"m\", unit = \"u\", most = 9 }},\n"))
        .collect();
    let text = SPELLS.replace("measure = [\n", &format!("measure = [\n{many}"));
    let catalogue = catalogue(&text);
    let file = format!("{COLUMNS},m0,m1,m2,m3,m4\np,2026-07-01,21,,,3,1,1,1,1,1\n");
    let place = Place::new();
    let load = |mapping: &str| load_in(&place, &catalogue, "2026-27Q2", mapping, &file);
    let error = load(HEAD).err().expect("too many");
    assert!(matches!(error, IntakeError::TooManyMeasures), "{error}");
    assert!(error.to_string().contains("more than 4 measures"), "{error}");
    let fewer = format!("{HEAD}[columns]\nm0 = \"\"\n");
    assert_eq!(load(&fewer).expect("loads").extract.rows.measures.len(), 4);
}

#[test]
fn codes_of_every_rule_field_are_translated() {
    let mapping = format!(
        "{HEAD}[codes.method]\nEMER = \"21\"\n\"day case\" = \"5\"\nnone = \"82\"\n[codes.diagnosis]\ncva = \"I63.9\"\n\
         [codes.planned]\nWL = \"yes\"\nNWL = \"no\"\n\"\" = \"no\"\n"
    );
    let text = format!(
        "{COLUMNS}\np,2026-07-01,emer,,,1\np,2026-07-01,Emer,CVA,NWL,1\np,2026-07-01,Day Case,,wl,1\np,2026-07-01,NONE,,WL,1\n\
         p,2026-07-01,11,,yes,1\n"
    );
    let (rows, rejects) = told(&spells(&mapping, &text).expect("loads"));
    assert_eq!(rows, ["em_short", "planned", "stroke"]);
    // With a table, no other spelling of yes is guessed at.
    assert_eq!(rejects, ["5 kind none of what the dataset counts", "6 planned neither yes nor no"]);
    for (wrong, wanted) in [
        (
            "[codes.method]\nx = \"99\"\n",
            "'99' is no code that 'method' is asked for, which are 2, 11, 05, 82",
        ),
        ("[codes.planned]\nx = \"maybe\"\n", "'maybe' is neither yes nor no"),
        ("[codes.nights]\nx = \"1\"\n", "there is no such coded column"),
    ] {
        let error = Mapping::parse(&format!("{HEAD}{wrong}"), &catalogue(SPELLS)).expect_err(wrong);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn a_flag_is_yes_no_or_not_recorded_and_absent_is_not_held() {
    let rows = [
        ("Y", "yes"),
        ("no", "no"),
        ("01", "yes"),
        ("0.0", "no"),
        ("", "unknown"),
        ("NULL", "unknown"),
        ("9", "unknown"),
        ("maybe", "unknown"),
    ];
    let text: String =
        rows.iter().map(|(flag, _)| format!("p,2026-07-01,21,,,1,{flag}\n")).collect();
    let prepared = spells(HEAD, &format!("{COLUMNS},autism\n{text}")).expect("loads");
    let mut expected: Vec<String> = rows.iter().map(|(_, is)| format!("{is} em_short")).collect();
    expected.sort();
    assert_eq!(told(&prepared).0, expected);
    let quality = |p: &Prepared| {
        p.quality.dimensions.iter().find(|d| d.dimension.as_str() == "autism").expect("it").clone()
    };
    let flag = quality(&prepared);
    assert_eq!((flag.valid, flag.blank, flag.not_known, flag.invalid), (4, 2, 1, 1));
    assert_eq!(flag.respelt, 2, "01 and 0.0");
    let absent =
        quality(&spells(HEAD, &format!("{COLUMNS}\np,2026-07-01,21,,,1\n")).expect("loads"));
    assert!(!absent.held && absent.not_collected == 1);
}

#[test]
fn quarters_and_years_are_loaded_and_published_under_their_names() {
    for (kind, period, inside, outside, other) in [
        ("quarter", "2026-27Q2", "2026-09-30", "2026-10-01", "2026-09"),
        ("year", "2026-27", "2027-03-31", "2027-04-01", "2026-27Q2"),
    ] {
        let place = Place::new();
        let catalogue =
            catalogue(&SPELLS.replace("periods = \"quarter\"", &format!("periods = \"{kind}\"")));
        let mapping = Mapping::parse(HEAD, &catalogue).expect("a mapping");
        let file = place.dir.path().join("extract.csv");
        let text = format!("{COLUMNS}\np,{inside},21,,,1\np,{outside},21,,,1\n");
        fs::write(&file, text).expect("written");
        let dataset = mapping.dataset().clone();
        let request =
            |period: &str, run: &dyn Fn(&LoadRequest<'_>) -> Result<Loaded, IntakeError>| {
                run(&LoadRequest {
                    input: Input::File(&file),
                    mapping: &mapping,
                    dataset: &dataset,
                    period: period.parse().expect("a period"),
                    staged_dir: &staged_root(&place.state()),
                    key: &place.key,
                    catalogue: &catalogue,
                    reference: &place.reference,
                    exclude: None,
                    record_keys: false,
                    links: None,
                    progress: &|_| {},
                    today: "2027-04-09".parse().expect("a date"),
                })
            };
        let loaded = request(period, &load).expect(period);
        assert_eq!((loaded.quality.rows_taken, loaded.quality.rows_outside), (1, 1), "{period}");
        let (published, at) = (period.parse().expect("a period"), place.state());
        let today = "2027-04-09".parse().expect("a date");
        publish(&at, &dataset, published, &place.key, today).expect("published");
        let (dir, manifest) =
            newest_published(&at, &dataset, published).expect("readable").expect("one");
        assert_eq!(manifest.file, format!("spell-{period}.arrow"));
        assert_eq!(snapshot::read(&dir, &place.key).expect("reads").len(), 1);
        let error = request(other, &load).expect_err("another kind of period").to_string();
        assert!(error.contains(&format!("write the period as {period}")), "{error}");
    }
}

#[test]
fn every_code_of_every_dimension_is_read_in_any_case_and_as_what_it_is() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let (nulls, census) = (Vec::new(), "2026-10-31".parse().expect("a date"));
    let rules = Rules { census, nulls: &nulls, dates: &[] };
    for dimension in catalogue.dimensions() {
        let origin =
            if dimension.id.as_str() == "ethnicity" { Origin::Ethnicity } else { Origin::Code };
        let derivation = Derivation::new(dimension, origin, None).expect("usable");
        for category in &dimension.levels[0].categories {
            for code in &category.codes {
                for text in [code.clone(), code.to_lowercase(), code.to_uppercase()] {
                    let found = derivation.of(text.as_bytes(), &rules, census);
                    let derive::Derived::Leaf(id, seen) = found else { panic!("{code}") };
                    assert_eq!(*id, category.id, "{} {text}", dimension.id);
                    assert_ne!(seen, quality::Seen::Invalid, "{} {text}", dimension.id);
                    let respelt = derivation.respelt(text.as_bytes(), found);
                    assert_eq!(respelt, !category.codes.contains(&text), "{} {text}", dimension.id);
                }
            }
        }
    }
}

#[test]
fn other_spellings_are_counted() {
    let text = "person,weeks_waited,sex,ethnic_category,age,provider,lsoa\n\
                p1,1,1,A,40,R0D,E01000001\np2,1,01,a1,040,r0d,e01000001\np3,1,m,A1,40.0,R0D,E01000001\np4,1,,Q,,,\n";
    let prepared = Place::new().prepare(text.as_bytes(), PLAIN).expect("loads");
    let of = |id: &str| {
        prepared.quality.dimensions.iter().find(|d| d.dimension.as_str() == id).expect(id).respelt
    };
    assert_eq!(["sex", "ethnicity", "age", "provider", "imd", "icb"].map(of), [2, 1, 2, 1, 1, 1]);
}

#[test]
fn three_forms_of_dates_in_one_file_are_refused_with_the_row() {
    let place = Place::new();
    let mapping = |forms: &str| {
        format!(
            "dataset = \"outpatient_appointment\"\n[source]\nmax_rejects_percent = 100\n{forms}"
        )
    };
    let two = mapping("date = [\"%Y-%m-%d\", \"%d/%m/%Y\"]\n");
    let head = "person,appointment_date,attendance,birth_date\n";
    let both = format!("{head}p,2026-10-01,5,1950-02-03\np,13/10/2026,5,03/02/1950\n");
    let prepared = place.prepare(both.as_bytes(), &two).expect("two declared forms");
    assert_eq!(prepared.quality.rows_taken, 2);
    for (row, column) in [
        ("p,10/13/2026,5,03/02/1950", "appointment_date"),
        ("p,13/10/2026,5,02/13/1950", "birth_date"),
        ("p,2026-13-10,5,03/02/1950", "appointment_date"),
    ] {
        let error = place.prepare(format!("{both}{row}\n").as_bytes(), &two).err().expect(row);
        let IntakeError::MixedDates { row: 4, column: found } = &error else { panic!("{error}") };
        assert_eq!(found, column);
        assert!(!error.to_string().contains("13/"), "no value: {error}");
    }
    // Where none is declared, dates are in ISO form, and another is a reject and no mixture.
    let text = format!("{head}p,2026-10-01,5,\np,13/10/2026,5,\n");
    assert_eq!(
        place.prepare(text.as_bytes(), &mapping("")).expect("loads").quality.rows_rejected,
        1
    );
    let text = format!("{head}p,2026-10-01,5,20261301\n");
    let error = place.prepare(text.as_bytes(), &mapping("")).err().expect("mixed");
    assert!(matches!(error, IntakeError::MixedDates { row: 2, .. }), "{error}");
    let contradicting = mapping("date = [\"%d/%m/%Y\", \"%m/%d/%Y\"]\n");
    assert!(matches!(place.prepare(both.as_bytes(), &contradicting), Err(IntakeError::Mapping(_))));
}

#[test]
fn areas_of_the_other_census_are_refused_where_they_are_most_and_said_where_they_are_some() {
    let mut place = Place::new();
    let new = "lsoa21cd,imd_rank,imd_decile\nE01000002,1,1\nE01033001,9,10\nE01033002,8,9\n";
    let file = place.dir.path().join("imd25.csv");
    fs::write(&file, new).expect("written");
    let head = "person,weeks_waited,lsoa\n";
    let some = format!("{head}a,1,E01000001\nb,1,E01000002\nc,1,E01033001\nd,1,E01999999\n");
    let most = format!("{some}e,1,E01033002\nf,1,e01033002\ng,1,E01033002\nh,1,\n");
    // Without the other table nobody can tell.
    assert!(place.prepare(most.as_bytes(), PLAIN).is_ok());
    let reference = place.dir.path().join("reference");
    Reference::add(&reference, &file, crate::reference::Extent::Partial).expect("taken");
    place.reference = Reference::open(&reference).expect("opens");
    let prepared = place.prepare(some.as_bytes(), PLAIN).expect("loads");
    let note = prepared.quality.notes.iter().find(|n| n.contains("LSOA of 2021")).expect("a note");
    assert!(note.starts_with("1 rows"), "{note}");
    let error = place.prepare(most.as_bytes(), PLAIN).err().expect("refused").to_string();
    for named in ["LSOAs of 2011", "Deprivation 2019", "LSOAs of 2021", "imd_edition = \"2025\""] {
        assert!(error.contains(named), "{error}");
    }
    assert!(place.prepare(most.as_bytes(), &PLAIN.replace("2019", "2025")).is_ok());
}
