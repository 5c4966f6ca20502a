//! Rates and published figures in every form of an answer.

use evensum_core::catalogue::{Catalogue, Population as Basis};
use evensum_core::model::{Agreement, CategoryId, CellState, ImdEdition, IndicatorId, Ods, Period};
use evensum_core::population::{
    AreaKind, Catchment, CatchmentRow, CatchmentSize, PopulationHead, PopulationRow,
    PopulationTable,
};
use evensum_core::sign::SigningKey;
use evensum_core::view::{Beside, RateSources, rates};
use serde_json::Value;

use super::super::fixture::{by_quintile, side, undivided};
use super::super::{Glyphs, Width, chart, csv, json, table};
use super::*;

/// An indicator of the waiting list that is a rate.
const RATE: &str = r#"
[[indicator]]
id = "rtt_rate"
version = 1
name = "Waiting over 52 weeks"
phrase = "wait over 52 weeks"
dataset = "rtt_open_pathway"
kind = { rate = { per = 100000, population = "resident" } }
unit = "pathways per 100,000 residents"
numerator = "over52"
denominator = "all"
polarity = "lower_is_better"
domain = "access"
priority = "restore_inclusively"
held_by = "providers"
packs = []
source = "made up"
caveats = []
"#;

fn catalogue() -> Catalogue {
    Catalogue::with(&[("rate.toml", RATE)]).expect("a catalogue")
}

fn agreement() -> Agreement {
    let key = SigningKey::generate_ed25519().expect("a key").verifying_key().to_text();
    let text = format!(
        "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\n\
         from = \"2026-01-01\"\nuntil = \"2027-12-31\"\npurposes = []\npacks = []\nindicators = []\n\
         dimensions = []\nmax_dimensions = 2\nprofile = \"nhs75m\"\nshow_partners = true\nanalysts = []\n\
         [[parties]]\nods = \"QZ1\"\nrole = \"coordinator\"\nanswer_key = \"{key}\"\nledger_key = \"{key}\"\n"
    );
    Agreement::parse(&text).expect("an agreement")
}

fn area() -> CategoryId {
    CategoryId::new("QZ1").expect("an area")
}

/// A hundred thousand people in each decile.
fn population(edition: ImdEdition) -> PopulationTable {
    let head = PopulationHead {
        name: "mid_2025".to_owned(),
        year: 2025,
        basis: Basis::Resident,
        area_kind: AreaKind::Icb,
        imd_edition: Some(edition),
        grouping: None,
    };
    let row = |decile| PopulationRow {
        area: area(),
        imd: Some(decile),
        age: None,
        sex: None,
        ethnicity: None,
        count: 100_000,
    };
    PopulationTable::new(head, (1..=10).map(row).collect()).expect("a population")
}

fn catchment(held: u64) -> Catchment {
    let row = |provider: &str, patients| CatchmentRow {
        area: area(),
        provider: Ods::new(provider).expect("a code"),
        size: CatchmentSize::Patients(patients),
        specialist: false,
    };
    let rows = vec![row("R0D", held - 100), row("RBD", 100), row("RXX", 1_000 - held)];
    Catchment::new(rows).expect("a catchment")
}

pub(in crate::present) fn rated(mut answer: Answer, edition: ImdEdition, held: u64) -> Answer {
    let catalogue = catalogue();
    answer.indicator.id = IndicatorId::new("rtt_rate").expect("an id");
    let rate = catalogue.indicator(&answer.indicator.id).expect("an indicator");
    answer.indicator.kind = rate.kind.clone();
    let (tables, catchment) = ([population(edition)], catchment(held));
    let sources = RateSources { populations: &tables, catchment: Some(&catchment) };
    let rates = rates(&answer, sources, &agreement(), &catalogue);
    answer.beside = Beside { rates, published: Vec::new() };
    answer
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&json::to_string_pretty(answer)).expect("JSON")
}

fn wide() -> Width {
    Width::new(160)
}

#[test]
fn rates_stand_beside_the_counts_with_the_share_of_care() {
    let answer = rated(by_quintile(), ImdEdition::Imd2025, 955);
    let text = table::answer(&answer, wide(), Glyphs::Unicode);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("Per 100,000") && flat.contains("95 % limits"), "{text}");
    // 999 to 1,007 of 200,000 people.
    assert!(text.contains("499.5 to 503.5"), "{text}");
    assert!(flat.contains("give 95 % of the residents' care"), "{text}");
    assert!(flat.contains("over the population 'mid_2025'"), "{text}");
    let bars = chart::bars(&answer, wide(), Glyphs::Unicode);
    assert!(bars.contains("Per 100,000 residents") && bars.contains("499.5 to 503.5"), "{bars}");

    let json = parsed(&answer);
    let rate = &json["cells"][0]["rate"];
    assert_eq!((rate["low"].as_f64(), rate["high"].as_f64()), (Some(499.5), Some(503.5)));
    assert_eq!(rate["per"], 100_000);
    assert_eq!(rate["population"]["name"], "mid_2025");
    assert_eq!(rate["population"]["basis"], "resident");
    assert_eq!(rate["population"]["edition"], "2025");
    assert_eq!(json["rate_residents_care_held"], 0.955);
    assert!(json.get("rate_refused").is_none());
    assert!(json["cells"][5].get("rate").is_none(), "people of whom no quintile is known");

    let text = csv::answer(&answer).expect("CSV");
    let mut lines = text.lines();
    assert!(lines.next().expect("a header").ends_with("rate_residents_care_held,rate_refused"));
    let first: Vec<&str> = lines.next().expect("a line").split(',').collect();
    assert_eq!(first[first.len() - 8..][..2], ["499.5", "503.5"]);
    assert_eq!(first[first.len() - 4..], ["100000", "mid_2025", "0.955", ""]);
}

#[test]
fn a_hidden_count_has_a_rate_that_is_never_none() {
    let mut answer = by_quintile();
    answer.cells[0].numerator = side(CellState::Suppressed, 0, Some(14));
    answer.cells[1].numerator = side(CellState::Suppressed, 0, Some(0));
    let answer = rated(answer, ImdEdition::Imd2025, 955);
    let text = table::figures(&answer, wide(), Glyphs::Unicode);
    assert!(text.contains("up to 7.0"), "{text}");
    assert!(!text.contains(" 0.0 "), "{text}");
    let text = csv::answer(&answer).expect("CSV");
    let fields = |line: usize| -> Vec<String> {
        let line = text.lines().nth(line).expect("a line");
        let all: Vec<&str> = line.split(',').collect();
        all[all.len() - 8..][..4].iter().map(|f| (*f).to_owned()).collect()
    };
    assert_eq!(fields(1)[..3], ["", "7", ""]);
    assert_eq!(fields(2), ["", "", "", ""]);
    let json = parsed(&answer);
    assert_eq!(json["cells"][0]["rate"]["high"], 7.0);
}

#[test]
fn why_there_is_no_rate_is_said_in_every_form() {
    for (answer, reason) in [
        (
            rated(by_quintile(), ImdEdition::Imd2019, 955),
            "is by IMD 2019, and the answer by IMD 2025",
        ),
        (rated(undivided(), ImdEdition::Imd2025, 899), "give 89 % of the residents' care"),
    ] {
        let text = table::answer(&answer, wide(), Glyphs::Unicode);
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("No rate is shown: ") && flat.contains(reason), "{text}");
        assert!(!text.contains("Per 100,000"), "{text}");
        let json = parsed(&answer);
        assert!(json["rate_refused"].as_str().is_some_and(|r| r.contains(reason)), "{json}");
        assert!(json["cells"][0].get("rate").is_none());
        assert!(csv::answer(&answer).expect("CSV").contains(reason));
        let bars = chart::bars(&answer, wide(), Glyphs::Unicode);
        assert!(bars.split_whitespace().collect::<Vec<_>>().join(" ").contains(reason), "{bars}");
    }
}

#[test]
fn published_figures_are_named_as_such_and_added_to_nothing() {
    let plain = by_quintile();
    let mut answer = by_quintile();
    answer.beside.published = vec![Published {
        area: "England".to_owned(),
        group: None,
        period: "2026-10".parse::<Period>().expect("a period"),
        value: 3.5,
        lower: Some(3.4),
        upper: Some(3.6),
        metric: "Long waits".to_owned(),
        source: "Fingertips, indicator 90001".to_owned(),
    }];
    let line = "England (published, not federated): 3.5 (published limits 3.4 to 3.6), 2026-10, Fingertips, indicator 90001: Long waits";
    assert!(table::answer(&answer, wide(), Glyphs::Unicode).contains(line));
    assert!(chart::bars(&answer, wide(), Glyphs::Unicode).contains(line));
    let json = parsed(&answer);
    assert_eq!(json["published"][0]["value"], 3.5);
    assert_eq!(json["published"][0]["note"], "published, not federated");
    assert_eq!(json["cells"], parsed(&plain)["cells"]);
    assert_eq!(csv::answer(&answer).expect("CSV"), csv::answer(&plain).expect("CSV"));
    assert!(parsed(&plain).get("published").is_none());
}

#[test]
fn rates_are_rounded_outwards_and_an_open_end_is_said() {
    for (low, high, text) in [
        (12.34, Some(15.61), "12.3 to 15.7"),
        (12.3, Some(12.3), "12.3"),
        (0.0, Some(14.01), "up to 14.1"),
        (1_234.56, None, "at least 1,234.5"),
        (0.0, None, "not known"),
        (0.0, Some(0.0), "0.0"),
    ] {
        assert_eq!(range(low, high), text);
    }
}
