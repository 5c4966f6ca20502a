//! Figures against slow computations of the same from rows, and against an outsider who knows every rule.

use microlp::{ComparisonOp, OptimizationDirection, Problem};
use proptest::prelude::*;

use super::*;
use crate::catalogue::Catalogue;
use crate::model::{Bounds, Digest, IndicatorId, LevelId, Measured, Question};

/// A row of a made-up extract: of whom, where on each axis, whether above the line, and what is measured.
#[derive(Debug, Clone, Copy)]
struct Row {
    person: u64,
    at: [usize; 2],
    above: bool,
    values: [u64; 2],
}

fn layout(indicator: &str, by: &[&str]) -> Layout {
    let catalogue = Catalogue::builtin().expect("a catalogue");
    let question = Question {
        indicator: IndicatorId::new(indicator).expect("an id"),
        definition_hash: Digest::of(b""),
        period: "2026-10".parse().expect("a period"),
        by: by.iter().map(|level| LevelId::new(*level).expect("a level")).collect(),
        scope: None,
    };
    Layout::new(&question, None, &catalogue).expect("a layout")
}

/// The rows that a cell holds, found one by one.
fn held(layout: &Layout, index: usize, rows: &[Row]) -> Vec<Row> {
    let axes = layout.lattice().axes();
    let at = layout.lattice().coordinates(index);
    let (outcome, outer) = at.split_last().expect("an outcome");
    let in_cell = |row: &&Row| {
        let inside = outer.iter().zip(axes).zip(row.at).all(|((at, axis), own)| {
            let category = &axis.categories()[*at];
            category.id.is_all() || *at == own % (axis.categories().len() - 1)
        });
        let counted = axes[axes.len() - 1].categories()[*outcome].id.is_all()
            || (*outcome == layout.numerator() && row.above);
        inside && counted
    };
    rows.iter().filter(in_cell).copied().collect()
}

/// What each person has, the most first.
fn shares(rows: &[Row], of: impl Fn(&Row) -> u64) -> Vec<u64> {
    let mut persons: Vec<u64> = rows.iter().map(|row| row.person).collect();
    persons.sort_unstable();
    persons.dedup();
    let own = |person: &u64| rows.iter().filter(|r| r.person == *person).map(&of).sum();
    let mut shares: Vec<u64> = persons.iter().map(own).collect();
    shares.sort_unstable_by(|a, b| b.cmp(a));
    shares
}

fn table(layout: &Layout, rows: &[Row]) -> Table<RawCell> {
    let cell = |index| {
        let held = held(layout, index, rows);
        let events = shares(&held, |_| 1);
        let sum = |which: usize| {
            let values: Vec<u64> = held.iter().map(|row| row.values[which]).collect();
            let top = shares(&held, |row| row.values[which]).first().copied().unwrap_or(0);
            Sum::new(values.iter().sum(), values.iter().map(|v| v * v).sum(), top)
        };
        let units = layout.histogram().map_or_else(Vec::new, |histogram| {
            let mut units = vec![0; usize::from(histogram.last) + 2];
            for row in &held {
                let unit = usize::try_from(row.values[0]).expect("small");
                units[unit.min(usize::from(histogram.last) + 1)] += 1;
            }
            units
        });
        let top = events.first().copied().unwrap_or(0);
        let measured = Measured::new((0..layout.measures().len()).map(sum).collect(), units);
        RawCell::new(held.len() as u64, events.len() as u64, top).with(measured)
    };
    let cells = (0..layout.lattice().len()).map(cell).collect();
    Table::new(layout.lattice().clone(), cells).expect("a table")
}

fn released(layout: &Layout, profile: Profile, rows: &[Row]) -> (Vec<Shown>, Figures) {
    let raw = table(layout, rows);
    let shown = crate::disclosure::protect::shown_table(layout, profile, &raw);
    let figures = figures(layout, profile, &raw, &shown).expect("figures");
    (shown, figures)
}

const PROFILES: [Profile; 3] = [Profile::Nhs75m, Profile::Nhs75, Profile::Ons105m];

prop_compose! {
    /// Groups differ in size and in what they measure; some people have many rows, some of them great values.
    fn extract(many: usize)(
        rows in proptest::collection::vec((0_u64..400, 0_usize..24, 0_u32..10, 0_u64..60), 30..many), wild in 0_u64..60
    ) -> Vec<Row> {
        rows.into_iter().map(|(person, place, above, value)| {
            // Half of the rows lie in one group, the rest in ever smaller ones.
            let at = [place.leading_zeros() as usize - 59, place % 3];
            let value = if value > 55 { value * wild } else { value * (at[0] as u64 + 1) / 2 };
            Row { person, at, above: above > 0, values: [value.min(1_000), value % 32] }
        }).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A mean is shown where, and only where, the rules allow it, and the true mean is what it stands for.
    #[test]
    fn means_are_those_of_the_rows(rows in extract(500), two: bool) {
        let by = if two { &["sex", "imd.core20"][..] } else { &["sex"] };
        let layout = layout("emergency_length_of_stay", by);
        for profile in PROFILES {
            let (shown, figures) = released(&layout, profile, &rows);
            prop_assert!(possible(&layout, profile, &shown, Some(&figures)));
            prop_assert_eq!(figures.values.len(), 1);
            for (group, text) in figures.values[0].iter().enumerate() {
                let (above, below) = ends(&layout, group);
                let both = [above, below].map(|end| match shown[end] { Shown::Published(r) if r > 0 => r, _ => 0 });
                let held = held(&layout, above, &rows);
                let of_each = shares(&held, |row| row.values[0]);
                let total: u64 = of_each.iter().sum();
                let rest = |from: usize| of_each.iter().skip(from).sum::<u64>();
                let FigureText::Value(value) = text else {
                    // Withheld for a reason: too few, a sum that one person makes up nearly half of, an extreme of a
                    // small group, or no rounding that leaves room.
                    let few = both.contains(&0) || both[0] - 2 < 10;
                    let one = of_each.first().is_some_and(|first| first * 20 > total * 9);
                    prop_assert!(few || one || total * 4 < held.len() as u64 || figures.coarse == 10, "{group}");
                    continue;
                };
                prop_assert!(!both.contains(&0) && held.len() >= 10);
                let mean = total as f64 / held.len() as f64;
                let (low, high) = grid::stands_for(*value, figures.coarse);
                prop_assert!(low as f64 / 4.0 <= mean && mean <= high as f64 / 4.0, "{mean} {value}");
                // With the second greatest as it is: NK(2, 90 %) and p% = 10, and the first at most half.
                prop_assert!(rest(2) * 10 >= total, "{of_each:?}");
                prop_assert!(rest(2) * 10 >= of_each[0] && of_each[0] * 2 <= total);
            }
            let backwards: Vec<Row> = rows.iter().rev().copied().collect();
            prop_assert_eq!(released(&layout, profile, &backwards), (shown, figures));
        }
    }

    /// Percentiles are those of a mixture of even spreads over each unit, found by bisection.
    #[test]
    fn percentiles_are_those_of_the_rows(rows in extract(700)) {
        let layout = layout("rtt_wait_percentiles", &["sex"]);
        let (shown, figures) = released(&layout, Profile::Nhs75m, &rows);
        prop_assert!(possible(&layout, Profile::Nhs75m, &shown, Some(&figures)));
        for (which, share) in [(0, 0.5), (1, 0.92)] {
            for (group, text) in figures.values[which].iter().enumerate() {
                let held = held(&layout, ends(&layout, group).0, &rows);
                let n = held.len() as f64;
                let FigureText::Value(value) = text else {
                    let side = f64::min(share, 1.0 - share) * (n - 4.0);
                    let last = held.iter().filter(|r| r.values[0] > 104).count() as f64;
                    prop_assert!(side < 10.0 || last > (1.0 - share) * n - 1e-9 || shares(&held, |_| 1)[0] * 2 > held.len() as u64);
                    continue;
                };
                prop_assert!(share.min(1.0 - share) * n >= 10.0);
                let below = |x: f64| held.iter().map(|row| (x - (row.values[0] as f64 - 1.0)).clamp(0.0, 1.0)).sum::<f64>();
                let (mut low, mut high) = (-1.0_f64, 2_000.0_f64);
                for _ in 0..60 {
                    let middle = f64::midpoint(low, high);
                    if below(middle) < share * n - 1e-9 { low = middle } else { high = middle }
                }
                let exact = high.max(0.0);
                prop_assert!((exact - *value as f64).abs() <= 0.5 + 1e-6, "{exact} {value}");
            }
        }
    }

    #[test]
    fn ratios_are_those_of_the_rows(rows in extract(400)) {
        let layout = layout("restrictive_interventions_rate", &["sex"]);
        let (shown, figures) = released(&layout, Profile::Nhs75m, &rows);
        prop_assert!(possible(&layout, Profile::Nhs75m, &shown, Some(&figures)));
        for (group, text) in figures.values[0].iter().enumerate() {
            let held = held(&layout, ends(&layout, group).0, &rows);
            let FigureText::Value(value) = text else { continue };
            let sums = [0, 1].map(|which| held.iter().map(|row| row.values[which]).sum::<u64>());
            prop_assert!(held.len() >= 10 && sums.iter().all(|sum| *sum >= 10));
            let exact = sums[0] as f64 * 1_000.0 / sums[1] as f64;
            let (low, high) = grid::stands_for(*value, figures.coarse);
            let slack = 1e-9 * exact;
            prop_assert!(low as f64 / 2_000.0 <= exact + slack && exact <= high as f64 / 2_000.0 + slack);
            for which in [0, 1] {
                let of_each = shares(&held, |row| row.values[which]);
                prop_assert!(of_each[0] * 2 <= sums[which] && (of_each[0] + of_each[1]) * 10 <= sums[which] * 9);
            }
        }
    }

    /// Of a histogram no least, greatest or single row comes out: what is shown does not change where one row does, but
    /// for the step to the next unit.
    #[test]
    fn a_percentile_is_no_row(units in proptest::collection::vec(0_u32..30, 12), at in 1_u8..100) {
        let rows: u32 = units.iter().sum();
        prop_assume!(u64::from(rows) * u64::from(at.min(100 - at)) >= 1_000);
        let value = quantile(&units, at, true);
        let (first, last) = (units.iter().position(|n| *n > 0), units.iter().rposition(|n| *n > 0));
        // Nine rows more at either end move it by no more than nine rows' worth of units.
        let (mut less, mut more) = (units.clone(), units.clone());
        less[0] += 9;
        more[11] += 9;
        let number = |text| match text { Some(FigureText::Value(v)) => v, _ => 11 };
        prop_assert!(number(quantile(&less, at, true)) <= number(value));
        prop_assert!(number(quantile(&more, at, true)) >= number(value));
        prop_assert!(number(value) as usize + 1 >= first.expect("rows"));
        prop_assert!(number(value) as usize <= last.expect("rows"));
    }
}

/// Rows of one group above the line, each of one person, with that mean as nearly as whole numbers have it.
fn group(at: [usize; 2], count: u64, mean: u64, spread: u64, first: u64) -> Vec<Row> {
    let value = |n: u64| mean.saturating_sub(spread) + n * 2 * spread / count.max(2);
    (0..count).map(|n| Row { person: first + n, at, above: true, values: [value(n), 1] }).collect()
}

/// Numbers that only look random, the same in every run.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// The least and the most of every group's count, by linear programs over counts and sums of the finest groups: what is
/// published of a count bounds the sum of its parts, what is published of a mean their sums against their counts.
fn outside(layout: &Layout, counts: &[Bounds], means: Option<&[(f64, f64)]>) -> Vec<u64> {
    let axes = layout.lattice().axes();
    let outer = &axes[..axes.len() - 1];
    let sizes: Vec<usize> = outer.iter().map(|axis| axis.categories().len()).collect();
    let places = |mut group: usize| {
        let mut at = vec![0; sizes.len()];
        for (slot, size) in at.iter_mut().zip(&sizes).rev() {
            (*slot, group) = (group % size, group / size);
        }
        at
    };
    let bases: Vec<usize> = (0..counts.len())
        .filter(|group| places(*group).iter().zip(&sizes).all(|(at, size)| at + 1 < *size))
        .filter(|group| counts[*group].high != Some(0))
        .collect();
    let inside = |base: usize, group: usize| {
        places(base)
            .iter()
            .zip(places(group))
            .zip(&sizes)
            .all(|((a, b), size)| *a == b || b + 1 == *size)
    };
    let solve = |group: usize, direction| {
        let mut problem = Problem::new(direction);
        let vars: Vec<_> = bases
            .iter()
            .map(|base| {
                let own = f64::from(u8::from(inside(*base, group)));
                (problem.add_var(own, (0.0, 1e6)), problem.add_var(0.0, (0.0, 1e12)))
            })
            .collect();
        for (of, count) in counts.iter().enumerate().filter(|(_, count)| count.high != Some(0)) {
            let mine = || {
                bases
                    .iter()
                    .zip(&vars)
                    .filter(|(base, _)| inside(**base, of))
                    .map(|(_, vars)| *vars)
            };
            let rows: Vec<_> = mine().map(|(n, _)| (n, 1.0)).collect();
            problem.add_constraint(&rows, ComparisonOp::Ge, count.low as f64);
            if let Some(high) = count.high {
                problem.add_constraint(&rows, ComparisonOp::Le, high as f64);
            }
            if let Some((low, high)) = means.map(|means| means[of]).filter(|(_, high)| *high < 1e12)
            {
                let against = |mean: f64| {
                    mine().flat_map(|(n, s)| [(n, -mean), (s, 1.0)]).collect::<Vec<_>>()
                };
                problem.add_constraint(against(low), ComparisonOp::Ge, 0.0);
                problem.add_constraint(against(high), ComparisonOp::Le, 0.0);
            }
        }
        let solved = problem.solve().expect("what is released is possible");
        match solved {
            microlp::SolveOutcome::Solution(solution) => solution.objective(),
            microlp::SolveOutcome::Interrupted(_) => panic!("there is no limit"),
        }
    };
    (0..counts.len())
        .filter(|group| counts[*group].high != Some(0))
        .map(|group| {
            let low = (solve(group, OptimizationDirection::Minimize) - 1e-6).ceil();
            let high = (solve(group, OptimizationDirection::Maximize) + 1e-6).floor();
            (high - low) as u64 + 1
        })
        .collect()
}

/// Tables of small groups that differ much: how many, in how many of them some count had fewer than three candidates left
/// though the counts alone leave three, first with the figures as released, then with figures on the finest grid, then with
/// exact ones; and how many groups had a figure.
fn narrowed_down(by: &[&str], shapes: &[[usize; 2]], tables: u64) -> (u64, [u64; 2], u64, usize) {
    let layout = layout("emergency_length_of_stay", by);
    let figure = layout.figure().expect("a mean").clone();
    let mut draws = Draws(20_261_031);
    let (mut broken, mut exact, mut shown_figures) = ([0; 2], 0, 0);
    for _ in 0..tables {
        let mut rows = Vec::new();
        for at in shapes {
            let mean = [2, 5, 9, 20, 60, 200][usize::try_from(draws.below(6)).expect("small")];
            let (count, first) = (13 + draws.below(40), rows.len() as u64);
            rows.extend(group(*at, count, mean, draws.below(mean + 1), first));
        }
        let raw = table(&layout, &rows);
        let shown = crate::disclosure::protect::shown_table(&layout, Profile::Nhs75, &raw);
        let released = figures(&layout, Profile::Nhs75, &raw, &shown).expect("figures");
        let value = |text: &&FigureText| matches!(text, FigureText::Value(_));
        shown_figures += released.values[0].iter().filter(value).count();
        let counts = counts(&layout, Profile::Nhs75, &shown);
        let finest = means_at(&layout, &raw, &shown, 1);
        // Somebody who has the exact mean knows that so many times it is a whole number.
        let whole = (0..counts.len()).any(|group| {
            let held = held(&layout, ends(&layout, group).0, &rows);
            let (sum, n) = (held.iter().map(|row| row.values[0]).sum::<u64>(), held.len() as u64);
            let fits = |count: &u64| (sum * count).is_multiple_of(n);
            n >= 13
                && (counts[group].low..=counts[group].high.unwrap_or(0)).filter(fits).count() < 3
        });
        exact += u64::from(whole);
        let alone = outside(&layout, &counts, None);
        let real =
            |means: Vec<(i128, i128)>| means.iter().map(|m| (m.0 as f64, m.1 as f64)).collect();
        let as_released: Vec<(f64, f64)> = real(means(&figure, &released));
        for (broken, means) in broken.iter_mut().zip([as_released, real(finest)]) {
            let with = outside(&layout, &counts, Some(&means));
            let fewer = alone.iter().zip(with).any(|(alone, with)| with < 3.min(*alone));
            *broken += u64::from(fewer);
        }
    }
    (tables, broken, exact, shown_figures)
}

fn means_at(
    layout: &Layout,
    raw: &Table<RawCell>,
    shown: &[Shown],
    coarse: u64,
) -> Vec<(i128, i128)> {
    let figure = layout.figure().expect("a mean");
    let text = |group| {
        let rows = least_rows(layout, Profile::Nhs75, shown, group).filter(|rows| *rows >= 10)?;
        let _ = rows;
        value(&raw.cells()[ends(layout, group).0], figure, 0, layout.person_rows(), coarse)
    };
    let none = FigureText::State(NoFigure::Withheld);
    let values = (0..groups(layout)).map(|group| text(group).unwrap_or(none)).collect();
    means(figure, &Figures { coarse, values: vec![values] })
}

fn counts_keep_their_candidates(tables: u64) {
    let two: &[[usize; 2]] = &[[0, 0], [1, 0]];
    let four: &[[usize; 2]] = &[[0, 0], [1, 0], [2, 0], [3, 0]];
    let crossed: &[[usize; 2]] = &[[0, 0], [0, 1], [1, 0], [1, 1]];
    let mut finest = 0;
    for (by, shapes) in [(&["sex"][..], two), (&["sex"], four), (&["sex", "imd.core20"], crossed)] {
        let (tables, broken, exact, figures) = narrowed_down(by, shapes, tables);
        let found = format!("{by:?}: {broken:?} and {exact} of {tables}, {figures} figures");
        assert!(broken[0] * 100 <= tables, "{found}");
        assert!(exact * 10 >= tables * 9, "the control does not break: {found}");
        assert!(figures as u64 >= tables, "{found}");
        finest += broken[1];
    }
    assert!(finest * 10 >= tables, "without coarser grids nothing breaks either: {finest}");
}

/// Means of groups and of their totals leave fewer than three candidates for a count in at most one table of a hundred;
/// on the finest grid they would in many, and exact ones do in nearly all.
#[test]
fn means_of_groups_and_totals_do_not_narrow_counts_down() {
    counts_keep_their_candidates(20);
}

/// The same of a thousand tables of each shape.
#[test]
#[ignore = "takes minutes"]
fn means_of_many_tables_do_not_narrow_counts_down() {
    counts_keep_their_candidates(1_000);
}
