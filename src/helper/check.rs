//! Both servers find together that a contribution may be added; neither sees a figure of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::model::{Digest, Ods, RefusalCode};
use evensum_core::pool::{
    Aggregator, Context, MAX_MESSAGE_BYTES, OutputShare, PoolError, Role, Sealed, join,
};
use evensum_core::port::{CheckOutcome, Checked, Checking, MAX_CHECKS, PoolFault};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use zeroize::Zeroizing;

use super::loaded::{Loaded, verify_key};
use super::shelf::{packed, unpacked};
use super::{Inner, Unable, blocking, refused, shelf};

/// What came of a member's vectors so far, by their places: the message for the coordinator, and this server's share.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<u32, (Vec<u8>, Zeroizing<Vec<u8>>)>);

impl Shares {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let list = unpacked(bytes)?;
        let (triples, rest) = list.as_chunks::<3>();
        let one = |[place, message, share]: &[&[u8]; 3]| {
            let place = u32::from_be_bytes((*place).try_into().ok()?);
            Some((place, (message.to_vec(), Zeroizing::new(share.to_vec()))))
        };
        let shares = triples.iter().map(one).collect::<Option<_>>()?;
        rest.is_empty().then_some(Self(shares))
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let places: Vec<[u8; 4]> = self.0.keys().map(|place| place.to_be_bytes()).collect();
        let each = places.iter().zip(self.0.values());
        let list = each.flat_map(|(place, (message, share))| {
            [place.as_slice(), message.as_slice(), share.as_slice()]
        });
        Zeroizing::new(packed(list))
    }

    /// The shares of all vectors, where every one of so many is there.
    pub(super) fn all(&self, vectors: usize) -> Option<impl Iterator<Item = &[u8]>> {
        let last = self.0.keys().next_back().map_or(0, |last| *last as usize + 1);
        let whole = self.0.len() == vectors && last == vectors;
        whole.then(|| self.0.values().map(|(_, share)| share.as_slice()))
    }
}

/// What is on the disk of one member.
enum Held {
    Rejected,
    NotHere,
    Here { parts: Vec<Vec<u8>>, shares: Shares },
}

/// What comes of one vector.
enum Found {
    Known(CheckOutcome),
    New { place: u32, message: Vec<u8>, share: Zeroizing<Vec<u8>> },
    Wrong,
}

impl Inner {
    pub(super) async fn check(
        self: &Arc<Self>,
        caller: &Peer,
        round: Digest,
        items: Vec<Checking>,
    ) -> Result<Vec<Checked>, Unable> {
        self.any_coordinator(caller)?;
        if items.len() > MAX_CHECKS || items.iter().any(|i| i.share.len() > MAX_MESSAGE_BYTES) {
            return Err(PoolFault::Unreadable.into());
        }
        let _turn = self.turn(round).await;
        let rounds = self.store.rounds();
        let (.., state) = rounds.round(round).ok_or(refused(RefusalCode::RoundDiffers))?;
        self.coordinator(caller, &self.summed(&state.agreement)?.agreement)?;
        if state.closed.is_some() {
            return Err(refused(RefusalCode::RoundClosed));
        }
        let loaded = self.load(round)?;
        for Checking { of, .. } in &items {
            if loaded.round.extract(&of.ods).is_none() {
                return Err(refused(RefusalCode::NotAMember));
            }
            loaded.place(of.table, of.vector).ok_or(refused(RefusalCode::RoundDiffers))?;
        }
        let inner = Arc::clone(self);
        blocking(move || inner.checked(&loaded, &items)).await
    }

    fn checked(&self, loaded: &Loaded, items: &[Checking]) -> Result<Vec<Checked>, Unable> {
        let round = loaded.round.hash();
        let sealed = self.vault.take(round, shelf::VERIFY_KEY)?.ok_or(Unable::Lost("its key"))?;
        let key = verify_key(&self.seal_key, round, &Sealed::from_bytes(sealed)?)?;
        let aggregator = Aggregator::helper(key);
        let members: BTreeSet<&Ods> = items.iter().map(|item| &item.of.ods).collect();
        let mut held: BTreeMap<&Ods, Held> = BTreeMap::new();
        for ods in members {
            held.insert(ods, self.held(loaded, ods)?);
        }
        let each = items.par_iter().map(|item| self.check_one(loaded, &aggregator, &held, item));
        let found: Vec<Found> = each.collect();
        let wrong: BTreeSet<&Ods> = items
            .iter()
            .zip(&found)
            .filter(|(_, found)| matches!(found, Found::Wrong))
            .map(|(item, _)| &item.of.ods)
            .collect();
        for ods in &wrong {
            self.reject(round, ods, "the two servers' check fails")?;
        }
        let mut changed: BTreeSet<&Ods> = BTreeSet::new();
        let mut checked = Vec::with_capacity(items.len());
        for (item, found) in items.iter().zip(found) {
            let ods = &item.of.ods;
            let outcome = match found {
                _ if wrong.contains(ods) => CheckOutcome::Rejected,
                Found::Known(outcome) => outcome,
                Found::Wrong => CheckOutcome::Rejected,
                Found::New { place, message, share } => {
                    if let Some(Held::Here { shares, .. }) = held.get_mut(ods) {
                        shares.0.insert(place, (message.clone(), share));
                        changed.insert(ods);
                    }
                    CheckOutcome::Message(message)
                }
            };
            checked.push(Checked { of: item.of.clone(), outcome });
        }
        // On the disk before the coordinator hears that they are good.
        for ods in changed {
            if let Some(Held::Here { shares, .. }) = held.get(ods) {
                self.vault.put(round, &shelf::checked(ods), &shares.to_bytes())?;
            }
        }
        Ok(checked)
    }

    fn held(&self, loaded: &Loaded, ods: &Ods) -> Result<Held, Unable> {
        let round = loaded.round.hash();
        if self.is_rejected(round, ods) {
            return Ok(Held::Rejected);
        }
        let Some(bytes) = self.vault.take(round, &shelf::parts(ods))? else {
            return Ok(Held::NotHere);
        };
        let parts = unpacked(&bytes).filter(|parts| parts.len() == loaded.vectors.len());
        let parts = parts.ok_or(Unable::Lost("a contribution"))?;
        let parts = parts.into_iter().map(<[u8]>::to_vec).collect();
        Ok(Held::Here { parts, shares: self.shares(round, ods)?.unwrap_or_default() })
    }

    /// What was checked of a member's contribution.
    pub(super) fn shares(&self, round: Digest, ods: &Ods) -> Result<Option<Shares>, Unable> {
        let Some(bytes) = self.vault.take(round, &shelf::checked(ods))? else { return Ok(None) };
        let bytes = Zeroizing::new(bytes);
        Shares::parse(&bytes).map(Some).ok_or(Unable::Lost("a checked contribution"))
    }

    fn check_one(
        &self,
        loaded: &Loaded,
        aggregator: &Aggregator,
        held: &BTreeMap<&Ods, Held>,
        item: &Checking,
    ) -> Found {
        let (parts, shares) = match held.get(&item.of.ods) {
            Some(Held::Here { parts, shares }) => (parts, shares),
            Some(Held::Rejected) => return Found::Known(CheckOutcome::Rejected),
            Some(Held::NotHere) | None => return Found::Known(CheckOutcome::NotHere),
        };
        let Some((at, context)) = loaded.context(&item.of) else { return Found::Wrong };
        let Ok(place) = u32::try_from(at) else { return Found::Wrong };
        // Whatever the coordinator sends now: it is told what it was told before, and nothing else.
        if let Some((message, _)) = shares.0.get(&place) {
            return Found::Known(CheckOutcome::Message(message.clone()));
        }
        match self.verified(&context, (loaded, at), aggregator, (&parts[at], &item.share)) {
            Ok((message, share)) => match share.to_bytes() {
                Ok(share) => Found::New { place, message, share },
                Err(_) => Found::Wrong,
            },
            Err(_) => Found::Wrong,
        }
    }

    fn verified(
        &self,
        context: &Context,
        (loaded, at): (&Loaded, usize),
        aggregator: &Aggregator,
        (part, theirs): (&[u8], &[u8]),
    ) -> Result<(Vec<u8>, OutputShare), PoolError> {
        let spec = loaded.vectors[at].spec;
        let sealed = Sealed::from_bytes(part.to_vec())?;
        let part = self.seal_key.open(&sealed, &context.sealing(Role::Helper))?;
        let (pending, own) = aggregator.begin(context, spec, &part)?;
        let message = join(context, spec, theirs, &own)?;
        let share = pending.finish(&message)?;
        Ok((message, share))
    }
}
