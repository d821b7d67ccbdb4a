//! `tls.key_log` and `upstream.tls.key_log`: the secrets of connections, beside those that OpenSSL and another rustls write of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use propylon_tests::{LIMIT, OpensslServer, Propylon, Signal, address, addresses, check, raw_request, until};

mod http3_support;
use http3_support::{Certificates, get, send, speak};

fn lines(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_ascii_lowercase).collect()
}

/// Asks by `openssl s_client`, which has a log of its own.
fn ask(at: SocketAddr, version: &str, log: &Path) {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-servername",
            "a.test",
            version,
            "-connect",
            &at.to_string(),
            "-keylogfile",
        ])
        .arg(log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut request = client.stdin.take().unwrap();
    request.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
    let answer = client.wait_with_output().unwrap();
    drop(request);
    assert!(String::from_utf8_lossy(&answer.stdout).contains(" 204 "), "{answer:?}");
}

#[test]
fn those_of_clients_are_openssls_and_a_reload_opens_the_file_anew() {
    let (certificates, at, dir) = (Certificates::new(), address(), tempfile::tempdir().unwrap());
    let [ours, theirs, old] = ["ours", "theirs", "old"].map(|name| dir.path().join(name));
    let conf = format!(
        "events {{}}\nerror_log error.log warn;\nhttp {{ access_log off;\nserver {{ listen {at} ssl; server_name a.test; return 204;\n\
         ssl_certificate {}; ssl_certificate_key {}; ssl_key_log {}; }} }}\n",
        certificates.at("a.test.pem"),
        certificates.at("a.test.key"),
        ours.display()
    );
    let gateway = Propylon::start_nginx(&conf);
    gateway.tells("keys of TLS connections are written to");
    for version in ["-tls1_2", "-tls1_3"] {
        ask(at, version, &theirs);
    }
    let (written, known) = (lines(&ours), lines(&theirs));
    assert!(written.len() >= 5 && written.is_subset(&known), "{written:?}\n{known:?}");
    assert!(written.iter().any(|line| line.starts_with("client_random ")), "{written:?}");
    assert!(written.iter().any(|line| line.starts_with("client_traffic_secret_0 ")), "{written:?}");

    fs::rename(&ours, &old).unwrap();
    gateway.signal(Signal::HUP);
    until("the file is there again", LIMIT, || ours.exists().then_some(()));
    until("it is in use", LIMIT, || {
        ask(at, "-tls1_3", &theirs);
        (!lines(&ours).is_empty()).then_some(())
    });
    assert!(lines(&ours).is_subset(&lines(&theirs)));
}

#[test]
fn a_file_that_cannot_be_opened_is_told() {
    let (certificates, at) = (Certificates::new(), address());
    let config = format!(
        "[[server]]\nlisten = [\"{at} tls\"]\ntls = {{ certificates = [{{ certificate = \"{}\", key = \"{}\" }}], key_log = \"/no/where\" }}\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [204]\n",
        certificates.at("a.test.pem"),
        certificates.at("a.test.key"),
    );
    let output = check(&config);
    let [printed, told] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(told.contains("fault: cannot open key log: /no/where: "), "{told}");
    assert!(printed.ends_with(": the configuration is valid, with 1 fault\n"), "{printed}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn those_of_upstreams_are_openssls() {
    let (certificates, dir) = (Certificates::new(), tempfile::tempdir().unwrap());
    let [at, upstream] = addresses();
    let [ours, theirs] = ["ours", "theirs"].map(|name| dir.path().join(name));
    let identity = (certificates.at("a.test.pem"), certificates.at("a.test.key"));
    let log = theirs.display().to_string();
    let _server =
        OpensslServer::start(upstream, &["-cert", &identity.0, "-key", &identity.1, "-keylogfile", &log]);
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"warn\"\n[[server]]\nlisten = [\"{at}\"]\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"https://{upstream}\"\n\
         [[server.location]]\nmatch = \"/told/\"\nproxy_pass = \"https://{upstream}/\"\nupstream.tls.key_log = \"{}\"\n",
        ours.display()
    ));
    gateway.tells("keys of TLS connections are written to");
    let ask = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(raw_request(at, request.as_bytes()).unwrap().status, 200, "{path}");
    };
    ask("/");
    assert!(lines(&ours).is_empty(), "only where somebody wants them");
    ask("/told/");
    let (written, known) = (lines(&ours), lines(&theirs));
    assert!(written.len() >= 4 && written.is_subset(&known), "{written:?}\n{known:?}");
}

/// What another rustls knows.
#[derive(Debug, Default)]
struct Known(Mutex<BTreeSet<String>>);

impl rustls::KeyLog for Known {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}", hex(client_random), hex(secret)).to_ascii_lowercase();
        self.0.lock().unwrap().insert(line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_quic_are_its_clients() {
    let (certificates, dir) = (Certificates::new(), tempfile::tempdir().unwrap());
    let file = dir.path().join("keys");
    let rest =
        format!("tls.key_log = \"{}\"\n[[server.location]]\nmatch = \"/\"\nreturn = [204]\n", file.display());
    let (_gateway, at) = http3_support::gateway(&certificates, &rest);
    let (mut client, known) = (certificates.client(None), Arc::new(Known::default()));
    client.tls.key_log = known.clone();
    let mut sender = speak(client.connect(at, "a.test").await.unwrap()).await;
    assert_eq!(send(&mut sender, get("/"), b"").await.unwrap().status(), 204);
    let (written, known) = (lines(&file), known.0.lock().unwrap().clone());
    assert!(written.len() >= 4 && written.is_subset(&known), "{written:?}\n{known:?}");
}
