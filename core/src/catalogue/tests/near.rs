//! Which tables are near to a combination of categories, and in which order.

use std::collections::BTreeMap;

use super::super::*;
use super::builtin;
use super::ladders::{agreement, indicator};

fn wishes(text: &str) -> Vec<Wish> {
    let one = |pair: &str| {
        let (of, category) = pair.split_once('=').expect("a pair");
        Wish { of: LevelId::new(of).expect("a level"), category: category.to_owned() }
    };
    text.split(',').filter(|pair| !pair.is_empty()).map(one).collect()
}

fn near(text: &str, agreement: &Agreement) -> Result<Vec<String>, NearError> {
    let rtt = indicator("rtt_over_52_weeks");
    let provider = (CategoryId::new("RA1").expect("id"), "A trust".to_owned());
    let lists: Lists =
        BTreeMap::from([(DimensionId::new("provider").expect("id"), vec![provider])]);
    let found = builtin().nearest(&wishes(text), &rtt, agreement, &lists)?;
    let said = |near: &Near| {
        let pairs: Vec<String> =
            near.by.iter().zip(&near.at).map(|(l, c)| format!("{l}={c}")).collect();
        format!("{}{}", pairs.join(" "), if near.declared { "" } else { " ?" })
    };
    Ok(found.iter().map(said).collect())
}

#[test]
fn the_nearest_have_most_of_the_dimensions_and_then_the_finest_levels() {
    let all = agreement(&["13sa"], &["imd", "ethnicity", "sex"], &[], 2);
    assert_eq!(
        near("sex=1,imd=q1,ethnicity=B", &all).expect("near"),
        [
            "imd.quintile=q1 ethnicity.code=B",
            "imd.quintile=q1 sex=male",
            "ethnicity.code=B sex=male ?",
            "imd.quintile=q1 ethnicity.group=white",
            "imd.core20=core20 ethnicity.code=B ?",
            "imd.core20=core20 sex=male",
            "ethnicity.group=white sex=male ?",
            "imd.quintile=q1 ethnicity.white_other=white ?",
            "imd.core20=core20 ethnicity.group=white ?",
            "ethnicity.white_other=white sex=male ?",
            "imd.core20=core20 ethnicity.white_other=white",
            "imd.quintile=q1",
            "ethnicity.code=B",
            "sex=male",
            "imd.core20=core20",
            "ethnicity.group=white",
            "ethnicity.white_other=white",
        ]
    );
    let one = agreement(&["13sa"], &["imd.core20", "sex"], &[], 1);
    assert_eq!(
        near("sex=1,imd=q1,ethnicity=B", &one).expect("near"),
        ["sex=male", "imd.core20=core20"]
    );
    // A category is found by its id on any level, by a code of source systems, and by an age.
    let wide = agreement(
        &[],
        &["imd", "ethnicity", "age", "tfc", "provider"],
        &["ethnicity.group_2021"],
        1,
    );
    for (asked, found) in [
        ("imd=1", "imd.decile=d01 ? | imd.quintile=q1 ? | imd.core20=core20 ?"),
        ("imd=not_core20", "imd.core20=not_core20 ?"),
        ("imd.quintile=q4", "imd.quintile=q4 ? | imd.core20=not_core20 ?"),
        (
            "ethnicity=R",
            "ethnicity.code=R ? | ethnicity.group_2021=asian_2021 ? | ethnicity.white_other=other_than_white ?",
        ),
        (
            "ethnicity=z",
            "ethnicity.code=not_stated ? | ethnicity.group_2021=not_stated ? | ethnicity.white_other=not_stated ?",
        ),
        // Chinese are no part of it, and of no group of the census.
        ("ethnicity=other", "ethnicity.white_other=other_than_white ?"),
        ("age=50", "age.band=45-64 ? | age.adult=18+ ?"),
        ("tfc=115", "tfc.group=110 ?"),
        ("provider=RA1", "provider=RA1 ?"),
    ] {
        assert_eq!(near(asked, &wide).expect(asked).join(" | "), found, "{asked}");
    }
}

#[test]
fn what_is_no_combination_is_said() {
    let all = agreement(&["13sa"], &["imd", "sex"], &[], 2);
    for (asked, says) in [
        ("", "name 1 to 8"),
        ("imd=q1,imd.core20=core20", "'imd' stands there twice"),
        ("imd=q9", "'imd' has no category 'q9'"),
        ("imd=all", "'imd' has no category 'all'"),
        ("imd.quintile=d01", "'imd' has no category 'd01'"),
        ("imd.quintile=1", "'imd' has no category '1'"),
        ("colour=red", "there is no dimension 'colour'"),
        ("age.leaf=a00", "there is no dimension 'age.leaf'"),
        // Of another dataset.
        ("afc_band=band1", "there is no dimension 'afc_band'"),
        ("provider=RA2", "'provider' has no category 'RA2'"),
    ] {
        let said = near(asked, &all).expect_err(asked).to_string();
        assert!(said.contains(says), "{asked}: {said}");
    }
}
