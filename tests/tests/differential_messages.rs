//! The table of raw messages (`crates/h1/tests/messages`) against nginx and through the gateway: what the table says of
//! nginx is so, what both take they pass on alike, and the gateway takes nothing that nginx refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

#[path = "../../crates/h1/tests/messages/mod.rs"]
mod messages;

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::process::Command;

use messages::Row;
use propylon_tests::{Client, End, Listener, Nginx, Origin, Propylon, Stream, address, printable};

/// What came of a message: a status, `closed`, or `0.9` for an answer without a head; and what the origin got.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    answer: String,
    passed_on: Option<PassedOn>,
}

#[derive(Debug, PartialEq, Eq)]
struct PassedOn {
    line: String,
    body: String,
}

impl Verdict {
    fn is_refusal(&self) -> bool {
        refuses(&self.answer)
    }
}

fn refuses(answer: &str) -> bool {
    answer == "closed" || answer.starts_with(['4', '5'])
}

#[test]
fn nginx_does_what_the_table_says() {
    let origin = Origin::echo();
    let nginx = nginx(origin.address());
    let version = version();
    let mut wrong = Vec::new();
    for row in messages::requests() {
        let got = ask(nginx.1, &origin, row);
        let claims = claims(row, &version);
        let as_claimed = claims.iter().any(|claim| same(row, &got.answer, claim));
        if !as_claimed {
            wrong.push(format!("{:?}: said to be {claims:?}, is {}: {}", row.raw, got.answer, row.why));
        }
        if row.nginx == "=" && !got.is_refusal() && got.passed_on != passed_on(row) {
            wrong.push(format!("{:?}: nginx passes on {:?}", row.raw, got.passed_on));
        }
    }
    assert!(wrong.is_empty(), "nginx {version}: {} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_gateway_takes_nothing_that_nginx_refuses() {
    let origin = Origin::echo();
    let nginx = nginx(origin.address());
    let gateway = gateway(origin.address());
    let mut wrong = Vec::new();
    for row in messages::requests() {
        let (theirs, ours) = (ask(nginx.1, &origin, row), ask(gateway.1, &origin, row));
        if theirs.is_refusal() && !ours.is_refusal() {
            wrong.push(format!("{:?}: nginx {theirs:?}, we {ours:?}: {}", row.raw, row.why));
        }
        // What the core refuses never gets through; what it takes does, unless nginx refuses it as well.
        let core = of_core(row);
        let as_core = if refuses(core) { same(row, &ours.answer, core) } else { !ours.is_refusal() };
        let known = ours.is_refusal() && (theirs.is_refusal() || row.why.contains("the gateway"));
        if !as_core && !known {
            wrong.push(format!("{:?}: the core says {core}, the gateway {}", row.raw, ours.answer));
        }
        if ours.is_refusal() {
            if ours.passed_on.is_some() {
                wrong.push(format!("{:?}: refused and passed on: {:?}", row.raw, ours.passed_on));
            }
        } else if ours.passed_on != passed_on(row) {
            wrong.push(format!("{:?}: we pass on {:?}", row.raw, ours.passed_on));
        } else if !theirs.is_refusal() && theirs.answer != "0.9" && theirs.passed_on != ours.passed_on {
            wrong.push(format!(
                "{:?}: nginx passes on {:?}, we {:?}",
                row.raw, theirs.passed_on, ours.passed_on
            ));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

fn nginx(upstream: SocketAddr) -> (Nginx, SocketAddr) {
    let listen = address();
    let nginx = Nginx::start(&format!(
        "http {{ access_log off; client_max_body_size 0; server {{ listen {listen}; location / {{
            proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}"
    ));
    (nginx, listen)
}

fn gateway(upstream: SocketAddr) -> (Propylon, SocketAddr) {
    let listen = address();
    let gateway = Propylon::start(&format!(
        "[defaults.limit]\nbody_size = \"unlimited\"\n[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\n\
         match = \"/\"\nproxy_pass = \"http://{upstream}\"\n"
    ));
    (gateway, listen)
}

/// Sends the message, and what comes of it. Whoever waits for more of it than there is learns that no more comes.
fn ask(proxy: SocketAddr, origin: &Origin, row: &Row) -> Verdict {
    origin.take();
    let mut stream = Stream::connect(proxy).unwrap();
    // What is refused early may not be read whole.
    let _ = stream.send(&row.bytes());
    if incomplete(row) {
        stream.shutdown(Shutdown::Write);
    }
    let answer = loop {
        match stream.head() {
            Ok(Some(head)) if head.0.starts_with(b"HTTP/1.1 1") => {}
            Ok(Some(head)) if head.0.starts_with(b"HTTP/1.") => break printable(&head.0[9..12]),
            Ok(None) => break "closed".to_owned(),
            Ok(Some(_)) => break "0.9".to_owned(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break "0.9".to_owned(),
            Err(error) => panic!("{:?}: {error}", row.raw),
        }
    };
    let seen = origin.take().into_iter().find(|seen| seen.whole);
    let passed_on =
        seen.map(|seen| PassedOn { line: printable(seen.head.start_line()), body: printable(&seen.body) });
    Verdict { answer, passed_on }
}

/// Whether the message has no end.
fn incomplete(row: &Row) -> bool {
    row.ours.contains("Truncated") || row.ours == "closed" || of_core(row) == "closed"
}

/// What the table says of ourselves, as an answer.
fn of_core(row: &Row) -> &str {
    if row.ours.starts_with(['4', '5']) {
        &row.ours[..3]
    } else if row.ours.contains("Truncated") || row.ours == "closed" {
        "closed"
    } else if row.ours.contains('!') {
        "400"
    } else {
        "200"
    }
}

/// What the table says of this nginx: one answer, or two where it may be before or behind a change; `same` as ours.
fn claims<'a>(row: &'a Row, version: &str) -> Vec<&'a str> {
    let (newest, older) = row.nginx.split_once(" (").unwrap_or((row.nginx, ""));
    let newest = match newest {
        "=" => "same",
        text if text.ends_with("HTTP/0.9") => "0.9",
        text => text.split([' ', ',']).next().unwrap_or_default(),
    };
    match older.trim_end_matches(')').split_once(": ") {
        Some((of, claim)) if version.starts_with(of) => vec![claim],
        Some((_, claim)) => vec![newest, claim],
        None => vec![newest],
    }
}

/// Who left before the end of the message gets an answer or none.
fn same(row: &Row, answer: &str, claim: &str) -> bool {
    let claim = if claim == "same" { of_core(row) } else { claim };
    answer == claim || (incomplete(row) && refuses(answer) && refuses(claim))
}

/// What the table says that an origin gets.
fn passed_on(row: &Row) -> Option<PassedOn> {
    let (head, body) = row.ours.split_once(" body=").unwrap_or((row.ours, ""));
    let body = body.split(" rest=").next().unwrap_or_default().split(" trailers=").next().unwrap_or_default();
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    // Absolute form is for the next hop what it is without scheme and host.
    let target = match target.split_once("://") {
        Some((_, rest)) => match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('?') => format!("/{}", &rest[at..]),
            Some(at) => rest[at..].to_owned(),
            None => "/".to_owned(),
        },
        None => target.to_owned(),
    };
    Some(PassedOn { line: format!("{method} {target} HTTP/1.1"), body: body.to_owned() })
}

fn version() -> String {
    let output = Command::new("/usr/sbin/nginx").arg("-v").output().expect("nginx runs");
    let text = String::from_utf8(output.stderr).unwrap();
    text.rsplit('/').next().unwrap_or_default().trim().to_owned()
}

#[test]
fn responses_come_through_as_the_table_says() {
    let upstream = Listener::new();
    let (nginx, gateway) = (nginx(upstream.address()), gateway(upstream.address()));
    let version = version();
    let mut wrong = Vec::new();
    // Interim responses are looked at in `round_trip`.
    let is_final = |row: &Row| !row.raw.starts_with("HTTP/1.1 1");
    let rows = messages::responses().filter(|(method, row)| *method != "CONNECT" && is_final(row));
    for (method, row) in rows {
        let http_0_9 = row.nginx.ends_with("HTTP/0.9");
        let theirs = relayed(nginx.1, &upstream, method, row, http_0_9);
        let ours = relayed(gateway.1, &upstream, method, row, false);
        let expected = expected(row);
        if ours != expected {
            wrong.push(format!("{:?}: expected {expected}, we {ours}: {}", row.raw, row.why));
        }
        let claimed = claims(row, &version).iter().any(|claim| match *claim {
            "same" => theirs == expected,
            claim => theirs.starts_with(claim),
        });
        if !claimed {
            wrong.push(format!(
                "{:?}: expected {expected}, said {}, nginx {theirs}: {}",
                row.raw, row.nginx, row.why
            ));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Plays the upstream that answers with the row, and says what the client got: `200 ab`, `200 ab cut`, `502`, or `0.9` for
/// the upstream's bytes as they are.
fn relayed(proxy: SocketAddr, upstream: &Listener, method: &str, row: &Row, as_http_0_9: bool) -> String {
    let mut client = Client::connect(proxy).unwrap();
    client.send(format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut peer = upstream.accept();
    peer.head().unwrap().unwrap();
    peer.send(&row.bytes()).unwrap();
    drop(peer);
    if as_http_0_9 {
        let mut raw = Vec::new();
        client.stream().to_end(&mut raw).unwrap();
        return if raw == row.bytes() { "0.9".to_owned() } else { printable(&raw) };
    }
    let head = client.stream().head().unwrap().unwrap();
    let answer = client.body(head, method == "HEAD").unwrap_or_else(|error| panic!("{:?}: {error}", row.raw));
    if answer.status == 502 {
        return "502".to_owned();
    }
    let cut = if answer.end == End::Cut { " cut" } else { "" };
    format!("{} {}{cut}", answer.status, printable(&answer.body))
}

/// What the table says that a client gets.
fn expected(row: &Row) -> String {
    let (head, body) = row.ours.split_once(" body=").unwrap_or((row.ours, ""));
    if !head.starts_with(|char: char| char.is_ascii_digit()) || row.why.contains("the gateway refuses") {
        return "502".to_owned();
    }
    let body = body.split(" rest=").next().unwrap_or_default();
    let (body, cut) = body.split_once(" !").map_or((body, ""), |(body, _)| (body, " cut"));
    format!("{} {body}{cut}", &head[..3])
}
