//! `evensum query`: build, sign, ask, verify, show.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::catalogue::Catalogue;
use evensum_core::identity::QUERY_TYPE;
use evensum_core::model::{
    Agreement, AgreementId, CategoryId, IndicatorId, LevelId, Ods, PeriodRange, PurposeId, Query,
    Question, Scope, canonical,
};
use evensum_core::plan::Layout;
use evensum_core::port::{AnalystPort, AskFault, InOrder, OutOfOrder, Progress, ProgressSink};
use evensum_core::sign::Envelope;
use evensum_core::view::{Answer, CoverageStatus, Shared, SystemView};
use indicatif::ProgressBar;
use tokio_stream::StreamExt;

use super::exit::{Exit, Failure, OrExit};
use super::questions::{self, Chosen, Wanted};
use super::{beside, clock, reach, serve, terminal};
use crate::config::{self, AnalystConfig};
use crate::present;
use crate::present::overview::{Outcome, Unanswered};
use crate::rpc::client::AnalystClient;
use crate::rpc::{dial_as_analyst, name_of};
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
    after_help = "Example: evensum query rtt_over_52_weeks --by imd.quintile,ethnicity.group --period 2026-10 --purpose statutory_reporting\n         evensum query --pack 13sa --period 2026-05..2026-10 --purpose statutory_reporting\n\nSeveral questions go out under one signature, and one that cannot be answered does not hold up the others.\nExit codes: 0 where every question was answered, in full or in part (4 for part, with --require-all); else the\ncode of the first question that was not: 65 nobody holds such data, 69 unavailable, 70 a fault, 77 refused."
)]
pub(super) struct Args {
    /// The indicator: `evensum indicators` lists them
    #[arg(required_unless_present = "pack", conflicts_with = "pack")]
    pub(super) indicator: Option<IndicatorId>,
    /// All indicators of a pack in place of one, such as 13sa
    #[arg(long)]
    pub(super) pack: Option<String>,
    /// Levels that the answer is broken down by, with commas; for a pack, imd.quintile otherwise
    #[arg(long, value_delimiter = ',')]
    pub(super) by: Vec<LevelId>,
    /// The period, such as 2026-10, or the first and the last of several: 2026-05..2026-10
    #[arg(long)]
    pub(super) period: PeriodRange,
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
    /// Seconds until there are answers, in full or in part, to all questions
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
    let asked = serve::runtime()?.block_on(ask(&args))?;
    for note in &asked.notes {
        terminal::note(&format!("evensum: {note}"));
    }
    if args.format == Format::Csv {
        for line in asked.answers().flat_map(present::rate::published) {
            terminal::note(&line);
        }
    }
    let text = match asked.outcomes.len() {
        1 => shown(asked.one()?, args.format)?,
        _ => asked.shown(args.format)?,
    };
    terminal::out(&text);
    Ok(asked.exit_code(args.require_all))
}

/// What was asked, and what came of each question.
#[derive(Debug)]
pub(super) struct Asked {
    questions: Vec<(Question, String)>,
    pub(super) outcomes: Vec<Result<SystemView<Shared>, AskFault>>,
    notes: Vec<String>,
}

impl Asked {
    /// The answers, in the order of the questions.
    pub(super) fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.outcomes.iter().filter_map(|one| one.as_ref().ok()).map(SystemView::answer)
    }

    /// The one answer to one question.
    pub(super) fn one(&self) -> Result<&SystemView<Shared>, Failure> {
        match self.outcomes.as_slice() {
            [Ok(view)] => Ok(view),
            [Err(fault)] => Err(Failure::new(exit_of(fault), fault.clone())),
            _ => Err(Failure::new(Exit::Fault, OutOfOrder)),
        }
    }

    fn listed(&self) -> Vec<Outcome<'_>> {
        let each = self.questions.iter().zip(&self.outcomes);
        each.map(|((question, name), outcome)| Outcome {
            indicator: &question.indicator,
            name,
            period: question.period,
            answer: outcome
                .as_ref()
                .map(SystemView::answer)
                .map_err(|fault| Unanswered { code: name_of(fault), text: fault.to_string() }),
        })
        .collect()
    }

    /// A line for each question.
    pub(super) fn overview(&self) -> String {
        present::overview::table(&self.listed(), terminal::width(), terminal::glyphs())
    }

    /// Several answers in the form that was asked for.
    pub(super) fn shown(&self, format: Format) -> Result<String, Failure> {
        Ok(match format {
            Format::Json => present::json::list_pretty(&self.listed()),
            Format::Csv => {
                for one in self.listed() {
                    if let Err(fault) = &one.answer {
                        let (indicator, period) = (one.indicator, one.period);
                        terminal::note(&format!("evensum: {indicator} {period}: {}", fault.text));
                    }
                }
                present::csv::answers(&self.answers().collect::<Vec<_>>()).or_exit(Exit::Fault)?
            }
            Format::Table | Format::Chart => {
                let mut text = self.overview();
                for view in self.outcomes.iter().flatten() {
                    text.push('\n');
                    text.push_str(&shown(view, format)?);
                }
                text
            }
        })
    }

    /// Whether every question was answered, in full where that is required, or why the first was not.
    pub(super) fn exit_code(&self, require_all: bool) -> ExitCode {
        let exits = self.outcomes.iter().map(|one| match one {
            Ok(view) => exit_of_answer(view.answer()),
            Err(fault) => Some(exit_of(fault)),
        });
        if let Some(exit) = exits.flatten().next() {
            return exit.into();
        }
        let part = require_all && !self.answers().all(Answer::complete);
        if part { Exit::Part.into() } else { ExitCode::SUCCESS }
    }
}

/// One answer in the form that was asked for.
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

/// The exit code of an answer without any partner in it; none where there is one.
pub(super) fn exit_of_answer(answer: &Answer) -> Option<Exit> {
    let any =
        |wanted: &[CoverageStatus]| answer.coverage.iter().any(|c| wanted.contains(&c.status));
    if any(&[CoverageStatus::Answered]) {
        None
    } else if any(&[CoverageStatus::Late, CoverageStatus::Unreachable]) {
        Some(Exit::Unavailable)
    } else if any(&[CoverageStatus::Refused]) {
        Some(Exit::Denied)
    } else {
        // Everybody answered that there is no such data.
        Some(Exit::Data)
    }
}

/// A query that was checked as far as it can be here, with the tables that it asks for.
struct Built {
    query: Query,
    layouts: Vec<Layout>,
    notes: Vec<String>,
}

fn build(args: &Args, agreement: &Agreement, catalogue: &Catalogue) -> Result<Built, Failure> {
    let now = clock::system().now();
    let wanted = Wanted {
        indicator: args.indicator.as_ref(),
        pack: args.pack.as_deref(),
        by: &args.by,
        period: args.period,
        scope: args.scope.as_ref(),
    };
    let Chosen { questions, notes } = questions::choose(&wanted, agreement, catalogue, now)?;
    let layout = |question| Layout::new(question, Some(agreement), catalogue);
    let layouts = questions.iter().map(layout).collect::<Result<_, _>>().or_exit(Exit::Usage)?;
    let everyone = || agreement.nodes().map(|p| p.ods.clone()).collect();
    let query = Query {
        query_id: clock::query_id(),
        federation: agreement.federation.clone(),
        agreement: agreement.id.clone(),
        agreement_hash: agreement.hash().or_exit(Exit::Config)?,
        purpose: args.purpose.clone(),
        targets: if args.ask.is_empty() { everyone() } else { args.ask.clone() },
        not_before: now.plus(-CLOCK_SKEW_SECONDS),
        expires: now.plus(i64::from(args.deadline) + SPARE_SECONDS),
        questions,
    };
    query.questions().or_exit(Exit::Usage)?;
    Ok(Built { query, layouts, notes })
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
pub(super) async fn ask(args: &Args) -> Result<Asked, Failure> {
    let config = AnalystConfig::read(&args.config)?;
    let catalogue = config::catalogue(&config.catalogue)?;
    let agreement = config.agreement(args.agreement.as_ref())?;
    let shelf = beside::open(config.reference.as_deref())?;
    serve::fits(&catalogue, &agreement)?;
    let Built { query, layouts, notes } = build(args, &agreement, &catalogue)?;
    let key = config::signing_key(&config.key)?;
    let bytes = canonical::encode(&query).or_exit(Exit::Fault)?;
    let envelope =
        Envelope::sign(bytes, QUERY_TYPE, config.analyst.as_str(), &key).or_exit(Exit::Fault)?;
    let query_hash = envelope.payload_hash();
    let client = connect(&config, &agreement).await?;
    let (bar, progress) = progress(query.targets.len(), layouts.len());
    let deadline = Duration::from_secs(args.deadline.into());
    let asked = client.ask(envelope, deadline, progress).await;
    let mut answers = asked.map_err(|fault| Failure::new(exit_of(&fault), fault))?;
    let mut order = InOrder::new(u32::try_from(layouts.len()).or_exit(Exit::Fault)?);
    let mut outcomes = Vec::with_capacity(layouts.len());
    while let Some((number, outcome)) = answers.next().await {
        order.take(number).or_exit(Exit::Fault)?;
        let Some(layout) = layouts.get(outcomes.len()) else {
            return Err(Failure::new(Exit::Fault, OutOfOrder));
        };
        outcomes.push(match outcome {
            Ok(bundle) => {
                let view = SystemView::check(
                    bundle, &query, query_hash, number, layout, &agreement, &catalogue,
                );
                let view = view.or_exit(Exit::Fault)?;
                let beside = beside::of(view.answer(), &shelf, &agreement, &catalogue);
                Ok(view.with_beside(beside))
            }
            // One that answers another question than the next is not to be trusted with the others.
            Err(fault @ AskFault::Order(_)) => return Err(Failure::new(Exit::Fault, fault)),
            Err(fault) => Err(fault),
        });
    }
    bar.finish_and_clear();
    if !order.rest().is_empty() {
        return Err(Failure::new(Exit::Fault, OutOfOrder));
    }
    let name = |question: Question| {
        let name = catalogue.indicator(&question.indicator).map(|i| i.name.clone());
        (question, name.unwrap_or_default())
    };
    Ok(Asked { questions: query.questions.into_iter().map(name).collect(), outcomes, notes })
}

/// A bar over every partner's part of every answer.
fn progress(partners: usize, questions: usize) -> (ProgressBar, ProgressSink) {
    let bar = terminal::bar((partners * questions) as u64, "Asking the partners");
    let told = bar.clone();
    let progress = Arc::new(move |happened| match happened {
        Progress::Asked { partners, questions } => told.set_length((partners * questions) as u64),
        Progress::Settled { ods, question, status } => {
            let status = present::words::status(status);
            told.set_message(match questions {
                1 => format!("{ods}: {status}"),
                _ => format!("{ods}, question {}: {status}", question + 1),
            });
            told.inc(1);
        }
    });
    (bar, progress)
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
        AskFault::Internal | AskFault::Unreadable | AskFault::Order(_) => Exit::Fault,
    }
}
