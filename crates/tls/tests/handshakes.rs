//! A connector and an acceptor in a pipe: who is trusted, who is refused, and why.
#![allow(clippy::unwrap_used, reason = "a test")]

use propylon_testkit::certificates::{Authority, Identity, file};
use propylon_tls::{Acceptor, BuildError, Connector, ConnectorBuilder, Handshake, Sessions, accept};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct World {
    directory: TempDir,
    root: Authority,
    middle: Authority,
    sessions: Sessions,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("Root");
        let middle = root.intermediate("Middle");
        Self { directory: tempfile::tempdir().unwrap(), root, middle, sessions: Sessions::new(100).unwrap() }
    }

    fn acceptor(&self, name: &str, identity: &Identity) -> Acceptor {
        let (certificate, key) = identity.write(self.directory.path(), name);
        Acceptor::builder().identity(certificate, key).alpn(["http/1.1"]).build(&self.sessions).unwrap()
    }

    fn careful(&self) -> ConnectorBuilder {
        let trusted = file(self.directory.path(), "root.pem", &self.root.certificate);
        Connector::builder().verify(true).trusted_certificate(trusted).server_name(true)
    }
}

/// A handshake, and a word each way.
async fn shake(connector: &Connector, name: &str, acceptor: &Acceptor) -> Result<Handshake, String> {
    let (ours, theirs) = tokio::io::duplex(4096);
    let serve = async {
        let (mut stream, handshake) = accept(theirs, |_| Some(acceptor.clone())).await.ok()?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.ok()?;
        stream.write_all(b"pong").await.ok()?;
        Some(handshake)
    };
    let ask = async {
        let mut stream = connector.connect(ours, name).await.map_err(|error| error.to_string())?;
        let mut word = [0; 4];
        stream.write_all(b"ping").await.map_err(|error| error.to_string())?;
        stream.read_exact(&mut word).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(word)
    };
    let (handshake, word) = tokio::join!(serve, ask);
    assert_eq!(&word?, b"pong");
    Ok(handshake.unwrap())
}

#[tokio::test]
async fn who_is_trusted() {
    let world = World::new();
    let direct = world.acceptor("direct", &world.root.server(&["a.test", "127.0.0.1"]));
    let through = world.acceptor("through", &world.middle.server(&["*.a.test"]));
    let careful = world.careful().build().unwrap();
    let handshake = shake(&careful, "a.test", &direct).await.unwrap();
    assert_eq!((handshake.protocol, handshake.server_name.as_deref()), ("TLSv1.3", Some("a.test")));
    assert!(handshake.cipher.starts_with("TLS_"));
    shake(&careful, "127.0.0.1", &direct).await.unwrap();
    shake(&careful, "www.a.test", &through).await.unwrap();
}

#[tokio::test]
async fn who_is_refused_and_why() {
    let world = World::new();
    let (root, middle) = (&world.root, &world.middle);
    let deep = middle.intermediate("Deep").server(&["a.test"]);
    let revoked = root.server(&["a.test"]);
    let list = file(world.directory.path(), "root.crl", &root.revocation_list(&[&revoked]));
    let with_list = world.careful().crl(list).build().unwrap();
    let careful = world.careful().build().unwrap();
    let reason = |number, text| {
        format!("upstream SSL certificate verify error: ({number}:{text}) while SSL handshaking to upstream")
    };
    let stranger = Authority::root("Stranger").server(&["a.test"]);
    for (connector, name, identity, expected) in [
        (&careful, "a.test", &root.expired_server(&["a.test"]), reason(10, "certificate has expired")),
        (&careful, "a.test", &stranger, reason(21, "unable to verify the first certificate")),
        (&careful, "a.test", &deep, reason(22, "certificate chain too long")),
        (&with_list, "a.test", &revoked, reason(23, "certificate revoked")),
        (&with_list, "a.test", &middle.server(&["a.test"]), reason(3, "unable to get certificate CRL")),
        (
            &careful,
            "b.test",
            &root.server(&["a.test"]),
            "upstream SSL certificate does not match \"b.test\" while SSL handshaking to upstream".into(),
        ),
    ] {
        let acceptor = world.acceptor("peer", identity);
        assert_eq!(shake(connector, name, &acceptor).await.unwrap_err(), expected);
    }
    let patient = world.careful().verify_depth(2).build().unwrap();
    shake(&patient, "a.test", &world.acceptor("deep", &deep)).await.unwrap();
    shake(&with_list, "a.test", &world.acceptor("other", &root.server(&["a.test"]))).await.unwrap();
    let careless = Connector::builder().build().unwrap();
    shake(&careless, "/run/app.sock", &world.acceptor("stranger", &stranger)).await.unwrap();
}

#[tokio::test]
async fn sessions_are_resumed_also_by_another_acceptor() {
    let world = World::new();
    let identity = world.root.server(&["a.test"]);
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let connector = world.careful().protocols([protocol]).build().unwrap();
        let (first, second) = (world.acceptor("first", &identity), world.acceptor("second", &identity));
        assert!(!shake(&connector, "a.test", &first).await.unwrap().resumed);
        let again = shake(&connector, "a.test", &second).await.unwrap();
        assert!(again.resumed && again.protocol == protocol, "{protocol}");
        let forgetful = world.careful().protocols([protocol]).session_reuse(false).build().unwrap();
        for _ in 0..2 {
            assert!(!shake(&forgetful, "a.test", &first).await.unwrap().resumed);
        }
    }
}

#[tokio::test]
async fn protocols_and_ciphers_that_do_not_meet() {
    let world = World::new();
    let identity = world.root.server(&["a.test"]).write(world.directory.path(), "only");
    let only_12 = Acceptor::builder().identity(&identity.0, &identity.1).protocols(["TLSv1.2"]);
    let acceptor = only_12.ciphers("ECDHE-ECDSA-AES128-GCM-SHA256").build(&world.sessions).unwrap();
    let handshake = shake(&world.careful().build().unwrap(), "a.test", &acceptor).await.unwrap();
    assert_eq!((handshake.protocol, handshake.cipher), ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"));
    let only_13 = world.careful().protocols(["TLSv1.3"]).build().unwrap();
    let refused = shake(&only_13, "a.test", &acceptor).await.unwrap_err();
    assert!(refused.starts_with("SSL_do_handshake() failed (received fatal alert"), "{refused}");
}

#[tokio::test]
async fn the_name_chooses_and_may_be_refused() {
    let world = World::new();
    let (a, b) = (
        world.acceptor("a", &world.root.server(&["a.test"])),
        world.acceptor("b", &world.root.server(&["b.test"])),
    );
    let careful = world.careful().build().unwrap();
    for (name, served) in [("a.test", true), ("b.test", true), ("c.test", false)] {
        let (ours, theirs) = tokio::io::duplex(4096);
        let choose = |asked: Option<&str>| match asked {
            Some("a.test") => Some(a.clone()),
            Some("b.test") => Some(b.clone()),
            _ => None,
        };
        let (accepted, connected) = tokio::join!(accept(theirs, choose), careful.connect(ours, name));
        assert_eq!((accepted.is_ok(), connected.is_ok()), (served, served), "{name}");
    }
}

#[test]
fn what_cannot_be_made() {
    let world = World::new();
    let directory = world.directory.path();
    let (one, other) = (
        world.root.server(&["a.test"]).write(directory, "one"),
        world.root.server(&["a.test"]).write(directory, "other"),
    );
    let build =
        |certificate, key| Acceptor::builder().identity(certificate, key).build(&world.sessions).unwrap_err();
    let mismatch = build(&one.0, &other.1);
    assert!(matches!(mismatch, BuildError::Mismatch { .. }) && mismatch.is_fault(), "{mismatch}");
    let missing = directory.join("missing.pem");
    assert!(build(&missing, &one.1).is_fault());
    assert!(build(&one.1, &one.1).to_string().contains("no certificate"), "a key is no certificate");
    let encrypted = file(
        directory,
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    assert!(build(&one.0, &encrypted).to_string().contains("the private key is encrypted"), "it says so");
    let wrong = Connector::builder().protocols(["SSLv3"]).build().unwrap_err();
    assert!(!wrong.is_fault() && wrong.to_string().contains("SSLv3"));
    assert!(Connector::builder().ciphers("RC4-SHA").build().is_err());
}

#[tokio::test]
async fn secrets_are_written_where_they_are_wanted() {
    let world = World::new();
    let (certificate, key) = world.root.server(&["a.test"]).write(world.directory.path(), "a");
    let [ours, theirs] = ["ours", "theirs"].map(|name| world.directory.path().join(name));
    std::fs::write(&ours, "what was there\n").unwrap();
    for (protocol, count) in [("TLSv1.2", 1), ("TLSv1.3", 5)] {
        let acceptor = Acceptor::builder().identity(&certificate, &key).key_log(&theirs);
        let acceptor = acceptor.build(&world.sessions).unwrap().with_alpn(["http/1.1"]);
        let connector = world.careful().protocols([protocol]).key_log(&ours).build().unwrap();
        let before = std::fs::read_to_string(&theirs).unwrap().lines().count();
        let handshake = shake(&connector.with_alpn(["http/1.1"]), "a.test", &acceptor).await.unwrap();
        assert_eq!(handshake.protocol, protocol);
        let lines = |file| {
            let mut lines: Vec<_> =
                std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let (ours, theirs) = (lines(&ours), lines(&theirs));
        assert_eq!(theirs.len(), before + count, "{protocol}: {theirs:?}");
        assert!(theirs.iter().all(|line| ours.contains(line)), "{protocol}: {ours:?} {theirs:?}");
        assert!(ours.contains(&"what was there".to_owned()));
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&theirs).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "one that is made is its owner's");
    let nowhere = Connector::builder().key_log(world.directory.path().join("no/where")).build().unwrap_err();
    assert!(nowhere.is_fault(), "{nowhere}");
    shake(&world.careful().build().unwrap(), "a.test", &world.acceptor("b", &world.root.server(&["a.test"])))
        .await
        .unwrap();
    assert_eq!(std::fs::read_to_string(&theirs).unwrap().lines().count(), 6, "nobody wanted those");
}
