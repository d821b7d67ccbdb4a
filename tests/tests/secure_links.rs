//! `secure_link` and `empty_gif` beside nginx, and from TOML.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Pair, Propylon, address, check, lossy, raw_request};

const CONF: &str = r#"
http {
    log_format seen "$uri [$secure_link] [$secure_link_expires]";
    access_log @DIR@/seen.log seen;
    server {
        listen @LISTEN@;
        location /s/ {
            secure_link $arg_md5,$arg_expires;
            secure_link_md5 "$secure_link_expires$uri$remote_addr secret";
            location /s/always/ { secure_link $arg_md5; return 200 "[$secure_link] [$secure_link_expires]\n"; }
            if ($secure_link = "") { return 403 "no\n"; }
            if ($secure_link = "0") { return 410 "over\n"; }
            return 200 "until $secure_link_expires\n";
        }
        location /always/ {
            secure_link $arg_md5;
            secure_link_md5 "$uri secret";
            return 200 "[$secure_link] [$secure_link_expires]\n";
        }
        location /itself/ {
            secure_link $secure_link;
            secure_link_md5 "$uri$secure_link secret";
            return 200 "[$secure_link]\n";
        }
        location /half/ { secure_link $arg_md5; return 200 "[$secure_link]\n"; }
        location /none/ { return 200 "[$secure_link] [$secure_link_expires]\n"; }
        location /p/ {
            secure_link_secret segredo;
            if ($secure_link = "") { return 403 "no\n"; }
            rewrite ^ /inside/$secure_link;
        }
        location /inside/ { internal; return 200 "inside $uri\n"; }
        location = /pixel.gif { empty_gif; add_header X-A b; }
        location /returns { empty_gif; if ($arg_a) { return 204; } }
    }
}
"#;

/// `openssl md5 -binary`, in base64url.
fn hash(text: &str) -> String {
    let script = "printf %s \"$1\" | openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =";
    let output = std::process::Command::new("sh").args(["-c", script, "sh", text]).output().unwrap();
    lossy(&output.stdout).trim().to_owned()
}

fn ask(at: SocketAddr, line: &str, fields: &str) -> (u16, Vec<Option<String>>, Vec<u8>) {
    let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let answer = raw_request(at, text.as_bytes()).unwrap();
    let shown = ["content-type", "content-length", "last-modified", "etag", "accept-ranges", "x-a"];
    let page = answer.body.starts_with(b"<");
    let fields = if page { Vec::new() } else { shown.iter().map(|name| answer.head.field(name)).collect() };
    (answer.status, fields, if page { Vec::new() } else { answer.body })
}

#[test]
fn links_as_nginx_judges_them() {
    let pair = Pair::start(CONF, &[]);
    let same = |path: &str| {
        let [ours, theirs] = pair.at.map(|at| {
            // The client's address is in the hash.
            let path = path.replace("@GOOD@", &hash("4102444800/s/link127.0.0.1 secret"));
            let path = path.replace("@OVER@", &hash("1000000000/s/link127.0.0.1 secret"));
            ask(at, &format!("GET {path}"), "")
        });
        assert_eq!(ours, theirs, "{path}: left is propylon, right is nginx");
        (ours.0, lossy(&ours.2))
    };
    assert_eq!(same("/s/link?md5=@GOOD@&expires=4102444800"), (200, "until 4102444800\n".to_owned()));
    assert_eq!(same("/s/link?md5=@GOOD@==&expires=4102444800").0, 200);
    assert_eq!(same("/s/link?md5=@OVER@&expires=1000000000").0, 410);
    for wrong in [
        "/s/link",
        "/s/link?md5=@GOOD@",
        "/s/link?md5=@GOOD@&expires=4102444801",
        "/s/link?md5=@GOOD@&expires=04102444800",
        "/s/link?md5=@GOOD@&expires=x",
        "/s/link?md5=@GOOD@A&expires=4102444800",
        "/s/other?md5=@GOOD@&expires=4102444800",
    ] {
        assert_eq!(same(wrong).0, 403, "{wrong}");
    }
    let always = hash("/always/a secret");
    assert_eq!(same(&format!("/always/a?md5={always}")).1, "[1] []\n");
    let inherited = hash("/s/always/a127.0.0.1 secret");
    assert_eq!(same(&format!("/s/always/a?md5={inherited}")).1, "[1] []\n");
    for path in ["/always/a?md5=x", "/always/a", "/always/a?md5=x,5", "/half/a?md5=x", "/none/a", "/itself/a"]
    {
        same(path);
    }
    let good = "/p/0849e9c72988f118896724a0502b92a8/top_secret_file.pdf";
    assert_eq!(same(good), (200, "inside /inside/top_secret_file.pdf\n".to_owned()));
    for wrong in
        [good.replace("0849", "0848"), good.replace("top", "tip"), "/p/".to_owned(), format!("{good}?a")]
    {
        assert_eq!(same(&wrong).0, 403, "{wrong}");
    }
    let [ours, theirs] = [pair.gateway.lines("seen.log", 23), pair.nginx.lines("seen.log", 23)];
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(ours), sorted(theirs), "left is propylon, right is nginx");
}

#[test]
fn the_image_is_nginxs() {
    let pair = Pair::start(CONF, &[]);
    for (line, fields) in [
        ("GET /pixel.gif", ""),
        ("HEAD /pixel.gif", ""),
        ("POST /pixel.gif", "Content-Length: 0\r\n"),
        ("GET /pixel.gif", "If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT\r\n"),
        ("GET /pixel.gif", "If-Modified-Since: Mon, 28 Sep 1970 05:59:59 GMT\r\n"),
        ("GET /pixel.gif", "Range: bytes=0-1\r\n"),
        ("GET /returns", ""),
        ("GET /returns?a=b", ""),
    ] {
        let [ours, theirs] = pair.at.map(|at| ask(at, line, fields));
        assert_eq!(ours, theirs, "{line} {fields}: left is propylon, right is nginx");
        if (line, fields) == ("GET /pixel.gif", "") {
            assert_eq!((ours.2.len(), &ours.2[..6]), (43, &b"GIF89a"[..]));
        }
    }
}

#[test]
fn from_toml() {
    let at = address();
    let config = format!(
        "[[server]]\nlisten = [\"{at}\"]\nsecure_link = {{ link = \"$arg_h\", md5 = \"$uri secret\" }}\n\
         [[server.location]]\nmatch = \"/\"\nrewrite = [{{ if = \"$secure_link != 1\", then = [{{ return = [403] }}] }}]\nempty_gif = true\n"
    );
    let output = check(&config);
    assert_eq!(output.status.code(), Some(0), "{}", lossy(&output.stderr));
    let _gateway = Propylon::start(&config);
    let good = hash("/a secret");
    assert_eq!(ask(at, &format!("GET /a?h={good}"), "").0, 200);
    assert_eq!(ask(at, &format!("GET /b?h={good}"), "").0, 403);
    // A year of two digits is one of these days.
    let since = "If-Modified-Since: Friday, 01-Jan-27 00:00:00 GMT\r\n";
    assert_eq!(ask(at, &format!("GET /a?h={good}"), since).0, 304);
    let mixed = config.replace("md5 = ", "secret = \"s\", md5 = ");
    assert!(lossy(&check(&mixed).stderr).contains("`secret` cannot be used with `link` or `md5`"));
}
