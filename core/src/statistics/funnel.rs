//! Funnel limits: how far from the average an area of a given size may lie by chance, and where a point lies.
//!
//! Limits at two tails, 0.025 ("2 sigma", [`Level::P95`]) and 0.001 ("3 sigma", [`Level::P998`]), as OHID's technical
//! guidance gives them (`calculate_funnel_limits` and `assign_funnel_significance` of PHEindicatormethods).

use statrs::function::gamma::checked_gamma_lr;

use super::level::{Level, Limits};
use super::reason::NotComputable;

const FUNNEL: &str = "a funnel";

/// What is plotted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunnelOf {
    /// A fraction of people.
    Proportion,
    /// A rate of events: per person with people as the denominator, or, for a standardised ratio, per expected event
    /// with expected events as the denominator and 1 as the average.
    Rate,
}

/// The limits at a denominator, in the units of the average: events per one of the denominator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FunnelLimits {
    /// People, or expected events.
    pub denominator: f64,
    /// With a tail of 0.025 outside on either side.
    pub two_sigma: Limits,
    /// With a tail of 0.001 outside on either side.
    pub three_sigma: Limits,
}

/// Where a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunnelPlace {
    /// Within the limits of the smaller tail that it could be outside of.
    Within,
    /// Below the lower limit of this level, the further one if of both.
    Low(Level),
    /// Above the upper limit of this level, the further one if of both.
    High(Level),
}

/// How many denominators the lines of a funnel are drawn through.
pub const FUNNEL_POINTS: usize = 100;

/// The greatest denominator.
const DENOMINATOR_MOST: f64 = 1e12;

/// Expected events up to which Poisson limits are inverted exactly. Above, the approximation by Wilson and Hilferty
/// (that Byar's limits are made of) is off by less than a hundredth of an event.
const EXACT_TO: f64 = 10_000.0;

/// Counts from here on are assessed with Byar's limits; smaller ones with exact ones.
const BYAR_FROM: f64 = 10.0;

fn undefined(why: &'static str) -> NotComputable {
    NotComputable::Undefined { measure: FUNNEL, why }
}

fn check(of: FunnelOf, average: f64, denominator: f64) -> Result<(), NotComputable> {
    if !(denominator > 0.0 && denominator <= DENOMINATOR_MOST) {
        return Err(undefined("a denominator has to be above 0, and at most 10^12"));
    }
    match of {
        FunnelOf::Proportion if !(average > 0.0 && average < 1.0) => {
            Err(undefined("the average has to be between 0 and 1"))
        }
        FunnelOf::Rate if !(average > 0.0 && average <= DENOMINATOR_MOST) => {
            Err(undefined("the average has to be above 0, and at most 10^12"))
        }
        FunnelOf::Rate if average * denominator <= 0.0 => {
            Err(undefined("the average is too near to 0"))
        }
        _ => Ok(()),
    }
}

/// The average that a funnel stands around: all events over all of the denominators, given as pairs.
///
/// # Errors
/// [`NotComputable::Size`] without a point or with more than [`super::AREAS_MOST`]; [`NotComputable::Number`] where a
/// number of one is negative or not finite, or its denominator 0; [`NotComputable::Exceeds`] for a proportion with more
/// events than people.
pub fn funnel_baseline(of: FunnelOf, points: &[(f64, f64)]) -> Result<f64, NotComputable> {
    let most = super::AREAS_MOST;
    if points.is_empty() || points.len() > most {
        return Err(NotComputable::Size { measure: FUNNEL, what: "points", least: 1, most });
    }
    for (at, &(events, denominator)) in points.iter().enumerate() {
        check_point(of, events, denominator, at + 1)?;
    }
    let total = |side: fn(&(f64, f64)) -> f64| points.iter().map(side).sum::<f64>();
    Ok(total(|point| point.0) / total(|point| point.1))
}

fn check_point(
    of: FunnelOf,
    events: f64,
    denominator: f64,
    group: usize,
) -> Result<(), NotComputable> {
    if !(0.0..=DENOMINATOR_MOST).contains(&events) {
        let (what, rule) = ("the number of events", "from 0 to 10^12");
        return Err(NotComputable::Number { what, group, rule });
    }
    if !(denominator > 0.0 && denominator <= DENOMINATOR_MOST) {
        let (what, rule) = ("the denominator", "above 0, and at most 10^12");
        return Err(NotComputable::Number { what, group, rule });
    }
    if of == FunnelOf::Proportion && events > denominator {
        return Err(NotComputable::Exceeds { group });
    }
    Ok(())
}

/// The limits of the funnel around an average at a denominator.
///
/// For proportions they are those fractions whose Wilson score limit is the average, which is
/// `average ∓ z √(average (1 − average) / n)`, kept within 0 and 1. For rates they are those counts whose exact Poisson
/// limit (Garwood 1936) is the expected number, over the denominator; below as many expected events as leave more than
/// the tail for no event at all, the lower limit is 0.
///
/// # Errors
/// [`NotComputable::Undefined`] for a denominator or average outside of what the doc of [`FunnelOf`] says, or an average
/// of nothing or (of a proportion) of everything, around which there is no funnel.
pub fn funnel_limits(
    of: FunnelOf,
    average: f64,
    denominator: f64,
) -> Result<FunnelLimits, NotComputable> {
    check(of, average, denominator)?;
    let at = |level: Level| match of {
        FunnelOf::Proportion => {
            let half = level.z() * (average * (1.0 - average) / denominator).sqrt();
            Limits { lower: (average - half).max(0.0), upper: (average + half).min(1.0) }
        }
        FunnelOf::Rate => {
            let expected = average * denominator;
            let (lower, upper) = (fewest(expected, level), most(expected, level));
            Limits { lower: lower / denominator, upper: upper / denominator }
        }
    };
    let (two_sigma, three_sigma) = (at(Level::P95), at(Level::P998));
    let all = [two_sigma.lower, two_sigma.upper, three_sigma.lower, three_sigma.upper];
    if all.iter().all(|limit| limit.is_finite()) {
        Ok(FunnelLimits { denominator, two_sigma, three_sigma })
    } else {
        Err(undefined("a limit is not finite"))
    }
}

/// The chance of `events` or more where so many are expected, also between whole numbers.
fn chance_of_more(events: f64, expected: f64) -> f64 {
    if events <= 0.0 { 1.0 } else { checked_gamma_lr(events, expected).unwrap_or(f64::NAN) }
}

/// Byar's limits of a count at a level.
fn byar(events: f64, z: f64) -> f64 {
    events * (1.0 - 1.0 / (9.0 * events) + z / (3.0 * events.sqrt())).powi(3)
}

/// The count whose upper limit is what is expected.
fn fewest(expected: f64, level: Level) -> f64 {
    if expected > EXACT_TO {
        return crossing(0.0, expected, |events| byar(events + 1.0, level.z()) - expected);
    }
    let short = |events: f64| 1.0 - chance_of_more(events + 1.0, expected) - level.tail();
    if short(0.0) >= 0.0 { 0.0 } else { crossing(0.0, expected, short) }
}

/// The count whose lower limit is what is expected.
fn most(expected: f64, level: Level) -> f64 {
    let far = expected + 10.0 * expected.sqrt() + 40.0;
    if expected > EXACT_TO {
        return crossing(expected, far, |events| byar(events, -level.z()) - expected);
    }
    crossing(0.0, far, |events| level.tail() - chance_of_more(events, expected))
}

/// Where a rising function crosses 0, between two places on either side.
fn crossing(mut low: f64, mut high: f64, rising: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if rising(middle) < 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// As many as bring any span of the type to one step.
const HALVINGS: usize = 64;

/// The limits at [`FUNNEL_POINTS`] denominators from one to another, closer to each other among the smaller ones, as
/// the limits bend there.
///
/// # Errors
/// Those of [`funnel_limits`]; [`NotComputable::Undefined`] where the range is empty.
pub fn funnel_lines(
    of: FunnelOf,
    average: f64,
    from: f64,
    to: f64,
) -> Result<Vec<FunnelLimits>, NotComputable> {
    if !(from > 0.0 && from < to && to <= DENOMINATOR_MOST) {
        return Err(undefined("its axis has to go from above 0 to more, and at most to 10^12"));
    }
    let last = (FUNNEL_POINTS - 1) as f64;
    let denominator = |step: usize| {
        if step == FUNNEL_POINTS - 1 { to } else { from * (to / from).powf(step as f64 / last) }
    };
    (0..FUNNEL_POINTS).map(|step| funnel_limits(of, average, denominator(step))).collect()
}

/// A range of denominators with round ends in which all points have room: from 5 % below the least (or from 1, or
/// the least if that is less, where the greatest is more than twice the least) to 5 % above the greatest.
///
/// # Errors
/// [`NotComputable::Size`] without a denominator; [`NotComputable::Number`] for one that is not above 0 and finite.
pub fn funnel_axis(denominators: &[f64]) -> Result<(f64, f64), NotComputable> {
    if denominators.is_empty() {
        let most = super::AREAS_MOST;
        return Err(NotComputable::Size { measure: FUNNEL, what: "points", least: 1, most });
    }
    for (at, &denominator) in denominators.iter().enumerate() {
        check_point(FunnelOf::Rate, 0.0, denominator, at + 1)?;
    }
    let least = denominators.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = denominators.iter().copied().fold(0.0, f64::max);
    // Down to the first digit, up to the second.
    let step = |of: f64, digits: f64| 10_f64.powf(of.log10().floor() + 1.0 - digits);
    let (under, over) = (0.95 * least, 1.05 * greatest);
    let from = if greatest > 2.0 * least {
        least.min(1.0)
    } else {
        (under / step(under, 1.0)).floor() * step(under, 1.0)
    };
    let to = ((over / step(over, 2.0)).ceil() * step(over, 2.0)).min(DENOMINATOR_MOST);
    if from > 0.0 && from < to { Ok((from, to)) } else { Err(undefined("its axis has no length")) }
}

/// Where a point lies: whether the average is outside of the point's own limits, Wilson's for a proportion, and for a
/// rate exact ones below 10 events and Byar's from there on, as OHID assesses significance. (For a rate near a line it
/// may differ from what the line, which is exact, shows, by a fraction of an event.)
///
/// # Errors
/// Those of [`funnel_limits`] and [`funnel_baseline`].
pub fn funnel_place(
    of: FunnelOf,
    average: f64,
    events: f64,
    denominator: f64,
) -> Result<FunnelPlace, NotComputable> {
    check_point(of, events, denominator, 1)?;
    check(of, average, denominator)?;
    for level in [Level::P998, Level::P95] {
        let (low, high) = match of {
            FunnelOf::Proportion => {
                let (observed, half) = (
                    events / denominator,
                    level.z() * (average * (1.0 - average) / denominator).sqrt(),
                );
                (observed < average - half, observed > average + half)
            }
            FunnelOf::Rate => outside(events, average * denominator, level),
        };
        if low {
            return Ok(FunnelPlace::Low(level));
        }
        if high {
            return Ok(FunnelPlace::High(level));
        }
    }
    Ok(FunnelPlace::Within)
}

/// Whether what is expected is above the upper, or below the lower limit of a count.
fn outside(events: f64, expected: f64, level: Level) -> (bool, bool) {
    if events >= BYAR_FROM {
        return (expected > byar(events + 1.0, level.z()), expected < byar(events, -level.z()));
    }
    let fewer = 1.0 - chance_of_more(events + 1.0, expected);
    (fewer < level.tail(), chance_of_more(events, expected) < level.tail())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(a: f64, b: f64, part: f64) -> bool {
        (a - b).abs() <= part * b.abs()
    }

    /// Average, denominator, and lower and upper limits at both tails. Computed with SciPy 1.17: for proportions the
    /// formula of PHEindicatormethods, for rates roots of the regularised gamma functions to 1e-13.
    const LIMITS: [(FunnelOf, f64, f64, [f64; 4]); 8] = [
        (
            FunnelOf::Proportion,
            0.17,
            250.0,
            [0.12343693138978318, 0.21656306861021685, 0.09658502909819155, 0.24341497090180847],
        ),
        (
            FunnelOf::Proportion,
            0.62,
            31.0,
            [0.4491343011682118, 0.7908656988317883, 0.3505997933069972, 0.889400206693003],
        ),
        (
            FunnelOf::Proportion,
            0.04,
            1e6,
            [0.039615927065891295, 0.040384072934108714, 0.03939444061305798, 0.040605559386942026],
        ),
        (FunnelOf::Rate, 1.0, 2.5, [0.0, 2.597143386302576, 0.0, 3.6383065240402663]),
        (
            FunnelOf::Rate,
            1.0,
            40.0,
            [0.6901161330596766, 1.3336479802452834, 0.536776378129485, 1.5349872010473224],
        ),
        (
            FunnelOf::Rate,
            0.00125,
            88_000.0,
            [
                0.001016285326274678,
                0.0014944918570201373,
                0.0008927910803214536,
                0.0016396772607206774,
            ],
        ),
        (
            FunnelOf::Rate,
            0.5,
            19_998.0,
            [0.4901984486022673, 0.5098489144621209, 0.484594566523293, 0.5155479439957225],
        ),
        // Beyond what is inverted exactly.
        (
            FunnelOf::Rate,
            1.0,
            250_000.0,
            [0.9960799676100075, 1.0039238210039325, 0.9938232390501959, 1.0061881603435625],
        ),
    ];

    fn all(limits: FunnelLimits) -> [f64; 4] {
        let (two, three) = (limits.two_sigma, limits.three_sigma);
        [two.lower, two.upper, three.lower, three.upper]
    }

    #[test]
    fn limits_equal_an_independent_computation() {
        for (of, average, denominator, expected) in LIMITS {
            let found = all(funnel_limits(of, average, denominator).expect("limits"));
            let close = found.iter().zip(expected).all(|(a, b)| near(*a, b, 2e-9));
            assert!(close, "{of:?} {average} {denominator}: {found:?} {expected:?}");
        }
    }

    #[test]
    fn where_the_method_changes_limits_do_not_jump() {
        let (exact, approximate) = (
            all(funnel_limits(FunnelOf::Rate, 1.0, EXACT_TO).expect("limits")),
            all(funnel_limits(FunnelOf::Rate, 1.0, EXACT_TO + 1e-6).expect("limits")),
        );
        for (a, b) in exact.into_iter().zip(approximate) {
            assert!((a - b).abs() * EXACT_TO < 0.01, "{a} {b}");
        }
    }

    #[test]
    fn points_lie_where_their_limits_say() {
        use FunnelPlace::{High, Low, Within};
        // Computed with SciPy 1.17 and statsmodels 0.15: Wilson limits of 12 of 100 are 0.06999 to 0.19812 (95 %) and
        // 0.05162 to 0.25463 (99.8 %), exact Poisson limits of 3 events 0.6187 to 8.7673 and 0.1905 to 13.0622, Byar's
        // of 40 events 28.5733 to 54.4701 and 23.2332 to 63.6929.
        for (of, average, events, denominator, place) in [
            (FunnelOf::Proportion, 0.12, 12.0, 100.0, Within),
            (FunnelOf::Proportion, 0.1982, 12.0, 100.0, Low(Level::P95)),
            (FunnelOf::Proportion, 0.255, 12.0, 100.0, Low(Level::P998)),
            (FunnelOf::Proportion, 0.0699, 12.0, 100.0, High(Level::P95)),
            (FunnelOf::Proportion, 0.051, 12.0, 100.0, High(Level::P998)),
            (FunnelOf::Rate, 1.0, 3.0, 8.7, Within),
            (FunnelOf::Rate, 1.0, 3.0, 8.8, Low(Level::P95)),
            (FunnelOf::Rate, 1.0, 3.0, 13.1, Low(Level::P998)),
            (FunnelOf::Rate, 0.1, 3.0, 6.1, High(Level::P95)),
            (FunnelOf::Rate, 0.1, 3.0, 1.9, High(Level::P998)),
            (FunnelOf::Rate, 1.0, 0.0, 3.6, Within),
            (FunnelOf::Rate, 1.0, 0.0, 3.7, Low(Level::P95)),
            (FunnelOf::Rate, 1.0, 40.0, 28.5, High(Level::P95)),
            (FunnelOf::Rate, 1.0, 40.0, 23.2, High(Level::P998)),
            (FunnelOf::Rate, 1.0, 40.0, 54.5, Low(Level::P95)),
            (FunnelOf::Rate, 1.0, 40.0, 63.7, Low(Level::P998)),
        ] {
            let found = funnel_place(of, average, events, denominator);
            assert_eq!(found, Ok(place), "{of:?} {average} {events}/{denominator}");
        }
    }

    #[test]
    fn axes_have_round_ends_and_room() {
        for (denominators, axis) in [
            (&[1_500.0, 2_900.0][..], (1_000.0, 3_100.0)),
            (&[1_500.0, 3_100.0], (1.0, 3_300.0)),
            (&[10_500.0, 18_740.0], (9_000.0, 20_000.0)),
            (&[0.5, 40.0], (0.5, 42.0)),
            (&[7.0], (6.0, 7.4)),
        ] {
            let (from, to) = funnel_axis(denominators).expect("an axis");
            assert!(near(from, axis.0, 1e-12) && near(to, axis.1, 1e-12), "{from} {to}");
        }
        assert!(funnel_axis(&[]).is_err() && funnel_axis(&[1.0, 0.0]).is_err());
        assert!(funnel_axis(&[f64::NAN]).is_err());
    }

    #[test]
    fn averages_are_of_all_and_points_are_checked() {
        let points = [(10.0, 100.0), (30.0, 100.0)];
        assert_eq!(funnel_baseline(FunnelOf::Proportion, &points), Ok(0.2));
        let over = [(10.0, 100.0), (101.0, 100.0)];
        let exceeds = Err(NotComputable::Exceeds { group: 2 });
        assert_eq!(funnel_baseline(FunnelOf::Proportion, &over), exceeds);
        assert!(funnel_baseline(FunnelOf::Rate, &over).is_ok());
        assert!(funnel_baseline(FunnelOf::Rate, &[]).is_err());
        for (average, denominator) in
            [(0.0, 10.0), (1.0, 10.0), (-0.1, 10.0), (0.5, 0.0), (0.5, f64::NAN)]
        {
            assert!(funnel_limits(FunnelOf::Proportion, average, denominator).is_err());
        }
        assert!(funnel_limits(FunnelOf::Rate, 1e-300, 1e-300).is_err());
        assert!(funnel_lines(FunnelOf::Rate, 1.0, 5.0, 5.0).is_err());
        assert!(funnel_lines(FunnelOf::Rate, 1.0, 0.0, f64::INFINITY).is_err());
    }

    proptest! {
        #[test]
        fn a_point_is_outside_of_the_lines_where_it_is_said_to_be(
            proportion: bool, average in 0.01..0.99_f64, events in 0_u32..60, people in 1_u32..400,
        ) {
            let of = if proportion { FunnelOf::Proportion } else { FunnelOf::Rate };
            let (events, people) = (f64::from(events), f64::from(people));
            let place = funnel_place(of, average, events, people);
            if proportion && events > people {
                prop_assert!(place.is_err());
                return Ok(());
            }
            let limits = funnel_limits(of, average, people).expect("limits");
            let [two_low, two_high, three_low, three_high] = all(limits);
            prop_assert!(three_low <= two_low && two_low < average && average < two_high && two_high <= three_high);
            let at = events / people;
            // Byar's approximation is off by less than a tenth of an event from the line.
            let part = if proportion { 1e-9 } else { 0.1 / people };
            let lines = [two_low, two_high, three_low, three_high];
            prop_assume!(lines.iter().all(|line| (at - line).abs() > part) || at == 0.0);
            let expected = if at < three_low {
                FunnelPlace::Low(Level::P998)
            } else if at < two_low {
                FunnelPlace::Low(Level::P95)
            } else if at > three_high {
                FunnelPlace::High(Level::P998)
            } else if at > two_high {
                FunnelPlace::High(Level::P95)
            } else {
                FunnelPlace::Within
            };
            prop_assert_eq!(place, Ok(expected));
        }

        #[test]
        fn no_input_gives_a_number_that_is_none(
            rate: bool, average in odd(), events in odd(), denominator in odd(),
        ) {
            let of = if rate { FunnelOf::Rate } else { FunnelOf::Proportion };
            if let Ok(limits) = funnel_limits(of, average, denominator) {
                prop_assert!(all(limits).iter().all(|limit| limit.is_finite() && *limit >= 0.0));
            }
            let _ = funnel_place(of, average, events, denominator);
            if let Ok(average) = funnel_baseline(of, &[(events, denominator), (1.0, 1.0)]) {
                prop_assert!(average.is_finite());
            }
            if let Ok((from, to)) = funnel_axis(&[denominator, events]) {
                prop_assert!(from > 0.0 && from < to && to.is_finite());
            }
        }
    }

    fn odd() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            Just(1.0),
            Just(-1.0),
            Just(1e9),
            Just(1e12),
            Just(1e-300),
            Just(f64::MAX),
            Just(f64::NAN),
            Just(f64::INFINITY),
            0.0..1.0_f64,
            0.0..1e5_f64,
        ]
    }

    #[test]
    fn lines_go_from_end_to_end() {
        let lines = funnel_lines(FunnelOf::Rate, 0.02, 1.0, 90_000.0).expect("lines");
        assert_eq!(lines.len(), FUNNEL_POINTS);
        assert_eq!((lines[0].denominator, lines[99].denominator), (1.0, 90_000.0));
        assert!(lines.windows(2).all(|pair| {
            pair[0].denominator < pair[1].denominator
                && pair[0].two_sigma.upper > pair[1].two_sigma.upper
                && pair[0].two_sigma.lower <= pair[1].two_sigma.lower
        }));
    }
}
