//! What becomes of pages: their commands, what is included, and what goes wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, ETAG, LAST_MODIFIED, RANGE};
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use propylon_ssi::{Captured, Error, Host, Included, Including, ResponseBody, Shared, SsiLayer, Zone};
use propylon_testkit::body::Script;
use propylon_testkit::{gate::Gate, laws};
use tower::{Layer, ServiceExt, service_fn};

/// A site whose pages are scripts, each of which is asked for once.
#[derive(Clone, Default)]
struct Site(Arc<Inner>);

#[derive(Default)]
struct Inner {
    shared: Shared,
    pages: Mutex<HashMap<&'static str, (StatusCode, Script)>>,
    asked: Mutex<Vec<String>>,
    told: Mutex<Vec<String>>,
}

impl Site {
    fn page(self, path: &'static str, body: Script) -> Self {
        self.answer(path, StatusCode::OK, body)
    }

    fn answer(self, path: &'static str, status: StatusCode, body: Script) -> Self {
        self.0.pages.lock().unwrap().insert(path, (status, body));
        self
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.asked.lock().unwrap())
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.0.told.lock().unwrap())
    }

    fn layer(&self) -> SsiLayer {
        let site = self.clone();
        SsiLayer::new(move |_| Some(Arc::new(site.clone())))
    }
}

impl Host for Site {
    fn shared(&self) -> &Shared {
        &self.0.shared
    }

    fn path(&self) -> Bytes {
        Bytes::from_static(b"/in/page")
    }

    fn variable(&self, name: &str) -> Option<Bytes> {
        match name {
            "user" => Some(Bytes::from_static(b"<Ada & \"Co\">")),
            "empty" => Some(Bytes::new()),
            _ => None,
        }
    }

    fn date(&self, form: &str, zone: Zone) -> Option<Bytes> {
        Some(format!("{form} {zone:?}").into())
    }

    /// `PREFIX(.*)` is all that there is.
    fn captures(&self, pattern: &str, text: &Bytes) -> Result<Option<Captured>, String> {
        let prefix = pattern.strip_suffix("(.*)").ok_or("no such pattern")?;
        Ok(text.starts_with(prefix.as_bytes()).then(|| Captured {
            groups: vec![Some(text.clone()), Some(text.slice(prefix.len()..))],
            named: vec![("Rest".to_owned(), text.slice(prefix.len()..))],
        }))
    }

    fn include(&self, path: Bytes, args: Option<Bytes>) -> Including {
        let site = self.clone();
        Box::pin(async move {
            let path = String::from_utf8(path.to_vec()).unwrap();
            let args = args.map(|args| format!("?{}", String::from_utf8_lossy(&args))).unwrap_or_default();
            site.0.asked.lock().unwrap().push(format!("{path}{args}"));
            match site.0.pages.lock().unwrap().remove(&*path) {
                Some((status, body)) => {
                    Ok(Included::Answer { status, body: Box::pin(body.map_err(Into::into)) })
                }
                None if path == "/fails" => Err("the connection is to be closed".into()),
                None => Ok(Included::Nothing),
            }
        })
    }

    fn report(&self, error: &Error) {
        self.0.told.lock().unwrap().push(error.to_string());
    }
}

const WRONG: &str = "[an error occurred while processing the directive]";
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

async fn ask(
    method: Method,
    layer: &SsiLayer,
    fields: &[(&str, &str)],
    body: Script,
) -> Response<ResponseBody<Script>> {
    let mut response = Response::builder();
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    let mut response = Some(response.body(body).unwrap());
    let service = layer.layer(service_fn(move |request: Request<()>| {
        assert!(!request.headers().contains_key(RANGE), "bytes have other places");
        let response = response.take().unwrap();
        async { Ok::<_, Infallible>(response) }
    }));
    service
        .oneshot(Request::builder().method(method).header(RANGE, "bytes=0-1").body(()).unwrap())
        .await
        .unwrap()
}

async fn text(layer: &SsiLayer, body: Script) -> String {
    let response = ask(Method::GET, layer, &[HTML], body).await;
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// What becomes of a page, however it comes.
async fn page(page: &'static str) -> String {
    let site = Site::default();
    let whole = text(&site.layer(), Script::new().data(page)).await;
    let mut bytes = Script::new();
    for at in 0..page.len() {
        bytes = bytes.data(Bytes::from_static(page.as_bytes()).slice(at..=at));
    }
    assert_eq!(text(&Site::default().layer(), bytes).await, whole, "{page}");
    whole
}

#[tokio::test]
async fn values() {
    for (written, expected) in [
        ("a<!--#echo var=\"user\" -->b", "a&lt;Ada &amp; &quot;Co&quot;&gt;b"),
        ("<!--#echo var='USER' encoding='none'--><!--#echo var='user' -->", "<Ada & \"Co\"><Ada & \"Co\">"),
        ("<!--#echo var='user' encoding='url' -->", "%3CAda%20&%20%22Co%22%3E"),
        (
            "<!--#echo var='none' -->|<!--#echo var='none' default='' -->|<!--#echo var='none' default='<' -->",
            "(none)||&lt;",
        ),
        ("[<!--#echo var='empty' default='x' -->]", "[]"),
        (
            "<!--#set var='A' value='$user-${empty}\\$x\\'\\y' --><!--#echo var='a' encoding='none' -->",
            "<Ada & \"Co\">-$x'\\y",
        ),
        ("<!--#echo var='date_gmt' -->", "%A, %d-%b-%Y %H:%M:%S %Z Gmt"),
        ("<!--#config timefmt='%Y' --><!--#echo var='DATE_LOCAL' -->", "%Y Local"),
    ] {
        assert_eq!(page(written).await, expected, "{written}");
    }
}

#[tokio::test]
async fn branches() {
    let branches = |expression: &str| {
        let page = format!(
            "<!--#set var='a' value='abc' --><!--#if expr='{expression}' -->if<!--#else -->else<!--#endif -->"
        );
        async move { text(&Site::default().layer(), Script::new().data(page)).await }
    };
    for (expression, holds) in [
        ("$a", true),
        ("$none", false),
        ("$empty", false),
        ("$A = abc", true),
        ("${a}=abd", false),
        ("$a != abc", false),
        ("$a != $none", true),
        ("$a = /ab(.*)/", true),
        ("$a = /b(.*)/", false),
        ("$a != /b(.*)/", true),
        ("$a = \\/x", false),
    ] {
        assert_eq!(branches(expression).await, if holds { "if" } else { "else" }, "{expression}");
    }
    for expression in ["$a < abc", "$a = /abc", "$a = /[/", "$ = a"] {
        assert_eq!(branches(expression).await, format!("{WRONG}if{WRONG}else{WRONG}"), "{expression}");
    }
    for (written, expected) in [
        (
            "<!--#if expr='$no' -->1<!--#elif expr='$user' -->2<!--#elif expr='$user' -->3<!--#else -->4<!--#endif -->5",
            "25",
        ),
        (
            "<!--#if expr='$no' -->1<!--#echo var='user' --><!--#set var='no' value='x' --><!--#endif -->[<!--#echo var='no' -->]",
            "[(none)]",
        ),
        ("<!--#if expr='$user' -->1<!--#else -->2<!--#nothing --><!--#endif -->3", "13"),
        (
            "<!--#set var='a' value='abcd' --><!--#if expr='$a = /ab(.*)/' --><!--#echo var='1' --> <!--#echo var='rest' --><!--#endif -->",
            "cd cd",
        ),
    ] {
        assert_eq!(page(written).await, expected, "{written}");
    }
    for wrong in ["<!--#else -->", "<!--#endif -->", "<!--#elif expr='$a' -->"] {
        assert_eq!(text(&Site::default().layer(), Script::new().data(wrong)).await, WRONG, "{wrong}");
    }
    let nested = "<!--#if expr='$user' -->1<!--#if expr='$user' -->2<!--#endif -->3";
    assert_eq!(page(nested).await, format!("1{WRONG}23"));
}

#[tokio::test]
async fn what_is_wrong_is_shown_and_told() {
    let site = Site::default();
    let check = async |written: &'static str, expected: &str, told: &str| {
        let found = text(&site.layer(), Script::new().data(written)).await;
        assert_eq!((found.as_str(), site.told().join("|").as_str()), (expected, told), "{written}");
    };
    let shown = format!("a{WRONG}b");
    check("a<!--#nothing -->b", &shown, "invalid SSI command: \"nothing\"").await;
    check("a<!--#echo -->b", &shown, "mandatory \"var\" parameter is absent in \"echo\" SSI command").await;
    check("a<!--#echo var='a' var='b' -->b", &shown, "invalid parameter \"var\" in \"echo\" SSI command")
        .await;
    check("a<!--#echo name='a' -->b", &shown, "invalid parameter \"name\" in \"echo\" SSI command").await;
    check("a<!--#include -->b", &shown, "incompatible parameters in \"include\" SSI command").await;
    check("a<!--#include virtual='../x' -->b", &shown, "unsafe URI \"../x\" was detected").await;
    check("a<!--#include virtual='x' stub='no' -->b", &shown, "\"stub\"=\"no\" for \"include\" not found")
        .await;
    check("a<!--#include virtual='x' -->b", &shown, "\"/in/x\" cannot be included").await;
    check("a<!--#set var='a' value='$' -->b", &shown, "invalid variable name in \"$\"").await;
    check(
        "a<!--#echo var='a'b -->b",
        &shown,
        "unexpected \"b\" after a parameter of the \"echo\" SSI command",
    )
    .await;
    check("a<!--#echo var='a'", &format!("a{WRONG}"), "the page ends in the \"echo\" SSI command").await;
    check("<!--#config errmsg='no' -->a<!--#x -->", "ano", "invalid SSI command: \"x\"").await;
    let silent = text(&site.layer().silent_errors(true), Script::new().data("a<!--#x -->b")).await;
    assert_eq!((&*silent, site.told().len()), ("ab", 1));
}

#[tokio::test]
async fn inclusions() {
    let site = Site::default()
        .page("/in/a", Script::new().data("A1").data("A2"))
        .page("/b c", Script::new().data("B"));
    let written = "1<!--#include virtual='a' -->2<!--#include virtual='/b%20c?d=$user' wait='yes' -->3";
    assert_eq!(text(&site.layer(), Script::new().data(written)).await, "1A1A22B3");
    assert_eq!(site.asked(), ["/in/a", "/b c?d=<Ada & \"Co\">"]);
    let site = Site::default().page("/in/a", Script::new().data("a <").data("text>")).answer(
        "/in/b",
        StatusCode::NOT_FOUND,
        Script::new().data("b"),
    );
    let written = "<!--#include file='a' set='A' -->[<!--#echo var='a' -->]<!--#include virtual='b' set='b' -->[<!--#echo var='b' -->]";
    assert_eq!(text(&site.layer(), Script::new().data(written)).await, "[a &lt;text&gt;][]");
    let site = Site::default().page("/in/a", Script::new().data("123456"));
    let written = "<!--#include virtual='a' set='a' -->[<!--#echo var='a' -->]";
    assert_eq!(
        text(&site.layer().output_size(5), Script::new().data(written)).await,
        format!("{WRONG}[(none)]")
    );
}

#[tokio::test]
async fn blocks_take_the_place_of_what_is_not_there() {
    let block = "<!--#block name='b' -->block <!--#echo var='user' encoding='none' --><!--#endblock -->";
    let site = || {
        Site::default().page("/in/full", Script::new().data("full")).page("/in/empty", Script::new()).answer(
            "/in/error",
            StatusCode::NOT_FOUND,
            Script::new().data("404"),
        )
    };
    for (path, expected) in [
        ("full", "full"),
        ("empty", "block <Ada & \"Co\">"),
        ("error", "block <Ada & \"Co\">"),
        ("none", "block <Ada & \"Co\">"),
        ("/fails", "block <Ada & \"Co\">"),
    ] {
        let page = format!("{block}[<!--#include virtual='{path}' stub='b' -->]");
        assert_eq!(text(&site().layer(), Script::new().data(page)).await, format!("[{expected}]"), "{path}");
    }
    let itself = "<!--#block name='b' -->x<!--#include virtual='none' stub='b' --><!--#endblock --><!--#include virtual='none' stub='b' -->";
    let block = "<!--#block name='b' -->y<!--#endblock -->";
    let both = format!("{block}{itself}");
    assert_eq!(text(&site().layer(), Script::new().data(both)).await, "y", "the first of a name counts");
    let found = text(&site().layer(), Script::new().data(itself)).await;
    assert_eq!(found, format!("{}{WRONG}", "x".repeat(50)), "a block in itself comes to an end");
}

/// All are asked for at once, and shown in their order.
#[tokio::test]
async fn inclusions_do_not_wait_for_each_other() {
    let gate = Gate::new();
    let site = Site::default()
        .page("/in/slow", Script::new().wait(&gate).data("slow"))
        .page("/in/quick", Script::new().data("quick"));
    let written = "<!--#include virtual='slow' -->-<!--#include virtual='quick' -->";
    let body = ask(Method::GET, &site.layer(), &[HTML], Script::new().data(written)).await.into_body();
    let reading = tokio::spawn(body.collect());
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.asked(), ["/in/slow", "/in/quick"]);
    gate.open();
    assert_eq!(reading.await.unwrap().unwrap().to_bytes(), "slow-quick");
    // But for one that waits.
    let gate = Gate::new();
    let site = Site::default()
        .page("/in/slow", Script::new().wait(&gate).data("slow"))
        .page("/in/quick", Script::new().data("quick"));
    let written = "<!--#include virtual='slow' wait='yes' -->-<!--#include virtual='quick' -->";
    let body = ask(Method::GET, &site.layer(), &[HTML], Script::new().data(written)).await.into_body();
    let reading = tokio::spawn(body.collect());
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.asked(), ["/in/slow"]);
    gate.open();
    assert_eq!(reading.await.unwrap().unwrap().to_bytes(), "slow-quick");
}

/// What waits is waited for, whatever else comes to its end before.
#[tokio::test]
async fn what_follows_one_that_waits_follows_it() {
    let site = Site::default().page("/in/a", Script::new().data("a")).page("/in/b", Script::new().data("b"));
    let written = "<!--#include virtual='a' --><!--#include virtual='b' set='x' -->[<!--#echo var='x' -->]";
    assert_eq!(text(&site.layer(), Script::new().data(written)).await, "a[b]");
}

#[tokio::test]
async fn values_do_not_grow_without_bound() {
    let double = "<!--#set var='a' value='$a$a' -->".repeat(30);
    let page = format!(
        "<!--#set var='a' value='12345678' -->{double}<!--#include virtual='/x?{}' -->",
        "$a".repeat(100)
    );
    let site = Site::default();
    let found = text(&site.layer(), Script::new().data(page)).await;
    assert!(found.ends_with(WRONG) && site.asked().is_empty());
    assert!(site.told().iter().all(|told| told.contains("too much memory")));
}

#[tokio::test]
async fn many_inclusions_are_a_few_at_once() {
    let gate = Gate::new();
    let site = Site::default().page("/in/first", Script::new().wait(&gate).data("first"));
    let written = format!("<!--#include virtual='first' -->{}", "<!--#include virtual='x' -->".repeat(100));
    let body = ask(Method::GET, &site.layer().silent_errors(true), &[HTML], Script::new().data(written))
        .await
        .into_body();
    let reading = tokio::spawn(body.collect());
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.0.asked.lock().unwrap().len(), 16);
    gate.open();
    assert_eq!(reading.await.unwrap().unwrap().to_bytes(), "first");
    assert_eq!(site.asked().len(), 101);
}

#[tokio::test]
async fn what_fails_ends_the_page() {
    let site = || Site::default().page("/in/cut", Script::new().data("half").error("cut"));
    for (own, expected) in [
        (Script::new().data("a<!--#include virtual='cut' -->b"), "ahalf"),
        (Script::new().data("a<!--#include virtual='/fails' -->b"), "a"),
        (Script::new().data("a").error("cut"), "a"),
    ] {
        let mut body = ask(Method::GET, &site().layer(), &[HTML], own).await.into_body();
        let mut data = String::new();
        let error = loop {
            match body.frame().await.unwrap() {
                Ok(frame) => data.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
                Err(error) => break error,
            }
        };
        assert_eq!(data, expected, "{error}");
        assert!(body.frame().await.is_none() && body.is_end_stream());
    }
}

#[tokio::test]
async fn heads_and_what_is_no_page() {
    let fields = [
        HTML,
        ("content-length", "9"),
        ("accept-ranges", "bytes"),
        ("etag", "\"a\""),
        ("last-modified", "then"),
    ];
    let layer = Site::default().layer();
    for method in [Method::GET, Method::HEAD] {
        let response = ask(method, &layer, &fields, Script::new().data("page")).await;
        for name in [CONTENT_LENGTH, ACCEPT_RANGES, ETAG, LAST_MODIFIED] {
            assert!(!response.headers().contains_key(&name), "{name}");
        }
        assert_eq!(response.body().size_hint().exact(), None);
    }
    let response =
        ask(Method::GET, &layer.clone().last_modified(true), &fields, Script::new().data("x")).await;
    assert_eq!(
        (&response.headers()[ETAG], &response.headers()[LAST_MODIFIED]),
        (&"W/\"a\"".parse().unwrap(), &"then".parse().unwrap())
    );
    let command = || Script::new().data("<!--#x -->");
    for fields in [
        &[("content-type", "text/plain")][..],
        &[],
        &[HTML, ("content-encoding", "gzip")],
        &[HTML, ("content-range", "bytes 0-1/2")],
    ] {
        let body = ask(Method::GET, &layer, fields, command()).await.into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "<!--#x -->", "{fields:?}");
    }
    let nobody = SsiLayer::new(|_| None);
    let body = ask(Method::GET, &nobody, &[HTML], command()).await.into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "<!--#x -->");
    let plain = layer.types(["text/plain"]);
    let body = ask(Method::GET, &plain, &[("content-type", "Text/Plain;x=y")], command()).await.into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), WRONG);
}

#[test]
fn bodies_keep_the_laws() {
    let wrap = |kind: &'static str, script: Script| {
        let layer = Site::default().layer();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ask(Method::GET, &layer, &[("content-type", kind)], script)).into_body()
    };
    laws::check_all(|script| wrap("text/plain", script));
    laws::frames_pass_in_order(|script| wrap("text/html", script));
    laws::trailers_survive(|script| wrap("text/html", script));
    laws::errors_surface(|script| wrap("text/html", script));
    laws::idle_passes_and_wakes(|script| wrap("text/html", script));
    laws::drop_midway_drops_inner(|script| wrap("text/html", script));
    laws::end_can_be_polled_again(|script| wrap("text/html", script));
}
