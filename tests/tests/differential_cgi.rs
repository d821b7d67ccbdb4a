//! A Python application (uWSGI) behind the gateway and behind nginx, over uwsgi and SCGI.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Pair, lossy, raw_request};

mod cgi_support;
use cgi_support::Application;

const CONF: &str = r#"
http {
    access_log off; server_tokens off; underscores_in_headers on;
    uwsgi_cache_path @CACHE@/@LISTEN@ keys_zone=kept:1m;
    server {
        listen @LISTEN@; server_name a.test; root @FILES@;
        location / {
            include /etc/nginx/uwsgi_params;
            uwsgi_param OWN $arg_a if_not_empty;
            uwsgi_param HTTP_PROXY ""; uwsgi_param HTTP_X_ROLE none;
            uwsgi_hide_header X-Powered-By;
            uwsgi_pass @UWSGI@;
        }
        location /named/ { include /etc/nginx/uwsgi_params; uwsgi_pass uwsgi://@UWSGI@; uwsgi_request_buffering off; }
        location /variable/ { include /etc/nginx/uwsgi_params; set $to uwsgi://@UWSGI@; uwsgi_pass $to; }
        location /scgi/ {
            include /etc/nginx/scgi_params;
            scgi_param PATH_INFO $document_uri;
            scgi_param HTTP_PROXY "";
            scgi_pass @SCGI@;
        }
        location /nph/ { include /etc/nginx/scgi_params; scgi_pass @NPH@; scgi_request_buffering off; scgi_buffering off; }
        location /kept/ {
            include /etc/nginx/uwsgi_params; uwsgi_pass @UWSGI@;
            uwsgi_cache kept; uwsgi_cache_key $uri; uwsgi_cache_valid 200 1h; add_header X-Status $upstream_cache_status;
        }
        location /pages/ {
            include /etc/nginx/scgi_params; scgi_pass @SCGI@; scgi_intercept_errors on; error_page 404 /files/a.txt;
        }
        location /files/ { alias @FILES@/; }
    }
}
"#;

/// Of the connection's own, and what nginx passes of it; `uwsgi.*` are uWSGI's.
const APART: &str = "^(REMOTE_PORT|REMOTE_ADDR|uwsgi\\.\\S+|x-wsgiorg\\S+|wsgi\\.\\S+|HTTP_(CONNECTION|TRANSFER_ENCODING|\
     CONTENT_TYPE|CONTENT_LENGTH|PROXY)|DOCUMENT_ROOT)=";

/// What is the same before both: status, fields, and what the application saw.
fn comparable(at: SocketAddr, request: &str) -> (String, Vec<(String, String)>, Vec<String>) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let ours =
        ["date", "server", "connection", "transfer-encoding", "etag", "last-modified", "accept-ranges"];
    // What is kept has a length and an age here.
    let kept: &[&str] = if answer.head.field("age").is_some() { &["age", "content-length"] } else { &[] };
    let fields = answer.head.fields().into_iter();
    let fields = fields.filter(|(name, _)| !ours.contains(&&**name) && !kept.contains(&&**name));
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, lossy(&value))).collect();
    fields.sort();
    let apart = regex::Regex::new(APART).unwrap();
    let text = answer.text();
    let mut lines: Vec<_> = text.lines().filter(|line| !apart.is_match(line)).map(str::to_owned).collect();
    lines.sort();
    (lossy(answer.head.start_line()), fields, lines)
}

#[test]
fn the_application_sees_the_same_behind_nginx() {
    let application = Application::start();
    let cache = tempfile::tempdir().unwrap();
    let pair = Pair::start(
        CONF,
        &[
            ("FILES", &application.path("files").display().to_string()),
            ("CACHE", &cache.path().display().to_string()),
            ("UWSGI", &application.uwsgi.to_string()),
            ("SCGI", &application.scgi.to_string()),
            ("NPH", &application.nph.to_string()),
        ],
    );
    let asked =
        "GET $|GET $?a=b&c|GET $more%20/x?a=%41|HEAD $|DELETE $|OPTIONS $|GET $a/../b|GET http://a.test$";
    let told = "status&line=404+Not+Found|status&line=204+No+Content|status&line=304+Not+Modified|status&line=201+Made|\
        location&to=/there|location&to=http://b/|length|cookies|accel&to=/files/a.txt|big&n=20|short";
    let told = told.split('|').map(|what| format!("GET $?do={what}"));
    let lines: Vec<_> = asked.split('|').map(str::to_owned).chain(told).collect();
    let fields =
        "Host: a.test\r\nProxy: x\r\nX-Test: a, b\r\nCookie: a=1; b=2\r\nx_odd: 1\r\nX_Role: admin\r\n";
    for location in ["/", "/named/", "/variable/", "/scgi/", "/nph/", "/kept/", "/pages/"] {
        // Of what is behind a password nothing is kept here.
        let password = if location == "/kept/" { "" } else { "Authorization: Basic YTpi\r\n" };
        let fields = format!("{fields}{password}");
        let mut requests: Vec<_> = lines
            .iter()
            .map(|line| format!("{} HTTP/1.1\r\n{fields}\r\n", line.replace('$', location)))
            .collect();
        let post = format!("POST {location}?a=1 HTTP/1.1\r\n{fields}Content-Type: text/x\r\n");
        requests.push(format!("{post}Content-Length: 3\r\n\r\nx=y"));
        requests.push(format!("{post}Content-Length: 0\r\n\r\n"));
        requests.push(format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\nx=y\r\n0\r\n\r\n"));
        requests.push(format!("GET {location} HTTP/1.0\r\n\r\n"));
        for request in requests {
            let [ours, theirs] = pair.at.map(|at| comparable(at, &request));
            assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
        }
    }
}
