//! Counting: one table by two dimensions and three outcomes, with all margins, over an extract in memory. A
//! file beside the extract says what was counted and what disclosure control shows of it, so that another
//! program can count the same and compare.

use std::path::Path;
use std::sync::Arc;

use evensum_core::authz::{Permit, Publication, Standing};
use evensum_core::catalogue::{Catalogue, PersonRows};
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{Live, Outcome, protect};
use evensum_core::model::{CategoryId, ColumnId, Lattice, Profile, SnapshotRef, SnapshotVersion};
use evensum_core::plan::{Filter, Plan};
use serde::Serialize;
use serde_json::Value;

use super::Setting;
use super::federation::Federation;
use super::measure::{Benchmark, Figure, Times, float, number};
use super::rows;
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::{clock, terminal};
use crate::snapshot::Snapshot;
use crate::tabulate::{Request, tabulate};

const BY: [&str; 2] = ["imd.quintile", "ethnicity.group"];
/// Questions that together show the three sums.
const INDICATORS: [&str; 2] = ["rtt_over_18_weeks", "rtt_over_52_weeks"];
/// Kept, where there is a restriction beside that to the residents of one board.
const SCOPE: (&str, &str) = ("tfc.group", "100");
/// Counting is quick: for each run it is done so often.
const OFTEN: usize = 4;

/// What another program needs to count the same.
#[derive(Serialize)]
struct Counted {
    /// Whether a person may have several rows.
    several: bool,
    /// The extract's file.
    file: String,
    axes: Vec<CountedAxis>,
    /// Whether the questions are restricted, and what they show.
    tables: Vec<CountedTable>,
}

#[derive(Serialize)]
struct CountedAxis {
    column: ColumnId,
    /// Categories with their finest codes, `all` last.
    categories: Vec<(CategoryId, Vec<CategoryId>)>,
}

#[derive(Serialize)]
struct CountedTable {
    scoped: bool,
    filters: Vec<(ColumnId, Vec<CategoryId>)>,
    /// Releases, one for each indicator.
    releases: Vec<Value>,
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Benchmark>, Failure> {
    let work = tempfile::tempdir_in(setting.dir).or_exit(Exit::Config)?;
    let federation = Federation::new(work.path(), 1)?;
    let mut found = Vec::new();
    for several in [PersonRows::Several, PersonRows::One] {
        found.push(one_extract(setting, &federation, several)?);
    }
    Ok(found)
}

fn one_extract(
    setting: &Setting<'_>,
    federation: &Federation,
    several: PersonRows,
) -> Result<Benchmark, Failure> {
    let (name, about) = match several {
        PersonRows::Several => ("tabulate", "some people have several rows"),
        PersonRows::One => ("tabulate, a row a person", "every person has one row"),
    };
    let kind = if several == PersonRows::Several { "several" } else { "one" };
    let dir = setting.dir.join(format!("{kind}-{}-{}", setting.rows, setting.seed));
    let (ods, _) = federation
        .nodes()
        .next()
        .ok_or_else(|| Failure::says(Exit::Fault, "a federation without nodes"))?;
    let bar = terminal::bar(0, "Inventing and reading an extract");
    let before = resident();
    let snapshot = rows::snapshot_in(&dir, || {
        rows::invent(&federation.catalogue, ods, setting.rows, setting.seed, several)
    })?;
    let mut figures =
        vec![number("in memory", float(snapshot.bytes()) / float(setting.rows), "bytes a row")];
    if let Some((before, after)) = before.zip(resident()) {
        let grown = float(after.saturating_sub(before)) / float(setting.rows);
        figures.push(number("the process grew by", grown, "bytes a row"));
    }
    bar.finish_and_clear();
    let mut counted = Counted {
        several: several == PersonRows::Several,
        file: dir.join(&snapshot.manifest().file).display().to_string(),
        axes: Vec::new(),
        tables: Vec::new(),
    };
    for scoped in [false, true] {
        let plan = plans(federation, scoped)?;
        let (lattice, columns) = three_sums(federation, &plan[0])?;
        let request = Request::counts(lattice, &columns, plan[0].filters());
        let what = if scoped { "residents, one specialty" } else { "residents" };
        timed(setting, &snapshot, &request, what, &mut figures)?;
        counted.axes = axes(&request);
        counted.tables.push(CountedTable {
            scoped,
            filters: plan[0].filters().iter().map(pair).collect(),
            releases: plan
                .iter()
                .map(|p| released(&federation.catalogue, &snapshot, p))
                .collect::<Result<_, _>>()?,
        });
    }
    write(&setting.dir.join(format!("counted-{kind}.json")), &counted)?;
    let about =
        format!("{} rows in memory, {about}; {} with all totals", setting.rows, BY.join(" × "));
    Ok(Benchmark { name: name.to_owned(), about, figures })
}

fn timed(
    setting: &Setting<'_>,
    snapshot: &Snapshot,
    request: &Request<'_>,
    what: &str,
    figures: &mut Vec<Figure>,
) -> Result<(), Failure> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut medians = Vec::new();
    let mut threads = vec![1, processors];
    threads.dedup();
    for count in threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
        let pool = pool.or_exit(Exit::Fault)?;
        let run = || pool.install(|| tabulate(snapshot, request)).or_exit(Exit::Fault);
        let (times, _) = Times::of(setting.runs * OFTEN, run)?;
        let name = format!("{what}, {count} {}", if count == 1 { "thread" } else { "threads" });
        medians.push(times.spread().median);
        figures.push(times.figure(name));
    }
    if let [one, .., all] = medians[..] {
        figures.push(number(format!("{what}, faster with all threads"), one / all, "times"));
    }
    if let Some(median) = medians.last() {
        let rate = float(setting.rows) * 1_000.0 / median;
        figures.push(number(format!("{what}, counted"), rate / 1e6, "million rows/s"));
    }
    Ok(())
}

/// The lattice with rows, those over 18 and those over 52 weeks, and its columns.
fn three_sums(
    federation: &Federation,
    plan: &Plan<Publication>,
) -> Result<(Arc<Lattice>, Vec<ColumnId>), Failure> {
    let catalogue = &federation.catalogue;
    let dataset = catalogue.dataset(plan.layout().dataset()).or_exit(Exit::Fault)?;
    let mut axes = plan.layout().lattice().axes().to_vec();
    axes.pop();
    let mut ends = Vec::new();
    for indicator in INDICATORS {
        let indicator = indicator.parse().or_exit(Exit::Fault)?;
        ends.push(&catalogue.indicator(&indicator).or_exit(Exit::Fault)?.numerator);
    }
    axes.push(dataset.outcome.axis(&ends).or_exit(Exit::Fault)?);
    Ok((Arc::new(Lattice::new(axes).or_exit(Exit::Fault)?), plan.columns().to_vec()))
}

fn plans(federation: &Federation, scoped: bool) -> Result<Vec<Plan<Publication>>, Failure> {
    let (agreement, catalogue) = (&federation.agreement, &*federation.catalogue);
    let standing = Standing { agreement, catalogue, now: clock::system().now() };
    INDICATORS
        .iter()
        .map(|indicator| {
            let question = federation.question(indicator, &BY, scoped.then_some(SCOPE))?;
            let permit = Permit::publication(standing, "13sa", question, Profile::Nhs75m);
            Plan::compile(&permit.or_exit(Exit::Fault)?, catalogue).or_exit(Exit::Fault)
        })
        .collect()
}

/// What disclosure control shows of a question's table, as it would be frozen.
fn released(
    catalogue: &Catalogue,
    snapshot: &Snapshot,
    plan: &Plan<Publication>,
) -> Result<Value, Failure> {
    let raw = tabulate(snapshot, &Request::of(plan)).or_exit(Exit::Fault)?;
    let mut manifest = snapshot.manifest().clone();
    manifest.version = Some(SnapshotVersion::Provisional);
    let of: SnapshotRef = manifest
        .reference()
        .ok_or_else(|| Failure::says(Exit::Fault, "an extract without standing"))?;
    let ods = "ZZ1".parse().or_exit(Exit::Fault)?;
    let table = protect(plan, raw, &of, &ods).or_exit(Exit::Fault)?;
    let nothing: [&[u8]; 0] = [];
    let live = Live::new(catalogue, nothing).or_exit(Exit::Fault)?;
    let tested = live.test(vec![table], &Limits::RELEASE).or_exit(Exit::Fault)?;
    // Of few rows it may not pass: then nothing is shown, and nothing is there to compare.
    match tested {
        Outcome::Passed(drafts) if !drafts.is_empty() => {
            serde_json::from_slice(drafts[0].bytes()).or_exit(Exit::Fault)
        }
        Outcome::Passed(_) | Outcome::Withheld(_) => Ok(Value::Null),
    }
}

fn axes(request: &Request<'_>) -> Vec<CountedAxis> {
    let axes = request.lattice.axes().iter().zip(request.columns);
    axes.map(|(axis, column)| {
        let leaf = |m: &u16| axis.leaves()[usize::from(*m)].clone();
        let categories = axis.categories().iter();
        CountedAxis {
            column: column.clone(),
            categories: categories
                .map(|c| (c.id.clone(), c.members.iter().map(leaf).collect()))
                .collect(),
        }
    })
    .collect()
}

fn pair(filter: &Filter) -> (ColumnId, Vec<CategoryId>) {
    (filter.column.clone(), filter.keep.clone())
}

fn write(path: &Path, counted: &Counted) -> Result<(), Failure> {
    let json = serde_json::to_vec_pretty(counted).or_exit(Exit::Fault)?;
    std::fs::write(path, json).or_exit(Exit::Config)
}

/// Bytes of memory that this process has, where the system says so.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
