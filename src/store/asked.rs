//! What the audit log says of who asked what: the same words at a node and at the coordinator.

use data_encoding::BASE64;
use evensum_core::identity::{Asker, Peer};
use evensum_core::ledger::Asked;

/// Describes a signed query for the log, with the server that brought it, if one did.
#[must_use]
pub fn asked(asker: &Asker, caller: Option<&Peer>) -> Asked {
    let (signed, query) = (asker.query(), asker.query().document());
    Asked {
        query_id: query.query_id,
        query_hash: signed.hash(),
        payload: BASE64.encode(signed.bytes()),
        signature: BASE64.encode(asker.signature()),
        signer: asker.analyst().clone(),
        key_id: asker.key_id().to_owned(),
        assurance: asker.assurance(),
        purpose: query.purpose.clone(),
        federation: query.federation.clone(),
        agreement: query.agreement.clone(),
        agreement_hash: query.agreement_hash,
        coordinator: caller.map(|peer| peer.ods().clone()),
        certificate: caller.map(|peer| peer.serial().to_owned()),
    }
}
