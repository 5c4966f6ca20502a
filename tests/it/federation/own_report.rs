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

/// The groups of an indicator by one dimension.
fn groups<'a>(report: &'a Value, indicator: &str, dimension: &str) -> &'a [Value] {
    let indicators = report["indicators"].as_array().expect("indicators");
    let one = indicators.iter().find(|i| i["id"] == indicator).expect("the indicator");
    let breakdowns = one["breakdowns"].as_array().expect("breakdowns");
    let by = breakdowns.iter().find(|b| b["dimension"] == dimension).expect("the breakdown");
    by["groups"].as_array().expect("groups")
}

/// What stands above and below the line of a group: from where to where, where that is a number.
fn counts(group: &Value) -> [Option<(u64, u64)>; 2] {
    ["above", "below"].map(|side| {
        let text = group[side].as_str().expect("words").replace(',', "");
        let (low, high) = text.split_once(" to ").unwrap_or((&text, &text));
        Some((low.parse().ok()?, high.parse().ok()?))
    })
}

fn of_sex(report: &Value, label: &str) -> [Option<(u64, u64)>; 2] {
    let groups = groups(report, "rtt_over_52_weeks", "sex");
    counts(groups.iter().find(|group| group["label"] == label).expect("a group"))
}

#[test]
fn exact_figures_are_those_of_the_extract_and_a_policy_hides_the_small_ones() {
    let home = Home::new().load();
    let exact = home.report(&[]);
    assert_eq!(exact["setting"]["exact"], true);
    let handling = exact["setting"]["handling"].as_str().expect("words");
    assert!(handling.starts_with("INTERNAL"), "{handling}");
    let of_all = (home.men.0 + home.women.0 + 3, home.men.1 + home.women.1 + 3);
    let counted =
        [("Not known", (3, 3)), ("Male", home.men), ("Female", home.women), ("All", of_all)];
    for (sex, (cases, all)) in counted {
        assert_eq!(of_sex(&exact, sex), [Some((cases, cases)), Some((all, all))], "{sex}");
    }

    let protected = home.report(&["--policy", "nhs75m"]);
    assert_eq!(protected["setting"]["exact"], false);
    assert_eq!(of_sex(&protected, "Not known"), [None, None], "those that were planted");
    // Of every small count that the exact report has, the protected one has none; others it has between two numbers.
    let (mut small, mut large) = (0, 0);
    for dimension in ["imd", "ethnicity", "age", "sex"] {
        let own = groups(&exact, "rtt_over_52_weeks", dimension);
        let left = groups(&protected, "rtt_over_52_weeks", dimension);
        assert_eq!(own.len(), left.len());
        for (own, left) in own.iter().zip(left) {
            assert_eq!(own["label"], left["label"]);
            for (count, between) in counts(own).into_iter().zip(counts(left)) {
                let (count, _) = count.expect("exact");
                if count <= 7 {
                    small += 1;
                    assert_eq!(between, None, "{dimension} {own} {left}");
                } else if let Some((low, high)) = between {
                    large += 1;
                    assert!((low..=high).contains(&count) && high > low, "{own} {left}");
                }
            }
        }
    }
    assert!(small > 2 && large > 10, "{small} {large}");
    // Its counts are those of the preview.
    let preview = ["node", "preview", "rtt_over_52_weeks", "--period", "2026-10", "--by", "sex"];
    let preview = home.run(&[&preview[..], &["--format", "json"]].concat()).json();
    let cells = preview["tables"][0]["cells"].as_array().expect("cells");
    let mut shown: Vec<u64> = cells.iter().filter_map(Value::as_u64).collect();
    let groups = groups(&protected, "rtt_over_52_weeks", "sex").iter().flat_map(counts);
    let mut between: Vec<(u64, u64)> = groups.flatten().collect();
    shown.sort_unstable();
    between.sort_unstable();
    assert_eq!(between.len(), shown.len());
    for (shown, (low, high)) in shown.iter().zip(between) {
        assert!((low..=high).contains(shown), "{shown} {low} {high}");
    }
}

#[test]
fn a_page_says_in_its_name_and_title_that_it_is_internal() {
    let home = Home::new().load();
    let report = |more: &[&str]| {
        home.run(&[&["node", "report", "13sa", "--period", "2026-10"][..], more].concat())
            .succeeds()
    };
    let read = |name: &str| fs::read(home.dir.path().join(name)).expect("a file");
    let said = report(&[]).stderr;
    assert!(said.contains("13sa-2026-10-internal.html. INTERNAL"), "{said}");
    let page = String::from_utf8(read("13sa-2026-10-internal.html")).expect("text");
    let (_, title) = page.split_once("<title>").expect("a title");
    assert!(title.split("</title>").next().is_some_and(|t| t.contains("INTERNAL")), "{title:.200}");
    for said in ["Exact figures", "not for release", "no extract of this period is loaded"] {
        assert!(page.contains(said), "no '{said}' in the page");
    }
    report(&["--policy", "nhs75m"]);
    let page = String::from_utf8(read("13sa-2026-10-nhs75m.html")).expect("text");
    assert!(!page.contains("INTERNAL") && page.contains("not tested beside other releases"));
    report(&["--format", "xlsx"]);
    assert!(read("13sa-2026-10-internal.xlsx").starts_with(b"PK"));
    report(&["--out", "mine.html"]);
    assert!(read("mine.html").starts_with(b"<!"));
}

#[test]
fn what_is_not_in_a_report_is_listed_with_the_reason() {
    let home = Home::new().load();
    let report = home.report(&[]);
    let absent = report["absent"].as_array().expect("a list");
    let of =
        |name: &str| -> Vec<&Value> { absent.iter().filter(|one| one["what"] == name).collect() };
    let [months] = of("Waiting over 52 weeks")[..] else { panic!("{absent:#?}") };
    assert_eq!(months["why"], "no extract of this period is loaded");
    assert_eq!(months["entirely"], false);
    assert_eq!(months["periods"], "12 periods from October 2025 to September 2026");
    // Of a dataset by quarter there is nothing at all.
    let [quarters] = of("Physical health checks in severe mental illness")[..] else {
        panic!("{absent:#?}")
    };
    assert_eq!((&quarters["entirely"], &quarters["why"]), (&true.into(), &months["why"]));
}

#[test]
fn what_is_said_beside_the_figures_is_in_the_report() {
    let home = Home::new().load();
    let about = home.dir.path().join("about.toml");
    fs::write(&about, "[indicator.rtt_over_52_weeks]\nowner = \"The chief operating officer\"\n")
        .expect("written");
    let report = home.report(&["--about", "about.toml"]);
    let indicators = report["indicators"].as_array().expect("indicators");
    let one = indicators.iter().find(|i| i["id"] == "rtt_over_52_weeks").expect("the indicator");
    assert_eq!(one["owner"], "The chief operating officer");
    fs::write(&about, "[indicator.nothing]\nowner = \"x\"\n").expect("written");
    let report = ["node", "report", "13sa", "--period", "2026-10", "--about", "about.toml"];
    home.run(&report).fails(64, &["about.toml", "line 1", "nothing"]);
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
    over("2001-01..2026-10").fails(2, &["60 months"]);
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
