//! Tests of the catalogue: what the built-in definitions mean.

mod changed;
mod definitions;
mod ladders;
mod near;
mod partitions;
mod refusals;

use super::*;

fn outcome(dataset: &str) -> Outcome {
    let id = DatasetId::new(dataset).expect("id");
    builtin().dataset(&id).expect("dataset").outcome.clone()
}

fn id(text: &str) -> CategoryId {
    CategoryId::new(text).expect("id")
}

fn builtin() -> Catalogue {
    Catalogue::builtin().expect("the built-in catalogue loads")
}

#[test]
fn every_builtin_indicator_has_a_hash_and_axes() {
    let catalogue = builtin();
    assert!(catalogue.indicators().len() >= 60);
    assert!(catalogue.packs().len() >= 9);
    for indicator in catalogue.indicators() {
        assert!(catalogue.definition_hash(&indicator.id).is_ok());
        let dataset = catalogue.dataset(&indicator.dataset).expect("dataset");
        let outcome =
            dataset.outcome.axis(&[&indicator.numerator, &indicator.denominator]).expect("axis");
        assert!(outcome.position(&indicator.numerator).is_some());
        assert!(outcome.position(&indicator.denominator).is_some());
    }
    for level in catalogue.dimensions().iter().flat_map(|d| &d.levels).filter(|l| l.released) {
        assert!(catalogue.axis(&level.id, &Lists::new()).is_ok(), "{}", level.id);
    }
    assert!(catalogue.axis(&LevelId::new("age.leaf").expect("id"), &Lists::new()).is_err());
}

#[test]
fn levels_and_categories_have_the_agreed_ids() {
    let catalogue = builtin();
    for (level, category) in [
        ("imd.decile", "d01"),
        ("imd.quintile", "q1"),
        ("imd.core20", "core20"),
        ("ethnicity.code", "A"),
        ("ethnicity.group", "white"),
        ("age.band", "85+"),
        ("sex", "female"),
        ("tfc.group", "110"),
        ("provider", "elsewhere"),
        ("icb.residence", "unknown"),
        ("department", "type1"),
    ] {
        let axis = catalogue.axis(&LevelId::new(level).expect("id"), &Lists::new()).expect(level);
        assert!(
            axis.position(&CategoryId::new(category).expect("id")).is_some(),
            "{level} {category}"
        );
    }
}

#[test]
fn waits_fall_into_bands_strictly() {
    let outcome = outcome("rtt_open_pathway");
    for (weeks, band) in [
        (0, "w0_18"),
        (18, "w0_18"),
        (19, "w18_52"),
        (52, "w18_52"),
        (53, "w52_65"),
        (65, "w52_65"),
        (66, "w65_78"),
        (104, "w78_104"),
        (105, "w104"),
        (900, "w104"),
    ] {
        assert_eq!(outcome.band_of_weeks(weeks).map(CategoryId::as_str), Some(band), "{weeks}");
    }
    assert_eq!((outcome.band_of_stay(0, false), outcome.of_code("5")), (None, None));
}

#[test]
fn stays_fall_into_bands_strictly() {
    let outcome = outcome("ae_attendance");
    for (minutes, band, left) in [
        (0, "h0_4", "left_h0_4"),
        (240, "h0_4", "left_h0_4"),
        (241, "h4_12", "left_h4_12"),
        (720, "h4_12", "left_h4_12"),
        (721, "h12", "left_h12"),
        (20_000, "h12", "left_h12"),
    ] {
        let of = |left| outcome.band_of_stay(minutes, left).map(CategoryId::as_str);
        assert_eq!((of(false), of(true)), (Some(band), Some(left)), "{minutes}");
    }
}

#[test]
fn every_code_of_an_attendance_has_its_place() {
    let outcome = outcome("outpatient_appointment");
    for (code, band) in [
        ("5", "attended"),
        (" 6", "attended"),
        ("3", "dna"),
        ("7", "dna"),
        ("2", "cancelled_by_patient"),
        ("4", "cancelled_by_provider"),
    ] {
        assert_eq!(outcome.of_code(code), Some(OfCode::Band(&id(band))), "{code}");
    }
    assert_eq!(outcome.of_code("0"), Some(OfCode::Outside(Outside::NotYet)));
    assert_eq!(outcome.of_code("9"), Some(OfCode::Outside(Outside::NotKnown)));
    assert_eq!((outcome.of_code("1"), outcome.of_code("")), (None, None));
}

#[test]
fn a_table_holds_one_family_of_an_outcome() {
    let outcome = outcome("ae_attendance");
    assert!(outcome.axis(&[&id("over4h"), &id("over12h"), &id("within4h")]).is_ok());
    for other in ["over4h", "over12h", "within4h"] {
        assert_eq!(
            outcome.axis(&[&id("left"), &id(other)]).map(|_| ()),
            Err(LatticeError::Families(id("left"), id(other)))
        );
    }
}

/// Which bands each roll-up holds, written down a second time.
#[test]
fn numerators_and_denominators_are_the_agreed_bands() {
    let catalogue = builtin();
    let attended = ["attended", "dna", "cancelled_by_patient", "cancelled_by_provider"];
    let stays = ["h0_4", "h4_12", "h12", "left_h0_4", "left_h4_12", "left_h12"];
    for (indicator, above, below) in [
        ("op_dna_rate", &["dna"][..], &attended[..2]),
        ("op_cancelled_by_patient", &["cancelled_by_patient"], &attended),
        ("op_cancelled_by_provider", &["cancelled_by_provider"], &attended),
        ("ae_over_4_hours", &["h4_12", "h12", "left_h4_12", "left_h12"], &stays),
        ("ae_over_12_hours", &["h12", "left_h12"], &stays),
        ("ae_left_before_treatment", &["left_h0_4", "left_h4_12", "left_h12"], &stays),
    ] {
        let found =
            catalogue.indicator(&IndicatorId::new(indicator).expect("id")).expect("indicator");
        let outcome = outcome(found.dataset.as_str());
        let axis = outcome.axis(&[&found.numerator, &found.denominator]).expect("axis");
        let holds = |rollup: &CategoryId| -> Vec<&str> {
            let at = axis.position(rollup).expect("on the axis");
            let members = axis.categories()[at].members.iter();
            members.map(|m| axis.leaves()[usize::from(*m)].as_str()).collect()
        };
        assert_eq!(holds(&found.numerator), above, "{indicator}");
        assert_eq!(holds(&found.denominator), below, "{indicator}");
    }
}

#[test]
fn codes_and_ages_find_their_categories() {
    let catalogue = builtin();
    let of = |dimension: &str| {
        catalogue.dimensions().iter().find(|d| d.id.as_str() == dimension).expect("dimension")
    };
    assert_eq!(of("ethnicity").of_code(" z ").map(|c| c.id.as_str()), Some("not_stated"));
    assert_eq!(of("ethnicity").of_code("I").map(|c| c.id.as_str()), None);
    assert_eq!(of("tfc").of_code("108").map(|c| c.id.as_str()), Some("110"));
    for (age, leaf) in [
        (0, "a00"),
        (10, "a10"),
        (11, "a11"),
        (14, "a11"),
        (17, "a15"),
        (18, "a18"),
        (89, "a85"),
        (104, "a90"),
    ] {
        assert_eq!(of("age").of_age(age).map(|c| c.id.as_str()), Some(leaf), "{age}");
    }
}

#[test]
fn a_listed_dimension_takes_the_agreements_list() {
    let provider = LevelId::new("provider").expect("id");
    let lists = Lists::from([(
        provider.dimension(),
        vec![(CategoryId::new("ZZ1").expect("id"), "One".to_owned())],
    )]);
    let axis = builtin().axis(&provider, &lists).expect("axis");
    assert_eq!(axis.categories()[0].id.as_str(), "ZZ1");
    assert_eq!(axis.leaves().len(), 4);
}
