//! A Python application (uWSGI) behind the gateway and behind nginx, over uwsgi and SCGI.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use propylon_tests::Pair;
use regex::Regex;

mod cgi_support;
mod differential_support;
use cgi_support::Application;
use differential_support::{alike, requests};

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
    let apart = Regex::new(APART).unwrap();
    for location in ["/", "/named/", "/variable/", "/scgi/", "/nph/", "/kept/", "/pages/"] {
        let lines = lines.iter().map(|line| line.replace('$', location));
        // Of what is behind a password nothing is kept here.
        let requests = requests(location, lines, location != "/kept/");
        alike(&pair, requests, &apart, &["last-modified", "accept-ranges"]);
    }
}
