//! Logging in at an OpenID provider: what must not come of it beside other features, and of what a provider says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod oidc_support;

use std::net::SocketAddr;

use oidc_support::{Browser, Provider, location};
use propylon_tests::{Origin, Propylon, address};

/// A gateway where users of this provider log in: with these keys of it, these of the server, and these locations.
fn gateway(provider: &Provider, more: &str, server: &str, locations: &str) -> (Propylon, SocketAddr) {
    let at = address();
    let text = format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n{}\n[[server]]\nlisten = [\"{at}\"]\nauth_oidc = \"id\"\n{server}\n{locations}",
        provider.table(more)
    );
    (Propylon::start(&text), at)
}

fn proxied(path: &str, origin: &Origin, keys: &str) -> String {
    format!("[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://{}\"\n{keys}\n", origin.address())
}

/// Somebody who is let in for another reason may still come back from the provider, and leave: nobody else is told of codes.
#[test]
fn who_is_let_in_by_an_address_can_come_back_and_leave() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let open = "access = { satisfy = \"any\", rules = [\"allow 127.0.0.1\", \"deny all\"] }";
    let keys = "logout_uri = \"/logout\"\nfrontchannel_logout_uri = \"/gone\"";
    let sub = "headers.set = { X-Sub = \"$oidc_claim_sub\" }";
    let locations = proxied("/", &origin, &format!("{open}\n{sub}")) + &proxied("/in", &origin, sub);
    let (_gateway, at) = gateway(&provider, keys, "", &locations);
    let mut browser = Browser::new(at);
    let back = browser.begin(&provider, "/in");
    let answer = browser.get(&back);
    assert_eq!((answer.status, location(&answer)), (302, "/in".to_owned()), "{}", answer.text());
    assert_eq!(origin.heads(), 0, "the code is nobody else's business");
    assert!(browser.get("/").text().contains("X-Sub: me\r\n"), "who it is is known");
    assert_eq!(browser.get(&format!("/gone?iss={}&sid=s1", provider.issuer())).status, 200);
    assert_eq!(browser.get("/in").status, 302);
    browser.log_in(&provider, "/in");
    assert_eq!((browser.get("/logout").status, browser.get("/in").status), (302, 302));
    assert_eq!(Browser::new(at).get("/").status, 200, "nobody has to log in");
}

/// What sends a browser to log in is good once: nobody keeps it, whatever is said of pages.
#[test]
fn nobody_keeps_what_is_good_once() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (_gateway, at) =
        gateway(&provider, "logout_uri = \"/logout\"", "expires = \"1d\"", &proxied("/", &origin, ""));
    let mut browser = Browser::new(at);
    let none = |answer: &propylon_tests::RawResponse| {
        assert_eq!(answer.head.field("cache-control").as_deref(), Some("no-store"), "{}", answer.text());
        assert_eq!(answer.head.field("expires"), None);
    };
    let sent = browser.get("/a");
    none(&sent);
    let back = browser.begin(&provider, "/a");
    none(&browser.get(&back));
    assert_eq!(browser.get("/a").head.field("cache-control").as_deref(), Some("max-age=86400"));
    none(&browser.get("/logout"));
}

/// What a provider says of a user is no way to write other fields, nor for a user to say it instead.
#[test]
fn what_is_said_of_users_stays_in_its_field() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let fields = "headers.set = { X-Name = \"$oidc_claim_name\", X-Email = \"$oidc_claim_email\", X-Sub = \"$oidc_claim_sub\" }";
    let (_gateway, at) = gateway(&provider, "", "", &proxied("/", &origin, fields));
    provider.says(|says| says.instead = vec![("\"M E\"", "\"a\\r\\nX-Admin: yes\"".to_owned())]);
    let mut browser = Browser::new(at);
    browser.log_in(&provider, "/");
    let inside = browser.ask("GET", "/", "X-Name: root\r\nX-Email: root\r\nX-Sub: root\r\n").text();
    assert!(!inside.contains("X-Admin: yes") && !inside.contains("root"), "{inside}");
    assert!(inside.contains("X-Sub: me\r\n"), "{inside}");
}
