//! docs/nginx.md is what the rows say. `UPDATE=1 cargo test -p propylon-nginx-conf` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

#[test]
fn the_page_is_what_the_rows_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/nginx.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, propylon_nginx_conf::reference()).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == propylon_nginx_conf::reference(),
        "docs/nginx.md is old: UPDATE=1 cargo test -p propylon-nginx-conf writes it anew"
    );
}
