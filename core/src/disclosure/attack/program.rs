//! The greatest or least that a figure can be in any table, by linear programming: for what no table that was
//! found settles.

use microlp::{ComparisonOp, Error, OptimizationDirection, Problem, Variable};

use super::figures::Figures;
use super::layout::{Span, UNBOUNDED};

/// How far from a bound a sum may be for rounding, and how near a whole number counts as it.
pub(super) const TOLERANCE: f64 = 1e-6;

/// What came of a program.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The bound, and finest cells that reach it. They were added up again and keep all bounds.
    Reached(f64, Vec<f64>),
    /// No table keeps all bounds.
    Impossible,
    /// No answer, or one that does not add up.
    Failed,
}

/// How many steps of the search a program takes about as long as. A step takes about a microsecond; programs took
/// some 6 ms with 462 figures of three attributes and 0.8 s with 2,310 of four.
pub(super) const fn cost(shape: &Figures) -> u64 {
    let figures = shape.known.len() as u64;
    figures * figures * figures / 15_000 + 100
}

/// The most (`up`) or least that a figure can be.
pub(super) fn optimum(shape: &Figures, figure: usize, up: bool) -> Outcome {
    // A bound that conclusions have narrowed follows from the others, so that it need not be asked for. Should
    // an answer yet break one, all are.
    match solve(shape, figure, up, false) {
        Outcome::Failed => solve(shape, figure, up, true),
        outcome => outcome,
    }
}

fn solve(shape: &Figures, figure: usize, up: bool, all: bool) -> Outcome {
    let direction =
        if up { OptimizationDirection::Maximize } else { OptimizationDirection::Minimize };
    let mut problem = Problem::new(direction);
    let own = [figure as u32];
    let counted = if figure < shape.finest { &own } else { shape.members(figure) };
    let mut weights = vec![0.0; shape.finest];
    for finest in counted {
        weights[*finest as usize] = 1.0;
    }
    // Each is what it has above its least, which keeps numbers small.
    let finest: Vec<Variable> = (0..shape.finest)
        .map(|f| {
            let Span { low, high } = shape.known[f];
            let room = if high == UNBOUNDED { f64::INFINITY } else { real(high - low) };
            problem.add_var(weights[f], (0.0, room))
        })
        .collect();
    for sum in shape.sums() {
        restrict(&mut problem, &finest, shape, sum, all);
    }
    let solution = match problem.solve() {
        Ok(outcome) => outcome.into_solution(),
        Err(Error::Infeasible) => return Outcome::Impossible,
        Err(_) => return Outcome::Failed,
    };
    let Ok(solution) = solution else { return Outcome::Failed };
    let above: Vec<f64> = finest.iter().map(|v| solution.var_value(*v)).collect();
    if !keeps(shape, &above) {
        return Outcome::Failed;
    }
    let least: i64 = counted.iter().map(|f| shape.known[*f as usize].low).sum();
    let bound = real(least) + counted.iter().map(|f| above[*f as usize]).sum::<f64>();
    let point = above.iter().zip(&shape.known).map(|(a, span)| a + real(span.low)).collect();
    Outcome::Reached(bound, point)
}

/// Bounds are at most 2^44 and their sums below 2^60: the few above 2^53 lose what no count has.
fn real(n: i64) -> f64 {
    n as f64
}

/// Holds a sum to what was given of it, as far as other bounds do not.
fn restrict(problem: &mut Problem, finest: &[Variable], shape: &Figures, sum: usize, all: bool) {
    let members = shape.members(sum);
    let (given, known) = (shape.given[sum], shape.known[sum]);
    let spans = members.iter().map(|m| shape.known[*m as usize]);
    let least: i64 = spans.clone().map(|s| s.low).sum();
    let most = spans.fold(0, |most, s| {
        if most == UNBOUNDED || s.high == UNBOUNDED { UNBOUNDED } else { most + s.high }
    });
    let low = given.low > least && (all || given.low == known.low);
    let high = given.high < most && (all || given.high == known.high);
    let terms: Vec<(Variable, f64)> = members.iter().map(|m| (finest[*m as usize], 1.0)).collect();
    if low && high && given.low == given.high {
        problem.add_constraint(&terms[..], ComparisonOp::Eq, real(given.low - least));
        return;
    }
    if low {
        problem.add_constraint(&terms[..], ComparisonOp::Ge, real(given.low - least));
    }
    if high {
        problem.add_constraint(&terms[..], ComparisonOp::Le, real(given.high - least));
    }
}

/// Whether finest cells that lie so far above their least keep everything that was given.
fn keeps(shape: &Figures, above: &[f64]) -> bool {
    let within = |value: f64, least: i64, span: Span| {
        value >= real(span.low - least) - TOLERANCE
            && (span.high == UNBOUNDED || value <= real(span.high - least) + TOLERANCE)
    };
    let finest = above.iter().zip(&shape.known).all(|(a, span)| within(*a, span.low, *span));
    finest
        && shape.sums().all(|sum| {
            let members = shape.members(sum).iter().map(|m| *m as usize);
            let least = members.clone().map(|m| shape.known[m].low).sum();
            within(members.map(|m| above[m]).sum(), least, shape.given[sum])
        })
}
