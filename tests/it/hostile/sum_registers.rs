//! Registers of the same people, dealt out to partners in one way or another.

use std::fmt::Write as _;

use super::sum_world::MEMBERS;

/// How a register is read.
pub(super) const MAPPING: &str = "dataset = \"hypertension_register\"\n[source]\nheader = true\nimd_edition = \"2025\"\n[columns]\n\
person = \"id\"\nimd_decile = \"imd\"\nethnic_category = \"ethnic\"\nsex = \"sex\"\nicb_residence = \"icb\"\nage = \"age\"\n\
systolic_blood_pressure = \"sys\"\ndiastolic_blood_pressure = \"dia\"\nage_at_period_end = \"years\"\n";

/// How many people of a group each of the ten partners has: those whose ethnic category, and reading, this is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) ethnic: &'static str,
    pub(super) systolic: u32,
    pub(super) at: [usize; 10],
}

/// A partner's register: everybody of a group is dealt out in one order to the partners, so that the totals of whatever
/// table are the same however many of them each one gets.
pub(super) fn registers(groups: &[Group]) -> Vec<String> {
    let head = "id,age,years,imd,ethnic,sex,icb,sys,dia\n".to_owned();
    let mut all = vec![head; MEMBERS.len()];
    for (number, group) in groups.iter().enumerate() {
        let mut person = 0;
        for (csv, count) in all.iter_mut().zip(group.at) {
            for _ in 0..count {
                let Group { ethnic, systolic, .. } = group;
                let (imd, sex, age) = (person % 10 + 1, person / 10 % 2 + 1, 40 + person % 30);
                let _ = writeln!(
                    csv,
                    "{number}-{person},{age},{age},{imd},{ethnic},{sex},QZ1,{systolic},80"
                );
                person += 1;
            }
        }
    }
    all
}
