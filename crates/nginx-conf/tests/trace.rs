//! ngx_otel_module: `otel_exporter`, `otel_trace` and what belongs to them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::time::Duration;

use propylon_config::{Config, TraceOn, TraceProtocol};
use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(http: &str) -> Converted {
    let text = format!("load_module modules/ngx_otel_module.so;\nevents {{}}\nhttp {{\n{http}\n}}\n");
    convert(&text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]))
}

fn config(http: &str) -> Config {
    let converted = converted(http);
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    let loaded = converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    loaded.config
}

/// What is wrong with it, as nginx would say.
fn wrong(http: &str) -> String {
    let text = format!("events {{}}\nhttp {{\n{http}\nserver {{ return 200; }}\n}}\n");
    let problems = convert(&text, "nginx.conf").err();
    let problems = problems.unwrap_or_else(|| panic!("nothing is wrong"));
    problems[0].to_string()
}

#[test]
fn every_directive() {
    let config = config(
        "otel_service_name edge; otel_resource_attr my.name \"my value\"; otel_resource_attr my.name other;
         otel_exporter { endpoint https://collector.test; interval 1s; batch_size 10; batch_count 3;
             header X-API-TOKEN api.value; header Authorization \"Basic value\"; trusted_certificate ca.pem; }
         otel_trace on;
         split_clients $otel_trace_id $ratio_sampler { 10% on; * off; }
         server {
             otel_trace_context propagate;
             location / { otel_trace $ratio_sampler; otel_span_name \"own $uri\"; otel_span_attr a.b $host; otel_span_attr c d; return 200; }
             location /off { otel_trace off; otel_trace_context ignore; return 200; }
         }",
    );
    let exporter = config.trace_exporter.as_ref().unwrap();
    assert_eq!((&**exporter.endpoint, exporter.protocol), ("https://collector.test", TraceProtocol::Grpc));
    assert_eq!((exporter.interval, exporter.batch_size, exporter.queue), (Duration::from_secs(1), 10, 30));
    let headers: Vec<_> =
        exporter.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(headers, [("x-api-token", &b"api.value"[..]), ("authorization", b"Basic value")]);
    assert!(exporter.trusted_certificate.as_ref().unwrap().ends_with("ca.pem"));
    assert_eq!(&*exporter.service_name, "edge");
    assert_eq!(exporter.attributes, [("my.name".into(), "other".into())]);

    let server = &config.servers[0];
    assert_eq!((&server.settings.trace.on, server.settings.trace.parent_based), (&TraceOn::Yes, false));
    let trace = |index: usize| &server.locations[index].settings.trace;
    assert!(matches!(&trace(0).on, TraceOn::If(template) if template.source() == "$ratio_sampler"));
    assert!(trace(0).extract && trace(0).inject);
    assert_eq!(trace(0).span_name.as_ref().unwrap().source(), "own $uri");
    let attributes: Vec<_> =
        trace(0).attributes.iter().map(|(name, value)| (&**name, value.source())).collect();
    assert_eq!(attributes, [("a.b", "$host"), ("c", "d")]);
    assert!(!trace(1).is_active());
}

/// nginx neither reads nor writes `traceparent` unless it is told to, and says that nobody knows its name.
#[test]
fn what_is_not_said_is_as_in_nginx() {
    let config = config(
        "otel_exporter { endpoint localhost:4317; } server { otel_trace on; location / { return 200; } }",
    );
    let trace = &config.servers[0].locations[0].settings.trace;
    assert_eq!(
        (&trace.on, trace.extract, trace.inject, trace.parent_based),
        (&TraceOn::Yes, false, false, false)
    );
    let exporter = config.trace_exporter.unwrap();
    assert_eq!(
        (&*exporter.service_name, exporter.queue, exporter.batch_size),
        ("unknown_service:nginx", 2048, 512)
    );
    // And nothing is there where nothing is said.
    let none = converted("server { return 200; }").toml().to_owned();
    assert!(!none.contains("trace"), "{none}");
}

#[test]
fn what_nginx_refuses() {
    assert!(wrong("otel_exporter { interval 1s; }").contains("requires \"endpoint\""));
    assert!(
        wrong("otel_exporter { endpoint a; other b; }")
            .contains("unknown directive \"other\" in \"otel_exporter\"")
    );
    assert!(
        wrong("otel_exporter { endpoint a; header b; }")
            .contains("invalid number of arguments in \"header\"")
    );
    assert!(wrong("otel_exporter { endpoint a; } otel_exporter { endpoint a; }").contains("duplicate"));
    assert!(
        wrong("otel_exporter { endpoint a; } otel_trace_context some;").contains("invalid value \"some\"")
    );
    // Its line is the nginx.conf's.
    let converted = converted("server {\notel_trace on;\nreturn 200; }");
    let problems = converted.load().err().unwrap();
    let problem = problems[0].to_string();
    assert!(
        problem.contains("`trace.on` requires `[trace_exporter]`") && problem.ends_with("nginx.conf:5"),
        "{problem}"
    );
}

#[test]
fn what_cannot_be_converted() {
    for (exporter, directive, why) in [
        ("endpoint unix:/tmp/a;", "endpoint", "given by host and port"),
        ("endpoint a; header b c; header B d;", "header", "sent once"),
    ] {
        let converted = converted(&format!("otel_exporter {{ {exporter} }}\nserver {{ return 200; }}"));
        let lines = converted.lines();
        let line = lines
            .iter()
            .find(|line| line.directive == directive && line.verdict == Verdict::Refused)
            .unwrap();
        assert!(line.note.contains(why), "{}", line.note);
    }
}
