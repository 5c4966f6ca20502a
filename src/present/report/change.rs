//! How a gap changed, and whether it is steady from month to month.

use evensum_core::catalogue::Polarity;
use evensum_core::model::Period;
use evensum_core::statistics::{Better, FEW_POINTS, PointKind, Span, control_chart};
use serde::Serialize;

use super::super::{json, words};
use super::section::Point;
use super::value::{Reading, Verdict};

/// How a gap stands against an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Clearly wider.
    Wider,
    /// Clearly narrower.
    Narrower,
    /// The other end is higher now.
    Turned,
    /// What both may be overlaps.
    NoClear,
    /// The groups are not the same: another edition of the index of deprivation.
    NotComparable,
    /// Of one of the two it is not known which end is higher.
    TooOpen,
    /// One of the two has no figure.
    NoFigure,
}

impl Change {
    /// Of a gap against an earlier one.
    pub(super) fn between(now: &Reading, before: Option<&Reading>) -> Self {
        let Some(before) = before else { return Self::NoFigure };
        let reach = |one: &Reading| one.gap.as_ref().and_then(|gap| gap.difference.reach());
        let (Some(new), Some(old)) = (reach(now), reach(before)) else { return Self::NoFigure };
        if now.edition != before.edition || now.ends != before.ends {
            return Self::NotComparable;
        }
        if new.low <= old.high && old.low <= new.high {
            let open =
                |one: &Reading| one.gap.as_ref().is_some_and(|gap| gap.verdict == Verdict::Open);
            return if open(now) || open(before) { Self::TooOpen } else { Self::NoClear };
        }
        let rises = new.low > old.high;
        match (side(old), side(new)) {
            (1, -1) | (-1, 1) => Self::Turned,
            (1, _) | (0, 1) if rises => Self::Wider,
            (-1, _) | (0, -1) if !rises => Self::Wider,
            (0, 0) => Self::NoClear,
            _ => Self::Narrower,
        }
    }

    /// An arrow, which never stands without its words.
    #[must_use]
    pub const fn arrow(self) -> &'static str {
        match self {
            Self::Wider => "▲",
            Self::Narrower => "▼",
            Self::Turned => "⇄",
            Self::NoClear => "▶",
            Self::NotComparable | Self::TooOpen | Self::NoFigure => "–",
        }
    }

    /// In words: `Wider than in April 2026`.
    #[must_use]
    pub fn says(self, before: &str) -> String {
        match self {
            Self::Wider => format!("Wider than in {before}"),
            Self::Narrower => format!("Narrower than in {before}"),
            Self::Turned => format!("Turned round since {before}"),
            Self::NoClear => format!("No clear change since {before}"),
            Self::NotComparable => {
                format!("Not to be compared with {before}: the groups are made differently")
            }
            Self::TooOpen => format!("Not to be compared with {before}: too much is withheld"),
            Self::NoFigure => format!("No gap is known for {before}"),
        }
    }
}

/// 1 above nought, -1 below, 0 where it may be either.
fn side(span: Span) -> i8 {
    if span.low > 0.0 {
        1
    } else if span.high < 0.0 {
        -1
    } else {
        0
    }
}

/// What a signal means for the most deprived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The gap closes.
    Improvement,
    /// The gap widens to the disadvantage of the most deprived.
    Concern,
    /// Neither is better.
    Neither,
}

/// A month that chance does not explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unusual {
    /// When.
    pub period: Period,
    /// What it means.
    pub meaning: Meaning,
}

/// Whether the gap is steady from period to period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Steadiness {
    /// In a sentence.
    pub sentence: String,
    /// The first period that it is about: after the last change of the index's edition.
    pub from: Option<Period>,
    /// The mean of the gaps.
    pub mean: Option<f64>,
    /// The lower limit of what chance explains.
    pub lower: Option<f64>,
    /// The upper limit.
    pub upper: Option<f64>,
    /// The periods outside of it.
    pub signals: Vec<Unusual>,
}

impl Steadiness {
    fn only(sentence: String) -> Self {
        let signals = Vec::new();
        Self { sentence, from: None, mean: None, lower: None, upper: None, signals }
    }

    /// Of the gaps since the index's edition last changed. Its middle stands for a gap that is known between ends alone;
    /// where these are further apart than chance would be, nothing is said.
    pub(super) fn of(series: &[Point], polarity: Polarity) -> Self {
        let own = since_break(series);
        let known: Vec<(Period, Span)> = own
            .iter()
            .filter_map(|point| {
                let gap = point.reading.as_ref()?.gap.as_ref()?;
                Some((point.period, gap.difference.span()?))
            })
            .collect();
        if known.len() < FEW_POINTS {
            return Self::only(format!(
                "Too few gaps are known to say what is usual: {} of the {FEW_POINTS} that are needed.",
                known.len()
            ));
        }
        let middle = |point: &Point| {
            let of = known.iter().find(|(period, _)| *period == point.period);
            of.map(|(_, span)| span.middle())
        };
        let values: Vec<Option<f64>> = own.iter().map(middle).collect();
        let chart = match control_chart(&values, &[], better(&known, polarity), None) {
            Ok(chart) => chart,
            Err(why) => return Self::only(format!("What is usual cannot be said: {why}.")),
        };
        let Some(limits) = chart.segments.last() else {
            return Self::only("What is usual cannot be said.".to_owned());
        };
        let reach = limits.limits.upper - limits.mean;
        if known.iter().any(|(_, span)| span.high - span.low > reach.max(HAIR)) {
            return Self::only(
                "What is hidden or rounded leaves the gaps too open to say what is usual from month to month.".to_owned(),
            );
        }
        let signals: Vec<Unusual> = own
            .iter()
            .zip(&chart.points)
            .filter_map(|(point, said)| {
                let meaning = match said.as_ref()?.kind {
                    PointKind::Common => return None,
                    PointKind::Improvement => Meaning::Improvement,
                    PointKind::Concern => Meaning::Concern,
                    PointKind::Neither => Meaning::Neither,
                };
                Some(Unusual { period: point.period, meaning })
            })
            .collect();
        let sentence = sentence(known.last().map(|(period, _)| *period), &signals);
        Self {
            sentence,
            from: known.first().map(|(period, _)| *period),
            mean: Some(json::rounded(limits.mean)),
            lower: Some(json::rounded(limits.limits.lower)),
            upper: Some(json::rounded(limits.limits.upper)),
            signals,
        }
    }
}

fn sentence(last: Option<Period>, signals: &[Unusual]) -> String {
    match signals.last() {
        None => {
            "Steady: the gap goes up and down from month to month no more than chance would make it."
                .to_owned()
        }
        Some(one) if Some(one.period) == last => match one.meaning {
            Meaning::Concern => "Signal of concern: the latest gaps are wider than chance explains.",
            Meaning::Improvement => "Signal of improvement: the latest gaps are narrower than chance explains.",
            Meaning::Neither => "Signal of change: the latest gaps are not explained by chance.",
        }
        .to_owned(),
        Some(one) => format!(
            "Unusual in {}, and as usual since then.",
            words::period(one.period)
        ),
    }
}

/// The arithmetic of ranges makes this much of nothing.
const HAIR: f64 = 1e-6;

/// Which way a gap gets better: to nought, where it is to the disadvantage of the most deprived. One to their advantage
/// has no better way.
fn better(known: &[(Period, Span)], polarity: Polarity) -> Better {
    let sum: f64 = known.iter().map(|(_, span)| span.middle()).sum();
    match polarity {
        Polarity::LowerIsBetter if sum > 0.0 => Better::Lower,
        Polarity::HigherIsBetter if sum < 0.0 => Better::Higher,
        _ => Better::Neither,
    }
}

/// The points from the last change of the index's edition on.
pub(super) fn since_break(series: &[Point]) -> &[Point] {
    let edition = |point: &Point| point.reading.as_ref().and_then(|reading| reading.edition);
    let last = series.iter().rev().find_map(edition);
    let other = |point: &Point| edition(point).is_some_and(|own| Some(own) != last);
    let from = series.iter().rposition(other).map_or(0, |at| at + 1);
    series.get(from..).unwrap_or_default()
}

/// Whether a clear gap is to the disadvantage of the most deprived; nothing where neither way is better.
pub(super) fn worse(verdict: Verdict, polarity: Polarity) -> Option<bool> {
    match (verdict, polarity) {
        (Verdict::Higher, Polarity::LowerIsBetter) | (Verdict::Lower, Polarity::HigherIsBetter) => {
            Some(true)
        }
        (Verdict::Lower, Polarity::LowerIsBetter) | (Verdict::Higher, Polarity::HigherIsBetter) => {
            Some(false)
        }
        _ => None,
    }
}
