//! The snippets of guides to nginx as a reverse proxy: each converts, or says that what it needs is not built yet.
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
        let text = match context {
            "http" => text.to_owned(),
            "server" => format!("server {{\n{text}}}\n"),
            "location" => format!("server {{ location / {{\n{text}}} }}\n"),
            other => panic!("{other}"),
        };
        std::fs::write(&path, format!("events {{ }}\nhttp {{\n{text}}}\n")).unwrap();
        let converted = import(&path, "").unwrap_or_else(|problems| panic!("{title}: {}", problems[0]));
        // A title says in brackets whose features it needs that are still to come.
        let needs = title.split_once('(').map_or("", |(_, needs)| needs);
        for line in converted.refused() {
            assert!(needs.contains("cache") && line.note == "the cache is not built yet", "{title}: {line}");
        }
        let complete = converted.refused().next().is_none();
        if needs.is_empty() && complete {
            converted
                .load()
                .unwrap_or_else(|problems| panic!("{title}: {}\n{}", problems[0], converted.toml()));
        }
        count += 1;
    }
    assert!(count > 40, "{count}");
}
