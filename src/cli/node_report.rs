//! `evensum node report`: a pack's indicators by the statutory breakdowns from the node's own extracts, over their
//! periods. Nothing leaves the machine, and no coordinator, certificate or agreement is needed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use evensum_core::catalogue::{Catalogue, Dataset, Indicator};
use evensum_core::disclosure::{internal, preview};
use evensum_core::model::{LevelId, Ods, Period, PeriodRange, Profile, Role};
use evensum_core::view::{Answer, Own, SystemView};
use serde_json::json;

use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::own_extracts::{Counted, Lack, OwnExtracts};
use super::{questions, terminal};
use crate::config::{self, Server};
use crate::present;
use crate::trust::write_private;

/// What every indicator is broken down by.
const LEVELS: [&str; 4] = ["imd.quintile", "ethnicity.group", "age.band", "sex"];
/// The months before the last one that are looked back on where only the last period is named: a year.
const MONTHS_BACK: usize = 12;
/// The most months that a report looks at.
const MAX_MONTHS: usize = 120;
/// Exact figures are planned under the profile that lets every kind of indicator be asked; it changes none of them.
const PLANNED_UNDER: Profile = Profile::Nhs75m;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
}

/// What becomes of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Exact,
    Under(Profile),
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "exact" {
            return Ok(Self::Exact);
        }
        let profile = Profile::try_from(text.to_owned());
        profile
            .map(Self::Under)
            .map_err(|error| format!("{error}; or exact, for figures as they are"))
    }
}

impl Shown {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Under(profile) => profile.as_str(),
        }
    }

    const fn profile(self) -> Profile {
        match self {
            Self::Exact => PLANNED_UNDER,
            Self::Under(profile) => profile,
        }
    }
}

/// The periods of a report: up to one, or from one to another.
#[derive(Debug, Clone, Copy)]
struct Span(PeriodRange);

impl FromStr for Span {
    type Err = <PeriodRange as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Span {
    /// The months that it covers, the earliest first: of a period by itself the year before as well.
    fn months(self) -> Result<Vec<Period>, Failure> {
        let all: Vec<Period> = self.0.periods().take(MAX_MONTHS + 1).collect();
        let (first, last) = match all.as_slice() {
            [] => return Ok(Vec::new()),
            [only] => (month_of(*only, MONTHS_BACK), month_of(*only, 0)),
            [first, .., last] => (first_month(*first), month_of(*last, 0)),
        };
        let months = std::iter::successors(Some(first), |month| Some(month.next()));
        let months: Vec<Period> =
            months.take_while(|month| *month <= last).take(MAX_MONTHS + 1).collect();
        if all.len() > MAX_MONTHS || months.len() > MAX_MONTHS {
            let text =
                format!("a report covers at most {MAX_MONTHS} months: name a later first period");
            return Err(Failure::says(Exit::Usage, text));
        }
        Ok(months)
    }
}

/// The month that a period ends with, or one so many months before.
fn month_of(period: Period, back: usize) -> Period {
    let mut month = first_month(period);
    while month.last_day() < period.last_day() {
        month = month.next();
    }
    (0..back).fold(month, |month, _| month.previous())
}

fn first_month(period: Period) -> Period {
    match period {
        Period::Month { .. } => period,
        Period::Quarter { year, quarter: 4 } => {
            Period::Month { year: year.saturating_add(1), month: 1 }
        }
        Period::Quarter { year, quarter } => Period::Month { year, month: 1 + 3 * quarter },
        Period::Year { year } => Period::Month { year, month: 4 },
    }
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A pack, such as 13sa
    #[arg(value_name = "PACK")]
    pack: String,
    /// The last period, such as 2026-10, with the year before it; or the first and the last, such as 2025-04..2026-10.
    /// Of datasets by quarter or year, those that end in that time
    #[arg(long, value_name = "LAST|FIRST..LAST")]
    period: Span,
    /// exact, for figures as they are; or a disclosure profile, such as nhs75m, for what a release would show
    #[arg(long, default_value = "exact", value_name = "exact|PROFILE")]
    policy: Shown,
    /// The file to write; one that is there is replaced. Without it, JSON goes to standard output
    #[arg(long)]
    out: Option<PathBuf>,
    #[arg(long, default_value = "json")]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What is not in a report, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Missing {
    what: String,
    why: String,
    periods: Vec<Period>,
}

/// What a report is made of.
#[derive(Debug, Default)]
struct Gathered {
    answers: Vec<Answer>,
    missing: Vec<Missing>,
}

impl Gathered {
    fn lacks(&mut self, what: &str, period: Period, why: String) {
        let same = |one: &&mut Missing| one.what == what && one.why == why;
        match self.missing.iter_mut().find(same) {
            Some(one) if one.periods.contains(&period) => {}
            Some(one) => one.periods.push(period),
            None => {
                self.missing.push(Missing { what: what.to_owned(), why, periods: vec![period] })
            }
        }
    }
}

pub(super) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    server.node()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    let indicators = questions::of_pack(&args.pack, &catalogue)?;
    let months = args.period.months()?;
    let own = OwnExtracts::new(&server, &catalogue, args.policy.profile(), None)?;
    let mut desk = Desk { own, shown: args.policy, name: name(&server) };
    let gathered = desk.gather(&indicators, &months)?;
    if gathered.answers.is_empty() {
        return Err(nothing(&gathered, &args.pack));
    }
    write(args, &json(args, &server.ods, &gathered)?)
}

/// What the organisation is called in an agreement, if it has one; else by its code.
fn name(server: &Server) -> String {
    let agreements = server.memberships.iter().filter_map(|member| member.agreements().ok());
    let mut names = agreements.flatten().filter_map(|agreement| {
        agreement.party(&server.ods, Role::Node).and_then(|party| party.name.clone())
    });
    names.next().unwrap_or_else(|| server.ods.to_string())
}

fn nothing(gathered: &Gathered, pack: &str) -> Failure {
    let why: Vec<String> =
        gathered.missing.iter().take(3).map(|one| format!("{}: {}", one.what, one.why)).collect();
    Failure::says(
        Exit::Data,
        format!(
            "there is no figure of the pack '{pack}' in that time ({}): load an extract with `evensum node load --dataset DATASET --period PERIOD --mapping FILE EXTRACT`, or name the period of one that is loaded",
            why.join("; ")
        ),
    )
}

struct Desk<'a> {
    own: OwnExtracts<'a>,
    shown: Shown,
    name: String,
}

impl Desk<'_> {
    /// Every table of the pack, dataset by dataset so that one extract is open at a time; then in the order of the
    /// indicators, their breakdowns and periods.
    fn gather(
        &mut self,
        indicators: &[&Indicator],
        months: &[Period],
    ) -> Result<Gathered, Failure> {
        let catalogue = self.own.catalogue;
        let levels: Vec<LevelId> = LEVELS
            .iter()
            .map(|l| LevelId::new(*l))
            .collect::<Result<_, _>>()
            .or_exit(Exit::Fault)?;
        let of_pack = |d: &&Dataset| indicators.iter().any(|i| i.dataset == d.id);
        let mut gathered = Gathered::default();
        let all = indicators.len() * levels.len() * months.len();
        let bar = terminal::bar(u64::try_from(all).unwrap_or(u64::MAX), "counting");
        for dataset in catalogue.datasets().iter().filter(of_pack) {
            let own: Vec<&Indicator> =
                indicators.iter().copied().filter(|i| i.dataset == dataset.id).collect();
            for month in months {
                if let Some(period) = dataset.periods.ending_in(*month) {
                    self.of_extract(dataset, &own, &levels, period, &mut gathered)?;
                }
                bar.inc(u64::try_from(own.len() * levels.len()).unwrap_or_default());
                self.own.close();
            }
        }
        bar.finish_and_clear();
        let place = |answer: &Answer| {
            let level = answer.axes.first().map(|axis| &axis.level);
            let at = indicators.iter().position(|i| i.id == answer.indicator.id);
            (at, levels.iter().position(|l| Some(l) == level), answer.period)
        };
        gathered.answers.sort_by_key(place);
        Ok(gathered)
    }

    /// Every table of one extract.
    fn of_extract(
        &mut self,
        dataset: &Dataset,
        indicators: &[&Indicator],
        levels: &[LevelId],
        period: Period,
        gathered: &mut Gathered,
    ) -> Result<(), Failure> {
        for indicator in indicators {
            for level in levels {
                let dimension = level.dimension();
                if !indicator.breakdowns.contains(&dimension) {
                    continue;
                }
                match self.own.counted(indicator, std::slice::from_ref(level), period)? {
                    Ok(counted) => gathered.answers.push(self.answer(counted)?),
                    Err(lack @ (Lack::Nothing | Lack::Deleted(_))) => {
                        gathered.lacks(&dataset.name, period, lack.says());
                    }
                    Err(lack) => {
                        let by = by_what(level, self.own.catalogue);
                        gathered.lacks(&format!("{} by {by}", indicator.name), period, lack.says());
                    }
                }
            }
        }
        Ok(())
    }

    fn answer(&self, counted: Counted) -> Result<Answer, Failure> {
        let Counted { plan, raw, snapshot } = counted;
        let manifest = snapshot.manifest();
        let own = Own {
            ods: self.own.server.ods.clone(),
            name: self.name.clone(),
            snapshot: manifest.snapshot_id,
            as_of: manifest.as_of,
            version: manifest.version,
            imd_edition: manifest.imd_edition,
        };
        let catalogue = self.own.catalogue;
        let view = match self.shown {
            Shown::Exact => {
                let internal = internal(&plan, raw).or_exit(Exit::Fault)?;
                SystemView::local_exact(internal, own, catalogue)
            }
            Shown::Under(_) => {
                let preview = preview(&plan, raw).or_exit(Exit::Data)?;
                SystemView::local_protected(preview, own, catalogue)
            }
        };
        Ok(view.or_exit(Exit::Fault)?.into_answer())
    }
}

fn by_what(level: &LevelId, catalogue: &Catalogue) -> String {
    catalogue.level(level).map_or_else(|_| level.to_string(), |(d, _)| d.name.to_lowercase())
}

fn json(args: &ReportArgs, ods: &Ods, gathered: &Gathered) -> Result<String, Failure> {
    let missing = gathered
        .missing
        .iter()
        .map(|one| json!({ "what": one.what, "why": one.why, "periods": one.periods }));
    let answers = gathered.answers.iter().map(present::json::answer);
    serde_json::to_string_pretty(&json!({
        "pack": args.pack,
        "ods": ods,
        "policy": args.policy.as_str(),
        "internal": args.policy == Shown::Exact,
        "answers": answers.collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(),
    }))
    .or_exit(Exit::Fault)
}

fn write(args: &ReportArgs, text: &str) -> Result<(), Failure> {
    let Some(path) = &args.out else {
        terminal::out(text);
        return Ok(());
    };
    write_private(path, text.as_bytes(), true).or_exit(Exit::Data)?;
    let standing = match args.policy {
        Shown::Exact => "INTERNAL: its figures are exact, for this organisation's own people.",
        Shown::Under(_) => "Its figures are as a release under the policy would show them.",
    };
    terminal::note(&format!("Written to {}. {standing}", path.display()));
    Ok(())
}
