//! docs/configuration.md is what the key tables say. `UPDATE=1 cargo test -p propylon-config` writes it anew.

use std::path::Path;

#[test]
fn the_reference_page_is_what_the_tables_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, propylon_config::reference()).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == propylon_config::reference(),
        "docs/configuration.md is old: UPDATE=1 cargo test -p propylon-config writes it anew"
    );
}
