//! The one line that a server prints once it serves, for scripts to wait for.

use std::collections::BTreeMap;

use super::terminal;

/// Prints `{"ready":{…}}` on standard output. Keys: `nodes`, `analysts` for a coordinator's ports,
/// `coordinator` for the address that a node serves.
pub(super) fn print(places: &[(&str, String)]) {
    let places: BTreeMap<&str, &str> = places.iter().map(|(k, v)| (*k, v.as_str())).collect();
    terminal::out(&serde_json::json!({ "ready": places }).to_string());
}
