//! What the loader refuses: one case for each rule, with the line and the reason.

use super::super::*;

/// A catalogue of its own, in which nothing is wrong.
pub(super) const OWN: &str = r#"[[dimension]]
id = "colour"
name = "Colour"
column = "colour"

[[dimension.level]]
id = "colour.code"
name = "Colour"
categories = [
  { id = "red", label = "Red", codes = ["R", "1"] },
  { id = "green", label = "Green", codes = ["G"] },
  { id = "blue", label = "Blue", codes = ["B"] },
  { id = "unknown", label = "Not known", codes = ["9"], kind = "unknown" },
  { id = "not_collected", label = "Not collected", kind = "not_collected" },
]

[[dimension.level]]
id = "colour.warm"
name = "Warm or cold"
categories = [
  { id = "warm", label = "Warm", of = ["red"] },
  { id = "cold", label = "Cold", of = ["green", "blue"] },
  { id = "unknown", label = "Not known", of = ["unknown"], kind = "unknown" },
  { id = "not_collected", label = "Not collected", of = ["not_collected"], kind = "not_collected" },
]

[[dimension.level]]
id = "colour.other"
name = "Another grouping"
instead_of = "colour.warm"
categories = [
  { id = "red_green", label = "Red or green", of = ["red", "green"] },
  { id = "only_blue", label = "Blue alone", of = ["blue"] },
  { id = "unknown", label = "Not known", of = ["unknown"], kind = "unknown" },
  { id = "not_collected", label = "Not collected", of = ["not_collected"], kind = "not_collected" },
]

[[dimension]]
id = "age"
name = "Age"
column = "age"

[[dimension.level]]
id = "age.leaf"
name = "Age"
released = false
categories = [
  { id = "a0", label = "0 to 17", from = 0 },
  { id = "a18", label = "18 and over", from = 18 },
  { id = "unknown", label = "Not known", kind = "unknown" },
  { id = "not_collected", label = "Not collected", kind = "not_collected" },
]

[[dimension]]
id = "place"
name = "Place"
column = "place"
listed = true

[[dimension.level]]
id = "place"
name = "Place"
categories = [
  { id = "elsewhere", label = "Another" },
  { id = "unknown", label = "Not known", kind = "unknown" },
  { id = "not_collected", label = "Not collected", kind = "not_collected" },
]

[[flag]]
id = "veteran"
name = "Veteran"

[[group]]
id = "plus"
dimensions = ["veteran"]

[[pack]]
id = "own"
name = "Own"
about = "What we look at."
table = [
  { rungs = [["colour.code", "veteran"], ["colour.warm", "veteran"], ["colour.warm"]] },
  { rungs = [["veteran"]] },
]

[[dataset]]
id = "visit"
name = "Visits"
row = "one visit"
unit = "visits"
person_rows = "several"
periods = "month"
dated_by = { event = "visit_date" }
caveat = "Visits are counted."
dimensions = ["colour", "age", "place"]
groups = ["plus"]
scopes = ["colour.warm"]

[[dataset.measure]]
id = "minutes_spent"
name = "Minutes spent"
unit = "minutes"
most = 600

[dataset.outcome]
level = "outcome.visit"
column = "visit_band"
name = "What became of it"
rollups = [
  { id = "seen", label = "Seen", of = ["young", "old"] },
  { id = "young", label = "Seen, young", of = ["young"] },
  { id = "urgent", label = "Urgent", family = "how", of = ["young", "rest"] },
]

[dataset.outcome.made_of.rules]
fields = [
  { column = "reason", name = "Reason", kind = "code" },
  { column = "years", name = "Years", kind = "number", blank = true },
  { column = "was_seen", name = "Seen", kind = "yes_no" },
]
bands = [
  { id = "young", label = "Seen, young", when = [
    { column = "was_seen", is = ["yes"] },
    { column = "years", to = 17 },
  ] },
  { id = "old", label = "Seen, not young", when = [{ column = "was_seen", is = ["yes"] }] },
  { id = "rest", label = "Not seen" },
]
outside = [{ when = [{ column = "reason", starts = ["X"] }], why = "not_counted" }]

[[indicator]]
id = "visit_seen"
version = 1
name = "Visits seen"
phrase = "were seen"
dataset = "visit"
kind = "proportion"
unit = "% of visits"
numerator = "seen"
denominator = "all"
polarity = "higher_is_better"
domain = "access"
priority = "restore_inclusively"
held_by = "us"
packs = ["own"]
source = "Our own"
caveats = []

[[indicator.target]]
from = "2026-04-01"
value = "80"
source = "Our board"

[[indicator.target]]
from = "2027-04-01"
value = "90.5"
source = "Our board"

[[indicator]]
id = "visit_rate"
version = 1
name = "Young people seen"
phrase = "were of young people"
dataset = "visit"
kind = { rate = { per = 1000, population = "resident", ages = { from = 0, to = 17 } } }
unit = "per 1,000"
counted = "visits seen"
numerator = "young"
denominator = "seen"
polarity = "neutral"
domain = "access"
priority = "prevention"
held_by = "us"
packs = ["own"]
source = "Our own"
caveats = ["A note."]
"#;

/// What stands there, what is put in its place, the definition whose line is named, and the reason.
pub(super) type Case = (&'static str, &'static str, &'static str, &'static str);

pub(super) fn refused(cases: &[Case]) {
    for (from, to, of, says) in cases {
        let text = OWN.replacen(from, to, 1);
        assert_ne!(text, OWN, "{from}");
        let error = Catalogue::read(&[("own.toml", &text)]).expect_err(to);
        let id = format!("id = \"{of}\"");
        // Below the header of the definition itself, and not of a part of it.
        let lines: Vec<&str> = text.lines().collect();
        let own = |n: &usize| lines[*n] == id && !lines[*n - 1].contains('.');
        let line = (1..lines.len()).filter(own).map(|n| n + 1).next();
        let place = format!("own.toml, line {}: ", line.expect(of));
        let said = error.to_string();
        assert!(said.starts_with(&place) && said.contains(says), "{to}: {said}");
    }
}

#[test]
fn what_the_cases_start_from_is_a_catalogue() {
    let catalogue = Catalogue::read(&[("own.toml", OWN)]).expect("nothing is wrong");
    assert_eq!((catalogue.indicators().len(), catalogue.dimensions().len()), (2, 4));
}

#[test]
fn contradictions_of_a_dimension_are_refused_with_the_line() {
    refused(&[
        ("name = \"Colour\"\ncolumn", "name = \" \"\ncolumn", "colour", "no name"),
        ("id = \"colour.warm\"", "id = \"colour.code\"", "colour", "two levels"),
        ("id = \"colour.warm\"", "id = \"sex.warm\"", "colour", "another dimension's name"),
        ("codes = [\"G\"]", "codes = [\"r\"]", "colour", "the code 'r' stands in two places"),
        ("codes = [\"G\"]", "codes = [\" \"]", "colour", "a code is blank"),
        ("label = \"Red\"", "label = \"\"", "colour", "'red' has no label"),
        ("label = \"Warm\", of = [\"red\"]", "label = \"Warm\"", "colour", "what they are made of"),
        ("codes = [\"B\"]", "of = [\"red\"]", "colour", "what they are made of"),
        (
            "of = [\"red\"]",
            "of = [\"red\"], codes = [\"W\"]",
            "colour",
            "belong to the finest level",
        ),
        ("of = [\"red\"]", "of = [\"rod\"]", "colour", "'rod', which does not exist"),
        (
            "of = [\"red\"]",
            "of = [\"red\", \"unknown\"]",
            "colour",
            "what is not known stays apart",
        ),
        ("id = \"warm\"", "id = \"green\"", "colour", "different people on two levels"),
        ("of = [\"green\", \"blue\"]", "of = [\"green\"]", "colour", "exactly once"),
        (
            "of = [\"green\", \"blue\"]",
            "of = [\"green\", \"blue\", \"red\"]",
            "colour",
            "'colour.warm'",
        ),
        ("instead_of = \"colour.warm\"\n", "", "colour", "do not nest"),
        ("instead_of = \"colour.warm\"", "instead_of = \"colour.code\"", "colour", "instead of"),
        ("instead_of = \"colour.warm\"", "instead_of = \"colour.none\"", "colour", "instead of"),
        (
            "kind = \"not_collected\" },\n]\n\n[[dimension.level]]\nid = \"colour.warm\"",
            "kind = \"unknown\" },\n]\n\n[[dimension.level]]\nid = \"colour.warm\"",
            "colour",
            "not_collected",
        ),
        ("from = 0 }", "from = 1 }", "age", "begin at 0 and rise"),
        ("from = 18", "from = 0", "age", "begin at 0 and rise"),
        (
            "label = \"18 and over\", from = 18",
            "label = \"18 and over\"",
            "age",
            "begin at 0 and rise",
        ),
        ("id = \"elsewhere\"", "id = \"other\"", "place", "a listed dimension"),
    ]);
    let text = OWN.replace("colour", "outcome");
    let error = Catalogue::read(&[("own.toml", &text)]).expect_err("outcome").to_string();
    assert!(error.contains("'outcome' is what datasets call"), "{error}");
}

#[test]
fn contradictions_of_a_dataset_are_refused_with_the_line() {
    refused(&[
        ("row = \"one visit\"", "row = \"\"", "visit", "has no text"),
        (
            "[\"colour\", \"age\", \"place\"]",
            "[\"colour\", \"age\", \"plaice\"]",
            "visit",
            "no dimension 'plaice'",
        ),
        (
            "[\"colour\", \"age\", \"place\"]",
            "[\"colour\", \"age\", \"age\"]",
            "visit",
            "'age' twice",
        ),
        ("groups = [\"plus\"]", "groups = [\"minus\"]", "visit", "no group 'minus'"),
        ("dimensions = [\"veteran\"]", "dimensions = [\"young\"]", "plus", "no dimension 'young'"),
        ("scopes = [\"colour.warm\"]", "scopes = [\"sex\"]", "visit", "the scope 'sex'"),
        ("scopes = [\"colour.warm\"]", "scopes = [\"age.leaf\"]", "visit", "the scope 'age.leaf'"),
        (
            "scopes = [\"colour.warm\"]",
            "scopes = [\"place\", \"place\"]",
            "visit",
            "the scope 'place' twice",
        ),
        ("level = \"outcome.visit\"", "level = \"visit\"", "visit", "not called 'outcome.'"),
        ("most = 600", "most = 0", "visit", "nothing is believed"),
        (
            "id = \"minutes_spent\"",
            "id = \"colour\"",
            "visit",
            "two of its columns are called 'colour'",
        ),
        (
            "column = \"reason\", name",
            "column = \"veteran\", name",
            "visit",
            "are called 'veteran'",
        ),
        ("event = \"visit_date\"", "event = \"years\"", "visit", "are called 'years'"),
        ("column = \"visit_band\"", "column = \"age\"", "visit", "are called 'age'"),
        ("label = \"Not seen\"", "label = \"\"", "visit", "no label"),
        ("id = \"rest\"", "id = \"old\"", "visit", "two bands have one id"),
        ("id = \"rest\"", "id = \"all\"", "visit", "called 'all'"),
        ("id = \"urgent\"", "id = \"seen\"", "visit", "two roll-ups have one id"),
        (", family = \"how\"", "", "visit", "overlap"),
        ("of = [\"young\"] }", "of = [] }", "visit", "no leaf"),
        ("of = [\"young\"] }", "of = [\"middle\"] }", "visit", "one that does not exist"),
        ("of = [\"young\"] }", "of = [\"young\", \"young\"] }", "visit", "'young' twice"),
    ]);
    let second = OWN.split("[[dataset]]").nth(1).and_then(|d| d.split("[[indicator]]").next());
    let second = second.expect("a dataset").replace("id = \"visit\"", "id = \"call\"");
    let text = format!("{OWN}\n[[dataset]]{second}");
    let error = Catalogue::read(&[("own.toml", &text)]).expect_err("one outcome").to_string();
    assert!(error.contains("call") && error.contains("also that of 'visit'"), "{error}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one list of cases")]
fn contradictions_of_an_indicator_are_refused_with_the_line() {
    refused(&[
        ("phrase = \"were seen\"", "phrase = \"\"", "visit_seen", "has no text"),
        ("version = 1", "version = 0", "visit_seen", "from 1"),
        ("caveats = []", "provisional = \"\"\ncaveats = []", "visit_seen", "says nothing"),
        ("caveats = [\"A note.\"]", "caveats = [\"\"]", "visit_rate", "says nothing"),
        ("dataset = \"visit\"", "dataset = \"visits\"", "visit_seen", "no dataset 'visits'"),
        ("numerator = \"seen\"", "numerator = \"saw\"", "visit_seen", "no roll-up 'saw'"),
        ("denominator = \"seen\"", "denominator = \"urgent\"", "visit_rate", "two families"),
        ("denominator = \"seen\"", "denominator = \"all\"", "visit_rate", "'counted' says"),
        ("counted = \"visits seen\"\n", "", "visit_rate", "'counted' says"),
        ("counted = \"visits seen\"", "counted = \"\"", "visit_rate", "'counted' says nothing"),
        (
            "numerator = \"young\"\ndenominator = \"seen\"",
            "numerator = \"seen\"\ndenominator = \"young\"",
            "visit_rate",
            "not a part of",
        ),
        ("numerator = \"seen\"", "numerator = \"all\"", "visit_seen", "always 100 %"),
        ("per = 1000", "per = 0", "visit_rate", "at least 1"),
        ("from = 0, to = 17 }", "from = 0, to = 16 }", "visit_rate", "bands of ages"),
        ("from = 0, to = 17 }", "from = 18, to = 17 }", "visit_rate", "youngest to the oldest"),
        ("from = 0, to = 17 }", "from = 0, to = 121 }", "visit_rate", "up to 120"),
        ("from = 0, to = 17 }", "from = 121 }", "visit_rate", "up to 120"),
        ("ages = { from = 0", "ages = { from = 3", "visit_rate", "bands of ages"),
        (
            "kind = \"proportion\"",
            "kind = { mean = { measure = \"hours\" } }",
            "visit_seen",
            "no measure 'hours'",
        ),
        (
            "kind = \"proportion\"",
            "kind = { ratio = { of = \"minutes_spent\", over = \"minutes_spent\", per = 0 } }",
            "visit_seen",
            "at least 1",
        ),
        (
            "kind = \"proportion\"",
            "kind = { quantile = { measure = \"minutes_spent\", at = [50, 50] } }",
            "visit_seen",
            "between 1 and 99",
        ),
        (
            "kind = \"proportion\"",
            "kind = { quantile = { measure = \"minutes_spent\", at = [] } }",
            "visit_seen",
            "between 1 and 99",
        ),
        (
            "kind = \"proportion\"",
            "kind = { quantile = { measure = \"minutes_spent\", at = [100] } }",
            "visit_seen",
            "between 1 and 99",
        ),
        ("packs = [\"own\"]", "packs = [\"ours\"]", "visit_seen", "no pack 'ours'"),
        ("packs = [\"own\"]", "packs = [\"own\", \"own\"]", "visit_seen", "'own' twice"),
        (
            "packs = [\"own\"]",
            "packs = []\nbreakdowns = [\"sex\"]",
            "visit_seen",
            "no dimension 'sex'",
        ),
        (
            "packs = [\"own\"]",
            "packs = []\nbreakdowns = [\"age\", \"age\"]",
            "visit_seen",
            "'age' twice",
        ),
        ("value = \"80\"", "value = \"about 80\"", "visit_seen", "no number"),
        ("value = \"80\"", "value = \"8.\"", "visit_seen", "no number"),
        ("value = \"80\"", "value = \"101\"", "visit_seen", "between 0 and 100"),
        ("source = \"Our board\"", "source = \"\"", "visit_seen", "who set it"),
        ("from = \"2027-04-01\"", "from = \"2026-04-01\"", "visit_seen", "follow each other"),
        (
            "from = \"2026-04-01\"",
            "from = \"2026-04-01\"\nuntil = \"2026-03-31\"",
            "visit_seen",
            "follow each other",
        ),
        (
            "polarity = \"higher_is_better\"",
            "polarity = \"higher_is_better\"\nzero_target = true",
            "visit_seen",
            "a target of none",
        ),
        ("about = \"What we look at.\"", "about = \"\"", "own", "no id, name or sentence"),
    ]);
}

#[test]
fn contradictions_of_a_packs_tables_are_refused_with_the_line() {
    let second = "[[\"veteran\"]]";
    let with = |rungs: &'static str, says| (second, rungs, "own", says);
    refused(&[
        with("[]", "its table 2: a table has 1 to 8 rungs"),
        with("[[]]", "a rung has 1 to 2 dimensions"),
        with("[[\"veteran\", \"colour.code\", \"place\"]]", "a rung has 1 to 2 dimensions"),
        with("[[\"colour.light\"]]", "there is no level 'colour.light'"),
        with("[[\"age.leaf\"]]", "'age.leaf' is never released"),
        with("[[\"colour.other\"]]", "'colour.other' stands in place of 'colour.warm'"),
        with("[[\"colour.code\", \"colour.warm\"]]", "names the dimension 'colour' twice"),
        with("[[\"colour.warm\"], [\"colour.code\"]]", "'colour.code' is not coarser than"),
        with("[[\"colour.warm\"], [\"colour.warm\"]]", "'colour.warm' is not coarser than"),
        with("[[\"veteran\", \"place\"], [\"place\", \"veteran\"]]", "is not coarser than"),
        with("[[\"colour.code\"], [\"veteran\"]]", "'veteran' is not coarser than"),
        with("[[\"veteran\"], [\"veteran\", \"place\"]]", "is not coarser than 'veteran'"),
        with(
            "[[\"colour.code\", \"veteran\"], [\"colour.warm\", \"veteran\"], [\"colour.warm\"]]",
            "the same table twice",
        ),
    ]);
    let grouped = "id = \"colour.third\"\nname = \"Third\"\ncategories = [\n  { id = \"known\", label = \"Known\", of = [\"red\", \"green\", \"blue\"] },\n  { id = \"unknown\", label = \"Not known\", of = [\"unknown\"], kind = \"unknown\" },\n  { id = \"not_collected\", label = \"Not collected\", of = [\"not_collected\"], kind = \"not_collected\" },\n]\n\n[[dimension]]\nid = \"age\"";
    let third =
        OWN.replacen("[[dimension]]\nid = \"age\"", &format!("[[dimension.level]]\n{grouped}"), 1);
    let nests = third.replacen(second, "[[\"colour.warm\"], [\"colour.third\"]]", 1);
    assert!(Catalogue::read(&[("own.toml", &nests)]).is_ok(), "both groupings nest into it");
    let back = third.replacen(second, "[[\"colour.third\"], [\"colour.warm\"]]", 1);
    assert!(Catalogue::read(&[("own.toml", &back)]).is_err());
    let many: Vec<String> =
        (0..=MAX_LADDERS).map(|_| "{ rungs = [[\"place\"]] }".to_owned()).collect();
    let text = OWN.replacen("{ rungs = [[\"veteran\"]] }", &many.join(", "), 1);
    let error = Catalogue::read(&[("own.toml", &text)]).expect_err("too many").to_string();
    assert!(error.contains("own: it has more than 24 tables"), "{error}");
}

#[test]
fn what_is_no_toml_of_this_form_is_refused_with_the_line() {
    for (from, to, at, says) in [
        ("unit = \"visits\"", "units = \"visits\"", "units = \"visits\"", "units"),
        ("priority = \"prevention\"", "priority = \"later\"", "priority = \"later\"", "variant"),
        ("dated_by = { event = \"visit_date\" }\n", "", "[[dataset]]", "dated_by"),
        ("from = \"2026-04-01\"", "from = \"2026-04-31\"", "from = \"2026-04-31\"", ""),
    ] {
        let text = OWN.replacen(from, to, 1);
        assert_ne!(text, OWN, "{from}");
        let line = text.lines().position(|line| line == at).expect(at) + 1;
        let error = Catalogue::read(&[("own.toml", &text)]).expect_err(to);
        assert!(matches!(error, CatalogueError::Toml { .. }), "{error}");
        let said = error.to_string();
        let place = format!("own.toml, line {line}: ");
        assert!(said.starts_with(&place) && said.contains(says), "{to}: {said}");
    }
}

#[test]
fn nothing_is_defined_twice_and_nothing_that_is_built_in() {
    for (header, id) in [
        ("dimension", "colour"),
        ("flag", "veteran"),
        ("group", "plus"),
        ("pack", "own"),
        ("dataset", "visit"),
        ("indicator", "visit_seen"),
    ] {
        let whole = format!("[[{header}]]\nid = \"{id}\"");
        let start = OWN.find(&whole).expect(id);
        let block = OWN[start + 2..].split("\n[[").next().expect("a table");
        let block = match header {
            // Their parts are tables too.
            "dimension" => format!("{block}\nlevel = []"),
            "dataset" => OWN[start + 2..].split("\n[[indicator").next().expect("it").to_owned(),
            _ => block.to_owned(),
        };
        let second = format!("# ours\n[[{block}\n");
        let error = Catalogue::read(&[("one.toml", OWN), ("two.toml", &second)]).expect_err(id);
        let said = error.to_string();
        assert!(
            said.starts_with("two.toml, line 3: ") && said.contains("in one.toml, line"),
            "{said}"
        );
    }
    // A flag is a dimension.
    let text = OWN.replace("id = \"veteran\"\nname", "id = \"colour\"\nname");
    assert!(Catalogue::read(&[("own.toml", &text)]).is_err());
    let own = "[[pack]]\nid = \"13sa\"\nname = \"Mine\"\nabout = \"Not mine.\"\n";
    let error = Catalogue::with(&[("own.toml", own)]).expect_err("built in").to_string();
    assert!(
        error.starts_with("own.toml, line 2: 13sa: ") && error.contains("packs.toml"),
        "{error}"
    );
}

#[test]
fn there_is_a_limit_on_everything() {
    let mut text = String::new();
    for n in 0..=MAX_DIMENSIONS {
        text.push_str(&format!("[[flag]]\nid = \"flag{n}\"\nname = \"A flag\"\n"));
    }
    let error = Catalogue::read(&[("own.toml", &text)]).expect_err("too many").to_string();
    assert_eq!(error, "the catalogue has 201 dimensions: the most is 200");
    let names: Vec<String> = (0..MAX_DATASET_DIMENSIONS).map(|n| format!("\"flag{n}\"")).collect();
    let flags = text.split("[[flag]]\nid = \"flag100\"").next().expect("some");
    let wide =
        OWN.replace("dimensions = [\"veteran\"]", &format!("dimensions = [{}]", names.join(", ")));
    let error = Catalogue::read(&[("own.toml", &wide), ("flags.toml", flags)]);
    let error = error.expect_err("too wide").to_string();
    assert!(error.contains("more than 63 dimensions"), "{error}");
    let bands: Vec<String> = (0..=MAX_BANDS)
        .map(|n| format!("{{ id = \"x{n}\", label = \"X\", when = [{{ column = \"reason\", is = [\"{n}\"] }}] }},\n"))
        .collect();
    let text = OWN.replace("  { id = \"rest\"", &format!("{}  {{ id = \"rest\"", bands.concat()));
    let error = Catalogue::read(&[("own.toml", &text)]).expect_err("too many bands").to_string();
    assert!(error.contains("more than 64"), "{error}");
}
