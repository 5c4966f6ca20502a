//! The program as a child process. Every wait has a limit, and no child outlives its handle.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// No wait of these tests is longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// Between two looks at something that tells nobody when it changes.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < LIMIT, "gave up waiting for: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Says why a test checks nothing here. `tests/run` says it too, where a runner hides what passing tests print.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn skipped(reason: &str) {
    println!("skipped: {reason}");
}

/// The program, with nothing of the caller's surroundings that changes what it does.
pub(crate) fn program<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evensum"));
    command.args(arguments).env("TERM", "xterm");
    for name in ["EVENSUM_CONFIG", "EVENSUM_ANALYST", "EVENSUM_LOG", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    for name in ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "EVENSUM_PROXY_PASSWORD"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Output {
    /// Of a command that succeeded before, in another process.
    pub(crate) const fn of_success(stdout: String, stderr: String) -> Self {
        Self { code: Some(0), stdout, stderr, took: Duration::ZERO }
    }

    /// Standard output, which must be JSON and nothing else.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("JSON and nothing else")
    }

    /// That it did what it was told.
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// That it failed with this code, said nothing on standard output, and said one line with these words
    /// on standard error.
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "an error is no result");
        assert!(self.stderr.starts_with("evensum: "), "{}", self.stderr);
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no '{word}' in: {}", self.stderr);
        }
    }
}

/// Runs the program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Output {
    begin(arguments).end()
}

fn all_of(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn ended(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().expect("a child can be asked")
}

/// A command that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    begun: Instant,
}

/// Starts the program.
pub(crate) fn begin<A: AsRef<OsStr>>(arguments: &[A]) -> Running {
    begin_in(arguments, Path::new("."))
}

/// Starts the program in a folder.
pub(crate) fn begin_in<A: AsRef<OsStr>>(arguments: &[A], folder: &Path) -> Running {
    let begun = Instant::now();
    let mut child = program(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdout = child.stdout.take().map(all_of);
    let stderr = child.stderr.take().map(all_of);
    Running { child, stdout, stderr, begun }
}

impl Running {
    /// Waits for its end.
    pub(crate) fn end(mut self) -> Output {
        let status = until("the end of a command", || ended(&mut self.child));
        let took = self.begun.elapsed();
        let said = |from: &mut Option<JoinHandle<String>>| {
            from.take().map(|all| all.join().expect("read")).unwrap_or_default()
        };
        let (stdout, stderr) = (said(&mut self.stdout), said(&mut self.stderr));
        Output { code: status.code(), stdout, stderr, took }
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        ended(&mut self.child).is_none()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that runs until it is told to stop, or until this handle goes.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    _stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Server {
    /// Starts a server; what it logs goes on at the end of `log`.
    pub(crate) fn start(arguments: &[&str], log: &Path) -> Self {
        Self::spawn(program(arguments), log)
    }

    /// The same in a folder.
    pub(crate) fn start_in(arguments: &[&str], log: &Path, folder: &Path) -> Self {
        let mut command = program(arguments);
        command.current_dir(folder);
        Self::spawn(command, log)
    }

    /// The same with these variables in its environment.
    pub(crate) fn start_among(arguments: &[&str], log: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = program(arguments);
        command.envs(variables.iter().copied());
        Self::spawn(command, log)
    }

    fn spawn(mut command: Command, log: &Path) -> Self {
        let err = File::options().create(true).append(true).open(log).expect("a log file");
        let mut child = command
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(err)
            .spawn()
            .expect("the program starts");
        let (line, lines) = channel();
        let stdout = child.stdout.take().expect("standard output");
        std::thread::spawn(move || {
            for said in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = line.send(said);
            }
        });
        Self { _stdin: child.stdin.take(), child, lines, log: log.to_owned() }
    }

    /// What the ready line says.
    pub(crate) fn ready(&self) -> Value {
        let Ok(line) = self.lines.recv_timeout(LIMIT) else {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            panic!("the server is not ready: {log}");
        };
        let said: Value = serde_json::from_str(&line).expect("a line of JSON");
        said.get("ready").expect("the ready line").clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end: the exit code, and how long it took from now.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let status = until("the end of a server", || ended(&mut self.child));
        (status.code(), begun.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status();
    assert!(sent.expect("kill is there").success(), "no process {process} for {name}");
}
