//! What the second server writes down about this partner's records, for the partner's own audit log: so the partner's own
//! people read there who asked, and what was opened.

use std::sync::Arc;

use data_encoding::BASE64;
use evensum_core::identity::Peer;
use evensum_core::ledger::{Event, PoolStep, ReceiptParts, Verifier, origin};
use evensum_core::model::{Ods, PurposeId, RefusalCode, Role};
use evensum_core::pool::Rounds;
use evensum_core::port::MAX_TOLD;
use evensum_core::sign::VerifyingKey;

use super::{Trouble, second_server};
use crate::node::Inner;

pub(super) async fn told(
    node: &Arc<Inner>,
    caller: &Peer,
    entries: Vec<ReceiptParts>,
) -> Result<(), Trouble> {
    let pool = node.pool()?;
    second_server(pool, caller)?;
    if entries.len() > MAX_TOLD {
        return Err(Trouble::Refused(RefusalCode::Malformed));
    }
    let party = pool.of.agreement.second_server();
    let party = party.ok_or(Trouble::Refused(RefusalCode::SumNotAgreed))?;
    let (log, key) = (origin(&party.ods, Role::Helper), VerifyingKey::parse(&party.ledger_key)?);
    let mut verifier = Verifier::new(&log, &key);
    let mut steps = Vec::new();
    let mut last = None;
    for parts in entries {
        let (index, bytes) = (parts.index, BASE64.encode(&parts.entry));
        let receipt = verifier.verify(parts)?;
        if last.is_some_and(|last| index <= last) {
            return Err(Trouble::Refused(RefusalCode::Malformed));
        }
        last = Some(index);
        let event = &receipt.entry().event;
        if concerns(event, &node.site.ods, &node.site.store.rounds())? {
            let (by, purpose) = (party.ods.clone(), purpose(event));
            let step = PoolStep::Told { by, index, entry: bytes, purpose };
            steps.push((step, is_kept_back(event, &node.site.store.rounds())?));
        }
    }
    let kept_back = steps.iter().any(|(_, kept_back)| *kept_back);
    // Nothing is written of a call of which something does not hold. What is in the log already is not written again.
    for (step, _) in steps {
        node.site.store.step(step).await?;
    }
    // What was told is in the log; the second server hears whether this partner still takes part.
    if !pool.of.agreement.in_force(node.site.clock.now().date()) {
        return Err(Trouble::Refused(RefusalCode::AgreementNotInForce));
    }
    node.taking_part(pool)?;
    if kept_back {
        return Err(Trouble::Refused(RefusalCode::KeptBack));
    }
    Ok(())
}

/// Whether an entry is about a population that this partner's people keep back.
fn is_kept_back(event: &Event, rounds: &Rounds) -> Result<bool, Trouble> {
    let Event::Pool(PoolStep::Closed { of, .. }) = event else { return Ok(false) };
    Ok(rounds.of(&of.population)?.is_some_and(|state| state.withdrawn))
}

/// Whether an entry is about records of this partner.
fn concerns(event: &Event, own: &Ods, rounds: &Rounds) -> Result<bool, Trouble> {
    Ok(match event {
        Event::QueryAccepted { .. } | Event::Refused { .. } => true,
        Event::Pool(step) => match step {
            PoolStep::Bound { members, .. } => members.contains(own),
            PoolStep::Closed { of, members, missing, .. } => {
                members.contains(own) || missing.contains(own) || rounds.round(of.round).is_some()
            }
            PoolStep::Contributed { of, .. }
            | PoolStep::Opened { of, .. }
            | PoolStep::Returned { of, .. } => rounds.round(of.round).is_some(),
            PoolStep::Stopped { population, .. }
            | PoolStep::Resumed { population }
            | PoolStep::Withdrawn { population, .. } => {
                rounds.of(population)?.is_some_and(|state| !state.versions.is_empty())
            }
            PoolStep::Told { .. } | PoolStep::Suspended { .. } => false,
        },
        _ => false,
    })
}

fn purpose(event: &Event) -> Option<PurposeId> {
    match event {
        Event::QueryAccepted { asked } | Event::Refused { asked: Some(asked), .. } => {
            Some(asked.purpose.clone())
        }
        _ => None,
    }
}
