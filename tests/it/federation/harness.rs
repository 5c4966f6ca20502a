//! One federation on disk, made once by the program's own demonstration and copied for every test.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{self, Output, Server, run, until};
use crate::fault_proxy::FaultProxy;
use crate::panics::ServersWatch;

/// The coordinator.
pub(crate) const COORDINATOR: &str = "QZ1";
/// Whose independent second server adds up, where a demonstration has one.
pub(crate) const SECOND: &str = "ZZU";
/// The partners; the last holds no such data.
pub(crate) const PARTNERS: [&str; 6] = ["ZZ1", "ZZ2", "ZZ3", "ZZ4", "ZZ5", "ZZ6"];
/// The extract's dataset and period.
pub(crate) const EXTRACT: [&str; 4] = ["--dataset", "rtt_open_pathway", "--period", "2026-10"];
/// A question that the demonstration did not ask.
pub(crate) const QUESTION: [&str; 7] = [
    "rtt_over_18_weeks",
    "--by",
    "imd.quintile",
    "--period",
    "2026-10",
    "--purpose",
    "service_planning",
];

/// A question of whose table no agreement's packs speak, so that it is decided when it is asked.
pub(crate) const UNPLANNED: [&str; 7] = [
    "rtt_over_18_weeks",
    "--by",
    "sex,age.adult",
    "--period",
    "2026-10",
    "--purpose",
    "service_planning",
];

/// A demonstration's own answer, and the folder that it left.
pub(crate) struct Template {
    pub(crate) dir: PathBuf,
    pub(crate) output: Output,
}

/// The folder for what is made once: in cargo's folder for tests, under the number of the process that runs all of
/// them. Those of processes that have ended are removed.
fn made() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("federations");
        fs::create_dir_all(&all).expect("a folder");
        for old in fs::read_dir(&all).expect("a list").map_while(Result::ok) {
            let runs = Path::new("/proc").join(old.file_name()).exists();
            if cfg!(target_os = "linux") && !runs {
                let _ = fs::remove_dir_all(old.path());
            }
        }
        // Nextest runs each test in a process of its own.
        let beside_others = std::env::var_os("NEXTEST").is_some();
        #[cfg(unix)]
        let own =
            if beside_others { std::os::unix::process::parent_id() } else { std::process::id() };
        #[cfg(not(unix))]
        let own = std::process::id();
        let own = all.join(own.to_string());
        fs::create_dir_all(&own).expect("a folder");
        own
    })
}

impl Template {
    /// Made when first asked for, whichever process asks.
    pub(crate) fn make(name: &str, arguments: &[&str]) -> Self {
        let (dir, said) = (made().join(name), made().join(format!("{name}.json")));
        let turn = fs::File::create(made().join(format!("{name}.lock"))).expect("a file");
        turn.lock().expect("our turn");
        if let Ok(before) = fs::read(&said) {
            let (stdout, stderr) = serde_json::from_slice(&before).expect("what it said");
            return Self { dir, output: Output::of_success(stdout, stderr) };
        }
        let demo = ["demo", "--exit", "--format", "json", "--seed", "7"];
        let output = run(&[&demo[..], arguments, &["--dir", text(&dir)]].concat());
        assert_eq!(output.code, Some(0), "the demonstration failed: {}", output.stderr);
        let to_say = serde_json::to_vec(&(&output.stdout, &output.stderr)).expect("JSON");
        fs::write(&said, to_say).expect("written");
        Self { dir, output }
    }
}

/// The usual one.
pub(crate) fn template() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    MADE.get_or_init(|| Template::make("one", &["--rows", "2000", "--without-second-server"]))
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Copies a folder with its permissions.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|e| e.expect("an entry")) {
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            // `fs::copy` keeps the permission bits, on which key files depend.
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

/// A federation of its own for one test.
pub(crate) struct Fed {
    servers: BTreeMap<String, Server>,
    // Read before the folder goes.
    _panics: ServersWatch,
    dir: TempDir,
    /// Before the coordinator's two ports, where a test needs them to outlive the coordinator.
    relays: Option<[FaultProxy; 2]>,
    /// The same before those of the second server.
    to_second: Option<[FaultProxy; 2]>,
}

impl Fed {
    /// The files alone. The analyst's configuration names a port that nobody serves.
    pub(crate) fn at_rest() -> Self {
        Self::at_rest_of(&template().dir)
    }

    /// The same, of another demonstration's folder.
    pub(crate) fn at_rest_of(made: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        copy(made, dir.path());
        let _panics = ServersWatch(dir.path().to_owned());
        let fed = Self { dir, _panics, servers: BTreeMap::new(), relays: None, to_second: None };
        let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
        fed.tell_addresses(
            nobody.local_addr().expect("an address"),
            nobody.local_addr().expect("an address"),
        );
        fed
    }

    /// The coordinator and these partners, connected to it.
    pub(crate) fn start(partners: &[&str]) -> Self {
        let mut fed = Self::at_rest();
        fed.serve(partners);
        fed
    }

    /// Starts the coordinator and these partners, and waits until they are connected.
    pub(crate) fn serve(&mut self, partners: &[&str]) {
        self.start_coordinator();
        self.start_partners(partners);
    }

    /// The same, at addresses that stay the same when the coordinator starts again.
    pub(crate) fn start_at_lasting_addresses(partners: &[&str]) -> Self {
        let mut fed = Self::at_rest();
        fed.keep_addresses();
        fed.serve(partners);
        fed
    }

    /// From here on the coordinator and the second server are at addresses that stay the same when they start again.
    pub(crate) fn keep_addresses(&mut self) {
        let two = || Some([FaultProxy::to_nowhere(), FaultProxy::to_nowhere()]);
        (self.relays, self.to_second) = (two(), two());
    }

    /// What lies between the partners and the coordinator, where the addresses last.
    pub(crate) fn between(&self) -> &FaultProxy {
        &self.relays.as_ref().expect("lasting addresses")[0]
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn config(&self, ods: &str) -> PathBuf {
        let name = match ods {
            COORDINATOR => "coordinator.toml",
            SECOND => "helper.toml",
            _ => "node.toml",
        };
        self.path(ods).join(name)
    }

    /// Replaces text in a file; it must be there.
    pub(crate) fn edit(&self, below: &str, from: &str, to: &str) {
        let path = self.path(below);
        let before = fs::read_to_string(&path).expect("readable");
        assert!(before.contains(from), "no '{from}' in {below}");
        fs::write(path, before.replace(from, to)).expect("written");
    }

    fn tell_addresses(&self, nodes: SocketAddr, analysts: SocketAddr) {
        for ods in self.partners() {
            tell(&self.config(&ods), "[membership.coordinator]", "address", nodes);
        }
        tell(&self.path("analyst/analyst.toml"), "", "coordinator", analysts);
    }

    /// All partners that there are files of.
    fn partners(&self) -> Vec<String> {
        let folders = fs::read_dir(self.dir.path()).expect("a folder");
        let names =
            folders.map(|f| f.expect("an entry").file_name().into_string().expect("a name"));
        names.filter(|name| self.path(name).join("node.toml").exists()).collect()
    }

    /// Starts the second server, and tells the coordinator and the partners where it is.
    pub(crate) fn start_second_server(&mut self) {
        self.begin_server(SECOND);
        let ready = self.servers[SECOND].ready();
        let place = |key: &str| -> SocketAddr {
            ready[key].as_str().and_then(|a| a.parse().ok()).expect("an address")
        };
        let [mut callers, mut nodes] = ["coordinator", "nodes"].map(place);
        if let Some([to_callers, to_nodes]) = &self.to_second {
            to_callers.lead_to(callers);
            to_nodes.lead_to(nodes);
            (callers, nodes) = (to_callers.address, to_nodes.address);
        }
        tell(&self.config(COORDINATOR), "[coordinator.second_server]", "address", callers);
        for ods in self.partners() {
            let config = self.config(&ods);
            if fs::read_to_string(&config).expect("text").contains("[membership.second_server]") {
                tell(&config, "[membership.second_server]", "address", nodes);
            }
        }
    }

    /// Starts the coordinator, and waits until it serves.
    pub(crate) fn start_coordinator(&mut self) {
        self.begin_server(COORDINATOR);
        let ready = self.servers[COORDINATOR].ready();
        let place = |key: &str| -> SocketAddr {
            ready[key].as_str().and_then(|a| a.parse().ok()).expect("an address")
        };
        let (nodes, analysts) = (place("nodes"), place("analysts"));
        match &self.relays {
            Some([to_nodes, to_analysts]) => {
                to_nodes.lead_to(nodes);
                to_analysts.lead_to(analysts);
                self.tell_addresses(to_nodes.address, to_analysts.address);
            }
            None => self.tell_addresses(nodes, analysts),
        }
    }

    /// Starts one server, and gives what its ready line says.
    pub(crate) fn begin(&mut self, ods: &str) -> Value {
        self.begin_server(ods);
        self.servers[ods].ready()
    }

    fn start_partners(&mut self, partners: &[&str]) {
        for ods in partners {
            self.begin_server(ods);
        }
        for ods in partners {
            self.servers[*ods].ready();
        }
        self.wait_for(partners);
    }

    fn begin_server(&mut self, ods: &str) {
        let what = match ods {
            COORDINATOR => "coordinator",
            SECOND => "helper",
            _ => "node",
        };
        let config = self.config(ods);
        let arguments = [what, "serve", "--config", text(&config)];
        let server = Server::start(&arguments, &self.path(ods).join("server.log"));
        self.servers.insert(ods.to_owned(), server);
    }

    /// Starts a server again, and waits until it serves.
    pub(crate) fn restart(&mut self, ods: &str) {
        if ods == COORDINATOR {
            self.start_coordinator();
        } else if ods == SECOND {
            self.start_second_server();
        } else {
            self.start_partners(&[ods]);
        }
    }

    /// Waits until these partners are connected to the coordinator.
    pub(crate) fn wait_for(&self, partners: &[&str]) {
        until("the partners' connections", || {
            let connected = self.connected();
            partners.iter().all(|ods| connected.iter().any(|c| c == ods)).then_some(())
        });
    }

    /// The partners that the coordinator has a connection to.
    pub(crate) fn connected(&self) -> Vec<String> {
        let listed = self.analyst(&["partners", "--format", "json"]).json();
        let connected = |p: &&Value| p["connected"] == Value::Bool(true);
        let listed = listed.as_array().expect("a list");
        listed.iter().filter(connected).map(|p| p["ods"].as_str().expect("a code").into()).collect()
    }

    /// A command of the analyst's, with the analyst's configuration.
    pub(crate) fn analyst(&self, arguments: &[&str]) -> Output {
        run(&[arguments, &["--config", text(&self.path("analyst/analyst.toml"))]].concat())
    }

    fn query_arguments<'a>(arguments: &[&'a str], config: &'a str) -> Vec<&'a str> {
        [&["query", "--format", "json", "--config", config], arguments].concat()
    }

    /// Asks, in JSON.
    pub(crate) fn query(&self, arguments: &[&str]) -> Output {
        self.begin_query(arguments).end()
    }

    /// Begins to ask.
    pub(crate) fn begin_query(&self, arguments: &[&str]) -> process::Running {
        let config = self.path("analyst/analyst.toml");
        process::begin(&Self::query_arguments(arguments, text(&config)))
    }

    /// Ends a server as a power cut would.
    pub(crate) fn kill(&mut self, ods: &str) {
        // Dropping a server kills it and waits for its end.
        self.servers.remove(ods).expect("a server that runs");
    }

    pub(crate) fn signal(&self, ods: &str, name: &str) {
        self.servers[ods].signal(name);
    }

    /// Waits for the end of a server that was told to stop.
    pub(crate) fn end(&mut self, ods: &str) -> (Option<i32>, std::time::Duration) {
        self.servers.remove(ods).expect("a server that runs").end()
    }

    /// What a server has logged for its people.
    pub(crate) fn log(&self, ods: &str) -> String {
        fs::read_to_string(self.path(ods).join("server.log")).expect("a log file")
    }

    /// The audit log of a server.
    pub(crate) fn audit(&self, ods: &str) -> Vec<Value> {
        let listed =
            run(&["audit", "list", "--format", "json", "--config", text(&self.config(ods))]);
        listed.json().as_array().expect("a list").clone()
    }

    /// The kinds of the entries of a server's audit log from a place on.
    pub(crate) fn kinds(&self, ods: &str, from: usize) -> Vec<String> {
        let kind = |e: &Value| e["kind"].as_str().expect("a kind").to_owned();
        self.audit(ods).iter().skip(from).map(kind).collect()
    }

    /// Whether a server's audit log is sound.
    pub(crate) fn verify(&self, ods: &str) -> Output {
        run(&["audit", "verify", "--format", "json", "--config", text(&self.config(ods))])
    }
}

/// Writes an address into a table of a configuration.
fn tell(path: &Path, table: &str, key: &str, address: SocketAddr) {
    let text = fs::read_to_string(path).expect("a configuration");
    let (line, mut within) = (format!("{key} = "), "");
    let mut told = String::new();
    for own in text.lines() {
        if own.starts_with('[') {
            within = own;
        }
        match own.strip_prefix(&line).filter(|_| within == table) {
            Some(_) => told.push_str(&format!("{line}\"{address}\"\n")),
            None => told.push_str(&format!("{own}\n")),
        }
    }
    fs::write(path, told).expect("written");
}

/// A partner's line in an answer's coverage.
pub(crate) fn coverage<'a>(answer: &'a Value, ods: &str) -> &'a Value {
    let lines = answer["coverage"].as_array().expect("coverage");
    lines.iter().find(|line| line["ods"] == ods).expect("every partner has a line")
}

/// The partners' releases as they arrived, without the signatures, which are new for every question.
pub(crate) fn releases(answer: &Value) -> Vec<(String, String)> {
    let of = |r: &Value, key: &str| r[key].as_str().expect("text").to_owned();
    let all = answer["releases"].as_array().expect("releases");
    all.iter().map(|r| (of(r, "ods"), of(r, "bytes"))).collect()
}
