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
