//! Sums beside counts: withheld with their count or where one or two contributors make up most of them, and to three
//! significant figures otherwise.
//!
//! A sum of several categories is given only where none is withheld, since a withheld part could be had from it by
//! subtraction; the finest categories have nothing in common that could be subtracted.

use super::source::Source;
use crate::model::Shown;

/// Significant figures of a sum.
const FIGURES: u32 = 3;

/// The dominance rules with the second contributor unknown, who is taken to be as large as the first. NK (2, 90 %)
/// is then broken where the first has more than 45 % of the sum, and before the p% rule of 10 %, which is broken
/// where `total − 2·top < top / 10`, above 47.6 %.
const fn dominated(top: u64, total: u64) -> bool {
    top.saturating_mul(20) > total.saturating_mul(9)
}

impl Source {
    /// The sum of each cell as it is shown.
    pub(super) fn shown_sums(&self, shown: &[Shown]) -> Vec<Option<u64>> {
        if self.columns.sum.is_none() {
            return vec![None; self.cells.len()];
        }
        let gives: Vec<bool> = self
            .cells
            .iter()
            .zip(shown)
            .map(|(cell, shown)| {
                // Where no column says how much of the sum is one contributor's, the share of the count stands for it.
                let is_dominated = if self.columns.sum_top.is_some() {
                    dominated(cell.sum_top, cell.sum)
                } else {
                    self.columns.top.is_some() && dominated(cell.top(), cell.events)
                };
                matches!(shown, Shown::Published(_) | Shown::StructuralZero) && !is_dominated
            })
            .collect();
        let all = gives.iter().all(|given| *given);
        let sums = self.cells.iter().zip(&gives).enumerate();
        sums.map(|(index, (cell, given))| {
            (*given && (all || self.is_finest(index))).then(|| significant(cell.sum))
        })
        .collect()
    }
}

/// To so many significant figures, halves up.
fn significant(n: u64) -> u64 {
    let digits = n.checked_ilog10().unwrap_or_default() + 1;
    let unit = 10_u64.pow(digits.saturating_sub(FIGURES));
    (n + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_have_three_figures() {
        let cases = [(0, 0), (7, 7), (999, 999), (1_234, 1_230), (1_235, 1_240), (99_950, 100_000)];
        for (n, rounded) in cases {
            assert_eq!(significant(n), rounded);
        }
        assert!(significant(1 << 53) > 0);
    }

    #[test]
    fn one_contributor_must_not_dominate_whoever_the_second_is() {
        assert!(!dominated(45, 100));
        assert!(dominated(46, 100));
        assert!(!dominated(0, 0));
        // The p% rule asks for less wherever this one is kept.
        for total in 1..200_u64 {
            let kept = (0..=total).filter(|top| !dominated(*top, total));
            assert!(kept.into_iter().all(|top| (total - 2 * top) * 10 >= top));
        }
    }
}
