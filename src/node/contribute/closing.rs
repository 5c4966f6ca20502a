//! Who is in the sum, as both servers signed it. The contribution is of no more use then, and goes.

use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::ledger::{PoolStep, RoundRef};
use evensum_core::model::RefusalCode;
use evensum_core::pool::{Closing, RoundDocument};
use evensum_core::port::SignedClosing;
use evensum_core::sign::{Signed, VerifyingKey};
use tracing::{info, warn};

use super::parts::PARTS;
use super::{Pool, Trouble, blocking, either_server};
use crate::node::Inner;

pub(super) async fn closed(
    node: &Arc<Inner>,
    caller: &Peer,
    closing: &SignedClosing,
) -> Result<(), Trouble> {
    let pool = node.pool()?;
    either_server(pool, caller)?;
    let signed = verified(pool, closing)?;
    let Closing { population, version, round, members, missing } = signed.document().clone();
    let (site, rounds) = (&node.site, node.site.store.rounds());
    let Some((state, bound_as, bound)) = rounds.round(round) else {
        return Err(Trouble::Refused(RefusalCode::RoundDiffers));
    };
    if state.population != population || bound_as != version {
        return Err(Trouble::Unbelieved("it is about other records than the round"));
    }
    if bound.agreement != pool.of.agreement.id
        || population.federation != pool.of.agreement.federation
    {
        return Err(Trouble::Unbelieved("it is of another agreement"));
    }
    let list = node.list_of(pool, round)?;
    let allowed = list.may_close(&bound.members, &members, population.period)?;
    if allowed.arrived() != members || allowed.missing() != missing {
        return Err(Trouble::Unbelieved("its lists are not those of the round's members"));
    }
    let (own, contributed) = (&site.ods, bound.contributed.is_some());
    if members.contains(own) && !contributed {
        return Err(Trouble::Unbelieved("it counts this partner, which has sent nothing"));
    }
    let (dataset, period) = (&population.dataset, population.period);
    if missing.contains(own) && contributed {
        warn!(%dataset, %period, round = round.short(), "the servers closed a blind sum without this partner, whose contribution was made");
    }
    let agreement = bound.agreement.clone();
    let of = RoundRef { population: population.clone(), version, agreement, round };
    let step = PoolStep::Closed { of, closing: signed.hash(), members, missing };
    let new = site.store.step(step).await?.is_some();
    let vault = site.contributing.vault.clone();
    blocking(move || Ok(vault.forget(round, PARTS)?)).await?;
    if new {
        info!(%dataset, %period, round = round.short(), "a blind sum is closed, and its contribution forgotten");
    }
    Ok(())
}

/// That both servers signed the same closing.
fn verified(pool: &Pool, closing: &SignedClosing) -> Result<Signed<Closing>, Trouble> {
    let list = pool.of.roster.roster();
    let coordinator = VerifyingKey::parse(&list.coordinator().answer_key)?;
    let signed = Closing::verified(&closing.coordinator, &coordinator)?;
    match (list.helper(), &closing.helper) {
        (None, None) => {}
        (Some(server), Some(envelope)) => {
            let theirs = Closing::verified(envelope, &VerifyingKey::parse(&server.answer_key)?)?;
            if theirs.hash() != signed.hash() {
                return Err(Trouble::Unbelieved("the two servers signed different closings"));
            }
        }
        _ => return Err(Trouble::Unbelieved("the second server's signature is missing")),
    }
    Ok(signed)
}
