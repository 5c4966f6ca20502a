//! Partners' own tables beside the blind sum: put to the disclosure test together with everything of their universe that
//! this coordinator let anybody see, the first time that they are shown, and live from then on.

use std::sync::Arc;

use evensum_core::catalogue::CatalogueError;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{LiveError, Received, System, Universe, Verified};
use evensum_core::ledger::Tested;
use evensum_core::model::Digest;
use evensum_core::plan::Layout;
use evensum_core::view::Gathered;

use super::Inner;
use crate::store::{About, ShownRelease, StoreError};

/// How often releases are tested again because something else became live meanwhile. Whoever tests takes turns, so that
/// it is never needed; it keeps a fault in that from going round for ever.
const MOST_TRIES: usize = 4;

/// Why partners' tables could be neither shown nor held back.
#[derive(Debug, thiserror::Error)]
pub(super) enum BesideError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("partners' tables could not be put to the disclosure test")]
    Live(#[from] LiveError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error("the work was called off")]
    CalledOff,
}

/// The releases that one question would show.
pub(super) struct Showing {
    about: About,
    universe: Universe,
    releases: Arc<Vec<Received>>,
}

/// What came of a test.
enum Tried {
    /// All of it was shown before.
    Known,
    /// Those that are new pass.
    Pass(Vec<ShownRelease>, Tested),
    /// They do not, or that was not decided.
    Fail,
}

impl Inner {
    /// What the answers to a question would show.
    pub(super) fn showing(
        &self,
        gathered: &Gathered,
        layout: &Layout,
    ) -> Result<Showing, BesideError> {
        let Gathered { query_id, query_hash, question, .. } = *gathered;
        let dataset = self.catalogue.dataset(layout.dataset()).map_err(CatalogueError::from)?;
        let releases = gathered.verified.iter().filter_map(|answer| match answer {
            Verified::Release(received) => Some((**received).clone()),
            Verified::Refusal(_) => None,
        });
        Ok(Showing {
            about: About { query_id, query_hash, question },
            universe: Universe::of(dataset, layout.question().period),
            releases: Arc::new(releases.collect()),
        })
    }

    /// Whether all of it may be shown; it is live then. Where not, nothing is, and nobody learns whose table it was.
    pub(super) async fn may_show(&self, showing: Showing) -> Result<bool, BesideError> {
        let Showing { about, universe, releases } = showing;
        if releases.is_empty() {
            return Ok(true);
        }
        let _turn = self.turns.take(&universe).await;
        for _ in 0..MOST_TRIES {
            let stored = self.store.live(&universe).await?;
            let (catalogue, releases) = (Arc::clone(&self.catalogue), Arc::clone(&releases));
            let tried = tokio::task::spawn_blocking(move || {
                tried(&System::new(&catalogue, stored)?, about, &releases)
            });
            let tried = match tried.await {
                Ok(tried) => tried?,
                Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
                Err(_) => return Err(BesideError::CalledOff),
            };
            let (fresh, tested) = match tried {
                Tried::Known => return Ok(true),
                Tried::Fail => return Ok(false),
                Tried::Pass(fresh, tested) => (fresh, tested),
            };
            match self.store.show(&universe, about, fresh, tested).await {
                Err(StoreError::Outrun) => {}
                shown => return Ok(shown.map(|()| true)?),
            }
        }
        Err(StoreError::Outrun.into())
    }
}

fn tried(system: &System<'_>, about: About, releases: &[Received]) -> Result<Tried, LiveError> {
    let is_new = |of: &&Received| !system.has(Digest::of(&of.parts().document));
    let fresh: Vec<&Received> = releases.iter().filter(is_new).collect();
    if fresh.is_empty() {
        return Ok(Tried::Known);
    }
    if !system.partners_pass(fresh.iter().map(|of| of.document()), &Limits::RELEASE)? {
        return Ok(Tried::Fail);
    }
    let others = u32::try_from(system.len()).unwrap_or(u32::MAX);
    let shown = fresh.into_iter().map(|of| ShownRelease::new(about, of)).collect();
    Ok(Tried::Pass(shown, Tested { live: system.mark(), others }))
}
