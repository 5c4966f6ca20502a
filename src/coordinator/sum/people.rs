//! Different people over the partners of a closed round: opened once, with the tables of the agreement's packs, estimated
//! in memory, and from then on there is nothing but the estimates.

use evensum_core::disclosure::DistinctPeople;
use evensum_core::model::{Question, canonical};
use evensum_core::plan::DistinctTable;
use evensum_core::pool::{MAX_OPENED, Role, ShareOf, SumOfShares, Totals, open};
use evensum_core::port::PoolFault;
use zeroize::Zeroizing;

use super::round::{self, Loaded, sums_of};
use super::{SumError, Sums, blocking, shelf};

/// How an opening that has so many questions already names the estimates of a round, as far as there is room.
pub(super) fn questions(loaded: &Loaded, already: usize) -> Vec<Question> {
    of(loaded).take(MAX_OPENED.saturating_sub(already)).map(|(_, e)| e.question()).collect()
}

/// The estimates of a round, each with its place among the round's tables.
fn of(loaded: &Loaded) -> impl Iterator<Item = (usize, &DistinctTable)> {
    let ids = loaded.round.document().tables.iter().enumerate();
    ids.filter_map(|(place, id)| Some((place, loaded.tables.estimate(*id)?)))
}

impl Sums {
    /// Puts the sums of an estimate together, and estimates.
    pub(super) async fn estimated(
        &self,
        loaded: &Loaded,
        estimate: &DistinctTable,
        theirs: Vec<Vec<u8>>,
    ) -> Result<DistinctPeople, SumError> {
        let place = of(loaded).find(|(_, one)| one.id() == estimate.id());
        let (place, _) = place.ok_or(SumError::Lost("the meaning of its tables"))?;
        let (vault, hash) = (self.shelf.vault().clone(), loaded.round.hash());
        let opened = blocking(move || {
            let own = sums_of(&vault, Role::Leader, hash, place)?;
            if own.len() != theirs.len() {
                return Err(SumError::Helper(PoolFault::Unreadable));
            }
            let one = |(own, theirs): (SumOfShares, Vec<u8>)| {
                let theirs = Zeroizing::new(theirs);
                let all: Vec<u32> = (0..own.spec().len()).collect();
                Ok(open(&own.select(&all)?, &ShareOf::from_bytes(Role::Helper, &theirs)?)?)
            };
            own.into_iter().zip(theirs).map(one).collect::<Result<Vec<Totals>, SumError>>()
        });
        Ok(DistinctPeople::of(estimate, opened.await?)?)
    }

    /// Keeps what was estimated, for tables that are decided later; gives what was kept where nothing is new.
    pub(super) fn keep_people(
        &self,
        loaded: &Loaded,
        people: Vec<DistinctPeople>,
    ) -> Result<Vec<DistinctPeople>, SumError> {
        let hash = loaded.round.hash();
        if people.is_empty() {
            let kept = self.shelf.vault().take(hash, shelf::PEOPLE)?;
            return Ok(kept.map(|b| canonical::decode(&b)).transpose()?.unwrap_or_default());
        }
        self.shelf.vault().put(hash, shelf::PEOPLE, &canonical::encode(&people)?)?;
        Ok(people)
    }

    /// Forgets this server's part of the sums of estimates, so that nobody can open them again.
    pub(super) fn drop_marks(&self, loaded: &Loaded) -> Result<(), SumError> {
        for (place, _) in of(loaded) {
            self.shelf.vault().put(loaded.round.hash(), &round::sums(place), b"")?;
        }
        Ok(())
    }
}
