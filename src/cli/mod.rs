//! The command line: a file per subcommand. Parse, wire, run, exit code.

mod adversary;
mod agreement;
mod agreements;
mod asking;
mod audit;
mod bench;
mod beside;
mod certs;
mod clock;
mod coordinator;
mod demo;
mod deposit;
mod dialling;
mod disclose;
mod exit;
mod export;
mod extract;
mod helper;
mod indicators;
mod init;
mod keys;
mod map;
mod node;
mod node_quality;
mod node_report;
mod own_extracts;
mod partners;
mod prepare;
mod preview;
mod quality;
mod query;
mod questions;
mod reach;
mod ready;
mod reconcile;
mod reference;
mod report;
mod report_form;
mod roster;
mod rungs;
mod serve;
mod signpost;
mod staging;
mod statistics;
mod sums;
mod suspend;
mod synth;
mod terminal;
mod upkeep;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::exit::Failure;

/// Questions about health inequalities, across organisations that keep their own records.
#[derive(Debug, Parser)]
#[command(name = "evensum", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Start with: evensum demo\n\nExit codes: 0 answered, in full or in part; 2 usage; 3 a table fails the disclosure test;\n4 answered in part with --require-all; 64 configuration; 65 data or an audit log that cannot be used;\n69 unavailable; 70 our fault; 77 refused."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a coordinator and six invented partners on this machine, and ask them a question
    Demo(demo::Args),
    /// A partner's own server: load and publish extracts, answer questions
    #[command(subcommand)]
    Node(node::Command),
    /// The server that passes questions on and adds answers up
    #[command(subcommand)]
    Coordinator(coordinator::Command),
    /// The independent second server, which adds up blindly together with the coordinator
    #[command(subcommand)]
    Helper(helper::Command),
    /// Ask the partners a question
    Query(query::Args),
    /// List what can be asked, or explain one indicator
    Indicators(indicators::Args),
    /// List the partners of an agreement, and who is connected
    Partners(partners::Args),
    /// How complete the partners' extracts are, in whole per cent
    Quality(quality::Args),
    /// A pack as a report for boards and analysts: gaps now, before and over time, and what is not known
    Report(report::Args),
    /// Read and verify an audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make a federation's certificates
    #[command(subcommand)]
    Certs(certs::Command),
    /// Make keys, and show their public halves
    #[command(subcommand)]
    Keys(keys::Command),
    /// Check an agreement, and which views it leads to
    #[command(subcommand)]
    Agreement(agreement::Command),
    /// The signed membership list of the pooled view
    #[command(subcommand)]
    Roster(roster::Command),
    /// Import official reference data
    #[command(subcommand)]
    Reference(reference::Command),
    /// Disclosure control for a table that you already have
    Disclose(disclose::Args),
    /// Public health statistics of a table that you already have
    Statistics(statistics::Args),
    /// Invent a raw extract of any dataset, with the mapping that reads it
    Synth(synth::Args),
    /// Attack the program's own releases, and a weak policy for each attack
    Adversary(adversary::Args),
    /// Measure how fast this program is on this machine
    Bench(bench::Args),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure; the rest is usage.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Node(command) => node::run(command),
        Command::Coordinator(command) => coordinator::run(command),
        Command::Helper(command) => helper::run(command),
        Command::Query(args) => query::run(args),
        Command::Indicators(args) => indicators::run(&args),
        Command::Quality(args) => quality::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Partners(args) => partners::run(args),
        Command::Audit(command) => audit::run(command),
        Command::Certs(command) => certs::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Agreement(command) => agreement::run(command),
        Command::Roster(command) => roster::run(command),
        Command::Reference(command) => reference::run(command),
        Command::Disclose(args) => disclose::run(&args),
        Command::Statistics(args) => statistics::run(&args),
        Command::Synth(args) => synth::run(&args),
        Command::Adversary(args) => adversary::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}

/// The whole command, for completions and for the tests of its help.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}
