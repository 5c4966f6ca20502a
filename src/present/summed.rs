//! Steps of the blind sum in plain English.

use data_encoding::BASE64;
use evensum_core::ledger::{Entry, OpenedTable, PoolStep, RoundRef, Stop};
use evensum_core::model::{Ods, Period, Population};

use super::asked;
use super::words::list;

/// A step, as a sentence without its end. `told` says what another server's entry says.
pub(super) fn told(step: &PoolStep, told: impl Fn(&Entry) -> String) -> String {
    match step {
        PoolStep::Bound { of, members, membership } => format!(
            "bound to {} of the membership list {} for {}: from here on no other records are added up with these",
            named(members),
            membership.short(),
            round(of)
        ),
        PoolStep::Contributed { of, snapshot, to, tables, contents } => format!(
            "the sealed contribution {} to {} was made from extract {}: {tables} tables, in parts for {} that say nothing by themselves",
            contents.short(),
            round(of),
            snapshot.id.short(),
            named(to)
        ),
        PoolStep::Withdrawn { agreement, population, withdrawn: true } => format!(
            "{} is kept back from blind sums under agreement {agreement}",
            records(population)
        ),
        PoolStep::Withdrawn { agreement, population, withdrawn: false } => format!(
            "{} is no longer kept back from blind sums under agreement {agreement}",
            records(population)
        ),
        PoolStep::Suspended { federation, agreement, suspended: true } => format!(
            "the partner's own people have suspended agreement {agreement} of {federation}: nothing is answered or contributed under it, and the second server opens no more totals with these records"
        ),
        PoolStep::Suspended { federation, agreement, suspended: false } => {
            format!("agreement {agreement} of {federation} is no longer suspended")
        }
        PoolStep::Closed { of, members, missing, closing } => format!(
            "{} was closed ({}) with {}{}",
            round(of),
            closing.short(),
            named(members),
            without(missing)
        ),
        PoolStep::Opened { of, tables, query, .. } => format!(
            "totals of {} were opened to the coordinator, to be put under disclosure control{}: {}",
            round(of),
            query.map_or_else(String::new, |id| format!(" for query {id}")),
            opened(tables, of.population.period)
        ),
        PoolStep::Returned { of, releases, passed: true, .. } => format!(
            "what was released of the totals of {} came back and passed the disclosure test: {} releases",
            round(of),
            releases.len()
        ),
        PoolStep::Returned { of, passed: false, .. } => format!(
            "what was released of the totals of {} did not pass the second server's disclosure test: no more of its totals are opened",
            round(of)
        ),
        PoolStep::Told { by, index, entry, .. } => {
            let read = BASE64.decode(entry.as_bytes()).ok().and_then(|b| Entry::decode(&b).ok());
            let says = read.map_or_else(|| asked::UNREADABLE.to_owned(), |entry| told(&entry));
            format!(
                "the independent second server {by} says, as entry {index} of its own audit log: {says}"
            )
        }
        PoolStep::Resumed { population } => format!(
            "totals of {} are opened again, because every partner in them takes part",
            records(population)
        ),
        PoolStep::Stopped { population, reason } => {
            format!("no more totals of {} are opened, {}", records(population), because(*reason))
        }
    }
}

/// The step's name for programs.
pub(super) const fn kind(step: &PoolStep) -> &'static str {
    match step {
        PoolStep::Bound { .. } => "sum_bound",
        PoolStep::Contributed { .. } => "sum_contributed",
        PoolStep::Withdrawn { .. } => "sum_kept_back",
        PoolStep::Suspended { .. } => "agreement_suspended",
        PoolStep::Closed { .. } => "sum_closed",
        PoolStep::Opened { .. } => "sum_opened",
        PoolStep::Returned { .. } => "sum_returned",
        PoolStep::Told { .. } => "sum_told",
        PoolStep::Stopped { .. } => "sum_stopped",
        PoolStep::Resumed { .. } => "sum_resumed",
    }
}

/// What a step is about.
pub(super) fn what(step: &PoolStep) -> Option<String> {
    match step {
        PoolStep::Opened { of, tables, .. } => Some(opened(tables, of.population.period)),
        PoolStep::Withdrawn { population, .. }
        | PoolStep::Stopped { population, .. }
        | PoolStep::Resumed { population } => Some(records(population)),
        PoolStep::Suspended { .. } => None,
        PoolStep::Told { by, index, .. } => Some(format!("entry {index} of {by}")),
        PoolStep::Bound { of, .. }
        | PoolStep::Contributed { of, .. }
        | PoolStep::Closed { of, .. }
        | PoolStep::Returned { of, .. } => Some(round(of)),
    }
}

/// What was decided in a step.
pub(super) const fn decision(step: &PoolStep) -> Option<&'static str> {
    match step {
        PoolStep::Bound { .. } => Some("bound"),
        PoolStep::Contributed { .. } => Some("contributed"),
        PoolStep::Withdrawn { withdrawn: true, .. } => Some("kept back"),
        PoolStep::Withdrawn { withdrawn: false, .. } => Some("no longer kept back"),
        PoolStep::Suspended { suspended: true, .. } => Some("suspended"),
        PoolStep::Suspended { suspended: false, .. } | PoolStep::Resumed { .. } => Some("resumed"),
        PoolStep::Closed { .. } => Some("closed"),
        PoolStep::Opened { .. } => Some("opened"),
        PoolStep::Returned { passed: true, .. } => Some("passed"),
        PoolStep::Returned { passed: false, .. } | PoolStep::Stopped { .. } => Some("stopped"),
        PoolStep::Told { .. } => None,
    }
}

fn records(of: &Population) -> String {
    format!("{} for {}", of.dataset, of.period)
}

fn round(of: &RoundRef) -> String {
    format!(
        "the blind sum {} over {} ({}, agreement {})",
        of.round.short(),
        records(&of.population),
        of.version.as_str(),
        of.agreement
    )
}

fn named(members: &[Ods]) -> String {
    list(&members.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn without(missing: &[Ods]) -> String {
    if missing.is_empty() { String::new() } else { format!(", and without {}", named(missing)) }
}

fn opened(tables: &[OpenedTable], period: Period) -> String {
    /// More than so many are counted rather than named.
    const NAMED: usize = 6;
    let first = tables.iter().take(NAMED);
    let mut texts: Vec<String> =
        first.map(|t| asked::table(&t.indicator, &t.by, period, t.scope.as_ref())).collect();
    if let Some(more) = tables.len().checked_sub(NAMED).filter(|n| *n > 0) {
        texts.push(format!("{more} further tables"));
    }
    list(&texts)
}

const fn because(reason: Stop) -> &'static str {
    match reason {
        Stop::Suspended => {
            "because a partner has suspended the agreement, or keeps the records back"
        }
        Stop::Unseen => "because a partner was not seen for a week",
        Stop::Failed => "because what was released of them did not pass the disclosure test",
    }
}
