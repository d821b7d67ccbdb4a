//! Requests that are for what their clients have seen, or for what nobody has.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response};
use http_body_util::BodyExt;
use propylon_dav::{BoxError, Dav, DavLayer, Verb};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use tower::{Layer, ServiceExt, service_fn};

const TIME: u64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT
const TAG: &str = "\"2ebc98a1-3\"";

/// A file of three bytes, of that time.
fn write(at: &Path) {
    fs::write(at, "old").unwrap();
    let file = fs::File::options().write(true).open(at).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(TIME)).unwrap();
}

async fn ask(root: &Path, line: &str, fields: &[(&str, &str)], body: Script) -> u16 {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri).header("host", "a.test");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let inner = service_fn(|_| async { Ok::<_, Infallible>(Response::new(())) });
    let layer = DavLayer::new(root, Dav::new(Verb::ALL)).layer(inner);
    let body = body.map_err(Into::<BoxError>::into).boxed();
    layer.oneshot(request.body(body).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_is_not_as_it_was_is_left_alone() {
    for (field, value, there, missing) in [
        ("if-match", TAG, true, false),
        ("if-match", "\"2ebc98a1-4\"", false, false),
        ("if-match", "\"a\" , \"2ebc98a1-3\"", true, false),
        ("if-match", "W/\"2ebc98a1-3\"", false, false),
        ("if-match", "*", true, false),
        ("if-none-match", "*", false, true),
        ("if-none-match", TAG, false, true),
        ("if-none-match", "W/\"2ebc98a1-3\"", false, true),
        ("if-none-match", "\"a\"", true, true),
        ("if-none-match", "\"a,*,b\"", true, true),
        ("if-match", "\"a,*,b\"", false, false),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", true, true),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT", false, true),
        ("if-unmodified-since", "yesterday", true, true),
    ] {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("old"), root.path().join("new"));
        let fields = [(field, value)];
        let to = [(field, value), ("destination", "/to")];
        for (line, fields, body, done) in [
            ("PUT /old", &fields[..], "text", 204),
            ("DELETE /old", &fields, "", 204),
            ("COPY /old", &to, "", 204),
            ("MOVE /old", &to, "", 204),
        ] {
            write(&old);
            let body = if body.is_empty() { Script::new() } else { Script::new().data(body) };
            let status = ask(root.path(), line, fields, body).await;
            assert_eq!(status, if there { done } else { 412 }, "{line} {field}: {value}");
            if !there {
                assert_eq!(fs::read(&old).unwrap(), b"old", "{line}");
                assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "{line}");
            }
        }
        let status = ask(root.path(), "PUT /new", &fields, Script::new().data("x")).await;
        assert_eq!((status, new.exists()), (if missing { 201 } else { 412 }, missing), "{field}: {value}");
        let status = ask(root.path(), "MKCOL /c/", &fields, Script::new()).await;
        assert_eq!(status, if missing { 201 } else { 412 }, "{field}: {value}");
    }
}

/// Of two who begin, the second one to end is told.
#[tokio::test]
async fn of_two_at_once_one_is_first() {
    let root = tempfile::tempdir().unwrap();
    let gate = Gate::new();
    let none = [("if-none-match", "*")];
    let mut slow = pin!(ask(root.path(), "PUT /a", &none, Script::new().data("slow").wait(&gate)));
    // It has begun when its hidden file is there.
    std::future::poll_fn(|cx| {
        assert!(slow.as_mut().poll(cx).is_pending());
        if fs::read_dir(root.path()).unwrap().count() > 0 {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
    assert_eq!(ask(root.path(), "PUT /a", &none, Script::new().data("fast")).await, 201);
    gate.open();
    assert_eq!(slow.await, 412);
    assert_eq!(fs::read(root.path().join("a")).unwrap(), b"fast");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

/// Nobody comes between the look and the change.
#[tokio::test]
async fn of_many_at_once_one_is_first() {
    let root = tempfile::tempdir().unwrap();
    for n in 0..500 {
        let line = format!("PUT /{n}");
        let fields = [("if-none-match", "*"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        let put = || ask(root.path(), &line, &fields, Script::new().data("x"));
        let mut all = <[u16; 6]>::from(tokio::join!(put(), put(), put(), put(), put(), put()));
        all.sort_unstable();
        assert_eq!(all, [201, 412, 412, 412, 412, 412], "{n}");
    }
}
