//! What every text of this room keeps to, and how each of them looks.

mod kinds;
mod rungs;

use evensum_core::catalogue::CategoryKind;
use evensum_core::ledger::{Asked, Event};
use evensum_core::model::{CellState, IndicatorId, LevelId, Profile, Question, Role, canonical};
use evensum_core::view::{Answer, CoverageStatus};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::fixture::{
    asked, bare, by_quintile, cell, crossed, entries, query, report, side, undivided,
};
use super::{
    Glyphs, Width, asked as question, chart, csv, json, overview, quality, sentence, table,
};

const UNICODE: Glyphs = Glyphs::Unicode;

fn hundred() -> Width {
    Width::new(100)
}

#[test]
fn a_table_by_one_dimension() {
    assert_snapshot!(table::answer(&by_quintile(), hundred(), UNICODE));
}

#[test]
fn a_table_by_two_dimensions() {
    assert_snapshot!(table::figures(&crossed(), hundred(), UNICODE));
}

#[test]
fn a_table_on_a_narrow_terminal_in_ascii() {
    let text = table::answer(&by_quintile(), Width::new(80), Glyphs::Ascii);
    assert!(text.is_ascii(), "{text}");
    assert_snapshot!(text);
}

#[test]
fn the_total_alone_and_no_answer_at_all() {
    let mut nobody = bare(&["sex"]);
    nobody.policy = None;
    nobody.imd_edition = None;
    for line in &mut nobody.coverage {
        line.status = CoverageStatus::Unreachable;
        line.policy = None;
    }
    let both = [undivided(), nobody].map(|a| table::answer(&a, hundred(), UNICODE));
    assert_snapshot!(both.join("\n=====\n\n"));
}

#[test]
fn bars_by_two_dimensions() {
    assert_snapshot!(chart::bars(&crossed(), hundred(), UNICODE));
}

#[test]
fn bars_in_ascii() {
    let text = chart::bars(&by_quintile(), Width::new(80), Glyphs::Ascii);
    assert!(text.is_ascii(), "{text}");
    assert_snapshot!(text);
}

#[test]
fn answer_as_csv() {
    assert_snapshot!(csv::answer(&by_quintile()).expect("csv"));
}

#[test]
fn answer_as_json() {
    let mut answer = by_quintile();
    answer.cells.drain(1..6);
    answer.scope = query().questions[0].scope.clone();
    assert_snapshot!(json::to_string_pretty(&answer));
    let text: serde_json::Value =
        serde_json::from_str(&json::to_string_pretty(&answer)).expect("json");
    assert_eq!(text, json::answer(&answer));
}

#[test]
fn entries_as_sentences() {
    let sentences: Vec<String> = entries().iter().map(sentence::sentence).collect();
    assert_snapshot!(sentences.join("\n"));
}

#[test]
fn entries_as_rows() {
    assert_snapshot!(sentence::listing_csv(&entries()).expect("csv"));
    let list = sentence::listing(&entries());
    let accepted = &list[3];
    assert_eq!(accepted["decision"], "allowed");
    assert_eq!(accepted["organisation"], "QZ1");
    let mut own = entries().swap_remove(3);
    own.role = Role::Coordinator;
    own.event = Event::QueryAccepted { asked: Asked { coordinator: None, ..asked() } };
    assert_eq!(sentence::listing(&[own])[0]["organisation"], "R0D");
    assert_eq!(
        list[12]["who"], accepted["who"],
        "the same question, refused after it was accepted"
    );
    let mut reused = entries();
    if let Event::Refused { query_hash, .. } = &mut reused[12].event {
        *query_hash = evensum_core::model::Digest::of(b"other bytes");
    }
    let who = &sentence::listing(&reused)[12]["who"];
    assert_eq!(*who, serde_json::Value::Null, "another question under the same id borrows no name");
}

#[test]
fn quality_as_table_and_json() {
    let text = quality::table(&report(), hundred(), UNICODE);
    let json = quality::json(&report());
    let pseudo = serde_json::json!([
        {"kind": "no fixed abode", "rows": 1204},
        {"kind": "Wales", "rows": 31},
    ]);
    assert_eq!(json["pseudo_postcodes"], pseudo);
    assert_snapshot!(format!("{text}\n{:#}", json["per_cent"]));
}

#[test]
fn the_headline_speaks_of_what_the_dataset_counts() {
    let mut answer = by_quintile();
    answer.indicator.name = "Appointments not attended".to_owned();
    answer.indicator.phrase = "were not attended".to_owned();
    answer.indicator.counted = "appointments not cancelled".to_owned();
    let text = table::answer(&answer, hundred(), UNICODE);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "of appointments not cancelled of people in the most deprived fifth were not attended, against";
    assert!(flat.contains(said), "{text}");
    assert!(
        flat.starts_with("Appointments not attended, October 2026, by deprivation quintile"),
        "{text}"
    );
    assert!(!flat[..flat.find("Partner").unwrap_or(flat.len())].contains("wait"), "{text}");
}

#[test]
fn quality_of_activity_names_other_months_and_needs_no_measure() {
    let mut report = report();
    (report.rows_outside, report.measures) = (30_000, Vec::new());
    let text = quality::table(&report, hundred(), UNICODE);
    assert!(
        text.contains(
            "41,276 rows read, 30,000 left out (dated outside the period, or none of what"
        ),
        "{text}"
    );
    assert!(text.contains("36,480 different people.\n"), "{text}");
    assert!(text.contains("12 rejected (0.1 %)"), "of those of the period: {text}");
}

#[test]
fn a_question_whose_bytes_were_changed_is_not_read() {
    assert!(question::query(&asked()).is_some());
    let mut other = asked();
    other.query_hash = evensum_core::model::Digest::of(b"other");
    assert_eq!(question::questions(&other), question::UNREADABLE);
    assert_eq!(question::question(&other, 0), question::UNREADABLE);
    other.payload = "no base64".to_owned();
    assert_eq!(question::question(&other, 0), question::UNREADABLE);
}

#[test]
fn a_pack_is_said_as_one_and_other_questions_one_by_one() {
    let said = |edit: &dyn Fn(&mut Vec<Question>)| {
        let mut query = query();
        let first = query.questions[0].clone();
        query.questions.clear();
        for month in ["2026-08", "2026-09", "2026-10"] {
            for id in ["rtt_over_52_weeks", "rtt_over_18_weeks"] {
                query.questions.push(Question {
                    indicator: IndicatorId::new(id).expect("id"),
                    period: month.parse().expect("period"),
                    scope: None,
                    by: vec![LevelId::new("sex").expect("level")],
                    ..first.clone()
                });
            }
        }
        edit(&mut query.questions);
        let payload = canonical::encode(&query).expect("encodes");
        let query_hash = evensum_core::model::Digest::of(&payload);
        Asked { payload: data_encoding::BASE64.encode(&payload), query_hash, ..asked() }
    };
    let pack = said(&|_| ());
    let both = "\"rtt_over_18_weeks\" and \"rtt_over_52_weeks\" by sex for";
    assert_eq!(question::questions(&pack), format!("6 questions: {both} 2026-08 to 2026-10"));
    assert_eq!(question::question(&pack, 2), "\"rtt_over_52_weeks\" by sex for 2026-09");
    assert_eq!(question::question(&pack, 6), question::UNREADABLE);
    let gap = said(&|q| drop(q.drain(2..4)));
    assert_eq!(question::questions(&gap), format!("4 questions: {both} 2026-08 and 2026-10"));
    let ragged = question::questions(&said(&|q| drop(q.drain(1..5))));
    assert!(ragged.starts_with("\"rtt_over_52_weeks\" by sex for 2026-08 and "), "{ragged}");
    let mixed = question::questions(&said(&|q| q[0].by.clear()));
    assert_eq!(mixed.matches("for 2026-").count(), 6, "{mixed}");
}

/// Two indicators over two months: one answer is missing, and one month has nobody's figures.
fn four() -> [Result<Answer, overview::Unanswered>; 4] {
    let mut nobody = bare(&["imd.quintile"]);
    nobody.coverage.iter_mut().for_each(|line| line.status = CoverageStatus::Unreachable);
    let text = "refused: the partners' extracts use different editions".to_owned();
    let missing = overview::Unanswered { code: "mixed_editions", text };
    [Ok(by_quintile()), Err(missing), Ok(nobody), Ok(by_quintile())]
}

fn outcomes<'a>(
    four: &'a [Result<Answer, overview::Unanswered>; 4],
    ids: &'a [IndicatorId; 2],
) -> Vec<overview::Outcome<'a>> {
    let each = four.iter().enumerate().map(|(number, answer)| overview::Outcome {
        indicator: &ids[number % 2],
        name: ["Waiting over 52 weeks", "Waiting over 18 weeks"][number % 2],
        period: ["2026-09", "2026-10"][number / 2].parse().expect("period"),
        answer: answer.as_ref().map_err(Clone::clone),
    });
    each.collect()
}

#[test]
fn several_answers_at_a_glance() {
    let ids =
        ["rtt_over_52_weeks", "rtt_over_18_weeks"].map(|id| IndicatorId::new(id).expect("id"));
    let four = four();
    let outcomes = outcomes(&four, &ids);
    assert_snapshot!(overview::table(&outcomes, hundred(), UNICODE));
    let ascii = overview::table(&outcomes, Width::new(80), Glyphs::Ascii);
    assert!(ascii.is_ascii() && ascii.lines().all(|l| l.chars().count() <= 80), "{ascii}");
}

#[test]
fn several_answers_as_json_and_csv_keep_the_order_of_the_questions() {
    let ids =
        ["rtt_over_52_weeks", "rtt_over_18_weeks"].map(|id| IndicatorId::new(id).expect("id"));
    let four = four();
    let text = json::list_pretty(&outcomes(&four, &ids));
    let list: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let list = list.as_array().expect("a list");
    assert_eq!(list.len(), 4);
    for (number, answer) in four.iter().enumerate() {
        match answer {
            Ok(answer) => assert_eq!(list[number], json::answer(answer)),
            Err(_) => assert_eq!(
                list[number],
                serde_json::json!({
                    "indicator": "rtt_over_18_weeks",
                    "period": "2026-09",
                    "error": {
                        "code": "mixed_editions",
                        "text": "refused: the partners' extracts use different editions",
                    },
                })
            ),
        }
    }
    let answers: Vec<&Answer> = four.iter().flatten().collect();
    let all = csv::answers(&answers).expect("CSV");
    let one = csv::answer(answers[0]).expect("CSV");
    assert!(all.starts_with(&one), "the first answer's lines come first");
    assert_eq!(all.lines().count(), 2 * one.lines().count() - 1, "one header line");
    assert_eq!(csv::answers(&[]).expect("CSV"), "");
}

#[test]
fn overlapping_ranges_claim_nothing() {
    let headline = |numerators: [(u64, u64); 2]| {
        let mut answer = by_quintile();
        for (position, (low, high)) in [0, 4].into_iter().zip(numerators) {
            let x = side(CellState::Value, low, Some(high));
            answer.cells[position] =
                cell(vec![position], x, side(CellState::Value, 998, Some(1002)));
        }
        super::headline::sentence(&answer)
    };
    let apart = headline([(100, 104), (40, 44)]);
    assert!(apart.contains("percentage points higher."), "{apart}");
    assert!(headline([(40, 44), (100, 104)]).contains("percentage points lower."));
    assert!(headline([(60, 64), (50, 54)]).ends_with("the difference may be chance."));
    assert!(headline([(50, 60), (55, 65)]).contains("do not show a difference"));
    let mut hidden = by_quintile();
    hidden.cells[0] =
        cell(vec![0], side(CellState::Suppressed, 0, None), side(CellState::Suppressed, 0, None));
    assert!(super::headline::sentence(&hidden).contains("too much is withheld"));
}

#[test]
fn differing_policies_are_said_partner_by_partner() {
    let mut answer = by_quintile();
    answer.policy = None;
    answer.coverage[2].policy = Some(Profile::Nhs75.into());
    let text = table::answer(&answer, hundred(), UNICODE);
    assert!(text.contains("(R0D): figures rounded to the nearest 5; fewer than 8 withheld."));
    assert!(
        text.contains("(RBD): figures rounded to the nearest 5; fewer than 8 withheld, except")
    );
    assert!(csv::answer(&answer).expect("csv").contains(",mixed,"));
}

#[test]
fn spreadsheets_get_no_formula() {
    for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
        assert_eq!(csv::guarded(bad), format!("'{bad}"));
    }
    assert_eq!(csv::guarded("1 – most deprived"), "1 – most deprived");
    let mut answer = by_quintile();
    answer.axes[0].categories[0].label = "=cmd|' /C calc'!A0".to_owned();
    assert!(csv::answer(&answer).expect("csv").contains(",'=cmd|"));
}

/// Words that people who are not developers never meet.
const FORBIDDEN: [&str; 14] = [
    "lattice",
    "margin",
    "ledger",
    "receipt",
    "helper",
    "deposit",
    "roster",
    "attacker",
    "interval",
    "suppress",
    "assurance",
    "snapshot",
    "structural",
    "null",
];

fn for_people(answer: &Answer, width: Width) -> [String; 2] {
    [table::answer(answer, width, UNICODE), chart::bars(answer, width, UNICODE)]
}

#[test]
fn people_read_words_and_not_states() {
    let mut texts: Vec<String> = entries().iter().map(sentence::sentence).collect();
    texts.push(quality::table(&report(), hundred(), UNICODE));
    for text in texts {
        let lower = text.to_lowercase();
        assert!(FORBIDDEN.iter().all(|word| !lower.contains(word)), "{text}");
    }
}

const STATES: [CellState; 6] = [
    CellState::Value,
    CellState::Small,
    CellState::Suppressed,
    CellState::StructuralZero,
    CellState::Refused,
    CellState::NotCollected,
];

fn sides() -> impl Strategy<Value = evensum_core::disclosure::Side> {
    let high = prop_oneof![Just(None), (0_u64..60).prop_map(Some)];
    (0..STATES.len(), 8_u64..4000, 0_u64..30, high).prop_map(
        |(state, low, more, high)| match STATES[state] {
            CellState::Value => side(CellState::Value, low, Some(low + more)),
            CellState::StructuralZero => side(CellState::StructuralZero, 0, Some(0)),
            hidden => side(hidden, 0, high),
        },
    )
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(vec!["imd.quintile", "ethnicity.group"]),
        Just(vec!["sex", "imd.core20"]),
        Just(vec!["age.band"]),
        Just(vec![])
    ]
    .prop_flat_map(|levels| {
        let answer = bare(&levels);
        let sizes: Vec<usize> = answer.axes.iter().map(|a| a.categories.len()).collect();
        let cells = sizes.iter().product::<usize>();
        (Just((answer, sizes)), prop::collection::vec((sides(), sides()), cells))
    })
    .prop_map(|((mut answer, sizes), sides)| {
        let each = sides.into_iter().enumerate();
        answer.cells = each
            .map(|(index, (x, n))| {
                let mut rest = index;
                let mut at: Vec<usize> = sizes
                    .iter()
                    .rev()
                    .map(|size| {
                        let position = rest % size;
                        rest /= size;
                        position
                    })
                    .collect();
                at.reverse();
                cell(at, x, n)
            })
            .collect();
        answer
    })
}

const HIDDEN: [&str; 3] = ["small", "suppressed", "refused"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_hidden_is_ever_a_zero(answer in answers()) {
        let text = csv::answer(&answer).expect("csv");
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().expect("header").clone();
        let records: Vec<_> = reader.records().map(|r| r.expect("record")).collect();
        prop_assert_eq!(records.len(), answer.cells.len());
        for record in &records {
            let field = |name: &str| {
                let place = header.iter().position(|h| h == name).expect("column");
                record[place].to_owned()
            };
            let figures = |side: &str| ["low", "high", "published"].map(|f| field(&format!("{side}_{f}")));
            let mut hidden = Vec::new();
            if HIDDEN.contains(&field("state").as_str()) {
                hidden.extend(figures("numerator"));
                hidden.extend(["proportion_low", "lower95"].map(field));
            }
            if HIDDEN.contains(&field("denominator_state").as_str()) {
                hidden.extend(figures("denominator"));
            }
            prop_assert!(hidden.iter().all(|f| f != "0"), "{:?}", record);
        }
    }

    #[test]
    fn hidden_cells_are_words_in_tables_and_bars(mut answer in answers(), state in 1_usize..3) {
        for cell in &mut answer.cells {
            let hidden = side([CellState::Value, CellState::Small, CellState::Suppressed][state], 0, Some(7));
            *cell = super::fixture::cell(cell.at.clone(), hidden, cell.denominator);
        }
        let figures = table::figures(&answer, hundred(), UNICODE);
        let said = figures.matches("fewer than 8").count() + figures.matches("withheld").count();
        prop_assert!(said >= answer.cells.len(), "{}", figures);
        prop_assert!(!figures.contains(" 0.0 %"), "{}", figures);
        let bars = chart::bars(&answer, hundred(), UNICODE);
        for line in bars.lines().filter(|l| l.contains('│')) {
            prop_assert!(!line.contains(['█', '░', '▏']), "{}", line);
            prop_assert!(line.contains("fewer than") || line.contains("withheld"), "{}", line);
        }
    }

    #[test]
    fn every_line_fits_and_speaks_plainly(answer in answers(), columns in 80_u16..=160) {
        let width = Width::new(columns);
        for text in for_people(&answer, width) {
            for line in text.lines() {
                prop_assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
                prop_assert!(line.trim_end() == line, "spaces at the end of '{}'", line);
            }
            let lower = text.to_lowercase();
            prop_assert!(FORBIDDEN.iter().all(|word| !lower.contains(word)), "{}", text);
        }
    }

    #[test]
    fn unknown_kinds_come_after_known_ones(answer in answers()) {
        for axis in &answer.axes {
            let order = super::grid::reading_order(axis);
            let kinds: Vec<u8> = order
                .iter()
                .map(|&p| match &axis.categories[p] {
                    c if c.id.is_all() => 2,
                    c => u8::from(c.kind != CategoryKind::Known),
                })
                .collect();
            prop_assert!(kinds.is_sorted(), "{:?}", kinds);
            prop_assert_eq!(order.len(), axis.categories.len());
        }
    }
}
