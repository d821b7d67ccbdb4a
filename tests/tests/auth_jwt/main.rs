//! JSON Web Tokens: whose are let in, what is left of the others, and what upstreams, logs and limits hear of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

mod beside;
mod keys;
mod support;
mod tokens;

use std::fs;

use propylon_testkit::tokens::Signer;
use propylon_tests::{Origin, Propylon, address, raw_request};

use support::{bear, get, in_seconds};

/// Where the token is, how far clocks may differ, where nobody is asked, and limits that know the token before it is checked.
#[test]
fn by_nginx_conf() {
    let signer = Signer::secret("HS256", b"secret");
    let (origin, at) = (Origin::echo(), address());
    let gateway = Propylon::start_nginx(&format!(
        "worker_processes 1;
events {{ }}
http {{
auth_jwt_claim_set $job info \"job title\";
auth_jwt_header_set $key kid;
limit_req_zone $jwt_claim_sub zone=subjects:1m rate=1r/m;
auth_jwt_key_file keys.json;
server {{
listen {at};
auth_jwt \"closed site\" token=$arg_token;
location / {{ auth_jwt_leeway 1h; proxy_set_header X-Job $job; proxy_set_header X-Key $key; proxy_pass http://{0}; }}
location /cookie {{ auth_jwt $server_name token=$cookie_t; proxy_pass http://{0}; }}
location /field {{ auth_jwt other; proxy_pass http://{0}; }}
location /open {{ auth_jwt off; proxy_set_header X-Sub $jwt_claim_sub; proxy_pass http://{0}; }}
location /limited {{ limit_req zone=subjects; proxy_pass http://{0}; }}
location /methods {{ auth_jwt off; limit_except GET {{ auth_jwt posts; }} proxy_pass http://{0}; }}
}}
}}",
        origin.address()
    ));
    fs::write(gateway.path("keys.json"), signer.key("")).unwrap();
    let token = |claims: &str| signer.token("{\"alg\":\"HS256\"}", claims);
    let good = token("{\"info\":{\"job title\":\"baker\"}}");
    let text = get(at, &format!("/?token={good}"), "").text();
    assert!(text.contains("X-Job: baker\r\n"), "{text}");
    assert_eq!(bear(at, "/", &good).status, 401);
    let late = token(&format!("{{\"exp\":{}}}", in_seconds(-60)));
    assert_eq!(get(at, &format!("/?token={late}"), "").status, 200);
    assert_eq!(
        get(at, &format!("/?token={}", token(&format!("{{\"exp\":{}}}", in_seconds(-7200)))), "").status,
        401
    );
    assert_eq!(get(at, "/cookie", &format!("Cookie: t={good}\r\n")).status, 200);
    assert_eq!(get(at, "/cookie", &format!("Cookie: t={late}\r\n")).status, 401);
    assert_eq!(bear(at, "/field", &good).status, 200);
    assert_eq!(get(at, &format!("/field?token={good}"), "").status, 401);
    let open = bear(at, "/open", &token("{\"sub\":\"me\"}"));
    assert!(open.status == 200 && !open.text().contains("X-Sub"), "{}", open.text());
    let (a, b) = (token("{\"sub\":\"a\"}"), token("{\"sub\":\"b\"}"));
    let limited: Vec<u16> =
        [&a, &a, &b, &b].map(|token| get(at, &format!("/limited?token={token}"), "").status).into();
    assert_eq!(limited, [200, 503, 200, 503]);
    assert_eq!(get(at, "/methods", "").status, 200);
    let post = "POST /methods HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n";
    let told = raw_request(at, format!("{post}\r\n").as_bytes()).unwrap();
    assert_eq!(
        (told.status, told.head.field("www-authenticate").as_deref()),
        (401, Some("Bearer realm=\"posts\""))
    );
    let post = format!("{post}Authorization: Bearer {good}\r\n\r\n");
    assert_eq!(raw_request(at, post.as_bytes()).unwrap().status, 200);
}
