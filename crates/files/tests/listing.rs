//! What requests for directories get where those are listed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use http::{Request, Response};
use propylon_files::{Body, Failure, Files, ListFormat, Listing, ServeFiles, Symlinks};
use tower::ServiceExt;

async fn ask(service: &ServeFiles, method: &str, uri: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(uri).body(()).unwrap();
    service.clone().oneshot(request).await.unwrap()
}

fn text(response: &mut Response<Body>) -> String {
    String::from_utf8(response.body_mut().take_bytes().unwrap().to_vec()).unwrap()
}

fn site(root: &Path) {
    fs::create_dir_all(root.join("with/inner")).unwrap();
    fs::create_dir_all(root.join("indexed")).unwrap();
    fs::create_dir_all(root.join("none")).unwrap();
    fs::write(root.join("indexed/index.html"), "an index").unwrap();
    fs::write(root.join("with/b.txt"), "12345").unwrap();
    fs::write(root.join("with/.hidden"), "").unwrap();
    symlink("b.txt", root.join("with/a.txt")).unwrap();
    symlink("nowhere", root.join("with/c.txt")).unwrap();
}

/// Names and types, in order.
async fn names(service: &ServeFiles, uri: &str) -> Vec<String> {
    let list = text(&mut ask(service, "GET", uri).await);
    let field = |line: &str, name: &str| {
        line.split_once(&format!("\"{name}\":\"")).map(|(_, rest)| rest.split('"').next().unwrap().to_owned())
    };
    list.lines()
        .filter_map(|line| Some(format!("{} {}", field(line, "name")?, field(line, "type")?)))
        .collect()
}

#[tokio::test]
async fn directories_without_an_index_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    site(dir.path());
    let plain = ServeFiles::new(dir.path());
    let listed = plain.clone().list(Listing::new(ListFormat::Json));
    assert_eq!(ask(&plain, "GET", "/with/").await.status(), 403);
    assert_eq!(
        names(&listed, "/with/").await,
        ["inner directory", "a.txt file", "b.txt file", "c.txt other"]
    );
    assert_eq!(names(&listed, "/none/").await, [""; 0]);
    assert_eq!(text(&mut ask(&listed, "GET", "/indexed/").await), "an index");
    let mut get = ask(&listed, "GET", "/with/").await;
    let (length, whole) = (get.headers()["content-length"].clone(), text(&mut get));
    assert!(whole.contains("\"size\":5 }"), "{whole}");
    assert_eq!(length.to_str().unwrap(), whole.len().to_string());
    let mut head = ask(&listed, "HEAD", "/with/").await;
    assert_eq!(head.headers()["content-length"], length);
    assert_eq!(text(&mut head), "");
    for (method, uri, status) in [
        ("POST", "/with/", 403),
        ("GET", "/missing/", 404),
        ("GET", "/with/b.txt/", 404),
        ("GET", "/with", 301),
    ] {
        assert_eq!(ask(&listed, method, uri).await.status(), status, "{method} {uri}");
    }
    let mounted = plain.clone().prefix("/static").list(Listing::new(ListFormat::Html));
    assert!(
        text(&mut ask(&mounted, "GET", "/none/").await).contains("<title>Index of /static/none/</title>")
    );
    let jsonp = plain.list(Listing::new(ListFormat::Jsonp));
    assert_eq!(ask(&jsonp, "GET", "/with/?callback=a;b").await.status(), 400);
    assert!(text(&mut ask(&jsonp, "GET", "/none/?callback=f").await).ends_with("f([\r\n]);"));
}

#[tokio::test]
async fn lists_have_an_end_and_tell_nothing_of_links_that_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    site(dir.path());
    let service = |most, symlinks| {
        let files = Files::new().symlinks(symlinks);
        ServeFiles::new(dir.path()).list(Listing::new(ListFormat::Json).max_entries(most)).files(files)
    };
    assert_eq!(ask(&service(4, Symlinks::follow()), "GET", "/with/").await.status(), 200);
    let refused = ask(&service(3, Symlinks::follow()), "GET", "/with/").await;
    assert_eq!(refused.status(), 500);
    let failure = refused.extensions().get::<Failure>().unwrap().to_string();
    assert!(failure.ends_with("/with/\" has too many files for a directory listing"), "{failure}");
    let refusing = service(4, Symlinks::refuse().from(dir.path()));
    let list = names(&refusing, "/with/").await;
    assert_eq!(list, ["inner directory", "a.txt other", "b.txt file", "c.txt other"]);
}

#[tokio::test]
async fn a_directory_is_any_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    site(dir.path());
    let random = ServeFiles::new(dir.path()).random_index(true);
    let mut seen = std::collections::BTreeMap::new();
    for name in ["d", "e"] {
        fs::write(dir.path().join("with").join(name), name).unwrap();
    }
    for _ in 0..400 {
        let mut response = ask(&random, "GET", "/with/").await;
        assert_eq!(response.status(), 200);
        *seen.entry(text(&mut response)).or_insert(0) += 1;
    }
    // b.txt and the link to it are two of four; none is hidden, a directory, or leads nowhere.
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["12345", "d", "e"]);
    assert!(seen.values().all(|&count| count > 40) && seen["12345"] > seen["d"], "{seen:?}");
    assert_eq!(text(&mut ask(&random, "GET", "/indexed/").await), "an index");
    assert_eq!(ask(&random, "POST", "/indexed/").await.status(), 405, "of the file");
    assert_eq!(ask(&random, "GET", "/none/").await.status(), 403);
    assert_eq!(ask(&random, "GET", "/nowhere/").await.status(), 404);
    assert_eq!(ask(&random, "GET", "/with/b.txt/").await.status(), 404);
    fs::create_dir(dir.path().join("links")).unwrap();
    symlink("../indexed/index.html", dir.path().join("links/page.html")).unwrap();
    assert_eq!(text(&mut ask(&random, "GET", "/links/").await), "an index");
    let unlinked = random.clone().files(Files::new().symlinks(Symlinks::refuse()));
    assert_eq!(ask(&unlinked, "GET", "/links/").await.status(), 403, "only a link is there");
    let listed = random.list(Listing::new(ListFormat::Json));
    assert_eq!(names(&listed, "/none/").await, [""; 0], "there is nothing to choose from");
}
