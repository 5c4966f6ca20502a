//! Tables put together, protected and tested.

use proptest::prelude::*;

use super::source::places;
use super::*;
use crate::disclosure::attack::Limits;
use crate::model::{Profile, RawCell};

fn sex() -> Dimension {
    Dimension::flat("sex", ["F", "M"].map(str::to_owned)).expect("flat")
}

fn area() -> Dimension {
    let pairs = [("a", None), ("bc", None), ("b", Some("bc")), ("c", Some("bc"))];
    let link = |(code, parent): (&str, Option<&str>)| Link {
        code: code.to_owned(),
        parent: parent.map(str::to_owned),
        row: 0,
    };
    Dimension::with_hierarchy("area", &pairs.map(link)).expect("nests")
}

fn columns() -> Columns {
    Columns { count: "n".to_owned(), ..Columns::default() }
}

fn row(dimensions: &[Dimension], codes: &[&str], row: u64, n: u64) -> SourceRow {
    let at = dimensions.iter().zip(codes).map(|(d, code)| d.place(code).unwrap_or(0));
    SourceRow { at: at.collect(), row, count: RawCell::new(n, n, n.min(1)), quantity: None }
}

/// Area by sex; of F the parts at their lower ends fill the total, so that the third is 0 or 1.
fn filled() -> Source {
    let dimensions = vec![area(), sex()];
    let counts = [("a", 13, 40), ("b", 13, 30), ("c", 1, 20)];
    let rows: Vec<SourceRow> = counts
        .iter()
        .flat_map(|(code, f, m)| {
            [row(&dimensions, &[code, "F"], 2, *f), row(&dimensions, &[code, "M"], 3, *m)]
        })
        .collect();
    Source::new(dimensions, columns(), &rows, false).expect("adds up")
}

fn terms(rules: impl Into<CountRules>) -> Terms<'static> {
    Terms { rules: rules.into(), protect: None, already: &[], limits: Limits::RELEASE }
}

fn cell<'a>(sheet: &'a Sheet, codes: &[&str]) -> &'a SheetCell {
    let at: Vec<u16> =
        sheet.dimensions().iter().zip(codes).map(|(d, c)| d.place(c).unwrap_or(0)).collect();
    sheet.cells().iter().find(|cell| cell.at == at).expect("a cell")
}

#[test]
fn totals_are_made_of_true_counts() {
    let sheet = filled().protected(&terms(Profile::Nhs75m), MAX_CELLS).expect("tested");
    // 13 and 13 are shown as 15; their total with the hidden 1 is 27, shown as 25.
    assert_eq!(cell(&sheet, &["a", "F"]).shown, Shown::Published(15));
    assert_eq!(cell(&sheet, &["all", "F"]).shown, Shown::Published(25));
    assert_eq!(cell(&sheet, &["bc", "F"]).shown, Shown::Published(15));
    assert_eq!(cell(&sheet, &["bc", "all"]).shown, Shown::Published(65));
    assert_eq!(cell(&sheet, &["c", "F"]).shown, Shown::Small);
    assert_eq!((sheet.primary(), sheet.secondary()), (1, 0));
}

#[test]
fn a_table_from_which_a_count_can_be_worked_out_fails_and_coarser_ones_are_found() {
    let source = filled();
    let sheet = source.protected(&terms(Profile::Nhs75m), MAX_CELLS).expect("tested");
    assert_eq!(sheet.verdict(), Verdict::Unsafe);
    let hidden = cell(&sheet, &["c", "F"]);
    assert_eq!(hidden.worked_out, Bounds { low: 0, high: Some(1) });
    assert_eq!((sheet.exact_recoveries(), sheet.found_out()), (0, 1));
    let passing = source.coarser_that_pass(&terms(Profile::Nhs75m)).expect("tried");
    let named: Vec<String> = passing.iter().map(Coarser::options).collect();
    assert_eq!(named, ["--coarsen area=1", "--without area", "--without sex"]);
    for coarse in [source.coarser(0, 1), source.without(0), source.without(1)] {
        let sheet = coarse.protected(&terms(Profile::Nhs75m), MAX_CELLS).expect("tested");
        assert_eq!(sheet.verdict(), Verdict::Safe);
    }
    // With zeros shown the hidden one is exactly 1.
    let sheet = source.protected(&terms(Profile::Nhs75), MAX_CELLS).expect("tested");
    assert_eq!((sheet.verdict(), sheet.exact_recoveries()), (Verdict::Unsafe, 1));
}

#[test]
fn a_coarser_table_is_tested_with_the_finer_one_that_is_out() {
    let source = filled();
    let coarse = source.without(1);
    let cell = |at: [u16; 2], low, high| PublicCell {
        at: at.to_vec(),
        low,
        high: Some(high),
        hidden: (low < high && low <= 7).into(),
    };
    // Out: c by sex, M exactly. With c's total that is released now, F is known as closely as that is.
    let out = [cell([4, 1], 0, 7), cell([4, 2], 18, 18)];
    let alone = Terms { already: &out, ..terms(Profile::Nhs75m) };
    assert_eq!(coarse.protected(&alone, MAX_CELLS).expect("tested").verdict(), Verdict::Safe);
    let exact = CountRules::new(7, 1, Zeros::Merged).expect("rules");
    let with = Terms { rules: exact, ..alone };
    assert_eq!(coarse.protected(&with, MAX_CELLS).expect("tested").verdict(), Verdict::Unsafe);
}

#[test]
fn totals_that_came_with_the_rows_must_agree() {
    let dimensions = vec![area(), sex()];
    let rows = |total| {
        vec![
            row(&dimensions, &["b", "F"], 2, 10),
            row(&dimensions, &["c", "F"], 3, 20),
            row(&dimensions, &["bc", "F"], 4, total),
        ]
    };
    let made = |rows: &[SourceRow]| Source::new(dimensions.clone(), columns(), rows, false);
    assert!(made(&rows(30)).is_ok());
    let wrong = made(&rows(31)).expect_err("differs");
    assert_eq!(wrong, SheetError::Total { row: 4, column: "n".to_owned() });
    let mut twice = rows(30);
    twice.push(row(&dimensions, &["c", "F"], 5, 20));
    assert_eq!(made(&twice).expect_err("twice"), SheetError::Twice { row: 5, first: 3 });
    let great =
        vec![row(&dimensions, &["b", "F"], 2, MAX_BOUND), row(&dimensions, &["c", "F"], 3, 1)];
    let error = made(&great).expect_err("too great");
    assert_eq!(error, SheetError::TotalTooGreat { row: 3, column: "n".to_owned() });
}

#[test]
fn few_people_or_one_who_dominates_hide_a_count_and_its_sum() {
    let dimensions = vec![sex()];
    let columns = Columns {
        persons: Some("p".to_owned()),
        top: Some("t".to_owned()),
        sum: Some("s".to_owned()),
        sum_top: Some("st".to_owned()),
        ..columns()
    };
    let rows = |f: (u64, u64, u64), sum, top| {
        let f = SourceRow {
            at: vec![1],
            row: 2,
            count: RawCell::new(f.0, f.1, f.2),
            quantity: Some(Quantity::new(sum, Some(top))),
        };
        let m = SourceRow {
            at: vec![2],
            row: 3,
            count: RawCell::new(400, 300, 4),
            quantity: Some(Quantity::new(9_876, Some(100))),
        };
        [f, m]
    };
    let shown = |f, sum, top| {
        let source = Source::new(dimensions.clone(), columns.clone(), &rows(f, sum, top), false);
        let sheet = source.expect("a table").protected(&terms(Profile::Nhs75m), MAX_CELLS);
        let sheet = sheet.expect("tested");
        ["F", "M", "all"].map(|code| {
            let cell = cell(&sheet, &[code]);
            (cell.is_hidden(), cell.sum)
        })
    };
    let open = [(false, Some(1_230)), (false, Some(9_880)), (false, Some(11_100))];
    assert_eq!(shown((60, 50, 4), 1_234, 300), open);
    // 7 people, or one with more than half: the count is hidden, and no total of sums is given beside it.
    let hidden = [(true, None), (false, Some(9_880)), (false, None)];
    assert_eq!(shown((60, 7, 4), 1_234, 300), hidden);
    assert_eq!(shown((60, 50, 31), 1_234, 300), hidden);
    // A contributor with 46 % of the sum: the sum is withheld, the count is not.
    let dominated = [(false, None), (false, Some(9_880)), (false, None)];
    assert_eq!(shown((60, 50, 4), 1_000, 460), dominated);
}

#[test]
fn exact_counts_are_protected_by_hiding_more_of_them() {
    let dimensions = vec![area(), sex()];
    let counts = [("a", 30, 45), ("b", 4, 22), ("c", 19, 27)];
    let rows: Vec<SourceRow> = counts
        .iter()
        .flat_map(|(code, f, m)| {
            [row(&dimensions, &[code, "F"], 2, *f), row(&dimensions, &[code, "M"], 3, *m)]
        })
        .collect();
    let source = Source::new(dimensions, columns(), &rows, false).expect("adds up");
    let rules = CountRules::new(7, 1, Zeros::Shown).expect("rules");
    let with = |protect| Terms { protect, ..terms(rules) };
    let weak = source.protected(&with(None), MAX_CELLS).expect("tested");
    assert_eq!((weak.verdict(), weak.exact_recoveries()), (Verdict::Unsafe, 1));
    let sheet = source.protected(&with(Some(2)), MAX_CELLS).expect("tested");
    assert_eq!((sheet.verdict(), sheet.exact_recoveries()), (Verdict::Safe, 0));
    assert_eq!(sheet.primary(), 1);
    assert!(sheet.secondary() >= 3, "a count in two lines needs three others");
    let hidden = sheet.cells().iter().filter(|cell| cell.is_hidden()).count();
    assert_eq!(hidden, sheet.primary() + sheet.secondary());
}

#[test]
fn a_table_above_the_cap_is_told_what_is_small_enough() {
    let error = filled().protected(&terms(Profile::Nhs75m), 9).expect_err("15 cells");
    let SheetError::TooLarge(size) = &error else { panic!("{error}") };
    assert_eq!((size.cells, size.most), (15, 9));
    let text = error.to_string();
    assert!(text.contains("--coarsen area=1 (9 cells), --without area (3 cells)"), "{text}");
}

fn counts() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(prop_oneof![0_u64..4, 0_u64..12, 0_u64..60], 6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is shown and worked out, the truth is in it; and a table that passes lets no hidden count be pinned.
    #[test]
    fn the_truth_lies_in_what_is_worked_out(
        counts in counts(), limit in 1_u64..12, base in 1_u64..10, zeros: bool
    ) {
        let zeros = if zeros { Zeros::Shown } else { Zeros::Merged };
        let Ok(rules) = CountRules::new(limit, base, zeros) else { return Ok(()) };
        let dimensions = vec![area(), sex()];
        let codes = ["a", "b", "c"].into_iter().flat_map(|a| ["F", "M"].map(|s| [a, s]));
        let rows: Vec<SourceRow> =
            codes.zip(&counts).zip(2..).map(|((at, n), r)| row(&dimensions, &at, r, *n)).collect();
        let source = Source::new(dimensions.clone(), columns(), &rows, false).expect("a table");
        let sheet = source.protected(&terms(rules), MAX_CELLS).expect("tested");
        for (index, cell) in sheet.cells().iter().enumerate() {
            let at = places(&dimensions, index);
            let truth: u64 = rows
                .iter()
                .filter(|row| row.at.iter().zip(&at).zip(&dimensions).all(|((r, c), d)| {
                    r == c || d.above(usize::from(*r)).any(|up| up == usize::from(*c))
                }))
                .map(|row| row.count.events())
                .sum();
            prop_assert!(cell.says.contains(truth), "{cell:?}");
            prop_assert!(cell.worked_out.contains(truth), "{cell:?}");
            prop_assert_eq!(cell.is_hidden(), truth <= limit && !(truth == 0 && zeros == Zeros::Shown));
        }
        prop_assert_eq!(sheet.verdict() == Verdict::Safe, sheet.found_out() == 0);
    }
}
