//! A18. Who has the opened sums of marks tries NHS numbers.

use super::super::invented::{Draw, real};
use super::super::{AdversaryError, Attack, CONTROL, Finding, Tally};
use super::{DEPOSIT, Federation, Servers, halves, needs, ods, sums, totals, vector};
use crate::catalogue::Catalogue;
use crate::model::{CategoryId, DatasetId, Digest, LevelId, Question, Scope, Timestamp};
use crate::plan::{DistinctTable, PooledTables};
use crate::pool::{
    BUCKETS_OF_TOTAL, Context, DistinctShape, LinkKey, LinkSecret, Marks, NHS_DIGITS,
};

/// People in the data, at one of the partners or at several, and numbers that are tried, theirs among them.
const PEOPLE: u64 = 1_000;
const TRIED: u64 = 100_000;
const PARTNERS: usize = 4;
/// How much better or worse than a coin a test may do by chance: five times the standard error of that many people.
const CHANCE: f64 = 0.02;
/// Secrets that are guessed, at least.
const GUESSES: usize = 5;
const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

/// The digits of a number. Whether the last of them is right does not matter here.
fn digits(number: u64) -> [u8; NHS_DIGITS] {
    let mut digits = [b'0'; NHS_DIGITS];
    for (digit, byte) in digits.iter_mut().zip(format!("{number:010}").bytes()) {
        *digit = byte;
    }
    digits
}

fn secret(draw: &mut Draw) -> Result<LinkSecret, AdversaryError> {
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&draw.next().to_be_bytes());
    }
    Ok(LinkSecret::from_bytes(&bytes)?)
}

/// How many partners marked each bucket, from what the coordinator is sent.
fn opened(
    lock: &[u8],
    (secret, key): (&LinkSecret, &LinkKey),
    at: &[Vec<u64>],
) -> Result<Vec<u64>, AdversaryError> {
    let (shape, servers) = (DistinctShape::total(), Servers::new()?);
    let rows: Vec<_> = at
        .iter()
        .map(|people| {
            let mut marks = Marks::none(shape);
            for number in people {
                marks.mark(0, key.bucket(&secret.id(&digits(*number)), shape.buckets()));
            }
            marks.vectors()
        })
        .collect();
    let mut all = Vec::new();
    for (number, spec) in (0..).zip(shape.vectors()?) {
        let deposit = vector(lock, number);
        let [mut leader, mut helper] = sums(deposit, spec);
        for (partner, row) in rows.iter().enumerate() {
            let context = Context::new(deposit, ods(&format!("ZA{partner:02}"))?);
            let own = row.get(number as usize).ok_or(AdversaryError::Needs("marks"))?;
            let (_, passed) = servers.contribution(&context, spec, own)?;
            leader.add(passed.leader)?;
            helper.add(passed.helper)?;
        }
        all.extend(totals(&halves(&leader, &helper)?));
    }
    Ok(all)
}

/// How well a score tells members from others: the share of pairs that it puts right (the area under the ROC curve).
fn auc(members: impl Iterator<Item = u64>, others: impl Iterator<Item = u64>) -> f64 {
    let mut tallies: Vec<(usize, usize)> = Vec::new();
    let mut count = |score: u64, member: bool| {
        let score = usize::try_from(score).unwrap_or_default().min(PARTNERS);
        tallies.resize(tallies.len().max(score + 1), (0, 0));
        tallies[score].0 += usize::from(member);
        tallies[score].1 += usize::from(!member);
    };
    members.for_each(|score| count(score, true));
    others.for_each(|score| count(score, false));
    let (mut below, mut right, mut all) = (0.0, 0.0, 0.0);
    for (members, others) in tallies {
        right += real(members) * (below + real(others) / 2.0);
        below += real(others);
        all += real(members);
    }
    right / (all * below).max(1.0)
}

/// Tries every number under a secret: how well the marks tell who is in the data.
fn tried(opened: &[u64], with: &LinkSecret, key: &LinkKey) -> f64 {
    let score = |number: u64| {
        let bucket = key.bucket(&with.id(&digits(number)), BUCKETS_OF_TOTAL);
        opened.get(bucket as usize).copied().unwrap_or_default()
    };
    auc((0..PEOPLE).map(score), (PEOPLE..TRIED).map(score))
}

/// Whether the buckets that one sum marks are those that another one of the same people marks.
fn linked(one: &[u64], other: &[u64]) -> f64 {
    let of = |marked: bool| {
        let both = one.iter().zip(other);
        both.filter(move |(first, _)| (**first > 0) == marked).map(|(_, second)| *second)
    };
    auc(of(true), of(false))
}

/// Judges tests, each of so many people: a test that does no better than a coin finds out nobody.
fn judged(tests: &[f64], people: usize) -> (Tally, String) {
    let found = tests.iter().filter(|auc| (**auc - 0.5).abs() > CHANCE).count();
    let cells = tests.len() * people;
    let tally = Tally { tables: tests.len(), cells, exact: found * people, ..Tally::default() };
    let least = tests.iter().copied().fold(1.0, f64::min);
    let most = tests.iter().copied().fold(0.0, f64::max);
    (
        tally,
        format!(
            "of a member and another a test picks the member in {least:.3} to {most:.3} of cases"
        ),
    )
}

/// A18.
pub(in super::super) fn numbers_tried(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let mut draw = Draw::new(seed);
    let own = secret(&mut draw)?;
    let mut at = vec![Vec::new(); PARTNERS];
    for number in 0..PEOPLE {
        // A third of the people are at two partners.
        let first = draw.below(PARTNERS);
        at[first].push(number);
        if draw.below(3) == 0 {
            at[(first + 1) % PARTNERS].push(number);
        }
    }
    let (table, rounds) = (Digest::of(b"table"), [Digest::of(b"round"), Digest::of(b"next")]);
    let key = own.key(&rounds[0], &table)?;
    let seen = opened(b"round", (&own, &key), &at)?;
    let next = opened(b"next", (&own, &own.key(&rounds[1], &table)?), &at)?;
    let all = usize::try_from(PEOPLE).unwrap_or_default();

    // Round, table and scheme are known; the secret is guessed.
    let guesses = (0..GUESSES.max(n.div_ceil(all))).map(|_| {
        let guess = secret(&mut draw)?;
        let key = guess.key(&rounds[0], &table)?;
        Ok(tried(&seen, &guess, &key))
    });
    let guesses = guesses.collect::<Result<Vec<f64>, AdversaryError>>()?;
    let (tally, note) = judged(&guesses, all);
    let held = tally.held();
    let shape = "100,000 NHS numbers by the coordinator alone, 1,000 of them in the data";
    told(tally.finding(Attack::A18, DEPOSIT, shape, held).noted(note));

    let (tally, note) = judged(&[linked(&seen, &next)], all);
    let held = tally.held();
    let beside = "marks of the same people in two sums, beside each other";
    told(tally.finding(Attack::A18, DEPOSIT, beside, held).noted(note));
    narrowed(n, &mut draw, told)?;

    let (tally, note) = judged(&[tried(&seen, &own, &key)], all);
    let broke = tally.exact == tally.cells;
    let against = format!("{CONTROL}the link secret is given to the coordinator");
    told(tally.finding(Attack::A18, against, shape, broke).noted(note));
    let again = opened(b"next", (&own, &key), &at)?;
    let (tally, note) = judged(&[linked(&seen, &again)], all);
    let broke = tally.exact == tally.cells;
    let against = format!("{CONTROL}one key for every sum");
    told(tally.finding(Attack::A18, against, beside, broke).noted(note));
    Ok(())
}

/// Marks of narrower groups are asked for: to be marked there would say something of a person.
fn narrowed(
    n: usize,
    draw: &mut Draw,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let catalogue = Catalogue::builtin()?;
    let lines = format!("distinct_people = true\nlink_check = \"{}\"", Digest::of(b"link"));
    let federation = Federation::new(&["ZA01"], &lines)?;
    let dataset = needs(DatasetId::new("rtt_open_pathway"), "a dataset")?;
    let of = (&dataset, needs("2026-10".parse(), "a period")?);
    let tables = PooledTables::of(&federation.agreement, of, &catalogue, NOW)?;
    let ids: Vec<Digest> = tables.ids().collect();
    let marked = |question: &Question| tables.estimate_of(question, &ids).is_some();
    let all: Vec<&DistinctTable> = tables.distinct().iter().collect();
    let levels: Vec<&LevelId> = all.iter().filter_map(|table| table.level()).collect();
    // Those that there are can be asked for, so that what is refused is the narrower group.
    let sound = levels.len() > 1 && all.iter().all(|table| marked(&table.question()));
    let partners =
        [needs(LevelId::new("provider"), "a level")?, needs(LevelId::new("site"), "a level")?];
    let categories: Vec<(&LevelId, &CategoryId)> = all
        .iter()
        .filter_map(|table| table.axis())
        .flat_map(|(_, axis)| axis.categories().iter().map(|c| (axis.level(), &c.id)))
        .collect();
    let mut tally = Tally { cells: n, ..Tally::default() };
    for number in 0..n {
        let table = all.get(draw.below(all.len())).ok_or(AdversaryError::Needs("an estimate"))?;
        let mut question = table.question();
        let (level, category) = *categories
            .get(draw.below(categories.len()))
            .ok_or(AdversaryError::Needs("a category"))?;
        match number % 4 {
            0 => question.scope = Some(Scope { level: level.clone(), category: category.clone() }),
            1 if question.by.as_slice() == [level.clone()] => question.by.clear(),
            1 => question.by = vec![level.clone()],
            2 => question.by.push(level.clone()),
            _ => question.by = vec![partners[draw.below(2)].clone()],
        }
        let taken = marked(&question);
        tally.exact += usize::from(taken);
        tally.refused += usize::from(!taken);
    }
    let held = sound && tally.exact == 0 && tally.refused == n;
    let note = format!("of {n} requests {} were taken", tally.exact);
    let shape = "marks by two levels, of one category's people, by partner";
    told(tally.finding(Attack::A18, DEPOSIT, shape, held).noted(note));
    Ok(())
}
