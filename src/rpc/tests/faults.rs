//! The whole table of faults, both ways.

use evensum_core::disclosure::CombineError;
use evensum_core::model::{ImdEdition, RefusalCode};
use evensum_core::port::{AskFault, NodeFault, OutOfOrder};
use tonic::{Code, Status};

use super::scene::ods;
use crate::rpc::faults::{
    ask_fault, ask_named, ask_status, node_fault, node_named, node_status, of_ask, of_node,
};

fn every_node_fault() -> Vec<NodeFault> {
    vec![
        NodeFault::Unauthenticated("the agreement does not list the signer"),
        NodeFault::AgreementUnknown,
        NodeFault::Running,
        NodeFault::LedgerUnavailable,
        NodeFault::Unreachable,
        NodeFault::Late,
        NodeFault::Unreadable,
        NodeFault::Internal,
    ]
}

fn every_ask_fault() -> Vec<AskFault> {
    let editions = vec![(ods("ZZ2"), Some(ImdEdition::Imd2019)), (ods("ZZ3"), None)];
    let mut all = vec![
        AskFault::Unauthenticated("the agreement does not list the signer"),
        AskFault::AgreementUnknown,
        AskFault::Combine(CombineError::MixedEditions(editions)),
        AskFault::Combine(CombineError::Twice(ods("ZZ2"))),
        AskFault::LedgerUnavailable,
        AskFault::Running,
        AskFault::Unreachable,
        AskFault::Late,
        AskFault::Unreadable,
        AskFault::Order(OutOfOrder),
        AskFault::Internal,
    ];
    all.extend(RefusalCode::ALL.iter().copied().map(AskFault::Denied));
    all
}

fn row(fault: &str, status: &Status, restored: &str) -> String {
    let name = status.metadata().get("evensum-code").expect("a name").to_str().expect("a text");
    format!("{fault}\n  {:?} / {name} / {}\n  {restored}\n", status.code(), status.message())
}

#[test]
fn the_table_is_this() {
    let nodes = every_node_fault().into_iter().map(|fault| {
        let status = node_status(&fault);
        row(&format!("{fault:?}"), &status, &format!("{:?}", node_fault(&status)))
    });
    let asks = every_ask_fault().into_iter().map(|fault| {
        let status = ask_status(&fault);
        row(&format!("{fault:?}"), &status, &format!("{:?}", ask_fault(&status)))
    });
    let table: String = nodes.chain(["\n".to_owned()]).chain(asks).collect();
    insta::assert_snapshot!(table);
}

#[test]
fn a_fault_is_restored_as_it_was() {
    for fault in every_node_fault() {
        let restored = node_fault(&node_status(&fault));
        assert_eq!(node_named(&of_node(&fault).code), restored, "of one question the same");
        match fault {
            NodeFault::Unauthenticated(_) => {
                assert!(matches!(restored, NodeFault::Unauthenticated(_)));
            }
            fault => assert_eq!(restored, fault),
        }
    }
    for fault in every_ask_fault() {
        let restored = ask_fault(&ask_status(&fault));
        assert_eq!(ask_named(&of_ask(&fault).code), restored, "of one question the same");
        match fault {
            AskFault::Unauthenticated(_) => {
                assert!(matches!(restored, AskFault::Unauthenticated(_)));
            }
            AskFault::Combine(CombineError::MixedEditions(_)) => {
                assert_eq!(restored, AskFault::Denied(RefusalCode::MixedEditions));
            }
            AskFault::Combine(CombineError::Twice(_)) => assert_eq!(restored, AskFault::Internal),
            fault => assert_eq!(restored, fault),
        }
    }
}

#[test]
fn a_status_without_a_name_is_read_by_what_the_library_means() {
    let cases = [
        (Status::cancelled("Timeout expired"), NodeFault::Late, AskFault::Late),
        (Status::deadline_exceeded("x"), NodeFault::Late, AskFault::Late),
        (Status::unavailable("x"), NodeFault::Unreachable, AskFault::Unreachable),
        (
            Status::from_error(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()),
            NodeFault::Unreachable,
            AskFault::Unreachable,
        ),
        (
            Status::out_of_range("Error, decoded message length too large: found 9 bytes"),
            NodeFault::Unreadable,
            AskFault::Unreadable,
        ),
        (Status::unimplemented("x"), NodeFault::Internal, AskFault::Internal),
        (Status::new(Code::PermissionDenied, "x"), NodeFault::Internal, AskFault::Internal),
    ];
    for (status, node, ask) in cases {
        assert_eq!((node_fault(&status), ask_fault(&status)), (node, ask), "{status:?}");
    }
}

/// The contract's page names every fault and every refusal, beside the status that it comes as.
#[test]
fn the_wire_contract_names_every_fault() {
    let page = include_str!("../../../docs/wire.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let stands = |status: &Status| {
        let name = status.metadata().get("evensum-code").expect("a name").to_str().expect("text");
        let code = format!("{:?}", status.code());
        let row = rows.iter().find(|row| row.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/wire.md does not name {name}"));
        let said = row.split('`').nth(1).expect("a status").replace('_', "").to_lowercase();
        assert_eq!(said, code.to_lowercase(), "{name}");
    };
    every_ask_fault().iter().map(ask_status).for_each(|status| stands(&status));
    every_node_fault().iter().map(node_status).for_each(|status| stands(&status));
}
