//! Every attack, small: profiles hold and controls break.

use super::*;

/// Hidden counts for each attack and shape.
const N: usize = 20;

fn tried(attack: Attack) -> Vec<Finding> {
    let findings = run(attack, N, 5, &mut |_| ()).expect("tried");
    let failed: Vec<&Finding> = findings.iter().filter(|f| !f.passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let controls = findings.iter().filter(|f| f.is_control()).count();
    assert!(controls > 0 && findings.len() > controls, "a control and a profile");
    findings
}

macro_rules! holds {
    ($($test:ident $attack:ident)*) => {
        $(#[test] fn $test() { tried(Attack::$attack); })*
    };
}

holds! {
    one_release A1
    linked_tables A2
    rounding_and_totals A3
    shifted_bands A4
    code_lists A5
    the_same_question_again A6
    averages_over_partitions A7
    trackers_and_complements A8
    consecutive_extracts A9
    sums_that_differ_by_one_partner A10
    partners_that_are_none A11
    partners_beside_the_sum A12
    shares_of_none_and_all A13
    labels_and_refusals A14
    means_and_percentiles A15
    what_passes_the_servers A16
    side_channels A17
    marks_of_different_people A18
    random_questions A19
}

#[test]
fn an_attack_is_found_by_its_name() {
    for attack in Attack::ALL {
        assert_eq!(Attack::parse(&attack.id().to_lowercase()), Some(attack));
    }
    assert_eq!(Attack::parse("A99"), None);
}

#[test]
fn reports_say_what_broke() {
    let held = Tally { cells: 9, ..Tally::default() }.finding(Attack::A1, "nhs75m", "5x6", true);
    let broken = Finding { passed: false, ..held.clone() };
    let weak = Finding { against: format!("{CONTROL}weak"), ..held.clone() };
    let page = markdown(&[held.clone(), broken.clone(), weak.clone()], "Made by hand.");
    for line in
        ["| nhs75m | 5x6 | 0 | 9 | 0 | 0 | 0 | held |", "| BROKEN |", "| broken, as it must be |"]
    {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(!page.contains("## A2"));
    assert!(text(&[broken]).contains("BROKEN"));
    assert_eq!(json(&[weak])[0]["control"], true);
}
