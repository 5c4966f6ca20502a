//! The end of `evensum node publish`: the tables that agreements name are decided, by this process or by the server that
//! runs.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, SnapshotRef};
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep};

use super::exit::{Exit, Failure, OrExit};
use super::{agreements as own, serve, terminal};
use crate::config::{self, Server};
use crate::snapshot::Manifest;
use crate::store::{MAX_PAGE, Reader, Store};

/// How long a server is waited for.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Between two looks at what it has written.
const LOOK: Duration = Duration::from_millis(250);

/// The agreements of all memberships, each of which this node can take part in.
pub(super) fn agreements(server: &Server) -> Result<Vec<Agreement>, Failure> {
    let (table, catalogue) = (server.node()?, config::catalogue(&server.catalogue)?);
    let mut all = Vec::new();
    for membership in &server.memberships {
        all.extend(membership.agreements()?);
    }
    for agreement in &all {
        own::fits(&catalogue, agreement)?;
        own::profile_fits(table, agreement)?;
    }
    Ok(all)
}

/// Decides the tables of everything that is published, with a progress bar on a terminal.
pub(super) async fn here(
    server: &Server,
    agreements: Vec<Agreement>,
    store: &Store,
) -> Result<(), Failure> {
    let catalogue = Arc::new(config::catalogue(&server.catalogue)?);
    let site = serve::site(server, catalogue, agreements, store).await?;
    let bar = terminal::bar(0, "");
    let prepared = site
        .prepare_due(|manifest, progress| {
            bar.set_message(named(manifest));
            bar.set_length(progress.tables as u64);
            bar.set_position(progress.done as u64);
        })
        .await;
    bar.finish_and_clear();
    for one in prepared.or_exit(Exit::Data)? {
        let of = format!("{} for {}", one.dataset, one.period);
        terminal::note(&said(&of, one.released, one.withheld));
    }
    Ok(())
}

/// What the audit log says of preparations, from a place on.
pub(super) struct Beside {
    reader: Reader,
    from: u64,
}

impl Beside {
    /// From the end of the log as it is now.
    pub(super) async fn begin(server: &Server) -> Result<Self, Failure> {
        let reader = Reader::open(&server.state).await.or_exit(Exit::Config)?;
        let from = reader.size().await.or_exit(Exit::Data)?;
        Ok(Self { reader, from })
    }

    /// Waits until the server that runs has decided the tables of extracts. Nothing is lost where this is broken off.
    pub(super) async fn wait(mut self, mut wanted: Vec<Manifest>) -> Result<(), Failure> {
        let until = Instant::now() + LONGEST;
        let bar = terminal::spinner("the server decides its tables");
        while !wanted.is_empty() {
            // What was decided before the log was first looked at is not heard of.
            let known = self.prepared(&wanted).await?;
            self.look(&mut wanted, &bar).await?;
            wanted.retain(|manifest| manifest.reference().is_some_and(|of| !known.contains(&of)));
            if Instant::now() > until {
                bar.finish_and_clear();
                terminal::note(
                    "The server has not decided all tables yet, and goes on: `evensum audit list` shows when it has.",
                );
                return Ok(());
            }
            if !wanted.is_empty() {
                sleep(LOOK).await;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    async fn prepared(&self, wanted: &[Manifest]) -> Result<Vec<SnapshotRef>, Failure> {
        let mut known = Vec::new();
        for of in wanted.iter().filter_map(Manifest::reference) {
            if self.reader.is_prepared(of.id, of.version).await.or_exit(Exit::Data)? {
                known.push(of);
            }
        }
        Ok(known)
    }

    async fn look(&mut self, wanted: &mut Vec<Manifest>, bar: &ProgressBar) -> Result<(), Failure> {
        loop {
            let page = self.reader.entries(self.from, MAX_PAGE).await.or_exit(Exit::Data)?;
            self.from += page.len() as u64;
            let last = page.len() < MAX_PAGE;
            for (_, _, entry) in page {
                heard(&entry.event, wanted, bar);
            }
            if last {
                return Ok(());
            }
        }
    }
}

fn heard(event: &Event, wanted: &mut Vec<Manifest>, bar: &ProgressBar) {
    match event {
        Event::Published { snapshot_id, .. } | Event::Withheld { snapshot_id, .. }
            if wanted.iter().any(|manifest| manifest.snapshot_id == *snapshot_id) =>
        {
            bar.inc(1);
        }
        Event::Prepared { snapshot, released, withheld, .. } => {
            let is_it = |manifest: &Manifest| manifest.reference().as_ref() == Some(snapshot);
            if let Some(place) = wanted.iter().position(is_it) {
                let manifest = wanted.remove(place);
                terminal::note(&said(&named(&manifest), *released, *withheld));
            }
        }
        _ => {}
    }
}

fn named(manifest: &Manifest) -> String {
    format!("{} for {}", manifest.dataset, manifest.period)
}

fn said(of: &str, released: u32, withheld: u32) -> String {
    let tables = |n| if n == 1 { "1 table".to_owned() } else { format!("{n} tables") };
    match released + withheld {
        0 => format!("No agreement names tables of {of} beforehand."),
        _ => format!(
            "Of the tables of {of} that agreements name, {} released and {withheld} withheld.",
            if released == 1 {
                "1 table is".to_owned()
            } else {
                format!("{} are", tables(released))
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_is_said_in_a_sentence() {
        let of = "rtt_open_pathway for 2026-10";
        assert_eq!(
            said(of, 0, 0),
            "No agreement names tables of rtt_open_pathway for 2026-10 beforehand."
        );
        assert_eq!(
            said(of, 40, 2),
            "Of the tables of rtt_open_pathway for 2026-10 that agreements name, 40 tables are released and 2 withheld."
        );
        assert!(said(of, 1, 0).contains("1 table is released and 0 withheld"));
    }
}
