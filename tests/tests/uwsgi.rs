//! uwsgi end to end: real Python (uWSGI), over uwsgi and, where it is the same, over SCGI.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{Client, End, LIMIT, Listener, Origin, Uwsgi, address, lossy, raw_request, until};

mod cgi_support;
mod fastcgi_support;
use cgi_support::Application;
use fastcgi_support::{gateway, get, seen, slow_client};

#[test]
fn the_application_sees_the_request() {
    let application = Application::start();
    let params = r#"params = { OWN = "$host!", EMPTY = "$arg_no", OUT = ["$arg_no", "if_not_empty"], IN = ["$arg_a", "if_not_empty"], HTTP_ROLE = "ours" }"#;
    for (table, pass) in [
        ("uwsgi", application.unix()),
        ("uwsgi", format!("uwsgi://{}", application.uwsgi)),
        ("scgi", application.scgi.to_string()),
    ] {
        let location =
            format!("[[server.location]]\nmatch = \"/\"\n{table}_pass = \"{pass}\"\n{table}.{params}");
        let (_gateway, listen) = gateway(&location, "");
        let request = "GET /some%20path?a=b&c=%20 HTTP/1.1\r\nHost: a.test\r\nX-Twice: 1\r\nx-twice: 2\r\nCookie: a=1\r\n\
                       Cookie: b=2\r\nProxy: http://evil/\r\nRole: admin\r\nX-Hop: 1\r\nConnection: X-Hop\r\nOwn_: x\r\n\r\n";
        let got = seen(&raw_request(listen, request.as_bytes()).unwrap());
        let port = listen.port();
        let wanted = format!(
            "PATH_INFO=/some path|QUERY_STRING=a=b&c=%20|REQUEST_URI=/some%20path?a=b&c=%20|REQUEST_METHOD=GET|\
             REQUEST_SCHEME=http|SERVER_PROTOCOL=HTTP/1.1|SERVER_NAME=a.test|SERVER_PORT={port}|HTTP_HOST=a.test|\
             HTTP_X_TWICE=1, 2|HTTP_COOKIE=a=1; b=2|HTTP_ROLE=ours|OWN=a.test!|EMPTY=|IN=b"
        );
        for (name, value) in wanted.split('|').map(|pair| pair.split_once('=').unwrap()) {
            assert_eq!(got.get(name).map(String::as_str), Some(value), "{name} in {got:#?}");
        }
        for name in
            ["HTTPS", "OUT", "HTTP_PROXY", "HTTP_X_HOP", "HTTP_CONNECTION", "HTTP_OWN_", "REMOTE_USER"]
        {
            assert_eq!(got.get(name), None, "{name}");
        }
    }
}

#[test]
fn bodies_reach_the_application() {
    let application = Application::start();
    let body: String = (0..300_000).map(|n| format!("{:010}", n * 7)).collect();
    let length = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let all = body.len();
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{all:x}\r\n{body}\r\n0\r\n\r\n");
    let (md5, of_hi, of_none) = (
        "0892e77ea083ebf3b55d505679751190",
        "49f68a5c8493ec2c0bf489821c21fc3b",
        "d41d8cd98f00b204e9800998ecf8427e",
    );
    for pass in
        [format!("uwsgi_pass = \"{}\"", application.uwsgi), format!("scgi_pass = \"{}\"", application.scgi)]
    {
        // A chunked one is read before in any case: its length has to be said.
        for more in ["", "buffer.request = false"] {
            let location = format!("[[server.location]]\nmatch = \"/\"\n{pass}\n{more}");
            let (_gateway, listen) = gateway(&location, "[defaults.upstream]\nbody = \"HTTP's\"");
            let (one, other) = ((length(&body), all, md5), (chunked.clone(), all, md5));
            for (framed, size, md5) in [one, other, (length("hi"), 2, of_hi), (length(""), 0, of_none)] {
                let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: text/x\r\n";
                let got = seen(&raw_request(listen, format!("{head}{framed}").as_bytes()).unwrap());
                assert_eq!(got["body"], format!("{size} {md5}"), "{pass} {more}");
                assert_eq!((&got["CONTENT_LENGTH"], &*got["CONTENT_TYPE"]), (&size.to_string(), "text/x"));
            }
        }
    }
}

#[test]
fn responses_of_the_application() {
    let application = Application::start();
    // With a status line, with `Status`, and again with a status line.
    for pass in [
        format!("uwsgi_pass = \"{}\"", application.uwsgi),
        format!("scgi_pass = \"{}\"", application.scgi),
        format!("scgi_pass = \"{}\"", application.nph),
    ] {
        let (_gateway, listen) = gateway(&format!("[[server.location]]\nmatch = \"/\"\n{pass}"), "");
        for status in
            ["200 OK", "201 Created", "204 No Content", "304 Not Modified", "404 Gone Fishing", "503 Busy"]
        {
            let answer = get(listen, &format!("/?do=status&line={}", status.replace(' ', "+")));
            let body =
                if ["204", "304"].iter().any(|bare| status.starts_with(bare)) { "" } else { "made to order" };
            assert_eq!((&*answer.text(), answer.end), (body, End::Complete), "{pass} {status}");
            assert_eq!(lossy(answer.head.start_line()), format!("HTTP/1.1 {status}"));
            assert_eq!(answer.head.field("status"), None);
        }
        let answer = get(listen, "/?do=location&to=/there");
        assert_eq!((answer.status, answer.head.field("location").as_deref()), (302, Some("/there")));
        let answer = get(listen, "/?do=length");
        assert_eq!((answer.head.field("content-length").as_deref(), &*answer.text()), (Some("5"), "hello"));
        let answer = get(listen, "/?do=cookies");
        assert_eq!(answer.head.by_name()["set-cookie"], [b"a=b", b"c=d"]);
        // What is shorter than it says is cut for the client, too.
        let answer = get(listen, "/?do=short");
        assert_eq!((answer.status, answer.end, &*answer.text()), (200, End::Cut, "part"));

        let mut client = Client::connect(listen).unwrap();
        for _ in 0..3 {
            let head = client.ask(b"HEAD /?do=length HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
            assert_eq!((head.status, head.head.field("content-length").as_deref()), (200, Some("5")));
        }
    }
}

#[test]
fn a_slow_client_gets_all_and_the_application_is_free() {
    let application = Application::start();
    for (more, buffered) in [("", true), ("buffer.response = false", false)] {
        let location =
            format!("[[server.location]]\nmatch = \"/\"\nuwsgi_pass = \"{}\"\n{more}", application.uwsgi);
        let (gateway, listen) = gateway(&location, "");
        slow_client(&gateway, listen, "/", buffered);
    }
}

#[test]
fn what_is_common_to_upstreams_is_so_here() {
    let application = Application::start();
    let zone = "[cache_zone.z]\npath = \"@DIR@/z\"\n";
    for pass in
        [format!("uwsgi_pass = \"{}\"", application.uwsgi), format!("scgi_pass = \"{}\"", application.scgi)]
    {
        let root = application.path("files").display().to_string();
        let server = format!(
            "root = \"{root}\"\n[[server.location]]\nmatch = \"/files/\"\ninternal = true\nalias = \"{root}/\"\n\
             [[server.location]]\nmatch = \"/\"\n{pass}\nheaders.hide = [\"Set-Cookie\"]\n\
             error_page = {{ intercept = true, pages = [{{ codes = [404], uri = \"/files/a.txt\" }}] }}\n\
             [[server.location]]\nmatch = \"/kept\"\n{pass}\ncache = {{ zone = \"z\", key = \"$uri\" }}\n\
             [[server.location]]\nmatch = \"/stored\"\n{pass}\nstore.to = \"@DIR@/stored\""
        );
        let (gateway, listen) = gateway(&server, zone);
        assert_eq!(get(listen, "/?do=cookies").head.field("set-cookie"), None);
        let answer = get(listen, "/?do=accel&to=/files/a.txt");
        assert_eq!((answer.status, &*answer.text()), (200, "a file\n"));
        let answer = get(listen, "/?do=status&line=404+Not+Found");
        assert_eq!((answer.status, &*answer.text()), (404, "a file\n"));
        let first = get(listen, "/kept?do=kept").text();
        assert_eq!(get(listen, "/kept?do=kept").text(), first);
        assert_eq!(get(listen, "/stored?do=length").text(), "hello");
        until("the stored file", LIMIT, || (gateway.read("stored") == "hello").then_some(()));
        let line = gateway.lines("access.log", 6).remove(0);
        assert!(line.starts_with("200 [") && line.contains("] [200] ["), "{line}");
    }
}

#[test]
fn over_tls() {
    let (dir, at) = (tempfile::tempdir().unwrap(), address());
    let root = Authority::root("Root");
    let (certificate, key) = root.server(&["app.test"]).write(dir.path(), "app");
    let root = file(dir.path(), "root.pem", &root.certificate);
    cgi_support::write_application(dir.path());
    let socket = format!("{at},{},{}", certificate.display(), key.display());
    let _uwsgi = Uwsgi::start(dir.path(), &[("suwsgi-socket", socket)]);
    for (name, status) in [("app.test", 200), ("other.test", 502)] {
        let tls = format!(
            "upstream.tls = {{ verify = true, trusted_certificate = \"{}\", name = \"{name}\" }}",
            root.display()
        );
        // As it is written, and as a variable has it.
        for pass in [format!("suwsgi://{at}"), "$arg_to".to_owned()] {
            let (_gateway, listen) =
                gateway(&format!("[[server.location]]\nmatch = \"/\"\nuwsgi_pass = \"{pass}\"\n{tls}"), "");
            let answer = get(listen, &format!("/?do=length&to=suwsgi://{at}"));
            assert_eq!(answer.status, status, "{name} {pass}");
            if status == 200 {
                assert_eq!(answer.text(), "hello");
                // One without a length is over with its connection. uWSGI's TLS does not say so, and nginx does not ask.
                let answer = get(listen, &format!("/?do=big&n=20&to=suwsgi://{at}"));
                assert_eq!((answer.body.len(), answer.end), (20 * 65536, End::Complete), "{pass}");
                let answer = get(listen, &format!("/?do=short&to=suwsgi://{at}"));
                assert_eq!((&*answer.text(), answer.end), ("part", End::Cut), "{pass}");
            }
        }
    }
}

#[test]
fn a_variable_may_name_the_server() {
    let application = Application::start();
    let (uwsgi, scgi) = (application.uwsgi, application.scgi);
    for (table, to) in
        [("uwsgi", uwsgi.to_string()), ("uwsgi", format!("uwsgi://{uwsgi}")), ("scgi", scgi.to_string())]
    {
        let location = format!("[[server.location]]\nmatch = \"/\"\n{table}_pass = \"$arg_to\"");
        let (_gateway, listen) = gateway(&location, "");
        let got = seen(&get(listen, &format!("/path?to={to}")));
        assert_eq!(got["PATH_INFO"], "/path", "{table} {to}");
        assert_eq!(get(listen, "/path?to=no:where:at:all").status, 500);
    }
}

/// Behind `proxy_pass` HTTP is spoken: a variable that names something else is a mistake, as in nginx.
#[test]
fn a_variable_of_proxy_pass_names_http_alone() {
    let upstream = Listener::new();
    let (gateway, listen) = gateway("[[server.location]]\nmatch = \"/\"\nproxy_pass = \"$arg_to\"", "");
    for scheme in ["uwsgi", "suwsgi", "scgi", "fastcgi", "grpc", "grpcs", "ftp"] {
        let to = format!("{scheme}://{}", upstream.address());
        assert_eq!(get(listen, &format!("/?to={to}")).status, 500, "{scheme}");
        until("the reason", LIMIT, || {
            let log = gateway.error_log();
            let line = log.lines().find(|line| line.contains(&format!("\"{to}\"")));
            line.is_some_and(|line| line.contains("invalid URL prefix")).then_some(())
        });
    }
    assert!(upstream.try_accept().is_none());
    let origin = Origin::start();
    assert_eq!(get(listen, &format!("/?to=http://{}", origin.address())).status, 200);
}

#[test]
fn health_is_asked_of_the_application() {
    let application = Application::start();
    for (pass, at) in [("uwsgi_pass", application.uwsgi), ("scgi_pass", application.scgi)] {
        for (wanted, well) in [
            ("PATH_INFO=/we ll\n", true),
            ("REQUEST_URI=/./we%20ll\\?a=b\n", true),
            ("HTTP_HOST=u\n", true),
            ("HTTP_USER_AGENT=propylon health check\n", true),
            ("PATH_INFO=/ill", false),
        ] {
            let upstream = format!(
                "[upstream.u]\nserver = [{{ address = \"{at}\" }}]\n[upstream.u.health_check]\ninterval = \"20ms\"\n\
                 uri = \"/./we%20ll?a=b\"\nmandatory = {well}\nmatch = {{ body = '''{wanted}''' }}\n"
            );
            let (_gateway, listen) =
                gateway(&format!("[[server.location]]\nmatch = \"/\"\n{pass} = \"u\""), &upstream);
            until("an answer of its health", LIMIT, || {
                (get(listen, "/").status == if well { 200 } else { 502 }).then_some(())
            });
        }
    }
}
