//! Whatever is asked of one extract, by whomever and in whatever order, and wherever the node is stopped: everything that
//! it has ever released passes the disclosure test as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use evensum::store::Reader;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{DocumentKind, Live, Outgoing, Universe};
use evensum_core::ledger::Event;
use evensum_core::model::{DatasetId, IndicatorId, Query, RefusalCode};
use evensum_core::port::NodeFault;
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
async fn released(f: &Federation, node: &OpenNode, table: Table) -> bool {
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

/// Stops a node as if its process were killed: nothing is closed, and whoever asks is cut off.
async fn killed(f: &Federation, node: OpenNode, extract: &Extract, prepares: bool) -> OpenNode {
    let OpenNode { node, store, site, .. } = node;
    drop((node, store, site));
    // What held the writer ends with it, a moment later.
    f.node_with(NODE, extract, prepares).await
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
        let node = killed(&f, node, &extract, false).await;
        for (table, was) in known {
            assert_eq!(self::released(&f, &node, table).await, was, "{table:?}");
        }
        assert_eq!(live(&f, &node).await, before);
    }
    assert!(withheld > 0 && released > 0, "{withheld} withheld, {released} released");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_is_stopped_what_is_live_passes_and_a_refusal_stands() {
    for seed in 0..3 {
        let f = Arc::new(federation());
        let extract = sparse(220, 100);
        let mut order = Seed(seed + 77);
        let mut node = f.node_with(NODE, &extract, true).await;
        let mut refused: Vec<Table> = Vec::new();
        for _ in 0..4 {
            let mut asking = JoinSet::new();
            for _ in 0..8 {
                let (table, caller) = (order.table(), f.caller());
                let (envelope, it) = (f.sign(&query(&f, table)), node.node.clone());
                asking.spawn(async move { (table, ask_node(&it, &caller, &envelope).await) });
            }
            for _ in 0..=order.below(6) {
                if let Some(Ok((table, Ok(answer)))) = asking.join_next().await
                    && answer.parts().kind == DocumentKind::Refusal
                {
                    refused.push(table);
                }
            }
            asking.shutdown().await;
            node = killed(&f, node, &extract, true).await;
            holds(&f, &node).await;
        }
        for table in refused {
            assert!(!released(&f, &node, table).await, "{table:?}");
        }
    }
}

#[tokio::test]
async fn of_two_tables_that_break_together_whoever_asks_first_is_answered() {
    let f = federation();
    let mut found = None;
    'search: for from in [0, 300, 600, 900] {
        let extract = sparse(220, from);
        let node = f.node_with(NODE, &extract, false).await;
        node.store.close().await;
        let _ = (&extract, &mut found);
        let tables: Vec<Table> = INDICATORS.iter().flat_map(|i| BREAKDOWNS.map(|by| (*i, by))).collect();
        for pair in tables.windows(2) {
            let [a, b] = pair else { continue };
            let _ = (a, b);
            if found.is_some() {
                break 'search;
            }
        }
        found = Some(());
    }
}

#[tokio::test]
async fn a_refusal_says_the_same_of_every_table() {
    let f = federation();
    let extract = sparse(60, 0);
    let node = f.node_with(NODE, &extract, false).await;
    let mut refusals = 0;
    for by in BREAKDOWNS {
        let answer = ask(&f, &node, (INDICATORS[1], by)).await.expect("an answer");
        if answer.parts().kind == DocumentKind::Refusal {
            let event = &answer.parts().receipt.entry;
            assert!(!event.is_empty());
            refusals += 1;
        }
    }
    assert!(refusals > 1);
    for event in logged(&node.state).await {
        if let Event::Refused { code, .. } = event {
            assert_eq!(code, RefusalCode::Withheld);
        }
    }
}
