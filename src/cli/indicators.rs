//! `evensum indicators`: what can be asked, in plain English.

mod explain;
mod tables;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use evensum_core::catalogue::{Catalogue, Dataset, Indicator, IndicatorKind, Pack};
use evensum_core::model::{CategoryId, IndicatorId};
use serde_json::{Value, json};

use super::exit::{Exit, Failure, OrExit};
use super::{beside, terminal};
use crate::config;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: evensum indicators --show rtt_over_52_weeks")]
pub(super) struct Args {
    /// Explain one indicator
    #[arg(long, value_name = "ID", conflicts_with_all = ["pack", "packs"])]
    show: Option<IndicatorId>,
    /// Only those of a pack
    #[arg(long, conflicts_with = "packs")]
    pack: Option<String>,
    /// List the packs
    #[arg(long)]
    packs: bool,
    /// A file of definitions beside the built-in ones; may be repeated
    #[arg(long, value_name = "FILE")]
    catalogue: Vec<PathBuf>,
    #[arg(long, default_value = "table")]
    format: Format,
    /// A folder of reference data, whose published figures are shown beside an indicator
    #[arg(long, value_name = "DIR", requires = "show")]
    reference: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let catalogue = config::catalogue(&args.catalogue)?;
    terminal::out(&text(args, &catalogue)?);
    Ok(ExitCode::SUCCESS)
}

fn text(args: &Args, catalogue: &Catalogue) -> Result<String, Failure> {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).or_exit(Exit::Fault);
    if args.packs {
        return match args.format {
            Format::Table => Ok(packs(catalogue)),
            Format::Json => pretty(&json!(catalogue.packs())),
        };
    }
    if let Some(id) = &args.show {
        let indicator = catalogue.indicator(id).or_exit(Exit::Usage)?;
        return match args.format {
            Format::Table => {
                let published =
                    beside::latest(&beside::open(args.reference.as_deref())?, indicator);
                Ok(explain::indicator(indicator, catalogue) + &published)
            }
            Format::Json => pretty(&json!([object(indicator, catalogue)])),
        };
    }
    let pack = args.pack.as_ref().map(|id| known(id, catalogue)).transpose()?;
    let of = |i: &&Indicator| pack.is_none_or(|p| i.packs.contains(&p.id));
    let chosen: Vec<&Indicator> = catalogue.indicators().iter().filter(of).collect();
    match args.format {
        Format::Table => Ok(listed(&chosen, pack, catalogue)),
        Format::Json => pretty(&chosen.iter().map(|i| object(i, catalogue)).collect()),
    }
}

fn known<'c>(id: &str, catalogue: &'c Catalogue) -> Result<&'c Pack, Failure> {
    catalogue.packs().iter().find(|p| p.id == id).ok_or_else(|| {
        let says = format!("there is no pack '{id}': `evensum indicators --packs` lists them");
        Failure::says(Exit::Usage, says)
    })
}

fn packs(catalogue: &Catalogue) -> String {
    let width = catalogue.packs().iter().map(|p| p.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for pack in catalogue.packs() {
        let count = catalogue.indicators().iter().filter(|i| i.packs.contains(&pack.id)).count();
        let _ = writeln!(text, "{:<width$}  {count:>3}  {}: {}", pack.id, pack.name, pack.about);
    }
    text
}

/// One line an indicator, those of a dataset together.
fn listed(chosen: &[&Indicator], pack: Option<&Pack>, catalogue: &Catalogue) -> String {
    let mut text = String::new();
    if let Some(pack) = pack {
        let _ = writeln!(text, "{}: {}\n", pack.name, pack.about);
    }
    let width = chosen.iter().map(|i| i.id.as_str().len()).max().unwrap_or_default();
    for dataset in catalogue.datasets() {
        let mut of = chosen.iter().filter(|i| i.dataset == dataset.id).peekable();
        if of.peek().is_none() {
            continue;
        }
        let _ = writeln!(text, "{} ({})", dataset.name, dataset.id);
        for indicator in of {
            let _ = write!(text, "  {:<width$}  {}", indicator.id.as_str(), indicator.name);
            let marks = marks(indicator);
            if !marks.is_empty() {
                let _ = write!(text, " [{}]", marks.join(", "));
            }
            text.push('\n');
        }
        text.push('\n');
    }
    if let Some(pack) = pack.filter(|pack| !pack.tables.is_empty()) {
        let law = if pack.statutory { ", before those of other packs" } else { "" };
        let _ = writeln!(
            text,
            "Tables of each indicator, decided when an extract is published{law}. A partner releases the first of a line that\npasses the disclosure test, and those after it:"
        );
        for line in tables::of_pack(pack) {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "{} indicators. `evensum indicators --show ID` explains one; --pack PACK lists those of a pack.",
        chosen.len()
    );
    text
}

/// What somebody who chooses an indicator must know before.
fn marks(indicator: &Indicator) -> Vec<&'static str> {
    let mut marks = Vec::new();
    if !released(indicator) {
        marks.push("counted, not standardised yet");
    }
    if indicator.provisional.is_some() {
        marks.push("not confirmed");
    }
    marks
}

/// Whether this version answers with the indicator's figure, and not with its counts alone.
const fn released(indicator: &Indicator) -> bool {
    !matches!(indicator.kind, IndicatorKind::Rate { standardised: true, .. })
}

fn object(indicator: &Indicator, catalogue: &Catalogue) -> Value {
    let dataset = catalogue.dataset(&indicator.dataset).ok();
    let end = |id: &CategoryId| {
        let (label, bands) = dataset.map(|d| explain::bands(d, id)).unwrap_or_default();
        json!({ "id": id, "label": label, "bands": bands })
    };
    json!({
        "id": indicator.id,
        "version": indicator.version,
        "name": indicator.name,
        "phrase": indicator.phrase,
        "dataset": indicator.dataset,
        "kind": indicator.kind,
        "released": released(indicator),
        "unit": indicator.unit,
        "counted": indicator.counted.as_ref().or(dataset.map(|d| &d.unit)),
        "numerator": end(&indicator.numerator),
        "denominator": end(&indicator.denominator),
        "polarity": indicator.polarity,
        "domain": indicator.domain,
        "priority": indicator.priority,
        "target": indicator.targets,
        "held_by": indicator.held_by,
        "periods": dataset.map(|d| d.periods),
        "needs": dataset.map(|d| explain::needs(indicator, d)),
        "breakdowns": levels(indicator, catalogue),
        "scopes": dataset.map(|d| &d.scopes),
        "packs": indicator.packs,
        "tables": tables::of(indicator, catalogue),
        "zero_target": indicator.zero_target,
        "provisional": indicator.provisional,
        "source": indicator.source,
        "caveats": caveats(indicator, dataset),
        "definition_hash": catalogue.definition_hash(&indicator.id).ok(),
    })
}

fn caveats<'c>(indicator: &'c Indicator, dataset: Option<&'c Dataset>) -> Vec<&'c String> {
    dataset.map(|d| &d.caveat).into_iter().chain(&indicator.caveats).collect()
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

#[cfg(test)]
mod tests;
