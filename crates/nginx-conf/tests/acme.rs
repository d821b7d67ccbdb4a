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
    let config =
        config(&issuer, &format!("server_name .example.test;\nacme_certificate example;\n{VARIABLES}"));
    let acme = config.acme.unwrap();
    assert_eq!(&*acme.directory, "https://acme.example.com/directory");
    assert_eq!(acme.certificates, [["www.example.test".into(), "example.test".into()]]);
    assert_eq!(acme.challenge, AcmeChallenge::Http01);
    let file = config.servers[1].tls.certificates[0].certificate.source().to_owned();
    assert_eq!(file, "/var/cache/nginx/acme-example/certificates/www.example.test.pem");
}

#[test]
fn every_directive() {
    let issuer = "acme_issuer other { uri https://ca.test/dir; account_key ecdsa:256; challenge tls-alpn;
        contact admin@a.test mailto:b@a.test; external_account_key kid-1 data:c2VjcmV0;
        ssl_trusted_certificate ca.pem; ssl_verify on; }";
    let server =
        format!("server_name a.test ~^b;\nacme_certificate other a.test 10.0.0.1 key=rsa:2048;\n{VARIABLES}");
    let acme = config(issuer, &server).acme.unwrap();
    assert_eq!(acme.state_path.to_string_lossy(), "acme_other");
    assert_eq!((acme.challenge, acme.key), (AcmeChallenge::TlsAlpn01, AcmeKey::Rsa2048));
    assert_eq!(acme.contacts, ["mailto:admin@a.test".into(), "mailto:b@a.test".into()]);
    assert_eq!(acme.certificates, [["a.test".into(), "10.0.0.1".into()]]);
    let external = acme.external_account.unwrap();
    assert_eq!((&*external.id, &*external.key), ("kid-1", "data:c2VjcmV0"));
    assert!(acme.trusted_certificate.unwrap().ends_with("ca.pem") && !acme.accept_terms_of_service);
    let plain = config(ISSUER, &format!("server_name a.test;\nacme_certificate example;\n{VARIABLES}"));
    assert_eq!(plain.acme.unwrap().certificates, [["a.test".into()]]);
}

#[test]
fn what_is_not_built_is_refused() {
    let asks = "server_name a.test;\nacme_certificate example;\nssl_certificate $acme_certificate;";
    assert_eq!(refused("", asks, "acme_certificate"), "write `acme_issuer` before it");
    let second = ISSUER.replace("example {", "second {");
    let twice = converted(&(ISSUER.to_owned() + &second), asks);
    let refusals = twice.lines().iter().filter(|line| line.verdict == Verdict::Refused);
    let mut notes: Vec<&str> = refusals.map(|line| line.note.as_str()).collect();
    notes.dedup();
    assert_eq!(notes, ["there is one issuer: `[acme]`"]);
    let off = ISSUER.replace("/var/cache/nginx/acme-example", "off");
    assert!(refused(&off, asks, "state_path").contains("give a directory"));
    let key = ISSUER.replace("accept_terms_of_service", "account_key rsa:2048");
    assert!(refused(&key, asks, "account_key").contains("ECDSA on P-256"));
}
