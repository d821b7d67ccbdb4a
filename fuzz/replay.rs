//! Part of each crate's tests: runs a target on the files of its corpus.

/// Runs `target` on each file of a corpus.
pub(crate) fn replay(name: &str, target: fn(&[u8])) {
    let corpus = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for entry in std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{corpus}: {error}")) {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 3, "{corpus} has {files} files");
    target(b"");
}
