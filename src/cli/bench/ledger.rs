//! The audit log: how long one entry takes until it is on the disk and proved, and how long it takes to check
//! a long log from beginning to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use evensum_core::ledger::{Asked, Event};
use evensum_core::model::{QueryId, RefusalCode};

use super::Setting;
use super::federation::Federation;
use super::measure::{Benchmark, Figure, Times, float, number};
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::{clock, terminal};
use crate::store::{Begin, Known, Reader, Store};

/// Questions that are written at the same time.
const AT_ONCE: usize = 64;
/// Questions that are written one after the other, for each run.
const IN_TURN: usize = 400;
/// Checks of the whole log.
const MOST_CHECKS: usize = 5;

/// Questions to write down, each under an id of its own.
struct Questions {
    asked: Asked,
    next: AtomicU64,
}

impl Questions {
    /// Writes one question and its end: two entries in two transactions. Gives how long each took.
    async fn write(&self, store: &Store) -> Result<Times, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let query_id = QueryId::from_parts(1_700_000_000_000 + number, &[0x24; 10]);
        let query_hash = self.asked.query_hash;
        let begin = Begin {
            query_id,
            query_hash,
            caller: "bench".to_owned(),
            expires: clock::system().now().plus(600),
            asked: Asked { query_id, ..self.asked.clone() },
            questions: vec![Known::Nothing],
        };
        let code = RefusalCode::NoData;
        let end = Event::Refused { asked: None, query_id, query_hash, question: Some(0), code };
        let mut times = Times::default();
        let started = Instant::now();
        store.begin(begin).await.or_exit(Exit::Fault)?;
        times.add(started.elapsed());
        let started = Instant::now();
        store.end(query_id, end).await.or_exit(Exit::Fault)?;
        times.add(started.elapsed());
        Ok(times)
    }

    /// Writes so many questions, many at the same time.
    async fn fill(self: &Arc<Self>, store: &Store, questions: usize) -> Result<Times, Failure> {
        let bar = terminal::bar(questions as u64, "Writing questions to an audit log");
        let left = Arc::new(AtomicU64::new(questions as u64));
        let mut writers = Vec::new();
        for _ in 0..AT_ONCE {
            let (own, store, left, bar) =
                (Arc::clone(self), store.clone(), Arc::clone(&left), bar.clone());
            writers.push(tokio::spawn(async move {
                let mut times = Times::default();
                let take = |n: u64| n.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    times.extend(own.write(&store).await?);
                    bar.inc(1);
                }
                Ok::<_, Failure>(times)
            }));
        }
        let mut times = Times::default();
        for writer in writers {
            times.extend(writer.await.or_exit(Exit::Fault)??);
        }
        bar.finish_and_clear();
        Ok(times)
    }
}

pub(super) async fn run(setting: &Setting<'_>) -> Result<Vec<Benchmark>, Failure> {
    let dir = tempfile::Builder::new().prefix("ledger-").tempdir_in(setting.dir);
    let dir = dir.or_exit(Exit::Config)?;
    let federation = Federation::new(dir.path(), 10)?;
    let question = federation.question("rtt_over_52_weeks", &["imd.quintile", "sex"], None)?;
    let questions =
        Arc::new(Questions { asked: federation.asked(&question)?, next: AtomicU64::new(0) });
    let mut figures = Vec::new();

    let store = federation.open_coordinator().await?;
    let count = (setting.rows / 2).max(1);
    let started = Instant::now();
    let together = questions.fill(&store, count).await?;
    let seconds = started.elapsed().as_secs_f64();
    figures.push(together.figure(format!("append, {AT_ONCE} at once")));
    figures.push(number("appended", float(2 * count) / seconds, "entries/s"));

    let mut alone = Times::default();
    for _ in 0..setting.runs * IN_TURN {
        alone.extend(questions.write(&store).await?);
    }
    figures.push(alone.figure("append, one at a time"));
    store.close().await;
    check(&federation, setting, &mut figures).await?;

    let mut opening = Times::default();
    let started = Instant::now();
    let store = federation.open_coordinator().await?;
    opening.add(started.elapsed());
    store.close().await;
    figures.push(opening.figure("open for writing, with the same check"));
    let about = format!("{} entries on disk, each commit synced", setting.rows);
    Ok(vec![Benchmark { name: "audit log".to_owned(), about, figures }])
}

async fn check(
    federation: &Federation,
    setting: &Setting<'_>,
    figures: &mut Vec<Figure>,
) -> Result<(), Failure> {
    let (state, log, key) = federation.coordinator_log();
    let bar = terminal::bar(0, "Verifying the audit log");
    let mut times = Times::default();
    let mut entries = 0;
    for _ in 0..setting.runs.min(MOST_CHECKS) {
        let reader = Reader::open(state).await.or_exit(Exit::Fault)?;
        let started = Instant::now();
        let verdict = reader.verify(&log, &key).await.or_exit(Exit::Data)?;
        times.add(started.elapsed());
        if let Some(problem) = verdict.problems.first() {
            return Err(Failure::says(Exit::Fault, problem.text.clone()));
        }
        entries = usize::try_from(verdict.entries).unwrap_or(usize::MAX);
    }
    bar.finish_and_clear();
    let rate = float(entries) * 1_000.0 / times.spread().median;
    figures.push(times.figure(format!("verify {entries} entries")));
    figures.push(number("verified", rate, "entries/s"));
    Ok(())
}
