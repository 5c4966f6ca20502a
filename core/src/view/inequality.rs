//! How far apart the groups of an answer are, and how sure that is: the figures of the inequality summary.
//!
//! Everything is made of what the answer shows, so that it can be worked out again from it. What is hidden is not
//! guessed: a measure that needs a hidden group has no value and says which group that is.

use super::answer::{Answer, AxisView, Cell};
use crate::catalogue::{CategoryKind, IndicatorKind, Polarity};
use crate::model::{Bounds, CellState, LevelId};
use crate::statistics::{
    Better, Group, Limits, NotComputable, Quantile, QuantileSpan, Reference as Advantaged,
    SlopeMethod, SlopeSpan, Span, ValueType, events_avoided, proportion_bounds, slope,
    slope_bounds,
};

/// What the values of groups are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share, from 0 to 1.
    Share,
    /// A rate per so many people.
    Rate(u32),
    /// A mean, percentile or ratio, in the indicator's unit.
    Figure,
}

/// What is known of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// Its value lies in here: one point where nothing is left open by hiding or rounding.
    pub value: Span,
    /// The outermost 95 % limits of any value in it, where sampling limits are made.
    pub limits: Option<Limits>,
    /// Those above the line.
    pub numerator: Bounds,
    /// Those below it: records, or people of a population.
    pub denominator: Bounds,
}

/// One known group of the level.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupValue {
    /// Its position on the axis.
    pub position: usize,
    /// Its label.
    pub label: String,
    /// What is known of it; none where it is hidden, not collected or without a figure.
    pub known: Option<Known>,
}

/// The group that is furthest from the reference, for the worse or the better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Furthest {
    /// Its place among the groups.
    pub group: usize,
    /// Its value minus the reference's.
    pub difference: Span,
    /// Whether another group may be as far from the reference: their values, or their limits, overlap.
    pub shared: bool,
}

/// What the groups of a level are compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// One of them, by its place among the groups.
    Group(usize),
    /// Everybody, the groups among them.
    Everybody(Known),
}

/// The slope over all groups of a level, from the most to the least deprived end (OHID's method, on the log odds of
/// shares and the logarithms of rates).
#[derive(Debug, Clone, PartialEq)]
pub struct SlopeSaid {
    /// Least minus most deprived end of the fitted line, in the unit of the values: below nought where the most deprived
    /// have more.
    pub sii: Span,
    /// Least over most deprived end.
    pub rii: Result<Span, NotComputable>,
    /// 95 % limits of the index at the middle of what is known, from the outermost limits of each group; by
    /// [`SLOPE_DRAWS`] draws. None where groups have no limits.
    pub chance: Option<Limits>,
}

/// Draws for the limits of a slope in a summary.
pub const SLOPE_DRAWS: u32 = 10_000;

/// What they start from: the same answer has the same limits.
const SLOPE_SEED: u64 = 1;

/// What an answer says of the groups of one level beside each other, all other levels at their total.
#[derive(Debug, Clone, PartialEq)]
pub struct Inequality {
    /// The position of its axis in the answer.
    pub axis: usize,
    /// The level.
    pub level: LevelId,
    /// What its values are.
    pub unit: Unit,
    /// Its known groups, in the catalogue's order: of deprivation, the most deprived first.
    pub groups: Vec<GroupValue>,
    /// Whether they stand in an order from one end to the other.
    pub ordered: bool,
    /// What they are compared with, where that is known.
    pub reference: Option<Reference>,
    /// First group minus last: most minus least deprived. Of ordered groups alone.
    pub difference: Result<Span, NotComputable>,
    /// First group over last.
    pub ratio: Result<Span, NotComputable>,
    /// The slope over all of them. Of ordered groups alone, five or more, all of them known: none is guessed.
    pub slope: Result<SlopeSaid, NotComputable>,
    /// How many events fewer there would be (or more, where more is better) if every known group did as well as the
    /// least deprived, or where there is no order as the best. Of shares and rates where one way is better.
    pub avoided: Result<Span, NotComputable>,
    /// Whether the limits of the two ends overlap, so that the difference may be chance; none where one has none.
    pub overlap: Option<bool>,
    /// The group furthest from the reference.
    pub furthest: Option<Furthest>,
    /// The share of those below the line of whom the group is not known, from 0 to 1.
    pub not_known: Option<Span>,
    /// The difference of the two ends if everybody of whom the group is not known belonged to the one that makes it
    /// greatest and least: between these.
    pub with_unknown: Option<Span>,
}

/// The levels of an answer that its groups can be compared by, in the order of its axes. None where the indicator is a
/// count: groups differ in size.
#[must_use]
pub fn inequalities(answer: &Answer) -> Vec<Inequality> {
    let Some(unit) = unit(answer).filter(|_| !answer.cells.is_empty()) else { return Vec::new() };
    let axes = answer.axes.iter().enumerate();
    axes.filter_map(|(axis, of)| Reader { answer, axis, of, unit }.read()).collect()
}

fn unit(answer: &Answer) -> Option<Unit> {
    match &answer.indicator.kind {
        IndicatorKind::Proportion => Some(Unit::Share),
        IndicatorKind::Count => None,
        IndicatorKind::Rate { .. } => match &answer.beside.rates {
            Some(Ok(rates)) => Some(Unit::Rate(rates.per)),
            _ => None,
        },
        IndicatorKind::Mean { .. }
        | IndicatorKind::Quantile { .. }
        | IndicatorKind::Ratio { .. } => Some(Unit::Figure),
    }
}

struct Reader<'a> {
    answer: &'a Answer,
    axis: usize,
    of: &'a AxisView,
    unit: Unit,
}

/// The measures' names where they cannot be computed.
const DIFFERENCE: &str = "the difference of the two ends";
const RATIO: &str = "the ratio of the two ends";
const SLOPE: &str = "the slope index of inequality";
const AVOIDED: &str = "a number of events avoided";

/// What a weight cannot be made of.
const UNBOUNDED: NotComputable = NotComputable::Undefined {
    measure: "a weighted measure",
    why: "nothing published bounds the size of a group",
};

impl Reader<'_> {
    fn read(&self) -> Option<Inequality> {
        let groups: Vec<GroupValue> = self
            .positions(|kind| kind == CategoryKind::Known)
            .map(|position| GroupValue {
                position,
                label: self.of.categories[position].label.clone(),
                known: self.cell(Some(position)).and_then(|cell| self.known(cell)),
            })
            .collect();
        if groups.len() < 2 {
            return None;
        }
        let ordered = self.of.dimension.as_str() == "imd";
        let reference = self.reference(&groups, ordered);
        let ends = ends(&groups, ordered);
        let of_ends = |measure| match &ends {
            Ok(ends) => Ok(*ends),
            Err(None) => {
                Err(NotComputable::Undefined { measure, why: "its groups are in no order" })
            }
            Err(Some(group)) => Err(NotComputable::Missing { group: *group }),
        };
        let difference = of_ends(DIFFERENCE).map(|(a, b)| a.value - b.value);
        let ratio = of_ends(RATIO).and_then(|(a, b)| ratio(a.value, b.value));
        let overlap = ends.ok().and_then(|(a, b)| {
            let (one, other) = (a.limits?, b.limits?);
            Some(one.lower <= other.upper && other.lower <= one.upper)
        });
        let furthest = reference.as_ref().and_then(|to| furthest(&groups, to));
        Some(Inequality {
            axis: self.axis,
            level: self.of.level.clone(),
            unit: self.unit,
            ordered,
            reference,
            difference,
            ratio,
            slope: self.slope(&groups, ordered),
            avoided: self.avoided(&groups, ordered),
            overlap,
            furthest,
            not_known: self.not_known(),
            with_unknown: ordered.then(|| self.with_unknown(&groups)).flatten(),
            groups,
        })
    }

    fn positions(&self, wanted: impl Fn(CategoryKind) -> bool) -> impl Iterator<Item = usize> {
        let categories = self.of.categories.iter().enumerate();
        categories
            .filter(move |(_, c)| !c.id.is_all() && wanted(c.kind))
            .map(|(position, _)| position)
    }

    /// The cell at a position of this axis, or at its total, with every other axis at its total.
    fn cell(&self, position: Option<usize>) -> Option<&Cell> {
        let at: Option<Vec<usize>> = self
            .answer
            .axes
            .iter()
            .enumerate()
            .map(|(index, axis)| match position {
                Some(position) if index == self.axis => Some(position),
                _ => axis.categories.iter().position(|c| c.id.is_all()),
            })
            .collect();
        let at = at?;
        self.answer.cells.iter().find(|cell| cell.at == at)
    }

    fn known(&self, cell: &Cell) -> Option<Known> {
        let (numerator, denominator) = (cell.numerator.bounds, cell.denominator.bounds);
        match self.unit {
            Unit::Share => {
                let shown = cell.numerator.state == CellState::Value
                    && cell.denominator.state == CellState::Value;
                let share = cell.proportion.filter(|_| shown)?;
                let limits = Limits { lower: share.lower95, upper: share.upper95 };
                let value = Span { low: share.low, high: share.high };
                Some(Known { value, limits: Some(limits), numerator, denominator })
            }
            Unit::Rate(_) => {
                let rates = self.answer.beside.rates.as_ref()?.as_ref().ok()?;
                let rate = rates.at(&cell.at)?;
                let shown = cell.numerator.state == CellState::Value;
                let high = rate.bounds.high.filter(|_| shown)?;
                let limits = Limits { lower: rate.bounds.lower95, upper: rate.bounds.upper95? };
                let value = Span { low: rate.bounds.low, high };
                let denominator = Bounds::exactly(rate.people);
                Some(Known { value, limits: Some(limits), numerator, denominator })
            }
            Unit::Figure => {
                let figure = cell.figures.first()?.as_ref().ok()?;
                let value = Span { low: figure.low, high: figure.high? };
                Some(Known { value, limits: None, numerator, denominator })
            }
        }
    }

    /// The least deprived; among ethnic groups the one that the census calls White: British, or White; else everybody.
    fn reference(&self, groups: &[GroupValue], ordered: bool) -> Option<Reference> {
        let named = |group: &GroupValue| {
            let id = &self.of.categories[group.position].id;
            self.of.dimension.as_str() == "ethnicity" && matches!(id.as_str(), "A" | "white")
        };
        let at = if ordered { groups.len().checked_sub(1) } else { groups.iter().position(named) };
        match at {
            Some(at) => groups[at].known.is_some().then_some(Reference::Group(at)),
            None => self.cell(None).and_then(|cell| self.known(cell)).map(Reference::Everybody),
        }
    }

    fn slope(&self, groups: &[GroupValue], ordered: bool) -> Result<SlopeSaid, NotComputable> {
        if !ordered {
            return Err(NotComputable::Undefined {
                measure: SLOPE,
                why: "its groups are in no order",
            });
        }
        let known = groups.iter().enumerate();
        let known: Vec<Known> = known
            .map(|(at, group)| group.known.ok_or(NotComputable::Missing { group: at + 1 }))
            .collect::<Result<_, _>>()?;
        let spans: Vec<QuantileSpan> =
            known.iter().map(quantile_span).collect::<Option<_>>().ok_or(
                NotComputable::Undefined {
                    measure: SLOPE,
                    why: "nothing bounds the size of a group",
                },
            )?;
        let (value_type, transform) = match self.unit {
            Unit::Share => (ValueType::Proportion, true),
            Unit::Rate(_) => (ValueType::Rate, true),
            Unit::Figure => (ValueType::Other, false),
        };
        let method = SlopeMethod {
            transform,
            repetitions: SLOPE_DRAWS,
            ..SlopeMethod::new(value_type, SLOPE_SEED)
        };
        let SlopeSpan { sii, rii } = slope_bounds(&spans, &method)?;
        let middle = known.iter().zip(&spans).map(|(known, span)| {
            let (population, value) = (span.population.middle(), span.value.middle());
            Some(Quantile { population, value, limits: known.limits })
        });
        let chance = slope(&middle.collect::<Vec<_>>(), &method).ok().map(|slope| slope.sii.p95);
        Ok(SlopeSaid { sii, rii, chance })
    }

    fn avoided(&self, groups: &[GroupValue], ordered: bool) -> Result<Span, NotComputable> {
        let per = match self.unit {
            Unit::Share => 1.0,
            Unit::Rate(per) => f64::from(per),
            Unit::Figure => {
                let why = "a mean, percentile or ratio counts no events";
                return Err(NotComputable::Undefined { measure: AVOIDED, why });
            }
        };
        let better = match self.answer.indicator.polarity {
            Polarity::LowerIsBetter => Better::Lower,
            Polarity::HigherIsBetter => Better::Higher,
            Polarity::Neutral => Better::Neither,
        };
        let group = |(at, group): (usize, &GroupValue)| {
            let known = group.known.ok_or(NotComputable::Missing { group: at + 1 })?;
            let QuantileSpan { population, value } = quantile_span(&known).ok_or(UNBOUNDED)?;
            Ok(Group { value, population })
        };
        let groups: Vec<Group<Span>> =
            groups.iter().enumerate().map(group).collect::<Result<_, _>>()?;
        let to = if ordered { Advantaged::MostAdvantaged } else { Advantaged::Best };
        events_avoided(&groups, to, better, per)
    }

    /// Those below the line of whom the group is not known.
    fn unknown(&self, side: impl Fn(&Cell) -> Bounds) -> Bounds {
        let told = |kind| matches!(kind, CategoryKind::Known | CategoryKind::NotApplicable);
        let sum = |wanted: bool| {
            let each = self.positions(|kind| told(kind) == wanted);
            each.filter_map(|position| self.cell(Some(position)))
                .map(&side)
                .fold(Bounds::exactly(0), Bounds::plus)
        };
        let (unknown, others) = (sum(false), sum(true));
        // Whatever is hidden of them, they and the others are no more than everybody.
        let rest = self.cell(None).and_then(|all| side(all).high);
        let rest = rest.map(|all| all.saturating_sub(others.low).max(unknown.low));
        let high = match (unknown.high, rest) {
            (Some(high), Some(rest)) => Some(high.min(rest)),
            (high, rest) => high.or(rest),
        };
        Bounds { low: unknown.low, high }
    }

    fn not_known(&self) -> Option<Span> {
        let all = self.cell(None)?.denominator.bounds;
        if matches!(self.unit, Unit::Rate(_)) {
            return None;
        }
        let share = proportion_bounds(self.unknown(|cell| cell.denominator.bounds), all)?;
        Some(Span { low: share.low, high: share.high })
    }

    /// Of shares alone: what those of whom the group is not known could do to the difference, wherever they belong.
    fn with_unknown(&self, groups: &[GroupValue]) -> Option<Span> {
        if self.unit != Unit::Share {
            return None;
        }
        let (first, last) = ends(groups, true).ok()?;
        let (x, n) = (self.unknown(|c| c.numerator.bounds), self.unknown(|c| c.denominator.bounds));
        let (cases, others) = (x.high?, n.high?.saturating_sub(x.low));
        let (a, b) = (swayed(&first, cases, others)?, swayed(&last, cases, others)?);
        Some(a - b)
    }
}

/// The least and the greatest share of a group if so many more that are above the line, or so many that are not,
/// belonged to it.
fn swayed(known: &Known, cases: u64, others: u64) -> Option<Span> {
    let (x, n) = (known.numerator, known.denominator);
    let least =
        proportion_bounds(x, Bounds { low: n.low, high: Some(n.high?.saturating_add(others)) })?;
    let most = Bounds { low: x.low, high: Some(x.high?.saturating_add(cases)) };
    let below = Bounds { low: n.low.max(x.high?).saturating_add(cases), high: None };
    Some(Span { low: least.low, high: proportion_bounds(most, below)?.high })
}

/// A group as a step of a slope; none where nothing bounds its size.
#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
fn quantile_span(known: &Known) -> Option<QuantileSpan> {
    let Bounds { low, high } = known.denominator;
    let population = Span { low: low as f64, high: high? as f64 };
    Some(QuantileSpan { population, value: known.value })
}

/// The two ends of ordered groups; the place of the one that is missing, or nothing where there is no order.
fn ends(groups: &[GroupValue], ordered: bool) -> Result<(Known, Known), Option<usize>> {
    if !ordered {
        return Err(None);
    }
    let end = |at: usize| groups.get(at).and_then(|g| g.known).ok_or(Some(at + 1));
    Ok((end(0)?, end(groups.len().saturating_sub(1))?))
}

fn ratio(one: Span, other: Span) -> Result<Span, NotComputable> {
    if other.low > 0.0 {
        Ok(one / other)
    } else {
        Err(NotComputable::Undefined {
            measure: RATIO,
            why: "the value below the line may be nought",
        })
    }
}

fn furthest(groups: &[GroupValue], reference: &Reference) -> Option<Furthest> {
    let (own, to) = match reference {
        Reference::Group(at) => (Some(*at), groups.get(*at)?.known?),
        Reference::Everybody(known) => (None, *known),
    };
    let mut far: Vec<(usize, Span)> = groups
        .iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != own)
        .filter_map(|(at, group)| Some((at, group.known?.value - to.value)))
        .collect();
    let size = |span: &Span| span.middle().abs();
    far.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
    let (group, difference) = *far.first()?;
    let limits = |at: usize| {
        let known = groups[at].known?;
        Some(known.limits.map_or(known.value, |l| Span { low: l.lower, high: l.upper }))
    };
    let mine = limits(group)?;
    let shared = far
        .iter()
        .skip(1)
        .filter_map(|(at, _)| limits(*at))
        .any(|other| mine.low <= other.high && other.low <= mine.high);
    Some(Furthest { group, difference, shared })
}

#[cfg(test)]
mod tests;
