//! Which official file a header belongs to, and where its columns are.

use evensum_core::model::ImdEdition;
use serde::{Deserialize, Serialize};

/// A kind of reference table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Index of Multiple Deprivation 2019, by LSOA of 2011.
    Imd2019,
    /// Index of Multiple Deprivation 2025, by LSOA of 2021.
    Imd2025,
    /// Integrated care board of each LSOA of 2011.
    Icb2011,
    /// Integrated care board of each LSOA of 2021.
    Icb2021,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Imd2019, Self::Imd2025, Self::Icb2011, Self::Icb2021];

    /// Its name, which is also the name of its file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imd2019 => "imd_2019_by_lsoa_2011",
            Self::Imd2025 => "imd_2025_by_lsoa_2021",
            Self::Icb2011 => "icb_by_lsoa_2011",
            Self::Icb2021 => "icb_by_lsoa_2021",
        }
    }

    /// The edition of the deprivation index, where it is one.
    #[must_use]
    pub const fn imd(self) -> Option<ImdEdition> {
        match self {
            Self::Imd2019 => Some(ImdEdition::Imd2019),
            Self::Imd2025 => Some(ImdEdition::Imd2025),
            Self::Icb2011 | Self::Icb2021 => None,
        }
    }

    /// Rows of the complete official file: all LSOAs of England of that census.
    #[must_use]
    pub const fn official_rows(self) -> u32 {
        match self {
            Self::Imd2019 | Self::Icb2011 => 32_844,
            Self::Imd2025 | Self::Icb2021 => 33_755,
        }
    }
}

/// Where the columns of a recognised file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) kind: Kind,
    /// What people call this edition of the table.
    pub(super) edition: String,
    pub(super) lsoa: usize,
    pub(super) values: Values,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    Imd { rank: usize, decile: usize },
    Icb { ods: usize },
}

/// What the headers of a file must hold, for people.
pub(super) const WANTED: &str = "a deprivation file needs 'LSOA code (2011)' or 'LSOA code (2021)' (or lsoa11cd, lsoa21cd), \
     'Index of Multiple Deprivation (IMD) Rank …' (imd_rank) and '… Decile …' (imd_decile); \
     a lookup of integrated care boards needs lsoa11cd or lsoa21cd and icb_ods (or ICB22CDH, ICB24CDH …)";

/// Recognises a file by its header; `None` where it is none of the kinds.
pub(super) fn recognise(header: &[String]) -> Option<Layout> {
    let names: Vec<String> = header.iter().map(|h| normal(h)).collect();
    let find = |wanted: &dyn Fn(&str) -> bool| names.iter().position(|n| wanted(n));
    let lsoa11 = find(&|n| matches!(n, "lsoa11cd" | "lsoa code (2011)" | "lsoa11_code"));
    let lsoa21 = find(&|n| matches!(n, "lsoa21cd" | "lsoa code (2021)" | "lsoa21_code"));
    let rank =
        find(&|n| n == "imd_rank" || n.starts_with("index of multiple deprivation (imd) rank"));
    let decile =
        find(&|n| n == "imd_decile" || n.starts_with("index of multiple deprivation (imd) decile"));
    // The index of 2015 is on the same areas, with the districts of 2013: it must not pass for 2019.
    let of_2015 = names.iter().any(|n| n.ends_with("(2013)"));
    if let (Some(rank), Some(decile)) = (rank, decile) {
        let (kind, lsoa) = match (lsoa11, lsoa21) {
            (Some(lsoa), None) if !of_2015 => (Kind::Imd2019, lsoa),
            (None, Some(lsoa)) => (Kind::Imd2025, lsoa),
            _ => return None,
        };
        let year = kind.imd().map_or("", ImdEdition::as_str);
        let values = Values::Imd { rank, decile };
        return Some(Layout { kind, edition: format!("IMD {year}"), lsoa, values });
    }
    let ods = find(&|n| n == "icb_ods" || icb_year(n, "cdh").is_some())?;
    let (kind, lsoa) = match (lsoa11, lsoa21) {
        (Some(lsoa), None) => (Kind::Icb2011, lsoa),
        (None, Some(lsoa)) => (Kind::Icb2021, lsoa),
        _ => return None,
    };
    let year = names.iter().find_map(|n| icb_year(n, "cd").or_else(|| icb_year(n, "cdh")));
    let edition = year.map_or_else(|| "ICB".to_owned(), |y| format!("ICB 20{y}"));
    Some(Layout { kind, edition, lsoa, values: Values::Icb { ods } })
}

/// The two digits of `icb22cd` and its like.
fn icb_year<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let year = name.strip_prefix("icb")?.strip_suffix(ending)?;
    (year.len() == 2 && year.bytes().all(|b| b.is_ascii_digit())).then_some(year)
}

fn normal(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').to_lowercase();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(header: &[&str]) -> Option<(Kind, String)> {
        let header: Vec<String> = header.iter().map(|h| (*h).to_owned()).collect();
        recognise(&header).map(|l| (l.kind, l.edition))
    }

    #[test]
    fn official_headers_are_recognised_in_any_order_and_case() {
        let rank = "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)";
        let decile =
            "Index of Multiple Deprivation (IMD) Decile (where 1 is most deprived 10% of LSOAs)";
        assert_eq!(
            kind(&[decile, "Local Authority District code (2019)", rank, "LSOA code (2011)"]),
            Some((Kind::Imd2019, "IMD 2019".to_owned()))
        );
        assert_eq!(
            kind(&["\u{feff}LSOA CODE (2021)", rank, decile]),
            Some((Kind::Imd2025, "IMD 2025".to_owned()))
        );
        assert_eq!(
            kind(&["LSOA11CD", "LSOA11NM", "ICB22CD", "ICB22CDH"]),
            Some((Kind::Icb2011, "ICB 2022".to_owned()))
        );
        assert_eq!(
            kind(&["lsoa21cd", "icb_ods", "icb24cd"]),
            Some((Kind::Icb2021, "ICB 2024".to_owned()))
        );
    }

    #[test]
    fn near_misses_are_not() {
        let rank = "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)";
        let decile = "imd_decile";
        for header in [
            vec!["lsoa11cd", "imd_rank"],
            vec!["lsoa11cd", "lsoa21cd", "imd_rank", "imd_decile"],
            vec!["lsoa01cd", "imd_rank", "imd_decile"],
            vec!["LSOA code (2011)", "Local Authority District code (2013)", rank, decile],
            vec!["lsoa21cd", "icb24cd"],
            vec!["postcode", "icb_ods"],
            vec![],
        ] {
            assert_eq!(kind(&header), None, "{header:?}");
        }
    }
}
