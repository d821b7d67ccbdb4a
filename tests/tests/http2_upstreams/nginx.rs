//! nginx as a peer.

use std::thread;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{Client, End, LIMIT, addresses, raw_request, until};

use crate::support::{gateway, get, line, location, logged, origin};

#[test]
fn nginx_in_clear_text() {
    let [listen, peer] = addresses();
    let nginx = origin(&format!("{peer} http2"), "");
    let gateway = gateway(listen, &location(&format!("http://{peer}"), ""));
    let answer = get(listen, "/a//b?c=%20d");
    assert_eq!(answer.text(), "HTTP/2.0 GET http a.test /a//b?c=%20d te= conn= ra=127.0.0.1");
    assert_eq!(answer.head.field("server").as_deref(), Some("propylon/0.1.0"));
    assert_eq!(line(&gateway, 1), format!("200 [200] [{peer}] {} /a//b?c=%20d", answer.body.len()));

    let asks =
        b"GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: te, close\r\nUpgrade: h2c\r\n\r\n";
    let answer = raw_request(listen, asks).unwrap();
    assert!(answer.text().contains(" te=trailers conn= "), "{}", answer.text());

    // Bodies both ways, larger than any window.
    std::fs::write(nginx.path("big"), vec![b'x'; 5 << 20]).unwrap();
    let answer = get(listen, "/files/big");
    assert_eq!((answer.status, answer.body.len(), answer.end), (200, 5 << 20, End::Complete));
    assert_eq!(answer.head.field("content-length"), Some((5 << 20).to_string()));
    let mut upload =
        format!("PUT /length HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", 3 << 20).into_bytes();
    upload.resize(upload.len() + (3 << 20), b'y');
    assert_eq!(raw_request(listen, &upload).unwrap().text(), (3 << 20).to_string());

    let head = b"HEAD /files/big HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let mut client = Client::connect(listen).unwrap();
    client.send(head).unwrap();
    let answer = client.response(true).unwrap();
    assert_eq!((answer.status, answer.head.field("content-length")), (200, Some((5 << 20).to_string())));
    for status in [204, 404, 503] {
        assert_eq!(get(listen, &format!("/s{status}")).status, status);
    }
}

#[test]
fn requests_at_once_share_a_connection_to_nginx() {
    let [listen, peer] = addresses();
    let nginx = origin(
        &format!("{peer} http2"),
        "keepalive_requests 50; log_format c $connection; access_log @DIR@/peer.log c;",
    );
    let gateway = gateway(
        listen,
        &(location("http://nginx", "")
            + &format!("[upstream.nginx]\nserver = [{{ address = \"{peer}\" }}]\n")),
    );
    let clients: Vec<_> = (0..8)
        .map(|n| {
            thread::spawn(move || {
                let mut client = Client::connect(listen).unwrap();
                for k in 0..100 {
                    // POST: nothing may be sent twice, though nginx goes away every 50 requests.
                    let body = format!("n={n}&k={k}");
                    let request = format!(
                        "POST /?{n}-{k} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let answer = client.ask(request.as_bytes()).unwrap();
                    assert_eq!(answer.status, 200, "{n} {k}");
                    assert!(answer.text().contains(&format!("/?{n}-{k} ")), "{}", answer.text());
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let lines = gateway.lines("access.log", 800);
    assert_eq!(lines.len(), 800);
    let odd: Vec<_> =
        lines.iter().filter(|line| !line.starts_with(&format!("200 [200] [{peer}] "))).collect();
    assert!(odd.is_empty(), "{odd:?}");
    let served = until("every request in nginx's log", LIMIT, || {
        Some(nginx.lines_now("peer.log")).filter(|served| served.len() >= 800)
    });
    assert_eq!(served.len(), 800, "none came twice");
    let connections: std::collections::HashSet<_> = served.iter().collect();
    // At least as many as they must be, and far fewer than one a client and turn.
    assert!((16..=60).contains(&connections.len()), "{} connections", connections.len());
}

#[test]
fn nginx_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let root = Authority::root("Root");
    let trusted = file(directory.path(), "root.pem", &root.certificate);
    let (certificate, key) = root.server(&["a.test"]).write(directory.path(), "a.test");
    let ssl = format!("ssl_certificate {}; ssl_certificate_key {};", certificate.display(), key.display());
    let [listen, peer, old] = addresses();
    let _nginx = origin(&format!("{peer} ssl http2"), &ssl);
    // Speaks HTTP/1.1 only, and cannot be asked for more.
    let _old = origin(&format!("{old} ssl"), &ssl);
    let tls = format!(
        "upstream.tls = {{ verify = true, trusted_certificate = \"{}\", server_name = true, name = \"a.test\" }}",
        trusted.display()
    );
    let locations = location(&format!("https://{peer}"), &tls)
        + &location(&format!("https://{old}"), &tls).replace("match = \"/\"", "match = \"/old/\"");
    let gateway = gateway(listen, &locations);
    for _ in 0..2 {
        assert_eq!(get(listen, "/x").text(), "HTTP/2.0 GET https a.test /x te= conn= ra=127.0.0.1");
    }
    assert_eq!(get(listen, "/old/").status, 502);
    logged(&gateway, "SSL");
    drop(gateway);

    let gateway =
        self::gateway(listen, &location(&format!("https://{peer}"), "upstream.tls = { verify = true }"));
    assert_eq!(get(listen, "/x").status, 502, "nobody trusts this certificate");
    logged(&gateway, "SSL certificate verify error");
}

#[test]
fn what_does_not_speak_http2_is_told_so() {
    let [listen, peer] = addresses();
    let _nginx = origin(&peer.to_string(), "");
    let gateway = gateway(listen, &location(&format!("http://{peer}"), ""));
    assert_eq!(get(listen, "/").status, 502);
    assert_eq!(line(&gateway, 1), format!("502 [502] [{peer}] 0 /"));
    logged(&gateway, "upstream does not speak http2 while reading response header from upstream");
}

/// Nobody can be held up by another client that does not read, and nothing is piled up for it.
#[test]
fn a_client_that_does_not_read() {
    let [listen, peer] = addresses();
    let nginx = origin(&format!("{peer} http2"), "");
    std::fs::write(nginx.path("big"), vec![b'x'; 64 << 20]).unwrap();
    let gateway = gateway(listen, &location(&format!("http://{peer}"), "buffer = { response = false }"));
    assert_eq!(get(listen, "/").status, 200);
    let before = gateway.resident();
    let mut slow: Vec<_> = (0..8)
        .map(|_| {
            let mut client = Client::connect(listen).unwrap();
            client.send(b"GET /files/big HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
            client
        })
        .collect();
    for _ in 0..200 {
        assert_eq!(get(listen, "/").status, 200);
    }
    // Eight of 64 MiB: of each no more than the windows hold, and what the sockets do.
    assert!(gateway.resident() < before + (32 << 10), "{} KiB, before {before}", gateway.resident());
    let answer = slow[0].response(false).unwrap();
    assert_eq!((answer.body.len(), answer.end), (64 << 20, End::Complete));
}

#[test]
fn servers_are_asked_over_http2_whether_they_are_well() {
    let [listen, peer] = addresses();
    let nginx = origin(
        &format!("{peer} http2"),
        "log_format p '$server_protocol $request_uri'; access_log @DIR@/peer.log p;",
    );
    let _gateway = gateway(
        listen,
        &(location("http://nginx", "")
            + &format!(
                "[upstream.nginx]\nserver = [{{ address = \"{peer}\" }}]\n\
                 health_check = {{ interval = \"100ms\", uri = \"/health\", mandatory = true }}\n"
            )),
    );
    let lines = nginx.lines("peer.log", 2);
    assert!(lines.iter().all(|line| line == "HTTP/2.0 /health"), "{lines:?}");
    until("the server to be well", LIMIT, || (get(listen, "/").status == 200).then_some(()));
}
