//! The layer, over scripted services, with an exporter whose spans are counted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::convert::Infallible;
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use propylon_testkit::body::Script;
use propylon_testkit::laws;
use propylon_trace::{
    Exporter, Protocol, Ratio, Sampler, Settings, Spans, TraceContext, TraceLayer, TraceState,
};
use tower::{Layer, ServiceExt, service_fn};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b9c7c989f97918e1";

/// Nobody sends them: those that wait are counted.
fn spans() -> (Spans, Exporter) {
    Exporter::builder(Settings::new("127.0.0.1:1", Protocol::Grpc).unwrap()).build()
}

/// What the service is told, and the response's body.
async fn call(
    layer: TraceLayer,
    request: Request<()>,
) -> (TraceContext, Option<TraceState>, Response<propylon_trace::ResponseBody<Full<Bytes>>>) {
    let service = service_fn(async |request: Request<()>| {
        let context = *request.extensions().get::<TraceContext>().unwrap();
        let mut response = Response::new(Full::from("hello"));
        response.extensions_mut().insert(context);
        if let Some(state) = request.extensions().get::<TraceState>() {
            response.extensions_mut().insert(state.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let mut response = layer.layer(service).oneshot(request).await.unwrap();
    let context = response.extensions_mut().remove::<TraceContext>().unwrap();
    (context, response.extensions_mut().remove::<TraceState>(), response)
}

fn request(fields: &[(&str, &str)]) -> Request<()> {
    let builder = Request::get("/a?b=c");
    fields.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(()).unwrap()
}

#[tokio::test]
async fn a_span_is_over_when_the_body_is() {
    let (spans, _exporter) = spans();
    let (context, _, response) = call(TraceLayer::new(spans.clone()), request(&[])).await;
    assert!(context.flags.is_sampled());
    assert_eq!(spans.waiting(), 0);
    let mut body = response.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!((&**frame.data_ref().unwrap(), spans.waiting()), (&b"hello"[..], 0));
    assert!(body.frame().await.is_none());
    assert_eq!(spans.waiting(), 1, "whether it is dropped or not");
    let (_, _, response) = call(TraceLayer::new(spans.clone()), request(&[])).await;
    drop(response);
    assert_eq!(spans.waiting(), 2, "whoever leaves has a span as well");
}

#[tokio::test]
async fn a_request_that_is_given_up_has_a_span() {
    let (spans, _exporter) = spans();
    let service =
        service_fn(|_: Request<()>| std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let mut call = Box::pin(TraceLayer::new(spans.clone()).layer(service).oneshot(request(&[])));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(call);
    assert_eq!(spans.waiting(), 1);
}

#[tokio::test]
async fn parents_are_obeyed_unless_nobody_asks_them() {
    let (spans, _exporter) = spans();
    let layer = || TraceLayer::new(spans.clone());
    let fields = [("traceparent", PARENT), ("tracestate", "a=1")];
    let (context, state, _) = call(layer(), request(&fields)).await;
    assert_eq!(context.trace_id.to_string(), TRACE);
    assert_ne!(context.span_id.to_string(), SPAN);
    assert_eq!(state.unwrap().value(), "a=1");

    let none = Sampler::new(Ratio::NONE);
    assert!(call(layer().sampler(none), request(&fields)).await.0.flags.is_sampled());
    assert!(!call(layer().sampler(none), request(&[])).await.0.flags.is_sampled());

    let waiting = spans.waiting();
    let off = PARENT.replace("-01", "-00");
    let (context, _, _) = call(layer(), request(&[("traceparent", &off)])).await;
    assert!(!context.flags.is_sampled());
    assert_eq!(spans.waiting(), waiting, "nothing is recorded");

    let (context, state, _) = call(layer().ignore_parents(), request(&fields)).await;
    assert!(context.trace_id.to_string() != TRACE && state.is_none());
    // The state of a trace is nothing without its parent.
    assert!(call(layer(), request(&[("tracestate", "a=1")])).await.1.is_none());
}

#[tokio::test]
async fn a_closure_that_may_capture_names_spans() {
    let (spans, _exporter) = spans();
    let named = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let names = named.clone();
    let layer = TraceLayer::new(spans).name(move |request| {
        let name = format!("{} {}", request.method, request.uri.path());
        names.lock().unwrap().push(name.clone());
        name
    });
    let _ = call(layer, request(&[])).await;
    assert_eq!(*named.lock().unwrap(), ["GET /a"]);
}

#[test]
fn bodies_pass_as_they_are() {
    let (spans, _exporter) = spans();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let layer = TraceLayer::new(spans);
    laws::check_all(|script| {
        let service = service_fn(|script: Request<Script>| async {
            Ok::<_, Infallible>(Response::new(script.into_body()))
        });
        runtime.block_on(layer.layer(service).oneshot(Request::new(script))).unwrap().into_body()
    });
}
