//! Whatever was said on the wire, field by field: messages by the published contract itself, the signed JSON documents in
//! them, and the documents in those. What the contract does not have is not read, and fails.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::Value;

use super::tape::{Heard, Tape};

/// The wire contract, as it stands in the tree.
const CONTRACT: [&str; 5] = [
    include_str!("../../../proto/evensum/v1/common.proto"),
    include_str!("../../../proto/evensum/v1/node.proto"),
    include_str!("../../../proto/evensum/v1/coordinator.proto"),
    include_str!("../../../proto/evensum/v1/pool.proto"),
    include_str!("../../../proto/evensum/v1/helper.proto"),
];

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    Number(u64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Word {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Number(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// A field: where it stands, without its place in lists, and what it says. The order of a message's fields is kept.
pub(super) type Field = (String, Word);

#[derive(Debug, Clone)]
struct Slot {
    number: u64,
    name: String,
    kind: String,
    repeated: bool,
}

/// Messages and calls of the contract.
#[derive(Debug, Default)]
pub(super) struct Contract {
    messages: BTreeMap<String, Vec<Slot>>,
    /// By path: what is asked and what comes back.
    calls: BTreeMap<String, [String; 2]>,
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut word = String::new();
        for c in line.split("//").next().unwrap_or_default().chars() {
            if c.is_alphanumeric() || "._\"/".contains(c) {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                tokens.push(std::mem::take(&mut word));
            }
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
        }
        tokens.extend(Some(word).filter(|word| !word.is_empty()));
    }
    tokens
}

impl Contract {
    pub(super) fn read() -> Self {
        let mut contract = Self::default();
        for text in CONTRACT {
            contract.file(&tokens(text));
        }
        assert!(contract.messages.len() > 40 && contract.calls.len() > 12, "{contract:?}");
        contract
    }

    fn file(&mut self, tokens: &[String]) {
        let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let (mut at, mut message, mut service, mut skipping) = (0, None, "", false);
        let mut depth = 0_usize;
        while at < words.len() {
            match words[at..] {
                ["message", name, "{", ..] => {
                    self.messages.insert(name.to_owned(), Vec::new());
                    (message, depth, at) = (Some(name), depth + 1, at + 3);
                }
                ["service", name, "{", ..] => (service, depth, at) = (name, depth + 1, at + 3),
                ["enum", _, "{", ..] => (skipping, depth, at) = (true, depth + 1, at + 3),
                ["oneof", _, "{", ..] => (depth, at) = (depth + 1, at + 3),
                ["rpc", name, "(", asked, ")", "returns", "(", ref rest @ ..] => {
                    let back = if rest[0] == "stream" { rest[1] } else { rest[0] };
                    let path = format!("/evensum.v1.{service}/{name}");
                    self.calls.insert(path, [asked.to_owned(), back.to_owned()]);
                    at += 1 + words[at..].iter().position(|w| *w == ";").expect("an end");
                }
                ["}", ..] => {
                    (depth, skipping, at) = (depth - 1, false, at + 1);
                    if depth == 0 {
                        message = None;
                    }
                }
                [first, ..] => {
                    let end = at + words[at..].iter().position(|w| *w == ";").expect("an end");
                    if let (Some(message), false) = (message, skipping) {
                        let own = &words[at..end];
                        let label = matches!(first, "repeated" | "optional");
                        let [kind, name, "=", number] = own[usize::from(label)..] else {
                            panic!("no field: {own:?}");
                        };
                        self.messages.get_mut(message).expect("begun").push(Slot {
                            number: number.parse().expect("a number"),
                            name: name.to_owned(),
                            kind: kind.to_owned(),
                            repeated: first == "repeated",
                        });
                    }
                    at = end + 1;
                }
                [] => break,
            }
        }
    }

    /// The fields of a message of this call. Of a list of proofs each is a message of its own: how many go into one
    /// call is a matter of time.
    fn fields(&self, heard: &Heard) -> Vec<Vec<Field>> {
        let call = &self.calls[&heard.path];
        let kind = &call[usize::from(heard.back)];
        let short = heard.path.trim_start_matches("/evensum.v1.");
        let place = format!("{short} {}", if heard.back { "back" } else { "asked" });
        let mut messages = Vec::new();
        let each: Vec<&[u8]> = match kind.as_str() {
            "PoolToldRequest" => split(&heard.message).map(|(whole, ..)| whole).collect(),
            _ => vec![&heard.message],
        };
        for message in each {
            let mut fields = Vec::new();
            self.message(kind, message, &place, &mut fields);
            messages.push(fields);
        }
        messages
    }

    fn message(&self, kind: &str, bytes: &[u8], place: &str, fields: &mut Vec<Field>) {
        let slots = &self.messages[kind];
        for (_, number, value) in split(bytes) {
            let slot = slots.iter().find(|slot| slot.number == number);
            let slot = slot.unwrap_or_else(|| panic!("{kind} has no field {number}"));
            let list = if slot.repeated { "[]" } else { "" };
            let place = format!("{place} {}{list}", slot.name);
            match (slot.kind.as_str(), value) {
                ("bytes", Raw::Bytes(bytes)) => document(bytes, place, fields),
                ("string", Raw::Bytes(bytes)) => {
                    let text = std::str::from_utf8(bytes).expect("text");
                    for (line, text) in text.lines().enumerate() {
                        let line =
                            if text_has_lines(bytes) { format!(".{line}") } else { String::new() };
                        fields.push((format!("{place}{line}"), Word::Text(text.to_owned())));
                    }
                }
                (kind, Raw::Bytes(bytes)) if self.messages.contains_key(kind) => {
                    self.message(kind, bytes, &place, fields);
                }
                (_, Raw::Number(number)) => fields.push((place, Word::Number(number))),
                (kind, Raw::Bytes(_)) => panic!("{place} is no {kind}"),
            }
        }
    }
}

fn text_has_lines(bytes: &[u8]) -> bool {
    bytes.contains(&b'\n')
}

/// A JSON document, field by field, or bytes.
fn document(bytes: &[u8], place: String, fields: &mut Vec<Field>) {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(json @ Value::Object(_)) => members(&json, &place, fields),
        _ => fields.push((place, Word::Bytes(bytes.to_vec()))),
    }
}

fn members(json: &Value, place: &str, fields: &mut Vec<Field>) {
    match json {
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| members(value, &format!("{place}.{name}"), fields));
        }
        Value::Array(list) => {
            list.iter().for_each(|value| members(value, &format!("{place}[]"), fields));
        }
        Value::String(text) => {
            let enclosed = BASE64.decode(text.as_bytes()).ok();
            let inside = enclosed.filter(|bytes| {
                serde_json::from_slice::<Value>(bytes).is_ok_and(|json| json.is_object())
            });
            match inside {
                Some(bytes) => document(&bytes, place.to_owned(), fields),
                None => fields.push((place.to_owned(), Word::Text(text.clone()))),
            }
        }
        other => fields.push((place.to_owned(), Word::Text(other.to_string()))),
    }
}

enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a number");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number without an end")
}

/// The fields of a message: each as a whole, its number, and its value.
fn split(bytes: &[u8]) -> impl Iterator<Item = (&[u8], u64, Raw<'_>)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let whole = rest;
        let tag = varint(&mut rest);
        let value = match tag & 7 {
            0 => Raw::Number(varint(&mut rest)),
            2 => {
                let length = usize::try_from(varint(&mut rest)).expect("short");
                let (value, after) = rest.split_at(length);
                rest = after;
                Raw::Bytes(value)
            }
            other => panic!("a field of wire type {other}"),
        };
        Some((&whole[..whole.len() - rest.len()], tag >> 3, value))
    })
}

/// Everything that was said between two, in messages of fields. Left out is what says nothing but that it was sent, and
/// the second server's word that a part is not there yet, after which the same is asked again.
pub(super) fn said(contract: &Contract, tape: &Tape) -> Vec<Vec<Field>> {
    let ours = tape.messages().into_iter().filter(|heard| {
        let health = heard.path.starts_with("/grpc.health.v1.");
        assert!(health || heard.path.starts_with("/evensum.v1."), "{}", heard.path);
        !health
    });
    let mut all = Vec::new();
    for heard in ours {
        for fields in contract.fields(&heard) {
            let not_here =
                |(place, word): &Field| place.ends_with(" outcome") && *word == Word::Number(3);
            if !fields.is_empty() && !fields.iter().any(not_here) {
                all.push(fields);
            }
        }
    }
    all
}
