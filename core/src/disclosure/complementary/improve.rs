//! Smaller patterns: a safe one is taken apart in places and put together anew.

use super::ComplementaryError;
use super::build::Builder;

/// The most cells that are shown again at once, as a share of the pattern: one in so many.
const SHARE: u64 = 3;

/// A pattern that costs no more than `hidden`, found within so many programs.
pub(super) fn improved(builder: &mut Builder<'_>, hidden: Vec<bool>, effort: u32) -> Vec<bool> {
    let end = builder.programs().saturating_add(effort);
    let mut chance = Chance(0x5EED);
    let mut best = hidden.clone();
    let mut current = hidden;
    let mut idle = 0;
    let mut rounds = 0;
    while builder.programs() + rounds < end && idle < 400 {
        rounds += 1;
        // A budget that ends in the middle of a pattern leaves the last safe one.
        let Ok(Some(next)) = rebuilt(builder, &current, &mut chance) else { idle += 1; continue };
        let (cost, known) = (builder.grid.cost(&next), builder.grid.cost(&current));
        idle += 1;
        if cost.0 <= known.0 {
            if cost < builder.grid.cost(&best) {
                if cost.0 < builder.grid.cost(&best).0 { idle = 0; }
                best.clone_from(&next);
            }
            current = next;
        }
    }
    best
}

/// The pattern with some cells shown again and what that opens protected anew.
fn rebuilt(
    builder: &mut Builder<'_>,
    hidden: &[bool],
    chance: &mut Chance,
) -> Result<Option<Vec<bool>>, ComplementaryError> {
    let mut chosen = builder.chosen(hidden);
    if chosen.is_empty() {
        return Ok(None);
    }
    chance.shuffle(&mut chosen);
    let most = (chosen.len() as u64 / SHARE).max(2).min(chosen.len() as u64);
    let out = 1 + chance.below(most) as usize;
    let mut next = hidden.to_vec();
    let mut surcharge = vec![0.0; next.len()];
    for s in &mut surcharge { *s = 0.4 * chance.below(1000) as f64 / 1000.0; }
    for cell in chosen.drain(..out) {
        next[cell as usize] = false;
        surcharge[cell as usize] += 0.25 * chance.below(5) as f64;
    }
    let mut order = builder.primary.clone();
    chance.shuffle(&mut order);
    builder.protect_all(&mut next, &order, &surcharge)?;
    let mut needless = builder.chosen(&next);
    chance.shuffle(&mut needless);
    builder.clean(&mut next, &mut needless)?;
    Ok(Some(next))
}

/// Numbers that look drawn and are the same for every table (SplitMix64).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn shuffle<T>(&mut self, of: &mut [T]) {
        for last in (1..of.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            of.swap(last, other);
        }
    }
}
