//! The layer around an origin that tells what it was asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::type_complexity,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a test"
)]

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use propylon_slice::{BoxError, Error, InSlices, ResponseBody, Slice, SliceLayer};
use propylon_testkit::body::{Script, Watch};
use propylon_testkit::laws;
use tower::{Layer, ServiceExt, service_fn};

const ALL: &str = "0123456789abcdef";
const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const FOUR: NonZeroU64 = NonZeroU64::new(4).unwrap();

type Answer = Response<Script>;
type Got = Result<Response<ResponseBody<Script>>, BoxError>;

/// What was asked for, by field and by extension.
#[derive(Clone, Debug, Default)]
struct Asked(Arc<Mutex<Vec<(HeaderMap, Option<Slice>)>>>);

impl Asked {
    fn ranges(&self) -> Vec<String> {
        let range =
            |headers: &HeaderMap| headers.get(header::RANGE).map(|value| value.to_str().unwrap().to_owned());
        self.0.lock().unwrap().iter().map(|(headers, _)| range(headers).unwrap_or_default()).collect()
    }
}

/// The slice of [`ALL`] that a request is for.
fn slice(request: &Request<Full<Bytes>>) -> Answer {
    let part = request.extensions().get::<Slice>().unwrap().within(ALL.len() as u64);
    if part.is_empty() {
        return answer(416, &[(header::CONTENT_RANGE, "bytes */16")], "none");
    }
    let said = format!("bytes {}-{}/16", part.start, part.end - 1);
    let fields = [(header::CONTENT_RANGE, &*said), (header::ETAG, "\"a\""), (header::LAST_MODIFIED, OLD)];
    answer(206, &fields, &ALL[part.start as usize..part.end as usize])
}

fn answer(status: u16, fields: &[(HeaderName, &str)], body: &str) -> Answer {
    let mut response = Response::new(Script::new().data(body.to_owned()).exact());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

/// One request to an origin that answers like this.
async fn ask(
    request: Request<Full<Bytes>>,
    origin: impl Fn(&Request<Full<Bytes>>) -> Answer + Clone + Send + 'static,
) -> (Got, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let origin = service_fn(move |request: Request<Full<Bytes>>| {
        let slice = request.extensions().get::<Slice>().copied();
        seen.0.lock().unwrap().push((request.headers().clone(), slice));
        std::future::ready(Ok::<_, BoxError>(origin(&request)))
    });
    (SliceLayer::new(FOUR).layer(origin).oneshot(request).await, asked)
}

fn get(fields: &[(HeaderName, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    for (name, value) in fields {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

async fn text(body: ResponseBody<Script>) -> Result<String, BoxError> {
    Ok(String::from_utf8(body.collect().await?.to_bytes().into()).unwrap())
}

/// What a client gets, and what for.
#[track_caller]
fn check(fields: &[(HeaderName, &str)], expected: (u16, Option<&str>, &str), ranges: &[&str]) {
    check_request(get(fields), expected, ranges);
}

#[track_caller]
fn check_request(request: Request<Full<Bytes>>, expected: (u16, Option<&str>, &str), ranges: &[&str]) {
    let said = format!("{:?}", request.headers());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (got, asked) = ask(request, slice).await;
        let (head, body) = got.unwrap().into_parts();
        let length = body.size_hint().exact();
        let text = text(body).await.unwrap();
        let range = head.headers.get(header::CONTENT_RANGE).map(|value| value.to_str().unwrap());
        assert_eq!((head.status.as_u16(), range, &*text), expected, "{said}");
        assert_eq!(length, Some(text.len() as u64), "{said}");
        if head.status.is_success() && !text.is_empty() {
            assert_eq!(head.headers[header::CONTENT_LENGTH], *text.len().to_string());
            assert!(head.extensions.get::<InSlices>().is_some());
        }
        assert_eq!(asked.ranges(), ranges, "{said}");
    });
}

const EVERY: [&str; 4] = ["bytes=0-3", "bytes=4-7", "bytes=8-11", "bytes=12-15"];

#[test]
fn what_clients_want_is_asked_for_and_no_more() {
    let range = |value| [(header::RANGE, value)];
    check(&[], (200, None, ALL), &EVERY);
    check(&range("bytes=0-0"), (206, Some("bytes 0-0/16"), "0"), &EVERY[..1]);
    check(&range("bytes=5-6"), (206, Some("bytes 5-6/16"), "56"), &EVERY[1..2]);
    check(&range("bytes=3-4"), (206, Some("bytes 3-4/16"), "34"), &EVERY[..2]);
    check(&range("bytes=4-7"), (206, Some("bytes 4-7/16"), "4567"), &EVERY[1..2]);
    check(&range("bytes=10-"), (206, Some("bytes 10-15/16"), "abcdef"), &EVERY[2..]);
    check(&range("bytes=10-99"), (206, Some("bytes 10-15/16"), "abcdef"), &EVERY[2..]);
    check(&range("bytes=-3"), (206, Some("bytes 13-15/16"), "def"), &["bytes=0-3", "bytes=12-15"]);
    check(&range("bytes=-99"), (206, Some("bytes 0-15/16"), ALL), &EVERY);
    check(&range("bytes=0-0,5-5"), (200, None, ALL), &EVERY);
    check(&range("lines=0-0"), (200, None, ALL), &EVERY);
    check(&range("bytes=17-"), (416, Some("bytes */16"), "none"), &["bytes=16-19"]);
}

#[test]
fn conditions_are_judged_here() {
    let range = (header::RANGE, "bytes=5-6");
    check(&[(header::IF_NONE_MATCH, "\"a\"")], (304, None, ""), &EVERY[..1]);
    check(&[(header::IF_NONE_MATCH, "\"b\"")], (200, None, ALL), &EVERY);
    check(&[(header::IF_MODIFIED_SINCE, OLD)], (304, None, ""), &EVERY[..1]);
    check(&[(header::IF_MATCH, "\"b\"")], (412, None, ""), &EVERY[..1]);
    check(&[(header::IF_RANGE, "\"a\""), range.clone()], (206, Some("bytes 5-6/16"), "56"), &EVERY[..2]);
    check(&[(header::IF_RANGE, "\"b\""), range.clone()], (200, None, ALL), &EVERY);
    check(&[(header::IF_NONE_MATCH, "\"a\""), range], (304, None, ""), &EVERY[1..2]);
}

#[tokio::test]
async fn what_is_asked_has_neither_conditions_nor_the_clients_range() {
    let fields = [(header::RANGE, "bytes=3-4"), (header::IF_MATCH, "\"a\""), (header::ACCEPT, "x")];
    let (got, asked) = ask(get(&fields), slice).await;
    assert_eq!(text(got.unwrap().into_body()).await.unwrap(), "34");
    let asked = asked.0.lock().unwrap();
    assert_eq!(asked.len(), 2);
    for (headers, slice) in asked.iter() {
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert_eq!(headers[header::ACCEPT], "x");
        assert_eq!(headers[header::RANGE], slice.unwrap().to_string());
    }
}

#[tokio::test]
async fn a_head_is_that_of_all() {
    let mut request = get(&[(header::RANGE, "bytes=5-6")]);
    *request.method_mut() = Method::HEAD;
    let (got, asked) = ask(request, slice).await;
    let response = got.unwrap();
    assert_eq!((response.status(), response.body().is_end_stream()), (StatusCode::OK, true));
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "16");
    assert_eq!(response.headers()[header::ACCEPT_RANGES], "bytes");
    assert_eq!(asked.ranges(), ["bytes=0-3"]);
}

#[tokio::test]
async fn what_has_one_answer_alone_is_sliced() {
    let plain = |_: &Request<_>| answer(200, &[], "all");
    for (method, field, body) in
        [(Method::POST, None, ""), (Method::GET, Some(header::UPGRADE), ""), (Method::GET, None, "a body")]
    {
        let mut request = get(&[(header::RANGE, "bytes=1-1")]);
        *request.method_mut() = method;
        *request.body_mut() = Full::from(body);
        request.headers_mut().extend(field.map(|name| (name, "x".parse().unwrap())));
        let (got, asked) = ask(request, plain).await;
        assert_eq!(text(got.unwrap().into_body()).await.unwrap(), "all");
        assert_eq!(asked.ranges(), ["bytes=1-1"], "as the client had it");
        assert_eq!(asked.0.lock().unwrap()[0].1, None);
    }
}

#[tokio::test]
async fn what_is_no_slice_passes() {
    let (got, _) = ask(get(&[]), |_| answer(404, &[], "gone")).await;
    let response = got.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(text(response.into_body()).await.unwrap(), "gone");
    // Of what knows no ranges the client gets what it wants.
    let whole = |_: &Request<_>| answer(200, &[(header::ETAG, "\"a\"")], ALL);
    for (fields, status, expected) in [
        (&[][..], 200, ALL),
        (&[(header::RANGE, "bytes=3-5")], 206, "345"),
        (&[(header::RANGE, "bytes=3-5,7-7")], 200, ALL),
        (&[(header::RANGE, "bytes=16-")], 416, ""),
        (&[(header::IF_NONE_MATCH, "\"a\"")], 304, ""),
        (&[(header::IF_MATCH, "\"b\"")], 412, ""),
    ] {
        let (got, asked) = ask(get(fields), whole).await;
        let response = got.unwrap();
        assert_eq!(response.status().as_u16(), status, "{fields:?}");
        assert_eq!(text(response.into_body()).await.unwrap(), expected, "{fields:?}");
        assert_eq!(asked.ranges().len(), 1);
    }
}

/// Several ranges of what knows none are answered with all of it, as it is.
#[tokio::test]
async fn what_passes_keeps_its_trailers() {
    let trailers = HeaderMap::from_iter([(HeaderName::from_static("x-sum"), "5".parse().unwrap())]);
    let origin = {
        let trailers = trailers.clone();
        move |_: &Request<_>| Response::new(Script::new().data(ALL).trailers(trailers.clone()).exact())
    };
    for fields in [&[][..], &[(header::RANGE, "bytes=3-5,7-7")]] {
        let response = ask(get(fields), origin.clone()).await.0.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers), "{fields:?}");
        assert_eq!(collected.to_bytes(), ALL);
    }
}

#[tokio::test]
async fn of_nothing_all_is_asked_for() {
    let empty = |request: &Request<_>| match request.headers().get(header::RANGE) {
        Some(_) => answer(416, &[(header::CONTENT_RANGE, "bytes */0")], "no"),
        None => answer(200, &[], ""),
    };
    let (got, asked) = ask(get(&[]), empty).await;
    assert_eq!(got.unwrap().status(), StatusCode::OK);
    assert_eq!(asked.ranges(), ["bytes=0-3", ""]);
}

/// The first slice is as it should be, and then this comes.
#[track_caller]
fn cut(then: impl Fn() -> Answer + Clone + Send + 'static, expected: &Error) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let origin = move |request: &Request<_>| {
            let first = request.extensions().get::<Slice>().unwrap().start() == 0;
            if first { slice(request) } else { then() }
        };
        let mut body = ask(get(&[]), origin).await.0.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "0123");
        let error = loop {
            match body.frame().await.expect("an end of that which is not whole") {
                Ok(frame) => assert!(frame.is_data()),
                Err(error) => break error,
            }
        };
        assert_eq!(error.downcast_ref(), Some(expected));
        assert!(body.frame().await.is_none(), "nothing comes behind an error");
    });
}

#[test]
fn what_does_not_go_with_the_first_slice_cuts_the_message() {
    const TAG: (HeaderName, &str) = (header::ETAG, "\"a\"");
    let second =
        |fields: &'static [(HeaderName, &'static str)], body: &'static str| move || answer(206, fields, body);
    cut(|| answer(200, &[TAG], ALL), &Error::Status(StatusCode::OK));
    cut(|| answer(404, &[], "gone"), &Error::Status(StatusCode::NOT_FOUND));
    cut(second(&[(header::CONTENT_RANGE, "bytes 4-7/16")], "4567"), &Error::Changed);
    cut(second(&[(header::CONTENT_RANGE, "bytes 4-7/16"), (header::ETAG, "\"b\"")], "4567"), &Error::Changed);
    cut(second(&[(header::CONTENT_RANGE, "bytes 4-7/17"), TAG], "4567"), &Error::Changed);
    cut(second(&[(header::CONTENT_RANGE, "bytes 4-7/16"), TAG], "456"), &Error::Body);
    cut(second(&[(header::CONTENT_RANGE, "bytes 4-7/16"), TAG], "45678"), &Error::Body);
    cut(second(&[(header::CONTENT_RANGE, "bytes 4-7/*"), TAG], "4567"), &Error::Length);
    cut(second(&[TAG], "4567"), &Error::Range);
    let other = Error::Unexpected { found: 4..7, expected: 4..8 };
    cut(second(&[(header::CONTENT_RANGE, "bytes 4-6/16"), TAG], "456"), &other);
}

#[tokio::test]
async fn a_first_slice_that_is_none_is_an_error() {
    for (said, expected) in [
        ("bytes", Error::Range),
        ("bytes 0-3/*", Error::Length),
        ("bytes 0-4/16", Error::Unexpected { found: 0..5, expected: 0..4 }),
        ("bytes 1-3/16", Error::Unexpected { found: 1..4, expected: 0..4 }),
        ("bytes 0-3/3", Error::Range),
    ] {
        let (got, _) = ask(get(&[]), move |_| answer(206, &[(header::CONTENT_RANGE, said)], "0123")).await;
        assert_eq!(got.err().unwrap().downcast_ref(), Some(&expected), "{said}");
    }
}

#[tokio::test]
async fn errors_of_the_service_behind_the_head_are_the_bodys() {
    let origin = service_fn(|request: Request<Full<Bytes>>| {
        let first = request.extensions().get::<Slice>().unwrap().start() == 0;
        std::future::ready(if first { Ok(slice(&request)) } else { Err(BoxError::from("it is gone")) })
    });
    let mut body = SliceLayer::new(FOUR).layer(origin).oneshot(get(&[])).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "0123");
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "it is gone");
}

/// A client that has not read one slice has not asked for the next, and one that leaves lets go of all.
#[tokio::test]
async fn slices_are_asked_for_one_by_one() {
    let watch: Arc<Mutex<Vec<Watch>>> = Arc::default();
    let watched = watch.clone();
    let origin = move |request: &Request<_>| {
        let response = slice(request);
        watched.lock().unwrap().push(response.body().watch());
        response
    };
    let (got, asked) = ask(get(&[]), origin).await;
    let mut body = got.unwrap().into_body();
    assert_eq!(asked.ranges(), EVERY[..1]);
    body.frame().await.unwrap().unwrap();
    assert_eq!(asked.ranges(), EVERY[..1]);
    assert_eq!(body.size_hint().exact(), Some(12));
    body.frame().await.unwrap().unwrap();
    assert_eq!(asked.ranges(), EVERY[..2]);
    drop(body);
    let watch = watch.lock().unwrap();
    assert!(watch.len() == 2 && watch.iter().all(Watch::dropped));
}

#[tokio::test]
async fn how_slices_are_asked_for_is_up_to_whoever_asks() {
    #[derive(Clone, Debug, PartialEq)]
    struct Mark(&'static str);
    let asked: Arc<Mutex<Vec<(Option<Mark>, HeaderMap)>>> = Arc::default();
    let seen = asked.clone();
    let origin = service_fn(move |request: Request<Full<Bytes>>| {
        let mark = request.extensions().get::<Mark>().cloned();
        seen.lock().unwrap().push((mark, request.headers().clone()));
        std::future::ready(Ok::<_, BoxError>(slice(&request)))
    });
    let layer = SliceLayer::new(FOUR)
        .asking(|parts, slice| {
            drop(parts.headers.insert("x-slice", slice.unwrap().to_string().parse().unwrap()))
        })
        .beside(|extensions| {
            assert_eq!(extensions.get(), Some(&Mark("the first")));
            let mut own = http::Extensions::new();
            own.insert(Mark("beside"));
            own
        });
    let mut request = get(&[(header::RANGE, "bytes=0-7")]);
    request.extensions_mut().insert(Mark("the first"));
    let response = layer.layer(origin).oneshot(request).await.unwrap();
    assert_eq!(text(response.into_body()).await.unwrap(), "01234567");
    let asked = asked.lock().unwrap();
    let marks: Vec<_> = asked
        .iter()
        .map(|(mark, headers)| (mark.clone().unwrap().0, headers["x-slice"].to_str().unwrap(), headers.len()))
        .collect();
    assert_eq!(marks, [("the first", "bytes=0-3", 1), ("beside", "bytes=4-7", 1)]);
}

/// What passes as it is obeys every law of bodies.
#[test]
fn bodies_that_pass_are_as_they_were() {
    laws::check_all(|script| {
        let script = Arc::new(Mutex::new(Some(script)));
        let origin = service_fn(move |_: Request<Full<Bytes>>| {
            let mut response = Response::new(script.lock().unwrap().take().unwrap());
            *response.status_mut() = StatusCode::NOT_FOUND;
            std::future::ready(Ok::<_, BoxError>(response))
        });
        let answered = SliceLayer::new(FOUR).layer(origin).oneshot(get(&[]));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(answered).unwrap().into_body()
    });
}
