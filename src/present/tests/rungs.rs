//! Answers by coarser levels than were asked for, and signposts to the nearest tables.

use evensum_core::catalogue::Near;
use evensum_core::model::RefusalCode;
use evensum_core::view::AskedBy;

use super::super::signpost::{self, Asked as Table, Signpost};
use super::*;

/// By deprivation quintile, where deciles were asked for.
fn coarser() -> Answer {
    let mut answer = by_quintile();
    answer.asked = Some(AskedBy {
        levels: vec![LevelId::new("imd.decile").expect("a level")],
        names: vec!["Deprivation decile".to_owned()],
    });
    answer
}

const SAID: &str = "Asked by deprivation decile; answered by deprivation quintile, the finest that every partner in the figures released.";

#[test]
fn an_answer_by_coarser_levels_says_so_everywhere() {
    let mut answer = coarser();
    let [text, bars] = for_people(&answer, Width::new(160));
    assert!(text.contains(SAID) && bars.contains(SAID), "{text}");
    let json = json::answer(&answer);
    assert_eq!((&json["asked"][0], &json["rung"]), (&"imd.decile".into(), &"imd.quintile".into()));
    let lines = csv::answer(&answer).expect("csv");
    assert!(
        lines.lines().skip(1).all(|line| line.ends_with(",imd.quintile,imd.decile")),
        "{lines}"
    );
    // Where nobody is missing it is every partner.
    answer.coverage.retain(|line| line.status == CoverageStatus::Answered);
    let all = for_people(&answer, Width::new(160)).concat();
    assert!(all.contains("the finest that every partner released."), "{all}");
    let plain = json::answer(&by_quintile());
    assert!(
        plain.get("asked").is_none()
            && !for_people(&by_quintile(), hundred()).concat().contains("Asked by")
    );
}

#[test]
fn several_answers_say_it_once_for_each_indicator_and_mix_no_ends() {
    let (asked, plain) = (coarser(), crossed());
    let deciles = {
        let mut answer = by_quintile();
        answer.axes[0].level = LevelId::new("imd.decile").expect("a level");
        answer.axes[0].name = "Deprivation decile".to_owned();
        answer
    };
    let ids = ["a", "b"].map(|id| IndicatorId::new(id).expect("an id"));
    let outcome = |indicator, answer| overview::Outcome {
        indicator,
        name: "A name",
        period: "2026-10".parse().expect("a period"),
        answer: Ok(answer),
    };
    let each = [outcome(&ids[0], &asked), outcome(&ids[0], &asked), outcome(&ids[1], &deciles)];
    let text = overview::table(&each, Width::new(160), UNICODE);
    let line =
        format!("Waiting over 52 weeks: asked by{}", SAID.strip_prefix("Asked by").expect("it"));
    assert_eq!(text.matches(&line).count(), 1, "{text}");
    let last = text.lines().rfind(|line| line.starts_with("  2026-10")).expect("a line");
    assert_eq!(last.matches('–').count(), 2, "deciles are no fifths: {last}");
    // Of different breakdowns each line is of everybody in what its table does not have.
    let mixed = csv::answers(&[&asked, &plain]).expect("csv");
    let mut lines = mixed.lines();
    let header = lines.next().expect("a header");
    assert!(header.contains(",imd,imd_label,ethnicity,ethnicity_label,"), "{header}");
    let first = lines.next().expect("a line");
    assert!(first.contains(",q1,1 – most deprived,all,All,"), "{first}");
    assert_eq!(mixed.lines().count(), 1 + asked.cells.len() + plain.cells.len());
}

fn near(by: &[&str], at: &[&str]) -> Near {
    Near {
        by: by.iter().map(|l| LevelId::new(*l).expect("a level")).collect(),
        at: at.iter().map(|c| evensum_core::model::CategoryId::new(*c).expect("an id")).collect(),
        declared: true,
    }
}

#[test]
fn a_signpost_says_what_is_released_of_each_table_and_what_may_be_asked() {
    let id = IndicatorId::new("rtt_over_52_weeks").expect("an id");
    let crossed = crossed();
    let mut withheld = bare(&["imd.quintile", "sex"]);
    for line in &mut withheld.coverage {
        line.status = CoverageStatus::Refused;
        line.refusal = Some(RefusalCode::Withheld);
    }
    let tables = [
        near(&["imd.quintile", "ethnicity.group"], &["q1", "white"]),
        near(&["imd.quintile", "sex"], &["q1", "male"]),
        near(&["sex"], &["male"]),
    ];
    let may = near(&["ethnicity.code", "sex"], &["B", "male"]);
    let answers = [Ok(&crossed), Ok(&withheld), Err("it broke".to_owned())];
    let signpost = Signpost {
        indicator: &id,
        name: "Waiting over 52 weeks",
        period: "2026-10".parse().expect("a period"),
        at: vec![
            ("imd".parse().expect("an id"), "q1"),
            ("ethnicity".parse().expect("an id"), "B"),
            ("sex".parse().expect("an id"), "1"),
        ],
        tables: tables.iter().zip(answers).map(|(near, answer)| Table { near, answer }).collect(),
        may_be_asked: vec![&may],
        more: 3,
    };
    let text = signpost::table(&signpost, hundred(), UNICODE);
    let json: serde_json::Value =
        serde_json::from_str(&signpost::json_pretty(&signpost)).expect("json");
    for (place, status) in [(0, "released"), (1, "withheld"), (2, "unavailable")] {
        assert_eq!(json["tables"][place]["status"], status);
    }
    assert_eq!(json["tables"][0]["at"], serde_json::json!({ "imd": "q1", "ethnicity": "white" }));
    assert_eq!(json["tables"][1]["numerator"], serde_json::Value::Null);
    assert_eq!(json["may_be_asked"][0]["by"][1], "sex");
    assert_snapshot!(format!("{text}\n{:#}", json["tables"][0]));
}
