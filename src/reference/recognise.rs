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
    /// Integrated care board of each LSOA of 2011, and its other places where the file has them.
    Icb2011,
    /// Integrated care board of each LSOA of 2021, and its other places where the file has them.
    Icb2021,
    /// LSOA of 2011 of each postcode.
    Postcodes2011,
    /// LSOA of 2021 of each postcode.
    Postcodes2021,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Imd2019,
        Self::Imd2025,
        Self::Icb2011,
        Self::Icb2021,
        Self::Postcodes2011,
        Self::Postcodes2021,
    ];

    /// Its name, which is also the name of its file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imd2019 => "imd_2019_by_lsoa_2011",
            Self::Imd2025 => "imd_2025_by_lsoa_2021",
            Self::Icb2011 => "icb_by_lsoa_2011",
            Self::Icb2021 => "icb_by_lsoa_2021",
            Self::Postcodes2011 => "lsoa_2011_by_postcode",
            Self::Postcodes2021 => "lsoa_2021_by_postcode",
        }
    }

    /// The edition of the deprivation index, where it is one.
    #[must_use]
    pub const fn imd(self) -> Option<ImdEdition> {
        match self {
            Self::Imd2019 => Some(ImdEdition::Imd2019),
            Self::Imd2025 => Some(ImdEdition::Imd2025),
            Self::Icb2011 | Self::Icb2021 | Self::Postcodes2011 | Self::Postcodes2021 => None,
        }
    }

    /// All LSOAs of England of its census: the rows of a complete official file that has one for each.
    #[must_use]
    pub const fn official_areas(self) -> u32 {
        match self {
            Self::Imd2019 | Self::Icb2011 | Self::Postcodes2011 => 32_844,
            Self::Imd2025 | Self::Icb2021 | Self::Postcodes2021 => 33_755,
        }
    }

    /// The postcodes by the areas of that census (2011 or 2021).
    pub(super) const fn postcodes(vintage: u16) -> Option<Self> {
        match vintage {
            2011 => Some(Self::Postcodes2011),
            2021 => Some(Self::Postcodes2021),
            _ => None,
        }
    }

    /// Whether it is read from a directory of postcodes.
    pub(super) const fn is_postcodes(self) -> bool {
        matches!(self, Self::Postcodes2011 | Self::Postcodes2021)
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
    Icb { ods: usize, sub_icb: Option<usize>, district: Option<usize> },
}

/// What the headers of a file must hold, for people.
pub(super) const WANTED: &str = "a deprivation file needs 'LSOA code (2011)' or 'LSOA code (2021)' (or lsoa11cd, lsoa21cd), \
     'Index of Multiple Deprivation (IMD) Rank …' (imd_rank) and '… Decile …' (imd_decile); \
     a lookup of integrated care boards needs lsoa11cd or lsoa21cd and icb_ods (or ICB22CDH, ICB24CDH …), and may have sicbl_ods (SICBL22CDH …) and lad22cd; \
     a list of boards needs icbcd, icb_ods and icbnm; \
     a population needs area (or icb_ods …), count (or population, residents, patients) and a year; \
     a table of residents' care needs provider, area and patients or share_of_area; \
     a published series needs the columns of a Fingertips download or of the Central Metrics Library; \
     a postcode directory (ONSPD or NSPL) needs pcds (or pcd, pcd7, pcd8), doterm, and lsoa11 or lsoa21 (or lsoa11cd, lsoa21cd)";

/// Where the columns of a postcode directory are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DirectoryLayout {
    /// What people call a file with such a header.
    pub(super) family: &'static str,
    pub(super) postcode: usize,
    /// When a postcode came into use, and when it went out of it; the latter is empty for one in use.
    pub(super) introduced: Option<usize>,
    pub(super) terminated: usize,
    pub(super) country: Option<usize>,
    /// The areas of 2011 and of 2021.
    pub(super) areas: [Option<usize>; 2],
}

/// Recognises a postcode directory by its header. Names of columns were changed in 2025: `pcd`, `pcd2`,
/// `ctry`, `lsoa11` before are `pcd7`, `pcd8`, `ctry25cd`, `lsoa11cd` since then; `pcds` and `doterm` stayed.
pub(super) fn recognise_directory(header: &[String]) -> Option<DirectoryLayout> {
    let names: Vec<String> = header.iter().map(|h| normal(h)).collect();
    let find = |wanted: &[&str]| wanted.iter().find_map(|w| names.iter().position(|n| n == w));
    let postcode = find(&["pcds", "pcd8", "pcd7", "pcd2", "pcd"])?;
    let areas = [find(&["lsoa11cd", "lsoa11"]), find(&["lsoa21cd", "lsoa21"])];
    if areas == [None; 2] {
        return None;
    }
    let dated = |n: &String| between(n, "ctry", "cd").is_some();
    // The directory has the areas of earlier censuses beside those of the latest; the lookup has not.
    let family = if find(&["lsoa01cd", "lsoa01", "oa01cd", "oa01", "oslaua"]).is_some() {
        "ONS Postcode Directory"
    } else if find(&["laua"]).is_some() || names.iter().any(dated) {
        "National Statistics Postcode Lookup"
    } else {
        "postcode lookup"
    };
    Some(DirectoryLayout {
        family,
        postcode,
        introduced: find(&["dointr"]),
        terminated: find(&["doterm"])?,
        country: find(&["ctry"]).or_else(|| names.iter().position(dated)),
        areas,
    })
}

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
    let sub_icb = find(&|n| n == "sicbl_ods" || between(n, "sicbl", "cdh").is_some());
    let district = find(&|n| n == "ladcd" || between(n, "lad", "cd").is_some());
    Some(Layout { kind, edition, lsoa, values: Values::Icb { ods, sub_icb, district } })
}

/// The two digits of `icb22cd` and its like.
fn icb_year<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    between(name, "icb", ending)
}

/// The two digits of a year between two texts.
fn between<'a>(name: &'a str, beginning: &str, ending: &str) -> Option<&'a str> {
    let year = name.strip_prefix(beginning)?.strip_suffix(ending)?;
    (year.len() == 2 && year.bytes().all(|b| b.is_ascii_digit())).then_some(year)
}

fn normal(name: &str) -> String {
    // A quotation mark after a byte order mark is read as a part of the name.
    let name = name.trim_start_matches('\u{feff}').trim_matches('"').to_lowercase();
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
            kind(&["\u{feff}\"LSOA CODE (2021)\"", rank, decile]),
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

    /// Headers as published: ONSPD of February 2023, NSPL of August 2020 and May 2025, NSPL of 2025 and
    /// later, ONSPD of 2025, the lookup from postcodes to areas of 2021.
    #[test]
    fn postcode_directories_of_all_editions_are_recognised() {
        for (header, family, areas, country) in [
            (
                "pcd,pcd2,pcds,dointr,doterm,oscty,ced,oslaua,osward,parish,usertype,oseast1m,osnrth1m,osgrdind,oshlthau,nhser,ctry,rgn,streg,pcon,eer,teclec,ttwa,pct,itl,statsward,oa01,casward,park,lsoa01,msoa01,ur01ind,oac01,oa11,lsoa11,msoa11,wz11,sicbl,bua11,buasd11,ru11ind,oac11,lat,long,lep1,lep2,pfa,imd,calncv,icb,oa21,lsoa21,msoa21",
                "ONS Postcode Directory",
                [Some("lsoa11"), Some("lsoa21")],
                Some("ctry"),
            ),
            (
                "pcd,pcd2,pcds,dointr,doterm,usertype,oseast1m,osnrth1m,osgrdind,oa11,cty,ced,laua,ward,hlthau,nhser,ctry,rgn,pcon,eer,teclec,ttwa,pct,nuts,park,lsoa11,msoa11,wz11,ccg,bua11,buasd11,ru11ind,oac11,lat,long,lep1,lep2,pfa,imd,calncv,stp",
                "National Statistics Postcode Lookup",
                [Some("lsoa11"), None],
                Some("ctry"),
            ),
            (
                "pcd,pcd2,pcds,dointr,doterm,usertype,oseast1m,osnrth1m,osgrdind,oa21,cty,ced,laua,ward,nhser,ctry,rgn,pcon,ttwa,itl,park,lsoa21,msoa21,wz11,sicbl,bua24,ruc21,oac11,lat,long,lep1,lep2,pfa,imd,icb",
                "National Statistics Postcode Lookup",
                [None, Some("lsoa21")],
                Some("ctry"),
            ),
            (
                "pcd7,pcd8,pcds,dointr,doterm,usrtypind,east1m,north1m,gridind,oa21cd,cty25cd,ced25cd,lad25cd,wd25cd,nhser24cd,ctry25cd,rgn25cd,pcon24cd,ttwa15cd,itl25cd,npark16cd,lsoa21cd,msoa21cd,wz11cd,sicbl24cd,bua24cd,ruc21ind,oac11ind,lat,long,lep21cd1,lep21cd2,pfa23cd,imd20ind,icb23cd",
                "National Statistics Postcode Lookup",
                [None, Some("lsoa21cd")],
                Some("ctry25cd"),
            ),
            (
                "PCD7,PCD8,PCDS,DOINTR,DOTERM,CTY26CD,LAD26CD,CTRY26CD,OA01CD,LSOA01CD,MSOA01CD,OA11CD,LSOA11CD,MSOA11CD,OA21CD,LSOA21CD,MSOA21CD,LAT,LONG,ICB26CD",
                "ONS Postcode Directory",
                [Some("LSOA11CD"), Some("LSOA21CD")],
                Some("CTRY26CD"),
            ),
            (
                "pcd7,pcd8,pcds,dointr,doterm,usertype,oa21cd,lsoa21cd,msoa21cd,ladcd,lsoa21nm,msoa21nm,ladnm,ladnmw",
                "postcode lookup",
                [None, Some("lsoa21cd")],
                None,
            ),
        ] {
            let header: Vec<String> = header.split(',').map(str::to_owned).collect();
            let layout = recognise_directory(&header).expect(family);
            let name = |at: Option<usize>| at.map(|i| header[i].as_str());
            assert_eq!((layout.family, layout.areas.map(name)), (family, areas));
            assert_eq!(name(layout.country), country);
            assert_eq!(header[layout.postcode].to_lowercase(), "pcds");
            assert_eq!(header[layout.terminated].to_lowercase(), "doterm");
            assert_eq!(recognise(&header), None, "it is no other table");
        }
        for near in [
            "pcds,lsoa11",
            "pcds,doterm",
            "pcds,doterm,lsoa01",
            "doterm,lsoa11",
            "postcode,doterm,lsoa11",
        ] {
            let header: Vec<String> = near.split(',').map(str::to_owned).collect();
            assert_eq!(recognise_directory(&header), None, "{near}");
        }
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
