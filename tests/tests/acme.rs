//! Certificates that come by themselves, from the authority that Let's Encrypt tests clients with.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use propylon_testkit::certificates::file;
use propylon_tests::{LIMIT, Propylon, binary, check, lossy, raw_request, until};
use propylon_tls::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

mod acme_support;
use acme_support::{AGREED, BY_TLS, Odd, World, believing, connect, run, shown, wait_for};

#[test]
fn http_01_is_answered_before_everything_else() {
    let world = World::new();
    let pebble = world.odd_pebble(Odd { refuses_nonces: 5, ..Odd::default() });
    let config = world.config(AGREED, "\"a.test\", \"www.a.test\"");
    let gateway = Propylon::start(&config);
    let connector = believing(&pebble, world.directory.path());
    let first = wait_for(&connector, world.tls, "a.test");
    assert_eq!(wait_for(&connector, world.tls, "www.a.test"), first, "one certificate has both names");
    assert_eq!((pebble.issued(), pebble.taken()), (1, 1));
    let log = gateway.read("access.log");
    let mut answered = log.lines().filter(|line| line.contains("GET /.well-known/acme-challenge/"));
    assert!(
        answered.clone().count() >= 2 && answered.clone().all(|line| line.contains("\" 200 87 ")),
        "{log}"
    );
    let token = answered.next_back().unwrap().split(' ').nth(6).unwrap().to_owned();
    for path in [&*token, "/.well-known/acme-challenge/none", "/x"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let answer = raw_request(world.http, request.as_bytes()).unwrap();
        assert_eq!(answer.status, 301, "{path} is pending no more, or never was");
    }
    for name in ["state/lock", "state/certificates/a.test.pem"] {
        assert_eq!(fs::metadata(world.path(name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    let names = |directory: &str| fs::read_dir(world.path(directory)).unwrap().count();
    assert_eq!((names("state/certificates"), names("state/accounts")), (1, 1));
    let accounts = fs::read_dir(world.path("state/accounts")).unwrap();
    for account in accounts.map(|entry| entry.unwrap()) {
        assert_eq!(account.metadata().unwrap().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(account.path()).unwrap().contains("contact: mailto:hostmaster@a.test"));
    }
    assert_eq!(fs::metadata(world.path("state")).unwrap().mode() & 0o777, 0o700);

    // Neither a reload nor a restart orders what is there; nor is the authority needed.
    gateway.reload(&config);
    assert_eq!(shown(&connector, world.tls, "a.test").unwrap(), first);
    drop(gateway);
    assert_eq!(pebble.taken(), 1);
    drop(pebble);
    let gateway = Propylon::start(&config);
    assert_eq!(shown(&connector, world.tls, "a.test").unwrap(), first, "from the first moment on");
    assert!(!gateway.error_log().contains("requesting a certificate"), "{}", gateway.error_log());
    let checked = check(&config);
    assert_eq!(checked.status.code(), Some(0), "{}", lossy(&checked.stderr));
}

#[test]
fn tls_alpn_01_is_answered_to_who_asks_for_it() {
    let world = World::new();
    world.names_lead_to(world.tls);
    let pebble = world.pebble();
    let gateway = Propylon::start(&world.config(BY_TLS, "\"a.test\", \"b.test\""));
    let connector = believing(&pebble, world.directory.path());
    let first = wait_for(&connector, world.tls, "b.test");
    assert_eq!(shown(&connector, world.tls, "a.test").unwrap(), first);
    until("the challenges in the log", LIMIT, || {
        (gateway.error_log().matches("an ACME challenge was answered").count() >= 2).then_some(())
    });
    assert!(!gateway.read("access.log").contains("acme-challenge"), "it has asked port 80");
    let asks_acme = Connector::builder().server_name(true).alpn(["acme-tls/1"]).build().unwrap();
    let refused = shown(&asks_acme, world.tls, "a.test").unwrap_err();
    assert!(
        refused.contains("no application protocol") || refused.contains("NoApplicationProtocol"),
        "{refused}"
    );
}

#[test]
fn certificates_are_renewed_and_nobody_is_disturbed() {
    let world = World::new();
    let pebble = world.odd_pebble(Odd { lifetime: Some(15), ..Odd::default() });
    let gateway = Propylon::start(&world.config(AGREED, "\"a.test\""));
    let connector = believing(&pebble, world.directory.path());
    let first = wait_for(&connector, world.tls, "a.test");
    run(async {
        let mut stream = connect(&connector, world.tls, "a.test").await.unwrap();
        let second = until("another certificate", LIMIT, || {
            fs::read_to_string(world.certificate("a.test")).ok().filter(|_| pebble.issued() > 1)
        });
        assert!(second.contains("PRIVATE KEY"));
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(lossy(&answer).ends_with("secured a.test"), "{}", lossy(&answer));
    });
    until("the new certificate in force", LIMIT, || {
        shown(&connector, world.tls, "a.test").ok().filter(|shown| *shown != first)
    });
    let log = gateway.tells("a new certificate for a.test is in use, valid until");
    assert!(!log.contains("cannot obtain a certificate"), "{log}");
}

#[test]
fn a_gateway_starts_without_its_authority_and_leaves_it_in_peace() {
    let world = World::new();
    let config = world.config(AGREED, "\"a.test\"");
    let checked = check(&config);
    assert_eq!(checked.status.code(), Some(2), "a certificate is still to come");
    assert!(
        lossy(&checked.stderr).contains("there is no certificate for a.test yet"),
        "{}",
        lossy(&checked.stderr)
    );
    assert!(!world.path("state").exists(), "who checks leaves nothing behind");
    let gateway = Propylon::start(&config);
    gateway.tells("cannot obtain a certificate for a.test: the CA cannot be reached");
    let redirect = raw_request(world.http, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    assert_eq!(redirect.status, 301, "all else is served");
    let anybody = Connector::builder().server_name(true).build().unwrap();
    assert!(shown(&anybody, world.tls, "a.test").is_err());
    let pebble = world.pebble();
    let connector = believing(&pebble, world.directory.path());
    // One after the other is ordered, the first one first: once there is the second, there was time for the first.
    let more = format!(
        "{config}[[server]]\nlisten = [\"{} tls\"]\nname = [\"b.test\"]\ntls.acme = true\nreturn = [204]\n",
        world.tls
    );
    gateway.reload(&more);
    wait_for(&connector, world.tls, "b.test");
    assert_eq!(pebble.orders(), 1, "a reload is no way round the pause");
    drop(gateway);
    fs::remove_file(world.certificate("b.test")).unwrap();
    let gateway = Propylon::start(&more);
    gateway.tells("no certificate for a.test is requested before");
    wait_for(&connector, world.tls, "b.test");
    assert_eq!(pebble.orders(), 2, "nor is a restart");
    drop(gateway);
    fs::remove_file(world.path("state/certificates/a.test.retry")).unwrap();
    let _gateway = Propylon::start(&config);
    wait_for(&connector, world.tls, "a.test");
}

/// Only the certificate is to come: whatever else is missing is missed as it is where there is no ACME.
#[test]
fn nothing_but_the_certificate_is_awaited() {
    let world = World::new();
    let (ca, gone) = (world.path("ca.pem"), world.path("gone.pem"));
    let (ca, gone) = (ca.to_str().unwrap(), gone.to_str().unwrap());
    for more in [
        format!("tls.verify_client = \"on\"\ntls.client_certificate = \"{gone}\""),
        format!(
            "tls.verify_client = \"on\"\ntls.client_certificate = \"{ca}\"\ntls.trusted_certificate = \"{gone}\""
        ),
        format!("tls.verify_client = \"on\"\ntls.client_certificate = \"{ca}\"\ntls.crl = \"{gone}\""),
        format!("tls.session_ticket_keys = [\"{gone}\"]"),
    ] {
        let config = world.config(AGREED, "\"a.test\"");
        let config = config.replace("tls.acme = true", &format!("tls.acme = true\n{more}"));
        let checked = check(&config);
        let told = lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(2), "{told}");
        assert!(told.contains(&format!("cannot load certificate: {gone}: No such file")), "{more}: {told}");
        assert!(!told.contains("there is no certificate for a.test yet"), "{told}");
        let file = file(
            world.directory.path(),
            "strict.toml",
            &config.replace("@DIR@", world.directory.path().to_str().unwrap()),
        );
        let mut strict = Command::new("timeout");
        strict.arg("20").arg(binary()).args(["run", "--strict", "--config"]).arg(file);
        let strict = strict.output().unwrap();
        assert_eq!(strict.status.code(), Some(1), "{more}: {}", lossy(&strict.stderr));
        assert!(lossy(&strict.stderr).contains(gone), "{more}: {}", lossy(&strict.stderr));
    }
}

#[test]
fn it_is_explained_who_answers_challenges() {
    let world = World::new();
    let text = "[acme]\nstate_path = \"/x\"\ndirectory = \"https://ca.test/\"\n[[server]]\nlisten = [\"80\", \"443 tls\"]\n\
                name = [\"a.test\"]\ntls.acme = true\nreturn = [204]\n";
    let config = file(world.directory.path(), "explain.toml", text);
    let explain = |path: &str| {
        let url = format!("http://a.test{path}");
        let told =
            Command::new(binary()).args(["explain", "--config"]).arg(&config).arg(url).output().unwrap();
        assert!(told.status.success(), "{}", lossy(&told.stderr));
        lossy(&told.stdout)
    };
    let told = explain("/.well-known/acme-challenge/x");
    assert!(told.contains("by [acme], line 1: a certificate for a.test"), "{told}");
    assert!(told.contains("answered here if the challenge is pending; otherwise as follows"), "{told}");
    assert!(!explain("/x").contains("its challenge"));
}

#[test]
fn what_an_authority_refuses_is_said_with_its_reason() {
    let world = World::new();
    let _pebble =
        world.odd_pebble(Odd { more: ", \"domainBlocklist\": [\"blocked.test\"]", ..Odd::default() });
    for (acme, names, reason) in [
        (AGREED, "\"blocked.test\"", "urn:ietf:params:acme:error:rejectedIdentifier"),
        (AGREED, "\"nowhere.test\"", "the CA could not validate nowhere.test: "),
        ("", "\"a.test\"", "urn:ietf:params:acme:error:agreementRequired"),
        (
            "accept_terms_of_service = true\ncontact = [\"tel:1\"]",
            "\"a.test\"",
            "urn:ietf:params:acme:error:unsupportedContact",
        ),
    ] {
        let _ = fs::remove_dir_all(world.path("state"));
        let gateway = Propylon::start(&world.config(acme, names));
        gateway.tells(reason);
        gateway.tells("consecutive failures: 1; no certificate is in use; next attempt at ");
    }
}
