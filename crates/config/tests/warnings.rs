//! What is odd but can be used.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests"
)]

fn warnings(text: &str) -> Vec<(usize, usize, String)> {
    let loaded = propylon_config::parse(text, "test.toml").unwrap_or_else(|report| panic!("{report}"));
    assert!(!loaded.warnings.has_errors());
    loaded.warnings.diagnostics().iter().map(|d| (d.line, d.column, d.message.clone())).collect()
}

#[test]
fn a_name_of_another_server() {
    let found = warnings(
        "[[server]]\nname = [\"a.test\", \"b.test\"]\nreturn = [204]\n[[server]]\nname = [\"B.test\"]\nreturn = [204]\n",
    );
    assert_eq!(
        found,
        [(5, 9, "the server name \"b.test\" on 0.0.0.0:80 is already used by another server".into())]
    );
}

#[test]
fn the_same_name_on_another_address_is_fine() {
    let text = "[[server]]\nname = [\"a.test\"]\nreturn = [204]\n[[server]]\nlisten = [\"81\"]\nname = [\"a.test\"]\nreturn = [204]\n";
    assert_eq!(warnings(text), []);
}

#[test]
fn servers_without_names_on_one_address() {
    let found = warnings("# first\n[[server]]\nreturn = [204]\n[[server]]\nreturn = [205]\n");
    // Neither is written: the servers are shown.
    assert_eq!(
        found,
        [(4, 1, "the server name \"\" on 0.0.0.0:80 is already used by another server".into())]
    );
}

#[test]
fn a_location_without_an_action() {
    let found = warnings("[[server]]\n[[server.location]]\nmatch = \"/\"\n");
    assert_eq!(found, [(2, 1, "this location has no action: every request gets 404".into())]);
}

#[test]
fn a_regex_location_twice() {
    let location = "[[server.location]]\nmatch = \"~ ^/a\"\nreturn = [204]\n";
    let found = warnings(&format!("[[server]]\n{location}{location}"));
    assert_eq!(found, [(6, 9, "duplicate location `~ ^/a`".into())]);
}

#[test]
fn locations_behind_an_answer() {
    let found = warnings("[[server]]\nreturn = [204]\n[[server.location]]\nmatch = \"/\"\nreturn = [204]\n");
    assert_eq!(found, [(2, 10, "no location of this server can be reached".into())]);
}

#[test]
fn bits_that_count_for_nothing() {
    let found = warnings("[[server]]\nreturn = [204]\nheaders.trusted = [\"10.1.2.3/8\"]\n");
    assert_eq!(found, [(3, 20, "`10.1.2.3/8` has bits outside its prefix".into())]);
}

#[test]
fn no_server_at_all() {
    let found = warnings("");
    assert_eq!(found, [(0, 0, "there is no [[server]] and no [[stream]]: nothing would be served".into())]);
}

#[test]
fn an_upstream_over_tls_that_may_be_anybody() {
    let text = |tls: &str| {
        format!(
            "[[server]]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"https://a.test:443\"\nupstream.tls = {{ {tls} }}\n"
        )
    };
    assert_eq!(warnings(&text("")), [(4, 14, "the upstream's certificate is not verified".into())]);
    assert_eq!(warnings(&text("verify = true")), []);
}

#[test]
fn an_error_page_that_is_neither_a_path_nor_a_url() {
    let page = |uri: &str| {
        warnings(&format!(
            "[defaults]\nerror_page.pages = [{{ codes = [502], uri = \"{uri}\" }}]\n[[server]]\nreturn = [204]\n"
        ))
    };
    assert_eq!(page("sorry"), [(2, 44, "`sorry` is neither a path nor a URL".into())]);
    for fine in ["/sorry", "@sorry", "https://sorry.test/", "$scheme:/sorry"] {
        assert_eq!(page(fine), []);
    }
}

#[test]
fn what_acme_waits_for_in_vain() {
    let acme = |more: &str| {
        format!(
            "[acme]\nstate_path = \"/x\"\ndirectory = \"https://ca.test/\"\n{more}\n[[server]]\nname = [\"a.test\"]\nreturn = [204]\n"
        )
    };
    let server = |listen: &str| {
        format!(
            "[[server]]\nname = [\"a.test\"]\nlisten = [\"{listen} tls\"]\ntls.acme = true\nreturn = [204]\n"
        )
    };
    assert_eq!(warnings(&acme("")), [(1, 1, "no server uses `[acme]`".into())]);
    assert_eq!(warnings(&(acme("") + &server("443"))), []);
    let by_tls = acme("challenge = \"tls-alpn-01\"");
    assert_eq!(warnings(&(by_tls.clone() + &server("443"))), []);
    let found = warnings(&(by_tls + &server("8443")));
    assert_eq!(
        found,
        [(1, 1, "TLS-ALPN-01 needs port 443, but no server listens on port 443 with `tls`".into())]
    );
    let found = warnings(&(acme("").replace("return", "listen = [\"81\"]\nreturn") + &server("443")));
    assert_eq!(
        found,
        [(1, 1, "HTTP-01 needs port 80, but no server listens on port 80 without `tls`".into())]
    );
}

#[test]
fn an_exporter_without_spans() {
    let text = |trace: &str| {
        format!(
            "[trace_exporter]\nendpoint = \"http://a:4317\"\n[[server]]\n[[server.location]]\nmatch = \"/\"\nreturn = [204]\n{trace}\n"
        )
    };
    assert_eq!(
        warnings(&text("")),
        [(2, 12, "`[trace_exporter]` has no effect: no server or location uses `trace`".into())]
    );
    assert_eq!(warnings(&text("trace.on = true")), []);
}

#[test]
fn an_api_that_anybody_may_change_things_by() {
    let config = |listen: &str, more: &str| {
        format!("[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/api\"\n{more}\n")
    };
    let open = [(5, 7, "any client that can reach this location can change upstreams and keys".into())];
    assert_eq!(warnings(&config("8080", "api = { write = true }")), open);
    for (listen, more) in [
        ("127.0.0.1:8080", "api = { write = true }"),
        ("unix:/run/api.sock", "api = { write = true }"),
        ("8080", "api = {}"),
        ("8080", "api = { write = true }\naccess.rules = [\"deny all\"]"),
        ("8080", "api = { write = true }\naccess.basic = { realm = \"r\", users = \"/etc/users\" }"),
        ("8080", "api = { write = true }\ninternal = true"),
    ] {
        assert_eq!(warnings(&config(listen, more)), [], "{listen} {more}");
    }
}
