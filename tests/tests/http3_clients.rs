//! HTTP/3 from clients: the crate h3 and a browser at the client's end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::process::Command;

use http::Request;
use propylon_tests::{LIMIT, Nginx, Propylon, address, curl, lossy, until};

mod http3_support;
use http3_support::{Certificates, ask, config, connect, gateway, get, proxies, send, speak};

fn returns(path: &str, text: &str) -> String {
    format!("[[server.location]]\nmatch = \"{path}\"\nreturn = [200, \"{text}\"]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_served_as_over_tcp_and_tells_what_it_came_by() {
    let certificates = Certificates::new();
    let tells = "$server_protocol $request_method $scheme $host $request_uri http3=$http3 http2=$http2 $ssl_protocol $ssl_alpn_protocol $ssl_server_name $remote_addr $server_port $https";
    let (gateway, at) = gateway(&certificates, &returns("/", tells));
    let mut sender = connect(&certificates, at).await;
    let answer = ask(&mut sender, get("/a%20b?c")).await.unwrap();
    assert_eq!(
        answer.text(),
        format!(
            "HTTP/3.0 GET https a.test /a%20b?c http3=h3 http2= TLSv1.3 h3 a.test 127.0.0.1 {} on",
            at.port()
        )
    );
    let headers = answer.head.headers();
    assert!(
        headers.contains_key("date") && headers.contains_key("server") && !headers.contains_key("connection")
    );
    assert_eq!(headers["content-length"], answer.body.len().to_string());
    let head = ask(&mut sender, Request::head("https://a.test/").body(()).unwrap()).await.unwrap();
    assert_eq!((head.status(), head.body.len()), (200, 0));
    assert!(head.head.headers().contains_key("content-length"));
    let lines = gateway.lines("access.log", 2);
    assert_eq!(lines[0], format!("\"GET /a%20b?c HTTP/3.0\" 200 {}", answer.body.len()));
    assert_eq!(lines[1], "\"HEAD / HTTP/3.0\" 200 0");
}

/// TCP and UDP at one address, and who is told of the other by `Alt-Svc`.
#[tokio::test(flavor = "multi_thread")]
async fn both_ways_are_at_one_address() {
    let certificates = Certificates::new();
    let listen = address();
    let text = config(&certificates, listen, &returns("/", "$server_protocol"))
        .replace(&format!("\"{listen} http3\""), &format!("\"{listen} tls http2\", \"{listen} http3\""));
    let text = text
        .replace("[[server]]\n", &format!("[[server]]\nheaders.add.Alt-Svc = 'h3=\":{}\"'\n", listen.port()));
    let _gateway = Propylon::start(&text);
    let resolve = format!("a.test:{}:{}", listen.port(), listen.ip());
    let root = certificates.at("root.pem");
    let url = format!("https://a.test:{}/", listen.port());
    let over_tcp = curl(&["-i", "--resolve", &resolve, "--cacert", &root, &url]).to_ascii_lowercase();
    assert!(
        over_tcp.ends_with("http/2.0") && over_tcp.contains(&format!("alt-svc: h3=\":{}\"", listen.port())),
        "{over_tcp}"
    );
    let answer = ask(&mut connect(&certificates, listen).await, get("/")).await.unwrap();
    assert_eq!(answer.text(), "HTTP/3.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_both_ways_larger_than_any_window() {
    let certificates = Certificates::new();
    let peer = address();
    let nginx = Nginx::start(&format!(
        "http {{ client_max_body_size 0; server {{ listen {peer};
           location / {{ root @DIR@; }}
           location /length {{ proxy_pass http://unix:@DIR@/len.sock; }} }}
         server {{ listen unix:@DIR@/len.sock; location / {{ return 200 $http_content_length; }} }} }}"
    ));
    let big: Vec<u8> = (0..5 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    std::fs::write(nginx.path("big"), &big).unwrap();
    let (gateway, at) = gateway(&certificates, &proxies(peer, ""));
    let mut sender = connect(&certificates, at).await;
    let answer = ask(&mut sender, get("/big")).await.unwrap();
    assert_eq!(answer.head.headers()["content-length"], "5242880");
    assert!(answer.body == big, "every byte in its place");
    let put = Request::put("https://a.test/length").body(()).unwrap();
    assert_eq!(send(&mut sender, put, &big[..3 << 20]).await.unwrap().text(), (3 << 20).to_string());
    let lines = gateway.lines("access.log", 2);
    assert_eq!(lines, ["\"GET /big HTTP/3.0\" 200 5242880", "\"PUT /length HTTP/3.0\" 200 7"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_a_connection() {
    let certificates = Certificates::new();
    let peer = address();
    let _nginx = Nginx::start(&format!(
        "http {{ server {{ listen {peer}; location / {{ return 200 $request_uri; }} }} }}"
    ));
    let (gateway, at) = gateway(&certificates, &proxies(peer, ""));
    let sender = connect(&certificates, at).await;
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..300 {
        let mut sender = sender.clone();
        asking.spawn(async move {
            let path = format!("/{n}");
            assert_eq!(ask(&mut sender, get(&path)).await.unwrap().text(), path);
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
    assert!(gateway.lines("access.log", 300).iter().all(|line| line.contains(" HTTP/3.0\" 200 ")));
}

/// The name chooses certificate and server; what changes in the files counts for whoever comes next.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_chosen_by_name_and_read_anew() {
    let certificates = Certificates::new();
    let listen = address();
    let server = |name: &str| {
        format!(
            "[[server]]\nlisten = [\"{listen} http3\"]\nname = [\"{name}\"]\n{}return = [200, \"{name} $ssl_server_name\"]\n",
            certificates.tls(name)
        )
    };
    let text = format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n{}{}",
        server("a.test"),
        server("b.test")
    );
    let gateway = Propylon::start(&text);
    let client = certificates.client(None);
    for name in ["a.test", "b.test"] {
        let mut sender = speak(client.connect(listen, name).await.unwrap()).await;
        let request = Request::get(format!("https://{name}/")).body(()).unwrap();
        assert_eq!(ask(&mut sender, request).await.unwrap().text(), format!("{name} {name}"));
    }
    assert!(
        client.connect(listen, "c.test").await.is_err(),
        "the default server's certificate is not for it"
    );
    gateway.tells("SSL_do_handshake() failed");
    // Another certificate in the place of the first.
    let before = client.connect(listen, "a.test").await.unwrap();
    let _ = certificates
        .root
        .server(&["a.test", "c.test"])
        .write(std::path::Path::new(&certificates.at("")), "a.test");
    gateway.reload(&text);
    until("the new certificate", LIMIT, || {
        let client = client.clone();
        let connected = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { client.connect(listen, "c.test").await.is_ok() })
        });
        connected.join().unwrap().then_some(())
    });
    let answer = ask(&mut speak(before).await, get("/")).await.unwrap();
    assert_eq!(answer.text(), "a.test a.test", "who was there stays");
}

/// What a client says first takes many packets, and more than is read in one go.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_offer_many_protocols() {
    let certificates = Certificates::new();
    let (_gateway, at) = gateway(&certificates, &returns("/", "$ssl_alpn_protocol"));
    let mut client = certificates.client(None);
    client.tls.alpn_protocols.extend((0..60_u8).map(|n| vec![b'a' + n % 26; 100]));
    let connection = client.connect(at, "a.test").await.unwrap();
    assert_eq!(ask(&mut speak(connection).await, get("/")).await.unwrap().text(), "h3");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_resumed_and_clients_are_known_by_their_certificates() {
    let certificates = Certificates::new();
    let (gateway, at) = gateway(&certificates, &returns("/", "$ssl_session_reused"));
    let client = certificates.client(None);
    let reused = async || {
        let connection = client.connect(at, "a.test").await.unwrap();
        ask(&mut speak(connection).await, get("/")).await.unwrap().text()
    };
    assert_eq!(reused().await, ".");
    assert_eq!(reused().await, "r");
    drop(gateway);

    let verified = format!(
        "tls.verify_client = \"on\"\ntls.client_certificate = \"{}\"\n{}",
        certificates.at("root.pem"),
        returns("/", "$ssl_client_verify $ssl_client_s_dn")
    );
    let (_gateway, at) = self::gateway(&certificates, &verified);
    let who = certificates.root.server(&["client"]);
    let mut known = speak(certificates.client(Some(&who)).connect(at, "a.test").await.unwrap()).await;
    let answer = ask(&mut known, get("/")).await.unwrap();
    assert!(answer.text().starts_with("SUCCESS "), "{}", answer.text());
    let answer = ask(&mut connect(&certificates, at).await, get("/")).await.unwrap();
    assert_eq!(answer.status(), 400, "without one it is refused");
    let stranger = propylon_testkit::certificates::Authority::root("Stranger").server(&["client"]);
    let mut stranger = speak(certificates.client(Some(&stranger)).connect(at, "a.test").await.unwrap()).await;
    assert_eq!(ask(&mut stranger, get("/")).await.unwrap().status(), 400);
}

/// A client that comes from another port, as behind a router that has forgotten it, is still the same, whichever worker is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_moves_keeps_its_connection() {
    let certificates = Certificates::new();
    let listen = address();
    let text =
        format!("[runtime]\nworkers = 4\n{}", config(&certificates, listen, &returns("/", "$connection")));
    let _gateway = Propylon::start(&text);
    let client = certificates.client(None);
    for _ in 0..4 {
        let endpoint = client.endpoint();
        let connection = endpoint.connect(listen, "a.test").unwrap().await.unwrap();
        let mut sender = speak(connection).await;
        let first = ask(&mut sender, get("/")).await.unwrap().text();
        for _ in 0..6 {
            endpoint.rebind(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
            assert_eq!(ask(&mut sender, get("/")).await.unwrap().text(), first);
        }
    }
}

/// Everybody has to show where they are, and can.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_answered() {
    let certificates = Certificates::new();
    for (retry, expected) in [(true, 0x30), (false, 0x00)] {
        let rest = format!("http3.retry = {retry}\nhttp3.gso = false\n{}", returns("/", "ok"));
        let (_gateway, at) = gateway(&certificates, &rest);
        // Between the two ends, to see what the gateway says first.
        let between = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let through = between.local_addr().unwrap();
        let (first, mut firsts) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let (mut packet, mut client) = ([0; 2048], None);
            loop {
                let (length, from) = between.recv_from(&mut packet).await.unwrap();
                if from == at {
                    let _ = first.try_send(packet[0]);
                    between.send_to(&packet[..length], client.unwrap()).await.unwrap();
                } else {
                    client = Some(from);
                    between.send_to(&packet[..length], at).await.unwrap();
                }
            }
        });
        let connection = certificates.client(None).connect(through, "a.test").await.unwrap();
        assert_eq!(ask(&mut speak(connection).await, get("/")).await.unwrap().text(), "ok");
        let first = firsts.recv().await.unwrap();
        assert_eq!(first & 0xb0, 0x80 | expected, "{first:#x}: the type of a packet (RFC 9000 17.2)");
    }
}

/// An engine of QUIC and HTTP/3 of other hands, both ways.
#[test]
fn a_browser_speaks_it() {
    const BROWSER: &str = "/usr/bin/chromium";
    let certificates = Certificates::new();
    let peer = address();
    let nginx = Nginx::start(&format!(
        "http {{ client_max_body_size 0; server {{ listen {peer}; location / {{ root @DIR@; default_type text/html; }}
           location /length {{ proxy_pass http://unix:@DIR@/len.sock; }} }}
         server {{ listen unix:@DIR@/len.sock; location / {{ return 200 \"$request_method $http_content_length\"; }} }} }}"
    ));
    let page = "<body><script>
        const asking = new XMLHttpRequest();
        asking.open('POST', '/length', false);
        asking.send('y'.repeat(300000));
        document.body.textContent = 'result: ' + asking.responseText;
        </script></body>";
    std::fs::write(nginx.path("page"), page).unwrap();
    let (gateway, at) = gateway(&certificates, &proxies(peer, ""));
    // Whoever it does not believe it does not talk to by QUIC: it believes this key.
    let digest = format!(
        "openssl x509 -in {} -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
        certificates.at("a.test.pem")
    );
    let digest = Command::new("sh").args(["-c", &digest]).output().unwrap();
    let output = Command::new(BROWSER)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--enable-quic",
            "--dump-dom",
        ])
        .arg(format!("--origin-to-force-quic-on=a.test:{}", at.port()))
        .arg(format!("--host-resolver-rules=MAP a.test {}", at.ip()))
        .arg(format!("--ignore-certificate-errors-spki-list={}", lossy(&digest.stdout).trim()))
        .arg(format!("--user-data-dir={}", certificates.at("browser")))
        .arg(format!("https://a.test:{}/page", at.port()))
        .output()
        .unwrap_or_else(|error| panic!("{BROWSER}: {error}: apt-get install chromium"));
    let shown = lossy(&output.stdout);
    assert!(shown.contains("result: POST 300000"), "{shown}{}", lossy(&output.stderr));
    let lines = gateway.lines("access.log", 2);
    assert!(lines.iter().any(|line| line == "\"POST /length HTTP/3.0\" 200 11"), "{lines:?}");
}
