//! What is told about a machine's own certificate before it serves, and what an authority issues.

use evensum::trust::{
    Authority, AuthorityKind, Credentials, Expected, Roots, TrustError, check_pair, example_refused,
};
use evensum_core::identity::Peer;
use evensum_core::model::Role;

use crate::pki::{NOW, Pki, ods};

const DAY: i64 = 86_400;

fn expected(pki: &Pki) -> Expected {
    Expected { role: Role::Node, ods: ods("R0D"), federation: pki.federation.clone() }
}

fn check(own: &Credentials, roots: &Roots, pki: &Pki) -> Result<Peer, TrustError> {
    check_pair(own, roots, &expected(pki), NOW)
}

#[test]
fn a_good_pair_says_who_the_machine_is() {
    let pki = Pki::new("north.example");
    let peer = check(&pki.node("R0D"), &pki.roots(), &pki).expect("in order");
    assert_eq!((peer.ods(), peer.role(), peer.name()), (&ods("R0D"), Role::Node, "m1"));
    assert_eq!(peer.not_after(), NOW.plus(30 * DAY));
    assert_eq!(peer.serial().len(), 32);
    let again = check(&pki.node("R0D"), &pki.roots(), &pki).expect("in order");
    assert_ne!(peer.serial(), again.serial());
}

#[test]
fn each_mistake_has_its_own_line() {
    let pki = Pki::new("north.example");
    let (foreign, south) = (Pki::new("north.example"), Pki::new("south.example"));
    let says = |own: &Credentials, roots: &Roots| {
        check(own, roots, &pki).expect_err("a mistake").to_string()
    };
    let roots = pki.roots();
    let cases = [
        (pki.expired_node("R0D"), &roots, "the certificate expired at 2027-01-10"),
        (pki.coordinator("R0D"), &roots, "is for a coordinator and this is a node"),
        (pki.node("R0A"), &roots, "organisation R0A and the configuration says R0D"),
        (south.node("R0D"), &roots, "belongs to the federation 'south.example'"),
        (foreign.node("R0D"), &roots, "not issued by the federation's authority"),
        (pki.node("R0D"), &south.roots(), "authority's certificate is of the federation 'south"),
    ];
    for (own, roots, line) in cases {
        let said = says(&own, roots);
        assert!(said.contains(line), "{said}");
    }
    let mut early = pki.request("R0D", Role::Node);
    early.now = NOW.plus(DAY);
    let said = says(&pki.issue(&early), &roots);
    assert!(said.contains("not valid before") && said.contains("clock"), "{said}");

    let request = pki.request("R0D", Role::Node);
    let one = pki.authority.issue(&request).expect("issued");
    let two = pki.authority.issue(&request).expect("issued");
    let mixed = Credentials::from_pem(&one.cert_pem, &two.key_pem).expect("a pair");
    assert!(matches!(check(&mixed, &roots, &pki), Err(TrustError::KeyMismatch)));
}

#[test]
fn an_authority_that_has_ended_is_told_though_tls_would_not_look() {
    let pki = Pki::new("north.example");
    let begin = NOW.plus(-400 * DAY);
    let old = Authority::create(&pki.federation, AuthorityKind::Federation, 399, begin)
        .expect("an authority");
    let roots = Roots::from_pem(old.certificate_pem()).expect("roots");
    let said = check(&pki.node("R0D"), &roots, &pki).expect_err("ended").to_string();
    assert!(said.contains("the authority's certificate expired"), "{said}");
    // While authorities change over, the old one may stand beside the new one.
    let both = format!("{}{}", old.certificate_pem(), pki.authority.certificate_pem());
    let both = Roots::from_pem(&both).expect("roots");
    check(&pki.node("R0D"), &both, &pki).expect("the new one is in time");
}

#[test]
fn a_saved_authority_goes_on_issuing() {
    let folder = tempfile::tempdir().expect("a folder");
    let pki = Pki::of_kind("north.example", AuthorityKind::Example);
    pki.authority.save(folder.path()).expect("saved");
    assert!(matches!(pki.authority.save(folder.path()), Err(TrustError::Exists(_))));
    let loaded = Authority::load(folder.path()).expect("loaded");
    assert_eq!(loaded.federation(), &pki.federation);
    assert_eq!(loaded.kind(), AuthorityKind::Example);
    let issued = loaded.issue(&pki.request("R0D", Role::Node)).expect("issued");
    let own = Credentials::from_pem(&issued.cert_pem, &issued.key_pem).expect("a pair");
    assert!(check(&own, &pki.roots(), &pki).expect("in order").issued_by_example_ca());
    assert!(!format!("{issued:?}{loaded:?}{own:?}").contains("PRIVATE"));

    let other = Pki::new("north.example");
    std::fs::write(folder.path().join("ca.pem"), other.authority.certificate_pem())
        .expect("written");
    assert!(matches!(Authority::load(folder.path()), Err(TrustError::KeyMismatch)));
}

#[test]
fn an_authority_refuses_what_it_must_not_issue() {
    let pki = Pki::new("north.example");
    for days in [0, 398] {
        let mut request = pki.request("R0D", Role::Node);
        request.days = days;
        let error = pki.authority.issue(&request).expect_err("refused");
        assert!(error.to_string().contains("1 to 397 days"), "{error}");
    }
    let mut request = pki.request("R0D", Role::Node);
    request.now = NOW.plus(2_960 * DAY);
    let error = pki.authority.issue(&request).expect_err("refused");
    assert!(matches!(error, TrustError::OutlivesAuthority(_)), "{error}");
    for bad in ["a/b", "", ".."] {
        let mut request = pki.request("R0D", Role::Node);
        request.name = bad.to_owned();
        assert!(matches!(pki.authority.issue(&request), Err(TrustError::Peer(_))), "{bad}");
    }
    for bad in ["a b", "", "*"] {
        let mut request = pki.request("R0D", Role::Node);
        request.dns = vec![bad.to_owned()];
        assert!(matches!(pki.authority.issue(&request), Err(TrustError::DnsName(_))), "{bad}");
    }
}

#[test]
fn example_certificates_end_at_the_machine() {
    let example = Pki::of_kind("example", AuthorityKind::Example);
    let real = Pki::new("north.example");
    let peer = |pki: &Pki| {
        Peer::from_certificate(pki.node("R0D").certificate(), &pki.federation).expect("a peer")
    };
    let (example, real) = (peer(&example), peer(&real));
    for (remote, refused) in [
        ("127.0.0.1:1", false),
        ("127.8.9.10:1", false),
        ("[::1]:1", false),
        ("[::ffff:127.0.0.1]:1", false),
        ("10.0.0.7:1", true),
        ("192.168.1.1:1", true),
        ("[fe80::1]:1", true),
        ("[::ffff:10.0.0.7]:1", true),
        ("0.0.0.0:1", true),
    ] {
        let remote = remote.parse().expect("an address");
        assert_eq!(example_refused(&example, remote), refused, "{remote}");
        assert!(!example_refused(&real, remote), "{remote}");
    }
}
