//! Mapping files.

use evensum::intake::{MAX_MAPPING_BYTES, Mapping};
use evensum_core::catalogue::Catalogue;

use super::run;

/// Reads bytes as a mapping; whether it is one.
pub(super) fn body(bytes: &[u8], catalogue: &Catalogue) -> bool {
    match Mapping::parse(&String::from_utf8_lossy(bytes), catalogue) {
        Ok(mapping) => catalogue.dataset(mapping.dataset()).is_ok(),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

const CORPUS: [&str; 4] = [
    "dataset = \"rtt_open_pathway\"\n[source]\nencoding = \"windows-1252\"\ndelimiter = \"\\t\"\nheader = false\nnull = [\"-\"]\n\
     date = [\"%d/%m/%Y\", \"%Y-%m-%d %H:%M\"]\nimd_edition = \"2019\"\nmax_rejects_percent = 2\n[columns]\nperson = \"1\"\nsex = \"\"\n\
     [codes.sex]\n\"Male \" = \"male\"\nwoman = \"2\"\n[codes.age]\n\"90+\" = \"a90\"\n[codes.provider]\n\"Main site\" = \"R0D\"\n",
    "dataset = \"outpatient_appointment\"\n[codes.attendance]\nARRIVED = \"attended\"\n\"No show\" = \"3\"\nfuture = \"0\"\n",
    "dataset = \"ae_attendance\"\n[columns]\nperson = \"id\"\narrival = \"in\"\ndeparture = \"out\"\n[codes.left_before_treatment]\n\
     1066301000000103 = \"yes\"\n182992009 = \"no\"\n",
    "dataset = \"cancer_diagnosis\"\n[source]\ndate = [\"%d-%b-%Y\"]\n[codes.stage_at_diagnosis]\nearly = \"1\"\nlate = \"IIIC\"\n",
];

#[test]
fn no_mapping_makes_the_parser_panic_or_hang() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let corpus = CORPUS.map(|text| text.as_bytes().to_vec());
    let refused = run(1, &corpus, 500, &|bytes| body(bytes, &catalogue));
    assert!((200..1_990).contains(&refused), "some are refused and some are not: {refused}");
    for deep in ["[", "{a=", "[[a]]\n", "a.", "\"", "dataset = [[", "x = \"\\u"] {
        assert!(!body(deep.repeat(20_000).as_bytes(), &catalogue), "{deep}");
    }
    let long = format!("dataset = \"ae_attendance\"\n#{}", "x".repeat(MAX_MAPPING_BYTES));
    assert!(!body(long.as_bytes(), &catalogue));
}
