//! What can be said of a group's figure over all partners, from what each of them released.

use super::grid;
use crate::disclosure::document::{FigureText, Figures, NoFigure};
use crate::model::Bounds;
use crate::plan::{Figure, Layout};

/// What a figure lies between, in the unit of its indicator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureBounds {
    /// The least that it can be.
    pub low: f64,
    /// The most that it can be; none where it lies above the last unit that is counted by itself.
    pub high: Option<f64>,
    /// The published figure, where it is that of one partner and not above the last unit.
    pub published: Option<f64>,
}

/// Why there is no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureGap {
    /// The one partner, or every partner, withheld it.
    Withheld,
    /// A partner withheld its own, and of such a figure nothing can be said without it.
    PartWithheld,
    /// Partners that withheld their own may hold more of the rows than those that did not.
    MostlyWithheld,
    /// Nobody is in the group.
    Nobody,
    /// What a ratio is of adds up to nothing.
    NothingBelow,
}

impl FigureGap {
    /// Why, in words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Withheld => "it would rest on too few, or one or two people would make it up",
            Self::PartWithheld => "a partner withheld its part, and nothing can be said without it",
            Self::MostlyWithheld => "too much of it may lie at partners that withheld theirs",
            Self::Nobody => "nobody is in the group",
            Self::NothingBelow => "what it would be divided by adds up to nothing",
        }
    }

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Withheld => "withheld",
            Self::PartWithheld => "part_withheld",
            Self::MostlyWithheld => "mostly_withheld",
            Self::Nobody => "nobody",
            Self::NothingBelow => "nothing_below",
        }
    }
}

/// The figures of one group of one table.
pub(in super::super) fn of_group(
    layout: &Layout,
    figures: Option<&Figures>,
    group: usize,
) -> Vec<Result<FigureBounds, FigureGap>> {
    let (Some(figure), Some(figures)) = (layout.figure(), figures) else { return Vec::new() };
    let of = |one: &Vec<FigureText>| {
        let text = one.get(group).copied().ok_or(FigureGap::Withheld)?;
        said(figure, text, figures.coarse).ok_or(FigureGap::Withheld)
    };
    figures.values.iter().map(of).collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures have three digits")]
fn said(figure: &Figure, text: FigureText, coarse: u64) -> Option<FigureBounds> {
    let value = match text {
        FigureText::Value(value) => value,
        FigureText::State(NoFigure::Withheld) => return None,
        FigureText::State(NoFigure::Over) => {
            let Figure::Quantile { last, .. } = figure else { return None };
            return Some(FigureBounds { low: f64::from(*last), high: None, published: None });
        }
    };
    // How many of its units make one of the indicator's.
    let units = match figure {
        Figure::Mean { .. } => 2.0,
        Figure::Ratio { .. } => 1_000.0,
        Figure::Quantile { .. } => {
            let value = value as f64;
            let low = (value - 0.5).max(0.0);
            return Some(FigureBounds { low, high: Some(value + 0.5), published: Some(value) });
        }
    };
    let (low, high) = grid::stands_for(value, coarse);
    let of = |halves: u128| halves as f64 / 2.0 / units;
    let most = match figure {
        Figure::Mean { most } => f64::from(*most),
        Figure::Quantile { .. } | Figure::Ratio { .. } => f64::INFINITY,
    };
    let published = Some(value as f64 / units);
    Some(FigureBounds { low: of(low), high: Some(of(high).min(most)), published })
}

/// One partner's part of a group: the bounds of its count, and its figure.
pub(in super::super) type Part = (Bounds, Result<FigureBounds, FigureGap>);

/// What can be said of one figure of a group over all partners. Partners with nobody in the group have no part in it.
///
/// A mean over all partners is their sums over their counts, and so an average of their means weighted by their
/// counts. Where a partner withheld its mean it is between nothing and the most that a row counts for, which is only
/// used where those who did not withhold surely have more rows.
///
/// A percentile over all partners lies between the least and the greatest of theirs: up to the greatest, every partner has
/// at least that part of its rows, and so have all of them together; below the least none has, and neither have all.
/// A ratio of sums is the average of theirs, weighted by sums that nobody publishes, and so lies between them as well.
/// Without a partner's own neither can be bounded.
pub(in super::super) fn pooled(figure: &Figure, parts: &[Part]) -> Result<FigureBounds, FigureGap> {
    let parts: Vec<Part> =
        parts.iter().filter(|(rows, _)| *rows != Bounds::exactly(0)).copied().collect();
    match parts[..] {
        [] => return Err(FigureGap::Nobody),
        [(_, only)] => return only,
        _ => {}
    }
    if parts.iter().all(|(_, own)| own.is_err()) {
        return Err(FigureGap::Withheld);
    }
    if let Figure::Mean { most } = figure {
        return mean(&parts, f64::from(*most));
    }
    let mut between: Option<FigureBounds> = None;
    for (_, own) in &parts {
        let own = own.map_err(|_| FigureGap::PartWithheld)?;
        between = Some(match between {
            None => FigureBounds { published: None, ..own },
            Some(all) => FigureBounds {
                low: all.low.min(own.low),
                high: all.high.zip(own.high).map(|(a, b)| a.max(b)),
                published: None,
            },
        });
    }
    between.ok_or(FigureGap::Nobody)
}

/// The extremes of `Σ nᵢ·mᵢ / Σ nᵢ` over all counts and means within their bounds.
fn mean(parts: &[Part], most: f64) -> Result<FigureBounds, FigureGap> {
    let shown = parts.iter().filter(|(_, own)| own.is_ok());
    let surely: u64 = shown.fold(0, |sum, (rows, _)| sum.saturating_add(rows.low));
    let withheld = parts.iter().filter(|(_, own)| own.is_err());
    let perhaps = withheld
        .map(|(rows, _)| rows.high)
        .try_fold(0_u64, |sum, high| Some(sum.saturating_add(high?)))
        .filter(|perhaps| *perhaps < surely)
        .ok_or(FigureGap::MostlyWithheld);
    perhaps?;
    let known = |(rows, own): &Part| {
        let (low, high) = own.map_or((0.0, most), |own| (own.low, own.high.unwrap_or(most)));
        // What no bound is published for is at least as much as is surely there.
        (real(rows.low), real(rows.high.unwrap_or(rows.low)), low, high)
    };
    let open = parts.iter().any(|(rows, own)| own.is_ok() && rows.high.is_none());
    if open {
        return Err(FigureGap::MostlyWithheld);
    }
    let known: Vec<(f64, f64, f64, f64)> = parts.iter().map(known).collect();
    let low = least(known.iter().map(|(n, more, low, _)| (*n, *more, *low)).collect());
    let high = least(known.iter().map(|(n, more, _, high)| (*n, *more, -high)).collect());
    match (low, high) {
        (Some(low), Some(high)) => Ok(FigureBounds { low, high: Some(-high), published: None }),
        _ => Err(FigureGap::Nobody),
    }
}

/// The least average of values, each weighted by anything between two weights. More weight on a value lowers an average that
/// is above it and raises one that is below, so that at the least every value below it has the most weight and every
/// other the least: some number of the smallest values has the most.
fn least(mut parts: Vec<(f64, f64, f64)>) -> Option<f64> {
    parts.sort_by(|a, b| a.2.total_cmp(&b.2));
    let average = |heavy: usize| {
        let weighed = parts
            .iter()
            .enumerate()
            .map(|(at, (least, most, value))| (if at < heavy { *most } else { *least }, *value));
        let (sum, weight) =
            weighed.fold((0.0, 0.0), |(sum, all), (own, value)| (sum + own * value, all + own));
        (weight > 0.0).then(|| sum / weight)
    };
    (0..=parts.len()).filter_map(average).min_by(f64::total_cmp)
}

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(low: f64, high: f64) -> Result<FigureBounds, FigureGap> {
        Ok(FigureBounds { low, high: Some(high), published: None })
    }

    fn rows(low: u64, high: u64) -> Bounds {
        Bounds { low, high: Some(high) }
    }

    const MEAN: Figure = Figure::Mean { most: 104 };

    #[test]
    fn what_is_withheld_widens_or_ends_a_mean() {
        let withheld = Err(FigureGap::Withheld);
        let big = (rows(98, 102), exact(9.75, 10.25));
        assert_eq!(pooled(&MEAN, &[big, (rows(0, 0), withheld)]), big.1);
        let wide = pooled(&MEAN, &[big, (rows(0, 7), withheld)]).expect("a mean");
        assert!((wide.low - 9.75 * 98.0 / 105.0).abs() < 1e-9, "{wide:?}");
        assert!((wide.high.expect("bounded") - (10.25 * 98.0 + 104.0 * 7.0) / 105.0).abs() < 1e-9);
        let open = Bounds { low: 0, high: None };
        for (parts, gap) in [
            (vec![big, (open, withheld)], FigureGap::MostlyWithheld),
            (vec![big, (rows(0, 98), withheld)], FigureGap::MostlyWithheld),
            (vec![(rows(8, 12), withheld), (rows(0, 7), withheld)], FigureGap::Withheld),
            (vec![(rows(0, 7), withheld)], FigureGap::Withheld),
            (vec![(rows(0, 0), withheld)], FigureGap::Nobody),
            (vec![], FigureGap::Nobody),
        ] {
            assert_eq!(pooled(&MEAN, &parts), Err(gap), "{parts:?}");
        }
        let median = Figure::Quantile { at: vec![50], last: 104, begun: true };
        let parts = [big, (rows(0, 7), withheld)];
        assert_eq!(pooled(&median, &parts), Err(FigureGap::PartWithheld));
        let over = Ok(FigureBounds { low: 104.0, high: None, published: None });
        let between = pooled(&median, &[big, (rows(28, 32), over)]).expect("bounded below");
        assert_eq!((between.low, between.high), (9.75, None));
    }

    proptest! {
        /// Against every combination of whole counts and of the ends of the means.
        #[test]
        fn means_have_their_exact_extremes(
            parts in proptest::collection::vec((1_u64..9, 0_u64..4, 0_u32..100, 0_u32..20), 2..5)
        ) {
            let known: Vec<Part> = parts
                .iter()
                .map(|&(n, more, mean, wide)| {
                    (rows(n, n + more), exact(f64::from(mean), f64::from((mean + wide).min(104))))
                })
                .collect();
            let found = pooled(&MEAN, &known).expect("a mean");
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            let all: u64 = parts.iter().map(|(_, more, ..)| more + 1).product();
            for mut code in 0..all {
                let (mut n, mut least, mut most) = (0.0, 0.0, 0.0);
                for (rows, own) in &known {
                    let more = rows.high.expect("bounded") - rows.low + 1;
                    let count = (rows.low + code % more) as f64;
                    code /= more;
                    let own = own.expect("a mean");
                    n += count;
                    least += count * own.low;
                    most += count * own.high.expect("bounded");
                }
                (low, high) = (low.min(least / n), high.max(most / n));
            }
            prop_assert!((found.low - low).abs() < 1e-9 && (found.high.expect("bounded") - high).abs() < 1e-9);
        }

        /// A percentile of all rows lies between the least and the greatest of the partners' own.
        #[test]
        fn percentiles_of_all_lie_between_those_of_each(
            each in proptest::collection::vec(proptest::collection::vec(0_u32..9, 8), 1..5), at in 1_u8..100, begun: bool
        ) {
            let of = |units: &[u32]| match super::super::quantile(units, at, begun) {
                Some(FigureText::Value(value)) => Some(value as f64),
                Some(FigureText::State(_)) => Some(f64::INFINITY),
                None => None,
            };
            let mut all = vec![0_u32; 8];
            each.iter().for_each(|units| all.iter_mut().zip(units).for_each(|(a, b)| *a += b));
            let own: Vec<f64> = each.iter().filter(|units| units.iter().sum::<u32>() > 0).filter_map(|u| of(u)).collect();
            if let Some(pooled) = of(&all) {
                let least = own.iter().copied().fold(f64::INFINITY, f64::min);
                let most = own.iter().copied().fold(0.0, f64::max);
                prop_assert!(least <= pooled && pooled <= most, "{own:?} {pooled}");
            }
        }
    }
}
