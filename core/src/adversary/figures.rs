//! Attacks on figures that are made of counts, or stand beside them.

use super::invented::Draw;
use super::records::{Asked, Row, Scene, extract};
use super::sheets::knows;
use super::{AdversaryError, Attack, CONTROL, Finding, PROFILES, Tally};
use crate::disclosure::{FigureText, PROTECTED_BELOW, ReleaseDocument, Side};
use crate::model::canonical;
use crate::model::{Bounds, CellState, Profile, Shown, SnapshotVersion};
use crate::plan::Layout;
use crate::view::share;

/// Rounds after which nothing more is tried.
const ROUNDS: usize = 400;
const PEOPLE: [usize; 4] = [150, 400, 900, 60];

fn side(shown: Shown, profile: Profile) -> Side {
    let (low, high, _) = knows(shown, profile);
    let (state, published) = match shown {
        Shown::Published(figure) => (CellState::Value, Some(figure)),
        Shown::Small => (CellState::Small, None),
        Shown::Suppressed => (CellState::Suppressed, None),
        Shown::StructuralZero => (CellState::StructuralZero, None),
    };
    Side { state, bounds: Bounds { low, high }, published }
}

/// A13: groups whose published denominator is below 50.
pub(super) fn shares(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let mut plain = Tally::default();
    for profile in PROFILES {
        let scene = Scene::new(profile)?;
        let snapshot = extract(b"extract", SnapshotVersion::Provisional)?;
        let (mut tally, mut draw) = (Tally::default(), Draw::new(seed));
        for round in 0..ROUNDS {
            if tally.cells >= n {
                break;
            }
            let rows: Vec<Row> =
                (0..PEOPLE[round % PEOPLE.len()]).map(|_| Row::draw(&mut draw)).collect();
            let (indicator, by) = [
                ("rtt_over_65_weeks", vec!["ethnicity.group"]),
                ("rtt_over_18_weeks", vec!["imd.core20", "sex"]),
                ("rtt_over_52_weeks", vec!["sex"]),
            ][round % 3]
                .clone();
            let asked = Asked { indicator, by, scope: None };
            let Some(out) = scene.release(&[], scene.table(&rows, &snapshot, &asked)?)? else {
                tally.refused += 1;
                continue;
            };
            tally.tables += 1;
            let document: ReleaseDocument = canonical::decode(&out.bytes)?;
            let layout = Layout::new(&document.question, Some(&scene.agreement), &scene.catalogue)
                .map_err(|_| AdversaryError::Needs("a layout"))?;
            let outcomes = layout.lattice().axes().last().map_or(1, |a| a.categories().len());
            for group in document.cells.chunks(outcomes) {
                let at = |place: usize| group.get(place).map(|text| Shown::from(*text));
                let Some((above, below)) = at(layout.numerator()).zip(at(layout.denominator()))
                else {
                    continue;
                };
                let Shown::Published(of) = below else { continue };
                if of == 0 || of >= PROTECTED_BELOW {
                    continue;
                }
                tally.cells += 1;
                let sides = (side(above, profile), side(below, profile));
                if let Some(share) = share(sides.0, sides.1, profile.limit()) {
                    tally.exact += usize::from(share.high <= 0.0 || share.low >= 1.0);
                }
                if profile == Profile::Nhs75 {
                    plain.cells += 1;
                    plain.exact +=
                        usize::from(matches!(above, Shown::Published(n) if n == 0 || n >= of));
                }
            }
        }
        let held = tally.held() && tally.cells > 0;
        told(tally.finding(Attack::A13, profile.as_str(), "groups of fewer than 50", held));
    }
    let broke = plain.exact > 0;
    told(plain.finding(
        Attack::A13,
        format!("{CONTROL}nhs75 as plain percentages"),
        "groups of fewer than 50",
        broke,
    ));
    Ok(())
}

/// A15: means and percentiles beside rounded counts.
pub(super) fn means(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    const MEAN: &str = "emergency_length_of_stay";
    const PERCENTILES: &str = "rtt_wait_percentiles";
    for profile in PROFILES {
        if !profile.releases_figures() {
            let refused = Tally { refused: n, ..Tally::default() };
            told(refused.finding(
                Attack::A15,
                profile.as_str(),
                "means and percentiles are not released",
                true,
            ));
            continue;
        }
        let mut scene = Scene::new(profile)?;
        scene.allow(MEAN)?;
        scene.allow(PERCENTILES)?;
        let (mut of_means, mut of_medians) = (Tally::default(), Tally::default());
        let mut draw = Draw::new(seed);
        for round in 0..ROUNDS {
            if of_means.cells >= n && of_medians.cells >= n {
                break;
            }
            let people = PEOPLE[round % PEOPLE.len()];
            let rows: Vec<Row> = (0..people).map(|_| Row::draw(&mut draw)).collect();
            narrowed(&scene, &rows, MEAN, &mut of_means)?;
            few_rows(&scene, &rows, PERCENTILES, &mut of_medians)?;
        }
        let held = of_means.exact * 100 <= of_means.cells && of_means.cells > 0;
        let note = format!("{} means leave fewer than 3 numbers for their count", of_means.exact);
        told(of_means.finding(Attack::A15, profile.as_str(), "means", held).noted(note));
        let held = of_medians.exact == 0 && of_medians.cells > 0;
        let note = format!("{} percentiles are of fewer than 20 rows", of_medians.exact);
        told(of_medians.finding(Attack::A15, profile.as_str(), "percentiles", held).noted(note));
    }
    let (mut tally, mut draw) = (Tally::default(), Draw::new(seed));
    for _ in 0..n {
        let count = 10 + u64::try_from(draw.below(40)).unwrap_or_default();
        let sum: u64 = (0..count).map(|_| u64::try_from(draw.below(30)).unwrap_or_default()).sum();
        let rounded = (count + 2) / 5 * 5;
        // An exact mean is a fraction: only counts that make the sum whole can have it.
        let fits = (rounded - 2..=rounded + 2).filter(|n| (sum * n).is_multiple_of(count));
        tally.cells += 1;
        tally.exact += usize::from(fits.count() < 3);
    }
    let broke = tally.exact * 100 >= tally.cells * 90;
    told(tally.finding(
        Attack::A15,
        format!("{CONTROL}exact means beside rounded counts"),
        "means",
        broke,
    ));
    Ok(())
}

/// Counts the means that leave fewer than three numbers for the count that they are of.
fn narrowed(
    scene: &Scene,
    rows: &[Row],
    indicator: &'static str,
    tally: &mut Tally,
) -> Result<(), AdversaryError> {
    for by in [vec!["sex"], vec!["imd.core20"]] {
        for (figures, count, _, coarse) in released(scene, rows, indicator, by, tally)? {
            let (FigureText::Value(value), Shown::Published(_)) = (figures, count) else {
                continue;
            };
            let (low, high, _) = knows(count, scene.profile());
            // In fourths of a unit: a mean is given in halves, to the nearest of so many.
            let (from, to) = ((2 * value).saturating_sub(coarse), 2 * value + coarse);
            let fits = |n: &u64| (from * n).div_ceil(4) <= to * n / 4;
            let candidates = (low..=high.unwrap_or(low)).filter(fits).count();
            tally.cells += 1;
            tally.exact += usize::from(candidates < 3);
        }
    }
    Ok(())
}

/// Counts the percentiles of fewer than 20 rows.
fn few_rows(
    scene: &Scene,
    rows: &[Row],
    indicator: &'static str,
    tally: &mut Tally,
) -> Result<(), AdversaryError> {
    for by in [vec!["sex"], vec!["imd.core20"], vec!["ethnicity.group"]] {
        for (figure, _, truth, _) in released(scene, rows, indicator, by, tally)? {
            if matches!(figure, FigureText::Value(_)) {
                tally.cells += 1;
                tally.exact += usize::from(truth < 20);
            }
        }
    }
    Ok(())
}

/// A figure, what is shown of the count that it is of, the true count, and how coarsely figures are rounded.
type OfGroup = (FigureText, Shown, u64, u64);

fn released(
    scene: &Scene,
    rows: &[Row],
    indicator: &'static str,
    by: Vec<&'static str>,
    tally: &mut Tally,
) -> Result<Vec<OfGroup>, AdversaryError> {
    let snapshot = extract(b"extract", SnapshotVersion::Provisional)?;
    let asked = Asked { indicator, by, scope: None };
    let Some(out) = scene.release(&[], scene.table(rows, &snapshot, &asked)?)? else {
        tally.refused += 1;
        return Ok(Vec::new());
    };
    tally.tables += 1;
    let document: ReleaseDocument = canonical::decode(&out.bytes)?;
    let layout = Layout::new(&document.question, Some(&scene.agreement), &scene.catalogue)
        .map_err(|_| AdversaryError::Needs("a layout"))?;
    let outcomes = layout.lattice().axes().last().map_or(1, |a| a.categories().len());
    let Some(figures) = document.figures else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for values in &figures.values {
        for (group, figure) in values.iter().enumerate() {
            let cell = group * outcomes + layout.numerator();
            let Some((text, truth)) = document.cells.get(cell).zip(out.truth.get(cell)) else {
                continue;
            };
            all.push((*figure, Shown::from(*text), *truth, figures.coarse));
        }
    }
    Ok(all)
}
