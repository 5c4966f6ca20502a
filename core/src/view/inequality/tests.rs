//! Whatever the figures behind an answer are, what is said of it holds for them.

use proptest::prelude::*;

use super::super::answer::{CategoryView, IndicatorView, ViewKind};
use super::*;
use crate::catalogue::Polarity;
use crate::disclosure::Side;
use crate::model::{CategoryId, DimensionId, IndicatorId};

const KNOWN: usize = 5;

fn axis(dimension: &str, level: &str) -> AxisView {
    let known = (1..=KNOWN).map(|n| (format!("g{n}"), CategoryKind::Known));
    let rest = [("unknown", CategoryKind::Unknown), ("all", CategoryKind::Known)];
    let rest = rest.into_iter().map(|(id, kind)| (id.to_owned(), kind));
    let categories = known.chain(rest).map(|(id, kind)| {
        let category =
            if id == "all" { CategoryId::all() } else { CategoryId::new(&id).expect("id") };
        CategoryView { id: category, label: id, kind }
    });
    AxisView {
        dimension: DimensionId::new(dimension).expect("id"),
        level: LevelId::new(level).expect("level"),
        name: level.to_owned(),
        categories: categories.collect(),
    }
}

/// An answer whose cells are these: those above and below the line of each group, of the unknown, of everybody.
fn answer(dimension: &str, level: &str, cells: &[(Bounds, Bounds)]) -> Answer {
    let side = |bounds| Side { state: CellState::Value, bounds, published: None };
    let cell = |(at, (x, n)): (usize, &(Bounds, Bounds))| Cell {
        at: vec![at],
        numerator: side(*x),
        denominator: side(*n),
        proportion: proportion_bounds(*x, *n),
        figures: Vec::new(),
        people: None,
    };
    Answer {
        indicator: IndicatorView {
            id: IndicatorId::new("waits").expect("id"),
            version: 1,
            name: String::new(),
            unit: String::new(),
            phrase: String::new(),
            counted: String::new(),
            numerator: String::new(),
            kind: IndicatorKind::Proportion,
            people: true,
            polarity: Polarity::LowerIsBetter,
        },
        period: "2026-10".parse().expect("period"),
        axes: vec![axis(dimension, level)],
        scope: None,
        view: ViewKind::Interval,
        policy: None,
        rung: level.to_owned(),
        asked: None,
        imd_edition: None,
        cells: cells.iter().enumerate().map(cell).collect(),
        coverage: Vec::new(),
        completeness: Vec::new(),
        caveats: Vec::new(),
        receipts: Vec::new(),
        releases: Vec::new(),
        query_id: None,
        elapsed_ms: 1,
        beside: Default::default(),
    }
}

/// A count and bounds that hold it.
fn blurred(count: std::ops::Range<u64>) -> impl Strategy<Value = (u64, Bounds)> {
    (count, 0_u64..6, 0_u64..6).prop_map(|(n, below, above)| {
        (n, Bounds { low: n.saturating_sub(below), high: Some(n + above) })
    })
}

type Group = ((u64, Bounds), (u64, Bounds));

/// Those above and below the line of each cell.
type Cells = Vec<(Bounds, Bounds)>;

/// Those above the line and the others, of each group and of the unknown.
fn groups() -> impl Strategy<Value = Vec<Group>> {
    prop::collection::vec((blurred(1..60), blurred(20..300)), KNOWN + 1)
}

fn plus(of: &[(Bounds, Bounds)]) -> (Bounds, Bounds) {
    let none = (Bounds::exactly(0), Bounds::exactly(0));
    of.iter().fold(none, |sum, one| (sum.0.plus(one.0), sum.1.plus(one.1)))
}

/// The same table as it is, and as it is known.
fn both(groups: &[Group]) -> (Cells, Cells) {
    let exact = |((x, _), (others, _)): &Group| (Bounds::exactly(*x), Bounds::exactly(x + others));
    let known = |((_, x), (_, others)): &Group| (*x, x.plus(*others));
    let whole = |mut cells: Vec<(Bounds, Bounds)>| {
        cells.push(plus(&cells));
        cells
    };
    (whole(groups.iter().map(exact).collect()), whole(groups.iter().map(known).collect()))
}

fn one(dimension: &str, level: &str, cells: &[(Bounds, Bounds)]) -> Inequality {
    let mut all = inequalities(&answer(dimension, level, cells));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn holds(wide: Span, narrow: Span) -> bool {
    wide.low <= narrow.low + 1e-12 && narrow.high <= wide.high + 1e-12
}

fn share(x: u64, others: u64) -> f64 {
    x as f64 / (x + others) as f64
}

proptest! {
    #[test]
    fn what_is_said_of_bounds_holds_for_every_table_within_them(groups in groups()) {
        let (exact, known) = both(&groups);
        for (dimension, level) in [("imd", "imd.quintile"), ("ethnicity", "ethnicity.group")] {
            let (of_exact, of_known) = (one(dimension, level, &exact), one(dimension, level, &known));
            let pairs = [
                (&of_exact.difference, &of_known.difference),
                (&of_exact.ratio, &of_known.ratio),
            ];
            for (narrow, wide) in pairs {
                if let (Ok(narrow), Ok(wide)) = (narrow, wide) {
                    prop_assert!(holds(*wide, *narrow), "{wide:?} {narrow:?}");
                }
                prop_assert!(narrow.is_ok() || wide.is_err());
            }
            if let (Ok(narrow), Ok(wide)) = (&of_exact.slope, &of_known.slope) {
                prop_assert!(holds(wide.sii, narrow.sii), "{wide:?} {narrow:?}");
                if let (Ok(narrow), Ok(wide)) = (&narrow.rii, &wide.rii) {
                    prop_assert!(holds(*wide, *narrow), "{wide:?} {narrow:?}");
                }
            }
            if let (Ok(narrow), Ok(wide)) = (&of_exact.avoided, &of_known.avoided) {
                prop_assert!(holds(*wide, *narrow) && wide.low >= 0.0, "{wide:?} {narrow:?}");
            }
            prop_assert!(of_exact.avoided.is_ok());
            prop_assert_eq!(of_exact.slope.is_ok(), dimension == "imd");
            prop_assert!(holds(of_known.not_known.expect("a share"), of_exact.not_known.expect("a share")));
            prop_assert_eq!(of_known.difference.is_ok(), dimension == "imd");
        }
    }

    /// However the unknown are spread over the groups, the true difference is within what is said.
    #[test]
    fn the_unknown_may_belong_anywhere(groups in groups(), to_first in 0.0..=1.0_f64, cases_first in 0.0..=1.0_f64) {
        let (_, known) = both(&groups);
        let said = one("imd", "imd.quintile", &known).with_unknown.expect("a range");
        let ((cases, _), (others, _)) = groups[KNOWN];
        let part = |n: u64, share: f64| (n as f64 * share).floor() as u64;
        let (first, last) = (groups[0], groups[KNOWN - 1]);
        let (own_cases, own_others) = (part(cases, cases_first), part(others, to_first));
        let at_first = share(first.0.0 + own_cases, first.1.0 + own_others);
        let at_last = share(last.0.0 + cases - own_cases, last.1.0 + others - own_others);
        prop_assert!(said.low <= at_first - at_last && at_first - at_last <= said.high, "{said:?}");
    }
}

#[test]
fn what_cannot_be_compared_has_a_reason_and_no_number() {
    let group = (Bounds::exactly(3), Bounds::exactly(10));
    let mut cells = vec![group; KNOWN + 2];
    let mut hidden = answer("imd", "imd.quintile", &cells);
    hidden.cells[0].numerator.state = CellState::Suppressed;
    let found = &inequalities(&hidden)[0];
    assert_eq!(found.difference, Err(NotComputable::Missing { group: 1 }));
    assert_eq!(found.overlap, None);
    assert!(found.reference.is_some() && found.groups[0].known.is_none());
    cells[KNOWN - 1].0 = Bounds::exactly(0);
    let found = one("imd", "imd.quintile", &cells);
    assert!(
        matches!(found.ratio, Err(NotComputable::Undefined { .. })),
        "nothing is divided by nought"
    );
    let mut count = answer("imd", "imd.quintile", &cells);
    count.indicator.kind = IndicatorKind::Count;
    assert!(inequalities(&count).is_empty(), "groups differ in size");
}

#[test]
fn the_furthest_group_is_told_with_those_that_may_be_as_far() {
    let group = |x| (Bounds::exactly(x), Bounds::exactly(1_000));
    let mut cells: Vec<_> = [50, 60, 55, 300, 52].map(group).into();
    cells.push(group(10));
    cells.push(plus(&cells));
    let far = one("sex", "sex", &cells).furthest.expect("a group");
    assert_eq!((far.group, far.shared), (3, false));
    cells[1] = group(295);
    cells[6] = plus(&cells[..6]);
    let far = one("sex", "sex", &cells).furthest.expect("a group");
    assert_eq!((far.group, far.shared), (3, true));
}
