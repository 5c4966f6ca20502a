//! A node's part in blind sums: the membership list that it goes by, the second server, and the wiring to it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::model::{Agreement, FederationId, KeyText, Ods, PoolKind, Role};
use evensum_core::pool::{SealKey, SignedRoster, VerifiedRoster};
use evensum_core::port::PoolNodePort;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::exit::{Exit, Failure, OrExit};
use super::{clock, reach};
use crate::config::{self, Membership, Server};
use crate::node::{self, Site};
use crate::round;
use crate::rpc::{Destination, DialConfig, DialState, Keepalive, pool_service, serve_dialled};
use crate::trust::{Credentials, Roots, config as tls, write_public};

/// A membership's agreement with a blind sum, as its list holds under it.
pub(super) struct Summed {
    pub(super) roster: Arc<VerifiedRoster>,
    /// What the node agrees on masks with, where there is no second server.
    pub(super) seal_key: Option<SealKey>,
    /// The second server, and where it is.
    second: Option<(Ods, Destination)>,
    kept: PathBuf,
    text: String,
    /// What has changed since the list that the node went by before.
    changes: Vec<String>,
}

fn wrong(text: String) -> Failure {
    Failure::says(Exit::Config, text)
}

/// Whether a node's extracts need the keys of their records: to change figures by them when they are released, or before
/// they are added up.
pub(super) fn needs_record_keys(server: &Server) -> Result<bool, Failure> {
    if server.node()?.profile.needs_record_keys() {
        return Ok(true);
    }
    for membership in server.memberships.iter().filter(|m| m.membership_list.is_some()) {
        let agreements = membership.agreements()?;
        if agreements.iter().any(|agreement| agreement.pool == Some(PoolKind::Noisy)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads and verifies a node's membership list; none where it names none.
pub(super) fn summed(
    server: &Server,
    membership: &Membership,
    agreements: &[Agreement],
) -> Result<Option<Summed>, Failure> {
    if server.role() != Role::Node {
        return Ok(None);
    }
    let Some((signed, roster, _)) = listed(membership, agreements)? else { return Ok(None) };
    let federation = &membership.federation;
    let second = second_server("membership", membership.second_server.as_ref(), &roster)?;
    let seal_key = masks_key(server, membership, &roster)?;
    let kept = server.state.join(format!("membership-{federation}.json"));
    let changes = changes(&kept, &roster)?;
    let text = signed.to_text().or_exit(Exit::Config)?;
    Ok(Some(Summed { roster: Arc::new(roster), seal_key, second, kept, text, changes }))
}

/// A membership's list, verified under its one agreement with a blind sum; none where it names none.
fn listed<'a>(
    membership: &Membership,
    agreements: &'a [Agreement],
) -> Result<Option<(SignedRoster, VerifiedRoster, &'a Agreement)>, Failure> {
    let Some(path) = &membership.membership_list else { return Ok(None) };
    let federation = &membership.federation;
    let with: Vec<&Agreement> = agreements.iter().filter(|a| a.pool.is_some()).collect();
    let [agreement] = with[..] else {
        return Err(wrong(format!(
            "'{}' is the membership list of {federation}, where {} agreements have a blind sum ('pool'): it must be one",
            path.display(),
            with.len()
        )));
    };
    let signed = config::membership_list(path)?;
    let roster = signed.verify(agreement).map_err(|error| {
        wrong(format!(
            "the membership list '{}' does not hold under the agreement {}: {error}",
            path.display(),
            agreement.id
        ))
    })?;
    Ok(Some((signed, roster, agreement)))
}

/// A coordinator's part in blind sums, as far as files say it.
pub(super) struct Summing {
    pub(super) summed: round::Summed,
    pub(super) seal_key: SealKey,
    /// The second server, and where it is; none where the sum is made without one.
    pub(super) second: Option<(Ods, Destination)>,
    pub(super) wait: Duration,
}

/// Reads and verifies what a coordinator needs for blind sums; none where it names no list.
pub(super) fn summing(
    server: &Server,
    agreements: &[Agreement],
) -> Result<Option<Summing>, Failure> {
    let table = server.coordinator()?;
    let Some(membership) = server.memberships.first() else { return Ok(None) };
    let Some((_, roster, agreement)) = listed(membership, agreements)? else { return Ok(None) };
    let list = roster.roster();
    let file = table.seal_key.as_ref().ok_or_else(|| {
        wrong(
            "a blind sum needs 'seal_key' in [coordinator]: `evensum keys new sealing` makes one"
                .to_owned(),
        )
    })?;
    let seal_key = config::sealing_key(file)?;
    is_listed(&seal_key, (&server.ods, &list.coordinator().seal_key), "[coordinator]")?;
    let second = second_server("coordinator", table.second_server.as_ref(), &roster)?;
    let wait = Duration::from_secs(u64::from(table.wait_for_partners_hours) * 3600);
    let summed = round::Summed { agreement: agreement.clone(), roster: Arc::new(roster.clone()) };
    Ok(Some(Summing { summed, seal_key, second, wait }))
}

/// The second server of a table of the configuration, and the way to it. It must be that of the list, or neither is there.
fn second_server(
    table: &str,
    named: Option<&config::SecondServer>,
    roster: &VerifiedRoster,
) -> Result<Option<(Ods, Destination)>, Failure> {
    let federation = roster.roster().federation();
    match (roster.roster().helper(), named) {
        (None, None) => Ok(None),
        (Some(listed), Some(named)) if listed.ods == named.ods => {
            let config::SecondServer { ods, address, proxy, proxy_password } = named;
            let place = reach::destination(address, proxy.as_ref(), proxy_password.as_deref())?;
            Ok(Some((ods.clone(), place)))
        }
        (Some(listed), Some(named)) => Err(wrong(format!(
            "[{table}.second_server] names {}, and the membership list of {federation} has {}: correct the ODS code",
            named.ods, listed.ods
        ))),
        (Some(listed), None) => Err(wrong(format!(
            "there is no way to the second server {} of {federation}: give [{table}.second_server] its ODS code and 'address'",
            listed.ods
        ))),
        (None, Some(named)) => Err(wrong(format!(
            "[{table}.second_server] names {}, and the membership list of {federation} has no second server: take it out",
            named.ods
        ))),
    }
}

/// That a server's own sealing key, which a table of its configuration names, is the one that the list has for it.
pub(super) fn is_listed(
    key: &SealKey,
    (ods, listed): (&Ods, &KeyText),
    table: &str,
) -> Result<(), Failure> {
    if *listed == key.public().to_text() {
        return Ok(());
    }
    Err(wrong(format!(
        "the membership list has another sealing key of {ods} than 'seal_key' of {table}: name the right file, or have the list made and signed anew"
    )))
}

/// What the node agrees on masks with: the secret half of its key of the list.
fn masks_key(
    server: &Server,
    membership: &Membership,
    roster: &VerifiedRoster,
) -> Result<Option<SealKey>, Failure> {
    let Some(listed) = roster.roster().member(&server.ods) else { return Ok(None) };
    if roster.kind() != PoolKind::Masks {
        return Ok(None);
    }
    let federation = &membership.federation;
    let file = membership.seal_key.as_ref().ok_or_else(|| {
        wrong(format!(
            "the blind sum of {federation} has no second server, and needs 'seal_key' in [[membership]]: the file that `evensum keys new sealing` made for the membership list"
        ))
    })?;
    let key = config::sealing_key(file)?;
    is_listed(&key, (&server.ods, &listed.seal_key), "[[membership]]")?;
    Ok(Some(key))
}

/// What differs from the list that the node went by before, in words.
fn changes(kept: &std::path::Path, roster: &VerifiedRoster) -> Result<Vec<String>, Failure> {
    if !fs::exists(kept).or_exit(Exit::Config)? {
        return Ok(Vec::new());
    }
    let unusable = |error: &dyn std::fmt::Display| {
        wrong(format!(
            "'{}', the membership list that this node went by before, cannot be compared with the new one: {error}. Compare them by hand, then remove that file",
            kept.display()
        ))
    };
    let text = config::read(kept).map_err(|error| unusable(&error))?;
    let before = SignedRoster::parse(&text).map_err(|error| unusable(&error))?;
    let changes = roster.roster().since(before.roster()).map_err(|error| unusable(&error))?;
    Ok(changes.iter().map(ToString::to_string).collect())
}

impl Summed {
    /// Says what has changed, and keeps the list that the node goes by from here on.
    pub(super) fn begin(&self, site: &Ods, agreements: &[Agreement]) -> Result<(), Failure> {
        let list = self.roster.roster();
        let federation = list.federation();
        for change in &self.changes {
            warn!(%federation, number = list.serial(), change, "the membership list has changed");
        }
        if list.member(site).is_none() {
            warn!(%federation, "the membership list does not name this partner: it contributes to no sum");
        }
        let kind = self.roster.kind();
        for agreement in agreements
            .iter()
            .filter(|a| a.pool == Some(kind) && !node::can_contribute(a.profile, a))
        {
            let (id, profile) = (&agreement.id, agreement.profile.as_str());
            let kind = kind.as_str();
            warn!(agreement = %id, profile, kind, "figures of that disclosure profile cannot be added up blindly: nothing is contributed");
        }
        write_public(&self.kept, self.text.as_bytes(), true).or_exit(Exit::Config)
    }

    /// In words, for `node check`.
    pub(super) fn said(&self) -> String {
        let list = self.roster.roster();
        let second = self.second.as_ref().map_or_else(String::new, |(ods, place)| {
            format!(", and dials its independent second server {ods} at {place}")
        });
        let changed = match self.changes.len() {
            0 => String::new(),
            _ => format!(". Changed since the list before: {}", self.changes.join("; ")),
        };
        format!(
            "; it takes part in the blind sum of membership list {} with {} members{second}{changed}",
            list.serial(),
            list.members().len()
        )
    }

    /// Serves the node's part in sums to the second server, on connections that the node dials.
    pub(super) async fn serve(
        self,
        site: &Site,
        node: Arc<dyn PoolNodePort>,
        federation: FederationId,
        (credentials, roots): (&Credentials, &Roots),
        stop: CancellationToken,
    ) -> Result<Option<impl Future<Output = Result<(), Failure>> + Send + use<>>, Failure> {
        let Some((ods, address)) = self.second else { return Ok(None) };
        let routes = pool_service::routes(node, site.writable()).await;
        let dial = tls::node_dial(credentials, roots, clock::system()).or_exit(Exit::Config)?;
        let (place, whose) = (address.to_string(), federation.to_string());
        let on_state = move |state: DialState| match state {
            DialState::Serving => info!(second_server = %place, membership = whose, "serving"),
            DialState::Waiting { reason, wait } => {
                let reason: &(dyn std::error::Error + 'static) = &reason;
                warn!(second_server = %place, membership = whose, reason, ?wait, "not connected; trying again");
            }
            DialState::Connected { peer, key_exchange } => {
                let serial = peer.serial();
                info!(second_server = %place, membership = whose, serial, key_exchange, "authenticated");
            }
            DialState::Dialling | DialState::Stopped => {}
        };
        let config = DialConfig {
            address,
            federation,
            role: Role::Helper,
            coordinator: ods,
            tls: watch::channel(dial).1,
            seed: rand::random(),
            keepalive: Keepalive::USUAL,
        };
        let serving = serve_dialled(routes, config, stop, on_state);
        Ok(Some(async move { serving.await.or_exit(Exit::Fault) }))
    }
}
