//! The demonstration's answer against what was planted, and its proofs against the agreement's keys.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use evensum::synth::Truth;
use evensum_core::ledger::{Receipt, ReceiptParts, origin};
use evensum_core::model::{Agreement, CategoryId, Digest, Ods, Role, canonical};
use evensum_core::sign::{VerifyingKey, pre_authentication_encoding};
use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use super::harness::text;
use super::harness::{COORDINATOR, PARTNERS, coverage, template};
#[cfg(target_os = "linux")]
use super::process::{begin, until};

fn answer() -> Value {
    template().output.json()
}

fn keys(of: &Value) -> BTreeSet<&str> {
    of.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn list<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer[key].as_array().expect("a list")
}

fn bytes(of: &Value) -> Vec<u8> {
    BASE64.decode(of.as_str().expect("text").as_bytes()).expect("base64")
}

#[test]
fn the_answer_has_the_keys_of_the_format_and_no_others() {
    let answer = answer();
    let expect = |of: &Value, wanted: &str| {
        assert_eq!(keys(of), wanted.split(' ').collect::<BTreeSet<_>>());
    };
    expect(
        &answer,
        "indicator period breakdown scope view policy rung imd_edition cells inequality coverage caveats receipts releases query_id elapsed_ms",
    );
    expect(&answer["indicator"], "id version name unit kind");
    expect(&answer["policy"], "profile limit base");
    for cell in list(&answer, "cells") {
        expect(cell, "at state numerator denominator proportion lower95 upper95");
        expect(&cell["at"], "ethnicity imd");
        expect(&cell["numerator"], "state low high published");
        expect(&cell["denominator"], "state low high published");
        assert_eq!(cell["state"], cell["numerator"]["state"]);
    }
    for line in list(&answer, "coverage") {
        expect(line, "ods name status reason snapshot as_of policy rung");
    }
    for receipt in list(&answer, "receipts") {
        expect(receipt, "ods index entry proof checkpoint");
    }
    for release in list(&answer, "releases") {
        expect(release, "ods bytes signature");
    }
}

#[test]
fn five_partners_answer_the_council_holds_no_such_data_and_some_figures_are_withheld() {
    let answer = answer();
    for ods in &PARTNERS[..5] {
        assert_eq!(coverage(&answer, ods)["status"], "answered");
    }
    assert_eq!(coverage(&answer, PARTNERS[5])["status"], "no_data");
    assert_eq!(list(&answer, "coverage").len(), PARTNERS.len());
    assert_eq!(list(&answer, "releases").len(), 5);
    let states: BTreeSet<&str> =
        list(&answer, "cells").iter().filter_map(|c| c["state"].as_str()).collect();
    assert!(states.contains("value") && states.len() > 1, "{states:?}");
}

#[test]
fn every_figure_of_a_release_is_a_multiple_of_five_above_the_limit_or_hidden() {
    for release in list(&answer(), "releases") {
        let document: Value = serde_json::from_slice(&bytes(&release["bytes"])).expect("JSON");
        let hidden = list(&document, "cells").iter().filter(|cell| match cell.as_u64() {
            Some(shown) => {
                assert!(shown % 5 == 0 && shown > 7, "{shown}");
                false
            }
            None => {
                let state = cell.as_str().expect("a state");
                assert!(["small", "suppressed", "structural_zero"].contains(&state), "{state}");
                true
            }
        });
        assert!(hidden.count() > 0);
    }
}

#[test]
fn every_range_contains_what_was_planted() {
    let planted = fs::read_to_string(template().dir.join("truth.json")).expect("the truth");
    let truth: Truth = serde_json::from_str(&planted).expect("the truth's form");
    let answer = answer();
    let cells = list(&answer, "cells");
    let mut known = BTreeSet::new();
    for cell in cells {
        let category = |dimension: &str| -> CategoryId {
            cell["at"][dimension].as_str().expect("a category").parse().expect("an id")
        };
        let (imd, ethnicity) = (category("imd"), category("ethnicity"));
        let counts = truth.at(&imd, &ethnicity);
        for (side, planted) in [("numerator", counts.over52), ("denominator", counts.all)] {
            let low = cell[side]["low"].as_u64().expect("a lower end");
            let high = cell[side]["high"].as_u64();
            assert!(
                low <= planted && high.is_none_or(|high| planted <= high),
                "{imd} {ethnicity} {side}: {planted} is not between {low} and {high:?}"
            );
        }
        known.insert((imd, ethnicity));
    }
    assert_eq!(known.len(), cells.len(), "a cell stands twice");
    for at in truth.cells().keys() {
        assert!(known.contains(at), "{at:?} was planted and is not in the answer");
    }
}

fn agreement() -> Agreement {
    let text = fs::read_to_string(template().dir.join("agreement.toml")).expect("readable");
    Agreement::parse(&text).expect("an agreement")
}

fn receipt_parts(of: &Value) -> ReceiptParts {
    let digest =
        |hash: &Value| Digest::from_bytes(bytes(hash).as_slice().try_into().expect("32 bytes"));
    ReceiptParts {
        entry: bytes(&of["entry"]),
        index: of["index"].as_u64().expect("a place"),
        proof: list(of, "proof").iter().map(digest).collect(),
        checkpoint: of["checkpoint"].as_str().expect("text").to_owned(),
    }
}

/// Each receipt with the key and the log that it must be of.
fn receipts(answer: &Value) -> Vec<(String, ReceiptParts, String, VerifyingKey)> {
    let agreement = agreement();
    let one = |receipt: &Value| {
        let code = receipt["ods"].as_str().expect("a code");
        let role = if code == COORDINATOR { Role::Coordinator } else { Role::Node };
        let ods: Ods = code.parse().expect("an ODS code");
        let party = agreement.party(&ods, role).expect("a party");
        let key = VerifyingKey::parse(&party.ledger_key).expect("a key");
        (code.to_owned(), receipt_parts(receipt), origin(&ods, role), key)
    };
    list(answer, "receipts").iter().map(one).collect()
}

#[test]
fn every_proof_of_entry_holds_under_the_agreements_keys() {
    let answer = answer();
    let receipts = receipts(&answer);
    let whose: BTreeSet<&str> = receipts.iter().map(|(ods, ..)| ods.as_str()).collect();
    assert_eq!(whose, PARTNERS.into_iter().chain([COORDINATOR]).collect());
    assert_eq!(receipts.len(), whose.len());
    for (ods, parts, log, key) in receipts {
        let receipt = Receipt::verify(parts.clone(), &log, &key).expect(&ods);
        let (query, _) = receipt.entry().event.query().expect("it is about a query");
        assert_eq!(query.to_string(), answer["query_id"].as_str().expect("an id"));
        let mut altered = parts;
        *altered.entry.last_mut().expect("bytes") ^= 1;
        assert!(Receipt::verify(altered, &log, &key).is_err());
    }
}

#[test]
fn every_release_is_signed_with_the_key_that_the_agreement_lists() {
    let (answer, agreement) = (answer(), agreement());
    let receipts = receipts(&answer);
    for release in list(&answer, "releases") {
        let code = release["ods"].as_str().expect("a code");
        let party = agreement.party(&code.parse().expect("a code"), Role::Node).expect("a party");
        let key = VerifyingKey::parse(&party.answer_key).expect("a key");
        let (_, parts, log, log_key) =
            receipts.iter().find(|(ods, ..)| ods == code).expect("a receipt");
        let receipt = Receipt::verify(parts.clone(), log, log_key).expect("it holds");
        let (_, query_hash) = receipt.entry().event.query().expect("it is about a query");
        // The statement, put together anew from the format's description.
        let statement = json!({
            "federation": agreement.federation,
            "ods": code,
            "query_hash": query_hash,
            "question": 0,
            "document_hash": Digest::of(&bytes(&release["bytes"])),
            "index": parts.index,
            "checkpoint_hash": Digest::of(parts.checkpoint.as_bytes()),
        });
        let message = pre_authentication_encoding(
            "application/vnd.evensum.statement.v1+json",
            &canonical::encode(&statement).expect("canonical"),
        );
        let signature = bytes(&release["signature"]);
        assert!(key.verifies(&message, &signature), "{code}");
        let another = agreement.nodes().find(|p| p.ods.as_str() != code).expect("another");
        let another = VerifyingKey::parse(&another.answer_key).expect("a key");
        assert!(!another.verifies(&message, &signature));
    }
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_identifier_of_the_extracts_is_kept_logged_or_answered() {
    let template = template();
    let mut persons: HashSet<[u8; 10]> = HashSet::new();
    for ods in &PARTNERS[..5] {
        let extract = fs::read_to_string(template.dir.join(ods).join("extract.csv")).expect("text");
        let person = |row: &str| row.as_bytes().first_chunk().copied().expect("ten digits");
        persons.extend(extract.lines().skip(1).map(person));
    }
    assert!(persons.len() > 1_000 && persons.iter().all(|p| p.iter().all(u8::is_ascii_digit)));
    let names_somebody = |bytes: &[u8]| {
        bytes.windows(10).any(|w| w.first_chunk().is_some_and(|w| persons.contains(w)))
    };
    let kept = files(&template.dir).into_iter().filter(|f| !f.ends_with("extract.csv"));
    let kept: Vec<PathBuf> = kept.collect();
    assert!(kept.iter().any(|f| f.extension().is_some_and(|e| e == "arrow")));
    assert!(kept.iter().any(|f| f.ends_with("server.log")));
    for file in kept {
        let bytes = fs::read(&file).expect("readable");
        assert!(!names_somebody(&bytes), "a person's number is in {}", file.display());
    }
    for said in [&template.output.stdout, &template.output.stderr] {
        assert!(!names_somebody(said.as_bytes()));
    }
}

/// The processes that run with this folder in their command line.
#[cfg(target_os = "linux")]
fn processes_of(dir: &Path) -> Vec<u32> {
    let of = |entry: fs::DirEntry| -> Option<u32> {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains(text(dir)).then_some(id)
    };
    fs::read_dir("/proc").expect("/proc").filter_map(|e| of(e.ok()?)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn no_server_outlives_a_demonstration_that_is_killed() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("killed");
    let mut demo = begin(&["demo", "--nodes", "2", "--rows", "1000", "--dir", text(&dir)]);
    // The demonstration itself, its coordinator and its two partners.
    until("the demonstration's servers", || {
        assert!(demo.runs(), "the demonstration ended");
        (processes_of(&dir).len() == 4).then_some(())
    });
    demo.kill();
    until("the end of its servers", || processes_of(&dir).is_empty().then_some(()));
}
