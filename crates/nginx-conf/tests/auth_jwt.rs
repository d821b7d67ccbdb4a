//! `auth_jwt*`: what becomes of it, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Converted, Verdict, convert};

fn of(http: &str, server: &str, location: &str) -> Result<Converted, String> {
    let text = format!(
        "events {{ }}
http {{
{http}
server {{
listen 127.0.0.1:8080;
{server}
location / {{ {location} proxy_pass http://127.0.0.1:81; }}
location = /jwks {{ internal; proxy_pass http://127.0.0.1:82; }}
}}
}}
"
    );
    convert(&text, "/etc/nginx/nginx.conf").map_err(|problems| problems[0].to_string())
}

fn converted(http: &str, server: &str, location: &str) -> String {
    let converted = of(http, server, location).unwrap_or_else(|problem| panic!("{location}: {problem}"));
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    let toml = converted.toml().to_owned();
    converted.load().unwrap_or_else(|problems| panic!("{}\n{toml}", problems[0]));
    toml
}

#[test]
fn what_it_becomes() {
    let http = "auth_jwt_claim_set $email info e-mail; auth_jwt_claim_set $job info \"job title\"; auth_jwt_header_set $key kid;
map $jwt_claim_iss $good { https://id.example.com 1; }";
    let location = "auth_jwt \"closed site\" token=$cookie_auth_token; auth_jwt_key_file keys.json; auth_jwt_key_file /keys/$jwt_header_kid.json;
auth_jwt_key_request /jwks; auth_jwt_key_cache 10m; auth_jwt_leeway 5s; auth_jwt_type signed;
auth_jwt_require $good $jwt_claim_sub error=403; auth_jwt_require $email;";
    let toml = converted(http, "", location);
    for line in [
        "[jwt_claim_set]\nemail = [\"info\", \"e-mail\"]\njob = [\"info\", \"job title\"]\n",
        "[jwt_header_set]\nkey = [\"kid\"]\n",
        "auth_jwt.realm = \"closed site\"\n",
        "auth_jwt.token = \"$cookie_auth_token\"\n",
        "auth_jwt.key_file = [\"keys.json\", \"/keys/$jwt_header_kid.json\"]\n",
        "auth_jwt.key_request = [\"/jwks\"]\n",
        "auth_jwt.key_cache = \"10m\"\n",
        "auth_jwt.leeway = \"5s\"\n",
        "auth_jwt.type = \"signed\"\n",
    ] {
        assert!(toml.contains(line), "{line}\n{toml}");
    }
    let required = "{ values = [\"$good\", \"$jwt_claim_sub\"], error = 403 }";
    assert!(toml.contains(required) && toml.contains("{ values = [\"$email\"] }"), "{toml}");
}

#[test]
fn levels() {
    let toml = converted("auth_jwt a token=$arg_t; auth_jwt_key_file k;", "auth_jwt off;", "auth_jwt b;");
    assert!(toml.contains("auth_jwt.realm = \"off\"") && toml.contains("auth_jwt.token = \"\""), "{toml}");
    let toml = converted("auth_jwt a; auth_jwt_key_file k;", "", "limit_except GET { auth_jwt off; }");
    assert!(toml.contains("auth_jwt.realm = \"off\""), "{toml}");
}

#[test]
fn what_is_refused() {
    for directive in ["auth_jwt_type encrypted;", "auth_jwt_type nested;"] {
        let converted = of("", "", directive).unwrap();
        assert_eq!(converted.count(Verdict::Refused), 1, "{directive}");
    }
    for (directive, problem) in [
        ("auth_jwt_type other;", "invalid value \"other\""),
        ("auth_jwt a b;", "invalid parameter \"b\""),
        ("auth_jwt a token=;", "invalid parameter \"token=\""),
        ("auth_jwt_require a;", "invalid variable name \"a\""),
        ("auth_jwt_require error=403;", "at least one value is required"),
        ("auth_jwt_require $host error=402;", "invalid parameter \"error=402\""),
    ] {
        let found = of("", "", directive).unwrap_err();
        assert!(found.contains(problem), "{directive}: {found}");
    }
    let found = of("auth_jwt_claim_set email info;", "", "").unwrap_err();
    assert!(found.contains("invalid variable name \"email\""), "{found}");
}
