//! Invented tables, and what is published of them.

use super::super::random::{Random, SEED};
use super::super::{Attribute, Hidden, Public, PublicCell};

/// How counts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// 0 to 7 alike, otherwise the nearest 5.
    Nhs75m,
    /// 1 to 7 alike, otherwise the nearest 5.
    Nhs75,
    /// 0 to 9 alike, otherwise the nearest 5.
    Ons105m,
    /// 1 to 7 alike, otherwise exact.
    Exact,
}

impl Shown {
    pub(super) const ALL: [Self; 4] = [Self::Nhs75m, Self::Nhs75, Self::Ons105m, Self::Exact];

    /// Bounds, and whether the count is hidden.
    pub(super) fn of(self, n: u64) -> (u64, u64, bool) {
        let rounded = (n + 2) / 5 * 5;
        match (self, n) {
            (Self::Nhs75 | Self::Exact, 0) => (0, 0, false),
            (Self::Nhs75 | Self::Exact, ..=7) => (1, 7, true),
            (Self::Nhs75m, ..=7) => (0, 7, true),
            (Self::Ons105m, ..=9) => (0, 9, true),
            (Self::Exact, _) => (n, n, false),
            (Self::Ons105m, _) => (10.max(rounded - 2), rounded + 2, false),
            (Self::Nhs75m | Self::Nhs75, _) => (8.max(rounded - 2), rounded + 2, false),
        }
    }
}

/// A table, and what is published of it.
#[derive(Debug, Clone)]
pub(super) struct Invented {
    pub(super) sizes: Vec<u16>,
    /// Groups of each attribute beside group 0.
    pub(super) groups: Vec<Vec<Vec<u16>>>,
    /// Counts of the finest cells, the last attribute's parts fastest.
    pub(super) counts: Vec<u64>,
    pub(super) cells: Vec<PublicCell>,
}

impl Invented {
    /// Publishes every combination of groups that `wanted` asks for.
    pub(super) fn publish(
        sizes: &[u16],
        groups: Vec<Vec<Vec<u16>>>,
        counts: Vec<u64>,
        shown: Shown,
        wanted: impl Fn(&[u16]) -> bool,
    ) -> Self {
        let mut invented = Self { sizes: sizes.to_vec(), groups, counts, cells: Vec::new() };
        let mut ats: Vec<Vec<u16>> = vec![Vec::new()];
        for of in &invented.groups {
            let grow = |at: Vec<u16>| {
                (0..=of.len() as u16).map(move |g| {
                    let mut at = at.clone();
                    at.push(g);
                    at
                })
            };
            ats = ats.into_iter().flat_map(grow).collect();
        }
        for at in ats.into_iter().filter(|at| wanted(at)) {
            let n = invented.members(&at).iter().map(|m| invented.counts[*m]).sum();
            let (low, high, hidden) = shown.of(n);
            // Of every third hidden count less must stay hidden.
            let hidden = match (hidden, invented.cells.len() % 3) {
                (false, _) => Hidden::No,
                (true, 0) => Hidden::Unstated,
                (true, _) => Hidden::Yes,
            };
            invented.cells.push(PublicCell { at, low, high: Some(high), hidden });
        }
        invented
    }

    /// Each part a group of its own, and nothing else.
    pub(super) fn plain(sizes: &[u16]) -> Vec<Vec<Vec<u16>>> {
        sizes.iter().map(|size| (0..*size).map(|part| vec![part]).collect()).collect()
    }

    /// Finest cells of a published cell.
    pub(super) fn members(&self, at: &[u16]) -> Vec<usize> {
        let mut members = vec![0];
        for ((group, groups), size) in at.iter().zip(&self.groups).zip(&self.sizes) {
            let parts: Vec<u16> = match group {
                0 => (0..*size).collect(),
                other => groups[usize::from(*other) - 1].clone(),
            };
            let size = usize::from(*size);
            let grow = |m: usize| {
                parts.iter().map(move |p| m * size + usize::from(*p)).collect::<Vec<_>>()
            };
            members = members.into_iter().flat_map(grow).collect();
        }
        members
    }

    pub(super) fn public(&self) -> Public {
        let attributes =
            self.sizes.iter().zip(&self.groups).map(|(s, g)| Attribute::new(*s, g.clone()));
        Public::new(attributes.collect(), self.cells.clone()).expect("well-formed")
    }
}

/// Skewed counts: some categories of each attribute are rare.
pub(super) fn skewed(random: &mut Random, sizes: &[u16], mean: f64) -> Vec<u64> {
    let mut weights = vec![1.0];
    for size in sizes {
        let own: Vec<f64> =
            (0..*size).map(|_| [0.05, 0.3, 1.0, 1.0, 2.0][random.below(5)]).collect();
        let grow = |w: f64| own.iter().map(move |o| w * o).collect::<Vec<_>>();
        weights = weights.into_iter().flat_map(grow).collect();
    }
    let total: f64 = weights.iter().sum();
    let scale = mean * weights.len() as f64 / total;
    let draw = |w: f64| (w * scale * 2.0 * random.below(1 << 16) as f64 / 65_536.0 + 0.4) as u64;
    weights.into_iter().map(draw).collect()
}

const SHAPES: [&[u16]; 6] = [&[2, 2], &[3, 4], &[5, 3], &[2, 2, 2], &[3, 2, 3], &[7]];
const LARGE: [&[u16]; 2] = [&[4, 2, 3], &[3, 4, 5]];

/// The `n`th of the small tables that everything is compared on.
pub(super) fn small(n: usize) -> Invented {
    let mut random = Random::new(SEED);
    for _ in 0..=n * 3 {
        random.below(2);
    }
    let sizes = if n % 50 == 49 { LARGE[n / 50 % 2] } else { SHAPES[n % SHAPES.len()] };
    let cells = sizes.iter().map(|s| usize::from(*s)).product();
    let mean = [0.5, 3.0, 8.0, 30.0][random.below(4)];
    let mut counts = skewed(&mut random, sizes, mean);
    match n % 8 {
        5 => counts = vec![1; cells],
        6 => counts[random.below(cells)] = 100_000,
        7 => counts.iter_mut().step_by(3).for_each(|c| *c = 0),
        _ => {}
    }
    let mut groups = Invented::plain(sizes);
    let first = sizes[0];
    match (n / 3) % 4 {
        // Groups that nest: all but the last, and the first two of them.
        1 if first > 3 => groups[0].extend([(0..first - 1).collect(), vec![0, 1]]),
        // Groups that cross.
        2 if first > 2 => groups[0].extend([vec![0, 1], vec![1, 2], (1..first).collect()]),
        // Groups instead of parts.
        3 if first > 3 => groups[0] = vec![vec![0, 1], vec![1, 2, 3], vec![3]],
        _ => {}
    }
    let shown = Shown::ALL[(n / 2) % 4];
    let all = random.below(3) > 0;
    // Otherwise no cell that is told apart by every attribute.
    let mut invented = Invented::publish(sizes, groups, counts, shown, |at| all || at.contains(&0));
    if n % 8 == 7 {
        // Some of the finest that are 0 cannot be anything else.
        let impossible: Vec<bool> = invented
            .cells
            .iter()
            .enumerate()
            .map(|(index, cell)| {
                let members = invented.members(&cell.at);
                index % 2 == 0 && members.len() == 1 && invented.counts[members[0]] == 0
            })
            .collect();
        for (cell, _) in invented.cells.iter_mut().zip(impossible).filter(|(_, i)| *i) {
            (cell.high, cell.hidden) = (Some(0), Hidden::No);
        }
    }
    if n % 11 == 10 {
        // Of some nothing is known above what they must be at least.
        invented.cells.iter_mut().step_by(2).for_each(|cell| cell.high = None);
    }
    invented
}
