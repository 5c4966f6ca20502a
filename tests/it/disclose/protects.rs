//! Tables that are protected, tested and written.

use super::{AREAS, Desk, FILLED, PASSES, cell};

fn rows(csv: &str) -> Vec<&str> {
    csv.lines().take_while(|line| !line.starts_with("# Notes")).collect()
}

#[test]
fn a_table_is_written_with_its_totals_marks_and_notes() {
    let desk = Desk::new().with("t.csv", PASSES);
    let ran = desk.run("t.csv --by area,sex --count n").exits(0);
    let wanted = [
        "area,sex,n",
        "a,F,[c]",
        "a,M,20",
        "a,all,25",
        "b,F,35",
        "b,M,40",
        "b,all,75",
        "c,F,50",
        "c,M,60",
        "c,all,110",
        "all,F,90",
        "all,M,120",
        "all,all,210",
    ];
    assert_eq!(rows(&ran.out), wanted);
    for note in
        ["[c] stands for a count that is hidden", "nearest 5", "Profile nhs75m; limit 7; base 5"]
    {
        assert!(ran.out.contains(note), "{note}: {}", ran.out);
    }
    assert!(ran.err.contains("No hidden count can be worked out from this table."), "{}", ran.err);
    // Into a file: the same, and nothing on standard output.
    let filed = desk.run("t.csv --count n --out released.csv").exits(0);
    assert_eq!(filed.out, "");
    assert_eq!(desk.read("released.csv"), ran.out);
}

#[test]
fn a_table_is_the_same_however_it_is_written_down() {
    let desk = Desk::new()
        .with("t.csv", PASSES)
        .with("bom.csv", format!("\u{feff}{}", PASSES.replace(',', ";").replace('\n', "\r\n")))
        .with("tabs.csv", PASSES.replace(',', "\t"))
        .with("quoted.csv", PASSES.replace(",20\n", ",\" 20.0 \"\n").replace(",33\n", ",33.00\n"))
        .with(
            "totals.csv",
            format!("{PASSES}a,Total,25\nAll,F,90\nall,all,211\nc,all,112\nall,M,121\n"),
        )
        // A combination without a row is a zero.
        .with("sparse.csv", "area,sex,n\na,M,40\na,F,0\nb,F,30\nb,M,30\n")
        .with("sparser.csv", "area,sex,n\na,M,40\nb,F,30\nb,M,30\n");
    let first = desk.run("t.csv --count n").exits(0).out;
    for file in ["bom.csv", "tabs.csv", "quoted.csv", "totals.csv"] {
        assert_eq!(desk.run(&format!("{file} --count n")).exits(0).out, first, "{file}");
    }
    let sparse = desk.run("sparse.csv --count n --profile nhs75 --base 1").out;
    assert_eq!(desk.run("sparser.csv --count n --profile nhs75 --base 1").out, sparse);
}

#[test]
fn a_table_that_fails_is_not_written_and_what_passes_is_named() {
    let desk = Desk::new().with("t.csv", FILLED).with("areas.csv", AREAS);
    let ran = desk.run("t.csv --count n --hierarchy area=areas.csv --out released.csv").exits(3);
    assert_eq!(ran.out, "");
    assert!(!desk.path().join("released.csv").exists());
    for said in ["must not be released", "--coarsen area=1", "--without area", "--without sex"] {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    // What is named passes.
    for option in ["--coarsen area=1", "--without area", "--without sex"] {
        let words = format!("t.csv --count n --hierarchy area=areas.csv {option}");
        desk.run(&words).exits(0);
    }
    let coarse = desk.run("t.csv --count n --hierarchy area=areas.csv --coarsen area=1").out;
    assert_eq!(
        rows(&coarse)[1..7],
        ["a,F,15", "a,M,40", "a,all,55", "bc,F,15", "bc,M,50", "bc,all,65"]
    );
}

#[test]
fn the_report_has_the_bounds_of_every_cell() {
    let desk = Desk::new().with("t.csv", FILLED);
    let report = desk.run("t.csv --count n --profile nhs75 --report json").exits(3).json();
    assert_eq!(report["verdict"], "unsafe");
    assert_eq!(report["primary"], 1);
    assert_eq!(report["secondary"], 0);
    assert_eq!(report["exact_recoveries"], 1);
    assert!(report["elapsed_ms"].is_u64());
    assert_eq!(
        (&report["profile"], &report["limit"], &report["base"]),
        (&"nhs75".into(), &7.into(), &5.into())
    );
    assert_eq!(report["cells"].as_array().map(Vec::len), Some(12));
    let hidden = cell(&report, &[("area", "c"), ("sex", "F")]);
    assert_eq!((&hidden["low"], &hidden["high"]), (&1.into(), &1.into()));
    assert!(hidden["published"].is_null());
    assert_eq!(hidden["state"], "small");
    // Of all rounded figures, these two are at their lower ends.
    let shown = cell(&report, &[("area", "a"), ("sex", "F")]);
    assert_eq!((&shown["low"], &shown["high"]), (&13.into(), &13.into()));
    assert_eq!((&shown["published"], &shown["state"]), (&15.into(), &"value".into()));
    assert_eq!(report["coarser"][0]["options"], "--without area");
}

#[test]
fn limit_and_base_stand_in_place_of_the_profiles() {
    let desk = Desk::new().with("t.csv", PASSES);
    let out = desk.run("t.csv --count n --limit 20 --base 10").exits(0).out;
    assert_eq!(rows(&out)[1..4], ["a,F,[c]", "a,M,[c]", "a,all,30"]);
    assert!(out.contains("limit 20; base 10"), "{out}");
    for words in ["--limit 0", "--base 0", "--limit 7 --base 20", "--limit 2000"] {
        let ran = desk.run(&format!("t.csv --count n {words}")).exits(2);
        assert!(ran.err.contains("limit"), "{}", ran.err);
    }
}

#[test]
fn exact_counts_are_protected_by_hiding_more() {
    let desk =
        Desk::new().with("t.csv", "area,sex,n\na,F,30\na,M,45\nb,F,4.0\nb,M,22\nc,F,19\nc,M,27\n");
    let plain = desk.run("t.csv --count n --profile nhs75 --base 1 --report json").exits(3).json();
    assert_eq!(plain["exact_recoveries"], 1);
    for protect in ["", "--protect 2"] {
        let words = format!("t.csv --count n --profile exact_cs --report json {protect}");
        let report = desk.run(&words).exits(0).json();
        assert_eq!((&report["primary"], &report["exact_recoveries"]), (&1.into(), &0.into()));
        assert_eq!(report["secondary"], 3, "{report}");
        let states = report["cells"].as_array().expect("cells").iter();
        let hidden: Vec<_> = states.filter(|c| c["published"].is_null()).collect();
        assert_eq!(hidden.len(), 4);
        // One marker: nothing tells the small count from those that protect it.
        assert!(hidden.iter().all(|c| c["state"] == "suppressed"), "{hidden:?}");
    }
    let usage = ["--profile nhs75m --protect 2", "--profile exact_cs --base 5", "--profile ckm"];
    for words in usage {
        desk.run(&format!("t.csv --count n {words}")).exits(2);
    }
    let ran = desk.run("t.csv --count n --profile ckm");
    assert!(ran.err.contains("this profile needs record keys"), "{}", ran.err);
}

#[test]
fn few_people_and_dominance_hide_counts_and_sums() {
    let desk = Desk::new().with(
        "t.csv",
        "sex,n,people,most,days,most_days\nF,60,7,9,1234,300\nM,80,70,9,5678,300\nX,90,80,50,9012,90\nY,90,80,9,9012,8000\n",
    );
    let words =
        "t.csv --count n --persons people --top most --sum days --sum-top most_days --limit 5";
    let out = desk.run(words).exits(0).out;
    // Y's days are one person's: none of the totals of days is given.
    let wanted = ["sex,n,days", "F,60,1230", "M,80,5680", "X,[c],[c]", "Y,90,[c]", "all,320,[c]"];
    assert_eq!(rows(&out), wanted);
    let out = desk.run(&words.replace("--limit 5", "--limit 7")).exits(0).out;
    assert_eq!(rows(&out)[1], "F,[c],[c]");
}

#[test]
fn what_is_out_is_tested_with_it() {
    let desk = Desk::new()
        .with("t.csv", PASSES)
        .with("harmless.csv", "area,low,high\na,23,27\nb,72,76\n")
        .with("exact.csv", "area,sex,low,high\na,M,20,20\na,all,25,25\n")
        .with("other.csv", "area,low,high\na,90,90\n");
    let ran = desk.run("t.csv --count n --also harmless.csv").exits(0);
    assert!(ran.err.contains("together with the one that is out"), "{}", ran.err);
    let report = desk.run("t.csv --count n --also exact.csv --report json").exits(3).json();
    let hidden = cell(&report, &[("area", "a"), ("sex", "F")]);
    assert_eq!((&hidden["low"], &hidden["high"]), (&5.into(), &5.into()));
    assert_eq!(report["exact_recoveries"], 1);
    let ran = desk.run("t.csv --count n --also other.csv").exits(65);
    assert!(ran.err.contains("contradict"), "{}", ran.err);
    // What the command wrote is read back under the rules that stand in its notes: at base 1 figures are exact.
    desk.run("t.csv --count n --base 1 --limit 4 --out first.csv").exits(0);
    let report = desk.run("t.csv --count n --also first.csv --report json").exits(3).json();
    assert_eq!(report["exact_recoveries"], 1);
    desk.run("t.csv --count n --out same.csv").exits(0);
    desk.run("t.csv --count n --also same.csv --also harmless.csv").exits(0);
}

#[test]
fn formulas_in_labels_are_guarded_and_known_again() {
    let desk = Desk::new().with("t.csv", "area,n\n=1+1,50\n@x,60\n-5,70\n+44,2\n65+,90\n");
    let out = desk.run("t.csv --by area --count n --out r.csv").exits(0);
    assert_eq!(out.out, "");
    let text = desk.read("r.csv");
    let wanted = ["area,n", "'=1+1,50", "'@x,60", "'-5,70", "'+44,[c]", "65+,90", "all,270"];
    assert_eq!(rows(&text), wanted);
    desk.run("t.csv --by area --count n --also r.csv").exits(0);
}

#[test]
fn columns_that_are_left_out_are_added_up() {
    let desk = Desk::new().with(
        "t.csv",
        "area,sex,year,n\na,F,1,10\na,F,2,11\na,M,1,12\na,M,2,13\na,all,1,22\nb,F,1,20\n",
    );
    let ran = desk.run("t.csv --by area --count n").exits(0);
    assert_eq!(rows(&ran.out), ["area,n", "a,45", "b,20", "all,65"]);
    assert!(ran.err.contains("added up over the columns"), "{}", ran.err);
    // Without --by a column of numbers is none to divide by: said, and not added up.
    let ran = desk.run("t.csv --count n").exits(65);
    assert!(ran.err.contains("row 3: the same categories stand on row 2"), "{}", ran.err);
    assert!(ran.err.contains("'year'"), "{}", ran.err);
}

#[test]
fn a_picture_is_aligned() {
    let desk = Desk::new().with("t.csv", PASSES);
    insta::assert_snapshot!(desk.run("t.csv --count n --format table").exits(0).out);
    let json = desk.run("t.csv --count n --format json").exits(0).json();
    assert!(cell(&json, &[("area", "a"), ("sex", "F")])["published"].is_null());
    assert_eq!(cell(&json, &[("area", "a"), ("sex", "all")])["published"], 25);
}

#[test]
fn a_dimension_with_one_category_is_its_total() {
    let desk = Desk::new().with("t.csv", "area,sex,n\na,F,50\na,M,60\n");
    let ran = desk.run("t.csv --count n").exits(0);
    assert!(ran.err.contains("'area' has one category"), "{}", ran.err);
    assert_eq!(rows(&ran.out)[1..4], ["a,F,50", "a,M,60", "a,all,110"]);
}
