//! What partners answer, and the proofs that come with it. Bytes pass unchanged in both directions: they
//! are signed, and whoever believes them verifies them first.

use evensum_core::disclosure::{AnswerParts, DocumentKind, Outgoing};
use evensum_core::ledger::ReceiptParts;
use evensum_core::ledger::checkpoint::MAX_CHECKPOINT_BYTES;
use evensum_core::ledger::entry::MAX_ENTRY_BYTES;
use evensum_core::ledger::merkle::MAX_PROOF;
use evensum_core::model::{Digest, Ods};
use evensum_core::port::NodeFault;

use super::{
    ConvertError, MAX_DOCUMENT_BYTES, MAX_SIGNATURE_BYTES, at_most, id, number, present, sized,
};
use crate::rpc::pb::answer_response::Outcome;
use crate::rpc::{faults, pb};

/// What leaves a partner about one question.
pub(in crate::rpc) fn write_one(
    question: u32,
    outcome: Result<Outgoing, NodeFault>,
) -> pb::AnswerResponse {
    let outcome = match outcome {
        Ok(outgoing) => Outcome::Answer(write(&outgoing)),
        Err(fault) => Outcome::Fault(faults::of_node(&fault)),
    };
    pb::AnswerResponse { question, outcome: Some(outcome) }
}

/// What arrives from a partner about one question. Whose answer it claims to be is not kept: the connection
/// says whom was asked, and the signature of that partner is over the bytes.
pub(in crate::rpc) fn read_one(
    response: pb::AnswerResponse,
) -> Result<(u32, Result<AnswerParts, NodeFault>), ConvertError> {
    let pb::AnswerResponse { question, outcome } = response;
    let question = number(question)?;
    Ok(match present(outcome, "answer")? {
        Outcome::Answer(answer) => (question, Ok(read(Some(answer))?.1)),
        Outcome::Fault(fault) => (question, Err(faults::node_named(&fault.code))),
    })
}

/// What leaves a partner.
pub(in crate::rpc) fn write(outgoing: &Outgoing) -> pb::PartnerAnswer {
    passed_on(outgoing.ods(), outgoing.parts().clone())
}

/// A partner's answer as it goes on from the coordinator.
pub(super) fn passed_on(ods: &Ods, parts: AnswerParts) -> pb::PartnerAnswer {
    let AnswerParts { kind, document, signature, receipt } = parts;
    let kind = match kind {
        DocumentKind::Release => pb::DocumentKind::Release,
        DocumentKind::Refusal => pb::DocumentKind::Refusal,
    };
    pb::PartnerAnswer {
        ods: ods.to_string(),
        kind: kind.into(),
        document,
        signature,
        receipt: Some(proof(receipt)),
    }
}

/// A partner's answer as it arrives, and whose it claims to be.
pub(in crate::rpc) fn read(
    answer: Option<pb::PartnerAnswer>,
) -> Result<(Ods, AnswerParts), ConvertError> {
    let pb::PartnerAnswer { ods, kind, document, signature, receipt } = present(answer, "answer")?;
    let kind = match pb::DocumentKind::try_from(kind) {
        Ok(pb::DocumentKind::Release) => DocumentKind::Release,
        Ok(pb::DocumentKind::Refusal) => DocumentKind::Refusal,
        Ok(pb::DocumentKind::Unspecified) => return Err(ConvertError::Missing("document kind")),
        Err(_) => return Err(ConvertError::Unknown("document kind")),
    };
    let parts = AnswerParts {
        kind,
        document: sized(document, "document", MAX_DOCUMENT_BYTES)?,
        signature: sized(signature, "signature", MAX_SIGNATURE_BYTES)?,
        receipt: read_proof(receipt)?,
    };
    Ok((id(ods, "partner's code")?, parts))
}

/// A proof of entry as it leaves.
pub(in crate::rpc) fn proof(parts: ReceiptParts) -> pb::Receipt {
    let ReceiptParts { entry, index, proof, checkpoint } = parts;
    let proof = proof.iter().map(|hash| hash.as_bytes().to_vec()).collect();
    pb::Receipt { entry, index, proof, checkpoint }
}

/// A proof of entry as it arrives.
pub(in crate::rpc) fn read_proof(
    receipt: Option<pb::Receipt>,
) -> Result<ReceiptParts, ConvertError> {
    let pb::Receipt { entry, index, proof, checkpoint } = present(receipt, "receipt")?;
    let hash = |bytes: Vec<u8>| {
        <[u8; 32]>::try_from(bytes)
            .map(Digest::from_bytes)
            .map_err(|_| ConvertError::Contradiction("inclusion proof"))
    };
    Ok(ReceiptParts {
        entry: sized(entry, "audit log entry", MAX_ENTRY_BYTES)?,
        index,
        proof: at_most(proof, "hashes in the inclusion proof", MAX_PROOF)?
            .into_iter()
            .map(hash)
            .collect::<Result<_, _>>()?,
        checkpoint: sized(checkpoint, "checkpoint", MAX_CHECKPOINT_BYTES)?,
    })
}
