//! The view of one's own extract beside hand counts of the rows that it was made of.

use proptest::prelude::*;

use super::*;
use crate::authz::{self, Permit};
use crate::disclosure::{FigureBounds, FigureGap, internal, preview};
use crate::model::{
    CategoryId, IndicatorId, LevelId, Measured, Profile, Question, RawCell, Sum, Table,
};
use crate::plan::Plan;
use crate::view::RowShare;

type OwnPlan = Plan<authz::Local>;

fn catalogue() -> Catalogue {
    Catalogue::builtin().expect("the catalogue")
}

fn plan(indicator: &str, by: &[&str], profile: Profile, catalogue: &Catalogue) -> OwnPlan {
    let indicator = IndicatorId::new(indicator).expect("an id");
    let question = Question {
        definition_hash: catalogue.definition_hash(&indicator).expect("a hash"),
        indicator,
        period: "2026-10".parse().expect("a period"),
        by: by.iter().map(|l| LevelId::new(*l).expect("a level")).collect(),
        scope: None,
    };
    let permit = Permit::local(question, catalogue, profile).expect("a permit");
    Plan::compile(&permit, catalogue).expect("a plan")
}

fn own(version: Option<SnapshotVersion>) -> Own {
    Own {
        ods: Ods::new("R0D").expect("a code"),
        name: "A Trust".to_owned(),
        snapshot: Digest::of(b"extract"),
        as_of: "2026-10-31".parse().expect("a date"),
        version,
        imd_edition: Some(ImdEdition::Imd2025),
    }
}

/// A row: the code of its group, the code of its outcome, and its measures.
type Row = (&'static str, &'static str, Vec<u64>);

/// Counts rows of one person each, cell for cell, by the codes that categories are made of.
fn table(plan: &OwnPlan, rows: &[Row]) -> Table<RawCell> {
    let layout = plan.layout();
    let lattice = layout.lattice();
    let cell = |index: usize| {
        let at = lattice.coordinates(index);
        let inside = |axis: usize, code: &str| {
            let axis_of = &lattice.axes()[axis];
            let leaf = axis_of.leaves().iter().position(|l| l.as_str() == code).expect("a code");
            let members = &axis_of.categories()[at[axis]].members;
            members.iter().any(|m| usize::from(*m) == leaf)
        };
        let of: Vec<&Row> =
            rows.iter().filter(|(group, out, _)| inside(0, group) && inside(1, out)).collect();
        let sums = (0..layout.measures().len()).map(|measure| {
            let values = || of.iter().map(|(_, _, values)| values[measure]);
            let squares = values().map(|v| v * v).sum();
            Sum::new(values().sum(), squares, values().max().unwrap_or(0))
        });
        let units = layout.histogram().map_or_else(Vec::new, |histogram| {
            let last = usize::from(histogram.last) + 1;
            let mut units = vec![0_u32; last + 1];
            for (_, _, values) in &of {
                units[usize::try_from(values[0]).expect("small").min(last)] += 1;
            }
            units
        });
        let events = of.len() as u64;
        RawCell::new(events, events, events.min(1)).with(Measured::new(sums.collect(), units))
    };
    Table::new(lattice.clone(), (0..lattice.len()).map(cell).collect()).expect("a table")
}

fn exact(plan: &OwnPlan, rows: &[Row]) -> Answer {
    let internal = internal(plan, table(plan, rows)).expect("the planned table");
    let view = SystemView::local_exact(internal, own(None), &catalogue()).expect("a view");
    assert!(view.is_exact());
    view.into_answer()
}

fn at<'a>(answer: &'a Answer, category: &str) -> &'a super::super::Cell {
    let id = CategoryId::new(category).expect("an id");
    let position = answer.axes[0].categories.iter().position(|c| c.id == id).expect("a category");
    answer.cells.iter().find(|cell| cell.at == [position]).expect("a cell")
}

fn rows(of: &[(usize, &'static str, &'static str)]) -> Vec<Row> {
    let each = of.iter().flat_map(|(n, sex, band)| (0..*n).map(move |_| (*sex, *band, vec![])));
    each.collect()
}

/// 3 of 21 men, 1 of 9 women, nobody else.
fn waiting() -> Vec<Row> {
    rows(&[
        (18, "male", "w0_18"),
        (2, "male", "w52_65"),
        (1, "male", "w104"),
        (8, "female", "w18_52"),
        (1, "female", "w65_78"),
    ])
}

#[test]
fn exact_figures_are_those_of_a_count_by_hand() {
    let catalogue = catalogue();
    // What a profile would do to them plays no part.
    for profile in [Profile::Nhs75m, Profile::ExactCs] {
        let answer = exact(&plan("rtt_over_52_weeks", &["sex"], profile, &catalogue), &waiting());
        for (sex, cases, all) in
            [("male", 3, 21), ("female", 1, 9), ("unknown", 0, 0), ("all", 4, 30)]
        {
            let cell = at(&answer, sex);
            for (side, count) in [(cell.numerator, cases), (cell.denominator, all)] {
                let bounds = crate::model::Bounds::exactly(count);
                assert_eq!((side.bounds, side.published), (bounds, Some(count)), "{sex}");
                assert_eq!(side.state, CellState::Value);
            }
            let share = cell.proportion.map(|p| (p.low, p.high));
            let real = |n: u64| n as f64;
            let by_hand = (all > 0).then(|| real(cases) / real(all));
            assert_eq!(share, by_hand.map(|share| (share, share)), "{sex}");
        }
        assert_eq!(answer.cells.len(), answer.axes[0].categories.len());
        assert_eq!((answer.view, answer.policy, answer.query_id), (ViewKind::Partner, None, None));
        assert!(answer.receipts.is_empty() && answer.releases.is_empty());
        assert_eq!(answer.caveats[0], EXACT);
        assert!(answer.caveats.iter().any(|c| c.contains("staged")), "{:?}", answer.caveats);
        let [line] = &answer.coverage[..] else { panic!("one line: {:?}", answer.coverage) };
        assert_eq!((line.ods.as_str(), line.name.as_str()), ("R0D", "A Trust"));
        assert!(answer.complete());
    }
}

fn figure(answer: &Answer, sex: &str, which: usize) -> Result<f64, FigureGap> {
    at(answer, sex).figures[which].map(|figure| {
        let FigureBounds { low, high, published } = figure;
        assert_eq!((high, published), (Some(low), Some(low)), "a figure without room");
        low
    })
}

#[test]
fn means_percentiles_and_ratios_are_not_rounded_or_withheld() {
    let catalogue = catalogue();
    let planned = |id: &str| plan(id, &["sex"], Profile::Nhs75m, &catalogue);
    let with = |values: &[u64], sex, band| -> Vec<Row> {
        values.iter().map(|v| (sex, band, vec![*v])).collect()
    };
    // Of three men who wait 10, 11 and 30 weeks and two women who wait 3 and over 104.
    let percentiles = planned("rtt_wait_percentiles");
    let waits = [with(&[10, 11, 30], "male", "w0_18"), with(&[3, 200], "female", "w0_18")].concat();
    let answer = exact(&percentiles, &waits);
    let kinds = catalogue.indicator(&answer.indicator.id).expect("known").kind.clone();
    let median = kinds.percentiles().iter().position(|at| *at == 50).expect("a median");
    // Half of three rows is reached in the middle of the week that ends with 11.
    assert_eq!(figure(&answer, "male", median), Ok(10.5));
    assert_eq!(figure(&answer, "female", median), Ok(3.0));
    assert_eq!(at(&answer, "unknown").figures[median], Err(FigureGap::Nobody));
    let last = kinds.percentiles().len() - 1;
    assert_eq!(
        at(&answer, "female").figures[last],
        Ok(FigureBounds { low: 104.0, high: None, published: None })
    );

    let mean = planned("emergency_length_of_stay");
    let codes = mean.layout().lattice().axes()[1].leaves().to_vec();
    let numerator = &mean.layout().lattice().axes()[1].categories()[mean.layout().numerator()];
    let code = codes[usize::from(numerator.members[0])].clone();
    let code: &'static str = Box::leak(code.as_str().to_owned().into_boxed_str());
    let answer = exact(&mean, &with(&[1, 1, 2], "male", code));
    assert_eq!(figure(&answer, "male", 0), Ok(4.0 / 3.0));
    assert_eq!(at(&answer, "female").figures, [Err(FigureGap::Nobody)]);
}

#[test]
fn a_protected_view_is_what_the_preview_shows() {
    let catalogue = catalogue();
    let plan = plan("rtt_over_52_weeks", &["sex"], Profile::Nhs75m, &catalogue);
    let many = rows(&[
        (983, "male", "w0_18"),
        (41, "male", "w52_65"),
        (560, "female", "w0_18"),
        (3, "female", "w104"),
    ]);
    let shown = preview(&plan, table(&plan, &many)).expect("a preview");
    let groups: Vec<_> = shown.groups().map(|g| (g.numerator, g.denominator)).collect();
    let cells = shown.combined();
    let view = SystemView::local_protected(shown, own(Some(SnapshotVersion::Final)), &catalogue);
    let view = view.expect("a view");
    assert!(!view.is_exact());
    let answer = view.answer();
    assert_eq!(answer.policy, Some(Profile::Nhs75m.into()));
    assert_eq!(answer.caveats[0], PROTECTED);
    for ((cell, combined), (above, below)) in answer.cells.iter().zip(cells).zip(groups) {
        assert_eq!((cell.numerator, cell.denominator), (combined.numerator, combined.denominator));
        for (side, shown) in [(cell.numerator, above), (cell.denominator, below)] {
            let figure = match shown {
                Shown::Published(figure) => Some(figure),
                _ => None,
            };
            assert_eq!(side.published, figure);
            assert_eq!(side.state == CellState::Value, figure.is_some());
        }
    }
    let men = at(answer, "male");
    assert_eq!((men.numerator.published, men.denominator.published), (Some(40), Some(1_025)));
    let women = at(answer, "female");
    assert_ne!(women.numerator.state, CellState::Value, "three are hidden");
    assert!(women.numerator.bounds.high.is_none_or(|high| high > 3));
    assert!(answer.caveats.iter().any(|c| c.contains("not zero")), "{:?}", answer.caveats);
}

#[test]
fn completeness_is_of_the_own_table() {
    let catalogue = catalogue();
    let plan = plan("rtt_over_52_weeks", &["sex"], Profile::Nhs75m, &catalogue);
    // 97 of 100 are known; of the other three a release would not say so.
    let most = rows(&[(60, "male", "w0_18"), (37, "female", "w52_65"), (3, "unknown", "w0_18")]);
    let answer = exact(&plan, &most);
    let [own] = &answer.completeness[..] else { panic!("one: {:?}", answer.completeness) };
    assert_eq!(
        (own.usable(), own.not_known()),
        (RowShare::WholePercent(97), RowShare::WholePercent(3))
    );
    assert_eq!((own.ods().as_str(), own.version()), ("R0D", None));
    let shown = preview(&plan, table(&plan, &most)).expect("a preview");
    let view = SystemView::local_protected(shown, own_final(), &catalogue).expect("a view");
    let [hidden] = &view.answer().completeness[..] else { panic!("one") };
    assert_eq!(hidden.not_known(), RowShare::Withheld);
    assert_eq!(hidden.version(), Some(SnapshotVersion::Final));
}

fn own_final() -> Own {
    own(Some(SnapshotVersion::Final))
}

#[test]
fn a_rate_of_one_organisation_is_refused_by_name() {
    let catalogue = catalogue();
    let rate = catalogue
        .indicators()
        .iter()
        .find(|i| {
            matches!(i.kind, IndicatorKind::Rate { .. })
                && i.breakdowns.iter().any(|d| d.as_str() == "sex")
        })
        .expect("a rate");
    let plan = plan(rate.id.as_str(), &["sex"], Profile::Nhs75m, &catalogue);
    let answer = exact(&plan, &[]);
    assert_eq!(answer.beside.rates, Some(Err(RateRefusal::OneOrganisation)));
}

proptest! {
    /// Whatever is in a table: what is exact lies within what the policy leaves.
    #[test]
    fn a_policy_leaves_room_for_what_is_exact(
        counts in proptest::collection::vec((0_usize..40, 0_usize..3, 0_usize..3), 1..12),
    ) {
        let catalogue = catalogue();
        let plan = plan("rtt_over_52_weeks", &["sex"], Profile::Nhs75m, &catalogue);
        let codes = |sex, band| (["male", "female", "unknown"][sex], ["w0_18", "w52_65", "w104"][band]);
        let of: Vec<_> = counts.iter().map(|(n, s, b)| (*n, codes(*s, *b).0, codes(*s, *b).1)).collect();
        let all = rows(&of);
        let exact = exact(&plan, &all);
        let shown = preview(&plan, table(&plan, &all)).expect("a preview");
        let view = SystemView::local_protected(shown, own(None), &catalogue).expect("a view");
        for (hidden, true_one) in view.answer().cells.iter().zip(&exact.cells) {
            for (around, side) in [
                (hidden.numerator, true_one.numerator),
                (hidden.denominator, true_one.denominator),
            ] {
                let count = side.published.expect("exact");
                prop_assert!(around.bounds.contains(count), "{around:?} {count}");
            }
        }
    }
}
