//! Whether means leave room for counts where breakdowns are crossed: what rows, columns and totals say together, by
//! linear programming over the counts and the sums of the finest groups.
//!
//! Every answer of a program is a table that an outsider must hold possible. Whatever two of them differ by in a count
//! is room that the count has. First programs ask for many counts at once, some up and some down as a fixed sequence has
//! it; those counts that have not moved far enough are then asked for one by one. What the limits leave undecided has no
//! room.

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOutcome, Variable};

use super::room::Known;
use crate::model::Lattice;

/// The most finest groups: programs of more take seconds each.
const MOST_FINEST: usize = 400;
/// Programs that ask for many counts at once.
const ROUNDS: u64 = 8;
/// Programs that ask for one.
const MOST_SINGLE: usize = 48;
/// How near a whole number counts as it.
const TOLERANCE: f64 = 1e-6;

/// A table's groups, each a union of finest ones.
pub(super) struct Joint {
    finest: usize,
    members: Vec<Vec<usize>>,
}

impl Joint {
    /// Of the lattice's axes without the last; nothing where some categories overlap or leave something out, or there
    /// are more than [`MOST_FINEST`] finest groups.
    pub(super) fn new(lattice: &Lattice) -> Option<Self> {
        let axes = lattice.axes().split_last().map_or(&[][..], |(_, outer)| outer);
        let (mut finest, mut members) = (1, vec![vec![0]]);
        for axis in axes {
            let apart = axis.categories().iter().filter(|c| !c.id.is_all());
            let (parts, leaves) =
                apart.fold((0, 0), |(n, leaves), c| (n + 1, leaves + c.members.len()));
            if leaves != axis.leaves().len() {
                return None;
            }
            let mut part = 0..parts;
            let own: Vec<Vec<usize>> = axis
                .categories()
                .iter()
                .map(|c| {
                    if c.id.is_all() {
                        (0..parts).collect()
                    } else {
                        part.by_ref().take(1).collect()
                    }
                })
                .collect();
            members = members
                .iter()
                .flat_map(|head: &Vec<usize>| {
                    own.iter().map(move |own| {
                        let each =
                            |h: &usize| own.iter().map(move |o| h * parts + o).collect::<Vec<_>>();
                        head.iter().flat_map(each).collect()
                    })
                })
                .collect();
            finest *= parts;
        }
        (finest <= MOST_FINEST).then_some(Self { finest, members })
    }

    /// Whether each of these counts can have so many values.
    pub(super) fn leaves(&self, groups: &[Known], wanted: &[(usize, u64)]) -> bool {
        let mut open: Vec<Open> =
            wanted.iter().map(|(group, enough)| Open::new(*group, *enough)).collect();
        let mut draw = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..ROUNDS {
            let weights = open.iter().map(|one| {
                draw = draw
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (one.group, if draw >> 63 == 0 { 1.0 } else { -1.0 })
            });
            let weights: Vec<(usize, f64)> = weights.collect();
            for turn in [1.0, -1.0] {
                let turned: Vec<(usize, f64)> =
                    weights.iter().map(|(g, w)| (*g, w * turn)).collect();
                let Some(table) = self.solve(groups, &turned) else { return false };
                open.iter_mut().for_each(|one| one.saw(self.count(one.group, &table)));
            }
            open.retain(|one| !one.is_done());
            if open.is_empty() {
                return true;
            }
        }
        open.len() <= MOST_SINGLE
            && open.iter_mut().all(|one| {
                for weight in [1.0, -1.0] {
                    let Some(table) = self.solve(groups, &[(one.group, weight)]) else {
                        return false;
                    };
                    one.saw(self.count(one.group, &table));
                }
                one.is_done()
            })
    }

    fn count(&self, group: usize, table: &[f64]) -> f64 {
        self.members.get(group).into_iter().flatten().filter_map(|at| table.get(*at)).sum()
    }

    /// Counts of the finest groups, of those that all bounds allow, where the weighted counts together are greatest.
    fn solve(&self, groups: &[Known], weights: &[(usize, f64)]) -> Option<Vec<f64>> {
        let mut problem = Problem::new(OptimizationDirection::Maximize);
        let mut worth = vec![0.0; self.finest];
        for (group, weight) in weights {
            self.members.get(*group)?.iter().for_each(|at| worth[*at] += weight);
        }
        let add =
            |(problem, worth): (&mut Problem, f64)| problem.add_var(worth, (0.0, f64::INFINITY));
        let counts: Vec<Variable> = worth.iter().map(|w| add((&mut problem, *w))).collect();
        let sums: Vec<Variable> = worth.iter().map(|_| add((&mut problem, 0.0))).collect();
        for (members, known) in self.members.iter().zip(groups) {
            let rows: Vec<(Variable, f64)> = members.iter().map(|at| (counts[*at], 1.0)).collect();
            if known.low > 0 {
                problem.add_constraint(&rows[..], ComparisonOp::Ge, real(known.low.into()));
            }
            if let Some(high) = known.high {
                problem.add_constraint(&rows[..], ComparisonOp::Le, real(high.into()));
            }
            let (low, high) = known.mean;
            for (mean, is, needed) in [
                (low, ComparisonOp::Ge, low > 0),
                (high, ComparisonOp::Le, high < i128::from(u64::MAX)),
            ] {
                if needed {
                    let against = members
                        .iter()
                        .flat_map(|at| [(counts[*at], -real(mean)), (sums[*at], 1.0)]);
                    problem.add_constraint(against.collect::<Vec<_>>(), is, 0.0);
                }
            }
        }
        match problem.solve() {
            Ok(SolveOutcome::Solution(solution)) => {
                Some(counts.iter().map(|count| solution.var_value(*count)).collect())
            }
            Ok(SolveOutcome::Interrupted(_)) | Err(_) => None,
        }
    }
}

/// A count of which it is not yet known that it has room.
struct Open {
    group: usize,
    enough: u64,
    seen: Option<(f64, f64)>,
}

impl Open {
    const fn new(group: usize, enough: u64) -> Self {
        Self { group, enough, seen: None }
    }

    fn saw(&mut self, count: f64) {
        let (low, high) = self.seen.unwrap_or((count, count));
        self.seen = Some((low.min(count), high.max(count)));
    }

    /// Whole numbers between the least and the greatest that were seen are possible as well.
    fn is_done(&self) -> bool {
        self.seen.is_some_and(|(low, high)| {
            (high + TOLERANCE).floor() - (low - TOLERANCE).ceil() + 1.0 >= real(self.enough.into())
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "bounds of counts and of figures with three digits")]
fn real(n: i128) -> f64 {
    n as f64
}
