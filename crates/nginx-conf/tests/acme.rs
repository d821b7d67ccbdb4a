//! nginx-acme: `acme_issuer`, `acme_certificate`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_config::{AcmeChallenge, AcmeKey, Config};
use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(issuer: &str, server: &str) -> Converted {
    let text = format!(
        "events {{}}\nhttp {{\nresolver 127.0.0.1;\n{issuer}\nserver {{ listen 80; return 404; }}\n\
         server {{\nlisten 443 ssl;\n{server}\nreturn 200;\n}}\n}}\n"
    );
    convert(&text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]))
}

fn config(issuer: &str, server: &str) -> Config {
    let converted = converted(issuer, server);
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    let loaded = converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    loaded.config
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|&name| name.into()).collect()
}

/// Why a directive is refused.
fn refused(issuer: &str, server: &str, directive: &str) -> String {
    let converted = converted(issuer, server);
    let line = converted.lines().iter().find(|line| line.directive == directive).unwrap().clone();
    assert_eq!(line.verdict, Verdict::Refused, "{}", line.note);
    line.note
}

const ISSUER: &str = "acme_issuer example {
    uri https://acme.example.com/directory;
    state_path /var/cache/nginx/acme-example;
    accept_terms_of_service;
}";
const VARIABLES: &str = "ssl_certificate $acme_certificate; ssl_certificate_key $acme_certificate_key;
    ssl_certificate_cache max=2;";

#[test]
fn the_example_of_its_readme() {
    let issuer = format!("{ISSUER}\nacme_shared_zone zone=ngx_acme_shared:1M;");
    let server = "server_name .example.test 192.0.2.1 2001:DB8::0:1;\nacme_certificate example;\n";
    let config = config(&issuer, &format!("{server}{VARIABLES}"));
    let acme = config.acme.unwrap();
    assert_eq!(&*acme.directory, "https://acme.example.com/directory");
    assert_eq!(acme.certificates, [names(&["www.example.test", "example.test", "192.0.2.1", "2001:db8::1"])]);
    assert_eq!(acme.challenge, AcmeChallenge::Http01);
    let file = config.servers[1].tls.certificates[0].certificate.source().to_owned();
    assert_eq!(file, "/var/cache/nginx/acme-example/certificates/www.example.test.pem");
}

#[test]
fn every_directive() {
    let issuer = "acme_issuer other { uri https://ca.test/dir; account_key ecdsa:256; challenge tls-alpn;
        contact admin@a.test; contact mailto:b@a.test; common_name_in_csr off; profile short require; external_account_key kid-1 data:c2VjcmV0;
        ssl_trusted_certificate ca.pem; ssl_verify on; }";
    let server =
        format!("server_name a.test ~^b;\nacme_certificate other a.test 10.0.0.1 key=rsa;\n{VARIABLES}");
    let acme = config(issuer, &server).acme.unwrap();
    assert_eq!(acme.state_path.to_string_lossy(), "acme_other");
    assert_eq!((acme.challenge, acme.key), (AcmeChallenge::TlsAlpn01, AcmeKey::Rsa2048));
    assert_eq!(acme.contacts, ["mailto:admin@a.test".into(), "mailto:b@a.test".into()]);
    assert_eq!(acme.certificates, [["a.test".into(), "10.0.0.1".into()]]);
    let external = acme.external_account.unwrap();
    assert_eq!((&*external.id, &*external.key), ("kid-1", "data:c2VjcmV0"));
    assert_eq!(acme.profile.as_deref(), Some("short"));
    assert!(acme.trusted_certificate.unwrap().ends_with("ca.pem") && !acme.accept_terms_of_service);
    let plain = config(ISSUER, &format!("server_name a.test;\nacme_certificate example;\n{VARIABLES}"));
    assert_eq!(plain.acme.unwrap().certificates, [["a.test".into()]]);
}

#[test]
fn what_is_not_built_is_refused() {
    let asks = "server_name a.test;\nacme_certificate example;\nssl_certificate $acme_certificate;";
    assert_eq!(refused("", asks, "acme_certificate"), "define `acme_issuer` before `acme_certificate`");
    let second = ISSUER.replace("example {", "second {");
    let twice = converted(&(ISSUER.to_owned() + &second), asks);
    let refusals = twice.lines().iter().filter(|line| line.verdict == Verdict::Refused);
    let mut notes: Vec<&str> = refusals.map(|line| line.note.as_str()).collect();
    notes.dedup();
    assert_eq!(notes, ["several issuers are not supported: `[acme]` is \"example\""]);
    let other = asks.replace("acme_certificate example", "acme_certificate second");
    let of_other = refused(&(ISSUER.to_owned() + &second), &other, "acme_certificate");
    assert_eq!(of_other, "several issuers are not supported: `[acme]` is \"example\"");
    let of_nobody = refused(ISSUER, &other, "acme_certificate");
    assert_eq!(of_nobody, "unknown issuer \"second\": only \"example\" is defined before this line");
    let off = ISSUER.replace("/var/cache/nginx/acme-example", "off");
    assert!(refused(&off, asks, "state_path").contains("specify a directory"));
    let key = ISSUER.replace("accept_terms_of_service", "account_key rsa:2048");
    assert!(refused(&key, asks, "account_key").contains("ECDSA P-256"));
    for (directive, reason) in [
        ("preferred_chain Root", "the CA's default"),
        ("common_name_in_csr on", "only written to subjectAltName"),
    ] {
        let issuer = ISSUER.replace("accept_terms_of_service", directive);
        let name = directive.split(' ').next().unwrap();
        assert!(refused(&issuer, asks, name).contains(reason), "{directive}");
    }
    let p521 = asks.replace("acme_certificate example", "acme_certificate example key=ecdsa:521");
    assert!(refused(ISSUER, &p521, "acme_certificate").contains("not supported"));
}

#[test]
fn a_profile_is_always_required() {
    let issuer = ISSUER.replace("accept_terms_of_service", "profile short");
    let converted =
        converted(&issuer, &format!("server_name a.test;\nacme_certificate example;\n{VARIABLES}"));
    let line = converted.lines().iter().find(|line| line.directive == "profile").unwrap();
    assert_eq!(line.verdict, Verdict::Different);
    assert!(converted.toml().contains("profile = \"short\""), "{}", converted.toml());
}

#[test]
fn all_certificates_have_one_kind_of_key() {
    let two = |one: &str, other: &str| {
        let server = |name: &str, key: &str| {
            format!("server_name {name};\nacme_certificate example {key};\n{VARIABLES}\n")
        };
        let (one, other) = (server("a.test", one), server("b.test", other));
        converted(ISSUER, &format!("{one}return 200;\n}}\nserver {{\nlisten 443 ssl;\n{other}"))
    };
    let same = two("key=rsa", "key=rsa:2048");
    assert_eq!(same.count(Verdict::Refused), 0, "{}", same.report());
    assert_eq!(two("", "key=ecdsa").count(Verdict::Refused), 0);
    for (one, other, known) in [
        ("key=rsa", "", "rsa:2048"),
        ("", "key=rsa:2048", "ecdsa:256"),
        ("key=rsa", "key=rsa:4096", "rsa:2048"),
    ] {
        let converted = two(one, other);
        let line = converted.lines().iter().find(|line| line.verdict == Verdict::Refused).unwrap();
        assert_eq!(line.directive, "acme_certificate");
        assert!(line.note.contains(&format!("which is already {known}")), "{}", line.note);
    }
}
