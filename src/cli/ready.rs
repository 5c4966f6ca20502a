//! The one line that a server prints once it serves, for scripts to wait for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use super::terminal;

/// Prints `{"ready":{…}}` on standard output. Keys: `nodes`, `analysts` for a coordinator's ports;
/// `coordinator` for the address that a node serves, and `listen` for the port on which it waits. Where there
/// are several, they stand in one text with commas.
pub(super) fn print(places: &[(&str, String)]) {
    let places: BTreeMap<&str, &str> = places.iter().map(|(k, v)| (*k, v.as_str())).collect();
    terminal::out(&serde_json::json!({ "ready": places }).to_string());
}

/// When a node is ready: every coordinator that it dials has taken it in or was tried in vain, and there is one
/// that it serves or waits for. So a coordinator that is down delays nobody.
#[derive(Debug)]
pub(super) struct Readiness(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Coordinators whose first attempt has no end yet; one more until all are being dialled.
    open: usize,
    serves: Vec<String>,
    listens: Vec<String>,
    told: bool,
}

impl Readiness {
    /// Before anything is dialled.
    pub(super) fn new(dialling: usize) -> Self {
        let (serves, listens) = (Vec::new(), Vec::new());
        Self(Mutex::new(State { open: dialling + 1, serves, listens, told: false }))
    }

    /// A port is bound.
    pub(super) fn listens(&self, place: SocketAddr) {
        self.change(|state| state.listens.push(place.to_string()));
    }

    /// Everything that is dialled is being dialled.
    pub(super) fn begin(&self) {
        self.change(|state| state.open -= 1);
    }

    /// A coordinator has taken the node in, at the first attempt or later.
    pub(super) fn serves(&self, first: bool, place: &str) {
        self.change(|state| {
            state.open -= usize::from(first);
            if !state.serves.iter().any(|known| known == place) {
                state.serves.push(place.to_owned());
            }
        });
    }

    /// An attempt was in vain, or a connection has ended.
    pub(super) fn waits(&self, first: bool) {
        self.change(|state| state.open -= usize::from(first));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let ready = state.open == 0 && !(state.serves.is_empty() && state.listens.is_empty());
        if !ready || state.told {
            return;
        }
        state.told = true;
        let all = [("coordinator", state.serves.join(", ")), ("listen", state.listens.join(", "))];
        let there: Vec<_> = all.into_iter().filter(|(_, places)| !places.is_empty()).collect();
        print(&there);
    }
}
