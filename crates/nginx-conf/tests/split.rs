//! A conversion in several files means what it means in one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::fs;

use propylon_nginx_conf::{Converted, import};

/// Converts the first of these files, writes what comes of it, and looks whether it is the same configuration.
fn converted(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let converted: Converted = import(&directory.path().join(files[0].0), "").unwrap();
    let split = converted.files();
    let out = directory.path().join("out");
    fs::create_dir_all(out.join("sites")).unwrap();
    for (name, text) in &split {
        fs::write(out.join(name), text).unwrap();
    }
    let whole = converted.load().unwrap().config;
    let joined = propylon_config::load(&out.join(&split[0].0)).unwrap().config;
    assert!(joined == whole, "{split:#?}");
    split
}

fn site(name: &str) -> String {
    format!("server {{ listen 8080; server_name {name}; return 200 {name}; }}\n")
}

fn names(split: &[(String, String)]) -> Vec<&str> {
    split.iter().map(|(name, _)| &**name).collect()
}

#[test]
fn each_file_with_servers_is_one() {
    let main = "events { }\nhttp {\n  gzip on;\n  include conf.d/*.conf;\n  include sites-enabled/*;\n  upstream shared { server 127.0.0.1:1; }\n}\n";
    let split = converted(&[
        ("nginx.conf", main),
        (
            "conf.d/limits.conf",
            "client_max_body_size 5m;\nlimit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;\n",
        ),
        ("conf.d/snippet.txt", "proxy_read_timeout 5s;\n"),
        (
            "sites-enabled/a.test",
            &("# of a\nmap $host $a { default 1; }\nupstream a { server 127.0.0.1:2; }\n".to_owned()
                + &site("a")),
        ),
        (
            "sites-enabled/b.test.conf",
            "server { listen 8080; server_name b; location / { include conf.d/snippet.txt; proxy_pass http://a; } }",
        ),
    ]);
    assert_eq!(
        names(&split),
        ["propylon.toml", "sites/a.test.toml", "sites/b.test.toml", "sites/limits.toml"]
    );
    assert!(split[0].1.contains("include = [\"sites/*.toml\"]\n"), "{}", split[0].1);
    assert!(split[0].1.contains("body_size = \"5m\"") && split[3].1.contains("[limit_zone.a]"), "{split:?}");
    assert!(split[0].1.contains("[upstream.shared]") && split[0].1.contains("[defaults]"), "{}", split[0].1);
    assert!(split[1].1.contains("# of a\n[map.a]") && split[1].1.contains("[upstream.a]"), "{}", split[1].1);
    assert!(split[2].1.contains("timeout.read = \"5s\""), "{}", split[2].1);
}

#[test]
fn the_order_of_servers_stays() {
    let main = format!("events {{ }}\nhttp {{\n{}include z.conf;\ninclude a.conf;\n}}\n", site("main"));
    let split = converted(&[("nginx.conf", &main), ("z.conf", &site("z")), ("a.conf", &site("a"))]);
    assert_eq!(names(&split), ["propylon.toml", "sites/z.toml", "sites/a.toml"]);
    assert!(split[0].1.contains("include = [\"sites/z.toml\", \"sites/*.toml\"]"), "{}", split[0].1);
    assert!(split[0].1.contains("\"main\""), "{}", split[0].1);
    // Whatever else stands in a file.
    let main = "events { }\nhttp {\ninclude a.conf;\ninclude z.conf;\n}\n";
    let z = format!("upstream z {{ server 127.0.0.1:1; }}\n{}", site("z"));
    let split = converted(&[("nginx.conf", main), ("z.conf", &z), ("a.conf", &site("a"))]);
    assert_eq!(names(&split), ["propylon.toml", "sites/a.toml", "sites/z.toml"]);
    // A file that is there twice is two.
    let main = "events { }\nhttp {\ninclude a.conf;\ninclude b.conf;\ninclude a.conf;\n}\n";
    let split = converted(&[("nginx.conf", main), ("a.conf", &site("a")), ("b.conf", &site("b"))]);
    assert_eq!(names(&split), ["propylon.toml", "sites/a.toml", "sites/b.toml", "sites/a-2.toml"]);
    // A server of the main file that comes after others has a file of its own.
    let main = format!("events {{ }}\nhttp {{\ninclude z.conf;\n{}}}\n", site("main"));
    let split = converted(&[("nginx.conf", &main), ("z.conf", &site("z"))]);
    assert_eq!(names(&split), ["propylon.toml", "sites/z.toml", "sites/nginx.toml"]);
    let main = format!("events {{ }}\nhttp {{\n{}include z.conf;\n{}}}\n", site("first"), site("last"));
    let split = converted(&[("nginx.conf", &main), ("z.conf", &site("z"))]);
    assert_eq!(names(&split), ["propylon.toml", "sites/z.toml", "sites/nginx.toml"]);
}

#[test]
fn names_are_not_taken_twice_and_one_file_stays_one() {
    let main = "events { }\nhttp {\ninclude one/a.conf;\ninclude two/a.conf;\ninclude \"two/odd name\";\n}\n";
    let split = converted(&[
        ("nginx.conf", main),
        ("one/a.conf", &site("one")),
        ("two/a.conf", &site("two")),
        ("two/odd name", &site("three")),
    ]);
    assert_eq!(names(&split), ["propylon.toml", "sites/a.toml", "sites/a-2.toml", "sites/odd_name.toml"]);
    // Files that are in the order of their names may be joined by others.
    let main = "events { }\nhttp {\ninclude one/*.conf;\n}\n";
    let split = converted(&[("nginx.conf", main), ("one/b.conf", &site("b")), ("one/a.conf", &site("a"))]);
    assert_eq!(names(&split), ["propylon.toml", "sites/a.toml", "sites/b.toml"]);
    assert!(split[0].1.contains("include = [\"sites/*.toml\"]\n"), "{}", split[0].1);
    let alone = format!("events {{ }}\nhttp {{\n{}}}\n", site("main"));
    let split = converted(&[("nginx.conf", &alone)]);
    assert_eq!(names(&split), ["propylon.toml"]);
    assert!(!split[0].1.contains("include"), "{}", split[0].1);
}

#[test]
fn streams_go_where_their_files_say() {
    let main = "events { }\nstream {\n  proxy_timeout 1m;\n  server { listen 1; proxy_pass a; }\n  include streams/*.conf;\n}\nhttp {\n  include web.conf;\n}\n";
    let a = "# of a\nupstream a { server 127.0.0.1:2; }\nmap $remote_addr $x { default 127.0.0.1:3; }\nserver { listen 2; proxy_pass $x; }\n";
    let web = format!("upstream a {{ server 127.0.0.1:9; }}\n{}", site("web"));
    let split = converted(&[
        ("nginx.conf", main),
        ("streams/a.conf", a),
        ("streams/b.conf", "server { listen 3; return b; }\n"),
        ("web.conf", &web),
    ]);
    assert_eq!(names(&split), ["propylon.toml", "sites/web.toml", "sites/a.toml", "sites/b.toml"]);
    assert!(
        split[0].1.contains("[[stream]]") && split[0].1.contains("proxy_pass = \"stream_a\""),
        "{}",
        split[0].1
    );
    assert!(
        split[2].1.contains("# of a\n[upstream.stream_a]") && split[2].1.contains("[map.x]"),
        "{}",
        split[2].1
    );
    assert!(
        split[2].1.contains("[[stream]]") && split[2].1.contains("timeout.idle = \"1m\""),
        "{}",
        split[2].1
    );
    assert!(split[1].1.contains("[upstream.a]") && split[1].1.contains("[[server]]"), "{}", split[1].1);
}
