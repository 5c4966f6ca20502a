//! Walks every built-in definition.

use std::collections::BTreeSet;

use super::super::*;
use super::builtin;
use super::refusals::OWN;

/// Words that people who read a definition need not know.
const FORBIDDEN: [&str; 11] = [
    "lattice",
    "margin",
    "ledger",
    "receipt",
    "helper",
    "deposit",
    "roster",
    "attacker",
    "interval",
    "assurance",
    "rollup",
];

fn texts(catalogue: &Catalogue) -> Vec<(String, &str)> {
    let mut all = Vec::new();
    let mut say = |of: String, text| all.push((of, text));
    for d in catalogue.dimensions() {
        say(d.id.to_string(), d.name.as_str());
        d.provisional.iter().for_each(|p| say(d.id.to_string(), p));
        for level in &d.levels {
            say(level.id.to_string(), level.name.as_str());
            level.categories.iter().for_each(|c| say(level.id.to_string(), &c.label));
        }
    }
    for d in catalogue.datasets() {
        for text in [&d.name, &d.row, &d.unit, &d.caveat, &d.outcome.name] {
            say(d.id.to_string(), text);
        }
        d.measures.iter().for_each(|m| say(d.id.to_string(), &m.name));
        d.outcome.bands().into_iter().for_each(|(_, label)| say(d.id.to_string(), label));
        d.outcome.rollups.iter().for_each(|r| say(d.id.to_string(), &r.label));
        if let Partition::Rules { fields, .. } = &d.outcome.made_of {
            fields.iter().for_each(|f| say(d.id.to_string(), &f.name));
        }
    }
    for p in catalogue.packs() {
        say(p.id.clone(), p.name.as_str());
        say(p.id.clone(), p.about.as_str());
    }
    for i in catalogue.indicators() {
        for text in [&i.name, &i.phrase, &i.unit, &i.held_by, &i.source] {
            say(i.id.to_string(), text);
        }
        i.counted
            .iter()
            .chain(&i.provisional)
            .chain(&i.caveats)
            .for_each(|t| say(i.id.to_string(), t));
        i.targets.iter().for_each(|t| say(i.id.to_string(), &t.source));
    }
    all
}

#[test]
fn every_definition_is_plain_english() {
    let catalogue = builtin();
    for (of, text) in texts(&catalogue) {
        assert!(!text.trim().is_empty() && text.trim() == text, "{of}: '{text}'");
        assert!(!text.contains("  ") && !text.contains('\n'), "{of}: {text}");
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        for word in FORBIDDEN {
            let plural = format!("{word}s");
            let found = words.iter().any(|w| *w == word || *w == plural);
            assert!(!found, "{of}: '{word}' in: {text}");
        }
    }
    for i in catalogue.indicators() {
        let first = i.phrase.chars().next().expect("a phrase");
        assert!(first.is_lowercase() && !i.phrase.ends_with('.'), "{}: {}", i.id, i.phrase);
        assert!(i.name.starts_with(char::is_uppercase), "{}: {}", i.id, i.name);
        assert!(i.caveats.iter().all(|c| c.ends_with('.')), "{}: a caveat is a sentence", i.id);
        assert!(!i.packs.is_empty(), "{} is in no pack", i.id);
    }
    for d in catalogue.datasets() {
        assert!(d.caveat.ends_with('.') && !d.row.ends_with('.'), "{}", d.id);
    }
}

#[test]
fn there_is_enough_and_it_hangs_together() {
    let catalogue = builtin();
    assert!(catalogue.indicators().len() >= 60 && catalogue.packs().len() >= 9);
    for pack in catalogue.packs() {
        assert!(catalogue.indicators().iter().any(|i| i.packs.contains(&pack.id)), "{}", pack.id);
    }
    for pack in [
        "13sa",
        "core20plus5-adults",
        "core20plus5-cyp",
        "elective-recovery",
        "urgent-care",
        "outpatients",
        "mental-health",
        "prevention",
        "workforce",
        "digital-inclusion",
    ] {
        assert!(catalogue.packs().iter().any(|p| p.id == pack), "{pack}");
    }
    for dataset in catalogue.datasets() {
        let of = |i: &&Indicator| i.dataset == dataset.id;
        let made: Vec<&Indicator> = catalogue.indicators().iter().filter(of).collect();
        assert!(!made.is_empty(), "nothing is made of {}", dataset.id);
        for rollup in &dataset.outcome.rollups {
            let used = |i: &&Indicator| i.numerator == rollup.id || i.denominator == rollup.id;
            assert!(made.iter().any(used), "{} {}", dataset.id, rollup.id);
        }
        for measure in &dataset.measures {
            let used = |i: &&Indicator| i.kind.measures().contains(&&measure.id);
            assert!(made.iter().any(used), "{} {}", dataset.id, measure.id);
        }
        // The legal floor: deprivation, ethnicity, age and sex; of mothers no sex is asked.
        for floor in ["imd", "ethnicity", "age", "sex"] {
            let maternity = made.iter().any(|i| i.packs.iter().any(|p| p == "maternity"));
            let has = dataset.dimensions.iter().any(|d| d.as_str() == floor);
            assert!(has || (floor == "sex" && maternity), "{} {floor}", dataset.id);
        }
    }
    let hashes: BTreeSet<Digest> = catalogue
        .indicators()
        .iter()
        .map(|i| catalogue.definition_hash(&i.id).expect("a hash"))
        .collect();
    assert_eq!(hashes.len(), catalogue.indicators().len());
    let datasets: BTreeSet<Digest> = catalogue
        .datasets()
        .iter()
        .map(|d| catalogue.dataset_hash(&d.id).expect("a hash"))
        .collect();
    assert_eq!(datasets.len(), catalogue.datasets().len());
    for i in catalogue.indicators() {
        assert!(i.provisional.as_ref().is_none_or(|p| p.len() > 20), "{} does not say why", i.id);
    }
    // PLUS characteristics are optional everywhere that people who use services are counted.
    for dataset in catalogue.datasets() {
        let staff = dataset.dimensions.iter().any(|d| d.as_str() == "staff_group");
        let plus = dataset.dimensions.iter().any(|d| d.as_str() == "learning_disability");
        assert!(plus != staff, "{}", dataset.id);
    }
}

/// Each row of the Statement's appendix is an indicator of the pack `13sa` whose source names it; the two that count
/// settings are named by what stands in their place.
#[test]
fn every_row_of_the_statement_is_covered() {
    let catalogue = builtin();
    let names = |i: &Indicator, row: &str| {
        i.source.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == row)
    };
    for row in [
        "EL1", "EL2", "EL3", "UE1", "RE1", "MH1", "MH2", "MH3", "MH4", "MH5", "CA1", "CV1", "CV2",
        "CV3", "CV4", "CV5", "DM1", "DM2", "OR1", "LD1", "LD2", "MA1",
    ] {
        let in_pack = |i: &&Indicator| names(i, row) && i.packs.iter().any(|p| p == "13sa");
        assert!(catalogue.indicators().iter().any(|i| in_pack(&i)), "{row}");
    }
    for row in ["SM1", "SM2"] {
        assert!(catalogue.indicators().iter().any(|i| names(i, row)), "{row}");
        assert!(include_str!("../builtin/prevention.toml").contains(row), "{row}");
    }
    for number in 1..=4 {
        let wres = format!("NHS Workforce Race Equality Standard, indicator {number}");
        assert!(catalogue.indicators().iter().any(|i| i.source.contains(&wres)), "{wres}");
    }
}

/// What stands in the catalogue from memory says so.
#[test]
fn what_is_not_confirmed_is_provisional() {
    let catalogue = builtin();
    let says = |i: &Indicator, text: &str| i.provisional.as_ref().is_some_and(|p| p.contains(text));
    let within = |i: &Indicator, pack: &str| i.packs.iter().any(|p| p == pack);
    let mut both = [0, 0];
    for i in catalogue.indicators() {
        if within(i, "core20plus5-adults") && !within(i, "13sa") {
            assert!(says(i, "Core20PLUS5 for adults as it has been since 2021"), "{}", i.id);
            both[0] += 1;
        }
        let dataset = catalogue.dataset(&i.dataset).expect("dataset");
        let Partition::Rules { fields, .. } = &dataset.outcome.made_of else { continue };
        if fields.iter().any(|f| f.column.as_str().starts_with("admission_method_code")) {
            assert!(says(i, "codes of the admission method are not confirmed"), "{}", i.id);
            both[1] += 1;
        }
    }
    assert!(both[0] >= 13 && both[1] >= 14, "{both:?}");
}

#[test]
fn a_population_joins_datasets_of_one_kind() {
    let catalogue = builtin();
    let named = || catalogue.datasets().iter().filter(|d| d.population.is_some());
    assert!(named().count() >= 10);
    for one in named() {
        let others = named().filter(|d| d.population == one.population && d.id != one.id);
        let others: Vec<&Dataset> = others.collect();
        assert!(!others.is_empty(), "nothing else is drawn from what {} is", one.id);
        // The same events: of the same periods, and dated by the same column.
        for other in others {
            let same = one.periods == other.periods && one.dated_by == other.dated_by;
            assert!(same && one.person_rows == other.person_rows, "{} {}", one.id, other.id);
        }
    }
    let hash = |text: &str| {
        let catalogue = Catalogue::read(&[("own.toml", text)]).expect("nothing is wrong");
        catalogue.dataset_hash(&DatasetId::new("visit").expect("id")).expect("a hash")
    };
    let joined = OWN.replace("unit = \"visits\"\n", "unit = \"visits\"\npopulation = \"calls\"\n");
    assert_ne!(joined, OWN);
    assert_ne!(hash(&joined), hash(OWN));
}

/// A rate per adults, or per children, counts no others.
#[test]
fn rates_of_an_age_count_that_age() {
    let catalogue = builtin();
    let of = |dataset: &str, column: &str, age: u32| {
        let outcome = catalogue.dataset(&DatasetId::new(dataset).expect("id")).expect("dataset");
        let value = |id: &ColumnId| match id.as_str() {
            "age_at_period_end" => FieldValue::Number(age),
            other if other == column => FieldValue::Number(0),
            _ => FieldValue::Blank,
        };
        outcome.outcome.of_fields(&value).map(|of| matches!(of, OfCode::Band(_)))
    };
    for (age, adult) in [(17, false), (18, true), (90, true)] {
        assert_eq!(of("mh_inpatient", "", age), Some(adult), "{age}");
        assert_eq!(of("cyp_mental_health", "contacts_in_12_months", age), Some(!adult), "{age}");
    }
}

#[test]
fn what_is_not_listed_is_no_emergency_and_no_detention() {
    let catalogue = builtin();
    let of = |dataset: &str, code: &str| {
        let outcome = catalogue.dataset(&DatasetId::new(dataset).expect("id")).expect("dataset");
        let value = |id: &ColumnId| match id.as_str() {
            "age_at_cds_activity_date" => FieldValue::Number(40),
            "primary_diagnosis_icd" => FieldValue::Code("I63"),
            _ => FieldValue::Code(code),
        };
        match outcome.outcome.of_fields(&value).expect("rules") {
            OfCode::Band(id) => id.to_string(),
            OfCode::Outside(why) => format!("{why:?}"),
        }
    };
    for code in ["21", "22", "23", "24", "25", "28", "2A", "2b", "2C", "2D"] {
        assert_eq!(of("emergency_admission", code), "stroke", "{code}");
        assert_eq!(of("admitted_spell", code), "emergency_adult", "{code}");
    }
    for code in ["11", "12", "13", "31", "32", "81", "82", "83", "2E", "26", "212", "E"] {
        assert_eq!(of("emergency_admission", code), "NotCounted", "{code}");
    }
    for code in ["98", "99"] {
        assert_eq!(of("emergency_admission", code), "NotKnown", "{code}");
        assert_eq!(of("mha_detention", code), "NotKnown", "{code}");
    }
    for (code, band) in [
        ("02", "section_2"),
        ("3", "section_3"),
        ("20", "short_term"),
        ("16", "forensic"),
        ("35", "other"),
        ("01", "NotCounted"),
        ("21", "NotKnown"),
        ("O2", "NotKnown"),
    ] {
        assert_eq!(of("mha_detention", code), band, "{code}");
    }
    let mha = catalogue.dataset(&DatasetId::new("mha_detention").expect("id")).expect("dataset");
    let other = CategoryId::new("other").expect("id");
    assert!(mha.outcome.rollups.iter().all(|r| !r.of.contains(&other)));
}

#[test]
fn every_level_but_one_of_two_groupings_nests() {
    let catalogue = builtin();
    let alternatives: Vec<(&str, Option<&str>)> = catalogue
        .dimensions()
        .iter()
        .flat_map(|d| &d.levels)
        .filter(|l| l.instead_of.is_some())
        .map(|l| (l.id.as_str(), l.instead_of.as_ref().map(LevelId::as_str)))
        .collect();
    assert_eq!(alternatives, [("ethnicity.group_2021", Some("ethnicity.group"))]);
}

#[test]
fn a_federation_adds_definitions_of_its_own() {
    let own = r#"
[[pack]]
id = "coast"
name = "Our coast"
about = "What the towns by the sea ask for."

[[indicator]]
id = "coast_within_4_hours"
version = 1
name = "Attendances within 4 hours, our coast"
phrase = "took at most 4 hours"
dataset = "ae_attendance"
kind = "proportion"
unit = "% of attendances"
numerator = "within4h"
denominator = "all"
polarity = "higher_is_better"
domain = "access"
priority = "restore_inclusively"
held_by = "our emergency departments"
breakdowns = ["imd", "coastal"]
packs = ["coast", "urgent-care"]
source = "Our integrated care strategy"
caveats = []
"#;
    let id = IndicatorId::new("coast_within_4_hours").expect("id");
    let ours = Catalogue::with(&[("coast.toml", own)]).expect("it fits");
    assert_eq!(ours.indicators().len(), builtin().indicators().len() + 1);
    let built_in = IndicatorId::new("ae_within_4_hours").expect("id");
    assert_eq!(ours.definition_hash(&built_in), builtin().definition_hash(&built_in));
    assert!(builtin().definition_hash(&id).is_err());
    // Whoever has other words has another definition.
    let other = own.replace("at most 4 hours", "4 hours or less");
    let theirs = Catalogue::with(&[("coast.toml", &other)]).expect("it fits");
    assert_ne!(ours.definition_hash(&id), theirs.definition_hash(&id));
    // The order of the files changes nothing.
    let second = "[[flag]]\nid = \"fisher\"\nname = \"Works at sea\"\n";
    for files in [[("a.toml", own), ("b.toml", second)], [("b.toml", second), ("a.toml", own)]] {
        let both = Catalogue::with(&files).expect("it fits");
        assert_eq!(both.definition_hash(&id), ours.definition_hash(&id));
    }
}
