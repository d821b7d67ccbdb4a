//! Requests to a layer around nothing, and the files that are there then.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use propylon_dav::{BoxError, Dav, DavLayer, Failure, Links, Verb};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
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

/// A way of links to what is copied is no other place: it would be removed to make room for itself.
#[tokio::test]
async fn what_is_one_by_links_is_one() {
    let root = Root::new(all());
    fs::create_dir_all(root.0.path().join("a/b/c")).unwrap();
    fs::write(root.0.path().join("a/b/c/d"), "d").unwrap();
    symlink(root.0.path().join("a"), root.0.path().join("link")).unwrap();
    let link = format!("-> {}", root.0.path().join("a").display());
    let whole = [("a/", ""), ("a/b/", ""), ("a/b/c/", ""), ("a/b/c/d", "d"), ("link", &*link)];
    for (from, to) in [
        ("/a/b/", "/link/b/"),
        ("/link/b/", "/a/b/"),
        ("/a/b/", "/link/b/c/"),
        ("/a/b/", "/link/b/c/e/"),
        ("/a/b/c/", "/link/b/"),
        ("/a/b/c/d", "/link/b/c/d"),
    ] {
        for method in ["COPY", "MOVE"] {
            let (status, why) = root.ask(&format!("{method} {from}"), &[("destination", to)], "").await;
            assert_eq!(status, 403, "{method} {from} {to}: {why}");
            root.has(&whole);
        }
    }
    assert_eq!(root.ask("MOVE /a/b/c/d", &[("destination", "/link/d")], "").await.0, 204);
    assert_eq!(root.ask("MOVE /a/b/c/", &[("destination", "/link/b/e/")], "").await.0, 201);
    root.has(&[("a/", ""), ("a/b/", ""), ("a/b/e/", ""), ("a/d", "d"), ("link", &link)]);
}

#[tokio::test]
async fn names_are_what_counts_for_the_depth() {
    let root = Root::new(all().min_delete_depth(2));
    fs::create_dir(root.0.path().join("a")).unwrap();
    for path in ["/a/", "/a//", "//a/", "/./a/"] {
        assert_eq!(root.ask(&format!("DELETE {path}"), &[], "").await.0, 409, "{path}");
    }
    root.has(&[("a/", "")]);
}

/// Pieces of a byte, or of none, each in a buffer of its own.
struct Pieces {
    left: usize,
    alive: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Piece(&'static [u8], Arc<AtomicUsize>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        let alive = self.alive.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(alive, Ordering::Relaxed);
        let text: &[u8] = if left.is_multiple_of(2) { b"x" } else { b"" };
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_owner(Piece(text, self.alive.clone()))))))
    }
}

#[tokio::test]
async fn small_pieces_hold_no_more_than_large_ones() {
    let root = Root::new(all());
    let most = Arc::new(AtomicUsize::new(0));
    let pieces = Pieces { left: 20_000, alive: Arc::default(), most: most.clone() };
    let response = root.send(Request::put("/a").body(pieces.boxed()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 201);
    root.has(&[("a", &"x".repeat(10_000))]);
    assert!(most.load(Ordering::Relaxed) < 10, "{} pieces were kept", most.load(Ordering::Relaxed));
}

/// Polls an upload until this much of it is in its hidden file.
async fn written(root: &Path, size: u64, mut upload: Pin<&mut impl Future>) {
    std::future::poll_fn(|cx| {
        assert!(upload.as_mut().poll(cx).is_pending());
        let there = fs::read_dir(root).unwrap().any(|entry| {
            let entry = entry.unwrap();
            entry.file_name().to_string_lossy().starts_with(".written-")
                && entry.metadata().unwrap().len() == size
        });
        if there {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn begun(gate: &Gate) -> Request<Body> {
    let script = Script::new().data("x".repeat(300_000)).wait(gate);
    Request::put("/a/new").body(script.map_err(Into::into).boxed()).unwrap()
}

#[tokio::test]
async fn an_upload_is_not_copied_before_it_is_whole() {
    let (root, gate) = (Root::new(all()), Gate::new());
    let a = root.0.path().join("a");
    fs::create_dir(&a).unwrap();
    fs::write(a.join(".written-by-hand"), "y").unwrap();
    let mut upload = pin!(root.send(begun(&gate)));
    written(&a, 300_000, upload.as_mut()).await;
    assert_eq!(root.ask("COPY /a/", &[("destination", "/b/")], "").await.0, 201);
    gate.open();
    assert_eq!(upload.await.unwrap().status(), 201);
    let whole = "x".repeat(300_000);
    root.has(&[
        ("a/", ""),
        ("a/.written-by-hand", "y"),
        ("a/new", &whole),
        ("b/", ""),
        ("b/.written-by-hand", "y"),
    ]);
}

/// To remove what is large takes time, which whoever answers others does not have.
#[test]
fn what_is_left_of_an_upload_is_removed_elsewhere() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (root, gate) = (Root::new(all()), Gate::new());
        let a = root.0.path().join("a");
        fs::create_dir(&a).unwrap();
        let mut upload = Box::pin(root.send(begun(&gate)));
        written(&a, 300_000, upload.as_mut()).await;
        // The one thread that may wait does.
        let (free, waits) = mpsc::sync_channel::<()>(1);
        let busy = tokio::task::spawn_blocking(move || waits.recv());
        drop(upload);
        assert_eq!(fs::read_dir(&a).unwrap().count(), 1, "it was removed here");
        free.send(()).unwrap();
        busy.await.unwrap().unwrap();
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        root.has(&[("a/", "")]);
    });
}
