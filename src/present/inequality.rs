//! The inequality summary of an answer: how far apart its groups are, each measure with its method and one plain
//! sentence, which says first what keeps it from being sure.

use evensum_core::catalogue::Polarity;
use evensum_core::statistics::{LEAST_QUANTILES, Span};
use evensum_core::view::{
    Answer, Furthest, GroupValue, Inequality, Reference, SlopeSaid, Unit, inequalities,
};
use serde::Serialize;

use super::json::rounded;
use super::layout::paragraph;
use super::number::{Places, Share, thousands};
use super::{Glyphs, Width, headline, rate, words};

/// One measure of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The level that it compares groups of.
    pub level: String,
    /// Its name in the formats: `difference`, `ratio`, `sii`, …
    pub measure: &'static str,
    /// Its name for people.
    pub name: String,
    /// The least that it can be; nothing where it cannot be computed.
    pub low: Option<f64>,
    /// The most that it can be.
    pub high: Option<f64>,
    /// Its unit: `percentage points`, `times`, …
    pub unit: String,
    /// How it is made.
    pub method: &'static str,
    /// One sentence for people.
    pub sentence: String,
}

/// The summary of an answer: of each level that its groups can be compared by.
#[must_use]
pub fn findings(answer: &Answer) -> Vec<Finding> {
    inequalities(answer).iter().flat_map(|one| Says { answer, one }.all()).collect()
}

/// The summary as paragraphs for a terminal; empty where nothing can be compared.
#[must_use]
pub fn text(answer: &Answer, width: Width, glyphs: Glyphs) -> String {
    let findings = findings(answer);
    if findings.is_empty() {
        return String::new();
    }
    let mut text = String::from("Inequality\n");
    for finding in &findings {
        let line = format!("{} [{}]", finding.sentence, finding.method);
        text.push_str(&paragraph("  ", &line, width));
    }
    glyphs.apply(text)
}

struct Says<'a> {
    answer: &'a Answer,
    one: &'a Inequality,
}

/// What a finding is before its level is set.
struct Draft {
    measure: &'static str,
    name: String,
    span: Option<Span>,
    unit: String,
    method: &'static str,
    sentence: String,
}

impl Says<'_> {
    fn all(&self) -> Vec<Finding> {
        let drafts = [
            self.unknown(),
            self.difference(),
            self.ratio(),
            self.slope(),
            self.relative_slope(),
            self.furthest(),
            self.avoided(),
        ];
        let level = self.one.level.to_string();
        let finding = |draft: Draft| Finding {
            level: level.clone(),
            measure: draft.measure,
            name: draft.name,
            low: draft.span.map(|span| rounded(span.low)),
            high: draft.span.map(|span| rounded(span.high)),
            unit: draft.unit,
            method: draft.method,
            sentence: draft.sentence,
        };
        drafts.into_iter().flatten().map(finding).collect()
    }

    fn axis_name(&self) -> String {
        self.answer.axes.get(self.one.axis).map(headline::axis_name).unwrap_or_default()
    }

    /// What the value is, in the middle of a sentence: `the share that wait over 52 weeks`.
    fn value_name(&self) -> String {
        let indicator = &self.answer.indicator;
        match self.one.unit {
            Unit::Share => format!(
                "the share of {} that {}",
                words::clean(&indicator.counted),
                words::clean(&indicator.phrase)
            ),
            Unit::Rate(per) => format!("the rate per {}", thousands(per.into())),
            Unit::Figure => words::within(&words::clean(&indicator.name)),
        }
    }

    /// The two ends of ordered groups.
    fn ends(&self) -> Option<(&'static str, &'static str)> {
        self.answer.axes.get(self.one.axis).and_then(headline::ends)
    }

    /// A distance between values, without its sign: `2 to 4 percentage points`.
    fn distance(&self, span: Span) -> String {
        let size = Span::between(span.low.abs(), span.high.abs());
        match self.one.unit {
            Unit::Share => super::number::points(size.low, size.high, self.places()),
            Unit::Rate(per) => {
                format!("{} per {}", rate::range(size.low, Some(size.high)), thousands(per.into()))
            }
            Unit::Figure => format!(
                "{} {}",
                rate::range(size.low, Some(size.high)),
                words::clean(&self.answer.indicator.unit)
            ),
        }
    }

    /// A value as people read it.
    fn value(&self, span: Span) -> String {
        match self.one.unit {
            Unit::Share => Share::new(span.low, span.high, self.places()).cell(),
            Unit::Rate(_) | Unit::Figure => rate::range(span.low, Some(span.high)),
        }
    }

    /// Tenths where every group is large enough for them.
    fn places(&self) -> Places {
        let known = self.one.groups.iter().filter_map(|group| group.known);
        Places::of(known.map(|known| known.denominator.low).min().unwrap_or_default())
    }

    fn unit(&self) -> String {
        match self.one.unit {
            Unit::Share => "fraction".to_owned(),
            Unit::Rate(per) => format!("per {per}"),
            Unit::Figure => words::clean(&self.answer.indicator.unit),
        }
    }

    fn method(&self) -> &'static str {
        match self.one.unit {
            Unit::Share => "shares; 95 % limits by Wilson",
            Unit::Rate(_) => "rates; 95 % limits exact or by Byar",
            Unit::Figure => "figures as released",
        }
    }

    fn difference(&self) -> Option<Draft> {
        let (most, least) = self.ends()?;
        let name = format!("Difference between {most} and {least}");
        let (span, sentence) = match &self.one.difference {
            Ok(span) => (Some(*span), self.difference_says(*span, (most, least))),
            Err(_) => {
                let last = self.one.groups.len().saturating_sub(1);
                (
                    None,
                    self.missing("The difference between the two ends", |at| at == 0 || at == last),
                )
            }
        };
        let (unit, method) = (self.unit(), self.method());
        Some(Draft { measure: "difference", name, span, unit, method, sentence })
    }

    fn difference_says(&self, span: Span, (most, least): (&str, &str)) -> String {
        let value = self.value_name();
        if span.low <= 0.0 && span.high >= 0.0 {
            return format!(
                "These figures do not show whether {value} is higher or lower in {most} than in {least}: the difference may be nothing."
            );
        }
        let way = if span.low > 0.0 { "higher" } else { "lower" };
        let caution = match self.one.overlap {
            Some(true) => "The 95 % limits of the two overlap, so this may be chance: ",
            _ => "",
        };
        let text =
            format!("{caution}{value} is {} {way} in {most} than in {least}.", self.distance(span));
        format!("{}{}", words::opening(&text), self.could_turn(span))
    }

    /// Whether those of whom the group is not known could turn the difference round.
    fn could_turn(&self, span: Span) -> String {
        let all =
            self.one.with_unknown.filter(|_| self.one.not_known.is_some_and(|n| n.high > 0.0));
        match all {
            Some(all) if all.low <= 0.0 && all.high >= 0.0 => format!(
                " Those of whom the {} is not known could turn this round.",
                self.axis_name()
            ),
            Some(all) => format!(
                " Wherever those of whom the {} is not known belong, it stays {} ({}).",
                self.axis_name(),
                if span.low > 0.0 { "higher" } else { "lower" },
                self.distance(all)
            ),
            None => String::new(),
        }
    }

    /// Which of the groups that are needed there are no figures of.
    fn missing(&self, what: &str, needed: impl Fn(usize) -> bool) -> String {
        let groups = self.one.groups.iter().enumerate();
        let hidden = groups.filter(|(at, group)| group.known.is_none() && needed(*at));
        let labels: Vec<String> = hidden.map(|(_, group)| words::clean(&group.label)).collect();
        format!("{what} cannot be given: {} is withheld or not there.", words::list(&labels))
    }

    fn ratio(&self) -> Option<Draft> {
        let (most, least) = self.ends()?;
        let name = format!("Ratio of {most} to {least}");
        // The difference says why where neither can be computed.
        let span = *self.one.ratio.as_ref().ok()?;
        let value = self.value_name();
        let times = hundredths(span);
        let caution = match self.one.overlap {
            Some(true) => "May be chance, since the 95 % limits overlap: ",
            _ => "",
        };
        let text = format!("{caution}{value} in {most} is {times} times that in {least}.");
        let sentence = words::opening(&text);
        let (unit, method) = ("times".to_owned(), self.method());
        Some(Draft { measure: "ratio", name, span: Some(span), unit, method, sentence })
    }

    fn slope(&self) -> Option<Draft> {
        let (most, least) = self.slope_ends()?;
        let (unit, method) = (self.unit(), SLOPE_METHOD);
        let name = "Slope index of inequality".to_owned();
        let (span, sentence) = match &self.one.slope {
            Ok(slope) => (Some(slope.sii), self.slope_says(slope, (most, least))),
            Err(reason) => (None, format!("There is no slope index of inequality: {reason}.")),
        };
        Some(Draft { measure: "sii", name, span, unit, method, sentence })
    }

    /// The ends of the whole population; none of a level that has too few groups for a slope.
    fn slope_ends(&self) -> Option<(&'static str, &'static str)> {
        let enough = self.one.ordered && self.one.groups.len() >= LEAST_QUANTILES;
        enough.then_some(("the most deprived end", "the least deprived end"))
    }

    fn slope_says(&self, slope: &SlopeSaid, (most, least): (&str, &str)) -> String {
        let (value, span) = (self.value_name(), slope.sii);
        if span.low <= 0.0 && span.high >= 0.0 {
            return format!(
                "Over all groups, these figures do not show whether {value} rises or falls with deprivation (slope index of inequality)."
            );
        }
        let chance = slope.chance.is_some_and(|limits| limits.lower <= 0.0 && limits.upper >= 0.0);
        let caution = if chance { "May be chance, by its 95 % limits: over" } else { "Over" };
        let way = if span.low > 0.0 { "rises" } else { "falls" };
        format!(
            "{caution} all groups, {value} {way} by {} from {most} to {least} of the whole population (slope index of inequality).",
            self.distance(span)
        )
    }

    fn relative_slope(&self) -> Option<Draft> {
        let (most, least) = self.slope_ends()?;
        let span = *self.one.slope.as_ref().ok()?.rii.as_ref().ok()?;
        let value = self.value_name();
        let sentence = format!(
            "At {least} of the whole population, {value} is {} times that at {most} (relative index of inequality).",
            hundredths(span)
        );
        Some(Draft {
            measure: "rii",
            name: "Relative index of inequality".to_owned(),
            span: Some(span),
            unit: "times".to_owned(),
            method: SLOPE_METHOD,
            sentence,
        })
    }

    fn furthest(&self) -> Option<Draft> {
        if self.one.ordered {
            return None;
        }
        let (reference, of) = self.reference()?;
        let name = format!("Group furthest from {reference}");
        let Some(Furthest { group, difference, shared }) = self.one.furthest else {
            let sentence = self.missing("Which group is furthest from the others", |_| true);
            let (unit, method) = (self.unit(), self.method());
            return Some(Draft { measure: "furthest", name, span: None, unit, method, sentence });
        };
        let group = self.one.groups.get(group)?;
        let sentence = self.furthest_says(group, difference, shared, (&reference, of));
        let (unit, method) = (self.unit(), self.method());
        Some(Draft { measure: "furthest", name, span: Some(difference), unit, method, sentence })
    }

    fn furthest_says(
        &self,
        group: &GroupValue,
        difference: Span,
        shared: bool,
        (reference, of): (&str, Span),
    ) -> String {
        let label = words::clean(&group.label);
        if difference.low <= 0.0 && difference.high >= 0.0 {
            return format!("These figures show no group that differs from {reference}.");
        }
        let own = group.known.map(|known| self.value(known.value)).unwrap_or_default();
        let way = if difference.low > 0.0 { "above" } else { "below" };
        let others = if shared { "; other groups may be as far away" } else { "" };
        let hidden = self.one.groups.iter().filter(|group| group.known.is_none()).count();
        let hidden = match hidden {
            0 => String::new(),
            1 => " One group is withheld or not there and may be further away.".to_owned(),
            n => format!(" {n} groups are withheld or not there and may be further away."),
        };
        format!(
            "Furthest from {reference} ({}) is {label} ({own}): {} {way}{others}.{hidden}",
            self.value(of),
            self.distance(difference)
        )
    }

    /// What would be if every known group did as well as the least deprived or the best. It says nothing of causes.
    fn avoided(&self) -> Option<Draft> {
        let span = *self.one.avoided.as_ref().ok()?;
        let (fewer, than) = match self.answer.indicator.polarity {
            Polarity::LowerIsBetter => ("fewer", "not more"),
            Polarity::HigherIsBetter => ("more", "not fewer"),
            Polarity::Neutral => return None,
        };
        let like = match self.ends() {
            Some((_, least)) => format!("all groups had the same figure as {least}"),
            None => "all groups had the same figure as the best of them".to_owned(),
        };
        let what = format!(
            "{} that {}",
            words::clean(&self.answer.indicator.counted),
            words::clean(&self.answer.indicator.phrase)
        );
        let (low, high) = (whole((span.low + SLACK).floor()), whole((span.high - SLACK).ceil()));
        let sentence = match (low, high) {
            (_, 0) => format!("If {like}, there would be {than} {what}."),
            (0, high) => format!(
                "If {like}, there might be up to {} {fewer} {what}, or none.",
                thousands(high)
            ),
            (low, high) if low == high => {
                format!("If {like}, there would be {} {fewer} {what}.", thousands(low))
            }
            (low, high) => format!(
                "If {like}, there would be {} to {} {fewer} {what}.",
                thousands(low),
                thousands(high)
            ),
        };
        Some(Draft {
            measure: "avoided",
            name: "Events avoided".to_owned(),
            span: Some(span),
            unit: "events".to_owned(),
            method: "population attributable risk, times the people of the known groups",
            sentence: format!(
                "{sentence} This compares groups as they are and says nothing of causes."
            ),
        })
    }

    fn reference(&self) -> Option<(String, Span)> {
        match self.one.reference.as_ref()? {
            Reference::Group(at) => {
                let group = self.one.groups.get(*at)?;
                Some((format!("the group {}", words::clean(&group.label)), group.known?.value))
            }
            Reference::Everybody(known) => Some(("everybody together".to_owned(), known.value)),
        }
    }

    /// Said first, where it is more than hardly anybody.
    fn unknown(&self) -> Option<Draft> {
        let span = self.one.not_known.filter(|span| span.high >= WORTH_SAYING)?;
        let axis = self.axis_name();
        let share = Share::new(span.low, span.high, Places::Whole).sentence();
        let counted = words::clean(&self.answer.indicator.counted);
        let sentence =
            words::opening(&format!("of {share} of all {counted}, the {axis} is not known."));
        Some(Draft {
            measure: "not_known",
            name: format!("Share of whom the {axis} is not known"),
            span: Some(span),
            unit: "fraction".to_owned(),
            method: "of those below the line",
            sentence,
        })
    }
}

/// How slopes are made.
const SLOPE_METHOD: &str =
    "OHID's method: weighted least squares on the cumulative share of people";

/// A ratio to two decimals, rounded outwards.
fn hundredths(span: Span) -> String {
    let (low, high) = ((span.low * 100.0 + 1e-6).floor(), (span.high * 100.0 - 1e-6).ceil());
    if low >= high {
        format!("{:.2}", high / 100.0)
    } else {
        format!("{:.2} to {:.2}", low / 100.0, high / 100.0)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 0 to far below 2^53"
)]
fn whole(number: f64) -> u64 {
    number.clamp(0.0, 9e15) as u64
}

/// What bounds of spans are wider by for rounding, and far less than one event.
const SLACK: f64 = 1e-6;

/// A share of unknown that is worth a sentence.
const WORTH_SAYING: f64 = 0.01;

#[cfg(test)]
mod tests;
