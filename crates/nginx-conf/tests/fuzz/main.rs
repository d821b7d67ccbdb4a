//! Replays what `fuzz/` has found and been given: every file of its corpus, through the same functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "targets.rs"]
mod targets;

/// Runs `target` on each file of a corpus.
fn replay(name: &str, target: fn(&[u8])) {
    let corpus = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for entry in std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{corpus}: {error}")) {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 3, "{corpus} has {files} files");
    target(b"");
}

#[test]
fn nginx_conf() {
    replay("nginx_conf", targets::nginx_conf);
}
