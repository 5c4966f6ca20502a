//! Tests of the membership list: every refusal, and the rules against an oracle that is written in another way.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::fixture::{COORDINATOR, Federation, OFFICERS, SECOND, ods, seal_key};
use super::*;
use crate::model::{Period, Role};

fn deposit() -> Federation {
    Federation::new(Some(PoolKind::Deposit), 12)
}

fn period() -> Period {
    "2026-10".parse().expect("a period")
}

fn codes(numbers: impl IntoIterator<Item = usize>) -> Vec<Ods> {
    numbers.into_iter().map(|n| ods(&format!("M{n}"))).collect()
}

fn verified(federation: &Federation, list: Roster) -> VerifiedRoster {
    federation.signed(list, &["ann", "bob"]).verify(&federation.agreement).expect("it holds")
}

#[test]
fn a_list_that_two_organisations_have_signed_holds() {
    let federation = deposit();
    let signed = federation.signed(federation.list(5), &["ann", "bob"]);
    let list = signed.verify(&federation.agreement).expect("it holds");
    assert_eq!(list.hash(), Digest::of(&signed.roster().bytes().expect("bytes")));
    assert_eq!(list.kind(), PoolKind::Deposit);
    let signers: Vec<String> =
        list.signers().iter().map(|s| format!("{} {}", s.officer, s.ods)).collect();
    assert_eq!(signers, ["ann QZ1", "bob M1"]);
    // As a file it is the same list with the same signatures.
    let text = signed.to_text().expect("a text");
    assert!(text.contains("\"format\": \"evensum-roster-1\""), "{text}");
    assert_eq!(SignedRoster::parse(&text).expect("a list"), signed);
    for kind in [PoolKind::Noisy, PoolKind::Masks, PoolKind::TrustedSum] {
        let federation = Federation::new(Some(kind), 4);
        assert_eq!(verified(&federation, federation.list(4)).kind(), kind);
    }
}

#[test]
fn signatures_that_do_not_count_are_not_counted() {
    let federation = deposit();
    let list = federation.list(4);
    for (officers, organisations) in [(&[][..], 0), (&["ann"], 1), (&["ann", "abe"], 1)] {
        let refused = federation.signed(list.clone(), officers).verify(&federation.agreement);
        let refused = refused.expect_err("too few");
        assert!(
            matches!(refused, RosterError::Unsigned { organisations: n, .. } if n == organisations),
            "{officers:?}: {refused}"
        );
    }
    // Two signatures of one officer are one.
    assert_eq!(federation.signed(list.clone(), &["ann", "ann"]).signatures().len(), 1);
    // An officer of another agreement, or with a key that the agreement no longer lists, is nobody here.
    let other = deposit();
    let refused = federation.signed(list.clone(), &["ann", "bob"]).verify(&other.agreement);
    assert!(matches!(refused, Err(RosterError::Unsigned { organisations: 0, .. })));
    let mut moved = federation.signed(list, &["ann", "abe"]);
    moved.signatures[1].ods = ods("M1");
    let refused = moved.verify(&federation.agreement);
    assert!(matches!(refused, Err(RosterError::Unsigned { organisations: 1, .. })));
}

/// A list of these partners.
fn listing(federation: &Federation, codes: &[&str]) -> Roster {
    let add = |list: Roster, (n, code): (u8, &&str)| {
        list.with(federation.member(code, "2026-01-01", n)).expect("a member")
    };
    (1..).zip(codes).fold(federation.empty(), add)
}

#[test]
fn a_member_that_runs_neither_server_has_to_sign() {
    let federation = deposit();
    let four = ["M1", "M2", "M3", "M4"];
    let without_one = ["M2", "M3", "M4", "M5"];
    // The servers' organisations as members, which hide nobody.
    let with_both = ["M1", "M2", "M3", "M4", COORDINATOR, SECOND];
    let verdict = |codes: &[&str], officers: &[&str]| {
        let signed = federation.signed(listing(&federation, codes), officers);
        match signed.verify(&federation.agreement) {
            Ok(list) => format!("{} sign", list.signers().len()),
            Err(RosterError::Unsigned { organisations, .. }) => format!("{organisations} only"),
            Err(RosterError::ServersAlone { .. }) => "servers".to_owned(),
            Err(other) => panic!("{other}"),
        }
    };
    for (codes, officers, wanted) in [
        (&four[..], &[][..], "0 only"),
        (&four, &["bob"], "1 only"),
        (&four, &["ann", "abe"], "1 only"),
        (&four, &["ann", "cat"], "servers"),
        (&four, &["ann", "abe", "cat"], "servers"),
        (&four, &["ann", "bob"], "2 sign"),
        (&four, &["cat", "bob"], "2 sign"),
        (&four, &["bob", "dan"], "2 sign"),
        (&four, &["ann", "cat", "bob"], "3 sign"),
        (&with_both, &["ann", "cat"], "servers"),
        (&with_both, &["cat", "dan"], "2 sign"),
        // Whose organisation is on no list shares nothing.
        (&without_one, &["ann", "bob"], "servers"),
        (&without_one, &["ann", "bob", "cat"], "servers"),
        (&without_one, &["bob", "dan"], "2 sign"),
    ] {
        assert_eq!(verdict(codes, officers), wanted, "{codes:?} {officers:?}");
    }
    let refused = federation.signed(federation.list(4), &["ann", "cat"]);
    let said = refused.verify(&federation.agreement).expect_err("refused").to_string();
    assert!(
        said.contains("needs a signature of an officer of a member other than QZ1 and ZZ9"),
        "{said}"
    );
    assert!(said.contains("evensum roster sign"), "{said}");
    // Without a second server its organisation is a partner as any other.
    let masks = Federation::new(Some(PoolKind::Masks), 4);
    for (codes, holds) in [(&with_both[..], true), (&four, false)] {
        let signed = masks.signed(listing(&masks, codes), &["ann", "cat"]);
        assert_eq!(signed.verify(&masks.agreement).is_ok(), holds, "{codes:?}");
    }
}

/// A federation of each kind of sum.
static EACH: LazyLock<[Federation; 4]> = LazyLock::new(|| {
    [PoolKind::Deposit, PoolKind::Noisy, PoolKind::Masks, PoolKind::TrustedSum]
        .map(|kind| Federation::new(Some(kind), 6))
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn who_signed_decides_and_the_servers_alone_never_do(
        kind in 0_usize..4, members in 0_u8..=255, officers in 0_u8..32,
    ) {
        const NODES: [&str; 8] = ["M1", "M2", "M3", "M4", "M5", "M6", COORDINATOR, SECOND];
        let federation = &EACH[kind];
        let of = |all: &[&'static str], bits: u8| -> Vec<&'static str> {
            let each = all.iter().enumerate();
            each.filter(|(n, _)| bits >> n & 1 == 1).map(|(_, one)| *one).collect()
        };
        let members = of(&NODES, members);
        let officers = of(&OFFICERS.map(|(id, _)| id), officers);
        let signed = federation.signed(listing(federation, &members), &officers);
        let verified = signed.verify(&federation.agreement);
        // In sets, as the rule is written down.
        let servers: &[&str] = if kind == 2 { &[COORDINATOR] } else { &[COORDINATOR, SECOND] };
        let homes: std::collections::HashSet<&str> = OFFICERS
            .iter()
            .filter(|(id, _)| officers.contains(id))
            .map(|(_, home)| *home)
            .collect();
        if homes.iter().all(|home| servers.contains(home)) {
            prop_assert!(verified.is_err(), "{officers:?}");
        }
        let shares = |home: &&str| members.contains(home) && !servers.contains(home);
        let enough = members.iter().filter(|one| !servers.contains(one)).count();
        let least = if kind == 3 { 2 } else { 4 };
        let holds = homes.len() >= 2 && homes.iter().any(shares) && enough >= least;
        prop_assert_eq!(verified.is_ok(), holds, "{:?} sign for {:?}", officers, members);
    }
}

#[test]
fn a_list_that_was_changed_after_it_was_signed_is_refused() {
    let federation = deposit();
    let signed = federation.signed(federation.list(5), &["ann", "bob"]);
    let text = signed.to_text().expect("a text");
    for (from, to) in [
        ("\"serial\": 6", "\"serial\": 7"),
        ("2026-01-01", "2020-01-01"),
        ("Partner M3", "Partner X3"),
        (seal_key(251).as_str(), seal_key(99).as_str()),
    ] {
        assert!(text.contains(from), "{from}");
        let forged = SignedRoster::parse(&text.replacen(from, to, 1)).expect("a list");
        let refused = forged.verify(&federation.agreement);
        assert!(matches!(&refused, Err(RosterError::Signature(_))), "{from}: {refused:?}");
    }
    let mut damaged = signed.clone();
    damaged.signatures[0].signature = "AAAA".to_owned();
    let refused = damaged.verify(&federation.agreement);
    assert!(matches!(refused, Err(RosterError::Signature(id)) if id.as_str() == "ann"));
    // A signature over the bare bytes, without the type of the document, is none.
    let mut bare = signed;
    let over = federation.key_of(0).sign(&bare.bytes).expect("signed");
    bare.signatures[0].signature = data_encoding::BASE64.encode(&over);
    assert!(matches!(bare.verify(&federation.agreement), Err(RosterError::Signature(_))));
}

#[test]
fn only_an_officer_signs_and_with_the_own_key() {
    let federation = deposit();
    let unsigned = SignedRoster::unsigned(federation.list(4)).expect("a list");
    let refused = unsigned.sign(&federation.agreement.officers[0], federation.key_of(2));
    assert!(matches!(refused, Err(RosterError::OfficerKey(id)) if id.as_str() == "ann"));
}

/// The file form of a good list with one text replaced by another.
fn reading(federation: &Federation, from: &str, to: &str) -> Result<SignedRoster, RosterError> {
    let unsigned = SignedRoster::unsigned(federation.list(4)).expect("a list");
    let text = unsigned.to_text().expect("a text");
    assert!(text.contains(from), "{from}");
    SignedRoster::parse(&text.replacen(from, to, 1))
}

#[test]
fn what_is_no_list_is_refused() {
    let federation = deposit();
    let says = |from: &str, to: &str| reading(&federation, from, to).expect_err(to).to_string();
    for (from, to, why) in [
        ("evensum-roster-1", "evensum-roster-2", "unknown variant"),
        ("\"serial\": 5", "\"serial\": 0", "has no number"),
        ("\"serial\": 5", "\"serial\": 5, \"extra\": 1", "unknown field"),
        ("\"serial\": 5", "\"serial\": 5, \"serial\": 5", "duplicate field"),
        ("\"M2\"", "\"M1\"", "names M1 twice"),
        ("\"M2\"", "\"m2\"", "not an ODS code"),
        ("Partner M2", " ", "the name of M2"),
        ("Partner M2", "a\\u0007b", "the name of M2"),
        ("2026-01-01", "1 January", "not a date"),
        ("\"ods\": \"ZZ9\"", "\"ods\": \"QZ1\"", "QZ1 is the coordinator and the second server"),
        (seal_key(2).as_str(), seal_key(1).as_str(), "M1 and M2 have the same key"),
        (seal_key(2).as_str(), seal_key(251).as_str(), "M2 and ZZ9 have the same key"),
        (seal_key(250).as_str(), seal_key(251).as_str(), "QZ1 and ZZ9 have the same key"),
        (seal_key(2).as_str(), "x25519:AAAA", "the sealing key of M2"),
        (
            seal_key(2).as_str(),
            &seal_key(2).as_str().replace("x25519", "ed25519"),
            "the sealing key of M2",
        ),
    ] {
        let said = says(from, to);
        assert!(said.contains(why), "{to}: {said}");
    }
    let member = federation.member("M2", "2026-01-01", 2);
    let one = federation.member("M1", "2026-01-01", 1);
    let same = Member { answer_key: one.answer_key.clone(), ..member.clone() };
    let refused = federation.list(1).with(same);
    assert!(matches!(refused, Err(RosterError::SameKey(..))), "{refused:?}");
    let other = Member { answer_key: seal_key(77), ..member };
    let refused = federation.list(1).with(other);
    assert!(
        matches!(refused, Err(RosterError::AnswerKey(ref o)) if *o == ods("M2")),
        "{refused:?}"
    );
    let refused = federation.list(3).without(&ods("M9"));
    assert!(matches!(refused, Err(RosterError::Stranger(_))));
    assert!(matches!(
        SignedRoster::parse(&" ".repeat(MAX_LIST_BYTES + 1)),
        Err(RosterError::TooLong)
    ));
    assert!(SignedRoster::parse("").is_err());
}

#[test]
fn there_are_limits() {
    let federation = deposit();
    let mut parts = federation.list(1).0;
    let one = parts.members[0].clone();
    let many = (0..=MAX_NODES).map(|n| Member { ods: ods(&format!("N{n}")), ..one.clone() });
    parts.members = many.collect();
    assert!(matches!(Roster::checked(parts), Err(RosterError::TooMany)));
    let mut signed = federation.signed(federation.list(4), &["ann"]);
    let one = signed.signatures[0].clone();
    signed.signatures = (0..=MAX_SIGNATURES)
        .map(|n| RosterSignature {
            officer: OfficerId::new(format!("o{n}")).expect("an id"),
            ..one.clone()
        })
        .collect();
    let text = signed.to_text().expect("a text");
    assert!(matches!(SignedRoster::parse(&text), Err(RosterError::TooManySignatures)));
    signed.signatures.truncate(MAX_SIGNATURES);
    assert!(SignedRoster::parse(&signed.to_text().expect("a text")).is_ok());
    let refused = signed.sign(&federation.agreement.officers[0], federation.key_of(0));
    assert!(matches!(refused, Err(RosterError::TooManySignatures)));
}

#[test]
fn what_the_agreement_does_not_allow_is_refused() {
    let federation = deposit();
    let agreement = &federation.agreement;
    let refusal = |list: Roster| {
        let signed = federation.signed(list, &["ann", "bob"]);
        signed.verify(agreement).map(|_| ()).expect_err("refused").to_string()
    };
    let four = || federation.list(4);
    // A sybil: an organisation that the agreement does not know, and one that only runs a server.
    let stranger = Member { ods: ods("X1"), ..federation.member("M5", "2026-01-01", 5) };
    assert!(
        refusal(four().with(stranger).expect("a list")).contains("X1 is on the membership list")
    );
    let mut key = federation.member("M4", "2026-01-01", 4);
    key.answer_key = federation.member("M7", "2026-01-01", 7).answer_key;
    assert!(refusal(four().with(key).expect("a list")).contains("answer key of M4"));
    // Three partners, and those of the two servers' organisations, who hide nobody.
    let servers = ["M1", "M2", "M3", COORDINATOR, SECOND];
    let mut list = federation.empty();
    for (n, code) in (1..).zip(servers) {
        list = list.with(federation.member(code, "2026-01-01", n)).expect("a member");
    }
    assert!(refusal(list.clone()).contains("3 partners count towards the sum, and it takes 4"));
    let list = list.with(federation.member("M4", "2026-01-01", 4 + 5)).expect("a member");
    assert!(federation.signed(list, &["ann", "bob"]).verify(agreement).is_ok());
    // Servers.
    let with = |edit: fn(&mut Parts)| {
        let mut parts = four().0;
        edit(&mut parts);
        Roster::checked(parts).expect("a list")
    };
    assert!(refusal(with(|p| p.coordinator.ods = ods("M9"))).contains("coordinator"));
    assert!(
        refusal(with(|p| std::mem::swap(
            &mut p.coordinator.answer_key,
            &mut p.members[0].answer_key
        )))
        .contains("coordinator")
    );
    assert!(refusal(with(|p| p.helper = None)).contains("second server"));
    assert!(
        refusal(with(|p| {
            if let Some(helper) = &mut p.helper {
                helper.ods = ods("M9");
            }
        }))
        .contains("second server")
    );
    let other = |p: &mut Parts| p.federation = FederationId::new("other.example").expect("an id");
    assert!(refusal(with(other)).contains("federation other.example"));
}

#[test]
fn a_list_is_for_the_kind_of_sum_that_the_agreement_has() {
    let federation = deposit();
    let mut agreement = federation.agreement.clone();
    let signed = federation.signed(federation.list(4), &["ann", "bob"]);
    agreement.pool = None;
    assert!(matches!(signed.verify(&agreement), Err(RosterError::NoPool)));
    (agreement.pool, agreement.helper) = (Some(PoolKind::Masks), None);
    assert!(matches!(signed.verify(&agreement), Err(RosterError::Server("second server"))));
    // Without a second server the list is one of masks alone.
    let masks = Federation::new(Some(PoolKind::Masks), 4);
    let signed = masks.signed(masks.list(4), &["ann", "bob"]);
    let mut agreement = masks.agreement.clone();
    assert!(signed.verify(&agreement).is_ok());
    agreement.pool = Some(PoolKind::Deposit);
    assert!(matches!(signed.verify(&agreement), Err(RosterError::Server("second server"))));
    // A processor that is trusted adds up two.
    for (members, holds) in [(1, false), (2, true), (3, true)] {
        let trusted = Federation::new(Some(PoolKind::TrustedSum), 4);
        let signed = trusted.signed(trusted.list(members), &["ann", "bob"]);
        assert_eq!(signed.verify(&trusted.agreement).is_ok(), holds, "{members}");
    }
}

#[test]
fn who_joined_within_the_period_is_not_established() {
    let federation = deposit();
    let mut list = federation.list(3);
    for (n, since) in [(4, "2026-09-30"), (5, "2026-10-01"), (6, "2026-10-02")] {
        list = list.with(federation.member(&format!("M{n}"), since, n)).expect("a member");
    }
    let list = verified(&federation, list);
    for (code, established) in
        [("M1", true), ("M4", true), ("M5", false), ("M6", false), ("M7", false)]
    {
        assert_eq!(list.established(&ods(code), period()), established, "{code}");
    }
    let later: Period = "2026-11".parse().expect("a period");
    assert!(list.established(&ods("M6"), later));
    // Newcomers do not make up the number.
    let too_few = |counted| Err(MembershipError::TooFew(TooFew { counted, needed: 4 }));
    assert_eq!(list.enough(&codes([1, 2, 3, 5, 6]), period()), too_few(3));
    assert_eq!(list.enough(&codes([1, 2, 3, 5, 6]), later), Ok(()));
    assert_eq!(list.enough(&codes([1, 2, 3, 4, 5, 6]), period()), Ok(()));
}

#[test]
fn partners_that_run_a_server_do_not_make_up_the_number() {
    let federation = deposit();
    let mut list = federation.list(4);
    for (n, code) in [(20, COORDINATOR), (21, SECOND)] {
        list = list.with(federation.member(code, "2026-01-01", n)).expect("a member");
    }
    let list = verified(&federation, list);
    let three = || [codes([1, 2, 3]), vec![ods(COORDINATOR), ods(SECOND)]].concat();
    let refused = list.enough(&three(), period());
    assert_eq!(refused, Err(MembershipError::TooFew(TooFew { counted: 3, needed: 4 })));
    assert_eq!(list.enough(&[three(), codes([4])].concat(), period()), Ok(()));
    let strange = list.enough(&codes([1, 2, 3, 4, 5]), period());
    assert_eq!(strange, Err(MembershipError::Stranger(ods("M5"))));
    let twice = list.enough(&codes([1, 2, 3, 3]), period());
    assert_eq!(twice, Err(MembershipError::Twice(ods("M3"))));
}

#[test]
fn a_sum_closes_with_enough_of_those_with_whom_it_was_begun() {
    let federation = Federation::new(Some(PoolKind::Deposit), 30);
    let list = verified(&federation, federation.list(30));
    for bound in 4..=30_usize {
        for arrived in 0..=bound {
            let closes = list.may_close(&codes(1..=bound), &codes(1..=arrived), period());
            // In percentages, as the rule is written down.
            let missing = bound - arrived;
            let few_missing = if bound < 8 { missing <= 1 } else { missing * 100 <= 20 * bound };
            assert_eq!(closes.is_ok(), arrived >= 4 && few_missing, "{arrived} of {bound}");
            if let Ok(closing) = closes {
                assert_eq!((closing.arrived().len(), closing.missing().len()), (arrived, missing));
            }
        }
    }
    let closing = list.may_close(&codes([5, 1, 2, 3, 4]), &codes([4, 2, 5, 1]), period());
    let closing = closing.expect("it closes");
    assert_eq!(closing.arrived(), codes([1, 2, 4, 5]));
    assert_eq!(closing.missing(), codes([3]));
    let other = list.may_close(&codes(1..=5), &codes([1, 2, 3, 4, 6]), period());
    assert_eq!(other, Err(MembershipError::NotBound(ods("M6"))));
    let missing = list.may_close(&codes(1..=7), &codes(1..=5), period()).expect_err("two");
    assert_eq!(
        missing.to_string(),
        "2 of 7 partners have sent nothing, and at most 1 may be missing: M6, M7"
    );
}

#[test]
fn with_masks_nobody_may_be_missing() {
    let federation = Federation::new(Some(PoolKind::Masks), 20);
    let list = verified(&federation, federation.list(20));
    assert!(list.may_close(&codes(1..=20), &codes(1..=20), period()).is_ok());
    assert!(list.may_close(&codes(1..=20), &codes(1..=19), period()).is_err());
}

#[test]
fn changes_are_told_in_words() {
    let federation = deposit();
    let before = federation.list(5);
    assert_eq!(before.since(&before).expect("the same").len(), 0);
    let mut member = federation.member("M2", "2025-12-01", 42);
    member.name = "New name".to_owned();
    let after = before.clone().without(&ods("M5")).expect("off").with(member).expect("changed");
    let mut parts = after.with(federation.member("M6", "2026-03-01", 6)).expect("added").0;
    parts.members[0].answer_key = federation.member("M12", "2026-01-01", 12).answer_key;
    parts.coordinator = federation.server(Role::Coordinator, 240);
    parts.helper = None;
    let after = Roster::checked(parts).expect("a list");
    let words: Vec<String> =
        after.since(&before).expect("newer").iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "M1 signs its answers with another key",
            "M2 is now called New name",
            "M2 is now a member since 2025-12-01, and was one since 2026-01-01",
            "M2 has another sealing key",
            "M6 (Partner M6) was added, a member since 2026-03-01",
            "M5 (Partner M5) was taken off",
            "the coordinator has another sealing key",
            "the independent second server is now run by nobody, and was by ZZ9",
        ]
    );
    // An older list, or another of the same number, does not replace it.
    assert!(matches!(before.since(&after), Err(RosterError::Stale { before: 9, after: 6 })));
    let mut parts = after.0.clone();
    parts.members[0].name = "Another".to_owned();
    let other = Roster::checked(parts).expect("a list");
    assert!(matches!(other.since(&after), Err(RosterError::Stale { .. })));
    let mut parts = after.0.clone();
    parts.federation = FederationId::new("other.example").expect("an id");
    let other = Roster::checked(parts).expect("a list");
    assert!(matches!(other.since(&before), Err(RosterError::Federation { .. })));
}

#[test]
fn the_order_in_which_members_come_makes_no_other_list() {
    let federation = deposit();
    let one = federation.list(3);
    let mut parts = one.0.clone();
    parts.members.reverse();
    let other = Roster::checked(parts).expect("a list");
    assert_eq!(one.hash().expect("a hash"), other.hash().expect("a hash"));
}
