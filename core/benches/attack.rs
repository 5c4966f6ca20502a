//! What the disclosure test costs, on invented tables of fixed seeds: verdicts on single tables and on unions of
//! tables, and exact bounds. `cargo bench -p evensum-core --bench attack` prints Markdown.

use std::io::Write;
use std::time::Instant;

use evensum_core::disclosure::attack::{
    Attribute, Decision, Limits, Public, PublicCell, Verdict, decide, ranges_in_full,
};

const SINGLE: usize = 300;
const EXACT: usize = 100;
const UNIONS: usize = 40;
const SPARSE: usize = 20;

/// The quickest of so many runs is what the work takes: what else the machine does only slows.
const RUNS: u32 = 5;

/// What comes of a piece of work, and how many milliseconds it takes.
fn timed<T>(work: impl Fn() -> T) -> (T, f64) {
    let once = || {
        let begun = Instant::now();
        let outcome = work();
        (outcome, begun.elapsed().as_secs_f64() * 1e3)
    };
    let (outcome, first) = once();
    (outcome, (1..RUNS).map(|_| once().1).fold(first, f64::min))
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        // In pieces, so that the exponential does not vanish.
        let (mut left, mut count) = (mean, 0);
        while left > 0.0 {
            let (floor, mut product) = ((-left.min(30.0)).exp(), self.unit());
            while product > floor {
                product *= self.unit();
                count += 1;
            }
            left -= 30.0;
        }
        count
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Nhs75m,
    Nhs75,
    /// 1 to 7 hidden, otherwise exact.
    Exact,
}

impl Shown {
    fn of(self, n: u64) -> (u64, u64, bool) {
        let rounded = (n + 2) / 5 * 5;
        match (self, n) {
            (Self::Nhs75m, ..=7) => (0, 7, true),
            (_, 0) => (0, 0, false),
            (_, ..=7) => (1, 7, true),
            (Self::Exact, _) => (n, n, false),
            _ => (8.max(rounded - 2), rounded + 2, false),
        }
    }
}

/// Counts of 0.5 to 30 people a finest cell; some categories have 2 to 4 % of the total.
fn counts(random: &mut Random, sizes: &[u16]) -> Vec<u64> {
    let mut shares = vec![1.0];
    for size in sizes {
        let rare = usize::from(size / 4);
        let mut own: Vec<f64> = (0..*size).map(|_| 0.4 + random.unit()).collect();
        let common: f64 = own[rare..].iter().sum();
        let mut left = 1.0;
        for share in &mut own[..rare] {
            *share = 0.02 + 0.02 * random.unit();
            left -= *share;
        }
        own[rare..].iter_mut().for_each(|share| *share *= left / common);
        shares = shares.iter().flat_map(|s| own.iter().map(move |o| s * o)).collect();
    }
    let mean = 0.5 * 60_f64.powf(random.unit());
    let total = mean * shares.len() as f64;
    let draw = |share: f64| {
        let uneven = 0.6 + 0.8 * random.unit();
        random.poisson(share * total * uneven)
    };
    shares.into_iter().map(draw).collect()
}

/// Publishes the combinations of groups that are wanted; group 0 of each attribute is everybody, then its parts.
fn publish(sizes: &[u16], counts: &[u64], shown: impl Fn(&[u16]) -> Option<Shown>) -> Public {
    // Totals of all combinations, one attribute after the other.
    let (mut totals, mut inner) = (counts.to_vec(), 1);
    for size in sizes.iter().rev().map(|s| usize::from(*s)) {
        let mut grown = Vec::new();
        for block in totals.chunks(size * inner) {
            grown.extend((0..inner).map(|at| block.iter().skip(at).step_by(inner).sum::<u64>()));
            grown.extend(block);
        }
        totals = grown;
        inner *= size + 1;
    }
    let mut cells = Vec::new();
    for (index, n) in totals.into_iter().enumerate() {
        let (mut rest, mut at) = (index, vec![0; sizes.len()]);
        for (group, size) in at.iter_mut().zip(sizes).rev() {
            *group = (rest % (usize::from(*size) + 1)) as u16;
            rest /= usize::from(*size) + 1;
        }
        if let Some(shown) = shown(&at) {
            let (low, high, hidden) = shown.of(n);
            cells.push(PublicCell { at, low, high: Some(high), hidden: hidden.into() });
        }
    }
    let attribute = |size: &u16| Attribute::new(*size, (0..*size).map(|p| vec![p]).collect());
    Public::new(sizes.iter().map(attribute).collect(), cells).expect("well-formed")
}

fn all_of(shown: Shown) -> impl Fn(&[u16]) -> Option<Shown> {
    move |_| Some(shown)
}

fn divided(at: &[u16]) -> usize {
    at.iter().filter(|group| **group > 0).count()
}

#[derive(Default)]
struct Tally {
    ms: Vec<f64>,
    refused: usize,
    undecided: usize,
    with_programs: usize,
    programs: u32,
    steps: u64,
}

impl Tally {
    fn add(&mut self, decision: Decision, ms: f64) {
        self.ms.push(ms);
        self.refused += usize::from(decision.verdict == Verdict::Unsafe);
        self.undecided += usize::from(decision.verdict == Verdict::Undecided);
        self.with_programs += usize::from(decision.programs > 0);
        self.programs += decision.programs;
        self.steps = self.steps.max(decision.steps);
    }

    fn at(&mut self, share: f64) -> f64 {
        self.ms.sort_by(f64::total_cmp);
        self.ms[((self.ms.len() - 1) as f64 * share).round() as usize]
    }
}

fn verdicts(tables: usize, limits: &Limits, make: impl Fn(&mut Random) -> Public) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..tables as u64 {
        let public = make(&mut Random(seed * 7_919 + 1));
        let (decision, ms) = timed(|| decide(&public, limits));
        tally.add(decision.expect("the truth fits"), ms);
    }
    tally
}

/// Times of exact bounds, and bounds that came from programs.
fn exact(tables: usize, make: impl Fn(&mut Random) -> Public) -> (Tally, usize) {
    let (mut tally, mut solved) = (Tally::default(), 0);
    for seed in 0..tables as u64 {
        let public = make(&mut Random(seed * 7_919 + 1));
        let (found, ms) = timed(|| ranges_in_full(&public, &Limits::EXACT));
        tally.ms.push(ms);
        match found {
            Ok(found) => solved += found.solved.len(),
            Err(_) => tally.undecided += 1,
        }
    }
    (tally, solved)
}

fn single(out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "| table (cells) | p50 / p95 / max ms | refused | undecided | programs | refused, zeros shown | exact bounds \
         p50 / p95 ms | bounds from programs | no bounds |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    let shapes: [&[u16]; 7] =
        [&[5, 6], &[5, 10], &[10, 18], &[5, 6, 2], &[5, 6, 10], &[10, 6, 5], &[10, 18, 4]];
    for sizes in shapes {
        let make = |shown| {
            move |random: &mut Random| publish(sizes, &counts(random, sizes), all_of(shown))
        };
        let mut merged = verdicts(SINGLE, &Limits::RELEASE, make(Shown::Nhs75m));
        let zeros = verdicts(SINGLE, &Limits::RELEASE, make(Shown::Nhs75));
        let (mut bounds, solved) = exact(EXACT, make(Shown::Nhs75m));
        let cells: usize = sizes.iter().map(|s| usize::from(*s) + 1).product();
        let name: Vec<String> = sizes.iter().map(u16::to_string).collect();
        writeln!(
            out,
            "| {} ({cells}) | {:.2} / {:.2} / {:.2} | {} | {} | {} | {} | {:.1} / {:.1} | {solved} | {} |",
            name.join("x"),
            merged.at(0.5),
            merged.at(0.95),
            merged.at(1.0),
            merged.refused,
            merged.undecided + zeros.undecided,
            merged.programs + zeros.programs,
            zeros.refused,
            bounds.at(0.5),
            bounds.at(0.95),
            bounds.undecided,
        )?;
        out.flush()?;
    }
    Ok(())
}

fn union(
    out: &mut impl Write,
    name: &str,
    sizes: &[u16],
    tables: usize,
    shown: impl Fn(&[u16], Shown) -> Option<Shown> + Copy,
) -> std::io::Result<()> {
    let limits = Limits { published: 7_000, ..Limits::RELEASE };
    let make = |profile| {
        move |random: &mut Random| publish(sizes, &counts(random, sizes), |at| shown(at, profile))
    };
    let mut merged = verdicts(tables, &limits, make(Shown::Nhs75m));
    let zeros = verdicts(tables, &limits, make(Shown::Nhs75));
    let published = make(Shown::Nhs75m)(&mut Random(1)).cells().len();
    let joint: usize = sizes.iter().map(|s| usize::from(*s)).product();
    writeln!(
        out,
        "| {name} | {published} / {joint} | {:.1} / {:.1} / {:.1} | {} | {} | {} in {} | {} | {} |",
        merged.at(0.5),
        merged.at(0.95),
        merged.at(1.0),
        merged.refused,
        merged.undecided,
        merged.programs,
        merged.with_programs,
        merged.steps,
        zeros.refused,
    )?;
    out.flush()
}

fn unions(out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "\n| union | published / joint | p50 / p95 / max ms | refused | undecided | programs in tables | most steps | \
         refused, zeros shown |\n|---|---|---|---|---|---|---|---|"
    )?;
    let all = |_: &[u16], profile| Some(profile);
    let up_to = |most: usize| move |at: &[u16], profile| (divided(at) <= most).then_some(profile);
    union(out, "5x6x10 with its tables of two attributes", &[5, 6, 10], UNIONS, all)?;
    union(out, "tables of two attributes of 5x6x10", &[5, 6, 10], UNIONS, up_to(2))?;
    union(out, "10 partners x (5x6), together rounded", &[10, 5, 6], UNIONS, all)?;
    union(out, "the same, together exact", &[10, 5, 6], UNIONS, |at, profile| {
        Some(if at[0] == 0 { Shown::Exact } else { profile })
    })?;
    union(out, "10 partners x (10x18) and together", &[10, 10, 18], UNIONS, all)?;
    union(out, "30 partners x (10x18) and together", &[30, 10, 18], UNIONS, all)?;
    union(out, "10 partners x (5x6), together 5x6x10", &[10, 5, 6, 10], UNIONS, |at, profile| {
        (at[0] == 0 || at[3] == 0).then_some(profile)
    })?;
    union(out, "all pairs of 5, 6, 10, 18", &[5, 6, 10, 18], UNIONS, up_to(2))?;
    union(out, "tables of three attributes of 5x6x10x4", &[5, 6, 10, 4], UNIONS, up_to(3))?;
    union(out, "5x6x10x4", &[5, 6, 10, 4], UNIONS, all)?;
    union(out, "all pairs of 5, 6, 10, 18, 2, 4", &[5, 6, 10, 18, 2, 4], SPARSE, up_to(2))?;
    union(
        out,
        "10 partners x all pairs of 5, 6, 10, 2, 4, and together",
        &[10, 5, 6, 10, 2, 4],
        SPARSE,
        |at, profile| (divided(&at[1..]) <= 2).then_some(profile),
    )
}

fn main() -> std::io::Result<()> {
    // Cargo runs benchmarks as tests too, where nothing is to be measured.
    if std::env::args().any(|a| a == "--test") || !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    single(&mut out)?;
    unions(&mut out)
}
