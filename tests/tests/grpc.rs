//! gRPC: the library's own server and client with the gateway between them, nginx beside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{
    BlackHole, GrpcServer, LIMIT, Nginx, Origin, Propylon, Refusing, address, addresses, check, grpc_call,
    grpc_calls, lossy, until,
};

/// A directory with a root and a certificate for `a.test`.
struct World {
    directory: tempfile::TempDir,
    authority: PathBuf,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Authority::root("Root");
        let authority = file(directory.path(), "root.pem", &root.certificate);
        let _ = root.server(&["a.test"]).write(directory.path(), "a.test");
        Self { directory, authority }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn passes(path: &str, to: &str, more: &str) -> String {
    format!("[[server.location]]\nmatch = \"{path}\"\ngrpc_pass = \"{to}\"\n{more}\n")
}

fn gateway(listen: SocketAddr, rest: &str) -> Propylon {
    Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nl = '$request $status $upstream_status $sent_http_grpc_status'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"l\"\n\
         [[server]]\nlisten = [\"{listen} http2\"]\n{rest}\n"
    ))
}

/// Unary, streams in either direction and in both, errors with details, deadlines, cancellations: each call ends as it does without
/// a gateway.
#[test]
fn every_kind_of_call_is_as_without_a_gateway() {
    let world = World::new();
    let [plain, secure, clear, tls] = addresses();
    let socket = world.at("socket");
    let server = GrpcServer::start(&plain.to_string(), None);
    let certificate = [world.at("a.test.pem"), world.at("a.test.key")];
    let secured =
        GrpcServer::start(&secure.to_string(), Some([certificate[0].as_path(), certificate[1].as_path()]));
    let local = GrpcServer::start(&format!("unix:{}", socket.display()), None);
    let expected = grpc_calls(plain, None);
    server.cancelled(1);
    assert!(expected.len() >= 13, "{expected:?}");

    let at = world.directory.path().display();
    let verified = format!(
        "upstream.tls = {{ verify = true, trusted_certificate = \"{at}/root.pem\", name = \"a.test\", server_name = true }}"
    );
    let with = |to: &str, more: &str| {
        Propylon::start(&format!(
            "[upstream.named]\nserver = [{{ address = \"{plain}\" }}]\n\
             [[server]]\nlisten = [\"{clear} http2\", \"{tls} tls http2\"]\n\
             tls.certificates = [{{ certificate = \"{at}/a.test.pem\", key = \"{at}/a.test.key\" }}]\n{}",
            passes("/", to, more)
        ))
    };
    let targets = [
        (format!("grpc://{plain}"), "", &server, 2),
        ("named".to_owned(), "", &server, 4),
        (format!("grpcs://{secure}"), &*verified, &secured, 2),
        (format!("grpc://unix:{}", socket.display()), "", &local, 2),
    ];
    for (to, more, server, cancelled) in targets {
        let _gateway = with(&to, more);
        assert_eq!(grpc_calls(clear, None), expected, "{to}");
        assert_eq!(grpc_calls(tls, Some(&world.authority)), expected, "{to} over TLS");
        server.cancelled(cancelled);
    }
}

#[test]
fn as_nginx_passes_it_on() {
    let [origin, listen] = addresses();
    let server = GrpcServer::start(&origin.to_string(), None);
    let conf = |listen: SocketAddr| {
        format!(
            "http {{ access_log off; upstream u {{ server {origin}; }}
                server {{ listen {listen} http2; grpc_set_header X-Who \"is $host\"; proxy_set_header X-Who nobody; grpc_read_timeout 20s;
                    location / {{ grpc_pass u; if ($arg_a) {{ set $b c; }} limit_except GET {{ allow all; }} }}
                    location /test.Echo/Fail {{ grpc_pass grpc://{origin}; error_page 502 = /down; grpc_hide_header x-why; }} }} }}"
        )
    };
    let nginx = address();
    let _nginx = Nginx::start(&conf(nginx));
    let _gateway = Propylon::start_nginx(&format!("events {{}}\n{}", conf(listen)));
    let ours = grpc_calls(listen, None);
    server.cancelled(1);
    assert_eq!(ours, grpc_calls(nginx, None));
    let host = listen.ip();
    assert_eq!(grpc_call(listen, "Who"), format!("OK b'is {host}'"));
}

/// gRPC's clients are told by a status of gRPC's.
#[test]
fn the_gateways_own_errors_are_statuses_of_grpc() {
    let [origin, listen] = addresses();
    let (_server, refusing, hole) =
        (GrpcServer::start(&origin.to_string(), None), Refusing::new(), BlackHole::new());
    let dead = refusing.address();
    let gateway = gateway(
        listen,
        &[
            passes("/test.Echo/Dead", &format!("grpc://{dead}"), ""),
            passes("/test.Echo/Full", &format!("grpc://{}", hole.address()), "timeout.connect = \"50ms\""),
            passes("/test.Echo/Silent", &format!("grpc://{origin}"), "timeout.read = \"50ms\""),
            passes("/test.Echo/Denied", &format!("grpc://{origin}"), "access.rules = [\"deny all\"]"),
            passes("/test.Echo/Large", &format!("grpc://{origin}"), "limit.body_size = 3"),
            passes("/test.Echo/Added", &format!("grpc://{dead}"), "headers.add_always = { x-added = \"$status\" }"),
            passes("/test.Echo/Paged", &format!("grpc://{dead}"), "error_page.pages = [{ codes = [502], status = \"from_page\", uri = \"/down\" }]"),
            "[[server.location]]\nmatch = \"= /down\"\ninternal = true\nreturn = [204]\n\
             headers.add = { content-type = \"application/grpc\", grpc-status = \"4\", grpc-message = \"page\" }\n".to_owned(),
            passes("/", &format!("grpc://{origin}"), ""),
        ]
        .concat(),
    );
    for (method, expected) in [
        ("Dead", "UNAVAILABLE '502 Bad Gateway' []"),
        ("Full", "UNAVAILABLE '504 Gateway Timeout' []"),
        ("Silent", "UNAVAILABLE '504 Gateway Timeout' []"),
        ("Denied", "PERMISSION_DENIED '403 Forbidden' []"),
        ("Large", "UNKNOWN '413 Payload Too Large' []"),
        ("Added", "UNAVAILABLE '502 Bad Gateway' [('x-added', '502')]"),
        ("Paged", "DEADLINE_EXCEEDED 'page' []"),
        ("Unary", "OK b'hello'"),
    ] {
        assert_eq!(grpc_call(listen, method), expected, "{method}");
    }
    let lines = gateway.lines("access.log", 15);
    assert!(lines.iter().any(|line| line == "POST /test.Echo/Dead HTTP/2.0 200 502 14"), "{lines:?}");
    // Who does not ask in gRPC gets what anybody gets.
    let url = format!("http://{listen}/test.Echo/Dead");
    let output = Command::new("curl")
        .args([
            "-sS",
            "--http2-prior-knowledge",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{content_type}",
            &url,
        ])
        .output()
        .unwrap_or_else(|error| panic!("curl: {error}: apt-get install curl"));
    assert_eq!(lossy(&output.stdout), "502 text/html", "{}", lossy(&output.stderr));
}

/// Another location says whether a call may come in, before any of it is passed on: to whoever is let in that is as if nobody had
/// been asked, and whoever is not is told in gRPC.
#[test]
fn calls_are_let_in_and_refused() {
    let [origin, listen] = addresses();
    let (server, authority) = (GrpcServer::start(&origin.to_string(), None), Origin::start());
    let expected = grpc_calls(origin, None);
    server.cancelled(1);
    let asked = |name: &str, does: &str| {
        format!(
            "[[server.location]]\nmatch = \"= /{name}\"\ninternal = true\nproxy_pass = \"http://{}\"\nheaders.set.X-Do = \"{does}\"\n",
            authority.address()
        )
    };
    let guarded = |method: &str, name: &str, more: &str| {
        passes(
            &format!("/test.Echo/{method}"),
            &format!("grpc://{origin}"),
            &format!("auth_request.uri = \"/{name}\"\n{more}"),
        )
    };
    let _gateway = gateway(
        listen,
        &[
            asked("yes", "status=204"),
            asked("no", "status=403"),
            asked("who", "status=401"),
            asked("odd", "status=302"),
            guarded("", "yes", ""),
            guarded("Refused", "no", ""),
            guarded("Login", "who", ""),
            guarded("Odd", "odd", ""),
            guarded(
                "Who",
                "yes",
                "auth_request.set = { user = \"$upstream_http_server\" }\nheaders.set.x-who = \"$user\"",
            ),
        ]
        .concat(),
    );
    assert_eq!(grpc_calls(listen, None), expected);
    server.cancelled(2);
    let questions = authority.take();
    assert_eq!(questions.len(), expected.len() - 1, "one a call, of which the last two lines tell");
    for question in questions {
        assert!(question.head.start_line().starts_with(b"GET /yes HTTP/1.1") && question.body.is_empty());
        assert_eq!(question.head.field("content-type").as_deref(), Some("application/grpc"));
        assert_eq!(question.head.field("te"), None, "of the client's connection");
    }
    for (method, expected) in [
        ("Refused", "PERMISSION_DENIED '403 Forbidden' []"),
        ("Login", "UNAUTHENTICATED '401 Unauthorized' []"),
        ("Odd", "UNKNOWN '500 Internal Server Error' []"),
        ("Who", "OK b'origin'"),
    ] {
        assert_eq!(grpc_call(listen, method), expected, "{method}");
    }
}

/// A copy of a call is its request; streams in both directions have none of their bodies.
#[test]
fn calls_are_copied() {
    let [origin, listen] = addresses();
    let (server, mirror) = (GrpcServer::start(&origin.to_string(), None), Origin::start());
    let expected = grpc_calls(origin, None);
    server.cancelled(1);
    let copied = |method: &str, more: &str| {
        passes(
            &format!("/test.Echo/{method}"),
            &format!("grpc://{origin}"),
            &format!("mirror.to = [\"/copy\"]\n{more}"),
        )
    };
    let _gateway = gateway(
        listen,
        &[
            copied("", "mirror.body = false"),
            copied("Unary", ""),
            copied("Large", "limit.body_size = 3"),
            format!(
                "[[server.location]]\nmatch = \"/copy\"\ninternal = true\nproxy_pass = \"http://{}\"\n",
                mirror.address()
            ),
        ]
        .concat(),
    );
    assert_eq!(grpc_calls(listen, None), expected);
    server.cancelled(2);
    let mut seen = Vec::new();
    until("the copies", LIMIT, || {
        seen.extend(mirror.take());
        (seen.len() == expected.len() - 1).then_some(())
    });
    assert!(seen.iter().all(|seen| seen.whole && seen.head.start_line().starts_with(b"POST /copy HTTP/1.1")));
    let bodies: Vec<_> =
        seen.iter().filter(|seen| !seen.body.is_empty()).map(|seen| seen.body.len()).collect();
    assert!(bodies.contains(&10) && bodies.contains(&300_005), "a byte, a length, and hello: {bodies:?}");
    assert_eq!(grpc_call(listen, "Large"), "UNKNOWN '413 Payload Too Large' []");
}

/// A call that reached nobody goes to the next server.
#[test]
fn another_server_is_tried() {
    let [origin, listen] = addresses();
    let (_server, refusing) = (GrpcServer::start(&origin.to_string(), None), Refusing::new());
    let dead = refusing.address();
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[upstream.u]\nserver = [{{ address = \"{dead}\" }}, {{ address = \"{origin}\" }}]\n\
         [[server]]\nlisten = [\"{listen} http2\"]\n{}",
        passes("/", "grpc://u", "")
    ));
    for _ in 0..3 {
        assert_eq!(grpc_call(listen, "Unary"), "OK b'hello'");
    }
}

#[test]
fn what_stands_in_variables() {
    let [origin, other, listen] = addresses();
    let _server = GrpcServer::start(&origin.to_string(), None);
    let _gateway = gateway(
        listen,
        &[
            format!(
                "set = {{ to = \"{origin}\", whole = \"grpc://{origin}\", wrong = \"http://{other}\" }}\n"
            ),
            passes("/test.Echo/Clear", "grpcs://$whole", ""),
            passes("/test.Echo/Who", "grpc://$to", "headers.set = { x-who = \"$host\" }"),
            passes("/test.Echo/Wrong", "$wrong", ""),
            passes("/", "$whole", ""),
        ]
        .concat(),
    );
    assert_eq!(grpc_call(listen, "Unary"), "OK b'hello'");
    assert_eq!(grpc_call(listen, "Who"), format!("OK b'{}'", listen.ip()));
    assert_eq!(grpc_call(listen, "Wrong"), "UNKNOWN '500 Internal Server Error' []");
    // TLS that the configuration asks for is not taken back by what a variable holds.
    assert_eq!(grpc_call(listen, "Clear"), "UNKNOWN '500 Internal Server Error' []");
}

#[test]
fn what_is_no_grpc_server_is_an_error() {
    for (location, message) in [
        ("grpc_pass = \"http://127.0.0.1:1\"", "invalid scheme in `grpc_pass`"),
        ("grpc_pass = \"grpc://127.0.0.1:1/uri\"", "`grpc_pass` cannot have a URI part"),
        ("grpc_pass = \"grpc://127.0.0.1\"", "the port is missing"),
        (
            "grpc_pass = \"127.0.0.1:1\"\nproxy_pass = \"http://127.0.0.1:1\"",
            "this location has more than one action",
        ),
        ("grpc_pass = \"127.0.0.1:1\"\nupstream.http_version = \"1.1\"", "`grpc_pass` requires HTTP/2"),
    ] {
        let output = check(&format!("[[server]]\n[[server.location]]\nmatch = \"/\"\n{location}\n"));
        assert_eq!(output.status.code(), Some(1), "{location}");
        assert!(lossy(&output.stderr).contains(message), "{location}: {}", lossy(&output.stderr));
    }
}
