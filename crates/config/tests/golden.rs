//! Bad files and their reports: `tests/bad/NAME.toml` with `NAME.txt` beside it. `UPDATE=1 cargo test` writes the reports anew.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = fs::read_dir(folder).expect("the folder is in the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

/// The report as it is for a file of that name, whatever folder the repository is in.
fn render(path: &Path) -> String {
    let report = propylon_config::load(path).expect_err(&path.display().to_string());
    assert!(report.has_errors());
    let folder = format!("{}/", path.parent().expect("a folder").display());
    report.render(false).replace(&folder, "")
}

#[test]
fn bad_files_give_their_reports() {
    let files = files("bad");
    assert!(files.len() >= 40, "{}", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let report = render(&path);
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &report).expect("written");
        }
        if fs::read_to_string(&golden).unwrap_or_default() != report {
            wrong.push(format!("{}\n{report}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 writes them anew\n{}", wrong.join("\n"));
}

#[test]
fn eight_mistakes_are_reported_at_once() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/eight.toml");
    let report = propylon_config::load(&path).unwrap_err();
    let found: Vec<_> = report.diagnostics().iter().map(|d| (d.line, d.column, d.message.as_str())).collect();
    let expected = [
        (2, 1, "unknown key `worker`"),
        (8, 9, "invalid duration `30 s`: the unit must follow the number directly"),
        (12, 10, "unknown log format `combind`"),
        (15, 23, "unknown option `default_sever` of `listen`"),
        (20, 22, "unknown upstream `backnd`"),
        (23, 17, "unknown variable `$hots`"),
        (26, 14, "invalid regular expression"),
        (30, 9, "duplicate location `/`"),
        (31, 11, "invalid status 999"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn good_files_load_without_a_word() {
    let files = files("good");
    assert!(!files.is_empty());
    for path in files {
        let loaded = propylon_config::load(&path).unwrap_or_else(|report| panic!("{report}"));
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_report() {
    let report = propylon_config::load(Path::new("/nowhere/propylon.toml")).unwrap_err();
    let [diagnostic] = report.diagnostics() else { panic!("{report}") };
    assert!(diagnostic.message.starts_with("the configuration cannot be read"), "{report}");
    assert_eq!((diagnostic.line, &*diagnostic.file), (0, "/nowhere/propylon.toml"));
}

#[test]
fn colours_are_the_only_difference() {
    let report = propylon_config::parse("[[servr]]\n", "a.toml").unwrap_err();
    let coloured = report.render(true);
    assert!(coloured.contains('\u{1b}'));
    assert!(!report.render(false).contains('\u{1b}'));
}
