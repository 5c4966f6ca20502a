//! `evensum node deposit`: what this partner contributes to blind sums, to whom, and the two switches that its own people
//! have: to offer a dataset, and to keep it back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use evensum_core::catalogue::Catalogue;
use evensum_core::ledger::{Event, PoolStep};
use evensum_core::model::{
    Agreement, AgreementId, DatasetId, Date, Digest, FederationId, Ods, Period, Population,
    SnapshotVersion, Timestamp,
};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::{audit, clock, serve, terminal};
use crate::config::{self, Server};
use crate::intake;
use crate::node::{self, Kept, Offers, ShownTable, keep_back, tables_of};
use crate::round;
use crate::snapshot::Manifest;
use crate::store::{Reader, StoreError, Vault};

/// How long the server that runs is waited for.
const LONGEST: Duration = Duration::from_secs(10);
/// Between two looks whether it has taken the request.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct DepositArgs {
    /// Offer a dataset's period to blind sums, where the agreement does not do so by itself
    #[arg(long, num_args = 2, value_names = ["DATASET", "PERIOD"], group = "what")]
    offer: Option<Vec<String>>,
    /// Keep a dataset's period back: it is contributed to no sum from here on
    #[arg(long, num_args = 2, value_names = ["DATASET", "PERIOD"], group = "what")]
    hold: Option<Vec<String>>,
    /// Let a dataset's period go that was kept back
    #[arg(long, num_args = 2, value_names = ["DATASET", "PERIOD"], group = "what")]
    release: Option<Vec<String>>,
    /// The tables that are contributed of a dataset's period, or would be, and to whom
    #[arg(long, num_args = 2, value_names = ["DATASET", "PERIOD"], group = "what")]
    show: Option<Vec<String>>,
    /// For people or for programs
    #[arg(long, default_value = "table")]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

fn named(texts: &[String]) -> Result<(DatasetId, Period), Failure> {
    let [dataset, period] = texts else {
        return Err(Failure::says(Exit::Usage, "name a dataset and a period"));
    };
    let dataset = DatasetId::new(dataset.as_str()).or_exit(Exit::Usage)?;
    Ok((dataset, period.parse().or_exit(Exit::Usage)?))
}

pub(super) fn run(args: &DepositArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    server.node()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    let summed = summed(&server)?;
    if let Some(texts) = &args.offer {
        return offer(&server, &summed, &catalogue, named(texts)?);
    }
    if let Some(texts) = &args.hold {
        return keep(&server, &summed, &catalogue, named(texts)?, true);
    }
    if let Some(texts) = &args.release {
        return keep(&server, &summed, &catalogue, named(texts)?, false);
    }
    if let Some(texts) = &args.show {
        return show(&server, &summed, &catalogue, named(texts)?, args.format);
    }
    list(&server, args.format)
}

/// The agreements of this node that have a blind sum.
fn summed(server: &Server) -> Result<Vec<Agreement>, Failure> {
    let mut all = Vec::new();
    for membership in &server.memberships {
        all.extend(membership.agreements()?.into_iter().filter(|a| a.pool.is_some()));
    }
    Ok(all)
}

fn none_summed(summed: &[Agreement]) -> Result<(), Failure> {
    if summed.is_empty() {
        return Err(Failure::says(
            Exit::Config,
            "no agreement of this node has a blind sum: 'pool' of an agreement says whether it has one",
        ));
    }
    Ok(())
}

fn known(catalogue: &Catalogue, (dataset, period): &(DatasetId, Period)) -> Result<(), Failure> {
    let of = catalogue.dataset(dataset).or_exit(Exit::Config)?;
    if of.has_period(*period) {
        return Ok(());
    }
    let kind = of.periods;
    let error = intake::IntakeError::PeriodKind { dataset: dataset.clone(), kind, period: *period };
    Err(Failure::new(Exit::Config, error))
}

fn offer(
    server: &Server,
    summed: &[Agreement],
    catalogue: &Catalogue,
    of: (DatasetId, Period),
) -> Result<(), Failure> {
    none_summed(summed)?;
    known(catalogue, &of)?;
    let (dataset, period) = of;
    Offers::new(&server.state).offer(&dataset, period).or_exit(Exit::Config)?;
    let all = summed.iter().all(|agreement| agreement.pool_after_publish);
    terminal::note(&if all {
        format!(
            "The agreement contributes {dataset} for {period} by itself once it is published: nothing more was needed."
        )
    } else {
        format!(
            "Offered: {dataset} for {period} is contributed once it is published and every partner that takes part is ready."
        )
    });
    Ok(())
}

fn keep(
    server: &Server,
    summed: &[Agreement],
    catalogue: &Catalogue,
    of: (DatasetId, Period),
    back: bool,
) -> Result<(), Failure> {
    none_summed(summed)?;
    known(catalogue, &of)?;
    let (dataset, period) = of;
    let kept = Kept { dataset: dataset.clone(), period, back };
    let changed = serve::runtime()?.block_on(async {
        match serve::try_open_store(server).await? {
            Ok(store) => {
                let changed = keep_back(&store, summed, &kept).await.or_exit(Exit::Unavailable);
                store.close().await;
                changed.map(Some)
            }
            Err(StoreError::Locked { .. }) => beside(server, &kept).await.map(|()| None),
            Err(error) => Err(Failure::new(Exit::Config, error)),
        }
    })?;
    terminal::note(&match (back, changed) {
        (true, Some(0)) => format!("{dataset} for {period} is kept back already."),
        (false, Some(0)) => format!("{dataset} for {period} is not kept back."),
        (true, _) => format!(
            "{dataset} for {period} is kept back: it is contributed to no sum from here on. What was contributed before stays in the sums that are closed."
        ),
        (false, _) => format!("{dataset} for {period} is no longer kept back."),
    });
    Ok(())
}

/// Leaves a request for the server that runs, and waits until it is in the audit log.
async fn beside(server: &Server, kept: &Kept) -> Result<(), Failure> {
    taken(&Offers::new(&server.state).request(kept).or_exit(Exit::Config)?).await
}

/// Waits until the server that runs has taken a request.
pub(super) async fn taken(path: &Path) -> Result<(), Failure> {
    let until = Instant::now() + LONGEST;
    while path.exists() {
        if Instant::now() > until {
            return Err(Failure::says(
                Exit::Unavailable,
                "the server that runs has not taken the request yet: it takes it when its audit log can be written, and its own log says why it cannot",
            ));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// What is known of a contribution from the audit log and the state directory.
#[derive(Debug, Serialize)]
struct Line {
    dataset: DatasetId,
    period: Period,
    version: SnapshotVersion,
    agreement: AgreementId,
    round: Digest,
    bound: Timestamp,
    members: Vec<Ods>,
    contributed: Option<Made>,
    closed: Option<Shut>,
    /// Whether the sealed parts are still in the state directory.
    kept: bool,
}

#[derive(Debug, Serialize)]
struct Made {
    at: Timestamp,
    to: Vec<Ods>,
    tables: u32,
    contents: Digest,
}

#[derive(Debug, Serialize)]
struct Shut {
    at: Timestamp,
    members: Vec<Ods>,
    missing: Vec<Ods>,
}

#[derive(Debug, Serialize)]
struct Back {
    dataset: DatasetId,
    period: Period,
    agreement: AgreementId,
    since: Timestamp,
}

#[derive(Debug, Serialize)]
struct Suspended {
    federation: FederationId,
    agreement: AgreementId,
    since: Timestamp,
}

#[derive(Debug, Default, Serialize)]
struct Told {
    contributions: Vec<Line>,
    kept_back: Vec<Back>,
    suspended: Vec<Suspended>,
}

impl Told {
    fn hear(&mut self, at: Timestamp, step: PoolStep) {
        let line = |all: &mut Vec<Line>, round| all.iter().position(|line| line.round == round);
        match step {
            PoolStep::Bound { of, members, .. } => self.contributions.push(Line {
                dataset: of.population.dataset,
                period: of.population.period,
                version: of.version,
                agreement: of.agreement,
                round: of.round,
                bound: at,
                members,
                contributed: None,
                closed: None,
                kept: false,
            }),
            PoolStep::Contributed { of, to, tables, contents, .. } => {
                if let Some(place) = line(&mut self.contributions, of.round) {
                    self.contributions[place].contributed = Some(Made { at, to, tables, contents });
                }
            }
            PoolStep::Closed { of, members, missing, .. } => {
                if let Some(place) = line(&mut self.contributions, of.round) {
                    self.contributions[place].closed = Some(Shut { at, members, missing });
                }
            }
            PoolStep::Withdrawn { agreement, population, withdrawn } => {
                let Population { dataset, period, .. } = population;
                self.kept_back.retain(|b| {
                    (&b.dataset, b.period, &b.agreement) != (&dataset, period, &agreement)
                });
                if withdrawn {
                    self.kept_back.push(Back { dataset, period, agreement, since: at });
                }
            }
            PoolStep::Suspended { federation, agreement, suspended } => {
                self.suspended
                    .retain(|s| (&s.federation, &s.agreement) != (&federation, &agreement));
                if suspended {
                    self.suspended.push(Suspended { federation, agreement, since: at });
                }
            }
            PoolStep::Opened { .. }
            | PoolStep::Returned { .. }
            | PoolStep::Told { .. }
            | PoolStep::Stopped { .. }
            | PoolStep::Resumed { .. } => {}
        }
    }

    fn text(&self) -> String {
        let mut lines: Vec<String> = self.contributions.iter().map(Line::said).collect();
        lines.extend(self.kept_back.iter().map(|back| {
            let Back { dataset, period, agreement, since } = back;
            format!(
                "{dataset} {period}: kept back from sums under {agreement} since {}",
                day(*since)
            )
        }));
        lines.extend(self.suspended.iter().map(|Suspended { federation, agreement, since }| {
            format!(
                "{agreement} of {federation}: suspended since {}, so that nothing is answered or contributed under it",
                day(*since)
            )
        }));
        if lines.is_empty() {
            return "Nothing was contributed to a blind sum yet, and nothing is kept back."
                .to_owned();
        }
        lines.join("\n")
    }
}

fn day(at: Timestamp) -> Date {
    at.date()
}

fn listed(all: &[Ods]) -> String {
    all.iter().map(Ods::as_str).collect::<Vec<_>>().join(", ")
}

impl Line {
    fn said(&self) -> String {
        let Self { dataset, period, version, agreement, round, members, .. } = self;
        let made = match &self.contributed {
            Some(Made { at, to, tables, .. }) => {
                format!("{tables} tables, sealed on {} in two parts for {}", day(*at), listed(to))
            }
            None => "bound, and nothing sent yet".to_owned(),
        };
        let closed = match &self.closed {
            None if self.kept => "open, its sealed parts are kept until it is closed".to_owned(),
            None => "open".to_owned(),
            Some(Shut { at, members, missing }) => format!(
                "closed on {} with {}{}",
                day(*at),
                listed(members),
                if missing.is_empty() {
                    String::new()
                } else {
                    format!(", without {}", listed(missing))
                }
            ),
        };
        format!(
            "{dataset} {period}, {}, under {agreement}: {made}; with {}; {closed} (round {})",
            version.as_str(),
            listed(members),
            round.short()
        )
    }
}

fn list(server: &Server, format: Format) -> Result<(), Failure> {
    let mut told = Told::default();
    each_step(server, |at, step| told.hear(at, step))?;
    let vault = Vault::new(&server.state);
    for line in &mut told.contributions {
        line.kept = node::is_kept(&vault, line.round);
    }
    terminal::out(&match format {
        Format::Table => told.text(),
        Format::Json => serde_json::to_string_pretty(&told).or_exit(Exit::Fault)?,
    });
    Ok(())
}

/// The steps of sums in the audit log, oldest first. A node that never served has no log yet, and has taken none.
fn each_step(server: &Server, mut see: impl FnMut(Timestamp, PoolStep)) -> Result<(), Failure> {
    serve::runtime()?.block_on(async {
        if matches!(Reader::open(&server.state).await, Err(StoreError::NoLog { .. })) {
            return Ok(());
        }
        audit::each(server, |entry| {
            if let Event::Pool(step) = entry.event {
                see(entry.at, step);
            }
        })
        .await
    })
}

/// The tables of one extract under one agreement.
#[derive(Debug, Serialize)]
struct Shown {
    agreement: AgreementId,
    dataset: DatasetId,
    period: Period,
    version: SnapshotVersion,
    /// Whether they were contributed; else they would be.
    contributed: bool,
    /// The coordinator and the second server.
    to: Vec<Ods>,
    /// With whom they are added up.
    members: Vec<Ods>,
    tables: Vec<ShownTable>,
}

fn show(
    server: &Server,
    summed: &[Agreement],
    catalogue: &Catalogue,
    of: (DatasetId, Period),
    format: Format,
) -> Result<(), Failure> {
    none_summed(summed)?;
    known(catalogue, &of)?;
    let (dataset, period) = of;
    let (_, manifest) = intake::newest_extract(&server.state, &dataset, period)
        .map_err(super::node::intake_failure)?;
    let mut rounds: BTreeMap<AgreementId, Bound> = BTreeMap::new();
    each_step(server, |_, step| match step {
        PoolStep::Bound { of, members, .. } => {
            let same = of.population.dataset == dataset && of.population.period == period;
            if same && Some(of.version) == manifest.version {
                rounds.insert(of.agreement, Bound { round: of.round, members, to: None });
            }
        }
        PoolStep::Contributed { of, to, .. } => {
            if let Some(bound) = rounds.get_mut(&of.agreement).filter(|b| b.round == of.round) {
                bound.to = Some(to);
            }
        }
        _ => {}
    })?;
    let mut all = Vec::new();
    for agreement in summed {
        let round = rounds.remove(&agreement.id);
        all.push(shown(server, agreement, catalogue, &manifest, round)?);
    }
    terminal::out(&match format {
        Format::Json => serde_json::to_string_pretty(&all).or_exit(Exit::Fault)?,
        Format::Table => all.iter().map(Shown::text).collect::<Vec<_>>().join("\n\n"),
    });
    Ok(())
}

/// A round that an extract is bound to, and to whom the contribution to it was made, if it was.
struct Bound {
    round: Digest,
    members: Vec<Ods>,
    to: Option<Vec<Ods>>,
}

fn shown(
    server: &Server,
    agreement: &Agreement,
    catalogue: &Catalogue,
    manifest: &Manifest,
    round: Option<Bound>,
) -> Result<Shown, Failure> {
    let now = clock::system().now();
    let mut tables = tables_of(agreement, manifest, catalogue, now).or_exit(Exit::Fault)?;
    let servers = [agreement.coordinator(), agreement.second_server()];
    let would = || servers.into_iter().flatten().map(|party| party.ods.clone()).collect();
    let (mut members, mut to): (Vec<Ods>, Vec<Ods>) = (Vec::new(), would());
    let mut contributed = false;
    if let Some(bound) = round {
        // Of the tables that this partner could contribute a round has those that all of its members can.
        let vault = Vault::new(&server.state);
        let document = round::document(&vault, bound.round).or_exit(Exit::Config)?;
        if let Some(document) = document {
            tables.retain(|table| document.tables.contains(&table.id));
        }
        members = bound.members;
        contributed = bound.to.is_some();
        to = bound.to.unwrap_or(to);
    }
    Ok(Shown {
        agreement: agreement.id.clone(),
        dataset: manifest.dataset.clone(),
        period: manifest.period,
        version: manifest.version.unwrap_or(SnapshotVersion::Provisional),
        contributed,
        to,
        members,
        tables,
    })
}

impl Shown {
    fn text(&self) -> String {
        let Self { agreement, dataset, period, version, to, tables, .. } = self;
        let (verb, with) = if self.contributed {
            ("is contributed", format!(", with {}", listed(&self.members)))
        } else {
            ("would be contributed", String::new())
        };
        let figures: u64 = tables.iter().map(|table| table.figures).sum();
        let mut text = format!(
            "Of {dataset} {period} ({}) {verb} under {agreement}, sealed in two parts for {}{with}: {} tables, {figures} figures.",
            version.as_str(),
            listed(to),
            tables.len()
        );
        for ShownTable { indicator, by, figures, .. } in tables {
            let by: Vec<&str> = by.iter().map(|level| level.as_str()).collect();
            let by =
                if by.is_empty() { "in all".to_owned() } else { format!("by {}", by.join(", ")) };
            text.push_str(&format!("\n  {indicator} {by}: {figures} figures"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use evensum_core::ledger::RoundRef;
    use evensum_core::model::{CategoryId, SnapshotRef};

    use super::*;

    fn ods(codes: &[&str]) -> Vec<Ods> {
        codes.iter().map(|code| Ods::new(*code).expect("a code")).collect()
    }

    fn population() -> Population {
        Population {
            federation: FederationId::new("icb.example").expect("an id"),
            dataset: DatasetId::new("rtt_open_pathway").expect("an id"),
            residence_scope: vec![CategoryId::new("QZ1").expect("an id")],
            period: "2026-10".parse().expect("a period"),
        }
    }

    #[test]
    fn what_was_contributed_and_what_is_kept_back_is_said_in_the_order_of_the_log() {
        let mut told = Told::default();
        assert!(told.text().contains("Nothing was contributed"));
        let at = Timestamp::from_unix(1_795_334_400);
        let agreement = AgreementId::new("dsa").expect("an id");
        let of = RoundRef {
            population: population(),
            version: SnapshotVersion::Provisional,
            agreement: agreement.clone(),
            round: Digest::of(b"round"),
        };
        let members = ods(&["M1", "M2", "M3", "M4"]);
        let membership = Digest::of(b"list");
        told.hear(at, PoolStep::Bound { of: of.clone(), members: members.clone(), membership });
        assert!(told.text().contains("bound, and nothing sent yet"), "{}", told.text());
        let snapshot = SnapshotRef {
            id: Digest::of(b"extract"),
            as_of: at.date(),
            version: SnapshotVersion::Provisional,
            imd_edition: None,
        };
        let (to, contents) = (ods(&["QZ1", "ZZ9"]), Digest::of(b"parts"));
        told.hear(at, PoolStep::Contributed { of: of.clone(), snapshot, to, tables: 12, contents });
        told.contributions[0].kept = true;
        let text = told.text();
        for words in
            ["12 tables, sealed on 2026-11-22 in two parts for QZ1, ZZ9", "open, its sealed"]
        {
            assert!(text.contains(words), "{text}");
        }
        let closing = Digest::of(b"closing");
        let missing = ods(&["M4"]);
        told.hear(at, PoolStep::Closed { of, closing, members: members[..3].to_vec(), missing });
        assert!(told.text().contains("closed on 2026-11-22 with M1, M2, M3, without M4"));
        let withdrawn = |withdrawn| PoolStep::Withdrawn {
            agreement: agreement.clone(),
            population: population(),
            withdrawn,
        };
        told.hear(at, withdrawn(true));
        assert!(told.text().contains("kept back from sums under dsa since 2026-11-22"));
        told.hear(at, withdrawn(false));
        assert!(!told.text().contains("kept back"));
        let suspended = |suspended| PoolStep::Suspended {
            federation: population().federation,
            agreement: agreement.clone(),
            suspended,
        };
        told.hear(at, suspended(true));
        assert!(told.text().contains("dsa of icb.example: suspended since 2026-11-22"));
        told.hear(at, suspended(false));
        assert!(!told.text().contains("suspended"));
    }
}
