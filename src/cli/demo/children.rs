//! The demonstration's processes. Each holds the reading end of a pipe from us and stops when it ends, so
//! that none outlives its parent, however the parent ends.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::exit::{Exit, Failure, OrExit};

/// How long a server may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(6);

/// A server in a process of its own.
#[derive(Debug)]
pub(super) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
    log: PathBuf,
}

fn program() -> Result<Command, Failure> {
    Ok(Command::new(std::env::current_exe().or_exit(Exit::Fault)?))
}

fn failed(arguments: &[&str], log: &Path) -> Failure {
    let what = arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let last = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
    Failure::says(Exit::Fault, format!("`evensum {what}` failed: {last} (see {})", log.display()))
}

/// Runs a command to its end; what it says goes to a log file.
pub(super) fn complete(arguments: &[&str], log: &Path) -> Result<(), Failure> {
    let out = File::create(log).or_exit(Exit::Config)?;
    let err = out.try_clone().or_exit(Exit::Config)?;
    let status = program()?.args(arguments).stdin(Stdio::null()).stdout(out).stderr(err).status();
    if status.or_exit(Exit::Fault)?.success() { Ok(()) } else { Err(failed(arguments, log)) }
}

impl Child {
    /// Starts a server.
    pub(super) fn serve(arguments: &[&str], log: &Path) -> Result<Self, Failure> {
        let err = File::create(log).or_exit(Exit::Config)?;
        let mut process = program()?
            .args(arguments)
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(err)
            .spawn()
            .or_exit(Exit::Fault)?;
        let (line, lines) = channel();
        if let Some(stdout) = process.stdout.take() {
            std::thread::spawn(move || {
                for said in BufReader::new(stdout).lines().map_while(Result::ok) {
                    // Nobody listens after the first line; the pipe is read all the same.
                    let _ = line.send(said);
                }
            });
        }
        Ok(Self { process, lines, log: log.to_owned() })
    }

    /// Waits for the ready line, and gives what it says.
    pub(super) fn ready(&self) -> Result<Value, Failure> {
        let line = self
            .lines
            .recv_timeout(READY_LIMIT)
            .map_err(|_| failed(&["a", "server"], &self.log))?;
        let said: Value = serde_json::from_str(&line).or_exit(Exit::Fault)?;
        Ok(said["ready"].clone())
    }

    /// Lets every server finish what it does, and ends it.
    pub(super) fn stop_all(mut children: Vec<Self>) {
        for child in &mut children {
            drop(child.process.stdin.take());
        }
        let begun = Instant::now();
        for child in &mut children {
            while matches!(child.process.try_wait(), Ok(None)) && begun.elapsed() < STOP_LIMIT {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A server that has ended, or does not end, is past asking.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
