//! The same seed gives the same bytes, and what was planted is what a reader of the files counts.

use std::collections::{BTreeMap, HashMap};

use evensum_core::catalogue::{Catalogue, Dimension};
use evensum_core::model::{CategoryId, Date, Digest, Ods, Period};

use super::*;

mod activity;
mod generic;

fn period() -> Period {
    "2026-10".parse().expect("period")
}

fn profile(ods: &str, rows: u32, kind: Kind) -> PartnerProfile {
    PartnerProfile::new(Ods::new(ods).expect("ods"), rows, kind).expect("profile")
}

fn extract(profile: &PartnerProfile, seed: u64) -> (String, Truth) {
    let mut bytes = Vec::new();
    let geography = Geography::new(seed);
    let truth = RttExtract::write_csv(&mut bytes, profile, &geography, period(), seed, |_| {})
        .expect("csv");
    (String::from_utf8(bytes).expect("text"), truth)
}

fn files(geography: &Geography) -> (String, String) {
    let (mut imd, mut lookup) = (Vec::new(), Vec::new());
    geography.write_imd(&mut imd).expect("imd");
    geography.write_lookup(&mut lookup).expect("lookup");
    (String::from_utf8(imd).expect("text"), String::from_utf8(lookup).expect("text"))
}

fn records(text: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    reader.deserialize().map(|r| r.expect("every line has as many fields as the header")).collect()
}

fn category(text: &str) -> CategoryId {
    CategoryId::new(text).expect("category")
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_others() {
    let partner = profile("ZZ1", 2_000, Kind::Acute);
    let (first, truth) = extract(&partner, 1);
    assert_eq!(extract(&partner, 1), (first.clone(), truth));
    assert_ne!(extract(&partner, 2).0, first);
    let other = profile("ZZ2", 2_000, Kind::Acute);
    assert_ne!(extract(&other, 1).0.replace("ZZ2", "ZZ1"), first);
    assert_eq!(files(&Geography::new(1)), files(&Geography::new(1)));
    assert_ne!(files(&Geography::new(1)), files(&Geography::new(2)));
}

#[test]
fn bytes_do_not_depend_on_the_machine() {
    let (csv, _) = extract(&profile("ZZ1", 2_000, Kind::Acute), 1);
    let (imd, lookup) = files(&Geography::new(1));
    let found = [csv, imd, lookup].map(|text| Digest::of(text.as_bytes()).short());
    assert_eq!(found, ["f5360e5dded3", "01ec23862571", "02208f98f5cf"]);
}

#[test]
fn people_stay_the_same_from_month_to_month() {
    // What is recorded of each person, by patient number.
    let people = |month: &str, seed: u64| -> BTreeMap<String, [String; 5]> {
        let (mut bytes, geography) = (Vec::new(), Geography::new(1));
        let partner = profile("ZZ1", 2_000, Kind::Acute).with_local_codes(2_000);
        let month = month.parse().expect("period");
        RttExtract::write_csv(&mut bytes, &partner, &geography, month, seed, |_| {}).expect("csv");
        let fields = ["DATE_OF_BIRTH", "LSOA", "ETHNIC_CATEGORY", "SEX", "ICB_RESIDENCE"];
        let text = String::from_utf8(bytes).expect("text");
        let of = |row: &HashMap<String, String>| {
            (row["PATIENT_ID"].clone(), fields.map(|field| row[field].clone()))
        };
        records(&text).iter().map(of).collect()
    };
    let now = people("2026-10", 1);
    for month in ["2026-07", "2026-11"] {
        let then = people(month, 1);
        let known = then.keys().filter(|id| now.contains_key(*id)).count();
        assert!(known * 100 > now.len() * 95, "{known} of {}", now.len());
        for (id, recorded) in &then {
            // Who was not yet born is entered on the month's last day.
            let born = now.get(id).filter(|now| now[0].as_str() <= "2026-07-31");
            assert!(born.is_none_or(|now| now == recorded), "{id} in {month}: {recorded:?}");
        }
    }
    let others = people("2026-10", 2);
    assert!(now.keys().filter(|id| others.contains_key(*id)).count() * 10 < now.len());
}

#[test]
fn every_indicator_has_planted_figures_and_they_are_those_of_the_truth() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let (partner, geography) = (profile("ZZ1", 2_000, Kind::Acute), Geography::new(1));
    let (imd, all) = (category("q1"), CategoryId::all());
    let planted = [RttExtract::DATASET, OutpatientExtract::DATASET, AttendanceExtract::DATASET];
    let of = |i: &&evensum_core::catalogue::Indicator| planted.contains(&i.dataset.as_str());
    for indicator in catalogue.indicators().iter().filter(of) {
        let (sink, period) = (std::io::sink(), period());
        let figures = match indicator.dataset.as_str() {
            RttExtract::DATASET => {
                RttExtract::write_csv(sink, &partner, &geography, period, 1, |_| {})
                    .map(|truth| truth.figures())
            }
            OutpatientExtract::DATASET => {
                OutpatientExtract::write_csv(sink, &partner, &geography, period, 1, |_| {})
                    .map(|truth| truth.figures())
            }
            _ => AttendanceExtract::write_csv(sink, &partner, &geography, period, 1, |_| {})
                .map(|truth| truth.figures()),
        };
        let figures = figures.expect("csv");
        for rollup in [&indicator.numerator, &indicator.denominator] {
            assert!(figures.at(&imd, &all, rollup).is_some(), "{}: {rollup}", indicator.id);
        }
        assert_eq!(figures.at(&imd, &all, &category("elsewhere")), None);
        assert_eq!(figures.at(&category("elsewhere"), &all, &all), Some(0));
        let mut twice = figures.clone();
        twice.add(&figures);
        let of = |figures: &Figures| figures.at(&imd, &all, &indicator.denominator);
        assert_eq!(of(&twice), of(&figures).map(|count| 2 * count));
    }
    let (_, truth) = extract(&partner, 1);
    let figures = truth.figures();
    let at = |rollup: &str| figures.at(&imd, &all, &category(rollup));
    let counts = truth.at(&imd, &all);
    assert_eq!((at("all"), at("over52")), (Some(counts.all), Some(counts.over52)));
    let text = serde_json::to_string(&figures).expect("json");
    assert_eq!(serde_json::from_str::<Truth>(&text).expect("json"), truth);
}

#[test]
fn geography_has_the_shape_of_the_official_files() {
    let (imd, lookup) = files(&Geography::new(5));
    assert!(imd.starts_with("\"lsoa21cd\",\"imd_score\",\"imd_rank\",\"imd_decile\""));
    let (imd, lookup) = (records(&imd), records(&lookup));
    let number = |record: &HashMap<String, String>, field: &str| -> u32 {
        record[field].parse().expect("number")
    };
    let mut by_rank = BTreeMap::new();
    for area in &imd {
        let code = &area["lsoa21cd"];
        assert!(code.len() == 9 && code.as_str() > "E01900000", "{code}");
        assert_eq!(number(area, "imd_quintile"), number(area, "imd_decile").div_ceil(2));
        assert!((1..=10).contains(&number(area, "environment_decile")));
        assert_eq!(by_rank.insert(number(area, "imd_rank"), number(area, "imd_decile")), None);
    }
    let deciles: Vec<u32> = by_rank.values().copied().collect();
    assert_eq!(by_rank.keys().copied().collect::<Vec<_>>(), (1..=AREAS).collect::<Vec<_>>());
    assert!(deciles.is_sorted());
    assert!((1..=10).all(|d| deciles.iter().filter(|x| **x == d).count() == 60));
    let of = |icb: &str| lookup.iter().filter(|l| l["icb_ods"] == icb).count();
    assert_eq!((of(HOME_ICB), of(NEIGHBOUR_ICB)), (420, 180));
    assert!(imd.iter().zip(&lookup).all(|(a, b)| a["lsoa21cd"] == b["lsoa21cd"]));
}

/// The decile of each area.
fn deciles(imd: &str) -> HashMap<String, String> {
    let of = |mut r: HashMap<String, String>| {
        (r["lsoa21cd"].clone(), r.remove("imd_decile").expect("decile"))
    };
    records(imd).into_iter().map(of).collect()
}

/// Deprivation quintile and ethnic group of a row, with the catalogue's codes.
fn place(
    catalogue: &Catalogue,
    deciles: &HashMap<String, String>,
    lsoa: &str,
    ethnic_category: &str,
) -> (String, String) {
    let dimension = |id: &str| -> &Dimension {
        catalogue.dimensions().iter().find(|d| d.id.as_str() == id).expect("dimension")
    };
    let group = |dimension: &Dimension, leaf: &CategoryId| -> String {
        let found = dimension.levels[1].categories.iter().find(|c| c.of.contains(leaf));
        found.expect("group").id.to_string()
    };
    let leaf = match deciles.get(lsoa) {
        Some(decile) => dimension("imd").of_code(decile).expect("decile").id.clone(),
        None if lsoa.starts_with('W') => category("not_applicable"),
        None => category("unknown"),
    };
    let code = ethnic_category.get(..1).unwrap_or("99");
    let ethnic = &dimension("ethnicity").of_code(code).expect("code").id;
    (group(dimension("imd"), &leaf), group(dimension("ethnicity"), ethnic))
}

/// What a reader of the files counts with the catalogue's codes, beside the generator.
fn recount(csv: &str, imd: &str, dates: DateStyle) -> BTreeMap<(String, String), Counts> {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let dataset = &catalogue.datasets()[0];
    let decile_of = deciles(imd);
    let mut counted: BTreeMap<(String, String), Counts> = BTreeMap::new();
    for row in records(csv) {
        if row["ICB_RESIDENCE"] != HOME_ICB {
            continue;
        }
        let (quintile, ethnicity) =
            place(&catalogue, &decile_of, &row["LSOA"], &row["ETHNIC_CATEGORY"]);
        let start = iso(&row["REFERRAL_TO_TREATMENT_PERIOD_START_DATE"], dates);
        let days = period().last_day().days_since(start);
        let weeks = u32::try_from(days).expect("not in the future").div_ceil(7);
        let band = dataset.outcome.band_of_weeks(weeks).expect("band");
        let over = |id: &str| {
            let rollup = dataset.outcome.rollups.iter().find(|r| r.id.as_str() == id);
            u64::from(rollup.expect("roll-up").of.contains(band))
        };
        for imd in [quintile.as_str(), "all"] {
            for ethnicity in [ethnicity.as_str(), "all"] {
                let counts = counted.entry((imd.to_owned(), ethnicity.to_owned())).or_default();
                counts.within18 += over("within18");
                counts.all += 1;
                counts.over18 += over("over18");
                counts.over52 += over("over52");
                counts.over65 += over("over65");
                counts.over78 += over("over78");
                counts.over104 += over("over104");
            }
        }
    }
    counted
}

fn iso(text: &str, dates: DateStyle) -> Date {
    let text = match dates {
        DateStyle::Iso => text.to_owned(),
        DateStyle::DayFirst => {
            let parts: Vec<&str> = text.split('/').rev().collect();
            parts.join("-")
        }
    };
    text.parse().expect("date")
}

#[test]
fn a_recount_of_the_files_finds_what_was_planted() {
    let partners = [
        profile("ZZ1", 20_000, Kind::Acute).with_dates(DateStyle::DayFirst).with_local_codes(2_000),
        profile("ZZ2", 9_000, Kind::Community),
        profile("ZZ3", 5_000, Kind::Independent).with_deprivation_skew(90),
    ];
    for partner in partners {
        let (csv, truth) = extract(&partner, 3);
        let counted = recount(&csv, &files(&Geography::new(3)).0, partner.dates);
        for ((imd, ethnicity), counts) in truth.cells() {
            let key = (imd.to_string(), ethnicity.to_string());
            let found = counted.get(&key).copied().unwrap_or_default();
            assert_eq!(found, *counts, "{key:?} at {}", partner.ods());
        }
        for (imd, ethnicity) in counted.keys() {
            assert!(truth.cells().contains_key(&(category(imd), category(ethnicity))));
        }
        let some = |imd: &str| truth.at(&category(imd), &CategoryId::all()).all > 0;
        assert!(some("unknown") && some("not_applicable"));
    }
}

#[test]
fn deprivation_makes_waits_longer() {
    let (_, truth) = extract(&profile("ZZ1", 60_000, Kind::Acute), 4);
    let rates = ["q1", "q2", "q3", "q4", "q5"].map(|q| {
        let counts = truth.at(&category(q), &CategoryId::all());
        counts.over52 as f64 / counts.all as f64
    });
    assert!(rates.is_sorted_by(|a, b| a > b), "{rates:?}");
    assert!((0.05..0.07).contains(&rates[0]) && (0.018..0.032).contains(&rates[4]), "{rates:?}");
}

#[test]
fn some_crossings_are_small() {
    let (_, truth) = extract(&profile("ZZ3", 50_000, Kind::Independent), 4);
    let mixed = category("mixed");
    let all = truth.at(&CategoryId::all(), &mixed);
    assert!((20..200).contains(&all.all), "{all:?}");
    for quintile in ["q1", "q2", "q3", "q4", "q5"] {
        let counts = truth.at(&category(quintile), &mixed);
        assert!(counts.over52 <= 7, "{quintile}: {counts:?}");
    }
}

#[test]
fn rows_look_like_those_of_a_trust() {
    let partner = profile("ZZ1", 50_000, Kind::Acute).with_local_codes(500);
    let (csv, _) = extract(&partner, 6);
    assert_eq!(csv.lines().next(), Some(HEADER.join(",").as_str()));
    let rows = records(&csv);
    assert_eq!(rows.len(), 50_000);
    let mut pathways: HashMap<&str, usize> = HashMap::new();
    let mut born: HashMap<&str, &str> = HashMap::new();
    for row in &rows {
        let id = row["PATIENT_ID"].as_str();
        assert!(id.len() == 10 && id.starts_with("999"), "{id}");
        *pathways.entry(id).or_default() += 1;
        assert_eq!(*born.entry(id).or_insert(&row["DATE_OF_BIRTH"]), row["DATE_OF_BIRTH"]);
        assert!(row["DATE_OF_BIRTH"] <= row["REFERRAL_TO_TREATMENT_PERIOD_START_DATE"]);
    }
    let share = |matching: &dyn Fn(&HashMap<String, String>) -> bool| {
        rows.iter().filter(|r| matching(r)).count() as f64 / rows.len() as f64
    };
    let several = pathways.values().filter(|n| **n > 1).count() as f64 / pathways.len() as f64;
    assert!((0.08..0.12).contains(&several), "{several}");
    assert!(pathways.values().all(|n| *n <= 3));
    let unknown = share(&|r| ["", "Z", "99"].contains(&r["ETHNIC_CATEGORY"].as_str()));
    assert!((0.05..0.07).contains(&unknown), "{unknown}");
    let local = share(&|r| r["ETHNIC_CATEGORY"].len() == 2 && r["ETHNIC_CATEGORY"] != "99");
    assert!((0.03..0.07).contains(&local), "{local}");
    let no_area = share(&|r| r["LSOA"].is_empty() || r["LSOA"].starts_with("E01999"));
    assert!((0.015..0.025).contains(&no_area), "{no_area}");
    let wales = share(&|r| r["LSOA"].starts_with('W'));
    assert!((0.007..0.013).contains(&wales), "{wales}");
    let adjacent = rows.windows(2).filter(|w| w[0]["PATIENT_ID"] == w[1]["PATIENT_ID"]).count();
    assert!(adjacent < 50, "a person's rows lie apart: {adjacent}");
    let mut waits: Vec<i64> = rows
        .iter()
        .map(|r| {
            let start = iso(&r["REFERRAL_TO_TREATMENT_PERIOD_START_DATE"], DateStyle::Iso);
            period().last_day().days_since(start)
        })
        .collect();
    waits.sort_unstable();
    assert!((12 * 7..16 * 7).contains(&waits[waits.len() / 2]), "{}", waits[waits.len() / 2]);
    assert!(waits.last().is_some_and(|w| (100 * 7..=110 * 7).contains(w)));
}

#[test]
fn progress_is_heard_and_the_rows_are_bounded() {
    let mut heard = Vec::new();
    let partner = profile("ZZ1", 20_000, Kind::Community);
    let geography = Geography::new(1);
    RttExtract::write_csv(std::io::sink(), &partner, &geography, period(), 1, |n| heard.push(n))
        .expect("csv");
    assert_eq!(heard, [10_000, 20_000]);
    let ods = Ods::new("ZZ1").expect("ods");
    for rows in [0, MAX_ROWS + 1] {
        assert_eq!(PartnerProfile::new(ods.clone(), rows, Kind::Acute), Err(ProfileError::Rows));
    }
}

#[test]
fn truths_add_up_and_travel_as_json() {
    let (_, mut sum) = extract(&profile("ZZ1", 3_000, Kind::Acute), 1);
    let (_, other) = extract(&profile("ZZ2", 3_000, Kind::Community), 1);
    let one = sum.at(&CategoryId::all(), &CategoryId::all());
    let two = other.at(&CategoryId::all(), &CategoryId::all());
    sum.add(&other);
    assert_eq!(sum.at(&CategoryId::all(), &CategoryId::all()).over18, one.over18 + two.over18);
    let text = serde_json::to_string(&sum).expect("json");
    assert!(text.starts_with("[{\"imd\":"), "{text:.80}");
    assert_eq!(serde_json::from_str::<Truth>(&text).expect("json"), sum);
}
