//! Error logs of servers, locations and streams: which lines are in them, from which level on, and what becomes of them over a reload.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use propylon_testkit::certificates::Authority;
use propylon_tests::{
    Client, LIMIT, Propylon, Refusing, Signal, Stream, Udp, address, addresses, check, fill, raw_request,
    until,
};

/// Two servers and a location with logs of their own; the process has one for the rest.
const CONFIG: &str = r#"
[error_log]
path = "@DIR@/error.log"
level = "info"
[runtime]
workers = 1
[upstream.gone]
server = [{ address = "@NOBODY@" }, { address = "@NOBODY2@" }]
[[server]]
listen = ["@LISTEN@"]
name = ["one.test"]
error_log = { path = "@DIR@/one.log", level = "info" }
[[server.location]]
match = "/"
proxy_pass = "http://@NOBODY@"
[[server.location]]
match = "/own/"
proxy_pass = "http://@NOBODY@"
error_log = { path = "@DIR@/own.log" }
[[server.location]]
match = "/debug/"
proxy_pass = "http://gone"
error_log = { path = "@DIR@/debug.log", level = "debug" }
[[server.location]]
match = "/crit/"
proxy_pass = "http://@NOBODY@"
error_log = { path = "@DIR@/crit.log", level = "crit" }
[[server.location]]
match = "/process/"
proxy_pass = "http://@NOBODY@"
error_log = []
[[server]]
listen = ["@LISTEN@"]
name = ["two.test"]
error_log = { path = "@DIR@/two.log" }
[[server.location]]
match = "/"
proxy_pass = "http://@NOBODY@"
"#;

/// Requests that others are asked for beside, of which one has a log of its own and one has not.
const BESIDE: &str = r#"
[[server]]
listen = ["@LISTEN@"]
name = ["beside.test"]
[[server.location]]
match = "/page/"
error_log = { path = "@DIR@/page.log", level = "warn" }
auth_request = { uri = "/asked" }
proxy_pass = "http://@NOBODY@"
[[server.location]]
match = "/plain/"
auth_request = { uri = "/asked/own" }
proxy_pass = "http://@NOBODY@"
[[server.location]]
match = "/asked"
proxy_pass = "http://gone"
[[server.location]]
match = "/asked/own"
error_log = { path = "@DIR@/asked.log", level = "warn" }
proxy_pass = "http://gone"
"#;

struct World {
    gateway: Propylon,
    listen: SocketAddr,
    text: String,
    _nobody: [Refusing; 2],
}

impl World {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let (listen, nobody) = (address(), [Refusing::new(), Refusing::new()]);
        let [one, other] = [0, 1].map(|index| nobody[index].address().to_string());
        let text = format!("{CONFIG}{more}");
        let text = fill(&text, &[("LISTEN", &listen.to_string()), ("NOBODY", &one), ("NOBODY2", &other)]);
        Self { gateway: Propylon::start(&text), listen, text, _nobody: nobody }
    }

    fn ask(&self, host: &str, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(raw_request(self.listen, request.as_bytes()).unwrap().status, 502, "{host} {path}");
    }

    /// Waits for the line of this request, which has to be in this log and in no other.
    fn is_in(&self, log: &str, path: &str) -> String {
        let of_it = format!("\"GET {path} ");
        let line = until(log, LIMIT, || {
            let text = self.gateway.read(log);
            text.lines().find(|line| line.contains(&of_it)).map(str::to_owned)
        });
        for other in ["error.log", "one.log", "own.log", "debug.log", "crit.log", "two.log", "stderr"] {
            assert!(
                other == log || !self.gateway.read(other).contains(&of_it),
                "{other} has the line of {path}"
            );
        }
        line
    }
}

#[test]
fn a_line_is_in_the_log_of_its_place_and_nowhere_else() {
    let world = World::new();
    for (host, path, log) in [
        ("one.test", "/a", "one.log"),
        ("one.test", "/own/a", "own.log"),
        ("one.test", "/process/a", "error.log"),
        ("two.test", "/b", "two.log"),
        ("unknown.test", "/c", "one.log"),
    ] {
        world.ask(host, path);
        let line = world.is_in(log, path);
        assert!(line.contains(" [error] "), "{line}");
        assert!(
            line.contains("connect() failed (111: Connection refused) while connecting to upstream"),
            "{line}"
        );
    }
    // One connection, and each of its requests is told of where it belongs.
    let mut client = Client::connect(world.listen).unwrap();
    for (host, path, log) in
        [("one.test", "/own/k", "own.log"), ("two.test", "/k", "two.log"), ("one.test", "/l", "one.log")]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(client.ask(request.as_bytes()).unwrap().status, 502);
        world.is_in(log, path);
    }
}

/// Also that a peer is given up, which names no request.
#[test]
fn what_is_asked_for_beside_a_request_is_told_of_in_its_log() {
    for (path, log) in [("/page/", "page.log"), ("/plain/", "error.log")] {
        let world = World::with(BESIDE);
        let request = format!("GET {path} HTTP/1.1\r\nHost: beside.test\r\nConnection: close\r\n\r\n");
        assert_eq!(raw_request(world.listen, request.as_bytes()).unwrap().status, 500);
        for what in ["connect() failed", "upstream server temporarily disabled"] {
            until(what, LIMIT, || world.gateway.read(log).contains(what).then_some(()));
            for other in ["error.log", "page.log", "asked.log"].iter().filter(|other| **other != log) {
                assert!(!world.gateway.read(other).contains(what), "{other}: {what} of {path}");
            }
        }
    }
}

#[test]
fn each_log_has_its_level() {
    let world = World::new();
    // That another peer is tried is told at `debug`, which nobody else wants.
    world.ask("one.test", "/debug/a");
    world.is_in("debug.log", "/debug/a");
    until("the line of level debug", LIMIT, || {
        world.gateway.read("debug.log").contains(" [debug] ").then_some(())
    });
    assert!(
        world.gateway.read("debug.log").contains("[warn] "),
        "that a peer is given up is the location's to tell"
    );
    // A bad request is told of at `info`: the default server's log takes that.
    let mut client = Client::connect(world.listen).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: one.test\r\nContent-Length: x\r\n\r\n").unwrap();
    assert_eq!(client.response(false).unwrap().status, 400);
    until("the line of level info", LIMIT, || {
        world.gateway.read("one.log").contains(" [info] ").then_some(())
    });
    // Nothing of a request is worse than an error.
    world.ask("one.test", "/crit/a");
    world.ask("one.test", "/own/after");
    world.is_in("own.log", "/own/after");
    assert_eq!(world.gateway.read("crit.log"), "");
    for quiet in ["error.log", "two.log", "one.log", "own.log", "stderr"] {
        assert!(!world.gateway.read(quiet).contains(" [debug] "), "{quiet}");
        assert!(!world.gateway.read(quiet).contains("/crit/a"), "{quiet}");
    }
    assert!(!world.gateway.read("error.log").contains("client sent"), "not the process's");
}

#[test]
fn several_logs_of_one_place_each_with_its_level() {
    let (listen, nobody) = (address(), Refusing::new());
    let gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\nerror_log = [{{ path = \"@DIR@/a.log\" }}, {{ path = \"@DIR@/b.log\", level = \"info\" }}, {{ path = \"stderr\" }}]\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n",
        nobody.address()
    ));
    let _ = raw_request(listen, b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n").unwrap();
    let _ = raw_request(listen, b"GET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let lines = gateway.lines("b.log", 2);
    assert!(lines[0].contains(" [info] ") && lines[1].contains("connect() failed"), "{lines:?}");
    assert_eq!(gateway.lines("a.log", 1), [lines[1].clone()]);
    assert_eq!(gateway.tells("connect() failed").trim_end(), lines[1]);
}

#[test]
fn rotated_logs_are_opened_anew() {
    let world = World::new();
    world.ask("one.test", "/own/before");
    world.is_in("own.log", "/own/before");
    world.ask("two.test", "/before");
    world.is_in("two.log", "/before");
    for log in ["own.log", "two.log"] {
        fs::rename(world.gateway.path(log), world.gateway.path(&format!("{log}.1"))).unwrap();
    }
    world.gateway.signal(Signal::USR1);
    until("the new files", LIMIT, || {
        ["own.log", "two.log"].iter().all(|log| world.gateway.path(log).exists()).then_some(())
    });
    world.ask("one.test", "/own/after");
    world.is_in("own.log", "/own/after");
    world.ask("two.test", "/after");
    world.is_in("two.log", "/after");
    let old = [world.gateway.read("own.log.1"), world.gateway.read("two.log.1")];
    assert!(old.iter().all(|text| text.contains("before") && !text.contains("after")), "{old:?}");
}

#[test]
fn a_reload_adds_takes_away_and_keeps_logs() {
    let world = World::new();
    world.ask("one.test", "/own/1");
    world.is_in("own.log", "/own/1");
    // Renamed, and not opened anew: a log that stays is the same file all the time.
    fs::rename(world.gateway.path("own.log"), world.gateway.path("kept.log")).unwrap();
    let more = world.text.replacen(
        "error_log = { path = \"@DIR@/two.log\" }",
        "error_log = { path = \"@DIR@/new.log\", level = \"debug\" }",
        1,
    );
    world.gateway.put_to_use(&more);
    world.ask("two.test", "/2");
    until("the new log", LIMIT, || world.gateway.read("new.log").contains("GET /2 ").then_some(()));
    world.ask("one.test", "/own/2");
    until("the log that was kept", LIMIT, || {
        world.gateway.read("kept.log").contains("GET /own/2 ").then_some(())
    });
    assert!(!world.gateway.path("own.log").exists() && !world.gateway.read("two.log").contains("GET /2 "));
    // Without any, it is the log of the process again.
    let fewer: String = more
        .lines()
        .filter(|line| !line.starts_with("error_log = "))
        .map(|line| format!("{line}\n"))
        .collect();
    world.gateway.put_to_use(&fewer);
    world.ask("one.test", "/own/3");
    world.is_in("error.log", "/own/3");
    world.ask("two.test", "/3");
    world.is_in("error.log", "/3");
}

#[test]
fn a_log_that_cannot_be_opened_keeps_the_configuration_from_use() {
    let world = World::new();
    let broken = world.text.replacen("@DIR@/two.log", "@DIR@/nowhere/two.log", 1);
    world.gateway.rewrite(&broken);
    world.gateway.signal(Signal::HUP);
    let log = world.gateway.tells("the configuration is not reloaded");
    assert!(log.contains("nowhere/two.log") && log.contains("No such file"), "{log}");
    world.ask("two.test", "/still");
    world.is_in("two.log", "/still");

    let text =
        "[[server]]\nlisten = [\"127.0.0.1:1\"]\nreturn = [204]\nerror_log.path = \"@DIR@/nowhere/a.log\"\n";
    let checked = check(text);
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success() && told.contains("nowhere/a.log"), "{told}");
}

#[test]
fn what_outlives_a_request_is_told_of_where_the_request_was() {
    let (listen, nobody) = (address(), Refusing::new());
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\n[[server]]\nlisten = [\"{listen}\"]\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [204]\n\
         [[server.location]]\nmatch = \"/copied/\"\nmirror.to = [\"/copy/\"]\nerror_log.path = \"@DIR@/copied.log\"\nroot = \"@DIR@\"\n\
         [[server.location]]\nmatch = \"/copy/\"\nerror_log.path = \"@DIR@/copy.log\"\nproxy_pass = \"http://{}\"\n",
        nobody.address()
    ));
    let _ = raw_request(listen, b"GET /copied/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let told = until("both lines", LIMIT, || {
        Some(gateway.read("copied.log"))
            .filter(|text| text.contains("open()") && text.contains("connect() failed"))
    });
    assert_eq!(told.lines().count(), 2, "{told}");
    assert_eq!(gateway.read("copy.log") + &gateway.read("error.log"), "");
}

#[test]
fn a_stream_has_a_log_of_its_own() {
    let ([own, other], nobody) = (addresses(), Refusing::new());
    let to = nobody.address();
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\n\
         [[stream]]\nlisten = [\"{own}\"]\nproxy_pass = \"{to}\"\nerror_log = {{ path = \"@DIR@/own.log\", level = \"info\" }}\n\
         [[stream]]\nlisten = [\"{other}\"]\nproxy_pass = \"{to}\"\n"
    ));
    for at in [own, other] {
        let _ = Stream::connect(at).unwrap().to_end(&mut Vec::new()); // a reset is an end as well
    }
    let lines = [gateway.lines("own.log", 1), gateway.lines("error.log", 1)];
    for (lines, at) in lines.iter().zip([own, other]) {
        assert!(lines.len() == 1 && lines[0].contains("connect() failed"), "{lines:?}");
        assert!(lines[0].contains(&format!("server: {at}")), "{lines:?}");
    }
}

/// Also of what names no connection: that a server is given up.
#[test]
fn a_stream_of_udp_has_a_log_of_its_own() {
    let (listen, origin, gone) = (address(), Udp::new(), Udp::new().address());
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [upstream.two]\nserver = [{{ address = \"{gone}\" }}, {{ address = \"{}\" }}]\n\
         [[stream]]\nlisten = [\"{listen} udp\"]\nproxy_pass = \"two\"\nerror_log.path = \"@DIR@/own.log\"\nerror_log.level = \"warn\"\n",
        origin.address()
    ));
    // Each worker begins with the first of them.
    let told = until("both lines", LIMIT, || {
        Udp::connect(listen).send(b"hello");
        Some(gateway.read("own.log"))
            .filter(|text| text.contains("recv() failed") && text.contains("temporarily disabled"))
    });
    assert!(told.contains(&format!("upstream server temporarily disabled: \"{gone}\"")), "{told}");
    let log = gateway.error_log();
    assert!(!log.contains("recv()") && !log.contains("disabled"), "{log}");
}

/// Servers behind one address that have each a log of their own, and one of the process.
fn two_servers(listen: &str, each: [&str; 2]) -> Propylon {
    let server = |name: &str, more: &str| {
        format!(
            "[[server]]\nlisten = [\"{listen}\"]\nname = [\"{name}.test\"]\nerror_log = {{ path = \"@DIR@/{name}.log\", level = \"info\" }}\n\
             return = [204]\n{more}\n"
        )
    };
    let [one, two] = each;
    Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n{}{}",
        server("one", one),
        server("two", two)
    ))
}

/// Says this to the gateway, and waits until it has closed the connection.
fn say(at: SocketAddr, text: &[u8]) {
    let mut client = Stream::connect(at).unwrap();
    client.send(text).unwrap();
    let _ = client.to_end(&mut Vec::new()); // a reset is an end as well
}

#[test]
fn what_is_wrong_with_a_connection_is_the_default_servers_to_tell() {
    let [proxied, multiplexed] = addresses();
    let gateway = two_servers(&format!("{proxied} proxy_protocol"), ["", ""]);
    say(proxied, b"this is no header\r\n");
    assert!(gateway.lines("one.log", 1)[0].contains("while reading PROXY protocol"));
    assert_eq!(gateway.read("two.log"), "");
    assert!(!gateway.error_log().contains("PROXY"));

    let gateway = two_servers(&format!("{multiplexed} http2"), ["", ""]);
    // SETTINGS, as is right, then DATA of no stream.
    say(multiplexed, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert!(gateway.lines("one.log", 1)[0].contains("client violated HTTP/2"));
    assert_eq!(gateway.read("two.log"), "");
    assert!(!gateway.error_log().contains("violated"));
}

#[test]
fn a_handshake_is_told_of_by_the_server_that_was_asked_for() {
    let (listen, directory, root) = (address(), tempfile::tempdir().unwrap(), Authority::root("Root"));
    let certificate = |name: &str| {
        let (certificate, key) = root.server(&[name]).write(directory.path(), name);
        format!(
            "tls.certificates = [{{ certificate = \"{}\", key = \"{}\" }}]\n",
            certificate.display(),
            key.display()
        )
    };
    let (one, two) = (certificate("one.test"), certificate("two.test") + "tls.protocols = [\"TLSv1.3\"]\n");
    let gateway = two_servers(&format!("{listen} tls"), [&one, &two]);
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &listen.to_string(), "-servername", "two.test", "-tls1_2"]);
    let client = client.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(!client.status().unwrap().success());
    assert!(gateway.lines("two.log", 1)[0].contains("SSL_do_handshake() failed"));
    assert_eq!(gateway.read("one.log"), "");
    // Whoever has not said whom he means.
    say(listen, b"\x16\x03\x01\0\x05hello");
    assert!(gateway.lines("one.log", 1)[0].contains("SSL_do_handshake() failed"));
    assert_eq!(gateway.lines_now("two.log").len(), 1);
    assert!(!gateway.error_log().contains("handshak"));
}
