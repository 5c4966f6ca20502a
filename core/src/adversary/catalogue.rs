//! Attacks by way of definitions: a list of codes that differs by one.

use super::invented::Draw;
use super::{AdversaryError, Attack, CONTROL, Finding, PROFILES, Tally};
use crate::catalogue::Catalogue;

/// A dataset of the same spells as a built-in one, with another list of diagnoses.
fn definition(codes: &[String]) -> String {
    let codes: Vec<String> = codes.iter().map(|c| format!("\"{c}\"")).collect();
    format!(
        "[[dataset]]\nid = \"own_conditions\"\nname = \"Own conditions\"\nrow = \"one spell\"\nunit = \"admissions\"\n\
         person_rows = \"several\"\npopulation = \"hospital_spells\"\nperiods = \"month\"\n\
         dated_by = {{ event = \"start_date_hospital_provider_spell\" }}\ncaveat = \"Admissions are counted.\"\n\
         dimensions = [\"imd\", \"sex\"]\nscopes = []\n\n\
         [dataset.outcome]\nlevel = \"outcome.own_condition\"\ncolumn = \"own_condition\"\nname = \"Own condition\"\n\
         rollups = [{{ id = \"own\", label = \"Own\", of = [\"own\"] }}]\n\n\
         [dataset.outcome.made_of.rules]\n\
         fields = [{{ column = \"primary_diagnosis_icd\", name = \"Primary diagnosis\", kind = \"code\" }}]\n\
         bands = [\n  {{ id = \"own\", label = \"Own\", when = [{{ column = \"primary_diagnosis_icd\", starts = [{}] }}] }},\n  \
         {{ id = \"other\", label = \"Other\" }},\n]\noutside = []\n",
        codes.join(", ")
    )
}

/// The built-in list of strokes.
const STROKE: [&str; 3] = ["I61", "I63", "I64"];

/// A5. Definitions are the same for every profile.
pub(super) fn code_lists(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let mut draw = Draw::new(seed);
    let own = |codes: &[String]| Catalogue::with(&[("own.toml", &definition(codes))]);
    let stroke = || STROKE.map(str::to_owned).to_vec();
    // The same list and a list that lies apart can be loaded, so that what is refused is the difference.
    let loads = own(&stroke()).is_ok() && own(&["Z99".to_owned()]).is_ok();
    let mut tally = Tally { cells: n, ..Tally::default() };
    for number in 0..n {
        let mut codes = stroke();
        match number % 3 {
            0 => codes.push(format!("Z{:02}{}", draw.below(100), draw.below(10))),
            1 => drop(codes.remove(draw.below(codes.len()))),
            _ => codes[draw.below(3)] += &draw.below(10).to_string(),
        }
        match own(&codes) {
            Ok(_) => tally.exact += 1,
            Err(error) => {
                tally.refused += usize::from(error.to_string().contains("own.toml, line 2"))
            }
        }
    }
    let held = loads && tally.exact == 0 && tally.refused == n;
    let note = format!("{} of {n} definitions were taken", tally.exact);
    for profile in PROFILES {
        told(
            tally
                .clone()
                .finding(Attack::A5, profile.as_str(), "definitions that differ by one code", held)
                .noted(note.clone()),
        );
    }
    let mut tally = Tally { tables: 2 * n, ..Tally::default() };
    for _ in 0..n {
        let (few, others) = (1 + draw.below(7), 8 + draw.below(300));
        let (first, second) = (others, others + few);
        let difference = u64::try_from(second - first).unwrap_or_default();
        tally.judge(u64::try_from(few).unwrap_or_default(), difference, Some(difference));
    }
    let broke = tally.exact == n;
    told(tally.finding(
        Attack::A5,
        format!("{CONTROL}1 to 7 hidden, any list of codes"),
        "people of one code",
        broke,
    ));
    Ok(())
}
