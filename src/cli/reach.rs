//! Where a server is dialled and through which proxy, from the configuration and the environment.

use std::path::Path;

use zeroize::Zeroizing;

use super::exit::{Exit, Failure, OrExit};
use crate::config::{Addresses, Secret};
use crate::rpc::{Destination, Environment, Proxies, Proxy};
use crate::trust::read_private;

/// The password of the proxy that the configuration names, where no file holds it.
const PASSWORD_VARIABLE: &str = "EVENSUM_PROXY_PASSWORD";

/// Reads addresses, the proxy to them and its password.
pub(super) fn destination(
    addresses: &Addresses,
    proxy: Option<&Secret>,
    password: Option<&Path>,
) -> Result<Destination, Failure> {
    let proxies = proxies(proxy, password)?;
    Destination::new(addresses.all(), &proxies).or_exit(Exit::Config)
}

fn proxies(proxy: Option<&Secret>, file: Option<&Path>) -> Result<Proxies, Failure> {
    let Some(text) = proxy.map(Secret::expose) else {
        if file.is_some() {
            let what = "'proxy_password' stands without 'proxy': name the proxy, or take it out";
            return Err(Failure::says(Exit::Config, what));
        }
        let variable = |name: &str| std::env::var(name).ok();
        return Ok(Proxies::Environment(Box::new(Environment::look_up(variable))));
    };
    if text == "none" {
        return Ok(Proxies::None);
    }
    let proxy: Proxy = text.parse().or_exit(Exit::Config)?;
    if let Some(file) = file {
        let password = read_private(file).or_exit(Exit::Config)?;
        let password = password.trim_end_matches(['\r', '\n']);
        return proxy.with_password(password).map(Proxies::One).or_exit(Exit::Config);
    }
    match std::env::var(PASSWORD_VARIABLE).map(Zeroizing::new) {
        Ok(password) if proxy.lacks_password() => {
            proxy.with_password(&password).map(Proxies::One).or_exit(Exit::Config)
        }
        _ => Ok(Proxies::One(proxy)),
    }
}
