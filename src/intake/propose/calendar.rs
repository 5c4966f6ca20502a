//! How an extract writes its dates: which forms must be declared, and whether the day or the month stands first.
//! Where that cannot be told it is asked, and never guessed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::dates::{self, DateForm};
use super::head::Field;

/// What stands first in dates such as 03/04/2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// The day, as is usual in Britain.
    DayFirst,
    /// The month.
    MonthFirst,
}

/// How one text writes a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// `2026-10-31`.
    Iso,
    /// `20261031`.
    Compact,
    /// Only one reading: the form in full.
    Form(String),
    /// Two numbers before the year, and the sign between them.
    Numbers { sign: char, first: u32, second: u32 },
    /// With a year of two digits.
    ShortYear,
    /// With a month's whole name.
    LongMonth,
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(end)
}

const SIGNS: [char; 4] = ['/', '-', '.', ' '];

fn sign(text: &str) -> Option<(char, &str)> {
    let first = text.chars().next().filter(|c| SIGNS.contains(c))?;
    Some((first, &text[first.len_utf8()..]))
}

/// How a text writes a date; none where it is none.
pub(super) fn written(text: &str) -> Option<Written> {
    let (first, rest) = digits(text);
    match first.len() {
        8 => dates::iso(text.as_bytes()).map(|_| Written::Compact),
        4 => {
            if dates::iso(text.as_bytes()).is_some() {
                return Some(Written::Iso);
            }
            let (sign, _) = sign(rest)?;
            let form = format!("%Y{sign}%m{sign}%d");
            reads(&form, text).then_some(Written::Form(form))
        }
        1 | 2 => {
            let (mark, after) = match sign(rest) {
                Some((mark, after)) => (mark.to_string(), after),
                None => (String::new(), rest),
            };
            if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
                return named(text, &mark, after);
            }
            numbers(text, first, mark.chars().next()?, after)
        }
        _ => None,
    }
}

fn reads(form: &str, text: &str) -> bool {
    DateForm::parse(form).is_ok_and(|form| form.read(text.as_bytes()).is_some())
}

/// A date with a month's name, from the name on.
fn named(text: &str, mark: &str, after: &str) -> Option<Written> {
    let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, rest) = after.split_at(letters);
    let short = |name: &str| reads("%d %b %Y", &format!("1 {name} 2026"));
    if !name.get(..3).is_some_and(short) {
        return None;
    }
    if name.len() > 3 {
        return Some(Written::LongMonth);
    }
    let (second, year) = match sign(rest) {
        Some((second, year)) => (second.to_string(), year),
        None => (String::new(), rest),
    };
    if digits(year).0.len() == 2 {
        return Some(Written::ShortYear);
    }
    let form = format!("%d{mark}%b{second}%Y");
    reads(&form, text).then_some(Written::Form(form))
}

/// A date of three numbers, the year last.
fn numbers(text: &str, first: &str, mark: char, after: &str) -> Option<Written> {
    let (second, rest) = digits(after);
    let (again, year) = sign(rest).filter(|(again, _)| *again == mark)?;
    let number = |text: &str| text.parse().ok().filter(|n| (1..=31).contains(n));
    let (one, two): (u32, u32) = (number(first)?, number(second)?);
    match digits(year).0.len() {
        2 if one <= 12 || two <= 12 => Some(Written::ShortYear),
        4 => {
            let either = [DateOrder::DayFirst, DateOrder::MonthFirst];
            let read = either.iter().any(|order| reads(&form(*order, again), text));
            read.then_some(Written::Numbers { sign: mark, first: one, second: two })
        }
        _ => None,
    }
}

fn form(order: DateOrder, sign: char) -> String {
    match order {
        DateOrder::DayFirst => format!("%d{sign}%m{sign}%Y"),
        DateOrder::MonthFirst => format!("%m{sign}%d{sign}%Y"),
    }
}

/// What is proposed for the dates of an extract.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Dates {
    /// The forms to declare; none where all dates are ISO dates, which need no declaration.
    pub forms: Vec<String>,
    /// Why.
    pub why: String,
    /// What somebody must say first: whether the day or the month stands first.
    pub asked: bool,
    /// What no declaration helps against.
    pub problems: Vec<String>,
}

#[derive(Default)]
struct Evidence {
    iso: bool,
    compact: bool,
    forms: BTreeSet<String>,
    /// By sign: rows that only the one and only the other order reads.
    orders: BTreeMap<char, (u32, u32)>,
    short_years: BTreeSet<String>,
    long_months: BTreeSet<String>,
}

impl Evidence {
    fn add(&mut self, field: &Field) {
        for (value, rows) in &field.values {
            match written(value) {
                None => {}
                Some(Written::Iso) => self.iso = true,
                Some(Written::Compact) => self.compact = true,
                Some(Written::Form(form)) => drop(self.forms.insert(form)),
                Some(Written::ShortYear) => drop(self.short_years.insert(field.name.clone())),
                Some(Written::LongMonth) => drop(self.long_months.insert(field.name.clone())),
                Some(Written::Numbers { sign, first, second }) => {
                    let order = self.orders.entry(sign).or_default();
                    order.0 += if first > 12 { *rows } else { 0 };
                    order.1 += if second > 12 { *rows } else { 0 };
                }
            }
        }
    }
}

/// Proposes forms for the fields that hold dates. `told` is what somebody said of their order.
pub(super) fn propose(fields: &[&Field], told: Option<DateOrder>) -> Dates {
    let mut evidence = Evidence::default();
    fields.iter().for_each(|field| evidence.add(field));
    let mut found = Dates::default();
    let listed = |names: &BTreeSet<String>| {
        names.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ")
    };
    if !evidence.short_years.is_empty() {
        found.problems.push(format!(
            "{} has years of two digits, which leave the century open: export dates with four",
            listed(&evidence.short_years)
        ));
    }
    if !evidence.long_months.is_empty() {
        found.problems.push(format!(
            "{} writes months in full: export dates as 2026-10-31",
            listed(&evidence.long_months)
        ));
    }
    let order = order(&evidence, told, &mut found);
    let numbered: Vec<String> = order
        .into_iter()
        .flat_map(|order| evidence.orders.keys().map(move |s| form(order, *s)))
        .collect();
    if numbered.is_empty() && evidence.forms.is_empty() {
        if found.why.is_empty() {
            found.why = "ISO dates need no declaration".to_owned();
        }
        return found;
    }
    let iso = evidence.iso.then(|| "%Y-%m-%d".to_owned());
    let compact = evidence.compact.then(|| "%Y%m%d".to_owned());
    found.forms.extend(iso.into_iter().chain(compact).chain(numbered).chain(evidence.forms));
    if found.why.is_empty() {
        found.why = "every date reads in one of these forms, and in one way only".to_owned();
    }
    found
}

fn order(evidence: &Evidence, told: Option<DateOrder>, found: &mut Dates) -> Option<DateOrder> {
    if evidence.orders.is_empty() {
        return None;
    }
    let (day, month) = evidence.orders.values().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let (order, why) = match (day, month, told) {
        (1.., 1.., _) => {
            found.problems.push(
                "some dates have the day first and some the month: no form reads both, correct the export"
                    .to_owned(),
            );
            return None;
        }
        (1.., 0, Some(DateOrder::MonthFirst)) | (0, 1.., Some(DateOrder::DayFirst)) => {
            found.problems.push(
                "the dates are not in the order that --date-order names: leave it out, or correct the export"
                    .to_owned(),
            );
            return None;
        }
        (1.., 0, _) => {
            (DateOrder::DayFirst, "the day stands first: some first numbers are no months")
        }
        (0, 1.., _) => {
            (DateOrder::MonthFirst, "the month stands first: some second numbers are no months")
        }
        (0, 0, Some(order)) => (order, "as --date-order says: both readings were possible"),
        (0, 0, None) => {
            found.asked = true;
            found.why = "the day or the month may stand first, and no date tells which".to_owned();
            return None;
        }
    };
    found.why = why.to_owned();
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(values: &[&str]) -> Field {
        let values: Vec<(String, u32)> = values.iter().map(|v| ((*v).to_owned(), 1)).collect();
        let filled = u32::try_from(values.len()).expect("few");
        Field { name: "when".to_owned(), values, filled, twice: false }
    }

    #[test]
    fn every_usual_way_to_write_a_date_is_told() {
        let form = |form: &str| Some(Written::Form(form.to_owned()));
        let numbers = |sign, first, second| Some(Written::Numbers { sign, first, second });
        for (text, expected) in [
            ("2026-10-31", Some(Written::Iso)),
            ("2026-10-31T10:00:00", Some(Written::Iso)),
            ("20261031", Some(Written::Compact)),
            ("2026/10/31", form("%Y/%m/%d")),
            ("31/10/2026", numbers('/', 31, 10)),
            ("1.2.2026", numbers('.', 1, 2)),
            ("31-10-2026 14:05", numbers('-', 31, 10)),
            ("31-Oct-2026", form("%d-%b-%Y")),
            ("05OCT2026", form("%d%b%Y")),
            ("5 oct 2026", form("%d %b %Y")),
            ("31/10/26", Some(Written::ShortYear)),
            ("31-Oct-26", Some(Written::ShortYear)),
            ("31 October 2026", Some(Written::LongMonth)),
            ("31/31/2026", None),
            ("31/10-2026", None),
            ("12345678", None),
            ("46000", None),
            ("9434765919", None),
            ("soon", None),
            ("5 people", None),
            ("", None),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }

    #[test]
    fn the_order_is_told_by_the_dates_or_asked_for() {
        let told = |fields: &[&Field], order| {
            let found = propose(fields, order);
            (found.forms, found.asked, found.problems.len())
        };
        let (open, day) = (field(&["03/04/2026", "01/10/2026"]), field(&["25/04/1950"]));
        let month = field(&["04/25/1950"]);
        let one = |form: &str| vec![form.to_owned()];
        assert_eq!(told(&[&open], None), (vec![], true, 0));
        // Any date of the same file tells.
        assert_eq!(told(&[&open, &day], None), (one("%d/%m/%Y"), false, 0));
        assert_eq!(told(&[&open, &month], None), (one("%m/%d/%Y"), false, 0));
        assert_eq!(told(&[&day, &month], None), (vec![], false, 1));
        assert_eq!(told(&[&open], Some(DateOrder::MonthFirst)), (one("%m/%d/%Y"), false, 0));
        assert_eq!(told(&[&day], Some(DateOrder::MonthFirst)), (vec![], false, 1));
        assert_eq!(told(&[&field(&["2026-10-31", "20261031"])], None), (vec![], false, 0));
        let mixed = field(&["2026-10-31", "31/10/2026"]);
        let both = vec!["%Y-%m-%d".to_owned(), "%d/%m/%Y".to_owned()];
        assert_eq!(told(&[&mixed], None), (both, false, 0));
        assert_eq!(told(&[&field(&["31/10/26"])], None), (vec![], false, 1));
    }
}
