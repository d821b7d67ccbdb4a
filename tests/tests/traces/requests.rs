//! A request's span.

use propylon_tests::{Client, Collector, Listener, Origin, Propylon, address};
use serde_json::{Value, json};

use crate::trace_support::{SPAN, TRACE, batches, exporter, get, parent, seen, server, spans, tries};

#[test]
fn a_span_tells_what_became_of_its_request() {
    let (collector, origin, at) = (Collector::start("grpc"), Origin::start(), address());
    let _gateway = Propylon::start(&format!(
        "{}service_name = \"edge\"\nattributes = {{ \"deployment.environment.name\" = \"test\" }}\n\
         [[server]]\nlisten = [\"{at}\"]\nname = [\"a.test\"]\ntrace.on = true\n\
         [[server.location]]\nmatch = \"/api/\"\nproxy_pass = \"http://{}\"\n\
         [[server.location]]\nmatch = \"= /own\"\nreturn = [503, \"no\"]\n\
         [server.location.trace]\nspan_name = \"own $request_method\"\n\
         attributes = {{ \"app.status\" = \"$status\", \"http.route\" = \"mine\", \"http.response.header.content-type\" = \"$sent_http_content_type\" }}\n\
         [[server.location]]\nmatch = '~ ^/re'\nreturn = [204]\n",
        exporter(&collector),
        origin.address()
    ));
    let fields = "User-Agent: test/1 \u{e4}\r\nContent-Length: 5\r\n";
    let request =
        format!("POST /api/x?a=b&sig=secret HTTP/1.1\r\nHost: A.test:{}\r\n{fields}\r\nhello", at.port());
    let mut client = Client::connect(at).unwrap();
    let size = client.ask(request.as_bytes()).unwrap().body.len();
    let port = client.stream().local().unwrap().port();
    assert_eq!(get(at, "/own", "").status, 503);
    assert_eq!(get(at, "/re", "").status, 204);
    let spans = spans(&collector, 4);

    let api = server(&spans, "/api/x");
    let expected = json!({
        "http.request.method": "POST", "url.path": "/api/x", "url.query": "a=b&sig=REDACTED", "url.scheme": "http",
        "network.protocol.version": "1.1", "user_agent.original": "test/1 \u{e4}", "http.request.body.size": 5,
        "http.response.body.size": size, "http.response.status_code": 200, "http.route": "/api/",
        "server.address": "a.test", "server.port": at.port(), "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1", "network.peer.port": port,
    });
    assert_eq!(api["attributes"], expected);
    assert_eq!(
        (&api["name"], &api["failed"], &api["parent"]),
        (&json!("POST /api/"), &json!(false), &json!(""))
    );
    assert_eq!(api["flags"], 0x101, "sampled, and whether the parent is remote is known");

    let [tried] = tries(&spans, api)[..] else { panic!("{spans:#?}") };
    let origin = origin.address();
    let expected = json!({
        "http.request.method": "POST", "url.full": format!("http://{origin}/api/x?a=b&sig=REDACTED"),
        "server.address": origin.ip().to_string(), "server.port": origin.port(), "http.response.status_code": 200,
        "network.peer.address": origin.ip().to_string(), "network.peer.port": origin.port(),
    });
    assert_eq!(
        (&tried["attributes"], &tried["name"], &tried["trace"]),
        (&expected, &json!("POST"), &api["trace"])
    );
    let time = |value: &Value| value.as_u64().unwrap();
    let events = &tried["events"];
    assert_eq!((&events[0][0], &events[1][0]), (&json!("connected"), &json!("response head")));
    let order = [
        time(&api["start"]),
        time(&tried["start"]),
        time(&events[0][1]),
        time(&events[1][1]),
        time(&tried["end"]),
        time(&api["end"]),
    ];
    assert!(order.is_sorted(), "{order:?}");

    let own = server(&spans, "/own");
    assert_eq!((&own["name"], &own["failed"]), (&json!("own GET"), &json!(true)));
    let of = |name: &str| own["attributes"][name].clone();
    assert_eq!(
        (of("app.status"), of("http.route"), of("error.type")),
        (json!("503"), json!("mine"), json!("503"))
    );
    assert_eq!(of("http.response.header.content-type"), json!(["text/plain"]));
    let re = server(&spans, "/re");
    assert_eq!((&re["name"], &re["attributes"]["http.route"]), (&json!("GET ^/re"), &json!("^/re")));
    for span in [own, re] {
        assert_ne!(span["trace"], api["trace"]);
    }

    let batch = &batches(&collector)[0];
    let resource = json!({ "service.name": "edge", "deployment.environment.name": "test" });
    assert_eq!((&batch["resource"], &batch["scope"][0]), (&resource, &json!("propylon")));
}

#[test]
fn a_tunnel_has_a_span_that_ends_with_it() {
    let (collector, at) = (Collector::start("grpc"), address());
    let upstream = Listener::new();
    let _gateway = Propylon::start(&format!(
        "{}[[server]]\nlisten = [\"{at}\"]\ntrace.on = true\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\nupstream.websocket = true\n",
        exporter(&collector),
        upstream.address()
    ));
    let mut client = Client::connect(at).unwrap();
    client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n").unwrap();
    let mut peer = upstream.accept();
    assert!(peer.head().unwrap().unwrap().field("traceparent").is_some());
    peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        .unwrap();
    assert_eq!(client.response(false).unwrap().status, 101);
    drop(peer);
    client.leave();
    let all = spans(&collector, 2);
    assert_eq!(server(&all, "/ws")["attributes"]["http.response.status_code"], 101);
}

/// The example of ngx_otel_module's documentation, and what is not said in it.
#[test]
fn an_nginx_conf_traces_as_its_module_does() {
    let (collector, origin, at) = (Collector::start("grpc"), Origin::start(), address());
    let (to, endpoint) = (origin.address(), collector.address());
    let _gateway = Propylon::start_nginx(&format!(
        "load_module modules/ngx_otel_module.so;
        events {{}}
        http {{
            otel_exporter {{ endpoint {endpoint}; interval 20ms; batch_size 3; batch_count 3; header X-API-TOKEN api.value; }}
            otel_service_name test_service;
            otel_resource_attr my.name \"my name\";
            otel_trace on;
            server {{
                listen {at};
                location /custom {{
                    otel_span_name custom_location;
                    otel_span_attr http.request.completion $request_completion;
                    otel_span_attr http.response.header.content.type $sent_http_content_type;
                    return 200 OK;
                }}
                location /vars {{
                    otel_trace_context extract;
                    add_header X-Ids \"$otel_trace_id $otel_span_id $otel_parent_id $otel_parent_sampled\";
                    return 204;
                }}
                location /ignore {{ proxy_pass http://{to}; }}
                location /propagate {{ otel_trace_context propagate; proxy_pass http://{to}; }}
                location /notrace {{ otel_trace off; return 204; }}
                location /parent {{ otel_trace $otel_parent_sampled; otel_trace_context propagate; proxy_pass http://{to}; }}
            }}
        }}"
    ));
    let off = parent(false);
    get(at, "/notrace", "");
    get(at, "/parent", &off);
    assert!(seen(&origin, "traceparent").unwrap().ends_with("-00"));
    get(at, "/custom", "");
    get(at, "/ignore", &off);
    assert_eq!(seen(&origin, "traceparent"), Some(format!("00-{TRACE}-{SPAN}-00")), "as it came");
    get(at, "/propagate", &off);
    assert!(seen(&origin, "traceparent").unwrap().ends_with("-01"), "`on` is on, whatever a parent wants");
    let ids = get(at, "/vars", &off).head.field("x-ids").unwrap();
    let all = spans(&collector, 6);
    let custom = server(&all, "/custom");
    assert_eq!(custom["name"], "custom_location");
    assert_eq!(custom["attributes"]["http.request.completion"], "OK");
    assert_eq!(custom["attributes"]["http.response.header.content.type"], json!(["text/plain"]));
    assert_eq!(
        (&server(&all, "/ignore")["parent"], &server(&all, "/propagate")["parent"]),
        (&json!(""), &json!(SPAN))
    );
    let vars = server(&all, "/vars");
    assert_eq!(ids, format!("{TRACE} {} {SPAN} 0", vars["id"].as_str().unwrap()));
    let batch = &batches(&collector)[0];
    assert_eq!(batch["resource"], json!({ "service.name": "test_service", "my.name": "my name" }));
    assert_eq!(batch["headers"]["x-api-token"], "api.value");
}
