//! What measures say of tables that people have: with hidden figures, too few rows, and several tables in one.

use evensum_core::statistics::Better;

use super::measure::{Options, Values};
use super::written::{cells, csv, json};
use super::*;

fn options() -> Options {
    Options {
        per: None,
        values: Values::Other,
        transform: false,
        multiplier: 1.0,
        seed: 1,
        repetitions: 1_000,
        reference: None,
        better: Better::Lower,
        ordered: false,
        quantiles: 5,
        at: 50.0,
        target: None,
        group_by: None,
    }
}

fn of(measure: Measure, table: &str, options: &Options) -> Result<Vec<Line>, CalculateError> {
    let mut lines = table.lines().map(|line| line.split(',').map(str::to_owned).collect());
    let header: Vec<String> = lines.next().expect("a header");
    let rows: Vec<(u64, Vec<String>)> = (2..).zip(lines).collect();
    super::lines(measure, &header, &rows, &[], options)
}

fn one(lines: &[Line], name: &str) -> Option<f64> {
    let line = lines.iter().find(|line| line.name == name).expect("the number");
    line.given.as_ref().ok().and_then(|given| given.value)
}

const FIFTHS: &str = "quintile,population,value,lower,upper\n1,100,10,9,11\n2,100,9,8,10\n3,100,8,7,9\n4,100,7,6,8\n5,100,6,5,7";

#[test]
fn a_slope_of_even_steps_is_theirs() {
    let found = of(Measure::Sii, FIFTHS, &options()).expect("lines");
    assert!((one(&found, "sii").expect("a slope") + 5.0).abs() < 1e-9, "{found:?}");
    assert!((one(&found, "rii").expect("a ratio") - 5.5 / 10.5).abs() < 1e-9);
}

#[test]
fn a_hidden_figure_is_never_guessed() {
    for mark in ["[c]", "", "*"] {
        let table = FIFTHS.replace("3,100,8,", &format!("3,100,{mark},"));
        let found = of(Measure::Sii, &table, &options()).expect("lines");
        assert_eq!(one(&found, "sii"), None, "{mark}");
        let said = json(Measure::Sii, &found);
        assert!(said.contains("group 3 is missing") && !said.contains("NaN"), "{said}");
    }
    let found = of(
        Measure::Proportion,
        "group,numerator,denominator\na,[c],20\nb,5,20\nc,30,20",
        &options(),
    )
    .expect("lines");
    let given: Vec<bool> = found.iter().map(|line| line.given.is_ok()).collect();
    assert_eq!(given, [false, true, false], "one row does not hold up the others");
    let text = csv(&found, |text| format!("'{text}")).expect("CSV");
    assert!(text.contains("group 3 has more above the line than below it"), "{text}");
    assert!(text.lines().nth(2).expect("a line").starts_with("proportion,'b,0.25,"), "{text}");
}

#[test]
fn every_part_of_a_table_has_a_measure_of_its_own() {
    let table = "sex,group,numerator,denominator\nmale,a,10,100\nmale,b,20,100\nfemale,a,30,100\nfemale,b,10,100";
    let options = Options { group_by: Some("Sex".to_owned()), ..options() };
    let found = of(Measure::Gap, table, &options).expect("lines");
    let ratios: Vec<(Option<&str>, f64)> = found
        .iter()
        .filter(|line| line.name == "ratio")
        .map(|line| {
            let given = line.given.as_ref().expect("a ratio");
            (line.group.as_deref(), given.value.expect("a number"))
        })
        .collect();
    let parts: Vec<Option<&str>> = ratios.iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [Some("male"), Some("female")]);
    assert!((ratios[0].1 - 0.5).abs() < 1e-12 && (ratios[1].1 - 3.0).abs() < 1e-12, "{ratios:?}");
    let (heads, rows) = cells(&found);
    assert!(heads.iter().all(|(name, _)| *name != "note") && rows.len() == 4, "{heads:?}");
}

#[test]
fn what_a_table_lacks_is_said_with_what_to_do() {
    let said = |measure, table: &str, options: &Options| {
        of(measure, table, options).expect_err("refused").to_string()
    };
    let few = said(Measure::Dsr, "age,events,population\n0-4,3,100", &options());
    assert!(
        few.contains("19 age bands") && few.contains("90+") && few.contains("--group-by"),
        "{few}"
    );
    let lone = said(Measure::Gap, "group,value,lower,upper\na,1,0,2", &options());
    assert!(lone.contains("two rows"), "{lone}");
    let none = said(Measure::Sii, "quintile,value\n1,2", &options());
    assert!(none.contains("--column population=NAME"), "{none}");
    let named = Options { reference: Some("z".to_owned()), ..options() };
    let stranger = said(Measure::Gap, "group,numerator,denominator\na,1,9\nb,2,9", &named);
    assert!(stranger.contains("'z'"), "{stranger}");
    let apart = Options { group_by: Some("area".to_owned()), ..options() };
    assert!(said(Measure::Gap, "group,value\na,1", &apart).contains("'area'"));
}

#[test]
fn an_open_band_a_special_cause_and_a_far_area_are_said() {
    let bands = "from,to,count\n0,1,1\n1,2,1\n2,,9";
    let found = of(Measure::Percentile, bands, &options()).expect("lines");
    assert!(json(Measure::Percentile, &found).contains("or more: the last band is open"));
    let mut table = String::from("month,value\n");
    for at in 0..20 {
        table.push_str(&format!("{at},{}\n", if at == 15 { 90 } else { 20 + at % 2 }));
    }
    let found = of(Measure::Spc, &table, &options()).expect("lines");
    let far = found.iter().find(|line| line.group.as_deref() == Some("15")).expect("the month");
    let note = far.given.as_ref().expect("a point").note.clone().expect("a note");
    assert!(note.starts_with("concern: outside the limits"), "{note}");
    let areas = "area,numerator,denominator\na,200,1000\nb,210,1000\nc,500,1000";
    let found = of(Measure::Funnel, areas, &options()).expect("lines");
    let text = csv(&found, str::to_owned).expect("CSV");
    assert!(text.contains("above the 99.8 % limits"), "{text}");
}

/// Whatever stands in a table, no number that is written is infinite or none.
#[test]
fn nothing_infinite_is_ever_written() {
    let values = ["0", "-1", "1e308", "1000000000", "[c]", "1"];
    for measure in Measure::ALL {
        for one in values {
            for other in values {
                let table = format!(
                    "group,value,lower,upper,numerator,denominator,population,sum,sum_of_squares,reference_events,reference_population,from,to\n{}",
                    (0..5)
                        .map(|at| {
                            let x = if at % 2 == 0 { one } else { other };
                            format!("g{at},{x},{other},{one},{x},{other},{one},{x},{one},{x},{other},{at},{}", at + 1)
                        })
                        .collect::<Vec<_>>()
                        .join("\n")
                );
                let Ok(found) = of(measure, &table, &options()) else { continue };
                for line in found.iter().filter_map(|line| line.given.as_ref().ok()) {
                    let limits = line.limits.iter().flatten().flat_map(|l| [l.lower, l.upper]);
                    assert!(line.value.into_iter().chain(limits).all(f64::is_finite), "{table}");
                }
            }
        }
    }
}
