//! Who clients of a TLS listener are, and which certificate they get; nginx with the same certificates beside it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{LIMIT, Nginx, Propylon, Signal, address, addresses, check, lossy, until};
use propylon_tls::{Connector, ConnectorBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct World {
    directory: tempfile::TempDir,
    root: Authority,
}

impl World {
    fn new() -> Self {
        let world = Self { directory: tempfile::tempdir().unwrap(), root: Authority::root("Root") };
        let _ = file(world.path(), "root.pem", &world.root.certificate);
        for name in ["a.test", "b.test", "good"] {
            let _ = world.root.server(&[name]).write(world.path(), name);
        }
        let other = Authority::root("Other");
        let _ = file(world.path(), "other.pem", &other.certificate);
        let _ = other.server(&["x"]).write(world.path(), "other-client");
        let _ = Authority::root("Stranger").server(&["x"]).write(world.path(), "stranger");
        let _ = world.root.expired_server(&["x"]).write(world.path(), "expired");
        let deep = world.root.intermediate("Middle").intermediate("Deep");
        let _ = deep.server(&["x"]).write(world.path(), "deep");
        let revoked = world.root.server(&["x"]);
        let _ = revoked.write(world.path(), "revoked");
        let _ = file(world.path(), "root.crl", &world.root.revocation_list(&[&revoked]));
        world
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    fn connector(&self) -> ConnectorBuilder {
        Connector::builder().server_name(true)
    }

    /// A connector that shows this certificate, or none.
    fn showing(&self, certificate: &str) -> ConnectorBuilder {
        match certificate {
            "" => self.connector(),
            name => {
                self.connector().identity(self.at(&format!("{name}.pem")), self.at(&format!("{name}.key")))
            }
        }
    }

    fn careful(&self) -> ConnectorBuilder {
        self.connector().verify(true).trusted_certificate(self.at("root.pem"))
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let made = Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output();
    let made = made.unwrap_or_else(|error| panic!("apt-get install openssl: {error}"));
    assert!(made.status.success(), "{}", lossy(&made.stderr));
}

/// One request over a TLS connection of its own, for this `Host`: the whole answer.
fn get(connector: &Connector, at: SocketAddr, name: &str, host: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
        let mut stream = connector.connect(socket, name).await.map_err(|error| error.to_string())?;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(|error| error.to_string())?;
        Ok(lossy(&answer))
    })
}

/// The status and the body.
fn gist(answer: Result<String, String>) -> String {
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.trim().to_owned()).unwrap_or_default();
    format!("{status} {body}")
}

const TOLD: &str = "$ssl_client_verify $ssl_client_s_dn $ssl_client_i_dn $ssl_client_serial $ssl_client_fingerprint \
                    $ssl_client_v_start $ssl_client_v_end $ssl_client_v_remain $ssl_client_escaped_cert";

/// Servers that differ in whom they take: name, mode, and more of nginx's and our own words.
const SERVERS: [(&str, &str, &str, &str); 6] = [
    ("off.test", "off", "", ""),
    ("on.test", "on", "ssl_client_certificate ROOT;", "client_certificate = \"ROOT\""),
    ("optional.test", "optional", "ssl_client_certificate ROOT;", "client_certificate = \"ROOT\""),
    ("no-ca.test", "optional_no_ca", "ssl_client_certificate ROOT;", "client_certificate = \"ROOT\""),
    (
        "crl.test",
        "optional",
        "ssl_client_certificate ROOT; ssl_crl CRL;",
        "client_certificate = \"ROOT\"\ntls.crl = \"CRL\"",
    ),
    (
        "two.test",
        "on",
        "ssl_client_certificate ROOT; ssl_trusted_certificate OTHER; ssl_verify_depth 2;",
        "client_certificate = \"ROOT\"\ntls.trusted_certificate = \"OTHER\"\ntls.verify_depth = 2",
    ),
];

fn pair(world: &World) -> (Propylon, SocketAddr, Nginx, SocketAddr) {
    let [ours, theirs] = addresses();
    let named = |text: &str| {
        let text = text.replace("ROOT", &world.at("root.pem")).replace("OTHER", &world.at("other.pem"));
        text.replace("CRL", &world.at("root.crl"))
    };
    let mut toml = "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[defaults.error_page]\nstyle = \"nginx\"\n\
                    [defaults]\nserver_tokens = false\n"
        .to_owned();
    let mut conf = "server_tokens off; ssl_protocols TLSv1.2 TLSv1.3;\n".to_owned();
    for (name, mode, theirs_more, ours_more) in SERVERS {
        let ours_more =
            if ours_more.is_empty() { String::new() } else { format!("tls.{}\n", named(ours_more)) };
        toml.push_str(&format!(
            "[[server]]\nlisten = [\"{ours} tls\"]\nname = [\"{name}\"]\n\
             tls.certificates = [{{ certificate = \"{0}\", key = \"{1}\" }}]\ntls.verify_client = \"{mode}\"\n{ours_more}\
             [[server.location]]\nmatch = \"/\"\nreturn = [200, \"{TOLD}\"]\n",
            world.at("a.test.pem"),
            world.at("a.test.key"),
        ));
        conf.push_str(&format!(
            "server {{ listen {theirs} ssl; server_name {name}; ssl_certificate {}; ssl_certificate_key {};
               ssl_verify_client {mode}; {} return 200 \"{TOLD}\"; }}\n",
            world.at("a.test.pem"),
            world.at("a.test.key"),
            named(theirs_more),
        ));
    }
    let nginx = Nginx::start(&format!("http {{ access_log off; {conf} }}"));
    (Propylon::start(&toml), ours, nginx, theirs)
}

#[test]
fn who_may_be_a_client_is_as_nginx_has_it() {
    let world = World::new();
    let (gateway, ours, _nginx, theirs) = pair(&world);
    for (name, ..) in SERVERS {
        for certificate in ["", "good", "stranger", "expired", "deep", "revoked", "other-client"] {
            for protocol in ["TLSv1.2", "TLSv1.3"] {
                let connector = || world.showing(certificate).protocols([protocol]).build().unwrap();
                let ours = gist(get(&connector(), ours, name, name));
                let theirs = gist(get(&connector(), theirs, name, name));
                // What OpenSSL says of a chain that it did not follow to its end.
                let theirs = match certificate {
                    "deep" => {
                        theirs.replace("unable to get local issuer certificate", "certificate chain too long")
                    }
                    _ => theirs,
                };
                assert_eq!(ours, theirs, "\"{certificate}\" at {name} over {protocol}");
            }
        }
    }
    for expected in [
        "client sent no required SSL certificate while reading client request headers",
        "client SSL certificate verify error: (10:certificate has expired) while reading client request headers",
    ] {
        until(expected, LIMIT, || gateway.error_log().contains(expected).then_some(()));
    }
}

#[test]
fn a_request_for_another_server_than_the_one_that_judged_is_misdirected() {
    let world = World::new();
    let (_gateway, ours, _nginx, theirs) = pair(&world);
    for (name, host) in [
        ("off.test", "on.test"),
        ("optional.test", "on.test"),
        ("on.test", "off.test"),
        ("on.test", "two.test"),
        ("unknown.test", "on.test"),
        ("unknown.test", "off.test"),
    ] {
        let connector = || world.showing("good").build().unwrap();
        let (ours, theirs) =
            (gist(get(&connector(), ours, name, host)), gist(get(&connector(), theirs, name, host)));
        let (ours_status, theirs_status) = (ours.split(' ').next(), theirs.split(' ').next());
        match (name, host) {
            // nginx takes a client that nobody asked for a certificate, and calls it one without.
            ("unknown.test", "on.test") => {
                assert_eq!((ours_status, theirs_status), (Some("421"), Some("400")))
            }
            _ => assert_eq!(ours_status, theirs_status, "{name} {host}"),
        }
    }
}

#[test]
fn sessions_are_not_resumed_where_clients_are_asked() {
    let world = World::new();
    let [open, closed] = addresses();
    let server = |listen: SocketAddr, more: &str| {
        format!(
            "[[server]]\nlisten = [\"{listen} tls\"]\nname = [\"a.test\"]\n\
             tls.certificates = [{{ certificate = \"{0}\", key = \"{1}\" }}]\n{more}\
             [[server.location]]\nmatch = \"/\"\nreturn = [200, \"$ssl_client_verify $ssl_session_reused\"]\n",
            world.at("a.test.pem"),
            world.at("a.test.key")
        )
    };
    let asking =
        format!("tls.verify_client = \"on\"\ntls.client_certificate = \"{}\"\n", world.at("root.pem"));
    let _gateway = Propylon::start(&format!("{}{}", server(open, ""), server(closed, &asking)));
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let connector = world.showing("good").protocols([protocol]).build().unwrap();
        assert_eq!(gist(get(&connector, open, "a.test", "a.test")), "200 NONE .");
        assert_eq!(gist(get(&connector, open, "a.test", "a.test")), "200 NONE r");
        assert_eq!(gist(get(&connector, closed, "a.test", "a.test")), "200 SUCCESS .", "{protocol}");
        assert_eq!(gist(get(&connector, closed, "a.test", "a.test")), "200 SUCCESS r", "{protocol}");
    }
}

#[test]
fn error_pages_know_why_a_client_was_refused() {
    let (world, listen) = (World::new(), address());
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen} tls\"]\ntls.certificates = [{{ certificate = \"{0}\", key = \"{1}\" }}]\n\
         tls.verify_client = \"on\"\ntls.client_certificate = \"{2}\"\n\
         error_page.pages = [{{ codes = [495], uri = \"/bad\" }}, {{ codes = [496], uri = \"/none\", status = 403 }}]\n\
         [[server.location]]\nmatch = \"/bad\"\nreturn = [200, \"bad $ssl_client_verify\"]\n\
         [[server.location]]\nmatch = \"/none\"\nreturn = [200, \"none\"]\n",
        world.at("a.test.pem"),
        world.at("a.test.key"),
        world.at("root.pem"),
    ));
    let bad = gist(get(&world.showing("expired").build().unwrap(), listen, "a.test", "a.test"));
    assert_eq!(bad, "400 bad FAILED:certificate has expired");
    assert_eq!(gist(get(&world.connector().build().unwrap(), listen, "a.test", "a.test")), "403 none");
}

#[test]
fn certificates_with_variables_are_read_when_a_client_comes() {
    let (world, listen) = (World::new(), address());
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\n\
         [map.file]\nkey = \"$ssl_server_name\"\ndefault = \"$ssl_server_name\"\nvalues = {{ \"alias.test\" = \"b.test\" }}\n\
         [[server]]\nlisten = [\"{listen} tls\"]\n\
         tls.certificates = [{{ certificate = \"{0}/$file.pem\", key = \"{0}/$file.key\" }}]\n\
         tls.certificate_cache = {{ valid = \"100ms\" }}\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [200, \"$ssl_server_name\"]\n",
        world.path().display(),
    ));
    let careful = || world.careful().session_reuse(false).build().unwrap();
    for name in ["a.test", "b.test"] {
        assert_eq!(gist(get(&careful(), listen, name, name)), format!("200 {name}"));
    }
    let alias = get(&careful(), listen, "alias.test", "x").unwrap_err();
    assert!(alias.contains("does not match"), "b.test's certificate: {alias}");
    let missing = get(&careful(), listen, "missing.test", "x").unwrap_err();
    assert!(missing.contains("InternalError"), "{missing}");
    until("the reason", LIMIT, || gateway.error_log().contains("missing.test.pem").then_some(()));
    let _ = world.root.server(&["a.test", "new.test"]).write(world.path(), "alias-new");
    for end in ["pem", "key"] {
        std::fs::copy(world.at(&format!("alias-new.{end}")), world.at(&format!("missing.test.{end}")))
            .unwrap();
    }
    let error = get(&careful(), listen, "missing.test", "x").unwrap_err();
    assert!(error.contains("does not match"), "it is there now: {error}");
    let _ = world.root.server(&["b.test", "alias.test"]).write(world.path(), "b.test");
    until("the file that changed", LIMIT, || get(&careful(), listen, "alias.test", "x").ok());
}

#[test]
fn certificates_that_change_are_read_anew_by_themselves() {
    let (world, listen) = (World::new(), address());
    let gateway = Propylon::start(&format!(
        "[runtime]\ncertificate_check = \"50ms\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [[server]]\nlisten = [\"{listen} tls\"]\ntls.certificates = [{{ certificate = \"{0}\", key = \"{1}\" }}]\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [200, \"ok\"]\n",
        world.at("a.test.pem"),
        world.at("a.test.key"),
    ));
    let careful = || world.careful().session_reuse(false).build().unwrap();
    assert_eq!(gist(get(&careful(), listen, "a.test", "x")), "200 ok");
    let _ = world.root.server(&["a.test", "new.test"]).write(world.path(), "a.test");
    until("the new certificate", LIMIT, || get(&careful(), listen, "new.test", "x").ok());
    let _ = file(world.path(), "a.test.key", "no key");
    until("the complaint", LIMIT, || {
        gateway.error_log().contains("cannot reload a changed certificate").then_some(())
    });
    assert_eq!(gist(get(&careful(), listen, "new.test", "x")), "200 ok", "the good one stays");
    gateway.signal(Signal::HUP);
    until("the same from a reload", LIMIT, || {
        let log = gateway.error_log();
        log.lines()
            .any(|line| {
                line.contains("cannot load certificate") && line.ends_with("the previous one stays in use")
            })
            .then_some(())
    });
    let _ = world.root.server(&["newer.test"]).write(world.path(), "a.test");
    until("the good one after it", LIMIT, || get(&careful(), listen, "newer.test", "x").ok());
}

#[test]
fn a_handshake_may_be_rejected() {
    let (world, listen) = (World::new(), address());
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen} tls default_server\"]\ntls.reject_handshake = true\n\
         [[server]]\nlisten = [\"{listen} tls\"]\nname = [\"a.test\"]\n\
         tls.certificates = [{{ certificate = \"{0}\", key = \"{1}\" }}]\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [200, \"$ssl_curve $ssl_ciphers\"]\n",
        world.at("a.test.pem"),
        world.at("a.test.key"),
    ));
    let careful = world.careful().curves(["P-256"]).ciphers("ECDHE-ECDSA-AES128-GCM-SHA256").build().unwrap();
    let told = gist(get(&careful, listen, "a.test", "a.test"));
    assert!(told.starts_with("200 prime256v1 ") && told.contains("ECDHE-ECDSA-AES128-GCM-SHA256"), "{told}");
    let refused = get(&careful, listen, "b.test", "a.test").unwrap_err();
    assert!(refused.contains("UnrecognizedName") || refused.contains("UnrecognisedName"), "{refused}");
}

#[test]
fn all_servers_of_an_address_speak_tls_where_one_says_so() {
    let (world, listen) = (World::new(), address());
    let server = |listen: String, name: &str, protocol: &str| {
        format!(
            "[[server]]\nlisten = [\"{listen}\"]\nname = [\"{name}\"]\ntls.protocols = [\"{protocol}\"]\n\
             tls.certificates = [{{ certificate = \"{0}\", key = \"{1}\" }}]\n\
             [[server.location]]\nmatch = \"/\"\nreturn = [200, \"$ssl_protocol\"]\n",
            world.at(&format!("{name}.pem")),
            world.at(&format!("{name}.key")),
        )
    };
    let first = server(format!("{listen} tls"), "a.test", "TLSv1.2");
    let _gateway = Propylon::start(&(first + &server(listen.to_string(), "b.test", "TLSv1.3")));
    let careful = world.careful().build().unwrap();
    for (name, protocol) in [("a.test", "TLSv1.2"), ("b.test", "TLSv1.3")] {
        assert_eq!(gist(get(&careful, listen, name, name)), format!("200 {protocol}"));
    }
}

#[test]
fn keys_with_passwords_and_stapled_responses() {
    let (world, listen) = (World::new(), address());
    let _ = file(world.path(), "passwords", "wrong\nright\n");
    let _ = file(world.path(), "root.key", &world.root.key());
    openssl(world.path(), "pkcs8 -topk8 -in a.test.key -out locked.key -v2 aes-256-cbc -passout pass:right");
    openssl(world.path(), "ocsp -issuer root.pem -cert a.test.pem -reqout ask.der");
    std::fs::write(world.path().join("index.txt"), "").unwrap();
    openssl(
        world.path(),
        "ocsp -index index.txt -CA root.pem -rsigner root.pem -rkey root.key -reqin ask.der -respout answer.der -ndays 3",
    );
    let text = format!(
        "[[server]]\nlisten = [\"{listen} tls\"]\n\
         tls.certificates = [{{ certificate = \"{0}\", key = \"{1}\", password_file = \"{2}\", staple = \"{3}\" }}]\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [200, \"ok\"]\n",
        world.at("a.test.pem"),
        world.at("locked.key"),
        world.at("passwords"),
        world.at("answer.der"),
    );
    let _gateway = Propylon::start(&text);
    assert_eq!(gist(get(&world.careful().build().unwrap(), listen, "a.test", "x")), "200 ok");
    let seen = Command::new("openssl")
        .args(["s_client", "-connect", &listen.to_string(), "-servername", "a.test", "-status", "-CAfile"])
        .arg(world.path().join("root.pem"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("apt-get install openssl: {error}"));
    let seen = lossy(&seen.stdout);
    assert!(seen.contains("OCSP Response Status: successful (0x0)"), "{seen}");
    let _ = file(world.path(), "passwords", "wrong\n");
    let fault = check(&text);
    assert_eq!(fault.status.code(), Some(2), "{}", lossy(&fault.stderr));
    assert!((lossy(&fault.stdout) + &lossy(&fault.stderr)).contains("no password in"));
}

#[test]
fn ticket_keys_are_shared_by_gateways() {
    let world = World::new();
    for (name, byte) in [("one", b'1'), ("two", b'2')] {
        std::fs::write(world.path().join(name), [byte; 80]).unwrap();
    }
    let start = |keys: &str| {
        let listen = address();
        let keys: Vec<String> = keys.split(' ').map(|key| format!("\"{}\"", world.at(key))).collect();
        let gateway = Propylon::start(&format!(
            "[[server]]\nlisten = [\"{listen} tls\"]\ntls.certificates = [{{ certificate = \"{0}\", key = \"{1}\" }}]\n\
             tls.session_ticket_keys = [{2}]\ntls.session_cache = \"off\"\n\
             [[server.location]]\nmatch = \"/\"\nreturn = [200, \"$ssl_session_reused\"]\n",
            world.at("a.test.pem"),
            world.at("a.test.key"),
            keys.join(", "),
        ));
        (gateway, listen)
    };
    let (old, both, new) = (start("one"), start("two one"), start("two"));
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        for (first, second, reused) in [(&old, &both, "r"), (&both, &new, "r"), (&old, &new, ".")] {
            let connector = world.careful().protocols([protocol]).build().unwrap();
            assert_eq!(gist(get(&connector, first.1, "a.test", "x")), "200 .");
            assert_eq!(gist(get(&connector, second.1, "a.test", "x")), format!("200 {reused}"), "{protocol}");
        }
    }
}
