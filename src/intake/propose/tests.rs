//! Proposals for whole files: invented extracts under other headers, labels in place of codes, files without a header,
//! and everything that must be asked.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::super::mapping::Mapping;
use super::*;

struct Place {
    dir: tempfile::TempDir,
    catalogue: Catalogue,
}

/// What is asked beside the file.
#[derive(Default)]
struct With<'a> {
    dataset: Option<&'a str>,
    order: Option<DateOrder>,
    edition: Option<ImdEdition>,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            catalogue: Catalogue::builtin().expect("catalogue"),
        }
    }

    fn file(&self, text: &str) -> PathBuf {
        let file = self.dir.path().join("extract.csv");
        fs::write(&file, text).expect("written");
        file
    }

    fn propose(&self, text: &str, with: With<'_>) -> Result<Proposal, ProposeError> {
        let file = self.file(text);
        let dataset = with.dataset.map(|d| DatasetId::new(d).expect("an id"));
        propose(&ProposeRequest {
            file: &file,
            dataset: dataset.as_ref(),
            catalogue: &self.catalogue,
            reference: None,
            date_order: with.order,
            imd_edition: with.edition,
        })
    }
}

fn columns(proposal: &Proposal) -> BTreeMap<&str, &str> {
    proposal.columns.iter().map(|l| (l.column.as_str(), l.field.as_str())).collect()
}

/// Rows of waiting pathways with numbers that pass for NHS numbers, dates as they are given, and labels.
fn rows(header: &str, date: impl Fn(u32) -> String) -> String {
    let digits = |n: u32| {
        (0..).map(|k| 900_000_000 + n * 11 + k).find_map(|nine| {
            let tens = (0..10).map(|c| format!("{nine}{c}"));
            tens.into_iter().find(|t| nhs_number(t))
        })
    };
    let mut text = format!("{header}\n");
    for n in 0..120_u32 {
        let sex = ["Male", "Female", "FEMALE", "Not recorded"][(n % 4) as usize];
        let ethnic = ["White British", "Indian", "Any other mixed background", "Roma", "-"];
        let ethnic = ethnic[(n % 5) as usize];
        let tfc = ["110", "330", "Cardiology Service"][(n % 3) as usize];
        let lsoa = format!("E010337{:02}", 69 + n % 30);
        text.push_str(&format!(
            "{},{},{},{lsoa},{ethnic},{sex},{tfc},R0D,note {n} on somebody\n",
            digits(n).expect("one in eleven"),
            date(2_026_000 + n),
            date(1_940_000 + n * 500),
        ));
    }
    text
}

fn iso(n: u32) -> String {
    format!("{}-{:02}-{:02}", n / 1000, n % 9 + 1, n % 28 + 1)
}

fn british(n: u32) -> String {
    format!("{:02}/{:02}/{}", n % 28 + 1, n % 9 + 1, n / 1000)
}

const ODD: &str =
    "Hosp No,Waiting Since,Pt DOB,Small Area,Eth Grp Desc,Gender Desc,Spec,Trust,Comments";
const WITH: With<'_> = With { dataset: None, order: None, edition: None };

#[test]
fn an_extract_with_headers_of_its_own_is_mapped_and_loads() {
    let place = Place::new();
    let proposal = place.propose(&rows(ODD, british), WITH).expect("a proposal");
    assert_eq!(proposal.dataset.as_str(), "rtt_open_pathway");
    assert!(proposal.complete(), "{:?}", proposal.questions);
    let expected = BTreeMap::from([
        ("person", "Hosp No"),
        ("clock_start", "Waiting Since"),
        ("birth_date", "Pt DOB"),
        ("lsoa", "Small Area"),
        ("ethnic_category", "Eth Grp Desc"),
        ("sex", "Gender Desc"),
        ("treatment_function", "Spec"),
        ("provider", "Trust"),
    ]);
    assert_eq!(columns(&proposal), expected);
    assert_eq!(proposal.unused, ["Comments"]);
    assert_eq!(proposal.dates.forms, ["%d/%m/%Y"]);
    assert_eq!(proposal.nulls, ["-"]);
    // These areas were new in the census of 2021.
    let edition = proposal.imd_edition.as_ref().and_then(|e| e.edition);
    assert_eq!(edition, Some(ImdEdition::Imd2025));
    let codes = |column: &str| -> Vec<(&str, &str)> {
        proposal.codes[column].iter().map(|(v, c)| (v.as_str(), c.as_str())).collect()
    };
    assert_eq!(codes("sex"), [("FEMALE", "female"), ("Male", "male"), ("Not recorded", "unknown")]);
    assert_eq!(codes("treatment_function"), [("Cardiology Service", "320")]);
    let open = &proposal.open[0];
    assert_eq!(
        (open.column.as_str(), open.values.as_slice()),
        ("ethnic_category", &["Roma".to_owned()][..])
    );

    let mapping = Mapping::parse(&proposal.to_toml(), &place.catalogue).expect("a mapping");
    assert_eq!(mapping.columns["clock_start"], "Waiting Since");
    assert_eq!(mapping.codes["sex"]["female"].as_str(), "female");
}

#[test]
fn no_identifier_and_no_free_text_is_repeated() {
    let place = Place::new();
    let extract = rows(ODD, british);
    for with in [WITH, With { dataset: Some("rtt_open_pathway"), ..WITH }] {
        let proposal = place.propose(&extract, with).expect("a proposal");
        let said = proposal.to_toml() + &serde_json::to_string(&proposal).expect("JSON");
        for record in extract.lines().skip(1) {
            let cells: Vec<&str> = record.split(',').collect();
            for cell in [cells[0], cells[1], cells[2], cells[3], cells[8]] {
                assert!(!said.contains(cell), "{cell} is in the proposal");
            }
        }
    }
    // A column of codes with a name of somebody in it, or with a code that is rare or one of very many.
    let mut text = "person,rtt_clock_start,sex,provider\n".to_owned();
    for n in 0..300 {
        let sex = if n == 7 {
            "Smith"
        } else if n % 9 == 0 {
            "3"
        } else {
            "1"
        };
        text.push_str(&format!("p{n:06},2026-01-01,{sex},Ward {n}\n"));
    }
    let proposal = place.propose(&text, WITH).expect("a proposal");
    let open: BTreeMap<&str, &Open> =
        proposal.open.iter().map(|o| (o.column.as_str(), o)).collect();
    assert_eq!((open["sex"].values.as_slice(), open["sex"].others), (&["3".to_owned()][..], true));
    assert!(open["provider"].values.is_empty() && open["provider"].others);
    assert!(!proposal.to_toml().contains("Smith") && !proposal.to_toml().contains("Ward"));
}

#[test]
fn a_file_without_a_header_is_told_by_its_values() {
    let place = Place::new();
    let text = rows("", iso);
    let proposal =
        place.propose(text.trim_start(), With { dataset: Some("rtt_open_pathway"), ..WITH });
    let proposal = proposal.expect("a proposal");
    assert!(!proposal.header);
    let found = columns(&proposal);
    for (column, field) in [
        ("person", "1"),
        ("clock_start", "2"),
        ("birth_date", "3"),
        ("lsoa", "4"),
        ("sex", "6"),
        ("treatment_function", "7"),
        ("provider", "8"),
    ] {
        assert_eq!(found.get(column), Some(&field), "{column}: {found:?}");
    }
    let mapping = Mapping::parse(&proposal.to_toml(), &place.catalogue).expect("a mapping");
    assert!(!mapping.source.header);
    // What it is cannot be told without a name.
    assert!(matches!(place.propose(text.trim_start(), WITH), Err(ProposeError::WhichDataset(_))));
}

#[test]
fn what_cannot_be_told_is_asked() {
    let place = Place::new();
    let head = "person,rtt_clock_start,imd_decile\n";
    let open = format!("{head}p1,03/04/2026,1\np2,05/06/2026,2\n");
    let asked = place.propose(&open, WITH).expect("a proposal");
    let all = asked.questions.join("; ");
    assert!(all.contains("--date-order") && all.contains("--imd-edition"), "{all}");
    let toml = asked.to_toml();
    assert!(toml.contains("\n# date = ") && toml.contains("\n# imd_edition = "), "{toml}");
    Mapping::parse(&toml, &place.catalogue).expect("a mapping, if not a usable one");
    let told =
        With { order: Some(DateOrder::MonthFirst), edition: Some(ImdEdition::Imd2019), ..WITH };
    let told = place.propose(&open, told).expect("a proposal");
    assert!(told.complete(), "{:?}", told.questions);
    assert_eq!(told.dates.forms, ["%m/%d/%Y"]);

    for (text, wanted) in [
        ("person,clock_start,sex\np1,31/10/26,1\n", "two digits"),
        ("person,clock_start,sex\np1,31 October 2026,1\n", "in full"),
        ("person,clock_start,sex\np1,31/10/2026,1\np2,10/31/2026,1\n", "no form reads both"),
        ("clock_start,sex\n2026-10-01,1\n", "no field was found for person"),
        ("person,clock_start,clock_start\np1,2026-10-01,2026-10-01\n", "two fields are called"),
    ] {
        let with = With { dataset: Some("rtt_open_pathway"), ..WITH };
        let proposal = place.propose(text, with).expect("a proposal");
        let all = proposal.questions.join("; ");
        assert!(!proposal.complete() && all.contains(wanted), "{text}: {all}");
    }
}

#[test]
fn the_dataset_is_told_by_its_own_columns() {
    let place = Place::new();
    for (header, expected) in [
        ("NHS_NUMBER,APPTDATE,ATTENDED,TRETSPEF,SEX,ETHNOS", "outpatient_appointment"),
        ("Patient_ID,Arrival_Date_Time,EC_Departure_Date,Left_Before_Treated,Sex", "ae_attendance"),
        ("nhs_number,rtt_period_start_date,sex", "rtt_open_pathway"),
    ] {
        let proposal = place
            .propose(&format!("{header}\n{}\n", ",".repeat(header.matches(',').count())), WITH);
        let proposal = proposal.unwrap_or_else(|e| panic!("{header}: {e}"));
        assert_eq!(proposal.dataset.as_str(), expected, "{header}");
    }
    // Several datasets are of people who wait since a day.
    let waits = place.propose("person,clock_start,sex\np1,2026-10-01,1\n", WITH);
    assert!(matches!(waits, Err(ProposeError::WhichDataset(_))));
    let other = place.propose("a,b,c\nx,y,z\n", WITH).expect_err("nothing of a dataset");
    assert!(other.to_string().contains("--dataset"), "{other}");
}

#[test]
fn alternatives_are_named_and_the_best_is_taken() {
    let place = Place::new();
    let text = "person,rtt_clock_start,weeks_waited,birth_date,age,lsoa11,imd_decile,postcode\n\
                p1,2026-01-01,40,1950-02-03,76,E01000001,3,BH1 1AA\n";
    let proposal = place.propose(text, WITH).expect("a proposal");
    let found = columns(&proposal);
    assert_eq!(found.get("lsoa"), Some(&"lsoa11"));
    assert_eq!(found.get("birth_date"), Some(&"birth_date"));
    assert!(found.contains_key("clock_start") && !found.contains_key("weeks_waited"));
    let others: BTreeSet<&str> = proposal.alternatives.iter().map(|l| l.column.as_str()).collect();
    assert_eq!(others, BTreeSet::from(["age", "imd_decile", "postcode", "weeks_waited"]));
    let edition = proposal.imd_edition.as_ref().and_then(|e| e.edition);
    assert_eq!(edition, Some(ImdEdition::Imd2019), "by its header");
}

#[test]
fn flags_and_labels_of_an_attendance_are_translated() {
    let place = Place::new();
    let mut text = "nhs no;arrived at;departed at;Discharge status;dept type\n".to_owned();
    for n in 0..60 {
        let status = ["Y", "1066301000000103", "182992009"][n % 3];
        let dept = ["Type 1", "UTC"][n % 2];
        text.push_str(&format!("x{n:05};2026-10-05 10:{n:02};2026-10-05 12:00;{status};{dept}\n"));
    }
    let proposal = place.propose(&text, With { dataset: Some("ae_attendance"), ..WITH });
    let proposal = proposal.expect("a proposal");
    assert!(proposal.complete(), "{:?}", proposal.questions);
    let left = &proposal.codes["left_before_treatment"];
    // With a table of its own the flag is read by that alone, so that plain answers stand in it too.
    let expected = [("1066301000000103", "yes"), ("182992009", "no"), ("Y", "yes")];
    let found: Vec<(&str, &str)> = left.iter().map(|(v, c)| (v.as_str(), c.as_str())).collect();
    assert_eq!(found, expected);
    assert_eq!(proposal.codes["department"]["UTC"], "type3");
    Mapping::parse(&proposal.to_toml(), &place.catalogue).expect("a mapping");
}

/// Headers and labels that would be something else in a TOML file stay what they are.
#[test]
fn headers_with_signs_of_toml_are_quoted() {
    let place = Place::new();
    let text = "person,\"clock \"\"start\"\"\",\"a\\b # c\"\np1,2026-10-01,x\np2,2026-10-02,y\n";
    let proposal = place.propose(text, With { dataset: Some("rtt_open_pathway"), ..WITH });
    let toml = proposal.expect("a proposal").to_toml();
    let mapping = Mapping::parse(&toml, &place.catalogue).expect("a mapping");
    assert_eq!(mapping.columns["clock_start"], "clock \"start\"");
}

/// Invented extracts of every dataset, under headers that are written otherwise: each field is found again, and what is
/// proposed for a label is what it means.
#[test]
#[expect(clippy::too_many_lines, reason = "one walk over every dataset")]
fn invented_extracts_of_every_dataset_are_mapped() {
    use crate::synth::{Columns, GenericExtract, Geography, HOME_ICB, Order, Places};
    use evensum_core::catalogue::{Partition, PeriodKind};
    use evensum_core::model::{CategoryId, Ods};

    let place = Place::new();
    let board = Ods::new(HOME_ICB).expect("a board");
    let places = Places::invented(board, &Geography::new(1)).expect("places");
    let provider = Ods::new("R0D").expect("a code");
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for dataset in place.catalogue.datasets() {
        let period = match dataset.periods {
            PeriodKind::Month => "2026-10",
            PeriodKind::Quarter => "2026-27Q2",
            PeriodKind::Year => "2026-27",
        };
        let extract = GenericExtract::new(Order {
            dataset,
            catalogue: &place.catalogue,
            places: &places,
            provider: &provider,
            period: period.parse().expect("a period"),
            rows: 150,
            seed: 7,
            columns: Columns::Usual,
        });
        let extract = extract.expect("an extract");
        let mut csv = Vec::new();
        extract.write_csv(&mut csv, &|_| {}, &mut |_| {}).expect("written");
        let csv = String::from_utf8(csv).expect("text");
        let (head, rows) = csv.split_once('\n').expect("a header");
        let other = |name: &str| format!("{} (src)", name.replace('_', " ").to_lowercase());
        let renamed: Vec<String> = head.trim().split(',').map(other).collect();
        let text = format!("{}\n{rows}", renamed.join(","));
        let with = With {
            dataset: Some(dataset.id.as_str()),
            edition: Some(places.edition()),
            order: Some(DateOrder::DayFirst),
        };
        let proposal = place.propose(&text, with).expect("a proposal");
        let proposed = Mapping::parse(&proposal.to_toml(), &place.catalogue).expect("a mapping");
        let own = Mapping::parse(&extract.mapping(), &place.catalogue).expect("its own mapping");
        for (column, field) in &own.columns {
            seen += 1;
            if proposed.columns.get(column) != Some(&other(field)) {
                wrong.push(format!(
                    "{}: {column} from {field}: {:?}",
                    dataset.id,
                    proposed.columns.get(column)
                ));
            }
        }
        if !proposal.complete() {
            wrong.push(format!("{}: {:?}", dataset.id, proposal.questions));
        }
        // A band by its id is the same as by one of its codes.
        let of_band = |id: &CategoryId, code: &CategoryId| match &dataset.outcome.made_of {
            Partition::Codes { bands, .. } => {
                bands.iter().any(|b| b.id == *id && b.codes.iter().any(|c| c == code.as_str()))
            }
            _ => false,
        };
        for (column, table) in &proposed.codes {
            for (value, code) in table {
                let meant = own.codes.get(column).and_then(|known| known.get(value));
                if let Some(meant) = meant.filter(|m| *m != code && !of_band(code, m)) {
                    wrong.push(format!(
                        "{}: '{value}' of {column} is {code}, not {meant}",
                        dataset.id
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen}: {wrong:#?}", wrong.len());
}
