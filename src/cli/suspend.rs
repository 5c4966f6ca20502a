//! `evensum node suspend`: the brake of the partner's own people. It takes effect in the server that runs, and lasts until
//! it is taken back.

use clap::Args;
use evensum_core::model::AgreementId;

use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::{deposit, serve, terminal};
use crate::config::Server;
use crate::node::{Offers, Suspension, suspend};
use crate::store::StoreError;

#[derive(Debug, Args)]
pub(super) struct SuspendArgs {
    /// The agreement, by its id
    agreement: AgreementId,
    /// Take the suspension back
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &SuspendArgs) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    server.node()?;
    let (agreement, suspended) = (&args.agreement, !args.resume);
    let mut meant = Vec::new();
    let mut known = Vec::new();
    for of in server.memberships.iter().map(|membership| membership.agreements()) {
        for own in of? {
            let (federation, id) = (own.federation, own.id);
            if id == *agreement {
                meant.push(Suspension { federation, agreement: id, suspended });
            } else {
                known.push(id.to_string());
            }
        }
    }
    if meant.is_empty() {
        let known = known.join(", ");
        return Err(Failure::says(
            Exit::Config,
            format!("this node has no agreement {agreement}: it has {known}"),
        ));
    }
    let changed = serve::runtime()?.block_on(written(&server, &meant))?;
    terminal::note(&match (suspended, changed) {
        (true, Some(0)) => format!("{agreement} is suspended already."),
        (false, Some(0)) => format!("{agreement} is not suspended."),
        (true, _) => format!(
            "{agreement} is suspended: nothing is answered or contributed under it from here on. The independent second server of a blind sum hears of it within a minute while this node is connected, and opens no more totals with this partner's records. What was released before stays."
        ),
        (false, _) => format!(
            "{agreement} is no longer suspended. Totals with this partner's records are opened again once every partner in them takes part."
        ),
    });
    Ok(())
}

/// Has it written into the audit log, by the server that runs or at once. How many that changes, where it is known.
async fn written(server: &Server, meant: &[Suspension]) -> Result<Option<usize>, Failure> {
    match serve::try_open_store(server).await? {
        Ok(store) => {
            let mut changed = Ok(0);
            for of in meant {
                let new = suspend(&store, of).await.or_exit(Exit::Unavailable);
                changed = changed.and_then(|before| Ok(before + usize::from(new?)));
            }
            store.close().await;
            changed.map(Some)
        }
        Err(StoreError::Locked { .. }) => {
            for of in meant {
                let left = Offers::new(&server.state).request_suspension(of);
                deposit::taken(&left.or_exit(Exit::Config)?).await?;
            }
            Ok(None)
        }
        Err(error) => Err(Failure::new(Exit::Config, error)),
    }
}
