//! The form of everything that a search looks through: messages field by field as `proto/` declares them, canonical
//! documents value by value, databases column by column. Numbers are taken where numbers stand and nowhere else,
//! since hashes and signatures hold every short pattern by chance: which fields those are is said here, one by one.
//! Whatever has no form here is itself a find, so that nothing new leaves unsearched.

use std::path::Path;

use data_encoding::BASE64;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, TypeInfo, ValueRef};

use super::tape::Markers;

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// A number of any wire type, or numbers packed beside each other.
    Number,
    /// A number that is a time or a process, not a count: four digits come by chance.
    Chance,
    Text,
    /// Canonical JSON.
    Document,
    /// A signed note: origin and size, which are searched, and the root hash and signatures, which are random.
    Note,
    /// Bytes that look random, of these lengths: searched for labels, and as text where they are text.
    Random((usize, usize)),
    Inner(Message),
}

/// The fields of a message by their numbers.
pub(super) type Message = &'static [(u64, Form)];

/// SHA-256.
const HASH: Form = Form::Random((32, 32));
/// ECDSA P-256 in ASN.1, of an analyst.
const ECDSA: Form = Form::Random((8, 72));
/// Ed25519, of a partner.
const ED25519: Form = Form::Random((64, 64));

const ENVELOPE: Message = &[(1, Form::Document), (2, Form::Text), (3, Form::Text), (4, ECDSA)];
const RECEIPT: Message = &[(1, Form::Document), (2, Form::Number), (3, HASH), (4, Form::Note)];
const PARTNER_ANSWER: Message = &[
    (1, Form::Text),
    (2, Form::Number),
    (3, Form::Document),
    (4, ED25519),
    (5, Form::Inner(RECEIPT)),
];
const FAULT: Message = &[(1, Form::Text), (2, Form::Text)];
const ASK: Message = &[(1, Form::Inner(ENVELOPE)), (2, Form::Number)];
const ANSWERED: Message =
    &[(1, Form::Number), (2, Form::Inner(PARTNER_ANSWER)), (3, Form::Inner(FAULT))];
const COUNT: Message = &[(1, Form::Text), (2, Form::Number), (3, Form::Number), (4, Form::Number)];
const CELL: Message = &[(1, Form::Text), (2, Form::Inner(COUNT)), (3, Form::Inner(COUNT))];
const VIEW: Message = &[
    (1, Form::Text),
    (2, Form::Text),
    (3, Form::Inner(CELL)),
    (4, Form::Inner(PARTNER_ANSWER)),
    (5, Form::Inner(&[(1, Form::Text), (2, Form::Text), (3, Form::Text)])),
    (6, Form::Text),
    (7, Form::Inner(RECEIPT)),
    // Milliseconds that the coordinator took.
    (8, Form::Chance),
    (9, Form::Number),
];
const EVENT: Message = &[
    (1, Form::Inner(&[(1, Form::Number), (2, Form::Number)])),
    (2, Form::Inner(&[(1, Form::Text), (2, Form::Text), (3, Form::Number)])),
    (3, Form::Inner(VIEW)),
    (4, Form::Inner(&[(1, Form::Number), (2, Form::Inner(FAULT))])),
];

/// The path of the coordinator's `Ask`.
pub(super) const ASK_PATH: &str = "/evensum.v1.Coordinator/Ask";

/// What is said to a path, and what comes back.
fn messages(path: &str) -> Option<[Message; 2]> {
    match path {
        ASK_PATH => Some([ASK, EVENT]),
        "/evensum.v1.Node/Answer" => Some([ASK, ANSWERED]),
        "/grpc.health.v1.Health/Check" => Some([&[(1, Form::Text)], &[(1, Form::Number)]]),
        _ => None,
    }
}

/// Names in canonical documents whose text is base64: of a document, and of a signature.
const BASE64_DOCUMENT: &str = "payload";
const BASE64_SIGNATURE: &str = "signature";

/// The columns of a store that hold bytes, and notes in text. Numbers and other texts have the form of their type.
const COLUMNS: [(&str, Form); 12] = [
    ("record.bytes", Form::Document),
    ("record.leaf", HASH),
    ("node.hash", HASH),
    ("checkpoint.note", Form::Note),
    ("frozen.key", HASH),
    ("withheld.key", HASH),
    ("frozen.bytes", Form::Document),
    ("frozen.release_hash", HASH),
    ("seen.query_hash", HASH),
    ("question.release_key", HASH),
    // A hash of the migration's text, and how many nanoseconds it took.
    ("_sqlx_migrations.checksum", Form::Random((48, 48))),
    ("_sqlx_migrations.execution_time", Form::Chance),
];

impl Markers {
    /// Whether it is a count, or the zigzag form of one.
    fn number(&self, number: u64) -> Option<String> {
        let is = self.counts.iter().any(|c| number == *c || number == c * 2);
        is.then(|| format!("the number {number}"))
    }

    fn labels(&self, bytes: &[u8]) -> Option<String> {
        let only = Self { counts: Vec::new(), labels: self.labels.clone() };
        only.in_text(&String::from_utf8_lossy(bytes))
    }

    /// A document value by value, and names too.
    pub(super) fn in_document(&self, document: &[u8]) -> Option<String> {
        match serde_json::from_slice(document) {
            Ok(value) => self.in_value("", &value),
            Err(_) => Some("what should be a document is none".to_owned()),
        }
    }

    fn in_value(&self, name: &str, value: &Value) -> Option<String> {
        match value {
            Value::Null | Value::Bool(_) => None,
            Value::Number(number) => self.in_text(&number.to_string()),
            Value::String(text) if name == BASE64_DOCUMENT => {
                match BASE64.decode(text.as_bytes()) {
                    Ok(document) => self.in_document(&document),
                    Err(_) => Some(format!("{name} is no base64")),
                }
            }
            Value::String(text) if name == BASE64_SIGNATURE => match BASE64.decode(text.as_bytes())
            {
                Ok(bytes) => self.in_field(ECDSA, &bytes),
                Err(_) => Some(format!("{name} is no base64")),
            },
            Value::String(text) => self.in_text(text),
            Value::Array(items) => items.iter().find_map(|item| self.in_value(name, item)),
            Value::Object(map) => map
                .iter()
                .find_map(|(name, item)| self.in_text(name).or_else(|| self.in_value(name, item))),
        }
    }

    /// A signed note: two lines to search, then the root in base64, an empty line, and signatures.
    fn in_note(&self, note: &str) -> Option<String> {
        let mut lines = note.lines();
        let said = [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()];
        said.into_iter().find_map(|line| self.in_text(line)).or_else(|| {
            let root =
                BASE64.decode(lines.next().unwrap_or_default().as_bytes()).unwrap_or_default();
            let signed = |line: &str| line.strip_prefix("\u{2014} ").map(|l| l.split(' ').count());
            if root.len() != 32
                || lines.next() != Some("")
                || !lines.all(|line| signed(line) == Some(2))
            {
                return Some("what should be a note is none".to_owned());
            }
            self.labels(note.as_bytes())
        })
    }

    /// Bytes by their form.
    fn in_field(&self, form: Form, bytes: &[u8]) -> Option<String> {
        match form {
            Form::Number | Form::Chance => self.in_packed(bytes),
            Form::Document => self.in_document(bytes),
            Form::Inner(message) => self.in_message(message, bytes),
            Form::Text | Form::Note => match (std::str::from_utf8(bytes), form) {
                (Ok(note), Form::Note) => self.in_note(note),
                (Ok(text), _) => self.in_text(text),
                (Err(_), _) => Some("what should be text is none".to_owned()),
            },
            Form::Random((least, most)) => {
                if !(least..=most).contains(&bytes.len()) {
                    return Some(format!("{} bytes are no hash or signature", bytes.len()));
                }
                std::str::from_utf8(bytes)
                    .map_or_else(|_| self.labels(bytes), |text| self.in_text(text))
            }
        }
    }

    /// Numbers packed beside each other.
    fn in_packed(&self, bytes: &[u8]) -> Option<String> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(number) = varint(&mut rest) else {
                return Some("what should be packed numbers are none".to_owned());
            };
            if let Some(found) = self.number(number) {
                return Some(format!("packed, {found}"));
            }
        }
        None
    }

    /// A message of this form.
    pub(super) fn in_message(&self, form: Message, message: &[u8]) -> Option<String> {
        let Some(fields) = fields(message) else {
            return Some("what should be a message is none".to_owned());
        };
        fields.into_iter().find_map(|(tag, value)| {
            let Some((_, form)) = form.iter().find(|(known, _)| *known == tag) else {
                return Some(format!("a field {tag} that nothing is known of"));
            };
            let found = match (value, form) {
                (Wire::Number(_), Form::Chance) => None,
                (Wire::Number(number), Form::Number) => self.number(number),
                (Wire::Number(_), _) => Some("a number where none should be".to_owned()),
                (Wire::Bytes(bytes), form) => self.in_field(*form, bytes),
            };
            found.map(|found| format!("field {tag}: {found}"))
        })
    }

    /// A message that was said to a path, or came from there.
    pub(super) fn in_call(&self, path: &str, back: bool, message: &[u8]) -> Option<String> {
        match messages(path) {
            Some(forms) => self.in_message(forms[usize::from(back)], message),
            None => Some(format!("a call of {path}, of which nothing is known")),
        }
    }

    /// Every value of every table of a database. It may be open elsewhere.
    pub(super) fn in_database(&self, file: &Path) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let open = SqliteConnectOptions::new().filename(file).read_only(true);
            let mut conn = open.connect().await.expect("a database");
            let mut found = None;
            let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
            let tables: Vec<String> =
                sqlx::query_scalar(tables).fetch_all(&mut conn).await.expect("tables");
            for table in tables {
                let all = sqlx::AssertSqlSafe(format!("SELECT * FROM \"{table}\""));
                let rows = sqlx::query(all).fetch_all(&mut conn).await.expect("rows");
                found = found.or_else(|| rows.iter().find_map(|row| self.in_row(&table, row)));
            }
            conn.close().await.expect("closed");
            found
        })
    }

    fn in_row(&self, table: &str, row: &SqliteRow) -> Option<String> {
        use sqlx::Column;

        row.columns().iter().enumerate().find_map(|(at, column)| {
            let place = format!("{table}.{}", column.name());
            let form = COLUMNS.iter().find(|(name, _)| *name == place).map(|(_, form)| *form);
            let value = row.try_get_raw(at).expect("a value");
            if value.is_null() {
                return None;
            }
            let found = match (value.type_info().name(), form) {
                ("INTEGER", Some(Form::Chance)) => None,
                ("INTEGER", _) => {
                    u64::try_from(row.get_unchecked::<i64, _>(at)).ok().and_then(|n| self.number(n))
                }
                ("BLOB", None) => Some("bytes that nothing is known of".to_owned()),
                ("BLOB" | "TEXT", form) => {
                    let bytes = row.get_unchecked::<Vec<u8>, _>(at);
                    self.in_field(form.unwrap_or(Form::Text), &bytes)
                }
                // SQLite gives any other number as text too.
                _ => self.in_text(&row.get_unchecked::<String, _>(at)),
            };
            found.map(|found| format!("{place}: {found}"))
        })
    }
}

#[derive(Debug)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(rest).ok()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// The fields of a message with their numbers; none where the bytes are no message.
fn fields(message: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let (mut rest, mut found) = (message, Vec::new());
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let value = match key & 7 {
            0 => Wire::Number(varint(&mut rest)?),
            1 => Wire::Number(u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                Wire::Bytes(take(&mut rest, length)?)
            }
            5 => Wire::Number(u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?).into()),
            _ => return None,
        };
        found.push((key >> 3, value));
    }
    Some(found)
}

#[derive(Clone, PartialEq, prost::Message)]
struct Numbers {
    #[prost(uint64, tag = "1")]
    plain: u64,
    #[prost(sint64, tag = "2")]
    zigzag: i64,
    #[prost(fixed32, tag = "3")]
    fixed: u32,
    #[prost(double, tag = "4")]
    beside: f64,
    #[prost(uint64, repeated, tag = "5")]
    packed: Vec<u64>,
    #[prost(message, optional, boxed, tag = "6")]
    inner: Option<Box<Numbers>>,
    #[prost(string, tag = "7")]
    text: String,
    #[prost(bytes, tag = "8")]
    hash: Vec<u8>,
    #[prost(bytes, tag = "9")]
    document: Vec<u8>,
    #[prost(bytes, tag = "10")]
    new: Vec<u8>,
}

const NUMBERS: Message = &[
    (1, Form::Number),
    (2, Form::Number),
    (3, Form::Number),
    (4, Form::Number),
    (5, Form::Number),
    (7, Form::Text),
    (8, HASH),
    (9, Form::Document),
];

const DEEP: Message = &[(6, Form::Inner(NUMBERS))];

fn markers() -> Markers {
    Markers { counts: vec![8_623], labels: vec!["CANARY".to_owned()] }
}

#[test]
fn a_marker_is_found_in_every_form_and_nothing_else_is() {
    use prost::Message as _;

    let markers = markers();
    let text = |text: &str| Numbers { text: text.to_owned(), ..Numbers::default() };
    let hash = |start: &[u8]| {
        let mut hash = vec![0xfe; 32];
        hash[..start.len()].copy_from_slice(start);
        hash
    };
    // 8,623 as a varint and as four bytes, in what is random: no number stands there.
    let chance = hash(&[0xaf, 0x43, 0xaf, 0x21, 0, 0, 0, 0]);
    let document = br#"{"n":[8624,"18623"]}"#.to_vec();
    let none = Numbers { plain: 8_624, beside: 8.5, packed: vec![1, 300], ..Numbers::default() };
    let none = Numbers { hash: chance, document, ..none };
    assert_eq!(markers.in_message(NUMBERS, &none.encode_to_vec()), None);
    let packed = [vec![1, 8_623], vec![300, 8_623, 70_000]];
    let packed = packed.map(|packed| Numbers { packed, ..none.clone() });
    let documents = [r#"{"n":[8623]}"#, r#"["8,623"]"#, r#"{"CANARY":1}"#, "8623.0", "no JSON"];
    let documents = documents.map(|it| Numbers { document: it.into(), ..none.clone() });
    let forms = [
        Numbers { plain: 8_623, ..none.clone() },
        Numbers { zigzag: 8_623, ..none.clone() },
        Numbers { fixed: 8_623, ..none.clone() },
        Numbers { hash: hash(b"CANARY"), ..none.clone() },
        Numbers { hash: 8_623_u64.to_le_bytes().to_vec(), ..none.clone() },
        Numbers { new: vec![1], ..none.clone() },
        text("8 623."),
        text("a CANARY"),
    ];
    for form in forms.into_iter().chain(packed).chain(documents) {
        assert!(markers.in_message(NUMBERS, &form.encode_to_vec()).is_some(), "{form:?}");
        let deep = Numbers { inner: Some(Box::new(form)), ..Numbers::default() };
        assert!(markers.in_message(DEEP, &deep.encode_to_vec()).is_some(), "{deep:?}");
    }
}

#[test]
fn a_marker_in_base64_or_a_note_is_found() {
    let markers = markers();
    let payload = |text: &str| format!(r#"{{"payload":"{}"}}"#, BASE64.encode(text.as_bytes()));
    assert_eq!(markers.in_document(payload("[8624]").as_bytes()), None);
    for text in ["[8623]", r#"["CANARY"]"#, "no JSON"] {
        assert!(markers.in_document(payload(text).as_bytes()).is_some(), "{text}");
    }
    // A root of which a piece is +8623+ in base64.
    let root = format!("{}+8623+{}=", "A".repeat(6), "A".repeat(31));
    let note =
        |first: &str, size: u64| format!("{first}\n{size}\n{root}\n\n\u{2014} a b+8623+c=\n");
    assert_eq!(markers.in_note(&note("a log", 7)), None);
    for bad in [note("CANARY", 7), note("a log", 8_623), note("a log", 7) + "8623\n"] {
        assert!(markers.in_note(&bad).is_some(), "{bad}");
    }
}

#[test]
fn a_marker_is_found_in_every_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("store.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = |statement: &'static str| {
        runtime.as_ref().expect("a runtime").block_on(async {
            let open = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
            let mut conn = open.connect().await.expect("a database");
            sqlx::query(statement).execute(&mut conn).await.expect("done");
            conn.close().await.expect("closed");
        });
    };
    run("CREATE TABLE record (seq INTEGER, bytes BLOB, leaf BLOB)");
    run("INSERT INTO record VALUES (1, CAST('[8624]' AS BLOB), zeroblob(32)), (2, NULL, NULL)");
    assert_eq!(markers().in_database(&file), None);
    for bad in [
        "UPDATE record SET seq = 8623 WHERE seq = 2",
        "UPDATE record SET seq = 2, bytes = CAST('[8623]' AS BLOB) WHERE seq = 8623",
        "UPDATE record SET bytes = NULL, leaf = CAST('8,623' AS BLOB) WHERE seq = 2",
        "ALTER TABLE record ADD COLUMN more BLOB DEFAULT x'2021'",
    ] {
        run(bad);
        assert!(markers().in_database(&file).is_some(), "{bad}");
    }
}
