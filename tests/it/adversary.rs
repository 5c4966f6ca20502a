//! `evensum adversary` from outside.

use std::process::Command;

use serde_json::Value;

#[test]
fn profiles_hold_and_weak_policies_break() {
    let ran = Command::new(env!("CARGO_BIN_EXE_evensum"))
        .args(["adversary", "--n", "20", "--attack", "A1,A4", "--format", "json"])
        .output()
        .expect("runs");
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let findings: Vec<Value> = serde_json::from_slice(&ran.stdout).expect("JSON");
    for attack in ["A1", "A4"] {
        let own = || findings.iter().filter(|f| f["attack"] == attack);
        for profile in ["nhs75m", "nhs75", "ons105m", "exact_cs", "ckm"] {
            let held =
                own().any(|f| f["against"] == profile && f["exact"] == 0 && f["passed"] == true);
            assert!(held, "{attack} {profile}");
        }
        let broken = own().filter(|f| f["control"] == true && f["exact"].as_u64() > Some(0));
        assert!(broken.count() > 0, "{attack} has no control");
    }
}

#[test]
fn an_attack_that_does_not_exist_is_named() {
    let ran = Command::new(env!("CARGO_BIN_EXE_evensum"))
        .args(["adversary", "--attack", "A99"])
        .output()
        .expect("runs");
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("the attacks are A1, A2"));
}
