//! Whatever is asked of one extract, by whomever and in whatever order, and wherever the node is stopped: everything that
//! it has ever released passes the disclosure test as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evensum::intake::published_root;
use evensum::node::{Prepared, Progress};
use evensum::snapshot::Manifest;
use evensum::store::Reader;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{DocumentKind, Live, Outgoing, Universe};
use evensum_core::ledger::Event;
use evensum_core::model::{DatasetId, IndicatorId, Profile, Query, RefusalCode, SnapshotVersion};
use evensum_core::port::NodeFault;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::extracts::{DATASET, Extract, PERIOD, extract_of};
use super::fixture::{Federation, OpenNode, ask_node, level, logged};

const NODE: &str = "ZZ1";
const CLIENTS: usize = 20;
/// Questions of each client.
const EACH: usize = 3;

/// What may be asked.
const BREAKDOWNS: [&[&str]; 10] = [
    &["imd.decile"],
    &["imd.quintile"],
    &["ethnicity.code"],
    &["ethnicity.group"],
    &["sex"],
    &["age.band"],
    &["imd.quintile", "sex"],
    &["imd.core20", "ethnicity.group"],
    &["ethnicity.group", "sex"],
    &["imd.quintile", "age.band"],
];
const INDICATORS: [&str; 2] = ["rtt_over_52_weeks", "rtt_over_65_weeks"];

/// A table, as indicator and breakdown.
type Table = (&'static str, &'static [&'static str]);

/// A generator that gives the same numbers everywhere.
struct Seed(u64);

impl Seed {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("small") % most
    }

    fn table(&mut self) -> Table {
        (INDICATORS[self.below(INDICATORS.len())], BREAKDOWNS[self.below(BREAKDOWNS.len())])
    }
}

/// Some of the rows of an invented extract, so few that many counts are small.
fn sparse(rows: usize, from: usize) -> Extract {
    let some = |csv: Vec<u8>| {
        let text = String::from_utf8(csv).expect("text");
        let (header, rest) = text.split_once('\n').expect("a header");
        let lines = rest.lines().skip(from).take(rows).collect::<Vec<_>>().join("\n");
        format!("{header}\n{lines}\n").into_bytes()
    };
    extract_of(NODE, some, "")
}

fn federation() -> Federation {
    let mut f = Federation::new();
    f.agreement.max_dimensions = 2;
    f.agreement.dimensions.push(level("age"));
    f
}

fn query(f: &Federation, (indicator, by): Table) -> Query {
    let mut query = f.query(&[NODE]);
    let indicator = IndicatorId::new(indicator).expect("an id");
    let question = &mut query.questions[0];
    question.definition_hash = f.catalogue.definition_hash(&indicator).expect("a hash");
    question.indicator = indicator;
    question.by = by.iter().map(|id| level(id)).collect();
    query
}

async fn ask(f: &Federation, node: &OpenNode, table: Table) -> Result<Outgoing, NodeFault> {
    node.ask(&f.caller(), &f.sign(&query(f, table))).await
}

/// Whether a table was released.
async fn is_released(f: &Federation, node: &OpenNode, table: Table) -> bool {
    let answer = ask(f, node, table).await.expect("an answer");
    answer.parts().kind == DocumentKind::Release
}

fn universe(f: &Federation) -> Universe {
    let dataset = f.catalogue.dataset(&DatasetId::new(DATASET).expect("an id"));
    Universe::of(dataset.expect("a dataset"), PERIOD.parse().expect("a period"))
}

async fn live(f: &Federation, node: &OpenNode) -> Vec<Vec<u8>> {
    node.store.live(&universe(f)).await.expect("what is live")
}

/// That the state is sound, and that what is live passes.
async fn holds(f: &Federation, node: &OpenNode) {
    let stored = live(f, node).await;
    let all = Live::new(&f.catalogue, &stored).expect("live");
    assert!(all.passes(&Limits::RELEASE).expect("tested"), "{} tables do not pass", stored.len());
    let key = f.keys[NODE].ledger.verifying_key();
    let reader = Reader::open(&node.state).await.expect("opens");
    let verdict = reader.verify(node.store.origin(), &key).await.expect("reads");
    assert_eq!(verdict.problems, []);
}

/// Many clients ask, each in an order of its own. Gives what became of each table.
async fn clients(f: &Arc<Federation>, node: &OpenNode, seed: u64) -> BTreeMap<Table, bool> {
    let mut asking = JoinSet::new();
    for client in 0..CLIENTS {
        let (f, node) = (Arc::clone(f), node.node.clone());
        let mut order = Seed(seed * 1_000 + client as u64);
        asking.spawn(async move {
            let mut said = Vec::new();
            for _ in 0..EACH {
                let table = order.table();
                let envelope = f.sign(&query(&f, table));
                let answer = ask_node(&node, &f.caller(), &envelope).await.expect("an answer");
                said.push((table, answer.parts().kind == DocumentKind::Release));
            }
            said
        });
    }
    let mut known = BTreeMap::new();
    for (table, released) in asking.join_all().await.into_iter().flatten() {
        let before = known.insert(table, released);
        assert!(before.is_none_or(|before| before == released), "{table:?} was decided twice");
    }
    known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_twenty_clients_ask_in_whatever_order_what_is_live_passes() {
    let (mut withheld, mut released) = (0, 0);
    for seed in 0..3 {
        let f = Arc::new(federation());
        let extract = sparse(220, 100 * usize::try_from(seed).expect("small"));
        let node = f.node_with(NODE, &extract, false).await;
        let known = clients(&f, &node, seed).await;
        holds(&f, &node).await;
        withheld += known.values().filter(|released| !**released).count();
        released += known.values().filter(|released| **released).count();
        // The same after a restart, and the same bytes.
        let before = live(&f, &node).await;
        node.store.close().await;
        drop(node);
        let node = f.node_with(NODE, &extract, false).await;
        for (table, was) in known {
            assert_eq!(is_released(&f, &node, table).await, was, "{table:?}");
        }
        assert_eq!(live(&f, &node).await, before);
    }
    assert!(withheld > 0 && released > 0, "{withheld} withheld, {released} released");
}

/// Some life of a node, which ends like a process that is killed: whatever is in the air is dropped where it is.
fn until_killed<T>(life: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
    let lived = runtime.block_on(life);
    runtime.shutdown_timeout(Duration::from_secs(20));
    lived
}

#[test]
fn wherever_it_is_stopped_what_is_live_passes_and_a_refusal_stands() {
    for seed in 0..2 {
        let f = Arc::new(federation());
        let extract = sparse(220, 100);
        let mut order = Seed(seed + 77);
        let mut refused: Vec<Table> = Vec::new();
        for life in 0..4 {
            until_killed(async {
                let node = f.node_with(NODE, &extract, true).await;
                holds(&f, &node).await;
                let mut asking = JoinSet::new();
                for _ in 0..8 {
                    let (table, caller) = (order.table(), f.caller());
                    let (envelope, it) = (f.sign(&query(&f, table)), node.node.clone());
                    asking.spawn(async move { (table, ask_node(&it, &caller, &envelope).await) });
                }
                // In its first lives it is stopped while it decides what agreements name.
                if life < 2 {
                    let moment = Duration::from_millis(40 + 20 * order.below(20) as u64);
                    tokio::time::sleep(moment).await;
                    return;
                }
                for _ in 0..=order.below(6) {
                    if let Some(Ok((table, Ok(answer)))) = asking.join_next().await
                        && answer.parts().kind == DocumentKind::Refusal
                    {
                        refused.push(table);
                    }
                }
            });
        }
        until_killed(async {
            let node = f.node_with(NODE, &extract, true).await;
            holds(&f, &node).await;
            for table in refused {
                assert!(!is_released(&f, &node, table).await, "{table:?}");
            }
        });
    }
}

/// Zeros are shown, so that much breaks.
fn weaker() -> Federation {
    let mut f = federation();
    f.agreement.profile = Profile::Nhs75;
    f
}

/// What the node of a new state releases of these tables, asked in this order.
async fn released_in_order(f: &Federation, extract: &Extract, tables: &[Table]) -> Vec<bool> {
    let (_dir, node) = fresh(f, extract).await;
    let mut released = Vec::new();
    for table in tables {
        released.push(is_released(f, &node, *table).await);
    }
    holds(f, &node).await;
    released
}

#[tokio::test]
async fn whoever_asks_first_is_answered_where_tables_break_together() {
    let f = weaker();
    let tables: Vec<Table> =
        INDICATORS.iter().flat_map(|i| BREAKDOWNS[..6].iter().map(|by| (*i, *by))).collect();
    for (rows, from) in (0..16).map(|n| (40 + 20 * n, 70 * n)) {
        let extract = sparse(rows, from);
        let released = released_in_order(&f, &extract, &tables).await;
        let of = |wanted: bool| tables.iter().zip(&released).filter(move |(_, r)| **r == wanted);
        for (last, _) in of(false) {
            // Withheld for what is live, or whatever is?
            if !released_in_order(&f, &extract, &[*last]).await[0] {
                continue;
            }
            // Asked before all that were released it is released, and then not all of those are.
            let turned: Vec<Table> =
                std::iter::once(*last).chain(of(true).map(|(table, _)| *table)).collect();
            let again = released_in_order(&f, &extract, &turned).await;
            assert!(again[0], "{last:?}");
            assert!(again.contains(&false), "{turned:?} pass together");
            return;
        }
    }
    panic!("no tables break only together");
}

/// A node of the same partner with a state of its own.
async fn fresh(f: &Federation, extract: &Extract) -> (tempfile::TempDir, OpenNode) {
    let dir = tempfile::tempdir().expect("a folder");
    let node = f.node_in(dir.path(), NODE, extract, false).await;
    (dir, node)
}

#[tokio::test]
async fn a_refusal_says_the_same_of_every_table() {
    let f = weaker();
    let (mut refused, mut said) = (0, Vec::new());
    for n in 0..8 {
        let (_dir, node) = fresh(&f, &sparse(60 + 40 * n, 140 * n)).await;
        for (indicator, by) in INDICATORS.iter().flat_map(|i| BREAKDOWNS.map(|by| (*i, by))) {
            refused += usize::from(!is_released(&f, &node, (indicator, by)).await);
        }
        said.extend(logged(&node.state).await.into_iter().filter_map(|event| match event {
            Event::Refused { code, .. } => Some(code),
            _ => None,
        }));
    }
    assert!(refused > 1);
    assert_eq!(said, vec![RefusalCode::Withheld; refused]);
}

/// What was decided, in its order, up to the end of the preparation.
async fn decided(node: &OpenNode) -> (Vec<Event>, usize) {
    let mut log = logged(&node.state).await;
    let end = log.iter().position(|event| matches!(event, Event::Prepared { .. }));
    let rest = log.split_off(end.expect("prepared"));
    (log, rest.len() - 1)
}

#[tokio::test]
async fn the_tables_that_the_law_demands_are_decided_before_any_question() {
    let f = federation();
    let extract = sparse(400, 0);
    let node = f.node_with(NODE, &extract, true).await;
    node.site.prepare_due(|_, _| {}).await.expect("prepares");
    let (alone, after) = decided(&node).await;
    assert_eq!(after, 0);
    let released = alone.iter().filter(|e| matches!(e, Event::Published { .. })).count();
    let withheld = alone.iter().filter(|e| matches!(e, Event::Withheld { .. })).count();
    assert!(released > 0 && withheld > 0 && released + withheld == alone.len(), "{alone:?}");
    holds(&f, &node).await;
    // Somebody who asks at once for a table of his own waits, and changes nothing of it.
    let dir = tempfile::tempdir().expect("a folder");
    let asked = f.node_in(dir.path(), NODE, &extract, true).await;
    let own: Table = (INDICATORS[0], &["ethnicity.group", "sex"]);
    let _ = is_released(&f, &asked, own).await;
    let (beside, after) = decided(&asked).await;
    assert_eq!(beside, alone);
    assert!(after >= 2, "and then the question");
    // Asking for a table that is decided gives what was decided.
    for event in alone {
        if let Event::Withheld { indicator, by, .. } = event {
            let question = |q: &mut Query| {
                q.questions[0].definition_hash =
                    f.catalogue.definition_hash(&indicator).expect("a hash");
                q.questions[0].indicator = indicator.clone();
                q.questions[0].by = by.clone();
            };
            let mut query = f.query(&[NODE]);
            question(&mut query);
            let answer = asked.ask(&f.caller(), &f.sign(&query)).await.expect("an answer");
            assert_eq!(answer.parts().kind, DocumentKind::Refusal, "{by:?}");
        }
    }
    holds(&f, &asked).await;
}

#[test]
fn a_preparation_that_is_stopped_goes_on_where_it_was() {
    let f = federation();
    let extract = sparse(400, 0);
    let whole = until_killed(async {
        let dir = tempfile::tempdir().expect("a folder");
        let node = f.node_in(dir.path(), NODE, &extract, true).await;
        node.site.prepare_due(|_, _| {}).await.expect("prepares");
        live(&f, &node).await
    });
    let dir = tempfile::tempdir().expect("a folder");
    until_killed(async {
        let node = f.node_in(dir.path(), NODE, &extract, true).await;
        let reached = Notify::new();
        let told = |_: &Manifest, progress: Progress| {
            if progress.done > 0 {
                reached.notify_one();
            }
        };
        tokio::select! {
            done = node.site.prepare_due(told) => panic!("{done:?}"),
            () = reached.notified() => {}
        }
        holds(&f, &node).await;
    });
    until_killed(async {
        let node = f.node_in(dir.path(), NODE, &extract, true).await;
        let before = live(&f, &node).await;
        assert!(!before.is_empty() && before.len() < whole.len());
        let done = node.site.prepare_due(|_, _| {}).await.expect("prepares");
        assert_eq!(live(&f, &node).await, whole);
        assert_eq!(done.len(), 1);
        let released = usize::try_from(done[0].released).expect("small");
        assert_eq!(released, whole.len(), "those of earlier runs are counted");
        assert_eq!(node.site.prepare_due(|_, _| {}).await.expect("nothing is left"), []);
        holds(&f, &node).await;
    });
}

/// Publishes what is published once more, with the same rows and as final.
fn publish_as_final(state: &Path) {
    let home = published_root(state).join(DATASET).join(PERIOD);
    let (first, last) = (home.join("1-provisional"), home.join("2-final"));
    fs::create_dir(&last).expect("a folder");
    for file in fs::read_dir(&first).expect("a folder") {
        let file = file.expect("a file").path();
        fs::copy(&file, last.join(file.file_name().expect("a name"))).expect("copied");
    }
    let mut manifest = Manifest::read(&last).expect("a manifest");
    manifest.version = Some(SnapshotVersion::Final);
    manifest.write(&last).expect("written");
}

#[tokio::test]
async fn the_same_rows_are_prepared_for_each_of_their_standings() {
    let f = federation();
    let node = f.node_with(NODE, &sparse(400, 0), true).await;
    let mut prepared = node.site.prepare_due(|_, _| {}).await.expect("prepares");
    publish_as_final(&node.state);
    prepared.extend(node.site.prepare_due(|_, _| {}).await.expect("prepares"));
    let [first, last] = prepared.as_slice() else { panic!("{prepared:?}") };
    let standings = (first.snapshot.version, last.snapshot.version);
    assert_eq!(standings, (SnapshotVersion::Provisional, SnapshotVersion::Final));
    assert_eq!(first.snapshot.id, last.snapshot.id);
    assert!(first.released > 0 && last.released > 0, "{prepared:?}");
    let tables = |one: &Prepared| one.released + one.withheld;
    assert_eq!(tables(first), tables(last));
    assert_eq!(node.site.prepare_due(|_, _| {}).await.expect("nothing is left"), []);
    let live = live(&f, &node).await;
    assert_eq!(live.len(), usize::try_from(first.released + last.released).expect("small"));
    holds(&f, &node).await;
}

#[tokio::test]
async fn what_is_frozen_is_answered_although_the_rest_cannot_be_prepared() {
    let f = federation();
    let extract = sparse(400, 0);
    let (own, other): (Table, Table) = ((INDICATORS[0], &["sex"]), (INDICATORS[1], &["sex"]));
    let node = f.node_with(NODE, &extract, false).await;
    assert!(is_released(&f, &node, own).await);
    node.store.close().await;
    drop(node);
    let node = f.node_with(NODE, &extract, true).await;
    let rows = published_root(&node.state).join(DATASET).join(PERIOD).join("1-provisional");
    let rows = rows.join(format!("{DATASET}-{PERIOD}.arrow"));
    assert!(rows.exists());
    fs::write(rows, "damaged").expect("written");
    node.site.prepare_due(|_, _| {}).await.expect_err("the rows cannot be read");
    assert!(is_released(&f, &node, own).await);
    assert_eq!(ask(&f, &node, other).await.map(drop), Err(NodeFault::Internal));
}
