//! What a node's server does beside answering: once a day it warns of extracts that did not come and deletes rows that
//! are kept no longer; and it decides the tables of every extract that is published.

use std::time::Duration;

use evensum_core::model::Date;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{clock, staging};
use crate::config::Server;
use crate::node::Site;
use crate::snapshot::Manifest;

/// Between two looks at the day; what could not be done in one of them is tried again in the next.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// Between two looks for an extract that was published beside the server.
const LOOK_FOR_EXTRACTS: Duration = Duration::from_secs(2);
/// The longest wait after looks that failed.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Decides the tables of published extracts, until the server is told to stop.
pub(super) async fn prepare(site: Site, stop: CancellationToken) {
    let mut wait = LOOK_FOR_EXTRACTS;
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => return,
            done = site.prepare_due(|_, _| {}) => done,
        };
        wait = match done {
            Ok(_) => LOOK_FOR_EXTRACTS,
            Err(reason) => {
                let reason: &(dyn std::error::Error + 'static) = &reason;
                warn!(reason, "a published extract is not prepared yet; trying again");
                LONGEST_WAIT.min(wait * 2)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Between two looks for what the partner's own people ask of sums beside the server.
const LOOK_FOR_REQUESTS: Duration = Duration::from_secs(1);

/// Takes requests about blind sums, until the server is told to stop.
pub(super) async fn sums(site: Site, stop: CancellationToken) {
    let mut wait = LOOK_FOR_REQUESTS;
    loop {
        wait = match site.take_sum_requests().await {
            Ok(()) => LOOK_FOR_REQUESTS,
            Err(reason) => {
                let reason: &(dyn std::error::Error + 'static) = &reason;
                warn!(reason, "a request about blind sums is not taken yet; trying again");
                LONGEST_WAIT.min(wait * 2)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Runs until the server is told to stop.
pub(super) async fn run(server: Server, site: Site, stop: CancellationToken) {
    let (mut warned, mut deleted) = (None, None);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let today = clock::system().now().date();
        if warned != Some(today) && warn_of(&server, today) {
            warned = Some(today);
        }
        if deleted != Some(today) && delete(&server, &site).await {
            deleted = Some(today);
        }
    }
}

/// Warns of every extract that is late. Whether the calendar could be read.
fn warn_of(server: &Server, today: Date) -> bool {
    let lines = match staging::lines(server, today) {
        Ok(lines) => lines,
        Err(reason) => {
            error!(%reason, "the calendar cannot be checked");
            return false;
        }
    };
    for line in lines.iter().filter(|line| line.due.alarms()) {
        let (dataset, period, state) = (&line.dataset, line.period, line.due.says());
        let (load_by, publish_on) = (line.load_by, line.publish_on);
        warn!(%dataset, %period, %load_by, %publish_on, "an extract is {state}");
    }
    true
}

/// Deletes what is kept no longer. Whether that could be done.
async fn delete(server: &Server, site: &Site) -> bool {
    let Some(kept) = server.node().ok().and_then(|node| node.retention) else { return true };
    let tell = |manifest: &Manifest| {
        let (dataset, period) = (&manifest.dataset, manifest.period);
        info!(%dataset, %period, months = kept.months, "rows deleted");
    };
    match site.delete_expired(kept.months, tell).await {
        Ok(()) => true,
        Err(reason) => {
            let reason: &(dyn std::error::Error + 'static) = &reason;
            warn!(reason, "rows that are kept no longer could not be deleted; trying again");
            false
        }
    }
}
