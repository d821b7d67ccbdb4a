//! What servers of streams are asked, and what they must answer: a real database beside one that the test plays, over TCP and UDP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod streams_support;
mod udp_support;

use propylon_tests::{LIMIT, Redis, Stream, exactly, logged, until};

/// The database, and the test's own server, which has all the weight.
const UPSTREAM: &str = r#"
[upstream.two]
server = [{ address = "@ORIGIN@", weight = 1000 }, { address = "@REDIS@" }]
[upstream.two.health_check]
interval = "20ms"
match = { send = "PING\r\n", expect = "+PONG" }
"#;

/// Answers a check of the server that the test plays.
fn answers(world: &streams_support::World, answer: &[u8]) {
    let mut asked = world.origin.accept();
    exactly(&mut asked, b"PING\r\n");
    asked.send(answer).unwrap();
}

#[test]
fn a_server_of_tcp_is_well_while_it_says_what_it_must() {
    let redis = Redis::start(&[]);
    let tables = UPSTREAM.replace("@REDIS@", &redis.address().to_string());
    let world = streams_support::World::with(&tables, "two", "");
    let origin = world.origin.address();
    answers(&world, b"-LOADING Redis is loading the dataset in memory\r\n");
    world.gateway.tells(&format!("unhealthy: \"{origin}\""));
    world.gateway.tells(&format!("health check of {origin} failed: the answer does not match"));
    let mut client = Stream::connect(world.listen).unwrap();
    client.send(b"PING\r\n").unwrap();
    exactly(&mut client, b"+PONG\r\n");
    drop(client);
    assert_eq!(logged(&world.lines(1)[0], "upstream"), redis.address().to_string());
    // An end that comes too early is no answer.
    answers(&world, b"+PO");
    answers(&world, b"+PONG\r\n");
    world.gateway.tells(&format!("healthy: \"{origin}\" of"));
    let log = world.gateway.error_log();
    assert!(!log.contains(&format!("unhealthy: \"{}\"", redis.address())), "{log}");
}

#[test]
fn a_server_of_udp_must_answer_where_an_answer_is_expected() {
    let tables = "[upstream.one]\nserver = [{ address = \"@ORIGIN@\" }]\n[upstream.one.health_check]\ninterval = \"20ms\"\ntimeout = \"200ms\"\n\
                  match = { send = '\\x01ask', expect = '~* ^OK' }\n";
    let world = udp_support::World::with(tables, "proxy_pass = \"one\"", "");
    let origin = world.origin.address();
    // It says nothing.
    world.origin.exactly(b"\x01ask");
    world.gateway.tells(&format!("health check of {origin} failed: no answer in time"));
    world.gateway.tells(&format!("unhealthy: \"{origin}\""));
    let at = world.origin.exactly(b"\x01ask");
    world.origin.send_to(b"ok, and more", at);
    world.gateway.tells(&format!("healthy: \"{origin}\" of"));
    let at = until("another check", LIMIT, || Some(world.origin.exactly(b"\x01ask")));
    world.origin.send_to(b"not ok", at);
    world.gateway.tells(&format!("health check of {origin} failed: the answer does not match"));
}
