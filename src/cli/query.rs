//! `evensum query`: build, sign, ask, verify, show.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::catalogue::{Catalogue, Wish};
use evensum_core::model::{
    Agreement, AgreementId, CategoryId, IndicatorId, LevelId, Ods, PeriodRange, PurposeId,
    QueryView, Question, Scope,
};
use evensum_core::plan::Layout;
use evensum_core::port::{AskFault, OutOfOrder};
use evensum_core::view::{Answer, CoverageStatus, Shared, SystemView};

use super::asking::{self, Connected, Desk, Terms};
use super::exit::{Exit, Failure, OrExit};
use super::questions::{self, Chosen, Wanted};
use super::{clock, export, reach, rungs, serve, signpost, terminal};
use crate::config::AnalystConfig;
use crate::present;
use crate::present::overview::{Outcome, Unanswered};
use crate::rpc::client::AnalystClient;
use crate::rpc::{dial_as_analyst, name_of};
use crate::trust::{Roots, config as tls};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Csv,
    Json,
    Chart,
    Xlsx,
    Parquet,
    Fhir,
    Fingertips,
    Cml,
}

/// Which figures are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum View {
    /// The blind sum over all partners where the agreement has one and it is there, else the partners' own tables
    Auto,
    /// The blind sum over all partners alone
    Pooled,
    /// The partners' own tables, added up as ranges
    Partners,
}

#[derive(Debug, Clone, ClapArgs)]
#[command(
    after_help = "Example: evensum query rtt_over_52_weeks --by imd.quintile,ethnicity.group --period 2026-10 --purpose statutory_reporting\n         evensum query --pack 13sa --period 2026-05..2026-10 --purpose statutory_reporting\n         evensum query rtt_over_52_weeks --at imd=q1,ethnicity=B,sex=1 --period 2026-10 --purpose statutory_reporting\n\nSeveral questions go out under one signature, and one that cannot be answered does not hold up the others.\nWhere a partner withholds a table, the next coarser one that is declared is asked for, and the answer is by the finest\nlevels that every partner released, the same for all periods; --exact-levels asks for nothing else. --at names one group\nof people, by up to eight dimensions, and lists the tables nearest to it.\nExit codes: 0 where every question was answered, in full or in part (4 for part, with --require-all); else the\ncode of the first question that was not: 65 nobody holds such data, 69 unavailable, 70 a fault, 77 refused."
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
    /// The tables nearest to one group of people: a category of each of several dimensions, such as
    /// imd=q1,ethnicity=B,sex=1
    #[arg(long, value_delimiter = ',', value_parser = wish, conflicts_with_all = ["by", "pack", "scope", "exact_levels"])]
    pub(super) at: Vec<Wish>,
    /// Ask by these levels alone, and by no coarser ones where a partner withholds the table
    #[arg(long, alias = "no-coarser")]
    pub(super) exact_levels: bool,
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
    /// Figures added up before small ones are hidden, or the partners' own tables
    #[arg(long, default_value = "auto")]
    pub(super) view: View,
    /// The analyst's configuration
    #[arg(long, env = "EVENSUM_ANALYST", default_value = "analyst.toml")]
    pub(super) config: PathBuf,
    #[arg(long, default_value = "table")]
    pub(super) format: Format,
    /// The file that the answers are written to, with their notes; xlsx, parquet and cml (a folder) need one
    #[arg(long, value_name = "PATH", conflicts_with = "at")]
    pub(super) out: Option<PathBuf>,
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

fn wish(text: &str) -> Result<Wish, String> {
    let (of, category) =
        text.split_once('=').ok_or("write it as DIMENSION=CATEGORY, such as imd=q1")?;
    let of = LevelId::new(of).map_err(|e| e.to_string())?;
    Ok(Wish { of, category: category.trim().to_owned() })
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    if !args.at.is_empty() {
        return serve::runtime()?.block_on(signpost::run(&args));
    }
    export::check(&args)?;
    let asked = serve::runtime()?.block_on(ask(&args))?;
    for note in &asked.notes {
        terminal::note(&format!("evensum: {note}"));
    }
    if args.format == Format::Csv {
        for line in asked.answers().flat_map(present::rate::published) {
            terminal::note(&line);
        }
        for line in present::rung::lines(asked.answers()) {
            terminal::note(&format!("evensum: {line}"));
        }
    }
    if export::is_wanted(&args) {
        export::put(&asked, &args)?;
        return Ok(asked.exit_code(args.require_all));
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
    /// Under which they were asked.
    pub(super) agreement: Agreement,
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

    /// Whether any question has no blind sum, for a reason that is not its own.
    pub(super) fn is_without_sum(&self) -> bool {
        self.outcomes.iter().any(|one| one.as_ref().is_err_and(without_sum))
    }

    pub(super) fn listed(&self) -> Vec<Outcome<'_>> {
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
            // What the others are as files is in `export`.
            _ => {
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
        Format::Chart => present::chart::bars(answer, width, glyphs),
        Format::Csv => present::csv::answer(answer).or_exit(Exit::Fault)?,
        Format::Json => present::json::to_string_pretty(answer),
        // What the others are as files is in `export`.
        _ => present::table::answer(answer, width, glyphs),
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

/// The questions of a command line, checked as far as they can be here.
fn build(args: &Args, agreement: &Agreement, catalogue: &Catalogue) -> Result<Chosen, Failure> {
    let wanted = Wanted {
        indicator: args.indicator.as_ref(),
        pack: args.pack.as_deref(),
        by: &args.by,
        period: args.period,
        scope: args.scope.as_ref(),
    };
    let chosen = questions::choose(&wanted, agreement, catalogue, clock::system().now())?;
    for question in &chosen.questions {
        Layout::new(question, Some(agreement), catalogue).or_exit(Exit::Usage)?;
    }
    Ok(chosen)
}

/// Under which terms a command line's questions are asked.
pub(super) fn terms(args: &Args, agreement: &Agreement) -> Terms {
    let everyone = || agreement.nodes().map(|p| p.ods.clone()).collect();
    Terms {
        purpose: args.purpose.clone(),
        targets: if args.ask.is_empty() { everyone() } else { args.ask.clone() },
        deadline_seconds: args.deadline,
        view: match args.view {
            View::Partners => None,
            View::Pooled => Some(QueryView::Pooled),
            // Of some partners alone there is no sum.
            View::Auto => {
                (agreement.pool.is_some() && args.ask.is_empty()).then_some(QueryView::Pooled)
            }
        },
    }
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

/// Asks, and asks again by coarser levels what partners withhold.
pub(super) async fn ask(args: &Args) -> Result<Asked, Failure> {
    let desk = Desk::open(&args.config, args.agreement.as_ref())?;
    let Chosen { questions, mut notes } = build(args, &desk.agreement, &desk.catalogue)?;
    if args.view == View::Pooled && !args.ask.is_empty() {
        let text =
            "the blind sum is over all partners: leave --ask out, or ask with --view partners";
        return Err(Failure::says(Exit::Usage, text));
    }
    let terms = terms(args, &desk.agreement);
    terms.query(&questions, &desk.agreement)?;
    let desk = desk.connect().await?;
    let outcomes = outcomes(args, &desk, &terms, &questions, &mut notes).await?;
    let name = |question: Question| {
        let name = desk.catalogue.indicator(&question.indicator).map(|i| i.name.clone());
        (question, name.unwrap_or_default())
    };
    let agreement = desk.agreement.clone();
    let questions = questions.into_iter().map(name).collect();
    Ok(Asked { questions, outcomes, notes, agreement })
}

/// What comes of questions of one query: by coarser levels where they are withheld, and from the partners' own tables
/// where there is no blind sum.
pub(super) async fn outcomes(
    args: &Args,
    desk: &Connected,
    terms: &Terms,
    questions: &[Question],
    notes: &mut Vec<String>,
) -> Result<Vec<asking::Outcome>, Failure> {
    let mut outcomes = asked_so(args, desk, terms, questions, notes).await?;
    if args.view == View::Auto && terms.view.is_some() {
        instead(args, desk, terms, questions, (&mut outcomes, notes)).await?;
    }
    Ok(outcomes)
}

/// Asks for figures of one kind, and by coarser levels what is withheld.
async fn asked_so(
    args: &Args,
    desk: &Connected,
    terms: &Terms,
    questions: &[Question],
    notes: &mut Vec<String>,
) -> Result<Vec<asking::Outcome>, Failure> {
    let first = match desk.ask_all(terms, questions.to_vec()).await? {
        Ok(first) => first,
        // Whether the partners are asked instead is decided question by question.
        Err(fault) if args.view == View::Auto && without_sum(&fault) => {
            return Ok(questions.iter().map(|_| Err(fault.clone())).collect());
        }
        Err(fault) => return Err(Failure::new(exit_of(&fault), fault)),
    };
    if args.exact_levels {
        notes.extend(rungs::declared(desk, questions, &first)?);
        return Ok(first);
    }
    let settled = rungs::settle(desk, terms, questions, first).await?;
    notes.extend(settled.notes);
    Ok(settled.outcomes)
}

/// Whether a question has no blind sum, for a reason that is not its own.
const fn without_sum(fault: &AskFault) -> bool {
    use evensum_core::model::RefusalCode as Code;
    matches!(
        fault,
        AskFault::Denied(
            Code::SumNotAgreed
                | Code::AskerRunsCoordinator
                | Code::SumNotReady
                | Code::SumWithoutTable
                | Code::SecondServer
                | Code::SumStopped
                | Code::OpeningPending
        )
    )
}

/// Asks the partners for what there is no blind sum of, and says why.
async fn instead(
    args: &Args,
    desk: &Connected,
    terms: &Terms,
    questions: &[Question],
    (outcomes, notes): (&mut [asking::Outcome], &mut Vec<String>),
) -> Result<(), Failure> {
    let open: Vec<(usize, AskFault)> = outcomes
        .iter()
        .enumerate()
        .filter_map(|(place, outcome)| Some((place, outcome.as_ref().err()?.clone())))
        .filter(|(_, fault)| without_sum(fault))
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let why: BTreeSet<String> = open.iter().map(|(_, fault)| fault.to_string()).collect();
    for why in why {
        notes.push(format!(
            "the partners' own tables are added up as ranges instead; the blind sum was {why}"
        ));
    }
    let own: Vec<Question> =
        open.iter().filter_map(|(place, _)| questions.get(*place).cloned()).collect();
    let terms = Terms { view: None, ..terms.clone() };
    let answered = asked_so(args, desk, &terms, &own, notes).await?;
    for ((place, _), answer) in open.into_iter().zip(answered) {
        if let Some(at) = outcomes.get_mut(place) {
            *at = answer;
        }
    }
    Ok(())
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
