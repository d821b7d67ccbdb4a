//! A client and a scripted application, record by record, over a pipe in memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod support;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full};
use proptest::prelude::*;
use propylon_fastcgi::{Body, BoxError, Config, Connection, Error, Keeper, Params, Reason, Stderr, send};
use support::{Step, script};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const BEGIN: u8 = 1;
const END: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const OUT: u8 = 6;
const ERR: u8 = 7;

/// A record of request 1.
fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let mut out = vec![1, kind, 0, 1];
    out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    out.extend([padding, 0]);
    out.extend(content);
    out.resize(out.len() + usize::from(padding), 0);
    out
}

fn out(text: &str) -> Vec<u8> {
    record(OUT, text.as_bytes(), 0)
}

fn err(text: &str) -> Vec<u8> {
    record(ERR, text.as_bytes(), 3)
}

/// The end of a request, with this protocol status.
fn ended(status: u8) -> Vec<u8> {
    record(END, &[0, 0, 0, 0, status, 0, 0, 0], 0)
}

/// What follows a response that is in order.
fn done() -> Vec<u8> {
    [record(OUT, b"", 0), ended(0)].concat()
}

/// The application's side.
struct App(DuplexStream);

impl App {
    /// The next record's type and content; none at the end. One that is cut is a failure.
    async fn record(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 8];
        if self.0.read(&mut header[..1]).await.unwrap() == 0 {
            return None;
        }
        self.0.read_exact(&mut header[1..]).await.ok()?;
        assert_eq!((header[0], header[2], header[3], header[7]), (1, 0, 1, 0), "{header:?}");
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let mut content = vec![0; length + usize::from(header[6])];
        self.0.read_exact(&mut content).await.ok()?;
        content.truncate(length);
        Some((header[1], content))
    }

    /// Reads up to the end of the params: the flags, and the params.
    async fn head(&mut self) -> (u8, Vec<u8>) {
        let (kind, begin) = self.record().await.unwrap();
        assert_eq!((kind, &begin[..2], &begin[3..]), (BEGIN, &[0, 1][..], &[0; 5][..]));
        let mut params = Vec::new();
        loop {
            let (kind, content) = self.record().await.unwrap();
            assert_eq!(kind, PARAMS);
            if content.is_empty() {
                return (begin[2], params);
            }
            params.extend(content);
        }
    }

    /// Reads the request's body: its pieces, and whether its end came.
    async fn stdin(&mut self) -> (Vec<Vec<u8>>, bool) {
        let mut pieces = Vec::new();
        while let Some((kind, content)) = self.record().await {
            assert_eq!(kind, STDIN);
            if content.is_empty() {
                return (pieces, true);
            }
            pieces.push(content);
        }
        (pieces, false)
    }

    /// Reads all of a request: its body.
    async fn request(&mut self) -> Vec<u8> {
        self.head().await;
        let (pieces, whole) = self.stdin().await;
        assert!(whole);
        pieces.concat()
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }
}

/// Takes a connection back.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Option<Connection<DuplexStream>>>>);

impl Keeper<DuplexStream> for Pool {
    fn give_back(self, connection: Connection<DuplexStream>) {
        *self.0.lock().unwrap() = Some(connection);
    }
}

/// What came of an exchange.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    status: u16,
    reason: Option<Bytes>,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    error: Option<String>,
    kept: bool,
}

impl Outcome {
    fn text(&self) -> (u16, &str, Option<&str>, bool) {
        (self.status, std::str::from_utf8(&self.body).unwrap(), self.error.as_deref(), self.kept)
    }
}

/// Reads a body to its end or failure.
async fn read<B>(mut body: Body<DuplexStream, B, Pool>, outcome: &mut Outcome)
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap();
                assert!(!data.is_empty(), "an empty frame");
                outcome.body.extend(data);
            }
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    assert!(body.is_end_stream());
}

/// Sends a request and reads what comes.
async fn fetch<B>(io: DuplexStream, request: Request<B>, config: Config) -> Outcome
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (pool, mut outcome) = (Pool::default(), Outcome::default());
    match send(Connection::new(io), request, Arc::new(config), pool.clone()).await {
        Ok(response) => {
            outcome.status = response.status().as_u16();
            outcome.reason = response.extensions().get::<Reason>().map(|reason| reason.0.clone());
            let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
            outcome.fields =
                response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            read(response.into_body(), &mut outcome).await;
        }
        Err(error) => outcome.error = Some(error.to_string()),
    }
    outcome.kept = pool.0.lock().unwrap().is_some();
    outcome
}

/// Fails a test that waits for ever: the paused clock moves on only when nothing else does.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}

/// What comes of a request without a body which an application answers with these pieces, and then it leaves.
async fn answered(method: Method, config: Config, pieces: &[&[u8]]) -> Outcome {
    let (io, app) = duplex(1 << 20);
    let request = Request::builder().method(method).body(Empty::new()).unwrap();
    let app = async {
        let mut app = App(app);
        assert_eq!(app.request().await, b"");
        for piece in pieces {
            app.say(piece).await;
            tokio::task::yield_now().await; // it is read before the next one
        }
    };
    within(async { tokio::join!(fetch(io, request, config), app).0 }).await
}

async fn get(bytes: &[u8]) -> Outcome {
    answered(Method::GET, keep(), &[bytes]).await
}

fn keep() -> Config {
    Config::new().keep_conn(true)
}

const HEAD: &str = "Content-Type: text/plain\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_request_is_what_the_specification_says() {
    for keep in [false, true] {
        let (io, mut app) = duplex(1 << 16);
        let steps =
            ["hello", "", "!"].map(|data| Step::Data(data.into())).into_iter().chain([Step::Trailers]);
        let mut request = Request::new(script(steps));
        request.extensions_mut().insert(Params::builder().push("A", "b").push("QUERY_STRING", "").build());
        let sending = fetch(io, request, Config::new().keep_conn(keep));
        let expected = [
            record(BEGIN, &[0, 1, u8::from(keep), 0, 0, 0, 0, 0], 0),
            record(PARAMS, b"\x01\x01Ab\x0c\x00QUERY_STRING", 6),
            record(PARAMS, b"", 0),
            record(STDIN, b"hello", 0),
            record(STDIN, b"!", 0),
            record(STDIN, b"", 0),
        ]
        .concat();
        let mut seen = vec![0; expected.len()];
        let app = async {
            app.read_exact(&mut seen).await.unwrap();
            app.write_all(&[out(HEAD), done()].concat()).await.unwrap();
            assert_eq!(app.read_to_end(&mut Vec::new()).await.unwrap(), 0, "there is more than a request");
        };
        let outcome = within(async { tokio::join!(async { sending.await.status }, app).0 }).await;
        assert_eq!((outcome, seen), (200, expected), "{keep}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_params_and_bodies_take_several_records() {
    let (io, app) = duplex(10_000);
    let sent: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let mut request = Request::new(Full::new(Bytes::from(sent.clone())));
    let long = "v".repeat(150_000);
    request.extensions_mut().insert(Params::builder().push("LONG", &long).build());
    let app = async {
        let mut app = App(app);
        let (flags, params) = app.head().await;
        assert_eq!((flags, params.len()), (0, 1 + 4 + 4 + long.len()));
        let (pieces, whole) = app.stdin().await;
        assert!(whole && pieces.len() > 3 && pieces.concat() == sent);
        app.say([out(HEAD), done()].concat()).await;
    };
    let (outcome, ()) = within(async { tokio::join!(fetch(io, request, Config::new()), app) }).await;
    assert_eq!(outcome.text(), (200, "", None, false));
}

#[tokio::test(start_paused = true)]
async fn responses_come_in_any_pieces() {
    let head = "Status: 201 Made\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\nbo";
    let bytes = [err("careful"), record(OUT, head.as_bytes(), 9), err("\n"), out("dy"), done()].concat();
    let whole = get(&bytes).await;
    assert_eq!((whole.text(), whole.reason.as_deref()), ((201, "body", None, true), Some(&b"Made"[..])));
    assert_eq!(get(&[out("Status: 404 Not Found\n\n"), done()].concat()).await.reason, None, "the usual one");
    assert_eq!(whole.fields, [("x-a".into(), "1".into()), ("x-a".into(), "2".into())]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(answered(Method::GET, keep(), &single).await, whole);
}

/// A request with a body far larger than what the pipe takes.
fn upload() -> Request<Full<Bytes>> {
    Request::new(Full::new(vec![b'u'; 1 << 20].into()))
}

#[tokio::test(start_paused = true)]
async fn an_application_may_write_all_before_it_reads() {
    let (io, app) = duplex(4096);
    let app = async {
        let mut app = App(app);
        app.head().await;
        app.say(out(HEAD)).await;
        for _ in 0..20 {
            app.say(record(OUT, &[b'd'; 60_000], 0)).await;
        }
        let (pieces, whole) = app.stdin().await;
        assert!(whole && pieces.concat() == vec![b'u'; 1 << 20]);
        app.say(done()).await;
    };
    let (outcome, ()) = within(async { tokio::join!(fetch(io, upload(), keep()), app) }).await;
    assert_eq!((outcome.error, outcome.body.len(), outcome.kept), (None, 1_200_000, true));
}

#[tokio::test(start_paused = true)]
async fn an_early_response_is_whole_but_the_connection_is_not_kept() {
    for reads in [true, false] {
        let (io, app) = duplex(4096);
        let app = async {
            let mut app = App(app);
            if reads {
                app.head().await;
            }
            app.say([out("Status: 413\n\ntoo large"), done()].concat()).await;
            app.0.read_to_end(&mut Vec::new()).await.unwrap(); // it is closed
        };
        let (outcome, ()) = within(async { tokio::join!(fetch(io, upload(), keep()), app) }).await;
        assert_eq!(outcome.text(), (413, "too large", None, false), "{reads}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_counts_though_the_rest_is_not_read() {
    let (io, mut app) = duplex(4096);
    app.write_all(&[out("Status: 403\n\nno"), done()].concat()).await.unwrap();
    drop(app); // writing fails at once
    let outcome = within(fetch(io, upload(), keep())).await;
    assert_eq!(outcome.text(), (403, "no", None, false));
}

#[tokio::test(start_paused = true)]
async fn content_length_is_held_against_the_body() {
    let truncated = Some("upstream prematurely closed FastCGI stdout while reading upstream");
    for (length, pieces, expected) in [
        (5, &["hello"][..], ("hello", None, true)),
        (5, &["he", "llo"], ("hello", None, true)),
        (0, &[], ("", None, true)),
        (5, &["hello, world"], ("hello", None, false)),
        (5, &["hel", "lo", ", world"], ("hello", None, false)),
        (0, &["x"], ("", None, false)),
        (5, &["hell"], ("hell", truncated, false)),
        (5, &[], ("", truncated, false)),
    ] {
        let head = format!("Content-Length: {length}\r\n\r\n");
        for with_head in [true, false] {
            let mut text: Vec<String> = pieces.iter().copied().map(str::to_owned).collect();
            match text.first_mut().filter(|_| with_head) {
                Some(first) => first.insert_str(0, &head),
                None => text.insert(0, head.clone()),
            }
            let bytes = [text.iter().flat_map(|text| out(text)).collect(), done()].concat();
            let (body, error, kept) = expected;
            assert_eq!(get(&bytes).await.text(), (200, body, error, kept), "{length} {pieces:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn responses_that_end_badly() {
    let body = [out(HEAD), out("part")].concat();
    let http = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    for (bytes, error) in [
        (done(), "upstream prematurely closed FastCGI stdout"),
        ([out("X: y\n"), done()].concat(), "upstream prematurely closed FastCGI stdout"),
        (vec![], "upstream prematurely closed connection"),
        (out("X: y\n"), "upstream prematurely closed connection"),
        (out("no field\n\n"), "upstream sent invalid header"),
        (ended(2), "upstream sent FastCGI protocol status 2 instead of a response"),
        (http.clone(), "upstream sent unsupported FastCGI protocol version: 72"),
        ([1, OUT, 0, 2, 0, 0, 0, 0].to_vec(), "upstream sent unexpected FastCGI request id: 2"),
    ] {
        let error = Some(format!("{error} while reading response header from upstream"));
        assert_eq!(get(&bytes).await, Outcome { error, ..Outcome::default() });
    }
    for (rest, error) in [
        (vec![], "upstream prematurely closed FastCGI stdout"),
        (record(OUT, b"", 0), "upstream prematurely closed FastCGI stdout"),
        (ended(0)[..12].to_vec(), "upstream prematurely closed FastCGI stdout"),
        (ended(1), "upstream sent FastCGI protocol status 1 instead of a response"),
        (http, "upstream sent unsupported FastCGI protocol version: 72"),
        ([record(OUT, b"", 0), out("x")].concat(), "upstream sent FastCGI stdout after its end"),
    ] {
        let outcome = get(&[body.clone(), rest].concat()).await;
        let error = format!("{error} while reading upstream");
        assert_eq!(outcome.text(), (200, "part", Some(&*error), false));
    }
    // Without the record that ends stdout the end of the request is the end all the same.
    assert_eq!(get(&[body, ended(0)].concat()).await.text(), (200, "part", None, true));
}

#[tokio::test(start_paused = true)]
async fn whether_a_request_was_sent_is_known() {
    for sent in [false, true] {
        let (io, app) = duplex(1 << 16);
        let app = async {
            let mut app = App(app);
            if sent {
                app.request().await;
            }
        };
        let request = Request::new(Empty::<Bytes>::new());
        let sending = send(Connection::new(io), request, Arc::default(), ());
        // The application is first: it may have gone before anything was sent.
        let ((), response) = within(async { tokio::join!(app, sending) }).await;
        let error = response.unwrap_err();
        assert!(matches!(error, Error::Closed { sent: found } if found == sent), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn responses_without_a_body() {
    let head = |status: &str| out(&format!("Status: {status}\nContent-Length: 4\n\n"));
    for (method, status) in [(Method::HEAD, "200"), (Method::GET, "204"), (Method::GET, "304")] {
        let all = [head(status), out("body"), done()].concat();
        let outcome = answered(method.clone(), keep(), &[&all]).await;
        assert_eq!((outcome.text().1, outcome.error.clone(), outcome.kept), ("", None, true), "{status}");
        assert_eq!(outcome.status.to_string(), status);
        assert!(outcome.fields.contains(&("content-length".into(), "4".into())));
        // What is not over yet ends with its connection.
        let outcome = answered(method.clone(), keep(), &[&head(status)]).await;
        assert_eq!((outcome.text().1, outcome.error.clone(), outcome.kept), ("", None, false), "{status}");
        let refused = [head(status), ended(1)].concat();
        assert!(!answered(method, keep(), &[&refused]).await.kept);
    }
}

/// What is heard of these records, and what comes of them.
async fn heard(catch: &[&'static str], records: &[Vec<u8>]) -> (Vec<String>, Outcome) {
    let (io, mut app) = duplex(1 << 16);
    app.write_all(&records.concat()).await.unwrap();
    app.shutdown().await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let to = heard.clone();
    let mut request = Request::new(Empty::<Bytes>::new());
    let hears = move |text: &[u8]| to.lock().unwrap().push(String::from_utf8_lossy(text).into_owned());
    request.extensions_mut().insert(Stderr::new(hears));
    let config = Config::new().keep_conn(true).catch_stderr(catch.iter().copied());
    let outcome = within(fetch(io, request, config)).await;
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    (heard, outcome)
}

#[tokio::test(start_paused = true)]
async fn stderr_is_heard_and_caught() {
    let response = || [out(HEAD), out("body")].concat();
    let (said, outcome) =
        heard(&["Fatal"], &[err("PHP Warning: "), err("a\n"), response(), err("late\n"), done()]).await;
    assert_eq!(said, ["PHP Warning: a", "late"]);
    assert_eq!(outcome.text(), (200, "body", None, true));

    let (said, outcome) = heard(&["no", "Fatal"], &[err("PHP Fa"), err("tal\n"), response(), done()]).await;
    let error = "upstream said on stderr what is to be caught while reading response header from upstream";
    assert_eq!((said.concat(), outcome.text()), ("PHP Fatal".into(), (0, "", Some(error), false)));

    // Once the head has gone out it is too late.
    let (said, outcome) = heard(&["Fatal"], &[response(), err("Fatal"), done()]).await;
    assert_eq!((said.concat(), outcome.text()), ("Fatal".into(), (200, "body", None, true)));
    // A connection that ends is heard out.
    assert_eq!(heard(&[], &[err("dying")]).await.0, ["dying"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_comes_back_when_all_is_in_order() {
    let good = [out(HEAD), done()].concat();
    assert!(get(&good).await.kept);
    assert!(!answered(Method::GET, Config::new(), &[&good]).await.kept, "it was not asked for");
    for behind in [&b"x"[..], &out("more"), &ended(0)] {
        let outcome = get(&[&good, behind].concat()).await;
        assert_eq!((outcome.error, outcome.kept), (None, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_carries_the_next_request() {
    let (io, app) = duplex(4096);
    let (pool, config) = (Pool::default(), Arc::new(Config::new().keep_conn(true)));
    let app = async {
        let mut app = App(app);
        for turn in 0..3_u8 {
            assert_eq!(app.request().await, [turn; 3]);
            app.say([out(HEAD), record(OUT, &[turn; 5], 3), done()].concat()).await;
        }
        app
    };
    let client = async {
        let mut connection = Connection::new(io);
        for turn in 0..3_u8 {
            let request = Request::new(Full::new(Bytes::from(vec![turn; 3])));
            let response = send(connection, request, config.clone(), pool.clone()).await.unwrap();
            assert!(pool.0.lock().unwrap().is_none(), "it is with the body");
            let mut outcome = Outcome::default();
            read(response.into_body(), &mut outcome).await;
            assert_eq!((outcome.body, outcome.error), (vec![turn; 5], None));
            connection = pool.0.lock().unwrap().take().unwrap();
        }
        connection
    };
    let (app, mut connection) = within(async { tokio::join!(app, client) }).await;
    let counters = connection.counters();
    assert!(counters.sent() == 3 * (16 + 8 + 8 + 3 + 8) && counters.received() > 100, "{counters:?}");
    let mut idle = || connection.poll_idle(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(idle().is_pending());
    drop(app);
    assert!(idle().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_fails_never_looks_complete() {
    for answers in [false, true] {
        let (io, app) = duplex(if answers { 64 } else { 1 << 16 });
        let (tell, told) = tokio::sync::oneshot::channel();
        let steps = [Step::Data(vec![b'x'; 100].into()), Step::Wait(told), Step::Fail];
        let request = Request::new(script(steps));
        let app = async {
            let mut app = App(app);
            app.head().await;
            if answers {
                app.say(out("X: y\n\npart")).await;
                for _ in 0..10 {
                    tokio::task::yield_now().await; // the client has read it by then
                }
            }
            tell.send(()).unwrap();
            assert!(!app.stdin().await.1, "its end was sent");
        };
        let (outcome, ()) = within(async { tokio::join!(fetch(io, request, Config::new()), app) }).await;
        assert_eq!(outcome.error.as_deref(), Some("request body failed while sending request to upstream"));
        assert_eq!(outcome.status, if answers { 200 } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_closes() {
    for answered in [false, true] {
        let (io, app) = duplex(1 << 16);
        let mut app = App(app);
        let body = script([Step::Data("x".into()), Step::Stall]);
        let mut sending = send(Connection::new(io), Request::new(body), Arc::default(), Pool::default());
        let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx))).await;
        assert!(polled.is_pending());
        app.head().await;
        if answered {
            app.say([out(HEAD), out("part")].concat()).await;
            let mut body = within(sending).await.unwrap().into_body();
            assert!(!body.is_end_stream());
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "part");
            drop(body);
        } else {
            drop(sending);
        }
        assert_eq!(within(app.stdin()).await, (vec![b"x".to_vec()], false));
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_response(
        pieces in prop::collection::vec((prop::bool::weighted(0.8), prop::collection::vec(any::<u8>(), 1..40), any::<u8>()), 0..12),
        length in prop::option::of(0_usize..200),
        end in 0..4_u8,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let field = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
        let mut bytes = [out("Status: 202\r\nX-Y: z\r\n"), out(&format!("{field}\r\n"))].concat();
        for (stdout, content, padding) in pieces {
            bytes.extend(record(if stdout { OUT } else { ERR }, &content, padding));
        }
        bytes.extend(match end {
            0 => Vec::new(),
            1 => ended(3),
            _ => done(),
        });
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let split: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let whole = runtime.block_on(answered(Method::GET, keep(), &[&bytes]));
        let parts = runtime.block_on(answered(Method::GET, keep(), &split));
        prop_assert_eq!(whole.status, 202);
        prop_assert_eq!(whole.error.is_none(), end >= 2 && length.is_none_or(|length| whole.body.len() == length));
        prop_assert_eq!(whole, parts);
    }
}
