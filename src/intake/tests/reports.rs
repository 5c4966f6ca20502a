//! What a quality report says beside completeness: months, duplicates, dates that cannot be, areas, sites.

use evensum_core::model::{DimensionId, SnapshotVersion};
use evensum_core::view::{Reconciliation, SiteLine};

use super::*;

const APPOINTMENTS: &str =
    "dataset = \"outpatient_appointment\"\n[source]\nmax_rejects_percent = 100\n";

fn appointments(rows: &[&str]) -> String {
    let header = "person,appointment_date,attendance,birth_date,ethnicity,provider";
    std::iter::once(header).chain(rows.iter().copied()).map(|row| format!("{row}\n")).collect()
}

fn quality_of(rows: &[&str]) -> QualityReport {
    Place::new().prepare(appointments(rows).as_bytes(), APPOINTMENTS).expect("loads").quality
}

#[test]
fn rows_that_repeat_another_in_every_code_and_date_are_counted_and_kept() {
    let one = "p1,2026-10-01,5,1950-01-01,A,R0D";
    let report = quality_of(&[
        one,
        "p1,2026-10-02,5,1950-01-01,A,R0D",
        one,
        "p2,2026-10-01,5,1950-01-01,A,R0D",
        "p1,2026-10-01,3,1950-01-01,A,R0D",
        one,
    ]);
    assert_eq!((report.duplicates, report.rows_taken), (Some(2), 6), "another day is no repeat");
    let pathway = ROWS[0];
    let prepared = Place::new().prepare(csv(&[pathway, ROWS[1], pathway]).as_bytes(), PLAIN);
    assert_eq!(prepared.expect("loads").quality.duplicates, Some(1));
}

#[test]
fn months_of_the_whole_file_and_the_last_event_are_told() {
    let report = quality_of(&[
        "p1,2026-10-01,5,1950-01-01,A,R0D",
        "p1,2026-10-30,5,1950-01-01,A,R0D",
        "p1,2026-09-30,5,1950-01-01,A,R0D",
        "p1,2027-09-30,5,1950-01-01,A,R0D",
        "p1,1899-09-30,5,1950-01-01,A,R0D",
        "p1,2026-10-02,5,2026-10-03,A,R0D",
    ]);
    let months: Vec<(String, u64, bool)> =
        report.months.iter().map(|m| (m.month.to_string(), m.rows, m.inside)).collect();
    let of = |month: &str, rows, inside| (month.to_owned(), rows, inside);
    assert_eq!(months, [of("2026-09", 1, false), of("2026-10", 3, true), of("2027-09", 1, false)]);
    assert_eq!(report.last_event.map(|d| d.to_string()).as_deref(), Some("2026-10-30"));
    let impossible: Vec<String> =
        report.impossible.iter().map(|i| format!("{} {} {}", i.column, i.rule, i.rows)).collect();
    assert_eq!(
        impossible,
        [
            "appointment_date after the day of the load 1",
            "appointment_date before 1900 1",
            "birth_date born after the date that ages are taken at 1",
        ]
    );
    let stock = Place::new().prepare(csv(&ROWS).as_bytes(), PLAIN).expect("loads").quality;
    assert_eq!(
        (stock.months, stock.last_event),
        (Vec::new(), None),
        "a stock has no dates of rows"
    );
}

#[test]
fn areas_of_the_other_census_are_told_from_unknown_ones() {
    let rows = |areas: &[&str]| {
        let row = |(n, area): (usize, &&str)| {
            format!("999000000{n},2026-06-01,1950-02-03,{area},A,1,110,R0D")
        };
        areas.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    let rows = rows(&["E01000001", "E01033701", "E01033702", "E01099999", "W01000001", ""]);
    let rows = csv(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let mut place = Place::new();
    let mix = |place: &Place| {
        let report = place.prepare(rows.as_bytes(), PLAIN).expect("loads").quality;
        let imd = &report.dimensions[0];
        assert_eq!((imd.valid, imd.unmatched, imd.not_applicable, imd.blank), (1, 3, 1, 1));
        report.areas.expect("areas")
    };
    let alone = mix(&place);
    assert_eq!((alone.vintage, alone.of_edition, alone.of_other), (2011, 1, None));
    assert_eq!((alone.of_neither, alone.outside_england), (3, 1));
    let file = place.dir.path().join("imd2025.csv");
    let text = "lsoa21cd,imd_rank,imd_decile\nE01000001,1,1\nE01033701,2,2\nE01033702,9,10\n";
    fs::write(&file, text).expect("written");
    let reference = place.dir.path().join("reference");
    Reference::add(&reference, &file, crate::reference::Extent::Partial).expect("taken");
    place.reference = Reference::open(&reference).expect("opens");
    let both = mix(&place);
    assert_eq!((both.of_edition, both.of_other, both.of_neither), (1, Some(2), 1));
    let none = Place::new().prepare(
        b"person,weeks_waited,imd_decile\np1,3,4\n",
        "dataset = \"rtt_open_pathway\"\n[source]\nimd_edition = \"2019\"\n",
    );
    assert_eq!(none.expect("loads").quality.areas, None, "a file of deciles has no areas");
}

#[test]
fn each_site_has_its_own_completeness_and_the_small_ones_are_one_line() {
    let report = quality_of(&[
        "p1,2026-10-01,5,1950-01-01,A,R0D",
        "p2,2026-10-01,5,1950-01-01,Z,R0D",
        "p3,2026-10-01,5,,A,R0D",
        "p4,2026-10-01,5,1950-01-01,,RBD",
        "p5,2026-10-01,5,1950-01-01,A,",
    ]);
    let sites = report.sites.expect("sites");
    assert_eq!((sites.by.as_str(), sites.other_sites, &sites.others), ("provider", 0, &None));
    let known = |line: &SiteLine, of: &str| line.usable[&DimensionId::new(of).expect("id")];
    let lines: Vec<(&str, u64, u64, u64)> = sites
        .lines
        .iter()
        .map(|l| (l.site.as_str(), l.rows, known(l, "ethnicity"), known(l, "age")))
        .collect();
    assert_eq!(lines, [("R0D", 3, 2, 2), ("RBD", 1, 0, 1), ("unknown", 1, 1, 1)]);
    for dimension in report.dimensions.iter().filter(|d| d.held && d.dimension != sites.by) {
        let sum: u64 = sites.lines.iter().map(|l| l.usable[&dimension.dimension]).sum();
        assert_eq!(sum, dimension.valid, "{}", dimension.name);
    }
    let many: Vec<String> = (0..u64::try_from(MAX_SITES).expect("few") + 2)
        .map(|n| format!("p{n},2026-10-01,5,1950-01-01,A,R{n:02}X"))
        .chain(["p,2026-10-01,5,1950-01-01,A,R00X".to_owned()])
        .collect();
    let many = quality_of(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let sites = many.sites.expect("sites");
    assert_eq!((sites.lines.len(), sites.lines[0].rows, sites.other_sites), (MAX_SITES, 2, 2));
    assert_eq!(sites.others.map(|l| l.rows), Some(2));
}

#[test]
fn reports_of_all_periods_are_found_with_their_standing() {
    let place = Place::new();
    let dataset = DatasetId::new(DATASET).expect("id");
    let nothing = held_reports(&place.state(), None);
    assert!(matches!(nothing, Err(IntakeError::NothingHeld)), "{nothing:?}");
    place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    place.publish().expect("published");
    let later = |dataset: &str, period: &str, mapping: &str, text: &str| {
        let id = DatasetId::new(dataset).expect("id");
        place
            .request(text.as_bytes(), mapping, |request| {
                load(&LoadRequest {
                    dataset: &id,
                    period: period.parse().expect("period"),
                    ..*request
                })
            })
            .expect("loads")
    };
    later(DATASET, "2026-11", PLAIN, &csv(&ROWS[..2]));
    later(
        "outpatient_appointment",
        "2026-10",
        APPOINTMENTS,
        &appointments(&["p1,2026-10-01,5,1950-01-01,A,R0D"]),
    );
    let held = held_reports(&place.state(), None).expect("reports");
    let found: Vec<(&str, String, u64, Option<SnapshotVersion>)> = held
        .iter()
        .map(|h| {
            (h.report.dataset.as_str(), h.report.period.to_string(), h.report.rows_taken, h.version)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("outpatient_appointment", "2026-10".to_owned(), 1, None),
            (DATASET, "2026-10".to_owned(), 4, Some(SnapshotVersion::Provisional)),
            (DATASET, "2026-11".to_owned(), 2, None),
        ]
    );
    let one = held_reports(&place.state(), Some(&dataset)).expect("reports");
    assert_eq!(one.len(), 2);
    place.load(csv(&ROWS[..1]).as_bytes(), PLAIN).expect("loads");
    let one = held_reports(&place.state(), Some(&dataset)).expect("reports");
    assert_eq!((one[0].report.rows_taken, one[0].version), (1, None), "the staged one is newer");
}

fn reconciled(place: &Place, text: &str, of_provider: bool) -> Result<Reconciliation, String> {
    let file = place.dir.path().join("return.csv");
    fs::write(&file, text).expect("written");
    let request = ReconcileRequest {
        file: &file,
        state: &place.state(),
        key: &place.key,
        dataset: &DatasetId::new(DATASET).expect("id"),
        period: PERIOD.parse().expect("period"),
        provider: &evensum_core::model::Ods::new("RBD").expect("ods"),
        own_rows_of_provider: of_provider,
        catalogue: &place.catalogue,
    };
    reconcile(&request).map_err(|e| e.to_string())
}

#[test]
fn own_totals_stand_beside_the_return_and_a_difference_has_its_explanations() {
    let place = Place::new();
    let bad = "9990000004,soon,1950-02-03,E01000001,A,1,110,R0D";
    let rows: Vec<&str> = ROWS.into_iter().chain([bad]).collect();
    place
        .load(csv(&rows).as_bytes(), &format!("{PLAIN}max_rejects_percent = 50\n"))
        .expect("loads");
    // 152 and 48 days before the end of October 2026 and 411, 777 and 31: weeks by hand.
    let own = "treatment function,total,over 18,over 52\n110,1,1,0\n330,1,1,1\n502,1,1,1\n";
    let same = reconciled(&place, &format!("{own}Total,4,3,2\n"), false).expect("compared");
    let figures: Vec<(&str, u64, Option<u64>, Option<u64>)> = same
        .lines
        .iter()
        .map(|l| (l.function.as_str(), l.own.list, l.own.over_18, l.own.over_52))
        .collect();
    assert_eq!(
        figures,
        [
            ("110", 1, Some(1), Some(0)),
            ("330", 1, Some(1), Some(1)),
            ("502", 1, Some(1), Some(1)),
            ("unknown", 1, Some(0), Some(0)),
        ]
    );
    assert!(same.total.agrees() && !same.agrees(), "one is under no function");
    let said = |r: &Reconciliation, text: &str| {
        r.explanations.iter().find(|e| e.what.contains(text)).map(|e| (e.rows, e.exact))
    };
    assert_eq!(said(&same, "blank or not recognised"), Some((Some(1), false)));
    assert_eq!(said(&same, "own total is not the sum"), Some((None, false)));
    let more = reconciled(&place, &own.replace("110,1,1,0", "110,3,1,0"), false).expect("compared");
    assert_eq!(more.total.returned.map(|f| f.list), Some(5));
    assert_eq!(said(&more, "clock_start"), Some((Some(1), true)), "{:?}", more.explanations);
    assert!(more.explanations[0].exact && !more.agrees());
    let of_provider = reconciled(&place, own, true).expect("compared");
    assert_eq!((of_provider.total.own.list, of_provider.lines.len()), (2, 3));
    assert_eq!(said(&of_provider, "other providers"), Some((Some(2), false)));
    let refused = reconciled(&place, "tfc,total\n110,x\n", false).expect_err("bad");
    assert!(refused.contains("row 2"), "{refused}");
}

#[test]
fn a_return_that_agrees_has_nothing_to_explain() {
    let place = Place::new();
    place.load(csv(&ROWS[..3]).as_bytes(), PLAIN).expect("loads");
    let text = "tfc,total,over 18,over 52\n110,1,1,0\n330,1,1,1\n502,1,1,1\n";
    let same = reconciled(&place, text, false).expect("compared");
    assert!(same.agrees() && same.explanations.is_empty(), "{same:?}");
}
