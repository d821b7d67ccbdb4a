//! Who clients are, what their certificates say, and how sessions of theirs are resumed; OpenSSL makes what it can.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use propylon_testkit::certificates::{Authority, file};
use propylon_tls::{
    Acceptor, AcceptorBuilder, ClientCertificate, Connector, ConnectorBuilder, Greeting, Handshake, Identity,
    Sessions, accept,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct World {
    directory: TempDir,
    root: Authority,
    sessions: Sessions,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Authority::root("Root");
        let _ = file(directory.path(), "root.pem", &root.certificate);
        let _ = root.server(&["a.test"]).write(directory.path(), "server");
        Self { directory, root, sessions: Sessions::new(100).unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn acceptor(&self) -> AcceptorBuilder {
        Acceptor::builder().identity(self.at("server.pem"), self.at("server.key"))
    }

    fn asking(&self) -> AcceptorBuilder {
        self.acceptor().ask_clients(true).client_certificate(self.at("root.pem"))
    }

    fn connector(&self) -> ConnectorBuilder {
        Connector::builder().verify(true).trusted_certificate(self.at("root.pem")).server_name(true)
    }

    /// What OpenSSL says of it; `{}` in the arguments is the directory.
    fn openssl(&self, arguments: &str) -> String {
        openssl(self.directory.path(), arguments)
    }
}

fn openssl(directory: &Path, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split(' ').map(|one| one.trim_matches('\'')).collect();
    let output = Command::new("openssl")
        .args(&arguments)
        .current_dir(directory)
        .output()
        .unwrap_or_else(|error| panic!("apt-get install openssl: {error}"));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A handshake, and a word each way, so that tickets arrive.
async fn shake(connector: &Connector, acceptor: &Acceptor) -> Result<Handshake, String> {
    let (ours, theirs) = tokio::io::duplex(4096);
    let serve = async {
        let (mut stream, handshake) =
            accept(theirs, |_| Some(acceptor.clone())).await.map_err(|e| e.to_string())?;
        let mut word = [0; 4];
        let _ = stream.read_exact(&mut word).await;
        let _ = stream.write_all(b"pong").await;
        Ok(handshake)
    };
    let ask = async {
        let mut stream = connector.connect(ours, "a.test").await.map_err(|error| error.to_string())?;
        stream.write_all(b"ping").await.map_err(|error| error.to_string())?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(())
    };
    let (handshake, asked) = tokio::join!(serve, ask);
    asked?;
    handshake
}

async fn client(world: &World, name: &str, acceptor: &Acceptor) -> ClientCertificate {
    let identity = (world.at(&format!("{name}.pem")), world.at(&format!("{name}.key")));
    let connector = world.connector().identity(identity.0, identity.1).build().unwrap();
    shake(&connector, acceptor).await.unwrap().client.unwrap().as_ref().clone()
}

#[tokio::test]
async fn who_clients_are_and_why_they_are_not_believed() {
    let world = World::new();
    let directory = world.directory.path();
    let middle = world.root.intermediate("Middle");
    let revoked = world.root.server(&["x"]);
    for (name, identity) in [
        ("good", world.root.server(&["x"])),
        ("expired", world.root.expired_server(&["x"])),
        ("stranger", Authority::root("Stranger").server(&["x"])),
        ("below", Authority::root("Stranger").intermediate("Lost").server(&["x"])),
        ("middle", middle.server(&["x"])),
        ("deep", middle.intermediate("Deep").server(&["x"])),
    ] {
        let _ = identity.write(directory, name);
    }
    let _ = revoked.write(directory, "revoked");
    let _ = file(directory, "root.crl", &world.root.revocation_list(&[&revoked]));
    let acceptor = world.asking().build(&world.sessions).unwrap();
    let listed = world.asking().crl(world.at("root.crl")).build(&world.sessions).unwrap();
    let patient = world.asking().verify_depth(2).build(&world.sessions).unwrap();
    for (name, acceptor, expected) in [
        ("good", &acceptor, ""),
        ("good", &listed, ""),
        ("middle", &acceptor, ""),
        ("deep", &patient, ""),
        ("deep", &acceptor, "(22:certificate chain too long)"),
        ("expired", &acceptor, "(10:certificate has expired)"),
        ("stranger", &acceptor, "(21:unable to verify the first certificate)"),
        ("below", &acceptor, "(20:unable to get local issuer certificate)"),
        ("revoked", &listed, "(23:certificate revoked)"),
    ] {
        let verified = client(&world, name, acceptor).await.verified;
        assert_eq!(verified.err().map(|refusal| refusal.to_string()).unwrap_or_default(), expected, "{name}");
    }
    let silent = shake(&world.connector().build().unwrap(), &acceptor).await.unwrap();
    assert_eq!(silent.client, None, "who shows none is served all the same");
    let unasked = world.acceptor().build(&world.sessions).unwrap();
    let connector = world.connector().identity(world.at("good.pem"), world.at("good.key")).build().unwrap();
    assert_eq!(shake(&connector, &unasked).await.unwrap().client, None);
}

#[tokio::test]
async fn certificates_that_signed_themselves() {
    let world = World::new();
    let new = "req -x509 -newkey rsa:2048 -nodes -days 9";
    for name in ["pinned", "other"] {
        world.openssl(&format!("{new} -subj /CN={name} -out {name}.pem -keyout {name}.key"));
    }
    let acceptor = world.acceptor().ask_clients(true).client_certificate(world.at("pinned.pem"));
    let acceptor = acceptor.build(&world.sessions).unwrap();
    assert_eq!(client(&world, "pinned", &acceptor).await.verified, Ok(()));
    let refused = client(&world, "other", &acceptor).await.verified.unwrap_err();
    assert_eq!(
        (refused.to_string().as_str(), refused.is_for_trust()),
        ("(18:self-signed certificate)", true)
    );
}

#[tokio::test]
async fn what_certificates_say_in_openssls_words() {
    let world = World::new();
    for (name, subject) in [
        ("plain", "/C=DE/ST=Some/L=Place/O=Org, Inc./OU=A+B/CN=client/emailAddress=a@b.test"),
        ("odd", "/DC=test/UID=u1/serialNumber=7/CN= #\"q\";<x>\\\\ä=y "),
        ("several", "/CN=one+OU=two/O=three"),
    ] {
        let directory = world.directory.path();
        let new = "req -x509 -utf8 -newkey rsa:2048 -nodes -days 400 -multivalue-rdn -out";
        let mut arguments: Vec<String> = new.split(' ').map(Into::into).collect();
        arguments.extend([
            format!("{name}.pem"),
            "-keyout".into(),
            format!("{name}.key"),
            "-subj".into(),
            subject.into(),
        ]);
        let made = Command::new("openssl").args(&arguments).current_dir(directory).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let acceptor =
            world.acceptor().ask_clients(true).client_certificate(world.at(&format!("{name}.pem")));
        let client = client(&world, name, &acceptor.build(&world.sessions).unwrap()).await;
        let say = |what: &str| {
            let said = world.openssl(&format!("x509 -noout -in {name}.pem {what}"));
            said.trim_end_matches('\n').split_once('=').unwrap().1.to_owned()
        };
        assert_eq!(client.subject, say("-subject -nameopt RFC2253"));
        assert_eq!(client.issuer, say("-issuer -nameopt RFC2253"));
        assert_eq!(client.subject_legacy, say("-subject -nameopt compat"));
        assert_eq!(client.serial, say("-serial"));
        assert_eq!(client.fingerprint, say("-fingerprint -sha1").replace(':', "").to_lowercase());
        assert_eq!((client.start, client.end), (say("-startdate"), say("-enddate")));
        assert_eq!(client.pem, world.openssl(&format!("x509 -in {name}.pem")));
    }
}

#[tokio::test]
async fn keys_with_passwords() {
    let world = World::new();
    let _ = file(world.directory.path(), "passwords", "wrong\nright\n");
    let _ = file(world.directory.path(), "other", "wrong\n");
    for how in ["aes-256-cbc", "aes128", "des3", "aes256 -v2prf hmacWithSHA1"] {
        world.openssl(&format!("pkcs8 -topk8 -in server.key -out locked.key -v2 {how} -passout pass:right"));
        let identity = Identity::new(world.at("server.pem"), world.at("locked.key"));
        let build = |identity| Acceptor::builder().identity_of(identity).build(&world.sessions);
        let acceptor = build(identity.clone().password_file(world.at("passwords"))).unwrap();
        shake(&world.connector().build().unwrap(), &acceptor).await.unwrap();
        let wrong = build(identity.clone().password_file(world.at("other"))).unwrap_err();
        assert!(wrong.is_fault() && wrong.to_string().contains("no password in"), "{wrong}");
        assert!(build(identity).unwrap_err().to_string().contains("no password file"));
    }
    world.openssl("genrsa -out rsa.key 2048");
    world.openssl("rsa -in rsa.key -out old.key -aes128 -traditional -passout pass:right");
    let old = Identity::new(world.at("server.pem"), world.at("old.key")).password_file(world.at("passwords"));
    let old = Acceptor::builder().identity_of(old).build(&world.sessions).unwrap_err();
    assert!(old.to_string().contains("openssl pkcs8 -topk8"), "{old}");
}

#[tokio::test]
async fn certificates_in_the_place_of_files() {
    let world = World::new();
    let data = |name: &str| format!("data:{}", std::fs::read_to_string(world.at(name)).unwrap());
    let identity = Identity::new(data("server.pem"), data("server.key"));
    assert_eq!(identity.files().count(), 0);
    let none = Acceptor::builder().build(&world.sessions).unwrap();
    let acceptor = none.with_identities([&identity]).unwrap();
    shake(&world.connector().build().unwrap(), &acceptor).await.unwrap();
    let wrong =
        Acceptor::builder().identity(data("server.pem"), "data:secret").build(&world.sessions).unwrap_err();
    assert!(!wrong.to_string().contains("secret"), "{wrong}");
}

#[tokio::test]
async fn whose_sessions_are_resumed() {
    let world = World::new();
    let _ = file(world.directory.path(), "one.key", &"1".repeat(80));
    let _ = file(world.directory.path(), "two.key", &"2".repeat(48));
    let keys = |files: &[&str]| world.sessions.ticket_keys(files.iter().map(|file| world.at(file))).unwrap();
    let forgetful = Sessions::new(0).unwrap();
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let resumed = async |first: Acceptor, second: Acceptor| {
            let connector = world.connector().protocols([protocol]).build().unwrap();
            assert!(!shake(&connector, &first).await.unwrap().resumed, "{protocol}");
            shake(&connector, &second).await.unwrap().resumed
        };
        let plain = |sessions: Sessions| world.acceptor().build(&sessions).unwrap();
        assert!(resumed(plain(world.sessions.clone()), plain(world.sessions.clone())).await, "{protocol}");
        let asking = || world.asking().build(&world.sessions).unwrap();
        assert!(resumed(asking(), asking()).await, "{protocol}");
        assert!(
            !resumed(plain(world.sessions.clone()), asking()).await,
            "{protocol}: it was not asked who it is"
        );
        let others =
            world.asking().trusted_certificate(world.at("server.pem")).build(&world.sessions).unwrap();
        assert!(!resumed(others, asking()).await, "{protocol}: others were believed");
        assert!(resumed(plain(keys(&["one.key"])), plain(keys(&["two.key", "one.key"]))).await, "{protocol}");
        assert!(!resumed(plain(keys(&["one.key"])), plain(keys(&["two.key"]))).await, "{protocol}");
        let without = |sessions| world.acceptor().session_tickets(false).build(sessions).unwrap();
        assert!(
            resumed(without(&world.sessions), without(&world.sessions)).await,
            "{protocol}: remembered here"
        );
        assert!(!resumed(without(&forgetful), without(&forgetful)).await, "{protocol}: nothing is left");
        let brief = || world.acceptor().session_timeout(Duration::ZERO).build(&world.sessions).unwrap();
        assert!(!resumed(brief(), brief()).await, "{protocol}: too old at once");
    }
    let short = world.sessions.ticket_keys([world.at("server.key")]).unwrap_err();
    assert!(short.to_string().contains("48 or 80 bytes"), "{short}");
}

/// The client's certificate is judged by every connection anew: also that of a session which began when it was good.
#[tokio::test]
async fn a_resumed_client_is_judged_anew() {
    let world = World::new();
    let identity = world.root.server(&["x"]);
    let _ = identity.write(world.directory.path(), "client");
    let list = file(world.directory.path(), "root.crl", &world.root.revocation_list(&[]));
    let connector =
        world.connector().identity(world.at("client.pem"), world.at("client.key")).build().unwrap();
    let before = world.asking().crl(&list).build(&world.sessions).unwrap();
    let first = shake(&connector, &before).await.unwrap();
    assert_eq!((first.resumed, first.client.unwrap().verified), (false, Ok(())));
    let _ = file(world.directory.path(), "root.crl", &world.root.revocation_list(&[&identity]));
    let after = world.asking().crl(&list).build(&world.sessions).unwrap();
    let second = shake(&connector, &after).await.unwrap();
    assert_eq!((second.resumed, second.client.unwrap().verified.unwrap_err().code), (true, 23));
}

#[tokio::test]
async fn what_a_handshake_tells() {
    let world = World::new();
    let acceptor =
        world.acceptor().curves(["P-384"]).alpn(["h2", "http/1.1"]).build(&world.sessions).unwrap();
    let connector =
        world.connector().alpn(["http/1.1"]).ciphers("ECDHE-ECDSA-AES128-GCM-SHA256").build().unwrap();
    let handshake = shake(&connector, &acceptor).await.unwrap();
    assert_eq!((&*handshake.curve, handshake.alpn.as_deref()), ("secp384r1", Some(&b"http/1.1"[..])));
    let again = shake(&connector, &acceptor).await.unwrap();
    assert!(handshake.session_id.is_some() && handshake.session_id != again.session_id);
    assert_eq!(&*handshake.offered_curves, "X25519MLKEM768:X25519:prime256v1:secp384r1");
    assert!(
        handshake.offered_ciphers.contains("ECDHE-ECDSA-AES128-GCM-SHA256"),
        "{}",
        handshake.offered_ciphers
    );
}

#[tokio::test]
async fn a_refused_client_is_told_that_nobody_goes_by_that_name() {
    let world = World::new();
    let (ours, theirs) = tokio::io::duplex(4096);
    let refuse = async { Greeting::read(theirs).await.unwrap().refuse().await.unwrap() };
    let connector = world.connector().build().unwrap();
    let (connected, ()) = tokio::join!(connector.connect(ours, "a.test"), refuse);
    let error = connected.unwrap_err().to_string();
    assert!(
        error.contains("UnrecognizedName")
            || error.contains("unrecognised name")
            || error.contains("UnrecognisedName"),
        "{error}"
    );
}

#[tokio::test]
async fn an_ocsp_response_is_passed_on() {
    let world = World::new();
    let not_one = world.acceptor().identity_of(
        Identity::new(world.at("server.pem"), world.at("server.key")).staple(world.at("root.pem")),
    );
    assert!(not_one.build(&world.sessions).unwrap_err().to_string().contains("not an OCSP response"));
}

/// Certificates of version 1 have no extensions, and webpki does not read them: OpenSSL does.
#[tokio::test]
async fn certificates_of_version_1() {
    let world = World::new();
    world.openssl("req -new -newkey rsa:2048 -nodes -subj /CN=old -out old.csr -keyout old.key");
    world.openssl("x509 -req -in old.csr -signkey old.key -out old.pem -days 9");
    assert!(world.openssl("x509 -noout -text -in old.pem").contains("Version: 1 (0x0)"));
    let served = Acceptor::builder().identity(world.at("old.pem"), world.at("old.key"));
    let served = served.build(&world.sessions).unwrap();
    let pinned = world.acceptor().ask_clients(true).client_certificate(world.at("old.pem"));
    let pinned = pinned.build(&world.sessions).unwrap();
    let stranger = world.asking().build(&world.sessions).unwrap();
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let anybody = Connector::builder().protocols([protocol]).build().unwrap();
        shake(&anybody, &served).await.unwrap();
        let shown =
            world.connector().protocols([protocol]).identity(world.at("old.pem"), world.at("old.key"));
        let shown = shown.build().unwrap();
        assert_eq!(shake(&shown, &pinned).await.unwrap().client.unwrap().verified, Ok(()));
        let refused = shake(&shown, &stranger).await.unwrap().client.unwrap().verified.unwrap_err();
        assert_eq!(refused.to_string(), "(18:self-signed certificate)");
    }
    let wrong =
        Acceptor::builder().identity(world.at("old.pem"), world.at("server.key")).build(&world.sessions);
    assert!(matches!(wrong.unwrap_err(), propylon_tls::BuildError::Mismatch { .. }));
}

/// With verification on: issued by somebody who is trusted, and called so in the subject, for there is no other place.
#[tokio::test]
async fn certificates_of_version_1_are_verified() {
    let world = World::new();
    world.openssl("req -new -newkey rsa:2048 -nodes -subj /CN=old.test -out old.csr -keyout old.key");
    let _ = file(world.directory.path(), "root.key", &world.root.key());
    world.openssl("x509 -req -in old.csr -CA root.pem -CAkey root.key -CAcreateserial -out old.pem -days 9");
    world
        .openssl("x509 -req -in old.csr -CA root.pem -CAkey root.key -CAcreateserial -out late.pem -days -1");
    assert!(world.openssl("x509 -noout -text -in old.pem").contains("Version: 1 (0x0)"));
    let _ = file(world.directory.path(), "other.pem", &Authority::root("Other").certificate);
    let _ = file(world.directory.path(), "fake.pem", &Authority::root("Root").certificate);
    let ask = async |certificate: &str, trusted: &str, name: &str| {
        let served = Acceptor::builder().identity(world.at(certificate), world.at("old.key"));
        let served = served.build(&world.sessions).unwrap();
        let careful = Connector::builder().verify(true).trusted_certificate(world.at(trusted));
        let connector = careful.build().unwrap();
        let (ours, theirs) = tokio::io::duplex(4096);
        let accept = async { accept(theirs, |_| Some(served.clone())).await.map(drop) };
        let (connected, _) = tokio::join!(connector.connect(ours, name), accept);
        connected.map(drop).map_err(|error| error.to_string())
    };
    world.openssl("verify -CAfile root.pem -verify_hostname old.test old.pem"); // OpenSSL takes it
    assert_eq!(ask("old.pem", "root.pem", "old.test").await, Ok(()));
    for (certificate, trusted, name, reason) in [
        ("old.pem", "root.pem", "new.test", "does not match \"new.test\""),
        ("late.pem", "root.pem", "old.test", "(10:certificate has expired)"),
        ("old.pem", "other.pem", "old.test", "(21:unable to verify the first certificate)"),
        ("old.pem", "fake.pem", "old.test", "(7:certificate signature failure)"),
    ] {
        let refused = ask(certificate, trusted, name).await.unwrap_err();
        assert!(refused.contains(reason), "{certificate} {trusted} {name}: {refused}");
    }
}
