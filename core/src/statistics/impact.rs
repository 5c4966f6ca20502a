//! What would be gained if every group were as well off as a reference group: population attributable risk and
//! fraction, and events avoided.
//!
//! Definitions are those of the package healthequal of the WHO: `PAR = y_ref − μ`, `PAF = 100 PAR / μ`, and both are 0
//! where the mean is already better than the reference. They say nothing of causes: they compare groups as they are.

use super::better::Better;
use super::group::{Group, check_groups, finite, positive_mean};
use super::quantity::Quantity;
use super::reason::NotComputable;

const PAR: &str = "the population attributable risk";
const PAF: &str = "the population attributable fraction";
const AVOIDED: &str = "the number of events avoided";

/// Which group all others are compared to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The most advantaged: the last of groups that are given from the most to the least deprived.
    MostAdvantaged,
    /// The one with the best value, for groups without an order.
    Best,
}

fn references<N>(groups: &[Group<N>], reference: Reference) -> std::ops::Range<usize> {
    match reference {
        Reference::MostAdvantaged => groups.len() - 1..groups.len(),
        Reference::Best => 0..groups.len(),
    }
}

/// The best of what each of the reference groups gains, and nothing where none gains anything.
fn gain<N: Quantity>(
    measure: &'static str,
    groups: &[Group<N>],
    (reference, better): (Reference, Better),
    of: impl Fn(usize) -> N,
) -> Result<N, NotComputable> {
    let of_all = references(groups, reference).map(of);
    let gained = match better {
        Better::Higher => of_all.reduce(Quantity::max).map(|gain| gain.max(N::of(0.0))),
        Better::Lower => of_all.reduce(Quantity::min).map(|gain| gain.min(N::of(0.0))),
        Better::Neither => {
            let why = "neither higher nor lower is better, so there is nothing to gain";
            return Err(NotComputable::Undefined { measure, why });
        }
    };
    finite(measure, gained.unwrap_or(N::of(0.0)))
}

/// The population attributable risk, `y_ref − μ`, in the units of the values: above 0 where higher is better, below 0
/// where lower is, and 0 where the mean is better than the reference.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Undefined`] where neither way is better.
pub fn attributable_risk<N: Quantity>(
    groups: &[Group<N>],
    reference: Reference,
    better: Better,
) -> Result<N, NotComputable> {
    check_groups(PAR, groups)?;
    gain(PAR, groups, (reference, better), |at| N::deviation(groups, at))
}

/// The population attributable fraction, `100 (y_ref − μ) / μ`, in per cent of the mean, with the sign of the risk.
///
/// # Errors
/// Those of [`attributable_risk`]; [`NotComputable::Number`] for values that may be negative and
/// [`NotComputable::Undefined`] where the mean may be 0.
pub fn attributable_fraction<N: Quantity>(
    groups: &[Group<N>],
    reference: Reference,
    better: Better,
) -> Result<N, NotComputable> {
    positive_mean(PAF, groups)?;
    let fraction = |at: usize| N::of(100.0) * (N::relative(groups, at) - N::of(1.0));
    gain(PAF, groups, (reference, better), fraction)
}

/// Events avoided where lower is better, or gained where higher is, if every group had the value of the reference:
/// `|PAR| Σn / per`, in events. The values are events per `per` people: 1 for fractions, 100 for per cent, 100 000 for
/// rates per 100 000.
///
/// # Errors
/// Those of [`attributable_risk`]; [`NotComputable::Undefined`] where `per` is not above 0.
pub fn events_avoided<N: Quantity>(
    groups: &[Group<N>],
    reference: Reference,
    better: Better,
    per: f64,
) -> Result<N, NotComputable> {
    check_groups(AVOIDED, groups)?;
    if !(per.is_finite() && per >= 1.0) {
        let why = "its values are per so many people, and that has to be 1 or more";
        return Err(NotComputable::Undefined { measure: AVOIDED, why });
    }
    // Written as a sum over the other groups, each quantity takes the same end in all terms.
    let events = |reference: usize| {
        let base = groups[reference].value;
        let others = groups.iter().enumerate().filter(|&(at, _)| at != reference);
        others.fold(N::of(0.0), |sum, (_, group)| sum + group.population * (base - group.value))
    };
    let gained = gain(AVOIDED, groups, (reference, better), events)?;
    finite(AVOIDED, (gained.abs() / N::of(per)).max(N::of(0.0)))
}
