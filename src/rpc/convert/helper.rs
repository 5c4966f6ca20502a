//! What the coordinator and the second server send each other: signed documents, shares and proofs, all of them as bytes.

use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{MAX_MESSAGE_BYTES, MAX_OPENED, MAX_SEALED_BYTES, Sealed};
use evensum_core::port::{CheckOutcome, Checked, Checking, MAX_CHECKS, OpenedShares, VectorOf};
use evensum_core::sign::Envelope;

use super::pool::{bound, document};
use super::{ConvertError, MAX_DOCUMENT_BYTES, answer, at_most, envelope, id, present, sized};
use crate::rpc::pb;

/// The most vectors of one table.
const MAX_VECTORS: usize = 4 * 1024;

pub(in crate::rpc) fn write_announce(
    round: &Envelope,
    verify_key: &Sealed,
) -> pb::HelperAnnounceRequest {
    pb::HelperAnnounceRequest {
        round: Some(envelope::write(round)),
        verify_key: verify_key.as_bytes().to_vec(),
    }
}

pub(in crate::rpc) fn read_announce(
    request: pb::HelperAnnounceRequest,
) -> Result<(Envelope, Sealed), ConvertError> {
    let pb::HelperAnnounceRequest { round, verify_key } = request;
    let key = sized(verify_key, "sealed key", MAX_SEALED_BYTES)?;
    let key = Sealed::from_bytes(key).map_err(|_| ConvertError::Unknown("sealed key"))?;
    Ok((bound(round)?, key))
}

fn write_vector(of: VectorOf) -> pb::HelperVector {
    let VectorOf { ods, table, vector } = of;
    pb::HelperVector { ods: ods.to_string(), table, vector }
}

fn read_vector(of: Option<pb::HelperVector>) -> Result<VectorOf, ConvertError> {
    let pb::HelperVector { ods, table, vector } = present(of, "vector")?;
    let ods: Ods = id(ods, "partner's code")?;
    Ok(VectorOf { ods, table, vector })
}

pub(in crate::rpc) fn write_check(round: Digest, items: Vec<Checking>) -> pb::HelperCheckRequest {
    let one = |Checking { of, share }| pb::HelperChecking { of: Some(write_vector(of)), share };
    pb::HelperCheckRequest {
        round: round.as_bytes().to_vec(),
        items: items.into_iter().map(one).collect(),
    }
}

pub(in crate::rpc) fn read_check(
    request: pb::HelperCheckRequest,
) -> Result<(Digest, Vec<Checking>), ConvertError> {
    let pb::HelperCheckRequest { round, items } = request;
    let round = <[u8; 32]>::try_from(round).map_err(|_| ConvertError::Contradiction("round"))?;
    let one = |pb::HelperChecking { of, share }| {
        let share = sized(share, "share of a check", MAX_MESSAGE_BYTES)?;
        Ok(Checking { of: read_vector(of)?, share })
    };
    let items = at_most(items, "vectors of a check", MAX_CHECKS)?;
    Ok((Digest::from_bytes(round), items.into_iter().map(one).collect::<Result<_, _>>()?))
}

pub(in crate::rpc) fn write_checked(checked: Vec<Checked>) -> pb::HelperCheckResponse {
    let one = |Checked { of, outcome }| {
        let (outcome, message) = match outcome {
            CheckOutcome::Message(message) => (pb::HelperOutcome::Message, message),
            CheckOutcome::Rejected => (pb::HelperOutcome::Rejected, Vec::new()),
            CheckOutcome::NotHere => (pb::HelperOutcome::NotHere, Vec::new()),
        };
        pb::HelperChecked { of: Some(write_vector(of)), outcome: outcome.into(), message }
    };
    pb::HelperCheckResponse { items: checked.into_iter().map(one).collect() }
}

pub(in crate::rpc) fn read_checked(
    response: pb::HelperCheckResponse,
) -> Result<Vec<Checked>, ConvertError> {
    let one = |pb::HelperChecked { of, outcome, message }| {
        let outcome = match pb::HelperOutcome::try_from(outcome) {
            Ok(pb::HelperOutcome::Message) => {
                CheckOutcome::Message(sized(message, "message of a check", MAX_MESSAGE_BYTES)?)
            }
            Ok(pb::HelperOutcome::Rejected) => CheckOutcome::Rejected,
            Ok(pb::HelperOutcome::NotHere) => CheckOutcome::NotHere,
            Ok(pb::HelperOutcome::Unspecified) | Err(_) => {
                return Err(ConvertError::Unknown("outcome of a check"));
            }
        };
        Ok(Checked { of: read_vector(of)?, outcome })
    };
    let items = at_most(response.items, "vectors of a check", MAX_CHECKS)?;
    items.into_iter().map(one).collect()
}

pub(in crate::rpc) fn write_opened(opened: OpenedShares) -> pb::HelperOpenResponse {
    let OpenedShares { parts, receipt } = opened;
    let parts = parts.into_iter().map(|vectors| pb::HelperShares { vectors }).collect();
    pb::HelperOpenResponse { parts, receipt: Some(answer::proof(receipt)) }
}

pub(in crate::rpc) fn read_opened(
    response: pb::HelperOpenResponse,
) -> Result<OpenedShares, ConvertError> {
    let pb::HelperOpenResponse { parts, receipt } = response;
    let parts = at_most(parts, "opened tables", MAX_OPENED)?;
    let vectors = |one: pb::HelperShares| at_most(one.vectors, "vectors of a table", MAX_VECTORS);
    let parts = parts.into_iter().map(vectors).collect::<Result<_, _>>()?;
    Ok(OpenedShares { parts, receipt: answer::read_proof(receipt)? })
}

pub(in crate::rpc) fn read_returned(
    request: pb::HelperReturnedRequest,
) -> Result<(Envelope, Vec<Vec<u8>>), ConvertError> {
    let pb::HelperReturnedRequest { returned, releases } = request;
    let releases = at_most(releases, "releases", MAX_OPENED)?;
    let one = |release| sized(release, "release", MAX_DOCUMENT_BYTES);
    let releases = releases.into_iter().map(one).collect::<Result<_, _>>()?;
    Ok((document(returned)?, releases))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> VectorOf {
        VectorOf { ods: Ods::new(code).expect("a code"), table: 3, vector: 1 }
    }

    #[test]
    fn checks_are_read_as_they_were_written() {
        let items = vec![Checking { of: of("M1"), share: vec![7; 9] }];
        let round = Digest::of(b"round");
        assert_eq!(read_check(write_check(round, items.clone())), Ok((round, items)));
        let outcomes =
            [CheckOutcome::Message(vec![1]), CheckOutcome::Rejected, CheckOutcome::NotHere];
        let checked: Vec<Checked> =
            outcomes.into_iter().map(|outcome| Checked { of: of("M2"), outcome }).collect();
        assert_eq!(read_checked(write_checked(checked.clone())), Ok(checked));
    }

    #[test]
    fn what_is_too_much_or_nothing_is_refused() {
        let items = |n, bytes| vec![Checking { of: of("M1"), share: vec![7; bytes] }; n];
        let read = |items| read_check(write_check(Digest::of(b"round"), items));
        assert!(read(items(MAX_CHECKS, MAX_MESSAGE_BYTES)).is_ok());
        assert!(read(items(MAX_CHECKS + 1, 1)).is_err());
        assert!(read(items(1, MAX_MESSAGE_BYTES + 1)).is_err());
        assert!(read(items(1, 0)).is_err());
        let mut other =
            write_checked(vec![Checked { of: of("M1"), outcome: CheckOutcome::NotHere }]);
        other.items[0].outcome = 0;
        assert!(read_checked(other.clone()).is_err());
        other.items[0].outcome = pb::HelperOutcome::Message.into();
        assert!(read_checked(other).is_err(), "a message without one");
    }
}
