//! A pack's report from a partner's own extract, without a federation: exact beside a count of the extract's own
//! lines, and as a release would show it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::own_data::furnish;
use super::process::{Output, begin_in};

/// Waits of more than 364 days on the last of October began before this.
const OVER_52_WEEKS: &str = "2025-11-01";

/// A folder with a node of no federation and a staged extract, of which three rows alone have no known sex, all of
/// them waiting for years; and of the others, by sex, those over 52 weeks and all.
struct Home {
    dir: TempDir,
    men: (u64, u64),
    women: (u64, u64),
}

fn run_in(home: &Path, arguments: &[&str]) -> Output {
    begin_in(arguments, home).end()
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let home = dir.path();
        furnish(home);
        let mut own = Self { dir, men: (0, 0), women: (0, 0) };
        let path = own.dir.path().join("extract.csv");
        let text = fs::read_to_string(&path).expect("the extract");
        let planted = [10, 20, 30];
        let lines = text.lines().enumerate().map(|(number, line)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if number == 0 {
                return line.to_owned();
            }
            if planted.contains(&number) {
                (cells[1], cells[5]) = ("01/01/2024", "Not known");
            } else {
                if cells[5] == "Not known" {
                    cells[5] = "Male";
                }
                let count = if cells[5] == "Male" { &mut own.men } else { &mut own.women };
                let (day, rest) = cells[1].split_once('/').expect("a date");
                let (month, year) = rest.split_once('/').expect("a date");
                count.0 += u64::from(format!("{year}-{month}-{day}").as_str() < OVER_52_WEEKS);
                count.1 += 1;
            }
            cells.join(",")
        });
        let planted: Vec<String> = lines.collect();
        fs::write(&path, planted.join("\n")).expect("written");
        for command in [
            &["node", "init", "--ods", "R0D"][..],
            &["reference", "add", "IMD2025.csv", "--partial"],
            &["node", "map", "--from", "extract.csv", "--out", "rtt.toml"],
        ] {
            own.run(command).succeeds();
        }
        own
    }

    fn load(self) -> Self {
        let load = ["node", "load", "--dataset", "rtt_open_pathway", "--period", "2026-10"];
        self.run(&[&load[..], &["--mapping", "rtt.toml", "extract.csv"]].concat()).succeeds();
        self
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run_in(self.dir.path(), arguments)
    }

    fn report(&self, more: &[&str]) -> Value {
        let report = ["node", "report", "13sa", "--period", "2026-10", "--format", "json"];
        self.run(&[&report[..], more].concat()).json()
    }
}

/// The cells of an indicator by one level, with the category that each is of.
fn cells<'a>(report: &'a Value, indicator: &str, level: &str) -> Vec<(&'a str, &'a Value)> {
    let answers = report["answers"].as_array().expect("answers");
    let is = |a: &&Value| a["indicator"]["id"] == indicator && a["breakdown"][0] == level;
    let answer = answers.iter().find(is).expect("an answer");
    let each = answer["cells"].as_array().expect("cells").iter();
    each.map(|cell| {
        let at = cell["at"].as_object().expect("places").values().next().expect("a place");
        (at.as_str().expect("a category"), cell)
    })
    .collect()
}

fn counts(report: &Value, sex: &str) -> (Option<u64>, Option<u64>) {
    let cells = cells(report, "rtt_over_52_weeks", "sex");
    let (_, cell) = cells.iter().find(|(at, _)| *at == sex).expect("a cell");
    (cell["numerator"]["published"].as_u64(), cell["denominator"]["published"].as_u64())
}

#[test]
fn exact_figures_are_those_of_the_extract_and_a_policy_hides_the_small_ones() {
    let home = Home::new().load();
    let exact = home.report(&[]);
    assert_eq!((&exact["internal"], &exact["policy"]), (&true.into(), &"exact".into()));
    let shown = |(cases, all): (u64, u64)| (Some(cases), Some(all));
    assert_eq!(counts(&exact, "unknown"), (Some(3), Some(3)), "those that were planted");
    assert_eq!(counts(&exact, "male"), shown(home.men));
    assert_eq!(counts(&exact, "female"), shown(home.women));
    assert_eq!(counts(&exact, "indeterminate"), (Some(0), Some(0)));
    let of_all = (home.men.0 + home.women.0 + 3, home.men.1 + home.women.1 + 3);
    assert_eq!(counts(&exact, "all"), shown(of_all));
    for answer in exact["answers"].as_array().expect("answers") {
        let first = answer["caveats"][0].as_str().expect("a caveat");
        assert!(first.contains("internal, not for release"), "{first}");
        assert_eq!((&answer["view"], &answer["policy"]), (&"partner".into(), &Value::Null));
        assert_eq!(answer["query_id"], Value::Null);
        assert_eq!(answer["coverage"][0]["ods"], "R0D");
    }

    let protected = home.report(&["--policy", "nhs75m"]);
    assert_eq!(protected["internal"], false);
    assert_eq!(counts(&protected, "unknown"), (None, None));
    let (cases, all) = counts(&protected, "all");
    for (rounded, own) in [(cases, of_all.0), (all, of_all.1)] {
        assert!(rounded.expect("shown").abs_diff(own) <= 2, "{rounded:?} of {own}");
    }
    // Of every small count that the exact report has, the protected one has none.
    let mut small = 0;
    for level in ["imd.quintile", "ethnicity.group", "age.band", "sex"] {
        let both = cells(&exact, "rtt_over_52_weeks", level).into_iter().zip(cells(
            &protected,
            "rtt_over_52_weeks",
            level,
        ));
        for ((at, own), (same, hidden)) in both {
            assert_eq!(at, same);
            for side in ["numerator", "denominator"] {
                if own[side]["published"].as_u64().is_some_and(|count| count <= 7) {
                    small += 1;
                    assert_eq!(hidden[side]["published"], Value::Null, "{level} {at} {side}");
                    assert_ne!(hidden[side]["state"], "value", "{level} {at} {side}");
                }
            }
        }
    }
    assert!(small > 2, "only {small}");
    // It is what the preview shows, cell for cell.
    let preview = ["node", "preview", "rtt_over_52_weeks", "--period", "2026-10", "--by", "sex"];
    let preview = home.run(&[&preview[..], &["--format", "json"]].concat()).json();
    let shown: Vec<u64> = preview["tables"][0]["cells"]
        .as_array()
        .expect("cells")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let own: Vec<u64> = cells(&protected, "rtt_over_52_weeks", "sex")
        .iter()
        .flat_map(|(_, cell)| [&cell["numerator"], &cell["denominator"]])
        .filter_map(|side| side["published"].as_u64())
        .collect();
    assert_eq!(own, shown);
}

#[test]
fn what_is_not_in_a_report_is_listed_with_the_reason() {
    let home = Home::new().load();
    let report = home.report(&[]);
    let missing = report["missing"].as_array().expect("a list");
    let why = |what: &str| -> Vec<&Value> {
        missing
            .iter()
            .filter(|one| one["what"].as_str().is_some_and(|w| w.contains(what)))
            .collect()
    };
    let [months] = why("RTT incomplete pathways")[..] else { panic!("{missing:#?}") };
    assert_eq!(months["why"], "no extract of this period is loaded");
    let periods = months["periods"].as_array().expect("periods");
    assert_eq!((periods.len(), &periods[0]), (12, &"2025-10".into()), "the year before");
    // Of a dataset by quarter: those that ended in that time.
    let quarters: Vec<&Value> =
        missing.iter().filter(|one| one["periods"][0] == "2025-26Q3").collect();
    assert!(!quarters.is_empty(), "{missing:#?}");
    for one in quarters {
        assert_eq!(one["periods"].as_array().map(Vec::len), Some(4), "{one}");
    }
}

#[test]
fn what_cannot_be_reported_says_what_to_do() {
    let home = Home::new();
    let report = |pack: &str, more: &[&str]| {
        home.run(&[&["node", "report", pack, "--period", "2026-10"][..], more].concat())
    };
    report("13sb", &[]).fails(2, &["no pack '13sb'", "13sa", "core20plus5-adults"]);
    report("13sa", &[]).fails(65, &["no extract of this period is loaded", "evensum node load"]);
    let over = |period: &str| home.run(&["node", "report", "13sa", "--period", period]);
    over("2001-01..2026-10").fails(2, &["120 months"]);
    // What the command line itself refuses is told as such.
    for (refused, words) in [
        (
            report("13sa", &["--policy", "loose"]),
            &["nhs75m", "ons105m", "exact_cs", "or exact"][..],
        ),
        (over("2026-10..2026-05"), &["earlier"]),
        (over("2026-04..2026-27"), &["one kind"]),
        (over("October"), &["2026-10"]),
    ] {
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{}", refused.stderr);
        for word in words {
            assert!(refused.stderr.contains(word), "no '{word}' in: {}", refused.stderr);
        }
    }
}
