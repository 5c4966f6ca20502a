//! Smaller patterns: a safe one is taken apart in places and put together anew.

use super::ComplementaryError;
use super::build::Builder;

/// The most cells that are shown again at once, as a share of the pattern: one in so many.
const SHARE: u64 = 3;

/// A pattern that costs no more than `hidden`, found within so many programs.
pub(super) fn improved(builder: &mut Builder<'_>, hidden: Vec<bool>, effort: u32) -> Vec<bool> {
    let mut chance = Chance::new();
    let end = builder.programs().saturating_add(effort);
    let best = taken_apart(builder, hidden, effort / 3, &mut chance);
    from_below(builder, best, end, &mut chance)
}

/// Looks for smaller sets of cells that no proof speaks against, until one is safe or none is found.
fn from_below(
    builder: &mut Builder<'_>,
    mut best: Vec<bool>,
    end: u32,
    chance: &mut Chance,
) -> Vec<bool> {
    let mut last = best.clone();
    let mut rounds = 0;
    while builder.programs() + rounds < end {
        rounds += 1;
        let cost = builder.grid.cost(&best);
        let Some(target) = cost.0.checked_sub(1) else { break };
        let Some(candidate) = hitting(builder, &last, target, chance) else {
            if std::env::var("DBG").is_ok() {
                eprintln!(
                    "none below {} after {} rounds {} proofs {} progs",
                    cost.0,
                    rounds,
                    builder.proofs.all().len(),
                    builder.programs()
                );
            }
            break;
        };
        last.clone_from(&candidate);
        let Ok(safe) = examined(builder, &candidate, chance) else { break };
        let mut next = candidate;
        if !safe {
            let mut order = builder.primary.clone();
            chance.shuffle(&mut order);
            if builder.protect_all(&mut next, &order, &[]).is_err() {
                break;
            }
        }
        let mut needless = builder.chosen(&next);
        if builder.clean(&mut next, &mut needless).is_err() {
            break;
        }
        if builder.grid.cost(&next) < cost {
            if std::env::var("DBG").is_ok() {
                eprintln!(
                    "{:?} -> {:?} safe {safe} progs {}",
                    cost,
                    builder.grid.cost(&next),
                    builder.programs()
                );
            }
            best = next;
        }
    }
    best
}

/// Whether a pattern is safe; what is not safe is proved.
fn examined(
    builder: &mut Builder<'_>,
    hidden: &[bool],
    chance: &mut Chance,
) -> Result<bool, ComplementaryError> {
    let mut order = builder.primary.clone();
    chance.shuffle(&mut order);
    let mut found = 0;
    for target in order {
        if builder.ways.protect(target, hidden, builder.width)
            || builder.proofs.refute(target, hidden)
        {
            continue;
        }
        if builder.prove(hidden, target)? || !builder.safe(hidden, target)? {
            found += 1;
            if found == 6 {
                break;
            }
        }
    }
    Ok(found == 0)
}

/// A set of cells that costs no more than `most` and hits every proof, looked for from `start`.
fn hitting(
    builder: &Builder<'_>,
    start: &[bool],
    most: u64,
    chance: &mut Chance,
) -> Option<Vec<bool>> {
    let grid = builder.grid;
    let lists = builder.proofs.all();
    let mut in_lists: Vec<Vec<u32>> = vec![Vec::new(); grid.cells.len()];
    for (number, list) in (0u32..).zip(lists) {
        for cell in list {
            in_lists[*cell as usize].push(number);
        }
    }
    let mut set = start.to_vec();
    let mut inside: Vec<u32> = builder.chosen(start);
    let mut spent: u64 = inside.iter().map(|c| u64::from(grid.cells[*c as usize].weight)).sum();
    let mut hits: Vec<u32> =
        lists.iter().map(|l| l.iter().filter(|c| set[**c as usize]).count() as u32).collect();
    let mut penalty: Vec<u64> = vec![1; lists.len()];
    let mut moved: Vec<u32> = vec![0; grid.cells.len()];
    for step in 1..=4000u32 {
        let missed: Vec<u32> =
            (0u32..).zip(&hits).filter(|(_, h)| **h == 0).map(|(n, _)| n).collect();
        if missed.is_empty() && spent <= most {
            return Some(set);
        }
        if !missed.is_empty() {
            let list = &lists[missed[chance.below(missed.len() as u64) as usize] as usize];
            let gain = |c: u32| -> f64 {
                let sum: u64 = in_lists[c as usize]
                    .iter()
                    .filter(|l| hits[**l as usize] == 0)
                    .map(|l| penalty[*l as usize])
                    .sum();
                sum as f64 / f64::from(grid.cells[c as usize].weight)
            };
            let best = list
                .iter()
                .copied()
                .filter(|c| moved[*c as usize] + 3 < step || moved[*c as usize] == 0)
                .map(|c| (gain(c), c))
                .max_by(|a, b| {
                    a.0.total_cmp(&b.0).then(moved[b.1 as usize].cmp(&moved[a.1 as usize]))
                });
            if let Some((_, c)) = best {
                set[c as usize] = true;
                inside.push(c);
                moved[c as usize] = step;
                spent += u64::from(grid.cells[c as usize].weight);
                for l in &in_lists[c as usize] {
                    hits[*l as usize] += 1;
                }
            }
        }
        while spent > most {
            let loss = |c: u32| -> f64 {
                let sum: u64 = in_lists[c as usize]
                    .iter()
                    .filter(|l| hits[**l as usize] == 1)
                    .map(|l| penalty[*l as usize])
                    .sum();
                sum as f64 / f64::from(grid.cells[c as usize].weight)
            };
            let best = (0..inside.len())
                .filter(|i| moved[inside[*i] as usize] != step)
                .map(|i| (loss(inside[i]), i))
                .min_by(|a, b| {
                    a.0.total_cmp(&b.0)
                        .then(moved[inside[a.1] as usize].cmp(&moved[inside[b.1] as usize]))
                });
            let Some((_, i)) = best else { return None };
            let c = inside.swap_remove(i);
            set[c as usize] = false;
            moved[c as usize] = step;
            spent -= u64::from(grid.cells[c as usize].weight);
            for l in &in_lists[c as usize] {
                hits[*l as usize] -= 1;
            }
        }
        for (h, p) in hits.iter().zip(&mut penalty) {
            if *h == 0 {
                *p += 1;
            }
        }
    }
    None
}

/// The first stage: shows cells again, as chance has it, and protects anew what that opens.
fn taken_apart(
    builder: &mut Builder<'_>,
    hidden: Vec<bool>,
    effort: u32,
    chance: &mut Chance,
) -> Vec<bool> {
    let end = builder.programs().saturating_add(effort);
    let mut best = hidden.clone();
    let mut current = hidden;
    let mut idle = 0;
    let mut rounds = 0;
    while builder.programs() + rounds < end && idle < 400 {
        rounds += 1;
        // A budget that ends in the middle of a pattern leaves the last safe one.
        let Ok(Some(next)) = rebuilt(builder, &current, chance) else {
            idle += 1;
            continue;
        };
        let (cost, known) = (builder.grid.cost(&next), builder.grid.cost(&current));
        idle += 1;
        if cost.0 <= known.0 {
            if cost < builder.grid.cost(&best) {
                if cost.0 < builder.grid.cost(&best).0 {
                    idle = 0;
                }
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
    for s in &mut surcharge {
        *s = 0.4 * chance.below(1000) as f64 / 1000.0;
    }
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
    const fn new() -> Self {
        Self(0x5EED)
    }

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
