//! A11. Whoever runs the coordinator wants one partner's own figures, and makes up the number of partners that a sum
//! takes: with organisations of its own invention, with its own nodes, with partners that have just joined or that hold
//! nothing, on lists that nobody has signed.
//!
//! A party of the agreement, of old standing, that signs against the truth that it has people is not found out by any
//! rule here: it is for the officers who sign the list to know that every member holds records.

use super::super::invented::Draw;
use super::super::records::extract;
use super::super::{AdversaryError, Attack, CONTROL, Finding, Tally};
use super::{COORDINATOR, DEPOSIT, Federation, SECOND, key, needs, ods};
use crate::model::{
    DatasetId, Date, Digest, KeyText, Period, Population, Role, SnapshotVersion, Timestamp,
};
use crate::pool::{
    BoundRound, Enclosed, MIN_MEMBERS, Member, PoolServer, Ready, Roster, Round, RoundDocument,
    RoundRules, SealKey, SignedRoster, VerifiedRoster,
};
use crate::sign::SigningKey;

const VICTIM: &str = "V1";
/// Partners that hold rows, that hold none, and that join while the period runs.
const REAL: [&str; 5] = ["R1", "R2", "R3", "R4", "R5"];
const EMPTY: [&str; 6] = ["E1", "E2", "E3", "E4", "E5", "E6"];
const NEW: [&str; 6] = ["N1", "N2", "N3", "N4", "N5", "N6"];
const STRANGERS: [&str; 6] = ["X1", "X2", "X3", "X4", "X5", "X6"];
const SERVERS: [&str; 2] = [COORDINATOR, SECOND];
/// Officers of the coordinator's organisation and of a partner's, two of one organisation, and those of the two servers'.
const BOTH: [usize; 2] = [0, 3];
const ONE: [usize; 2] = [0, 1];
const SERVERS_OWN: [usize; 2] = [0, 2];
/// Ways of making up the number: organisations that the agreement does not know, on the list or in the round alone;
/// partners that joined within the period; these and nodes of the two servers' organisations; partners that hold
/// nothing, for which the coordinator signs; all of these; a list that officers of one organisation have signed, or of the
/// servers' two, and one that was changed after it was signed, all with dates from before the period; and the others are
/// bound, and are said to have sent nothing.
const STRANGERS_ON_LIST: usize = 0;
const STRANGERS_IN_ROUND: usize = 1;
const NEWCOMERS: usize = 2;
const OWN_NODES: usize = 3;
const HOLDING_NOTHING: usize = 4;
const ONE_ORGANISATION: usize = 6;
const AFTER_SIGNING: usize = 7;
const NOTHING_SENT: usize = 8;
const SERVERS_ALONE: usize = 9;
const WAYS: usize = 10;
const NOW: Timestamp = Timestamp::from_unix(1_793_000_000);
const SHAPE: &str = "one partner and 3 to 9 that the coordinator adds";

struct Scene {
    federation: Federation,
    /// The key with which the coordinator signs for those of its own invention, and for others.
    forged: Vec<SigningKey>,
    /// A sealing key for each name, in the order of [`names`].
    seals: Vec<KeyText>,
    servers: [KeyText; 2],
    period: Period,
    population: Population,
    agreement: Digest,
    tables: [Digest; 1],
}

fn names() -> impl Iterator<Item = &'static str> {
    [VICTIM].into_iter().chain(REAL).chain(EMPTY).chain(NEW).chain(SERVERS).chain(STRANGERS)
}

fn seal() -> Result<KeyText, AdversaryError> {
    Ok(SealKey::generate()?.public().to_text())
}

impl Scene {
    fn new() -> Result<Self, AdversaryError> {
        let parties: Vec<&str> = names().filter(|name| !STRANGERS.contains(name)).collect();
        let federation = Federation::new(&parties, "")?;
        let period: Period = needs("2026-10".parse(), "a period")?;
        let dataset = needs(DatasetId::new("rtt_open_pathway"), "a dataset")?;
        let population = Population::of(&federation.agreement, &dataset, period);
        let agreement = needs(federation.agreement.hash(), "an agreement")?;
        let seals = names().map(|_| seal()).collect::<Result<_, _>>()?;
        let tables = [Digest::of(b"table")];
        let servers = [seal()?, seal()?];
        let forged = names().map(|_| key()).collect::<Result<_, _>>()?;
        Ok(Self { federation, forged, seals, servers, period, population, agreement, tables })
    }

    fn server(&self, place: usize) -> Result<PoolServer, AdversaryError> {
        let role = [Role::Coordinator, Role::Helper][place];
        Ok(PoolServer {
            ods: ods(SERVERS[place])?,
            answer_key: self.federation.listed(SERVERS[place], role)?,
            seal_key: self.servers[place].clone(),
        })
    }

    fn list(&self, of: &[&str], dated_back: bool) -> Result<Roster, AdversaryError> {
        let federation = self.federation.agreement.federation.clone();
        let empty = Roster::new(federation, self.server(0)?, Some(self.server(1)?));
        let mut list = needs(empty, "a membership list")?;
        let first: Date = needs("2026-01-01".parse(), "a date")?;
        for &code in of {
            let place = place(code)?;
            let is_new = NEW.contains(&code) && !dated_back;
            let answer_key = match STRANGERS.contains(&code) {
                true => self.forged[place].verifying_key().to_text(),
                false => self.federation.listed(code, Role::Node)?,
            };
            let member = Member {
                ods: ods(code)?,
                name: format!("Partner {code}"),
                since: if is_new { self.period.first_day() } else { first },
                answer_key,
                seal_key: self.seals[place].clone(),
            };
            list = needs(list.with(member), "a membership list")?;
        }
        Ok(list)
    }

    /// A list as officers of two organisations sign it.
    fn signed(&self, of: &[&str]) -> Result<String, AdversaryError> {
        self.signed_by(&BOTH, self.list(of, false)?)
    }

    /// A list as a file, with the signatures of these officers.
    fn signed_by(&self, officers: &[usize], list: Roster) -> Result<String, AdversaryError> {
        let mut signed = needs(SignedRoster::unsigned(list), "a membership list")?;
        for &place in officers {
            let officer = &self.federation.agreement.officers[place];
            let key = &self.federation.officers[place];
            signed = needs(signed.sign(officer, key), "a signature")?;
        }
        needs(signed.to_text(), "a membership list")
    }

    /// What the victim believes of a file: its own program reads and verifies it.
    fn believed(&self, file: &str) -> Option<VerifiedRoster> {
        SignedRoster::parse(file).ok()?.verify(&self.federation.agreement).ok()
    }

    /// Whether the victim's node lets itself be bound with these, and whether the second server closes a sum with those
    /// of them that are said to have arrived. Of those that hold nothing the coordinator signs in their name.
    fn bound(
        &self,
        roster: &VerifiedRoster,
        with: &[&str],
        arrived: &[&str],
    ) -> Result<bool, AdversaryError> {
        let mut ready = Vec::new();
        for name in with {
            let code = ods(name)?;
            let said = Ready {
                ods: code.clone(),
                population: self.population.clone(),
                agreement: self.federation.agreement.id.clone(),
                agreement_hash: self.agreement,
                membership: roster.hash(),
                snapshot: extract(name.as_bytes(), SnapshotVersion::Final)?,
                tables: self.tables.to_vec(),
            };
            let own = match EMPTY.contains(name) || STRANGERS.contains(name) {
                true => self.forged.get(place(name)?),
                false => self.federation.key_of(&code),
            };
            let own = own.ok_or(AdversaryError::Needs("a key"))?;
            let envelope = needs(said.sign(&code, own), "a document")?;
            ready.push(Enclosed::new(&code, &envelope));
        }
        ready.sort_by(|a, b| a.by.cmp(&b.by));
        let round = Round {
            population: self.population.clone(),
            version: SnapshotVersion::Final,
            agreement: self.federation.agreement.id.clone(),
            agreement_hash: self.agreement,
            membership: roster.hash(),
            ready,
            tables: self.tables.to_vec(),
            closes: NOW.plus(3_600),
        };
        let code = ods(COORDINATOR)?;
        let first = self.federation.answers.iter().find(|(own, _)| *own == code);
        let (_, own) = first.ok_or(AdversaryError::Needs("a key"))?;
        let envelope = needs(round.sign(&code, own), "a document")?;
        let agreement = &self.federation.agreement;
        let rules = RoundRules { agreement, roster, tables: &self.tables };
        let Ok(bound) = BoundRound::verify(&envelope, &rules) else { return Ok(false) };
        let arrived = arrived.iter().map(|code| ods(code)).collect::<Result<Vec<_>, _>>()?;
        Ok(roster.may_close(&bound.members(), &arrived, self.period).is_ok())
    }

    /// Whether the victim ends in a sum with those that the coordinator adds, of whom one at most holds rows.
    fn isolated(&self, way: usize, added: &[&str]) -> Result<bool, AdversaryError> {
        let with = [&[VICTIM], added].concat();
        let honest = [&[VICTIM], &REAL[..]].concat();
        let all = [&honest[..], added].concat();
        let (file, bound) = match way {
            // Strangers in a round, and partners that are said to have sent nothing.
            STRANGERS_IN_ROUND => (self.signed(&honest)?, &with),
            NOTHING_SENT => (self.signed(&all)?, &all),
            ONE_ORGANISATION => (self.signed_by(&ONE, self.list(&with, true)?)?, &with),
            SERVERS_ALONE => (self.signed_by(&SERVERS_OWN, self.list(&with, true)?)?, &with),
            AFTER_SIGNING => {
                let other = self.signed_by(&[], self.list(&with, true)?)?;
                (with_list_of(&self.signed(&honest)?, &other)?, &with)
            }
            _ => (self.signed(&with)?, &with),
        };
        match self.believed(&file) {
            Some(list) => self.bound(&list, bound, &with),
            None => Ok(false),
        }
    }

    /// Whether a sum of partners that hold rows is made, so that what is refused is the others.
    fn is_made(&self, others: &[&str]) -> Result<bool, AdversaryError> {
        let all = [&[VICTIM], others].concat();
        match self.believed(&self.signed(&all)?) {
            Some(list) => self.bound(&list, &all, &all),
            None => Ok(false),
        }
    }
}

fn place(code: &str) -> Result<usize, AdversaryError> {
    names().position(|name| name == code).ok_or(AdversaryError::Needs("a partner"))
}

/// A file with the signatures of another one.
fn with_list_of(signed: &str, other: &str) -> Result<String, AdversaryError> {
    let read = |text| needs(serde_json::from_str::<serde_json::Value>(text), "a membership list");
    let (mut file, mut other) = (read(signed)?, read(other)?);
    file["list"] = other["list"].take();
    Ok(file.to_string())
}

/// Whom the coordinator adds, 3 to 9 of them.
fn added(way: usize, draw: &mut Draw) -> Vec<&'static str> {
    let [newcomers, servers] = [&NEW[..], &SERVERS];
    let mut from: Vec<&str> = match way {
        STRANGERS_ON_LIST | STRANGERS_IN_ROUND => STRANGERS.to_vec(),
        NEWCOMERS | OWN_NODES | ONE_ORGANISATION | SERVERS_ALONE | AFTER_SIGNING => {
            newcomers.to_vec()
        }
        NOTHING_SENT => [newcomers, servers].concat(),
        HOLDING_NOTHING => EMPTY.to_vec(),
        _ => [newcomers, servers, &EMPTY].concat(),
    };
    draw.shuffle(&mut from);
    from.truncate(MIN_MEMBERS - 1 + draw.below(7));
    if way == OWN_NODES {
        // There are two of them: it takes one partner more that is none of theirs.
        from = [&SERVERS[..], &REAL[..1], &from].concat();
    }
    from
}

/// A weak rule: as many names as a sum takes, whoever they are.
fn is_enough(names: &[&str]) -> bool {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names.len() >= MIN_MEMBERS
}

/// A11.
pub(in super::super) fn isolated(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let (scene, mut draw) = (Scene::new()?, Draw::new(seed));
    let (mut shipped, mut weak, mut made) = (Tally::default(), Tally::default(), 0);
    let rounds = n.max(WAYS);
    for number in 0..rounds {
        let (way, mut others) = (number % WAYS, REAL.to_vec());
        let added = added(way, &mut draw);
        draw.shuffle(&mut others);
        others.truncate(MIN_MEMBERS - 1 + draw.below(3));
        made += usize::from(scene.is_made(&others)?);
        let isolated = scene.isolated(way, &added)?;
        shipped.exact += usize::from(isolated);
        shipped.refused += usize::from(!isolated);
        weak.exact += usize::from(is_enough(&[&[VICTIM], &added[..]].concat()));
    }
    (shipped.tables, shipped.cells) = (2 * rounds, rounds);
    (weak.tables, weak.cells) = (rounds, rounds);
    let held = shipped.exact == 0 && made == rounds;
    let note = format!(
        "{} of {rounds} partners were left alone among those that the coordinator added, and {made} of {rounds} sums of partners that hold rows were made",
        shipped.exact
    );
    told(shipped.finding(Attack::A11, DEPOSIT, SHAPE, held).noted(note));
    let broke = weak.exact == rounds;
    let against = format!("{CONTROL}a least number of names, whoever they are");
    told(weak.finding(Attack::A11, against, SHAPE, broke));
    Ok(())
}
