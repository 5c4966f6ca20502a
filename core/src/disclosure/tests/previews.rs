//! A preview against a release of the same table.

use super::*;

#[test]
fn a_preview_is_what_a_release_of_the_same_table_shows() {
    for profile in [Profile::Nhs75m, Profile::Nhs75, Profile::Ons105m, Profile::Ckm] {
        let scene = Scene::new(profile);
        let asked = scene.plan(&scene.asker(&scene.query(&["sex", "imd.core20"])));
        let question = scene.query(&["sex", "imd.core20"]).questions.remove(0);
        let permit: Permit<Local> =
            Permit::local_under(question, scene.standing(), profile).expect("permit");
        let local = Plan::compile(&permit, &scene.catalogue).expect("plan");
        assert_eq!(local.filters(), asked.filters(), "the same people");
        let lattice = asked.layout().lattice().clone();
        let table = || {
            let cells =
                (0_u64..).take(lattice.len()).map(|n| RawCell::new(n, n, n.min(1)).keyed(n << 58));
            Table::new(lattice.clone(), cells.collect()).expect("table")
        };
        let protected = protect(&asked, table(), &snapshot(ImdEdition::Imd2025), &ods("ZZ2"));
        let protected = protected.expect("protected");
        let document = protected.document().clone();
        let preview = preview(&local, table()).expect("preview");
        let cells: Vec<CellText> = preview.cells().iter().copied().map(CellText::from).collect();
        assert_eq!((preview.axes(), cells), (document.axes, document.cells));

        // A group is shown where both of its counts are.
        let groups: Vec<_> = preview.groups().collect();
        let axes = lattice.axes();
        assert_eq!(groups.len(), axes[0].categories().len() * axes[1].categories().len());
        let (numerator, denominator) = (local.layout().numerator(), local.layout().denominator());
        for group in groups {
            let mut at: Vec<usize> = group
                .at
                .iter()
                .zip(axes)
                .map(|(category, axis)| axis.position(&category.id).expect("on its axis"))
                .collect();
            at.push(numerator);
            let above = preview.cells()[lattice.index(&at).expect("a cell")];
            at[2] = denominator;
            let below = preview.cells()[lattice.index(&at).expect("a cell")];
            assert_eq!((group.numerator, group.denominator), (above, below));
            let published = |cell| matches!(cell, Shown::Published(_));
            assert_eq!(group.is_shown(), published(above) && published(below));
        }
    }
}

#[test]
fn a_preview_under_an_agreement_holds_to_it() {
    let scene = Scene::new(Profile::Nhs75m);
    let question = |by: &[&str]| scene.query(by).questions.remove(0);
    let under = |question, profile| {
        Permit::<Local>::local_under(question, scene.standing(), profile).map(drop).map_err(|d| d.0)
    };
    assert_eq!(under(question(&["sex"]), Profile::Nhs75m), Ok(()));
    assert_eq!(under(question(&["sex"]), Profile::Nhs75), Err(RefusalCode::PolicyDiffers));
    let three = under(question(&["sex", "imd.core20", "ethnicity.group"]), Profile::Nhs75m);
    assert!(three.is_err(), "more dimensions than the agreement has");
}
