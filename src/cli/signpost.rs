//! `evensum query --at`: the tables nearest to one group of people. Those of the agreement's packs were decided when
//! the extracts were published, so that asking for them releases nothing new; the others are named and not asked for.

use std::process::ExitCode;

use evensum_core::catalogue::{Indicator, Near};
use evensum_core::model::{MAX_QUESTIONS, Period, Question};
use evensum_core::plan::lists;

use super::asking::{Connected, Desk, Outcome};
use super::exit::{Exit, Failure, OrExit};
use super::query::{Args, Format, exit_of, exit_of_answer, terms};
use super::terminal;
use crate::present::signpost::{self, Asked, Signpost};

/// The most tables that are named as ones that may be asked for.
const MOST_NAMED: usize = 24;

/// Names the nearest tables, and asks for those that are decided already, in one query.
pub(super) async fn run(args: &Args) -> Result<ExitCode, Failure> {
    if !matches!(args.format, Format::Table | Format::Json) {
        return Err(Failure::says(Exit::Usage, "--at is shown as a table or as json"));
    }
    let desk = Desk::open(&args.config, args.agreement.as_ref())?;
    let id = args.indicator.as_ref();
    let id = id.ok_or_else(|| Failure::says(Exit::Usage, "name an indicator"))?;
    let indicator = desk.catalogue.indicator(id).or_exit(Exit::Usage)?.clone();
    let period = one_period(args)?;
    let own = lists(&desk.agreement);
    let near = desk.catalogue.nearest(&args.at, &indicator, &desk.agreement, &own);
    let near = near.or_exit(Exit::Usage)?;
    let (mut declared, mut others): (Vec<&Near>, Vec<&Near>) =
        near.iter().partition(|n| n.declared);
    // What one query does not carry is named instead; the nearest are asked for.
    let left = declared.split_off(declared.len().min(MAX_QUESTIONS));
    let shown = others.len().min(MOST_NAMED);
    let more = others.len() - shown + left.len();
    others.truncate(shown);
    let name = indicator.name.clone();
    let outcomes = if declared.is_empty() {
        Vec::new()
    } else {
        let questions = questions(&declared, &indicator, period, &desk)?;
        let terms = terms(args, &desk.agreement);
        let desk: Connected = desk.connect().await?;
        desk.ask(&terms, questions).await?
    };
    let asked = declared.iter().zip(&outcomes).map(|(near, outcome)| Asked {
        near,
        answer: outcome.as_ref().map(|view| view.answer()).map_err(ToString::to_string),
    });
    let signpost = Signpost {
        indicator: id,
        name: &name,
        period,
        at: args.at.iter().map(|wish| (wish.of.dimension(), wish.category.as_str())).collect(),
        tables: asked.collect(),
        may_be_asked: others,
        more,
    };
    terminal::out(&match args.format {
        Format::Json => signpost::json_pretty(&signpost),
        _ => signpost::table(&signpost, terminal::width(), terminal::glyphs()),
    });
    Ok(exit_code(&outcomes))
}

fn one_period(args: &Args) -> Result<Period, Failure> {
    let mut periods = args.period.periods();
    match (periods.next(), periods.next()) {
        (Some(period), None) => Ok(period),
        _ => Err(Failure::says(Exit::Usage, "--at takes one period, such as 2026-10")),
    }
}

fn questions(
    declared: &[&Near],
    indicator: &Indicator,
    period: Period,
    desk: &Desk,
) -> Result<Vec<Question>, Failure> {
    let definition_hash = desk.catalogue.definition_hash(&indicator.id).or_exit(Exit::Usage)?;
    let question = |near: &&Near| Question {
        indicator: indicator.id.clone(),
        definition_hash,
        period,
        by: near.by.clone(),
        // What was decided when extracts were published has no restriction.
        scope: None,
    };
    Ok(declared.iter().map(question).collect())
}

/// Success where a table was released by somebody, or none was decided before; else why the nearest was not.
fn exit_code(outcomes: &[Outcome]) -> ExitCode {
    let exit = |outcome: &Outcome| match outcome {
        Ok(view) => exit_of_answer(view.answer()),
        Err(fault) => Some(exit_of(fault)),
    };
    let exits: Vec<Option<Exit>> = outcomes.iter().map(exit).collect();
    match exits.first() {
        Some(Some(first)) if exits.iter().all(Option::is_some) => (*first).into(),
        _ => ExitCode::SUCCESS,
    }
}
