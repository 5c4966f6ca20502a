//! The rules count people: from rows to what would be shown, on every margin, against a slow recomputation
//! that knows the catalogue's bands by heart.

use std::collections::BTreeMap;

use evensum_core::authz::{Local, Permit};
use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::preview;
use evensum_core::model::{IndicatorId, Profile, Question, Shown};
use evensum_core::plan::Plan;

use super::*;

/// An attendance, appointment or pathway: person, sex, department or treatment function, band.
type Row = (u32, &'static str, &'static str, &'static str);

/// An indicator with what it counts, written down a second time.
struct Asked {
    indicator: &'static str,
    dataset: &'static str,
    /// The second dimension's level and column, and some of its categories.
    other: (&'static str, &'static str, [&'static str; 3]),
    column: &'static str,
    bands: &'static [&'static str],
    numerator: &'static [&'static str],
    denominator: &'static [&'static str],
}

const DEPARTMENT: (&str, &str, [&str; 3]) =
    ("department", "department", ["type1", "type3", "unknown"]);
const FUNCTION: (&str, &str, [&str; 3]) =
    ("tfc.group", "treatment_function", ["110", "X05", "unknown"]);
const STAYS: &[&str] = &["h0_4", "h4_12", "h12", "left_h0_4", "left_h4_12", "left_h12"];
const ATTENDED: &[&str] = &["attended", "dna", "cancelled_by_patient", "cancelled_by_provider"];
const SEXES: [&str; 3] = ["male", "female", "unknown"];

const ALL: [Asked; 4] = [
    Asked {
        indicator: "ae_over_4_hours",
        dataset: "ae_attendance",
        other: DEPARTMENT,
        column: "stay",
        bands: STAYS,
        numerator: &["h4_12", "h12", "left_h4_12", "left_h12"],
        denominator: STAYS,
    },
    Asked {
        indicator: "ae_left_before_treatment",
        dataset: "ae_attendance",
        other: DEPARTMENT,
        column: "stay",
        bands: STAYS,
        numerator: &["left_h0_4", "left_h4_12", "left_h12"],
        denominator: STAYS,
    },
    Asked {
        indicator: "op_dna_rate",
        dataset: "outpatient_appointment",
        other: FUNCTION,
        column: "attendance",
        bands: ATTENDED,
        numerator: &["dna"],
        denominator: &["attended", "dna"],
    },
    Asked {
        indicator: "op_cancelled_by_provider",
        dataset: "outpatient_appointment",
        other: FUNCTION,
        column: "attendance",
        bands: ATTENDED,
        numerator: &["cancelled_by_provider"],
        denominator: ATTENDED,
    },
];

/// Cells by sex, the other dimension and side (`numerator` or `denominator`), `all` for a margin; what is
/// shown of each, none where it is withheld.
type Figures = BTreeMap<(String, String, &'static str), Option<u64>>;

impl Asked {
    fn plan(&self) -> Plan<Local> {
        let catalogue = Catalogue::builtin().expect("catalogue");
        let indicator = IndicatorId::new(self.indicator).expect("id");
        let question = Question {
            definition_hash: catalogue.definition_hash(&indicator).expect("hash"),
            indicator,
            period: "2026-10".parse().expect("period"),
            by: ["sex", self.other.0].map(|l| LevelId::new(l).expect("level")).to_vec(),
            scope: None,
        };
        let permit = Permit::local(question, &catalogue, Profile::Nhs75m).expect("permit");
        Plan::compile(&permit, &catalogue).expect("plan")
    }

    /// A snapshot of these rows.
    fn snapshot(&self, rows: &[Row]) -> Snapshot {
        let mut rows = rows.to_vec();
        rows.sort();
        let column = |id: &str, dictionary: &[&str], of: fn(&Row) -> &'static str| {
            let code = |row: &Row| dictionary.iter().position(|d| *d == of(row)).expect("known");
            HeldColumn::new(
                ColumnId::new(id).expect("column"),
                dictionary.iter().map(|c| category(c)).collect(),
                Codes::U8(rows.iter().map(|r| code(r) as u8).collect()),
            )
            .expect("column")
        };
        let columns = vec![
            column("sex", &SEXES, |r| r.1),
            column(self.other.1, &self.other.2, |r| r.2),
            column(self.column, self.bands, |r| r.3),
        ];
        let manifest =
            Manifest { dataset: DatasetId::new(self.dataset).expect("dataset"), ..manifest() };
        let persons = rows.iter().map(|r| r.0).collect();
        Snapshot::new(manifest, persons, columns, Vec::new()).expect("snapshot")
    }

    /// What the program shows.
    fn shown(&self, rows: &[Row], blocks: usize) -> Figures {
        let plan = self.plan();
        let layout = plan.layout();
        let lattice = Arc::clone(layout.lattice());
        let request = Request::of(&plan);
        let manner = Manner { blocks, combinations: 4_096 };
        let raw = tabulate_in(&self.snapshot(rows), &request, manner).expect("counts");
        let preview = preview(&plan, raw).expect("preview");
        let mut table = Figures::new();
        for (index, shown) in preview.cells().iter().enumerate() {
            let at = lattice.coordinates(index);
            let [sex, other] = [0, 1].map(|a| lattice.axes()[a].categories()[at[a]].id.to_string());
            let seen = match shown {
                Shown::Published(n) => Some(*n),
                Shown::Suppressed => None,
                shown => panic!("{shown:?} where a person may have several rows"),
            };
            for (side, position) in
                [("numerator", layout.numerator()), ("denominator", layout.denominator())]
            {
                if at[2] == position {
                    table.insert((sex.clone(), other.clone(), side), seen);
                }
            }
        }
        table
    }

    /// The rule, cell by cell, over all rows: at least 8 events of at least 8 people, none of whom has more
    /// than half, to the nearest 5.
    fn slowly(&self, rows: &[Row], cell: &(String, String, &'static str)) -> Option<u64> {
        let bands = if cell.2 == "numerator" { self.numerator } else { self.denominator };
        let inside: Vec<&Row> = rows
            .iter()
            .filter(|r| cell.0 == "all" || cell.0 == r.1)
            .filter(|r| cell.1 == "all" || cell.1 == r.2)
            .filter(|r| bands.contains(&r.3))
            .collect();
        let mut people: Vec<u32> = inside.iter().map(|r| r.0).collect();
        people.sort_unstable();
        people.dedup();
        let of = |person: &u32| inside.iter().filter(|r| r.0 == *person).count();
        let fair = people.iter().all(|p| of(p) <= inside.len() - of(p));
        let open = inside.len() >= 8 && people.len() >= 8 && fair;
        open.then(|| (inside.len() as u64 + 2) / 5 * 5)
    }
}

const AE: &Asked = &ALL[0];

fn at(sex: &str, other: &str, side: &'static str) -> (String, String, &'static str) {
    (sex.to_owned(), other.to_owned(), side)
}

/// One attendance each of so many people, from a number on.
fn once(people: std::ops::Range<u32>, sex: &'static str, department: &'static str) -> Vec<Row> {
    people.map(|person| (person, sex, department, "h4_12")).collect()
}

#[test]
fn a_frequent_attender_hides_their_cell_and_every_margin_that_they_dominate() {
    // 30 of 55 attendances; the other 25 are 25 people's.
    let mut rows = vec![(0, "female", "type1", "h4_12"); 30];
    rows.extend(once(1..26, "female", "type1"));
    rows.extend(once(100..140, "male", "type1"));
    rows.extend(once(200..210, "female", "type3"));
    let shown = AE.shown(&rows, 3);
    for side in ["numerator", "denominator"] {
        assert_eq!(shown[&at("female", "type1", side)], None, "30 of 55");
        assert_eq!(shown[&at("female", "all", side)], Some(65), "30 of 65");
        assert_eq!(shown[&at("all", "type1", side)], Some(95), "30 of 95");
        assert_eq!(shown[&at("female", "type3", side)], Some(10));
    }
    // Without the ten of the other department the margin is the cell, and goes with it.
    rows.retain(|r| r.2 == "type1");
    let shown = AE.shown(&rows, 3);
    assert_eq!(shown[&at("female", "all", "denominator")], None);
    // Half is not more than half.
    rows.extend(once(300..305, "female", "type1"));
    assert_eq!(AE.shown(&rows, 3)[&at("female", "type1", "numerator")], Some(60), "30 of 60");
}

#[test]
fn seven_people_are_hidden_however_often_they_come() {
    let rows: Vec<Row> = (0..40).map(|i| (i % 7, "male", "type3", "h4_12")).collect();
    assert!(AE.shown(&rows, 2).values().all(Option::is_none), "40 attendances of 7 people");
    let eight: Vec<Row> = (0..40).map(|i| (i % 8, "male", "type3", "h4_12")).collect();
    assert_eq!(AE.shown(&eight, 2)[&at("all", "all", "numerator")], Some(40));
}

#[test]
fn people_of_several_cells_are_counted_once_in_the_margins() {
    // The same seven people in nine cells: 63 attendances, and never eight people.
    let mut rows = Vec::new();
    for sex in SEXES {
        for department in DEPARTMENT.2 {
            rows.extend((0..7).map(|person| (person, sex, department, "h0_4")));
        }
    }
    assert!(AE.shown(&rows, 1).values().all(Option::is_none));
}

#[test]
fn somebody_who_is_one_of_few_everywhere_may_dominate_a_margin_only() {
    // Four rows of theirs in each of four cells: no more than a third of one that can be shown, eight in each
    // margin, sixteen of thirty altogether.
    let mut rows: Vec<Row> = Vec::new();
    for (sex, department) in
        [("male", "type1"), ("male", "type3"), ("female", "type1"), ("female", "type3")]
    {
        for band in ["h4_12", "h12", "left_h4_12", "left_h12"] {
            rows.push((0, sex, department, band));
        }
    }
    rows.extend(once(1..8, "male", "type1"));
    rows.extend(once(8..15, "female", "type3"));
    let shown = AE.shown(&rows, 2);
    assert_eq!(shown[&at("male", "type1", "numerator")], Some(10), "4 of 11");
    assert_eq!(shown[&at("male", "all", "numerator")], None, "8 of 15 attendances of 8 people");
    assert_eq!(shown[&at("all", "type3", "numerator")], None);
    assert_eq!(shown[&at("all", "all", "numerator")], None, "16 of 30 attendances of 15 people");
    // In what they did not dominate they are one of many.
    rows.extend(once(20..24, "unknown", "type1"));
    let shown = AE.shown(&rows, 2);
    assert_eq!(shown[&at("all", "all", "numerator")], Some(35), "16 of 34");
    assert_eq!(shown[&at("all", "type1", "numerator")], Some(20), "8 of 19");
    assert_eq!(shown[&at("male", "all", "numerator")], None);
}

#[test]
fn a_roll_up_has_its_own_people() {
    // Ten people attended; the not attended ones are one person's.
    let asked = &ALL[2];
    let mut rows: Vec<Row> = (0..10).map(|p| (p, "male", "110", "attended")).collect();
    rows.extend([(3, "male", "110", "dna"); 9]);
    rows.extend([(4, "male", "110", "cancelled_by_patient"); 50]);
    let shown = asked.shown(&rows, 1);
    assert_eq!(shown[&at("male", "110", "numerator")], None);
    assert_eq!(
        shown[&at("male", "110", "denominator")],
        None,
        "10 of 19, and cancelled ones do not count"
    );
    rows.extend((20..30).map(|p| (p, "male", "110", "dna")));
    let shown = asked.shown(&rows, 1);
    assert_eq!(shown[&at("male", "110", "numerator")], Some(20), "9 of 19");
    assert_eq!(shown[&at("male", "110", "denominator")], Some(30), "10 of 29");
}

/// Rows of which one person has some share, and many people the rest.
fn rows(asked: &'static Asked) -> impl Strategy<Value = Vec<Row>> {
    (0.1..0.8, 1_usize..160).prop_flat_map(move |(share, most)| {
        let often = prop::bool::weighted(share);
        let row = (often, 1_u32..40, 0_usize..3, 0_usize..3, any::<prop::sample::Index>());
        let row = row.prop_map(move |(often, many, sex, other, band)| {
            let person = if often { 0 } else { many };
            (person, SEXES[sex], asked.other.2[other], *band.get(asked.bands))
        });
        prop::collection::vec(row, 0..most)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_cell_and_every_margin_obeys_the_rule(
        (which, rows) in (0..ALL.len()).prop_flat_map(|i| (Just(i), rows(&ALL[i]))),
        blocks in 1_usize..6,
    ) {
        let asked = &ALL[which];
        let shown = asked.shown(&rows, blocks);
        prop_assert!(shown.keys().any(|k| k.0 == "all" && k.1 == "all"));
        for (cell, seen) in &shown {
            prop_assert_eq!(*seen, asked.slowly(&rows, cell), "{:?} of {}", cell, asked.indicator);
        }
    }
}
