//! Reports over answers made by hand: what is hidden, missing, broken or hostile is said, and nothing is made up.

use evensum_core::catalogue::{Catalogue, Indicator, Pack};
use evensum_core::model::{Bounds, CellState, ImdEdition, IndicatorId, Ods, Period, Timestamp};
use evensum_core::statistics::proportion_bounds;
use evensum_core::view::{Answer, CoverageStatus, Published};

use super::super::fixture::{bare, cell, side};
use super::*;

const WAIT: &str = "rtt_over_52_weeks";

fn period(text: &str) -> Period {
    text.parse().expect("a period")
}

fn months(from: &str, count: usize) -> Vec<Period> {
    std::iter::successors(Some(period(from)), |p| Some(p.next())).take(count).collect()
}

/// An answer to a month: so many of a thousand in each fifth, the least deprived last.
fn fifths(month: Period, above: [u64; 5]) -> Answer {
    let mut answer = bare(&["imd.quintile"]);
    answer.period = month;
    let exactly = |n| side(CellState::Value, n, Some(n));
    let mut cells: Vec<_> = above
        .iter()
        .enumerate()
        .map(|(at, n)| cell(vec![at], exactly(*n), exactly(1_000)))
        .collect();
    let rest = answer.axes[0].categories.len() - 1;
    cells.extend((5..rest).map(|at| cell(vec![at], exactly(0), exactly(0))));
    cells.push(cell(vec![rest], exactly(above.iter().sum()), exactly(5_000)));
    answer.cells = cells;
    answer
}

fn hide(answer: &mut Answer, at: usize) {
    let hidden = side(CellState::Suppressed, 0, Some(14));
    answer.cells[at].numerator = hidden;
    let below = answer.cells[at].denominator.bounds;
    answer.cells[at].proportion = proportion_bounds(Bounds { low: 0, high: Some(14) }, below);
}

struct Made {
    catalogue: Catalogue,
    ids: Vec<&'static str>,
    months: Vec<Period>,
    answers: Vec<Answer>,
    missing: Vec<Missing>,
    about: String,
    partners: Option<Vec<(Ods, String, Vec<Answer>)>>,
}

impl Made {
    fn new(months: Vec<Period>, answers: Vec<Answer>) -> Self {
        Self {
            catalogue: Catalogue::builtin().expect("the catalogue"),
            ids: vec![WAIT],
            months,
            answers,
            missing: Vec::new(),
            about: String::new(),
            partners: None,
        }
    }

    fn report(&self) -> Report {
        let find = |id: &&str| {
            self.catalogue.indicator(&IndicatorId::new(*id).expect("an id")).expect("an indicator")
        };
        let indicators: Vec<&Indicator> = self.ids.iter().map(find).collect();
        let pack: &Pack = self.catalogue.packs().first().expect("a pack");
        let ids: Vec<&IndicatorId> = indicators.iter().map(|i| &i.id).collect();
        let about = About::parse(&self.about, &ids).expect("about");
        let answers: Vec<&Answer> = self.answers.iter().collect();
        let partners = match &self.partners {
            None => Partners::NotAsked,
            Some(own) => Partners::Own(
                own.iter().map(|(o, n, a)| (o.clone(), n.clone(), a.iter().collect())).collect(),
            ),
        };
        let setting = Setting {
            title: pack.name.clone(),
            area: "People who live in Eastfold".to_owned(),
            standing: "Figures.".to_owned(),
            handling: "Internal.".to_owned(),
            exact: false,
            made_on: Timestamp::from_unix(1_795_255_503),
            tool: "evensum".to_owned(),
            terms: Vec::new(),
        };
        let material = Material {
            catalogue: &self.catalogue,
            pack,
            indicators: &indicators,
            months: &self.months,
            answers: &answers,
            missing: &self.missing,
            partners,
            about: &about,
        };
        build(setting, &material)
    }
}

/// The page, held to what every page must be.
fn page_of(report: &Report) -> String {
    let html = page(report).expect("a page");
    for never in [
        "<script",
        "http:",
        "https:",
        "NaN",
        "infinity",
        " inf ",
        "javascript:",
        "@import",
        "url(h",
    ] {
        assert!(!html.to_lowercase().contains(&never.to_lowercase()), "{never}");
    }
    well_formed(&html);
    let json = to_string_pretty(report).expect("JSON");
    assert!(!json.contains("NaN"));
    let book = workbook(report).expect("a workbook");
    assert!(book.starts_with(b"PK"));
    html
}

/// Every element that is begun is ended, in order, and no id stands twice.
fn well_formed(html: &str) {
    const VOID: [&str; 5] = ["meta", "br", "hr", "img", "!doctype"];
    let (mut open, mut ids): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let start = html.find("</style>").expect("a style");
    for tag in html[..html.find("<style>").expect("a style")]
        .split('<')
        .skip(1)
        .chain(std::iter::once("style>"))
        .chain(html[start..].split('<').skip(1))
    {
        let inside = tag.split('>').next().expect("its text");
        assert!(tag.contains('>'), "not closed: {inside}");
        assert_eq!(inside.matches('"').count() % 2, 0, "a quotation mark: {inside}");
        let name = inside.split(|c: char| c.is_whitespace() || c == '/').find(|n| !n.is_empty());
        let name = name.expect("a name").to_lowercase();
        if let Some(id) = inside.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            assert!(!ids.contains(&id.to_owned()), "the id {id} stands twice");
            ids.push(id.to_owned());
        }
        if inside.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "{inside}");
        } else if !inside.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_clear_gap_is_said_with_its_change_and_its_signal() {
    let all = months("2025-10", 13);
    let answers = all.iter().zip(0..).map(|(month, n)| {
        let more = if n >= 12 { 60 } else { n % 2 };
        fifths(*month, [120 + more, 110, 100, 90, 60])
    });
    let report = Made::new(all.clone(), answers.collect()).report();
    let [section] = report.indicators.as_slice() else { panic!("one") };
    let gap = section.now.gap.as_ref().expect("a gap");
    assert_eq!(gap.verdict, Verdict::Higher);
    assert_eq!(gap.difference.text, "12 points higher");
    assert_eq!(gap.difference.span().map(|s| s.low), Some(12.0));
    assert_eq!(section.change, Change::Wider);
    assert_eq!(section.before.as_ref().map(|b| b.period), Some(period("2026-04")));
    assert_eq!(section.baseline.as_ref().map(|b| b.period), Some(period("2025-10")));
    let signals = &section.steadiness.signals;
    assert!(signals.iter().any(|s| s.period == period("2026-10")), "{:?}", section.steadiness);
    assert!(section.steadiness.sentence.contains("concern"));
    let html = page_of(&report);
    assert!(html.contains("12 points higher") && html.contains("Wider than in April 2026"));
    assert!(html.contains("Owner:</strong> none named") && html.contains("class=\"box empty\""));
    assert!(html.contains("signal of concern"));
    assert!(
        report.summary.sentences.iter().any(|s| s.contains("worse off")),
        "{:?}",
        report.summary
    );
}

/// Limits of a gap by an independent computation: Newcombe's method 10 of 180 and 60 of 1,000, in Python:
/// `from statsmodels.stats.proportion import confint_proportions_2indep as c; c(180,1000,60,1000,method='newcomb',compare='diff')`.
#[test]
fn limits_of_a_gap_are_newcombes() {
    let month = period("2026-10");
    let report = Made::new(vec![month], vec![fifths(month, [180, 110, 100, 90, 60])]).report();
    let gap = report.indicators[0].now.gap.as_ref().expect("a gap");
    let (low, high) = gap.difference.limits().expect("limits");
    assert!(
        (low - 9.205_645_896_291_29).abs() < 1e-5 && (high - 14.824_561_147_745_14).abs() < 1e-5,
        "{low} {high}"
    );
}

#[test]
fn all_hidden_is_said_and_never_nought() {
    let all = months("2026-09", 2);
    let answers = all.iter().map(|month| {
        let mut answer = fifths(*month, [9, 9, 9, 9, 9]);
        (0..answer.cells.len()).for_each(|at| hide(&mut answer, at));
        answer
    });
    let report = Made::new(all.clone(), answers.collect()).report();
    let section = &report.indicators[0];
    assert_eq!(section.now.all.mark, Some(Mark::Withheld));
    assert_eq!(section.now.gap.as_ref().map(|g| g.verdict), Some(Verdict::Withheld));
    assert_eq!((section.breakdowns[0].withheld, section.breakdowns[0].of), (5, 5));
    let html = page_of(&report);
    assert!(html.contains("Gap withheld") && !html.contains(">0 %") && !html.contains(">0&nbsp;%"));
    assert!(!html.contains("fewer than half") && html.contains("5 of 5 groups withheld"));
}

#[test]
fn one_period_has_no_trend_and_a_missing_month_is_a_gap() {
    let month = period("2026-10");
    let one = Made::new(vec![month], vec![fifths(month, [180, 110, 100, 90, 60])]).report();
    assert!(one.indicators[0].before.is_none());
    assert_eq!(one.indicators[0].change, Change::NoFigure);
    assert!(!page_of(&one).contains("<figure"));
    let all = months("2026-05", 6);
    let answers: Vec<Answer> = all
        .iter()
        .filter(|month| **month != period("2026-07"))
        .map(|month| fifths(*month, [180, 110, 100, 90, 60]))
        .collect();
    let mut made = Made::new(all, answers);
    made.missing.push(Missing {
        indicator: IndicatorId::new(WAIT).expect("an id"),
        by: None,
        period: Some(period("2026-07")),
        why: "no extract of that period is published".to_owned(),
    });
    let report = made.report();
    let point = &report.indicators[0].series[2];
    assert!(point.reading.is_none());
    assert_eq!(point.missing.as_deref(), Some("no extract of that period is published"));
    let html = page_of(&report);
    assert!(html.contains("July 2026: no extract of that period"));
    assert!(
        report.absent.iter().any(|a| !a.entirely && a.periods == "July 2026"),
        "{:?}",
        report.absent
    );
    // Both lines of the ends and that of the gap are begun again after it.
    let drawn = html.matches("<path class=\"line gap\"").count();
    assert!(
        drawn >= 2
            && html.split("<path class=\"line gap\" d=\"").nth(2).is_some_and(|d| {
                d.split('"').next().is_some_and(|d| d.matches('M').count() == 2)
            })
    );
}

#[test]
fn another_edition_of_the_index_is_a_break() {
    let all = months("2025-10", 13);
    let answers = all.iter().enumerate().map(|(n, month)| {
        let mut answer = fifths(*month, [180, 110, 100, 90, 60]);
        answer.imd_edition = Some(if n < 9 { ImdEdition::Imd2019 } else { ImdEdition::Imd2025 });
        answer
    });
    let report = Made::new(all.clone(), answers.collect()).report();
    let section = &report.indicators[0];
    let breaks: Vec<Period> =
        section.series.iter().filter(|p| p.after_break).map(|p| p.period).collect();
    assert_eq!(breaks, [period("2026-07")]);
    assert_eq!(section.change, Change::NotComparable);
    assert_eq!(section.since_baseline, Change::NotComparable);
    assert!(section.steadiness.sentence.contains("4 of the 12"), "{}", section.steadiness.sentence);
    let html = page_of(&report);
    assert!(
        html.contains("class=\"break\"")
            && html.contains("From July 2026 on deprivation is by the 2025 edition")
    );
    assert!(html.contains("edition of 2019 and 2025"));
}

#[test]
fn targets_trajectories_owners_and_commentaries_stand_where_they_belong() {
    let all = months("2026-05", 6);
    let answers = all.iter().map(|m| fifths(*m, [180, 110, 100, 90, 60])).collect();
    let mut made = Made::new(all, answers);
    made.about = format!(
        "commentary = \"For <b>all</b>.\"\nbaseline = \"2026-06\"\n[indicator.{WAIT}]\nowner = \"Ada & Co\"\n\
         commentary = \"\"\"One.\n\nTwo <script>alert(1)</script>.\"\"\"\ntrajectory = [{{ period = \"2026-10\", value = 9.5 }}]\n"
    );
    let report = made.report();
    let section = &report.indicators[0];
    assert_eq!(section.baseline.as_ref().map(|b| b.period), Some(period("2026-06")));
    assert_eq!(section.series[5].aim, Some(9.5));
    assert_eq!(section.series[5].target, Some(1.0));
    assert_eq!(section.commentary.len(), 2);
    let html = page_of(&report);
    let json = to_string_pretty(&report).expect("JSON");
    assert!(json.contains("Ada & Co") && html.contains("class=\"line target\""));
    assert!(html.contains("Target in force: 1&nbsp;% of incomplete pathways"));
    assert!(!html.contains("<b>all</b>") && !html.contains("class=\"box empty\""));
}

#[test]
fn nothing_answered_is_a_report_of_reasons() {
    let month = period("2026-10");
    let mut nobody = bare(&["imd.quintile"]);
    for line in &mut nobody.coverage {
        line.status = CoverageStatus::NoData;
    }
    let mut made = Made::new(vec![month], vec![nobody]);
    made.ids = vec![WAIT, "rtt_over_18_weeks", "flu_vaccine_uptake"];
    made.missing.push(Missing {
        indicator: IndicatorId::new("rtt_over_18_weeks").expect("an id"),
        by: Some("Deprivation".to_owned()),
        period: Some(month),
        why: "the agreement does not allow that indicator".to_owned(),
    });
    let report = made.report();
    assert!(report.indicators.is_empty());
    let why: Vec<&str> = report.absent.iter().map(|one| one.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "no partner holds such data",
            "the agreement does not allow that indicator",
            "it has no period that ends in this time"
        ]
    );
    let html = page_of(&report);
    assert!(html.contains("There are no figures of any of the 3 indicators."));
}

#[test]
fn forty_indicators_have_eight_tiles_and_a_table() {
    let month = period("2026-10");
    let catalogue = Catalogue::builtin().expect("the catalogue");
    let all: Vec<&Indicator> = catalogue.indicators().iter().take(40).collect();
    let answers = all.iter().map(|indicator| {
        let mut answer = fifths(month, [180, 110, 100, 90, 60]);
        answer.indicator.id = indicator.id.clone();
        answer
    });
    let mut made = Made::new(vec![month], answers.collect());
    let ids: Vec<&'static str> =
        all.iter().map(|i| &*Box::leak(i.id.as_str().to_owned().into_boxed_str())).collect();
    made.ids = ids;
    let report = made.report();
    let html = page_of(&report);
    assert_eq!(html.matches("<p class=\"big\">").count(), 8);
    assert_eq!(html.matches("<article").count(), report.indicators.len());
    assert!(report.indicators.len() >= 30, "{}", report.indicators.len());
    assert!(report.summary.sentences.iter().all(|s| s.len() < 1_000));
}

#[test]
fn hostile_names_are_text_everywhere() {
    let all = months("2026-09", 2);
    let evil = "</text><script>alert(1)</script>\" onload=\"x' <img src=http://evil/>";
    let answers = all.iter().map(|month| {
        let mut answer = fifths(*month, [180, 110, 100, 90, 60]);
        evil.clone_into(&mut answer.axes[0].categories[1].label);
        evil.clone_into(&mut answer.axes[0].name);
        evil.clone_into(&mut answer.indicator.unit);
        for line in &mut answer.coverage {
            evil.clone_into(&mut line.name);
            line.reason = Some(evil.to_owned());
        }
        answer.caveats.push(evil.to_owned());
        answer.beside.published.push(Published {
            area: evil.to_owned(),
            group: None,
            period: *month,
            value: 3.2,
            lower: None,
            upper: None,
            metric: evil.to_owned(),
            source: evil.to_owned(),
        });
        answer
    });
    let mut made = Made::new(all.clone(), answers.collect());
    made.missing.push(Missing {
        indicator: IndicatorId::new(WAIT).expect("an id"),
        by: Some(evil.to_owned()),
        period: None,
        why: evil.to_owned(),
    });
    let own = fifths(period("2026-10"), [1, 2, 3, 4, 5]);
    made.partners = Some(vec![(Ods::new("R0D").expect("a code"), evil.to_owned(), vec![own])]);
    let mut report = made.report();
    evil.clone_into(&mut report.setting.title);
    evil.clone_into(&mut report.setting.handling);
    let html = page(&report).expect("a page");
    well_formed(&html);
    assert!(
        !html.contains("<script") && !html.contains("<img") && html.contains("&lt;script"),
        "text"
    );
    assert!(workbook(&report).is_ok());
}

#[test]
fn partners_stand_beside_the_system() {
    let month = period("2026-10");
    let mut made = Made::new(vec![month], vec![fifths(month, [180, 110, 100, 90, 60])]);
    assert_eq!(
        made.report().comparison.no_partners.as_deref(),
        Some("The partners' own figures were not asked for.")
    );
    let own = fifths(month, [90, 50, 50, 50, 80]);
    made.partners =
        Some(vec![(Ods::new("R0D").expect("a code"), "Eastfold".to_owned(), vec![own])]);
    let report = made.report();
    let rows = &report.comparison.partners[0].rows;
    assert_eq!(rows.iter().map(|r| r.system).collect::<Vec<_>>(), [true, false]);
    assert_eq!(rows[1].gap.text, "1 point higher");
    assert!(page_of(&report).contains("Eastfold (R0D)"));
}

#[test]
fn what_is_known_between_ends_claims_no_change() {
    let all = months("2026-04", 7);
    let answers = all.iter().map(|month| {
        let mut answer = fifths(*month, [180, 110, 100, 90, 60]);
        for at in [0, 4] {
            let wide = Bounds { low: 20, high: Some(300) };
            answer.cells[at].numerator.bounds = wide;
            answer.cells[at].proportion =
                proportion_bounds(wide, answer.cells[at].denominator.bounds);
        }
        answer
    });
    let report = Made::new(all.clone(), answers.collect()).report();
    let section = &report.indicators[0];
    assert_eq!(section.now.gap.as_ref().map(|g| g.verdict), Some(Verdict::Open));
    assert_eq!(section.change, Change::TooOpen);
    let html = page_of(&report);
    assert!(html.contains("either way, by up to 28 points"));
    // Its middle would say more than is known.
    assert!(!html.contains("<circle class=\"dot gap\""));
    assert!(report.summary.sentences.iter().any(|s| s.contains("it cannot be told")));
}
