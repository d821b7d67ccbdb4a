//! An nginx.conf that is run as it is, imported, checked, explained.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use propylon_tests::{LIMIT, Origin, Propylon, Signal, address, binary, lossy, raw_request, until};
use propylon_tls::{BuildError, Connector, ConnectorBuilder};

const CONF: &str = "
worker_processes 1;
error_log error.log debug;
events { }
http {
    log_format short '$request_uri $status';
    access_log access.log short;
    map $arg_a $mapped { default none; ~^x(?<rest>.*)$ \"x and $rest\"; }
    upstream app { server @ORIGIN@; }
    server {
        listen @LISTEN@;
        server_name example.com;
        add_header X-Level server always;
        error_page 404 /missing;
        location / { proxy_pass http://app; proxy_set_header X-Mapped $mapped; }
        location /api/ { proxy_pass http://app/v1/; }
        location /outer/ {
            add_header X-Level outer;
            location /outer/inner/ { return 200 inner; }
            location ~ \\.txt$ { return 200 text; }
            return 200 outer;
        }
        location = /missing { internal; return 404 \"nothing here\\n\"; }
        location = /gone { return 410; }
        location = /away { return 301 /to; }
    }
    server { listen @LISTEN@; server_name other.example.com; return 204; }
}
";

fn conf(listen: std::net::SocketAddr, origin: &Origin) -> String {
    CONF.replace("@LISTEN@", &listen.to_string()).replace("@ORIGIN@", &origin.address().to_string())
}

fn propylon(args: &[&str]) -> Output {
    Command::new(binary()).args(args).output().expect("propylon runs")
}

/// Import, then run, and a direct run: the same requests give the same answers.
#[test]
fn a_direct_run_is_an_import_and_a_run() {
    let origin = Origin::echo();
    let listen = address();
    let text = conf(listen, &origin);
    let ask = || {
        [
            "/",
            "/x?a=x1",
            "/api/users?b",
            "/outer/",
            "/outer/inner/a",
            "/outer/a.txt",
            "/missing",
            "/gone",
            "/away",
            "/outer",
        ]
        .map(|path| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
            let answer = raw_request(listen, request.as_bytes()).unwrap();
            let mut fields = answer.head.by_name();
            fields.remove("date");
            let text = |values: Vec<Vec<u8>>| values.iter().map(|value| lossy(value)).collect::<Vec<_>>();
            let fields: Vec<_> = fields.into_iter().map(|(name, values)| (name, text(values))).collect();
            let fields = format!("{} {fields:?}", answer.status);
            (path, fields, lossy(&answer.body))
        })
    };
    let direct = Propylon::start_nginx(&text);
    let first = ask();
    let logged = direct.lines("access.log", first.len());
    drop(direct);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nginx.conf");
    fs::write(&path, &text).unwrap();
    let imported = propylon(&["import", path.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(0), "{}", lossy(&imported.stderr));
    let toml = lossy(&imported.stdout).replace("pid_file = \"logs/nginx.pid\"", "");
    let by_import = Propylon::start(&toml);
    let second = ask();
    assert_eq!(first, second);
    assert_eq!(logged, by_import.lines("access.log", second.len()));
    assert!(first[0].1.contains("nginx/"), "{}", first[0].1);
    assert!(first[2].2.contains("GET /v1/users?b"), "{}", first[2].2);
    assert!(first[1].2.contains("X-Mapped: x and 1"), "{}", first[1].2);
}

#[test]
fn a_bad_file_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let (path, log) = (dir.path().join("nginx.conf"), dir.path().join("error.log"));
    fs::write(&path, "events { }\nhttp {\n  server { listen 80; image_filter test; locaton / { } }\n}\n")
        .unwrap();
    let [conf, prefix, log] = [path.as_path(), dir.path(), log.as_path()].map(|path| path.to_str().unwrap());
    let output = propylon(&["run", "--nginx-conf", conf, "--prefix", prefix, "--error-log", log]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("[emerg] unknown directive \"locaton\" in {conf}:3");
    assert!(lossy(&output.stderr).contains(&expected), "{}", lossy(&output.stderr));
    assert!(lossy(&output.stderr).contains("did you mean \"location\"?"), "{}", lossy(&output.stderr));
    let logged = fs::read_to_string(log).unwrap();
    assert!(logged.contains("[emerg]") && logged.contains("\"locaton\""), "{logged}");
    let check = propylon(&["check", "--nginx-conf", conf, "--prefix", prefix]);
    assert_eq!(check.status.code(), Some(1));
    fs::write(&path, "events { }\nhttp { server { listen 127.0.0.1:80; image_filter test; } }\n").unwrap();
    let output = propylon(&["run", "--nginx-conf", conf, "--prefix", prefix]);
    assert_eq!(output.status.code(), Some(1), "what is refused is not left out in silence");
    assert!(
        lossy(&output.stderr).contains("\"image_filter\" cannot be converted"),
        "{}",
        lossy(&output.stderr)
    );
    let import = propylon(&["import", conf]);
    assert_eq!(import.status.code(), Some(1));
    assert!(lossy(&import.stdout).contains("# REFUSED: image_filter test;"), "{}", lossy(&import.stdout));
}

#[test]
fn signals_and_the_pid_file() {
    let origin = Origin::echo();
    let listen = address();
    let mut propylon = Propylon::start_nginx(&conf(listen, &origin));
    assert_eq!(propylon.read("propylon.pid").trim(), propylon.id().to_string());
    let status = |host: &str| {
        raw_request(
            listen,
            format!("GET /gone HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap()
        .status
    };
    assert_eq!((status("example.com"), status("other.example.com")), (410, 204));
    fs::write(propylon.path("nginx.conf"), conf(listen, &origin).replace("410", "418")).unwrap();
    propylon.signal(Signal::HUP);
    until("the end of the old generation", LIMIT, || {
        propylon.error_log().contains("exited with code").then_some(())
    });
    assert_eq!(status("example.com"), 418);
    let log = propylon.error_log();
    assert!(
        log.lines().any(|line| line.contains("[notice]") && line.contains("exited with code 0")),
        "{log}"
    );
    assert!(!log.contains("[alert]") && !log.contains("[emerg]"), "{log}");
    fs::write(propylon.path("nginx.conf"), "nonsense;").unwrap();
    propylon.signal(Signal::HUP);
    until("the refusal", LIMIT, || {
        propylon.error_log().contains("unknown directive \"nonsense\"").then_some(())
    });
    assert_eq!(status("example.com"), 418, "the old one stays");
    fs::rename(propylon.path("access.log"), propylon.path("access.log.1")).unwrap();
    propylon.signal(Signal::USR1);
    until("the log opened anew", LIMIT, || propylon.path("access.log").exists().then_some(()));
    propylon.signal(Signal::QUIT);
    assert!(propylon.ended(Duration::from_secs(10)).success());
    assert!(!propylon.path("propylon.pid").exists(), "the pid file is removed");
}

#[test]
fn explain_and_dump_name_the_lines_of_the_nginx_conf() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nginx.conf");
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    fs::write(
        dir.path().join("conf.d/b.conf"),
        "\nserver {\n  listen 127.0.0.1:81;\n  location /x { return 200 b; }\n}\n",
    )
    .unwrap();
    fs::write(
        &path,
        "events { }\nhttp {\n  access_log off;\n  send_timeout 5;\n  include conf.d/*.conf;\n}\n",
    )
    .unwrap();
    let conf = path.to_str().unwrap();
    let included = dir.path().join("conf.d/b.conf");
    let explained = propylon(&["explain", "--nginx-conf", conf, "http://a:81/x"]);
    let text = lossy(&explained.stdout);
    assert!(
        text.contains(&format!("location  /x, {}:4", included.display())),
        "{text}{}",
        lossy(&explained.stderr)
    );
    assert!(text.contains(&format!("[defaults], {conf}:4")), "{text}");
    let dump = propylon(&["check", "--dump", "--nginx-conf", conf]);
    assert_eq!(dump.status.code(), Some(0), "{}", lossy(&dump.stderr));
    let text = lossy(&dump.stdout);
    assert!(text.contains(&format!("[[server]] # {}:2", included.display())), "{text}");
}

/// The result to a file, the verdicts for programs, and who wants nothing but exact ones.
#[test]
fn import_writes_what_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (conf, toml, json) = (at("nginx.conf"), at("propylon.toml"), at("report.json"));
    let exact = "events { } # no settings\nhttp {\n    access_log off; # the only one\n    server { listen 127.0.0.1:80; return 204; }\n}\n";
    fs::write(&conf, exact).unwrap();
    let output = propylon(&["import", &conf, "-o", &toml, "--json", &json, "--strict"]);
    assert_eq!(output.status.code(), Some(0), "{}", lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    let text = fs::read_to_string(&toml).unwrap();
    assert!(text.contains("# the only one") && text.contains("return = [204]"), "{text}");
    assert_eq!(propylon(&["check", "--config", &toml]).status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((&report["exact"], &report["refused"]), (&6.into(), &0.into()), "{report}");
    fs::write(&conf, exact.replace("return 204;", "return 204; gzip on;\n    image_filter test;")).unwrap();
    let output = propylon(&["import", &conf, "-o", &toml, "--json", &json]);
    assert_eq!(output.status.code(), Some(1), "what is refused is a failure, and the rest is written");
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let lines = report["lines"].as_array().unwrap();
    let of = |name: &str| lines.iter().find(|line| line["directive"] == name).unwrap();
    for (name, line, verdict) in
        [("return", 4, "exact"), ("gzip", 4, "different"), ("image_filter", 5, "refused")]
    {
        assert_eq!((&of(name)["line"], &of(name)["verdict"]), (&line.into(), &verdict.into()), "{report}");
    }
    assert!(of("image_filter")["note"].as_str().is_some_and(|note| !note.is_empty()), "{report}");
    fs::write(&conf, exact.replace("return 204;", "return 204; gzip on;")).unwrap();
    for (more, code) in [(&[][..], 0), (&["--strict"], 1)] {
        let output = propylon(&[&["import", conf.as_str()], more].concat());
        assert_eq!(output.status.code(), Some(code), "{more:?}");
        assert!(
            lossy(&output.stderr).contains("nginx.conf:4: different: gzip on;"),
            "{}",
            lossy(&output.stderr)
        );
    }
}

#[test]
fn globals_stand_before_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("propylon.toml");
    fs::write(&path, "[runtime]\nworkers = 4\n[[server]]\nlisten = [\"127.0.0.1:80\"]\nreturn = [204]\n")
        .unwrap();
    let toml = path.to_str().unwrap();
    let wrong = propylon(&["check", "--config", toml, "--globals", "worker_processes x;"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(lossy(&wrong.stderr).contains("in command line:1"), "{}", lossy(&wrong.stderr));
    let right = propylon(&["check", "--config", toml, "--globals", "worker_processes 2; pid a.pid;"]);
    assert_eq!(right.status.code(), Some(0), "{}", lossy(&right.stderr));
    let conf = dir.path().join("nginx.conf");
    fs::write(&conf, "events { }\nhttp { access_log off; server { listen 127.0.0.1:80; return 204; } }\n")
        .unwrap();
    let conf = conf.to_str().unwrap();
    let dump = propylon(&["check", "--dump", "--nginx-conf", conf, "--globals", "worker_processes 3;"]);
    assert_eq!(dump.status.code(), Some(0), "{}", lossy(&dump.stderr));
    assert!(lossy(&dump.stdout).contains("workers = 3"), "{}", lossy(&dump.stdout));
}

/// Redirects differ between locations, and what a variable says is the method.
#[test]
fn redirects_and_methods_of_locations() {
    let origin = Origin::echo();
    let listen = address();
    let text = "events { }\nhttp { access_log off; server {
        listen @LISTEN@; server_name name.example.com;
        location /a/ { proxy_pass http://@ORIGIN@; }
        location /b/ { absolute_redirect off; proxy_pass http://@ORIGIN@; }
        location /c/ { port_in_redirect off; proxy_pass http://@ORIGIN@; }
        location /d/ { server_name_in_redirect on; port_in_redirect off; proxy_pass http://@ORIGIN@; }
        location /e { return 302 else; }
        location /f { proxy_method $arg_m; proxy_pass http:/$arg_to; }
    } }";
    let text =
        text.replace("@LISTEN@", &listen.to_string()).replace("@ORIGIN@", &origin.address().to_string());
    let _propylon = Propylon::start_nginx(&text);
    let ask = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: asked.example.com\r\nConnection: close\r\n\r\n");
        raw_request(listen, request.as_bytes()).unwrap()
    };
    let port = listen.port();
    for (path, expected) in [
        ("/a", format!("http://asked.example.com:{port}/a/")),
        ("/b", "/b/".to_owned()),
        ("/c", "http://asked.example.com/c/".to_owned()),
        ("/d", "http://name.example.com/d/".to_owned()),
        ("/e", "else".to_owned()),
    ] {
        assert_eq!(ask(path).head.field("location"), Some(expected), "{path}");
    }
    let answer = ask(&format!("/f?m=SEARCH&to=/{}", origin.address()));
    assert!(lossy(&answer.body).starts_with("SEARCH "), "{}", lossy(&answer.body));
}

/// Started as root, workers are the user of the nginx.conf, and the thread that reloads is not.
#[test]
fn workers_run_as_the_user() {
    let listen = address();
    let text = format!(
        "user nobody;\nevents {{ }}\nhttp {{ access_log off; server {{ listen {listen}; return 204; }} }}\n"
    );
    let propylon = Propylon::start_nginx(&text);
    let threads = fs::read_dir(format!("/proc/{}/task", propylon.id())).unwrap();
    let threads: Vec<(String, String)> = threads
        .map(|thread| {
            let read = |name: &str| {
                fs::read_to_string(thread.as_ref().unwrap().path().join(name)).unwrap_or_default()
            };
            let status = read("status");
            let uid = status.lines().find_map(|line| line.strip_prefix("Uid:\t")).unwrap_or_default();
            (read("comm").trim().to_owned(), uid.split('\t').next().unwrap_or_default().to_owned())
        })
        .collect();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let nobody = passwd.lines().find(|line| line.starts_with("nobody:")).unwrap().split(':').nth(2).unwrap();
    let of =
        |name: &str| threads.iter().find(|(comm, _)| comm.starts_with(name)).map(|(_, uid)| uid.as_str());
    if of("propylon") == Some("0") {
        assert_eq!(of("worker-0"), Some(nobody), "{threads:?}");
    } else {
        assert!(of("worker-0").is_some() && of("worker-0") == of("propylon"), "{threads:?}");
    }
    let answer = raw_request(listen, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer.status, 204);
    drop(propylon);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nginx.conf");
    fs::write(&path, text.replace("nobody", "no-such-user")).unwrap();
    let output = propylon_run(path.to_str().unwrap());
    if of("propylon") == Some("0") {
        assert_eq!(output.status.code(), Some(1));
        assert!(
            lossy(&output.stderr).contains("getpwnam(\"no-such-user\") failed"),
            "{}",
            lossy(&output.stderr)
        );
    }
}

fn propylon_run(conf: &str) -> Output {
    let log = format!("{conf}.log");
    let mut child = Command::new(binary())
        .args(["run", "--nginx-conf", conf, "--pid-file", &format!("{conf}.pid"), "--error-log", &log])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let root = fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0");
    if !root {
        until("the pid file", LIMIT, || fs::metadata(format!("{conf}.pid")).is_ok().then_some(()));
        child.kill().unwrap();
    }
    child.wait_with_output().unwrap()
}

/// Fields after the body, which see those before them; no trailers for HTTP/1.0 and for errors.
#[test]
fn trailers() {
    let listen = address();
    let text = format!(
        "events {{ }}\nhttp {{ access_log off; server {{ listen {listen};
        add_trailer X-One $uri; add_trailer X-One two; add_trailer X-Seen $sent_trailer_x_one; add_trailer X-Empty \"\";
        add_trailer X-Always yes always;
        location / {{ return 200 body; }}
        location /no {{ return 404 body; }}
        location /own {{ add_trailer X-Own own; return 200 body; }}
        }} }}\n"
    );
    let _propylon = Propylon::start_nginx(&text);
    let ask = |path: &str, version: &str| {
        let request = format!("GET {path} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_request(listen, request.as_bytes()).unwrap()
    };
    let answer = ask("/x", "1.1");
    assert_eq!(lossy(&answer.body), "body");
    let trailers = lossy(&answer.trailers).to_ascii_lowercase();
    assert_eq!(trailers.trim(), "x-one: /x\r\nx-one: two\r\nx-seen: /x, two\r\nx-always: yes");
    assert_eq!(lossy(&ask("/no", "1.1").trailers).to_ascii_lowercase().trim(), "x-always: yes");
    assert_eq!(lossy(&ask("/own", "1.1").trailers).to_ascii_lowercase().trim(), "x-own: own");
    let old = ask("/x", "1.0");
    assert_eq!((lossy(&old.body).as_str(), lossy(&old.trailers).as_str()), ("body", ""));
}

/// The importer and the TLS library have lists of their own of what is spoken: they are the same.
#[test]
fn what_is_spoken_of_ciphers_and_curves_is_imported_as_written() {
    let known = |builder: ConnectorBuilder| match builder.build().unwrap_err() {
        BuildError::Cipher { known, .. } | BuildError::Curve { known, .. } => known.replace(", ", ":"),
        other => panic!("{other}"),
    };
    let ciphers = known(Connector::builder().ciphers("NONSENSE"));
    let curves = known(Connector::builder().curves(["NONSENSE"]));
    assert!(ciphers.contains("ECDHE-") && ciphers.contains("TLS_AES") && curves.contains("X25519"));
    let directory = tempfile::tempdir().unwrap();
    let conf = directory.path().join("nginx.conf");
    // All of them are exact, and one that nobody here speaks is not.
    for (cipher, curve, code) in [("", "", 0), (":DHE-RSA-AES128-SHA", "", 1), ("", ":secp521r1", 1)] {
        let text = format!(
            "events {{ }}\nhttp {{\naccess_log off;\nssl_ciphers {ciphers}{cipher};\nssl_ecdh_curve {curves}{curve};\n\
             server {{ listen 127.0.0.1:80; return 204; }}\n}}\n"
        );
        fs::write(&conf, text).unwrap();
        let output = propylon(&["import", conf.to_str().unwrap(), "--strict"]);
        assert_eq!(output.status.code(), Some(code), "{cipher}{curve}: {}", lossy(&output.stderr));
    }
}
