//! `evensum node preview`: what would be released of the newest extract under the policy in force. Nothing leaves the
//! machine, and no coordinator, certificate or agreement is needed.

use clap::{Args, ValueEnum};
use evensum_core::catalogue::{self, Catalogue, Dimension, Indicator};
use evensum_core::disclosure::{Preview, preview};
use evensum_core::model::{Agreement, AgreementId, IndicatorId, LevelId, Period};
use serde_json::json;

use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::own_extracts::{Counted, Lack, OwnExtracts};
use super::terminal;
use crate::config::{self, Server};
use crate::present::preview::{self as shown, Breakdown, Document, Level};

/// The dimensions that NHS England's statement asks every figure for.
const STATUTORY: [&str; 4] = ["imd", "ethnicity", "age", "sex"];

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    /// A pack, such as 13sa, or one indicator
    #[arg(value_name = "PACK|INDICATOR")]
    what: String,
    /// The period of the extract, such as 2026-10
    #[arg(long)]
    period: Period,
    /// Only this indicator of the pack
    #[arg(long)]
    indicator: Option<IndicatorId>,
    /// Show the tables themselves, by these levels, as a release would show them
    #[arg(long, value_delimiter = ',')]
    by: Vec<LevelId>,
    /// Of the people and within the limits of this agreement, which the configuration names
    #[arg(long)]
    agreement: Option<AgreementId>,
    /// How many groups in a hundred may be hidden before a coarser table is advised
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    most_hidden: u8,
    #[arg(long, default_value = "table")]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &PreviewArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    let node = server.node()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    let indicators = chosen(args, &catalogue)?;
    for level in &args.by {
        catalogue.level(level).or_exit(Exit::Usage)?;
    }
    let agreement = args.agreement.as_ref().map(|id| agreement(&server, id)).transpose()?;
    let mut own = OwnExtracts::new(&server, &catalogue, node.profile, agreement)?;
    if args.by.is_empty() {
        summary(args, &mut own, &indicators)
    } else {
        tables(args, &mut own, &indicators)
    }
}

fn chosen<'a>(args: &PreviewArgs, catalogue: &'a Catalogue) -> Result<Vec<&'a Indicator>, Failure> {
    let of_pack = |i: &&Indicator| i.packs.contains(&args.what);
    let mut all: Vec<&Indicator> = catalogue.indicators().iter().filter(of_pack).collect();
    if all.is_empty() {
        let is = |i: &&Indicator| i.id.as_str() == args.what;
        all = catalogue.indicators().iter().filter(is).collect();
    }
    if let Some(only) = &args.indicator {
        all.retain(|i| i.id == *only);
    }
    if all.is_empty() {
        let text = format!(
            "there is no pack and no indicator '{}'{}: `evensum indicators` lists them",
            args.what,
            args.indicator.as_ref().map(|i| format!(" with '{i}'")).unwrap_or_default(),
        );
        return Err(Failure::says(Exit::Usage, text));
    }
    Ok(all)
}

fn agreement(server: &Server, wanted: &AgreementId) -> Result<Agreement, Failure> {
    for membership in &server.memberships {
        if let Some(found) = membership.agreements()?.into_iter().find(|a| a.id == *wanted) {
            return Ok(found);
        }
    }
    Err(Failure::says(
        Exit::Usage,
        format!("no [[membership]] of the configuration has the agreement '{wanted}'"),
    ))
}

/// Counts and protects one table, as for a release.
fn table(
    args: &PreviewArgs,
    own: &mut OwnExtracts<'_>,
    indicator: &Indicator,
    by: &[LevelId],
) -> Result<Result<Preview, Lack>, Failure> {
    match own.counted(indicator, by, args.period)? {
        Ok(Counted { plan, raw, .. }) => Ok(Ok(preview(&plan, raw).or_exit(Exit::Fault)?)),
        Err(lack) => Ok(Err(lack)),
    }
}

/// Every indicator by every statutory dimension.
fn summary(
    args: &PreviewArgs,
    own: &mut OwnExtracts<'_>,
    indicators: &[&Indicator],
) -> Result<(), Failure> {
    let catalogue = own.catalogue;
    let mut all = Vec::new();
    for indicator in indicators {
        for id in STATUTORY {
            let dimension = catalogue.dimensions().iter().find(|d| d.id.as_str() == id);
            if let Some(dimension) = dimension.filter(|d| indicator.breakdowns.contains(&d.id)) {
                all.push(breakdown(args, own, indicator, dimension)?);
            }
        }
    }
    if !own.found_any() && all.iter().all(|b| b.levels.is_empty()) {
        let none = all.first().and_then(|b| b.refused.clone());
        let text = format!("nothing can be shown of {}: {}", args.period, none.unwrap_or_default());
        return Err(Failure::says(Exit::Data, text));
    }
    match args.format {
        Format::Json => terminal::out(
            &serde_json::to_string_pretty(&json!({
                "period": args.period,
                "profile": own.profile,
                "agreement": args.agreement,
                "tables": all,
            }))
            .or_exit(Exit::Fault)?,
        ),
        Format::Table => {
            terminal::out(&shown::summary(&all, terminal::width(), terminal::glyphs()));
            terminal::note(&format!(
                "{} Groups: those that are known.",
                shown::policy(own.profile)
            ));
        }
    }
    Ok(())
}

fn breakdown(
    args: &PreviewArgs,
    own: &mut OwnExtracts<'_>,
    indicator: &Indicator,
    dimension: &Dimension,
) -> Result<Breakdown, Failure> {
    let mut levels = Vec::new();
    let mut refused = None;
    let groupings = own.agreement.as_ref().map_or_else(Vec::new, |a| a.groupings.clone());
    let catalogue = own.catalogue;
    let in_use = |l: &&catalogue::Level| l.released && catalogue.in_use(&l.id, &groupings);
    for level in dimension.levels.iter().filter(in_use) {
        match table(args, own, indicator, std::slice::from_ref(&level.id))? {
            Ok(preview) => levels.push(Level::of(&preview, &level.id, own.catalogue)),
            Err(lack) => refused = refused.or_else(|| Some(lack.says())),
        }
    }
    Ok(Breakdown {
        indicator: indicator.id.clone(),
        name: indicator.name.clone(),
        advised: shown::advised(&levels, args.most_hidden.into()),
        refused: refused.filter(|_| levels.is_empty()),
        levels,
        dimension: dimension.name.clone(),
    })
}

/// The tables themselves.
fn tables(
    args: &PreviewArgs,
    own: &mut OwnExtracts<'_>,
    indicators: &[&Indicator],
) -> Result<(), Failure> {
    let mut documents = Vec::new();
    for indicator in indicators {
        let preview = match table(args, own, indicator, &args.by)? {
            Ok(preview) => preview,
            Err(lack) if indicators.len() == 1 => {
                let exit = if matches!(lack, Lack::Denied(_)) { Exit::Usage } else { Exit::Data };
                return Err(Failure::says(exit, format!("{}: {}", indicator.id, lack.says())));
            }
            Err(lack) => {
                terminal::note(&format!("{} is left out: {}.", indicator.id, lack.says()));
                continue;
            }
        };
        match args.format {
            Format::Json => documents.push(Document::of(&preview)),
            Format::Table => {
                let unit = own.catalogue.dataset(&indicator.dataset).map(|d| d.unit.as_str());
                let below = indicator.counted.as_deref().or(unit.ok()).unwrap_or("rows");
                let (width, glyphs) = (terminal::width(), terminal::glyphs());
                let of = (indicator.name.as_str(), format!("All {below}"));
                terminal::out(&shown::figures(&preview, (of.0, &of.1), own.profile, width, glyphs));
            }
        }
    }
    match args.format {
        Format::Table => terminal::note(&shown::policy(own.profile)),
        Format::Json => terminal::out(
            &serde_json::to_string_pretty(&json!({
                "period": args.period,
                "profile": own.profile,
                "agreement": args.agreement,
                "tables": documents,
            }))
            .or_exit(Exit::Fault)?,
        ),
    }
    Ok(())
}
