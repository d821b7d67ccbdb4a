//! What clients see in the place of an error.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Client, LIMIT, Origin, Propylon, RawResponse, address, raw_request, until};

/// A gateway with these locations, before an origin that obeys.
fn gateway(outer: &str, locations: &str) -> (Propylon, Origin, SocketAddr) {
    let (origin, listen) = (Origin::start(), address());
    let text = format!(
        "[defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"line\"\n[log_format]\n\
         line = '$request_method $uri $status $upstream_status'\n{outer}\n\
         [[server]]\nlisten = [\"{listen}\"]\n{locations}"
    );
    let gateway = Propylon::start(&text.replace("ORIGIN", &origin.address().to_string()));
    (gateway, origin, listen)
}

fn get(at: SocketAddr, path: &str) -> RawResponse {
    ask(at, &format!("GET {path} HTTP/1.1"), "")
}

fn ask(at: SocketAddr, line: &str, fields: &str) -> RawResponse {
    raw_request(at, format!("{line}\r\nHost: a.test\r\n{fields}\r\n").as_bytes()).unwrap()
}

const PAGES: &str = r#"
    [[server.location]]
    match = "/"
    error_page.pages = [
        { codes = [404], uri = "/page?of=$status$uri" },
        { codes = [403], uri = "/page", status = 200 },
        { codes = [410], uri = "/page", status = "from_page" },
        { codes = [402], uri = "https://elsewhere.test$uri" },
        { codes = [497], uri = "/page", status = 301 },
        { codes = [406], uri = "https://elsewhere.test/", status = 307 },
        { codes = [500], uri = "@named" },
        { codes = [302], uri = "/moved" },
    ]
    return = [404]
    [[server.location]]
    match = "= /page"
    internal = true
    return = [202, "$request_method $uri $args $request_uri"]
    [[server.location]]
    match = "= /moved"
    return = [302, "http://second.test/"]
    [[server.location]]
    match = "@named"
    return = [202, "named $uri"]
"#;

fn returning(code: u16) -> String {
    PAGES.replace("return = [404]", &format!("return = [{code}]"))
}

#[test]
fn own_errors_have_their_pages() {
    #[track_caller]
    fn check(code: u16, expected: (u16, &str)) {
        let (_gateway, _origin, at) = gateway("", &returning(code));
        let answer = ask(at, "PUT /a/b?c=d HTTP/1.1", "Content-Length: 0\r\n");
        assert_eq!((answer.status, answer.text().as_str()), expected, "{code}");
    }
    check(404, (404, "GET /page of=404/a/b /a/b?c=d"));
    check(403, (200, "GET /page  /a/b?c=d"));
    check(410, (202, "GET /page  /a/b?c=d"));
    check(500, (500, "named /a/b"));
    check(497, (301, "GET /page  /a/b?c=d"));
}

#[test]
fn pages_elsewhere_are_redirects() {
    #[track_caller]
    fn check(code: u16, expected: (u16, &str)) {
        let (_gateway, _origin, at) = gateway("", &returning(code));
        let answer = get(at, "/a");
        let location = answer.head.field("location").unwrap_or_default();
        assert_eq!((answer.status, location.as_str()), expected, "{code}");
        assert!(answer.text().contains("<h1>"), "{}", answer.text());
    }
    check(402, (302, "https://elsewhere.test/a"));
    check(406, (307, "https://elsewhere.test/"));
    let (_gateway, _origin, at) =
        gateway("", &PAGES.replace("return = [404]", "return = [302, \"http://first.test/\"]"));
    let answer = get(at, "/");
    assert_eq!((answer.status, answer.head.field("location").as_deref()), (302, Some("http://second.test/")));
}

#[test]
fn an_internal_location_is_found_by_error_pages_alone() {
    let (_gateway, _origin, at) = gateway("", PAGES);
    let answer = get(at, "/page");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("404 Not Found"), "{}", answer.text());
}

#[test]
fn nginx_has_nothing_to_say_of_its_own_statuses() {
    let (_gateway, _origin, at) = gateway("", &returning(494));
    let answer = get(at, "/");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("Request Header Or Cookie Too Large"), "{}", answer.text());
}

#[test]
fn an_error_of_an_error_page_is_shown_unless_recursive() {
    let locations = r#"
        error_page.pages = [{ codes = [404], uri = "/missing" }, { codes = [403], uri = "/last" }]
        [[server.location]]
        match = "/missing"
        return = [403]
        [[server.location]]
        match = "/last"
        return = [200, "last"]
    "#;
    let (_gateway, _origin, at) = gateway("", locations);
    let answer = get(at, "/");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("403 Forbidden"), "{}", answer.text());
    let (_gateway, _origin, at) = gateway("[defaults]\nerror_page.recursive = true", locations);
    let answer = get(at, "/");
    assert_eq!((answer.status, answer.text().as_str()), (403, "last"));
}

#[test]
fn pages_that_fail_for_ever_end() {
    let locations = r#"
        error_page = { recursive = true, pages = [{ codes = [404], uri = "/again" }] }
        [[server.location]]
        match = "/again"
        return = [404]
    "#;
    let (gateway, _origin, at) = gateway("", locations);
    assert_eq!(get(at, "/").status, 500);
    until("the log's line", LIMIT, || gateway.error_log().contains("cycle").then_some(()));
}

const PROXY: &str = r#"
    [[server.location]]
    match = "/"
    proxy_pass = "http://ORIGIN"
    [[server.location]]
    match = "@fallback"
    proxy_pass = "http://ORIGIN"
    headers.set = { "X-Fallback" = "yes" }
    [[server.location]]
    match = "= /page"
    return = [200, "a page"]
"#;

#[test]
fn errors_of_upstreams_are_intercepted_only_if_asked_for() {
    let pages = "[defaults.error_page]\npages = [{ codes = [401, 503], uri = \"/page\" }]\n";
    let fields = "X-Do: status=503 size=3\r\n";
    let (_first, _origin, at) = gateway(pages, PROXY);
    let answer = ask(at, "GET / HTTP/1.1", fields);
    assert_eq!((answer.status, answer.text().as_str()), (503, "xxx"));

    let (first, _origin, at) = gateway(&format!("{pages}intercept = true\n"), PROXY);
    let answer = ask(at, "GET / HTTP/1.1", fields);
    assert_eq!((answer.status, answer.text().as_str()), (503, "a page"));
    let challenge = "X-Do: status=401 size=3\r\nX-Reply: WWW-Authenticate: Basic realm=\"a\"\r\n";
    let answer = ask(at, "GET / HTTP/1.1", challenge);
    assert_eq!((answer.status, answer.text().as_str()), (401, "a page"));
    assert_eq!(answer.head.field("www-authenticate").as_deref(), Some("Basic realm=\"a\""));
    let answer = ask(at, "GET / HTTP/1.1", "X-Do: status=404 size=3\r\n");
    assert_eq!((answer.status, answer.text().as_str()), (404, "xxx"));
    drop(first);
}

#[test]
fn an_upstream_that_is_gone_has_a_page_without_interception() {
    let locations = PROXY.replacen("ORIGIN", &address().to_string(), 1);
    let pages =
        "[defaults]\nerror_page.pages = [{ codes = [502], uri = \"@fallback\", status = \"from_page\" }]\n";
    let (_gateway, origin, at) = gateway(pages, &locations);
    let answer = ask(at, "DELETE /a?b HTTP/1.1", "");
    assert_eq!(answer.status, 200);
    let seen = origin.take();
    assert!(seen[0].head.start_line().starts_with(b"DELETE /a?b "), "{:?}", seen[0].head);
    assert_eq!(seen[0].head.field("x-fallback").as_deref(), Some("yes"));
}

#[test]
fn a_redirect_of_an_upstream_can_be_followed() {
    let locations = r#"
        error_page.intercept = true
        [[server.location]]
        match = "/"
        proxy_pass = "http://ORIGIN"
        error_page.pages = [{ codes = [302], uri = "@there", status = "from_page" }]
        [[server.location]]
        match = "@there"
        set = { there = "$upstream_http_location" }
        proxy_pass = "$there"
        [[server.location]]
        match = "/told"
        proxy_pass = "http://ORIGIN"
        error_page.pages = [{ codes = [302], uri = "/page?to=$upstream_http_location", status = "from_page" }]
        [[server.location]]
        match = "= /page"
        return = [200, "$args $upstream_http_x_why"]
    "#;
    let (_gateway, origin, at) = gateway("", locations);
    let second = Origin::start();
    let fields = format!("X-Do: status=302\r\nX-Reply: Location: http://{}/second?a\r\n", second.address());
    ask(at, "GET /first HTTP/1.1", &fields);
    assert!(origin.take()[0].head.start_line().starts_with(b"GET /first "));
    let seen = second.take();
    assert!(seen[0].head.start_line().starts_with(b"GET /second?a "), "{:?}", seen[0].head);
    let fields = "X-Do: status=302\r\nX-Reply: Location: /there\r\nX-Reply: X-Why: so\r\n";
    assert_eq!(ask(at, "GET /told HTTP/1.1", fields).text(), "to=/there so");
}

#[test]
fn what_is_refused_at_once_has_a_page_and_ends_the_connection() {
    let outer =
        "[defaults]\nlimit.body_size = \"4\"\nerror_page.pages = [{ codes = [400, 413], uri = \"/page\" }]\n";
    let (_gateway, _origin, at) = gateway(outer, PROXY);
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ] {
        let mut client = Client::connect(at).unwrap();
        let answer = client.ask(request.as_bytes()).unwrap();
        assert_eq!(answer.text(), "a page", "{request}");
        assert!(matches!(answer.status, 400 | 413), "{request}");
        assert_eq!(answer.head.field("connection").as_deref(), Some("close"), "{request}");
    }
}

#[test]
fn pages_and_the_field_server_can_be_nginxs() {
    let locations = r#"
        error_page.style = "nginx"
        [[server.location]]
        match = "/"
        return = [413]
        [[server.location]]
        match = "/quiet"
        server_tokens = false
        return = [404]
        [[server.location]]
        match = "/plain"
        error_page.style = "propylon"
        return = [404]
    "#;
    let (_gateway, _origin, at) = gateway("", locations);
    let answer = get(at, "/");
    assert_eq!(answer.head.field("server").as_deref(), Some("nginx/1.31.5"));
    assert!(answer.text().contains("413 Request Entity Too Large"), "{}", answer.text());
    let answer = get(at, "/quiet");
    assert_eq!(answer.head.field("server").as_deref(), Some("nginx"));
    assert!(answer.text().contains("<center>nginx</center>"), "{}", answer.text());
    assert!(get(at, "/plain").head.field("server").unwrap().starts_with("propylon/"));
}

#[test]
fn fields_are_added_to_the_page_and_not_to_what_it_replaces() {
    let locations = r#"
        error_page.pages = [{ codes = [404], uri = "/page" }]
        [[server.location]]
        match = "/"
        headers.add_always = { "X-First" = "1" }
        return = [404]
        [[server.location]]
        match = "/page"
        headers.add_always = { "X-Page" = "$status" }
        return = [200, "page"]
        [[server.location]]
        match = "/directory/"
        headers.add = { "X-Moved" = "$uri" }
        proxy_pass = "http://ORIGIN"
    "#;
    let (_gateway, _origin, at) = gateway("", locations);
    let answer = get(at, "/");
    assert_eq!(answer.status, 404);
    assert!(answer.head.field("x-first").is_none());
    assert_eq!(answer.head.field("x-page").as_deref(), Some("404"));
    let answer = get(at, "/directory");
    assert_eq!((answer.status, answer.head.field("x-moved").as_deref()), (301, Some("/directory")));
}

#[test]
fn a_redirect_in_the_place_of_an_error_is_an_answer_as_any_other() {
    let locations = r#"
        [[server.location]]
        match = "/away"
        headers.add = { X-Mark = "$upstream_status" }
        error_page.pages = [{ codes = [502], uri = "sorry" }]
        proxy_pass = "http://127.0.0.1:1"
        [[server.location]]
        match = "= /moved"
        error_page.pages = [{ codes = [302], uri = "/page" }]
        return = [302, "http://second.test/"]
        [[server.location]]
        match = "= /page"
        return = [200, "it has moved"]
    "#;
    let (_gateway, _origin, at) = gateway("", locations);
    let away = get(at, "/away");
    let field = |response: &RawResponse, name: &str| response.head.field(name).unwrap_or_default();
    assert_eq!((away.status, field(&away, "location")), (302, "sorry".into()));
    assert_eq!(field(&away, "x-mark"), "502");
    let moved = get(at, "/moved");
    assert_eq!((moved.status, field(&moved, "location")), (302, "http://second.test/".into()));
    assert_eq!(moved.text(), "it has moved", "its page keeps where it leads");
}
