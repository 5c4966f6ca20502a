//! Attacks on figures that are made of counts, or stand beside them.

use super::invented::Draw;
use super::records::{Asked, Row, Scene, Together, extract};
use super::sheets::knows;
use super::{AdversaryError, Attack, CONTROL, Finding, PROFILES, Tally};
use crate::disclosure::{PROTECTED_BELOW, ReleaseDocument, Side};
use crate::model::canonical;
use crate::model::{Bounds, CellState, Profile, Shown, SnapshotVersion};
use crate::plan::Layout;
use crate::view::share;

/// Rounds after which nothing more is tried.
const ROUNDS: usize = 200;
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
pub(super) fn shares(n: usize, seed: u64, told: &mut dyn FnMut(Finding)) -> Result<(), AdversaryError> {
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
                let Some((above, below)) = at(layout.numerator()).zip(at(layout.denominator())) else { continue };
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
                    plain.exact += usize::from(matches!(above, Shown::Published(n) if n == 0 || n >= of));
                }
            }
        }
        let held = tally.held() && tally.cells > 0;
        told(tally.finding(Attack::A13, profile.as_str(), "groups of fewer than 50", held));
    }
    let broke = plain.exact > 0;
    told(plain.finding(Attack::A13, format!("{CONTROL}nhs75 as plain percentages"), "groups of fewer than 50", broke));
    Ok(())
}
