//! What the loader refuses of an outcome's partition: rules that no row could follow, bands that are none.

use super::super::*;
use super::refusals::{OWN, refused};

#[test]
#[expect(clippy::too_many_lines, reason = "one list of cases")]
fn rules_that_no_row_could_follow_are_refused() {
    refused(&[
        ("column = \"reason\", name", "column = \"years\", name", "visit", "two of its columns"),
        ("name = \"Reason\"", "name = \"\"", "visit", "no name for people"),
        (
            "{ id = \"rest\", label = \"Not seen\" }",
            "{ id = \"rest\", label = \"x\", when = [{ column = \"was_seen\", is = [\"no\"] }] }",
            "visit",
            "takes the rest",
        ),
        (", when = [{ column = \"was_seen\", is = [\"yes\"] }] }", " }", "visit", "only the last"),
        (
            "when = [{ column = \"reason\", starts = [\"X\"] }]",
            "when = []",
            "visit",
            "need a condition",
        ),
        (
            "column = \"was_seen\", is = [\"yes\"] },\n    { column = \"years\"",
            "column = \"was_seen\", is = [\"yes\"] },\n    { column = \"length\"",
            "visit",
            "'length', a field",
        ),
        ("{ column = \"years\", to = 17 }", "{ column = \"years\" }", "visit", "asks nothing"),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"years\", is = [\"17\"] }",
            "visit",
            "does not fit",
        ),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"years\", from = 18, to = 17 }",
            "visit",
            "does not fit",
        ),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"was_seen\", is = [\"maybe\"] }",
            "visit",
            "does not fit",
        ),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"reason\", to = 17 }",
            "visit",
            "does not fit",
        ),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"was_seen\", blank = true }",
            "visit",
            "never blank",
        ),
        ("starts = [\"X\"]", "starts = [\"X 1\"]", "visit", "space or full stop"),
        ("starts = [\"X\"]", "is = [\"I63.4\"]", "visit", "space or full stop"),
        ("starts = [\"X\"]", "not = [\"I63.4\"]", "visit", "space or full stop"),
        ("starts = [\"X\"]", "not = []", "visit", "asks nothing"),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"years\", not = [\"17\"] }",
            "visit",
            "does not fit",
        ),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"was_seen\", not = [\"no\"] }",
            "visit",
            "does not fit",
        ),
        (
            "{ column = \"years\", to = 17 }",
            "{ column = \"was_seen\", is = [\"yes\"] }",
            "visit",
            "looks at the field 'years'",
        ),
        (
            " },\n    { column = \"years\", to = 17 },\n  ] },\n",
            " } ] },\n  { id = \"x\", label = \"X\", when = [{ column = \"years\", to = 17 }, { column = \"was_seen\", is = [\"yes\"] }] },\n",
            "visit",
            "no row reaches 'x'",
        ),
        (
            "\"rest\", label = \"Not seen\" }",
            "\"x\", label = \"X\", when = [{ column = \"reason\", is = [\"X12\"] }] },\n  { id = \"rest\", label = \"Not seen\" }",
            "visit",
            "no row reaches 'x'",
        ),
    ]);
}

/// A band behind one that takes all but some codes is reached by those codes alone.
#[test]
fn what_is_none_of_some_codes_takes_the_others() {
    for (taken, band, reached) in [
        ("not = [\"A\", \"B\"]", "is = [\"C\"]", false),
        ("not = [\"A\", \"B\"]", "is = [\"a\"]", true),
        ("not = [\"A\", \"B\"]", "is = [\"A\", \"C\"]", true),
        ("not = [\"A\", \"B\"]", "starts = [\"C\"]", false),
        ("not = [\"A1\", \"B\"]", "starts = [\"a\"]", true),
        ("not = [\"A\", \"B\"]", "not = [\"A\", \"B\", \"C\"]", false),
        ("not = [\"A\", \"B\"]", "not = [\"A\"]", true),
        ("not = [\"A\", \"B\"], is = [\"B\"]", "not = [\"A\"]", false),
        ("is = [\"C\"]", "not = [\"A\"]", true),
    ] {
        let text = OWN.replacen("starts = [\"X\"]", taken, 1).replacen(
            "{ id = \"rest\"",
            &format!("{{ id = \"x\", label = \"X\", when = [{{ column = \"reason\", {band} }}] }},\n  {{ id = \"rest\""),
            1,
        );
        match Catalogue::read(&[("own.toml", &text)]) {
            Ok(_) => assert!(reached, "{taken}, then {band}"),
            Err(error) => {
                let said = error.to_string();
                assert!(!reached && said.contains("no row reaches 'x'"), "{taken}, {band}: {said}");
            }
        }
    }
}

#[test]
fn other_partitions_are_held_to_their_rules() {
    let rules = OWN.split("[dataset.outcome.made_of.rules]").nth(1).expect("rules");
    let rules = rules.split("[[indicator]]").next().expect("rules");
    let with = |partition: &str| {
        OWN.replace("[dataset.outcome.made_of.rules]", "")
            .replace(rules, &format!("\n{partition}\n"))
    };
    let codes = "[dataset.outcome.made_of.codes]\nbands = [\n  { id = \"young\", label = \"Y\", codes = [\"1\"] },\n  { id = \"old\", label = \"O\", codes = [\"2\"] },\n  { id = \"rest\", label = \"R\", codes = [\"3\"] },\n]\noutside = [{ code = \"0\", why = \"not_yet\" }]";
    let weeks = "[dataset.outcome.made_of.weeks]\nmeasure = \"weeks\"\nbands = [\n  { id = \"young\", label = \"Y\", from = 0 },\n  { id = \"old\", label = \"O\", from = 5 },\n  { id = \"rest\", label = \"R\", from = 9 },\n]";
    let stay = "[dataset.outcome.made_of.stay]\nmeasure = \"minutes\"\nbands = [\n  { id = \"young\", label = \"Y\", from = 0, left = false },\n  { id = \"old\", label = \"O\", from = 5, left = false },\n  { id = \"rest\", label = \"R\", from = 0, left = true },\n  { id = \"last\", label = \"L\", from = 5, left = true },\n]";
    let last_day = |text: String| text.replace("{ event = \"visit_date\" }", "\"last_day\"");
    for good in [with(codes), last_day(with(weeks)), with(stay)] {
        Catalogue::read(&[("own.toml", &good)]).expect("nothing is wrong");
    }
    for (text, says) in [
        (with(&codes.replace("\"2\"", "\"1\"")), "stands in two places: '1'"),
        (with(&codes.replace("\"0\"", "\"3\"")), "stands in two places: '3'"),
        (with(&codes.replace("[\"2\"]", "[]")), "a band has no code"),
        (with(&codes.replace("\"2\"", "\" \"")), "a code is blank"),
        (last_day(with(&weeks.replace("from = 9", "from = 5"))), "begin at 0 and rise"),
        (last_day(with(&weeks.replace("from = 0", "from = 1"))), "begin at 0 and rise"),
        (with(weeks), "to the period's last day"),
        (last_day(with(stay)), "begins at the date of an event"),
        (with(&stay.replace("from = 5, left = true", "from = 6, left = true")), "alike"),
        (
            with(&stay.replace("measure = \"minutes\"", "measure = \"minutes_spent\"")),
            "measures have one name",
        ),
    ] {
        let error = Catalogue::read(&[("own.toml", &text)]).expect_err(says).to_string();
        assert!(error.starts_with("own.toml, line ") && error.contains(says), "{says}: {error}");
    }
}

/// Of two datasets of the same rows, lists that differ by a code could be subtracted.
#[test]
fn lists_of_codes_that_overlap_and_differ_are_refused_within_a_population() {
    let dataset = |population: &str, codes: &str| {
        let text = format!(
            "[[dataset]]\nid = \"own\"\nname = \"Own\"\nrow = \"one spell\"\nunit = \"admissions\"\nperson_rows = \"several\"\n\
             population = \"{population}\"\nperiods = \"month\"\ndated_by = {{ event = \"start_date_hospital_provider_spell\" }}\n\
             caveat = \"Admissions.\"\ndimensions = [\"sex\"]\nscopes = []\n[dataset.outcome]\nlevel = \"outcome.own\"\n\
             column = \"own\"\nname = \"Own\"\nrollups = [{{ id = \"own\", label = \"Own\", of = [\"own\"] }}]\n\
             [dataset.outcome.made_of.rules]\n\
             fields = [{{ column = \"primary_diagnosis_icd\", name = \"Diagnosis\", kind = \"code\" }}]\n\
             bands = [{{ id = \"own\", label = \"Own\", when = [{{ column = \"primary_diagnosis_icd\", starts = [{codes}] }}] }}, \
             {{ id = \"other\", label = \"Other\" }}]\noutside = []\n"
        );
        Catalogue::with(&[("own.toml", &text)])
    };
    for differs in ["\"I61\"", "\"I61\", \"I63\", \"I64\", \"I62\"", "\"i633\"", "\"I\""] {
        let error = dataset("hospital_spells", differs).expect_err(differs).to_string();
        assert!(error.starts_with("own.toml, line 2: own: 'own' has some codes"), "{error}");
        assert!(dataset("other_spells", differs).is_ok(), "{differs}");
    }
    for same_or_apart in ["\"I64\", \"I61\", \"I63\"", "\"Z99\""] {
        assert!(dataset("hospital_spells", same_or_apart).is_ok(), "{same_or_apart}");
    }
}
