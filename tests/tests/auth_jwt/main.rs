//! JSON Web Tokens: whose are let in, what is left of the others, and what upstreams, logs and limits hear of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use propylon_testkit::tokens::{Signer, encode, set};
use propylon_tests::{LIMIT, Origin, Propylon, RawResponse, address, binary, lossy, raw_request, until};

fn get(at: SocketAddr, path: &str, fields: &str) -> RawResponse {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    raw_request(at, request.as_bytes()).unwrap_or_else(|error| panic!("{request}: {error}"))
}

fn bear(at: SocketAddr, path: &str, token: &str) -> RawResponse {
    get(at, path, &format!("Authorization: Bearer {token}\r\n"))
}

/// Seconds since 1970, so far from now.
fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

const OTHERS: &str = "Bearer realm=\"closed site\", error=\"invalid_token\"";

/// A gateway on one worker, with these keys in a file, and these tables and keys of its server.
fn gateway(keys: &str, tables: &str, server: &str, origin: &Origin) -> (Propylon, SocketAddr) {
    let at = address();
    let gateway = Propylon::start(&format!(
        r#"
[runtime]
workers = 1
[log_format]
line = '$uri $status $jwt_claim_sub'
{tables}
[[server]]
listen = ["{at}"]
access_log = {{ path = "@DIR@/access.log", format = "line" }}
auth_jwt = {{ realm = "closed site", key_file = ["@DIR@/keys.json"] }}
headers.set = {{ X-Sub = "$jwt_claim_sub", X-Email = "$email", X-Key = "$jwt_header_kid", X-All = "$jwt_payload" }}
{server}
[[server.location]]
match = "/"
proxy_pass = "http://{}"
"#,
        origin.address()
    ));
    fs::write(gateway.path("keys.json"), keys).unwrap();
    (gateway, at)
}

const EMAIL: &str = "[jwt_claim_set]\nemail = [\"info\", \"e-mail\"]";

#[test]
fn good_tokens_of_every_kind_come_in_and_the_others_do_not() {
    let signers = [
        ("HS256", Signer::secret("HS256", b"fantasticjwt")),
        ("RS256", Signer::new("RS256")),
        ("PS384", Signer::new("PS384")),
        ("ES256", Signer::new("ES256")),
        ("ES384", Signer::new("ES384")),
        ("EdDSA", Signer::new("EdDSA")),
    ];
    let keys: Vec<String> =
        signers.iter().map(|(name, signer)| signer.key(&format!("\"kid\":\"{name}\""))).collect();
    let origin = Origin::echo();
    let (gateway, at) = gateway(&set(&keys), EMAIL, "", &origin);
    for (name, signer) in &signers {
        let claims = format!(r#"{{"sub":"me","exp":{},"nbf":{}}}"#, in_seconds(3600), in_seconds(-3600));
        let token = signer.named(name, &claims);
        let answer = bear(at, "/", &token);
        let text = answer.text();
        assert!(answer.status == 200 && text.contains("X-Sub: me\r\n"), "{name}: {text}");
        assert!(text.contains(&format!("X-Key: {name}\r\n")), "{name}: {text}");
        assert!(text.contains(&format!("X-All: {claims}\r\n")), "{name}: {text}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let stranger = match *name {
            "HS256" => Signer::secret(name, b"another"),
            _ => Signer::new(name),
        };
        let without = format!("{}.{}.", encode("{\"alg\":\"none\"}"), encode(&claims));
        for (bad, token) in [
            ("expired", signer.named(name, &format!("{{\"sub\":\"me\",\"exp\":{}}}", in_seconds(-60)))),
            ("not yet", signer.named(name, &format!("{{\"sub\":\"me\",\"nbf\":{}}}", in_seconds(3600)))),
            ("another key", stranger.named(name, &claims)),
            ("an unknown key", signer.named("nobody", &claims)),
            ("other claims", format!("{header}.{}.{signature}", encode("{\"sub\":\"root\"}"))),
            ("no signature", format!("{signed}.")),
            ("not signed", without.clone()),
            ("no token", "a.b.c".to_owned()),
        ] {
            let answer = bear(at, "/", &token);
            let told = answer.head.field("www-authenticate");
            assert_eq!((answer.status, told.as_deref()), (401, Some(OTHERS)), "{name}: {bad}");
        }
    }
    // Whoever has the public key takes it for a secret.
    let public = keys.get(1).unwrap();
    let modulus = public.split('"').max_by_key(|text| text.len()).unwrap();
    for secret in [public, modulus] {
        for kid in ["RS256", "HS256"] {
            let forged = Signer::secret("HS256", secret.as_bytes()).named(kid, "{\"sub\":\"root\"}");
            assert_eq!(bear(at, "/", &forged).status, 401);
        }
    }
    let asked = get(at, "/", "");
    let told = asked.head.field("www-authenticate");
    assert_eq!((asked.status, told.as_deref()), (401, Some("Bearer realm=\"closed site\"")));
    assert_eq!(get(at, "/", "Authorization: Basic YTpi\r\n").status, 401);
    assert_eq!(origin.heads(), signers.len(), "the others reached nobody");
    let log = gateway.tells("the JSON Web Token has expired");
    assert!(log.contains("there is no key for the JSON Web Token"), "{log}");
    let lines = gateway.lines("access.log", 1);
    assert!(lines.iter().all(|line| line == "/ 200 me" || line == "/ 401 -"), "{lines:?}");
}

#[test]
fn claims_are_found_by_their_names() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let (_gateway, at) = gateway(&signer.key(""), EMAIL, "", &origin);
    let claims = r#"{"sub":["a","b"],"info":{"e-mail":"me@example.com"},"n":1}"#;
    let text = bear(at, "/", &signer.token("{\"alg\":\"HS256\"}", claims)).text();
    assert!(text.contains("X-Sub: a,b\r\n") && text.contains("X-Email: me@example.com\r\n"), "{text}");
    assert!(!text.contains("X-Key"), "{text}");
    // What cannot stand in a field does not.
    let text = bear(at, "/", &signer.token("{\"alg\":\"HS256\"}", r#"{"sub":"a\r\nX-Admin: 1"}"#)).text();
    assert!(!text.contains("X-Admin: 1\r\nX") && !text.contains("\nX-Admin: 1\r\n"), "{text}");
}

#[test]
fn keys_that_change_and_keys_that_are_missing() {
    let (first, second) = (Signer::secret("HS256", b"first"), Signer::secret("HS256", b"the second"));
    let origin = Origin::echo();
    let (gateway, at) = gateway(&set(&[first.key("")]), EMAIL, "", &origin);
    let [of_first, of_second] = [&first, &second].map(|signer| signer.token("{\"alg\":\"HS256\"}", "{}"));
    let statuses = || [&of_first, &of_second].map(|token| bear(at, "/", token).status);
    assert_eq!(statuses(), [200, 401]);
    fs::write(gateway.path("keys.json"), set(&[first.key(""), second.key("")])).unwrap();
    assert_eq!(statuses(), [200, 200]);
    fs::write(gateway.path("keys.json"), set(&[second.key("")])).unwrap();
    assert_eq!(statuses(), [401, 200]);
    fs::write(gateway.path("keys.json"), "{\"keys\":").unwrap();
    assert_eq!(statuses(), [500, 500]);
    fs::remove_file(gateway.path("keys.json")).unwrap();
    assert_eq!(statuses(), [500, 500]);
    assert_eq!(get(at, "/", "").status, 401, "nobody looks for keys");
    gateway.tells("keys.json\" failed (");
}

/// Keys that another location answers with.
#[test]
fn keys_are_asked_for() {
    let (first, second) = (Signer::secret("HS256", b"first"), Signer::secret("HS256", b"the second"));
    let origin = Origin::echo();
    let server = format!(
        r#"
[[server.location]]
match = "/asked"
auth_jwt = {{ key_file = [], key_request = ["/jwks/set?of=all"] }}
proxy_pass = "http://{0}"
[[server.location]]
match = "/kept"
auth_jwt = {{ key_file = [], key_request = ["/jwks/set"], key_cache = "1h" }}
proxy_pass = "http://{0}"
[[server.location]]
match = "/both"
auth_jwt.key_request = ["/jwks/set"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/missing"
auth_jwt.key_request = ["/jwks/none"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/named"
auth_jwt.key_file = ["@DIR@/$jwt_claim_iss.json"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/jwks/"
internal = true
root = "@DIR@"
"#,
        origin.address()
    );
    let (gateway, at) = gateway(&first.key(""), EMAIL, &server, &origin);
    fs::create_dir(gateway.path("jwks")).unwrap();
    fs::write(gateway.path("jwks/set"), second.key("")).unwrap();
    let [of_first, of_second] = [&first, &second].map(|signer| signer.token("{\"alg\":\"HS256\"}", "{}"));
    let statuses = |path: &str| [&of_first, &of_second].map(|token| bear(at, path, token).status);
    assert_eq!(statuses("/asked"), [401, 200]);
    assert_eq!(statuses("/kept"), [401, 200]);
    assert_eq!(statuses("/both"), [200, 200]);
    assert_eq!(statuses("/missing"), [500, 500]);
    gateway.tells("auth_jwt: the answer of \"/jwks/none\": unexpected status 404");
    let conditional =
        format!("Authorization: Bearer {of_second}\r\nRange: bytes=0-1\r\nIf-None-Match: *\r\n");
    assert_eq!(get(at, "/asked", &conditional).status, 200, "what is said of the thing is not said of keys");
    assert_eq!(bear(at, "/jwks/set", &of_first).status, 404, "it is internal");
    fs::write(gateway.path("jwks/set"), first.key("")).unwrap();
    assert_eq!(statuses("/asked"), [200, 401]);
    assert_eq!(statuses("/kept"), [401, 200], "nobody asks");
    fs::write(gateway.path("jwks/set"), "no keys").unwrap();
    assert_eq!(statuses("/asked"), [500, 500]);
    gateway.tells("auth_jwt: the answer of \"/jwks/set\": no JSON Web Key Set");
    fs::write(gateway.path("ours.json"), second.key("")).unwrap();
    let named = |iss: &str| second.token("{\"alg\":\"HS256\"}", &format!("{{\"iss\":\"{iss}\"}}"));
    assert_eq!(bear(at, "/named", &named("ours")).status, 200);
    assert_eq!(bear(at, "/named", &named("keys")).status, 401);
    assert_eq!(bear(at, "/named", &named("none")).status, 500);
    // The name is the token's, which nobody has found good.
    fs::write(gateway.path("jwks/theirs.json"), second.key("")).unwrap();
    assert_eq!(bear(at, "/named", &named("jwks/theirs")).status, 200);
    assert_eq!(bear(at, "/named", &named("jwks/../jwks/theirs")).status, 500);
    gateway.tells("jwks/../jwks/theirs.json\" leads out of its directory");
}

/// Whoever decides before, beside or after the check, and whatever is sent or written then, hears nothing of a token that was not found good.
#[test]
fn nobody_hears_of_a_token_that_is_not_good() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let tables = "[map.who]\nkey = \"$jwt_claim_sub\"\nvalues = { root = \"root\" }\n\
                  [limit_zone.one]\nkey = \"$jwt_claim_sub\"\nrate = \"1r/m\"\n"
        .to_owned()
        + EMAIL;
    let server = format!(
        r#"
[[server.location]]
match = "/step"
rewrite = [{{ if = "$who", then = [{{ return = [200, "$who"] }}] }}]
empty_gif = true
[[server.location]]
match = "/moved"
rewrite = [{{ if = "$who", then = [{{ return = [500] }}] }}, ["^", "/open", "last"]]
empty_gif = true
[[server.location]]
match = "/open"
auth_jwt.realm = "off"
headers.set = {{ X-Who = "$who" }}
proxy_pass = "http://{0}"
[[server.location]]
match = "/asked"
access = {{ satisfy = "any", rules = ["deny all"] }}
auth_request.uri = "/auth"
proxy_pass = "http://{0}"
[[server.location]]
match = "= /auth"
rewrite = [{{ if = "$who", then = [{{ return = [204] }}] }}]
return = [403]
[[server.location]]
match = "/strict"
access = {{ satisfy = "any", rules = ["deny all"] }}
auth_jwt.require = [{{ values = ["$jwt_claim_iss"] }}]
auth_request.uri = "/yes"
proxy_pass = "http://{0}"
[[server.location]]
match = "= /yes"
return = [204]
[[server.location]]
match = "/limited"
limit = {{ requests = [{{ zone = "one" }}] }}
empty_gif = true
[[server.location]]
match = "/keys"
auth_jwt = {{ key_file = [], key_request = ["/jwks"] }}
empty_gif = true
[[server.location]]
match = "= /jwks"
proxy_pass = "http://{0}"
"#,
        origin.address()
    );
    let (gateway, at) = gateway(&signer.key(""), &tables, &server, &origin);
    let (alg, root) = ("{\"alg\":\"HS256\"}", "{\"sub\":\"root\"}");
    let forged = Signer::secret("HS256", b"other").token(alg, root);
    let good = signer.token(alg, root);
    for (path, token, status) in [
        ("/step", &forged, 401),
        ("/moved", &forged, 200),
        ("/asked", &forged, 401),
        ("/asked", &good, 200),
        ("/strict", &good, 200), // the other location lets it in, not the token
        ("/limited", &forged, 401),
        ("/limited", &forged, 401), // it takes nobody's place
        ("/limited", &good, 200),
        ("/limited", &good, 503),
        ("/keys", &forged, 500),
    ] {
        let answer = bear(at, path, token);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        if matches!(path, "/moved" | "/strict") {
            assert!(!answer.text().contains("root"), "{path}: {}", answer.text());
        }
    }
    let heard: Vec<_> = origin.take().iter().map(|seen| seen.head.field("x-sub").is_some()).collect();
    assert_eq!(heard, [false, true, false, false], "/moved, /asked, /strict, and who has the keys");
    let log = until("all lines", LIMIT, || {
        let log = fs::read_to_string(gateway.path("access.log")).unwrap();
        Some(log).filter(|log| log.lines().count() == 10)
    });
    let subjects: Vec<_> = log.lines().filter(|line| line.ends_with(" root")).collect();
    assert_eq!(subjects, ["/asked 200 root", "/limited 200 root", "/limited 503 root"]);
}

#[test]
fn what_is_required_besides() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let tables =
        "[map.good]\nkey = \"$jwt_claim_iss\"\nvalues = { us = \"1\", them = \"0\" }\n".to_owned() + EMAIL;
    let server = r#"
[[server.location]]
match = "/issuer"
auth_jwt.require = [{ values = ["$good"] }]
return = [404]
[[server.location.location]]
match = "/issuer/admin"
auth_jwt.require = [{ values = ["$good"] }, { values = ["$jwt_claim_admin", "$jwt_claim_sub"], error = 403 }]
empty_gif = true
"#;
    let (_gateway, at) = gateway(&signer.key(""), &tables, server, &origin);
    let status = |claims: &str| {
        let answer = bear(at, "/issuer/admin", &signer.token("{\"alg\":\"HS256\"}", claims));
        (answer.status, answer.head.field("www-authenticate"))
    };
    assert_eq!(status(r#"{"iss":"us","admin":true,"sub":"a"}"#), (200, None));
    assert_eq!(status(r#"{"iss":"us","admin":true}"#), (403, None));
    assert_eq!(status(r#"{"iss":"us","admin":0,"sub":"a"}"#), (403, None));
    for claims in [r#"{"iss":"them","admin":1,"sub":"a"}"#, r#"{"admin":1,"sub":"a"}"#] {
        assert_eq!(status(claims), (401, Some(OTHERS.to_owned())));
    }
}

/// Any of address, password, token and another location is enough; the last word is a 401 if any of them says so.
#[test]
fn satisfy_any() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let location = |path: &str, keys: &str| {
        format!(
            "[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://{}\"\naccess.satisfy = \"any\"\n{keys}\n",
            origin.address()
        )
    };
    let server = location("/here", "access.rules = [\"allow 127.0.0.1\", \"deny all\"]")
        + &location("/there", "access.rules = [\"deny all\"]")
        + &location(
            "/word",
            "access.rules = [\"deny all\"]\naccess.basic = { realm = \"r\", users = \"@DIR@/users\" }",
        )
        + &location("/asked", "access.rules = [\"deny all\"]\nauth_request.uri = \"/auth\"")
        + &location(
            "/strict",
            "access.rules = [\"deny all\"]\nauth_jwt.require = [{ values = [\"$jwt_claim_x\"], error = 403 }]",
        )
        + "[[server.location]]\nmatch = \"/all\"\nempty_gif = true\naccess.rules = [\"allow all\"]\nauth_request.uri = \"/auth\"\n"
        + "[[server.location]]\nmatch = \"= /auth\"\nrewrite = [{ if = \"$http_x_pass\", then = [{ return = [204] }] }]\nreturn = [403]\n";
    let (gateway, at) = gateway(&signer.key(""), EMAIL, &server, &origin);
    fs::write(gateway.path("users"), "a:{PLAIN}b\n").unwrap();
    let good =
        format!("Authorization: Bearer {}\r\n", signer.token("{\"alg\":\"HS256\"}", "{\"sub\":\"me\"}"));
    let bad = format!(
        "Authorization: Bearer {}\r\n",
        Signer::secret("HS256", b"other").token("{\"alg\":\"HS256\"}", "{\"sub\":\"root\"}")
    );
    let (word, pass) = ("Authorization: Basic YTpi\r\n", "X-Pass: 1\r\n");
    let both = bad.clone() + pass;
    for (path, fields, expected) in [
        ("/here", "", 200),
        ("/here", &*bad, 200),
        ("/here", &good, 200),
        ("/there", "", 401),
        ("/there", &bad, 401),
        ("/there", &good, 200),
        ("/word", "", 401),
        ("/word", word, 200),
        ("/word", &good, 200),
        ("/asked", "", 401),
        ("/asked", pass, 200),
        ("/asked", &both, 200),
        ("/asked", &good, 200),
        ("/strict", &good, 403),
        ("/strict", &bad, 401),
        ("/all", &good, 403),
        ("/all", pass, 401),
        ("/all", &(good.clone() + pass), 200),
        ("/all", &both, 401),
    ] {
        let answer = get(at, path, fields);
        let text = answer.text();
        assert_eq!(answer.status, expected, "{path} {fields}: {text}");
        if expected == 200 && path != "/all" {
            let heard = text.contains("X-Sub:");
            assert_eq!(
                heard,
                path != "/here" && fields == good,
                "{path}: nobody has looked at others\n{text}"
            );
        }
    }
    let told = get(at, "/word", "").head.by_name().remove("www-authenticate").unwrap();
    assert_eq!(told, [&b"Basic realm=\"r\""[..], b"Bearer realm=\"closed site\""]);
}

/// What is asked for beside a request knows its token if that was found good, and checks none itself.
#[test]
fn copies_know_the_token_of_their_request() {
    let signer = Signer::secret("HS256", b"secret");
    let (origin, copies) = (Origin::echo(), Origin::echo());
    let server = format!(
        r#"
[[server.location]]
match = "/open"
auth_jwt.realm = "off"
mirror.to = ["/copy"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/closed"
mirror.to = ["/copy"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/copy"
internal = true
proxy_pass = "http://{1}"
"#,
        origin.address(),
        copies.address()
    );
    let (_gateway, at) = gateway(&signer.key(""), EMAIL, &server, &origin);
    let good = signer.token("{\"alg\":\"HS256\"}", "{\"sub\":\"me\"}");
    let bad = Signer::secret("HS256", b"other").token("{\"alg\":\"HS256\"}", "{\"sub\":\"root\"}");
    for (path, token, expected) in
        [("/closed", &good, Some("me")), ("/open", &good, None), ("/open", &bad, None)]
    {
        assert_eq!(bear(at, path, token).status, 200);
        let seen = until("a copy", LIMIT, || copies.take().pop());
        assert_eq!(seen.head.field("x-sub").as_deref(), expected, "{path}");
    }
    assert_eq!((bear(at, "/closed", &bad).status, origin.heads()), (401, 3));
}

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

#[test]
fn who_is_asked_for_keys_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    let text = "[[server]]\nauth_jwt = { realm = \"r\", key_request = [\"/jwks\"] }\n\
        [[server.location]]\nmatch = \"/\"\nempty_gif = true\n\
        [[server.location]]\nmatch = \"= /open\"\nauth_jwt.realm = \"off\"\nempty_gif = true\n";
    fs::write(&path, text).unwrap();
    let explain = |url: &str| {
        let output =
            Command::new(binary()).args(["explain", "--config"]).arg(&path).args(["GET", url]).output();
        lossy(&output.unwrap().stdout)
    };
    let told = explain("/x");
    assert!(told.contains("keys from /jwks, line 2: of the location /, line 4"), "{told}");
    assert!(!explain("/open").contains("keys from"), "{}", explain("/open"));
}
