//! Attacks on the blind sum itself: who is added up, what passes the servers, and marks of different people. No
//! disclosure profile has a part in them; they are tried on the way of adding up.

mod marks;
mod sybils;
mod tampers;
mod views;

pub(super) use marks::numbers_tried;
pub(super) use sybils::isolated;
pub(super) use views::transcripts;

use std::fmt::Write as _;

use prio::codec::Decode;
use prio::field::{Field128, FieldElement};

use super::AdversaryError;
use super::records::needs;
use crate::model::{Agreement, Digest, KeyText, Ods, Role as PartyRole, SnapshotVersion};
use crate::pool::{
    Aggregator, Context, DepositId, OutputShare, PoolError, Role, Shared, SumOfShares, VectorSpec,
    VerifyKey, join, open, share,
};
use crate::sign::SigningKey;

/// How findings name the two-server sum, and the sum without a second server.
const DEPOSIT: &str = "pool = \"deposit\"";
const MASKS: &str = "pool = \"masks\"";

/// The coordinator, and the second server.
const COORDINATOR: &str = "QZ1";
const SECOND: &str = "ZZ9";

fn ods(code: &str) -> Result<Ods, AdversaryError> {
    needs(Ods::new(code), "a partner")
}

fn key() -> Result<SigningKey, AdversaryError> {
    needs(SigningKey::generate_ed25519(), "a key")
}

/// An agreement with a two-server sum, and the keys of its parties and its officers.
struct Federation {
    agreement: Agreement,
    answers: Vec<(Ods, SigningKey)>,
    officers: Vec<SigningKey>,
}

/// Officers: two of the coordinator's organisation, and one of the second server's. Behind them stands one of the first
/// partner.
const OFFICERS: [(&str, &str); 3] = [("ann", COORDINATOR), ("abe", COORDINATOR), ("cat", SECOND)];

impl Federation {
    fn new(nodes: &[&str], lines: &str) -> Result<Self, AdversaryError> {
        let mut text = format!(
            "id = \"adversary\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\n\
             from = \"2026-01-01\"\nuntil = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = [\"13sa\"]\n\
             indicators = [\"rtt_over_18_weeks\", \"rtt_over_52_weeks\"]\n\
             dimensions = [\"ethnicity\", \"imd\", \"age\", \"sex\", \"provider\"]\nmax_dimensions = 2\n\
             profile = \"nhs75m\"\nanalysts = []\nhelper = \"{SECOND}\"\npool = \"deposit\"\n{lines}\n",
        );
        let (mut answers, mut officers) = (Vec::new(), Vec::new());
        let beside = nodes.first().map(|code| ("dot", *code));
        let servers = [(COORDINATOR, PartyRole::Coordinator), (SECOND, PartyRole::Helper)];
        let nodes = nodes.iter().map(|code| (*code, PartyRole::Node));
        for (code, role) in servers.into_iter().chain(nodes) {
            let own = key()?;
            let (answer, log) = (own.verifying_key().to_text(), key()?.verifying_key().to_text());
            let role_is = role.as_str();
            let _ = writeln!(
                text,
                "[[parties]]\nods = \"{code}\"\nrole = \"{role_is}\"\nanswer_key = \"{answer}\"\nledger_key = \"{log}\""
            );
            answers.push((ods(code)?, own));
        }
        for (id, of) in OFFICERS.into_iter().chain(beside) {
            let own = key()?;
            let public = own.verifying_key().to_text();
            let _ =
                writeln!(text, "[[officers]]\nid = \"{id}\"\nods = \"{of}\"\nkey = \"{public}\"");
            officers.push(own);
        }
        let agreement = needs(Agreement::parse(&text), "an agreement")?;
        Ok(Self { agreement, answers, officers })
    }

    /// The key of a party, of two of one organisation that of its node.
    fn key_of(&self, code: &Ods) -> Option<&SigningKey> {
        self.answers.iter().rev().find(|(own, _)| own == code).map(|(_, key)| key)
    }

    /// The answer key that the agreement lists for a party.
    fn listed(&self, code: &str, role: PartyRole) -> Result<KeyText, AdversaryError> {
        let party = self.agreement.party(&ods(code)?, role);
        Ok(party.ok_or(AdversaryError::Needs("a party"))?.answer_key.clone())
    }
}

/// What a vector of an invented round is bound to.
fn vector(lock: &[u8], number: u32) -> DepositId {
    let members = Digest::of(b"members");
    DepositId::new(&Digest::of(lock), SnapshotVersion::Final, &members, number)
}

/// The two servers.
struct Servers {
    leader: Aggregator,
    helper: Aggregator,
}

/// What the servers tell each other about a contribution, and what is left to each.
struct Passed {
    first: Vec<u8>,
    second: Vec<u8>,
    message: Vec<u8>,
    leader: OutputShare,
    helper: OutputShare,
}

impl Servers {
    fn new() -> Result<Self, PoolError> {
        let key = VerifyKey::generate()?;
        Ok(Self { leader: Aggregator::leader(key.clone()), helper: Aggregator::helper(key) })
    }

    /// Both check two parts. `on_the_way` may change what they tell each other: the coordinator's share of the check,
    /// the second server's, and the message that is made of both.
    fn check(
        &self,
        context: &Context,
        spec: VectorSpec,
        (leader, helper): (&[u8], &[u8]),
        mut on_the_way: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<Passed, PoolError> {
        let (one, mut first) = self.leader.begin(context, spec, leader)?;
        let (other, mut second) = self.helper.begin(context, spec, helper)?;
        on_the_way(0, &mut first);
        on_the_way(1, &mut second);
        let mut message = join(context, spec, &first, &second)?;
        on_the_way(2, &mut message);
        let (leader, helper) = (one.finish(&message)?, other.finish(&message)?);
        Ok(Passed { first, second, message, leader, helper })
    }

    /// A partner's figures, cut in two and checked.
    fn contribution(
        &self,
        context: &Context,
        spec: VectorSpec,
        values: &[u64],
    ) -> Result<(Shared, Passed), PoolError> {
        let shared = share(context, spec, values)?;
        let passed = self.check(context, spec, (shared.leader(), shared.helper()), |_, _| ())?;
        Ok((shared, passed))
    }
}

/// The last numbers of a byte string of shares, as whoever has the bytes reads them.
fn numbers(bytes: &[u8], count: usize) -> Result<Vec<Field128>, AdversaryError> {
    const NEEDS: AdversaryError = AdversaryError::Needs("shares that can be read");
    let length = count * Field128::ENCODED_SIZE;
    let from = bytes.len().checked_sub(length).ok_or(NEEDS)?;
    let each = bytes[from..].chunks_exact(Field128::ENCODED_SIZE);
    each.map(|one| Field128::get_decoded(one).map_err(|_| NEEDS)).collect()
}

/// Both servers' shares of all totals of a vector: the coordinator's own, and that which it is sent. They must belong
/// together.
fn halves(
    leader: &SumOfShares,
    helper: &SumOfShares,
) -> Result<[Vec<Field128>; 2], AdversaryError> {
    let all: Vec<u32> = (0..leader.spec().len()).collect();
    let (own, sent) = (leader.select(&all)?, helper.select(&all)?);
    open(&own, &sent)?;
    Ok([numbers(&own.to_bytes()?, all.len())?, numbers(&sent.to_bytes()?, all.len())?])
}

/// The totals, which the coordinator can work out by itself from both shares.
fn totals([own, sent]: &[Vec<Field128>; 2]) -> Vec<u64> {
    let sum = |(one, other): (&Field128, &Field128)| u128::from(*one + *other);
    own.iter().zip(sent).map(|both| u64::try_from(sum(both)).unwrap_or(u64::MAX)).collect()
}

/// Sums of no contribution yet.
fn sums(deposit: DepositId, spec: VectorSpec) -> [SumOfShares; 2] {
    [Role::Leader, Role::Helper].map(|role| SumOfShares::empty(role, deposit, spec))
}
