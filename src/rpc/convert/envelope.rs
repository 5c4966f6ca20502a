//! Signed documents of people.

use evensum_core::sign::Envelope;

use super::{ConvertError, MAX_PAYLOAD_BYTES, MAX_SIGNATURE_BYTES, present, sized, text};
use crate::rpc::pb;

/// The envelope of a request.
pub(in crate::rpc) fn read(envelope: Option<pb::Envelope>) -> Result<Envelope, ConvertError> {
    read_at_most(envelope, MAX_PAYLOAD_BYTES)
}

/// The envelope of a document that has so many bytes at the most.
pub(in crate::rpc) fn read_at_most(
    envelope: Option<pb::Envelope>,
    most: usize,
) -> Result<Envelope, ConvertError> {
    let pb::Envelope { payload, payload_type, signer, signature } = present(envelope, "envelope")?;
    Ok(Envelope {
        payload: sized(payload, "signed document", most)?,
        payload_type: text(payload_type, "payload type")?,
        signer: text(signer, "signer")?,
        signature: sized(signature, "signature", MAX_SIGNATURE_BYTES)?,
    })
}

/// What a caller sends.
pub(in crate::rpc) fn write(envelope: &Envelope) -> pb::Envelope {
    let Envelope { payload, payload_type, signer, signature } = envelope.clone();
    pb::Envelope { payload, payload_type, signer, signature }
}
