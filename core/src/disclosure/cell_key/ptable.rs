//! Perturbation tables: for each true count, how probable each change of it is. Rows have the greatest entropy
//! among those with mean 0 and a given variance (S. Giessing, "Computational issues in the design of transition
//! probabilities and disclosure risk estimation for additive noise", 2016; the R package `ptable` without its
//! monotony). The solution is `p(v) = exp(a v + b v²) / Z`, whose two unknowns Newton's method finds.
//!
//! Everything is worked out by the compiler, from additions, multiplications and divisions alone: a table is the
//! same on every machine to the last bit, and one that has no solution does not compile.

use std::fmt::Write as _;

use crate::model::Digest;

/// The least bound. Below it, one person more or less is certain to show now and then.
pub const LEAST_BOUND: u64 = 3;
/// The greatest bound.
pub const MAX_BOUND: u64 = 8;
/// The greatest gap.
pub const MAX_GAP: u64 = 2;

/// Changes from `-MAX_BOUND` to `MAX_BOUND`.
const WIDTH: usize = 2 * MAX_BOUND as usize + 1;
const ROWS: usize = (MAX_BOUND + MAX_GAP) as usize + 2;
/// The place of no change in a row.
const CENTRE: i64 = MAX_BOUND as i64;
/// What all probabilities of a row add up to: as many steps as a double tells apart between 0 and 1.
const WHOLE: u64 = 1 << 53;
/// Newton's starts for `e^b`; `e^a` starts at 1.
const STARTS: [f64; 4] = [0.82, 0.96, 1.0, 0.5];
const MAX_STEPS: u32 = 400;
/// The moments of a solution are right to this.
const TOLERANCE: f64 = 1e-12;

/// Why there is no such table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PTableError {
    /// The bound would disclose, or is too wide.
    #[error(
        "the greatest change of a count is {LEAST_BOUND} to {MAX_BOUND}: with less, one person more or less would be certain to show now and then"
    )]
    Bound,
    /// Too many figures are left out.
    #[error("at most the figures from 1 to {MAX_GAP} can be kept from occurring")]
    Gap,
    /// No distribution on a row's figures has mean 0 and this variance.
    #[error(
        "a count of {count} cannot be changed with this variance: choose one above {above} and below {below}"
    )]
    Variance {
        /// The row.
        count: u64,
        /// Its variance is above this.
        above: u64,
        /// And below this.
        below: u64,
    },
    /// Newton's method found no solution.
    #[error("no probabilities were found for a count of {0}: choose another variance")]
    Unsolved(u64),
}

/// A perturbation table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PTable {
    bound: u64,
    /// The row of every count from this one on.
    last: u64,
    /// By count, and by change from `-MAX_BOUND`: the probability of at most that change, in units of 2⁻⁵³.
    rows: [[u64; WIDTH]; ROWS],
}

impl PTable {
    /// A table that changes counts by up to `bound`, with this variance, and never to a figure from 1 to `gap`. A
    /// count of 0 stays 0.
    ///
    /// # Errors
    /// [`PTableError`]; among others where `bound` is below [`LEAST_BOUND`].
    pub const fn new(bound: u64, variance: f64, gap: u64) -> Result<Self, PTableError> {
        if bound < LEAST_BOUND {
            return Err(PTableError::Bound);
        }
        solve(bound, variance, gap)
    }

    /// The greatest change.
    #[must_use]
    pub const fn bound(&self) -> u64 {
        self.bound
    }

    /// The figure for a count of records whose keys add up to this one: always the same for the same records.
    #[must_use]
    pub fn look_up(&self, count: u64, key: u64) -> u64 {
        let row = usize::try_from(count.min(self.last)).ok().and_then(|row| self.rows.get(row));
        // As a share of the whole this is u = (key >> 11) / 2⁵³.
        let u = key >> (u64::BITS - WHOLE.ilog2());
        let change = row.map_or(CENTRE, |row| {
            // The last of them is the whole, which `u` is below.
            i64::try_from(row.partition_point(|most| *most <= u)).unwrap_or(CENTRE)
        });
        count.saturating_add_signed(change - CENTRE)
    }

    /// The hash of the table: SHA-256 of a line `evensum-ptable-1 BOUND` and of a line for each count from 0 on,
    /// which has the cumulative probabilities of the changes from `-BOUND` to `BOUND`, in units of 2⁻⁵³, with
    /// spaces between them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut text = format!("evensum-ptable-1 {}\n", self.bound);
        for (_, row) in (0..=self.last).zip(&self.rows) {
            let within = (0..=2 * self.bound).zip(&row[(MAX_BOUND - self.bound) as usize..]);
            for (place, most) in within {
                let _ = write!(text, "{}{most}", if place == 0 { "" } else { " " });
            }
            text.push('\n');
        }
        Digest::of(text.as_bytes())
    }
}

/// The table, also for bounds that no release may use.
const fn solve(bound: u64, variance: f64, gap: u64) -> Result<PTable, PTableError> {
    if bound == 0 || bound > MAX_BOUND {
        return Err(PTableError::Bound);
    }
    if gap > MAX_GAP {
        return Err(PTableError::Gap);
    }
    let last = if gap == 0 { bound } else { bound + gap + 1 };
    let mut rows = [[WHOLE; WIDTH]; ROWS];
    rows[0] = cumulative(&[0.0; WIDTH], CENTRE as usize);
    let mut count = 1;
    while count <= last {
        let support = support(count, bound, gap);
        let (above, below) = variances(count, bound, gap);
        if !(variance > above as f64 && variance < below as f64) {
            return Err(PTableError::Variance { count, above, below });
        }
        match probabilities(&support, variance) {
            Some(p) => rows[count as usize] = cumulative(&p, last_of(&support)),
            None => return Err(PTableError::Unsolved(count)),
        }
        count += 1;
    }
    Ok(PTable { bound, last, rows })
}

/// Which changes of a count are possible.
const fn support(count: u64, bound: u64, gap: u64) -> [bool; WIDTH] {
    let mut possible = [false; WIDTH];
    let mut place = 0;
    while place < WIDTH {
        let change = place as i64 - CENTRE;
        let figure = count as i64 + change;
        possible[place] =
            figure >= 0 && change.unsigned_abs() <= bound && !(figure >= 1 && figure <= gap as i64);
        place += 1;
    }
    possible
}

/// The least and the greatest variance with mean 0: all probability next to the count, and as far away as can be.
const fn variances(count: u64, bound: u64, gap: u64) -> (u64, u64) {
    let least = if count <= gap { count * (gap + 1 - count) } else { 0 };
    // Of 0 and of the figures above the gap, the least that is no more than `bound` below.
    let down = if count <= bound {
        count
    } else if count - bound <= gap {
        count - gap - 1
    } else {
        bound
    };
    (least, down * bound)
}

const fn last_of(support: &[bool; WIDTH]) -> usize {
    let mut place = WIDTH - 1;
    while place > 0 && !support[place] {
        place -= 1;
    }
    place
}

/// From the last possible change on it is the whole, whatever was rounded before.
const fn cumulative(p: &[f64; WIDTH], last: usize) -> [u64; WIDTH] {
    let mut row = [WHOLE; WIDTH];
    let (mut place, mut sum) = (0, 0.0);
    while place < last {
        sum += p[place];
        row[place] = (sum * WHOLE as f64 + 0.5) as u64;
        place += 1;
    }
    row
}

/// The probabilities of greatest entropy with mean 0 and this variance.
const fn probabilities(support: &[bool; WIDTH], variance: f64) -> Option<[f64; WIDTH]> {
    let mut start = 0;
    while start < STARTS.len() {
        // e^a and e^b.
        let (mut x, mut y) = (1.0, STARTS[start]);
        let mut step = 0;
        while step < MAX_STEPS {
            let p = distribution(support, x, y);
            let [m1, m2, m3, m4] = moments(&p);
            let (e1, e2) = (m1, m2 - variance);
            if e1.abs() < TOLERANCE && e2.abs() < TOLERANCE {
                return Some(p);
            }
            let (j11, j12, j22) = (m2 - m1 * m1, m3 - m1 * m2, m4 - m2 * m2);
            let det = j11 * j22 - j12 * j12;
            let (da, db) = ((j12 * e2 - j22 * e1) / det, (j12 * e1 - j11 * e2) / det);
            // A change counts up to its square in `b`: steps are kept short where it is far away.
            let long = (2.0 * da.abs()).max(10.0 * db.abs()).max(1.0);
            x *= grown(da / long);
            y *= grown(db / long);
            step += 1;
        }
        start += 1;
    }
    None
}

/// About `e^d`, and closer the smaller `d`, which is all that Newton's method needs: at most a half.
const fn grown(d: f64) -> f64 {
    (2.0 + d) / (2.0 - d)
}

/// `p(v) = x^v y^(v²) / Z`.
const fn distribution(support: &[bool; WIDTH], x: f64, y: f64) -> [f64; WIDTH] {
    let mut p = [0.0; WIDTH];
    let (mut place, mut sum) = (0, 0.0);
    while place < WIDTH {
        if support[place] {
            let change = place as i64 - CENTRE;
            let way = if change < 0 { 1.0 / x } else { x };
            let far = change.unsigned_abs();
            p[place] = power(way, far) * power(y, far * far);
            sum += p[place];
        }
        place += 1;
    }
    place = 0;
    while place < WIDTH {
        p[place] /= sum;
        place += 1;
    }
    p
}

const fn power(base: f64, exponent: u64) -> f64 {
    let (mut base, mut left, mut product) = (base, exponent, 1.0);
    while left > 0 {
        if left % 2 == 1 {
            product *= base;
        }
        base *= base;
        left /= 2;
    }
    product
}

/// The first four moments about 0.
const fn moments(p: &[f64; WIDTH]) -> [f64; 4] {
    let mut found = [0.0; 4];
    let mut place = 0;
    while place < WIDTH {
        let change = (place as i64 - CENTRE) as f64;
        let mut term = p[place];
        let mut moment = 0;
        while moment < found.len() {
            term *= change;
            found[moment] += term;
            moment += 1;
        }
        place += 1;
    }
    found
}

#[cfg(test)]
mod tests;
