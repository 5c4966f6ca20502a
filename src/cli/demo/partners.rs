//! The invented partners. Their codes belong to nobody.

use evensum_core::model::Ods;

use crate::cli::exit::{Exit, Failure, OrExit};
use crate::synth::{DateStyle, Kind, PartnerProfile, UnknownEthnicity};

/// One partner.
#[derive(Debug)]
pub(super) struct Partner {
    pub(super) ods: Ods,
    pub(super) name: String,
    /// What its extract is like; none for a council, which holds no such data.
    pub(super) profile: Option<PartnerProfile>,
}

const NAMES: [(&str, Kind); 5] = [
    ("Northmoor University Hospitals", Kind::Acute),
    ("Saltbridge General Hospital", Kind::Acute),
    ("Vale of Arden Hospitals", Kind::Acute),
    ("Fenwick Community Health", Kind::Community),
    ("Larkfield Treatment Centre", Kind::Independent),
];
const COUNCIL: &str = "Stonebeck Council";

/// Makes so many partners, the council last.
pub(super) fn invent(count: u8, rows: u32) -> Result<Vec<Partner>, Failure> {
    (1..=count)
        .map(|number| {
            let ods = Ods::new(format!("ZZ{number}")).or_exit(Exit::Fault)?;
            if number == count {
                return Ok(Partner { ods, name: COUNCIL.to_owned(), profile: None });
            }
            let (name, kind) = match NAMES.get(usize::from(number - 1)) {
                Some((name, kind)) => ((*name).to_owned(), *kind),
                None => (format!("Hospital trust {number}"), Kind::Acute),
            };
            // One trust's system writes days first, as many do.
            let dates = if number == 2 { DateStyle::DayFirst } else { DateStyle::Iso };
            let profile = PartnerProfile::new(ods.clone(), rows, kind)
                .or_exit(Exit::Usage)?
                .with_dates(dates);
            let profile = if number == 3 {
                // One trust records ethnicity badly, as some do.
                profile.with_unknown_ethnicity(UnknownEthnicity {
                    not_stated: 900,
                    not_known: 500,
                    blank: 300,
                })
            } else {
                profile
            };
            Ok(Partner { ods, name, profile: Some(profile) })
        })
        .collect()
}
