//! The rows of an extract: what happened to whom, and how it is written down.

use evensum_core::catalogue::{
    CategoryKind, CodeBand, DatedBy, Outside, OutsideCode, Partition, PersonRows,
};
use evensum_core::model::{CategoryId, ColumnId, Date};
use time::Duration;

use super::super::draw::{Draw, Weights};
use super::super::profile::MAX_ROWS;
use super::columns::{Column, Source};
use super::person::{Population, Somebody, of_kind};
use super::solve::{Value, Values, one_of};
use super::{GenericExtract, Told, texts};

/// Out of a million rows: those that the dataset does not count or that lie in the period before, those whose outcome is
/// not known, those without a person, those that stand there twice.
const NOT_COUNTED: u64 = 20_000;
const OTHER_PERIOD: u64 = 30_000;
const REJECTED: u64 = 4_000;
const NOBODY: u64 = 1_000;
const TWICE: u64 = 3_000;
/// Out of a million rows, where a person may have several: those of somebody who was there before.
const AGAIN: u64 = 220_000;
/// Minutes of a day.
const DAY: u64 = 24 * 60;
/// The longest wait and the longest stay that are written, in weeks and minutes.
const MOST_WEEKS: u32 = 200;
const MOST_MINUTES: u32 = 4_000;

/// What happened.
enum Event {
    Weeks { days: u64, weeks: u32 },
    Code(String),
    Stay { minutes: u32, left: bool },
    Fields(Values),
}

/// Whether a load takes a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    NotCounted,
    OtherPeriod,
    Rejected,
    Nobody,
}

pub(super) struct Rows<'e, 'a> {
    extract: &'e GenericExtract<'a>,
    population: Population<'a>,
    draw: Draw,
    /// Weights of the bands, by decile.
    bands: Vec<Weights>,
    /// People so far; their numbers start at `first` and go on in steps of `step`.
    people: u64,
    first: u64,
    step: u64,
    pub(super) record: Vec<String>,
    leaves: Vec<(ColumnId, CategoryId)>,
    measures: Vec<(ColumnId, u16)>,
    taken: Option<(u64, usize)>,
}

impl<'e, 'a> Rows<'e, 'a> {
    pub(super) fn new(extract: &'e GenericExtract<'a>) -> Self {
        let order = &extract.order;
        let of = |id: &str| extract.dimensions.iter().copied().find(|d| d.id.as_str() == id);
        let population = Population {
            places: order.places,
            seed: order.seed,
            last_day: order.period.last_day(),
            imd: of("imd"),
            icb: of("icb"),
            ages: super::person::ages(),
        };
        let purpose = format!("generic {} {} {}", order.dataset.id, order.provider, order.period);
        let mut draw = Draw::new(order.seed, &purpose);
        let shares = extract.shares();
        let bands = (1..=10).map(|decile| super::shares::of_decile(&shares, decile)).collect();
        let first = draw.below(u64::from(MAX_ROWS));
        // Ends in 3, so that it shares no factor with the power of ten and no number comes twice.
        let step = 10 * draw.below(u64::from(MAX_ROWS) / 10) + 3;
        Self {
            extract,
            population,
            draw,
            bands,
            people: 0,
            first,
            step,
            record: Vec::new(),
            leaves: Vec::new(),
            measures: Vec::new(),
            taken: None,
        }
    }

    /// Draws the next row, which then stands in `record`; says what a load must make of it, if it takes it.
    pub(super) fn next(&mut self) -> Option<Told<'_>> {
        let several = self.extract.order.dataset.person_rows == PersonRows::Several;
        if several && !self.record.is_empty() && self.draw.chance(TWICE) {
            return self.told();
        }
        let again = several && self.people > 0 && self.draw.chance(AGAIN);
        let index = if again { self.draw.below(self.people) } else { self.people };
        self.people += u64::from(!again);
        let number = (self.first + index * self.step) % u64::from(MAX_ROWS);
        let (person, mut own) = self.population.somebody(number);
        let fate = self.fate();
        let decile = usize::from(person.decile) - 1;
        let band = self.bands[decile].pick(&mut self.draw);
        let event = self.event(band, fate);
        let on = self.date(&person, fate);
        self.write(&person, &mut own, &event, on, fate);
        self.taken = (fate == Fate::Taken).then_some((number, band));
        self.told()
    }

    fn told(&self) -> Option<Told<'_>> {
        let (person, band) = self.taken?;
        let bands = self.extract.order.dataset.outcome.bands();
        let band = bands.get(band)?.0;
        Some(Told { person, band, leaves: &self.leaves, measures: &self.measures })
    }

    fn fate(&mut self) -> Fate {
        let at = self.draw.below(1_000_000);
        let (not_counted, rejected) = match (&self.extract.solved, self.outside()) {
            (Some(solved), _) => (!solved.not_counted.is_empty(), !solved.rejected.is_empty()),
            (None, codes) => {
                let counted = |o: &&OutsideCode| o.why != Outside::NotCounted;
                (codes.iter().any(|o| !counted(&o)), codes.iter().any(|o| counted(&o)))
            }
        };
        let dated = matches!(self.extract.order.dataset.dated_by, DatedBy::Event(_));
        match at {
            _ if at < NOBODY => Fate::Nobody,
            _ if at < NOBODY + REJECTED && rejected => Fate::Rejected,
            _ if at < NOBODY + REJECTED + NOT_COUNTED && not_counted => Fate::NotCounted,
            _ if at < NOBODY + REJECTED + NOT_COUNTED + OTHER_PERIOD && dated => Fate::OtherPeriod,
            _ => Fate::Taken,
        }
    }

    fn outside(&self) -> &'a [OutsideCode] {
        match &self.extract.order.dataset.outcome.made_of {
            Partition::Codes { outside, .. } => outside,
            _ => &[],
        }
    }

    fn event(&mut self, band: usize, fate: Fate) -> Event {
        let dataset = self.extract.order.dataset;
        let draw = &mut self.draw;
        match &dataset.outcome.made_of {
            Partition::Weeks { bands, .. } => {
                let from = bands[band].from;
                let to = bands.get(band + 1).map_or(from + 30, |b| b.from - 1);
                let weeks = between(from, to.min(MOST_WEEKS.max(from)), draw);
                let days = match weeks {
                    0 => 0,
                    weeks => 7 * u64::from(weeks - 1) + 1 + draw.below(7),
                };
                Event::Weeks { days, weeks }
            }
            Partition::Codes { bands, outside } => {
                let wanted =
                    |o: &&OutsideCode| (o.why == Outside::NotCounted) == (fate == Fate::NotCounted);
                let codes: Vec<&String> = match fate {
                    Fate::NotCounted | Fate::Rejected => {
                        outside.iter().filter(wanted).map(|o| &o.code).collect()
                    }
                    _ => bands[band].codes.iter().collect(),
                };
                let at = usize::try_from(draw.below(codes.len() as u64)).unwrap_or_default();
                Event::Code(codes.get(at).map(|c| (*c).clone()).unwrap_or_default())
            }
            Partition::Stay { bands, .. } => {
                let this = &bands[band];
                let next = bands.iter().filter(|b| b.left == this.left && b.from > this.from);
                let to = next.map(|b| b.from - 1).min().unwrap_or(this.from + 1_500);
                let minutes = between(this.from, to.min(MOST_MINUTES.max(this.from)), draw);
                Event::Stay { minutes, left: this.left }
            }
            Partition::Rules { .. } => {
                let Some(solved) = &self.extract.solved else { return Event::Fields(Vec::new()) };
                Event::Fields(match fate {
                    Fate::NotCounted => one_of(&solved.not_counted, draw),
                    Fate::Rejected => one_of(&solved.rejected, draw),
                    _ => solved.of_band(band, draw),
                })
            }
        }
    }

    /// The day of the event, never before the birth; for a stock, the last day.
    fn date(&mut self, person: &Somebody, fate: Fate) -> Date {
        let period = self.extract.order.period;
        if self.extract.order.dataset.dated_by == DatedBy::LastDay {
            return period.last_day();
        }
        let length = period.last_day().days_since(period.first_day()) + 1;
        let length = u64::try_from(length).unwrap_or_default();
        let back = self.draw.below(length);
        if fate == Fate::OtherPeriod {
            return days_before(period.first_day(), 1 + back);
        }
        days_before(period.last_day(), back).max(person.born)
    }

    fn write(&mut self, person: &Somebody, own: &mut Draw, event: &Event, on: Date, fate: Fate) {
        self.record.clear();
        self.leaves.clear();
        self.measures.clear();
        let extract = self.extract;
        if let Some(measure) = extract.order.dataset.outcome.made_of.measure() {
            let value = match event {
                Event::Weeks { weeks, .. } => *weeks,
                Event::Stay { minutes, .. } => *minutes,
                Event::Code(_) | Event::Fields(_) => 0,
            };
            self.measures.push((measure.clone(), u16::try_from(value).unwrap_or(u16::MAX)));
        }
        let (mut values, arrival) = (Vec::new(), self.draw.below(DAY));
        for column in &extract.columns {
            let text = self.field(column, (person, own), (event, on, arrival), fate, &mut values);
            self.record.push(text);
        }
        // In the order of the definition, whatever columns they came from.
        for measure in &extract.order.dataset.measures {
            if let Some((_, value)) = values.iter().find(|(id, _)| *id == measure.id) {
                self.measures.push((measure.id.clone(), *value));
            }
        }
    }

    fn field(
        &mut self,
        column: &Column<'a>,
        (person, own): (&Somebody, &mut Draw),
        (event, on, arrival): (&Event, Date, u64),
        fate: Fate,
        values: &mut Vec<(ColumnId, u16)>,
    ) -> String {
        let order = &self.extract.order;
        let stay = matches!(event, Event::Stay { .. });
        match (&column.source, event) {
            (Source::Person, _) if fate == Fate::Nobody => String::new(),
            (Source::Person, _) => format!("{:07}", person.number),
            (Source::EventDate, _) if stay => moment(on, arrival, &mut self.draw),
            (Source::EventDate, _) => texts::date(on, &mut self.draw),
            (Source::ClockStart, Event::Weeks { days, .. }) => {
                texts::date(days_before(order.period.last_day(), *days), &mut self.draw)
            }
            (Source::Departure, Event::Stay { minutes, .. }) => {
                moment(on, arrival + u64::from(*minutes), &mut self.draw)
            }
            (Source::Left, Event::Stay { left, .. }) => {
                let value = if *left { Value::Yes } else { Value::No };
                texts::value(&value, &[], &mut self.draw)
            }
            (Source::Code, Event::Code(code)) => {
                let word = texts::own_word(code, &column.words, &mut self.draw);
                word.unwrap_or_else(|| self.outcome_code(code))
            }
            (Source::Field(at), Event::Fields(fields)) => self.ruled(*at, fields, column),
            (Source::Born, _) => {
                self.born(person, on);
                texts::date(person.born, &mut self.draw)
            }
            (Source::Lsoa, _) => {
                self.leaf("imd", person.lsoa.leaf.clone());
                person.lsoa.text.clone()
            }
            (Source::Board, _) => {
                self.leaf("icb", person.board.leaf.clone());
                person.board.text.clone()
            }
            (Source::Provider, _) => {
                let code = order.provider.as_str();
                let leaf = CategoryId::new(code).unwrap_or_else(|_| CategoryId::all());
                self.leaf("provider", leaf);
                if self.draw.chance(50_000) { code.to_lowercase() } else { code.to_owned() }
            }
            (Source::Coded(coded), _) => match coded.recorded(own) {
                Some(recorded) => {
                    self.leaves.push((coded.dimension.column.clone(), recorded.leaf));
                    recorded.text
                }
                None => String::new(),
            },
            (Source::Measure(at), _) => {
                let measure = &order.dataset.measures[*at];
                let value = amount(measure.most, person.decile, &mut self.draw);
                values.push((measure.id.clone(), value));
                texts::value(&Value::Number(value.into()), &[], &mut self.draw)
            }
            _ => String::new(),
        }
    }

    fn leaf(&mut self, dimension: &str, leaf: CategoryId) {
        let found = self.extract.dimensions.iter().find(|d| d.id.as_str() == dimension);
        self.leaves.extend(found.map(|d| (d.column.clone(), leaf)));
    }

    fn born(&mut self, person: &Somebody, on: Date) {
        let Some(age) = self.extract.dimensions.iter().find(|d| d.id.as_str() == "age") else {
            return;
        };
        let band = on.age_of(person.born).and_then(|years| age.of_age(years));
        let unknown = || of_kind(Some(age), CategoryKind::Unknown);
        self.leaf("age", band.map_or_else(unknown, |c| c.id.clone()));
    }

    /// A code of the outcome, spelt otherwise where it then is no other one.
    fn outcome_code(&mut self, code: &str) -> String {
        let text = texts::respelt(code, &mut self.draw);
        let Partition::Codes { bands, outside } = &self.extract.order.dataset.outcome.made_of
        else {
            return text;
        };
        let all = || {
            let codes = bands.iter().flat_map(|b: &CodeBand| &b.codes);
            codes.chain(outside.iter().map(|o| &o.code))
        };
        let number = |text: &str| text.trim_start_matches('0').trim_end_matches(".0").to_owned();
        let twins = all().filter(|other| number(other) == number(&text)).count();
        if twins > 1 || texts::is_null(&text) { code.to_owned() } else { text }
    }

    fn ruled(&mut self, at: usize, fields: &Values, column: &Column<'a>) -> String {
        let Some(value) = fields.get(at) else { return String::new() };
        texts::value(value, &column.words, &mut self.draw)
    }
}

fn between(from: u32, to: u32, draw: &mut Draw) -> u32 {
    let more = draw.below(u64::from(to.saturating_sub(from)) + 1);
    from + u32::try_from(more).unwrap_or_default()
}

fn days_before(date: Date, days: u64) -> Date {
    let back = Duration::days(i64::try_from(days).unwrap_or_default());
    Date::from_civil(date.civil().saturating_sub(back))
}

/// A day and a minute counted from its beginning, which may be of a later day.
fn moment(date: Date, minute: u64, draw: &mut Draw) -> String {
    let on = Duration::days(i64::try_from(minute / DAY).unwrap_or_default());
    let day = Date::from_civil(date.civil().saturating_add(on));
    let minute = minute % DAY;
    format!("{} {:02}:{:02}", texts::date(day, draw), minute / 60, minute % 60)
}

/// A number of a row: small ones mostly, larger in deprived areas, and never more than is believed.
fn amount(most: u16, decile: u8, draw: &mut Draw) -> u16 {
    let scale = u64::from(most.min(60) / 6) + 1;
    let usual = draw.below(scale) + draw.below(scale) + scale * u64::from(10 - decile.min(10)) / 30;
    let number = if draw.chance(20_000) { draw.below(u64::from(most) + 1) } else { usual };
    u16::try_from(number).unwrap_or(u16::MAX).min(most)
}
