//! Faults of a step of a blind sum, both ways.

use evensum_core::model::RefusalCode;
use evensum_core::port::PoolFault;
use tonic::{Code, Status};

use super::{denied, name, status};
use crate::rpc::status::{Failure, classify};

const UNAUTHENTICATED: &str =
    "the other server does not know this one as a server of the agreement's blind sum";

/// Every fault but refusals, as its caller restores it.
const FAULTS: [PoolFault; 6] = [
    PoolFault::Unauthenticated(UNAUTHENTICATED),
    PoolFault::LedgerUnavailable,
    PoolFault::Unreachable,
    PoolFault::Late,
    PoolFault::Unreadable,
    PoolFault::Internal,
];

const fn row(fault: &PoolFault) -> (Code, &'static str) {
    match fault {
        PoolFault::Unauthenticated(_) => (Code::Unauthenticated, "unauthenticated"),
        PoolFault::Refused(code) => (denied(*code), code.as_str()),
        PoolFault::LedgerUnavailable => (Code::Unavailable, "ledger_unavailable"),
        PoolFault::Unreachable => (Code::Unavailable, "unreachable"),
        PoolFault::Late => (Code::DeadlineExceeded, "late"),
        PoolFault::Unreadable => (Code::Internal, "unreadable"),
        PoolFault::Internal => (Code::Internal, "internal"),
    }
}

/// What the caller is told.
pub(in crate::rpc) fn to_status(fault: &PoolFault) -> Status {
    status(row(fault), fault.to_string())
}

/// What a status means.
pub(in crate::rpc) fn of_status(status: &Status) -> PoolFault {
    let named = name(status).and_then(|name| {
        let refused = RefusalCode::parse(name).map(PoolFault::Refused);
        refused.or_else(|| FAULTS.iter().find(|fault| row(fault).1 == name).cloned())
    });
    named.unwrap_or_else(|| match classify(status) {
        Failure::Deadline => PoolFault::Late,
        Failure::Unavailable => PoolFault::Unreachable,
        Failure::TooLarge => PoolFault::Unreadable,
        Failure::Answered(_) => PoolFault::Internal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_restored_as_it_was() {
        let refused = RefusalCode::ALL.iter().copied().map(PoolFault::Refused);
        for fault in FAULTS.iter().cloned().chain(refused) {
            assert_eq!(of_status(&to_status(&fault)), fault);
        }
        let other = PoolFault::Unauthenticated("in other words");
        assert_eq!(of_status(&to_status(&other)), FAULTS[0]);
    }

    #[test]
    fn a_status_without_a_name_is_read_by_what_the_library_means() {
        let long = "Error, decoded message length too large: found 9 bytes";
        let cases = [
            (Status::deadline_exceeded("x"), PoolFault::Late),
            (Status::unavailable("x"), PoolFault::Unreachable),
            (Status::out_of_range(long), PoolFault::Unreadable),
            (Status::unimplemented("x"), PoolFault::Internal),
        ];
        for (status, fault) in cases {
            assert_eq!(of_status(&status), fault, "{status:?}");
        }
    }
}
