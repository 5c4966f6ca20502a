//! A federation in this process: an authority, a coordinator and nodes with stores on disk, over TLS on this
//! machine's loopback, and one analyst. All that a benchmark needs to know of the wiring is in this file.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evensum_core::catalogue::Catalogue;
use evensum_core::identity::{Asker, Peer, QUERY_TYPE};
use evensum_core::ledger::{Asked, origin};
use evensum_core::model::{
    Agreement, Clock, FederationId, IndicatorId, LevelId, Ods, Profile, Query, Question, Role,
    Scope, canonical,
};
use evensum_core::plan::Layout;
use evensum_core::port::AnalystPort;
use evensum_core::sign::{Envelope, SigningKey, VerifyingKey};
use evensum_core::view::{Bundle, Shared, SystemView};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;

use super::rows;
use crate::cli::clock;
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::coordinator::{self, Coordinator};
use crate::node::{self, Site};
use crate::rpc::client::AnalystClient;
use crate::rpc::{
    AcceptConfig, Destination, DialConfig, Keepalive, Registry, accept_analysts, accept_nodes,
    coordinator_service, dial_as_analyst, node_service, serve_dialled,
};
use crate::store::{self, Identity, Store};
use crate::synth::HOME_ICB;
use crate::trust::{Authority, AuthorityKind, Credentials, IssueRequest, Roots, config as tls};

const FEDERATION: &str = "bench.evensum.example";
const ANALYST: &str = "ada.bench";
const PURPOSE: &str = "service_planning";
const DAY: i64 = 86_400;
/// What a question is given.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server with its keys.
struct Member {
    ods: Ods,
    role: Role,
    answer: SigningKey,
    ledger: Arc<SigningKey>,
    credentials: Credentials,
    state: PathBuf,
}

/// Everybody's keys and the agreement; nobody serves yet.
pub(super) struct Federation {
    name: FederationId,
    pub(super) agreement: Agreement,
    pub(super) catalogue: Arc<Catalogue>,
    roots: Roots,
    coordinator: Member,
    nodes: Vec<Member>,
    analyst: SigningKey,
}

impl Federation {
    /// Makes keys, certificates and an agreement for so many nodes, with their states below a folder.
    pub(super) fn new(dir: &Path, nodes: u16) -> Result<Self, Failure> {
        let name: FederationId = FEDERATION.parse().or_exit(Exit::Fault)?;
        let now = clock::system().now();
        let authority =
            Authority::create(&name, AuthorityKind::Example, 30, now).or_exit(Exit::Fault)?;
        let member = |ods: &str, role| Member::new(&authority, dir, ods, role);
        let coordinator = member(HOME_ICB, Role::Coordinator)?;
        let nodes = (1..=nodes)
            .map(|number| member(&format!("ZZ{number}"), Role::Node))
            .collect::<Result<Vec<_>, _>>()?;
        let analyst = SigningKey::generate_p256().or_exit(Exit::Fault)?;
        let (from, until) = (now.plus(-30 * DAY).date(), now.plus(365 * DAY).date());
        let mut text = format!(
            "id = \"bench\"\nversion = 1\nfederation = \"{FEDERATION}\"\nresidence_scope = [\"{HOME_ICB}\"]\n\
             from = \"{from}\"\nuntil = \"{until}\"\npurposes = [\"{PURPOSE}\"]\npacks = [\"13sa\"]\n\
             indicators = [\"rtt_over_18_weeks\", \"rtt_over_52_weeks\", \"rtt_over_65_weeks\", \"rtt_over_78_weeks\"]\n\
             dimensions = [\"imd\", \"ethnicity\", \"sex\", \"age\", \"tfc\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\n\
             show_partners = true\nasker_runs_coordinator = true\n"
        );
        for party in std::iter::once(&coordinator).chain(&nodes) {
            let _ = write!(
                text,
                "[[parties]]\nods = \"{}\"\nrole = \"{}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
                party.ods,
                party.role.as_str(),
                party.answer.verifying_key().to_text(),
                party.ledger.verifying_key().to_text(),
            );
        }
        let key = analyst.verifying_key().to_text();
        let _ = write!(
            text,
            "[[analysts]]\nid = \"{ANALYST}\"\nkey = \"{key}\"\nassurance_min = \"enrolled\"\n"
        );
        Ok(Self {
            name,
            agreement: Agreement::parse(&text).or_exit(Exit::Fault)?,
            catalogue: Arc::new(Catalogue::builtin().or_exit(Exit::Fault)?),
            roots: Roots::from_pem(authority.certificate_pem()).or_exit(Exit::Fault)?,
            coordinator,
            nodes,
            analyst,
        })
    }

    /// The nodes' codes, and the folders of their states.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&Ods, &Path)> {
        self.nodes.iter().map(|node| (&node.ods, node.state.as_path()))
    }

    /// A question of the catalogue about the benchmarks' period.
    pub(super) fn question(
        &self,
        indicator: &str,
        by: &[&str],
        scope: Option<(&str, &str)>,
    ) -> Result<Question, Failure> {
        let indicator: IndicatorId = indicator.parse().or_exit(Exit::Fault)?;
        let level = |text: &str| text.parse::<LevelId>().or_exit(Exit::Fault);
        let (_, period) = rows::subject()?;
        Ok(Question {
            definition_hash: self.catalogue.definition_hash(&indicator).or_exit(Exit::Fault)?,
            indicator,
            period,
            by: by.iter().map(|text| level(text)).collect::<Result<_, _>>()?,
            scope: match scope {
                None => None,
                Some((of, category)) => {
                    let category = category.parse().or_exit(Exit::Fault)?;
                    Some(Scope { level: level(of)?, category })
                }
            },
        })
    }

    /// The question to all nodes, under an id of its own, signed by the analyst.
    fn signed(&self, question: &Question) -> Result<(Query, Envelope), Failure> {
        let agreement = &self.agreement;
        let now = clock::system().now();
        let query = Query {
            query_id: clock::query_id(),
            federation: agreement.federation.clone(),
            agreement: agreement.id.clone(),
            agreement_hash: agreement.hash().or_exit(Exit::Fault)?,
            purpose: PURPOSE.parse().or_exit(Exit::Fault)?,
            targets: self.nodes.iter().map(|node| node.ods.clone()).collect(),
            not_before: now.plus(-60),
            expires: now.plus(300),
            questions: vec![question.clone()],
            view: None,
        };
        let bytes = canonical::encode(&query).or_exit(Exit::Fault)?;
        let envelope =
            Envelope::sign(bytes, QUERY_TYPE, ANALYST, &self.analyst).or_exit(Exit::Fault)?;
        Ok((query, envelope))
    }

    /// What an audit log says of a question.
    pub(super) fn asked(&self, question: &Question) -> Result<Asked, Failure> {
        let (_, envelope) = self.signed(question)?;
        let asker = Asker::verify(&envelope, &self.agreement).or_exit(Exit::Fault)?;
        Ok(store::asked(&asker, None))
    }

    /// A node's own state, opened without serving.
    pub(super) async fn open_node(&self, ods: &Ods) -> Result<Store, Failure> {
        let node = self.nodes.iter().find(|node| node.ods == *ods);
        let node =
            node.ok_or_else(|| Failure::says(Exit::Fault, "a federation without that node"))?;
        node.open(&clock::system()).await
    }

    /// The coordinator's own state, opened without serving, and what proves its log.
    pub(super) async fn open_coordinator(&self) -> Result<Store, Failure> {
        self.coordinator.open(&clock::system()).await
    }

    /// The folder, name and key of the coordinator's audit log.
    pub(super) fn coordinator_log(&self) -> (&Path, String, VerifyingKey) {
        let Member { ods, role, ledger, state, .. } = &self.coordinator;
        (state, origin(ods, *role), ledger.verifying_key())
    }

    /// Starts everybody, and waits until all nodes are connected.
    pub(super) async fn start(self) -> Result<Running, Failure> {
        let stop = CancellationToken::new();
        let clock = clock::system();
        let peer = Peer::from_certificate(self.coordinator.credentials.certificate(), &self.name)
            .or_exit(Exit::Fault)?;
        let listen = async || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let (nodes, analysts) = (
            listen().await.or_exit(Exit::Unavailable)?,
            listen().await.or_exit(Exit::Unavailable)?,
        );
        let node_place = nodes.local_addr().or_exit(Exit::Fault)?.to_string();
        let analyst_place = analysts.local_addr().or_exit(Exit::Fault)?.to_string();
        let own = &self.coordinator.credentials;
        let node_tls = tls::coordinator_node_port(own, &self.roots, Arc::clone(&clock))
            .or_exit(Exit::Fault)?;
        let analyst_tls = tls::analyst_port(own, Arc::clone(&clock)).or_exit(Exit::Fault)?;
        let registry = Registry::new();
        let accept = AcceptConfig {
            federation: self.name.clone(),
            tls: watch::channel(node_tls).1,
            gate: Arc::new(|_: &Peer| Ok(())),
            keepalive: Keepalive::USUAL,
        };
        let mut tasks = Vec::new();
        let accepting = accept_nodes(nodes, accept, registry.clone(), stop.clone());
        tasks.push(tokio::spawn(accepting));
        let store = self.coordinator.open(&clock).await?;
        let mut stores = vec![store.clone()];
        let writable = store.writable();
        let served = Coordinator::new(coordinator::Parts {
            own: peer.clone(),
            agreements: vec![self.agreement.clone()],
            catalogue: Arc::clone(&self.catalogue),
            store,
            partners: Arc::new(registry.clone()),
            clock: Arc::clone(&clock),
            sums: None,
        });
        let incoming = accept_analysts(analysts, watch::channel(analyst_tls).1, peer, stop.clone());
        let serving =
            coordinator_service::serve(Arc::new(served), incoming, writable, stop.clone());
        tasks.push(tokio::spawn(async move { drop(serving.await) }));
        for (seed, member) in (0..).zip(&self.nodes) {
            stores.push(self.serve_node(member, (&node_place, seed), &stop, &mut tasks).await?);
        }
        let wanted = self.nodes.len();
        registry.until(|connected| connected.len() == wanted).await;
        Ok(Running { of: self, analyst_place, stop, tasks, stores, registry })
    }

    async fn serve_node(
        &self,
        member: &Member,
        (place, seed): (&str, u64),
        stop: &CancellationToken,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> Result<Store, Failure> {
        let clock = clock::system();
        let store = member.open(&clock).await?;
        let site = Site::new(node::Parts {
            ods: member.ods.clone(),
            profile: Profile::Nhs75m,
            catalogue: Arc::clone(&self.catalogue),
            store: store.clone(),
            state: member.state.clone(),
            node_key: rows::node_key(),
            database: None,
            noted: HashSet::new(),
            // Questions alone are measured here: `publication` measures what is decided beforehand.
            agreements: Vec::new(),
            clock: Arc::clone(&clock),
        });
        let node = site.node(node::Membership {
            federation: self.name.clone(),
            coordinator: self.coordinator.ods.clone(),
            agreements: vec![self.agreement.clone()],
            answer_key: copy(&member.answer)?,
            roster: None,
            seal_key: None,
        });
        let routes = node_service::routes(Arc::new(node), site.writable()).await;
        let dial = tls::node_dial(&member.credentials, &self.roots, clock).or_exit(Exit::Fault)?;
        let dial = DialConfig {
            role: Role::Coordinator,
            address: place.parse().or_exit(Exit::Fault)?,
            federation: self.name.clone(),
            coordinator: self.coordinator.ods.clone(),
            tls: watch::channel(dial).1,
            seed,
            keepalive: Keepalive::USUAL,
        };
        let stop = stop.clone();
        tasks.push(tokio::spawn(async move {
            drop(serve_dialled(routes, dial, stop, |_| {}).await);
        }));
        Ok(store)
    }
}

impl Member {
    fn new(authority: &Authority, dir: &Path, ods: &str, role: Role) -> Result<Self, Failure> {
        let ods = Ods::new(ods).or_exit(Exit::Fault)?;
        let request = IssueRequest {
            ods: ods.clone(),
            role,
            name: "main".to_owned(),
            dns: vec!["localhost".to_owned()],
            ips: vec![Ipv4Addr::LOCALHOST.into()],
            // Less than the authority, which was made a moment before.
            days: 1,
            now: clock::system().now(),
        };
        let issued = authority.issue(&request).or_exit(Exit::Fault)?;
        Ok(Self {
            role,
            answer: SigningKey::generate_ed25519().or_exit(Exit::Fault)?,
            ledger: Arc::new(SigningKey::generate_ed25519().or_exit(Exit::Fault)?),
            credentials: Credentials::from_pem(&issued.cert_pem, &issued.key_pem)
                .or_exit(Exit::Fault)?,
            state: dir.join(ods.as_str()),
            ods,
        })
    }

    async fn open(&self, clock: &Arc<dyn Clock>) -> Result<Store, Failure> {
        let identity = Identity { ods: self.ods.clone(), role: self.role };
        let (key, clock) = (Arc::clone(&self.ledger), Arc::clone(clock));
        Store::open(&self.state, identity, key, clock, "bench").await.or_exit(Exit::Fault)
    }
}

fn copy(key: &SigningKey) -> Result<SigningKey, Failure> {
    SigningKey::from_pem(&key.to_pem()).or_exit(Exit::Fault)
}

/// A federation that serves.
pub(super) struct Running {
    of: Federation,
    analyst_place: String,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    stores: Vec<Store>,
    registry: Registry,
}

/// A question as it was asked, and what came back, not believed yet.
pub(super) struct Told {
    query: Query,
    hash: evensum_core::model::Digest,
    bundle: Bundle,
}

impl Running {
    pub(super) const fn federation(&self) -> &Federation {
        &self.of
    }

    /// A connection of the analyst.
    pub(super) async fn connect(&self) -> Result<AnalystClient, Failure> {
        let dial = tls::analyst_dial(&self.of.roots, clock::system()).or_exit(Exit::Fault)?;
        let address: Destination = self.analyst_place.parse().or_exit(Exit::Fault)?;
        let (name, ods) = (&self.of.name, &self.of.coordinator.ods);
        let channel = dial_as_analyst(&address, name, ods, dial).await;
        Ok(AnalystClient::new(channel.or_exit(Exit::Unavailable)?))
    }

    /// Signs one question under an id of its own, and asks it of all nodes.
    pub(super) async fn ask(
        &self,
        client: &AnalystClient,
        question: &Question,
    ) -> Result<Told, Failure> {
        let (query, envelope) = self.of.signed(question)?;
        let hash = envelope.payload_hash();
        let answers = client.ask(envelope, DEADLINE, Arc::new(|_| {})).await;
        let mut answers = answers.or_exit(Exit::Unavailable)?;
        let first = answers.next().await.map(|(_, answer)| answer);
        let bundle = first
            .ok_or_else(|| Failure::says(Exit::Unavailable, "no answer came"))?
            .or_exit(Exit::Unavailable)?;
        if bundle.answers.len() != self.of.nodes.len() {
            let text = "not every node of the benchmark's federation answered";
            return Err(Failure::says(Exit::Unavailable, text));
        }
        Ok(Told { query, hash, bundle })
    }

    /// Verifies and combines again what came back, as the analyst's tool does.
    pub(super) fn check(
        &self,
        told: Told,
        question: &Question,
    ) -> Result<SystemView<Shared>, Failure> {
        let Told { query, hash, bundle } = told;
        let (agreement, catalogue) = (&self.of.agreement, &self.of.catalogue);
        let layout = Layout::new(question, Some(agreement), catalogue).or_exit(Exit::Fault)?;
        SystemView::check(bundle, &query, hash, 0, &layout, agreement, catalogue)
            .or_exit(Exit::Fault)
    }

    /// Stops everybody, and waits until they have.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.registry.release_all();
        for task in self.tasks {
            drop(task.await);
        }
        for store in self.stores {
            store.close().await;
        }
    }
}
