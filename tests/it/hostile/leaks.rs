//! Everything that leaves a federation is collected, and searched for what only the extracts know: exact
//! counts, and the numbers of patients.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::model::ImdEdition;
use evensum_core::view::Bundle;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::extracts::{BySex, Cell, Extract, extract};
use super::fixture::{COUNCIL, Federation, HOLDERS, OpenNode, entries};
use crate::pki::NOW;

/// The log of a program, as text.
#[derive(Clone, Default)]
pub(super) struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Captured {
    pub(super) fn lines(&self) -> Vec<String> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(text).expect("text");
        text.lines().map(str::to_owned).collect()
    }
}

/// Runs on a runtime all of whose threads, those that count records included, log everything to the capture.
pub(super) fn watched<T>(captured: &Captured, work: impl Future<Output = T>) -> T {
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    let dispatch = tracing::Dispatch::new(subscriber);
    let each = dispatch.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        // The guard would end the capture; the thread ends with the runtime.
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&each)))
        .build()
        .expect("a runtime");
    tracing::dispatcher::with_default(&dispatch, || runtime.block_on(work))
}

/// The numbers in a text, as they are spelt.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty())
}

/// The numbers of a document and the names under which they stand.
fn fields<'a>(value: &'a Value, name: &'a str, found: &mut Vec<(&'a str, u64)>) {
    match value {
        Value::Number(n) => found.push((name, n.as_u64().expect("a count"))),
        Value::Array(items) => items.iter().for_each(|item| fields(item, name, found)),
        Value::Object(map) => map.iter().for_each(|(name, item)| fields(item, name, found)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// What nobody may learn: exact counts that rounding would not have given.
struct Secrets {
    counts: BTreeSet<String>,
    patients: BTreeSet<String>,
}

impl Secrets {
    fn new(extracts: &[&Extract]) -> Self {
        let (mut counts, mut patients) = (BTreeSet::new(), BTreeSet::new());
        let mut together = std::collections::BTreeMap::<_, u64>::new();
        for extract in extracts {
            patients.extend(extract.patients());
            for (at, cell) in extract.by_sex() {
                *together.entry(at).or_default() += cell.events;
                counts.insert(cell.events);
            }
        }
        counts.extend(together.into_values());
        let exact = |n: &u64| *n >= 8 && !n.is_multiple_of(5);
        let counts: BTreeSet<String> =
            counts.into_iter().filter(exact).map(|n| n.to_string()).collect();
        assert!(counts.len() > 8 && patients.len() > 3_000, "there is something to find");
        Self { counts, patients }
    }

    fn counts_in(&self, text: &str) -> Option<String> {
        numbers(text).find(|run| self.counts.contains(*run)).map(str::to_owned)
    }

    fn patients_in(&self, text: &str) -> Option<String> {
        numbers(text).find(|run| self.patients.contains(*run)).map(str::to_owned)
    }
}

/// A release holds what the policy makes of an independent count, and no other number.
fn release(document: &[u8], truth: &BySex, secrets: &Secrets) -> u64 {
    let document: Value = serde_json::from_slice(document).expect("JSON");
    let categories = |axis: usize| document["axes"][axis]["categories"].as_array().expect("a list");
    let places = categories(0).iter().flat_map(|sex| categories(1).iter().map(move |o| (sex, o)));
    let cells = document["cells"].as_array().expect("a list");
    let mut withheld = 0;
    for (cell, (sex, outcome)) in cells.iter().zip(places) {
        let at = |known: &&(&str, &str)| *sex == known.0 && *outcome == known.1;
        let true_cell = truth.keys().find(at).map_or_else(Cell::default, |at| truth[at].clone());
        match true_cell.shown() {
            Some(rounded) => assert_eq!(cell.as_u64(), Some(rounded), "{sex} {outcome}"),
            None => {
                assert_eq!(cell, "suppressed", "{sex} {outcome}");
                withheld += 1;
            }
        }
    }
    assert_eq!(cells.len(), 12);
    let mut found = Vec::new();
    fields(&document, "", &mut found);
    found.retain(|(name, _)| *name != "cells");
    assert_eq!(found, [("base", 5), ("limit", 7)]);
    assert_eq!(secrets.patients_in(&document.to_string()), None);
    withheld
}

async fn log_holds_nothing(node: &OpenNode, secrets: &Secrets, withheld: Option<u64>) {
    let known = ["v", "seq", "at", "version", "question"];
    for (bytes, _) in entries(&node.state).await {
        let entry: Value = serde_json::from_slice(&bytes).expect("JSON");
        let mut found = Vec::new();
        fields(&entry, "", &mut found);
        found.retain(|(name, _)| !known.contains(name));
        // Numbers of cells and of tables, not of people, and to be read off the releases themselves.
        let published = entry["event"]["kind"] == "published";
        let said = |withheld| vec![("cells", 12), ("others", 0), ("withheld", withheld)];
        let expected = withheld.filter(|_| published).map(said);
        assert_eq!(found, expected.unwrap_or_default());
        assert_eq!(secrets.patients_in(&entry.to_string()), None);
    }
}

/// Asks well and badly, and gives the answer and everything else that was said.
async fn everything(f: &Federation, nodes: &[&OpenNode]) -> (Bundle, Vec<String>) {
    let wired = f.wire(nodes).await;
    let targets = ["ZZ1", "ZZ2", "ZZ3", COUNCIL];
    let query = f.query(&targets);
    let answer = wired.ask(f.sign(&query)).await.expect("an answer");
    let view = f.check(answer.clone(), &query).expect("verifies");
    let mut said: Vec<String> =
        view.answer().coverage.iter().filter_map(|line| line.reason.clone()).collect();
    said.extend(view.answer().caveats.iter().cloned());
    let mut late = f.query(&targets);
    late.expires = NOW;
    let mut forged = f.sign(&f.query(&targets));
    forged.signature[9] ^= 1;
    let mut again = query.clone();
    again.expires = NOW.plus(1);
    for envelope in [f.sign(&late), forged, f.sign(&again)] {
        let status = wired.refused(envelope.clone()).await;
        said.push(format!("{} {:?}", status.message(), status.metadata().get("evensum-code")));
        for node in nodes {
            match node.ask(&f.caller(), &envelope).await {
                Err(fault) => said.push(fault.to_string()),
                Ok(refusal) => {
                    let document = serde_json::from_slice::<Value>(&refusal.parts().document);
                    said.push(document.expect("JSON")["code"].to_string());
                }
            }
        }
    }
    (answer, said)
}

#[test]
fn nothing_that_leaves_holds_an_exact_count_or_a_patient() {
    let f = Federation::new();
    let captured = Captured::default();
    let extracts = HOLDERS.map(|code| extract(code, ImdEdition::Imd2025).expect("an extract"));
    let secrets = Secrets::new(&extracts);
    watched(&captured, async {
        let mut nodes = Vec::new();
        for code in HOLDERS.into_iter().chain([COUNCIL]) {
            nodes.push(f.node(code).await);
        }
        let (answer, said) = everything(&f, &nodes.iter().collect::<Vec<_>>()).await;
        for ((_, parts), (extract, node)) in answer.answers.iter().zip(extracts.iter().zip(&nodes))
        {
            let withheld = release(&parts.document, &extract.by_sex(), &secrets);
            log_holds_nothing(node, &secrets, Some(withheld)).await;
        }
        log_holds_nothing(&nodes[3], &secrets, None).await;
        assert!(said.len() > 15, "{said:?}");
        for text in &said {
            assert_eq!(secrets.counts_in(text), None, "{text}");
            assert_eq!(secrets.patients_in(text), None, "{text}");
        }
    });
    let lines = captured.lines();
    for line in &lines {
        // Whoever wrote it: frames, statements and handshakes hold no patient.
        assert_eq!(secrets.patients_in(line), None, "{line}");
    }
    // Made of time and chance.
    let chance = ["query=", "remote=", "serial="];
    let mut counted = 0;
    for line in lines.iter().filter(|line| line.contains(" evensum::")) {
        let words = line.split(' ').filter(|word| !chance.iter().any(|c| word.starts_with(c)));
        let text = words.collect::<Vec<_>>().join(" ");
        assert_eq!(secrets.counts_in(&text), None, "{line}");
        counted += 1;
    }
    assert!(counted > 5 && lines.len() > 100, "{counted} of {}", lines.len());
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let extract = extract("ZZ1", ImdEdition::Imd2025).expect("an extract");
    let secrets = Secrets::new(&[
        extract,
        super::extracts::extract("ZZ2", ImdEdition::Imd2025).expect("an extract"),
        super::extracts::extract("ZZ3", ImdEdition::Imd2025).expect("an extract"),
    ]);
    let count = secrets.counts.first().expect("a count");
    let patient = secrets.patients.first().expect("a patient");
    assert_eq!(secrets.counts_in(&format!("counted {count} rows")).as_ref(), Some(count));
    assert_eq!(secrets.counts_in(&format!("counted 1{count} rows")), None);
    assert_eq!(secrets.patients_in(&format!("\"{patient}\"")).as_ref(), Some(patient));
}
