//! Tests of the built-in definitions and of the loader's refusals.

use super::*;

fn builtin() -> Catalogue {
    Catalogue::builtin().expect("the built-in catalogue loads")
}

#[test]
fn every_builtin_indicator_has_a_hash_and_axes() {
    let catalogue = builtin();
    assert_eq!(catalogue.indicators().len(), 5);
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
    let catalogue = builtin();
    let dataset = &catalogue.datasets()[0];
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
        assert_eq!(
            dataset.outcome.band_of_weeks(weeks).map(CategoryId::as_str),
            Some(band),
            "{weeks}"
        );
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

#[test]
fn bad_definitions_are_refused_with_the_reason() {
    let rtt = include_str!("builtin/rtt.toml");
    let dimensions = include_str!("builtin/dimensions.toml");
    for (from, to, says) in [
        ("numerator = \"over52\"", "numerator = \"over53\"", "over53"),
        ("of = [\"w104\"]", "of = [\"w0_18\", \"w104\"]", "overlap"),
        ("\"imd\", \"ethnicity\", \"sex\"", "\"imb\", \"ethnicity\", \"sex\"", "imb"),
        ("unit = \"pathways\"", "units = \"pathways\"", "units"),
    ] {
        let text = rtt.replace(from, to);
        assert_ne!(text, rtt, "{from}");
        let error = Catalogue::from_texts(&[dimensions, &text]).expect_err(from).to_string();
        let chain = error.contains(says);
        assert!(chain, "{from}: {error}");
    }
    let text = dimensions.replace(
        "of = [\"d01\", \"d02\"] },\n  { id = \"q2\"",
        "of = [\"d01\"] },\n  { id = \"q2\"",
    );
    assert_ne!(text, dimensions);
    assert!(Catalogue::from_texts(&[&text, rtt]).is_err());
}
