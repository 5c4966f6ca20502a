//! Every server of a blind sum is cut off, as by a power cut, after every one of its steps, and goes on from where it was.

use super::harness::{COORDINATOR, Fed, SECOND, releases};
use super::process::until;
use super::sum::{
    REGISTER_QUESTION, begin, four, numerator, pooled, publish_register, steps, summed,
};

const PARTNERS: [&str; 4] = ["ZZ1", "ZZ2", "ZZ3", "ZZ4"];

/// A federation whose servers are cut off and halted.
struct Cut {
    fed: Fed,
}

impl Cut {
    /// Waits until a step is in a server's audit log.
    fn after(&self, ods: &str, step: &str) {
        until(&format!("{step} at {ods}"), || {
            steps(&self.fed, ods).iter().any(|own| own == step).then_some(())
        });
    }

    fn never_yet(&self, ods: &str, step: &str) {
        assert!(steps(&self.fed, ods).iter().all(|own| own != step), "{step} at {ods}");
    }

    /// Cuts these off, all at one time, and starts them again.
    fn off(&mut self, servers: &[&str]) {
        for ods in servers {
            self.fed.kill(ods);
        }
        // Whoever dials needs somebody to dial.
        for ods in servers {
            self.fed.restart(ods);
        }
    }
}

#[test]
fn whoever_is_cut_off_after_whatever_step_goes_on_and_takes_each_step_once() {
    let mut fed = Fed::at_rest_of(&four().dir);
    fed.edit("agreement.toml", "indicators = [", "indicators = [\"hypertension_treated\", ");
    for (number, ods) in PARTNERS.iter().enumerate() {
        publish_register(&fed, ods, number);
    }
    fed.keep_addresses();
    begin(&mut fed, &PARTNERS);
    let mut cut = Cut { fed };

    // Bound, and announced to nobody: the second server is halted.
    cut.fed.signal(SECOND, "STOP");
    cut.after(COORDINATOR, "sum_bound");
    cut.off(&[COORDINATOR, "ZZ1"]);
    cut.never_yet(SECOND, "sum_bound");
    // Announced, and one member is halted so that the round stays open.
    cut.fed.signal("ZZ4", "STOP");
    cut.fed.signal(SECOND, "CONT");
    cut.after(SECOND, "sum_bound");
    cut.off(&[SECOND]);
    // Some have contributed.
    for ods in ["ZZ1", "ZZ2"] {
        cut.after(ods, "sum_contributed");
    }
    cut.never_yet("ZZ4", "sum_contributed");
    cut.off(&[SECOND, COORDINATOR, "ZZ1"]);
    cut.never_yet(COORDINATOR, "sum_closed");
    // All have, and it is closed at one of the two servers at least.
    cut.fed.signal("ZZ4", "CONT");
    cut.after(SECOND, "sum_closed");
    cut.off(&[COORDINATOR, SECOND, "ZZ2", "ZZ4"]);
    // Totals are opened, and being decided.
    cut.after(SECOND, "sum_opened");
    cut.off(&[COORDINATOR]);
    cut.after(SECOND, "sum_returned");
    cut.off(&[SECOND, COORDINATOR]);
    cut.after(COORDINATOR, "sum_returned");

    let answer = summed(&cut.fed, &REGISTER_QUESTION);
    let black = numerator(&answer, "ethnicity", "black");
    assert_eq!(black["published"], 25, "{black}");
    cut.off(&[COORDINATOR]);
    let again = summed(&cut.fed, &REGISTER_QUESTION);
    assert_eq!((releases(&again), &again["cells"]), (releases(&answer), &answer["cells"]));
    assert_eq!(pooled(&cut.fed, &REGISTER_QUESTION).json()["cells"], answer["cells"]);
    for ods in PARTNERS {
        cut.after(ods, "sum_closed");
    }
    let servers = ["sum_bound", "sum_closed", "sum_opened", "sum_returned"];
    let members = ["sum_bound", "sum_contributed", "sum_closed"];
    for (ods, expected) in [(COORDINATOR, &servers[..]), (SECOND, &servers[..])]
        .into_iter()
        .chain(PARTNERS.map(|ods| (ods, &members[..])))
    {
        assert_eq!(steps(&cut.fed, ods), expected, "{ods}");
        cut.fed.verify(ods).succeeds();
    }
}
