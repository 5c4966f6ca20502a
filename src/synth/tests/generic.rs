//! Extracts of any dataset: the same bytes from the same seed, worse figures where people are more deprived.

use evensum_core::model::{Ods, Period};

use super::*;
use crate::synth::{
    Columns, GenericError, GenericExtract, GenericTruth, Order, Place, Places, PlacesError,
};

fn places() -> Places {
    let board = Ods::new("QVV").expect("a board");
    Places::invented(board, &Geography::new(1)).expect("places")
}

fn written(
    dataset: &str,
    rows: u32,
    seed: u64,
) -> Result<(Vec<u8>, GenericTruth, String), GenericError> {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let id = evensum_core::model::DatasetId::new(dataset).expect("an id");
    let (places, provider) = (places(), Ods::new("R0D").expect("a partner"));
    let period: Period = "2026-10".parse().expect("a period");
    let extract = GenericExtract::new(Order {
        dataset: catalogue.dataset(&id).expect("a dataset"),
        catalogue: &catalogue,
        places: &places,
        provider: &provider,
        period,
        rows,
        seed,
        columns: Columns::Usual,
    })?;
    let mut bytes = Vec::new();
    let truth = extract.write_csv(&mut bytes, &|_| {}, &mut |_| {})?;
    Ok((bytes, truth, extract.mapping()))
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let once = written("ae_attendance", 500, 1).expect("an extract");
    assert_eq!(once, written("ae_attendance", 500, 1).expect("an extract"));
    assert_ne!(once.0, written("ae_attendance", 500, 2).expect("an extract").0);
    assert_eq!(once.0.iter().filter(|b| **b == b'\n').count(), 501);
    let text = String::from_utf8(once.0).expect("text");
    for messy in ["NULL", "R0D", "r0d", "QVV", "qvv", "W01"] {
        assert!(text.contains(messy), "{messy}");
    }
}

#[test]
fn what_an_indicator_calls_worse_is_more_frequent_in_deprived_areas() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let (_, truth, _) = written("ae_attendance", 12_000, 1).expect("an extract");
    let id = evensum_core::model::DatasetId::new("ae_attendance").expect("an id");
    let outcome = &catalogue.dataset(&id).expect("a dataset").outcome;
    let all: Vec<CategoryId> = outcome.bands().into_iter().map(|(id, _)| id.clone()).collect();
    let over4h = &outcome.rollup(&category("over4h")).expect("a roll-up").of;
    let share = |quintile: &str| {
        let of = |bands: &[CategoryId]| {
            truth.count(bands, &category(quintile), &CategoryId::all()) as f64
        };
        of(over4h) / of(&all)
    };
    assert!(share("q1") > 1.15 * share("q5"), "{} {}", share("q1"), share("q5"));
}

#[test]
fn what_cannot_be_written_is_said() {
    let error = written("ae_attendance", 0, 1).expect_err("no rows").to_string();
    assert!(error.contains("1 to"), "{error}");
    let error = written("staff", 10, 1).expect_err("a month").to_string();
    assert!(error.contains("2026-27Q2") && error.contains("2026-10"), "{error}");
    let board = Ods::new("QMF").expect("a board");
    let one = |board: &str, decile| {
        let board = Ods::new(board).expect("a board");
        vec![Place { code: "E01000001".to_owned(), decile, board }]
    };
    let edition = evensum_core::model::ImdEdition::Imd2025;
    let places = |areas| Places::new(board.clone(), edition, areas).map(|places| places.len());
    assert_eq!(places(one("QMF", 3)), Ok(1));
    assert_eq!(places(one("QVV", 3)), Err(PlacesError::NoArea(board.clone())));
    assert_eq!(places(one("QMF", 11)), Err(PlacesError::Decile));
}
