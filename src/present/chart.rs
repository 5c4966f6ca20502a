//! Bars on a terminal: what is certain drawn solid, what may be more drawn light, and a hidden figure as a
//! word, never as a bar of no length.

use evensum_core::catalogue::CategoryKind;
use evensum_core::statistics::ProportionBounds;
use evensum_core::view::{Answer, Cell};

use super::layout::paragraph;
use super::number::Share;
use super::{Glyphs, Width, figure, grid, headline, rate, rung, words};

/// The longest label that is drawn in full.
const LABEL: usize = 30;

/// Characters kept for the figure behind the longest bar.
const FIGURE: usize = 20;

/// Parts of a character cell, from none to seven eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The share of each category, a block for each dimension with the others at their total.
#[must_use]
pub fn bars(answer: &Answer, width: Width, glyphs: Glyphs) -> String {
    let mut text = paragraph("", &headline::title(answer), width);
    let shares = answer.indicator.kind.is_share();
    let unit = if shares {
        format!("Share: {}. {}", words::clean(&answer.indicator.unit), headline::counted(answer))
    } else {
        format!("{} {}", headline::unit(answer), headline::counted(answer))
    };
    text.push_str(&paragraph("", &unit, width));
    text.extend(rung::line(answer).map(|line| paragraph("", &line, width)));
    text.push('\n');
    text.push_str(&paragraph("", &headline::sentence(answer), width));
    if answer.cells.is_empty() {
        return glyphs.apply(text);
    }
    let blocks = blocks(answer);
    let rows = blocks.iter().flat_map(|block| &block.rows);
    let label = rows.map(|r| r.label.chars().count()).max().unwrap_or_default().min(LABEL);
    let room = usize::from(width.columns()).saturating_sub(label + FIGURE + 3);
    for block in &blocks {
        // A scale of its own, made for the known categories: people of whom little is known would flatten
        // all other bars. What runs over the edge ends in an arrow.
        let known = block.rows.iter().filter(|row| row.kind == CategoryKind::Known);
        let scale = Scale::over(known.filter_map(|row| row.cell).filter_map(drawn), room);
        text.push('\n');
        if let Some(heading) = &block.heading {
            text.push_str(heading);
            text.push('\n');
        }
        for row in &block.rows {
            text.push_str(&line(row, label, shares.then_some(scale), glyphs));
        }
        if block.rows.iter().filter_map(|row| row.cell).any(|cell| drawn(cell).is_some()) {
            text.push_str(&scale.axis(label));
        }
    }
    let rates = rate::bars(answer, label, room) + &figure::bars(answer, label, room);
    text.push_str(&rates);
    if shares || !rates.is_empty() {
        text.push_str(
            "
█ at least   ░ may be up to   withheld: small, or resting on few people
",
        );
    }
    let notes = [rate::published(answer), rate::notes(answer), figure::notes(answer)];
    for line in notes.iter().flatten() {
        text.push_str(&paragraph("", line, width));
    }
    glyphs.apply(text)
}

struct Block<'a> {
    heading: Option<String>,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    label: String,
    kind: CategoryKind,
    cell: Option<&'a Cell>,
}

fn blocks(answer: &Answer) -> Vec<Block<'_>> {
    if answer.axes.is_empty() {
        let row = Row {
            label: "All".to_owned(),
            kind: CategoryKind::Known,
            cell: grid::cell(answer, &[]),
        };
        return vec![Block { heading: None, rows: vec![row] }];
    }
    let axes = answer.axes.iter().enumerate();
    axes.map(|(index, axis)| Block {
        heading: Some(format!("By {}", headline::axis_name(axis))),
        rows: grid::reading_order(axis)
            .into_iter()
            .map(|position| Row {
                label: grid::label(axis, position),
                kind: axis.categories.get(position).map_or(CategoryKind::Known, |c| c.kind),
                cell: grid::alone(answer, index, position),
            })
            .collect(),
    })
    .collect()
}

/// The bounds of a cell that is drawn as a bar.
fn drawn(cell: &Cell) -> Option<ProportionBounds> {
    let known = words::share(cell).is_some_and(|share| share != Share::Unknown);
    cell.proportion.filter(|_| known && !words::hidden(cell.numerator.state))
}

/// A line with a bar; without a scale the count itself, since groups differ in size and a bar would compare them.
fn line(row: &Row<'_>, label: usize, scale: Option<Scale>, glyphs: Glyphs) -> String {
    let Some(cell) = row.cell else { return String::new() };
    let Some(scale) = scale else {
        return format!("{} │ {}\n", fitted(&row.label, label), words::count(&cell.numerator));
    };
    let share = words::share(cell);
    let said = match (drawn(cell), share) {
        (Some(bounds), Some(share)) => format!("{} {}", scale.bar(bounds, glyphs), share.cell()),
        (_, Some(share @ Share::UpTo(_))) => format!(" {} ({})", state(cell), share.cell()),
        _ => format!(" {}", state(cell)),
    };
    format!("{} │{said}\n", fitted(&row.label, label))
}

/// Why there is no bar.
fn state(cell: &Cell) -> String {
    use evensum_core::model::CellState;
    match cell.numerator.state {
        CellState::Value => "share not known".to_owned(),
        CellState::Suppressed | CellState::Refused => "withheld".to_owned(),
        _ => words::count(&cell.numerator),
    }
}

/// The label in exactly so many characters.
fn fitted(label: &str, width: usize) -> String {
    if label.chars().count() <= width {
        return format!("{label:<width$}");
    }
    let cut: String = label.chars().take(width.saturating_sub(1)).collect();
    format!("{:<width$}", format!("{}…", cut.trim_end()))
}

/// From shares to characters.
#[derive(Clone, Copy)]
struct Scale {
    /// Share of one step of the scale line, in tenths of a per cent.
    step: u32,
    /// Steps on the line.
    steps: u32,
    /// Characters of the line.
    room: usize,
}

/// Steps of the scale line, in tenths of a per cent.
const STEPS: [u32; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 250, 500, 1000];

/// The most steps on the scale line.
const MOST_STEPS: u32 = 6;

impl Scale {
    /// The shortest round scale that holds every bar; one without an upper end runs to the edge.
    fn over(bars: impl Iterator<Item = ProportionBounds>, room: usize) -> Self {
        let top = bars.map(|p| if p.high < 1.0 { p.high } else { p.low }).fold(0.0, f64::max);
        let fits = |step: u32| f64::from(step * MOST_STEPS) >= top * 1000.0;
        let step = STEPS.into_iter().find(|&step| fits(step)).unwrap_or(1000);
        let steps =
            (1..=MOST_STEPS).find(|&n| f64::from(step * n) >= top * 1000.0).unwrap_or(MOST_STEPS);
        Self { step, steps, room }
    }

    /// Characters from the left for a share, with their fraction.
    #[expect(clippy::cast_precision_loss, reason = "a terminal's width")]
    fn reach(self, share: f64) -> f64 {
        let whole = f64::from(self.step * self.steps);
        (share * 1000.0 / whole * self.room as f64).clamp(0.0, self.room as f64)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the terminal's width"
    )]
    fn bar(self, bounds: ProportionBounds, glyphs: Glyphs) -> String {
        let (solid, end) = (self.reach(bounds.low), self.reach(bounds.high));
        let eighths = match glyphs {
            Glyphs::Unicode => (solid * 8.0).round() as usize,
            Glyphs::Ascii => (solid.round() as usize) * 8,
        };
        let mut bar = "█".repeat(eighths / 8);
        bar.push_str(EIGHTHS[eighths % 8]);
        let used = eighths.div_ceil(8);
        bar.push_str(&"░".repeat((end.round() as usize).saturating_sub(used)));
        let whole = f64::from(self.step * self.steps) / 1000.0;
        if bounds.high > whole && bar.pop().is_some() {
            bar.push(match glyphs {
                Glyphs::Unicode => '▸',
                Glyphs::Ascii => '>',
            });
        }
        if bar.is_empty() {
            // A true figure that is too small for the scale is still a bar.
            bar.push('▏');
        }
        bar
    }

    /// The scale line and its figures.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the terminal's width"
    )]
    fn axis(self, label: usize) -> String {
        let mut line: Vec<char> = vec!['─'; self.room + 1];
        let mut figures = String::new();
        for n in 0..=self.steps {
            let share = f64::from(self.step * n) / 1000.0;
            let at = self.reach(share).round() as usize;
            if let Some(mark) = line.get_mut(at) {
                *mark = if n == 0 { '└' } else { '┴' };
            }
            let text = mark(self.step * n);
            let from = at.saturating_sub(if n == 0 { 0 } else { text.len() / 2 });
            let gap = from.saturating_sub(figures.chars().count());
            figures.push_str(&" ".repeat(gap));
            figures.push_str(&text);
        }
        let indent = " ".repeat(label + 1);
        format!("{indent}{}\n{indent}{figures}\n", line.into_iter().collect::<String>())
    }
}

/// A figure of the scale line.
fn mark(tenths: u32) -> String {
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} %"),
        (whole, rest) => format!("{whole}.{rest} %"),
    }
}
