//! Populations, residents' care and published series: made-up files and, where they are present, official ones.

use evensum_core::catalogue::Population as Basis;
use evensum_core::model::{CategoryId, ImdEdition, IndicatorId, Ods};
use evensum_core::population::{AgeBand, AreaKind, EthnicGroup, Grouping, Sex, Slice};

use super::super::{Extent, Imported, Reference};
use super::*;

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("written");
    path
}

fn add_to(dir: &Path, name: &str, text: &str, wishes: &Wishes) -> Result<Named, ReferenceError> {
    let file = write(dir, name, text);
    match Reference::import(&dir.join("store"), &file, Extent::Whole, wishes, &|_| {})? {
        Imported::Named(named) => Ok(named),
        Imported::Table(added) => panic!("{name} is {:?}", added.kind),
    }
}

fn add(name: &str, text: &str, wishes: &Wishes) -> Result<(Named, Shelf), ReferenceError> {
    let dir = tempfile::tempdir().expect("a directory");
    let named = add_to(dir.path(), name, text, wishes)?;
    Ok((named, Shelf::open(&dir.path().join("store"))?))
}

fn plain(text: &str) -> Result<(Named, Shelf), ReferenceError> {
    add("people.csv", text, &Wishes::default())
}

fn area(code: &str) -> CategoryId {
    CategoryId::new(code).expect("an area")
}

const LONG: &str = "area_type,area,imd_edition,imd,age_from,age_to,sex,ethnicity_grouping,ethnicity,year,basis,count\n";

#[test]
fn the_long_form_is_taken_stored_and_read_again() {
    let text = format!(
        "{LONG}icb,QVV,2025,1,0,17,F,five_2001,white,2024,resident,\"1,200\"\n\
         icb,QVV,2025,1,18,,F,five_2001,white,2024,resident,30\n\
         icb,QVV,2025,2,18,,male,five_2001,asian,2024,resident,4\n"
    );
    let (named, shelf) = plain(&text).expect("taken");
    assert_eq!((named.kind, named.name.as_str(), named.rows), (NamedKind::Population, "people", 3));
    assert!(
        named.about.contains("residents 2024") && named.about.contains("IMD 2025"),
        "{}",
        named.about
    );
    assert_eq!(named.sha256, Digest::of(text.as_bytes()));
    let table = &shelf.populations()[0];
    let head = table.head();
    assert_eq!((head.year, head.basis, head.area_kind), (2024, Basis::Resident, AreaKind::Icb));
    assert_eq!(head.imd_edition, Some(ImdEdition::Imd2025));
    assert_eq!(head.grouping, Some(Grouping::Five2001));
    let women = Slice { areas: vec![area("QVV")], sex: Some(Sex::Female), ..Slice::default() };
    assert_eq!(table.count(&women), 1_230);
    let children = AgeBand::new(0, Some(17));
    assert_eq!(table.count(&Slice { age: children, ..women }), 1_200);
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_line() {
    let first = "icb,QVV,2025,1,0,4,,,,2024,resident,5\n";
    for (row, wanted) in [
        ("icb,QVV,2025,1,0,4,,,,2024,resident,6", "row 3 (the header is row 1): the same people"),
        (
            "icb,QVV,2025,2,0,4,,,,2024,resident,-6",
            "row 3 (the header is row 1): the count is not a whole",
        ),
        ("icb,QVV,2025,2,0,4,,,,2024,resident,6.5", "the count is not a whole"),
        ("icb,QVV,2025,2,0,4,,,,2024,resident,", "the count is not a whole"),
        (
            "icb,QVV,2019,2,0,4,,,,2024,resident,6",
            "row 3 (the header is row 1): it is of another edition",
        ),
        ("icb,QVV,,2,0,4,,,,2024,resident,6", "of another edition"),
        ("icb,QVV,2015,2,0,4,,,,2024,resident,6", "neither 2019 nor 2025"),
        ("icb,QVV,2025,11,0,4,,,,2024,resident,6", "the decile is not"),
        ("icb,XVV,2025,2,0,4,,,,2024,resident,6", "the area is no code"),
        ("local_authority,E06000058,2025,2,0,4,,,,2024,resident,6", "kind of area is another"),
        ("county,E10000009,2025,2,0,4,,,,2024,resident,6", "area_type is none"),
        ("icb,QVV,2025,2,0,4,,,,2023,resident,6", "of another year"),
        ("icb,QVV,2025,2,0,4,,,,2024,registered,6", "of residents and the first"),
        ("icb,QVV,2025,2,0,4,,,,2024,everybody,6", "neither resident nor registered"),
        ("icb,QVV,2025,2,,,,,,2024,resident,6", "filled in all rows or blank in all"),
        ("icb,QVV,2025,2,3,9,,,,2024,resident,6", "overlap"),
        ("icb,QVV,2025,2,4,0,,,,2024,resident,6", "the ages are none"),
        ("icb,QVV,2025,2,0,4,X,,,2024,resident,6", "the sex is neither"),
        ("icb,QVV,2025,2,0,4,,five_2001,green,2024,resident,6", "the ethnic group is none"),
        ("icb,QVV,2025,2,0,4,,ten,white,2024,resident,6", "ethnicity_grouping is neither"),
    ] {
        let error = plain(&format!("{LONG}{first}{row}\n")).expect_err(row).to_string();
        assert!(error.contains(wanted), "{row}: {error}");
        assert!(!error.contains("QVV") || error.contains("such as QVV"), "no value: {error}");
    }
    let groups = |second: &str| {
        let row = |grouping: &str, group: &str| {
            format!("icb,QVV,,,,,,{grouping},{group},2024,resident,1\n")
        };
        plain(&format!("{LONG}{}{}", row("five_2001", "white"), row(second, "asian")))
    };
    assert!(groups("five_2001").is_ok());
    let error = groups("five_census2021").expect_err("two groupings").to_string();
    assert!(error.contains("ethnic grouping is another"), "{error}");
    let error = plain(LONG).expect_err("empty").to_string();
    assert!(error.contains("no rows"), "{error}");
    let ungrouped =
        plain(&format!("{LONG}icb,QVV,,,,,,,white,2024,resident,1\n")).expect_err("no grouping");
    assert!(ungrouped.to_string().contains("of which grouping"), "{ungrouped}");
}

#[test]
fn what_a_file_does_not_say_is_said_on_the_command_line_or_asked_for() {
    let text = "icb_ods,age_band,sex,count\nQVV,0-17,females,3\nQVV,18+,females,4\n";
    let error = plain(text).expect_err("no year").to_string();
    assert!(error.contains("--year"), "{error}");
    let wishes = Wishes { year: Some(2023), ..Wishes::default() };
    let error = add("x.csv", text, &wishes).expect_err("no basis").to_string();
    assert!(error.contains("--basis"), "{error}");
    let wishes =
        Wishes { basis: Some(Basis::Registered), name: Some("gp_2023".to_owned()), ..wishes };
    let (named, shelf) = add("x.csv", text, &wishes).expect("taken");
    assert_eq!(named.name, "gp_2023");
    assert_eq!(shelf.populations()[0].head().basis, Basis::Registered);
    let wishes = Wishes { name: Some("../x".to_owned()), ..wishes };
    assert!(matches!(add("x.csv", text, &wishes), Err(ReferenceError::Name(_))));
    // The last single year of age is everybody from there on.
    let years: String = (0..=90).map(|n| format!("QVV,{n},{}\n", n + 1)).collect();
    let (_, shelf) =
        add("mid2023.csv", &format!("icb_ods,age,population\n{years}"), &Wishes::default())
            .expect("taken");
    let table = &shelf.populations()[0];
    assert_eq!(table.head().year, 2023);
    assert!(AgeBand::EVERYBODY.is_made_of(table.bands()));
}

#[test]
fn several_populations_stand_side_by_side_and_one_of_a_name_replaces_the_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = |count: u32| format!("icb_ods,year,residents\nQVV,2021,{count}\n");
    for (file, count) in [("a.csv", 1), ("b.csv", 2), ("a.csv", 3)] {
        add_to(dir.path(), file, &text(count), &Wishes::default()).expect("taken");
    }
    let store = dir.path().join("store");
    let shelf = Shelf::open(&store).expect("opens");
    let counts: Vec<u64> = shelf.populations().iter().map(|t| t.rows()[0].count).collect();
    assert_eq!(counts, [3, 2]);
    let names: Vec<String> =
        Shelf::list(&store).expect("listed").into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(
        add_to(dir.path(), "a.csv", "icb_ods,year,residents\nQVV,2021,x\n", &Wishes::default())
            .is_err()
    );
    assert_eq!(Shelf::open(&store).expect("as it was").populations()[0].rows()[0].count, 3);
    fs::write(store.join("population-a.csv"), text(9)).expect("written");
    let changed = Shelf::open(&store).expect_err("changed").to_string();
    assert!(changed.contains("'a' was changed"), "{changed}");
}

#[test]
fn residents_care_needs_patients_and_not_the_providers_side() {
    let dir = tempfile::tempdir().expect("a directory");
    let wishes = Wishes::default();
    let theirs = "trust_ods,icb22cd,share_of_trust_patients_from_icb\nR0A,E54000008,0.04\n";
    let error =
        add_to(dir.path(), "c.csv", theirs, &wishes).expect_err("the other side").to_string();
    assert!(error.contains("'patients'"), "{error}");
    let by_ons =
        "trust_ods,icb22cd,patients,specialist\nRA1,E54000041,900,no\nRA2,E54000041,100,yes\n";
    let error = add_to(dir.path(), "c.csv", by_ons, &wishes).expect_err("no boards").to_string();
    assert!(error.contains("list of boards"), "{error}");
    let boards = "icbcd,icb_ods,icbnm,vintage\nE54000041,QVV,\"NHS Dorset, ICB\",2022\n";
    let named = add_to(dir.path(), "b.csv", boards, &wishes).expect("taken");
    assert_eq!((named.kind, named.rows), (NamedKind::Boards, 1));
    let named = add_to(dir.path(), "c.csv", by_ons, &wishes).expect("taken");
    assert!(named.about.contains("1 areas by provider, 1 of them specialist"), "{}", named.about);
    let shelf = Shelf::open(&dir.path().join("store")).expect("opens");
    let catchment = shelf.catchment().expect("a table");
    let ods = |code: &str| Ods::new(code).expect("a code");
    assert_eq!(catchment.held(&area("QVV"), &[&ods("RA1")].into()), Some(0.9));
    assert!(catchment.is_specialist(&ods("RA2")) && !catchment.is_specialist(&ods("RA1")));
    for (rows, wanted) in [
        ("RA1,QVV,1,\nRA1,QVV,2,\n", "row 3 (the header is row 1): the provider stands"),
        ("RA1,QVV,-1,\n", "patients is not"),
        ("RA1,QVV,1,maybe\n", "specialist is neither"),
        ("R!,QVV,1,\n", "no ODS code"),
    ] {
        let text = format!("provider,area,patients,specialist\n{rows}");
        let error = add_to(dir.path(), "d.csv", &text, &wishes).expect_err(rows).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

const FINGERTIPS: &str = "Indicator ID,Indicator Name,Parent Code,Parent Name,Area Code,Area Name,Area Type,Sex,Age,Category Type,Category,Time period,Value,Lower CI 95.0 limit,Upper CI 95.0 limit,Count,Denominator,Value note\n\
    90001,Long waits,,,E92000001,England,England,Persons,All ages,,,2025/26,4.25,4.2,4.3,10,20,\n\
    90001,Long waits,,,E92000001,England,England,Persons,All ages,,,2024/25,3.5,,,10,20,\n\
    90001,Long waits,,,E92000001,England,England,Persons,All ages,,,2023/24,,,,,,Value suppressed\n\
    90001,Long waits,,,E92000001,England,England,Female,All ages,,,2025/26,5.5,,,,,\n\
    90001,Long waits,,,E92000001,England,England,Persons,All ages,LSOA11 deprivation deciles in England (IMD2019),Most deprived decile (IMD2019),2025/26,9.5,,,,,\n\
    90001,Long waits,,,E06000058,Bournemouth,UA,Persons,All ages,,,2025/26,7.5,,,,,\n\
    90001,Long waits,,,E92000001,England,England,Persons,All ages,,,2021,3.5,,,,,\n";

#[test]
fn of_a_fingertips_download_englands_figures_for_everybody_are_kept() {
    let wishes = Wishes { name: Some("rtt_over_52_weeks".to_owned()), ..Wishes::default() };
    let (named, shelf) = add("f.csv", FINGERTIPS, &wishes).expect("taken");
    assert_eq!((named.kind, named.rows, named.skipped), (NamedKind::Series, 2, 5));
    let id = IndicatorId::new("rtt_over_52_weeks").expect("an id");
    let figures: Vec<_> = shelf.series()[0].of(&id, "Waiting").collect();
    let said: Vec<(String, f64)> =
        figures.iter().map(|f| (f.period.to_string(), f.value)).collect();
    assert_eq!(said, [("2025-26".to_owned(), 4.25), ("2024-25".to_owned(), 3.5)]);
    assert_eq!((figures[0].lower, figures[0].upper), (Some(4.2), Some(4.3)));
    assert_eq!(figures[0].source, "Fingertips, indicator 90001");
    let other = IndicatorId::new("another").expect("an id");
    assert_eq!(shelf.series()[0].of(&other, "Long waits").count(), 0, "it was said what it is of");
    // Without that, by its own name.
    let (_, shelf) = add("f.csv", FINGERTIPS, &Wishes::default()).expect("taken");
    assert_eq!(shelf.series()[0].of(&other, "long waits").count(), 2);
    assert_eq!(shelf.series()[0].of(&other, "Waiting").count(), 0);
    let two = format!(
        "{FINGERTIPS}90002,Others,,,E92000001,England,England,Persons,All ages,,,2025/26,1,,,,,\n"
    );
    let error = add("f.csv", &two, &wishes).expect_err("two series").to_string();
    assert!(error.contains("90001, 90002") && error.contains("--metric"), "{error}");
    let one = Wishes { metric: Some("90002".to_owned()), ..wishes };
    assert_eq!(add("f.csv", &two, &one).expect("one").0.rows, 1);
}

#[test]
fn of_the_central_metrics_library_too() {
    let head = "datapoint_id,metric_id,dimension_id,sex,reporting_grain,location_id,location_type,reporting_period_start_datetime,publication_datetime,metric_value\n";
    let text = format!(
        "{head}a,RTT00001_act,,all_sex,monthly,E92000001,national,2026-10-01T00:00:00,,12.5\n\
         b,RTT00001_act,x,female,monthly,E92000001,national,2026-10-01,,13.5\n\
         c,RTT00001_act,,all_sex,monthly,QVV,icb,2026-10-01,,14.5\n"
    );
    let (named, shelf) = add("cml.csv", &text, &Wishes::default()).expect("taken");
    assert_eq!((named.rows, named.skipped), (1, 2));
    let id = IndicatorId::new("x").expect("an id");
    let figure = shelf.series()[0].of(&id, "rtt00001_act").next().expect("a figure");
    assert_eq!((figure.value, figure.period.to_string().as_str()), (12.5, "2026-10"));
    let joined = text
        .replace("sex,reporting_grain", "reporting_grain")
        .replace(",all_sex", "")
        .replace(",female", "");
    let error = add("cml.csv", &joined, &Wishes::default()).expect_err("no dimensions").to_string();
    assert!(error.contains("join it"), "{error}");
    let error = add("cml.csv", &text.replace("reporting_grain", "kind"), &Wishes::default());
    assert!(error.expect_err("no grain").to_string().contains("reporting_grain"));
    let elsewhere = format!("{head}c,RTT00001_act,,all_sex,monthly,QVV,icb,2026-10-01,,14.5\n");
    assert!(matches!(
        add("cml.csv", &elsewhere, &Wishes::default()),
        Err(ReferenceError::NoEngland)
    ));
}

fn official(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("EVENSUM_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let file = folder.join(name);
    if !file.exists() {
        skipped(name);
    }
    file.exists().then_some(file)
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(name: &str) {
    eprintln!("skipped: no {name}; set EVENSUM_TEST_DATA to the folder that has it");
}

fn import(dir: &Path, file: &Path) -> Result<Imported, ReferenceError> {
    Reference::import(dir, file, Extent::Whole, &Wishes::default(), &|_| {})
}

#[test]
fn official_populations_are_recognised_and_have_the_published_totals() {
    let dir = tempfile::tempdir().expect("a directory");
    let total = |shelf: &Shelf, year: u16| {
        let of_year = |t: &&PopulationTable| t.head().year == year;
        let table = shelf.populations().iter().find(of_year).expect("of the year").clone();
        let all: u64 = table.rows().iter().map(|r| r.count).sum();
        (table, all)
    };
    if let Some(file) = official("population_mid2020_icb22_imd2019_age5.csv") {
        import(dir.path(), &file).expect("taken");
        let (table, all) = total(&Shelf::open(dir.path()).expect("opens"), 2020);
        assert_eq!(all, 56_550_138, "residents of England, mid-2020");
        assert_eq!((table.areas().len(), table.bands().len()), (42, 19));
        assert_eq!(table.head().imd_edition, Some(ImdEdition::Imd2019));
        assert!(AgeBand::EVERYBODY.is_made_of(table.bands()));
        let slice = Slice {
            areas: vec![area("QYG")],
            imd: Some(vec![1]),
            age: AgeBand::new(0, Some(4)),
            ..Slice::default()
        };
        assert_eq!(table.count(&slice), 40_883);
    }
    if let Some(file) = official("census2021_ethnicity_icb24_imd2025.csv") {
        import(dir.path(), &file).expect("taken");
        let (table, all) = total(&Shelf::open(dir.path()).expect("opens"), 2021);
        assert!((56_400_000..56_600_000).contains(&all), "{all}");
        assert_eq!(table.head().grouping, Some(Grouping::FiveCensus2021));
        assert_eq!(table.head().imd_edition, Some(ImdEdition::Imd2025));
        let slice = Slice {
            areas: vec![area("QYG")],
            imd: Some(vec![1]),
            ethnicity: Some(EthnicGroup::Asian),
            ..Slice::default()
        };
        assert_eq!(table.count(&slice), 16_619);
    }
    if let Some(file) = official("ons_uk_population_mid2023_age_sex.csv") {
        import(dir.path(), &file).expect("taken");
        let (table, _) = total(&Shelf::open(dir.path()).expect("opens"), 2023);
        let boys = Slice {
            areas: vec![area("K02000001")],
            sex: Some(Sex::Female),
            age: AgeBand::new(0, Some(0)),
            ..Slice::default()
        };
        assert_eq!(table.count(&boys), 324_854);
    }
}

#[test]
fn the_official_catchments_are_refused_and_the_list_of_boards_is_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    if let Some(file) = official("trust_catchment_by_icb22.csv") {
        assert!(matches!(import(dir.path(), &file), Err(ReferenceError::ProvidersSide)));
    }
    if let Some(file) = official("icb_names.csv") {
        let Imported::Named(named) = import(dir.path(), &file).expect("taken") else {
            panic!("it has a name");
        };
        assert_eq!(named.kind, NamedKind::Boards);
        Shelf::open(dir.path()).expect("opens");
    }
    if let Some(file) = official("lookup_lsoa11_icb22.csv") {
        assert!(matches!(import(dir.path(), &file).expect("taken"), Imported::Table(_)));
    }
    if let Some(file) = official("imd2019_lsoa11.csv") {
        assert!(matches!(import(dir.path(), &file).expect("taken"), Imported::Table(_)));
    }
}
