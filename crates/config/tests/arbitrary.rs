//! Whatever the file holds, there is an answer: a configuration or a report that can be rendered.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests"
)]

use std::path::Path;

use proptest::prelude::*;

fn answer(text: &str) {
    let report = match propylon_config::parse(text, "any.toml") {
        Ok(loaded) => loaded.warnings,
        Err(report) => {
            assert!(report.has_errors());
            report
        }
    };
    let _ = report.render(true);
    let rendered = report.render(false);
    for diagnostic in report.diagnostics() {
        if let Some(span) = &diagnostic.span {
            assert!(text.is_char_boundary(span.start), "{diagnostic:?}");
            assert!(span.start <= span.end && span.end <= text.len(), "{diagnostic:?}");
            assert!(diagnostic.line > 0 && diagnostic.column > 0, "{diagnostic:?}");
            let place = format!("any.toml:{}:", diagnostic.line);
            assert!(rendered.contains(&place), "{place} {rendered}");
        }
    }
}

fn good() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    std::fs::read_to_string(path).expect("the file")
}

/// Pieces that make trouble where they land.
const PIECES: [&str; 22] = [
    "\"", "'", "\"\"\"", "[", "]", "[[", "{", "}", "=", ",", "\n", "\r\n", "\t", "#", "$", "${", "~", "\\",
    "é", "日", "\u{0}", "0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        answer(&text);
    }

    #[test]
    fn text_of_the_alphabet(text in "[a-z\\[\\]{}=\"'.,\\\\$~ \n0-9#-]{0,200}") {
        answer(&text);
    }

    #[test]
    fn a_good_file_cut_and_stabbed(
        stabs in proptest::collection::vec((any::<prop::sample::Index>(), 0..PIECES.len(), 0_usize..12), 1..6),
    ) {
        let mut text = good();
        for (index, piece, removed) in stabs {
            let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = index.index(boundaries.len());
            let end = boundaries.get(at + removed).copied().unwrap_or(text.len());
            text.replace_range(boundaries[at]..end, PIECES[piece]);
        }
        answer(&text);
    }

    #[test]
    fn any_value_in_any_place(index in any::<prop::sample::Index>(), value in "\\PC{0,40}") {
        let text = good();
        let quotes: Vec<(usize, &str)> = text.match_indices('"').collect();
        let (at, _) = quotes[index.index(quotes.len())];
        let mut text = text.clone();
        text.insert_str(at + 1, &value);
        answer(&text);
    }

    #[test]
    fn durations_and_sizes(text in "\\PC{0,20}") {
        let _ = propylon_config::duration(&text);
        let _ = propylon_config::size(&text);
    }
}
