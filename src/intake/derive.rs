//! From a source field to a category, to weeks waited or to minutes. What is not known is a category; only
//! what makes the row itself impossible is a reject.

use std::collections::HashMap;

use evensum_core::catalogue::{CategoryKind, Dimension};
use evensum_core::model::{CategoryId, Date, Ods};

use super::area::{AreaFrom, Home};
use super::dates::{self, DateForm, Moment};
use super::event::MAX_MINUTES;
use super::quality::Seen;
use super::rejects::Rule;
use super::spelling::{number, same_number};
use crate::reference::{ImdTable, LsoaCode, PlaceKind, Reference};

/// The longest wait that is believed, in weeks: ten years.
pub const MAX_WEEKS: u16 = 520;

/// The greatest age that is believed, in years.
pub const MAX_AGE: u32 = 120;

/// What all derivations of a load share.
pub(super) struct Rules<'a> {
    /// The period's last day.
    pub(super) census: Date,
    pub(super) nulls: &'a [String],
    pub(super) dates: &'a [DateForm],
}

impl Rules<'_> {
    pub(super) fn is_null(&self, text: &[u8]) -> bool {
        text.is_empty() || self.nulls.iter().any(|t| t.as_bytes().eq_ignore_ascii_case(text))
    }

    fn read(&self, text: &[u8]) -> Option<Moment> {
        if self.dates.is_empty() {
            dates::iso(text)
        } else {
            self.dates.iter().find_map(|form| form.read(text))
        }
    }

    fn date(&self, text: &[u8]) -> Option<Date> {
        self.read(text).map(|moment| moment.date)
    }

    /// A date that must be there, with its time of day if there is one.
    pub(super) fn moment(&self, text: &[u8]) -> Result<Moment, Rule> {
        if self.is_null(text) {
            return Err(Rule::Blank);
        }
        self.read(text).ok_or_else(|| self.no_date(text))
    }

    /// What is wrong with a text that is no date: one that would be a date with day and month exchanged shows that the
    /// file mixes forms, so that its other dates cannot be told either.
    fn no_date(&self, text: &[u8]) -> Rule {
        let exchanged = if self.dates.is_empty() {
            dates::iso_exchanged(text)
        } else {
            self.dates.iter().any(|form| form.reads_exchanged(text))
        };
        if exchanged { Rule::OtherOrder } else { Rule::NotADate }
    }

    /// Weeks waited from a clock start to the census date, ceil(days / 7), so that over 52 weeks is
    /// strictly more than 364 days.
    pub(super) fn weeks_since(&self, text: &[u8]) -> Result<u16, Rule> {
        let start = self.moment(text)?.date;
        let days = u64::try_from(self.census.days_since(start)).map_err(|_| Rule::AfterCensus)?;
        believable(days.div_ceil(7))
    }

    /// Weeks as the source has them; a part of a week counts as a whole one.
    pub(super) fn weeks_given(&self, text: &[u8]) -> Result<u16, Rule> {
        believable(self.rounded_up(text, Rule::NotWeeks)?)
    }

    /// Minutes as the source has them; a part of a minute counts as a whole one.
    pub(super) fn minutes_given(&self, text: &[u8]) -> Result<u16, Rule> {
        let minutes = self.rounded_up(text, Rule::NotMinutes)?;
        u16::try_from(minutes).ok().filter(|m| *m <= MAX_MINUTES).ok_or(Rule::StayTooLong)
    }

    /// A whole number, also written `17.0`; an age of 17.5 is neither 17 nor 18.
    pub(super) fn whole_given(&self, text: &[u8]) -> Result<u32, Rule> {
        let part = text.iter().position(|b| *b == b'.').map_or(&b""[..], |dot| &text[dot + 1..]);
        if !self.is_null(text) && part.iter().any(|b| *b != b'0') {
            return Err(Rule::NotANumber);
        }
        self.number_given(text)
    }

    /// A whole number; a part of one counts as a whole one more.
    pub(super) fn number_given(&self, text: &[u8]) -> Result<u32, Rule> {
        let number = self.rounded_up(text, Rule::NotANumber)?;
        u32::try_from(number).map_err(|_| Rule::NotANumber)
    }

    fn rounded_up(&self, text: &[u8], not_a_number: Rule) -> Result<u64, Rule> {
        if self.is_null(text) {
            return Err(Rule::Blank);
        }
        let (whole, part) = match text.iter().position(|b| *b == b'.') {
            Some(dot) => (&text[..dot], &text[dot + 1..]),
            None => (text, &b""[..]),
        };
        if whole.is_empty() || whole.len() > 9 || !part.iter().all(u8::is_ascii_digit) {
            return Err(not_a_number);
        }
        let whole = digits(whole).ok_or(not_a_number)?;
        Ok(u64::from(whole) + u64::from(part.iter().any(|b| *b != b'0')))
    }
}

fn believable(weeks: u64) -> Result<u16, Rule> {
    u16::try_from(weeks).ok().filter(|w| *w <= MAX_WEEKS).ok_or(Rule::WaitTooLong)
}

/// Up to nine digits as a number.
fn digits(text: &[u8]) -> Option<u32> {
    let number = (1..=9).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    number.then(|| text.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
}

/// What a cell turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derived<'a> {
    /// A finest category of the dimension.
    Leaf(&'a CategoryId, Seen),
    /// An organisation that the data list, by its ODS code.
    Listed(ListedCode),
    /// The row is impossible.
    Refused(Rule),
}

/// A code of up to nine characters (those of local authorities), without an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ListedCode([u8; 9]);

impl ListedCode {
    fn new(text: &str) -> Option<Self> {
        let mut code = [0; 9];
        code.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(code))
    }

    /// The code as a category.
    pub(super) fn category(self) -> Option<CategoryId> {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        let text = std::str::from_utf8(&self.0[..end]).ok()?;
        CategoryId::new(text).ok()
    }
}

/// What a dimension is made from.
pub(super) enum Origin<'a> {
    Code,
    Ethnicity,
    Provider,
    Board,
    Age,
    BirthDate,
    /// By the edition's table; the other edition's tells areas of another census from none at all.
    Decile(AreaFrom<'a>, &'a ImdTable, Option<&'a ImdTable>),
    BoardOfArea(AreaFrom<'a>, &'a Reference, u16),
    /// The code of a place, as the source has it.
    Place(PlaceKind),
    PlaceOfArea(AreaFrom<'a>, PlaceKind, &'a Reference, u16),
}

/// One dimension's derivation.
pub(super) struct Derivation<'a> {
    dimension: &'a Dimension,
    origin: Origin<'a>,
    translations: Option<&'a HashMap<String, CategoryId>>,
    unknown: &'a CategoryId,
    not_applicable: &'a CategoryId,
}

impl<'a> Derivation<'a> {
    /// `None` where the dimension has no category for what is not known.
    pub(super) fn new(
        dimension: &'a Dimension,
        origin: Origin<'a>,
        translations: Option<&'a HashMap<String, CategoryId>>,
    ) -> Option<Self> {
        let of_kind = |kind| {
            let leaves = &dimension.levels.first()?.categories;
            leaves.iter().find(|c| c.kind == kind).map(|c| &c.id)
        };
        let unknown = of_kind(CategoryKind::Unknown)?;
        let not_applicable = of_kind(CategoryKind::NotApplicable).unwrap_or(unknown);
        Some(Self { dimension, origin, translations, unknown, not_applicable })
    }

    /// Whether the meaning of a field depends on the date of its row.
    pub(super) const fn needs_date(&self) -> bool {
        matches!(self.origin, Origin::BirthDate)
    }

    /// What a trimmed field means in a row of this date.
    pub(super) fn of(&self, field: &[u8], rules: &Rules<'_>, on: Date) -> Derived<'a> {
        let text = String::from_utf8_lossy(field);
        if let Some(id) = self.translations.and_then(|t| t.get(&text.to_lowercase())) {
            return self.translated(id);
        }
        // A local second character makes codes such as NA, which elsewhere means nothing.
        let coded = matches!(self.origin, Origin::Ethnicity) && !field.is_empty();
        if rules.is_null(field) {
            let told = coded.then(|| self.ethnicity(&text));
            return match told {
                Some(Derived::Leaf(id, Seen::Valid)) => Derived::Leaf(id, Seen::Valid),
                _ => Derived::Leaf(self.unknown, Seen::Blank),
            };
        }
        match &self.origin {
            Origin::Code => self.coded(&text),
            Origin::Ethnicity => self.ethnicity(&text),
            Origin::Provider => self.listed(&text, provider_like),
            Origin::Board => self.listed(&text, board_like),
            Origin::Age => self.age(field),
            Origin::BirthDate => match rules.date(field) {
                None if rules.no_date(field) == Rule::OtherOrder => {
                    Derived::Refused(Rule::OtherOrder)
                }
                None => self.invalid(),
                Some(birth) => match on.age_of(birth) {
                    None => Derived::Refused(Rule::NotYetBorn),
                    Some(age) => self.aged(age),
                },
            },
            Origin::Decile(from, table, other) => self.area(from.home(&text), |code| {
                let Some(decile) = table.decile(code) else {
                    let elsewhere = other.is_some_and(|other| other.decile(code).is_some());
                    return elsewhere.then_some(Derived::Leaf(self.unknown, Seen::OtherCensus));
                };
                self.dimension.of_code(&decile.to_string()).map(|c| self.leaf(&c.id, c.kind))
            }),
            Origin::BoardOfArea(from, reference, vintage) => self.area(from.home(&text), |code| {
                let board = reference.icb_of(code, *vintage)?;
                ListedCode::new(board.as_str()).map(Derived::Listed)
            }),
            Origin::Place(kind) => self.listed(&text, place_like(*kind)),
            Origin::PlaceOfArea(from, kind, reference, vintage) => {
                self.area(from.home(&text), |code| {
                    let place = reference.place_of(code, *kind, *vintage)?;
                    ListedCode::new(place.as_str()).map(Derived::Listed)
                })
            }
        }
    }

    fn invalid(&self) -> Derived<'a> {
        Derived::Leaf(self.unknown, Seen::Invalid)
    }

    fn leaf(&self, id: &'a CategoryId, kind: CategoryKind) -> Derived<'a> {
        let seen = match kind {
            CategoryKind::Known => Seen::Valid,
            CategoryKind::Unknown => Seen::NotKnown,
            CategoryKind::NotStated => Seen::NotStated,
            CategoryKind::NotCollected => Seen::NotCollected,
            CategoryKind::NotApplicable => Seen::NotApplicable,
        };
        Derived::Leaf(id, seen)
    }

    fn translated(&self, id: &CategoryId) -> Derived<'a> {
        match self.dimension.leaf(id) {
            Some(category) => self.leaf(&category.id, category.kind),
            None => {
                let code = ListedCode::new(id.as_str()).filter(|_| self.dimension.listed);
                code.map_or_else(|| self.invalid(), Derived::Listed)
            }
        }
    }

    /// Whether a field was read as a code that the code list writes otherwise: in another case, with noughts before it,
    /// as a number. What a mapping translates is not.
    pub(super) fn respelt(&self, field: &[u8], found: Derived<'a>) -> bool {
        let text = String::from_utf8_lossy(field);
        if self.translations.is_some_and(|t| t.contains_key(&text.to_lowercase())) {
            return false;
        }
        let lower = || text.bytes().any(|b| b.is_ascii_lowercase());
        match (found, &self.origin) {
            (Derived::Refused(_), _) => false,
            (Derived::Leaf(_, Seen::Blank | Seen::Invalid), _) => false,
            (Derived::Leaf(id, _), Origin::Code | Origin::Ethnicity) => {
                let first = matches!(self.origin, Origin::Ethnicity).then(|| text.get(..1));
                let listed = |code: &String| *code == *text || first == Some(Some(code.as_str()));
                self.dimension.leaf(id).is_some_and(|c| !c.codes.iter().any(listed))
            }
            (Derived::Leaf(..), Origin::Age) => number(&text) != Some(&*text),
            (Derived::Leaf(..), Origin::Decile(AreaFrom::Lsoa, ..)) => lower(),
            (_, Origin::BoardOfArea(AreaFrom::Lsoa, ..)) => lower(),
            (Derived::Listed(_), Origin::Provider | Origin::Board) => lower(),
            _ => false,
        }
    }

    /// An official code, also padded with noughts, or written as a number by a program that made it
    /// one (`3.0`).
    fn coded(&self, text: &str) -> Derived<'a> {
        let leaves = || self.dimension.levels.first().into_iter().flat_map(|l| &l.categories);
        let same = || leaves().find(|c| c.codes.iter().any(|code| same_number(code, text)));
        let found = self.dimension.of_code(text).or_else(same);
        found.map_or_else(|| self.invalid(), |c| self.leaf(&c.id, c.kind))
    }

    /// The national code is the first character; the second is for local use, except in 99.
    fn ethnicity(&self, text: &str) -> Derived<'a> {
        let whole = self.dimension.of_code(text);
        let first = || {
            let local = text.len() == 2 && text.is_char_boundary(1);
            let letter = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
            if local && letter { self.dimension.of_code(&text[..1]) } else { None }
        };
        let found = whole.or_else(first);
        found.map_or_else(|| self.invalid(), |c| self.leaf(&c.id, c.kind))
    }

    fn listed(&self, text: &str, like: fn(&str) -> bool) -> Derived<'a> {
        let code = text.to_ascii_uppercase();
        if like(&code) && Ods::new(code.as_str()).is_ok() {
            ListedCode::new(&code).map_or_else(|| self.invalid(), Derived::Listed)
        } else {
            self.invalid()
        }
    }

    fn age(&self, field: &[u8]) -> Derived<'a> {
        let number = field.strip_suffix(b".0").unwrap_or(field);
        if let Some(rest) = number.strip_prefix(b"-")
            && digits(rest).is_some_and(|n| n > 0)
        {
            return Derived::Refused(Rule::NegativeAge);
        }
        digits(number).map_or_else(|| self.invalid(), |age| self.aged(age))
    }

    fn aged(&self, age: u32) -> Derived<'a> {
        let band = self.dimension.of_age(age).filter(|_| age <= MAX_AGE);
        band.map_or_else(|| self.invalid(), |c| self.leaf(&c.id, c.kind))
    }

    fn area(
        &self,
        home: Home,
        look_up: impl FnOnce(LsoaCode) -> Option<Derived<'a>>,
    ) -> Derived<'a> {
        let unmatched = Derived::Leaf(self.unknown, Seen::Unmatched);
        match home {
            Home::Invalid => self.invalid(),
            Home::Unmatched => unmatched,
            Home::Elsewhere => Derived::Leaf(self.not_applicable, Seen::NotApplicable),
            Home::Pseudo(kind) if kind.is_outside_england() => {
                Derived::Leaf(self.not_applicable, Seen::Pseudo(kind))
            }
            Home::Pseudo(kind) => Derived::Leaf(self.unknown, Seen::Pseudo(kind)),
            Home::England(code) => look_up(code).unwrap_or(unmatched),
        }
    }
}

/// Organisations that provide care have codes of 3 to 6 characters, one of them a letter unless it is
/// a council of three digits. Narrow on purpose: an NHS number, a postcode with its space, an area or
/// a date that is mapped here by mistake must not become a label.
fn provider_like(code: &str) -> bool {
    (3..=6).contains(&code.len())
        && (code.len() == 3 || code.bytes().any(|b| b.is_ascii_uppercase()))
        && !postcode_like(code)
}

/// A postcode without its space: ends in a digit and two letters, and has another digit before that.
fn postcode_like(code: &str) -> bool {
    let bytes = code.as_bytes();
    bytes.len() >= 5 && {
        let (outward, inward) = bytes.split_at(bytes.len() - 3);
        inward[0].is_ascii_digit()
            && inward[1..].iter().all(u8::is_ascii_uppercase)
            && outward[0].is_ascii_uppercase()
            && outward.iter().any(u8::is_ascii_digit)
    }
}

/// Integrated care boards: Q and two letters or digits.
fn board_like(code: &str) -> bool {
    code.len() == 3 && code.starts_with('Q')
}

/// What the codes of a kind of place look like.
fn place_like(kind: PlaceKind) -> fn(&str) -> bool {
    match kind {
        PlaceKind::Icb => board_like,
        PlaceKind::SubIcb => |code| matches!(code.len(), 3 | 5) && !postcode_like(code),
        PlaceKind::LocalAuthority => |code| {
            code.len() == 9
                && ["E06", "E07", "E08", "E09"].iter().any(|kind| code.starts_with(kind))
        },
    }
}

#[cfg(test)]
mod tests;
