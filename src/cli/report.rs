//! `evensum report`: a pack as a page, a workbook or JSON, for boards and analysts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use evensum_core::authz::{Standing, allows};
use evensum_core::catalogue::{Catalogue, Indicator, Pack};
use evensum_core::model::{
    Agreement, AgreementId, CategoryId, LevelId, MAX_QUESTIONS, Ods, Period, PeriodRange,
    PurposeId, Question, Role,
};
use evensum_core::port::AskFault;
use evensum_core::view::{Answer, Shared, SystemView};

use super::asking::{Connected, Desk, Outcome, Terms};
use super::exit::{Exit, Failure, OrExit};
use super::query::{self, View, exit_of, exit_of_answer};
use super::report_form::{Format, LEVELS, last_month, months, read_about, within};
use super::{clock, questions, serve, terminal};
use crate::present::report::{self, About, Material, Missing, Partners, Report, Setting};
use crate::trust::write_private;

/// The dimension that is looked at over time.
const DEPRIVATION: &str = "imd";
/// The most breakdowns.
const MAX_LEVELS: usize = 8;
/// What the figures of a report are.
const STANDING: &str = "System-wide figures, combined from protected tables of the partners. What is withheld is hidden, and is not zero.";

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum report 13sa --period 2026-10 --purpose statutory_reporting --out statement.html\n         evensum report 13sa --period 2025-10..2026-10 --purpose statutory_reporting --about about.toml --partners --out statement.xlsx\n\nThe page needs nothing else, and prints; docs/report.md says what is on it and what --about may say. Every table is one\nordinary question, which every partner answers, logs and may refuse. What has no figures is listed at the end.\nExit codes: 0 where the report has figures (4 for a partner missing, with --require-all); else the code of the first\nquestion that was not answered: 65 nobody holds such data, 69 unavailable, 70 a fault, 77 refused."
)]
pub(super) struct Args {
    /// The pack, such as 13sa: `evensum indicators --packs` lists them
    #[arg(value_name = "PACK")]
    pack: String,
    /// The last period, such as 2026-10, with the months before it; or the first and the last, such as
    /// 2025-04..2026-10. Of data by quarter or year, the periods that end in that time
    #[arg(long, value_name = "LAST|FIRST..LAST")]
    period: PeriodRange,
    /// Months that the report looks at, where only the last period is named
    #[arg(long, default_value_t = 13, value_parser = clap::value_parser!(u16).range(1..=60))]
    months: u16,
    /// What it is asked for
    #[arg(long)]
    purpose: PurposeId,
    /// The agreement; needed where the configuration has several
    #[arg(long)]
    agreement: Option<AgreementId>,
    /// Levels, with commas, that every indicator is broken down by, one at a time;
    /// imd.quintile,ethnicity.group,age.band,sex otherwise
    #[arg(long, value_delimiter = ',')]
    by: Vec<LevelId>,
    /// A TOML file with commentaries, owners, trajectories and a baseline
    #[arg(long, value_name = "FILE")]
    about: Option<PathBuf>,
    /// Set each partner beside the system, where the agreement lets partners be shown
    #[arg(long)]
    partners: bool,
    /// The file to write; one that is there is replaced. Without it, the report goes to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Otherwise by the ending of --out, and html
    #[arg(long)]
    format: Option<Format>,
    /// Figures added up before small ones are hidden, or the partners' own tables
    #[arg(long, default_value = "auto")]
    view: View,
    /// The analyst's configuration
    #[arg(long, env = "EVENSUM_ANALYST", default_value = "analyst.toml")]
    config: PathBuf,
    /// Seconds until there are answers, in full or in part, to the questions of one query
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=60))]
    deadline: u32,
    /// Exit with 4 where a partner is missing
    #[arg(long)]
    require_all: bool,
}

impl Args {
    fn format(&self) -> Format {
        Format::of(self.format, self.out.as_deref())
    }

    /// The same, as a query's.
    fn query(&self) -> query::Args {
        query::Args {
            indicator: None,
            pack: Some(self.pack.clone()),
            by: Vec::new(),
            at: Vec::new(),
            exact_levels: false,
            period: self.period,
            agreement: self.agreement.clone(),
            purpose: self.purpose.clone(),
            scope: None,
            ask: Vec::new(),
            view: self.view,
            config: self.config.clone(),
            format: query::Format::Json,
            out: None,
            deadline: self.deadline,
            require_all: self.require_all,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let months = months(args.period, args.months.into())?;
    writable(args)?;
    let desk = Desk::open(&args.config, args.agreement.as_ref())?;
    let indicators: Vec<Indicator> =
        questions::of_pack(&args.pack, &desk.catalogue)?.into_iter().cloned().collect();
    let about = read_about(args.about.as_deref(), &indicators)?;
    within(about.baseline, &months)?;
    let asked = serve::runtime()?.block_on(ask(args, desk, &indicators, &months))?;
    let report = built(args, &asked, &indicators, &months, &about)?;
    if report.indicators.is_empty() {
        return Err(asked.nothing(&args.pack));
    }
    for note in &asked.notes {
        terminal::note(&format!("evensum: {note}"));
    }
    write(args, &report)?;
    let part = args.require_all && !asked.answers().iter().all(|answer| answer.complete());
    Ok(if part { Exit::Part.into() } else { ExitCode::SUCCESS })
}

/// Whether there is somewhere to write to, before anybody is asked.
fn writable(args: &Args) -> Result<(), Failure> {
    let Some(out) = &args.out else {
        if args.format() == Format::Xlsx {
            let text = "a workbook is written to a file: add --out report.xlsx";
            return Err(Failure::says(Exit::Usage, text));
        }
        return Ok(());
    };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Failure::says(
            Exit::Data,
            format!(
                "--out {}: there is no folder {}: make it first",
                out.display(),
                folder.display()
            ),
        )),
        _ => Ok(()),
    }
}

/// A partner, its name and its own answers.
type OfPartner = (Ods, String, Vec<SystemView<Shared>>);

/// Everything that came of the questions.
#[derive(Debug)]
struct Asked {
    desk: Connected,
    views: Vec<SystemView<Shared>>,
    missing: Vec<Missing>,
    faults: Vec<AskFault>,
    /// Each partner's own answers, or why they are not set beside each other; none where nobody asked for them.
    partners: Option<Result<Vec<OfPartner>, String>>,
    notes: Vec<String>,
}

impl Asked {
    fn answers(&self) -> Vec<&Answer> {
        self.views.iter().map(SystemView::answer).collect()
    }

    /// Why there is not one figure.
    fn nothing(&self, pack: &str) -> Failure {
        let of_answer = self.answers().iter().find_map(|answer| exit_of_answer(answer));
        let exit = self.faults.first().map(exit_of).or(of_answer).unwrap_or(Exit::Denied);
        let mut why: Vec<&str> = Vec::new();
        for one in &self.missing {
            if !why.contains(&one.why.as_str()) && why.len() < 3 {
                why.push(&one.why);
            }
        }
        let why = match why.as_slice() {
            [] => "no partner that was asked has figures".to_owned(),
            why => why.join("; "),
        };
        Failure::says(exit, format!("there is no figure of the pack '{pack}' in that time: {why}"))
    }
}

/// The levels of a report: those that were named, else the usual ones, or the groupings that the agreement has in
/// their place.
fn levels(
    args: &Args,
    catalogue: &Catalogue,
    agreement: &Agreement,
) -> Result<Vec<LevelId>, Failure> {
    let mut levels = args.by.clone();
    if levels.is_empty() {
        let usual: Vec<LevelId> = LEVELS
            .iter()
            .map(|level| LevelId::new(*level))
            .collect::<Result<_, _>>()
            .or_exit(Exit::Fault)?;
        for level in usual {
            let other = agreement.groupings.iter().find(|g| g.dimension() == level.dimension());
            let in_use = catalogue.in_use(&level, &agreement.groupings);
            levels.push(other.filter(|_| !in_use).cloned().unwrap_or(level));
        }
    }
    for (at, level) in levels.iter().enumerate() {
        catalogue.level(level).or_exit(Exit::Usage)?;
        if levels[..at].iter().any(|before| before.dimension() == level.dimension()) {
            let text =
                format!("--by names '{}' twice: a report has one level of each", level.dimension());
            return Err(Failure::says(Exit::Usage, text));
        }
    }
    if levels.len() > MAX_LEVELS {
        let text = format!("--by names more than {MAX_LEVELS} levels: leave some out");
        return Err(Failure::says(Exit::Usage, text));
    }
    Ok(levels)
}

/// Asks: of every period by deprivation, of the latest with figures by every other level, then the partners.
async fn ask(
    args: &Args,
    desk: Desk,
    indicators: &[Indicator],
    months: &[Period],
) -> Result<Asked, Failure> {
    let levels = levels(args, &desk.catalogue, &desk.agreement)?;
    let own = args.query();
    let terms = query::terms(&own, &desk.agreement);
    if !desk.agreement.purposes.contains(&args.purpose) {
        let known: Vec<&str> = desk.agreement.purposes.iter().map(PurposeId::as_str).collect();
        let text =
            format!("the agreement has no purpose '{}': it has {}", args.purpose, known.join(", "));
        return Err(Failure::says(Exit::Denied, text));
    }
    let desk = desk.connect().await?;
    let mut asked = Asked {
        desk,
        views: Vec::new(),
        missing: Vec::new(),
        faults: Vec::new(),
        partners: None,
        notes: Vec::new(),
    };
    let (over_time, others): (Vec<&LevelId>, Vec<&LevelId>) =
        levels.iter().partition(|level| level.dimension().as_str() == DEPRIVATION);
    let mut planned: Vec<Vec<Question>> = Vec::new();
    for indicator in indicators {
        for level in &over_time {
            planned.push(asked.plan(indicator, level, months)?);
        }
    }
    asked.ask(&own, &terms, planned).await?;
    let mut planned: Vec<Vec<Question>> = Vec::new();
    for indicator in indicators {
        let latest = asked.latest(indicator);
        let months: Vec<Period> =
            latest.map_or_else(|| months.to_vec(), |latest| vec![last_month(latest)]);
        for level in &others {
            // Without deprivation the last period is the latest.
            let questions = asked.plan(indicator, level, &months)?;
            planned.push(questions.into_iter().next_back().into_iter().collect());
        }
    }
    asked.ask(&own, &terms, planned).await?;
    if args.partners {
        asked.partners = Some(asked.each_partner(&terms).await?);
    }
    Ok(asked)
}

impl Asked {
    /// The questions of an indicator by one level; what may not be asked is written down as missing.
    fn plan(
        &mut self,
        indicator: &Indicator,
        level: &LevelId,
        months: &[Period],
    ) -> Result<Vec<Question>, Failure> {
        let (catalogue, agreement) = (&self.desk.catalogue, &self.desk.agreement);
        let dataset = catalogue.dataset(&indicator.dataset).or_exit(Exit::Fault)?;
        let name = catalogue.level(level).map(|(dimension, _)| dimension.name.clone());
        let by = name.unwrap_or_else(|_| level.to_string());
        let standing = Standing { agreement, catalogue, now: clock::system().now() };
        let mut questions = Vec::new();
        let mut missing = Vec::new();
        for period in months.iter().filter_map(|month| dataset.periods.ending_in(*month)) {
            let question = Question {
                indicator: indicator.id.clone(),
                definition_hash: catalogue.definition_hash(&indicator.id).or_exit(Exit::Fault)?,
                period,
                by: vec![level.clone()],
                scope: None,
            };
            match allows(&question, standing) {
                Ok(_) => questions.push(question),
                Err(denied) => missing.push(Missing {
                    indicator: indicator.id.clone(),
                    by: Some(by.clone()),
                    period: Some(period),
                    why: denied.to_string(),
                }),
            }
        }
        self.missing.extend(missing);
        Ok(questions)
    }

    /// Asks groups of questions, as many in each query as it carries; a group stays together, so that all of its
    /// periods are answered by the same levels.
    async fn ask(
        &mut self,
        own: &query::Args,
        terms: &Terms,
        planned: Vec<Vec<Question>>,
    ) -> Result<(), Failure> {
        let mut queries: Vec<Vec<Question>> = Vec::new();
        for group in planned.into_iter().filter(|group| !group.is_empty()) {
            match queries.last_mut() {
                Some(last) if last.len() + group.len() <= MAX_QUESTIONS => last.extend(group),
                _ => queries.push(group),
            }
        }
        for questions in queries {
            let mut notes = Vec::new();
            let outcomes = query::outcomes(own, &self.desk, terms, &questions, &mut notes).await?;
            for note in notes {
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            for (question, outcome) in questions.iter().zip(outcomes) {
                self.take(question, outcome);
            }
        }
        Ok(())
    }

    fn take(&mut self, question: &Question, outcome: Outcome) {
        match outcome {
            Ok(view) => self.views.push(view),
            Err(fault) => {
                let level = question.by.first().and_then(|l| self.desk.catalogue.level(l).ok());
                self.missing.push(Missing {
                    indicator: question.indicator.clone(),
                    by: level.map(|(dimension, _)| dimension.name.clone()),
                    period: Some(question.period),
                    why: fault.to_string(),
                });
                self.faults.push(fault);
            }
        }
    }

    /// The latest period of which there are figures.
    fn latest(&self, indicator: &Indicator) -> Option<Period> {
        let own = self.views.iter().map(SystemView::answer);
        let with = own.filter(|a| a.indicator.id == indicator.id && !a.cells.is_empty());
        with.map(|answer| answer.period).max()
    }

    /// What each partner alone releases of the latest periods, by the levels that the system's answer is by.
    async fn each_partner(
        &self,
        terms: &Terms,
    ) -> Result<Result<Vec<(Ods, String, Vec<SystemView<Shared>>)>, String>, Failure> {
        let Desk { agreement, catalogue, .. } = &*self.desk;
        if !agreement.show_partners {
            let why = "the agreement does not let a named partner's figures be shown to the others";
            return Ok(Err(why.to_owned()));
        }
        let mut questions = Vec::new();
        for view in &self.views {
            let answer = view.answer();
            let latest =
                catalogue.indicator(&answer.indicator.id).ok().and_then(|i| self.latest(i));
            let [axis] = answer.axes.as_slice() else { continue };
            let wanted = axis.dimension.as_str() == DEPRIVATION && Some(answer.period) == latest;
            if wanted && questions.len() < MAX_QUESTIONS {
                let id = &answer.indicator.id;
                questions.push(Question {
                    indicator: id.clone(),
                    definition_hash: catalogue.definition_hash(id).or_exit(Exit::Fault)?,
                    period: answer.period,
                    by: vec![axis.level.clone()],
                    scope: None,
                });
            }
        }
        let mut all = Vec::new();
        for party in agreement.nodes().filter(|_| !questions.is_empty()) {
            let terms = Terms { targets: vec![party.ods.clone()], view: None, ..terms.clone() };
            let outcomes = match self.desk.ask_all(&terms, questions.clone()).await? {
                Ok(outcomes) => outcomes,
                Err(fault) => return Ok(Err(fault.to_string())),
            };
            let name = party.name.clone().unwrap_or_else(|| party.ods.to_string());
            all.push((party.ods.clone(), name, outcomes.into_iter().flatten().collect()));
        }
        Ok(Ok(all))
    }
}

fn built(
    args: &Args,
    asked: &Asked,
    indicators: &[Indicator],
    months: &[Period],
    about: &About,
) -> Result<Report, Failure> {
    let catalogue = &asked.desk.catalogue;
    let known = catalogue.packs().iter().find(|pack| pack.id == args.pack);
    let pack: &Pack =
        known.ok_or_else(|| Failure::says(Exit::Fault, "the pack is not described"))?;
    let partners = match &asked.partners {
        None => Partners::NotAsked,
        Some(Err(why)) => Partners::NotShown(why.clone()),
        Some(Ok(own)) => Partners::Own(
            own.iter()
                .map(|(ods, name, views)| {
                    (ods.clone(), name.clone(), views.iter().map(SystemView::answer).collect())
                })
                .collect(),
        ),
    };
    let indicators: Vec<&Indicator> = indicators.iter().collect();
    let material = Material {
        catalogue,
        pack,
        indicators: &indicators,
        months,
        answers: &asked.answers(),
        missing: &asked.missing,
        partners,
        about,
    };
    Ok(report::build(setting(args, &asked.desk.agreement, pack), &material))
}

fn setting(args: &Args, agreement: &Agreement, pack: &Pack) -> Setting {
    let name = |icb: &CategoryId| {
        let named = agreement
            .parties
            .iter()
            .find(|p| p.role == Role::Coordinator && p.ods.as_str() == icb.as_str());
        let name = named.and_then(|party| party.name.clone());
        name.map_or_else(|| icb.to_string(), |name| format!("{name} ({icb})"))
    };
    let areas: Vec<String> = agreement.residence_scope.iter().map(name).collect();
    Setting {
        title: pack.name.clone(),
        area: format!("People who live in the area of {}", areas.join(", ")),
        standing: STANDING.to_owned(),
        handling: format!("{}.", agreement.handling.line()),
        exact: false,
        made_on: clock::system().now(),
        tool: format!("evensum {}", env!("CARGO_PKG_VERSION")),
        terms: vec![format!(
            "Agreement {}, version {}, of the federation {}; asked for {}",
            agreement.id, agreement.version, agreement.federation, args.purpose
        )],
    }
}

fn write(args: &Args, report: &Report) -> Result<(), Failure> {
    let bytes = args.format().bytes(report)?;
    match &args.out {
        None => terminal::out(&String::from_utf8(bytes).or_exit(Exit::Fault)?),
        Some(path) => {
            write_private(path, &bytes, true).or_exit(Exit::Data)?;
            terminal::note(&format!("Written to {}. {}", path.display(), report.setting.handling));
        }
    }
    Ok(())
}
