//! Limits of the slope and the relative index: simulated, and in closed form.

use super::super::draw::Draws;
use super::super::level::{Estimate, Level, Limits};
use super::super::reason::NotComputable;
use super::line::Line;
use super::{CROSSES, Quantile, RII, SII, SlopeMethod, SlopePoint, ValueType, placed};

type Indices = (Estimate, Result<Estimate, NotComputable>);

/// The standard error of each value on the scale of its type: `(T(U) − T(L)) / 2z`.
pub(super) fn errors(known: &[Quantile], value_type: ValueType) -> Result<Vec<f64>, NotComputable> {
    let scale = value_type.scale();
    let mut errors = Vec::with_capacity(known.len());
    for (at, quantile) in known.iter().enumerate() {
        let group = at + 1;
        let Limits { lower, upper } =
            quantile.limits.ok_or(NotComputable::NoLimits { measure: SII })?;
        value_type.check(group, lower)?;
        value_type.check(group, upper)?;
        if lower > upper {
            let rule = "not below the lower one";
            return Err(NotComputable::Number { what: "the upper limit", group, rule });
        }
        let width = placed(scale, upper)? - placed(scale, lower)?;
        placed(scale, quantile.value)?;
        errors.push(width / (2.0 * Level::P95.z()));
    }
    Ok(errors)
}

/// Limits without simulation, for values on their own scale.
pub(super) fn closed(
    errors: &[f64],
    line: &Line<f64>,
    point: &SlopePoint,
    multiplier: f64,
) -> Result<Indices, NotComputable> {
    let (most, least) = (line.at(-0.5), line.at(0.5));
    let covariance = |one: &[f64], other: &[f64]| {
        let weights = one.iter().zip(other);
        weights.zip(errors).map(|((one, other), error)| (one * error) * (other * error)).sum()
    };
    let variance: f64 = covariance(&line.levers, &line.levers);
    let sii = Estimate::new(SII, point.sii, |level| {
        let half = level.z() * variance.sqrt() * multiplier.abs();
        Ok(Limits { lower: point.sii - half, upper: point.sii + half })
    })?;
    let between = covariance(&most, &least);
    let of_most = End { value: point.ends.0, variance: covariance(&most, &most) };
    let of_least = End { value: point.ends.1, variance: covariance(&least, &least) };
    let (above, below) = if multiplier < 0.0 { (of_most, of_least) } else { (of_least, of_most) };
    let rii = point.rii.clone().and_then(|ratio| {
        Estimate::new(RII, ratio, |level| fieller(&above, &below, between, level))
    });
    Ok((sii, rii))
}

/// The line's value at one end.
struct End {
    value: f64,
    variance: f64,
}

/// Fieller's limits of the ratio of two values with known variances and covariance: the roots of
/// `(d² − z²V_d)λ² − 2(nd − z²V_nd)λ + (n² − z²V_n) = 0`.
fn fieller(
    above: &End,
    below: &End,
    covariance: f64,
    level: Level,
) -> Result<Limits, NotComputable> {
    let square = level.z() * level.z();
    let (n, d) = (above.value, below.value);
    let (of_n, of_d, both) =
        (square * above.variance, square * below.variance, square * covariance);
    let leading = d * d - of_d;
    if leading <= 0.0 {
        return Err(NotComputable::Undefined { measure: RII, why: CROSSES });
    }
    // The products of the values alone cancel: what is left keeps its digits where the errors are small.
    let inner = d * d * of_n - 2.0 * n * d * both + n * n * of_d + (both * both - of_n * of_d);
    let (middle, half) = (n * d - both, inner.max(0.0).sqrt());
    Ok(Limits { lower: (middle - half) / leading, upper: (middle + half) / leading })
}

/// The results of all draws.
struct Drawn {
    sii: Vec<f64>,
    rii: Vec<f64>,
    /// In how many the end that the ratio divides by is on the other side of zero.
    crossed: usize,
}

/// Limits by simulation.
pub(super) fn simulated(
    known: &[Quantile],
    errors: &[f64],
    line: &Line<f64>,
    point: &SlopePoint,
    method: &SlopeMethod,
) -> Result<Indices, NotComputable> {
    let scale = method.value_type.scale();
    let centres: Result<Vec<f64>, _> =
        known.iter().map(|quantile| placed(scale, quantile.value)).collect();
    let mut drawn = draw(&centres?, errors, line, point, method);
    drawn.sii.sort_by(f64::total_cmp);
    drawn.rii.sort_by(f64::total_cmp);
    let sii = Estimate::new(SII, point.sii, |level| Ok(at_places(&drawn.sii, level)))?;
    let rii = point.rii.clone().and_then(|ratio| {
        if drawn.crossed >= place(drawn.rii.len(), Level::P998.tail()) {
            return Err(NotComputable::Undefined { measure: RII, why: CROSSES });
        }
        Estimate::new(RII, ratio, |level| Ok(at_places(&drawn.rii, level)))
    });
    Ok((sii, rii))
}

fn draw(
    centres: &[f64],
    errors: &[f64],
    line: &Line<f64>,
    point: &SlopePoint,
    method: &SlopeMethod,
) -> Drawn {
    let (scale, fit) = (method.value_type.scale(), method.fit());
    let middle = point.intercept + point.gradient / 2.0;
    let repetitions = method.repetitions as usize;
    let mut draws = Draws::of(method.seed);
    let mut values = vec![0.0; centres.len()];
    let mut drawn = Drawn {
        sii: Vec::with_capacity(repetitions),
        rii: Vec::with_capacity(repetitions),
        crossed: 0,
    };
    for _ in 0..repetitions {
        for (value, (centre, error)) in values.iter_mut().zip(centres.iter().zip(errors)) {
            let there = centre + error * draws.normal();
            *value = if method.transform { there } else { scale.back(there) };
        }
        let (mean, gradient) = line.fit(&values);
        let ends = |mean: f64| (fit.back(mean - gradient / 2.0), fit.back(mean + gradient / 2.0));
        let ((most, least), anchored) = (ends(mean), ends(middle));
        drawn.sii.push((anchored.1 - anchored.0) * method.multiplier);
        let (above, below, at) = if method.multiplier < 0.0 {
            (most, least, point.ends.1)
        } else {
            (least, most, point.ends.0)
        };
        drawn.rii.push(above / below);
        drawn.crossed += usize::from(below * at.signum() <= 0.0);
    }
    drawn
}

/// The sorted place, from 1, of a part of so many: rounded, a half to the even number, as R does.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of at most a million places"
)]
pub(super) fn place(places: usize, part: f64) -> usize {
    (places as f64 * part).round_ties_even() as usize
}

fn at_places(sorted: &[f64], level: Level) -> Limits {
    let at = |part: f64| {
        let place = place(sorted.len(), part).clamp(1, sorted.len());
        sorted.get(place - 1).copied().unwrap_or(f64::NAN)
    };
    Limits { lower: at(level.tail()), upper: at(1.0 - level.tail()) }
}
