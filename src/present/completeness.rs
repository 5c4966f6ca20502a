//! How complete the partners' extracts are, as their releases say it: whole per cent by dimension. It may be
//! shared as the answers may that it is made of.

use evensum_core::view::{Answer, Completeness, Coverage, CoverageStatus, RowShare};
use serde_json::{Value, json};

use super::drawing::{Gap, HeatLine};
use super::layout::{Column, Line, draw, paragraph};
use super::page::{Page, heat_chart, written};
use super::{Glyphs, Width, words};

/// What kind of figures these are: the first thing that their reader is told.
pub const COARSENED: &str = "Coarsened figures, to be used as the agreement says: whole per cent of released totals, by dimension and period alone. What is withheld is hidden, and is not zero.";

/// A share of rows with its name.
type Share = (&'static str, &'static str, fn(&Completeness) -> RowShare);

const SHARES: [Share; 5] = [
    ("usable", "Usable", |c| c.usable()),
    ("not_stated", "Not stated", |c| c.not_stated()),
    ("not_known", "Not known", |c| c.not_known()),
    ("not_collected", "Not collected", |c| c.not_collected()),
    ("not_applicable", "Not applicable", |c| c.not_applicable()),
];

/// A partner with what is known of it in each answer.
struct Partner<'a> {
    coverage: &'a Coverage,
    /// One for each answer: the shares, or what became of the partner's part.
    dimensions: Vec<Result<&'a Completeness, &'a Coverage>>,
}

/// The partners of some answers to the same targets, in order of code.
fn partners<'a>(answers: &[&'a Answer]) -> Vec<Partner<'a>> {
    let Some(first) = answers.first() else { return Vec::new() };
    let each = first.coverage.iter().map(|line| {
        let of = |answer: &&'a Answer| {
            let found = answer.completeness.iter().find(|c| *c.ods() == line.ods);
            let own = answer.coverage.iter().find(|c| c.ods == line.ods).unwrap_or(line);
            found.ok_or(own)
        };
        let dimensions: Vec<_> = answers.iter().map(of).collect();
        let answered = answers
            .iter()
            .flat_map(|a| &a.coverage)
            .find(|c| c.ods == line.ods && c.as_of.is_some());
        Partner { coverage: answered.unwrap_or(line), dimensions }
    });
    each.collect()
}

fn dimension_name(answer: &Answer) -> String {
    answer.axes.first().map_or_else(String::new, |axis| words::clean(&axis.name))
}

fn share(share: RowShare) -> String {
    match share {
        RowShare::WholePercent(n) => format!("{n} %"),
        RowShare::Withheld => Gap::Hidden.word().to_owned(),
        RowShare::None => words::NOTHING.to_owned(),
    }
}

/// The shares for a terminal, partner by partner.
#[must_use]
pub fn table(answers: &[&Answer], name: &str, width: Width, glyphs: Glyphs) -> String {
    let period = answers.first().map_or_else(String::new, |a| words::period(a.period));
    let title = format!("Completeness of {}, {period}", words::clean(name));
    let mut text = paragraph("", &title, width);
    text.push_str(&paragraph("", COARSENED, width));
    text.push('\n');
    let mut columns = vec![Column::words("Dimension")];
    columns.extend(SHARES.iter().map(|(_, header, _)| Column::figures(header)));
    let mut lines = Vec::new();
    for partner in partners(answers) {
        if !lines.is_empty() {
            lines.push(Line::Gap);
        }
        lines.push(Line::Heading(heading(partner.coverage)));
        for (found, answer) in partner.dimensions.iter().zip(answers) {
            let mut cells = vec![dimension_name(answer)];
            match found {
                Ok(of) => cells.extend(SHARES.iter().map(|(_, _, read)| share(read(of)))),
                Err(line) => cells.push(words::status(line.status).to_owned()),
            }
            lines.push(Line::Cells(cells));
        }
    }
    let table = draw(&columns, lines, width, glyphs);
    format!("{}{table}", glyphs.apply(text))
}

fn heading(line: &Coverage) -> String {
    let name = words::clean(&line.name);
    match (line.as_of, line.version) {
        (Some(as_of), Some(version)) => {
            format!("{name} ({}), extract of {as_of}, {}", line.ods, words::version(version))
        }
        _ => format!("{name} ({})", line.ods),
    }
}

/// The shares as JSON: a partner each, with its dimensions. A share is a whole number, `"withheld"` or, where the
/// dimension has no such category, `"none"`.
#[must_use]
pub fn to_json(answers: &[&Answer]) -> Value {
    let each = partners(answers).into_iter().map(|partner| {
        let dimensions = partner.dimensions.iter().zip(answers).map(|(found, answer)| {
            let level = answer.axes.first().map(|axis| axis.level.to_string());
            let mut value = json!({
                "level": level,
                "name": dimension_name(answer),
                "period": answer.period,
                "query_id": answer.query_id,
            });
            if let Value::Object(fields) = &mut value {
                let status = found.map_or_else(|c| c.status.as_str(), |_| "answered");
                fields.insert("status".to_owned(), status.into());
                for (key, _, read) in
                    found.iter().flat_map(|of| SHARES.map(|s| (s.0, s.1, (s.2)(of))))
                {
                    fields.insert(key.to_owned(), json!(read));
                }
            }
            value
        });
        json!({
            "ods": partner.coverage.ods,
            "name": partner.coverage.name,
            "as_of": partner.coverage.as_of,
            "version": partner.coverage.version,
            "dimensions": dimensions.collect::<Vec<_>>(),
        })
    });
    json!({ "figures": "coarsened", "partners": each.collect::<Vec<_>>() })
}

/// The shares as a page: a heat map of what is usable, and the other shares in its table.
///
/// # Errors
/// The template's, which a test renders.
pub fn page(answers: &[&Answer], name: &str) -> Result<String, askama::Error> {
    let period = answers.first().map_or_else(String::new, |a| words::period(a.period));
    let columns: Vec<String> = answers.iter().map(|a| dimension_name(a)).collect();
    let partners = partners(answers);
    let cell = |found: &Result<&Completeness, &Coverage>| match found {
        Ok(of) => match of.usable() {
            RowShare::WholePercent(n) => Ok((u64::from(n) * 10, format!("{n} %"))),
            RowShare::Withheld | RowShare::None => Err(Gap::Hidden),
        },
        Err(line) if line.status == CoverageStatus::NoData => Err(Gap::NotHeld),
        Err(_) => Err(Gap::NoAnswer),
    };
    let lines: Vec<HeatLine> = partners
        .iter()
        .map(|p| HeatLine {
            name: words::clean(&p.coverage.name),
            cells: p.dimensions.iter().map(cell).collect(),
        })
        .collect();
    let low = lines.iter().flat_map(|l| l.cells.iter().zip(&columns).map(move |(c, d)| (l, c, d)));
    let low =
        low.filter_map(|(l, c, d)| c.as_ref().ok().map(|(tenths, text)| (tenths, l, d, text)));
    let finding = low.min_by_key(|(tenths, ..)| **tenths).map_or_else(
        || "no share can be told".to_owned(),
        |(_, line, dimension, text)| {
            format!(
                "the least complete is {} of {}: {text} usable",
                words::within(dimension),
                line.name
            )
        },
    );
    let describes = "A cell for each partner and dimension, darker where more rows are usable.";
    let mut usable = heat_chart(
        ("partners", words::opening(&finding), describes.to_owned()),
        ("Usable rows by partner and dimension", "Partner"),
        &columns,
        &lines,
    );
    usable.table = all_shares(&partners, answers);
    written(&Page {
        title: format!("{}, {period}: {finding}", words::clean(name)),
        about: "How complete the partners' extracts are".to_owned(),
        exact: false,
        standing: COARSENED.to_owned(),
        facts: partners.iter().map(|p| (p.coverage.ods.to_string(), heading(p.coverage))).collect(),
        charts: vec![usable],
        advice: Vec::new(),
    })
}

fn all_shares(partners: &[Partner<'_>], answers: &[&Answer]) -> super::drawing::DataTable {
    let head =
        ["Partner", "Dimension"].into_iter().chain(SHARES.iter().map(|(_, header, _)| *header));
    let rows = partners.iter().flat_map(|p| {
        p.dimensions.iter().zip(answers).map(|(found, answer)| {
            let mut cells = vec![words::clean(&p.coverage.name), dimension_name(answer)];
            match found {
                Ok(of) => cells.extend(SHARES.iter().map(|(_, _, read)| share(read(of)))),
                Err(line) => {
                    cells.push(words::status(line.status).to_owned());
                    cells.extend(SHARES.iter().skip(1).map(|_| words::NOTHING.to_owned()));
                }
            }
            cells
        })
    });
    super::drawing::DataTable {
        caption: "Shares of rows by partner and dimension".to_owned(),
        head: head.map(str::to_owned).collect(),
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    /// No partner's shares are known, and each has another reason.
    #[test]
    fn whoever_has_no_shares_is_named_with_the_reason() {
        let mut answer = fixture::by_quintile();
        let statuses = [CoverageStatus::NoData, CoverageStatus::Late, CoverageStatus::Refused];
        let mut lines = answer.coverage.iter().cycle().take(3).cloned().collect::<Vec<_>>();
        for ((line, status), code) in lines.iter_mut().zip(statuses).zip(["ZZ1", "ZZ2", "ZZ3"]) {
            line.status = status;
            line.ods = evensum_core::model::Ods::new(code).expect("ods");
        }
        answer.coverage = lines;
        let text = table(&[&answer], "RTT", Width::default(), Glyphs::Unicode);
        let page = page(&[&answer], "RTT").expect("a page");
        assert_eq!(page.matches(": no column</title>").count(), 1, "{page}");
        assert_eq!(page.matches(": no answer</title>").count(), 2, "late and refused");
        assert!(page.contains("no share can be told") && page.contains("Coarsened figures"));
        for status in statuses {
            assert!(text.contains(words::status(status)), "{text}");
        }
        let json = to_json(&[&answer]);
        assert_eq!(json["partners"][1]["dimensions"][0]["status"], "late");
        assert!(json["partners"][1]["dimensions"][0].get("usable").is_none());
    }
}
