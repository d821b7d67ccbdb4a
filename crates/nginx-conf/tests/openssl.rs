//! What configurations say in OpenSSL's own words.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test, whose helpers may fail"
)]

use propylon_config::Tls;
use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(http: &str, server: &str) -> Converted {
    let text =
        format!("events {{ }}\nhttp {{\n{http}\nserver {{\nlisten 127.0.0.1:8080;\n{server}\n}}\n}}\n");
    convert(&text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]))
}

/// What is said of the one line that is not exact.
fn note(server: &str) -> String {
    let converted = converted("", server);
    let mut lines = converted.lines().iter().filter(|line| line.verdict != Verdict::Exact);
    let line = lines.next().unwrap_or_else(|| panic!("all is exact:\n{}", converted.toml()));
    assert!(lines.next().is_none(), "{}", converted.report());
    format!("{}: {}", line.verdict, line.note)
}

fn is_exact(server: &str) {
    let converted = converted("", server);
    assert_eq!(
        converted.count(Verdict::Different) + converted.count(Verdict::Refused),
        0,
        "{}",
        converted.report()
    );
}

/// Why it does not run.
fn error(server: &str) -> String {
    converted("", server).load().unwrap_err()[0].to_string()
}

/// The server's settings.
fn tls(http: &str, server: &str) -> Tls {
    let converted = converted(http, server);
    let loaded = converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    Tls::clone(&loaded.config.servers[0].tls)
}

fn ciphers(http: &str, server: &str) -> String {
    tls(http, server).ciphers.map_or_else(|| "none".to_owned(), |ciphers| ciphers.value.into())
}

/// Who names the ciphers of TLS 1.3 gets no others.
#[test]
fn the_ciphers_of_tls_1_3_are_those_that_are_named() {
    let one = "ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;";
    assert_eq!(ciphers("", one), "TLS_AES_256_GCM_SHA384:HIGH:!aNULL:!MD5", "with nginx's default");
    is_exact(one);
    let two = "ssl_conf_command ciphersuites TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;";
    let aes = "ssl_ciphers TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-GCM-SHA384;";
    let joined = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES256-GCM-SHA384";
    assert_eq!(ciphers("", &format!("{aes}{two}")), joined);
    assert_eq!(ciphers("", &format!("{two}{aes}")), joined, "the order does not matter");
    assert_eq!(ciphers(two, aes), joined, "each is inherited by itself");
    assert_eq!(ciphers(aes, two), joined);
    assert_eq!(ciphers(&format!("{aes}{two}"), ""), joined);
    // A level with commands of its own has none of the outer ones.
    let speed = "ssl_conf_command Options KTLS;";
    assert_eq!(ciphers(&format!("{aes}{one}"), speed), "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-GCM-SHA384");
    assert_eq!(ciphers(one, speed), "HIGH:!aNULL:!MD5");
    assert_eq!(ciphers("", speed), "none");
    // A server that stands before what is inherited.
    let text = "events { }\nhttp {\nserver {\nlisten 8080; ssl_ciphers HIGH;\n}\nssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;\n}\n";
    let toml = convert(text, "nginx.conf").unwrap().toml().to_owned();
    assert!(toml.contains("tls.ciphers = \"TLS_AES_256_GCM_SHA384:HIGH\""), "{toml}");

    let ccm = "ssl_conf_command Ciphersuites TLS_AES_128_CCM_SHA256";
    assert_eq!(
        note(&format!("{ccm}:TLS_AES_128_GCM_SHA256;")),
        "different: TLS_AES_128_CCM_SHA256 is not supported"
    );
    for none in [&*format!("{ccm};"), "ssl_conf_command Ciphersuites '';"] {
        assert!(
            error(none).contains("the supported TLS 1.3 ciphers are TLS_AES_256_GCM_SHA384, "),
            "{}",
            error(none)
        );
    }
}

#[test]
fn towards_upstreams_the_list_names_them() {
    let location = |command: &str| {
        format!("location / {{ proxy_pass http://127.0.0.1:1; proxy_ssl_conf_command {command}; }}")
    };
    let why = error(&location("Ciphersuites TLS_AES_256_GCM_SHA384"));
    assert!(
        why.contains("write TLS_AES_256_GCM_SHA384 before the other ciphers into `proxy_ssl_ciphers`"),
        "{why}"
    );
    let all =
        location("Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    assert!(note(&all).starts_with("different: "));
    assert!(note(&location("Options NoRenegotiation")).starts_with("different: "));
    assert!(error(&location("Options ServerPreference")).contains("remove it"));
}

#[test]
fn whose_order_counts() {
    let on = "ssl_conf_command Options ServerPreference;";
    let off = "ssl_prefer_server_ciphers off;";
    is_exact(on);
    for (http, server, expected) in [
        ("", on, true),
        ("", &*format!("{on}{off}"), true),
        (on, "", true),
        (on, off, true),
        (on, "ssl_conf_command Options KTLS;", false),
        ("ssl_prefer_server_ciphers on;", "ssl_conf_command Options KTLS,-ServerPreference;", false),
        ("ssl_prefer_server_ciphers on;", "ssl_conf_command Options KTLS;", true),
    ] {
        assert_eq!(tls(http, server).prefer_server_ciphers, expected, "{http} {server}");
    }
}

#[test]
fn commands() {
    for command in ["Options PrioritizeChaCha", "Options KTLS,-AntiReplay", "options noRenegotiation"] {
        assert!(note(&format!("ssl_conf_command {command};")).starts_with("different: "), "{command}");
    }
    assert_eq!(
        ciphers("", "ssl_conf_command Options KTLS; ssl_conf_command Options PrioritizeChaCha;"),
        "none"
    );
    assert!(error("ssl_conf_command MinProtocol TLSv1.2;").contains("write `ssl_protocols`"));
    // What weakens, and what OpenSSL does not know either.
    for option in ["UnsafeLegacyRenegotiation", "NoRenegotiate", "CipherServerPreference"] {
        assert!(error(&format!("ssl_conf_command Options {option};")).contains("remove it"), "{option}");
    }
}

#[test]
fn lists_of_ciphers() {
    let mozilla = "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";
    is_exact(&format!("{mozilla};"));
    is_exact(&format!("{mozilla}:@SECLEVEL=2;"));
    is_exact(&format!(
        "{mozilla}:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;"
    ));
    for list in [
        &*format!("{mozilla}:DHE-RSA-AES128-GCM-SHA256"),
        &format!(
            "'{}'",
            format!("{mozilla}:ECDHE-RSA-AES128-SHA").replace("ssl_ciphers ", "").replace(':', ";")
        ),
        &format!("{mozilla}:ECDHE-ECDSA-CAMELLIA128-GCM-SHA256"),
        "ssl_ciphers HIGH:!aNULL:!MD5",
    ] {
        let list = if list.starts_with('\'') { format!("ssl_ciphers {list}") } else { list.to_owned() };
        assert_eq!(
            note(&format!("{list};")),
            "different: only ciphers with forward secrecy (ECDHE) and AEAD are supported"
        );
    }
    assert!(note(&format!("{mozilla}@SECLEVEL=3;")).contains("`@SECLEVEL` is ignored"));
    assert!(
        note(&format!("{mozilla}:TLS_AES_128_GCM_SHA256;")).contains("only those that it names are enabled")
    );
}

#[test]
fn lists_of_curves() {
    is_exact("ssl_ecdh_curve X25519MLKEM768:x25519:P-256:secp384r1;");
    is_exact("ssl_ecdh_curve auto;");
    assert_eq!(
        note("ssl_ecdh_curve X25519:secp521r1:ffdhe6144;"),
        "different: not supported: secp521r1, ffdhe6144; clients use another one"
    );
}
