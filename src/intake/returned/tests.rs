//! Returns in the published form, in simple ones, and such as are none.

use evensum_core::catalogue::Catalogue;

use super::*;

const BANDS: [(&str, u32); 6] = [
    ("Gt 00 To 01 Weeks SUM 1", 0),
    ("Gt 17 To 18 Weeks SUM 1", 17),
    ("Gt 18 To 19 Weeks SUM 1", 18),
    ("Gt 51 To 52 Weeks SUM 1", 51),
    ("Gt 52 To 53 Weeks SUM 1", 52),
    ("Gt 104 Weeks SUM 1", 104),
];

fn read(text: &str) -> Result<Returned, ReturnError> {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let functions = catalogue.dimensions().iter().find(|d| d.id.as_str() == "tfc").expect("tfc");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("return.csv");
    std::fs::write(&file, text).expect("written");
    let (provider, period) = (Ods::new("RZ1").expect("ods"), "2026-10".parse().expect("period"));
    read_return(&file, functions, &provider, period)
}

fn figures(list: u64, over_18: u64, over_52: u64) -> Figures {
    Figures { list, over_18: Some(over_18), over_52: Some(over_52) }
}

fn of(returned: &Returned, function: &str) -> Option<Figures> {
    returned.functions.get(&CategoryId::new(function).expect("id")).copied()
}

/// Provider, commissioner, part, function, pathways by band, and those without a known clock start.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, [u64; 6], u64);

/// The published form: providers, commissioners, parts and bands of a week.
fn published(rows: &[Row<'_>]) -> String {
    let bands: Vec<&str> = BANDS.iter().map(|(header, _)| *header).collect();
    let mut text = format!(
        "Period,Provider Org Code,Commissioner Org Code,RTT Part Type,Treatment Function Code,Treatment Function Name,{},Total,Patients with unknown clock start date,Total All\n",
        bands.join(",")
    );
    for (provider, commissioner, part, function, weeks, unknown) in rows {
        let total: u64 = weeks.iter().sum();
        let cells: Vec<String> =
            weeks.iter().map(|n| if *n == 0 { String::new() } else { n.to_string() }).collect();
        text.push_str(&format!(
            "RTT-October-2026,{provider},{commissioner},{part},{function},Some Service,{},{total},{unknown},{}\n",
            cells.join(","),
            total + unknown
        ));
    }
    text
}

#[test]
fn the_published_form_is_added_up_over_commissioners_and_bands() {
    let text = published(&[
        ("RZ1", "QZ1", "Part_2", "C_110", [1, 2, 4, 8, 16, 32], 64),
        ("RZ1", "QZ2", "Part_2", "C_110", [1, 0, 0, 0, 0, 1], 0),
        ("RZ1", "QZ1", "Part_2A", "C_110", [9, 9, 9, 9, 9, 9], 0),
        ("RZ1", "QZ1", "Part_1A", "C_110", [9, 9, 9, 9, 9, 9], 0),
        ("RZ9", "QZ1", "Part_2", "C_110", [9, 9, 9, 9, 9, 9], 0),
        ("rz1", "QZ1", "Part_2", "X05", [3, 0, 0, 0, 0, 0], 0),
        ("RZ1", "QZ1", "Part_2", "C_999", [4, 2, 4, 8, 16, 32], 64),
        ("RZ1", "QZ2", "Part_2", "C_999", [1, 0, 0, 0, 0, 1], 0),
    ]);
    let returned = read(&text).expect("reads");
    assert_eq!(of(&returned, "110"), Some(figures(129, 61, 49)));
    assert_eq!(of(&returned, "X05"), Some(figures(3, 0, 0)));
    assert_eq!(returned.total, Some(figures(132, 61, 49)));
    assert_eq!((returned.functions.len(), returned.unknown_start), (2, 64));
    assert!(returned.by_provider);
    // An independent sum over the bands of one row.
    let beyond = |least| {
        let each = BANDS.iter().zip([1, 2, 4, 8, 16, 32]);
        each.filter(|((_, from), _)| *from >= least).map(|(_, n)| n).sum::<u64>()
    };
    assert_eq!((beyond(18) + 1, beyond(52) + 1), (61, 49));
}

#[test]
fn simple_forms_are_read_under_each_spelling() {
    for header in [
        "Treatment function,Total,Over 18,Over 52",
        "TFC,list,> 18 weeks,>52 weeks",
        "treatment_function_code,Total All,Gt 18,Gt 52",
        "Specialty,Waiting list,over_18_weeks,over_52_weeks",
        "\u{feff}Treatment Function Name,Total list,18+,52+",
    ] {
        let rows = "110,\"1,234\",20,3\n330,10,-,\n\nTotal,1244,20,3\n";
        let returned =
            read(&format!("{header}\n{rows}")).unwrap_or_else(|e| panic!("{header}: {e}"));
        assert_eq!(of(&returned, "110"), Some(figures(1234, 20, 3)), "{header}");
        assert_eq!(of(&returned, "330"), Some(figures(10, 0, 0)), "{header}");
        assert_eq!(returned.total, Some(figures(1244, 20, 3)), "{header}");
        assert!(!returned.by_provider);
    }
    let list_alone = read("function name,code,total\nx,110,5\n").expect("reads");
    assert_eq!(of(&list_alone, "110"), Some(Figures { list: 5, ..Figures::default() }));
}

#[test]
fn functions_are_known_by_code_and_by_either_name() {
    for (text, id) in [
        ("110", "110"),
        ("C_110", "110"),
        ("108", "110"),
        ("Trauma and Orthopaedic", "110"),
        ("Trauma & Orthopaedics", "110"),
        ("TRAUMA AND ORTHOPAEDIC SERVICE", "110"),
        ("Ear Nose and Throat Service", "120"),
        ("ENT", "120"),
        ("Other - Medical Services", "X02"),
        ("Other – other services", "X06"),
        ("Geriatric Medicine", "430"),
        ("Elderly Medicine Service", "430"),
    ] {
        let returned = read(&format!("treatment function,total\n{text},7\n"));
        let returned = returned.unwrap_or_else(|e| panic!("{text}: {e}"));
        assert!(of(&returned, id).is_some(), "{text}: {returned:?}");
    }
    let finer = read("tfc,total\n108,7\n110,5\n").expect("finer codes add up");
    assert_eq!(of(&finer, "110").map(|f| f.list), Some(12));
}

#[test]
fn a_return_that_is_none_is_refused_with_row_and_reason() {
    let published_for = |month: &str| {
        published(&[("RZ1", "QZ1", "Part_2", "C_110", [1; 6], 0)]).replace("October-2026", month)
    };
    for (text, said) in [
        (
            "treatment function,total\n110,many\n",
            "row 2 of the return (the header is row 1), column 'total': not a whole number",
        ),
        ("treatment function,total\n110,1\n330,-5\n", "row 3"),
        ("treatment function,total\n110,1.5\n", "not a whole number"),
        ("treatment function,total\n110,1\n\n110,2\n", "earlier row"),
        ("treatment function,total\n999,1\ntotal,2\n", "earlier row"),
        ("treatment function,total\nWizardry,1\n", "no treatment function"),
        ("treatment function,total,over 18\n110,4,5\n", "fewer pathways wait"),
        ("treatment function,total,over 18,over 52\n110,9,5,6\n", "fewer pathways wait"),
        ("treatment function,remarks\n110,4\n", "'Total All'"),
        ("total\n4\n", "'Treatment Function Code'"),
        ("treatment function,total\n", "no row"),
        ("", "no row"),
        ("provider,tfc,total\nRZ9,110,4\n", "provider RZ1"),
        (&published_for("September-2026"), "another month"),
        ("month,tfc,total\n2026-09,110,4\n", "another month"),
    ] {
        let refused = read(text).expect_err(text).to_string();
        assert!(refused.contains(said), "{text}: {refused}");
    }
    assert!(read(&published_for("October-2026")).is_ok());
}
