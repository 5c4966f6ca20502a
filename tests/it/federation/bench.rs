//! `evensum bench` on so few rows that its figures mean nothing: it ends, and says what it measured.

use super::process::run;

#[test]
fn every_benchmark_measures_what_it_says() {
    let dir = tempfile::tempdir().expect("a folder");
    let place = dir.path().to_str().expect("text");
    let small = ["--rows", "1000", "--nodes", "2", "--runs", "1"];
    let arguments = [&["bench", "all", "--dir", place, "--format", "json"], &small[..]].concat();
    let report = run(&arguments).json();
    let benchmarks = report["benchmarks"].as_array().expect("a list");
    let names: Vec<&str> = benchmarks.iter().filter_map(|b| b["name"].as_str()).collect();
    let wanted =
        ["tabulate", "tabulate, a row a person", "load", "answers of 2 nodes", "audit log"];
    assert_eq!(names, wanted);
    for figure in benchmarks.iter().flat_map(|b| b["figures"].as_array().expect("a list")) {
        match figure["kind"].as_str() {
            Some("time") => assert!(figure["min"].as_f64() <= figure["max"].as_f64(), "{figure}"),
            Some("number") => assert!(figure["value"].as_f64() >= Some(0.0), "{figure}"),
            _ => panic!("{figure}"),
        }
    }
    // What another program needs to count the same, and what it must come to.
    for kind in ["several", "one"] {
        let text = std::fs::read(dir.path().join(format!("counted-{kind}.json"))).expect("a file");
        let counted: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert!(std::path::Path::new(counted["file"].as_str().expect("a path")).is_file());
        assert_eq!(counted["tables"].as_array().map(Vec::len), Some(2));
    }
    let files = std::fs::read_dir(dir.path()).expect("a folder").flatten();
    let left = files.filter(|f| f.file_name().to_string_lossy().starts_with("federation-"));
    assert_eq!(left.count(), 0, "a federation was left behind");
}
