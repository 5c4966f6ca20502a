//! The coordinator: it checks a signed question, passes it on unchanged to the partners that it names,
//! believes nothing that comes back unverified, adds up bounds, and says who is missing and why.

mod ask;
mod beside;
mod partners;
mod sum;

use std::sync::Arc;
use std::time::Duration;

use evensum_core::catalogue::Catalogue;
use evensum_core::identity::{CallAsker, CallKind, IdentityError, Peer, claimed_agreement};
use evensum_core::model::{Agreement, Clock, RefusalCode};
use evensum_core::port::{
    AnalystPort, Answers, AskFault, BoxFuture, PartnerDirectory, PartnerStanding, ProgressSink,
};
use evensum_core::sign::Envelope;
use evensum_core::view::{Shared, SystemView};
use tokio_util::sync::CancellationToken;

use crate::round::Shelf;
use crate::security_log::SecurityLog;
use crate::store::{Store, Turns};
pub use sum::SumParts;
use sum::Sums;

/// What a coordinator is made of.
pub struct Parts {
    /// Itself, as its own certificate says.
    pub own: Peer,
    /// Its own copies of the agreements.
    pub agreements: Vec<Agreement>,
    /// The definitions in force.
    pub catalogue: Arc<Catalogue>,
    /// Its audit log.
    pub store: Store,
    /// The partners that are connected.
    pub partners: Arc<dyn PartnerDirectory>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What blind sums need, where an agreement has one.
    pub sums: Option<SumParts>,
}

/// A coordinator. Cheap to clone.
#[derive(Clone)]
pub struct Coordinator(Arc<Inner>);

struct Inner {
    own: Peer,
    agreements: Vec<Agreement>,
    catalogue: Arc<Catalogue>,
    store: Store,
    partners: Arc<dyn PartnerDirectory>,
    security: SecurityLog,
    clock: Arc<dyn Clock>,
    sums: Option<Arc<Sums>>,
    turns: Arc<Turns>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("own", &self.own).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordinator").field("own", &self.0.own).finish_non_exhaustive()
    }
}

impl Coordinator {
    /// Puts a coordinator together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { own, agreements, catalogue, store, partners, clock, sums } = parts;
        let security = SecurityLog::new(Arc::clone(&clock));
        let turns = Arc::<Turns>::default();
        let sums = sums.map(|parts| {
            let SumParts { agreements, seal_key, answer_key, nodes, helper, vault, wait } = parts;
            let (catalogue, clock) = (Arc::clone(&catalogue), Arc::clone(&clock));
            Arc::new(Sums {
                own: own.clone(),
                shelf: Shelf::new(
                    (vault, store.clone()),
                    agreements,
                    Arc::clone(&catalogue),
                    Arc::clone(&clock),
                ),
                catalogue,
                store: store.clone(),
                clock,
                seal_key,
                answer_key,
                nodes,
                second: helper,
                wait,
                turn: tokio::sync::Mutex::default(),
                turns: Arc::clone(&turns),
            })
        });
        Self(Arc::new(Inner {
            own,
            agreements,
            catalogue,
            store,
            partners,
            security,
            clock,
            sums,
            turns,
        }))
    }

    /// Takes blind sums forward until it is told to stop; nothing where no agreement has one.
    pub async fn sum(&self, stop: CancellationToken) {
        if let Some(sums) = self.0.sums.clone() {
            sums.run(stop).await;
        }
    }

    async fn list(&self, envelope: &Envelope) -> Result<Vec<PartnerStanding>, AskFault> {
        let agreement = self.0.agreement(envelope)?;
        let now = self.0.clock.now();
        let caller = CallAsker::verify(envelope, CallKind::Partners, agreement, now)
            .map_err(|reason| self.0.unauthenticated(&reason))?
            .map_err(AskFault::Denied)?;
        if agreement.hash().ok() != Some(caller.call().agreement_hash) {
            return Err(AskFault::Denied(RefusalCode::AgreementDiffers));
        }
        let standing = |party: &evensum_core::model::Party| PartnerStanding {
            ods: party.ods.clone(),
            name: party.name.clone().unwrap_or_else(|| party.ods.to_string()),
            connected: self.0.partners.partner(&party.ods).is_some(),
        };
        Ok(agreement.nodes().map(standing).collect())
    }
}

impl Inner {
    fn agreement(&self, envelope: &Envelope) -> Result<&Agreement, AskFault> {
        claimed_agreement(envelope)
            .and_then(|(_, id)| self.agreements.iter().find(|a| a.id == id))
            .ok_or_else(|| {
                self.security.refused(ANALYSTS, RefusalCode::AgreementUnknown.says());
                AskFault::AgreementUnknown
            })
    }

    fn unauthenticated(&self, reason: &IdentityError) -> AskFault {
        self.security.refused(ANALYSTS, reason.says());
        AskFault::Unauthenticated(reason.says())
    }
}

/// Who brings what arrives at the port for analysts: nobody yet.
const ANALYSTS: &str = "the port for analysts";

impl AnalystPort for Coordinator {
    type Reply = SystemView<Shared>;

    fn ask<'a>(
        &'a self,
        envelope: Envelope,
        deadline: Duration,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<Answers<SystemView<Shared>, AskFault>, AskFault>> {
        Box::pin(ask::ask(Arc::clone(&self.0), envelope, deadline, progress))
    }

    fn partners<'a>(
        &'a self,
        envelope: Envelope,
    ) -> BoxFuture<'a, Result<Vec<PartnerStanding>, AskFault>> {
        Box::pin(async move { self.list(&envelope).await })
    }
}
