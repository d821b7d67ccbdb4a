//! The context: read, passed on, and in variables.

use propylon_tests::{Collector, GrpcServer, Origin, Propylon, address, addresses, curl, grpc_call};

use crate::cgi_support::Application;
use crate::fastcgi_support::{self, Php};
use crate::trace_support::{SPAN, TRACE, exporter, get, parent, seen, server, spans, tries};

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

#[test]
fn servers_of_uwsgi_and_scgi_are_told() {
    let (collector, application) = (Collector::start("grpc"), Application::start());
    let passes =
        [format!("uwsgi_pass = \"{}\"", application.uwsgi), format!("scgi_pass = \"{}\"", application.scgi)];
    for pass in passes {
        let location = format!("[[server.location]]\nmatch = \"/\"\ntrace.on = true\n{pass}");
        let (_gateway, at) = fastcgi_support::gateway(&location, &exporter(&collector));
        let got = fastcgi_support::seen(&get(at, "/", &parent(true)));
        let told = &got["HTTP_TRACEPARENT"];
        assert!(told.starts_with(&format!("00-{TRACE}-")) && !told.contains(SPAN), "{pass}: {told}");
    }
}

/// What is set for all locations is set where it is sent: no param over HTTP, no field in terms of CGI.
#[test]
fn what_is_set_for_another_protocol_is_not_in_the_way() {
    let (collector, origin, application) = (Collector::start("grpc"), Origin::start(), Application::start());
    let params = ["fastcgi", "uwsgi", "scgi"]
        .map(|table| format!("[defaults.{table}]\nparams = {{ HTTP_TRACEPARENT = \"mine\" }}\n"));
    let outer = exporter(&collector) + &params.concat();
    let location =
        format!("[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"", origin.address());
    let (_gateway, at) = fastcgi_support::gateway(&format!("trace.on = true\n{location}"), &outer);
    get(at, "/", &parent(true));
    let told = seen(&origin, "traceparent").unwrap();
    assert!(told.starts_with(&format!("00-{TRACE}-")) && !told.contains(SPAN), "{told}");

    let outer = exporter(&collector) + &params[0] + "[defaults.headers]\nset = { traceparent = \"mine\" }\n";
    let location = format!("[[server.location]]\nmatch = \"/\"\nuwsgi_pass = \"{}\"", application.uwsgi);
    let (_gateway, at) = fastcgi_support::gateway(&format!("trace.on = true\n{location}"), &outer);
    let got = fastcgi_support::seen(&get(at, "/", &parent(true)));
    let told = &got["HTTP_TRACEPARENT"];
    assert!(told.starts_with(&format!("00-{TRACE}-")) && !told.contains(SPAN), "{told}");
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
