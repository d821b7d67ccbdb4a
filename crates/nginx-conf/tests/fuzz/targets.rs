//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

/// Any text as an nginx.conf: it is one, or the problems can be shown; what it becomes is a text.
pub(crate) fn nginx_conf(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Whose files are read is the importer's business, not this one's.
    if text.contains("include") {
        return;
    }
    if let Err(problems) = propylon_nginx_conf::convert(text, "nginx.conf") {
        assert!(!problems.is_empty());
        for problem in &problems {
            let _ = problem.to_string();
        }
    }
}
