//! `evensum quality`: how complete the partners' extracts are, as far as their releases say it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::authz::{Standing, allows};
use evensum_core::catalogue::{Catalogue, Dataset};
use evensum_core::identity::QUERY_TYPE;
use evensum_core::model::{
    Agreement, AgreementId, DatasetId, Ods, Period, PurposeId, Query, Question, canonical,
};
use evensum_core::plan::Layout;
use evensum_core::port::AskFault;
use evensum_core::sign::Envelope;
use evensum_core::view::{Answer, DoubtError, Shared, SystemView};

use super::exit::{Exit, Failure, OrExit};
use super::query::{connect, exit_of, exit_of_answer};
use super::{agreements, clock, serve, terminal};
use crate::config::{self, AnalystConfig};
use crate::present::completeness;

/// What it is asked for where nothing is said.
const PURPOSE: &str = "data_quality";

/// Clocks may differ by this much; a query is valid from that long before now.
const CLOCK_SKEW_SECONDS: i64 = 60;
/// A query lives this long beyond its deadline, for the coordinator's and the nodes' clocks.
const SPARE_SECONDS: i64 = 120;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
    Html,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum quality --dataset rtt_open_pathway --period 2026-10 --purpose data_quality\n\nEach dimension is one ordinary question, which every partner answers, logs and may refuse. The shares are whole\nper cent of released totals; what a partner hides is withheld."
)]
pub(super) struct Args {
    /// The dataset
    #[arg(long, default_value = "rtt_open_pathway")]
    dataset: DatasetId,
    /// The period, such as 2026-10
    #[arg(long)]
    period: Period,
    /// The agreement; needed where the configuration has several
    #[arg(long)]
    agreement: Option<AgreementId>,
    /// What it is asked for; data_quality otherwise, where the agreement has it
    #[arg(long)]
    purpose: Option<PurposeId>,
    /// Only these partners, by ODS code; all of the agreement otherwise
    #[arg(long, value_delimiter = ',')]
    ask: Vec<Ods>,
    /// The analyst's configuration
    #[arg(long, env = "EVENSUM_ANALYST", default_value = "analyst.toml")]
    config: PathBuf,
    #[arg(long, default_value = "table")]
    format: Format,
    /// Write it to this file
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seconds until there are answers, in full or in part, to all questions
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=60))]
    deadline: u32,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let config = AnalystConfig::read(&args.config)?;
    let catalogue = config::catalogue(&config.catalogue)?;
    let dataset = catalogue.dataset(&args.dataset).or_exit(Exit::Usage)?;
    let agreement = config.agreement(args.agreement.as_ref())?;
    agreements::fits(&catalogue, &agreement)?;
    let outcomes = serve::runtime()?.block_on(ask(args, &config, &agreement, &catalogue))?;
    for fault in outcomes.iter().filter_map(|one| one.as_ref().err()) {
        terminal::note(&format!("evensum: {fault}"));
    }
    let answers: Vec<&Answer> = outcomes.iter().flatten().map(SystemView::answer).collect();
    if let (true, Some(Err(fault))) = (answers.is_empty(), outcomes.first()) {
        return Err(Failure::new(exit_of(fault), fault.clone()));
    }
    let text = match args.format {
        Format::Table => {
            let (width, glyphs) = (terminal::width(), terminal::glyphs());
            completeness::table(&answers, &dataset.name, width, glyphs)
        }
        Format::Json => {
            serde_json::to_string_pretty(&completeness::to_json(&answers)).or_exit(Exit::Fault)?
        }
        Format::Html => completeness::page(&answers, &dataset.name).or_exit(Exit::Fault)?,
    };
    match &args.out {
        None => terminal::out(&text),
        Some(out) => fs::write(out, text).or_exit(Exit::Data)?,
    }
    let missing = answers.iter().map(|answer| exit_of_answer(answer)).reduce(Option::and);
    Ok(missing.flatten().map_or(ExitCode::SUCCESS, Into::into))
}

/// Asks, and believes nothing before it is verified and worked out again.
async fn ask(
    args: &Args,
    config: &AnalystConfig,
    agreement: &Agreement,
    catalogue: &Catalogue,
) -> Result<Vec<Result<SystemView<Shared>, AskFault>>, Failure> {
    let query = query(args, agreement, catalogue)?;
    let key = config::signing_key(&config.key)?;
    let bytes = canonical::encode(&query).or_exit(Exit::Fault)?;
    let signer = config.analyst.as_str();
    let envelope = Envelope::sign(bytes, QUERY_TYPE, signer, &key).or_exit(Exit::Fault)?;
    let query_hash = envelope.payload_hash();
    let client = connect(config, agreement).await?;
    let deadline = Duration::from_secs(args.deadline.into());
    let claimed = client.quality(envelope, deadline).await;
    let claimed = claimed.map_err(|fault| Failure::new(exit_of(&fault), fault))?;
    let mut outcomes = Vec::with_capacity(claimed.len());
    for ((number, question), outcome) in (0..).zip(&query.questions).zip(claimed) {
        let outcome = match outcome {
            Ok(claimed) => {
                let layout = Layout::new(question, Some(agreement), catalogue);
                let layout = layout.or_exit(Exit::Usage)?;
                let checked = SystemView::check(
                    claimed.bundle,
                    &query,
                    query_hash,
                    number,
                    &layout,
                    agreement,
                    catalogue,
                );
                let view = checked.or_exit(Exit::Fault)?;
                let own = view.answer().completeness.iter().map(|one| one.claimed());
                if !own.eq(claimed.shares) {
                    return Err(Failure::new(Exit::Fault, DoubtError::Figures));
                }
                Ok(view)
            }
            Err(fault @ AskFault::Order(_)) => return Err(Failure::new(Exit::Fault, fault)),
            Err(fault) => Err(fault),
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// One question for each dimension that the agreement lets be asked.
fn query(args: &Args, agreement: &Agreement, catalogue: &Catalogue) -> Result<Query, Failure> {
    let now = clock::system().now();
    let dataset = catalogue.dataset(&args.dataset).or_exit(Exit::Usage)?;
    let questions = questions(dataset, args.period, Standing { agreement, catalogue, now })?;
    let everyone = || agreement.nodes().map(|p| p.ods.clone()).collect();
    let query = Query {
        query_id: clock::query_id(),
        federation: agreement.federation.clone(),
        agreement: agreement.id.clone(),
        agreement_hash: agreement.hash().or_exit(Exit::Config)?,
        purpose: purpose(args, agreement)?,
        targets: if args.ask.is_empty() { everyone() } else { args.ask.clone() },
        not_before: now.plus(-CLOCK_SKEW_SECONDS),
        expires: now.plus(i64::from(args.deadline) + SPARE_SECONDS),
        questions,
        view: None,
    };
    query.questions().or_exit(Exit::Usage)?;
    Ok(query)
}

/// The purpose that was named, else the usual one, which the agreement must have.
fn purpose(args: &Args, agreement: &Agreement) -> Result<PurposeId, Failure> {
    let usual = || agreement.purposes.iter().find(|p| p.as_str() == PURPOSE).cloned();
    args.purpose.clone().or_else(usual).ok_or_else(|| {
        let known: Vec<&str> = agreement.purposes.iter().map(PurposeId::as_str).collect();
        let text = format!("say what it is asked for: --purpose {}", known.join(" or "));
        Failure::says(Exit::Usage, text)
    })
}

/// Of each dimension the coarsest of its levels that may be asked, which hides the least, by the first indicator of the
/// dataset that may be asked so. Lists of organisations are left out: shares are never by site.
fn questions(
    dataset: &Dataset,
    period: Period,
    standing: Standing<'_>,
) -> Result<Vec<Question>, Failure> {
    let catalogue = standing.catalogue;
    let indicators = catalogue.indicators().iter().filter(|i| i.dataset == dataset.id);
    let indicators: Vec<_> = indicators.collect();
    let mut questions = Vec::new();
    let mut reason = None;
    let dimensions = catalogue.dimensions().iter();
    for dimension in dimensions.filter(|d| dataset.dimensions.contains(&d.id) && !d.listed) {
        let levels = dimension.levels.iter().rev().filter(|l| l.released);
        for (level, indicator) in levels.flat_map(|l| indicators.iter().map(move |i| (l, i))) {
            let question = Question {
                indicator: indicator.id.clone(),
                definition_hash: catalogue.definition_hash(&indicator.id).or_exit(Exit::Fault)?,
                period,
                by: vec![level.id.clone()],
                scope: None,
            };
            match allows(&question, standing) {
                Ok(_) => {
                    questions.push(question);
                    break;
                }
                Err(denied) => reason = Some(denied),
            }
        }
    }
    match (questions.is_empty(), reason) {
        (true, Some(denied)) => Err(Failure::new(Exit::Denied, denied)),
        (true, None) => {
            Err(Failure::says(Exit::Usage, "the dataset has nothing that can be asked"))
        }
        (false, _) => Ok(questions),
    }
}
