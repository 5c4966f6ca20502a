//! What only a coordinator's configuration has.

use std::net::SocketAddr;
use std::path::PathBuf;

use evensum_core::model::Ods;
use serde::Deserialize;

use super::{Addresses, Membership, SecondServer, Secret};

/// A node that listens, as its coordinator dials it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialNode {
    /// The partner's ODS code.
    pub ods: Ods,
    /// Where its node listens.
    #[serde(alias = "addresses")]
    pub address: Addresses,
    /// As of [`super::Meeting`].
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// A file with the proxy's password.
    #[serde(default)]
    pub proxy_password: Option<PathBuf>,
}

/// What only a coordinator has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoordinatorTable {
    /// Where nodes dial in. Port 0 chooses one.
    pub nodes: SocketAddr,
    /// Where analysts ask. Port 0 chooses one.
    pub analysts: SocketAddr,
    /// The nodes that listen and wait to be dialled.
    #[serde(default)]
    pub dial: Vec<DialNode>,
    /// File of the key that contributions to blind sums are sealed for.
    #[serde(default)]
    pub seal_key: Option<PathBuf>,
    /// The independent second server of blind sums, which the coordinator dials.
    #[serde(default)]
    pub second_server: Option<SecondServer>,
    /// How long partners are waited for that have no extract of a period yet, from the first that has one, in hours.
    #[serde(default = "a_day")]
    pub wait_for_partners_hours: u16,
}

const fn a_day() -> u16 {
    24
}

/// What contradicts itself in a coordinator's memberships and addresses.
pub(super) fn contradiction(
    table: &CoordinatorTable,
    memberships: &[Membership],
) -> Option<String> {
    let says = |text: &str| Some(text.to_owned());
    let membership = match memberships {
        [] => return says("a coordinator needs a table [[membership]] for its federation"),
        [one] => one,
        _ => {
            return says(
                "a coordinator has one [[membership]]: run another coordinator for another federation",
            );
        }
    };
    if membership.coordinator.is_some() {
        return says(
            "a coordinator has no [membership.coordinator]: nodes that listen stand under [[coordinator.dial]]",
        );
    }
    let twice = |(i, dial): &(usize, &DialNode)| table.dial[..*i].iter().any(|o| o.ods == dial.ods);
    let (_, dial) = table.dial.iter().enumerate().find(twice)?;
    Some(format!("[[coordinator.dial]] names {} twice: give one table several addresses", dial.ods))
}
