//! Where the search begins with many people in a joint table that is not too large: every group's count is brought
//! between its bounds in proportion, again and again, and the result is rounded so that what is cut off one group is
//! given to the next.

use std::ops::Range;

use super::index::{Index, Shape};
use super::start::Rows;

/// Fewer people than this are placed one by one as quickly.
pub(super) const FEW: i64 = 5_000;
/// The most groups of the joint table, and of it for every shape.
const MOST_GROUPS: usize = 100_000;
const MOST_LAID: usize = 1 << 22;
/// How often all shapes are gone through at most. The search mends what is left.
const SWEEPS: u32 = 40;
/// How far outside its bounds a count may stay.
const NEAR: f64 = 0.25;

/// The groups of the joint table with their rounded counts. None where there are too few people or too many groups.
pub(super) fn fitted(index: &Index, bounds: &[(i64, i64)]) -> Option<Rows> {
    let sizes: Vec<usize> = index.axes.iter().map(|a| usize::from(a.parts)).collect();
    let groups = sizes.iter().try_fold(1usize, |all, n| all.checked_mul(*n))?;
    let all = groups.checked_mul(index.shapes.len())?;
    if bounds.first()?.0 < FEW || groups > MOST_GROUPS || all > MOST_LAID {
        return None;
    }
    let laid: Vec<Laid> = index.shapes.iter().map(|shape| Laid::of(index, shape, &sizes)).collect();
    let aims: Vec<(f64, f64)> = bounds.iter().copied().map(aim).collect();
    let mut counts = vec![aims[0].0 / groups as f64; groups];
    for _ in 0..SWEEPS {
        let mut moved = false;
        for shape in &laid {
            moved |= shape.bring(index, &aims, &mut counts);
        }
        if !moved {
            break;
        }
    }
    Some(rounded(&counts, &sizes))
}

/// What a count is brought between: a little inside of narrow bounds, so that rounding need not lead out of them.
fn aim((low, high): (i64, i64)) -> (f64, f64) {
    let inside = i64::from(low > 0 && (2..=6).contains(&(high - low)));
    ((low + inside) as f64, (high - inside) as f64)
}

/// A shape over the joint table.
struct Laid<'a> {
    shape: &'a Shape,
    /// Its cells, large ones first.
    cells: Vec<u32>,
    /// The class, from the shape's first, that each group of the joint table is in.
    classes: Vec<u32>,
}

impl<'a> Laid<'a> {
    fn of(index: &Index, shape: &'a Shape, sizes: &[usize]) -> Self {
        let mut classes = vec![0];
        for (axis, size) in sizes.iter().enumerate() {
            let named = shape.axes.contains(&axis);
            let step = |part: usize| {
                let part = u16::try_from(part).unwrap_or(u16::MAX);
                if named { index.offset(shape, axis, part) } else { 0 }
            };
            let steps: Vec<u32> = (0..*size).map(step).collect();
            classes = classes.iter().flat_map(|c| steps.iter().map(move |s| c + s)).collect();
        }
        Self { shape, cells: index.large_first(shape), classes }
    }

    /// Brings every cell between its bounds. Says whether any was outside.
    fn bring(&self, index: &Index, aims: &[(f64, f64)], counts: &mut [f64]) -> bool {
        let Range { start: first, .. } = self.shape.classes;
        let mut sums = vec![0.0; self.shape.classes.len()];
        for (class, count) in self.classes.iter().zip(counts.iter()) {
            sums[*class as usize] += count;
        }
        let mut factors = vec![1.0; sums.len()];
        let mut moved = false;
        for cell in &self.cells {
            let covered = index.covered.of(*cell as usize);
            let of = |class: &u32| (class - first) as usize;
            let sum: f64 = covered.iter().map(|c| sums[of(c)]).sum();
            let (low, high) = aims[*cell as usize];
            let to = sum.clamp(low, high.max(low));
            if (to - sum).abs() <= NEAR || sum <= 0.0 {
                continue;
            }
            moved = true;
            for class in covered {
                sums[of(class)] *= to / sum;
                factors[of(class)] *= to / sum;
            }
        }
        if moved {
            for (class, count) in self.classes.iter().zip(counts) {
                *count *= factors[*class as usize];
            }
        }
        moved
    }
}

/// Whole counts, and the parts of each group that has any.
fn rounded(counts: &[f64], sizes: &[usize]) -> Rows {
    let mut rows = Rows { parts: Vec::new(), weights: Vec::new() };
    let mut carried = 0.0;
    for (group, count) in counts.iter().enumerate() {
        let whole = (count + carried).round().max(0.0);
        carried += count - whole;
        if whole < 1.0 {
            continue;
        }
        let (mut rest, mut parts) = (group, vec![0; sizes.len()]);
        for (part, size) in parts.iter_mut().zip(sizes).rev() {
            *part = u16::try_from(rest % size).unwrap_or(u16::MAX);
            rest /= size;
        }
        rows.parts.push(parts);
        rows.weights.push(whole as i64);
    }
    rows
}
