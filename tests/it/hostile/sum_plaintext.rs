//! Equal totals give equal plaintext: what passes between partners, coordinator and second server in a whole blind sum
//! says nothing of what a single partner holds, outside of what is sealed. Three federations have the same people in all,
//! dealt out to their partners otherwise; whatever was said in one is held against the others field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evensum::node::Node;
use evensum_core::identity::Peer;
use evensum_core::ledger::ReceiptParts;
use evensum_core::model::{AgreementId, canonical};
use evensum_core::pool::{Ready, RoundDocument, Sealed};
use evensum_core::port::{
    BoxFuture, PoolFault, PoolNodePort, SealedPart, SealedParts, SignedClosing,
};
use evensum_core::sign::{Envelope, SigningKey};
use evensum_core::view::Answer;
use tokio_stream::StreamExt;

use super::fixture::copy;
use super::sum_registers::Group;
use super::sum_words::{Contract, Field, Word, said};
use super::sum_world::{COORDINATOR, MEMBERS, Run, SECOND, World, published, until};
use crate::pki::NOW;

/// The many, of whom each partner has its own number too; and those whom no partner may show: `spread` of them.
fn people(many: [usize; 10], spread: [usize; 10]) -> [Group; 3] {
    let large = |ethnic, systolic, at| Group { ethnic, systolic, at };
    [large("A", 130, many), large("H", 160, [44; 10]), large("M", 130, spread)]
}

/// Six at each of the ten, and a hundred others.
pub(super) fn level() -> [Group; 3] {
    people([100; 10], [6; 10])
}

/// Sixty and a thousand in all again, but otherwise at every partner.
fn uneven() -> [Group; 3] {
    people([90, 110, 95, 105, 80, 120, 99, 101, 97, 103], [1, 7, 5, 7, 7, 7, 5, 7, 7, 7])
}

/// How a field is allowed to differ. Never in its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// By chance, or by a key that only the partner has.
    Chance,
    /// By the moment at which it was sent: how long an audit log was then.
    Moment,
}

/// The fields that may differ, by the ends of their places, and why.
const DIFFERS: &[(&str, By, &str)] = &[
    (" sealed", By::Chance, "a share, encrypted for one server under a key that is made for it"),
    (" verify_key", By::Chance, "a random key, encrypted for the second server"),
    (" share", By::Chance, "made of one random share, to be checked"),
    (" message", By::Chance, "made of both servers' parts of a check, which are random"),
    (" vectors[]", By::Chance, "one server's part of totals, random without the other's"),
    (
        "payload.snapshot.id",
        By::Chance,
        "a hash of the partner's extract under a key that never leaves the partner",
    ),
    ("].snapshot.id", By::Chance, "of a release of the sum: the closing's hash"),
    ("signature", By::Chance, "over a document that has an extract's keyed hash in it"),
    ("Check asked round", By::Chance, "the round's hash, which is over extracts' keyed hashes"),
    (".round", By::Chance, "the round's hash, which is over extracts' keyed hashes"),
    (".closing", By::Chance, "the closing's hash, which is over the round's"),
    (".opening", By::Chance, "the opening's hash, which is over the closing's"),
    (".releases[]", By::Chance, "a release's hash, which is over the closing's"),
    ("proof[]", By::Moment, "hashes over an audit log that has the round's hash in it"),
    ("checkpoint.1", By::Moment, "the number of entries of that audit log"),
    ("checkpoint.2", By::Chance, "the hash over that audit log"),
    ("checkpoint.4", By::Chance, "the signature of that hash"),
];

fn allowed(place: &str) -> Option<&'static (&'static str, By, &'static str)> {
    // The analyst's query is one and the same everywhere.
    let query = place.starts_with("Helper/Witness asked") || place.contains(".asked.");
    DIFFERS.iter().find(|(end, ..)| !query && place.ends_with(end))
}

/// What was said between two, each message once: with the fields that may differ, and what those said.
#[derive(Default)]
struct Words {
    messages: BTreeMap<String, BTreeSet<Vec<(String, String)>>>,
    chance: BTreeMap<&'static str, BTreeSet<Word>>,
}

impl Words {
    fn of(contract: &Contract, run: &Run) -> Self {
        let mut words = Self::default();
        for (between, tape) in &run.tapes {
            // The headers of calls and answers.
            for line in tape.lines() {
                words.take(between, &[("headers".to_owned(), Word::Text(line))]);
            }
            for message in said(contract, tape) {
                words.take(between, &message);
            }
        }
        words
    }

    fn take(&mut self, between: &str, message: &[Field]) {
        let mut shown = Vec::new();
        for (place, word) in message {
            let Some((end, by, _)) = allowed(place) else {
                shown.push((place.clone(), format!("{word:?}")));
                continue;
            };
            self.chance.entry(end).or_default().insert(word.clone());
            let length = (place.clone(), format!("{} bytes", word.len()));
            // How many hashes a proof has is told by the moment too.
            if *by == By::Chance || shown.last() != Some(&length) {
                shown.push(length);
            }
        }
        self.messages.entry(between.to_owned()).or_default().insert(shown);
    }

    /// The messages of a call alone.
    fn only(mut self, call: &str) -> Self {
        for all in self.messages.values_mut() {
            all.retain(|message| message.iter().any(|(place, _)| place.starts_with(call)));
        }
        self
    }
}

/// So many differing fields of a message are named.
const MOST: usize = 4;

/// Where two federations said something else.
fn differences(one: &Words, other: &Words) -> Vec<String> {
    let mut found = Vec::new();
    let none = BTreeSet::new();
    let everybody: BTreeSet<&String> = one.messages.keys().chain(other.messages.keys()).collect();
    for between in everybody {
        let (a, b) = (
            one.messages.get(between).unwrap_or(&none),
            other.messages.get(between).unwrap_or(&none),
        );
        let (mut ours, mut theirs) = (a.difference(b), b.difference(a));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => break,
                (Some(a), Some(b)) => {
                    let differ = a.iter().zip(b).filter(|(a, b)| a != b).take(MOST);
                    let differ: Vec<_> = differ.collect();
                    found.push(format!(
                        "{between}: {} and {} fields: {differ:?}",
                        a.len(),
                        b.len()
                    ));
                }
                (Some(alone), None) | (None, Some(alone)) => {
                    found.push(format!("{between}: {:?}… is said once only", alone.first()));
                }
            }
        }
    }
    found
}

pub(super) fn honest(_: &'static str, node: Node, _: &SigningKey) -> Arc<dyn PoolNodePort> {
    Arc::new(node)
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one")
}

#[test]
fn equal_totals_give_equal_plaintext_however_they_are_dealt_out() {
    let (world, contract) = (World::new(), Contract::read());
    runtime().block_on(async {
        let one = world.begin(&level(), "one key", honest).await;
        let other = world.begin(&uneven(), "one key", honest).await;
        // The same people again, in extracts under other keys.
        let third = world.begin(&level(), "another key", honest).await;
        let query = world.query(NOW);
        let (a, b, c) = tokio::join!(
            one.to_its_end(query.clone()),
            other.to_its_end(query.clone()),
            third.to_its_end(query.clone())
        );
        assert!(published(&a).contains(&60), "{:?}", a.cells);
        let [a, b, c] = [a, b, c].map(|answer: Answer| format!("{:?}", answer.cells));
        assert_eq!((&a, &a), (&b, &c));
        let [one, other, third] = [&one, &other, &third].map(|run| Words::of(&contract, run));
        heard_everything(&one);
        let empty: Vec<String> = Vec::new();
        assert_eq!(differences(&one, &other), empty, "the counts of single partners are told");
        assert_eq!(differences(&one, &third), empty, "what is said depends on chance elsewhere");
        for (end, by, why) in DIFFERS {
            let [a, c] = [&one, &third].map(|words| words.chance.get(end));
            let (a, c) = (a.expect("something was said"), c.expect("something was said"));
            // Where nothing but chance and keys differs, all of it does: no hash of bare counts is among them.
            assert!(*by == By::Moment || a.is_disjoint(c), "'{end}' is the same again ({why})");
        }
    });
}

/// That there is something to compare: every call of the round, and every step in what partners are told.
fn heard_everything(words: &Words) {
    assert_eq!(words.messages.len(), 2 * MEMBERS.len() + 1);
    let all: Vec<&(String, String)> = words.messages.values().flatten().flatten().collect();
    for call in [
        "Pool/Ready asked",
        "Pool/Ready back",
        "Pool/Contribute asked",
        "Pool/Contribute back",
        "Pool/Closed asked",
        "Pool/Told asked",
        "Helper/Announce asked",
        "Helper/Check asked",
        "Helper/Check back",
        "Helper/Close asked",
        "Helper/Close back",
        "Helper/Open asked",
        "Helper/Open back",
        "Helper/Returned asked",
        "Helper/Returned back",
        "Helper/Witness asked",
        "Helper/Witness back",
    ] {
        assert!(all.iter().any(|(place, _)| place.starts_with(call)), "{call}");
    }
    for step in ["closed", "opened", "returned"] {
        let told = |(place, said): &&&(String, String)| {
            place.starts_with("Pool/Told") && place.ends_with("step") && said.contains(step)
        };
        assert!(all.iter().any(|field| told(&field)), "{step}");
    }
}

/// How a partner's node gives a count away.
#[derive(Clone, Copy)]
enum Leak {
    /// In a date that it signs.
    Date,
    /// In the length of what is sealed.
    Length,
}

/// A node that gives the number of its people away.
struct Leaky {
    node: Node,
    key: SigningKey,
    how: Leak,
    count: usize,
}

impl PoolNodePort for Leaky {
    fn ready<'a>(
        &'a self,
        caller: &'a Peer,
        agreement: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>> {
        Box::pin(async move {
            let mut all = self.node.ready(caller, agreement).await?;
            if matches!(self.how, Leak::Date) {
                for envelope in &mut all {
                    let mut ready: Ready = canonical::decode(&envelope.payload).expect("reads");
                    let day = format!("2026-09-{:02}", 30 - self.count);
                    ready.snapshot.as_of = day.parse().expect("a date");
                    *envelope = ready.sign(&ready.ods, &self.key).expect("signs");
                }
            }
            Ok(all)
        })
    }

    fn contribute<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>> {
        Box::pin(async move {
            let parts = self.node.contribute(caller, round).await?;
            let more = if matches!(self.how, Leak::Length) { self.count } else { 0 };
            let longer = parts.map(move |part| {
                let part = part?;
                let bytes = [part.sealed.as_bytes(), &vec![0; more]].concat();
                Ok(SealedPart { sealed: Sealed::from_bytes(bytes).expect("short"), ..part })
            });
            Ok(Box::pin(longer) as SealedParts)
        })
    }

    fn closed<'a>(
        &'a self,
        caller: &'a Peer,
        closing: &'a SignedClosing,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        self.node.closed(caller, closing)
    }

    fn told<'a>(
        &'a self,
        caller: &'a Peer,
        entries: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        self.node.told(caller, entries)
    }
}

/// The control: a partner that gives its count away in one field is found.
#[test]
fn a_count_that_is_told_in_one_field_is_found() {
    let (world, contract) = (World::new(), Contract::read());
    runtime().block_on(async {
        for (how, call, place) in [
            (Leak::Date, "Pool/Ready back", "snapshot.as_of"),
            (Leak::Length, "Pool/Contribute back", "sealed"),
        ] {
            let mut heard = Vec::new();
            for groups in [level(), uneven()] {
                let leaky = |code: &'static str, node: Node, key: &SigningKey| {
                    let at = MEMBERS.iter().position(|member| *member == code);
                    let count = groups[2].at[at.expect("a member")];
                    let leaky = Leaky { node, key: copy(key), how, count };
                    Arc::new(leaky) as Arc<dyn PoolNodePort>
                };
                let run = world.begin(&groups, "one key", leaky).await;
                let spoke = |tape| {
                    let all: Vec<Vec<Field>> = said(&contract, tape);
                    all.iter().flatten().any(|(place, _)| place.starts_with(call))
                };
                let to = format!("M1 and {COORDINATOR}");
                until("the partner's word", || spoke(&run.tapes[&to])).await;
                let between = |words: Words| {
                    let mut words = words.only(call);
                    words.messages.retain(|between, _| *between == to);
                    words
                };
                heard.push(between(Words::of(&contract, &run)));
            }
            let found = differences(&heard[0], &heard[1]);
            assert!(found.iter().any(|text| text.contains(place)), "{found:?}");
            assert!(found.iter().all(|text| text.contains(call)), "{found:?} {SECOND}");
        }
    });
}
