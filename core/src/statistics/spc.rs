//! Control charts (XmR) of a measure over time, with the rules and icons of NHS England's Making Data Count.
//!
//! A period without a value is a gap: it is no zero, there is no moving range across it, and no run of points goes on
//! over it.

use super::better::Better;
use super::level::Limits;
use super::reason::NotComputable;

const CHART: &str = "a control chart";

/// The most periods of a chart.
pub const PERIODS_MOST: usize = 1_000;

/// Values in a stretch below which its limits are to be called provisional.
pub const FEW_POINTS: usize = 12;

/// The least values in a stretch.
const POINTS_LEAST: usize = 3;

/// The greatest value either side of 0.
const SIZE_MOST: f64 = 1e12;

/// Limits are this many mean moving ranges from the mean: 3 / d₂, d₂ = 1.128 for ranges of two.
const LIMIT: f64 = 2.66;

/// Moving ranges from this many mean moving ranges on are left out of a second mean.
const RANGE_LIMIT: f64 = 3.267;

/// Points in a shift, and in a trend.
const RUN: usize = 7;

/// Differences of no more than this part of the greatest value are rounding.
const ROUNDING: f64 = 1e-12;

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Up.
    High,
    /// Down.
    Low,
}

/// Why a point is not common cause variation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Causes {
    /// It is outside of the limits.
    pub astronomical: bool,
    /// It is one of seven or more in a row on one side of the mean.
    pub shift: bool,
    /// It is one of seven or more in a row that rise all the way, or fall.
    pub trend: bool,
    /// It is one of two or three out of three in a row that are beyond two thirds of the way to the limit on one side.
    pub two_of_three: bool,
}

impl Causes {
    /// Whether there is one.
    #[must_use]
    pub const fn any(self) -> bool {
        self.astronomical || self.shift || self.trend || self.two_of_three
    }
}

/// What a point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    /// Nothing: common cause variation.
    Common,
    /// A special cause on the better side.
    Improvement,
    /// A special cause on the worse side.
    Concern,
    /// A special cause of a measure of which neither way is better.
    Neither,
}

/// A point of the chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlPoint {
    /// The value.
    pub value: f64,
    /// Which of the segments it is in, from 0.
    pub segment: usize,
    /// Its special causes.
    pub causes: Causes,
    /// What it says.
    pub kind: PointKind,
    /// Which way its special cause goes: the side of the mean, or, for a trend and nothing else, the way of the trend.
    /// None where there is no special cause.
    pub direction: Option<Direction>,
}

/// A stretch of periods between breaks, with limits of its own. All numbers are in the units of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// The first period, from 0.
    pub start: usize,
    /// The period after the last.
    pub end: usize,
    /// How many periods have a value.
    pub points: usize,
    /// Whether these are fewer than [`FEW_POINTS`], so that the limits are provisional.
    pub few_points: bool,
    /// The mean of the values.
    pub mean: f64,
    /// The mean moving range that limits are made of.
    pub moving_range: f64,
    /// The process limits.
    pub limits: Limits,
    /// Two thirds of the way from the mean to the limits.
    pub near: Limits,
}

/// The icon for variation, from the latest point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variation {
    /// Common cause.
    Common,
    /// Special cause, improving, this way.
    Improvement(Direction),
    /// Special cause, concerning, this way.
    Concern(Direction),
    /// Special cause where neither way is better, this way.
    Neither(Direction),
}

/// The icon for a target, from the limits of the latest stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assurance {
    /// The target is outside of the limits on the worse side: it is always met.
    ConsistentlyPassing,
    /// The target is outside of the limits on the better side: it is never met.
    ConsistentlyFailing,
    /// The target is within the limits: whether it is met is chance.
    HitOrMiss,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlChart {
    /// The stretches between breaks, in order.
    pub segments: Vec<Segment>,
    /// A point for each period; none for a gap.
    pub points: Vec<Option<ControlPoint>>,
    /// The icon for variation.
    pub variation: Variation,
    /// The icon for the target; none without a target, or where neither way is better.
    pub assurance: Option<Assurance>,
    /// Whether any stretch has fewer than [`FEW_POINTS`] values.
    pub few_points: bool,
}

/// The XmR chart of values by period, in order of time.
///
/// Limits are `mean ∓ 2.66 mR`, where `mR` is the mean of the moving ranges (differences of neighbouring periods) after
/// those of at least 3.267 times their mean are dropped. `breaks` are the periods, from 0, at which a new stretch with
/// limits of its own begins; rules are applied within stretches. (NHS England, Making Data Count; Wheeler and Chambers,
/// Understanding statistical process control, 1992.) A latest stretch of fewer than [`FEW_POINTS`] values is computed
/// and marked.
///
/// # Errors
/// [`NotComputable::Size`] for a stretch with fewer than 3 values, or more than [`PERIODS_MOST`] periods;
/// [`NotComputable::Number`] for a value that is not finite or is beyond 10^12; [`NotComputable::Undefined`] for breaks
/// that do not rise or are not within the periods, a target that is not finite, or a stretch without two neighbouring
/// values.
pub fn control_chart(
    values: &[Option<f64>],
    breaks: &[usize],
    better: Better,
    target: Option<f64>,
) -> Result<ControlChart, NotComputable> {
    check(values, breaks, target)?;
    let starts = std::iter::once(0).chain(breaks.iter().copied());
    let ends = breaks.iter().copied().chain(std::iter::once(values.len()));
    let segments = starts
        .zip(ends)
        .map(|(start, end)| segment(values, start, end))
        .collect::<Result<Vec<_>, _>>()?;
    let mut points = Vec::with_capacity(values.len());
    for (number, segment) in segments.iter().enumerate() {
        let judged = judge(&values[segment.start..segment.end], segment);
        for (value, (causes, direction)) in values[segment.start..segment.end].iter().zip(judged) {
            points.push(value.map(|value| {
                let kind = kind(direction, better);
                ControlPoint { value, segment: number, causes, kind, direction }
            }));
        }
    }
    let variation = points.iter().rev().flatten().next().map_or(Variation::Common, icon);
    let assurance = segments.last().and_then(|segment| met(segment.limits, better, target));
    let few_points = segments.iter().any(|segment| segment.few_points);
    Ok(ControlChart { segments, points, variation, assurance, few_points })
}

fn undefined(why: &'static str) -> NotComputable {
    NotComputable::Undefined { measure: CHART, why }
}

fn check(
    values: &[Option<f64>],
    breaks: &[usize],
    target: Option<f64>,
) -> Result<(), NotComputable> {
    if values.len() > PERIODS_MOST {
        let (least, most) = (POINTS_LEAST, PERIODS_MOST);
        return Err(NotComputable::Size { measure: CHART, what: "periods", least, most });
    }
    let known = |number: f64| number.abs() <= SIZE_MOST;
    if let Some(at) = values.iter().position(|value| value.is_some_and(|value| !known(value))) {
        let (what, rule) = ("the value", "a number of at most 10^12 either side of 0");
        return Err(NotComputable::Number { what, group: at + 1, rule });
    }
    let rising = breaks.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || breaks.iter().any(|&at| at == 0 || at >= values.len()) {
        return Err(undefined("the breaks have to be in order, after the first period"));
    }
    if target.is_some_and(|target| !known(target)) {
        return Err(undefined("the target has to be a number of at most 10^12 either side of 0"));
    }
    Ok(())
}

/// A mean that is exact where all numbers are the same.
fn mean(numbers: &[f64]) -> Option<f64> {
    let first = numbers.first()?;
    let over: f64 = numbers.iter().map(|number| number - first).sum();
    Some(first + over / numbers.len() as f64)
}

fn segment(values: &[Option<f64>], start: usize, end: usize) -> Result<Segment, NotComputable> {
    let part = &values[start..end];
    let present: Vec<f64> = part.iter().copied().flatten().collect();
    let few = || {
        let (what, least, most) = ("values between breaks", POINTS_LEAST, PERIODS_MOST);
        NotComputable::Size { measure: CHART, what, least, most }
    };
    if present.len() < POINTS_LEAST {
        return Err(few());
    }
    let middle = mean(&present).ok_or_else(few)?;
    let range = |pair: &[Option<f64>]| Some((pair[1]? - pair[0]?).abs());
    let ranges: Vec<f64> = part.windows(2).filter_map(range).collect();
    let all = mean(&ranges).ok_or(undefined("no two values are of neighbouring periods"))?;
    // Of ranges of nothing none is below any multiple of their mean; they stay.
    let usual: Vec<f64> = ranges.iter().copied().filter(|&one| one < RANGE_LIMIT * all).collect();
    let moving_range = mean(&usual).unwrap_or(all);
    let limits = |part: f64| Limits {
        lower: middle - part * LIMIT * moving_range,
        upper: middle + part * LIMIT * moving_range,
    };
    Ok(Segment {
        start,
        end,
        points: present.len(),
        few_points: present.len() < FEW_POINTS,
        mean: middle,
        moving_range,
        limits: limits(1.0),
        near: limits(2.0 / 3.0),
    })
}

/// Which side of a middle a value is on, if it is more than rounding away for numbers of a size.
fn side(value: f64, middle: f64, size: f64) -> Option<Direction> {
    if (value - middle).abs() <= ROUNDING * size {
        None
    } else if value > middle {
        Some(Direction::High)
    } else {
        Some(Direction::Low)
    }
}

/// The side on which a value is beyond limits.
fn beyond(value: f64, limits: Limits, size: f64) -> Option<Direction> {
    match (side(value, limits.lower, size), side(value, limits.upper, size)) {
        (_, Some(Direction::High)) => Some(Direction::High),
        (Some(Direction::Low), _) => Some(Direction::Low),
        _ => None,
    }
}

/// The special causes of each period of a stretch, and which way they go.
fn judge(values: &[Option<f64>], segment: &Segment) -> Vec<(Causes, Option<Direction>)> {
    let each = |of: &dyn Fn(f64) -> Option<Direction>| -> Vec<Option<Direction>> {
        values.iter().map(|value| value.and_then(of)).collect()
    };
    let size = values.iter().flatten().fold(0.0, |size: f64, value| size.max(value.abs()));
    let sides = each(&|value| side(value, segment.mean, size));
    let outside = each(&|value| beyond(value, segment.limits, size));
    let near = each(&|value| beyond(value, segment.near, size));
    let steps: Vec<_> = values.windows(2).map(|pair| side(pair[1]?, pair[0]?, size)).collect();
    let (shifts, rises) = (in_run(&sides, RUN), in_run(&steps, RUN - 1));
    let judged = |at: usize| {
        // A point is in a trend with the step to it or the step from it.
        let to = at.checked_sub(1).filter(|&step| rises[step]);
        let from = Some(at).filter(|&step| rises.get(step) == Some(&true));
        let trend = to.or(from).and_then(|step| steps[step]);
        let causes = Causes {
            astronomical: outside[at].is_some(),
            shift: shifts[at],
            trend: trend.is_some(),
            two_of_three: two_of_three(&near, values, at),
        };
        let by_side = causes.astronomical || causes.shift || causes.two_of_three;
        (causes, if by_side { sides[at] } else { trend })
    };
    (0..values.len()).map(judged).collect()
}

/// For each, whether it is in a run of so many or more that go the same way.
fn in_run(ways: &[Option<Direction>], least: usize) -> Vec<bool> {
    ways.chunk_by(|a, b| a == b)
        .flat_map(|run| {
            let long = run.len() >= least && run.first().is_some_and(Option::is_some);
            std::iter::repeat_n(long, run.len())
        })
        .collect()
}

/// Whether a point is one of at least two out of three neighbouring ones, without a gap, that are near or beyond the
/// limit on the same side.
fn two_of_three(near: &[Option<Direction>], values: &[Option<f64>], at: usize) -> bool {
    near[at].is_some()
        && (at.saturating_sub(2)..=at).any(|start| {
            let whole =
                values.get(start..start + 3).is_some_and(|three| three.iter().all(Option::is_some));
            whole && near[start..start + 3].iter().filter(|&&way| way == near[at]).count() >= 2
        })
}

fn kind(direction: Option<Direction>, better: Better) -> PointKind {
    match (direction, better) {
        (None, _) => PointKind::Common,
        (Some(_), Better::Neither) => PointKind::Neither,
        (Some(Direction::High), Better::Higher) | (Some(Direction::Low), Better::Lower) => {
            PointKind::Improvement
        }
        _ => PointKind::Concern,
    }
}

fn icon(point: &ControlPoint) -> Variation {
    match (point.kind, point.direction) {
        (PointKind::Improvement, Some(way)) => Variation::Improvement(way),
        (PointKind::Concern, Some(way)) => Variation::Concern(way),
        (PointKind::Neither, Some(way)) => Variation::Neither(way),
        _ => Variation::Common,
    }
}

fn met(limits: Limits, better: Better, target: Option<f64>) -> Option<Assurance> {
    let target = target?;
    let size = target.abs().max(limits.lower.abs()).max(limits.upper.abs());
    match (beyond(target, limits, size), better) {
        (_, Better::Neither) => None,
        (None, _) => Some(Assurance::HitOrMiss),
        (Some(Direction::High), Better::Lower) | (Some(Direction::Low), Better::Higher) => {
            Some(Assurance::ConsistentlyPassing)
        }
        _ => Some(Assurance::ConsistentlyFailing),
    }
}

#[cfg(test)]
mod tests;
