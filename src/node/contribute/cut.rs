//! How figures are cut so that nobody can read them: into the shares of two servers, or, where there is no second server,
//! under masks that vanish in the sum of all members alone.

use std::sync::Arc;

use evensum_core::model::{Ods, RefusalCode};
use evensum_core::pool::{Context, Members, Role, RoundVector, SealKey, SealPublic, Sealed, share};

use super::{Pool, Trouble};
use crate::round::Loaded;

/// How a round's figures are cut, and for whom they are sealed.
#[derive(Clone)]
pub(super) enum Cut {
    Shares { coordinator: SealPublic, second: SealPublic },
    Masks { coordinator: SealPublic, members: Members, own: Arc<SealKey> },
}

impl Cut {
    pub(super) fn of(pool: &Pool, task: &Loaded) -> Result<Self, Trouble> {
        let list = task.of.roster.roster();
        let coordinator = SealPublic::parse(&list.coordinator().seal_key)?;
        if let Some(server) = list.helper() {
            return Ok(Self::Shares { coordinator, second: SealPublic::parse(&server.seal_key)? });
        }
        let own = pool.seal_key.clone().ok_or(Trouble::Refused(RefusalCode::SumNotAgreed))?;
        Ok(Self::Masks { coordinator, members: Members::of(list, &task.round.members())?, own })
    }

    /// The servers that are sent a part of each vector.
    pub(super) const fn servers(&self) -> &'static [Role] {
        match self {
            Self::Shares { .. } => &[Role::Leader, Role::Helper],
            Self::Masks { .. } => &[Role::Leader],
        }
    }

    /// One vector's parts, each sealed for its server. They are never both in the clear on the disk.
    pub(super) fn sealed(
        &self,
        vector: &RoundVector,
        ods: &Ods,
        values: &[u64],
    ) -> Result<Vec<(Role, Sealed)>, Trouble> {
        let context = Context::new(vector.deposit, ods.clone());
        let seal = |to: Role, key: &SealPublic, part: &[u8]| {
            Ok::<_, Trouble>((to, key.seal(&context.sealing(to), part)?))
        };
        match self {
            Self::Shares { coordinator, second } => {
                let shared = share(&context, vector.spec, values)?;
                Ok(vec![
                    seal(Role::Leader, coordinator, shared.leader())?,
                    seal(Role::Helper, second, shared.helper())?,
                ])
            }
            Self::Masks { coordinator, members, own } => {
                let masked = members.mask(own, vector.deposit, vector.spec, values)?;
                Ok(vec![seal(Role::Leader, coordinator, &masked.to_bytes())?])
            }
        }
    }
}
