//! What a report shows of one figure, one gap and one point in time. Numbers are in the indicator's own unit: shares in
//! per cent, gaps between shares in percentage points.

use evensum_core::catalogue::IndicatorKind;
use evensum_core::model::{CellState, ImdEdition, Period};
use evensum_core::statistics::{Limits, Span};
use evensum_core::view::{Answer, Cell, Inequality, Known, Unit, ViewKind, inequalities};
use serde::{Serialize, Serializer};

use super::super::number::{Places, Share, part, points, thousands};
use super::super::{figure, grid, headline, json, rate, words};

/// The dimension whose two ends a report compares.
pub(super) const DEPRIVATION: &str = "imd";

/// Why no number stands somewhere, by the shorthand of the Government Analysis Function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Withheld under disclosure control: `[c]`.
    Withheld,
    /// Not collected, not answered, or not to be worked out: `[x]`.
    NotAvailable,
    /// It cannot occur: `[z]`.
    NotApplicable,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Withheld, Self::NotAvailable, Self::NotApplicable];

    /// The shorthand.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Withheld => "[c]",
            Self::NotAvailable => "[x]",
            Self::NotApplicable => "[z]",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Withheld => {
                "confidential: withheld so that nobody can be recognised. It is not zero"
            }
            Self::NotAvailable => {
                "not available: not collected, not answered, or not to be worked out from what was released"
            }
            Self::NotApplicable => "not applicable: it cannot occur",
        }
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A figure as it is shown. A number that is not there has a mark and is not zero.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// For people: `4.1 % to 4.6 %`, `withheld`.
    pub text: String,
    /// The least that it can be.
    pub low: Option<f64>,
    /// The most that it can be.
    pub high: Option<f64>,
    /// The outermost lower 95 % limit of all that it can be.
    pub lower95: Option<f64>,
    /// The outermost upper 95 % limit.
    pub upper95: Option<f64>,
    /// Why there is no number.
    pub mark: Option<Mark>,
}

impl Shown {
    /// Nothing, and why.
    pub(super) fn none(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            low: None,
            high: None,
            lower95: None,
            upper95: None,
            mark: Some(mark),
        }
    }

    fn known(text: String, low: f64, high: Option<f64>, limits: Option<Limits>) -> Self {
        // A negative nought is nought.
        let number = |n: f64| n.is_finite().then(|| json::rounded(n) + 0.0);
        Self {
            text,
            low: number(low),
            high: high.and_then(number),
            lower95: limits.and_then(|l| number(l.lower)),
            upper95: limits.and_then(|l| number(l.upper)),
            mark: None,
        }
    }

    /// Both ends, where there are both.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        Some(Span { low: self.low?, high: self.high? })
    }

    /// Both 95 % limits, else both ends.
    #[must_use]
    pub fn reach(&self) -> Option<Span> {
        let limits = self.lower95.zip(self.upper95).map(|(low, high)| Span { low, high });
        limits.or_else(|| self.span())
    }

    /// The limits in words: `3.9 % to 4.8 %`.
    #[must_use]
    pub fn limits(&self) -> Option<(f64, f64)> {
        self.lower95.zip(self.upper95)
    }
}

/// Which way a gap points, as far as the figures tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// An end is withheld.
    Withheld,
    /// An end has no figure for another reason.
    NoFigure,
    /// What is hidden or rounded leaves open which end is higher.
    Open,
    /// Both ends are the same.
    Even,
    /// The 95 % limits of the two ends overlap: it may be chance.
    MayBeChance,
    /// Higher in the most deprived, whatever is hidden; the limits are apart, or none are made.
    Higher,
    /// Lower in the most deprived.
    Lower,
}

impl Verdict {
    /// Whether the figures tell the two ends apart.
    #[must_use]
    pub const fn is_clear(self) -> bool {
        matches!(self, Self::Higher | Self::Lower)
    }
}

/// The most deprived minus the least deprived.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// The difference, with its sign; in words without it: `2 to 4 points higher`.
    pub difference: Shown,
    /// How many times as high it is in the most deprived.
    pub ratio: Option<Shown>,
    /// What it tells.
    pub verdict: Verdict,
    /// Whether sampling limits are made of such figures.
    pub tested: bool,
    /// The difference if everybody of whom the deprivation is not known belonged to the group that makes it least, and
    /// to the one that makes it greatest.
    pub with_unknown: Option<Shown>,
    /// The share of whom the deprivation is not known.
    pub not_known: Option<Shown>,
}

/// An indicator in one period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// The period.
    pub period: Period,
    /// The period in words.
    pub period_name: String,
    /// Of everybody.
    pub all: Shown,
    /// Of the most deprived.
    pub most: Shown,
    /// Of the least deprived.
    pub least: Shown,
    /// The names of the two ends.
    pub ends: Option<(String, String)>,
    /// The gap; nothing where the indicator's groups cannot be compared.
    pub gap: Option<Gap>,
    /// The edition of the index of deprivation.
    pub edition: Option<&'static str>,
}

impl Reading {
    pub(super) fn of(answer: &Answer) -> Self {
        let summary =
            inequalities(answer).into_iter().find(|i| i.level.dimension().as_str() == DEPRIVATION);
        let axis = answer.axes.iter().position(|a| a.dimension.as_str() == DEPRIVATION);
        let ends = axis.and_then(|at| headline::ends(answer.axes.get(at)?));
        let end = |last: bool| {
            let known = axis.and_then(|at| Some((at, grid::known(answer.axes.get(at)?))));
            let cell = known.and_then(|(at, known)| {
                let position = if last { known.last() } else { known.first() };
                grid::alone(answer, at, *position?)
            });
            cell.map_or_else(nothing, |cell| of_cell(answer, cell))
        };
        let (most, least) = (end(false), end(true));
        let gap = summary.map(|one| gap(answer, &one, (&most, &least)));
        Self {
            period: answer.period,
            period_name: words::period(answer.period),
            all: whole(answer),
            most,
            least,
            ends: ends.map(|(a, b)| (a.to_owned(), b.to_owned())),
            gap,
            edition: answer.imd_edition.map(ImdEdition::as_str),
        }
    }
}

fn nothing() -> Shown {
    Shown::none(Mark::NotAvailable, "not available")
}

/// What an answer says of everybody.
pub(super) fn whole(answer: &Answer) -> Shown {
    grid::cell(answer, &grid::total(answer)).map_or_else(nothing, |cell| of_cell(answer, cell))
}

/// What stands for a cell.
pub(super) fn of_cell(answer: &Answer, cell: &Cell) -> Shown {
    match cell.numerator.state {
        CellState::StructuralZero => return Shown::none(Mark::NotApplicable, "none possible"),
        CellState::NotCollected => return Shown::none(Mark::NotAvailable, "not collected"),
        _ => {}
    }
    if words::hidden(cell.numerator.state) || words::hidden(cell.denominator.state) {
        return Shown::none(Mark::Withheld, "withheld");
    }
    match &answer.indicator.kind {
        IndicatorKind::Proportion if exact(answer) => exact_share(cell),
        IndicatorKind::Proportion => share(cell),
        IndicatorKind::Rate { .. } => rated(answer, cell).unwrap_or_else(|| count(cell)),
        IndicatorKind::Count => count(cell),
        IndicatorKind::Mean { .. }
        | IndicatorKind::Quantile { .. }
        | IndicatorKind::Ratio { .. } => measured(cell),
    }
}

/// A share in a table: one sign for both ends is enough.
pub(super) fn brief(share: Share) -> String {
    share.cell().replacen(" % to ", " to ", 1)
}

fn share(cell: &Cell) -> Shown {
    let (Some(known), Some(said)) = (cell.proportion, words::share(cell)) else {
        return Shown::none(Mark::NotAvailable, "nobody");
    };
    if said == Share::Unknown {
        return Shown::none(Mark::Withheld, "too much withheld");
    }
    let limits = Limits { lower: known.lower95 * 100.0, upper: known.upper95 * 100.0 };
    Shown::known(brief(said), known.low * 100.0, Some(known.high * 100.0), Some(limits))
}

/// Whether an answer's figures are one's own as they are: they are rounded to the nearest, since nothing is open.
pub(super) fn exact(answer: &Answer) -> bool {
    answer.view == ViewKind::Partner && answer.policy.is_none()
}

fn exact_share(cell: &Cell) -> Shown {
    let counts = cell.numerator.published.zip(cell.denominator.published);
    let said = counts.and_then(|(above, below)| part(above, below));
    let (Some(known), Some(said)) = (cell.proportion, said) else {
        return Shown::none(Mark::NotAvailable, "nobody");
    };
    let limits = Limits { lower: known.lower95 * 100.0, upper: known.upper95 * 100.0 };
    Shown::known(said, known.low * 100.0, Some(known.high * 100.0), Some(limits))
}

fn rated(answer: &Answer, cell: &Cell) -> Option<Shown> {
    let rates = answer.beside.rates.as_ref()?.as_ref().ok()?;
    let known = rates.at(&cell.at)?.bounds;
    let limits = known.upper95.map(|upper| Limits { lower: known.lower95, upper });
    Some(Shown::known(rate::range(known.low, known.high), known.low, known.high, limits))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(cell: &Cell) -> Shown {
    let bounds = cell.numerator.bounds;
    let high = bounds.high.map(|high| high as f64);
    Shown::known(words::count(&cell.numerator), bounds.low as f64, high, None)
}

fn measured(cell: &Cell) -> Shown {
    use evensum_core::disclosure::FigureGap;
    match cell.figures.first() {
        Some(said @ Ok(bounds)) => Shown::known(figure::text(said), bounds.low, bounds.high, None),
        Some(said @ Err(gap)) => {
            let mark = match gap {
                FigureGap::Withheld | FigureGap::PartWithheld | FigureGap::MostlyWithheld => {
                    Mark::Withheld
                }
                FigureGap::Nobody | FigureGap::NothingBelow => Mark::NotApplicable,
            };
            Shown::none(mark, figure::text(said))
        }
        None => nothing(),
    }
}

fn scale(unit: Unit) -> f64 {
    match unit {
        Unit::Share => 100.0,
        Unit::Rate(_) | Unit::Figure => 1.0,
    }
}

/// Tenths where every group is large enough for them.
fn places(one: &Inequality) -> Places {
    let known = one.groups.iter().filter_map(|group| group.known);
    Places::of(known.map(|known| known.denominator.low).min().unwrap_or_default())
}

/// A distance between values without its sign: `2 to 4 points`, `12.1 per 1,000`.
fn distance(answer: &Answer, one: &Inequality, span: Span) -> String {
    let through = span.low < 0.0 && span.high > 0.0;
    let size = if through {
        Span { low: 0.0, high: span.high.max(-span.low) }
    } else {
        Span::between(span.low.abs(), span.high.abs())
    };
    if exact(answer) && size.high - size.low < HAIR {
        return match one.unit {
            Unit::Share => format!("{:.1} points", size.low * 100.0),
            Unit::Rate(per) => format!("{:.1} per {}", size.low, thousands(per.into())),
            Unit::Figure => {
                format!("{:.1} {}", size.low, words::clean(&answer.indicator.unit))
            }
        };
    }
    match one.unit {
        Unit::Share => {
            let text = points(size.low, size.high, places(one)).replace("percentage ", "");
            match text.as_str() {
                "1 points" | "up to 1 points" => text.trim_end_matches('s').to_owned(),
                _ => text,
            }
        }
        Unit::Rate(per) => {
            format!("{} per {}", rate::range(size.low, Some(size.high)), thousands(per.into()))
        }
        Unit::Figure => format!(
            "{} {}",
            rate::range(size.low, Some(size.high)),
            words::clean(&answer.indicator.unit)
        ),
    }
}

/// The limits of a difference of two values by Newcombe's squaring and adding (1998, method 10), from the outermost
/// ends of both.
fn limits_of(a: Known, b: Known) -> Option<Limits> {
    let (one, other) = (a.limits?, b.limits?);
    let below = (a.value.low - one.lower).hypot(other.upper - b.value.high);
    let above = (one.upper - a.value.high).hypot(b.value.low - other.lower);
    let difference = a.value - b.value;
    Some(Limits { lower: difference.low - below, upper: difference.high + above })
}

fn gap(answer: &Answer, one: &Inequality, (most, least): (&Shown, &Shown)) -> Gap {
    let scale = scale(one.unit);
    let first = one.groups.first().and_then(|group| group.known);
    let last = one.groups.last().and_then(|group| group.known);
    let withheld = [most, least].iter().any(|end| end.mark == Some(Mark::Withheld));
    let verdict = verdict(one, withheld);
    let limits = first.zip(last).and_then(|(a, b)| limits_of(a, b));
    let limits = limits.map(|l| Limits { lower: l.lower * scale, upper: l.upper * scale });
    let difference = match &one.difference {
        Ok(span) => {
            let size = distance(answer, one, *span);
            let text = match verdict {
                Verdict::Even => "no difference".to_owned(),
                _ if span.low > 0.0 => format!("{size} higher"),
                _ if span.high < 0.0 => format!("{size} lower"),
                _ => format!("either way, by {size}"),
            };
            Shown::known(text, span.low * scale, Some(span.high * scale), limits)
        }
        Err(_) if withheld => Shown::none(Mark::Withheld, "withheld"),
        Err(_) => Shown::none(Mark::NotAvailable, "not known"),
    };
    let times = |span: &Span| {
        let text = if exact(answer) && span.high - span.low < HAIR {
            format!("{:.2} times", span.low)
        } else {
            format!("{} times", rate::range(span.low, Some(span.high)))
        };
        Shown::known(text, span.low, Some(span.high), None)
    };
    let all = one.with_unknown.map(|span| {
        let text = signed(answer, one, span);
        Shown::known(text, span.low * scale, Some(span.high * scale), None)
    });
    let not_known = one.not_known.map(|span| {
        let text = if exact(answer) && span.high - span.low < HAIR {
            format!("{:.1} %", span.low * 100.0)
        } else {
            brief(Share::new(span.low, span.high, Places::Whole))
        };
        Shown::known(text, span.low * 100.0, Some(span.high * 100.0), None)
    });
    Gap {
        difference,
        ratio: one.ratio.as_ref().ok().filter(|span| span.high.is_finite()).map(times),
        verdict,
        tested: one.overlap.is_some(),
        with_unknown: all,
        not_known,
    }
}

/// A difference of less is what the arithmetic of ranges adds.
const HAIR: f64 = 1e-9;

fn verdict(one: &Inequality, withheld: bool) -> Verdict {
    match &one.difference {
        Err(_) if withheld => Verdict::Withheld,
        Err(_) => Verdict::NoFigure,
        Ok(span) if span.low.abs().max(span.high.abs()) < HAIR => Verdict::Even,
        Ok(span) if span.low <= 0.0 && span.high >= 0.0 => Verdict::Open,
        Ok(_) if one.overlap == Some(true) => Verdict::MayBeChance,
        Ok(span) if span.low > 0.0 => Verdict::Higher,
        Ok(_) => Verdict::Lower,
    }
}

/// Both ends of a difference with the way that each points: `1 points lower to 4 points higher`.
fn signed(answer: &Answer, one: &Inequality, span: Span) -> String {
    if span.low.abs().max(span.high.abs()) < HAIR {
        return "no difference".to_owned();
    }
    if span.low >= 0.0 {
        return format!("{} higher", distance(answer, one, span));
    }
    if span.high <= 0.0 {
        return format!("{} lower", distance(answer, one, span));
    }
    // An end by itself is rounded outwards, as that of a range from nought.
    let end = |n: f64| {
        let text = distance(answer, one, Span { low: 0.0, high: n.abs() });
        text.trim_start_matches("up to ").to_owned()
    };
    format!("{} lower to {} higher", end(span.low), end(span.high))
}
