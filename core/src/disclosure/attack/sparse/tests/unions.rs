//! Random tables of invented people, protected in several ways.

use super::super::super::Hidden;
use super::{Attribute, Public, PublicCell, Random};

/// How cells are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// 0 to 7 hidden, the rest to the nearest 5.
    Merged,
    /// 1 to 7 hidden, the rest to the nearest 5.
    Zeros,
    /// 1 to 7 hidden, the rest as they are.
    Exact,
    /// 0 to 7 hidden, the rest as they are.
    ExactMerged,
    /// The same, and one in so many others hidden without bounds.
    Complemented(usize),
    /// Cells of one node, which are those with a group of axis 0, merged; cells of all nodes exact.
    NodesMergedSystemExact,
}

impl Policy {
    fn cell(self, at: Vec<u16>, n: u64, random: &mut Random) -> PublicCell {
        let rounded = |n: u64| ((n + 2) / 5 * 5).saturating_sub(2).max(8);
        let (merged, exact) = match self {
            Self::Merged => (true, false),
            Self::Zeros => (false, false),
            Self::Exact => (false, true),
            Self::ExactMerged | Self::Complemented(_) => (true, true),
            Self::NodesMergedSystemExact => (true, at[0] == 0),
        };
        let more = match self {
            Self::Complemented(one_in) => at.iter().any(|g| *g != 0) && random.below(one_in) == 0,
            _ => false,
        };
        let (low, high, hidden) = match n {
            _ if more => (0, None, true),
            0 if !merged => (0, Some(0), false),
            0..=7 => (u64::from(!merged), Some(7), true),
            _ if exact => (n, Some(n), false),
            _ => (rounded(n), Some((n + 2) / 5 * 5 + 2), false),
        };
        // Of a part that nobody knows less must stay hidden.
        let hidden = match hidden {
            true if at.last() == Some(&1) => Hidden::Unstated,
            other => other.into(),
        };
        PublicCell { at, low, high, hidden }
    }
}

/// What an axis is made of: its parts, and its groups.
#[derive(Debug, Clone)]
pub(super) struct Dimension {
    pub(super) parts: u16,
    pub(super) groups: Vec<Vec<u16>>,
}

impl Dimension {
    /// All its parts.
    pub(super) fn flat(parts: u16) -> Self {
        Self { parts, groups: (0..parts).map(|p| vec![p]).collect() }
    }

    /// All its parts, and runs of so many of them.
    pub(super) fn nested(parts: u16, run: u16) -> Self {
        let mut flat = Self::flat(parts);
        let all: Vec<u16> = (0..parts).collect();
        flat.groups
            .extend(all.chunks(usize::from(run)).filter(|c| c.len() > 1).map(<[u16]>::to_vec));
        flat
    }

    /// Parts with or without groups of them, nested or crossing, or groups alone.
    fn random(random: &mut Random, most: usize) -> Self {
        let parts = 2 + random.below(most - 1) as u16;
        let mut made = Self::flat(parts);
        match random.below(6) {
            0 if parts > 2 => made = Self::nested(parts, 2),
            1 if parts > 2 => made.groups = vec![vec![0], (1..parts).collect()],
            2 if parts > 2 => made.groups.extend([vec![0, 1], vec![1, 2]]),
            3 => drop(made.groups.pop()),
            _ => {}
        }
        made
    }
}

/// Published tables of invented people.
#[derive(Debug)]
pub(super) struct Union {
    pub(super) public: Public,
    pub(super) truth: Vec<u64>,
}

impl Union {
    /// Tables over these dimensions, each by all groups of those that it names.
    pub(super) fn of(
        dimensions: &[Dimension],
        tables: &[Vec<usize>],
        people: &[(Vec<u16>, u64)],
        policy: Policy,
        random: &mut Random,
    ) -> Self {
        let (mut cells, mut truth) = (Vec::new(), Vec::new());
        for table in tables {
            let mut ats = vec![vec![0u16; dimensions.len()]];
            for axis in table {
                let groups = 0..=dimensions[*axis].groups.len() as u16;
                let with = |at: &Vec<u16>, g| {
                    let mut at = at.clone();
                    at[*axis] = g;
                    at
                };
                ats = ats
                    .iter()
                    .flat_map(|at| groups.clone().map(|g| with(at, g)).collect::<Vec<_>>())
                    .collect();
            }
            // Counts of a table, by how its groups hold each combination of parts.
            for at in ats {
                if table.len() > 1
                    && at.iter().filter(|g| **g != 0).count() == 0
                    && !truth.is_empty()
                {
                    continue;
                }
                let inside = |parts: &[u16]| {
                    table.iter().all(|a| {
                        at[*a] == 0
                            || dimensions[*a].groups[usize::from(at[*a]) - 1].contains(&parts[*a])
                    })
                };
                let n = people.iter().filter(|(p, _)| inside(p)).map(|(_, n)| n).sum();
                cells.push(policy.cell(at, n, random));
                truth.push(n);
            }
        }
        // The same group is shown the same way wherever it is shown.
        for i in 0..cells.len() {
            if let Some(first) = cells[..i].iter().find(|c| c.at == cells[i].at) {
                cells[i] = first.clone();
            }
        }
        let attributes = dimensions.iter().map(|d| Attribute::new(d.parts, d.groups.clone()));
        let public = Public::new(attributes.collect(), cells).expect("well formed");
        Self { public, truth }
    }

    /// Small enough to be laid out.
    pub(super) fn random(random: &mut Random) -> Self {
        let axes = 3 + random.below(3);
        let most = [4, 3, 2][axes - 3];
        let dimensions: Vec<Dimension> =
            (0..axes).map(|_| Dimension::random(random, most)).collect();
        let mut tables = pairs(axes);
        match random.below(4) {
            0 => tables.push(vec![0, 1, 2]),
            1 => drop(tables.remove(random.below(tables.len()))),
            2 => tables.retain(|t| t[0] == 0),
            _ => {}
        }
        let total = [20, 60, 150, 400, 2_000][random.below(5)];
        let people = people(&dimensions, total, random);
        let policy = match random.below(10) {
            0..=3 => Policy::Merged,
            4 | 5 => Policy::Zeros,
            6 => Policy::Exact,
            7 => Policy::ExactMerged,
            8 => Policy::Complemented(1 + random.below(4)),
            _ => Policy::NodesMergedSystemExact,
        };
        Self::of(&dimensions, &tables, &people, policy, random)
    }

    pub(super) fn truth_lies_inside(&self) -> bool {
        let cells = self.public.cells().iter().zip(&self.truth);
        let mut inside = cells.map(|(c, n)| c.low <= *n && c.high.is_none_or(|high| *n <= high));
        inside.all(|inside| inside)
    }
}

/// All pairs of so many axes.
pub(super) fn pairs(axes: usize) -> Vec<Vec<usize>> {
    (0..axes).flat_map(|a| (a + 1..axes).map(move |b| vec![a, b])).collect()
}

/// So many people of three kinds, to whom each dimension's parts are common or rare in their own way.
pub(super) fn people(
    dimensions: &[Dimension],
    total: u64,
    random: &mut Random,
) -> Vec<(Vec<u16>, u64)> {
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let weights: Vec<Vec<usize>> = dimensions
            .iter()
            .map(|d| (0..d.parts).map(|_| [2, 5, 20, 40, 60, 80][random.below(6)]).collect())
            .collect();
        kinds.push(weights);
    }
    let common: Vec<Vec<usize>> = dimensions
        .iter()
        .map(|d| (0..d.parts).map(|_| [4, 10, 30, 60, 100][random.below(5)]).collect())
        .collect();
    // Of great tables, each drawn record is several people.
    let drawn = total.min(120_000);
    let mut found: std::collections::BTreeMap<Vec<u16>, u64> = std::collections::BTreeMap::new();
    for person in 0..drawn {
        let kind = &kinds[random.below(3)];
        let mut parts = Vec::new();
        for (own, common) in kind.iter().zip(&common) {
            let weights: Vec<usize> = own.iter().zip(common).map(|(a, b)| a * b).collect();
            let mut left = random.below(weights.iter().sum());
            let part = weights.iter().position(|w| {
                let here = left < *w;
                left = left.saturating_sub(*w);
                here
            });
            parts.push(part.unwrap_or(0) as u16);
        }
        let several = total / drawn + u64::from(person < total % drawn);
        let jitter =
            if several > 1 { random.below(2 * several as usize - 1) as u64 + 1 } else { 1 };
        *found.entry(parts).or_default() += jitter;
    }
    found.into_iter().collect()
}
