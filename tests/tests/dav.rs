//! Files that clients write, from TOML: uploads that are cut or too large, links, rules, and what nginx does otherwise.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;

use propylon_tests::{Client, LIMIT, Propylon, address, lossy, raw_request, until};
use tempfile::TempDir;

mod dav_support;
use dav_support::tree;

const ALL: &str = "dav.methods = [\"PUT\", \"DELETE\", \"MKCOL\", \"COPY\", \"MOVE\"]\n";

/// A gateway with a root of its own.
fn gateway(more: &str) -> (Propylon, SocketAddr, TempDir) {
    let (listen, root) = (address(), tempfile::tempdir().unwrap());
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\n\
         [[server]]\nlisten = [\"{listen}\"]\nname = [\"a.test\"]\n\
         [[server.location]]\nmatch = \"/\"\nroot = \"{}\"\n{ALL}{more}\n",
        root.path().display()
    ));
    (gateway, listen, root)
}

fn status(at: SocketAddr, line: &str, fields: &str, body: &str) -> u16 {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request =
        format!("{line} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}{length}\r\n{body}");
    raw_request(at, request.as_bytes()).unwrap().status
}

fn names(at: &Path) -> Vec<String> {
    tree(at).into_keys().collect()
}

#[test]
fn an_upload_that_is_cut_leaves_nothing() {
    for framing in ["Content-Length: 400000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n30000\r\n"] {
        let (gateway, listen, root) = gateway("limit.body_size = \"1m\"");
        fs::write(root.path().join("old"), "old").unwrap();
        for path in ["/old", "/new"] {
            let mut client = Client::connect(listen).unwrap();
            let head = format!("PUT {path} HTTP/1.1\r\nHost: a.test\r\n{framing}");
            client.send(&[head.as_bytes(), &vec![b'x'; 0x30000]].concat()).unwrap();
            // What has come so far is nobody's to see.
            until("a part of it", LIMIT, || {
                let hidden = names(root.path()).into_iter().find(|name| name.starts_with(".written-"))?;
                (fs::metadata(root.path().join(hidden)).ok()?.len() > 0).then_some(())
            });
            assert_eq!(fs::read_to_string(root.path().join("old")).unwrap(), "old");
            client.leave();
            until("nothing of it", LIMIT, || (names(root.path()) == ["old"]).then_some(()));
        }
        assert!(
            gateway
                .lines("access.log", 2)
                .iter()
                .all(|line| line.contains("\" 400 ") || line.contains("\" 499 "))
        );
        assert_eq!(status(listen, "PUT /new", "", "whole"), 201);
        assert_eq!(tree(root.path())["new"], "600 whole");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let (_gateway, listen, root) = gateway("limit.body_size = 1000");
    let large = "x".repeat(1001);
    assert_eq!(status(listen, "PUT /a", "", &large), 413);
    let chunked = format!(
        "PUT /a HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    assert_eq!(raw_request(listen, chunked.as_bytes()).unwrap().status, 413);
    assert!(tree(root.path()).is_empty());
    assert_eq!(status(listen, "PUT /a", "", &large[1..]), 201);
}

/// Nobody sends what is refused by its head.
#[test]
fn what_cannot_be_put_is_refused_before_it_is_sent() {
    let (_gateway, listen, root) = gateway("");
    fs::create_dir(root.path().join("a")).unwrap();
    let ask = |path: &str| {
        let mut client = Client::connect(listen).unwrap();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
        );
        client.send(head.as_bytes()).unwrap();
        let head = client.stream().head().unwrap().unwrap();
        lossy(head.start_line())
    };
    for path in ["/a", "/a/", "/none/b"] {
        assert!(ask(path).starts_with("HTTP/1.1 409 "), "{path}");
    }
    assert_eq!(ask("/b"), "HTTP/1.1 100 Continue");
    until("nothing of it", LIMIT, || (names(root.path()) == ["a/"]).then_some(()));
}

/// The tags are those that files are sent with.
#[test]
fn who_has_seen_what_is_there_may_change_it() {
    let (_gateway, listen, root) = gateway("");
    assert_eq!(status(listen, "PUT /a", "If-None-Match: *\r\n", "one"), 201);
    assert_eq!(status(listen, "PUT /a", "If-None-Match: *\r\n", "two"), 412);
    let seen = raw_request(listen, b"GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
    let tag = seen.head.fields().into_iter().find(|(name, _)| name == "etag").unwrap().1;
    let seen = format!("If-Match: {}\r\n", lossy(&tag));
    assert_eq!(status(listen, "PUT /a", &seen, "other"), 204);
    for line in ["PUT /a", "DELETE /a"] {
        assert_eq!(status(listen, line, &seen, if line.starts_with("PUT") { "x" } else { "" }), 412);
    }
    assert_eq!(tree(root.path()).into_values().collect::<Vec<_>>(), ["600 other"]);
}

/// Where RFC 4918 is followed and nginx does otherwise.
#[test]
fn what_the_rfc_says() {
    let (_gateway, listen, root) = gateway("");
    assert_eq!(status(listen, "PUT /no/a", "", "x"), 409);
    assert_eq!(status(listen, "MKCOL /a/", "", ""), 201);
    assert_eq!(status(listen, "PUT /a/b", "", "x"), 201);
    assert_eq!(status(listen, "COPY /a/b", "Destination: /no/b\r\n", ""), 409);
    assert_eq!(status(listen, "MOVE /a/", "Destination: /no/a/\r\n", ""), 409);
    assert_eq!(status(listen, "COPY /a/b", "Destination: http://a.test.evil/c\r\n", ""), 400);
    assert_eq!(status(listen, "COPY /a/", "Destination: /c/\r\nDepth: 0\r\n", ""), 201);
    assert_eq!(names(root.path()), ["a/", "a/b", "c/"]);
}

#[test]
fn links_are_followed_or_not_as_files_say() {
    let outside = tempfile::tempdir().unwrap();
    for (rule, expected) in [("follow", 201), ("refuse", 403), ("same_owner", 403)] {
        let (gateway, listen, root) = gateway(&format!("files.symlinks = \"{rule}\""));
        symlink(outside.path(), root.path().join("out")).unwrap();
        assert_eq!(status(listen, "PUT /out/a", "", "x"), expected, "{rule}");
        assert_eq!(outside.path().join("a").exists(), expected == 201);
        let _ = fs::remove_file(outside.path().join("a"));
        assert_eq!(status(listen, "PUT /a", "", "x"), 201);
        if expected == 403 {
            until("the reason", LIMIT, || {
                gateway.error_log().contains("failed (40: Too many levels of symbolic links)").then_some(())
            });
        }
        for line in ["PUT /..%2f..%2fa", "PUT /%2e%2e/a", "DELETE /../a"] {
            assert!(matches!(status(listen, line, "", ""), 400 | 404), "{line}");
        }
        assert_eq!(names(root.path()), ["a", "out"]);
    }
}

/// Old nginx writes `x/ere`, and ends only when the disk is full.
#[test]
fn nothing_is_written_out_of_an_alias_or_into_itself() {
    let (_gateway, listen, root) = gateway(
        "[[server.location]]\nmatch = \"/alias/\"\nalias = \"@DIR@/\"\ndav.methods = [\"PUT\", \"COPY\"]",
    );
    assert_eq!(status(listen, "PUT /alias/a", "", "x"), 201);
    assert_eq!(status(listen, "COPY /alias/a", "Destination: /elsewhere\r\n", ""), 400);
    assert_eq!(status(listen, "COPY /alias/a", "Destination: /alias/b\r\n", ""), 204);
    assert!(tree(root.path()).is_empty());
    assert_eq!(status(listen, "MKCOL /a/", "", ""), 201);
    assert_eq!(status(listen, "PUT /a/b", "", "x"), 201);
    for (line, to) in
        [("COPY /a/", "/a/"), ("COPY /a/", "/a/c/"), ("MOVE /a/", "//a/c/"), ("COPY /a/b", "/a/b")]
    {
        assert_eq!(status(listen, line, &format!("Destination: {to}\r\n"), ""), 403, "{line} {to}");
    }
    assert_eq!(names(root.path()), ["a/", "a/b"]);
}

#[test]
fn who_may_is_for_others_to_say() {
    let (_gateway, listen, root) =
        gateway("access.limit_except = { methods = [\"GET\"], rules = [\"deny all\"] }");
    assert_eq!(status(listen, "PUT /a", "", "x"), 403);
    assert_eq!(status(listen, "GET /a", "", ""), 404);
    assert!(tree(root.path()).is_empty());
}

#[test]
fn many_at_once_each_whole() {
    let (_gateway, listen, root) = gateway("limit.body_size = \"1m\"");
    std::thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || {
                let body = n.to_string().repeat(200_000);
                assert!(matches!(status(listen, "PUT /a", "", &body), 201 | 204));
            });
        }
    });
    let text = fs::read_to_string(root.path().join("a")).unwrap();
    assert_eq!((text.len(), text.trim_start_matches(&text[..1])), (200_000, ""));
    assert_eq!(names(root.path()), ["a"]);
}
