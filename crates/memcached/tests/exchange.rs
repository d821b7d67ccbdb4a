//! A client and a scripted memcached over a pipe in memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request};
use http_body::Body as _;
use http_body_util::BodyExt;
use propylon_memcached::{Config, Connection, Keeper, Key, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Keeps what comes back.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<Connection<DuplexStream>>>>);

impl Keeper<DuplexStream> for Kept {
    fn give_back(self, connection: Connection<DuplexStream>) {
        *self.0.lock().unwrap() = Some(connection);
    }
}

/// What came of an exchange.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    status: u16,
    length: String,
    gzip: bool,
    body: String,
    error: String,
    kept: bool,
}

/// Longer than anything takes here, on a clock that jumps.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}

async fn fetch(io: DuplexStream, method: Method, config: Config) -> Outcome {
    let mut outcome = Outcome::default();
    let mut request = Request::new(());
    *request.method_mut() = method;
    request.extensions_mut().insert(Key::escaped(b"/k").unwrap());
    let kept = Kept::default();
    match send(Connection::new(io), request, config, kept.clone()).await {
        Ok(response) => {
            outcome.status = response.status().as_u16();
            outcome.length = response.headers()["content-length"].to_str().unwrap().to_owned();
            outcome.gzip = response.headers().get("content-encoding").is_some_and(|it| it == "gzip");
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => outcome.body += std::str::from_utf8(&frame.into_data().unwrap()).unwrap(),
                    Err(error) => outcome.error = error.to_string(),
                }
            }
            assert!(body.is_end_stream());
        }
        Err(error) => outcome.error = error.to_string(),
    }
    outcome.kept = kept.0.lock().unwrap().is_some();
    outcome
}

/// What comes of an answer in these pieces, behind which the connection ends.
async fn answered(method: Method, pieces: &[&[u8]], config: Config) -> Outcome {
    let (io, mut memcached) = duplex(1 << 20);
    let memcached = async move {
        let mut asked = [0; 8];
        memcached.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"get /k\r\n");
        for piece in pieces {
            // Whether it is still read is for the client to say.
            let _ = memcached.write_all(piece).await;
            tokio::task::yield_now().await; // it is read before the next one
        }
    };
    within(async { tokio::join!(fetch(io, method, config), memcached).0 }).await
}

/// The same in one piece, and byte by byte.
async fn got(bytes: &str) -> [Outcome; 2] {
    let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
    [
        answered(Method::GET, &[bytes.as_bytes()], Config::new()).await,
        answered(Method::GET, &single, Config::new()).await,
    ]
}

fn value(body: &str) -> Outcome {
    let length = body.len().to_string();
    Outcome { status: 200, length, body: body.into(), kept: true, ..Outcome::default() }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_and_what_is_not() {
    for (bytes, expected) in [
        ("VALUE /k 0 5\r\nhello\r\nEND\r\n", value("hello")),
        ("VALUE /k 0 0\r\n\r\nEND\r\n", value("")),
        ("VALUE /k 0 12\r\n\r\nEND\r\nEND\r\n\r\nEND\r\n", value("\r\nEND\r\nEND\r\n")),
    ] {
        for outcome in got(bytes).await {
            assert_eq!(outcome, expected, "{bytes:?}");
        }
    }
    for outcome in got("END\r\n").await {
        let expected = Outcome { status: 404, length: "0".into(), kept: true, ..Outcome::default() };
        assert_eq!(outcome, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_before_a_value_is_no_response() {
    for (bytes, message) in [
        ("ERROR\r\n", "memcached sent invalid response"),
        ("CLIENT_ERROR bad\r\n", "memcached sent invalid response: \"CLIENT_ERROR\""),
        ("SERVER_ERROR out of memory\r\n", "memcached sent invalid response: \"SERVER_ERROR\""),
        ("VALUE /j 0 1\r\na\r\nEND\r\n", "memcached sent invalid key in response"),
        ("VALUE /k 0 a\r\na\r\nEND\r\n", "memcached sent invalid length in response"),
        ("VALUE /k 0 5", "upstream prematurely closed connection"),
        ("", "upstream prematurely closed connection"),
    ] {
        for outcome in got(bytes).await {
            let error = outcome.error.strip_suffix(" while reading response header from upstream");
            assert_eq!((error, outcome.kept), (Some(message), false), "{bytes:?}");
        }
    }
    let config = Config::new().max_head(14);
    let outcome = answered(Method::GET, &[b"VALUE /k 0 5\r\nhello\r\nEND\r\n"], config).await;
    assert_eq!(outcome, value("hello"));
    for pieces in [&[&b"VALUE /k 00 5\r\nhello\r\nEND\r\n"[..]][..], &[b"VALUE /", b"k 000000"]] {
        let outcome = answered(Method::GET, pieces, config).await;
        assert_eq!(outcome.error, "upstream sent too big header while reading response header from upstream");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_is_never_shown_as_complete_unless_it_is() {
    for (bytes, came, message) in [
        ("VALUE /k 0 9\r\npart", "part", "upstream prematurely closed connection"),
        ("VALUE /k 0 4\r\npart", "par", "upstream prematurely closed connection"),
        ("VALUE /k 0 4\r\npart\r\nEN", "par", "upstream prematurely closed connection"),
        ("VALUE /k 0 3\r\nlonger\r\nEND\r\n", "lo", "memcached sent invalid trailer"),
        ("VALUE /k 0 3\r\none\r\nVALUE /k 0 3\r\ntwo\r\nEND\r\n", "on", "memcached sent invalid trailer"),
        ("VALUE /k 0 1\r\na\nEND\r\n", "", "memcached sent invalid trailer"),
        ("VALUE /k 0 0\r\n", "", "upstream prematurely closed connection"),
    ] {
        let [whole, single] = got(bytes).await;
        if message.starts_with("memcached") {
            // It is known before anybody is told of a value.
            let error = format!("{message} while reading response header from upstream");
            assert_eq!(whole, Outcome { error, ..Outcome::default() }, "{bytes:?}");
        } else {
            assert_eq!((&*whole.body, whole.status), (came, 200), "{bytes:?}");
            assert_eq!(whole.error, single.error);
        }
        assert_eq!(single.error, format!("{message} while reading upstream"), "{bytes:?}");
        assert_eq!((&*single.body, single.kept), (came, false), "{bytes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn head_has_the_length_alone() {
    let whole = answered(Method::HEAD, &[b"VALUE /k 0 5\r\nhello\r\nEND\r\n"], Config::new()).await;
    assert_eq!(whole, Outcome { body: String::new(), ..value("hello") });
    // What is still to come is not waited for.
    let cut = answered(Method::HEAD, &[b"VALUE /k 0 5\r\nhel"], Config::new()).await;
    assert_eq!(cut, Outcome { body: String::new(), kept: false, ..value("hello") });
}

#[tokio::test(start_paused = true)]
async fn flags_tell_of_gzip() {
    for (flags, gzip_flag, gzip) in
        [("2", 2, true), ("3", 2, true), ("1", 2, false), ("2", 0, false), ("x", 0, false)]
    {
        let bytes = format!("VALUE /k {flags} 1\r\na\r\nEND\r\n");
        let config = Config::new().gzip_flag(NonZeroU64::new(gzip_flag));
        let outcome = answered(Method::GET, &[bytes.as_bytes()], config).await;
        assert_eq!(outcome, Outcome { gzip, ..value("a") }, "{flags} {gzip_flag}");
    }
    let config = Config::new().gzip_flag(NonZeroU64::new(2));
    let outcome = answered(Method::GET, &[b"VALUE /k x 1\r\na\r\nEND\r\n"], config).await;
    assert!(outcome.error.starts_with("memcached sent invalid flags"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_more_is_not_kept() {
    for bytes in [&b"END\r\nEND\r\n"[..], b"VALUE /k 0 1\r\na\r\nEND\r\nE"] {
        assert!(!answered(Method::GET, &[bytes], Config::new()).await.kept);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_is_sent() {
    let (io, mut memcached) = duplex(64);
    let error = within(send(Connection::new(io), Request::new(()), Config::new(), ())).await.unwrap_err();
    assert_eq!(error.to_string(), "request without a key while sending request to upstream");
    assert_eq!(within(memcached.read(&mut [0])).await.unwrap(), 0);
}
