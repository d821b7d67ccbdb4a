//! `oidc_provider` and `auth_oidc`: what becomes of them, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Converted, Verdict, convert};

fn of(provider: &str, http: &str, location: &str) -> Result<Converted, String> {
    let text = format!(
        "events {{ }}
http {{
keyval_zone zone=sessions:8m;
oidc_provider my_idp {{ {provider} }}
{http}
server {{
listen 127.0.0.1:8080;
auth_oidc my_idp;
location / {{ {location} proxy_pass http://127.0.0.1:81; }}
}}
}}
"
    );
    convert(&text, "/etc/nginx/nginx.conf").map_err(|problems| problems[0].to_string())
}

const LEAST: &str = "issuer https://id.example.com; client_id us;";

#[test]
fn what_it_becomes() {
    let provider = "issuer \"https://id.example.com\"; client_id unique_id; client_secret unique_secret; config_url https://id.example.com/m; \
        cookie_name SESSION; extra_auth_args \"display=page&prompt=login\"; frontchannel_logout_uri /gone; pkce on; redirect_uri /back; logout_uri /logout; \
        post_logout_uri /bye; logout_token_hint on; scope openid email profile; session_store sessions; session_timeout 1h; ssl_crl crl.pem; \
        ssl_trusted_certificate /etc/ssl/ca.pem; userinfo off;";
    let converted =
        of(provider, "", "location /bye { auth_oidc off; proxy_pass http://127.0.0.1:82; }").unwrap();
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    let toml = converted.toml().to_owned();
    let config = converted.load().unwrap_or_else(|problems| panic!("{}\n{toml}", problems[0])).config;
    for line in [
        "[oidc_provider.my_idp]\nissuer = \"https://id.example.com\"\n",
        "client_secret = \"unique_secret\"\n",
        "extra_auth_args = \"display=page&prompt=login\"\n",
        "pkce = true\n",
        "scope = [\"openid\", \"email\", \"profile\"]\n",
        "tls.crl = \"crl.pem\"\n",
        "tls.trusted_certificate = \"/etc/ssl/ca.pem\"\n",
        "userinfo = false\n",
        "auth_oidc = \"my_idp\"\n",
        "auth_oidc = \"off\"\n",
    ] {
        assert!(toml.contains(line), "{line}\n{toml}");
    }
    let of: Vec<_> = config.locations().map(|location| location.settings.auth_oidc.is_some()).collect();
    assert_eq!(of, [true, false]);
    let provider = &config.oidc_providers["my_idp"];
    assert_eq!(provider.session_timeout.as_secs(), 3600);
    assert_eq!(provider.session_store.as_ref().map(|zone| &*zone.name), Some("sessions"));
    assert!(provider.tls.verify && provider.tls.server_name);
}

#[test]
fn what_is_refused() {
    for (provider, http, problem) in [
        ("client_id us;", "", "\"issuer\" is missing in \"oidc_provider\""),
        ("issuer https://id.example.com;", "", "\"client_id\" is missing in \"oidc_provider\""),
        (&*format!("{LEAST} proxy a;"), "", "unknown directive \"proxy\" in \"oidc_provider\""),
        (&format!("{LEAST} scope;"), "", "invalid number of arguments in \"scope\" directive"),
        (&format!("{LEAST} client_id a b;"), "", "invalid number of arguments in \"client_id\" directive"),
        (&format!("{LEAST} client_id them;"), "", "\"client_id\" directive is duplicate"),
        (&format!("{LEAST} pkce maybe;"), "", "invalid value \"maybe\""),
        (&format!("{LEAST} session_timeout soon;"), "", "invalid value"),
        (LEAST, &format!("oidc_provider my_idp {{ {LEAST} }}"), "duplicate provider \"my_idp\""),
    ] {
        let found = of(provider, http, "").unwrap_err();
        assert!(found.contains(problem), "{provider}: {found}");
    }
    // What the configuration says of values is said of nginx's lines.
    let converted = of("issuer http://id.example.com; client_id us;", "", "").unwrap();
    let problems = converted.load().unwrap_err();
    assert!(problems[0].to_string().contains("invalid `issuer`"), "{}", problems[0]);
    assert!(problems[0].to_string().contains("nginx.conf:4"), "{}", problems[0]);
}
