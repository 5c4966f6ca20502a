//! Tables of what source systems write, and what it means.

use std::fs;

use evensum_core::catalogue::Catalogue;
use evensum_core::model::ImdEdition;
use proptest::prelude::*;

use super::*;

fn census() -> Date {
    "2026-10-31".parse().expect("a date")
}

fn rules(nulls: &[String]) -> Rules<'_> {
    Rules { census: census(), nulls, dates: &[] }
}

/// What each text means in a dimension, as `category Seen`, `listed CODE` or `refused Rule`.
fn check(dimension: &str, origin: fn(&Reference) -> Origin<'_>, cases: &[(&str, &str)]) {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let found = catalogue.dimensions().iter().find(|d| d.id.as_str() == dimension);
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("imd.csv", "lsoa11cd,imd_rank,imd_decile\nE01000001,1,1\nE01000002,9,10\n"),
        ("icb.csv", "lsoa11cd,icb_ods,sicbl_ods,lad22cd\nE01000001,QVV,11J,E06000058\n"),
        (
            "onspd.csv",
            "pcds,doterm,ctry,lsoa11\nBH15 2JA,,E92000001,E01000001\nBH1 1AA,199606,E92000001,E01000002\n\
             BH1 1AB,,E92000001,E01000003\nBX1 1LT,,E92000001,\nCF10 1AA,,W92000004,W01000001\n\
             AB1 0AA,199606,S92000003,S01006514\nBT1 1AA,,N92000002,95GG01S1\n",
        ),
    ] {
        fs::write(dir.path().join(name), text).expect("written");
        Reference::add(
            &dir.path().join("reference"),
            &dir.path().join(name),
            crate::reference::Extent::Partial,
        )
        .expect("taken");
    }
    let reference = Reference::open(&dir.path().join("reference")).expect("opens");
    let derivation =
        Derivation::new(found.expect(dimension), origin(&reference), None).expect("usable");
    let nulls = ["null", "na", "n/a"].map(str::to_owned);
    for (text, expected) in cases {
        let meaning = match derivation.of(text.as_bytes(), &rules(&nulls), census()) {
            Derived::Leaf(id, seen) => format!("{id} {seen:?}"),
            Derived::Listed(code) => format!("listed {}", code.category().expect("a code")),
            Derived::Refused(rule) => format!("refused {rule:?}"),
        };
        assert_eq!(meaning, *expected, "{dimension} '{text}'");
    }
}

#[test]
fn ethnic_category_is_its_first_character() {
    check(
        "ethnicity",
        |_| Origin::Ethnicity,
        &[
            ("A", "A Valid"),
            ("a", "A Valid"),
            ("A1", "A Valid"),
            ("c3", "C Valid"),
            ("S9", "S Valid"),
            ("R", "R Valid"),
            ("Z", "not_stated NotStated"),
            ("z", "not_stated NotStated"),
            ("Z1", "not_stated NotStated"),
            ("99", "unknown NotKnown"),
            ("9", "unknown NotKnown"),
            ("X", "unknown NotKnown"),
            ("", "unknown Blank"),
            ("NULL", "unknown Blank"),
            ("N/A", "unknown Blank"),
            // N with a local second character, and no word for nothing.
            ("NA", "N Valid"),
            ("I", "unknown Invalid"),
            ("O", "unknown Invalid"),
            ("Q", "unknown Invalid"),
            ("Q1", "unknown Invalid"),
            ("T", "unknown Invalid"),
            ("98", "unknown Invalid"),
            ("1A", "unknown Invalid"),
            ("British", "unknown Invalid"),
            ("é", "unknown Invalid"),
        ],
    );
}

#[test]
fn sex_and_treatment_function_are_codes_perhaps_padded() {
    check(
        "sex",
        |_| Origin::Code,
        &[
            ("1", "male Valid"),
            ("2", "female Valid"),
            ("02", "female Valid"),
            ("2.0", "female Valid"),
            ("m", "male Valid"),
            ("F", "female Valid"),
            ("9", "indeterminate Valid"),
            ("X", "unknown NotKnown"),
            ("0", "unknown NotKnown"),
            ("00", "unknown NotKnown"),
            ("3", "unknown Invalid"),
            ("Male", "unknown Invalid"),
            ("", "unknown Blank"),
        ],
    );
    check(
        "tfc",
        |_| Origin::Code,
        &[
            ("110", "110 Valid"),
            ("115", "110 Valid"),
            ("0110", "110 Valid"),
            ("110.0", "110 Valid"),
            ("X02", "X02 Valid"),
            ("x06", "X06 Valid"),
            ("999", "unknown NotKnown"),
            ("123", "unknown Invalid"),
            ("Dermatology", "unknown Invalid"),
            (".0", "unknown Invalid"),
        ],
    );
}

#[test]
fn ages_fall_into_leaves_at_the_census_date() {
    check(
        "age",
        |_| Origin::BirthDate,
        &[
            ("2026-10-31", "a00 Valid"),
            ("2025-10-31", "a01 Valid"),
            ("2025-11-01", "a00 Valid"),
            ("2008-10-31", "a18 Valid"),
            ("2008-11-01", "a15 Valid"),
            ("1936-10-31", "a90 Valid"),
            ("1936-11-01", "a85 Valid"),
            ("1906-10-31", "a90 Valid"),
            ("1905-10-31", "unknown Invalid"),
            ("1900-01-01", "unknown Invalid"),
            ("31/10/1950", "unknown Invalid"),
            ("2026-11-01", "refused NotYetBorn"),
            ("", "unknown Blank"),
        ],
    );
    check(
        "age",
        |_| Origin::Age,
        &[
            ("0", "a00 Valid"),
            ("10", "a10 Valid"),
            ("017", "a15 Valid"),
            ("18.0", "a18 Valid"),
            ("120", "a90 Valid"),
            ("121", "unknown Invalid"),
            ("-1", "refused NegativeAge"),
            ("-0", "unknown Invalid"),
            ("18.5", "unknown Invalid"),
            ("90+", "unknown Invalid"),
            ("99999999999", "unknown Invalid"),
            ("null", "unknown Blank"),
        ],
    );
}

#[test]
fn areas_lead_to_deciles_and_boards() {
    check(
        "imd",
        |r| Origin::Decile(AreaFrom::Lsoa, r.imd(ImdEdition::Imd2019).expect("the table"), None),
        &[
            ("E01000001", "d01 Valid"),
            ("e01000002", "d10 Valid"),
            ("E01000003", "unknown Unmatched"),
            ("W01000001", "not_applicable NotApplicable"),
            ("S01006506", "not_applicable NotApplicable"),
            ("95GG01S1", "not_applicable NotApplicable"),
            ("E02000001", "unknown Invalid"),
            ("BH15 2JA", "unknown Invalid"),
            ("", "unknown Blank"),
        ],
    );
    check(
        "icb",
        |r| Origin::BoardOfArea(AreaFrom::Lsoa, r, 2011),
        &[
            ("E01000001", "listed QVV"),
            ("E01000002", "unknown Unmatched"),
            ("W01000001", "not_applicable NotApplicable"),
            ("x", "unknown Invalid"),
        ],
    );
    check(
        "imd",
        |_| Origin::Code,
        &[
            ("1", "d01 Valid"),
            ("01", "d01 Valid"),
            ("10", "d10 Valid"),
            ("3.0", "d03 Valid"),
            ("11", "unknown Invalid"),
            ("0", "unknown Invalid"),
            ("", "unknown Blank"),
        ],
    );
}

#[test]
fn areas_lead_to_local_authorities_and_sub_locations() {
    check(
        "icb",
        |r| Origin::PlaceOfArea(AreaFrom::Lsoa, PlaceKind::LocalAuthority, r, 2011),
        &[
            ("E01000001", "listed E06000058"),
            ("E01000002", "unknown Unmatched"),
            ("W01000001", "not_applicable NotApplicable"),
            ("x", "unknown Invalid"),
            ("", "unknown Blank"),
        ],
    );
    check(
        "icb",
        |r| Origin::PlaceOfArea(AreaFrom::Lsoa, PlaceKind::SubIcb, r, 2011),
        &[("e01000001", "listed 11J"), ("E01000002", "unknown Unmatched")],
    );
    check(
        "icb",
        |_| Origin::Place(PlaceKind::LocalAuthority),
        &[
            ("e06000058", "listed E06000058"),
            ("E12000009", "unknown Invalid"),
            ("9434765919", "unknown Invalid"),
            ("BH15 2JA", "unknown Invalid"),
        ],
    );
    check(
        "icb",
        |_| Origin::Place(PlaceKind::SubIcb),
        &[
            ("11j", "listed 11J"),
            ("A3A8R", "listed A3A8R"),
            ("BH152", "listed BH152"),
            ("9434765919", "unknown Invalid"),
        ],
    );
}

#[test]
fn postcodes_lead_to_deciles_and_boards() {
    fn postcodes(reference: &Reference) -> AreaFrom<'_> {
        AreaFrom::new("postcode", ImdEdition::Imd2019, reference).expect("a directory")
    }
    check(
        "imd",
        |r| Origin::Decile(postcodes(r), r.imd(ImdEdition::Imd2019).expect("the table"), None),
        &[
            ("BH15 2JA", "d01 Valid"),
            ("bh152ja", "d01 Valid"),
            ("BH15  2JA", "d01 Valid"),
            ("BH1  1AA", "d10 Valid"),
            // In an area that the index has not; in none; in no directory.
            ("BH1 1AB", "unknown Unmatched"),
            ("BX1 1LT", "unknown Unmatched"),
            ("BH15 2JB", "unknown Unmatched"),
            ("Z99 3CZ", "unknown Unmatched"),
            ("CF10 1AA", "not_applicable NotApplicable"),
            ("AB1 0AA", "not_applicable NotApplicable"),
            ("BT1 1AA", "not_applicable NotApplicable"),
            ("BH15", "unknown Invalid"),
            ("BHI5 2JA", "unknown Invalid"),
            ("BH15 2JA x", "unknown Invalid"),
            ("E01000001", "unknown Invalid"),
            ("ZZ99 3VZ", "unknown Pseudo(NoFixedAbode)"),
            ("zz993cz", "unknown Pseudo(England)"),
            ("ZZ99 3WZ", "unknown Pseudo(NotKnown)"),
            ("ZZ99 9ZZ", "unknown Pseudo(Other)"),
            ("ZZ99 3GZ", "not_applicable Pseudo(Wales)"),
            ("ZZ99 4QZ", "not_applicable Pseudo(Overseas)"),
            ("", "unknown Blank"),
            ("NULL", "unknown Blank"),
        ],
    );
    check(
        "icb",
        |r| Origin::BoardOfArea(postcodes(r), r, 2011),
        &[
            ("BH15 2JA", "listed QVV"),
            ("BH1 1AA", "unknown Unmatched"),
            ("CF10 1AA", "not_applicable NotApplicable"),
            ("ZZ99 3VZ", "unknown Pseudo(NoFixedAbode)"),
            ("ZZ99 3BZ", "not_applicable Pseudo(IsleOfMan)"),
            ("x", "unknown Invalid"),
        ],
    );
}

#[test]
fn organisations_are_listed_and_identifiers_are_not() {
    check(
        "provider",
        |_| Origin::Provider,
        &[
            ("R0D", "listed R0D"),
            ("rdy", "listed RDY"),
            ("R0D02", "listed R0D02"),
            ("J81001", "listed J81001"),
            ("504", "listed 504"),
            ("9434765919", "unknown Invalid"),
            ("943476", "unknown Invalid"),
            ("BH152JA", "unknown Invalid"),
            ("W1A1AA", "unknown Invalid"),
            ("M11AE", "unknown Invalid"),
            ("E01000001", "unknown Invalid"),
            ("19500101", "unknown Invalid"),
            ("R0 D", "unknown Invalid"),
            ("unknown", "unknown Invalid"),
            ("", "unknown Blank"),
        ],
    );
    check(
        "icb",
        |_| Origin::Board,
        &[("QVV", "listed QVV"), ("qmf", "listed QMF"), ("11J", "unknown Invalid")],
    );
}

#[test]
fn waits_are_whole_weeks_rounded_up() {
    let nulls = Vec::new();
    for (start, expected) in [
        ("2026-10-31", Ok(0)),
        ("2026-10-30", Ok(1)),
        ("2026-10-24", Ok(1)),
        ("2026-10-23", Ok(2)),
        ("2026-06-27", Ok(18)),
        ("2026-06-26", Ok(19)),
        ("2025-11-01", Ok(52)),
        ("2025-10-31", Ok(53)),
        ("2016-11-12", Ok(520)),
        ("2016-11-11", Err(Rule::WaitTooLong)),
        ("2026-11-01", Err(Rule::AfterCensus)),
        ("", Err(Rule::Blank)),
        ("soon", Err(Rule::NotADate)),
        ("01/10/2026", Err(Rule::NotADate)),
    ] {
        assert_eq!(rules(&nulls).weeks_since(start.as_bytes()), expected, "{start}");
    }
    for (text, expected) in [
        ("0", Ok(0)),
        ("18", Ok(18)),
        ("18.0", Ok(18)),
        ("18.01", Ok(19)),
        ("520", Ok(520)),
        ("520.1", Err(Rule::WaitTooLong)),
        ("99999999999", Err(Rule::NotWeeks)),
        ("-1", Err(Rule::NotWeeks)),
        (".5", Err(Rule::NotWeeks)),
        ("1e2", Err(Rule::NotWeeks)),
        ("", Err(Rule::Blank)),
    ] {
        assert_eq!(rules(&nulls).weeks_given(text.as_bytes()), expected, "{text}");
    }
}

/// Nobody is made a year older, and no check is made up: what rules look at is whole.
#[test]
fn numbers_of_rules_are_whole_and_measures_are_rounded_up() {
    let nulls = Vec::new();
    for (text, whole, measure) in [
        ("17", Ok(17), Ok(17)),
        ("17.0", Ok(17), Ok(17)),
        ("17.", Ok(17), Ok(17)),
        ("17.5", Err(Rule::NotANumber), Ok(18)),
        ("7.01", Err(Rule::NotANumber), Ok(8)),
        ("17.0x", Err(Rule::NotANumber), Err(Rule::NotANumber)),
        ("-1", Err(Rule::NotANumber), Err(Rule::NotANumber)),
        (".0", Err(Rule::NotANumber), Err(Rule::NotANumber)),
        ("", Err(Rule::Blank), Err(Rule::Blank)),
    ] {
        assert_eq!(rules(&nulls).whole_given(text.as_bytes()), whole, "{text}");
        assert_eq!(rules(&nulls).number_given(text.as_bytes()), measure, "{text}");
    }
}

proptest! {
    /// Against the definition: the least number of weeks that covers the days.
    #[test]
    fn weeks_cover_the_days_and_no_more(days in 0_i64..=3640) {
        let start = Date::from_civil(census().civil() - time::Duration::days(days));
        let nulls = Vec::new();
        let weeks = rules(&nulls).weeks_since(start.to_string().as_bytes()).expect("believable");
        prop_assert!(i64::from(weeks) * 7 >= days);
        prop_assert!((i64::from(weeks) - 1) * 7 < days);
    }

    #[test]
    fn no_text_makes_a_derivation_panic(text in prop::collection::vec(any::<u8>(), 0..12)) {
        let catalogue = Catalogue::builtin().expect("catalogue");
        let nulls = Vec::new();
        for dimension in catalogue.dimensions() {
            for origin in [
                Origin::Code, Origin::Ethnicity, Origin::Provider, Origin::Board, Origin::Age, Origin::BirthDate,
            ] {
                let derivation = Derivation::new(dimension, origin, None).expect("usable");
                let _ = derivation.of(&text, &rules(&nulls), census());
            }
        }
        let _ = rules(&nulls).weeks_given(&text);
        let _ = rules(&nulls).minutes_given(&text);
        let _ = rules(&nulls).moment(&text);
        let _ = dates::Clock::read(&text);
    }
}

#[test]
fn rules_name_the_limits_in_force() {
    let days = MAX_MINUTES / (24 * 60);
    assert!(Rule::StayTooLong.as_str().contains(&format!("{days} days")));
    assert!(Rule::WaitTooLong.as_str().contains(&MAX_WEEKS.to_string()));
    let bytes = crate::intake::MAX_PERSON_BYTES.to_string();
    assert!(Rule::PersonTooLong.as_str().contains(&bytes));
}
