//! The command line: what it prints, and how it exits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use propylon_tests::{LIMIT, Propylon, addresses, binary, check, fixture, lossy, raw_request, until};
use rustix::process::{Pid, Signal, kill_process};

/// What a report on `fixtures/eight.toml` says of each mistake, in the order of the file.
const EIGHT: [&str; 8] =
    ["auto", "connect", "duration", "port", "regular expression", "backend", "status", "$host"];

#[test]
fn check_reports_eight_mistakes_in_one_run() {
    let (text, places) = places(&fixture("eight.toml", &[]));
    assert_eq!(places.len(), EIGHT.len());
    let output = check(&text);
    let report = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{report}");
    let reported = reported(&report);
    assert_eq!(reported.len(), EIGHT.len(), "{report}");
    for (((line, columns), says), (at, column, what)) in places.iter().zip(EIGHT).zip(&reported) {
        assert_eq!(at, line, "{what}");
        assert!(columns.contains(column), "column {column} is not in {columns:?}:\n{what}");
        assert!(what.to_lowercase().contains(says), "nothing about {says:?}:\n{what}");
        assert!(what.contains('^'), "nothing is underlined:\n{what}");
    }
}

#[test]
fn check_of_a_good_file_exits_with_0() {
    let output = check(
        "[[server]]\nlisten = [\"127.0.0.1:80\"]\n[[server.location]]\nmatch = \"/\"\nreturn = [204]\n",
    );
    assert_eq!(output.status.code(), Some(0), "{}", lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", lossy(&output.stderr));
}

/// Each once, however many locations ask for it.
#[test]
fn check_of_files_of_passwords_and_keys_that_cannot_be_read_exits_with_2() {
    let output = check(
        "[defaults.access.basic]\nrealm = \"a\"\nusers = \"@DIR@/users\"\n[[server]]\nlisten = [\"127.0.0.1:80\"]\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [204]\n[[server.location]]\nmatch = \"/jwt/\"\nreturn = [204]\n\
         auth_jwt = { realm = \"b\", key_file = [\"@DIR@/keys\", \"@DIR@/$host\"] }\n",
    );
    assert_eq!(output.status.code(), Some(2), "{}", lossy(&output.stderr));
    let text = lossy(&output.stderr);
    for what in ["password file", "key file"] {
        assert_eq!(text.matches(&format!("cannot open the {what} ")).count(), 1, "{text}");
    }
    assert_eq!(text.matches("No such file or directory").count(), 2, "{text}");
}

/// What only the world decides is no error: exit code 2, and an error with `--strict`.
#[test]
fn check_of_a_name_that_does_not_resolve_exits_with_2() {
    let text =
        "[[server]]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://no-such-host.invalid\"\n";
    let output = check(text);
    assert_eq!(output.status.code(), Some(2), "{}", lossy(&output.stderr));
    assert!(lossy(&output.stderr).contains("no-such-host.invalid"), "{}", lossy(&output.stderr));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.toml");
    std::fs::write(&path, text).unwrap();
    assert_eq!(run(&["check", "--strict", "--config", path.to_str().unwrap()]).status.code(), Some(1));
}

#[test]
fn check_of_no_file_exits_with_1() {
    let output = run(&["check", "--config", "/nowhere/propylon.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(lossy(&output.stderr).contains("/nowhere/propylon.toml"), "{}", lossy(&output.stderr));
}

/// 2 is taken: it says that a configuration has faults.
#[test]
fn wrong_usage_exits_with_64() {
    for arguments in [&["run", "--confg", "x"][..], &["fly"], &["run"], &["explain"], &[]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", lossy(&output.stderr));
        assert!(lossy(&output.stderr).contains("Usage"), "{arguments:?}: {}", lossy(&output.stderr));
    }
}

#[test]
fn help_and_version_exit_with_0() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["run", "check", "explain", "schema", "demo", "Exit codes", "HUP"] {
        assert!(lossy(&help.stdout).contains(word), "{word} is not in the help");
    }
    assert!(lossy(&run(&["--version"]).stdout).starts_with("propylon "));
}

#[test]
fn schema_is_a_json_schema_of_the_configuration() {
    let output = run(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(
        schema["$schema"].as_str().is_some_and(|url| url.contains("json-schema.org")),
        "{}",
        schema["$schema"]
    );
    for table in ["runtime", "error_log", "log_format", "map", "upstream", "defaults", "server"] {
        assert!(schema["properties"][table].is_object(), "{table} is not in the schema");
    }
}

#[test]
fn explain_tells_server_location_and_where_values_come_from() {
    let path = format!("{}/fixtures/explain.toml", env!("CARGO_MANIFEST_DIR"));
    let explain = |request: &[&str]| {
        let output = run(&[&["explain", "--config", &path], request].concat());
        assert_eq!(output.status.code(), Some(0), "{}", lossy(&output.stderr));
        lossy(&output.stdout)
    };
    let text = explain(&["POST", "http://x.a.test/app/one?two"]);
    for part in ["\"a.test\", line 13", "/app/, line 23", "http://backend/v1/, line 24", "/v1/one?two"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    for (key, value, line) in [
        ("timeout.read", "31s", "line 11"),
        ("timeout.connect", "7s", "line 16"),
        ("timeout.send", "9s", "line 25"),
    ] {
        let row =
            text.lines().find(|row| row.contains(key)).unwrap_or_else(|| panic!("no {key} in:\n{text}"));
        assert!(row.contains(value) && row.contains(line), "{value} of {line} is not in: {row}");
    }
    for (method, part) in [
        ("POST", "peers     127.0.0.1:8001 weight 3, 127.0.0.1:8002, line 1"),
        (
            "POST",
            "retry     with the next peer after error, timeout; a POST only if it provably reached no peer",
        ),
        ("GET", "retry     with the next peer after error, timeout\n"),
    ] {
        let text = explain(&[method, "http://x.a.test/app/one?two"]);
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let text = explain(&["http://a.test/app/"]);
    for part in ["method    by a hash of \"$arg_id\", consistent", "settings of the upstream \"backend\""] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    for (key, value, line) in [
        ("server", "max_conns = 7", "line 2"),
        ("method", "{ hash = \"$arg_id\", consistent = true }", "line 3"),
        ("queue", "{ size = 9, timeout = \"60000ms\" }", "line 4"),
        ("health_check", "uri = \"/health\"", "line 5"),
        ("keepalive_time", "\"3600000ms\"", "default"),
        ("sticky", "", "default"),
    ] {
        let row =
            text.lines().rfind(|row| row.trim().starts_with(&format!("{key} =")) && row.contains(value));
        let row = row.unwrap_or_else(|| panic!("no {key} with {value} in:\n{text}"));
        assert!(row.contains(line), "{line} is not in: {row}");
    }
    // What nobody has written comes after all that somebody has.
    let (written, defaults) = text.split_once("settings with their default values\n").unwrap();
    assert!(!written.contains("# default") && !defaults.contains(", line "), "{text}");
    let text = explain(&["http://a.test/any/"]);
    let names = "peers     chosen per request: upstream \"backend\", upstream \"other\", localhost:8003, any IP address";
    assert!(text.contains(names), "{text}");
    assert!(explain(&["http://a.test/fixed/"]).contains("settings of the upstream \"other\""));
    assert!(explain(&["http://a.test/app/x.php"]).contains(r"\.php$"));
    assert!(explain(&["/"]).contains("404"));
    for (path, parts) in [
        ("/old/x?two", ["(.*)$: the URI is /app/x?old=1&two", "/app/, line 23", "/v1/x?old=1&two"]),
        (
            "/may/x",
            [
                "if, 1 steps",
                "determined per request; the following applies if the URI is still /may/x",
                "sent as   /may/x",
            ],
        ),
        ("/cycle/", ["the URI is /cycle/", "rewrite cycle", "500"]),
    ] {
        let text = explain(&[&format!("http://a.test{path}")]);
        assert!(parts.iter().all(|part| text.contains(part)), "{path}:\n{text}");
        assert!(!text.contains("/no"), "{text}");
    }
}

/// The one test that takes the ports of the demo, 8080 to 8082.
#[test]
fn demo_serves_until_it_is_interrupted() {
    let mut demo = Command::new(binary()).arg("demo").stdout(Stdio::piped()).spawn().unwrap();
    let at = "127.0.0.1:8080".parse().unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = until("an answer of the demo", LIMIT, || {
        assert!(demo.try_wait().unwrap().is_none(), "the demo has ended; are its ports taken?");
        raw_request(at, request).ok()
    });
    assert_eq!(answer.status, 200);
    let other = raw_request(at, request).unwrap();
    assert_ne!(answer.body, other.body, "two upstreams take turns");
    kill_process(Pid::from_child(&demo), Signal::INT).unwrap();
    let status = until("the end of the demo", Duration::from_secs(10), || demo.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().expect("propylon runs")
}

/// Takes the guillemets out of a text and tells which line and columns they marked, counted from 1.
fn places(marked: &str) -> (String, Vec<(usize, std::ops::RangeInclusive<usize>)>) {
    let (mut text, mut places, mut start) = (String::new(), Vec::new(), 0);
    for (number, line) in marked.lines().enumerate() {
        let mut column = 1;
        for letter in line.chars() {
            match letter {
                '«' => start = column,
                '»' => places.push((number + 1, start..=column)),
                _ => {
                    text.push(letter);
                    column += 1;
                }
            }
        }
        text.push('\n');
    }
    (text, places)
}

/// The errors of a report: line, column, and the text of each.
fn reported(report: &str) -> Vec<(usize, usize, String)> {
    let errors = report.split("\nerror").map(|error| error.strip_prefix("error").unwrap_or(error));
    let place = |error: &str| {
        let arrow = error.lines().find_map(|line| line.trim_start().strip_prefix("--> "))?;
        let mut parts = arrow.trim().rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        Some((parts.next()?.parse().ok()?, column, error.to_owned()))
    };
    errors.filter_map(place).collect()
}

/// Workers share a port among themselves (SO_REUSEPORT), but with no other process.
#[test]
fn a_second_gateway_on_the_same_port_does_not_start() {
    let [at] = addresses();
    let toml = format!("[[server]]\nlisten = [\"{at}\"]\nreturn = [200]\n");
    let _first = Propylon::start(&toml);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("second.toml");
    std::fs::write(&path, toml).unwrap();
    let mut second = Killed(
        Command::new(binary()).args(["run", "--config"]).arg(&path).stderr(Stdio::piped()).spawn().unwrap(),
    );
    let status = until("the end of the second", LIMIT, || second.0.try_wait().unwrap());
    let mut said = String::new();
    second.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {at}")) && said.contains("ss -ltnp"), "{said}");
}

/// A process that does not outlive a test that fails.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
