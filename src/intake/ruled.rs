//! An outcome that is made of rules over several fields: each field of a row is read, and the first rule that holds
//! decides. Rows with the same texts in all of them are decided once.

use std::collections::HashMap;

use evensum_core::catalogue::{
    Condition, FieldKind, FieldValue, OfCode, Outcome, Outside, Partition, RuleField,
};
use evensum_core::model::{CategoryId, ColumnId};

use super::derive::Rules;
use super::error::IntakeError;
use super::event::{Find, NO, YES, place, yes_or_no};
use super::mapping::Mapping;
use super::rejects::Rule;
use super::remembered::Remembered;
use super::rows::Broken;
use super::spelling::{number, same_number};

/// Different combinations of texts that are remembered.
const MAX_REMEMBERED: usize = 1 << 17;

/// The longest of them, in bytes: what is longer is written in free text, and does not come again.
const MAX_REMEMBERED_BYTES: usize = 128;

/// The codes that a mapping's translation is told of where it names none of them.
const MAX_NAMED: usize = 12;

/// A field, and how it is read.
struct Field<'a> {
    of: &'a RuleField,
    at: usize,
    translations: Option<&'a HashMap<String, CategoryId>>,
    /// What is asked of it.
    asked: Vec<&'a Condition>,
}

/// The rules of a dataset over the fields of a file.
pub(super) struct Ruled<'a> {
    outcome: &'a Outcome,
    fields: Vec<Field<'a>>,
    /// The texts of a row, each after its length.
    texts: Vec<u8>,
    known: Remembered<Result<u16, Broken<'a>>>,
}

impl std::fmt::Debug for Ruled<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ruled({} fields)", self.fields.len())
    }
}

impl<'a> Ruled<'a> {
    pub(super) fn new(
        outcome: &'a Outcome,
        mapping: &'a Mapping,
        finder: &impl Find,
    ) -> Result<Self, IntakeError> {
        let Partition::Rules { fields, .. } = &outcome.made_of else {
            return Err(IntakeError::Unusable(outcome.column.to_string()));
        };
        let field = |of: &'a RuleField| {
            let (_, at) = finder.needed(&[of.column.as_str()])?;
            let translations = mapping.codes.get(of.column.as_str());
            let asked = asked(outcome, &of.column).collect();
            Ok(Field { of, at, translations, asked })
        };
        let fields = fields.iter().map(field).collect::<Result<_, IntakeError>>()?;
        Ok(Self { outcome, fields, texts: Vec::new(), known: Remembered::new() })
    }

    /// The band of a row, by its place in the outcome.
    pub(super) fn band<'r>(
        &mut self,
        field: &impl Fn(usize) -> &'r [u8],
        rules: &Rules<'_>,
    ) -> Result<u16, Broken<'a>> {
        self.texts.clear();
        let mut short = true;
        for of in &self.fields {
            let text = field(of.at);
            let length = u8::try_from(text.len())
                .ok()
                .filter(|_| self.texts.len() + text.len() < MAX_REMEMBERED_BYTES);
            let Some(length) = length else {
                short = false;
                break;
            };
            self.texts.push(length);
            self.texts.extend_from_slice(text);
        }
        if !short {
            return self.decided(field, rules);
        }
        if let Some(known) = self.known.get(&self.texts) {
            return known;
        }
        let decided = self.decided(field, rules);
        if self.known.len() < MAX_REMEMBERED {
            self.known.insert(&self.texts, decided);
        }
        decided
    }

    fn decided<'r>(
        &self,
        field: &impl Fn(usize) -> &'r [u8],
        rules: &Rules<'_>,
    ) -> Result<u16, Broken<'a>> {
        let read = self.fields.iter().map(|of| {
            let column = of.of.column.as_str();
            let read = of.read(field(of.at), rules).map_err(|rule| Broken { column, rule })?;
            Ok((&of.of.column, read))
        });
        let read: Vec<(&ColumnId, Read)> = read.collect::<Result<_, Broken<'a>>>()?;
        let value = |column: &ColumnId| {
            let found = read.iter().find(|(id, _)| *id == column);
            found.map_or(FieldValue::Blank, |(_, read)| read.value())
        };
        let column = self.outcome.column.as_str();
        match self.outcome.of_fields(&value) {
            Some(OfCode::Band(id)) => {
                place(self.outcome, id).ok_or(Broken { column, rule: Rule::NotACode })
            }
            Some(OfCode::Outside(why)) => Err(Broken { column, rule: outside(why) }),
            None => Err(Broken { column, rule: Rule::NotACode }),
        }
    }
}

/// The rule that a row breaks which is none of the dataset.
pub(super) const fn outside(why: Outside) -> Rule {
    match why {
        Outside::NotYet => Rule::NotYet,
        Outside::NotKnown => Rule::OutcomeNotKnown,
        Outside::NotCounted => Rule::NotCounted,
    }
}

/// A field as it was read.
enum Read {
    Blank,
    Word(&'static str),
    Code(String),
    Number(u32),
}

impl Read {
    fn value(&self) -> FieldValue<'_> {
        match self {
            Self::Blank => FieldValue::Blank,
            Self::Word(word) => FieldValue::Code(word),
            Self::Code(code) => FieldValue::Code(code),
            Self::Number(number) => FieldValue::Number(*number),
        }
    }
}

impl Field<'_> {
    fn read(&self, field: &[u8], rules: &Rules<'_>) -> Result<Read, Rule> {
        let text = String::from_utf8_lossy(field);
        let translated = self.translations.and_then(|t| t.get(&text.to_lowercase()));
        if translated.is_none() && rules.is_null(field) {
            return if self.of.blank { Ok(Read::Blank) } else { Err(Rule::Blank) };
        }
        match (self.of.kind, translated) {
            (FieldKind::Number, _) => rules.whole_given(field).map(Read::Number),
            (FieldKind::Code, Some(code)) => Ok(Read::Code(self.spelt(code.as_str()))),
            (FieldKind::Code, None) => Ok(Read::Code(self.spelt(&text))),
            (FieldKind::YesNo, Some(answer)) => {
                Ok(Read::Word(if answer.as_str() == YES { YES } else { NO }))
            }
            // With a translation the mapping's codes are the only ones: a status of 1 is no yes.
            (FieldKind::YesNo, None) if self.translations.is_some() => Err(Rule::NotYesOrNo),
            (FieldKind::YesNo, None) => {
                let answer = yes_or_no(&text).ok_or(Rule::NotYesOrNo)?;
                Ok(Read::Word(if answer { YES } else { NO }))
            }
        }
    }

    /// A code without spaces and full stops; one that is asked for only without the noughts before it, or with others,
    /// is that code.
    fn spelt(&self, text: &str) -> String {
        let is_asked = |code: &str| self.asked.iter().any(|c| c.names(code));
        let plain = plain(text);
        let Some(short) = number(&plain) else { return plain };
        if is_asked(&plain) {
            return plain;
        }
        let mut codes = self.asked.iter().flat_map(|c| c.is.iter().chain(&c.not));
        match codes.find(|code| same_number(code, short)) {
            Some(padded) => padded.clone(),
            None if is_asked(short) => short.to_owned(),
            None => plain,
        }
    }
}

/// A code without spaces and full stops, and without the `.0` that makes a number of it.
fn plain(text: &str) -> String {
    let whole = text.strip_suffix(".0").filter(|_| number(text).is_some()).unwrap_or(text);
    whole.chars().filter(|c| !c.is_whitespace() && *c != '.').collect()
}

/// The conditions that ask for a column.
fn asked<'a>(outcome: &'a Outcome, column: &'a ColumnId) -> impl Iterator<Item = &'a Condition> {
    let (bands, outside) = match &outcome.made_of {
        Partition::Rules { bands, outside, .. } => (bands.as_slice(), outside.as_slice()),
        _ => (&[][..], &[][..]),
    };
    let all = bands.iter().flat_map(|b| &b.when).chain(outside.iter().flat_map(|o| &o.when));
    all.filter(move |c| c.column == *column)
}

/// The columns whose codes a mapping may translate.
pub(super) fn coded(outcome: &Outcome) -> Vec<&str> {
    let Partition::Rules { fields, .. } = &outcome.made_of else { return Vec::new() };
    let coded = fields.iter().filter(|f| f.kind != FieldKind::Number);
    coded.map(|f| f.column.as_str()).collect()
}

/// What a mapping means that translates a code of a column to this text; why not, where no rule asks for it.
pub(super) fn translation(
    outcome: &Outcome,
    column: &str,
    text: &str,
) -> Result<CategoryId, String> {
    let Partition::Rules { fields, .. } = &outcome.made_of else {
        return Err("is no code".to_owned());
    };
    let Some(field) = fields.iter().find(|f| f.column.as_str() == column) else {
        return Err("is no code".to_owned());
    };
    if field.kind == FieldKind::YesNo {
        let answer = CategoryId::new(text.to_lowercase()).ok();
        return answer
            .filter(|id| [YES, NO].contains(&id.as_str()))
            .ok_or_else(|| "is neither yes nor no".to_owned());
    }
    let code = plain(text);
    let conditions: Vec<&Condition> = asked(outcome, &field.column).collect();
    let named = || conditions.iter().flat_map(|c| c.is.iter().chain(&c.starts).chain(&c.not));
    let names = |c: &&Condition| c.names(&code);
    let same = || named().any(|asked| same_number(asked, &code));
    // A field that is only asked whether it is blank takes any code.
    if (named().next().is_none() || conditions.iter().any(names) || same())
        && let Ok(id) = CategoryId::new(code.as_str())
    {
        return Ok(id);
    }
    let mut all: Vec<&str> = named().map(String::as_str).collect();
    all.dedup();
    let more = if all.len() > MAX_NAMED { ", ..." } else { "" };
    all.truncate(MAX_NAMED);
    Err(format!("is no code that '{column}' is asked for, which are {}{more}", all.join(", ")))
}
