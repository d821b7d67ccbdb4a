//! The layer around services that know no ranges.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;

use http::{HeaderName, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use propylon_force_ranges::{Error, ForceRangesLayer, ResponseBody};
use propylon_testkit::body::Script;
use propylon_testkit::laws;
use tower::{Layer, ServiceExt, service_fn};

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const NOW: &str = "Thu, 26 Nov 2026 12:00:00 GMT";

fn all() -> Script {
    Script::new().data("0123").data("45").data("6789").exact()
}

async fn ask(
    method: Method,
    fields: &[(HeaderName, &str)],
    response: Response<Script>,
) -> Response<ResponseBody<Script>> {
    let mut response = Some(response);
    let inner =
        service_fn(move |_: Request<()>| std::future::ready(Ok::<_, Infallible>(response.take().unwrap())));
    let mut request = Request::new(());
    *request.method_mut() = method;
    for (name, value) in fields {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    ForceRangesLayer::new().layer(inner).oneshot(request).await.unwrap()
}

fn made(body: Script) -> Response<Script> {
    let mut response = Response::new(body);
    for (name, value) in [
        (header::ETAG, "\"a\""),
        (header::LAST_MODIFIED, OLD),
        (header::DATE, NOW),
        (header::ACCEPT_RANGES, "none"),
        (header::CONTENT_LENGTH, "10"),
    ] {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

/// The status, `Content-Range`, `Content-Length`, `Accept-Ranges` and the body.
async fn shown(response: Response<ResponseBody<Script>>) -> String {
    let (head, body) = response.into_parts();
    let field = |name| head.headers.get(name).map_or("-", |value| value.to_str().unwrap());
    let fields = [header::CONTENT_RANGE, header::CONTENT_LENGTH, header::ACCEPT_RANGES].map(field);
    let exact = body.size_hint().exact();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert!(exact.is_none_or(|exact| exact == bytes.len() as u64));
    format!("{} {} {}", head.status.as_u16(), fields.join(" "), String::from_utf8_lossy(&bytes))
}

#[tokio::test]
async fn ranges_are_cut_out() {
    let range = |value| (header::RANGE, value);
    for (fields, expected) in [
        (&[][..], "200 - 10 bytes 0123456789"),
        (&[range("bytes=0-0")], "206 bytes 0-0/10 1 - 0"),
        (&[range("bytes=3-6")], "206 bytes 3-6/10 4 - 3456"),
        (&[range("bytes=5-")], "206 bytes 5-9/10 5 - 56789"),
        (&[range("bytes=-2")], "206 bytes 8-9/10 2 - 89"),
        (&[range("bytes=10-")], "416 bytes */10 0 - "),
        (&[range("bytes=1-2,4-5")], "200 - 10 bytes 0123456789"),
        (&[range("lines=1-2")], "200 - 10 bytes 0123456789"),
        (&[range("bytes=3-6"), (header::IF_RANGE, "\"a\"")], "206 bytes 3-6/10 4 - 3456"),
        (&[range("bytes=3-6"), (header::IF_RANGE, "\"b\"")], "200 - 10 bytes 0123456789"),
        (&[range("bytes=3-6"), (header::IF_RANGE, OLD)], "206 bytes 3-6/10 4 - 3456"),
        (&[range("bytes=3-6"), (header::IF_RANGE, NOW)], "200 - 10 bytes 0123456789"),
        // Conditions are for who has what they are about.
        (&[(header::IF_NONE_MATCH, "\"a\"")], "200 - 10 bytes 0123456789"),
    ] {
        let response = ask(Method::GET, fields, made(all())).await;
        assert_eq!(shown(response).await, expected, "{fields:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_cut_passes() {
    let fields = [(header::RANGE, "bytes=3-6")];
    let mut partial = made(all());
    *partial.status_mut() = StatusCode::PARTIAL_CONTENT;
    let whole = "10 - 0123456789";
    assert_eq!(shown(ask(Method::GET, &fields, partial).await).await, format!("206 - {whole}"));
    let mut gone = made(all());
    *gone.status_mut() = StatusCode::NOT_FOUND;
    assert_eq!(shown(ask(Method::GET, &fields, gone).await).await, format!("404 - {whole}"));
    assert_eq!(shown(ask(Method::POST, &fields, made(all())).await).await, "200 - 10 bytes 0123456789");
    assert_eq!(shown(ask(Method::HEAD, &fields, made(Script::new())).await).await, "200 - 10 bytes ");
    // How long it is nobody knows.
    let mut endless = made(Script::new().data("0123456789"));
    endless.headers_mut().remove(header::CONTENT_LENGTH);
    assert_eq!(shown(ask(Method::GET, &fields, endless).await).await, "200 - - - 0123456789");
}

/// A body that ends too early is no part that is whole, and behind a part nothing is read.
#[tokio::test]
async fn parts_end_where_they_end() {
    let body = Script::new().data("0123").exact();
    let watch = body.watch();
    let fields = [(header::RANGE, "bytes=1-2")];
    let mut part = ask(Method::GET, &fields, made(body)).await.into_body();
    assert_eq!(part.frame().await.unwrap().unwrap().into_data().unwrap(), "12");
    assert!(part.is_end_stream() && part.frame().await.is_none());
    assert_eq!(watch.polls(), 1);
    let inner = service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Short(Script::new().data("0123")))))
    });
    let request = Request::get("/").header(header::RANGE, "bytes=3-6").body(()).unwrap();
    let mut body = ForceRangesLayer::new().layer(inner).oneshot(request).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "3");
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Error { missing: 3 }));
    assert!(body.frame().await.is_none());
}

/// A body that says that it is ten bytes long.
#[derive(Debug)]
struct Short(Script);

impl Body for Short {
    type Data = bytes::Bytes;
    type Error = <Script as Body>::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(10)
    }
}

#[test]
fn bodies_that_pass_are_as_they_were() {
    laws::check_all(|script| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ask(Method::GET, &[], Response::new(script))).into_body()
    });
}
