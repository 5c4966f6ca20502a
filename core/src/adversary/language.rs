//! Attacks by way of what can be asked: shifted bands, trackers, and what refusals and debug output say.

use super::invented::Draw;
use super::records::{Asked, Out, Row, Scene, Together, extract};
use super::{AdversaryError, Attack, CONTROL, Finding, PROFILES, Tally};
use crate::authz::{Denied, allows};
use crate::disclosure::attack::Limits;
use crate::disclosure::{Live, Outcome};
use crate::model::canonical;
use crate::model::{Question, RawCell, RefusalCode, Shown, SnapshotVersion};
use crate::plan::Layout;

const OVER_18: &str = "rtt_over_18_weeks";

/// A question that may be asked, as it is written.
fn written(scene: &Scene) -> Result<String, AdversaryError> {
    let asked =
        Asked { indicator: OVER_18, by: vec!["imd.core20"], scope: Some(("age.adult", "18+")) };
    let bytes = canonical::encode(&scene.question(&asked)?)?;
    String::from_utf8(bytes).map_err(|_| AdversaryError::Needs("a question"))
}

/// Whether a question is answered: it can be read, is allowed, and has a table.
fn answered(scene: &Scene, text: &str) -> bool {
    let Ok(question) = canonical::decode_part::<Question>(text.as_bytes()) else { return false };
    allows(&question, scene.standing()).is_ok()
        && Layout::new(&question, Some(&scene.agreement), &scene.catalogue).is_ok()
}

/// The question with one part replaced, which must be there.
fn with(text: &str, part: &str, by: &str) -> Result<String, AdversaryError> {
    if text.contains(part) {
        Ok(text.replacen(part, by, 1))
    } else {
        Err(AdversaryError::Needs("a part of a question"))
    }
}

fn tried(
    attack: Attack,
    n: usize,
    told: &mut dyn FnMut(Finding),
    shape: &str,
    mut request: impl FnMut(&str, usize) -> Result<String, AdversaryError>,
) -> Result<(), AdversaryError> {
    for profile in PROFILES {
        let scene = Scene::new(profile)?;
        let text = written(&scene)?;
        let mut tally = Tally { cells: n, ..Tally::default() };
        for number in 0..n {
            let accepted = answered(&scene, &request(&text, number)?);
            tally.exact += usize::from(accepted);
            tally.refused += usize::from(!accepted);
        }
        // Otherwise everything is refused, whatever is asked.
        let held = tally.held() && answered(&scene, &text);
        let note = format!("{} of {n} requests were answered", tally.exact);
        told(tally.finding(attack, profile.as_str(), shape, held).noted(note));
    }
    Ok(())
}

/// A4.
pub(super) fn shifted(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let mut draw = Draw::new(seed);
    tried(Attack::A4, n, told, "requests", |text, number| {
        // No band begins or ends at these.
        let (from, to) = (19 + draw.below(40), 61 + draw.below(30));
        let month = 1 + draw.below(12);
        let (level, period, category) = ("imd.core20", "2026-10", "18+");
        match number % 10 {
            0 => with(text, level, &format!("age.{from}_{to}")),
            1 => with(text, level, &format!("imd.d{:02}_{:02}", from % 9 + 1, from % 9 + 2)),
            2 => with(text, category, &format!("{from}-{to}")),
            3 => with(text, category, &format!("{from}+")),
            4 => with(text, period, &format!("2026-{month:02}-{:02}", 1 + from % 28)),
            5 => with(text, period, &format!("2026-{month:02}-02/2026-{month:02}-28")),
            6 => with(text, period, &format!("2026-W{:02}", 1 + from % 52)),
            7 => with(text, period, &format!("2026-Q{}", 1 + from % 4)),
            8 => with(text, "age.adult", "imd.decile"),
            _ => with(text, level, "age.leaf"),
        }
    })?;
    let mut draw = Draw::new(seed);
    let mut tally = Tally { tables: 2 * n, ..Tally::default() };
    for _ in 0..n {
        // People by year of age; the engine hides 1 to 7, and answers any range.
        let ages: Vec<u64> = (0..100).map(|_| 1 + draw.below(7) as u64).collect();
        let answer =
            |from: usize, to: usize| Some(ages[from..=to].iter().sum::<u64>()).filter(|n| *n > 7);
        if let Some((wide, narrow)) = answer(18, 65).zip(answer(18, 64)) {
            tally.judge(ages[65], wide - narrow, Some(wide - narrow));
        }
    }
    let broke = tally.exact == n;
    told(tally.finding(
        Attack::A4,
        format!("{CONTROL}1 to 7 hidden, any range of ages"),
        "people of one year of age",
        broke,
    ));
    Ok(())
}

/// A8.
pub(super) fn trackers(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let scope = "{\"category\":\"18+\",\"level\":\"age.adult\"}";
    tried(Attack::A8, n, told, "requests with 'not', 'or' and two conditions", |text, number| {
        match number % 6 {
            0 => with(text, scope, &format!("{{\"not\":{scope}}}")),
            1 => with(text, scope, &format!("[{scope},{scope}]")),
            2 => with(text, "\"by\":", "\"filter\":\"sex=female or imd=1\",\"by\":"),
            3 => with(text, "\"18+\"", "[\"18+\",\"0-17\"]"),
            4 => with(text, "\"18+\"", "\"!18+\""),
            _ => with(text, "\"by\":[", "\"by\":[\"imd.decile\","),
        }
    })?;
    for profile in PROFILES {
        let scene = Scene::new(profile)?;
        let (mut tally, mut draw) = (Tally::default(), Draw::new(seed));
        for round in 0..90 {
            if tally.cells >= n {
                break;
            }
            let rows: Vec<Row> =
                (0..[80, 300, 1_000][round % 3]).map(|_| Row::draw(&mut draw)).collect();
            complements(&scene, &rows, &mut tally)?;
        }
        let held = tally.held() && tally.cells > 0;
        told(tally.finding(Attack::A8, profile.as_str(), "everybody beside adults alone", held));
    }
    // The general tracker: |C| = |C or T| + |C or not T| - |everybody|.
    let (mut draw, mut tally) = (Draw::new(seed), Tally::default());
    for _ in 0..n {
        let (few, in_t) = (1 + draw.below(7) as u64, draw.below(2) as u64);
        let (t, not_t) = (50 + draw.below(50) as u64, 50 + draw.below(50) as u64);
        let inside = if in_t == 1 { few } else { few / 2 };
        let (or_t, or_not_t) = (t + few - inside, not_t + inside);
        tally.tables += 3;
        let found = or_t + or_not_t - (t + not_t);
        tally.judge(few, found, Some(found));
    }
    let broke = tally.exact == n;
    told(tally.finding(
        Attack::A8,
        format!("{CONTROL}1 to 7 hidden, 'and', 'or' and 'not' allowed"),
        "groups of 1 to 7",
        broke,
    ));
    Ok(())
}

/// Tables of everybody and of adults alone, out together: what the one has more than the other.
fn complements(scene: &Scene, rows: &[Row], tally: &mut Tally) -> Result<(), AdversaryError> {
    let snapshot = extract(b"extract", SnapshotVersion::Provisional)?;
    let mut out: Vec<Out> = Vec::new();
    for by in [vec![], vec!["sex"], vec!["imd.core20"], vec!["sex", "imd.core20"]] {
        for scope in [None, Some(("age.adult", "18+"))] {
            // The outcome is a dimension, and so is the restriction.
            let dimensions = by.len() + 1 + usize::from(scope.is_some());
            if scene.profile().most_dimensions().is_some_and(|most| dimensions > most) {
                tally.refused += 1;
                continue;
            }
            let asked = Asked { indicator: OVER_18, by: by.clone(), scope };
            match scene.release(&out, scene.table(rows, &snapshot, &asked)?)? {
                Some(one) => out.push(one),
                None => tally.refused += 1,
            }
        }
    }
    let mut together = Together::default();
    let mut places = Vec::new();
    for one in &out {
        places.push(together.add(scene, &one.bytes, None)?);
    }
    let Some(ranges) = together.ranges()? else { return Ok(()) };
    for (one, places) in out.iter().zip(places) {
        tally.tables += 1;
        for ((shown, place), truth) in places.into_iter().zip(&one.truth) {
            let own = scene.profile().tells_small() || *truth <= scene.profile().limit();
            let hidden = matches!(shown, Shown::Small | Shown::Suppressed);
            if let Some(place) = place.filter(|_| hidden && own) {
                tally.judge(*truth, ranges[place].low, ranges[place].high);
            }
        }
    }
    Ok(())
}

/// A17: a true count of hidden cells, which nothing may print.
const CANARY: u64 = 7_777;
/// Tables at least: each of three questions with several counts.
const ROUNDS: usize = 12;

pub(super) fn side_channels(
    n: usize,
    _: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    for profile in PROFILES {
        let scene = Scene::new(profile)?;
        let mut tally = Tally::default();
        let snapshot = extract(b"extract", SnapshotVersion::Provisional)?;
        let mut refusals: Vec<String> = Vec::new();
        while tally.cells < n || tally.tables < ROUNDS {
            for by in [vec!["sex"], vec!["imd.core20", "sex"], vec!["ethnicity.group"]] {
                let asked = Asked { indicator: OVER_18, by, scope: None };
                // One person has nearly all rows, so that the count is hidden whatever it is.
                let few = u64::try_from(tally.tables % 7).unwrap_or_default();
                let table = scene.filled(&snapshot, &asked, || {
                    RawCell::new(CANARY, few + 1, CANARY - few).keyed(few)
                })?;
                let mut said = format!("{:?} {:?}", table.protected, table.protected.key());
                let live = Live::new(&scene.catalogue, Vec::<Vec<u8>>::new())?;
                let none = Limits { published: 1, ..Limits::RELEASE };
                match live.test(vec![table.protected], &none)? {
                    Outcome::Passed(drafts) => said += &format!("{drafts:?}"),
                    Outcome::Withheld(withheld) => {
                        tally.refused += withheld.len();
                        let text: Vec<String> =
                            withheld.iter().map(|w| format!("{:?}", w.event())).collect();
                        said += &text.concat();
                        refusals.push(text.concat());
                    }
                }
                tally.tables += 1;
                tally.cells += table.truth.len();
                tally.exact += said.matches(&CANARY.to_string()).count();
            }
        }
        // Three questions, three texts, whatever the counts are.
        refusals.sort();
        refusals.dedup();
        let codes = refusal_texts_with_numbers();
        let held = tally.held() && refusals.len() == 3 && codes == 0;
        let note =
            format!("{} refusals of 3 questions have {} texts", tally.refused, refusals.len());
        told(
            tally
                .finding(Attack::A17, profile.as_str(), "debug output, errors and refusals", held)
                .noted(note),
        );
    }
    let leaky = format!("{:?}", vec![Some(CANARY); n]);
    let found = leaky.matches(&CANARY.to_string()).count();
    let tally = Tally { tables: 1, cells: n, exact: found, ..Tally::default() };
    told(tally.finding(
        Attack::A17,
        format!("{CONTROL}counts in a type that prints them"),
        "debug output",
        found == n,
    ));
    Ok(())
}

/// How many refusals' texts name anything that could be a count of people.
fn refusal_texts_with_numbers() -> usize {
    let codes = [RefusalCode::Withheld, RefusalCode::TableTooLarge, RefusalCode::PeriodKind];
    codes
        .iter()
        .filter(|code| Denied(**code).to_string().contains(|c: char| c.is_ascii_digit()))
        .count()
}
