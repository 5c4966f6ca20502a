//! `evensum node preview`: what would be released of the newest extract under the policy in force. Nothing leaves the
//! machine, and no coordinator, certificate or agreement is needed.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use evensum_core::authz::{Denied, Local, Permit, Standing};
use evensum_core::catalogue::{self, Catalogue, Dimension, Indicator};
use evensum_core::disclosure::{Preview, preview};
use evensum_core::model::{
    Agreement, AgreementId, DatasetId, IndicatorId, LevelId, Period, Profile, Question,
};
use evensum_core::plan::Plan;
use serde_json::json;

use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::{clock, terminal};
use crate::config::{self, Server};
use crate::intake::{self, IntakeError};
use crate::present::preview::{self as shown, Breakdown, Document, Level};
use crate::snapshot::{self, NodeKey, Snapshot};
use crate::tabulate::{Request, tabulate};

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

/// What previews are made from.
struct Desk<'a> {
    catalogue: &'a Catalogue,
    server: &'a Server,
    key: NodeKey,
    profile: Profile,
    agreement: Option<Agreement>,
    period: Period,
    /// Extracts that were opened, and those that there are not.
    open: Vec<(DatasetId, Option<Arc<Snapshot>>)>,
}

/// Why there is no preview of a table.
enum Lack {
    Denied(Denied),
    Nothing,
    Column(String),
}

impl Lack {
    fn says(&self) -> String {
        match self {
            Self::Denied(denied) => denied.to_string(),
            Self::Nothing => "no extract of this period is loaded".to_owned(),
            Self::Column(column) => format!("the extract does not hold {column}"),
        }
    }
}

pub(super) fn run(args: &PreviewArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    let node = server.node()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    let indicators = chosen(args, &catalogue)?;
    for level in &args.by {
        catalogue.level(level).or_exit(Exit::Usage)?;
    }
    let mut desk = Desk {
        catalogue: &catalogue,
        server: &server,
        key: node.secret()?,
        profile: node.profile,
        agreement: args.agreement.as_ref().map(|id| agreement(&server, id)).transpose()?,
        period: args.period,
        open: Vec::new(),
    };
    if args.by.is_empty() {
        summary(args, &mut desk, &indicators)
    } else {
        tables(args, &mut desk, &indicators)
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

impl Desk<'_> {
    /// The newest extract of a dataset: the staged one, else the published one.
    fn extract(&mut self, dataset: &DatasetId) -> Result<Option<Arc<Snapshot>>, Failure> {
        if let Some((_, found)) = self.open.iter().find(|(id, _)| id == dataset) {
            return Ok(found.clone());
        }
        let found = match intake::newest_extract(&self.server.state, dataset, self.period) {
            Ok((dir, _)) => {
                let snapshot = snapshot::read(&dir, &self.key).or_exit(Exit::Data)?;
                let defined = self.catalogue.dataset_hash(dataset).or_exit(Exit::Fault)?;
                if snapshot.manifest().definition_hash != defined {
                    let text = format!(
                        "the extract of {dataset} was loaded by other definitions than those of this version: load it again"
                    );
                    return Err(Failure::says(Exit::Data, text));
                }
                Some(Arc::new(snapshot))
            }
            Err(IntakeError::NothingStaged { .. }) => None,
            Err(error) => return Err(Failure::new(Exit::Data, error)),
        };
        self.open.push((dataset.clone(), found.clone()));
        Ok(found)
    }

    fn plan(&self, indicator: &Indicator, by: &[LevelId]) -> Result<Plan<Local>, Denied> {
        let question = Question {
            indicator: indicator.id.clone(),
            definition_hash: self.catalogue.definition_hash(&indicator.id)?,
            period: self.period,
            by: by.to_vec(),
            scope: None,
        };
        let permit: Permit<Local> = match &self.agreement {
            None => Permit::local(question, self.catalogue, self.profile),
            Some(agreement) => {
                let now = clock::system().now();
                let standing = Standing { agreement, catalogue: self.catalogue, now };
                Permit::local_under(question, standing, self.profile)
            }
        }?;
        Plan::compile(&permit, self.catalogue)
    }

    /// Counts and protects one table, as for a release.
    fn table(
        &mut self,
        indicator: &Indicator,
        by: &[LevelId],
    ) -> Result<Result<Preview, Lack>, Failure> {
        let plan = match self.plan(indicator, by) {
            Ok(plan) => plan,
            Err(denied) => return Ok(Err(Lack::Denied(denied))),
        };
        let Some(snapshot) = self.extract(&indicator.dataset)? else {
            return Ok(Err(Lack::Nothing));
        };
        let held = &snapshot.manifest().columns_held;
        if let Some(lacking) = plan.needs().find(|c| !held.contains(c)) {
            return Ok(Err(Lack::Column(lacking.as_str().replace('_', " "))));
        }
        let raw = tabulate(&snapshot, &Request::of(&plan)).or_exit(Exit::Data)?;
        Ok(Ok(preview(&plan, raw).or_exit(Exit::Fault)?))
    }
}

/// Every indicator by every statutory dimension.
fn summary(
    args: &PreviewArgs,
    desk: &mut Desk<'_>,
    indicators: &[&Indicator],
) -> Result<(), Failure> {
    let catalogue = desk.catalogue;
    let mut all = Vec::new();
    for indicator in indicators {
        for id in STATUTORY {
            let dimension = catalogue.dimensions().iter().find(|d| d.id.as_str() == id);
            if let Some(dimension) = dimension.filter(|d| indicator.breakdowns.contains(&d.id)) {
                all.push(breakdown(args, desk, indicator, dimension)?);
            }
        }
    }
    if desk.open.iter().all(|(_, found)| found.is_none()) && all.iter().all(|b| b.levels.is_empty())
    {
        let none = all.first().and_then(|b| b.refused.clone());
        let text = format!("nothing can be shown of {}: {}", args.period, none.unwrap_or_default());
        return Err(Failure::says(Exit::Data, text));
    }
    match args.format {
        Format::Json => terminal::out(
            &serde_json::to_string_pretty(&json!({
                "period": args.period,
                "profile": desk.profile,
                "agreement": args.agreement,
                "tables": all,
            }))
            .or_exit(Exit::Fault)?,
        ),
        Format::Table => {
            terminal::out(&shown::summary(&all, terminal::width(), terminal::glyphs()));
            terminal::note(&format!(
                "{} Groups: those that are known.",
                shown::policy(desk.profile)
            ));
        }
    }
    Ok(())
}

fn breakdown(
    args: &PreviewArgs,
    desk: &mut Desk<'_>,
    indicator: &Indicator,
    dimension: &Dimension,
) -> Result<Breakdown, Failure> {
    let mut levels = Vec::new();
    let mut refused = None;
    let groupings = desk.agreement.as_ref().map_or_else(Vec::new, |a| a.groupings.clone());
    let catalogue = desk.catalogue;
    let in_use = |l: &&catalogue::Level| l.released && catalogue.in_use(&l.id, &groupings);
    for level in dimension.levels.iter().filter(in_use) {
        match desk.table(indicator, std::slice::from_ref(&level.id))? {
            Ok(preview) => levels.push(Level::of(&preview, &level.id, desk.catalogue)),
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
    desk: &mut Desk<'_>,
    indicators: &[&Indicator],
) -> Result<(), Failure> {
    let mut documents = Vec::new();
    for indicator in indicators {
        let preview = match desk.table(indicator, &args.by)? {
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
                let unit = desk.catalogue.dataset(&indicator.dataset).map(|d| d.unit.as_str());
                let below = indicator.counted.as_deref().or(unit.ok()).unwrap_or("rows");
                let (width, glyphs) = (terminal::width(), terminal::glyphs());
                let of = (indicator.name.as_str(), format!("All {below}"));
                terminal::out(&shown::figures(
                    &preview,
                    (of.0, &of.1),
                    desk.profile,
                    width,
                    glyphs,
                ));
            }
        }
    }
    match args.format {
        Format::Table => terminal::note(&shown::policy(desk.profile)),
        Format::Json => terminal::out(
            &serde_json::to_string_pretty(&json!({
                "period": args.period,
                "profile": desk.profile,
                "agreement": args.agreement,
                "tables": documents,
            }))
            .or_exit(Exit::Fault)?,
        ),
    }
    Ok(())
}
