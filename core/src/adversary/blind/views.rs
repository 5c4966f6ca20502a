//! A16. Everything that a server of the sum sees, alone or with partners that work with it: whether it says more of a
//! partner's counts than the totals do. The randomness is the system's, so that every run is another one.

use prio::codec::Decode;
use prio::field::Field128;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::super::invented::Draw;
use super::super::{AdversaryError, Attack, CONTROL, Finding, Tally};
use super::{
    Context, DEPOSIT, DepositId, MASKS, Servers, VectorSpec, halves, needs, numbers, ods, sums,
    tampers, totals, vector,
};
use crate::pool::{BITS_24, Masked, Members, PoolError, SealKey};

/// Partners: the one whose counts are to be found out, another honest one, and two that work with the coordinator.
const PARTNERS: usize = 4;
const VICTIM: usize = 0;
const OTHER: usize = 1;
/// Counts of a vector.
const COUNTS: usize = 2;
/// Sums that are compared: so many for each count that is asked for, and neither fewer nor more than these.
const TIMES: usize = 10;
const FEWEST: usize = 250;
const MOST: usize = 10_000;
/// What is looked at of a number: four bits.
const BINS: usize = 16;
/// Below this a view is said to depend on the counts. By chance it is below once in so many tries; so whatever is below
/// it is tried again, twice.
const LEAST_P: f64 = 0.01;
const TRIES: usize = 3;

/// Where what is of interest begins: of a part after version, kind, nonce and public share; of a server's share of the
/// check after version, kind and hash; of masked figures after version, kind, vector and shape.
const OF_PART: usize = 82;
const OF_CHECK: usize = 34;
const OF_MASKED: usize = 39;
const ELEMENT: usize = 16;
const WORD: usize = 8;

/// The counts of all partners in one vector.
type Counts = [[u64; COUNTS]; PARTNERS];
/// Of the second vector everybody knows that nobody is in its cells.
const NOBODY: Counts = [[0; COUNTS]; PARTNERS];

fn drawn(draw: &mut Draw) -> Counts {
    let mut count =
        |from: usize, below: usize| u64::try_from(from + draw.below(below)).unwrap_or(0);
    let mut counts = NOBODY;
    for own in &mut counts {
        // 1 to 7 of the one, and never as many of the other.
        *own = std::array::from_fn(|_| count(1, 7));
    }
    counts[OTHER] = counts[VICTIM].map(|own| own % 7 + 1);
    counts
}

/// The same totals with the counts of the two honest partners changed over.
fn changed_over(counts: &Counts) -> Counts {
    let mut other = *counts;
    other.swap(VICTIM, OTHER);
    other
}

/// What somebody makes of a view.
#[derive(Default)]
struct Made {
    /// Bytes in which it might be seen whose counts they are.
    bytes: Vec<u8>,
    /// For each of the victim's counts the numbers that could be it, none of those that are no count.
    could_be: [Vec<Option<u64>>; COUNTS],
    /// What the victim has at most, by the totals that are known.
    most: [Option<u64>; COUNTS],
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

/// The number that begins at a place; nothing where there is none.
fn number(bytes: &[u8], at: usize) -> Field128 {
    let bytes = bytes.get(at..at + ELEMENT).and_then(|bytes| Field128::get_decoded(bytes).ok());
    bytes.unwrap_or_else(|| Field128::from(0))
}

/// A number of prio's field as a count, or the count that it is below zero.
fn count(number: Field128) -> Option<u64> {
    let most = 1 << BITS_24;
    let each = [u128::from(number), u128::from(-number)].into_iter();
    each.filter(|n| *n < most).find_map(|n| u64::try_from(n).ok())
}

fn low_byte(number: Field128) -> u8 {
    u128::from(number).to_le_bytes()[0]
}

/// Sums with the one set of counts and with the other, and what was made of each.
#[derive(Default)]
struct Compared {
    tally: Tally,
    /// Of every four bits how often each value came, with the one set and with the other.
    seen: Vec<[[u32; BINS]; 2]>,
}

impl Compared {
    fn take(&mut self, set: usize, truth: &[u64; COUNTS], made: &Made) {
        self.tally.tables += 1;
        self.seen.resize(self.seen.len().max(2 * made.bytes.len()), [[0; BINS]; 2]);
        for (two, byte) in self.seen.chunks_exact_mut(2).zip(&made.bytes) {
            two[0][set][usize::from(byte & 15)] += 1;
            two[1][set][usize::from(byte >> 4)] += 1;
        }
        for ((truth, could_be), most) in truth.iter().zip(&made.could_be).zip(made.most) {
            // Whoever finds a small number where there should be none has found the count.
            let found = could_be.iter().flatten().any(|number| number == truth);
            let (low, high) = if found { (*truth, Some(*truth)) } else { (0, most) };
            self.tally.judge(*truth, low, high);
        }
    }

    /// The probability that numbers which have nothing to do with the counts would differ as much: chi-square of the two
    /// samples, of whichever four bits differ most, times how many there are (Bonferroni).
    fn p(&self) -> f64 {
        let one = |[one, two]: &[[u32; BINS]; 2]| {
            let both = || one.iter().zip(two).map(|(a, b)| (f64::from(*a), f64::from(*b)));
            let used = || both().filter(|(a, b)| a + b > 0.0);
            let statistic: f64 = used().map(|(a, b)| (a - b).powi(2) / (a + b)).sum();
            let freedom = used().map(|_| 1.0).sum::<f64>() - 1.0;
            // What is always the same says nothing.
            ChiSquared::new(freedom).map_or(1.0, |of| of.sf(statistic))
        };
        let each = self.seen.iter().map(one);
        let (least, tests) = each.fold((1.0_f64, 0.0), |(p, n), own| (p.min(own), n + 1.0));
        (least * tests).min(1.0)
    }

    fn note(&self, tries: usize) -> String {
        let again = match tries {
            1 => String::new(),
            more => format!(", in the {} try", if more == 2 { "second" } else { "third" }),
        };
        let p = self.p();
        format!(
            "by chi-square what has nothing to do with the counts differs as much with p = {p:.2}{again}"
        )
    }
}

/// A vector of one sum, as it passes the servers.
struct Passing {
    /// Of each partner: its two parts, and the servers' shares of the check with their message.
    parts: Vec<[Vec<u8>; 2]>,
    checks: Vec<[Vec<u8>; 3]>,
    /// Of each partner the coordinator's share of the counts, and the second server's.
    kept: Vec<[Vec<Field128>; 2]>,
    /// Both servers' shares of the totals.
    halves: [Vec<Field128>; 2],
}

fn passing(
    servers: &Servers,
    deposit: DepositId,
    counts: &Counts,
) -> Result<Passing, AdversaryError> {
    let spec = VectorSpec::new(2, BITS_24)?;
    let [mut leader, mut helper] = sums(deposit, spec);
    let (mut parts, mut checks, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for (partner, own) in counts.iter().enumerate() {
        let context = Context::new(deposit, ods(&format!("ZA{partner:02}"))?);
        let (shared, passed) = servers.contribution(&context, spec, own)?;
        parts.push([shared.leader().to_vec(), shared.helper().to_vec()]);
        checks.push([passed.first, passed.second, passed.message]);
        kept.push([
            numbers(&passed.leader.to_bytes()?, COUNTS)?,
            numbers(&passed.helper.to_bytes()?, COUNTS)?,
        ]);
        leader.add(passed.leader)?;
        helper.add(passed.helper)?;
    }
    Ok(Passing { parts, checks, kept, halves: halves(&leader, &helper)? })
}

/// What one server makes of its view: its parts, what the servers tell each other, its shares, and differences of them.
fn server(own: usize, table: &Passing, empty: &Passing) -> Made {
    let mut made = Made::default();
    // The nonce and the seeds of the public share; then numbers of the coordinator's part, seeds of the other.
    let of_part = match own {
        0 => [OF_PART, OF_PART + 2 * ELEMENT, OF_PART + 24 * ELEMENT],
        _ => [OF_PART, OF_PART + 1, OF_PART + 31],
    };
    for at in [2, 18, 50].into_iter().chain(of_part) {
        let [victim, other, again] =
            [(table, VICTIM), (table, OTHER), (empty, VICTIM)].map(|(of, partner)| {
                let bytes = &of.parts[partner][own];
                let is_number = own == 0 && at >= OF_PART;
                if is_number {
                    number(bytes, at)
                } else {
                    Field128::from(u128::from(byte(bytes, at)))
                }
            });
        made.bytes.extend([victim, victim - other, victim - again].map(low_byte));
    }
    let [first, second, message] = &table.checks[VICTIM];
    for at in [0, 1, 2, 7] {
        let [one, other] = [first, second].map(|bytes| number(bytes, OF_CHECK + at * ELEMENT));
        made.bytes.extend([one, other, one + other].map(low_byte));
    }
    made.bytes.push(byte(message, 2));
    for at in 0..COUNTS {
        let [victim, other, again] = [(table, VICTIM), (table, OTHER), (empty, VICTIM)]
            .map(|(of, partner)| of.kept[partner][own][at]);
        let each = [victim, victim - other, victim + other, victim - again, table.halves[own][at]];
        made.bytes.extend(each.map(low_byte));
        made.could_be[at] = each.map(count).to_vec();
    }
    made
}

/// What the coordinator makes of it that knows everything of some partners besides: all that is left of the second
/// server's half is that of the others.
fn coordinator(table: &Passing, empty: &Passing, counts: &Counts, with: &[usize]) -> Made {
    let mut made = server(0, table, empty);
    for (at, total) in totals(&table.halves).into_iter().enumerate() {
        let known: u64 = with.iter().map(|partner| counts[*partner][at]).sum();
        made.most[at] = Some(total.saturating_sub(known));
        let theirs = |of: &Passing, server: usize| {
            let own = with.iter().map(|partner| of.kept[*partner][server][at]);
            own.fold(of.halves[server][at], |rest, own| rest - own)
        };
        let rest = theirs(table, 1);
        let [victim, other] = [VICTIM, OTHER].map(|partner| table.kept[partner][0][at]);
        let each = [rest, rest + victim, rest + victim - other, rest - theirs(empty, 1)];
        made.bytes.extend(each.map(low_byte));
        made.could_be[at].extend(each.map(count));
    }
    made
}

/// Compares views until one try says that they do not depend on the counts.
fn compared<const N: usize>(
    n: usize,
    draw: &mut Draw,
    mut sum: impl FnMut(&[u8], &Counts) -> Result<([Made; N], bool), AdversaryError>,
) -> Result<([Compared; N], usize), AdversaryError> {
    let runs = (n * TIMES).clamp(FEWEST, MOST).max(n.div_ceil(2 * COUNTS));
    let mut tries = 1;
    loop {
        let one = drawn(draw);
        let sets = [one, changed_over(&one)];
        let mut all: [Compared; N] = std::array::from_fn(|_| Compared::default());
        for run in 0..runs {
            for (set, counts) in sets.iter().enumerate() {
                let name = format!("{} {run} {set}", draw.next());
                let (views, exact) = sum(name.as_bytes(), counts)?;
                for (own, made) in all.iter_mut().zip(&views) {
                    own.take(set, &counts[VICTIM], made);
                    own.tally.wrong += usize::from(!exact);
                }
            }
        }
        if tries == TRIES || all.iter().all(|own| own.p() > LEAST_P) {
            return Ok((all, tries));
        }
        tries += 1;
    }
}

fn exact(totals: &[u64], counts: &Counts) -> bool {
    (0..COUNTS).all(|at| totals.get(at).copied() == Some(counts.iter().map(|own| own[at]).sum()))
}

const WITH_PARTNERS: [usize; 2] = [2, 3];
const ALL_BUT_ONE: [usize; 3] = [1, 2, 3];
const SHAPES: [&str; 3] = [
    "what the coordinator sees, 4 partners",
    "what the coordinator and 2 of 4 partners see",
    "what the second server sees, 4 partners",
];

/// A16.
pub(in super::super) fn transcripts(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let mut draw = Draw::new(seed);
    let servers = Servers::new()?;
    let (views, tries) = compared(n, &mut draw, |name, counts| {
        let table = passing(&servers, vector(name, 0), counts)?;
        let empty = passing(&servers, vector(name, 1), &NOBODY)?;
        let views = [
            coordinator(&table, &empty, counts, &[]),
            coordinator(&table, &empty, counts, &WITH_PARTNERS),
            server(1, &table, &empty),
        ];
        let all = exact(&totals(&table.halves), counts) && exact(&totals(&empty.halves), &NOBODY);
        Ok((views, all))
    })?;
    held(DEPOSIT, views, tries, told);
    tampers::deposit(n, &mut draw, told)?;

    let keys = (0..PARTNERS).map(|_| SealKey::generate()).collect::<Result<Vec<_>, PoolError>>()?;
    let blinded = Blinded::new(keys)?;
    let (views, tries) = compared(n, &mut draw, |name, counts| {
        let [table, empty] =
            [blinded.sum(vector(name, 0), counts)?, blinded.sum(vector(name, 1), &NOBODY)?];
        let views = [&[][..], &WITH_PARTNERS]
            .map(|with| blinded.seen((vector(name, 0), &table), &empty, counts, with));
        let [alone, together] = views;
        let all = exact(&added(&table), counts) && exact(&added(&empty), &NOBODY);
        Ok(([alone?, together?], all))
    })?;
    held(MASKS, views, tries, told);
    tampers::masks(&blinded.members, &blinded.keys, n, &mut draw, told)?;
    controls(n, &mut draw, &servers, &blinded, told)
}

fn held<const N: usize>(
    against: &str,
    views: [Compared; N],
    tries: usize,
    told: &mut dyn FnMut(Finding),
) {
    for (own, shape) in views.into_iter().zip(SHAPES) {
        let note = own.note(tries);
        let passed = own.tally.held() && own.tally.cells > 0 && own.p() > LEAST_P;
        told(own.tally.finding(Attack::A16, against, shape, passed).noted(note));
    }
}

/// Partners without a second server.
struct Blinded {
    keys: Vec<SealKey>,
    members: Members,
}

/// The words of each partner.
type Words = Vec<Vec<u64>>;

fn added(words: &Words) -> Vec<u64> {
    (0..COUNTS).map(|at| words.iter().fold(0_u64, |sum, own| sum.wrapping_add(own[at]))).collect()
}

impl Blinded {
    fn new(keys: Vec<SealKey>) -> Result<Self, AdversaryError> {
        let members = Self::members(&keys, 0..keys.len())?;
        Ok(Self { keys, members })
    }

    fn members(
        keys: &[SealKey],
        of: impl Iterator<Item = usize>,
    ) -> Result<Members, AdversaryError> {
        let one = |at: usize| Ok((ods(&format!("ZA{at:02}"))?, keys[at].public().clone()));
        Ok(Members::new(of.map(one).collect::<Result<_, AdversaryError>>()?)?)
    }

    /// What each partner sends, as it is read; the sum of all must be one.
    fn sum(&self, deposit: DepositId, counts: &Counts) -> Result<Words, AdversaryError> {
        let spec = VectorSpec::new(2, BITS_24)?;
        let each = self.keys.iter().zip(counts);
        let all: Vec<Masked> = each
            .map(|(key, own)| self.members.mask(key, deposit, spec, own))
            .collect::<Result<_, PoolError>>()?;
        self.members.unmask_sum(deposit, spec, &all)?;
        all.iter().map(words).collect()
    }

    /// What the coordinator makes of the words, with all that some partners know: their own counts, and the masks that
    /// they have agreed with the victim, which each of them makes by masking zeros for the two alone.
    fn seen(
        &self,
        (deposit, table): (DepositId, &Words),
        empty: &Words,
        counts: &Counts,
        with: &[usize],
    ) -> Result<Made, AdversaryError> {
        let spec = VectorSpec::new(2, BITS_24)?;
        let mut rest = table[VICTIM].clone();
        for &partner in with {
            let two = Self::members(&self.keys, [VICTIM, partner].into_iter())?;
            let mask = words(&two.mask(&self.keys[partner], deposit, spec, &[0; COUNTS])?)?;
            rest.iter_mut().zip(mask).for_each(|(word, mask)| *word = word.wrapping_add(mask));
        }
        let mut made = Made::default();
        for at in 0..COUNTS {
            let [victim, other, again] = [table[VICTIM][at], table[OTHER][at], empty[VICTIM][at]];
            let each = [
                victim,
                rest[at],
                victim.wrapping_sub(other),
                rest[at].wrapping_sub(other),
                rest[at].wrapping_add(other),
                victim.wrapping_sub(again),
                rest[at].wrapping_sub(again),
            ];
            made.bytes.extend(
                each.iter().flat_map(|word| [word.to_le_bytes()[0], word.to_le_bytes()[7]]),
            );
            let small =
                |word: u64| Some(word.min(word.wrapping_neg())).filter(|n| *n < 1 << BITS_24);
            made.could_be[at] = each.map(small).to_vec();
            let known: u64 = with.iter().map(|partner| counts[*partner][at]).sum();
            made.most[at] = Some(added(table)[at].saturating_sub(known));
        }
        Ok(made)
    }
}

fn words(masked: &Masked) -> Result<Vec<u64>, AdversaryError> {
    let bytes = masked.to_bytes();
    let each = bytes.get(OF_MASKED..OF_MASKED + COUNTS * WORD).unwrap_or_default();
    let word = |word: &[u8]| needs(word.try_into().map(u64::from_be_bytes), "masked figures");
    each.chunks_exact(WORD).map(word).collect()
}

/// Weak builds, which the same comparison must break, and the one that no build can prevent.
fn controls(
    n: usize,
    draw: &mut Draw,
    servers: &Servers,
    blinded: &Blinded,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let n = n.min(FEWEST / TIMES);
    let mut broken = |against: &str, shape: &str, compared: [Compared; 1]| {
        let [own] = compared;
        let broke =
            own.tally.exact == own.tally.cells && own.tally.wrong == 0 && own.p() <= LEAST_P;
        let note = format!("by chi-square p = {:.0e}", own.p());
        let against = format!("{CONTROL}{against}");
        told(own.tally.finding(Attack::A16, against, shape, broke).noted(note));
    };
    let mut random = draw.clone();
    let (one_draw, _) = compared(n, draw, |_, counts| {
        let [table, empty] = drawn_once(counts, &mut random);
        Ok(([coordinator(&table, &empty, counts, &[])], exact(&totals(&table.halves), counts)))
    })?;
    broken("one draw of randomness for two tables", SHAPES[0], one_draw);
    let (subtracted, _) = compared(n, draw, |name, counts| {
        let table = passing(servers, vector(name, 0), counts)?;
        let empty = passing(servers, vector(name, 1), &NOBODY)?;
        let all = exact(&totals(&table.halves), counts);
        Ok(([coordinator(&table, &empty, counts, &ALL_BUT_ONE)], all))
    })?;
    broken("every partner but one", "what the coordinator and 3 of 4 partners see", subtracted);
    let (one_vector, _) = compared(n, draw, |name, counts| {
        let deposit = vector(name, 0);
        let [table, empty] = [blinded.sum(deposit, counts)?, blinded.sum(deposit, &NOBODY)?];
        let made = blinded.seen((deposit, &table), &empty, counts, &[])?;
        Ok(([made], exact(&added(&table), counts)))
    })?;
    broken("one mask for two tables", SHAPES[0], one_vector);
    Ok(())
}

/// A weak build: the second server's share is random, the coordinator's is what is left, and a partner draws once for
/// both of its vectors.
fn drawn_once(counts: &Counts, random: &mut Draw) -> [Passing; 2] {
    let masks = counts.map(|_| {
        [(); COUNTS]
            .map(|()| Field128::from(u128::from(random.next()) << 62 | u128::from(random.next())))
    });
    [counts, &NOBODY].map(|counts| {
        let kept: Vec<[Vec<Field128>; 2]> = counts
            .iter()
            .zip(&masks)
            .map(|(own, masks)| {
                let left =
                    own.iter().zip(masks).map(|(n, mask)| Field128::from(u128::from(*n)) - *mask);
                [left.collect(), masks.to_vec()]
            })
            .collect();
        let sum = |server: usize| {
            let at =
                |at: usize| kept.iter().fold(Field128::from(0), |sum, own| sum + own[server][at]);
            (0..COUNTS).map(at).collect()
        };
        let halves = [sum(0), sum(1)];
        Passing {
            parts: vec![Default::default(); PARTNERS],
            checks: vec![Default::default(); PARTNERS],
            kept,
            halves,
        }
    })
}
