//! The tables of the statutory pack, decided at every partner for a year of months: how long that takes, how many are
//! released, and by which rung.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, IndicatorId, Ods, Period, Profile};

use super::Setting;
use super::federation::Federation;
use super::load;
use super::measure::{Benchmark, Figure, Times, float, number};
use super::rows;
use crate::cli::demo::datasets::{DATASETS, Dataset};
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::{clock, terminal};
use crate::intake::{self, Input, LoadRequest, Mapping};
use crate::node::{Parts, Site};
use crate::reference::Reference;
use crate::store::{MAX_PAGE, Reader, Store};
use crate::synth::{Geography, Kind, PartnerProfile};

const PACK: &str = "13sa";
/// Months up to that of the other benchmarks.
const MONTHS: usize = 12;

/// What became of the tables by one breakdown.
#[derive(Debug, Default)]
struct Outcomes {
    released: usize,
    withheld: usize,
}

/// What was found at all partners.
#[derive(Debug, Default)]
struct Found {
    /// Each extract by itself.
    extracts: Times,
    all: Duration,
    by: BTreeMap<String, Outcomes>,
}

pub(super) async fn run(setting: &Setting<'_>) -> Result<Vec<Benchmark>, Failure> {
    let mut benchmarks = Vec::new();
    for nodes in setting.nodes {
        benchmarks.push(of_nodes(setting, *nodes).await?);
    }
    Ok(benchmarks)
}

async fn of_nodes(setting: &Setting<'_>, nodes: u16) -> Result<Benchmark, Failure> {
    let dir = tempfile::Builder::new().prefix("publication-").tempdir_in(setting.dir);
    let dir = dir.or_exit(Exit::Config)?;
    let federation = Federation::new(dir.path(), nodes)?;
    let geography = Geography::new(setting.seed);
    let reference = load::reference(dir.path(), &geography)?;
    let datasets = datasets(&federation);
    let agreement = agreement(&federation, &datasets);
    let mut found = Found::default();
    let each = datasets.len() * MONTHS;
    let bar = terminal::bar(u64::from(nodes) * each as u64, "Publishing");
    for (number, (ods, state)) in (1_u64..).zip(federation.nodes()) {
        let seed = setting.seed.wrapping_mul(1_000).wrapping_add(number);
        for period in months()? {
            for dataset in &datasets {
                let extract = Invented { ods, dataset, period, rows: setting.rows, seed };
                publish(&federation, &extract, &geography, &reference, state)?;
            }
        }
        let store = federation.open_node(ods).await?;
        let site = site(&federation, (ods, state), &agreement, &store);
        let started = Instant::now();
        let mut last = (started, None);
        site.prepare_due(|manifest, _| {
            // The first word of an extract ends the one before it.
            if last.1.is_some_and(|id| id != manifest.snapshot_id) {
                found.extracts.add(last.0.elapsed());
                last.0 = Instant::now();
                bar.inc(1);
            }
            last.1 = Some(manifest.snapshot_id);
        })
        .await
        .or_exit(Exit::Fault)?;
        found.extracts.add(last.0.elapsed());
        found.all += started.elapsed();
        bar.inc(1);
        store.close().await;
        count(state, &mut found.by).await?;
    }
    bar.finish_and_clear();
    let about = format!(
        "the tables of {PACK} of {} datasets, {nodes} nodes, {MONTHS} months, {} rows an extract",
        datasets.len(),
        setting.rows
    );
    Ok(Benchmark { name: "publication".to_owned(), about, figures: figures(&found) })
}

/// Those that records can be invented for.
fn datasets(federation: &Federation) -> Vec<Dataset> {
    let of_pack = |dataset: &Dataset| {
        let mut indicators = federation.catalogue.indicators().iter();
        indicators.any(|i| dataset.id == i.dataset.as_str() && i.packs.iter().any(|p| p == PACK))
    };
    DATASETS.into_iter().filter(of_pack).collect()
}

/// The federation's, with every indicator of the pack.
fn agreement(federation: &Federation, datasets: &[Dataset]) -> Agreement {
    let mut agreement = federation.agreement.clone();
    let of = |id: &str| datasets.iter().any(|dataset| dataset.id == id);
    let all = federation.catalogue.indicators().iter();
    let own = all.filter(|i| of(i.dataset.as_str()) && i.packs.iter().any(|p| p == PACK));
    agreement.indicators = own.map(|i| i.id.clone()).collect::<Vec<IndicatorId>>();
    agreement.packs = vec![PACK.to_owned()];
    agreement
}

fn months() -> Result<Vec<Period>, Failure> {
    let (_, last) = rows::subject()?;
    let mut months: Vec<Period> =
        std::iter::successors(Some(last), |month| Some(month.previous())).take(MONTHS).collect();
    months.reverse();
    Ok(months)
}

struct Invented<'a> {
    ods: &'a Ods,
    dataset: &'a Dataset,
    period: Period,
    rows: usize,
    seed: u64,
}

/// Invents an extract, loads it as a partner would and publishes it.
fn publish(
    federation: &Federation,
    extract: &Invented<'_>,
    geography: &Geography,
    reference: &Reference,
    state: &Path,
) -> Result<(), Failure> {
    let Invented { ods, dataset, period, rows, seed } = extract;
    let rows = u32::try_from(*rows).or_exit(Exit::Usage)?;
    let profile = PartnerProfile::new((*ods).clone(), rows, Kind::Acute).or_exit(Exit::Usage)?;
    std::fs::create_dir_all(state).or_exit(Exit::Config)?;
    let file = state.join("extract.csv");
    let mut writer = BufWriter::new(File::create(&file).or_exit(Exit::Config)?);
    (dataset.write)(&mut writer, &profile, geography, *period, *seed).or_exit(Exit::Config)?;
    writer.flush().or_exit(Exit::Config)?;
    let catalogue = &*federation.catalogue;
    let mapping = Mapping::parse(&(dataset.mapping)(&profile), catalogue).or_exit(Exit::Fault)?;
    let (id, today) = (dataset.id.parse().or_exit(Exit::Fault)?, clock::system().now().date());
    intake::load(&LoadRequest {
        input: Input::File(&file),
        mapping: &mapping,
        dataset: &id,
        period: *period,
        staged_dir: &intake::staged_root(state),
        key: &rows::node_key(),
        catalogue,
        reference,
        progress: &|_| {},
        exclude: None,
        record_keys: false,
        links: None,
        today,
    })
    .or_exit(Exit::Data)?;
    std::fs::remove_file(&file).or_exit(Exit::Config)?;
    intake::publish(state, &id, *period, &rows::node_key(), today).or_exit(Exit::Data)?;
    Ok(())
}

fn site(
    federation: &Federation,
    (ods, state): (&Ods, &Path),
    agreement: &Agreement,
    store: &Store,
) -> Site {
    Site::new(Parts {
        ods: ods.clone(),
        profile: Profile::Nhs75m,
        catalogue: Arc::clone(&federation.catalogue),
        store: store.clone(),
        state: state.to_owned(),
        node_key: rows::node_key(),
        database: None,
        noted: HashSet::new(),
        agreements: vec![agreement.clone()],
        clock: clock::system(),
    })
}

/// What the audit log says became of the tables.
async fn count(state: &Path, by_levels: &mut BTreeMap<String, Outcomes>) -> Result<(), Failure> {
    let reader = Reader::open(state).await.or_exit(Exit::Fault)?;
    let mut from = 0;
    loop {
        let page = reader.entries(from, MAX_PAGE).await.or_exit(Exit::Fault)?;
        from += page.len() as u64;
        let last = page.len() < MAX_PAGE;
        for (_, _, entry) in page {
            let (Event::Published { by, .. } | Event::Withheld { by, .. }) = &entry.event else {
                continue;
            };
            let levels: Vec<&str> = by.iter().map(|level| level.as_str()).collect();
            let outcomes = by_levels.entry(levels.join(", ")).or_default();
            match entry.event {
                Event::Published { .. } => outcomes.released += 1,
                _ => outcomes.withheld += 1,
            }
        }
        if last {
            return Ok(());
        }
    }
}

fn figures(found: &Found) -> Vec<Figure> {
    let (mut released, mut withheld) = (0, 0);
    for outcomes in found.by.values() {
        released += outcomes.released;
        withheld += outcomes.withheld;
    }
    let share = |part: usize, whole: usize| 100.0 * float(part) / float(whole.max(1));
    let mut figures = vec![
        number("all of it", found.all.as_secs_f64(), "s"),
        found.extracts.figure("one extract"),
        number("tables, each rung by itself", float(released + withheld), "tables"),
        number("withheld", share(withheld, released + withheld), "%"),
    ];
    for (by, Outcomes { released, withheld }) in &found.by {
        let name = format!("released by {by}");
        figures.push(number(name, share(*released, released + withheld), "%"));
    }
    figures
}
