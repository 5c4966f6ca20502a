//! The canary: one partner's extract holds two cells whose counts nothing else in the federation can come to,
//! 8,623 and 7,919, almost all of them the rows of one person, so that nothing but the rule about dominance hides
//! them, however large they are; and labels that stand nowhere but in its rows. Whatever leaves is recorded and
//! searched for them.
//!
//! Where they may be: the extract itself, and of the labels the provider's code alone, in the published file,
//! which keeps it as a category. Everything else, at the node and beyond, must be without: messages and metadata
//! inside TLS, answers in every format, the audit log in every format and as a file, logs of every crate at the
//! finest level, what is told of errors and panics, manifest, reject list, and the coordinator's whole folder.
//! The quality report alone may count: it says how many rows lack what, by provider too, and it stays at the node.

use std::fs;
use std::path::{Path, PathBuf};

use evensum::present::{self, Glyphs, Width};
use evensum_core::model::{Query, RefusalCode};
use evensum_core::view::{Bundle, CoverageStatus, Shared, SystemView};
use tonic::codegen::http::uri::PathAndQuery;

use super::extracts::{Extract, extract_of};
use super::fixture::{COORDINATOR, COUNCIL, Federation, OpenNode, entries, level};
use super::forms::ASK_PATH;
use super::leaks::{Captured, watched};
use super::tape::{Markers, Raw, Tape};
use super::wire::{Wired, ask_message};
use crate::panics;
use crate::pki::NOW;

const PEOPLE: [&str; 2] = ["CANARYPERSONA", "CANARYPERSONB"];
const PROVIDER: &str = "RZCAN";
const LOCAL_ETHNICITY: &str = "QZ-LOCAL-9";
const BAD_DATE: &str = "CANARY-DATE";
/// A cell of an indeterminate sex and one of a sex that is not known; and what rounding makes of them.
const COUNTS: [u64; 2] = [8_623, 7_919];
const ROUNDED: [u64; 2] = [8_625, 7_920];
/// In company, and alone, so that no sum stands between a cell and whoever reads it.
const ALL: [&str; 2] = ["ZZ1", COUNCIL];
const ALONE: [&str; 1] = [COUNCIL];
/// Others in a marker cell: more than the rule about few people wants.
const FEW: u64 = 20;
const SEXES: [&str; 2] = ["9", "X"];

/// The partner's rows without those two sexes, and the marker rows: almost all of one person, or
/// of as many people as rows.
fn with_markers(csv: &[u8], crowd: bool) -> (Vec<u8>, String) {
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let home = |row: &&csv::StringRecord| &row[8] == evensum::synth::HOME_ICB;
    let area = rows.iter().find(home).expect("a resident")[3].to_owned();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(&header).expect("written");
    for row in rows.iter().filter(|row| matches!(&row[5], "1" | "2") && row[3] != area) {
        csv.write_record(row).expect("written");
    }
    let pattern = rows.iter().find(home).expect("a resident");
    let mut marked = |person: &str, sex: &str, start: &str| {
        let mut row: Vec<&str> = pattern.iter().collect();
        (row[0], row[1], row[4], row[5], row[7]) = (person, start, LOCAL_ETHNICITY, sex, PROVIDER);
        csv.write_record(row).expect("written");
    };
    for ((person, sex), count) in PEOPLE.into_iter().zip(SEXES).zip(COUNTS) {
        for number in 0..count {
            let another = crowd || number < FEW;
            let one = if another { format!("{person}{number}") } else { person.to_owned() };
            marked(&one, sex, "2025-06-01");
        }
        marked(person, sex, BAD_DATE);
    }
    (csv.into_inner().expect("whole"), area)
}

/// The extract, and what must not be seen of it.
fn canary(crowd: bool) -> (Extract, Markers) {
    let mut area = String::new();
    let more = format!("[codes.ethnic_category]\n\"{LOCAL_ETHNICITY}\" = \"A\"\n");
    let change = |csv: Vec<u8>| {
        let (csv, found) = with_markers(&csv, crowd);
        area = found;
        csv
    };
    let extract = extract_of(COUNCIL, change, &more);
    let mut labels = [PROVIDER, LOCAL_ETHNICITY, BAD_DATE].map(str::to_owned).to_vec();
    labels.extend(PEOPLE.map(str::to_owned));
    labels.push(area);
    (extract, Markers { counts: [COUNTS, ROUNDED].concat(), labels })
}

/// A federation that runs: the canary's node, and an ordinary one.
struct Scene<'a> {
    f: &'a Federation,
    tape: Tape,
    nodes: [OpenNode; 2],
    wired: Wired,
    /// What was said to people.
    said: Vec<(&'static str, String)>,
}

impl<'a> Scene<'a> {
    async fn new(f: &'a Federation, extract: &Extract) -> Self {
        extract.install(&f.dir.path().join(COUNCIL));
        let (tape, nodes) = (Tape::default(), [f.node(COUNCIL).await, f.node("ZZ1").await]);
        let mut served = Vec::new();
        for node in &nodes {
            served.push((node.ods(), tape.over(node.routes().await)));
        }
        let wired = f.wire_routes(served).await;
        Self { f, tape, nodes, wired, said: Vec::new() }
    }

    fn say(&mut self, what: &'static str, text: impl Into<String>) {
        self.said.push((what, text.into()));
    }

    /// A question by one level.
    fn by(&self, id: &str, targets: &[&str]) -> Query {
        let mut query = self.f.query(targets);
        query.questions[0].by = vec![level(id)];
        query
    }

    /// Asks as the analyst's tool, and shows the answer in every way that there is.
    async fn ask(&mut self, query: &Query) -> SystemView<Shared> {
        let bundle: Bundle = self.wired.ask(self.f.sign(query)).await.expect("an answer");
        self.say("bundle", format!("{bundle:?}"));
        let view = self.f.check(bundle, query).expect("verifies");
        let (answer, width) = (view.answer(), Width::default());
        let shown = [
            ("table", present::table::answer(answer, width, Glyphs::Unicode)),
            ("figures", present::table::figures(answer, width, Glyphs::Unicode)),
            ("coverage", present::table::coverage(answer, width, Glyphs::Unicode)),
            ("chart", present::chart::bars(answer, width, Glyphs::Unicode)),
            ("CSV", present::csv::answer(answer).expect("CSV")),
            ("JSON", present::json::to_string_pretty(answer)),
        ];
        for (what, text) in shown {
            self.say(what, text);
        }
        view
    }

    /// Asks without the tool, so that what arrives is recorded as it is.
    async fn ask_raw(&mut self, query: &Query) {
        let mut client = tonic::client::Grpc::new(self.wired.channel.clone());
        client.ready().await.expect("ready");
        let path = PathAndQuery::from_static(ASK_PATH);
        let request = tonic::Request::new(ask_message(self.f.sign(query)));
        let response = client.server_streaming(request, path, Raw).await.expect("a stream");
        self.tape.heard(response.metadata(), None);
        let mut events = response.into_inner();
        while let Some(message) = events.message().await.expect("an event") {
            self.tape.heard(&tonic::metadata::MetadataMap::new(), Some(&message));
        }
        if let Some(trailers) = events.trailers().await.expect("trailers") {
            self.tape.heard(&trailers, None);
        }
    }

    /// Asks what is refused, and keeps what is said of it.
    async fn ask_badly(&mut self) {
        let mut late = self.f.query(&ALL);
        late.expires = NOW;
        let mut forged = self.f.sign(&self.f.query(&ALL));
        forged.signature[9] ^= 1;
        let mut unknown = self.f.query(&ALL);
        unknown.questions[0].period = "2026-09".parse().expect("a period");
        for envelope in [self.f.sign(&late), forged] {
            let status = self.wired.refused(envelope.clone()).await;
            self.tape.heard(status.metadata(), None);
            self.say("status", format!("{status:?}"));
            for node in [0, 1] {
                let told = self.nodes[node].ask(&self.f.caller(), &envelope).await;
                let told = told.map(|it| format!("{:?}", it.parts())).map_err(|it| it.to_string());
                self.say("a node's refusal", format!("{told:?}"));
            }
        }
        let fault = self.wired.ask(self.f.sign(&unknown)).await;
        self.say("fault", format!("{fault:?}"));
    }

    /// Breaks the canary's extract, so that the node fails in the middle of a question.
    async fn break_extract(&mut self) {
        let file = files(&self.nodes[0].state).into_iter().find(|f| ends(f, "arrow"));
        let file = file.expect("an extract");
        let mut bytes = fs::read(&file).expect("readable");
        let good = bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).expect("written");
        // The open extract is in the node's hands: another node reads it anew.
        self.nodes[0].store.close().await;
        let node = self.f.node(COUNCIL).await;
        let query = self.by("tfc.group", &ALONE);
        let fault = node.ask(&self.f.caller(), &self.f.sign(&query)).await.expect_err("broken");
        self.say("a broken node", format!("{fault:?} {fault}"));
        fs::write(&file, good).expect("written");
        self.nodes[0] = node;
    }

    /// The audit logs, entry by entry, as people and programs are shown them.
    async fn audit(&mut self) {
        let states = [self.nodes[0].state.clone(), self.nodes[1].state.clone()];
        for state in states.into_iter().chain([self.wired.coordinator.state.clone()]) {
            let (bytes, listed): (Vec<_>, Vec<_>) = entries(&state).await.into_iter().unzip();
            for entry in bytes {
                self.say("entry", String::from_utf8(entry).expect("text"));
            }
            for entry in &listed {
                self.say("sentence", present::sentence::sentence(entry));
            }
            self.say("listing", present::sentence::listing(&listed).to_string());
            self.say("listing CSV", present::sentence::listing_csv(&listed).expect("CSV"));
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path())
        {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn ends(path: &Path, with: &str) -> bool {
    path.extension().is_some_and(|extension| extension == with)
}

/// What was found anywhere, with where.
fn found_in(scene: &Scene<'_>, markers: &Markers) -> Vec<String> {
    let mut found = Vec::new();
    let mut see = |what: &str, hit: Option<String>| {
        found.extend(hit.map(|hit| format!("{what}: {hit}")));
    };
    for (what, text) in &scene.said {
        // Documents hold payloads and signatures in base64.
        let document = matches!(*what, "entry" | "JSON");
        let hit =
            if document { markers.in_document(text.as_bytes()) } else { markers.in_text(text) };
        see(what, hit);
    }
    for line in scene.tape.lines() {
        see("metadata", markers.in_text(&line));
    }
    for heard in scene.tape.messages() {
        see("message", markers.in_call(&heard.path, heard.back, &heard.message));
    }
    found
}

/// What was found in the files of a state folder, by the rule for each.
fn found_in_files(state: &Path, markers: &Markers) -> Vec<String> {
    let all = files(state);
    assert!(all.iter().any(|file| ends(file, "db")), "no database in {}", state.display());
    let rule = |file: &Path| {
        let mut rule = markers.clone();
        if ends(file, "arrow") {
            // It holds rows, and a category for the provider. A count is no part of it.
            rule.counts.clear();
            rule.labels.retain(|label| label != PROVIDER);
        }
        if ends(file, "lock") {
            // The number of the process, which is any.
            rule.counts.clear();
        }
        if file.ends_with("quality.json") {
            // It says how many rows of which provider have no known sex, to the partner's own people.
            rule.counts.clear();
            rule.labels.retain(|label| label != PROVIDER);
        }
        rule
    };
    let look = |file: &PathBuf| {
        let (rule, bytes) = (rule(file), fs::read(file).expect("readable"));
        let labels = Markers { counts: Vec::new(), ..rule.clone() };
        let text = std::str::from_utf8(&bytes);
        // Bytes of no form, pages of a database that nothing refers to among them, are searched for labels.
        let hit = match text {
            _ if bytes.starts_with(b"SQLite format 3\0") => rule.in_database(file),
            Ok(text) if ends(file, "json") => rule.in_document(text.as_bytes()),
            Ok(text) => rule.in_text(text),
            Err(_) => None,
        };
        let hit = hit.or_else(|| labels.in_text(&String::from_utf8_lossy(&bytes)))?;
        Some(format!("{}: {hit}", file.display()))
    };
    all.iter().filter_map(look).collect()
}

#[test]
fn no_marker_of_the_canary_is_in_anything_that_leaves() {
    let f = Federation::new();
    let captured = Captured::default();
    let seen = panics::said().len();
    let markers = watched(&captured, async {
        // The intake logs too.
        let (extract, markers) = canary(false);
        let mut scene = Scene::new(&f, &extract).await;
        let levels = ["sex", "imd.quintile", "ethnicity.group"];
        let mut answered = 0;
        for (id, targets) in levels.into_iter().flat_map(|id| [(id, &ALL[..]), (id, &ALONE)]) {
            let query = scene.by(id, targets);
            let view = scene.ask(&query).await;
            let lines = &view.answer().coverage;
            // A partner may withhold a table.
            let decided = [CoverageStatus::Answered, CoverageStatus::Refused];
            answered += lines.iter().filter(|l| l.status == CoverageStatus::Answered).count();
            assert!(lines.iter().all(|l| decided.contains(&l.status)));
            scene.ask_raw(&query).await;
        }
        assert!(answered >= 4, "{answered}");
        scene.ask_badly().await;
        scene.break_extract().await;
        scene.audit().await;
        assert_eq!(found_in(&scene, &markers), Vec::<String>::new());
        assert!(scene.said.len() > 60 && scene.tape.messages().len() > 20, "little was recorded");
        scene.nodes[0].store.close().await;
        scene.wired.coordinator.store.close().await;
        markers
    });
    let named = |name: &str| {
        let all = files(&f.dir.path().join(COUNCIL));
        all.iter().any(|file| file.to_string_lossy().contains(name))
    };
    assert!(["reject", "quality", "manifest", ".arrow", "evensum.db"].into_iter().all(named));
    for folder in [COUNCIL, COORDINATOR] {
        let hits = found_in_files(&f.dir.path().join(folder), &markers);
        assert_eq!(hits, Vec::<String>::new());
    }
    for line in captured.lines() {
        assert_eq!(markers.in_text(&line), None, "{line}");
    }
    let others = |text: &&String| !text.contains("tests/it/hostile/canary.rs");
    for text in panics::said()[seen..].iter().filter(others) {
        assert_eq!(markers.in_text(text), None, "{text}");
    }
}

/// The control: where the same rows are those of a crowd, nothing is dominated, the cells are shown, and the
/// search finds their rounded counts at every place where the canary's would have been.
#[test]
fn the_canary_is_found_where_the_rule_does_not_hide_it() {
    let f = Federation::new();
    let (extract, _) = canary(true);
    // What people are shown is the bounds around a rounded count.
    let markers = Markers { counts: [ROUNDED, [8_627, 7_922]].concat(), labels: Vec::new() };
    watched(&Captured::default(), async {
        let mut scene = Scene::new(&f, &extract).await;
        let query = scene.by("sex", &ALONE);
        scene.ask(&query).await;
        scene.ask_raw(&query).await;
        let found = found_in(&scene, &markers);
        for place in ["table", "CSV", "JSON", "message"] {
            assert!(found.iter().any(|hit| hit.starts_with(place)), "not in {place}: {found:?}");
        }
        scene.nodes[0].store.close().await;
    });
    let found = found_in_files(&f.dir.path().join(COUNCIL), &markers);
    assert!(found.iter().any(|hit| hit.contains("evensum.db")), "{found:?}");
}

/// The control: the table as it was counted, and the rows, are found wherever they are written out.
#[test]
fn the_canary_is_found_where_the_raw_table_is_written_out() {
    let (mut extract, markers) = canary(false);
    let rows = String::from_utf8(extract.csv.clone()).expect("text");
    for label in &markers.labels {
        let one = Markers { counts: Vec::new(), labels: vec![label.clone()] };
        assert!(one.in_text(&rows).is_some(), "{label} is in no row");
    }
    let readable: Vec<&str> = rows.lines().filter(|row| !row.contains(BAD_DATE)).collect();
    extract.csv = readable.join("\n").into_bytes();
    let table = extract.by_sex();
    let counts: Vec<u64> = table.values().map(|cell| cell.events).collect();
    for count in COUNTS {
        assert!(counts.contains(&count), "{count} is no cell: {counts:?}");
        assert!(table.values().any(|cell| cell.events == count && cell.shown().is_none()));
    }
    assert!(markers.in_text(&format!("{table:?}")).is_some());
    let captured = Captured::default();
    watched(&captured, async { tracing::trace!(?counts, "a careless line") });
    assert!(captured.lines().iter().any(|line| markers.in_text(line).is_some()));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("careless.db"), format!("{counts:?}")).expect("written");
    assert!(!found_in_files(folder.path(), &markers).is_empty());
    // A partner that says it in a status, and one that sends it.
    let status = tonic::Status::internal("8,623 rows of CANARYPERSONA");
    assert!(markers.in_text(&format!("{status:?}")).is_some());
    let said = RefusalCode::NoData.says();
    assert_eq!(markers.in_text(said), None);
}
