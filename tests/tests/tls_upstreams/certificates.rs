//! The peer's certificate, and our own.

use std::fmt::Write;

use propylon_testkit::certificates::file;
use propylon_tests::{LIMIT, Nginx, Signal, addresses, until};

use crate::support::{World, gateway, get, location};

/// What is wrong with a certificate, and what OpenSSL says to it.
const KINDS: [(&str, &str); 6] = [
    ("expired", "(10:certificate has expired)"),
    ("early", "(9:certificate is not yet valid)"),
    ("stranger", "(21:unable to verify the first certificate)"),
    ("deep", "(22:certificate chain too long)"),
    ("revoked", "(23:certificate revoked)"),
    ("named", "upstream SSL certificate does not match \"a.test\""),
];

/// What `openssl s_server` says of the connection, and what nginx says.
#[test]
fn every_reason_is_in_the_log_and_in_proxy_status() {
    let world = World::new();
    let [listen, good] = addresses();
    let mut locations = location("openssl/good", &good.to_string(), &world.trusting("good"));
    let (mut peers, mut servers) = (vec![world.openssl(good, "good", &[])], String::new());
    for (kind, _) in KINDS {
        let [openssl, nginx] = addresses();
        peers.push(world.openssl(openssl, kind, &[]));
        let at = world.at(kind);
        writeln!(
            servers,
            "server {{ listen {nginx} ssl; ssl_certificate {at}.pem; ssl_certificate_key {at}.key; }}"
        )
        .unwrap();
        for (program, to) in [("openssl", openssl), ("nginx", nginx)] {
            locations += &location(&format!("{program}/{kind}"), &to.to_string(), &world.trusting(kind));
        }
    }
    let _nginx = Nginx::start(&format!("http {{ access_log off; {servers} }}"));
    let gateway = gateway(listen, "", &locations);
    let answer = get(listen, "/openssl/good/");
    assert!(answer.status == 200 && answer.text().contains("Cipher is TLS_"), "{}", answer.text());
    for (kind, reason) in KINDS {
        for program in ["openssl", "nginx"] {
            let path = format!("/{program}/{kind}/");
            let answer = get(listen, &path);
            assert_eq!(answer.status, 502, "{path}");
            let field = answer.head.field("proxy-status").unwrap();
            let quoted = reason.replace('"', "\\\"");
            assert!(
                field.starts_with("\"edge\"; error=tls_certificate_error; next-hop=")
                    && field.contains(&quoted),
                "{path}: {field}"
            );
            let line = until(reason, LIMIT, || {
                let log = gateway.error_log();
                log.lines().find(|line| line.contains(&format!("GET {path} "))).map(str::to_owned)
            });
            assert!(line.contains("[error]") && line.contains(reason), "{path}: {line}");
        }
    }
}

#[test]
fn openssl_sees_sessions_reused_and_our_certificate() {
    let world = World::new();
    let [listen, plain, asking] = addresses();
    let _plain = world.openssl(plain, "good", &[]);
    let root = world.at("root.pem");
    let _asking = world.openssl(asking, "good", &["-Verify", "3", "-CAfile", &root, "-verify_return_error"]);
    let trusting = world.trusting("good");
    let [v2, v3] = ["TLSv1.2", "TLSv1.3"].map(|protocol| format!("{trusting}, protocols = [\"{protocol}\"]"));
    let (plain, asking) = (plain.to_string(), asking.to_string());
    let gateway = gateway(
        listen,
        "",
        &[
            location("v2", &plain, &v2),
            location("v3", &plain, &v3),
            location("forgetful", &plain, &format!("{trusting}, session_reuse = false")),
            location("shown", &asking, &format!("{trusting}{}", world.showing())),
            location("unshown", &asking, &trusting),
        ]
        .concat(),
    );
    for (path, protocol) in [("/v2/", "TLSv1.2"), ("/v3/", "TLSv1.3")] {
        let [first, second] = [0, 1].map(|_| get(listen, path).text());
        assert!(first.contains(&format!("New, {protocol}")), "{path}: {first}");
        assert!(second.contains(&format!("Reused, {protocol}")), "{path}: {second}");
    }
    for _ in 0..2 {
        assert!(get(listen, "/forgetful/").text().contains("New, TLSv1.3"));
    }
    let shown = get(listen, "/shown/");
    assert!(shown.status == 200 && shown.text().contains("Client certificate"), "{}", shown.text());
    assert_eq!(get(listen, "/unshown/").status, 502);
    until("the peer's alert", LIMIT, || {
        gateway.error_log().to_lowercase().contains("certificaterequired").then_some(())
    });
}

/// Our own certificate changes on disk: upstreams see the new one, without a reload.
#[test]
fn our_certificate_changes_by_itself() {
    let world = World::new();
    let [listen, asking] = addresses();
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {asking} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key;
         ssl_verify_client on; ssl_client_certificate {1}; return 200 $ssl_client_serial; }} }}",
        world.at("good"),
        world.at("root.pem")
    ));
    let upstream = format!("[upstream.u]\nkeepalive = 0\nserver = [{{ address = \"{asking}\" }}]");
    let gateway = gateway(
        listen,
        &upstream,
        &location("mine", "u", &format!("{}{}", world.trusting("good"), world.showing())),
    );
    let first = get(listen, "/mine/").text();
    let _ = world.root.server(&["client.test"]).write(world.path(), "client");
    let second = until("the new certificate", LIMIT, || {
        let answer = get(listen, "/mine/");
        assert_eq!(answer.status, 200, "no request fails for it");
        Some(answer.text()).filter(|serial| *serial != first)
    });
    let _ = file(world.path(), "client.key", "no key");
    gateway.signal(Signal::HUP);
    until("the warning", LIMIT, || gateway.error_log().contains("client.key").then_some(()));
    assert_eq!(get(listen, "/mine/").text(), second, "the good one stays");
}

/// What is revoked changes on disk: it counts for the next connection, without a reload.
#[test]
fn a_revocation_list_changes_by_itself() {
    let world = World::new();
    let [listen, peer] = addresses();
    let _ = file(world.path(), "living.crl", &world.root.revocation_list(&[]));
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {peer} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key; return 200 good; }} }}",
        world.at("revoked")
    ));
    let upstream = format!("[upstream.u]\nkeepalive = 0\nserver = [{{ address = \"{peer}\" }}]");
    let tls = format!("{}, crl = \"{}\"", world.trusting("good"), world.at("living.crl"));
    let gateway = gateway(listen, &upstream, &location("listed", "u", &tls));
    assert_eq!(get(listen, "/listed/").text(), "good", "it is not in the list");
    std::fs::copy(world.at("root.crl"), world.at("living.crl")).unwrap();
    until("the new list", LIMIT, || (get(listen, "/listed/").status == 502).then_some(()));
    until("the reason", LIMIT, || gateway.error_log().contains("(23:certificate revoked)").then_some(()));
}

/// As whom we connect may depend on the request.
#[test]
fn our_certificate_may_be_a_template() {
    let world = World::new();
    let [listen, asking] = addresses();
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {asking} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key;
         ssl_verify_client optional; ssl_client_certificate {1}; return 200 \"$ssl_client_verify $ssl_client_serial\"; }} }}",
        world.at("good"),
        world.at("root.pem")
    ));
    let at = world.path().display();
    let tls = format!(
        "{}, certificate = \"{at}/$arg_who.pem\", key = \"{at}/$arg_who.key\"",
        world.trusting("good")
    );
    let upstream = format!("[upstream.u]\nserver = [{{ address = \"{asking}\" }}]");
    let gateway = gateway(listen, &upstream, &location("who", "u", &tls));
    let ask = |who: &str| get(listen, &format!("/who/?who={who}")).text();
    let (client, named) = (ask("client"), ask("named"));
    assert!(
        client.starts_with("SUCCESS ") && named.starts_with("SUCCESS ") && client != named,
        "{client} {named}"
    );
    assert_eq!((ask("client"), ask("named")), (client, named), "each its own, also from the pool");
    assert!(get(listen, "/who/?who=nobody").status >= 500);
    until("the reason", LIMIT, || gateway.error_log().contains("nobody.pem").then_some(()));
}

/// A reload that changes one location's TLS leaves the others' as they are: their certificates are still looked at.
#[test]
fn our_certificate_changes_by_itself_after_a_reload_too() {
    let world = World::new();
    let [listen, asking] = addresses();
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {asking} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key;
         ssl_verify_client optional; ssl_client_certificate {1}; return 200 $ssl_client_serial; }} }}",
        world.at("good"),
        world.at("root.pem")
    ));
    let upstream = format!("[upstream.u]\nkeepalive = 0\nserver = [{{ address = \"{asking}\" }}]");
    let mine = location("mine", "u", &format!("{}{}", world.trusting("good"), world.showing()));
    let gateway =
        gateway(listen, &upstream, &[location("other", "u", &world.trusting("good")), mine].concat());
    let first = get(listen, "/mine/").text();
    let text = gateway
        .read("propylon.toml")
        .replace("server_name = true }", "server_name = true, verify_depth = 2 }");
    let added = |line: &&str| line.starts_with("pid_file") || line.starts_with("http1"); // by the harness, again
    gateway.rewrite(&text.lines().filter(|line| !added(line)).collect::<Vec<_>>().join("\n"));
    gateway.signal(Signal::HUP);
    until("the reload", LIMIT, || gateway.error_log().contains(": reloaded ").then_some(()));
    let _ = world.root.server(&["client.test"]).write(world.path(), "client");
    until("the new certificate", LIMIT, || (get(listen, "/mine/").text() != first).then_some(()));
}
