//! Faults and gRPC statuses: one table each way, for nodes and for coordinators.
//!
//! A status carries the fault's name in its metadata beside a fixed text, so that the other end restores the
//! same fault whatever the code. A status without a name was made on the way, by a library or a proxy.

pub(super) mod pool;

use evensum_core::disclosure::CombineError;
use evensum_core::model::RefusalCode;
use evensum_core::port::{AskFault, NodeFault, OutOfOrder};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use super::convert::ConvertError;
use super::pb;
use super::status::{Failure, classify};

/// The metadata key of a fault's name.
const NAME_KEY: &str = "evensum-code";

const NODE_UNAUTHENTICATED: &str = "the partner's copy of the agreement does not list the key that signed: ask for it to be enrolled";
const COORDINATOR_UNAUTHENTICATED: &str = "the coordinator does not know who signed: check that the agreement lists your key, and that its copy is the same as yours";

/// Every fault of a node, as its caller restores it.
const NODE_FAULTS: [NodeFault; 8] = [
    NodeFault::Unauthenticated(NODE_UNAUTHENTICATED),
    NodeFault::AgreementUnknown,
    NodeFault::Running,
    NodeFault::LedgerUnavailable,
    NodeFault::Unreachable,
    NodeFault::Late,
    NodeFault::Unreadable,
    NodeFault::Internal,
];

/// Every fault of a coordinator but refusals, as its caller restores it. Partners that cannot be combined
/// arrive as the refusal of the same name.
const ASK_FAULTS: [AskFault; 9] = [
    AskFault::Unauthenticated(COORDINATOR_UNAUTHENTICATED),
    AskFault::AgreementUnknown,
    AskFault::LedgerUnavailable,
    AskFault::Running,
    AskFault::Unreachable,
    AskFault::Late,
    AskFault::Unreadable,
    AskFault::Order(OutOfOrder),
    AskFault::Internal,
];

const fn node_row(fault: &NodeFault) -> (Code, &'static str) {
    match fault {
        NodeFault::Unauthenticated(_) => (Code::Unauthenticated, "unauthenticated"),
        NodeFault::AgreementUnknown => (Code::NotFound, "no_agreement"),
        NodeFault::Running => (Code::Aborted, "running"),
        NodeFault::LedgerUnavailable => (Code::Unavailable, "ledger_unavailable"),
        NodeFault::Unreachable => (Code::Unavailable, "unreachable"),
        NodeFault::Late => (Code::DeadlineExceeded, "late"),
        NodeFault::Unreadable => (Code::Internal, "unreadable"),
        NodeFault::Internal => (Code::Internal, "internal"),
    }
}

const fn ask_row(fault: &AskFault) -> (Code, &'static str) {
    match fault {
        AskFault::Unauthenticated(_) => (Code::Unauthenticated, "unauthenticated"),
        AskFault::AgreementUnknown => (Code::NotFound, "no_agreement"),
        AskFault::Denied(code) => (denied(*code), code.as_str()),
        AskFault::Combine(CombineError::MixedEditions(_)) => {
            (Code::FailedPrecondition, RefusalCode::MixedEditions.as_str())
        }
        // Only a fault of the coordinator's own can count a partner twice, or beside a sum that it is in.
        AskFault::Combine(CombineError::Twice(_) | CombineError::Pooled(_)) => {
            (Code::Internal, "internal")
        }
        AskFault::LedgerUnavailable => (Code::Unavailable, "ledger_unavailable"),
        AskFault::Running => (Code::Aborted, "running"),
        AskFault::Unreachable => (Code::Unavailable, "unreachable"),
        AskFault::Late => (Code::DeadlineExceeded, "late"),
        AskFault::Unreadable => (Code::Internal, "unreadable"),
        AskFault::Order(_) => (Code::Internal, "out_of_order"),
        AskFault::Internal => (Code::Internal, "internal"),
    }
}

const fn denied(code: RefusalCode) -> Code {
    match code {
        RefusalCode::AgreementUnknown
        | RefusalCode::IndicatorUnknown
        | RefusalCode::LevelUnknown
        | RefusalCode::CategoryUnknown => Code::NotFound,
        RefusalCode::Malformed
        | RefusalCode::PeriodKind
        | RefusalCode::KindNotReleased
        | RefusalCode::TableTooLarge
        | RefusalCode::ScopeNotAllowed => Code::InvalidArgument,
        RefusalCode::Expired
        | RefusalCode::TooEarly
        | RefusalCode::AgreementDiffers
        | RefusalCode::DefinitionDiffers
        | RefusalCode::MixedEditions
        | RefusalCode::SumNotReady
        | RefusalCode::SumWithoutTable
        | RefusalCode::MembershipDiffers
        | RefusalCode::RoundDiffers
        | RefusalCode::RoundTime
        | RefusalCode::TooFewMembers
        | RefusalCode::BoundToOthers
        | RefusalCode::RoundClosed
        | RefusalCode::OpeningPending => Code::FailedPrecondition,
        RefusalCode::SecondServer => Code::Unavailable,
        RefusalCode::QueryIdSeen => Code::AlreadyExists,
        RefusalCode::NoData
        | RefusalCode::AgreementNotInForce
        | RefusalCode::AgreementSuspended
        | RefusalCode::FederationDiffers
        | RefusalCode::NotACoordinator
        | RefusalCode::AssuranceTooLow
        | RefusalCode::PurposeNotAllowed
        | RefusalCode::IndicatorNotAllowed
        | RefusalCode::DimensionNotAllowed
        | RefusalCode::GroupingNotInUse
        | RefusalCode::TooManyDimensions
        | RefusalCode::ColumnNotHeld
        | RefusalCode::RecordKeysNotHeld
        | RefusalCode::PartnersNotShown
        | RefusalCode::PolicyDiffers
        | RefusalCode::NotATarget
        | RefusalCode::SumNotAgreed
        | RefusalCode::AskerRunsCoordinator
        | RefusalCode::SumStopped
        | RefusalCode::BesideSum
        | RefusalCode::NotAMember
        | RefusalCode::KeptBack
        | RefusalCode::Withheld => Code::PermissionDenied,
    }
}

/// What a node's caller is told.
pub(super) fn node_status(fault: &NodeFault) -> Status {
    status(node_row(fault), fault.to_string())
}

/// What an analyst is told.
pub(super) fn ask_status(fault: &AskFault) -> Status {
    status(ask_row(fault), fault.to_string())
}

/// A fault of a node over one question.
pub(super) fn of_node(fault: &NodeFault) -> pb::Fault {
    pb::Fault { code: node_row(fault).1.to_owned(), text: fault.to_string() }
}

/// The name of a fault, for programs: the same in statuses, in answers and in what the analyst's tool writes.
#[must_use]
pub const fn name_of(fault: &AskFault) -> &'static str {
    ask_row(fault).1
}

/// A fault of a coordinator over one question.
pub(super) fn of_ask(fault: &AskFault) -> pb::Fault {
    pb::Fault { code: ask_row(fault).1.to_owned(), text: fault.to_string() }
}

/// The fault of that name at a node, in our own words.
pub(super) fn node_named(name: &str) -> NodeFault {
    let named = NODE_FAULTS.iter().find(|fault| node_row(fault).1 == name);
    named.cloned().unwrap_or(NodeFault::Internal)
}

/// The fault of that name at a coordinator, in our own words.
pub(super) fn ask_named(name: &str) -> AskFault {
    let refused = RefusalCode::parse(name).map(AskFault::Denied);
    let named = || ASK_FAULTS.iter().find(|fault| ask_row(fault).1 == name).cloned();
    refused.or_else(named).unwrap_or(AskFault::Internal)
}

/// What the sender of a message is told that is none.
pub(super) fn unreadable_request(error: &ConvertError) -> Status {
    let name = RefusalCode::Malformed.as_str();
    status((Code::InvalidArgument, name), format!("the request cannot be read: {error}"))
}

fn status((code, name): (Code, &'static str), text: String) -> Status {
    let mut status = Status::new(code, text);
    status.metadata_mut().insert(NAME_KEY, MetadataValue::from_static(name));
    status
}

fn name(status: &Status) -> Option<&str> {
    status.metadata().get(NAME_KEY)?.to_str().ok()
}

/// What a status of a node means.
pub(super) fn node_fault(status: &Status) -> NodeFault {
    let named = name(status).and_then(|name| NODE_FAULTS.iter().find(|f| node_row(f).1 == name));
    named.cloned().unwrap_or_else(|| match classify(status) {
        Failure::Deadline => NodeFault::Late,
        Failure::Unavailable => NodeFault::Unreachable,
        Failure::TooLarge => NodeFault::Unreadable,
        Failure::Answered(_) => NodeFault::Internal,
    })
}

/// What a status of a coordinator means.
pub(super) fn ask_fault(status: &Status) -> AskFault {
    let named = name(status).and_then(|name| {
        let refused = RefusalCode::parse(name).map(AskFault::Denied);
        refused.or_else(|| ASK_FAULTS.iter().find(|f| ask_row(f).1 == name).cloned())
    });
    named.unwrap_or_else(|| match classify(status) {
        Failure::Deadline => AskFault::Late,
        Failure::Unavailable => AskFault::Unreachable,
        Failure::TooLarge => AskFault::Unreadable,
        Failure::Answered(_) => AskFault::Internal,
    })
}
