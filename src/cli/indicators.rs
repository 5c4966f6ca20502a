//! `evensum indicators`: what can be asked, in plain English.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use evensum_core::catalogue::{Catalogue, Indicator, Polarity};
use evensum_core::model::IndicatorId;
use serde_json::{Value, json};

use super::exit::{Exit, Failure, OrExit};
use super::{beside, terminal};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: evensum indicators --show rtt_over_52_weeks")]
pub(super) struct Args {
    /// Explain one indicator
    #[arg(long, value_name = "ID")]
    show: Option<IndicatorId>,
    /// Only those of a pack
    #[arg(long)]
    pack: Option<String>,
    #[arg(long, default_value = "table")]
    format: Format,
    /// A folder of reference data, whose published figures are shown beside an indicator
    #[arg(long, value_name = "DIR", requires = "show")]
    reference: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let catalogue = Catalogue::builtin().or_exit(Exit::Fault)?;
    let chosen: Vec<&Indicator> = match &args.show {
        Some(id) => vec![catalogue.indicator(id).or_exit(Exit::Usage)?],
        None => catalogue
            .indicators()
            .iter()
            .filter(|i| args.pack.as_ref().is_none_or(|pack| i.packs.contains(pack)))
            .collect(),
    };
    if let Some(pack) = args.pack.as_ref().filter(|_| chosen.is_empty()) {
        return Err(Failure::says(
            Exit::Usage,
            format!("there is no pack '{pack}' with indicators"),
        ));
    }
    let text = match args.format {
        Format::Json => {
            let all: Vec<Value> = chosen.iter().map(|i| object(i, &catalogue)).collect();
            serde_json::to_string_pretty(&all).or_exit(Exit::Fault)?
        }
        Format::Table if args.show.is_some() => {
            let shelf = beside::open(args.reference.as_deref())?;
            let published = |i: &Indicator| beside::latest(&shelf, i);
            chosen.iter().map(|i| explained(i, &catalogue) + &published(i)).collect()
        }
        Format::Table => {
            let width = chosen.iter().map(|i| i.id.as_str().len()).max().unwrap_or_default();
            chosen.iter().map(|i| format!("{:<width$}  {}\n", i.id.as_str(), i.name)).collect()
        }
    };
    terminal::out(&text);
    Ok(ExitCode::SUCCESS)
}

fn object(indicator: &Indicator, catalogue: &Catalogue) -> Value {
    json!({
        "id": indicator.id,
        "version": indicator.version,
        "name": indicator.name,
        "dataset": indicator.dataset,
        "unit": indicator.unit,
        "polarity": indicator.polarity,
        "held_by": indicator.held_by,
        "breakdowns": levels(indicator, catalogue),
        "packs": indicator.packs,
        "source": indicator.source,
        "caveats": indicator.caveats,
        "definition_hash": catalogue.definition_hash(&indicator.id).ok(),
    })
}

fn levels(indicator: &Indicator, catalogue: &Catalogue) -> Vec<String> {
    let of = |dimension: &evensum_core::catalogue::Dimension| {
        let released = dimension.levels.iter().filter(|l| l.released);
        released.map(|l| l.id.to_string()).collect::<Vec<_>>()
    };
    catalogue
        .dimensions()
        .iter()
        .filter(|d| indicator.breakdowns.contains(&d.id))
        .flat_map(of)
        .collect()
}

fn explained(indicator: &Indicator, catalogue: &Catalogue) -> String {
    let mut text =
        format!("{} ({}, version {})\n\n", indicator.name, indicator.id, indicator.version);
    let better = match indicator.polarity {
        Polarity::LowerIsBetter => "A lower figure is better.",
        Polarity::HigherIsBetter => "A higher figure is better.",
        Polarity::Neutral => "Neither a higher nor a lower figure is better in itself.",
    };
    if let Ok(dataset) = catalogue.dataset(&indicator.dataset) {
        let of = |id: &evensum_core::model::CategoryId| {
            dataset.outcome.rollup(id).map(|r| r.label.as_str())
        };
        let above = of(&indicator.numerator).unwrap_or("All");
        let below = of(&indicator.denominator).unwrap_or("All");
        let _ = writeln!(text, "What is counted:  {}; one row is {}.", dataset.unit, dataset.row);
        let _ = writeln!(text, "Figure:           {above} as a share of: {below}. {better}");
        let _ = writeln!(text, "Double counting:  {}", dataset.caveat);
        let scopes: Vec<String> = dataset.scopes.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "Restricted by:    {}", scopes.join(", "));
    }
    let _ = writeln!(text, "Broken down by:   {}", levels(indicator, catalogue).join(", "));
    let _ = writeln!(text, "Held by:          {}", indicator.held_by);
    let _ = writeln!(text, "Packs:            {}", indicator.packs.join(", "));
    let _ = writeln!(text, "Source:           {}", indicator.source);
    for caveat in &indicator.caveats {
        let _ = writeln!(text, "Note:             {caveat}");
    }
    text
}
