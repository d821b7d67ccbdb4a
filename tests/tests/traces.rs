//! What requests' spans tell, and what upstreams are told of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod fastcgi_support;
mod trace_support;

use fastcgi_support::Php;
use propylon_tests::{
    Client, Collector, GrpcServer, LIMIT, Listener, Origin, Propylon, Refusing, address, addresses, curl,
    grpc_call, until,
};
use serde_json::{Value, json};
use trace_support::{SPAN, TRACE, exporter, get, parent, seen, server, spans, tries};

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

    let batch = &trace_support::batches(&collector)[0];
    let resource = json!({ "service.name": "edge", "deployment.environment.name": "test" });
    assert_eq!((&batch["resource"], &batch["scope"][0]), (&resource, &json!("propylon")));
}

/// nginx's four words, with a parent and without.
#[test]
fn the_context_is_read_and_passed_on_as_it_is_said() {
    let (collector, origin, at) = (Collector::start("grpc"), Origin::start(), address());
    let location = |word: &str| {
        format!(
            "[[server.location]]\nmatch = \"/{word}\"\nproxy_pass = \"http://{}\"\ntrace.context = \"{word}\"\n",
            origin.address()
        )
    };
    let words = ["ignore", "extract", "inject", "propagate"];
    let _gateway = Propylon::start(&format!(
        "{}[[server]]\nlisten = [\"{at}\"]\ntrace = {{ on = true }}\n{}\
         [[server.location]]\nmatch = \"/own\"\nproxy_pass = \"http://{}\"\nheaders.set = {{ traceparent = \"mine\" }}\n",
        exporter(&collector),
        words.map(location).concat(),
        origin.address()
    ));
    let theirs = format!("{}tracestate: congo=t61 , \r\ntracestate: rojo=1\r\n", parent(true));
    for (n, (word, fields)) in words.iter().flat_map(|word| [(word, ""), (word, &*theirs)]).enumerate() {
        let path = format!("/{word}/{n}");
        get(at, &path, fields);
        let seen = origin.take().pop().unwrap().head;
        let spans = spans(&collector, 2 * (n + 1));
        let span = server(&spans, &path);
        let extracted = matches!(*word, "extract" | "propagate") && !fields.is_empty();
        let injected = matches!(*word, "inject" | "propagate");
        assert_eq!(span["trace"] == TRACE, extracted, "{path}");
        assert_eq!(span["parent"], if extracted { SPAN } else { "" }, "{path}");
        assert_eq!(span["state"], if extracted { "congo=t61,rojo=1" } else { "" }, "{path}");
        assert_eq!(span["flags"], if extracted { 0x301 } else { 0x101 }, "{path}");
        let [tried] = tries(&spans, span)[..] else { panic!("{spans:#?}") };
        let ours = format!("00-{}-{}-01", span["trace"].as_str().unwrap(), tried["id"].as_str().unwrap());
        let came = (!fields.is_empty()).then(|| format!("00-{TRACE}-{SPAN}-01"));
        assert_eq!(seen.field("traceparent"), if injected { Some(ours) } else { came }, "{path}");
        let state = match (injected, fields.is_empty()) {
            (true, _) if extracted => Some("congo=t61,rojo=1"),
            (true, _) | (false, true) => None,
            (false, false) => Some("congo=t61 ,"),
        };
        assert_eq!(seen.field("tracestate").as_deref().map(str::trim), state, "{path}");
    }
    get(at, "/own", &parent(true));
    assert_eq!(seen(&origin, "traceparent").as_deref(), Some("mine"), "what is set comes first");
}

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

#[test]
fn every_try_has_a_span_and_the_upstream_is_a_child_of_its_own() {
    let (collector, origin, refusing, at) =
        (Collector::start("grpc"), Origin::start(), Refusing::new(), address());
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n{}[upstream.app]\nserver = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n\
         [[server]]\nlisten = [\"{at}\"]\ntrace.on = true\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://app\"\nretry.on = [\"error\", \"http_503\"]\ntimeout.read = \"100ms\"\n",
        exporter(&collector),
        refusing.address(),
        origin.address()
    ));
    get(at, "/retried", "");
    let told = seen(&origin, "traceparent").unwrap();
    let first = spans(&collector, 3);
    let [refused, served] = tries(&first, server(&first, "/retried"))[..] else { panic!("{first:#?}") };
    assert_eq!((&refused["attributes"]["error.type"], &refused["failed"]), (&json!("connect"), &json!(true)));
    assert_eq!(refused["attributes"]["network.peer.port"], refusing.address().port());
    assert_eq!(refused["attributes"]["http.request.resend_count"], Value::Null);
    assert_eq!(served["attributes"]["http.request.resend_count"], 1);
    assert_eq!(told.split('-').nth(2), served["id"].as_str());
    assert_ne!(refused["id"], served["id"]);

    get(at, "/late", "X-Do: never\r\n");
    let all = spans(&collector, 5);
    let late = server(&all, "/late");
    let [tried] = tries(&all, late)[..] else { panic!("{all:#?}") };
    assert_eq!(
        (&late["attributes"]["http.response.status_code"], &late["failed"]),
        (&json!(504), &json!(true))
    );
    assert_eq!((&tried["attributes"]["error.type"], &tried["failed"]), (&json!("timeout"), &json!(true)));
    assert_eq!(tried["attributes"]["http.response.status_code"], Value::Null, "it sent none");
}

/// Whoever answers is a child of the try that it answers, also where the one before it found its kept connection closed.
#[test]
fn what_is_sent_again_to_the_same_server_is_a_try_of_its_own() {
    let (collector, at, upstream) = (Collector::start("grpc"), address(), Listener::new());
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n{}[upstream.app]\nserver = [{{ address = \"{}\" }}]\n[[server]]\nlisten = [\"{at}\"]\ntrace.on = true\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://app\"\n",
        exporter(&collector),
        upstream.address()
    ));
    let good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let mut client = Client::connect(at).unwrap();
    let ask = |client: &mut Client, path: &str| {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    };
    ask(&mut client, "/first");
    let mut kept = upstream.accept();
    kept.head().unwrap().unwrap();
    kept.send(good).unwrap();
    assert_eq!(client.response(false).unwrap().status, 200);
    ask(&mut client, "/again");
    let told = kept.head().unwrap().unwrap().field("traceparent");
    drop(kept);
    let mut fresh = upstream.accept();
    assert_eq!(fresh.head().unwrap().unwrap().field("traceparent"), told, "it is the same request");
    fresh.send(good).unwrap();
    assert_eq!(client.response(false).unwrap().status, 200);
    let all = spans(&collector, 5);
    let [closed, served] = tries(&all, server(&all, "/again"))[..] else { panic!("{all:#?}") };
    assert_eq!((&closed["failed"], &served["failed"]), (&json!(true), &json!(false)));
    assert_eq!(told.unwrap().split('-').nth(2), served["id"].as_str());
    assert_ne!(closed["id"], served["id"]);
}

#[test]
fn variables_have_the_ids_of_the_span() {
    let (collector, at) = (Collector::start("grpc"), address());
    let gateway = Propylon::start(&format!(
        "{}[log_format]\nids = '$otel_trace_id $otel_span_id $otel_parent_id $otel_parent_sampled'\n\
         [[server]]\nlisten = [\"{at}\"]\naccess_log = {{ path = \"@DIR@/access.log\", format = \"ids\" }}\n\
         [[server.location]]\nmatch = \"/on\"\ntrace.on = true\nrewrite = [{{ set = [\"early\", \"$otel_span_id\"] }}]\nproxy_pass = \"http://{at}/inner\"\n\
         [server.location.headers]\nadd = {{ X-Ids = \"$otel_trace_id $otel_span_id $otel_parent_id $otel_parent_sampled $early\" }}\n\
         [[server.location]]\nmatch = \"/inner\"\nreturn = [200, \"$http_traceparent\"]\n\
         [[server.location]]\nmatch = \"/off\"\nreturn = [200, \"$otel_trace_id\"]\n",
        exporter(&collector),
    ));
    let answer = get(at, "/on", &parent(true));
    let all = spans(&collector, 2);
    let span = server(&all, "/on");
    let id = span["id"].as_str().unwrap();
    let ids = format!("{TRACE} {id} {SPAN} 1");
    assert_eq!(answer.head.field("x-ids"), Some(format!("{ids} {id}")));
    assert!(gateway.lines("access.log", 2).contains(&ids), "{:?}", gateway.lines_now("access.log"));
    // Where nothing is traced they are made for whoever asks.
    let (one, other) = (get(at, "/off", &parent(true)).text(), get(at, "/off", "").text());
    assert!(one.len() == 32 && other.len() == 32 && one != other && one != TRACE, "{one} {other}");
    let lines = gateway.lines("access.log", 4);
    assert!(lines.iter().any(|line| line.starts_with(&format!("{one} "))), "{lines:?}");
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

#[test]
fn fastcgi_servers_are_told_in_their_way() {
    let (collector, php) = (Collector::start("grpc"), Php::start());
    let outer = exporter(&collector);
    let ask = |more: &str, fields: &str| {
        let (gateway, at) = php.gateway(&php.unix(), more, &outer);
        (fastcgi_support::seen(&get(at, "/index.php", fields)), gateway)
    };
    let theirs = format!("{}tracestate: a=1\r\nX-A: b\r\n", parent(true));
    let (got, _gateway) = ask("trace.on = true", &theirs);
    let all = spans(&collector, 2);
    let [tried] = tries(&all, server(&all, "/index.php"))[..] else { panic!("{all:#?}") };
    assert_eq!(got["HTTP_TRACEPARENT"], format!("00-{TRACE}-{}-01", tried["id"].as_str().unwrap()));
    assert_eq!((&*got["HTTP_TRACESTATE"], &*got["HTTP_X_A"]), ("a=1", "b"));
    let (got, _) = ask("trace = { on = true, context = \"inject\" }", &theirs);
    assert!(!got["HTTP_TRACEPARENT"].contains(TRACE) && !got.contains_key("HTTP_TRACESTATE"), "{got:?}");
    let (got, _) = ask("trace = { on = true, context = \"ignore\" }", &theirs);
    assert_eq!(got["HTTP_TRACEPARENT"], format!("00-{TRACE}-{SPAN}-01"));
    let (got, _) = ask("trace.on = true\nfastcgi.params = { HTTP_TRACEPARENT = \"mine\" }", &theirs);
    assert_eq!(got["HTTP_TRACEPARENT"], "mine");
}

/// gRPC's own server, and HTTP/2 on both sides.
#[test]
fn servers_of_grpc_and_http2_are_told() {
    let (collector, [at, to]) = (Collector::start("grpc"), addresses());
    let _server = GrpcServer::start(&to.to_string(), None);
    let _gateway = Propylon::start(&format!(
        "{}[[server]]\nlisten = [\"{at} http2\"]\ntrace.on = true\n\
         [[server.location]]\nmatch = \"/test.Echo/\"\ngrpc_pass = \"grpc://{to}\"\n\
         [[server.location]]\nmatch = \"/outer\"\nproxy_pass = \"http://{at}/inner\"\nupstream.http_version = \"2\"\n\
         [[server.location]]\nmatch = \"/inner\"\nreturn = [200, \"$http_traceparent\"]\ntrace = {{ on = false, context = \"ignore\" }}\n",
        exporter(&collector),
    ));
    let said = grpc_call(at, "Trace");
    let all = spans(&collector, 2);
    let span = server(&all, "/test.Echo/Trace");
    let [tried] = tries(&all, span)[..] else { panic!("{all:#?}") };
    let context = format!("00-{}-{}-01", span["trace"].as_str().unwrap(), tried["id"].as_str().unwrap());
    assert_eq!(said, format!("OK b'{context} -'"));
    assert_eq!(span["attributes"]["network.protocol.version"], "2");

    let url = format!("http://{at}/outer");
    let said = curl(&["--http2-prior-knowledge", "-s", &url]);
    let all = spans(&collector, 4);
    let span = server(&all, "/outer");
    let [tried] = tries(&all, span)[..] else { panic!("{all:#?}") };
    assert_eq!(said.split('-').nth(2), tried["id"].as_str(), "{said:?}");
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
    let batch = &trace_support::batches(&collector)[0];
    assert_eq!(batch["resource"], json!({ "service.name": "test_service", "my.name": "my name" }));
    assert_eq!(batch["headers"]["x-api-token"], "api.value");
}
