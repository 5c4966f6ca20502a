//! Definitions: the files of the catalogue itself, one of them changed.

use std::fs;
use std::path::Path;

use evensum_core::catalogue::Catalogue;

use super::run;

/// Reads bytes as a file of definitions beside others; whether all of them together are a catalogue.
pub(super) fn body(bytes: &[u8], others: &[String]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let texts: Vec<&str> = others.iter().map(String::as_str).chain([text.as_ref()]).collect();
    match Catalogue::from_texts(&texts) {
        Ok(catalogue) => {
            let hashed = |i: &evensum_core::catalogue::Indicator| {
                catalogue.definition_hash(&i.id).is_ok() && catalogue.dataset(&i.dataset).is_ok()
            };
            catalogue.indicators().iter().all(hashed)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src/catalogue/builtin");
    fs::read_to_string(folder.join(name)).expect("a file of definitions")
}

/// A dataset and an indicator with everything that a definition can have.
const RULES: &str = r#"
[[flag]]
id = "autistic"
name = "Autism"

[[group]]
id = "few"
dimensions = ["autistic"]

[[pack]]
id = "one"
name = "One"
about = "One of them."

[[dataset]]
id = "spell"
name = "Spells"
row = "one spell"
unit = "spells"
person_rows = "several"
periods = "quarter"
dated_by = { event = "discharge_date" }
caveat = "Spells, not people."
dimensions = ["imd", "sex"]
groups = ["few"]
scopes = ["imd.quintile"]
measure = [{ id = "bed_days", name = "Days", unit = "days", most = 400 }]
[dataset.outcome]
level = "outcome.spell"
column = "kind"
name = "Kind"
rollups = [
  { id = "emergency", label = "Emergency", of = ["em_long", "em_short"] },
  { id = "long", label = "Long", of = ["em_long"] },
]
[dataset.outcome.made_of.rules]
fields = [
  { column = "method", name = "Method", kind = "code", blank = true },
  { column = "planned", name = "Planned", kind = "yes_no" },
  { column = "bed_days", name = "Days", kind = "number" },
]
bands = [
  { id = "em_long", label = "Long", when = [{ column = "method", starts = ["2"], blank = true }, { column = "bed_days", from = 7, to = 90 }] },
  { id = "em_short", label = "Short", when = [{ column = "planned", is = ["no"] }] },
  { id = "rest", label = "Other" },
]
outside = [{ when = [{ column = "method", is = ["82"] }], why = "not_counted" }]

[[indicator]]
id = "spell_long"
version = 1
name = "Long"
dataset = "spell"
kind = { ratio = { of = "bed_days", over = "bed_days", per = 1000 } }
phrase = "are long"
unit = "per 1,000"
counted = "emergencies"
numerator = "long"
denominator = "emergency"
polarity = "lower_is_better"
domain = "access"
priority = "datasets"
held_by = "somebody"
packs = ["one"]
source = "nowhere"
caveats = []
target = [{ from = "2026-04-01", until = "2027-03-31", value = "4.5", source = "nobody" }]
"#;

#[test]
fn no_definition_makes_the_loader_panic_or_hang() {
    let others = [read("dimensions.toml")];
    let refused = run(2, &[RULES.as_bytes().to_vec()], 600, &|bytes| body(bytes, &others));
    assert!((100..600).contains(&refused), "some are refused and some are not: {refused}");
}

#[test]
fn no_change_of_a_file_of_dimensions_makes_the_loader_panic_or_hang() {
    let refused = run(3, &[read("dimensions.toml").into_bytes()], 60, &|bytes| body(bytes, &[]));
    assert!(refused > 5, "{refused}");
}
