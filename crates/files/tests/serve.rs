//! What requests for files get.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use proptest::prelude::{ProptestConfig, any, prop_oneof};
use proptest::{
    proptest,
    strategy::{Just, Strategy},
};
use propylon_files::{Body, Coding, Failure, Files, ServeFiles, Symlinks, Types};
use tempfile::TempDir;
use tower::ServiceExt;

const TIME: u64 = 784_111_777;

fn site() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::write(root.join("secret"), "outside").unwrap();
    for name in ["www", "www/dir", "www/empty"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    write(&dir, "www/index.html", b"<index>");
    write(&dir, "www/dir/home.htm", b"<home>");
    write(&dir, "www/ten.txt", b"0123456789");
    write(&dir, "www/ten.txt.gz", b"zipped");
    write(&dir, "www/ten.txt.br", b"squeezed");
    write(&dir, "www/nothing", b"");
    let large: Vec<u8> = (0..LARGE).map(byte).collect();
    write(&dir, "www/large.bin", &large);
    dir
}

const LARGE: usize = 700_001;

fn byte(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

fn write(dir: &TempDir, name: &str, content: &[u8]) {
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(TIME));
    File::options().write(true).open(path).unwrap().set_times(time).unwrap();
}

fn service(dir: &TempDir, files: Files) -> ServeFiles {
    ServeFiles::new(dir.path().join("www")).index(["index.html", "home.htm"]).files(files)
}

async fn ask(service: &ServeFiles, method: &str, uri: &str, fields: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    service.clone().oneshot(request.body(()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> Vec<u8> {
    let length = response.body().size_hint().exact().unwrap();
    let body = Limited::new(response.into_body(), LARGE * 2);
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    assert_eq!(body.len() as u64, length, "the size that was promised");
    body
}

fn field(response: &Response<Body>, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_file_with_all_that_belongs_to_it() {
    let dir = site();
    let service = service(&dir, Files::new());
    let response = ask(&service, "GET", "/ten.txt?x", &[]).await;
    let fields: Vec<_> =
        response.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    let expected = [
        "content-type: \"text/plain\"",
        "last-modified: \"Sun, 06 Nov 1994 08:49:37 GMT\"",
        "etag: \"\\\"2ebc98a1-a\\\"\"",
        "accept-ranges: \"bytes\"",
        "content-length: \"10\"",
    ];
    assert_eq!(fields, expected);
    assert_eq!(text(response).await, b"0123456789");
    let response = ask(&service, "HEAD", "/ten.txt", &[]).await;
    assert_eq!((field(&response, "content-length").as_str(), response.body().is_end_stream()), ("10", true));
    let response = ask(&service, "GET", "/nothing", &[("range", "bytes=0-")]).await;
    assert_eq!((response.status().as_u16(), field(&response, "content-length").as_str()), (200, "0"));
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn redirects_of_a_service_that_a_router_calls_with_the_rest_of_a_path() {
    let dir = site();
    for (prefix, expected) in [
        ("", "/dir/?x"),
        ("/", "/dir/?x"),
        ("/static", "/static/dir/?x"),
        ("//a b/static/", "/a%20b/static/dir/?x"),
    ] {
        let service = service(&dir, Files::new()).prefix(prefix);
        let moved = ask(&service, "GET", "/dir?x", &[]).await;
        assert_eq!((moved.status().as_u16(), &*field(&moved, "location")), (301, expected), "{prefix}");
        assert_eq!(ask(&service, "GET", "/dir/", &[]).await.status(), 200, "{prefix}");
        assert_eq!(field(&ask(&service, "GET", "/ten.txt", &[]).await, "content-type"), "text/plain");
    }
}

#[tokio::test]
async fn statuses() {
    let dir = site();
    let service = service(&dir, Files::new());
    #[track_caller]
    fn log(response: &Response<Body>) -> String {
        response.extensions().get::<Failure>().map(ToString::to_string).unwrap_or_default()
    }
    let root = dir.path().join("www");
    let root = root.display();
    for (method, uri, status, why) in [
        ("GET", "/", 200, String::new()),
        ("GET", "/dir/", 200, String::new()),
        ("GET", "/dir", 301, String::new()),
        ("POST", "/dir", 301, String::new()),
        ("GET", "/empty/", 403, format!("directory index of \"{root}/empty/\" is forbidden")),
        ("GET", "/none", 404, format!("open() \"{root}/none\" failed (2: No such file or directory)")),
        ("GET", "/none/", 404, format!("\"{root}/none/\" is not found (2: No such file or directory)")),
        (
            "GET",
            "/ten.txt/",
            404,
            format!("\"{root}/ten.txt/index.html\" is not found (20: Not a directory)"),
        ),
        ("GET", "/ten.txt/x", 404, format!("open() \"{root}/ten.txt/x\" failed (20: Not a directory)")),
        ("POST", "/ten.txt", 405, String::new()),
        ("POST", "/none", 404, format!("open() \"{root}/none\" failed (2: No such file or directory)")),
        ("PUT", "/none", 405, String::new()),
        ("GET", "/%00", 404, format!("\"{root}/\0\" contains a NUL byte")),
        ("GET", "/%zz", 400, String::new()),
        ("GET", "/../secret", 404, format!("\"{root}/../secret\" is outside its root")),
        ("GET", "/%2e%2e%2fsecret", 404, format!("\"{root}/../secret\" is outside its root")),
        ("GET", "/dir/../ten.txt", 404, format!("\"{root}/dir/../ten.txt\" is outside its root")),
    ] {
        let response = ask(&service, method, uri, &[]).await;
        assert_eq!((response.status().as_u16(), log(&response)), (status, why), "{method} {uri}");
        assert_eq!(field(&response, "allow"), if status == 405 { "GET, HEAD" } else { "" });
    }
    let response = ask(&service, "GET", "/dir?a=b", &[]).await;
    assert_eq!(field(&response, "location"), "/dir/?a=b");
    // `//dir/` would be the host `dir` to a browser.
    for uri in ["//dir", "///dir", "/%2Fdir"] {
        let response = ask(&service, "GET", uri, &[]).await;
        assert_eq!(
            (response.status().as_u16(), field(&response, "location").as_str()),
            (301, "/dir/"),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_pipe_is_no_file_and_stops_nobody() {
    let dir = site();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("www/pipe")).status().unwrap();
    assert!(made.success());
    let response = ask(&service(&dir, Files::new()), "GET", "/pipe", &[]).await;
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn large_files_come_whole_and_in_bounded_pieces() {
    let dir = site();
    let response = ask(&service(&dir, Files::new()), "GET", "/large.bin", &[]).await;
    let mut body = response.into_body();
    let (mut at, mut pieces) = (0, 0);
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        assert!(data.len() <= 128 * 1024);
        assert!(data.iter().enumerate().all(|(n, &found)| found == byte(at + n)), "from {at} on");
        at += data.len();
        pieces += 1;
    }
    assert!(at == LARGE && pieces > 5 && body.is_end_stream(), "{at} in {pieces}");
}

fn range_of(text: &str) -> std::ops::Range<u64> {
    let (first, last) = text.split_once('-').unwrap();
    match (first.parse(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => first..last + 1,
        (Ok(first), Err(_)) => first..LARGE as u64,
        (Err(_), last) => LARGE as u64 - last.unwrap()..LARGE as u64,
    }
}

/// What is large is given away as parts of its file; what is read of it meanwhile stands between them.
#[tokio::test]
async fn large_files_can_be_taken_in_parts() {
    let dir = site();
    let whole = File::open(dir.path().join("www/large.bin")).unwrap();
    let of = |range: std::ops::Range<u64>| {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
        whole.read_exact_at(&mut bytes, range.start).unwrap();
        bytes
    };
    for (range, large) in [
        ("bytes=0-", 700_001),
        ("bytes=10-100009", 100_000),
        ("bytes=0-32766", 0), // a small one is better read
        ("bytes=-600000", 600_000),
        ("bytes=0-99999,200000-200009,300000-399999", 200_000),
    ] {
        let mut body =
            ask(&service(&dir, Files::new()), "GET", "/large.bin", &[("range", range)]).await.into_body();
        let (mut taken, mut all) = (0, Vec::new());
        while !body.is_end_stream() {
            let left = body.size_hint().exact().unwrap();
            if let Some((file, part)) = body.take_file() {
                assert_eq!(file.metadata().unwrap().ino(), whole.metadata().unwrap().ino());
                let length = part.end - part.start;
                assert!(length <= 512 * 1024 && body.size_hint().exact().unwrap() == left - length);
                all.extend(of(part));
                taken += length;
            } else {
                all.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
        }
        // Where its beginning has been waited for, that is there already.
        assert!((u64::saturating_sub(large, 128 * 1024)..=large).contains(&taken), "{range}: {taken}");
        let parts: Vec<Vec<u8>> = range["bytes=".len()..].split(',').map(|part| of(range_of(part))).collect();
        if let [one] = &parts[..] {
            assert!(all == *one, "{range}");
        }
        for part in parts {
            assert!(all.windows(part.len()).any(|window| window == part), "{range}");
        }
    }
    // Behind what was read, the rest.
    let mut body = ask(&service(&dir, Files::new()), "GET", "/large.bin", &[]).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap().len() as u64;
    assert_eq!(body.take_file().unwrap().1.start, first);
}

#[tokio::test]
async fn a_file_that_becomes_shorter_is_an_error() {
    let dir = site();
    let response = ask(&service(&dir, Files::new()), "GET", "/large.bin", &[]).await;
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    File::options().write(true).open(dir.path().join("www/large.bin")).unwrap().set_len(1000).unwrap();
    let error = loop {
        match body.frame().await {
            Some(Err(error)) => break error,
            Some(Ok(_)) => {}
            None => panic!("the body ended as if it were whole"),
        }
    };
    assert!(error.to_string().contains("shorter"), "{error}");
    assert!(!body.is_end_stream());
}

#[tokio::test]
async fn ranges() {
    let dir = site();
    let all = service(&dir, Files::new());
    let response = ask(&all, "GET", "/ten.txt", &[("range", "bytes=2-4")]).await;
    assert_eq!(response.status(), 206);
    assert_eq!(field(&response, "content-range"), "bytes 2-4/10");
    assert_eq!(field(&response, "content-length"), "3");
    assert_eq!(field(&response, "accept-ranges"), "");
    assert_eq!(text(response).await, b"234");

    let response = ask(&all, "GET", "/ten.txt", &[("range", "bytes=0-1,-1")]).await;
    let kind = field(&response, "content-type");
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
    assert_eq!((boundary.len(), field(&response, "content-range").as_str()), (20, ""));
    let part = |range, text| {
        format!("\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: {range}\r\n\r\n{text}")
    };
    let expected =
        part("bytes 0-1/10", "01") + &part("bytes 9-9/10", "9") + &format!("\r\n--{boundary}--\r\n");
    assert_eq!(field(&response, "content-length"), expected.len().to_string());
    assert_eq!(String::from_utf8(text(response).await).unwrap(), expected);

    let response = ask(&all, "GET", "/ten.txt", &[("range", "bytes=10-")]).await;
    assert_eq!((response.status().as_u16(), field(&response, "content-range").as_str()), (416, "bytes */10"));

    let response = ask(&all, "GET", "/large.bin", &[("range", "bytes=600000-")]).await;
    let body = text(response).await;
    assert_eq!(body.len(), LARGE - 600_000);
    assert!(body.iter().enumerate().all(|(n, &found)| found == byte(600_000 + n)));

    let one = service(&dir, Files::new().max_ranges(1));
    assert_eq!(ask(&one, "GET", "/ten.txt", &[("range", "bytes=0-1,-1")]).await.status(), 200);
    let none = service(&dir, Files::new().max_ranges(0));
    let response = ask(&none, "GET", "/ten.txt", &[("range", "bytes=0-1")]).await;
    assert_eq!((response.status().as_u16(), field(&response, "accept-ranges").as_str()), (200, ""));
}

#[tokio::test]
async fn conditions() {
    let dir = site();
    let service = service(&dir, Files::new());
    let response = ask(&service, "GET", "/ten.txt", &[("if-none-match", "\"2ebc98a1-a\"")]).await;
    assert_eq!(response.status(), 304);
    assert_eq!(field(&response, "etag"), "\"2ebc98a1-a\"");
    assert_eq!((field(&response, "content-type"), field(&response, "content-length")), Default::default());
    let response = ask(&service, "GET", "/ten.txt", &[("if-match", "\"2\"")]).await;
    assert_eq!((response.status().as_u16(), field(&response, "etag").as_str()), (412, ""));
    let untagged = ServeFiles::new(dir.path().join("www")).files(Files::new().etag(false));
    let response = ask(&untagged, "GET", "/ten.txt", &[("if-none-match", "\"2ebc98a1-a\"")]).await;
    assert_eq!((response.status().as_u16(), field(&response, "etag").as_str()), (200, ""));
}

#[tokio::test]
async fn files_that_are_compressed_already() {
    let dir = site();
    let service = service(&dir, Files::new().precompressed([Coding::Brotli, Coding::Gzip]));
    for (accept, coding, body) in [
        ("gzip", "gzip", "zipped"),
        ("br, gzip", "br", "squeezed"),
        ("br;q=0.1, gzip", "gzip", "zipped"),
        ("zstd", "", "0123456789"),
    ] {
        let response = ask(&service, "GET", "/ten.txt", &[("accept-encoding", accept)]).await;
        assert_eq!(field(&response, "content-encoding"), coding, "{accept}");
        assert_eq!(field(&response, "vary"), "Accept-Encoding");
        assert_eq!(field(&response, "content-type"), "text/plain");
        assert_eq!(text(response).await, body.as_bytes(), "{accept}");
    }
    let response = ask(&service, "GET", "/large.bin", &[("accept-encoding", "gzip")]).await;
    assert_eq!(
        (field(&response, "content-encoding"), field(&response, "vary").as_str()),
        (String::new(), "Accept-Encoding")
    );
}

#[tokio::test]
async fn types_are_those_that_were_given() {
    let dir = site();
    let types = Types::none().with("txt", "text/x-own".parse().unwrap()).default_type(None);
    let service = service(&dir, Files::new().types(types));
    assert_eq!(field(&ask(&service, "GET", "/ten.txt", &[]).await, "content-type"), "text/x-own");
    assert_eq!(field(&ask(&service, "GET", "/large.bin", &[]).await, "content-type"), "");
}

#[tokio::test]
async fn symbolic_links() {
    let dir = site();
    let www = dir.path().join("www");
    symlink("ten.txt", www.join("link")).unwrap();
    symlink("/etc/passwd", www.join("foreign")).unwrap();
    symlink("dir", www.join("linked-dir")).unwrap();
    symlink(dir.path().join("secret"), www.join("out")).unwrap();
    symlink(&www, dir.path().join("root")).unwrap();
    let from = dir.path().join("root");
    // The tests may run as the owner of /etc/passwd.
    let root = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&www).unwrap()) == 0;
    let foreign = if root { 200 } else { 403 };
    for (symlinks, expected) in [
        (Symlinks::follow(), [200, 200, 200, 301, 200, 200]),
        (Symlinks::refuse(), [200, 403, 403, 403, 403, 403]),
        (Symlinks::refuse().from(dir.path().join("www")), [200, 403, 403, 403, 403, 403]),
        (Symlinks::same_owner(), [200, 200, foreign, 301, 200, 200]),
    ] {
        let service = service(&dir, Files::new().symlinks(symlinks.clone()));
        let paths = ["/ten.txt", "/link", "/foreign", "/linked-dir", "/linked-dir/home.htm", "/out"];
        for (path, expected) in paths.into_iter().zip(expected) {
            assert_eq!(
                ask(&service, "GET", path, &[]).await.status().as_u16(),
                expected,
                "{symlinks:?} {path}"
            );
        }
    }
    for (symlinks, expected) in [(Symlinks::refuse(), 403), (Symlinks::refuse().from(&from), 200)] {
        let service = ServeFiles::new(&from).files(Files::new().symlinks(symlinks));
        assert_eq!(ask(&service, "GET", "/ten.txt", &[]).await.status().as_u16(), expected);
    }
    let service = service(&dir, Files::new().symlinks(Symlinks::refuse()));
    let response = ask(&service, "GET", "/linked-dir/", &[]).await;
    assert_eq!(response.status(), 403);
    assert_eq!(ask(&service, "GET", "/dir/", &[]).await.status(), 200);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a path is made of, what is answered lies inside.
    #[test]
    fn no_path_leaves_the_root(steps in proptest::collection::vec(step(), 1..8), symlinks in any::<bool>()) {
        let path: String = steps.concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dir = site();
        let symlinks = if symlinks { Symlinks::refuse().from(dir.path()) } else { Symlinks::follow() };
        let service = service(&dir, Files::new().symlinks(symlinks));
        let uri: Result<http::Uri, _> = format!("/{path}").parse();
        if let Ok(uri) = uri {
            let found = runtime.block_on(async {
                let response = ask(&service, "GET", &uri.to_string(), &[]).await;
                (response.status().as_u16(), text(response).await)
            });
            assert!(found.1 != b"outside", "{uri} leaves the root");
            assert!(matches!(found.0, 200 | 301 | 400 | 403 | 404), "{uri}: {}", found.0);
        }
    }
}

fn step() -> impl Strategy<Value = String> {
    let known = [
        "/", "..", "../", "%2e%2e", "%2e%2e/", "..%2f", "%2f", "secret", "dir", "ten.txt", ".", "./", "%00",
        "//", "...", "%5c", "\\",
    ];
    prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => Just("\u{fffd}".to_owned()),
        1 => "[a-z.%/]{1,6}",
    ]
}
