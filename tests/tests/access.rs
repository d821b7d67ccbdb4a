//! Who may come in, against nginx, and what only we promise.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use propylon_tests::{
    Client, LIMIT, Nginx, Propylon, RawResponse, address, addresses, fixture, raw_request, until,
};

/// All with the password "secret".
const USERS: &str = "# users\nplain:{PLAIN}secret\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n\
    ssha:{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0:a remark\napr1:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n\
    md5:$1$saltsalt$9xy1btjgzLYfb7hivXtC//\nsha256:$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.\n\
    sha512:$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.\n\
    bcrypt:$2y$04$N3tUNO4PUpk/eWtwp0MuXO7MSzKE/ISduCMsuZc5EdjT4ArYnhT3a\n";

/// Base64 of `name:password`.
fn basic(user: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in user.as_bytes().chunks(3) {
        let bits = three
            .iter()
            .enumerate()
            .fold(0_usize, |bits, (at, &byte)| bits | usize::from(byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * at) & 63]);
            text.push(if at <= three.len() { digit } else { '=' });
        }
    }
    format!("Authorization: Basic {text}\r\n")
}

fn ask(at: SocketAddr, method: &str, path: &str, fields: &str) -> RawResponse {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    raw_request(at, request.as_bytes()).unwrap_or_else(|error| panic!("{request}: {error}"))
}

fn tree(root: &Path) {
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(root.join("users"), USERS).unwrap();
    for name in [
        "open",
        "denied",
        "here",
        "not-here",
        "others",
        "basic",
        "missing",
        "variable",
        "all",
        "all-denied",
        "any",
        "any-here",
        "any-rules",
        "any-none",
        "limit",
        "limit-basic",
        "page",
    ] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("file"), name).unwrap();
    }
}

#[test]
fn clients_are_let_in_as_nginx_lets_them_in() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let root = dir.path().to_string_lossy().into_owned();
    let [theirs, ours] = addresses();
    let filled = |name: &str, at: SocketAddr| fixture(name, &[("ROOT", &root), ("LISTEN", &at.to_string())]);
    let _nginx = Nginx::start(&filled("access.nginx.conf", theirs));
    let _propylon = Propylon::start(&filled("access.toml", ours));
    let mut logins =
        vec![String::new(), "Authorization: Bearer x\r\n".into(), "Authorization: Basic !\r\n".into()];
    for user in ["plain", "sha", "ssha", "apr1", "md5", "sha256", "sha512", "bcrypt"] {
        logins.push(basic(&format!("{user}:secret")));
        logins.push(basic(&format!("{user}:wrong")));
    }
    logins.extend([basic("nobody:secret"), basic("plain:"), basic(":secret"), basic("plain")]);
    let paths = [
        "/open/file",
        "/denied/file",
        "/here/file",
        "/not-here/file",
        "/others/file",
        "/basic/file",
        "/basic/",
        "/missing/file",
        "/variable/file?realm=off",
        "/variable/file?realm=R&file=users",
        "/variable/file?realm=R&file=none",
        "/all/file",
        "/all-denied/file",
        "/any/file",
        "/any-here/file",
        "/any-rules/file",
        "/any-none/file",
        "/limit/file",
        "/limit-basic/file",
        "/try/x",
        "/returned/x",
        "/page/x",
    ];
    let mut wrong = Vec::new();
    for path in paths {
        for login in &logins {
            for method in ["GET", "HEAD", "DELETE"] {
                let show = |at| {
                    let answer = ask(at, method, path, login);
                    let challenge = answer.head.field("www-authenticate");
                    format!("{} {challenge:?} {:?}", answer.status, answer.text())
                };
                let (theirs, ours) = (show(theirs), show(ours));
                if theirs != ours {
                    wrong.push(format!("{method} {path} {login:?}\n  nginx    {theirs}\n  propylon {ours}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_user_file_that_changes_is_read_again_and_the_log_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    fs::write(&users, "a:{PLAIN}one\n").unwrap();
    let at = address();
    let gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[log_format]\nline = '$remote_user $status'\n[[server]]\nlisten = [\"{at}\"]\nroot = \"{}\"\n\
         access_log = {{ path = \"@DIR@/access.log\", format = \"line\" }}\n\
         access.basic = {{ realm = \"r\", users = \"{}\" }}\n",
        dir.path().display(),
        users.display(),
    ));
    assert_eq!(ask(at, "GET", "/users", &basic("a:one")).status, 200);
    fs::write(&users, "a:{PLAIN}two!\nodd:xx\n").unwrap();
    assert_eq!(ask(at, "GET", "/users", &basic("a:one")).status, 401);
    assert_eq!(ask(at, "GET", "/users", &basic("a:two!")).status, 200);
    assert_eq!(ask(at, "GET", "/users", &basic("b:two!")).status, 401);
    assert_eq!(ask(at, "GET", "/users", &basic("odd:xx")).status, 500);
    until("the log", LIMIT, || (gateway.read("access.log").lines().count() == 5).then_some(()));
    assert_eq!(gateway.read("access.log"), "a 200\na 401\na 200\nb 401\nodd 500\n");
    for text in [
        "user \"a\": password mismatch",
        "user \"b\" was not found in",
        "has an invalid or unsupported password hash: expected {PLAIN}",
    ] {
        gateway.tells(text);
    }
}

/// Who is refused waits for an hour, all others for nothing; and what waits ends with its client.
#[test]
fn a_401_takes_its_time() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("users"), "a:{PLAIN}one\n").unwrap();
    let (at, asked) = (address(), address());
    let root = dir.path().display();
    let gateway = Propylon::start_nginx(&format!(
        "worker_processes 1;\nevents {{}}\nerror_log error.log info;\nhttp {{\n\
         log_format line '$uri $status'; access_log access.log line;\n\
         server {{ listen {asked}; location /no {{ return 401; }} location / {{ return 403; }} }}\n\
         server {{ listen {at}; root {root}; auth_delay 1h;\n\
         location /users {{ auth_basic r; auth_basic_user_file {root}/users; }}\n\
         location /soon {{ auth_basic r; auth_basic_user_file {root}/users; auth_delay 1ms; }}\n\
         location /denied {{ deny all; }}\n\
         location /no {{ auth_request /ask/no; }} location /not {{ auth_request /ask/not; }}\n\
         location /ask/no {{ internal; proxy_pass http://{asked}/no; }}\n\
         location /ask/not {{ internal; proxy_pass http://{asked}/other; }} }} }}\n"
    ));
    let wait = |path: &str, fields: &str| {
        let mut client = Client::connect(at).unwrap();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap();
        client
    };
    let (wrong, nobody) = (basic("a:two"), basic("b:one"));
    let mut waiting = Vec::new();
    for (path, fields) in [("/users?1", &*wrong), ("/users?2", &nobody), ("/users?3", ""), ("/no", "")] {
        waiting.push(wait(path, fields));
        until("it is delayed", LIMIT, || {
            let told = gateway.error_log().matches("delaying unauthorized request").count();
            (told == waiting.len()).then_some(())
        });
    }
    assert_eq!(ask(at, "GET", "/users", &basic("a:one")).status, 200);
    assert_eq!(ask(at, "GET", "/denied", "").status, 403);
    assert_eq!(ask(at, "GET", "/not", "").status, 403);
    let soon = ask(at, "GET", "/soon", &wrong);
    assert_eq!((soon.status, soon.head.field("www-authenticate")), (401, Some("Basic realm=\"r\"".into())));
    let lines = || gateway.read("access.log").lines().map(str::to_owned).collect::<Vec<_>>();
    let delayed = |lines: &[String]| lines.iter().filter(|line| line.starts_with("/users 401")).count();
    until("the log", LIMIT, || lines().contains(&"/soon 401".into()).then_some(()));
    assert_eq!(delayed(&lines()), 0, "they wait");
    drop(waiting);
    let left = || lines().iter().filter(|line| line.ends_with(" 499")).count();
    until("they have left", LIMIT, || (left() == 4).then_some(()));
}
