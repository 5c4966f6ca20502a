//! `evensum node watch`: loads the files that are put into a folder. It loads as `node load --if-changed` does, and
//! publishes nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use evensum_core::model::{DatasetId, Period};

use super::exit::{Exit, Failure, OrExit};
use super::node::{ConfigArgs, Staging, intake_failure, stage};
use super::{clock, serve, staging, terminal};
use crate::config::{Server, Watch};
use crate::intake::{Ended, Incoming, IntakeError, Outcome, WatchError, WatchRule, Watcher};
use crate::store::prepare_state;

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// The folder, in place of the one that the configuration names
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Look once, and end: for a scheduler that starts this every few minutes
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    stop: serve::StopArgs,
}

/// A folder with the rules for what is in it.
struct Post {
    server: Server,
    folder: PathBuf,
    marked: bool,
    rules: Vec<WatchRule>,
    watcher: Watcher,
}

pub(super) fn run(args: &WatchArgs) -> Result<ExitCode, Failure> {
    let server = Server::read(&args.config.config)?;
    let Some(watch) = server.node()?.watch.clone() else {
        return Err(Failure::says(
            Exit::Config,
            "the configuration does not say what the files of a folder are: it needs a table [node.watch]",
        ));
    };
    let folder = args.folder.clone().or_else(|| watch.folder.clone()).ok_or_else(|| {
        Failure::says(
            Exit::Config,
            "no folder is named: give --folder, or write folder = \"incoming\" under [node.watch]",
        )
    })?;
    staging::check(&server)?;
    let rules = rules(&watch)?;
    prepare_state(&server.state).or_exit(Exit::Config)?;
    let watcher = Watcher::open(&server.state).map_err(watch_failure)?;
    let mut post = Post { server, folder, marked: watch.done_marker, rules, watcher };
    if args.once {
        return post.look().map(|worst| worst.map_or(ExitCode::SUCCESS, ExitCode::from));
    }
    let every = Duration::from_secs(watch.every_seconds.into());
    terminal::note(&format!("Watching {}.", post.folder.display()));
    serve::runtime()?.block_on(async {
        let stop = serve::stop_signal(args.stop)?;
        loop {
            let (back, looked) = tokio::task::spawn_blocking(move || {
                let looked = post.look();
                (post, looked)
            })
            .await
            .or_exit(Exit::Fault)?;
            post = back;
            // A folder that is out of reach, or a load that runs elsewhere, goes by.
            if let Err(failure) = looked {
                terminal::note(&format!("evensum: {failure}"));
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
                () = tokio::time::sleep(every) => {}
            }
        }
    })
}

/// What the files of the folder are. Also checked before a server serves.
pub(super) fn rules(watch: &Watch) -> Result<Vec<WatchRule>, Failure> {
    let rule = |file: &crate::config::WatchedFile| {
        let (dataset, mapping) = (file.dataset.clone(), file.mapping.clone());
        WatchRule::new(&file.name, file.period.as_deref(), dataset, mapping).or_exit(Exit::Config)
    };
    watch.files.iter().map(rule).collect()
}

fn watch_failure(error: WatchError) -> Failure {
    let exit = match error {
        WatchError::Busy(_) | WatchError::Io { .. } => Exit::Unavailable,
        WatchError::TooMany(_) | WatchError::Record(_) => Exit::Config,
    };
    Failure::new(exit, error)
}

/// Whether a load failed for what may be put right without another file: then the same one is tried again.
const fn is_not_of_the_file(error: &IntakeError) -> bool {
    matches!(
        error,
        IntakeError::Busy(_)
            | IntakeError::Io { .. }
            | IntakeError::NoReference { .. }
            | IntakeError::NoPostcodes { .. }
            | IntakeError::Reference(_)
            | IntakeError::Sql(_)
    )
}

impl Post {
    /// Looks once and loads what is complete. Gives the exit code of what could not be loaded.
    fn look(&mut self) -> Result<Option<Exit>, Failure> {
        let today = clock::system().now().date();
        let found = self.watcher.look(&self.folder, self.marked, &self.rules);
        let mut worst = None;
        for incoming in found.map_err(watch_failure)? {
            let rule = self.rules[incoming.rule].clone();
            let ended = match self.load(&incoming, &rule.dataset, &rule.mapping) {
                Ok(ended) => ended,
                // Nothing is wrong with the file: the next look tries again.
                Err(failure) => {
                    terminal::note(&format!("{}: {failure}", incoming.name));
                    worst = worst.or(Some(failure.exit()));
                    continue;
                }
            };
            if let Ended::Failed(reason) = &ended {
                terminal::note(&format!("{} was not loaded: {reason}", incoming.name));
                worst = Some(Exit::Data);
            }
            let noted = self.watcher.note(&incoming, &rule.dataset, today, ended);
            noted.map_err(watch_failure)?;
        }
        Ok(worst)
    }

    fn load(
        &self,
        incoming: &Incoming,
        dataset: &DatasetId,
        mapping: &Path,
    ) -> Result<Ended, Failure> {
        let period: Period = match incoming.period {
            Ok(period) => period,
            Err(why) => return Ok(Ended::Failed(why.to_owned())),
        };
        let outcome = stage(&Staging {
            server: &self.server,
            file: Some(&incoming.path),
            mapping,
            dataset,
            period,
            exclude: &[],
            if_changed: true,
        })?;
        let name = &incoming.name;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) if is_not_of_the_file(&error) => return Err(intake_failure(error)),
            Err(error) => return Ok(Ended::Failed(intake_failure(error).to_string())),
        };
        Ok(match outcome {
            Outcome::Staged(loaded) => {
                let id = loaded.manifest.snapshot_id;
                terminal::note(&format!("{name}: staged {dataset} {period} as {}.", id.short()));
                if let Some(rejects) = &loaded.rejects_file {
                    terminal::note(&format!(
                        "{name}: rows that were not taken are listed in {}.",
                        rejects.display()
                    ));
                }
                Ended::Staged
            }
            Outcome::Unchanged => {
                terminal::note(&format!(
                    "{name}: unchanged, {dataset} {period} is loaded already."
                ));
                Ended::Unchanged
            }
        })
    }
}
