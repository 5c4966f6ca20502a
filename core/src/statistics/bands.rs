//! Medians and other percentiles from how many fall into each band, such as weeks waited.

use super::number::Span;
use super::reason::NotComputable;

const PERCENTILE: &str = "a percentile from bands";

/// Half below, half above.
pub const MEDIAN: f64 = 0.5;

/// The most bands.
pub const BAND_MOST: usize = 1_000;

/// The most in a band.
const COUNT_MOST: f64 = 1e12;

/// A percentile, in the units of the edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BandValue {
    /// It is here.
    At(f64),
    /// It is in the last band, which has no upper edge: it is at least this, the band's lower edge.
    AtLeast(f64),
}

/// What can be said of a percentile from bounds of the counts, in the units of the edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandBounds {
    /// The least that it can be.
    pub low: f64,
    /// The most that it can be; none where it may be in the last band, which has no upper edge.
    pub high: Option<f64>,
}

/// Bands that fit their counts: as many edges as counts where the last band is open, one more where it is closed.
fn check(edges: &[f64], counts: &[Span], part: f64) -> Result<(), NotComputable> {
    let undefined = |why| Err(NotComputable::Undefined { measure: PERCENTILE, why });
    if counts.is_empty() || counts.len() > BAND_MOST {
        let (least, most) = (1, BAND_MOST);
        return Err(NotComputable::Size { measure: PERCENTILE, what: "bands", least, most });
    }
    if edges.len() != counts.len() && edges.len() != counts.len() + 1 {
        return undefined("each band needs a lower edge, and only the last may have no upper one");
    }
    if edges.iter().any(|edge| edge.is_nan() || edge.abs() > COUNT_MOST)
        || edges.windows(2).any(|pair| pair[0] >= pair[1])
    {
        return undefined("the edges of the bands have to rise");
    }
    if !(part > 0.0 && part < 1.0) {
        return undefined("a percentile has to be between 0 and 100");
    }
    let wrong =
        |count: &Span| !(0.0 <= count.low && count.low <= count.high && count.high <= COUNT_MOST);
    counts.iter().position(wrong).map_or(Ok(()), |at| {
        let (what, rule) = ("the number in the band", "from 0 to 10^12");
        Err(NotComputable::Number { what, group: at + 1, rule })
    })
}

/// The value below which a part of all lies, `L + ((N q − F) / f) w`: with `L` the lower edge, `w` the width and `f` the
/// number of the first band by the end of which at least `N q` of all `N` are counted, and `F` the number in bands
/// before it. Within a band, values are taken to be spread evenly. (NHS England's method for referral to treatment
/// waiting times, with weeks for edges and [`MEDIAN`] or 0.92 for q.)
///
/// `edges` are the lower edges of the bands, and after them the upper edge of the last; without that the last is open.
///
/// # Errors
/// [`NotComputable::Size`] without bands or with more than [`BAND_MOST`]; [`NotComputable::Number`] for a number that is
/// negative or not finite; [`NotComputable::Undefined`] where edges do not rise or do not fit the numbers, q is not
/// between 0 and 1, or nothing is in any band.
pub fn percentile(edges: &[f64], counts: &[f64], part: f64) -> Result<BandValue, NotComputable> {
    let known: Vec<Span> = counts.iter().map(|&count| Span::exactly(count)).collect();
    check(edges, &known, part)?;
    let all: f64 = counts.iter().sum();
    if all <= 0.0 {
        let why = "nothing is in any band";
        return Err(NotComputable::Undefined { measure: PERCENTILE, why });
    }
    // What rounding may take from N q must not move it over a run of empty bands.
    let sought = all * part * (1.0 - ROUNDING);
    let mut before = 0.0;
    for (at, &count) in counts.iter().enumerate() {
        if count > 0.0 && before + count >= sought {
            let lower = edges[at];
            return Ok(edges.get(at + 1).map_or(BandValue::AtLeast(lower), |upper| {
                let within = ((all * part - before) / count).clamp(0.0, 1.0);
                BandValue::At(lower + within * (upper - lower))
            }));
        }
        before += count;
    }
    // Only rounding of the sum leads here: the last band with anything in it ends where all are counted.
    let last = counts.iter().rposition(|&count| count > 0.0).unwrap_or(counts.len() - 1);
    Ok(edges.get(last + 1).map_or(BandValue::AtLeast(edges[last]), |&upper| BandValue::At(upper)))
}

/// Parts of the sought number that rounding may take.
const ROUNDING: f64 = 1e-12;

/// The extremes of [`percentile`] over all counts within their bounds, with the same meaning of `edges`.
///
/// A value x is at least the percentile where `Σ c_i (φ_i(x) − q) ≥ 0`, with `φ_i(x)` the part of a band below x. This
/// holds soonest with every band below x as full and every band above it as empty as can be, and last the other way
/// round; so each extreme is found by one pass over the bands.
///
/// # Errors
/// Those of [`percentile`], where nothing is in any band if all lower bounds are 0.
pub fn percentile_bounds(
    edges: &[f64],
    counts: &[Span],
    part: f64,
) -> Result<BandBounds, NotComputable> {
    check(edges, counts, part)?;
    if counts.iter().all(|count| count.low <= 0.0) {
        let why = "there may be nothing in any band";
        return Err(NotComputable::Undefined { measure: PERCENTILE, why });
    }
    let (full, empty): (End, End) = (|count| count.high, |count| count.low);
    let least = first_at(edges, counts, part, (full, empty));
    let most = first_at(edges, counts, part, (empty, full));
    let (BandValue::At(low) | BandValue::AtLeast(low)) = least;
    let high = match most {
        BandValue::At(high) => Some(high.max(low)),
        BandValue::AtLeast(_) => None,
    };
    Ok(BandBounds { low, high })
}

/// Which end of a count is taken.
type End = fn(&Span) -> f64;

/// The first place where the sum over bands, with counts by the side on which they lie, is not below 0.
fn first_at(edges: &[f64], counts: &[Span], part: f64, (below, above): (End, End)) -> BandValue {
    let mut later = vec![0.0; counts.len() + 1];
    for (at, count) in counts.iter().enumerate().rev() {
        later[at] = later[at + 1] + above(count);
    }
    let mut earlier = 0.0;
    for (at, count) in counts.iter().enumerate() {
        let lower = edges[at];
        let rest = earlier * (1.0 - part) - later[at + 1] * part;
        let reached = rest + below(count) * (1.0 - part);
        let slack = ROUNDING * (earlier + below(count) + later[at + 1]);
        if reached >= -slack && (below(count) > 0.0 || rest >= 0.0) {
            // Above the part of the band that is sought its count is that of bands below, under it of bands above.
            let within = if rest >= 0.0 {
                let held = above(count);
                if held > 0.0 { part - rest / held } else { 0.0 }
            } else {
                part - rest / below(count)
            };
            return edges.get(at + 1).map_or(BandValue::AtLeast(lower), |upper| {
                BandValue::At(lower + within.clamp(0.0, 1.0) * (upper - lower))
            });
        }
        earlier += below(count);
    }
    let last = counts.len() - 1;
    edges.get(last + 1).map_or(BandValue::AtLeast(edges[last]), |&upper| BandValue::At(upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WEEKS: [f64; 18] = [
        412.0, 388.0, 301.0, 277.0, 260.0, 0.0, 198.0, 154.0, 131.0, 97.0, 60.0, 33.0, 12.0, 9.0,
        4.0, 0.0, 1.0, 25.0,
    ];

    fn edges(count: usize) -> Vec<f64> {
        (0..count).map(|edge| edge as f64).collect()
    }

    /// Computed with NumPy 2: `interp` of the cumulative numbers.
    #[test]
    fn percentiles_equal_an_independent_computation() {
        for (part, value) in
            [(MEDIAN, 3.288808664259928), (0.92, 9.536494845360824), (0.95, 10.431666666666668)]
        {
            let found = percentile(&edges(18), &WEEKS, part).expect("a percentile");
            assert!(
                matches!(found, BandValue::At(at) if (at - value).abs() < 1e-9 * value),
                "{found:?}"
            );
        }
        let open = percentile(&edges(18), &WEEKS, 0.99);
        assert_eq!(open, Ok(BandValue::AtLeast(17.0)));
        let closed = percentile(&edges(19), &WEEKS, 0.99).expect("a percentile");
        // 23.62 of all 2 362 lie above it, of the 25 in the last week.
        assert!(matches!(closed, BandValue::At(at) if (at - (18.0 - 23.62 / 25.0)).abs() < 1e-9));
    }

    #[test]
    fn a_percentile_at_the_end_of_a_band_does_not_go_over_empty_ones() {
        let found = |part| percentile(&edges(5), &[50.0, 0.0, 0.0, 50.0], part);
        assert_eq!(found(0.5), Ok(BandValue::At(1.0)));
        // As a product of the type, 0.55 of 100 is a rounding more than 55.
        let rounded = percentile(&edges(4), &[55.0, 0.0, 45.0], 0.55).expect("a percentile");
        assert!(matches!(rounded, BandValue::At(at) if (at - 1.0).abs() < 1e-9), "{rounded:?}");
        // And half of the least number is nothing.
        let least = percentile(&edges(3), &[0.0, 5e-324], 0.5).expect("a percentile");
        assert!(matches!(least, BandValue::At(at) if (1.0..=2.0).contains(&at)), "{least:?}");
        assert_eq!(percentile(&[0.0, 1.0], &[0.0, 3.0], 0.5), Ok(BandValue::AtLeast(1.0)));
    }

    #[test]
    fn bad_bands_are_refused() {
        let known = |edges: &[f64], counts: &[f64], part| {
            let spans: Vec<_> = counts.iter().map(|&count| Span::exactly(count)).collect();
            let bounds = percentile_bounds(edges, &spans, part);
            let point = percentile(edges, counts, part);
            assert_eq!(bounds.is_err(), point.is_err());
            point.is_err()
        };
        for bad in [f64::NAN, f64::INFINITY, -1.0, f64::MAX] {
            assert!(known(&[0.0, 1.0, 2.0], &[1.0, bad], 0.5));
            assert!(known(&[0.0, 1.0, 2.0], &[1.0, 1.0], bad));
        }
        assert!(known(&[0.0, f64::NAN, 2.0], &[1.0, 1.0], 0.5));
        assert!(known(&[0.0, 0.0, 2.0], &[1.0, 1.0], 0.5));
        assert!(known(&[0.0, 1.0], &[0.0, 0.0], 0.5));
        assert!(known(&[], &[], 0.5) && known(&[0.0], &[1.0, 1.0], 0.5));
        assert!(known(&[0.0, 1.0], &[1.0, 1.0], 0.0) && known(&[0.0, 1.0], &[1.0, 1.0], 1.0));
        assert!(known(&edges(BAND_MOST + 1), &vec![1.0; BAND_MOST + 1], 0.5));
        let maybe_none = [Span { low: 0.0, high: 9.0 }; 2];
        assert!(percentile_bounds(&[0.0, 1.0], &maybe_none, 0.5).is_err());
        assert!(percentile_bounds(&[0.0, 1.0], &[Span { low: 3.0, high: 2.0 }; 2], 0.5).is_err());
    }

    fn placed(value: BandValue) -> f64 {
        match value {
            BandValue::At(at) => at,
            BandValue::AtLeast(_) => f64::INFINITY,
        }
    }

    proptest! {
        /// Every corner of the bounds has its percentile within, and some corners have it at the bounds.
        #[test]
        fn bounds_are_the_extremes_of_all_counts_within(
            bands in prop::collection::vec((0_u32..6, 0_u32..5), 1..7), open: bool, part in 0.02..0.98_f64,
            inside in 0.0..=1.0_f64,
        ) {
            let counts: Vec<Span> = bands.iter()
                .map(|&(low, more)| Span { low: f64::from(low), high: f64::from(low + more) }).collect();
            let edges = edges(bands.len() + usize::from(!open));
            let Ok(bounds) = percentile_bounds(&edges, &counts, part) else {
                prop_assert!(bands.iter().all(|band| band.0 == 0));
                return Ok(());
            };
            let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
            for corner in 0..1_u32 << bands.len() {
                let at: Vec<f64> = counts.iter().enumerate()
                    .map(|(band, count)| if corner >> band & 1 == 0 { count.low } else { count.high }).collect();
                let value = placed(percentile(&edges, &at, part).expect("a percentile"));
                (least, most) = (least.min(value), most.max(value));
            }
            let low = if least.is_finite() { least } else { edges[bands.len() - 1] };
            prop_assert!((bounds.low - low).abs() < 1e-9, "{:?} {} {}", bounds, least, most);
            prop_assert!((bounds.high.unwrap_or(f64::INFINITY) == most)
                || bounds.high.is_some_and(|high| (high - most).abs() < 1e-9), "{:?} {} {}", bounds, least, most);
            let at: Vec<f64> = counts.iter().map(|count| count.low + inside * (count.high - count.low)).collect();
            let value = placed(percentile(&edges, &at, part).expect("a percentile"));
            prop_assert!(value >= bounds.low - 1e-9 && bounds.high.is_none_or(|high| value <= high + 1e-9));
        }
    }
}
