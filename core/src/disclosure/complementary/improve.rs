//! Smaller patterns, in two stages that learn from each other: safe patterns are taken apart in places and put
//! together anew; then smaller sets are looked for that nothing learned so far speaks against.

use super::ComplementaryError;
use super::build::Builder;
use super::chance::Chance;
use super::hitting::Hitting;

/// Of the cells of a pattern, up to one in so many are shown again at once.
const SHARE: usize = 3;
/// Attempts in a row without a smaller pattern after which the first stage ends.
const IDLE: u32 = 400;
/// The first stage has one in so many of the programs.
const FIRST: u32 = 8;
/// Joint parts of a table up to which the whole effort is made.
const USUAL: usize = 100;
/// How often a smaller set is looked for before there is thought to be none.
const MISSED: u32 = 3;
/// How many primary cells a set has to fail for before it is left.
const FAILED: u32 = 6;
/// The most by which chance raises the price of a cell.
const ANY: f64 = 0.4;
/// The most by which it raises the price of one that was just shown again.
const SHOWN: f64 = 1.0;

/// A pattern that costs no more than `hidden`, found within about so many programs. Where a budget ends in the middle
/// of a pattern, the last safe one stands.
pub(super) fn improved(builder: &mut Builder<'_>, hidden: Vec<bool>, effort: u32) -> Vec<bool> {
    let mut chance = Chance::new();
    builder.look_again();
    // Programs over more parts take longer: fewer are asked.
    let effort = usize::try_from(effort).unwrap_or(usize::MAX);
    let effort = effort.saturating_mul(USUAL) / builder.grid.room.len().max(USUAL);
    let effort = u32::try_from(effort).unwrap_or(u32::MAX);
    let end = builder.programs().saturating_add(effort);
    let best = taken_apart(builder, hidden, effort / FIRST, &mut chance);
    if builder.grid.is_large() { best } else { from_below(builder, best, end, &mut chance) }
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
    let (mut idle, mut rounds) = (0, 0);
    while builder.programs().saturating_add(rounds) < end && idle < IDLE {
        rounds += 1;
        idle += 1;
        let Ok(next) = rebuilt(builder, &current, chance) else { continue };
        let (cost, least) = (builder.grid.cost(&next), builder.grid.cost(&best));
        if cost.0 > builder.grid.cost(&current).0 {
            continue;
        }
        if cost < least {
            best.clone_from(&next);
        }
        if cost.0 < least.0 {
            idle = 0;
        }
        // One with as many cells and more people is a step aside, from which another may be found.
        current = next;
    }
    best
}

/// The pattern with some cells shown again and what that opens protected anew.
fn rebuilt(
    builder: &mut Builder<'_>,
    hidden: &[bool],
    chance: &mut Chance,
) -> Result<Vec<bool>, ComplementaryError> {
    let mut chosen = builder.chosen(hidden);
    chance.shuffle(&mut chosen);
    let most = (chosen.len() / SHARE).max(2).min(chosen.len());
    chosen.truncate(1 + chance.below(most));
    let mut next = hidden.to_vec();
    let mut surcharge: Vec<f64> = next.iter().map(|_| ANY * chance.share()).collect();
    for cell in chosen {
        next[cell as usize] = false;
        surcharge[cell as usize] += SHOWN * chance.share();
    }
    let mut order = builder.primary.clone();
    chance.shuffle(&mut order);
    builder.protect_all(&mut next, &order, &surcharge)?;
    let mut needless = builder.chosen(&next);
    chance.shuffle(&mut needless);
    builder.clean(&mut next, &needless)?;
    Ok(next)
}

/// The second stage: sets with fewer cells than the best pattern that hit every proof, each completed to a safe
/// pattern where it fails, until there seems to be none. What it fails for is proved, so none comes twice.
fn from_below(
    builder: &mut Builder<'_>,
    mut best: Vec<bool>,
    end: u32,
    chance: &mut Chance,
) -> Vec<bool> {
    let mut last = best.clone();
    let (mut rounds, mut missed) = (0, 0);
    while builder.programs().saturating_add(rounds) < end {
        rounds += 1;
        let cost = builder.grid.cost(&best);
        let Some(most) = cost.0.checked_sub(1) else { break };
        let search = Hitting::new(builder.grid, builder.proofs.all(), &last);
        let Some(set) = search.set(most, chance) else {
            missed += 1;
            if missed == MISSED {
                break;
            }
            last.clone_from(&best);
            continue;
        };
        missed = 0;
        last.clone_from(&set);
        let Ok(next) = completed(builder, set, chance) else { break };
        if builder.grid.cost(&next) < cost {
            best = next;
        }
    }
    best
}

/// A set made safe, with nothing needless in it.
fn completed(
    builder: &mut Builder<'_>,
    mut set: Vec<bool>,
    chance: &mut Chance,
) -> Result<Vec<bool>, ComplementaryError> {
    let mut order = builder.primary.clone();
    chance.shuffle(&mut order);
    let mut failed = 0;
    for target in &order {
        let known = builder.ways.protect(*target, &set, builder.width);
        if !known && (builder.prove(&set, *target)? || !builder.safe(&set, *target)?) {
            failed += 1;
            if failed == FAILED {
                break;
            }
        }
    }
    chance.shuffle(&mut order);
    builder.protect_all(&mut set, &order, &[])?;
    let needless = builder.chosen(&set);
    builder.clean(&mut set, &needless)?;
    Ok(set)
}
