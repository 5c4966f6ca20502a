//! A federation of invented partners with its agreement and its membership list, for tests.

use std::fmt::Write;

use crate::model::{Agreement, FederationId, KeyText, Ods, OfficerId, PoolKind, Role};
use crate::pool::{Member, PoolServer, Roster, SignedRoster};
use crate::sign::SigningKey;

pub(in crate::pool) const COORDINATOR: &str = "QZ1";
pub(in crate::pool) const SECOND: &str = "ZZ9";

/// Officers, each with the organisation.
pub(in crate::pool) const OFFICERS: [(&str, &str); 5] =
    [("ann", COORDINATOR), ("abe", COORDINATOR), ("bob", "M1"), ("cat", SECOND), ("dan", "M2")];

pub(in crate::pool) fn ods(code: &str) -> Ods {
    Ods::new(code).expect("an ODS code")
}

/// A sealing key of its own for each number.
pub(in crate::pool) fn seal_key(number: u8) -> KeyText {
    let mut bytes = [number; 32];
    // Below the modulus, as the one spelling of a key is.
    bytes[31] &= 0x3f;
    let body = data_encoding::BASE64URL_NOPAD.encode(&bytes);
    KeyText::new(format!("x25519:{body}")).expect("a key")
}

/// An agreement of so many nodes, called M1, M2 and so on, and its officers' keys.
pub(in crate::pool) struct Federation {
    pub(in crate::pool) agreement: Agreement,
    keys: Vec<SigningKey>,
}

impl Federation {
    pub(in crate::pool) fn new(kind: Option<PoolKind>, nodes: usize) -> Self {
        Self::with(kind, nodes, "")
    }

    /// With further lines of the agreement.
    pub(in crate::pool) fn with(kind: Option<PoolKind>, nodes: usize, lines: &str) -> Self {
        let generate = || SigningKey::generate_ed25519().expect("a key");
        let mut text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"ethnicity\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\nanalysts = []\n{lines}\n"
        );
        let helper = kind.is_none_or(PoolKind::needs_helper);
        if helper {
            text += "helper = \"ZZ9\"\n";
        }
        if let Some(kind) = kind {
            let _ = writeln!(text, "pool = \"{}\"", kind.as_str());
        }
        let party = |text: &mut String, ods: &str, role: Role| {
            let role = role.as_str();
            let (answer, ledger) =
                (generate().verifying_key().to_text(), generate().verifying_key().to_text());
            let _ = writeln!(
                text,
                "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{answer}\"\nledger_key = \"{ledger}\""
            );
        };
        party(&mut text, COORDINATOR, Role::Coordinator);
        if helper {
            party(&mut text, SECOND, Role::Helper);
        }
        for node in 1..=nodes.max(2) {
            party(&mut text, &format!("M{node}"), Role::Node);
        }
        // Nodes of the organisations that run the two servers.
        party(&mut text, COORDINATOR, Role::Node);
        party(&mut text, SECOND, Role::Node);
        let keys: Vec<SigningKey> = OFFICERS.iter().map(|_| generate()).collect();
        for ((id, ods), key) in OFFICERS.iter().zip(&keys) {
            let key = key.verifying_key().to_text();
            let _ = writeln!(text, "[[officers]]\nid = \"{id}\"\nods = \"{ods}\"\nkey = \"{key}\"");
        }
        Self { agreement: Agreement::parse(&text).expect("an agreement"), keys }
    }

    /// The entry of a server, with the agreement's answer key.
    pub(in crate::pool) fn server(&self, role: Role, seal: u8) -> PoolServer {
        let party = self.agreement.parties.iter().find(|p| p.role == role).expect("a party");
        PoolServer {
            ods: party.ods.clone(),
            answer_key: party.answer_key.clone(),
            seal_key: seal_key(seal),
        }
    }

    /// The entry of a node, with the agreement's answer key.
    pub(in crate::pool) fn member(&self, code: &str, since: &str, seal: u8) -> Member {
        let party = self.agreement.party(&ods(code), Role::Node).expect("a party");
        Member {
            ods: party.ods.clone(),
            name: format!("Partner {code}"),
            since: since.parse().expect("a date"),
            answer_key: party.answer_key.clone(),
            seal_key: seal_key(seal),
        }
    }

    /// A list without members.
    pub(in crate::pool) fn empty(&self) -> Roster {
        let helper = self.agreement.second_server().map(|_| self.server(Role::Helper, 251));
        let federation = FederationId::new("icb.example").expect("an id");
        Roster::new(federation, self.server(Role::Coordinator, 250), helper).expect("a list")
    }

    /// A list of M1 and so on, members since the first day of 2026.
    pub(in crate::pool) fn list(&self, members: u8) -> Roster {
        let mut list = self.empty();
        for n in 1..=members {
            list = list.with(self.member(&format!("M{n}"), "2026-01-01", n)).expect("a member");
        }
        list
    }

    /// The list with the signatures of these officers.
    pub(in crate::pool) fn signed(&self, list: Roster, officers: &[&str]) -> SignedRoster {
        let mut signed = SignedRoster::unsigned(list).expect("a list");
        for id in officers {
            let id = OfficerId::new(*id).expect("an id");
            let place = self.agreement.officers.iter().position(|o| o.id == id).expect("known");
            let officer = &self.agreement.officers[place];
            signed = signed.sign(officer, &self.keys[place]).expect("signed");
        }
        signed
    }

    pub(in crate::pool) fn key_of(&self, place: usize) -> &SigningKey {
        &self.keys[place]
    }
}
