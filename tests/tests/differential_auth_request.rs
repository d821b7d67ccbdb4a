//! `auth_request` beside nginx: one nginx.conf for both, one origin behind them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use propylon_tests::{Origin, Pair, Seen, lossy, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    default_type text/plain;
    log_format beside "$uri $args $status $request_method $request_uri $upstream_status $request";
    map $uri $of_uri { ~^/auth asked; default asker; }
    server {
        listen @LISTEN@;
        root @FILES@;
        proxy_set_header Connection "";
        proxy_http_version 1.1;
        set $on_the_way none;

        location / { return 200 "$user|$status_of|$on_the_way"; }

        # By status, as the client orders it.
        location /proxied/ { auth_request /auth; proxy_pass http://@ORIGIN@; proxy_set_header X-Do ""; proxy_set_header X-Reply ""; proxy_set_header Connection ""; proxy_set_header X-Auth ""; }
        location /file/ { auth_request /auth; alias @FILES@/; }
        location /tried/ { auth_request /auth; try_files /none =404; }
        location = /auth {
            internal;
            proxy_pass http://@ORIGIN@/asked?of=$request_uri;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_set_header X-Do $http_x_auth;
            proxy_set_header X-Reply $http_x_auth_reply;
            proxy_set_header X-Is "$request_method $uri $args $is_args $http_content_length $document_uri $scheme $host";
        }

        # What is set.
        location /set/ {
            auth_request /auth;
            auth_request_set $user $upstream_http_x_user;
            auth_request_set $status_of "$upstream_status $status $uri $sent_http_x_user $request_method";
            add_header X-User $user always;
            add_header X-Status $status_of always;
            add_header X-Way $on_the_way always;
            error_page 404 /said;
            error_page 401 =200 /said;
            error_page 403 @said;
            try_files /none =404;

            location /set/inner/ { auth_request /auth-2; try_files /none =404; add_header X-User $user always; error_page 404 /said; }
            location /set/own/ { auth_request_set $first own; auth_request_set $user $first-$upstream_http_x_user; try_files /none =404; add_header X-User $user always; add_header X-Status $status_of always; error_page 404 /said; }
            location /set/off/ { auth_request off; try_files /none =404; add_header X-User "$user-" always; error_page 404 /said; }
        }
        location = /said { return 200 "$user|$status_of|$on_the_way|$args"; }
        location @said { return 200 "named $user|$status_of|$uri"; }
        location /set-args/ { auth_request /auth-return; auth_request_set $args "set=$upstream_status"; proxy_pass http://@ORIGIN@; }

        # Where the question goes.
        location /return/ { auth_request /auth-return; try_files /a.txt =404; add_header X-Way $on_the_way; }
        location = /auth-return { set $on_the_way passed; return 204; }
        location /return-200/ { auth_request /auth-text; try_files /a.txt =404; }
        location = /auth-text { return 200 text; }
        location /return-401/ { auth_request /auth-401; try_files /a.txt =404; }
        location = /auth-401 { add_header X-Other no always; return 401; }
        location /return-302/ { auth_request /auth-302; try_files /a.txt =404; }
        location = /auth-302 { return 302 http://a.test/; }
        location /page/ { auth_request /auth-page; try_files /a.txt =404; }
        location = /auth-page { error_page 404 =204 /said; return 404; }
        location /page-kept/ { auth_request /auth-page-kept; try_files /a.txt =404; }
        location = /auth-page-kept { error_page 403 /said; return 403; }
        location /static/ { auth_request /b.txt; try_files /a.txt =404; }
        location /nothing/ { auth_request /nowhere/at/all.txt; try_files /a.txt =404; }
        location /moved/ { auth_request /auth-moved; try_files /a.txt =404; add_header X-Way $on_the_way; }
        location = /auth-moved { rewrite ^ /auth-return last; }
        location /turned/ { auth_request /auth-named; try_files /a.txt =404; add_header X-Way $on_the_way; }
        location = /auth-named { try_files /none @there; }
        location @there { set $on_the_way named; return 204; }
        location /rewritten/ { rewrite ^/rewritten/(.*)$ /return/$1 last; }
        location /self/ { auth_request /self/auth; try_files /a.txt =404; }
        location /guarded/ { auth_request /guarded-auth; try_files /a.txt =404; }
        location = /guarded-auth { deny all; auth_basic r; auth_basic_user_file @FILES@/users; auth_request /auth-401; try_files /b.txt =404; }
        location /mapped/ { auth_request /auth-mapped; auth_request_set $user $of_uri; add_header X-User $user always; try_files /a.txt =404; }
        location = /auth-mapped { return 204; }
        location /unreachable/ { auth_request /auth-unreachable; try_files /a.txt =404; }
        location = /auth-unreachable { proxy_pass http://127.0.0.1:1; }
        location /answered/ { auth_request /auth-401; return 200 "first"; }
        location /index/ { auth_request /auth; alias @FILES@/; index a.txt; }

        # With rules and passwords.
        location /satisfy/ {
            try_files /a.txt =404;
            auth_request /auth;
            location /satisfy/all-allow { try_files /a.txt =404; allow all; }
            location /satisfy/all-deny { try_files /a.txt =404; deny all; }
            location /satisfy/all-basic { try_files /a.txt =404; auth_basic r; auth_basic_user_file @FILES@/users; }
            location /satisfy/any { satisfy any; try_files /a.txt =404; }
            location /satisfy/any-allow { satisfy any; try_files /a.txt =404; allow all; }
            location /satisfy/any-other { satisfy any; try_files /a.txt =404; allow 192.0.2.1; }
            location /satisfy/any-deny { satisfy any; try_files /a.txt =404; deny all; }
            location /satisfy/any-basic { satisfy any; try_files /a.txt =404; auth_basic r; auth_basic_user_file @FILES@/users; }
            location /satisfy/any-three { satisfy any; try_files /a.txt =404; deny all; auth_basic r; auth_basic_user_file @FILES@/users; }
            location /satisfy/any-missing { satisfy any; try_files /a.txt =404; auth_basic r; auth_basic_user_file @FILES@/none; }
            location /satisfy/all-missing { try_files /a.txt =404; auth_basic r; auth_basic_user_file @FILES@/none; }
            location /satisfy/except { try_files /a.txt =404; limit_except GET { deny all; } }
        }
    }
}
"#;

/// What the client sees.
fn looks(at: SocketAddr, request: &str) -> String {
    let Ok(answer) = raw_request(at, request.as_bytes()) else { return "closed".to_owned() };
    let kept = |name: &str| match name {
        "www-authenticate" => answer.status == 401, // nginx leaves that of a password on a 500 as well
        "location" | "content-type" => true,
        name => name.starts_with("x-"),
    };
    let fields: BTreeSet<String> = answer
        .head
        .fields()
        .into_iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| format!("{name}: {}", lossy(&value)))
        .collect();
    let text = answer.text();
    let text = if text.starts_with('<') || text.contains("HTTP/1.1") { "…" } else { &*text };
    format!("{} {fields:?} {text}", answer.status)
}

/// What the origin got.
fn got(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|seen| {
            let mut fields: Vec<_> = seen
                .head
                .fields()
                .into_iter()
                .filter(|(name, _)| name != "host")
                .map(|(name, value)| format!("{name}: {}", lossy(&value)))
                .collect();
            fields.sort();
            format!(
                "{} {fields:?} {}{}",
                lossy(seen.head.start_line()),
                lossy(&seen.body),
                if seen.whole { "" } else { " cut" }
            )
        })
        .collect()
}

fn files() -> tempfile::TempDir {
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("a.txt"), "a text").unwrap();
    std::fs::write(files.path().join("b.txt"), "b text").unwrap();
    std::fs::write(files.path().join("users"), "u:{PLAIN}p\n").unwrap();
    files
}

#[test]
fn who_is_let_in_and_what_is_asked() {
    let (origin, files) = (Origin::start(), files());
    let holes = [("ORIGIN", &*origin.address().to_string()), ("FILES", &*files.path().to_string_lossy())];
    let pair = Pair::start(CONF, &holes);
    let [ours, theirs] = pair.at;
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut same = |request: String| {
        let show = |at| {
            let looks = looks(at, &request);
            (looks, got(&origin.take()))
        };
        let (ours, theirs) = (show(ours), show(theirs));
        count += 1;
        if ours != theirs {
            wrong.push(format!("{request}\n  propylon {ours:#?}\n  nginx    {theirs:#?}"));
        }
    };
    let paths = [
        "proxied/a?b=c",
        "proxied/%41/../x",
        "file/a.txt",
        "file/none",
        "tried/x",
        "set/x?y=z",
        "set/inner/x",
        "set/own/x",
        "set/off/x",
        "set-args/x?y",
        "return/x",
        "return-200/x",
        "return-401/x",
        "return-302/x",
        "page/x",
        "page-kept/x",
        "static/x",
        "nothing/x",
        "moved/x",
        "turned/x",
        "rewritten/x",
        "self/x",
        "guarded/x",
        "mapped/x",
        "unreachable/x",
        "answered/x",
        "index/",
        "satisfy/x",
        "satisfy/all-allow",
        "satisfy/all-deny",
        "satisfy/all-basic",
        "satisfy/any",
        "satisfy/any-allow",
        "satisfy/any-other",
        "satisfy/any-deny",
        "satisfy/any-basic",
        "satisfy/any-three",
        "satisfy/any-missing",
        "satisfy/all-missing",
        "satisfy/except",
        "auth",
        "else",
    ];
    let answers = [
        "",
        "X-Auth: status=204\r\nX-Auth-Reply: X-User: ada\r\n",
        "X-Auth: status=401\r\nX-Auth-Reply: WWW-Authenticate: Bearer realm=\"x\"\r\n",
        "X-Auth: status=403\r\nX-Auth-Reply: X-User: bob\r\n",
        "X-Auth: status=404 chunked\r\n",
        "X-Auth: status=503\r\n",
        "Authorization: Basic dTpw\r\nX-Auth: status=403\r\n",
        "Authorization: Basic dTp3cm9uZw==\r\nX-Auth: status=401\r\n",
        "Authorization: Basic dTp3cm9uZw==\r\nX-Auth: status=204 to-close\r\n",
    ];
    for path in paths {
        for answer in answers {
            for (method, body) in [("GET", ""), ("HEAD", ""), ("POST", "Content-Length: 5\r\n\r\nhello")] {
                let end = if body.is_empty() { "\r\n" } else { body };
                same(format!(
                    "{method} /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Own: yes\r\n{answer}{end}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}
