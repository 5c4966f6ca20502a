//! The blind sum over a whole federation: what no partner may show by itself counts in the total, whoever goes away or
//! stops on the way, and everybody can read who was in it.

use std::fmt::Write as _;
use std::fs;
use std::sync::OnceLock;

use serde_json::Value;

use super::harness::{COORDINATOR, Fed, SECOND, Template, coverage, releases, text};
use super::process::{Output, run, until};

/// Ten hospitals and a council, with a second server.
fn ten() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    MADE.get_or_init(|| Template::make("ten", &["--rows", "1000", "--nodes", "11"]))
}

/// Four hospitals and a council, with a second server.
pub(super) fn four() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    MADE.get_or_init(|| Template::make("four", &["--rows", "1000", "--nodes", "5"]))
}

const HOSPITALS: [&str; 10] =
    ["ZZ1", "ZZ2", "ZZ3", "ZZ4", "ZZ5", "ZZ6", "ZZ7", "ZZ8", "ZZ9", "ZZ10"];
const REGISTER: [&str; 4] = ["--dataset", "hypertension_register", "--period", "2026-27Q2"];
pub(super) const REGISTER_QUESTION: [&str; 7] = [
    "hypertension_treated",
    "--by",
    "ethnicity.group",
    "--period",
    "2026-27Q2",
    "--purpose",
    "service_planning",
];
const MAPPING: &str = "dataset = \"hypertension_register\"\n\n[source]\nheader = true\nimd_edition = \"2025\"\n\n[columns]\nperson = \"id\"\n\
age = \"age\"\nimd_decile = \"imd\"\nethnic_category = \"ethnic\"\nsex = \"sex\"\nicb_residence = \"icb\"\n\
systolic_blood_pressure = \"sys\"\ndiastolic_blood_pressure = \"dia\"\nage_at_period_end = \"years\"\n";

/// A register of 150 people: six who are treated among the Black and Black British ones, and many among the others.
fn register(number: usize) -> String {
    let mut csv = String::from("id,age,years,imd,ethnic,sex,icb,sys,dia\n");
    let mut row = |ethnic: &str, sys: u32| {
        let id = csv.lines().count();
        let (decile, age) = (id % 10 + 1, 40 + id % 30);
        let _ = writeln!(
            csv,
            "{number}-{id},{age},{age},{decile},{ethnic},{},QZ1,{sys},80",
            id % 2 + 1
        );
    };
    for n in 0..100 {
        row("A", if n % 2 == 0 { 130 } else { 160 });
    }
    for n in 0..44 {
        row("H", if n % 3 == 0 { 160 } else { 130 });
    }
    for _ in 0..6 {
        row("M", 130);
    }
    csv
}

pub(super) fn publish_register(fed: &Fed, ods: &str, number: usize) {
    let config = fed.config(ods);
    let (file, mapping) =
        (fed.path(&format!("{ods}/register.csv")), fed.path(&format!("{ods}/register.toml")));
    fs::write(&file, register(number)).expect("written");
    fs::write(&mapping, MAPPING).expect("written");
    let of = [&REGISTER[..], &["--config", text(&config)]].concat();
    let load = ["node", "load", text(&file), "--mapping", text(&mapping)];
    run(&[&load[..], &of].concat()).succeeds();
    run(&[&["node", "publish"][..], &of].concat()).succeeds();
}

pub(super) fn begin(fed: &mut Fed, partners: &[&str]) {
    fed.start_second_server();
    fed.serve(partners);
}

pub(super) fn pooled(fed: &Fed, question: &[&str]) -> Output {
    fed.query(&[question, &["--view", "pooled", "--exact-levels"]].concat())
}

/// Asks until the sum is there.
pub(super) fn summed(fed: &Fed, question: &[&str]) -> Value {
    until("the blind sum", || {
        let output = pooled(fed, question);
        (output.code == Some(0)).then(|| output.json())
    })
}

/// What an answer says of a group above the line.
pub(super) fn numerator<'a>(answer: &'a Value, dimension: &str, category: &str) -> &'a Value {
    let cells = answer["cells"].as_array().expect("cells");
    let cell = cells.iter().find(|cell| cell["at"][dimension] == category);
    &cell.unwrap_or_else(|| panic!("no {category}"))["numerator"]
}

/// The steps of the register's round in an audit log: the demonstration has closed one of its own.
pub(super) fn steps(fed: &Fed, ods: &str) -> Vec<String> {
    let listed = fed.audit(ods);
    let of =
        |entry: &&Value| entry["what"].as_str().is_some_and(|what| what.contains("hypertension"));
    let kinds =
        listed.iter().filter(of).map(|entry| entry["kind"].as_str().expect("a kind").to_owned());
    kinds.filter(|kind| kind.starts_with("sum_") && kind != "sum_told").collect()
}

#[test]
fn six_people_at_each_of_ten_partners_are_sixty_whoever_is_offline_later() {
    let mut fed = Fed::at_rest_of(&ten().dir);
    fed.edit("agreement.toml", "indicators = [", "indicators = [\"hypertension_treated\", ");
    for (number, ods) in HOSPITALS.iter().enumerate() {
        publish_register(&fed, ods, number);
    }
    begin(&mut fed, &HOSPITALS);
    let answer = summed(&fed, &REGISTER_QUESTION);
    assert_eq!(answer["view"], "pooled");
    let black = numerator(&answer, "ethnicity", "black");
    assert_eq!((&black["state"], &black["published"]), (&"value".into(), &60.into()), "{black}");
    assert_eq!(coverage(&answer, "ZZ7")["status"], "answered");
    let ods = |row: &Value| row["ods"].as_str().expect("a code").to_owned();
    let receipts: Vec<String> =
        answer["receipts"].as_array().expect("a list").iter().map(ods).collect();
    assert!(receipts.contains(&SECOND.to_owned()), "{receipts:?}");

    // The partners' own tables, added up, say next to nothing.
    let ranges =
        fed.query(&[&REGISTER_QUESTION[..], &["--view", "partners", "--exact-levels"]].concat());
    let ranges = ranges.json();
    assert_eq!(ranges["view"], "interval");
    let black = numerator(&ranges, "ethnicity", "black");
    assert_eq!(
        (&black["state"], &black["low"], &black["high"]),
        (&"small".into(), &0.into(), &70.into()),
        "{black}"
    );

    // Three of ten go away: what is in the sum stays in it.
    for ods in &HOSPITALS[2..5] {
        fed.kill(ods);
    }
    let again = summed(&fed, &REGISTER_QUESTION);
    assert_eq!(releases(&again), releases(&answer));
    assert_eq!(again["cells"], answer["cells"]);

    // Every member that is there is told who asked, with a proof that its own log keeps.
    until("the word of the second server", || {
        let listed = run(&["audit", "list", "--config", text(&fed.config("ZZ1"))]).stdout;
        let told = |line: &str| line.contains("ZZU says") && line.contains("hypertension_treated");
        listed.lines().any(told).then_some(())
    });
    for ods in ["ZZ1", COORDINATOR, SECOND] {
        fed.verify(ods).succeeds();
    }
}

/// Nobody sees an exact figure of a partner, not even the two servers together, and the answer's ranges hold the truth.
#[test]
fn figures_that_partners_change_at_random_are_added_up_and_the_ranges_hold_the_truth() {
    let partners = ["ZZ1", "ZZ2", "ZZ3", "ZZ4"];
    let mut fed = Fed::at_rest_of(&four().dir);
    fed.edit("agreement.toml", "indicators = [", "indicators = [\"hypertension_treated\", ");
    fed.edit("agreement.toml", "pool = \"deposit\"", "pool = \"noisy\"");
    for (number, ods) in partners.iter().enumerate() {
        publish_register(&fed, ods, number);
        let kept = format!("{ods}/state/published/hypertension_register/2026-27Q2/1-provisional");
        let names = fs::read_dir(fed.path(&kept)).expect("an extract");
        let mut names = names.map(|entry| entry.expect("a file").path());
        assert!(names.any(|name| name.extension().is_some_and(|end| end == "keys")), "{ods}");
    }
    begin(&mut fed, &partners);
    let answer = summed(&fed, &REGISTER_QUESTION);
    assert_eq!(answer["view"], "pooled");
    assert_eq!(answer["policy"]["profile"], "nhs75m");
    let caveats = answer["caveats"].to_string();
    assert!(caveats.contains("at random") && caveats.contains("up to 20 off"), "{caveats}");
    let cells = answer["cells"].as_array().expect("cells");
    let mut shown = 0;
    for cell in cells {
        let [above, below] = match cell["at"]["ethnicity"].as_str().expect("a category") {
            "white" => [200, 400],
            "asian" => [116, 176],
            "black" => [24, 24],
            "all" => [340, 600],
            _ => [0, 0],
        };
        for (side, truth) in [("numerator", above), ("denominator", below)] {
            let side = &cell[side];
            let low = side["low"].as_u64().expect("a least");
            let high = side["high"].as_u64().unwrap_or(u64::MAX);
            assert!((low..=high).contains(&truth), "{truth}: {side}");
            if side["published"].is_u64() {
                // As far as four partners' changes and rounding can move it, on either side.
                assert!(high - low >= 40, "{side}");
                shown += 1;
            }
        }
    }
    assert!(shown >= 6, "{answer}");
    for ods in ["ZZ1", COORDINATOR, SECOND] {
        fed.verify(ods).succeeds();
    }
}

/// Whoever is cut off as by a power cut comes back and goes on, and the sum is the same.
#[test]
fn a_round_goes_on_wherever_a_server_was_cut_off() {
    let partners = ["ZZ1", "ZZ2", "ZZ3", "ZZ4"];
    let mut fed = Fed::at_rest_of(&four().dir);
    fed.edit("agreement.toml", "indicators = [", "indicators = [\"hypertension_treated\", ");
    for (number, ods) in partners.iter().enumerate() {
        publish_register(&fed, ods, number);
    }
    begin(&mut fed, &partners);
    until("the bond", || steps(&fed, COORDINATOR).contains(&"sum_bound".to_owned()).then_some(()));
    for ods in ["ZZ2", "ZZ3"] {
        fed.kill(ods);
        fed.restart(ods);
    }
    fed.kill(COORDINATOR);
    for ods in partners {
        fed.kill(ods);
    }
    fed.serve(&partners);
    until("the closing", || {
        steps(&fed, COORDINATOR).contains(&"sum_closed".to_owned()).then_some(())
    });
    fed.kill(COORDINATOR);
    for ods in partners {
        fed.kill(ods);
    }
    // Both servers, at other addresses.
    fed.kill(SECOND);
    begin(&mut fed, &partners);
    let answer = summed(&fed, &REGISTER_QUESTION);
    let black = numerator(&answer, "ethnicity", "black");
    assert_eq!(black["published"], 25, "{black}");
    for ods in ["ZZ1", "ZZ2", COORDINATOR, SECOND] {
        fed.verify(ods).succeeds();
    }
    let own = steps(&fed, COORDINATOR);
    for once in ["sum_bound", "sum_closed", "sum_opened", "sum_returned"] {
        assert_eq!(own.iter().filter(|kind| *kind == once).count(), 1, "{once}: {own:?}");
    }
}

#[test]
fn without_the_second_server_the_answer_says_so_and_is_the_sum_of_ranges() {
    let mut fed = Fed::at_rest_of(&four().dir);
    fed.serve(&["ZZ1", "ZZ2", "ZZ3", "ZZ4"]);
    let question = [
        "rtt_over_52_weeks",
        "--by",
        "imd.quintile",
        "--period",
        "2026-10",
        "--purpose",
        "service_planning",
    ];
    let output = fed.query(&question);
    assert_eq!(output.json()["view"], "interval");
    assert!(output.stderr.contains("blind sum"), "{}", output.stderr);
    pooled(&fed, &question).fails(77, &["second server", "--view partners"]);
    let some = [&question[..], &["--view", "pooled", "--ask", "ZZ1"]].concat();
    fed.query(&some).fails(2, &["over all partners"]);
}
