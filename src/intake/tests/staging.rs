//! Loads that follow loads: unchanged ones, killed ones, those at the same time; who and what is left out; and rows
//! that are kept no longer.

use evensum_core::view::NationalOptOut;

use super::*;

const RESTRICTED_TABLE: &str = "[restricted]\n";

/// One more treatment function, which the law restricts.
const RESTRICTED_ROW: &str = "9990000004,2026-09-01,1960-01-01,E01000001,A,1,360,R0D";

impl Place {
    fn excluding(&self, list: &str, bytes: &[u8]) -> Result<Loaded, IntakeError> {
        let exclude = self.list(list)?;
        self.request(bytes, PLAIN, |r| load(&LoadRequest { exclude: Some(&exclude), ..*r }))
    }

    fn list(&self, list: &str) -> Result<Exclusions, IntakeError> {
        let path = self.dir.path().join("objections.csv");
        fs::write(&path, list).expect("written");
        Ok(Exclusions::read(&[&path], &self.key)?)
    }

    fn if_changed(&self, bytes: &[u8], mapping: &str) -> Result<Outcome, IntakeError> {
        let published = published_root(&self.state());
        self.request(bytes, mapping, |r| load_if_changed(r, &published))
    }

    fn published_dir(&self) -> PathBuf {
        self.published().expect("published").0
    }
}

fn staged(outcome: Result<Outcome, IntakeError>) -> bool {
    matches!(outcome.expect("loads"), Outcome::Staged(_))
}

#[test]
fn an_extract_is_loaded_again_when_anything_that_it_depends_on_has_changed() {
    let place = Place::new();
    let extract = csv(&ROWS);
    assert!(staged(place.if_changed(extract.as_bytes(), PLAIN)));
    let before = all_files(&place.state());
    assert!(!staged(place.if_changed(extract.as_bytes(), PLAIN)));
    assert_eq!(all_files(&place.state()), before, "nothing was touched");

    // The same again after its publication, and after that of another extract.
    place.publish().expect("published");
    assert!(!staged(place.if_changed(extract.as_bytes(), PLAIN)));
    assert!(!place.staged().exists());
    let more =
        csv(&[&ROWS[..], &["9990000009,2026-10-01,1936-01-01,E01000002,B,2,110,R0D"]].concat());
    assert!(staged(place.if_changed(more.as_bytes(), PLAIN)));
    assert!(!staged(place.if_changed(more.as_bytes(), PLAIN)));
    assert!(staged(place.if_changed(extract.as_bytes(), PLAIN)), "back to the first");

    let mapping = format!("{PLAIN}[opt_out]\nnational = \"applied\"\n");
    assert!(staged(place.if_changed(extract.as_bytes(), &mapping)), "another mapping");
    let exclude = place.list("9990000003\n").expect("a list");
    let published = published_root(&place.state());
    let excluding = || {
        place.request(extract.as_bytes(), &mapping, |r| {
            load_if_changed(&LoadRequest { exclude: Some(&exclude), ..*r }, &published)
        })
    };
    assert!(staged(excluding()), "another list of people");
    assert!(!staged(excluding()));
    let reference = place.dir.path().join("reference");
    let icb = place.dir.path().join("icb.csv");
    fs::write(&icb, "lsoa11cd,icb_ods\nE01000001,QMF\nE01000002,QMF\n").expect("written");
    Reference::add(&reference, &icb, crate::reference::Extent::Partial).expect("taken");
    let place = Place { reference: Reference::open(&reference).expect("opens"), ..place };
    assert!(staged(place.if_changed(extract.as_bytes(), &mapping)), "another reference table");
}

#[test]
fn the_mark_tells_nobody_what_was_in_the_file() {
    let place = Place::new();
    let extract = csv(&ROWS);
    assert!(staged(place.if_changed(extract.as_bytes(), PLAIN)));
    let mark = fs::read_to_string(place.staged().join("source.json")).expect("a mark");
    let other = Place { key: NodeKey::from_bytes([8; 32]), ..Place::new() };
    assert!(staged(other.if_changed(extract.as_bytes(), PLAIN)));
    let others = fs::read_to_string(other.staged().join("source.json")).expect("a mark");
    assert_ne!(mark, others, "the hash is under the node's key");
}

#[test]
fn an_extract_that_was_loaded_without_a_mark_is_known_by_its_rows() {
    let place = Place::new();
    let extract = csv(&ROWS);
    let loaded = place.load(extract.as_bytes(), PLAIN).expect("loads");
    assert!(!staged(place.if_changed(extract.as_bytes(), PLAIN)));
    assert!(place.staged().join("source.json").exists(), "the next one need not read it");
    assert_eq!(Manifest::read(&place.staged()).expect("a manifest"), loaded.manifest);
    assert!(staged(place.if_changed(csv(&ROWS[..2]).as_bytes(), PLAIN)));
}

#[test]
fn a_file_that_is_written_while_it_is_read_is_not_staged() {
    let place = Place::new();
    let published = published_root(&place.state());
    let outcome = place.request(csv(&ROWS).as_bytes(), PLAIN, |r| {
        let Input::File(file) = r.input else { panic!("a file") };
        let grow = |_| fs::write(file, csv(&ROWS[..2])).expect("written");
        load_if_changed(&LoadRequest { progress: &grow, ..*r }, &published)
    });
    assert!(matches!(outcome, Err(IntakeError::ChangedMeanwhile)), "{outcome:?}");
    assert!(!place.staged().exists());
}

#[test]
fn loads_publications_and_deletions_wait_for_each_other() {
    let place = Place::new();
    place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    let busy = |error: IntakeError| {
        let text = error.to_string();
        assert!(matches!(error, IntakeError::Busy(_)), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
    };
    {
        let _hold = Hold::take(&staged_root(&place.state())).expect("free");
        busy(place.load(csv(&ROWS).as_bytes(), PLAIN).expect_err("held"));
        busy(place.if_changed(csv(&ROWS).as_bytes(), PLAIN).expect_err("held"));
        busy(place.publish().expect_err("held"));
    }
    place.publish().expect("free again");
    let expired = expired(&place.state(), 0, "2026-11-12".parse().expect("a date"));
    let [expired] = <[Expired; 1]>::try_from(expired.expect("listed")).expect("one");
    let _hold = Hold::take(&staged_root(&place.state())).expect("free");
    busy(expired.hold(&place.state()).expect_err("held"));
}

/// What a load leaves that was killed after it had moved the earlier extract aside.
fn killed_between(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    let before = all_files(&place.staged());
    let folder = place.staged().with_file_name(".loading-k1ll3d");
    fs::create_dir_all(folder.join("extract")).expect("made");
    fs::write(folder.join("extract/half"), "x").expect("written");
    fs::rename(place.staged(), folder.join("before")).expect("moved");
    before
}

#[test]
fn an_extract_that_a_killed_load_moved_aside_comes_back() {
    let place = Place::new();
    let before = killed_between(&place);
    place.publish().expect("what was staged is staged");
    let rows = |files: &[(PathBuf, Vec<u8>)]| -> Vec<Vec<u8>> {
        let arrow = files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "arrow"));
        arrow.map(|(_, bytes)| bytes.clone()).collect()
    };
    assert_eq!(rows(&all_files(&place.published_dir())), rows(&before));

    let place = Place::new();
    killed_between(&place);
    assert!(place.load(b"", PLAIN).is_err(), "a load that fails");
    assert!(place.staged().exists(), "has put it back all the same");
    let home = place.staged().with_file_name("");
    let left: Vec<String> = fs::read_dir(home)
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, [PERIOD], "nothing of the killed load is left");
}

#[test]
fn what_a_killed_load_left_does_not_replace_what_is_staged() {
    let place = Place::new();
    let before = killed_between(&place);
    let folder = place.staged().with_file_name(".loading-k1ll3d");
    // Killed after its second rename: the new extract is in place, and the old one aside.
    fs::create_dir_all(place.staged()).expect("made");
    for (path, bytes) in &before {
        fs::write(place.staged().join(path.file_name().expect("a name")), bytes).expect("written");
    }
    drop(Hold::take(&staged_root(&place.state())).expect("free"));
    assert_eq!(all_files(&place.staged()), before);
    assert!(!folder.exists());
}

#[test]
fn people_who_object_are_left_out_before_anything_else() {
    let place = Place::new();
    // One of their rows breaks a rule, and one is cut short: neither is listed.
    let bad = ["9990000001,never,1950-02-03,E01000001,A1,1,110,R0D", "999 000 0001"];
    let extract = csv(&[&ROWS[..], &bad].concat());
    let loaded = place.excluding("nhs_number\n999 000 0001\n", extract.as_bytes()).expect("loads");
    let quality = &loaded.quality;
    assert_eq!((quality.left_out.objections, quality.rows_read, quality.rows_taken), (4, 6, 2));
    assert_eq!((quality.rows_rejected, quality.persons, loaded.rejects_file), (0, 2, None));
    for (path, bytes) in all_files(&place.state()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("999 000 0001") && !text.contains("9990000001"), "{path:?}");
    }
    // The rows are those of an extract without these people.
    let without = Place::new();
    let rows: Vec<&str> = ROWS.into_iter().filter(|row| !row.starts_with("9990000001")).collect();
    let fewer = without.load(csv(&rows).as_bytes(), PLAIN).expect("loads");
    assert_eq!(loaded.manifest.snapshot_id, fewer.manifest.snapshot_id);

    let everybody = "9990000001\n9990000002\n9990000003\n";
    let none = place.excluding(everybody, csv(&ROWS).as_bytes()).expect_err("nobody is left");
    assert!(none.to_string().contains("was left out"), "{none}");
    let empty = place.excluding("nhs_number\n", csv(&ROWS).as_bytes()).expect_err("empty");
    assert!(empty.to_string().contains("nothing was loaded"), "{empty}");
}

#[test]
fn legally_restricted_rows_are_dropped_unless_the_mapping_says_why_not() {
    let place = Place::new();
    let extract = csv(&[&ROWS[..], &[RESTRICTED_ROW]].concat());
    let loaded = place.load(extract.as_bytes(), PLAIN).expect("loads");
    let quality = &loaded.quality;
    assert_eq!((quality.left_out.restricted, quality.rows_taken, quality.rows_rejected), (1, 4, 0));
    assert_eq!(quality.left_out.restricted_kept, None);
    let keep =
        format!("{PLAIN}{RESTRICTED_TABLE}keep = true\nreason = \"Counted as open pathways.\"\n");
    let kept = place.load(extract.as_bytes(), &keep).expect("loads").quality;
    assert_eq!((kept.left_out.restricted, kept.rows_taken), (0, 5));
    assert_eq!(kept.left_out.restricted_kept.as_deref(), Some("Counted as open pathways."));
    // A column that the dataset does not have, and the extract has.
    let with = |code: &str| {
        let row = |i: usize, row: &str| format!("{row},{}\n", if i == 1 { code } else { "I10X" });
        let rows: String = ROWS.iter().enumerate().map(|(i, r)| row(i, r)).collect();
        let text = format!("{HEADER},DIAG_01\n{rows}");
        place.load(text.as_bytes(), PLAIN).expect("loads").quality.left_out.restricted
    };
    assert_eq!((with("I10X"), with("F64.0")), (0, 1));
}

#[test]
fn the_position_on_opt_outs_is_in_the_report_and_so_is_its_absence() {
    let place = Place::new();
    let quality = |table: &str| {
        let mapping = format!("{PLAIN}{table}");
        place.load(csv(&ROWS).as_bytes(), &mapping).expect("loads").quality
    };
    let silent = quality("");
    assert_eq!(silent.left_out.opt_out, None);
    assert!(silent.notes.iter().any(|n| n.contains("Nobody has declared")), "{:?}", silent.notes);
    let applied = quality("[opt_out]\nnational = \"applied\"\n");
    assert!(applied.notes.iter().any(|n| n.contains("biased")), "{:?}", applied.notes);
    let not = quality(
        "[opt_out]\nnational = \"not_required\"\nreason = \"Only anonymous figures leave.\"\n",
    );
    let declared = not.left_out.opt_out.expect("declared");
    assert_eq!(declared.national, NationalOptOut::NotRequired);
    assert_eq!(declared.reason.as_deref(), Some("Only anonymous figures leave."));
    assert!(!not.notes.iter().any(|n| n.contains("Opt-Out")), "{:?}", not.notes);
}

#[test]
fn rows_are_deleted_when_their_time_is_over_and_the_manifest_stays() {
    let place = Place::new();
    let extract = csv(&[&ROWS[..], &[",2026-10-01,,,,,,"]].concat());
    let mapping = format!("{PLAIN}max_rejects_percent = 50\n");
    assert!(staged(place.if_changed(extract.as_bytes(), &mapping)));
    place.publish().expect("published");
    let day = |text: &str| -> Date { text.parse().expect("a date") };
    let of =
        |months: u16, today: &str| expired(&place.state(), months, day(today)).expect("listed");
    assert_eq!(of(24, "2028-11-11").len(), 0, "a day too early");
    let mut found = of(24, "2028-11-12");
    let [one] = found.as_slice() else { panic!("one") };
    assert!(!one.is_begun());
    let dir = place.published_dir();
    assert!(dir.join(REJECTS_FILE).exists() && dir.join(QUALITY_FILE).exists());
    let one = found.remove(0);
    let manifest =
        one.hold(&place.state()).expect("free").delete(day("2028-11-12")).expect("deleted");
    assert_eq!(manifest.deleted, Some(day("2028-11-12")));
    let left: Vec<String> = all_files(&dir)
        .iter()
        .map(|(path, _)| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, ["manifest.json", "source.json"]);
    assert_eq!(of(24, "2028-11-12").len(), 0, "once");
    assert_eq!(place.published().expect("its name").1, manifest);
    let standing =
        standing(&place.state(), &manifest.dataset, manifest.period).expect("a standing");
    assert_eq!(standing.deleted, manifest.deleted);
    let error = newest_quality(&place.state(), &manifest.dataset, manifest.period);
    assert!(matches!(error, Err(IntakeError::RowsDeleted { .. })));
    // A scheduler that finds the old file does not bring the rows back.
    assert!(!staged(place.if_changed(extract.as_bytes(), &mapping)));
}

#[test]
fn a_deletion_that_was_cut_off_is_completed() {
    let place = Place::new();
    place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    place.publish().expect("published");
    let dir = place.published_dir();
    let mut manifest = Manifest::read(&dir).expect("a manifest");
    let on = "2028-11-12".parse().expect("a date");
    manifest.deleted = Some(on);
    manifest.write(&dir).expect("written");
    let mut found = expired(&place.state(), 24, on).expect("listed");
    let [one] = found.as_slice() else { panic!("one") };
    assert!(one.is_begun(), "the audit log has it");
    found.remove(0).hold(&place.state()).expect("free").delete(on).expect("deleted");
    assert_eq!(all_files(&dir).len(), 1);
}

/// What the page on schedules shows of mappings can be used as it stands there.
#[test]
fn the_examples_of_the_documentation_are_mappings() {
    let page = include_str!("../../../docs/scheduling.md");
    let blocks = page.split("```toml\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap_or_default());
    let own: Vec<&str> =
        blocks.filter(|b| b.starts_with("[opt_out]") || b.starts_with("[restricted]")).collect();
    assert_eq!(own.len(), 2);
    let catalogue = Catalogue::builtin().expect("catalogue");
    for block in own {
        Mapping::parse(&format!("{PLAIN}{block}"), &catalogue).expect(block);
    }
}
