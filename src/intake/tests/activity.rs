//! Appointments and attendances: what became of them, when, and which rows are none of the month's.

use super::*;

const APPOINTMENTS: &str = "dataset = \"outpatient_appointment\"\n[source]\nimd_edition = \"2019\"\nmax_rejects_percent = 100\n";
const ATTENDANCES: &str = "dataset = \"ae_attendance\"\n[source]\nmax_rejects_percent = 100\n";

/// The taken rows without the persons' ordinals, sorted; and the rejects as `row column rule`.
fn outcome_of(prepared: &Prepared) -> (Vec<String>, Vec<String>) {
    let rows = rows_of(&prepared.extract);
    let mut rows: Vec<String> =
        rows.iter().map(|r| r.split_once(' ').expect("a person").1.to_owned()).collect();
    rows.sort();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("rejects.csv");
    prepared.rejects.write(&file).expect("written");
    let list = fs::read_to_string(file).expect("read");
    let rejects = list.lines().skip(1).map(|l| l.replace(['"', ','], " ").replace("  ", " "));
    (rows, rejects.map(|l| l.trim().to_owned()).collect())
}

#[test]
fn appointments_in_the_columns_of_hes() {
    let place = Place::new();
    let text = "PATIENT_ID,APPTDATE,ATTENDED,TRETSPEF,ETHNOS,SEX,LSOA11,PROCODE3,DATE_OF_BIRTH\n\
                p1,2026-10-01,5,110,A,1,E01000001,R0D,2008-10-02\n\
                p1,2026-10-02,6,110,A,1,E01000001,R0D,2008-10-02\n\
                p2,2026-10-31,3,330,Z,2,E01000002,RBD,1950-02-03\n\
                p3,2026-10-15,7.0,330,Z,2,E01000002,RBD,1950-02-03\n\
                p4,2026-10-15,02,330,Z,2,E01000002,RBD,1950-02-03\n\
                p5,2026-10-15,4,330,Z,2,E01000002,RBD,1950-02-03\n";
    let prepared = place.prepare(text.as_bytes(), APPOINTMENTS).expect("loads");
    let (rows, rejects) = outcome_of(&prepared);
    assert_eq!(
        rows,
        [
            "d01 A male a15 110 R0D QVV attended",
            "d01 A male a18 110 R0D QVV attended",
            "d10 not_stated female a75 330 RBD QMF cancelled_by_patient",
            "d10 not_stated female a75 330 RBD QMF cancelled_by_provider",
            "d10 not_stated female a75 330 RBD QMF dna",
            "d10 not_stated female a75 330 RBD QMF dna",
        ],
        "the first is 17 on the day of one appointment and 18 on that of the next"
    );
    assert!(rejects.is_empty(), "{rejects:?}");
    assert!(prepared.extract.rows.measures.is_empty() && prepared.quality.measures.is_empty());
    assert_eq!(prepared.quality.persons, 5);
    let held = &prepared.extract.columns_held;
    assert_eq!(held.last().map(ColumnId::as_str), Some("attendance"));
    assert_eq!(prepared.extract.as_of.to_string(), "2026-10-31");
}

#[test]
fn each_appointment_that_does_not_count_has_its_rule() {
    let place = Place::new();
    let text = "person,appointment_date,attendance,birth_date\n\
                p1,2026-10-01,5,1950-01-01\n\
                p1,2026-10-02,0,1950-01-01\n\
                p1,2026-10-03,9,1950-01-01\n\
                p1,2026-10-04,,1950-01-01\n\
                p1,2026-10-05,1,1950-01-01\n\
                p1,,5,1950-01-01\n\
                p1,soon,5,1950-01-01\n\
                p1,2026-09-30,5,1950-01-01\n\
                p1,2026-11-01,0,1950-01-01\n\
                ,2026-11-02,5,1950-01-01\n\
                ,2026-10-31,5,1950-01-01\n\
                p1,2026-10-06,5,2026-10-07\n\
                p1,2026-10-07,5,2026-10-07\n";
    let prepared = place.prepare(text.as_bytes(), APPOINTMENTS).expect("loads");
    let (rows, rejects) = outcome_of(&prepared);
    assert_eq!(rows, ["a00 attended", "a75 attended"]);
    assert_eq!(
        rejects,
        [
            "3 attendance coded as not yet taken place",
            "4 attendance coded as not known",
            "5 attendance blank",
            "6 attendance a code that the dataset does not have",
            "7 appointment_date blank",
            "8 appointment_date not a date in a declared form or in ISO form where none is declared",
            "9 appointment_date dated outside the period",
            "10 appointment_date dated outside the period",
            "11 appointment_date dated outside the period",
            "12 person no person",
            "13 birth_date born after the date that ages are taken at",
        ]
    );
    let quality = &prepared.quality;
    assert_eq!(
        (quality.rows_read, quality.rows_taken, quality.rows_rejected, quality.rows_outside),
        (13, 2, 8, 3)
    );
    let named = |rule: &str| quality.rejects.iter().find(|r| r.rule == rule).map(|r| r.rows);
    assert_eq!(named("coded as not yet taken place"), Some(1));
    assert_eq!(named("coded as not known"), Some(1));
    assert_eq!(named("dated outside the period"), Some(3));
}

#[test]
fn codes_of_a_trusts_own_are_translated() {
    let place = Place::new();
    let mapping = format!(
        "{APPOINTMENTS}[codes.attendance]\n\"no show\" = \"dna\"\nseen = \"5\"\nfuture = \"0\"\n\"\" = \"9\"\n"
    );
    let text = "person,appointment_date,attendance\np1,2026-10-01,No Show\np1,2026-10-01,SEEN\np1,2026-10-01,future\n\
                p1,2026-10-01,\np1,2026-10-01,4\n";
    let (rows, rejects) = outcome_of(&place.prepare(text.as_bytes(), &mapping).expect("loads"));
    assert_eq!(rows, ["attended", "cancelled_by_provider", "dna"]);
    assert_eq!(
        rejects,
        ["4 attendance coded as not yet taken place", "5 attendance coded as not known"]
    );
}

#[test]
fn attendances_fall_into_six_bands() {
    let place = Place::new();
    let text = "person,arrival,departure,left_before_treatment,department\n\
                p1,2026-10-05 10:00,2026-10-05 14:00,no,01\n\
                p2,2026-10-05 10:00,2026-10-05 14:01,N,1\n\
                p3,2026-10-31T23:00:00,2026-11-01T11:00:00,0,02\n\
                p4,2026-10-31T23:00:00,2026-11-01T11:00:01,false,3.0\n\
                p5,2026-10-05 10:00,2026-10-05 10:00,Yes,05\n\
                p6,2026-10-05 10:00,2026-10-05 16:00,y,99\n\
                p7,2026-10-05 10:00,2026-10-06 10:00,1,\n";
    let prepared = place.prepare(text.as_bytes(), ATTENDANCES).expect("loads");
    let (rows, rejects) = outcome_of(&prepared);
    assert_eq!(
        rows,
        [
            "type1 h0_4 240",
            "type1 h4_12 241",
            "type2 h4_12 720",
            "type3 h12 721",
            "type5 left_h0_4 0",
            "unknown left_h12 1440",
            "unknown left_h4_12 360",
        ]
    );
    assert!(rejects.is_empty(), "{rejects:?}");
    let [stay] = prepared.quality.measures.as_slice() else { panic!("one measure") };
    assert_eq!((stay.measure.as_str(), stay.least, stay.most), ("minutes", 0, 1_440));
}

#[test]
fn each_attendance_that_does_not_count_has_its_rule() {
    let place = Place::new();
    let text = "person,arrival,departure,left_before_treatment\n\
                p1,2026-10-05 10:00,2026-10-05 09:59:59,no\n\
                p1,2026-10-05 10:00,2026-10-19 10:00,no\n\
                p1,2026-10-05 10:00,2026-10-19 10:00:01,no\n\
                p1,2026-10-05 10:00,,no\n\
                p1,2026-10-05 10:00,2026-10-05,no\n\
                p1,2026-10-05,2026-10-05 12:00,no\n\
                p1,2026-10-05 10:00,2026-10-05 12:00,perhaps\n\
                p1,2026-10-05 10:00,2026-10-05 12:00,\n\
                p1,2026-09-30 23:59,2026-10-01 12:00,no\n\
                p1,2026-10-05 10:00,later,no\n";
    let (rows, rejects) = outcome_of(&place.prepare(text.as_bytes(), ATTENDANCES).expect("loads"));
    assert_eq!(rows, ["h12 20160"]);
    assert_eq!(
        rejects,
        [
            "2 departure before the arrival",
            "4 departure a stay of more than 14 days",
            "5 departure blank",
            "6 departure a date without a time of day",
            "7 arrival a date without a time of day",
            "8 left_before_treatment neither yes nor no",
            "9 left_before_treatment blank",
            "10 arrival dated outside the period",
            "11 departure not a date in a declared form or in ISO form where none is declared",
        ]
    );
}

#[test]
fn each_way_to_write_a_stay_gives_the_same_rows() {
    let place = Place::new();
    let codes = "[codes.left_before_treatment]\n1066301000000103 = \"yes\"\n182992009 = \"no\"\n";
    let mapped =
        format!("{ATTENDANCES}[columns]\nleft_before_treatment = \"DISCHARGE_STATUS\"\n{codes}");
    let declared = ATTENDANCES.replace("[source]\n", "[source]\ndate = [\"%d/%m/%Y %H:%M\"]\n");
    for (text, mapping) in [
        (
            "person,arrival,departure,left_before_treatment\np,2026-10-05 10:00,2026-10-05 15:30,y\n",
            ATTENDANCES,
        ),
        (
            "person,ARRIVAL_DATE,ARRIVAL_TIME,DEPARTURE_DATE,DEPARTURE_TIME,left_before_treatment\np,2026-10-05,1000,2026-10-05,15:30:00,y\n",
            ATTENDANCES,
        ),
        (
            "person,ARRIVAL_DATE,ARRIVAL_TIME,DEPARTURE_DATE_TIME,left_before_treatment\np,2026-10-05 00:00:00,10:00,2026-10-05 15:30,y\n",
            ATTENDANCES,
        ),
        ("person,arrival,minutes,left_before_treatment\np,2026-10-05,329.5,TRUE\n", ATTENDANCES),
        (
            "person,arrival,departure,left_before_treatment\np,05/10/2026 10:00,05/10/2026 15:30,y\n",
            &declared,
        ),
        (
            "person,arrival,departure,DISCHARGE_STATUS\np,2026-10-05 10:00,2026-10-05 15:30,1066301000000103\n",
            &mapped,
        ),
    ] {
        let (rows, rejects) = outcome_of(&place.prepare(text.as_bytes(), mapping).expect(text));
        assert_eq!((rows, rejects), (vec!["left_h4_12 330".to_owned()], Vec::new()), "{text}");
    }
    // With a table of codes, no other code is guessed at.
    let text = "person,arrival,minutes,DISCHARGE_STATUS\np,2026-10-05,10,182992009\np,2026-10-05,10,1\np,2026-10-05,x,182992009\n";
    let (rows, rejects) = outcome_of(&place.prepare(text.as_bytes(), &mapped).expect("loads"));
    assert_eq!(rows, ["h0_4 10"]);
    assert_eq!(
        rejects,
        ["3 left_before_treatment neither yes nor no", "4 minutes not a number of minutes"]
    );
    let text = "person,arrival,arrival_time,departure,left_before_treatment\np,2026-10-05,later,2026-10-05 10:00,y\np,2026-10-05,,2026-10-05 10:00,y\n";
    let (_, rejects) = outcome_of(&place.prepare(text.as_bytes(), ATTENDANCES).expect("loads"));
    assert_eq!(rejects, ["2 arrival_time not a time of day", "3 arrival_time blank"]);
}

#[test]
fn what_an_activity_needs_is_named() {
    let place = Place::new();
    for (header, mapping, wanted) in [
        ("person,attendance", APPOINTMENTS, "'appointment_date'"),
        ("person,appointment_date", APPOINTMENTS, "'attendance'"),
        ("person,arrival,departure", ATTENDANCES, "'left_before_treatment'"),
        ("person,arrival,left_before_treatment", ATTENDANCES, "'departure' or 'minutes'"),
        ("person,departure,left_before_treatment", ATTENDANCES, "'arrival'"),
    ] {
        let text = format!("{header}\n1,2,3\n");
        let error = place.prepare(text.as_bytes(), mapping).err().expect(wanted).to_string();
        assert!(error.contains(&format!("mapped to {wanted}")), "{wanted}: {error}");
    }
}

#[test]
fn other_months_are_no_fault_of_an_extract() {
    let place = Place::new();
    let head = "person,appointment_date,attendance\n";
    let strict = APPOINTMENTS.replace("max_rejects_percent = 100\n", "");
    let mut year = String::from(head);
    (1..=12).for_each(|month| year.push_str(&format!("p{month},2026-{month:02}-10,5\n")));
    let loaded = place.load(year.as_bytes(), &strict).expect("loads");
    let quality = &loaded.quality;
    assert_eq!((quality.rows_taken, quality.rows_outside, quality.rows_rejected), (1, 11, 0));
    let list = fs::read_to_string(loaded.rejects_file.expect("a list")).expect("read");
    assert_eq!(list.lines().count(), 12);

    // Those of the month are still held to the limit: one of two is bad, and one of thirteen rows.
    let bad = format!("{year}p1,2026-10-11,\n");
    let error = place.load(bad.as_bytes(), &strict).expect_err("refused");
    assert!(matches!(error, IntakeError::TooManyRejects { .. }), "{error}");

    let other = year.replace("2026-10-10", "2025-10-10");
    let error = place.load(other.as_bytes(), &strict).expect_err("refused");
    let IntakeError::NothingInPeriod { file, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("outside 2026-10") && file.exists(), "{error}");
}

#[test]
fn other_months_do_not_crowd_out_the_list_of_faults() {
    let place = Place::new();
    let mut text = String::from("person,appointment_date,attendance\np,2026-10-01,5\n");
    (0..MAX_LISTED_OUTSIDE + 10).for_each(|_| text.push_str("p,2026-01-01,5\n"));
    text.push_str("p,2026-10-01,x\n");
    let prepared = place.prepare(text.as_bytes(), APPOINTMENTS).expect("loads");
    let (_, rejects) = outcome_of(&prepared);
    assert_eq!(rejects.len(), MAX_LISTED_OUTSIDE + 2);
    assert!(rejects[MAX_LISTED_OUTSIDE].contains("a code that the dataset does not have"));
    assert_eq!(rejects.last().map(String::as_str), Some("and 10 more rows that are not listed"));
}
