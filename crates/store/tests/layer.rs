//! The layer around a service, and the files that come of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test"
)]

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::{Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use propylon_store::{Place, ResponseBody, StoreLayer, Work};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use propylon_testkit::laws;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt, service_fn};

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

struct Disk {
    directory: TempDir,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Disk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), errors: Arc::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn layer(&self, name: &str, access: u32) -> StoreLayer {
        let (path, errors) = (self.path(name), self.errors.clone());
        StoreLayer::new(move |_| {
            let errors = errors.clone();
            let tell = move |path: &Path, error: &std::io::Error| {
                errors.lock().unwrap().push(format!("{}: {:?}", path.display(), error.kind()));
            };
            Some(Place::new(&path).access(access).on_error(tell))
        })
    }

    /// All files and directories, with their rights.
    fn all(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(self.directory.path(), self.directory.path(), &mut found);
        found.sort();
        found
    }
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        found.push(format!("{} {mode:o}", path.strip_prefix(root).unwrap().display()));
        if path.is_dir() {
            walk(root, &path, found);
        }
    }
}

async fn ask(
    layer: StoreLayer,
    method: Method,
    response: Response<Script>,
) -> Response<ResponseBody<Script>> {
    let mut response = Some(response);
    let inner =
        service_fn(move |_: Request<()>| std::future::ready(Ok::<_, Infallible>(response.take().unwrap())));
    let mut request = Request::new(());
    *request.method_mut() = method;
    layer.layer(inner).oneshot(request).await.unwrap()
}

async fn get(layer: StoreLayer, body: Script) -> ResponseBody<Script> {
    ask(layer, Method::GET, Response::new(body)).await.into_body()
}

#[tokio::test]
async fn what_has_come_is_there_before_its_client_knows() {
    for (name, body) in [
        ("exact", Script::new().data("hel").data("lo").exact()),
        ("unknown", Script::new().data("hel").data("lo")),
        ("unannounced", Script::new().data("hel").data("lo").end_unannounced()),
        ("one", Script::new().data("hello").exact()),
    ] {
        let disk = Disk::new();
        let mut body = get(disk.layer(name, 0o600), body).await;
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().unwrap().len();
            if read == 5 && name != "unannounced" {
                assert_eq!(disk.all(), [format!("{name} 600")]);
            }
        }
        assert!(body.is_end_stream());
        assert_eq!(fs::read(disk.path(name)).unwrap(), b"hello");
        assert!(disk.errors.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn directories_are_made_and_rights_are_given() {
    let disk = Disk::new();
    let mut response = Response::new(Script::new().data("hello").exact());
    response.headers_mut().insert(header::LAST_MODIFIED, MODIFIED.parse().unwrap());
    let body = ask(disk.layer("a/b/c", 0o640), Method::GET, response).await.into_body();
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(disk.all(), ["a 750", "a/b 750", "a/b/c 640"]);
    let modified = fs::metadata(disk.path("a/b/c")).unwrap().modified().unwrap();
    assert_eq!(httpdate::fmt_http_date(modified), MODIFIED);
    // A newer one takes its place.
    get(disk.layer("a/b/c", 0o600), Script::new().data("again").exact()).await.collect().await.unwrap();
    assert_eq!(fs::read(disk.path("a/b/c")).unwrap(), b"again");
}

/// While the disk is busy, so much is read as may wait for it, and no more.
#[test]
fn large_ones_wait_for_the_disk() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (free, busy) = std::sync::mpsc::sync_channel::<()>(0);
        let disk = Disk::new();
        let other = tokio::task::spawn_blocking(move || busy.recv().is_err());
        let body = (0..50).fold(Script::new(), |body, _| body.data(vec![b'x'; 50_000]));
        let mut body = get(disk.layer("a", 0o600), body.exact()).await;
        let mut taken = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut cx) {
            taken.extend_from_slice(frame.unwrap().unwrap().data_ref().unwrap());
        }
        assert_eq!(taken.len(), 150_000, "up to 128 KiB, and what they end in");
        drop(free);
        assert!(other.await.unwrap());
        taken.extend(body.collect().await.unwrap().to_bytes());
        assert_eq!(taken.len(), 2_500_000);
        assert_eq!(fs::read(disk.path("a")).unwrap(), taken);
    });
}

#[tokio::test]
async fn what_is_not_to_be_stored_is_not() {
    let disk = Disk::new();
    let layer = || disk.layer("a", 0o600);
    for (method, status) in [(Method::HEAD, 200), (Method::POST, 200), (Method::GET, 206), (Method::GET, 404)]
    {
        let mut response = Response::new(Script::new().data("hello").exact());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let body = ask(layer(), method, response).await.into_body();
        assert_eq!(body.into_inner().unwrap().collect().await.unwrap().to_bytes(), "hello");
    }
    let cut = get(layer(), Script::new().data("hel").error("cut")).await;
    assert_eq!(cut.collect().await.unwrap_err().to_string(), "cut");
    assert!(disk.all().is_empty(), "{:?}", disk.all());
    let none = StoreLayer::new(|_| None);
    get(none, Script::new().data("hello")).await.into_inner().unwrap().collect().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_stored_reaches_its_client() {
    let disk = Disk::new();
    fs::write(disk.path("file"), "a file").unwrap();
    fs::create_dir(disk.path("directory")).unwrap();
    for name in ["file/inside", "directory"] {
        let body = get(disk.layer(name, 0o600), Script::new().data("hel").data("lo").exact()).await;
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
        let errors = std::mem::take(&mut *disk.errors.lock().unwrap());
        let path = disk.path(name);
        assert!(errors.len() == 1 && errors.concat().starts_with(path.to_str().unwrap()), "{errors:?}");
    }
    let names: Vec<_> = disk.all().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["directory", "file"]);
}

/// With somebody to run it, the rest is stored without its client; else nothing is left of it.
#[tokio::test]
async fn clients_may_leave() {
    let (ended, mut ends) = mpsc::channel(1);
    for spawns in [true, false] {
        let (disk, gate) = (Disk::new(), Gate::new());
        let body = Script::new().data("hel").wait(&gate).data("lo").exact();
        let ended = ended.clone();
        let spawn = move |work: Work| {
            let ended = ended.clone();
            tokio::spawn(async move {
                work.await;
                ended.send(()).await.unwrap();
            });
        };
        let layer = disk.layer("a", 0o600);
        let layer = if spawns { layer.spawner(spawn) } else { layer };
        let mut body = get(layer, body).await;
        body.frame().await.unwrap().unwrap();
        drop(body);
        gate.open();
        if spawns {
            ends.recv().await.unwrap();
            assert_eq!(fs::read(disk.path("a")).unwrap(), b"hello");
        } else {
            assert!(!disk.path("a").exists());
        }
    }
}

#[tokio::test]
async fn an_empty_one_is_a_file_as_well() {
    let disk = Disk::new();
    let body = get(disk.layer("a", 0o600), Script::new().exact()).await;
    assert!(!body.is_end_stream(), "it is not there yet");
    body.collect().await.unwrap();
    assert_eq!(disk.all(), ["a 600"]);
}

/// What is not stored obeys every law of bodies; what is waits for the disk in between.
#[tokio::test]
async fn bodies_are_as_they_were() {
    let layer = StoreLayer::new(|_| None);
    laws::check_all(|script| wrapped(&layer, script));
    let disk = Disk::new();
    let layer = disk.layer("a", 0o600);
    laws::drop_midway_drops_inner(|script| wrapped(&layer, script));
}

fn wrapped(layer: &StoreLayer, script: Script) -> ResponseBody<Script> {
    let mut script = Some(script);
    let mut service = layer.layer(service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(script.take().unwrap())))
    }));
    let mut called = Box::pin(service.call(Request::new(())));
    match called.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response.unwrap().into_body(),
        Poll::Pending => panic!("it is there"),
    }
}
