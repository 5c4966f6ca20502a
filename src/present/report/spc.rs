//! A run of figures over time: an XmR chart by the rules of NHS England's Making Data Count.

/// The fewest figures that limits are made of.
pub(super) const LEAST: usize = 12;
/// Limits lie so many mean moving ranges from the mean (Shewhart: 3 / 1.128).
const REACH: f64 = 2.66;
/// Moving ranges from so many of their mean on are left out, and the mean is made again.
const WILD: f64 = 3.267;
/// So many figures in a row on one side of the mean, or rising or falling, are a signal.
const RUN: usize = 7;

/// What is unusual about a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Higher than chance makes it.
    High,
    /// Lower.
    Low,
}

/// The mean and the limits of a run of figures, and which of them chance does not explain.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Xmr {
    pub(super) mean: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) signals: Vec<Option<Signal>>,
}

/// The chart of some figures in their order; none where they are too few or one is not finite.
pub(super) fn xmr(values: &[f64]) -> Option<Xmr> {
    if values.len() < LEAST || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mean = average(values)?;
    let ranges: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let all = average(&ranges)?;
    let tame: Vec<f64> = ranges.into_iter().filter(|range| *range < WILD * all).collect();
    let moving = average(&tame).unwrap_or(all);
    let (lower, upper) = (mean - REACH * moving, mean + REACH * moving);
    let mut signals: Vec<Option<Signal>> = values
        .iter()
        .map(|v| match v {
            v if *v > upper => Some(Signal::High),
            v if *v < lower => Some(Signal::Low),
            _ => None,
        })
        .collect();
    let third = (upper - mean) * 2.0 / 3.0;
    for (sign, signal) in [(1.0, Signal::High), (-1.0, Signal::Low)] {
        let off: Vec<f64> = values.iter().map(|v| (v - mean) * sign).collect();
        let mut mark = |from: usize, to: usize, only: &dyn Fn(usize) -> bool| {
            for at in (from..to).filter(|at| only(*at)) {
                if let Some(place) = signals.get_mut(at) {
                    *place = place.or(Some(signal));
                }
            }
        };
        for from in 0..=off.len().saturating_sub(RUN) {
            let run = &off[from..from + RUN];
            if run.iter().all(|v| *v > 0.0) || run.windows(2).all(|pair| pair[1] > pair[0]) {
                mark(from, from + RUN, &|_| true);
            }
        }
        for from in 0..=off.len().saturating_sub(3) {
            let far = |at: usize| third > 0.0 && off.get(at).is_some_and(|v| *v > third);
            if (from..from + 3).filter(|at| far(*at)).count() >= 2 {
                mark(from, from + 3, &far);
            }
        }
    }
    Some(Xmr { mean, lower, upper, signals })
}

#[expect(clippy::cast_precision_loss, reason = "a few figures")]
fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from a table worked out by hand: moving ranges 1, 1, ... have the mean 1.
    #[test]
    fn limits_are_made_of_moving_ranges() {
        let steady: Vec<f64> = (0..12).map(|n| if n % 2 == 0 { 10.0 } else { 11.0 }).collect();
        let chart = xmr(&steady).expect("a chart");
        assert!((chart.mean - 10.5).abs() < 1e-12 && (chart.upper - 13.16).abs() < 1e-12);
        assert!(chart.signals.iter().all(Option::is_none));
        let mut wild = steady.clone();
        wild[11] = 40.0;
        let chart = xmr(&wild).expect("a chart");
        assert_eq!(chart.signals[11], Some(Signal::High));
        // The one great range is left out of the limits.
        assert!((chart.upper - chart.mean - 2.66).abs() < 1e-12);
        assert_eq!(xmr(&steady[..11]), None);
        wild[0] = f64::NAN;
        assert_eq!(xmr(&wild), None);
    }

    #[test]
    fn a_shift_and_a_trend_are_signals() {
        let shifted: Vec<f64> =
            (0..14).map(|n| if n < 7 { 10.0 } else { 12.0 } + f64::from(n % 2)).collect();
        let chart = xmr(&shifted).expect("a chart");
        assert!(chart.signals[..7].iter().all(|s| *s == Some(Signal::Low)));
        assert!(chart.signals[7..].iter().all(|s| *s == Some(Signal::High)));
        let level = [5.0, 6.0, 5.0, 6.0, 5.0, 6.0, 5.0];
        let rising: Vec<f64> =
            level.into_iter().chain((0..7).map(|n| 5.0 + 0.2 * f64::from(n))).collect();
        let chart = xmr(&rising).expect("a chart");
        assert!(chart.signals[7..].iter().all(|s| *s == Some(Signal::High)), "{chart:?}");
    }
}
