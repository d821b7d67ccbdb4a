//! Logging in at an OpenID provider: what must not come of it beside other features, and of what a provider says.

use std::net::SocketAddr;

use propylon_tests::{Origin, Propylon, RawResponse, address};

use crate::provider::{Browser, Provider, location};
use crate::{config, gateway};

/// A gateway where users of this provider log in: with these keys of it, these of the server, and these locations.
fn places(provider: &Provider, more: &str, server: &str, locations: &str) -> (Propylon, SocketAddr) {
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
    let (_gateway, at) = places(&provider, keys, "", &locations);
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
        places(&provider, "logout_uri = \"/logout\"", "expires = \"1d\"", &proxied("/", &origin, ""));
    let mut browser = Browser::new(at);
    let none = |answer: &RawResponse| {
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
    let (_gateway, at) = places(&provider, "", "", &proxied("/", &origin, fields));
    provider.says(|says| says.instead = vec![("\"M E\"", "\"a\\r\\nX-Admin: yes\"".to_owned())]);
    let mut browser = Browser::new(at);
    browser.log_in(&provider, "/");
    let inside = browser.ask("GET", "/", "X-Name: root\r\nX-Email: root\r\nX-Sub: root\r\n").text();
    assert!(!inside.contains("X-Admin: yes") && !inside.contains("root"), "{inside}");
    assert!(inside.contains("X-Sub: me\r\n"), "{inside}");
}

/// Cookies are for TLS alone where that is spoken, by this gateway or by who stands before it.
#[test]
fn cookies_are_secure_where_browsers_see_tls() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (_gateway, at) = gateway(&provider, &origin, "redirect_uri = \"https://app.example.com/back\"", "");
    let mut browser = Browser::new(at);
    let answer = browser.get("/a");
    assert!(answer.head.field("set-cookie").unwrap().ends_with("; Secure"));
    let url = provider.agree(&location(&answer));
    let back = url.strip_prefix("https://app.example.com").unwrap();
    let answer = browser.get(back);
    assert_eq!(location(&answer), "https://app.example.com/a");
    assert!(answer.head.field("set-cookie").unwrap().ends_with("; Secure"));
    let (_gateway, at) = gateway(&provider, &origin, "", "");
    assert!(!Browser::new(at).get("/a").head.field("set-cookie").unwrap().contains("Secure"));
}

/// The way back leads to this host, whatever was asked for.
#[test]
fn nobody_is_sent_elsewhere() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (_gateway, at) = gateway(&provider, &origin, "", "server_name_in_redirect = false");
    for (target, way) in [
        ("//evil.test/a", "/evil.test/a"),
        ("/\\evil.test", "/evil.test"),
        (&*format!("HTTP://{at}//evil.test/a"), "/evil.test/a"),
        ("/a?to=https://evil.test", "/a?to=https://evil.test"),
    ] {
        let mut browser = Browser::new(at);
        let back = browser.begin(&provider, target);
        assert_eq!(location(&browser.get(&back)), way, "{target}");
    }
}

/// What is asked of whom, where several may let somebody in, or all have to; and limits that know who it is.
#[test]
fn beside_other_checks() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let tables = "[limit_zone.users]\nkey = \"$oidc_claim_sub\"\nrate = \"1r/m\"\n";
    let location = |path: &str, keys: &str| {
        format!(
            "[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://{}\"\n{keys}\n",
            origin.address()
        )
    };
    let server = location(
        "/any/here",
        "access = { satisfy = \"any\", rules = [\"allow 127.0.0.1\", \"deny all\"] }",
    ) + &location("/any/there", "access = { satisfy = \"any\", rules = [\"deny all\"] }")
        + &location("/any/none", "access.satisfy = \"any\"")
        + &location("/any/asked", "access.satisfy = \"any\"\nauth_request.uri = \"/auth\"")
        + &location("/all/there", "access.rules = [\"deny all\"]")
        + &location("/all/asked", "auth_request.uri = \"/auth\"")
        + &location("/limited", "limit.requests = [{ zone = \"users\" }]")
        + "[[server.location]]\nmatch = \"/returns\"\nreturn = [204]\n"
        + "[[server.location]]\nmatch = \"= /auth\"\nrewrite = [{ if = \"$http_x_pass\", then = [{ return = [204] }] }]\nreturn = [403]\n";
    let at = address();
    let gateway = Propylon::start(&config(at, &origin, &(tables.to_owned() + &provider.table("")), &server));
    let (mut browser, mut nobody) = (Browser::new(at), Browser::new(at));
    browser.log_in(&provider, "/");
    for (path, pass, out, inside) in [
        ("/any/here", false, 200, 200),
        ("/any/there", false, 302, 200),
        ("/any/none", false, 302, 200),
        ("/any/asked", false, 302, 200),
        ("/any/asked", true, 200, 200),
        ("/all/there", false, 403, 403),
        ("/all/asked", false, 302, 403),
        ("/all/asked", true, 302, 200),
        ("/returns", false, 204, 204),
    ] {
        let fields = if pass { "X-Pass: 1\r\n" } else { "" };
        let statuses = [&mut nobody, &mut browser].map(|who| who.ask("GET", path, fields).status);
        assert_eq!(statuses, [out, inside], "{path} {pass}");
    }
    assert_eq!([(); 3].map(|()| browser.get("/limited").status), [200, 503, 503]);
    assert_eq!(
        [(); 3].map(|()| nobody.get("/limited").status),
        [302, 302, 302],
        "it is nobody who is counted"
    );
    let log = gateway.error_log();
    assert!(!log.contains("no location with auth_oidc"), "{log}");
}
