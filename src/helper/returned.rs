//! What the coordinator made of opened totals comes back, and is put to the disclosure test beside everything that was
//! released of the same records before.

use std::sync::Arc;

use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{Live, Policy, ReleaseDocument, Universe};
use evensum_core::identity::Peer;
use evensum_core::ledger::{OpenedTable, PoolStep, ReceiptParts};
use evensum_core::model::canonical::MAX_BYTES;
use evensum_core::model::{Digest, Population, RefusalCode, canonical};
use evensum_core::pool::{Opening, Returned};
use evensum_core::port::PoolFault;
use evensum_core::sign::Envelope;
use tracing::error;

use super::round::{self, Summed};
use super::{Inner, Unable, blocking, refused, shelf};

impl Inner {
    pub(super) async fn returned(
        self: &Arc<Self>,
        caller: &Peer,
        envelope: &Envelope,
        releases: Vec<Vec<u8>>,
    ) -> Result<ReceiptParts, Unable> {
        let of = self.of_closing(caller, envelope).await?;
        let returned = self.signed::<Returned>(&of, envelope)?;
        let closing = of.closing;
        let hashes = releases.iter().map(|bytes| Digest::of(bytes));
        if !hashes.eq(returned.releases.iter().copied()) {
            return Err(refused(RefusalCode::RoundDiffers));
        }
        let opening = self.shelf.kept::<Opening>(of.reference.round, round::OPENING)?;
        if opening.is_none_or(|kept| kept.payload_hash() != returned.opening) {
            return Err(refused(RefusalCode::RoundDiffers));
        }
        if !of.pending {
            return self.again(closing, &returned).await;
        }
        let opened: Vec<OpenedTable> = {
            let mut history = self.history.lock().await;
            history.read_on(self.clock.now()).await?;
            let all = history.opened(closing).iter();
            all.flat_map(|one| one.tables.iter().cloned()).collect()
        };
        let population = of.reference.population.clone();
        self.are_of(of.summed, (&population, closing), &opened, &releases)?;
        let universe = self.universe(&population)?;
        let passed = self.tested(universe, releases).await?;
        let releases = returned.releases;
        let step = PoolStep::Returned { of: of.reference, closing, releases, passed };
        let written = self.store.step(step).await?;
        if !passed {
            let (dataset, period) = (&population.dataset, population.period);
            error!(
                %dataset, %period,
                "what was released of a blind sum does not pass the disclosure test: nothing of it is opened any more. Tell the members' IG leads"
            );
        }
        self.wake.notify_waiters();
        Ok(written.ok_or(Unable::Lost("the entry of a return"))?.parts().clone())
    }

    /// The same return again gets the entry of the first.
    async fn again(&self, closing: Digest, returned: &Returned) -> Result<ReceiptParts, Unable> {
        let mut history = self.history.lock().await;
        history.read_on(self.clock.now()).await?;
        match history.back(closing).last() {
            Some(back) if back.releases == returned.releases => {
                Ok(history.receipt(back.index).await?)
            }
            _ => Err(refused(RefusalCode::RoundDiffers)),
        }
    }

    /// That each release is the coordinator's, of this closing, of a table that was opened under it, now or before, by the
    /// agreement's policy.
    fn are_of(
        &self,
        of: &Summed,
        (population, closing): (&Population, Digest),
        opened: &[OpenedTable],
        releases: &[Vec<u8>],
    ) -> Result<(), Unable> {
        let differs = || refused(RefusalCode::RoundDiffers);
        let coordinator = &of.roster.roster().coordinator().ods;
        if releases.len() > opened.len() {
            return Err(differs());
        }
        let mut seen: Vec<OpenedTable> = Vec::with_capacity(releases.len());
        for bytes in releases {
            if bytes.len() > MAX_BYTES {
                return Err(PoolFault::Unreadable.into());
            }
            let release: ReleaseDocument = canonical::decode(bytes).map_err(|_| differs())?;
            let table = OpenedTable::of(&release.question);
            let definition = self.catalogue.definition_hash(&table.indicator).ok();
            let mut residence = release.residence_scope.clone();
            residence.sort();
            let fits = opened.iter().any(|one| one.is(&table))
                && definition == Some(release.question.definition_hash)
                && !seen.iter().any(|other| other.is(&table))
                && release.ods == *coordinator
                && release.federation == population.federation
                && release.dataset == population.dataset
                && residence == population.residence_scope
                && release.question.period == population.period
                && release.snapshot.id == closing
                && release.policy == Policy::from(of.agreement.profile);
            if !fits {
                return Err(differs());
            }
            seen.push(table);
        }
        Ok(())
    }

    /// What is tested together. A test for each federation: the second server sees no other's releases.
    fn universe(&self, population: &Population) -> Result<Digest, Unable> {
        let dataset = self.catalogue.dataset(&population.dataset);
        let dataset = dataset.map_err(|_| Unable::Lost("the meaning of its dataset"))?;
        let universe = Universe::of(dataset, population.period);
        Ok(Digest::of(format!("evensum releases {} {universe}", population.federation).as_bytes()))
    }

    /// Keeps releases and tests them with all earlier ones. What cannot be tested has not passed.
    async fn tested(
        self: &Arc<Self>,
        universe: Digest,
        releases: Vec<Vec<u8>>,
    ) -> Result<bool, Unable> {
        let inner = Arc::clone(self);
        let _testing = self.testing.lock().await;
        blocking(move || {
            let mut all: Vec<Vec<u8>> = Vec::new();
            while let Some(bytes) = inner.shelf.vault().take(universe, &shelf::release(all.len()))? {
                all.push(bytes);
            }
            for bytes in releases {
                // A crash may have come after some of them were kept.
                if !all.contains(&bytes) {
                    inner.shelf.vault().put(universe, &shelf::release(all.len()), &bytes)?;
                    all.push(bytes);
                }
            }
            let live = Live::new(&inner.catalogue, &all);
            Ok(match live.and_then(|live| live.passes(&Limits::RELEASE)) {
                Ok(passed) => passed,
                Err(reason) => {
                    error!(%reason, "what was released of a blind sum cannot be put to the disclosure test");
                    false
                }
            })
        })
        .await
    }
}
