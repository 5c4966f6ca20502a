//! `evensum coordinator`: serve.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::exit::Failure;
use super::serve;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Connect with the partners' nodes, and answer analysts
    #[command(after_help = "Example: evensum coordinator serve --config coordinator.toml")]
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The coordinator's configuration
    #[arg(long, env = "EVENSUM_CONFIG", default_value = "coordinator.toml")]
    pub(super) config: PathBuf,
    #[command(flatten)]
    pub(super) stop: serve::StopArgs,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(args) => serve::coordinator(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}
