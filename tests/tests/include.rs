//! A configuration of several files: `include`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use propylon_tests::{LIMIT, Propylon, Signal, address, binary, check, lossy, raw_request, until};

fn site(directory: &Path, listen: SocketAddr, name: &str, answer: &str) {
    let site = format!("[[server]]\nlisten = [\"{listen}\"]\nname = [\"{name}\"]\nreturn = {answer}\n");
    fs::write(directory.join(format!("{name}.toml")), site).unwrap();
}

fn ask(at: SocketAddr, name: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    raw_request(at, request.as_bytes()).unwrap().text()
}

#[test]
fn sites_come_and_go_with_a_reload() {
    let (sites, listen) = (tempfile::tempdir().unwrap(), address());
    let main = format!(
        "include = [\"{}/*.toml\"]\n[runtime]\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [[server]]\nlisten = [\"{listen}\"]\nname = [\"main.test\"]\nreturn = [200, \"main\"]\n",
        sites.path().display()
    );
    site(sites.path(), listen, "a.test", "[200, \"a\"]");
    let gateway = Propylon::start(&main);
    assert_eq!(["main.test", "a.test", "b.test"].map(|name| ask(listen, name)), ["main", "a", "main"]);

    site(sites.path(), listen, "b.test", "[200, \"b\"]");
    gateway.reload(&main);
    assert_eq!(["main.test", "a.test", "b.test"].map(|name| ask(listen, name)), ["main", "a", "b"]);

    // What is wrong in one of them keeps all as they were.
    site(sites.path(), listen, "a.test", "[200, \"$nobody\"]");
    fs::remove_file(sites.path().join("b.test.toml")).unwrap();
    gateway.signal(Signal::HUP);
    let place = format!("{}/a.test.toml:4:", sites.path().display());
    until("the error", LIMIT, || gateway.error_log().contains(&place).then_some(()));
    assert_eq!(["a.test", "b.test"].map(|name| ask(listen, name)), ["a", "b"]);

    site(sites.path(), listen, "a.test", "[200, \"new\"]");
    gateway.reload(&main);
    assert_eq!(["a.test", "b.test"].map(|name| ask(listen, name)), ["new", "main"]);
}

#[test]
fn check_and_explain_name_the_file() {
    let (directory, listen) = (tempfile::tempdir().unwrap(), address());
    let main = "include = [\"sites/*.toml\"]\n[defaults]\ntimeout.read = \"7s\"\n";
    let path = directory.path().join("propylon.toml");
    fs::write(&path, main).unwrap();
    fs::create_dir(directory.path().join("sites")).unwrap();
    site(&directory.path().join("sites"), listen, "a.test", "[200, \"a\"]");
    let run = |arguments: &[&str]| {
        let output = Command::new(binary()).args(arguments).arg("--config").arg(&path).output().unwrap();
        (output.status.code(), lossy(&output.stdout) + &lossy(&output.stderr))
    };
    let file = directory.path().join("sites/a.test.toml");
    let (code, told) = run(&["explain", "http://a.test/"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(&format!("{}:1", file.display())), "{told}");
    let (code, told) = run(&["check", "--dump"]);
    assert!(code == Some(0) && told.contains("read = \"7s\" # line 3, [defaults]"), "{told}");
    fs::write(&file, "[[server]]\nlisten = [\"80\"]\nanswer = 1\n").unwrap();
    let (code, told) = run(&["check"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("{}:3:1", file.display())), "{told}");
    // What is on no disk has no files beside it.
    assert_eq!(check("include = [\"nowhere.toml\"]\n[[server]]\nreturn = [204]\n").status.code(), Some(1));
}

/// What is converted into several files is checked, and formatted, as what is written by hand.
#[test]
fn an_nginx_conf_of_several_files_becomes_several() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("sites-enabled")).unwrap();
    fs::write(at("nginx.conf"), "events { }\nhttp { include sites-enabled/*; }\n").unwrap();
    for name in ["a.test", "b.test"] {
        let site = format!("server {{ server_name {name}; return 200 {name}; }}\n");
        fs::write(at("sites-enabled").join(name), site).unwrap();
    }
    let run = |arguments: &[&str], paths: &[&Path]| {
        let output = Command::new(binary()).args(arguments).args(paths).output().unwrap();
        (output.status.code(), lossy(&output.stderr))
    };
    let (out, main) = (at("out"), at("out/propylon.toml"));
    let (code, told) = run(&["import"], &[&at("nginx.conf"), Path::new("-d"), &out]);
    assert_eq!(code, Some(0), "{told}");
    assert!(fs::read_to_string(&main).unwrap().contains("propylon import.\ninclude = [\"sites/*.toml\"]\n"));
    assert!(fs::read_to_string(at("out/sites/b.test.toml")).unwrap().contains("name = [\"b.test\"]"));
    let (code, told) = run(&["fmt", "--check"], &[&main, &at("out/sites/a.test.toml")]);
    assert_eq!(code, Some(0), "{told}");
    fs::create_dir(at("out/logs")).unwrap(); // nginx needs it as well
    let (code, told) = run(&["check", "--config"], &[&main, Path::new("--prefix"), &out]);
    assert_eq!(code, Some(0), "{told}");
}
