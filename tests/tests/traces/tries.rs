//! The span of each try.

use propylon_tests::{Client, Collector, Listener, Origin, Propylon, Refusing, address};
use serde_json::{Value, json};

use crate::trace_support::{exporter, get, seen, server, spans, tries};

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
