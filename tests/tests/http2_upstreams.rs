//! HTTP/2 to upstreams: nginx as a peer, in clear text and over TLS, and peers that do what nginx would not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use propylon_testkit::certificates::{Authority, file};
use propylon_testkit::gate::Gate;
use propylon_testkit::http2::{END_STREAM, Frames, Http2Peer, kind};
use propylon_tests::{
    Client, End, LIMIT, Nginx, Propylon, RawResponse, Signal, addresses, check, lossy, on_hyper, raw_request,
    until,
};

/// nginx as an origin that tells what it got.
fn origin(listen: &str, rest: &str) -> Nginx {
    Nginx::start(&format!(
        "http {{ client_max_body_size 0; client_body_buffer_size 64k; {rest}
           server {{ listen {listen}; root @DIR@;
             location / {{ return 200 \"$server_protocol $request_method $scheme $host $request_uri te=$http_te conn=$http_connection ra=$http_x_real_ip\"; }}
             location /length {{ proxy_pass http://unix:@DIR@/len.sock; }}
             location /files/ {{ alias @DIR@/; }}
             location /s204 {{ return 204; }} location /s404 {{ return 404; }} location /s503 {{ return 503; }} }}
           server {{ listen unix:@DIR@/len.sock; location / {{ return 200 $http_content_length; }} }} }}"
    ))
}

/// The gateway before one location's worth of configuration.
fn gateway(listen: SocketAddr, location: &str) -> Propylon {
    Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"debug\"\n\
         [log_format]\ntries = '$status [$upstream_status] [$upstream_addr] $upstream_response_length $request_uri'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"tries\"\n\
         [[server]]\nlisten = [\"{listen}\"]\n{location}"
    ))
}

fn location(to: &str, more: &str) -> String {
    format!(
        "[[server.location]]\nmatch = \"/\"\nproxy_pass = \"{to}\"\nlimit.body_size = \"unlimited\"\n\
         headers.set = {{ Host = \"$host\", \"X-Real-IP\" = \"$remote_addr\" }}\nupstream.http_version = \"2\"\n{more}\n"
    )
}

fn get(at: SocketAddr, target: &str) -> RawResponse {
    raw_request(at, format!("GET {target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap()
}

fn line(gateway: &Propylon, nth: usize) -> String {
    gateway.lines("access.log", nth)[nth - 1].clone()
}

fn logged(gateway: &Propylon, text: &str) {
    until(&format!("`{text}` in the error log"), LIMIT, || gateway.error_log().contains(text).then_some(()));
}

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
fn from_nginx_conf() {
    let [listen, peer] = addresses();
    let _nginx = origin(&format!("{peer} http2"), "");
    let gateway = Propylon::start_nginx(&format!(
        "events {{}} http {{ server {{ listen {listen};
           location / {{ proxy_pass http://{peer}; proxy_http_version 2; proxy_set_header Host $host;
             proxy_set_header Connection \"\"; }} }} }}"
    ));
    assert!(get(listen, "/x").text().starts_with("HTTP/2.0 GET http a.test /x "), "{}", gateway.error_log());
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

#[test]
fn websocket_needs_http_1_1() {
    let output = check(
        "[[server]]\nlisten = [\"8080\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://127.0.0.1:9\"\n\
         upstream = { http_version = \"2\", websocket = true }\n",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(lossy(&output.stderr).contains("`websocket` needs HTTP/1.1"), "{}", lossy(&output.stderr));
}

/// A peer whose requests are answered by `script`.
fn peer<F, Fut>(script: F) -> Http2Peer
where
    F: Fn(usize, Frames) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = std::io::Result<()>> + Send + 'static,
{
    Http2Peer::frames(move |n, mut frames| {
        let script = script.clone();
        async move {
            frames.settings(&[]).await?;
            script(n, frames).await
        }
    })
}

/// The next request, when its body has come.
async fn whole(frames: &mut Frames) -> std::io::Result<u32> {
    let mut frame = frames.next(kind::HEADERS).await?;
    // Its trailers are a head as well; what else comes has no stream.
    while frame.stream == 0 || frame.flags & END_STREAM == 0 {
        frame = frames.read().await?;
        let more = u32::try_from(frame.payload.len()).unwrap();
        if frame.kind == kind::DATA && more > 0 {
            frames.window(0, more).await?;
            frames.window(frame.stream, more).await?;
        }
    }
    Ok(frame.stream)
}

/// Answers every request with "good".
async fn good(mut frames: Frames, count: Arc<AtomicUsize>) -> std::io::Result<()> {
    loop {
        let id = whole(&mut frames).await?;
        count.fetch_add(1, SeqCst);
        frames.answer(id, "good").await?;
    }
}

/// What a bad peer does with a request, once its body has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refuses,
    GoesAway,
    Resets,
    Closes,
    Garbage,
    HugeHead,
    Stalls,
    HalfBody,
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::Refuses,
        Self::GoesAway,
        Self::Resets,
        Self::Closes,
        Self::Garbage,
        Self::HugeHead,
        Self::Stalls,
        Self::HalfBody,
    ];

    async fn commit(self, mut frames: Frames) -> std::io::Result<()> {
        loop {
            let id = whole(&mut frames).await?;
            match self {
                Self::Refuses => frames.reset(id, 7).await?,
                Self::GoesAway => {
                    frames.go_away(id.saturating_sub(2), 0).await?;
                    return frames.hang().await;
                }
                Self::Resets => frames.reset(id, 2).await?,
                Self::Closes => return Ok(()),
                Self::Garbage => frames.bytes(&[0xFF; 64]).await?,
                Self::HugeHead => {
                    frames.head(id, &[(":status", "200"), ("x", &"y".repeat(9000))], true).await?
                }
                Self::Stalls => {}
                Self::HalfBody => {
                    frames.head(id, &[(":status", "200"), ("content-length", "8")], false).await?;
                    frames.data(id, b"half", false).await?;
                    frames.reset(id, 2).await?;
                }
            }
        }
    }

    /// Whether the peer provably did nothing with the request.
    fn is_harmless(self) -> bool {
        matches!(self, Self::Refuses | Self::GoesAway)
    }
}

/// The fault matrix: what the bad peer does × method × body × which peer comes first.
#[test]
fn faults_by_method_and_body() {
    for fault in Fault::ALL {
        for bad_first in [true, false] {
            let served = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&served);
            let bad = peer(move |_, frames| fault.commit(frames));
            let fine = peer(move |_, frames| good(frames, Arc::clone(&count)));
            let [listen] = addresses();
            let (bad_at, good_at) = (bad.addr(), fine.addr());
            let (first, second) = if bad_first { (bad_at, good_at) } else { (good_at, bad_at) };
            let read = if fault == Fault::Stalls { "300ms" } else { "10s" };
            let gateway = gateway(
                listen,
                &(location(
                    "http://pair",
                    &format!(
                        "timeout.read = \"{read}\"\nretry.on = [\"error\", \"timeout\", \"invalid_header\"]"
                    ),
                ) + &format!(
                    "[upstream.pair]\nserver = [{{ address = \"{first}\", max_fails = 0 }}, {{ address = \"{second}\", max_fails = 0 }}]\n"
                )),
            );
            let mut lines = 0;
            for (method, body) in [("GET", 0), ("POST", 0), ("POST", 10), ("POST", 200_000), ("PUT", 200_000)]
            {
                // Round robin: the second of two goes to the other peer first.
                for turn in 0..2 {
                    let before = served.load(SeqCst);
                    let mut request =
                        format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {body}\r\n\r\n")
                            .into_bytes();
                    request.resize(request.len() + body, b'x');
                    let answer = raw_request(listen, &request).unwrap();
                    lines += 1;
                    let log = line(&gateway, lines);
                    let what =
                        format!("{fault:?} {method} {body} turn {turn}, bad first: {bad_first}: {log}");
                    let met_bad = log.contains(&bad_at.to_string());
                    let again = method != "POST" || fault.is_harmless();
                    let done = served.load(SeqCst) - before;
                    if met_bad && fault == Fault::HalfBody {
                        assert_eq!(
                            (answer.status, answer.end, &*answer.body),
                            (200, End::Cut, &b"half"[..]),
                            "{what}"
                        );
                    } else if met_bad && !again {
                        let status = if fault == Fault::Stalls { 504 } else { 502 };
                        assert_eq!((answer.status, done), (status, 0), "{what}");
                        assert!(log.starts_with(&format!("{status} [{status}] [{bad_at}] ")), "{what}");
                    } else {
                        assert_eq!((answer.status, answer.text().as_str(), done), (200, "good", 1), "{what}");
                        let tried = if met_bad {
                            let failed = if fault == Fault::Stalls { 504 } else { 502 };
                            format!("200 [{failed}, 200] [{bad_at}, {good_at}] 0, 4 /")
                        } else {
                            format!("200 [200] [{good_at}] 4 /")
                        };
                        assert_eq!(log, tried, "{what}");
                    }
                }
            }
        }
    }
}

/// As a gRPC call: a stream of messages, a response that is trailers as well, and one that is nothing else.
#[test]
fn calls_with_trailers() {
    let peer = peer(|_, mut frames| async move {
        loop {
            let id = whole(&mut frames).await?;
            if id == 1 {
                frames.head(id, &[(":status", "200"), ("content-type", "application/grpc")], false).await?;
                frames.data(id, b"\0\0\0\0\x02hi", false).await?;
                frames.head(id, &[("grpc-status", "0"), ("grpc-message", "fine")], true).await?;
            } else {
                frames
                    .head(
                        id,
                        &[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")],
                        true,
                    )
                    .await?;
            }
        }
    });
    let [listen] = addresses();
    let _gateway =
        gateway(listen, &location(&format!("http://{}", peer.addr()), "buffer = { request = false }"));
    let mut client = Client::connect(listen).unwrap();
    let head = "POST /svc/Call HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: te\r\n\
                Content-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = client.ask(format!("{head}5\r\n\0\0\0\0\0\r\n0\r\nX-Sum: 1\r\n\r\n").as_bytes()).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"\0\0\0\0\x02hi"[..]));
    // hyper's server passes only trailers that the head has announced.
    let trailers = lossy(&answer.trailers).to_ascii_lowercase();
    assert!(on_hyper() || trailers == "grpc-status: 0\r\ngrpc-message: fine\r\n", "{trailers}");
    let answer = client.ask(format!("{head}0\r\n\r\n").as_bytes()).unwrap();
    assert_eq!((answer.status, answer.head.field("grpc-status").as_deref()), (200, Some("12")));
    assert_eq!(answer.body, b"");
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
fn a_reload_cuts_nothing() {
    let go = Gate::new();
    let gone = go.clone();
    let peer = peer(move |_, mut frames| {
        let gone = gone.clone();
        async move {
            let id = frames.request().await?;
            frames.head(id, &[(":status", "200"), ("content-length", "4")], false).await?;
            frames.data(id, b"ha", false).await?;
            gone.opened().await;
            frames.data(id, b"lf", true).await?;
            let id = frames.request().await?;
            frames.answer(id, "new").await
        }
    });
    let [listen] = addresses();
    let text = |generation: u32| {
        format!(
            "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
             buffer.response = false\nupstream.http_version = \"2\"\n\
             [[server.location]]\nmatch = \"= /generation\"\nreturn = [200, \"{generation}\"]\n",
            peer.addr()
        )
    };
    let gateway = Propylon::start(&("[runtime]\nworkers = 1\n".to_owned() + &text(0)));
    let mut client = Client::connect(listen).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let head = client.stream().head().unwrap().unwrap();
    gateway.rewrite(&("[runtime]\nworkers = 1\n".to_owned() + &text(1)));
    gateway.signal(Signal::HUP);
    until("the reload", LIMIT, || (0..8).all(|_| get(listen, "/generation").text() == "1").then_some(()));
    go.open();
    let answer = client.body(head, false).unwrap();
    assert_eq!((&*answer.body, answer.end), (&b"half"[..], End::Complete));
    assert_eq!(get(listen, "/").text(), "new");
    assert_eq!(peer.accepted(), 1, "the connection is kept over the reload");
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

#[test]
fn explain_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("propylon.toml");
    let text = "[[server]]\nlisten = [\"8080\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://127.0.0.1:9\"\n\
                upstream.http_version = \"2\"\n";
    std::fs::write(&path, text).unwrap();
    let mut explain = std::process::Command::new(propylon_tests::binary());
    let output = explain.arg("explain").arg("--config").arg(path).arg("http://a.test/").output().unwrap();
    let shown = lossy(&output.stdout);
    assert!(
        shown.lines().any(|line| line.contains("http_version = \"2\"") && line.contains("line 6")),
        "{shown}"
    );
}
