//! What cannot be used is refused by row and column, with exit code 65, and never by a panic.

use std::fmt::Write;

use super::{AREAS, Desk, FILLED, PASSES};

#[test]
fn what_cannot_be_used_is_named_by_row_and_column() {
    let cases: [(&str, &str, &str); 31] = [
        ("sex,n\nF,10\nM,20\nall,31\n", "", "row 4, column 'n': this total does not agree"),
        ("sex,n\nF,10\nall,30\nM,19\n", "", "row 3, column 'n': this total does not agree"),
        ("sex,n\nF,-3\n", "", "row 2, column 'n': a count cannot be negative"),
        ("sex,n\nF,10\nM,10\nF,10\n", "", "row 4: the same categories stand on row 2"),
        ("sex,n\nF,10\nall,10\nTotal,10\n", "", "row 4: the same categories stand on row 3"),
        ("sex,n\nF,9007199254740993\n", "", "row 2, column 'n': a count above 2^53"),
        (
            "sex,n\nF,9007199254740992\nM,1\n",
            "",
            "row 3, column 'n': with this row a total is above 2^53",
        ),
        ("sex,n\nF,NaN\n", "", "row 2, column 'n': NaN is no count"),
        ("sex,n\nF,inf\n", "", "row 2, column 'n': a count cannot be infinite"),
        ("sex,n\nF,-inf\n", "", "row 2, column 'n': a count cannot be infinite"),
        ("sex,n\nF,\n", "", "row 2, column 'n': blank"),
        ("sex,n\nF,12.5\n", "", "row 2, column 'n': a count is a whole number"),
        ("sex,n\nF,many\n", "", "row 2, column 'n': no whole number"),
        ("sex,n\nF,[c]\n", "", "row 2, column 'n': this figure is hidden already"),
        ("sex,n\n,12\n", "", "row 2, column 'sex': blank"),
        ("sex,n\nF,1\nM\n", "", "row 3: 1 columns where the header has 2"),
        ("sex,n\nF,12\n", "--by age", "no column 'age'; its columns are 'sex', 'n'"),
        ("sex,n\nF,12\n", "--persons p", "no column 'p'; its columns are 'sex', 'n'"),
        ("sex,m\nF,12\n", "", "no column 'n'; its columns are 'sex', 'm'"),
        ("n\n12\n", "", "no column is left to be a dimension"),
        ("year,n\n2024,12\n", "", "no column is left to be a dimension"),
        ("sex,n\nF,12\n", "--by sex,sex", "column 'sex': this column is named for two uses"),
        ("sex,n\nall,12\n", "", "column 'sex' holds nothing but totals"),
        ("sex,n\nF,12\n", "--hierarchy area=areas.csv", "--hierarchy names 'area'"),
        ("sex,n\nF,12\n", "--without area", "--without names 'area'"),
        ("sex,n,p\nF,12,13\n", "--persons p", "row 2, column 'p': more than the count"),
        ("sex,n,p\nF,12,9\nM,12,9\nall,24,20\n", "--persons p", "row 4, column 'p': this total"),
        ("sex,n,s\nF,0,9\n", "--sum s", "row 2, column 's': a sum where the count is 0"),
        ("sex,n,t\nF,12,13\n", "--top t", "row 2, column 't': more than the count"),
        (
            "area,n\na,12\nd,12\n",
            "--hierarchy area=areas.csv",
            "row 3, column 'area': this code has no row in the dimension's hierarchy: a gap",
        ),
        (
            "area,n\nb,12\nbc,13\n",
            "--hierarchy area=areas.csv",
            "row 3, column 'n': this total does not agree",
        ),
    ];
    for (text, words, says) in cases {
        let desk = Desk::new().with("t.csv", text).with("areas.csv", AREAS);
        let ran = desk.run(&format!("t.csv --count n {words}")).exits(65);
        assert!(ran.err.contains(says), "{text}{words}\n{}", ran.err);
        assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{}", ran.err);
    }
}

#[test]
fn hierarchies_that_are_none_are_named_by_row() {
    let cases = [
        (
            "code,parent\na,x\nb,x\nx,y\ny,x\nc,y\n",
            "row 4, column 'parent': this code is part of itself",
        ),
        (
            "code,parent\na,x\nb,x\nx,all\nc,y\n",
            "row 5, column 'parent': this parent has no row of its own",
        ),
        (
            "code,parent\na,x\nb,x\na,y\nc,y\n",
            "row 4, column 'parent': this code has another parent on row 2",
        ),
        (
            "code,parent\na,x\nb,x\nc,x\na,x\n",
            "row 5, column 'code': this code stands on row 2 already",
        ),
        ("code,of\na,x\n", "no column 'parent'; its columns are 'code', 'of'"),
    ];
    for (text, says) in cases {
        let desk = Desk::new().with("t.csv", FILLED).with("areas.csv", text);
        let ran = desk.run("t.csv --count n --hierarchy area=areas.csv").exits(65);
        assert!(ran.err.contains("areas.csv") && ran.err.contains(says), "{text}\n{}", ran.err);
    }
}

#[test]
fn tables_that_are_out_must_fit() {
    let cases = [
        (
            "area,age,n\na,young,20\n",
            "out.csv, column 'age': the table that is being tested has no such dimension",
        ),
        ("area,n\na,25\nz,20\n", "out.csv, row 3, column 'area': this category is foreign"),
        ("area,n\na,25\na,25\n", "out.csv, row 3: the same categories stand on row 2"),
        ("area,low,high\na,25,20\n", "out.csv, row 2, column 'high': the upper bound is below"),
        ("area,low,high\na,-1,20\n", "out.csv, row 2, column 'low': a count cannot be negative"),
        ("area,m\na,25\n", "out.csv has no column 'n'"),
    ];
    for (text, says) in cases {
        let desk = Desk::new().with("t.csv", PASSES).with("out.csv", text);
        let ran = desk.run("t.csv --count n --also out.csv").exits(65);
        assert!(ran.err.contains(says), "{text}\n{}", ran.err);
    }
}

#[test]
fn what_is_no_csv_in_utf8_is_said_to_be_none() {
    let cases: [(&[u8], &str); 5] = [
        (b"sex,n\nF\xe9minin,12\n", "row 2, column 1: this is not UTF-8"),
        (b"\xff\xfes\0e\0x\0", "this text is UTF-16"),
        (b"PK\x03\x04\0\0\0", "this is a workbook"),
        (b"", "the file is empty"),
        (b"sex,n\n", "there are no rows"),
    ];
    for (bytes, says) in cases {
        let ran = Desk::new().with("t.csv", bytes).run("t.csv --count n").exits(65);
        assert!(ran.err.contains(says), "{}", ran.err);
    }
    let ran = Desk::new().run("nothing.csv --count n").exits(65);
    assert!(ran.err.contains("nothing.csv cannot be read"), "{}", ran.err);
}

#[test]
fn a_table_that_is_too_large_is_told_the_cap_and_what_is_small_enough() {
    let square = |side: u32| {
        let mut text = "x,y,z,n\n".to_owned();
        for i in 0..side {
            let _ = writeln!(text, "x{i},y{i},{},30", if i % 2 == 0 { "p" } else { "q" });
        }
        text
    };
    // 60 × 60 × 3 with totals, and then 10^7 by two of the dimensions.
    let ran = Desk::new().with("t.csv", square(59)).run("t.csv --count n").exits(65);
    assert!(ran.err.contains("10800 cells"), "{}", ran.err);
    assert!(ran.err.contains("the most is 2500"), "{}", ran.err);
    assert!(ran.err.contains("--without x (180 cells)"), "{}", ran.err);
    assert!(ran.err.contains("--large"), "{}", ran.err);
    let ran = Desk::new().with("t.csv", square(3_200)).run("t.csv --by x,y --count n").exits(65);
    assert!(ran.err.contains("10246401 cells"), "{}", ran.err);
    assert!(ran.err.contains("the most is 2500 (20000 with --large)"), "{}", ran.err);
    assert!(ran.err.contains("x: 3200, y: 3200"), "{}", ran.err);
}

#[test]
fn a_large_table_takes_an_option() {
    let mut text = "x,n\n".to_owned();
    for i in 0..2_600 {
        let _ = writeln!(text, "x{i},{}", i % 60);
    }
    let desk = Desk::new().with("t.csv", text);
    desk.run("t.csv --count n").exits(65);
    let report = desk.run("t.csv --count n --large --report json").exits(0).json();
    assert_eq!(report["cells"].as_array().map(Vec::len), Some(2_601));
}
