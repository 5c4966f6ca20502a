//! The answer on a terminal: what was asked, the headline, the figures, who is in them, and what a reader
//! must know.

use evensum_core::view::{Answer, Cell};

use super::layout::{Column, Line, draw, paragraph};
use super::number::Share;
use super::{Glyphs, Width, figure, grid, headline, inequality, people, rate, rung, words};

/// The whole answer.
#[must_use]
pub fn answer(answer: &Answer, width: Width, glyphs: Glyphs) -> String {
    let mut text = glyphs.apply(head(answer, width));
    if !answer.cells.is_empty() {
        text.push('\n');
        text.push_str(&figures(answer, width, glyphs));
        let summary = inequality::text(answer, width, glyphs);
        if !summary.is_empty() {
            text.push('\n');
            text.push_str(&summary);
        }
    }
    text.push('\n');
    text.push_str(&coverage(answer, width, glyphs));
    text.push('\n');
    for line in rate::published(answer) {
        text.push_str(&glyphs.apply(paragraph("", &line, width)));
    }
    text.push_str(&glyphs.apply(notes(answer, width)));
    text
}

fn head(answer: &Answer, width: Width) -> String {
    let mut text = paragraph("", &headline::title(answer), width);
    let unit = format!("{} {}", headline::unit(answer), headline::counted(answer));
    text.push_str(&paragraph("", &unit, width));
    text.extend(rung::line(answer).map(|line| paragraph("", &line, width)));
    text.push('\n');
    text.push_str(&paragraph("", &headline::sentence(answer), width));
    text
}

/// The figures: a row a category; with two dimensions, a group of rows for each category of the first.
#[must_use]
pub fn figures(answer: &Answer, width: Width, glyphs: Glyphs) -> String {
    let counted = words::clean(&answer.indicator.counted);
    let shares = answer.indicator.kind.is_share();
    let limits = shares && width.columns() >= LIMITS_FROM;
    let mut columns = vec![
        Column::words(&words::opening(&row_header(answer))),
        Column::figures(&counted_header(answer)),
    ];
    if shares {
        columns.push(Column::figures(&format!("All {counted}")));
        columns.push(Column::figures("Share"));
    }
    if limits {
        columns.push(Column::figures("95 % limits"));
    }
    let rate_limits = width.columns() >= LIMITS_FROM;
    columns.extend(rate::columns(answer, rate_limits));
    columns.extend(figure::columns(answer));
    columns.extend(people::columns(answer));
    let row = |label, cell| {
        let line = figure::beside(cell, row(label, cell, shares, limits));
        let line =
            if rate::rated(answer) { rate::beside(answer, cell, line, rate_limits) } else { line };
        people::beside(answer, cell, line)
    };
    let mut lines = Vec::new();
    match answer.axes.split_last() {
        None => lines.extend(grid::cell(answer, &[]).map(|cell| row("All".to_owned(), cell))),
        Some((last, outer)) => {
            let groups = combinations(answer, outer.len());
            let indent = if outer.is_empty() { "" } else { "  " };
            for (number, group) in groups.iter().enumerate() {
                if !outer.is_empty() {
                    if number > 0 {
                        lines.push(Line::Gap);
                    }
                    lines.push(Line::Heading(group_label(answer, group)));
                }
                for position in grid::reading_order(last) {
                    let at: Vec<usize> = group.iter().copied().chain([position]).collect();
                    let all = last.categories.get(position).is_some_and(|c| c.id.is_all());
                    if all && outer.is_empty() {
                        lines.push(Line::Rule);
                    }
                    let label = format!("{indent}{}", grid::label(last, position));
                    lines.extend(grid::cell(answer, &at).map(|cell| row(label, cell)));
                }
            }
        }
    }
    let mut text = draw(&columns, lines, width, glyphs);
    if (shares || rate::rated(answer)) && !rate_limits {
        text.push_str(&format!("95 % limits are shown from {LIMITS_FROM} columns on.\n"));
    }
    text
}

/// Columns of the terminal from which the 95 % limits have room beside the shares.
const LIMITS_FROM: u16 = 96;

/// What the column of counts above the line is of: the indicator, or what its figure is made of.
fn counted_header(answer: &Answer) -> String {
    if figure::has(answer) {
        words::opening(&words::clean(&answer.indicator.counted))
    } else {
        words::clean(&answer.indicator.name)
    }
}

fn row_header(answer: &Answer) -> String {
    let names: Vec<String> = answer.axes.iter().map(headline::axis_name).collect();
    if names.is_empty() { String::new() } else { names.join(", ") }
}

/// Positions on the outer axes, in reading order, the last of them running fastest.
fn combinations(answer: &Answer, outer: usize) -> Vec<Vec<usize>> {
    answer.axes.iter().take(outer).fold(vec![Vec::new()], |heads, axis| {
        let order = grid::reading_order(axis);
        heads
            .iter()
            .flat_map(|head| order.iter().map(move |&p| head.iter().copied().chain([p]).collect()))
            .collect()
    })
}

fn group_label(answer: &Answer, group: &[usize]) -> String {
    let labels: Vec<String> =
        answer.axes.iter().zip(group).map(|(axis, &p)| grid::label(axis, p)).collect();
    labels.join(", ")
}

fn row(label: String, cell: &Cell, shares: bool, limits: bool) -> Line {
    let said = |share: Option<Share>| share.map_or_else(|| words::NOTHING.to_owned(), Share::cell);
    let mut cells = vec![label, words::count(&cell.numerator)];
    if shares {
        cells.push(words::count(&cell.denominator));
        cells.push(said(words::share(cell)));
    }
    if limits {
        cells.push(said(words::limits(cell)));
    }
    Line::Cells(cells)
}

/// Who is in the figures, and why the others are not.
#[must_use]
pub fn coverage(answer: &Answer, width: Width, glyphs: Glyphs) -> String {
    let columns = [
        Column::words("Partner"),
        Column::words("Status"),
        Column::figures("Extract of"),
        Column::words("Version"),
    ];
    let lines = answer.coverage.iter().map(|line| {
        let name = words::clean(&line.name);
        let partner =
            if name == line.ods.as_str() { name } else { format!("{name} ({})", line.ods) };
        Line::Cells(vec![
            partner,
            words::coverage(line),
            line.as_of.map_or_else(|| words::NOTHING.to_owned(), |date| date.to_string()),
            line.version.map_or(words::NOTHING, words::version).to_owned(),
        ])
    });
    draw(&columns, lines.collect(), width, glyphs)
}

fn notes(answer: &Answer, width: Width) -> String {
    let mut text = String::from("Notes\n");
    let mut note = |line: &str| text.push_str(&paragraph("· ", line, width));
    for caveat in &answer.caveats {
        note(&words::clean(caveat));
    }
    rate::notes(answer).iter().for_each(|line| note(line));
    figure::notes(answer).iter().for_each(|line| note(line));
    people::notes(answer).iter().for_each(|line| note(line));
    for line in policies(answer) {
        note(&line);
    }
    if let Some(edition) = answer.imd_edition {
        note(&format!(
            "Deprivation: Index of Multiple Deprivation {} (small areas of {}).",
            edition.as_str(),
            edition.lsoa_vintage()
        ));
    }
    note(if answer.indicator.kind.is_share() {
        "A figure “a to b” lies between the two, both included; shares are rounded outwards."
    } else {
        "A figure “a to b” lies between the two, both included."
    });
    if let Some(query) = answer.query_id {
        note(&format!("Question {query}."));
    }
    text
}

/// The policy in words; partner by partner where they differ.
fn policies(answer: &Answer) -> Vec<String> {
    if let Some(policy) = answer.policy {
        return vec![words::opening(&format!("{}.", words::policy(policy)))];
    }
    let lines = answer.coverage.iter().filter_map(|c| {
        c.policy.map(|p| format!("{} ({}): {}.", words::clean(&c.name), c.ods, words::policy(p)))
    });
    lines.collect()
}
