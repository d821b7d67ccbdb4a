//! `store`: files made of responses, here and in nginx; who may read them, what is not stored, and which of two ways counts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use propylon_tests::{Client, End, LIMIT, Origin, Pair, Propylon, address, check, lossy, raw_request, until};

const CONF: &str = r#"
http {
    access_log off;
    proxy_cache_path @DIR@/cache keys_zone=one:1m;
    proxy_temp_path @DIR@/temp;
    proxy_store_access group:r all:r;
    server {
        listen @LISTEN@;
        root @DIR@/www;
        location / { proxy_pass http://@ORIGIN@; proxy_store on; }
        location /own/ { proxy_pass http://@ORIGIN@; proxy_store on; proxy_store_access user:rw group:rw; }
        location /named/ { proxy_pass http://@ORIGIN@; proxy_store @DIR@/www/by-name$uri; }
        location /alias/ { proxy_pass http://@ORIGIN@; alias @DIR@/www/by-alias/; proxy_store on; }
        location /off/ { proxy_pass http://@ORIGIN@; }
        location /unbuffered/ { proxy_pass http://@ORIGIN@; proxy_store on; proxy_buffering off; }
        location /over/ {
            proxy_store on;
            location /over/cache/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_valid 1m; }
        }
        location /under/ {
            proxy_cache one;
            proxy_cache_valid 1m;
            location /under/store/ { proxy_pass http://@ORIGIN@; proxy_store on; }
        }
        location /files/ {
            root @DIR@/www;
            error_page 404 = /fetch$uri;
            log_not_found off;
        }
        location /fetch/files/ {
            internal;
            proxy_pass http://@ORIGIN@/;
            proxy_store on;
            alias @DIR@/www/files/;
        }
    }
}
"#;

/// All that is stored: the rights, and of files the size and the time.
fn stored(root: &Path) -> BTreeMap<String, (u32, u64, Option<u64>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            let meta = fs::metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let old = meta.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let (size, old) = if meta.is_dir() {
                (0, None)
            } else {
                (meta.len(), Some(old).filter(|old| *old < 1_000_000_000))
            };
            found.insert(name, (meta.permissions().mode() & 0o777, size, old));
            if meta.is_dir() {
                left.push(path);
            }
        }
    }
    found
}

fn ask(at: SocketAddr, line: &str, fields: &str) -> (u16, usize, End) {
    let fields: String =
        fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
    let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let answer = raw_request(at, text.as_bytes()).unwrap();
    (answer.status, answer.body.len(), answer.end)
}

#[test]
fn as_nginx_stores() {
    let origin = Origin::start();
    let pair = Pair::start(&CONF.replace("@ORIGIN@", &origin.address().to_string()), &[]);
    let roots = [pair.gateway.path("www"), pair.nginx.path("www")];
    for root in &roots {
        // Workers that were started by root are nobody.
        fs::set_permissions(root.parent().unwrap(), fs::Permissions::from_mode(0o711)).unwrap();
        fs::create_dir(root).unwrap();
        fs::set_permissions(root, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let made = "X-Do: size=100|X-Reply: Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
    let large = "X-Do: size=300000";
    for (line, fields) in [
        ("GET /a", made),
        ("GET /b/c/d%20e?f", "X-Do: size=10"),
        ("GET /own/a", made),
        ("GET /named/a", made),
        ("GET /alias/a", made),
        ("GET /off/a", made),
        ("GET /unbuffered/a", large),
        ("GET /large", large),
        ("GET /chunked", "X-Do: size=100 chunked"),
        ("GET /to-close", "X-Do: size=100 to-close"),
        ("GET /empty", "X-Do: size=0"),
        ("GET /gone", "X-Do: size=10 status=404"),
        ("GET /moved", "X-Do: size=10 status=301"),
        ("GET /cut", "X-Do: size=100 cut"),
        ("GET /cut-chunked", "X-Do: size=100 chunked cut"),
        ("HEAD /head", "X-Do: size=100"),
        ("GET /over/cache/a", made),
        ("GET /under/store/a", made),
        ("GET /files/x/y", made),
    ] {
        let [ours, theirs] = pair.at.map(|at| ask(at, line, fields));
        assert_eq!(ours, theirs, "{line} {fields}: left is propylon, right is nginx");
    }
    // Temporary files of what was cut go when they have been written.
    let ours = until("what nginx has stored", LIMIT, || {
        let [mut ours, theirs] = [stored(&roots[0]), stored(&roots[1])];
        // nginx stores only what it buffers, and says so nowhere.
        let unbuffered = ours.remove("unbuffered/a").is_some() && ours.remove("unbuffered").is_some();
        (unbuffered && ours == theirs).then_some(ours)
    });
    assert_eq!(ours["a"], (0o644, 100, Some(784_111_777)));
    assert_eq!(ours["own/a"].0, 0o660);
    assert_eq!(ours["b/c/d e"].1, 10);
    assert_eq!(ours["files/x/y"].1, 100);
    assert!(!ours.contains_key("over/cache/a") && ours.contains_key("under/store/a"));
    // What is stored is what is served from there on: nobody is asked.
    origin.take();
    for at in pair.at {
        assert_eq!(ask(at, "GET /files/x/y", ""), (200, 100, End::Complete));
    }
    assert!(origin.take().is_empty());
}

/// A client that leaves, also before there is an answer, has what it asked for stored.
#[test]
fn clients_that_leave_have_it_stored() {
    let (origin, at) = (Origin::start(), address());
    let gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{at}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
         store.to = \"@DIR@/www$uri\"\n",
        origin.address()
    ));
    for (name, size) in [("small", 1_000), ("large", 20 << 20)] {
        let mut client = Client::connect(at).unwrap();
        let text = format!("GET /{name} HTTP/1.1\r\nHost: a\r\nX-Do: size={size}\r\n\r\n");
        let heads = origin.heads();
        client.send(text.as_bytes()).unwrap();
        until("the origin has it", LIMIT, || (origin.heads() > heads).then_some(()));
        client.leave();
        let path = gateway.path(&format!("www/{name}"));
        until("it is stored", LIMIT, || fs::metadata(&path).ok().filter(|meta| meta.len() == size));
    }
    assert_eq!(stored(&gateway.path("www")).len(), 2, "nothing else is left there");
}

#[test]
fn names_that_climb_are_none() {
    let (origin, at) = (Origin::start(), address());
    let gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{at}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
         store = {{ to = \"@DIR@/www/$arg_name\", access = [\"group:r\"] }}\n",
        origin.address()
    ));
    for name in ["../outside", "a/../../outside", "a/", ""] {
        assert_eq!(
            ask(at, &format!("GET /?name={name}"), "X-Do: size=10"),
            (200, 10, End::Complete),
            "{name}"
        );
    }
    gateway.tells("for storing a response");
    assert_eq!(ask(at, "GET /?name=inside/a..b", "X-Do: size=10").0, 200);
    let all = stored(&gateway.path("www"));
    assert_eq!(all.keys().collect::<Vec<_>>(), ["inside", "inside/a..b"]);
    assert_eq!(all["inside/a..b"].0, 0o640);
    assert!(!gateway.path("outside").exists());
    // What cannot be stored is told, and reaches its client.
    assert_eq!(ask(at, "GET /?name=inside/a..b/c", "X-Do: size=10"), (200, 10, End::Complete));
    gateway.tells("/www/inside/a..b/c\" failed: ");
}

#[test]
fn one_way_counts() {
    let both = "[cache_zone.main]\n[[server]]\nlisten = [\"127.0.0.1:1\"]\n[[server.location]]\nmatch = \"/\"\n\
                proxy_pass = \"http://127.0.0.1:1\"\ncache.zone = \"main\"\nstore.to = \"on\"\n";
    let output = check(both);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        lossy(&output.stderr).contains("`store.to` and `cache.zone` cannot both be set at the same level"),
        "{}",
        lossy(&output.stderr)
    );
    let inner = both
        .replace("cache.zone = \"main\"\n", "")
        .replace("[[server]]", "[defaults.cache]\nzone = \"main\"\n[[server]]");
    assert_eq!(check(&inner).status.code(), Some(0));
}
