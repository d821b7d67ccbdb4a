//! Layers that a binary of one's own brings, around what locations answer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Request, Response, StatusCode};
use propylon_exchange::Exchange;
use propylon_gateway::log::Sinks;
use propylon_gateway::{Gateway, Start, report_trouble};
use propylon_stack::{Body, BoxError, Route};
use tokio::runtime::{Builder, Runtime};
use tower::layer::layer_fn;
use tower::service_fn;

/// Writes its name into what comes by, both ways, and which request of its connection it is.
fn passes(start: Start, name: &'static str) -> Start {
    start.layer(
        name,
        layer_fn(move |inner: Route| {
            service_fn(move |mut request: Request<Body>| {
                let number = request.extensions().get::<Exchange>().map_or(0, Exchange::number);
                request.headers_mut().append("x-came-by", HeaderValue::from_static(name));
                let answer = inner.call(request);
                async move {
                    let mut response = answer.await?;
                    let told = format!("{name} {number}");
                    response.headers_mut().append("x-went-by", HeaderValue::try_from(told)?);
                    Ok::<_, BoxError>(response)
                }
            })
        }),
    )
}

fn start() -> Start {
    let start = Start::new(Sinks::spawn(report_trouble).unwrap());
    let start = passes(passes(start, "one"), "two");
    let refuses = layer_fn(|_: Route| {
        service_fn(|_: Request<Body>| async {
            let mut response = Response::new(Body::from(bytes::Bytes::from_static(b"not today")));
            *response.status_mut() = StatusCode::FORBIDDEN;
            Ok::<_, BoxError>(response)
        })
    });
    let fails = layer_fn(|_: Route| {
        service_fn(|_: Request<Body>| async { Err::<Response<Body>, BoxError>("no more".into()) })
    });
    start.layer("refuses", refuses).layer("fails", fails)
}

struct World {
    outside: Runtime,
    gateway: Gateway,
    socket: PathBuf,
    _directory: tempfile::TempDir,
}

impl World {
    fn new(locations: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let config = propylon_config::parse(&text(&socket, locations), "test.toml").unwrap().config;
        let outside = Builder::new_current_thread().enable_all().build().unwrap();
        let gateway = outside.block_on(Gateway::start(config, start())).unwrap();
        Self { outside, gateway, socket, _directory: directory }
    }

    fn get(&self, path: &str) -> String {
        let mut client = UnixStream::connect(&self.socket).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn text(socket: &Path, locations: &str) -> String {
    format!(
        "[runtime]\nworkers = 1\n[[server]]\nlisten = [\"unix:{}\"]\nlayers = [\"one\"]\naccess_log.path = \"off\"\n{locations}",
        socket.display()
    )
}

fn location(path: &str, rest: &str) -> String {
    format!("[[server.location]]\nmatch = \"{path}\"\n{rest}\nreturn = [200, \"<$http_x_came_by>\"]\n")
}

#[test]
fn locations_have_the_layers_that_they_name_or_inherit_the_outermost_first() {
    let world = World::new(
        &[
            location("/", ""),
            location("/both", "layers = [\"two\", \"one\"]\nheaders.add.X-Shaped = \"yes\""),
            location("/none", "layers = []"),
        ]
        .concat(),
    );
    let lines = |answer: &str| {
        answer.lines().filter(|line| line.starts_with("X-Went-By")).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&world.get("/")), ["X-Went-By: one 1"]);
    let both = world.get("/both");
    assert_eq!(lines(&both), ["X-Went-By: one 1", "X-Went-By: two 1"], "the innermost has it first: {both}");
    assert!(both.contains("X-Shaped: yes"), "what comes out of a layer is shaped: {both}");
    assert_eq!(lines(&world.get("/none")), [""; 0]);
    world.outside.block_on(world.gateway.stop());
}

#[test]
fn a_layer_may_answer_and_one_that_fails_is_a_500() {
    let world = World::new(
        &[
            location("/refused", "layers = [\"one\", \"refuses\"]"),
            location("/failed", "layers = [\"fails\"]"),
        ]
        .concat(),
    );
    let refused = world.get("/refused");
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.ends_with("not today"), "{refused}");
    assert!(refused.contains("X-Went-By: one 1"), "{refused}");
    let failed = world.get("/failed");
    assert!(failed.starts_with("HTTP/1.1 500 "), "{failed}");
    world.outside.block_on(world.gateway.stop());
}

/// Also where nobody has any, as in the stock binary; and each name counts once.
#[test]
fn a_name_that_nobody_brings_is_an_error_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let outside = Builder::new_current_thread().enable_all().build().unwrap();
    let config = |locations: &str| {
        propylon_config::parse(&text(&directory.path().join("socket"), locations), "test.toml")
    };
    let loaded = config(&location("/", "layers = [\"tow\"]")).unwrap().config;
    let error = outside.block_on(Gateway::check_with(&loaded, start())).unwrap_err();
    assert_eq!(error.to_string(), "line 9: unknown layer");
    let report = match error {
        propylon_gateway::StartError::Build(error) => error.report(&loaded).to_string(),
        other => panic!("{other}"),
    };
    assert!(report.contains("this binary has: fails, one, refuses, two"), "{report}");
    let error = outside.block_on(Gateway::check(&loaded)).unwrap_err();
    assert_eq!(error.to_string(), "line 5: unknown layer");
    let twice = config(&location("/", "layers = [\"one\", \"one\"]")).unwrap_err();
    assert!(twice.to_string().contains("duplicate layer `one`"), "{twice}");
}
