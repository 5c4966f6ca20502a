//! `evensum node report`: a pack's indicators by the statutory breakdowns from the node's own extracts, over their
//! periods. Nothing leaves the machine, and no coordinator, certificate or agreement is needed.

mod gather;

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use evensum_core::catalogue::{Catalogue, Indicator, Pack};
use evensum_core::model::{Period, PeriodRange, Profile, Role};
use evensum_core::view::{Answer, EXACT, PROTECTED};

use self::gather::{Desk, Gathered};
use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::own_extracts::OwnExtracts;
use super::report_form::{Format, months, read_about, within};
use super::{clock, questions, terminal};
use crate::config::{self, Server};
use crate::present::report::{self, Material, Partners, Report, Setting};
use crate::trust::write_private;

/// Exact figures are planned under the profile that lets every kind of indicator be asked; it changes none of them.
const PLANNED_UNDER: Profile = Profile::Nhs75m;

/// What becomes of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figures {
    Exact,
    Under(Profile),
}

impl FromStr for Figures {
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

impl Figures {
    const fn profile(self) -> Profile {
        match self {
            Self::Exact => PLANNED_UNDER,
            Self::Under(profile) => profile,
        }
    }

    /// What a file of them is called after.
    const fn label(self) -> &'static str {
        match self {
            Self::Exact => "internal",
            Self::Under(profile) => profile.as_str(),
        }
    }

    /// Who may have them.
    const fn handling(self) -> &'static str {
        match self {
            Self::Exact => "INTERNAL: for this organisation's own people, not for release.",
            Self::Under(_) => {
                "For this organisation to look at before it releases anything: what is published is tested beside everything that was released before."
            }
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A pack, such as 13sa
    #[arg(value_name = "PACK")]
    pack: String,
    /// The last period, such as 2026-10, with the months before it; or the first and the last, such as
    /// 2025-04..2026-10. Of data by quarter or year, the periods that end in that time
    #[arg(long, value_name = "LAST|FIRST..LAST")]
    period: PeriodRange,
    /// Months that the report looks at, where only the last period is named
    #[arg(long, default_value_t = 13, value_parser = clap::value_parser!(u16).range(1..=60))]
    months: u16,
    /// exact, for figures as they are; or a disclosure profile, such as nhs75m, for what a release would show
    #[arg(long, default_value = "exact", value_name = "exact|PROFILE")]
    policy: Figures,
    /// A TOML file with commentaries, owners, trajectories and a baseline
    #[arg(long, value_name = "FILE")]
    about: Option<PathBuf>,
    /// The file to write; one that is there is replaced. Left out, it is named after the pack, the last period and the
    /// policy, and JSON goes to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Otherwise by the ending of --out, and html
    #[arg(long)]
    format: Option<Format>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    server.node()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    let indicators: Vec<Indicator> =
        questions::of_pack(&args.pack, &catalogue)?.into_iter().cloned().collect();
    let months = months(args.period, args.months.into())?;
    let about = read_about(args.about.as_deref(), &indicators)?;
    within(about.baseline, &months)?;
    let indicators: Vec<&Indicator> = indicators.iter().collect();
    let own = OwnExtracts::new(&server, &catalogue, args.policy.profile(), None)?;
    let name = name(&server);
    let mut desk = Desk { own, figures: args.policy, name: name.clone() };
    let gathered = desk.gather(&indicators, &months)?;
    if gathered.answers.is_empty() {
        return Err(nothing(&gathered, args, &catalogue));
    }
    let pack = pack(&args.pack, &catalogue)?;
    let answers: Vec<&Answer> = gathered.answers.iter().collect();
    let material = Material {
        catalogue: &catalogue,
        pack,
        indicators: &indicators,
        months: &months,
        answers: &answers,
        missing: &gathered.missing,
        partners: Partners::NotShown(
            "these are one organisation's own figures: `evensum report` sets all partners' beside each other"
                .to_owned(),
        ),
        about: &about,
    };
    write(args, &months, &report::build(setting(args, &server, name, pack), &material))
}

fn pack<'a>(id: &str, catalogue: &'a Catalogue) -> Result<&'a Pack, Failure> {
    let found = catalogue.packs().iter().find(|pack| pack.id == id);
    found.ok_or_else(|| Failure::says(Exit::Config, format!("no [[pack]] defines '{id}'")))
}

fn setting(args: &ReportArgs, server: &Server, name: String, pack: &Pack) -> Setting {
    let exact = args.policy == Figures::Exact;
    let ods = server.ods.to_string();
    Setting {
        title: if exact { format!("INTERNAL: {}", pack.name) } else { pack.name.clone() },
        area: if name == ods { name } else { format!("{name} ({ods})") },
        standing: if exact { EXACT } else { PROTECTED }.to_owned(),
        handling: args.policy.handling().to_owned(),
        exact,
        made_on: clock::system().now(),
        tool: format!("evensum {}", env!("CARGO_PKG_VERSION")),
        terms: Vec::new(),
    }
}

/// What the organisation is called in an agreement, if it has one; else by its code.
fn name(server: &Server) -> String {
    let agreements = server.memberships.iter().filter_map(|member| member.agreements().ok());
    let mut names = agreements.flatten().filter_map(|agreement| {
        agreement.party(&server.ods, Role::Node).and_then(|party| party.name.clone())
    });
    names.next().unwrap_or_else(|| server.ods.to_string())
}

/// The reasons that are named where there is no figure at all.
const REASONS: usize = 3;

fn nothing(gathered: &Gathered, args: &ReportArgs, catalogue: &Catalogue) -> Failure {
    let mut why: Vec<String> = Vec::new();
    for one in &gathered.missing {
        let of = catalogue.indicator(&one.indicator).and_then(|i| catalogue.dataset(&i.dataset));
        let of = of.map_or_else(|_| one.indicator.to_string(), |dataset| dataset.id.to_string());
        let said = format!("{of}: {}", one.why);
        if !why.contains(&said) {
            why.push(said);
        }
    }
    let more = why.len().saturating_sub(REASONS);
    why.truncate(REASONS);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Failure::says(
        Exit::Data,
        format!(
            "there is no figure of the pack '{}' in that time ({}{more}): load an extract with `evensum node load --dataset DATASET --period PERIOD --mapping FILE EXTRACT`, or name the period of one that is loaded",
            args.pack,
            why.join("; ")
        ),
    )
}

/// Writes the report; a file of it can be read by its owner alone.
fn write(args: &ReportArgs, months: &[Period], report: &Report) -> Result<(), Failure> {
    let format = Format::of(args.format, args.out.as_deref());
    let bytes = format.bytes(report)?;
    if format == Format::Json && args.out.is_none() {
        terminal::out(&String::from_utf8(bytes).or_exit(Exit::Fault)?);
        return Ok(());
    }
    let last = months.last().map(ToString::to_string).unwrap_or_default();
    let (label, extension) = (args.policy.label(), format.ending());
    let default = || PathBuf::from(format!("{}-{last}-{label}.{extension}", args.pack));
    let path = args.out.clone().unwrap_or_else(default);
    write_private(&path, &bytes, true).or_exit(Exit::Data)?;
    terminal::note(&format!("Written to {}. {}", path.display(), report.setting.handling));
    Ok(())
}
