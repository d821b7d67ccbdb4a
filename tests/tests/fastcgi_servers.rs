//! FastCGI servers that are wrong, silent, kept, chosen and asked for their health.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use propylon_tests::{Client, End, LIMIT, Listener, Refusing, Stream, lossy, until};

mod fastcgi_support;
use fastcgi_support::{ERR, OUT, Php, always, before, get, read, record, response, seen};

/// A peer that is always wrong in the same way.
fn wrong(bytes: Vec<u8>) -> SocketAddr {
    always(|peer| drop(read(peer)), bytes)
}

#[test]
fn the_next_server_is_tried() {
    let fpm = Php::start();
    let refusing = Refusing::new();
    let caught = [record(ERR, "PHP Fatal error: x\n"), response("X: y\n\nhalf a page")].concat();
    let peers = [
        ("refused", refusing.address(), ""),
        ("no_field", wrong(response("this is no field\n\n")), "upstream sent invalid header"),
        ("no_head", wrong(response("X: y\n")), "upstream prematurely closed FastCGI stdout"),
        ("http", wrong(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), "unsupported FastCGI protocol version: 72"),
        ("busy", wrong(record(3, "\0\0\0\0\u{2}\0\0\0")), "protocol status 2"),
        ("caught", wrong(caught), "upstream wrote a text to stderr"),
        ("closes", wrong(Vec::new()), "prematurely closed connection"),
        ("http_503", wrong(response("Status: 503\n\nbusy")), ""),
    ];
    for (name, bad, message) in peers {
        let retry = "[defaults.retry]\non = [\"error\", \"invalid_header\", \"http_503\"]\nbudget = false\n";
        let first = format!("{retry}[upstream.u]\nserver = [{{ address = \"{bad}\", max_fails = 0 }}");
        let more = "fastcgi.catch_stderr = [\"Fatal error\"]";
        let second = format!(", {{ address = \"{}\", backup = true }}]", fpm.tcp);
        let (gateway, listen) = fpm.gateway("u", more, &(first.clone() + &second));
        assert_eq!(get(listen, "/index.php?do=length").text(), "hello", "{name}");
        let failed = if name == "http_503" { "503" } else { "502" };
        let line = gateway.lines("access.log", 1).remove(0);
        assert!(line.contains(&format!("200 [{bad}, {}] [{failed}, 200] [", fpm.tcp)), "{name}: {line}");
        until(message, LIMIT, || gateway.error_log().contains(message).then_some(()));
        // Alone.
        let (_gateway, listen) = fpm.gateway("u", more, &(first + "]"));
        assert_eq!(get(listen, "/index.php?do=length").status.to_string(), failed, "{name}");
    }
}

#[test]
fn a_server_that_is_silent_is_a_504() {
    let upstream = Listener::new();
    let (gateway, listen) = before(&upstream.address().to_string(), "timeout.read = \"100ms\"");
    assert_eq!(get(listen, "/").status, 504);
    assert!(gateway.lines("access.log", 1)[0].contains("] [504] ["));
    let mut peer = upstream.accept();
    read(&mut peer);
    assert!(Client::over(peer).closed(), "the request is not aborted");
}

#[test]
fn a_response_that_is_cut_is_cut_for_the_client() {
    let part = |head: &str| record(OUT, &format!("{head}\n\npart"));
    let bad_end = [part("X: y"), record(OUT, "")].concat();
    let refused = [part("X: y"), record(3, "\0\0\0\0\u{1}\0\0\0")].concat();
    let short = response("Content-Length: 9\n\npart");
    for bytes in [part("X: y"), part("Content-Length: 9"), bad_end, refused, short] {
        for more in ["", "buffer.response = false"] {
            let (_gateway, listen) = before(&wrong(bytes.clone()).to_string(), more);
            let answer = get(listen, "/");
            assert_eq!((answer.status, answer.end), (200, End::Cut), "{}", lossy(&bytes));
        }
    }
    // More than was said is not passed on.
    let more = wrong(response("Content-Length: 4\n\npart and more")).to_string();
    let (_gateway, listen) = before(&more, "");
    let mut client = Client::connect(listen).unwrap();
    for _ in 0..2 {
        let answer = client.ask(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        assert_eq!((&*answer.text(), answer.end, client.stream().ahead()), ("part", End::Complete, &b""[..]));
    }
}

#[test]
fn connections_are_kept_if_that_is_wanted() {
    let upstream = Listener::new();
    for (more, kept) in [("fastcgi.keep_conn = true", true), ("", false)] {
        let (_gateway, listen) = before(&upstream.address().to_string(), more);
        let mut client = Client::connect(listen).unwrap();
        let mut peer = None;
        for turn in 0..3 {
            client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi").unwrap();
            let mut stream = peer.take().unwrap_or_else(|| upstream.accept());
            let (keep, _, body) = read(&mut stream);
            assert_eq!((keep, &*body), (kept, &b"hi"[..]));
            stream.send(&response(&format!("X: y\n\n{turn}"))).unwrap();
            assert_eq!(client.response(false).unwrap().text(), turn.to_string());
            if kept {
                peer = Some(stream);
            } else {
                assert!(Client::over(stream).closed());
            }
        }
        assert!(upstream.try_accept().is_none());
    }
    let fpm = Php::start();
    let (gateway, listen) = fpm.gateway(&fpm.tcp.to_string(), "fastcgi.keep_conn = true", "");
    let mut client = Client::connect(listen).unwrap();
    let mut processes = BTreeSet::new();
    for turn in 0..20 {
        let ask = format!("POST /index.php?n={turn} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        let got = seen(&client.ask(ask.as_bytes()).unwrap());
        assert_eq!(got["QUERY_STRING"], format!("n={turn}"));
        assert!(got["body"].starts_with("2 "), "{}", got["body"]);
        processes.insert(got["pid"].clone());
    }
    assert_eq!(processes.len(), 1, "a connection is with one process: {processes:?}");
    drop(gateway);
    assert!(Stream::connect(fpm.tcp).is_ok(), "php-fpm is gone");
}

#[test]
fn a_server_may_be_named_by_variables() {
    let fpm = Php::start();
    for (pass, set) in [("$to", format!("set = {{ to = \"{}\" }}", fpm.unix())), ("$arg_to", String::new())] {
        let (_gateway, listen) = fpm.gateway(pass, &set, "");
        let got = seen(&get(listen, &format!("/index.php?to={}", fpm.tcp)));
        assert_eq!(got["SCRIPT_NAME"], "/index.php");
    }
}

#[test]
fn health_is_asked_with_the_ping_of_php_fpm() {
    let fpm = Php::start();
    for (uri, body, well) in [
        ("/ping", "pong", true),
        ("/none", "pong", false),
        ("/./index%2ephp?a", "SCRIPT_NAME=/index.php\n", true),
        ("/index.php", "SERVER_NAME=u\n", true),
        ("/index.php", "HTTP_HOST=u\n", true),
        ("/index.php", "!PATH_INFO", true),
    ] {
        let upstream = format!(
            "[upstream.u]\nserver = [{{ address = \"{}\" }}]\n[upstream.u.health_check]\ninterval = \"20ms\"\nuri = \"{uri}\"\nmandatory = {well}\n\
             match = {{ body = '''{body}''' }}\n",
            fpm.tcp
        );
        let (_gateway, listen) = fpm.gateway("u", "", &upstream);
        until("an answer of its health", LIMIT, || {
            let status = get(listen, "/index.php?do=length").status;
            (status == if well { 200 } else { 502 }).then_some(())
        });
    }
}

#[test]
fn explained() {
    let config = tempfile::NamedTempFile::new().unwrap();
    let text = "[[server]]\nlisten = [\"127.0.0.1:80\"]\n[[server.location]]\nmatch = '~ \\.php$'\n\
                fastcgi_pass = \"unix:/run/php.sock\"\nfastcgi = { keep_conn = true, params = { OWN = \"x\" } }\n";
    fs::write(&config, text).unwrap();
    let mut command = Command::new(propylon_tests::binary());
    let out = lossy(
        &command.args(["explain", "GET", "/a.php", "--config"]).arg(config.path()).output().unwrap().stdout,
    );
    assert!(out.contains("fastcgi") && out.contains("unix:/run/php.sock"), "{out}");
}
