//! What an analyst's own reference data add to a verified answer. It never travels and is never added up with what
//! the partners released.

use super::rate::Rates;
use super::refusal::RateRefusal;
use crate::model::Period;

/// Rates and published figures beside an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beside {
    /// Rates, or why there are none; nothing where the indicator is no rate.
    pub rates: Option<Result<Rates, RateRefusal>>,
    /// Published figures of the same indicator and period.
    pub published: Vec<Published>,
}

/// A figure that somebody published, such as England's.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Of which area.
    pub area: String,
    /// Of whom, where it is not of everybody: `18+ yrs`.
    pub group: Option<String>,
    /// The period.
    pub period: Period,
    /// The figure, in the series' own unit.
    pub value: f64,
    /// Its published lower limit.
    pub lower: Option<f64>,
    /// Its published upper limit.
    pub upper: Option<f64>,
    /// What the series is called by those who publish it.
    pub metric: String,
    /// Where it comes from.
    pub source: String,
}
