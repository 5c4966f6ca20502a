//! An extract beside the return that was submitted, as table, CSV and JSON. For the partner's own people.

use evensum_core::view::{Explanation, Figures, ReconciledLine, Reconciliation};
use serde_json::{Value, json};

use super::layout::{Column, Line, draw, paragraph};
use super::number::thousands;
use super::quality::EXACT;
use super::trend::standing;
use super::{Glyphs, Width, words};

/// A figure of a line.
type Figure = (&'static str, fn(&Figures) -> Option<u64>);

const FIGURES: [Figure; 3] =
    [("list", |f| Some(f.list)), ("over_18", |f| f.over_18), ("over_52", |f| f.over_52)];

/// The comparison for a terminal: the extract's figure, the return's, and how much more the extract has.
#[must_use]
pub fn table(of: &Reconciliation, width: Width, glyphs: Glyphs) -> String {
    let mut text = head(of, width);
    text.push('\n');
    let mut columns = vec![Column::words("Treatment function")];
    for name in ["List", "Over 18", "Over 52"] {
        columns.extend(
            ["here", "return", "more here"].map(|side| Column::figures(&format!("{name} {side}"))),
        );
    }
    let mut lines: Vec<Line> = of.lines.iter().map(line).collect();
    lines.push(Line::Rule);
    lines.push(line(&of.total));
    let mut after = String::new();
    if !of.explanations.is_empty() {
        after.push_str("\nWhat may explain the difference\n");
        for one in &of.explanations {
            after.push_str(&paragraph("· ", &explanation(one), width));
        }
    }
    let table = draw(&columns, lines, width, glyphs);
    format!("{}{table}{}", glyphs.apply(text), glyphs.apply(after))
}

fn head(of: &Reconciliation, width: Width) -> String {
    let provider = of.provider.as_ref().map_or_else(String::new, |p| format!(" of provider {p}"));
    let finding = if of.agrees() {
        "every figure is the same".to_owned()
    } else {
        let there = of.total.returned.map_or(0, |f| f.list);
        let all = of.lines.iter().filter(|line| !line.agrees()).count();
        let functions = match all {
            1 => "1 treatment function differs".to_owned(),
            n => format!("{n} treatment functions differ"),
        };
        match difference(Some(of.total.own.list), Some(there)).as_deref() {
            None | Some("0") => format!("the lists are as long as each other, and {functions}"),
            Some(more) => {
                format!("the extract has {more} pathways against the return, and {functions}")
            }
        }
    };
    let title = format!(
        "The {} extract of {} beside the return{provider}: {finding}",
        standing(of.version),
        words::period(of.period)
    );
    let mut text = paragraph("", &words::clean(&title), width);
    text.push_str(&paragraph("", EXACT, width));
    text
}

fn line(line: &ReconciledLine) -> Line {
    let mut cells = vec![format!("{} {}", line.function, words::clean(&line.name))];
    if line.function.is_all() {
        cells = vec![words::clean(&line.name)];
    }
    let figure = |n: Option<u64>| n.map_or_else(|| words::NOTHING.to_owned(), thousands);
    for (_, read) in FIGURES {
        let (own, returned) = (read(&line.own), line.returned.as_ref().and_then(read));
        let more = difference(own, returned).unwrap_or_else(|| words::NOTHING.to_owned());
        cells.extend([figure(own), figure(returned), more]);
    }
    Line::Cells(cells)
}

/// How much more the first is, with its sign: `+12`, `-3`, `0`.
fn difference(own: Option<u64>, returned: Option<u64>) -> Option<String> {
    let (own, returned) = (own?, returned?);
    let size = thousands(own.abs_diff(returned));
    Some(match own.cmp(&returned) {
        std::cmp::Ordering::Less => format!("-{size}"),
        std::cmp::Ordering::Equal => size,
        std::cmp::Ordering::Greater => format!("+{size}"),
    })
}

fn explanation(one: &Explanation) -> String {
    let what = words::opening(&words::clean(&one.what));
    let Some(rows) = one.rows else { return what };
    let exact = one.exact.then_some("This is exactly the difference.");
    let after: Vec<&str> = exact.into_iter().chain(one.advice.as_deref()).collect();
    format!("{what}: {}. {}", thousands(rows), after.join(" ")).trim_end().to_owned()
}

/// The comparison as CSV: a row for each treatment function and `all`; what the return does not say is empty.
///
/// # Errors
/// csv's.
pub fn csv(of: &Reconciliation) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["treatment_function".to_owned(), "name".to_owned()];
    for (name, _) in FIGURES {
        header.extend(["own", "return", "difference"].map(|side| format!("{name}_{side}")));
    }
    writer.write_record(&header)?;
    for line in of.lines.iter().chain([&of.total]) {
        let mut cells = vec![line.function.to_string(), line.name.clone()];
        for (_, read) in FIGURES {
            let (own, returned) = (read(&line.own), line.returned.as_ref().and_then(read));
            let text = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
            let signed = own.zip(returned).map(|(a, b)| i128::from(a) - i128::from(b));
            cells.extend([
                text(own),
                text(returned),
                signed.map_or_else(String::new, |n| n.to_string()),
            ]);
        }
        writer.write_record(&cells)?;
    }
    let bytes = writer.into_inner().map_err(|e| csv::Error::from(e.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The comparison as JSON. `figures` says that they are exact; `agrees` whether they are the same.
#[must_use]
pub fn to_json(of: &Reconciliation) -> Value {
    let mut value = json!(of);
    if let Value::Object(fields) = &mut value {
        fields.insert("figures".to_owned(), "exact".into());
        fields.insert("agrees".to_owned(), of.agrees().into());
        fields.insert("standing".to_owned(), standing(of.version).into());
    }
    value
}

#[cfg(test)]
mod tests {
    use evensum_core::model::{CategoryId, DatasetId, SnapshotVersion};

    use super::*;

    fn figures(list: u64, over_18: u64, over_52: Option<u64>) -> Figures {
        Figures { list, over_18: Some(over_18), over_52 }
    }

    fn compared() -> Reconciliation {
        let line = |id: &str, name: &str, own, returned| ReconciledLine {
            function: CategoryId::new(id).expect("id"),
            name: name.to_owned(),
            own,
            returned,
        };
        Reconciliation {
            dataset: DatasetId::new("rtt_open_pathway").expect("id"),
            period: "2026-10".parse().expect("period"),
            as_of: "2026-10-31".parse().expect("date"),
            version: Some(SnapshotVersion::Provisional),
            provider: Some("RZ1".to_owned()),
            lines: vec![
                line(
                    "110",
                    "Trauma",
                    figures(1_200, 300, Some(9)),
                    Some(figures(1_212, 300, None)),
                ),
                line("unknown", "Not known", figures(7, 0, Some(0)), None),
            ],
            total: line(
                "all",
                "All",
                figures(1_207, 300, Some(9)),
                Some(figures(1_212, 300, None)),
            ),
            explanations: vec![
                Explanation {
                    what: "rows that were not taken: clock_start, not a date".to_owned(),
                    rows: Some(5),
                    advice: None,
                    exact: true,
                },
                Explanation {
                    what: "pathways whose function is blank".to_owned(),
                    rows: Some(7),
                    advice: Some("Translate it.".to_owned()),
                    exact: false,
                },
                Explanation {
                    what: "Weeks differ.".to_owned(),
                    rows: None,
                    advice: None,
                    exact: false,
                },
            ],
        }
    }

    #[test]
    fn a_comparison_is_told_as_table_csv_and_json() {
        let of = compared();
        let text = table(&of, Width::new(120), Glyphs::Unicode);
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [
            "The provisional extract of October 2026 beside the return of provider RZ1",
            "the extract has -5 pathways against the return, and 2 treatment functions differ",
            "Exact figures, for the organisation's own staff only",
            "110 Trauma 1,200 1,212 -12 300 300 0 9 – –",
            "unknown Not known 7 – – 0 – – 0 – –",
            "Rows that were not taken: clock_start, not a date: 5. This is exactly the difference.",
            "· Pathways whose function is blank: 7. Translate it.",
            "· Weeks differ.",
        ] {
            assert!(flat.contains(said), "{said}: {text}");
        }
        let csv = csv(&of).expect("csv");
        assert_eq!(csv.lines().count(), 4, "a header, two functions and all");
        assert!(csv.contains("110,Trauma,1200,1212,-12,300,300,0,9,,\n"), "{csv}");
        assert!(csv.contains("unknown,Not known,7,,,0,,,0,,\n"), "{csv}");
        let json = to_json(&of);
        assert_eq!((&json["figures"], &json["agrees"]), (&"exact".into(), &false.into()));
        assert_eq!(json["lines"][0]["returned"]["list"], 1_212);
    }

    #[test]
    fn an_extract_that_agrees_says_so() {
        let mut of = compared();
        of.lines.truncate(1);
        of.lines[0].returned = Some(of.lines[0].own);
        of.total.own = of.lines[0].own;
        of.total.returned = Some(of.lines[0].own);
        of.explanations = Vec::new();
        let text = table(&of, Width::new(120), Glyphs::Unicode);
        assert!(text.contains("every figure is the same") && !text.contains("explain"), "{text}");
    }
}
