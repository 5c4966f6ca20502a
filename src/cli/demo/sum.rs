//! What the demonstration has beside for a blind sum: officers, the membership list that two of them sign, and the
//! independent second server.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use evensum_core::model::{Agreement, Date, Ods, Officer, OfficerId, Role};
use evensum_core::pool::{Member, PoolServer, Roster, SealKey, SignedRoster};
use evensum_core::sign::SigningKey;
use tokio_util::sync::CancellationToken;

use super::federation::Federation;
use super::unless_stopped;
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::query;
use crate::trust::write_private;

/// The line of a membership that names the list.
pub(super) const LIST: &str = "membership_list = \"../membership.json\"\n";
/// Before the months that the extracts describe.
const SINCE: &str = "2024-04-01";

/// An information governance officer, and the key that signs.
pub(super) struct Signatory {
    officer: Officer,
    key: SigningKey,
}

impl Signatory {
    /// As the agreement lists the officer.
    pub(super) fn listed(&self) -> String {
        let Officer { id, ods, key } = &self.officer;
        format!("\n[[officers]]\nid = \"{id}\"\nods = \"{ods}\"\nkey = \"{key}\"\n")
    }
}

/// What the agreement says of the blind sum.
pub(super) fn terms(second: &Ods) -> String {
    format!("pool = \"deposit\"\npool_after_publish = true\nhelper = \"{second}\"\n")
}

/// How long the contributions may take until their totals are decided.
const SUM_LIMIT: Duration = Duration::from_secs(120);
/// Between two questions whether they are.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Asks for the blind sum, again and again until it is there.
pub(super) async fn asked(
    question: &query::Args,
    stop: &CancellationToken,
) -> Result<query::Asked, Failure> {
    let question = query::Args { view: query::View::Pooled, ..question.clone() };
    let begun = Instant::now();
    loop {
        unless_stopped(stop)?;
        let asked = query::ask(&question).await;
        let open = match &asked {
            Ok(asked) => asked.is_without_sum(),
            Err(failure) => failure.exit() == Exit::Denied,
        };
        if !open || begun.elapsed() >= SUM_LIMIT {
            return asked;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn sealing(home: &Path) -> Result<evensum_core::model::KeyText, Failure> {
    let key = SealKey::generate().or_exit(Exit::Fault)?;
    write_private(&home.join("seal.pem"), key.to_pem().as_bytes(), false).or_exit(Exit::Config)?;
    Ok(key.public().to_text())
}

impl Federation {
    /// Two officers, of the first two partners that are on the list and run no server.
    pub(super) fn officers(&self) -> Result<Vec<Signatory>, Failure> {
        let names = ["ig.one", "ig.two"];
        let one = |(partner, name): (&super::partners::Partner, &str)| {
            let key = SigningKey::generate_ed25519().or_exit(Exit::Fault)?;
            let file = self.home(&partner.ods).join("officer.pem");
            write_private(&file, key.to_pem().as_bytes(), false).or_exit(Exit::Config)?;
            let officer = Officer {
                id: OfficerId::new(name).or_exit(Exit::Fault)?,
                ods: partner.ods.clone(),
                key: key.verifying_key().to_text(),
            };
            Ok(Signatory { officer, key })
        };
        let beside = |ods: &Ods| ods != self.coordinator();
        let members = self.holders().map(|(partner, _)| partner).filter(|p| beside(&p.ods));
        members.zip(names).map(one).collect()
    }

    /// The list of all partners, signed.
    pub(super) fn write_membership_list(
        &self,
        second: &Ods,
        agreement: &str,
        officers: &[Signatory],
    ) -> Result<(), Failure> {
        let agreement = Agreement::parse(agreement).or_exit(Exit::Fault)?;
        let server = |role: Role, ods: &Ods| {
            let party = agreement.party(ods, role);
            let party = party.ok_or_else(|| Failure::says(Exit::Fault, "a server is missing"))?;
            let (answer_key, seal_key) = (party.answer_key.clone(), sealing(&self.home(ods))?);
            Ok::<_, Failure>(PoolServer { ods: ods.clone(), answer_key, seal_key })
        };
        let coordinator = server(Role::Coordinator, self.coordinator())?;
        let helper = server(Role::Helper, second)?;
        let federation = agreement.federation.clone();
        let mut list = Roster::new(federation, coordinator, Some(helper)).or_exit(Exit::Fault)?;
        let since: Date = SINCE.parse().or_exit(Exit::Fault)?;
        let holds = |ods: &Ods| self.holders().any(|(partner, _)| partner.ods == *ods);
        for party in agreement.nodes().filter(|party| holds(&party.ods)) {
            let member = Member {
                ods: party.ods.clone(),
                name: party.name.clone().unwrap_or_default(),
                since,
                answer_key: party.answer_key.clone(),
                seal_key: sealing(&self.home(&party.ods))?,
            };
            list = list.with(member).or_exit(Exit::Fault)?;
        }
        let mut signed = SignedRoster::unsigned(list).or_exit(Exit::Fault)?;
        for Signatory { officer, key } in officers {
            signed = signed.sign(officer, key).or_exit(Exit::Fault)?;
        }
        let text = signed.to_text().or_exit(Exit::Fault)?;
        fs::write(self.dir().join("membership.json"), text).or_exit(Exit::Config)
    }

    /// The second server's configuration.
    pub(super) fn write_second_server(&self, second: &Ods) -> Result<(), Failure> {
        let own = "\n[helper]\nnodes = \"127.0.0.1:0\"\ncoordinator = \"127.0.0.1:0\"\nseal_key = \"seal.pem\"\n";
        let text = super::federation::server_table(second, own, LIST);
        fs::write(self.home(second).join("helper.toml"), text).or_exit(Exit::Config)
    }
}
