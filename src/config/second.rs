//! A node's way to the independent second server of a blind sum.

use std::path::PathBuf;

use evensum_core::model::Ods;
use serde::Deserialize;

use super::{Addresses, Membership, Secret, Server};

/// The second server, as a node dials it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondServer {
    /// Its organisation's ODS code.
    pub ods: Ods,
    /// Where it is.
    #[serde(alias = "addresses")]
    pub address: Addresses,
    /// As of [`super::Meeting`].
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// A file with the proxy's password.
    #[serde(default)]
    pub proxy_password: Option<PathBuf>,
}

impl Server {
    /// What contradicts itself in a node's parts in blind sums.
    pub(super) fn sums(&self) -> Option<String> {
        let all = &self.memberships;
        (0..all.len()).find_map(|i| all[i].sum_contradiction(&all[..i]))
    }
}

impl Membership {
    /// What contradicts itself in one, beside the memberships before.
    fn sum_contradiction(&self, before: &[Self]) -> Option<String> {
        let federation = &self.federation;
        if let Some(second) = &self.second_server {
            let ods = &second.ods;
            if self.membership_list.is_none() {
                return Some(format!(
                    "the second server {ods} of {federation} stands without a membership list: name the signed list as 'membership_list', or take [membership.second_server] out"
                ));
            }
            if self.coordinator.as_ref().is_some_and(|c| c.ods == *ods) {
                return Some(format!(
                    "the second server of {federation} is the coordinator's organisation {ods}: it must be run by another"
                ));
            }
        }
        if self.seal_key.is_some() && self.membership_list.is_none() {
            return Some(format!(
                "the sealing key of {federation} stands without a membership list: name the signed list as 'membership_list', or take 'seal_key' out"
            ));
        }
        let lists = |other: &Self| other.membership_list.is_some();
        let twice = before.iter().any(|other| lists(other) && other.federation == *federation);
        (lists(self) && twice).then(|| {
            format!(
                "two memberships of {federation} name a membership list: a federation has one blind sum, and one list"
            )
        })
    }
}
