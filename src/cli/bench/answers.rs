//! Questions to whole federations: the first answer to each, which is counted from records, and further ones,
//! which are handed out as they were frozen. Either way signed, logged on disk at both ends, and verified.

use std::sync::Arc;
use std::time::Instant;

use evensum_core::catalogue::PersonRows;
use evensum_core::model::Question;

use super::Setting;
use super::federation::{Federation, Running};
use super::measure::{Benchmark, Figure, Times, float, number};
use super::rows;
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::{clock, terminal};
use crate::{intake, snapshot};

/// Frozen answers that are asked for one after the other, for each run.
const IN_TURN: usize = 40;
/// Frozen answers that are asked for at the same time, for each run, by so many connections at so many calls.
const AT_ONCE: usize = 300;
const CONNECTIONS: usize = 4;
const CALLS: usize = 4;

const INDICATORS: [&str; 4] =
    ["rtt_over_18_weeks", "rtt_over_52_weeks", "rtt_over_65_weeks", "rtt_over_78_weeks"];
/// Breakdowns by two dimensions.
const BY: [[&str; 2]; 6] = [
    ["imd.quintile", "ethnicity.group"],
    ["imd.decile", "sex"],
    ["imd.quintile", "age.band"],
    ["sex", "ethnicity.group"],
    ["imd.decile", "ethnicity.group"],
    ["sex", "age.band"],
];

pub(super) async fn run(setting: &Setting<'_>) -> Result<Vec<Benchmark>, Failure> {
    let mut found = Vec::new();
    for nodes in setting.nodes {
        found.push(of_nodes(setting, *nodes).await?);
    }
    Ok(found)
}

async fn of_nodes(setting: &Setting<'_>, nodes: u16) -> Result<Benchmark, Failure> {
    // Answers are frozen for good, so that every run needs states of its own.
    let dir = tempfile::Builder::new().prefix("federation-").tempdir_in(setting.dir);
    let dir = dir.or_exit(Exit::Config)?;
    let federation = Federation::new(dir.path(), nodes)?;
    extracts(&federation, setting, nodes)?;
    let running = Arc::new(federation.start().await?);
    let mut figures = Vec::new();
    let measured = measure(&running, setting, &mut figures).await;
    if let Some(running) = Arc::into_inner(running) {
        running.stop().await;
    }
    measured?;
    let about = format!(
        "{nodes} nodes of {} rows; two dimensions with all totals; signed, logged and verified",
        setting.rows
    );
    Ok(Benchmark { name: format!("answers of {nodes} nodes"), about, figures })
}

/// Publishes an extract at every node.
fn extracts(federation: &Federation, setting: &Setting<'_>, nodes: u16) -> Result<(), Failure> {
    let (dataset, period) = rows::subject()?;
    let bar = terminal::bar(u64::from(nodes), "Extracts");
    for (number, (ods, state)) in (1_u64..).zip(federation.nodes()) {
        let seed = setting.seed.wrapping_mul(1_000).wrapping_add(number);
        let extract =
            rows::invent(&federation.catalogue, ods, setting.rows, seed, PersonRows::Several)?;
        let staged = intake::staged_root(state).join(dataset.as_str());
        std::fs::create_dir_all(&staged).or_exit(Exit::Config)?;
        let staged = staged.join(period.to_string());
        snapshot::write(&staged, &extract, &rows::node_key()).or_exit(Exit::Config)?;
        let today = clock::system().now().date();
        intake::publish(state, &dataset, period, &rows::node_key(), today).or_exit(Exit::Config)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

async fn measure(
    running: &Arc<Running>,
    setting: &Setting<'_>,
    figures: &mut Vec<Figure>,
) -> Result<(), Failure> {
    let client = running.connect().await?;
    let mut questions = Vec::new();
    for by in &BY {
        for indicator in INDICATORS {
            questions.push(running.federation().question(indicator, by, None)?);
        }
    }
    let bar = terminal::bar(questions.len() as u64, "First answers");
    let (mut opening, mut first) = (Times::default(), Times::default());
    for (at, question) in questions.iter().enumerate() {
        let started = Instant::now();
        let told = running.ask(&client, question).await?;
        running.check(told, question)?;
        // The first of all also reads and authenticates the extracts.
        if at == 0 { &mut opening } else { &mut first }.add(started.elapsed());
        bar.inc(1);
    }
    bar.finish_and_clear();
    figures.push(opening.figure("first answer, extracts still on disk"));
    figures.push(first.figure("first answer, extracts open"));

    let bar = terminal::bar(setting.runs as u64, "Frozen answers in turn");
    let mut frozen = Times::default();
    for _ in 0..setting.runs {
        for question in questions.iter().cycle().take(IN_TURN) {
            let started = Instant::now();
            let told = running.ask(&client, question).await?;
            running.check(told, question)?;
            frozen.add(started.elapsed());
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    figures.push(frozen.figure("frozen answer, in turn"));
    at_once(running, setting, questions.into(), figures).await
}

/// Several analysts at once. Their own verifying runs on the same processors, and is left out the second time.
async fn at_once(
    running: &Arc<Running>,
    setting: &Setting<'_>,
    questions: Arc<[Question]>,
    figures: &mut Vec<Figure>,
) -> Result<(), Failure> {
    let bar = terminal::bar(2 * setting.runs as u64, "Frozen answers at once");
    for (verify, name) in [(true, "with the analysts' own verifying"), (false, "servers alone")] {
        let mut whole = Times::default();
        let mut each = Times::default();
        for _ in 0..setting.runs {
            let started = Instant::now();
            let mut asking = Vec::new();
            for _ in 0..CONNECTIONS {
                let client = running.connect().await?;
                for call in 0..CALLS {
                    let (running, client) = (Arc::clone(running), client.clone());
                    let questions = Arc::clone(&questions);
                    asking.push(tokio::spawn(async move {
                        let mut times = Times::default();
                        let mine = questions.iter().cycle().skip(call);
                        for question in mine.take(AT_ONCE / CONNECTIONS / CALLS) {
                            let started = Instant::now();
                            let told = running.ask(&client, question).await?;
                            if verify {
                                running.check(told, question)?;
                            }
                            times.add(started.elapsed());
                        }
                        Ok::<_, Failure>(times)
                    }));
                }
            }
            for task in asking {
                each.extend(task.await.or_exit(Exit::Fault)??);
            }
            whole.add(started.elapsed());
            bar.inc(1);
        }
        let asked = float(AT_ONCE / CONNECTIONS / CALLS * CONNECTIONS * CALLS);
        let rate = asked * 1_000.0 / whole.spread().median;
        figures.push(number(format!("frozen answers, {name}"), rate, "/s"));
        figures.push(each.figure(format!("of these each, {name}")));
    }
    bar.finish_and_clear();
    Ok(())
}
