//! Whether an agreement is one that this server can take part in.

use evensum_core::catalogue::Catalogue;
use evensum_core::model::{Agreement, Profile, Role};

use super::exit::{Exit, Failure};
use crate::config::{self, Membership, NodeTable, Server};

/// That an agreement's groupings and lists are of the catalogue in force.
pub(super) fn fits(catalogue: &Catalogue, agreement: &Agreement) -> Result<(), Failure> {
    catalogue.fits(agreement).map_err(|misfit| {
        Failure::says(
            Exit::Config,
            format!("the agreement {} cannot be used: {misfit}", agreement.id),
        )
    })
}

/// Whether the agreement lists this server with the keys that it has, and a node's coordinator.
pub(super) fn of_server(
    server: &Server,
    membership: &Membership,
    agreement: &Agreement,
) -> Result<(), Failure> {
    let wrong =
        |text: String| Failure::says(Exit::Config, format!("agreement '{}' {text}", agreement.id));
    if agreement.federation != membership.federation {
        return Err(wrong(format!(
            "is of the federation {}, not {}: put it into a [[membership]] of that federation",
            agreement.federation, membership.federation
        )));
    }
    if server.role() == Role::Node {
        profile_fits(server.node()?, agreement)?;
        let met = &membership.coordinator()?.ods;
        if agreement.coordinator().is_none_or(|party| party.ods != *met) {
            return Err(wrong(format!(
                "has another coordinator than {met}: correct the ODS code, or put the agreement into a [[membership]] with that coordinator"
            )));
        }
    }
    let party = agreement.party(&server.ods, server.role()).ok_or_else(|| {
        wrong(format!("does not list {} as a {}", server.ods, server.role().as_str()))
    })?;
    for (file, listed, what) in [
        (&membership.answer_key, &party.answer_key, "answer_key"),
        (&server.ledger_key, &party.ledger_key, "ledger_key"),
    ] {
        let own = config::signing_key(file)?.verifying_key().to_text();
        if own != *listed {
            return Err(wrong(format!(
                "lists another {what} for {} than the key in {}: correct the agreement or the configuration",
                server.ods,
                file.display()
            )));
        }
    }
    Ok(())
}

/// Whether an agreement's profile is the one that this node's records are released by, and not below its floor.
pub(super) fn profile_fits(table: &NodeTable, agreement: &Agreement) -> Result<(), Failure> {
    let (own, floor, theirs) = (table.profile, table.floor, agreement.profile);
    let wrong = |what: String| {
        let text =
            format!("agreement '{}' has the profile {}, {what}", agreement.id, theirs.as_str());
        Failure::says(Exit::Config, text)
    };
    if theirs == Profile::ExactCs {
        // The exact counts of two thresholds or scopes give the small one between them by subtraction.
        return Err(wrong(
            "which is for a partner's own people and for no agreement: have it changed".to_owned(),
        ));
    }
    if !theirs.at_least(floor) {
        return Err(wrong(format!(
            "which hides less than {}, the 'floor' of this node: have the agreement changed",
            floor.as_str()
        )));
    }
    if theirs != own {
        return Err(wrong(format!(
            "and this node releases its records by {}: all of its agreements and 'profile' must name the same",
            own.as_str()
        )));
    }
    Ok(())
}
