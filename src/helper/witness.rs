//! A question is written down before anything is opened for it, so that every member hears of it from somebody else than
//! the coordinator.

use evensum_core::authz::{Standing, cleared};
use evensum_core::identity::{Asker, Peer, claimed_agreement};
use evensum_core::ledger::{Event, ReceiptParts};
use evensum_core::model::{QueryView, RefusalCode};
use evensum_core::port::PoolFault;
use evensum_core::sign::Envelope;

use super::{Inner, PORT, Unable, refused};
use crate::store::asked;

impl Inner {
    pub(super) async fn witness(
        &self,
        caller: &Peer,
        envelope: &Envelope,
    ) -> Result<ReceiptParts, Unable> {
        self.any_coordinator(caller)?;
        let (_, agreement) = claimed_agreement(envelope).ok_or(PoolFault::Unreadable)?;
        let of = self.summed(&agreement)?;
        self.coordinator(caller, &of.agreement)?;
        let asker = Asker::verify(envelope, &of.agreement).map_err(|reason| {
            self.security.refused(PORT, reason.says());
            PoolFault::Unauthenticated(reason.says())
        })?;
        let (agreement, catalogue) = (&of.agreement, &*self.catalogue);
        let standing = Standing { agreement, catalogue, now: self.clock.now() };
        let about = asked(&asker, Some(caller));
        let (query_id, query_hash) = (about.query_id, about.query_hash);
        let code = match cleared(&asker, standing) {
            Ok(query) if query.view() == Some(QueryView::Pooled) => None,
            Ok(_) => Some(RefusalCode::SumNotAgreed),
            Err(denied) => Some(denied.0),
        };
        if let Some(code) = code {
            let asked = Some(about);
            let event = Event::Refused { asked, query_id, query_hash, question: None, code };
            self.store.append(event).await?;
            return Err(refused(code));
        }
        // Held until it is written, so that the same question is written once.
        let mut history = self.history.lock().await;
        history.read_on(self.clock.now()).await?;
        match history.witnessed(query_id) {
            Some(known) if known.hash == query_hash => Ok(history.receipt(known.index).await?),
            Some(_) => Err(refused(RefusalCode::QueryIdSeen)),
            None => {
                let receipt = self.store.witness(about).await?;
                self.wake.notify_waiters();
                Ok(receipt.parts().clone())
            }
        }
    }
}
