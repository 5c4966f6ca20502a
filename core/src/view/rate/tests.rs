//! Rates of answers that were made by hand, over populations that were.

use super::*;
use crate::catalogue::CategoryKind;
use crate::disclosure::Side;
use crate::model::{Bounds, DimensionId, IndicatorId, LevelId, Period, QueryId, Scope};
use crate::population::{
    AgeBand, AreaKind, CatchmentRow, CatchmentSize, EthnicGroup, Grouping, PopulationHead,
    PopulationRow, Sex,
};
use crate::statistics::{poisson_limits, proportion_bounds};
use crate::view::{AxisView, CategoryView, Coverage, IndicatorView, ViewKind};

const INDICATORS: &str = r#"
[[indicator]]
id = "ae_rate"
version = 1
name = "Attendances"
phrase = "attended"
dataset = "ae_attendance"
kind = { rate = { per = 100000, population = "resident" } }
unit = "per 100,000 residents"
numerator = "over4h"
denominator = "all"
polarity = "neutral"
domain = "access"
priority = "restore_inclusively"
held_by = "providers"
packs = []
source = "made up"
caveats = []

[[indicator]]
id = "ae_registered"
version = 1
name = "Attendances"
phrase = "attended"
dataset = "ae_attendance"
kind = { rate = { per = 1000, population = "registered" } }
unit = "per 1,000 registered"
numerator = "over4h"
denominator = "all"
polarity = "neutral"
domain = "access"
priority = "restore_inclusively"
held_by = "providers"
packs = []
source = "made up"
caveats = []

[[indicator]]
id = "ae_standardised"
version = 1
name = "Attendances"
phrase = "attended"
dataset = "ae_attendance"
kind = { rate = { per = 100000, population = "resident", standardised = true } }
unit = "per 100,000 residents"
numerator = "over4h"
denominator = "all"
polarity = "neutral"
domain = "access"
priority = "restore_inclusively"
held_by = "providers"
packs = []
source = "made up"
caveats = []

[[indicator]]
id = "ae_rate_under_18"
version = 1
name = "Attendances under 18"
phrase = "attended"
dataset = "ae_attendance"
kind = { rate = { per = 1000, population = "resident", ages = { from = 0, to = 17 } } }
unit = "per 1,000 residents aged 0 to 17"
numerator = "over4h"
denominator = "all"
polarity = "neutral"
domain = "access"
priority = "restore_inclusively"
held_by = "providers"
packs = []
source = "made up"
caveats = []
"#;

fn catalogue() -> Catalogue {
    Catalogue::with(&[("rates.toml", INDICATORS)]).expect("a catalogue")
}

fn id(text: &str) -> CategoryId {
    CategoryId::new(text).expect("a category")
}

fn agreement(scope: &[&str]) -> Agreement {
    let key = crate::sign::SigningKey::generate_ed25519().expect("a key").verifying_key().to_text();
    let scope: Vec<String> = scope.iter().map(|s| format!("\"{s}\"")).collect();
    let text = format!(
        "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [{}]\n\
         from = \"2020-01-01\"\nuntil = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = []\n\
         indicators = []\ndimensions = []\nmax_dimensions = 2\nprofile = \"nhs75m\"\n\
         show_partners = true\nanalysts = []\n[[parties]]\nods = \"QZ1\"\nrole = \"coordinator\"\n\
         answer_key = \"{key}\"\nledger_key = \"{key}\"\n",
        scope.join(", ")
    );
    Agreement::parse(&text).expect("an agreement")
}

fn axis(catalogue: &Catalogue, level: &str, listed: &[&str]) -> AxisView {
    let level = LevelId::new(level).expect("a level");
    let (dimension, found) = catalogue.level(&level).expect("the level");
    let known = |text: &str| CategoryView {
        id: id(text),
        label: text.to_owned(),
        kind: CategoryKind::Known,
    };
    let own = found.categories.iter().map(|c| CategoryView {
        id: c.id.clone(),
        label: c.label.clone(),
        kind: c.kind,
    });
    let categories = listed.iter().map(|t| known(t)).chain(own).chain([known("all")]).collect();
    let dimension: DimensionId = dimension.id.clone();
    AxisView { dimension, level, name: found.name.clone(), categories }
}

/// An answer whose cells all hold the same count.
fn answer(indicator: &str, period: &str, axes: Vec<AxisView>, count: Bounds) -> Answer {
    let positions = axes.iter().fold(vec![Vec::new()], |heads: Vec<Vec<usize>>, axis| {
        let each = |head: &Vec<usize>| -> Vec<Vec<usize>> {
            (0..axis.categories.len()).map(|p| [head.as_slice(), &[p]].concat()).collect()
        };
        heads.iter().flat_map(each).collect()
    });
    let side = Side { state: CellState::Value, bounds: count, published: None };
    let cell = |at| Cell {
        at,
        numerator: side,
        denominator: side,
        proportion: proportion_bounds(count, count),
        figures: Vec::new(),
        people: None,
    };
    Answer {
        indicator: IndicatorView {
            id: IndicatorId::new(indicator).expect("an id"),
            version: 1,
            name: "Attendances".to_owned(),
            unit: String::new(),
            phrase: String::new(),
            counted: String::new(),
            numerator: String::new(),
            kind: IndicatorKind::Count,
            people: false,
            polarity: crate::catalogue::Polarity::Neutral,
        },
        period: period.parse::<Period>().expect("a period"),
        axes,
        scope: None,
        view: ViewKind::Interval,
        policy: None,
        rung: String::new(),
        asked: None,
        imd_edition: Some(ImdEdition::Imd2019),
        cells: positions.into_iter().map(cell).collect(),
        coverage: vec![
            covered("RA1", CoverageStatus::Answered),
            covered("RA2", CoverageStatus::Late),
        ],
        caveats: Vec::new(),
        receipts: Vec::new(),
        releases: Vec::new(),
        query_id: Some(QueryId::from_parts(1, &[1; 10])),
        elapsed_ms: 0,
        completeness: Vec::new(),
        beside: crate::view::Beside::default(),
    }
}

fn covered(ods: &str, status: CoverageStatus) -> Coverage {
    Coverage {
        ods: Ods::new(ods).expect("a code"),
        name: format!("The trust {ods}"),
        status,
        reason: None,
        refusal: None,
        snapshot: None,
        as_of: None,
        version: None,
        policy: None,
        rung: None,
    }
}

/// Ten people for each decile, sex and five years of age of an area; twenty for each in the second area.
fn by_deprivation(year: u16, areas: &[(&str, u64)]) -> PopulationTable {
    let ages =
        (0..18_u8).map(|n| AgeBand::new(n * 5, Some(n * 5 + 4))).chain([AgeBand::new(90, None)]);
    let mut rows = Vec::new();
    for (area, count) in areas {
        for age in ages.clone() {
            for decile in 1..=10 {
                for sex in Sex::ALL {
                    rows.push(PopulationRow {
                        area: id(area),
                        imd: Some(decile),
                        age,
                        sex: Some(sex),
                        ethnicity: None,
                        count: *count,
                    });
                }
            }
        }
    }
    PopulationTable::new(head("mid-year", year), rows).expect("a population")
}

fn head(name: &str, year: u16) -> PopulationHead {
    PopulationHead {
        name: name.to_owned(),
        year,
        basis: Basis::Resident,
        area_kind: AreaKind::Icb,
        imd_edition: Some(ImdEdition::Imd2019),
        grouping: None,
    }
}

fn by_group(grouping: Grouping, year: u16) -> PopulationTable {
    let row = |group| PopulationRow {
        area: id("QZ1"),
        imd: None,
        age: None,
        sex: None,
        ethnicity: Some(group),
        count: 1_000,
    };
    let head =
        PopulationHead { grouping: Some(grouping), imd_edition: None, ..head("census", year) };
    PopulationTable::new(head, EthnicGroup::ALL.map(row).to_vec()).expect("a population")
}

fn catchment(first: u64, specialist: bool) -> Catchment {
    let row = |area: &str, provider: &str, patients, specialist| CatchmentRow {
        area: id(area),
        provider: Ods::new(provider).expect("a code"),
        size: CatchmentSize::Patients(patients),
        specialist,
    };
    Catchment::new(vec![
        row("QZ1", "RA1", first, specialist),
        row("QZ1", "RA2", 1_000 - first, false),
        row("QZ2", "RA1", 500, specialist),
        row("QZ2", "RA3", 500, false),
    ])
    .expect("a catchment")
}

fn made(
    answer: &Answer,
    tables: &[PopulationTable],
    held: Option<&Catchment>,
) -> Result<Rates, RateRefusal> {
    let sources = RateSources { populations: tables, catchment: held };
    rates(answer, sources, &agreement(&["QZ1"]), &catalogue()).expect("the indicator is a rate")
}

fn refused(answer: &Answer, table: PopulationTable) -> String {
    let held = catchment(950, false);
    made(answer, &[table], Some(&held)).expect_err("refused").to_string()
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6 * b.max(1.0), "{a} {b}");
}

#[test]
fn a_cell_is_divided_by_its_own_people_and_a_hidden_count_stays_a_range() {
    let catalogue = catalogue();
    let axes = vec![axis(&catalogue, "imd.quintile", &[]), axis(&catalogue, "sex", &[])];
    let mut answer = answer("ae_rate", "2021-03", axes, Bounds { low: 12, high: Some(19) });
    let hidden = Bounds { low: 0, high: Some(14) };
    answer.cells[0].numerator =
        Side { state: CellState::Suppressed, bounds: hidden, published: None };
    let held = catchment(950, false);
    let rates = made(&answer, &[by_deprivation(2020, &[("QZ1", 10)])], Some(&held)).expect("rates");
    // Two deciles, one sex, nineteen bands of ten people.
    let q1_male = rates.at(&[0, 0]).expect("a rate");
    assert_eq!(q1_male.people, 380);
    close(q1_male.bounds.low, 0.0);
    close(q1_male.bounds.high.expect("bounded"), 14.0 / 380.0 * 100_000.0);
    close(q1_male.bounds.upper95.expect("bounded"), poisson_limits(14).1 / 380.0 * 100_000.0);
    let all = rates.at(&[8, 5]).expect("a rate");
    assert_eq!(all.people, 3_800);
    close(all.bounds.lower95, poisson_limits(12).0 / 3_800.0 * 100_000.0);
    // Not known, outside England, not collected; indeterminate, not known, not collected.
    assert!((5..8).all(|p| rates.at(&[p, 0]).is_none()));
    assert!((2..5).all(|p| rates.at(&[0, p]).is_none()));
    assert_eq!(rates.len(), 6 * 3);
    assert_eq!((rates.per, rates.population.year), (100_000, 2020));
    close(rates.held.expect("a share"), 0.95);
}

#[test]
fn a_population_that_differs_is_refused_by_name() {
    let catalogue = catalogue();
    let ask = |level: &str, listed: &[&str]| {
        answer("ae_rate", "2021-03", vec![axis(&catalogue, level, listed)], Bounds::exactly(20))
    };
    let table = || by_deprivation(2020, &[("QZ1", 10)]);
    let mut other = ask("imd.decile", &[]);
    other.imd_edition = Some(ImdEdition::Imd2025);
    let said = refused(&other, table());
    assert!(said.contains("'mid-year' is by IMD 2019, and the answer by IMD 2025"), "{said}");
    other.imd_edition = None;
    assert!(refused(&other, table()).contains("does not say which edition"));

    let said = refused(&ask("ethnicity.group", &[]), by_group(Grouping::FiveCensus2021, 2021));
    assert!(said.contains("census of 2021") && said.contains("ethnic groups of 2001"), "{said}");
    let said = refused(&ask("ethnicity.code", &[]), by_group(Grouping::Five2001, 2021));
    assert!(said.contains("single ethnic categories"), "{said}");
    let said = refused(&ask("age.band", &[]), table());
    assert!(said.contains("do not make up the ages 0 to 17"), "{said}");
    for (level, listed) in
        [("provider", &["RA1"][..]), ("department", &[]), ("ethnicity.group", &[])]
    {
        let said = refused(&ask(level, listed), table());
        assert!(said.contains(&format!("is not by '{level}'")), "{said}");
    }
    let said = refused(&ask("sex", &[]), by_deprivation(2020, &[("QZ9", 10)]));
    assert!(said.contains("nobody in QZ1"), "{said}");
    let said = refused(&ask("sex", &[]), by_deprivation(2017, &[("QZ1", 10)]));
    assert!(said.contains("of 2017, more than 3 years"), "{said}");
    let registered = answer("ae_registered", "2021-03", vec![], Bounds::exactly(20));
    let said = refused(&registered, table());
    assert!(said.contains("of resident people, and the rate is per registered person"), "{said}");
    let said = refused(&answer("ae_standardised", "2021-03", vec![], Bounds::exactly(20)), table());
    assert!(said.contains("not yet standardised") && said.contains("crude"), "{said}");

    let districts = table();
    let head = PopulationHead { area_kind: AreaKind::LocalAuthority, ..districts.head().clone() };
    let districts = PopulationTable::new(head, districts.rows().to_vec()).expect("a population");
    let said = refused(&ask("sex", &[]), districts);
    assert!(said.contains("by local authority"), "{said}");

    let mut restricted = ask("sex", &[]);
    let level = LevelId::new("department").expect("a level");
    restricted.scope = Some(Scope { level, category: id("type1") });
    let said = refused(&restricted, table());
    assert!(said.contains("'department=type1' alone"), "{said}");
}

#[test]
fn the_same_groups_make_rates_and_of_several_populations_the_nearest_that_fits_is_used() {
    let catalogue = catalogue();
    let axes = || vec![axis(&catalogue, "ethnicity.group", &[])];
    let answer_2026 = answer("ae_rate", "2026-03", axes(), Bounds::exactly(20));
    let held = catchment(950, false);
    let census = || by_group(Grouping::Five2001, 2021);
    let rates = made(&answer_2026, &[census()], Some(&held)).expect("rates");
    assert_eq!(rates.len(), 6, "five groups and all");
    assert!(rates.notes.iter().any(|n| n.contains("5 years from the period")), "{:?}", rates.notes);
    let late = answer("ae_rate", "2032-03", axes(), Bounds::exactly(20));
    assert!(refused(&late, census()).contains("more than 10 years"));

    let total = answer("ae_rate", "2021-03", vec![], Bounds::exactly(20));
    let tables = [by_deprivation(2019, &[("QZ1", 10)]), by_group(Grouping::Five2001, 2021)];
    let used = made(&total, &tables, Some(&held)).expect("rates").population;
    assert_eq!((used.name.as_str(), used.year), ("census", 2021));
    let none = made(
        &answer_2026,
        &[by_deprivation(2019, &[("QZ1", 10)]), by_group(Grouping::FiveCensus2021, 2021)],
        Some(&held),
    );
    let said = none.expect_err("neither").to_string();
    assert!(said.contains("'mid-year'") && said.contains("'census'"), "{said}");
}

#[test]
fn too_little_of_the_care_or_nothing_that_says_so_or_a_specialist_shows_no_rate() {
    let tables = [by_deprivation(2020, &[("QZ1", 10)])];
    let answer = answer("ae_rate", "2021-03", vec![], Bounds::exactly(20));
    let refusal = |held: Option<&Catchment>| made(&answer, &tables, held).map(|_| ());
    assert_eq!(refusal(None), Err(RateRefusal::NoCatchment));
    assert_eq!(refusal(Some(&catchment(899, false))), Err(RateRefusal::Held { percent: 89 }));
    assert_eq!(refusal(Some(&catchment(900, false))), Ok(()), "90 % is enough");
    let said = refusal(Some(&catchment(950, true))).expect_err("a specialist").to_string();
    assert!(said.contains("The trust RA1 is a specialist provider"), "{said}");
    // Whoever did not answer holds nothing of the figures.
    let mut late = answer.clone();
    late.coverage[0].status = CoverageStatus::Refused;
    let held = catchment(950, false);
    assert_eq!(made(&late, &tables, Some(&held)), Err(RateRefusal::Held { percent: 0 }));
    let mut nothing = answer.clone();
    nothing.cells.clear();
    assert_eq!(made(&nothing, &tables, Some(&held)), Err(RateRefusal::NoFigures));
    assert_eq!(made(&answer, &[], Some(&held)), Err(RateRefusal::NoPopulation));
}

#[test]
fn each_board_has_its_own_people_and_its_own_share_of_care() {
    let catalogue = catalogue();
    let axes = vec![axis(&catalogue, "icb.residence", &["QZ1", "QZ2"])];
    let mut answer = answer("ae_rate", "2021-03", axes, Bounds::exactly(20));
    let tables = [by_deprivation(2020, &[("QZ1", 190), ("QZ2", 10), ("QZ3", 7)])];
    let held = catchment(950, false);
    let sources = RateSources { populations: &tables, catchment: Some(&held) };
    let both = agreement(&["QZ1", "QZ2"]);
    let both_boards = rates(&answer, sources, &both, &catalogue).expect("a rate").expect("rates");
    // Of 200 parts of the people 190 live where 95 % of care is held and 10 where 50 % is.
    close(both_boards.held.expect("a share"), 0.9275);
    assert_eq!(both_boards.at(&[0]).expect("QZ1").people, 72_200);
    assert!(both_boards.at(&[1]).is_none(), "half of the care of QZ2");
    assert!(
        both_boards.notes.iter().any(|n| n.contains("No rate for QZ2")),
        "{:?}",
        both_boards.notes
    );
    assert!((2..6).all(|p| both_boards.at(&[p]).is_none()), "elsewhere, not known");
    assert_eq!(both_boards.at(&[6]).expect("all").people, 76_000);

    let level = LevelId::new("icb.residence").expect("a level");
    answer.scope = Some(Scope { level, category: id("QZ2") });
    let refusal = rates(&answer, sources, &both, &catalogue).expect("a rate");
    assert_eq!(refusal, Err(RateRefusal::Held { percent: 50 }));
}

#[test]
fn an_indicator_that_is_no_rate_has_none() {
    let share = answer("ae_over_4_hours", "2021-03", vec![], Bounds::exactly(20));
    let sources = RateSources { populations: &[], catchment: None };
    assert!(rates(&share, sources, &agreement(&["QZ1"]), &catalogue()).is_none());
}

/// People of an area by these bands of ages, ten in each.
fn by_age(basis: Basis, bands: &[(u8, Option<u8>)]) -> PopulationTable {
    let row = |(from, to): &(u8, Option<u8>)| PopulationRow {
        area: id("QZ1"),
        imd: None,
        age: AgeBand::new(*from, *to),
        sex: None,
        ethnicity: None,
        count: 10,
    };
    let head = PopulationHead { basis, imd_edition: None, ..head("by age", 2020) };
    PopulationTable::new(head, bands.iter().map(row).collect()).expect("a population")
}

#[test]
fn a_rate_of_an_age_range_has_its_people_below_the_line() {
    let catalogue = catalogue();
    let tables = [by_age(Basis::Resident, &[(0, Some(17)), (18, Some(64)), (65, None)])];
    let held = catchment(950, false);
    let sources = RateSources { populations: &tables, catchment: Some(&held) };
    let one = agreement(&["QZ1"]);
    let axes = vec![axis(&catalogue, "age.adult", &[])];
    let answer = answer("ae_rate_under_18", "2021-03", axes, Bounds::exactly(20));
    let rates = rates(&answer, sources, &one, &catalogue).expect("a rate").expect("rates");
    let categories = &answer.axes[0].categories;
    let at = |id: &str| categories.iter().position(|c| c.id.as_str() == id).expect("a category");
    assert_eq!(rates.at(&[at("all")]).expect("all").people, 10, "not the thirty of all ages");
    let (children, adults) = (at("0-17"), at("18+"));
    assert_eq!(rates.at(&[children]).expect("children").people, 10);
    assert!(rates.at(&[adults]).is_none(), "no adult is below the line");

    let fives = [by_age(Basis::Resident, &[(0, Some(14)), (15, Some(19)), (20, None)])];
    let sources = RateSources { populations: &fives, catchment: Some(&held) };
    let refusal = super::rates(&answer, sources, &one, &catalogue).expect("a rate");
    assert!(refusal.expect_err("no such bands").to_string().contains("do not make up"));
}

#[test]
fn a_registered_rate_needs_every_register() {
    let catalogue = catalogue();
    let tables = [by_age(Basis::Registered, &[(0, None)])];
    let one = agreement(&["QZ1"]);
    let mut answer = answer("ae_registered", "2021-03", vec![], Bounds::exactly(20));
    let made = |answer: &Answer, catchment: Option<&Catchment>| {
        let sources = RateSources { populations: &tables, catchment };
        rates(answer, sources, &one, &catalogue).expect("a rate")
    };
    for status in [CoverageStatus::Late, CoverageStatus::Refused, CoverageStatus::Unreachable] {
        answer.coverage[1].status = status;
        let name = "The trust RA2".to_owned();
        assert_eq!(made(&answer, None), Err(RateRefusal::Registers { name }));
    }
    answer.coverage[1].status = CoverageStatus::NoData;
    let rates = made(&answer, None).expect("rates");
    assert_eq!(rates.at(&[]).expect("all").people, 10);
    assert!(rates.notes.iter().any(|n| n.contains("all registers")), "{:?}", rates.notes);
    let specialist = made(&answer, Some(&catchment(950, true)));
    assert!(matches!(specialist, Err(RateRefusal::Specialist { .. })), "{specialist:?}");
}
