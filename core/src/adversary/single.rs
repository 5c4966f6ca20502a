//! Attacks on one released table: subtraction and linear programs, rounding beside totals, labels and refusals.

use super::invented::{DENSITIES, Draw, Invented, SHAPES, Shape, places};
use super::sheets::{Outside, Put, put};
use super::{AdversaryError, Attack, CONTROL, Finding, PROFILES, Tally};
use crate::model::{Profile, Shown};

/// Tables in which nothing more is found where most are refused: so many for each that would do.
const TRIES: usize = 8;

/// Hidden counts of a control that breaks in some tables only.
const CONTROL_LEAST: usize = 400;

/// The shapes of a profile's tables. Exact counts are for the tables of partners, which have at most two dimensions
/// beside the outcome.
fn shapes(profile: Profile) -> impl Iterator<Item = Shape> {
    let most = if profile == Profile::ExactCs { 3 } else { usize::MAX };
    SHAPES.into_iter().filter(move |shape| shape.sizes.len() <= most)
}

/// How many tables at least for so many hidden counts.
fn least_tables(n: usize) -> usize {
    (n / 100).max(3)
}

/// Invents tables of a shape until enough hidden counts were released. Every table is told to `judge`, which adds
/// what it finds.
fn each(
    (n, seed): (usize, u64),
    shape: Shape,
    densities: &[f64],
    mut judge: impl FnMut(&Invented, &mut Tally, &mut Draw) -> Result<(), AdversaryError>,
) -> Result<Tally, AdversaryError> {
    let mut draw = Draw::new(
        seed ^ shape.sizes.iter().fold(7, |n, s| n * 31 + u64::try_from(*s).unwrap_or(0)),
    );
    let (mut tally, least) = (Tally::default(), least_tables(n));
    let most = TRIES * least.max(n / 4);
    for number in 0..most {
        if tally.cells >= n && tally.tables >= least {
            break;
        }
        let density = densities[number % densities.len()];
        let invented = Invented::skewed(shape.sizes, density, &mut draw);
        judge(&invented, &mut tally, &mut draw)?;
    }
    Ok(tally)
}

/// A profile holds where nothing was found out and something was tried or refused.
const fn holds(tally: &Tally) -> bool {
    tally.held() && tally.cells + tally.refused > 0
}

fn share(part: usize, of: usize) -> usize {
    part * 100 / of.max(1)
}

/// A1.
pub(super) fn subtraction(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    for profile in PROFILES {
        for shape in shapes(profile) {
            let tally = each((n, seed), shape, &DENSITIES, |invented, tally, _| {
                released(invented, profile, tally)
            })?;
            let held = holds(&tally);
            told(tally.finding(Attack::A1, profile.as_str(), shape.name, held));
        }
    }
    for shape in SHAPES.into_iter().filter(|s| s.sizes.len() > 2) {
        let tally = each((n, seed), shape, &[4.0, 8.0, 15.0], |invented, tally, _| {
            let truth = invented.with_totals();
            let hides = |n: u64| (1..=4).contains(&n);
            let said = truth
                .iter()
                .map(|&n| if hides(n) { (1, Some(4), true) } else { (n, Some(n), false) });
            if let Some(ranges) = Outside::new(&invented.sizes, said).ranges()? {
                tally.tables += 1;
                let hidden = truth.iter().zip(ranges).filter(|(n, _)| hides(**n));
                hidden.for_each(|(n, range)| tally.judge(*n, range.low, range.high));
            }
            Ok(())
        })?;
        let broke = tally.wrong == 0 && share(tally.exact, tally.cells) >= 70;
        let against = format!("{CONTROL}1 to 4 hidden, and no more");
        told(tally.finding(Attack::A1, against, shape.name, broke));
    }
    Ok(())
}

/// Puts a table out under a profile and judges what can be worked out of it.
fn released(
    invented: &Invented,
    profile: Profile,
    tally: &mut Tally,
) -> Result<(), AdversaryError> {
    let Put { sheet: Some(sheet), passes: true } = put(invented, profile)? else {
        tally.refused += 1;
        return Ok(());
    };
    let Some(ranges) = sheet.outside(profile).ranges()? else { return Ok(()) };
    tally.tables += 1;
    for (cell, (truth, range)) in invented.with_totals().into_iter().zip(ranges).enumerate() {
        if sheet.hides(cell, truth, profile) {
            tally.judge(truth, range.low, range.high);
        }
    }
    Ok(())
}

/// A3. Beside the hidden counts of each table it asks for every group that a published total leaves without one of
/// its published categories. Percentages add nothing: they are made of the published figures by arithmetic that
/// everybody can repeat.
pub(super) fn rounding(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    for profile in PROFILES {
        for shape in shapes(profile).filter(|s| s.sizes.len() < 4) {
            let mut rests_of_few = 0;
            let tally = each((n, seed + 1), shape, &DENSITIES, |invented, tally, _| {
                rests_of_few += rounded(invented, profile, true, tally)?;
                Ok(())
            })?;
            let held = holds(&tally);
            let finding = tally.finding(Attack::A3, profile.as_str(), shape.name, held);
            told(if rests_of_few > 0 {
                // Where counts are exact, what a published total leaves is known exactly by design.
                let note =
                    format!("{rests_of_few} groups left by subtraction are pinned to 1 to 7");
                let passed = finding.passed && profile == Profile::ExactCs;
                Finding { passed, ..finding }.noted(note)
            } else {
                finding
            });
        }
    }
    twelve_ones(seed, told)?;
    let shape = SHAPES[5];
    let tally =
        each((n.max(CONTROL_LEAST), seed + 1), shape, &[0.5, 1.0], |invented, tally, _| {
            rounded(invented, Profile::Nhs75, false, tally).map(|_| ())
        })?;
    let broke = tally.exact + tally.low > 0 && tally.wrong == 0;
    told(tally.finding(
        Attack::A3,
        format!("{CONTROL}nhs75 without the disclosure test"),
        shape.name,
        broke,
    ));
    Ok(())
}

/// Judges hidden counts, and gives how many groups of few people are found out that are left by subtraction.
fn rounded(
    invented: &Invented,
    profile: Profile,
    tested: bool,
    tally: &mut Tally,
) -> Result<usize, AdversaryError> {
    let Put { sheet: Some(sheet), passes } = put(invented, profile)? else {
        tally.refused += 1;
        return Ok(0);
    };
    if tested && !passes {
        tally.refused += 1;
        return Ok(0);
    }
    let truth = invented.with_totals();
    let mut outside = sheet.outside(profile);
    let rests = outside.with_rests();
    let Some(ranges) = outside.ranges()? else { return Ok(0) };
    tally.tables += 1;
    for (cell, truth) in truth.iter().enumerate() {
        if sheet.hides(cell, *truth, profile) {
            tally.judge(*truth, ranges[cell].low, ranges[cell].high);
        }
    }
    let shown = |cell: usize| matches!(sheet.shown[cell], Shown::Published(_));
    let mut few = 0;
    for ((total, category), range) in rests.into_iter().zip(&ranges[truth.len()..]) {
        // Of a hidden category the rest is judged with it.
        let pinned = range.high.is_some_and(|high| {
            (range.low == high && (1..=7).contains(&high)) || (range.low >= 1 && high <= 2)
        });
        if shown(total) && shown(category) && pinned {
            few += 1;
        }
    }
    Ok(few)
}

/// A row of twelve ones: rounded, and zeros shown, each is known to be a one.
fn twelve_ones(seed: u64, told: &mut dyn FnMut(Finding)) -> Result<(), AdversaryError> {
    let row = Invented::of(&[12], vec![1; 12], &mut Draw::new(seed));
    let shape = "a row of twelve ones";
    for profile in PROFILES {
        let mut tally = Tally::default();
        released(&row, profile, &mut tally)?;
        let held = holds(&tally);
        told(tally.finding(Attack::A3, profile.as_str(), shape, held));
    }
    let mut tally = Tally::default();
    rounded(&row, Profile::Nhs75, false, &mut tally)?;
    let broke = tally.exact == 12;
    told(tally.finding(
        Attack::A3,
        format!("{CONTROL}nhs75 without the disclosure test"),
        shape,
        broke,
    ));
    Ok(())
}

/// A14.
pub(super) fn labels(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    for shape in SHAPES.into_iter().take(5) {
        let tally = each((n, seed + 2), shape, &DENSITIES, |invented, tally, _| {
            let Put { sheet: Some(sheet), passes: true } = put(invented, Profile::ExactCs)? else {
                tally.refused += 1;
                return Ok(());
            };
            let truth = invented.with_totals();
            let hidden: Vec<bool> = sheet.shown.iter().map(|s| *s == Shown::Suppressed).collect();
            labelled(invented, &truth, &hidden, tally)
        })?;
        let held = holds(&tally);
        let name = format!("{}, labels known", shape.name);
        told(tally.finding(Attack::A14, Profile::ExactCs.as_str(), name, held));
    }
    let shape = SHAPES[4];
    let tally = each((n.max(CONTROL_LEAST), seed + 2), shape, &DENSITIES, |invented, tally, _| {
        let truth = invented.with_totals();
        let hidden = one_more_per_line(invented, &truth);
        labelled(invented, &truth, &hidden, tally)
    })?;
    let broke = tally.exact + tally.low > 0 && tally.wrong == 0;
    let name = format!("{}, labels known", shape.name);
    told(tally.finding(
        Attack::A14,
        format!("{CONTROL}one more hidden in each row and column"),
        name,
        broke,
    ));
    refusals(n, seed, told)
}

/// What somebody works out who knows which counts are hidden for their own sake, so that they are 1 to 7, and which
/// for another's, so that they are more.
fn labelled(
    invented: &Invented,
    truth: &[u64],
    hidden: &[bool],
    tally: &mut Tally,
) -> Result<(), AdversaryError> {
    let limit = Profile::ExactCs.limit();
    let said = truth.iter().zip(hidden).map(|(&n, &hidden)| match (hidden, n <= limit) {
        (true, true) => (1, Some(limit), true),
        (true, false) => (limit + 1, None, true),
        (false, _) => (n, Some(n), false),
    });
    let Some(ranges) = Outside::new(&invented.sizes, said).ranges()? else { return Ok(()) };
    tally.tables += 1;
    for ((truth, hidden), range) in truth.iter().zip(hidden).zip(ranges) {
        if *hidden && *truth <= limit {
            tally.judge(*truth, range.low, range.high);
        }
    }
    Ok(())
}

/// The rule of thumb: every row and every column that hides one count hides its next smallest as well.
fn one_more_per_line(invented: &Invented, truth: &[u64]) -> Vec<bool> {
    let full: Vec<usize> = invented.sizes.iter().map(|s| s + 1).collect();
    let limit = Profile::ExactCs.limit();
    let mut hidden: Vec<bool> = truth.iter().map(|n| (1..=limit).contains(n)).collect();
    for _ in 0..4 {
        for dimension in 0..full.len() {
            let step: usize = full.iter().skip(dimension + 1).product();
            for total in (0..truth.len()).filter(|i| places(&full, *i)[dimension] == 0) {
                let line: Vec<usize> = (0..full[dimension]).map(|k| total + k * step).collect();
                if line.iter().filter(|i| hidden[**i]).count() == 1 {
                    let next = line.iter().filter(|i| !hidden[**i] && truth[**i] > 0);
                    if let Some(next) = next.min_by_key(|i| truth[**i]) {
                        hidden[*next] = true;
                    }
                }
            }
        }
    }
    hidden
}

/// Whether a refusal says something of one count to somebody who knows all others: it does where the table would
/// have been decided otherwise with one person more, and also with one fewer.
fn refusals(n: usize, seed: u64, told: &mut dyn FnMut(Finding)) -> Result<(), AdversaryError> {
    let shape = SHAPES[1];
    for profile in PROFILES.into_iter().filter(|p| *p != Profile::ExactCs) {
        let mut draw = Draw::new(seed + 3);
        let mut tally = Tally::default();
        let (mut changed, mut neighbours) = (0, 0);
        while tally.cells < n {
            let density = DENSITIES[tally.tables % DENSITIES.len()];
            let invented = Invented::skewed(shape.sizes, density, &mut draw);
            let passes = put(&invented, profile)?.passes;
            tally.tables += 1;
            tally.refused += usize::from(!passes);
            for _ in 0..6 {
                let cell = draw.below(invented.counts.len());
                let key = draw.next();
                let other = |by: i64| -> Result<bool, AdversaryError> {
                    let mut other = invented.clone();
                    other.counts[cell] = other.counts[cell].saturating_add_signed(by);
                    other.keys[cell] =
                        other.keys[cell].wrapping_add_signed(by.wrapping_mul(key.cast_signed()));
                    Ok(put(&other, profile)?.passes != passes)
                };
                let more = other(1)?;
                let fewer = invented.counts[cell] > 0 && other(-1)?;
                neighbours += 1 + usize::from(invented.counts[cell] > 0);
                changed += usize::from(more) + usize::from(fewer);
                tally.cells += 1;
                // A count above the limit would have been told, rounded.
                let small = (1..=profile.limit()).contains(&invented.counts[cell]);
                tally.exact += usize::from(small && more && fewer && !passes);
            }
        }
        // Where zeros are shown, sparse tables are near failing: there one person decides more of them, and to somebody
        // who knows all other counts a refusal can tell the last.
        let held = match profile {
            Profile::Nhs75 => tally.exact * 100 <= tally.cells && changed * 100 <= neighbours * 4,
            _ => tally.exact == 0 && changed * 100 <= neighbours,
        };
        let mut note = format!(
            "of {neighbours} tables with one person more or fewer {changed} are decided otherwise"
        );
        if held && tally.exact > 0 {
            note.push_str(
                ", and zeros that are shown leave it that some withheld tables tell their last count to \
                 somebody who knows all others",
            );
        }
        let name = format!("{}, refusals", shape.name);
        told(tally.finding(Attack::A14, profile.as_str(), name, held).noted(note));
    }
    Ok(())
}
