//! What is asked for beside a request.

use propylon_tests::{Collector, LIMIT, Origin, Propylon, address, until};

use crate::trace_support::{TRACE, exporter, get, parent, server, spans, tries};

#[test]
fn what_is_asked_for_beside_a_request_is_inside_of_its_span() {
    let (collector, origin, at) = (Collector::start("grpc"), Origin::start(), address());
    let to = origin.address();
    let _gateway = Propylon::start(&format!(
        "{}[[server]]\nlisten = [\"{at}\"]\ntrace.on = true\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{to}\"\nauth_request.uri = \"/auth\"\nmirror.to = [\"/copy\"]\n\
         [[server.location]]\nmatch = \"/plain\"\nproxy_pass = \"http://{to}\"\ntrace.on = false\nauth_request.uri = \"/auth\"\n\
         [[server.location]]\nmatch = \"/auth\"\nproxy_pass = \"http://{to}\"\n\
         [[server.location]]\nmatch = \"/copy\"\nproxy_pass = \"http://{to}\"\n",
        exporter(&collector),
    ));
    get(at, "/plain", "");
    assert!(
        origin.take().iter().all(|seen| seen.head.field("traceparent").is_none()),
        "nothing begins beside a request"
    );
    get(at, "/x", &parent(true));
    let all = spans(&collector, 4);
    let span = server(&all, "/x");
    let inside = tries(&all, span);
    assert_eq!(inside.len(), 3, "{all:#?}");
    let mut urls: Vec<_> =
        inside.iter().map(|tried| tried["attributes"]["url.full"].as_str().unwrap()).collect();
    urls.sort_unstable();
    assert_eq!(urls, ["/auth", "/copy", "/x"].map(|path| format!("http://{to}{path}")));
    let mut told: Vec<_> = origin.take().iter().map(|seen| seen.head.field("traceparent").unwrap()).collect();
    let mut ids: Vec<_> =
        inside.iter().map(|tried| format!("00-{TRACE}-{}-01", tried["id"].as_str().unwrap())).collect();
    told.sort_unstable();
    ids.sort_unstable();
    assert_eq!(told, ids);
}

/// A refresh outlives its request: it is in the trace, and has no span of its own.
#[test]
fn a_refresh_in_the_background_is_in_the_trace() {
    let (collector, origin, at) = (Collector::start("grpc"), Origin::start(), address());
    let _gateway = Propylon::start(&format!(
        "{}[cache_zone.main]\nkeys = \"1m\"\n[[server]]\nlisten = [\"{at}\"]\ntrace.on = true\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
         cache = {{ zone = \"main\", use_stale = [\"updating\"], background_update = true }}\n",
        exporter(&collector),
        origin.address()
    ));
    let fields = "X-Reply: Cache-Control: max-age=1, stale-while-revalidate=1000\r\nX-Reply: Age: 5\r\n";
    get(at, "/x", fields);
    let first = spans(&collector, 2);
    origin.take();
    get(at, "/x", fields);
    let told = until("the refresh", LIMIT, || origin.take().pop()).head.field("traceparent").unwrap();
    let all = spans(&collector, 3);
    let span = all.iter().find(|span| !first.contains(span)).unwrap();
    assert_eq!(told, format!("00-{}-{}-01", span["trace"].as_str().unwrap(), span["id"].as_str().unwrap()));
    assert_eq!(span["kind"], "server");
}
