//! Which requests have a span.

use propylon_tests::{Collector, Origin, Propylon, address};
use serde_json::json;

use crate::trace_support::{SPAN, TRACE, exporter, get, parent, seen, server, spans, tries};

#[test]
fn who_has_a_span_is_decided_by_the_parent_the_share_and_variables() {
    let (collector, origin, at) = (Collector::start("grpc"), Origin::start(), address());
    let location = |path: &str, trace: &str| {
        format!(
            "[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://{}\"\ntrace = {{ {trace} }}\n",
            origin.address()
        )
    };
    let _gateway = Propylon::start(&format!(
        "{}[split_clients.share]\nkey = \"$otel_trace_id\"\nvalues = {{ \"50%\" = \"on\", \"*\" = \"off\" }}\n\
         [[server]]\nlisten = [\"{at}\"]\n{}",
        exporter(&collector),
        [
            location("/all", "on = true"),
            location("/none", "on = true, ratio = \"0%\""),
            location("/stubborn", "on = true, parent_based = false"),
            location("/asked", "on = \"$arg_trace\""),
            location(
                "/parent",
                "on = \"$otel_parent_sampled\", parent_based = false, context = \"propagate\""
            ),
            location("/half", "on = \"$share\""),
            location("/told", "context = \"propagate\""),
            location("/off", ""),
        ]
        .concat()
    ));
    let mut count = 0;
    let mut check = |path: &str, fields: &str, sampled: bool| {
        get(at, path, fields);
        count += if sampled { 2 } else { 0 };
        let flags = seen(&origin, "traceparent").map(|parent| parent.ends_with("-01"));
        assert_eq!(flags, Some(sampled), "{path} {fields}");
    };
    let (yes, no) = (parent(true), parent(false));
    check("/all", "", true);
    check("/all", &yes, true);
    check("/all", &no, false);
    check("/none", "", false);
    check("/none", &yes, true);
    check("/stubborn", &no, true);
    check("/asked?trace=on", "", true);
    check("/asked?trace=1", "", true);
    check("/asked?trace=true", "", false);
    check("/asked?trace=on", &no, false);
    check("/parent", &yes, true);
    check("/parent", &no, false);
    check("/parent", "", false);
    check("/told", "", false);
    check("/told", &yes, false);
    // Those without a span have none: whoever comes last has one, and all before it have arrived.
    get(at, "/off", &yes);
    assert_eq!(seen(&origin, "traceparent"), Some(format!("00-{TRACE}-{SPAN}-01")), "as it came");
    get(at, "/off", "");
    assert_eq!(seen(&origin, "traceparent"), None);
    let mut halves = 0;
    for _ in 0..64 {
        get(at, "/half", "");
        halves += usize::from(seen(&origin, "traceparent").unwrap().ends_with("-01"));
    }
    assert!((8..56).contains(&halves), "{halves}");
    let all = spans(&collector, count + 2 * halves);
    assert!(all.iter().all(|span| span["attributes"]["url.path"] != "/off"));
    assert!(server(&all, "/parent")["parent"] == SPAN);
}

/// An error's page is another location's: the span is that of the request, and tells what the client saw.
#[test]
fn what_is_decided_first_holds_wherever_a_request_goes() {
    let (collector, origin, at) = (Collector::start("grpc"), Origin::start(), address());
    let to = origin.address();
    let _gateway = Propylon::start(&format!(
        "{}[[server]]\nlisten = [\"{at}\"]\n\
         [[server.location]]\nmatch = \"/on\"\nproxy_pass = \"http://{to}\"\ntrace.on = true\n\
         error_page = {{ intercept = true, pages = [{{ codes = [404], uri = \"/page\" }}, {{ codes = [503], uri = \"@fallback\" }}] }}\n\
         [[server.location]]\nmatch = \"/page\"\nreturn = [200, \"page\"]\n\
         [[server.location]]\nmatch = \"@fallback\"\nproxy_pass = \"http://{to}\"\n\
         [[server.location]]\nmatch = \"/away\"\ntrace.on = true\nrewrite = [[\"^\", \"/off\", \"last\"]]\n\
         [[server.location]]\nmatch = \"/off\"\nproxy_pass = \"http://{to}\"\n\
         error_page = {{ intercept = true, pages = [{{ codes = [404], uri = \"/on\" }}] }}\n",
        exporter(&collector),
    ));
    assert_eq!(get(at, "/on/page", "X-Do: status=404\r\n").status, 404);
    let all = spans(&collector, 2);
    let span = server(&all, "/on/page");
    assert_eq!(
        (&span["attributes"]["http.route"], &span["attributes"]["http.response.status_code"]),
        (&json!("/page"), &json!(404))
    );
    assert_eq!(tries(&all, span)[0]["failed"], true, "to whoever asks a 404 is a failure");

    get(at, "/on/fallback", "X-Do: status=503\r\n");
    let told = origin.take().into_iter().rev().take(2).map(|seen| seen.head.field("traceparent").unwrap());
    let mut told: Vec<String> = told.collect();
    told.reverse();
    let all = spans(&collector, 5);
    let span = server(&all, "/on/fallback");
    let tried: Vec<_> =
        tries(&all, span).iter().map(|tried| tried["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told.iter().map(|parent| parent.split('-').nth(2).unwrap()).collect::<Vec<_>>(), tried);

    get(at, "/off", "X-Do: status=404\r\n");
    assert!(
        origin.take().iter().all(|seen| seen.head.field("traceparent").is_none()),
        "it was decided elsewhere"
    );
    get(at, "/on/last", "");
    spans(&collector, 7);

    get(at, "/away", "");
    let all = spans(&collector, 9);
    assert_eq!(server(&all, "/away")["attributes"]["http.route"], json!("/off"), "wherever steps lead it");
}
