//! Logging in at an OpenID provider: the whole way there and back, and who is not let in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod edges;
mod provider;

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use propylon_testkit::tokens::{Signer, set};
use propylon_tests::{LIMIT, Origin, Propylon, address, binary, check, lossy, until};

use provider::{Browser, Provider, argument, location};

/// The configuration of a gateway at this address, with these tables and keys of its server.
pub(crate) fn config(at: SocketAddr, origin: &Origin, tables: &str, server: &str) -> String {
    format!(
        r#"
[error_log]
path = "@DIR@/error.log"
level = "info"
[log_format]
line = '$uri $status $oidc_claim_sub'
{tables}
[[server]]
listen = ["{at}"]
auth_oidc = "id"
access_log = {{ path = "@DIR@/access.log", format = "line" }}
headers.set = {{ X-Sub = "$oidc_claim_sub", X-Email = "$oidc_claim_email", X-Name = "$oidc_claim_name", X-Access = "$oidc_access_token", X-Id = "$oidc_id_token", X-Info = "$oidc_userinfo" }}
{server}
[[server.location]]
match = "/"
proxy_pass = "http://{}"
"#,
        origin.address()
    )
}

pub(crate) fn gateway(
    provider: &Provider,
    origin: &Origin,
    more: &str,
    server: &str,
) -> (Propylon, SocketAddr) {
    let at = address();
    (Propylon::start(&config(at, origin, &provider.table(more), server)), at)
}

#[test]
fn who_logs_in_comes_in_and_the_upstream_hears_who_it_is() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (gateway, at) = gateway(&provider, &origin, "userinfo = true\nscope = [\"email\"]", "");
    let mut browser = Browser::new(at);
    let there = location(&browser.get("/orders?open=1"));
    assert!(there.contains("scope=openid%20email&") && there.contains("code_challenge="), "{there}");
    assert_eq!(browser.cookies.len(), 1, "one for the login");
    assert_eq!(origin.heads(), 0);
    let inside = browser.log_in(&provider, "/orders?open=1").text();
    for line in ["X-Sub: me", "X-Email: me@example.com", "X-Name: M E", "X-Access: access", "X-Id: ey"] {
        assert!(
            inside.contains(&format!("{line}\r\n")) || line == "X-Id: ey" && inside.contains(line),
            "{inside}"
        );
    }
    assert!(
        inside.contains("X-Info: {\"sub\":\"me\",\"email\":\"me@example.com\",\"groups\":[\"a\",\"b\"]}\r\n"),
        "{inside}"
    );
    assert!(browser.ask("POST", "/other", "Content-Length: 0\r\n").text().contains("X-Sub: me\r\n"));
    assert_eq!(browser.get("/oidc_callback").status, 400, "nothing comes back twice");
    let mut other = Browser::new(at);
    assert_eq!(other.get("/orders").status, 302, "others are not in");
    other.cookies.push(("NGX_OIDC_SESSION".into(), "made-up".into()));
    assert_eq!(other.get("/orders").status, 302);
    assert_eq!(origin.heads(), 2);
    until("a line of who it is", LIMIT, || {
        let log = fs::read_to_string(gateway.path("access.log")).unwrap();
        log.lines().any(|line| line == "/orders 200 me").then_some(())
    });
    let session = browser.cookies.iter().find(|(name, _)| name == "NGX_OIDC_SESSION").unwrap();
    assert!(!gateway.error_log().contains(&session.1));
}

#[test]
fn what_comes_back_has_to_be_what_was_sent() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (gateway, at) = gateway(&provider, &origin, "", "");
    let mut browser = Browser::new(at);
    // The state of another browser, one that was changed, none.
    let mut other = Browser::new(at);
    let theirs = other.begin(&provider, "/");
    let ours = browser.begin(&provider, "/");
    for (back, why) in [
        (theirs, "the login was begun by another server or in another browser"),
        (ours.replace("state=", "state=A"), "the login was begun by another server or in another browser"),
        (ours.split("&state=").next().unwrap().to_owned(), "`state` is missing"),
        (format!("{ours}&state=a"), "`state` is missing"),
    ] {
        assert_eq!(browser.get(&back).status, 400, "{back}");
        gateway.tells(&format!("auth_oidc: login failed: {why}"));
    }
    assert_eq!(provider.asked("/token"), 0);
    // The user does not agree.
    let state = ours.split("state=").nth(1).unwrap();
    assert_eq!(browser.get(&format!("/oidc_callback?error=access_denied&state={state}")).status, 403);
    gateway.tells("auth_oidc: the provider returned the error \"access_denied\"");
    // A code that is used, or of another login: of another verifier, too.
    let first = browser.begin(&provider, "/first");
    assert_eq!(location(&browser.get(&first)), "/first");
    assert_eq!(browser.get(&first).status, 400, "replayed");
    gateway.tells("`state` has already been used");
}

#[test]
fn codes_of_another_login_are_of_no_use() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (gateway, at) = gateway(&provider, &origin, "", "");
    let attack = |at| {
        let (mut victim, mut attacker) = (Browser::new(at), Browser::new(at));
        let theirs = victim.begin(&provider, "/");
        let code = theirs.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let own = attacker.begin(&provider, "/");
        let state = own.split("state=").nth(1).unwrap();
        assert_eq!(attacker.get(&format!("/oidc_callback?code={code}&state={state}")).status, 403);
        attacker
    };
    attack(at);
    gateway.tells("auth_oidc: the provider rejected the authorization code"); // PKCE
    // Without PKCE it is the nonce that is another one.
    let origin = Origin::echo();
    let (gateway, at) = self::gateway(&provider, &origin, "pkce = false", "");
    let mut attacker = attack(at);
    gateway.tells("invalid ID token: `nonce` does not match the login");
    assert_eq!((attacker.get("/").status, origin.heads()), (302, 0));
}

#[test]
fn tokens_that_are_no_good_let_nobody_in() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (gateway, at) = gateway(&provider, &origin, "", "");
    let refused = |why: &str| {
        let mut browser = Browser::new(at);
        let back = browser.begin(&provider, "/");
        assert_eq!(browser.get(&back).status, 403, "{why}");
        assert_eq!(browser.get("/").status, 302, "{why}");
        gateway.tells(&format!("auth_oidc: invalid ID token: {why}"));
    };
    for (from, to, why) in [
        ("\"aud\":\"us\"", "\"aud\":\"them\"".to_owned(), "`aud` does not name this client"),
        ("\"iss\":\"", "\"iss\":\"https://other/".to_owned(), "`iss` names another provider"),
        ("\"exp\":", "\"exp\":1000,\"x\":".to_owned(), "the JSON Web Token has expired"),
        ("\"at_hash\":\"", "\"at_hash\":\"A".to_owned(), "`at_hash` does not match the access token"),
    ] {
        provider.says(|says| says.instead = vec![(from, to)]);
        refused(why);
    }
    provider.says(|says| (says.instead, says.unsigned) = (Vec::new(), true));
    refused("the JSON Web Token uses an unsupported algorithm");
    provider.says(|says| (says.signer, says.unsigned) = (Signer::new("ES256"), false));
    refused("the signature of the JSON Web Token is invalid");
    // The provider has changed its keys: they are asked for again.
    provider.says(|says| says.keys = set(&[says.signer.key("\"kid\":\"a\"")]));
    assert_eq!(Browser::new(at).log_in(&provider, "/").status, 200);
    assert_eq!(origin.heads(), 1);
}

#[test]
fn a_provider_that_is_not_there_lets_nobody_in() {
    let (provider, origin) = (Provider::at(address()), Origin::echo());
    let (gateway, at) = gateway(&provider, &origin, "", "");
    let mut browser = Browser::new(at);
    assert_eq!(browser.get("/").status, 502);
    gateway.tells("auth_oidc: cannot fetch the provider's metadata");
    provider.listen();
    let mut browser = until("the provider is asked again", LIMIT, || {
        let mut browser = Browser::new(at);
        (browser.get("/").status == 302).then_some(browser)
    });
    assert_eq!(browser.log_in(&provider, "/in").status, 200);
    provider.says(|says| says.down = true);
    assert_eq!(browser.get("/in").status, 200, "who is in is in");
    let mut other = Browser::new(at);
    let back = other.begin(&provider, "/"); // what was known of it still is
    assert_eq!(other.get(&back).status, 502);
    gateway.tells("auth_oidc: cannot fetch the response of the token endpoint");
    // Somebody else at its address.
    let stranger = Provider::start();
    let table = stranger
        .table("")
        .replace(&stranger.ca().display().to_string(), &provider.ca().display().to_string());
    let at = address();
    let gateway = Propylon::start(&config(at, &origin, &table, ""));
    assert_eq!(Browser::new(at).get("/").status, 502);
    gateway.tells("auth_oidc: cannot fetch the provider's metadata");
    assert!(stranger.asked("/.well-known/openid-configuration") == 0, "it was told nothing");
    stranger.says(|says| says.metadata = says.metadata.replace("\"issuer\":\"https", "\"issuer\":\"HTTPS"));
    let at = address();
    let gateway = Propylon::start(&config(at, &origin, &stranger.table(""), ""));
    assert_eq!(Browser::new(at).get("/").status, 502);
    gateway.tells("auth_oidc: unexpected issuer \"HTTPS://");
}

#[test]
fn users_leave() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let keys = "logout_uri = \"/logout\"\npost_logout_uri = \"/bye\"\nlogout_token_hint = true\nfrontchannel_logout_uri = \"/gone\"";
    let server = "[[server.location]]\nmatch = \"= /bye\"\nauth_oidc = \"off\"\nempty_gif = true\n";
    let (_gateway, at) = gateway(&provider, &origin, keys, server);
    let mut browser = Browser::new(at);
    browser.log_in(&provider, "/");
    let mut stale = browser.clone();
    let url = location(&browser.get("/logout"));
    let (to, arguments) = url.split_once('?').unwrap();
    assert_eq!(to, format!("{}/end", provider.issuer()));
    let after = argument(arguments, "post_logout_redirect_uri").unwrap();
    assert_eq!(after, format!("http://{at}/bye"));
    assert!(argument(arguments, "id_token_hint").unwrap().starts_with("ey"), "{url}");
    assert_eq!((browser.get(&after).status, browser.get("/").status, stale.get("/").status), (200, 302, 302));
    // The provider ends all sessions of one name.
    let (mut one, mut other) = (Browser::new(at), Browser::new(at));
    one.log_in(&provider, "/");
    provider.says(|says| says.sid = "s2");
    other.log_in(&provider, "/");
    let mut frame = Browser::new(at);
    assert_eq!(frame.get("/gone?iss=https://other&sid=s1").status, 400);
    assert_eq!((one.get("/").status, other.get("/").status), (200, 200));
    let gone = frame.get(&format!("/gone?iss={}&sid=s1", provider.issuer()));
    assert_eq!((gone.status, gone.head.field("cache-control").as_deref()), (200, Some("no-store")));
    assert_eq!((one.get("/").status, other.get("/").status), (302, 200));
    // Nobody is told where there is nobody to tell.
    provider.says(|says| says.metadata = says.metadata.replace("end_session_endpoint", "x"));
    let (_gateway, at) = self::gateway(&provider, &origin, "logout_uri = \"/logout\"", "");
    let mut browser = Browser::new(at);
    browser.log_in(&provider, "/");
    let page = browser.get("/logout");
    assert!(page.status == 200 && page.text().contains("You are logged out."), "{}", page.text());
    assert_eq!(page.head.field("content-type").as_deref(), Some("text/html"));
    assert_eq!(browser.get("/").status, 302);
}

/// Workers know each other's sessions; a reload keeps them, unless they are another client's.
#[test]
fn sessions_are_the_gateways() {
    let (provider, origin, at) = (Provider::start(), Origin::echo(), address());
    let tables = |more: &str| format!("[runtime]\nworkers = 2\n{}", provider.table(more));
    let gateway = Propylon::start(&config(at, &origin, &tables(""), ""));
    let mut browsers: Vec<Browser> = (0..4).map(|_| Browser::new(at)).collect();
    for browser in &mut browsers {
        browser.log_in(&provider, "/");
    }
    // Each connection is some worker's.
    for turn in 0..32 {
        assert_eq!(browsers[turn % 4].get("/").status, 200);
    }
    assert_eq!((provider.asked("/keys"), provider.asked("/.well-known/openid-configuration")), (1, 1));
    let mut late = Browser::new(at);
    let back = late.begin(&provider, "/late");
    gateway.put_to_use(&config(at, &origin, &tables("userinfo = true\nsession_timeout = \"1h\""), ""));
    assert_eq!((browsers[0].get("/").status, location(&late.get(&back))), (200, "/late".to_owned()));
    // One that is refused changes nothing.
    let them = config(at, &origin, &tables("").replace("\"us\"", "\"them\""), "");
    gateway.rewrite(&them.replace("auth_oidc = \"id\"", "auth_oidc = \"nobody\""));
    gateway.signal(propylon_tests::Signal::HUP);
    gateway.tells("unknown provider");
    assert_eq!(browsers[0].get("/").status, 200);
    gateway.put_to_use(&them);
    assert_eq!(browsers[0].get("/").status, 302);
}

#[test]
fn sessions_end_by_themselves() {
    let (provider, origin) = (Provider::start(), Origin::echo());
    let (_gateway, at) = gateway(&provider, &origin, "session_timeout = \"2s\"", "");
    let mut browser = Browser::new(at);
    let back = browser.begin(&provider, "/");
    assert_eq!(browser.get(&back).status, 302);
    assert!(browser.cookies.iter().any(|(name, _)| name == "NGX_OIDC_SESSION"));
    until("the session's end", LIMIT, || (browser.get("/").status == 302).then_some(()));
    let back = browser.begin(&provider, "/again");
    assert_eq!(location(&browser.get(&back)), "/again");
}

/// They survive a restart in a zone with a file, and are ended there by whoever may.
#[test]
fn sessions_in_a_zone() {
    let (provider, origin, at) = (Provider::start(), Origin::echo(), address());
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("sessions.json");
    let zone = format!("[keyval_zone.sessions]\nsize = \"8m\"\nstate = \"{}\"\n", state.display());
    let keys = "session_store = \"sessions\"\nuserinfo = true\nfrontchannel_logout_uri = \"/gone\"";
    let text = config(at, &origin, &(zone + &provider.table(keys)), "");
    let gateway = Propylon::start(&text);
    let mut browser = Browser::new(at);
    assert!(browser.log_in(&provider, "/").text().contains("X-Email: me@example.com\r\n"));
    let session = &browser.cookies.iter().find(|(name, _)| name == "NGX_OIDC_SESSION").unwrap().1;
    let written =
        until("the file", LIMIT, || fs::read_to_string(&state).ok().filter(|text| text.contains("access")));
    assert!(!written.contains(session), "what browsers have is not written down");
    drop(gateway);
    let gateway = Propylon::start(&text);
    let inside = browser.get("/").text();
    assert!(
        inside.contains("X-Email: me@example.com\r\n") && inside.contains("X-Access: access\r\n"),
        "{inside}"
    );
    gateway.put_to_use(&text);
    assert_eq!(browser.get("/").status, 200);
    let gone = format!("/gone?iss={}&sid=s1", provider.issuer());
    assert_eq!((Browser::new(at).get(&gone).status, browser.get("/").status), (200, 302));
}

#[test]
fn by_nginx_conf() {
    let (provider, origin, at) = (Provider::start(), Origin::echo(), address());
    let gateway = Propylon::start_nginx(&format!(
        "events {{ }}
http {{
keyval_zone zone=sessions:8m;
oidc_provider id {{
issuer {}; client_id us; client_secret \"s&cret\"; ssl_trusted_certificate {}; scope openid email; userinfo on;
redirect_uri /back; cookie_name SESSION; logout_uri /logout; post_logout_uri /bye; session_store sessions; session_timeout 1h; pkce off;
extra_auth_args prompt=login;
}}
server {{
listen {at};
auth_oidc id;
location / {{ proxy_set_header X-Email $oidc_claim_email; proxy_set_header X-Groups $oidc_claim_groups; proxy_pass http://{2}; }}
location /open {{ auth_oidc off; proxy_set_header X-Email $oidc_claim_email; proxy_pass http://{2}; }}
location /bye {{ auth_oidc off; return 200 bye; }}
}}
}}",
        provider.issuer(),
        provider.ca().display(),
        origin.address()
    ));
    let mut browser = Browser::new(at);
    let there = location(&browser.get("/a"));
    assert!(there.contains("&prompt=login") && !there.contains("code_challenge"), "{there}");
    let inside = browser.log_in(&provider, "/a").text();
    assert!(
        inside.contains("X-Email: me@example.com\r\n") && inside.contains("X-Groups: a,b\r\n"),
        "{inside}"
    );
    assert!(browser.cookies.iter().any(|(name, _)| name == "SESSION"));
    assert!(!browser.get("/open").text().contains("X-Email"), "nobody has looked");
    assert!(
        location(&browser.get("/logout"))
            .starts_with(&format!("{}/end?client_id=us&post", provider.issuer()))
    );
    assert_eq!((browser.get("/a").status, browser.get("/bye").status), (302, 200));
    assert!(gateway.error_log().lines().all(|line| !line.contains("[warn]") || !line.contains("auth_oidc")));
}

#[test]
fn what_is_told_of_it() {
    let provider = Provider::at(address());
    let text = provider.table("redirect_uri = \"/app/back\"")
        + "[[server]]\n[[server.location]]\nmatch = \"/app\"\nauth_oidc = \"id\"\nempty_gif = true\n\
           [[server.location]]\nmatch = \"/\"\nempty_gif = true\n";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    let explain = |text: &str, url: &str| {
        fs::write(&path, text).unwrap();
        let output =
            Command::new(binary()).args(["explain", "--config"]).arg(&path).args(["GET", url]).output();
        lossy(&output.unwrap().stdout)
    };
    let told = explain(&text, "/app/x");
    assert!(told.contains(&format!("logs in   at id, line 1: {}\n", provider.issuer())), "{told}");
    assert!(told.contains("back to   /app/back: location /app, line 9"), "{told}");
    assert!(!explain(&text, "/").contains("logs in"));
    let lost = text.replace("/app/back", "/back");
    assert!(
        explain(&lost, "/app/x").contains("back to   /back: no location with this provider answers this URI")
    );
    assert_eq!(check(&lost).status.code(), Some(0), "rewrites may lead there");
    let lost = lost.replace("[[server]]\n", &format!("[[server]]\nlisten = [\"{}\"]\n", address()));
    let log = "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"warn\"\n";
    let gateway = Propylon::start(&(log.to_owned() + &lost));
    gateway.tells("no location with auth_oidc \"id\" handles its redirect URI /back");
    // Files that are no good are a fault, and nobody is let in.
    let missing = text.replace(&provider.ca().display().to_string(), "/no/where.pem");
    let told = check(&missing);
    assert!(
        lossy(&told.stderr).contains("cannot set up TLS to the OpenID provider: /no/where.pem"),
        "{told:?}"
    );
    assert_eq!(told.status.code(), Some(2));
}
