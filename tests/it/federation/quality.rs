//! How complete extracts are: exactly, for the partner's own people, and in whole per cent, for everybody else.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::harness::{EXTRACT, Fed, text};
use super::process::run;

const OWN: &str = "ZZ1";
const PERIOD: [&str; 2] = ["--period", "2026-10"];

fn node(fed: &Fed, command: &str, more: &[&str]) -> super::process::Output {
    let config = fed.config(OWN);
    run(&[&["node", command][..], more, &["--config", text(&config)]].concat())
}

#[test]
fn the_staff_see_exact_figures_in_every_form() {
    let fed = Fed::at_rest();
    let one = node(&fed, "quality", &EXTRACT).succeeds().stdout;
    let exact = "Exact figures, for the organisation's own staff only";
    assert!(one.contains(exact) && one.contains("By provider"), "{one}");
    let dataset = &EXTRACT[..2];
    let periods = node(&fed, "quality", dataset).succeeds().stdout;
    assert!(periods.contains(exact) && periods.contains("provisional"), "{periods}");
    let all = node(&fed, "quality", &[]).succeeds().stdout;
    assert!(all.contains(exact) && all.contains("rtt_open_pathway"), "{all}");
    let json = node(&fed, "quality", &["--format", "json"]).json();
    assert_eq!(
        (&json[0]["figures"], &json[0]["standing"]),
        (&"exact".into(), &"provisional".into())
    );
    assert_eq!(json[0]["rows_taken"], 2_000);
    for of in [&EXTRACT[..], dataset, &[]] {
        let file = fed.path("page.html");
        let form = ["--format", "html", "--out", text(&file)];
        let said = node(&fed, "quality", &[of, &form].concat()).succeeds();
        assert_eq!(said.stdout, "", "the page is in its file");
        let mode = fs::metadata(&file).expect("a page").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "exact figures are the owner's");
        let page = fs::read_to_string(&file).expect("a page");
        // An apostrophe is escaped there.
        assert!(page.contains(&exact.replace('\'', "&#39;")), "it says what its figures are");
        assert!(
            page.contains("<svg viewBox") && !page.contains("<script"),
            "drawn, and not scripted"
        );
        assert!(!page.contains("http:") && !page.contains("https:"), "from nowhere else");
    }
    node(&fed, "quality", &["--dataset", "ae_attendance"]).fails(65, &["evensum node load"]);
    let later = [&EXTRACT[..2], &["--period", "2027-10", "--format", "html"]].concat();
    node(&fed, "quality", &later).fails(65, &["no extract of that period"]);
}

#[test]
fn a_return_is_set_beside_the_extract() {
    let fed = Fed::at_rest();
    let file = fed.path("return.csv");
    let compare = |text_of: &str, more: &[&str]| {
        fs::write(&file, text_of).expect("written");
        node(&fed, "reconcile", &[&[text(&file)], &PERIOD[..], more].concat())
    };
    let header = "treatment function,total,over 18,over 52\n";
    let first = compare(&format!("{header}100,1,1,1\n"), &["--format", "json"]).json();
    assert_eq!((&first["agrees"], &first["total"]["own"]["list"]), (&false.into(), &2_000.into()));
    let own = |line: &Value| {
        let of = &line["own"];
        format!("{},{},{},{}\n", line["function"], of["list"], of["over_18"], of["over_52"])
    };
    let lines = first["lines"].as_array().expect("lines").iter();
    let known = lines.clone().filter(|line| line["function"] != "unknown");
    let same: String = known.map(own).collect::<String>().replace('"', "");
    let said = compare(&format!("{header}{same}"), &[]).succeeds().stdout;
    assert!(said.contains("Exact figures"), "{said}");
    let unknown = lines.clone().find(|line| line["function"] == "unknown");
    let unknown = unknown.map_or(0, |line| line["own"]["list"].as_u64().expect("a number"));
    assert!(unknown > 0 && said.contains("This is exactly the difference."), "{said}");
    let csv = compare(&format!("{header}{same}"), &["--format", "csv"]).succeeds();
    assert!(
        csv.stdout.starts_with("treatment_function,name,list_own,list_return,"),
        "{}",
        csv.stdout
    );
    assert!(csv.stderr.contains("Exact figures"), "{}", csv.stderr);
    compare(&format!("{header}100,none,1,1\n"), &[]).fails(65, &["row 2", "'total'"]);
    compare(&format!("{header}100,1,1,1\n"), &["--dataset", "ae_attendance"])
        .fails(65, &["rtt_open_pathway alone"]);
}

/// A partner's shares of a level.
fn shares<'a>(said: &'a Value, ods: &str, level: &str) -> &'a Value {
    let partners = said["partners"].as_array().expect("partners");
    let partner = partners.iter().find(|p| p["ods"] == ods).expect("the partner");
    let dimensions = partner["dimensions"].as_array().expect("dimensions");
    // Or a coarser level, where the partner withholds this one.
    let (dimension, _) = level.split_once('.').unwrap_or((level, ""));
    let of =
        |d: &&Value| d["level"].as_str().is_some_and(|l| l.split('.').next() == Some(dimension));
    dimensions.iter().find(of).unwrap_or_else(|| panic!("{level}: {partner}"))
}

#[test]
fn what_leaves_is_a_whole_per_cent_and_is_in_the_partners_log() {
    let fed = Fed::start(&["ZZ1", "ZZ2", "ZZ6"]);
    let analyst = fed.path("analyst/analyst.toml");
    let quality = |more: &[&str]| {
        let ask = ["--ask", "ZZ1,ZZ2,ZZ6", "--config", text(&analyst)];
        run(&[&["quality"][..], &PERIOD, &ask, more].concat())
    };
    let released = || {
        let config = fed.config(OWN);
        let list = run(&["audit", "list", "--config", text(&config), "--format", "json"]).json();
        let is = |entry: &&Value| entry.to_string().contains("answer_released");
        list.as_array().expect("entries").iter().filter(is).count()
    };
    let before = released();
    let said = quality(&["--format", "json"]).json();
    assert_eq!(said["figures"], "coarsened");
    let exact = node(&fed, "quality", &[&EXTRACT[..], &["--format", "json"]].concat()).json();
    let mut told = 0;
    for (level, dimension) in [
        ("imd.core20", "imd"),
        ("ethnicity.group", "ethnicity"),
        ("sex", "sex"),
        ("age.adult", "age"),
        ("tfc.group", "tfc"),
    ] {
        let shares = shares(&said, OWN, level);
        assert_eq!(shares["status"], "answered", "{shares}");
        let all = exact["per_cent"].as_array().expect("dimensions");
        let truth = all.iter().find(|d| d["dimension"] == dimension).expect("it");
        for key in ["usable", "not_stated", "not_known", "not_collected", "not_applicable"] {
            let share = &shares[key];
            if share.is_string() {
                assert!(matches!(share.as_str(), Some("withheld" | "none")), "{share}");
                continue;
            }
            assert!(share.as_u64().is_some_and(|n| n <= 100), "a whole per cent: {share}");
            // Residents alone are counted there, and all rows here.
            if key == "usable" {
                let truth = truth["valid"].as_f64().expect("a share");
                assert!((share.as_f64().expect("a share") - truth).abs() < 4.0, "{shares} {truth}");
            }
            told += 1;
        }
    }
    assert!(told >= 5, "{said}");
    assert_eq!(released() - before, 5, "a question for each dimension");
    assert_eq!(shares(&said, "ZZ6", "sex")["status"], "no_data");
    let again = quality(&[]).succeeds().stdout;
    assert!(again.contains("Coarsened figures") && again.contains(" %"), "{again}");
    let page = quality(&["--format", "html"]).succeeds().stdout;
    assert!(page.contains("Coarsened figures") && page.contains("class=\"hidden\""), "{page}");
    quality(&["--purpose", "curiosity"]).fails(77, &["purpose"]);
}
