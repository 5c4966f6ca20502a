//! Figures that counts do not give, along the whole chain: protected, released, verified and combined.

use super::*;

const MEAN: &str = "emergency_length_of_stay";
const PERCENTILES: &str = "rtt_wait_percentiles";

fn scene() -> Scene {
    let mut scene = Scene::new(Profile::Nhs75m);
    for id in [MEAN, PERCENTILES] {
        scene.agreement.indicators.push(IndicatorId::new(id).expect("id"));
    }
    scene
}

fn by_sex_of(scene: &Scene, indicator: &str) -> Asker {
    let mut query = scene.query(&["sex"]);
    let indicator = IndicatorId::new(indicator).expect("id");
    let definition_hash = scene.catalogue.definition_hash(&indicator).expect("hash");
    for question in &mut query.questions {
        (question.indicator, question.definition_hash) = (indicator.clone(), definition_hash);
    }
    scene.asker(&query)
}

/// Rows of one person each: of `rows` in each group and of all of them, with these values.
fn measured(plan: &Plan<AskedUse>, groups: &[Vec<u64>]) -> Table<RawCell> {
    let layout = plan.layout();
    let lattice = layout.lattice();
    let cell = |index: usize| {
        let at = lattice.coordinates(index);
        let all = lattice.axes()[0].categories()[at[0]].id.is_all();
        let values: Vec<u64> =
            if all { groups.concat() } else { groups.get(at[0]).cloned().unwrap_or_default() };
        let rows = values.len() as u64;
        let units = layout.histogram().map_or_else(Vec::new, |histogram| {
            let mut units = vec![0; usize::from(histogram.last) + 2];
            for value in &values {
                units[(*value as usize).min(usize::from(histogram.last) + 1)] += 1;
            }
            units
        });
        let sum = Sum::new(
            values.iter().sum(),
            values.iter().map(|v| v * v).sum(),
            values.iter().copied().max().unwrap_or(0),
        );
        let sums =
            layout.measures().iter().map(|_| Sum::new(sum.total(), sum.squares(), sum.of_one()));
        RawCell::new(rows, rows, rows.min(1)).with(Measured::new(sums.collect(), units))
    };
    Table::new(lattice.clone(), (0..lattice.len()).map(cell).collect()).expect("table")
}

fn spread(count: u64, from: u64, most: u64) -> Vec<u64> {
    (0..count).map(|n| from + n * (most - from) / count).collect()
}

fn document(scene: &Scene, asker: &Asker, groups: &[Vec<u64>]) -> ReleaseDocument {
    let plan = scene.plan(asker);
    let table = measured(&plan, groups);
    let of = snapshot(ImdEdition::Imd2025);
    let draft = scene.drafted(protect(&plan, table, &of, &ods("ZZ2")).expect("protected"));
    canonical::decode(draft.bytes()).expect("a release")
}

fn released(scene: &Scene, partner: &Partner, asker: &Asker, groups: &[Vec<u64>]) -> AnswerParts {
    let plan = scene.plan(asker);
    scene.answer_with(partner, asker, measured(&plan, groups))
}

#[test]
fn a_mean_travels_and_combines() {
    let scene = scene();
    let asker = by_sex_of(&scene, MEAN);
    let tables = [
        vec![spread(200, 0, 12), spread(150, 2, 20), spread(5, 0, 300)],
        vec![spread(90, 1, 9), spread(6, 0, 40)],
    ];
    let received: Vec<Received> = [(1, &tables[0]), (2, &tables[1])]
        .map(|(of, groups)| {
            let partner = &scene.partners[of];
            let parts = released(&scene, partner, &asker, groups);
            scene.received(partner, &asker, parts).expect("believed")
        })
        .into();
    let plan = scene.plan(&asker);
    let cells = combine(plan.layout(), &received).expect("combines");
    let all = cells.len() - 1;
    for (group, cell) in cells.iter().enumerate().filter(|(g, _)| [0, 1, all].contains(g)) {
        let values: Vec<u64> = tables
            .iter()
            .flat_map(|t| {
                if group == all { t.concat() } else { t.get(group).cloned().unwrap_or_default() }
            })
            .collect();
        let mean = values.iter().sum::<u64>() as f64 / values.len() as f64;
        let Ok(known) = cell.figures[0] else {
            // The second partner's six rows may be as many as are hidden, and its bound is that of all its rows.
            assert_eq!(group, 1);
            continue;
        };
        assert!(
            known.low <= mean && mean <= known.high.expect("bounded"),
            "{group} {known:?} {mean}"
        );
        assert_eq!(known.published, None);
    }
    assert!(cells[0].figures[0].is_ok() && cells[all].figures[0].is_ok());
    let one = combine(plan.layout(), &received[..1]).expect("combines");
    let published = one[0].figures[0].expect("a mean");
    let true_mean = tables[0][0].iter().sum::<u64>() as f64 / 200.0;
    assert!((published.published.expect("published") - true_mean).abs() <= 0.25);
    assert_eq!(one[2].figures[0], Err(FigureGap::Withheld), "five rows");
}

#[test]
fn percentiles_travel_and_lie_between_the_partners_own() {
    let scene = scene();
    let asker = by_sex_of(&scene, PERCENTILES);
    let tables = [vec![spread(400, 0, 60), spread(60, 10, 130)], vec![spread(300, 20, 90)]];
    let received: Vec<Received> = [(1, &tables[0]), (2, &tables[1])]
        .map(|(of, groups)| {
            let partner = &scene.partners[of];
            let parts = released(&scene, partner, &asker, groups);
            scene.received(partner, &asker, parts).expect("believed")
        })
        .into();
    let plan = scene.plan(&asker);
    let own = |of: usize| combine(plan.layout(), &received[of..=of]).expect("combines");
    let median = |cells: &[CombinedCell], group: usize| cells[group].figures[0];
    let (first, second) = (own(0), own(1));
    let number =
        |figure: Result<FigureBounds, FigureGap>| figure.expect("shown").published.expect("one");
    assert_eq!((number(median(&first, 0)), number(median(&second, 0))), (29.0, 54.0));
    // Of 60 rows the 92nd percentile would rest on five.
    assert!(first[1].figures[0].is_ok() && first[1].figures[1].is_err());
    let both = combine(plan.layout(), &received).expect("combines");
    let known = median(&both, 0).expect("both have one");
    assert_eq!((known.low, known.high, known.published), (28.5, Some(54.5), None));
    assert_eq!(median(&both, 1), Err(FigureGap::PartWithheld));
}

#[test]
fn figures_that_the_rules_cannot_produce_are_not_believed() {
    let scene = scene();
    let asker = by_sex_of(&scene, MEAN);
    let plan = scene.plan(&asker);
    let (layout, profile) = (plan.layout(), Profile::Nhs75m);
    let good =
        document(&scene, &asker, &[spread(200, 0, 12), spread(150, 2, 20), spread(12, 0, 30)]);
    let shown: Vec<Shown> = good.cells.iter().copied().map(Shown::from).collect();
    let figures = good.figures.expect("figures");
    let believed = |figures: Option<&Figures>| measure::possible(layout, profile, &shown, figures);
    assert!(believed(Some(&figures)));
    let FigureText::Value(value) = figures.values[0][0] else { panic!("a mean") };
    let with = |group: usize, text: FigureText| {
        let mut changed = figures.clone();
        changed.values[0][group] = text;
        changed
    };
    let withheld = FigureText::State(NoFigure::Withheld);
    assert_eq!(
        figures.values[0][2], withheld,
        "twelve rows are published as ten, which may be eight"
    );
    assert!(believed(Some(&with(0, withheld))));
    let mut long = figures.clone();
    long.values[0].push(withheld);
    let mut twice = figures.clone();
    twice.values.push(figures.values[0].clone());
    for (changed, why) in [
        (None, "none"),
        (Some(with(2, FigureText::Value(value))), "too few rows"),
        (Some(with(3, FigureText::Value(value))), "hidden counts"),
        (Some(with(0, FigureText::Value(201))), "off the grid"),
        (Some(with(0, FigureText::Value(8_000))), "over the greatest stay"),
        (Some(with(0, FigureText::State(NoFigure::Over))), "no percentile"),
        (
            Some(with(0, FigureText::Value(800))),
            "the means of groups and total contradict each other",
        ),
        (Some(Figures { coarse: 3, ..figures.clone() }), "no such grid"),
        (Some(long), "a group too many"),
        (Some(twice), "two figures"),
    ] {
        assert!(!believed(changed.as_ref()), "{why}");
    }
}

#[test]
fn what_is_released_of_measures_holds_no_sum_and_no_histogram() {
    let scene = scene();
    for indicator in [MEAN, PERCENTILES] {
        let asker = by_sex_of(&scene, indicator);
        let plan = scene.plan(&asker);
        // Sums and counts by unit that nothing else in a release could be.
        let table = || measured(&plan, &[vec![77; 777], spread(333, 31, 77)]);
        let protected = protect(&plan, table(), &snapshot(ImdEdition::Imd2025), &ods("ZZ2"));
        let protected = protected.expect("protected");
        let said = format!("{protected:?} {:?}", table().cells().iter().collect::<Vec<_>>());
        let draft = scene.drafted(protected);
        let text = String::from_utf8(draft.bytes().to_vec()).expect("text");
        for secret in ["59829", "777,", ":777", "4606833", "333,"] {
            assert!(!text.contains(secret) && !said.contains(secret), "{secret}: {text}");
        }
    }
}
