//! Tests of what an agreement says of the pooled view.

use super::*;

/// A key of its own for each number.
fn key(number: u8) -> String {
    format!("ed25519:{}", data_encoding::BASE64URL_NOPAD.encode(&[number; 32]))
}

fn text(lines: &str, more: &str) -> String {
    let party = |ods: &str, role: &str, keys: u8| {
        let (answer, ledger) = (key(keys), key(keys + 1));
        format!(
            "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{answer}\"\nledger_key = \"{ledger}\"\n"
        )
    };
    format!(
        "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
         purposes = [\"planning\"]\nindicators = [\"rtt_over_52_weeks\"]\ndimensions = [\"ethnicity\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\n\
         analysts = []\n{lines}\n{}{}{more}",
        party("QZ1", "coordinator", 1),
        party("ZZ1", "node", 3),
    )
}

fn helper(ods: &str) -> String {
    let (answer, ledger) = (key(5), key(6));
    format!(
        "[[parties]]\nods = \"{ods}\"\nrole = \"helper\"\nanswer_key = \"{answer}\"\nledger_key = \"{ledger}\"\n"
    )
}

fn officer(id: &str, ods: &str, key: &str) -> String {
    format!("[[officers]]\nid = \"{id}\"\nods = \"{ods}\"\nkey = \"{key}\"\n")
}

fn two() -> String {
    officer("ann", "QZ1", &key(20)) + &officer("bob", "ZZ1", &key(21))
}

/// What the agreement says of itself, or nothing.
fn refusal(lines: &str, more: &str) -> Option<String> {
    Agreement::parse(&text(lines, more)).err().map(|e| e.to_string())
}

#[test]
fn an_agreement_of_before_keeps_its_hash() {
    let old = Agreement::parse(&text("", "")).expect("an agreement");
    // The canonical form as a program of before wrote it, by another's hand.
    let party = |ods: &str, role: &str, keys: u8| {
        format!(
            r#"{{"answer_key":"{}","ledger_key":"{}","ods":"{ods}","role":"{role}"}}"#,
            key(keys),
            key(keys + 1)
        )
    };
    let form = format!(
        r#"{{"analysts":[],"asker_runs_coordinator":false,"dimensions":["ethnicity"],"federation":"icb.example","from":"2026-01-01","id":"dsa","indicators":["rtt_over_52_weeks"],"max_dimensions":2,"packs":[],"parties":[{},{}],"profile":"nhs75m","purposes":["planning"],"residence_scope":["QZ1"],"show_partners":false,"until":"2027-12-31","version":1}}"#,
        party("QZ1", "coordinator", 1),
        party("ZZ1", "node", 3)
    );
    assert_eq!(old.hash().expect("a hash"), Digest::of(form.as_bytes()));
}

#[test]
fn handling_is_internal_unless_the_agreement_says_otherwise() {
    let of = |line: &str| Agreement::parse(&text(line, "")).expect("an agreement");
    let hash = |line: &str| of(line).hash().expect("a hash");
    assert_eq!(of("").handling, Handling::Internal);
    assert_eq!(of("handling = \"publishable\"").handling, Handling::Publishable);
    // Said or not, it is the same agreement; another rule makes another agreement.
    assert_eq!(hash("handling = \"internal\""), hash(""));
    assert_ne!(hash("handling = \"publishable\""), hash(""));
    let refused = refusal("handling = \"public\"", "").expect("refused");
    assert!(refused.contains("publishable"), "{refused}");
    for kind in [Handling::Internal, Handling::Publishable] {
        assert_eq!(of(&format!("handling = \"{}\"", kind.as_str())).handling, kind);
    }
}

const LINKED: &str = "helper = \"ZZ9\"\npool = \"deposit\"\ndistinct_people = true\nlink_check = \"0000000000000000000000000000000000000000000000000000000000000000\"";

#[test]
fn each_line_of_the_pooled_view_changes_the_hash() {
    let mut seen = std::collections::BTreeSet::new();
    let second = format!("{}{}", helper("ZZ9"), two());
    for (lines, more) in [
        ("", ""),
        ("helper = \"ZZ9\"\npool = \"deposit\"", second.as_str()),
        ("helper = \"ZZ9\"\npool = \"noisy\"", &second),
        ("helper = \"ZZ9\"\npool = \"trusted_sum\"", &second),
        ("pool = \"masks\"", &two()),
        ("pool = \"masks\"\npool_after_publish = true", &two()),
        (LINKED, &second),
        ("", &two()),
    ] {
        let parsed =
            Agreement::parse(&text(lines, more)).unwrap_or_else(|e| panic!("{lines}: {e}"));
        assert!(seen.insert(parsed.hash().expect("a hash").to_string()), "{lines}");
    }
}

/// Whoever adds up figures that were changed at random has no keys to change them by once more.
#[test]
fn figures_that_partners_change_are_rounded_in_the_total() {
    let noisy = text("helper = \"ZZ9\"\npool = \"noisy\"", &format!("{}{}", helper("ZZ9"), two()));
    for (profile, holds) in
        [("nhs75m", true), ("nhs75", true), ("ons105m", true), ("ckm", false), ("exact_cs", false)]
    {
        let parsed = Agreement::parse(&noisy.replace("nhs75m", profile));
        assert_eq!(parsed.is_ok(), holds, "{profile}");
        let said = parsed.err().map_or_else(String::new, |error| error.to_string());
        assert!(holds || said.contains("a profile that rounds"), "{said}");
    }
}

#[test]
fn what_contradicts_itself_is_refused_in_words() {
    let deposit = "helper = \"ZZ9\"\npool = \"deposit\"";
    let masks = "pool = \"masks\"";
    let second = helper("ZZ9");
    let with = |more: &str| format!("{second}{more}");
    for (lines, more, why) in [
        ("pool = \"guess\"", two(), "unknown variant"),
        ("pool = \"deposit\"", with(&two()), "name its organisation as 'helper'"),
        ("pool = \"noisy\"", with(&two()), "name its organisation as 'helper'"),
        ("pool = \"trusted_sum\"", with(&two()), "name its organisation as 'helper'"),
        (deposit, two(), "no party with the role 'helper'"),
        ("helper = \"ZZ8\"\npool = \"noisy\"", with(&two()), "no party with the role 'helper'"),
        (
            "helper = \"QZ1\"\npool = \"deposit\"",
            helper("QZ1") + &two(),
            "coordinator's organisation",
        ),
        (
            "helper = \"QZ1\"\npool = \"trusted_sum\"",
            helper("QZ1") + &two(),
            "coordinator's organisation",
        ),
        ("helper = \"ZZ9\"\npool = \"masks\"", with(&two()), "works without a second server"),
        (masks, with(&two()), "works without a second server"),
        ("pool_after_publish = true", String::new(), "'pool_after_publish' needs 'pool'"),
        ("distinct_people = true", String::new(), "'distinct_people' needs 'pool'"),
        (
            &format!("{deposit}\ndistinct_people = true").replace("deposit", "noisy"),
            with(&two()),
            "must be exact",
        ),
        (
            &format!("{deposit}\ndistinct_people = true").replace("deposit", "trusted_sum"),
            with(&two()),
            "read by nobody",
        ),
        ("pool = \"masks\"\ndistinct_people = true", two(), "read by nobody"),
        (&format!("{deposit}\ndistinct_people = true"), with(&two()), "needs 'link_check'"),
        (
            &format!("{deposit}\nasker_runs_coordinator = true").replace("deposit", "trusted_sum"),
            with(&two()),
            "read by nobody who asks",
        ),
        (LINKED, helper("QZ1").replace("helper", "node") + &with(&two()), "also runs a node"),
        (
            &LINKED.replace("distinct_people = true", "pool_after_publish = true"),
            with(&two()),
            "distinct_people = true alone",
        ),
        (masks, String::new(), "at least two organisations"),
        (masks, officer("ann", "QZ1", &key(20)), "at least two organisations"),
        (
            masks,
            officer("ann", "QZ1", &key(20)) + &officer("bob", "QZ1", &key(21)),
            "at least two organisations",
        ),
        ("", two() + &officer("ann", "ZZ1", &key(22)), "share an id or a key"),
        ("", two() + &officer("cat", "ZZ1", &key(21)), "share an id or a key"),
        ("", officer("ann", "QZ1", "p256:AAAA"), "kind 'ed25519:'"),
        ("", officer("ann", "ZZ7", &key(20)), "no party"),
        ("", officer("ann", "QZ1", &key(4)), "key of a server"),
        (
            "",
            (0..101).map(|n| officer(&format!("o{n}"), "QZ1", &key(20 + n))).collect(),
            "more than 100",
        ),
    ] {
        let said = refusal(lines, &more).unwrap_or_else(|| panic!("{lines} passed, wanted: {why}"));
        assert!(said.contains(why), "{lines}: {said}");
    }
}

#[test]
fn who_may_run_the_coordinator_gets_no_sum_unless_that_is_agreed() {
    let second = format!("{}{}", helper("ZZ9"), two());
    // Of the coordinator's organisation, of the second server's, of a partner, and of nobody knows which.
    let people = [("ada", "QZ1"), ("bea", "ZZ9"), ("cyd", "ZZ1"), ("dee", "")];
    let each = (30..).zip(people).map(|(number, (id, ods))| {
        let key = key(number).replace("ed25519:", "p256:");
        let ods = if ods.is_empty() { String::new() } else { format!(", ods = \"{ods}\"") };
        format!("{{ id = \"{id}\", key = \"{key}\", assurance_min = \"enrolled\"{ods} }}")
    });
    let analysts = format!("analysts = [{}]", each.collect::<Vec<_>>().join(", "));
    let own = "asker_runs_coordinator = true";
    for (pool, own, wanted) in [
        ("deposit", "", [false, true, true, false]),
        ("deposit", own, [true; 4]),
        ("trusted_sum", "", [false, false, true, false]),
    ] {
        let lines = format!("helper = \"ZZ9\"\npool = \"{pool}\"\n{own}");
        let text = text(&lines, &second).replace("analysts = []", &analysts);
        let agreement = Agreement::parse(&text).expect("an agreement");
        let found = people.map(|(id, _)| agreement.sums_for(&AnalystId::new(id).expect("an id")));
        assert_eq!(found, wanted, "{pool} {own}");
    }
}

#[test]
fn the_servers_organisations_alone_are_no_officers_and_there_are_not_too_many_nodes() {
    let deposit = "helper = \"ZZ9\"\npool = \"deposit\"";
    let with = |officers: [(&str, &str); 2]| {
        let each = (20..).zip(officers).map(|(n, (id, ods))| officer(id, ods, &key(n)));
        helper("ZZ9") + &each.collect::<String>()
    };
    let why = "one of the 'officers' to be of an organisation that runs a node and neither server";
    let said = refusal(deposit, &with([("ann", "QZ1"), ("bob", "ZZ9")])).expect("refused");
    assert!(said.contains(why), "{said}");
    // A node of a server's organisation is none that shares beside it.
    let own = helper("ZZ9").replace("helper", "node");
    let said = refusal(deposit, &(own + &with([("ann", "QZ1"), ("bob", "ZZ9")])));
    assert!(said.is_some_and(|said| said.contains(why)));
    assert_eq!(refusal(deposit, &with([("ann", "ZZ9"), ("bob", "ZZ1")])), None);
    let nodes = |n: usize| -> String {
        (1..n).map(|n| helper(&format!("N{n}")).replace("helper", "node")).collect()
    };
    assert_eq!(refusal("", &nodes(MAX_NODES)), None);
    let said = refusal("", &nodes(MAX_NODES + 1)).expect("refused");
    assert!(said.contains("more than 200 of its parties run nodes"), "{said}");
}
