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
    if edges.iter().any(|edge| !(edge.abs() <= COUNT_MOST))
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
    let ends = |below: fn(&Span) -> f64, above: fn(&Span) -> f64| {
        first_at(edges, counts, part, (below, above))
    };
    let (full, empty): (fn(&Span) -> f64, fn(&Span) -> f64) = (|c| c.high, |c| c.low);
    let least = ends(full, empty);
    let most = ends(empty, full);
    let (BandValue::At(low) | BandValue::AtLeast(low)) = least;
    let high = match most {
        BandValue::At(high) => Some(high.max(low)),
        BandValue::AtLeast(_) => None,
    };
    Ok(BandBounds { low, high })
}

/// The first place where the sum over bands, with counts by the side on which they lie, is not below 0.
fn first_at(
    edges: &[f64],
    counts: &[Span],
    part: f64,
    (below, above): (fn(&Span) -> f64, fn(&Span) -> f64),
) -> BandValue {
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
