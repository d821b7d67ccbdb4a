//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

/// Any text as a configuration: it is one, or there is a report that can be shown.
pub(crate) fn toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let report = match propylon_config::parse(text, "any.toml") {
        Ok(loaded) => loaded.warnings,
        Err(report) => {
            assert!(report.has_errors());
            report
        }
    };
    let _ = report.render(true);
    for span in report.diagnostics().iter().filter_map(|diagnostic| diagnostic.span.as_ref()) {
        assert!(text.get(span.start..span.end).is_some(), "{span:?}");
    }
}
