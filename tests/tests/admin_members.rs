//! Servers that operators add to an upstream and take out again, and the file that keeps them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod admin_support;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::thread;

use admin_support::{ask, get, peer, send};
use propylon_tests::{LIMIT, Propylon, address, check, lossy, until};
use rustix::pipe::fcntl_getpipe_size;
use serde_json::{Value, json};

/// The parts of a gateway that the tests have to do with.
#[derive(Clone, Copy)]
struct Places {
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Places {
    fn new() -> Self {
        Self { listen: address(), admin: address() }
    }

    /// Two workers, and an upstream with these keys.
    fn config(&self, upstream: &str) -> String {
        format!(
            "[runtime]\nworkers = 2\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[admin]\nlisten = \"{}\"\n\
             [upstream.app]\n{upstream}\n\
             [[server]]\nlisten = [\"{}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://app\"\n",
            self.admin, self.listen
        )
    }

    /// Who answers, each request on a connection of its own.
    fn served(&self, count: usize) -> String {
        (0..count).map(|_| send(self.listen, "x", "/").1).collect()
    }

    fn add(&self, server: &Value) -> (u16, Value) {
        let asked = ask(self.admin, "POST", "/api/v1/upstreams/app/peers", &server.to_string());
        if asked.status == 201 {
            let id = &asked.json()["id"];
            assert_eq!(asked.field("location"), Some(format!("/api/v1/upstreams/app/peers/{id}")));
        }
        (asked.status, asked.json())
    }

    fn remove(&self, peer: &str) -> (u16, Value) {
        let asked = ask(self.admin, "DELETE", &format!("/api/v1/upstreams/app/peers/{peer}"), "");
        (asked.status, asked.json())
    }
}

fn has_all(text: &str, wanted: &str) -> bool {
    wanted.chars().all(|one| text.contains(one)) && text.chars().all(|one| wanted.contains(one))
}

#[test]
fn who_is_added_is_asked_until_it_is_taken_out_and_stays_over_reloads() {
    let (places, a, b) = (Places::new(), peer("a"), peer("b"));
    let upstream = |more: &str| format!("server = [{{ address = \"{}\" }}]\n{more}", a.addr());
    let gateway = Propylon::start(&places.config(&upstream("")));
    assert_eq!(places.served(4), "aaaa");

    let (status, added) =
        places.add(&json!({ "address": b.addr().to_string(), "weight": 3, "max_fails": 0 }));
    assert_eq!(
        (status, &added["weight"], &added["added"], &added["state"]),
        (201, &json!(3), &json!(true), &json!("up"))
    );
    assert_eq!(get(places.admin, "/api/v1/upstreams/app/peers/0")["added"], json!(false));
    assert!(has_all(&places.served(16), "ab"), "both workers know it");
    assert_eq!(places.add(&json!({ "address": b.addr().to_string() })).0, 409, "it is there");
    assert_eq!(places.add(&json!({ "address": a.addr().to_string() })).0, 409, "it is in the configuration");

    gateway.reload(&places.config(&upstream("keepalive = 7\n")));
    assert!(has_all(&places.served(16), "ab"));

    let (status, left) = places.remove(&b.addr().to_string());
    assert_eq!((status, left.as_array().unwrap().len()), (200, 1));
    assert_eq!(places.served(8), "aaaaaaaa");
    assert_eq!(places.remove(&b.addr().to_string()).0, 404, "it is gone");
    let (status, refused) = places.remove("0");
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("conflict")), "the configuration has it");
    assert_eq!(places.served(4), "aaaa");
}

/// What was said of a server is not said of one that comes later with its address.
#[test]
fn who_comes_again_begins_anew() {
    let (places, a, b) = (Places::new(), peer("a"), peer("b"));
    let _gateway = Propylon::start(&places.config(&format!("server = [{{ address = \"{}\" }}]", a.addr())));
    let b = json!({ "address": b.addr().to_string() });
    let id = places.add(&b).1["id"].clone();
    let down =
        ask(places.admin, "PATCH", &format!("/api/v1/upstreams/app/peers/{id}"), "{\"state\": \"down\"}");
    assert_eq!((down.status, places.served(4).as_str()), (200, "aaaa"));
    assert_eq!(places.remove(&id.to_string()).0, 200);
    assert_eq!(places.add(&b).0, 201);
    assert!(has_all(&places.served(16), "ab"));
}

#[test]
fn what_is_no_server_is_refused_with_the_reason() {
    let (places, a) = (Places::new(), peer("a"));
    let hash = format!("server = [{{ address = \"{}\" }}]\nmethod = {{ hash = \"$uri\" }}", a.addr());
    let _gateway = Propylon::start(&places.config(&hash));
    for (server, reason) in [
        (json!({}), "`address` is missing"),
        (json!({ "address": "127.0.0.1:99999" }), "port"),
        (json!({ "address": "app.example.com:80" }), "host names can be used only in the configuration"),
        (json!({ "address": "127.0.0.1:81", "weight": 0 }), "weight"),
        (json!({ "address": "127.0.0.1:81", "fail_timeout": "soon" }), "soon"),
        (json!({ "address": "127.0.0.1:81", "wait": 1 }), "`wait`"),
        (json!({ "address": "127.0.0.1:81", "down": [true] }), "`down`"),
        (json!({ "address": "127.0.0.1:81", "backup": true }), "`hash` does not support backup servers"),
        (json!({ "address": "127.0.0.1:81\" }, { address = \"127.0.0.1:82" }), "invalid port"),
        (json!([]), "not a JSON object"),
    ] {
        let (status, answer) = places.add(&server);
        let text = answer["error"]["text"].as_str().unwrap();
        assert!(status == 400 && text.contains(reason), "{server}: {status} {text}");
    }
    let asked = ask(places.admin, "POST", "/api/v1/upstreams/none/peers", "{\"address\": \"127.0.0.1:81\"}");
    assert_eq!(asked.status, 404);
    assert_eq!(places.remove("9").0, 404);
    assert_eq!(get(places.admin, "/api/v1/upstreams/app/peers").as_array().unwrap().len(), 1);
}

#[test]
fn the_file_of_the_state_brings_them_back() {
    let (places, a, b) = (Places::new(), peer("a"), peer("b"));
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("app.toml");
    let config = places.config(&format!("state = \"{}\"", file.display()));
    let gateway = Propylon::start(&config);
    assert_eq!(send(places.listen, "x", "/").0, 502, "it has no server yet");
    for (peer, weight) in [(&a, 1), (&b, 2)] {
        assert_eq!(places.add(&json!({ "address": peer.addr().to_string(), "weight": weight })).0, 201);
    }
    assert!(has_all(&places.served(16), "ab"));
    drop(gateway);

    let gateway = Propylon::start(&config);
    assert!(has_all(&places.served(16), "ab"));
    let peers = get(places.admin, "/api/v1/upstreams/app/peers");
    assert_eq!((&peers[1]["weight"], &peers[1]["added"]), (&json!(2), &json!(true)));
    assert_eq!(places.remove(&a.addr().to_string()).0, 200);
    assert_eq!(places.served(4), "bbbb");
    // A configuration that is refused does not change where they are kept.
    let other = places.config(&format!("server = [{{ address = \"{}\" }}]", a.addr()));
    let wrong = "[[server.location]]\nmatch = \"/x\"\nreturn = [204]\naccess_log = { path = \"/nowhere/access.log\" }\n";
    gateway.rewrite(&(other + wrong));
    assert_eq!(ask(places.admin, "POST", "/api/v1/reload", "").status, 422);
    assert_eq!(places.remove(&b.addr().to_string()).0, 200);
    assert_eq!(places.add(&json!({ "address": b.addr().to_string(), "weight": 3 })).0, 201);
    assert!(fs::read_to_string(&file).unwrap().contains("weight = 3"));
    // One that another configuration has too stands there once.
    gateway.reload(&places.config(&format!(
        "server = [{{ address = \"{}\" }}]\nstate = \"{}\"",
        b.addr(),
        file.display()
    )));
    assert_eq!(get(places.admin, "/api/v1/upstreams/app/peers").as_array().unwrap().len(), 1);
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1, "nothing is left beside it");
}

/// The writer is stuck in a pipe that is full, for as long as that takes.
#[test]
fn who_looks_does_not_wait_for_the_file() {
    let (places, a, b) = (Places::new(), peer("a"), peer("b"));
    let state = tempfile::tempdir().unwrap();
    let (file, pipe) = (state.path().join("app.toml"), state.path().join("app.toml.new"));
    let gateway = Propylon::start(&places.config(&format!("state = \"{}\"", file.display())));
    assert_eq!(places.add(&json!({ "address": a.addr().to_string() })).0, 201);
    let before = fs::read_to_string(&file).unwrap();

    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut end = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    let filled = fcntl_getpipe_size(&end).unwrap();
    end.write_all(&vec![b'#'; filled]).unwrap();
    let server = json!({ "address": b.addr().to_string() });
    let adding = thread::spawn({
        let server = server.clone();
        move || places.add(&server)
    });
    let open = format!("/proc/{}/fd", gateway.id());
    until("the writer has come", LIMIT, || {
        let mut all = fs::read_dir(&open).unwrap().flatten();
        all.any(|fd| fs::read_link(fd.path()).is_ok_and(|path| path == pipe)).then_some(())
    });
    let peers = || get(places.admin, "/api/v1/upstreams/app/peers").as_array().unwrap().len();
    assert_eq!((peers(), places.served(4).as_str()), (1, "aaaa"), "nothing is changed before it is kept");
    assert!(!adding.is_finished());

    // It is no file that could be kept.
    end.read_exact(&mut vec![0; filled]).unwrap();
    let (status, refused) = adding.join().unwrap();
    assert_eq!((status, &refused["error"]["code"]), (500, &json!("state")));
    assert_eq!((peers(), fs::read_to_string(&file).unwrap()), (1, before));
    fs::remove_file(&pipe).unwrap();
    assert_eq!((places.add(&server).0, peers()), (201, 2));
}

#[test]
fn a_file_that_is_no_good_is_told_and_not_written_over_until_it_is_mended() {
    let (places, a) = (Places::new(), peer("a"));
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("app.toml");
    fs::write(&file, "server 127.0.0.1:81 weight=2;\n").unwrap();
    let config = places.config(&format!("state = \"{}\"", file.display()));
    let checked = check(&config.replace("path = \"@DIR@/error.log\"\n", ""));
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    assert!(lossy(&checked.stderr).contains("app.toml"), "{checked:?}");

    let gateway = Propylon::start(&config);
    assert_eq!(send(places.listen, "x", "/").0, 502);
    assert!(gateway.error_log().contains("cannot read the servers in"), "{}", gateway.error_log());
    let server = json!({ "address": a.addr().to_string() });
    let (status, refused) = places.add(&server);
    assert_eq!((status, &refused["error"]["code"]), (500, &json!("state")));
    assert!(fs::read_to_string(&file).unwrap().contains("weight=2"));

    fs::write(&file, format!("server = [{{ address = \"{}\" }}]\n", a.addr())).unwrap();
    gateway.reload(&config);
    assert_eq!(send(places.listen, "x", "/").0, 200, "it is read again");
    assert_eq!(places.add(&server).0, 409);
}
