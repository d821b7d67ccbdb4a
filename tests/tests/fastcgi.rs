//! FastCGI end to end: real PHP (php-fpm).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use propylon_tests::{Client, End, LIMIT, Listener, lossy, raw_request, until};

mod fastcgi_support;
use fastcgi_support::{Php, before, gateway, get, read, receive, response, seen, slow_client};

#[test]
fn php_sees_the_request() {
    let fpm = Php::start();
    let more = r#"fastcgi.split_path_info = '^(.+\.php)(/.*)$'
        fastcgi.params = { OWN = "$host!", EMPTY = "$arg_no", OUT = ["$arg_no", "if_not_empty"], IN = ["$arg_a", "if_not_empty"], HTTP_ROLE = "ours" }"#;
    let (_gateway, listen) = fpm.gateway(&fpm.unix(), more, "");
    let request = "GET /index.php/more%20path?a=b&c=%20 HTTP/1.1\r\nHost: a.test\r\nX-Twice: 1\r\nx-twice: 2\r\nCookie: a=1\r\n\
                   Cookie: b=2\r\nProxy: http://evil/\r\nRole: admin\r\nX-Hop: 1\r\nConnection: X-Hop\r\nOwn_: x\r\n\r\n";
    let got = seen(&raw_request(listen, request.as_bytes()).unwrap());
    let www = fpm.path("www").display().to_string();
    let (port, ip) = (listen.port(), listen.ip());
    let wanted = format!(
        "SCRIPT_FILENAME={www}/index.php|SCRIPT_NAME=/index.php|PATH_INFO=/more path|QUERY_STRING=a=b&c=%20|\
         REQUEST_URI=/index.php/more%20path?a=b&c=%20|DOCUMENT_URI=/index.php/more path|DOCUMENT_ROOT={www}|\
         REQUEST_METHOD=GET|REQUEST_SCHEME=http|SERVER_PROTOCOL=HTTP/1.1|SERVER_NAME=a.test|SERVER_PORT={port}|\
         SERVER_ADDR={ip}|GATEWAY_INTERFACE=CGI/1.1|REDIRECT_STATUS=200|HTTP_HOST=a.test|HTTP_X_TWICE=1, 2|\
         HTTP_COOKIE=a=1; b=2|HTTP_ROLE=ours|OWN=a.test!|EMPTY=|IN=b"
    );
    for (name, value) in wanted.split('|').map(|pair| pair.split_once('=').unwrap()) {
        assert_eq!(got.get(name).map(String::as_str), Some(value), "{name} in {got:#?}");
    }
    for name in ["HTTPS", "OUT", "HTTP_PROXY", "HTTP_X_HOP", "HTTP_CONNECTION", "HTTP_OWN_", "REMOTE_USER"] {
        assert_eq!(got.get(name), None, "{name}");
    }
    assert_eq!(seen(&get(listen, "/index.php")).get("PATH_INFO"), None);
}

#[test]
fn a_directory_has_its_index() {
    let fpm = Php::start();
    let (_gateway, listen) = fpm.gateway(&fpm.tcp.to_string(), "", "");
    for path in ["/", "/folder/"] {
        let got = seen(&get(listen, &format!("{path}?x=y")));
        assert_eq!(got["SCRIPT_NAME"], format!("{path}index.php"));
        assert_eq!((&*got["REQUEST_URI"], &*got["QUERY_STRING"]), (&*format!("{path}?x=y"), "x=y"));
    }
    assert_eq!(get(listen, "/files/a.txt").text(), "a file\n");
    assert_eq!(get(listen, "/none.php").status, 404, "php-fpm says so");

    // `index` of the table: for a location that sends everything there.
    let (www, tcp) = (fpm.path("www").display().to_string(), fpm.tcp);
    let table = "fastcgi.index = \"index.php\"";
    let server =
        format!("root = \"{www}\"\n[[server.location]]\nmatch = \"/\"\nfastcgi_pass = \"{tcp}\"\n{table}");
    let (_gateway, listen) = gateway(&server, "");
    let got = seen(&get(listen, "/folder/"));
    assert_eq!((&*got["SCRIPT_NAME"], &*got["DOCUMENT_URI"]), ("/folder/index.php", "/folder/"));
}

#[test]
fn bodies_reach_php() {
    let fpm = Php::start();
    let body: String = (0..300_000).map(|n| format!("{:010}", n * 7)).collect();
    let length = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let all = body.len();
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{all:x}\r\n{body}\r\n0\r\n\r\n");
    let (md5, of_hi, of_none) = (
        "0892e77ea083ebf3b55d505679751190",
        "49f68a5c8493ec2c0bf489821c21fc3b",
        "d41d8cd98f00b204e9800998ecf8427e",
    );
    for more in ["", "buffer.request = false"] {
        let (_gateway, listen) = fpm.gateway(&fpm.unix(), more, "[defaults.upstream]\nbody = \"HTTP's\"");
        let (one, other) = ((length(&body), all, md5), (chunked.clone(), all, md5));
        for (framed, size, md5) in [one, other, (length("hi"), 2, of_hi), (length(""), 0, of_none)] {
            if !more.is_empty() && framed.starts_with("Transfer") {
                continue; // its length cannot be said, and PHP reads no body without one
            }
            let head = "POST /index.php HTTP/1.1\r\nHost: a.test\r\nContent-Type: text/x\r\n";
            let got = seen(&raw_request(listen, format!("{head}{framed}").as_bytes()).unwrap());
            assert_eq!(got["body"], format!("{size} {md5}"), "{more}");
            assert_eq!((&got["CONTENT_LENGTH"], &*got["CONTENT_TYPE"]), (&size.to_string(), "text/x"));
        }
    }
}

#[test]
fn an_unbuffered_body_is_passed_on_as_it_comes() {
    let upstream = Listener::new();
    let (_gateway, listen) = before(&upstream.address().to_string(), "buffer.request = false");
    let mut client = Client::connect(listen).unwrap();
    client
        .send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .unwrap();
    let mut peer = upstream.accept();
    let first = std::iter::from_fn(|| Some(receive(&mut peer))).find(|(kind, _)| *kind == 5);
    assert_eq!(first, Some((5, b"one".to_vec())));
    client.send(b"3\r\ntwo\r\n0\r\n\r\n").unwrap();
    assert_eq!(read(&mut peer).2, b"two");
    peer.send(&response("X: y\n\nboth")).unwrap();
    assert_eq!(client.response(false).unwrap().text(), "both");
}

#[test]
fn responses_of_php() {
    let fpm = Php::start();
    let (gateway, listen) = fpm.gateway(&fpm.unix(), "", "");
    for status in [200, 201, 204, 304, 403, 404, 500, 503] {
        let answer = get(listen, &format!("/index.php?do=status&n={status}"));
        let body = if matches!(status, 204 | 304) { "" } else { "made to order" };
        assert_eq!((answer.status, &*answer.text(), answer.end), (status, body, End::Complete));
    }
    let answer = get(listen, "/index.php?do=reason");
    assert_eq!(lossy(answer.head.start_line()), "HTTP/1.1 404 Gone Fishing");
    assert_eq!(answer.head.field("status"), None);

    for to in ["/there", "http://other.test/"] {
        let answer = get(listen, &format!("/index.php?do=location&to={to}"));
        assert_eq!((answer.status, answer.head.field("location").as_deref()), (302, Some(to)));
    }
    let answer = get(listen, "/index.php?do=length");
    assert_eq!((answer.head.field("content-length").as_deref(), &*answer.text()), (Some("5"), "hello"));
    let answer = get(listen, "/index.php?do=cookies");
    assert_eq!(answer.head.by_name()["set-cookie"], [b"a=b", b"c=d"]);
    assert_eq!(answer.head.field("connection"), None);

    let mut client = Client::connect(listen).unwrap();
    for _ in 0..3 {
        let head = client.ask(b"HEAD /index.php?do=length HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        assert_eq!((head.status, head.head.field("content-length").as_deref()), (200, Some("5")));
        let head = client.ask(b"HEAD /index.php?do=big&n=100 HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        assert_eq!(head.status, 200);
    }
    let lines = gateway.lines("access.log", 12);
    let format = regex::Regex::new(r"^200 \[unix:/\S+/fpm.sock\] \[200\] \[\d+\.\d{3}\] GET ").unwrap();
    assert!(format.is_match(&lines[0]), "{}", lines[0]);
}

#[test]
fn a_slow_client_gets_all_and_php_is_free() {
    let fpm = Php::start();
    for (more, buffered) in [("", true), ("buffer.response = false", false)] {
        let (gateway, listen) = fpm.gateway(&fpm.unix(), more, "");
        slow_client(&gateway, listen, "/index.php", buffered);
    }
}

#[test]
fn what_php_says_on_stderr_is_logged() {
    let fpm = Php::start();
    let (gateway, listen) = fpm.gateway(&fpm.unix(), "", "");
    assert_eq!(get(listen, "/index.php?do=log").text(), "logged");
    assert_eq!(get(listen, "/index.php?do=fatal").status, 500);
    let wanted =
        ["FastCGI sent in stderr: \"PHP message: something is wrong\" while reading", "no_such_function"];
    until("the messages", LIMIT, || {
        wanted.iter().all(|text| gateway.error_log().contains(text)).then_some(())
    });
    let log = gateway.error_log();
    assert!(
        log.contains("request: \"GET /index.php?do=log HTTP/1.1\", upstream: \"fastcgi://unix:/"),
        "{log}"
    );
}

#[test]
fn pages_take_the_place_of_errors_if_intercepted() {
    let fpm = Php::start();
    let pages = "error_page.pages = [{ codes = [404, 502], uri = \"/files/a.txt\" }]\n";
    for (intercept, body) in [(true, "a file\n"), (false, "made to order")] {
        let (_gateway, listen) =
            fpm.gateway(&fpm.unix(), &format!("{pages}error_page.intercept = {intercept}"), "");
        let answer = get(listen, "/index.php?do=status&n=404");
        assert_eq!((answer.status, &*answer.text()), (404, body));
    }
}

#[test]
fn an_internal_redirect_of_php_is_followed() {
    let fpm = Php::start();
    let files = "[[server.location]]\nmatch = \"/files/\"\ninternal = true";
    let (_gateway, listen) = fpm.gateway(&fpm.unix(), files, "");
    assert_eq!(get(listen, "/files/a.txt").status, 404);
    let answer = get(listen, "/index.php?do=accel&to=/files/a.txt");
    assert_eq!((answer.status, &*answer.text()), (200, "a file\n"));
    assert_eq!(answer.head.field("x-accel-redirect"), None);
    // To itself, with other arguments.
    let answer = get(listen, "/index.php?do=accel&to=/folder/index.php%3Fx=y");
    assert_eq!(seen(&answer)["QUERY_STRING"], "x=y");
}
