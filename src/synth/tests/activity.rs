//! Appointments and attendances: a reader of the files counts what was planted, and some people come often.

use super::*;

type Row = HashMap<String, String>;

/// What a reader counts of the home board's people, a list of noughts and ones a row.
fn counted<const N: usize>(
    csv: &str,
    ethnic_field: &str,
    of: impl Fn(&Row) -> Option<[u64; N]>,
) -> BTreeMap<(String, String), [u64; N]> {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let deciles = deciles(&files(&Geography::new(3)).0);
    let mut cells = BTreeMap::new();
    for row in records(csv).iter().filter(|r| r["ICB_RESIDENCE"] == HOME_ICB) {
        let Some(counts) = of(row) else { continue };
        let (imd, ethnicity) = place(&catalogue, &deciles, &row["LSOA"], &row[ethnic_field]);
        for imd in [imd.as_str(), "all"] {
            for ethnicity in [ethnicity.as_str(), "all"] {
                let cell = cells.entry((imd.to_owned(), ethnicity.to_owned())).or_insert([0; N]);
                cell.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
        }
    }
    cells
}

fn same<C: Planted, const N: usize>(
    truth: &Truth<C>,
    counted: &BTreeMap<(String, String), [u64; N]>,
    numbers: fn(C) -> [u64; N],
) {
    for ((imd, ethnicity), planted) in truth.cells() {
        let key = (imd.to_string(), ethnicity.to_string());
        let found = counted.get(&key).copied().unwrap_or([0; N]);
        assert_eq!(found, numbers(*planted), "{key:?}");
    }
    assert!(
        counted.keys().all(|(imd, e)| truth.cells().contains_key(&(category(imd), category(e))))
    );
    assert!(numbers(truth.at(&CategoryId::all(), &CategoryId::all())).iter().all(|n| *n > 100));
}

fn in_the_month(date: &str, style: DateStyle) -> bool {
    iso(date.get(..10).expect("a date"), style).to_string().starts_with("2026-10-")
}

/// Rows of each person, the most first.
fn rows_of_people(csv: &str) -> Vec<usize> {
    let mut rows: HashMap<String, usize> = HashMap::new();
    records(csv).iter().for_each(|r| *rows.entry(r["PATIENT_ID"].clone()).or_default() += 1);
    let mut rows: Vec<usize> = rows.into_values().collect();
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows
}

fn appointments(profile: &PartnerProfile) -> (String, Truth<AppointmentCounts>) {
    let (mut bytes, geography) = (Vec::new(), Geography::new(3));
    let truth = OutpatientExtract::write_csv(&mut bytes, profile, &geography, period(), 3, |_| {})
        .expect("csv");
    (String::from_utf8(bytes).expect("text"), truth)
}

fn attendances(profile: &PartnerProfile) -> (String, Truth<AttendanceCounts>) {
    let (mut bytes, geography) = (Vec::new(), Geography::new(3));
    let truth = AttendanceExtract::write_csv(&mut bytes, profile, &geography, period(), 3, |_| {})
        .expect("csv");
    (String::from_utf8(bytes).expect("text"), truth)
}

#[test]
fn a_recount_of_appointments_finds_what_was_planted() {
    for (kind, dates) in [(Kind::Acute, DateStyle::DayFirst), (Kind::Community, DateStyle::Iso)] {
        let partner = profile("ZZ1", 20_000, kind).with_dates(dates);
        let (csv, truth) = appointments(&partner);
        assert_eq!(csv.lines().next(), Some(OutpatientExtract::HEADER.join(",").as_str()));
        let counted = counted(&csv, "ETHNOS", |row| {
            let counts = match row["ATTENDED"].as_str() {
                "5" | "6" => [1, 1, 0, 0, 0],
                "3" | "7" => [1, 1, 1, 0, 0],
                "2" => [1, 0, 0, 1, 0],
                "4" => [1, 0, 0, 0, 1],
                "0" | "9" => return None,
                other => panic!("{other}"),
            };
            in_the_month(&row["APPTDATE"], dates).then_some(counts)
        });
        same(&truth, &counted, |c| {
            [c.all, c.expected, c.dna, c.cancelled_by_patient, c.cancelled_by_provider]
        });
        let rows = records(&csv);
        let share = |test: &dyn Fn(&Row) -> bool| {
            rows.iter().filter(|r| test(r)).count() as f64 / rows.len() as f64
        };
        let elsewhere = share(&|r| !in_the_month(&r["APPTDATE"], dates));
        assert!((0.03..0.05).contains(&elsewhere), "{elsewhere}");
        let no_outcome = share(&|r| ["0", "9"].contains(&r["ATTENDED"].as_str()));
        assert!((0.002..0.006).contains(&no_outcome), "{no_outcome}");
        let people = rows_of_people(&csv);
        assert!(people[0] > 8 && people.len() < rows.len() * 9 / 10, "{}", people[0]);
        assert!(rows.iter().all(|r| iso(&r["DATE_OF_BIRTH"], dates) <= iso(&r["APPTDATE"], dates)));
    }
}

#[test]
fn a_recount_of_attendances_finds_what_was_planted() {
    for dates in [DateStyle::DayFirst, DateStyle::Iso] {
        let partner = profile("ZZ1", 20_000, Kind::Acute).with_dates(dates);
        let (csv, truth) = attendances(&partner);
        let minute = |text: &str| -> i64 {
            let number =
                |range| text.get(range).and_then(|t: &str| t.parse().ok()).expect("a time");
            let day = iso(text.get(..10).expect("a date"), dates);
            let hours: i64 = number(11..13);
            let minutes: i64 = number(14..16);
            day.days_since("2026-01-01".parse().expect("date")) * 1_440 + hours * 60 + minutes
        };
        let counted = counted(&csv, "ETHNIC_CATEGORY", |row| {
            let stay = minute(&row["DEPARTURE_DATE_TIME"]) - minute(&row["ARRIVAL_DATE_TIME"]);
            assert!(stay >= 0);
            let left = row["DISCHARGE_STATUS"].starts_with("1066");
            let over = |hours: i64| u64::from(stay > hours * 60);
            let counts = [1, over(4), over(12), u64::from(left)];
            in_the_month(&row["ARRIVAL_DATE_TIME"], dates).then_some(counts)
        });
        same(&truth, &counted, |c| [c.all, c.over4h, c.over12h, c.left]);
        let people = rows_of_people(&csv);
        assert!(people[0] > 25, "somebody comes very often: {}", people[0]);
        let once = people.iter().filter(|n| **n == 1).count();
        assert!(once > people.len() * 8 / 10, "most come once: {once} of {}", people.len());
    }
}

#[test]
fn deprivation_shows_in_both() {
    let partner = profile("ZZ1", 60_000, Kind::Acute);
    let (_, appointments) = appointments(&partner);
    let (_, attendances) = attendances(&partner);
    let falls = |rate: &dyn Fn(&CategoryId) -> (u64, u64)| {
        let share = |q: &str| {
            let (part, whole) = rate(&category(q));
            part as f64 / whole as f64
        };
        assert!(share("q1") > share("q5"), "{} and {}", share("q1"), share("q5"));
    };
    let all = CategoryId::all();
    falls(&|q| (appointments.at(q, &all).dna, appointments.at(q, &all).expected));
    falls(&|q| (attendances.at(q, &all).left, attendances.at(q, &all).all));
    falls(&|q| (attendances.at(q, &all).over4h, attendances.at(q, &all).all));
}

#[test]
fn other_datasets_have_other_people_in_the_same_bytes_every_time() {
    let partner = profile("ZZ1", 2_000, Kind::Acute);
    let found = [appointments(&partner).0, attendances(&partner).0];
    assert_eq!(found, [appointments(&partner).0, attendances(&partner).0]);
    let digests = found.map(|text| Digest::of(text.as_bytes()).short());
    assert_eq!(digests, ["e09d545ffaf0", "77f17cc573e3"]);
}
