//! Lists of directories beside nginx.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use propylon_tests::{Pair, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    server {
        listen @LISTEN@;
        root @ROOT@;
        autoindex on;
        location /utf8/ { charset utf-8; }
        location /rounded/ { autoindex_exact_size off; autoindex_localtime on; alias @ROOT@/; }
        location /json/ { autoindex_format json; alias @ROOT@/; location /json/xml/ { autoindex_format xml; alias @ROOT@/; } }
        location /jsonp/ { autoindex_format jsonp; alias @ROOT@/; }
        location /off/ { autoindex off; alias @ROOT@/; }
        location /elsewhere/ { index none.html /json/; alias @ROOT@/; }
        location /page/ { error_page 403 404 =200 /json/; autoindex off; alias @ROOT@/; }
        location /tried/ { try_files $uri $uri/ =404; }
    }
}
"#;

fn tree(root: &Path) {
    let long = "long-".to_owned() + &"<".repeat(60);
    for directory in
        ["dir", "tried/inner", "indexed", "utf8", "a <dir> & \"more\"", &"d".repeat(49), &"e".repeat(50)]
    {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for (name, size) in [
        ("indexed/index.html", 1),
        ("file", 42),
        ("co:lon", 0),
        ("per%cent?&", 9_999),
        ("quo'te\"\\", 10_000),
        ("tab\tand\nline", 1 << 20),
        (&*long, 123_456_789),
        (&*"f".repeat(50), 0),
        (&*"g".repeat(51), 0),
        (".hidden", 0),
        ("utf8/ффф", 0),
        (&*format!("utf8/<{}", "ф".repeat(60)), 0),
    ] {
        let file = File::create(root.join(name)).unwrap();
        file.set_len(size).unwrap();
        file.set_times(FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777))).unwrap();
    }
    symlink("file", root.join("link")).unwrap();
    symlink("dir", root.join("linked")).unwrap();
    symlink("nowhere", root.join("broken")).unwrap();
    fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn lists_are_those_of_nginx() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let root = dir.path().join("www");
    fs::create_dir(&root).unwrap();
    tree(&root);
    let pair = Pair::start(CONF, &[("ROOT", &*root.to_string_lossy())]);
    let mut listed = 0;
    for path in [
        "/",
        "/?callback=f",
        "/dir/",
        "/dir",
        "/none/",
        "/file/",
        "/file/x/",
        "/indexed/",
        "/utf8/",
        "/linked/",
        "/rounded/",
        "/json/",
        "/json/dir/",
        "/json/xml/",
        "/json/xml/dir/",
        "/jsonp/",
        "/jsonp/?callback=",
        "/jsonp/?a=b&callback=f.g_1",
        "/jsonp/?callback=f(1)",
        "/off/",
        "/elsewhere/",
        "/page/",
        "/page/none/",
        "/tried/inner/",
        "/tried/none/",
        "/a%20%3Cdir%3E%20&%20%22more%22/",
    ] {
        for method in ["GET", "HEAD", "POST"] {
            let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
            let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{length}\r\n");
            let [ours, theirs] = pair.at.map(|at| {
                let answer = raw_request(at, request.as_bytes()).unwrap();
                let location = answer.head.field("location").map(|to| to.replace(&at.to_string(), "HERE"));
                // Pages of errors are of each one's own.
                let text = if answer.status == 200 { answer.text() } else { String::new() };
                (answer.status, answer.head.field("content-type"), location, text)
            });
            assert_eq!(ours, theirs, "{method} {path}: left is propylon, right is nginx");
            listed += usize::from(method == "GET" && ours.3.contains("per%") | ours.3.contains("per%25"));
        }
    }
    assert!(listed >= 9, "{listed}");
}

const RANDOM: &str = r#"
http {
    access_log off;
    server {
        listen @LISTEN@;
        root @ROOT@;
        location / { random_index on; }
        location /listed/ { random_index on; autoindex on; }
        location /off/ { random_index off; alias @ROOT@/one/; }
        location /alias/ { random_index on; alias @ROOT@/one/; }
        location ~ \.txt$ { add_header X-Round again; }
    }
}
"#;

#[test]
fn a_directory_is_one_of_its_files_as_in_nginx() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let root = dir.path().join("www");
    for directory in ["one/inner", "linked", "indexed", "hidden", "listed/none", "empty", "closed", "many"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for name in [
        "one/file.txt",
        "one/.hidden",
        "indexed/page",
        "indexed/index.html",
        "hidden/.a",
        "one/inner/b c?d.txt",
    ] {
        fs::write(root.join(name), name).unwrap();
    }
    symlink("../one/file.txt", root.join("linked/link.txt")).unwrap();
    symlink("nowhere", root.join("linked/broken")).unwrap();
    fs::remove_file(root.join("indexed/page")).unwrap();
    let pair = Pair::start(RANDOM, &[("ROOT", &*root.to_string_lossy())]);
    let mut found = 0;
    for path in [
        "one/",
        "one/?a=b",
        "one/inner/",
        "linked/",
        "indexed/",
        "hidden/",
        "empty/",
        "none/",
        "one/file.txt/",
        "one",
        "listed/none/",
        "off/",
        "alias/",
        "one/file.txt",
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            let [ours, theirs] = pair.at.map(|at| {
                let request = format!("{method} /{path} HTTP/1.0\r\n\r\n");
                let answer = raw_request(at, request.as_bytes()).unwrap();
                let round = answer.head.field("x-round");
                let text = if answer.status == 200 { answer.text() } else { String::new() };
                let text = if path == "listed/none/" { String::new() } else { text };
                (
                    answer.status,
                    round,
                    answer
                        .head
                        .field("content-length")
                        .filter(|_| answer.status == 200 && path != "listed/none/"),
                    text,
                )
            });
            assert_eq!(ours, theirs, "{method} /{path}: left is propylon, right is nginx");
            found += usize::from(ours.1.is_some());
        }
    }
    assert!(found >= 9, "{found}");
    // Another file each time: nginx's choice is nobody's to foresee.
    for name in ["a", "b"] {
        fs::write(root.join("many").join(name), name).unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        seen.insert(raw_request(pair.at[0], b"GET /many/ HTTP/1.0\r\n\r\n").unwrap().text());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "b"]);
}
