//! `evensum query`: build, sign, ask, verify, show.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::catalogue::Catalogue;
use evensum_core::identity::QUERY_TYPE;
use evensum_core::model::{
    Agreement, AgreementId, CategoryId, IndicatorId, LevelId, Ods, Period, PurposeId, Query,
    Question, RefusalCode, Scope, canonical,
};
use evensum_core::plan::Layout;
use evensum_core::port::{AnalystPort, AskFault, Progress};
use evensum_core::sign::Envelope;
use evensum_core::view::{CoverageStatus, Shared, SystemView};

use super::exit::{Exit, Failure, OrExit};
use super::{clock, reach, serve, terminal};
use crate::config::{self, AnalystConfig};
use crate::present;
use crate::rpc::client::AnalystClient;
use crate::rpc::dial_as_analyst;
use crate::trust::{Roots, config as tls};

/// Clocks may differ by this much; a query is valid from that long before now.
const CLOCK_SKEW_SECONDS: i64 = 60;
/// A query lives this long beyond its deadline, for the coordinator's and the nodes' clocks.
const SPARE_SECONDS: i64 = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Csv,
    Json,
    Chart,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum query rtt_over_52_weeks --by imd.quintile,ethnicity.group --period 2026-10 --purpose statutory_reporting"
)]
pub(super) struct Args {
    /// The indicator: `evensum indicators` lists them
    pub(super) indicator: IndicatorId,
    /// Levels that the answer is broken down by, with commas
    #[arg(long, value_delimiter = ',')]
    pub(super) by: Vec<LevelId>,
    /// The period, such as 2026-10
    #[arg(long)]
    pub(super) period: Period,
    /// The agreement; needed where the configuration has several
    #[arg(long)]
    pub(super) agreement: Option<AgreementId>,
    /// What it is asked for
    #[arg(long)]
    pub(super) purpose: PurposeId,
    /// One restriction, such as tfc.group=130
    #[arg(long, value_parser = scope)]
    pub(super) scope: Option<Scope>,
    /// Only these partners, by ODS code; all of the agreement otherwise
    #[arg(long, value_delimiter = ',')]
    pub(super) ask: Vec<Ods>,
    /// The analyst's configuration
    #[arg(long, env = "EVENSUM_ANALYST", default_value = "analyst.toml")]
    pub(super) config: PathBuf,
    #[arg(long, default_value = "table")]
    pub(super) format: Format,
    /// Seconds until there is an answer, in full or in part
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=60))]
    pub(super) deadline: u32,
    /// Exit with 4 where a partner is missing
    #[arg(long)]
    pub(super) require_all: bool,
}

fn scope(text: &str) -> Result<Scope, String> {
    let (level, category) =
        text.split_once('=').ok_or("write it as LEVEL=CATEGORY, such as tfc.group=130")?;
    let level = LevelId::new(level).map_err(|e| e.to_string())?;
    let category = CategoryId::new(category).map_err(|e| e.to_string())?;
    Ok(Scope { level, category })
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let view = serve::runtime()?.block_on(ask(&args))?;
    terminal::out(&shown(&view, args.format)?);
    Ok(exit_code(&view, args.require_all))
}

/// The answer in the form that was asked for.
pub(super) fn shown(view: &SystemView<Shared>, format: Format) -> Result<String, Failure> {
    let answer = view.answer();
    let (width, glyphs) = (terminal::width(), terminal::glyphs());
    Ok(match format {
        Format::Table => present::table::answer(answer, width, glyphs),
        Format::Chart => present::chart::bars(answer, width, glyphs),
        Format::Csv => present::csv::answer(answer).or_exit(Exit::Fault)?,
        Format::Json => present::json::to_string_pretty(answer),
    })
}

fn exit_code(view: &SystemView<Shared>, require_all: bool) -> ExitCode {
    let coverage = &view.answer().coverage;
    if coverage.iter().any(|c| c.status == CoverageStatus::Answered) {
        let part = require_all && !view.answer().complete();
        return if part { Exit::Part.into() } else { ExitCode::SUCCESS };
    }
    let any = |wanted: &[CoverageStatus]| coverage.iter().any(|c| wanted.contains(&c.status));
    let exit = if any(&[CoverageStatus::Late, CoverageStatus::Unreachable]) {
        Exit::Unavailable
    } else if any(&[CoverageStatus::Refused]) {
        Exit::Denied
    } else {
        // Everybody answered that there is no such data.
        Exit::Data
    };
    exit.into()
}

/// Builds the query from what the analyst asked for, and checks all that can be checked here.
fn build(
    args: &Args,
    agreement: &Agreement,
    catalogue: &Catalogue,
) -> Result<(Query, Layout), Failure> {
    let definition_hash = catalogue.definition_hash(&args.indicator).or_exit(Exit::Usage)?;
    let question = Question {
        indicator: args.indicator.clone(),
        definition_hash,
        period: args.period,
        by: args.by.clone(),
        scope: args.scope.clone(),
    };
    for level in args.by.iter().chain(args.scope.as_ref().map(|s| &s.level)) {
        catalogue.level(level).or_exit(Exit::Usage)?;
    }
    let indicator = catalogue.indicator(&args.indicator).or_exit(Exit::Usage)?;
    let dataset = catalogue.dataset(&indicator.dataset).or_exit(Exit::Fault)?;
    if !dataset.has_period(args.period) {
        return Err(Failure::says(Exit::Usage, RefusalCode::PeriodKind.says()));
    }
    let layout = Layout::new(&question, Some(agreement), catalogue).or_exit(Exit::Usage)?;
    let everyone = || agreement.nodes().map(|p| p.ods.clone()).collect();
    let now = clock::system().now();
    let query = Query {
        query_id: clock::query_id(),
        federation: agreement.federation.clone(),
        agreement: agreement.id.clone(),
        agreement_hash: agreement.hash().or_exit(Exit::Config)?,
        purpose: args.purpose.clone(),
        targets: if args.ask.is_empty() { everyone() } else { args.ask.clone() },
        not_before: now.plus(-CLOCK_SKEW_SECONDS),
        expires: now.plus(i64::from(args.deadline) + SPARE_SECONDS),
        questions: vec![question],
    };
    query.question().or_exit(Exit::Usage)?;
    Ok((query, layout))
}

/// Connects to the agreement's coordinator.
pub(super) async fn connect(
    config: &AnalystConfig,
    agreement: &Agreement,
) -> Result<AnalystClient, Failure> {
    let roots = Roots::read(&config.ca).or_exit(Exit::Config)?;
    let dial = tls::analyst_dial(&roots, clock::system()).or_exit(Exit::Config)?;
    let (proxy, password) = (config.proxy.as_ref(), config.proxy_password.as_deref());
    let address = reach::destination(&config.coordinator, proxy, password)?;
    let coordinator = agreement
        .coordinator()
        .ok_or_else(|| Failure::says(Exit::Config, "the agreement has no coordinator"))?;
    let channel = dial_as_analyst(&address, &agreement.federation, &coordinator.ods, dial)
        .await
        .or_exit(Exit::Unavailable)?;
    Ok(AnalystClient::new(channel))
}

/// Asks, and believes nothing of what comes back before it is verified and combined again.
pub(super) async fn ask(args: &Args) -> Result<SystemView<Shared>, Failure> {
    let config = AnalystConfig::read(&args.config)?;
    let catalogue = Catalogue::builtin().or_exit(Exit::Fault)?;
    let agreement = config.agreement(args.agreement.as_ref())?;
    let (query, layout) = build(args, &agreement, &catalogue)?;
    let key = config::signing_key(&config.key)?;
    let bytes = canonical::encode(&query).or_exit(Exit::Fault)?;
    let envelope =
        Envelope::sign(bytes, QUERY_TYPE, config.analyst.as_str(), &key).or_exit(Exit::Fault)?;
    let query_hash = envelope.payload_hash();
    let client = connect(&config, &agreement).await?;
    let bar = terminal::bar(query.targets.len() as u64, "Asking the partners");
    let told = bar.clone();
    let progress = Arc::new(move |happened| match happened {
        Progress::Asked { partners } => told.set_length(partners as u64),
        Progress::Settled { ods, status } => {
            told.set_message(format!("{ods}: {}", present::words::status(status)));
            told.inc(1);
        }
    });
    let deadline = Duration::from_secs(args.deadline.into());
    let answered = client.ask(envelope, deadline, progress).await;
    bar.finish_and_clear();
    let bundle = answered.map_err(|fault| Failure::new(exit_of(&fault), fault))?;
    SystemView::check(bundle, &query, query_hash, &layout, &agreement, &catalogue)
        .or_exit(Exit::Fault)
}

/// The exit code of a fault.
pub(super) const fn exit_of(fault: &AskFault) -> Exit {
    match fault {
        AskFault::Unauthenticated(_)
        | AskFault::AgreementUnknown
        | AskFault::Denied(_)
        | AskFault::Combine(_) => Exit::Denied,
        AskFault::LedgerUnavailable
        | AskFault::Running
        | AskFault::Late
        | AskFault::Unreachable => Exit::Unavailable,
        AskFault::Internal | AskFault::Unreadable => Exit::Fault,
    }
}
