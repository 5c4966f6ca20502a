//! What a load makes, keeps, rejects and refuses; and what publishing does with it.

use proptest::prelude::*;

use super::*;

#[test]
fn rows_become_codes() {
    let place = Place::new();
    let prepared = place.prepare(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    let held: Vec<&str> = prepared.extract.columns_held.iter().map(ColumnId::as_str).collect();
    assert_eq!(
        held,
        [
            "imd_decile",
            "ethnic_category",
            "sex",
            "age",
            "treatment_function",
            "provider",
            "icb_residence",
            "waiting_band",
            "weeks_waited"
        ]
    );
    // Who comes first is up to the pseudonyms: the ordinals are put aside, and the people counted.
    let mut rows: Vec<String> = rows_of(&prepared.extract)
        .iter()
        .map(|row| row.split_once(' ').expect("a person").1.to_owned())
        .collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            "d01 A male a75 110 R0D QVV w18_52 22",
            "d01 A male a75 502 RBD QVV w104 111",
            "d10 not_stated female a15 330 RBD QMF w52_65 59",
            "not_applicable unknown unknown a90 unknown unknown not_applicable w0_18 5",
        ]
    );
    let persons = &prepared.extract.rows.persons;
    assert!(persons.is_sorted());
    assert_eq!((persons[0], persons.last().copied(), prepared.quality.persons), (0, Some(2), 3));
    assert_eq!(prepared.extract.imd_edition, Some(ImdEdition::Imd2019));
    assert_eq!(prepared.extract.as_of.to_string(), "2026-10-31");
}

#[test]
fn quality_counts_every_kept_row_once() {
    let place = Place::new();
    let mut rows = ROWS.to_vec();
    rows.push("9990000004,2026-10-01,x,E01999999,99,,,R0D");
    rows.push(",2026-10-01,1990-01-01,E01000001,A,1,110,R0D");
    let text = csv(&rows);
    let mapping = format!("{PLAIN}max_rejects_percent = 20\n");
    let loaded = place.load(text.as_bytes(), &mapping).expect("loads");
    let quality = &loaded.quality;
    assert_eq!((quality.rows_read, quality.rows_rejected, quality.rows_taken), (6, 1, 5));
    assert_eq!((quality.loaded.days_since(quality.as_of), quality.persons), (9, 4));
    let [waits] = quality.measures.as_slice() else { panic!("one measure") };
    assert_eq!((waits.measure.as_str(), waits.least, waits.most), ("weeks_waited", 5, 111));
    let of = |id: &str| quality.dimensions.iter().find(|d| d.dimension.as_str() == id).expect(id);
    let catalogue = Catalogue::builtin().expect("catalogue");
    let empty = Counts::default();
    for (dimension, expected) in [
        ("imd", Counts { valid: 3, not_applicable: 1, unmatched: 1, ..empty }),
        ("ethnicity", Counts { valid: 2, not_stated: 1, not_known: 1, invalid: 1, ..empty }),
        ("sex", Counts { valid: 3, not_known: 1, blank: 1, ..empty }),
        ("age", Counts { valid: 4, invalid: 1, ..empty }),
        ("tfc", Counts { valid: 3, not_known: 1, blank: 1, ..empty }),
        ("provider", Counts { valid: 4, blank: 1, ..empty }),
        ("icb", Counts { valid: 3, not_applicable: 1, unmatched: 1, ..empty }),
    ] {
        let definition = catalogue.dimensions().iter().find(|d| d.id.as_str() == dimension);
        assert_eq!(*of(dimension), expected.of(definition.expect(dimension), true), "{dimension}");
    }
    assert_eq!(publish::quality(&place.staged()).expect("a report"), *quality);
}

#[test]
fn an_nhs_number_is_one_person_however_it_is_grouped() {
    let place = Place::new();
    let text = "person,weeks_waited\n9990000001,19\n999 000 0001,3\n999-000-0001,4\n999 000 000,5\n999000000,6\n";
    let prepared = place.prepare(text.as_bytes(), PLAIN).expect("loads");
    assert_eq!(prepared.quality.persons, 3, "texts that are no ten digits stay apart");
}

#[test]
fn columns_that_are_not_there_are_not_held() {
    let place = Place::new();
    let text = "person,weeks_waited,age\np1,19,40\np2,3,\n";
    let prepared = place.prepare(text.as_bytes(), PLAIN).expect("loads");
    let held: Vec<&str> = prepared.extract.columns_held.iter().map(ColumnId::as_str).collect();
    assert_eq!(held, ["age", "waiting_band", "weeks_waited"]);
    assert_eq!(prepared.extract.imd_edition, None);
    let imd = &prepared.quality.dimensions[0];
    assert!(!imd.held);
    assert_eq!((imd.not_collected, imd.valid), (2, 0));

    // An empty field leaves a column out that would have been recognised.
    let left_out = format!("{PLAIN}[columns]\nsex = \"\"\nlsoa = \"\"\n");
    let prepared = place.prepare(csv(&ROWS).as_bytes(), &left_out).expect("loads");
    let held: Vec<&str> = prepared.extract.columns_held.iter().map(ColumnId::as_str).collect();
    let columns = ["ethnic_category", "age", "treatment_function", "provider", "waiting_band"];
    assert_eq!(held, [&columns[..], &["weeks_waited"]].concat());
}

#[test]
fn codes_are_translated_before_anything_else() {
    let place = Place::new();
    let text = "person,weeks,Sex,Ethnicity,Org,age\np1,1,Woman,White British,Main,90+\np2,1,,,,5\n";
    let mapping = format!(
        "{PLAIN}[columns]\nweeks_waited = \"WEEKS\"\nprovider = \"org\"\n[codes.sex]\n\"woman\" = \"2\"\n\"\" = \"not_collected\"\n\
         [codes.ethnic_category]\n\"white british\" = \"A\"\n[codes.provider]\nMain = \"R0D\"\n[codes.age]\n\"90+\" = \"a90\"\n"
    );
    let prepared = place.prepare(text.as_bytes(), &mapping).expect("loads");
    let mut rows = rows_of(&prepared.extract);
    rows.iter_mut().for_each(|row| *row = row[2..].to_owned());
    rows.sort();
    assert_eq!(rows, ["A female a90 R0D w0_18 1", "unknown not_collected a05 unknown w0_18 1"]);
}

#[test]
fn binding_refuses_what_is_not_clear() {
    let place = Place::new();
    let wrong = |header: &str, columns: &str| {
        let text = format!("{header}\n{}\n", vec!["1"; header.split(',').count()].join(","));
        let mapping = format!("dataset = \"{DATASET}\"\n[columns]\n{columns}\n");
        place.prepare(text.as_bytes(), &mapping).err().map(|e| e.to_string()).unwrap_or_default()
    };
    for (header, columns, wanted) in [
        ("person,weeks_waited", "sex = \"Sexx\"", "no column 'Sexx'"),
        (
            "nhs_number,patient_id,weeks_waited",
            "",
            "more than one column of the file could be 'person'",
        ),
        ("person,weeks_waited,weeks_waited", "", "could be 'weeks_waited'"),
        ("person,w,w", "weeks_waited = \"w\"", "could be 'weeks_waited'"),
        ("person", "", "'clock_start' or 'weeks_waited'"),
        ("person,a,b", "clock_start = \"a\"\nweeks_waited = \"b\"", "both mapped"),
        ("person,weeks_waited,imd_decile", "", "needs the edition"),
        ("person,weeks_waited,lsoa", "", "needs the edition"),
        ("person,weeks_waited", "[codes.sex]\nx = \"male\"", "[codes.sex]"),
    ] {
        let error = wrong(header, columns);
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    let error = place
        .prepare(b"person,weeks_waited,lsoa\n1,1,1\n", &PLAIN.replace("2019", "2025"))
        .err()
        .expect("refused");
    assert!(matches!(error, IntakeError::NoReference("2025")));
    // The column's own name wins over synonyms of it, and a mapped field is nothing else.
    for (header, columns) in [
        ("person,nhs_number,weeks_waited", ""),
        ("nhs_number,patient_id,weeks_waited", "person = \"patient_id\""),
        ("person,weeks_waited,sex,gender", ""),
        ("person,weeks_waited,clock_start_date", "weeks_waited = \"weeks_waited\""),
    ] {
        assert_eq!(wrong(header, columns), "", "{header}");
    }
}

#[test]
fn bad_rows_are_rejected_by_row_column_and_rule() {
    let place = Place::new();
    let mut rows = vec![ROWS[0]; 30];
    rows[3] = "9990000001,2026-06-01,1950-02-03";
    rows[5] = "  ,2026-06-01,1950-02-03,E01000001,A,1,110,R0D";
    rows[7] = "9990000001,SECRETDATE,1950-02-03,E01000001,A,1,110,R0D";
    rows[9] = "9990000001,2026-06-01,2027-01-01,E01000001,A,1,110,R0D";
    rows[11] = "9990000001,1900-01-01,1950-02-03,E01000001,A,1,110,R0D";
    let text = csv(&rows);
    let mapping = format!("{PLAIN}max_rejects_percent = 20\n");
    let loaded = place.load(text.as_bytes(), &mapping).expect("loads");
    let list = fs::read_to_string(loaded.rejects_file.expect("rejects")).expect("read");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(
        lines,
        [
            "row,column,rule",
            "5,row,\"the row does not have as many fields as the first one\"",
            "7,person,\"no person\"",
            "9,clock_start,\"not a date in a declared form, or in ISO form where none is declared\"",
            "11,birth_date,\"born after the date that ages are taken at\"",
            "13,clock_start,\"a wait of more than 520 weeks\"",
        ]
    );
    assert_eq!(loaded.quality.rejects.iter().map(|r| r.rows).sum::<u64>(), 5);

    let before = all_files(&place.staged());
    let error = place.load(text.as_bytes(), PLAIN).expect_err("too many");
    let IntakeError::TooManyRejects { percent, file } = &error else { panic!("{error}") };
    assert_eq!(*percent, 5.0);
    assert_eq!(fs::read_to_string(file).expect("listed"), list);
    assert!(!error.to_string().contains("SECRETDATE"));
    assert_eq!(all_files(&place.staged()), before, "what was staged stays");

    // The next good load takes the list of the failed one away.
    let failed = file.clone();
    let loaded = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    assert!(!failed.exists() && loaded.rejects_file.is_none());
    assert!(!place.staged().join(REJECTS_FILE).exists());

    let none =
        place.load(csv(&[rows[5]]).as_bytes(), &format!("{PLAIN}max_rejects_percent = 100\n"));
    assert!(matches!(none, Err(IntakeError::TooManyRejects { .. })));
}

#[test]
fn a_column_of_identifiers_is_not_taken_for_organisations() {
    let place = Place::new();
    let mut text = String::from("person,weeks_waited,provider\n");
    for i in 0..=MAX_LISTED {
        text.push_str(&format!("p{i},1,X{i:04}\n"));
    }
    let error = place.load(text.as_bytes(), PLAIN).expect_err("refused").to_string();
    assert!(error.contains("'provider' has more than 1000 different codes"), "{error}");
    assert!(!error.contains("X1000"));
}

#[test]
fn progress_is_told_now_and_then_and_at_the_end() {
    let place = Place::new();
    let mut text = String::from("person,weeks_waited\n");
    (0..70_000).for_each(|i| text.push_str(&format!("p{i},{}\n", i % 100)));
    let told = std::cell::RefCell::new(Vec::new());
    let prepared = place.request(text.as_bytes(), PLAIN, |r| {
        prepare(&LoadRequest { progress: &|p| told.borrow_mut().push(p), ..*r })
    });
    assert_eq!(prepared.map(|p| p.quality.persons).ok(), Some(70_000));
    let told = told.into_inner();
    assert_eq!(told.iter().map(|p| p.rows).collect::<Vec<_>>(), [65_536, 70_000]);
    // Bytes of the file, of which the thread that reads ahead may have read the rest.
    let bytes = text.len() as u64;
    assert!(told.iter().all(|p| p.total == Some(bytes) && p.done > bytes / 2), "{told:?}");
    assert_eq!(told.last().map(|p| p.done), Some(bytes));
}

#[test]
fn only_the_asked_dataset_and_months_are_loaded() {
    let place = Place::new();
    let quarter = place.request(csv(&ROWS).as_bytes(), PLAIN, |r| {
        load(&LoadRequest { period: "2026-27Q3".parse().expect("a period"), ..*r })
    });
    assert!(matches!(quarter, Err(IntakeError::PeriodKind { .. })));
    let other = DatasetId::new("other").expect("id");
    let other = place
        .request(csv(&ROWS).as_bytes(), PLAIN, |r| load(&LoadRequest { dataset: &other, ..*r }));
    assert!(matches!(other, Err(IntakeError::OtherDataset { .. })));
}

#[test]
fn no_identifier_is_left_on_disk() {
    let place = Place::new();
    let mut rows = ROWS.to_vec();
    rows.push("9990000002,never,2010-07-08,E01000002,Z,2,330,BH152JA");
    rows.push("9990000003,2026-10-01,1936-01-01,BH15 2JA,Q,X,999,9990000003");
    let mapping = format!("{PLAIN}max_rejects_percent = 50\n");
    place.load(csv(&rows).as_bytes(), &mapping).expect("loads");
    let files = all_files(&place.state());
    assert!(files.iter().any(|(path, _)| path.ends_with(REJECTS_FILE)));
    for (path, bytes) in files {
        for marker in MARKERS.iter().chain(&["BH15 2JA", "BH152JA", "never"]) {
            let name = path.to_string_lossy();
            assert!(!name.contains(marker), "{marker} names {name}");
            let found = bytes.windows(marker.len()).any(|w| w == marker.as_bytes());
            assert!(!found, "{marker} in {name}");
        }
    }
}

#[test]
fn a_load_replaces_and_publishing_takes_it_away() {
    let place = Place::new();
    assert!(matches!(place.publish(), Err(IntakeError::NothingStaged { .. })));
    let first = place.load(csv(&ROWS[..2]).as_bytes(), PLAIN).expect("loads").manifest;
    let second = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    assert_ne!(first.snapshot_id, second.snapshot_id);
    assert_eq!(second.version, None);
    assert_eq!(place.published(), None);

    let provisional = place.publish().expect("published");
    assert_eq!(provisional.version, Some(evensum_core::model::SnapshotVersion::Provisional));
    assert_eq!(provisional.snapshot_id, second.snapshot_id);
    assert!(!place.staged().exists());
    let now = place.published().expect("one");
    assert!(now.0.ends_with("published/rtt_open_pathway/2026-10/1-provisional"));
    assert_eq!(now.1, provisional);

    place.load(csv(&ROWS[..2]).as_bytes(), PLAIN).expect("loads");
    let last = place.publish().expect("published");
    assert_eq!(last.version, Some(evensum_core::model::SnapshotVersion::Final));
    let now = place.published().expect("one");
    assert!(now.0.ends_with("2-final") && now.1 == last);
    assert!(publish::quality(&now.0).is_ok());

    place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    let error = place.publish().expect_err("refused");
    assert!(error.to_string().contains("annual restatement"), "{error}");
    assert!(place.staged().exists());
}

#[test]
fn what_was_changed_after_loading_is_not_published() {
    let place = Place::new();
    let manifest = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    let file = place.staged().join(&manifest.file);
    let mut bytes = fs::read(&file).expect("read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).expect("written");
    assert!(matches!(place.publish(), Err(IntakeError::Snapshot(_))));
    assert_eq!(place.published(), None);
    assert!(place.staged().exists());
}

#[test]
fn the_same_file_gives_the_same_bytes_and_another_key_another_snapshot() {
    let mut place = Place::new();
    let first = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    let before = all_files(&place.staged());
    let mut reversed = ROWS.to_vec();
    reversed.reverse();
    let second = place.load(csv(&reversed).as_bytes(), PLAIN).expect("loads").manifest;
    assert_eq!((first.clone(), before), (second, all_files(&place.staged())));
    place.key = NodeKey::from_bytes([8; 32]);
    let other = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    assert_ne!(first.snapshot_id, other.snapshot_id);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Rows in any order give the same extract, in which every pathway of a person is kept and the
    /// people are numbered without gaps.
    #[test]
    fn order_leaves_no_trace(
        rows in prop::collection::vec((0_u8..12, 0_u16..130, 0_u8..20, 0_u8..4, 0_usize..5), 1..60),
        seed in any::<u64>(),
    ) {
        let place = Place::new();
        let ethnic = ["A", "b2", "Z", "99", ""];
        let mut lines: Vec<String> = rows
            .iter()
            .map(|(who, weeks, age, org, e)| {
                format!("person{who},{weeks},{},{},R{org}X", u32::from(*age) * 5, ethnic[*e])
            })
            .collect();
        let text = |lines: &[String]| {
            format!("person,weeks_waited,age,ethnicity,provider\n{}\n", lines.join("\n"))
        };
        let first = place.prepare(text(&lines).as_bytes(), PLAIN).expect("loads").extract;
        // A shuffle of our own, from the seed.
        let mut state = seed | 1;
        for i in (1..lines.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let j = usize::try_from(state >> 33).expect("fits") % (i + 1);
            lines.swap(i, j);
        }
        let second = place.prepare(text(&lines).as_bytes(), PLAIN).expect("loads").extract;
        prop_assert_eq!(&first, &second);

        let mut pathways = std::collections::BTreeMap::<u8, Vec<u16>>::new();
        rows.iter().for_each(|r| pathways.entry(r.0).or_default().push(r.1));
        let mut expected: Vec<Vec<u16>> = pathways.into_values().collect();
        expected.iter_mut().for_each(|p| p.sort_unstable());
        expected.sort();
        let mut found = vec![Vec::new(); expected.len()];
        for (person, weeks) in first.rows.persons.iter().zip(&first.rows.measures[0].values) {
            let slot = found.get_mut(usize::try_from(*person).expect("fits"));
            slot.expect("no gap in the numbers").push(*weeks);
        }
        found.iter_mut().for_each(|p: &mut Vec<u16>| p.sort_unstable());
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
