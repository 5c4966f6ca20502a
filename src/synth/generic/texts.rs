//! How a trust's system writes what it holds: codes in any case, padded, as numbers, in words of its own; nothing in
//! several ways.

use evensum_core::catalogue::{CategoryKind, Dimension};
use evensum_core::model::Date;

use super::super::draw::Draw;
use super::solve::Value;

/// Words that mean nothing; the mapping names them.
pub(super) const NULLS: [&str; 3] = ["NULL", "N/A", "-"];

/// Out of a million texts: those in the other case, padded, and as a number.
const OTHER_CASE: u64 = 80_000;
const PADDED: u64 = 70_000;
const AS_NUMBER: u64 = 30_000;
/// Out of a million codes that a trust has a word of its own for: those in that word.
const OWN_WORD: u64 = 300_000;

/// Nothing, in one of the ways to write it.
pub(super) fn nothing(draw: &mut Draw) -> String {
    match draw.below(4) {
        0 => NULLS[usize::try_from(draw.below(3)).unwrap_or_default()].to_owned(),
        _ => String::new(),
    }
}

/// Whether a text means nothing.
pub(super) fn is_null(text: &str) -> bool {
    text.is_empty() || NULLS.iter().any(|null| null.eq_ignore_ascii_case(text))
}

/// A code in one of its spellings.
pub(super) fn respelt(code: &str, draw: &mut Draw) -> String {
    let digits = code.bytes().all(|b| b.is_ascii_digit());
    if draw.chance(OTHER_CASE) {
        return code
            .chars()
            .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
    }
    if digits && draw.chance(PADDED) {
        return format!("0{code}");
    }
    if digits && draw.chance(AS_NUMBER) {
        return format!("{code}.0");
    }
    code.to_owned()
}

/// A date, year first or day first: the mapping declares both.
pub(super) fn date(date: Date, draw: &mut Draw) -> String {
    let (year, month, day) = date.civil().to_calendar_date();
    let month = u8::from(month);
    if draw.chance(200_000) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{day:02}/{month:02}/{year:04}")
    }
}

/// The value of a field that rules look at.
pub(super) fn value(value: &Value, words: &[(String, String)], draw: &mut Draw) -> String {
    const YES: [&str; 6] = ["Y", "Yes", "TRUE", "1", "y", "T"];
    const NO: [&str; 6] = ["N", "No", "FALSE", "0", "n", "F"];
    let at = |draw: &mut Draw| usize::try_from(draw.below(6)).unwrap_or_default();
    match value {
        Value::Blank => nothing(draw),
        Value::Yes => YES[at(draw)].to_owned(),
        Value::No => NO[at(draw)].to_owned(),
        Value::Number(number) if draw.chance(AS_NUMBER) => format!("{number}.0"),
        Value::Number(number) => number.to_string(),
        Value::Code(code) => {
            if let Some(word) = own_word(code, words, draw) {
                return word;
            }
            // As diagnoses are printed: with a full stop after the third sign.
            let bytes = code.as_bytes();
            let printed = bytes.len() == 4
                && bytes[0].is_ascii_alphabetic()
                && bytes[1..].iter().all(u8::is_ascii_digit);
            if printed && draw.chance(400_000) {
                return format!("{}.{}", &code[..3], &code[3..]);
            }
            respelt(code, draw)
        }
    }
}

/// The trust's own word for a code, where it has one and uses it.
pub(super) fn own_word(code: &str, words: &[(String, String)], draw: &mut Draw) -> Option<String> {
    let (word, _) = words.iter().find(|(_, official)| official.eq_ignore_ascii_case(code))?;
    draw.chance(OWN_WORD).then(|| word.clone())
}

/// Whether codes of a dimension stay what they are however they are padded: no two of different categories are the
/// same number.
pub(super) fn may_be_respelt(dimension: &Dimension, code: &str) -> bool {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.trim_start_matches('0').to_owned())
    };
    let Some(wanted) = number(code) else { return true };
    let Some(leaves) = dimension.levels.first() else { return false };
    let same = leaves
        .categories
        .iter()
        .filter(|c| c.codes.iter().any(|other| number(other).is_some_and(|n| n == wanted)));
    same.count() == 1
}

/// Codes of a dimension's categories that an extract can hold, with their places among the leaves and their weights.
pub(super) fn weighted(dimension: &Dimension) -> Vec<(usize, u64)> {
    let Some(leaves) = dimension.levels.first() else { return Vec::new() };
    let coded = leaves
        .categories
        .iter()
        .enumerate()
        .filter(|(_, c)| c.codes.iter().any(|code| !is_null(code)));
    let mut known = 0;
    coded
        .map(|(at, category)| {
            let weight = if category.kind == CategoryKind::Known {
                known += 1;
                12_000 / (2 + known)
            } else {
                150
            };
            (at, weight)
        })
        .collect()
}
