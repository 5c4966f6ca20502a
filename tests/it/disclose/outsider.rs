//! `--attack-only`: what an outsider can work out.

use super::Desk;

#[test]
fn bounds_are_worked_out_and_the_exit_code_says_what_is_found() {
    // Poole's F is what the total leaves; Wareham has a sex that nobody published.
    let known = "area,sex,low,high\nPoole,F,0,7\nPoole,M,10,10\nPoole,all,15,15\nWareham,F,0,\nall,all,40,40\n";
    let desk = Desk::new().with("t.csv", known);
    let ran = desk.run("t.csv --attack-only").exits(3);
    let wanted = "area,sex,low,high,inferred_low,inferred_high\nPoole,F,0,7,5,5\nPoole,M,10,10,10,10\nPoole,all,15,15,15,15\nWareham,F,0,,0,25\nall,all,40,40,40,40\n";
    assert_eq!(ran.out, wanted);
    let json = desk.run("t.csv --attack-only --format json").exits(3).json();
    assert_eq!(json["verdict"], "unsafe");
    let first = &json["cells"][0];
    assert_eq!((&first["area"], &first["sex"]), (&"Poole".into(), &"F".into()));
    assert_eq!((&first["inferred_low"], &first["inferred_high"]), (&5.into(), &5.into()));
    assert!(json["cells"][3]["high"].is_null());
}

#[test]
fn only_counts_that_may_be_small_are_held_to_the_rule() {
    // 20 to 30 is found to be 25: no small count.
    let desk = Desk::new().with("t.csv", "sex,low,high\nF,20,30\nM,10,10\nall,35,35\n");
    let ran = desk.run("t.csv --attack-only").exits(0);
    assert!(ran.out.contains("F,20,30,25,25"), "{}", ran.out);
    desk.run("t.csv --attack-only --limit 19").exits(0);
    desk.run("t.csv --attack-only --limit 20").exits(3);
    // Nothing bounds what nobody bounded.
    let desk = Desk::new().with("t.csv", "sex,low,high\nF,0,\nM,10,10\n");
    let ran = desk.run("t.csv --attack-only").exits(0);
    assert!(ran.out.contains("F,0,,0,\n"), "{}", ran.out);
}

#[test]
fn totals_of_groups_are_sums_of_their_parts() {
    let desk = Desk::new()
        .with("t.csv", "area,low,high\na,0,7\nb,0,7\nab,9,9\nc,5,5\nall,14,14\nb2,0,\n")
        .with("areas.csv", "code,parent\na,ab\nb,ab\nab,\nc,\nb2,\n");
    let ran = desk.run("t.csv --attack-only --hierarchy area=areas.csv").exits(3);
    let wanted = "area,low,high,inferred_low,inferred_high\na,0,7,2,7\nb,0,7,2,7\nab,9,9,9,9\nc,5,5,5,5\nall,14,14,14,14\nb2,0,,0,0\n";
    assert_eq!(ran.out, wanted);
}

#[test]
fn bounds_that_exclude_each_other_are_no_table() {
    for text in [
        "sex,low,high\nF,10,10\nall,5,5\n",
        "sex,low,high\nF,10,12\nM,1,2\nall,20,20\n",
        "sex,area,low,high\nF,a,1,1\nF,b,1,1\nM,a,1,1\nM,b,1,1\nall,a,2,2\nall,all,5,5\n",
    ] {
        let ran = Desk::new().with("t.csv", text).run("t.csv --attack-only").exits(65);
        assert!(ran.err.contains("contradict"), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
    let cases = [
        ("sex,low,high\nF,5,4\n", "row 2, column 'high': the upper bound is below the lower one"),
        ("sex,low,high\nF,,4\n", "row 2, column 'low': blank"),
        ("sex,low,high\nF,-1,4\n", "row 2, column 'low': a count cannot be negative"),
        ("sex,low,high\nF,NaN,4\n", "row 2, column 'low': NaN"),
        ("sex,low,high\nF,1,4\nF,1,4\n", "row 3: the same categories stand on row 2"),
        ("sex,low\nF,1\n", "no column 'high'; its columns are 'sex', 'low'"),
        ("low,high\n1,4\n", "no column is left to be a dimension"),
    ];
    for (text, says) in cases {
        let ran = Desk::new().with("t.csv", text).run("t.csv --attack-only").exits(65);
        assert!(ran.err.contains(says), "{text}\n{}", ran.err);
    }
    let desk = Desk::new().with("t.csv", "sex,low,high\nF,1,4\n");
    desk.run("t.csv --attack-only --format xlsx").exits(2);
    desk.run("t.csv --attack-only --count n").exits(2);
    desk.run("t.csv").exits(2);
}
