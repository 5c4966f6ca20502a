//! `evensum adversary`: attacks on the program's own releases and blind sums, each with a weak policy that it must break.

use std::process::ExitCode;
use std::time::Instant;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::adversary::{self, Attack, Finding};

use super::exit::{Exit, Failure, OrExit};
use super::terminal;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
    Markdown,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples: evensum adversary --n 20 --attack A1,A4\n          evensum adversary --n 1000 --format markdown > adversary.md\n\nAll records are invented. Every disclosure profile and blind sum must hold, and every weak one must break.\n\nExit codes: 0 so it is; 2 usage; 3 one that must hold is broken, or a weak one is not."
)]
pub(super) struct Args {
    /// Hidden counts that each attack is tried on, at least, for each profile and shape of table
    #[arg(long, default_value = "60", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    n: u32,
    /// The attacks; all where nothing is said
    #[arg(long, value_delimiter = ',', value_parser = named)]
    attack: Vec<Attack>,
    /// What the invented records follow from
    #[arg(long, default_value = "1")]
    seed: u64,
    /// How the findings are written
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

fn named(text: &str) -> Result<Attack, String> {
    let all = || Attack::ALL.map(Attack::id).join(", ");
    Attack::parse(text.trim()).ok_or_else(|| format!("the attacks are {}", all()))
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let attacks = if args.attack.is_empty() { Attack::ALL.to_vec() } else { args.attack.clone() };
    let n = usize::try_from(args.n).or_exit(Exit::Usage)?;
    let (started, mut findings) = (Instant::now(), Vec::new());
    let bar = terminal::bar(attacks.len() as u64, "attacking");
    for attack in attacks {
        let mut told = |finding: &Finding| {
            bar.set_message(format!("{}: {}, {}", attack.id(), finding.against, finding.shape));
        };
        findings.extend(adversary::run(attack, n, args.seed, &mut told).or_exit(Exit::Fault)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    terminal::out(&match args.format {
        Format::Table => adversary::text(&findings),
        Format::Json => format!("{:#}", adversary::json(&findings)),
        Format::Markdown => {
            let seconds = started.elapsed().as_secs();
            let made_by = format!(
                "Made by `evensum adversary --n {n} --seed {}` in {seconds} seconds.",
                args.seed
            );
            adversary::markdown(&findings, &made_by)
        }
    });
    let all_passed = findings.iter().all(|finding| finding.passed);
    Ok(if all_passed { ExitCode::SUCCESS } else { Exit::Disclosed.into() })
}
