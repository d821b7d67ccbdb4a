//! The snippets of guides to nginx as a reverse proxy: each converts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use propylon_nginx_conf::import;

#[test]
fn every_snippet_converts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nginx.conf");
    std::fs::write(directory.path().join("fastcgi_params"), "fastcgi_param QUERY_STRING $query_string;\n")
        .unwrap();
    let mut count = 0;
    for snippet in include_str!("guide.conf").split("#### ").skip(1) {
        let (title, text) = snippet.split_once('\n').unwrap();
        let (context, title) = title.split_once(": ").unwrap();
        let block = if context == "stream" { "stream" } else { "http" };
        let text = match context {
            "http" | "stream" => text.to_owned(),
            "server" => format!("server {{\n{text}}}\n"),
            "location" => format!("server {{ location / {{\n{text}}} }}\n"),
            other => panic!("{other}"),
        };
        // What a snippet takes for granted.
        let zones =
            ["one", "php", "cache_zone"].map(|zone| match text.contains(&format!("keys_zone={zone}:")) {
                true => String::new(),
                false => format!("proxy_cache_path /data/{zone} keys_zone={zone}:10m;\n"),
            });
        let zones = if block == "http" { zones.concat() } else { String::new() };
        std::fs::write(&path, format!("events {{ }}\n{block} {{\n{zones}{text}}}\n")).unwrap();
        let converted = import(&path, "").unwrap_or_else(|problems| panic!("{title}: {}", problems[0]));
        if let Some(line) = converted.refused().next() {
            panic!("{title}: {line}");
        }
        converted.load().unwrap_or_else(|problems| panic!("{title}: {}\n{}", problems[0], converted.toml()));
        count += 1;
    }
    assert!(count > 45, "{count}");
}
