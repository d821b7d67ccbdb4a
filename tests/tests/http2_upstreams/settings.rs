//! What is written down, and what it comes to.

use propylon_tests::{Propylon, addresses, check, lossy};

use crate::support::{get, origin};

#[test]
fn from_nginx_conf() {
    let [listen, peer] = addresses();
    let _nginx = origin(&format!("{peer} http2"), "");
    let gateway = Propylon::start_nginx(&format!(
        "events {{}} http {{ server {{ listen {listen};
           location / {{ proxy_pass http://{peer}; proxy_http_version 2; proxy_set_header Host $host;
             proxy_set_header Connection \"\"; }} }} }}"
    ));
    assert!(get(listen, "/x").text().starts_with("HTTP/2.0 GET http a.test /x "), "{}", gateway.error_log());
}

#[test]
fn websocket_needs_http_1_1() {
    let output = check(
        "[[server]]\nlisten = [\"8080\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://127.0.0.1:9\"\n\
         upstream = { http_version = \"2\", websocket = true }\n",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(lossy(&output.stderr).contains("`websocket` requires HTTP/1.1"), "{}", lossy(&output.stderr));
}

#[test]
fn explain_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("propylon.toml");
    let text = "[[server]]\nlisten = [\"8080\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://127.0.0.1:9\"\n\
                upstream.http_version = \"2\"\n";
    std::fs::write(&path, text).unwrap();
    let mut explain = std::process::Command::new(propylon_tests::binary());
    let output = explain.arg("explain").arg("--config").arg(path).arg("http://a.test/").output().unwrap();
    let shown = lossy(&output.stdout);
    assert!(
        shown.lines().any(|line| line.contains("http_version = \"2\"") && line.contains("line 6")),
        "{shown}"
    );
}
