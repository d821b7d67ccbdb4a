//! Files that clients write, by the gateway and by nginx: the answers, and what is there then.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use propylon_tests::{Pair, lossy, raw_request};

mod dav_support;
use dav_support::tree;

const CONF: &str = r#"
http {
    access_log off; server_tokens off; client_max_body_size 10k; client_body_temp_path @DIR@/temp;
    root @DIR@/$server_addr;
    server {
        listen @LISTEN@; server_name a.test;
        location / { dav_methods PUT delete MkCol COPY MOVE; dav_access group:rw all:r; min_delete_depth 2; }
        location /full/ { dav_methods PUT MOVE; create_full_put_path on; }
        location /some/ { dav_methods PUT; }
        location /none/ { dav_methods off; }
        location /alias/ { alias @DIR@/$server_addr/x/; dav_methods PUT COPY MOVE DELETE; }
        location /proxied/ { dav_methods PUT; return 200 "not written"; }
    }
}
"#;

/// Requests, one after the other: a line, fields behind `|`, and a body behind `||`. None that copies something into itself, or out
/// of an `alias`: old nginx does not end then, and writes it elsewhere.
const REQUESTS: &[&str] = &[
    "PUT /a||one",
    "PUT /a||two",
    "PUT /a%20b%25|Date: Mon, 28 Sep 1970 06:00:00 GMT||three",
    "PUT /empty||",
    "PUT /a/",
    "PUT /a/b||x",
    "PUT /r|Content-Range: bytes 0-1/2||xx",
    "PUT /%C3%A4?args||x",
    "MKCOL /x/",
    "MKCOL /x/",
    "MKCOL /x",
    "MKCOL /no/x/",
    "MKCOL /body/||x",
    "MKCOL /x/y/",
    "PUT /x/y/z||z",
    "PUT /x||x",
    "PUT /x/y/z||zz",
    "GET /x/y/z",
    "COPY /x/y/z|Destination: /x/copy",
    "COPY /x/y/z|Destination: /x/copy|Overwrite: F",
    "COPY /x/y/z|Destination: /x/copy|Overwrite: T",
    "COPY /x/y/z|Destination: /x/copy|Overwrite: x",
    "COPY /x/y/z|Destination: http://a.test/x/abs",
    "COPY /x/y/z|Destination: http://b.test/x/abs",
    "COPY /x/y/z|Destination: https://a.test/x/abs",
    "COPY /x/y/z|Destination: http://a.test",
    "COPY /x/y/z|Destination: nowhere",
    "COPY /x/y/z|Destination: /../../z",
    "COPY /x/y/z|Destination: /x/%2e%2e/%2e%2e/z",
    "COPY /x/y/z|Destination: /x/a%20b?args",
    "COPY /x/y/z",
    "COPY /x/y/z|Destination: /x/y",
    "COPY /x/y/z|Destination: /x/y/",
    "COPY /x/y|Destination: /x/z",
    "COPY /x/y/|Destination: /x/z",
    "COPY /x/y/|Destination: /x/z/",
    "COPY /x/y/|Destination: /x/z/",
    "COPY /x/y/|Destination: /x/z/|Overwrite: F",
    "COPY /x/y/|Destination: /x/d/|Depth: 1",
    "COPY /x/y/|Destination: /x/d/|Depth: infinity",
    "COPY /x/y/|Destination: /x/e/|Depth: two",
    "COPY /no|Destination: /x/d2",
    "COPY /no/|Destination: /x/d2/",
    "COPY /x/y/z|Destination: /x/d2||x",
    "COPY /link|Destination: /x/of-link",
    "COPY /links/|Destination: /x/links/",
    "MOVE /x/copy|Destination: /x/moved",
    "MOVE /x/copy|Destination: /x/moved",
    "MOVE /x/moved|Destination: /made/for/it",
    "MOVE /x/z/|Destination: /x/zz/",
    "MOVE /x/zz/|Destination: /x/d/|Depth: 0",
    "MOVE /x/zz/|Destination: /x/d/",
    "MOVE /x/abs|Destination: /x/d/|Overwrite: F",
    "MOVE /link|Destination: /x/link",
    "DELETE /a",
    "DELETE /x/",
    "DELETE /x/d",
    "DELETE /x/d/|Depth: 0",
    "DELETE /x/d/|Depth: 1",
    "DELETE /x/d/||x",
    "DELETE /x/d/|Depth: infinity",
    "DELETE /x/d/",
    "DELETE /x/no",
    "DELETE /x/abs|Depth: 1",
    "DELETE /x/abs|Depth: 0",
    "DELETE /x/abs/",
    "DELETE /x/link",
    "DELETE /links/",
    "DELETE /links/all/",
    "PUT /full/a/b/c||x",
    "PUT /full/a/b||x",
    "MOVE /full/a/b/c|Destination: /full/d/e",
    "DELETE /full/d/e",
    "PUT /some/a||x",
    "PUT /none/a||x",
    "DELETE /none/a",
    "MKCOL /none/a/",
    "POST /a||x",
    "OPTIONS /a",
    "PROPFIND /a",
    "PUT /alias/by-alias||x",
    "COPY /alias/by-alias|Destination: /alias/again",
    "COPY /alias/by-alias|Destination: /x",
    "PUT /proxied/a||x",
    "GET /a%20b%25",
    "HEAD /full/d/e",
];

/// Where RFC 4918 is followed: the status, and nginx's.
const OTHERWISE: &[(&str, u16, u16)] = &[("PUT /a/b||x", 409, 500)];

type Tree = BTreeMap<String, String>;

/// What is there. The rights of what is not put are the umask's with nginx, also those of copies.
fn files(root: &Path) -> Tree {
    let bare = |(name, text): (String, String)| {
        let put = ["a", "a b%", "empty"].contains(&name.as_str());
        let text = if put { text } else { text.split_once(' ').unwrap_or_default().1.to_owned() };
        (name, text)
    };
    tree(root).into_iter().map(bare).collect()
}

fn ask(at: SocketAddr, request: &str) -> (u16, Option<String>, Option<String>, String) {
    let (head, body) = match request.split_once("||") {
        Some((head, body)) => (head, Some(body)),
        None => (request, None),
    };
    let mut lines = head.split('|');
    let mut text = format!("{} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n", lines.next().unwrap());
    lines.for_each(|line| text += &format!("{line}\r\n"));
    match body {
        Some(body) => text += &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        None => text += "\r\n",
    }
    let answer = raw_request(at, text.as_bytes()).unwrap();
    let good = answer.status < 300;
    let length = answer.head.field("content-length").filter(|_| good);
    let body = if good { lossy(&answer.body) } else { String::new() };
    (answer.status, answer.head.field("location"), length, body)
}

#[test]
fn the_answers_and_the_files_are_nginxs() {
    let dir = tempfile::tempdir().unwrap();
    let pair = Pair::start(CONF, &[("DIR", &dir.path().display().to_string())]);
    let sides = pair.at.map(|at| (at, dir.path().join(at.ip().to_string())));
    for (_, root) in &sides {
        for made in ["some", "none", "proxied", "full", "links/all"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        fs::write(root.join("target"), "target").unwrap();
        symlink("target", root.join("link")).unwrap();
        fs::write(root.join("links/all/file"), "beside links").unwrap();
        // Whoever is started by root writes as somebody else.
        for open in ["..", ".", "some", "none", "proxied", "full", "links", "links/all"] {
            fs::set_permissions(root.join(open), fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
    let mut wrong = Vec::new();
    for request in REQUESTS {
        let [mut ours, theirs] = sides.each_ref().map(|(at, root)| (ask(*at, request), files(root)));
        if let Some((_, status, nginxs)) = OTHERWISE.iter().find(|(known, ..)| known == request) {
            assert_eq!((ours.0.0, theirs.0.0), (*status, *nginxs), "{request}");
            ours.0.0 = *nginxs;
        }
        if ours != theirs {
            wrong.push(format!("{request}: {:?} {:?}", ours.0, theirs.0));
            let differ = |one: &Tree, other: &Tree| {
                let apart = one.iter().filter(|(name, text)| other.get(*name) != Some(text));
                apart.map(|(name, text)| format!("{name} {text}")).collect::<Vec<_>>()
            };
            wrong.push(format!("    {:?} {:?}", differ(&ours.1, &theirs.1), differ(&theirs.1, &ours.1)));
        }
    }
    assert!(wrong.is_empty(), "left is propylon, right is nginx\n{}", wrong.join("\n"));
    let modified = sides.map(|(_, root)| fs::metadata(root.join("a b%")).unwrap().modified().unwrap());
    assert_eq!(modified[0], modified[1], "the date of the request");
}
