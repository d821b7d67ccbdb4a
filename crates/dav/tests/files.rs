//! Requests to a layer around nothing, and the files that are there then.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use propylon_dav::{BoxError, Dav, DavLayer, Failure, Links, Verb};
use propylon_testkit::body::Script;
use tempfile::TempDir;
use tower::{Layer, ServiceExt, service_fn};

type Body = BoxBody<Bytes, BoxError>;

fn body(text: &'static str) -> Body {
    Full::from(text).map_err(|never: Infallible| match never {}).boxed()
}

struct Root(TempDir, Dav);

impl Root {
    fn new(dav: Dav) -> Self {
        Self(tempfile::tempdir().unwrap(), dav)
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<String>, BoxError> {
        let inner =
            service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new("inside".to_owned())) });
        DavLayer::new(self.0.path(), self.1.clone()).layer(inner).oneshot(request).await
    }

    /// `METHOD /path`, and then fields.
    async fn ask(&self, line: &str, fields: &[(&str, &str)], text: &'static str) -> (u16, String) {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri).header("host", "a.test");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = self.send(request.body(body(text)).unwrap()).await.unwrap();
        let failure = response.extensions().get::<Failure>();
        assert_eq!(failure.is_some(), response.status().as_u16() >= 400);
        let text = failure.map_or_else(|| response.body().clone(), Failure::to_string);
        (response.status().as_u16(), text)
    }

    /// All that is there: directories end in a slash.
    fn tree(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        walk(self.0.path(), "", &mut all);
        all
    }

    fn has(&self, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        assert_eq!(self.tree(), expected.collect());
    }
}

fn walk(at: &Path, prefix: &str, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(at).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), all);
            all.insert(format!("{name}/"), String::new());
        } else if kind.is_symlink() {
            all.insert(name, format!("-> {}", fs::read_link(entry.path()).unwrap().display()));
        } else {
            all.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

fn all() -> Dav {
    Dav::new(Verb::ALL)
}

#[tokio::test]
async fn what_is_put_is_there() {
    let root = Root::new(all().access(0o640));
    assert_eq!(root.ask("PUT /a%20b", &[], "one").await.0, 201);
    assert_eq!(root.ask("PUT /a%20b", &[("date", "Mon, 28 Sep 1970 06:00:00 GMT")], "two").await.0, 204);
    root.has(&[("a b", "two")]);
    let about = fs::metadata(root.0.path().join("a b")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o640);
    let age = about.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(age.as_secs(), 23_349_600);
    for (line, status) in [("PUT /c/d", 409), ("PUT /a%20b/c", 409), ("PUT /c/", 409), ("PUT /%2e%2e/c", 404)]
    {
        let request = Request::put(line.split_once(' ').unwrap().1).body(body("x")).unwrap();
        assert_eq!(root.send(request).await.unwrap().status(), status, "{line}");
    }
    let (status, why) = root.ask("PUT /e", &[("content-range", "bytes 0-1/2")], "x").await;
    assert_eq!((status, &*why), (501, "PUT with range is unsupported"));
    root.has(&[("a b", "two")]);
    let root = Root::new(all().create_full_put_path(true));
    assert_eq!(root.ask("PUT /c/d/e", &[], "x").await.0, 201);
    assert_eq!(root.ask("PUT /c/d", &[], "x").await.0, 409);
    root.has(&[("c/", ""), ("c/d/", ""), ("c/d/e", "x")]);
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing() {
    let root = Root::new(all().create_full_put_path(true));
    fs::write(root.0.path().join("old"), "old").unwrap();
    let large = "x".repeat(300_000);
    for path in ["/old", "/new", "/made/new"] {
        let script = Script::new().data(large.clone()).error("gone");
        let request = Request::put(path).body(script.map_err(Into::into).boxed()).unwrap();
        assert_eq!(root.send(request).await.unwrap_err().to_string(), "gone");
        root.has(&[("old", "old")]);
    }
}

#[tokio::test]
async fn what_is_not_allowed_goes_on() {
    let root = Root::new(Dav::new([Verb::Put]));
    assert_eq!(root.ask("GET /a", &[], "").await, (200, "inside".to_owned()));
    assert_eq!(root.ask("DELETE /a", &[], "").await, (200, "inside".to_owned()));
    assert_eq!(root.ask("PUT /a", &[], "").await.0, 201);
}

#[tokio::test]
async fn collections_are_made_and_removed() {
    let root = Root::new(all().min_delete_depth(2));
    assert_eq!(root.ask("MKCOL /a/", &[], "").await.0, 201);
    assert_eq!(root.ask("MKCOL /a/", &[], "").await.0, 405);
    assert_eq!(root.ask("MKCOL /b", &[], "").await.0, 409);
    assert_eq!(root.ask("MKCOL /b/c/", &[], "").await.0, 409);
    assert_eq!(root.ask("MKCOL /c/", &[], "abc").await.0, 415);
    assert_eq!(root.ask("MKCOL /a/b/", &[], "").await.0, 201);
    assert_eq!(root.ask("PUT /a/b/c", &[], "x").await.0, 201);
    assert_eq!(root.ask("DELETE /a/", &[], "").await.0, 409);
    assert_eq!(root.ask("DELETE /a/b", &[], "").await.0, 409);
    assert_eq!(root.ask("DELETE /a/b/", &[("depth", "0")], "").await.0, 400);
    assert_eq!(root.ask("DELETE /a/none", &[], "").await.0, 404);
    assert_eq!(root.ask("DELETE /a/b/c", &[("depth", "1")], "").await.0, 400);
    root.has(&[("a/", ""), ("a/b/", ""), ("a/b/c", "x")]);
    assert_eq!(root.ask("DELETE /a/b/", &[("depth", "infinity")], "").await.0, 204);
    root.has(&[("a/", "")]);
}

#[tokio::test]
async fn copies_and_moves() {
    let root = Root::new(all());
    let to = |path| [("destination", path)];
    for (line, status) in [("MKCOL /a/", 415), ("DELETE /a", 415), ("COPY /a", 415), ("PUT /d", 201)] {
        assert_eq!(root.ask(line, &[], "x").await.0, status);
    }
    for line in ["MKCOL /a/", "MKCOL /a/b/"] {
        assert_eq!(root.ask(line, &[], "").await.0, 201);
    }
    assert_eq!(root.ask("PUT /a/b/c", &[], "c").await.0, 201);
    assert_eq!(root.ask("COPY /d", &to("/e"), "").await.0, 204);
    assert_eq!(root.ask("COPY /d", &to("/none/e"), "").await.0, 409);
    assert_eq!(root.ask("MOVE /e", &to("/made/e"), "").await.0, 204);
    assert_eq!(root.ask("COPY /a/", &to("/f/"), "").await.0, 201);
    assert_eq!(root.ask("COPY /a/", &[("destination", "/g/"), ("depth", "0")], "").await.0, 201);
    let mut expected = vec![
        ("a/", ""),
        ("a/b/", ""),
        ("a/b/c", "c"),
        ("d", "x"),
        ("f/", ""),
        ("f/b/", ""),
        ("f/b/c", "c"),
        ("g/", ""),
        ("made/", ""),
        ("made/e", "x"),
    ];
    root.has(&expected);
    for (line, to, status) in [
        ("COPY /a/", "/a/", 403),
        ("COPY /a/", "/a/b/d/", 403),
        ("MOVE /a/b/", "/a/", 403),
        ("COPY /a/", "/h", 409),
        ("COPY /d", "/h/", 409),
        ("COPY /d", "/a", 409),
        ("COPY /a", "/h", 400),
        ("COPY /none", "/h", 404),
        ("MOVE /a/", "/none/h/", 409),
        ("COPY /d", "/d/x", 409),
        ("COPY /d", "http://b.test/h", 400),
        ("COPY /d", "/../h", 400),
    ] {
        assert_eq!(root.ask(line, &[("destination", to)], "").await.0, status, "{line} {to}");
    }
    assert_eq!(root.ask("COPY /d", &[], "").await.0, 400);
    assert_eq!(root.ask("COPY /d", &[("destination", "/made/e"), ("overwrite", "F")], "").await.0, 412);
    assert_eq!(root.ask("MOVE /a/", &[("destination", "/h/"), ("depth", "0")], "").await.0, 400);
    root.has(&expected);
    assert_eq!(root.ask("MOVE /a/", &to("http://A.test:80/f/"), "").await.0, 201);
    expected.retain(|(name, _)| !name.starts_with("a/"));
    root.has(&expected);
}

#[tokio::test]
async fn links_lead_nowhere_else() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let make = |dav: Dav| {
        let root = Root::new(dav);
        fs::create_dir(root.0.path().join("a")).unwrap();
        symlink(outside.path(), root.0.path().join("a/out")).unwrap();
        symlink(outside.path().join("secret"), root.0.path().join("a/file")).unwrap();
        root
    };
    let secret = outside.path().join("secret").display().to_string();
    let link = |to: &Path| format!("-> {}", to.display());
    let (out, file) = (link(outside.path()), format!("-> {secret}"));
    // What is in a collection: the links go, and what they lead to stays; copies have none.
    let root = make(all());
    assert_eq!(root.ask("COPY /a/", &[("destination", "/b/")], "").await.0, 201);
    root.has(&[("a/", ""), ("a/out", &out), ("a/file", &file), ("b/", "")]);
    assert_eq!(root.ask("COPY /a/file", &[("destination", "/c")], "").await.0, 204);
    assert_eq!(root.ask("PUT /a/file", &[], "mine").await.0, 204);
    root.has(&[("a/", ""), ("a/out", &out), ("a/file", "mine"), ("b/", ""), ("c", "secret")]);
    assert_eq!(root.ask("DELETE /a/", &[], "").await.0, 204);
    root.has(&[("b/", ""), ("c", "secret")]);
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    // Where they are not followed they are no way either.
    let root = make(all().links(Links::Refuse(None)));
    let real = fs::canonicalize(root.0.path()).unwrap();
    assert_eq!(real, root.0.path());
    for (line, to) in [
        ("PUT /a/out/x", None),
        ("DELETE /a/out/secret", None),
        ("MKCOL /a/out/x/", None),
        ("COPY /a/out/secret", Some("/x")),
        ("MOVE /a/out/secret", Some("/x")),
        ("COPY /a/file", Some("/x")),
        ("COPY /a/", Some("/a/out/x/")),
    ] {
        let fields: Vec<_> = to.map(|to| ("destination", to)).into_iter().collect();
        let text = if line.starts_with("PUT") { "x" } else { "" };
        let (status, why) = root.ask(line, &fields, text).await;
        assert_eq!(status, 403, "{line}: {why}");
    }
    root.has(&[("a/", ""), ("a/out", &out), ("a/file", &file)]);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}
