//! What travels in blind sums: signed documents, sealed parts and proofs of entry, all of them as bytes.

use evensum_core::ledger::ReceiptParts;
use evensum_core::pool::{MAX_ROUND_BYTES, MAX_SEALED_BYTES, Sealed};
use evensum_core::port::{MAX_TOLD, SealedPart, SignedClosing};
use evensum_core::sign::Envelope;

use super::envelope::{read_at_most, write};
use super::{ConvertError, MAX_DOCUMENT_BYTES, answer, at_most, present, sized};
use crate::rpc::pb;

/// The most extracts that a partner says are ready.
const MAX_READY: usize = 512;

/// The document that binds a round's members.
pub(in crate::rpc) fn bound(envelope: Option<pb::Envelope>) -> Result<Envelope, ConvertError> {
    read_at_most(envelope, MAX_ROUND_BYTES)
}

/// Any other document of a round.
pub(in crate::rpc) fn document(envelope: Option<pb::Envelope>) -> Result<Envelope, ConvertError> {
    read_at_most(envelope, MAX_DOCUMENT_BYTES)
}

pub(in crate::rpc) fn write_ready(ready: &[Envelope]) -> pb::PoolReadyResponse {
    pb::PoolReadyResponse { ready: ready.iter().map(write).collect() }
}

pub(in crate::rpc) fn read_ready(
    response: pb::PoolReadyResponse,
) -> Result<Vec<Envelope>, ConvertError> {
    let ready = at_most(response.ready, "extracts that are ready", MAX_READY)?;
    ready.into_iter().map(|envelope| document(Some(envelope))).collect()
}

pub(in crate::rpc) fn write_part(part: SealedPart) -> pb::PoolSealedPart {
    let SealedPart { table, vector, sealed } = part;
    pb::PoolSealedPart { table, vector, sealed: sealed.into_bytes() }
}

pub(in crate::rpc) fn read_part(part: pb::PoolSealedPart) -> Result<SealedPart, ConvertError> {
    let pb::PoolSealedPart { table, vector, sealed } = part;
    let sealed = sized(sealed, "sealed part", MAX_SEALED_BYTES)?;
    let sealed = Sealed::from_bytes(sealed).map_err(|_| ConvertError::Unknown("sealed part"))?;
    Ok(SealedPart { table, vector, sealed })
}

pub(in crate::rpc) fn write_closing(closing: &SignedClosing) -> pb::PoolClosedRequest {
    pb::PoolClosedRequest {
        coordinator: Some(write(&closing.coordinator)),
        second: closing.helper.as_ref().map(write),
    }
}

pub(in crate::rpc) fn read_closing(
    request: pb::PoolClosedRequest,
) -> Result<SignedClosing, ConvertError> {
    let pb::PoolClosedRequest { coordinator, second } = request;
    let helper = second.map(|envelope| document(Some(envelope))).transpose()?;
    Ok(SignedClosing { coordinator: document(coordinator)?, helper })
}

pub(in crate::rpc) fn write_told(entries: Vec<ReceiptParts>) -> pb::PoolToldRequest {
    pb::PoolToldRequest { entries: entries.into_iter().map(answer::proof).collect() }
}

pub(in crate::rpc) fn read_told(
    request: pb::PoolToldRequest,
) -> Result<Vec<ReceiptParts>, ConvertError> {
    let entries = at_most(request.entries, "entries", MAX_TOLD)?;
    entries.into_iter().map(|entry| answer::read_proof(Some(entry))).collect()
}

pub(in crate::rpc) fn read_agreement(
    request: pb::PoolReadyRequest,
) -> Result<evensum_core::model::AgreementId, ConvertError> {
    super::id(request.agreement, "agreement's id")
}

pub(in crate::rpc) fn write_round(round: &Envelope) -> pb::PoolContributeRequest {
    pb::PoolContributeRequest { round: Some(write(round)) }
}

pub(in crate::rpc) fn read_round(
    request: pb::PoolContributeRequest,
) -> Result<Envelope, ConvertError> {
    bound(Some(present(request.round, "round")?))
}
