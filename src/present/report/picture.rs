//! The pictures of a report, as SVG: a line of gaps on a tile, the two ends over time, the gap with its usual
//! variation, and how complete extracts are. What is withheld is hatched over its whole place and never drawn as nought.

use std::fmt::Write;

use evensum_core::model::Period;
use evensum_core::statistics::Span;

use super::super::drawing;
use super::change::Meaning;
use super::section::{Point, Section};
use super::unknown::NotKnown;
use super::value::Shown;

/// A text as it stands in markup.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A value that may be anywhere in more than this part of a chart's height is drawn as a bar alone, without a middle.
const OPEN: f64 = 0.25;

/// Where the points of a chart lie, in pixels.
struct Frame {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    count: usize,
    scale: Span,
}

impl Frame {
    /// A chart of so many periods over these values; none where there is no value.
    fn new(count: usize, values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut scale: Option<Span> = None;
        for value in values.filter(|value| value.is_finite()) {
            let known = scale.unwrap_or(Span::exactly(value));
            scale = Some(Span { low: known.low.min(value), high: known.high.max(value) });
        }
        let Span { low, high } = scale?;
        // A line near nought is drawn from nought on.
        let low = if low > 0.0 && low < high / 2.0 { 0.0 } else { low };
        let room = ((high - low) * 0.08).max(high.abs() * 0.02).max(0.05);
        let from = if low < 0.0 || low > room { low - room } else { 0.0 };
        let scale = Span { low: from, high: high + room };
        let [width, height] = [480.0, 230.0];
        let [left, right, top, bottom] = [48.0, 104.0, 14.0, 30.0];
        Some(Self { width, height, left, right, top, bottom, count, scale })
    }

    fn step(&self) -> f64 {
        (self.width - self.left - self.right) / real(self.count.max(1))
    }

    fn x(&self, at: usize) -> f64 {
        self.left + self.step() * (real(at) + 0.5)
    }

    fn y(&self, value: f64) -> f64 {
        let room = self.height - self.top - self.bottom;
        let part = (value - self.scale.low) / (self.scale.high - self.scale.low);
        self.top + room * (1.0 - part.clamp(0.0, 1.0))
    }

    /// Round values for the lines behind a chart.
    fn ticks(&self) -> Vec<f64> {
        let width = self.scale.high - self.scale.low;
        let rough = width / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|s| *s >= rough);
        let step = step.unwrap_or(width).max(f64::MIN_POSITIVE);
        let first = (self.scale.low / step).ceil();
        let all = (0..8).map(|n| (first + f64::from(n)) * step);
        all.take_while(|value| *value <= self.scale.high).collect()
    }

    fn back(&self, series: &[Point]) -> String {
        let mut svg = String::new();
        let right = self.width - self.right;
        for tick in self.ticks() {
            let y = self.y(tick);
            let class = if tick.abs() < 1e-12 { "zero" } else { "grid" };
            let _ = write!(
                svg,
                "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                self.left,
                self.left - 6.0,
                y + 4.0,
                number(tick)
            );
        }
        let every = series.len().div_ceil(5).max(1);
        for (at, point) in series.iter().enumerate() {
            let last = series.len() - 1 - at;
            if last.is_multiple_of(every) {
                let _ = write!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    self.x(at),
                    self.height - 10.0,
                    short(point.period)
                );
            }
        }
        svg
    }

    /// A hatched column where nothing is shown.
    fn hidden(&self, at: usize, why: &str) -> String {
        let width = self.step() * 0.8;
        format!(
            "<rect class=\"hidden\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            self.x(at) - width / 2.0,
            self.top,
            self.height - self.top - self.bottom,
            escape(why)
        )
    }

    /// A dashed line between two periods of which the groups are made differently.
    fn breaks(&self, series: &[Point]) -> String {
        let breaks = series.iter().enumerate().filter(|(_, point)| point.after_break);
        breaks.fold(String::new(), |mut svg, (at, _)| {
            let x = self.x(at) - self.step() / 2.0;
            let _ = write!(
                svg,
                "<line class=\"break\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/><text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">new index</text>",
                self.top,
                self.height - self.bottom,
                x + 3.0,
                self.top + 9.0
            );
            svg
        })
    }

    /// A line through the middles of some values, interrupted where one is missing or groups change, over bars from
    /// the least to the most that each may be.
    fn line(&self, class: &str, values: &[Option<Span>], breaks: &[bool], off: f64) -> String {
        let (mut svg, mut path) = (String::new(), String::new());
        let mut pen = false;
        for (at, value) in values.iter().enumerate() {
            let Some(span) = value else {
                pen = false;
                continue;
            };
            let x = self.x(at) + off;
            let (top, bottom) = (self.y(span.high), self.y(span.low));
            if bottom - top > 1.0 {
                let _ = write!(
                    svg,
                    "<line class=\"range {class}\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
                );
            }
            if self.is_open(*span) {
                pen = false;
                continue;
            }
            let joined = pen && !breaks.get(at).copied().unwrap_or_default();
            let _ = write!(
                path,
                "{}{x:.1} {:.1}",
                if joined { "L" } else { "M" },
                self.y(span.middle())
            );
            pen = true;
        }
        let _ = write!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
        let told = values.iter().enumerate().filter_map(|(at, v)| Some((at, (*v)?)));
        for (at, span) in told.filter(|(_, span)| !self.is_open(*span)) {
            let (x, y) = (self.x(at) + off, self.y(span.middle()));
            let _ =
                write!(svg, "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        }
        svg
    }

    /// Whether a value is too open for its middle to stand for it.
    fn is_open(&self, span: Span) -> bool {
        span.high - span.low > (self.scale.high - self.scale.low) * OPEN
    }

    /// Words at the right, none over another.
    fn labels(&self, mut labels: Vec<(f64, &'static str, String)>) -> String {
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut svg = String::new();
        let x = self.width - self.right + 6.0;
        let room = real(labels.len()) * 13.0;
        let mut free = self.top + 4.0;
        for (number, (y, class, text)) in labels.into_iter().enumerate() {
            let left = room - real(number) * 13.0;
            let y = y.max(free).min(self.height - self.bottom - left + 13.0);
            free = y + 13.0;
            let _ = write!(
                svg,
                "<text class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                y + 4.0,
                escape(&text)
            );
        }
        svg
    }

    fn svg(&self, describes: &str, inner: &str) -> String {
        format!(
            "<svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"{}\">{inner}</svg>",
            self.width,
            self.height,
            escape(describes)
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few points")]
fn real(n: usize) -> f64 {
    n as f64
}

/// A value at an axis.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.replace('-', "−") }
}

/// A period where there is little room.
fn short(period: Period) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    match period {
        Period::Month { year, month } => {
            let name = usize::from(month).checked_sub(1).and_then(|m| MONTHS.get(m));
            format!("{} {:02}", name.unwrap_or(&""), year % 100)
        }
        Period::Quarter { year, quarter } => {
            format!("Q{quarter} {:02}/{:02}", year % 100, (year + 1) % 100)
        }
        Period::Year { year } => format!("{year}/{:02}", (year + 1) % 100),
    }
}

/// How many periods have a reading.
pub(super) fn known(series: &[Point]) -> usize {
    series.iter().filter(|point| point.reading.is_some()).count()
}

fn spans(series: &[Point], of: impl Fn(&super::Reading) -> Option<&Shown>) -> Vec<Option<Span>> {
    series.iter().map(|point| point.reading.as_ref().and_then(&of)?.span()).collect()
}

fn why_hidden(point: &Point, what: &str) -> String {
    let name = super::super::words::period(point.period);
    match &point.missing {
        Some(why) => format!("{name}: {why}"),
        None => format!("{name}: {what} is withheld or not known"),
    }
}

/// The two ends of deprivation and everybody over time, with the target and the trajectory; none of fewer than two
/// periods.
pub(super) fn trend(section: &Section) -> Option<String> {
    let series = &section.series;
    if known(series) < 2 {
        return None;
    }
    let all = spans(series, |r| Some(&r.all));
    let most = spans(series, |r| r.gap.as_ref().map(|_| &r.most));
    let least = spans(series, |r| r.gap.as_ref().map(|_| &r.least));
    let ends = |of: &[Option<Span>]| {
        of.iter().flatten().flat_map(|span| [span.low, span.high]).collect::<Vec<_>>()
    };
    let lines = series.iter().flat_map(|point| [point.target, point.aim]).flatten();
    let values = [ends(&all), ends(&most), ends(&least)].concat();
    let frame = Frame::new(series.len(), values.into_iter().chain(lines))?;
    let mut inner = frame.back(series);
    for (at, point) in series.iter().enumerate() {
        let compared = section.now.gap.is_some();
        let hidden =
            if compared { most[at].is_none() || least[at].is_none() } else { all[at].is_none() };
        if hidden {
            inner.push_str(&frame.hidden(at, &why_hidden(point, "an end")));
        }
    }
    inner.push_str(&frame.breaks(series));
    let breaks: Vec<bool> = series.iter().map(|point| point.after_break).collect();
    let mut labels = Vec::new();
    let mut label = |of: &[Option<Span>], class, text: &str| {
        if let Some(last) = of.iter().rev().flatten().next() {
            labels.push((frame.y(last.middle()), class, text.to_owned()));
        }
    };
    for (of, class, text, off) in [
        (&all, "all", "Everybody", 0.0),
        (&least, "least", "Least deprived", 3.0),
        (&most, "most", "Most deprived", -3.0),
    ] {
        inner.push_str(&frame.line(class, of, &breaks, off));
        label(of, class, text);
    }
    let exactly = |value: Option<f64>| value.map(Span::exactly);
    let targets: Vec<_> = series.iter().map(|point| exactly(point.target)).collect();
    let aims: Vec<_> = series.iter().map(|point| exactly(point.aim)).collect();
    inner.push_str(&frame.line("target", &targets, &[], 0.0));
    label(&targets, "target", "Target");
    inner.push_str(&frame.line("aim", &aims, &[], 0.0));
    label(&aims, "aim", "Trajectory");
    inner.push_str(&frame.labels(labels));
    let describes = format!(
        "Over {} periods: everybody, the most deprived and the least deprived. Bars are what each may be between; hatched columns are withheld or not there. The table has the same figures.",
        series.len()
    );
    Some(frame.svg(&describes, &inner))
}

/// The gap over time, with its mean and its usual variation; none of fewer than two known gaps.
pub(super) fn gaps(section: &Section) -> Option<String> {
    let series = &section.series;
    let of = spans(series, |r| r.gap.as_ref().map(|gap| &gap.difference));
    if of.iter().flatten().count() < 2 {
        return None;
    }
    let steady = &section.steadiness;
    let limits = [steady.mean, steady.lower, steady.upper].into_iter().flatten();
    let ends = of.iter().flatten().flat_map(|span| [span.low, span.high]);
    let frame = Frame::new(series.len(), ends.chain(limits).chain([0.0]))?;
    let mut inner = frame.back(series);
    for (at, point) in series.iter().enumerate().filter(|(at, _)| of[*at].is_none()) {
        inner.push_str(&frame.hidden(at, &why_hidden(point, "the gap")));
    }
    inner.push_str(&frame.breaks(series));
    let mut labels = Vec::new();
    if let (Some(mean), Some(lower), Some(upper)) = (steady.mean, steady.lower, steady.upper) {
        let from = series.iter().position(|p| Some(p.period) == steady.from).unwrap_or_default();
        let (x1, x2) = (frame.x(from) - frame.step() / 2.0, frame.width - frame.right);
        for (class, value, text) in [
            ("mean", mean, "Mean"),
            ("limit", lower, "Usual, least"),
            ("limit", upper, "Usual, most"),
        ] {
            let y = frame.y(value);
            let _ = write!(
                inner,
                "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y:.1}\" x2=\"{x2:.1}\" y2=\"{y:.1}\"/>"
            );
            labels.push((y, "plain", text.to_owned()));
        }
    }
    let breaks: Vec<bool> = series.iter().map(|point| point.after_break).collect();
    inner.push_str(&frame.line("gap", &of, &breaks, 0.0));
    for unusual in &steady.signals {
        let Some(at) = series.iter().position(|point| point.period == unusual.period) else {
            continue;
        };
        let Some(Some(span)) = of.get(at).filter(|span| span.is_some_and(|s| !frame.is_open(s)))
        else {
            continue;
        };
        let (class, name) = match unusual.meaning {
            Meaning::Improvement => ("better", "improvement"),
            Meaning::Concern => ("worse", "concern"),
            Meaning::Neither => ("neither", "change"),
        };
        let _ = write!(
            inner,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"><title>{}: signal of {name}</title></circle>",
            frame.x(at),
            frame.y(span.middle()),
            super::super::words::period(unusual.period)
        );
    }
    inner.push_str(&frame.labels(labels));
    let describes = format!(
        "The gap in {} periods, above nought where it is higher in the most deprived. {} The table has the same figures.",
        series.len(),
        steady.sentence
    );
    Some(frame.svg(&describes, &inner))
}

/// The gaps as one small line; none of fewer than two.
pub(super) fn spark(section: &Section) -> Option<String> {
    let of = spans(&section.series, |r| r.gap.as_ref().map(|gap| &gap.difference));
    if of.iter().flatten().count() < 2 {
        return None;
    }
    let ends = of.iter().flatten().flat_map(|span| [span.low, span.high]);
    let mut frame = Frame::new(of.len(), ends.chain([0.0]))?;
    [frame.width, frame.height] = [200.0, 44.0];
    [frame.left, frame.right, frame.top, frame.bottom] = [2.0, 2.0, 3.0, 3.0];
    let zero = frame.y(0.0);
    let mut inner =
        format!("<line class=\"zero\" x1=\"2\" y1=\"{zero:.1}\" x2=\"198\" y2=\"{zero:.1}\"/>");
    for (at, _) in of.iter().enumerate().filter(|(_, span)| span.is_none()) {
        inner.push_str(&frame.hidden(at, "withheld or not known"));
    }
    let breaks: Vec<bool> = section.series.iter().map(|point| point.after_break).collect();
    inner.push_str(&frame.line("gap", &of, &breaks, 0.0));
    let known: Vec<&Point> =
        section.series.iter().zip(&of).filter(|(_, s)| s.is_some()).map(|(p, _)| p).collect();
    let name = |point: Option<&&Point>| {
        let gap = point.and_then(|p| p.reading.as_ref()?.gap.as_ref());
        let period = point.map(|p| super::super::words::period(p.period));
        format!(
            "{} in {}",
            gap.map(|gap| gap.difference.text.clone()).unwrap_or_default(),
            period.unwrap_or_default()
        )
    };
    let describes = format!(
        "The gap over {} periods: from {} to {}. The line is nought.",
        of.len(),
        name(known.first()),
        name(known.last())
    );
    Some(frame.svg(&describes, &inner))
}

/// How complete extracts are, a line for each partner: the least complete of its datasets.
pub(super) fn heat(of: &NotKnown) -> Option<String> {
    let mut lines: Vec<drawing::HeatLine> = Vec::new();
    for row in &of.completeness {
        let cells: Vec<_> = row.usable.iter().map(|usable| usable.told()).collect();
        match lines.iter_mut().find(|line| line.name == row.partner) {
            None => lines.push(drawing::HeatLine { name: row.partner.clone(), cells }),
            Some(line) => {
                for (known, own) in line.cells.iter_mut().zip(cells) {
                    let less = match (&*known, &own) {
                        (Ok((a, _)), Ok((b, _))) => b < a,
                        (Err(_), Ok(_)) => true,
                        _ => false,
                    };
                    if less {
                        *known = own;
                    }
                }
            }
        }
    }
    if lines.is_empty() || of.dimensions.is_empty() {
        return None;
    }
    let (marks, texts, width, height) = drawing::heat(&of.dimensions, &lines);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Usable records by partner and dimension, darker where more are usable. The table has the same figures.\">"
    );
    for mark in marks {
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
            mark.class,
            mark.x,
            mark.y,
            mark.width,
            mark.height,
            escape(&mark.title)
        );
    }
    for text in texts {
        let _ = write!(
            svg,
            "<text class=\"{}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
            text.class,
            text.x,
            text.y,
            text.anchor,
            escape(&text.text)
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}
