//! The files of the demonstration: authority, certificates, keys, agreement, configurations, extracts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use evensum_core::catalogue::Catalogue;
use evensum_core::model::{FederationId, Ods, Period, PeriodRange, Role, Timestamp};
use evensum_core::sign::SigningKey;
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use super::children::{self, Child};
use super::datasets::{self, DATASETS, Dataset};
use super::partners::{self, Partner};
use super::{sum, unless_stopped};
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::{clock, terminal};
use crate::reference::{Extent, Reference};
use crate::synth::{Figures, Geography, HOME_ICB, PartnerProfile};
use crate::trust::{Authority, AuthorityKind, IssueRequest, write_private, write_public};

const FEDERATION: &str = "demo.evensum.example";
const ANALYST: &str = "ada.demo";
const AGREEMENT: &str = "demo-agreement";
const DAY: i64 = 86_400;
/// Whose independent second server it is. The code belongs to nobody.
const SECOND: &str = "ZZU";
const SECOND_NAME: &str = "Westmarsh University";
/// An address of nobody.
const NOBODY: &str = "127.0.0.1:1";

/// What was planted, by dataset and period.
pub(super) type Planted = BTreeMap<(&'static str, Period), Figures>;

/// One extract that is to be invented.
#[derive(Clone, Copy)]
struct Extract<'a> {
    partner: &'a Partner,
    profile: &'a PartnerProfile,
    dataset: &'a Dataset,
    period: Period,
    seed: u64,
}

/// What is to be invented.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) partners: u8,
    /// Of each extract.
    pub(super) rows: u32,
    pub(super) seed: u64,
    pub(super) months: PeriodRange,
    /// Those that extracts are made of.
    pub(super) datasets: Vec<Dataset>,
    /// Whether there is an independent second server, so that tables are added up blind.
    pub(super) second_server: bool,
}

fn mapping_file(dataset: &Dataset) -> String {
    if dataset.is_first() {
        return "mapping.toml".to_owned();
    }
    format!("mapping-{}.toml", dataset.id)
}

/// The federation on disk.
#[derive(Debug)]
pub(super) struct Federation {
    dir: PathBuf,
    plan: Plan,
    partners: Vec<Partner>,
    coordinator: Ods,
    /// Whose independent second server adds up beside the coordinator, if there is one.
    second: Option<Ods>,
}

impl Federation {
    /// Writes everything that there is before anybody serves.
    pub(super) fn make(dir: &Path, plan: Plan, catalogue: &Catalogue) -> Result<Self, Failure> {
        let federation = Self {
            dir: dir.to_owned(),
            partners: partners::invent(plan.partners, plan.rows)?,
            coordinator: Ods::new(HOME_ICB).or_exit(Exit::Fault)?,
            second: if plan.second_server {
                Some(Ods::new(SECOND).or_exit(Exit::Fault)?)
            } else {
                None
            },
            plan,
        };
        let now = clock::system().now();
        federation.write_reference()?;
        federation.write_servers(catalogue, now)?;
        federation.write_mappings()?;
        Ok(federation)
    }

    pub(super) fn partners(&self) -> &[Partner] {
        &self.partners
    }

    /// What extracts were made of.
    pub(super) fn datasets(&self) -> &[Dataset] {
        &self.plan.datasets
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) const fn coordinator(&self) -> &Ods {
        &self.coordinator
    }

    pub(super) fn home(&self, ods: &Ods) -> PathBuf {
        self.dir.join(ods.as_str())
    }

    pub(super) fn node_config(&self, ods: &Ods) -> PathBuf {
        self.home(ods).join("node.toml")
    }

    pub(super) fn analyst_config(&self) -> PathBuf {
        self.dir.join("analyst").join("analyst.toml")
    }

    /// Whether tables are added up blind.
    pub(super) const fn has_second_server(&self) -> bool {
        self.second.is_some()
    }

    pub(super) fn truth_file(&self) -> PathBuf {
        self.dir.join("truth.json")
    }

    fn write_reference(&self) -> Result<(), Failure> {
        let geography = Geography::new(self.plan.seed);
        let files = self.dir.join("reference-files");
        fs::create_dir_all(&files).or_exit(Exit::Config)?;
        let folder = self.dir.join("reference");
        let (imd, icb) = (files.join("imd2025.csv"), files.join("lsoa_to_icb.csv"));
        let mut imd_file = BufWriter::new(File::create(&imd).or_exit(Exit::Config)?);
        geography.write_imd(&mut imd_file).or_exit(Exit::Config)?;
        imd_file.flush().or_exit(Exit::Config)?;
        let mut icb_file = BufWriter::new(File::create(&icb).or_exit(Exit::Config)?);
        geography.write_lookup(&mut icb_file).or_exit(Exit::Config)?;
        icb_file.flush().or_exit(Exit::Config)?;
        for file in [imd, icb] {
            Reference::add(&folder, &file, Extent::Partial).or_exit(Exit::Data)?;
        }
        Ok(())
    }

    /// Keys and certificates of every server and of the analyst, and the agreement that lists them.
    fn write_servers(&self, catalogue: &Catalogue, now: Timestamp) -> Result<(), Failure> {
        let name: FederationId = FEDERATION.parse().or_exit(Exit::Fault)?;
        let authority =
            Authority::create(&name, AuthorityKind::Example, 30, now).or_exit(Exit::Fault)?;
        let folder = self.dir.join("ca");
        fs::create_dir_all(&folder).or_exit(Exit::Config)?;
        authority.save(&folder).or_exit(Exit::Config)?;

        let mut parties = String::new();
        let party = |ods: &Ods, role: Role, name: &str| -> Result<String, Failure> {
            let home = self.home(ods);
            fs::create_dir_all(&home).or_exit(Exit::Config)?;
            let request = IssueRequest {
                ods: ods.clone(),
                role,
                name: "main".to_owned(),
                dns: vec!["localhost".to_owned()],
                ips: vec![std::net::Ipv4Addr::LOCALHOST.into()],
                days: 30,
                now,
            };
            let issued = authority.issue(&request).or_exit(Exit::Fault)?;
            write_public(&home.join("server.pem"), issued.cert_pem.as_bytes(), false)
                .or_exit(Exit::Config)?;
            write_private(&home.join("server.key"), issued.key_pem.as_bytes(), false)
                .or_exit(Exit::Config)?;
            let answer = self.key(&home.join("answer.pem"), SigningKey::generate_ed25519)?;
            let ledger = self.key(&home.join("ledger.pem"), SigningKey::generate_ed25519)?;
            Ok(format!(
                "\n[[parties]]\nods = \"{ods}\"\nname = \"{name}\"\nrole = \"{}\"\nanswer_key = \"{answer}\"\nledger_key = \"{ledger}\"\n",
                role.as_str()
            ))
        };
        parties += &party(&self.coordinator, Role::Coordinator, "Arden and Moors ICB")?;
        if let Some(second) = &self.second {
            parties += &party(second, Role::Helper, SECOND_NAME)?;
        }
        for partner in &self.partners {
            parties += &party(&partner.ods, Role::Node, &partner.name)?;
            let secret = data_encoding::HEXLOWER.encode(&rand::random::<[u8; 32]>());
            write_private(&self.home(&partner.ods).join("node.key"), secret.as_bytes(), false)
                .or_exit(Exit::Config)?;
        }
        let analyst = self.dir.join("analyst");
        fs::create_dir_all(&analyst).or_exit(Exit::Config)?;
        let key = self.key(&analyst.join("analyst.pem"), SigningKey::generate_p256)?;
        let analysts = format!(
            "\n[[analysts]]\nid = \"{ANALYST}\"\nkey = \"{key}\"\nassurance_min = \"enrolled\"\n"
        );
        let sum = match &self.second {
            Some(second) => sum::terms(second),
            None => String::new(),
        };
        let officers = match &self.second {
            Some(_) => self.officers()?,
            None => Vec::new(),
        };
        let listed: String = officers.iter().map(sum::Signatory::listed).collect();
        let agreement = terms(catalogue, now) + &sum + &parties + &analysts + &listed;
        self.write("agreement.toml", &agreement)?;
        if let Some(second) = &self.second {
            self.write_membership_list(second, &agreement, &officers)?;
            self.write_second_server(second)?;
        }
        // The ports are known once the servers serve; loading needs none.
        self.write_coordinator_config(NOBODY)?;
        self.write_node_configs(NOBODY, NOBODY)
    }

    fn write_coordinator_config(&self, second_server: &str) -> Result<(), Failure> {
        let mut own =
            "\n[coordinator]\nnodes = \"127.0.0.1:0\"\nanalysts = \"127.0.0.1:0\"\n".to_owned();
        let mut list = "";
        if let Some(second) = &self.second {
            list = sum::LIST;
            own += &format!(
                "seal_key = \"seal.pem\"\n\n[coordinator.second_server]\nods = \"{second}\"\naddress = \"{second_server}\"\n"
            );
        }
        let file = self.home(&self.coordinator).join("coordinator.toml");
        fs::write(file, server_table(&self.coordinator, &own, list)).or_exit(Exit::Config)
    }

    fn key(
        &self,
        file: &Path,
        make: fn() -> Result<SigningKey, evensum_core::sign::KeyError>,
    ) -> Result<String, Failure> {
        let key = make().or_exit(Exit::Fault)?;
        write_private(file, key.to_pem().as_bytes(), false).or_exit(Exit::Config)?;
        Ok(key.verifying_key().to_text().to_string())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        fs::write(self.dir.join(name), text).or_exit(Exit::Config)
    }

    fn write_node_configs(&self, address: &str, second_server: &str) -> Result<(), Failure> {
        for partner in &self.partners {
            // Whoever holds no such data is on no membership list.
            let second = self.second.as_ref().filter(|_| partner.profile.is_some());
            let list = if second.is_some() { sum::LIST } else { "" };
            let mut text = format!(
                "{}\n[membership.coordinator]\nods = \"{}\"\naddress = \"{address}\"\n",
                server_table(
                    &partner.ods,
                    "\n[node]\nkey = \"node.key\"\nprofile = \"nhs75m\"\nreference = \"../reference\"\n",
                    list
                ),
                self.coordinator
            );
            if let Some(second) = second {
                text += &format!(
                    "\n[membership.second_server]\nods = \"{second}\"\naddress = \"{second_server}\"\n"
                );
            }
            fs::write(self.node_config(&partner.ods), text).or_exit(Exit::Config)?;
        }
        Ok(())
    }

    /// The mapping files that read the synthetic extracts.
    fn write_mappings(&self) -> Result<(), Failure> {
        for (partner, profile) in self.holders() {
            for dataset in &DATASETS {
                let file = self.home(&partner.ods).join(mapping_file(dataset));
                fs::write(file, (dataset.mapping)(profile)).or_exit(Exit::Config)?;
            }
        }
        Ok(())
    }

    pub(super) fn holders(&self) -> impl Iterator<Item = (&Partner, &PartnerProfile)> {
        self.partners.iter().filter_map(|partner| Some((partner, partner.profile.as_ref()?)))
    }

    /// Writes, loads and publishes every extract of every period, and adds up what was planted.
    pub(super) fn load(&self, stop: &CancellationToken) -> Result<Planted, Failure> {
        let months = self.plan.months.periods();
        let each = self.holders().count() * self.plan.datasets.len() * months.count();
        let bar = terminal::bar(3 * each as u64, "Extracts");
        let mut planted = Planted::new();
        let geography = Geography::new(self.plan.seed);
        for period in self.plan.months.periods() {
            for dataset in &self.plan.datasets {
                for (number, (partner, profile)) in (1_u64..).zip(self.holders()) {
                    unless_stopped(stop)?;
                    let seed = self.plan.seed.wrapping_mul(1_000).wrapping_add(number);
                    let extract = Extract { partner, profile, dataset, period, seed };
                    let figures = self.load_one(&extract, &geography, &bar)?;
                    planted.entry((dataset.id, period)).or_default().add(&figures);
                }
            }
        }
        bar.finish_and_clear();
        Ok(planted)
    }

    fn load_one(
        &self,
        extract: &Extract<'_>,
        geography: &Geography,
        bar: &ProgressBar,
    ) -> Result<Figures, Failure> {
        let Extract { partner, profile, dataset, period, seed } = *extract;
        let home = self.home(&partner.ods);
        let what = if self.several_months() { format!(" {period}") } else { String::new() };
        let step = |step: &str| bar.set_message(format!("{}{what}: {step}", partner.name));
        step("extract");
        let file = home.join(self.extract_file(dataset, period));
        let mut writer = BufWriter::new(File::create(&file).or_exit(Exit::Config)?);
        let figures =
            (dataset.write)(&mut writer, profile, geography, period, seed).or_exit(Exit::Config)?;
        writer.flush().or_exit(Exit::Config)?;
        bar.inc(1);
        let (config, month) =
            (self.node_config(&partner.ods).display().to_string(), period.to_string());
        let of = ["--dataset", dataset.id, "--period", &month, "--config", &config];
        let mapping = home.join(mapping_file(dataset)).display().to_string();
        let file = file.display().to_string();
        step("load");
        let load = [&["node", "load", "--mapping", &mapping, &file], &of[..]].concat();
        children::complete(&load, &home.join("load.log"))?;
        bar.inc(1);
        step("publish");
        let publish = [&["node", "publish"], &of[..]].concat();
        children::complete(&publish, &home.join("publish.log"))?;
        bar.inc(1);
        Ok(figures)
    }

    fn several_months(&self) -> bool {
        self.plan.months.periods().nth(1).is_some()
    }

    /// The first dataset's extract of the only month has the plain name.
    fn extract_file(&self, dataset: &Dataset, period: Period) -> String {
        match (dataset.is_first(), self.several_months()) {
            (true, false) => "extract.csv".to_owned(),
            (true, true) => format!("extract-{period}.csv"),
            (false, _) => format!("extract-{}-{period}.csv", dataset.id),
        }
    }

    /// What was planted: of one dataset and month as a list of cells, of several by dataset and month.
    pub(super) fn write_truth(&self, planted: &Planted) -> Result<(), Failure> {
        let text = match planted.values().next() {
            Some(figures) if planted.len() == 1 => serde_json::to_string_pretty(figures),
            _ => {
                let by_name: BTreeMap<String, &Figures> = planted
                    .iter()
                    .map(|((dataset, period), figures)| (format!("{dataset} {period}"), figures))
                    .collect();
                serde_json::to_string_pretty(&by_name)
            }
        };
        fs::write(self.truth_file(), text.or_exit(Exit::Fault)?).or_exit(Exit::Config)
    }

    /// Starts the coordinator, tells the nodes where it is, and starts them.
    pub(super) fn start(&self, stop: &CancellationToken) -> Result<Vec<Child>, Failure> {
        let mut servers = Vec::new();
        let mut for_nodes = NOBODY.to_owned();
        if let Some(second) = &self.second {
            let home = self.home(second);
            let config = home.join("helper.toml").display().to_string();
            let server =
                Child::serve(&["helper", "serve", "--config", &config], &home.join("server.log"))?;
            let ready = server.ready()?;
            self.write_coordinator_config(&place(&ready, "coordinator")?)?;
            for_nodes = place(&ready, "nodes")?;
            servers.push(server);
        }
        let home = self.home(&self.coordinator);
        let config = home.join("coordinator.toml").display().to_string();
        let coordinator =
            Child::serve(&["coordinator", "serve", "--config", &config], &home.join("server.log"))?;
        let ready = coordinator.ready()?;
        self.write_node_configs(&place(&ready, "nodes")?, &for_nodes)?;
        let text = format!(
            "analyst = \"{ANALYST}\"\nkey = \"analyst.pem\"\ncoordinator = \"{}\"\nca = \"../ca/ca.pem\"\nagreements = [\"../agreement.toml\"]\n",
            place(&ready, "analysts")?
        );
        fs::write(self.analyst_config(), text).or_exit(Exit::Config)?;
        servers.push(coordinator);
        let before = servers.len();
        for partner in &self.partners {
            let config = self.node_config(&partner.ods).display().to_string();
            let log = self.home(&partner.ods).join("server.log");
            servers.push(Child::serve(&["node", "serve", "--config", &config], &log)?);
        }
        for node in &servers[before..] {
            unless_stopped(stop)?;
            node.ready()?;
        }
        Ok(servers)
    }
}

/// The agreement without its parties and analysts: everything that there are records for may be asked.
fn terms(catalogue: &Catalogue, now: Timestamp) -> String {
    let quoted = |names: Vec<&str>| -> String {
        names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };
    let (from, until) = (now.plus(-30 * DAY).date(), now.plus(365 * DAY).date());
    let packs: BTreeSet<&str> =
        datasets::indicators(catalogue).flat_map(|i| &i.packs).map(String::as_str).collect();
    let packs = quoted(packs.into_iter().collect());
    let indicators = quoted(datasets::indicators(catalogue).map(|i| i.id.as_str()).collect());
    format!(
        "id = \"{AGREEMENT}\"\nversion = 1\nfederation = \"{FEDERATION}\"\nresidence_scope = [\"{HOME_ICB}\"]\n\
         from = \"{from}\"\nuntil = \"{until}\"\npurposes = [\"statutory_reporting\", \"service_planning\", \"data_quality\"]\npacks = [{packs}]\n\
         indicators = [{indicators}]\n\
         dimensions = [\"imd\", \"ethnicity\", \"sex\", \"age\", \"tfc\", \"department\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\n\
         show_partners = true\nasker_runs_coordinator = true\n"
    )
}

/// A port that a server says in its ready line.
fn place(ready: &serde_json::Value, key: &str) -> Result<String, Failure> {
    ready[key]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::says(Exit::Fault, format!("a server did not say its port '{key}'")))
}

/// The part of a configuration that every server has, with its own part in its place and what its membership has
/// beside.
pub(super) fn server_table(ods: &Ods, own: &str, membership: &str) -> String {
    format!(
        "ods = \"{ods}\"\nstate = \"state\"\nledger_key = \"ledger.pem\"\n{own}\n\
         [[membership]]\nfederation = \"{FEDERATION}\"\nagreements = [\"../agreement.toml\"]\nanswer_key = \"answer.pem\"\n{membership}\n\
         [membership.tls]\nca = \"../ca/ca.pem\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n"
    )
}
