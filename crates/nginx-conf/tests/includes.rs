//! Included files: what is wrong with them is told at once, and each thing once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::path::Path;

use propylon_nginx_conf::{Converted, Problem, import};

/// Imports the first of these files.
fn imported(directory: &Path, files: &[(&str, &str)]) -> Result<Converted, Vec<Problem>> {
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
    import(&directory.join(files[0].0), "")
}

/// What is wrong, with no word of where the files are.
fn wrong(files: &[(&str, &str)]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let here = format!("{}/", directory.path().display());
    let problems = imported(directory.path(), files).unwrap_err();
    problems.iter().map(|problem| problem.to_string().replace(&here, "")).collect()
}

#[test]
fn all_that_is_wrong_with_them_is_told() {
    let main = "events { }\nhttp {\n    include a.conf;\n    server { include tls.conf; include gone.conf; }\n    \
                server { include tls.conf; include open.conf; }\n    include other.conf;\n}\n";
    let wrong = wrong(&[
        ("nginx.conf", main),
        ("tls.conf", "ssl_protocols TLSv1.3;\ninclude dh.conf;\n"),
        ("open.conf", "location / {\n"),
    ]);
    let missing = |name: &str, place: &str| {
        format!("[emerg] open() \"{name}\" failed (2: No such file or directory) in {place}")
    };
    assert_eq!(
        wrong,
        [
            missing("a.conf", "nginx.conf:3"),
            missing("dh.conf", "tls.conf:2"),
            missing("gone.conf", "nginx.conf:4"),
            "[emerg] unexpected end of file, expecting \"}\" in open.conf:1".to_owned(),
            missing("other.conf", "nginx.conf:6"),
        ]
    );
}

#[test]
fn what_nginx_refuses_in_a_file_that_many_include_is_told_once() {
    let main = "events { }\nhttp {\n    server { include own.conf; }\n    server { include own.conf; }\n}\n";
    let wrong = wrong(&[("nginx.conf", main), ("own.conf", "pid a.pid;\nset $one;\n")]);
    assert_eq!(
        wrong,
        [
            "[emerg] \"pid\" directive is not allowed here in own.conf:1",
            "[emerg] invalid number of arguments in \"set\" directive in own.conf:2",
        ]
    );
}

#[test]
fn a_file_that_includes_itself_has_an_end() {
    let twice = "include nginx.conf;\ninclude nginx.conf;\n";
    assert_eq!(
        wrong(&[("nginx.conf", twice)])[0],
        "[emerg] cannot include \"nginx.conf\": includes are nested too deeply in nginx.conf:1"
    );
}

#[test]
fn a_line_of_a_file_that_many_include_stands_in_the_report_once() {
    let directory = tempfile::tempdir().unwrap();
    let main = "events { }\nhttp {\n    server { include own.conf; }\n    server { include own.conf; }\n}\n";
    let converted =
        imported(directory.path(), &[("nginx.conf", main), ("own.conf", "tcp_nopush on;\nssi on;\n")])
            .unwrap();
    let report = converted.report();
    let lines: Vec<_> = report.lines().map(|line| line.rsplit('/').next().unwrap()).collect();
    assert_eq!(lines.len(), 2, "{report}");
    assert!(lines[0].starts_with("own.conf:1: different: tcp_nopush on;"), "{report}");
    assert!(lines[0].ends_with(", 2 times"), "{report}");
    assert!(lines[1].ends_with(" 2 different, 0 refused"), "all of them count: {report}");
}
