//! Charts of a page: bars and heat maps as rectangles and texts of an SVG, each with the table that says the
//! same. Laid out here, in whole pixels, and written by the page's template, which escapes every text.

use super::layout::wrapped;

/// A table of figures: the first cell of a row names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataTable {
    pub(super) caption: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// A rectangle, with what a pointer or a screen reader is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) class: &'static str,
    pub(super) title: String,
}

/// A text, anchored at its start, middle or end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) anchor: &'static str,
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A chart and its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    /// Unique on the page.
    pub(super) id: String,
    /// What it shows, as a finding.
    pub(super) finding: String,
    /// What it is made of.
    pub(super) describes: String,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) marks: Vec<Mark>,
    pub(super) texts: Vec<Text>,
    /// Classes and what they mean.
    pub(super) legend: Vec<(&'static str, String)>,
    pub(super) table: DataTable,
}

/// Pixels of a chart's width.
const WIDTH: usize = 720;
/// Pixels for the names at its left.
const NAMES: usize = 210;
/// Characters of a name that have room there.
const NAME_CHARACTERS: usize = 30;
/// Pixels for a bar and the room beneath it.
const BAR: usize = 22;
const BAR_STEP: usize = 32;
/// Pixels for figures at the right of a bar.
const FIGURES: usize = 78;
/// Pixels for a heat map's cell.
const CELL: usize = 28;
/// Pixels above a heat map, for the names of its columns in at most two lines.
const HEADS: usize = 40;
const HEAD_LINE: usize = 15;
/// The baseline of a text below the top of its bar.
const BASELINE: usize = 16;

/// What stands where there is no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// The extract has no such column.
    NotHeld,
    /// Nobody answered, or it was refused.
    NoAnswer,
    /// The figure is withheld. Never drawn as nothing.
    Hidden,
}

impl Gap {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::NotHeld => "no column",
            Self::NoAnswer => "no answer",
            Self::Hidden => "withheld",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::NotHeld | Self::NoAnswer => "none",
            Self::Hidden => "hidden",
        }
    }
}

/// A part of a stacked bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) class: &'static str,
    /// The part and the whole.
    pub(super) of: (u64, u64),
    pub(super) title: String,
}

/// A bar: a name, its parts or why there are none, and what stands at its right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) parts: Result<Vec<Part>, Gap>,
    pub(super) figure: String,
}

/// Bars beneath each other. All are scaled so that a whole is the chart's width.
pub(super) fn bars(bars: &[Bar]) -> (Vec<Mark>, Vec<Text>, usize, usize) {
    let room = WIDTH - NAMES - FIGURES;
    let (mut marks, mut texts) = (Vec::new(), Vec::new());
    for (bar, y) in bars.iter().zip((0..).step_by(BAR_STEP)) {
        texts.push(name_text(&bar.name, y));
        let mut right = NAMES;
        match &bar.parts {
            Err(gap) => {
                marks.push(mark((NAMES, y), (room, BAR), gap.class(), gap.word().to_owned()));
                right += room;
            }
            Ok(parts) => {
                let mut before = 0;
                for part in parts.iter().filter(|p| p.of.0 > 0) {
                    // Both ends from the sum, so that roundings do not add up.
                    let from = NAMES + scaled(before, part.of.1, room);
                    before += part.of.0;
                    right = (NAMES + scaled(before, part.of.1, room)).max(from + 1);
                    marks.push(mark(
                        (from, y),
                        (right - from, BAR),
                        part.class,
                        part.title.clone(),
                    ));
                }
            }
        }
        texts.push(Text {
            x: right + 8,
            y: y + BASELINE,
            anchor: "start",
            class: "figure",
            text: bar.figure.clone(),
        });
    }
    (marks, texts, WIDTH, bars.len() * BAR_STEP)
}

fn mark(
    (x, y): (usize, usize),
    (width, height): (usize, usize),
    class: &'static str,
    title: String,
) -> Mark {
    Mark { x, y, width, height, class, title }
}

fn name_text(name: &str, y: usize) -> Text {
    let text = shortened(name, NAME_CHARACTERS);
    Text { x: NAMES - 10, y: y + BASELINE, anchor: "end", class: "name", text }
}

/// A text of at most so many characters; the table beside the chart has it whole.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

/// So many pixels of a room as a part is of a whole.
fn scaled(part: u64, whole: u64, room: usize) -> usize {
    let pixels = u128::from(part.min(whole)) * room as u128;
    let pixels = (pixels + u128::from(whole) / 2).checked_div(u128::from(whole));
    pixels.and_then(|p| usize::try_from(p).ok()).unwrap_or_default()
}

/// A line of a heat map: a name, and in each column a share of a whole or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeatLine {
    pub(super) name: String,
    /// In tenths of a per cent, and as it is written.
    pub(super) cells: Vec<Result<(u64, String), Gap>>,
}

/// The classes of a heat map's shares, in tenths of a per cent, from the fullest on.
const STEPS: [(u64, &str, &str); 4] = [
    (950, "heat4", "95 % or more"),
    (900, "heat3", "90 to 95 %"),
    (750, "heat2", "75 to 90 %"),
    (0, "heat1", "below 75 %"),
];

/// A heat map, with each share written in its cell, so that nothing rests on the colour alone.
pub(super) fn heat(columns: &[String], lines: &[HeatLine]) -> (Vec<Mark>, Vec<Text>, usize, usize) {
    let width = (WIDTH - NAMES) / columns.len().max(1);
    let (mut marks, mut texts) = (Vec::new(), Vec::new());
    for (column, at) in columns.iter().zip(0..) {
        let x = NAMES + at * width + width / 2;
        // Seven pixels a character, about.
        let room = (width / 7).max(3);
        let broken = wrapped(column, room);
        let last = broken.get(1..).unwrap_or_default().join(" ");
        let two = broken.first().cloned().into_iter().chain((!last.is_empty()).then_some(last));
        for (text, y) in two.zip((14..).step_by(HEAD_LINE)) {
            let text = shortened(&text, room);
            texts.push(Text { x, y, anchor: "middle", class: "head", text });
        }
    }
    for (line, y) in lines.iter().zip((HEADS..).step_by(CELL)) {
        texts.push(name_text(&line.name, y));
        for ((cell, column), at) in line.cells.iter().zip(columns).zip(0..) {
            let x = NAMES + at * width;
            let (class, text) = match cell {
                Ok((tenths, text)) => (step(*tenths), text.as_str()),
                Err(gap) => (gap.class(), gap.word()),
            };
            let title = format!("{}, {column}: {text}", line.name);
            marks.push(mark((x, y), (width - 2, CELL - 2), class, title));
            texts.push(Text {
                x: x + width / 2,
                y: y + BASELINE + 2,
                anchor: "middle",
                class: if matches!(class, "heat4" | "heat3") { "light" } else { "dark" },
                text: shortened(text, (width / 7).max(3)),
            });
        }
    }
    (marks, texts, WIDTH, HEADS + lines.len() * CELL)
}

fn step(tenths: u64) -> &'static str {
    STEPS.iter().find(|(from, ..)| tenths >= *from).map_or("heat1", |(_, class, _)| class)
}

/// What the colours of a heat map mean.
pub(super) fn heat_legend(gaps: &[Gap]) -> Vec<(&'static str, String)> {
    let steps = STEPS.iter().map(|(_, class, text)| (*class, (*text).to_owned()));
    steps.chain(gaps.iter().map(|gap| (gap.class(), gap.word().to_owned()))).collect()
}

/// What a heat map's gaps are, each once.
pub(super) fn gaps(lines: &[HeatLine]) -> Vec<Gap> {
    let mut found = Vec::new();
    for gap in lines.iter().flat_map(|l| &l.cells).filter_map(|cell| cell.as_ref().err()) {
        if !found.contains(gap) {
            found.push(*gap);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(of: u64, whole: u64) -> Part {
        Part { class: "usable", of: (of, whole), title: String::new() }
    }

    #[test]
    fn parts_of_a_bar_meet_and_fill_it() {
        let parts = [3, 3, 1, 0, 93].map(|n| part(n, 100)).to_vec();
        let bar = Bar { name: "x".to_owned(), parts: Ok(parts), figure: String::new() };
        let (marks, ..) = bars(&[bar]);
        assert_eq!(marks.len(), 4, "nothing is no part");
        assert!(marks.windows(2).all(|pair| pair[0].x + pair[0].width == pair[1].x));
        let last = marks.last().expect("a mark");
        assert_eq!((marks[0].x, last.x + last.width), (NAMES, WIDTH - FIGURES));
    }

    #[test]
    fn what_is_hidden_is_drawn_over_the_whole_bar_and_never_as_nothing() {
        let bar =
            Bar { name: "x".to_owned(), parts: Err(Gap::Hidden), figure: "withheld".to_owned() };
        let (marks, texts, ..) = bars(&[bar]);
        assert_eq!((marks[0].class, marks[0].width), ("hidden", WIDTH - NAMES - FIGURES));
        assert!(texts.iter().any(|t| t.text == "withheld"));
        let line = HeatLine {
            name: "x".to_owned(),
            cells: vec![Ok((0, "0 %".to_owned())), Err(Gap::Hidden)],
        };
        let (marks, texts, ..) =
            heat(&["a".to_owned(), "b".to_owned()], std::slice::from_ref(&line));
        assert_eq!(marks.iter().map(|m| m.class).collect::<Vec<_>>(), ["heat1", "hidden"]);
        assert!(texts.iter().any(|t| t.text == "withheld"));
        assert_eq!(gaps(&[line]), [Gap::Hidden]);
    }

    #[test]
    fn a_part_is_never_too_thin_to_be_seen() {
        let parts = vec![part(999_999, 1_000_000), part(1, 1_000_000)];
        let bar = Bar { name: "x".to_owned(), parts: Ok(parts), figure: String::new() };
        assert!(bars(&[bar]).0.iter().all(|mark| mark.width > 0));
        assert_eq!(scaled(1, 0, 100), 0, "nothing of nothing");
    }
}
