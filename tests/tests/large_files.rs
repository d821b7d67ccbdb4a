//! Files that are larger than any buffer: sent by the kernel where nothing is done with them, and read where something is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use propylon_testkit::certificates::Authority;
use propylon_tests::{Client, End, LIMIT, Propylon, Stream, addresses, curl, raw_request, until};

const LARGE: usize = 9_000_001;

/// Bytes of which no two places are alike for long.
fn bytes(length: usize) -> Vec<u8> {
    let numbers = (0..length.div_ceil(8) as u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(length);
    bytes
}

struct Site {
    directory: tempfile::TempDir,
    plain: SocketAddr,
    tls: SocketAddr,
    gateway: Propylon,
}

impl Site {
    fn start(name: &str, content: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(name), content).unwrap();
        let _ = Authority::root("Root").server(&["a.test"]).write(directory.path(), "a");
        let [plain, tls] = addresses();
        let root = directory.path().display();
        let gateway = Propylon::start(&format!(
            r#"
            [error_log]
            path = "@DIR@/error.log"
            [log_format]
            sent = "$request_uri $status $body_bytes_sent $request_completion"
            [[server]]
            listen = ["{plain}", "{tls} tls http2", "unix:@DIR@/web.sock"]
            tls.certificates = [{{ certificate = "{root}/a.pem", key = "{root}/a.key" }}]
            root = "{root}"
            access_log = {{ path = "@DIR@/access.log", format = "sent" }}
            [[server.location]]
            match = "/limited/"
            alias = "{root}/"
            limit.rate = "1g"
            "#
        ));
        Self { directory, plain, tls, gateway }
    }
}

fn get(path: &str, fields: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

#[test]
fn the_same_bytes_come_however_they_are_sent() {
    let content = bytes(LARGE);
    let site = Site::start("file", &content);
    let mut client = Client::connect(site.plain).unwrap();
    // One after the other on a connection: what follows stands behind the file.
    let whole = client.ask(&get("/file", "")).unwrap();
    assert!(whole.status == 200 && whole.end == End::Complete && whole.body == content);
    assert_eq!(client.ask(&get("/nothing", "")).unwrap().status, 404);
    for (range, of) in [
        ("bytes=5-", 5..LARGE),
        ("bytes=100000-4000000", 100_000..4_000_001),
        ("bytes=-3000000", LARGE - 3_000_000..LARGE),
        ("bytes=0-9", 0..10),
    ] {
        let part = client.ask(&get("/file", &format!("Range: {range}\r\n"))).unwrap();
        assert!(part.status == 206 && part.end == End::Complete && part.body == content[of], "{range}");
    }
    let parts =
        client.ask(&get("/file", "Range: bytes=0-199999,1000000-1000009,5000000-8000000\r\n")).unwrap();
    let has = |of: std::ops::Range<usize>| {
        parts.body.windows(of.len()).any(|window| window == &content[of.clone()])
    };
    assert!(parts.status == 206 && parts.end == End::Complete);
    assert!(has(0..200_000) && has(1_000_000..1_000_010) && has(5_000_000..8_000_001));
    let mut head = Client::connect(site.plain).unwrap();
    let alone = head.ask(b"HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!((alone.head.field("content-length").unwrap(), alone.body.len()), (LARGE.to_string(), 0));
    // Where the kernel cannot, or may not.
    assert!(head.ask(&get("/limited/file", "")).unwrap().body == content);
    let socket = Stream::connect_unix(&site.gateway.path("web.sock")).unwrap();
    assert!(Client::over(socket).ask(&get("/file", "")).unwrap().body == content);
    let saved = site.directory.path().join("saved");
    for version in ["--http1.1", "--http2"] {
        let url = format!("https://{}/file", site.tls);
        curl(&["-k", version, "-o", saved.to_str().unwrap(), &url]);
        assert!(fs::read(&saved).unwrap() == content, "{version}");
    }
    let log = site.gateway.lines("access.log", 12);
    assert!(log.iter().all(|line| line.contains(" 404 ") || line.ends_with(" OK")), "{log:?}");
    let sent: Vec<&str> = log.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    let (whole, part) = (LARGE.to_string(), parts.body.len().to_string());
    assert_eq!([sent[0], sent[2], sent[6]], [&*whole, &*(LARGE - 5).to_string(), &*part], "{log:?}");
}

/// Who does not read waits alone.
#[test]
fn who_takes_nothing_stops_nobody_else() {
    let content = bytes(4 * LARGE);
    let site = Site::start("file", &content);
    let mut slow = Client::connect(site.plain).unwrap();
    slow.send(&get("/file", "")).unwrap();
    let head = slow.stream().head().unwrap().unwrap();
    for _ in 0..3 {
        assert!(
            raw_request(site.plain, &get("/file", "Range: bytes=0-999999\r\n")).unwrap().body
                == content[..1_000_000]
        );
    }
    let rest = slow.body(head, false).unwrap();
    assert!(rest.end == End::Complete && rest.body == content);
}

/// A file that becomes shorter while it is sent is not made to look whole.
#[test]
fn a_file_that_becomes_shorter_is_cut() {
    let content = bytes(4 * LARGE);
    let site = Site::start("file", &content);
    for path in ["/file", "/limited/file"] {
        let place = site.directory.path().join("file");
        fs::write(&place, &content).unwrap();
        let mut client = Client::connect(site.plain).unwrap();
        client.send(&get(path, "")).unwrap();
        let head = client.stream().head().unwrap().unwrap();
        assert_eq!(head.field("content-length").unwrap(), content.len().to_string());
        File::options().write(true).open(&place).unwrap().set_len(3 * LARGE as u64).unwrap();
        let cut = client.body(head, false).unwrap();
        assert_eq!(cut.end, End::Cut, "{path}");
        assert!(cut.body.len() <= 3 * LARGE && content.starts_with(&cut.body), "{path}: {}", cut.body.len());
    }
    let said = || site.gateway.error_log().matches("the file became shorter while it was sent").count();
    until("both to be told", LIMIT, || (said() == 2).then_some(()));
    let log = site.gateway.lines("access.log", 2);
    assert!(log.iter().all(|line| line.contains(" 200 ") && !line.ends_with(" OK")), "{log:?}");
}

/// What is stored already is read as its client takes it, and not copied into another file while he is slow.
#[test]
fn what_is_stored_in_files_is_not_buffered_in_others() {
    let content = bytes(2 * LARGE);
    let site = Site::start("file", &content);
    let [listen] = addresses();
    let gateway = Propylon::start(&format!(
        r#"
        [cache_zone.files]
        path = "@DIR@/zone"
        keys = "1m"
        [[server]]
        listen = ["{listen}"]
        [[server.location]]
        match = "/"
        proxy_pass = "http://{}"
        cache = {{ zone = "files", valid = {{ "200" = "1h" }} }}
        headers.add = {{ "X-Cache" = "$upstream_cache_status" }}
        "#,
        site.plain
    ));
    let mut client = Client::connect(listen).unwrap();
    let mut hit = |range: std::ops::Range<usize>| {
        let fields = format!("Range: bytes={}-{}\r\n", range.start, range.end - 1);
        let answer = client.ask(&get("/file", &fields)).unwrap();
        assert!(answer.body == content[range.clone()], "{range:?}");
        answer.head.field("x-cache").unwrap() == "HIT"
    };
    // Its file has its name, which is a hash, when all of it is there.
    let is_there = || {
        let found = Command::new("find")
            .args([&gateway.path("zone"), Path::new("-name")])
            .arg("?".repeat(32))
            .output();
        !found.unwrap().stdout.is_empty()
    };
    hit(0..10);
    until("all of it to be stored", LIMIT, || is_there().then_some(()));
    assert!(hit(0..10));
    let mut slow = Client::connect(listen).unwrap();
    slow.send(&get("/file", "")).unwrap();
    let head = slow.stream().head().unwrap().unwrap();
    for part in [0..2 * LARGE, 70_000..200_001, LARGE..LARGE + 3_000_000] {
        assert!(hit(part));
    }
    let links = fs::read_dir(format!("/proc/{}/fd", gateway.id())).unwrap();
    let names = links.filter_map(|link| fs::read_link(link.unwrap().path()).ok());
    let spilled: Vec<_> = names.filter(|name| name.to_string_lossy().contains("(deleted)")).collect();
    assert!(spilled.is_empty(), "{spilled:?}");
    let rest = slow.body(head, false).unwrap();
    assert!(rest.end == End::Complete && rest.body == content);
}
