//! Tests of which view a dataset gets, on 0, 1, 2, 3, 4 and 10 holders.

use super::*;
use crate::pool::roster::fixture::Federation;

/// The view and the reason, short: the kind of sum, `~` for figures between x and y, `-` for none.
fn short(choice: Choice) -> String {
    let of = |why: Reason| match why {
        Reason::NobodyHolds => "nobody",
        Reason::OneHolder => "one",
        Reason::FewHolders { .. } => "few",
        Reason::NoPool => "pool",
        Reason::NoList => "list",
        Reason::OtherList => "other",
        Reason::AskerRunsCoordinator => "asker",
    };
    match choice {
        Choice::Pooled(kind) => kind.as_str().to_owned(),
        Choice::Interval(why) => format!("~{}", of(why)),
        Choice::NotAvailable(why) => format!("-{}", of(why)),
    }
}

const HOLDERS: [usize; 6] = [0, 1, 2, 3, 4, 10];

/// The views of 0, 1, 2, 3, 4 and 10 holders.
fn views(kind: Option<PoolKind>, lines: &str, list: bool, asker: bool) -> String {
    let federation = Federation::with(kind, 10, lines);
    let signed = federation.signed(federation.list(10), &["ann", "bob"]);
    let list = list.then(|| signed.verify(&federation.agreement).expect("it holds"));
    let view = |n| short(view_of(&federation.agreement, list.as_ref(), n, asker));
    HOLDERS.map(view).join(" ")
}

#[test]
fn the_number_of_holders_decides_and_the_reason_is_said() {
    const SHOW: &str = "show_partners = true";
    const ASK: &str = "asker_runs_coordinator = true";
    let [deposit, noisy, masks, trusted] =
        [PoolKind::Deposit, PoolKind::Noisy, PoolKind::Masks, PoolKind::TrustedSum].map(Some);
    for (kind, lines, list, asker, wanted) in [
        (None, "", false, false, "-nobody -one -few -few -pool -pool"),
        (None, SHOW, false, true, "-nobody ~one ~few ~few ~pool ~pool"),
        (deposit, "", true, false, "-nobody -one -few -few deposit deposit"),
        (deposit, SHOW, true, false, "-nobody ~one ~few ~few deposit deposit"),
        (deposit, SHOW, false, false, "-nobody ~one ~few ~few ~list ~list"),
        (deposit, "", false, false, "-nobody -one -few -few -list -list"),
        (deposit, "", true, true, "-nobody -one -few -few -asker -asker"),
        (deposit, ASK, true, true, "-nobody -one -few -few deposit deposit"),
        (noisy, "", true, false, "-nobody -one -few -few noisy noisy"),
        (masks, SHOW, true, false, "-nobody ~one ~few ~few masks masks"),
        (
            trusted,
            SHOW,
            true,
            false,
            "-nobody ~one trusted_sum trusted_sum trusted_sum trusted_sum",
        ),
        (trusted, SHOW, true, true, "-nobody ~one ~asker ~asker ~asker ~asker"),
    ] {
        assert_eq!(views(kind, lines, list, asker), wanted, "{kind:?} {lines} {list} {asker}");
    }
}

#[test]
fn a_list_of_another_agreement_is_none() {
    let (deposit, noisy) =
        (Federation::new(Some(PoolKind::Deposit), 5), Federation::new(Some(PoolKind::Noisy), 5));
    let signed = noisy.signed(noisy.list(5), &["ann", "bob"]);
    let list = signed.verify(&noisy.agreement).expect("it holds");
    assert_eq!(short(view_of(&noisy.agreement, Some(&list), 5, false)), "noisy");
    assert_eq!(short(view_of(&deposit.agreement, Some(&list), 5, false)), "-other");
}

#[test]
fn partners_that_run_a_server_are_no_independent_holders() {
    let federation = Federation::new(Some(PoolKind::Deposit), 3);
    let holders = Holders::of(&federation.agreement);
    assert_eq!(holders, Holders { all: 5, independent: 3 });
    assert_eq!(short(view_of(&federation.agreement, None, holders, false)), "-few");
}

#[test]
fn reasons_are_sentences_without_our_own_words() {
    let reasons = [
        Reason::NobodyHolds,
        Reason::OneHolder,
        Reason::FewHolders { independent: 1, needed: 4 },
        Reason::FewHolders { independent: 3, needed: 4 },
        Reason::NoPool,
        Reason::NoList,
        Reason::OtherList,
        Reason::AskerRunsCoordinator,
    ];
    let kinds = [PoolKind::Deposit, PoolKind::Noisy, PoolKind::Masks, PoolKind::TrustedSum];
    let choices = kinds.map(Choice::Pooled).into_iter().chain(
        reasons.into_iter().flat_map(|why| [Choice::Interval(why), Choice::NotAvailable(why)]),
    );
    let mut seen = std::collections::BTreeSet::new();
    for choice in choices {
        let text = choice.to_string();
        for word in ["roster", "helper", "deposit", "interval", "margin", "ledger", "suppress"] {
            assert!(!text.contains(word), "'{word}' in: {text}");
        }
        assert!(seen.insert(text.clone()), "{text}");
    }
    assert_eq!(
        Choice::NotAvailable(Reason::FewHolders { independent: 3, needed: 4 }).to_string(),
        "not available: only 3 independent partners hold it, and a sum of fewer than 4 hides nobody: add up with \
         neighbouring systems, or agree that a partner can subtract its own (pool = \"trusted_sum\"); figures between x \
         and y would need 'show_partners'"
    );
}
