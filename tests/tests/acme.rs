//! Certificates that come by themselves, from the authority that Let's Encrypt tests clients with.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use propylon_acme::{Challenges, Event, Keeper, Settings, Wanted};
use propylon_testkit::certificates::{Authority, file};
use propylon_testkit::dns::DnsServer;
use propylon_tests::{
    LIMIT, Pebble, PebbleOptions, Propylon, Signal, addresses, binary, check, lossy, raw_request, until,
};
use propylon_tls::{ClientStream, Connector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An authority, the names that it can find, and the directory that a gateway keeps its state in.
struct World {
    directory: tempfile::TempDir,
    dns: DnsServer,
    ca: SocketAddr,
    http: SocketAddr,
    tls: SocketAddr,
}

/// How an authority is that is not as usual.
#[derive(Clone, Copy, Default)]
struct Odd {
    lifetime: Option<u64>,
    more: &'static str,
    refuses_nonces: u8,
}

impl World {
    fn new() -> Self {
        let (directory, dns) = (tempfile::tempdir().unwrap(), DnsServer::start());
        let root = Authority::root("Directory");
        let _ = file(directory.path(), "ca.pem", &root.certificate);
        let [ca, http, tls] = addresses();
        let _ = root.server(&[&ca.ip().to_string()]).write(directory.path(), "pebble");
        let world = Self { directory, dns, ca, http, tls };
        world.names_lead_to(http);
        world
    }

    fn names_lead_to(&self, to: SocketAddr) {
        for name in ["a.test", "www.a.test", "b.test", "blocked.test"] {
            self.dns.host(name, &[&to.ip().to_string()], 60);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn pebble(&self) -> Pebble {
        self.odd_pebble(Odd::default())
    }

    fn odd_pebble(&self, odd: Odd) -> Pebble {
        Pebble::start(&PebbleOptions {
            listen: Some(self.ca),
            identity: (&self.path("pebble.pem"), &self.path("pebble.key")),
            dns: self.dns.addr(),
            http: self.http,
            tls: self.tls,
            lifetime: odd.lifetime.unwrap_or(90 * 86_400),
            more: odd.more,
            refuses_nonces: odd.refuses_nonces,
        })
    }

    /// A server that sends everybody to https, and that one.
    fn config(&self, acme: &str, names: &str) -> String {
        let (http, tls, ca) = (self.http, self.tls, self.ca);
        format!(
            "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
             [acme]\ndirectory = \"https://{ca}/dir\"\nstate_path = \"{}\"\ntrusted_certificate = \"{}\"\n{acme}\n\
             [defaults.access_log]\npath = \"@DIR@/access.log\"\n\
             [[server]]\nlisten = [\"{http}\"]\nname = [{names}]\nreturn = [301, \"https://$host$request_uri\"]\n\
             [[server]]\nlisten = [\"{tls} tls\"]\nname = [{names}]\ntls.acme = true\nreturn = [200, \"secured $ssl_server_name\"]\n",
            self.path("state").display(),
            self.path("ca.pem").display(),
        )
    }

    fn certificate(&self, name: &str) -> PathBuf {
        self.path("state").join("certificates").join(format!("{name}.pem"))
    }
}

const AGREED: &str = "accept_terms_of_service = true\ncontact = [\"hostmaster@a.test\"]";
const BY_TLS: &str = "accept_terms_of_service = true\nchallenge = \"tls-alpn-01\"";

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What verifies what an authority has issued: nobody else is believed.
fn believing(pebble: &Pebble, directory: &Path) -> Connector {
    let root = run(async {
        let socket = TcpStream::connect(pebble.management()).await.unwrap();
        let anybody = Connector::builder().build().unwrap();
        let mut stream = anybody.connect(socket, "localhost").await.unwrap();
        stream.write_all(b"GET /roots/0 HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await; // it does not say goodbye
        lossy(&answer)
    });
    let (_, pem) = root.split_once("\r\n\r\n").unwrap();
    let root = file(directory, "issued-by.pem", pem);
    Connector::builder()
        .verify(true)
        .verify_depth(2)
        .trusted_certificate(root)
        .server_name(true)
        .build()
        .unwrap()
}

async fn connect(
    connector: &Connector,
    at: SocketAddr,
    name: &str,
) -> Result<ClientStream<TcpStream>, String> {
    let socket = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
    connector.connect(socket, name).await.map_err(|error| error.to_string())
}

/// The certificate that is shown to whoever asks for this name.
fn shown(connector: &Connector, at: SocketAddr, name: &str) -> Result<Vec<u8>, String> {
    run(async {
        let stream = connect(connector, at, name).await?;
        Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
    })
}

fn wait_for(connector: &Connector, at: SocketAddr, name: &str) -> Vec<u8> {
    until("a certificate", LIMIT, || shown(connector, at, name).ok())
}

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
    assert!(!gateway.error_log().contains("is asked for a certificate"), "{}", gateway.error_log());
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
        (gateway.error_log().matches("a challenge of ACME was looked at").count() >= 2).then_some(())
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
    let log = gateway.tells("a new certificate for a.test is in force, until");
    assert!(!log.contains("no new certificate"), "{log}");
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
    gateway.tells("no new certificate for a.test: the CA cannot be reached");
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
    gateway.tells("nobody is asked for a certificate for a.test before");
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
    assert!(told.contains("answered here if its challenge is pending; else as follows"), "{told}");
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
        gateway.tells("failures in a row: 1; there is none in force; tried again ");
    }
}

#[test]
fn an_account_is_bound_to_one_that_is_known() {
    let world = World::new();
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let _key = file(world.directory.path(), "eab.key", key);
    let more = ", \"externalAccountMACKeys\": {\"kid-1\": \"zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\"}";
    let pebble = world.odd_pebble(Odd { more, ..Odd::default() });
    let external = format!(
        "{AGREED}\nkey = \"rsa:2048\"\nexternal_account = {{ id = \"kid-1\", key = \"{}\" }}",
        world.path("eab.key").display()
    );
    let gateway = Propylon::start(&world.config(&external, "\"a.test\""));
    let der = wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test");
    let rsa_encryption = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
    assert!(der.windows(9).any(|window| window == rsa_encryption), "the key is as it was wanted");
    fs::remove_file(world.path("eab.key")).unwrap();
    let checked = check(&world.config(&external, "\"a.test\""));
    assert_eq!(checked.status.code(), Some(0), "there is an account: {}", lossy(&checked.stderr));
    drop(gateway);
    fs::remove_dir_all(world.path("state")).unwrap();
    let in_its_place = external.replace(world.path("eab.key").to_str().unwrap(), key);
    let broken = external.replace(world.path("eab.key").to_str().unwrap(), &format!("data:{key}!"));
    for (external, problem) in [
        (&external, "the file of the external account's key cannot be read: No such file"),
        (&in_its_place, "the file of the external account's key cannot be read: No such file"),
        (&broken, "the key of the external account is no base64url"),
    ] {
        let checked = check(&world.config(external, "\"a.test\""));
        let told = lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(2), "{told}");
        assert!(told.contains(&format!("[acme] cannot be used: {problem}")), "{told}");
        assert!(!told.contains(key), "a key is no text for logs: {told}");
    }
}

#[test]
fn a_broken_state_is_set_aside_and_made_anew() {
    let world = World::new();
    let pebble = world.pebble();
    let config = world.config(AGREED, "\"a.test\"");
    let connector = believing(&pebble, world.directory.path());
    drop((Propylon::start(&config), wait_for(&connector, world.tls, "a.test")));
    let whole = fs::read_to_string(world.certificate("a.test")).unwrap();
    let other = Authority::root("Other").server(&["a.test"]);
    let wrong_key = format!("{}{}", other.key, whole.split_once("END PRIVATE KEY-----").unwrap().1);
    for (text, problem) in [
        ("", "there is no certificate in it"),
        ("\u{0}\u{1}garbage", "there is no certificate in it"),
        (whole.get(..whole.len() / 3).unwrap(), ""),
        (&wrong_key, "its key is not the certificate's"),
    ] {
        fs::write(world.certificate("a.test"), text).unwrap();
        let gateway = Propylon::start(&config);
        wait_for(&connector, world.tls, "a.test");
        let log = gateway.tells("a.test.pem.unusable now, and made anew");
        assert!(log.contains(problem), "{log}");
        assert_eq!(fs::read_to_string(world.path("state/certificates/a.test.pem.unusable")).unwrap(), text);
    }
    assert_eq!(pebble.orders(), 5);
    let account = fs::read_dir(world.path("state/accounts")).unwrap().next().unwrap().unwrap().path();
    fs::write(&account, "nonsense").unwrap();
    fs::remove_file(world.certificate("a.test")).unwrap();
    let gateway = Propylon::start(&config);
    wait_for(&connector, world.tls, "a.test");
    gateway.tells("it names no account");
    assert!(fs::read_to_string(&account).unwrap().contains("account: https://"));
}

#[test]
fn a_name_more_is_ordered_while_the_old_certificate_serves() {
    let world = World::new();
    let pebble = world.pebble();
    let gateway = Propylon::start(&world.config(AGREED, "\"a.test\""));
    let connector = believing(&pebble, world.directory.path());
    wait_for(&connector, world.tls, "a.test");
    world.dns.forget("b.test");
    gateway.reload(&world.config(AGREED, "\"a.test\", \"b.test\""));
    gateway.tells("no new certificate for a.test, b.test: the CA could not validate b.test");
    shown(&connector, world.tls, "a.test").unwrap();
    gateway.reload(&world.config(AGREED, "\"a.test\", \"www.a.test\""));
    wait_for(&connector, world.tls, "www.a.test");
    // Another authority is asked at once, too; what the first one has issued serves until then.
    let text = fs::read_to_string(world.certificate("a.test")).unwrap();
    fs::write(
        world.certificate("a.test"),
        text.replacen("directory: https://", "directory: https://other-", 1),
    )
    .unwrap();
    let orders = pebble.orders();
    drop(gateway);
    let _gateway = Propylon::start(&world.config(AGREED, "\"a.test\", \"www.a.test\""));
    shown(&connector, world.tls, "a.test").unwrap();
    until("an order", LIMIT, || (pebble.orders() > orders).then_some(()));
}

#[test]
fn an_account_that_is_gone_is_made_anew_with_the_next_order() {
    let world = World::new();
    let config = world.config(AGREED, "\"a.test\"");
    let pebble = world.pebble();
    drop((
        Propylon::start(&config),
        wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test"),
    ));
    drop(pebble);
    let pebble = world.pebble(); // which has forgotten everything
    fs::remove_file(world.certificate("a.test")).unwrap();
    let gateway = Propylon::start(&config);
    gateway.tells("the CA does not know this account");
    gateway.tells("tried again");
    drop(gateway);
    fs::remove_file(world.path("state/certificates/a.test.retry")).unwrap();
    let _gateway = Propylon::start(&config);
    wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test");
}

/// As two processes do while one hands over to the other, here by the library alone.
#[test]
fn of_those_that_share_a_state_one_orders() {
    let world = World::new();
    let pebble = world.pebble();
    let (asked, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let settings = Settings::new(pebble.directory(), world.path("state"))
        .trusted_certificate(world.path("ca.pem"))
        .agree_to_terms();
    let keeper = |challenges: &Challenges| {
        let (asked, told) = (asked.clone(), told.clone());
        Keeper::builder(settings.clone()).challenges(challenges.clone()).observer(move |event| {
            let count = match event {
                Event::Ordering { .. } => &asked,
                Event::Issued { .. } | Event::Adopted { .. } => &told,
                other => panic!("{other}"),
            };
            count.fetch_add(1, Ordering::Relaxed);
        })
    };
    run(async {
        // They answer for each other: here it does not matter who is asked.
        let challenges = Challenges::new();
        let keepers = [keeper(&challenges).build(), keeper(&challenges).build()];
        let listener = tokio::net::TcpListener::bind(world.http).await.unwrap();
        let serve = async {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 2048];
                let read = socket.read(&mut head).await.unwrap();
                let head = lossy(&head[..read]);
                let answer = challenges.http(head.split(' ').nth(1).unwrap_or_default()).unwrap_or_default();
                let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
                socket.write_all(head.as_bytes()).await.unwrap();
                socket.write_all(&answer).await.unwrap();
            }
        };
        keepers.iter().for_each(|keeper| keeper.keep([Wanted::new(["a.test"]).unwrap()]));
        let both = async {
            while told.load(Ordering::Relaxed) < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = serve => {}
            () = keepers[0].run() => {}
            () = keepers[1].run() => {}
            () = tokio::time::sleep(LIMIT) => panic!("waited in vain: {:?}", keepers[1].status()),
            () = both => {}
        }
        let [one, other] = keepers.map(|keeper| keeper.certificates().get("a.test").unwrap().cert.clone());
        assert_eq!(one, other);
    });
    assert_eq!((asked.load(Ordering::Relaxed), pebble.orders(), pebble.issued()), (1, 1, 1));
}

#[test]
fn who_comes_after_renews_what_is_due() {
    let world = World::new();
    let pebble = world.odd_pebble(Odd { lifetime: Some(6), ..Odd::default() });
    let mut gateway = Propylon::start(&world.config(AGREED, "\"a.test\""));
    wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test");
    gateway.signal(Signal::QUIT);
    gateway.ended(LIMIT);
    let second = Propylon::start(&world.config(AGREED, "\"a.test\""));
    until("a renewal by who came after", LIMIT, || {
        second.error_log().contains("a new certificate").then_some(())
    });
}
