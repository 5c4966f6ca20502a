//! Partners' own tables beside the blind sum, at the coordinator that shows both: what both together would say is in
//! neither, whichever comes first, and the audit log says how that was tested.

use std::collections::{HashSet, VecDeque};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use evensum::coordinator::SumParts;
use evensum::store::{LiveRow, Reader, Vault};
use evensum::synth::HOME_ICB;
use evensum::trust::write_private;
use evensum_core::authz::{Permit, Publication, Standing};
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{Pooled, Protected, System, Universe, protect_pooled};
use evensum_core::ledger::{Event, PoolStep, RoundRef};
use evensum_core::model::{
    DatasetId, Digest, ImdEdition, Ods, PoolKind, Population, RawCell, RefusalCode, SnapshotRef,
    SnapshotVersion, Table,
};
use evensum_core::plan::Plan;
use evensum_core::pool::{Enclosed, Round, RoundDocument, SealKey};
use evensum_core::port::{
    AnalystPort, AskFault, HelperDirectory, HelperPort, PoolDirectory, PoolNodePort,
};
use evensum_core::view::CoverageStatus;
use tokio::time::timeout;

use super::extracts::{DATASET, Extract, PERIOD, extract_of};
use super::fixture::{
    COORDINATOR, DEADLINE, Directory, Federation, HOLDERS, OpenCoordinator, OpenNode, copy, honest,
    kinds, logged, nobody, one,
};
use crate::pki::{NOW, ods};

/// Of so many women in each of the partners' extracts the last one's are hidden, and the sum is shown as 15.
const TIGHT: [usize; 3] = [8, 8, 0];
/// And here the last may have any number that is hidden.
const WIDE: [usize; 3] = [20, 20, 3];

/// Invented rows of residents: 400 men, of whom 100 wait long, and 390 women, of whom so many do.
fn women(code: &str, count: usize) -> Extract {
    let change = |csv: Vec<u8>| {
        let mut rows = csv::Reader::from_reader(csv.as_slice());
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(rows.headers().expect("a header")).expect("written");
        let mut seen = HashSet::new();
        for row in rows.records().map(|row| row.expect("a row")) {
            let place = seen.len();
            if &row[8] != HOME_ICB || place == 790 || !seen.insert(row[0].to_owned()) {
                continue;
            }
            let (sex, long) =
                if place < 400 { ("1", place < 100) } else { ("2", place < 400 + count) };
            let start = if long { "2025-05-01" } else { "2026-09-01" };
            let changed = row.iter().enumerate().map(|(i, old)| match i {
                1 => start,
                5 => sex,
                _ => old,
            });
            out.write_record(changed).expect("written");
        }
        assert_eq!(seen.len(), 790, "enough people");
        out.into_inner().expect("written")
    };
    extract_of(code, change, "")
}

fn universe(f: &Federation) -> Universe {
    let dataset = f.catalogue.dataset(&DatasetId::new(DATASET).expect("an id"));
    Universe::of(dataset.expect("a dataset"), PERIOD.parse().expect("a period"))
}

/// A federation whose agreement has a blind sum, its partners with so many women who wait long, and its coordinator.
struct Scene {
    f: Federation,
    extracts: Vec<Extract>,
    nodes: Vec<OpenNode>,
    coordinator: OpenCoordinator,
}

impl Scene {
    async fn new(women_waiting: [usize; 3], pool: Option<PoolKind>) -> Self {
        let mut f = Federation::new();
        f.agreement.pool = pool;
        let (mut extracts, mut nodes) = (Vec::new(), Vec::new());
        for (code, count) in HOLDERS.into_iter().zip(women_waiting) {
            let extract = women(code, count);
            nodes.push(f.node_with(code, &extract, false).await);
            extracts.push(extract);
        }
        let partners = HOLDERS.into_iter().zip(nodes.iter().map(honest));
        let coordinator = f.coordinator(Directory::new(partners)).await;
        Self { f, extracts, nodes, coordinator }
    }

    /// The sum over the partners by sex, put together from the text of their extracts.
    fn sum(&self) -> Protected {
        let question = self.f.query(&HOLDERS).questions.remove(0);
        let (agreement, catalogue) = (&self.f.agreement, &self.f.catalogue);
        let standing = Standing { agreement, catalogue, now: NOW };
        let permit = Permit::publication(standing, "13sa", question, agreement.profile);
        let plan = Plan::<Publication>::compile(&permit.expect("a permit"), catalogue);
        let plan = plan.expect("a plan");
        let lattice = Arc::clone(plan.layout().lattice());
        let counted: Vec<_> = self.extracts.iter().map(Extract::by_sex).collect();
        let [sexes, outcomes] = lattice.axes() else { panic!("by sex alone") };
        let mut cells = Vec::new();
        for sex in sexes.categories() {
            for outcome in outcomes.categories() {
                let outcome = if outcome.id.is_all() { "all" } else { "over52" };
                let own = counted.iter().filter_map(|cells| {
                    let found =
                        cells.iter().find(|((s, o), _)| *s == sex.id.as_str() && *o == outcome);
                    found.map(|(_, cell)| cell)
                });
                let (mut rows, mut people, mut top) = (0, 0, 0);
                for cell in own {
                    rows += cell.events;
                    people += cell.people().0;
                    top += cell.people().1;
                }
                cells.push(RawCell::new(rows, people, top));
            }
        }
        let members = HOLDERS.map(ods).to_vec();
        let pool = Pooled::new(members, Vec::new(), Digest::of(b"closing"), PoolKind::Deposit);
        let pool = pool.expect("a round");
        let of = SnapshotRef {
            id: pool.closing(),
            as_of: "2026-10-31".parse().expect("a date"),
            version: SnapshotVersion::Provisional,
            imd_edition: Some(ImdEdition::Imd2025),
        };
        let raw = Table::new(lattice, cells).expect("a table");
        protect_pooled(&plan, raw, &of, &ods(COORDINATOR), pool).expect("protected")
    }

    /// Decides the sum as the coordinator does when a round is closed; whether it is released.
    async fn decide(&self) -> bool {
        let universe = universe(&self.f);
        let stored = self.coordinator.store.live(&universe).await.expect("what is live");
        let system = System::new(&self.f.catalogue, stored).expect("a system");
        let mut tables = VecDeque::from([vec![self.sum()]]);
        let decision = system.advance(&mut tables, &Limits::RELEASE).expect("decided");
        self.coordinator.store.decide(&universe, &decision).await.expect("stored");
        !decision.released.is_empty()
    }

    /// Asks these partners for people by sex; who answered.
    async fn ask(&self, targets: &[&str]) -> Result<Vec<Ods>, AskFault> {
        let view = self.coordinator.ask(self.f.sign(&self.f.query(targets))).await?;
        let lines = view.answer().coverage.iter();
        let answered = lines.filter(|line| line.status == CoverageStatus::Answered);
        Ok(answered.map(|line| line.ods.clone()).collect())
    }

    /// What the log says from a place on, and how long it is.
    async fn log_from(&self, from: usize) -> (Vec<String>, usize) {
        let log = self.coordinator.log().await;
        (log[from..].to_vec(), log.len())
    }

    /// Everything that is live at the coordinator, by the partner or, of a sum, the coordinator.
    async fn live(&self) -> Vec<String> {
        let reader = Reader::open(&self.coordinator.state).await.expect("opens");
        let rows = reader.live(universe(&self.f).as_str()).await.expect("reads");
        let who = |row: LiveRow| match row.entry.event {
            Event::Shown { ods, .. } => ods.to_string(),
            Event::Published { .. } => COORDINATOR.to_owned(),
            other => panic!("{other:?}"),
        };
        rows.into_iter().map(who).collect()
    }

    /// Closes everything, and has the program check the coordinator's log and repeat the tests.
    async fn audited(self, tables: usize) {
        self.coordinator.store.close().await;
        for node in self.nodes {
            node.store.close().await;
        }
        let folder = self.f.dir.path();
        let key = copy(&self.f.keys[COORDINATOR].ledger).to_pem();
        write_private(&folder.join("ledger.pem"), key.as_bytes(), false).expect("written");
        let config = format!(
            "ods = \"{COORDINATOR}\"\nstate = \"{COORDINATOR}\"\nledger_key = \"ledger.pem\"\n\
             [[membership]]\nfederation = \"hostile.example\"\nagreements = []\nanswer_key = \"none\"\n\
             [membership.tls]\nca = \"none\"\ncertificate = \"none\"\nkey = \"none\"\n\
             [coordinator]\nnodes = \"127.0.0.1:0\"\nanalysts = \"127.0.0.1:0\"\n"
        );
        std::fs::write(folder.join("coordinator.toml"), config).expect("written");
        let ran = Command::new(env!("CARGO_BIN_EXE_evensum"))
            .args(["audit", "verify", "--retest", "--config"])
            .arg(folder.join("coordinator.toml"))
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
        let passed = format!("Its {tables} released tables pass the disclosure test again.");
        assert!(said.contains(&passed), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_partners_showed_first_the_sum_does_not_complete() {
    let scene = Scene::new(TIGHT, Some(PoolKind::Deposit)).await;
    assert_eq!(scene.ask(&HOLDERS).await.expect("an answer"), HOLDERS.map(ods));
    let shown = ["query_accepted", "shown", "shown", "shown", "answer_combined"];
    let (said, before) = scene.log_from(0).await;
    assert_eq!(said, shown);
    // The same tables again, for another query and for the same one, are live already.
    let again = scene.f.sign(&scene.f.query(&HOLDERS));
    for _ in 0..2 {
        scene.coordinator.ask(again.clone()).await.expect("an answer");
    }
    let (said, _) = scene.log_from(before).await;
    assert_eq!(said, ["query_accepted", "answer_combined"].repeat(2));
    assert!(!scene.decide().await, "the sum would say how few the last partner has");
    assert_eq!(scene.live().await, HOLDERS);
    scene.audited(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_the_sum_partners_do_not_show_what_would_complete_it() {
    let scene = Scene::new(TIGHT, Some(PoolKind::Deposit)).await;
    assert!(scene.decide().await, "by itself the sum is released");
    // One partner's table says nothing about the others.
    assert_eq!(scene.ask(&HOLDERS[..1]).await.expect("an answer"), [ods("ZZ1")]);
    let (_, before) = scene.log_from(0).await;
    let all = scene.f.sign(&scene.f.query(&HOLDERS));
    for _ in 0..2 {
        let refused = scene.coordinator.ask(all.clone()).await;
        assert!(matches!(refused, Err(AskFault::Denied(RefusalCode::BesideSum))), "{refused:?}");
    }
    let refused = scene.ask(&HOLDERS[1..]).await;
    assert!(matches!(refused, Err(AskFault::Denied(RefusalCode::BesideSum))), "{refused:?}");
    // Nothing of them was shown, and what was is answered as before.
    let (said, before) = scene.log_from(before).await;
    let refusal = ["query_accepted", "refused"];
    assert_eq!(said, [&refusal[..], &["replayed"], &refusal[..]].concat());
    assert_eq!(scene.ask(&HOLDERS[..1]).await.expect("an answer"), [ods("ZZ1")]);
    let (said, _) = scene.log_from(before).await;
    assert_eq!(said, ["query_accepted", "answer_combined"]);
    assert_eq!(scene.live().await, [COORDINATOR, "ZZ1"]);
    scene.audited(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_sum_that_leaves_enough_open_everybody_shows_theirs() {
    let scene = Scene::new(WIDE, Some(PoolKind::Deposit)).await;
    assert_eq!(scene.ask(&HOLDERS[..1]).await.expect("an answer"), [ods("ZZ1")]);
    assert!(scene.decide().await, "the sum passes beside the first");
    assert_eq!(scene.ask(&HOLDERS).await.expect("an answer"), HOLDERS.map(ods));
    assert_eq!(scene.live().await, ["ZZ1", COORDINATOR, "ZZ2", "ZZ3"]);
    scene.audited(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_an_agreement_without_a_sum_nothing_is_remembered() {
    let scene = Scene::new(TIGHT, None).await;
    assert!(scene.decide().await);
    let (_, before) = scene.log_from(0).await;
    assert_eq!(scene.ask(&HOLDERS).await.expect("an answer"), HOLDERS.map(ods));
    let (said, _) = scene.log_from(before).await;
    assert_eq!(said, ["query_accepted", "answer_combined"]);
    assert_eq!(scene.live().await, [COORDINATOR]);
    scene.audited(1).await;
}

/// Nobody is connected.
struct Nobody;

impl PoolDirectory for Nobody {
    fn member(&self, _: &Ods) -> Option<Arc<dyn PoolNodePort>> {
        None
    }
}

impl HelperDirectory for Nobody {
    fn helper(&self) -> Option<Arc<dyn HelperPort>> {
        None
    }
}

/// A coordinator that is bound to a round which is open until some moment.
async fn bound(f: &Federation, nodes: &[OpenNode]) -> (OpenCoordinator, RoundRef) {
    let answer = &f.keys[COORDINATOR].answer;
    let vault = Vault::new(&f.dir.path().join(COORDINATOR));
    let sums = SumParts {
        agreements: Vec::new(),
        seal_key: Arc::new(SealKey::generate().expect("a key")),
        answer_key: copy(answer),
        nodes: Arc::new(Nobody),
        helper: Some(Arc::new(Nobody)),
        vault: vault.clone(),
        wait: Duration::ZERO,
    };
    let partners = HOLDERS.into_iter().zip(nodes.iter().map(honest));
    let coordinator = f.coordinator_with(Directory::new(partners), Some(sums)).await;
    let dataset = DatasetId::new(DATASET).expect("an id");
    let population = Population::of(&f.agreement, &dataset, PERIOD.parse().expect("a period"));
    let round = Round {
        population: population.clone(),
        version: SnapshotVersion::Provisional,
        agreement: f.agreement.id.clone(),
        agreement_hash: f.agreement.hash().expect("a hash"),
        membership: Digest::of(b"list"),
        ready: Vec::new(),
        tables: Vec::new(),
        closes: NOW.plus(3_600),
    };
    let envelope = round.sign(&ods(COORDINATOR), answer).expect("signed");
    let enclosed = Enclosed::new(&ods(COORDINATOR), &envelope).to_bytes().expect("bytes");
    vault.put(envelope.payload_hash(), "round", &enclosed).expect("kept");
    let of = RoundRef {
        population,
        version: SnapshotVersion::Provisional,
        agreement: f.agreement.id.clone(),
        round: envelope.payload_hash(),
    };
    let (members, membership) = (HOLDERS.map(ods).to_vec(), Digest::of(b"list"));
    let step = PoolStep::Bound { of: of.clone(), members, membership };
    coordinator.store.step(step).await.expect("bound");
    (coordinator, of)
}

fn closed(of: &RoundRef) -> PoolStep {
    let (of, closing) = (of.clone(), Digest::of(b"closing"));
    PoolStep::Closed { of, closing, members: HOLDERS.map(ods).to_vec(), missing: Vec::new() }
}

async fn federation() -> (Federation, Vec<OpenNode>) {
    let mut f = Federation::new();
    f.agreement.pool = Some(PoolKind::Deposit);
    f.agreement.until = "2027-12-31".parse().expect("a date");
    let mut nodes = Vec::new();
    for code in HOLDERS {
        nodes.push(f.node(code).await);
    }
    (f, nodes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partners_tables_wait_for_a_round_that_is_bound() {
    let (f, nodes) = federation().await;
    let (coordinator, of) = bound(&f, &nodes).await;
    let not_ready = |ended: Result<_, AskFault>| {
        assert!(matches!(ended, Err(AskFault::Denied(RefusalCode::SumNotReady))));
    };
    // A question waits as long as it may, and no partner hears of it.
    let short = Duration::from_millis(300);
    let briefly = async |query| {
        one(coordinator.coordinator.ask(f.sign(&query), short, nobody()).await).await.map(drop)
    };
    not_ready(briefly(f.query(&HOLDERS)).await);
    // Of another period nothing is bound.
    let mut other = f.query(&HOLDERS);
    other.questions[0].period = "2026-09".parse().expect("a period");
    coordinator.ask(f.sign(&other)).await.expect("an answer without figures");
    let (closing, closes) = (Digest::of(b"closing"), closed(&of));
    coordinator.store.step(closes).await.expect("closed");
    not_ready(briefly(f.query(&HOLDERS)).await);
    let served = coordinator.coordinator.clone();
    let envelope = f.sign(&f.query(&HOLDERS));
    let mut asking =
        tokio::spawn(async move { one(served.ask(envelope, DEADLINE, nobody()).await).await });
    let tables = Vec::new();
    let opened = PoolStep::Opened { of: of.clone(), closing, tables, query: None };
    coordinator.store.step(opened).await.expect("opened");
    let waits = timeout(Duration::from_millis(200), &mut asking).await;
    assert!(waits.is_err(), "the tables are not decided yet");
    let returned = PoolStep::Returned { of, closing, releases: Vec::new(), passed: true };
    coordinator.store.step(returned).await.expect("returned");
    asking.await.expect("it ends").expect("an answer");
    let log = logged(&coordinator.state).await;
    let log: Vec<String> = kinds(&log).into_iter().filter(|kind| kind != "pool").collect();
    let answered = ["query_accepted", "shown", "shown", "shown", "answer_combined"];
    let without = ["refused", "query_accepted", "answer_combined", "refused"];
    assert_eq!(log, [&without[..], &answered[..]].concat());
    for node in nodes {
        let accepted = node.log().await.iter().filter(|kind| *kind == "query_accepted").count();
        assert_eq!(accepted, 2, "one of the other period, and the last: the others never came");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partners_tables_do_not_wait_for_a_round_that_comes_to_nothing() {
    let (f, nodes) = federation().await;
    let (coordinator, of) = bound(&f, &nodes).await;
    let asked_at = async |seconds| {
        let now = NOW.plus(seconds);
        f.clock.set(now);
        let mut query = f.query(&HOLDERS);
        (query.not_before, query.expires) = (now.plus(-60), now.plus(300));
        let short = Duration::from_secs(2);
        one(coordinator.coordinator.ask(f.sign(&query), short, nobody()).await).await
    };
    // An hour for contributions, and a day for the second server.
    let last = 3_600 + 24 * 3_600;
    let early = asked_at(last - 1).await;
    assert!(matches!(early, Err(AskFault::Denied(RefusalCode::SumNotReady))), "{early:?}");
    asked_at(last).await.expect("an answer");
    // Nor where the round was given up before.
    let vault = Vault::new(&f.dir.path().join(COORDINATOR));
    vault.put(of.round, "dead", b"1").expect("given up");
    asked_at(10).await.expect("an answer");
}
